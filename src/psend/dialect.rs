//! How to speak to an API, as data: a TOML file that says where events go and which answer means which outcome. Knows nothing of
//! connections, and is given the time.

mod batch;
mod check;
mod request;
mod results;
mod rules;
mod shipped;
mod template;
mod value;
mod written;

pub(super) use self::batch::{BatchClassification, BatchForm};
pub(super) use self::request::{RequestForm, Signature};
pub(super) use self::rules::{Classification, RuleName};
pub(super) use self::shipped::{names, shipped};
pub(super) use self::template::{Binding, Template};
pub(super) use self::written::{BatchWord, Compression, Expected, KeyNeed, Sample, Word};

use self::rules::{Rules, by_status, is_cut_off};
use self::template::Names;
use self::written::DialectWritten;
use super::meaning::Meaning;
use super::secret::Secrets;
use crate::clock::Micros;
use crate::jsonl::Lookup;

/// What a sender has to know about an API.
#[derive(Debug, Clone)]
pub(super) struct Dialect {
    /// How one event is sent.
    pub request: RequestForm,
    /// The body of one event.
    pub body: Template,
    /// Whether the server takes requests without a key.
    pub key: KeyNeed,
    /// How requests are signed, if they are.
    pub signature: Option<Signature>,
    /// How bodies are compressed.
    pub compression: Option<Compression>,
    /// Whether the server recognises an event that is sent twice, if the dialect says so.
    pub idempotent: Option<bool>,
    /// Rules on answers. The first that fits decides; if none fits, the status does.
    rules: Rules,
    /// The form of a batch, if the API takes batches.
    pub batch: Option<BatchForm>,
    /// How `--verify` asks for an event, if the API can show one.
    pub verify: Option<VerifyForm>,
    /// Answers with their expected classifications.
    pub samples: Vec<Sample>,
}

/// How `--verify` asks for an event.
#[derive(Debug, Clone)]
pub(super) struct VerifyForm {
    /// The path after the prefix in `--url`.
    pub path: Template,
    /// Where the answer has the event.
    event: Lookup,
    /// Ids whose path is that of something else.
    other_paths: Vec<String>,
    rules: Rules,
}

impl VerifyForm {
    /// A request for an event at this path, which has `{id}` in it. Every id is allowed.
    ///
    /// # Errors
    /// What is wrong with the path.
    pub(super) fn elsewhere(known: Option<Self>, path: &str) -> Result<Self, String> {
        if !path.starts_with('/') {
            return Err(format!("--id-path {path}: expected a path that begins with /, such as /events/{{id}}"));
        }
        let path = question_path(&format!("--id-path {path}"), path)?;
        Ok(match known {
            Some(known) => Self { path, other_paths: Vec::new(), ..known },
            None => Self {
                path,
                event: Lookup::from(String::new()),
                other_paths: Vec::new(),
                rules: Rules { section: "verify.rules", ..Rules::default() },
            },
        })
    }
}

fn question_path(key: &str, text: &str) -> Result<Template, String> {
    let path = request::path(key, text, Names::Id, &request::Maps::new())?;
    if !path.has_id() {
        return Err(format!("{key}: expected {{id}} in the path, for the event's id, such as /events/{{id}}"));
    }
    Ok(path)
}

