//! The command line of psend, as typed, and what it comes to with the environment.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Uri};

use super::config::{Config, Pace, Plan};
use super::dialect::{self, Dialect};
use super::pacing::{Arrival, Curve};
use super::retry;
use super::secret::{Secret, Secrets};
use super::target::Target;
use crate::cli::values::{ByteSize, Count, Probability, Rate, Shard, Span};
use crate::error::{At, Error, Place, Result};
use crate::record::event::FieldMap;

/// The key that the guide's examples use.
const TEST_KEY: &str = "test-api-key-12345";
const DEFAULT_URL: &str = "http://localhost:8000";

/// Deliver events over HTTP, and write one outcome for each
///
/// Reads JSON objects, one a line, sends each as it stands, and writes a line of JSON for each that says what became of
/// it. Where standard output is a terminal only the summary is shown; give -o or a pipe for the outcomes.
#[derive(Debug, Parser)]
#[command(name = "psend", version, after_help = AFTER_HELP)]
pub struct Args {
    /// Files of events; standard input without one, or where it is -
    files: Vec<PathBuf>,

    /// Where events go; a path in it stands before every path [default: PULSE_URL, or http://localhost:8000]
    #[arg(long, value_name = "URL", help_heading = "Target")]
    url: Option<String>,
    /// The API key; better in PULSE_API_KEY or a file, where no process list shows it
    #[arg(long, value_name = "KEY", help_heading = "Target")]
    api_key: Option<String>,
    /// A file that holds the API key
    #[arg(long, value_name = "FILE", conflicts_with = "api_key", help_heading = "Target")]
    api_key_file: Option<PathBuf>,
    /// The API's dialect: pulsestream, plain, or a TOML file
    #[arg(long, value_name = "NAME|FILE.toml", default_value = "pulsestream", help_heading = "Target")]
    dialect: String,
    /// Print the dialect, to start one's own from, and do nothing else
    #[arg(long, help_heading = "Target")]
    print_dialect: bool,

    /// Many requests at a time, or one after the other
    #[arg(long, value_enum, default_value_t = Mode::Concurrent, help_heading = "Pace")]
    mode: Mode,
    /// Requests in flight at most [default: 10, or 1000 with --rate, --stages or --replay]
    #[arg(short, long, value_name = "N", help_heading = "Pace")]
    concurrency: Option<Count>,
    /// Pause of each sender between two events: milliseconds, or with a unit
    #[arg(long, value_name = "MS", default_value = "0", value_parser = milliseconds, help_heading = "Pace")]
    delay: Duration,
    /// Read at most so many events
    #[arg(long, value_name = "N", help_heading = "Pace")]
    limit: Option<Count>,
    /// Send at this rate, however slow the server is: 500, 500/s, 300/1m (open loop)
    #[arg(short, long, value_name = "RATE", group = "open", help_heading = "Pace")]
    rate: Option<Rate>,
    /// Ramp from one rate to the next, beginning with none: 30s:100,5m:1000,30s:0 (open loop)
    #[arg(long, value_name = "TIME:RATE,…", group = "open", help_heading = "Pace")]
    stages: Option<Stages>,
    /// Send when the events' own timestamps say, so many times as fast: 1x, 60x (open loop)
    #[arg(long, value_name = "SPEED", group = "open", value_parser = speed, help_heading = "Pace")]
    replay: Option<f64>,
    /// How events spread around --rate or --stages [default: constant]
    #[arg(long, value_enum, value_name = "SPREAD", help_heading = "Pace")]
    arrival: Option<ArrivalWord>,
    /// Take up events for so long, as if the input ended then
    #[arg(short, long, value_name = "TIME", help_heading = "Pace")]
    duration: Option<Span>,
    /// This run is part I of N: --rate and --stages are divided by N, and outcomes carry the mark
    #[arg(long, value_name = "I/N", help_heading = "Pace")]
    shard: Option<Shard>,

