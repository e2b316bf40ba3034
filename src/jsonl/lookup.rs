//! The value at one path of a JSON text of any type, such as the body of an answer.

use std::sync::{Mutex, PoisonError};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::scan::{FieldSet, Scanner, Spans};

/// What is put before a text that is not an object, so that it can be scanned as the member of one.
const WRAPPER: &[u8] = b"{\"\":";

/// A path, as [`FieldSet`] describes it. The empty path is the whole text.
#[derive(Debug, Deserialize)]
#[serde(from = "String")]
pub(crate) struct Lookup {
    path: String,
    /// Scanners remember the layouts of what they scanned: the next text of the same server is read faster.
    state: Mutex<Box<State>>,
}

#[derive(Debug)]
struct State {
    object: Scanner,
    wrapped: Scanner,
    spans: Spans,
}

impl From<String> for Lookup {
    fn from(path: String) -> Self {
        let state = State {
            object: Scanner::new(FieldSet::new([&path])),
            wrapped: Scanner::new(FieldSet::new([format!(".{path}")])),
            spans: Spans::default(),
        };
        Self { path, state: Mutex::new(Box::new(state)) }
    }
}

impl Clone for Lookup {
    fn clone(&self) -> Self {
        Self::from(self.path.clone())
    }
}

impl Lookup {
    /// The path as it was written.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The raw value at the path. Returns `None` if there is none, or if the text is not JSON.
    pub(crate) fn find<'a>(&self, text: &'a [u8]) -> Option<&'a [u8]> {
        let text = text.trim_ascii();
        if self.path.is_empty() {
            return serde_json::from_slice::<&RawValue>(text).ok().map(|whole| whole.get().as_bytes());
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { object, wrapped, spans } = &mut **state;
        match text.first()? {
            b'{' => object.scan(text, spans).ok().and_then(|()| spans.raw(text, 0)),
            b'[' => {
                let member = [WRAPPER, text, b"}"].concat();
                wrapped.scan(&member, spans).ok()?;
                let found = spans.range(0)?;
                text.get(found.start - WRAPPER.len()..found.end - WRAPPER.len())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find<'a>(text: &'a str, path: &str) -> Option<&'a str> {
        Lookup::from(path.to_owned())
            .find(text.as_bytes())
            .map(|raw| std::str::from_utf8(raw).expect("a part of a text"))
    }

    #[test]
    fn a_path_leads_into_objects_and_lists_of_any_text() {
        for (text, path, found) in [
            (r#"{"a":{"b":[1,{"c":"x"}]}}"#, "a.b.1.c", Some("\"x\"")),
            (r#" [{"id":"a"},{"id":"b","error":"conflict"}]"#, "1.error", Some("\"conflict\"")),
            (r#"[[1,2],[3]]"#, "1.0", Some("3")),
            (r#"{"a.b":1}"#, "a.b", Some("1")),
            (r#"{"a.b":1}"#, r"a\.b", Some("1")),
            (r#"{"a":{"b":1}}"#, r"a\.b", None),
            (r#"{"a":1,"a":2}"#, "a", Some("2")),
            (r#"{"a":1"#, "a", None),
            ("[1", "0", None),
            ("\"a\"", "a", None),
            ("", "a", None),
            (" [1, 2]\n", "", Some("[1, 2]")),
            ("no JSON", "", None),
        ] {
            assert_eq!(find(text, path), found, "{path} in {text}");
        }
    }
}
