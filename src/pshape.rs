//! `pshape` makes a stream of events behave as production does, and puts each fault that it injects on the record.

#![allow(dead_code)] // the effects that use the rest follow

mod args;
mod effect;
mod engine;
mod event;
mod number;
mod pick;
mod spec;
mod trail;
mod truth;

use std::process::ExitCode;

use crate::cli::input::Inputs;
use crate::cli::output::Output;
use crate::cli::{self, Console, Ending, Signals};
use crate::error::{At, Place, Result};
use crate::jsonl::LineReader;

use args::{Args, Config};
use engine::{Engine, Summary};
use event::Event;
use truth::TruthFile;

/// Runs the tool on the process's command line.
pub fn main() -> ExitCode {
    cli::run("pshape", |args: Args, console| shape(args.resolve(console)?, console))
}

fn shape(config: Config, console: &Console) -> Result<Ending> {
    let signals = Signals::listen(1).at(&Place::Stdin)?;
    let stop = signals.stop_at(1);
    let inputs = Inputs::open(&config.files, &stop, console)?;
    let out = Output::open(config.output.as_deref())?;
    let truth = config.truth.as_deref().map(TruthFile::create).transpose()?;
    let event = Event::new(config.fields, truth.is_some());
    let mut reader = LineReader::new(inputs, config.max_line);
    let mut engine = Engine::new(config.effects, event, config.shard, out, truth);

    let ran = engine.run(&mut reader);
    let complete = ran.is_ok() && signals.first().is_none();
    let report = engine.report();
    let finished = engine.finish(&reader, complete);
    // What ended the run comes first: that truth could not be ended either says no more.
    ran?;
    let summary = finished?;
    warn(&summary, console);
    if !config.quiet {
        console.note(format_args!("{} lines in, {} out{report}", summary.truth.lines_in, summary.truth.lines_out));
    }
    Ok(signals.first().map_or(Ending::Done, Ending::Signalled))
}

fn warn(summary: &Summary, console: &Console) {
    if summary.overlong > 0 {
        console.warn(format_args!("{} lines longer than --max-line passed as they are", summary.overlong));
    }
    if summary.not_objects > 0 {
        console.warn(format_args!("{} lines that are no JSON object passed as they are", summary.not_objects));
    }
    if summary.unclosed_arrays > 0 {
        console.warn("the input is a JSON array that is cut off: there is no ']' at its end");
    }
}