    /// How long one request may take
    #[arg(long, value_name = "TIME", default_value = "30s", help_heading = "Delivery")]
    timeout: Span,
    /// How long making a connection may take, but no longer than --timeout
    #[arg(long, value_name = "TIME", default_value = "10s", help_heading = "Delivery")]
    connect_timeout: Span,
    /// How often an event is sent again after an error that may pass
    #[arg(long, value_name = "N", default_value = "5", help_heading = "Delivery")]
    retries: u32,
    /// The longest wait before the first retry; it doubles with each
    #[arg(long, value_name = "TIME", default_value = "100ms", help_heading = "Delivery")]
    retry_base: Span,
    /// The longest wait before any retry
    #[arg(long, value_name = "TIME", default_value = "30s", help_heading = "Delivery")]
    retry_cap: Span,
    /// The longest Retry-After that is obeyed
    #[arg(long, value_name = "TIME", default_value = "5m", help_heading = "Delivery")]
    retry_after_max: Span,
    /// Retries as a share of requests, beside ten a second; more are delayed
    #[arg(long, value_name = "SHARE", default_value = "20%", help_heading = "Delivery")]
    retry_budget: Probability,
    /// How long a server that refuses connections is waited for
    #[arg(long, value_name = "TIME", default_value = "60s", help_heading = "Delivery")]
    wait_for_server: Span,
    /// How long requests in flight may take after Ctrl-C
    #[arg(long, value_name = "TIME", default_value = "10s", help_heading = "Delivery")]
    grace: Span,

    /// Where an event has its id, timestamp, service and endpoint: id=uuid,timestamp=ts
    #[arg(long, value_name = "ROLE=PATH,…", help_heading = "Events")]
    fields: Option<FieldMap>,
    /// Copy a field of the event into its outcome: region=context.tags.region (may be repeated)
    #[arg(long, value_name = "NAME=PATH", value_parser = tag, help_heading = "Events")]
    tag: Vec<(String, String)>,
    /// The longest line that is sent
    #[arg(long, value_name = "SIZE", default_value = "1MiB", help_heading = "Events")]
    max_line: ByteSize,

    /// Write outcomes to a file
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    output: Option<PathBuf>,
    /// Show neither progress nor summary
    #[arg(short, long, help_heading = "Output")]
    quiet: bool,
    /// How often to tell of progress where stderr is no terminal
    #[arg(long, value_name = "TIME", default_value = "15s", help_heading = "Output")]
    every: Span,
}

const AFTER_HELP: &str = "\
Examples:
  psend events.jsonl                                to http://localhost:8000, ten at a time
  pgen -n 100k | psend -c 100 | pstats              send, and report on what became of it
  psend events.jsonl --mode sequential --delay 100  one after the other, ten a second
  psend events.jsonl --url https://host --api-key-file key.txt -o outcomes.jsonl

Environment: PULSE_URL, PULSE_API_KEY, PULSE_ALLOW_HOSTS (the only hosts that may be sent to).
Exit status: 0 every event has its outcome, 1 the job could not be finished, 2 wrong usage, 130 Ctrl-C.";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    Concurrent,
    Sequential,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ArrivalWord {
    Constant,
    Poisson,
}

/// `30s:100,5m:1000,30s:0`
#[derive(Debug, Clone, PartialEq)]
struct Stages(Vec<(Duration, f64)>);

impl FromStr for Stages {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || "stages TIME:RATE are wanted, such as 30s:100,5m:1000,30s:0".to_owned();
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
    let digits = text.strip_suffix(['x', 'X']).unwrap_or(text);
    let speed = digits.parse::<f64>().ok().filter(|speed| *speed > 0.0 && speed.is_finite());
    speed.ok_or_else(|| "a speed above 0 is wanted, such as 1x or 60x (an hour a minute)".to_owned())
}

fn milliseconds(text: &str) -> Result<Duration, String> {
    match text.parse::<u64>() {
        Ok(ms) => Ok(Duration::from_millis(ms)),
        Err(_) => text
            .parse::<Span>()
            .map(|span| span.0)
            .map_err(|_| "a number of milliseconds is wanted, such as 100, or a duration such as 1s".to_owned()),
    }
}

fn tag(text: &str) -> Result<(String, String), String> {
    let (name, path) = text.split_once('=').unwrap_or((text, text));
    if name.is_empty() || path.is_empty() {
        return Err("NAME=PATH is wanted, such as region=context.tags.region".to_owned());
    }
    Ok((name.to_owned(), path.to_owned()))
}

