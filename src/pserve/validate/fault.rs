//! Validation errors, in the form of FastAPI: `{type, loc, msg, input}`.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;

/// The number of characters of a refused value that are shown.
const SHOWN: usize = 200;

/// One validation error.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(in crate::pserve) struct Fault {
    /// Its kind, as Pydantic names it.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Where it is: `body`, then the keys that lead there, or the offset in bytes at which the JSON is invalid.
    pub loc: Vec<Value>,
    /// What was expected.
    pub msg: Cow<'static, str>,
    /// The value that was found, or null if it is missing, an object or an array.
    pub input: Value,
}

impl Fault {
    /// An error at this path in the body.
    pub(in crate::pserve) fn new(
        kind: &'static str,
        path: Vec<Value>,
        msg: impl Into<Cow<'static, str>>,
        input: Value,
    ) -> Self {
        let loc = std::iter::once("body".into()).chain(path).collect();
        Self { kind, loc, msg: msg.into(), input }
    }

    /// A required field is missing.
    pub(in crate::pserve) fn missing(path: Vec<Value>) -> Self {
        Self::new("missing", path, "Field required", Value::Null)
    }

    /// The body is not JSON, from this offset.
    pub(in crate::pserve) fn json(offset: usize, why: &str) -> Self {
        Self::new("json_invalid", vec![offset.into()], format!("JSON decode error: {why}"), Value::Null)
    }

    /// A query parameter is wrong.
    pub(in crate::pserve) fn query(
        kind: &'static str,
        name: &str,
        msg: impl Into<Cow<'static, str>>,
        input: &str,
    ) -> Self {
        Self { kind, loc: vec!["query".into(), name.into()], msg: msg.into(), input: shown(input) }
    }

    /// The path within the body: `source.service`.
    pub(in crate::pserve) fn path(&self) -> String {
        let part = |part: &Value| part.as_str().map_or_else(|| part.to_string(), ToOwned::to_owned);
        self.loc.iter().skip(1).map(part).collect::<Vec<_>>().join(".")
    }

    /// Path and message in one line.
    pub(in crate::pserve) fn line(&self) -> String {
        match self.path() {
            path if path.is_empty() => self.msg.to_string(),
            path => format!("{path}: {}", self.msg),
        }
    }
}

/// A refused text, shortened to be shown.
pub(in crate::pserve) fn shown(text: &str) -> Value {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}
