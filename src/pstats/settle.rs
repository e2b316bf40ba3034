//! Decides which of several outcomes of one line counts (contracts §3).
//! A resumed run writes outcomes for lines that already have one: those that were `not_sent` and, if the earlier run was
//! killed, those that its journal does not have. Outcomes that say that the server has the event are counted at once, and the
//! first one of a line counts. All others wait until the end of the input, because another run may have settled the outcome
//! of the line.
//! The outcomes of a shard that are a copy of others, byte for byte, are left out.
//! Outcomes do not name their run. They belong to the run whose record comes next in their shard. Those without a later
//! record belong to one run that was killed. If one line has different ids, several runs were mixed before their records.
//! Their outcomes cannot be told apart then, and all of them count.

mod seqs;
mod spool;

use std::collections::HashMap;
use std::rc::Rc;

use seqs::Seqs;
use spool::Spool;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::parts::Segment as PartSegment;
use crate::error::Result;
use crate::jsonl::value::same;
use crate::record::outcome::{RunRecord, Word};

/// The ids of the first lines of a segment are kept, and after them the id of every line whose number this divides.
const IDS_KEPT: u64 = 64;
const IDS_EVERY: u64 = 256;
/// The most ids that are kept.
const MOST_IDS: usize = 1 << 16;

/// The most segments that are kept. A stream has one for each run of psend. All outcomes of further ones count.
pub(super) const MOST_SEGMENTS: usize = 1000;

/// What to do with an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It counts.
    Counts,
    /// It counts unless another one of its line does.
    Waits,
    /// Another one of its line counts.
    Repeats,
}

/// The weight of an outcome. Of several outcomes of a line, the one with the most weight counts; of equal ones below
/// [`SUCCESS`], the last.
pub(super) fn weight(word: Word) -> usize {
    match word {
        Word::NotSent => 0,
        Word::Rejected | Word::RateLimited | Word::Failed => 1,
        // The server may have the event, whatever another run found.
        Word::Unknown => 2,
        word if word.is_success() => SUCCESS,
        _ => 3,
    }
}

/// The weight of outcomes that say that the server has the event. Of several of these, the first counts.
pub(super) const SUCCESS: usize = 4;
const WEIGHTS: usize = SUCCESS + 1;

/// The outcomes of one shard up to a run record.
#[derive(Debug, Default)]
struct Segment {
    shard: usize,
    /// The run that its record names. Runs that resume each other are one.
    run: Option<String>,
    /// The lines that have an outcome, by weight.
    seqs: [Seqs; WEIGHTS],
    /// One bit for each weight that occurred.
    weights: u8,
    /// Some of their ids.
    ids: HashMap<u64, Option<u64>>,
    /// It has the outcomes of more than one run.
    is_mixed: bool,
    /// Of a shard's outcomes: how many, the hash of the first and of all of them, and that of the record behind them.
    lines: u64,
    first: u64,
    hash: u64,
    record: Option<u64>,
    /// The segment whose first outcome its own one equals byte for byte, which no other run's does: it has a time.
    copy_of: Option<usize>,
}

/// Whether an outcome, whose `shard` is as it is written, belongs to a shard.
fn has_shard(shard: Option<&[u8]>) -> bool {
    shard.is_some_and(|raw| raw.starts_with(b"\""))
}

