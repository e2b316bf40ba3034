//! Whether the server holds an event as it was sent.

use super::dialect::{Dialect, Reading};
use super::difference::{self, Difference};
use super::meaning::Meaning;
use super::secret::Secrets;
use super::transport::Reply;
use crate::clock::Micros;

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

/// The first field of `sent` that `held` has otherwise, in words.
fn first_difference(sent: &str, held: &str, secrets: &Secrets) -> Option<String> {
    const LONGEST_VALUE: usize = 60;
    const LONGEST_PATH: usize = 200;
    let shown = |text: &str, longest| {
        let text = secrets.blank(text.to_owned());
        match text.char_indices().nth(longest) {
            Some((at, _)) => format!("{}…", &text[..at]),
            None => text,
        }
    };
    let Difference { path, sent, held } = difference::first(sent, held)?;
    let held = held.map_or_else(|| "not held".to_owned(), |held| format!("held {}", shown(held, LONGEST_VALUE)));
    Some(format!("{}: sent {}, {held}", shown(&path, LONGEST_PATH), shown(sent, LONGEST_VALUE)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn difference(sent: &str, held: &str) -> Option<String> {
        first_difference(sent, held, &Secrets::default())
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
