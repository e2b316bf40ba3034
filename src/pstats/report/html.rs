//! The report as one page of HTML. Figures and the first rows of tables are written here; `html.js` draws the charts from
//! `data.rs`. The order is that of a reader in a hurry: the verdict, what was asked for, figures, trends, faults, groups.

mod alarms;
mod body;
mod capacity;
mod data;

use super::compared::{TITLE, cells, shown};
use super::headline::{Headline, Standing, circumstances, title};
use super::joined::{chaos_rows, stored, why_undecidable};
use super::parts;
use super::words::{kind_of_line, milliseconds, percent};
use super::{By, EventsReport, FiguresReport, IdsReport, LatencyReport, OutcomesReport, Report};
use crate::cli::console::visible;
use crate::cli::numbers::{count, duration, number};
use crate::page::{escape, render};
use crate::pstats::compare::Row;
use crate::pstats::inference::verdict::Word;
use crate::pstats::joins::ChaosReport;
use body::{Body, Cell, counted, figure, maybe};
use data::{PageData, StreamData, TableData, base_curve};

/// Rows of a table of groups before it is opened.
const ROWS: usize = 10;

/// Writes the page.
pub(crate) fn write(report: &Report) -> String {
    let mut page = Body::default();
    let mut data = PageData::default();
    page.put("<main>\n");
    page.top(report);
    page.requirements(report);
    page.compared(report);
    if let Some(outcomes) = &report.outcomes {
        page.outcomes(report, outcomes, &mut data);
        if let Some(found) = &outcomes.capacity {
            capacity::write(&mut page, found);
        }
    }
    if let Some(events) = &report.events {
        page.events(report, events, &mut data);
    }
    page.truth(report);
    page.alarms(report);
    page.reconciled(report);
    page.chaos(report);
    if let Some(outcomes) = &report.outcomes {
        page.groups("outcomes", &outcomes.by, &mut data);
    }
    if let Some(events) = &report.events {
        page.groups("events", &events.by, &mut data);
    }
    data.bound();
    page.parts(report);
    page.input(report);
    page.put("</main>\n");
    render(&title(report), &page.0, &data, include_str!("html.js"))
}

/// One figure of a latency.
type Quantile = fn(&LatencyReport) -> Option<f64>;

/// The latency that a report leads with: how it is called, its key in the JSON, and its figures.
fn leading(outcomes: &OutcomesReport) -> (&'static str, &'static str, &LatencyReport) {
    match outcomes.is_open_loop() {
        true => ("end to end", "end_to_end", &outcomes.end_to_end),
        false => ("last attempt", "latency", &outcomes.figures.latency),
    }
}

impl Body {
    /// The verdict, and what was run.
    fn top(&mut self, report: &Report) {
        let headline = Headline::of(report);
        let (class, mark) = match headline.standing {
            Standing::Failed => ("bad", "✗ "),
            Standing::Doubtful => ("warn", ""),
            Standing::Passed => ("good", "✓ "),
            Standing::NotJudged => ("", ""),
        };
        let gap = if headline.figures.is_empty() || headline.verdict.is_empty() { "" } else { "; " };
        self.put(&format!(
            "<header>\n<h1>{}</h1>\n<p class=\"headline\">{}{gap}<b class=\"{class}\">{mark}{}</b></p>\n",
            body::shown(&title(report)),
            body::shown(&headline.figures),
            body::verdict(&headline.verdict)
        ));
        if let Some(why) = report.incomplete() {
            self.put(&format!("<p class=\"warn\">{}</p>\n", body::shown(&why)));
        }
        if let Some(why) = report.generator_warning() {
            self.put(&format!("<p class=\"warn\">{}</p>\n", body::shown(why)));
        }
        self.put("<p class=\"circumstances\">");
        let time = report.outcomes.as_ref().map(|o| &o.time).or(report.events.as_ref().map(|e| &e.time));
        for (name, value) in circumstances(report) {
            let moment = match name {
                "from" => time.and_then(|time| time.first.as_ref()),
                "to" => time.and_then(|time| time.last.as_ref()),
                _ => None,
            };
            let value = body::shown(&value);
            let value = moment.map_or(value.clone(), |at| format!("<time datetime=\"{}\">{value}</time>", escape(at)));
            self.put(&format!("<span>{name} {value}</span> "));
        }
        self.put(
            "</p>\n<div class=\"controls\"><span>Times</span><button type=\"button\" data-zone=\"UTC\" aria-pressed=\"true\">UTC</button>\
             <button type=\"button\" data-zone=\"local\" aria-pressed=\"false\">Local</button></div>\n</header>\n\
             <div class=\"range\" id=\"range\" role=\"status\" hidden><span></span><button type=\"button\" id=\"all\">Show all</button></div>\n",
        );
    }

