//! When events happen: an inhomogeneous Poisson process with a given number of events, or an endless one.
//!
//! The window is halved repeatedly by area under the curve, and a binomial draw divides the count between the halves. So the count
//! and first event of any cell are known without generating another cell, and memory does not depend on the count. Within a cell,
//! arrivals are uniform in area and sorted.

use std::sync::Arc;

use chrono_tz::Tz;
use rand::Rng;

use super::chance::{binomial_half, poisson};
use crate::clock::{LAST, Micros};
use crate::seed::{Choice, Generator, Seed};
use crate::world::curve::{Curve, Timeline};

/// Windows are halved until the expected count is at most this.
///
/// Larger cells allow longer sessions; smaller ones keep a thread's buffer small (about 1 MB per thousand events).
const CELL: u64 = 2048;

/// An endless run is a sequence of windows of a week, so that each has the curve's mean.
pub(super) const STRETCH: Micros = 7 * 24 * 3_600_000_000;

/// A window of time with a known number of events.
#[derive(Debug)]
pub(super) struct Arrivals {
    timeline: Timeline,
    /// Its index among the windows of an endless run.
    stretch: u64,
    /// How many events of the run precede it.
    first: u64,
    count: u64,
    /// How many times the window is halved.
    depth: u32,
    split: Choice,
    order: Choice,
}

/// A part of a window, with its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell {
    /// Its index among the cells of its window, in order of time.
    index: u64,
    /// Unique among all cells of the run.
    pub(super) key: u64,
    /// How many events of the run precede it.
    pub(super) first: u64,
    /// How many events it contains.
    pub(super) count: u64,
}

/// A node of the tree of halves. `index` counts the nodes of its level from the left.
#[derive(Debug, Clone, Copy)]
struct Node {
    level: u32,
    index: u64,
    first: u64,
    count: u64,
}

impl Arrivals {
    /// Spreads `count` events over a window, whose area is above 0 unless the count is 0.
    pub(super) fn new(timeline: Timeline, count: u64, seed: Seed) -> Self {
        Self::stretch(timeline, 0, 0, count, seed)
    }

    fn stretch(timeline: Timeline, stretch: u64, first: u64, count: u64, seed: Seed) -> Self {
        let depth = (0..64).find(|d| count >> d <= CELL).unwrap_or(64);
        let (split, order) = (seed.choice("arrivals: split"), seed.choice("arrivals: order"));
        Self { timeline, stretch, first, count, depth, split, order }
    }

    /// The cells, starting with the one that contains this event (counted from 0).
    pub(super) fn cells(&self, event: u64) -> WindowCells {
        let root = Node { level: 0, index: 0, first: self.first, count: self.count };
        let mut cells = WindowCells { ahead: vec![root] };
        while let Some(node) = cells.ahead.pop() {
            if node.first + node.count <= event {
                continue;
            }
            if node.level == self.depth {
                cells.ahead.push(node);
                break;
            }
            cells.ahead.extend(self.halves(node));
        }
        cells
    }

    /// Writes the sorted arrival times of a cell to `times`.
    pub(super) fn times(&self, cell: Cell, times: &mut Vec<Micros>, scratch: &mut Vec<u64>) {
        let (low, high) = (self.area(cell.index), self.area(cell.index + 1));
        // If the cell's area needs more than 64 bits, positions in it are multiples of 2^shift, far below the area of a microsecond.
        let shift = (128 - (high - low).leading_zeros()).saturating_sub(64);
        #[allow(clippy::cast_possible_truncation)] // shifted so that it fits
        let size = ((high - low) >> shift) as u64;
        ordered_uniforms(cell.count, &mut self.order.generator(cell.key), scratch);
        let mut cursor = self.timeline.cursor(low.min(self.timeline.total() - 1));
        times.clear();
        times.extend(scratch.iter().map(|place| {
            let into = (u128::from(*place) * u128::from(size)) >> 64;
            cursor.at(low + (into << shift))
        }));
    }

