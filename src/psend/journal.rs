//! The journal records on disk which events are done, so that a run that was cut off can be resumed (`--journal`, `--resume`).
//!
//! The first line names the run that began the journal, and how far it may have sent events. Each further line is an event whose outcome
//! was written: its number and the hash of its line. The set of done events takes little memory: consecutive numbers are one range,
//! and their hashes are one sum.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

use crate::cli::files::lock;
use crate::cli::output::Output;
use crate::error::{At, Error, Place, Result};
use crate::seed::mix;

/// The beginning of every journal.
const MAGIC: &str = "pulsepipe journal ";
/// The version of the format that this psend writes and reads.
const VERSION: &str = "2";
/// The number of digits in the first line, which is overwritten in place.
const DIGITS: usize = 20;

/// The hash of a line. A line that is too long to be held is represented by its length.
pub(super) fn hash(line: &[u8], length: u64) -> u64 {
    if line.is_empty() { mix(length) } else { xxh3_64(line) }
}

/// Appends the entry of a line.
pub(super) fn write(seq: u64, hash: u64, out: &mut Vec<u8>) {
    // Writing to a Vec cannot fail.
    let _ = writeln!(out, "{seq} {hash:016x}");
}

/// The run that a journal belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct JournalOwner {
    /// The id of the run that began it.
    pub run: String,
    /// The job of that run: `send` or `verify`.
    pub job: String,
    /// The URL that events were sent to.
    pub target: String,
}

/// The first line of a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Header {
    origin: JournalOwner,
    /// Earlier runs sent no line after this one. They may have sent any line before it that is not done.
    begun: u64,
}

impl Header {
    /// The text before the number that is overwritten.
    fn before_begun(run: &str) -> String {
        format!("{MAGIC}{VERSION} run {run} begun ")
    }

    fn write(&self) -> String {
        let JournalOwner { run, job, target } = &self.origin;
        format!("{}{:0DIGITS$} {job} {target}\n", Self::before_begun(run), self.begun)
    }

    /// Reads a complete first line. Returns `None` if it is not one.
    fn parse(line: &[u8]) -> Option<Self> {
        let line = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
        let mut words = line.strip_prefix(MAGIC)?.splitn(7, ' ');
        let mut next = || words.next();
        let (version, run_word, run, begun_word, begun) = (next()?, next()?, next()?, next()?, next()?);
        let (job, target) = (next()?, next()?);
        if (version, run_word, begun_word, begun.len()) != (VERSION, "run", "begun", DIGITS) {
            return None;
        }
        let origin = JournalOwner { run: run.to_owned(), job: job.to_owned(), target: target.to_owned() };
        Some(Self { origin, begun: digits(begun)? })
    }
}

/// A number that consists only of digits.
fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// A journal, locked for this run.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    place: Place,
    this: JournalOwner,
    /// The first line, or `None` in a new journal.
    found: Option<Header>,
    done: Done,
    /// The bytes of complete lines.
    whole: u64,
}

