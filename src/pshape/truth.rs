//! The truth file: each injected fault as one line, in the order of the lines written (contracts §4).

use std::path::Path;

use crate::cli::Stop;
use crate::cli::output::Output;
use crate::cli::part_of_run::PartOfRun;
use crate::clock::Micros;
use crate::error::Result;
use crate::jsonl::lines;
use crate::jsonl::scan::Scanner;
use crate::record::truth::{Expect, Faults, FaultyEvent, TruthSummary};

use super::event::EditableEvent;

/// What truth says about one line, except its place in the output.
#[derive(Debug, Clone)]
pub(super) struct Account {
    /// The line in the input.
    pub source_seq: u64,
    /// Its faults.
    pub faults: Faults,
    /// How a correct server answers the line.
    pub expect: Expect,
    /// Its only fault for which it is refused is a byte order mark at its start, which a server may ignore (RFC 8259).
    pub is_marked: bool,
    /// It has the id of its source line.
    pub is_copy: bool,
}

impl Account {
    /// For no line yet.
    pub(super) fn new() -> Self {
        Self { source_seq: 0, faults: Faults::default(), expect: Expect::Accepted, is_marked: false, is_copy: false }
    }

    /// Adds the faults of an event, if its edit log is kept.
    pub(super) fn enter(&mut self, event: &EditableEvent, source_seq: u64) {
        self.source_seq = source_seq;
        self.faults.clear();
        if let Some(log) = event.log() {
            log.write(source_seq, event.id(), &mut self.faults);
        }
    }

    /// Becomes that of a line that was left out, of which no more is said.
    pub(super) fn withhold(&mut self, source_seq: u64) {
        *self = Self { source_seq, expect: Expect::Absent, ..Self::new() };
        let event = FaultyEvent { source_seq, event_id: None, at: None };
        self.faults.add(event, "withheld", std::iter::empty(), None, &[]);
    }
}

/// Writes truth. Entries reach the file after the block of events that they describe has been written.
pub(super) struct TruthFile {
    out: Output,
    buffer: Vec<u8>,
    part: PartOfRun,
    seed: u64,
    /// The output begins with a byte order mark that is not a fault.
    begins_with_mark: bool,
    /// The earliest and the latest time of an event that was seen.
    times: Option<(Micros, Micros)>,
    /// The source of a first line that is accepted because its mark counts as the stream's.
    unmarked: Option<u64>,
}

/// How many bytes are gathered before they are written.
const BLOCK: usize = 64 << 10;

impl TruthFile {
    /// Opens the truth file at this path. After a signal, it does not wait for a FIFO.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn create_until(path: &Path, part: &PartOfRun, seed: u64, stop: &Stop) -> Result<Self> {
        let out = Output::open_until(Some(path), stop)?;
        Ok(Self {
            out,
            buffer: Vec::new(),
            part: part.clone(),
            seed,
            begins_with_mark: false,
            times: None,
            unmarked: None,
        })
    }

    /// The output begins with a byte order mark that belongs to no line.
    pub(super) fn begin_with_mark(&mut self) {
        self.begins_with_mark = true;
    }

    /// Notes the time of an event, shaped or not.
    #[inline]
    pub(super) fn note(&mut self, at: Micros) {
        self.times = Some(self.times.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
    }

    /// Notes the times of the first and the last of these lines, which pass as they are. `event` and `scanner` are for reading them.
    pub(super) fn note_ends(&mut self, passed: &[u8], event: &mut EditableEvent, scanner: &mut Scanner) {
        let last = passed.trim_ascii_end().iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        for line in lines(0, passed).take(1).chain(lines(0, &passed[last..]).take(1)) {
            if event.load(line.text, scanner).is_ok() {
                event.timestamp().into_iter().for_each(|at| self.note(at));
            }
        }
    }

    /// Adds the faults of one line, and the line's number in the output.
    pub(super) fn add(&mut self, seq: Option<u64>, account: &Account) {
        if account.faults.is_empty() {
            return;
        }
        let expect = self.expect(seq, account);
        account.faults.write(seq, expect, self.part.shard, &mut self.buffer);
    }

    /// How a correct server answers a line at this place. At the start of the output, readers take a byte order mark for the
    /// stream's, so the line is accepted, and all copies of it are duplicates.
    fn expect(&mut self, seq: Option<u64>, account: &Account) -> Expect {
        if account.is_copy && self.unmarked == Some(account.source_seq) {
            return Expect::Duplicate;
        }
        if account.is_marked && seq == Some(1) && !self.begins_with_mark {
            self.unmarked = Some(account.source_seq);
            return Expect::Accepted;
        }
        account.expect
    }

    /// Writes what was added. Call it after the lines have been written.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn flush(&mut self) -> Result<()> {
        if self.buffer.len() >= BLOCK { self.write() } else { Ok(()) }
    }

    /// Ends the file with the summary, and renames it to its final name.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn finish(mut self, summary: TruthSummary) -> Result<()> {
        summary.between(self.times).of(&self.part, self.seed).write(&mut self.buffer);
        self.write()?;
        self.out.finish()
    }

    fn write(&mut self) -> Result<()> {
        self.out.put(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}
