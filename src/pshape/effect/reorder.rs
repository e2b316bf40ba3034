//! `--reorder P,window=100`: events fall back by up to so many lines, as they do between producers that race.

use crate::error::Result;
use crate::pshape::event::Event;
use crate::pshape::position::Position;
use crate::pshape::spec::Spec;
use crate::seed::Choice;

use super::{Effect, Setup, Verdict};

struct Reorder {
    window: u64,
    draws: Choice,
}

/// Reads `window`.
pub(super) fn build(spec: &mut Spec, setup: &mut Setup<'_>) -> Result<Box<dyn Effect>> {
    let window = spec.take("window")?.unwrap_or(100u64);
    if window == 0 {
        return Err(spec.invalid("window", "0", "a number of lines above 0 is wanted"));
    }
    Ok(Box::new(Reorder { window, draws: setup.draws("lines") }))
}

impl Effect for Reorder {
    fn apply(&mut self, _event: &mut Event, position: &Position) -> Verdict {
        Verdict::Behind(1 + self.draws.at(position.seq) % self.window)
    }
}
