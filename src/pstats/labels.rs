//! The values of a line for groups.

use super::groups::{HEAD, SlotValues, Value};
use super::layout::Slot;
use crate::clock::Micros;
use crate::jsonl::scan::Spans;
use crate::jsonl::value;

const HOUR: Micros = 3_600_000_000;

/// A line, and what groups need from it.
pub(super) struct Source<'a> {
    pub line: &'a [u8],
    pub spans: &'a Spans,
    pub slots: &'a [Slot],
    /// For each slot the text of a value with escapes; empty if the line has none.
    pub unescaped: &'a [String],
    pub at: Option<Micros>,
    pub status: Option<u16>,
}

impl<'a> SlotValues<'a> for Source<'a> {
    #[inline(always)] // A call costs as much as what most values take.
    fn value(&self, place: usize) -> Option<Value<'a>> {
        match self.slots[place] {
            Slot::Hour => self.at.map(|at| Value { from: &TWO_DIGITS[hour(at)], length: 2 }),
            Slot::Status(field) => match self.status {
                Some(status @ 100..) => Some(Value { from: &THREE_DIGITS[usize::from(status)], length: 3 }),
                _ => self.rarer_value(place, self.spans.raw(self.line, field)?),
            },
            Slot::Field(field) => {
                let (start, end) = self.spans.ends(field)?;
                let length = end.wrapping_sub(start + 2);
                match self.line.get(start..) {
                    Some([b'"', from @ ..]) if self.unescaped.is_empty() && length <= HEAD => {
                        Some(Value { from, length })
                    }
                    _ => self.rarer_value(place, &self.line[start..end]),
                }
            }
        }
    }
}

impl<'a> Source<'a> {
    /// The value in a slot, if it is not a short text without escapes.
    fn rarer_value(&self, place: usize, raw: &'a [u8]) -> Option<Value<'a>> {
        let text = match raw {
            b"null" => return None,
            raw if !self.unescaped.is_empty() && raw.contains(&b'\\') => self.unescaped[place].as_bytes(),
            [b'"', inner @ .., b'"'] => inner,
            raw => raw,
        };
        Some(Value { from: text, length: cut_length(text) })
    }
}

/// The texts of values with escapes, indexed by slot.
pub(super) fn unescape(unescaped: &mut Vec<String>, slots: &[Slot], line: &[u8], spans: &Spans) {
    unescaped.clear();
    if !spans.has_escapes() {
        return;
    }
    unescaped.extend(slots.iter().map(|slot| match slot {
        Slot::Field(field) | Slot::Status(field) => {
            let raw = spans.raw(line, *field).filter(|raw| raw.contains(&b'\\'));
            raw.map(|raw| value::label(raw).into_owned()).unwrap_or_default()
        }
        Slot::Hour => String::new(),
    }));
}

/// The numbers below `N` with a fixed number of digits, padded so that they can be compared as a whole.
const fn digits<const N: usize>(most: usize) -> [[u8; HEAD]; N] {
    let mut texts = [[0; HEAD]; N];
    let mut n = 0;
    while n < N {
        let (mut rest, mut place) = (n, most);
        while place > 0 {
            place -= 1;
            texts[n][place] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        n += 1;
    }
    texts
}

static TWO_DIGITS: [[u8; HEAD]; 24] = digits(2);
static THREE_DIGITS: [[u8; HEAD]; 1000] = digits(3);

/// The longest value of a group in bytes. Longer ones are cut, because there may be many groups and lines may be long.
const LONGEST_VALUE: usize = 256;

#[inline]
fn cut_length(text: &[u8]) -> usize {
    if text.len() <= LONGEST_VALUE {
        return text.len();
    }
    // Does not cut within a character: continuation bytes begin with the bits 10.
    (LONGEST_VALUE - 3..=LONGEST_VALUE).rev().find(|at| text[*at] & 0xc0 != 0x80).unwrap_or(LONGEST_VALUE)
}

/// The hour of the day in UTC, as the name of a group.
pub(super) fn hour_name(at: Micros) -> &'static [u8] {
    &TWO_DIGITS[hour(at)][..2]
}

/// The hour of the day in UTC.
fn hour(at: Micros) -> usize {
    usize::try_from(at.div_euclid(HOUR).rem_euclid(24)).expect("0 to 23")
}
