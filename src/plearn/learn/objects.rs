//! Objects within arrays: each is taken as an event of one kind, in which members may be absent.

use super::cells::{self, Values, float};
use super::model::{Learned, Objects, Value};
use super::rows::Rows;
use super::{dependences, kinds, values};
use crate::jsonl::scan;
use crate::plearn::config::Rules;

/// Learns objects, each with how often its line came. Returns them and the reason why they may hold secrets. `None` if nothing is left.
pub(super) fn learn(
    objects: &[(u64, &[u8])],
    most_of_a_line: usize,
    about: &cells::About<'_>,
) -> Option<cells::Nested> {
    let min_count = about.rules.min_count.saturating_mul(most_of_a_line as u64);
    let rules = Rules { min_count, ..about.rules.clone() };
    let rows = Rows::of(objects, &scan::keys(about.path), &rules);
    let kinds = kinds::one(&rows);
    let counts: Vec<u64> = rows.rows.iter().map(|row| row.count).collect();
    let all: u64 = counts.iter().sum();
    let mut learned = Vec::new();
    let mut secret = None;
    for column in &rows.columns {
        let path = column.path();
        let mut values = values::learn(
            &column.cells,
            cells::About {
                path: &path,
                rules: &rules,
                keeps: about.keeps,
                counts: &counts,
                all: None,
                is_rewritten: false,
                depth: about.depth + 1,
                objects: learn,
            },
        );
        secret = secret.or(values.secret);
        let absent = u16::try_from(values.classes.len()).unwrap_or(u16::MAX);
        let mut of = vec![absent; rows.rows.len()];
        column.cells.iter().zip(&values.of).for_each(|(cell, class)| of[cell.row as usize] = *class);
        let there: u64 = column.cells.iter().map(|cell| counts[cell.row as usize]).sum();
        if there < all {
            values.class("absent", float(all - there), Value::Absent);
            values.whole = None;
        }
        values.of = of;
        learned.push(values);
    }
    let parents = dependences::find(&kinds, &learned, &counts, min_count);
    let shape = kinds.kinds.into_iter().next()?.shape;
    let members = rows.columns.iter().zip(learned).zip(parents);
    let members = members.map(|((column, values), given)| {
        let Values { classes, whole, notes, .. } = values;
        Learned { path: column.path(), classes, whole, given, notes }
    });
    let members: Vec<Learned> = members.collect();
    (!members.is_empty()).then_some((Objects { shape, members }, secret))
}
