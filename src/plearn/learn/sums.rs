//! Numbers that are another of the same event and little more, as the bytes of a response and those of its body.

use super::cells::{Values, float};
use super::model::{Class, Literal, Numbers, Value};
use super::numbers;
use super::rows::{Cell, Column};
use super::tree::NONE;
use crate::plearn::count::{Bins, Class as Kind, number};

/// Rows by which such numbers are found.
const SCREENED: usize = 2000;

/// The fewest rows that have both.
const FEWEST: usize = 50;

/// The difference varies at most this much, as a share of what the number varies.
const MOST: f64 = 0.25;

/// The other is there in nearly all rows that have the number.
const COVERED: f64 = 0.98;

/// A class of the other in fewer times `--min-count` lines has no difference of its own.
const ENOUGH: f64 = 4.0;

/// Makes numbers depend on each other. `of` are the rows of the sample, `counts` how often each came.
pub(super) fn relate(columns: &[Column<'_>], learned: &mut [Values], counts: &[u64], min_count: u64) {
    let numbers: Vec<Vec<Option<f64>>> =
        columns.iter().zip(&*learned).map(|(column, values)| numbers_of(column, values, counts.len())).collect();
    let mut found: Vec<(f64, usize, usize)> = Vec::new();
    for (place, own) in numbers.iter().enumerate() {
        for (other, others) in numbers.iter().enumerate() {
            if other != place && !own.is_empty() && !others.is_empty() && is_plain(&learned[other]) {
                found.extend(spread(own, others).map(|ratio| (ratio, place, other)));
            }
        }
    }
    found.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let pairs: std::collections::BTreeSet<(usize, usize)> =
        found.iter().map(|(_, place, other)| (*place, *other)).collect();
    // The larger number is the smaller one and more: less might be below what there can be.
    let is_less = |place: usize, other: usize| {
        let both = numbers[place].iter().zip(&numbers[other]).filter_map(|(own, other)| Some((*own)? - (*other)?));
        both.take(SCREENED).all(|difference| difference <= 0.0)
    };
    found.retain(|(_, place, other)| !(pairs.contains(&(*other, *place)) && is_less(*place, *other)));
    let mut parents: Vec<Option<usize>> = vec![None; columns.len()];
    for (_, place, other) in found {
        let mut up = std::iter::successors(Some(other), |at| parents[*at]);
        if parents[place].is_none() && !up.any(|at| at == place) {
            parents[place] = Some(other);
        }
    }
    for (place, other) in parents.iter().enumerate().filter_map(|(place, other)| Some((place, (*other)?))) {
        let of = learned[other].of.clone();
        let classes = learned[other].classes.len();
        let Some(places) = decimals(&learned[place]).zip(decimals(&learned[other])).map(|(a, b)| a.max(b)) else {
            continue;
        };
        let differences = differences(&numbers[place], &numbers[other], places);
        let plus = |class: Option<usize>| {
            let mut bins = Bins::default();
            let within = |row: usize| class.is_none_or(|class| usize::from(of[row]) == class);
            let mut lines = 0;
            for (row, difference) in differences.iter().enumerate().filter(|(row, _)| within(*row)) {
                if let Some(difference) = difference {
                    bins.add(*difference, counts[row]);
                    lines += counts[row];
                }
            }
            (table(&bins, places, min_count), lines)
        };
        let (Some(otherwise), _) = plus(None) else { continue };
        let is_enough = |lines: u64| float(lines) >= ENOUGH * float(min_count);
        let is_quoted = learned[place]
            .classes
            .iter()
            .any(|class| matches!(&class.value, Value::Numbers(Numbers { is_quoted: true, .. })));
        let otherwise = Numbers { is_quoted, ..otherwise };
        let by =
            (0..classes).map(|class| Some(plus(Some(class))).filter(|(_, lines)| classes > 1 && is_enough(*lines))?.0);
        let value = Value::Sum { of: other, by: by.collect(), otherwise };
        replace(&mut learned[place], value);
    }
}

/// The numbers by row, if they have a distribution; else none.
pub(super) fn numbers_of(column: &Column<'_>, values: &Values, rows: usize) -> Vec<Option<f64>> {
    if !values.classes.iter().any(|class| matches!(class.value, Value::Numbers(_))) {
        return Vec::new();
    }
    let mut out = vec![None; rows];
    for cell in &column.cells {
        let of = values.of[cell.row as usize];
        let is_number = of != NONE && is_number(&values.classes[usize::from(of)]);
        out[cell.row as usize] = value(cell).filter(|_| is_number);
    }
    out
}

fn value(cell: &Cell<'_>) -> Option<f64> {
    match cell.class {
        Kind::Number => Some(number(cell.raw)?.0),
        Kind::Text => Some(number(&cell.raw[1..cell.raw.len() - 1])?.0),
        _ => None,
    }
}

/// Whether these are numbers: a band, or one that is frequent.
fn is_number(class: &Class) -> bool {
    match &class.value {
        Value::Numbers(_) => true,
        Value::Literal(Literal::Json(json)) => json.starts_with(|c: char| c == '-' || c.is_ascii_digit()),
        _ => false,
    }
}

/// Whether it is always a number, which pgen can add to.
pub(super) fn is_plain(values: &Values) -> bool {
    let is_quoted = |class: &Class| matches!(&class.value, Value::Numbers(Numbers { is_quoted: true, .. }));
    values.classes.iter().all(|class| is_number(class) && !is_quoted(class))
}

fn decimals(values: &Values) -> Option<u32> {
    values.classes.iter().find_map(|class| match &class.value {
        Value::Numbers(numbers) => Some(numbers.places),
        _ => None,
    })
}

fn differences(own: &[Option<f64>], others: &[Option<f64>], places: u32) -> Vec<Option<f64>> {
    let scale = libm::pow(10.0, f64::from(places));
    let rounded = |x: f64| libm::round(x * scale) / scale;
    own.iter().zip(others).map(|(own, other)| Some(rounded((*own)? - (*other)?))).collect()
}

/// How much the difference varies, as a share of what the number does. `None` if that is too much.
#[allow(clippy::cast_precision_loss)] // a few thousand rows
fn spread(own: &[Option<f64>], others: &[Option<f64>]) -> Option<f64> {
    let has_own: Vec<(f64, Option<f64>)> =
        own.iter().zip(others).filter_map(|(own, other)| Some(((*own)?, *other))).take(SCREENED).collect();
    let both: Vec<(f64, f64)> = has_own.iter().filter_map(|(own, other)| Some((*own, (*other)?))).collect();
    if both.len() < FEWEST || (both.len() as f64) < COVERED * has_own.len() as f64 {
        return None;
    }
    let varies = |mut numbers: Vec<f64>| {
        numbers.sort_by(f64::total_cmp);
        numbers[numbers.len() * 19 / 20] - numbers[numbers.len() / 20]
    };
    let of_own = varies(both.iter().map(|(own, _)| *own).collect());
    let of_difference = varies(both.iter().map(|(own, other)| own - other).collect());
    (of_own > 0.0 && of_difference <= MOST * of_own).then(|| of_difference / of_own)
}

/// The distribution of these numbers, in as much detail as `min_count` allows.
pub(super) fn table(bins: &Bins, places: u32, min_count: u64) -> Option<Numbers> {
    numbers::table(&numbers::shown(&bins.bounds(), places, (f64::MIN, f64::MAX), float(min_count)), places)
}

/// One class in place of the bands.
fn replace(values: &mut Values, value: Value) {
    let bands: Vec<usize> = (0..values.classes.len()).filter(|at| is_number(&values.classes[*at])).collect();
    let Some(first) = bands.first().copied() else { return };
    let weight = bands.iter().map(|at| values.classes[*at].weight).sum();
    // The new number of each class.
    let mut kept = 0u16;
    let mut new = vec![0u16; values.classes.len()];
    for (at, new) in new.iter_mut().enumerate() {
        if at == first || !bands.contains(&at) {
            *new = kept;
            kept += 1;
        }
    }
    bands.iter().for_each(|at| new[*at] = new[first]);
    values.of.iter_mut().filter(|of| **of != NONE).for_each(|of| *of = new[usize::from(*of)]);
    values.classes[first] = Class { label: "number".to_owned(), weight, value };
    let mut at = 0;
    values.classes.retain(|_| {
        at += 1;
        at - 1 == first || !bands.contains(&(at - 1))
    });
    values.whole = if values.classes.len() == 1 { Some(values.classes[0].value.clone()) } else { None };
    values.note("a number of the same event and a distance from it");
}
