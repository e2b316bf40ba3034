//! The charts of the live screen: rates and latencies over the windows of the report.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Block, Chart, Dataset, GraphType, Widget};

use super::ink::Ink;
use crate::cli::numbers::number;
use crate::pstats::report::words::{milliseconds, moment};
use crate::pstats::report::{LatencyReport, WindowReport};
use crate::time;

/// Fewer windows are no trend.
const LEAST_WINDOWS: usize = 3;

const DAY_S: f64 = 86_400.0;

/// A chart over time.
pub(super) struct Trend {
    title: &'static str,
    lines: Vec<TrendLine>,
    /// From and to, in seconds since 1970, and how they are called.
    time: ([f64; 2], [String; 2]),
    /// The ends of the scale, and the labels from the lower to the upper.
    scale: ([f64; 2], Vec<String>),
}

struct TrendLine {
    name: &'static str,
    ink: Ink,
    points: Vec<(f64, f64)>,
    /// The latest value as it is read.
    latest: String,
}

/// The windows that a trend is of.
pub(super) struct Windows<'a> {
    of: &'a [WindowReport],
    width_s: f64,
}

impl<'a> Windows<'a> {
    /// Leaves out the last window, which is still being filled. `None` if the rest is no trend.
    pub(super) fn new(of: &'a [WindowReport], width_s: f64) -> Option<Self> {
        let of = of.split_last().map_or(of, |(_, whole)| whole);
        (of.len() >= LEAST_WINDOWS).then_some(Self { of, width_s })
    }

    /// All lines and errors per second.
    pub(super) fn rates(&self) -> Option<Trend> {
        #[allow(clippy::cast_precision_loss)] // counts stay below 2^53
        let per_second = |n: u64| n as f64 / self.width_s;
        let errors = |w: &WindowReport| Some(per_second(w.errors.values().sum()));
        let lines = vec![
            self.line("all", Ink::Rate, |w| Some(per_second(w.figures.count)), number),
            self.line("errors", Ink::Bad, errors, number),
        ];
        let most = lines.iter().flat_map(|line| &line.points).map(|(_, n)| *n).fold(0.0, f64::max);
        let labels = vec!["0".to_owned(), number(most / 2.0), number(most)];
        self.trend("Events per second", lines, ([0.0, most.max(f64::MIN_POSITIVE)], labels))
    }

    /// P50, P95 and P99, on a logarithmic scale.
    pub(super) fn quantiles(&self) -> Option<Trend> {
        let of = |figure: fn(&LatencyReport) -> Option<f64>| {
            move |w: &WindowReport| figure(w.latency()).filter(|ms| *ms > 0.0).map(f64::log10)
        };
        let ms = |log: f64| milliseconds(Some(10f64.powf(log)));
        let lines = vec![
            self.line("P50", Ink::Good, of(|l| l.p50_ms), ms),
            self.line("P95", Ink::Doubtful, of(|l| l.p95_ms), ms),
            self.line("P99", Ink::Bad, of(|l| l.p99_ms), ms),
        ];
        let values = || lines.iter().flat_map(|line| &line.points).map(|(_, log)| *log);
        let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
        if !low.is_finite() {
            return None;
        }
        // Without any height a chart is empty.
        let (low, high) = if high - low < 0.1 { (low - 0.05, high + 0.05) } else { (low, high) };
        let labels = [low, f64::midpoint(low, high), high].map(ms).to_vec();
        self.trend("Latency", lines, ([low, high], labels))
    }

    fn line(
        &self,
        name: &'static str,
        ink: Ink,
        value: impl Fn(&WindowReport) -> Option<f64>,
        shown: impl Fn(f64) -> String,
    ) -> TrendLine {
        let point = |w: &WindowReport| Some((start(w)?, value(w)?));
        let points: Vec<(f64, f64)> = self.of.iter().filter_map(point).collect();
        let latest = points.last().map_or_else(|| "–".to_owned(), |(_, value)| shown(*value));
        TrendLine { name, ink, points, latest }
    }

    fn trend(&self, title: &'static str, lines: Vec<TrendLine>, scale: ([f64; 2], Vec<String>)) -> Option<Trend> {
        let (first, last) = (self.of.first()?, self.of.last()?);
        let (from, to) = (start(first)?, start(last)?);
        let label = |w: &WindowReport| {
            let moment = moment(&w.start);
            let part = if to - from < DAY_S { moment.get(11..) } else { moment.get(5..16) };
            part.unwrap_or_default().to_owned()
        };
        Some(Trend { title, lines, time: ([from, to], [label(first), label(last)]), scale })
    }
}

/// When a window begins, in seconds since 1970.
#[allow(clippy::cast_precision_loss)] // microseconds of this era have 51 bits
fn start(window: &WindowReport) -> Option<f64> {
    time::parse(window.start.as_bytes()).map(|micros| micros as f64 / 1e6)
}

impl Trend {
    /// Draws it, below a line with its name and the latest values.
    pub(super) fn draw(&self, area: Rect, buffer: &mut Buffer, in_color: bool) {
        let title = Span::styled(self.title, Ink::Title.style(in_color));
        let latest = self.lines.iter().map(|line| {
            let text = format!("{} {}", line.name, line.latest);
            Span::styled(text, line.ink.style(in_color))
        });
        let latest: Vec<Span<'_>> = latest.collect();
        let needed = title.width() + latest.iter().map(|span| span.width() + 2).sum::<usize>();
        let (title, gap) = if needed <= usize::from(area.width) { (Some(title), "  ") } else { (None, " ") };
        let all: Vec<Span<'_>> = title.into_iter().chain(latest).collect();
        let head = all.into_iter().flat_map(|span| [span, Span::raw(gap)]).collect::<Vec<_>>();
        let sets = self.lines.iter().map(|line| {
            let set = Dataset::default().marker(Marker::Braille).graph_type(GraphType::Line);
            set.style(line.ink.style(in_color)).data(&line.points)
        });
        let faint: Style = Ink::Faint.style(in_color);
        let (time, labels) = &self.time;
        let (scale, heights) = &self.scale;
        Chart::new(sets.collect())
            .block(Block::new().title(Line::from(head)))
            .legend_position(None)
            .x_axis(Axis::default().style(faint).bounds(*time).labels(labels.iter().cloned()))
            .y_axis(Axis::default().style(faint).bounds(*scale).labels(heights.iter().cloned()))
            .render(area, buffer);
    }
}
