//! pgen: writes the events of a simulated world, by the guide's figures.
//!
//! [`arrivals`] says when events happen, [`kind`] and [`population`] what and who there can be, [`plan`] what happens in a time
//! cell, [`render`] turns that into bytes, and [`emit`] writes them in order. [`engine`] puts these together.

mod alias;
mod args;
mod arrivals;
mod chance;
mod config;
mod emit;
mod engine;
mod fill;
mod kind;
mod line;
mod plan;
mod population;
mod record;
mod render;
mod resolve;

use std::process::ExitCode;
use std::thread::available_parallelism;

pub use self::config::{Layout, Schedule, Workload};
pub use self::emit::Sink;
pub use self::engine::Engine;

use self::args::Args;
use self::config::{Config, Job};
use self::record::Account;
use self::resolve::resolve;
use crate::cli::console::Progress;
use crate::cli::output::Output;
use crate::cli::values::Count;
use crate::cli::{Console, Ending, Signals};
use crate::clock::{Clock, SystemClock};
use crate::error::{At, Place, Result};

/// Runs the tool on the process's command line.
pub fn main() -> ExitCode {
    crate::cli::run("pgen", |args: Args, console| {
        let clock = SystemClock::start();
        let cores = available_parallelism().map_or(1, usize::from);
        match resolve(args, clock.now(), cores)? {
            Job::PrintProfile(text, path) => {
                let mut output = Output::open(path.as_deref())?;
                output.put(text.as_bytes())?;
                output.finish().map(|()| Ending::Done)
            }
            Job::Generate(config) => run(&config, &clock, console),
        }
    })
}

fn run(config: &Config, clock: &impl Clock, console: &Console) -> Result<Ending> {
    let engine = Engine::new(&config.workload, config.range.clone())?;
    let signals = Signals::listen(1).at(&Place::Stdout)?;
    let stop = signals.stop_at(1);
    let opened = Output::open_until(config.output.as_deref(), &stop).and_then(|output| {
        let record = config.record.as_deref().map(|path| Output::open_until(Some(path), &stop));
        Ok((output, record.transpose()?))
    });
    let (output, record) = match opened {
        Err(error) => return signals.ending(error, console, "before the first event"),
        Ok(opened) => opened,
    };
    if !config.repeat.is_empty() {
        console.note(format_args!("to repeat this run: {}", config.repeat));
    }
    let total = match config.workload.schedule {
        Schedule::Window { .. } => Some(config.range.end - config.range.start),
        Schedule::Endless { .. } => None,
    };
    let progress = console.progress(config.quiet, config.every);
    let account = record.is_some().then(Account::default);
    let mut writer = Writer { output, account, written: 0, total, progress, clock };
    let result = engine.write(config.threads, &stop, &mut writer).and_then(|()| writer.close(config.workload.layout));
    let Writer { output, account, written, progress, .. } = writer;
    drop(progress);
    let keep_record = || -> Result<()> {
        let (Some(mut record), Some(account)) = (record, account) else { return Ok(()) };
        let complete = total.is_some_and(|total| written >= total);
        record.put(&account.record(&config.part, config.seed, written, complete).to_line())?;
        record.finish()
    };
    match (signals.first(), result) {
        (_, Err(error)) => signals.ending(error, console, format_args!("after {}", done(written, total))),
        (Some(signal), Ok(())) if total.is_none() => {
            output.finish().and_then(|()| keep_record()).map(|()| Ending::Signalled(signal))
        }
        (Some(signal), Ok(())) if total.is_some_and(|total| written < total) => {
            let left = match output.place() {
                Place::Path(_) => format!("; {} was not written", output.place()),
                Place::Stdin | Place::Stdout => String::new(),
            };
            console.note(format_args!("interrupted after {}{left}", done(written, total)));
            keep_record().map(|()| Ending::Signalled(signal))
        }
        (_, Ok(())) => output.finish().and_then(|()| keep_record()).map(|()| Ending::Done),
    }
}

/// `1,000 of 10,000 events`; without the total if there is none.
fn done(written: u64, total: Option<u64>) -> String {
    match total {
        Some(total) => format!("{} of {} events", Count(written), Count(total)),
        None => format!("{} events", Count(written)),
    }
}

/// Writes blocks of events and shows progress.
struct Writer<'a, C> {
    output: Output,
    /// What a record says of it, if one is kept.
    account: Option<Account>,
    /// Events so far.
    written: u64,
    /// Events in all; `None` if the run is endless.
    total: Option<u64>,
    progress: Progress,
    clock: &'a C,
}

impl<C: Clock> Sink for Writer<'_, C> {
    fn put(&mut self, block: &[u8], events: u64) -> Result<()> {
        self.send(block)?;
        self.written += events;
        let Self { written, total, clock, progress, .. } = self;
        progress.show(|| {
            let rate = u128::from(*written) * 1_000_000_000 / clock.elapsed().as_nanos().max(1);
            let rate = Count(u64::try_from(rate).unwrap_or(u64::MAX));
            format!("{}, {rate} events/s", done(*written, *total))
        });
        Ok(())
    }
}

impl<C: Clock> Writer<'_, C> {
    /// Ends the array, also of a run that was cut short.
    fn close(&mut self, layout: Layout) -> Result<()> {
        match layout {
            Layout::Lines => Ok(()),
            Layout::Array if self.written == 0 => self.send(b"[]\n"),
            Layout::Array => self.send(b"\n]\n"),
        }
    }

    fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.output.put(bytes)?;
        self.account.iter_mut().for_each(|account| account.add(bytes));
        Ok(())
    }
}
