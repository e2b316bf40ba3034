//! The command line, as typed.

use std::ffi::{OsStr, OsString};
use std::ops::RangeInclusive;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use super::config::{AbortOn, StartAt};
use super::find_rate::Conditions;
use super::target::Route;
use crate::cli::files::{Files, is_stdout};
use crate::cli::part_of_run::RunId;
use crate::cli::shard::Shard;
use crate::cli::values::{self, ByteSize, Count, Probability, Rate, Span};
use crate::cli::{CommandLine, Help};
use crate::record::event::FieldMap;
use crate::time;

/// Sends events over HTTP and writes one outcome for each.
///
/// Reads JSON objects, one per line, sends each line unchanged, and writes a line of JSON that tells how the event ended. If
/// standard output is a terminal, only the summary is shown: use -o or a pipe to get the outcomes.
#[derive(Debug, Parser)]
#[command(name = "psend", version)]
pub(super) struct Args {
    /// Files of events [default: -, standard input]
    pub(super) files: Vec<PathBuf>,

    /// URL of the server [default: http://localhost:8000]
    ///
    /// A path in the URL is a prefix of all paths. PULSE_URL sets the default.
    #[arg(long, value_name = "URL", help_heading = "Target")]
    pub(super) url: Option<String>,
    /// API key; prefer PULSE_API_KEY or --api-key-file, which the process list does not show
    #[arg(long, value_name = "KEY", help_heading = "Target")]
    pub(super) api_key: Option<String>,
    /// File with the API key, on one line
    ///
    /// PULSE_API_KEY can hold the key instead. On loopback the default is the guide's test key.
    #[arg(long, value_name = "FILE", conflicts_with = "api_key", help_heading = "Target")]
    pub(super) api_key_file: Option<PathBuf>,
    /// Command that prints the API key
    ///
    /// `sh` runs it at the start, and again if the server refuses a key with 401: once for each key that has worked, and once for
    /// the first.
    #[arg(long, value_name = "COMMAND", conflicts_with_all = ["api_key", "api_key_file"], help_heading = "Target")]
    pub(super) key_command: Option<String>,
    /// API of the server
    ///
    /// Defines the form of requests and the meaning of answers: pulsestream, plain, ndjson, elasticsearch, splunk-hec, loki,
    /// otlp-logs, otlp-traces, datadog-logs, cloudevents, cloudevents-structured, clickhouse, couchdb or a TOML file.
    /// --print-dialect prints a file to start from.
    #[arg(long, value_name = "NAME|FILE", default_value = "pulsestream", help_heading = "Target")]
    pub(super) dialect: PathBuf,
    /// Print a dialect with its manual and exit
    #[arg(long, value_name = "NAME", num_args = 0..=1, help_heading = "Target")]
    pub(super) print_dialect: Option<Option<PathBuf>>,
    /// Try the dialect in FILE on the answers in it and exit
    ///
    /// The exit code is 1 if an answer is not classified as its sample expects.
    #[arg(long, value_name = "FILE", help_heading = "Target")]
    pub(super) check_dialect: Option<PathBuf>,

    /// Add a header: 'Name: value', or @FILE
    ///
    /// A file has one header per line, and the process list does not show them. Repeatable.
    #[arg(short = 'H', long, value_name = "HEADER", help_heading = "Target")]
    pub(super) header: Vec<OsString>,
    /// Use HTTP/2
    #[arg(long, help_heading = "Target")]
    pub(super) http2: bool,
    /// Close each connection after one request
    #[arg(long, conflicts_with = "http2", help_heading = "Target")]
    pub(super) no_keepalive: bool,
    /// Most requests per connection
    #[arg(long, value_name = "N", value_parser = values::whole::<u64>(1..=1_000_000_000), conflicts_with_all = ["http2", "no_keepalive"], help_heading = "Target")]
    pub(super) keepalive_requests: Option<u64>,
    /// Send no request on a connection that is older than TIME
    #[arg(long, value_name = "TIME", conflicts_with_all = ["http2", "no_keepalive"], help_heading = "Target")]
    pub(super) keepalive_time: Option<Span>,
    /// Compress bodies
    #[arg(long, help_heading = "Target")]
    pub(super) gzip: bool,
    /// Trust the certificates in FILE (PEM) instead of the system's
    #[arg(long, value_name = "FILE", help_heading = "Target")]
    pub(super) cacert: Option<PathBuf>,
    /// Client certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "key", help_heading = "Target")]
    pub(super) cert: Option<PathBuf>,
    /// Private key (PEM) of --cert
    #[arg(long, value_name = "FILE", requires = "cert", help_heading = "Target")]
    pub(super) key: Option<PathBuf>,
    /// Accept any certificate (dangerous)
    #[arg(long, conflicts_with = "cacert", help_heading = "Target")]
    pub(super) insecure: bool,
    /// Connect to this Unix socket instead of the URL's host
    #[arg(long, value_name = "PATH", conflicts_with = "connect_to", help_heading = "Target")]
    pub(super) unix_socket: Option<PathBuf>,
    /// Connect to this host and port instead of the URL's
    #[arg(long, value_name = "HOST:PORT", value_parser = Route::parse, help_heading = "Target")]
    pub(super) connect_to: Option<Route>,

