//! A set of hashes in one flat table. Knows nothing of what was hashed.

/// What an empty slot holds; whether this hash itself is in the set stands beside the table.
///
/// Not zero: the pages of a zeroed table are first mapped when they are read and once more when they are written, and all
/// threads stop for the second: an eighth of the time of two.
const EMPTY: u64 = u64::MAX;
const FEWEST_SLOTS: usize = 32;
/// By how much the table grows. Doubling moves each hash once on the average, out of the cache, and touches half as many pages
/// again: 1.5 % of the time that a million events take.
const GROWTH: usize = 4;

/// Different hashes: 16 to 64 bytes each, a quarter as much again while the table grows.
#[derive(Debug, Clone)]
pub(super) struct Hashes {
    /// Open addressing by the lowest bits, never more than half full: when another table is poured in, in the order of its
    /// slots, some parts fill before others.
    slots: Vec<u64>,
    count: usize,
    has_empty: bool,
}

impl Default for Hashes {
    fn default() -> Self {
        Self { slots: vec![EMPTY; FEWEST_SLOTS], count: 0, has_empty: false }
    }
}

impl Hashes {
    /// Fetches the places of these hashes into the cache: misses overlap here that would wait for each other where each
    /// decides what is done next.
    pub(super) fn touch(&self, hashes: &[u64]) {
        let mask = self.slots.len() - 1;
        std::hint::black_box(hashes.iter().fold(0, |all, hash| all | self.slots[*hash as usize & mask]));
    }

    /// Puts a hash in; whether it is new.
    #[inline]
    pub(super) fn insert(&mut self, hash: u64) -> bool {
        if hash == EMPTY {
            return !std::mem::replace(&mut self.has_empty, true);
        }
        let slot = self.slot_of(hash);
        if self.slots[slot] == hash {
            return false;
        }
        self.slots[slot] = hash;
        self.count += 1;
        if self.count * 2 > self.slots.len() {
            self.grow();
        }
        true
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.count + usize::from(self.has_empty)
    }

    /// All of them, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = u64> {
        self.slots.iter().copied().filter(|hash| *hash != EMPTY).chain(self.has_empty.then_some(EMPTY))
    }

    /// The slot that holds a hash, or the empty one where it belongs.
    #[inline]
    fn slot_of(&self, hash: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        while self.slots[slot] != EMPTY && self.slots[slot] != hash {
            slot = (slot + 1) & mask;
        }
        slot
    }

    #[cold]
    fn grow(&mut self) {
        let larger = vec![EMPTY; self.slots.len() * GROWTH];
        for hash in std::mem::replace(&mut self.slots, larger) {
            if hash != EMPTY {
                let slot = self.slot_of(hash);
                self.slots[slot] = hash;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn each_hash_is_new_once(hashes in prop::collection::vec(prop_oneof![0u64..40, Just(u64::MAX), any::<u64>(), (0u64..40).prop_map(|n| n << 32)], 0..400)) {
            let (mut ours, mut theirs) = (Hashes::default(), BTreeSet::new());
            for hash in hashes {
                prop_assert_eq!(ours.insert(hash), theirs.insert(hash));
                prop_assert_eq!(ours.len(), theirs.len());
            }
            prop_assert_eq!(ours.iter().collect::<BTreeSet<u64>>(), theirs);
        }
    }
}
