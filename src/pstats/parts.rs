//! Lists the parts of runs that were read, as records and states name them. [`mod@judge`] says what is wrong with them.
//!
//! The parts of a run share its id. Each tool records its own parts, so a run has up to four lists of the same shards. This
//! module knows nothing of lines and files.

mod judge;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::cli::part_of_run::PartOfRun;
use crate::cli::shard::Shard;
use crate::record::generated::Generated;
use crate::record::outcome::RunRecord;
use crate::record::truth::TruthSummary;

pub(super) use judge::{Counts, Expected, PartsReport, ToolParts, judge};

/// The most parts that are kept. They take some 30 MB.
const MOST_PARTS: usize = 100_000;

/// The tool that recorded a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Tool {
    Pgen,
    Pshape,
    Psend,
    Pstats,
}

impl Tool {
    /// Its name.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Pgen => "pgen",
            Self::Pshape => "pshape",
            Self::Psend => "psend",
            Self::Pstats => "pstats",
        }
    }

    /// Whether the lines of its parts are counted. The records of the others only say what they did.
    fn is_counted(self) -> bool {
        matches!(self, Self::Psend | Self::Pstats)
    }
}

/// Names a part.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    run: Option<String>,
    tool: Tool,
    shard: Option<Shard>,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = PartOfRun { run_id: self.run.clone(), shard: self.shard, attempt: None };
        write!(f, "{}'s {part}", self.tool.as_str())
    }
}

/// Whether a part is in the figures, and why not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Fate {
    /// It is in the figures.
    #[default]
    Counted,
    /// Another part with its name and other bytes is in the figures.
    Refused,
    /// `--attempts` chose another one.
    PassedOver,
}

/// A part that was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Came {
    /// The same for parts with the same bytes.
    content: u64,
    /// The same for runs of psend that continue each other.
    root: u64,
    attempt: Option<u64>,
    seed: Option<u64>,
    complete: bool,
    /// How often it was read.
    times: u64,
    /// How often it is in the figures.
    counted: u64,
    fate: Fate,
}

/// A part as a state holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    run_id: Option<String>,
    tool: Tool,
    shard: Option<Shard>,
    #[serde(flatten)]
    came: Came,
}

/// The parts that were read.
#[derive(Debug, Clone, Default)]
pub(super) struct Parts {
    known: BTreeMap<Name, Vec<Came>>,
    /// How many are known.
    kept: usize,
    /// How many were not kept.
    forgotten: u64,
    /// States that name no part and were read again.
    again: u64,
    /// Copied outcomes without a run record.
    cut_off: u64,
}

/// What the outcomes before a run record are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Segment {
    /// Outcomes that were counted.
    New,
    /// A copy of outcomes that came before, byte for byte. It was not counted.
    Copy,
    /// They begin like outcomes that came before and go on otherwise. They were not counted.
    Other,
}

/// The only part of a set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Only<'a> {
    pub(super) name: &'a Name,
    /// The same for parts with the same bytes.
    pub(super) content: u64,
    /// The same for runs of psend that continue each other.
    pub(super) root: u64,
    pub(super) attempt: Option<u64>,
}

impl Name {
    /// Whether a run record is of this part.
    pub(super) fn is_of(&self, run: &RunRecord) -> bool {
        run.run_id == self.run && shard_of(run) == self.shard
    }
}

/// What two sets of parts have in common.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Overlap {
    Nothing,
    /// All of the second, with the same bytes.
    Same,
    /// All of the second, at least one with other bytes.
    Other,
    /// One of the second, with this name, but not all.
    Some(String),
}

impl Parts {
    /// Adds what pgen recorded.
    pub(super) fn generated(&mut self, record: &Generated) {
        let content = xxh3_64(format!("{} {} {}", record.xxh3, record.bytes, record.events).as_bytes());
        let came = Came { seed: Some(record.seed), complete: record.complete, ..Came::new(content, record.attempt) };
        self.add(Tool::Pgen, record.run_id.as_deref(), record.shard, came);
    }

