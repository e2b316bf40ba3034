//! Whether and when another attempt follows: (attempt, answer) → retry or stop, and how long to wait. No clock, no
//! network and no sleep in here.

use std::time::Duration;

use super::meaning::Meaning;
use crate::clock::Micros;

/// When an event is sent again, and after which wait.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// How many attempts may follow the first.
    pub retries: u32,
    /// The longest wait before the first retry; it doubles with each.
    pub base: Duration,
    /// The longest wait before any retry.
    pub cap: Duration,
    /// The longest `Retry-After` that is obeyed.
    pub retry_after_max: Duration,
}

impl Policy {
    /// Whether an event that met this answer after so many retries is sent again.
    ///
    /// An event that the server cannot recognise is never sent again once an attempt may have been taken: it would be
    /// stored twice (contracts §3).
    pub fn again(&self, retries: u32, answer: Meaning, recognisable: bool, uncertain: bool) -> bool {
        answer.retryable() && retries < self.retries && (recognisable || !uncertain)
    }

    /// The wait before the `nth` retry, from 1: uniform between nothing and a limit that doubles, the
    /// "full jitter" of Brooker, "Exponential Backoff And Jitter" (2015). `draw` is 64 random bits.
    pub fn backoff(&self, nth: u32, draw: u64) -> Duration {
        let limit = self.base.saturating_mul(1u32.checked_shl(nth.saturating_sub(1)).unwrap_or(u32::MAX));
        let nanos = u128::from(u64::try_from(limit.min(self.cap).as_nanos()).unwrap_or(u64::MAX));
        Duration::from_nanos(u64::try_from((nanos * u128::from(draw)) >> 64).unwrap_or(u64::MAX))
    }

    /// What a `Retry-After` header asks for (RFC 9110, 10.2.3): seconds or an HTTP date, at most
    /// [`Policy::retry_after_max`]. Anything else is ignored.
    pub fn retry_after(&self, value: &[u8], now: Micros) -> Option<Duration> {
        let text = std::str::from_utf8(value).ok()?.trim();
        let wait = if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            // More digits than fit are a very long time, which the limit cuts.
            Duration::from_secs(text.parse().unwrap_or(u64::MAX))
        } else {
            let at = httpdate::parse_http_date(text).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
            at.saturating_sub(Duration::from_micros(u64::try_from(now).unwrap_or(0)))
        };
        Some(wait.min(self.retry_after_max))
    }
}

/// How many retries there may be for the requests made (`--retry-budget`), so that a server in trouble does not get a
/// storm on top. Retries past the budget wait; none is dropped.
#[derive(Debug)]
pub struct Budget {
    share: f64,
    tokens: f64,
    seen: Duration,
}

impl Budget {
    /// Retries a second that are always allowed.
    const PER_SECOND: f64 = 10.0;
    /// How many retries can be saved up.
    const SAVED: f64 = 1000.0;

    /// Retries may be this share of requests, and ten a second beside.
    pub fn new(share: f64) -> Self {
        Self { share, tokens: Self::PER_SECOND, seen: Duration::ZERO }
    }

    /// A first attempt was made.
    pub fn earn(&mut self) {
        self.tokens = (self.tokens + self.share).min(Self::SAVED);
    }

    /// Takes a retry from the budget at this time since the start, and says how long it has to wait.
    pub fn spend(&mut self, elapsed: Duration) -> Duration {
        let passed = elapsed.saturating_sub(self.seen).as_secs_f64();
        self.seen = self.seen.max(elapsed);
        self.tokens = (self.tokens + passed * Self::PER_SECOND).min(Self::SAVED) - 1.0;
        if self.tokens >= 0.0 { Duration::ZERO } else { Duration::from_secs_f64(-self.tokens / Self::PER_SECOND) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const POLICY: Policy = Policy {
        retries: 2,
        base: Duration::from_millis(100),
        cap: Duration::from_secs(30),
        retry_after_max: Duration::from_secs(120),
    };

    #[test]
    fn an_answer_that_may_change_is_asked_again_as_often_as_allowed() {
        assert!(POLICY.again(0, Meaning::Retry, true, false));
        assert!(POLICY.again(1, Meaning::RateLimited, true, false));
        assert!(!POLICY.again(2, Meaning::Retry, true, false));
        assert!(!POLICY.again(0, Meaning::Rejected, true, false));
        assert!(!POLICY.again(0, Meaning::Failed, true, false));
    }

    #[test]
    fn an_event_without_an_id_is_not_sent_again_once_it_may_have_been_taken() {
        assert!(!POLICY.again(0, Meaning::NoAnswer, false, true));
        assert!(!POLICY.again(1, Meaning::Retry, false, true));
        assert!(POLICY.again(0, Meaning::Retry, false, false));
        assert!(POLICY.again(0, Meaning::NoAnswer, true, true));
    }

    #[test]
    fn retry_after_is_read_in_both_forms_and_garbage_is_ignored() {
        let now = crate::record::timestamp::parse(b"2026-01-05T09:00:00Z").expect("a timestamp");
        let read = |text: &str| POLICY.retry_after(text.as_bytes(), now).map(|wait| wait.as_secs());
        assert_eq!(read("7"), Some(7));
        assert_eq!(read(" 0 "), Some(0));
        assert_eq!(read("Mon, 05 Jan 2026 09:00:30 GMT"), Some(30));
        assert_eq!(read("Mon, 05 Jan 2026 08:00:00 GMT"), Some(0), "a date in the past asks for no wait");
        assert_eq!(read("86400"), Some(120), "the wait is cut");
        assert_eq!(read("99999999999999999999999"), Some(120));
        for garbage in ["", "soon", "-1", "1.5", "5 s", "Mon, 99 Jan 2026 09:00:30 GMT", "\u{fc}"] {
            assert_eq!(read(garbage), None, "{garbage}");
        }
    }

    #[test]
    fn retries_past_the_budget_wait_longer_and_longer() {
        let mut budget = Budget::new(0.2);
        for _ in 0..50 {
            budget.earn();
        }
        // Ten to start with, and a fifth of fifty requests.
        for _ in 0..20 {
            assert_eq!(budget.spend(Duration::ZERO), Duration::ZERO);
        }
        assert_eq!(budget.spend(Duration::ZERO).as_millis(), 100);
        assert_eq!(budget.spend(Duration::ZERO).as_millis(), 200);
        assert_eq!(budget.spend(Duration::from_secs(1)), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn a_backoff_lies_below_its_doubling_limit(attempts in 1u32..100, draw: u64) {
            let limit = POLICY.base.saturating_mul(1 << (attempts - 1).min(20)).min(POLICY.cap);
            prop_assert!(POLICY.backoff(attempts, draw) <= limit);
        }
    }
}
