//! The stream: lines in, effects in their order, lines out.
//!
//! Lines that no effect takes are not looked at: runs of them go from the read buffer to the output as they are. Knows no effect
//! by name, no file and no clock.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::IoSlice;
use std::ops::Range;

use crate::cli::output::Output;
use crate::cli::values::Shard;
use crate::error::Result;
use crate::jsonl::{Chunk, Line, LineReader};
use crate::record::truth::{Expect, TruthSummary};

use super::effect::{Active, Verdict};
use super::event::Event;
use super::trail::About;
use super::truth::{self, TruthFile};

/// Lines that are ready to be written, in order.
#[derive(Default)]
struct Block {
    pieces: Vec<Piece>,
    /// Lines that were made, not read.
    own: Vec<u8>,
}

enum Piece {
    /// Bytes of the chunk in work.
    Input(Range<usize>),
    /// Bytes of `own`.
    Own(Range<usize>),
}

impl Block {
    fn input(&mut self, range: Range<usize>) {
        match self.pieces.last_mut() {
            Some(Piece::Input(last)) if last.end == range.start => last.end = range.end,
            _ => self.pieces.push(Piece::Input(range)),
        }
    }

    fn own(&mut self, bytes: &[u8]) {
        let from = self.own.len();
        self.own.extend_from_slice(bytes);
        match self.pieces.last_mut() {
            Some(Piece::Own(last)) if last.end == from => last.end = self.own.len(),
            _ => self.pieces.push(Piece::Own(from..self.own.len())),
        }
    }
}

/// A run of pshape.
pub(super) struct Engine {
    effects: Vec<Active>,
    event: Event,
    shard: Option<Shard>,
    out: Output,
    truth: Option<TruthFile>,
    block: Block,
    /// Truth of the line in work.
    tails: Vec<u8>,
    /// The effects that take the line in work.
    taken: Vec<usize>,
    lines_out: u64,
    /// The last line written has no terminator.
    open_end: bool,
    overlong: u64,
    not_objects: u64,
}

/// What a run did.
pub(super) struct Summary {
    /// What truth ends with.
    pub truth: TruthSummary,
    /// Lines that were too long to be looked at.
    pub overlong: u64,
    /// Lines that an effect took and that are no JSON object.
    pub not_objects: u64,
    /// JSON arrays that were cut off.
    pub unclosed_arrays: u64,
}

impl Engine {
    /// An engine with these effects, in the order in which they act.
    pub(super) fn new(
        effects: Vec<Active>,
        event: Event,
        shard: Option<Shard>,
        out: Output,
        truth: Option<TruthFile>,
    ) -> Self {
        Self {
            effects,
            event,
            shard,
            out,
            truth,
            block: Block::default(),
            tails: Vec::new(),
            taken: Vec::new(),
            lines_out: 0,
            open_end: false,
            overlong: 0,
            not_objects: 0,
        }
    }

    /// What each effect did, in words.
    pub(super) fn report(&self) -> String {
        let mut text = String::new();
        for active in &self.effects {
            let _ = write!(text, "; {} {}", active.injected, active.kind.fault);
            if active.passed > 0 {
                let _ = write!(text, " ({} more without {})", active.passed, active.kind.needs);
            }
        }
        text
    }

    /// Hands all lines on. Where it fails, [`Engine::finish`] still ends the truth.
    ///
    /// # Errors
    /// Where reading or writing fails.
    pub(super) fn run(&mut self, reader: &mut LineReader) -> Result<()> {
        while let Some(chunk) = reader.next_chunk()? {
            match chunk {
                // Behind the start it would no longer be one, but part of a line.
                Chunk::ByteOrderMark(mark) if self.lines_out == 0 => self.out.put(mark)?,
                Chunk::ByteOrderMark(_) => {}
                Chunk::Lines { bytes, .. } => {
                    let mut at = 0;
                    for line in chunk.lines() {
                        let range = at..at + line.text.len() + line.end.len();
                        at = range.end;
                        self.line(line, range);
                    }
                    self.write(bytes)?;
                }
                Chunk::Overlong { piece, length, last, .. } => {
                    if length == piece.len() as u64 {
                        self.overlong += 1;
                        self.begin_line();
                    }
                    self.block.own(piece);
                    if last {
                        self.open_end = !piece.ends_with(b"\n");
                    }
                    self.write(&[])?;
                }
            }
        }
        Ok(())
    }

