//! What the page's script draws: windows in columns, curves and the rows of tables. Rounded and bounded, unlike the JSON report.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::cli::console::visible;
use crate::cli::numbers::count;
use crate::clock::Micros;
use crate::pstats::report::figures::ClassReport;
use crate::pstats::report::words::{milliseconds, percent};
use crate::pstats::report::{By, GroupReport, LatencyReport, Report, WindowReport, seconds};
use crate::time;

/// Rows of tables take at most so many bytes together, so that a page stays below 700 kB.
const MOST_BYTES: usize = 480_000;

/// A table is not cut to fewer rows than these.
const LEAST_ROWS: usize = 50;

/// Of fewer latencies, a curve of percentiles shows nothing that the table of them does not.
const LEAST_OF_A_CURVE: u64 = 10;

/// Services in the map of hours.
const MOST_SERVICES: usize = 20;

/// Everything that the script needs.
#[derive(Debug, Default, Serialize)]
pub(super) struct PageData {
    pub(super) streams: Vec<StreamData>,
    /// By the `data-table` of the element.
    pub(super) tables: BTreeMap<String, TableData>,
}

/// Events or outcomes.
#[derive(Debug, Serialize)]
pub(super) struct StreamData {
    kind: &'static str,
    /// The name of the latency that is shown.
    latency: &'static str,
    /// When the first window starts.
    start: String,
    window_s: f64,
    windows: WindowsData,
    /// Up to so many ms, and how many.
    curve: Vec<(f64, u64)>,
    base: Vec<(f64, u64)>,
    hours: Option<HoursData>,
}

/// Windows, as one list for each figure.
#[derive(Debug, Default, Serialize)]
struct WindowsData {
    /// Seconds after the first.
    at: Vec<f64>,
    count: Vec<u64>,
    errors: Vec<(&'static str, Vec<u64>)>,
    p50: Vec<Option<f64>>,
    p95: Vec<Option<f64>>,
    p99: Vec<Option<f64>>,
    p999: Vec<Option<f64>>,
    max: Vec<Option<f64>>,
    /// Of each window: half octaves and their counts.
    classes: Vec<Vec<(u32, u64)>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retries: Option<Vec<u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<Vec<u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<Vec<u64>>,
}

type HourCell = (usize, usize, u64, Option<f64>, Option<f64>);

/// Counts by hour of the day and service.
#[derive(Debug, Serialize)]
struct HoursData {
    hours: Vec<String>,
    services: Vec<String>,
    /// Hour, service, count, error rate, P95.
    cells: Vec<HourCell>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde hands out references
fn is_zero(more: &usize) -> bool {
    *more == 0
}

/// The rows of a table.
#[derive(Debug, Clone, Serialize)]
pub(super) struct TableData {
    /// How each column is shown: text, count, share or ms.
    kinds: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
    /// Rows that are left to the JSON report.
    #[serde(skip_serializing_if = "is_zero")]
    more: usize,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
enum Cell {
    Text(String),
    Count(u64),
    Figure(Option<f64>),
}

impl StreamData {
    pub(super) fn new(
        kind: &'static str,
        latency: &'static str,
        (window_s, windows): (f64, &[WindowReport]),
        (curve, base): (&[ClassReport], &[(f64, u64)]),
        by: &By,
    ) -> Self {
        let curve = curve.iter().map(|class| (class.up_to_ms, class.count)).collect();
        let start = windows.first().map_or_else(String::new, |window| window.start.clone());
        let windows = WindowsData::new(windows);
        Self { kind, latency, start, window_s, windows, curve, base: base.to_vec(), hours: HoursData::new(by) }
    }

    /// Whether there is anything over time to show: two points are no trend.
    pub(super) fn has_trend(&self) -> bool {
        self.windows.at.len() > 2
    }

    pub(super) fn has_errors(&self) -> bool {
        !self.windows.errors.is_empty()
    }

    pub(super) fn has_retries(&self) -> bool {
        self.windows.retries.is_some()
    }

    pub(super) fn has_schedule(&self) -> bool {
        self.windows.due.is_some()
    }

    pub(super) fn has_curve(&self) -> bool {
        self.curve.iter().map(|(_, n)| n).sum::<u64>() >= LEAST_OF_A_CURVE
    }

