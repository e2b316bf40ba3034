//! What one pass over a side keeps: a random sample of its lines, and of lines with the one before.
//!
//! The numbers of the lines decide which are kept, by their hashes: each line has the same chance whatever it holds, and the same
//! input gives the same sample.

use std::collections::BTreeMap;

use crate::plearn::count::Input;
use crate::seed::mix;

/// The most lines that are compared, and the most bytes of them.
const MOST_LINES: usize = 1 << 14;
const MOST_BYTES: usize = 16 << 20;

/// The most neighbours that are kept, and the most bytes of them.
const MOST_PAIRS: usize = 1 << 12;
const MOST_PAIR_BYTES: usize = 4 << 20;

/// Makes the hashes of numbers differ from other uses of them.
const SALT: u64 = 0x6c69_6b65;

/// The lines of one side.
#[derive(Debug, Default)]
pub(in crate::plearn) struct Lines {
    /// Lines by what was done with them.
    pub(in crate::plearn) input: Input,
    sample: Smallest,
    neighbours: Smallest,
    before: Vec<u8>,
}

impl Lines {
    /// Adds the next event.
    pub(in crate::plearn) fn add(&mut self, line: &[u8]) {
        let nth = self.input.events;
        self.input.events += 1;
        let hash = mix(nth ^ SALT);
        if hash < self.sample.limit {
            let kept = Kept { nth, before: [].into(), line: line.into() };
            self.sample.keep(hash, kept, MOST_LINES, MOST_BYTES);
        }
        if nth > 0 && hash < self.neighbours.limit {
            let kept = Kept { nth, before: self.before.as_slice().into(), line: line.into() };
            self.neighbours.keep(hash, kept, MOST_PAIRS, MOST_PAIR_BYTES);
        }
        self.before.clear();
        self.before.extend_from_slice(line);
    }

    /// The sampled lines in random order, each with the number of its event, from 0.
    pub(super) fn sampled(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.sample.kept.values().map(|kept| (kept.nth, &*kept.line))
    }

    /// How many lines were sampled.
    pub(super) fn len(&self) -> usize {
        self.sample.kept.len()
    }

    /// Lines with the one before, in random order.
    pub(super) fn neighbours(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.neighbours.kept.values().map(|kept| (&*kept.before, &*kept.line))
    }
}

/// The lines whose numbers have the smallest hashes, by these.
#[derive(Debug)]
struct Smallest {
    kept: BTreeMap<u64, Kept>,
    bytes: usize,
    limit: u64,
}

#[derive(Debug)]
struct Kept {
    /// The number of the event, from 0.
    nth: u64,
    /// The line before; empty if it is not kept.
    before: Box<[u8]>,
    line: Box<[u8]>,
}

impl Kept {
    fn bytes(&self) -> usize {
        self.before.len() + self.line.len()
    }
}

impl Default for Smallest {
    fn default() -> Self {
        Self { kept: BTreeMap::new(), bytes: 0, limit: u64::MAX }
    }
}

impl Smallest {
    #[cold]
    fn keep(&mut self, hash: u64, kept: Kept, most: usize, most_bytes: usize) {
        self.bytes += kept.bytes();
        self.kept.insert(hash, kept);
        while self.bytes > most_bytes || self.kept.len() > most {
            let Some((last, kept)) = self.kept.pop_last() else { break };
            self.limit = last;
            self.bytes -= kept.bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_bounded_and_takes_lines_from_everywhere() {
        let mut lines = Lines::default();
        (0..100_000u32).for_each(|n| lines.add(&n.to_le_bytes()));
        assert_eq!((lines.len(), lines.neighbours().count()), (MOST_LINES, MOST_PAIRS));
        let early = lines.sampled().filter(|(nth, _)| *nth < 50_000).count();
        assert!((7_700..8_700).contains(&early), "{early}");
        for (before, line) in lines.neighbours() {
            let number = |line: &[u8]| u32::from_le_bytes(line.try_into().expect("four bytes"));
            assert_eq!(number(before) + 1, number(line));
        }
        let mut long = Lines::default();
        (0..100).for_each(|_| long.add(&vec![b'x'; 1 << 20]));
        assert_eq!(long.len(), 16);
    }
}
