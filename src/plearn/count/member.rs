//! What is counted of one member of the events.

use xxhash_rust::xxh3::xxh3_64;

use super::bins::Bins;
use super::distinct::Distinct;
use super::number::number;
use super::times::Times;
use super::walk::Class;
use crate::record::moment;

/// Values that are counted one by one.
const VALUES: usize = 512;

/// How many classes of values there are.
pub(in crate::plearn) const CLASSES: usize = 8;

/// Counts of one member.
#[derive(Debug, Clone)]
pub(in crate::plearn) struct Member {
    /// By [`Class`].
    pub(in crate::plearn) classes: [u64; CLASSES],
    /// Strings and numbers, by the hashes of their raw text.
    pub(in crate::plearn) values: Distinct,
    pub(in crate::plearn) bins: Bins,
    pub(in crate::plearn) times: Option<Box<Times>>,
}

impl Default for Member {
    fn default() -> Self {
        Self { classes: [0; CLASSES], values: Distinct::new(VALUES), bins: Bins::default(), times: None }
    }
}

/// The hash of a value by its raw text.
pub(in crate::plearn) fn hash(raw: &[u8]) -> u64 {
    xxh3_64(raw)
}

impl Member {
    /// Counts a value.
    #[inline]
    pub(in crate::plearn) fn add(&mut self, raw: &[u8], class: Class, moments: &mut moment::Reader) {
        self.classes[class as usize] += 1;
        match class {
            Class::Text => {
                self.values.add(hash(raw), 1);
                if may_be_date(raw) {
                    self.time(raw, moments);
                }
            }
            Class::Number => {
                self.values.add(hash(raw), 1);
                if let Some((number, _)) = number(raw) {
                    self.bins.add(number, 1);
                }
                if may_be_epoch(raw) {
                    self.time(raw, moments);
                }
            }
            _ => {}
        }
    }

    fn time(&mut self, raw: &[u8], moments: &mut moment::Reader) {
        if let Ok(at) = moments.read(raw) {
            self.times.get_or_insert_default().add(at, 1);
        }
    }

    /// About how many different strings and numbers there are. If nearly all are unique, as many as strings and numbers: an estimate would
    /// take one for the other.
    pub(in crate::plearn) fn distinct(&mut self) -> f64 {
        let (kept, is_cut) = self.values.kept();
        let (all, again) = kept
            .iter()
            .fold((0, 0), |(all, again), (_, count)| (all + count, again + if *count > 1 { *count } else { 0 }));
        #[allow(clippy::cast_precision_loss)] // counts far below 2^53
        let lines = (self.classes[Class::Text as usize] + self.classes[Class::Number as usize]) as f64;
        if is_cut && again * 50 < all { lines } else { self.values.estimate().min(lines) }
    }

    /// How many values there are, null included.
    pub(in crate::plearn) fn count(&self) -> u64 {
        self.classes.iter().sum()
    }
}

/// Whether a raw string begins like `2026-01-05` or `05/Jan/2026`, or holds a time since 1970.
#[inline]
fn may_be_date(raw: &[u8]) -> bool {
    match raw {
        [_, b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'-', _, _, b'-', ..] => raw.len() >= 12,
        [_, b'0'..=b'9', b'0'..=b'9', b'/', _, _, _, b'/', ..] => true,
        [_, b'1', inner @ .., _] => inner.len() > 8 && may_be_epoch(&raw[1..raw.len() - 1]),
        _ => false,
    }
}

/// Whether a number has the length of a time since 1970 in seconds, or in thousandths, millionths or billionths of them.
#[inline]
fn may_be_epoch(raw: &[u8]) -> bool {
    if raw.first() != Some(&b'1') || raw.len() < 10 {
        return false;
    }
    let digits = raw.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let is_rest_fraction = raw.get(digits).is_none_or(|byte| *byte == b'.');
    is_rest_fraction && matches!(digits, 10 | 13 | 16 | 19)
}
