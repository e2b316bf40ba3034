//! The stream: lines in, effects in their order, lines out.
//! Lines that no effect takes are not parsed: effects say where their next line is, and everything before it goes from the
//! read buffer to the output unchanged; only its line ends are counted. Knows no effect by name, no file and no clock.

use std::ops::Range;

use crate::cli::output::Output;
use crate::clock::Micros;
use crate::error::Result;
use crate::jsonl::scan::Scanner;
use crate::jsonl::{Chunk, Line, LineReader, first_lines, lines, may_begin_array};
use crate::record::truth::Expect;

use super::active::Active;
use super::block::Block;
use super::config::Pipeline;
use super::effect::label::Label;
use super::effect::{Again, Applied, Phase, Wants};
use super::event::EditableEvent;
use super::held::{self, Held, KeepsPlace};
use super::last_step::{self, Finished, Unmoved};
use super::position::Position;
use super::report::Report;
use super::truth::{Account, TruthFile};
use super::window::StreamStart;

/// Generated lines are written when there are this many bytes of them.
const MADE_BYTES: usize = 1 << 20;

/// A run of pshape.
pub(super) struct Engine {
    effects: Vec<Active>,
    wants: Wants,
    origin: StreamStart,
    label: Option<Label>,
    out: Output,
    truth: Option<TruthFile>,
    scanner: Scanner,
    event: EditableEvent,
    /// A copy of the event in work, if it is repeated.
    copy: EditableEvent,
    block: Block,
    held: Held,
    position: Position,
    /// The latest event time so far.
    now: Micros,
    /// The effects that take the line in work.
    taken: Vec<usize>,
    /// The truth about the line in work.
    account: Account,
    /// The output has something other than white space.
    has_begun: bool,
    /// The last line written has no terminator.
    open_end: bool,
    /// The highest number of an input line that was written.
    furthest: u64,
    report: Report,
}

/// A line in work, and its position in the chunk that was read.
#[derive(Clone, Copy)]
struct Source<'a> {
    line: Line<'a>,
    chunk: &'a [u8],
    at: usize,
}

impl Source<'_> {
    /// The range of the line in the chunk.
    fn range(&self) -> Range<usize> {
        self.at..self.at + self.line.text.len() + self.line.end.len()
    }
}

/// What the stream's effects decided on an event.
#[derive(Default)]
struct Journey {
    /// The effects that move the event to another place.
    movers: Vec<usize>,
    again: Option<Again>,
    late: Option<Micros>,
    behind: u64,
    /// The version of the event for the case that it keeps its place, if that differs.
    unmoved: Option<Box<Unmoved>>,
}

impl Engine {
    /// An engine that writes events, and truth if there is a file for it.
    pub(super) fn new(pipeline: Pipeline, out: Output, truth: Option<TruthFile>) -> Self {
        let (event, scanner) = EditableEvent::new(pipeline.fields, truth.is_some());
        Self {
            effects: pipeline.effects,
            wants: pipeline.wants,
            origin: pipeline.origin,
            label: pipeline.label,
            out,
            truth,
            scanner,
            copy: event.sibling(),
            event,
            block: Block::default(),
            held: Held::new(pipeline.max_held),
            position: Position { seq: 0, first: None, start: pipeline.origin.start(None) },
            now: Micros::MIN,
            taken: Vec::new(),
            account: Account::new(),
            has_begun: false,
            open_end: false,
            furthest: 0,
            report: Report::default(),
        }
    }

    /// Processes all lines. If this fails, [`Engine::finish`] still ends the truth.
    ///
    /// # Errors
    /// If reading or writing fails.
    pub(super) fn run(&mut self, reader: &mut LineReader) -> Result<()> {
        let mut marked = false;
        while let Some(chunk) = reader.next_chunk()? {
            match chunk {
                // Anywhere but at the start it would be part of a line.
                Chunk::ByteOrderMark(mark) => {
                    if self.report.lines_out == 0 && !std::mem::replace(&mut marked, true) {
                        self.out.put(mark)?;
                        self.truth.iter_mut().for_each(TruthFile::begin_with_mark);
                    }
                }
                Chunk::Lines { first_seq, bytes } => {
                    let lines = self.lines(first_seq, bytes)?;
                    reader.counted(lines);
                }
                Chunk::Overlong { seq, last, .. } if self.wants.withholding => {
                    if last {
                        self.withhold(seq);
                        self.release_behind(seq, &[])?;
                    }
                }
                Chunk::Overlong { seq, piece, length, last } => {
                    if length == piece.len() as u64 {
                        self.report.overlong += 1;
                        self.begin_lines(1, piece);
                    }
                    self.block.made(piece);
                    if last {
                        self.furthest = seq;
                        self.open_end = !piece.ends_with(b"\n");
                        self.release_behind(seq, &[])?;
                    }
                    self.write(&[])?;
                }
            }
        }
        while let Some(line) = self.held.last() {
            self.write_held(line, &[])?;
        }
        self.write(&[])
    }

