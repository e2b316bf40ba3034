//! One screen: what a person asks first. `--full` has the rest.

use super::tables;
use crate::cli::console::visible;
use crate::cli::numbers::{bytes, count, counted, number};
use crate::cli::sheet::{Column, Page, width};
use crate::pstats::report::figures::By;
use crate::pstats::report::groupings::{by_harm, how_many, how_many_of, says_something, shares};
use crate::pstats::report::units::share;
use crate::pstats::report::words::{kind_of_line, percent, period};
use crate::pstats::report::{EventsReport, OutcomesReport, Report, WindowReport};
use crate::pstats::report::{alerts, capacity};

/// Groups, groups that were asked for, and messages of errors that a screen has room for.
const GROUPS: usize = 5;
const ASKED_GROUPS: usize = 12;
const ERRORS: usize = 3;
/// Fewer windows are no trend.
const TREND: usize = 5;

impl Page {
    /// Writes what a person asks first.
    pub(super) fn main(&mut self, report: &Report) {
        if let Some(outcomes) = &report.outcomes {
            self.main_of_outcomes(outcomes, report.run.window_s);
            capacity::write(self, outcomes.capacity.as_ref());
        }
        self.truth(report);
        alerts::text(report, self);
        self.reconciled(report);
        self.chaos(report);
        if let Some(outcomes) = &report.outcomes {
            self.top(&outcomes.by, &report.run.by);
        }
        if let Some(events) = &report.events {
            self.main_of_events(events, report.run.window_s);
            self.top(&events.by, &report.run.by);
            self.top_errors(events);
        }
        let parts = &report.parts;
        if parts.runs.iter().any(|run| run.shards.is_some()) || !parts.problems.is_empty() || !parts.notes.is_empty() {
            self.parts(report);
        }
        self.flaws(report);
    }

    fn main_of_outcomes(&mut self, outcomes: &OutcomesReport, asked: Option<f64>) {
        let (head, rows) = tables::outcomes(outcomes);
        if !rows.is_empty() {
            self.block("Outcomes", &head, &rows);
        }
        if !outcomes.reasons.is_empty() {
            self.line(&why_not_delivered(outcomes, self.room()));
        }
        if outcomes.retried > 0 {
            let met = outcomes.answers.iter().filter(|(_, n)| **n > 0);
            let met: Vec<String> = met.map(|(word, n)| format!("{} {word}", count(*n))).collect();
            let events = counted(outcomes.retried, "event", "events");
            self.sentence(&format!("{events} took more than one request; the answers: {}", met.join(", ")));
        }
        let (head, rows) = tables::latencies(&tables::of_outcomes(outcomes));
        if !rows.is_empty() {
            self.block("Latency", &head, &rows);
        }
        self.trend(&outcomes.windows, outcomes.window_s, asked, "outcomes");
    }

    fn main_of_events(&mut self, events: &EventsReport, asked: Option<f64>) {
        let groups = |name: &str| events.by.get(name).map_or(&[][..], Vec::as_slice);
        self.title("Event distribution");
        let kinds = [("service", "services"), ("endpoint", "endpoints")].map(|names| (groups(names.0), names));
        let kinds = kinds.iter().filter(|(groups, _)| says_something(groups));
        let kinds: Vec<String> = kinds.map(|(groups, (one, more))| how_many_of(groups, one, more)).collect();
        self.fact("Total events", &count(events.figures.count), &kinds.join(", "));
        if let Some(throughput) = events.throughput {
            let when = period(&events.time).unwrap_or_default();
            self.fact("Rate", &format!("{}/s", number(throughput)), &when);
        }
        if events.ids.duplicates != Some(0) && !events.ids.none {
            let [(_, _, _, unique), (_, _, _, duplicates)] = events.ids.facts();
            let more = events.ids.remark();
            self.fact("Unique ids", &unique, more);
            self.fact("Duplicate ids", &duplicates, more);
        }
        if events.order.late > 0 {
            let share = percent(events.order.late_share);
            self.fact("Out of order", &count(events.order.late), &format!("{share} are earlier than the line before"));
        }
        if !groups("country").is_empty() || !groups("region").is_empty() {
            let countries = how_many_of(groups("country"), "country", "countries");
            self.fact("Geographic coverage", &countries, &shares(groups("region")));
        }
        let classes = &events.status_classes;
        let of_known = |n: u64| percent(share(n, classes.known()));
        if events.figures.success_rate.is_some() {
            let cache = events.cache_hit_rate.map(|rate| format!("; cache hit rate {}", percent(Some(rate))));
            let more = format!("status code below 400{}", cache.unwrap_or_default());
            self.fact("Success rate", &percent(events.figures.success_rate), &more);
            let (client, server) = (of_known(classes.client_error), of_known(classes.server_error));
            self.fact(
                "Error rate",
                &percent(events.figures.error_rate),
                &format!("{client} 4xx errors, {server} 5xx errors"),
            );
        }
        if !groups("device").is_empty() {
            self.fact("Devices", &how_many(groups("device")), &shares(groups("device")));
        }
        let (head, rows) = tables::latencies(&[("response time", &events.figures.latency)]);
        if !rows.is_empty() {
            self.block("Performance", &head, &rows);
            self.endpoints(events);
        }
        self.trend(&events.windows, events.window_s, asked, "events");
    }

