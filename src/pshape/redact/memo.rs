//! What was found in values a short while ago. Keys, and the values of most members, come again and again.

use std::collections::HashMap;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::coding::Edit;
use super::find;
use crate::record::private;

/// How many values are kept, and the longest.
const KEPT: usize = 1 << 13;
const LONGEST: usize = 192;

/// The most names that are kept.
const MOST_NAMES: usize = 4096;

/// All that decides, beside the value, what is replaced in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Look {
    pub(super) is_key: bool,
    /// Whether all of it is replaced.
    pub(super) is_all: bool,
    pub(super) is_personal: bool,
    /// Whether the name of the member says that it holds times, or ids.
    pub(super) is_time: bool,
    pub(super) is_id: bool,
}

impl Look {
    /// A key of an object.
    pub(super) const KEY: Self = Self { is_key: true, is_all: false, is_personal: false, is_time: false, is_id: false };

    fn seed(self) -> u64 {
        let Self { is_key, is_all, is_personal, is_time, is_id } = self;
        [is_key, is_all, is_personal, is_time, is_id].into_iter().fold(0, |seed, is| seed << 1 | u64::from(is))
    }
}

/// What the names of members say.
#[derive(Debug, Default)]
pub(super) struct Names(HashMap<String, Look>);

impl Names {
    pub(super) fn look(&mut self, name: &str) -> Look {
        if let Some(look) = self.0.get(name) {
            return *look;
        }
        let look = Look {
            is_personal: private::is_personal(name),
            is_time: find::is_name_of_times(name),
            is_id: find::is_name_of_ids(name),
            ..Look::default()
        };
        if self.0.len() < MOST_NAMES {
            self.0.insert(name.to_owned(), look);
        }
        look
    }
}

/// Values with the changes in them.
pub(super) struct Memo {
    entries: Box<[Entry]>,
}

/// A value as it was looked at, and the changes in it.
#[derive(Default)]
struct Entry {
    look: Look,
    raw: String,
    edits: Vec<Edit>,
}

impl Memo {
    pub(super) fn new() -> Self {
        Self { entries: (0..KEPT).map(|_| Entry::default()).collect() }
    }

    /// Whether a value is of a length that is kept.
    pub(super) fn may_hold(raw: &str) -> bool {
        raw.len() <= LONGEST
    }

    fn place(look: Look, raw: &str) -> usize {
        usize::try_from(xxh3_64_with_seed(raw.as_bytes(), look.seed())).unwrap_or(usize::MAX) % KEPT
    }

    /// The changes of a value that begins at `at`, if it is known how it looks this way.
    pub(super) fn known(&self, look: Look, raw: &str, at: usize) -> Option<impl Iterator<Item = Edit> + '_> {
        let entry = &self.entries[Self::place(look, raw)];
        // An empty entry stands for no value, as raw values are never empty.
        let is_known = entry.look == look && entry.raw == raw && !raw.is_empty();
        is_known.then(|| entry.edits.iter().map(move |edit| edit.clone().moved(at)))
    }

    /// Keeps the changes of a value that began at `at`.
    pub(super) fn keep(&mut self, look: Look, raw: &str, at: usize, edits: &[Edit]) {
        let entry = &mut self.entries[Self::place(look, raw)];
        entry.look = look;
        raw.clone_into(&mut entry.raw);
        entry.edits.clear();
        let inside = |edit: &Edit| Edit { range: edit.range.start - at..edit.range.end - at, new: edit.new.clone() };
        entry.edits.extend(edits.iter().map(inside));
    }
}
