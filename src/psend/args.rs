//! The command line of psend, as typed. What it comes to is said in `resolve`.

use std::ffi::{OsStr, OsString};
use std::ops::RangeInclusive;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use super::target::Route;
use crate::cli::CommandLine;
use crate::cli::files::{Files, is_stdout};
use crate::cli::values::{self, ByteSize, Count, Probability, Rate, Shard, Span};
use crate::record::event::FieldMap;

/// Deliver events over HTTP, and write one outcome for each
///
/// Reads JSON objects, one a line, sends each as it stands, and writes a line of JSON for each that says what became of
/// it. Where standard output is a terminal only the summary is shown; give -o or a pipe for the outcomes.
#[derive(Debug, Parser)]
#[command(name = "psend", version, after_help = AFTER_HELP)]
pub struct Args {
    /// Files of events; standard input without one, or where it is -
    pub(super) files: Vec<PathBuf>,

    /// Where events go; a path in it stands before every path [default: PULSE_URL, or http://localhost:8000]
    #[arg(long, value_name = "URL", help_heading = "Target")]
    pub(super) url: Option<String>,
    /// The API key; better in PULSE_API_KEY or a file, where no process list shows it
    #[arg(long, value_name = "KEY", help_heading = "Target")]
    pub(super) api_key: Option<String>,
    /// A file whose one line is the API key
    #[arg(long, value_name = "FILE", conflicts_with = "api_key", help_heading = "Target")]
    pub(super) api_key_file: Option<PathBuf>,
    /// The API's dialect: pulsestream, plain, or a TOML file
    #[arg(long, value_name = "NAME|FILE.toml", default_value = "pulsestream", help_heading = "Target")]
    pub(super) dialect: PathBuf,
    /// Print the dialect, to start one's own from, and do nothing else
    #[arg(long, help_heading = "Target")]
    pub(super) print_dialect: bool,

    /// A header to send: 'Name: value', or @FILE with one a line, which no process list shows (may be repeated)
    #[arg(short = 'H', long, value_name = "HEADER|@FILE", help_heading = "Target")]
    pub(super) header: Vec<OsString>,
    /// Speak HTTP/2
    #[arg(long, help_heading = "Target")]
    pub(super) http2: bool,
    /// Close each connection after one request
    #[arg(long, conflicts_with = "http2", help_heading = "Target")]
    pub(super) no_keepalive: bool,
    /// Requests that a connection carries at most
    #[arg(long, value_name = "N", value_parser = values::whole::<u64>(1..=1_000_000_000), conflicts_with_all = ["http2", "no_keepalive"], help_heading = "Target")]
    pub(super) keepalive_requests: Option<u64>,
    /// How old a connection may be when it gets another request
    #[arg(long, value_name = "TIME", conflicts_with_all = ["http2", "no_keepalive"], help_heading = "Target")]
    pub(super) keepalive_time: Option<Span>,
    /// Compress bodies
    #[arg(long, help_heading = "Target")]
    pub(super) gzip: bool,
    /// Trust the certificates in this file (PEM) instead of the system's
    #[arg(long, value_name = "FILE", help_heading = "Target")]
    pub(super) cacert: Option<PathBuf>,
    /// Show this certificate (PEM) to the server
    #[arg(long, value_name = "FILE", requires = "key", help_heading = "Target")]
    pub(super) cert: Option<PathBuf>,
    /// The private key (PEM) of --cert
    #[arg(long, value_name = "FILE", requires = "cert", help_heading = "Target")]
    pub(super) key: Option<PathBuf>,
    /// Take any certificate (dangerous)
    #[arg(long, conflicts_with = "cacert", help_heading = "Target")]
    pub(super) insecure: bool,
    /// Connect through this socket instead of over the network
    #[arg(long, value_name = "PATH", conflicts_with = "connect_to", help_heading = "Target")]
    pub(super) unix_socket: Option<PathBuf>,
    /// Connect to this host and port, whatever the URL names
    #[arg(long, value_name = "HOST:PORT", value_parser = Route::parse, help_heading = "Target")]
    pub(super) connect_to: Option<Route>,

