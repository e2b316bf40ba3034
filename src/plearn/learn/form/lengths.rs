//! Words of several lengths at one place: a pattern has one length, so texts are divided by it.

use std::collections::BTreeMap;

/// Words at a place, and how many lines have each.
pub(super) type Words<'t> = BTreeMap<&'t str, u64>;

/// A length has a form of its own if at least this share of the words has it.
const LEAST: f64 = 0.03;

/// Lengths are told apart if at least this share of the words has another than most, or than random numbers would have.
const APART: f64 = 0.05;

/// Lengths that are told apart, in characters.
pub(super) struct Lengths(Vec<usize>);

impl Lengths {
    /// The length that is next to that of a word.
    pub(super) fn nearest(&self, word: &str) -> usize {
        let length = word.chars().count();
        self.0.iter().copied().min_by_key(|known| (known.abs_diff(length), *known)).unwrap_or(length)
    }
}

/// A place at which the lengths of words vary, with those that are frequent: the place with the fewest.
pub(super) fn varied(
    columns: &[Words<'_>],
    is_compound: Vec<bool>,
    min_count: u64,
    most: usize,
) -> Option<(usize, Lengths)> {
    let places = columns.iter().zip(is_compound).enumerate().filter(|(_, (_, is_compound))| !is_compound);
    let found = places.filter_map(|(place, (words, _))| Some((place, of(words, min_count)?)));
    found.filter(|(_, lengths)| lengths.0.len() <= most).min_by_key(|(place, lengths)| (lengths.0.len(), *place))
}

#[allow(clippy::cast_precision_loss)] // counts far below 2^53
fn of(words: &Words<'_>, min_count: u64) -> Option<Lengths> {
    let mut counts: BTreeMap<usize, u64> = BTreeMap::new();
    words.iter().for_each(|(word, count)| *counts.entry(word.chars().count()).or_insert(0) += count);
    let total: u64 = counts.values().sum();
    let share = |count: u64| count as f64 / total as f64;
    let most = counts.values().max()?;
    if share(*most) > 1.0 - APART || is_as_of_random_numbers(words, &counts, total) {
        return None;
    }
    let is_frequent = |count: u64| count >= min_count && share(count) >= LEAST;
    let frequent: Vec<usize> =
        counts.iter().filter(|(_, count)| is_frequent(**count)).map(|(length, _)| *length).collect();
    (frequent.len() > 1).then_some(Lengths(frequent))
}

/// Whether the lengths are those of random numbers up to 255.
#[allow(clippy::cast_precision_loss)] // counts far below 2^53
pub(super) fn are_as_of_octets(words: &Words<'_>) -> bool {
    let total: u64 = words.values().sum();
    let share = |length: usize| {
        let of: u64 = words.iter().filter(|(word, _)| word.len() == length).map(|(_, count)| count).sum();
        of as f64 / total.max(1) as f64
    };
    [(1, 10.0), (2, 90.0), (3, 156.0)].into_iter().all(|(length, of)| libm::fabs(share(length) - of / 256.0) < 0.1)
}

/// Whether these are numbers whose lengths are those of random ones up to the largest.
#[allow(clippy::cast_precision_loss)] // counts far below 2^53, and numbers that are compared roughly
fn is_as_of_random_numbers(words: &Words<'_>, counts: &BTreeMap<usize, u64>, total: u64) -> bool {
    let numbers: Option<Vec<u64>> =
        words.keys().map(|word| word.parse().ok().filter(|_| word.bytes().all(|byte| byte.is_ascii_digit()))).collect();
    let Some(numbers) = numbers else { return false };
    let (Some(low), Some(high)) = (numbers.iter().min(), numbers.iter().max()) else { return false };
    let of_length = |length: &usize| {
        let power = |exponent: usize| 10f64.powi(i32::try_from(exponent).unwrap_or(i32::MAX));
        let least = if *length == 1 { 0.0 } else { power(length - 1) };
        let within = power(*length).min(*high as f64 + 1.0) - least.max(*low as f64);
        within / ((high - low) as f64 + 1.0)
    };
    counts.iter().all(|(length, count)| libm::fabs(*count as f64 / total as f64 - of_length(length)) < APART)
}
