//! Many events in one request: its form, and which result of the answer is whose.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::rules::{Codes, Reading, Rule, quote, raw_at, read};
use crate::clock::Micros;
use crate::jsonl::value;
use crate::psend::meaning::Meaning;
use crate::psend::secret::Secrets;

/// The form of a request that carries many events, and of its answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchForm {
    /// The path after the prefix in `--url`.
    pub path: String,
    /// What stands before the events, which commas part.
    pub before: String,
    /// What stands behind them.
    pub after: String,
    /// Where the answer has one result for each event; it says the same of all where there is none.
    pub(super) results: Option<String>,
    /// Where a result has its event's id. Without it results are in the order of the events.
    #[serde(default)]
    pub(super) id: Option<IdField>,
    #[serde(default)]
    split: Codes,
    #[serde(default)]
    pub(super) rules: Vec<Rule>,
}

/// Where a result has its event's id.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "String")]
pub(super) struct IdField {
    pub(super) path: String,
    /// The key as it is usually written, with its quotes.
    key: memchr::memmem::Finder<'static>,
}

impl From<String> for IdField {
    fn from(path: String) -> Self {
        Self { key: memchr::memmem::Finder::new(&format!("\"{path}\"")).into_owned(), path }
    }
}

impl IdField {
    /// The id in a result, if it has one.
    fn of<'a>(&self, result: &'a [u8]) -> Option<Cow<'a, str>> {
        let raw = raw_at(result, &self.path).filter(|raw| !raw.starts_with(['n', '{', '[']))?;
        Some(value::label(raw.as_bytes()))
    }

    /// Whether this result may be that event's: false only if it has the id of another.
    fn fits(&self, result: &[u8], id: Option<&[u8]>) -> bool {
        let Some(id) = id else { return true };
        // Nearly always the key stands there once with the id behind it: nothing is read as JSON then.
        let mut keys = self.key.find_iter(result);
        if let (Some(at), None) = (keys.next(), keys.next()) {
            let behind = result[at + self.key.needle().len()..].trim_ascii_start();
            let named = behind.strip_prefix(b":").map(<[u8]>::trim_ascii_start);
            if named
                .and_then(|named| named.strip_prefix(id))
                .is_some_and(|rest| matches!(rest.first(), Some(b',' | b'}' | b' ')))
            {
                return true;
            }
        }
        self.of(result).is_none_or(|named| named.eq_ignore_ascii_case(&value::label(id)))
    }
}

impl BatchForm {
    /// The bytes of a body that are no event's.
    pub fn around(&self) -> u64 {
        (self.before.len() + self.after.len()) as u64
    }

    /// Whether this answer to a whole batch may be the fault of one event. That one is there already does not say that its
    /// neighbours are.
    pub fn splits(&self, status: u16, meaning: Meaning) -> bool {
        match meaning {
            Meaning::Duplicate => !self.tells_of_each(status, meaning),
            Meaning::Rejected | Meaning::Retry | Meaning::Failed => self.split.contain(status),
            _ => false,
        }
    }

    /// Whether what became of each event stands in the answer itself.
    pub fn tells_of_each(&self, status: u16, meaning: Meaning) -> bool {
        let is_taken = (200..300).contains(&status) && self.results.is_some();
        meaning == Meaning::Accepted || (matches!(meaning, Meaning::Duplicate | Meaning::Rejected) && is_taken)
    }

    /// What the answer to a batch that was taken says of each of its events, whose ids these are as they are written; or why
    /// nothing can be said of one.
    ///
    /// # Errors
    /// If nothing can be said of any.
    pub fn read(
        &self,
        body: &[u8],
        ids: &[Option<&[u8]>],
        now: Micros,
        secrets: &Secrets,
    ) -> Result<Vec<Result<Reading, String>>, String> {
        let taken = Reading { meaning: Meaning::Accepted, by_rule: false, wait: None, complaint: None };
        let Some(path) = &self.results else { return Ok(vec![Ok(taken); ids.len()]) };
        let results = raw_at(body, path)
            .and_then(|found| serde_json::from_str::<Vec<&RawValue>>(found).ok())
            .ok_or_else(|| format!("the answer has no list of results at '{path}'"))?;
        let results: Vec<&[u8]> = results.iter().map(|result| result.get().as_bytes()).collect();
        let read = |at: usize| self.read_result(results[at], now, secrets);
        match &self.id {
            Some(field) if results.len() != ids.len() || !are_in_order(field, &results, ids) => {
                Ok(places(field, &results, ids).into_iter().map(|place| place.map(read)).collect())
            }
            None if results.len() != ids.len() => {
                Err(format!("the answer has {} results for {} events", results.len(), ids.len()))
            }
            _ => Ok((0..results.len()).map(|at| Ok(read(at))).collect()),
        }
    }

