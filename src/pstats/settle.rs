//! Which of several outcomes of one line counts (contracts §3).
//!
//! A run that is taken up again writes an outcome for lines that have one already: for those that were `not_sent`, and, where
//! the run before was killed, for those that its journal did not come to tell of. Outcomes that say that the server has the
//! event are counted at once; the first of a line counts. All others wait until the input has ended, for another run may
//! have settled the line's outcome.
//!
//! Outcomes do not name their run. They belong to the run whose record comes next in their shard, and those before no record
//! to one run that was killed. Where the ids of one line differ, several runs were mixed up before their records: then there is
//! no telling their outcomes apart, and all of them count.

mod seqs;
mod spool;

use std::collections::HashMap;
use std::rc::Rc;

use seqs::Seqs;
use spool::Spool;

use super::summary::is_success;
use crate::error::Result;
use crate::record::outcome::{RunRecord, Word};

/// The ids of the first lines of a segment are kept, and of each line after them whose number this divides.
const IDS_KEPT: u64 = 64;
const IDS_EVERY: u64 = 256;
/// The most ids that are kept.
const MOST_IDS: usize = 1 << 16;

/// The most segments that are kept; a stream has one for each run of psend in it. The outcomes of further ones all count.
pub(super) const MOST_SEGMENTS: usize = 1000;

/// What is to be done with an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It counts.
    Counts,
    /// It counts unless another of its line does.
    Waits,
    /// Another of its line counts.
    Repeats,
}

/// How much an outcome says about its line: of several the one that says most counts, and of equal ones the last, below
/// [`SUCCESS`].
pub(super) fn weight(word: Word) -> usize {
    match word {
        Word::NotSent => 0,
        Word::Rejected | Word::RateLimited | Word::Failed => 1,
        // The server may have the event, whatever another run was told of it.
        Word::Unknown => 2,
        word if is_success(word) => SUCCESS,
        _ => 3,
    }
}

/// The weight of those that say that the server has the event. Of several of these the first counts.
pub(super) const SUCCESS: usize = 4;
const WEIGHTS: usize = SUCCESS + 1;

/// The outcomes of one shard up to a run record.
#[derive(Debug, Default)]
struct Segment {
    shard: usize,
    /// The run that its record names; runs that go on with each other are one.
    run: Option<String>,
    /// The lines that have an outcome, by its weight.
    seqs: [Seqs; WEIGHTS],
    /// A bit for each weight that an outcome had.
    weights: u8,
    /// Some of their ids.
    ids: HashMap<u64, Option<u64>>,
    /// It holds the outcomes of more than one run.
    is_mixed: bool,
}

impl Segment {
    /// Whether one of its lines has another id than this.
    fn contradicts(&mut self, seq: u64, id: impl FnOnce() -> Option<u64>) -> bool {
        if seq > IDS_KEPT && !seq.is_multiple_of(IDS_EVERY) {
            return false;
        }
        let id = id();
        match self.ids.get(&seq) {
            Some(known) => *known != id,
            None => {
                if self.ids.len() < MOST_IDS {
                    self.ids.insert(seq, id);
                }
                false
            }
        }
    }
}

/// What is known of the outcomes that came.
#[derive(Debug, Default)]
pub(super) struct Settle {
    shards: HashMap<String, usize>,
    /// The shard of the last outcome, as it was written, and its segment.
    last: Option<(Vec<u8>, usize)>,
    segments: Vec<Segment>,
    /// Of each shard, the segment that its next outcome belongs to.
    open: HashMap<usize, usize>,
    waiting: Spool,
    /// A line may have several outcomes.
    is_in_doubt: bool,
}

impl Settle {
    /// An outcome came: of this shard as it is written, line and id. `line` is its text.
    #[inline]
    pub(super) fn meet(
        &mut self,
        shard: Option<&[u8]>,
        seq: u64,
        id: impl FnOnce() -> Option<u64>,
        word: Word,
        line: &[u8],
    ) -> Fate {
        let place = match &self.last {
            Some((known, place)) if known == shard.unwrap_or_default() => *place,
            _ => self.turn_to(shard.unwrap_or_default()),
        };
        let Some(segment) = self.segments.get_mut(place).filter(|segment| !segment.is_mixed) else {
            return Fate::Counts;
        };
        if segment.contradicts(seq, id) {
            segment.is_mixed = true;
            return Fate::Counts;
        }
        let weight = weight(word);
        let is_new = segment.seqs[weight].insert(seq);
        let others = segment.weights & !(1 << weight);
        segment.weights |= 1 << weight;
        // Most runs have outcomes of one weight alone.
        let has_other = || (0..WEIGHTS).any(|other| other != weight && segment.seqs[other].contains(seq));
        self.is_in_doubt |= !is_new || others != 0 && has_other();
        if weight == SUCCESS {
            return if is_new { Fate::Counts } else { Fate::Repeats };
        }
        self.waiting.push(place, weight, seq, line);
        Fate::Waits
    }