    fn top_errors(&mut self, events: &EventsReport) {
        let errors = events.by.get("error").map_or(&[][..], Vec::as_slice);
        if !errors.is_empty() {
            let rows = errors.iter().take(ERRORS).map(|group| vec![group.label(), count(group.figures.count)]);
            self.block("Top errors", &[Column::left("error"), Column::right("count")], &rows.collect::<Vec<_>>());
        }
    }

    fn trend(&mut self, windows: &[WindowReport], width: f64, asked: Option<f64>, what: &str) {
        if windows.len() >= TREND {
            self.lines_over_time(windows, what);
            self.doubled_window(width, asked);
        }
    }

    /// The groups that hurt most, of each grouping that was asked for, or of the services.
    fn top(&mut self, by: &By, asked: &[String]) {
        let services = ["service".to_owned()];
        let (names, most) = if asked.is_empty() { (&services[..], GROUPS) } else { (asked, ASKED_GROUPS) };
        for name in names {
            let Some(groups) = by.get(name).filter(|groups| says_something(groups)) else { continue };
            let fields: Vec<&str> = name.split(',').collect();
            let groups = by_harm(groups);
            let (head, rows) = tables::groups(&fields, &groups, most);
            let of = if groups.len() > most {
                let order = if groups[0].figures.failures > 0 { "most errors first" } else { "largest first" };
                format!(": {most} of {}, {order} (--full)", count(groups.len() as u64))
            } else {
                String::new()
            };
            self.title(&format!("By {}{of}", visible(&name.replace(',', ", "))));
            self.table(&head, &rows);
        }
    }

    /// Lines of the input that say nothing.
    fn flaws(&mut self, report: &Report) {
        let input = &report.input;
        let odd = ["left_out", "repeated", "unknown", "not_json", "not_object", "not_utf8", "too_long"];
        let odd = odd.iter().filter_map(|kind| input.kinds.get(kind).map(|amount| (kind, amount.lines)));
        let mut odd: Vec<String> =
            odd.filter(|(_, n)| *n > 0).map(|(kind, n)| format!("{} {}", count(n), kind_of_line(kind))).collect();
        let fields = input.event_fields.iter().chain(&input.outcome_fields);
        let invalid = fields.filter(|(name, n)| name.ends_with("_invalid") && **n > 0);
        odd.extend(invalid.map(|(name, n)| format!("{} with {}", count(*n), name.replace('_', " "))));
        if !odd.is_empty() {
            self.gap();
            let all = format!("Of {} lines ({})", count(input.lines), bytes(input.bytes));
            self.sentence(&format!("{all}: {}.", odd.join(", ")));
        }
    }
}

/// The most frequent reasons, as many as fit a line, and how many events have others.
fn why_not_delivered(outcomes: &OutcomesReport, room: usize) -> String {
    let others = |shown: usize| -> String {
        let rest: u64 = outcomes.reasons.iter().skip(shown).map(|r| r.count).sum();
        let rest = rest + outcomes.other_reasons;
        if rest > 0 { format!("; {} × other reasons", count(rest)) } else { String::new() }
    };
    let line = |shown: usize| {
        let why = outcomes.reasons.iter().take(shown).map(|r| format!("{} × {}", count(r.count), r.reason));
        format!("Why not delivered: {}{}", why.collect::<Vec<_>>().join("; "), others(shown))
    };
    (1..=outcomes.reasons.len()).rev().map(line).find(|line| width(line) <= room).unwrap_or_else(|| line(1))
}
