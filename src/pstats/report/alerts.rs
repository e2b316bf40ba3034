//! Whether alarms rang, as every form that people read shows it.

use super::Report;

use super::words::{moment, percent};
use crate::cli::numbers::{count, counted, duration, exact, number};
use crate::cli::sheet::{Column, Page};
use crate::pstats::alerts::{AlertsReport, FoundReport, MissedReport, RuleReport};

/// The heading.
pub(super) const TITLE: &str = "Did the alarm ring?";

/// Rows of a table before the rest is left to the JSON report.
const ROWS: usize = 20;

/// A table, with a heading if it needs one. Heads that begin with a blank are of columns of text.
pub(super) struct Table {
    pub(super) title: &'static str,
    pub(super) head: &'static [&'static str],
    pub(super) rows: Vec<Vec<String>>,
    /// How many rows are left to the JSON report.
    pub(super) more: u64,
}

/// What there is to show.
pub(super) struct Shown {
    /// The figures, what there are of them, and their tables.
    pub(super) tables: Vec<Table>,
    /// What a reader has to know besides.
    pub(super) notes: Vec<String>,
}

/// The alerts; `None` without `--alerts`.
pub(super) fn shown(report: &Report) -> Option<Shown> {
    let alerts = report.alerts.as_ref()?;
    let mut tables = vec![Table { title: "", head: &[" ", "", "interval", " "], rows: figures(alerts), more: 0 }];
    let faults = alerts.faults.iter().map(|(kind, found)| of_kind(kind, found)).collect::<Vec<_>>();
    let head = &[" fault", "episodes", "detected", "recall", "interval", "time to detect", "interval", "longest"];
    tables.push(Table { title: "By kind of fault", head, rows: faults, more: 0 });
    let rules = alerts.rules.iter().take(ROWS).map(of_rule).collect();
    let more = alerts.more_rules + alerts.rules.len().saturating_sub(ROWS) as u64;
    tables.push(Table { title: "By alert", head: &[" alert", "rang", "in an episode", "false"], rows: rules, more });
    let missed = alerts.missed_episodes.iter().take(ROWS).map(of_missed).collect();
    let more = alerts.more_missed + alerts.missed_episodes.len().saturating_sub(ROWS) as u64;
    tables.push(Table { title: "Missed", head: &[" fault", " from", " to", "events", " "], rows: missed, more });
    tables.retain(|table| !table.rows.is_empty());
    Some(Shown { tables, notes: notes(alerts) })
}

/// Writes it for a terminal.
pub(super) fn text(report: &Report, page: &mut Page) {
    let Some(shown) = shown(report) else { return };
    page.title(TITLE);
    for Table { title, head, rows, more } in &shown.tables {
        if !title.is_empty() {
            page.section(title);
        }
        let column = |name: &&'static str| match name.strip_prefix(' ') {
            Some(name) => Column::left(name),
            None => Column::right(name),
        };
        page.table(&head.iter().map(column).collect::<Vec<_>>(), rows);
        if *more > 0 {
            page.line(&format!("  … and {} more (--format json has most)", count(*more)));
        }
    }
    page.gap();
    shown.notes.iter().for_each(|note| page.sentence(note));
}

/// The same as lines of words, for a form without tables.
pub(super) fn lines(shown: &Shown) -> Vec<String> {
    let rows = shown.tables.iter().flat_map(|table| {
        let title = (!table.title.is_empty()).then(|| format!("{}:", table.title));
        let more = (table.more > 0).then(|| format!("and {} more", count(table.more)));
        let row = |row: &Vec<String>| {
            let cells = table.head.iter().zip(row).skip(1).filter(|(_, cell)| !cell.is_empty());
            let cells = cells.map(|(head, cell)| format!("{} {cell}", head.trim()).trim().to_owned());
            format!("{}: {}", row[0], cells.collect::<Vec<_>>().join(", "))
        };
        title.into_iter().chain(table.rows.iter().map(row)).chain(more)
    });
    rows.chain(shown.notes.iter().cloned()).collect()
}

fn figures(alerts: &AlertsReport) -> Vec<Vec<String>> {
    let row = |name: &str, value: String, interval: String, more: String| vec![name.to_owned(), value, interval, more];
    let delay = &alerts.time_to_detect;
    let clean = alerts.clean_s.map_or_else(String::new, |clean| format!(" in {} without a fault", duration(clean)));
    vec![
        row(
            "Recall",
            percent(alerts.recall),
            between(alerts.recall_low, alerts.recall_high, share),
            format!("{} of {}", count(alerts.detected), counted(alerts.episodes, "episode", "episodes")),
        ),
        row(
            "Precision",
            percent(alerts.precision),
            between(alerts.precision_low, alerts.precision_high, share),
            format!("{} of {}", count(alerts.hits), counted(alerts.count, "alert", "alerts")),
        ),
        row(
            "False pages a day",
            alerts.false_per_day.map_or_else(|| "not known".to_owned(), number),
            between(alerts.false_per_day_low, alerts.false_per_day_high, number),
            format!("{}{clean}", count(alerts.false_pages)),
        ),
        row(
            "Time to detect",
            delay.median_s.map_or_else(|| "–".to_owned(), duration),
            between(delay.median_low_s, delay.median_high_s, duration),
            delay.max_s.map_or_else(String::new, |max| format!("median; longest {}", duration(max))),
        ),
    ]
}

fn of_kind(kind: &str, found: &FoundReport) -> Vec<String> {
    let delay = &found.time_to_detect;
    vec![
        kind.to_owned(),
        count(found.episodes),
        count(found.detected),
        percent(found.recall),
        between(found.recall_low, found.recall_high, share),
        delay.median_s.map_or_else(|| "–".to_owned(), duration),
        between(delay.median_low_s, delay.median_high_s, duration),
        delay.max_s.map_or_else(|| "–".to_owned(), duration),
    ]
}

fn of_rule(rule: &RuleReport) -> Vec<String> {
    vec![rule.name.clone(), count(rule.count), count(rule.hits), count(rule.false_pages)]
}

fn of_missed(missed: &MissedReport) -> Vec<String> {
    let note = if missed.already_firing { "an earlier alert was still firing" } else { "" };
    vec![missed.fault.to_owned(), moment(&missed.from), moment(&missed.to), count(missed.faults), note.to_owned()]
}

fn notes(alerts: &AlertsReport) -> Vec<String> {
    let mut notes = vec![format!(
        "Intervals have {}% confidence. An alert counts for an episode from its first fault to {} after its last.",
        exact(alerts.confidence * 100.0),
        duration(alerts.grace_s)
    )];
    if let Some(why) = alerts.why_no_rate() {
        notes.push(format!("False pages a day are not known: {why}."));
    }
    let left_out = [
        (alerts.outside, "before the first event or after the last: not counted"),
        (alerts.repeated, "notified again: counted once"),
        (alerts.unreadable, "unreadable: the figures lack them"),
    ];
    let left_out = left_out.iter().filter(|(n, _)| *n > 0);
    notes.extend(left_out.map(|(n, what)| format!("{} {what}.", counted(*n, "alert was", "alerts were"))));
    notes
}

fn share(value: f64) -> String {
    percent(Some(value))
}

/// An interval; a dash if it is not known.
fn between(low: Option<f64>, high: Option<f64>, shown: impl Fn(f64) -> String) -> String {
    low.zip(high).map_or_else(|| "–".to_owned(), |(low, high)| format!("{} to {}", shown(low), shown(high)))
}
