//! The report: every figure of a run under its name, as `--format json` shows it and the other forms draw on it.
//!
//! A pure function of the summary; only [`Run`] holds what depends on the clock, the file names or the command line
//! (contracts §5). Field names here are the JSON's keys.

pub mod compare;
pub mod html;
pub mod junit;
pub mod markdown;
mod outcomes;
pub mod prometheus;
mod sheet;
pub mod text;
pub mod words;

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use serde_json::Value;

use compare::ComparedReport;
pub use outcomes::OutcomesReport;

use super::figures::Figures;
use super::groups::{Group, Groups};
use super::input::{Amount, Flaws, Input};
use super::joins::{ReconciledReport, TruthReport};
use super::require::{Requirement, Verdict};
use super::settings::{Grouping, Layout, Settings};
use super::sketch::{Fine, Latency, Sketch};
use super::stream::Stream;
use super::summary::{Events, Summary};
use super::windows::Windows;
use crate::clock::Micros;
use crate::error::{Error, Result};
use crate::record::timestamp;

/// The whole report.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What came in, and what of it could not be read.
    pub input: InputReport,
    /// Where events came in.
    pub events: Option<EventsReport>,
    /// Where outcomes came in.
    pub outcomes: Option<OutcomesReport>,
    /// With `--truth`: what became of each injected fault.
    pub truth: Option<TruthReport>,
    /// With `--against` or `--stored`: what was sent, arrived and is stored.
    pub reconciled: Option<ReconciledReport>,
    /// The verdict on each `--require`.
    pub requirements: Vec<Verdict>,
    /// What depends on the clock, the file names or the command line.
    pub run: Run,
}

/// What depends on the clock, the file names or the command line.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Run {
    /// pstats' version.
    pub version: &'static str,
    /// The files read; empty for standard input.
    pub files: Vec<String>,
    /// Lines of state read; what they hold is under `input`.
    pub state_lines: u64,
    /// When pstats began to read, RFC 3339.
    pub started_at: String,
    /// When it had read all, RFC 3339.
    pub ended_at: String,
    /// How long that took.
    pub elapsed_s: f64,
    /// `--window`; the windows are wider where it was doubled.
    pub window_s: Option<f64>,
    /// Whether a second signal ended the reading.
    pub interrupted: bool,
    /// With `--compare`: this run beside an earlier one.
    pub compared: Option<ComparedReport>,
}

/// Under `input`.
#[derive(Debug, Clone, Serialize)]
pub struct InputReport {
    /// All lines.
    pub lines: u64,
    /// All bytes.
    pub bytes: u64,
    /// Lines and bytes by kind.
    pub kinds: BTreeMap<&'static str, Amount>,
    /// Lines that could not be read as a JSON object.
    pub unreadable: u64,
    /// Fields of events that were missing or said nothing that can be counted.
    pub event_fields: BTreeMap<&'static str, u64>,
    /// The same of outcomes.
    pub outcome_fields: BTreeMap<&'static str, u64>,
    /// Streams of state that broke off.
    pub states_cut_off: u64,
    /// JSON arrays without their end.
    pub arrays_cut_off: u64,
}

impl InputReport {
    fn new(input: &Input) -> Self {
        let total = input.total();
        let flaws = |flaws: &Flaws| flaws.each().collect();
        Self {
            lines: total.lines,
            bytes: total.bytes,
            kinds: input.kinds.each().collect(),
            unreadable: input.unreadable(),
            event_fields: flaws(&input.event_flaws),
            outcome_fields: flaws(&input.outcome_flaws),
            states_cut_off: input.states_cut_off,
            arrays_cut_off: input.arrays_cut_off,
        }
    }
}

/// The figures that the whole, each group and each window have.
#[derive(Debug, Clone, Serialize)]
pub struct FiguresReport {
    /// Lines.
    pub count: u64,
    /// Successes among the lines that say, 0 to 1.
    pub success_rate: Option<f64>,
    /// The rest of them, 0 to 1.
    pub error_rate: Option<f64>,
    /// Latency.
    pub latency: LatencyReport,
}

