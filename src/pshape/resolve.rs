//! From the command line to a [`Config`]: fills in defaults, reads scenarios, builds the effects in their order.

use std::path::PathBuf;

use crate::cli::files::is_stdout;
use crate::cli::values::{ByteSize, Moment, Probability};
use crate::cli::{CommandLine, Console};
use crate::clock::{Clock, Micros};
use crate::error::{Error, Result};
use crate::record::filter::Filter;
use crate::seed::{self, Seed};
use crate::time;

use super::active::Active;
use super::args::Args;
use super::config::{Config, Pipeline};
use super::effect::label::Label;
use super::effect::{KINDS, Kind, Setup, Typed, Wants};
use super::event::FieldRegistry;
use super::scenario::{self, Scenario};
use super::spec::Spec;
use super::window::{Origin, Period};

/// Resolves the flags. Reports on stderr, as flags to paste, what was drawn or read from the clock.
///
/// # Errors
/// If a value is out of range, or names something that does not exist.
pub(super) fn resolve(args: Args, clock: &dyn Clock, console: &Console) -> Result<Config> {
    if args.truth.as_deref().is_some_and(is_stdout) {
        return Err(Error::usage("--truth: expected a file; standard output is where the events go"));
    }
    let mut fields = FieldRegistry::new(args.fields.clone().unwrap_or_default());
    let filter = args.filter.as_deref().map(|text| {
        Filter::parse(text, fields.map())
            .map_err(|why| Error::usage(format!("invalid value '{text}' for --where: {why}")))
    });
    let filter = filter.transpose()?;
    let start = args.start.map(|start| start.resolve(clock.now()));
    let period = period(&args, start, clock)?;
    let number = args.seed.unwrap_or_else(seed::draw);
    let seed = args.shard.map_or(Seed::new(number), |shard| Seed::new(number).shard(shard.index));

    let levels = args.levels.clone().unwrap_or_default();
    let scenarios = args.scenario.iter().map(|name| scenario::load(name)).collect::<Result<Vec<_>>>()?;
    // The command line was checked before, without the files that a scenario names.
    let named = scenarios.iter().flat_map(scenario::files);
    named.fold(args.files(), |files, (place, file)| files.reads(&place, [file])).check()?;
    let mut effects = Vec::new();
    let mut wants = Wants::default();
    let mut origin = Origin::default();
    let mut narrowed = 0;
    for kind in KINDS {
        let typed = typed(&args, kind, start)?;
        narrowed += typed.len();
        let typed = (1..).zip(typed).map(|(place, spec)| (name(kind, None, place), spec, filter.as_ref()));
        let written = written(&args.scenario, &scenarios, kind).map(|(name, spec)| (name, spec, None));
        for (name, spec, filter) in typed.chain(written) {
            let setup = Setup {
                fields: &mut fields,
                seed,
                name,
                levels: &levels,
                period,
                origin: &mut origin,
                wants: &mut wants,
                filter: Vec::new(),
                runs_over: Vec::new(),
            };
            effects.push(Active::build(kind, spec, filter, setup)?);
        }
    }
    // With --curve, --start is where its window begins, and moves nothing.
    if let (Some(start), None) = (start, origin.fixed) {
        origin.fixed = Some(start.saturating_add(origin.shift));
    }
    let label = args.label.then(|| Label::new(&mut fields));
    if args.label && effects.is_empty() {
        console.warn("--label does nothing without an effect");
    }
    if args.filter.is_some() && narrowed == 0 {
        console.warn("--where does nothing: it narrows the effects of the command line, and there are none");
    }
    if !effects.is_empty() {
        let start = start.filter(|_| args.start == Some(Moment::Now));
        let start = start.map_or_else(String::new, |at| format!(" --start {}", time::format(at)));
        if args.seed.is_none() {
            console.note(format_args!("to repeat this run: --seed {number}{start}"));
        } else if !start.is_empty() {
            console.note(format_args!("to repeat this run:{start}"));
        }
    }
    let (shard, max_held) = (args.shard, bytes(args.max_held));
    Ok(Config {
        files: args.files,
        output: args.output,
        truth: args.truth,
        pipeline: Pipeline { effects, fields, wants, origin, label, shard, max_held },
        max_line: bytes(args.max_line),
        quiet: args.quiet,
    })
}

