//! One run divided into blocks of time: how far a sum over the run may be off, though its parts depend on each other.
//!
//! Batch means (Schmeiser 1982): the run is cut into a few long blocks, whose sums are nearly independent if the blocks are much
//! longer than the dependence lasts. How long it lasts is read from the autocorrelation (Politis and White 2004), and what the
//! blocks still depend on each other is taken out of the estimate, or is a reason to say nothing.

/// Fewer windows cannot say how long their dependence lasts.
pub(crate) const LEAST_WINDOWS: usize = 30;

/// Fewer blocks cannot say how much blocks vary.
pub(crate) const LEAST_BLOCKS: usize = 10;

/// More blocks gain next to nothing, and are shorter (Schmeiser 1982).
const MOST_BLOCKS: usize = 12;

/// The share of the variance that blocks may lose because neighbours depend on each other. It is also put back.
const MOST_BIAS: f64 = 0.1;

/// The variance of a sum over a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SumVariance {
    /// The variance.
    pub(crate) variance: f64,
    /// The number of blocks that it comes from.
    pub(crate) blocks: usize,
}

/// Why the variance of a sum cannot be told from one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoVariance {
    /// There are fewer windows than [`LEAST_WINDOWS`].
    FewWindows(usize),
    /// The dependence lasts so long that there would be fewer blocks than [`LEAST_BLOCKS`].
    FewBlocks,
}

/// The variance of the sum of a series of deviations from its mean, one for each window of a run in order of time.
///
/// # Errors
/// Why it cannot be told.
#[allow(clippy::cast_precision_loss)] // windows are at most a thousand
pub(crate) fn variance_of_sum(deviations: &[f64]) -> Result<SumVariance, NoVariance> {
    let windows = deviations.len();
    if windows < LEAST_WINDOWS {
        return Err(NoVariance::FewWindows(windows));
    }
    let bias = short_block_bias(deviations);
    let length = (bias / MOST_BIAS).max(windows as f64 / MOST_BLOCKS as f64).max(1.0);
    let blocks = (windows as f64 / length) as usize;
    if blocks < LEAST_BLOCKS {
        return Err(NoVariance::FewBlocks);
    }
    let sums: Vec<f64> = (0..blocks)
        .map(|block| deviations[block * windows / blocks..(block + 1) * windows / blocks].iter().sum())
        .collect();
    let mean = sums.iter().sum::<f64>() / blocks as f64;
    let square: f64 = sums.iter().map(|sum| (sum - mean).powi(2)).sum();
    // The sum of k blocks has k times the variance of one.
    let variance = square / (blocks as f64 - 1.0) * blocks as f64;
    Ok(SumVariance { variance: variance / (1.0 - bias * blocks as f64 / windows as f64), blocks })
}

