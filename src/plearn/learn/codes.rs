//! Numbers that are no amounts: those that are more frequent than their neighbours, such as 0 or a time limit, and identifiers.

use std::collections::BTreeMap;

use super::cells::{About, Entry, Values, float};
use super::model::{Literal, Value};
use super::numbers;
use super::pool::{self, Drawn};
use super::standin;
use crate::cli::numbers::{count as digits, counted};
use crate::plearn::count::number;
use crate::record::private::is_personal;
use crate::seed::Choice;

/// A number has a share of its own if it has at least this share of the lines, in at least so many lines of the sample, and so many
/// times as many as numbers around it.
const LEAST: f64 = 0.01;
const FEWEST: usize = 20;
const MORE: u64 = 4;

/// How many numbers on each side are around it.
const AROUND: usize = 4;

/// The most numbers that have a share of their own.
const MOST: usize = 24;

/// Identifiers have at least so many digits, unless their name says that they are about a person.
const SHORTEST: usize = 6;

/// Of the identifiers, those in at least this share of the lines have a share of their own, and so many may have.
const FREQUENT: f64 = 0.001;
const MOST_FREQUENT: usize = 200;

/// Whether a number may stand in a world, if enough lines hold it and it is not about a person.
pub(in crate::plearn) fn may_show(raw: &[u8]) -> bool {
    raw.len() < SHORTEST || raw.ends_with(b"000")
}

/// Whether whole numbers are identifiers rather than amounts: long, and each comes again. Takes the path of the member, and its
/// different numbers with their counts.
pub(in crate::plearn) fn are_identifiers<'n>(path: &str, numbers: impl Iterator<Item = (&'n [u8], u64)>) -> bool {
    let shortest = if is_personal(path) { 1 } else { SHORTEST };
    let (mut distinct, mut again, mut lines, mut long) = (0u64, 0u64, 0u64, 0u64);
    for (raw, count) in numbers {
        if !raw.iter().all(u8::is_ascii_digit) {
            return false;
        }
        distinct += 1;
        again += if count > 1 { count } else { 0 };
        lines += count;
        long += if raw.len() >= shortest { count } else { 0 };
    }
    lines > 0 && distinct * 3 <= lines && again * 10 >= lines * 8 && long * 10 >= lines * 9
}

/// The numbers that have a share of their own.
pub(super) fn frequent<'d>(ordered: &[Entry<'d>], about: &About<'_>) -> Vec<Entry<'d>> {
    if is_personal(about.path) && !about.keeps {
        return Vec::new();
    }
    let total: u64 = ordered.iter().map(|(_, (sum, _))| sum).sum();
    let mut by_size: Vec<(f64, u64)> =
        ordered.iter().map(|(raw, (sum, _))| (number(raw).map_or(0.0, |(n, _)| n), *sum)).collect();
    by_size.sort_by(|a, b| a.0.total_cmp(&b.0));
    let stands_out = |entry: &Entry<'_>| {
        let own = number(entry.0).map_or(0.0, |(n, _)| n);
        let at = by_size.partition_point(|(n, _)| *n < own);
        let around = at.saturating_sub(AROUND)..(at + AROUND + 1).min(by_size.len());
        let mut counts: Vec<u64> = around.filter(|other| *other != at).map(|other| by_size[other].1).collect();
        counts.sort_unstable();
        counts.get(counts.len() / 2).is_none_or(|middle| entry.1.0 >= MORE * middle)
    };
    let is_enough = |(raw, (sum, of)): &Entry<'_>| {
        *sum >= about.rules.min_count
            && of.len() >= FEWEST
            && float(*sum) >= LEAST * float(total)
            && (about.keeps || may_show(raw))
    };
    let found = ordered.iter().take(4 * MOST).filter(|entry| is_enough(entry) && stands_out(entry));
    found.take(MOST).copied().collect()
}