    /// Many requests at a time, or one after the other
    #[arg(long, value_enum, default_value_t = Mode::Concurrent, help_heading = "Pace")]
    pub(super) mode: Mode,
    /// Requests in flight at most [default: 10, or 1000 with --rate, --stages or --replay]
    #[arg(short, long, value_name = "N", value_parser = values::whole::<usize>(1..=100_000), help_heading = "Pace")]
    pub(super) concurrency: Option<usize>,
    /// Pause of each sender between two events: milliseconds, or with a unit
    #[arg(long, value_name = "MS", default_value = "0", value_parser = milliseconds, help_heading = "Pace")]
    pub(super) delay: Duration,
    /// Read at most so many events
    #[arg(long, value_name = "N", help_heading = "Pace")]
    pub(super) limit: Option<Count>,
    /// Send at this rate, however slow the server is: 500, 500/s, 300/1m (open loop)
    #[arg(short, long, value_name = "RATE", group = "open", help_heading = "Pace")]
    pub(super) rate: Option<Rate>,
    /// Ramp from one rate to the next, beginning with none: 30s:100,5m:1000,30s:0 (open loop)
    #[arg(long, value_name = "TIME:RATE,…", group = "open", help_heading = "Pace")]
    pub(super) stages: Option<Stages>,
    /// Send when the events' own timestamps say, so many times as fast: 1x, 60x (open loop)
    #[arg(long, value_name = "SPEED", group = "open", value_parser = speed, help_heading = "Pace")]
    pub(super) replay: Option<f64>,
    /// The longest wait between two events of --replay; longer gaps are shortened to it, and told
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = values::span_above_zero, requires = "replay", help_heading = "Pace")]
    pub(super) max_gap: Span,
    /// How events spread around --rate or --stages [default: constant]
    #[arg(long, value_enum, value_name = "SPREAD", help_heading = "Pace")]
    pub(super) arrival: Option<ArrivalWord>,
    /// Send up to so many events in a request, to the batch endpoint
    #[arg(long, value_name = "N", value_parser = values::whole::<u64>(1..=1000), help_heading = "Pace")]
    pub(super) batch: Option<u64>,
    /// How long to wait for a batch to fill
    #[arg(long, value_name = "TIME", default_value = "50ms", requires = "batch", help_heading = "Pace")]
    pub(super) batch_wait: Span,
    /// The largest batch
    #[arg(long, value_name = "SIZE", default_value = "5MiB", value_parser = values::size_above_zero, requires = "batch", help_heading = "Pace")]
    pub(super) batch_bytes: ByteSize,
    /// Take up events for so long, as if the input ended then
    #[arg(short, long, value_name = "TIME", value_parser = values::span_above_zero, help_heading = "Pace")]
    pub(super) duration: Option<Span>,
    /// This run is part I of N: --rate and --stages are divided by N, and outcomes carry the mark
    #[arg(long, value_name = "I/N", help_heading = "Pace")]
    pub(super) shard: Option<Shard>,

    /// How long one request may take
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = values::span_above_zero, help_heading = "Delivery")]
    pub(super) timeout: Span,
    /// How long making a connection may take, but no longer than --timeout
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = values::span_above_zero, help_heading = "Delivery")]
    pub(super) connect_timeout: Span,
    /// How often an event is sent again after an error that may pass
    #[arg(long, value_name = "N", default_value = "5", value_parser = values::whole::<u32>(0..=1_000_000), help_heading = "Delivery")]
    pub(super) retries: u32,
    /// The longest wait before the first retry; it doubles with each
    #[arg(long, value_name = "TIME", default_value = "100ms", help_heading = "Delivery")]
    pub(super) retry_base: Span,
    /// The longest wait before any retry
    #[arg(long, value_name = "TIME", default_value = "30s", help_heading = "Delivery")]
    pub(super) retry_cap: Span,
    /// The longest Retry-After that is obeyed
    #[arg(long, value_name = "TIME", default_value = "5m", help_heading = "Delivery")]
    pub(super) retry_after_max: Span,
    /// Retries as a share of requests, beside ten a second; more are delayed
    #[arg(long, value_name = "SHARE", default_value = "20%", help_heading = "Delivery")]
    pub(super) retry_budget: Probability,
    /// How long a server that refuses connections is waited for
    #[arg(long, value_name = "TIME", default_value = "60s", help_heading = "Delivery")]
    pub(super) wait_for_server: Span,
    /// Keep the line of each event that did not end accepted or duplicate, ready to be sent again
    #[arg(long, value_name = "FILE", help_heading = "Delivery")]
    pub(super) dead_letter: Option<PathBuf>,
    /// Note on disk what is done, so that --resume can go on after a crash
    #[arg(long, value_name = "FILE", help_heading = "Delivery")]
    pub(super) journal: Option<PathBuf>,
    /// Send only what the journal does not tell of; an outcome may stand twice then, none is lost
    #[arg(long, requires = "journal", help_heading = "Delivery")]
    pub(super) resume: bool,
    /// How long requests in flight may take after Ctrl-C
    #[arg(long, value_name = "TIME", default_value = "10s", help_heading = "Delivery")]
    pub(super) grace: Span,

    /// Send nothing: ask the server for each event by its id, and say whether it is present, missing or differs
    #[arg(long, conflicts_with_all = ["batch", "send_malformed", "gzip"], help_heading = "Events")]
    pub(super) verify: bool,
    /// The path to ask at, with {id} in it
    #[arg(long, value_name = "PATH", requires = "verify", help_heading = "Events")]
    pub(super) id_path: Option<String>,
    /// Where an event has its id, timestamp, service and endpoint: id=uuid,timestamp=ts.
    /// In a path a.b finds b inside a, or a key spelt "a.b"; a.0 the first element of an array; a\.b only the key "a.b"
    #[arg(long, value_name = "ROLE=PATH,…", help_heading = "Events")]
    pub(super) fields: Option<FieldMap>,
    /// Copy a field of the event into its outcome: region=context.tags.region, a path as in --fields (may be repeated)
    #[arg(long, value_name = "NAME=PATH", value_parser = tag, help_heading = "Events")]
    pub(super) tag: Vec<(String, String)>,
    /// Send lines that are no JSON objects, too, as they are
    #[arg(long, conflicts_with = "batch", help_heading = "Events")]
    pub(super) send_malformed: bool,
    /// The longest line that is sent
    #[arg(long, value_name = "SIZE", default_value = "1MiB", value_parser = values::size_above_zero, help_heading = "Events")]
    pub(super) max_line: ByteSize,

    /// Write outcomes to a file
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub(super) output: Option<PathBuf>,
    /// Show neither progress nor summary
    #[arg(short, long, help_heading = "Output")]
    pub(super) quiet: bool,
    /// How often to tell of progress where stderr is no terminal
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = values::span_above_zero, help_heading = "Output")]
    pub(super) every: Span,
}

