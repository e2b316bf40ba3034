//! The error rate of the last seconds, for `--abort-on`. Pure: it is told the time.

use std::collections::VecDeque;
use std::time::Duration;

/// How many parts a window is counted in. It moves on by one of them at a time.
const PARTS: u128 = 20;

/// Outcomes of one part.
#[derive(Debug, Clone, Copy)]
struct Part {
    /// Its number since the start of the run.
    nth: u128,
    errors: u64,
    all: u64,
}

/// A window that moves on with the time.
#[derive(Debug)]
pub(super) struct ErrorRate {
    /// The length of a part, in nanoseconds.
    part: u128,
    over: Duration,
    /// When the first outcome came.
    first: Option<Duration>,
    parts: VecDeque<Part>,
}

impl ErrorRate {
    /// Over the last `over`.
    pub(super) fn over(over: Duration) -> Self {
        Self { part: (over.as_nanos() / PARTS).max(1), over, first: None, parts: VecDeque::new() }
    }

    /// An event got its outcome.
    pub(super) fn add(&mut self, now: Duration, is_error: bool) {
        self.first.get_or_insert(now);
        let nth = now.as_nanos() / self.part;
        if self.parts.back().is_none_or(|last| last.nth < nth) {
            self.parts.push_back(Part { nth, errors: 0, all: 0 });
            self.forget(nth);
        }
        let last = self.parts.back_mut().expect("one was put there");
        last.all += 1;
        last.errors += u64::from(is_error);
    }

    fn forget(&mut self, nth: u128) {
        while self.parts.front().is_some_and(|first| first.nth + PARTS <= nth) {
            self.parts.pop_front();
        }
    }

    /// The share of errors among the outcomes of the window that ends now. Returns `None` until outcomes have come for as long as the
    /// window, and if none came within it.
    pub(super) fn now(&mut self, now: Duration) -> Option<f64> {
        let first = self.first?;
        self.forget(now.as_nanos() / self.part);
        let (errors, all) = self.parts.iter().fold((0, 0), |(e, a), part| (e + part.errors, a + part.all));
        (now.saturating_sub(first) >= self.over && all > 0).then(|| errors as f64 / all as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn it_is_judged_once_outcomes_have_come_for_as_long_as_the_window() {
        let mut rate = ErrorRate::over(at(1000));
        assert_eq!(rate.now(at(5000)), None);
        rate.add(at(5000), true);
        rate.add(at(5500), false);
        assert_eq!(rate.now(at(5999)), None);
        rate.add(at(5990), true);
        assert_eq!(rate.now(at(6000)), Some(0.5), "the oldest part is over");
    }

    #[test]
    fn old_outcomes_do_not_count() {
        let mut rate = ErrorRate::over(at(1000));
        (0..100).for_each(|n| rate.add(at(n * 10), true));
        (100..200).for_each(|n| rate.add(at(n * 10), false));
        assert_eq!(rate.now(at(1990)), Some(0.0));
        assert_eq!(rate.now(at(9000)), None, "there is none in the window");
        assert!(rate.parts.len() <= 20);
    }
}
