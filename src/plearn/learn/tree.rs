//! Which member depends on which: a tree of the strongest dependences (Chow and Liu 1968).
//!
//! Mutual information is corrected for what chance alone gives (Miller 1955), and an edge has to be far beyond it. Edges are taken
//! from the strongest on, as long as each member has one parent and there is no circle.

use super::further::{self, Divide};
use super::variable::{LEAST, MOST_CELLS, SCREENED};
pub(super) use super::variable::{NONE, Parent, Variable};

/// A parent's class in fewer rows tells nothing of its own.
const FEWEST_ROWS: u32 = 5;

/// Finds the parents. The first variable is the kind of event, which has none.
pub(super) fn parents(variables: &[Variable], counts: &[u64], min_count: u64) -> Vec<Option<Parent>> {
    let mut edges = Vec::new();
    let entropies: Vec<f64> = variables.iter().map(|variable| entropy(&variable.weights)).collect();
    let rank = |variable: usize| (variable == 0, variables[variable].is_plain, Ordered(entropies[variable]));
    for a in 0..variables.len() {
        for b in a + 1..variables.len() {
            let (one, two) = (&variables[a], &variables[b]);
            let cells = one.weights.len() * two.weights.len();
            let few = one.weights.len() < 2 || two.weights.len() < 2;
            if few || cells > MOST_CELLS || !one.takes_part || !two.takes_part {
                continue;
            }
            let Some((information, decides)) = information(one, two) else { continue };
            // Of the two directions, the parent is a plain value rather than a band, and the one that tells more.
            let first = if rank(b) > rank(a) { (b, a) } else { (a, b) };
            let may_be =
                |parent: usize, child: usize| child > 0 && variables[child].kinds & !variables[parent].kinds == 0;
            // A city decides its country. The other way round, it would have no parent that decides it better.
            let directions = match decides {
                Decides::First if may_be(a, b) => vec![(a, b)],
                Decides::Second if may_be(b, a) => vec![(b, a)],
                _ => vec![first, (first.1, first.0)],
            };
            for (turn, (parent, child)) in directions.into_iter().enumerate() {
                if may_be(parent, child) {
                    edges.push((information, (a, b), turn, parent, child));
                }
            }
        }
    }
    edges.sort_by(|x, y| y.0.total_cmp(&x.0).then((x.1, x.2).cmp(&(y.1, y.2))));
    let mut parents: Vec<Option<usize>> = vec![None; variables.len()];
    let mut near: Vec<Vec<usize>> = vec![Vec::new(); variables.len()];
    for (.., parent, child) in edges {
        near[child].push(parent);
        let mut up = std::iter::successors(Some(parent), |at| parents[*at]);
        if parents[child].is_none() && !up.any(|at| at == child) {
            parents[child] = Some(parent);
        }
    }
    let further = further::find(variables, &near, &parents);
    let whole = |(child, (parent, others)): (usize, (&Option<usize>, &Vec<usize>))| {
        let on = (*parent)?;
        let weights = table(&variables[on], &variables[child], counts);
        let mut parent = Parent { weights, ..Parent::new(on, variables[on].weights.len()) };
        Divide::new(variables, child, counts, min_count).below(&mut parent, others);
        Some(parent)
    };
    parents.iter().zip(&further).enumerate().map(whole).collect()
}

/// A number that can be compared with any other.
#[derive(PartialEq)]
struct Ordered(f64);

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.0.total_cmp(&other.0))
    }
}

fn entropy(weights: &[f64]) -> f64 {
    let sum: f64 = weights.iter().sum();
    let shares = weights.iter().filter(|weight| **weight > 0.0).map(|weight| weight / sum);
    -shares.map(|share| share * libm::log(share)).sum::<f64>()
}

/// Whether the value of one variable follows from that of the other, and not the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decides {
    First,
    Second,
    Neither,
}

/// The share of the rows in which it follows, if it does, and in which the other may follow.
const NEARLY_ALL: f64 = 0.99;
const MOST_ROWS: f64 = 0.9;
const HALF: f64 = 0.5;

