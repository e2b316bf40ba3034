//! Learns what the events are from what was counted. A pure function: the same counts give the same world.
//!
//! [`rows`] divides the sample into members, [`kinds`] its lines into kinds of events, [`values`] the values of each member into
//! classes, and [`tree`] says which member's class depends on which other's.

mod amounts;
mod cells;
pub(super) mod codes;
mod dependences;
mod form;
mod further;
mod kinds;
pub(super) mod model;
pub(super) mod moments;
pub(super) mod numbers;
mod objects;
mod pool;
mod refs;
pub(super) mod rows;
mod shape;
mod shifts;
mod standin;
mod sums;
mod texts;
mod traffic;
pub(super) mod tree;
mod values;
mod variable;

use std::collections::BTreeMap;

use self::cells::Values;
use self::kinds::Kinds;
use self::model::{About, Class, Learned, Learnt, Literal, Value};
use self::refs::Rewritten;
use self::rows::{Cell, Column, Rows, is_named};
use self::tree::NONE;
use super::config::Rules;
use super::count::{Member, Summary};
use crate::cli::numbers::{count, counted};
use crate::error::{Error, Result};

/// Learns from a summary that holds at least one event.
///
/// # Errors
/// If nothing is left to be learnt.
pub(super) fn learn(summary: &mut Summary, rules: &Rules) -> Result<Learnt> {
    let Summary { input, layouts, members, sample } = summary;
    let events = input.events;
    let lines: Vec<(u64, &[u8])> = sample.lines().collect();
    let rows = Rows::of(&lines, &[], rules);
    if rows.columns.is_empty() {
        return Err(Error::failed(format!(
            "no member is in {} lines: there is nothing that may be shown (--min-count)",
            count(rules.min_count)
        )));
    }
    let mut kinds = kinds::find(&rows, layouts, events, rules);
    let counts: Vec<u64> = rows.rows.iter().map(|row| row.count).collect();
    let mut learned: Vec<Values> = Vec::new();
    let mut warnings = Vec::new();
    let rewritten = refs::find(&rows.columns, &|place| kinds.having[place] > 0);
    for ((place, column), rewritten) in rows.columns.iter().enumerate().zip(&rewritten) {
        let path = column.path();
        let cells = kept(column, rewritten.as_ref(), &kinds);
        let keeps = rules.keep.iter().any(|named| is_named(&column.keys, named));
        let all = members.get(column.hash);
        let count = all.as_ref().map(|all| all.count());
        let about = cells::About {
            path: &path,
            rules,
            keeps,
            counts: &counts,
            all,
            is_rewritten: rewritten.is_some(),
            depth: 0,
            objects: objects::learn,
        };
        let mut values = values::learn(&cells, about);
        if rewritten.is_some() {
            refs::resolve(&mut values.classes);
            if let [class] = &values.classes[..] {
                values.whole = Some(class.value.clone());
            }
        }
        if let Some(why) = values.secret {
            let done =
                if keeps { "--keep shows its frequent values" } else { "its values are made up; --drop leaves it out" };
            warnings.push(format!("{path} may hold secrets, by {why}: {done}"));
        }
        // One class for each row.
        let absent = values.classes.len();
        let may_be_absent = |kind: &u16| kinds.is_joined && *kind != NONE && kinds.having[place] >> kind & 1 == 1;
        let or_absent = |kind: &u16| if may_be_absent(kind) { u16::try_from(absent).unwrap_or(NONE) } else { NONE };
        let mut of: Vec<u16> = kinds.of.iter().map(or_absent).collect();
        for (cell, class) in cells.iter().zip(&values.of) {
            of[cell.row as usize] = *class;
        }
        let there = count.unwrap_or_else(|| cells.iter().map(|cell| counts[cell.row as usize]).sum());
        if of.iter().any(|class| usize::from(*class) == absent) {
            let having = kinds.of.iter().zip(&counts).filter(|(kind, _)| may_be_absent(kind));
            let sampled: u64 = having.map(|(_, count)| count).sum();
            let all: u64 = kinds.kinds_of(place).map(|kind| kind.count).sum();
            let events = if count.is_some() { all } else { sampled };
            #[allow(clippy::cast_precision_loss)]
            let weight = events.saturating_sub(there) as f64;
            values.classes.push(Class { label: "absent".to_owned(), weight, value: Value::Absent });
            values.whole = None;
        }
        if let Some(moments) = values.moments.take() {
            let mut by_row = vec![None; rows.rows.len()];
            cells.iter().zip(moments).for_each(|(cell, at)| by_row[cell.row as usize] = at);
            values.moments = Some(by_row);
        }
        values.of = of;
        learned.push(values);
    }
    sums::relate(&rows.columns, &mut learned, &counts, rules.min_count);
    let known = |values: &Values| Some(values.moments.as_ref()?.iter().flatten().count());
    let main = moments::main(rows.columns.iter().zip(&learned).map(|(column, of)| (&*column.keys, known(of))));
    shifts::relate(&rows.columns, &mut learned, main, &counts, rules.min_count);
    let times =
        main.and_then(|main| members.get(rows.columns[main].hash)).and_then(|member: &mut Member| member.times.take());
    let parents = dependences::find(&kinds, &learned, &counts, rules.min_count);
    name_kinds(&mut kinds, &learned);
    let mut about = About {
        events,
        span: times.as_ref().map(|times| (times.first, times.last)),
        min_count: rules.min_count,
        notes: Vec::new(),
    };
    if kinds.left_out > 0 {
        about.notes.push(format!("{} of rarer layouts left out", counted(kinds.left_out, "event", "events")));
    }
    if rows.rare > 0 {
        about
            .notes
            .push(format!("{} left out, which too few events have", counted(rows.rare as u64, "member", "members")));
    }
    about.notes.extend(rules.drop.iter().map(|path| format!("{path} left out by --drop")));
    for path in &rules.drop {
        if !rows.has_dropped(path) {
            warnings.push(format!("--drop {path}: no event has this member"));
        }
    }
    for path in &rules.keep {
        if !rows.columns.iter().any(|column| is_named(&column.keys, path)) {
            warnings.push(format!("--keep {path}: no event has this member"));
        }
    }
    let members = rows.columns.iter().zip(learned).zip(parents);
    let members = members.map(|((column, values), given)| Learned {
        path: column.path(),
        classes: values.classes,
        whole: values.whole,
        given,
        notes: values.notes,
    });
    let members = members.collect();
    Ok(Learnt { about, kinds: kinds.kinds, members, traffic: times.as_deref().and_then(traffic::weights), warnings })
}

