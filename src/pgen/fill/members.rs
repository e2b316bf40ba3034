//! Draws members of a population in constant time and memory, by Zipf's law.
//!
//! The most frequent members are drawn by their own weights. The others are put into groups of neighbours whose weights differ by
//! less than 2 %, and are equally frequent within a group.

use super::number::below;
use crate::pgen::alias::AliasTable;
use crate::seed::Choice;
use crate::world::template::Members;

/// How many members have a weight of their own.
const HEAD: u64 = 1024;

/// Each group is this part of what lies before it.
const GROUP: u64 = 64;

/// Draws members.
#[derive(Debug)]
pub(super) enum Draw {
    Even { size: u64 },
    Zipf { table: AliasTable, groups: Box<[(u64, u64)]>, within: Choice },
}

impl Draw {
    /// Prepares to draw. `within` is a separate stream.
    pub(super) fn new(members: Members, within: Choice) -> Self {
        let Members { size, zipf, offset, .. } = members;
        if zipf <= 0.0 {
            return Self::Even { size };
        }
        let mut groups: Vec<(u64, u64)> = (0..size.min(HEAD)).map(|rank| (rank, 1)).collect();
        let mut next = HEAD;
        while next < size {
            let length = (next / GROUP).min(size - next);
            groups.push((next, length));
            next += length;
        }
        let weights: Vec<f64> = groups.iter().map(|(first, length)| weight(first + offset, *length, zipf)).collect();
        Self::Zipf { table: AliasTable::new(&weights), groups: groups.into(), within }
    }

    /// The number of a member, from 0, the most frequent first.
    #[inline]
    pub(super) fn pick(&self, draw: u64, key: u64) -> u64 {
        match self {
            Self::Even { size } => below(draw, *size),
            Self::Zipf { table, groups, within } => match groups[table.pick(draw)] {
                (rank, 1) => rank,
                (first, length) => first + below(within.at(key), length),
            },
        }
    }
}

/// The sum of the weights of a group: rank to the power of -exponent, with ranks from 1.
#[allow(clippy::cast_precision_loss)] // ranks are at most 2^53
fn weight(first: u64, length: u64, exponent: f64) -> f64 {
    if length == 1 {
        return libm::pow((first + 1) as f64, -exponent);
    }
    // The integral from half a rank before to half a rank behind.
    let (from, to) = (first as f64 + 0.5, (first + length) as f64 + 0.5);
    let power = 1.0 - exponent;
    if libm::fabs(power) < 1e-9 {
        libm::log(to / from)
    } else {
        (libm::pow(to, power) - libm::pow(from, power)) / power
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    #[test]
    fn frequencies_follow_zipfs_law_by_the_chi_square_test() {
        const MANY: u64 = 400_000;
        let members = Members { scope: 0, size: 5000, zipf: 1.1, offset: 0 };
        let seed = Seed::new(5);
        let draw = Draw::new(members, seed.choice("within"));
        let stream = seed.choice("members");
        // Ranks in classes that each expect many draws.
        let classes = [0..1, 1..2, 2..5, 5..20, 20..100, 100..1024, 1024..2000, 2000..3500, 3500..5000];
        let mut counts = [0u64; 9];
        for key in 0..MANY {
            let rank = draw.pick(stream.at(key), key);
            counts[classes.iter().position(|class| class.contains(&rank)).expect("below the size")] += 1;
        }
        let of =
            |class: &std::ops::Range<u64>| class.clone().map(|rank| libm::pow((rank + 1) as f64, -1.1)).sum::<f64>();
        let total = of(&(0..5000));
        let chi: f64 = classes
            .iter()
            .zip(counts)
            .map(|(class, count)| {
                let expected = of(class) / total * MANY as f64;
                (count as f64 - expected).powi(2) / expected
            })
            .sum();
        // Eight degrees of freedom: above 26.1 once in a thousand.
        assert!(chi < 26.1, "{chi} {counts:?}");
    }

    #[test]
    fn an_offset_leaves_the_first_ranks_out() {
        let seed = Seed::new(5);
        let draw = Draw::new(Members { scope: 0, size: 3, zipf: 1.0, offset: 9 }, seed.choice("within"));
        let mut counts = [0.0; 3];
        (0..60_000).for_each(|key| counts[draw.pick(seed.choice("members").at(key), key) as usize] += 1.0 / 60_000.0);
        let total = 1.0 / 10.0 + 1.0 / 11.0 + 1.0 / 12.0;
        for (rank, share) in (10..).zip(counts) {
            assert!((share - 1.0 / f64::from(rank) / total).abs() < 0.01, "{rank}: {share}");
        }
    }

    #[test]
    fn every_member_of_any_size_can_be_drawn_and_no_other() {
        let seed = Seed::new(5);
        for size in [1, 2, 1024, 1025, 1 << 40] {
            for zipf in [0.0, 1.0, 2.5] {
                let draw = Draw::new(Members { scope: 0, size, zipf, offset: size / 2 }, seed.choice("within"));
                assert!((0..10_000).all(|key| draw.pick(seed.choice("x").at(key), key) < size), "{size} {zipf}");
            }
        }
    }
}
