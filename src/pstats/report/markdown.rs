//! The report as Markdown, for a pull request or a wiki: the figures that a reader asks first, as tables.

use super::alerts::{self, Table};
use super::capacity;
use super::compared::{AXIS, TITLE, cells, shown};
use super::headline::{Headline, title};
use super::joined::{chaos_rows, stored, why_undecidable};
use super::parts;
use super::text::{how_many, says_something};
use super::words::{milliseconds, moment, percent};
use super::{By, EventsReport, FiguresReport, GroupReport, LatencyReport, Report};
use crate::cli::console::visible;
use crate::cli::numbers::{count, duration, number};
use crate::pstats::inference::verdict::Word;
use crate::pstats::joins::ChaosReport;

/// Groups of a table before the rest is left to the other forms.
const ROWS: usize = 20;

/// Writes the report.
pub(crate) fn write(report: &Report) -> String {
    let headline = Headline::of(report);
    let mut page = format!("# {}\n\n{}.\n", cell(&title(report)), cell(&headline.sentence()));
    if !report.requirements.is_empty() {
        heading(&mut page, "Requirements");
        let rows = report.requirements.iter().map(|verdict| {
            let mark = match (verdict.met, verdict.unsure) {
                (true, false) => "✅ met",
                (true, true) => "❔ met",
                (false, true) => "❔ cannot tell",
                (false, false) => "❌ not met",
            };
            vec![mark.to_owned(), verdict.requirement.clone(), verdict.message.clone()]
        });
        table(&mut page, &[" verdict", " requirement", " figure"], rows);
    }
    if let Some(why) = report.incomplete() {
        page.push_str(&format!("\n**{}**\n", cell(&why)));
    }
    if let Some(why) = report.generator_warning() {
        page.push_str(&format!("\n**{}**\n", cell(why)));
    }
    compared(&mut page, report);
    if let Some(events) = &report.events {
        heading(&mut page, "Events");
        figures(&mut page, &events.figures, events.throughput, &events.time);
        latencies(&mut page, &[("response time", &events.figures.latency)]);
        statistics(&mut page, events);
        groups(&mut page, &events.by, &["country", "city", "error", "region", "device"]);
    }
    if let Some(outcomes) = &report.outcomes {
        heading(&mut page, "Outcomes");
        figures(&mut page, &outcomes.figures, outcomes.throughput, &outcomes.time);
        let rows = outcomes.words().into_iter().filter(|(_, n)| *n > 0);
        let whole = outcomes.figures.count;
        section(
            &mut page,
            "Outcomes",
            &[" outcome", "count", "share"],
            rows.map(|(word, n)| vec![word.to_owned(), count(n), percent(super::units::share(n, whole))]),
        );
        if !outcomes.reasons.is_empty() {
            let reasons = outcomes.reasons.iter().map(|r| vec![r.reason.clone(), count(r.count)]);
            section(&mut page, "Why not delivered", &[" reason, with # for ids and numbers", "events"], reasons);
        }
        latencies(&mut page, &[("last attempt", &outcomes.figures.latency), ("end to end", &outcomes.end_to_end)]);
        if let Some(found) = &outcomes.capacity {
            let facts = found.facts().into_iter().map(|(name, figure, remark)| vec![name.to_owned(), figure, remark]);
            section(&mut page, capacity::TITLE, &[" ", " ", " "], facts);
            let curve = found.curve();
            section(&mut page, "Latency by rate", &capacity::HEAD, curve.iter().map(capacity::Point::cells));
        }
        groups(&mut page, &outcomes.by, &[]);
    }
    if let Some(truth) = report.truth_to_show() {
        heading(&mut page, "Injected faults");
        let all =
            truth.faults.iter().map(|(name, fault)| (name.as_str(), fault)).chain([("(untouched)", &truth.untouched)]);
        table(
            &mut page,
            &[" fault", "injected", "detected", "missed", "false alarm", "undecidable"],
            all.map(|(name, f)| {
                let figures = [f.count, f.detected, f.missed, f.false_alarm, f.undecidable].map(count);
                std::iter::once(name.to_owned()).chain(figures).collect()
            }),
        );
    }
    if let Some(why) = report.truth_to_show().map(why_undecidable).filter(|why| !why.is_empty()) {
        page.push_str(&format!("Undecidable: {}.\n", cell(&why)));
    }
    if let Some(shown) = alerts::shown(report) {
        heading(&mut page, alerts::TITLE);
        for Table { title, head, rows, more } in shown.tables {
            if !title.is_empty() {
                page.push_str(&format!("### {title}\n\n"));
            }
            table(&mut page, head, rows.into_iter());
            if more > 0 {
                page.push_str(&format!("… and {} more\n\n", count(more)));
            }
        }
        shown.notes.iter().for_each(|note| page.push_str(&format!("- {}\n", cell(note))));
    }
    if let Some(reconciled) = &report.reconciled {
        heading(&mut page, "Reconciled by event_id");
        table(
            &mut page,
            &[" ids", "count", " meaning"],
            reconciled.facts().into_iter().map(|(name, n, what)| vec![name.to_owned(), count(n), what.to_owned()]),
        );
        table(
            &mut page,
            &[" outcome", "present", "missing", "differs", "extra", "unchecked"],
            reconciled.table.iter().map(|(word, s)| std::iter::once((*word).to_owned()).chain(stored(s)).collect()),
        );
    }
    if let Some(chaos) = &report.chaos {
        heading(&mut page, ChaosReport::TITLE);
        let head = ChaosReport::HEAD.map(|name| if name == "fault" { " fault" } else { name });
        table(&mut page, &head, chaos_rows(chaos).into_iter());
    }
    let told = parts::rows(report);
    if !told.is_empty() {
        heading(&mut page, parts::TITLE);
        let head: Vec<String> = parts::HEAD
            .iter()
            .enumerate()
            .map(|(column, name)| format!("{}{name}", if column < 2 { " " } else { "" }))
            .collect();
        let head: Vec<&str> = head.iter().map(String::as_str).collect();
        table(&mut page, &head, told.into_iter());
    }
    for line in report.parts.problems.iter().chain(&report.parts.notes) {
        page.push_str(&format!("- {}\n", cell(line)));
    }
    heading(&mut page, "Input");
    let rows = report.input.kinds.iter().filter(|(_, amount)| amount.lines > 0);
    table(
        &mut page,
        &[" lines", "count"],
        rows.map(|(kind, amount)| vec![kind.replace('_', " "), count(amount.lines)]),
    );
    if let Some(why) = &report.parts.not_known {
        page.push_str(&format!("Parts of a run are not known: {}.\n", cell(why)));
    }
    page
}

