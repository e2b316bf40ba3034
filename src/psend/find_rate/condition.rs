//! What a server has to meet at a rate. Every condition is on a share of events: `end_to_end.p99 < 50ms` is met if less than 1% of
//! them take 50 ms or longer.

use std::fmt;
use std::time::Duration;

/// What a condition looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::psend) enum Figure {
    /// The time from when an event was due until it ended.
    EndToEnd,
    /// The time of the last attempt.
    Latency,
    /// Whether it was neither accepted nor a duplicate.
    Errors,
    /// Whether it was sent late because the server held it back, or because all senders waited for the server.
    Late,
}

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::psend) struct Condition {
    /// As it was written.
    pub(in crate::psend) text: String,
    pub(in crate::psend) figure: Figure,
    /// From this time on an event is bad. Only for latencies.
    pub(in crate::psend) bound: Duration,
    /// The share of bad events that the server stays below, above 0 and below 1.
    pub(in crate::psend) share: f64,
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// How an event ended.
#[derive(Debug, Clone, Copy)]
pub(in crate::psend) struct Ended {
    /// From when it was due until it ended. `None` if it was not sent.
    pub(in crate::psend) end_to_end: Option<Duration>,
    /// The last attempt. `None` without an answer.
    pub(in crate::psend) latency: Option<Duration>,
    pub(in crate::psend) is_error: bool,
}

impl Condition {
    /// Whether an event counts as bad. Returns `None` if it does not count.
    pub(super) fn judges(&self, event: &Ended) -> Option<bool> {
        match self.figure {
            Figure::EndToEnd => event.end_to_end.map(|time| time >= self.bound),
            Figure::Latency => event.latency.map(|time| time >= self.bound),
            Figure::Errors => Some(event.is_error),
            Figure::Late => None,
        }
    }

    /// The number of bad events of a step with so many events at which no other figure matters any more: ten times what is allowed.
    pub(super) fn gross(&self, events: f64) -> u64 {
        let share = (10.0 * self.share).min(f64::midpoint(1.0, self.share));
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // positive, and as large as a count
        let bad = (share * events).ceil() as u64;
        bad.max(1)
    }
}
