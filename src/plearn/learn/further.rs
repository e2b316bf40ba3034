//! Further members on which a member depends. Where its parent in the tree has some value, another member may tell more: there the
//! weights are divided once more (context-specific dependence, Boutilier et al. 1996, learnt as trees like Friedman and Goldszmidt 1996).
//!
//! What chance gives is measured on the same rows, with the values of the other member exchanged between those that are alike in all that
//! is known already. So it is right for tables with few rows too.

use std::collections::BTreeMap;

use super::variable::{LEAST, MOST_CELLS, NONE, Parent, SCREENED, Variable, is_circle};

/// The most members beside the first on which one depends, and of which they are chosen, those that tell most first.
const MOST: usize = 3;
const MOST_ASKED: usize = 16;

/// Fewer rows are not divided, and parts with fewer rows have no weights of their own.
const FEWEST_DIVIDED: usize = 50;
const FEWEST_ROWS: usize = 20;

/// The most weights of a member that depend on further members.
const MOST_WEIGHTS: usize = 6_000;

/// Finds for each variable the further ones on which it depends. `near` are those that may be its parents, the strongest first.
pub(super) fn find(variables: &[Variable], near: &[Vec<usize>], parents: &[Option<usize>]) -> Vec<Vec<usize>> {
    let mut all: Vec<Vec<usize>> = parents.iter().map(|parent| parent.iter().copied().collect()).collect();
    let mut alike: Vec<Vec<Vec<u32>>> =
        variables.iter().zip(parents).map(|(child, parent)| rows_of(child, parent.is_some())).collect();
    let mut newest: Vec<Option<usize>> = parents.to_vec();
    for _ in 0..MOST {
        let mut found = Vec::new();
        for (child, alike) in alike.iter_mut().enumerate() {
            let Some(last) = newest[child].take() else { continue };
            *alike = alike.iter().flat_map(|rows| parts(&variables[last], rows)).map(|(_, rows)| rows).collect();
            let asked = near[child].iter().filter(|other| !all[child].contains(other)).take(MOST_ASKED);
            found.extend(asked.filter_map(|other| {
                let told = told(alike, &variables[*other], &variables[child])?;
                (told > LEAST).then_some((told, child, *other))
            }));
        }
        found.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        for (_, child, other) in found {
            if newest[child].is_none() && !is_circle(&all, other, child) {
                all[child].push(other);
                newest[child] = Some(other);
            }
        }
    }
    all.into_iter().map(|parents| parents.into_iter().skip(1).collect()).collect()
}

/// The rows that have the variable, up to those by which dependences are judged.
fn rows_of(variable: &Variable, is_asked: bool) -> Vec<Vec<u32>> {
    let rows = (0u32..).zip(&variable.of).take(SCREENED).filter(|(_, class)| **class != NONE).map(|(row, _)| row);
    if is_asked { vec![rows.collect()] } else { Vec::new() }
}

/// Rows by the class of a variable.
fn parts(by: &Variable, rows: &[u32]) -> BTreeMap<u16, Vec<u32>> {
    let mut parts: BTreeMap<u16, Vec<u32>> = BTreeMap::new();
    rows.iter().for_each(|row| parts.entry(by.of[*row as usize]).or_default().push(*row));
    parts
}

/// How much a variable tells of another within rows that are alike, in nats. `None` if chance may explain it.
fn told(alike: &[Vec<u32>], by: &Variable, child: &Variable) -> Option<f64> {
    if by.weights.len() * child.weights.len() > MOST_CELLS {
        return None;
    }
    let mut table = Table::new(by.weights.len(), child.weights.len());
    let (mut seen, mut chance, mut rows) = (0.0, 0.0, 0usize);
    for alike in alike {
        rows += alike.len();
        if alike.len() < FEWEST_ROWS {
            continue;
        }
        // The rows are in random order.
        let others = alike.iter().cycle().skip(alike.len() / 2);
        seen += table.deviance(alike.iter().zip(alike), by, child);
        chance += table.deviance(others.zip(alike), by, child);
    }
    let beyond = seen - chance;
    #[allow(clippy::cast_precision_loss)] // counts far below 2^53
    let told = beyond / (2.0 * rows as f64);
    (beyond > 8.0 * libm::sqrt(chance) + 12.0).then_some(told)
}

/// A table that is used again and again.
struct Table {
    width: usize,
    cells: Vec<u32>,
    rows: Vec<u32>,
    columns: Vec<u32>,
}

impl Table {
    fn new(height: usize, width: usize) -> Self {
        Self { width, cells: vec![0; height * width], rows: vec![0; height], columns: vec![0; width] }
    }

