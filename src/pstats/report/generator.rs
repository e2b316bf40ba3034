//! Whether the sending side kept up: if it did not, figures may be psend's own and not the server's.

use std::collections::BTreeMap;

use serde::Serialize;

use super::units::share;
use crate::cli::numbers;
use crate::record::outcome::{GeneratorRecord, LateCause, Resource, RunRecord};

/// From this share of late events on, reports warn.
const WORTH_A_WARNING: f64 = 0.01;

/// Under `outcomes.generator`.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct GeneratorReport {
    /// Events that a schedule sent.
    pub count: Option<u64>,
    /// Of these, the events that were sent late.
    pub late: Option<u64>,
    pub late_share: Option<f64>,
    /// The longest delay.
    pub latest_ms: Option<f64>,
    /// Late events by cause.
    pub causes: BTreeMap<&'static str, u64>,
    /// The most frequent cause; null if no event was late.
    pub cause: Option<&'static str>,
    /// CPU time of psend, all runs together.
    pub cpu_s: Option<f64>,
    /// What the sending computers were short of.
    pub short_of: Vec<&'static str>,
    /// What this means for the other figures, in a sentence; null if there is no reason to doubt them.
    pub warning: Option<String>,
    /// Why `late_share` is not known.
    #[serde(skip)]
    pub unknown: Option<&'static str>,
}

impl GeneratorReport {
    /// From all run records. `has_all` if there is a record of every run.
    pub(super) fn new(runs: &[RunRecord], has_all: bool) -> Self {
        let of_runs: Vec<&GeneratorRecord> = runs.iter().filter_map(|run| run.generator.as_ref()).collect();
        let unknown = match () {
            () if runs.is_empty() => Some("there is no run record"),
            () if !has_all => Some("the record of a run is missing"),
            () if of_runs.len() < runs.len() => Some("a run record of an older psend does not say"),
            () if of_runs.iter().any(|run| run.scheduled.is_none()) => Some("a closed loop has no schedule"),
            () => None,
        };
        let causes: BTreeMap<&'static str, u64> = LateCause::ALL
            .iter()
            .map(|cause| (cause.as_str(), of_runs.iter().filter_map(|run| run.late.get(cause)).sum()))
            .collect();
        let cause = LateCause::ALL.iter().max_by_key(|cause| causes[cause.as_str()]);
        let cause = cause.filter(|cause| causes[cause.as_str()] > 0).copied();
        let is_short = |of: &Resource| of_runs.iter().any(|run| run.short_of.contains(of));
        let short_of: Vec<Resource> = Resource::ALL.iter().copied().filter(is_short).collect();
        let known = unknown.is_none();
        let count: u64 = of_runs.iter().filter_map(|run| run.scheduled).sum();
        let late: u64 = causes.values().sum();
        let late_share = share(late, count).filter(|_| known);
        Self {
            count: known.then_some(count),
            late: known.then_some(late),
            late_share,
            latest_ms: of_runs.iter().map(|run| run.latest_ms).reduce(f64::max).filter(|_| known),
            cause: cause.map(LateCause::as_str),
            cpu_s: of_runs.iter().map(|run| run.cpu_s).sum::<Option<f64>>().filter(|_| !of_runs.is_empty()),
            warning: warning(late_share.unwrap_or(0.0), cause, &short_of),
            short_of: short_of.into_iter().map(Resource::as_str).collect(),
            causes,
            unknown,
        }
    }

    /// The report of no run, with a text wherever there may be one.
    pub(crate) fn on_nothing() -> Self {
        Self { cause: Some(""), warning: Some(String::new()), ..Self::new(&[], true) }
    }
}

