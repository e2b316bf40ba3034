//! The sampled lines of both sides, member by member.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use super::lines::Lines;
use crate::plearn::config::Rules;
use crate::plearn::count::Walker;
use crate::plearn::learn::rows::{Cell, is_named, path, text};

/// The most values that are looked at on each side.
const MOST_VALUES: usize = 800_000;

/// The most members that are compared, those in most lines first.
const MOST_MEMBERS: usize = 400;

/// A member with its values on both sides: first the real ones.
#[derive(Debug)]
pub(super) struct Column<'s> {
    /// Its keys, without quotes and escapes.
    pub(super) keys: Vec<String>,
    pub(super) sides: [Vec<Cell<'s>>; 2],
}

impl Column<'_> {
    /// Its path, with a backslash before a dot within a key.
    pub(super) fn path(&self) -> String {
        path(&self.keys)
    }
}

/// Both sides, by member.
#[derive(Debug)]
pub(super) struct Columns<'s> {
    /// How many lines are compared: as many on each side.
    pub(super) rows: usize,
    /// The number of each row's event, from 0.
    pub(super) places: [Vec<u64>; 2],
    /// In the order of the events, as far as lines agree on one.
    pub(super) columns: Vec<Column<'s>>,
    /// How many members too few lines have.
    pub(super) rare: usize,
}

/// A member that is compared, by the hash of its path: its column, and the sum of its places in the lines.
type Filled<'s> = HashMap<u64, (Column<'s>, u64)>;

impl<'s> Columns<'s> {
    pub(super) fn of(real: &'s Lines, synthetic: &'s Lines, rules: &Rules) -> Self {
        let mut walker = Walker::default();
        let sides = [real, synthetic];
        // Which members enough lines have, on either side.
        let mut rows = real.len().min(synthetic.len());
        let mut lines_with: HashMap<u64, [u32; 2]> = HashMap::new();
        for (side, lines) in sides.iter().enumerate() {
            let mut values = 0;
            for (row, (_, line)) in lines.sampled().take(rows).enumerate() {
                walker.walk(line);
                values += walker.leaves().len();
                if values > MOST_VALUES && row > 0 {
                    rows = row;
                    break;
                }
                for leaf in walker.leaves() {
                    lines_with.entry(walker.hash(leaf.path)).or_default()[side] += 1;
                }
            }
        }
        let all = lines_with.len();
        let fewest = u32::try_from(rules.min_count.min(rows.div_ceil(2) as u64)).unwrap_or(u32::MAX);
        let mut frequent: Vec<(u32, u64)> =
            lines_with.iter().map(|(hash, lines)| (lines[0].max(lines[1]), *hash)).collect();
        frequent.retain(|(lines, _)| *lines >= fewest);
        frequent.sort_unstable_by_key(|(lines, hash)| (Reverse(*lines), *hash));
        frequent.truncate(MOST_MEMBERS);
        let rare = all - frequent.len();
        let frequent: HashSet<u64> = frequent.into_iter().map(|(_, hash)| hash).collect();
        drop(lines_with);

        let mut filled = Filled::new();
        let mut places = [Vec::new(), Vec::new()];
        for (side, lines) in sides.iter().enumerate() {
            for (row, (nth, line)) in (0u32..).zip(lines.sampled().take(rows)) {
                walker.walk(line);
                places[side].push(nth);
                for (place, leaf) in (0u64..).zip(walker.leaves()) {
                    let hash = walker.hash(leaf.path);
                    if !frequent.contains(&hash) {
                        continue;
                    }
                    let (column, sum) = filled.entry(hash).or_insert_with(|| {
                        let keys = walker.keys(leaf.path).iter().map(|raw| text(raw)).collect();
                        (Column { keys, sides: [Vec::new(), Vec::new()] }, 0)
                    });
                    let cells = &mut column.sides[side];
                    // Of two members of one name, the last counts.
                    if cells.last().is_some_and(|last| last.row == row) {
                        cells.pop();
                    } else {
                        *sum += place;
                    }
                    cells.push(Cell { row, class: leaf.class, raw: leaf.raw(line) });
                }
            }
        }
        let is_dropped = |column: &Column<'_>| rules.drop.iter().any(|named| is_named(&column.keys, named));
        let mut columns: Vec<(u64, Column<'s>)> = filled
            .into_values()
            .filter(|(column, _)| !is_dropped(column))
            .map(|(column, sum)| ((sum << 20) / column.sides.iter().map(Vec::len).sum::<usize>() as u64, column))
            .collect();
        // Members of the real side in their order, then the others.
        columns.sort_by(|(a, one), (b, other)| {
            let key = |place: u64, column: &Column<'_>| (column.sides[0].is_empty(), place);
            key(*a, one).cmp(&key(*b, other)).then_with(|| one.keys.cmp(&other.keys))
        });
        Self { rows, places, columns: columns.into_iter().map(|(_, column)| column).collect(), rare }
    }
}
