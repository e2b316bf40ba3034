//! Says of each run which of its parts came and what is wrong with them.
//!
//! Of a run with N shards, each tool that recorded its parts has to have recorded exactly 1/N to N/N, once each. Runs without an
//! id may be several of one division, so of theirs each shard has to have come equally often. What no record names is not judged.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Fate, Name, Parts, Tool};
use crate::cli::numbers::{count, counted};
use crate::cli::part_of_run::PartOfRun;
use crate::cli::shard::Shard;

/// So many parts are named in a sentence.
const NAMED: usize = 10;

/// What is expected besides what the records say.
#[derive(Debug, Clone, Default)]
pub(crate) struct Expected {
    /// With `--shard`: only this part. With `--run-id`: only parts of this run.
    pub part: PartOfRun,
    /// `--expect-shards`.
    pub shards: Option<u64>,
    /// `--expect-events`.
    pub events: Option<u64>,
}

/// What came in, where no record says it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    /// States that were added, or else files.
    pub inputs: u64,
    /// Events and outcomes, if there were any.
    pub events: Option<u64>,
    pub outcomes: Option<u64>,
}

/// The section `parts`.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct PartsReport {
    /// Whether all parts came, once each. `None` if no record names any.
    pub complete: Option<bool>,
    /// By run and tool.
    pub runs: Vec<ToolParts>,
    /// What is wrong, in words.
    pub problems: Vec<String>,
    /// What came more than once and was counted once.
    pub notes: Vec<String>,
    /// Why the parts are not known, if they are not.
    pub not_known: Option<String>,
    /// The verdicts on `--expect-shards` and `--expect-events`: what was asked, whether it is so, and what came.
    #[serde(skip)]
    pub expectations: Vec<(String, bool, String)>,
}

/// The parts of a run that a tool recorded.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ToolParts {
    /// The id that the parts share.
    pub run_id: Option<String>,
    /// The tool.
    pub recorded_by: &'static str,
    /// How many parts the run has; `None` if it is not divided.
    pub shards: Option<u64>,
    /// How many of them came.
    pub came: u64,
    /// How many did not.
    pub missing: u64,
    /// Their names: `3/8`, or `3/8 to 5/8`.
    pub missing_parts: Vec<String>,
    /// Those that came more than once.
    pub doubled_parts: Vec<String>,
    /// Those whose last record says that they are not complete.
    pub incomplete_parts: Vec<String>,
    /// Those that belong to another division, or have another seed.
    pub foreign_parts: Vec<String>,
}

/// Judges the parts.
pub(crate) fn judge(parts: &Parts, expected: &Expected, came: Counts) -> PartsReport {
    let mut report = PartsReport::default();
    let mut groups: BTreeMap<(Option<&str>, Tool, u64), Vec<&Name>> = BTreeMap::new();
    for name in parts.known.keys().filter(|name| !parts.known[*name].is_empty()) {
        // Parts without an id that are divided otherwise belong to another run.
        let count = name.shard.filter(|_| name.run.is_none()).map_or(0, |shard| shard.count);
        groups.entry((name.run.as_deref(), name.tool, count)).or_default().push(name);
    }
    for ((run, tool, _), names) in &groups {
        let group = Group { parts, expected, run: *run, tool: *tool, names };
        let row = group.judge(&mut report);
        report.runs.push(row);
    }
    if parts.again > 0 {
        let states = counted(parts.again, "state came again", "states came again");
        report.notes.push(format!("{states} with the same bytes and counted once"));
    }
    if parts.cut_off > 0 {
        let copies = counted(parts.cut_off, "part came", "parts came");
        report
            .problems
            .push(format!("psend: the outcomes of {copies} again, without their run record; they are not counted"));
    }
    if parts.forgotten > 0 {
        report.problems.push(format!(
            "{} not kept: there are too many to hold each to account",
            counted(parts.forgotten, "part was", "parts were")
        ));
    }
    if report.runs.is_empty() {
        report.not_known = Some("no record names a part of a run".to_owned());
    } else {
        report.complete = Some(report.problems.is_empty());
    }
    expectations(&mut report, expected, came);
    report
}

fn expectations(report: &mut PartsReport, expected: &Expected, came: Counts) {
    if let Some(shards) = expected.shards {
        let rows: Vec<&ToolParts> = report.runs.iter().filter(|row| row.shards.is_some()).collect();
        let (met, found) = match rows.iter().find(|row| row.shards != Some(shards) || row.came != shards) {
            Some(row) => {
                (false, format!("{} of {} by {}", count(row.came), count(row.shards.unwrap_or(0)), row.recorded_by))
            }
            None if rows.is_empty() => {
                (came.inputs == shards, counted(came.inputs, "state or file", "states or files"))
            }
            None => (true, format!("{} came", count(shards))),
        };
        report.expectations.push((format!("--expect-shards {shards}"), met, found));
    }
    if let Some(events) = expected.events {
        let kinds = [(came.events, "event", "events"), (came.outcomes, "outcome", "outcomes")];
        let kinds: Vec<_> = kinds.into_iter().filter_map(|(n, one, many)| Some((n?, one, many))).collect();
        let met = !kinds.is_empty() && kinds.iter().all(|(n, ..)| *n == events) || kinds.is_empty() && events == 0;
        let found: Vec<String> = kinds.iter().map(|(n, one, many)| counted(*n, one, many)).collect();
        let found = if found.is_empty() { "no events".to_owned() } else { found.join(", ") };
        report.expectations.push((format!("--expect-events {events}"), met, found));
    }
}

