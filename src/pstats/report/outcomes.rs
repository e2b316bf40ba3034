//! The outcomes' part of the report.

use std::collections::BTreeMap;

use serde::Serialize;

use super::capacity::CapacityReport;
use super::figures::{
    By, ClassReport, FiguresReport, IdsReport, LatencyReport, TimeReport, WindowReport, by, distribution, windows,
};
use super::generator::GeneratorReport;
use super::units::{NO_TIME_PASSED, per_second, seconds};
use crate::pstats::layout::Grouping;
use crate::pstats::line_kind::LineKind;
use crate::pstats::sketch::Fine;
use crate::pstats::summary::{Outcomes, lines_read, whole_runs};
use crate::record::outcome::{AttemptResult, RunRecord, Word};

/// Under `outcomes`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct OutcomesReport {
    /// Of all outcomes; `latency` is that of the last attempt.
    #[serde(flatten)]
    pub figures: FiguresReport,
    /// Latencies over an hour: quantiles among them lie within 1 % rather than 0.1 %.
    pub latency_over_1h: u64,
    /// Latencies in classes of a quarter of an octave, ascending and without gaps.
    pub latency_distribution: Vec<ClassReport>,
    /// The same of `end_to_end`.
    pub end_to_end_distribution: Vec<ClassReport>,
    pub accepted: u64,
    pub duplicate: u64,
    pub rejected: u64,
    pub rate_limited: u64,
    pub failed: u64,
    pub unknown: u64,
    pub not_sent: u64,
    pub present: u64,
    pub missing: u64,
    pub differs: u64,
    /// accepted + duplicate.
    pub delivered: u64,
    /// failed + rejected + rate_limited + not_sent.
    pub lost: u64,
    /// Duplicates that may be of our own making: an earlier attempt got no answer.
    pub own_retry: u64,
    /// What attempts met, for events that took more than one.
    pub answers: BTreeMap<&'static str, u64>,
    /// The most frequent reasons why events were not delivered, in the words of psend and the server; ids and numbers are `#`.
    pub reasons: Vec<ReasonReport>,
    /// Events with other reasons.
    pub other_reasons: u64,
    /// Requests sent.
    pub attempts: u64,
    /// Events that took more than one.
    pub retried: u64,
    /// Bytes of the bodies sent, once for each event.
    pub request_bytes: u64,
    /// Outcomes per second, from the first request to the last end, without those for which no request was sent.
    pub throughput: Option<f64>,
    /// From the first request to the last end.
    pub time: TimeReport,
    /// From when due or taken up to the end, all attempts and waits.
    pub end_to_end: LatencyReport,
    /// Their ids.
    pub ids: IdsReport,
    /// Whether every run's record is there and says that it is complete.
    pub complete: bool,
    /// Why `--abort-on` ended a run early, if it did and no later run completed it.
    #[serde(skip)]
    pub aborted: Option<String>,
    /// Outcomes that came in, those that `--where` left out among them.
    #[serde(skip)]
    pub came: u64,
    /// Whether the records that are there can account for all outcomes: a run more has an outcome of a first line more, and more
    /// outcomes than these read lines.
    #[serde(skip)]
    pub has_all_records: bool,
    /// Outcomes that count beside others of their line and run.
    #[serde(skip)]
    pub apart: u64,
    /// How well the sending side kept up.
    pub generator: GeneratorReport,
    /// With psend --find-rate: the highest rate that the server holds.
    pub capacity: Option<CapacityReport>,
    /// psend's run records.
    pub runs: Vec<RunRecord>,
    /// Groups.
    pub by: By,
    /// The width of a window.
    pub window_s: f64,
    /// By time of sending; a window without outcomes is left out.
    pub windows: Vec<WindowReport>,
}

/// A reason, and how many events it holds for.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ReasonReport {
    pub reason: String,
    pub count: u64,
}

/// So many reasons are reported.
const REASONS: usize = 10;

impl OutcomesReport {
    /// The count of each word.
    pub(crate) fn words(&self) -> Vec<(&'static str, u64)> {
        let counts = [
            self.accepted,
            self.duplicate,
            self.rejected,
            self.rate_limited,
            self.failed,
            self.unknown,
            self.not_sent,
            self.present,
            self.missing,
            self.differs,
        ];
        Word::ALL.iter().map(|word| word.as_str()).zip(counts).collect()
    }

