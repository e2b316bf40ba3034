//! `--reorder P,window=100`: events move back by up to that many lines, as if producers were racing.

use crate::cli::values;
use crate::error::Result;
use crate::pshape::event::EditableEvent;
use crate::pshape::position::Position;
use crate::pshape::spec::{LINES, Spec};
use crate::seed::Choice;

use super::{Applied, Effect, Flag, Form, GivenBy, Kind, Phase, Setup, Share};

/// The entry in the list of effects.
pub(super) const KIND: Kind = Kind {
    flag: "reorder",
    fault: "reorder",
    head: Some("p"),
    given_by: GivenBy::Flag(Flag {
        value: "P",
        form: Form::Options,
        repeatable: false,
        help: "Move events back by some lines",
        details: "Options: P[,window=100]",
    }),
    phase: Phase::Stream,
    share: Share::Asked,
    windowed: true,
    spared: "lacked nothing",
    needs: &[],
    build,
};

struct Reorder {
    window: u64,
    draws: Choice,
}

/// Reads `window`.
fn build(spec: &mut Spec, setup: &mut Setup<'_>) -> Result<Box<dyn Effect>> {
    let window = spec.read("window", values::whole(LINES))?.unwrap_or(100);
    Ok(Box::new(Reorder { window, draws: setup.draws("lines") }))
}

impl Effect for Reorder {
    fn apply(&mut self, _event: &mut EditableEvent, position: &Position) -> Applied {
        Applied::Behind(1 + self.draws.at(position.seq) % self.window)
    }
}