    /// Ends truth and output, in this order. Returns what was done.
    ///
    /// # Errors
    /// If one of them cannot be written.
    pub(super) fn finish(mut self, reader: &LineReader, complete: bool) -> Result<Report> {
        self.report.lines_in = reader.lines_read();
        self.report.unclosed_arrays = reader.unclosed_arrays();
        self.report.early = self.held.early();
        self.report.enter(&self.effects, self.label.is_some(), &self.position);
        if let Some(truth) = self.truth.take() {
            truth.finish(self.report.summary(complete))?;
        }
        if complete {
            self.out.finish()?;
        }
        Ok(self.report)
    }

    /// Processes a chunk of lines. Returns how many there are.
    fn lines(&mut self, first_seq: u64, bytes: &[u8]) -> Result<u64> {
        let (mut seq, mut at) = (first_seq, 0);
        while at < bytes.len() {
            let rest = &bytes[at..];
            let unseen = self.unseen(seq).saturating_sub(seq);
            let (count, length) = if unseen > 0 {
                let (count, length) = first_lines(rest, unseen);
                self.pass(count, &rest[..length], at..at + length);
                if seq == first_seq || at + length == bytes.len() {
                    let (event, scanner) = (&mut self.event, &mut self.scanner);
                    self.truth.iter_mut().for_each(|truth| truth.note_ends(&rest[..length], event, scanner));
                }
                self.furthest = seq + count - 1;
                (count, length)
            } else {
                let Some(line) = lines(seq, rest).next() else { break };
                self.line(Source { line, chunk: bytes, at })?;
                (1, line.text.len() + line.end.len())
            };
            (seq, at) = (seq + count, at + length);
            self.release_behind(seq - 1, bytes)?;
            self.write_much(bytes)?;
        }
        self.write(bytes)?;
        Ok(seq - first_seq)
    }

    /// The line before which all lines from `seq` on pass through without being parsed, and no held line is due.
    #[inline]
    fn unseen(&mut self, seq: u64) -> u64 {
        if self.looks_at_all() {
            return seq;
        }
        let behind = self.held.waits_behind().map_or(u64::MAX, |last| last.saturating_add(1));
        self.effects.iter_mut().map(|active| active.pick.next(seq)).fold(behind, u64::min)
    }

    /// Whether lines that no effect takes are parsed too.
    #[inline]
    fn looks_at_all(&self) -> bool {
        self.wants.clock || self.wants.matches || self.wants.start && self.position.first.is_none()
    }

    /// Processes a line that has to be parsed.
    #[inline]
    fn line(&mut self, source: Source<'_>) -> Result<()> {
        self.taken.clear();
        for (number, active) in self.effects.iter_mut().enumerate() {
            if active.pick.takes(source.line.seq) {
                self.taken.push(number);
            }
        }
        if self.load(source.line).is_none() {
            if self.wants.withholding && !source.line.text.trim_ascii().is_empty() {
                self.withhold(source.line.seq);
            } else {
                self.pass_line(source);
            }
            return Ok(());
        }
        self.shape(source)
    }

    /// Leaves out a line that cannot be redacted.
    fn withhold(&mut self, seq: u64) {
        self.furthest = seq;
        self.report.withheld += 1;
        if let Some(truth) = &mut self.truth {
            self.account.withhold(seq);
            truth.add(None, &self.account);
        }
    }

    /// Passes lines on as they were read.
    #[inline]
    fn pass(&mut self, count: u64, lines: &[u8], range: Range<usize>) {
        self.begin_lines(count, lines);
        self.block.input(range);
        self.open_end = !lines.ends_with(b"\n");
    }

    /// Passes a parsed line on as it was read.
    #[inline]
    fn pass_line(&mut self, source: Source<'_>) {
        self.furthest = source.line.seq;
        self.begin_lines(1, source.line.text);
        self.block.input(source.range());
        self.open_end = source.line.end.is_empty();
    }

    /// Parses a line. Returns `None` if it is not an event.
    fn load(&mut self, line: Line<'_>) -> Option<()> {
        self.position.seq = line.seq;
        if self.event.load(line.text, &mut self.scanner).is_err() {
            self.report.not_objects += u64::from(!self.taken.is_empty() && !self.wants.withholding);
            return None;
        }
        if self.wants.start
            && self.position.first.is_none()
            && let Some(at) = self.event.timestamp()
        {
            self.position.first = Some(at);
            self.position.start = self.origin.start(Some(at));
        }
        let (effects, event) = (&mut self.effects, &self.event);
        if self.wants.matches {
            self.wants.matches = effects.iter_mut().map(|active| u32::from(!active.watch(event))).sum::<u32>() > 0;
        }
        self.taken.retain(|number| effects[*number].admits(event, line.seq));
        Some(())
    }