    /// Whether events were sent when they were due, so that only `end_to_end` shows how long they waited for the server.
    pub(crate) fn is_open_loop(&self) -> bool {
        // While a run goes on, its record is yet to come.
        self.runs.iter().any(RunRecord::is_open_loop) || self.windows.iter().any(|window| window.schedule.is_some())
    }

    /// The figures that are not known though outcomes came, and why.
    pub(super) fn not_known(&self) -> Vec<(&'static str, String)> {
        let mut figures = self.ids.not_known();
        if self.time.first.is_some() && self.throughput.is_none() {
            figures.push(("throughput", NO_TIME_PASSED.to_owned()));
        }
        figures.extend(self.capacity.iter().flat_map(CapacityReport::not_known));
        if let Some(why) = self.generator.unknown {
            let names = ["generator.count", "generator.late", "generator.late_share", "generator.latest_ms"];
            figures.extend(names.map(|name| (name, why.to_owned())));
        }
        figures
    }

    pub(super) fn new(outcomes: &mut Outcomes, groupings: &[Grouping]) -> Self {
        let ids = IdsReport::new(&mut outcomes.stream);
        let stream = &outcomes.stream;
        let shown = stream.windows.shown();
        let of = |word: Word| outcomes.words[word as usize];
        let runs = whole_runs(&outcomes.runs);
        let has_all_records = outcomes.has_all_kept()
            && (outcomes.firsts <= runs.len() as u64 || least_lines(outcomes, &ids) <= lines_read(&outcomes.runs));
        let (top, other_reasons) = outcomes.reasons.top(REASONS);
        let began = stream.order.range().map(|(first, last)| (first, outcomes.ended.unwrap_or(last).max(last)));
        Self {
            figures: FiguresReport::new(&stream.figures),
            latency_over_1h: stream.figures.latency().sketch().over(),
            latency_distribution: distribution(stream.figures.latency().sketch()),
            end_to_end_distribution: distribution(outcomes.end_to_end.sketch()),
            accepted: of(Word::Accepted),
            duplicate: of(Word::Duplicate),
            rejected: of(Word::Rejected),
            rate_limited: of(Word::RateLimited),
            failed: of(Word::Failed),
            unknown: of(Word::Unknown),
            not_sent: of(Word::NotSent),
            present: of(Word::Present),
            missing: of(Word::Missing),
            differs: of(Word::Differs),
            delivered: of(Word::Accepted) + of(Word::Duplicate),
            lost: of(Word::Failed) + of(Word::Rejected) + of(Word::RateLimited) + of(Word::NotSent),
            own_retry: outcomes.own_retries,
            answers: AttemptResult::ALL.iter().map(|a| (a.as_str(), outcomes.answers[*a as usize])).collect(),
            reasons: top.into_iter().map(|(reason, count)| ReasonReport { reason: reason.to_owned(), count }).collect(),
            other_reasons,
            attempts: outcomes.attempts,
            retried: outcomes.retried,
            request_bytes: outcomes.request_bytes,
            throughput: per_second(stream.figures.count() - outcomes.unsent, began),
            time: TimeReport::new(began),
            end_to_end: LatencyReport::new::<Fine>(&outcomes.end_to_end),
            ids,
            complete: !runs.is_empty() && has_all_records && outcomes.apart == 0 && runs.iter().all(|run| run.complete),
            apart: outcomes.apart,
            aborted: runs.iter().filter(|run| !run.complete).find_map(|run| run.aborted.clone()),
            came: outcomes.came(),
            has_all_records,
            generator: GeneratorReport::new(&outcomes.runs, has_all_records),
            capacity: CapacityReport::new(&outcomes.runs),
            runs: outcomes.runs.clone(),
            by: by(stream, groupings),
            window_s: seconds(shown.width()),
            windows: windows(&shown, LineKind::Outcomes),
        }
    }
}

/// How many lines runs have read at the least that ended with these outcomes. Of a run that was taken up again in another state an
/// outcome may be there twice, so that of equal ids one counts, where they are known.
fn least_lines(outcomes: &Outcomes, ids: &IdsReport) -> u64 {
    outcomes.came().saturating_sub(ids.duplicates.unwrap_or(0))
}
