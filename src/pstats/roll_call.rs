//! Decides which of the named files to read. Several files may hold the same part of a run: of files with the same bytes one is
//! read, and of different attempts at a part the one that `--attempts` chooses.
//!
//! Looks only at the end of regular files, and only at parts of runs with an id. Everything else is found while reading, when a
//! part that was counted can no longer be taken back.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::hash::Hasher;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use memchr::memchr;
use xxhash_rust::xxh3::Xxh3;

use super::config::Attempts;
use super::parts::{Fate, Name, Only, Parts, Segment};
use super::state::{Tail, tail};
use crate::record::outcome::RunRecord;

/// How many bytes of the end of a file are read. A run record or the names of a part take less.
const TAIL: u64 = 16 << 10;

/// How many bytes of a whole file are read at once.
const BLOCK: usize = 256 << 10;

/// How a run record begins.
const RUN_RECORD: &[u8] = b"{\"run\":";

/// A file that holds one part.
struct OnePart {
    path: PathBuf,
    parts: Parts,
    /// Sorts attempts by their number, then by the end of psend's run. `None` if neither is known.
    order: Option<(u64, String)>,
    holds: Holds,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    Outcomes,
    /// A state with this many lines.
    State(u64),
}

/// Returns the files to read, and the parts in the files that are not read.
pub(super) fn call(files: &[PathBuf], attempts: Option<Attempts>) -> (Vec<PathBuf>, Parts) {
    let mut unread = Parts::default();
    if files.len() < 2 {
        return (files.to_vec(), unread);
    }
    let found: Vec<Option<OnePart>> = files.iter().map(|file| one_part(file)).collect();
    let mut by_name: BTreeMap<&Name, Vec<usize>> = BTreeMap::new();
    for (place, part) in found.iter().enumerate() {
        if let Some(part) = part {
            by_name.entry(part.only().name).or_default().push(place);
        }
    }
    let mut dropped = BTreeSet::new();
    for places in by_name.into_values().filter(|places| places.len() > 1) {
        let same_part = places.into_iter().filter_map(|place| Some((place, found[place].as_ref()?)));
        // Reading the whole file is slow, so only files that share a name are read.
        let alone = same_part.filter(|(_, part)| part.is_alone()).collect();
        let (copies, mut different) = split_copies(alone);
        for (place, part) in copies {
            unread.leave_out(&part.parts, None);
            dropped.insert(place);
        }
        let Some(attempts) = attempts else { continue };
        for (place, part) in passed_over(&mut different, attempts) {
            unread.leave_out(&part.parts, Some(Fate::PassedOver));
            dropped.insert(*place);
        }
    }
    let read = files.iter().enumerate().filter(|(place, _)| !dropped.contains(place)).map(|(_, file)| file.clone());
    (read.collect(), unread)
}

/// A file, by its place among the files that were named.
type Placed<'a> = (usize, &'a OnePart);

/// Splits files of one part into those that repeat an earlier one, and those that differ.
fn split_copies(files: Vec<Placed<'_>>) -> (Vec<Placed<'_>>, Vec<Placed<'_>>) {
    let mut copies = Vec::new();
    let mut different: Vec<Placed<'_>> = Vec::new();
    for (place, part) in files {
        let is_copy = different.iter().any(|(_, known)| same_content(known, part));
        if is_copy { &mut copies } else { &mut different }.push((place, part));
    }
    (copies, different)
}

/// Sorts different attempts at one part, and returns those that were not chosen. Returns none if their order is not known, or if
/// some are runs of psend that continue each other.
fn passed_over<'a, 'b>(different: &'a mut [Placed<'b>], attempts: Attempts) -> &'a [Placed<'b>] {
    let roots: BTreeSet<u64> = different.iter().map(|(_, part)| part.only().root).collect();
    if different.is_empty() || roots.len() < different.len() {
        return &[];
    }
    different.sort_by(|(_, one), (_, other)| one.order.cmp(&other.order));
    let is_ordered = different.windows(2).all(|pair| pair[0].1.order.is_some() && pair[0].1.order != pair[1].1.order);
    match attempts {
        _ if !is_ordered => &[],
        Attempts::First => &different[1..],
        Attempts::Last => &different[..different.len() - 1],
    }
}

/// The part that a file holds, if its end names just one of a run with an id.
fn one_part(path: &Path) -> Option<OnePart> {
    if path.as_os_str() == "-" || !std::fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let mut file = File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL))).ok()?;
    let mut end = Vec::new();
    file.take(TAIL).read_to_end(&mut end).ok()?;
    let (parts, holds, at) = match tail(&end) {
        Some(Tail { lines, parts }) => (parts, Holds::State(lines), None),
        None => {
            let last = end.trim_ascii_end().rsplit(|byte| *byte == b'\n').next()?;
            let run = RunRecord::read(last)?;
            let mut parts = Parts::default();
            parts.sent(&run, Segment::New);
            (parts, Holds::Outcomes, Some(run.ended_at))
        }
    };
    let Only { attempt, .. } = parts.only()?;
    let order = match (attempt, at) {
        (Some(attempt), at) => Some((attempt, at.unwrap_or_default())),
        (None, Some(at)) => Some((0, at)),
        (None, None) => None,
    };
    Some(OnePart { path: path.to_owned(), parts, order, holds })
}

impl OnePart {
    fn only(&self) -> Only<'_> {
        self.parts.only().expect("it is one part")
    }

    /// Whether the file holds nothing else. Holds only the beginning of a line in memory, however long the line is.
    fn is_alone(&self) -> bool {
        let Ok(file) = File::open(&self.path) else { return false };
        let mut reader = BufReader::with_capacity(BLOCK, file);
        let mut lines = 0u64;
        let mut line = Vec::new();
        loop {
            line.clear();
            match (&mut reader).take(TAIL).read_until(b'\n', &mut line) {
                Ok(0) => break,
                Ok(_) => lines += 1,
                Err(_) => return false,
            }
            let is_record = self.holds == Holds::Outcomes && line.starts_with(RUN_RECORD);
            if is_record && !RunRecord::read(line.trim_ascii_end()).is_some_and(|run| self.only().name.is_of(&run)) {
                return false;
            }
            if line.last() != Some(&b'\n') && skip_line(&mut reader).is_err() {
                return false;
            }
        }
        match self.holds {
            Holds::Outcomes => true,
            Holds::State(all) => lines == all,
        }
    }

    /// The hash of the file.
    fn hash(&self) -> Option<u64> {
        let mut reader = BufReader::with_capacity(BLOCK, File::open(&self.path).ok()?);
        let mut hash = Xxh3::new();
        loop {
            let read = reader.fill_buf().ok()?.len();
            if read == 0 {
                return Some(hash.finish());
            }
            hash.write(reader.buffer());
            reader.consume(read);
        }
    }
}

/// Reads to the end of the line.
fn skip_line(reader: &mut impl BufRead) -> io::Result<()> {
    loop {
        let bytes = reader.fill_buf()?;
        let (length, is_done) = match memchr(b'\n', bytes) {
            Some(at) => (at + 1, true),
            None => (bytes.len(), bytes.is_empty()),
        };
        reader.consume(length);
        if is_done {
            return Ok(());
        }
    }
}

/// Whether two files hold the same part with the same content. States are compared by what was counted, because a state also holds
/// the name of its input and the number of the attempt.
fn same_content(one: &OnePart, other: &OnePart) -> bool {
    let is_same = one.holds == other.holds && one.only().content == other.only().content;
    is_same && (one.holds != Holds::Outcomes || one.hash().is_some_and(|hash| Some(hash) == other.hash()))
}
