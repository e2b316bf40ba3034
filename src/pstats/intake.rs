//! Turns a line into what it adds to the summary: recognises its kind and reads its fields.
//! A line is recognised only by its own fields. It is state if it has `pstats_state` and `part`; an outcome if `outcome` is
//! one of the words of the contract and it has `seq` and `attempts`; a run record or truth if it has all of their fields; an
//! event if it has any of the fields of an event (id, timestamp, service, latency, status), whatever else it has. Anything
//! else is counted as unknown.

use super::distinct;
use super::examples::{Examples, keep};
use super::input::Flaws;
use super::joins::{JoinedOutcome, Joins};
use super::labels::{Source, hour_name, unescape};
use super::layout::{Layout, Slot};
use super::parts::Segment;
use super::settings::Settings;
use super::settle::{Fate, Settle};
use super::sketch::Latency;
use super::state::{is_state, is_written_as_state};
use super::stream::Entry;
use super::summary::{ParsedEvent, ParsedOutcome, Summary, event_point, outcome_point};
use super::windows::{Course, event_error};
use crate::clock::Micros;
use crate::error::Result as Done;
use crate::jsonl::Line;
use crate::jsonl::scan::{NotAnObject, Problem, Scanner, Spans};
use crate::jsonl::value;
use crate::record::filter::Condition;
use crate::record::generated::Generated;
use crate::record::latency::{NoLatency, Unit, microseconds};
use crate::record::moment;
use crate::record::outcome::{AttemptResult, RunRecord, Word};
use crate::record::status::{self, NoStatus};
use crate::record::truth::TruthLine;

/// What was done with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// It was counted.
    Counted,
    /// It is a line of state, which is read elsewhere.
    State,
}

/// Reads lines into a summary. Holds what is reused from line to line.
pub(super) struct Intake {
    settings: Settings,
    layout: Layout,
    scanner: Scanner,
    spans: Spans,
    unescaped: Vec<String>,
    times: moment::Reader,
    joins: Option<Joins>,
    id_path: String,
    settle: Settle,
    /// The counts of the outcomes that wait.
    waiting: Option<Box<Summary>>,
}

impl Intake {
    /// An intake that looks for these fields.
    pub(super) fn new(settings: Settings, layout: Layout, joins: Option<Joins>) -> Self {
        let id_path = layout.fields.path(layout.event.id).to_owned();
        let scanner = Scanner::new(layout.fields.clone());
        Self {
            settings,
            layout,
            scanner,
            spans: Spans::default(),
            unescaped: Vec::new(),
            times: moment::Reader::default(),
            joins,
            id_path,
            settle: Settle::default(),
            waiting: None,
        }
    }

    /// The rows for joins, if there are any.
    pub(super) fn joins(&mut self) -> &mut Option<Joins> {
        &mut self.joins
    }

    /// What is joined with other streams, if anything is.
    pub(super) fn joined(&self) -> Option<&Joins> {
        self.joins.as_ref()
    }

