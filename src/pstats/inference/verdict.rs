//! What may be said of a difference: a word, and how many runs it would take to say more.

use serde::Serialize;

use super::difference::Difference;
use super::student::critical;

/// The verdict on a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Word {
    /// It changed for the worse.
    Worse,
    /// It changed for the better.
    Better,
    /// If it changed at all, then by no more than the tolerance.
    Same,
    /// The runs do not show which.
    CannotTell,
}

impl Word {
    /// The word for a reader.
    pub(crate) fn in_words(self) -> &'static str {
        match self {
            Self::Worse => "worse",
            Self::Better => "better",
            Self::Same => "same",
            Self::CannotTell => "cannot tell",
        }
    }
}

/// How figures of two sides are subtracted, and what a difference is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    /// Logarithms are subtracted; the difference is a share of the base.
    Ratio,
    /// Shares are subtracted as they are; the difference is in points.
    Points,
}

impl Scale {
    /// A figure on the scale on which it is subtracted.
    pub(crate) fn enter(self, figure: f64) -> f64 {
        match self {
            Self::Ratio => figure.ln(),
            Self::Points => figure,
        }
    }

    /// The figure at this place of the scale.
    pub(crate) fn leave(self, place: f64) -> f64 {
        match self {
            Self::Ratio => place.exp(),
            Self::Points => place,
        }
    }

    /// A difference on the scale, as it is called.
    pub(crate) fn name(self, difference: f64) -> f64 {
        match self {
            Self::Ratio => difference.exp_m1(),
            Self::Points => difference,
        }
    }
}

/// Which way a figure is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    /// Such as a latency.
    Lower,
    /// Such as a success rate.
    Higher,
}

/// What is asked of a difference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Question {
    /// How the figure is subtracted.
    pub(crate) scale: Scale,
    /// Which way it is better.
    pub(crate) better: Better,
    /// The largest difference that does not matter, as the scale names it.
    pub(crate) tolerance: f64,
    /// The probability of a false claim that is accepted.
    pub(crate) alpha: f64,
}

impl Question {
    /// The interval of a difference, as the scale names it.
    pub(crate) fn interval(&self, of: &Difference) -> (f64, f64) {
        let (low, high) = of.interval(self.alpha);
        (self.scale.name(low), self.scale.name(high))
    }

    /// The word. `adjusted` is the p-value of no difference, adjusted for the family.
    ///
    /// The same, if the interval lies within the tolerance: the two one-sided tests of Schuirmann (1987), each at half of
    /// alpha. Otherwise worse or better, if the family allows to say so; the interval then lies on one side of 0, because the
    /// adjusted p-value is never below the plain one.
    pub(crate) fn word(&self, of: &Difference, adjusted: f64) -> Word {
        let (low, high) = self.interval(of);
        if -self.tolerance <= low && high <= self.tolerance {
            return Word::Same;
        }
        if adjusted > self.alpha {
            return Word::CannotTell;
        }
        match self.better {
            Better::Lower if of.value > 0.0 => Word::Worse,
            Better::Higher if of.value < 0.0 => Word::Worse,
            _ => Word::Better,
        }
    }

    /// How far a difference, as the scale names it, is worse; negative if it is better.
    pub(crate) fn harm(&self, difference: f64) -> f64 {
        match self.better {
            Better::Lower => difference,
            Better::Higher => -difference,
        }
    }

    /// How many runs a side it would take to say a word with probability [`POWER`], if the difference is the one that was seen
    /// and a run's figure has this standard deviation; `family` is the number of hypotheses. `None` if it takes more than
    /// [`MOST_RUNS`].
    #[allow(clippy::cast_precision_loss)] // runs and figures are few
    pub(crate) fn runs_needed(&self, difference: &Difference, spread: f64, family: usize) -> Option<usize> {
        let (low, high) = match self.scale {
            Scale::Ratio => ((-self.tolerance).ln_1p(), self.tolerance.ln_1p()),
            Scale::Points => (-self.tolerance, self.tolerance),
        };
        // To the nearer end of the tolerance; to 0.
        let (value, off) = (difference.value, difference.off());
        let (room, away) = ((high - value).min(value - low) - off, value.abs() - off);
        let suffices = |runs: usize| {
            let freedom = 2.0 * (runs as f64 - 1.0);
            let error = spread * (2.0 / runs as f64).sqrt();
            let power = critical(2.0 * (1.0 - POWER), freedom);
            let reach = |alpha: f64| (critical(alpha, freedom) + power) * error;
            reach(self.alpha) <= room || reach(self.alpha / family.max(1) as f64) <= away
        };
        if !suffices(MOST_RUNS) {
            return None;
        }
        let (mut too_few, mut enough) = (1, MOST_RUNS);
        while enough - too_few > 1 {
            let middle = usize::midpoint(too_few, enough);
            if suffices(middle) { enough = middle } else { too_few = middle }
        }
        Some(enough)
    }
}

