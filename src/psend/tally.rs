//! The run in figures: what the progress line and the summary show.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::error_rate::ErrorRate;
use super::load::Load;
use super::pacing::Gap;
use crate::cli::numbers;
use crate::record::outcome::{ErrorKind, GeneratorRecord, LateCause, Resource, Word};
use crate::record::reason::Reasons;

/// The longest latency that is recorded, in microseconds. Longer ones count as this.
const LONGEST: u64 = 3_600_000_000;

/// The figures so far.
#[derive(Debug)]
pub(super) struct Tally {
    words: BTreeMap<Word, u64>,
    answers: BTreeMap<u16, u64>,
    breaks: BTreeMap<ErrorKind, u64>,
    latency: Histogram<u64>,
    total: Duration,
    done: u64,
    requests: u64,
    closed_kept: u64,
    never_sent: u64,
    not_shown: u64,
    sent: u64,
    /// From the first request to the last end of an event that was sent, since the start of the run.
    busy: Option<(Duration, Duration)>,
    untimed: u64,
    over_rate: u64,
    /// Why events were refused, in the server's words.
    reasons: Reasons,
    gaps: Gaps,
    warm_up: u64,
    scheduled: u64,
    late: BTreeMap<LateCause, u64>,
    latest: Duration,
    short_of: BTreeSet<Resource>,
    /// With `--abort-on`.
    error_rate: Option<ErrorRate>,
    /// The error rate that ended the run.
    aborted_at: Option<f64>,
}

/// The gaps of a replay that were too long.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    /// How many there were.
    pub count: u64,
    /// How long they would have taken together.
    pub wait: Duration,
    /// Those that are still to be reported.
    untold: Vec<Gap>,
}

impl Default for Tally {
    fn default() -> Self {
        let latency = Histogram::new_with_bounds(1, LONGEST, 2).expect("the bounds are constant");
        Self {
            words: BTreeMap::new(),
            answers: BTreeMap::new(),
            breaks: BTreeMap::new(),
            latency,
            total: Duration::ZERO,
            done: 0,
            requests: 0,
            closed_kept: 0,
            never_sent: 0,
            not_shown: 0,
            sent: 0,
            busy: None,
            untimed: 0,
            over_rate: 0,
            reasons: Reasons::default(),
            gaps: Gaps::default(),
            warm_up: 0,
            scheduled: 0,
            late: BTreeMap::new(),
            latest: Duration::ZERO,
            short_of: BTreeSet::new(),
            error_rate: None,
            aborted_at: None,
        }
    }
}

