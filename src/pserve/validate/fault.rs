//! What is wrong with a body, in the form that FastAPI gives it: `{type, loc, msg, input}`.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;

/// A refused value is repeated up to this many characters.
const SHOWN: usize = 200;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fault {
    /// A word for its kind, as Pydantic names them.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Where it is: `body`, then the keys that lead there, or an offset in bytes where the JSON breaks off.
    pub loc: Vec<Value>,
    /// What would be right.
    pub msg: Cow<'static, str>,
    /// The value that was found; null where it is missing, an object or an array.
    pub input: Value,
}

impl Fault {
    /// Something wrong at this place in the body.
    pub fn new(kind: &'static str, path: Vec<Value>, msg: impl Into<Cow<'static, str>>, input: Value) -> Self {
        let loc = std::iter::once("body".into()).chain(path).collect();
        Self { kind, loc, msg: msg.into(), input }
    }

    /// A field that must be there and is not.
    pub fn missing(path: Vec<Value>) -> Self {
        Self::new("missing", path, "Field required", Value::Null)
    }

    /// A body that is no JSON, from this offset on.
    pub fn json(offset: usize, why: &str) -> Self {
        Self::new("json_invalid", vec![offset.into()], format!("JSON decode error: {why}"), Value::Null)
    }

    /// A query parameter that is not what it should be.
    pub fn query(kind: &'static str, name: &str, msg: impl Into<Cow<'static, str>>, input: &str) -> Self {
        Self { kind, loc: vec!["query".into(), name.into()], msg: msg.into(), input: shown(input) }
    }

    /// Where it is, below the body: `source.service`.
    pub fn path(&self) -> String {
        let part = |part: &Value| part.as_str().map_or_else(|| part.to_string(), ToOwned::to_owned);
        self.loc.iter().skip(1).map(part).collect::<Vec<_>>().join(".")
    }

    /// Place and message in one line.
    pub fn line(&self) -> String {
        match self.path() {
            path if path.is_empty() => self.msg.to_string(),
            path => format!("{path}: {}", self.msg),
        }
    }
}

/// A text as it is repeated in a fault.
pub fn shown(text: &str) -> Value {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}
