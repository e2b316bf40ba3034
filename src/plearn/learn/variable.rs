//! Members and kinds of events as variables that depend on each other.

/// No class: the member is not in this row.
pub(super) const NONE: u16 = u16::MAX;

/// Rows by which dependences are judged.
pub(super) const SCREENED: usize = 12_000;

/// Weaker dependences are left out, in nats.
pub(super) const LEAST: f64 = 0.002;

/// A table of two members has at most this many cells.
pub(super) const MOST_CELLS: usize = 40_000;

/// A member, or the kind of event.
#[derive(Debug)]
pub(super) struct Variable {
    /// The class in each row, or [`NONE`].
    pub(super) of: Vec<u16>,
    /// The weights of the classes, counted over all lines.
    pub(super) weights: Vec<f64>,
    /// The kinds of events that have it, one bit each.
    pub(super) kinds: u64,
    /// Whether each class is a value that others can name.
    pub(super) is_plain: bool,
    /// Whether others may depend on it, and it on others.
    pub(super) takes_part: bool,
}

/// What a variable depends on.
#[derive(Debug)]
pub(super) struct Parent {
    pub(super) on: usize,
    /// For each of its classes the weights of the classes; empty if there were too few to tell.
    pub(super) weights: Vec<Vec<f64>>,
    /// For each of its classes what the weights depend on further.
    pub(super) further: Vec<Option<Box<Parent>>>,
}

impl Parent {
    /// A parent of which nothing is told yet.
    pub(super) fn new(on: usize, classes: usize) -> Self {
        Self { on, weights: vec![Vec::new(); classes], further: (0..classes).map(|_| None).collect() }
    }
}

/// Whether a variable that depends on `parent` would depend on itself.
pub(super) fn is_circle(parents: &[Vec<usize>], parent: usize, child: usize) -> bool {
    let mut seen = vec![false; parents.len()];
    let mut ahead = vec![parent];
    while let Some(at) = ahead.pop() {
        if !std::mem::replace(&mut seen[at], true) {
            ahead.extend(&parents[at]);
        }
    }
    seen[child]
}
