//! Lines grouped by the values of some fields, in bounded memory.
//! The groups of a line are looked up at once, but counted in batches of many lines. So the counts of one grouping stay in
//! the cache for the whole batch, and cache misses overlap.

mod places;
mod values;

use super::figures::{Figures, Point};
use super::layout::{Grouping, Groupings, MOST_SLOTS};
use super::sketch::Coarse;
use places::{LEFT_OUT, NOWHERE, Places};
pub(super) use values::{HEAD, Value};
use values::{NONE, Values};

/// The values of a line that groups need.
pub(super) trait SlotValues<'a> {
    /// The value in this slot; `None` if the line has none, or null.
    fn value(&self, slot: usize) -> Option<Value<'a>>;
}

/// A group's values, one for each field; `None` if the lines have none.
pub(super) type GroupKey = Vec<Option<Box<str>>>;

/// A group, which shares no cache line with another.
#[derive(Debug, Clone, Default)]
#[repr(align(64))]
pub(super) struct Group {
    /// Its values, in the order of the grouping's fields.
    pub key: GroupKey,
    /// Its lines' figures.
    pub figures: Figures<Coarse>,
}

/// The place of lines for whose group there was no room.
const REST: u32 = 0;

/// The groups of one grouping: the first ones, up to a cap, and the rest together.
#[derive(Debug, Clone)]
pub(super) struct Groups {
    cap: usize,
    /// The slots of its fields.
    slots: Vec<usize>,
    places: Places,
    /// The rest, then each group.
    groups: Vec<Group>,
    /// For each line that waits to be counted, the place of its group.
    waiting: Vec<u32>,
}

impl Groups {
    fn new(cap: usize, of: &Grouping) -> Self {
        let groups = vec![Group::default()];
        Self { cap, slots: of.slots.clone(), places: Places::new(of), groups, waiting: Vec::new() }
    }

    /// The groups in the order in which they came.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &Group> {
        self.groups[1..].iter()
    }

    /// The lines for whose group there was no room. `None` if there are none.
    pub(super) fn rest(&self) -> Option<&Figures<Coarse>> {
        Some(&self.groups[REST as usize].figures).filter(|rest| rest.count() > 0)
    }

    /// Adds a group if there is room; otherwise returns the rest. Only values of groups get numbers, because there may be any
    /// number of others.
    #[cold]
    fn open<'a>(&mut self, values: &mut [Values], numbers: &mut [u32; MOST_SLOTS], line: &impl SlotValues<'a>) -> u32 {
        if self.groups.len() > self.cap {
            return REST;
        }
        let place = u32::try_from(self.groups.len()).expect("the cap is far below 2^32");
        let mut key = GroupKey::with_capacity(self.slots.len());
        for slot in &self.slots {
            let values = &mut values[*slot];
            numbers[*slot] = line.value(*slot).map_or(NONE, |value| values.number(value));
            key.push(values.text(numbers[*slot]).map(Box::from));
        }
        self.places.enter(numbers, place);
        self.groups.push(Group { key, figures: Figures::default() });
        place
    }

    /// Counts the waiting lines, which have these points.
    fn settle(&mut self, points: &[Point]) {
        for (place, point) in self.waiting.iter().zip(points) {
            if *place != LEFT_OUT {
                self.groups[*place as usize].figures.add(*point);
            }
        }
        self.waiting.clear();
    }
}

impl<'a> SlotValues<'a> for [Option<Value<'a>>; MOST_SLOTS] {
    fn value(&self, slot: usize) -> Option<Value<'a>> {
        self[slot]
    }
}

/// The groups of all groupings of one kind of line.
#[derive(Debug, Clone)]
pub(super) struct AllGroups {
    /// The values of each field that any group has.
    values: Vec<Values>,
    /// In the order of the settings.
    all: Vec<Groups>,
}

impl AllGroups {
    /// No groups yet; at most `cap` per grouping.
    pub(super) fn new(cap: usize, groupings: &Groupings) -> Self {
        Self {
            values: vec![Values::default(); groupings.slots.len()],
            all: groupings.all.iter().map(|grouping| Groups::new(cap, grouping)).collect(),
        }
    }

    /// The groups of each grouping, in the order of the settings.
    pub(super) fn each(&self) -> &[Groups] {
        &self.all
    }

