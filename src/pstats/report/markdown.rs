//! The report as Markdown, for a pull request or a wiki: the figures that a reader asks first, as tables.

use super::alerts::{self, Table};
use super::capacity;
use super::compared::{AXIS, TITLE, cells, shown};
use super::groupings::{how_many, is_worth_a_table, says_something};
use super::headline::{Headline, title};
use super::joined::{chaos_rows, stored, why_undecidable};
use super::parts;
use super::words::{kind_of_line, milliseconds, percent, period};
use super::{By, EventsReport, FiguresReport, GroupReport, LatencyReport, OutcomesReport, Report};
use crate::cli::console::visible;
use crate::cli::numbers::{count, duration, number};
use crate::pstats::inference::verdict::Word;
use crate::pstats::joins::ChaosReport;
use crate::pstats::require::Verdict;

/// Groups of a table before the rest is left to the other forms.
const ROWS: usize = 20;
/// Requirements that are listed; those that are not met come first.
const REQUIREMENTS: usize = 30;
/// The longest text of a cell, in characters.
const CELL: usize = 160;

/// The most bytes: a comment on GitHub holds 65,536 characters.
const MOST: usize = 65_000;

/// Writes the report: what decides first, the rest folded.
pub(crate) fn write(report: &Report) -> String {
    let headline = Headline::of(report);
    let mut page = format!("# {}\n\n{}.\n", escaped(&title(report)), escaped(&headline.sentence()));
    let mut left_out = Vec::new();
    for (name, section) in sections(report) {
        if page.len() + section.len() > MOST - LEFT_OUT {
            left_out.push(name);
        } else {
            page.push_str(&section);
        }
    }
    if !left_out.is_empty() {
        let names = left_out.join(", ");
        page.push_str(&format!("\n_Too long for a comment, see the other formats: {names:.MOST_NAMES$}_\n"));
    }
    page
}

/// Room for the names of sections that do not fit, of so many characters.
const LEFT_OUT: usize = 1000;
const MOST_NAMES: usize = 200;

/// The parts of the report below the first sentence, with their names, in order.
fn sections(report: &Report) -> Vec<(&'static str, String)> {
    let mut sections = vec![("requirements", requirements(report)), ("comparison", compared(report))];
    if let Some(outcomes) = &report.outcomes {
        sections.push(("outcomes", of_outcomes(outcomes)));
    }
    sections.push(("injected faults", truth(report)));
    sections.push(("alerts", alarms(report)));
    sections.push(("the server's own faults", chaos(report)));
    if let Some(events) = &report.events {
        sections.push(("events", of_events(events)));
    }
    sections.push(("reconciliation", folded("Reconciled by event_id", &reconciled(report))));
    if let Some(outcomes) = &report.outcomes {
        let groups = groups(&outcomes.by, &[], outcomes.time.span_s);
        sections.extend(
            groups
                .into_iter()
                .map(|(name, table)| ("groups of outcomes", folded(&format!("Outcomes {}", lower(&name)), &table))),
        );
    }
    if let Some(events) = &report.events {
        sections.push(("statistics of events", folded("Statistics of events", &statistics(events))));
        let groups = groups(&events.by, &["country", "city", "error", "region", "device"], events.time.span_s);
        sections.extend(
            groups
                .into_iter()
                .map(|(name, table)| ("groups of events", folded(&format!("Events {}", lower(&name)), &table))),
        );
    }
    sections.push(("parts", folded(parts::TITLE, &of_parts(report))));
    sections.push(("input", folded("Input", &input(report))));
    sections
}

/// A heading in the middle of a sentence.
fn lower(heading: &str) -> String {
    heading.replacen('B', "b", 1)
}

/// A part that opens at a click; nothing if it is empty.
fn folded(name: &str, text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    format!("\n<details><summary>{}</summary>\n\n{text}</details>\n", cell(name))
}

fn requirements(report: &Report) -> String {
    let mut page = String::new();
    if !report.requirements.is_empty() {
        heading(&mut page, "Requirements");
        let mut verdicts: Vec<&Verdict> = report.requirements.iter().collect();
        verdicts.sort_by_key(|verdict| verdict.met);
        let rows = verdicts.iter().take(REQUIREMENTS).map(|verdict| {
            let mark = match (verdict.met, verdict.unsure) {
                (true, false) => "✅ met",
                (true, true) => "❔ met",
                (false, true) => "❔ cannot tell",
                (false, false) => "❌ not met",
            };
            vec![mark.to_owned(), verdict.requirement.clone(), verdict.message.clone()]
        });
        table(&mut page, &[" verdict", " requirement", " figure"], rows);
        and_more(&mut page, verdicts.len(), REQUIREMENTS);
    }
    let generator = report.generator_warning().map(str::to_owned);
    for why in report.incomplete().into_iter().chain(generator) {
        page.push_str(&format!("\n**{}**\n", escaped(&why)));
    }
    page
}

fn of_events(events: &EventsReport) -> String {
    let mut page = String::new();
    heading(&mut page, "Events");
    figures(&mut page, &events.figures, events.throughput, &events.time);
    latencies(&mut page, &[("response time", &events.figures.latency)]);
    page
}

fn of_outcomes(outcomes: &OutcomesReport) -> String {
    let mut page = String::new();
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
    page
}

