//! When events happen: an inhomogeneous Poisson process, given how many events there are.
//!
//! The window is halved, by area under the curve, again and again, and each half gets its part of the count by a binomial draw
//! of its own. So any cell's count and first event are known without generating another cell, and the events of the whole need
//! no memory. Inside a cell arrivals are uniform in area, and in order.

use rand::Rng;

use crate::clock::Micros;
use crate::seed::{Choice, Generator, Seed};
use crate::world::curve::Timeline;

/// Cells are halved until the expected count is no more than this.
///
/// Larger cells hold more of a session, smaller ones keep a thread's buffer small (about a megabyte a thousand events).
const CELL: u64 = 2048;

/// The arrivals of a run.
#[derive(Debug)]
pub struct Arrivals {
    timeline: Timeline,
    count: u64,
    /// How often the window is halved.
    depth: u32,
    split: Choice,
    order: Choice,
}

/// A stretch of time with the events in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// Its place among the cells, in order of time.
    pub index: u64,
    /// How many events come before it.
    pub first: u64,
    /// How many events it has.
    pub count: u64,
}

/// A node of the tree: `index` counts those of its level from the left.
#[derive(Debug, Clone, Copy)]
struct Node {
    level: u32,
    index: u64,
    first: u64,
    count: u64,
}

impl Arrivals {
    /// `count` events over this window. The window's area is above 0, or the count is 0.
    pub fn new(timeline: Timeline, count: u64, seed: Seed) -> Self {
        let depth = (0..64).find(|d| count >> d <= CELL).unwrap_or(64);
        Self { timeline, count, depth, split: seed.choice("arrivals: split"), order: seed.choice("arrivals: order") }
    }

    /// The cells from the one that holds this event (counted from 0) on.
    pub fn cells(&self, event: u64) -> Cells {
        let root = Node { level: 0, index: 0, first: 0, count: self.count };
        let mut cells = Cells { ahead: vec![root] };
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

    /// Writes the arrival times of a cell, in order, into `times`.
    pub fn times(&self, cell: Cell, times: &mut Vec<Micros>, scratch: &mut Vec<u64>) {
        let (low, high) = (self.area(cell.index), self.area(cell.index + 1));
        // Where the cell's area has more than 64 bits, places in it are multiples of 2^shift: still far below a microsecond's area.
        let shift = (128 - (high - low).leading_zeros()).saturating_sub(64);
        #[allow(clippy::cast_possible_truncation)] // shifted so that it fits
        let size = ((high - low) >> shift) as u64;
        ordered_uniforms(cell.count, &mut self.order.generator(cell.index), scratch);
        let mut cursor = self.timeline.cursor(low.min(self.timeline.total() - 1));
        times.clear();
        times.extend(scratch.iter().map(|place| {
            let into = (u128::from(*place) * u128::from(size)) >> 64;
            cursor.at(low + (into << shift))
        }));
    }

    fn halves(&self, node: Node) -> [Node; 2] {
        let (level, index) = (node.level + 1, node.index * 2);
        // Nodes are numbered as in a heap: 1 is the root, 2 and 3 its halves.
        let left = half(node.count, &mut self.split.generator((1 << node.level) + node.index));
        let right = node.count - left;
        [
            Node { level, index: index + 1, first: node.first + left, count: right },
            Node { level, index, first: node.first, count: left },
        ]
    }

    /// The area before this cell.
    fn area(&self, cell: u64) -> u128 {
        let (total, cell) = (self.timeline.total(), u128::from(cell));
        // total × cell may not fit: the whole and the rest of total / 2^depth are multiplied apart.
        let rest = total & ((1 << self.depth) - 1);
        (total >> self.depth) * cell + ((rest * cell) >> self.depth)
    }
}

/// Cells in order of time; those without events are left out.
#[derive(Debug)]
pub struct Cells {
    ahead: Vec<Node>,
}

impl Cells {
    /// The next cell.
    pub fn next(&mut self, arrivals: &Arrivals) -> Option<Cell> {
        while let Some(node) = self.ahead.pop() {
            if node.count == 0 {
                continue;
            }
            if node.level == arrivals.depth {
                return Some(Cell { index: node.index, first: node.first, count: node.count });
            }
            self.ahead.extend(arrivals.halves(node));
        }
        None
    }
}

/// `count` uniform 64-bit numbers in rising order.
fn ordered_uniforms(count: u64, random: &mut Generator, out: &mut Vec<u64>) {
    out.clear();
    out.extend((0..count).map(|_| random.next_u64()));
    out.sort_unstable();
}

/// How many of `count` coins show heads.
fn half(count: u64, random: &mut Generator) -> u64 {
    // Below this, counting the bits is as quick as the other way, and exact.
    if count <= 1024 {
        let words = count / 64;
        let whole: u64 = (0..words).map(|_| u64::from(random.next_u64().count_ones())).sum();
        let rest = count % 64;
        let mask = (1u64 << rest) - 1;
        return whole + if rest == 0 { 0 } else { u64::from((random.next_u64() & mask).count_ones()) };
    }
    transformed_rejection(count, random)
}

/// The binomial law with chance ½ by transformed rejection with squeeze (Hörmann 1993, algorithm BTRS).
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn transformed_rejection(count: u64, random: &mut Generator) -> u64 {
    let n = count as f64;
    let deviation = libm::sqrt(n * 0.25);
    let b = 1.15 + 2.53 * deviation;
    let a = -0.0873 + 0.0248 * b + 0.01 * 0.5;
    let centre = n * 0.5 + 0.5;
    let squeeze = 0.92 - 4.2 / b;
    let alpha = (2.83 + 5.1 / b) * deviation;
    let mode = libm::floor((n + 1.0) * 0.5);
    let mut unit = || (random.next_u64() >> 11) as f64 / 9_007_199_254_740_992.0;
    loop {
        let (u, v) = (unit() - 0.5, unit());
        let us = 0.5 - libm::fabs(u);
        let k = libm::floor((2.0 * a / us + b) * u + centre);
        if us >= 0.07 && v <= squeeze {
            return k as u64;
        }
        if k < 0.0 || k > n {
            continue;
        }
        let v = libm::log(v * alpha / (a / (us * us) + b));
        let bound = (mode + 0.5) * libm::log((mode + 1.0) / (n - mode + 1.0))
            + (n + 1.0) * libm::log((n - mode + 1.0) / (n - k + 1.0))
            + (k + 0.5) * libm::log((n - k + 1.0) / (k + 1.0))
            + stirling_rest(mode)
            + stirling_rest(n - mode)
            - stirling_rest(k)
            - stirling_rest(n - k);
        if v <= bound {
            return k as u64;
        }
    }
}

/// What Stirling's formula leaves out of ln k!.
fn stirling_rest(k: f64) -> f64 {
    let x = k + 1.0;
    (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / 1260.0 / (x * x)) / (x * x)) / x
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::curve::Curve;
    use chrono_tz::Tz;
    use proptest::prelude::*;