    /// The fields that it looks for.
    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Counts a line, unless it is a line of state.
    pub(super) fn take(&mut self, line: Line<'_>, summary: &mut Summary) -> Taken {
        let bytes = (line.text.len() + line.end.len()) as u64;
        let text = line.text;
        if is_written_as_state(text) {
            return Taken::State;
        }
        let kinds = &mut summary.input.kinds;
        if let Err(error) = self.scanner.scan(text, &mut self.spans) {
            match error {
                _ if line.is_blank() => &mut kinds.blank,
                NotAnObject { problem: Problem::NotUtf8, .. } => &mut kinds.not_utf8,
                _ if serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok() => &mut kinds.not_object,
                _ => &mut kinds.not_json,
            }
            .add(bytes);
            return Taken::Counted;
        }
        if self.is_there(self.layout.state) && is_state(text) {
            return Taken::State;
        }
        if let Some(word) = self.outcome_word(text) {
            self.join_outcome(text, word);
            let seq = self.seq(text);
            match self.fate(text, seq, word) {
                Fate::Counts => self.count_outcome(text, bytes, seq, word, summary),
                Fate::Repeats => kinds.repeated.add(bytes),
                Fate::Waits => {
                    let mut waiting =
                        self.waiting.take().unwrap_or_else(|| Box::new(Summary::new(&self.settings, &self.layout)));
                    self.count_outcome(text, bytes, seq, word, &mut waiting);
                    self.waiting = Some(waiting);
                }
            }
        } else if let Some(run) = self.run(text) {
            kinds.run_records.add(bytes);
            let outcomes = self.settle.close(&run, text);
            summary.parts.sent(&run, outcomes);
            if outcomes == Segment::New {
                summary.add_run(run);
            }
        } else if let Some(generated) = self.generated(text) {
            kinds.run_records.add(bytes);
            summary.parts.generated(&generated);
        } else if let Some(truth) = self.truth(text) {
            kinds.truth.add(bytes);
            if let TruthLine::Summary(whole) = &truth {
                summary.parts.shaped(whole);
            }
            if let Some(joins) = &mut self.joins {
                joins.truth_line(truth, &self.id_path);
            }
        } else if self.is_event() {
            self.join_event(text);
            if self.is_left_out(text, &self.layout.event_filter, &[self.layout.event.timestamp]) {
                kinds.left_out.add(bytes);
                return Taken::Counted;
            }
            kinds.events.add(bytes);
            self.take_event(text, summary);
        } else {
            kinds.unknown.add(bytes);
        }
        Taken::Counted
    }

    fn is_there(&self, field: usize) -> bool {
        self.spans.range(field).is_some()
    }

    fn outcome_word(&self, line: &[u8]) -> Option<Word> {
        let of = &self.layout.outcome;
        let raw = self.spans.raw(line, of.outcome)?;
        if !self.is_there(of.attempts) || !self.is_there(of.seq) {
            return None;
        }
        // Most outcomes are this one.
        if raw == b"\"accepted\"" {
            return Some(Word::Accepted);
        }
        value::text(raw)?.parse().ok()
    }

    fn run(&self, line: &[u8]) -> Option<RunRecord> {
        self.is_there(self.layout.run_complete).then(|| RunRecord::read(line)).flatten()
    }

    fn generated(&self, line: &[u8]) -> Option<Generated> {
        self.is_there(self.layout.run_complete).then(|| Generated::read(line)).flatten()
    }

    fn truth(&self, line: &[u8]) -> Option<TruthLine> {
        self.is_there(self.layout.fault).then(|| TruthLine::read(line)).flatten()
    }

    fn is_event(&self) -> bool {
        let of = &self.layout.event;
        [of.id, of.timestamp, of.service, of.latency, of.status].iter().any(|field| self.is_there(*field))
    }

    /// Whether a line does not meet a filter. Its time is the first one in these fields.
    fn is_left_out(&self, line: &[u8], filter: &[(Slot, Condition)], times: &[usize]) -> bool {
        let hour = || {
            let raw = times.iter().find_map(|field| self.spans.raw(line, *field).filter(|raw| *raw != b"null"))?;
            Some(hour_name(self.times.clone().read(raw).ok()?))
        };
        !filter.iter().all(|(slot, condition)| match slot {
            Slot::Hour => condition.holds(hour()),
            Slot::Field(field) | Slot::Status(field) => condition.holds(self.spans.raw(line, *field)),
        })
    }

    /// Passes an event to the joins. `--where` does not narrow them, because what they compare with is not narrowed either.
    fn join_event(&mut self, line: &[u8]) {
        let Some(joins) = &mut self.joins else { return };
        joins.event(id(self.spans.raw(line, self.layout.event.id), self.spans.has_escapes(), &mut Flaws::default()));
    }

