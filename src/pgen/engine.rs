//! Writes the events of a workload.

use std::ops::Range;

use super::arrivals::{Arrivals, Cells, Endless};
use super::config::{Layout, Schedule, Workload};
use super::emit::{Sink, emit};
use super::fill::Filler;
use super::render::Services;
use crate::cli::Stop;
use crate::error::{Error, Result};
use crate::world::World;
use crate::world::curve::Timeline;

/// Part of a workload, ready to be written.
#[derive(Debug)]
pub struct Engine<'a> {
    form: AnyForm<'a>,
    layout: Layout,
    cells: Cells,
    range: Range<u64>,
}

/// What the events of the workload's world are.
#[derive(Debug)]
enum AnyForm<'a> {
    Services(Box<Services<'a>>),
    Templates(Box<Filler>),
}

impl<'a> Engine<'a> {
    /// Prepares to write the events of a range, counted from 0.
    ///
    /// # Errors
    /// A usage error if the profile's figures contradict each other, the curve has no traffic in the window, or the range
    /// begins after the year 9999.
    pub fn new(workload: &'a Workload, range: Range<u64>) -> Result<Self> {
        let Workload { world, spikes, seed, .. } = workload;
        let form = match world {
            World::Services(profile) => AnyForm::Services(Box::new(Services::new(profile, *spikes, *seed)?)),
            World::Templates(world) => AnyForm::Templates(Box::new(Filler::new(world, *spikes, *seed)?)),
        };
        let cells = cells(workload, range.start)?;
        Ok(Self { form, layout: workload.layout, cells, range })
    }

    /// Writes the events.
    ///
    /// # Errors
    /// The sink's.
    pub fn write(self, threads: usize, stop: &Stop, sink: &mut dyn Sink) -> Result<()> {
        let Self { form, layout, cells, range } = self;
        match form {
            AnyForm::Services(form) => emit(&*form, layout, cells, range, threads, stop, sink),
            AnyForm::Templates(form) => emit(&*form, layout, cells, range, threads, stop, sink),
        }
    }
}

/// The time cells from an event on.
fn cells(workload: &Workload, from: u64) -> Result<Cells> {
    let Workload { curve, zone, seed, .. } = workload;
    match workload.schedule {
        Schedule::Window { count, start, end } => {
            let timeline = Timeline::new(curve, *zone, start, end);
            if timeline.total() == 0 && count > 0 {
                return Err(Error::usage("--curve: no traffic between --start and --end"));
            }
            Ok(Cells::of(Arrivals::new(timeline, count, *seed), from))
        }
        Schedule::Endless { start, rate } => {
            let endless = Endless { curve: curve.clone(), zone: *zone, start, rate, seed: *seed };
            Cells::endless(endless, from).ok_or_else(|| {
                let flags = if from == 0 { "--event-rate" } else { "--event-rate, --skip" };
                let number = u128::from(from) + 1;
                Error::usage(format!("{flags}: at {rate} events/s, event {number} would come after the year 9999"))
            })
        }
    }
}
