//! The truth file: each injected fault as one line, in the order of the lines written (contracts §4).

use std::path::Path;

use crate::cli::output::Output;
use crate::error::Result;
use crate::record::truth::TruthSummary;

/// Writes truth. What it holds reaches the file when the block of events that it is about has been written.
pub(super) struct TruthFile {
    out: Output,
    buffer: Vec<u8>,
}

/// How much is gathered before it is written.
const BLOCK: usize = 64 << 10;

impl TruthFile {
    /// A truth file at this path.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub(super) fn create(path: &Path) -> Result<Self> {
        Ok(Self { out: Output::create(path)?, buffer: Vec::new() })
    }

    /// Adds the faults of one line: `tails` as `Trail::write` makes them, and the line's number in the output.
    pub(super) fn add(&mut self, seq: Option<u64>, tails: &[u8]) {
        for tail in tails.split_inclusive(|b| *b == b'\n') {
            self.buffer.extend_from_slice(b"{\"seq\":");
            match seq {
                Some(seq) => self.buffer.extend_from_slice(itoa::Buffer::new().format(seq).as_bytes()),
                None => self.buffer.extend_from_slice(b"null"),
            }
            self.buffer.extend_from_slice(tail);
        }
    }

    /// Writes what was added, now that the lines that it is about are written.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub(super) fn flush(&mut self) -> Result<()> {
        if self.buffer.len() >= BLOCK { self.write() } else { Ok(()) }
    }

    /// Ends the file with the summary, and puts it in its place.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub(super) fn finish(mut self, summary: &TruthSummary) -> Result<()> {
        serde_json::to_writer(&mut self.buffer, summary).expect("a summary has string keys");
        self.buffer.push(b'\n');
        self.write()?;
        self.out.finish()
    }

    fn write(&mut self) -> Result<()> {
        self.out.put(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}
