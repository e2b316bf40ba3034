//! A sample of the lines: those with the smallest hashes, each with how often it came.
//!
//! It is the longest beginning of all different lines, in the order of their hashes, that fits the room. What fits for the whole
//! fits for each part, so the samples of parts add up to that of the whole.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The most bytes of lines that are kept.
const MOST_BYTES: usize = 24 << 20;

/// The most lines that are kept.
const MOST_LINES: usize = 1 << 15;

/// The hash of a line differs from that of a value.
const SEED: u64 = 0x706c_6561_726e;

/// Lines with their counts, by their hashes.
#[derive(Debug)]
pub(in crate::plearn) struct Sample {
    lines: BTreeMap<u64, (u64, Box<[u8]>)>,
    bytes: usize,
    /// Lines whose hash is not below are not kept.
    limit: u64,
}

impl Default for Sample {
    fn default() -> Self {
        Self { lines: BTreeMap::new(), bytes: 0, limit: u64::MAX }
    }
}

impl Sample {
    /// Adds a line.
    #[inline]
    pub(in crate::plearn) fn add(&mut self, line: &[u8], count: u64) {
        let hash = xxh3_64_with_seed(line, SEED);
        if hash < self.limit {
            self.keep(hash, line, count);
        }
    }

    #[cold]
    fn keep(&mut self, hash: u64, line: &[u8], count: u64) {
        if let Some((known, _)) = self.lines.get_mut(&hash) {
            *known += count;
            return;
        }
        self.lines.insert(hash, (count, line.into()));
        self.bytes += line.len();
        while self.bytes > MOST_BYTES || self.lines.len() > MOST_LINES {
            let Some((last, (_, line))) = self.lines.pop_last() else { break };
            self.limit = last;
            self.bytes -= line.len();
        }
    }

    /// Nothing from this hash on was kept in another part, so nothing is kept here.
    pub(in crate::plearn) fn cut(&mut self, limit: u64) {
        if limit < self.limit {
            self.limit = limit;
            let behind = self.lines.split_off(&limit);
            self.bytes -= behind.values().map(|(_, line)| line.len()).sum::<usize>();
        }
    }

    /// The hash from which on lines are not kept.
    pub(in crate::plearn) fn limit(&self) -> u64 {
        self.limit
    }

    /// The lines in the order of their hashes, with their counts.
    pub(in crate::plearn) fn lines(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.lines.values().map(|(count, line)| (*count, &**line))
    }
}
