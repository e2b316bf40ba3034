//! A respect in which two sides are held against each other, counted.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::noise::{Counts, Measure, Repeats};
use crate::plearn::learn::numbers::significant;

/// Cells of a distribution of numbers.
const MOST_CELLS: usize = 1024;

/// A respect in which two sides are held against each other.
#[derive(Debug, Clone)]
pub(super) struct Figure {
    pub(super) name: &'static str,
    pub(super) counts: Counts,
    labels: Labels,
}

/// What the cells are.
#[derive(Debug, Clone)]
enum Labels {
    Words(Vec<String>),
    /// The largest number of each cell.
    Numbers(Vec<f64>),
    /// The most frequent values.
    Ranks,
    Nameless,
}

impl Figure {
    /// Words, by total variation. Holds as many of each side against each other as the shorter has.
    pub(super) fn words(name: &'static str, sides: [&[String]; 2]) -> Self {
        let sides = even(sides);
        let order = ordered(sides);
        let mut counts = [vec![0; order.len()], vec![0; order.len()]];
        for (side, counts) in sides.iter().zip(&mut counts) {
            side.iter().for_each(|word| counts[order[word.as_str()]] += 1);
        }
        let mut labels = vec![String::new(); order.len()];
        order.iter().for_each(|(word, cell)| labels[*cell] = (*word).to_owned());
        let [real, synthetic] = counts;
        let counts = Counts::Cells { measure: Measure::TotalVariation, real, synthetic };
        Self { name, counts, labels: Labels::Words(labels) }
    }

    /// Numbers, by the distance of Kolmogorov and Smirnov.
    pub(super) fn numbers(name: &'static str, sides: [&[f64]; 2]) -> Self {
        let sides = even(sides);
        let mut all: Vec<f64> = sides.concat();
        all.sort_by(f64::total_cmp);
        let least = all.len() / MOST_CELLS;
        // Each cell ends with the last of equal numbers.
        let mut ends: Vec<f64> = Vec::new();
        let mut since = 0;
        for (at, number) in all.iter().enumerate() {
            since += 1;
            if since > least && all.get(at + 1) != Some(number) {
                ends.push(*number);
                since = 0;
            }
        }
        if since > 0 {
            ends.extend(all.last());
        }
        let [real, synthetic] = sides.map(|side| {
            let mut counts = vec![0; ends.len()];
            side.iter().for_each(|number| counts[ends.partition_point(|end| end < number)] += 1);
            counts
        });
        let counts = Counts::Cells { measure: Measure::KolmogorovSmirnov, real, synthetic };
        Self { name, counts, labels: Labels::Numbers(ends) }
    }

    /// How often values come, whatever they are.
    pub(super) fn repeats(name: &'static str, sides: [&[String]; 2]) -> Self {
        let [real, synthetic] = even(sides).map(repeats);
        Self { name, counts: Counts::Repeats { real, synthetic }, labels: Labels::Ranks }
    }

    /// Lines that were counted in cells without names, by total variation.
    pub(super) fn cells(name: &'static str, [real, synthetic]: [Vec<u32>; 2]) -> Self {
        let counts = Counts::Cells { measure: Measure::TotalVariation, real, synthetic };
        Self { name, counts, labels: Labels::Nameless }
    }

    /// What a cell is, in words.
    pub(super) fn label(&self, cell: usize) -> Option<String> {
        match &self.labels {
            Labels::Words(words) => words.get(cell).cloned(),
            Labels::Numbers(ends) => ends.get(cell).map(|end| format!("at most {}", significant(*end, 3))),
            Labels::Ranks => Some(format!("the {cell} most frequent")),
            Labels::Nameless => None,
        }
    }

    /// The name of its measure.
    pub(super) fn measure(&self) -> &'static str {
        match self.counts {
            Counts::Cells { measure: Measure::TotalVariation, .. } => "total variation",
            Counts::Cells { measure: Measure::KolmogorovSmirnov, .. } => "Kolmogorov-Smirnov",
            Counts::Repeats { .. } => "concentration",
        }
    }
}

/// As many of each side as the shorter has. Both are in random order.
fn even<T>(sides: [&[T]; 2]) -> [&[T]; 2] {
    let most = sides[0].len().min(sides[1].len());
    sides.map(|side| &side[..most])
}

/// The words of both sides with their places, the most frequent first.
pub(super) fn ordered<'w>(sides: [&'w [String]; 2]) -> HashMap<&'w str, usize> {
    let mut counts: HashMap<&'w str, u32> = HashMap::new();
    sides.into_iter().flatten().for_each(|word| *counts.entry(word).or_insert(0) += 1);
    let mut order: Vec<(Reverse<u32>, &str)> = counts.into_iter().map(|(word, count)| (Reverse(count), word)).collect();
    order.sort_unstable();
    order.into_iter().enumerate().map(|(place, (_, word))| (word, place)).collect()
}

fn repeats(values: &[String]) -> Repeats {
    let mut counts: HashMap<&str, u32> = HashMap::new();
    values.iter().for_each(|value| *counts.entry(value).or_insert(0) += 1);
    let mut often: HashMap<u32, u32> = HashMap::new();
    counts.into_values().for_each(|count| *often.entry(count).or_insert(0) += 1);
    let mut repeats: Repeats = often.into_iter().collect();
    repeats.sort_unstable_by_key(|(often, _)| Reverse(*often));
    repeats
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_counted_in_cells_that_end_with_equal_ones() {
        let figure = Figure::numbers("x", [&[1.0, 2.0, 2.0, 5.0], &[2.0, 9.0, 9.0, -1.0, 7.0]]);
        let Counts::Cells { real, synthetic, .. } = &figure.counts else { panic!("cells") };
        assert_eq!((real.as_slice(), synthetic.as_slice()), (&[0, 1, 2, 1, 0][..], &[1, 0, 1, 0, 2][..]));
        let many: Vec<f64> = (0..100_000).map(f64::from).collect();
        let Counts::Cells { real, .. } = Figure::numbers("x", [&many, &many]).counts else { panic!("cells") };
        assert!(real.len() <= MOST_CELLS && real.iter().sum::<u32>() == 100_000, "{}", real.len());
    }

    #[test]
    fn values_are_counted_by_how_often_they_come() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let figure = Figure::repeats("x", [&words("a b a c"), &words("x y z w extra")]);
        let Counts::Repeats { real, synthetic } = figure.counts else { panic!("repeats") };
        assert_eq!((real, synthetic), (vec![(2, 1), (1, 2)], vec![(1, 4)]));
    }
}
