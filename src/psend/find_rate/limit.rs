//! The rate at which the share of bad events reaches what a condition allows, with an interval: a logistic regression of the share on
//! the logarithm of the rate, inverted by its profile likelihood. docs/statistics.md says from which papers.

use super::meter::Share;

/// The steepest and the flattest curve that is fitted: by how much the log-odds rise when the logarithm of the rate rises by 1.
const FLATTEST: f64 = 1.0;
const STEEPEST: f64 = 400.0;

/// The 97.5th percentile of the normal distribution.
const Z: f64 = 1.959_964;

/// What a step showed about a condition.
#[derive(Debug, Clone)]
pub(super) struct Trial {
    /// The logarithm of its rate.
    pub(super) x: f64,
    pub(super) share: Share,
    /// The same by block of time.
    pub(super) blocks: Vec<Share>,
}

/// A limit: logarithms of rates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Limit {
    pub(super) at: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// The two-sided 95% quantile of Student's distribution, by the expansion 26.7.5 of Abramowitz and Stegun.
fn student(freedom: f64) -> f64 {
    let (z3, z5) = (Z.powi(3), Z.powi(5));
    Z + (z3 + Z) / (4.0 * freedom) + (5.0 * z5 + 16.0 * z3 + 3.0 * Z) / (96.0 * freedom * freedom)
}

/// The log-likelihood of the trials on the best curve that reaches `share` at `x0`, and its slope.
fn profile(trials: &[Trial], share: f64, x0: f64, start: f64) -> (f64, f64) {
    let offset = (share / (1.0 - share)).ln();
    let likelihood = |slope: f64| -> f64 {
        trials
            .iter()
            .map(|trial| {
                let odds = offset + slope * (trial.x - x0);
                // ln p = −ln(1 + e^−odds), ln(1 − p) = −ln(1 + e^odds), in forms that do not overflow.
                let (miss, hit) = (softplus(odds), softplus(-odds));
                -(trial.share.bad as f64) * hit - ((trial.share.of - trial.share.bad) as f64) * miss
            })
            .sum()
    };
    let mut slope = start.clamp(FLATTEST, STEEPEST);
    let mut value = likelihood(slope);
    for _ in 0..30 {
        let (mut gradient, mut curvature) = (0.0, 1e-9);
        for trial in trials {
            let (dx, of) = (trial.x - x0, trial.share.of as f64);
            let p = 1.0 / (1.0 + (-(offset + slope * dx)).exp());
            gradient += (trial.share.bad as f64 - of * p) * dx;
            curvature += of * p * (1.0 - p) * dx * dx;
        }
        let mut step = gradient / curvature;
        let mut moved = false;
        for _ in 0..20 {
            let next = (slope + step).clamp(FLATTEST, STEEPEST);
            let better = likelihood(next);
            if better > value + 1e-9 {
                (slope, value, moved) = (next, better, true);
                break;
            }
            step /= 2.0;
        }
        if !moved {
            break;
        }
    }
    (value, slope)
}

/// ln(1 + e^x).
fn softplus(x: f64) -> f64 {
    if x > 30.0 { x } else { x.exp().ln_1p() }
}

/// The limit that these trials show, looked for between `low` and `high`. Without trials on both sides its interval reaches the
/// ends of that range.
pub(super) fn limit(trials: &[Trial], share: f64, low: f64, high: f64) -> Limit {
    let mut slope = 30.0;
    let mut at = |x0: f64| {
        let (value, best) = profile(trials, share, x0, slope);
        slope = best;
        value
    };
    // The best place on a grid, then by golden section around it.
    const GRID: usize = 24;
    let place = |nth: usize| low + (high - low) * nth as f64 / GRID as f64;
    let values: Vec<f64> = (0..=GRID).map(|nth| at(place(nth))).collect();
    let best = (0..=GRID).max_by(|a, b| values[*a].total_cmp(&values[*b])).unwrap_or(0);
    let (mut a, mut b) = (place(best.saturating_sub(1)), place((best + 1).min(GRID)));
    const GOLDEN: f64 = 0.618_034;
    for _ in 0..25 {
        let (c, d) = (b - GOLDEN * (b - a), a + GOLDEN * (b - a));
        if at(c) >= at(d) { b = d } else { a = c }
    }
    let found = f64::midpoint(a, b);
    let (peak, slope_there) = profile(trials, share, found, slope);
    let (dispersion, freedom) = dispersion(trials, share, found, slope_there);
    let allowed = dispersion * student(freedom).powi(2) / 2.0;
    let is_within = |x: f64| peak - profile(trials, share, x, slope_there).0 <= allowed;
    let end = |mut inside: f64, mut outside: f64| {
        if is_within(outside) {
            return outside;
        }
        for _ in 0..25 {
            let middle = f64::midpoint(inside, outside);
            if is_within(middle) { inside = middle } else { outside = middle }
        }
        f64::midpoint(inside, outside)
    };
    Limit { at: found, low: end(found, low), high: end(found, high) }
}

/// By how much the shares vary more than those of independent events would, and the degrees of freedom of this estimate: from the
/// blocks of time of each step, and from the steps around the curve. The larger of the two counts.
fn dispersion(trials: &[Trial], share: f64, x0: f64, slope: f64) -> (f64, f64) {
    let offset = (share / (1.0 - share)).ln();
    let (mut within, mut within_freedom, mut between, mut informative) = (0.0, 0.0, 0.0, 0.0f64);
    for trial in trials {
        let p = 1.0 / (1.0 + (-(offset + slope * (trial.x - x0))).exp());
        let (bad, of) = (trial.share.bad as f64, trial.share.of as f64);
        if of * p >= 1.0 && of * (1.0 - p) >= 1.0 {
            between += (bad - of * p).powi(2) / (of * p * (1.0 - p));
            informative += 1.0;
        }
        let own = bad / of.max(1.0);
        if bad >= 5.0 && own < 0.5 {
            for block in &trial.blocks {
                let expected = block.of as f64 * own;
                if expected > 0.0 {
                    within += (block.bad as f64 - expected).powi(2) / (expected * (1.0 - own));
                }
            }
            within_freedom += trial.blocks.len() as f64 - 1.0;
        }
    }
    let between_freedom = (informative - 2.0).max(0.0);
    let mean = |sum: f64, freedom: f64| if freedom > 0.0 { sum / freedom } else { 1.0 };
    let dispersion = if between_freedom >= 6.0 {
        mean(between, between_freedom)
    } else {
        mean(within, within_freedom).max(mean(between, between_freedom))
    };
    let dispersion = dispersion.max(1.0);
    (dispersion, (trials.len() as f64 - 2.0).max(2.0))
}
