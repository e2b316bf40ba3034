//! pserve's command line: as typed, and as resolved.

use std::ffi::OsString;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use super::keys::{Keys, TEST_KEY};
use super::limit::Limiter;
use crate::cli::CommandLine;
use crate::cli::files::Files;
use crate::cli::input;
use crate::cli::key_file::key_in;
use crate::cli::values::{Rate, Span};
use crate::error::{Error, Result};

/// An event ingestion server to try it all on: PulseStream's API over SQLite.
///
/// Takes events over HTTP, checks them, keeps each event_id once, and finds them again. It answers 200 only once an event is
/// on disk. Its one line on standard output is its URL, once it is ready.
#[derive(Debug, Parser)]
#[command(name = "pserve", version)]
pub struct Args {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8000")]
    listen: String,

    /// The SQLite file that holds the events, made where it is missing
    #[arg(long, value_name = "FILE", default_value = "pserve.db")]
    db: PathBuf,

    /// Run this command by `sh -c` with PULSE_URL and a PULSE_API_KEY that is let in, then stop and return its status
    #[arg(long, value_name = "COMMAND")]
    exec: Option<OsString>,

    /// The one key to let in. Others can see it in the list of processes: better --api-key-file or PULSE_API_KEY
    #[arg(long, value_name = "KEY", group = "key", hide_default_value = true)]
    api_key: Option<String>,

    /// A file that holds the one key to let in
    #[arg(long, value_name = "FILE", group = "key")]
    api_key_file: Option<PathBuf>,

    /// A file of keys, a line each: the key, a space, the tenant whose events it reads and writes
    #[arg(long, value_name = "FILE", group = "key")]
    keys: Option<PathBuf>,

    /// The status for an event that is there already
    #[arg(long, value_name = "STATUS", default_value = "200")]
    duplicates: Duplicates,

    /// At most this many events from each tenant, such as 300/1m; the rest is answered 429
    #[arg(long, value_name = "RATE")]
    rate_limit: Option<Rate>,

    /// Say nothing on standard error but errors
    #[arg(short, long)]
    quiet: bool,
}

/// How an event is answered whose id is in the store already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Duplicates {
    /// As if it had been stored now, with a message that says otherwise.
    #[value(name = "200")]
    Idempotent,
    /// As a conflict.
    #[value(name = "409")]
    Conflict,
}

/// What to serve, and how.
#[derive(Debug)]
pub struct Config {
    /// The addresses to try, in order.
    pub listen: Vec<SocketAddr>,
    /// The database's file.
    pub db: PathBuf,
    /// The command to run meanwhile.
    pub exec: Option<OsString>,
    /// The key that the command gets.
    pub exec_key: String,
    /// Who is let in.
    pub keys: Keys,
    /// The answer to a duplicate.
    pub duplicates: Duplicates,
    /// The limit, if there is one.
    pub limiter: Option<Limiter>,
    /// Whether to leave out what is no error.
    pub quiet: bool,
}

impl CommandLine for Args {
    fn files(&self) -> Files {
        Files::default()
            .reads("--api-key-file", &self.api_key_file)
            .reads("--keys", &self.keys)
            .output(None)
            .writes("--db", Some(&self.db))
    }
}

impl Args {
    /// Resolves what was typed, given the key that stands in the environment.
    ///
    /// # Errors
    /// Where a value makes no sense, or a file that it names cannot be read.
    pub fn resolve(self, environment_key: Option<OsString>) -> Result<Config> {
        let environment_key = environment_key.map(OsString::into_string).transpose();
        let environment_key = environment_key.map_err(|_| Error::usage("PULSE_API_KEY: the key is not valid UTF-8"))?;
        let listen = addresses(&self.listen)?;
        let keys = if let Some(file) = &self.keys {
            Keys::parse(&input::named_text("--keys", file)?)
                .map_err(|e| Error::usage(format!("--keys {}: {e}", file.display())))?
        } else if let Some(file) = &self.api_key_file {
            let text = input::named_text("--api-key-file", file)?;
            let key = key_in(&text).map_err(|e| format!("{e}; many are for --keys")).and_then(Keys::single);
            key.map_err(|e| Error::usage(format!("--api-key-file {}: {e}", file.display())))?
        } else if let Some(key) = &self.api_key {
            Keys::single(key).map_err(|e| Error::usage(format!("--api-key: {e}")))?
        } else if let Some(key) = &environment_key {
            Keys::single(key).map_err(|e| Error::usage(format!("PULSE_API_KEY: {e}")))?
        } else if listen.iter().all(|address| address.ip().is_loopback()) {
            Keys::single(TEST_KEY).map_err(Error::usage)?
        } else {
            return Err(Error::usage(format!(
                "--listen {}: others can reach this address, and without a key of its own pserve would let in the guide's \
                 test key: give --api-key-file, --keys or PULSE_API_KEY",
                self.listen
            )));
        };
        if self.db.as_os_str() == ":memory:" {
            return Err(Error::usage("--db :memory:: what is answered 200 must last: name a file"));
        }
        let limiter = self.rate_limit.map(limiter).transpose()?;
        Ok(Config {
            listen,
            db: self.db,
            exec: self.exec,
            exec_key: keys.for_client(environment_key.as_deref()).to_owned(),
            keys,
            duplicates: self.duplicates,
            limiter,
            quiet: self.quiet,
        })
    }
}

fn addresses(listen: &str) -> Result<Vec<SocketAddr>> {
    let wanted = |why: &dyn std::fmt::Display| {
        Error::usage(format!("--listen {listen}: {why}; expected a host and a port, such as 127.0.0.1:8000"))
    };
    let found: Vec<_> = listen.to_socket_addrs().map_err(|e| wanted(&e))?.collect();
    if found.is_empty() { Err(wanted(&"no such host")) } else { Ok(found) }
}

fn limiter(rate: Rate) -> Result<Limiter> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // checked to be whole and above 0
    match rate.events() {
        events if events.fract() == 0.0 => Ok(Limiter::new(events as u64, Span(rate.per()).micros())),
        _ => Err(Error::usage(format!("--rate-limit {rate}: expected a whole number of events, such as 300/1m"))),
    }
}