    fn take_event(&mut self, line: &[u8], summary: &mut Summary) {
        let of = self.layout.event;
        let (flaws, examples) = (&mut summary.input.event_flaws, &mut summary.examples.0);
        let at = time(self.spans.raw(line, of.timestamp), &mut self.times, flaws, examples);
        let status = status(self.spans.raw(line, of.status), flaws, examples);
        let latency = latency(self.spans.raw(line, of.latency), self.layout.latency_unit, flaws, examples);
        let id = id(self.spans.raw(line, of.id), self.spans.has_escapes(), flaws);
        let cache_hit = match self.spans.raw(line, of.cache_hit) {
            Some(b"true") => Some(true),
            Some(b"false") => Some(false),
            _ => None,
        };
        let slots = &self.layout.of_events.slots;
        unescape(&mut self.unescaped, slots, line, &self.spans);
        let point = event_point(status, latency);
        let status = status.and_then(Result::ok);
        let source = Source { line, spans: &self.spans, slots, unescaped: &self.unescaped, at, status };
        let course = Course { error: event_error(point.success, status), ..Course::default() };
        let entry = Entry { id, at, point, course };
        summary.add_event(ParsedEvent { entry, status, cache_hit }, &source);
    }

    fn take_outcome(&mut self, line: &[u8], word: Word, summary: &mut Summary) {
        let of = self.layout.outcome;
        let (flaws, examples) = (&mut summary.input.outcome_flaws, &mut summary.examples.1);
        let raw = |field| self.spans.raw(line, field);
        let count = |field| raw(field).and_then(value::integer).and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
        let scheduled = raw(of.scheduled_at).filter(|raw| *raw != b"null");
        let at = time(raw(of.sent_at).filter(|raw| *raw != b"null").or(scheduled), &mut self.times, flaws, examples);
        if raw(of.status).is_some_and(|raw| raw != b"null") {
            status(raw(of.status), flaws, examples);
        }
        let unit = Unit::Milliseconds;
        let latency = latency(raw(of.latency), unit, flaws, examples);
        let end_to_end = raw(of.end_to_end).and_then(|raw| microseconds(raw, unit).ok()).map(Latency::new);
        let attempts = count(of.attempts);
        let due = scheduled.and_then(|raw| self.times.clone().read(raw).ok());
        let ended = end_to_end.and_then(|took| self.ended(line, due, at, took.us()));
        let course = Course {
            error: (!word.is_success()).then_some(word as usize),
            retries: attempts.saturating_sub(1),
            due,
            // What psend itself refused never waits.
            ended: due.and_then(|due| ended.or((word == Word::Rejected).then_some(due))),
        };
        let id = id(raw(of.event_id), self.spans.has_escapes(), flaws);
        let mut answers = [0; AttemptResult::ALL.len()];
        if attempts > 1 {
            let words: Vec<&str> = raw(of.answers).and_then(|raw| serde_json::from_slice(raw).ok()).unwrap_or_default();
            for answer in words.iter().filter_map(|word| word.parse::<AttemptResult>().ok()) {
                answers[answer as usize] += 1;
            }
        }
        let own_retry = raw(of.own_retry) == Some(b"true");
        let request_bytes = count(of.request_bytes);
        let slots = &self.layout.of_outcomes.slots;
        let outcome = ParsedOutcome {
            word,
            own_retry,
            attempts,
            answers,
            end_to_end,
            ended,
            request_bytes,
            entry: Entry { id, at, point: outcome_point(word, latency, end_to_end.filter(|_| due.is_some())), course },
        };
        unescape(&mut self.unescaped, slots, line, &self.spans);
        let source = Source { line, spans: &self.spans, slots, unescaped: &self.unescaped, at, status: None };
        summary.add_outcome(outcome, &source);
        if !word.is_success()
            && let Some(message) = self.spans.raw(line, of.error_message).and_then(value::text)
        {
            summary.outcomes.reasons.add(&message);
        }
    }
}

impl Intake {
    /// Which outcomes each line has.
    pub(super) fn settle(&self) -> &Settle {
        &self.settle
    }

