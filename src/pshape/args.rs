//! The command line, as typed.

#![allow(rustdoc::broken_intra_doc_links)] // the doc comments are the help, and its brackets mean options

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use chrono_tz::Tz;
use clap::Parser;

use crate::cli::files::Files;
use crate::cli::shard::Shard;
use crate::cli::values::{self, ByteSize, Moment};
use crate::cli::{CommandLine, Help};
use crate::clock::Micros;
use crate::jsonl::DEFAULT_MAX_LINE;
use crate::record::event::FieldMap;
use crate::world::curve::CurveChoice;

use super::scenario::is_built_in;

use super::levels::Levels;

/// Adds traffic curves and faults to a stream of events, and records each fault.
///
/// Reads JSON Lines and changes only what the effects change; everything else passes through byte for byte.
/// The same input, flags and seed give the same bytes.
#[derive(Debug, Parser)]
#[command(name = "pshape", version)]
pub(super) struct Args {
    /// Files of events [default: -, standard input]
    pub files: Vec<PathBuf>,

    /// Spread events over time by a curve
    ///
    /// Curves are business, flat, diurnal, follow-the-sun, or a file of 24 × 7 weights.
    #[arg(long, value_name = "CURVE", help_heading = "Effects on time", allow_hyphen_values = true)]
    pub curve: Option<OsString>,

