//! Samples from distributions of numbers, the same on every machine.
//!
//! A continuous distribution becomes a table of quantiles, which are denser the further they are in a tail: each halving of the
//! probability has the same number of points, down to 2^-32. Values are linear between points. The table is built with `libm`;
//! sampling needs only multiplication, addition and rounding, which IEEE 754 fixes.

use crate::world::latency::normal_quantile;
use crate::world::template::{Distribution, Shape};

/// Points for each halving of the probability.
const POINTS: usize = 64;

/// How many halvings a tail has.
const HALVINGS: usize = 32;

/// Numbers times 10 to the power of their places.
#[derive(Debug)]
pub(super) enum Numbers {
    Uniform {
        low: i64,
        width: u64,
    },
    Tails {
        low: Box<[f64]>,
        high: Box<[f64]>,
        min: f64,
        max: f64,
    },
    /// Between two probabilities in 2^-64, the value of the first and what each 2^-64 adds.
    Steps {
        from: Box<[u64]>,
        line: Box<[(f64, f64)]>,
        min: f64,
        max: f64,
    },
}

impl Numbers {
    /// Samples of a distribution with this many decimal places.
    pub(super) fn new(distribution: &Distribution, places: u32) -> Self {
        let scale = libm::pow(10.0, f64::from(places));
        let scale = scale.round();
        let Distribution { shape, min, max } = distribution;
        // JSON readers hold numbers exactly up to 2^53.
        let bound = |bound: f64| (bound * scale).clamp(-9_007_199_254_740_992.0, 9_007_199_254_740_992.0);
        let (min, max) = (bound(*min), bound(*max));
        match shape {
            #[allow(clippy::cast_possible_truncation)] // at most 2^53
            Shape::Uniform(low, high) => {
                let (low, high) = (bound(*low).max(min).round() as i64, bound(*high).min(max).round() as i64);
                Self::Uniform { low, width: high.max(low).abs_diff(low) + 1 }
            }
            Shape::Quantiles(points) => {
                let mut steps = Self::steps(points, scale);
                if let Self::Steps { min: least, max: most, .. } = &mut steps {
                    (*least, *most) = (min, max);
                }
                steps
            }
            _ => {
                let point = |tail: f64, is_upper: bool| quantile(shape, tail, is_upper) * scale;
                let side = |is_upper| tails().map(|tail| point(tail, is_upper)).collect();
                Self::Tails { low: side(false), high: side(true), min, max }
            }
        }
    }

    fn steps(points: &[(f64, f64)], scale: f64) -> Self {
        const WHOLE: f64 = 18_446_744_073_709_551_616.0;
        let mut from = Vec::new();
        let mut line = Vec::new();
        for pair in points.windows(2) {
            let ((p, x), (q, y)) = (pair[0], pair[1]);
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // below 2^64, as p is below 1
            from.push((p * WHOLE) as u64);
            line.push((x * scale, (y - x) * scale / ((q - p) * WHOLE)));
        }
        Self::Steps { from: from.into(), line: line.into(), min: f64::MIN, max: f64::MAX }
    }

    /// The number for 64 random bits.
    #[inline]
    pub(super) fn pick(&self, draw: u64) -> i64 {
        #[allow(clippy::cast_precision_loss)] // the lowest bits do not matter
        match self {
            Self::Uniform { low, width } => low + below(draw, *width).cast_signed(),
            Self::Tails { low, high, min, max } => {
                let side = if draw >> 63 == 0 { low } else { high };
                let tail = draw << 1;
                let halvings = (tail.leading_zeros() as usize).min(HALVINGS - 1);
                // The bits behind the leading 1: six for the point, the rest for the place between it and the next.
                let rest = tail << halvings << 1;
                let at = (HALVINGS - 1 - halvings) * POINTS + (rest >> 58) as usize;
                let (here, next) = (side[at], side[at + 1]);
                let value = here + (next - here) * ((rest << 6) as f64 * (1.0 / 18_446_744_073_709_551_616.0));
                rounded(value, *min, *max)
            }
            Self::Steps { from, line, min, max } => {
                let at = from.partition_point(|start| *start <= draw).saturating_sub(1);
                let (value, slope) = line[at];
                rounded(value + slope * (draw - from[at]) as f64, *min, *max)
            }
        }
    }
}

/// A uniform number below `width`.
#[inline]
pub(super) fn below(draw: u64, width: u64) -> u64 {
    #[allow(clippy::cast_possible_truncation)] // below width
    let number = ((u128::from(draw) * u128::from(width)) >> 64) as u64;
    number
}

/// The nearest whole number within bounds. Half is rounded up.
#[inline]
fn rounded(value: f64, min: f64, max: f64) -> i64 {
    let value = value.clamp(min, max) + 0.5;
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)] // at most 2^53
    let whole = value as i64;
    #[allow(clippy::cast_precision_loss)]
    let is_above = whole as f64 > value;
    whole - i64::from(is_above)
}

/// The tail probabilities of the points, ascending to ½.
fn tails() -> impl Iterator<Item = f64> {
    (0..HALVINGS)
        .rev()
        .flat_map(|halvings| {
            // Between 2^-(halvings + 2) and twice as much. All of these are exact.
            #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_possible_wrap)]
            (0..POINTS).map(move |point| libm::scalbn(1.0 + point as f64 / POINTS as f64, -(halvings as i32) - 2))
        })
        .chain([0.5])
}

