//! How well a classifier that was trained to tell two sides apart does so on lines that it has not seen: the area under its ROC curve
//! (AUC), which is the probability that it gives a random synthetic line a higher score than a random real one. 0.5 is a coin, 1 is
//! certainty.
//!
//! The classifier is gradient-boosted trees. It sees what is judged of each member, and of each of the strongest pairs how unusual the
//! two values are together. Each line is scored by a model that was trained on the other half of the lines. The interval is that of
//! DeLong, DeLong and Clarke-Pearson (1988), from midranks as Sun and Xu (2014) compute them.

use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::xgboost::{XGRegressor, XGRegressorParameters};

use super::member::{MOST_CLASSES, Member};
use super::pairs::Pair;
use super::reasons::{self, Reason};

/// The most lines of each side.
const MOST_ROWS: usize = 4096;

/// Fewer lines of a side teach nothing.
const FEWEST: usize = 50;

/// Trees, and how many members one can combine.
const TREES: usize = 40;
const DEPTH: u16 = 3;

/// How much of its error each tree corrects.
const RATE: f64 = 0.2;

/// The quantile of the normal distribution for an interval that covers 95 %.
const WIDE: f64 = 1.959_963_984_540_054;

/// Lines of each side by which it is found what the sides are told apart by: fewer of lines with many members, so that it takes no longer
/// than the training.
const ASKED: (usize, usize) = (30, 300);
const MOST_ASKED: usize = 4_000_000;

/// The AUC with its interval.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Auc {
    pub(super) value: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    /// What the sides were told apart by, the strongest first; empty if they were not.
    pub(super) reasons: Vec<Reason>,
}

/// Trains and tries the classifier. The rows are in random order.
///
/// # Errors
/// Why it is not known.
pub(super) fn auc(members: &[Member], pairs: &[Pair], rows: usize) -> Result<Auc, &'static str> {
    let rows = rows.min(MOST_ROWS);
    if rows < FEWEST {
        return Err("the classifier needs at least 50 lines of each side");
    }
    let varies = |feature: &&[Vec<f64>; 2]| feature.iter().any(|side| side.iter().any(|x| *x != feature[0][0]));
    let mut features: Vec<&[Vec<f64>; 2]> = Vec::new();
    // The columns of each member, then those of each pair.
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut names: Vec<Vec<String>> = Vec::new();
    for member in members {
        let from = features.len();
        features.extend(member.features.iter().filter(varies));
        if features.len() > from {
            groups.push((from..features.len()).collect());
            names.push(vec![member.path.clone()]);
        }
    }
    if features.is_empty() {
        return Err("the lines have nothing that the classifier could tell apart");
    }
    groups.extend((features.len()..features.len() + pairs.len()).map(|column| vec![column]));
    names.extend(pairs.iter().map(|pair| pair.members.map(|at| members[at].path.clone()).to_vec()));
    let mut losses = vec![0.0; groups.len()];
    let asked = (MOST_ASKED / ((features.len() + pairs.len()) * groups.len())).clamp(ASKED.0, ASKED.1);
    let (mut sum, mut variance) = (0.0, 0.0);
    for fold in 0..2 {
        let trained: Vec<usize> = (0..rows).filter(|row| row % 2 == fold).collect();
        let tried: Vec<usize> = (0..rows).filter(|row| row % 2 != fold).collect();
        let unusual: Vec<[Vec<f64>; 2]> = pairs.iter().map(|pair| unusual(members, pair, &trained)).collect();
        let seen: Vec<&[Vec<f64>; 2]> = features.iter().copied().chain(&unusual).collect();
        let table = |rows: &[usize]| {
            let line = |side: usize, row: usize| seen.iter().map(|feature| feature[side][row]).collect::<Vec<f64>>();
            let lines = [0, 1].into_iter().flat_map(|side| rows.iter().map(move |row| (side, *row)));
            DenseMatrix::from_2d_vec(&lines.map(|(side, row)| line(side, row)).collect())
        };
        let of_synthetic: Vec<i32> = [0, 1].into_iter().flat_map(|side| trained.iter().map(move |_| side)).collect();
        let how = XGRegressorParameters::default()
            .with_n_estimators(TREES)
            .with_max_depth(DEPTH)
            .with_learning_rate(RATE)
            .with_seed(0);
        let failed = |_| "the classifier could not be trained";
        let model = table(&trained).and_then(|lines| XGRegressor::fit(&lines, &of_synthetic, how)).map_err(failed)?;
        let scores = table(&tried).and_then(|lines| model.predict(&lines)).map_err(failed)?;
        let mut asked = table(&tried[..tried.len().min(asked)]).map_err(failed)?;
        let lost = reasons::losses(&mut asked, &groups, &|lines| model.predict(lines).ok()).unwrap_or_default();
        losses.iter_mut().zip(lost).for_each(|(sum, lost)| *sum += lost / 2.0);
        let (real, synthetic) = scores.split_at(tried.len());
        let (auc, of_fold) = area(real, synthetic);
        sum += auc;
        variance += of_fold;
    }
    let (value, error) = (sum / 2.0, libm::sqrt(variance) / 2.0);
    let at = |sign: f64| (value + sign * WIDE * error).clamp(0.0, 1.0);
    let low = at(-1.0);
    let reasons = if low > 0.5 { reasons::strongest(names, losses) } else { Vec::new() };
    Ok(Auc { value, low, high: at(1.0), reasons })
}

