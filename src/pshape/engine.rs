//! The stream: lines in, effects in their order, lines out.
//!
//! Lines that no effect takes are not looked at: runs of them go from the read buffer to the output as they are. Knows no effect
//! by name, no file and no clock.

use std::ops::Range;

use crate::cli::output::Output;
use crate::cli::values::Shard;
use crate::clock::Micros;
use crate::error::Result;
use crate::jsonl::scan::Scanner;
use crate::jsonl::{Chunk, Line, LineReader};
use crate::record::truth::Expect;

use super::block::Block;
use super::effect::label::Label;
use super::effect::{Active, Again, Phase, Place, Verdict, Wants};
use super::event::Event;
use super::held::{self, Held};
use super::plan::Plan;
use super::report::Report;
use super::trail::About;
use super::truth::TruthFile;
use super::window::Origin;

/// Lines that were made are written at the latest when there are so many bytes of them.
const MADE_BYTES: usize = 1 << 20;

/// A run of pshape.
pub(super) struct Engine {
    effects: Vec<Active>,
    wants: Wants,
    origin: Origin,
    label: Option<Label>,
    shard: Option<Shard>,
    out: Output,
    truth: Option<TruthFile>,
    scanner: Scanner,
    event: Event,
    /// A copy of the event that is sent again.
    copy: Event,
    block: Block,
    held: Held,
    place: Place,
    /// The latest event time so far.
    now: Micros,
    /// The effects that take the line in work.
    taken: Vec<usize>,
    tails: Vec<u8>,
    /// The last line written has no terminator.
    open_end: bool,
    report: Report,
}

/// What the stream's effects decided on an event.
#[derive(Default)]
struct Journey {
    again: Option<Again>,
    late: Option<Micros>,
    behind: u64,
}

impl Engine {
    /// An engine that writes events, and truth where it is wanted.
    pub(super) fn new(plan: Plan, out: Output, truth: Option<TruthFile>) -> Self {
        let (event, scanner) = Event::new(plan.fields, truth.is_some());
        Self {
            effects: plan.effects,
            wants: plan.wants,
            origin: plan.origin,
            label: plan.label,
            shard: plan.shard,
            out,
            truth,
            scanner,
            copy: event.sibling(),
            event,
            block: Block::default(),
            held: Held::new(plan.max_held),
            place: Place { seq: 0, first: None, start: plan.origin.start(None) },
            now: Micros::MIN,
            taken: Vec::new(),
            tails: Vec::new(),
            open_end: false,
            report: Report::default(),
        }
    }

    /// Hands all lines on. Where it fails, [`Engine::finish`] still ends the truth.
    ///
    /// # Errors
    /// Where reading or writing fails.
    pub(super) fn run(&mut self, reader: &mut LineReader) -> Result<()> {
        while let Some(chunk) = reader.next_chunk()? {
            match chunk {
                // Behind the start it would no longer be one, but part of a line.
                Chunk::ByteOrderMark(mark) if self.report.lines_out == 0 => self.out.put(mark)?,
                Chunk::ByteOrderMark(_) => {}
                Chunk::Lines { first_seq, bytes } => {
                    let mut at = 0;
                    let mut next_seq = first_seq;
                    for line in chunk.lines() {
                        next_seq = line.seq + 1;
                        let range = at..at + line.text.len() + line.end.len();
                        at = range.end;
                        self.line(line, range);
                        if self.block.made_bytes() >= MADE_BYTES {
                            self.write(bytes)?;
                        }
                    }
                    self.write(bytes)?;
                    reader.counted(next_seq - first_seq);
                }
                Chunk::Overlong { seq, piece, length, last } => {
                    if length == piece.len() as u64 {
                        self.report.overlong += 1;
                        self.begin_line();
                    }
                    self.block.made(piece);
                    if last {
                        self.open_end = !piece.ends_with(b"\n");
                        self.release_behind(seq);
                    }
                    self.write(&[])?;
                }
            }
        }
        while let Some(line) = self.held.last() {
            self.write_held(&line);
            if self.block.made_bytes() >= MADE_BYTES {
                self.write(&[])?;
            }
        }
        self.write(&[])
    }