/// The value with this probability of values below it, or above it.
fn quantile(shape: &Shape, tail: f64, is_upper: bool) -> f64 {
    let z = || if is_upper { -normal_quantile(tail) } else { normal_quantile(tail) };
    // ln of the probability of values above.
    let log_above = || if is_upper { libm::log(tail) } else { libm::log1p(-tail) };
    match shape {
        Shape::Normal { mean, deviation } => mean + deviation * z(),
        Shape::Lognormal { median, sigma } => median * libm::exp(sigma * z()),
        Shape::Exponential { mean } => -mean * log_above(),
        Shape::Pareto { least, shape } => least * libm::exp(-log_above() / shape),
        Shape::Uniform(..) | Shape::Quantiles(_) => unreachable!("these have tables of their own"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    const MANY: u64 = 200_000;

    fn numbers(shape: Shape, places: u32) -> Numbers {
        Numbers::new(&Distribution { shape, min: -9e15, max: 9e15 }, places)
    }

    /// The largest distance between the distribution of samples and the true one (Kolmogorov and Smirnov).
    fn distance(shape: &Shape, below: impl Fn(f64) -> f64) -> f64 {
        let numbers = numbers(shape.clone(), 6);
        let draws = Seed::new(7).choice("numbers");
        let mut values: Vec<f64> = (0..MANY).map(|i| numbers.pick(draws.at(i)) as f64 / 1e6).collect();
        values.sort_by(f64::total_cmp);
        let n = MANY as f64;
        let distances = values.iter().enumerate().map(|(i, x)| (below(*x) - (i as f64 + 0.5) / n).abs());
        distances.fold(0.0, f64::max)
    }

    /// The normal distribution's probability below x (Abramowitz, Stegun 7.1.26: within 1.5e-7).
    fn normal(x: f64) -> f64 {
        0.5 * libm::erfc(-x / std::f64::consts::SQRT_2)
    }

    #[test]
    fn samples_follow_their_distribution_by_the_kolmogorov_smirnov_test() {
        // 1.95 / √n is exceeded by chance once in a thousand.
        let most = 1.95 / (MANY as f64).sqrt();
        let shapes: [(Shape, &dyn Fn(f64) -> f64); 6] = [
            (Shape::Normal { mean: 5.0, deviation: 2.0 }, &|x| normal((x - 5.0) / 2.0)),
            (Shape::Lognormal { median: 80.0, sigma: 0.7 }, &|x| normal(libm::log(x / 80.0) / 0.7)),
            (Shape::Exponential { mean: 3.0 }, &|x| 1.0 - libm::exp(-x / 3.0)),
            (Shape::Pareto { least: 2.0, shape: 1.2 }, &|x| 1.0 - libm::pow(2.0 / x, 1.2)),
            (Shape::Uniform(-3.0, 9.0), &|x| (x + 3.0) / 12.0),
            (Shape::Quantiles(vec![(0.0, 0.0), (0.5, 10.0), (1.0, 100.0)]), &|x| {
                if x < 10.0 { x / 20.0 } else { 0.5 + (x - 10.0) / 180.0 }
            }),
        ];
        for (shape, below) in shapes {
            let found = distance(&shape, below);
            assert!(found < most, "{shape:?}: {found} is above {most}");
        }
    }

    #[test]
    fn tails_reach_far() {
        let numbers = numbers(Shape::Exponential { mean: 1.0 }, 3);
        let ln2 = std::f64::consts::LN_2;
        for halvings in [2, 10, 20, 30] {
            // The upper half, and the probability of values above.
            let draw = (1 << 63) | (1 << (64 - halvings));
            let found = numbers.pick(draw) as f64 / 1000.0;
            assert!((found - f64::from(halvings) * ln2).abs() < 0.01, "{halvings}: {found}");
        }
    }

    #[test]
    fn a_uniform_whole_number_has_both_ends_and_a_chi_square_of_chance() {
        let die = numbers(Shape::Uniform(1.0, 6.0), 0);
        let draws = Seed::new(9).choice("die");
        let mut counts = [0u64; 6];
        for i in 0..60_000 {
            counts[usize::try_from(die.pick(draws.at(i)) - 1).expect("1 to 6")] += 1;
        }
        let chi: f64 = counts.iter().map(|count| (*count as f64 - 10_000.0).powi(2) / 10_000.0).sum();
        // Five degrees of freedom: above 20.5 once in a thousand.
        assert!(chi < 20.5, "{chi} {counts:?}");
        assert_eq!((die.pick(0), die.pick(u64::MAX)), (1, 6));
    }

    #[test]
    fn bounds_are_kept_and_negative_numbers_rounded_to_the_nearest() {
        let numbers = Numbers::new(
            &Distribution { shape: Shape::Normal { mean: 0.0, deviation: 100.0 }, min: -7.0, max: 9.0 },
            1,
        );
        let draws = Seed::new(3).choice("bounds");
        let values: Vec<i64> = (0..10_000).map(|i| numbers.pick(draws.at(i))).collect();
        assert_eq!((values.iter().min(), values.iter().max()), (Some(&-70), Some(&90)));
        assert_eq!((rounded(-1.2, -9.0, 9.0), rounded(-1.7, -9.0, 9.0), rounded(1.5, -9.0, 9.0)), (-1, -2, 2));
    }
}
