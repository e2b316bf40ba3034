//! `plearn`: learns a world from real events, which pgen then writes.
//!
//! [`mod@count`] keeps what one pass over the lines needs to know, in bounded memory. [`mod@state`] writes it down, so that parts can be added
//! up. [`mod@learn`] is a pure function of it: what the events are. [`mod@world`] writes that as a profile.

mod args;
mod braces;
mod config;
mod count;
mod learn;
mod like;
mod read;
mod require;
mod resolve;
mod state;
mod world;

use std::process::ExitCode;

use crate::cli::color::Color;
use crate::cli::input::Inputs;
use crate::cli::numbers::{count, counted};
use crate::cli::output::Output;
use crate::cli::sheet::Style;
use crate::cli::{Console, Ending, Signals};
use crate::clock::{Clock, SystemClock};
use crate::error::{At, Error, Place, Result};
use args::Args;
use config::{Against, Config, Form, Job};
use count::Input;
use read::{Reading, Side, Told};
use resolve::resolve;

/// Runs the tool on the process's command line.
pub fn main() -> ExitCode {
    crate::cli::run("plearn", |args: Args, console| {
        let config = resolve(args)?;
        run(&config, console, &SystemClock::start())
    })
}

fn run(config: &Config, console: &Console, clock: &dyn Clock) -> Result<Ending> {
    let signals = Signals::listen(1).at(&Place::Stdin)?;
    let stop = signals.stop_at(1);
    let inputs = Inputs::open(&config.files, &stop, console)?;
    match &config.job {
        Job::Compare(against) => {
            let real = Inputs::open(&against.real, &stop, console)?;
            compare(config, against, [real, inputs], &signals, console, clock)
        }
        Job::Learn(form) => learn(config, inputs, *form, &signals, console, clock),
    }
}

/// Learns a world, or writes the state of what was counted.
fn learn(
    config: &Config,
    inputs: Inputs,
    form: Form,
    signals: &Signals,
    console: &Console,
    clock: &dyn Clock,
) -> Result<Ending> {
    let mut output = Output::open(config.output.as_deref())?;
    let progress = console.progress(config.quiet, config.every);
    let mut read = Reading::of(inputs, config.max_line, progress, clock)?;
    if let Some(signal) = signals.first() {
        console
            .note(format_args!("interrupted after {}: nothing was written", counted(read.told.lines, "line", "lines")));
        return Ok(Ending::Signalled(signal));
    }
    warn(&read.summary.input, read.told, "", console);
    match form {
        Form::State => {
            let origin = config.files.iter().map(|file| file.to_string_lossy()).collect::<Vec<_>>().join(" ");
            state::write(&mut read.summary, &origin, read.states.added(), &mut |piece| output.put(piece))?;
        }
        Form::World => {
            if read.summary.input.events == 0 {
                return Err(Error::failed("no line holds a JSON object: there is nothing to learn from"));
            }
            let learnt = learn::learn(&mut read.summary, &config.rules)?;
            learnt.warnings.iter().for_each(|warning| console.warn(warning));
            output.put(world::write(&learnt).as_bytes())?;
        }
    }
    output.finish().map(|()| Ending::Done)
}

/// Says how alike two sides are: first the real one.
fn compare(
    config: &Config,
    against: &Against,
    [real, synthetic]: [Inputs; 2],
    signals: &Signals,
    console: &Console,
    clock: &dyn Clock,
) -> Result<Ending> {
    let mut output = Output::open(config.output.as_deref())?;
    let progress = || console.progress(config.quiet, config.every);
    let real = Side::of(real, config.max_line, progress(), clock)?;
    let synthetic = Side::of(synthetic, config.max_line, progress(), clock)?;
    if let Some(signal) = signals.first() {
        console.note("interrupted: nothing was written");
        return Ok(Ending::Signalled(signal));
    }
    warn(&real.lines.input, real.told, "real events: ", console);
    warn(&synthetic.lines.input, synthetic.told, "synthetic events: ", console);
    let mut report = like::compare(&real.lines, &synthetic.lines, &config.rules)?;
    report.judge(|json| against.requirements.iter().map(|requirement| requirement.judge(json)).collect());
    for verdict in report.requirements.iter().filter(|verdict| !verdict.met) {
        console.error(format_args!("not met: {}: {}", verdict.requirement, verdict.message));
    }
    let ending = if report.requirements.iter().all(|verdict| verdict.met) { Ending::Done } else { Ending::NotMet };
    let style = Style {
        color: config.output.is_none() && Color::Auto.shows_on(&std::io::stdout()),
        width: usize::MAX,
        full: true,
    };
    let written = if against.is_json { report.json() } else { like::text(&report, style) };
    match output.put(written.as_bytes()).and_then(|()| output.finish()) {
        Err(e) if !e.is_closed_stdout() => Err(e),
        // A reader that went away takes nothing from the verdict.
        _ => Ok(ending),
    }
}

/// Warns of lines that were left out. `whose` begins each message.
fn warn(input: &Input, told: Told, whose: &str, console: &Console) {
    if input.unreadable > 0 {
        let first =
            told.first_unreadable.map_or_else(String::new, |line| format!("; the first is line {}", count(line)));
        let lines = counted(input.unreadable, "line is not a JSON object", "lines are not JSON objects");
        console.warn(format_args!("{whose}{lines}: left out{first}"));
    }
    if input.overlong > 0 {
        let lines = counted(input.overlong, "line is", "lines are");
        console.warn(format_args!("{whose}{lines} longer than --max-line: left out"));
    }
    if told.unclosed_arrays > 0 {
        console.warn(format_args!("{whose}a JSON array has no end: its last element may be cut off"));
    }
}
