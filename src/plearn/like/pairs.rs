//! The strongest dependences between two members, on either side, and how far the sides are apart in both members at once.

use super::figure::Figure;
use super::member::{MOST_CLASSES, Member};
use crate::plearn::learn::tree::information_of;

/// The most pairs that are compared.
const MOST: usize = 20;

/// The most pairs of one member, so that one that everything depends on leaves room for others.
const MOST_OF_ONE: usize = 3;

/// The most members whose dependences are looked for.
const MOST_MEMBERS: usize = 150;

/// Rows by which the strongest are found.
const SCREENED: usize = 4096;

/// Two members that depend on each other.
#[derive(Debug)]
pub(super) struct Pair {
    /// Their places in the list of members.
    pub(super) members: [usize; 2],
    /// The mutual information in nats on each side, corrected for chance; 0 if chance may explain it.
    pub(super) information: [f64; 2],
    pub(super) figure: Figure,
}

/// Finds the strongest pairs, the strongest first.
pub(super) fn strongest(members: &[Member]) -> Vec<Pair> {
    let varying: Vec<usize> = (0..members.len())
        .filter(|at| members[*at].classes.iter().any(|side| side.iter().any(|class| *class != side[0])))
        .take(MOST_MEMBERS)
        .collect();
    let mut found: Vec<(f64, usize, usize)> = Vec::new();
    for (nth, a) in varying.iter().enumerate() {
        for b in &varying[nth + 1..] {
            let [real, synthetic] = information(&tables(&members[*a], &members[*b], SCREENED));
            if real.max(synthetic) > 0.0 {
                found.push((real.max(synthetic), *a, *b));
            }
        }
    }
    found.sort_by(|x, y| y.0.total_cmp(&x.0).then((x.1, x.2).cmp(&(y.1, y.2))));
    let mut taken = vec![0; members.len()];
    let mut pairs = Vec::new();
    for (_, a, b) in found {
        if pairs.len() == MOST {
            break;
        }
        if taken[a] < MOST_OF_ONE && taken[b] < MOST_OF_ONE {
            taken[a] += 1;
            taken[b] += 1;
            let tables = tables(&members[a], &members[b], usize::MAX);
            let information = information(&tables);
            pairs.push(Pair { members: [a, b], information, figure: Figure::cells("joint", tables) });
        }
    }
    pairs
}

fn information(tables: &[Vec<u32>; 2]) -> [f64; 2] {
    tables.each_ref().map(|table| information_of(table, MOST_CLASSES).unwrap_or(0.0))
}

/// How many rows have each two classes, by side.
fn tables(a: &Member, b: &Member, rows: usize) -> [Vec<u32>; 2] {
    let mut tables = [vec![0; MOST_CLASSES * MOST_CLASSES], vec![0; MOST_CLASSES * MOST_CLASSES]];
    for (table, (a, b)) in tables.iter_mut().zip(a.classes.iter().zip(&b.classes)) {
        for (x, y) in a.iter().zip(b).take(rows) {
            table[usize::from(*x) * MOST_CLASSES + usize::from(*y)] += 1;
        }
    }
    tables
}
