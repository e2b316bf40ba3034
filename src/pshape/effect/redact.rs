//! `--redact PATH,…` or `--redact auto`: values get keyed stand-ins of the same form.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::jsonl::leaves::{self, Part};
use crate::pshape::event::{EditableEvent, FieldIndex};
use crate::pshape::position::Position;
use crate::pshape::redact::{Edit, Redactor, Scope};
use crate::pshape::spec::Spec;
use crate::record::event::Role;
use crate::record::private;
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

/// The path that stands for what looks like personal data or a secret.
const AUTO: &str = "auto";

struct Redact {
    redactor: Redactor,
    /// Whether all members are searched.
    is_auto: bool,
    paths: Vec<Path>,
    edits: Vec<Edit>,
    /// The members with changes, and how many changes come before each.
    changed: Vec<(usize, String)>,
}

/// A member that is redacted whole.
struct Path {
    given: String,
    /// The path as [`leaves::Place::write_path`] writes it, without backslashes: a key with dots is found by either spelling.
    plain: String,
    field: FieldIndex,
    is_found: bool,
}

/// Reads `paths`.
fn build(spec: &mut Spec, setup: &mut Setup<'_>) -> Result<Box<dyn Effect>> {
    let given = spec.text("paths").ok_or_else(|| spec.wrong("'paths' is missing"))?;
    let Some(key) = setup.redact_key else {
        return Err(Error::usage(format!(
            "{}: needs --redact-key-file: the key decides the stand-ins, so that a value has the same one in all files. Make one with: \
             openssl rand -hex 32 > FILE",
            spec.place()
        )));
    };
    let redactor = Redactor::new(key);
    let (mut is_auto, mut paths) = (false, Vec::new());
    for path in split(&given) {
        if path.is_empty() || path.split('.').any(str::is_empty) {
            let form = "expected paths separated by commas, such as context.user_id,email, or auto";
            return Err(spec.invalid("paths", &given, form));
        }
        if path == AUTO {
            is_auto = true;
            continue;
        }
        let holds_times = [Role::Timestamp].map(|role| setup.fields.map().path(role).to_owned());
        if holds_times.iter().any(|time| *time == path || time.starts_with(&format!("{path}."))) {
            setup.origin.shift(None, -redactor.back());
        }
        let (field, plain) = (setup.fields.path(&path), path.replace("\\.", "."));
        paths.push(Path { given: path, plain, field, is_found: false });
    }
    setup.wants.withholding = true;
    Ok(Box::new(Redact { redactor, is_auto, paths, edits: Vec::new(), changed: Vec::new() }))
}

/// The paths in a list. `\,` is a comma in a path.
fn split(list: &str) -> Vec<String> {
    const COMMA: char = '\0';
    let list = list.replace("\\,", &COMMA.to_string());
    list.split(',').map(|path| path.trim().replace(COMMA, ",")).collect()
}

impl Effect for Redact {
    fn apply(&mut self, event: &mut EditableEvent, _position: &Position) -> Applied {
        self.edits.clear();
        self.changed.clear();
        let line = std::str::from_utf8(event.text()).expect("an event is UTF-8");
        let is_found = if self.is_auto || event.has_repeats() { self.search(line) } else { self.look_up(line, event) };
        if self.edits.is_empty() {
            return if is_found { Applied::Kept } else { Applied::Passed };
        }
        let paths = std::mem::take(&mut self.changed);
        event.redact(&self.edits, paths.into_iter().map(|(_, path)| path));
        Applied::Changed(Expect::Accepted)
    }

    fn remark(&self) -> Option<String> {
        let missing: Vec<&str> = self.paths.iter().filter(|path| !path.is_found).map(|path| &*path.given).collect();
        (!missing.is_empty()).then(|| format!("no event has {}", missing.join(", ")))
    }
}

