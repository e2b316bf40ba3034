//! Values that come again: how many there are, and how much more frequent some are than others.
//!
//! They are taken as drawn from a population in which the frequency of a value falls with a power of its rank (Zipf). Size and exponent
//! are those by which a sample of that size would repeat itself as the log does. The numbers of draws of a value are taken as Poisson.

use super::model::Pool;

/// What is known of the values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drawn<'c> {
    /// How often each value came in the sample.
    pub(super) counts: &'c [u64],
    /// How many lines and how many values there are in all.
    pub(super) lines: f64,
    pub(super) distinct: f64,
    /// How many values are more frequent than these and not among them.
    pub(super) before: usize,
}

/// Values are taken as unique if fewer lines have one that came before.
const UNIQUE: f64 = 0.02;

/// Exponents that are tried.
const STEP: f64 = 0.05;
const EXPONENTS: u32 = 40;

/// The largest population.
const LARGEST: f64 = 1e12;

/// Neighbouring ranks whose frequencies differ by less than this share are taken together.
const NEAR: f64 = 0.05;

/// Finds the population. `None` if nearly all values are unique.
pub(super) fn find(drawn: Drawn<'_>) -> Option<Pool> {
    let sampled: u64 = drawn.counts.iter().sum();
    #[allow(clippy::cast_precision_loss)] // counts far below 2^53
    let sampled = sampled as f64;
    let distinct = drawn.distinct.min(drawn.lines);
    if drawn.lines < 2.0 || distinct > (1.0 - UNIQUE) * drawn.lines {
        return None;
    }
    let observed = shares(drawn.counts, sampled);
    #[allow(clippy::cast_precision_loss)] // at most --max-values
    let offset = drawn.before as f64;
    let fits = (0..=EXPONENTS).map(|step| {
        let zipf = STEP * f64::from(step);
        let ranks = sized(zipf, offset, drawn.lines, distinct);
        let miss = observed.iter().map(|(times, share)| libm::fabs(ranks.share(*times, sampled) - share));
        (miss.fold(0.0, f64::max), ranks.size, zipf)
    });
    let (_, size, zipf) = fits.min_by(|a, b| a.0.total_cmp(&b.0))?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // at most LARGEST
    let size = super::numbers::significant(size, 2).max(1.0) as u64;
    Some(Pool { size, zipf: libm::round(zipf * 100.0) / 100.0, offset: drawn.before as u64 })
}

/// The shares of the lines whose value came at least so often, for numbers that double.
fn shares(counts: &[u64], lines: f64) -> Vec<(u32, f64)> {
    let most = counts.iter().max().copied().unwrap_or(0);
    let times = std::iter::successors(Some(2u32), |times| times.checked_mul(2));
    let share = |times: u32| {
        let of: u64 = counts.iter().filter(|count| **count >= u64::from(times)).sum();
        #[allow(clippy::cast_precision_loss)] // counts far below 2^53
        let of = of as f64;
        (times, of / lines)
    };
    // Beyond the most frequent value too, where nothing should be.
    times.take_while(|times| u64::from(*times) <= 2 * most.max(2)).map(share).collect()
}

/// A population whose ranks are taken together where they are about equally frequent.
struct Ranks {
    size: f64,
    /// How many ranks, and the probability of each.
    steps: Vec<(f64, f64)>,
}

impl Ranks {
    fn new(size: f64, zipf: f64, offset: f64) -> Self {
        let mut steps = Vec::new();
        let mut rank = 1.0;
        while rank <= size {
            let width = libm::floor(rank * NEAR).clamp(1.0, size - rank + 1.0);
            steps.push((width, libm::pow(offset + rank + (width - 1.0) / 2.0, -zipf)));
            rank += width;
        }
        let sum: f64 = steps.iter().map(|(width, weight)| width * weight).sum();
        steps.iter_mut().for_each(|(_, weight)| *weight /= sum);
        Self { size, steps }
    }

