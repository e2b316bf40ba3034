//! Reads all inputs: lines and states into one summary, or lines into the sample of a side.

use super::count::{Input, Intake, Summary};
use super::like::Lines;
use super::state::{BEGINS, StateReader};
use crate::cli::console::Progress;
use crate::cli::input::Inputs;
use crate::cli::numbers::{counted, number};
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::jsonl::scan::{FieldSet, Scanner, Spans};
use crate::jsonl::{Chunk, Line, LineReader};

/// What is told of the lines, beside what was counted.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Told {
    pub(super) lines: u64,
    pub(super) unclosed_arrays: u64,
    /// The first line that is not a JSON object.
    pub(super) first_unreadable: Option<u64>,
}

impl Told {
    /// Counts a line that holds no event.
    fn without_event(&mut self, line: Line<'_>, input: &mut Input) {
        if line.is_blank() {
            input.blank += 1;
        } else {
            input.unreadable += 1;
            self.first_unreadable = self.first_unreadable.or(Some(line.seq));
        }
    }
}

/// What was read to be learnt from.
pub(super) struct Reading {
    pub(super) summary: Summary,
    pub(super) states: StateReader,
    pub(super) told: Told,
}

impl Reading {
    /// Reads to the end, or until a signal asks to stop.
    ///
    /// # Errors
    /// If an input cannot be read, or is a state that is not whole.
    pub(super) fn of(inputs: Inputs, max_line: usize, progress: Progress, clock: &dyn Clock) -> Result<Self> {
        let (mut summary, mut states, mut intake) = (Summary::default(), StateReader::default(), Intake::default());
        let mut overlong = 0;
        let told = read(inputs, max_line, progress, clock, &mut overlong, |line, told| {
            if line.text.starts_with(BEGINS) || states.is_amid() {
                return states.take(line.seq, line.text, &mut summary);
            }
            if !intake.take(line.text, &mut summary) {
                told.without_event(line, &mut summary.input);
            }
            Ok(())
        })?;
        summary.input.overlong += overlong;
        states.finish()?;
        Ok(Self { summary, states, told })
    }
}

/// What was read to be compared.
pub(super) struct Side {
    pub(super) lines: Lines,
    pub(super) told: Told,
}

impl Side {
    /// Reads to the end, or until a signal asks to stop.
    ///
    /// # Errors
    /// If an input cannot be read, or is a state.
    pub(super) fn of(inputs: Inputs, max_line: usize, progress: Progress, clock: &dyn Clock) -> Result<Self> {
        let mut lines = Lines::default();
        let (mut scanner, mut spans) = (Scanner::new(FieldSet::default()), Spans::default());
        let mut overlong = 0;
        let told = read(inputs, max_line, progress, clock, &mut overlong, |line, told| {
            if line.text.starts_with(BEGINS) {
                return Err(Error::failed(format!("line {}: a state of plearn; --like compares events", line.seq)));
            }
            match scanner.scan(line.text, &mut spans) {
                Ok(_) => lines.add(line.text),
                Err(_) => told.without_event(line, &mut lines.input),
            }
            Ok(())
        })?;
        lines.input.overlong += overlong;
        Ok(Self { lines, told })
    }
}

/// Gives each line to `take`, and counts those that are too long.
fn read(
    inputs: Inputs,
    max_line: usize,
    mut progress: Progress,
    clock: &dyn Clock,
    overlong: &mut u64,
    mut take: impl FnMut(Line<'_>, &mut Told) -> Result<()>,
) -> Result<Told> {
    let mut reader = LineReader::new(inputs, max_line);
    let mut told = Told::default();
    while let Some(chunk) = reader.next_chunk()? {
        let before = told.lines;
        if let Chunk::Overlong { last: true, .. } = chunk {
            told.lines += 1;
            *overlong += 1;
        }
        for line in chunk.lines() {
            told.lines += 1;
            take(line, &mut told)?;
        }
        if let Chunk::Lines { .. } = chunk {
            reader.counted(told.lines - before);
        }
        progress.show(|| {
            let rate = told.lines as f64 / clock.elapsed().as_secs_f64();
            format!("{}, {} lines/s", counted(told.lines, "line", "lines"), number(rate))
        });
    }
    told.unclosed_arrays = reader.unclosed_arrays();
    Ok(told)
}