    /// Send concurrently, or one event after the other
    #[arg(long, value_enum, default_value_t = Mode::Concurrent, help_heading = "Pace")]
    pub(super) mode: Mode,
    /// Most requests in flight [default: 10 or 1000]
    ///
    /// The default is 1000 with --rate, --stages, --replay or --find-rate, and 10 without.
    #[arg(short, long, value_name = "N", value_parser = values::whole::<usize>(1..=100_000), help_heading = "Pace")]
    pub(super) concurrency: Option<usize>,
    /// Pause of each sender between two events: milliseconds, or a duration with a unit
    #[arg(long, value_name = "MS", default_value = "0", value_parser = milliseconds, help_heading = "Pace")]
    pub(super) delay: Duration,
    /// Stop after reading N events
    #[arg(long, value_name = "N", help_heading = "Pace")]
    pub(super) limit: Option<Count>,
    /// Send at a fixed rate: 500, 500/s or 300/1m
    ///
    /// This is an open loop: it does not wait for the server. Each event's latency counts from when it was due.
    #[arg(short, long, value_name = "RATE", group = "open", help_heading = "Pace")]
    pub(super) rate: Option<Rate>,
    /// Ramp linearly from rate to rate, starting at 0, such as 30s:100,5m:1000,30s:0 (open loop)
    #[arg(long, value_name = "TIME:RATE,…", group = "open", help_heading = "Pace")]
    pub(super) stages: Option<Stages>,
    /// Send at the pace of the events' timestamps, sped up: 1x, 60x (open loop)
    #[arg(long, value_name = "SPEED", group = "open", value_parser = speed, help_heading = "Pace")]
    pub(super) replay: Option<f64>,
    /// Longest wait between two events of --replay; longer gaps are shortened and reported
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = values::span_above_zero, requires = "replay", help_heading = "Pace")]
    pub(super) max_gap: Span,
    /// Find the highest rate that meets conditions
    ///
    /// For example 'end_to_end.p99 < 50ms, error_rate < 1%'. Conditions are written like those of pstats --require. psend raises the
    /// rate in steps until the server does not meet them, then narrows it down (open loop). The rate, with an interval, is in the
    /// summary and in the run record. The input must last until the end, as that of pgen -n inf does.
    #[arg(long, value_name = "CONDITIONS", group = "open", conflicts_with_all = ["duration", "warm_up", "abort_on", "shard", "journal", "verify"], help_heading = "Pace")]
    pub(super) find_rate: Option<Conditions>,
    /// Longest time for --find-rate
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = values::span_above_zero, requires = "find_rate", help_heading = "Pace")]
    pub(super) max_time: Span,
    /// How --rate, --stages or --find-rate spaces events [default: constant]
    #[arg(long, value_enum, value_name = "SPREAD", help_heading = "Pace")]
    pub(super) arrival: Option<ArrivalWord>,
    /// Send up to N events per request
    ///
    /// They go to the batch endpoint. Each event still has its own outcome.
    #[arg(long, value_name = "N", value_parser = values::whole::<u64>(1..=100_000), help_heading = "Pace")]
    pub(super) batch: Option<u64>,
    /// Longest wait for a batch to fill
    #[arg(long, value_name = "TIME", default_value = "50ms", requires = "batch", help_heading = "Pace")]
    pub(super) batch_wait: Span,
    /// Largest request body of a batch
    #[arg(long, value_name = "SIZE", default_value = "5MiB", value_parser = values::size_above_zero, requires = "batch", help_heading = "Pace")]
    pub(super) batch_bytes: ByteSize,
    /// Stop taking events after TIME
    ///
    /// The run then ends as if the input had ended: what is in flight is finished.
    #[arg(short, long, value_name = "TIME", value_parser = values::span_above_zero, help_heading = "Pace")]
    pub(super) duration: Option<Span>,
    /// Most threads that send [default: one per core, at most --concurrency]
    ///
    /// The others join in when the first is busy. What is sent, when, and in which order does not depend on them.
    #[arg(long, value_name = "N", value_parser = values::whole::<usize>(1..=values::MOST_THREADS), conflicts_with = "http2", help_heading = "Pace")]
    pub(super) threads: Option<usize>,
    /// Begin at TIME, or after a wait such as +10s
    ///
    /// Gives runs on many machines a common start: a schedule counts from it. If TIME has passed, the run begins at once and warns.
    #[arg(long, value_name = "TIME|+WAIT", help_heading = "Pace")]
    pub(super) start_at: Option<StartAt>,
    /// Mark the outcomes of the first TIME as warm-up
    ///
    /// pstats leaves them out of all figures. TIME counts from the first event.
    #[arg(long, value_name = "TIME", default_value = "0s", help_heading = "Pace")]
    pub(super) warm_up: Span,
    /// End the run if too many events fail: 'error_rate > 50%'
    ///
    /// Judges the outcomes of the last 10 s, or of another time: 'error_rate > 50%, over=1m'. Requests in flight are finished, what is
    /// left is not sent, and the exit status is 1.
    #[arg(long, value_name = "CONDITION", help_heading = "Pace")]
    pub(super) abort_on: Option<AbortOn>,
    /// This run is part I of N: divides --rate and --stages by N, and marks outcomes
    #[arg(long, value_name = "I/N", help_heading = "Pace")]
    pub(super) shard: Option<Shard>,
    /// Id that all parts of the run share [default: from the scheduler]
    ///
    /// The run record names it, so that pstats can tell whether all parts came. The default is PULSE_RUN_ID, or with --shard the id of
    /// the scheduler's job.
    #[arg(long, value_name = "ID", help_heading = "Pace")]
    pub(super) run_id: Option<RunId>,

    /// Longest time for one request
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = values::span_above_zero, help_heading = "Delivery")]
    pub(super) timeout: Span,
    /// Longest time to connect, within --timeout
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = values::span_above_zero, help_heading = "Delivery")]
    pub(super) connect_timeout: Span,
    /// Most retries per event
    ///
    /// Only temporary errors are retried.
    #[arg(long, value_name = "N", default_value = "5", value_parser = values::whole::<u32>(0..=1_000_000), help_heading = "Delivery")]
    pub(super) retries: u32,
    /// Longest wait before the first retry; doubles with each
    #[arg(long, value_name = "TIME", default_value = "100ms", help_heading = "Delivery")]
    pub(super) retry_base: Span,
    /// Longest wait before any retry
    #[arg(long, value_name = "TIME", default_value = "30s", help_heading = "Delivery")]
    pub(super) retry_cap: Span,
    /// Longest Retry-After to obey
    #[arg(long, value_name = "TIME", default_value = "5m", help_heading = "Delivery")]
    pub(super) retry_after_max: Span,
    /// Most retries as a share of requests; ten per second are always allowed, more are delayed
    #[arg(long, value_name = "SHARE", default_value = "20%", help_heading = "Delivery")]
    pub(super) retry_budget: Probability,
    /// How long to wait for a server that is away
    #[arg(long, value_name = "TIME", default_value = "60s", help_heading = "Delivery")]
    pub(super) wait_for_server: Span,
    /// Write the lines of undelivered events to FILE
    ///
    /// These are the events that did not end accepted or duplicate. The file can be sent again.
    #[arg(long, value_name = "FILE", help_heading = "Delivery")]
    pub(super) dead_letter: Option<PathBuf>,
    /// Record finished events in FILE, for --resume
    #[arg(long, value_name = "FILE", help_heading = "Delivery")]
    pub(super) journal: Option<PathBuf>,
    /// Send only events that the journal does not have
    ///
    /// Continues a run that was cut off. An event may then have two outcomes, but none is lost.
    #[arg(long, requires = "journal", help_heading = "Delivery")]
    pub(super) resume: bool,
    /// Longest time for requests in flight after Ctrl-C
    #[arg(long, value_name = "TIME", default_value = "10s", help_heading = "Delivery")]
    pub(super) grace: Span,

    /// Check that the server has each event
    ///
    /// Asks for each event by its id instead of sending it. The outcome is present, missing or differs.
    #[arg(long, conflicts_with_all = ["batch", "send_malformed", "gzip"], help_heading = "Events")]
    pub(super) verify: bool,
    /// Path to ask for, such as /events/{id}
    #[arg(long, value_name = "PATH", requires = "verify", help_heading = "Events")]
    pub(super) id_path: Option<String>,
    /// Paths of fields: id=uuid,timestamp=ts
    ///
    /// For events of another schema. Roles are id, timestamp, service and endpoint. The path a.b means b inside a, or the key
    /// "a.b"; a.0 the first element of an array; a\.b only the key "a.b".
    #[arg(long, value_name = "ROLE=PATH,…", help_heading = "Events")]
    pub(super) fields: Option<FieldMap>,
    /// Copy a field of the event into its outcome, such as region=context.tags.region; paths are as in --fields; repeatable
    #[arg(long, value_name = "NAME=PATH", value_parser = tag, help_heading = "Events")]
    pub(super) tag: Vec<(String, String)>,
    /// Also send lines that are not JSON objects, unchanged
    #[arg(long, conflicts_with = "batch", help_heading = "Events")]
    pub(super) send_malformed: bool,
    /// Longest line to send
    #[arg(long, value_name = "SIZE", default_value = "1MiB", value_parser = values::size_above_zero, help_heading = "Events")]
    pub(super) max_line: ByteSize,

    /// Show the first N requests and send nothing
    ///
    /// They are shown as they would be sent, with every key as ***. Without N, one is shown.
    #[arg(long, value_name = "N", num_args = 0..=1, help_heading = "Output")]
    pub(super) dry_run: Option<Option<OsString>>,
    /// Keep requests and answers in FILE
    ///
    /// One line of JSON per request: its head, the head and the first KiB of the answer, and the rule of the dialect that decided.
    /// No key is in it.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(super) trace: Option<PathBuf>,
    /// Write outcomes to FILE
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub(super) output: Option<PathBuf>,
    /// Show only warnings and errors
    #[arg(short, long, help_heading = "Output")]
    pub(super) quiet: bool,
    /// How often to report progress where it is not redrawn [default: 15s]
    ///
    /// On a terminal, the last tool of a pipe redraws a line. Any other writes lines only if this flag is given.
    #[arg(long, value_name = "TIME", value_parser = values::span_above_zero, help_heading = "Output")]
    pub(super) every: Option<Span>,
}

