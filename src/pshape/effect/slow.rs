//! `--slow 3x`: all responses take that many times as long.

use crate::error::Result;
use crate::pshape::event::{EditableEvent, FieldIndex};
use crate::pshape::number::Times;
use crate::pshape::position::Position;
use crate::pshape::spec::Spec;
use crate::record::event::Role;

use super::{Applied, Effect, Flag, Form, GivenBy, Kind, Phase, Setup, Share};

/// The entry in the list of effects.
pub(super) const KIND: Kind = Kind {
    flag: "slow",
    fault: "slow",
    head: Some("factor"),
    given_by: GivenBy::Flag(Flag {
        value: "FACTOR",
        form: Form::Options,
        repeatable: false,
        help: "Multiply all response times",
        details: "Options: FACTOR[,p=P][,burst=20]",
    }),
    phase: Phase::Values,
    share: Share::AskedOrAll,
    windowed: true,
    spared: "lacked a response time above 0",
    needs: &[Role::Latency],
    build,
};

struct Slow {
    latency: FieldIndex,
    factor: f64,
    scaled: Vec<u8>,
}

/// Reads `factor`.
fn build(spec: &mut Spec, setup: &mut Setup<'_>) -> Result<Box<dyn Effect>> {
    let Times(factor) = spec.need("factor")?;
    Ok(Box::new(Slow { latency: setup.fields.role(Role::Latency), factor, scaled: Vec::new() }))
}

impl Effect for Slow {
    fn apply(&mut self, event: &mut EditableEvent, _position: &Position) -> Applied {
        event.multiply(self.latency, self.factor, &mut self.scaled).into()
    }
}
