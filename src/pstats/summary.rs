//! The complete state of a run: lines are added to it, two of them add up, and every report is a function of it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::examples::Examples;
use super::figures::Point;
use super::groups::SlotValues;
use super::input::Input;
use super::layout::Layout;
use super::parts::Parts;
use super::settings::Settings;
use super::sketch::{Fine, Latency, LatencySketch};
use super::stream::{self, Stream};
use crate::clock::Micros;
use crate::record::outcome::{AttemptResult, RunRecord, Word};
use crate::record::reason::Reasons;
use crate::record::status::NoStatus;

/// The most run records that are kept: some 20 MB. A stream has one for each run of psend.
const MOST_RUNS: usize = 20_000;

/// The content of an event.
#[derive(Debug, Clone, Copy)]
pub(super) struct ParsedEvent {
    /// What it shares with outcomes.
    pub entry: stream::Entry,
    /// Its status code.
    pub status: Option<u16>,
    /// Whether a cache answered.
    pub cache_hit: Option<bool>,
}

/// The events of a run.
#[derive(Debug, Clone)]
pub(super) struct Events {
    /// What they share with outcomes.
    pub stream: Stream,
    /// By the first digit of the status code. 0 is for all that are not 1 to 5.
    pub classes: [u64; 6],
    /// The number of events that say whether a cache answered, and of those for which one did.
    pub cache: (u64, u64),
}

impl Events {
    fn merge(&mut self, next: Self) {
        self.stream.merge(next.stream);
        self.classes.iter_mut().zip(next.classes).for_each(|(a, b)| *a += b);
        self.cache.0 += next.cache.0;
        self.cache.1 += next.cache.1;
    }
}

/// The content of an outcome.
#[derive(Debug, Clone, Copy)]
pub(super) struct ParsedOutcome {
    /// What it shares with events. Its time is when it was sent, or due.
    pub entry: stream::Entry,
    /// How it ended.
    pub word: Word,
    /// Whether it is a duplicate that an own retry may have caused.
    pub own_retry: bool,
    /// Requests sent.
    pub attempts: u64,
    /// How often attempts had each result, if there was more than one attempt.
    pub answers: [u32; AttemptResult::ALL.len()],
    /// From when it was due or taken until its end.
    pub end_to_end: Option<Latency>,
    /// When it ended.
    pub ended: Option<Micros>,
    /// The size of the request's body.
    pub request_bytes: u64,
}

/// The outcomes of a run.
#[derive(Debug, Clone)]
pub(super) struct Outcomes {
    /// What they share with events.
    pub stream: Stream,
    /// By word.
    pub words: [u64; Word::ALL.len()],
    /// Duplicates that an own retry may have caused.
    pub own_retries: u64,
    /// Requests sent.
    pub attempts: u64,
    /// Events with more than one attempt.
    pub retried: u64,
    /// The results of attempts, for events with more than one.
    pub answers: [u64; AttemptResult::ALL.len()],
    /// From when an event was due or taken until its end.
    pub end_to_end: LatencySketch<Fine>,
    /// When the last ended.
    pub ended: Option<Micros>,
    /// Bytes of the bodies sent.
    pub request_bytes: u64,
    /// Outcomes for which no request was sent.
    pub unsent: u64,
    /// Outcomes of first lines, including those that `--where` left out. A run has one.
    pub firsts: u64,
    /// Outcomes that `--where` left out.
    pub left_out: u64,
    /// The run records, in the order in which they came.
    pub runs: Vec<RunRecord>,
    /// Outcomes that count in addition to others of their line: from a run whose parts were counted separately, or whose
    /// outcomes came twice.
    pub apart: u64,
    /// Why events were not delivered, in the words of psend and the server.
    pub reasons: Reasons,
}

impl Outcomes {
    fn new(stream: Stream) -> Self {
        Self {
            stream,
            words: [0; Word::ALL.len()],
            own_retries: 0,
            attempts: 0,
            retried: 0,
            answers: [0; AttemptResult::ALL.len()],
            end_to_end: LatencySketch::default(),
            ended: None,
            request_bytes: 0,
            unsent: 0,
            firsts: 0,
            left_out: 0,
            runs: Vec::new(),
            apart: 0,
            reasons: Reasons::default(),
        }
    }

    fn merge(&mut self, next: Self) {
        self.stream.merge(next.stream);
        self.words.iter_mut().zip(next.words).for_each(|(a, b)| *a += b);
        self.own_retries += next.own_retries;
        self.attempts += next.attempts;
        self.retried += next.retried;
        self.answers.iter_mut().zip(next.answers).for_each(|(a, b)| *a += b);
        self.end_to_end.merge(&next.end_to_end);
        self.ended = self.ended.max(next.ended);
        self.request_bytes += next.request_bytes;
        self.unsent += next.unsent;
        self.firsts += next.firsts;
        self.left_out += next.left_out;
        self.apart += next.apart;
        self.reasons.merge(next.reasons);
        next.runs.into_iter().for_each(|run| self.add_run(run));
    }

    fn add_run(&mut self, run: RunRecord) {
        if self.runs.len() < MOST_RUNS {
            self.runs.push(run);
        }
    }

