//! Numbers the distinct values of one field, so that groups compare numbers, and each text is looked up once per line.

use crate::jsonl::value::same;

/// How many bytes of a value are hashed and compared at once, whatever its length. Most values are not longer, and a branch
/// on lengths that change from line to line would be mispredicted.
pub(crate) const HEAD: usize = 32;
const WORDS: usize = HEAD / 8;
type Head = [u64; WORDS];

/// Which bits of a head belong to a value of each length up to [`HEAD`].
static MASKS: [[u64; WORDS]; HEAD + 1] = {
    let mut masks = [[0; WORDS]; HEAD + 1];
    let mut length = 0;
    while length <= HEAD {
        let mut byte = 0;
        while byte < length {
            masks[length][byte / 8] |= 0xff << (byte % 8 * 8);
            byte += 1;
        }
        length += 1;
    }
    masks
};

/// The value of a field in one line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Value<'a> {
    /// Its text and the bytes after it. If there are [`HEAD`] bytes, none have to be copied. The caller ensures that the text
    /// is UTF-8.
    pub from: &'a [u8],
    /// The text's length in bytes.
    pub length: usize,
}

impl<'a> Value<'a> {
    fn text(self) -> &'a [u8] {
        &self.from[..self.length]
    }

    /// The first bytes, padded with zeros.
    #[inline(always)]
    fn head(self) -> Head {
        let head = match self.from.first_chunk() {
            Some(first) => words(first),
            None => {
                let mut first = [0; HEAD];
                first[..self.from.len()].copy_from_slice(self.from);
                words(&first)
            }
        };
        let mask = &MASKS[self.length.min(HEAD)];
        std::array::from_fn(|i| head[i] & mask[i])
    }

    fn tail(self) -> &'a [u8] {
        self.text().get(HEAD..).unwrap_or_default()
    }

    fn hash(self) -> u64 {
        let tail =
            self.tail().iter().fold(0, |hash: u64, byte| (hash ^ u64::from(*byte)).wrapping_mul(K).rotate_left(29));
        hash_of(self.head(), self.length).wrapping_add(tail)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self { from: text.as_bytes(), length: text.len() }
    }
}

#[inline(always)]
fn words(bytes: &[u8; HEAD]) -> Head {
    std::array::from_fn(|i| u64::from_le_bytes(*bytes[i * 8..].first_chunk().expect("eight bytes")))
}

const K: u64 = 0x9e37_79b9_7f4a_7c15;

/// A hash whose first bits are mixed best. A collision only costs a comparison.
#[inline(always)]
fn hash_of([a, b, c, d]: Head, length: usize) -> u64 {
    let low = (a ^ c.rotate_left(23)).wrapping_mul(K);
    let high = (b ^ d.rotate_left(41)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (low ^ high.rotate_left(32)).wrapping_add(length as u64).wrapping_mul(0x94d0_49bb_1331_11eb)
}

/// The number of a missing value.
pub(super) const NONE: u32 = 0;

/// The number of a value that has no number yet.
pub(super) const NEW: u32 = u32::MAX;

/// A value with a number, in its own cache line.
#[derive(Debug, Clone)]
#[repr(align(64))]
struct Known {
    head: Head,
    text: Box<str>,
}

/// The values that have a number, from 1.
#[derive(Debug, Clone)]
pub(super) struct Values {
    known: Vec<Known>,
    /// Open addressing by hash: numbers, 0 for empty. Never more than an eighth full, because branches on collisions would be
    /// mispredicted.
    slots: Vec<u32>,
    /// How far a hash is shifted to become a slot.
    shift: u32,
}

impl Default for Values {
    fn default() -> Self {
        Self { known: Vec::new(), slots: vec![0; 16], shift: 64 - 4 }
    }
}

impl Values {
    /// The number of a value; [`NEW`] if it has none.
    #[inline(always)] // A call costs as much as what most values take.
    pub(super) fn find(&self, value: Value<'_>) -> u32 {
        let (head, length) = (value.head(), value.length);
        let number = self.slots[(hash_of(head, length) >> self.shift) as usize];
        let Some(known) = self.known.get((number as usize).wrapping_sub(1)) else { return self.find_further(value) };
        let differs = known.head.iter().zip(head).fold(0, |differs, (a, b)| differs | (a ^ b));
        if differs == 0 && known.text.len() == length && length <= HEAD { number } else { self.find_further(value) }
    }

    /// The same for a long value, or one whose first slot is empty or has another value.
    #[cold]
    fn find_further(&self, value: Value<'_>) -> u32 {
        match self.slots[self.slot_of(value)] {
            0 => NEW,
            number => number,
        }
    }

    /// The number of a value. Assigns one if it has none.
    pub(super) fn number(&mut self, value: Value<'_>) -> u32 {
        let slot = self.slot_of(value);
        if self.slots[slot] != 0 {
            return self.slots[slot];
        }
        self.known.push(Known { head: value.head(), text: String::from_utf8_lossy(value.text()).into() });
        let number = u32::try_from(self.known.len()).expect("groups are far fewer than 2^32");
        self.slots[slot] = number;
        if self.known.len() * 8 > self.slots.len() {
            self.slots = vec![0; self.slots.len() * 2];
            self.shift -= 1;
            for number in 1..=number {
                let slot = self.slot_of(Value::from(&*self.known[number as usize - 1].text));
                self.slots[slot] = number;
            }
        }
        number
    }

    /// How many values have a number.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// The value with this number; `None` for [`NONE`].
    pub(super) fn text(&self, number: u32) -> Option<&str> {
        Some(&*self.known[(number as usize).checked_sub(1)?].text)
    }

    /// The slot that holds a value's number, or the empty one where it belongs.
    fn slot_of(&self, value: Value<'_>) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = (value.hash() >> self.shift) as usize;
        while let Some(known) = (self.slots[slot] as usize).checked_sub(1) {
            if same(self.known[known].text.as_bytes(), value.text()) {
                break;
            }
            slot = (slot + 1) & mask;
        }
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_value_has_a_number_of_its_own(texts in prop::collection::vec("[ab]{0,3}|[ab]{30,34}|x{32}[ab]{7,17}", 0..200), behind in "[ab]{0,40}") {
            let mut values = Values::default();
            for text in &texts {
                let number = values.number(Value::from(text.as_str()));
                prop_assert_eq!(values.text(number), Some(text.as_str()));
                let line = format!("{text}{behind}");
                prop_assert_eq!(values.find(Value { from: line.as_bytes(), length: text.len() }), number);
            }
            prop_assert_eq!(values.known.len(), texts.iter().collect::<std::collections::BTreeSet<_>>().len());
            prop_assert_eq!(values.find(Value::from("another")), NEW);
        }
    }
}
