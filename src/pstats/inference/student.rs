//! Student's t distribution with any degrees of freedom: tail probabilities and critical values.

use super::beta::incomplete_beta;

/// The probability that a t variable is at least this far from 0, on either side.
///
/// P(|T| ≥ t) = I(ν / (ν + t²); ν/2, 1/2): DLMF 8.17, Abramowitz and Stegun 26.7.1.
pub(super) fn two_sided(t: f64, freedom: f64) -> f64 {
    if !t.is_finite() {
        return 0.0;
    }
    incomplete_beta(freedom / (freedom + t * t), freedom / 2.0, 0.5)
}

/// The value that a t variable exceeds, on either side together, with probability `alpha`: 2.776 for 0.05 and 4 degrees.
pub(crate) fn critical(alpha: f64, freedom: f64) -> f64 {
    let (mut low, mut high) = (0.0, 2.0);
    while two_sided(high, freedom) > alpha && high < 1e15 {
        high *= 2.0;
    }
    // Halving the interval is slow and cannot fail; a report needs a few hundred of these.
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if two_sided(middle, freedom) > alpha { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of table 3 in Fisher and Yates, as NIST prints it (Engineering Statistics Handbook 1.3.6.7.2): two-sided.
    const TABLE: [(f64, [f64; 4]); 8] = [
        (1.0, [6.314, 12.706, 63.657, 636.619]),
        (2.0, [2.920, 4.303, 9.925, 31.599]),
        (3.0, [2.353, 3.182, 5.841, 12.924]),
        (4.0, [2.132, 2.776, 4.604, 8.610]),
        (9.0, [1.833, 2.262, 3.250, 4.781]),
        (18.0, [1.734, 2.101, 2.878, 3.922]),
        (30.0, [1.697, 2.042, 2.750, 3.646]),
        (1e7, [1.645, 1.960, 2.576, 3.291]),
    ];

    #[test]
    fn critical_values_are_those_of_the_published_table() {
        for (freedom, row) in TABLE {
            for (alpha, expected) in [0.1, 0.05, 0.01, 0.001].into_iter().zip(row) {
                let found = critical(alpha, freedom);
                assert!((found - expected).abs() <= 0.000_51 * expected.max(1.0), "{freedom} {alpha}: {found}");
            }
        }
    }

    #[test]
    fn tails_and_critical_values_are_inverse_to_each_other() {
        for freedom in [1.0, 1.3, 2.7, 5.0, 11.4, 99.0, 12_345.6] {
            for alpha in [0.9, 0.3, 0.05, 1e-3, 1e-7] {
                let back = two_sided(critical(alpha, freedom), freedom);
                assert!((back / alpha - 1.0).abs() < 1e-9, "{freedom} {alpha}: {back}");
            }
        }
        // With one degree it is Cauchy's distribution, with two it has a closed form.
        assert!((two_sided(1.0, 1.0) - 0.5).abs() < 1e-13);
        assert!((two_sided(3.0, 2.0) - (1.0 - 3.0 / 11f64.sqrt())).abs() < 1e-13);
        assert_eq!([two_sided(0.0, 3.0), two_sided(f64::INFINITY, 3.0)], [1.0, 0.0]);
    }
}
