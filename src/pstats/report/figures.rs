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
use crate::pstats::line_kind::LineKind;
use crate::pstats::named::{Named, as_object};
use crate::pstats::sketch::{Coarse, Fine, LatencySketch, Sketch};
use crate::pstats::stream::Stream;
use crate::pstats::windows::{EVENT_ERRORS, Window, Windows};
use crate::record::outcome::Word;
use crate::time;

/// The figures that the whole, each group and each window have.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct FiguresReport {
    /// Lines.
    pub count: u64,
    /// Lines that say whether they were a success: rates are shares of these.
    pub rated: u64,
    /// How many of these were not.
    #[serde(skip)]
    pub failures: u64,
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
            rated: figures.judged(),
            failures,
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
    /// Of outcomes of an open loop: from when they were due up to the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_to_end: Option<LatencyReport>,
}

impl GroupReport {
    fn new(group: Option<Named>, figures: &Figures<Coarse>) -> Self {
        let end_to_end = figures.end_to_end().map(LatencyReport::new);
        Self { group, figures: FiguresReport::new(figures), end_to_end }
    }

    /// The latency that counts: `end_to_end` in an open loop.
    pub(crate) fn latency(&self) -> &LatencyReport {
        self.end_to_end.as_ref().unwrap_or(&self.figures.latency)
    }

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

    /// Whether all of its values can be names.
    pub(crate) fn has_names(&self) -> bool {
        self.group.as_ref().is_some_and(|values| values.iter().all(|(_, value)| value.as_deref().is_some_and(is_name)))
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
    let order = |group: &Group| {
        (!group.key.iter().all(|value| value.as_deref().is_some_and(is_name)), Reverse(group.figures.count()))
    };
    sorted.sort_by(|a, b| order(a).cmp(&order(b)).then_with(|| a.key.cmp(&b.key)));
    let named = sorted.into_iter().map(|group| {
        let values = group.key.iter().map(|value| value.as_deref().map(str::to_owned));
        let group_of = grouping.fields.iter().cloned().zip(values).collect();
        GroupReport::new(Some(group_of), &group.figures)
    });
    let rest = groups.rest().map(|rest| GroupReport::new(None, rest));
    named.chain(rest).collect()
}

/// Whether a value can be what someone called a service or a city: not where there is none, or a broken line left control
/// characters or nothing but blanks.
fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && !text.contains(char::is_control)
}

/// A stretch of time.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct WindowReport {
    /// RFC 3339.
    pub start: String,
    /// The figures of the lines that fell into it.
    #[serde(flatten)]
    pub figures: FiguresReport,
    /// Errors by kind: the words of outcomes, or `4xx`, `5xx` and `other` of events.
    pub errors: BTreeMap<&'static str, u64>,
    /// Requests after the first of an event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<u64>,
    /// What only an open loop has.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<ScheduleReport>,
    /// How many lines had a latency in each half of an octave: class n ends at 2^(n/2) µs. Only the page shows it.
    #[serde(skip)]
    pub classes: BTreeMap<u32, u64>,
}

/// A window of an open loop.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ScheduleReport {
    /// Events that were due in it.
    pub due: u64,
    /// Events that ended in it.
    pub ended: u64,
    /// From when the events sent in it were due up to their end.
    pub end_to_end: LatencyReport,
}

impl WindowReport {
    /// The latency that counts: `end_to_end` in an open loop.
    pub(crate) fn latency(&self) -> &LatencyReport {
        self.schedule.as_ref().map_or(&self.figures.latency, |schedule| &schedule.end_to_end)
    }

    fn new((start, window): (Micros, &Window), of: LineKind, is_scheduled: bool) -> Self {
        let Window { figures, counts } = window;
        let names: Vec<&'static str> = match of {
            LineKind::Events => EVENT_ERRORS.to_vec(),
            LineKind::Outcomes => Word::ALL.iter().map(|word| word.as_str()).collect(),
        };
        let errors = names.into_iter().zip(counts.errors).filter(|(_, n)| *n > 0).collect();
        let end_to_end = figures.end_to_end().cloned().unwrap_or_default();
        let leading = if is_scheduled { &end_to_end } else { figures.latency() };
        let mut classes = BTreeMap::new();
        for (us, n) in leading.sketch().buckets() {
            *classes.entry(class_of(us)).or_default() += n;
        }
        let schedule =
            ScheduleReport { due: counts.due, ended: counts.ended, end_to_end: LatencyReport::new(&end_to_end) };
        Self {
            start: time::format(start),
            figures: FiguresReport::new(figures),
            errors,
            retries: (of == LineKind::Outcomes).then_some(counts.retries),
            schedule: is_scheduled.then_some(schedule),
            classes,
        }
    }
}

/// The half of an octave that a latency in µs is in, from its end: the least n with us ≤ 2^(n/2).
fn class_of(us: u64) -> u32 {
    let us = us.max(1);
    let octave = us.ilog2();
    let square = u128::from(us) * u128::from(us);
    match square {
        square if square == 1 << (2 * octave) => 2 * octave,
        square if square <= 1 << (2 * octave + 1) => 2 * octave + 1,
        _ => 2 * octave + 2,
    }
}

/// Windows without lines are there only if lines were due or ended in them.
pub(super) fn windows(windows: &Windows, of: LineKind) -> Vec<WindowReport> {
    let is_scheduled = windows.each().any(|(_, window)| window.counts.due > 0);
    windows.each().map(|window| WindowReport::new(window, of, is_scheduled)).collect()
}

/// How many ids, and how many of them differ.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct IdsReport {
    /// Unique ids; null if there are more than `--exact-ids`.
    pub unique: Option<u64>,
    /// Lines whose id was on an earlier line; null likewise, and if no line has an id.
    pub duplicates: Option<u64>,
    /// Whether these two are known.
    pub exact: bool,
    /// Lower bound of the number of unique ids.
    pub unique_at_least: u64,
    /// Whether there were lines, and none had an id.
    #[serde(skip)]
    pub none: bool,
}

impl IdsReport {
    pub(super) fn new(stream: &mut Stream) -> Self {
        let unique = stream.ids.unique();
        let total = stream.ids.total();
        let none = total == 0 && stream.figures.count() > 0;
        Self {
            unique: unique.ok(),
            duplicates: unique.ok().filter(|_| !none).map(|unique| total - unique),
            exact: unique.is_ok(),
            unique_at_least: unique.unwrap_or_else(|least| least),
            none,
        }
    }

    /// Those of its figures that are not known, and why.
    pub(super) fn not_known(&self) -> Vec<(&'static str, String)> {
        if self.none {
            let why = "no line has an id; --fields id=PATH names another field";
            return vec![("ids.duplicates", why.to_owned())];
        }
        if self.exact {
            return Vec::new();
        }
        let cap = count(self.unique_at_least - 1);
        let why = format!("more than {cap} unique ids were read; raise --exact-ids");
        vec![("ids.unique", why.clone()), ("ids.duplicates", why)]
    }

    /// What a reader should know of them.
    pub(super) fn remark(&self) -> &'static str {
        match (self.none, self.exact) {
            (true, _) => "no line has an id",
            (false, true) => "",
            (false, false) => "counted exactly up to --exact-ids",
        }
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