    fn requirements(&mut self, report: &Report) {
        if report.requirements.is_empty() {
            return;
        }
        self.put("<h2>Requirements</h2>\n<div class=\"panel\">\n");
        // What is not met first.
        let mut verdicts: Vec<_> = report.requirements.iter().collect();
        verdicts.sort_by_key(|verdict| (verdict.met, verdict.unsure));
        let rows = verdicts.into_iter().map(|verdict| {
            let (class, word) = match (verdict.met, verdict.unsure) {
                (true, false) => ("good", "✓ met"),
                (true, true) => ("warn", "? met"),
                (false, true) => ("warn", "? cannot tell"),
                (false, false) => ("bad", "✗ not met"),
            };
            let word = Cell::html(format!("<b class=\"{class}\">{word}</b>"));
            vec![word, Cell::words(&verdict.requirement), Cell::words(&verdict.message)]
        });
        self.table("Requirements", "sentences", &["verdict", "requirement", "figure"], rows.collect());
        self.put("</div>\n");
    }

    fn compared(&mut self, report: &Report) {
        let Some(shown) = shown(report) else { return };
        self.put(&format!(
            "<h2>{TITLE}</h2>\n<div class=\"panel\">\n<p class=\"faint\">{}</p>\n",
            escape(&shown.summary)
        ));
        if !shown.rows.is_empty() {
            let rows = shown.rows.iter().map(|row| {
                let class = match row.verdict {
                    Word::Worse => "bad",
                    Word::Better => "good",
                    Word::Same => "",
                    Word::CannotTell => "warn",
                };
                let texts = cells(row);
                let [name, figures @ ..] = &texts[..] else { return Vec::new() };
                let verdict = format!("<b class=\"{class}\">{}</b>", escape(&row.verdict_in_words()));
                std::iter::once(Cell::text(name))
                    .chain([Cell::html(verdict).on_one_line()])
                    .chain(figures.iter().map(|text| Cell::figure(text)))
                    .chain([Cell::html(interval(row, class))])
                    .collect()
            });
            let head = ["figure", "verdict", "base", "now", "change", "interval", "shaded: tolerance"];
            self.table(TITLE, "sentences", &head, rows.collect());
        }
        if shown.more > 0 {
            self.put(&format!("<p class=\"faint\">and {} more in the JSON report</p>\n", count(shown.more as u64)));
        }
        for note in &shown.notes {
            self.put(&format!("<p class=\"warn\">{}</p>\n", body::prose(note)));
        }
        self.put("</div>\n");
    }

    fn outcomes(&mut self, report: &Report, outcomes: &OutcomesReport, data: &mut PageData) {
        let (name, key, latency) = leading(outcomes);
        self.put("<h2>Outcomes</h2>\n");
        let beside = outcomes.is_open_loop().then_some(("last attempt", &outcomes.figures.latency));
        self.tiles("outcomes", &outcomes.figures, outcomes.throughput, (name, key, latency), beside);
        let (curve, base) = match outcomes.is_open_loop() {
            true => (&outcomes.end_to_end_distribution, base_curve(report, "outcomes", "end_to_end_distribution")),
            false => (&outcomes.latency_distribution, base_curve(report, "outcomes", "latency_distribution")),
        };
        let windows = (outcomes.window_s, &outcomes.windows[..]);
        let stream = StreamData::new("outcomes", name, windows, (curve, &base), &outcomes.by);
        self.charts("outcomes", name, &stream);
        data.streams.push(stream);
        self.begin("How events ended", "");
        let whole = outcomes.figures.count;
        let rows = outcomes.words().into_iter().filter(|(_, n)| *n > 0).map(|(word, n)| {
            let share = super::units::share(n, whole);
            let cell = Cell::measured(share, percent(share));
            #[allow(clippy::cast_precision_loss)] // counts stay below 2^53
            let n = Cell::measured(Some(n as f64), counted(&format!("outcomes.{word}"), n));
            vec![Cell::text(word), n, cell]
        });
        self.table("How events ended", "", &["outcome", "count", "share"], rows.collect());
        self.end();
        if !outcomes.reasons.is_empty() {
            self.begin("Why not delivered", "");
            let rows = outcomes.reasons.iter().map(|r| vec![Cell::words(&r.reason), Cell::count(r.count)]);
            self.table(
                "Why not delivered",
                "sentences",
                &["reason, with # for ids and numbers", "events"],
                rows.collect(),
            );
            self.end();
        }
        let mut rows = vec![
            ("last attempt", "latency", &outcomes.figures.latency),
            ("end to end", "end_to_end", &outcomes.end_to_end),
        ];
        if outcomes.is_open_loop() {
            rows.reverse();
        }
        self.latencies("outcomes", &rows);
        self.facts("Delivery", &outcome_facts(outcomes));
    }