    const HOUR: Micros = 3_600_000_000;

    fn arrivals(count: u64, hours: i64) -> Arrivals {
        let curve = Curve::named("business").expect("a name");
        Arrivals::new(Timeline::new(&curve, Tz::UTC, 0, hours * HOUR), count, Seed::new(1))
    }

    #[test]
    fn halving_has_the_binomial_laws_mean_and_variance() {
        let choice = Seed::new(5).choice("half");
        for count in [1u64, 63, 64, 1000, 1025, 5000, 1_000_000, 1 << 40] {
            let draws = 20_000;
            let (mut sum, mut squares, mut fourth) = (0.0, 0.0, 0.0);
            let deviation = (count as f64).sqrt() / 2.0;
            for i in 0..draws {
                let heads = half(count, &mut choice.generator(i ^ count));
                assert!(heads <= count);
                let z = (heads as f64 - count as f64 / 2.0) / deviation;
                sum += z;
                squares += z * z;
                fourth += z.powi(4);
            }
            let n = draws as f64;
            assert!((sum / n).abs() < 5.0 / n.sqrt(), "{count}: mean {}", sum / n);
            assert!((squares / n - 1.0).abs() < 5.0 * (2.0 / n).sqrt(), "{count}: variance {}", squares / n);
            let kurtosis = 3.0 - 2.0 / count as f64;
            assert!((fourth / n - kurtosis).abs() < 5.0 * (96.0 / n).sqrt(), "{count}: kurtosis {}", fourth / n);
        }
    }

    #[test]
    fn the_rejections_law_is_the_exact_one() {
        // Chi-square of the rejection against counted bits, both at a count that is small enough to count.
        let (count, draws) = (1000u64, 200_000u64);
        let (a, b) = (Seed::new(1).choice("a"), Seed::new(1).choice("b"));
        let mut counts = [[0f64; 60]; 2];
        for i in 0..draws {
            for (side, heads) in [half(count, &mut a.generator(i)), transformed_rejection(count, &mut b.generator(i))]
                .into_iter()
                .enumerate()
            {
                counts[side][(heads.clamp(441, 559) as usize - 440) / 2] += 1.0;
            }
        }
        let [exact, drawn] = counts;
        let chi: f64 =
            exact.iter().zip(drawn).filter(|(e, d)| *e + d > 20.0).map(|(e, d)| (e - d).powi(2) / (e + d)).sum();
        assert!(chi < 60.0 + 5.0 * 120f64.sqrt(), "{chi}");
    }

    #[test]
    fn a_trillion_events_are_entered_anywhere() {
        let arrivals = arrivals(1_000_000_000_000, 8760);
        let (mut times, mut scratch) = (Vec::new(), Vec::new());
        for event in [0, 1, 123_456_789_012, 999_999_999_999] {
            let cell = arrivals.cells(event).next(&arrivals).expect("a cell");
            assert!(cell.first <= event && event < cell.first + cell.count);
            arrivals.times(cell, &mut times, &mut scratch);
            assert!(times.is_sorted() && times[0] >= 0 && *times.last().expect("not empty") < 8760 * HOUR);
        }
    }

    proptest! {
        #[test]
        fn cells_hold_every_event_once_in_order_and_are_entered_anywhere(count in 1u64..300_000, hours in 1i64..3000, part in 0.0..1.0f64) {
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
