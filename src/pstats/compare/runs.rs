//! The runs of one side: which parts belong to one run, and which input is one twice.

use std::collections::BTreeSet;

use super::part::RunPart;
use super::run::Run;
use crate::error::{Error, Result};
use crate::record::outcome::RunRecord;

/// The runs of one side, the base or now.
#[derive(Debug, Clone, Default)]
pub(crate) struct Runs {
    pub(crate) all: Vec<Run>,
}

impl Runs {
    /// The runs of these parts, and of JSON reports, each of which is a run.
    ///
    /// Parts belong to one run if psend's run records say so: shards with one run id, or shards `1/8`, `2/8`, … that were sent at
    /// the same time to the same target. Otherwise one run would pass for several, which say more than they know.
    ///
    /// # Errors
    /// If two inputs hold the same run.
    pub(crate) fn of(parts: Vec<RunPart>, reports: Vec<Run>) -> Result<Self> {
        let mut merged: Vec<RunPart> = Vec::new();
        // Shards of one run begin before its first shard ends.
        let mut parts = parts;
        parts.sort_by(|a, b| began(&a.records).cmp(&began(&b.records)));
        for part in parts {
            let mut place = None;
            for (at, run) in merged.iter().enumerate() {
                if share_a_run(&run.records, &part.records) {
                    if !are_shards(&run.records, &part.records) {
                        return Err(twice(&run.name, &part.name));
                    }
                    place = Some(at);
                } else if place.is_none() && went_together(&run.records, &part.records) {
                    place = Some(at);
                }
            }
            match place {
                Some(at) => merged[at].merge(part),
                None => merged.push(part),
            }
        }
        let mut all: Vec<Run> = merged.into_iter().map(Run::of).collect();
        for report in reports {
            if let Some(run) = all.iter().find(|run| share_a_run(&run.records, &report.records)) {
                return Err(twice(&run.name, &report.name));
            }
            if let Some(run) = all.iter().find(|run| went_together(&run.records, &report.records)) {
                return Err(Error::failed(format!(
                    "{} and {} are shards of one run, and a JSON report cannot be added to another: give states instead",
                    run.name, report.name
                )));
            }
            all.push(report);
        }
        all.sort_by(|a, b| (began(&a.records), &a.name).cmp(&(began(&b.records), &b.name)));
        // Windows are needed only where blocks of time take the place of runs.
        if all.len() > 1 {
            let measured = all.iter_mut().flat_map(|run| run.kinds.values_mut());
            measured.for_each(|measured| measured.counts = None);
        }
        Ok(Self { all })
    }
}

fn twice(one: &str, other: &str) -> Error {
    Error::failed(format!(
        "{one} and {other} hold the same run, which would count as two: leave one out, or make one state of both if the run \
         was resumed (cat … | pstats --format state)"
    ))
}

fn began(records: &[RunRecord]) -> Option<&str> {
    records.iter().map(|record| record.started_at.as_str()).min()
}

fn share_a_run(ours: &[RunRecord], theirs: &[RunRecord]) -> bool {
    ours.iter().any(|ours| theirs.iter().any(|theirs| ours.root() == theirs.root()))
}

/// Whether all of these are shards, and no two of them the same.
fn are_shards(ours: &[RunRecord], theirs: &[RunRecord]) -> bool {
    let shards = |records: &[RunRecord]| -> Option<BTreeSet<String>> {
        records.iter().map(|record| record.shard.clone()).collect()
    };
    match (shards(ours), shards(theirs)) {
        (Some(ours), Some(theirs)) => !ours.is_empty() && !theirs.is_empty() && ours.is_disjoint(&theirs),
        _ => false,
    }
}

/// Whether these are shards of one division that were sent at the same time.
fn went_together(ours: &[RunRecord], theirs: &[RunRecord]) -> bool {
    let of = |record: &RunRecord| record.shard.as_deref().and_then(|shard| Some(shard.split_once('/')?.1.to_owned()));
    let is_alike = |a: &RunRecord, b: &RunRecord| of(a) == of(b) && a.target == b.target && a.mode == b.mode;
    let overlap = |a: &RunRecord, b: &RunRecord| a.started_at <= b.ended_at && b.started_at <= a.ended_at;
    are_shards(ours, theirs)
        && ours.iter().all(|ours| theirs.iter().all(|theirs| is_alike(ours, theirs)))
        && ours.iter().any(|ours| theirs.iter().any(|theirs| overlap(ours, theirs)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn part(name: &str, id: &str, shard: Option<&str>, minutes: (u32, u32)) -> RunPart {
        let at = |minute: u32| format!("2026-01-05T10:{minute:02}:00.000000Z");
        let record = RunRecord {
            id: id.to_owned(),
            complete: true,
            lines_read: 1,
            target: "http://localhost:8000".to_owned(),
            mode: "rate".to_owned(),
            rate: None,
            concurrency: 1,
            batch: None,
            retries: 0,
            started_at: at(minutes.0),
            ended_at: at(minutes.1),
            shard: shard.map(str::to_owned),
            run_id: None,
            attempt: None,
            resumes: None,
            not_compared: None,
            aborted: None,
            generator: None,
            capacity: None,
        };
        RunPart { name: name.to_owned(), records: vec![record], counts: BTreeMap::new() }
    }

    fn names(parts: Vec<RunPart>) -> Result<Vec<String>, String> {
        let runs = Runs::of(parts, Vec::new()).map_err(|e| e.to_string())?;
        Ok(runs.all.into_iter().map(|run| run.name).collect())
    }

    #[test]
    fn shards_of_one_run_are_one_run_and_those_of_the_next_another() {
        let parts = vec![
            part("d", "4", Some("2/2"), (21, 30)),
            part("a", "1", Some("1/2"), (0, 9)),
            part("c", "3", Some("1/2"), (20, 29)),
            part("b", "2", Some("2/2"), (1, 10)),
        ];
        assert_eq!(names(parts), Ok(vec!["a b".to_owned(), "c d".to_owned()]));
        // With one run id, whenever they were sent.
        let parts = vec![part("a", "1", Some("1/2"), (0, 9)), part("b", "1", Some("2/2"), (30, 39))];
        assert_eq!(names(parts), Ok(vec!["a b".to_owned()]));
    }

    #[test]
    fn runs_at_the_same_time_are_not_shards_of_each_other() {
        let parts =
            vec![part("a", "1", None, (0, 9)), part("b", "2", None, (1, 10)), part("c", "3", Some("1/3"), (1, 9))];
        assert_eq!(names(parts).map(|names| names.len()), Ok(3));
        let parts = vec![part("a", "1", Some("1/2"), (0, 9)), part("b", "2", Some("2/4"), (0, 9))];
        assert_eq!(names(parts).map(|names| names.len()), Ok(2));
    }

    #[test]
    fn a_run_that_is_given_twice_is_refused() {
        for shard in [None, Some("1/2")] {
            let said = names(vec![part("a", "1", shard, (0, 9)), part("b", "1", shard, (0, 9))]).expect_err("twice");
            assert!(said.contains("a and b hold the same run"), "{said}");
        }
    }
}
