//! `--malformed P[,kinds=…]`: lines that are no longer JSON objects, as broken writers produce them.

use crate::error::Result;
use crate::pshape::event::{EditableEvent, FieldIndex};
use crate::pshape::position::Position;
use crate::pshape::spec::Spec;
use crate::record::event::Role;
use crate::record::truth::Expect;
use crate::seed::Choice;

use super::{Applied, Effect, Flag, Form, GivenBy, Kind, Phase, Setup, Share};

/// The entry in the list of effects.
pub(super) const KIND: Kind = Kind {
    flag: "malformed",
    fault: "malformed",
    head: Some("p"),
    given_by: GivenBy::Flag(Flag {
        value: "P",
        form: Form::Options,
        repeatable: false,
        help: "Break the JSON",
        details: "Options: P[,kinds=KIND/KIND]. Kinds are truncate, unclosed, trailing-comma, nan, two-in-one and not-an-object; by default all.",
    }),
    phase: Phase::Bytes,
    share: Share::Asked,
    windowed: true,
    spared: "lacked an object to break",
    needs: &[],
    build,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Break {
    Truncate,
    Unclosed,
    TrailingComma,
    Nan,
    TwoInOne,
    NotAnObject,
}

const KINDS: [(&str, Break); 6] = [
    ("truncate", Break::Truncate),
    ("unclosed", Break::Unclosed),
    ("trailing-comma", Break::TrailingComma),
    ("nan", Break::Nan),
    ("two-in-one", Break::TwoInOne),
    ("not-an-object", Break::NotAnObject),
];

struct Malformed {
    kinds: Vec<Break>,
    latency: FieldIndex,
    draws: Choice,
    cuts: Choice,
}

/// Reads `kinds`.
fn build(spec: &mut Spec, setup: &mut Setup<'_>) -> Result<Box<dyn Effect>> {
    let kinds = spec.kinds(&KINDS)?;
    Ok(Box::new(Malformed {
        kinds,
        latency: setup.fields.role(Role::Latency),
        draws: setup.draws("kind"),
        cuts: setup.draws("cut"),
    }))
}

impl Effect for Malformed {
    fn apply(&mut self, event: &mut EditableEvent, position: &Position) -> Applied {
        let draw = self.draws.at(position.seq);
        let kind = self.kinds[usize::try_from(draw % self.kinds.len() as u64).unwrap_or(0)];
        let Some((brace, is_empty)) = event.room(None) else { return Applied::Passed };
        let end = event.text().len();
        match kind {
            Break::Truncate => {
                // A share of the object is drawn, not a number of bytes, so the cut does not move if values grow. A part of
                // the object is left, but not its end.
                let from = event.body() + 1;
                let left = (u128::from(self.cuts.at(position.seq)) * (brace - from + 1) as u128) >> 64;
                event.edit(from + usize::try_from(left).unwrap_or(0)..end, b"");
            }
            Break::Unclosed => event.edit(brace..end, b""),
            Break::TrailingComma => event.edit(brace..brace, b","),
            Break::Nan => match event.range(self.latency) {
                Some(range) => event.edit(range, b"NaN"),
                None => event.edit(brace..brace, if is_empty { b"\"x\":NaN" } else { b",\"x\":NaN" }),
            },
            Break::TwoInOne => {
                let again = event.text().to_vec();
                event.edit(end..end, &again);
            }
            // Double encoding: the object as a string.
            Break::NotAnObject => {
                let mut string = vec![b'"'];
                for byte in event.text() {
                    match byte {
                        b'"' | b'\\' => string.extend_from_slice(&[b'\\', *byte]),
                        0..0x20 => string.push(b' '),
                        byte => string.push(*byte),
                    }
                }
                string.push(b'"');
                event.edit(0..end, &string);
            }
        }
        Applied::Changed(Expect::Rejected)
    }
}
