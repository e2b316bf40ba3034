//! The figures of a set of lines: the whole stream, a group or a window.

use serde::{Deserialize, Serialize};

use super::sketch::{Latency, LatencySketch, Sketch};

/// Lines per second, to three decimals, or six below one a second.
#[allow(clippy::cast_precision_loss)] // counts stay below 2^53
pub(in crate::pstats) fn per_second(count: u64, seconds: f64) -> f64 {
    let rate = count as f64 / seconds;
    let power = if rate < 1.0 { 1e6 } else { 1e3 };
    (rate * power).round() / power
}

/// The contribution of one line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Point {
    /// Whether it was a success; `None` if the line does not say.
    pub success: Option<bool>,
    /// How long it took.
    pub latency: Option<Latency>,
    /// Of an outcome of an open loop: how long it took from when it was due.
    pub end_to_end: Option<Latency>,
}

/// Count, failures and latency of some lines.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(bound(serialize = "S: Sketch", deserialize = "S: Sketch"))]
pub(super) struct Figures<S> {
    count: u64,
    failures: u64,
    unjudged: u64,
    latency: LatencySketch<S>,
    /// Of the outcomes of an open loop, in groups and windows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    end_to_end: Option<Box<LatencySketch<S>>>,
}

impl<S: Sketch> Figures<S> {
    /// Counts a line.
    #[inline(always)] // a call costs as much as the counting
    pub(super) fn add(&mut self, point: Point) {
        self.count += 1;
        match point.success {
            Some(success) => self.failures += u64::from(!success),
            None => self.unjudged += 1,
        }
        if let Some(sample) = point.latency {
            self.latency.add(sample);
        }
        if let Some(sample) = point.end_to_end {
            self.add_end_to_end(sample);
        }
    }

    #[inline(never)]
    fn add_end_to_end(&mut self, sample: Latency) {
        self.end_to_end.get_or_insert_default().add(sample);
    }

    /// Adds what another counted.
    pub(super) fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.failures += other.failures;
        self.unjudged += other.unjudged;
        self.latency.merge(&other.latency);
        if let Some(other) = &other.end_to_end {
            self.end_to_end.get_or_insert_default().merge(other);
        }
    }

    /// Checks that its parts are consistent.
    ///
    /// # Errors
    /// What is not consistent.
    pub(super) fn check(&self) -> Result<(), String> {
        match self.failures.checked_add(self.unjudged) {
            Some(n) if n <= self.count => {}
            _ => return Err(format!("{} failures of {} lines", self.failures, self.count)),
        }
        if self.latency.count() > self.count {
            return Err(format!("{} latencies of {} lines", self.latency.count(), self.count));
        }
        if self.end_to_end.as_ref().is_some_and(|end_to_end| end_to_end.count() > self.count) {
            return Err(format!("more latencies end to end than its {} lines", self.count));
        }
        self.end_to_end.as_ref().map_or(Ok(()), |end_to_end| end_to_end.check())?;
        self.latency.check()
    }

    /// The number of lines.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// How many of them say whether they were a success. Rates are shares of these.
    pub(super) fn judged(&self) -> u64 {
        self.count - self.unjudged
    }

    /// How many were not a success.
    pub(super) fn failures(&self) -> u64 {
        self.failures
    }

    /// Their latencies from when they were due. `None` outside an open loop, and for the whole stream.
    pub(super) fn end_to_end(&self) -> Option<&LatencySketch<S>> {
        self.end_to_end.as_deref()
    }

    /// Their latencies.
    pub(super) fn latency(&self) -> &LatencySketch<S> {
        &self.latency
    }
}
