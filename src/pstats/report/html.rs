//! The report as one page of HTML: figures and tables written here, charts drawn from the JSON report by `html.js`.

use super::compared::{TITLE, cells, shown};
use super::headline::{Headline, Standing, circumstances, title};
use super::joined::{chaos_rows, stored, why_undecidable};
use super::parts;
use super::words::{milliseconds, percent};
use super::{By, EventsReport, FiguresReport, GroupReport, IdsReport, LatencyReport, OutcomesReport, Report};
use crate::cli::console::visible;
use crate::cli::numbers::{count, duration, number};
use crate::page::{escape, render};
use crate::pstats::compare::Row;
use crate::pstats::inference::verdict::Word;
use crate::pstats::joins::ChaosReport;

/// Rows of a table of groups.
const ROWS: usize = 25;

/// Writes the page.
pub(crate) fn write(report: &Report) -> String {
    let mut page = Body::default();
    let headline = Headline::of(report);
    let title = title(report);
    let class = match headline.standing {
        Standing::Failed => "bad",
        Standing::Doubtful => "warn",
        Standing::Passed => "good",
        Standing::NotJudged => "",
    };
    page.put(&format!("<h1>{}</h1>\n", escape(&visible(&title))));
    let gap = if headline.figures.is_empty() || headline.verdict.is_empty() { "" } else { "; " };
    page.put(&format!(
        "<p class=\"headline\">{}{gap}<b class=\"{class}\">{}</b></p>\n",
        escape(&visible(&headline.figures)),
        escape(&visible(&headline.verdict))
    ));
    let facts = circumstances(report);
    let facts: Vec<String> = facts.iter().map(|(name, value)| escape(&visible(&format!("{name} {value}")))).collect();
    page.put(&format!("<p class=\"faint\">{}</p>\n", facts.join(" · ")));
    if let Some(why) = report.incomplete() {
        page.put(&format!("<p class=\"warn\">{}</p>\n", escape(&why)));
    }
    if let Some(why) = report.generator_warning() {
        page.put(&format!("<p class=\"warn\">{}</p>\n", escape(why)));
    }
    page.requirements(report);
    page.compared(report);
    if let Some(outcomes) = &report.outcomes {
        page.put("<h2>Outcomes</h2>\n");
        page.cards("outcomes", &outcomes.figures, outcomes.throughput);
        page.begin("Outcomes", "");
        let whole = outcomes.figures.count;
        let rows = outcomes.words().into_iter().filter(|(_, n)| *n > 0).map(|(word, n)| {
            let cell = figure(&format!("outcomes.{word}"), &n.to_string(), &count(n));
            vec![escape(word), cell, percent(super::units::share(n, whole))]
        });
        page.table(&["outcome", "count", "share"], rows);
        page.end();
        page.latencies(
            "outcomes",
            &[
                ("last attempt", "latency", &outcomes.figures.latency),
                ("end to end", "end_to_end", &outcomes.end_to_end),
            ],
        );
        page.facts("Delivery", &outcome_facts(outcomes));
        let reasons: Vec<_> = outcomes.reasons.iter().map(|r| (visible(&r.reason), count(r.count))).collect();
        if !reasons.is_empty() {
            let facts: Vec<(&str, String)> = reasons.iter().map(|(why, n)| (&**why, n.clone())).collect();
            page.facts("Why not delivered", &facts);
        }
        page.charts("outcomes", &outcomes.by, outcomes.windows.is_empty());
        page.groups(&outcomes.by);
    }
    if let Some(events) = &report.events {
        page.put("<h2>Events</h2>\n");
        page.cards("events", &events.figures, events.throughput);
        page.latencies("events", &[("response time", "latency", &events.figures.latency)]);
        page.facts("Ids and order", &event_facts(events));
        page.charts("events", &events.by, events.windows.is_empty());
        page.groups(&events.by);
    }
    page.truth(report);
    page.reconciled(report);
    page.chaos(report);
    page.parts(report);
    page.put("<h2>Input</h2>\n<div class=\"panel scroll\">\n");
    let kinds = report.input.kinds.iter().filter(|(_, amount)| amount.lines > 0);
    page.table(
        &["lines", "count"],
        kinds.map(|(kind, amount)| vec![escape(&kind.replace('_', " ")), count(amount.lines)]),
    );
    page.put("</div>\n");
    render(&title, &page.0, report, include_str!("html.js"))
}

/// A figure of the JSON report, marked with its path, so that a test can hold the two against each other.
fn figure(path: &str, value: &str, shown: &str) -> String {
    format!("<span data-figure=\"{path}\" data-value=\"{value}\">{}</span>", escape(shown))
}

fn maybe(path: &str, value: Option<f64>, shown: &str) -> String {
    figure(path, &value.map_or("null".to_owned(), |value| value.to_string()), shown)
}