/// What the random choices of an effect are named after: its kind, and which one of its kind it is, on the command line or in its
/// scenario. So no other effect that is added or taken away moves them, but for one of its kind before it in the same place.
fn name(kind: &Kind, scenario: Option<&str>, place: usize) -> String {
    let scenario = scenario.map_or_else(String::new, |scenario| format!("@{scenario}"));
    let place = if place == 1 { String::new() } else { format!("#{place}") };
    format!("{}{scenario}{place}", kind.fault)
}

/// What the scenarios give to a kind of effect, each with the name of its choices.
fn written<'a>(
    names: &'a [PathBuf],
    scenarios: &'a [Scenario],
    kind: &'a Kind,
) -> impl Iterator<Item = (String, Spec)> + 'a {
    names.iter().zip(scenarios).enumerate().flat_map(move |(at, (called, scenario))| {
        let called = scenario::short_name(called);
        // Of two that are called the same, the second has choices of its own.
        let before = names[..at].iter().filter(|other| scenario::short_name(other) == called).count();
        let called = if before == 0 { called.to_owned() } else { format!("{called}({before})") };
        let specs = scenario.iter().filter(|(flag, _)| *flag == kind.flag);
        (1..).zip(specs).map(move |(place, (_, spec))| (name(kind, Some(&called), place), spec.clone()))
    })
}

/// What the flags give to a kind of effect.
fn typed(args: &Args, kind: &Kind, start: Option<Micros>) -> Result<Vec<Spec>> {
    if kind.typed == Typed::ShiftStartStretch {
        // Three flags make one move; --start is --curve's where there is one.
        let start = start.filter(|_| args.curve.is_none()).map(time::format);
        let given = [("by", args.shift.clone()), ("start", start), ("stretch", args.stretch.clone())];
        let given: Vec<_> = given.into_iter().filter_map(|(name, text)| Some((name, text?))).collect();
        let place = if args.shift.is_some() || args.stretch.is_none() { "--shift" } else { "--stretch" };
        let head = if place == "--shift" { "by" } else { "stretch" };
        let mut spec = Spec::empty(place, Some(head));
        for (name, text) in &given {
            spec.give(name, text)?;
        }
        return Ok(if given.is_empty() { Vec::new() } else { vec![spec] });
    }
    let flag = format!("--{}", kind.flag);
    if let Some(text) = args.recover.as_ref().filter(|_| kind.typed == Typed::OptionalValue)
        && !text.contains('=')
        && let Err(form) = text.split(',').next().unwrap_or_default().parse::<Probability>()
    {
        let hint = "for all of the errors in a file, put the file first, or write --recover=1 FILE";
        return Err(Error::usage(format!("invalid value '{text}' for --recover: {form}; {hint}")));
    }
    let mut specs = args
        .given(kind.flag)
        .into_iter()
        .map(|text| Spec::parse_with_files(&flag, text, kind.head))
        .collect::<Result<Vec<_>>>()?;
    if let (Some(from), Some(spec)) =
        (args.from.as_ref().filter(|_| kind.typed == Typed::ValueAndFrom), specs.first_mut())
    {
        spec.give_file("from", from)?;
    }
    Ok(specs)
}

/// The window of `--curve`.
fn period(args: &Args, start: Option<Micros>, clock: &dyn Clock) -> Result<Period> {
    let end = match (args.end, args.hours) {
        (Some(end), _) => Some(end.resolve(clock.now())),
        (None, Some(hours)) => start.map(|start| start.saturating_add(hours)),
        (None, None) => None,
    };
    let window = match (start.filter(|_| args.curve.is_some()), end) {
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
