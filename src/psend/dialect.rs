//! How an API is spoken to and what its answers mean, as data: a TOML file that says where events go and which answer
//! makes which outcome. Knows no connection and no clock but the one it is handed.

mod check;

use std::borrow::{Borrow, Cow};
use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::meaning::Meaning;
use super::secret::Secrets;
use crate::cli::values::Span;
use crate::clock::Micros;

/// The dialect of the PulseStream API and of `pserve`.
pub const PULSESTREAM: &str = include_str!("dialects/pulsestream.toml");
/// The dialect that goes by status codes alone.
pub const PLAIN: &str = include_str!("dialects/plain.toml");

/// How many bytes of an answer's body stand in a message.
const QUOTED: usize = 200;

/// What an answer says about an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// In one word.
    pub meaning: Meaning,
    /// How long the server's body asks for no more of this.
    pub wait: Option<Duration>,
    /// What it said against the event, where it did.
    pub complaint: Option<String>,
}

/// An API, as far as a sender has to know it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dialect {
    /// How one event is sent.
    pub request: RequestForm,
    /// What answers mean; the first that fits decides, and the status code where none does.
    #[serde(default)]
    rules: Vec<Rule>,
    /// How many events are sent at a time, where the API takes that.
    pub batch: Option<BatchForm>,
    /// How an event is asked for, where the API shows it.
    pub verify: Option<VerifyForm>,
}

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
    results: Option<String>,
    #[serde(default)]
    split: Codes,
    #[serde(default)]
    rules: Vec<Rule>,
}

/// The form of a question for an event.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifyForm {
    /// The path after the prefix in `--url`, with `{event_id}`.
    pub path: String,
    #[serde(default)]
    event: String,
    /// Ids that make the path of something else.
    #[serde(default)]
    other_paths: Vec<String>,
    #[serde(default)]
    rules: Vec<Rule>,
}

/// The form of a request.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestForm {
    /// The HTTP method.
    pub method: String,
    /// The path after the prefix in `--url`.
    pub path: String,
    /// The header that carries the key; none where empty.
    #[serde(default)]
    pub key_header: String,
    /// What stands before the key in that header.
    #[serde(default)]
    pub key_prefix: String,
    /// More headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    /// Any where there is none.
    status: Option<Codes>,
    path: Option<String>,
    text: Option<Words>,
    outcome: Meaning,
    #[serde(default)]
    window_text: Option<String>,
    #[serde(default, deserialize_with = "span")]
    window: Option<Duration>,
}

