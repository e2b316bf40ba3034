//! `--slow 3x`: responses take so many times as long.

use crate::error::Result;
use crate::pshape::event::{Event, Field};
use crate::pshape::number::{Stays, Times, scale};
use crate::pshape::position::Position;
use crate::pshape::spec::Spec;
use crate::record::event::Role;
use crate::record::truth::Expect;

use super::{Effect, Setup, Verdict};

struct Slow {
    latency: Field,
    factor: f64,
    scaled: Vec<u8>,
}

/// Reads `factor`.
pub(super) fn build(spec: &mut Spec, setup: &mut Setup<'_>) -> Result<Box<dyn Effect>> {
    let Times(factor) = spec.need("factor")?;
    Ok(Box::new(Slow { latency: setup.fields.role(Role::Latency), factor, scaled: Vec::new() }))
}

impl Effect for Slow {
    fn apply(&mut self, event: &mut Event, _position: &Position) -> Verdict {
        event.multiply(self.latency, self.factor, &mut self.scaled)
    }
}

impl Event {
    /// Multiplies a field's number, as an effect.
    pub(super) fn multiply(&mut self, field: Field, factor: f64, scratch: &mut Vec<u8>) -> Verdict {
        match self.raw(field).ok_or(Stays::NoNumber).and_then(|raw| scale(raw, factor, scratch)) {
            Ok(()) => {
                self.set(field, scratch);
                Verdict::Changed(Expect::Accepted)
            }
            Err(Stays::NoNumber) => Verdict::Passed,
            Err(Stays::Stuck) => Verdict::Stuck,
        }
    }
}
