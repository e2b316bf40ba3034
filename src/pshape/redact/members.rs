//! The members of a line that are redacted: those at given paths, and those in which something is found.

use std::ops::Range;

use xxhash_rust::xxh3::xxh3_64;

use crate::jsonl::leaves::{self, Part};

use super::coding::Edit;
use super::key::Key;
use super::redactor::{Redactor, Scope};

/// The path that stands for what looks like personal data or a secret.
const AUTO: &str = "auto";

/// The members that are redacted.
pub(in crate::pshape) struct Members {
    redactor: Redactor,
    /// Whether all members are searched.
    is_auto: bool,
    paths: Vec<Path>,
    edits: Vec<Edit>,
    /// The paths of the members with changes, each with the number of changes up to there.
    changed: Vec<(usize, String)>,
    recent: Vec<Recent>,
}

/// A member that is redacted whole.
struct Path {
    given: String,
    /// The path as [`leaves::Place::write_path`] writes it, without backslashes: a key with dots is found by either spelling.
    plain: String,
    is_found: bool,
}

/// A value that was replaced a short while ago. Most members have few values.
#[derive(Default)]
struct Recent {
    nth: usize,
    raw: String,
    new: String,
}

/// How many of them are kept, and the longest.
const RECENT: usize = 1 << 12;
const LONGEST_RECENT: usize = 64;

impl Members {
    /// The members in a list such as `context.user_id,email` or `auto`, with the stand-ins of this key.
    ///
    /// # Errors
    /// If it is no such list, with the expected form.
    pub(in crate::pshape) fn parse(list: &str, key: &Key) -> Result<Self, &'static str> {
        let (mut is_auto, mut paths) = (false, Vec::new());
        for path in split(list) {
            if path.is_empty() || path.split('.').any(str::is_empty) {
                return Err("expected paths separated by commas, such as context.user_id,email, or auto");
            }
            if path == AUTO {
                is_auto = true;
            } else {
                paths.push(Path { plain: path.replace("\\.", "."), given: path, is_found: false });
            }
        }
        let recent = (0..RECENT).map(|_| Recent::default()).collect();
        Ok(Self { redactor: Redactor::new(key), is_auto, paths, edits: Vec::new(), changed: Vec::new(), recent })
    }

    /// What replaces the values.
    pub(in crate::pshape) fn redactor(&mut self) -> &mut Redactor {
        &mut self.redactor
    }

    /// Whether all members are searched.
    pub(in crate::pshape) fn is_auto(&self) -> bool {
        self.is_auto
    }

    /// The paths of the members that are redacted whole.
    pub(in crate::pshape) fn paths(&self) -> impl Iterator<Item = &str> {
        self.paths.iter().map(|path| &*path.given)
    }

    /// The paths that no line had so far, for a message.
    pub(in crate::pshape) fn missing(&self) -> Option<String> {
        let missing: Vec<&str> = self.paths.iter().filter(|path| !path.is_found).map(|path| &*path.given).collect();
        (!missing.is_empty()).then(|| missing.join(", "))
    }

    /// The changes in the line, in order.
    pub(in crate::pshape) fn edits(&self) -> &[Edit] {
        &self.edits
    }

    /// Takes the paths of the members with changes, each with the number of changes up to there.
    pub(in crate::pshape) fn take_changed(&mut self) -> Vec<(usize, String)> {
        std::mem::take(&mut self.changed)
    }

    /// Notes that there is a member at the path with this number.
    pub(in crate::pshape) fn note_found(&mut self, nth: usize) {
        self.paths[nth].is_found = true;
    }

    /// Begins a line.
    pub(in crate::pshape) fn begin(&mut self) {
        self.edits.clear();
        self.changed.clear();
    }

    /// Redacts the value of the path with this number, and all that it holds.
    pub(in crate::pshape) fn whole(&mut self, line: &str, range: Range<usize>, nth: usize) {
        let raw = &line[range.clone()];
        let path = &mut self.paths[nth];
        path.is_found = true;
        let given = &path.given;
        if !raw.starts_with(['{', '[']) {
            let before = self.edits.len();
            let place = usize::try_from(xxh3_64(raw.as_bytes())).unwrap_or(0) % RECENT;
            let recent = &mut self.recent[place];
            if recent.raw == raw && recent.nth == nth {
                self.edits.push(Edit { range, new: recent.new.clone() });
            } else {
                self.redactor.scalar(raw, &last_key(given), Scope::All, range.start, &mut self.edits);
                if let [edit] = &self.edits[before..]
                    && raw.len() <= LONGEST_RECENT
                {
                    let inner = edit.range.start - range.start..edit.range.end - range.start;
                    let new = [&raw[..inner.start], &edit.new, &raw[inner.end..]].concat();
                    *recent = Recent { nth, raw: raw.to_owned(), new };
                }
            }
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
    pub(in crate::pshape) fn search(&mut self, line: &str) -> bool {
        let mut is_any = false;
        let mut text = String::new();
        let Self { redactor, is_auto, paths, edits, changed, .. } = self;
        leaves::visit(line.as_bytes(), |place, range, part| {
            let mut is_whole = false;
            if !paths.is_empty() {
                text.clear();
                place.write_path(&mut text);
                let plain = text.replace("\\.", ".");
                for path in paths.iter_mut() {
                    let leads_here = plain == path.plain
                        || plain.strip_prefix(&*path.plain).is_some_and(|rest| rest.starts_with('.'));
                    path.is_found |= leads_here;
                    is_whole |= leads_here;
                }
            }
            let before = edits.len();
            let name = place.name();
            let raw = &line[range.clone()];
            is_any |= is_whole || *is_auto;
            match part {
                Part::Key if *is_auto && !is_whole => redactor.key(raw, range.start, edits),
                Part::Key => {}
                Part::Scalar if is_whole || *is_auto && redactor.is_personal(&name) => {
                    redactor.scalar(raw, &name, Scope::All, range.start, edits);
                }
                Part::Scalar if *is_auto => redactor.scalar(raw, &name, Scope::Found, range.start, edits),
                Part::Scalar => {}
            }
            // Most values have no changes, and need no path.
            if edits.len() > before || redactor.has_replaced() {
                text.clear();
                if !paths.is_empty() || part == Part::Scalar {
                    place.write_path(&mut text);
                }
                redactor.place_replaced(&text);
                note(edits, changed, || text.clone());
            }
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

/// The paths in a list. `\,` is a comma in a path.
fn split(list: &str) -> Vec<String> {
    const COMMA: char = '\0';
    let list = list.replace("\\,", &COMMA.to_string());
    list.split(',').map(|path| path.trim().replace(COMMA, ",")).collect()
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
