//! The command line, as typed.

#![allow(rustdoc::broken_intra_doc_links)] // the doc comments are the help, and its brackets mean options

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use chrono_tz::Tz;
use clap::builder::{OsStringValueParser, StringValueParser, TypedValueParser};
use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches, Parser};

use crate::cli::files::Files;
use crate::cli::part_of_run::RunId;
use crate::cli::shard::Shard;
use crate::cli::values::{self, ByteSize, Moment};
use crate::cli::{CommandLine, Help};
use crate::clock::Micros;
use crate::jsonl::DEFAULT_MAX_LINE;
use crate::record::event::FieldMap;
use crate::world::curve::CurveChoice;

use super::effect::{Flag, Form, GivenBy, KINDS, Kind, Phase};
use super::levels::Levels;
use super::scenario::is_built_in;

/// Adds traffic curves and faults to a stream of events, and records each fault.
///
/// Reads JSON Lines and changes only what the effects change; everything else passes through byte for byte.
/// The same input, flags and seed give the same bytes.
#[derive(Debug, Parser)]
#[command(name = "pshape", version)]
pub(super) struct Args {
    /// Files of events [default: -, standard input]
    pub files: Vec<PathBuf>,

    #[command(flatten)]
    pub effects: EffectFlags,

    /// Key of --redact: the same key gives the same stand-ins
    ///
    /// The same value then has the same stand-in in all files, shards and runs. Make a key with: openssl rand -hex 32 > FILE
    #[arg(long, value_name = "FILE", help_heading = "Redaction")]
    pub redact_key_file: Option<PathBuf>,

    /// Prove that no value that --redact replaces in ORIGINAL is left in the input
    ///
    /// Searches plain text, JSON escapes, JSON in strings, URL encoding, base64 and hexadecimal digits. Writes a line of JSON for each value
    /// that is left, without the value. Exit status 99 if there is one. Give --redact and --redact-key-file as for the redaction.
    #[arg(long, value_name = "ORIGINAL", help_heading = "Redaction", requires = "redact",
        conflicts_with_all = ["truth", "label", "scenario", "list_scenarios", "filter", "shift", "start", "stretch", "curve"])]
    pub redact_check: Option<PathBuf>,

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
    /// A random seed is printed on stderr, so that the run can be repeated, unless no effect draws anything at random.
    #[arg(long, value_name = "N", value_parser = values::seed)]
    pub seed: Option<u64>,

    /// This run is part I of N: marks the truth, and makes other random choices than the other parts
    ///
    /// auto reads I and N from the scheduler's variables: Kubernetes, Slurm, AWS Batch, Grid Engine, PBS, HyperQueue, Nomad,
    /// Cloud Run.
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,

    /// Id that all parts of the run share [default: from the scheduler]
    ///
    /// The last line of the truth names it, so that pstats can tell whether all parts came. The default is PULSE_RUN_ID, or with
    /// --shard the id of the scheduler's job.
    #[arg(long, value_name = "ID")]
    pub run_id: Option<RunId>,

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
  pshape --scenario black-friday < events.jsonl
  pshape --redact auto --redact-key-file key < events.jsonl > shareable.jsonl",
        everyday: &[
            "redact",
            "curve",
            "shift",
            "flash",
            "incident",
            "spikes",
            "errors",
            "drop",
            "duplicates",
            "late",
            "malformed",
            "schema",
            "scenario",
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
for wrong usage, 99 if --redact-check found a value, 130 after Ctrl-C.",
    };

    fn files(&self) -> Files {
        let curves = [("--curve", self.effects.curve()), ("--from", self.from.as_deref())];
        let files = curves
            .into_iter()
            .fold(Files::default(), |files, (flag, curve)| files.reads(flag, curve.and_then(curve_file)));
        let scenarios = self.scenario.iter().filter(|scenario| !is_built_in(scenario));
        let files = files.reads("--scenario", scenarios).reads("--redact-key-file", &self.redact_key_file);
        let files = files.reads("--redact-check", &self.redact_check);
        let files = files.output(self.output.as_deref()).writes("--truth", &self.truth);
        if self.list_scenarios { files } else { files.inputs(&self.files) }
    }
}

impl Args {
    /// Whether a flag asks for an effect.
    pub(super) fn has_effects(&self) -> bool {
        let moved = self.shift.is_some() || self.stretch.is_some() || self.start.is_some();
        moved || self.effects.each().any(|(_, given)| !given.is_empty())
    }
}

/// What the flags of the effects were given: for each kind, in the order of [`KINDS`], one value for each time.
#[derive(Debug)]
pub(super) struct EffectFlags(Vec<Vec<OsString>>);

impl EffectFlags {
    /// Each kind, with what its own flag was given.
    pub(super) fn each(&self) -> impl Iterator<Item = (&'static Kind, &[OsString])> {
        KINDS.into_iter().zip(self.0.iter().map(Vec::as_slice))
    }

    /// What `--redact` was given, if no other effect was given a flag.
    pub(super) fn only_redact(&self) -> Option<&OsStr> {
        let mut given = self.each().filter(|(_, given)| !given.is_empty());
        let (kind, paths) = given.next()?;
        let is_only = kind.phase == Phase::Redact && given.next().is_none();
        paths.first().map(OsString::as_os_str).filter(|_| is_only)
    }

    /// What `--curve` was given.
    pub(super) fn curve(&self) -> Option<&OsStr> {
        let is_curve = |kind: &Kind| matches!(kind.given_by, GivenBy::Flag(Flag { form: Form::Curve, .. }));
        self.each().find(|(kind, _)| is_curve(kind)).and_then(|(_, given)| given.first()).map(OsString::as_os_str)
    }
}

/// The flag of an effect, as clap knows it.
fn arg(kind: &'static Kind) -> Option<Arg> {
    let GivenBy::Flag(flag) = &kind.given_by else { return None };
    let heading = match kind.phase {
        Phase::Redact => "Redaction",
        Phase::Retime => "Effects on time",
        Phase::Incidents => "Incidents",
        Phase::Values => "Effects on values",
        Phase::Stream => "Effects on the stream",
        Phase::Bytes => "Effects on bytes",
    };
    let text = StringValueParser::new().map(OsString::from);
    let arg = Arg::new(kind.flag)
        .long(kind.flag)
        .value_name(flag.value)
        .action(if flag.repeatable { ArgAction::Append } else { ArgAction::Set })
        .help(flag.help)
        .help_heading(heading);
    let arg = if flag.details.is_empty() { arg } else { arg.long_help(format!("{}\n\n{}", flag.help, flag.details)) };
    Some(match flag.form {
        Form::Options => arg.value_parser(text).allow_hyphen_values(true),
        Form::OptionalOptions => arg.value_parser(text).num_args(0..=1).default_missing_value("1"),
        Form::Text | Form::Paths => arg.value_parser(text),
        Form::Curve => arg.value_parser(OsStringValueParser::new()).allow_hyphen_values(true),
    })
}

impl clap::Args for EffectFlags {
    fn augment_args(command: Command) -> Command {
        command.args(KINDS.into_iter().filter_map(arg))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for EffectFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = |kind: &Kind| match kind.given_by {
            GivenBy::Flag(_) => matches.get_many(kind.flag).unwrap_or_default().cloned().collect(),
            GivenBy::ShiftStartStretch => Vec::new(),
        };
        Ok(Self(KINDS.into_iter().map(given).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
