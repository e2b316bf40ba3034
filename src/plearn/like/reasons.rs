//! What a classifier told two sides apart by: how much less it does so if the values of a member are exchanged between random lines
//! (permutation importance, Breiman 2001).

use smartcore::linalg::basic::arrays::{Array, MutArray};
use smartcore::linalg::basic::matrix::DenseMatrix;

/// The most reasons that are told.
const MOST: usize = 5;

/// A smaller share is no reason.
const LEAST: f64 = 0.03;

/// A member, or two together, and its share in telling the sides apart.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub(super) struct Reason {
    /// One member, or two whose values are unusual together.
    pub(super) members: Vec<String>,
    /// How much less the mean scores of both sides are apart without it, from 0 to 1. The shares of all need not add up to 1.
    pub(super) share: f64,
}

/// For each group of columns, how much of the distance between the mean scores of the first half of the lines, which are real, and of the
/// second is lost without it. The scores are of the lines as they are.
pub(super) fn losses(
    lines: &mut DenseMatrix<f64>,
    groups: &[Vec<usize>],
    predict: &dyn Fn(&DenseMatrix<f64>) -> Option<Vec<f64>>,
) -> Option<Vec<f64>> {
    let (rows, _) = lines.shape();
    let whole = gap(&predict(lines)?);
    let mut out = Vec::new();
    for group in groups {
        let before: Vec<Vec<f64>> =
            group.iter().map(|column| (0..rows).map(|row| *lines.get((row, *column))).collect()).collect();
        // Each line takes the values of one that is far from it. The lines of a side are in random order, and half of the others are of
        // the other side.
        let other = |row: usize| (row + rows / 4) % rows;
        for (column, values) in group.iter().zip(&before) {
            (0..rows).for_each(|row| lines.set((row, *column), values[other(row)]));
        }
        let without = gap(&predict(lines)?);
        for (column, values) in group.iter().zip(&before) {
            (0..rows).for_each(|row| lines.set((row, *column), values[row]));
        }
        out.push(if whole > 0.0 { (whole - without) / whole } else { 0.0 });
    }
    Some(out)
}

/// How far the mean scores of the first half are below those of the second.
fn gap(scores: &[f64]) -> f64 {
    let (real, synthetic) = scores.split_at(scores.len() / 2);
    #[allow(clippy::cast_precision_loss)] // some hundred
    let mean = |scores: &[f64]| scores.iter().sum::<f64>() / scores.len().max(1) as f64;
    mean(synthetic) - mean(real)
}

/// The strongest reasons of all.
pub(super) fn strongest(members: Vec<Vec<String>>, losses: Vec<f64>) -> Vec<Reason> {
    let rounded = |share: f64| libm::round(share.min(1.0) * 1000.0) / 1000.0;
    let reasons = members.into_iter().zip(losses).map(|(members, share)| Reason { members, share: rounded(share) });
    let mut reasons: Vec<Reason> = reasons.filter(|reason| reason.share >= LEAST).collect();
    reasons.sort_by(|a, b| b.share.total_cmp(&a.share));
    reasons.truncate(MOST);
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_score_rests_on_is_found() {
        // The second column tells the sides apart, the first and the third do not.
        let line = |row: usize| vec![row as f64 % 7.0, if row < 40 { 0.0 } else { 1.0 }, row as f64 % 3.0];
        let mut lines = DenseMatrix::from_2d_vec(&(0..80).map(line).collect()).expect("a matrix");
        let before = lines.clone();
        let score = |lines: &DenseMatrix<f64>| {
            Some((0..80).map(|row| lines.get((row, 1)) * 2.0 + lines.get((row, 0)) * 0.0).collect())
        };
        let losses = losses(&mut lines, &[vec![0], vec![1], vec![1, 2]], &score).expect("losses");
        assert_eq!(losses, [0.0, 1.0, 1.0]);
        assert_eq!(lines, before);
        let names = ["a", "b", "c"].map(|name| vec![name.to_owned()]).to_vec();
        let found = strongest(names, vec![0.01, 0.4, 0.5]);
        assert_eq!(found.iter().map(|reason| &*reason.members[0]).collect::<Vec<_>>(), ["c", "b"]);
    }
}
