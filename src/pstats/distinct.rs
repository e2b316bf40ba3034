//! How many different event_ids there are: exact while they are few, estimated beyond.
//!
//! An id is remembered as 64 bits of XXH3, 16 to 64 bytes each in the set. "Exact" means but for two ids with one hash:
//! with a million ids the chance that this happens at all is below 3 in 100 million. Past the cap the hashes go into a
//! HyperLogLog of 16,384 registers (Flajolet et al. 2007; standard error 0.81 %) with the estimator of Ertl (2017,
//! "New cardinality estimation algorithms for HyperLogLog sketches"). Both are functions of the set of ids alone: the
//! order of lines, and how they were split, changes nothing.

mod hashes;

use xxhash_rust::xxh3::xxh3_64;

use hashes::Hashes;

const REGISTER_BITS: u32 = 14;
const REGISTERS: usize = 1 << REGISTER_BITS;
/// The most leading zeros that the rest of a hash can have.
const MOST_ZEROS: usize = 64 - REGISTER_BITS as usize;
/// Hashes wait until this many are there: then the set's cache misses overlap.
const BATCH: usize = 64;

/// The hash that stands for an id.
#[inline]
pub fn hash_of(id: &[u8]) -> u64 {
    xxh3_64(id)
}

#[derive(Debug, Clone)]
enum Seen {
    Exact(Hashes),
    Estimate(Box<[u8; REGISTERS]>),
}

/// Counts ids and how many of them differ.
#[derive(Debug, Clone)]
pub struct Distinct {
    cap: usize,
    total: u64,
    waiting: Vec<u64>,
    seen: Seen,
}

impl Distinct {
    /// Nothing yet; exact up to `cap` different ids.
    pub fn new(cap: usize) -> Self {
        Self { cap, total: 0, waiting: Vec::with_capacity(BATCH), seen: Seen::Exact(Hashes::default()) }
    }

    /// Counts an id, given as [`hash_of`] it.
    #[inline]
    pub fn add(&mut self, hash: u64) {
        self.total += 1;
        self.waiting.push(hash);
        if self.waiting.len() == BATCH {
            self.settle();
        }
    }

    /// Adds what another counted.
    pub fn merge(&mut self, mut other: Self) {
        self.settle();
        other.settle();
        self.total += other.total;
        match other.seen {
            Seen::Exact(set) => self.insert(set.iter()),
            Seen::Estimate(theirs) => {
                self.estimate();
                if let Seen::Estimate(ours) = &mut self.seen {
                    ours.iter_mut().zip(theirs.iter()).for_each(|(a, b)| *a = (*a).max(*b));
                }
            }
        }
    }

    /// How many ids were counted, repeats included.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// How many differ, and whether that is exact.
    pub fn unique(&mut self) -> (u64, bool) {
        self.settle();
        match &self.seen {
            Seen::Exact(set) => (set.len() as u64, true),
            Seen::Estimate(registers) => (estimate(registers).min(self.total), false),
        }
    }

    /// What a state holds of it: the hashes in ascending order, or the registers.
    pub fn parts(&mut self) -> Parts {
        self.settle();
        match &self.seen {
            Seen::Exact(set) => {
                let mut hashes: Vec<u64> = set.iter().collect();
                hashes.sort_unstable();
                Parts::Exact(hashes)
            }
            Seen::Estimate(registers) => Parts::Estimate(registers.to_vec()),
        }
    }

    /// Adds what a state held; `total` is how many ids had been counted there.
    ///
    /// # Errors
    /// Where the number of registers is another.
    pub fn absorb(&mut self, total: u64, parts: Parts) -> Result<(), String> {
        self.total += total;
        match parts {
            Parts::Exact(hashes) => self.insert(hashes),
            Parts::Estimate(theirs) => {
                let theirs: Box<[u8; REGISTERS]> = theirs
                    .into_boxed_slice()
                    .try_into()
                    .map_err(|_| format!("a HyperLogLog has {REGISTERS} registers here"))?;
                self.merge(Self { cap: self.cap, total: 0, waiting: Vec::new(), seen: Seen::Estimate(theirs) });
            }
        }
        Ok(())
    }

