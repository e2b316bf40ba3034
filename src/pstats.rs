//! `pstats`: reads events, outcomes, truth and state, and says in one report what happened.
//!
//! Lines go through `intake` into a `summary`; a `report` is a pure function of the summary. What is kept is bounded,
//! whatever comes in: sketches (`sketch`), capped groups (`groups`) and windows (`windows`), ids exact up to a cap
//! (`distinct`).

mod alerts;
mod args;
mod compare;
mod config;
mod distinct;
mod doubts;
mod engine;
mod examples;
mod figures;
mod groups;
mod inference;
mod input;
mod intake;
mod joins;
mod labels;
mod layout;
mod line_kind;
mod live;
mod named;
mod order;
mod parts;
mod report;
mod require;
mod resolve;
mod roll_call;
mod settings;
mod settle;
mod sides;
mod sinks;
mod sketch;
mod state;
mod stream;
mod summary;
mod threads;
mod unread;
mod windows;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::cli::console;
use crate::cli::input::Inputs;
use crate::cli::numbers::{count, counted, number};
use crate::cli::{self, Console, Ending, Signals, Stop};
use crate::clock::{Clock, SystemClock};
use crate::error::{At, Place, Result};
use crate::jsonl::LineReader;
use crate::record::event::{FieldMap, Role};
use crate::time;
use args::Args;
use config::Config;
use engine::Engine;
use joins::Sources;
use parts::Parts;
use report::{GroupReport, Report, RunInfo};
use require::Beside;
use resolve::resolve;
use sides::Base;
use sinks::Sinks;

/// Runs the tool on the process's command line.
pub fn main() -> ExitCode {
    cli::run("pstats", |args: Args, console| {
        let config = resolve(args)?;
        run(&config, console, &SystemClock::start(), Sinks::open(&config, console)?)
    })
}

fn run<'a>(config: &'a Config, console: &'a Console, clock: &'a dyn Clock, mut sinks: Sinks<'a>) -> Result<Ending> {
    // The first signal ends the tools before us in the pipe; what they still write is part of the report (contracts §7).
    let signals = Signals::listen(2).at(&Place::Stdin)?;
    let stop = signals.stop_at(2);
    let started_at = clock.now();
    sinks.go_live(clock, &signals);
    let about = |engine: &Engine| RunInfo {
        version: env!("CARGO_PKG_VERSION"),
        title: config.title.clone(),
        files: config.files.iter().map(|file| file.display().to_string()).collect(),
        state_lines: engine.state_lines(),
        started_at: time::format(started_at),
        ended_at: time::format(clock.now()),
        window_s: None,
        suite: config.suite.clone(),
        by: Vec::new(),
        elapsed_s: clock.elapsed().as_secs_f64(),
        running: false,
        interrupted: stop.requested(),
        compared: None,
        comparison: None,
    };

    let against = config.against.as_ref();
    let base = against.map(|against| Base::read(config, against, &stop, console)).transpose()?;
    let mut engine = Engine::new(config.settings.clone(), config.given, config.sources.clone(), origin(config))?
        .expecting(config.expected.clone(), config.attempts);
    if let Some(against) = against {
        engine = engine.keeping_parts(&against.groupings);
    }
    if config.each_file_is_a_run() {
        let settings = (&config.settings, config.given);
        let groupings = against.map_or(&[][..], |against| &against.groupings);
        engine = sides::count(&config.files, settings, groupings, config.max_line, &stop, console)?;
    } else {
        let (files, left_out) = match against {
            Some(_) => (config.files.clone(), Parts::default()),
            None => roll_call::call(&config.files, config.attempts),
        };
        let inputs = if config.has_only_alerts() {
            Inputs::from_bytes(b"")
        } else {
            Inputs::open(&files, &stop, console)?.with_patience(sinks.tick())
        };
        if against.is_some() || !count_in_threads(config, &files, &stop, &mut engine)? {
            count_in_order(config, inputs, console, clock, &mut engine, &mut sinks, about)?;
        }
        sinks.end_live();
        engine.note_parts(left_out);
    }
    engine.read_beside(console, config.max_line, &stop)?;

    let run = about(&engine);
    let mut report = engine.final_report(run)?;
    if let Some(path) = &config.missed {
        engine.write_missed(path)?;
    }
    let mut beside = Beside { allow_empty: config.allow.empty, ..Beside::default() };
    let compared = match (&base, against) {
        (Some(base), Some(against)) => Some(base.compare(&mut engine, against)?),
        _ => None,
    };
    if let (Some((comparison, about)), Some(against)) = (&compared, against) {
        report.run.compared = Some(comparison.rows.clone());
        report.run.comparison = Some(about.clone());
        beside.comparison = Some(comparison);
        beside.unsure = against.unsure;
    }
    report.base = base.as_ref().and_then(|base| base.report.clone());
    beside.base = base.as_ref().and_then(|base| base.report.as_ref());
    report.judge(&config.requirements, beside, config.allow.partial)?;
    warn(&report, console);
    if !config.quiet {
        report.parts.notes.iter().for_each(|note| console.note(note));
    }
    warn_of_groupings(&report, engine.groupings(), console);
    warn_of_fields(&report, &engine.settings().fields, console);
    for doubt in engine.doubts() {
        console.warn(doubt);
    }
    let judged = if report.has_failed() { Ending::NotMet } else { Ending::Done };
    match sinks.finish(&report, &mut engine) {
        Err(e) if !e.is_closed_stdout() => return Err(e),
        // A reader that went away takes nothing from the verdict.
        _ => {}
    }
    Ok(signals.first().map_or(judged, Ending::Signalled))
}