/// The parts of one run that one tool recorded.
struct Group<'a> {
    parts: &'a Parts,
    expected: &'a Expected,
    run: Option<&'a str>,
    tool: Tool,
    names: &'a [&'a Name],
}

impl Group<'_> {
    fn judge(&self, report: &mut PartsReport) -> ToolParts {
        let whole = self.names.iter().any(|name| name.shard.is_none());
        let division = most_frequent(self.names.iter().filter_map(|name| Some(name.shard?.count)));
        let of_division: BTreeSet<u64> = self
            .names
            .iter()
            .filter_map(|name| name.shard)
            .filter(|shard| Some(shard.count) == division)
            .map(|shard| shard.index)
            .collect();
        let mut row = ToolParts {
            run_id: self.run.map(str::to_owned),
            recorded_by: self.tool.as_str(),
            shards: division,
            came: (of_division.len() as u64).max(u64::from(whole && division.is_none())),
            missing: 0,
            missing_parts: Vec::new(),
            doubled_parts: Vec::new(),
            incomplete_parts: Vec::new(),
            foreign_parts: Vec::new(),
        };
        if let Some(count) = division {
            let expected = match self.expected.part.shard {
                Some(only) if only.count == count => Some(only.index..=only.index),
                Some(_) => None,
                None => Some(1..=count),
            };
            if let Some(expected) = expected {
                (row.missing, row.missing_parts) = missing(&of_division, expected, count);
            }
        }
        if row.missing > 0 {
            let is = if row.missing == 1 { "is missing" } else { "are missing" };
            self.tell(report, &row.missing_parts, is);
        }
        self.foreign(&mut row, report, division, whole);
        self.doubled(&mut row, report, division);
        let incomplete = self.names.iter().filter(|name| !self.is_complete(name)).map(|name| shown(name)).collect();
        row.incomplete_parts = incomplete;
        if !row.incomplete_parts.is_empty() {
            self.tell(report, &row.incomplete_parts, "not complete, by the record");
        }
        row
    }

    /// Parts of another division, another run, another seed than the rest.
    fn foreign(&self, row: &mut ToolParts, report: &mut PartsReport, division: Option<u64>, whole: bool) {
        let others: Vec<String> = self
            .names
            .iter()
            .filter(|name| name.shard.is_some_and(|shard| Some(shard.count) != division))
            .map(|name| shown(name))
            .collect();
        if let Some(count) = division.filter(|_| !others.is_empty()) {
            self.tell(report, &others, &format!("of another division: the others are of {count}"));
        }
        if whole && division.is_some() {
            self.tell(report, &[], "came as a whole and in parts");
        }
        row.foreign_parts.extend(others);
        let expected = &self.expected.part;
        if let (Some(asked), Some(run)) = (expected.run_id.as_deref(), self.run)
            && asked != run
        {
            self.tell(report, &[], &format!("another run than --run-id {asked}"));
        }
        if let Some(only) = expected.shard {
            let others: Vec<String> = self
                .names
                .iter()
                .filter(|name| name.shard.is_some_and(|shard| shard != only))
                .map(|name| shown(name))
                .collect();
            if !others.is_empty() {
                self.tell(report, &others, &format!("another part than --shard {only}"));
                row.foreign_parts.extend(others);
            }
        }
        let seed = |name: &Name| self.parts.known[name].iter().filter_map(|came| came.seed).collect::<Vec<_>>();
        let usual = most_frequent(self.names.iter().flat_map(|name| seed(name)));
        let others = self.names.iter().filter(|name| seed(name).iter().any(|seed| Some(*seed) != usual));
        let others: Vec<String> = others.map(|name| shown(name)).collect();
        if self.run.is_some() && !others.is_empty() {
            let usual = usual.map_or_else(String::new, |seed| format!(": the others have {seed}"));
            self.tell(report, &others, &format!("of another seed{usual}"));
            row.foreign_parts.extend(others);
        }
    }

    fn doubled(&self, row: &mut ToolParts, report: &mut PartsReport, division: Option<u64>) {
        let (mut same, mut twice, mut others, mut refused, mut passed) = (vec![], vec![], vec![], vec![], vec![]);
        for name in self.names {
            let all = &self.parts.known[*name];
            let roots: BTreeSet<u64> = all.iter().filter(|came| came.counted > 0).map(|came| came.root).collect();
            let is_counted = self.tool.is_counted() || self.tool == Tool::Pshape;
            if all.iter().any(|came| is_counted && came.counted > 1) {
                twice.push(shown(name));
            } else if all.iter().any(|came| came.fate == Fate::Refused) {
                refused.push(shown(name));
            } else if roots.len() > 1 && self.run.is_some() {
                others.push(shown(name));
            } else if all.iter().any(|came| came.fate == Fate::PassedOver) {
                passed.push(shown(name));
            } else if all.iter().any(|came| came.times > 1) {
                same.push(shown(name));
            }
        }
        for names in [&twice, &others, &refused, &passed, &same] {
            row.doubled_parts.extend(names.iter().cloned());
        }
        let say = |report: &mut PartsReport, names: &[String], what: &str| {
            if !names.is_empty() {
                self.tell(report, names, what);
            }
        };
        say(report, &twice, "came more than once, and counted each time");
        say(
            report,
            &others,
            "came more than once with other bytes, and all of them are counted; give files by name, and --attempts last or first",
        );
        say(
            report,
            &refused,
            "came more than once with other bytes, and only the first is counted; give files by name, and --attempts last or first",
        );
        let subject = self.subject();
        for (names, what) in [
            (same, "came more than once with the same bytes and counted once"),
            (passed, "came in several attempts, of which --attempts chose one"),
        ] {
            if !names.is_empty() {
                report.notes.push(format!("{subject}{} {what}", list(&names)));
            }
        }
        if let (None, Some(count)) = (self.run, division) {
            self.uneven(row, report, count);
        }
    }

    /// Of runs without an id, each part has to have come equally often.
    fn uneven(&self, row: &mut ToolParts, report: &mut PartsReport, count: u64) {
        if self.expected.part.shard.is_some() || row.missing > 0 {
            return;
        }
        let often = |name: &Name| {
            let all = self.parts.known[name].iter().filter(|came| came.counted > 0);
            all.map(|came| came.root).collect::<BTreeSet<_>>().len()
        };
        let least = self.names.iter().map(|name| often(name)).min().unwrap_or(0);
        let more: Vec<String> = self.names.iter().filter(|name| often(name) > least).map(|name| shown(name)).collect();
        if !more.is_empty() {
            self.tell(report, &more, &format!("came more often than the other parts of {count}"));
            row.doubled_parts.extend(more);
        } else if least > 1 && self.tool == Tool::Psend {
            report.notes.push(format!(
                "{}each part of {count} came {least} times: several runs, which --run-id would tell apart",
                self.subject()
            ));
        }
    }

    /// Whether what is counted of a part is complete. Of runs that continue each other, one suffices.
    fn is_complete(&self, name: &Name) -> bool {
        let all = || self.parts.known[name].iter().filter(|came| came.fate == Fate::Counted);
        all().all(|came| came.complete || all().any(|other| other.root == came.root && other.complete))
    }

    fn subject(&self) -> String {
        match self.run {
            Some(run) => format!("run {run}, {}: ", self.tool.as_str()),
            None => format!("{}: ", self.tool.as_str()),
        }
    }

    fn tell(&self, report: &mut PartsReport, names: &[String], what: &str) {
        let space = if names.is_empty() { "" } else { " " };
        report.problems.push(format!("{}{}{space}{what}", self.subject(), list(names)));
    }
}