    fn halves(&self, node: Node) -> [Node; 2] {
        let (level, index) = (node.level + 1, node.index * 2);
        // Nodes are numbered as in a heap: the root is 1, its halves are 2 and 3.
        let key = self.key((1 << node.level) + node.index);
        let left = binomial_half(node.count, &mut self.split.generator(key));
        let right = node.count - left;
        [
            Node { level, index: index + 1, first: node.first + left, count: right },
            Node { level, index, first: node.first, count: left },
        ]
    }

    /// Makes the number of a node or cell unique in the run. A window has fewer than 2^40.
    fn key(&self, index: u64) -> u64 {
        (self.stretch << 40) + index
    }

    /// The area before this cell.
    fn area(&self, cell: u64) -> u128 {
        let (total, cell) = (self.timeline.total(), u128::from(cell));
        // total × cell may overflow: quotient and remainder of total / 2^depth are multiplied separately.
        let rest = total & ((1 << self.depth) - 1);
        (total >> self.depth) * cell + ((rest * cell) >> self.depth)
    }
}

/// The cells of a window that have events, in order of time.
#[derive(Debug)]
pub(super) struct WindowCells {
    ahead: Vec<Node>,
}

impl WindowCells {
    pub(super) fn next(&mut self, arrivals: &Arrivals) -> Option<Cell> {
        while let Some(node) = self.ahead.pop() {
            if node.count == 0 {
                continue;
            }
            if node.level == arrivals.depth {
                let Node { index, first, count, .. } = node;
                return Some(Cell { index, key: arrivals.key(index), first, count });
            }
            self.ahead.extend(arrivals.halves(node));
        }
        None
    }
}

/// `count` uniform 64-bit numbers, sorted.
fn ordered_uniforms(count: u64, random: &mut Generator, out: &mut Vec<u64>) {
    out.clear();
    out.extend((0..count).map(|_| random.next_u64()));
    out.sort_unstable();
}

/// An endless run: one window after another, each with its own count.
#[derive(Debug)]
pub(super) struct Endless {
    pub(super) curve: Curve,
    /// The time zone of the curve.
    pub(super) zone: Tz,
    pub(super) start: Micros,
    /// Events per second of event time, in the mean over a week.
    pub(super) rate: f64,
    pub(super) seed: Seed,
}

impl Endless {
    /// A window of the run. Returns `None` after the last year.
    fn stretch(&self, index: u64, first: u64) -> Option<Arrivals> {
        let start = Micros::try_from(index).ok()?.checked_mul(STRETCH)?.checked_add(self.start)?;
        let end = start.checked_add(STRETCH).filter(|end| *end <= LAST)?;
        let timeline = Timeline::new(&self.curve, self.zone, start, end);
        #[allow(clippy::cast_precision_loss)] // below 2^70: far closer than the draw
        let mean = timeline.total() as f64 / self.curve.mean() / 1e6 * self.rate;
        let count = poisson(mean, &mut self.seed.choice("arrivals: count").generator(index));
        Some(Arrivals::stretch(timeline, index, first, count, self.seed))
    }
}

/// The cells of a run in order of time.
#[derive(Debug)]
pub(super) struct Cells {
    now: Arc<Arrivals>,
    cells: WindowCells,
    endless: Option<Endless>,
}

impl Cells {
    /// The cells of one window, starting with the one that contains an event.
    pub(super) fn of(arrivals: Arrivals, event: u64) -> Self {
        Self { cells: arrivals.cells(event), now: Arc::new(arrivals), endless: None }
    }

    /// The cells of an endless run, starting with the one that contains an event. Returns `None` if that lies after the last year.
    pub(super) fn endless(endless: Endless, event: u64) -> Option<Self> {
        let mut now = endless.stretch(0, 0)?;
        while now.first + now.count <= event {
            now = endless.stretch(now.stretch + 1, now.first + now.count)?;
        }
        Some(Self { cells: now.cells(event), now: Arc::new(now), endless: Some(endless) })
    }
}