    /// The counts of the outcomes that count unless another one of their line comes.
    pub(super) fn waiting(&self) -> Option<&Summary> {
        self.waiting.as_deref()
    }

    /// Adds those waiting outcomes that count to the summary, after the input has ended.
    ///
    /// # Errors
    /// If they cannot be read back.
    pub(super) fn end(&mut self, summary: &mut Summary) -> Done<()> {
        summary.parts.cut_off_copies(self.settle.cut_off_copies());
        let Some(waiting) = self.waiting.take() else { return Ok(()) };
        if !self.settle.is_in_doubt() {
            summary.merge(*waiting);
            return Ok(());
        }
        let mut settle = std::mem::take(&mut self.settle);
        settle.finish(|line, counts| {
            let bytes = line.len() as u64 + 1;
            if !counts {
                summary.input.kinds.repeated.add(bytes);
            } else if self.scanner.scan(line, &mut self.spans).is_ok()
                && let Some(word) = self.outcome_word(line)
            {
                self.count_outcome(line, bytes, self.seq(line), word, summary);
            }
        })?;
        summary.settle();
        self.settle = settle;
        Ok(())
    }

    /// The line that an outcome is of.
    #[inline]
    fn seq(&self, line: &[u8]) -> Option<u64> {
        self.spans.raw(line, self.layout.outcome.seq).and_then(value::integer).and_then(|n| u64::try_from(n).ok())
    }

    /// What to do with an outcome.
    #[inline]
    fn fate(&mut self, line: &[u8], seq: Option<u64>, word: Word) -> Fate {
        let of = &self.layout.outcome;
        let Some(seq) = seq else { return Fate::Counts };
        let id = || id(self.spans.raw(line, of.event_id), self.spans.has_escapes(), &mut Flaws::default());
        self.settle.meet(self.spans.raw(line, of.shard), seq, id, word, line)
    }

    /// Counts an outcome.
    #[inline]
    fn count_outcome(&mut self, line: &[u8], bytes: u64, seq: Option<u64>, word: Word, summary: &mut Summary) {
        let of = &self.layout.outcome;
        summary.outcomes.firsts += u64::from(seq == Some(1));
        let is_warm_up = self.spans.raw(line, of.warm_up) == Some(b"true");
        if is_warm_up || self.is_left_out(line, &self.layout.outcome_filter, &[of.sent_at, of.scheduled_at]) {
            summary.input.kinds.left_out.add(bytes);
            summary.outcomes.left_out += 1;
            return;
        }
        summary.input.kinds.outcomes.add(bytes);
        self.take_outcome(line, word, summary);
    }

    /// Passes an outcome to the joins, like an event.
    fn join_outcome(&mut self, line: &[u8], word: Word) {
        if self.joins.is_none() {
            return;
        }
        let span = self.span(line);
        let Some(joins) = &mut self.joins else { return };
        let of = self.layout.outcome;
        let raw = |field| self.spans.raw(line, field);
        let count = |field| raw(field).and_then(value::integer).and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
        joins.outcome(JoinedOutcome {
            shard: raw(of.shard).and_then(value::text).as_deref(),
            seq: count(of.seq),
            id: id(raw(of.event_id), self.spans.has_escapes(), &mut Flaws::default()),
            word,
            own_retry: raw(of.own_retry) == Some(b"true"),
            attempts: count(of.attempts),
            status: raw(of.status).and_then(value::integer).and_then(|n| u16::try_from(n).ok()),
            span,
        });
    }

    /// The time from the first request of an outcome to its end.
    fn span(&self, line: &[u8]) -> Option<(Micros, Micros)> {
        let of = &self.layout.outcome;
        let mut times = self.times;
        let sent = self.spans.raw(line, of.sent_at).and_then(|raw| times.read(raw).ok())?;
        let scheduled = self.spans.raw(line, of.scheduled_at).filter(|raw| *raw != b"null");
        let due = scheduled.and_then(|raw| times.read(raw).ok());
        let took = self.spans.raw(line, of.end_to_end).and_then(|raw| microseconds(raw, Unit::Milliseconds).ok())?;
        Some((sent, self.ended(line, due, Some(sent), took)?))
    }