impl Tally {
    /// An attempt was answered.
    pub(super) fn answered(&mut self, status: u16, latency: Duration) {
        self.requests += 1;
        if status >= 300 {
            *self.answers.entry(status).or_default() += 1;
        }
        self.latency.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(LONGEST));
        self.total = self.total.saturating_add(latency);
    }

    /// An attempt got no complete answer. `on_kept` if the server closed a connection that it had kept, with the request on it.
    pub(super) fn broke(&mut self, kind: ErrorKind, on_kept: bool) {
        self.requests += 1;
        self.closed_kept += u64::from(on_kept);
        *self.breaks.entry(kind).or_default() += 1;
    }

    /// The server refused this many events for rate.
    pub(super) fn over_rate(&mut self, events: u64) {
        self.over_rate = self.over_rate.saturating_add(events);
    }

    /// An answer did not say what happened to an event.
    pub(super) fn unclear(&mut self, kind: ErrorKind) {
        *self.breaks.entry(kind).or_default() += 1;
    }

    /// An event has its outcome now. It was first sent at `sent`, if the server ever saw it. Times count from the start.
    pub(super) fn ended(&mut self, word: Word, sent: Option<Duration>, now: Duration) {
        *self.words.entry(word).or_default() += 1;
        self.done += 1;
        if let Some(rate) = &mut self.error_rate {
            rate.add(now, !word.is_success());
        }
        match sent {
            Some(sent) => {
                self.sent += 1;
                let (first, last) = self.busy.get_or_insert((sent, now));
                (*first, *last) = (sent.min(*first), now.max(*last));
            }
            None => self.never_sent += u64::from(word == Word::Rejected),
        }
    }

    /// An event was refused, or got no answer, for this reason.
    pub(super) fn refused(&mut self, why: &str) {
        self.reasons.add(why);
    }

    /// The server said that it holds an event, but did not show it.
    pub(super) fn not_shown(&mut self) {
        self.not_shown += 1;
    }

    /// Events that the server said it holds, but did not show.
    pub(super) fn count_not_shown(&self) -> u64 {
        self.not_shown
    }

    /// A replay took an event without a readable timestamp.
    pub(super) fn untimed(&mut self) {
        self.untimed += 1;
    }

    /// A replay met a gap that was too long.
    pub(super) fn gap(&mut self, gap: Gap) {
        /// This many are reported one by one.
        const TOLD: u64 = 3;
        if self.gaps.count < TOLD {
            self.gaps.untold.push(gap);
        }
        self.gaps.count += 1;
        self.gaps.wait = self.gaps.wait.saturating_add(gap.wait);
    }

    /// The gaps of a replay that were too long.
    pub(super) fn gaps(&self) -> &Gaps {
        &self.gaps
    }

    /// The gaps of a replay that are to be reported now.
    pub(super) fn gaps_to_tell(&mut self) -> Vec<Gap> {
        std::mem::take(&mut self.gaps.untold)
    }

    /// An event of the warm-up has its outcome.
    pub(super) fn warmed_up(&mut self) {
        self.warm_up += 1;
    }

    /// A schedule's event was sent. If it was late: why, and by how much.
    pub(super) fn scheduled(&mut self, late: Option<(LateCause, Duration)>) {
        self.scheduled += 1;
        if let Some((cause, by)) = late {
            *self.late.entry(cause).or_default() += 1;
            self.latest = self.latest.max(by);
        }
    }

    /// Keeps the error rate over the last `over`.
    pub(super) fn keep_error_rate(&mut self, over: Duration) {
        self.error_rate = Some(ErrorRate::over(over));
    }

    /// Whether the error rate is above this limit now. Remembers the rate if it is.
    pub(super) fn fails_too_often(&mut self, above: f64, now: Duration) -> bool {
        let rate = self.error_rate.as_mut().and_then(|rate| rate.now(now)).filter(|rate| *rate > above);
        self.aborted_at = self.aborted_at.or(rate);
        rate.is_some()
    }

    /// The error rate that ended the run, if one did.
    pub(super) fn aborted_at(&self) -> Option<f64> {
        self.aborted_at
    }

    /// This computer was short of something.
    pub(super) fn short_of(&mut self, resource: Resource) {
        self.short_of.insert(resource);
    }

    /// How well the sending side kept up, given its load.
    pub(super) fn generator(&self, is_open_loop: bool, load: Load) -> GeneratorRecord {
        let cores = load.is_short_of_cores().then_some(Resource::Cores);
        GeneratorRecord {
            scheduled: is_open_loop.then_some(self.scheduled),
            late: LateCause::ALL.iter().map(|cause| (*cause, self.late.get(cause).copied().unwrap_or(0))).collect(),
            latest_ms: self.latest.as_micros() as f64 / 1e3,
            cpu_s: load.cpu.map(|cpu| cpu.as_secs_f64()),
            sender_cpu_share: load.sender_cpu_share,
            sender_wait_share: load.sender_wait_share,
            short_of: self.short_of.iter().copied().chain(cores).collect(),
        }
    }

    /// Events that have an outcome.
    pub(super) fn done(&self) -> u64 {
        self.done
    }

    /// Events that have an outcome and were sent.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// From the first request to the last end. Both psend and pstats count the throughput over this time.
    fn busy_for(&self) -> Duration {
        self.busy.map_or(Duration::ZERO, |(first, last)| last.saturating_sub(first))
    }

    /// Events of a replay without a readable timestamp.
    pub(super) fn without_timestamp(&self) -> u64 {
        self.untimed
    }

    /// Outcomes so far, in one line: `accepted 120, failed 3`.
    pub(super) fn outcomes(&self) -> String {
        let words: Vec<String> = self.words.iter().map(|(word, n)| format!("{word} {}", numbers::count(*n))).collect();
        if words.is_empty() { "no outcome yet".to_owned() } else { words.join(", ") }
    }

    /// The 95th percentile of the latency so far.
    pub(super) fn p95(&self) -> Option<Duration> {
        (!self.latency.is_empty()).then(|| Duration::from_micros(self.latency.value_at_quantile(0.95)))
    }

    /// The summary at the end of a run, for a person. The server held back all senders for `held_back`. Lines that are never
    /// sent are `unsent`.
    pub(super) fn summary(&self, elapsed: Duration, held_back: Duration, unsent: &str) -> String {
        let count = numbers::count;
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "Events:      {}", count(self.done));
        for (word, n) in &self.words {
            let share = numbers::percent(*n as f64 / self.done as f64);
            let _ = writeln!(text, "  {:<12} {} ({share})", word.as_str(), count(*n));
        }
        let _ = writeln!(text, "Time:        {}", numbers::duration(elapsed.as_secs_f64()));
        let _ = writeln!(text, "Throughput:  {} events/s", numbers::number(rate(self.sent, self.busy_for())));
        let answered = self.latency.len();
        if answered > 0 {
            let mean = numbers::milliseconds(self.total.as_secs_f64() * 1e3 / answered as f64);
            let at = |q| micros(self.latency.value_at_quantile(q));
            let _ = writeln!(
                text,
                "Latency:     mean {mean}, P50 {}, P95 {}, P99 {}, max {}",
                at(0.5),
                at(0.95),
                at(0.99),
                micros(self.latency.max())
            );
        }
        let _ = writeln!(text, "Requests:    {}", count(self.requests));
        if self.warm_up > 0 {
            let events = numbers::counted(self.warm_up, "event", "events");
            let _ = writeln!(text, "Warm-up:     {events} of these; pstats leaves them out");
        }
        if self.never_sent > 0 {
            let lines = numbers::counted(self.never_sent, "line that is", "lines that are");
            let _ = writeln!(text, "Not sent:    {lines} {unsent}; the server never saw them");
        }
        if self.not_shown > 0 {
            let _ = writeln!(
                text,
                "Not compared: {} that the server says it holds, but does not show; for these, differs is impossible",
                numbers::counted(self.not_shown, "event", "events")
            );
        }
        let errors: Vec<String> = self
            .answers
            .iter()
            .map(|(status, n)| format!("{status} × {}", count(*n)))
            .chain(self.breaks.iter().map(|(kind, n)| format!("{kind} × {}", count(*n))))
            .collect();
        if !errors.is_empty() {
            let _ = writeln!(text, "Errors:      {}", errors.join(", "));
        }
        /// This many reasons are shown.
        const SHOWN: usize = 5;
        let (reasons, others) = self.reasons.top(SHOWN);
        for (nth, (reason, n)) in reasons.iter().enumerate() {
            let label = if nth == 0 { "Why:" } else { "" };
            let _ = writeln!(text, "{label:<12} {} × {reason}", count(*n));
        }
        if others > 0 {
            let _ = writeln!(text, "{:<12} {} × other reasons", "", count(others));
        }
        if self.closed_kept > 0 {
            let _ = writeln!(
                text,
                "Kept:        the server closes connections that it keeps, with requests on them: {}; \
                 --keepalive-time TIME, below its own limit, or --no-keepalive avoids that",
                numbers::counted(self.closed_kept, "reset", "resets")
            );
        }
        if self.over_rate > 0 {
            let refusals = numbers::counted(self.over_rate, "refusal", "refusals");
            let _ = writeln!(text, "Rate limit:  {refusals}, each of one event");
        }
        if held_back >= Duration::from_millis(50) {
            let _ = writeln!(text, "Held back:   {} by the server", numbers::duration(held_back.as_secs_f64()));
        }
        if !self.late.is_empty() {
            let _ = writeln!(
                text,
                "Late:        {} of {}, by up to {} (end_to_end_ms includes this)",
                count(self.late.values().sum::<u64>()),
                numbers::counted(self.scheduled, "event", "events"),
                numbers::milliseconds(self.latest.as_secs_f64() * 1e3)
            );
            for (why, n) in &self.late {
                let why = match why {
                    LateCause::Concurrency => "all senders were waiting for the server: --concurrency was reached",
                    LateCause::Input => "the input came too slowly",
                    LateCause::Server => "the server asked to wait, was away, or took long to connect to",
                    LateCause::Psend => "psend itself was too slow, or had no CPU",
                };
                let _ = writeln!(text, "  {} because {why}", count(*n));
            }
        }
        text.truncate(text.trim_end().len());
        text
    }
}

/// Events per second.
pub(super) fn rate(events: u64, time: Duration) -> f64 {
    if time.is_zero() { 0.0 } else { events as f64 / time.as_secs_f64() }
}

/// A number of microseconds, for a person.
fn micros(micros: u64) -> String {
    numbers::milliseconds(micros as f64 / 1e3)
}