fn truth(report: &Report) -> String {
    let Some(truth) = report.truth_to_show() else { return String::new() };
    let mut page = String::new();
    heading(&mut page, "Injected faults");
    let faults = truth.faults.iter().map(|(name, fault)| (name.as_str(), fault));
    table(
        &mut page,
        &[" fault", "injected", "detected", "missed", "false alarm", "undecidable"],
        faults.chain([("(untouched)", &truth.untouched)]).map(|(name, f)| {
            let figures = [f.count, f.detected, f.missed, f.false_alarm, f.undecidable].map(count);
            std::iter::once(name.to_owned()).chain(figures).collect()
        }),
    );
    let why = why_undecidable(truth);
    if !why.is_empty() {
        page.push_str(&format!("Undecidable: {}.\n", escaped(&why)));
    }
    page
}

fn alarms(report: &Report) -> String {
    let Some(shown) = alerts::shown(report) else { return String::new() };
    let mut page = String::new();
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
    shown.notes.iter().for_each(|note| page.push_str(&format!("- {}\n", escaped(note))));
    page
}

fn reconciled(report: &Report) -> String {
    let Some(reconciled) = &report.reconciled else { return String::new() };
    let mut page = String::from("### Reconciled by event_id\n\n");
    table(
        &mut page,
        &[" ids", "count", " meaning"],
        reconciled.facts().into_iter().map(|(name, n, what)| vec![name.to_owned(), count(n), what.to_owned()]),
    );
    if !reconciled.table.is_empty() {
        section(
            &mut page,
            "By outcome",
            &[" outcome", "present", "missing", "differs", "extra", "unchecked"],
            reconciled.table.iter().map(|(word, s)| std::iter::once((*word).to_owned()).chain(stored(s)).collect()),
        );
    }
    page
}

fn chaos(report: &Report) -> String {
    let Some(chaos) = &report.chaos else { return String::new() };
    let mut page = String::new();
    heading(&mut page, ChaosReport::TITLE);
    let head = ChaosReport::HEAD.map(|name| if name == "fault" { " fault" } else { name });
    table(&mut page, &head, chaos_rows(chaos).into_iter());
    page
}

fn of_parts(report: &Report) -> String {
    let mut page = String::new();
    let told = parts::rows(report);
    if !told.is_empty() {
        let head: Vec<String> = parts::HEAD
            .iter()
            .enumerate()
            .map(|(column, name)| format!("{}{name}", if column < 2 { " " } else { "" }))
            .collect();
        let head: Vec<&str> = head.iter().map(String::as_str).collect();
        section(&mut page, parts::TITLE, &head, told.into_iter());
    }
    for line in report.parts.problems.iter().chain(&report.parts.notes) {
        page.push_str(&format!("- {}\n", escaped(line)));
    }
    page
}

fn input(report: &Report) -> String {
    let mut page = String::new();
    let rows = report.input.kinds.iter().filter(|(_, amount)| amount.lines > 0);
    section(
        &mut page,
        "Input",
        &[" lines", "count"],
        rows.map(|(kind, amount)| vec![kind_of_line(kind), count(amount.lines)]),
    );
    page
}

/// The verdicts on both sides, near the top: they are what a reader of a pull request looks for.
fn compared(report: &Report) -> String {
    let Some(shown) = shown(report) else { return String::new() };
    let mut all = String::new();
    let page = &mut all;
    heading(page, TITLE);
    page.push_str(&format!("{}\n\n", escaped(&shown.summary)));
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
    and_more(page, shown.rows.len() + shown.more, shown.rows.len());
    for note in &shown.notes {
        page.push_str(&format!("- {}\n", escaped(note)));
    }
    all
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

/// Text as a cell shows it: nothing in it is markup, and it ends somewhere.
fn cell(text: &str) -> String {
    let text = visible(text);
    match text.char_indices().nth(CELL) {
        Some((end, _)) => escaped(&format!("{}…", &text[..end])),
        None => escaped(&text),
    }
}

/// Text in which nothing is markup.
fn escaped(text: &str) -> String {
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
    if let (Some(when), Some(span)) = (period(time), time.span_s) {
        rows.push(("time", format!("{when} ({})", duration(span))));
    }
    facts(page, "Totals", rows);
}

/// The rest of the guide's Sample Statistics of events.
fn statistics(events: &EventsReport) -> String {
    let mut all = String::new();
    let page = &mut all;
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
    all
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
    and_more(page, groups.len(), ROWS);
}

fn latencies(page: &mut String, rows: &[(&str, &LatencyReport)]) {
    let head = [" latency", "mean", "P50", "P90", "P95", "P99", "P99.9", "max"];
    let rows = rows.iter().map(|(name, l)| {
        let figures = [l.mean_ms, l.p50_ms, l.p90_ms, l.p95_ms, l.p99_ms, l.p999_ms, l.max_ms].map(milliseconds);
        std::iter::once((*name).to_owned()).chain(figures).collect()
    });
    section(page, "Latency", &head, rows);
}

/// Groupings as tables with their names, without those shown elsewhere.
fn groups(by: &By, elsewhere: &[&str], span_s: Option<f64>) -> Vec<(String, String)> {
    let mut tables = Vec::new();
    let shown =
        |name: &str, groups: &[GroupReport]| !elsewhere.contains(&name) && is_worth_a_table(name, groups, span_s);
    for (name, groups) in by.iter().filter(|(name, groups)| shown(name, groups)) {
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
        let (mut page, title) = (String::new(), format!("By {}", name.replace(',', ", ")));
        section(&mut page, &title, &head, rows);
        and_more(&mut page, groups.len(), most);
        tables.push((title, page));
    }
    tables
}

fn and_more(page: &mut String, all: usize, shown: usize) {
    if all > shown {
        page.push_str(&format!("… and {} more\n\n", count((all - shown) as u64)));
    }
}
