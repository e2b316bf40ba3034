//! What a run is to do, resolved. It does not know the command line.

use std::fmt;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::aws_v4::Signer;
use super::dialect::{BatchForm, Compression, Dialect, Template};
use super::find_rate::{Goal, SharedPace};
use super::key::KeySource;
use super::pacing::{Arrival, RateCurve, Replay, Schedule};
use super::retry;
use super::secret::Secrets;
use super::shape::Shape;
use super::target::{Route, Target};
use super::trace::Trace;
use super::transport::http1::KeepAlive;
use super::transport::proxy::Proxy;
use super::transport::tls::Trust;
use crate::cli::numbers;
use crate::cli::part_of_run::PartOfRun;
use crate::cli::values::Span;
use crate::clock::Micros;
use crate::record::event::FieldMap;
use crate::seed::Generator;

/// A run of psend.
#[derive(Debug, Clone)]
pub(super) struct Config {
    /// Input files. Empty for standard input.
    pub files: Vec<PathBuf>,
    /// The file for outcomes. `None` is standard output.
    pub output: Option<PathBuf>,
    /// The file for undelivered events.
    pub dead_letter: Option<PathBuf>,
    /// The journal.
    pub journal: Option<PathBuf>,
    /// Whether to resume the run in the journal.
    pub resume: bool,
    /// Whether to leave out summary and progress.
    pub quiet: bool,
    /// How often to report progress where it is not redrawn; `None` if `--every` is not given.
    pub every: Option<Duration>,
    /// The longest line that is sent, in bytes.
    pub max_line: usize,
    /// The most lines that are read.
    pub limit: Option<u64>,
    /// The paths of fields.
    pub fields: FieldMap,
    /// Where events go.
    pub target: Target,
    /// When events are sent.
    pub pace: Pace,
    /// When the first event may be sent, if not at once.
    pub start_at: Option<StartAt>,
    /// When the run ends because too many events fail, if ever.
    pub abort_on: Option<AbortOn>,
    /// How to reach the target.
    pub network: Network,
    /// How long requests in flight may take after a signal.
    pub grace: Duration,
    /// How many events are taken, for how long.
    pub limits: Limits,
    /// The most threads that send.
    pub threads: usize,
    /// Where the key came from, as messages name it.
    pub key_source: String,
    /// How many requests are shown instead of sent, if they are.
    pub dry_run: Option<u64>,
    /// Which part of which run this is.
    pub part: PartOfRun,
    /// What the senders need.
    pub sending: SendConfig,
}

/// When the first event may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StartAt {
    /// By the wall clock.
    At(Micros),
    /// After the start of the process.
    In(Duration),
}

impl StartAt {
    /// When that is, since the start of a run that started at this time by the wall clock. Negative if it has passed.
    pub(super) fn since(self, started: Micros) -> i128 {
        match self {
            Self::At(at) => i128::from(at) - i128::from(started),
            Self::In(wait) => i128::try_from(wait.as_micros()).unwrap_or(i128::MAX),
        }
    }
}

/// `--abort-on`: ends the run if the error rate over a time is above a limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct AbortOn {
    /// The limit, from 0 to 1.
    pub above: f64,
    /// The time.
    pub over: Duration,
}

impl AbortOn {
    /// The time if none is given.
    pub(super) const OVER: Duration = Duration::from_secs(10);
}

impl fmt::Display for AbortOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error_rate > {}%, over={}", numbers::exact(self.above * 100.0), Span(self.over))
    }
}

/// How many events are taken, and for how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// How many senders there are.
    pub concurrency: usize,
    /// How long events are taken, from the first one on.
    pub duration: Option<Duration>,
    /// How long events belong to the warm-up, from the first one on.
    pub warm_up: Duration,
    /// The most events that a sender takes at a time.
    pub events: usize,
    /// The most bytes of their lines together, with the commas between them. One event is taken whatever its size.
    pub bytes: u64,
    /// How long a sender with one event waits for more.
    pub wait: Duration,
}

/// How to reach the target.
#[derive(Debug, Clone)]
pub(super) struct Network {
    /// Where connections go.
    pub route: Route,
    /// What to trust and send in TLS.
    pub trust: Trust,
    /// The proxy, if there is one.
    pub proxy: Option<Proxy>,
    /// Whether to use HTTP/2.
    pub http2: bool,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// The most bytes of an answer's body that are kept.
    pub kept_body: usize,
    /// How long a connection is kept.
    pub keep_alive: KeepAlive,
}

/// What is done with each event.
#[derive(Debug, Clone)]
pub(super) enum Job {
    /// It is sent.
    Send,
    /// It is sent in a batch.
    Batch(Box<Batch>),
    /// The server is asked for it, in this way.
    Verify(Box<Shape>),
}

