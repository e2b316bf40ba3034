//! Distributions of numbers as tables of quantiles.

mod tails;

pub(super) use self::tails::Bin;
use self::tails::with_tails;
use super::model::Numbers;

/// How far the probabilities of a table may be from the counted ones.
const TOLERANCE: f64 = 0.0008;

/// The most points of a table.
const MOST_POINTS: usize = 48;

/// The largest number that pgen writes.
const MOST: f64 = 9_007_199_254_740_992.0;

/// Rounds to this many significant digits.
pub(in crate::plearn) fn significant(number: f64, digits: i32) -> f64 {
    if number == 0.0 || !number.is_finite() {
        return 0.0;
    }
    #[allow(clippy::cast_possible_truncation)] // a double has at most 308 digits before or behind its point
    let places = digits - 1 - libm::floor(libm::log10(libm::fabs(number))) as i32;
    // Dividing by a power of ten is exact to the last bit where multiplying by its inverse is not.
    let scale = libm::pow(10.0, f64::from(places.abs()));
    if places >= 0 { libm::round(number * scale) / scale } else { libm::round(number / scale) * scale }
}

/// Widens bins to the numbers that are rounded into them, as pgen rounds to the nearest.
pub(super) fn of_bins(bounds: &[(f64, f64, u64)], places: u32, least: f64, most: f64) -> Vec<Bin> {
    let unit = libm::pow(10.0, -f64::from(places));
    let bins = bounds.iter().map(|(low, high, count)| {
        let (mut low, mut high) = (low.max(least), high.min(most + unit));
        // The numbers of a bin are multiples of the unit.
        let scale = 1.0 / unit;
        let first = libm::ceil(low * scale - 1e-6) / scale;
        let behind = libm::ceil(high * scale - 1e-6) / scale;
        (low, high) = (first - unit / 2.0, behind.max(first + unit) - unit / 2.0);
        #[allow(clippy::cast_precision_loss)] // counts far below 2^53
        (low, high, *count as f64)
    });
    bins.collect()
}

/// Makes each bin hold at least this many, so that no table tells of fewer: the lowest and highest numbers count in the outermost bins
/// that so many reach, and other neighbours are joined.
pub(super) fn joined(bins: &[Bin], least: f64) -> Vec<Bin> {
    let total: f64 = bins.iter().map(|bin| bin.2).sum();
    // Of fewer numbers, only the middle one is left.
    let least_beyond = least.min(total / 2.0);
    let Some(first) = reaching(bins.iter(), least_beyond) else { return Vec::new() };
    let last = bins.len() - 1 - reaching(bins.iter().rev(), least_beyond).unwrap_or(0);
    let mut out: Vec<Bin> = Vec::new();
    for (low, high, count) in &bins[first..=last] {
        // Few numbers before a gap belong to those below it rather than to many above.
        if let [.., before, few] = &mut out[..]
            && few.2 < least
            && *low > few.1
            && *count >= least
        {
            (before.1, before.2) = (few.1, before.2 + few.2);
            out.pop();
            out.push((*low, *high, *count));
            continue;
        }
        match out.last_mut() {
            Some(bin) if bin.2 < least => *bin = (bin.0, *high, bin.2 + count),
            Some(_) => out.push((*low, *high, *count)),
            None => out.push((*low, *high, *count + bins[..first].iter().map(|bin| bin.2).sum::<f64>())),
        }
    }
    if let Some(bin) = out.last_mut() {
        bin.2 += bins[last + 1..].iter().map(|bin| bin.2).sum::<f64>();
    }
    out
}

/// The place of the bin with which the counts reach a sum.
fn reaching<'b>(mut bins: impl Iterator<Item = &'b Bin>, least: f64) -> Option<usize> {
    let mut sum = 0.0;
    bins.position(|bin| {
        sum += bin.2;
        sum >= least
    })
}

/// The bins of which a table may tell: each holds at least `min_count`, and the ends go on as the shape before them. Numbers are
/// within `range`.
pub(super) fn shown(bounds: &[(f64, f64, u64)], places: u32, range: (f64, f64), min_count: f64) -> Vec<Bin> {
    let all = of_bins(bounds, places, range.0, range.1);
    with_tails(joined(&all, min_count), &all, min_count)
}

/// The table of the numbers in these bins, which are in ascending order. `None` if they are empty.
pub(super) fn table(bins: &[Bin], places: u32) -> Option<Numbers> {
    let total: f64 = bins.iter().map(|bin| bin.2).sum();
    if total <= 0.0 {
        return None;
    }
    let mut points: Vec<(f64, f64)> = vec![(0.0, bins[0].0)];
    let mut sum = 0.0;
    for (low, high, count) in bins.iter().filter(|bin| bin.2 > 0.0) {
        let last = points[points.len() - 1];
        if *low > last.1 {
            // Nothing lies between: a step. Probabilities have to ascend.
            points.push((sum / total + 1e-7, *low));
        }
        sum += count;
        points.push((sum / total, high.max(*low)));
    }
    let mut tolerance = TOLERANCE;
    let mut kept = simplified(&points, tolerance);
    while kept.len() > MOST_POINTS {
        tolerance *= 1.5;
        kept = simplified(&points, tolerance);
    }
    Some(Numbers { places, points: rounded(&kept, places), is_quoted: false })
}

