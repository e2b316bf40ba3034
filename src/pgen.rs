//! pgen: a world of events that holds the guide's figures.
//!
//! [`arrivals`] says when events happen, [`kind`] and [`population`] what and who there can be, [`plan`] makes of them what
//! happens in a stretch of time, [`render`] its bytes, and [`mod@emit`] puts these in order.

pub mod alias;
pub mod args;
pub mod arrivals;
pub mod chance;
pub mod emit;
pub mod kind;
pub mod line;
pub mod plan;
pub mod population;
pub mod render;

use std::ops::Range;
use std::process::ExitCode;
use std::thread::available_parallelism;

use self::args::{Args, Config, Format, Job, Time};
use self::arrivals::{Arrivals, Course, Endless, STRETCH};
use self::emit::{Layout, Sink, World, emit};
use self::plan::Planner;
use self::render::Renderer;
use crate::cli::console::Progress;
use crate::cli::output::Output;
use crate::cli::{Console, Ending, Signals};
use crate::clock::{Clock, LAST, SystemClock};
use crate::error::{At, Error, Place, Result};
use crate::record::timestamp;
use crate::seed::Seed;
use crate::world::curve::{Curve, CurveChoice, Timeline};
use crate::world::profile::{BUILT_IN, Profile};

/// Runs pgen.
pub fn main() -> ExitCode {
    crate::cli::run("pgen", |args: Args, console| {
        let clock = SystemClock::start();
        let cores = available_parallelism().map_or(1, usize::from);
        match args.resolve(clock.now(), cores)? {
            Job::PrintProfile(path) => {
                let mut output = Output::open(path.as_deref())?;
                output.put(BUILT_IN.as_bytes())?;
                output.finish().map(|()| Ending::Done)
            }
            Job::Generate(config) => run(&config, &clock, console),
        }
    })
}

fn run(config: &Config, clock: &impl Clock, console: &Console) -> Result<Ending> {
    let profile = match &config.profile {
        Some(path) => Profile::load(path)?,
        None => Profile::built_in(),
    };
    let seed = Seed::new(config.seed);
    let planner = Planner::new(&profile, seed)?;
    let renderer = Renderer::new(&profile, &planner, config.spikes, seed);
    let course = course(config, curve(config, &profile)?, seed)?;
    let layout = match config.format {
        Format::Jsonl => Layout::Lines,
        Format::Json => Layout::Array,
    };

    let signals = Signals::listen(1).at(&Place::Stdout)?;
    let stop = signals.stop_at(1);
    let output = match Output::open_until(config.output.as_deref(), &stop) {
        Err(error) => return signals.ending(error, console, "before the first event"),
        Ok(output) => output,
    };
    if !config.repeat.is_empty() {
        console.note(format_args!("to repeat this run: {}", config.repeat));
    }
    let wanted = config.range.clone();
    let progress = console.progress_at_an_end(config.quiet, config.every);
    let mut writer = Writer { output, written: 0, wanted: amount(&wanted), progress, clock };
    let world = World { planner: &planner, renderer: &renderer, layout };
    let result =
        emit(world, course, wanted.clone(), config.threads, &stop, &mut writer).and_then(|()| writer.close(layout));
    let Writer { output, written, progress, .. } = writer;
    drop(progress);
    let endless = wanted.end == u64::MAX;
    match (signals.first(), result) {
        (_, Err(error)) => signals.ending(error, console, format_args!("after {written} events")),
        (Some(signal), Ok(())) if endless => output.finish().map(|()| Ending::Signalled(signal)),
        (Some(signal), Ok(())) if written < wanted.end - wanted.start => {
            let left = match output.place() {
                Place::Path(_) => format!("; {} is not written", output.place()),
                Place::Stdin | Place::Stdout => String::new(),
            };
            console.note(format_args!("interrupted after {written} of {} events{left}", amount(&wanted)));
            Ok(Ending::Signalled(signal))
        }
        (_, Ok(())) => output.finish().map(|()| Ending::Done),
    }
}

/// The curve that the flags name; the one called business is the profile's.
fn curve(config: &Config, profile: &Profile) -> Result<Curve> {
    match &config.curve {
        Some(CurveChoice::Named(name)) if name != "business" => config.curve.as_ref().map(CurveChoice::load),
        Some(CurveChoice::File(_)) => config.curve.as_ref().map(CurveChoice::load),
        _ => None,
    }
    .unwrap_or_else(|| Ok(profile.traffic.curve().expect("Profile::parse refuses a profile without")))
}

/// The cells of time from the first event that is wanted on.
fn course(config: &Config, curve: Curve, seed: Seed) -> Result<Course> {
    let from = config.range.start;
    match config.time {
        Time::Window { count, start, end } => {
            let timeline = Timeline::new(&curve, config.zone, start, end);
            if timeline.total() == 0 && count > 0 {
                return Err(Error::usage("--curve: it has no traffic between --start and --end"));
            }
            Ok(Course::through(Arrivals::new(timeline, count, seed), from))
        }
        Time::Endless { start, .. } if start > LAST - STRETCH => {
            let (start, last) = (timestamp::format(start), timestamp::format(LAST - STRETCH));
            Err(Error::usage(format!(
                "--start {start}: a run without an end starts a week before year 10000, by {last}"
            )))
        }
        Time::Endless { start, rate } => Course::endless(Endless { curve, zone: config.zone, start, rate, seed }, from)
            .ok_or_else(|| {
                let flags = if from == 0 { "--event-rate" } else { "--event-rate, --skip" };
                let number = u128::from(from) + 1;
                Error::usage(format!(
                    "{flags}: at {rate} events a second, event {number} would come after the year 9999"
                ))
            }),
    }
}

/// A range's length in words.
fn amount(range: &Range<u64>) -> String {
    if range.end == u64::MAX { "endless".to_owned() } else { (range.end - range.start).to_string() }
}

/// Writes blocks of events, and shows how far it is.
struct Writer<'a, C> {
    output: Output,
    written: u64,
    /// How many there are to be, in words.
    wanted: String,
    progress: Progress,
    clock: &'a C,
}

impl<C: Clock> Sink for Writer<'_, C> {
    fn put(&mut self, block: &[u8], events: u64) -> Result<()> {
        self.output.put(block)?;
        self.written += events;
        let Self { written, wanted, clock, progress, .. } = self;
        let written = *written;
        progress.show(|| {
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
