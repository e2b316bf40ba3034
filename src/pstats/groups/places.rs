//! Finds the place of a line's group in a list of groups, by the numbers of the line's values.

use crate::pstats::layout::{Grouping, MOST_SLOTS};

use super::values::NONE;

/// No group yet.
pub(super) const NOWHERE: u32 = 0;

/// In no group: the line lacks a value.
pub(super) const LEFT_OUT: u32 = u32::MAX;

/// The places of the groups of one grouping, from 1.
#[derive(Debug, Clone)]
pub(super) struct Places {
    only_present: bool,
    /// The slot of the first field.
    first: usize,
    /// The places by the number of its value, if there is no other field.
    places: Vec<u32>,
    /// For each further field its slot, and the numbers of its values paired with the number of what precedes. The last
    /// numbers are places.
    further: Vec<(usize, Pairs)>,
}

impl Places {
    pub(super) fn new(of: &Grouping) -> Self {
        let (first, further) = of.slots.split_first().expect("a grouping has a field");
        Self {
            only_present: of.only_present,
            first: *first,
            places: vec![if of.only_present { LEFT_OUT } else { NOWHERE }],
            further: further.iter().map(|slot| (*slot, Pairs::default())).collect(),
        }
    }

    /// The place of the group with these numbers, which are indexed by slot.
    #[inline(always)] // A call costs as much as what most groupings take.
    pub(super) fn find(&self, numbers: &[u32; MOST_SLOTS]) -> u32 {
        let first = numbers[self.first];
        if self.further.is_empty() {
            return self.places.get(first as usize).copied().unwrap_or(NOWHERE);
        }
        self.find_further(first, numbers)
    }

    #[inline(never)] // Keeps what most groupings take small.
    fn find_further(&self, first: u32, numbers: &[u32; MOST_SLOTS]) -> u32 {
        if self.only_present && (first == NONE || self.further.iter().any(|(slot, _)| numbers[*slot] == NONE)) {
            return LEFT_OUT;
        }
        let mut further = self.further.iter();
        // A missing pair gets a number that no pair has.
        further
            .try_fold(first, |before, (slot, pairs)| match pairs.find(before, numbers[*slot]) {
                0 => None,
                number => Some(number),
            })
            .unwrap_or(NOWHERE)
    }

    /// Adds the place of a new group, which is one more than the last place.
    pub(super) fn enter(&mut self, numbers: &[u32; MOST_SLOTS], place: u32) {
        let first = numbers[self.first];
        match self.further.split_last_mut() {
            None => {
                self.places.resize(self.places.len().max(first as usize + 1), NOWHERE);
                self.places[first as usize] = place;
            }
            Some(((slot, last), between)) => {
                let before =
                    between.iter_mut().fold(first, |before, (slot, pairs)| pairs.number(before, numbers[*slot]));
                last.number(before, numbers[*slot]);
            }
        }
    }
}

/// Pairs of numbers, numbered from 1.
#[derive(Debug, Clone)]
struct Pairs {
    /// Open addressing by hash: each pair with its number, 0 for empty. Never more than a quarter full.
    slots: Vec<(u64, u32)>,
    count: u32,
}

impl Default for Pairs {
    fn default() -> Self {
        Self { slots: vec![(0, 0); 16], count: 0 }
    }
}

impl Pairs {
    /// The number of a pair; 0 if it has none.
    #[inline]
    fn find(&self, one: u32, other: u32) -> u32 {
        self.slots[self.slot_of(pair(one, other))].1
    }

    /// The number of a pair. Assigns one if it has none.
    fn number(&mut self, one: u32, other: u32) -> u32 {
        let pair = pair(one, other);
        let slot = self.slot_of(pair);
        if self.slots[slot].1 != 0 {
            return self.slots[slot].1;
        }
        self.count += 1;
        self.slots[slot] = (pair, self.count);
        if self.count as usize * 4 > self.slots.len() {
            let twice = vec![(0, 0); self.slots.len() * 2];
            for (pair, number) in std::mem::replace(&mut self.slots, twice) {
                if number != 0 {
                    let slot = self.slot_of(pair);
                    self.slots[slot] = (pair, number);
                }
            }
        }
        self.count
    }

    /// The slot that holds a pair, or the empty one where it belongs.
    #[inline]
    fn slot_of(&self, pair: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mixed = pair.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut slot = (mixed ^ mixed >> 32) as usize & mask;
        while self.slots[slot].1 != 0 && self.slots[slot].0 != pair {
            slot = (slot + 1) & mask;
        }
        slot
    }
}

#[inline]
fn pair(one: u32, other: u32) -> u64 {
    u64::from(one) << 32 | u64::from(other)
}