/// Leaves points out as long as the line between the others stays within the tolerance (Douglas and Peucker 1973).
fn simplified(points: &[(f64, f64)], tolerance: f64) -> Vec<(f64, f64)> {
    let mut is_kept = vec![false; points.len()];
    is_kept[0] = true;
    is_kept[points.len() - 1] = true;
    let mut spans = vec![(0, points.len() - 1)];
    while let Some((from, to)) = spans.pop() {
        let ((p, x), (q, y)) = (points[from], points[to]);
        let error = |at: &usize| {
            let (probability, value) = points[*at];
            let line = if y > x { p + (q - p) * (value - x) / (y - x) } else { q };
            libm::fabs(probability - line)
        };
        let worst = (from + 1..to).map(|at| (error(&at), at)).max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
        if let Some((error, at)) = worst
            && error > tolerance
        {
            is_kept[at] = true;
            spans.push((from, at));
            spans.push((at, to));
        }
    }
    points.iter().zip(is_kept).filter(|(_, kept)| *kept).map(|(point, _)| *point).collect()
}

/// Figures that people can read, still in ascending order.
fn rounded(points: &[(f64, f64)], places: u32) -> Vec<(f64, f64)> {
    let mut out: Vec<(f64, f64)> = Vec::new();
    let count = points.len();
    let half = libm::pow(10.0, -f64::from(places)) / 2.0;
    for (at, (p, x)) in points.iter().enumerate() {
        let digits = if at == 0 || at + 1 == count { 3 } else { 4 };
        // Half a unit is what separates whole numbers: it must not be rounded away.
        let is_edge = |x: f64| {
            libm::fabs(x) < 1e4 * half && libm::fabs(libm::fmod(libm::fabs(x), 2.0 * half) - half) < half * 1e-3
        };
        let x = if is_edge(*x) { libm::round(x / half) * half } else { significant(*x, digits) };
        let x = significant(x, 12).clamp(-MOST, MOST);
        let p = if at == 0 {
            0.0
        } else if at + 1 == count {
            1.0
        } else {
            libm::round(p * 1e6) / 1e6
        };
        match out.last() {
            None => out.push((p, x)),
            Some((before, low)) => {
                let x = x.max(*low);
                // Two points of one probability are a step, which pgen takes as a very steep line.
                let p = if p > *before { p } else { significant(before + 1e-6, 12) };
                if p < 1.0 {
                    out.push((p, x));
                } else if at + 1 == count {
                    out.push((1.0, x));
                }
            }
        }
    }
    if out.len() == 1 {
        out.push((1.0, out[0].1));
    }
    let last = out.len() - 1;
    out[last].0 = 1.0;
    out
}

/// Bounds that divide the bins into parts of about the same count.
pub(super) fn cuts(bins: &[Bin], parts: usize) -> Vec<f64> {
    let total: f64 = bins.iter().map(|bin| bin.2).sum();
    let (mut cuts, mut sum, mut due) = (Vec::new(), 0.0, 1.0);
    #[allow(clippy::cast_precision_loss)] // a few parts
    let parts = parts as f64;
    for (index, (_, high, count)) in bins.iter().enumerate() {
        sum += count;
        if sum * parts >= due * total && due < parts && index + 1 < bins.len() {
            cuts.push(*high);
            due = libm::floor(sum * parts / total) + 1.0;
        }
    }
    cuts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_follows_the_counts() {
        // 0 in half of the cases, and 10 to 19.
        let bounds: Vec<(f64, f64, u64)> =
            std::iter::once((0.0, 1.0, 500)).chain((10..20).map(|n| (f64::from(n), f64::from(n + 1), 50))).collect();
        let bins = of_bins(&bounds, 0, 0.0, 19.0);
        let table = table(&bins, 0).expect("a table");
        assert_eq!(table.points, [(0.0, -0.5), (0.5, 0.5), (0.500_001, 9.5), (1.0, 19.5)]);
        assert_eq!(cuts(&bins, 4), [0.5, 14.5]);
    }

    #[test]
    fn numbers_that_few_lines_hold_move_no_bound() {
        let outliers =
            [(-41.5, -40.5, 2.0), (0.5, 5.5, 500.0), (5.5, 6.5, 3.0), (6.5, 7.5, 40.0), (776.5, 777.5, 19.0)];
        assert_eq!(joined(&outliers, 20.0), [(0.5, 5.5, 502.0), (5.5, 7.5, 62.0)]);
        assert_eq!(joined(&outliers[1..2], 20.0), [(0.5, 5.5, 500.0)], "many lines hold these");
        let limit = [(0.5, 5.5, 500.0), (5.5, 6.5, 30.0), (8.5, 9.5, 3.0), (14.5, 15.5, 60.0)];
        assert_eq!(joined(&limit, 20.0), [(0.5, 5.5, 500.0), (5.5, 9.5, 33.0), (14.5, 15.5, 60.0)]);
        let tail: Vec<Bin> = (0..10).map(|n| (f64::from(n), f64::from(n + 1), 7.0)).collect();
        assert_eq!(joined(&tail, 20.0), [(2.0, 3.0, 21.0), (3.0, 6.0, 21.0), (6.0, 8.0, 28.0)]);
        assert_eq!(joined(&outliers[..1], 20.0), [(-41.5, -40.5, 2.0)]);
        assert_eq!(joined(&[(1.0, 2.0, 1.0), (2.0, 3.0, 1.0), (900.0, 901.0, 1.0)], 20.0), [(2.0, 3.0, 3.0)]);
        assert_eq!(joined(&[], 20.0), []);
    }

    #[test]
    fn figures_are_rounded() {
        assert_eq!(significant(123_456.0, 3), 123_000.0);
        assert_eq!(significant(-0.001_234_5, 3), -0.001_23);
        assert_eq!(significant(0.0, 3), 0.0);
    }
}
