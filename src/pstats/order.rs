//! Whether timestamps are in order: how many go back, and the longest gap. Parts that are joined in order equal the whole.

use serde::{Deserialize, Serialize};

use crate::clock::Micros;

/// The order of a sequence of timestamps.
/// A timestamp is late if it is earlier than the one directly before it. For two joined sequences this follows from their
/// ends, which is not so for "earlier than any before". A gap is the step between two neighbours that are both not late.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Order {
    count: u64,
    late: u64,
    earliest: Micros,
    latest: Micros,
    first: Micros,
    last: Micros,
    last_is_late: bool,
    /// The step after the first timestamp. It is separate from `longest_gap`, because the first may turn out to be late when
    /// sequences are joined.
    first_gap: Option<Micros>,
    longest_gap: Option<Micros>,
    longest_step_back: Micros,
}

impl Order {
    /// Adds the next timestamp.
    #[inline]
    pub(super) fn add(&mut self, at: Micros) {
        if self.count == 0 {
            *self = Self { count: 1, earliest: at, latest: at, first: at, last: at, ..Self::default() };
            return;
        }
        let step = at.saturating_sub(self.last);
        let late = step < 0;
        if late {
            self.late += 1;
            self.longest_step_back = self.longest_step_back.max(step.saturating_neg());
        } else if self.count == 1 {
            self.first_gap = Some(step);
        } else if !self.last_is_late {
            self.longest_gap = self.longest_gap.max(Some(step));
        }
        self.earliest = self.earliest.min(at);
        self.latest = self.latest.max(at);
        self.last = at;
        self.last_is_late = late;
        self.count += 1;
    }

    /// Adds another sequence that follows this one.
    pub(super) fn append(&mut self, next: &Self) {
        if next.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = *next;
            return;
        }
        self.add(next.first);
        let first_is_late = self.last_is_late;
        if !first_is_late {
            self.longest_gap = self.longest_gap.max(next.first_gap);
        }
        self.longest_gap = self.longest_gap.max(next.longest_gap);
        self.longest_step_back = self.longest_step_back.max(next.longest_step_back);
        self.late += next.late;
        self.count += next.count - 1;
        self.earliest = self.earliest.min(next.earliest);
        self.latest = self.latest.max(next.latest);
        self.last = next.last;
        self.last_is_late = if next.count == 1 { first_is_late } else { next.last_is_late };
    }

    /// Checks that its parts are consistent.
    ///
    /// # Errors
    /// What is not consistent.
    pub(super) fn check(&self) -> Result<(), String> {
        let within = |at: Micros| (self.earliest..=self.latest).contains(&at);
        if !within(self.first) || !within(self.last) || self.late > self.count.saturating_sub(1) {
            return Err("times that contradict their order".to_owned());
        }
        Ok(())
    }

    /// The number of timestamps.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// How many were earlier than the one directly before.
    pub(super) fn late(&self) -> u64 {
        self.late
    }

    /// The earliest and the latest.
    pub(super) fn range(&self) -> Option<(Micros, Micros)> {
        (self.count > 0).then_some((self.earliest, self.latest))
    }

    /// The longest step forward between two neighbours that are not late, in µs.
    pub(super) fn longest_gap(&self) -> Option<Micros> {
        self.longest_gap.max(self.first_gap)
    }

    /// The longest step back between two neighbours, in µs.
    pub(super) fn longest_step_back(&self) -> Micros {
        self.longest_step_back
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(times: &[Micros]) -> Order {
        let mut order = Order::default();
        times.iter().for_each(|at| order.add(*at));
        order
    }

    #[test]
    fn a_late_event_is_no_gap() {
        let order = of(&[10, 20, 3, 25, 31]);
        assert_eq!((order.late(), order.longest_gap(), order.longest_step_back()), (1, Some(10), 17));
        assert_eq!(order.range(), Some((3, 31)));
    }

    proptest! {
        #[test]
        fn runs_joined_in_order_equal_the_whole(times in prop::collection::vec(-9i64..9, 0..40), cuts in prop::collection::vec(0usize..40, 0..6)) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(times.len())).collect();
            cuts.sort_unstable();
            cuts.push(times.len());
            let (mut joined, mut from) = (Order::default(), 0);
            for cut in cuts {
                joined.append(&of(&times[from..cut]));
                from = cut;
            }
            prop_assert_eq!(joined, of(&times));
        }
    }
}
