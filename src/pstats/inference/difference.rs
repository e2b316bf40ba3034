//! The difference of two sides, and how far it may be off.

use super::student::{critical, two_sided};

/// What one side says of a figure, on the scale on which sides are subtracted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Side {
    /// The figure.
    pub(crate) estimate: f64,
    /// The variance of the estimate.
    pub(crate) variance: f64,
    /// The degrees of freedom of that variance.
    pub(crate) freedom: f64,
}

impl Side {
    /// The mean of the figures of several runs, which are independent of each other; `None` of fewer than two.
    ///
    /// The variance of a run's figure is at least `floor`: what the figures were rounded to hides a smaller one.
    #[allow(clippy::cast_precision_loss)] // runs are few
    pub(crate) fn of_runs(figures: &[f64], floor: f64) -> Option<Self> {
        let freedom = figures.len().checked_sub(1).filter(|freedom| *freedom > 0)? as f64;
        let n = figures.len() as f64;
        let mean = figures.iter().sum::<f64>() / n;
        let variance = figures.iter().map(|figure| (figure - mean).powi(2)).sum::<f64>() / freedom;
        Some(Self { estimate: mean, variance: variance.max(floor) / n, freedom })
    }
}

/// A difference, now minus base, and how far it may be off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Difference {
    /// The difference.
    pub(crate) value: f64,
    /// How far it may be off. With two, the one that says less is believed.
    spreads: [Spread; 2],
    /// By how much more it may be off, whatever chance does.
    off: f64,
}

/// A standard error, and its degrees of freedom.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Spread {
    error: f64,
    freedom: f64,
}

impl Difference {
    /// The difference of two means of runs whose variances need not be equal: Welch's, with the degrees of freedom of Welch
    /// (1947), at most those of both sides together.
    ///
    /// With two runs on one side and many on the other, Welch's error is twice what it promises, because the small side alone
    /// decides it; Student's pooled error is exact there if the variances are equal. The wider of the two is taken. With as
    /// many runs on either side this is always Welch's.
    pub(crate) fn of_runs(base: Side, now: Side) -> Self {
        let all = base.freedom + now.freedom;
        let of_one = |side: Side| side.variance * (side.freedom + 1.0);
        let pooled = (of_one(base) * base.freedom + of_one(now) * now.freedom) / all;
        let pooled =
            Spread { error: (pooled * (1.0 / (base.freedom + 1.0) + 1.0 / (now.freedom + 1.0))).sqrt(), freedom: all };
        Self { value: now.estimate - base.estimate, spreads: [welch(base, now), pooled], off: 0.0 }
    }

    /// The difference of two runs, each with the variance that its own blocks of time say.
    pub(crate) fn of_blocks(base: Side, now: Side) -> Self {
        Self { value: now.estimate - base.estimate, spreads: [welch(base, now); 2], off: 0.0 }
    }

    /// The difference of one run from several, if a run of either side varies as much: only one side can say how much that
    /// is (Sokal and Rohlf, Biometry: a single observation compared with the mean of a sample). `value` is now minus base,
    /// `several` the side with several runs.
    pub(crate) fn of_one_from(value: f64, several: Side) -> Self {
        // `several.variance` is that of a mean of freedom + 1 runs.
        let error = (several.variance * (several.freedom + 2.0)).sqrt();
        Self { value, spreads: [Spread { error, freedom: several.freedom }; 2], off: 0.0 }
    }

    /// The same difference, if values that are not known may move it by up to `off` either way.
    pub(crate) fn that_may_be_off_by(self, off: f64) -> Self {
        Self { off, ..self }
    }

    /// By how much it may be off beside chance.
    pub(crate) fn off(&self) -> f64 {
        self.off
    }

    /// The interval that misses the true difference with probability `alpha`.
    pub(crate) fn interval(&self, alpha: f64) -> (f64, f64) {
        let reach = self.spreads.map(|spread| spread.error * critical(alpha, spread.freedom));
        let reach = reach[0].max(reach[1]) + self.off;
        (self.value - reach, self.value + reach)
    }

    /// The two-sided p-value of the hypothesis that the true difference is `shift`.
    pub(crate) fn p_value(&self, shift: f64) -> f64 {
        let away = (self.value - shift).abs() - self.off;
        if away <= 0.0 {
            return 1.0;
        }
        let p_values = self.spreads.map(|spread| two_sided(away / spread.error, spread.freedom));
        p_values[0].max(p_values[1])
    }

    /// The standard error.
    pub(crate) fn error(&self) -> f64 {
        self.spreads[0].error.max(self.spreads[1].error)
    }
}

