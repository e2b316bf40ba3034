//! Rate limits. They only count: they are given the time, and wait for nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::cli::values::{Rate, Span};
use crate::clock::Micros;

/// How many events may come in each window of time. Windows begin at multiples of their length since 1970, so a window of a minute
/// begins at the full minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Allowance {
    /// Whose it is: two with one name share it.
    name: Arc<str>,
    limit: u64,
    window: Micros,
}

impl Allowance {
    /// The allowance of this rate.
    ///
    /// # Errors
    /// If its number of events is not whole.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // whole and above 0
    pub(super) fn new(name: &str, rate: Rate) -> Result<Self, String> {
        match rate.events() {
            events if events.fract() == 0.0 => {
                Ok(Self { name: name.into(), limit: events as u64, window: Span(rate.per()).micros().max(1) })
            }
            _ => Err(format!("rate {rate}: expected a whole number of events, such as 300/1m")),
        }
    }

    /// The same for another.
    pub(super) fn of(&self, name: &Arc<str>) -> Self {
        Self { name: Arc::clone(name), ..*self }
    }
}

/// What is used up of allowances.
#[derive(Debug, Default)]
pub(super) struct Limiter(Mutex<HashMap<Arc<str>, Used>>);

#[derive(Debug, Clone, Copy, Default)]
struct Used {
    window: Micros,
    events: u64,
}

/// What is left in the current window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    /// The number of events that a window allows.
    pub(super) limit: u64,
    /// How many of them are left.
    pub(super) remaining: u64,
    /// When the next window begins.
    pub(super) reset_at: Micros,
    /// The length of a window.
    pub(super) window: Micros,
}

impl Limiter {
    /// Takes up to `events` from the current window. Returns how many were granted, and what is left.
    pub(super) fn take(&self, from: &Allowance, events: u64, now: Micros) -> (u64, Standing) {
        let Allowance { name, limit, window } = from;
        let current = now.div_euclid(*window);
        let mut all = self.0.lock().expect("no holder of this lock can panic");
        let used = all.entry(Arc::clone(name)).or_default();
        // A clock that is set back must not grant a window twice.
        if current > used.window {
            *used = Used { window: current, events: 0 };
        }
        let granted = events.min(limit - used.events);
        used.events += granted;
        let reset_at = (used.window + 1) * window;
        (granted, Standing { limit: *limit, remaining: limit - used.events, reset_at, window: *window })
    }

    /// What is left.
    pub(super) fn standing(&self, of: &Allowance, now: Micros) -> Standing {
        self.take(of, 0, now).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_gives_its_limit_and_no_more_until_the_next() {
        let limiter = Limiter::default();
        let allowance = Allowance::new("", "3/1m".parse().expect("a rate")).expect("a whole number");
        let (a, b) = (allowance.of(&"a".into()), allowance.of(&"b".into()));
        let minute = 60_000_000 * 29_460_060;
        assert_eq!(limiter.take(&a, 2, minute + 1).0, 2);
        let (granted, standing) = limiter.take(&a, 2, minute + 59_999_999);
        assert_eq!((granted, standing.remaining, standing.reset_at), (1, 0, minute + 60_000_000));
        assert_eq!(limiter.take(&b, 1, minute).0, 1);
        assert_eq!(limiter.take(&a, 1, minute - 1).0, 0);
        assert_eq!(limiter.take(&a, 5, minute + 60_000_000).0, 3);
        assert_eq!(limiter.standing(&a, minute + 60_000_000).remaining, 0);
    }
}