    fn events(&mut self, report: &Report, events: &EventsReport, data: &mut PageData) {
        self.put("<h2>Events</h2>\n");
        let latency = ("response time", "latency", &events.figures.latency);
        self.tiles("events", &events.figures, events.throughput, latency, None);
        let base = base_curve(report, "events", "latency_distribution");
        let windows = (events.window_s, &events.windows[..]);
        let curves = (&events.latency_distribution[..], &base[..]);
        let stream = StreamData::new("events", "response time", windows, curves, &events.by);
        self.charts("events", "response time", &stream);
        data.streams.push(stream);
        self.latencies("events", &[latency]);
        self.facts("Ids and order", &event_facts(events));
    }

    /// Eight figures, so that there is no hole in rows of 2, 4 or 8.
    fn tiles(
        &mut self,
        kind: &str,
        figures: &FiguresReport,
        throughput: Option<f64>,
        (name, key, latency): (&str, &str, &LatencyReport),
        beside: Option<(&str, &LatencyReport)>,
    ) {
        let path = |figure: &str| format!("{kind}.{figure}");
        let rate = throughput.map_or("–".to_owned(), number);
        let mut tiles = vec![
            (figure(&path("count"), &figures.count.to_string(), &count(figures.count)), kind.to_owned()),
            (
                maybe(&path("success_rate"), figures.success_rate, &percent(figures.success_rate)),
                "succeeded".to_owned(),
            ),
            (maybe(&path("error_rate"), figures.error_rate, &percent(figures.error_rate)), "errors".to_owned()),
            (maybe(&path("throughput"), throughput, &rate), "per second".to_owned()),
        ];
        let quantiles: [(&str, &str, Quantile); 4] = [
            ("P50", "p50_ms", |l| l.p50_ms),
            ("P99", "p99_ms", |l| l.p99_ms),
            ("P99.9", "p999_ms", |l| l.p999_ms),
            ("max", "max_ms", |l| l.max_ms),
        ];
        for (label, figure, of) in quantiles {
            let shown = maybe(&path(&format!("{key}.{figure}")), of(latency), &milliseconds(of(latency)));
            let beside = beside.map_or(String::new(), |(name, other)| {
                // A number stays on the line of its unit.
                format!("<br>{name} {}", milliseconds(of(other)).replace(' ', "\u{a0}"))
            });
            tiles.push((shown, format!("{label} {name}{beside}")));
        }
        self.put("<div class=\"cards\">\n");
        for (value, name) in tiles {
            self.put(&format!("<div class=\"card\"><b>{value}</b><span>{name}</span></div>\n"));
        }
        self.put("</div>\n");
    }

    fn charts(&mut self, kind: &str, latency: &str, of: &StreamData) {
        let trend = of.has_trend();
        let charts = [
            ("latency", format!("Latency over time, {latency}"), "wide", trend),
            ("rate", "Events per second".to_owned(), "", trend),
            ("errors", "Errors by kind".to_owned(), "", trend && of.has_errors()),
            ("queue", "Queue: events due and not yet ended".to_owned(), "", trend && of.has_schedule()),
            ("retries", "Retries".to_owned(), "", trend && of.has_retries()),
            ("distribution", format!("Percentiles, {latency}"), "", of.has_curve()),
            ("hours", "Hour of the day (UTC) by service".to_owned(), "wide", of.has_hours()),
        ];
        if charts.iter().any(|(.., there)| *there) {
            self.put("<div class=\"charts\">\n");
            for (name, heading, class, _) in charts.into_iter().filter(|(.., there)| *there) {
                self.chart(&format!("{kind}-{name}"), &heading, class);
            }
            self.put("</div>\n");
        }
    }