/// Whether a dialect is a file, and not the name of a built-in one.
pub(super) fn is_file(dialect: &Path) -> bool {
    dialect.extension().is_some_and(|ending| ending == "toml")
        || dialect.as_os_str().as_bytes().contains(&b'/')
        || dialect.is_file()
}

/// The file of headers that `-H @FILE` names.
pub(super) fn header_file(header: &OsStr) -> Option<&Path> {
    header.as_bytes().strip_prefix(b"@").map(|file| Path::new(OsStr::from_bytes(file)))
}

impl CommandLine for Args {
    const HELP: Help = Help {
        examples: "  \
  psend events.jsonl > outcomes.jsonl
  pgen -n 100k | psend -c 100 | pstats
  psend events.jsonl --mode sequential --delay 100 -o outcomes.jsonl
  pgen -n 1m | psend --rate 5k --duration 1m | pstats
  psend events.jsonl --journal run.journal -o outcomes.jsonl --resume
  psend --verify events.jsonl | pstats --require 'present = 100%'
  psend events.jsonl --url https://host --api-key-file key.txt | pstats",
        everyday: &[
            "url",
            "api-key-file",
            "dialect",
            "header",
            "concurrency",
            "rate",
            "find-rate",
            "duration",
            "limit",
            "batch",
            "timeout",
            "retries",
            "dead-letter",
            "journal",
            "resume",
            "verify",
            "fields",
            "output",
            "quiet",
        ],
        exit_status: "\
Environment: PULSE_URL, PULSE_API_KEY, PULSE_ALLOW_HOSTS (if set, the only hosts
that psend may send to).

Exit status: 0 if every event has an outcome, 1 if the job could not be
finished, 2 for wrong usage, 130 after Ctrl-C.",
    };

    fn files(&self) -> Files {
        // A path that names standard output is refused later, with a reason.
        let file = |path: &Option<PathBuf>| path.clone().filter(|path| !is_stdout(path));
        let behind_dry_run = self.dry_run.iter().flatten().map(PathBuf::from).filter(|word| word.exists());
        let inputs = if self.print_dialect.is_some() || self.check_dialect.is_some() {
            Files::default()
        } else {
            Files::default().inputs(&self.files)
        };
        inputs
            .reads("--dry-run", behind_dry_run.collect::<Vec<_>>().iter())
            .reads("--api-key-file", &self.api_key_file)
            .reads("--dialect", Some(&self.dialect).filter(|dialect| is_file(dialect)))
            .reads("--print-dialect", self.print_dialect.iter().flatten().filter(|dialect| is_file(dialect)))
            .reads("--check-dialect", &self.check_dialect)
            .reads("--header", self.header.iter().filter_map(|header| header_file(header)))
            .reads("--cacert", &self.cacert)
            .reads("--cert", &self.cert)
            .reads("--key", &self.key)
            .output(self.output.as_deref())
            .writes("--dead-letter", file(&self.dead_letter))
            .writes("--journal", file(&self.journal))
            .writes("--trace", file(&self.trace))
    }
}