impl FiguresReport {
    fn new<S: Sketch>(figures: &Figures<S>) -> Self {
        let failures = figures.failures();
        Self {
            count: figures.count(),
            success_rate: share(figures.judged() - failures, figures.judged()),
            error_rate: share(failures, figures.judged()),
            latency: LatencyReport::new(figures.latency()),
        }
    }
}

/// A distribution of latencies, in milliseconds. Null where there is none.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)] // each is what its name says
pub struct LatencyReport {
    /// How many lines had a latency.
    pub count: u64,
    pub mean_ms: Option<f64>,
    pub p50_ms: Option<f64>,
    pub p90_ms: Option<f64>,
    pub p95_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    pub p999_ms: Option<f64>,
    pub p9999_ms: Option<f64>,
    pub max_ms: Option<f64>,
}

impl LatencyReport {
    fn new<S: Sketch>(latency: &Latency<S>) -> Self {
        let at = |millionths| latency.quantile_us(millionths).map(milliseconds);
        Self {
            count: latency.count(),
            mean_ms: latency.mean_us().map(|us| us.round() / 1000.0),
            p50_ms: at(500_000),
            p90_ms: at(900_000),
            p95_ms: at(950_000),
            p99_ms: at(990_000),
            p999_ms: at(999_000),
            p9999_ms: at(999_900),
            max_ms: latency.max_us().map(milliseconds),
        }
    }
}

/// A class of latencies.
#[derive(Debug, Clone, Serialize)]
pub struct ClassReport {
    /// The longest in it.
    pub up_to_ms: f64,
    /// How many.
    pub count: u64,
}

fn distribution(sketch: &Fine) -> Vec<ClassReport> {
    sketch.classes().into_iter().map(|(us, count)| ClassReport { up_to_ms: milliseconds(us), count }).collect()
}

/// A group: its fields' values (null for the lines past `--max-groups`), and its figures.
#[derive(Debug, Clone, Serialize)]
pub struct GroupReport {
    /// Field and value in the order of the grouping, an object in JSON; null for a value that is not there.
    #[serde(serialize_with = "as_object")]
    pub group: Option<Vec<(String, Option<String>)>>,
    /// Its figures.
    #[serde(flatten)]
    pub figures: FiguresReport,
}

impl GroupReport {
    /// Its values, one for each of so many fields, as people read them.
    pub fn labels(&self, fields: usize) -> Vec<String> {
        match &self.group {
            None => std::iter::once("(other)".to_owned()).chain((1..fields).map(|_| String::new())).collect(),
            Some(values) => values.iter().map(|(_, v)| v.as_deref().unwrap_or("(none)").to_owned()).collect(),
        }
    }

    /// Its values as one text.
    pub fn label(&self) -> String {
        self.labels(1).join(" ")
    }

    /// Whether any of its fields has a value.
    pub fn has_value(&self) -> bool {
        self.group.as_ref().is_some_and(|values| values.iter().any(|(_, value)| value.is_some()))
    }
}

fn as_object<S: Serializer>(group: &Option<Vec<(String, Option<String>)>>, to: S) -> Result<S::Ok, S::Error> {
    match group {
        None => to.serialize_none(),
        Some(values) => to.collect_map(values.iter().map(|(field, value)| (field, value))),
    }
}

/// Groupings by name, each with its groups from the largest to the smallest.
pub type By = BTreeMap<String, Vec<GroupReport>>;

fn by(stream: &Stream, groupings: &[Grouping]) -> By {
    groupings
        .iter()
        .zip(&stream.groups)
        .map(|(grouping, groups)| (grouping.name(), groups_of(grouping, groups)))
        .collect()
}