impl Redact {
    /// Redacts the members at the paths. Returns whether there is one.
    fn look_up(&mut self, line: &str, event: &EditableEvent) -> bool {
        let mut found: Vec<(Range<usize>, usize)> = Vec::new();
        for (nth, path) in self.paths.iter_mut().enumerate() {
            if let Some(range) = event.range(path.field) {
                path.is_found = true;
                found.push((range, nth));
            }
        }
        found.sort_by_key(|(range, _)| (range.start, usize::MAX - range.end));
        let mut end = 0;
        for (range, nth) in &found {
            // It may lie in another that was redacted whole.
            if range.start >= end {
                end = range.end;
                self.whole(line, range.clone(), *nth);
            }
        }
        !found.is_empty()
    }

    /// Redacts all that a value holds.
    fn whole(&mut self, line: &str, range: Range<usize>, nth: usize) {
        let raw = &line[range.clone()];
        let given = &self.paths[nth].given;
        if !raw.starts_with(['{', '[']) {
            let name = last_key(given);
            self.redactor.scalar(raw, &name, Scope::All, range.start, &mut self.edits);
            note(&self.edits, &mut self.changed, || given.clone());
            return;
        }
        let own = last_key(given);
        leaves::visit(raw.as_bytes(), |place, inner, part| {
            if part == Part::Scalar {
                let name = Some(place.name()).filter(|name| !name.is_empty()).unwrap_or_else(|| own.clone().into());
                let at = range.start + inner.start;
                self.redactor.scalar(&raw[inner], &name, Scope::All, at, &mut self.edits);
                note(&self.edits, &mut self.changed, || {
                    let mut path = given.clone();
                    place.write_path(&mut path);
                    path
                });
            }
        });
    }

    /// Redacts what is found anywhere in the line, and all places to which the paths lead. Returns whether there was something to look
    /// at.
    fn search(&mut self, line: &str) -> bool {
        let mut is_any = false;
        let mut text = String::new();
        let Self { redactor, is_auto, paths, edits, changed } = self;
        leaves::visit(line.as_bytes(), |place, range, part| {
            text.clear();
            if !paths.is_empty() || part == Part::Scalar {
                place.write_path(&mut text);
            }
            let plain = text.replace("\\.", ".");
            let mut is_whole = false;
            for path in paths.iter_mut() {
                let leads_here =
                    plain == path.plain || plain.strip_prefix(&*path.plain).is_some_and(|rest| rest.starts_with('.'));
                path.is_found |= leads_here;
                is_whole |= leads_here;
            }
            let name = place.name();
            let raw = &line[range.clone()];
            is_any |= is_whole || *is_auto;
            match part {
                Part::Key if *is_auto && !is_whole => redactor.key(raw, range.start, edits),
                Part::Key => {}
                Part::Scalar if is_whole || *is_auto && private::is_personal(&name) => {
                    redactor.scalar(raw, &name, Scope::All, range.start, edits);
                }
                Part::Scalar if *is_auto => redactor.scalar(raw, &name, Scope::Found, range.start, edits),
                Part::Scalar => {}
            }
            note(edits, changed, || text.clone());
        });
        is_any
    }
}

/// Notes the path of a member if there are changes since the last one.
fn note(edits: &[Edit], changed: &mut Vec<(usize, String)>, path: impl FnOnce() -> String) {
    if edits.len() > changed.last().map_or(0, |(count, _)| *count) {
        changed.push((edits.len(), path()));
    }
}

/// The key of the member at a path. An element of an array has the array's.
fn last_key(path: &str) -> String {
    let is_element = |key: &&str| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit());
    path.rsplit('.').find(|key| !is_element(key)).unwrap_or(path).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_separated_by_commas_that_no_backslash_precedes() {
        assert_eq!(split("a.b,c"), ["a.b", "c"]);
        assert_eq!(split(r"a\,b, c"), ["a,b", "c"]);
        assert_eq!(split("a,,b"), ["a", "", "b"]);
        assert_eq!(split(""), [""]);
        assert_eq!((last_key("a.b"), last_key("users.0"), last_key("x")), ("b".into(), "users".into(), "x".into()));
    }
}