    /// How many values so many draws are expected to have.
    fn distinct(&self, draws: f64) -> f64 {
        self.steps.iter().map(|(width, p)| -width * libm::expm1(-draws * p)).sum()
    }

    /// The share of the draws that is expected to be of values that come at least `times` times.
    fn share(&self, times: u32, draws: f64) -> f64 {
        self.steps.iter().map(|(width, p)| width * p * at_least(times - 1, draws * p)).sum()
    }
}

/// The smallest population of this exponent in which the draws are expected to have so many values.
fn sized(zipf: f64, offset: f64, draws: f64, distinct: f64) -> Ranks {
    let (mut low, mut high) = (distinct, LARGEST);
    while high / low > 1.01 && high - low > 0.5 {
        let middle = libm::sqrt(low * high);
        if Ranks::new(middle, zipf, offset).distinct(draws) < distinct { low = middle } else { high = middle }
    }
    Ranks::new(libm::round(low), zipf, offset)
}

/// The probability that a Poisson number of this mean is at least `least`.
fn at_least(least: u32, mean: f64) -> f64 {
    let far = f64::from(least);
    let deviation = libm::sqrt(mean) + 1.0;
    if far > mean + 10.0 * deviation {
        return 0.0;
    }
    if far < mean - 10.0 * deviation {
        return 1.0;
    }
    if mean > 200.0 {
        // Nearly normal.
        return 0.5 * libm::erfc((far - 0.5 - mean) / libm::sqrt(2.0 * mean));
    }
    let (mut term, mut below) = (libm::exp(-mean), 0.0);
    for n in 0..least {
        below += term;
        term *= mean / f64::from(n + 1);
    }
    (1.0 - below).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::mix;

    /// How often each value comes in so many draws.
    fn drawn(size: f64, zipf: f64, draws: u64) -> Vec<u64> {
        let ranks = Ranks::new(size, zipf, 0.0);
        let mut counts = std::collections::BTreeMap::new();
        for n in 0..draws {
            let mut at = (mix(n) >> 11) as f64 / (1u64 << 53) as f64;
            let step = ranks.steps.iter().position(|(width, p)| {
                at -= width * p;
                at < 0.0
            });
            let step = step.unwrap_or(0);
            *counts.entry((step, mix(n + draws) % ranks.steps[step].0 as u64)).or_insert(0) += 1;
        }
        counts.into_values().collect()
    }

    #[test]
    fn size_and_skew_are_found_again() {
        for (size, zipf) in [(300.0, 0.0), (5_000.0, 0.0), (5_000.0, 0.8), (20_000.0, 1.0), (1_000.0, 1.3)] {
            let counts = drawn(size, zipf, 20_000);
            let about = Drawn { counts: &counts, lines: 20_000.0, distinct: counts.len() as f64, before: 0 };
            let pool = find(about).expect("values come again");
            assert!((pool.zipf - zipf).abs() < 0.16, "{size} {zipf}: {pool:?}");
            assert!((pool.size as f64 / size).ln().abs() < 0.5, "{size} {zipf}: {pool:?}");
        }
    }

    #[test]
    fn those_that_stand_behind_frequent_ones_have_an_offset() {
        let mut counts = drawn(5_000.0, 1.0, 20_000);
        counts.sort_unstable_by(|a, b| b.cmp(a));
        let rest = &counts[100..];
        let lines = rest.iter().sum::<u64>() as f64;
        let pool = find(Drawn { counts: rest, lines, distinct: rest.len() as f64, before: 100 }).expect("again");
        assert!((pool.zipf - 1.0).abs() < 0.26 && pool.offset == 100, "{pool:?}");
        assert!((pool.size as f64 / 4_900.0).ln().abs() < 0.5, "{pool:?}");
    }

    #[test]
    fn unique_values_have_no_pool() {
        assert_eq!(find(Drawn { counts: &[1; 500], lines: 500.0, distinct: 500.0, before: 0 }), None);
        assert_eq!(find(Drawn { counts: &[], lines: 0.0, distinct: 0.0, before: 0 }), None);
    }
}
