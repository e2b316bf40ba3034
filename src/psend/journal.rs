//! What is done, on disk, so that a run that was cut off can be taken up again (`--journal`, `--resume`).
//!
//! One line for each event whose outcome was written: its number and the hash of its line. A set of what is done takes
//! little memory: numbers that follow each other are one range, whose hashes are one sum.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

use crate::error::{At, Error, Place, Result};
use crate::seed::mix;

/// The first line of a journal: what it is, in which form.
pub const HEADER: &[u8] = b"pulsepipe journal 1\n";

/// The hash of a line. A line that is too long to be held is known by its length.
pub fn hash(line: &[u8], length: u64) -> u64 {
    if line.is_empty() { mix(length) } else { xxh3_64(line) }
}

/// Appends the entry of a line.
pub fn write(seq: u64, hash: u64, out: &mut Vec<u8>) {
    // Writing to a Vec cannot fail.
    let _ = writeln!(out, "{seq} {hash:016x}");
}

/// Lines that are done.
#[derive(Debug, Default, Clone)]
pub struct Done {
    /// First number → last number and the sum of [`share`] over the range.
    ranges: BTreeMap<u64, (u64, u64)>,
}

/// What a line adds to its range's sum, so that neither another line nor another order has the same sum.
fn share(seq: u64, hash: u64) -> u64 {
    mix(hash ^ mix(seq))
}

impl Done {
    /// Reads a journal; a missing one is an empty one, and a last line that was cut off is passed over.
    ///
    /// # Errors
    /// Where it cannot be read, or is no journal of this form.
    pub fn read(path: &Path) -> Result<Self> {
        let place = Place::of(path);
        let mut done = Self::default();
        let file = match File::open(path) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(done),
            file => file.at(&place)?,
        };
        let mut reader = BufReader::new(file);
        let mut line = Vec::new();
        let mut number = 0u64;
        while reader.read_until(b'\n', &mut line).at(&place)? > 0 {
            number += 1;
            if line.last() == Some(&b'\n') {
                let known = if number == 1 { line == HEADER } else { done.insert_entry(&line) };
                if !known {
                    return Err(Error::usage(format!("{place}: line {number} is no line of a journal of psend")));
                }
            }
            line.clear();
        }
        Ok(done)
    }

    fn insert_entry(&mut self, line: &[u8]) -> bool {
        let entry = std::str::from_utf8(line).ok().and_then(|text| {
            let (seq, hash) = text.trim_end().split_once(' ')?;
            Some((seq.parse().ok()?, u64::from_str_radix(hash, 16).ok()?))
        });
        if let Some((seq, hash)) = entry {
            self.insert(seq, hash);
        }
        entry.is_some()
    }

    fn insert(&mut self, seq: u64, hash: u64) {
        if self.contains(seq) {
            return;
        }
        let (mut first, mut last, mut sum) = (seq, seq, share(seq, hash));
        if let Some((&before, &(end, known))) = self.ranges.range(..seq).next_back()
            && end + 1 == seq
        {
            self.ranges.remove(&before);
            (first, sum) = (before, sum.wrapping_add(known));
        }
        if let Some((end, known)) = self.ranges.remove(&(seq + 1)) {
            (last, sum) = (end, sum.wrapping_add(known));
        }
        self.ranges.insert(first, (last, sum));
    }

    fn contains(&self, seq: u64) -> bool {
        self.ranges.range(..=seq).next_back().is_some_and(|(_, (last, _))| *last >= seq)
    }

    /// How many lines.
    pub fn len(&self) -> u64 {
        self.ranges.iter().map(|(first, (last, _))| last - first + 1).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }
}

/// Goes through an input and says which lines are done, checking on the way that it is the input that the journal tells of.
#[derive(Debug)]
pub struct Resume {
    place: Place,
    done: Done,
    sum: u64,
}

impl Resume {
    /// Behind the lines that the journal at this path tells of.
    ///
    /// # Errors
    /// As [`Done::read`].
    pub fn read(path: &Path) -> Result<Self> {
        Ok(Self::new(Place::of(path), Done::read(path)?))
    }

    fn new(place: Place, done: Done) -> Self {
        Self { place, done, sum: 0 }
    }

    fn another_input(&self, what: &str) -> Error {
        Error::failed(format!(
            "--resume: {what} of which {0} tells: give the input of that run, or remove {0} to send all of this one",
            self.place
        ))
    }

    /// Whether this line is done. Lines are asked for in order; blank ones are not.
    ///
    /// # Errors
    /// Where the lines up to here are not those that the journal tells of.
    pub fn is_done(&mut self, seq: u64, hash: u64) -> Result<bool> {
        while let Some((&first, &(last, expected))) = self.done.ranges.first_key_value() {
            if seq < first {
                return Ok(false);
            }
            let inside = seq <= last;
            if inside {
                self.sum = self.sum.wrapping_add(share(seq, hash));
            }
            if seq >= last {
                if std::mem::take(&mut self.sum) != expected {
                    return Err(self.another_input(&format!("lines {first} to {last} of the input are not those")));
                }
                self.done.ranges.remove(&first);
            }
            if inside {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the journal tells of this line.
    pub fn tells_of(&self, seq: u64) -> bool {
        self.done.contains(seq)
    }

    /// Whether nothing of the journal is left to be met.
    pub fn is_over(&self) -> bool {
        self.done.is_empty()
    }

    /// Checks that the input had all lines that the journal tells of.
    ///
    /// # Errors
    /// Where it ended before.
    pub fn finish(&self) -> Result<()> {
        match self.done.ranges.first_key_value() {
            None => Ok(()),
            Some((_, (last, _))) => Err(self.another_input(&format!("the input ended before line {last},"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_journal_is_read_back_without_the_line_that_was_cut_off() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal");
        assert!(Done::read(&path).expect("a missing journal is an empty one").is_empty());
        let mut text = HEADER.to_vec();
        for seq in [3, 1, 2, 7, 2] {
            write(seq, seq * 10, &mut text);
        }
        text.extend_from_slice(b"8 00");
        std::fs::write(&path, &text).expect("written");
        let done = Done::read(&path).expect("a journal");
        assert_eq!((done.len(), done.ranges.len()), (4, 2));
        std::fs::write(&path, "{\"seq\":1}\n").expect("written");
        assert!(Done::read(&path).is_err());
    }

    #[test]
    fn another_input_than_the_journals_is_noticed() {
        let mut done = Done::default();
        for seq in 1..=3 {
            done.insert(seq, seq);
        }
        let mut resume = Resume::new(Place::Stdin, done.clone());
        assert!(resume.is_done(1, 1).is_ok_and(|done| done));
        assert!(resume.is_done(2, 99).is_ok());
        assert!(resume.is_done(3, 3).is_err());
        let mut short = Resume::new(Place::Stdin, done);
        assert!(short.is_done(1, 1).is_ok() && short.finish().is_err());
    }

    proptest! {
        #[test]
        fn exactly_the_lines_in_the_journal_are_done(done in prop::collection::hash_set(1u64..200, 0..150)) {
            let mut set = Done::default();
            for seq in &done {
                set.insert(*seq, seq * 7);
            }
            let mut resume = Resume::new(Place::Stdin, set);
            for seq in 1..200 {
                prop_assert_eq!(resume.is_done(seq, seq * 7).expect("the same input"), done.contains(&seq));
            }
            prop_assert!(resume.finish().is_ok());
        }
    }
}
