//! From the command line to a [`Config`]: fills in defaults and builds the effects.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::cli::Console;
use crate::cli::files::is_stdout;
use crate::cli::part_of_run::PartOfRun;
use crate::cli::values::{ByteSize, Moment};
use crate::clock::{Clock, Micros};
use crate::error::{Error, Result};
use crate::record::filter::Filter;
use crate::seed::{self, Seed};
use crate::time;

use super::active::Active;
use super::args::Args;
use super::config::{CheckConfig, Config, Pipeline};
use super::effect::label::Label;
use super::effect::{Phase, Setup, Wants};
use super::event::FieldRegistry;
use super::redact::{Check, Key, Members};
use super::selection::{Selected, select};
use super::window::{Period, StreamStart};

/// Resolves the flags. Reports on stderr, as flags to paste, what was drawn or read from the clock.
///
/// # Errors
/// If a value is out of range, or names something that does not exist.
pub(super) fn resolve(args: Args, clock: &dyn Clock, console: &Console) -> Result<Config> {
    if args.truth.as_deref().is_some_and(is_stdout) {
        return Err(Error::usage("--truth: expected a file; standard output is where the events go"));
    }
    let start = args.start.map(|start| start.resolve(clock.now()));
    let seed = args.seed.unwrap_or_else(seed::draw);
    let pipeline = pipeline(&args, clock, start, seed)?;
    warn_of_flags_without_effect(&args, &pipeline, console);
    if !pipeline.effects.is_empty() {
        report_how_to_repeat(&args, start, Some(seed).filter(|_| pipeline.wants.chance), console);
    }
    Ok(Config {
        files: args.files,
        output: args.output,
        truth: args.truth,
        pipeline,
        max_line: bytes(args.max_line),
        quiet: args.quiet,
    })
}

/// Resolves the flags of a check. `original` is the stream before it was redacted.
///
/// # Errors
/// If there are other effects, or no such key or members.
pub(super) fn check(args: Args, original: PathBuf) -> Result<CheckConfig> {
    let Some(paths) = args.effects.only_redact() else {
        return Err(Error::usage("--redact-check: expected --redact and no other effect: it writes no events"));
    };
    let key = args.redact_key_file.as_deref().map(redact_key).transpose()?;
    let knows_key = key.is_some();
    // Any key finds the members. Only the right one tells stand-ins from values.
    let key = key.unwrap_or_else(|| Key::new(&[b'0'; 16]).expect("sixteen bytes are a key"));
    let paths = paths.to_string_lossy();
    let members = Members::parse(&paths, &key)
        .map_err(|form| Error::usage(format!("invalid value '{paths}' for --redact: {form}")))?;
    Ok(CheckConfig {
        original,
        files: args.files,
        output: args.output,
        check: Check::new(members, knows_key),
        max_line: bytes(args.max_line),
        quiet: args.quiet,
    })
}

/// Builds the effects.
fn pipeline(args: &Args, clock: &dyn Clock, start: Option<Micros>, seed: u64) -> Result<Pipeline> {
    let mut fields = FieldRegistry::new(args.fields.clone().unwrap_or_default());
    let filter = args.filter.as_deref().map(|text| {
        Filter::parse(text, fields.map())
            .map_err(|why| Error::usage(format!("invalid value '{text}' for --where: {why}")))
    });
    let filter = filter.transpose()?;
    let period = period(args, start, clock)?;
    let part = PartOfRun::resolve(args.run_id.clone(), args.shard)?;
    let whole_seed = seed;
    let seed = args.shard.map_or(Seed::new(seed), |shard| Seed::new(seed).shard(shard.index));
    let levels = args.levels.clone().unwrap_or_default();
    let redact_key = args.redact_key_file.as_deref().map(redact_key).transpose()?;
    let (mut wants, mut origin) = (Wants::default(), StreamStart::default());
    let mut effects = Vec::new();
    for Selected { kind, name, spec, by_flag } in select(args, start)? {
        let setup = Setup {
            fields: &mut fields,
            seed,
            name,
            redact_key: redact_key.as_ref(),
            levels: &levels,
            period,
            origin: &mut origin,
            wants: &mut wants,
            filter: Vec::new(),
            runs_over: Vec::new(),
        };
        effects.push(Active::build(kind, spec, filter.as_ref().filter(|_| by_flag), setup)?);
    }
    // With --curve, --start is the start of its window, and moves nothing.
    if let (Some(start), None) = (start, origin.fixed) {
        origin.fixed = Some(start.saturating_add(origin.shift));
    }
    let label = args.label.then(|| Label::new(&mut fields));
    Ok(Pipeline { effects, fields, wants, origin, label, part, seed: whole_seed, max_held: bytes(args.max_held) })
}

/// Reads the key of `--redact`.
fn redact_key(path: &Path) -> Result<Key> {
    // The file may be a pipe, as from `<(vault read …)`.
    let mut key = Vec::new();
    let read = File::open(path).and_then(|file| file.take(Key::LONGEST_FILE).read_to_end(&mut key));
    read.map_err(|why| Error::usage(format!("--redact-key-file {}: {why}", path.display())))?;
    Key::new(&key).map_err(|why| Error::usage(format!("--redact-key-file {}: {why}", path.display())))
}

fn warn_of_flags_without_effect(args: &Args, pipeline: &Pipeline, console: &Console) {
    if args.label && pipeline.effects.is_empty() {
        console.warn("--label does nothing without an effect");
    }
    if args.redact_key_file.is_some() && !pipeline.effects.iter().any(|active| active.kind.phase == Phase::Redact) {
        console.warn("--redact-key-file does nothing without --redact");
    }
    if args.filter.is_some() && !args.has_effects() {
        console.warn("--where does nothing: it narrows the effects of the command line, and there are none");
    }
}

/// `seed` is the seed if it decided anything.
fn report_how_to_repeat(args: &Args, start: Option<Micros>, seed: Option<u64>, console: &Console) {
    let start = start.filter(|_| args.start == Some(Moment::Now));
    let start = start.map(|at| format!(" --start {}", time::format(at)));
    let seed = seed.filter(|_| args.seed.is_none()).map(|seed| format!(" --seed {seed}"));
    if seed.is_some() || start.is_some() {
        let flags = [seed, start].map(Option::unwrap_or_default).concat();
        console.note(format_args!("to repeat this run:{flags}"));
    }
}

/// The window of `--curve`.
fn period(args: &Args, start: Option<Micros>, clock: &dyn Clock) -> Result<Period> {
    let end = match (args.end, args.hours) {
        (Some(end), _) => Some(end.resolve(clock.now())),
        (None, Some(hours)) => start.map(|start| start.saturating_add(hours)),
        (None, None) => None,
    };
    let window = match (start.filter(|_| args.effects.curve().is_some()), end) {
        (None, None) => None,
        (Some(start), Some(end)) if start < end => Some((start, end)),
        (Some(_), Some(_)) => return Err(Error::usage("--end is not after --start")),
        (Some(_), None) => return Err(Error::usage("--curve with --start needs --end or --hours")),
        (None, Some(_)) => return Err(Error::usage("--end needs --start")),
    };
    Ok(Period { window, zone: args.tz })
}

fn bytes(size: ByteSize) -> usize {
    usize::try_from(size.0).unwrap_or(usize::MAX)
}