impl Journal {
    /// Opens the journal at this path for this run, locks it, and reads it. Writes nothing yet. With `resume` it may contain an earlier
    /// run. A last line that was cut off is ignored.
    ///
    /// # Errors
    /// If it cannot be read, another run has locked it, it is not a journal of this version, or it contains an earlier run although
    /// `resume` is not set or that run had another job.
    pub(super) fn open(path: &Path, resume: bool, this: JournalOwner) -> Result<Self> {
        let place = Place::of(path);
        if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
            return Err(Error::usage(format!("--journal {place}: expected a regular file, which can be read back")));
        }
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).at(&place)?;
        lock(&file, &place)?;
        let begun = file.metadata().at(&place)?.len() > 0;
        if begun && !resume {
            return Err(Error::usage(format!(
                "--journal {place}: it contains an earlier run; add --resume to continue that run, or remove {place}"
            )));
        }
        let mut journal = Self { file, place, this, found: None, done: Done::default(), whole: 0 };
        journal.read()?;
        let (Self { this, place, .. }, found) = (&journal, &journal.found);
        if let Some(Header { origin, .. }) = found.as_ref().filter(|header| header.origin.job != this.job) {
            return Err(Error::usage(format!(
                "--journal {place}: its run was to {}, but this one is to {}; name another journal",
                origin.job, this.job
            )));
        }
        Ok(journal)
    }

    fn read(&mut self) -> Result<()> {
        let mut reader = BufReader::new(&self.file);
        let mut line = Vec::new();
        let mut number = 0u64;
        while reader.read_until(b'\n', &mut line).at(&self.place)? > 0 {
            number += 1;
            let is_whole = line.last() == Some(&b'\n');
            let is_known = match number {
                1 if is_whole => {
                    self.found = Header::parse(&line);
                    self.found.is_some()
                }
                // The first line was cut off. Nothing was sent before it was on disk.
                1 => is_begun_header(&line),
                _ => !is_whole || self.done.insert_entry(&line),
            };
            if !is_known {
                return Err(self.wrong(number, &line));
            }
            self.whole += if is_whole { line.len() as u64 } else { 0 };
            line.clear();
        }
        Ok(())
    }

    fn wrong(&self, number: u64, line: &[u8]) -> Error {
        let place = &self.place;
        let version = line.strip_prefix(MAGIC.as_bytes()).and_then(|rest| rest.split(|byte| *byte == b' ').next());
        match version.map(|version| String::from_utf8_lossy(version).trim().to_owned()) {
            Some(version) if number == 1 && version != VERSION => Error::usage(format!(
                "--journal {place}: it has form {version}, and this psend reads form {VERSION}: resume with the psend that \
                 wrote it, or remove {place}"
            )),
            _ => Error::usage(format!(
                "--journal {place}: line {number} was not written by psend: the file is damaged or is not a journal"
            )),
        }
    }

    /// The id of the run that began it, if that was not this one.
    pub(super) fn resumes(&self) -> Option<&str> {
        self.found.as_ref().map(|header| header.origin.run.as_str())
    }

    /// The target of the run that began it, if it is another one and lines are done there.
    pub(super) fn other_target(&self) -> Option<&str> {
        let target = &self.found.as_ref()?.origin.target;
        (*target != self.this.target && !self.done.is_empty()).then_some(target)
    }

    /// Starts writing after the last complete line. The mark of what may have been sent runs ahead by fewer events than `at_once`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn begin(self, at_once: u64) -> Result<(Resume, Begun, Entries)> {
        let Self { mut file, place, this, found, done, whole } = self;
        file.set_len(whole).at(&place)?;
        file.seek(SeekFrom::Start(whole)).at(&place)?;
        let header = match found {
            Some(header) => header,
            None => {
                let header = Header { origin: this, begun: 0 };
                file.write_all(header.write().as_bytes()).at(&place)?;
                file.sync_data().at(&place)?;
                header
            }
        };
        let begun = Begun {
            file: file.try_clone().at(&place)?,
            offset: Header::before_begun(&header.origin.run).len() as u64,
            at_once,
            before: header.begun,
            marked: Cell::new(header.begun),
        };
        let resume = Resume { place: place.clone(), done, sum: 0, begun: header.begun };
        Ok((resume, begun, Entries(Output::of_file(file, place))))
    }
}

/// Whether this is the beginning of a first line.
fn is_begun_header(text: &[u8]) -> bool {
    let magic = format!("{MAGIC}{VERSION} ");
    let shared = text.len().min(magic.len());
    text[..shared] == magic.as_bytes()[..shared]
}

/// Writes the entries of events that end.
#[derive(Debug)]
pub(super) struct Entries(Output);

impl Entries {
    /// Writes entries, and waits until they are on disk.
    ///
    /// # Errors
    /// If they cannot be written.
    pub(super) fn put(&mut self, entries: &[u8]) -> Result<()> {
        self.0.put(entries)?;
        self.0.sync()
    }

    /// The same entries, on a disk with room for this many more bytes.
    #[cfg(test)]
    pub(super) fn with_room(self, room: usize) -> Self {
        Self(self.0.with_room(room))
    }
}

/// How far events may have been sent, kept in the journal's first line.
///
/// It is written before events are sent, without waiting for the disk: what the system has accepted survives the process. It runs
/// ahead by as many events as can be in flight, so few events cost a write.
#[derive(Debug)]
pub(super) struct Begun {
    file: File,
    offset: u64,
    at_once: u64,
    before: u64,
    marked: Cell<u64>,
}