    /// Ends truth and output, in this order, and says what was done.
    ///
    /// # Errors
    /// Where one of them cannot be written.
    pub(super) fn finish(mut self, reader: &LineReader, complete: bool) -> Result<Report> {
        self.report.lines_in = reader.lines_read();
        self.report.unclosed_arrays = reader.unclosed_arrays();
        self.report.early = self.held.early();
        self.report.labelled = self.label.as_ref().map(|label| label.written);
        self.report.enter(&self.effects);
        if let Some(truth) = self.truth.take() {
            truth.finish(&self.report.summary(complete))?;
        }
        if complete {
            self.out.finish()?;
        }
        Ok(self.report)
    }

    /// Takes up a line, which stands at `range` of the chunk in work.
    #[inline]
    fn line(&mut self, line: Line<'_>, range: Range<usize>) {
        self.taken.clear();
        for (number, active) in self.effects.iter_mut().enumerate() {
            if active.pick.takes(line.seq) {
                self.taken.push(number);
            }
        }
        let looks = !self.taken.is_empty() || self.wants.clock || self.wants.start && self.place.first.is_none();
        if !looks || self.load(line).is_none() {
            self.pass(line, range);
        } else {
            self.shape(line, range);
        }
        self.release_behind(line.seq);
    }

    /// Hands a line on as it was read.
    #[inline]
    fn pass(&mut self, line: Line<'_>, range: Range<usize>) {
        self.begin_line();
        self.block.input(range);
        self.open_end = line.end.is_empty();
    }

    /// Looks at a line; `None` where it is no event.
    fn load(&mut self, line: Line<'_>) -> Option<()> {
        self.place.seq = line.seq;
        if self.event.load(line.text, &mut self.scanner).is_err() {
            self.report.not_objects += u64::from(!self.taken.is_empty());
            return None;
        }
        if self.wants.start
            && self.place.first.is_none()
            && let Some(at) = self.event.timestamp()
        {
            self.place.first = Some(at);
            self.place.start = self.origin.start(Some(at));
        }
        let (effects, event) = (&mut self.effects, &self.event);
        self.taken.retain(|number| effects[*number].admits(event));
        Some(())
    }

    /// Lets the effects that take the event in work act on it, and gives it its place.
    fn shape(&mut self, line: Line<'_>, range: Range<usize>) {
        let taken = std::mem::take(&mut self.taken);
        let stream = taken.partition_point(|number| self.effects[*number].kind.phase < Phase::Stream);
        let bytes = taken.partition_point(|number| self.effects[*number].kind.phase < Phase::Bytes);
        let mut journey = Journey::default();
        let mut stays = self.act(&taken[..stream], &mut journey);
        let at = if self.wants.clock { self.event.timestamp() } else { None };
        if let Some(at) = at {
            self.now = self.now.max(at);
            while let Some(line) = self.held.due(self.now) {
                self.hold(line, None);
            }
        }
        stays = stays && self.act(&taken[stream..bytes], &mut journey);
        if stays {
            let expect = self.break_up(&taken[bytes..]);
            if self.event.names().is_empty() && journey.again.is_none() {
                self.pass(line, range);
            } else {
                self.send(line, range, expect, at, &journey);
            }
        } else if let Some(truth) = &mut self.truth {
            self.tails.clear();
            write_tails(&self.event, line.seq, Expect::Absent, self.shard, &mut self.tails);
            truth.add(None, &self.tails);
        }
        self.taken = taken;
    }

    /// Lets effects act up to the stream's; `false` where the event is gone.
    fn act(&mut self, taken: &[usize], journey: &mut Journey) -> bool {
        for number in taken {
            let active = &mut self.effects[*number];
            match active.apply(&mut self.event, &self.place) {
                Verdict::Passed | Verdict::Kept | Verdict::Changed(_) => {}
                Verdict::Gone => return false,
                Verdict::Late(delay) => journey.late = Some(delay),
                Verdict::Behind(lines) => journey.behind = lines,
                Verdict::Again(again) => {
                    journey.again = Some(again);
                    self.copy.copy(&self.event);
                    active.make_copy(&mut self.copy, &self.place);
                    if let Some(label) = &mut self.label {
                        label.write(&mut self.copy, &[], u64::from(again.copies));
                    }
                }
            }
        }
        true
    }

    /// Labels the event, and lets the effects act that may leave no event; gives what a right server makes of the line.
    fn break_up(&mut self, taken: &[usize]) -> Expect {
        if let Some(label) = &mut self.label {
            // What is to come is tried out: behind it there may be no object any more to write a label into.
            let mut coming = Vec::new();
            if !taken.is_empty() {
                let mut trial = self.event.sibling();
                trial.copy(&self.event);
                coming.extend(taken.iter().filter_map(|number| self.effects[*number].attempt(&mut trial, &self.place)));
            }
            label.write(&mut self.event, &coming, 1);
        }
        let mut expect = Expect::Accepted;
        for number in taken {
            if self.effects[*number].apply(&mut self.event, &self.place) == Verdict::Changed(Expect::Rejected) {
                expect = Expect::Rejected;
            }
        }
        expect
    }

