//! Draws for the simulation: everything that happens in a run comes from its seed.

use std::time::Duration;

use rand::RngExt;

use crate::seed::{Generator, Seed};

/// One stream of draws.
pub(super) struct Dice(Generator);

impl Dice {
    /// The draws of one kind of choice.
    pub(super) fn new(seed: u64, choice: &str) -> Self {
        Self(Seed::new(seed).choice(choice).generator(0))
    }

    /// True with this probability in percent.
    pub(super) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// A number below this one.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0.random_range(0..end)
    }

    /// A number of this range.
    pub(super) fn between(&mut self, first: u64, last: u64) -> u64 {
        self.0.random_range(first..=last)
    }

    /// A duration of `first` to `last` milliseconds.
    pub(super) fn ms(&mut self, first: u64, last: u64) -> Duration {
        Duration::from_millis(self.between(first, last))
    }

    /// One of these.
    pub(super) fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).expect("it is below a length")]
    }
}
