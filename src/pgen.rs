//! pgen: a world of events that holds the guide's figures.
//!
//! [`arrivals`] says when events happen, [`kind`] and [`population`] what and who there can be, [`plan`] makes of them what
//! happens in a stretch of time, [`render`] its bytes, and [`mod@emit`] puts these in order.

pub mod alias;
pub mod args;
pub mod arrivals;
pub mod emit;
pub mod kind;
pub mod line;
pub mod plan;
pub mod population;
pub mod render;

use std::process::ExitCode;

use self::args::{Args, Config, Format};
use self::arrivals::Arrivals;
use self::emit::{Layout, Sink, World, emit};
use self::plan::Planner;
use self::render::Renderer;
use crate::cli::console::Progress;
use crate::cli::output::Output;
use crate::cli::{Console, Ending, Signals};
use crate::clock::{Clock, SystemClock};
use crate::error::{At, Place, Result};
use crate::seed::Seed;
use crate::world::curve::Timeline;
use crate::world::profile::Profile;

/// Runs pgen.
pub fn main() -> ExitCode {
    crate::cli::run("pgen", |args: Args, console| {
        let clock = SystemClock::start();
        run(&args.resolve(clock.now())?, &clock, console)
    })
}

fn run(config: &Config, clock: &impl Clock, console: &Console) -> Result<Ending> {
    let profile = Profile::built_in();
    let seed = Seed::new(config.seed);
    let curve = profile.traffic.curve().expect("Profile::parse refuses a profile without");
    let timeline = Timeline::new(&curve, config.zone, config.start, config.end);
    let planner = Planner::new(&profile, Arrivals::new(timeline, config.count, seed), seed)?;
    let renderer = Renderer::new(&profile, &planner, config.spikes, seed);
    let layout = match config.format {
        Format::Jsonl => Layout::Lines,
        Format::Json => Layout::Array,
    };

    let signals = Signals::listen(1).at(&Place::Stdout)?;
    let output = Output::open(config.output.as_deref())?;
    if let Some(flags) = &config.repeat {
        console.note(format_args!("to repeat this run: {flags}"));
    }
    let mut writer = Writer {
        output,
        written: 0,
        wanted: config.count,
        progress: console.progress(config.quiet, config.every),
        clock,
    };
    let world = World { planner: &planner, renderer: &renderer, layout };
    let result = emit(world, 0..config.count, 1, &signals.stop_at(1), &mut writer).and_then(|()| writer.close(layout));
    let Writer { output, written, progress, .. } = writer;
    drop(progress);
    match (signals.first(), result) {
        (Some(signal), Err(error)) if error.is_closed_stdout() => Ok(Ending::Signalled(signal)),
        (_, Err(error)) => Err(error),
        (Some(signal), Ok(())) if written < config.count => {
            let left = match output.place() {
                Place::Path(_) => format!("; {} is not written", output.place()),
                Place::Stdin | Place::Stdout => String::new(),
            };
            console.note(format_args!("interrupted after {written} of {} events{left}", config.count));
            Ok(Ending::Signalled(signal))
        }
        (_, Ok(())) => output.finish().map(|()| Ending::Done),
    }
}

/// Writes blocks of events, and shows how far it is.
struct Writer<'a, C> {
    output: Output,
    written: u64,
    wanted: u64,
    progress: Progress,
    clock: &'a C,
}

impl<C: Clock> Sink for Writer<'_, C> {
    fn put(&mut self, block: &[u8], events: u64) -> Result<()> {
        self.output.put(block)?;
        self.written += events;
        let Self { written, wanted, clock, .. } = *self;
        self.progress.show(|| {
            // Figures for a person: rounding is fine.
            #[allow(clippy::cast_precision_loss)]
            let rate = written as f64 / clock.elapsed().as_secs_f64().max(1e-9);
            format!("{written} of {wanted} events, {rate:.0} a second")
        });
        Ok(())
    }
}

impl<C: Clock> Writer<'_, C> {
    /// Ends the array, also of a run that was cut short.
    fn close(&mut self, layout: Layout) -> Result<()> {
        match layout {
            Layout::Lines => Ok(()),
            Layout::Array if self.written == 0 => self.output.put(b"[]\n"),
            Layout::Array => self.output.put(b"\n]\n"),
        }
    }
}
