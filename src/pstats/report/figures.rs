//! The figures that events and outcomes both have: of the whole, of each group, of each window.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;

use super::units::{milliseconds, seconds, share};
use crate::cli::numbers::count;
use crate::clock::Micros;
use crate::pstats::figures::Figures;
use crate::pstats::groups::{Group, Groups};
use crate::pstats::layout::Grouping;
use crate::pstats::named::{Named, as_object};
use crate::pstats::sketch::{Fine, LatencySketch, Sketch};
use crate::pstats::stream::Stream;
use crate::pstats::windows::Windows;
use crate::time;

/// The figures that the whole, each group and each window have.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct FiguresReport {
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

/// A distribution of latencies, in milliseconds. Null if there is none.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct LatencyReport {
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
    pub(super) fn new<S: Sketch>(latency: &LatencySketch<S>) -> Self {
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
pub(crate) struct ClassReport {
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
pub(crate) struct GroupReport {
    /// Field and value in the order of the grouping, an object in JSON; null for a value that is not there.
    #[serde(serialize_with = "as_object")]
    pub group: Option<Named>,
    /// Its figures.
    #[serde(flatten)]
    pub figures: FiguresReport,
}

impl GroupReport {
    /// Its values as people read them, one for each of this many fields.
    pub(crate) fn labels(&self, fields: usize) -> Vec<String> {
        match &self.group {
            None => std::iter::once("(other)".to_owned()).chain((1..fields).map(|_| String::new())).collect(),
            Some(values) => values.iter().map(|(_, v)| v.as_deref().unwrap_or("(none)").to_owned()).collect(),
        }
    }

    /// Its values as one text.
    pub(crate) fn label(&self) -> String {
        self.labels(1).join(" ")
    }

    /// Whether it holds the lines beyond `--max-groups`.
    pub(crate) fn is_rest(&self) -> bool {
        self.group.is_none()
    }

    /// Whether any of its fields has a value.
    pub(crate) fn has_value(&self) -> bool {
        self.group.as_ref().is_some_and(|values| values.iter().any(|(_, value)| value.is_some()))
    }
}

/// Groupings by name, each with its groups from the largest to the smallest; behind them those whose values are no names.
pub(crate) type By = BTreeMap<String, Vec<GroupReport>>;

pub(super) fn by(stream: &Stream, groupings: &[Grouping]) -> By {
    groupings
        .iter()
        .zip(stream.groups.each())
        .map(|(grouping, groups)| (grouping.name(), groups_of(grouping, groups)))
        .collect()
}

fn groups_of(grouping: &Grouping, groups: &Groups) -> Vec<GroupReport> {
    let mut sorted: Vec<&Group> = groups.iter().collect();
    let order = |group: &Group| (!group.key.iter().all(is_name), Reverse(group.figures.count()));
    sorted.sort_by(|a, b| order(a).cmp(&order(b)).then_with(|| a.key.cmp(&b.key)));
    let named = sorted.into_iter().map(|group| {
        let values = group.key.iter().map(|value| value.as_deref().map(str::to_owned));
        let group_of = grouping.fields.iter().cloned().zip(values).collect();
        GroupReport { group: Some(group_of), figures: FiguresReport::new(&group.figures) }
    });
    let rest = groups.rest().map(|rest| GroupReport { group: None, figures: FiguresReport::new(rest) });
    named.chain(rest).collect()
}

/// Whether a value can be what someone called a service or a city: not where there is none, or a broken line left control
/// characters or nothing but blanks.
#[allow(clippy::borrowed_box)] // the shape of a group's key
fn is_name(value: &Option<Box<str>>) -> bool {
    value.as_deref().is_some_and(|text| !text.trim().is_empty() && !text.contains(char::is_control))
}

/// A stretch of time.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct WindowReport {
    /// RFC 3339.
    pub start: String,
    /// The figures of the lines that fell into it.
    #[serde(flatten)]
    pub figures: FiguresReport,
}

pub(super) fn windows(windows: &Windows) -> Vec<WindowReport> {
    let report = |(start, figures)| WindowReport { start: time::format(start), figures: FiguresReport::new(figures) };
    windows.iter().map(report).collect()
}

/// How many ids, and how many of them differ.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct IdsReport {
    /// Unique ids; null if there are more than `--exact-ids`.
    pub unique: Option<u64>,
    /// Lines whose id was on an earlier line; null likewise.
    pub duplicates: Option<u64>,
    /// Whether these two are known.
    pub exact: bool,
    /// Lower bound of the number of unique ids.
    pub unique_at_least: u64,
}

impl IdsReport {
    pub(super) fn new(stream: &mut Stream) -> Self {
        let unique = stream.ids.unique();
        Self {
            unique: unique.ok(),
            duplicates: unique.ok().map(|unique| stream.ids.total() - unique),
            exact: unique.is_ok(),
            unique_at_least: unique.unwrap_or_else(|least| least),
        }
    }

    /// Those of its figures that are not known, and why.
    pub(super) fn not_known(&self) -> Vec<(&'static str, String)> {
        if self.exact {
            return Vec::new();
        }
        let cap = count(self.unique_at_least - 1);
        let why = format!("more than {cap} unique ids were read; raise --exact-ids");
        vec![("ids.unique", why.clone()), ("ids.duplicates", why)]
    }

    /// Both figures with their names, for a reader.
    pub(super) fn facts(&self) -> [(&'static str, &'static str, Option<u64>, String); 2] {
        let shown = |n: Option<u64>| n.map_or_else(|| "not known".to_owned(), count);
        let unique = match self.unique {
            None => format!("over {}", count(self.unique_at_least - 1)),
            known => shown(known),
        };
        [
            ("unique ids", "unique", self.unique, unique),
            ("duplicate ids", "duplicates", self.duplicates, shown(self.duplicates)),
        ]
    }
}

/// When.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct TimeReport {
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
            first: range.map(|(first, _)| time::format(first)),
            last: range.map(|(_, last)| time::format(last)),
            span_s: range.map(|(first, last)| seconds(last.saturating_sub(first))),
        }
    }
}
