//! Counts of the values with the smallest hashes: exact for each of them, however many other values there are.
//!
//! A value that is among the `most` smallest hashes of all lines is among those of every part, so its count is exact, and parts add
//! up to the whole. The largest of them tells how many values there are (Bar-Yossef et al. 2002).

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A hasher for keys that are hashes already.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::plearn) struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

/// A map whose keys are hashes.
pub(in crate::plearn) type HashedMap<V> = HashMap<u64, V, BuildHasherDefault<AsIs>>;

/// The `most` smallest hashes with their counts.
#[derive(Debug, Clone)]
pub(in crate::plearn) struct Distinct {
    counts: HashedMap<u64>,
    most: usize,
    /// Hashes from here on are not counted.
    limit: u64,
    /// Whether there were more values.
    is_cut: bool,
}

impl Distinct {
    /// Keeps this many.
    pub(in crate::plearn) fn new(most: usize) -> Self {
        Self { counts: HashedMap::default(), most, limit: u64::MAX, is_cut: false }
    }

    /// Counts a value.
    #[inline]
    pub(in crate::plearn) fn add(&mut self, hash: u64, count: u64) {
        if hash >= self.limit {
            return;
        }
        *self.counts.entry(hash).or_insert(0) += count;
        if self.counts.len() > 2 * self.most {
            self.trim();
        }
    }

    #[cold]
    fn trim(&mut self) {
        if self.counts.len() <= self.most {
            return;
        }
        let mut hashes: Vec<u64> = self.counts.keys().copied().collect();
        let (_, limit, _) = hashes.select_nth_unstable(self.most);
        self.limit = *limit;
        self.is_cut = true;
        let limit = self.limit;
        self.counts.retain(|hash, _| *hash < limit);
    }

    /// The kept values in order, and whether there were more.
    pub(in crate::plearn) fn kept(&mut self) -> (Vec<(u64, u64)>, bool) {
        self.trim();
        let mut kept: Vec<(u64, u64)> = self.counts.iter().map(|(hash, count)| (*hash, *count)).collect();
        kept.sort_unstable();
        (kept, self.is_cut)
    }

    /// Adds the kept values of another part.
    pub(in crate::plearn) fn absorb(&mut self, kept: &[(u64, u64)], is_cut: bool) {
        if is_cut && let Some((last, _)) = kept.last() {
            // What lies behind the last was not counted there, so it must not be counted here.
            let limit = last.saturating_add(1);
            if limit < self.limit {
                self.limit = limit;
                self.counts.retain(|hash, _| *hash < limit);
            }
            self.is_cut = true;
        }
        for (hash, count) in kept {
            self.add(*hash, *count);
        }
    }

    /// The count of a value, if all values are counted.
    pub(in crate::plearn) fn exact(&self, hash: u64) -> Option<u64> {
        // More than are kept may not have been cut yet.
        let has_all = !self.is_cut && self.counts.len() <= self.most;
        has_all.then(|| self.counts.get(&hash).copied().unwrap_or(0))
    }

    /// About how many values there are; exact up to the number that is kept.
    pub(in crate::plearn) fn estimate(&mut self) -> f64 {
        let (kept, is_cut) = self.kept();
        #[allow(clippy::cast_precision_loss)] // at most a few thousand, and a hash whose low bits do not matter
        match kept.last() {
            Some((last, _)) if is_cut => (kept.len() as f64 - 1.0) / (*last as f64 / 18_446_744_073_709_551_616.0),
            _ => kept.len() as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::mix;
    use proptest::prelude::*;

    #[test]
    fn many_values_are_estimated_and_few_are_counted() {
        let mut few = Distinct::new(100);
        (0..1000u64).for_each(|n| few.add(mix(n % 100), 1));
        assert_eq!((few.estimate(), few.exact(mix(7))), (100.0, Some(10)));
        few.add(mix(1000), 1);
        assert_eq!(few.exact(mix(7)), None, "one more than is kept");
        let mut many = Distinct::new(512);
        (0..100_000u64).for_each(|n| many.add(mix(n), 1));
        let estimate = many.estimate();
        assert!((estimate / 100_000.0 - 1.0).abs() < 0.15, "{estimate}");
        assert_eq!(many.exact(mix(7)), None);
    }

    proptest! {
        #[test]
        fn parts_add_up_to_the_whole(values in prop::collection::vec(0u64..60, 0..300), cut in 0usize..300) {
            let count = |values: &[u64]| {
                let mut all = Distinct::new(20);
                values.iter().for_each(|n| all.add(mix(*n), 1));
                all
            };
            let cut = cut.min(values.len());
            let (kept, is_cut) = count(&values[cut..]).kept();
            let mut sum = count(&values[..cut]);
            sum.absorb(&kept, is_cut);
            prop_assert_eq!(sum.kept(), count(&values).kept());
        }
    }
}
