//! The ends of a distribution, of which few lines tell.
//!
//! Where fewer lines lie than may be told of, the distribution goes on as its shape before says: a generalised Pareto distribution
//! through the numbers that one, two and four times as many lines exceed (Pickands 1975). It knows nothing of the numbers beyond.

/// Numbers from the first bound to the second, with their count. They are spread evenly between.
pub(in crate::plearn::learn) type Bin = (f64, f64, f64);

/// Bounds of the shape: -1 ends like a uniform distribution, 0 is exponential, above is heavier.
const SHAPE: (f64, f64) = (-1.0, 0.5);

/// Each part of an end holds half of what is left, up to so many parts.
const PARTS: u32 = 5;

/// Gives the outermost bins back what they took of the lines beyond. `all` are the bins before they were joined, `least` is what a bin
/// has to hold. If no number is below 0, none will be.
pub(in crate::plearn::learn) fn with_tails(joined: Vec<Bin>, all: &[Bin], least: f64) -> Vec<Bin> {
    let total: f64 = all.iter().map(|bin| bin.2).sum();
    if joined.len() < 3 || total < 8.0 * least {
        return joined;
    }
    let floor = all.first().filter(|first| first.1 > 0.0).map(|first| first.0.min(0.0));
    let mirror = |bins: &[Bin]| bins.iter().rev().map(|(low, high, count)| (-high, -low, *count)).collect::<Vec<_>>();
    let up = upper(joined, all, least);
    let both = mirror(&upper(mirror(&up), &mirror(all), least));
    let Some(floor) = floor else { return both };
    both.into_iter().map(|(low, high, count)| (low.max(floor), high.max(floor), count)).collect()
}

fn upper(mut joined: Vec<Bin>, all: &[Bin], least: f64) -> Vec<Bin> {
    let Some(last) = joined.last_mut() else { return joined };
    let edge = last.1;
    let beyond: f64 = all.iter().filter(|bin| bin.0 >= edge).map(|bin| bin.2).sum();
    let bounds = [1.0, 2.0, 4.0].map(|times| exceeded(all, times * least));
    let (near, far) = (bounds[0] - bounds[1], bounds[1] - bounds[2]);
    if beyond <= 0.0 || beyond >= last.2 || near <= 0.0 || far <= 0.0 {
        return joined;
    }
    let shape = libm::log2(near / far).clamp(SHAPE.0, SHAPE.1);
    let excess = |share: f64| {
        if libm::fabs(shape) < 1e-3 {
            return -near / std::f64::consts::LN_2 * libm::log(share);
        }
        near / (1.0 - libm::pow(2.0, -shape)) * (libm::pow(share, -shape) - 1.0)
    };
    last.2 -= beyond;
    let mut left = beyond;
    let mut low = edge;
    for part in 1..=PARTS {
        let count = if part == PARTS { left } else { left / 2.0 };
        // The last part ends where a quarter of a line would be beyond, or a quarter of the part.
        let behind = if part == PARTS { (left / 4.0).min(0.25) } else { left - count };
        let high = (bounds[0] + excess(behind / least)).max(low);
        joined.push((low, high, count));
        (low, left) = (high, left - count);
    }
    joined
}

/// The number that so many lines exceed. Those of a bin are spread evenly.
fn exceeded(bins: &[Bin], lines: f64) -> f64 {
    let mut sum = 0.0;
    for (low, high, count) in bins.iter().rev() {
        if sum + count >= lines {
            return high - (high - low) * (lines - sum) / count;
        }
        sum += count;
    }
    bins.first().map_or(0.0, |bin| bin.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bins of the middle, to whose outermost the others are added.
    fn joined(all: &[Bin], least: f64) -> Vec<Bin> {
        let outer = all.iter().scan(0.0, |sum, bin| Some((*sum += bin.2, *sum).1)).position(|sum| sum >= least);
        let outer = outer.expect("there are enough");
        let mut middle = all[outer..all.len() - outer].to_vec();
        let last = middle.len() - 1;
        middle[0].2 += all[..outer].iter().map(|bin| bin.2).sum::<f64>();
        middle[last].2 += all[all.len() - outer..].iter().map(|bin| bin.2).sum::<f64>();
        middle
    }

    fn bins(quantile: impl Fn(f64) -> f64) -> Vec<Bin> {
        (0..1000)
            .map(|n| f64::from(n) / 1000.0)
            .map(|p| (quantile(p), quantile((p + 0.001).min(0.9995)), 1.0))
            .collect()
    }

    #[test]
    fn an_end_goes_on_as_the_numbers_before_it() {
        let exponential = bins(|p| -100.0 * libm::log(1.0 - p));
        let found = with_tails(joined(&exponential, 20.0), &exponential, 20.0);
        let total: f64 = found.iter().map(|bin| bin.2).sum();
        assert!((total - 1000.0).abs() < 1e-6, "{total}");
        assert!((600.0..1100.0).contains(&found[found.len() - 1].1), "{found:?}");
        assert!(found[0].0 >= 0.0, "{found:?}");
        let uniform = bins(|p| 50.0 + p * 100.0);
        let found = with_tails(joined(&uniform, 20.0), &uniform, 20.0);
        let (first, last) = (found[0], found[found.len() - 1]);
        assert!((149.0..151.0).contains(&last.1) && (49.0..51.0).contains(&first.0), "{first:?} {last:?}");
    }

    #[test]
    fn what_few_lines_hold_moves_no_end() {
        let mut plain: Vec<Bin> = (0..500).map(|n| (f64::from(n), f64::from(n + 1), 2.0)).collect();
        let without = with_tails(joined(&plain, 20.0), &plain, 20.0);
        plain[499] = (1e6, 1e6 + 1.0, 2.0);
        let with = with_tails(joined(&plain, 20.0), &plain, 20.0);
        assert!((with[with.len() - 1].1 - without[without.len() - 1].1).abs() < 3.0, "{with:?}");
    }
}