    /// When an outcome ended. This is not written: it follows from when it was due or its first request was sent, and from
    /// the start of `end_to_end_ms` (contracts §3).
    fn ended(&self, line: &[u8], due: Option<Micros>, sent: Option<Micros>, took: u64) -> Option<Micros> {
        let raw = self.spans.raw(line, self.layout.outcome.waited).filter(|raw| *raw != b"null");
        let waited = || raw.and_then(|raw| microseconds(raw, Unit::Milliseconds).ok()).unwrap_or(0);
        let began = due.or_else(|| sent?.checked_sub_unsigned(waited()))?;
        began.checked_add_unsigned(took)
    }
}

/// The hash of an id: of the text of a string, or of any other value as it is written.
fn id(raw: Option<&[u8]>, escapes: bool, flaws: &mut Flaws) -> Option<u64> {
    match raw {
        None | Some(b"null") => {
            flaws.id_missing += 1;
            None
        }
        Some(raw) if escapes && raw.contains(&b'\\') => Some(distinct::hash_of(value::label(raw).as_bytes())),
        Some([b'"', inner @ .., b'"']) => Some(distinct::hash_of(inner)),
        Some(raw) => Some(distinct::hash_of(raw)),
    }
}

fn time(raw: Option<&[u8]>, times: &mut moment::Reader, flaws: &mut Flaws, examples: &mut Examples) -> Option<Micros> {
    match raw {
        None | Some(b"null") => {
            flaws.time_missing += 1;
            None
        }
        Some(raw) => match times.read(raw) {
            Ok(at) => Some(at),
            Err(why) => {
                flaws.time_invalid += 1;
                keep(&mut examples.time, raw, why);
                None
            }
        },
    }
}

fn status(raw: Option<&[u8]>, flaws: &mut Flaws, examples: &mut Examples) -> Option<Result<u16, NoStatus>> {
    match raw {
        None | Some(b"null") => {
            flaws.status_missing += 1;
            None
        }
        Some(raw) => {
            let status = status::read(raw);
            if let Err(why) = status {
                flaws.status_invalid += 1;
                keep(&mut examples.status, raw, why);
            }
            Some(status)
        }
    }
}

