//! `--trace`: each request's head, its answer's head and first KiB, and the rule of the dialect that decided, as JSON Lines.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::delivery::Delivery;
use super::dialect::{BatchClassification, RuleName};
use super::secret::Secrets;
use super::shown;
use super::transport::{Failure, Reply, Request};
use crate::cli::output::Output;
use crate::clock::Micros;
use crate::error::Result;
use crate::time;

/// How much of an answer's body is kept, in bytes.
const BODY: usize = 1 << 10;
/// How much is held before it is written, in bytes.
const BLOCK: usize = 64 << 10;

/// Where requests are kept.
#[derive(Debug)]
pub(super) struct Trace {
    path: PathBuf,
    secrets: Secrets,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    out: Option<Output>,
    block: Vec<u8>,
    requests: u64,
    broke: Option<crate::error::Error>,
}

/// One request, as far as it has come.
#[derive(Debug, Serialize)]
pub(super) struct Traced {
    events: usize,
    request: RequestShown,
    answer: Option<AnswerShown>,
    failure: Option<String>,
    decided_by: BTreeMap<String, usize>,
}

#[derive(Debug, Serialize)]
struct RequestShown {
    head: String,
    body_bytes: usize,
}

#[derive(Debug, Serialize)]
struct AnswerShown {
    status: u16,
    latency_ms: f64,
    head: String,
    body: String,
    body_bytes: usize,
}

#[derive(Serialize)]
struct Line<'a> {
    request_number: u64,
    sent_at: String,
    first_seq: u64,
    attempt: u32,
    #[serde(flatten)]
    traced: &'a Traced,
    answers: BTreeMap<&'static str, usize>,
}

impl Traced {
    /// A request that is about to be sent.
    pub(super) fn begin(request: &Request, group: &[Delivery], secrets: &Secrets) -> Self {
        let request = RequestShown { head: shown::head(request, secrets), body_bytes: request.body.len() };
        Self { events: group.len(), request, answer: None, failure: None, decided_by: BTreeMap::new() }
    }

    /// What came of it.
    pub(super) fn came(&mut self, done: &std::result::Result<Reply, Failure>, secrets: &Secrets) {
        match done {
            Ok(reply) => {
                let head = String::from_utf8_lossy(reply.head.as_deref().unwrap_or_default()).into_owned();
                // Blanked before it is cut: of half a secret nobody can tell that it is one.
                let body = secrets.blank(String::from_utf8_lossy(&reply.body).into_owned());
                let end = (0..=body.len().min(BODY)).rev().find(|at| body.is_char_boundary(*at)).unwrap_or(0);
                self.answer = Some(AnswerShown {
                    status: reply.status,
                    latency_ms: reply.latency.as_secs_f64() * 1e3,
                    head: secrets.blank(head),
                    body: body[..end].to_owned(),
                    body_bytes: reply.body.len(),
                });
            }
            Err(failure) => self.failure = Some(secrets.blank(failure.message.clone())),
        }
    }

    /// How the dialect read the answer, and for how many events.
    pub(super) fn decided(&mut self, verdict: &BatchClassification, events: usize) {
        let by = |rule: Option<RuleName>| rule.map_or_else(|| "status".to_owned(), |rule| rule.to_string());
        let mut count = |by: String, events| *self.decided_by.entry(by).or_default() += events;
        match verdict {
            BatchClassification::Whole(classification) => count(by(classification.rule), events),
            BatchClassification::Split(classification) => {
                count(format!("{}, and batch.split", by(classification.rule)), events)
            }
            BatchClassification::Halve(_) => {
                count("the counts in the answer, and request.idempotent".to_owned(), events)
            }
            BatchClassification::Unclear(why) => count(format!("nothing: {why}"), events),
            BatchClassification::Each(classifications) => {
                classifications.iter().for_each(|classification| match classification {
                    Ok(classification) if classification.rule.is_none() => count("what is said of each".to_owned(), 1),
                    Ok(classification) => count(by(classification.rule), 1),
                    Err(_) => count("nothing: no result of its own".to_owned(), 1),
                })
            }
        }
    }
}

impl Trace {
    /// A trace in this file, which is not opened yet.
    pub(super) fn to(path: PathBuf, secrets: Secrets) -> Self {
        Self { path, secrets, state: Mutex::default() }
    }

    /// Opens the file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn open(&self) -> Result<()> {
        self.state().out = Some(Output::create(&self.path)?);
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a request that was first sent then, with these events.
    pub(super) fn put(&self, mut traced: Traced, sent_at: Micros, group: &[Delivery]) {
        let mut answers = BTreeMap::new();
        for answer in group.iter().filter_map(Delivery::last) {
            *answers.entry(answer.answer().as_str()).or_default() += 1;
        }
        traced.decided_by = traced.decided_by.into_iter().map(|(by, n)| (self.secrets.blank(by), n)).collect();
        let mut state = self.state();
        state.requests += 1;
        let line = Line {
            request_number: state.requests,
            sent_at: time::format(sent_at),
            first_seq: group[0].event.seq,
            attempt: group[0].attempts(),
            traced: &traced,
            answers,
        };
        serde_json::to_writer(&mut state.block, &line).expect("a trace is JSON");
        state.block.push(b'\n');
        if state.block.len() >= BLOCK {
            state.flush();
        }
    }

    /// Writes what is held, and puts the file in its place.
    ///
    /// # Errors
    /// What broke, then or before.
    pub(super) fn finish(&self) -> Result<()> {
        let mut state = self.state();
        state.flush();
        let done = state.out.take().map_or(Ok(()), Output::finish);
        state.broke.take().map_or(done, Err)
    }
}

impl State {
    fn flush(&mut self) {
        if let (Some(out), None) = (&mut self.out, &self.broke)
            && let Err(e) = out.put(&self.block)
        {
            self.broke = Some(e);
        }
        self.block.clear();
    }
}
