//! The figures of one run: of all its lines, and of its groups.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::figure::{Figure, LatencySpan};
use super::part::{Counts, RunPart};
use crate::pstats::figures::Figures;
use crate::pstats::groups::GroupKey;
use crate::pstats::line_kind::LineKind;
use crate::pstats::sketch::{LatencySketch, Sketch};
use crate::pstats::summary::whole_runs;
use crate::pstats::unread::{UnreadValues, mean_ends, reported_ends};
use crate::record::outcome::RunRecord;

/// The figures of some lines of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Sample {
    values: BTreeMap<Figure, f64>,
    /// Lines that say whether they succeeded, and those that did not.
    pub(crate) judged: f64,
    pub(crate) failures: f64,
    /// Lines whose status could not be read, at most.
    unread: f64,
    /// The least and the most that a figure of latencies may be, in ms, if some could not be read.
    ends: BTreeMap<Figure, [f64; 2]>,
}

impl Sample {
    /// A figure; `None` if the lines do not have it.
    pub(crate) fn get(&self, figure: Figure) -> Option<f64> {
        self.values.get(&figure).copied()
    }

    /// By how much a figure may be off, on its scale, because values could not be read.
    pub(crate) fn off(&self, figure: Figure) -> f64 {
        match figure {
            Figure::ErrorRate | Figure::SuccessRate if self.unread > 0.0 => self.unread / (self.judged + self.unread),
            _ => match (self.get(figure), self.ends.get(&figure)) {
                (Some(value), Some([least, most])) => (value / least).ln().max((most / value).ln()),
                _ => 0.0,
            },
        }
    }

    #[allow(clippy::cast_precision_loss)] // counts stay below 2^53
    fn of<S: Sketch>(figures: &Figures<S>, throughput: Option<f64>, unread: UnreadValues) -> Self {
        let (judged, failures) = (figures.judged() as f64, figures.failures() as f64);
        let unread = unread.within(figures.count(), figures.judged(), figures.latency().count());
        let mut sample = Self { judged, failures, unread: unread.statuses as f64, ..Self::default() };
        sample.add_latency(LatencySpan::Latency, figures.latency());
        if unread.latencies > 0 {
            sample.add_ends(figures.latency(), unread.latencies);
        }
        if judged > 0.0 {
            sample.values.insert(Figure::ErrorRate, failures / judged);
            sample.values.insert(Figure::SuccessRate, (judged - failures) / judged);
        }
        sample.values.extend(throughput.map(|throughput| (Figure::Throughput, throughput)));
        sample
    }

    #[allow(clippy::cast_precision_loss)]
    fn add_latency<S: Sketch>(&mut self, span: LatencySpan, latency: &LatencySketch<S>) {
        for figure in Figure::all() {
            let Figure::Latency(of, statistic) = figure else { continue };
            let us = match statistic.millionths() {
                _ if of != span => None,
                None => latency.mean_us().map(f64::round),
                Some(millionths) => latency.quantile_us(millionths).map(|us| us as f64),
            };
            self.values.extend(us.map(|us| (figure, us / 1000.0)));
        }
    }

    #[allow(clippy::cast_precision_loss)]
    fn add_ends<S: Sketch>(&mut self, latency: &LatencySketch<S>, unread: u64) {
        for (figure, value) in &self.values {
            let Figure::Latency(_, statistic) = figure else { continue };
            let ends = match statistic.millionths() {
                None => mean_ends(*value, latency.count() as f64, unread as f64),
                Some(millionths) => latency.ends_us(millionths, unread).map(|us| us / 1000.0),
            };
            self.ends.insert(*figure, ends);
        }
    }

    /// From a part of a JSON report that has figures.
    #[allow(clippy::cast_precision_loss)]
    fn read(from: &Value, seconds: Option<f64>, unread: UnreadValues) -> Self {
        let at =
            |figure: Figure| from.pointer(&format!("/{}", figure.path().replace('.', "/"))).and_then(Value::as_f64);
        let mut values: BTreeMap<Figure, f64> = Figure::all().filter_map(|f| Some((f, at(f)?))).collect();
        let count = from["count"].as_f64().unwrap_or(0.0);
        if let (None, Some(seconds)) = (values.get(&Figure::Throughput), seconds) {
            values.insert(Figure::Throughput, count / seconds);
        }
        // A report of an older version does not say how many lines are rated.
        let judged = from["rated"].as_f64().unwrap_or(count);
        let failures = values.get(&Figure::ErrorRate).map_or(0.0, |rate| (rate * judged).round());
        let unread = unread.within_reported(from);
        let mut sample = Self { values, judged, failures, unread: unread.statuses as f64, ..Self::default() };
        if unread.latencies > 0 {
            let ends = |figure: &Figure| {
                reported_ends(&from["latency"], unread.latencies, figure.path().strip_prefix("latency.")?)
            };
            sample.ends = sample.values.keys().filter_map(|figure| Some((*figure, ends(figure)?))).collect();
        }
        sample
    }
}