/// How batches are sent.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    /// The head of the request.
    pub shape: Shape,
    /// What the body and its answer look like.
    pub form: BatchForm,
    /// The largest body, in bytes.
    pub bytes: usize,
}

impl Job {
    /// The form of batches, if events are sent in batches.
    pub(super) fn batch(&self) -> Option<&BatchForm> {
        if let Self::Batch(batch) = self { Some(&batch.form) } else { None }
    }

    /// Whether events are asked for instead of sent.
    pub(super) fn is_verify(&self) -> bool {
        matches!(self, Self::Verify(_))
    }
}

/// When a run sends.
#[derive(Debug, Clone)]
pub(super) enum Pace {
    /// Closed loop: each sender sends its next event when its last one is done.
    Concurrent,
    /// Closed loop with one sender.
    Sequential,
    /// Open loop at a constant rate, in events per second.
    Rate(f64, Spread),
    /// Open loop at a rate that changes over time.
    Stages(RateCurve, Spread),
    /// Open loop by the events' timestamps, at this speed, without gaps longer than this.
    Replay(f64, Duration),
    /// Open loop at rates that a search for the highest one sets.
    FindRate(Goal, Arrival),
}

/// How events spread around a rate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spread {
    /// Their distances.
    pub arrival: Arrival,
    /// Where on the schedule the first event is, in events: shards with a common start take turns.
    pub first: f64,
}

impl Pace {
    /// Its name in the run record (contracts §3).
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Concurrent => "concurrent",
            Self::Sequential => "sequential",
            Self::Rate(..) => "rate",
            Self::Stages(..) => "stages",
            Self::Replay(..) => "replay",
            Self::FindRate(..) => "find_rate",
        }
    }

    /// Whether events have times at which they are due.
    pub(super) fn is_open(&self) -> bool {
        !matches!(self, Self::Concurrent | Self::Sequential)
    }

    /// Events per second, if the rate is constant.
    pub(super) fn rate(&self) -> Option<f64> {
        if let Self::Rate(rate, _) = self { Some(*rate) } else { None }
    }

    /// The schedule of an open loop, from its start. A Poisson process takes its gaps from the generator that `draws` makes.
    pub(super) fn schedule(&self, draws: impl Fn() -> Generator) -> Option<Schedule> {
        let by = |curve, Spread { arrival, first }: Spread| Schedule::Curve {
            curve,
            arrival,
            events: first,
            draws: Box::new(draws()),
        };
        match self {
            Self::Concurrent | Self::Sequential => None,
            Self::Rate(rate, spread) => Some(by(RateCurve::constant(*rate), *spread)),
            Self::Stages(curve, spread) => Some(by(curve.clone(), *spread)),
            Self::Replay(speed, max_gap) => Some(Schedule::Replay(Replay::new(*speed, *max_gap))),
            Self::FindRate(_, arrival) => Some(Schedule::Steps {
                pace: Rc::new(SharedPace::default()),
                arrival: *arrival,
                draws: Box::new(draws()),
            }),
        }
    }
}

/// What the senders need.
#[derive(Debug, Clone)]
pub(super) struct SendConfig {
    /// What is done with each event.
    pub job: Job,
    /// How answers are read.
    pub dialect: Dialect,
    /// The head of a request for one event.
    pub shape: Shape,
    /// What one event is in a body: all of it, or its part of a batch.
    pub body: Template,
    /// How bodies are compressed.
    pub compression: Option<Compression>,
    /// Where the key comes from.
    pub key: KeySource,
    /// Who signs requests, if they are signed.
    pub signer: Option<Signer>,
    /// How long a request may take.
    pub timeout: Duration,
    /// The pause of a sender between two events.
    pub delay: Duration,
    /// When to retry an event.
    pub retry: retry::Policy,
    /// The most retries per request. Ten per second are always allowed.
    pub retry_budget: f64,
    /// How long to wait for a server that is away.
    pub wait_for_server: Duration,
    /// The path of an event's id.
    pub id_field: String,
    /// Fields that are copied into outcomes: name and path.
    pub tags: Vec<(String, String)>,
    /// The paths that are looked for in events besides the roles: those of the tags, then those of the dialect.
    pub paths: Vec<String>,
    /// Whether lines that are not events are sent too.
    pub send_malformed: bool,
    /// Whether undelivered events are kept.
    pub dead_letters: bool,
    /// Whether there is a journal.
    pub journal: bool,
    /// `3/8` if this is one of several runs.
    pub shard: Option<String>,
    /// What must not appear in messages.
    pub secrets: Secrets,
    /// Where each request and its answer are kept, if they are.
    pub trace: Option<Arc<Trace>>,
}