fn decides(cells: &[u32], width: usize) -> Decides {
    let total: u32 = cells.iter().sum();
    let by_first: u32 = cells.chunks(width).map(|row| row.iter().max().copied().unwrap_or(0)).sum();
    let in_column = |column: usize| cells.iter().skip(column).step_by(width).max().copied().unwrap_or(0);
    let by_second: u32 = (0..width).map(in_column).sum();
    let share = |rows: u32| f64::from(rows) / f64::from(total);
    let only = |one: f64, other: f64| one >= NEARLY_ALL && other < NEARLY_ALL || one >= MOST_ROWS && other <= HALF;
    if only(share(by_first), share(by_second)) {
        Decides::First
    } else if only(share(by_second), share(by_first)) {
        Decides::Second
    } else {
        Decides::Neither
    }
}

/// The mutual information in nats, corrected for chance, and whether one decides the other. `None` if chance may explain it.
fn information(a: &Variable, b: &Variable) -> Option<(f64, Decides)> {
    let (width, height) = (b.weights.len(), a.weights.len());
    let mut cells = vec![0u32; width * height];
    for (x, y) in a.of.iter().zip(&b.of).take(SCREENED) {
        if *x != NONE && *y != NONE {
            cells[usize::from(*x) * width + usize::from(*y)] += 1;
        }
    }
    Some((information_of(&cells, width)?, decides(&cells, width)))
}

/// The mutual information of a table whose rows have `width` cells, in nats, corrected for chance. `None` if chance may explain it.
pub(in crate::plearn) fn information_of(cells: &[u32], width: usize) -> Option<f64> {
    let (mut rows, mut columns) = (vec![0u32; cells.len() / width], vec![0u32; width]);
    for (at, cell) in cells.iter().enumerate() {
        rows[at / width] += cell;
        columns[at % width] += cell;
    }
    let total: u32 = rows.iter().sum();
    if total < 50 {
        return None;
    }
    let n = f64::from(total);
    let mut sum = 0.0;
    for (x, row) in rows.iter().enumerate().filter(|(_, row)| **row > 0) {
        for (cell, column) in cells[x * width..][..width].iter().zip(&columns).filter(|(cell, _)| **cell > 0) {
            let joint = f64::from(*cell);
            sum += joint * libm::log(joint * n / (f64::from(*row) * f64::from(*column)));
        }
    }
    let used = |margin: &[u32]| margin.iter().filter(|count| **count > 0).count();
    #[allow(clippy::cast_precision_loss)] // at most MOST_CELLS
    let freedom = (used(&rows).saturating_sub(1) * used(&columns).saturating_sub(1)) as f64;
    // Twice the sum is about chi-square distributed by chance: its mean is its freedom, its variance twice that.
    let beyond = 2.0 * sum - freedom;
    let information = beyond / (2.0 * n);
    (freedom > 0.0 && beyond > 5.0 * libm::sqrt(2.0 * freedom) + 12.0 && information > LEAST).then_some(information)
}

/// For each class of the parent, the weights of the child's classes, so that both have the shares that were counted over all lines.
fn table(parent: &Variable, child: &Variable, counts: &[u64]) -> Vec<Vec<f64>> {
    let mut table = vec![vec![0.0; child.weights.len()]; parent.weights.len()];
    let mut rows = vec![0u32; parent.weights.len()];
    for ((x, y), count) in parent.of.iter().zip(&child.of).zip(counts) {
        if *x != NONE && *y != NONE {
            #[allow(clippy::cast_precision_loss)] // counts far below 2^53
            let count = *count as f64;
            table[usize::from(*x)][usize::from(*y)] += count;
            rows[usize::from(*x)] += 1;
        }
    }
    if parent.kinds == child.kinds {
        fit(&mut table, &parent.weights, &child.weights);
    }
    for (row, count) in table.iter_mut().zip(rows) {
        if count < FEWEST_ROWS {
            row.clear();
        }
    }
    table
}

