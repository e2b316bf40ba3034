//! Whether the server holds an event as it was sent.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::dialect::{Dialect, Reading};
use super::meaning::Meaning;
use super::number;
use super::secret::Secrets;
use super::transport::Reply;
use crate::clock::Micros;
use crate::record::timestamp;

/// What the answer to a question for an event says of it.
pub fn read(dialect: &Dialect, reply: &Reply, line: &[u8], now: Micros, secrets: &Secrets) -> Reading {
    let mut reading = dialect.read_verify(reply.status, &reply.body, now, secrets);
    // Where the server says that it holds it and shows it, the event itself is looked at.
    if reading.meaning == Meaning::Present && (200..300).contains(&reply.status) {
        match dialect.shown_event(&reply.body) {
            None => {
                reading.meaning = Meaning::Retry;
                reading.complaint = Some(reply.cut().unwrap_or_else(|| "the answer shows no event".to_owned()));
            }
            Some(held) => {
                if let Some(difference) =
                    std::str::from_utf8(line).ok().and_then(|sent| first_difference(sent, held, secrets))
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
fn first_difference(sent: &str, held: &str, secrets: &Secrets) -> Option<String> {
    let mut comparison = Comparison { path: Vec::new(), secrets };
    let what = comparison.difference(sent.trim(), held.trim())?;
    Some(format!("{}: {what}", comparison.path.join(".")))
}

/// The fields of an object by name, each as it is written; the last of one name counts.
type Fields<'a> = BTreeMap<String, &'a RawValue>;

/// Compares values as they are written, for no number type holds every number of JSON.
struct Comparison<'a> {
    /// Where the values stand; in the end, where they differ.
    path: Vec<String>,
    secrets: &'a Secrets,
}

impl Comparison<'_> {
    fn difference(&mut self, sent: &str, held: &str) -> Option<String> {
        if let (Ok(sent), Ok(held)) = (serde_json::from_str::<Fields<'_>>(sent), serde_json::from_str(held)) {
            return self.difference_of_fields(&sent, &held);
        }
        if let (Ok(sent), Ok(held)) =
            (serde_json::from_str::<Vec<&RawValue>>(sent), serde_json::from_str::<Vec<&RawValue>>(held))
            && sent.len() == held.len()
        {
            let mut items = sent.iter().zip(held).enumerate();
            return items.find_map(|(at, (sent, held))| self.at(at.to_string(), sent.get(), held.get()));
        }
        (!is_same(sent, held)).then(|| format!("sent {}, held {}", self.shown(sent), self.shown(held)))
    }

    fn difference_of_fields(&mut self, sent: &Fields<'_>, held: &Fields<'_>) -> Option<String> {
        sent.iter().find_map(|(key, value)| match held.get(key) {
            Some(held) => self.at(key.clone(), value.get(), held.get()),
            // A field without a value may be left out.
            None if value.get() == "null" => None,
            None => {
                self.path.push(key.clone());
                Some(format!("sent {}, not held", self.shown(value.get())))
            }
        })
    }

    /// The difference one step further down.
    fn at(&mut self, step: String, sent: &str, held: &str) -> Option<String> {
        self.path.push(step);
        let found = self.difference(sent, held);
        if found.is_none() {
            self.path.pop();
        }
        found
    }

    fn shown(&self, value: &str) -> String {
        const LONGEST: usize = 60;
        let text = self.secrets.blank(value.to_owned());
        match text.char_indices().nth(LONGEST) {
            Some((at, _)) => format!("{}…", &text[..at]),
            None => text,
        }
    }
}

/// Whether two values say the same: texts, moments and numbers may be written in more than one way.
fn is_same(sent: &str, held: &str) -> bool {
    let text = |value| serde_json::from_str::<String>(value).ok();
    match (text(sent), text(held)) {
        (Some(a), Some(b)) => {
            a == b || timestamp::parse(a.as_bytes()).is_some_and(|a| Some(a) == timestamp::parse(b.as_bytes()))
        }
        (None, None) => number::is_same(sent, held),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn difference(sent: &str, held: &str) -> Option<String> {
        first_difference(sent, held, &Secrets::default())
    }

    #[test]
    fn only_what_was_sent_is_compared_and_by_what_it_means() {
        let sent = json!({"a": 1.10, "t": "2026-01-05T09:00:00.000000Z", "u": null, "m": {"x": [1, 2]}});
        let held = json!({"m": {"x": [1, 2], "y": 0}, "t": "2026-01-05T10:00:00+01:00", "a": 1.1, "received": true});
        assert_eq!(difference(&sent.to_string(), &held.to_string()), None);
    }

    #[test]
    fn numbers_are_compared_by_all_their_digits() {
        for (sent, held, differs) in [
            ("12345678901234567890", "12345678901234567891", true),
            ("9007199254740993", "9007199254740992", true),
            ("99999999999999999999", "99999999999999999998", true),
            ("9007199254740993", "9007199254740993.0", false),
            ("1.10", "1.1", false),
        ] {
            let object = |n| format!("{{ \"a\" : [ {n} ] }}");
            assert_eq!(difference(&object(sent), &object(held)).is_some(), differs, "{sent} {held}");
        }
    }

    #[test]
    fn a_secret_that_the_server_holds_is_not_shown_and_no_part_of_it() {
        let mut secrets = Secrets::default();
        secrets.add(&crate::psend::secret::Secret::new("canary-key"));
        let held = format!("{{\"a\":\"{}canary-key\"}}", "x".repeat(54));
        let found = first_difference("{\"a\":\"y\"}", &held, &secrets).expect("they differ");
        assert!(found.contains("xx") && !found.contains("cana"), "{found}");
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
            assert_eq!(difference(&sent.to_string(), &held.to_string()).as_deref(), Some(field));
        }
    }
}
