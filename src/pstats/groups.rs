//! Lines grouped by the values of some fields, in bounded memory.

use super::figures::{Figures, Point};
use super::sketch::Coarse;
use crate::jsonl::value::same;

/// The value of a field in one line, with its hash, worked out once for all groupings that use it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Value<'a> {
    text: Option<&'a [u8]>,
    hash: u64,
}

impl<'a> Value<'a> {
    /// A value; `None` where the line has none, or null.
    #[inline]
    pub fn new(text: Option<&'a [u8]>) -> Self {
        Self { text, hash: text.map_or(0, hash) }
    }

    /// The value's text; UTF-8, but for whoever made it to know.
    pub fn text(self) -> Option<&'a [u8]> {
        self.text
    }
}

/// A group's values, one for each field; `None` where the lines have none.
pub type Key = Vec<Option<Box<str>>>;

/// A group.
#[derive(Debug, Clone)]
pub struct Group {
    hash: u64,
    /// Its values, in the order of the grouping's fields.
    pub key: Key,
    /// Its lines' figures.
    pub figures: Figures<Coarse>,
}

/// The groups of one grouping: those whose lines came first, up to a cap, and the rest together.
#[derive(Debug, Clone)]
pub struct Groups {
    cap: usize,
    groups: Vec<Group>,
    /// Open addressing into `groups`, 0 for empty; never more than half full.
    slots: Vec<u32>,
    rest: Figures<Coarse>,
}

impl Groups {
    /// No group yet, and at most `cap`.
    pub fn new(cap: usize) -> Self {
        Self { cap, groups: Vec::new(), slots: vec![0; 16], rest: Figures::default() }
    }

    /// Counts a line in the group of its values.
    #[inline]
    pub fn add<'a>(&mut self, values: impl Iterator<Item = Value<'a>> + Clone, point: Point) {
        self.figures(values).add(point);
    }

    /// The figures of the group of these values: a new one where there is room, else the rest.
    #[inline]
    pub fn figures<'a>(&mut self, values: impl Iterator<Item = Value<'a>> + Clone) -> &mut Figures<Coarse> {
        let hash = values.clone().fold(0u64, |h, v| h.rotate_left(5).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ v.hash);
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        while let Some(found) = (self.slots[slot] as usize).checked_sub(1) {
            let group = &self.groups[found];
            if group.hash == hash && matches(&group.key, values.clone()) {
                // Borrowed anew: the compiler cannot yet see that this borrow ends where the loop goes on.
                return &mut self.groups[found].figures;
            }
            slot = (slot + 1) & mask;
        }
        self.open(hash, slot, values)
    }

    #[cold]
    fn open<'a>(&mut self, hash: u64, slot: usize, values: impl Iterator<Item = Value<'a>>) -> &mut Figures<Coarse> {
        if self.groups.len() >= self.cap {
            return &mut self.rest;
        }
        let key = values.map(|v| v.text.map(|t| String::from_utf8_lossy(t).into())).collect();
        self.groups.push(Group { hash, key, figures: Figures::default() });
        self.slots[slot] = u32::try_from(self.groups.len()).expect("the cap is far below 2^32");
        if self.groups.len() * 2 > self.slots.len() {
            let mask = self.slots.len() * 2 - 1;
            self.slots = vec![0; mask + 1];
            for (i, group) in self.groups.iter().enumerate() {
                let mut slot = group.hash as usize & mask;
                while self.slots[slot] != 0 {
                    slot = (slot + 1) & mask;
                }
                self.slots[slot] = u32::try_from(i + 1).expect("the cap is far below 2^32");
            }
        }
        &mut self.groups.last_mut().expect("one was just pushed").figures
    }

    /// Adds the figures of a group, or of the rest where there is no key.
    pub fn absorb(&mut self, key: Option<&[Option<Box<str>>]>, figures: &Figures<Coarse>) {
        match key {
            Some(key) => {
                self.figures(key.iter().map(|text| Value::new(text.as_deref().map(str::as_bytes)))).merge(figures)
            }
            None => self.rest.merge(figures),
        }
    }

    /// Adds what another counted.
    pub fn merge(&mut self, other: &Self) {
        other.groups.iter().for_each(|group| self.absorb(Some(&group.key), &group.figures));
        self.rest.merge(&other.rest);
    }

    /// The groups in the order in which they came.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Group> {
        self.groups.iter()
    }

    /// The lines that found no room for a group of their own; `None` where there are none.
    pub fn rest(&self) -> Option<&Figures<Coarse>> {
        (self.rest.count() > 0).then_some(&self.rest)
    }
}

/// A hash for a table: values are short, and collisions only cost a comparison.
#[inline]
fn hash(text: &[u8]) -> u64 {
    const K: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |a: u64, b: u64| {
        let product = u128::from(a) * u128::from(b | 1);
        (product as u64) ^ (product >> 64) as u64
    };
    let word = |at: usize| u64::from_le_bytes(text[at..at + 8].try_into().expect("eight bytes"));
    let length = text.len();
    if length < 8 {
        let packed = text.iter().fold(length as u64, |packed, byte| packed << 8 | u64::from(*byte));
        return mix(packed ^ K, K);
    }
    let (mut hash, mut at) = (length as u64 ^ K, 0);
    while at < length - 8 {
        hash = mix(hash ^ word(at), K);
        at += 8;
    }
    mix(hash ^ word(length - 8), K)
}

#[inline]
fn matches<'a>(key: &Key, values: impl Iterator<Item = Value<'a>>) -> bool {
    key.iter().zip(values).all(|(known, value)| match (known, value.text) {
        (Some(known), Some(text)) => same(known.as_bytes(), text),
        (known, text) => known.is_none() && text.is_none(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn add(groups: &mut Groups, values: &[Option<&str>]) {
        groups.add(values.iter().map(|v| Value::new(v.map(str::as_bytes))), Point::default());
    }

    fn counts(groups: &Groups) -> BTreeMap<Key, u64> {
        groups.iter().map(|g| (g.key.clone(), g.figures.count())).collect()
    }

    #[test]
    fn no_value_is_a_group_of_its_own_and_fields_do_not_run_together() {
        let mut groups = Groups::new(10);
        for values in [[Some("ab"), Some("c")], [Some("a"), Some("bc")], [None, Some("")], [Some(""), None]] {
            add(&mut groups, &values);
        }
        assert_eq!(counts(&groups).len(), 4);
    }

    #[test]
    fn groups_past_the_cap_are_counted_together() {
        let mut groups = Groups::new(2);
        ["a", "b", "c", "a", "d"].iter().for_each(|v| add(&mut groups, &[Some(v)]));
        assert_eq!(groups.iter().len(), 2);
        assert_eq!(groups.rest().map(Figures::count), Some(2));
    }

    proptest! {
        #[test]
        fn every_line_is_in_its_group(values in prop::collection::vec((0u8..60, 0u8..3), 0..300), cut in 0usize..300) {
            let mut expected: BTreeMap<Key, u64> = BTreeMap::new();
            let (mut a, mut b) = (Groups::new(1000), Groups::new(1000));
            for (i, (x, y)) in values.iter().enumerate() {
                let (x, y) = (x.to_string(), y.to_string());
                let key = [Some(x.as_str()), Some(y.as_str()).filter(|y| *y != "0")];
                *expected.entry(key.iter().map(|v| v.map(Box::from)).collect()).or_default() += 1;
                add(if i < cut { &mut a } else { &mut b }, &key);
            }
            a.merge(&b);
            prop_assert_eq!(counts(&a), expected);
        }
    }
}
