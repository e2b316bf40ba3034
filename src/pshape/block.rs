//! Lines that are ready to be written, in order: stretches of the chunk that was read, and lines that were made.

use std::io::IoSlice;
use std::ops::Range;

use crate::cli::output::Output;
use crate::error::Result;

enum Piece {
    /// Bytes of the chunk.
    Input(Range<usize>),
    /// Bytes of `made`.
    Made(Range<usize>),
}

/// A block of lines.
#[derive(Default)]
pub(super) struct Block {
    pieces: Vec<Piece>,
    made: Vec<u8>,
}

impl Block {
    /// Adds a stretch of the chunk.
    #[inline]
    pub(super) fn input(&mut self, range: Range<usize>) {
        match self.pieces.last_mut() {
            Some(Piece::Input(last)) if last.end == range.start => last.end = range.end,
            _ => self.pieces.push(Piece::Input(range)),
        }
    }

    /// Adds bytes that do not stand in the chunk.
    #[inline]
    pub(super) fn made(&mut self, bytes: &[u8]) {
        let from = self.made.len();
        self.made.extend_from_slice(bytes);
        match self.pieces.last_mut() {
            Some(Piece::Made(last)) => last.end = self.made.len(),
            _ => self.pieces.push(Piece::Made(from..self.made.len())),
        }
    }

    /// How many bytes were made, and are held until they are written.
    #[inline]
    pub(super) fn made_bytes(&self) -> usize {
        self.made.len()
    }

    /// Writes everything and is empty again.
    ///
    /// # Errors
    /// Where the output cannot be written.
    pub(super) fn write(&mut self, chunk: &[u8], out: &mut Output) -> Result<()> {
        let slice = |piece: &Piece| match piece {
            Piece::Input(range) => &chunk[range.clone()],
            Piece::Made(range) => &self.made[range.clone()],
        };
        let mut slices: Vec<IoSlice<'_>> = self.pieces.iter().map(|piece| IoSlice::new(slice(piece))).collect();
        let written = out.put_all(&mut slices);
        self.pieces.clear();
        self.made.clear();
        written
    }
}