    /// Curve of the input, for --curve [default: flat]
    #[arg(
        long,
        value_name = "CURVE",
        help_heading = "Effects on time",
        requires = "curve",
        allow_hyphen_values = true
    )]
    pub from: Option<OsString>,

    /// Move timestamps by DURATION
    #[arg(long, value_name = "DURATION", help_heading = "Effects on time", allow_hyphen_values = true)]
    pub shift: Option<String>,

    /// Move the first event to TIME, and all with it
    ///
    /// TIME is in RFC 3339, a date or now. With --curve it is the start of the window.
    #[arg(long, value_name = "TIME", help_heading = "Effects on time")]
    pub start: Option<Moment>,

    /// End of --curve's window
    #[arg(long, value_name = "TIME", help_heading = "Effects on time", requires = "curve", conflicts_with = "hours")]
    pub end: Option<Moment>,

    /// Length of --curve's window in hours, from --start
    #[arg(long, value_name = "N", help_heading = "Effects on time", requires_all = ["curve", "start"], value_parser = values::hours)]
    pub hours: Option<Micros>,

    /// Time zone of --curve
    #[arg(long, value_name = "ZONE", help_heading = "Effects on time", default_value = "UTC")]
    pub tz: Tz,

    /// Multiply the time between events
    #[arg(long, value_name = "FACTOR", help_heading = "Effects on time", allow_hyphen_values = true)]
    pub stretch: Option<String>,

    /// Add a flash crowd: at=2h,peak=10x
    ///
    /// Moves events towards it. Options: at=2h,peak=10x,ramp=30s,hold=2m,decay=5m. Repeatable.
    #[arg(long, value_name = "OPTIONS", help_heading = "Effects on time", allow_hyphen_values = true)]
    pub flash: Vec<String>,

    /// Stop a producer for a while: at=1h,for=10m,mode=drop|flush
    ///
    /// Its events are lost, or sent afterwards. Repeatable.
    #[arg(long, value_name = "OPTIONS", help_heading = "Effects on time", allow_hyphen_values = true)]
    pub gap: Vec<String>,

    /// Make a service fail for a while
    ///
    /// Options: service=payment-service,at=+2h,for=15m, then errors=40%, latency=5x and cascade=order-service:0.5. Repeatable.
    #[arg(long, value_name = "OPTIONS", help_heading = "Incidents", allow_hyphen_values = true)]
    pub incident: Vec<String>,

    /// Multiply some response times
    ///
    /// Options: P[,factor=2..10|pareto:1.5][,burst=20]
    #[arg(long, value_name = "P", help_heading = "Effects on values", allow_hyphen_values = true)]
    pub spikes: Option<String>,

    /// Multiply all response times: FACTOR[,p=P][,burst=20]
    #[arg(long, value_name = "FACTOR", help_heading = "Effects on values", allow_hyphen_values = true)]
    pub slow: Option<String>,

    /// Turn successes into errors
    ///
    /// Options: P[,codes=500:3/503:2][,burst=20]
    #[arg(long, value_name = "P", help_heading = "Effects on values", allow_hyphen_values = true)]
    pub errors: Option<String>,

    /// Turn errors into successes, all or a share
    ///
    /// Options: P[,burst=20]
    #[arg(long, value_name = "P", help_heading = "Effects on values", num_args = 0..=1, default_missing_value = "1")]
    pub recover: Option<String>,

    /// Give each event a new id with this prefix
    ///
    /// Duplicates stay duplicates.
    #[arg(long, value_name = "PREFIX", help_heading = "Effects on values")]
    pub new_ids: Option<String>,

    /// Make a producer's clock wrong
    ///
    /// Options: service=user-service,by=90s. Repeatable.
    #[arg(long, value_name = "OPTIONS", help_heading = "Effects on the stream", allow_hyphen_values = true)]
    pub skew: Vec<String>,

    /// Lose events
    ///
    /// Options: P[,burst=20]
    #[arg(long, value_name = "P", help_heading = "Effects on the stream", allow_hyphen_values = true)]
    pub drop: Option<String>,

    /// Repeat events
    ///
    /// Options: P[,copies=1][,delay=5m][,conflict]. conflict gives copies another body with the same id.
    #[arg(long, value_name = "P", help_heading = "Effects on the stream", allow_hyphen_values = true)]
    pub duplicates: Option<String>,

    /// Make events arrive late
    ///
    /// Options: P[,by=5m][,cap=24h]
    #[arg(long, value_name = "P", help_heading = "Effects on the stream", allow_hyphen_values = true)]
    pub late: Option<String>,

    /// Move events back by some lines
    ///
    /// Options: P[,window=100]
    #[arg(long, value_name = "P", help_heading = "Effects on the stream", allow_hyphen_values = true)]
    pub reorder: Option<String>,

    /// Break the JSON
    ///
    /// Options: P[,kinds=KIND/KIND]. Kinds are truncate, unclosed, trailing-comma, nan, two-in-one and not-an-object; by default all.
    #[arg(long, value_name = "P", help_heading = "Effects on bytes", allow_hyphen_values = true)]
    pub malformed: Option<String>,

    /// Break the schema
    ///
    /// Options: P[,kinds=KIND/KIND][,required=PATH/PATH]. Kinds are missing, null, retype, rename and extra; by default all.
    #[arg(long, value_name = "P", help_heading = "Effects on bytes", allow_hyphen_values = true)]
    pub schema: Option<String>,

    /// Break the characters
    ///
    /// Options: P[,kinds=KIND/KIND]. Kinds are bad-utf8, lone-surrogate, nul, bom and crlf; by default all.
    #[arg(long, value_name = "P", help_heading = "Effects on bytes", allow_hyphen_values = true)]
    pub encoding: Option<String>,

    /// Make events oversized
    ///
    /// Options: P[,to=512KiB]
    #[arg(long, value_name = "P", help_heading = "Effects on bytes", allow_hyphen_values = true)]
    pub oversize: Option<String>,

    /// Nest one event in every N too deeply for parsers
    ///
    /// Options: every=10000
    #[arg(long, value_name = "OPTIONS", help_heading = "Effects on bytes", allow_hyphen_values = true)]
    pub poison: Option<String>,

    /// Apply the effects of a scenario
    ///
    /// NAME is a built-in scenario; --list-scenarios lists them. Repeatable.
    #[arg(long, value_name = "NAME|FILE", help_heading = "Scenarios")]
    pub scenario: Vec<PathBuf>,

    /// List the built-in scenarios
    #[arg(long, help_heading = "Scenarios")]
    pub list_scenarios: bool,

    /// Apply effects only to events such as service=a
    ///
    /// These are the events that meet all conditions, such as service=payment-service,status_code>=500. Fields are short names, or
    /// paths as in --fields.
    #[arg(long = "where", value_name = "CONDITIONS", allow_hyphen_values = true)]
    pub filter: Option<String>,

    /// Also write the faults of an event into the event, as metadata.faults
    #[arg(long)]
    pub label: bool,

    /// Write the events to FILE
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Record each injected fault in FILE
    #[arg(long, value_name = "FILE")]
    pub truth: Option<PathBuf>,

    /// Seed of every random choice [default: random]
    ///
    /// A random seed is printed on stderr, so that the run can be repeated.
    #[arg(long, value_name = "N", value_parser = values::seed)]
    pub seed: Option<u64>,

    /// This run is part I of N: marks the truth, and makes other random choices than the other parts
    ///
    /// auto reads I and N from the scheduler's variables: Kubernetes, Slurm, AWS Batch, Grid Engine, PBS, HyperQueue, Nomad,
    /// Cloud Run.
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,

    /// Paths of fields: timestamp=ts,id=uuid
    ///
    /// For events of another schema, such as timestamp=ts,latency=took:s,status=code,id=uuid. The path a.b means b inside a, or
    /// the key "a.b"; a.0 the first element of an array; a\.b only the key "a.b".
    #[arg(long, value_name = "ROLE=PATH,…")]
    pub fields: Option<FieldMap>,

    /// Severities that errors and recoveries write: info=INFO,warning=WARN,error=ERROR [default: PulseStream's]
    #[arg(long, value_name = "LEVEL=WORD,…")]
    pub levels: Option<Levels>,

    /// Longest line to change; longer ones pass unchanged
    #[arg(long, value_name = "BYTES", value_parser = values::size_above_zero, default_value_t = ByteSize(DEFAULT_MAX_LINE as u64))]
    pub max_line: ByteSize,

    /// Most memory for events that are held back
    #[arg(long, value_name = "BYTES", default_value_t = ByteSize(128 << 20))]
    pub max_held: ByteSize,

    /// Print no summary
    #[arg(short, long)]
    pub quiet: bool,
}