/// Makes identifiers up: the most frequent with a share of their own, the others from a population.
pub(super) fn identifiers(ordered: &[Entry<'_>], lines: f64, distinct: f64, about: &About<'_>, out: &mut Values) {
    let total: u64 = ordered.iter().map(|(_, (sum, _))| sum).sum();
    let draws = standin::stream(about.path);
    let mut taken: Vec<Vec<u8>> = ordered.iter().map(|(raw, _)| raw.to_vec()).collect();
    taken.sort();
    let mut rest: Vec<&Entry<'_>> = Vec::new();
    let mut made = 0u64;
    for (nth, entry) in (0u64..).zip(ordered) {
        let (raw, (sum, of)) = entry;
        let is_frequent = made < MOST_FREQUENT as u64
            && *sum >= about.rules.min_count.max(5)
            && float(*sum) >= FREQUENT * float(total);
        match is_frequent.then(|| stand_in(raw, draws.stream(nth), &taken)).flatten() {
            Some(new) => {
                let json = String::from_utf8_lossy(&new).into_owned();
                if let Err(at) = taken.binary_search(&new) {
                    taken.insert(at, new);
                }
                let class = out.class(json.clone(), float(*sum), Value::Literal(Literal::Json(json)));
                of.iter().for_each(|at| out.of[*at] = class);
                made += 1;
            }
            None => rest.push(entry),
        }
    }
    if made > 0 {
        out.note(format!("{} made up in place of {}", digits(made), counted(made, "number", "numbers")));
    }
    if rest.is_empty() {
        return;
    }
    // Only how many digits they have is told.
    let mut lengths: BTreeMap<usize, u64> = BTreeMap::new();
    rest.iter().for_each(|(raw, _)| *lengths.entry(raw.len()).or_insert(0) += 1);
    let of_length = |(length, count): (usize, u64)| {
        let power = |digits: usize| libm::pow(10.0, f64::from(u32::try_from(digits).unwrap_or(0)));
        (power(length - 1) - 0.5, power(length) - 0.5, float(count))
    };
    let bins: Vec<numbers::Bin> = lengths.into_iter().map(of_length).collect();
    let Some(numbers) = numbers::table(&bins, 0) else { return };
    let counts: Vec<u64> = rest.iter().map(|(_, (sum, _))| *sum).collect();
    let sum = counts.iter().sum::<u64>();
    let drawn = Drawn {
        counts: &counts,
        lines: lines / float(total.max(1)) * float(sum),
        distinct: distinct / float(ordered.len().max(1) as u64) * float(rest.len() as u64),
        before: usize::try_from(made).unwrap_or(0),
    };
    let value = match pool::find(drawn).filter(|_| about.depth == 0) {
        Some(pool) => Value::DrawnNumber { numbers, pool, nth: out.classes.len() },
        None => Value::Numbers(numbers),
    };
    let class = out.class("others", float(sum), value);
    rest.iter().flat_map(|(_, (_, of))| of.iter()).for_each(|at| out.of[*at] = class);
    out.note("others made up, of which some come again");
}

/// A number of as many digits that is not among these, which are in order. `None` if none was found.
fn stand_in(raw: &[u8], draws: Choice, taken: &[Vec<u8>]) -> Option<Vec<u8>> {
    let mut made = (0..100u64).map(|draw| {
        let draw = draws.stream(draw);
        let digit = |place: usize| {
            let number = draw.at(place as u64) % if place == 0 { 9 } else { 10 };
            b'0' + u8::try_from(number).unwrap_or(0) + u8::from(place == 0)
        };
        (0..raw.len()).map(digit).collect::<Vec<u8>>()
    });
    made.find(|new| taken.binary_search(new).is_err())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_long_and_come_again_and_amounts_do_not() {
        let ids = |path: &str, digits: usize, often: u64| {
            let all: Vec<Vec<u8>> = (1..200).map(|n| format!("{n}{}", "7".repeat(digits - 1)).into_bytes()).collect();
            are_identifiers(path, all.iter().map(|raw| (&**raw, often)))
        };
        assert!(ids("repository.id", 8, 9) && ids("user_id", 1, 9));
        assert!(!ids("repository.id", 8, 1) && !ids("bytes", 2, 9));
        assert!(!are_identifiers("x", [(&b"-1234567"[..], 90)].into_iter()));
        let taken = vec![b"1".to_vec(), b"123456".to_vec()];
        let made = stand_in(b"123456", standin::stream("a"), &taken).expect("one is free");
        assert!(made.len() == 6 && made[0] != b'0' && made != b"123456");
        let all: Vec<Vec<u8>> = (1..=9).map(|n: u8| vec![b'0' + n]).collect();
        assert_eq!(stand_in(b"4", standin::stream("a"), &all), None);
    }
}