    fn latencies(&mut self, kind: &str, rows: &[(&str, &str, &LatencyReport)]) {
        self.begin("Latency", "");
        let head = ["", "mean", "P50", "P90", "P95", "P99", "P99.9", "P99.99", "max"];
        let rows = rows.iter().map(|(name, key, l)| {
            let figures = [
                ("mean_ms", l.mean_ms),
                ("p50_ms", l.p50_ms),
                ("p90_ms", l.p90_ms),
                ("p95_ms", l.p95_ms),
                ("p99_ms", l.p99_ms),
                ("p999_ms", l.p999_ms),
                ("p9999_ms", l.p9999_ms),
                ("max_ms", l.max_ms),
            ];
            let cell =
                |(figure, ms)| Cell::measured(ms, maybe(&format!("{kind}.{key}.{figure}"), ms, &milliseconds(ms)));
            std::iter::once(Cell::text(name)).chain(figures.map(cell)).collect()
        });
        self.table("Latency", "", &head, rows.collect());
        self.end();
    }

    fn truth(&mut self, report: &Report) {
        let Some(truth) = report.truth_to_show() else { return };
        self.put("<h2>Injected faults</h2>\n<div class=\"panel\">\n");
        let all = truth.faults.iter().map(|(name, f)| (name.as_str(), f)).chain([("(untouched)", &truth.untouched)]);
        let rows = all.map(|(name, f)| {
            let missed = match f.missed {
                0 => Cell::count(0),
                #[allow(clippy::cast_precision_loss)] // counts stay below 2^53
                n => Cell::measured(Some(n as f64), format!("<b class=\"bad\">{}</b>", count(n))),
            };
            let figures = [f.false_alarm, f.undecidable].map(Cell::count);
            let counts = [Cell::text(name), Cell::count(f.count), Cell::count(f.detected), missed];
            counts.into_iter().chain(figures).collect()
        });
        let head = ["fault", "injected", "detected", "missed", "false alarm", "undecidable"];
        self.table("Injected faults", "", &head, rows.collect());
        for (name, fault) in truth.faults.iter().filter(|(_, fault)| !fault.missed_examples.is_empty()) {
            let shown = fault.missed_examples.len() as u64;
            self.put(&format!(
                "<details><summary>Missed: {} of {} {}</summary>\n",
                count(shown),
                count(fault.missed),
                body::shown(name)
            ));
            let rows = fault.missed_examples.iter().map(|missed| {
                let said = missed.status.map_or_else(String::new, |status| format!(", {status}"));
                let id = missed.event_id.as_ref().map_or("none", |raw| raw.get());
                vec![
                    missed.seq.map_or_else(|| Cell::figure("dropped"), Cell::count),
                    Cell::text(id.trim_matches('"')),
                    Cell::words(&missed.done),
                    Cell::words(&format!("{}{said}", missed.outcome)),
                ]
            });
            let head = ["seq", "id", "what was done", "what the server said"];
            self.table(&format!("Missed {name}"), "sentences", &head, rows.collect());
            self.put("</details>\n");
        }
        if truth.faults.values().any(|fault| fault.missed > fault.missed_examples.len() as u64) {
            self.put("<p class=\"faint\">pstats --missed FILE writes all of them.</p>\n");
        }
        let why = why_undecidable(truth);
        if !why.is_empty() {
            self.put(&format!("<p class=\"faint\">Undecidable: {}.</p>\n", escape(&why)));
        }
        self.put("</div>\n");
    }

    fn chaos(&mut self, report: &Report) {
        let Some(chaos) = &report.chaos else { return };
        self.put(&format!("<h2>{}</h2>\n<div class=\"panel\">\n", ChaosReport::TITLE));
        let cell = |(column, text): (usize, &String)| if column == 0 { Cell::text(text) } else { Cell::figure(text) };
        let rows = chaos_rows(chaos).into_iter().map(|row| row.iter().enumerate().map(cell).collect());
        self.table(ChaosReport::TITLE, "", &ChaosReport::HEAD, rows.collect());
        self.put("</div>\n");
    }

