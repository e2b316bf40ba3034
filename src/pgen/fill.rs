//! Writes the events of a world of any shape: fills the holes of its templates.
//!
//! [`mod@compile`] turns the world into flat programs once. For each event, fields are evaluated into slots in the order in which they
//! depend on each other, and then the program copies literal text and writes fields. [`plan`] says when events happen and of which
//! kind they are. A value depends only on the seed, the field and what it is fixed for, so any event can be written without the others.

mod calendar;
mod compile;
mod evaluate;
mod members;
mod node;
mod number;
mod plan;
mod text;
mod tokens;
mod write;

use self::compile::{Compiled, compile};
use self::evaluate::Frame;
use self::node::EventContext;
use self::plan::{TemplatePlan, TemplatePlanner};
use super::arrivals::{Arrivals, Cell};
use super::emit::EventFormat;
use super::line::SLACK;
use crate::cli::values::Probability;
use crate::error::{Error, Result};
use crate::seed::{Choice, Seed};
use crate::world::template::TemplateWorld;

/// The longest event: what the other tools read as one line by default.
const LONGEST: usize = 1 << 20;

/// Writes the events of a template world.
#[derive(Debug)]
pub(super) struct Filler {
    planner: TemplatePlanner,
    compiled: Compiled,
    /// Gives the digits of a time below a microsecond.
    below_micros: Choice,
    spikes: Option<Spikes>,
}

/// `--spikes`.
#[derive(Debug)]
struct Spikes {
    /// An event is a spike if its draw is below; `None` is always.
    threshold: Option<u64>,
    chance: Choice,
    factor: Choice,
}

/// A cell's events, and what is kept from event to event for speed.
#[derive(Debug, Default)]
pub(super) struct FilledCell {
    plan: TemplatePlan,
    frame: Frame,
}

impl Filler {
    /// Compiles a world.
    ///
    /// # Errors
    /// A usage error if an event could be too long, or if spikes are asked for and no field can have one.
    pub(super) fn new(world: &TemplateWorld, spikes: Probability, seed: Seed) -> Result<Self> {
        let compiled = compile(world, seed);
        if compiled.longest > LONGEST {
            let bytes = compiled.longest;
            return Err(world.fault(format_args!("an event could have {bytes} bytes: expected at most {LONGEST}")));
        }
        let is_wanted = spikes.threshold() != Some(0);
        if is_wanted && !compiled.has_spikes {
            return Err(Error::usage("--spikes: no field of the profile has spikes = true"));
        }
        let (chance, factor) = (seed.choice("spike"), seed.choice("spike factor"));
        let spikes = is_wanted.then(|| Spikes { threshold: spikes.threshold(), chance, factor });
        let below_micros = seed.choice("below a microsecond");
        Ok(Self { planner: TemplatePlanner::new(world, seed), compiled, below_micros, spikes })
    }
}

impl Spikes {
    /// The factor of an event in 2^-16, from 2 to 10, or 0 if it is not a spike.
    fn of(&self, event: u64) -> u64 {
        if self.threshold.is_some_and(|threshold| self.chance.at(event) >= threshold) {
            return 0;
        }
        (2 << 16) + number::below(self.factor.at(event), (8 << 16) + 1)
    }
}

impl EventFormat for Filler {
    type Cell = FilledCell;

    fn plan(&self, arrivals: &Arrivals, cell: Cell, filled: &mut FilledCell) {
        self.planner.plan(arrivals, cell, &mut filled.plan);
        filled.frame.prepare(&self.compiled);
    }

    fn first(&self, filled: &FilledCell) -> u64 {
        filled.plan.first
    }

    fn events(&self, filled: &FilledCell) -> usize {
        filled.plan.times.len()
    }

    fn room(&self) -> usize {
        self.compiled.longest + SLACK
    }

    #[inline]
    fn write(&self, filled: &mut FilledCell, index: usize, out: &mut [u8], at: usize) -> usize {
        let FilledCell { plan, frame } = filled;
        let event = plan.first + index as u64;
        let session = plan.sessions.get(index).map_or(index, |session| *session as usize);
        let first = plan.first + session as u64;
        frame.now = EventContext {
            event,
            at: plan.times[index],
            kind: plan.kinds[index],
            session: first,
            session_at: plan.times[session],
            session_below_micros: self.below_micros.at(first),
            spike: self.spikes.as_ref().map_or(0, |spikes| spikes.of(event)),
            below_micros: self.below_micros.at(event),
        };
        self.compiled.write(frame, out, at)
    }
}