/// Counts regular files in several threads, if asked to and if nothing needs the lines in order. Returns whether it did.
fn count_in_threads(config: &Config, files: &[PathBuf], stop: &Stop, engine: &mut Engine) -> Result<bool> {
    let ordered = !config.sources.is_none() || !config.reports.is_empty() || config.tee || config.live;
    let threads = if ordered { 1 } else { config.threads };
    let more = || Engine::new(config.settings.clone(), config.given, Sources::default(), origin(config));
    let parts = threads::count(files, threads, config.max_line, stop, more)?;
    // If a line has several outcomes, their order matters.
    let shares = |parts: &Vec<Engine>| {
        let pairs = parts.iter().enumerate().flat_map(|(at, one)| parts[at + 1..].iter().map(move |next| (one, next)));
        pairs.into_iter().any(|(one, next)| one.may_share_lines(next))
    };
    let parts = parts.filter(|parts| !shares(parts));
    let divided = parts.is_some();
    parts.into_iter().flatten().try_for_each(|part| engine.append(part))?;
    Ok(divided)
}

/// What is counted, by the files' names.
fn origin(config: &Config) -> String {
    config.files.iter().map(|file| file.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn count_in_order(
    config: &Config,
    inputs: Inputs,
    console: &Console,
    clock: &dyn Clock,
    engine: &mut Engine,
    sinks: &mut Sinks<'_>,
    about: impl Fn(&Engine) -> RunInfo,
) -> Result<()> {
    let mut reader = LineReader::new(inputs, config.max_line);
    // Who asked for --live where nothing can be drawn gets lines.
    let every = config.every.or(config.live.then_some(console::EVERY));
    let mut progress = console.progress(config.quiet || sinks.is_live(), every);
    while let Some(chunk) = reader.next_chunk()? {
        sinks.pass(&chunk)?;
        let lines = engine.take(&chunk)?;
        reader.counted(lines);
        let elapsed = clock.elapsed();
        sinks.show(elapsed, engine, &about)?;
        progress.show(|| {
            let lines = engine.lines();
            format!("{}, {} lines/s", counted(lines, "line", "lines"), number(lines as f64 / elapsed.as_secs_f64()))
        });
    }
    engine.note_arrays_cut_off(reader.unclosed_arrays());
    Ok(())
}

/// Warns of each field of `--by` that no line has.
fn warn_of_groupings(report: &Report, groupings: &[Vec<String>], console: &Console) {
    let by = [report.events.as_ref().map(|events| &events.by), report.outcomes.as_ref().map(|outcomes| &outcomes.by)];
    let mut told = BTreeSet::new();
    for fields in groupings {
        let came: Vec<_> = by.into_iter().flatten().filter_map(|by| by.get(&fields.join(","))).collect();
        for (place, field) in fields.iter().enumerate() {
            let may_have = |group: &GroupReport| match &group.group {
                None => true,
                Some(values) => values.get(place).is_some_and(|(_, value)| value.is_some()),
            };
            if !came.is_empty() && !came.iter().any(|groups| groups.iter().any(may_have)) && told.insert(field) {
                console.warn(format_args!("--by {field}: no line has this field"));
            }
        }
    }
}

/// Warns of a service or endpoint that `--fields` names and no event has.
fn warn_of_fields(report: &Report, fields: &FieldMap, console: &Console) {
    let usual = FieldMap::default();
    for (role, name) in [(Role::Service, "service"), (Role::Endpoint, "endpoint")] {
        let path = fields.path(role);
        let groups =
            report.events.as_ref().filter(|events| events.figures.count > 0).and_then(|events| events.by.get(name));
        let is_absent = |group: &GroupReport| {
            group.group.as_ref().is_some_and(|values| values.iter().all(|(_, value)| value.is_none()))
        };
        if path != usual.path(role) && groups.is_some_and(|groups| groups.iter().all(is_absent)) {
            console.warn(format_args!("--fields {name}={path}: no event has this field"));
        }
    }
}

/// Warns of what makes the report incomplete, and reports requirements that were not met.
fn warn(report: &Report, console: &Console) {
    let input = &report.input;
    if let Some(why) = report.incomplete() {
        console.warn(why);
    }
    for problem in &report.parts.problems {
        console.warn(problem);
    }
    if input.unreadable > 0 {
        let all = if input.unreadable == input.lines { "; expected JSON Lines or a JSON array" } else { "" };
        console.warn(format_args!(
            "{} of {} could not be read as a JSON object{all}",
            count(input.unreadable),
            counted(input.lines, "line", "lines")
        ));
    }
    if let Some((read, came)) = report.outcomes_missing() {
        console.warn(format_args!(
            "run records say that {} lines were read, but only {} outcomes came: the others were blank lines, or outcomes are missing",
            count(read),
            count(came)
        ));
    }
    let lines = |kind: &str| input.kinds.get(kind).map_or(0, |amount| amount.lines);
    if lines("left_out") > 0 && lines("events") + lines("outcomes") == 0 {
        console.warn(format_args!("--where: none of the {} events and outcomes matched", count(lines("left_out"))));
    }
    let unknown = lines("unknown");
    if unknown > 0 {
        console.warn(format_args!(
            "{} neither an event nor an outcome (--fields describes another schema)",
            counted(unknown, "object is", "objects are")
        ));
    }
    for verdict in report.requirements.iter().filter(|verdict| !verdict.met) {
        console.error(format_args!("not met: {}: {}", verdict.requirement, verdict.message));
    }
}
