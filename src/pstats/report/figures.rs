//! The figures that events and outcomes both have: of the whole, of each group, of each window.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::units::{milliseconds, seconds, share};
use crate::clock::Micros;
use crate::pstats::figures::Figures;
use crate::pstats::groups::{Group, Groups};
use crate::pstats::settings::Grouping;
use crate::pstats::sketch::{Fine, Latency, Sketch};
use crate::pstats::stream::Stream;
use crate::pstats::windows::Windows;
use crate::record::timestamp;

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
    pub(super) fn new<S: Sketch>(figures: &Figures<S>) -> Self {
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
    pub(super) fn new<S: Sketch>(latency: &Latency<S>) -> Self {
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

pub(super) fn distribution(sketch: &Fine) -> Vec<ClassReport> {
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

pub(super) fn by(stream: &Stream, groupings: &[Grouping]) -> By {
    groupings
        .iter()
        .zip(stream.groups.each())
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

pub(super) fn windows(windows: &Windows) -> Vec<WindowReport> {
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
    pub(super) fn new(stream: &mut Stream) -> Self {
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
    pub(super) fn new(range: Option<(Micros, Micros)>) -> Self {
        Self {
            first: range.map(|(first, _)| timestamp::format(first)),
            last: range.map(|(_, last)| timestamp::format(last)),
            span_s: range.map(|(first, last)| seconds(last.saturating_sub(first))),
        }
    }
}