/// Whether a dialect is a file, rather than the name of one of ours.
pub(super) fn is_file(dialect: &Path) -> bool {
    dialect.extension().is_some_and(|ending| ending == "toml") || dialect.as_os_str().as_bytes().contains(&b'/')
}

/// The file of headers that `-H @FILE` names.
pub(super) fn header_file(header: &OsStr) -> Option<&Path> {
    header.as_bytes().strip_prefix(b"@").map(|file| Path::new(OsStr::from_bytes(file)))
}

impl CommandLine for Args {
    fn files(&self) -> Files {
        // What names standard output is refused later, with the reason.
        let file = |path: &Option<PathBuf>| path.clone().filter(|path| !is_stdout(path));
        let inputs = if self.print_dialect { Files::default() } else { Files::default().inputs(&self.files) };
        inputs
            .reads("--api-key-file", &self.api_key_file)
            .reads("--dialect", Some(&self.dialect).filter(|dialect| is_file(dialect)))
            .reads("--header", self.header.iter().filter_map(|header| header_file(header)))
            .reads("--cacert", &self.cacert)
            .reads("--cert", &self.cert)
            .reads("--key", &self.key)
            .output(self.output.as_deref())
            .writes("--dead-letter", file(&self.dead_letter))
            .writes("--journal", file(&self.journal))
    }
}

const AFTER_HELP: &str = "\
Examples:
  psend events.jsonl                                to http://localhost:8000, ten at a time
  pgen -n 100k | psend -c 100 | pstats              send, and report on what became of it
  psend events.jsonl --mode sequential --delay 100  one after the other, ten a second
  pgen -n 1m | psend --rate 5k --duration 1m > outcomes.jsonl
  psend --verify events.jsonl | pstats --require 'present = 100%'
  psend events.jsonl --url https://host --api-key-file key.txt -o outcomes.jsonl

Environment: PULSE_URL, PULSE_API_KEY, PULSE_ALLOW_HOSTS (the only hosts that may be sent to).
Exit status: 0 every event has its outcome, 1 the job could not be finished, 2 wrong usage, 130 Ctrl-C.";

/// The words of `--mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Many at a time.
    Concurrent,
    /// One after the other.
    Sequential,
}

/// The words of `--arrival`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ArrivalWord {
    /// Evenly.
    Constant,
    /// As a Poisson process.
    Poisson,
}

/// `30s:100,5m:1000,30s:0`
#[derive(Debug, Clone, PartialEq)]
pub struct Stages(pub Vec<(Duration, f64)>);

impl FromStr for Stages {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || "expected stages TIME:RATE, such as 30s:100,5m:1000,30s:0".to_owned();
        let stage = |part: &str| {
            let (time, rate) = part.trim().split_once(':').ok_or_else(form)?;
            // A stage may end in silence, unlike a --rate.
            let rate = if rate.trim() == "0" { 0.0 } else { rate.parse::<Rate>().map_err(|_| form())?.per_second() };
            Ok((time.parse::<Span>().map_err(|_| form())?.0, rate))
        };
        text.split(',').map(stage).collect::<Result<_, _>>().map(Self)
    }
}

fn speed(text: &str) -> Result<f64, String> {
    // Beyond these, the gaps between events are no durations.
    const SPEEDS: RangeInclusive<f64> = 1e-6..=1e6;
    let digits = text.strip_suffix(['x', 'X']).unwrap_or(text);
    let speed = values::decimal(digits).filter(|speed| SPEEDS.contains(speed));
    speed.ok_or_else(|| "expected a speed from 0.000001x to 1000000x, such as 1x or 60x (an hour a minute)".to_owned())
}

fn milliseconds(text: &str) -> Result<Duration, String> {
    let has_unit = !text.bytes().all(|b| b.is_ascii_digit());
    let span = if has_unit { text.parse::<Span>() } else { format!("{text}ms").parse::<Span>() };
    span.map(|span| span.0).map_err(|_| {
        "expected a number of milliseconds, such as 100, or a duration such as 1s, at most 36500d".to_owned()
    })
}

fn tag(text: &str) -> Result<(String, String), String> {
    let (name, path) = text.split_once('=').unwrap_or((text, text));
    if name.is_empty() || name.starts_with('-') || path.is_empty() {
        return Err("expected NAME=PATH, such as region=context.tags.region".to_owned());
    }
    Ok((name.to_owned(), path.to_owned()))
}