    /// Ends truth and output, in this order.
    ///
    /// # Errors
    /// Where one of them cannot be written.
    pub(super) fn finish(mut self, reader: &LineReader, complete: bool) -> Result<Summary> {
        let mut totals = BTreeMap::new();
        for active in &self.effects {
            *totals.entry(active.kind.fault.to_owned()).or_default() += active.injected;
        }
        let summary = Summary {
            truth: truth::summary(reader.lines_read(), self.lines_out, totals, complete),
            overlong: self.overlong,
            not_objects: self.not_objects,
            unclosed_arrays: reader.unclosed_arrays(),
        };
        if let Some(truth) = self.truth.take() {
            truth.finish(&summary.truth)?;
        }
        if complete {
            self.out.finish()?;
        }
        Ok(summary)
    }

    /// Takes up a line, which stands at `range` of the chunk in work.
    #[inline]
    fn line(&mut self, line: Line<'_>, range: Range<usize>) {
        self.taken.clear();
        for (place, active) in self.effects.iter_mut().enumerate() {
            if active.pick.takes(line.seq) {
                self.taken.push(place);
            }
        }
        if self.taken.is_empty() || !self.shape(line) {
            self.begin_line();
            self.block.input(range);
            self.open_end = line.end.is_empty();
        }
    }

    /// Lets the effects that take the line work on it. `false`: it is to be handed on as it is.
    fn shape(&mut self, line: Line<'_>) -> bool {
        if self.event.load(line.text).is_err() {
            self.not_objects += 1;
            return false;
        }
        let mut expect = Expect::Accepted;
        let mut touched = false;
        for place in &self.taken {
            let active = &mut self.effects[*place];
            self.event.begin();
            match active.effect.apply(&mut self.event, line.seq) {
                Verdict::Passed => active.passed += 1,
                Verdict::Changed(makes) => {
                    active.injected += 1;
                    touched = true;
                    if makes != Expect::Accepted {
                        expect = makes;
                    }
                    self.event.commit(active.kind.fault);
                }
            }
        }
        if !touched {
            return false;
        }
        self.begin_line();
        self.block.own(self.event.text());
        self.block.own(line.end);
        self.open_end = line.end.is_empty();
        if let (Some(truth), Some(trail)) = (&mut self.truth, self.event.trail()) {
            self.tails.clear();
            let about = About { source_seq: line.seq, id: self.event.id(), expect, shard: self.shard };
            trail.write(&about, &mut self.tails);
            truth.add(Some(self.lines_out), &self.tails);
        }
        true
    }

    /// Counts a line of the output; one before it that has no terminator gets one.
    fn begin_line(&mut self) {
        self.lines_out += 1;
        if std::mem::take(&mut self.open_end) {
            self.block.own(b"\n");
        }
    }

    /// Writes what is ready, then the truth about it.
    fn write(&mut self, input: &[u8]) -> Result<()> {
        let mut slices: Vec<IoSlice<'_>> = Vec::with_capacity(self.block.pieces.len());
        slices.extend(self.block.pieces.iter().map(|piece| {
            IoSlice::new(match piece {
                Piece::Input(range) => &input[range.clone()],
                Piece::Own(range) => &self.block.own[range.clone()],
            })
        }));
        self.out.put_all(&mut slices)?;
        self.block.pieces.clear();
        self.block.own.clear();
        self.truth.as_mut().map_or(Ok(()), TruthFile::flush)
    }
}
