//! A set of hashes in one flat table. Knows nothing of what was hashed.

/// The value of an empty slot. Whether the set has this hash is stored outside the table.
/// It is not zero: pages of a zeroed table would be mapped twice, once when read and once when written, and all threads stop
/// for the second. With two threads this took an eighth of the time.
const EMPTY: u64 = u64::MAX;
const FEWEST_SLOTS: usize = 32;
/// The factor by which the table grows. With a factor of two each hash would move once on average, and half as many more
/// pages would be touched: 1.5 % of the time for a million events.
const GROWTH: usize = 4;

/// Distinct hashes: 16 to 64 bytes each, and a quarter more while the table grows.
#[derive(Debug, Clone)]
pub(super) struct Hashes {
    /// Open addressing by the lowest bits. Never more than half full, because some parts fill earlier than others when
    /// another table is added in the order of its slots.
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
    /// Loads the slots of these hashes into the cache. The misses overlap here; in `insert` each would wait for the one
    /// before.
    pub(super) fn touch(&self, hashes: &[u64]) {
        let mask = self.slots.len() - 1;
        std::hint::black_box(hashes.iter().fold(0, |all, hash| all | self.slots[*hash as usize & mask]));
    }

    /// Adds a hash. Returns whether it is new.
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

    /// The number of hashes.
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
