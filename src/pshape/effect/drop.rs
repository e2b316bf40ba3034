//! `--drop P`: events are lost on their way.

use crate::error::Result;
use crate::pshape::event::EditableEvent;
use crate::pshape::position::Position;
use crate::pshape::spec::Spec;

use super::{Applied, Effect, Flag, Form, GivenBy, Kind, Phase, Setup, Share};

/// The entry in the list of effects.
pub(super) const KIND: Kind = Kind {
    flag: "drop",
    fault: "drop",
    head: Some("p"),
    given_by: GivenBy::Flag(Flag {
        value: "P",
        form: Form::Options,
        repeatable: false,
        help: "Lose events",
        details: "Options: P[,burst=20]",
    }),
    phase: Phase::Stream,
    share: Share::Asked,
    windowed: true,
    spared: "lacked nothing",
    needs: &[],
    build,
};

struct Drop;

/// It has no further options.
#[allow(clippy::unnecessary_wraps)] // the form of all builders
fn build(_spec: &mut Spec, _setup: &mut Setup<'_>) -> Result<Box<dyn Effect>> {
    Ok(Box::new(Drop))
}

impl Effect for Drop {
    fn apply(&mut self, _event: &mut EditableEvent, _position: &Position) -> Applied {
        Applied::Gone
    }
}