    fn reconciled(&mut self, report: &Report) {
        let Some(reconciled) = &report.reconciled else { return };
        self.put("<h2>Reconciled by event_id</h2>\n<div class=\"panel\">\n");
        let rows = reconciled.facts().into_iter();
        let rows = rows.map(|(name, n, what)| vec![Cell::text(name), Cell::count(n), Cell::words(what)]);
        self.table("Ids", "sentences", &["ids", "count", "meaning"], rows.collect());
        let rows = reconciled.table.iter().map(|(word, s)| {
            std::iter::once(Cell::text(word)).chain(stored(s).iter().map(|text| Cell::figure(text))).collect()
        });
        let head = ["outcome", "present", "missing", "differs", "extra", "unchecked"];
        self.table("What the server has", "", &head, rows.collect());
        self.put("</div>\n");
    }

    /// The tables of groups. Those by service and hour are a chart.
    fn groups(&mut self, kind: &str, by: &By, data: &mut PageData) {
        let is_table = |name: &str, groups: &[super::GroupReport]| {
            let has_choice = name != "hour" || groups.len() > 1;
            name != "service,hour" && has_choice && groups.iter().any(super::GroupReport::has_value)
        };
        let mut shown: Vec<_> = by.iter().filter(|(name, groups)| is_table(name, groups)).collect();
        if shown.is_empty() {
            return;
        }
        let rank = |name: &str| ["service", "endpoint", "error", "status"].iter().position(|known| *known == name);
        shown.sort_by_key(|(name, _)| rank(name).unwrap_or(usize::MAX));
        self.put(&format!("<h2>{} by group</h2>\n", if kind == "events" { "Events" } else { "Outcomes" }));
        for (name, groups) in shown {
            let title = format!("By {}", name.replace(',', ", "));
            let table = format!("{kind}.{name}");
            let fields: Vec<&str> = name.split(',').collect();
            let head = ["count", "errors", "error rate", "mean", "P50", "P95", "P99", "P99.9", "max"];
            let head: Vec<&str> = fields.iter().copied().chain(head).collect();
            let most = if name == "hour" { 24 } else { ROWS };
            let of = TableData::of_groups(name, groups, fields.len());
            self.begin(&title, "");
            self.table_of((&format!("{kind}: {title}"), &table), fields.len(), &head, of.shown(most));
            data.tables.insert(table, of);
            self.end();
        }
    }

    fn parts(&mut self, report: &Report) {
        let found = &report.parts;
        if found.runs.is_empty() && found.problems.is_empty() && found.notes.is_empty() {
            return;
        }
        self.put(&format!("<h2>{}</h2>\n<div class=\"panel\">\n", parts::TITLE));
        let rows = parts::rows(report).into_iter().map(|row| {
            let cell =
                |(column, text): (usize, &String)| if column < 2 { Cell::text(text) } else { Cell::figure(text) };
            row.iter().enumerate().map(cell).collect()
        });
        let rows: Vec<Vec<Cell>> = rows.collect();
        if !rows.is_empty() {
            self.table(parts::TITLE, "", &parts::HEAD, rows);
        }
        for problem in &report.parts.problems {
            self.put(&format!("<p class=\"warn\">{}</p>\n", body::shown(problem)));
        }
        for note in &report.parts.notes {
            self.put(&format!("<p>{}</p>\n", body::shown(note)));
        }
        self.put("</div>\n");
    }

    fn input(&mut self, report: &Report) {
        self.put("<h2>Input</h2>\n<div class=\"panel\">\n");
        let kinds = report.input.kinds.iter().filter(|(_, amount)| amount.lines > 0);
        let rows = kinds.map(|(kind, amount)| vec![Cell::text(&kind_of_line(kind)), Cell::count(amount.lines)]);
        self.table("Input", "", &["lines", "count"], rows.collect());
        let files = report.run.files.join(", ");
        let files = if files.is_empty() { String::new() } else { format!("Read from {}. ", visible(&files)) };
        self.put(&format!("<p class=\"faint\">{}pstats {}.</p>\n</div>\n", escape(&files), report.run.version));
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