/// The verdicts on both sides, near the top: they are what a reader of a pull request looks for.
fn compared(page: &mut String, report: &Report) {
    let Some(shown) = shown(report) else { return };
    heading(page, TITLE);
    page.push_str(&format!("{}\n\n", cell(&shown.summary)));
    let rows = shown.rows.iter().map(|row| {
        let verdict = row.verdict_in_words();
        let verdict = match row.verdict {
            Word::Worse => format!("🔴 {verdict}"),
            Word::Better => format!("🟢 {verdict}"),
            Word::Same => format!("⚪ {verdict}"),
            Word::CannotTell => format!("❔ {verdict}"),
        };
        // Blanks of a drawing would be folded.
        let drawn = row.drawn().replace(' ', "\u{a0}");
        [cells(row), vec![drawn, verdict]].concat()
    });
    if !shown.rows.is_empty() {
        table(page, &[" figure", "base", "now", "change", "interval", &format!(" {AXIS}"), " verdict"], rows);
    }
    if shown.more > 0 {
        page.push_str(&format!("… and {} more\n\n", count(shown.more as u64)));
    }
    for note in &shown.notes {
        page.push_str(&format!("- {}\n", cell(note)));
    }
}

fn heading(page: &mut String, text: &str) {
    page.push_str(&format!("\n## {text}\n\n"));
}

/// A table with a heading. Columns whose head begins with a blank are aligned left.
fn section(page: &mut String, title: &str, head: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    page.push_str(&format!("### {}\n\n", cell(title)));
    table(page, head, rows);
}

fn table(page: &mut String, head: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let names: Vec<String> = head.iter().map(|name| cell(name.trim_start())).collect();
    let sides: String = head.iter().map(|name| if name.starts_with(' ') { "---|" } else { "---:|" }).collect();
    page.push_str(&format!("| {} |\n|{sides}\n", names.join(" | ")));
    for row in rows {
        let cells: Vec<String> = row.iter().map(|text| cell(text)).collect();
        page.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    page.push('\n');
}

/// Text as a cell shows it: nothing in it is markup.
fn cell(text: &str) -> String {
    let text = visible(text);
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | '|' | '<' | '`' | '*' | '[') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// Facts as a table of two columns.
fn facts(page: &mut String, title: &str, rows: Vec<(&str, String)>) {
    section(page, title, &[" figure", "value"], rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]));
}

fn figures(page: &mut String, figures: &FiguresReport, throughput: Option<f64>, time: &super::TimeReport) {
    let mut rows = vec![
        ("count", count(figures.count)),
        ("success rate", percent(figures.success_rate)),
        ("error rate", percent(figures.error_rate)),
    ];
    rows.extend(throughput.map(|throughput| ("rate", format!("{}/s", number(throughput)))));
    if let (Some(first), Some(last), Some(span)) = (&time.first, &time.last, time.span_s) {
        rows.push(("time", format!("{} to {} UTC ({})", moment(first), moment(last), duration(span))));
    }
    facts(page, "Totals", rows);
}