/// Looks a variable of the environment up.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Args {
    /// The text that `--print-dialect` asks for, where it does.
    ///
    /// # Errors
    /// Where the dialect cannot be read.
    pub fn dialect_to_print(&self) -> Result<Option<String>> {
        if self.print_dialect { self.dialect_text().map(Some) } else { Ok(None) }
    }

    /// The run that these words ask for.
    ///
    /// # Errors
    /// What in them cannot be; nothing was read or written.
    pub fn resolve(self, env: Environment<'_>) -> Result<Config> {
        let url = self.url.clone().or_else(|| env("PULSE_URL")).unwrap_or_else(|| DEFAULT_URL.to_owned());
        let source = if self.url.is_some() { "--url" } else { "PULSE_URL" };
        let target = Target::parse(&url).map_err(|e| Error::usage(format!("{source}: {e}")))?;
        if let Some(hosts) = env("PULSE_ALLOW_HOSTS")
            && !target.is_among(&hosts)
        {
            return Err(Error::usage(format!(
                "{target} is not among the hosts that PULSE_ALLOW_HOSTS allows: {hosts}"
            )));
        }
        let dialect = Dialect::parse(&self.dialect_text()?)
            .map_err(|e| Error::usage(format!("--dialect {}: {e}", self.dialect)))?;
        let (mode, pace, rate) = self.resolve_pace()?;
        let concurrency = self.resolve_concurrency(pace.is_some())?;
        let max_line = usize::try_from(self.max_line.0).unwrap_or(usize::MAX);
        if max_line == 0 {
            return Err(Error::usage("--max-line 0 would leave no line to send"));
        }
        if self.timeout.0.is_zero() {
            return Err(Error::usage("--timeout 0 would leave no time for an answer"));
        }

        let mut secrets = Secrets::default();
        let (key, key_source) = self.resolve_key(&target, &dialect, env)?;
        let mut headers = HeaderMap::new();
        let mut id_headers = Vec::new();
        headers.insert(hyper::header::HOST, header_value("--url", &target.authority())?);
        headers
            .insert(hyper::header::USER_AGENT, HeaderValue::from_static(concat!("psend/", env!("CARGO_PKG_VERSION"))));
        for (name, value) in &dialect.request.headers {
            let wrong = || Error::usage(format!("--dialect {}: '{name}' is no header name", self.dialect));
            let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
            match value.split_once("{event_id}") {
                Some((before, after)) => id_headers.push((header, before.to_owned(), after.to_owned())),
                None => drop(headers.insert(header, header_value(name, value)?)),
            }
        }
        if let Some(key) = key {
            let name = HeaderName::from_bytes(dialect.request.key_header.as_bytes())
                .map_err(|_| Error::usage(format!("--dialect {}: key_header is no header name", self.dialect)))?;
            let mut value = HeaderValue::from_str(&format!("{}{}", dialect.request.key_prefix, key.reveal()))
                .map_err(|_| Error::usage(format!("the key ({key_source}) has characters that no header can carry")))?;
            value.set_sensitive(true);
            headers.insert(name, value);
            secrets.add(&key);
        }
        let method = Method::from_bytes(dialect.request.method.as_bytes()).map_err(|_| {
            Error::usage(format!("--dialect {}: '{}' is no method", self.dialect, dialect.request.method))
        })?;
        let path = format!("{}{}", target.prefix, dialect.request.path);
        let path = if path.is_empty() { "/".to_owned() } else { path };
        let uri: Uri = path.parse().map_err(|e| Error::usage(format!("'{path}' is no path: {e}")))?;

        Ok(Config {
            files: self.files,
            output: self.output,
            quiet: self.quiet,
            every: self.every.0,
            max_line,
            limit: self.limit.map(|Count(n)| n),
            fields: self.fields.unwrap_or_default(),
            target,
            mode,
            pace,
            rate,
            connect_timeout: self.connect_timeout.0.min(self.timeout.0),
            grace: self.grace.0,
            key_source,
            plan: Plan {
                concurrency,
                duration: self.duration.map(|span| span.0),
                dialect,
                method,
                uri,
                headers,
                id_headers,
                timeout: self.timeout.0,
                delay: self.delay,
                retry: retry::Policy {
                    retries: self.retries,
                    base: self.retry_base.0,
                    cap: self.retry_cap.0,
                    retry_after_max: self.retry_after_max.0,
                },
                retry_budget: self.retry_budget.get(),
                wait_for_server: self.wait_for_server.0,
                tags: self.tag,
                shard: self.shard.map(|shard| shard.to_string()),
                secrets,
            },
        })
    }

    fn dialect_text(&self) -> Result<String> {
        match self.dialect.as_str() {
            "pulsestream" => Ok(dialect::PULSESTREAM.to_owned()),
            "plain" => Ok(dialect::PLAIN.to_owned()),
            file if file.ends_with(".toml") || file.contains('/') => {
                let place = Place::Path(file.into());
                std::fs::read_to_string(file).at(&place).map_err(|e| Error::usage(format!("--dialect: {e}")))
            }
            other => Err(Error::usage(format!("--dialect {other}: pulsestream, plain or a TOML file is wanted"))),
        }
    }

    /// The run record's word for the loop, the open loop's pace and its rate where that is one figure.
    fn resolve_pace(&self) -> Result<(&'static str, Option<Pace>, Option<f64>)> {
        let shards = self.shard.map_or(1.0, |shard| shard.count as f64);
        let arrival = match self.arrival {
            Some(ArrivalWord::Poisson) => Arrival::Poisson,
            None | Some(ArrivalWord::Constant) => Arrival::Constant,
        };
        let (mode, pace, rate) = if let Some(rate) = self.rate {
            let rate = rate.per_second() / shards;
            ("rate", Some(Pace::Curve(Curve::constant(rate), arrival)), Some(rate))
        } else if let Some(Stages(stages)) = &self.stages {
            ("stages", Some(Pace::Curve(Curve::stages(stages).divided(shards), arrival)), None)
        } else if let Some(speed) = self.replay {
            ("replay", Some(Pace::Replay(speed)), None)
        } else {
            let mode = if self.mode == Mode::Sequential { "sequential" } else { "concurrent" };
            (mode, None, None)
        };
        if self.arrival.is_some() && !matches!(pace, Some(Pace::Curve(..))) {
            return Err(Error::usage("--arrival goes with --rate or --stages: it spreads events around a rate"));
        }
        if pace.is_some() && (self.mode == Mode::Sequential || !self.delay.is_zero()) {
            return Err(Error::usage(format!(
                "--{mode} sends when events are due, whatever came of those before: leave --mode sequential and --delay out"
            )));
        }
        Ok((mode, pace, rate))
    }

    fn resolve_concurrency(&self, open_loop: bool) -> Result<usize> {
        const MOST: u64 = 100_000;
        match (self.mode, self.concurrency) {
            (Mode::Sequential, None | Some(Count(1))) => Ok(1),
            (Mode::Sequential, Some(Count(n))) => Err(Error::usage(format!(
                "--mode sequential sends one event at a time: leave --concurrency {n} out, or choose --mode concurrent"
            ))),
            (Mode::Concurrent, None) => Ok(if open_loop { 1000 } else { 10 }),
            (Mode::Concurrent, Some(Count(n))) if (1..=MOST).contains(&n) => Ok(usize::try_from(n).unwrap_or(1)),
            (Mode::Concurrent, Some(Count(n))) => {
                Err(Error::usage(format!("--concurrency {n}: a number from 1 to {MOST} is wanted")))
            }
        }
    }

    /// The key, and in words where it came from.
    fn resolve_key(
        &self,
        target: &Target,
        dialect: &Dialect,
        env: Environment<'_>,
    ) -> Result<(Option<Secret>, String)> {
        let found = if let Some(key) = &self.api_key {
            Some((Secret::new(key), "--api-key".to_owned()))
        } else if let Some(file) = &self.api_key_file {
            let text = std::fs::read_to_string(file)
                .at(&Place::of(file))
                .map_err(|e| Error::usage(format!("--api-key-file: {e}")))?;
            Some((Secret::new(text.trim()), format!("file {}", file.display())))
        } else {
            env("PULSE_API_KEY").map(|key| (Secret::new(key), "PULSE_API_KEY".to_owned()))
        };
        match found {
            Some((key, source)) if key.reveal().is_empty() => Err(Error::usage(format!("the key ({source}) is empty"))),
            _ if dialect.request.key_header.is_empty() => Ok((None, "the dialect sends none".to_owned())),
            Some((key, source)) => Ok((Some(key), source)),
            None if target.is_loopback() => Ok((Some(Secret::new(TEST_KEY)), "the guide's test key".to_owned())),
            None => Err(Error::usage(format!(
                "{target} wants a key: the guide's test key is for this computer alone. \
                 Give one in PULSE_API_KEY or with --api-key-file"
            ))),
        }
    }
}

fn header_value(what: &str, value: &str) -> Result<HeaderValue> {
    HeaderValue::from_str(value).map_err(|_| Error::usage(format!("{what}: '{value}' cannot stand in a header")))
}
