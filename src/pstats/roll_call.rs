//! Calls the roll of named files before they are read: each that holds one part, and says so at its end. Of files with the same
//! bytes one is read; of several attempts at a part, the one that `--attempts` asks for.
//!
//! Only regular files are asked, and only about named parts. Whatever cannot be told here is found while reading, where a part
//! that was counted cannot be taken back.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::hash::Hasher;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3;

use super::config::Attempts;
use super::parts::{Fate, Name, Only, Parts, Segment};
use super::state::{Tail, tail};
use crate::record::outcome::RunRecord;

/// So much of the end of a file is read. A run record or the names of a part take less.
const TAIL: u64 = 16 << 10;

/// A file that holds one part.
struct OnePart {
    path: PathBuf,
    parts: Parts,
    /// Attempts are in this order: by their number, and psend's by their time. Neither is known of some.
    order: Option<(u64, String)>,
    holds: Holds,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    Outcomes,
    /// A state with this many lines.
    State(u64),
}

/// The files to read, and the parts in the others.
pub(super) fn call(files: &[PathBuf], attempts: Option<Attempts>) -> (Vec<PathBuf>, Parts) {
    let mut left_out = Parts::default();
    let mut kept: Vec<(PathBuf, Option<OnePart>)> = Vec::new();
    let mut by_name: BTreeMap<Name, Vec<usize>> = BTreeMap::new();
    let mut dropped = BTreeSet::new();
    if files.len() < 2 {
        return (files.to_vec(), left_out);
    }
    for (place, file) in files.iter().enumerate() {
        let part = one_part(file);
        if let Some(part) = &part {
            by_name.entry(part.only().name.clone()).or_default().push(place);
        }
        kept.push((file.clone(), part));
    }
    for places in by_name.values().filter(|places| places.len() > 1) {
        // Whether a file holds nothing else is read only where it matters.
        let alone = places.iter().filter_map(|place| Some((*place, kept[*place].1.as_ref()?)));
        let alone: Vec<(usize, &OnePart)> = alone.filter(|(_, part)| part.is_alone()).collect();
        let mut different: Vec<(usize, &OnePart)> = Vec::new();
        for (place, part) in alone {
            if different.iter().any(|(_, known)| same_content(known, part)) {
                left_out.leave_out(&part.parts, None);
                dropped.insert(place);
            } else {
                different.push((place, part));
            }
        }
        let Some(attempts) = attempts.filter(|_| different.len() > 1) else { continue };
        let roots: BTreeSet<u64> = different.iter().map(|(_, part)| part.only().root).collect();
        if roots.len() < different.len() {
            // Runs that continue each other are one.
            continue;
        }
        different.sort_by(|(_, one), (_, other)| one.order.cmp(&other.order));
        let is_known = different.windows(2).all(|pair| pair[0].1.order.is_some() && pair[0].1.order != pair[1].1.order);
        if !is_known {
            continue;
        }
        let chosen = if attempts == Attempts::First { 0 } else { different.len() - 1 };
        for (_, (place, part)) in different.iter().enumerate().filter(|(nth, _)| *nth != chosen) {
            left_out.leave_out(&part.parts, Some(Fate::PassedOver));
            dropped.insert(*place);
        }
    }
    let files = kept.into_iter().enumerate().filter(|(place, _)| !dropped.contains(place)).map(|(_, (file, _))| file);
    (files.collect(), left_out)
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

    /// Whether the file holds nothing else.
    fn is_alone(&self) -> bool {
        let Ok(file) = File::open(&self.path) else { return false };
        let mut lines = 0u64;
        for line in BufReader::new(file).split(b'\n') {
            let Ok(line) = line else { return false };
            lines += 1;
            let is_record = self.holds == Holds::Outcomes && line.starts_with(b"{\"run\":");
            if is_record && !RunRecord::read(&line).is_some_and(|run| self.only().name.is_of(&run)) {
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
        let mut reader = BufReader::with_capacity(1 << 18, File::open(&self.path).ok()?);
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

/// Whether two files of one part are the same. A state is by what it counted, since the name of the file that it was made of and
/// the number of the attempt are in it too.
fn same_content(one: &OnePart, other: &OnePart) -> bool {
    let is_same = one.holds == other.holds && one.only().content == other.only().content;
    is_same && (one.holds != Holds::Outcomes || one.hash().is_some_and(|hash| Some(hash) == other.hash()))
}