    /// Gives the event, and its copies where it is sent again, their places.
    fn send(&mut self, line: Line<'_>, range: Range<usize>, expect: Expect, at: Option<Micros>, journey: &Journey) {
        let at = at.unwrap_or(self.now);
        let due = journey.late.map(|delay| at.saturating_add(delay));
        if self.event.names().is_empty() {
            self.pass(line, range);
        } else {
            self.dispatch(line, false, expect, due, journey.behind);
        }
        let Some(again) = journey.again else { return };
        for number in 1..=again.copies {
            let expect = match expect {
                _ if self.copy.id().is_none() => Expect::Accepted,
                Expect::Rejected if number == 1 => Expect::Accepted,
                _ => Expect::Duplicate,
            };
            if again.delay > 0 {
                let due = at.saturating_add(again.delay.saturating_mul(i64::from(number)));
                self.dispatch(line, true, expect, Some(due), 0);
            } else {
                // Without a delay of its own a copy follows its original, wherever that goes.
                self.dispatch(line, true, expect, due, journey.behind);
            }
        }
    }

    /// Writes the event in work, or its copy; or holds it back until `due`, and then behind so many lines.
    fn dispatch(&mut self, line: Line<'_>, copy: bool, expect: Expect, due: Option<Micros>, behind: u64) {
        let event = if copy { &self.copy } else { &self.event };
        self.tails.clear();
        if self.truth.is_some() {
            write_tails(event, line.seq, expect, self.shard, &mut self.tails);
        }
        if due.is_some() || behind > 0 {
            let bytes = [event.text(), line.end].concat();
            let held = held::Line { bytes, tails: self.tails.clone(), behind };
            return self.hold(held, due);
        }
        begin_line(&mut self.report.lines_out, &mut self.open_end, &mut self.block);
        self.block.made(event.text());
        self.block.made(line.end);
        self.open_end = line.end.is_empty();
        if let Some(truth) = &mut self.truth {
            truth.add(Some(self.report.lines_out), &self.tails);
        }
    }

    /// Holds a line back: until `due`, or behind so many lines as it says, or not at all.
    fn hold(&mut self, mut line: held::Line, due: Option<Micros>) {
        match (due, std::mem::take(&mut line.behind)) {
            (Some(due), behind) => self.held.until(due, held::Line { behind, ..line }),
            (None, 0) => self.write_held(&line),
            (None, behind) => self.held.behind(self.place.seq + behind, line),
        }
        while let Some(line) = self.held.excess() {
            self.write_held(&line);
        }
    }

    /// Lets the lines go that waited for this line of the input.
    #[inline]
    fn release_behind(&mut self, seq: u64) {
        while let Some(line) = self.held.next_behind(seq) {
            self.write_held(&line);
        }
    }

    fn write_held(&mut self, line: &held::Line) {
        self.begin_line();
        self.block.made(&line.bytes);
        self.open_end = !line.bytes.ends_with(b"\n");
        if let Some(truth) = &mut self.truth {
            truth.add(Some(self.report.lines_out), &line.tails);
        }
    }

    #[inline]
    fn begin_line(&mut self) {
        begin_line(&mut self.report.lines_out, &mut self.open_end, &mut self.block);
    }

    /// Writes what is ready, then the truth about it.
    fn write(&mut self, chunk: &[u8]) -> Result<()> {
        self.block.write(chunk, &mut self.out)?;
        self.truth.as_mut().map_or(Ok(()), TruthFile::flush)
    }
}

/// Counts a line of the output; one before it that has no terminator gets one.
#[inline]
fn begin_line(lines_out: &mut u64, open_end: &mut bool, block: &mut Block) {
    *lines_out += 1;
    if std::mem::take(open_end) {
        block.made(b"\n");
    }
}

fn write_tails(event: &Event, source_seq: u64, expect: Expect, shard: Option<Shard>, tails: &mut Vec<u8>) {
    if let Some(trail) = event.trail() {
        trail.write(&About { source_seq, id: event.id(), expect, shard }, tails);
    }
}