fn latency(raw: Option<&[u8]>, unit: Unit, flaws: &mut Flaws, examples: &mut Examples) -> Option<Latency> {
    match raw {
        None | Some(b"null") => {
            flaws.latency_missing += 1;
            None
        }
        Some(raw) => match microseconds(raw, unit) {
            Ok(us) => Some(Latency::new(us)),
            Err(why) => {
                match why {
                    NoLatency::Negative => flaws.latency_negative += 1,
                    NoLatency::NotANumber => flaws.latency_invalid += 1,
                }
                keep(&mut examples.latency, raw, why);
                None
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pstats::groups::HEAD;

    fn summary(lines: &[&str]) -> Summary {
        let settings = Settings::default();
        let layout = Layout::new(&settings).expect("no filter");
        let mut intake = Intake::new(settings.clone(), layout, None);
        let mut summary = Summary::new(&settings, intake.layout());
        for (i, line) in lines.iter().enumerate() {
            intake.take(Line { seq: i as u64 + 1, text: line.as_bytes(), end: b"\n" }, &mut summary);
        }
        intake.end(&mut summary).expect("few lines wait in memory");
        summary.settle();
        summary
    }

    #[test]
    fn lines_are_told_apart_by_their_own_fields() {
        let found = summary(&[
            r#"{"event_id":"a","outcome":"won","attempts":2,"seq":1}"#,
            r#"{"seq":1,"event_id":"a","outcome":"accepted","attempts":1}"#,
            r#"{"run":{"id":"x","complete":true,"lines_read":1,"target":"t","mode":"m","rate":null,"concurrency":1,"batch":null,"retries":1,"started_at":"","ended_at":"","shard":null}}"#,
            r#"{"run":{"complete":true}}"#,
            r#"{"timestamp":"2026-01-05T09:00:00Z"}"#,
            r#"{"hello":"world"}"#,
            "[1]",
            "{",
            " ",
            "17",
        ])
        .input
        .kinds;
        let lines: Vec<(&str, u64)> =
            found.each().map(|(name, amount)| (name, amount.lines)).filter(|f| f.1 > 0).collect();
        assert_eq!(
            lines,
            [
                ("events", 2),
                ("outcomes", 1),
                ("run_records", 1),
                ("unknown", 2),
                ("blank", 1),
                ("not_json", 1),
                ("not_object", 2)
            ]
        );
    }

    #[test]
    fn what_an_event_lacks_is_counted() {
        let found = summary(&[
            r#"{"event_id":1,"timestamp":"yesterday","metrics":{"status_code":"OK","response_time_ms":-1}}"#,
            r#"{"event_id":null,"metrics":{"response_time_ms":"NaN"}}"#,
        ]);
        let flaws = found.input.event_flaws;
        assert_eq!((flaws.id_missing, flaws.time_missing, flaws.time_invalid), (1, 1, 1));
        assert_eq!((flaws.status_missing, flaws.status_invalid), (1, 1));
        assert_eq!((flaws.latency_negative, flaws.latency_invalid), (1, 1));
        assert_eq!(found.events.stream.figures.judged(), 0);
        let examples = found.examples.0;
        assert_eq!(examples.time.as_deref(), Some("\"yesterday\": its format is not recognised"));
        assert_eq!(examples.status.as_deref(), Some("\"OK\": it is not a whole number"));
        assert_eq!(examples.latency.as_deref(), Some("-1: it is below 0"));
    }

    #[test]
    fn a_status_of_0_tells_of_a_failure_and_is_no_status() {
        let found = summary(&[
            r#"{"metrics":{"status_code":0}}"#,
            r#"{"metrics":{"status_code":"0"}}"#,
            r#"{"metrics":{"status_code":1000}}"#,
            r#"{"metrics":{"status_code":"200"}}"#,
        ]);
        let figures = &found.events.stream.figures;
        assert_eq!((figures.judged(), figures.failures(), found.input.event_flaws.status_invalid), (4, 3, 3));
        assert_eq!(found.events.classes, [0, 0, 1, 0, 0, 0]);
    }

    #[test]
    fn escaped_and_plain_values_are_one_group() {
        let found = summary(&[
            r#"{"source":{"service":"S\u00e3o"}}"#,
            r#"{"source":{"service":"São"}}"#,
            r#"{"source":{"service":null}}"#,
            r#"{"meta":{"service":"x"},"source":{"parent":{"service":"y"}},"event_id":1}"#,
        ]);
        let groups: Vec<(Option<&str>, u64)> =
            found.events.stream.groups.each()[0].iter().map(|g| (g.key[0].as_deref(), g.figures.count())).collect();
        assert_eq!(groups, [(Some("São"), 2), (None, 2)]);
    }

    #[test]
    fn a_value_is_one_group_wherever_it_stands_and_however_long_it_is() {
        let long = "x".repeat(HEAD + 1);
        for value in ["", "a", &long[..HEAD - 1], &long[..HEAD], &long] {
            let found = summary(&[
                &format!(r#"{{"source":{{"service":"{value}"}}}}"#),
                &format!(r#"{{"source":{{"service":"{value}"}},"message":"{long}"}}"#),
                &format!(r#"{{"source":{{"service":"{value}y"}},"message":"{long}"}}"#),
            ]);
            let groups: Vec<u64> = found.events.stream.groups.each()[0].iter().map(|g| g.figures.count()).collect();
            assert_eq!(groups, [2, 1], "{value}");
        }
    }
}
