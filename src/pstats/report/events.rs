//! The report on events, under `events`.

use serde::Serialize;

use super::figures::{
    By, ClassReport, FiguresReport, GroupReport, IdsReport, TimeReport, WindowReport, by, distribution, windows,
};
use super::units::{NO_TIME_PASSED, per_second, seconds, share};
use crate::pstats::layout::Grouping;
use crate::pstats::line_kind::LineKind;
use crate::pstats::summary::Events;

/// Whether times come in order (see `order.rs` for what late and gap mean).
#[derive(Debug, Clone, Serialize)]
pub(crate) struct OrderReport {
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
pub(crate) struct ClassesReport {
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

impl ClassesReport {
    /// Events that have a status code.
    pub(crate) fn known(&self) -> u64 {
        self.informational + self.success + self.redirection + self.client_error + self.server_error + self.other
    }
}

/// Under `events`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct EventsReport {
    /// Of all events.
    #[serde(flatten)]
    pub figures: FiguresReport,
    /// Latencies over an hour: quantiles among them lie within 1 % rather than 0.1 %.
    pub latency_over_1h: u64,
    /// Latencies in classes of a quarter of an octave, ascending and without gaps.
    pub latency_distribution: Vec<ClassReport>,
    /// Events per second of event time.
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
    /// The endpoint with the longest mean latency; null if endpoints past `--max-groups` were counted together.
    pub slowest_endpoint: Option<EndpointReport>,
    /// The endpoint with the shortest mean latency; null likewise.
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
pub(crate) struct EndpointReport {
    /// Which.
    pub endpoint: String,
    /// Its mean latency.
    pub mean_ms: f64,
}

impl EventsReport {
    /// The figures that are not known though events came, and why.
    pub(super) fn not_known(&self) -> Vec<(&'static str, String)> {
        let mut figures = self.ids.not_known();
        if self.by["endpoint"].iter().any(GroupReport::is_rest) {
            let why = "endpoints beyond --max-groups were counted together; raise --max-groups";
            figures.push(("slowest_endpoint.mean_ms", why.to_owned()));
            figures.push(("fastest_endpoint.mean_ms", why.to_owned()));
        }
        if self.time.first.is_some() && self.throughput.is_none() {
            figures.push(("throughput", NO_TIME_PASSED.to_owned()));
        }
        figures
    }

    pub(super) fn new(events: &mut Events, groupings: &[Grouping]) -> Self {
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
        if by["endpoint"].iter().any(GroupReport::is_rest) {
            means.clear();
        }
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
            windows: windows(&shown, LineKind::Events),
        }
    }
}