    fn read_result(&self, result: &[u8], now: Micros, secrets: &Secrets) -> Reading {
        let mut reading = read(&self.rules, 0, result, now, secrets, |_| Meaning::Rejected);
        if reading.complaint.is_some() {
            reading.complaint = Some(quote("in a batch", result, secrets));
        }
        reading
    }
}

fn are_in_order(field: &IdField, results: &[&[u8]], ids: &[Option<&[u8]>]) -> bool {
    results.iter().zip(ids).all(|(result, id)| field.fits(result, *id))
}

/// Which result is each event's, by its id, or why none is: for an answer whose results are in another order than the events, or
/// not one for each.
fn places(field: &IdField, results: &[&[u8]], ids: &[Option<&[u8]>]) -> Vec<Result<usize, String>> {
    let key = |id: Cow<'_, str>| id.to_ascii_lowercase();
    let mut named: HashMap<String, Vec<usize>> = HashMap::new();
    for (at, result) in results.iter().enumerate() {
        if let Some(id) = field.of(result) {
            named.entry(key(id)).or_default().push(at);
        }
    }
    let ids: Vec<Option<String>> = ids.iter().map(|id| id.map(|id| key(value::label(id)))).collect();
    let mut copies: HashMap<&str, usize> = HashMap::new();
    for id in ids.iter().flatten() {
        *copies.entry(id).or_default() += 1;
    }
    let total = format!("the answer has {} results for {} events", results.len(), ids.len());
    let place = |id: &Option<String>| {
        let Some(id) = id else { return Err(format!("{total}, not in their order, and this one has no id to go by")) };
        match (named.get(id).map_or(&[][..], Vec::as_slice), copies[id.as_str()]) {
            ([at], 1) => Ok(*at),
            ([], _) => Err(format!("{total}, and none with this event's id")),
            (found, 1) => Err(format!("{total}, and {} with this event's id", found.len())),
            (found, copies) => Err(format!(
                "{total}, not in their order, and {} with the id that {copies} events of the batch have",
                found.len()
            )),
        }
    };
    ids.iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Dialect, PULSESTREAM};
    use super::*;
    use crate::psend::meaning::Meaning::{Accepted, Away, Duplicate, RateLimited, Rejected};
    use std::time::Duration;

    const NOON: Micros = 1_767_614_400_000_000;

    fn batch() -> BatchForm {
        Dialect::parse(PULSESTREAM).expect("it is ours").batch.expect("it takes batches")
    }

    fn readings(body: &str, ids: &[&str]) -> Vec<Result<Reading, String>> {
        let quoted: Vec<String> =
            ids.iter().map(|id| if id.is_empty() { String::new() } else { format!("\"{id}\"") }).collect();
        let ids: Vec<Option<&[u8]>> = quoted.iter().map(|id| Some(id.as_bytes()).filter(|id| !id.is_empty())).collect();
        batch().read(body.as_bytes(), &ids, NOON + 50_000_000, &Secrets::default()).expect("results")
    }

    /// What is read of each event, in one word.
    fn meanings(body: &str, ids: &[&str]) -> Vec<Option<Meaning>> {
        readings(body, ids).into_iter().map(|reading| reading.ok().map(|reading| reading.meaning)).collect()
    }

    #[test]
    fn a_batchs_answer_says_something_of_each_event() {
        let body = r#"{"total_events":6,"results":[
            {"success":true,"message":"Event queued"},
            {"success":true,"message":"Event already exists (idempotent)"},
            {"success":false,"message":"x","errors":["Rate limit exceeded. Limit: 5 events per 60 seconds"]},
            {"success":false,"message":"x","errors":["title: field required"]},
            {"success":false,"message":"duplicate key value violates unique constraint"},
            {"success":false,"message":"x","errors":["connection refused: the database system is starting up"]}]}"#;
        let ids = ["a", "b", "c", "d", "e", "f"];
        assert_eq!(meanings(body, &ids), [Accepted, Duplicate, RateLimited, Rejected, Duplicate, Away].map(Some));
        let readings = readings(body, &ids);
        assert_eq!(readings[2].as_ref().expect("it is told of").wait, Some(Duration::from_secs(10)));
        let complaint = readings[3].as_ref().expect("it is told of").complaint.as_deref();
        assert!(complaint.is_some_and(|text| text.contains("title: field required")), "{complaint:?}");
        assert!(batch().read(b"{}", &[None; 4], NOON, &Secrets::default()).is_err());
    }

    #[test]
    fn a_refusal_of_the_whole_that_one_event_may_be_at_fault_for_splits() {
        let batch = batch();
        assert!(batch.splits(422, Rejected) && batch.splits(500, Meaning::Retry) && !batch.splits(400, RateLimited));
        // Of one event each; a batch that was taken tells of each in its results.
        assert!(batch.splits(400, Duplicate) && batch.splits(409, Duplicate) && !batch.splits(200, Duplicate));
        assert!(!batch.splits(400, Away), "a server that is away is no fault of an event");
    }

    #[test]
    fn results_in_another_order_are_matched_by_id() {
        let body =
            r#"{"results":[{"event_id":"b","success":false,"errors":["no"]},{ "event_id" : "A" ,"success":true}]}"#;
        assert_eq!(meanings(body, &["a", "b"]), [Some(Accepted), Some(Rejected)]);
        assert_eq!(meanings(body, &["b", "a"]), [Some(Rejected), Some(Accepted)]);
        let body = r#"{"results":[{"event_id":17,"success":true},{"event_id":"\u0061","success":false}]}"#;
        assert_eq!(
            meanings(body, &["a", "17"]),
            [Some(Rejected), Some(Accepted)],
            "a number and an escape name ids too"
        );
    }

    #[test]
    fn a_result_that_is_missing_doubled_or_of_another_event_leaves_its_event_open() {
        for (body, ids, wanted) in [
            (r#"{"results":[{"event_id":"b","success":true}]}"#, &["a", "b"][..], &[None, Some(Accepted)][..]),
            (
                r#"{"results":[{"event_id":"a","success":true},{"event_id":"a","success":false}]}"#,
                &["a", "b"],
                &[None, None],
            ),
            (
                r#"{"results":[{"event_id":"a","success":true},{"event_id":"x","success":true}]}"#,
                &["a", "b"],
                &[Some(Accepted), None],
            ),
            (r#"{"results":[]}"#, &["a", "b"], &[None, None]),
            // Its own id stands within it, and it is another's all the same.
            (
                r#"{"results":[{"input":{"event_id":"a"},"event_id":"b","success":true},{"event_id":"a","success":false}]}"#,
                &["a", "b"],
                &[Some(Rejected), Some(Accepted)],
            ),
        ] {
            assert_eq!(meanings(body, ids), wanted, "{body}");
        }
        let why = readings(r#"{"results":[{"event_id":"x","success":true}]}"#, &["a"]).remove(0);
        assert_eq!(why, Err("the answer has 1 results for 1 events, and none with this event's id".to_owned()));
    }

    #[test]
    fn results_without_ids_and_copies_of_one_id_go_by_their_order_as_long_as_nothing_contradicts_it() {
        let body =
            r#"{"results":[{"success":true},{"event_id":null,"success":false},{"event_id":"c","success":true}]}"#;
        assert_eq!(meanings(body, &["a", "", "c"]), [Some(Accepted), Some(Rejected), Some(Accepted)]);
        assert_eq!(
            meanings(body, &["a", "b", ""]),
            [Some(Accepted), Some(Rejected), Some(Accepted)],
            "the server made its id"
        );
        assert_eq!(meanings(body, &["c", "", "a"]), [Some(Accepted), None, None]);
        let copies = r#"{"results":[{"event_id":"a","success":true},{"event_id":"a","success":false},{"event_id":"b","success":true}]}"#;
        assert_eq!(meanings(copies, &["a", "a", "b"]), [Some(Accepted), Some(Rejected), Some(Accepted)]);
        assert_eq!(
            meanings(copies, &["a", "b", "a"]),
            [None, Some(Accepted), None],
            "which copy is whose is not known"
        );
    }
}