impl Segment {
    /// Whether the line has a different id in this segment.
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

/// What is known about the outcomes.
#[derive(Debug, Default)]
pub(super) struct Settle {
    shards: HashMap<String, usize>,
    /// The shard of the last outcome, as it was written, and its segment.
    last: Option<(Vec<u8>, usize)>,
    segments: Vec<Segment>,
    /// For each shard, the segment of its next outcome.
    open: HashMap<usize, usize>,
    waiting: Spool,
    /// A line may have several outcomes.
    is_in_doubt: bool,
}

impl Settle {
    /// Adds an outcome. `shard` is as it is written; `line` is the text of the outcome.
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
            Some((known, place)) if same(known, shard.unwrap_or_default()) => *place,
            _ => self.turn_to(shard.unwrap_or_default()),
        };
        let Some(segment) = self.segments.get_mut(place).filter(|segment| !segment.is_mixed) else {
            return Fate::Counts;
        };
        if has_shard(shard) {
            segment.lines += 1;
            segment.hash = xxh3_64_with_seed(line, segment.hash);
            if segment.lines == 1 {
                segment.first = segment.hash;
                let (first, of) = (segment.first, segment.shard);
                let is_original = |known: &Segment| known.shard == of && known.first == first && known.record.is_some();
                let original = self.segments.iter().position(is_original);
                self.segments[place].copy_of = original;
            }
            if self.segments[place].copy_of.is_some() {
                return Fate::Repeats;
            }
        }
        let segment = &mut self.segments[place];
        if segment.contradicts(seq, id) {
            segment.is_mixed = true;
            return Fate::Counts;
        }
        let weight = weight(word);
        let is_new = segment.seqs[weight].insert(seq);
        let others = segment.weights & !(1 << weight);
        segment.weights |= 1 << weight;
        // Most runs have outcomes of only one weight.
        let has_other = || (0..WEIGHTS).any(|other| other != weight && segment.seqs[other].contains(seq));
        self.is_in_doubt |= !is_new || others != 0 && has_other();
        if weight == SUCCESS {
            return if is_new { Fate::Counts } else { Fate::Repeats };
        }
        self.waiting.push(place, weight, seq, line);
        Fate::Waits
    }

    /// The segment of the next outcome of this shard. If there are too many, one that is not kept.
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

    /// Adds a run record, and says what the outcomes before it are. `line` is its text.
    pub(super) fn close(&mut self, run: &RunRecord, line: &[u8]) -> PartSegment {
        self.last = None;
        let shard = self.shard(run.shard.as_deref().unwrap_or_default());
        let record = xxh3_64_with_seed(line, 0);
        let place = self.open.get(&shard).copied();
        if let Some(segment) = place.and_then(|place| self.segments.get(place))
            && let Some(original) = segment.copy_of
        {
            self.open.remove(&shard);
            let original = &self.segments[original];
            let is_same =
                (original.lines, original.hash, original.record) == (segment.lines, segment.hash, Some(record));
            return if is_same { PartSegment::Copy } else { PartSegment::Other };
        }
        let key = run.root();
        self.is_in_doubt |= self.segments.iter().any(|known| known.shard == shard && known.run.as_deref() == Some(key));
        if let Some(segment) = self.open.remove(&shard).and_then(|place| self.segments.get_mut(place)) {
            segment.run = Some(key.to_owned());
            segment.record = Some(record);
        }
        PartSegment::New
    }

    /// How many copies of outcomes ended without their record.
    pub(super) fn cut_off_copies(&self) -> u64 {
        let is_copy = |place: &&usize| self.segments.get(**place).is_some_and(|segment| segment.copy_of.is_some());
        self.open.values().filter(is_copy).count() as u64
    }

    /// Whether lines may have several outcomes, of which one counts.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.is_in_doubt
    }

    /// Whether `next`, which read a later part of the input, may have outcomes of the same lines.
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

    /// Passes on the outcomes that waited, and whether they count.
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

    /// For each segment, the positions of all segments of the same run.
    fn runs(&self) -> Vec<Rc<Vec<usize>>> {
        let mut of_runs: HashMap<(Option<&str>, usize, usize), Vec<usize>> = HashMap::new();
        let key = |place: usize| {
            let segment = &self.segments[place];
            let run = segment.run.as_deref().filter(|_| !segment.is_mixed);
            // Without a record, it is a separate run.
            (run, segment.shard, if run.is_some() { 0 } else { place })
        };
        for place in 0..self.segments.len() {
            of_runs.entry(key(place)).or_default().push(place);
        }
        let of_runs: HashMap<_, _> = of_runs.into_iter().map(|(key, places)| (key, Rc::new(places))).collect();
        (0..self.segments.len()).map(|place| Rc::clone(&of_runs[&key(place)])).collect()
    }

    /// How many outcomes were counted although another one of their line and run was too. A count cannot be undone.
    pub(super) fn counted_twice(&self) -> u64 {
        let mut twice = 0;
        for (place, of_run) in self.runs().iter().enumerate() {
            for other in of_run.iter().filter(|other| **other > place) {
                twice += self.segments[place].seqs[SUCCESS].shared(&self.segments[*other].seqs[SUCCESS]);
            }
        }
        twice
    }

    /// How many outcomes had a line number that was too far from the others to be kept.
    pub(super) fn forgotten(&self) -> u64 {
        self.segments.iter().flat_map(|segment| &segment.seqs).map(Seqs::forgotten).sum()
    }
}