impl Iterator for Cells {
    /// A cell and its window.
    type Item = (Arc<Arrivals>, Cell);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(cell) = self.cells.next(&self.now) {
                return Some((Arc::clone(&self.now), cell));
            }
            let (stretch, first) = (self.now.stretch + 1, self.now.first + self.now.count);
            self.now = Arc::new(self.endless.as_ref()?.stretch(stretch, first)?);
            self.cells = self.now.cells(first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::curve::NamedCurve;
    use chrono_tz::Tz;
    use proptest::prelude::*;

    const HOUR: Micros = 3_600_000_000;

    fn arrivals(count: u64, hours: i64) -> Arrivals {
        let curve = NamedCurve::Business.curve();
        Arrivals::new(Timeline::new(&curve, Tz::UTC, 0, hours * HOUR), count, Seed::new(1))
    }

    #[test]
    fn a_run_of_a_trillion_events_can_start_anywhere() {
        let arrivals = arrivals(1_000_000_000_000, 8760);
        let (mut times, mut scratch) = (Vec::new(), Vec::new());
        for event in [0, 1, 123_456_789_012, 999_999_999_999] {
            let cell = arrivals.cells(event).next(&arrivals).expect("a cell");
            assert!(cell.first <= event && event < cell.first + cell.count);
            arrivals.times(cell, &mut times, &mut scratch);
            assert!(times.is_sorted() && times[0] >= 0 && *times.last().expect("not empty") < 8760 * HOUR);
        }
    }

    #[test]
    fn an_endless_run_keeps_its_rate_from_week_to_week() {
        let endless = || Endless {
            curve: NamedCurve::Business.curve(),
            zone: Tz::UTC,
            start: 5 * HOUR,
            rate: 0.5,
            seed: Seed::new(3),
        };
        let mut cells = Cells::endless(endless(), 0).expect("there is time");
        let (mut next, mut last, mut keys) = (0, 0, std::collections::HashSet::new());
        let (mut times, mut scratch) = (Vec::new(), Vec::new());
        let mut late = None;
        while last < 10 * STRETCH {
            let (arrivals, cell) = cells.next().expect("it is endless");
            assert_eq!(cell.first, next);
            assert!(keys.insert(cell.key));
            next += cell.count;
            arrivals.times(cell, &mut times, &mut scratch);
            assert!(times[0] >= last && times.is_sorted());
            last = times[times.len() - 1];
            late = Some(cell);
        }
        let expected = 0.5 * 10.0 * 604_800.0;
        assert!((next as f64 - expected).abs() < 5.0 * expected.sqrt() + 4096.0, "{next}");
        let late = late.expect("there were cells");
        let mut entered = Cells::endless(endless(), late.first + 1).expect("there is time");
        assert_eq!(entered.next().map(|(_, cell)| cell), Some(late));
    }

    proptest! {
        #[test]
        fn cells_contain_every_event_once_in_order_and_can_start_anywhere(count in 1u64..300_000, hours in 1i64..3000, part in 0.0..1.0f64) {
            let arrivals = arrivals(count, hours);
            let event = (count as f64 * part) as u64;
            let mut cells = arrivals.cells(0);
            let (mut next, mut last, mut seen) = (0, 0, None);
            let (mut times, mut scratch) = (Vec::new(), Vec::new());
            while let Some(cell) = cells.next(&arrivals) {
                prop_assert_eq!(cell.first, next);
                next += cell.count;
                if cell.first <= event && event < next {
                    seen = Some(cell);
                }
                arrivals.times(cell, &mut times, &mut scratch);
                prop_assert_eq!(times.len() as u64, cell.count);
                prop_assert!(times[0] >= last && times.is_sorted());
                last = times[times.len() - 1];
            }
            prop_assert_eq!(next, count);
            prop_assert!(last < hours * HOUR);
            prop_assert_eq!(arrivals.cells(event).next(&arrivals), seen);
        }
    }
}
