//! Counts distinct event_ids: exactly up to a cap. Beyond it, only that there are more is known.
//! An id is stored as 64 bits of XXH3, in 16 to 64 bytes of the set. "Exact" assumes that no two ids have the same hash; with
//! a million ids the probability of a collision is below 3 in 100 million. Beyond the cap the hashes are dropped, and nothing
//! is estimated: an estimate must not be judged, and a few duplicates among millions would be lost in its error.

mod hashes;

use xxhash_rust::xxh3::xxh3_64;

use hashes::Hashes;

/// Hashes are added in batches of this size, so that cache misses overlap.
const BATCH: usize = 64;

/// The hash of an id.
#[inline]
pub(super) fn hash_of(id: &[u8]) -> u64 {
    xxh3_64(id)
}

#[derive(Debug, Clone)]
enum Seen {
    All(Hashes),
    /// There are too many. A lower bound.
    TooMany(u64),
}

/// Counts ids and distinct ids.
#[derive(Debug, Clone)]
pub(super) struct Distinct {
    cap: usize,
    total: u64,
    waiting: Vec<u64>,
    seen: Seen,
}

impl Distinct {
    /// Nothing yet. Exact up to `cap` distinct ids.
    pub(super) fn new(cap: usize) -> Self {
        Self { cap, total: 0, waiting: Vec::with_capacity(BATCH), seen: Seen::All(Hashes::default()) }
    }

    /// Counts an id, given as [`hash_of`] it.
    #[inline]
    pub(super) fn add(&mut self, hash: u64) {
        self.total += 1;
        self.waiting.push(hash);
        if self.waiting.len() == BATCH {
            self.settle();
        }
    }

    /// Adds what another counted.
    pub(super) fn merge(&mut self, mut other: Self) {
        other.settle();
        let hashes = match other.seen {
            Seen::All(set) => Ok(set.iter().collect()),
            Seen::TooMany(least) => Err(least),
        };
        self.absorb(other.total, hashes);
    }

    /// The number of ids, including duplicates.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// The number of distinct ids.
    ///
    /// # Errors
    /// If there are more than the cap. The error is a lower bound.
    pub(super) fn unique(&mut self) -> Result<u64, u64> {
        self.settle();
        match &self.seen {
            Seen::All(set) => Ok(set.len() as u64),
            Seen::TooMany(least) => Err(*least),
        }
    }

    /// The hashes in ascending order, for a state.
    ///
    /// # Errors
    /// As [`Self::unique`].
    pub(super) fn hashes(&mut self) -> Result<Vec<u64>, u64> {
        self.unique()?;
        let Seen::All(set) = &self.seen else { return Ok(Vec::new()) };
        let mut hashes: Vec<u64> = set.iter().collect();
        hashes.sort_unstable();
        Ok(hashes)
    }

    /// Adds the contents of a state: the number of ids, and the hashes of the distinct ones or a lower bound of their number.
    pub(super) fn absorb(&mut self, total: u64, hashes: Result<Vec<u64>, u64>) {
        self.settle();
        self.total += total;
        match hashes {
            Ok(hashes) => self.insert(hashes),
            Err(theirs) => {
                let ours = self.unique().unwrap_or_else(|least| least);
                self.seen = Seen::TooMany(ours.max(theirs));
            }
        }
    }

    fn settle(&mut self) {
        let mut waiting = std::mem::take(&mut self.waiting);
        if let Seen::All(set) = &self.seen {
            set.touch(&waiting);
        }
        self.insert(waiting.drain(..));
        self.waiting = waiting;
    }

    fn insert(&mut self, hashes: impl IntoIterator<Item = u64>) {
        let Seen::All(set) = &mut self.seen else { return };
        for hash in hashes {
            if set.insert(hash) && set.len() > self.cap {
                self.seen = Seen::TooMany(self.cap as u64 + 1);
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(cap: usize, ids: impl Iterator<Item = u32>) -> Distinct {
        let mut distinct = Distinct::new(cap);
        ids.for_each(|id| distinct.add(hash_of(&id.to_le_bytes())));
        distinct
    }

    #[test]
    fn ids_are_counted_exactly_up_to_the_cap_and_not_estimated_past_it() {
        let mut distinct = of(1000, (0..1000).chain(0..500));
        assert_eq!((distinct.total(), distinct.unique()), (1500, Ok(1000)));
        let mut more = of(1000, 0..1001);
        assert_eq!((more.total(), more.unique(), more.hashes()), (1001, Err(1001), Err(1001)));
    }

    #[test]
    fn parts_equal_the_whole_on_either_side_of_the_cap() {
        for cap in [10, 700, 2000] {
            let mut whole = of(cap, (0..1000).chain(300..600));
            let mut a = of(cap, 0..650);
            let mut b = of(cap, (650..1000).chain(300..600));
            let mut read = Distinct::new(cap);
            read.absorb(b.total(), b.hashes());
            a.merge(read);
            assert_eq!((a.total(), a.hashes()), (whole.total(), whole.hashes()));
        }
    }
}
