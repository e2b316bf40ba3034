//! What a search for the highest rate found: psend's record of it, and the curve of rate against latency and errors for people.

use serde::Serialize;

use super::words::{bar, milliseconds, percent};
use crate::cli::numbers::{count, duration, number};
use crate::cli::sheet::{Column, Page};
use crate::record::capacity::{AfterOverload, Capacity, Ending, StepRecord, StepVerdict};
use crate::record::outcome::RunRecord;

/// The heading in every form.
pub(super) const TITLE: &str = "Highest rate";

/// The heads of the curve's columns. The first is the rate, and the last a verdict.
pub(super) const HEAD: [&str; 7] = ["rate", "steps", "P50", "P95", "P99", "errors", "held"];

/// How wide the bars of the curve are, in characters.
const BAR: usize = 20;

/// Under `outcomes.capacity`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct CapacityReport {
    /// How many searches came in. The figures are known if there is one.
    pub searches: u64,
    #[serde(flatten)]
    pub found: Capacity,
}

/// A point of the curve: steps whose rates are about the same.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Point {
    /// The mean rate, in events per second.
    pub(super) rate: f64,
    pub(super) steps: usize,
    pub(super) held: usize,
    /// Medians of the steps' quantiles, end to end, in milliseconds.
    pub(super) p50_ms: Option<f64>,
    pub(super) p95_ms: Option<f64>,
    pub(super) p99_ms: Option<f64>,
    pub(super) error_rate: Option<f64>,
}

impl CapacityReport {
    /// From all run records. Returns `None` if no run was a search.
    pub(super) fn new(runs: &[RunRecord]) -> Option<Self> {
        let mut searches = runs.iter().filter_map(|run| run.capacity.as_ref());
        let first = searches.next()?.clone();
        let others = searches.count() as u64;
        let found = if others == 0 {
            first
        } else {
            Capacity {
                rate: None,
                interval: None,
                at_least: None,
                limited_by: None,
                after_overload: None,
                steps: Vec::new(),
                ..first
            }
        };
        Some(Self { searches: 1 + others, found })
    }

    /// The report on no search, with a text wherever there may be one.
    pub(super) fn on_nothing() -> Self {
        let found = Capacity {
            conditions: Vec::new(),
            rate: None,
            interval: None,
            at_least: None,
            limited_by: Some(String::new()),
            ended: Ending::Aborted,
            why: String::new(),
            after_overload: Some(AfterOverload {
                overload: 0.0,
                tried: 0.0,
                held: None,
                seconds: None,
                hysteresis: false,
            }),
            steps: Vec::new(),
        };
        Self { searches: 0, found }
    }

    /// Figures that are null, and why.
    pub(super) fn not_known(&self) -> Vec<(&'static str, String)> {
        let mut figures = Vec::new();
        let why = match (self.searches, self.found.at_least) {
            (2.., _) => format!("{} searches came in; give pstats one", count(self.searches)),
            (_, Some(least)) => format!("{}; capacity.at_least is {}/s", self.found.why, number(least)),
            (_, None) => self.found.why.clone(),
        };
        if self.found.rate.is_none() {
            figures.push(("capacity.rate", why.clone()));
        }
        if self.found.at_least.is_none() {
            figures.push(("capacity.at_least", why));
        }
        figures
    }

