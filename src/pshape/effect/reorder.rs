//! `--reorder P,window=100`: events fall back by up to so many lines, as they do between producers that race.

use crate::cli::values;
use crate::error::Result;
use crate::pshape::event::Event;
use crate::pshape::position::Position;
use crate::pshape::spec::{LINES, Spec};
use crate::seed::Choice;

use super::{Effect, Setup, Verdict};

struct Reorder {
    window: u64,
    draws: Choice,
}

/// Reads `window`.
pub(super) fn build(spec: &mut Spec, setup: &mut Setup<'_>) -> Result<Box<dyn Effect>> {
    let window = spec.read("window", values::whole(LINES))?.unwrap_or(100);
    Ok(Box::new(Reorder { window, draws: setup.draws("lines") }))
}

impl Effect for Reorder {
    fn apply(&mut self, _event: &mut Event, position: &Position) -> Verdict {
        Verdict::Behind(1 + self.draws.at(position.seq) % self.window)
    }
}
