//! Reads the results of events from the answer to a batch.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::value::RawValue;

use super::rules::{Classification, Rules, by_status};
use crate::clock::Micros;
use crate::jsonl::{Lookup, value};
use crate::psend::meaning::Meaning;
use crate::psend::secret::Secrets;

/// The form in which an answer has results.
#[derive(Debug, Clone)]
pub(super) enum ResultsForm {
    /// None: the answer applies to all events.
    Whole,
    /// A result for each.
    List {
        /// Where the list is.
        path: Lookup,
        /// Whether it is lines of JSON instead of a list.
        lines: bool,
        /// Where a result has its event's id. Without it results are in the order of the events.
        id: Option<Box<IdField>>,
    },
    /// A result for each event that was refused.
    Faults {
        /// Where the list is. Without it all were taken.
        path: Lookup,
        /// How a result names its event.
        which: Which,
    },
    /// How many were taken or refused.
    Counts {
        /// Where the number of those that were taken is.
        accepted: Option<Lookup>,
        /// Where the number of those that were refused is.
        refused: Option<Lookup>,
    },
}

/// How a result names its event.
#[derive(Debug, Clone)]
pub(super) enum Which {
    /// By its index in the batch, counted from this number.
    Index(Lookup, u64),
    /// By its id.
    Id(Box<IdField>),
}

/// The results of events, or why there are none.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// The result of each event, or why it is not known.
    Each(Vec<Result<Classification, String>>),
    /// Some were taken and some refused, and why it is not known which.
    Some(String),
    /// Why no result is known.
    Nothing(String),
}

/// How results are read.
#[derive(Debug, Clone)]
pub(super) struct Results {
    pub(super) form: ResultsForm,
    /// The path of the status in a result.
    pub(super) status: Option<Lookup>,
    pub(super) rules: Rules,
}

/// Where a result has its event's id.
#[derive(Debug, Clone)]
pub(super) struct IdField {
    path: Lookup,
    /// The key as it is usually written, with its quotes.
    key: memchr::memmem::Finder<'static>,
}

impl From<Lookup> for IdField {
    fn from(path: Lookup) -> Self {
        let key = path.path().rsplit('.').next().unwrap_or_default();
        Self { key: memchr::memmem::Finder::new(&format!("\"{key}\"")).into_owned(), path }
    }
}