/// `--mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Mode {
    /// Several requests at a time
    Concurrent,
    /// One event after the other
    Sequential,
}

/// `--arrival`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ArrivalWord {
    /// Evenly spaced
    Constant,
    /// As independent users arrive (a Poisson process)
    Poisson,
}

impl FromStr for StartAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || "expected an RFC 3339 time such as 2026-01-05T09:00:00Z, or a wait such as +10s".to_owned();
        match text.strip_prefix('+') {
            Some(wait) => wait.parse::<Span>().map(|wait| Self::In(wait.0)).map_err(|_| form()),
            None => time::parse(text.as_bytes()).map(Self::At).ok_or_else(form),
        }
    }
}

impl FromStr for AbortOn {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || "expected a condition such as 'error_rate > 50%' or 'error_rate > 50%, over=1m'".to_owned();
        let (figure, rest) = text.split_once('>').ok_or_else(form)?;
        let mut words = rest.split([',', ' ']).filter(|word| !word.is_empty());
        let above = words.next().and_then(|share| share.parse::<Probability>().ok()).ok_or_else(form)?;
        let over = words.next().map(|word| word.strip_prefix("over=").ok_or_else(form)).transpose()?;
        if figure.trim() != "error_rate" || words.next().is_some() {
            return Err(form());
        }
        let over = over.map_or(Ok(Self::OVER), |over| values::span_above_zero(over).map(|over| over.0))?;
        Ok(Self { above: above.get(), over })
    }
}

/// `30s:100,5m:1000,30s:0`
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stages(pub Vec<(Duration, f64)>);

impl FromStr for Stages {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || "expected stages TIME:RATE, such as 30s:100,5m:1000,30s:0".to_owned();
        let stage = |part: &str| {
            let (time, rate) = part.trim().split_once(':').ok_or_else(form)?;
            // Unlike --rate, a stage may have the rate 0.
            let rate = if rate.trim() == "0" { 0.0 } else { rate.parse::<Rate>().map_err(|_| form())?.per_second() };
            Ok((time.parse::<Span>().map_err(|_| form())?.0, rate))
        };
        text.split(',').map(stage).collect::<Result<_, _>>().map(Self)
    }
}

fn speed(text: &str) -> Result<f64, String> {
    // Beyond these, a gap between events may not fit into a duration.
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