    /// Applies the effects that take the event in work, and sends it to its place.
    fn shape(&mut self, source: Source<'_>) -> Result<()> {
        let taken = std::mem::take(&mut self.taken);
        let stream = taken.partition_point(|number| self.effects[*number].kind.phase < Phase::Stream);
        let bytes = taken.partition_point(|number| self.effects[*number].kind.phase < Phase::Bytes);
        let mut journey = Journey::default();
        let mut stays = self.act(&taken[..stream], &mut journey);
        // Reading a time is 7 % of the instructions of a line with --late.
        let is_timed = self.wants.clock || self.truth.is_some();
        let at = if is_timed { self.event.timestamp() } else { None };
        if let (Some(truth), Some(at)) = (&mut self.truth, at) {
            truth.note(at);
        }
        let at = at.filter(|_| self.wants.clock);
        if let Some(at) = at {
            self.now = self.now.max(at);
            while let Some(line) = self.held.due(self.now) {
                self.hold(line, None, source.chunk)?;
            }
        }
        stays = stays && self.act(&taken[stream..bytes], &mut journey);
        if stays {
            self.finish_event(&taken[bytes..], &mut journey);
            if self.event.names().is_empty() && journey.again.is_none() {
                self.pass_line(source);
            } else {
                self.send(source, at, &journey)?;
            }
        } else if let Some(truth) = &mut self.truth {
            self.account.expect = Expect::Absent;
            self.account.enter(&self.event, source.line.seq);
            truth.add(None, &self.account);
        }
        self.taken = taken;
        Ok(())
    }

    /// Applies the effects up to those on the stream. Returns `false` if the event was dropped.
    fn act(&mut self, taken: &[usize], journey: &mut Journey) -> bool {
        for number in taken {
            let active = &mut self.effects[*number];
            match active.apply(&mut self.event, &self.position) {
                Applied::Passed | Applied::Stuck | Applied::Beyond | Applied::Kept | Applied::Changed(_) => {}
                Applied::Gone => return false,
                Applied::Late(delay) => {
                    journey.late = Some(delay);
                    journey.movers.push(*number);
                }
                Applied::Behind(lines) => {
                    journey.behind = lines;
                    journey.movers.push(*number);
                }
                Applied::Again(again) => {
                    journey.again = Some(again);
                    self.copy.copy(&self.event);
                    active.make_copy(&mut self.copy, &self.position);
                    if let Some(label) = &mut self.label
                        && label.write(&mut self.copy, &[])
                    {
                        self.report.labelled += u64::from(again.copies);
                    }
                }
            }
        }
        true
    }

    /// Labels the event, applies the effects after which it may no longer be an event, and records how a correct server
    /// answers the line.
    fn finish_event(&mut self, taken: &[usize], journey: &mut Journey) {
        let (event, label) = (&mut self.event, self.label.as_mut());
        let Finished { expect, is_marked, is_labelled, unmoved } =
            last_step::finish(event, label, &mut self.effects, taken, &journey.movers, &self.position);
        self.report.labelled += u64::from(is_labelled);
        self.account.expect = expect;
        self.account.is_marked = is_marked;
        self.account.is_copy = false;
        journey.unmoved = unmoved;
    }

    /// Sends the event and its copies to their places.
    fn send(&mut self, source: Source<'_>, at: Option<Micros>, journey: &Journey) -> Result<()> {
        let at = at.unwrap_or(self.now);
        let due = journey.late.map(|delay| at.saturating_add(delay));
        let original = self.account.expect;
        if self.event.names().is_empty() {
            self.pass_line(source);
        } else {
            self.dispatch(source, due, journey.behind, Some(journey))?;
        }
        let Some(again) = journey.again else { return Ok(()) };
        self.account.is_marked = false;
        self.account.is_copy = self.copy.id().is_some();
        for number in 1..=again.copies {
            self.account.expect = match original {
                _ if !self.account.is_copy => Expect::Accepted,
                Expect::Rejected if number == 1 => Expect::Accepted,
                Expect::Either => Expect::Either,
                _ => Expect::Duplicate,
            };
            if again.delay > 0 {
                let due = at.saturating_add(again.delay.saturating_mul(i64::from(number)));
                self.dispatch(source, Some(due), 0, None)?;
            } else {
                // Without a delay a copy follows its original.
                self.dispatch(source, due, journey.behind, None)?;
            }
        }
        Ok(())
    }