fn shown(name: &Name) -> String {
    name.shard.map_or_else(|| "the whole".to_owned(), |shard| shard.to_string())
}

fn list(names: &[String]) -> String {
    let named = names.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// The value that occurs most often; of equally frequent ones the largest.
fn most_frequent(values: impl Iterator<Item = u64>) -> Option<u64> {
    let mut often: BTreeMap<u64, u64> = BTreeMap::new();
    values.for_each(|value| *often.entry(value).or_default() += 1);
    often.into_iter().max_by_key(|(value, times)| (*times, *value)).map(|(value, _)| value)
}

/// How many of the expected parts did not come, and their names. Neighbours are one name.
fn missing(came: &BTreeSet<u64>, expected: std::ops::RangeInclusive<u64>, count: u64) -> (u64, Vec<String>) {
    let (mut sum, mut names) = (0, Vec::new());
    let (mut next, last) = (*expected.start(), *expected.end());
    let behind = came.range(expected.clone()).copied().chain([last.saturating_add(1)]).collect::<Vec<_>>();
    let name = |index| Shard { index, count }.to_string();
    for here in behind {
        if here > next {
            sum += here - next;
            names.push(if here - next == 1 { name(next) } else { format!("{} to {}", name(next), name(here - 1)) });
        }
        next = here.saturating_add(1);
    }
    (sum, names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_parts_are_told_as_ranges() {
        let of = |came: &[u64], count| missing(&came.iter().copied().collect(), 1..=count, count);
        assert_eq!(of(&[1, 2, 3], 3), (0, vec![]));
        assert_eq!(of(&[1, 2], 3), (1, vec!["3/3".to_owned()]));
        assert_eq!(of(&[2, 6], 8), (6, ["1/8", "3/8 to 5/8", "7/8 to 8/8"].map(str::to_owned).to_vec()));
        assert_eq!(of(&[], 1 << 60).0, 1 << 60);
    }

    #[test]
    fn the_most_frequent_value_is_the_runs() {
        assert_eq!(most_frequent([3, 3, 4].into_iter()), Some(3));
        assert_eq!(most_frequent([4, 3].into_iter()), Some(4));
        assert_eq!(most_frequent([].into_iter()), None);
    }
}