#[derive(Default)]
struct Body(String);

impl Body {
    fn put(&mut self, html: &str) {
        self.0.push_str(html);
    }

    fn begin(&mut self, heading: &str, class: &str) {
        self.put(&format!("<section class=\"panel scroll {class}\">\n<h3>{}</h3>\n", escape(heading)));
    }

    fn end(&mut self) {
        self.put("</section>\n");
    }

    /// A table whose first column is text. Cells are HTML.
    fn table(&mut self, head: &[&str], rows: impl Iterator<Item = Vec<String>>) {
        self.table_by(1, head, rows);
    }

    /// A table whose first `texts` columns are text.
    fn table_by(&mut self, texts: usize, head: &[&str], rows: impl Iterator<Item = Vec<String>>) {
        let class = |column: usize| if column < texts { " class=\"text\"" } else { "" };
        let heads: String =
            head.iter().enumerate().map(|(column, h)| format!("<th{}>{}</th>", class(column), escape(h))).collect();
        self.put(&format!("<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n"));
        for row in rows {
            let cells: String =
                row.iter().enumerate().map(|(column, cell)| format!("<td{}>{cell}</td>", class(column))).collect();
            self.put(&format!("<tr>{cells}</tr>\n"));
        }
        self.put("</tbody>\n</table>\n");
    }

    fn parts(&mut self, report: &Report) {
        self.put(&format!("<h2>{}</h2>\n<div class=\"panel scroll\">\n", parts::TITLE));
        let rows = parts::rows(report);
        if !rows.is_empty() {
            let escaped = rows.iter().map(|row| row.iter().map(|cell| escape(&visible(cell))).collect());
            self.table_by(2, &parts::HEAD, escaped);
        }
        for problem in &report.parts.problems {
            self.put(&format!("<p class=\"warn\">{}</p>\n", escape(&visible(problem))));
        }
        for note in &report.parts.notes {
            self.put(&format!("<p>{}</p>\n", escape(&visible(note))));
        }
        if let Some(why) = &report.parts.not_known {
            self.put(&format!("<p class=\"faint\">Not known: {}.</p>\n", escape(why)));
        }
        self.put("</div>\n");
    }

    fn cards(&mut self, kind: &str, figures: &FiguresReport, throughput: Option<f64>) {
        let path = |name: &str| format!("{kind}.{name}");
        let latency = &figures.latency;
        let cards = [
            (kind, figure(&path("count"), &figures.count.to_string(), &count(figures.count))),
            ("success rate", maybe(&path("success_rate"), figures.success_rate, &percent(figures.success_rate))),
            ("error rate", maybe(&path("error_rate"), figures.error_rate, &percent(figures.error_rate))),
            ("per second", maybe(&path("throughput"), throughput, &throughput.map_or("–".to_owned(), number))),
            ("P50", maybe(&path("latency.p50_ms"), latency.p50_ms, &milliseconds(latency.p50_ms))),
            ("P95", maybe(&path("latency.p95_ms"), latency.p95_ms, &milliseconds(latency.p95_ms))),
            ("P99", maybe(&path("latency.p99_ms"), latency.p99_ms, &milliseconds(latency.p99_ms))),
        ];
        self.put("<div class=\"cards\">\n");
        for (name, value) in cards {
            self.put(&format!("<div class=\"card\"><b>{value}</b><span>{name}</span></div>\n"));
        }
        self.put("</div>\n");
    }

    /// Names and figures; cells are HTML.
    fn facts(&mut self, heading: &str, facts: &[(&str, String)]) {
        self.begin(heading, "");
        self.put("<dl class=\"facts\">\n");
        for (name, value) in facts {
            self.put(&format!("<div><dt>{}</dt><dd>{value}</dd></div>\n", escape(name)));
        }
        self.put("</dl>\n");
        self.end();
    }

    fn latencies(&mut self, kind: &str, rows: &[(&str, &str, &LatencyReport)]) {
        self.begin("Latency", "");
        let head = ["", "mean", "P50", "P90", "P95", "P99", "P99.9", "max"];
        self.table(
            &head,
            rows.iter().map(|(name, key, l)| {
                let figures = [
                    ("mean_ms", l.mean_ms),
                    ("p50_ms", l.p50_ms),
                    ("p90_ms", l.p90_ms),
                    ("p95_ms", l.p95_ms),
                    ("p99_ms", l.p99_ms),
                    ("p999_ms", l.p999_ms),
                    ("max_ms", l.max_ms),
                ];
                let cells = figures.map(|(figure, ms)| maybe(&format!("{kind}.{key}.{figure}"), ms, &milliseconds(ms)));
                std::iter::once(escape(name)).chain(cells).collect()
            }),
        );
        self.end();
    }

