//! `--redact PATH,…` or `--redact auto`: values get keyed stand-ins of the same form.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::pshape::event::{EditableEvent, FieldIndex};
use crate::pshape::position::Position;
use crate::pshape::redact::Members;
use crate::pshape::spec::Spec;
use crate::record::event::Role;
use crate::record::truth::Expect;

use super::{Applied, Effect, Flag, Form, GivenBy, Kind, Phase, Setup, Share};

/// The entry in the list of effects.
pub(super) const KIND: Kind = Kind {
    flag: "redact",
    fault: "redact",
    head: Some("paths"),
    given_by: GivenBy::Flag(Flag {
        value: "PATH,…|auto",
        form: Form::Paths,
        repeatable: false,
        help: "Replace values by stand-ins of the same form",
        details: "The members at the paths are replaced, with all that they hold. auto replaces what looks like personal data or a \
                  secret, also inside of other values. Needs --redact-key-file.",
    }),
    phase: Phase::Redact,
    share: Share::All,
    windowed: false,
    spared: "held nothing to redact",
    needs: &[],
    build,
};

struct Redact {
    members: Members,
    /// The fields of the paths.
    fields: Vec<FieldIndex>,
}

/// Reads `paths`.
fn build(spec: &mut Spec, setup: &mut Setup<'_>) -> Result<Box<dyn Effect>> {
    let given = spec.text("paths").ok_or_else(|| spec.wrong("'paths' is missing"))?;
    let Some(key) = setup.redact_key else {
        return Err(Error::usage(format!(
            "{} needs --redact-key-file: with the same key, a value has the same stand-in in all files. Make a key with: \
             openssl rand -hex 32 > FILE",
            spec.place()
        )));
    };
    let mut members = Members::parse(&given, key).map_err(|form| spec.invalid("paths", &given, form))?;
    let time = setup.fields.map().path(Role::Timestamp).to_owned();
    if members.paths().any(|path| time.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
    {
        setup.origin.shift(None, -members.redactor().back());
    }
    let fields = members.paths().map(|path| setup.fields.path(path)).collect();
    setup.wants.withholding = true;
    Ok(Box::new(Redact { members, fields }))
}

impl Effect for Redact {
    fn apply(&mut self, event: &mut EditableEvent, _position: &Position) -> Applied {
        self.members.begin();
        let line = std::str::from_utf8(event.text()).expect("an event is UTF-8");
        let is_found = if self.members.is_auto() || event.has_repeats() {
            self.members.search(line)
        } else {
            self.look_up(line, event)
        };
        let paths = self.members.take_changed();
        if paths.is_empty() {
            return if is_found { Applied::Kept } else { Applied::Passed };
        }
        event.redact(self.members.edits(), paths.into_iter().map(|(_, path)| path));
        Applied::Changed(Expect::Accepted)
    }

    fn remark(&self) -> Option<String> {
        self.members.missing().map(|paths| format!("no event has {paths}"))
    }
}

impl Redact {
    /// Redacts the members at the paths. Returns whether there is one.
    fn look_up(&mut self, line: &str, event: &EditableEvent) -> bool {
        let fields = self.fields.iter().enumerate();
        let mut found: Vec<(Range<usize>, usize)> =
            fields.filter_map(|(nth, field)| Some((event.range(*field)?, nth))).collect();
        found.sort_by_key(|(range, _)| (range.start, usize::MAX - range.end));
        let mut end = 0;
        for (range, nth) in &found {
            // It may lie in another that was redacted whole.
            if range.start >= end {
                end = range.end;
                self.members.whole(line, range.clone(), *nth);
            } else {
                self.members.note_found(*nth);
            }
        }
        !found.is_empty()
    }
}
