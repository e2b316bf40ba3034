//! How often each rule has struck each event, in bounded memory.

use std::collections::HashMap;
use std::mem;

/// The most entries of a generation. The two of them take about 32 MiB.
const MOST: usize = 500_000;

/// Counts by key. Of more than a million keys, those that were struck last are known.
#[derive(Debug, Default)]
pub(super) struct Struck {
    young: HashMap<u64, u32>,
    old: HashMap<u64, u32>,
}

impl Struck {
    /// How often this key was struck.
    pub(super) fn count(&self, key: u64) -> u32 {
        self.young.get(&key).or_else(|| self.old.get(&key)).copied().unwrap_or(0)
    }

    /// Strikes it once more.
    pub(super) fn add(&mut self, key: u64) {
        let count = self.count(key).saturating_add(1);
        if self.young.len() >= MOST {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(key, count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_keys_are_forgotten_first() {
        let mut struck = Struck::default();
        struck.add(0);
        struck.add(0);
        for key in 1..=MOST as u64 {
            struck.add(key);
        }
        assert_eq!([struck.count(0), struck.count(1), struck.count(MOST as u64)], [2, 1, 1]);
        for key in 0..=MOST as u64 {
            struck.add(key + (1 << 32));
        }
        assert_eq!([struck.count(0), struck.count(1 << 32)], [0, 1]);
    }
}