    /// The segment that the next outcome of this shard belongs to; one that is not kept if there are too many.
    #[cold]
    fn turn_to(&mut self, raw: &[u8]) -> usize {
        let shard = self.shard(&String::from_utf8_lossy(raw));
        let next = self.segments.len();
        let place = *self.open.entry(shard).or_insert(next);
        if place == next && next < MOST_SEGMENTS {
            self.segments.push(Segment { shard, ..Segment::default() });
        }
        self.last = Some((raw.to_vec(), place));
        place
    }

    fn shard(&mut self, name: &str) -> usize {
        let next = self.shards.len();
        *self.shards.entry(name.trim_matches('"').trim_start_matches("null").to_owned()).or_insert(next)
    }

    /// A run record came.
    pub(super) fn close(&mut self, run: &RunRecord) {
        self.last = None;
        let shard = self.shard(run.shard.as_deref().unwrap_or_default());
        let key = run.root();
        self.is_in_doubt |= self.segments.iter().any(|known| known.shard == shard && known.run.as_deref() == Some(key));
        if let Some(segment) = self.open.remove(&shard).and_then(|place| self.segments.get_mut(place)) {
            segment.run = Some(key.to_owned());
        }
    }

    /// Whether lines may have several outcomes, of which one counts.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.is_in_doubt
    }

    /// Whether outcomes of the same lines may have come to another, to which a later part of the input was given.
    pub(super) fn may_share_lines(&self, next: &Self) -> bool {
        let is_divided = |of: &Self| of.is_in_doubt || of.segments.len() > of.shards.len();
        let shares = |ours: &Segment, theirs: &Segment| {
            let mut pairs = ours.seqs.iter().flat_map(|one| theirs.seqs.iter().map(move |other| (one, other)));
            pairs.any(|(one, other)| one.shared(other) > 0)
        };
        let name = |of: &Self, shard: usize| {
            of.shards.iter().find(|(_, place)| **place == shard).map(|(name, _)| name.clone())
        };
        is_divided(self)
            || is_divided(next)
            || self.segments.iter().any(|ours| {
                let same = |theirs: &&Segment| name(next, theirs.shard) == name(self, ours.shard);
                next.segments.iter().filter(same).any(|theirs| shares(ours, theirs))
            })
    }

    /// Hands on the outcomes that waited, with whether they count.
    ///
    /// # Errors
    /// If they cannot be read back.
    pub(super) fn finish(&mut self, mut take: impl FnMut(&[u8], bool)) -> Result<()> {
        let (segments, runs) = (&self.segments, self.runs());
        let mut kept = vec![Seqs::default(); segments.len()];
        self.waiting.backwards(|place, weight, seq, line| {
            let of_run = &runs[place];
            let is_outweighed =
                || of_run.iter().flat_map(|place| &segments[*place].seqs[weight + 1..]).any(|seqs| seqs.contains(seq));
            let counts = segments[place].is_mixed || !is_outweighed() && kept[of_run[0]].insert(seq);
            take(line, counts);
        })
    }

    /// Of each segment, the places of all that are of the same run.
    fn runs(&self) -> Vec<Rc<Vec<usize>>> {
        let mut of_runs: HashMap<(Option<&str>, usize, usize), Vec<usize>> = HashMap::new();
        let key = |place: usize| {
            let segment = &self.segments[place];
            let run = segment.run.as_deref().filter(|_| !segment.is_mixed);
            // Without a record it is a run of its own.
            (run, segment.shard, if run.is_some() { 0 } else { place })
        };
        for place in 0..self.segments.len() {
            of_runs.entry(key(place)).or_default().push(place);
        }
        let of_runs: HashMap<_, _> = of_runs.into_iter().map(|(key, places)| (key, Rc::new(places))).collect();
        (0..self.segments.len()).map(|place| Rc::clone(&of_runs[&key(place)])).collect()
    }

    /// How many outcomes were counted although another of their line and run was: what was counted cannot be taken back.
    pub(super) fn counted_twice(&self) -> u64 {
        let mut twice = 0;
        for (place, of_run) in self.runs().iter().enumerate() {
            for other in of_run.iter().filter(|other| **other > place) {
                twice += self.segments[place].seqs[SUCCESS].shared(&self.segments[*other].seqs[SUCCESS]);
            }
        }
        twice
    }

    /// How many outcomes came whose line's number was too far from the others' to be kept.
    pub(super) fn forgotten(&self) -> u64 {
        self.segments.iter().flat_map(|segment| &segment.seqs).map(Seqs::forgotten).sum()
    }
}