/// The rest of the guide's Sample Statistics of events.
fn statistics(page: &mut String, events: &EventsReport) {
    let groups = |name: &str| events.by.get(name).map_or(&[][..], Vec::as_slice);
    let mut rows = vec![("services", how_many(groups("service"))), ("endpoints", how_many(groups("endpoint")))];
    rows.extend(events.ids.facts().map(|(name, _, _, shown)| (name, shown)));
    rows.push(("earlier than the previous line", count(events.order.late)));
    rows.push(("longest gap", events.order.longest_gap_s.map_or("–".to_owned(), duration)));
    facts(page, "Distribution", rows);
    if ["region", "country", "city"].iter().any(|name| says_something(groups(name))) {
        let kinds = [("countries", "country"), ("regions", "region"), ("cities", "city")];
        facts(page, "Geography", kinds.map(|(title, name)| (title, how_many(groups(name)))).to_vec());
        shares(page, "By region", "region", groups("region"));
    }
    let classes = &events.status_classes;
    let mut rows = vec![
        ("2xx responses", count(classes.success)),
        ("4xx client errors", count(classes.client_error)),
        ("5xx server errors", count(classes.server_error)),
    ];
    if events.cache_hit_rate.is_some() {
        rows.push(("cache hit rate", percent(events.cache_hit_rate)));
    }
    facts(page, "Success and errors", rows);
    shares(page, "Top errors", "error", groups("error"));
    shares(page, "Devices", "device", groups("device"));
    let endpoint = |e: &super::EndpointReport| format!("{} (mean {})", e.endpoint, milliseconds(Some(e.mean_ms)));
    if let (Some(slowest), Some(fastest)) = (&events.slowest_endpoint, &events.fastest_endpoint) {
        let rows = [("slowest endpoint", slowest), ("fastest endpoint", fastest)];
        facts(page, "Performance", rows.map(|(name, e)| (name, endpoint(e))).to_vec());
    }
}

/// The shares of a grouping.
fn shares(page: &mut String, title: &str, name: &str, groups: &[GroupReport]) {
    if !says_something(groups) {
        return;
    }
    let whole: u64 = groups.iter().map(|group| group.figures.count).sum();
    let head = format!(" {name}");
    let rows = groups.iter().take(ROWS).map(|group| {
        vec![group.label(), count(group.figures.count), percent(super::units::share(group.figures.count, whole))]
    });
    section(page, title, &[&head, "count", "share"], rows);
    and_more(page, groups);
}

fn latencies(page: &mut String, rows: &[(&str, &LatencyReport)]) {
    let head = [" latency", "mean", "P50", "P90", "P95", "P99", "P99.9", "max"];
    let rows = rows.iter().map(|(name, l)| {
        let figures = [l.mean_ms, l.p50_ms, l.p90_ms, l.p95_ms, l.p99_ms, l.p999_ms, l.max_ms].map(milliseconds);
        std::iter::once((*name).to_owned()).chain(figures).collect()
    });
    section(page, "Latency", &head, rows);
}

/// Groupings as tables, without those shown elsewhere.
fn groups(page: &mut String, by: &By, elsewhere: &[&str]) {
    let told = |name: &str| elsewhere.contains(&name) || name == "service,hour";
    for (name, groups) in by.iter().filter(|(name, groups)| !told(name) && says_something(groups)) {
        let fields: Vec<String> = name.split(',').map(|field| format!(" {field}")).collect();
        let figures = ["count", "errors", "mean", "P50", "P95", "P99", "max"];
        let head: Vec<&str> = fields.iter().map(String::as_str).chain(figures).collect();
        let mut shown: Vec<&GroupReport> = groups.iter().collect();
        let mut most = ROWS;
        if name == "hour" {
            shown.sort_by_key(|group| group.label());
            most = 24;
        }
        let rows = shown.iter().take(most).map(|group| {
            let l = &group.figures.latency;
            let mut row = group.labels(fields.len());
            row.extend([count(group.figures.count), percent(group.figures.error_rate)]);
            row.extend([l.mean_ms, l.p50_ms, l.p95_ms, l.p99_ms, l.max_ms].map(milliseconds));
            row
        });
        section(page, &format!("By {}", name.replace(',', ", ")), &head, rows);
        if most == ROWS {
            and_more(page, groups);
        }
    }
}

fn and_more(page: &mut String, groups: &[GroupReport]) {
    if groups.len() > ROWS {
        page.push_str(&format!("… and {} more\n\n", count((groups.len() - ROWS) as u64)));
    }
}
