//! One bit for each event of a block.

/// One bit for each event of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::pserve::store) struct Bits {
    words: Vec<u64>,
    len: usize,
}

impl Bits {
    /// So many bits, all set.
    pub(super) fn all(len: usize) -> Self {
        let mut words = vec![u64::MAX; len.div_ceil(64)];
        if let (Some(last), rest @ 1..) = (words.last_mut(), len % 64) {
            *last = (1 << rest) - 1;
        }
        Self { words, len }
    }

    /// How many bits there are, set or not.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// How many are set.
    pub(super) fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether none is set.
    pub(super) fn is_none(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// Leaves none set.
    pub(super) fn clear(&mut self) {
        self.words.fill(0);
    }

    /// Leaves those set of which `is_kept` is true for the value at the same place. There are as many values as bits.
    pub(super) fn keep<T>(&mut self, values: &[T], is_kept: impl Fn(&T) -> bool) {
        for (word, values) in self.words.iter_mut().zip(values.chunks(64)) {
            let kept = values.iter().enumerate().fold(0, |kept, (at, value)| kept | u64::from(is_kept(value)) << at);
            *word &= kept;
        }
    }

    /// Leaves those set of which `is_kept` is true.
    pub(super) fn keep_at(&mut self, is_kept: impl Fn(usize) -> bool) {
        for at in self.clone().set() {
            if !is_kept(at) {
                self.words[at / 64] &= !(1 << (at % 64));
            }
        }
    }

    /// Leaves those set that are not set in these bytes, which may be none.
    pub(super) fn remove(&mut self, gone: &[u8]) {
        for (at, byte) in gone.iter().enumerate() {
            if let Some(word) = self.words.get_mut(at / 8) {
                *word &= !(u64::from(*byte) << (at % 8 * 8));
            }
        }
    }

    /// Where bits are set.
    pub(super) fn set(&self) -> impl Iterator<Item = usize> {
        self.words.iter().enumerate().flat_map(|(at, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let next = left.trailing_zeros();
                left &= left.wrapping_sub(1);
                (next < 64).then_some(at * 64 + next as usize)
            })
        })
    }

    /// Sets a bit in these bytes, of which there are at first none.
    pub(in crate::pserve::store) fn mark(gone: &mut Vec<u8>, at: usize) {
        if gone.len() <= at / 8 {
            gone.resize(at / 8 + 1, 0);
        }
        gone[at / 8] |= 1 << (at % 8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_kept_and_removed_one_by_one() {
        let mut bits = Bits::all(130);
        assert_eq!((bits.count(), bits.len()), (130, 130));
        let values: Vec<usize> = (0..130).collect();
        bits.keep(&values, |value| value % 2 == 1);
        assert_eq!(bits.count(), 65);
        bits.keep_at(|at| at > 64);
        let mut gone = Vec::new();
        Bits::mark(&mut gone, 129);
        Bits::mark(&mut gone, 65);
        bits.remove(&gone);
        assert_eq!(bits.set().collect::<Vec<_>>(), (67..129).step_by(2).collect::<Vec<_>>());
        bits.clear();
        assert!(bits.is_none() && Bits::all(0).is_none() && Bits::all(64).count() == 64);
    }
}