/// Brings the sums of rows and columns to those that are wanted, and keeps the dependence (Deming and Stephan 1940).
fn fit(table: &mut [Vec<f64>], rows: &[f64], columns: &[f64]) {
    for _ in 0..20 {
        for (row, wanted) in table.iter_mut().zip(rows) {
            let sum: f64 = row.iter().sum();
            if sum > 0.0 {
                row.iter_mut().for_each(|cell| *cell *= wanted / sum);
            }
        }
        for (at, wanted) in columns.iter().enumerate() {
            let sum: f64 = table.iter().map(|row| row[at]).sum();
            if sum > 0.0 {
                table.iter_mut().for_each(|row| row[at] *= wanted / sum);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::mix;

    fn variable(of: impl Fn(u64) -> u64, classes: usize, kinds: u64) -> Variable {
        let of: Vec<u16> = (0..4000).map(|row| u16::try_from(of(row)).expect("small")).collect();
        let mut weights = vec![0.0; classes];
        of.iter().for_each(|class| weights[usize::from(*class)] += 1.0);
        Variable { of, weights, kinds, is_plain: true, takes_part: true }
    }

    #[test]
    fn a_city_decides_its_country_and_chance_decides_nothing() {
        let city = |row: u64| mix(row) % 12;
        let variables = [
            variable(|_| 0, 1, 1),
            variable(|row| city(row) / 4, 3, 1),
            variable(city, 12, 1),
            variable(|row| mix(row + 1_000_000) % 5, 5, 1),
        ];
        let parents = parents(&variables, &vec![1; 4000], 20);
        let of: Vec<Option<usize>> = parents.iter().map(|parent| parent.as_ref().map(|parent| parent.on)).collect();
        assert_eq!(of, [None, Some(2), None, None]);
        let table = &parents[1].as_ref().expect("it has one").weights;
        assert!(table.iter().all(|row| row.iter().filter(|weight| **weight > 0.0).count() == 1), "{table:?}");
    }

    #[test]
    fn what_is_decided_by_a_member_is_no_parent_of_it() {
        // A machine decides its zone, and what kind of event it sends narrows it down. The machine is no plain value.
        let machine = |row: u64| mix(row) % 30;
        let mut variables =
            [variable(|row| machine(row) % 2, 2, 3), variable(|row| machine(row) / 10, 3, 3), variable(machine, 30, 3)];
        variables[2].is_plain = false;
        let parents = parents(&variables, &vec![1; 4000], 20);
        let of: Vec<Option<usize>> = parents.iter().map(|parent| parent.as_ref().map(|parent| parent.on)).collect();
        assert_eq!(of, [None, Some(2), Some(0)]);
    }

    #[test]
    fn shares_are_those_of_all_lines() {
        let mut table = vec![vec![30.0, 10.0], vec![10.0, 50.0]];
        fit(&mut table, &[500.0, 500.0], &[400.0, 600.0]);
        let sum = |at: usize| table.iter().map(|row| row[at]).sum::<f64>();
        assert!((sum(0) - 400.0).abs() < 0.01 && (sum(1) - 600.0).abs() < 0.01, "{table:?}");
        assert!((table[0].iter().sum::<f64>() - 500.0).abs() < 1.0, "{table:?}");
    }

    /// A status, a method of which one in five has no body, and a body that is there if both say so.
    fn answers() -> [Variable; 5] {
        let status = |row: u64| mix(row) % 3;
        let method = |row: u64| mix(row + 1_000_000) % 5;
        let body = move |row: u64| if status(row) == 2 { 0 } else { u64::from(method(row) > 0) };
        [
            variable(|_| 0, 1, 1),
            variable(status, 3, 1),
            // Other kinds of events have it too, so it does not depend on the body.
            variable(method, 5, 3),
            variable(body, 2, 1),
            variable(|row| mix(row + 2_000_000) % 40, 40, 1),
        ]
    }

    #[test]
    fn what_depends_on_two_members_does_so_where_the_second_tells_more() {
        let learnt = parents(&answers(), &vec![1; 4000], 20);
        let body = learnt[3].as_ref().expect("it depends");
        assert_eq!(body.on, 1);
        let by_method = body.further[0].as_ref().expect("the method tells more");
        assert_eq!((by_method.on, body.further[2].is_none()), (2, true));
        assert!(by_method.weights[0][1] == 0.0 && by_method.weights[3][0] == 0.0, "{by_method:?}");
        // The parts have the shares of the whole.
        let sum: f64 = by_method.weights.iter().map(|weights| weights[1]).sum();
        assert!((sum - body.weights[0][1]).abs() < 1.0, "{sum} {body:?}");
        assert!(learnt[4].is_none() && by_method.further.iter().all(Option::is_none), "chance is no dependence");
    }

    #[test]
    fn weights_of_few_lines_are_not_told() {
        let learnt = parents(&answers(), &vec![1; 4000], 100_000);
        assert!(learnt[3].as_ref().expect("it depends").further.iter().all(Option::is_none));
    }
}