    /// Writes the event in work if its journey is given, otherwise its copy. Or holds it back until `due`, then for a number
    /// of lines.
    fn dispatch(
        &mut self,
        source: Source<'_>,
        due: Option<Micros>,
        behind: u64,
        original: Option<&Journey>,
    ) -> Result<()> {
        let Source { line, chunk, .. } = source;
        let event = if original.is_some() { &self.event } else { &self.copy };
        self.account.enter(event, line.seq);
        if due.is_some() || behind > 0 {
            let bytes = |event: &EditableEvent| [event.text(), line.end].concat();
            let truth = self.account.clone();
            let stays = original.and_then(|journey| journey.unmoved.as_ref()).map(|unmoved| {
                self.account.enter(&unmoved.event, line.seq);
                let faults = self.account.faults.clone();
                Box::new(KeepsPlace { bytes: bytes(&unmoved.event), faults, is_labelled: unmoved.is_labelled })
            });
            let movers = original.map_or_else(Vec::new, |journey| journey.movers.clone());
            return self.hold(held::HeldLine { bytes: bytes(event), truth, behind, movers, stays }, due, chunk);
        }
        self.furthest = self.furthest.max(line.seq);
        // A changed event does not begin with a bracket.
        self.has_begun = true;
        begin_lines(1, &mut self.report.lines_out, &mut self.open_end, &mut self.block);
        self.block.made(event.text());
        self.block.made(line.end);
        self.open_end = line.end.is_empty();
        if let Some(truth) = &mut self.truth {
            truth.add(Some(self.report.lines_out), &self.account);
        }
        self.write_much(chunk)
    }

    /// Holds a line back until `due`, or for its number of lines. Or writes it at once.
    fn hold(&mut self, mut line: held::HeldLine, due: Option<Micros>, chunk: &[u8]) -> Result<()> {
        match (due, std::mem::take(&mut line.behind)) {
            (Some(due), behind) => self.held.until(due, held::HeldLine { behind, ..line }),
            (None, 0) => self.write_held(line, chunk)?,
            (None, behind) => self.held.behind(self.position.seq + behind, line),
        }
        while let Some(line) = self.held.excess() {
            self.write_held(line, chunk)?;
        }
        Ok(())
    }

    /// Writes the lines that waited for this line of the input.
    #[inline]
    fn release_behind(&mut self, seq: u64, chunk: &[u8]) -> Result<()> {
        while let Some(line) = self.held.next_behind(seq) {
            self.write_held(line, chunk)?;
        }
        Ok(())
    }

    fn write_held(&mut self, mut line: held::HeldLine, chunk: &[u8]) -> Result<()> {
        if self.furthest < line.truth.source_seq {
            for number in std::mem::take(&mut line.movers) {
                self.effects[number].note_unmoved();
                line.truth.faults.remove_unchanged(self.effects[number].kind.fault);
            }
            if let Some(stays) = line.stays.take() {
                self.report.labelled -= u64::from(!stays.is_labelled);
                line.bytes = stays.bytes;
                line.truth.faults = stays.faults;
            }
            self.furthest = line.truth.source_seq;
        }
        self.begin_lines(1, &line.bytes);
        self.block.made(&line.bytes);
        self.open_end = !line.bytes.ends_with(b"\n");
        if let Some(truth) = &mut self.truth {
            truth.add(Some(self.report.lines_out), &line.truth);
        }
        self.write_much(chunk)
    }

    /// Begins this many lines of the output, which start with these bytes.
    #[inline]
    fn begin_lines(&mut self, count: u64, bytes: &[u8]) {
        if !self.has_begun
            && let Some(begins_array) = may_begin_array(bytes)
        {
            self.has_begun = true;
            self.report.begins_array = begins_array;
        }
        begin_lines(count, &mut self.report.lines_out, &mut self.open_end, &mut self.block);
    }

    /// Writes what is ready if much of it was generated: one line of the input may have many copies, or release many held
    /// lines.
    #[inline]
    fn write_much(&mut self, chunk: &[u8]) -> Result<()> {
        if self.block.made_bytes() >= MADE_BYTES { self.write(chunk) } else { Ok(()) }
    }

    /// Writes what is ready, then the truth about it.
    fn write(&mut self, chunk: &[u8]) -> Result<()> {
        self.block.write(chunk, &mut self.out)?;
        self.truth.as_mut().map_or(Ok(()), TruthFile::flush)
    }
}

/// Counts lines of the output. If the line before them has no terminator, it gets one.
#[inline]
fn begin_lines(count: u64, lines_out: &mut u64, open_end: &mut bool, block: &mut Block) {
    *lines_out += count;
    if std::mem::take(open_end) {
        block.made(b"\n");
    }
}
