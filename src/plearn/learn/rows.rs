//! The sampled lines as rows: each value with its member, line by line.

use std::collections::BTreeMap;

use crate::plearn::config::Rules;
use crate::plearn::count::{Class, Sample, Walker};

/// The most values that are looked at, in the order of the sample.
const MOST_VALUES: usize = 2_500_000;

/// The most members that are learnt, those in most lines first.
const MOST_MEMBERS: usize = 400;

/// A value of a row.
#[derive(Debug, Clone, Copy)]
pub(in crate::plearn) struct Cell<'s> {
    pub(in crate::plearn) row: u32,
    pub(in crate::plearn) class: Class,
    pub(in crate::plearn) raw: &'s [u8],
}

/// A member with all its values.
#[derive(Debug)]
pub(super) struct Column<'s> {
    /// The hash of its path.
    pub(super) hash: u64,
    /// Its keys, without quotes and escapes.
    pub(super) keys: Vec<String>,
    pub(super) cells: Vec<Cell<'s>>,
}

impl Column<'_> {
    /// Its path, with a backslash before a dot within a key.
    pub(super) fn path(&self) -> String {
        path(&self.keys)
    }
}

/// Keys as a path (contracts §1).
pub(in crate::plearn) fn path(keys: &[String]) -> String {
    keys.iter().map(|key| key.replace('.', "\\.")).collect::<Vec<_>>().join(".")
}

/// Whether a path of the command line names this member, or an object around it. Dots may be part of keys.
pub(in crate::plearn) fn is_named(keys: &[String], named: &str) -> bool {
    let plain = |path: &str| path.replace("\\.", ".");
    (1..=keys.len()).any(|length| plain(&path(&keys[..length])) == plain(named))
}

/// A row of the sample.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'s> {
    pub(super) line: &'s [u8],
    /// How often the line came.
    pub(super) count: u64,
    /// The hash of its layout.
    pub(super) layout: u64,
}

/// The sample, by row and by member.
#[derive(Debug)]
pub(super) struct Rows<'s> {
    pub(super) rows: Vec<Row<'s>>,
    /// In the order of the events, as far as lines agree on one.
    pub(super) columns: Vec<Column<'s>>,
    /// How many members there are in too few lines, or beyond those that are learnt.
    pub(super) rare: usize,
    /// The members that `--drop` names, by its values.
    dropped: Vec<String>,
}

impl<'s> Rows<'s> {
    /// Whether this value of `--drop` names a member.
    pub(super) fn has_dropped(&self, named: &str) -> bool {
        self.dropped.iter().any(|found| found == named)
    }

    pub(super) fn of(sample: &'s Sample, rules: &Rules) -> Self {
        let mut walker = Walker::default();
        let mut rows: Vec<Row<'s>> = Vec::new();
        let mut columns: BTreeMap<u64, (Column<'s>, u64, u64)> = BTreeMap::new();
        let mut values = 0;
        for (count, line) in sample.lines() {
            let layout = walker.walk(line);
            values += walker.leaves().len();
            if values > MOST_VALUES && !rows.is_empty() {
                break;
            }
            let row = u32::try_from(rows.len()).unwrap_or(u32::MAX);
            rows.push(Row { line, count, layout });
            for (place, leaf) in (0u64..).zip(walker.leaves()) {
                let hash = walker.hash(leaf.path);
                let (column, lines, places) = columns.entry(hash).or_insert_with(|| {
                    let key = |raw: &&[u8]| text(raw);
                    let keys = walker.keys(leaf.path).iter().map(key).collect();
                    (Column { hash, keys, cells: Vec::new() }, 0, 0)
                });
                // Of two members of one name, the last counts.
                if column.cells.last().is_some_and(|last| last.row == row) {
                    column.cells.pop();
                } else {
                    *lines += count;
                    *places += place;
                }
                column.cells.push(Cell { row, class: leaf.class, raw: leaf.raw(line) });
            }
        }
        let all = columns.len();
        let is_found = |named: &&String| columns.values().any(|(column, ..)| is_named(&column.keys, named));
        let found = rules.drop.iter().filter(is_found).cloned().collect();
        let is_dropped = |column: &Column<'_>| rules.drop.iter().any(|named| is_named(&column.keys, named));
        let mut columns: Vec<_> = columns.into_values().filter(|(column, ..)| !is_dropped(column)).collect();
        let dropped = all - columns.len();
        columns.retain(|(_, lines, _)| *lines >= rules.min_count || all <= 1);
        columns.sort_by_key(|(column, lines, _)| (u64::MAX - lines, column.hash));
        columns.truncate(MOST_MEMBERS);
        let rare = all - dropped - columns.len();
        // The mean place in the line: 2^20 is finer than any line needs.
        columns.sort_by_key(|(column, _, places)| ((places << 20) / (column.cells.len() as u64), column.hash));
        Self { rows, columns: columns.into_iter().map(|(column, ..)| column).collect(), rare, dropped: found }
    }
}

/// The text of a raw key or string without its quotes.
pub(in crate::plearn) fn text(raw: &[u8]) -> String {
    let quoted = [b"\"", raw, b"\""].concat();
    serde_json::from_slice(&quoted).unwrap_or_else(|_| String::from_utf8_lossy(raw).into_owned())
}
