//! Which effects a run has: those of the flags and those of the scenarios, in the order in which they act.

use std::ffi::OsString;

use crate::cli::CommandLine;
use crate::cli::values::Probability;
use crate::clock::Micros;
use crate::error::{Error, Result};
use crate::time;

use super::args::Args;
use super::effect::{Form, GivenBy, Kind};
use super::scenario::{self, Scenario};
use super::spec::Spec;

/// An effect of the run.
pub(super) struct Selected {
    pub kind: &'static Kind,
    /// The name of its random choices: its kind, and which one of its kind it is on the command line or in its scenario. So adding
    /// or removing another effect does not change them, unless it is of the same kind and comes before it in the same place.
    pub name: String,
    pub spec: Spec,
    /// Whether a flag gave it. `--where` narrows only these.
    pub by_flag: bool,
}

/// Selects the effects. `start` is the time of `--start`.
///
/// # Errors
/// If a flag's options do not parse, or a scenario cannot be read.
pub(super) fn select(args: &Args, start: Option<Micros>) -> Result<Vec<Selected>> {
    let scenarios = scenarios(args)?;
    let mut selected = Vec::new();
    for (kind, given) in args.effects.each() {
        let typed = (1..).zip(typed(args, kind, given, start)?);
        selected.extend(typed.map(|(nth, spec)| Selected { kind, name: name(kind, None, nth), spec, by_flag: true }));
        for (called, scenario) in &scenarios {
            let specs = scenario.iter().filter(|(flag, _)| *flag == kind.flag).map(|(_, spec)| spec.clone());
            let named = (1..).zip(specs).map(|(nth, spec)| (name(kind, Some(called), nth), spec));
            selected.extend(named.map(|(name, spec)| Selected { kind, name, spec, by_flag: false }));
        }
    }
    Ok(selected)
}

/// The scenarios, each with the name that its random choices get.
fn scenarios(args: &Args) -> Result<Vec<(String, Scenario)>> {
    let mut loaded: Vec<(String, Scenario)> = Vec::new();
    for (nth, path) in args.scenario.iter().enumerate() {
        let called = scenario::short_name(path);
        // If two have the same name, the second gets other random choices.
        let before = args.scenario[..nth].iter().filter(|other| scenario::short_name(other) == called).count();
        let called = if before == 0 { called } else { format!("{called}({before})") };
        loaded.push((called, scenario::load(path)?));
    }
    // The command line was checked before, without the files that a scenario names.
    let named = loaded.iter().flat_map(|(_, scenario)| scenario::files(scenario));
    named.fold(args.files(), |files, (place, file)| files.reads(&place, [file])).check()?;
    Ok(loaded)
}

fn name(kind: &Kind, scenario: Option<&str>, nth: usize) -> String {
    let scenario = scenario.map_or_else(String::new, |scenario| format!("@{scenario}"));
    let nth = if nth == 1 { String::new() } else { format!("#{nth}") };
    format!("{}{scenario}{nth}", kind.fault)
}

/// The options that the flags give to a kind of effect.
fn typed(args: &Args, kind: &Kind, given: &[OsString], start: Option<Micros>) -> Result<Vec<Spec>> {
    let GivenBy::Flag(flag) = &kind.given_by else { return Ok(shift(args, start)?.into_iter().collect()) };
    if flag.form == Form::OptionalOptions {
        given.iter().try_for_each(|text| check_is_no_file(kind, &text.to_string_lossy()))?;
    }
    let place = format!("--{}", kind.flag);
    if flag.form == Form::Paths {
        let paths = |text: &OsString| {
            let mut spec = Spec::empty(&place, kind.head);
            spec.give("paths", &text.to_string_lossy()).map(|()| spec)
        };
        return given.iter().map(paths).collect();
    }
    let specs = given.iter().map(|text| Spec::parse_with_files(&place, text, kind.head));
    let mut specs = specs.collect::<Result<Vec<_>>>()?;
    if let (Form::Curve, Some(from), Some(spec)) = (flag.form, &args.from, specs.first_mut()) {
        spec.give_file("from", from)?;
    }
    Ok(specs)
}

/// The options of `--shift`, `--start` and `--stretch`, which together make one effect. With `--curve`, `--start` does not move events.
fn shift(args: &Args, start: Option<Micros>) -> Result<Option<Spec>> {
    let start = start.filter(|_| args.effects.curve().is_none()).map(time::format);
    let given = [("by", args.shift.clone()), ("start", start), ("stretch", args.stretch.clone())];
    let mut given = given.into_iter().filter_map(|(name, text)| Some((name, text?))).peekable();
    if given.peek().is_none() {
        return Ok(None);
    }
    let (place, head) =
        if args.shift.is_none() && args.stretch.is_some() { ("--stretch", "stretch") } else { ("--shift", "by") };
    let mut spec = Spec::empty(place, Some(head));
    for (name, text) in given {
        spec.give(name, &text)?;
    }
    Ok(Some(spec))
}

/// A flag whose value is optional takes the next argument for it, which may have been meant as an input file.
fn check_is_no_file(kind: &Kind, text: &str) -> Result<()> {
    if !text.contains('=')
        && let Err(form) = text.split(',').next().unwrap_or_default().parse::<Probability>()
    {
        let flag = kind.flag;
        let hint = format!("to take all of the errors in a file, put the file first, or write --{flag}=1 FILE");
        return Err(Error::usage(format!("invalid value '{text}' for --{flag}: {form}; {hint}")));
    }
    Ok(())
}
