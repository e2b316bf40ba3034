//! Intervals of what is counted that hold for any number of observations, however small: of a share, of a rate and of a median.
//! Each covers the true value with at least the confidence asked for, so that few observations give a wide interval and not a
//! wrong one.

use super::beta::incomplete_beta;

/// From a lower to an upper end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Interval {
    pub low: f64,
    pub high: f64,
}

/// The interval of a share of which `part` of `whole` independent cases are known: Clopper and Pearson (1934). `None` of no case.
pub(crate) fn share(part: u64, whole: u64, alpha: f64) -> Option<Interval> {
    let (k, n) = (as_f64(part), as_f64(whole));
    // P(X ≥ k) = I(p; k, n − k + 1), DLMF 8.17.5.
    let low = if part == 0 { 0.0 } else { rising(0.0, 1.0, alpha / 2.0, |p| incomplete_beta(p, k, n - k + 1.0)) };
    let high =
        if part == whole { 1.0 } else { rising(0.0, 1.0, 1.0 - alpha / 2.0, |p| incomplete_beta(p, k + 1.0, n - k)) };
    (whole > 0).then_some(Interval { low, high })
}

/// The interval of the mean of a Poisson variable that was seen to be `events`: Garwood (1936).
pub(crate) fn poisson_mean(events: u64, alpha: f64) -> Interval {
    let k = as_f64(events);
    // Far beyond any quantile: the standard deviation is √k.
    let most = k + 40.0 * k.sqrt() + 60.0 - alpha.ln();
    let low = if events == 0 { 0.0 } else { rising(0.0, k, alpha / 2.0, |mean| poisson_at_least(k, mean)) };
    Interval { low, high: rising(k, most, 1.0 - alpha / 2.0, |mean| poisson_at_least(k + 1.0, mean)) }
}

/// The ranks, from 1, of the two of `count` values in order between which the median of their distribution lies: order statistics,
/// whose ranks are binomial (David and Nagaraja, *Order Statistics*, 7.1). `None` if there are too few values.
pub(crate) fn median_ranks(count: u64, alpha: f64) -> Option<(usize, usize)> {
    let n = as_f64(count);
    // P(fewer than k of n values are below the median) = 1 − I(1/2; k, n − k + 1).
    let is_rare = |k: u64| 1.0 - incomplete_beta(0.5, as_f64(k), n - as_f64(k) + 1.0) <= alpha / 2.0;
    let (mut low, mut high) = (0, count / 2 + 1);
    while low + 1 < high {
        let middle = u64::midpoint(low, high);
        if is_rare(middle) { low = middle } else { high = middle }
    }
    let rank = usize::try_from(low).ok().filter(|rank| *rank > 0)?;
    Some((rank, usize::try_from(count).ok()? + 1 - rank))
}

/// The probability that a Poisson variable of this mean is at least `k`.
fn poisson_at_least(k: f64, mean: f64) -> f64 {
    if mean <= 0.0 {
        return if k <= 0.0 { 1.0 } else { 0.0 };
    }
    // From the likelier side of `k`, terms only get smaller.
    if mean < k {
        poisson_term(k, mean) * sum_of(|step| mean / (k + step))
    } else {
        1.0 - poisson_at_most(k - 1.0, mean)
    }
}

fn poisson_at_most(k: f64, mean: f64) -> f64 {
    if k < 0.0 { 0.0 } else { poisson_term(k, mean) * sum_of(|step| (k - step + 1.0).max(0.0) / mean) }
}

/// The probability that a Poisson variable of this mean is `k`.
fn poisson_term(k: f64, mean: f64) -> f64 {
    (k * mean.ln() - mean - libm::lgamma(k + 1.0)).exp()
}

/// 1 + r(1) + r(1) r(2) + …, for ratios below 1 that fall.
fn sum_of(ratio: impl Fn(f64) -> f64) -> f64 {
    let (mut sum, mut term, mut step) = (1.0, 1.0, 1.0);
    while term > sum * 1e-17 {
        term *= ratio(step);
        sum += term;
        step += 1.0;
    }
    sum
}

/// Where a function that rises between `low` and `high` reaches a value.
fn rising(mut low: f64, mut high: f64, value: f64, of: impl Fn(f64) -> f64) -> f64 {
    for _ in 0..80 {
        let middle = f64::midpoint(low, high);
        if of(middle) < value { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

#[allow(clippy::cast_precision_loss)] // counts stay below 2^53
fn as_f64(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64, within: f64) {
        assert!((found - expected).abs() <= within, "{found} instead of {expected}");
    }

    #[test]
    fn intervals_of_a_share_have_their_closed_forms_and_published_values() {
        // None of n: 0 to 1 − (α/2)^(1/n).
        let none = share(0, 10, 0.05).expect("an interval");
        assert!(none.low == 0.0);
        close(none.high, 1.0 - 0.025f64.powf(0.1), 1e-12);
        // 81 of 263: Agresti and Coull (1998) and Newcombe (1998) print 0.2527 to 0.3676.
        let some = share(81, 263, 0.05).expect("an interval");
        close(some.low, 0.2527, 0.000_05);
        close(some.high, 0.3676, 0.000_05);
        for (part, whole) in [(3, 7), (1, 1), (500, 1_000_000)] {
            let one = share(part, whole, 0.05).expect("an interval");
            let other = share(whole - part, whole, 0.05).expect("an interval");
            close(one.low, 1.0 - other.high, 1e-12);
        }
        assert_eq!(share(0, 0, 0.05), None);
    }

    #[test]
    fn intervals_of_a_rate_are_those_of_garwoods_table() {
        // As in Ulm (1990) and on many pages of epidemiology: 95% limits of a Poisson mean.
        for (events, low, high) in [
            (0, 0.0, 3.689),
            (1, 0.0253, 5.572),
            (2, 0.242, 7.225),
            (5, 1.623, 11.668),
            (10, 4.795, 18.390),
            (100, 81.36, 121.63),
        ] {
            let found = poisson_mean(events, 0.05);
            close(found.low, low, 0.000_51 + low * 0.000_1);
            close(found.high, high, 0.000_51 + high * 0.000_1);
        }
        close(poisson_mean(0, 0.05).high, -0.025f64.ln(), 1e-12);
        // Many are nearly normal.
        let many = poisson_mean(1_000_000, 0.05);
        close(many.low, 1e6 - 1.96e3, 3.0);
        close(many.high, 1e6 + 1.96e3, 3.0);
    }

    #[test]
    fn ranks_around_a_median_are_those_of_the_published_table() {
        // Conover, Practical Nonparametric Statistics, from the binomial: at least 95%.
        for (count, ranks) in [
            (5, None),
            (6, Some((1, 6))),
            (9, Some((2, 8))),
            (10, Some((2, 9))),
            (20, Some((6, 15))),
            (50, Some((18, 33))),
        ] {
            assert_eq!(median_ranks(count, 0.05), ranks, "{count}");
        }
        assert_eq!([median_ranks(0, 0.05), median_ranks(1, 0.5)], [None, None]);
    }
}