/// What late events and shortages mean for the figures.
fn warning(late_share: f64, cause: Option<LateCause>, short_of: &[Resource]) -> Option<String> {
    let has_no_cpu = short_of.contains(&Resource::Cores);
    let late = cause.filter(|_| late_share >= WORTH_A_WARNING).map(|cause| {
        let (why, so) = match cause {
            LateCause::Psend if has_no_cpu => ("psend had no CPU", "the figures are the client's, not the server's"),
            LateCause::Psend => ("psend was too slow", "the figures are the client's, not the server's"),
            LateCause::Input => ("the input came too slowly", "the server got less load than was asked for"),
            LateCause::Concurrency => (
                "all senders were waiting for the server (--concurrency)",
                "the server got less load than was asked for",
            ),
            LateCause::Server => (
                "the server asked to wait, was away, or took long to connect to",
                "the server got less load than was asked for",
            ),
        };
        format!("{} of the events were late because {why}: {so}", numbers::percent(late_share))
    });
    let others: Vec<&str> = short_of.iter().filter(|of| **of != Resource::Cores).map(|of| of.as_str()).collect();
    let short = (!others.is_empty())
        .then(|| format!("the sending computer was short of {}: some of the waits are its own", others.join(" and ")));
    let sentences: Vec<String> = late.into_iter().chain(short).collect();
    (!sentences.is_empty()).then(|| sentences.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(scheduled: Option<u64>, late: &[(LateCause, u64)], short_of: &[Resource]) -> RunRecord {
        RunRecord {
            id: "1".to_owned(),
            complete: true,
            lines_read: 100,
            target: "http://localhost".to_owned(),
            mode: "rate".to_owned(),
            rate: Some(10.0),
            concurrency: 1,
            batch: None,
            retries: 0,
            started_at: String::new(),
            ended_at: String::new(),
            shard: None,
            run_id: None,
            attempt: None,
            resumes: None,
            not_compared: None,
            aborted: None,
            capacity: None,
            generator: Some(GeneratorRecord {
                scheduled,
                late: late.iter().copied().collect(),
                latest_ms: 12.5,
                cpu_s: Some(0.5),
                sender_cpu_share: Some(0.2),
                sender_wait_share: Some(0.0),
                short_of: short_of.to_vec(),
            }),
        }
    }

    #[test]
    fn late_events_of_all_runs_add_up_and_the_most_frequent_cause_is_named() {
        let runs = [
            run(Some(60), &[(LateCause::Input, 2), (LateCause::Psend, 1)], &[]),
            run(Some(40), &[(LateCause::Psend, 3)], &[Resource::Cores]),
        ];
        let report = GeneratorReport::new(&runs, true);
        assert_eq!((report.count, report.late, report.late_share), (Some(100), Some(6), Some(0.06)));
        assert_eq!((report.cause, report.cpu_s, report.latest_ms), (Some("psend"), Some(1.0), Some(12.5)));
        let warning =
            "6.0% of the events were late because psend had no CPU: the figures are the client's, not the server's";
        assert_eq!(report.warning.as_deref(), Some(warning));
    }

    #[test]
    fn few_late_events_are_no_reason_to_warn() {
        let report = GeneratorReport::new(&[run(Some(1000), &[(LateCause::Server, 9)], &[])], true);
        assert_eq!((report.cause, report.warning), (Some("server"), None));
        let report = GeneratorReport::new(&[run(Some(1000), &[], &[])], true);
        assert_eq!((report.late_share, report.cause), (Some(0.0), None));
    }

    #[test]
    fn a_computer_short_of_ports_is_named_in_a_closed_loop_too() {
        let report = GeneratorReport::new(&[run(None, &[], &[Resource::Ports, Resource::Files])], true);
        let warning = "the sending computer was short of ports and files: some of the waits are its own";
        assert_eq!(report.warning.as_deref(), Some(warning));
        assert_eq!((report.late_share, report.unknown), (None, Some("a closed loop has no schedule")));
    }

    #[test]
    fn a_share_that_no_record_tells_is_unknown() {
        let known = run(Some(10), &[], &[]);
        let older = RunRecord { generator: None, ..known.clone() };
        for (runs, has_all) in [(&[][..], true), (&[known.clone()][..], false), (&[known, older][..], true)] {
            let report = GeneratorReport::new(runs, has_all);
            assert!(report.late_share.is_none() && report.late.is_none() && report.unknown.is_some());
        }
    }
}