    /// Adds what pshape recorded.
    pub(super) fn shaped(&mut self, summary: &TruthSummary) {
        let content = xxh3_64(&serde_json::to_vec(summary).unwrap_or_default());
        let came = Came { seed: summary.seed, complete: summary.complete, ..Came::new(content, summary.attempt) };
        self.add(Tool::Pshape, summary.run_id.as_deref(), summary.shard, came);
    }

    /// Adds a run of psend. `outcomes` tells whether its outcomes were counted.
    pub(super) fn sent(&mut self, run: &RunRecord, outcomes: Segment) {
        let came = Came {
            root: xxh3_64(run.root().as_bytes()),
            complete: run.complete,
            counted: u64::from(outcomes == Segment::New),
            fate: if outcomes == Segment::Other { Fate::Refused } else { Fate::Counted },
            ..Came::new(xxh3_64(run.id.as_bytes()), run.attempt)
        };
        self.add(Tool::Psend, run.run_id.as_deref(), shard_of(run), came);
    }

    /// Adds a part that pstats itself counted. `content` is the hash of what it counted.
    pub(super) fn counted(&mut self, part: &PartOfRun, content: u64) {
        self.add(Tool::Pstats, part.run_id.as_deref(), part.shard, Came::new(content, part.attempt));
    }

    /// A state that names no part came again.
    pub(super) fn state_again(&mut self) {
        self.again += 1;
    }

    /// Outcomes of a part came again, and their record did not.
    pub(super) fn cut_off_copies(&mut self, copies: u64) {
        self.cut_off += copies;
    }

    fn add(&mut self, tool: Tool, run: Option<&str>, shard: Option<Shard>, came: Came) {
        // A run with neither an id nor a shard has no parts to miss.
        if run.is_some() || shard.is_some() {
            self.enter(Name { run: run.map(str::to_owned), tool, shard }, came);
        }
    }

    fn enter(&mut self, name: Name, came: Came) {
        let all = self.known.entry(name).or_default();
        let known = all.iter_mut().find(|known| known.content == came.content && known.fate == came.fate);
        match known {
            Some(known) => {
                known.times += came.times;
                known.counted += came.counted;
                known.complete |= came.complete;
            }
            None if self.kept >= MOST_PARTS => self.forgotten += 1,
            None => {
                self.kept += 1;
                all.push(came);
            }
        }
    }

    /// Adds the parts of other lines.
    pub(super) fn merge(&mut self, next: Self) {
        for (name, all) in next.known {
            all.into_iter().for_each(|came| self.enter(name.clone(), came));
        }
        self.forgotten += next.forgotten;
        self.again += next.again;
        self.cut_off += next.cut_off;
    }

    /// Adds the parts of a state that is not in the figures: with this fate, or as copies of what is.
    pub(super) fn leave_out(&mut self, next: &Self, fate: Option<Fate>) {
        for (name, all) in &next.known {
            for came in all {
                let fate = fate.filter(|_| name.tool.is_counted()).unwrap_or(came.fate);
                self.enter(name.clone(), Came { counted: 0, fate, ..came.clone() });
            }
        }
    }

    /// What these parts have in common with others. Parts without the id of a run are the same only if their bytes are.
    pub(super) fn overlap(&self, next: &Self) -> Overlap {
        let (mut news, mut same, mut others) = (0, 0, 0);
        let mut shared = None;
        for (name, all) in next.known.iter().filter(|(name, _)| name.tool.is_counted()) {
            let ours = self.known.get(name).map_or(&[][..], Vec::as_slice);
            let ours = || ours.iter().filter(|came| came.counted > 0);
            for came in all.iter().filter(|came| came.counted > 0) {
                if ours().any(|known| known.content == came.content) {
                    same += 1;
                } else if name.run.is_some() && ours().any(|known| known.root != came.root) {
                    others += 1;
                } else {
                    news += 1;
                    continue;
                }
                shared = shared.or_else(|| Some(name.to_string()));
            }
        }
        match (shared, news, others) {
            (None, _, _) => Overlap::Nothing,
            (Some(_), 0, 0) if same > 0 => Overlap::Same,
            (Some(_), 0, _) => Overlap::Other,
            (Some(name), _, _) => Overlap::Some(name),
        }
    }