    /// Looks up the groups of a line. The line then waits to be counted.
    #[inline]
    pub(super) fn enter<'a>(&mut self, line: &impl SlotValues<'a>) {
        let mut numbers = [NONE; MOST_SLOTS];
        for (slot, (number, values)) in numbers.iter_mut().zip(&self.values).enumerate() {
            *number = line.value(slot).map_or(NONE, |value| values.find(value));
        }
        for groups in &mut self.all {
            let place = match groups.places.find(&numbers) {
                NOWHERE => groups.open(&mut self.values, &mut numbers, line),
                place => place,
            };
            groups.waiting.push(place);
        }
    }

    /// Counts the waiting lines, which have these points.
    pub(super) fn settle(&mut self, points: &[Point]) {
        self.all.iter_mut().for_each(|groups| groups.settle(points));
    }

    /// Adds the figures of a group of this grouping, or of its rest if there is no key.
    pub(super) fn absorb(&mut self, grouping: usize, key: Option<&[Option<Box<str>>]>, figures: &Figures<Coarse>) {
        let groups = &mut self.all[grouping];
        let place = key.map_or(REST, |key| {
            let mut line = [None; MOST_SLOTS];
            let mut numbers = [NONE; MOST_SLOTS];
            for (slot, text) in groups.slots.iter().zip(key) {
                line[*slot] = text.as_deref().map(Value::from);
                numbers[*slot] = line[*slot].map_or(NONE, |value| self.values[*slot].find(value));
            }
            match groups.places.find(&numbers) {
                NOWHERE => groups.open(&mut self.values, &mut numbers, &line),
                place => place,
            }
        });
        groups.groups[place as usize].figures.merge(figures);
    }

    /// Adds what another counted.
    pub(super) fn merge(&mut self, other: &Self) {
        for (grouping, groups) in other.all.iter().enumerate() {
            groups.iter().for_each(|group| self.absorb(grouping, Some(&group.key), &group.figures));
            self.absorb(grouping, None, &groups.groups[REST as usize].figures);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn by(fields: usize, cap: usize) -> AllGroups {
        with(fields, cap, false)
    }

    fn with(fields: usize, cap: usize, only_present: bool) -> AllGroups {
        let of = Grouping { fields: Vec::new(), slots: (0..fields).collect(), only_present };
        let slots = vec![crate::pstats::layout::Slot::Hour; fields];
        AllGroups::new(cap, &Groupings { all: vec![of], slots })
    }

    fn add(groups: &mut AllGroups, values: &[Option<&str>]) {
        let mut line = [None; MOST_SLOTS];
        line.iter_mut().zip(values).for_each(|(slot, value)| *slot = value.map(Value::from));
        groups.enter(&line);
        groups.settle(&[Point::default()]);
    }

    fn counts(groups: &AllGroups) -> BTreeMap<GroupKey, u64> {
        groups.each()[0].iter().map(|g| (g.key.clone(), g.figures.count())).collect()
    }

    #[test]
    fn no_value_is_a_group_of_its_own_and_fields_do_not_run_together() {
        let mut groups = by(2, 10);
        for values in [[Some("ab"), Some("c")], [Some("a"), Some("bc")], [None, Some("")], [Some(""), None]] {
            add(&mut groups, &values);
        }
        assert_eq!(counts(&groups).len(), 4);
    }

    #[test]
    fn groups_past_the_cap_are_counted_together() {
        let mut groups = by(1, 2);
        ["a", "b", "c", "a", "d"].iter().for_each(|v| add(&mut groups, &[Some(v)]));
        assert_eq!(groups.each()[0].iter().len(), 2);
        assert_eq!(groups.each()[0].rest().map(Figures::count), Some(2));
    }

    #[test]
    fn values_of_no_group_are_not_kept() {
        let mut groups = by(1, 2);
        (0..1000).for_each(|i| add(&mut groups, &[Some(&i.to_string())]));
        assert_eq!(groups.values[0].len(), 2);
    }

    proptest! {
        #[test]
        fn every_line_with_all_values_is_in_its_group(values in prop::collection::vec([0u8..9, 0u8..9, 0u8..9], 0..300)) {
            let mut expected: BTreeMap<GroupKey, u64> = BTreeMap::new();
            let mut groups = with(3, 1000, true);
            for line in &values {
                let line = line.map(|n| n.to_string());
                let key: Vec<Option<&str>> = line.iter().map(|n| Some(n.as_str()).filter(|n| *n != "0")).collect();
                if key.iter().all(Option::is_some) {
                    *expected.entry(key.iter().map(|v| v.map(Box::from)).collect()).or_default() += 1;
                }
                add(&mut groups, &key);
            }
            prop_assert_eq!(counts(&groups), expected);
        }

        #[test]
        fn every_line_is_in_its_group(values in prop::collection::vec((0u8..60, 0u8..3), 0..300), cut in 0usize..300) {
            let mut expected: BTreeMap<GroupKey, u64> = BTreeMap::new();
            let (mut a, mut b) = (by(2, 1000), by(2, 1000));
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
