//! Outcomes that wait: in memory if there are few, otherwise in a temporary file that the system removes.

use std::io::{self, Read, Seek, SeekFrom, Write};

use tempfile::SpooledTempFile;

use crate::error::{Error, Result};

/// At most this many bytes stay in memory.
const IN_MEMORY: usize = 8 << 20;
/// How many bytes are written or read at once.
const BLOCK: usize = 64 << 10;
/// After each text: the segment, the weight, the line number and the length of the text.
const TAIL: usize = 4 + 1 + 8 + 4;

/// Texts, each with its segment, weight and line number.
#[derive(Debug)]
pub(super) struct Spool {
    file: SpooledTempFile,
    block: Vec<u8>,
    failed: Option<io::Error>,
}

impl Default for Spool {
    fn default() -> Self {
        Self { file: SpooledTempFile::new(IN_MEMORY), block: Vec::new(), failed: None }
    }
}

impl Spool {
    /// Appends a text.
    pub(super) fn push(&mut self, segment: usize, weight: usize, seq: u64, text: &[u8]) {
        let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes();
        self.block.extend_from_slice(text);
        self.block.extend_from_slice(&small(segment));
        self.block.push(weight.to_le_bytes()[0]);
        self.block.extend_from_slice(&seq.to_le_bytes());
        self.block.extend_from_slice(&small(text.len()));
        if self.block.len() >= BLOCK {
            self.write();
        }
    }

    fn write(&mut self) {
        if self.failed.is_none() {
            self.failed = self.file.write_all(&self.block).err();
        }
        self.block.clear();
    }

    /// Passes on all texts, the last one first.
    ///
    /// # Errors
    /// If they could not be written or read back.
    pub(super) fn backwards(&mut self, take: impl FnMut(usize, usize, u64, &[u8])) -> Result<()> {
        self.write();
        let done = match self.failed.take() {
            Some(error) => Err(error),
            None => self.read_backwards(take),
        };
        done.map_err(|e| Error::failed(format!("the temporary file for outcomes: {e}")))
    }

    fn read_backwards(&mut self, mut take: impl FnMut(usize, usize, u64, &[u8])) -> io::Result<()> {
        let mut left = self.file.stream_position()?;
        // The bytes from `left` on have been read and not passed on yet.
        let mut held: Vec<u8> = Vec::new();
        loop {
            while let Some(entry) = Entry::last(&held) {
                let begins = held.len() - TAIL - entry.length;
                take(entry.segment, entry.weight, entry.seq, &held[begins..begins + entry.length]);
                held.truncate(begins);
            }
            if left == 0 {
                return Ok(());
            }
            let wanted = Entry::wanted(&held).max(BLOCK) as u64;
            let from = left.saturating_sub(wanted);
            let mut bytes = vec![0; usize::try_from(left - from).unwrap_or(0)];
            self.file.seek(SeekFrom::Start(from))?;
            self.file.read_exact(&mut bytes)?;
            bytes.append(&mut held);
            (held, left) = (bytes, from);
        }
    }
}

struct Entry {
    segment: usize,
    weight: usize,
    seq: u64,
    length: usize,
}

impl Entry {
    fn tail(held: &[u8]) -> Option<Self> {
        let (rest, length) = held.split_last_chunk::<4>()?;
        let (rest, seq) = rest.split_last_chunk::<8>()?;
        let (weight, rest) = rest.split_last()?;
        let (_, segment) = rest.split_last_chunk::<4>()?;
        Some(Self {
            segment: u32::from_le_bytes(*segment) as usize,
            weight: usize::from(*weight),
            seq: u64::from_le_bytes(*seq),
            length: u32::from_le_bytes(*length) as usize,
        })
    }

    /// The last entry in these bytes, if it is complete.
    fn last(held: &[u8]) -> Option<Self> {
        Self::tail(held).filter(|entry| entry.length + TAIL <= held.len())
    }

    /// How many more bytes the last entry needs.
    fn wanted(held: &[u8]) -> usize {
        Self::tail(held).map_or(TAIL, |entry| (entry.length + TAIL).saturating_sub(held.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_comes_back_the_last_first_from_memory_and_from_disk() {
        for (texts, length) in [(3, 5), (1000, 100), (200, 200_000)] {
            let mut spool = Spool::default();
            let text = |n: usize| vec![n.to_le_bytes()[0]; n % length];
            (0..texts).for_each(|n| spool.push(n % 7, n % 4, n as u64, &text(n * 31)));
            let mut next = texts;
            let read = spool.backwards(|segment, weight, seq, found| {
                next -= 1;
                assert_eq!((segment, weight, seq), (next % 7, next % 4, next as u64));
                assert_eq!(found, text(next * 31));
            });
            assert!(read.is_ok() && next == 0, "{next}");
        }
    }
}
