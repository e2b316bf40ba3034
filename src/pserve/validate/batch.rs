//! The envelope of a batch. Finds where each event begins and ends, and does not look into the events.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::fault::{Fault, shown};
use super::read::offset;

/// The most events in a batch (contracts §9).
const EVENTS: usize = 1000;

/// The longest batch_id and source_application, in characters.
const NAME: usize = 100;

/// A batch, as sent.
#[derive(Debug)]
pub(in crate::pserve) struct Batch<'a> {
    /// The bytes of each event.
    pub events: Vec<&'a str>,
    /// The client's name for it.
    pub batch_id: Option<String>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    events: Option<&'a RawValue>,
    #[serde(borrow)]
    batch_id: Option<&'a RawValue>,
    #[serde(borrow)]
    source_application: Option<&'a RawValue>,
}

/// Splits a batch into its events.
///
/// # Errors
/// What is wrong with the envelope.
pub(super) fn read(text: &str) -> Result<Batch<'_>, Vec<Fault>> {
    if !text.trim_ascii_start().starts_with('{') && serde_json::from_str::<IgnoredAny>(text).is_ok() {
        return Err(vec![Fault::new("dict_type", vec![], "Input should be a valid object: a batch", Value::Null)]);
    }
    let envelope: Envelope<'_> = serde_json::from_str(text)
        .map_err(|error| vec![Fault::json(offset(text, error.line(), error.column()), &error.to_string())])?;
    let mut faults = Vec::new();
    let mut keep = |fault| faults.push(fault);
    let events = events(envelope.events).map_err(&mut keep);
    let batch_id = name("batch_id", envelope.batch_id).map_err(&mut keep);
    let source = name("source_application", envelope.source_application).map_err(&mut keep);
    match (events, batch_id, source) {
        (Ok(events), Ok(batch_id), Ok(_)) => Ok(Batch { events, batch_id }),
        _ => Err(faults),
    }
}

fn events(value: Option<&RawValue>) -> Result<Vec<&str>, Fault> {
    let place = || vec!["events".into()];
    let value = value.ok_or_else(|| Fault::missing(place()))?;
    let List { first, count } = serde_json::from_str(value.get())
        .map_err(|_| Fault::new("list_type", place(), "Input should be a valid list", Value::Null))?;
    match count {
        0 => Err(Fault::new("too_short", place(), "List should have at least 1 item", Value::Null)),
        1..=EVENTS => Ok(first.into_iter().map(RawValue::get).collect()),
        _ => {
            let msg = format!("List should have at most {EVENTS} items, not {count}");
            Err(Fault::new("too_long", place(), msg, Value::Null))
        }
    }
}

fn name(field: &'static str, value: Option<&RawValue>) -> Result<Option<String>, Fault> {
    let fault = |kind, msg: String, input| Fault::new(kind, vec![field.into()], msg, input);
    let Some(value) = value else { return Ok(None) };
    let text: Option<Cow<'_, str>> = serde_json::from_str(value.get())
        .map_err(|_| fault("string_type", "Input should be a valid string".to_owned(), Value::Null))?;
    match text {
        Some(text) if text.chars().count() > NAME => {
            Err(fault("string_too_long", format!("String should have at most {NAME} characters"), shown(&text)))
        }
        text => Ok(text.map(Cow::into_owned)),
    }
}

/// A list's first [`EVENTS`] elements, and how many it has. A list of millions must not fill the memory.
struct List<'a> {
    first: Vec<&'a RawValue>,
    count: usize,
}

impl<'de> Deserialize<'de> for List<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Elements;

        impl<'de> Visitor<'de> for Elements {
            type Value = List<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<List<'de>, A::Error> {
                let mut first = Vec::new();
                while first.len() < EVENTS
                    && let Some(element) = seq.next_element()?
                {
                    first.push(element);
                }
                let mut count = first.len();
                if count == EVENTS {
                    while seq.next_element::<IgnoredAny>()?.is_some() {
                        count += 1;
                    }
                }
                Ok(List { first, count })
            }
        }

        from.deserialize_seq(Elements)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(String, &'static str)> {
        match read(text) {
            Ok(_) => Vec::new(),
            Err(faults) => faults.iter().map(|fault| (fault.path(), fault.kind)).collect(),
        }
    }

    #[test]
    fn each_event_keeps_its_own_bytes() {
        let batch = read(r#" {"x":[1], "events": [ {"a" : 1.10} , 7,"é"], "batch_id":"b\u0031"} "#).expect("a batch");
        assert_eq!(batch.events, [r#"{"a" : 1.10}"#, "7", "\"é\""]);
        assert_eq!(batch.batch_id.as_deref(), Some("b1"));
    }

    #[test]
    fn errors_in_the_envelope_name_the_field() {
        let place = |path: &str, kind| vec![(path.to_owned(), kind)];
        let many = |n: usize| format!(r#"{{"events":[{}]}}"#, vec!["0"; n].join(","));
        assert_eq!(kinds(&many(1000)), []);
        assert_eq!(kinds(&many(1001)), place("events", "too_long"));
        assert_eq!(kinds(r#"{"events":[]}"#), place("events", "too_short"));
        assert_eq!(kinds(r#"{"events":{}}"#), place("events", "list_type"));
        assert_eq!(kinds("{}"), place("events", "missing"));
        assert_eq!(kinds("[{}]"), place("", "dict_type"));
        assert_eq!(kinds(r#"{"events":[1],"batch_id":7}"#), place("batch_id", "string_type"));
        assert_eq!(kinds(r#"{"events":[1"#)[0].1, "json_invalid");
        assert_eq!(kinds(r#"{"events":[1],"events":[2]}"#)[0].1, "json_invalid");
    }
}