/// The file that `--curve` or `--from` names, if it is not the name of a curve.
fn curve_file(text: &OsStr) -> Option<PathBuf> {
    let first = text.as_bytes().split(|byte| *byte == b',').next()?;
    let name = OsStr::from_bytes(first.strip_prefix(b"name=").unwrap_or(first).trim_ascii());
    match CurveChoice::of(name).ok()? {
        CurveChoice::File(path) => Some(path),
        CurveChoice::Named(_) => None,
    }
}

impl CommandLine for Args {
    const HELP: Help = Help {
        examples: "  \
  pshape --spikes 5% --seed 1 < events.jsonl > spiked.jsonl
  pshape --duplicates 1% --malformed 1% --truth truth.jsonl events.jsonl
  pgen -n 100k | pshape --errors 2%,burst=20 | psend -c 100 | pstats
  pshape --curve diurnal --start 2026-01-05 --hours 168 < events.jsonl
  pshape --incident service=payment-service,at=+2h,for=15m < events.jsonl
  pshape --scenario black-friday < events.jsonl",
        everyday: &[
            "curve",
            "shift",
            "start",
            "flash",
            "incident",
            "spikes",
            "errors",
            "new-ids",
            "drop",
            "duplicates",
            "late",
            "malformed",
            "schema",
            "scenario",
            "list-scenarios",
            "where",
            "output",
            "truth",
            "seed",
            "fields",
            "quiet",
        ],
        exit_status: "\
P is a share of events, such as 0.05 or 5%. docs/pshape.md describes each effect.

Exit status: 0 if all events are written, 1 if the job could not be finished, 2
for wrong usage, 130 after Ctrl-C.",
    };

    fn files(&self) -> Files {
        let curves = [("--curve", &self.curve), ("--from", &self.from)];
        let files = curves
            .into_iter()
            .fold(Files::default(), |files, (flag, curve)| files.reads(flag, curve.as_deref().and_then(curve_file)));
        let scenarios = self.scenario.iter().filter(|scenario| !is_built_in(scenario));
        let files = files.reads("--scenario", scenarios).output(self.output.as_deref()).writes("--truth", &self.truth);
        if self.list_scenarios { files } else { files.inputs(&self.files) }
    }
}

impl Args {
    /// The options given to a kind of effect by its own flag, once for each time.
    pub(super) fn given(&self, flag: &str) -> Vec<&OsStr> {
        fn one(text: &Option<impl AsRef<OsStr>>) -> Vec<&OsStr> {
            text.iter().map(AsRef::as_ref).collect()
        }
        fn all(texts: &[String]) -> Vec<&OsStr> {
            texts.iter().map(AsRef::as_ref).collect()
        }
        match flag {
            "curve" => one(&self.curve),
            "flash" => all(&self.flash),
            "gap" => all(&self.gap),
            "incident" => all(&self.incident),
            "spikes" => one(&self.spikes),
            "slow" => one(&self.slow),
            "errors" => one(&self.errors),
            "recover" => one(&self.recover),
            "new-ids" => one(&self.new_ids),
            "skew" => all(&self.skew),
            "drop" => one(&self.drop),
            "duplicates" => one(&self.duplicates),
            "late" => one(&self.late),
            "reorder" => one(&self.reorder),
            "malformed" => one(&self.malformed),
            "schema" => one(&self.schema),
            "encoding" => one(&self.encoding),
            "oversize" => one(&self.oversize),
            "poison" => one(&self.poison),
            _ => Vec::new(),
        }
    }
}
