//! `--poison every=10000`: now and then an event that crashes its consumer whenever it is read.
//! It is nested more deeply than usual parsers support: serde_json stops at 128 levels, Python and Jackson at 1000, Go and jq
//! at 10,000.

use crate::error::Result;
use crate::pshape::event::{EditableEvent, FieldIndex};
use crate::pshape::position::Position;
use crate::pshape::spec::Spec;
use crate::record::truth::Expect;

use super::{Applied, Effect, Flag, Form, GivenBy, Kind, Phase, Setup, Share};

/// The entry in the list of effects.
pub(super) const KIND: Kind = Kind {
    flag: "poison",
    fault: "poison",
    head: Some("every"),
    given_by: GivenBy::Flag(Flag {
        value: "OPTIONS",
        form: Form::Options,
        repeatable: false,
        help: "Nest one event in every N too deeply for parsers",
        details: "Options: every=10000",
    }),
    phase: Phase::Bytes,
    share: Share::Every,
    windowed: true,
    spared: "lacked an object to nest in",
    needs: &[],
    build,
};

const DEPTH: usize = 10_001;

struct Poison {
    payload: FieldIndex,
}

/// It has no further options: `every` says which lines it takes.
#[allow(clippy::unnecessary_wraps)] // the form of all builders
fn build(_spec: &mut Spec, setup: &mut Setup<'_>) -> Result<Box<dyn Effect>> {
    Ok(Box::new(Poison { payload: setup.fields.path("payload") }))
}

impl Effect for Poison {
    fn apply(&mut self, event: &mut EditableEvent, _position: &Position) -> Applied {
        let Some((at, is_empty)) = event.room(Some(self.payload)).or_else(|| event.room(None)) else {
            return Applied::Passed;
        };
        let mut pill = if is_empty { b"\"poison\":".to_vec() } else { b",\"poison\":".to_vec() };
        pill.resize(pill.len() + DEPTH, b'[');
        pill.resize(pill.len() + DEPTH, b']');
        event.edit(at..at, &pill);
        Applied::Changed(Expect::Rejected)
    }
}
