//! What a run is to do, resolved: nothing in here means "default later", and nothing knows the command line.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::{HeaderMap, HeaderName};
use hyper::{Method, Uri};

use super::dialect::{BatchForm, Dialect};
use super::pacing::{Arrival, Curve, Replay, Schedule};
use super::retry;
use super::secret::Secrets;
use super::target::{Route, Target};
use super::transport::http1::KeepAlive;
use super::transport::proxy::Proxy;
use super::transport::tls::Trust;
use crate::record::event::FieldMap;
use crate::seed::Generator;

/// A run of psend.
#[derive(Debug, Clone)]
pub struct Config {
    /// Input files; standard input where there is none.
    pub files: Vec<PathBuf>,
    /// Where outcomes go; standard output where there is none.
    pub output: Option<PathBuf>,
    /// Where events go that did not get through.
    pub dead_letter: Option<PathBuf>,
    /// Where it is noted what is done.
    pub journal: Option<PathBuf>,
    /// Whether the journal tells of a run before, which is taken up again.
    pub resume: bool,
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
    /// `concurrent` or `sequential`, or `rate`, `stages` or `replay` for an open loop.
    pub mode: &'static str,
    /// The open loop's pace; none in a closed loop.
    pub pace: Option<Pace>,
    /// How the target is reached.
    pub network: Network,
    /// How long requests in flight may take after a signal.
    pub grace: Duration,
    /// How many events are taken, for how long.
    pub limits: Limits,
    /// Events a second asked for, where it is one figure.
    pub rate: Option<f64>,
    /// Where the key came from, in words.
    pub key_source: String,
    /// What the senders go by.
    pub plan: Plan,
}

/// How many events are taken, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How many senders there are.
    pub concurrency: usize,
    /// How long events are taken, from the first one on.
    pub duration: Option<Duration>,
    /// The most events that a sender takes at a time.
    pub events: usize,
    /// The most bytes of their lines together, with the commas between them. One event is taken whatever its size.
    pub bytes: u64,
    /// How long a sender with one event waits for more.
    pub wait: Duration,
}

/// How the target is reached.
#[derive(Debug, Clone)]
pub struct Network {
    /// Where connections go.
    pub route: Route,
    /// What is trusted and shown in TLS.
    pub trust: Trust,
    /// The proxy in between.
    pub proxy: Option<Proxy>,
    /// Whether HTTP/2 is spoken.
    pub http2: bool,
    /// How long making a connection may take.
    pub connect_timeout: Duration,
    /// How many bytes of an answer's body are kept.
    pub kept_body: usize,
    /// How long a connection is kept.
    pub keep_alive: KeepAlive,
}

/// What is done with each event.
#[derive(Debug, Clone)]
pub enum Job {
    /// It is sent.
    Send,
    /// It is sent together with others.
    Batch(Box<Batch>),
    /// The server is asked for it, at this path with `{event_id}` in it.
    Verify(String),
}

/// How events are sent together.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The path.
    pub uri: Uri,
    /// What the request and its answer look like.
    pub form: BatchForm,
}

impl Job {
    /// The batch's form, where there is one.
    pub fn batch(&self) -> Option<&BatchForm> {
        if let Self::Batch(batch) = self { Some(&batch.form) } else { None }
    }

    /// Whether events are only asked for.
    pub fn is_verify(&self) -> bool {
        matches!(self, Self::Verify(_))
    }
}

/// When an open loop sends.
#[derive(Debug, Clone)]
pub enum Pace {
    /// By a rate over time.
    Curve(Curve, Arrival),
    /// By the events' timestamps, so many times as fast, without gaps longer than this.
    Replay(f64, Duration),
}

impl Pace {
    /// The schedule, from its beginning. A Poisson process takes its gaps from `draws`.
    pub fn schedule(&self, draws: Generator) -> Schedule {
        match self {
            Self::Curve(curve, arrival) => {
                Schedule::Curve { curve: curve.clone(), arrival: *arrival, events: 0.0, draws: Box::new(draws) }
            }
            Self::Replay(speed, max_gap) => Schedule::Replay(Replay::new(*speed, *max_gap)),
        }
    }
}

/// A header that carries the event's id.
#[derive(Debug, Clone)]
pub struct IdHeader {
    /// Its name.
    pub name: HeaderName,
    /// What stands before the id.
    pub before: String,
    /// What stands behind it.
    pub after: String,
}

/// What the senders go by.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What is done with each event.
    pub job: Job,
    /// How answers are read.
    pub dialect: Dialect,
    /// The requests' method.
    pub method: Method,
    /// The requests' path.
    pub uri: Uri,
    /// The requests' headers, the key among them.
    pub headers: Arc<HeaderMap>,
    /// Whether bodies are compressed.
    pub gzip: bool,
    /// Headers that carry the event's id.
    pub id_headers: Vec<IdHeader>,
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
    /// The field that carries an event's id, as a dotted path.
    pub id_field: String,
    /// Fields that outcomes carry: name and dotted path.
    pub tags: Vec<(String, String)>,
    /// Whether lines that are no events are sent as they are.
    pub send_malformed: bool,
    /// Whether events that did not get through are kept.
    pub dead_letters: bool,
    /// Whether it is noted what is done.
    pub journal: bool,
    /// `3/8`, where it is one of several runs.
    pub shard: Option<String>,
    /// What no message may show.
    pub secrets: Secrets,
}
