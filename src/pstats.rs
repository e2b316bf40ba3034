//! `pstats`: reads events, outcomes, truth and state, and says in one report what happened.
//!
//! Lines go through `intake` into a `summary`; a `report` is a pure function of the summary. What is kept is bounded,
//! whatever comes in: sketches (`sketch`), capped groups (`groups`) and windows (`windows`), ids exact up to a cap
//! (`distinct`).

pub mod args;
pub mod distinct;
pub mod engine;
pub mod figures;
pub mod groups;
pub mod input;
pub mod intake;
pub mod joins;
pub mod order;
pub mod report;
pub mod require;
pub mod settings;
pub mod sketch;
pub mod state;
pub mod stream;
pub mod summary;
pub mod windows;

use std::io::IsTerminal;
use std::process::ExitCode;

use crate::cli::input::Inputs;
use crate::cli::output::Output;
use crate::cli::{self, Console, Ending, Signals};
use crate::clock::{Clock, SystemClock};
use crate::error::{At, Place, Result};
use crate::jsonl::LineReader;
use crate::record::timestamp;
use args::{Args, Config, Form, ReportFile};
use engine::Engine;
use report::compare::compare;
use report::{Report, Run};

/// Runs the tool.
pub fn main() -> ExitCode {
    cli::run("pstats", |args: Args, console| run(&args.resolve()?, console, &SystemClock::start()))
}

fn run(config: &Config, console: &Console, clock: &dyn Clock) -> Result<Ending> {
    // The first signal ends the tools before us in the pipe; what they still write is part of the report (contracts §7).
    let signals = Signals::listen(2).at(&Place::Stdin)?;
    let inputs = Inputs::open(&config.files, &signals.stop_at(2), console)?;
    let mut output = Output::open(config.output.as_deref())?;
    let started_at = clock.now();

    let mut engine = Engine::new(config.settings.clone(), config.given, config.sources.clone())?;
    let mut reader = LineReader::new(inputs, config.max_line);
    let mut progress = console.progress(config.quiet, config.every);
    let mut rewritten = clock.elapsed();
    let run = |engine: &Engine| Run {
        version: env!("CARGO_PKG_VERSION"),
        files: config.files.iter().map(|file| file.display().to_string()).collect(),
        state_lines: engine.state_lines(),
        started_at: timestamp::format(started_at),
        ended_at: timestamp::format(clock.now()),
        elapsed_s: clock.elapsed().as_secs_f64(),
        compared: None,
    };
    while let Some(chunk) = reader.next_chunk()? {
        engine.take(&chunk)?;
        progress.show(|| {
            let lines = engine.summary().input.total().lines;
            let rate = lines as f64 / clock.elapsed().as_secs_f64();
            format!("{} lines, {}/s", report::words::count(lines), report::words::number(rate))
        });
        if !config.reports.is_empty() && clock.elapsed() - rewritten >= config.every {
            rewritten = clock.elapsed();
            let run = run(&engine);
            let so_far = engine.report(run);
            write_reports(&config.reports, &so_far, &mut engine)?;
        }
    }
    drop(progress);
    engine.finish(reader.unclosed_arrays(), console, config.max_line)?;

    let run = run(&engine);
    let mut report = engine.final_report(run)?;
    let base = config.base.as_ref().map(|(_, base)| base);
    report.judge(&config.requirements, base, config.allow)?;
    report.run.compared = config.base.as_ref().map(|(file, base)| compare(base, &report.to_value(), file.clone()));
    warn(&report, console);
    output.put(&rendered(config.form, &report, &mut engine, is_for_a_terminal(config)))?;
    output.finish()?;
    write_reports(&config.reports, &report, &mut engine)?;
    let judged = if report.has_failed() { Ending::NotMet } else { Ending::Done };
    Ok(signals.first().map_or(judged, Ending::Signalled))
}

fn rendered(form: Form, report: &Report, engine: &mut Engine, color: bool) -> Vec<u8> {
    match form {
        Form::Text => report::text::write(report, report::text::Style { color }).into_bytes(),
        Form::Json => report.to_json(),
        Form::Markdown => report::markdown::write(report).into_bytes(),
        Form::Html => report::html::write(report).into_bytes(),
        Form::Junit => report::junit::write(report).into_bytes(),
        Form::Prometheus => report::prometheus::write(report).into_bytes(),
        Form::State => engine.state(),
    }
}

/// Rewrites each file whole, so that whoever reads along never sees half of one.
fn write_reports(files: &[ReportFile], report: &Report, engine: &mut Engine) -> Result<()> {
    for ReportFile { form, path } in files {
        let mut output = Output::create(path)?;
        output.put(&rendered(*form, report, engine, false))?;
        output.finish()?;
    }
    Ok(())
}

fn is_for_a_terminal(config: &Config) -> bool {
    config.output.is_none()
        && std::io::stdout().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

/// Says on stderr what makes the report less than it seems.
fn warn(report: &Report, console: &Console) {
    let input = &report.input;
    if let Some(why) = report.incomplete() {
        console.warn(why);
    }
    if input.unreadable > 0 {
        console.warn(format_args!("{} of {} lines could not be read as a JSON object", input.unreadable, input.lines));
    }
    let unknown = input.kinds.get("unknown").map_or(0, |amount| amount.lines);
    if unknown > 0 {
        console.warn(format_args!("{unknown} objects are neither event nor outcome (other schemas need --fields)"));
    }
    for verdict in report.requirements.iter().filter(|verdict| !verdict.met) {
        console.error(format_args!("not met: {}: {}", verdict.requirement, verdict.message));
    }
}
