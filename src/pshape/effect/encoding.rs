//! `--encoding P[,kinds=bad-utf8/lone-surrogate/nul/bom/crlf]`: lines with problematic characters.

use crate::error::Result;
use crate::pshape::event::{BYTE_ORDER_MARK, EditableEvent, FieldIndex};
use crate::pshape::position::Position;
use crate::pshape::spec::Spec;
use crate::record::event::Role;
use crate::record::truth::Expect;
use crate::seed::Choice;

use super::{Applied, Effect, Flag, Form, GivenBy, Kind, Phase, Setup, Share};

/// The entry in the list of effects.
pub(super) const KIND: Kind = Kind {
    flag: "encoding",
    fault: "encoding",
    head: Some("p"),
    given_by: GivenBy::Flag(Flag {
        value: "P",
        form: Form::Options,
        repeatable: false,
        help: "Break the characters",
        details: "Options: P[,kinds=KIND/KIND]. Kinds are bad-utf8, lone-surrogate, nul, bom and crlf; by default all.",
    }),
    phase: Phase::Bytes,
    share: Share::Asked,
    windowed: true,
    spared: "lacked a text to break",
    needs: &[],
    build,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    BadUtf8,
    LoneSurrogate,
    Nul,
    Bom,
    Crlf,
}

const KINDS: [(&str, Trouble); 5] = [
    ("bad-utf8", Trouble::BadUtf8),
    ("lone-surrogate", Trouble::LoneSurrogate),
    ("nul", Trouble::Nul),
    ("bom", Trouble::Bom),
    ("crlf", Trouble::Crlf),
];

struct Encoding {
    kinds: Vec<Trouble>,
    message: FieldIndex,
    draws: Choice,
}

/// Reads `kinds`.
fn build(spec: &mut Spec, setup: &mut Setup<'_>) -> Result<Box<dyn Effect>> {
    let kinds = spec.kinds(&KINDS)?;
    Ok(Box::new(Encoding { kinds, message: setup.fields.role(Role::Message), draws: setup.draws("kind") }))
}

impl Effect for Encoding {
    fn apply(&mut self, event: &mut EditableEvent, position: &Position) -> Applied {
        let draw = self.draws.at(position.seq);
        let kind = self.kinds[usize::try_from(draw % self.kinds.len() as u64).unwrap_or(0)];
        let (bytes, expect): (&[u8], _) = match kind {
            Trouble::BadUtf8 => (b"\xff", Expect::Rejected),
            Trouble::LoneSurrogate => (b"\\ud800", Expect::Rejected),
            // Valid JSON that PostgreSQL cannot store as text.
            Trouble::Nul => (b"\\u0000", Expect::Rejected),
            // At the start of the output it is accepted, because readers take it for the stream's. The engine handles this
            // case.
            Trouble::Bom => (BYTE_ORDER_MARK, Expect::Rejected),
            Trouble::Crlf => (b"\r", Expect::Accepted),
        };
        let at = match kind {
            Trouble::Bom => 0,
            Trouble::Crlf => event.text().len(),
            _ => {
                // Inside the message. Without one, inside a key, but not one on the path of the id, which identifies the
                // line.
                let message = event.range(self.message).filter(|range| event.text()[range.start] == b'"');
                let quote = message.map(|range| range.start);
                let behind = event.id_end();
                match quote.or_else(|| event.text()[behind..].iter().position(|b| *b == b'"').map(|at| behind + at)) {
                    Some(quote) => quote + 1,
                    None => return Applied::Passed,
                }
            }
        };
        event.edit(at..at, bytes);
        Applied::Changed(expect)
    }
}
