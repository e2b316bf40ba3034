//! Checks whether the server holds an event as it was sent.

use super::config::SendConfig;
use super::dialect::Classification;
use super::difference::{self, Difference};
use super::intake::Event;
use super::meaning::Meaning;
use super::secret::Secrets;
use super::transport::Reply;
use crate::clock::Micros;
use crate::jsonl::scan::{FieldSet, Scanner, Spans};
use crate::jsonl::value;

/// The status of an answer that has no body.
const NO_CONTENT: u16 = 204;

/// Reads the answer to a request for an event.
pub(super) fn read(sending: &SendConfig, reply: &Reply, event: &Event, now: Micros) -> Classification {
    let SendConfig { dialect, secrets, .. } = sending;
    let mut classification = dialect.read_verify(reply.status, &reply.body, now, secrets);
    let is_shown = classification.meaning == Meaning::Present && (200..300).contains(&reply.status);
    let held = is_shown.then(|| dialect.shown_event(&reply.body)).flatten();
    let id = event.id().map(value::label).unwrap_or_default();
    if dialect.is_other_path(&id)
        && !classification.meaning.retryable()
        && !held.is_some_and(|held| has_id(sending, held, &id))
    {
        classification.meaning = Meaning::Rejected;
        classification.complaint = Some(format!(
            "the path of '{id}' means something else, so the server cannot be asked for this event; it answered {}",
            reply.status
        ));
    } else if let Some(held) = held {
        // If the server shows the event, it is compared.
        let sent = std::str::from_utf8(&event.line).ok().filter(|_| !event.is_control());
        if let Some(difference) = sent.and_then(|sent| first_difference(sent, held, secrets)) {
            classification.meaning = Meaning::Differs;
            classification.complaint = Some(difference);
        }
    } else if classification.meaning == Meaning::Present {
        // An answer that should show the event but does not is broken, unless there is nothing to show.
        if is_shown && reply.status != NO_CONTENT && !dialect.calls_present(reply.status, &reply.body) {
            classification.meaning = Meaning::Retry;
            classification.complaint = Some(reply.body.unread().unwrap_or("the answer shows no event").to_owned());
        } else {
            classification.meaning = Meaning::PresentUnseen;
        }
    }
    classification
}

/// Whether the server shows the event with this id.
fn has_id(sending: &SendConfig, held: &str, id: &str) -> bool {
    let mut spans = Spans::default();
    let scanned = Scanner::new(FieldSet::new([&sending.id_field])).scan(held.as_bytes(), &mut spans);
    scanned.is_ok() && spans.raw(held.as_bytes(), 0).is_some_and(|raw| value::label(raw) == id)
}

/// Describes the first field of `sent` that differs in `held`.
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
        let secrets = Secrets::default();
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
