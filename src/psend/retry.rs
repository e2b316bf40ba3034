//! Whether and when another attempt follows: (attempt, answer) → retry or stop, and how long to wait. Pure: no clock, no network,
//! no sleep.

use std::time::Duration;

use super::meaning::Meaning;
use crate::clock::Micros;

/// When an event is sent again, and how long after.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policy {
    /// The most attempts that may follow the first.
    pub retries: u32,
    /// The longest wait before the first retry; it doubles with each.
    pub base: Duration,
    /// The longest wait before any retry.
    pub cap: Duration,
    /// The longest `Retry-After` that is obeyed.
    pub retry_after_max: Duration,
}

impl Policy {
    /// Whether an event with this answer is sent again after so many retries. An attempt that is not `charged` costs no retry, so
    /// it follows however many there were, unless retries are turned off.
    ///
    /// An event that the server cannot recognise is never sent again once an attempt may have been taken: it could be stored
    /// twice (contracts §3).
    pub(super) fn again(
        &self,
        retries: u32,
        answer: Meaning,
        charged: bool,
        recognisable: bool,
        uncertain: bool,
    ) -> bool {
        let is_left = if charged { retries < self.retries } else { self.retries > 0 };
        answer.retryable() && is_left && (recognisable || !uncertain)
    }

    /// The wait before the `nth` retry, from 1: uniform between 0 and a limit that doubles, the "full jitter" of Brooker,
    /// "Exponential Backoff And Jitter" (2015). `draw` is 64 random bits.
    pub(super) fn backoff(&self, nth: u32, draw: u64) -> Duration {
        let limit = self.base.saturating_mul(1u32.checked_shl(nth.saturating_sub(1)).unwrap_or(u32::MAX));
        let nanos = u128::from(u64::try_from(limit.min(self.cap).as_nanos()).unwrap_or(u64::MAX));
        Duration::from_nanos(u64::try_from((nanos * u128::from(draw)) >> 64).unwrap_or(u64::MAX))
    }

    /// How long a `Retry-After` header asks us to wait (RFC 9110, 10.2.3): seconds, which some servers write with a
    /// fraction, or an HTTP date. A date counts from the answer's own `Date`, because the server's clock may be wrong, and
    /// from `now` without one.
    pub(super) fn retry_after(&self, value: &[u8], date: Option<&[u8]>, now: Micros) -> RetryAfter {
        let Some(text) = std::str::from_utf8(value).ok().map(str::trim) else { return RetryAfter::Unreadable };
        let wait = match seconds(text) {
            Some(wait) => wait,
            None => {
                let Some(at) = since_epoch(text) else { return RetryAfter::Unreadable };
                let from = date.and_then(|date| std::str::from_utf8(date).ok()).and_then(since_epoch);
                at.saturating_sub(from.unwrap_or(Duration::from_micros(u64::try_from(now).unwrap_or(0))))
            }
        };
        if wait > self.retry_after_max { RetryAfter::TooLong } else { RetryAfter::Wait(wait) }
    }
}

/// What a `Retry-After` header asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RetryAfter {
    /// Wait this long.
    Wait(Duration),
    /// More than [`Policy::retry_after_max`]: wait that long instead.
    TooLong,
    /// Neither a number of seconds nor a date.
    Unreadable,
}

/// A number of seconds, with or without a fraction. One that is too large is [`Duration::MAX`].
fn seconds(text: &str) -> Option<Duration> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && text.starts_with(|c: char| c.is_ascii_digit());
    let seconds = text.parse::<f64>().ok().filter(|_| is_number)?;
    Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

/// An HTTP date, as time since 1970.
fn since_epoch(text: &str) -> Option<Duration> {
    httpdate::parse_http_date(text.trim()).ok()?.duration_since(std::time::UNIX_EPOCH).ok()
}

/// How many retries there may be for the requests made (`--retry-budget`), so that a server in trouble does not get a
/// storm on top. Retries past the budget wait; none is dropped.
#[derive(Debug)]
pub(super) struct Budget {
    share: f64,
    tokens: f64,
    seen: Duration,
}

impl Budget {
    /// Retries a second that are always allowed.
    const PER_SECOND: f64 = 10.0;
    /// How many retries can be saved up.
    const SAVED: f64 = 1000.0;