impl IdField {
    /// The id in a result, if it has one.
    fn of<'a>(&self, result: &'a [u8]) -> Option<Cow<'a, str>> {
        let raw = self.path.find(result).filter(|raw| !raw.starts_with(b"n") && !raw.starts_with(b"{"))?;
        Some(value::label(raw)).filter(|id| !id.starts_with('['))
    }

    /// Whether this result can be that event's. Only the id of another event rules it out.
    fn fits(&self, result: &[u8], id: Option<&[u8]>) -> bool {
        let Some(id) = id else { return true };
        // Nearly always the key occurs once, followed by the id. Then nothing has to be read as JSON.
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

impl Results {
    /// Reads the results of the events with these raw ids.
    pub(super) fn read(&self, body: &[u8], ids: &[Option<&[u8]>], now: Micros, secrets: &Secrets) -> Told {
        match &self.form {
            ResultsForm::Whole => Told::Each(vec![Ok(TAKEN); ids.len()]),
            ResultsForm::List { path, lines, id } => {
                let Some(results) = list(path, *lines, body) else {
                    return Told::Nothing(format!("the answer has no list of results{}", at(path)));
                };
                self.in_list(&results, id.as_deref(), ids, now, secrets)
            }
            ResultsForm::Faults { .. } | ResultsForm::Counts { .. }
                if !body.trim_ascii().is_empty() && !is_json(body) =>
            {
                Told::Nothing("the answer is not JSON".to_owned())
            }
            ResultsForm::Faults { path, which } => match path.find(body) {
                None | Some(b"null" | b"{}" | b"false") => Told::Each(vec![Ok(TAKEN); ids.len()]),
                Some(_) => match list(path, false, body) {
                    Some(faults) => self.in_faults(&faults, which, ids, now, secrets),
                    None => Told::Nothing(format!("the answer has no list of faults{}", at(path))),
                },
            },
            ResultsForm::Counts { accepted, refused } => {
                self.by_counts(accepted.as_ref(), refused.as_ref(), body, ids.len(), now, secrets)
            }
        }
    }

    fn in_list(
        &self,
        results: &[&[u8]],
        id: Option<&IdField>,
        ids: &[Option<&[u8]>],
        now: Micros,
        secrets: &Secrets,
    ) -> Told {
        let read = |at: usize| self.read_one(results[at], now, secrets);
        match id {
            Some(field) if results.len() != ids.len() || !are_in_order(field, results, ids) => {
                Told::Each(places(field, results, ids).into_iter().map(|place| place.map(read)).collect())
            }
            None if results.len() != ids.len() => {
                Told::Nothing(format!("the answer has {} results for {} events", results.len(), ids.len()))
            }
            _ => Told::Each((0..results.len()).map(|at| Ok(read(at))).collect()),
        }
    }

    fn in_faults(
        &self,
        faults: &[&[u8]],
        which: &Which,
        ids: &[Option<&[u8]>],
        now: Micros,
        secrets: &Secrets,
    ) -> Told {
        let mut classifications = vec![Ok(TAKEN); ids.len()];
        let by_id = match which {
            Which::Id(field) => places(field, faults, ids),
            Which::Index(..) => Vec::new(),
        };
        for (number, fault) in faults.iter().enumerate() {
            let place = match which {
                Which::Index(path, first) => {
                    let index = path.find(fault).map(value::label).and_then(|index| index.parse::<u64>().ok());
                    let place = index.and_then(|index| usize::try_from(index.checked_sub(*first)?).ok());
                    place.filter(|place| *place < ids.len())
                }
                Which::Id(_) => by_id.iter().position(|place| *place == Ok(number)),
            };
            let Some(place) = place else {
                let fault = String::from_utf8_lossy(fault);
                return Told::Some(format!("the answer has a fault of an event that was not sent: {fault}"));
            };
            classifications[place] = Ok(self.read_one(fault, now, secrets));
        }
        Told::Each(classifications)
    }

    fn by_counts(
        &self,
        accepted: Option<&Lookup>,
        refused: Option<&Lookup>,
        body: &[u8],
        events: usize,
        now: Micros,
        secrets: &Secrets,
    ) -> Told {
        let count = |path: &Lookup| path.find(body).map(value::label).and_then(|count| count.parse::<u64>().ok());
        let events = events as u64;
        let refused = match (refused.and_then(count), accepted.and_then(count)) {
            (Some(refused), _) => refused,
            (None, Some(accepted)) => events.saturating_sub(accepted),
            // If only refusals are counted, a missing count means that there are none.
            (None, None) if accepted.is_none() => 0,
            (None, None) => return Told::Nothing("the answer does not say how many events were taken".to_owned()),
        };
        let all = usize::try_from(events).unwrap_or(usize::MAX);
        match refused {
            0 => Told::Each(vec![Ok(TAKEN); all]),
            refused if refused >= events => Told::Each(vec![Ok(self.read_one(body, now, secrets)); all]),
            refused => {
                let said = secrets.blank(String::from_utf8_lossy(&self.rules.said(body)).into_owned());
                Told::Some(format!(
                    "{refused} of {events} events were refused, and the answer does not say which: {said}"
                ))
            }
        }
    }

    fn read_one(&self, result: &[u8], now: Micros, secrets: &Secrets) -> Classification {
        let status = self.status.as_ref().and_then(|path| path.find(result));
        let status = status.map(value::label).and_then(|status| status.parse::<u16>().ok());
        let otherwise = status.map_or(Meaning::Rejected, by_status);
        let from = || status.map_or_else(|| "in a batch".to_owned(), |status| format!("in a batch, {status}"));
        self.rules.read(status.unwrap_or(0), result, now, secrets, from, otherwise)
    }
}

/// The result of an event that was taken, without details.
const TAKEN: Classification = Classification { meaning: Meaning::Accepted, rule: None, wait: None, complaint: None };

fn at(path: &Lookup) -> String {
    if path.path().is_empty() { String::new() } else { format!(" at '{}'", path.path()) }
}

fn is_json(text: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok()
}

fn list<'a>(path: &Lookup, lines: bool, body: &'a [u8]) -> Option<Vec<&'a [u8]>> {
    if lines {
        let lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
        return lines.map(|line| Some(line).filter(|line| is_json(line))).collect();
    }
    let results: Vec<&RawValue> = serde_json::from_slice(path.find(body)?).ok()?;
    Some(results.iter().map(|result| result.get().as_bytes()).collect())
}

fn are_in_order(field: &IdField, results: &[&[u8]], ids: &[Option<&[u8]>]) -> bool {
    results.iter().zip(ids).all(|(result, id)| field.fits(result, *id))
}

/// Matches results with events by id, for an answer whose results are in another order or not complete. Returns for each event the
/// index of its result, or why it has none.
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