/// What an answer is searched for; how is worked out once, not for each answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "String")]
struct Words(memchr::memmem::Finder<'static>);

impl From<String> for Words {
    fn from(text: String) -> Self {
        Self(memchr::memmem::Finder::new(&text).into_owned())
    }
}

impl Words {
    fn are_in(&self, text: &[u8]) -> bool {
        self.0.find(text).is_some()
    }
}

/// A set of status codes: ranges, both ends included.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(try_from = "CodesAsWritten")]
struct Codes(Vec<(u16, u16)>);

#[derive(Deserialize)]
#[serde(untagged)]
enum CodesAsWritten {
    One(CodeAsWritten),
    Many(Vec<CodeAsWritten>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum CodeAsWritten {
    Number(u16),
    Text(String),
}

impl TryFrom<CodesAsWritten> for Codes {
    type Error = String;

    fn try_from(written: CodesAsWritten) -> Result<Self, String> {
        let list = match written {
            CodesAsWritten::One(code) => vec![code],
            CodesAsWritten::Many(codes) => codes,
        };
        let range = |code| match code {
            CodeAsWritten::Number(n) if (100..600).contains(&n) => Ok((n, n)),
            CodeAsWritten::Number(n) => Err(format!("status {n}: a code from 100 to 599 is wanted")),
            CodeAsWritten::Text(text) => {
                let class = text.strip_suffix("xx").and_then(|c| c.parse::<u16>().ok()).filter(|c| (1..6).contains(c));
                let one = text.parse::<u16>().ok().filter(|n| (100..600).contains(n));
                match (class, one) {
                    (Some(c), _) => Ok((c * 100, c * 100 + 99)),
                    (_, Some(n)) => Ok((n, n)),
                    _ => Err(format!("status \"{text}\": a code such as 409 or a class such as \"4xx\" is wanted")),
                }
            }
        };
        list.into_iter().map(range).collect::<Result<_, _>>().map(Self)
    }
}

impl Codes {
    fn contain(&self, status: u16) -> bool {
        self.0.iter().any(|&(from, to)| (from..=to).contains(&status))
    }
}

fn span<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(from)?;
    text.parse::<Span>().map(|span| Some(span.0)).map_err(serde::de::Error::custom)
}

impl Rule {
    fn fits(&self, status: u16, body: &[u8]) -> bool {
        if self.status.as_ref().is_some_and(|codes| !codes.contain(status)) {
            return false;
        }
        let Some(words) = &self.text else { return true };
        // Nearly every answer is ruled out here, without reading it as JSON.
        if !words.are_in(body) {
            return false;
        }
        self.path.as_ref().is_none_or(|path| value_at(body, path).is_some_and(|value| words.are_in(value.as_bytes())))
    }

    /// How long until the server's next window begins.
    fn wait(&self, body: &[u8], now: Micros) -> Option<Duration> {
        let told = self.window_text.as_ref().and_then(|pattern| {
            let (before, after) = pattern.split_once("{}")?;
            let body = String::from_utf8_lossy(body);
            let mut rest: &str = &body;
            loop {
                rest = &rest[rest.find(before)? + before.len()..];
                let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
                if let Ok(seconds) = rest[..digits].parse::<u64>()
                    && rest[digits..].starts_with(after)
                {
                    return Some(Duration::from_secs(seconds));
                }
            }
        });
        let window = told.filter(|w| !w.is_zero()).or(self.window)?.min(Duration::from_secs(86_400));
        let length = Micros::try_from(window.as_micros()).ok().filter(|l| *l > 0)?;
        let left = length - now.rem_euclid(length);
        Some(Duration::from_micros(u64::try_from(left).unwrap_or(0)))
    }
}

/// The value at a dotted path of a JSON body, as text: a string's own characters, anything else as JSON.
fn value_at(body: &[u8], path: &str) -> Option<String> {
    let value: Value = serde_json::from_str(raw_at(body, path)?).ok()?;
    Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// The value at a dotted path of a JSON body, as it is written there; the whole where the path is empty.
fn raw_at<'a>(body: &'a [u8], path: &str) -> Option<&'a str> {
    let whole = std::str::from_utf8(body).ok()?.trim_matches([' ', '\t', '\n', '\r']);
    let mut keys = path.split('.').filter(|key| !key.is_empty()).peekable();
    if keys.peek().is_none() {
        return serde_json::from_str::<&RawValue>(whole).ok().map(RawValue::get);
    }
    keys.try_fold(whole, |value, key| {
        if value.starts_with('[') {
            let items: Vec<&RawValue> = serde_json::from_str(value).ok()?;
            return items.get(key.parse::<usize>().ok()?).map(|item| item.get());
        }
        let fields: BTreeMap<Key<'_>, &RawValue> = serde_json::from_str(value).ok()?;
        fields.get(key).map(|field| field.get())
    })
}

/// A key of a JSON object, not copied where it has no escapes.
#[derive(PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl Borrow<str> for Key<'_> {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl Dialect {
    /// Reads a dialect file.
    ///
    /// # Errors
    /// A message that says what in it is not as it should be.
    pub fn parse(text: &str) -> Result<Self, String> {
        let dialect = toml::from_str(text).map_err(|e| e.to_string().trim_end().to_owned())?;
        check::check(&dialect).map(|()| dialect)
    }

    /// What an answer says about the one event that was sent, at this moment.
    pub fn read(&self, status: u16, body: &[u8], now: Micros, secrets: &Secrets) -> Reading {
        read(&self.rules, status, body, now, secrets, by_status)
    }

    /// What an answer says about the one event that was asked for.
    pub fn read_verify(&self, status: u16, body: &[u8], now: Micros, secrets: &Secrets) -> Reading {
        let rules = self.verify.as_ref().map_or(&[][..], |form| &form.rules);
        read(rules, status, body, now, secrets, |status| match status {
            200..=299 => Meaning::Present,
            404 | 410 => Meaning::Missing,
            other => by_status(other),
        })
    }

    /// Whether a rule says of this answer that the event is there, and not its status alone.
    pub fn calls_present(&self, status: u16, body: &[u8]) -> bool {
        let rule = self.verify.as_ref().and_then(|form| form.rules.iter().find(|rule| rule.fits(status, body)));
        rule.is_some_and(|rule| rule.outcome == Meaning::Present)
    }

    /// Whether a question for the event with this id asks for something else.
    pub fn is_other_path(&self, id: &str) -> bool {
        self.verify.as_ref().is_some_and(|form| form.other_paths.iter().any(|other| other == id))
    }

    /// Asks at another path than the dialect's, where every id is an event's.
    pub fn ask_elsewhere(&mut self) {
        if let Some(form) = &mut self.verify {
            form.other_paths.clear();
        }
    }

    /// Whether it is the body of an answer with this status that tells what the answer means.
    pub fn reads_bodies(&self, status: u16, is_verify: bool) -> bool {
        let rules = if is_verify { self.verify.as_ref().map_or(&[][..], |form| &form.rules) } else { &self.rules };
        rules.iter().any(|rule| rule.text.is_some() && rule.status.as_ref().is_none_or(|codes| codes.contain(status)))
    }

    /// The event that an answer shows, as it is written there.
    pub fn shown_event<'a>(&self, body: &'a [u8]) -> Option<&'a str> {
        let path = self.verify.as_ref().map_or("", |form| &form.event);
        raw_at(body, path).filter(|event| event.starts_with('{'))
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
        meaning == Meaning::Accepted || (meaning == Meaning::Duplicate && is_taken)
    }

    /// What the answer to a batch that was taken says of each of its events.
    ///
    /// # Errors
    /// Where it does not say it of all.
    pub fn read(&self, body: &[u8], events: usize, now: Micros, secrets: &Secrets) -> Result<Vec<Reading>, String> {
        let taken = Reading { meaning: Meaning::Accepted, wait: None, complaint: None };
        let Some(path) = &self.results else { return Ok(vec![taken; events]) };
        let results = raw_at(body, path).and_then(|found| serde_json::from_str::<Vec<&RawValue>>(found).ok());
        match results {
            Some(results) if results.len() == events => {
                Ok(results.iter().map(|result| self.read_result(result.get().as_bytes(), now, secrets)).collect())
            }
            Some(results) => Err(format!("the answer has {} results for {events} events", results.len())),
            None => Err(format!("the answer has no list of results at '{path}'")),
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

/// What an answer says by the first of these rules that fits, or else by its status.
fn read(
    rules: &[Rule],
    status: u16,
    body: &[u8],
    now: Micros,
    secrets: &Secrets,
    otherwise: impl Fn(u16) -> Meaning,
) -> Reading {
    let rule = rules.iter().find(|rule| rule.fits(status, body));
    let meaning = rule.map_or_else(|| otherwise(status), |rule| rule.outcome);
    let wait = rule.filter(|_| meaning == Meaning::RateLimited).and_then(|rule| rule.wait(body, now));
    let complaint = (!meaning.is_good()).then(|| quote(&format!("HTTP {status}"), body, secrets));
    Reading { meaning, wait, complaint }
}

/// What a status code says where no rule knows better (contracts §3, issue 5's list of what is tried again).
fn by_status(status: u16) -> Meaning {
    match status {
        200..=299 => Meaning::Accepted,
        429 => Meaning::RateLimited,
        408 | 500 | 503 => Meaning::Retry,
        502 | 504 => Meaning::Gateway,
        300..=499 => Meaning::Rejected,
        _ => Meaning::Failed,
    }
}

/// The beginning of an answer, for a message.
fn quote(from: &str, body: &[u8], secrets: &Secrets) -> String {
    let mut text = String::from_utf8_lossy(body).into_owned();
    text.retain(|c| !c.is_control());
    let text = secrets.blank(text);
    let text = text.trim();
    let end = (0..=text.len().min(QUOTED)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let begun = &text[..end];
    let more = if text.len() > begun.len() { "…" } else { "" };
    if text.is_empty() { from.to_owned() } else { format!("{from}: {begun}{more}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::psend::secret::Secret;

    const NOON: Micros = 1_767_614_400_000_000;

    fn pulsestream(status: u16, body: &str) -> Meaning {
        Dialect::parse(PULSESTREAM)
            .expect("it is ours")
            .read(status, body.as_bytes(), NOON, &Secrets::default())
            .meaning
    }

    #[test]
    fn pulsestreams_answers_are_read_by_their_bodies_too() {
        let limited =
            r#"{"message":{"success":false,"errors":["Rate limit exceeded. Limit: 5 events per 60 seconds"]}}"#;
        for (status, body, answer) in [
            (200, r#"{"success":true,"message":"Event queued"}"#, Meaning::Accepted),
            (200, r#"{"success":true,"message":"Event already exists (idempotent)"}"#, Meaning::Duplicate),
            (409, r#"{"detail":"conflict"}"#, Meaning::Duplicate),
            (400, limited, Meaning::RateLimited),
            (400, r#"{"detail":"duplicate key value violates unique constraint \"uq\""}"#, Meaning::Duplicate),
            (400, r#"{"message":{"errors":["title missing"]}}"#, Meaning::Rejected),
            (400, "There was an error parsing the body", Meaning::Rejected),
            (401, "", Meaning::Rejected),
            (422, r#"{"detail":[{"input":"Rate limit exceeded"}]}"#, Meaning::Rejected),
            (429, "", Meaning::RateLimited),
            (408, "", Meaning::Retry),
            (500, "", Meaning::Retry),
            (503, "", Meaning::Retry),
            (502, "", Meaning::Gateway),
            (504, "", Meaning::Gateway),
            (501, "", Meaning::Failed),
            (307, "", Meaning::Rejected),
        ] {
            assert_eq!(pulsestream(status, body), answer, "{status} {body}");
        }
    }

    #[test]
    fn an_event_that_quotes_the_servers_words_is_not_taken_for_them() {
        let body = r#"{"event_id":"Event already exists (idempotent)","message":"Event queued"}"#;
        assert_eq!(pulsestream(200, body), Meaning::Accepted);
    }

    #[test]
    fn a_rate_limit_lasts_to_the_end_of_the_servers_window() {
        let dialect = Dialect::parse(PULSESTREAM).expect("it is ours");
        let wait = |text: &str, now| {
            let body = format!(r#"{{"message":{{"errors":["Rate limit exceeded. {text}"]}}}}"#);
            dialect.read(400, body.as_bytes(), now, &Secrets::default()).wait.map(|w| w.as_secs())
        };
        assert_eq!(wait("Limit: 5 events per 60 seconds", NOON + 20_000_000), Some(40));
        assert_eq!(wait("Limit: 5 events per 10 seconds", NOON + 3_000_000), Some(7));
        assert_eq!(wait("", NOON + 1_000_000), Some(59));
        assert_eq!(wait("as per {} seconds per 9 hours", NOON + 1_000_000), Some(59));
    }

    #[test]
    fn the_plain_dialect_goes_by_status_codes_alone() {
        let plain = Dialect::parse(PLAIN).expect("it is ours");
        assert_eq!(plain.read(400, b"Rate limit exceeded", NOON, &Secrets::default()).meaning, Meaning::Rejected);
        assert_eq!(plain.read(409, b"", NOON, &Secrets::default()).meaning, Meaning::Rejected);
    }

    #[test]
    fn a_batchs_answer_says_something_of_each_event() {
        let dialect = Dialect::parse(PULSESTREAM).expect("it is ours");
        let batch = dialect.batch.expect("it takes batches");
        let body = br#"{"total_events":5,"results":[
            {"success":true,"message":"Event queued"},
            {"success":true,"message":"Event already exists (idempotent)"},
            {"success":false,"message":"x","errors":["Rate limit exceeded. Limit: 5 events per 60 seconds"]},
            {"success":false,"message":"x","errors":["title: field required"]},
            {"success":false,"message":"duplicate key value violates unique constraint"}]}"#;
        let readings = batch.read(body, 5, NOON + 50_000_000, &Secrets::default()).expect("five results");
        let meanings: Vec<Meaning> = readings.iter().map(|r| r.meaning).collect();
        use Meaning::{Accepted, Duplicate, RateLimited, Rejected};
        assert_eq!(meanings, [Accepted, Duplicate, RateLimited, Rejected, Duplicate]);
        assert_eq!(readings[2].wait, Some(Duration::from_secs(10)));
        assert!(readings[3].complaint.as_ref().is_some_and(|text| text.contains("title: field required")));
        assert!(batch.read(body, 4, NOON, &Secrets::default()).is_err());
        assert!(batch.read(b"{}", 4, NOON, &Secrets::default()).is_err());
        assert!(batch.splits(422, Rejected) && batch.splits(500, Meaning::Retry) && !batch.splits(400, RateLimited));
        // Of one event each; a batch that was taken tells of each in its results.
        assert!(batch.splits(400, Duplicate) && batch.splits(409, Duplicate) && !batch.splits(200, Duplicate));
    }

    #[test]
    fn the_words_tell_whether_pulsestream_holds_an_event() {
        let dialect = Dialect::parse(PULSESTREAM).expect("it is ours");
        for (status, body, meaning) in [
            (200, "{}", Meaning::Present),
            (404, "", Meaning::Missing),
            (500, r#"{"message":"Event not found"}"#, Meaning::Missing),
            (500, r#"{"message":"Failed to retrieve event"}"#, Meaning::Present),
            (500, "", Meaning::Retry),
            (401, "", Meaning::Rejected),
        ] {
            assert_eq!(
                dialect.read_verify(status, body.as_bytes(), NOON, &Secrets::default()).meaning,
                meaning,
                "{status} {body}"
            );
        }
    }

    #[test]
    fn a_secret_that_an_answer_repeats_is_blanked_before_the_answer_is_cut() {
        let mut secrets = Secrets::default();
        secrets.add(&Secret::new("canary-key"));
        for before in 180..200 {
            let said = quote("HTTP 401", format!("{}canary-key or so", "x".repeat(before)).as_bytes(), &secrets);
            assert!(said.contains("xx") && !said.contains('c'), "{said}");
        }
    }

    #[test]
    fn a_dialect_that_is_wrong_says_where() {
        for (text, part) in [
            ("[request]\nmethod='POST'\npath='/'\n[[rules]]\nstatus='9xx'\noutcome='failed'", "9xx"),
            ("[request]\nmethod='POST'\npath='/'\n[[rules]]\nstatus=200\noutcome='good'", "good"),
            ("[request]\nmethod='POST'\npath='/'\nspeed=1", "speed"),
        ] {
            let error = Dialect::parse(text).expect_err(text);
            assert!(error.contains(part), "{error}");
        }
    }
}