    /// Retries may be this share of requests, plus ten per second.
    pub(super) fn new(share: f64) -> Self {
        Self { share, tokens: Self::PER_SECOND, seen: Duration::ZERO }
    }

    /// A first attempt was made.
    pub(super) fn earn(&mut self) {
        self.tokens = (self.tokens + self.share).min(Self::SAVED);
    }

    /// Takes a retry from the budget at this time since the start. Returns how long it has to wait.
    pub(super) fn spend(&mut self, elapsed: Duration) -> Duration {
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
        assert!(POLICY.again(0, Meaning::Retry, true, true, false));
        assert!(POLICY.again(1, Meaning::RateLimited, true, true, false));
        assert!(!POLICY.again(2, Meaning::Retry, true, true, false));
        assert!(!POLICY.again(0, Meaning::Rejected, true, true, false));
        assert!(!POLICY.again(0, Meaning::Failed, true, true, false));
        assert!(POLICY.again(2, Meaning::RateLimited, false, true, false), "a wait for the next window costs none");
        assert!(!Policy { retries: 0, ..POLICY }.again(0, Meaning::RateLimited, false, true, false));
    }

    #[test]
    fn an_event_without_an_id_is_not_sent_again_once_it_may_have_been_taken() {
        assert!(!POLICY.again(0, Meaning::NoAnswer, true, false, true));
        assert!(!POLICY.again(1, Meaning::Retry, true, false, true));
        assert!(POLICY.again(0, Meaning::Retry, true, false, false));
        assert!(POLICY.again(0, Meaning::NoAnswer, true, true, true));
    }

    fn retry_after(text: &str, date: Option<&str>) -> RetryAfter {
        let now = crate::time::parse(b"2026-01-05T09:00:00Z").expect("a timestamp");
        POLICY.retry_after(text.as_bytes(), date.map(str::as_bytes), now)
    }

    #[test]
    fn retry_after_is_read_as_seconds_with_or_without_a_fraction_and_as_a_date() {
        for (text, millis) in [
            ("7", 7000),
            (" 0 ", 0),
            ("1.5", 1500),
            ("0.25", 250),
            ("2.", 2000),
            ("120", 120_000), // the longest that is obeyed
            ("Mon, 05 Jan 2026 09:00:30 GMT", 30_000),
            // A date in the past asks for no wait.
            ("Mon, 05 Jan 2026 08:00:00 GMT", 0),
        ] {
            assert_eq!(retry_after(text, None), RetryAfter::Wait(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn a_retry_after_that_is_too_long_or_nonsense_is_told_apart() {
        for text in ["86400", "31536000.5", "99999999999999999999999", "Tue, 05 Jan 2027 09:00:00 GMT"] {
            assert_eq!(retry_after(text, None), RetryAfter::TooLong, "{text}");
        }
        let long = "9".repeat(1000);
        assert_eq!(retry_after(&long, None), RetryAfter::TooLong);
        for text in [
            "",
            ".",
            "soon",
            "-1",
            "+1",
            "1e3",
            "0x10",
            "1.5.2",
            "5 s",
            "1,5",
            "inf",
            "NaN",
            "Mon, 99 Jan 2026 09:00:30 GMT",
            "\u{fc}",
        ] {
            assert_eq!(retry_after(text, None), RetryAfter::Unreadable, "{text}");
        }
    }

    #[test]
    fn a_date_counts_from_the_servers_own_clock_where_the_answer_tells_it() {
        let seven_years_late = Some("Sat, 05 Jan 2019 09:00:00 GMT");
        let later = "Sat, 05 Jan 2019 09:00:02 GMT";
        assert_eq!(retry_after(later, seven_years_late), RetryAfter::Wait(Duration::from_secs(2)));
        assert_eq!(
            retry_after("Tue, 01 Jan 2030 00:00:05 GMT", Some("Tue, 01 Jan 2030 00:00:00 GMT")),
            RetryAfter::Wait(Duration::from_secs(5))
        );
        assert_eq!(
            retry_after("Mon, 05 Jan 2026 09:00:30 GMT", Some("yesterday")),
            RetryAfter::Wait(Duration::from_secs(30))
        );
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