impl Begun {
    /// The event on this line may be sent from now on.
    pub(super) fn mark(&self, seq: u64) {
        if seq > self.marked.get() {
            self.write(seq.saturating_add(self.at_once.saturating_sub(1)));
        }
    }

    /// All events that this run sent have their outcomes in the journal.
    pub(super) fn settle(&self) {
        self.write(self.before);
    }

    fn write(&self, seq: u64) {
        self.marked.set(seq);
        // If the disk refuses this, it refuses the entries too, which ends the run with a message.
        let _ = self.file.write_all_at(format!("{seq:0DIGITS$}").as_bytes(), self.offset);
    }
}

/// Lines that are done.
#[derive(Debug, Default, Clone)]
pub(super) struct Done {
    /// From the first number to the last number and the sum of [`share`] over the range.
    ranges: BTreeMap<u64, (u64, u64)>,
}

/// What a line adds to the sum of its range. Another line or another order gives another sum.
fn share(seq: u64, hash: u64) -> u64 {
    mix(hash ^ mix(seq))
}

impl Done {
    fn insert_entry(&mut self, line: &[u8]) -> bool {
        const HASH_DIGITS: usize = 16;
        let entry = std::str::from_utf8(line).ok().and_then(|text| {
            let (seq, hash) = text.strip_suffix('\n')?.split_once(' ')?;
            let is_hash = hash.len() == HASH_DIGITS && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
            Some((digits(seq)?, u64::from_str_radix(hash, 16).ok().filter(|_| is_hash)?))
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

    fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }
}

/// Goes through an input and tells which lines are done. Checks that it is the input of the journal.
#[derive(Debug)]
pub(super) struct Resume {
    place: Place,
    done: Done,
    sum: u64,
    begun: u64,
}

impl Resume {
    /// Whether an earlier run may have sent this line, which is not done.
    pub(super) fn may_have_been_sent(&self, seq: u64) -> bool {
        seq <= self.begun
    }

    fn another_input(&self, what: &str) -> Error {
        Error::failed(format!(
            "--resume: {what} of which {0} tells: give the input of that run, or remove {0} to send all of this one",
            self.place
        ))
    }

    /// Whether this line is done. Call it for the lines in order, without the blank ones.
    ///
    /// # Errors
    /// If the lines up to here are not those of the journal.
    pub(super) fn is_done(&mut self, seq: u64, hash: u64) -> Result<bool> {
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

    /// Whether the journal contains this line.
    pub(super) fn tells_of(&self, seq: u64) -> bool {
        self.done.contains(seq)
    }

    /// Whether all lines of the journal have been seen.
    pub(super) fn is_over(&self) -> bool {
        self.done.is_empty()
    }

    /// Checks that the input had all lines of the journal.
    ///
    /// # Errors
    /// If it ended earlier.
    pub(super) fn finish(&self) -> Result<()> {
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

    fn origin(run: &str) -> JournalOwner {
        JournalOwner { run: run.to_owned(), job: "send".to_owned(), target: "http://localhost:8000".to_owned() }
    }

    fn resume(done: Done) -> Resume {
        Resume { place: Place::Stdin, done, sum: 0, begun: 0 }
    }

    #[test]
    fn a_journal_is_read_back_without_the_line_that_was_cut_off() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal");
        let new = Journal::open(&path, false, origin("r1")).expect("a missing journal is a new one");
        assert!(new.done.is_empty() && new.resumes().is_none());
        let (_, begun, mut entries) = new.begin(4).expect("written");
        begun.mark(7);
        let mut text = Vec::new();
        for seq in [3, 1, 2, 7, 2] {
            write(seq, seq * 10, &mut text);
        }
        text.extend_from_slice(b"8 00");
        entries.put(&text).expect("written");
        drop((begun, entries));
        assert!(Journal::open(&path, false, origin("r2")).is_err(), "it tells of a run");
        let again = Journal::open(&path, true, origin("r2")).expect("a journal");
        let ranges: Vec<_> = again.done.ranges.iter().map(|(first, (last, _))| (*first, *last)).collect();
        assert_eq!((ranges, again.resumes()), (vec![(1, 3), (7, 7)], Some("r1")));
        let (resume, begun, entries) = again.begin(4).expect("written");
        assert!(resume.may_have_been_sent(10) && !resume.may_have_been_sent(11));
        begun.mark(20);
        begun.settle();
        drop((begun, entries));
        let text = std::fs::read_to_string(&path).expect("text");
        assert!(text.starts_with("pulsepipe journal 2 run r1 begun 00000000000000000010 send http://"), "{text}");
        assert!(text.ends_with("\n2 0000000000000014\n"), "{text}");
    }

    #[test]
    fn a_journal_that_two_runs_open_is_held_by_the_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal");
        let held = Journal::open(&path, true, origin("r1")).expect("new");
        let error = Journal::open(&path, true, origin("r1")).expect_err("it is held");
        assert!(error.to_string().contains("another process is writing to it"), "{error}");
        drop(held);
        Journal::open(&path, true, origin("r1")).expect("it was let go");
    }

    #[test]
    fn what_is_not_a_journal_is_refused_and_left_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal");
        let header = Header { origin: origin("r1"), begun: 0 }.write();
        for text in [
            "{\"seq\":1}\n",
            "my notes",
            "\0\0\0\0",
            "pulsepipe journal 1\n1 000000000000000a\n",
            "pulsepipe journal 2\n1 000000000000000a\n",
            &format!("{header}1 a\n"),
            &format!("{header}+1 000000000000000a\n"),
            &format!("{header}1 000000000000000a\n\0\0\0\n2 000000000000000a\n"),
            &format!("{header}{header}"),
            "1 000000000000000a\n",
        ] {
            std::fs::write(&path, text).expect("written");
            let error = Journal::open(&path, true, origin("r1")).expect_err(text);
            assert!(error.to_string().starts_with(&format!("--journal {}: ", path.display())), "{error}");
            assert_eq!(std::fs::read_to_string(&path).expect("read"), text);
        }
    }

    #[test]
    fn a_first_line_that_was_cut_off_is_written_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal");
        let header = Header { origin: origin("r1"), begun: 0 }.write();
        for length in 0..header.len() {
            std::fs::write(&path, &header[..length]).expect("written");
            let journal = Journal::open(&path, true, origin("r1")).expect("it can be repaired");
            let (_, _, mut entries) = journal.begin(1).expect("written");
            entries.put(b"1 000000000000000a\n").expect("written");
            let text = std::fs::read_to_string(&path).expect("read");
            assert_eq!(text, format!("{header}1 000000000000000a\n"), "{length}");
        }
    }