fn welch(base: Side, now: Side) -> Spread {
    let all = base.freedom + now.freedom;
    let sum = base.variance + now.variance;
    let parts = base.variance.powi(2) / (base.freedom + 2.0) + now.variance.powi(2) / (now.freedom + 2.0);
    let freedom = if parts > 0.0 { (sum.powi(2) / parts - 2.0).min(all) } else { all };
    Spread { error: sum.sqrt(), freedom }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;
    use rand_distr::{Distribution, StandardNormal};

    #[test]
    fn welchs_test_comes_near_what_others_compute_with_satterthwaites_degrees() {
        // The textbook sample of Rosetta Code's "Welch's t-test": t = -9.5595 with 2.0009 degrees, p = 0.01075. Welch's own
        // degrees are 2.0012 there.
        let base = Side::of_runs(&[3.0, 4.0, 1.0, 2.1], 0.0).expect("four runs");
        let now = Side::of_runs(&[490.2, 340.0, 433.9], 0.0).expect("three runs");
        let found = welch(base, now);
        assert!(((now.estimate - base.estimate) / found.error - 9.559_497_7).abs() < 1e-6, "{found:?}");
        assert!((found.freedom - 2.0).abs() < 0.01, "{found:?}");
        let p = Difference::of_blocks(base, now).p_value(0.0);
        assert!((p - 0.010_75).abs() < 1e-4, "{p}");
    }

    #[test]
    fn interval_and_p_value_say_the_same() {
        let base = Side::of_runs(&[27.5, 21.0, 19.0, 23.6], 0.0).expect("four runs");
        let now = Side::of_runs(&[27.1, 22.0, 20.8, 23.4, 23.4, 23.5], 0.0).expect("six runs");
        for found in
            [Difference::of_runs(base, now), Difference::of_blocks(base, now), Difference::of_one_from(1.5, now)]
        {
            for alpha in [0.2, 0.05, 0.001] {
                let (low, high) = found.interval(alpha);
                assert!((found.p_value(low) / alpha - 1.0).abs() < 1e-6, "{found:?}");
                assert!((found.p_value(high) / alpha - 1.0).abs() < 1e-6, "{found:?}");
            }
        }
    }

    #[test]
    fn a_difference_that_may_be_off_excludes_no_value_that_it_may_have() {
        let side = |at: f64| Side { estimate: at, variance: 0.01, freedom: 8.0 };
        let exact = Difference::of_runs(side(1.0), side(2.0));
        let off = exact.that_may_be_off_by(0.5);
        let ((low, high), (least, most)) = (exact.interval(0.05), off.interval(0.05));
        assert!((low - least - 0.5).abs() < 1e-12 && (most - high - 0.5).abs() < 1e-12, "{off:?}");
        assert_eq!([off.p_value(0.5), off.p_value(1.2), off.p_value(1.5)], [1.0; 3]);
        assert!((off.p_value(0.0) - exact.p_value(0.5)).abs() < 1e-12, "{off:?}");
    }

    #[test]
    fn with_as_many_runs_of_equal_spread_on_either_side_the_degrees_are_those_of_both() {
        let side = Side::of_runs(&[1.0, 2.0, 3.0], 0.0).expect("three runs");
        let found = Difference::of_runs(side, Side { estimate: 4.0, ..side });
        assert!(found.value == 2.0 && found.spreads.iter().all(|s| s.freedom == 4.0), "{found:?}");
        assert!((found.error() - (2.0f64 / 3.0).sqrt()).abs() < 1e-12);
        assert_eq!(Side::of_runs(&[1.0], 0.0), None);
    }

    #[test]
    fn one_run_is_held_against_the_spread_of_the_others() {
        let several = Side::of_runs(&[1.0, 2.0, 3.0, 4.0], 0.0).expect("four runs");
        let found = Difference::of_one_from(5.0 - 2.5, several);
        assert!((found.error() - (5.0f64 / 3.0).sqrt() * (1.25f64).sqrt()).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn what_rounding_hides_is_not_taken_for_certainty() {
        let side = |at: f64, floor: f64| Side::of_runs(&[at, at, at], floor).expect("three runs");
        assert!(Difference::of_runs(side(1.0, 0.01), side(1.1, 0.01)).p_value(0.0) > 0.05);
        assert_eq!(Difference::of_runs(side(1.0, 0.01), side(1.0, 0.01)).p_value(0.0), 1.0);
        assert_eq!(Difference::of_runs(side(1.0, 0.0), side(2.0, 0.0)).p_value(0.0), 0.0);
    }

    /// How often the interval at `alpha` misses a difference of 0 between this many runs a side, of which one varies `ratio`
    /// times as much as the other.
    fn misses(runs: (usize, usize), ratio: f64, alpha: f64) -> f64 {
        const PAIRS: u64 = 10_000;
        let mut missed = 0u32;
        for pair in 0..PAIRS {
            let mut random = Seed::new(17).choice("runs").generator(pair);
            let mut side = |runs: usize, spread: f64| {
                let figures: Vec<f64> = (0..runs)
                    .map(|_| {
                        let normal: f64 = StandardNormal.sample(&mut random);
                        normal * spread
                    })
                    .collect();
                Side::of_runs(&figures, 0.0).expect("more than one run")
            };
            let found = Difference::of_runs(side(runs.0, 1.0), side(runs.1, ratio));
            missed += u32::from(found.p_value(0.0) < alpha);
        }
        f64::from(missed) / PAIRS as f64
    }

    #[test]
    fn the_interval_covers_as_often_as_it_promises_whatever_the_number_of_runs() {
        // Where runs are as many on either side and vary alike, it covers in 94 to 96 of 100.
        for runs in [3, 5, 10] {
            let missed = misses((runs, runs), 1.0, 0.05);
            assert!((0.037..=0.060).contains(&missed), "{runs} runs a side: {missed}");
        }
        // Elsewhere it may cover more often; a little less often only if the side with two runs varies more than the other.
        for (runs, ratio, most) in [
            ((2, 2), 1.0, 0.05),
            ((2, 10), 1.0, 0.06),
            ((3, 10), 1.0, 0.06),
            ((2, 10), 2.0, 0.06),
            ((3, 10), 0.5, 0.065),
            ((2, 3), 0.5, 0.075),
        ] {
            let missed = misses(runs, ratio, 0.05);
            assert!(missed <= most, "{runs:?} at a spread of 1 to {ratio}: {missed}");
        }
    }
}
