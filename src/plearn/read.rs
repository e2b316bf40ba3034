//! Reads all inputs, lines and states, into one summary.

use super::count::{Intake, Summary};
use super::state::{BEGINS, StateReader};
use crate::cli::console::Progress;
use crate::cli::input::Inputs;
use crate::cli::numbers::{counted, number};
use crate::clock::Clock;
use crate::error::Result;
use crate::jsonl::{Chunk, Line, LineReader};

/// What was read.
pub(super) struct Reading {
    pub(super) summary: Summary,
    pub(super) states: StateReader,
    pub(super) lines: u64,
    pub(super) unclosed_arrays: u64,
    /// The first line that is not a JSON object.
    pub(super) first_unreadable: Option<u64>,
}

impl Reading {
    /// Reads to the end, or until a signal asks to stop.
    ///
    /// # Errors
    /// If an input cannot be read, or is a state that is not whole.
    pub(super) fn of(inputs: Inputs, max_line: usize, mut progress: Progress, clock: &dyn Clock) -> Result<Self> {
        let mut reader = LineReader::new(inputs, max_line);
        let mut intake = Intake::default();
        let mut all = Self {
            summary: Summary::default(),
            states: StateReader::default(),
            lines: 0,
            unclosed_arrays: 0,
            first_unreadable: None,
        };
        while let Some(chunk) = reader.next_chunk()? {
            let before = all.lines;
            if let Chunk::Overlong { last: true, .. } = chunk {
                all.lines += 1;
                all.summary.input.overlong += 1;
            }
            for line in chunk.lines() {
                all.take(line, &mut intake)?;
            }
            if let Chunk::Lines { .. } = chunk {
                reader.counted(all.lines - before);
            }
            progress.show(|| {
                let rate = all.lines as f64 / clock.elapsed().as_secs_f64();
                format!("{}, {} lines/s", counted(all.lines, "line", "lines"), number(rate))
            });
        }
        all.states.finish()?;
        all.unclosed_arrays = reader.unclosed_arrays();
        Ok(all)
    }

    fn take(&mut self, line: Line<'_>, intake: &mut Intake) -> Result<()> {
        self.lines += 1;
        if line.text.starts_with(BEGINS) || self.states.is_amid() {
            return self.states.take(line.seq, line.text, &mut self.summary);
        }
        if !intake.take(line.text, &mut self.summary) {
            if line.is_blank() {
                self.summary.input.blank += 1;
            } else {
                self.summary.input.unreadable += 1;
                self.first_unreadable = self.first_unreadable.or(Some(line.seq));
            }
        }
        Ok(())
    }
}