    #[test]
    fn the_mark_runs_ahead_by_what_can_be_in_flight_and_no_more() {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = Journal::open(&folder.path().join("journal"), false, origin("r1")).expect("new");
        let (_, begun, _entries) = journal.begin(10).expect("written");
        let marks: Vec<u64> = [1, 2, 10, 11, 25, 26]
            .map(|seq| {
                begun.mark(seq);
                begun.marked.get()
            })
            .into();
        assert_eq!(marks, [10, 10, 10, 20, 34, 34]);
    }

    #[test]
    fn another_input_than_the_journals_is_noticed() {
        let mut done = Done::default();
        for seq in 1..=3 {
            done.insert(seq, seq);
        }
        let mut whole = resume(done.clone());
        assert!(whole.is_done(1, 1).is_ok_and(|done| done));
        assert!(whole.is_done(2, 99).is_ok());
        assert!(whole.is_done(3, 3).is_err());
        let mut short = resume(done);
        assert!(short.is_done(1, 1).is_ok() && short.finish().is_err());
    }

    proptest! {
        #[test]
        fn exactly_the_lines_in_the_journal_are_done(done in prop::collection::hash_set(1u64..200, 0..150)) {
            let mut set = Done::default();
            for seq in &done {
                set.insert(*seq, seq * 7);
            }
            let mut resume = resume(set);
            for seq in 1..200 {
                prop_assert_eq!(resume.is_done(seq, seq * 7).expect("the same input"), done.contains(&seq));
            }
            prop_assert!(resume.finish().is_ok());
        }
    }
}