    fn charts(&mut self, kind: &str, by: &By, timeless: bool) {
        let has = |name: &str| by.get(name).is_some_and(|groups| !groups.is_empty());
        let all = [
            ("trend", "Success and error over time (UTC)", "wide", !timeless),
            ("quantiles", "Latency over time (UTC, logarithmic)", "", !timeless),
            ("distribution", "Latency distribution (logarithmic)", "", true),
            ("hours", "Hour of the day (UTC) by service", "wide", has("service,hour")),
            ("geography", "Geography", "", has("country") || has("region")),
            ("devices", "Devices", "", has("device")),
            ("errors", "Top errors", "", has("error")),
        ];
        self.put("<div class=\"charts\">\n");
        for (name, heading, class, _) in all.into_iter().filter(|(.., there)| *there) {
            self.begin(heading, class);
            let tall = if name == "hours" { " tall" } else { "" };
            self.put(&format!(
                "<div class=\"chart{tall}\" id=\"{kind}-{name}\" role=\"img\" aria-label=\"{heading}\"></div>\n"
            ));
            self.end();
        }
        self.put("</div>\n");
    }

    fn groups(&mut self, by: &By) {
        let drawn = ["service,hour", "country", "city", "hour", "error"];
        for (name, groups) in by.iter().filter(|(name, groups)| !drawn.contains(&name.as_str()) && !groups.is_empty()) {
            self.begin(&format!("By {}", name.replace(',', ", ")), "");
            let fields: Vec<&str> = name.split(',').collect();
            let head: Vec<&str> =
                fields.iter().copied().chain(["count", "errors", "mean", "P50", "P95", "P99", "max"]).collect();
            self.table_by(fields.len(), &head, groups.iter().take(ROWS).map(|group| row(group, fields.len())));
            if groups.len() > ROWS {
                self.put(&format!("<p class=\"faint\">and {} more</p>\n", count((groups.len() - ROWS) as u64)));
            }
            self.end();
        }
    }

    fn requirements(&mut self, report: &Report) {
        if report.requirements.is_empty() {
            return;
        }
        self.put("<h2>Requirements</h2>\n<div class=\"panel scroll\">\n");
        self.table_by(
            3,
            &["verdict", "requirement", "figure"],
            report.requirements.iter().map(|verdict| {
                let (class, word) = match (verdict.met, verdict.unsure) {
                    (true, false) => ("good", "✓ met"),
                    (true, true) => ("warn", "? met"),
                    (false, true) => ("warn", "? cannot tell"),
                    (false, false) => ("bad", "✗ not met"),
                };
                vec![format!("<b class=\"{class}\">{word}</b>"), escape(&verdict.requirement), escape(&verdict.message)]
            }),
        );
        self.put("</div>\n");
    }

    fn truth(&mut self, report: &Report) {
        let Some(truth) = &report.truth else { return };
        self.put("<h2>Injected faults</h2>\n<div class=\"panel scroll\">\n");
        let all = truth.faults.iter().map(|(name, f)| (name.as_str(), f)).chain([("(untouched)", &truth.untouched)]);
        self.table(
            &["fault", "injected", "detected", "missed", "false alarm", "undecidable"],
            all.map(|(name, f)| {
                let figures = [f.count, f.detected, f.missed, f.false_alarm, f.undecidable].map(count);
                std::iter::once(escape(name)).chain(figures).collect()
            }),
        );
        let why = why_undecidable(truth);
        if !why.is_empty() {
            self.put(&format!("<p class=\"faint\">Undecidable: {}.</p>\n", escape(&why)));
        }
        self.put("</div>\n");
    }

    fn compared(&mut self, report: &Report) {
        let Some(shown) = shown(report) else { return };
        self.put(&format!(
            "<h2>{TITLE}</h2>\n<div class=\"panel scroll\">\n<p class=\"faint\">{}</p>\n",
            escape(&shown.summary)
        ));
        if !shown.rows.is_empty() {
            self.table(
                &["figure", "base", "now", "change", "interval", "shaded: tolerance", "verdict"],
                shown.rows.iter().map(|row| {
                    let class = match row.verdict {
                        Word::Worse => "bad",
                        Word::Better => "good",
                        Word::Same => "",
                        Word::CannotTell => "warn",
                    };
                    let mut cells: Vec<String> = cells(row).iter().map(|cell| escape(cell)).collect();
                    cells.push(interval(row, class));
                    cells.push(format!("<b class=\"{class}\">{}</b>", escape(&row.verdict_in_words())));
                    cells
                }),
            );
        }
        if shown.more > 0 {
            self.put(&format!("<p class=\"faint\">and {} more</p>\n", count(shown.more as u64)));
        }
        for note in &shown.notes {
            self.put(&format!("<p class=\"warn\">{}</p>\n", escape(note)));
        }
        self.put("</div>\n");
    }