fn groups_of(grouping: &Grouping, groups: &Groups) -> Vec<GroupReport> {
    let mut sorted: Vec<&Group> = groups.iter().collect();
    sorted.sort_by(|a, b| b.figures.count().cmp(&a.figures.count()).then_with(|| a.key.cmp(&b.key)));
    let named = sorted.into_iter().map(|group| {
        let values = group.key.iter().map(|value| value.as_deref().map(str::to_owned));
        let group_of = grouping.fields.iter().cloned().zip(values).collect();
        GroupReport { group: Some(group_of), figures: FiguresReport::new(&group.figures) }
    });
    let rest = groups.rest().map(|rest| GroupReport { group: None, figures: FiguresReport::new(rest) });
    named.chain(rest).collect()
}

/// A stretch of time.
#[derive(Debug, Clone, Serialize)]
pub struct WindowReport {
    /// RFC 3339.
    pub start: String,
    /// The figures of the lines that fell into it.
    #[serde(flatten)]
    pub figures: FiguresReport,
}

fn windows(windows: &Windows) -> Vec<WindowReport> {
    let report =
        |(start, figures)| WindowReport { start: timestamp::format(start), figures: FiguresReport::new(figures) };
    windows.iter().map(report).collect()
}

/// How many ids, and how many of them differ.
#[derive(Debug, Clone, Serialize)]
pub struct IdsReport {
    /// Different ids.
    pub unique: u64,
    /// Lines whose id stood on an earlier line.
    pub duplicates: u64,
    /// Whether both are exact, or estimated within about 1 %.
    pub exact: bool,
}

impl IdsReport {
    fn new(stream: &mut Stream) -> Self {
        let (unique, exact) = stream.ids.unique();
        Self { unique, duplicates: stream.ids.total() - unique, exact }
    }
}

/// When.
#[derive(Debug, Clone, Serialize)]
pub struct TimeReport {
    /// The earliest time, RFC 3339.
    pub first: Option<String>,
    /// The latest time, RFC 3339.
    pub last: Option<String>,
    /// From the one to the other.
    pub span_s: Option<f64>,
}

impl TimeReport {
    fn new(range: Option<(Micros, Micros)>) -> Self {
        Self {
            first: range.map(|(first, _)| timestamp::format(first)),
            last: range.map(|(_, last)| timestamp::format(last)),
            span_s: range.map(|(first, last)| seconds(last.saturating_sub(first))),
        }
    }
}

/// Whether times come in order (see `order.rs` for what late and gap mean).
#[derive(Debug, Clone, Serialize)]
pub struct OrderReport {
    /// Lines whose time is earlier than the line's before.
    pub late: u64,
    /// Their share, 0 to 1.
    pub late_share: Option<f64>,
    /// The longest time between two lines in order.
    pub longest_gap_s: Option<f64>,
    /// The furthest that time went back from one line to the next.
    pub longest_step_back_s: f64,
}

/// Shares of status codes by their first digit, 0 to 1.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)] // each is what its name says
pub struct ClassesReport {
    #[serde(rename = "1xx")]
    pub informational: u64,
    #[serde(rename = "2xx")]
    pub success: u64,
    #[serde(rename = "3xx")]
    pub redirection: u64,
    #[serde(rename = "4xx")]
    pub client_error: u64,
    #[serde(rename = "5xx")]
    pub server_error: u64,
    pub other: u64,
}

/// Under `events`.
#[derive(Debug, Clone, Serialize)]
pub struct EventsReport {
    /// Of all events.
    #[serde(flatten)]
    pub figures: FiguresReport,
    /// Latencies over an hour: in mean and maximum, counted as an hour in the quantiles.
    pub latency_over_1h: u64,
    /// Latencies in classes of a quarter of an octave, ascending and without gaps.
    pub latency_distribution: Vec<ClassReport>,
    /// Events a second of their own time.
    pub throughput: Option<f64>,
    /// Their own time.
    pub time: TimeReport,
    /// The order of their times.
    pub order: OrderReport,
    /// Their ids.
    pub ids: IdsReport,
    /// By the first digit of the status code.
    pub status_classes: ClassesReport,
    /// Events answered from a cache among those that say, 0 to 1.
    pub cache_hit_rate: Option<f64>,
    /// The endpoint with the longest mean latency.
    pub slowest_endpoint: Option<EndpointReport>,
    /// The endpoint with the shortest mean latency.
    pub fastest_endpoint: Option<EndpointReport>,
    /// Groups.
    pub by: By,
    /// The width of a window.
    pub window_s: f64,
    /// By time; a window without events is left out.
    pub windows: Vec<WindowReport>,
}

