//! `--skew service=…,by=90s`: the clock of a producer is wrong. Its events get another timestamp, and keep their place.

use crate::clock::Micros;
use crate::error::Result;
use crate::pshape::event::EditableEvent;
use crate::pshape::position::Position;
use crate::pshape::spec::Spec;
use crate::pshape::window::Offset;

use crate::record::event::Role;

use super::{Applied, Effect, Flag, Form, GivenBy, Kind, Phase, Setup, Share};

/// The entry in the list of effects.
pub(super) const KIND: Kind = Kind {
    flag: "skew",
    fault: "skew",
    head: None,
    given_by: GivenBy::Flag(Flag {
        value: "OPTIONS",
        form: Form::Options,
        repeatable: true,
        help: "Make a producer's clock wrong",
        details: "Options: service=user-service,by=90s. Repeatable.",
    }),
    phase: Phase::Stream,
    share: Share::AskedOrAll,
    windowed: true,
    spared: "lacked a timestamp",
    needs: &[Role::Timestamp],
    build,
};

struct Skew {
    by: Micros,
}

/// Reads `by`, and conditions such as `service`.
fn build(spec: &mut Spec, setup: &mut Setup<'_>) -> Result<Box<dyn Effect>> {
    let Offset(by) = spec.need("by")?;
    let conditions = setup.given_conditions(spec, &["where", "from", "until"]);
    setup.narrow(&conditions);
    Ok(Box::new(Skew { by }))
}

impl Effect for Skew {
    fn apply(&mut self, event: &mut EditableEvent, _position: &Position) -> Applied {
        match event.timestamp() {
            Some(at) => event.set_timestamp(at.saturating_add(self.by)).into(),
            None => Applied::Passed,
        }
    }
}
