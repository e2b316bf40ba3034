//! The tables that the short and the full report share.

use crate::cli::numbers::{count, duration};
use crate::cli::sheet::{Column, Page};
use crate::pstats::report::units::share;
use crate::pstats::report::words::{bar, milliseconds, percent, sparkline};
use crate::pstats::report::{EventsReport, FiguresReport, GroupReport, LatencyReport, OutcomesReport, WindowReport};

/// Columns, and rows of as many cells.
pub(in crate::pstats) type Table<'a> = (Vec<Column<'a>>, Vec<Vec<String>>);

/// How wide the bars of outcomes and of groups are, in characters.
const BAR: usize = 24;
const SHORT_BAR: usize = 8;

/// How wide the lines over time are at most, and the labels before them.
const LINE: usize = 100;
const LABEL: usize = 12;

/// The outcomes that came, with their shares.
pub(in crate::pstats) fn outcomes(outcomes: &OutcomesReport) -> Table<'static> {
    let meaning = |word: &str| match word {
        "accepted" => "the server accepted the event",
        "duplicate" => "the server already had it",
        "rejected" => "refused for good, or not an event",
        "rate_limited" => "still rate limited after all retries",
        "failed" => "no attempt succeeded",
        "unknown" => "no complete answer: it may have been accepted",
        "not_sent" => "read, but not sent",
        "present" => "the server has the event",
        "missing" => "the server does not have it",
        "differs" => "the server has another body under its id",
        _ => "",
    };
    let rows = outcomes.words().into_iter().filter(|(_, n)| *n > 0).map(|(word, n)| {
        let share = share(n, outcomes.figures.count);
        let bar = bar(share.unwrap_or(0.0), BAR);
        vec![word.to_owned(), count(n), percent(share), format!("{bar:<BAR$}"), meaning(word).to_owned()]
    });
    let (left, right) = (Column::left, Column::right);
    (vec![left("outcome"), right("count"), right("share"), left("").spare(2), left("").spare(1)], rows.collect())
}

/// Why events were not delivered.
pub(in crate::pstats) fn reasons(outcomes: &OutcomesReport) -> Table<'static> {
    let mut rows: Vec<Vec<String>> = outcomes.reasons.iter().map(|r| vec![count(r.count), r.reason.clone()]).collect();
    if outcomes.other_reasons > 0 {
        rows.push(vec![count(outcomes.other_reasons), "other reasons".to_owned()]);
    }
    (vec![Column::right("events"), Column::left("reason, with # for ids and numbers")], rows)
}

/// The latencies of outcomes, with their names.
pub(in crate::pstats) fn of_outcomes(outcomes: &OutcomesReport) -> [(&'static str, &LatencyReport); 2] {
    [("end to end", &outcomes.end_to_end), ("last attempt", &outcomes.figures.latency)]
}

/// Those latencies that there are.
pub(in crate::pstats) fn latencies(named: &[(&str, &LatencyReport)]) -> Table<'static> {
    let right = Column::right;
    let head = vec![
        Column::left(""),
        right("mean").spare(5),
        right("P50").spare(1),
        right("P90").spare(4),
        right("P95").spare(2),
        right("P99"),
        right("P99.9").spare(3),
        right("max"),
    ];
    let rows = named.iter().filter(|(_, latency)| latency.count > 0).map(|(name, l)| {
        let figures = [l.mean_ms, l.p50_ms, l.p90_ms, l.p95_ms, l.p99_ms, l.p999_ms, l.max_ms];
        std::iter::once((*name).to_owned()).chain(figures.into_iter().map(milliseconds)).collect()
    });
    (head, rows.collect())
}

/// The first of these groups by their fields.
pub(in crate::pstats) fn groups<'a>(fields: &[&'a str], groups: &[&GroupReport], most: usize) -> Table<'a> {
    let right = Column::right;
    let mut head: Vec<Column<'a>> = fields.iter().map(|field| Column::left(field)).collect();
    head.extend([
        right("count"),
        Column::left("").spare(5),
        right("errors"),
        right("mean").spare(3),
        right("P50").spare(1),
        right("P90").spare(4),
        right("P95"),
        right("P99").spare(2),
        right("max").spare(1),
    ]);
    let largest = groups.iter().map(|group| group.figures.count).max().unwrap_or(0);
    let rows = groups.iter().take(most).map(|group| {
        let figures = &group.figures;
        let l = &figures.latency;
        let mut cells = group.labels(fields.len());
        let bar = bar(share(figures.count, largest).unwrap_or(0.0), SHORT_BAR);
        cells.extend([count(figures.count), format!("{bar:<SHORT_BAR$}"), percent(figures.error_rate)]);
        cells.extend([l.mean_ms, l.p50_ms, l.p90_ms, l.p95_ms, l.p99_ms, l.max_ms].map(milliseconds));
        cells
    });
    (head, rows.collect())
}

impl Page {
    /// The slowest and the fastest endpoint.
    pub(super) fn endpoints(&mut self, events: &EventsReport) {
        if events.by["endpoint"].iter().any(GroupReport::is_rest) {
            self.sentence(
                "Slowest and fastest endpoint not known: endpoints beyond --max-groups were counted together",
            );
        }
        let both = [("Slowest endpoint", &events.slowest_endpoint), ("Fastest endpoint", &events.fastest_endpoint)];
        for (name, endpoint) in both {
            if let Some(endpoint) = endpoint {
                self.line(&format!("  {name}   {} (avg {})", endpoint.endpoint, milliseconds(Some(endpoint.mean_ms))));
            }
        }
    }

    /// That `--window` could not be kept to.
    pub(super) fn doubled_window(&mut self, width: f64, asked: Option<f64>) {
        if let Some(asked) = asked.filter(|asked| *asked < width) {
            let asked = duration(asked);
            self.sentence(&format!("--window {asked} was doubled to keep at most 1,000 windows."));
        }
    }

    /// Counts, errors and P95 as a line each, with the highest value behind it.
    pub(super) fn lines_over_time(&mut self, windows: &[WindowReport], what: &str) {
        #[allow(clippy::cast_precision_loss)] // counts stay below 2^53
        let counts: Vec<f64> = windows.iter().map(|window| window.figures.count as f64).collect();
        let of = |figure: fn(&FiguresReport) -> Option<f64>| -> Vec<f64> {
            windows.iter().map(|window| figure(&window.figures).unwrap_or(0.0)).collect()
        };
        let highest = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
        let most = windows.iter().map(|window| window.figures.count).max().unwrap_or(0);
        let (errors, p95) = (of(|f| f.error_rate), of(|f| f.latency.p95_ms));
        let mut lines = vec![(what, count(most), counts)];
        // What never happened is no line.
        if highest(&errors) > 0.0 {
            lines.push(("errors", percent(Some(highest(&errors))), errors));
        }
        if highest(&p95) > 0.0 {
            lines.push(("P95", milliseconds(Some(highest(&p95))), p95));
        }
        let room = self.room().saturating_sub(LABEL + " up to 9,999,999 ms".len()).clamp(8, LINE);
        for (name, highest, values) in lines {
            self.line(&format!("{name:<LABEL$}{} up to {highest}", sparkline(&values, room)));
        }
    }
}