/// An endpoint and its mean.
#[derive(Debug, Clone, Serialize)]
pub struct EndpointReport {
    /// Which.
    pub endpoint: String,
    /// Its mean latency.
    pub mean_ms: f64,
}

impl EventsReport {
    fn new(events: &mut Events, groupings: &[Grouping]) -> Self {
        let ids = IdsReport::new(&mut events.stream);
        let stream = &events.stream;
        let by = by(stream, groupings);
        let shown = stream.windows.shown();
        let mut means: Vec<EndpointReport> = by["endpoint"]
            .iter()
            .filter_map(|group| {
                let (_, endpoint) = group.group.as_ref()?.first()?.clone();
                Some(EndpointReport { endpoint: endpoint?, mean_ms: group.figures.latency.mean_ms? })
            })
            .collect();
        means.sort_by(|a, b| a.mean_ms.total_cmp(&b.mean_ms).then_with(|| a.endpoint.cmp(&b.endpoint)));
        let order = &stream.order;
        let [other, informational, success, redirection, client_error, server_error] = events.classes;
        Self {
            figures: FiguresReport::new(&stream.figures),
            latency_over_1h: stream.figures.latency().sketch().over(),
            latency_distribution: distribution(stream.figures.latency().sketch()),
            throughput: per_second(order.count(), order.range()),
            time: TimeReport::new(order.range()),
            order: OrderReport {
                late: order.late(),
                late_share: share(order.late(), order.count()),
                longest_gap_s: order.longest_gap().map(seconds),
                longest_step_back_s: seconds(order.longest_step_back()),
            },
            ids,
            status_classes: ClassesReport { informational, success, redirection, client_error, server_error, other },
            cache_hit_rate: share(events.cache.1, events.cache.0),
            fastest_endpoint: means.first().cloned(),
            slowest_endpoint: means.pop(),
            by,
            window_s: seconds(shown.width()),
            windows: windows(&shown),
        }
    }
}

impl Report {
    /// The report on what was counted, without a verdict yet.
    pub fn new(summary: &mut Summary, layout: &Layout, run: Run) -> Self {
        let of_events = summary.events.stream.figures.count() > 0;
        let of_outcomes = summary.outcomes.stream.figures.count() > 0 || !summary.outcomes.runs.is_empty();
        Self::with(summary, layout, run, of_events, of_outcomes)
    }

    /// The report on nothing, with all of its parts: which figures there are. A text is there, if empty; what is null would be
    /// a number.
    pub fn on_nothing(settings: &Settings, layout: &Layout) -> Value {
        let run = Run { compared: Some(ComparedReport::default()), ..Run::default() };
        let mut report = Self::with(&mut Summary::new(settings, layout), layout, run, true, true);
        let time = TimeReport { first: Some(String::new()), last: Some(String::new()), span_s: None };
        let endpoint = EndpointReport { endpoint: String::new(), mean_ms: 0.0 };
        if let Some(events) = &mut report.events {
            events.time = time.clone();
            (events.slowest_endpoint, events.fastest_endpoint) = (Some(endpoint.clone()), Some(endpoint));
        }
        if let Some(outcomes) = &mut report.outcomes {
            outcomes.time = time;
        }
        report.truth = Some(TruthReport::on_nothing());
        report.reconciled = Some(ReconciledReport::on_nothing());
        report.to_value()
    }