/// The values of a member in the rows that have a kind.
fn kept<'c>(column: &'c Column<'_>, rewritten: Option<&'c Rewritten>, kinds: &Kinds) -> Vec<Cell<'c>> {
    let new = |at: usize| rewritten.and_then(|new| new[at].as_deref());
    let cells = column.cells.iter().enumerate().filter(|(_, cell)| kinds.of[cell.row as usize] != NONE);
    cells.map(|(at, cell)| Cell { raw: new(at).unwrap_or(cell.raw), ..*cell }).collect()
}

/// Names kinds by a member whose value differs from kind to kind, or by number.
fn name_kinds(kinds: &mut Kinds, learned: &[Values]) {
    let all = kinds.kinds.len();
    let value_in = |values: &Values, kind: usize| {
        let mut classes =
            kinds.of.iter().zip(&values.of).filter(|(of, _)| usize::from(**of) == kind).map(|(_, class)| *class);
        let first = classes.next().filter(|class| *class != NONE)?;
        let is_one = classes.all(|class| class == first);
        match &values.classes.get(usize::from(first))?.value {
            Value::Literal(Literal::Text(text)) if is_one && text.len() <= 40 && !text.is_empty() => Some(text.clone()),
            _ => None,
        }
    };
    let named = learned.iter().find_map(|values| {
        let names: Option<Vec<String>> = (0..all).map(|kind| value_in(values, kind)).collect();
        names.filter(|names| names.iter().collect::<std::collections::BTreeSet<_>>().len() == all)
    });
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for (place, kind) in kinds.kinds.iter_mut().enumerate() {
        let name = named.as_ref().map_or_else(|| format!("kind {}", place + 1), |names| names[place].clone());
        *seen.entry(name.clone()).or_insert(0) += 1;
        kind.name = if all == 1 { "event".to_owned() } else { name };
    }
}
