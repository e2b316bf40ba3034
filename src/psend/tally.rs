//! The run in figures: what the progress line and the summary show.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::pacing::Gap;
use crate::record::outcome::{ErrorKind, Word};

/// The longest latency that is told apart, in microseconds; longer ones count as this.
const LONGEST: u64 = 3_600_000_000;

/// What there is to tell so far.
#[derive(Debug)]
pub struct Tally {
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
    gaps: Gaps,
    late: BTreeMap<Late, u64>,
    latest: Duration,
}

/// The gaps of a replay that were too long.
#[derive(Debug, Default)]
pub struct Gaps {
    /// How many there were.
    pub count: u64,
    /// How long they would have been waited for, in all.
    pub wait: Duration,
    /// Those that are yet to be told.
    untold: Vec<Gap>,
}

/// Why an open loop took an event up after it was due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Late {
    /// All senders had events in flight, or waiting to be sent again.
    Senders,
    /// The input did not have it yet.
    Input,
    /// psend itself was not quick enough.
    Itself,
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
            gaps: Gaps::default(),
            late: BTreeMap::new(),
            latest: Duration::ZERO,
        }
    }
}

impl Tally {
    /// An attempt was answered.
    pub fn answered(&mut self, status: u16, latency: Duration) {
        self.requests += 1;
        if status >= 300 {
            *self.answers.entry(status).or_default() += 1;
        }
        self.latency.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(LONGEST));
        self.total = self.total.saturating_add(latency);
    }

    /// An attempt got no whole answer, or the server closed a connection that it had kept, with the request on it.
    pub fn broke(&mut self, kind: ErrorKind, on_kept: bool) {
        self.requests += 1;
        self.closed_kept += u64::from(on_kept);
        *self.breaks.entry(kind).or_default() += 1;
    }

    /// The server refused so many events for rate.
    pub fn over_rate(&mut self, events: u64) {
        self.over_rate = self.over_rate.saturating_add(events);
    }

    /// An answer did not tell what became of an event.
    pub fn unclear(&mut self, kind: ErrorKind) {
        *self.breaks.entry(kind).or_default() += 1;
    }

    /// An event ended now. It was `sent` first at that time since the start, if the server ever saw it.
    pub fn ended(&mut self, word: Word, sent: Option<Duration>, now: Duration) {
        *self.words.entry(word).or_default() += 1;
        self.done += 1;
        match sent {
            Some(sent) => {
                self.sent += 1;
                let (first, last) = self.busy.get_or_insert((sent, now));
                (*first, *last) = (sent.min(*first), now.max(*last));
            }
            None => self.never_sent += u64::from(word == Word::Rejected),
        }
    }

    /// The server said that it holds an event, and did not show it.
    pub fn not_shown(&mut self) {
        self.not_shown += 1;
    }

    /// Events that the server said it holds, and did not show.
    pub fn count_not_shown(&self) -> u64 {
        self.not_shown
    }

    /// A replay took up an event without a timestamp that can be read.
    pub fn untimed(&mut self) {
        self.untimed += 1;
    }

    /// A replay came to a gap that was too long.
    pub fn gap(&mut self, gap: Gap) {
        /// So many are told one by one.
        const TOLD: u64 = 3;
        if self.gaps.count < TOLD {
            self.gaps.untold.push(gap);
        }
        self.gaps.count += 1;
        self.gaps.wait = self.gaps.wait.saturating_add(gap.wait);
    }

    /// The gaps of a replay that were too long.
    pub fn gaps(&self) -> &Gaps {
        &self.gaps
    }

    /// The gaps of a replay that are to be told now.
    pub fn gaps_to_tell(&mut self) -> Vec<Gap> {
        std::mem::take(&mut self.gaps.untold)
    }

    /// An event was taken up so long after it was due.
    pub fn late(&mut self, why: Late, by: Duration) {
        *self.late.entry(why).or_default() += 1;
        self.latest = self.latest.max(by);
    }

    /// Events that ended.
    pub fn done(&self) -> u64 {
        self.done
    }

    /// Events that ended and were sent.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// From the first request to the last end: the time that the throughput is counted over, in pstats too.
    fn busy_for(&self) -> Duration {
        self.busy.map_or(Duration::ZERO, |(first, last)| last.saturating_sub(first))
    }

    /// Events of a replay without a timestamp that can be read.
    pub fn without_timestamp(&self) -> u64 {
        self.untimed
    }

    /// Outcomes so far, in one line: `accepted 120, failed 3`.
    pub fn outcomes(&self) -> String {
        let words: Vec<String> = self.words.iter().map(|(word, n)| format!("{word} {n}")).collect();
        if words.is_empty() { "no outcome yet".to_owned() } else { words.join(", ") }
    }

    /// The 95th percentile of the latency so far.
    pub fn p95(&self) -> Option<Duration> {
        (!self.latency.is_empty()).then(|| Duration::from_micros(self.latency.value_at_quantile(0.95)))
    }

    /// The summary that ends a run, for a person. The server held all senders back for so long; what is never sent is `unsent`.
    pub fn summary(&self, elapsed: Duration, held_back: Duration, unsent: &str) -> String {
        let mut text = String::new();
        let seconds = elapsed.as_secs_f64();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "Events:      {}", self.done);
        let _ = writeln!(text, "Time:        {seconds:.2} s");
        let _ = writeln!(text, "Throughput:  {:.1} events/s", rate(self.sent, self.busy_for()));
        let answered = self.latency.len();
        if answered > 0 {
            let mean = self.total.as_secs_f64() * 1e3 / answered as f64;
            let at = |q| ms(Duration::from_micros(self.latency.value_at_quantile(q)));
            let max = ms(Duration::from_micros(self.latency.max()));
            let _ = writeln!(
                text,
                "Latency:     mean {mean:.2} ms, P50 {}, P95 {}, P99 {}, max {max}",
                at(0.5),
                at(0.95),
                at(0.99)
            );
        }
        let _ = writeln!(text, "Requests:    {}", self.requests);
        for (word, n) in &self.words {
            let share = 100.0 * *n as f64 / self.done as f64;
            let _ = writeln!(text, "  {:<12} {n} ({share:.1} %)", word.as_str());
        }
        if self.never_sent > 0 {
            let _ = writeln!(
                text,
                "Not sent for what they are: {} lines that are {unsent}; the server never saw them",
                self.never_sent
            );
        }
        if self.not_shown > 0 {
            let _ = writeln!(
                text,
                "Not compared: {} events that the server says are there and does not show; differs is not possible for them",
                self.not_shown
            );
        }
        let errors: Vec<String> = self
            .answers
            .iter()
            .map(|(status, n)| format!("{status} × {n}"))
            .chain(self.breaks.iter().map(|(kind, n)| format!("{kind} × {n}")))
            .collect();
        if !errors.is_empty() {
            let _ = writeln!(text, "Errors:      {}", errors.join(", "));
        }
        if self.closed_kept > 0 {
            let _ = writeln!(
                text,
                "Kept:        the server closes connections that it keeps, with requests on them: {} resets; \
                 --keepalive-time TIME, below its own limit, or --no-keepalive avoids that",
                self.closed_kept
            );
        }
        if self.over_rate > 0 {
            let _ = writeln!(text, "Rate limit:  {} refusals, each of one event", self.over_rate);
        }
        if held_back >= Duration::from_millis(50) {
            let _ = writeln!(text, "Held back:   {:.1} s by the server", held_back.as_secs_f64());
        }
        if !self.late.is_empty() {
            let _ = writeln!(
                text,
                "Late:        {} events, by up to {} (end_to_end_ms holds the wait)",
                self.late.values().sum::<u64>(),
                ms(self.latest)
            );
            for (why, n) in &self.late {
                let why = match why {
                    Late::Senders => "all senders were waiting for the server: --concurrency was reached",
                    Late::Input => "the input came too slowly",
                    Late::Itself => "psend itself was too slow",
                };
                let _ = writeln!(text, "  {n} because {why}");
            }
        }
        text.truncate(text.trim_end().len());
        text
    }
}

/// Events a second.
pub fn rate(events: u64, time: Duration) -> f64 {
    if time.is_zero() { 0.0 } else { events as f64 / time.as_secs_f64() }
}

/// A latency as people read it.
pub fn ms(latency: Duration) -> String {
    format!("{:.2} ms", latency.as_secs_f64() * 1e3)
}
