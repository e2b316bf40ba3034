//! Whether the server holds an event as it was sent.

use serde_json::{Map, Value};

use super::dialect::{Dialect, Reading};
use super::meaning::Meaning;
use super::transport::Reply;
use crate::clock::Micros;
use crate::record::timestamp;

/// What the answer to a question for an event says of it.
pub fn read(dialect: &Dialect, reply: &Reply, line: &[u8], now: Micros) -> Reading {
    let mut reading = dialect.read_verify(reply.status, &reply.body, now);
    // Where the server says that it holds it and shows it, the event itself is looked at.
    if reading.meaning == Meaning::Present && (200..300).contains(&reply.status) {
        match dialect.shown_event(&reply.body) {
            None => {
                reading.meaning = Meaning::Retry;
                reading.complaint = Some("the answer shows no event".to_owned());
            }
            Some(held) => {
                if let Some(difference) =
                    serde_json::from_slice(line).ok().and_then(|sent| first_difference(&sent, &held))
                {
                    reading.meaning = Meaning::Differs;
                    reading.complaint = Some(difference);
                }
            }
        }
    }
    reading
}

/// The first field of `sent` that `held` has otherwise, in words. What the server added is no difference.
fn first_difference(sent: &Value, held: &Value) -> Option<String> {
    let mut path = Vec::new();
    compare(sent, held, &mut path).map(|what| format!("{}: {what}", path.join(".")))
}

/// Leaves the path of the difference in `path`.
fn compare(sent: &Value, held: &Value, path: &mut Vec<String>) -> Option<String> {
    match (sent, held) {
        (Value::Object(sent), Value::Object(held)) => compare_fields(sent, held, path),
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).enumerate().find_map(|(i, (a, b))| {
                path.push(i.to_string());
                let found = compare(a, b, path);
                if found.is_none() {
                    path.pop();
                }
                found
            })
        }
        _ if is_same(sent, held) => None,
        _ => Some(format!("sent {}, held {}", shown(sent), shown(held))),
    }
}

fn compare_fields(sent: &Map<String, Value>, held: &Map<String, Value>, path: &mut Vec<String>) -> Option<String> {
    sent.iter().find_map(|(key, value)| {
        path.push(key.clone());
        let found = match held.get(key) {
            Some(held) => compare(value, held, path),
            // A field without a value may be left out.
            None if value.is_null() => None,
            None => Some(format!("sent {}, not held", shown(value))),
        };
        if found.is_none() {
            path.pop();
        }
        found
    })
}

/// Whether two values say the same: numbers and moments may be written in more than one way.
fn is_same(sent: &Value, held: &Value) -> bool {
    match (sent, held) {
        (Value::Number(a), Value::Number(b)) => a == b || (a.is_f64() || b.is_f64()) && a.as_f64() == b.as_f64(),
        (Value::String(a), Value::String(b)) => {
            a == b || timestamp::parse(a.as_bytes()).is_some_and(|a| Some(a) == timestamp::parse(b.as_bytes()))
        }
        _ => sent == held,
    }
}

fn shown(value: &Value) -> String {
    const LONGEST: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_was_sent_is_compared_and_by_what_it_means() {
        let sent = json!({"a": 1.10, "t": "2026-01-05T09:00:00.000000Z", "u": null, "m": {"x": [1, 2]}});
        let held = json!({"m": {"x": [1, 2], "y": 0}, "t": "2026-01-05T10:00:00+01:00", "a": 1.1, "received": true});
        assert_eq!(first_difference(&sent, &held), None);
    }

    #[test]
    fn the_field_that_differs_is_named() {
        for (held, field) in [
            (json!({"a": 2, "m": {"x": [1, 2]}}), "a: sent 1, held 2"),
            (json!({"a": 1, "m": {"x": [1, 3]}}), "m.x.1: sent 2, held 3"),
            (json!({"a": 1, "m": {}}), "m.x: sent [1,2], not held"),
            (json!({"a": "1", "m": {"x": [1, 2]}}), "a: sent 1, held \"1\""),
        ] {
            let sent = json!({"a": 1, "m": {"x": [1, 2]}});
            assert_eq!(first_difference(&sent, &held).as_deref(), Some(field));
        }
    }
}