    pub(super) fn has_hours(&self) -> bool {
        self.hours.is_some()
    }
}

impl WindowsData {
    fn new(windows: &[WindowReport]) -> Self {
        let of = |figure: fn(&LatencyReport) -> Option<f64>| windows.iter().map(|w| figure(w.latency())).collect();
        let mut kinds: Vec<&'static str> = windows.iter().flat_map(|w| w.errors.keys().copied()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let errors =
            |kind: &'static str| (kind, windows.iter().map(|w| w.errors.get(kind).copied().unwrap_or(0)).collect());
        let first = windows.first().and_then(|w| micros(&w.start)).unwrap_or(0);
        let retries: Option<Vec<u64>> = windows.iter().map(|w| w.retries).collect();
        let due: Option<Vec<u64>> = windows.iter().map(|w| w.schedule.as_ref().map(|s| s.due)).collect();
        let has_windows = !windows.is_empty();
        Self {
            at: windows.iter().map(|w| seconds(micros(&w.start).unwrap_or(first) - first)).collect(),
            count: windows.iter().map(|w| w.figures.count).collect(),
            errors: kinds.into_iter().map(errors).collect(),
            p50: of(|l| l.p50_ms),
            p95: of(|l| l.p95_ms),
            p99: of(|l| l.p99_ms),
            p999: of(|l| l.p999_ms),
            max: of(|l| l.max_ms),
            classes: windows.iter().map(|w| w.classes.iter().map(|(n, count)| (*n, *count)).collect()).collect(),
            retries: retries.filter(|retries| retries.iter().any(|n| *n > 0)),
            due: due.filter(|_| has_windows),
            ended: windows
                .iter()
                .map(|w| w.schedule.as_ref().map(|s| s.ended))
                .collect::<Option<_>>()
                .filter(|_| has_windows),
        }
    }
}

/// A time that the report wrote.
fn micros(rfc3339: &str) -> Option<Micros> {
    time::parse(rfc3339.as_bytes())
}

impl HoursData {
    /// `None` unless there are services at more than one hour of the day.
    fn new(by: &By) -> Option<Self> {
        let name = |group: &GroupReport, place: usize| group.group.as_ref().and_then(|g| g.get(place)?.1.clone());
        let ranked = ranked(by.get("service")?);
        let services: Vec<String> = ranked.iter().filter_map(|group| name(group, 0)).take(MOST_SERVICES).collect();
        let groups = by.get("service,hour")?;
        let cells: Vec<HourCell> = groups
            .iter()
            .filter_map(|group| {
                let service = services.iter().position(|service| Some(service) == name(group, 0).as_ref())?;
                let hour = name(group, 1)?.parse::<usize>().ok().filter(|hour| *hour < 24)?;
                let figures = &group.figures;
                Some((hour, service, figures.count, figures.error_rate, rounded(group.latency().p95_ms)))
            })
            .collect();
        let first = cells.first()?.0;
        let services = services.iter().map(|name| visible(name).into_owned()).collect();
        let hours = (0..24).map(|hour| format!("{hour:02}")).collect();
        cells.iter().any(|cell| cell.0 != first).then_some(Self { hours, services, cells })
    }
}

/// To three decimals: whole microseconds.
fn rounded(n: Option<f64>) -> Option<f64> {
    n.map(|n| (n * 1000.0).round() / 1000.0)
}

/// Groups with the most errors first, then the largest. Those whose values are no names stay behind, and the rest last.
pub(super) fn ranked(groups: &[GroupReport]) -> Vec<&GroupReport> {
    let mut ranked: Vec<&GroupReport> = groups.iter().collect();
    ranked.sort_by_key(|g| {
        let rank = if g.is_rest() { 2 } else { u8::from(!g.has_names()) };
        (rank, std::cmp::Reverse((g.figures.failures, g.figures.count)))
    });
    ranked
}

impl TableData {
    /// The rows of groups: hours in the order of the day, all others ranked. `fields` is how many fields they have.
    pub(super) fn of_groups(name: &str, groups: &[GroupReport], fields: usize) -> Self {
        let mut order = ranked(groups);
        if name == "hour" {
            order.sort_by_key(|group| group.label());
        }
        let kinds = std::iter::repeat_n("text", fields);
        let kinds = kinds.chain(["count", "count", "share", "ms", "ms", "ms", "ms", "ms", "ms"]).collect();
        let row = |group: &&GroupReport| {
            let latency = group.latency();
            let figures =
                [latency.mean_ms, latency.p50_ms, latency.p95_ms, latency.p99_ms, latency.p999_ms, latency.max_ms];
            let labels = group.labels(fields).into_iter().map(|label| Cell::Text(visible(&label).into_owned()));
            let counts = [Cell::Count(group.figures.count), Cell::Count(group.figures.failures)];
            let rate = group.figures.error_rate.map(|rate| (rate * 1e6).round() / 1e6);
            let figures = std::iter::once(rate).chain(figures.map(rounded)).map(Cell::Figure);
            labels.chain(counts).chain(figures).collect()
        };
        Self { kinds, rows: order.iter().map(row).collect(), more: 0 }
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The first rows, as they are read.
    pub(super) fn shown(&self, most: usize) -> impl Iterator<Item = Vec<String>> {
        let shown = |(cell, kind): (&Cell, &&'static str)| match (cell, *kind) {
            (Cell::Text(text), _) => text.clone(),
            (Cell::Count(n), _) => count(*n),
            (Cell::Figure(share), "share") => percent(*share),
            (Cell::Figure(ms), _) => milliseconds(*ms),
        };
        self.rows.iter().take(most).map(move |row| row.iter().zip(&self.kinds).map(shown).collect())
    }
}

impl PageData {
    /// Cuts the longest tables until all fit.
    pub(super) fn bound(&mut self) {
        let size = |table: &TableData| serde_json::to_string(&table.rows).map_or(0, |text| text.len());
        let mut sizes: BTreeMap<String, usize> = self.tables.iter().map(|(name, t)| (name.clone(), size(t))).collect();
        while sizes.values().sum::<usize>() > MOST_BYTES {
            let Some((name, bytes)) = sizes.iter_mut().max_by_key(|(_, bytes)| **bytes) else { return };
            let Some(table) = self.tables.get_mut(name).filter(|table| table.len() > LEAST_ROWS) else { return };
            let kept = (table.len() / 2).max(LEAST_ROWS);
            table.more += table.len() - kept;
            table.rows.truncate(kept);
            *bytes = size(table);
        }
    }
}

/// The curve of a base's JSON report, as (up to ms, count).
pub(super) fn base_curve(report: &Report, kind: &str, key: &str) -> Vec<(f64, u64)> {
    let classes = report.base.as_ref().and_then(|base| base[kind][key].as_array());
    let class = |class: &serde_json::Value| Some((class["up_to_ms"].as_f64()?, class["count"].as_u64()?));
    classes.into_iter().flatten().filter_map(class).collect()
}
