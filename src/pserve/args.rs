//! The command line, as typed.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::{Parser, ValueEnum};

use super::chaos::Rules;
use super::config::Duplicates;
use super::store::open::Db;
use crate::cli::files::Files;
use crate::cli::values::{Rate, seed};
use crate::cli::{CommandLine, Help};

/// A server to try event ingestion on: PulseStream's API over a database.
///
/// It receives events over HTTP, checks them, stores each event_id once and finds them again. It answers 200 only once the
/// event is on disk. It writes one line to standard output: its URL, once it is ready.
#[derive(Debug, Parser)]
#[command(name = "pserve", version)]
pub(super) struct Args {
    /// Address to listen on
    ///
    /// Port 0 picks a free port.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8000")]
    pub(super) listen: String,

    /// Listen on this Unix socket as well
    ///
    /// A socket that a server left behind is replaced.
    #[arg(long, value_name = "FILE")]
    pub(super) unix_socket: Option<PathBuf>,

    /// SQLite file or postgres:// URL
    ///
    /// A file is created if it does not exist, and so are the tables in PostgreSQL, such as of postgres://user@host/database. PGPASSWORD
    /// may have its password. With memory: the events are kept in memory, until the server stops.
    #[arg(long, value_name = "FILE|URL", default_value = "pserve.db")]
    pub(super) db: OsString,

    /// Write the stored events to standard output and exit
    ///
    /// JSON Lines, for pstats --stored. Another pserve may be running on the database.
    #[arg(long, conflicts_with = "reset")]
    pub(super) export: bool,

    /// With --export: only the events of this tenant
    #[arg(long, value_name = "NAME", requires = "export")]
    pub(super) tenant: Option<String>,

    /// Remove all events from the database and exit
    ///
    /// Asks first.
    #[arg(long)]
    pub(super) reset: bool,

    /// With --reset: do not ask
    #[arg(long, requires = "reset")]
    pub(super) yes: bool,

    /// Serve only while this command runs
    ///
    /// Runs COMMAND with `sh -c`. Its environment has PULSE_URL and a PULSE_API_KEY that is accepted. The exit status is the
    /// command's.
    #[arg(long, value_name = "COMMAND")]
    pub(super) exec: Option<OsString>,

    /// Accept only this key. Other users can see it in the process list: prefer --api-key-file or PULSE_API_KEY
    #[arg(long, value_name = "KEY", group = "key", hide_default_value = true)]
    pub(super) api_key: Option<String>,

    /// Accept only the key in FILE
    #[arg(long, value_name = "FILE", group = "key")]
    pub(super) api_key_file: Option<PathBuf>,

    /// Accept the keys in FILE, one per line
    ///
    /// A line is the key, the tenant whose events it reads and writes, and, if the key has its own rate, the rate. sha256:HEX may stand
    /// for a key.
    #[arg(long, value_name = "FILE", group = "key")]
    pub(super) keys: Option<PathBuf>,

    /// Status for a duplicate: 200 or 409
    #[arg(long, value_name = "STATUS", default_value = "200")]
    pub(super) duplicates: Duplicates,

    /// Most events per tenant and time: 300/1m
    ///
    /// Further events in the same window of time are answered 429. A key with its own rate is not bound by it.
    #[arg(long, value_name = "RATE")]
    pub(super) rate_limit: Option<Rate>,

    /// Write each request to FILE, for pstats
    ///
    /// JSON Lines, in the form of events. Lines are added to a file that exists.
    #[arg(long, value_name = "FILE")]
    pub(super) access_log: Option<PathBuf>,

    /// Inject faults on purpose: error=503:5%
    ///
    /// Rules separated by commas: latency=50ms±20ms, latency=lognormal:20ms,p99=400ms, error=503:5%, reset=1%, stall=0.1%:10s,
    /// truncate=1%, drop-after-commit=1%, lose=0.1%, duplicate=1%. window=30s..60s (since the server's start) and
    /// where=service=NAME limit the rules of the same flag, or alone those of all.
    #[arg(long, value_name = "RULE,…")]
    pub(super) chaos: Vec<Rules>,

    /// Write what --chaos did to which event to FILE
    ///
    /// JSON Lines, for pstats --chaos-truth.
    #[arg(long, value_name = "FILE", requires = "chaos")]
    pub(super) chaos_truth: Option<PathBuf>,

    /// Repeat the draws of --chaos
    ///
    /// The same seed strikes the same events, in whatever order they come.
    #[arg(long, value_name = "N", value_parser = seed)]
    pub(super) seed: Option<u64>,

    /// Serve the HTML page in FILE at /report
    ///
    /// Such as a report of pstats. FILE is read at each request, which needs no key.
    #[arg(long, value_name = "FILE")]
    pub(super) page: Option<PathBuf>,

    /// Write only errors to standard error
    #[arg(short, long)]
    pub(super) quiet: bool,
}

impl CommandLine for Args {
    const HELP: Help = Help {
        examples: "  \
  pserve
  pserve --listen 127.0.0.1:0 --db run.db
  pserve --listen 127.0.0.1:0 --db run.db --exec 'psend events.jsonl | pstats'
  pserve --listen 0.0.0.0:8000 --keys keys.txt --rate-limit 300/1m
  pserve --chaos error=503:5% --chaos reset=1% --chaos-truth chaos.jsonl",
        everyday: &[
            "listen",
            "db",
            "exec",
            "api-key-file",
            "keys",
            "duplicates",
            "rate-limit",
            "access-log",
            "chaos",
            "chaos-truth",
            "export",
            "reset",
            "quiet",
        ],
        exit_status: "\
Exit status: 130 after Ctrl-C, 143 after SIGTERM, the command's own with --exec,
1 if the job could not be finished, 2 for wrong usage.",
    };

    fn files(&self) -> Files {
        Files::default()
            .reads("--api-key-file", &self.api_key_file)
            .reads("--keys", &self.keys)
            .reads("--page", &self.page)
            .output(None)
            .writes("--db", Db::file(&self.db))
            .writes("--access-log", &self.access_log)
            .writes("--unix-socket", &self.unix_socket)
            .writes("--chaos-truth", &self.chaos_truth)
    }
}

impl ValueEnum for Duplicates {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Idempotent, Self::Conflict]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let (status, help) = match self {
            Self::Idempotent => ("200", "As if it had been stored now; the message says otherwise"),
            Self::Conflict => ("409", "As a conflict"),
        };
        Some(PossibleValue::new(status).help(help))
    }
}
