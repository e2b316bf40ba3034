//! `pstats`: reads events, outcomes, truth and state, and says in one report what happened.
//!
//! Lines go through `intake` into a `summary`; a `report` is a pure function of the summary. What is kept is bounded,
//! whatever comes in: sketches (`sketch`), capped groups (`groups`) and windows (`windows`), ids exact up to a cap
//! (`distinct`).

pub mod args;
pub mod distinct;
pub mod figures;
pub mod groups;
pub mod input;
pub mod intake;
pub mod order;
pub mod report;
pub mod settings;
pub mod sketch;
pub mod stream;
pub mod summary;
pub mod windows;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use crate::cli::input::Inputs;
use crate::cli::output::Output;
use crate::cli::{self, Console, Ending, Signals};
use crate::clock::{Clock, SystemClock};
use crate::error::{At, Place, Result};
use crate::jsonl::{Chunk, LineReader};
use crate::record::timestamp;
use args::{Args, Config, Form};
use intake::Intake;
use report::{Report, Run};
use settings::Layout;
use summary::Summary;

/// A line on progress this often where stderr is no terminal.
const EVERY: Duration = Duration::from_secs(15);

/// Runs the tool.
pub fn main() -> ExitCode {
    cli::run("pstats", |args: Args, console| run(&args.resolve(), console, &SystemClock::start()))
}

fn run(config: &Config, console: &Console, clock: &dyn Clock) -> Result<Ending> {
    // The first signal ends the tools before us in the pipe; what they still write is part of the report (contracts §7).
    let signals = Signals::listen(2).at(&Place::Stdin)?;
    let inputs = Inputs::open(&config.files, &signals.stop_at(2), console)?;
    let mut output = Output::open(config.output.as_deref())?;
    let started_at = clock.now();

    let layout = Layout::new(&config.settings);
    let mut summary = Summary::new(&config.settings, &layout);
    let mut intake = Intake::new(layout);
    let mut reader = LineReader::new(inputs, config.max_line);
    let mut progress = console.progress(config.quiet, EVERY);
    while let Some(chunk) = reader.next_chunk()? {
        match chunk {
            Chunk::ByteOrderMark(_) => {}
            Chunk::Lines { .. } => chunk.lines().for_each(|line| intake.take(line, &mut summary)),
            Chunk::Overlong { length, last, .. } => {
                if last {
                    summary.input.kinds.too_long.add(length);
                }
            }
        }
        progress.show(|| {
            let total = summary.input.total();
            let rate = total.lines as f64 / clock.elapsed().as_secs_f64();
            format!("{} lines, {}/s", report::words::count(total.lines), report::words::number(rate))
        });
    }
    drop(progress);
    summary.input.arrays_cut_off = reader.unclosed_arrays();

    let run = Run {
        version: env!("CARGO_PKG_VERSION"),
        files: config.files.iter().map(|file| file.display().to_string()).collect(),
        started_at: timestamp::format(started_at),
        ended_at: timestamp::format(clock.now()),
        elapsed_s: clock.elapsed().as_secs_f64(),
    };
    let report = Report::new(&mut summary, intake.layout(), run);
    warn(&report, console);
    let written = match config.form {
        Form::Json => report.to_json(),
        Form::Text => {
            report::text::write(&report, report::text::Style { color: is_for_a_terminal(config) }).into_bytes()
        }
    };
    output.put(&written)?;
    output.finish()?;
    Ok(signals.first().map_or(Ending::Done, Ending::Signalled))
}

fn is_for_a_terminal(config: &Config) -> bool {
    config.output.is_none()
        && std::io::stdout().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

/// Says on stderr what makes the report less than it seems.
fn warn(report: &Report, console: &Console) {
    let input = &report.input;
    if let Some(outcomes) = &report.outcomes
        && !outcomes.complete
    {
        console.warn(if outcomes.runs.is_empty() {
            "the stream of outcomes has no run record: it may be cut off"
        } else {
            "a run record says that its run is not complete"
        });
    }
    if input.unreadable > 0 {
        console.warn(format_args!("{} of {} lines could not be read as a JSON object", input.unreadable, input.lines));
    }
    let unknown = input.kinds.get("unknown").map_or(0, |amount| amount.lines);
    if unknown > 0 {
        console.warn(format_args!("{unknown} objects are neither event nor outcome (other schemas need --fields)"));
    }
}