    fn chaos(&mut self, report: &Report) {
        let Some(chaos) = &report.chaos else { return };
        self.put(&format!("<h2>{}</h2>\n<div class=\"panel scroll\">\n", ChaosReport::TITLE));
        let rows = chaos_rows(chaos).into_iter().map(|row| row.iter().map(|cell| escape(cell)).collect());
        self.table(&ChaosReport::HEAD, rows);
        self.put("</div>\n");
    }

    fn reconciled(&mut self, report: &Report) {
        let Some(reconciled) = &report.reconciled else { return };
        self.put("<h2>Reconciled by event_id</h2>\n<div class=\"panel scroll\">\n");
        self.table(
            &["ids", "count", "meaning"],
            reconciled.facts().into_iter().map(|(name, n, what)| vec![name.to_owned(), count(n), what.to_owned()]),
        );
        self.table(
            &["outcome", "present", "missing", "differs", "extra", "unchecked"],
            reconciled.table.iter().map(|(word, s)| std::iter::once(escape(word)).chain(stored(s)).collect()),
        );
        self.put("</div>\n");
    }
}

/// The interval of a difference as a drawing: the shaded band is the tolerance, the line in it no difference.
fn interval(row: &Row, class: &str) -> String {
    const HALF: f64 = 80.0;
    let Some(axis) = row.on_axis() else { return String::new() };
    let x = |place: f64| HALF * (place + 1.0);
    let dot = axis
        .at
        .map_or(String::new(), |at| format!("<circle cx=\"{:.1}\" cy=\"9\" r=\"3.5\" fill=\"currentColor\"/>", x(at)));
    format!(
        "<svg class=\"{class}\" width=\"160\" height=\"18\" viewBox=\"0 0 160 18\" role=\"img\" aria-label=\"{}\">\
         <rect x=\"{:.1}\" y=\"0\" width=\"{:.1}\" height=\"18\" fill=\"var(--line)\" opacity=\".5\"/>\
         <line x1=\"80\" y1=\"0\" x2=\"80\" y2=\"18\" stroke=\"var(--faint)\"/>\
         <line x1=\"{:.1}\" y1=\"9\" x2=\"{:.1}\" y2=\"9\" stroke=\"currentColor\" stroke-width=\"2\"/>{dot}</svg>",
        escape(&row.between()),
        x(-axis.tolerance),
        x(axis.tolerance) - x(-axis.tolerance),
        x(axis.low),
        x(axis.high),
    )
}

fn row(group: &GroupReport, fields: usize) -> Vec<String> {
    let l = &group.figures.latency;
    let mut cells: Vec<String> = group.labels(fields).iter().map(|label| escape(label)).collect();
    cells.extend([count(group.figures.count), percent(group.figures.error_rate)]);
    cells.extend([l.mean_ms, l.p50_ms, l.p95_ms, l.p99_ms, l.max_ms].map(milliseconds));
    cells
}

/// A count of the JSON report.
fn counted(path: &str, n: u64) -> String {
    figure(path, &n.to_string(), &count(n))
}

fn id_facts(kind: &str, ids: &IdsReport) -> Vec<(&'static str, String)> {
    let facts = ids.facts().into_iter().map(|(name, key, n, shown)| {
        (name, figure(&format!("{kind}.ids.{key}"), &n.map_or("null".to_owned(), |n| n.to_string()), &shown))
    });
    facts.collect()
}

fn event_facts(events: &EventsReport) -> Vec<(&'static str, String)> {
    let mut facts = id_facts("events", &events.ids);
    facts.push(("earlier than the previous line", counted("events.order.late", events.order.late)));
    let gap = events.order.longest_gap_s;
    facts.push(("longest gap", maybe("events.order.longest_gap_s", gap, &gap.map_or("–".to_owned(), duration))));
    if let Some(rate) = events.cache_hit_rate {
        facts.push(("cache hit rate", maybe("events.cache_hit_rate", Some(rate), &percent(Some(rate)))));
    }
    facts
}

fn outcome_facts(outcomes: &OutcomesReport) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("delivered", counted("outcomes.delivered", outcomes.delivered)),
        ("lost", counted("outcomes.lost", outcomes.lost)),
        ("unknown", counted("outcomes.unknown", outcomes.unknown)),
        ("requests sent", counted("outcomes.attempts", outcomes.attempts)),
        ("events retried", counted("outcomes.retried", outcomes.retried)),
        ("duplicates from own retries", counted("outcomes.own_retry", outcomes.own_retry)),
    ];
    facts.extend(id_facts("outcomes", &outcomes.ids));
    let met = outcomes.answers.iter().filter(|(_, n)| **n > 0);
    let met: Vec<String> = met.map(|(word, n)| format!("{} {}", escape(word), count(*n))).collect();
    if !met.is_empty() {
        facts.push(("answers to retried events", met.join(", ")));
    }
    facts
}
