//! Derives many named, independent random streams from one seed.
//!
//! Each kind of choice has its own stream, keyed by seed, shard, name and index, so that turning on one choice does not change
//! another (contracts §6). The algorithms are pinned: SplitMix64 (Steele, Lea, Flood 2014) for keys and single draws,
//! xoshiro256++ (Blackman, Vigna 2019) for sequences of draws. Integers only.

use rand::{RngExt, SeedableRng};
pub(crate) use rand_xoshiro::Xoshiro256PlusPlus as Generator;

const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// SplitMix64's output function: a bijection of 64 bits that mixes well.
#[inline]
pub fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The root of every random choice of a run, from `--seed` and `--shard`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed(u64);

impl Seed {
    /// The root for a `--seed`.
    pub fn new(seed: u64) -> Self {
        Self(mix(seed.wrapping_add(GOLDEN_GAMMA)))
    }

    /// The root for one shard of a run, different from all others.
    pub(crate) fn shard(self, index: u64) -> Self {
        Self(mix(self.0 ^ index.wrapping_mul(GOLDEN_GAMMA)))
    }

    /// The stream for one kind of choice. Renaming a choice changes the output.
    pub(crate) fn choice(self, name: &str) -> Choice {
        // FNV-1a, 64 bits.
        let hash =
            name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        Choice(mix(self.0 ^ mix(hash)))
    }
}

/// A seed from the operating system's random source, for a run without `--seed`.
///
/// It is below 2^53, so that any JSON reader or script keeps it exact.
pub(crate) fn draw() -> u64 {
    rand::rng().random::<u64>() >> 11
}

/// A random stream that can be entered at any index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Choice(u64);

impl Choice {
    /// The 64-bit draw at this index.
    #[inline]
    pub(crate) fn at(self, index: u64) -> u64 {
        mix(self.0.wrapping_add(index.wrapping_mul(GOLDEN_GAMMA)))
    }

    /// A separate stream at this index.
    #[inline]
    pub(crate) fn stream(self, index: u64) -> Self {
        Self(self.at(index))
    }

    /// The stream that [`Self::stream`] gives for the draw [`Self::at`] this index.
    #[inline]
    pub(crate) fn of_draw(draw: u64) -> Self {
        Self(draw)
    }

    /// A generator for a sequence of draws at this index.
    #[inline]
    pub(crate) fn generator(self, index: u64) -> Generator {
        Generator::seed_from_u64(self.at(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn the_streams_never_change() {
        let choice = Seed::new(42).choice("spike");
        assert_eq!(format!("{:016x} {:016x}", choice.at(1), choice.at(2)), "7a133f22ad56ae25 01d3d1702746d06a");
        assert_eq!(format!("{:016x}", choice.generator(1).next_u64()), "64169bb61db79700");
        assert_eq!(format!("{:016x}", Seed::new(42).shard(3).choice("spike").at(1)), "79641c4a6b140e05");
    }

    #[test]
    fn names_seeds_and_shards_have_different_draws() {
        let draws = [
            Seed::new(1).choice("spike").at(7),
            Seed::new(2).choice("spike").at(7),
            Seed::new(1).choice("drop").at(7),
            Seed::new(1).shard(1).choice("spike").at(7),
            Seed::new(1).choice("spike").at(8),
        ];
        for (i, a) in draws.iter().enumerate() {
            assert!(draws[i + 1..].iter().all(|b| a != b));
        }
    }
}