    fn settle(&mut self) {
        let mut waiting = std::mem::take(&mut self.waiting);
        if let Seen::Exact(set) = &self.seen {
            set.touch(&waiting);
        }
        self.insert(waiting.drain(..));
        self.waiting = waiting;
    }

    fn insert(&mut self, hashes: impl IntoIterator<Item = u64>) {
        for hash in hashes {
            match &mut self.seen {
                Seen::Exact(set) => {
                    if set.insert(hash) && set.len() > self.cap {
                        self.estimate();
                    }
                }
                Seen::Estimate(registers) => note(registers, hash),
            }
        }
    }

    fn estimate(&mut self) {
        if let Seen::Exact(set) = &self.seen {
            let mut registers = Box::new([0; REGISTERS]);
            set.iter().for_each(|hash| note(&mut registers, hash));
            self.seen = Seen::Estimate(registers);
        }
    }
}

/// What a [`Distinct`] is made of, for a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parts {
    /// Hashes of different ids.
    Exact(Vec<u64>),
    /// The registers of the HyperLogLog.
    Estimate(Vec<u8>),
}

#[inline]
fn note(registers: &mut [u8; REGISTERS], hash: u64) {
    #[allow(clippy::cast_possible_truncation)] // at most 51
    let zeros = ((hash << REGISTER_BITS) | (1 << (REGISTER_BITS - 1))).leading_zeros() as u8 + 1;
    let register = &mut registers[(hash >> (64 - REGISTER_BITS)) as usize];
    *register = (*register).max(zeros);
}

/// Ertl's improved raw estimator (his algorithm 6).
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn estimate(registers: &[u8; REGISTERS]) -> u64 {
    let m = REGISTERS as f64;
    let mut with = [0u32; MOST_ZEROS + 2];
    registers.iter().for_each(|r| with[usize::from(*r).min(MOST_ZEROS + 1)] += 1);
    let mut z = m * tau(1.0 - f64::from(with[MOST_ZEROS + 1]) / m);
    for count in with[1..=MOST_ZEROS].iter().rev() {
        z = 0.5 * (z + f64::from(*count));
    }
    z += m * sigma(f64::from(with[0]) / m);
    (m * m / (2.0 * std::f64::consts::LN_2 * z)).round() as u64
}

fn sigma(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z <= before {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z >= before {
            return z / 3.0;
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
    fn ids_are_counted_exactly_up_to_the_cap() {
        let mut distinct = of(1000, (0..1000).chain(0..500));
        assert_eq!((distinct.total(), distinct.unique()), (1500, (1000, true)));
        assert!(!of(1000, 0..1001).unique().1);
    }

    #[test]
    fn beyond_the_cap_the_estimate_is_within_four_standard_errors() {
        for n in [1_001u32, 10_000, 100_000, 1_000_000] {
            let (unique, exact) = of(1000, 0..n).unique();
            let error = (unique as f64 - f64::from(n)).abs() / f64::from(n);
            assert!(!exact && error < 4.0 * 0.0081, "{n}: {unique}");
        }
    }

    #[test]
    fn parts_equal_the_whole_on_either_side_of_the_cap() {
        for cap in [10, 700, 2000] {
            let mut whole = of(cap, (0..1000).chain(300..600));
            let mut a = of(cap, 0..650);
            let mut b = of(cap, (650..1000).chain(300..600));
            let mut read = Distinct::new(cap);
            read.absorb(b.total(), b.parts()).expect("its own form");
            a.merge(read);
            assert_eq!(a.parts(), whole.parts());
            assert_eq!((a.total(), a.unique()), (whole.total(), whole.unique()));
        }
    }
}
