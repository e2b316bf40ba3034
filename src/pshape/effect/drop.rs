//! `--drop P`: events are lost on their way.

use crate::error::Result;
use crate::pshape::event::Event;
use crate::pshape::position::Position;
use crate::pshape::spec::Spec;

use super::{Effect, Setup, Verdict};

struct Drop;

/// Has no options of its own.
#[allow(clippy::unnecessary_wraps)] // the form of all builders
pub(super) fn build(_spec: &mut Spec, _setup: &mut Setup<'_>) -> Result<Box<dyn Effect>> {
    Ok(Box::new(Drop))
}

impl Effect for Drop {
    fn apply(&mut self, _event: &mut Event, _position: &Position) -> Verdict {
        Verdict::Gone
    }
}