    /// Names and figures of the result, with a remark.
    pub(super) fn facts(&self) -> Vec<(&'static str, String, String)> {
        let found = &self.found;
        let mut facts = Vec::new();
        match (found.rate, found.interval_in_words(), found.at_least) {
            (Some(rate), Some(interval), _) => {
                facts.push(("The server holds", format!("{}/s", number(rate)), interval));
            }
            (_, _, Some(least)) => {
                facts.push(("At least", format!("{}/s", number(least)), "the limit was not found".to_owned()));
            }
            _ => facts.push(("The server holds", "not known".to_owned(), String::new())),
        }
        if let Some(condition) = &found.limited_by {
            facts.push(("Limited by", condition.clone(), String::new()));
        }
        facts.push(("Conditions", found.conditions.join(", "), String::new()));
        let why =
            self.not_known().into_iter().next().filter(|_| self.searches > 1).map_or(found.why.clone(), |(_, why)| why);
        facts.push(("Ended because", why, String::new()));
        if let Some(after) = &found.after_overload {
            let again = match (after.held, after.seconds) {
                (Some(held), Some(seconds)) => format!("holds {}/s again after {}", number(held), duration(seconds)),
                _ => "does not come back".to_owned(),
            };
            let remark = if after.hysteresis { "hysteresis: it holds less than before" } else { "no hysteresis" };
            facts.push(("After an overload", again, remark.to_owned()));
        }
        facts
    }

    /// The curve, by rate.
    pub(super) fn curve(&self) -> Vec<Point> {
        let mut steps: Vec<&StepRecord> =
            self.found.steps.iter().filter(|step| matches!(&*step.phase, "up" | "narrow")).collect();
        steps.sort_by(|a, b| a.rate.total_cmp(&b.rate));
        // Two digits tell rates apart that differ by 1% to 10%.
        let about = |step: &StepRecord| {
            let power = 10f64.powf(step.rate.log10().floor() - 1.0);
            (step.rate / power).round() * power
        };
        let points = steps.chunk_by(|a, b| about(a) == about(b));
        points.map(point).collect()
    }
}

fn point(steps: &[&StepRecord]) -> Point {
    let median = |of: fn(&StepRecord) -> Option<f64>| {
        let mut values: Vec<f64> = steps.iter().filter_map(|step| of(step)).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    };
    Point {
        rate: steps.iter().map(|step| step.rate).sum::<f64>() / steps.len() as f64,
        steps: steps.len(),
        held: steps.iter().filter(|step| step.verdict == StepVerdict::Held).count(),
        p50_ms: median(|step| step.end_to_end.p50_ms),
        p95_ms: median(|step| step.end_to_end.p95_ms),
        p99_ms: median(|step| step.end_to_end.p99_ms),
        error_rate: median(|step| step.error_rate),
    }
}

impl Point {
    /// Its cells, as [`HEAD`] names them.
    pub(super) fn cells(&self) -> Vec<String> {
        vec![
            format!("{}/s", number(self.rate)),
            count(self.steps as u64),
            milliseconds(self.p50_ms),
            milliseconds(self.p95_ms),
            milliseconds(self.p99_ms),
            percent(self.error_rate),
            if self.held == self.steps {
                "yes".to_owned()
            } else if self.held == 0 {
                "no".to_owned()
            } else {
                format!("{} of {}", self.held, self.steps)
            },
        ]
    }
}

/// Writes it for a terminal, if there was a search.
pub(super) fn write(page: &mut Page, capacity: Option<&CapacityReport>) {
    let Some(capacity) = capacity else { return };
    page.section(TITLE);
    for (name, figure, remark) in capacity.facts() {
        page.fact(name, &figure, &remark);
    }
    let curve = capacity.curve();
    let most = curve.iter().filter_map(|point| point.p99_ms).fold(0.0, f64::max);
    let rows: Vec<Vec<String>> = curve
        .iter()
        .map(|point| {
            let mut cells = point.cells();
            // On a logarithmic scale, from 1 ms.
            let share = point.p99_ms.map_or(0.0, |p99| (1.0 + p99).ln() / (1.0 + most).ln());
            cells.push(bar(share, BAR));
            cells
        })
        .collect();
    if !rows.is_empty() {
        page.text.push('\n');
        let mut head: Vec<Column<'_>> = HEAD.iter().map(|name| Column::right(name)).collect();
        head.push(Column::left("P99, logarithmic").spare(1));
        page.table(&head, &rows);
    }
}
