//! `pshape` makes a stream of events behave as production does, and puts each fault that it injects on the record.

#![allow(dead_code)] // the effects that use the rest follow

mod args;
mod block;
mod effect;
mod engine;
mod event;
mod held;
mod number;
mod pick;
mod report;
mod spec;
mod trail;
mod truth;
mod window;

use std::process::ExitCode;

use crate::cli::input::Inputs;
use crate::cli::output::Output;
use crate::cli::{self, Console, Ending, Signals};
use crate::error::{At, Place, Result};
use crate::jsonl::LineReader;

use args::{Args, Config};
use engine::Engine;
use truth::TruthFile;

/// Runs the tool on the process's command line.
pub fn main() -> ExitCode {
    cli::run("pshape", |args: Args, console| shape(args.resolve(console)?, console))
}

fn shape(config: Config, console: &Console) -> Result<Ending> {
    let signals = Signals::listen(1).at(&Place::Stdin)?;
    let inputs = Inputs::open(&config.files, &signals.stop_at(1), console)?;
    let out = Output::open(config.output.as_deref())?;
    let truth = config.truth.as_deref().map(TruthFile::create).transpose()?;
    let mut reader = LineReader::new(inputs, config.max_line);
    let mut engine = Engine::new(config.plan, out, truth);

    let ran = engine.run(&mut reader);
    let complete = ran.is_ok() && signals.first().is_none();
    let finished = engine.finish(&reader, complete);
    // What ended the run comes first: that truth could not be ended either says no more.
    ran?;
    let report = finished?;
    for warning in report.warnings() {
        console.warn(warning);
    }
    if !config.quiet {
        console.note(report.text());
    }
    Ok(signals.first().map_or(Ending::Done, Ending::Signalled))
}
