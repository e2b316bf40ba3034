//! `--duplicates P[,copies=1][,delay=5m][,conflict]`: events are repeated, like a retry after a lost answer.

use crate::cli::values::{self, Span};
use crate::clock::Micros;
use crate::error::Result;
use crate::pshape::event::{EditableEvent, FieldIndex};
use crate::pshape::number::unit;
use crate::pshape::position::Position;
use crate::pshape::spec::Spec;
use crate::record::event::Role;
use crate::seed::Choice;

use super::{Again, Applied, Effect, Flag, Form, GivenBy, Kind, Phase, Setup, Share};

/// The entry in the list of effects.
pub(super) const KIND: Kind = Kind {
    flag: "duplicates",
    fault: "duplicate",
    head: Some("p"),
    given_by: GivenBy::Flag(Flag {
        value: "P",
        form: Form::Options,
        repeatable: false,
        help: "Repeat events",
        details: "Options: P[,copies=1][,delay=5m][,conflict]. conflict gives copies another body with the same id.",
    }),
    phase: Phase::Stream,
    share: Share::Asked,
    windowed: true,
    spared: "lacked a timestamp",
    needs: &[Role::Timestamp],
    build,
};

struct Duplicates {
    again: Again,
    conflict: bool,
    latency: FieldIndex,
    /// The field that makes a copy differ if there is no response time.
    mark: FieldIndex,
    draws: Choice,
    scaled: Vec<u8>,
}

/// Reads `copies`, `delay` and `conflict`.
fn build(spec: &mut Spec, setup: &mut Setup<'_>) -> Result<Box<dyn Effect>> {
    let copies = spec.read("copies", values::whole(1..=1000))?.unwrap_or(1);
    let delay: Micros = spec.take::<Span>("delay")?.map_or(0, Span::micros);
    setup.wants.clock |= delay > 0;
    let conflict = spec.switch("conflict")?;
    Ok(Box::new(Duplicates {
        again: Again { copies, delay },
        conflict,
        latency: setup.fields.role(Role::Latency),
        mark: setup.fields.path("conflict"),
        draws: setup.draws_if(conflict, "conflict"),
        scaled: Vec::new(),
    }))
}

impl Effect for Duplicates {
    fn apply(&mut self, event: &mut EditableEvent, _position: &Position) -> Applied {
        if self.again.delay > 0 && event.timestamp().is_none() {
            return Applied::Passed;
        }
        Applied::Again(self.again)
    }

    /// With `conflict`, the copy gets another response time. If there is none, it gets a field that marks it as a copy.
    fn set_apart(&mut self, copy: &mut EditableEvent, position: &Position) {
        if !self.conflict {
            return;
        }
        let factor = 1.5 + unit(self.draws.at(position.seq));
        if copy.multiply(self.latency, factor, &mut self.scaled).is_err() {
            match copy.raw(self.mark) {
                None => drop(copy.append(None, self.mark, b"true")),
                Some(b"true") => copy.set(self.mark, b"false"),
                Some(_) => copy.set(self.mark, b"true"),
            }
        }
    }
}
