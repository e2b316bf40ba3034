//! `--new-ids PREFIX`: a new id for each event, so that recorded events can be sent again.
//! The new id is a hash of the old one, keyed by the seed. So duplicates stay duplicates, however far apart they are.

use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::error::{Error, Result};
use crate::jsonl::value;
use crate::pshape::event::{EditableEvent, FieldIndex, json};
use crate::pshape::position::Position;
use crate::pshape::spec::Spec;
use crate::record::event::Role;
use crate::record::truth::Expect;

use super::{Applied, Effect, Flag, Form, GivenBy, Kind, Phase, Setup, Share};

/// The entry in the list of effects.
pub(super) const KIND: Kind = Kind {
    flag: "new-ids",
    fault: "new_id",
    head: Some("prefix"),
    given_by: GivenBy::Flag(Flag {
        value: "PREFIX",
        form: Form::Text,
        repeatable: false,
        help: "Give each event a new id with this prefix",
        details: "Duplicates stay duplicates.",
    }),
    phase: Phase::Values,
    share: Share::All,
    windowed: true,
    spared: "lacked an id",
    needs: &[],
    build,
};

/// The longest prefix: an id has at most 100 characters (contracts §9), of which 32 are the hash.
const LONGEST_PREFIX: usize = 68;

struct NewIds {
    id: FieldIndex,
    /// The prefix as JSON, with the opening quote.
    head: Vec<u8>,
    key: u64,
    new: Vec<u8>,
}

/// Reads `prefix`.
fn build(spec: &mut Spec, setup: &mut Setup<'_>) -> Result<Box<dyn Effect>> {
    let given: Option<String> = spec.take("prefix")?;
    if let Err(why) = spec.refuse_unknown(&["where", "from", "until"]) {
        let hint = "a prefix with ',' or '=' in it can be given in a scenario: [new-ids] prefix = \"a=b,\"";
        return Err(Error::usage(format!("{why}; {hint}")));
    }
    let prefix = given.ok_or_else(|| spec.wrong("'prefix' is missing"))?;
    if prefix.is_empty() || prefix.chars().count() > LONGEST_PREFIX {
        let why = format!("expected 1 to {LONGEST_PREFIX} characters, such as rerun-1_");
        return Err(spec.invalid("prefix", &prefix, why));
    }
    let mut head = json(&prefix);
    head.pop();
    Ok(Box::new(NewIds { id: setup.fields.role(Role::Id), head, key: setup.draws("key").at(0), new: Vec::new() }))
}

impl Effect for NewIds {
    fn apply(&mut self, event: &mut EditableEvent, _position: &Position) -> Applied {
        let Some(old) = event.raw(self.id).filter(|raw| *raw != b"null") else { return Applied::Passed };
        let hash = xxh3_128_with_seed(value::label(old).as_bytes(), self.key);
        self.new.clear();
        self.new.extend_from_slice(&self.head);
        for shift in (0..32).rev() {
            let digit = (hash >> (4 * shift)) & 15;
            self.new.push(b"0123456789abcdef"[usize::try_from(digit).unwrap_or(0)]);
        }
        self.new.push(b'"');
        event.set(self.id, &self.new);
        Applied::Changed(Expect::Accepted)
    }
}
