//! The sampled lines as rows: each value with its member, line by line.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::plearn::config::Rules;
use crate::plearn::count::{Class, Distinct, Walker};

/// The most values that are looked at, in the order of the sample.
const MOST_VALUES: usize = 2_500_000;

/// The most members whose lines are counted.
const MOST_COUNTED: usize = 1 << 16;

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

    /// Divides lines, which are JSON objects, each with how often it came. `around` are the keys around them.
    pub(super) fn of(lines: &[(u64, &'s [u8])], around: &[String], rules: &Rules) -> Self {
        let mut walker = Walker::default();
        let keys_of = |walker: &Walker, path: u32| -> Vec<String> {
            around.iter().cloned().chain(walker.keys(path).iter().map(|raw| text(raw))).collect()
        };
        let (members, most_rows) = candidates(lines, &keys_of, rules, &mut walker);
        let mut rows: Vec<Row<'s>> = Vec::new();
        let mut columns: BTreeMap<u64, (Column<'s>, u64, u64)> = BTreeMap::new();
        for (count, line) in lines.iter().take(most_rows).copied() {
            let layout = walker.walk(line);
            let row = u32::try_from(rows.len()).unwrap_or(u32::MAX);
            rows.push(Row { line, count, layout });
            for (place, leaf) in (0u64..).zip(walker.leaves()) {
                let hash = walker.hash(leaf.path);
                if !members.lines.contains_key(&hash) {
                    continue;
                }
                let (column, lines, places) = columns
                    .entry(hash)
                    .or_insert_with(|| (Column { hash, keys: keys_of(&walker, leaf.path), cells: Vec::new() }, 0, 0));
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
        let is_dropped = |column: &Column<'_>| rules.drop.iter().any(|named| is_named(&column.keys, named));
        let mut columns: Vec<_> = columns.into_values().filter(|(column, ..)| !is_dropped(column)).collect();
        columns.retain(|(_, lines, _)| *lines >= rules.min_count || members.all <= 1);
        columns.sort_by_key(|(column, lines, _)| (u64::MAX - lines, column.hash));
        columns.truncate(MOST_MEMBERS);
        let rare = members.all.saturating_sub(members.dropped + columns.len());
        // The mean place in the line: 2^20 is finer than any line needs.
        columns.sort_by_key(|(column, _, places)| ((places << 20) / (column.cells.len() as u64), column.hash));
        Self { rows, columns: columns.into_iter().map(|(column, ..)| column).collect(), rare, dropped: members.found }
    }
}

/// Members that may be in enough lines.
struct Candidates {
    /// In how many lines each is, or fewer if there are too many members to count.
    lines: HashMap<u64, u64>,
    /// About how many members there are, and how many of these `--drop` names.
    all: usize,
    dropped: usize,
    /// The values of `--drop` that name any.
    found: Vec<String>,
}

/// Finds them, and how many rows are looked at. If there are too many members, those that come again are kept (Misra and Gries 1982),
/// so that memory does not grow with their number.
fn candidates(
    all_lines: &[(u64, &[u8])],
    keys_of: &dyn Fn(&Walker, u32) -> Vec<String>,
    rules: &Rules,
    walker: &mut Walker,
) -> (Candidates, usize) {
    let mut lines: HashMap<u64, u64> = HashMap::new();
    let mut all = Distinct::new(MOST_COUNTED);
    let (mut dropped, mut found) = (BTreeSet::new(), BTreeSet::new());
    let (mut values, mut rows, mut is_cut) = (0, 0, false);
    for (count, line) in all_lines {
        walker.walk(line);
        values += walker.leaves().len();
        if values > MOST_VALUES && rows > 0 {
            break;
        }
        rows += 1;
        for leaf in walker.leaves() {
            let hash = walker.hash(leaf.path);
            if !rules.drop.is_empty() && !lines.contains_key(&hash) {
                let keys = keys_of(walker, leaf.path);
                let names: Vec<&String> = rules.drop.iter().filter(|named| is_named(&keys, named)).collect();
                if !names.is_empty() && dropped.len() < MOST_COUNTED {
                    dropped.insert(hash);
                }
                found.extend(names.into_iter().cloned());
            }
            all.add(hash, 1);
            *lines.entry(hash).or_insert(0) += count;
        }
        while lines.len() > MOST_COUNTED {
            is_cut = true;
            let least = lines.values().min().copied().unwrap_or(1);
            lines.retain(|_, count| {
                *count -= least;
                *count > 0
            });
        }
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // at most as many as values
    let all = all.estimate() as usize;
    if !is_cut && all > 1 {
        lines.retain(|_, count| *count >= rules.min_count);
    }
    (Candidates { lines, all, dropped: dropped.len(), found: found.into_iter().collect() }, rows)
}

/// The text of a raw key or string without its quotes.
pub(in crate::plearn) fn text(raw: &[u8]) -> String {
    let quoted = [b"\"", raw, b"\""].concat();
    serde_json::from_slice(&quoted).unwrap_or_else(|_| String::from_utf8_lossy(raw).into_owned())
}
