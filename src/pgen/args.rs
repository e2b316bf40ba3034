//! pgen's command line, as typed. The only file of pgen that names clap.

use std::ffi::OsString;
use std::path::PathBuf;

use chrono_tz::Tz;
use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Parser, ValueEnum};

use crate::cli::files::Files;
use crate::cli::part_of_run::RunId;
use crate::cli::shard::Shard;
use crate::cli::values::{self, Count, Moment, Probability, Rate, Span};
use crate::cli::{CommandLine, Help};
use crate::clock::Micros;
use crate::world::curve::CurveChoice;
use crate::world::shipped;

/// The window's length in hours if neither `--hours` nor both ends are given.
pub(super) const DEFAULT_HOURS: Micros = 24;

/// Writes realistic API events as JSON Lines.
///
/// The same seed, start and flags give the same bytes on every machine.
#[derive(Debug, Parser)]
#[command(name = "pgen", version, args_override_self = true)]
pub(super) struct Args {
    /// Events to write: 500, 10k, 1m or inf
    ///
    /// inf writes events until it is stopped.
    #[arg(short = 'n', long, value_name = "N", default_value = "10k")]
    pub(super) count: Amount,

    /// Write to FILE [default: -, standard output]
    ///
    /// FILE appears once it is complete.
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,

    /// Output format: jsonl or json
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    pub(super) format: Format,

    #[arg(long, value_name = "H", value_parser = values::hours,
        help = format!("Length of the window in hours [default: {DEFAULT_HOURS}]"))]
    pub(super) hours: Option<Micros>,

    /// Start of the window: a time, a date or now
    ///
    /// Times are in RFC 3339. By default the window ends now.
    #[arg(long, value_name = "TIME")]
    pub(super) start: Option<Moment>,

    /// End of the window, exclusive
    #[arg(long, value_name = "TIME")]
    pub(super) end: Option<Moment>,

    /// Mean rate of --count inf in event time, such as 500 or 300/1m
    #[arg(long, value_name = "RATE")]
    pub(super) event_rate: Option<Rate>,

    /// Seed of every random choice [default: random]
    ///
    /// A random seed is printed on stderr, so that the run can be repeated.
    #[arg(long, value_name = "NUMBER", value_parser = values::seed)]
    pub(super) seed: Option<u64>,

    /// Share of slow events, such as 0.05 or 5%
    ///
    /// Multiplies the response time of these events by 2 to 10. In a profile of another shape, it multiplies the fields that have
    /// spikes = true.
    #[arg(long, value_name = "P", default_value_t = Probability::ZERO)]
    pub(super) spikes: Probability,

    /// Traffic over the week
    ///
    /// Curves are business, flat, diurnal and follow-the-sun, or a file of 24 × 7 weights.
    #[arg(long, value_name = "CURVE", value_parser = OsStringValueParser::new().try_map(curve), default_value = "business")]
    pub(super) curve: CurveChoice,

    /// Time zone of --curve
    ///
    /// A name such as Europe/Berlin.
    #[arg(long, value_name = "ZONE", value_parser = zone, default_value = "UTC")]
    pub(super) tz: Tz,

    /// Profile of the events: a TOML file or a name
    ///
    /// Names of shipped profiles are pulsestream (the default), nginx, envoy, kubernetes-audit, cloudtrail, otlp-logs, ecs and
    /// github-webhook. A file of that name is read instead. --print-profile prints a profile as a file to start from.
    #[arg(long, value_name = "FILE")]
    pub(super) profile: Option<PathBuf>,

    /// Print a shipped profile with its comments and exit
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = shipped::ALL[0].name, conflicts_with_all = [
        "count", "format", "hours", "start", "end", "event_rate", "seed", "spikes", "curve", "tz", "profile", "shard", "run_id",
        "record", "skip", "threads", "every", "quiet",
    ])]
    pub(super) print_profile: Option<String>,

    /// Write part I of N; the parts add up to the whole
    ///
    /// auto reads I and N from the scheduler's variables: Kubernetes, Slurm, AWS Batch, Grid Engine, PBS, HyperQueue, Nomad,
    /// Cloud Run.
    #[arg(long, value_name = "I/N")]
    pub(super) shard: Option<Shard>,

    /// Id that all parts of the run share [default: from the scheduler]
    ///
    /// The record of --record names it, so that pstats can tell whether all parts came. The default is PULSE_RUN_ID, or with --shard
    /// the id of the scheduler's job.
    #[arg(long, value_name = "ID")]
    pub(super) run_id: Option<RunId>,

    /// Record in FILE what was written
    ///
    /// One line of JSON for pstats: run id, shard, seed, number of events, first and last event_id, and the XXH3 hash of all bytes.
    #[arg(long, value_name = "FILE")]
    pub(super) record: Option<PathBuf>,

    /// Skip the first K events without generating them
    #[arg(long, value_name = "K", default_value = "0")]
    pub(super) skip: Count,

    /// Threads to use; the output does not depend on them [default: one per core]
    #[arg(long, value_name = "N", value_parser = values::whole::<usize>(1..=values::MOST_THREADS))]
    pub(super) threads: Option<usize>,

    /// How often to report progress where it is not redrawn [default: 15s]
    ///
    /// On a terminal, the last tool of a pipe redraws a line. Any other writes lines only if this flag is given.
    #[arg(long, value_name = "TIME", value_parser = values::span_above_zero)]
    pub(super) every: Option<Span>,

    /// Show no progress
    ///
    /// A seed or start that was not given is still printed.
    #[arg(short, long)]
    pub(super) quiet: bool,
}

impl CommandLine for Args {
    const HELP: Help = Help {
        examples: "  \
  pgen > events.jsonl
  pgen --count 1m --seed 42 --start 2026-01-05T00:00:00Z -o events.jsonl
  pgen -n 100k --spikes 5% | psend -c 100 | pstats
  pgen -n inf --event-rate 500 | head -n 1000
  pgen --hours 168 --curve diurnal --tz Europe/Berlin > week.jsonl
  pgen --print-profile > shop.toml; pgen --profile shop.toml > shop.jsonl",
        everyday: &[
            "count", "output", "format", "hours", "start", "end", "seed", "spikes", "curve", "tz", "profile", "shard",
            "quiet",
        ],
        exit_status: "\
Exit status: 0 if all events are written, 1 if the job could not be finished, 2
for wrong usage, 130 after Ctrl-C.",
    };

    fn files(&self) -> Files {
        let curve = match &self.curve {
            CurveChoice::File(path) => Some(path),
            CurveChoice::Named(_) => None,
        };
        Files::default()
            .reads("--profile", &self.profile)
            .reads("--curve", curve)
            .output(self.output.as_deref())
            .writes("--record", &self.record)
    }
}

/// `--count`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Amount {
    Events(u64),
    Endless,
}

impl std::str::FromStr for Amount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "inf" {
            return Ok(Self::Endless);
        }
        // JSON readers hold an event's number exactly up to here.
        let count = text.parse::<Count>()?.0;
        if count <= 1 << 53 { Ok(Self::Events(count)) } else { Err("expected at most 2^53 events".to_owned()) }
    }
}

/// `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// One event per line
    Jsonl,
    /// One array
    Json,
}

/// A curve; `-` is standard input, which pgen does not need for anything else.
fn curve(text: OsString) -> Result<CurveChoice, String> {
    if text == "-" { Ok(CurveChoice::File(text.into())) } else { CurveChoice::of(&text) }
}

fn zone(text: &str) -> Result<Tz, String> {
    text.parse().map_err(|_| "expected the name of a time zone, such as UTC or Europe/Berlin".to_owned())
}
