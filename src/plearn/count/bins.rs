//! A histogram of numbers in bins of fixed bounds: 128 for each doubling, so that whole numbers below 256 have a bin each.
//!
//! A bin is named by the first bits of the number as IEEE 754 writes it. If there are too many bins, neighbours are joined, as often
//! as needed. How often depends on the numbers alone, not on their order, so parts add up to the whole.

use std::collections::BTreeMap;

use super::distinct::HashedMap;

/// The most bins.
const MOST: usize = 1024;

/// The bits of a number that are not part of its bin's name.
const SHIFT: u32 = 45;

const SIGN: u64 = 1 << (63 - SHIFT);

/// How often each bin was hit.
#[derive(Debug, Clone, Default)]
pub(in crate::plearn) struct Bins {
    counts: HashedMap<u64>,
    /// How many bits of a bin's name were left out to join neighbours.
    joined: u32,
}

impl Bins {
    /// Counts a number.
    #[inline]
    pub(in crate::plearn) fn add(&mut self, number: f64, count: u64) {
        // Adding 0 turns -0 into 0.
        self.add_bin((number + 0.0).to_bits() >> SHIFT >> self.joined, count);
    }

    #[inline]
    fn add_bin(&mut self, bin: u64, count: u64) {
        // The names of neighbours differ in their lowest bits, by which maps would find them slowly.
        *self.counts.entry(spread(bin)).or_insert(0) += count;
        if self.counts.len() > MOST {
            self.join(self.joined + 1);
        }
    }

    #[cold]
    fn join(&mut self, joined: u32) {
        let by = joined - self.joined;
        self.joined = joined;
        for (bin, count) in std::mem::take(&mut self.counts) {
            *self.counts.entry(spread(gather(bin) >> by)).or_insert(0) += count;
        }
        if self.counts.len() > MOST {
            self.join(joined + 1);
        }
    }

    /// The bins in the order of their names, and how often neighbours were joined.
    pub(in crate::plearn) fn kept(&self) -> (Vec<(u64, u64)>, u32) {
        let mut kept: Vec<(u64, u64)> = self.counts.iter().map(|(bin, count)| (gather(*bin), *count)).collect();
        kept.sort_unstable();
        (kept, self.joined)
    }

    /// Adds the bins of another part.
    pub(in crate::plearn) fn absorb(&mut self, kept: &[(u64, u64)], joined: u32) {
        if joined > self.joined {
            self.join(joined);
        }
        for (bin, count) in kept {
            // A bin that is added may join all bins once more.
            let by = self.joined - joined;
            self.add_bin(bin >> by, *count);
        }
    }

    /// The bounds of the bins, the second excluded, with their counts, in ascending order of the numbers.
    pub(in crate::plearn) fn bounds(&self) -> Vec<(f64, f64, u64)> {
        let mut ordered = BTreeMap::new();
        for (bin, count) in self.kept().0 {
            let (edge, next) = (bin << self.joined << SHIFT, (bin + 1) << self.joined << SHIFT);
            let is_negative = bin << self.joined & SIGN != 0;
            let (near, far) = (f64::from_bits(edge), f64::from_bits(next));
            let (low, high) = if is_negative { (far, near) } else { (near, far) };
            ordered.insert((low.total_cmp(&0.0), if is_negative { u64::MAX - bin } else { bin }), (low, high, count));
        }
        ordered.into_values().collect()
    }
}

/// An odd number, and its inverse in 64 bits: multiplying by one undoes the other.
const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
const INVERSE: u64 = 0xf1de_83e1_9937_733d;

fn spread(bin: u64) -> u64 {
    bin.wrapping_mul(ODD)
}

fn gather(hash: u64) -> u64 {
    hash.wrapping_mul(INVERSE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spreading_is_undone() {
        for bin in [0, 1, 77, 1 << 18, u64::MAX] {
            assert_eq!(gather(spread(bin)), bin);
        }
    }

    #[test]
    fn bins_hold_their_numbers_in_order() {
        let mut bins = Bins::default();
        for number in [-3.5, -0.001, -0.0, 0.0, 1.0, 200.0, 201.0, 1e6] {
            bins.add(number, 1);
        }
        let bounds = bins.bounds();
        assert_eq!(bounds.iter().map(|(.., count)| count).collect::<Vec<_>>(), [&1, &1, &2, &1, &1, &1, &1]);
        assert!(bounds.windows(2).all(|pair| pair[0].0 < pair[1].0), "{bounds:?}");
        assert!(bounds[0].0 <= -3.5 && bounds[4] == (200.0, 201.0, 1), "{bounds:?}");
    }

    proptest! {
        #[test]
        fn parts_add_up_to_the_whole(numbers in prop::collection::vec(any::<f64>().prop_filter("finite", |n| n.is_finite()), 0..6000), cut in 0usize..6000) {
            let count = |numbers: &[f64]| {
                let mut all = Bins::default();
                numbers.iter().for_each(|n| all.add(*n, 1));
                all
            };
            let cut = cut.min(numbers.len());
            let (kept, joined) = count(&numbers[cut..]).kept();
            let mut sum = count(&numbers[..cut]);
            sum.absorb(&kept, joined);
            prop_assert_eq!(sum.kept(), count(&numbers).kept());
        }
    }
}