/// With how much certainty the runs that are asked for bring a verdict.
pub(crate) const POWER: f64 = 0.8;

/// Nobody makes more runs a side for a verdict.
pub(crate) const MOST_RUNS: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pstats::inference::difference::Side;
    use crate::seed::Seed;
    use proptest::prelude::*;
    use rand_distr::{Distribution, StandardNormal};

    const LATENCY: Question = Question { scale: Scale::Ratio, better: Better::Lower, tolerance: 0.05, alpha: 0.05 };

    fn runs(base: &[f64], now: &[f64]) -> Difference {
        let side = |of: &[f64]| {
            let figures: Vec<f64> = of.iter().map(|figure| LATENCY.scale.enter(*figure)).collect();
            Side::of_runs(&figures, 0.0).expect("several runs")
        };
        Difference::of_runs(side(base), side(now))
    }

    #[test]
    fn the_word_follows_from_the_interval_and_the_tolerance() {
        let steady = [100.0, 101.0, 100.5, 99.5];
        let of = |now: &[f64]| {
            let difference = runs(&steady, now);
            LATENCY.word(&difference, difference.p_value(0.0))
        };
        assert_eq!(of(&[100.2, 100.9, 99.8, 100.6]), Word::Same);
        assert_eq!(of(&[110.0, 111.0, 110.5, 109.0]), Word::Worse);
        assert_eq!(of(&[90.0, 91.0, 90.5, 89.0]), Word::Better);
        assert_eq!(of(&[95.0, 120.0, 88.0, 125.0]), Word::CannotTell);
        // A small difference that is certain and does not matter.
        assert_eq!(of(&[102.2, 102.9, 102.4, 102.6]), Word::Same);
        let success = Question { scale: Scale::Points, better: Better::Higher, ..LATENCY };
        let side = |at: f64| Side { estimate: at, variance: 1e-6, freedom: 8.0 };
        let dropped = Difference::of_runs(side(0.99), side(0.80));
        assert_eq!(success.word(&dropped, dropped.p_value(0.0)), Word::Worse);
    }

    #[test]
    fn the_runs_that_are_asked_for_bring_a_verdict_about_as_often_as_promised() {
        // A run's P95 varies by 4 % and is 10 % up.
        let (spread, up) = (0.04, 0.1f64.ln_1p());
        let by = |value: f64| {
            let side = |estimate: f64| Side { estimate, variance: 1e-6, freedom: 8.0 };
            Difference::of_runs(side(0.0), side(value))
        };
        let needed = LATENCY.runs_needed(&by(up), spread, 6).expect("a few");
        let mut found = 0u32;
        for pair in 0..2000 {
            let mut random = Seed::new(5).choice("power").generator(pair);
            let mut side = |at: f64| {
                let figures: Vec<f64> = (0..needed)
                    .map(|_| {
                        let normal: f64 = StandardNormal.sample(&mut random);
                        at + spread * normal
                    })
                    .collect();
                Side::of_runs(&figures, 0.0).expect("several runs")
            };
            let difference = Difference::of_runs(side(0.0), side(up));
            found += u32::from(difference.p_value(0.0) <= LATENCY.alpha / 6.0);
        }
        let power = f64::from(found) / 2000.0;
        assert!((POWER - 0.05..0.95).contains(&power), "{needed} runs: {power}");
        assert!(LATENCY.runs_needed(&by(up), spread, 60) > Some(needed));
        // No number of runs tells on which side of the tolerance a difference lies that is just as large.
        assert_eq!(LATENCY.runs_needed(&by(0.0), 10.0, 6), None);
        // Nor which side, if values that are not known may put it on the other.
        assert_eq!(LATENCY.runs_needed(&by(up).that_may_be_off_by(up), spread, 6), None);
    }

    proptest! {
        #[test]
        fn word_and_interval_never_contradict_each_other(
            base in prop::collection::vec(50.0f64..150.0, 2..7),
            now in prop::collection::vec(50.0f64..150.0, 2..7),
            times in 1.0f64..40.0,
        ) {
            let difference = runs(&base, &now);
            let (low, high) = LATENCY.interval(&difference);
            match LATENCY.word(&difference, (difference.p_value(0.0) * times).min(1.0)) {
                Word::Worse => prop_assert!(low > 0.0),
                Word::Better => prop_assert!(high < 0.0),
                Word::Same => prop_assert!(low >= -0.05 && high <= 0.05),
                Word::CannotTell => prop_assert!(low < -0.05 || high > 0.05),
            }
        }
    }
}
