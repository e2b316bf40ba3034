//! `--schema P[,kinds=missing/null/retype/rename/extra][,required=PATH/PATH]`: events that are JSON, but violate the schema.

use crate::error::Result;
use crate::pshape::event::{EditableEvent, FieldIndex, split_path};
use crate::pshape::position::Position;
use crate::pshape::spec::Spec;
use crate::record::event::Role;
use crate::record::truth::Expect;
use crate::seed::Choice;

use super::{Applied, Effect, Flag, Form, GivenBy, Kind, Phase, Setup, Share};

/// The entry in the list of effects.
pub(super) const KIND: Kind = Kind {
    flag: "schema",
    fault: "schema",
    head: Some("p"),
    given_by: GivenBy::Flag(Flag {
        value: "P",
        form: Form::Options,
        repeatable: false,
        help: "Break the schema",
        details: "Options: P[,kinds=KIND/KIND][,required=PATH/PATH]. Kinds are missing, null, retype, rename and extra; by default all.",
    }),
    phase: Phase::Bytes,
    share: Share::Asked,
    windowed: true,
    spared: "lacked a field of the schema",
    needs: &[],
    build,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Drift {
    Missing,
    Null,
    Retype,
    Rename,
    Extra,
}

const KINDS: [(&str, Drift); 5] = [
    ("missing", Drift::Missing),
    ("null", Drift::Null),
    ("retype", Drift::Retype),
    ("rename", Drift::Rename),
    ("extra", Drift::Extra),
];

struct Schema {
    kinds: Vec<Drift>,
    /// Fields that the schema requires: those that were named, or PulseStream's (contracts §9).
    required: Vec<Target>,
    /// In other schemas, if none were named: fields that tools like this one need.
    other: Vec<Target>,
    extra: FieldIndex,
    draws: Choice,
}

/// A field that the schema requires.
#[derive(Debug, Clone, Copy)]
struct Target {
    field: FieldIndex,
    /// The field with its key in another style.
    renamed: FieldIndex,
}

/// Reads `kinds` and `required`.
fn build(spec: &mut Spec, setup: &mut Setup<'_>) -> Result<Box<dyn Effect>> {
    let kinds = spec.kinds(&KINDS)?;
    let map = setup.fields.map().clone();
    let named = spec.text("required");
    let named: Vec<&str> = named.iter().flat_map(|text| text.split('/')).map(|name| map.resolve(name.trim())).collect();
    if named.iter().any(|path| path.is_empty()) {
        return Err(spec.wrong("'required' has an empty path: expected paths separated by /, such as user.id/amount"));
    }
    let mut targets = |paths: &[&str]| -> Vec<Target> {
        let target =
            |path: &&str| Target { field: setup.fields.path(path), renamed: setup.fields.path(&restyled(path)) };
        paths.iter().map(target).collect()
    };
    let (required, other) = if named.is_empty() {
        let required = ["event_type", "title", map.path(Role::Service), map.path(Role::Endpoint)];
        (targets(&required), targets(&[map.path(Role::Timestamp), map.path(Role::Status), map.path(Role::Latency)]))
    } else {
        (targets(&named), Vec::new())
    };
    let extra = setup.fields.path("unexpected_field");
    Ok(Box::new(Schema { kinds, required, other, extra, draws: setup.draws("kind") }))
}

impl Effect for Schema {
    fn apply(&mut self, event: &mut EditableEvent, position: &Position) -> Applied {
        let draw = self.draws.at(position.seq);
        let pick = |n: usize, draw: u64| usize::try_from(draw % n as u64).unwrap_or(0);
        let kind = self.kinds[pick(self.kinds.len(), draw)];
        if kind == Drift::Extra {
            let value = format!("\"{:08x}\"", draw >> 32);
            let has_room = event.raw(self.extra).is_none() && event.append(None, self.extra, value.as_bytes());
            return if has_room { Applied::Changed(Expect::Accepted) } else { Applied::Passed };
        }
        let present = |targets: &[Target]| -> Vec<Target> {
            let is_there = |target: &&Target| event.raw(target.field).is_some_and(|raw| raw != b"null");
            targets.iter().filter(is_there).copied().collect()
        };
        let mut targets = present(&self.required);
        if targets.is_empty() {
            targets = present(&self.other);
        }
        if targets.is_empty() {
            return Applied::Passed;
        }
        let Target { field, renamed } = targets[pick(targets.len(), draw / self.kinds.len() as u64)];
        match kind {
            Drift::Missing => {
                if !event.remove(field) {
                    return Applied::Passed;
                }
            }
            Drift::Null => event.set(field, b"null"),
            Drift::Retype => {
                let raw = event.raw(field).unwrap_or_default();
                let other = if raw.starts_with(b"\"") {
                    (draw >> 40).to_string().into_bytes()
                } else {
                    [b"[", raw, b"]"].concat()
                };
                event.set(field, &other);
            }
            Drift::Rename | Drift::Extra => {
                if !event.rename(field, renamed) {
                    return Applied::Passed;
                }
            }
        }
        Applied::Changed(Expect::Rejected)
    }
}

/// The path with its last key in another style: snake case becomes camel case, and a single word gets a capital.
fn restyled(path: &str) -> String {
    let (parent, key) = split_path(path);
    let words: Vec<&str> = key.split('_').filter(|word| !word.is_empty()).collect();
    let capital = |word: &str| {
        let mut chars = word.chars();
        chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
    };
    let key = match words.as_slice() {
        [first, rest @ ..] if !rest.is_empty() => {
            rest.iter().fold((*first).to_owned(), |key, word| key + &capital(word))
        }
        _ => format!("{}_", capital(&key)),
    };
    parent.to_owned() + &key.replace('.', "\\.")
}

#[cfg(test)]
mod tests {
    use super::restyled;

    #[test]
    fn keys_change_their_style_and_never_stay() {
        assert_eq!(restyled("event_type"), "eventType");
        assert_eq!(restyled("title"), "Title_");
        assert_eq!(restyled("Title"), "Title_");
        assert_ne!(restyled("_"), "_");
        assert_eq!(restyled(r"source.ser\.vice_name"), r"source.ser\.viceName");
    }
}