impl Dialect {
    /// Reads a dialect file.
    ///
    /// # Errors
    /// A message that says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let DialectWritten { request: of_one, rules, batch, verify, maps, samples } =
            toml::from_str(text).map_err(|e| e.to_string().trim_end().to_owned())?;
        let request = RequestForm::of_one(&of_one, &maps)?;
        let body = batch::single_body(&of_one.body, of_one.escape, &maps)?;
        check::rules("rules", &rules, check::SENT)?;
        let batch = batch
            .map(|batch| {
                check::rules("batch.rules", &batch.rules, check::SENT)?;
                if batch.status.is_none()
                    && let Some(at) = batch.rules.iter().position(|rule| rule.status.is_some())
                {
                    return Err(format!(
                        "batch.rules, number {}: status: batch.status says where a result has one; leave it out without that",
                        at + 1
                    ));
                }
                BatchForm::compile(batch, &request, of_one.idempotent == Some(true), &maps)
            })
            .transpose()?;
        let verify = verify
            .map(|verify| {
                check::rules("verify.rules", &verify.rules, check::ASKED)?;
                Ok::<_, String>(VerifyForm {
                    path: question_path("verify.path", &verify.path)?,
                    event: Lookup::from(verify.event),
                    other_paths: verify.other_paths,
                    rules: Rules { section: "verify.rules", rules: verify.rules, error: Vec::new() },
                })
            })
            .transpose()?;
        Ok(Self {
            request,
            body,
            key: of_one.key,
            signature: request::signature(&of_one)?,
            compression: of_one.compression,
            idempotent: of_one.idempotent,
            rules: Rules { section: "rules", rules, error: of_one.error },
            batch,
            verify,
            samples,
        })
    }

    /// Resolves the placeholders of its templates.
    ///
    /// # Errors
    /// If `--url` lacks what the dialect needs there.
    pub(super) fn bind(&mut self, binding: &mut Binding<'_>) -> Result<(), String> {
        self.request.bind(binding)?;
        self.body.bind(binding)?;
        self.batch.as_mut().map_or(Ok(()), |batch| batch.bind(binding))?;
        self.verify.as_mut().map_or(Ok(()), |verify| verify.path.bind(binding))
    }

    /// Whether it has a place for a key.
    pub(super) fn has_key(&self) -> bool {
        self.request.has_key()
            || self.body.has_key()
            || self.batch.as_ref().is_some_and(|batch| batch.request.has_key() || batch.frame.has_key())
    }

    /// Classifies the answer to one event, or to a batch as a whole, at this time.
    pub(super) fn read(&self, status: u16, body: &[u8], now: Micros, secrets: &Secrets) -> Classification {
        self.rules.read(status, body, now, secrets, || format!("HTTP {status}"), by_status(status))
    }

    /// Classifies the answer to a request with a single event. JSON that breaks off is no answer if the dialect reads it.
    pub(super) fn read_one(&self, status: u16, body: &[u8], now: Micros, secrets: &Secrets) -> Classification {
        let said = self.read(status, body, now, secrets);
        let by_status = said.meaning.is_good() && said.rule.is_none();
        if by_status && self.reads_bodies(status, false) && is_cut_off(body) {
            let complaint = Some(format!("HTTP {status}: the answer is cut off"));
            return Classification { meaning: Meaning::NoAnswer, complaint, ..said };
        }
        said
    }

    /// Classifies the answer to a request of `--verify`.
    pub(super) fn read_verify(&self, status: u16, body: &[u8], now: Micros, secrets: &Secrets) -> Classification {
        let none = Rules::default();
        let rules = self.verify.as_ref().map_or(&none, |form| &form.rules);
        let otherwise = match status {
            200..=299 => Meaning::Present,
            404 | 410 => Meaning::Missing,
            other => by_status(other),
        };
        rules.read(status, body, now, secrets, || format!("HTTP {status}"), otherwise)
    }

    /// Whether a rule, and not the status alone, says that the event is present.
    pub(super) fn calls_present(&self, status: u16, body: &[u8]) -> bool {
        self.verify.as_ref().is_some_and(|form| form.rules.meaning(status, body) == Some(Meaning::Present))
    }

    /// Whether the path of the event with this id is that of something else.
    pub(super) fn is_other_path(&self, id: &str) -> bool {
        self.verify.as_ref().is_some_and(|form| form.other_paths.iter().any(|other| other == id))
    }

    /// Whether the meaning of an answer with this status depends on its body.
    pub(super) fn reads_bodies(&self, status: u16, is_verify: bool) -> bool {
        let of_verify = || self.verify.as_ref().map_or(&[][..], |form| &form.rules.rules);
        let rules = if is_verify { of_verify() } else { &self.rules.rules[..] };
        rules.iter().any(|rule| rule.reads_body() && rule.is_about(status))
    }

    /// The raw event in an answer.
    pub(super) fn shown_event<'a>(&self, body: &'a [u8]) -> Option<&'a str> {
        let event = self.verify.as_ref()?.event.find(body).filter(|event| event.starts_with(b"{"))?;
        std::str::from_utf8(event).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Micros = 1_767_614_400_000_000;

    fn pulsestream(status: u16, body: &str) -> Meaning {
        Dialect::parse(shipped("pulsestream").expect("it is ours"))
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
            (520, "", Meaning::Gateway),
            (521, "", Meaning::Retry),
            (522, "", Meaning::Retry),
            (523, "", Meaning::Retry),
            (524, "", Meaning::Gateway),
            (525, "", Meaning::Failed),
            (598, "", Meaning::Gateway),
            (599, "", Meaning::Gateway),
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
        let dialect = Dialect::parse(shipped("pulsestream").expect("it is ours")).expect("it is ours");
        let wait = |text: &str, now| {
            let body = format!(r#"{{"message":{{"errors":["Rate limit exceeded. {text}"]}}}}"#);
            dialect.read(400, body.as_bytes(), now, &Secrets::default()).wait.map(|w| w.as_secs())
        };
        assert_eq!(wait("Limit: 5 events per 60 seconds", NOON + 20_000_000), Some(40));
        assert_eq!(wait("Limit: 5 events per 10 seconds", NOON + 3_000_000), Some(7));
        assert_eq!(wait("", NOON + 1_000_000), Some(59));
        assert_eq!(wait("as per {} seconds per 9 hours", NOON + 1_000_000), Some(59));
        assert_eq!(wait("Limit: 5 events per 0.0 seconds", NOON + 1_000_000), Some(59), "no window is the usual one");
        assert_eq!(wait("Limit: 5 events per 99999999999999999999 seconds", NOON), Some(43_200), "a day at most");
    }

    #[test]
    fn an_answer_of_a_server_that_is_away_is_no_refusal() {
        for body in [
            r#"{"error":true,"message":{"success":false,"errors":["the database system is starting up"]}}"#,
            r#"{"detail":"[Errno 111] Connection refused"}"#,
            "cannot perform operation: another operation is in progress",
            "<class 'asyncpg.exceptions.CannotConnectNowError'>",
        ] {
            assert_eq!(pulsestream(400, body), Meaning::Away, "{body}");
            assert_ne!(pulsestream(422, body), Meaning::Away, "what an event has may be quoted there");
        }
        let too_long =
            "(asyncpg.DataError) <class 'asyncpg.exceptions.StringDataRightTruncationError'>: value too long for type";
        assert_eq!(pulsestream(400, too_long), Meaning::Rejected);
    }

    #[test]
    fn a_success_that_says_no_is_none() {
        for (body, meaning) in [
            (r#"{"success":false,"errors":["title missing"]}"#, Meaning::Rejected),
            (r#"{ "success" : false }"#, Meaning::Rejected),
            (
                r#"{"success":false,"errors":["Rate limit exceeded. Limit: 5 events per 60 seconds"]}"#,
                Meaning::RateLimited,
            ),
            (r#"{"success":true,"cached":false}"#, Meaning::Accepted),
            (r#"{"message":"false"}"#, Meaning::Accepted),
        ] {
            assert_eq!(pulsestream(200, body), meaning, "{body}");
        }
    }

    #[test]
    fn the_plain_dialect_goes_by_status_codes_alone() {
        let plain = Dialect::parse(shipped("plain").expect("it is ours")).expect("it is ours");
        assert_eq!(plain.read(400, b"Rate limit exceeded", NOON, &Secrets::default()).meaning, Meaning::Rejected);
        assert_eq!(plain.read(409, b"", NOON, &Secrets::default()).meaning, Meaning::Rejected);
    }

    #[test]
    fn the_words_tell_whether_pulsestream_holds_an_event() {
        let dialect = Dialect::parse(shipped("pulsestream").expect("it is ours")).expect("it is ours");
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