    /// The number of outcomes that came in, including those that `--where` left out.
    pub(super) fn came(&self) -> u64 {
        self.stream.figures.count() + self.left_out
    }

    /// Whether there may have been more run records than were kept.
    pub(super) fn has_all_kept(&self) -> bool {
        self.runs.len() < MOST_RUNS
    }
}

/// The record that counts for each run. Runs that resume each other are one: the last record counts, with the most lines that
/// one of them read, because each reads the input from its start.
pub(super) fn whole_runs(runs: &[RunRecord]) -> Vec<RunRecord> {
    let mut whole: Vec<RunRecord> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for run in runs {
        match places.entry(run.root()) {
            Entry::Vacant(new) => {
                new.insert(whole.len());
                whole.push(run.clone());
            }
            Entry::Occupied(known) => {
                let known = &mut whole[*known.get()];
                let lines_read = known.lines_read.max(run.lines_read);
                if run.ended_at >= known.ended_at {
                    *known = run.clone();
                }
                known.lines_read = lines_read;
            }
        }
    }
    whole
}

/// The number of lines that these runs read, as they report it.
pub(super) fn lines_read(runs: &[RunRecord]) -> u64 {
    whole_runs(runs).iter().fold(0, |sum, run| sum.saturating_add(run.lines_read))
}

/// Everything that was counted.
#[derive(Debug, Clone)]
pub(super) struct Summary {
    /// The input.
    pub input: Input,
    /// The events.
    pub events: Events,
    /// The outcomes.
    pub outcomes: Outcomes,
    /// The parts of runs that these are.
    pub parts: Parts,
    /// Values of events and of outcomes that could not be read. They are not part of a state.
    pub examples: (Examples, Examples),
}

impl Summary {
    /// Nothing yet.
    pub(super) fn new(settings: &Settings, layout: &Layout) -> Self {
        Self {
            input: Input::default(),
            parts: Parts::default(),
            examples: Default::default(),
            events: Events { stream: Stream::new(settings, &layout.of_events), classes: [0; 6], cache: (0, 0) },
            outcomes: Outcomes::new(Stream::new(settings, &layout.of_outcomes)),
        }
    }

    /// Counts an event. `line` gives the values for groupings.
    #[inline]
    pub(super) fn add_event<'a>(&mut self, event: ParsedEvent, line: &impl SlotValues<'a>) {
        let events = &mut self.events;
        events.stream.add(event.entry, line);
        if let Some(status) = event.status {
            let class = usize::from(status / 100);
            events.classes[if class <= 5 { class } else { 0 }] += 1;
        }
        if let Some(hit) = event.cache_hit {
            events.cache.0 += 1;
            events.cache.1 += u64::from(hit);
        }
    }

    /// Counts an outcome, in the same way.
    #[inline]
    pub(super) fn add_outcome<'a>(&mut self, outcome: ParsedOutcome, line: &impl SlotValues<'a>) {
        let outcomes = &mut self.outcomes;
        outcomes.stream.add(outcome.entry, line);
        outcomes.words[outcome.word as usize] += 1;
        outcomes.own_retries += u64::from(outcome.own_retry);
        outcomes.attempts += outcome.attempts;
        outcomes.unsent += u64::from(outcome.attempts == 0);
        if outcome.attempts > 1 {
            outcomes.retried += 1;
            outcomes.answers.iter_mut().zip(outcome.answers).for_each(|(a, b)| *a += u64::from(b));
        }
        if let Some(sample) = outcome.end_to_end {
            outcomes.end_to_end.add(sample);
        }
        outcomes.ended = outcomes.ended.max(outcome.ended);
        outcomes.request_bytes += outcome.request_bytes;
    }

    /// Counts the waiting events and outcomes. Before that, some figures do not include them.
    pub(super) fn settle(&mut self) {
        self.events.stream.settle();
        self.outcomes.stream.settle();
    }

    /// Keeps a run record.
    pub(super) fn add_run(&mut self, run: RunRecord) {
        self.outcomes.add_run(run);
    }

    /// Whether nothing came in.
    pub(super) fn is_empty(&self) -> bool {
        self.input.total().lines == 0
    }

    /// Adds another summary with the same settings, whose lines came after ours.
    pub(super) fn merge(&mut self, next: Self) {
        self.input.merge(&next.input);
        self.events.merge(next.events);
        self.outcomes.merge(next.outcomes);
        self.parts.merge(next.parts);
        self.examples.0.merge(next.examples.0);
        self.examples.1.merge(next.examples.1);
    }
}

/// Success of an event: a status code below 400 (contracts §5). A number that is not a status code means that there was no
/// answer.
pub(super) fn event_point(status: Option<Result<u16, NoStatus>>, latency: Option<Latency>) -> Point {
    let success = match status {
        Some(Ok(code)) => Some(code < 400),
        Some(Err(NoStatus::NoAnswer)) => Some(false),
        Some(Err(NoStatus::NotANumber)) | None => None,
    };
    Point { success, latency, end_to_end: None }
}

/// What an outcome adds to the figures.
pub(super) fn outcome_point(word: Word, latency: Option<Latency>, end_to_end: Option<Latency>) -> Point {
    Point { success: Some(word.is_success()), latency, end_to_end }
}