    fn with(summary: &mut Summary, layout: &Layout, run: Run, of_events: bool, of_outcomes: bool) -> Self {
        Self {
            input: InputReport::new(&summary.input),
            events: of_events.then(|| EventsReport::new(&mut summary.events, &layout.of_events.all)),
            outcomes: of_outcomes.then(|| OutcomesReport::new(&mut summary.outcomes, &layout.of_outcomes.all)),
            truth: None,
            reconciled: None,
            requirements: Vec::new(),
            run,
        }
    }

    /// Puts the verdict on each requirement into the report.
    ///
    /// # Errors
    /// Where a requirement could mean events or outcomes.
    pub fn judge(&mut self, requirements: &[Requirement], base: Option<&Value>, allow: Allow) -> Result<()> {
        let value = self.to_value();
        for requirement in requirements {
            self.requirements.push(requirement.judge(&value, base, allow.empty).map_err(Error::usage)?);
        }
        if !requirements.is_empty() && !allow.partial {
            self.requirements.extend(self.incomplete().map(|message| Verdict {
                requirement: "the run is complete (--partial does without)".to_owned(),
                figure: None,
                value: None,
                met: false,
                message,
            }));
        }
        Ok(())
    }

    /// Whether a requirement was not met.
    pub fn has_failed(&self) -> bool {
        self.requirements.iter().any(|verdict| !verdict.met)
    }

    /// Why there may be less here than there was, if so.
    pub fn incomplete(&self) -> Option<String> {
        match &self.outcomes {
            _ if self.run.interrupted => {
                Some(format!("interrupted: only {} lines were counted", words::count(self.input.lines)))
            }
            Some(outcomes) if outcomes.runs.is_empty() => {
                Some("the stream of outcomes has no run record: it may be cut off".to_owned())
            }
            Some(outcomes) if !outcomes.complete => Some("a run record says that its run is not complete".to_owned()),
            _ if self.truth.as_ref().is_some_and(|truth| !truth.complete) => {
                Some("truth is not complete: its summary is missing, or says so".to_owned())
            }
            _ if self.input.states_cut_off > 0 => Some("a state is cut off: its last line is not there".to_owned()),
            _ if self.input.arrays_cut_off > 0 => Some("a JSON array is cut off: its ] is not there".to_owned()),
            _ => None,
        }
    }

    /// Lines that the run records say were read, and outcomes that came, where these are fewer. Legal: blank lines have no
    /// outcome, and a run taken up again counts its lines twice.
    pub fn outcomes_missing(&self) -> Option<(u64, u64)> {
        let outcomes = self.outcomes.as_ref()?;
        let read = outcomes.runs.iter().fold(0u64, |sum, run| sum.saturating_add(run.lines_read));
        let came = outcomes.figures.count + self.input.kinds.get("left_out").map_or(0, |amount| amount.lines);
        (read > came).then_some((read, came))
    }

    /// The report as a JSON value.
    pub fn to_value(&self) -> Value {
        serde_json::to_value(self).expect("names and numbers are JSON")
    }

    /// The report as JSON, indented, with a line's end.
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec_pretty(self).expect("names and numbers are JSON");
        json.push(b'\n');
        json
    }
}

/// What a requirement puts up with.
#[derive(Debug, Clone, Copy, Default)]
pub struct Allow {
    /// `--allow-empty`: no data meets every requirement.
    pub empty: bool,
    /// `--partial`: a run that is not complete is as good.
    pub partial: bool,
}

/// `part` of `whole`, 0 to 1; `None` of nothing.
#[allow(clippy::cast_precision_loss)] // counts stay below 2^53
fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[allow(clippy::cast_precision_loss)]
fn milliseconds(us: u64) -> f64 {
    us as f64 / 1000.0
}

#[allow(clippy::cast_precision_loss)]
pub(super) fn seconds(us: Micros) -> f64 {
    us as f64 / 1e6
}

#[allow(clippy::cast_precision_loss)]
fn per_second(count: u64, range: Option<(Micros, Micros)>) -> Option<f64> {
    let (first, last) = range?;
    (last > first).then(|| (count as f64 / seconds(last - first) * 1000.0).round() / 1000.0)
}
