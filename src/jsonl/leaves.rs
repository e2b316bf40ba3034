//! Visits the keys and the scalar values of a text of which it is known that it is JSON.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memchr2;

use super::value;

/// What is visited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The key of a member.
    Key,
    /// A string, number, true, false or null.
    Scalar,
}

/// An object or array around a place.
#[derive(Debug)]
enum Level {
    /// An object, with the position of the current key, in its quotes.
    Object(Range<usize>),
    /// An array, with the number of the current element, from 0.
    Array(u64),
}

/// The way to what is visited.
pub(crate) struct Place<'a> {
    text: &'a [u8],
    levels: &'a [Level],
}

impl<'a> Place<'a> {
    /// The key of the member in which this is, however deep in arrays. Empty outside of objects.
    pub(crate) fn name(&self) -> Cow<'a, str> {
        let keys = self.levels.iter().rev().filter_map(|level| match level {
            Level::Object(key) => Some(key.clone()),
            Level::Array(_) => None,
        });
        keys.map(|key| value::label(&self.text[key])).next().unwrap_or_default()
    }

    /// Appends the dotted path that leads here to the path of the text, which may be empty. A dot within a key gets a backslash.
    pub(crate) fn write_path(&self, out: &mut String) {
        for level in self.levels {
            if !out.is_empty() {
                out.push('.');
            }
            match level {
                Level::Object(key) => out.push_str(&value::label(&self.text[key.clone()]).replace('.', "\\.")),
                Level::Array(element) => out.push_str(&element.to_string()),
            }
        }
    }
}

/// Visits all keys and scalar values, in order, each with its position in the text.
pub(crate) fn visit(text: &[u8], mut each: impl FnMut(&Place<'_>, Range<usize>, Part)) {
    let mut levels: Vec<Level> = Vec::new();
    let (mut at, mut before_key) = (0, false);
    while let Some(byte) = text.get(at) {
        let from = at;
        at += 1;
        match byte {
            b'{' => {
                levels.push(Level::Object(0..0));
                before_key = true;
            }
            b'[' => {
                levels.push(Level::Array(0));
                before_key = false;
            }
            b'}' | b']' => {
                levels.pop();
            }
            b',' => match levels.last_mut() {
                Some(Level::Array(element)) => *element += 1,
                _ => before_key = true,
            },
            b'"' => {
                at = string_end(text, from);
                let part = if std::mem::take(&mut before_key) { Part::Key } else { Part::Scalar };
                if let (Part::Key, Some(Level::Object(key))) = (part, levels.last_mut()) {
                    *key = from..at;
                }
                each(&Place { text, levels: &levels }, from..at, part);
            }
            b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => {
                let rest = &text[at..];
                at += rest.iter().position(|byte| !is_inner(*byte)).unwrap_or(rest.len());
                each(&Place { text, levels: &levels }, from..at, Part::Scalar);
            }
            _ => {}
        }
    }
}

/// Whether a number, true, false or null may have this byte.
fn is_inner(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}

/// The end of the string whose first quote stands at `at`.
fn string_end(text: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while let Some(step) = memchr2(b'"', b'\\', &text[at.min(text.len())..]) {
        if text[at + step] == b'"' {
            return at + step + 1;
        }
        at += step + 2;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_scalars_come_with_their_paths() {
        let text = r#" {"a": 1, "b.c": {"d\"": "x\\", "e": [1.5e3, [true, {"f": null}], {}]}, "g": "]"} "#;
        let mut seen = Vec::new();
        visit(text.as_bytes(), |place, range, part| {
            let mut path = String::new();
            place.write_path(&mut path);
            seen.push((path, place.name().into_owned(), text[range].to_owned(), part == Part::Key));
        });
        let scalars: Vec<(&str, &str, &str)> =
            seen.iter().filter(|(.., is_key)| !is_key).map(|(path, name, raw, _)| (&**path, &**name, &**raw)).collect();
        assert_eq!(
            scalars,
            [
                ("a", "a", "1"),
                (r#"b\.c.d""#, "d\"", r#""x\\""#),
                (r"b\.c.e.0", "e", "1.5e3"),
                (r"b\.c.e.1.0", "e", "true"),
                (r"b\.c.e.1.1.f", "f", "null"),
                ("g", "g", "\"]\""),
            ]
        );
        assert_eq!(seen.iter().filter(|(.., is_key)| *is_key).count(), 6);
    }

    #[test]
    fn no_depth_exhausts_the_stack() {
        let deep = format!("{}1{}", "[".repeat(1 << 20), "]".repeat(1 << 20));
        let mut count = 0;
        visit(deep.as_bytes(), |_, _, _| count += 1);
        assert_eq!(count, 1);
    }
}
