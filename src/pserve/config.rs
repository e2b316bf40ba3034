//! What to serve, and how, resolved. It does not know the command line.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::chaos::Rules;
use super::keys::Keys;
use super::limit::Allowance;
use super::store::open::Db;

/// What pserve is asked for.
#[derive(Debug)]
pub(super) enum Job {
    /// To serve.
    Serve(Box<Config>),
    /// To write out what a database holds, of one tenant or of all.
    Export { db: Db, tenant: Option<String> },
    /// To empty a database, without asking if `is_sure`.
    Reset { db: Db, is_sure: bool, quiet: bool },
}

/// What to serve, and how.
#[derive(Debug)]
pub(super) struct Config {
    /// The addresses to try, in order.
    pub(super) listen: Vec<SocketAddr>,
    /// A Unix socket to listen on as well.
    pub(super) unix_socket: Option<PathBuf>,
    /// The database.
    pub(super) db: Db,
    /// Until when to serve.
    pub(super) until: Until,
    /// The keys to accept.
    pub(super) keys: Keys,
    /// The answer to a duplicate.
    pub(super) duplicates: Duplicates,
    /// The rate of each tenant. `None` accepts any number of events.
    pub(super) rate: Option<Allowance>,
    /// Where to write down each request.
    pub(super) access_log: Option<PathBuf>,
    /// Faults on purpose.
    pub(super) chaos: Option<ChaosConfig>,
    /// The page at `/report`, if there is one.
    pub(super) page: Option<PathBuf>,
    /// Whether to write only errors to stderr.
    pub(super) quiet: bool,
}

/// Faults on purpose.
#[derive(Debug)]
pub(super) struct ChaosConfig {
    /// What each `--chaos` gave; at least one.
    pub(super) rules: Vec<Rules>,
    /// The seed of all draws.
    pub(super) seed: u64,
    /// Whether the seed was drawn and is to be told.
    pub(super) is_drawn: bool,
    /// Where to write down what was done.
    pub(super) truth: Option<PathBuf>,
}

/// When the server stops.
#[derive(Debug)]
pub(super) enum Until {
    /// At a signal.
    Signal,
    /// When this command ends. It gets the key in its environment.
    Exit { command: OsString, key: String },
}

/// The answer to an event whose id is already stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Duplicates {
    /// 200, as if it had been stored now. The message says otherwise.
    Idempotent,
    /// 409.
    Conflict,
}
