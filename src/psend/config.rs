//! What a run is to do, resolved: nothing in here means "default later", and nothing knows the command line.

use std::path::PathBuf;
use std::time::Duration;

use hyper::header::{HeaderMap, HeaderName};
use hyper::{Method, Uri};

use super::dialect::Dialect;
use super::retry;
use super::secret::Secrets;
use super::target::Target;
use crate::record::event::FieldMap;

/// A run of psend.
#[derive(Debug, Clone)]
pub struct Config {
    /// Input files; standard input where there is none.
    pub files: Vec<PathBuf>,
    /// Where outcomes go; standard output where there is none.
    pub output: Option<PathBuf>,
    /// Whether summary and progress are left out.
    pub quiet: bool,
    /// How often a line tells of progress where stderr is no terminal.
    pub every: Duration,
    /// The longest line that is sent, in bytes.
    pub max_line: usize,
    /// How many lines are read at most.
    pub limit: Option<u64>,
    /// Which field says what.
    pub fields: FieldMap,
    /// Where events go.
    pub target: Target,
    /// `concurrent` or `sequential`.
    pub mode: &'static str,
    /// How many senders there are.
    pub concurrency: usize,
    /// How long making a connection may take.
    pub connect_timeout: Duration,
    /// How long requests in flight may take after a signal.
    pub grace: Duration,
    /// Where the key came from, in words.
    pub key_source: String,
    /// What the senders go by.
    pub plan: Plan,
}

/// What the senders go by.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How answers are read.
    pub dialect: Dialect,
    /// The requests' method.
    pub method: Method,
    /// The requests' path.
    pub uri: Uri,
    /// The requests' headers, the key among them.
    pub headers: HeaderMap,
    /// Headers that carry the event's id: the name, and what stands before and behind it.
    pub id_headers: Vec<(HeaderName, String, String)>,
    /// How long a request may take.
    pub timeout: Duration,
    /// The pause of a sender between two events.
    pub delay: Duration,
    /// When an event is sent again.
    pub retry: retry::Policy,
    /// Retries for each request, at most; ten a second are always allowed.
    pub retry_budget: f64,
    /// How long a server may refuse connections before the run ends.
    pub wait_for_server: Duration,
    /// Fields that outcomes carry: name and dotted path.
    pub tags: Vec<(String, String)>,
    /// `3/8`, where it is one of several runs.
    pub shard: Option<String>,
    /// What no message may show.
    pub secrets: Secrets,
}
