//! What is counted of all members, by the hashes of their paths. If there are too many, those with the smallest hashes are counted.

use super::distinct::HashedMap;
use super::member::Member;

/// The most members that are counted.
const MOST: usize = 512;

/// Members by the hashes of their paths.
#[derive(Debug)]
pub(in crate::plearn) struct Members {
    all: HashedMap<Box<Member>>,
    limit: u64,
}

impl Default for Members {
    fn default() -> Self {
        Self { all: HashedMap::default(), limit: u64::MAX }
    }
}

impl Members {
    /// The member with this hash of its path, unless too many others have smaller ones.
    #[inline]
    pub(in crate::plearn) fn at(&mut self, path: u64) -> Option<&mut Member> {
        if path >= self.limit {
            return None;
        }
        if self.all.len() > MOST + MOST / 4 && !self.all.contains_key(&path) {
            self.trim();
            if path >= self.limit {
                return None;
            }
        }
        Some(self.all.entry(path).or_default())
    }

    #[cold]
    fn trim(&mut self) {
        if self.all.len() > MOST {
            let mut hashes: Vec<u64> = self.all.keys().copied().collect();
            let (_, limit, _) = hashes.select_nth_unstable(MOST);
            self.cut(*limit);
        }
    }

    /// Nothing from this hash on is counted.
    pub(in crate::plearn) fn cut(&mut self, limit: u64) {
        self.limit = self.limit.min(limit);
        let limit = self.limit;
        self.all.retain(|hash, _| *hash < limit);
    }

    /// The hash from which on members are not counted.
    pub(in crate::plearn) fn limit(&mut self) -> u64 {
        self.trim();
        self.limit
    }

    /// All members, in the order of their hashes.
    pub(in crate::plearn) fn ordered(&mut self) -> Vec<(u64, &mut Member)> {
        self.trim();
        let mut all: Vec<(u64, &mut Member)> =
            self.all.iter_mut().map(|(hash, member)| (*hash, &mut **member)).collect();
        all.sort_unstable_by_key(|(hash, _)| *hash);
        all
    }

    /// A member that was counted.
    pub(in crate::plearn) fn get(&mut self, path: u64) -> Option<&mut Member> {
        self.all.get_mut(&path).map(|member| &mut **member)
    }
}