    /// The part, if there is exactly one and its run has an id.
    pub(super) fn only(&self) -> Option<Only<'_>> {
        let mut names = self.known.keys();
        let first = names.next().filter(|name| name.run.is_some())?;
        if names.any(|name| (&name.run, name.shard) != (&first.run, first.shard)) {
            return None;
        }
        // What pstats counted includes what psend sent.
        let (name, all) = self.known.iter().rfind(|(name, _)| name.tool.is_counted())?;
        let [came] = &all[..] else { return None };
        Some(Only { name, content: came.content, root: came.root, attempt: came.attempt })
    }

    /// Whether no part has a name.
    pub(super) fn is_unnamed(&self) -> bool {
        self.known.is_empty()
    }

    /// The parts as a state holds them.
    pub(super) fn kept(&self) -> impl Iterator<Item = Kept> {
        self.known.iter().flat_map(|(name, all)| {
            all.iter().map(|came| Kept {
                run_id: name.run.clone(),
                tool: name.tool,
                shard: name.shard,
                came: came.clone(),
            })
        })
    }

    /// What a state holds besides: states that came again without a name, and copies without a record.
    pub(super) fn remarks(&self) -> (u64, u64) {
        (self.again, self.cut_off)
    }

    /// Adds what a state holds.
    pub(super) fn absorb(&mut self, parts: Vec<Kept>, (again, cut_off): (u64, u64)) {
        for Kept { run_id, tool, shard, came } in parts {
            self.enter(Name { run: run_id, tool, shard }, came);
        }
        self.again += again;
        self.cut_off += cut_off;
    }
}

impl Came {
    fn new(content: u64, attempt: Option<u64>) -> Self {
        let (times, counted) = (1, 1);
        Self { content, root: content, attempt, seed: None, complete: true, times, counted, fate: Fate::Counted }
    }
}

/// The shard in a run record.
fn shard_of(run: &RunRecord) -> Option<Shard> {
    run.shard.as_deref().and_then(|text| Shard::read(text).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(run: &str, shard: &str, content: u64) -> Parts {
        let mut parts = Parts::default();
        let shard = Some(Shard::read(shard).expect("a shard"));
        parts.counted(&PartOfRun { run_id: Some(run.to_owned()), shard, attempt: None }, content);
        parts
    }

    #[test]
    fn what_two_sets_share_is_told() {
        let mut two = part("r", "1/3", 1);
        two.merge(part("r", "2/3", 2));
        assert_eq!(two.overlap(&part("r", "3/3", 1)), Overlap::Nothing);
        assert_eq!(two.overlap(&part("other", "1/3", 1)), Overlap::Nothing);
        assert_eq!(two.overlap(&part("r", "1/3", 1)), Overlap::Same);
        assert_eq!(two.overlap(&two), Overlap::Same);
        assert_eq!(two.overlap(&part("r", "1/3", 9)), Overlap::Other);
        let mut more = part("r", "2/3", 2);
        more.merge(part("r", "3/3", 3));
        assert_eq!(two.overlap(&more), Overlap::Some("pstats's 2/3 of run r".to_owned()));
    }

    #[test]
    fn a_part_that_was_left_out_does_not_keep_the_next_from_counting() {
        let mut parts = part("r", "1/3", 1);
        parts.leave_out(&part("r", "2/3", 2), Some(Fate::Refused));
        assert_eq!(parts.overlap(&part("r", "2/3", 2)), Overlap::Nothing);
    }
}