/// How many windows' worth of variance a block loses at its ends: the sum of |k| × autocovariance over the long-run
/// variance. 0 for windows that are independent; a block of `b` windows underestimates the variance by this over `b`.
///
/// With the flat-top lag window of Politis and Romano, as far as the rule of Politis and White finds correlation.
#[allow(clippy::cast_precision_loss)]
fn short_block_bias(deviations: &[f64]) -> f64 {
    let n = deviations.len();
    let covariance = |lag: usize| deviations[lag..].iter().zip(deviations).map(|(a, b)| a * b).sum::<f64>() / n as f64;
    let variance = covariance(0);
    if variance <= 0.0 {
        return 0.0;
    }
    let most = n / 4;
    let correlations: Vec<f64> = (0..=most).map(|lag| covariance(lag) / variance).collect();
    let log = (n as f64).log10();
    // A run of so many small correlations ends the dependence.
    let quiet = (log.sqrt().ceil() as usize).max(5);
    let small = 2.0 * (log / n as f64).sqrt();
    let is_quiet = |from: &usize| correlations[*from..].iter().take(quiet).all(|correlation| correlation.abs() < small);
    let last = (1..=most).find(is_quiet).unwrap_or(most) - 1;
    let bandwidth = (2 * last).clamp(1, most);
    let weight = |lag: usize| (2.0 * (1.0 - lag as f64 / bandwidth as f64)).clamp(0.0, 1.0);
    let over_lags = |of: fn(f64) -> f64| {
        (1..=bandwidth).map(|lag| 2.0 * weight(lag) * of(lag as f64) * correlations[lag]).sum::<f64>()
    };
    let long_run = 1.0 + over_lags(|_| 1.0);
    let flat_top = match over_lags(|lag| lag) {
        lost if lost <= 0.0 => 0.0,
        _ if long_run <= 0.0 => f64::INFINITY,
        lost => lost / long_run,
    };
    // In few windows the rule overlooks a weak dependence, which the plain first correlation shows. Its estimate is too low by
    // (1 + 3ρ) / n (Kendall 1954).
    let first = correlations[1] + (1.0 + 3.0 * correlations[1]) / n as f64;
    let autoregressive = match first {
        first if first <= 0.0 => 0.0,
        first if first >= 1.0 => f64::INFINITY,
        first => 2.0 * first / (1.0 - first * first),
    };
    flat_top.max(autoregressive)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pstats::inference::difference::{Difference, Side};
    use crate::seed::Seed;
    use rand_distr::{Distribution, StandardNormal};

    /// The mean, by its blocks, of a series of this many windows with the autocorrelation `phi`.
    fn side(phi: f64, windows: usize, seed: u64) -> Result<Side, NoVariance> {
        let mut random = Seed::new(23).choice("windows").generator(seed);
        let mut normal = || -> f64 { StandardNormal.sample(&mut random) };
        let mut last = normal();
        let series: Vec<f64> = (0..windows)
            .map(|_| {
                last = phi * last + (1.0 - phi * phi).sqrt() * normal();
                (0.5 * last).exp()
            })
            .collect();
        let mean = series.iter().sum::<f64>() / windows as f64;
        let found = variance_of_sum(&series.iter().map(|value| value - mean).collect::<Vec<_>>())?;
        let variance = found.variance / (windows as f64).powi(2);
        Ok(Side { estimate: mean, variance, freedom: found.blocks as f64 - 1.0 })
    }

    /// Of pairs of the same series: the share that is judged, and the share of all in which 5 % intervals miss.
    fn judged(phi: f64, windows: usize) -> (f64, f64) {
        const PAIRS: u64 = 2000;
        let (mut told, mut missed) = (0u32, 0u32);
        for pair in 0..PAIRS {
            if let (Ok(base), Ok(now)) = (side(phi, windows, 2 * pair), side(phi, windows, 2 * pair + 1)) {
                told += 1;
                missed += u32::from(Difference::of_blocks(base, now).p_value(0.0) < 0.05);
            }
        }
        (f64::from(told) / PAIRS as f64, f64::from(missed) / PAIRS as f64)
    }

    #[test]
    fn two_equal_runs_differ_in_at_most_one_of_twenty_however_long_their_dependence_lasts() {
        for phi in [0.0, 0.5, 0.9] {
            for windows in [30, 60, 200] {
                let (told, missed) = judged(phi, windows);
                assert!(missed <= 0.06, "{phi} {windows}: {missed} of {told}");
            }
        }
    }

    #[test]
    fn long_runs_are_judged_and_short_ones_with_lasting_dependence_are_not() {
        assert!(judged(0.0, 200).0 > 0.99 && judged(0.5, 200).0 > 0.8);
        assert!(judged(0.9, 200).0 < 0.05 && judged(0.5, 30).0 < 0.05);
    }

    #[test]
    fn few_windows_say_nothing_and_a_constant_series_has_no_variance() {
        assert_eq!(variance_of_sum(&[0.0; 29]), Err(NoVariance::FewWindows(29)));
        assert_eq!(variance_of_sum(&[0.0; 60]), Ok(SumVariance { variance: 0.0, blocks: 12 }));
        let trend: Vec<f64> = (-50..50).map(f64::from).collect();
        assert_eq!(variance_of_sum(&trend), Err(NoVariance::FewBlocks));
    }
}
