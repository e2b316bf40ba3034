//! `pshape` makes a stream of events behave as production does, and puts each fault that it injects on the record.

mod active;
mod args;
mod block;
mod check;
mod config;
mod edit;
mod effect;
mod engine;
mod event;
mod held;
mod last_step;
mod levels;
mod members;
mod number;
mod pick;
mod position;
mod redact;
mod report;
mod resolve;
mod scenario;
mod selection;
mod spec;
mod truth;
mod window;

use std::path::Path;
use std::process::ExitCode;

use crate::cli::input::Inputs;
use crate::cli::numbers;
use crate::cli::output::Output;
use crate::cli::{self, Console, Ending, Signals};
use crate::clock::SystemClock;
use crate::error::{At, Place, Result};
use crate::jsonl::LineReader;

use args::Args;
use config::Config;
use engine::Engine;
use truth::TruthFile;

/// Runs the tool on the process's command line.
pub fn main() -> ExitCode {
    cli::run("pshape", |args: Args, console| {
        if args.list_scenarios {
            Output::open(None)?.put(scenario::list().as_bytes())?;
            return Ok(Ending::Done);
        }
        if let Some(original) = args.redact_check.clone() {
            return check::run(resolve::check(args, original)?, console);
        }
        shape(resolve::resolve(args, &SystemClock::start(), console)?, console)
    })
}

fn shape(config: Config, console: &Console) -> Result<Ending> {
    let signals = Signals::listen(1).at(&Place::Stdin)?;
    let stop = signals.stop_at(1);
    let inputs = Inputs::open(&config.files, &stop, console)?;
    let (part, seed) = (config.pipeline.part.clone(), config.pipeline.seed);
    let opened = Output::open_until(config.output.as_deref(), &stop).and_then(|out| {
        let truth =
            config.truth.as_deref().map(|path| TruthFile::create_until(path, &part, seed, &stop)).transpose()?;
        Ok((out, truth))
    });
    let (out, truth) = match opened {
        Err(error) => return signals.ending(error, console, "before the first line"),
        Ok(opened) => opened,
    };
    let mut reader = LineReader::new(inputs, config.max_line);
    let mut engine = Engine::new(config.pipeline, out, truth);

    let ran = engine.run(&mut reader);
    let complete = ran.is_ok() && signals.first().is_none();
    let finished = engine.finish(&reader, complete);
    // What ended the run comes first: a failure to end the truth adds nothing.
    let report = match ran.and(finished) {
        Err(error) => {
            let done = format!("after {} of the input", numbers::counted(reader.lines_read(), "line", "lines"));
            return signals.ending(error, console, done);
        }
        Ok(report) => report,
    };
    for warning in report.warnings() {
        console.warn(warning);
    }
    if !config.quiet {
        console.note(report.text());
    }
    let Some(signal) = signals.first() else { return Ok(Ending::Done) };
    if let Some(path) = config.output.filter(|path| is_file(path)) {
        console.note(format_args!(
            "interrupted after {} of the input; {} was not written",
            numbers::counted(report.lines_in, "line", "lines"),
            path.display()
        ));
    }
    Ok(Ending::Signalled(signal))
}

/// Whether an output at this path appears only when it is complete. A device or FIFO has been written already.
fn is_file(path: &Path) -> bool {
    path.as_os_str() != "-" && path.metadata().map_or(true, |found| found.is_file())
}
