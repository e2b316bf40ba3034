//! Times of a member: how many fall into each hour of the week, the first and the last, and how dense seconds are.

use crate::clock::Micros;
use crate::seed::mix;
use crate::world::curve::{HOURS, hour_of_week};

use super::distinct::Distinct;

/// Seconds whose events are counted one by one.
const SECONDS: usize = 256;

/// Times in UTC.
#[derive(Debug, Clone)]
pub(in crate::plearn) struct Times {
    /// By hour of the week, Monday first.
    pub(in crate::plearn) hours: [u64; HOURS],
    pub(in crate::plearn) first: Micros,
    pub(in crate::plearn) last: Micros,
    /// Events in a sample of the seconds that have any.
    pub(in crate::plearn) seconds: Distinct,
}

impl Default for Times {
    fn default() -> Self {
        Self { hours: [0; HOURS], first: Micros::MAX, last: Micros::MIN, seconds: Distinct::new(SECONDS) }
    }
}

impl Times {
    #[inline]
    pub(in crate::plearn) fn add(&mut self, at: Micros, count: u64) {
        self.hours[hour_of_week(at)] += count;
        self.first = self.first.min(at);
        self.last = self.last.max(at);
        self.seconds.add(mix(at.div_euclid(1_000_000).cast_unsigned()), count);
    }

    /// Adds the hours of another part, and its first and last time.
    pub(in crate::plearn) fn absorb(&mut self, other: &Self) {
        self.hours.iter_mut().zip(other.hours).for_each(|(sum, count)| *sum += count);
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }
}