/// How unusual the classes of a pair are together: the logarithm of how much more often the real lines of `trained` have both than if
/// they did not depend on each other.
fn unusual(members: &[Member], pair: &Pair, trained: &[usize]) -> [Vec<f64>; 2] {
    let [a, b] = pair.members.map(|at| &members[at].classes);
    let mut together = vec![0.5; MOST_CLASSES * MOST_CLASSES];
    let (mut one, mut other) = (vec![1.0; MOST_CLASSES], vec![1.0; MOST_CLASSES]);
    for row in trained {
        let (x, y) = (usize::from(a[0][*row]), usize::from(b[0][*row]));
        together[x * MOST_CLASSES + y] += 1.0;
        one[x] += 1.0;
        other[y] += 1.0;
    }
    let whole = one.iter().sum::<f64>();
    [0, 1].map(|side| {
        let unusual = |(x, y): (&u8, &u8)| {
            let (x, y) = (usize::from(*x), usize::from(*y));
            libm::log(together[x * MOST_CLASSES + y] * whole / (one[x] * other[y]))
        };
        a[side].iter().zip(&b[side]).map(unusual).collect()
    })
}

/// The probability that a random one of `above` is larger than a random one of `below`, equal ones counting half, and its variance.
fn area(below: &[f64], above: &[f64]) -> (f64, f64) {
    #[allow(clippy::cast_precision_loss)] // at most some thousands
    let [m, n] = [above.len() as f64, below.len() as f64];
    let all: Vec<f64> = above.iter().chain(below).copied().collect();
    let (all, of_above, of_below) = (midranks(&all), midranks(above), midranks(below));
    // The share of the other side that each is above, or below.
    let from_above: Vec<f64> = all.iter().zip(&of_above).map(|(all, own)| (all - own) / n).collect();
    let from_below: Vec<f64> =
        all[above.len()..].iter().zip(&of_below).map(|(all, own)| 1.0 - (all - own) / m).collect();
    let area = from_above.iter().sum::<f64>() / m;
    let variance =
        |of: &[f64], count: f64| of.iter().map(|x| (x - area) * (x - area)).sum::<f64>() / (count - 1.0) / count;
    (area, variance(&from_above, m) + variance(&from_below, n))
}

/// The ranks of numbers, from 1. Equal ones share the mean of theirs.
fn midranks(numbers: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..numbers.len()).collect();
    order.sort_by(|a, b| numbers[*a].total_cmp(&numbers[*b]));
    let mut ranks = vec![0.0; numbers.len()];
    let mut start = 0;
    while start < order.len() {
        let end = start + order[start..].iter().take_while(|at| numbers[**at] == numbers[order[start]]).count();
        #[allow(clippy::cast_precision_loss)] // at most some thousands
        let rank = (start + 1 + end) as f64 / 2.0;
        order[start..end].iter().for_each(|at| ranks[*at] = rank);
        start = end;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;
    use rand::RngExt;

    #[test]
    fn areas_and_variances_are_those_of_a_worked_example() {
        assert_eq!(midranks(&[2.0, 1.0, 2.0, 7.0]), [2.5, 1.0, 2.5, 4.0]);
        // Pairs by hand: 2>1, 3>1, 3>2 and 3>2 count 1, 2=2 counts a half twice, of six.
        let (found, variance) = area(&[1.0, 2.0, 2.0], &[2.0, 3.0]);
        assert!((found - 5.0 / 6.0).abs() < 1e-12, "{found}");
        // Of the synthetic: 2/3 and 1, variance 1/18 of 2; of the real: 1, 3/4, 3/4, variance 1/48 of 3.
        assert!((variance - (1.0 / 36.0 + 1.0 / 144.0)).abs() < 1e-12, "{variance}");
    }

    #[test]
    fn the_interval_of_an_area_covers_it_in_95_of_100_runs() {
        // Of uniform numbers x and y, the root of x is larger than y in two of three cases.
        let mut draws = Seed::new(1).choice("area").generator(0);
        let mut covered = 0;
        for _ in 0..400 {
            let mut numbers = |count: usize| (0..count).map(|_| draws.random::<f64>()).collect::<Vec<_>>();
            let (below, above) = (numbers(120), numbers(120).into_iter().map(f64::sqrt).collect::<Vec<_>>());
            let (found, variance) = area(&below, &above);
            covered += u32::from((found - 2.0 / 3.0).abs() <= WIDE * libm::sqrt(variance));
        }
        assert!((364..=394).contains(&covered), "{covered} of 400");
    }
}