    /// Twice the mutual information of the classes in these pairs of rows, times their number.
    fn deviance<'r>(
        &mut self,
        pairs: impl Iterator<Item = (&'r u32, &'r u32)>,
        by: &Variable,
        child: &Variable,
    ) -> f64 {
        let mut used = Vec::new();
        let mut all = 0u32;
        for (row, other) in pairs {
            let (x, y) = (by.of[*row as usize], child.of[*other as usize]);
            if x == NONE || y == NONE {
                continue;
            }
            let (x, y) = (usize::from(x), usize::from(y));
            let cell = &mut self.cells[x * self.width + y];
            if *cell == 0 {
                used.push((x, y));
            }
            *cell += 1;
            self.rows[x] += 1;
            self.columns[y] += 1;
            all += 1;
        }
        let n = f64::from(all);
        let mut sum = 0.0;
        for (x, y) in &used {
            let joint = f64::from(self.cells[x * self.width + y]);
            sum += joint * libm::log(joint * n / (f64::from(self.rows[*x]) * f64::from(self.columns[*y])));
        }
        for (x, y) in used {
            self.cells[x * self.width + y] = 0;
            self.rows[x] = 0;
            self.columns[y] = 0;
        }
        2.0 * sum
    }
}

/// Divides the weights of a child further, where other members tell more.
pub(super) struct Divide<'v> {
    pub(super) variables: &'v [Variable],
    pub(super) child: usize,
    /// How often each row came.
    pub(super) counts: &'v [u64],
    /// In fewer lines than this, weights are not told.
    pub(super) min_count: u64,
    /// How many weights may still be told.
    left: usize,
}

impl<'v> Divide<'v> {
    pub(super) fn new(variables: &'v [Variable], child: usize, counts: &'v [u64], min_count: u64) -> Self {
        Self { variables, child, counts, min_count, left: MOST_WEIGHTS }
    }

    /// Divides below a parent by these others.
    pub(super) fn below(&mut self, parent: &mut Parent, others: &[usize]) {
        let child = &self.variables[self.child];
        let rows: Vec<u32> = (0u32..).zip(&child.of).filter(|(_, class)| **class != NONE).map(|(row, _)| row).collect();
        let parts = parts(&self.variables[parent.on], &rows);
        self.each(parent, &parts, others);
    }

    fn each(&mut self, parent: &mut Parent, parts: &BTreeMap<u16, Vec<u32>>, others: &[usize]) {
        for (class, rows) in parts {
            if let Some(weights) = parent.weights.get(usize::from(*class)).filter(|weights| !weights.is_empty()) {
                parent.further[usize::from(*class)] = self.divided(weights, rows, others).map(Box::new);
            }
        }
    }

    /// Divides rows in which the child has these weights.
    fn divided(&mut self, weights: &[f64], rows: &[u32], others: &[usize]) -> Option<Parent> {
        if rows.len() < FEWEST_DIVIDED {
            return None;
        }
        let (child, alike) = (&self.variables[self.child], [rows.to_vec()]);
        let tell = others.iter().filter_map(|other| Some((told(&alike, &self.variables[*other], child)?, *other)));
        let (_, on) = tell.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)))?;
        let parts = parts(&self.variables[on], rows);
        let total = self.weights(rows);
        let mut parent = Parent::new(on, self.variables[on].weights.len());
        for (class, rows) in &parts {
            let lines: u64 = rows.iter().map(|row| self.counts[*row as usize]).sum();
            if *class == NONE || rows.len() < FEWEST_ROWS || lines < self.min_count {
                continue;
            }
            // All parts together have the shares that are known of the whole.
            let scaled = |(own, (known, total)): (f64, (&f64, &f64))| if own > 0.0 { own * known / total } else { 0.0 };
            let own: Vec<f64> = self.weights(rows).into_iter().zip(weights.iter().zip(&total)).map(scaled).collect();
            let used = own.iter().filter(|weight| **weight > 0.0).count();
            if own.iter().sum::<f64>() > 0.0 && used <= self.left {
                self.left -= used;
                parent.weights[usize::from(*class)] = own;
            }
        }
        let left: Vec<usize> = others.iter().copied().filter(|other| *other != on).collect();
        self.each(&mut parent, &parts, &left);
        parent.weights.iter().any(|weights| !weights.is_empty()).then_some(parent)
    }

    /// In how many lines of these rows the child has each class.
    fn weights(&self, rows: &[u32]) -> Vec<f64> {
        let child = &self.variables[self.child];
        let mut weights = vec![0.0; child.weights.len()];
        for row in rows {
            #[allow(clippy::cast_precision_loss)] // counts far below 2^53
            let count = self.counts[*row as usize] as f64;
            weights[usize::from(child.of[*row as usize])] += count;
        }
        weights
    }
}