/// The groups of a grouping, by its name.
pub(crate) type GroupSamples = BTreeMap<String, BTreeMap<GroupKey, Sample>>;

/// What one kind of line of a run says.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    pub(crate) whole: Sample,
    pub(crate) groups: GroupSamples,
    /// The groupings of which some groups were not counted apart.
    pub(crate) capped: BTreeSet<String>,
    /// `None` if only a JSON report is known.
    pub(crate) counts: Option<Counts>,
}

/// A run.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    /// Its files.
    pub(crate) name: String,
    pub(crate) records: Vec<RunRecord>,
    /// Whether its records say that it is complete; events have none.
    pub(crate) is_complete: bool,
    pub(crate) kinds: BTreeMap<LineKind, Measured>,
}

impl Run {
    /// The run that was counted in this part, in which all of its parts are merged.
    pub(crate) fn of(part: RunPart) -> Self {
        let records = whole_runs(&part.records);
        let is_recorded = !records.is_empty() || !part.counts.contains_key(&LineKind::Outcomes);
        let kinds = part.counts.into_iter().map(|(kind, counts)| (kind, Measured::of(counts)));
        Self {
            name: part.name,
            is_complete: is_recorded && records.iter().all(|record| record.complete),
            kinds: kinds.collect(),
            records: part.records,
        }
    }

    /// The run of a JSON report.
    pub(crate) fn read(name: String, report: &Value) -> Self {
        let kinds = LineKind::ALL.into_iter().filter(|kind| report[kind.key()].is_object());
        let kinds = kinds.map(|kind| (kind, Measured::read(report, kind)));
        let records = report["outcomes"]["runs"].as_array().into_iter().flatten();
        Self {
            name,
            is_complete: report["outcomes"]["complete"] != Value::Bool(false)
                && report["run"]["interrupted"] != Value::Bool(true),
            records: records.filter_map(|record| serde_json::from_value(record.clone()).ok()).collect(),
            kinds: kinds.collect(),
        }
    }

    /// Whether events were sent when they were due, whatever came of those before: then a wait of the server is in
    /// `end_to_end` alone.
    pub(crate) fn is_open_loop(&self) -> bool {
        self.records.iter().any(RunRecord::is_open_loop)
    }
}

impl Measured {
    fn of(counts: Counts) -> Self {
        let mut whole = Sample::of(&counts.figures, counts.throughput(), counts.unread);
        if let Some(end_to_end) = &counts.end_to_end {
            whole.add_latency(LatencySpan::EndToEnd, end_to_end);
        }
        let sample = |figures| Sample::of(figures, counts.throughput_of(figures), counts.unread);
        let groups = counts.groups.iter().map(|(name, groups)| {
            (name.clone(), groups.iter().map(|(key, figures)| (key.clone(), sample(figures))).collect())
        });
        Self { whole, groups: groups.collect(), capped: counts.capped.clone(), counts: Some(counts) }
    }

    fn read(report: &Value, kind: LineKind) -> Self {
        let from = &report[kind.key()];
        let number = |value: &Value| value.as_f64().unwrap_or(0.0);
        let unread = UnreadValues::reported(report, kind);
        let whole = Sample::read(from, None, unread);
        let seconds = from["time"]["span_s"].as_f64().filter(|seconds| *seconds > 0.0);
        // A line without a time, or for which no request was sent, has no part in the throughput.
        let counted =
            |seconds: &f64| whole.get(Figure::Throughput).map(|rate| (rate * seconds - number(&from["count"])).abs());
        let seconds = seconds.filter(|seconds| counted(seconds).is_some_and(|off| off < 1.0 + seconds * 0.0005));
        let groupings = from["by"].as_object().into_iter().flatten();
        let is_rest = |group: &Value| group["group"].is_null();
        let capped = groupings.clone().filter(|(_, groups)| groups.as_array().into_iter().flatten().any(is_rest));
        let capped = capped.map(|(name, _)| name.clone()).collect();
        let groups = groupings.map(|(name, groups)| {
            let fields: Vec<&str> = name.split(',').collect();
            let each = groups.as_array().into_iter().flatten().filter(|group| group["group"].is_object());
            let each = each.map(|group| {
                let key =
                    fields.iter().map(|field| group["group"][*field].as_str().map(Box::from)).collect::<GroupKey>();
                (key, Sample::read(group, seconds, unread))
            });
            (name.clone(), each.collect())
        });
        Self { groups: groups.collect(), capped, whole, counts: None }
    }
}
