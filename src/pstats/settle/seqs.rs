//! A set of line numbers. It takes few bytes if it has most numbers up to the largest.

use std::collections::BTreeMap;

/// The numbers in a block, one bit each.
const BLOCK: u64 = 4096;
const WORDS: usize = (BLOCK / 64) as usize;
/// The most blocks that are neither empty nor full: 16 MiB. Lines that end in any order up to a hundred million have fewer.
const MOST_BLOCKS: usize = 1 << 15;

#[derive(Debug, Clone)]
struct Bits {
    words: Box<[u64; WORDS]>,
    count: u64,
}

impl Default for Bits {
    fn default() -> Self {
        Self { words: Box::new([0; WORDS]), count: 0 }
    }
}

/// Line numbers.
#[derive(Debug, Clone, Default)]
pub(super) struct Seqs {
    /// The block of the last number, which is usually also that of the next.
    last: Option<(u64, Bits)>,
    /// The other blocks; `None` for a full one.
    blocks: BTreeMap<u64, Option<Bits>>,
    partial: usize,
    forgotten: u64,
}

impl Seqs {
    /// Adds a number. Returns whether it is new.
    #[inline]
    pub(super) fn insert(&mut self, seq: u64) -> bool {
        if self.last.as_ref().is_none_or(|(block, _)| *block != seq / BLOCK) && !self.turn_to(seq / BLOCK) {
            return false;
        }
        let Some((_, bits)) = &mut self.last else {
            self.forgotten += 1;
            return true;
        };
        let word = &mut bits.words[(seq % BLOCK / 64) as usize];
        let bit = 1 << (seq % 64);
        let is_new = *word & bit == 0;
        *word |= bit;
        bits.count += u64::from(is_new);
        is_new
    }

    /// Makes this block the last one. Returns `false` if it is full.
    #[cold]
    fn turn_to(&mut self, block: u64) -> bool {
        if let Some((before, bits)) = self.last.take() {
            let is_full = bits.count == BLOCK;
            self.partial += usize::from(!is_full);
            self.blocks.insert(before, (!is_full).then_some(bits));
        }
        match self.blocks.get_mut(&block) {
            Some(None) => return false,
            Some(Some(bits)) => {
                self.last = Some((block, std::mem::take(bits)));
                self.blocks.remove(&block);
                self.partial -= 1;
            }
            None if self.partial < MOST_BLOCKS => self.last = Some((block, Bits::default())),
            None => {}
        }
        true
    }

    pub(super) fn contains(&self, seq: u64) -> bool {
        let bit = |bits: &Bits| bits.words[(seq % BLOCK / 64) as usize] & 1 << (seq % 64) != 0;
        match &self.last {
            Some((block, bits)) if *block == seq / BLOCK => bit(bits),
            _ => self.blocks.get(&(seq / BLOCK)).is_some_and(|block| block.as_ref().is_none_or(bit)),
        }
    }

    /// How many numbers were not kept because there was no room.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// How many numbers both sets have.
    pub(super) fn shared(&self, other: &Self) -> u64 {
        let both = |index: u64, ours: Option<&Bits>| -> u64 {
            let theirs = match &other.last {
                Some((last, bits)) if *last == index => Some(Some(bits)),
                _ => other.blocks.get(&index).map(Option::as_ref),
            };
            match (ours, theirs) {
                (_, None) => 0,
                (None, Some(None)) => BLOCK,
                (Some(bits), Some(None)) | (None, Some(Some(bits))) => bits.count,
                (Some(a), Some(Some(b))) => {
                    a.words.iter().zip(b.words.iter()).map(|(a, b)| u64::from((a & b).count_ones())).sum()
                }
            }
        };
        let last = self.last.as_ref().map_or(0, |(index, bits)| both(*index, Some(bits)));
        last + self.blocks.iter().map(|(index, bits)| both(*index, bits.as_ref())).sum::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn what_lies_too_far_apart_is_not_kept_and_counted() {
        let mut seqs = Seqs::default();
        (0..=MOST_BLOCKS as u64 + 2).for_each(|n| assert!(seqs.insert(n * BLOCK)));
        assert_eq!(
            (seqs.forgotten(), seqs.contains(0), seqs.contains((MOST_BLOCKS as u64 + 2) * BLOCK)),
            (3, true, false)
        );
    }

    proptest! {
        #[test]
        fn it_is_a_set(numbers in prop::collection::vec(prop_oneof![0u64..9000, 4000u64..4200], 0..6000), others in prop::collection::vec(0u64..9000, 0..500), all in any::<bool>()) {
            let (mut ours, mut theirs) = (Seqs::default(), BTreeSet::new());
            for n in numbers.into_iter().chain((0..if all { 9000 } else { 0 }).map(|n| n * 7 % 9000)) {
                prop_assert_eq!(ours.insert(n), theirs.insert(n));
            }
            prop_assert!((0..9100).all(|n| ours.contains(n) == theirs.contains(&n)));
            let (mut other, mut known) = (Seqs::default(), BTreeSet::new());
            for n in others {
                other.insert(n);
                known.insert(n);
            }
            prop_assert_eq!(ours.shared(&other), theirs.intersection(&known).count() as u64);
            prop_assert_eq!(other.shared(&ours), theirs.intersection(&known).count() as u64);
        }
    }
}
