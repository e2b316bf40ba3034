//! The rate limit of each tenant. It only counts: it is given the time, and waits for nothing.

use std::collections::HashMap;
use std::sync::Mutex;

use super::store::Tenant;
use crate::clock::Micros;

/// A limit over fixed windows. They begin at multiples of their length since 1970, so a window of a minute begins at the full
/// minute.
#[derive(Debug)]
pub(super) struct Limiter {
    limit: u64,
    window: Micros,
    used: Mutex<HashMap<Tenant, Used>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Used {
    window: Micros,
    events: u64,
}

/// What a tenant has left in the current window.
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
    /// A limit of this many events in each window of this length.
    pub(super) fn new(limit: u64, window: Micros) -> Self {
        Self { limit, window: window.max(1), used: Mutex::default() }
    }

    /// Takes up to `events` from the current window. Returns how many were granted, and what is left.
    pub(super) fn take(&self, tenant: &Tenant, events: u64, now: Micros) -> (u64, Standing) {
        let current = now.div_euclid(self.window);
        let mut all = self.used.lock().expect("no holder of this lock can panic");
        let used = all.entry(tenant.clone()).or_default();
        // A clock that is set back must not grant a window twice.
        if current > used.window {
            *used = Used { window: current, events: 0 };
        }
        let granted = events.min(self.limit - used.events);
        used.events += granted;
        let reset_at = (used.window + 1) * self.window;
        (granted, Standing { limit: self.limit, remaining: self.limit - used.events, reset_at, window: self.window })
    }

    /// What the tenant has left.
    pub(super) fn standing(&self, tenant: &Tenant, now: Micros) -> Standing {
        self.take(tenant, 0, now).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_gives_its_limit_and_no_more_until_the_next() {
        let limiter = Limiter::new(3, 60_000_000);
        let (a, b): (Tenant, Tenant) = ("a".into(), "b".into());
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
