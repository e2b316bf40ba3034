//! Everything: the guide's Sample Statistics section by section, then the groups as tables.

use super::tables;
use crate::cli::numbers::{bytes, count, duration, number};
use crate::cli::sheet::{Column, Page};
use crate::pstats::report::figures::{By, IdsReport};
use crate::pstats::report::groupings::{how_many, is_worth_a_table, shares};
use crate::pstats::report::units::share;
use crate::pstats::report::words::{bar, milliseconds, percent, period};
use crate::pstats::report::{EventsReport, GroupReport, OutcomesReport, Report, RunInfo, TimeReport, WindowReport};
use crate::pstats::report::{alerts, capacity};

/// The most rows of a table before the rest is only counted.
const ROWS: usize = 12;
/// How wide bars are, in characters.
const BAR: usize = 24;

impl Page {
    /// Writes all but what stands first.
    pub(super) fn all(&mut self, report: &Report) {
        if let Some(events) = &report.events {
            self.events(events, &report.run);
        }
        if let Some(outcomes) = &report.outcomes {
            self.outcomes(outcomes, &report.run);
            capacity::write(self, outcomes.capacity.as_ref());
        }
        self.truth(report);
        alerts::text(report, self);
        self.reconciled(report);
        self.chaos(report);
        self.parts(report);
        self.input(report);
    }

    fn events(&mut self, events: &EventsReport, run: &RunInfo) {
        self.title("Events");
        let groups = |name: &str| events.by.get(name).map_or(&[][..], Vec::as_slice);
        self.section("Event distribution");
        self.fact("Total events", &count(events.figures.count), "");
        self.fact("Services", &how_many(groups("service")), "");
        self.fact("Unique endpoints", &how_many(groups("endpoint")), "");
        self.time(&events.time);
        if let Some(throughput) = events.throughput {
            self.fact("Rate", &format!("{}/s", number(throughput)), "in event time");
        }
        self.ids(&events.ids);
        if events.order.late > 0 {
            let share = percent(events.order.late_share);
            self.fact(
                "Out of order",
                &count(events.order.late),
                &format!("{share} are earlier than the previous line"),
            );
        }
        if let Some(gap) = events.order.longest_gap_s {
            self.fact("Longest gap", &duration(gap), "");
        }

        if !(groups("region").is_empty() && groups("country").is_empty() && groups("city").is_empty()) {
            self.section("Geographic coverage");
            self.fact("Countries", &how_many(groups("country")), "");
            self.fact("Regions", &how_many(groups("region")), &shares(groups("region")));
            self.fact("Cities", &how_many(groups("city")), "");
        }

        self.section("Success");
        self.fact("Success rate", &percent(events.figures.success_rate), "status code below 400");
        self.fact("2xx responses", &count(events.status_classes.success), "");
        self.fact("Average response", &milliseconds(events.figures.latency.mean_ms), "");
        if events.cache_hit_rate.is_some() {
            self.fact("Cache hit rate", &percent(events.cache_hit_rate), "");
        }

        let failed = events.status_classes.client_error + events.status_classes.server_error;
        self.section("Errors");
        self.fact("Error rate", &percent(events.figures.error_rate), "");
        if failed > 0 {
            let classes = &events.status_classes;
            let of_known = |n: u64| percent(share(n, classes.known()));
            self.fact(
                "4xx errors",
                &of_known(classes.client_error),
                &format!("{} client errors", count(classes.client_error)),
            );
            self.fact(
                "5xx errors",
                &of_known(classes.server_error),
                &format!("{} server errors", count(classes.server_error)),
            );
        }
        self.share_table("Top errors", groups("error"), None);
        self.share_table("Devices", groups("device"), Some(events.figures.count));

        let (head, rows) = tables::latencies(&[("response time", &events.figures.latency)]);
        if !rows.is_empty() {
            self.section("Performance");
            self.table(&head, &rows);
        }
        self.endpoints(events);
        // Countries and cities only repeat the regions in detail; the JSON has them.
        self.groupings(&events.by, &run.by, &["country", "city", "error"], events.time.span_s);
        self.section_over_time(&events.windows, events.window_s, run.window_s, "events");
    }

    fn outcomes(&mut self, outcomes: &OutcomesReport, run: &RunInfo) {
        self.title("Outcomes");
        self.section("Ingestion");
        self.fact("Outcomes", &count(outcomes.figures.count), "");
        self.time(&outcomes.time);
        if let Some(throughput) = outcomes.throughput {
            self.fact("Throughput", &format!("{}/s", number(throughput)), "");
        }
        self.fact("Success rate", &percent(outcomes.figures.success_rate), "accepted, duplicate or present");
        if let (Some(late), Some(share)) =
            (outcomes.generator.late.filter(|late| *late > 0), outcomes.generator.late_share)
        {
            let cause = outcomes.generator.cause.unwrap_or_default();
            self.fact("Sent late", &count(late), &format!("{}, mostly because of {cause}", percent(Some(share))));
        }
        self.ids(&outcomes.ids);

        self.section("Outcomes");
        let (head, rows) = tables::outcomes(outcomes);
        self.table(&head, &rows);
        let verified = outcomes.present + outcomes.missing + outcomes.differs;
        if outcomes.figures.count > verified {
            let of_all = |n| percent(share(n, outcomes.figures.count));
            self.text.push('\n');
            self.fact("Delivered", &count(outcomes.delivered), &of_all(outcomes.delivered));
            self.fact("Lost", &count(outcomes.lost), &of_all(outcomes.lost));
            self.fact("Unknown", &count(outcomes.unknown), &of_all(outcomes.unknown));
        }

        if !outcomes.reasons.is_empty() {
            self.section("Why not delivered");
            let (head, rows) = tables::reasons(outcomes);
            self.table(&head, &rows);
        }

        let (head, rows) = tables::latencies(&tables::of_outcomes(outcomes));
        if !rows.is_empty() {
            self.section("Latency");
            self.table(&head, &rows);
        }

        self.section("Requests");
        self.fact("Requests sent", &count(outcomes.attempts), "");
        self.fact("Body bytes", &bytes(outcomes.request_bytes), "each event counted once");
        self.fact("Retried", &count(outcomes.retried), "events that took more than one request");
        if outcomes.own_retry > 0 {
            self.fact("Own retries", &count(outcomes.own_retry), "duplicates that psend's own retries may have caused");
        }
        if outcomes.retried > 0 {
            let met = outcomes.answers.iter().filter(|(_, n)| **n > 0).map(|(word, n)| format!("{} {word}", count(*n)));
            let all = count(outcomes.answers.values().sum());
            self.fact("Answers", &all, &format!("to retried events: {}", met.collect::<Vec<_>>().join(", ")));
        }
        self.groupings(&outcomes.by, &run.by, &[], outcomes.time.span_s);
        self.section_over_time(&outcomes.windows, outcomes.window_s, run.window_s, "outcomes");
    }

    fn time(&mut self, time: &TimeReport) {
        if let (Some(span), Some(when)) = (time.span_s, period(time)) {
            self.fact("Time span", &duration(span), &when);
        }
    }

    fn ids(&mut self, ids: &IdsReport) {
        if ids.unique == Some(0) {
            return;
        }
        let more = ids.remark();
        for (name, _, _, shown) in ids.facts() {
            self.fact(&sentence(name), &shown, more);
        }
    }

    /// The shares of a grouping as bars: of `whole`, or of the sum of its groups.
    fn share_table(&mut self, heading: &str, groups: &[GroupReport], whole: Option<u64>) {
        if groups.is_empty() {
            return;
        }
        self.section(heading);
        let of = whole.unwrap_or_else(|| groups.iter().map(|g| g.figures.count).sum());
        let rows: Vec<Vec<String>> = groups
            .iter()
            .take(ROWS)
            .map(|group| {
                let share = share(group.figures.count, of);
                vec![group.label(), count(group.figures.count), percent(share), bar(share.unwrap_or(0.0), BAR)]
            })
            .collect();
        let (left, right) = (Column::left, Column::right);
        self.table(&[left(""), right("count"), right("share"), left("").spare(1)], &rows);
        self.left_out(groups);
    }

    fn left_out(&mut self, groups: &[GroupReport]) {
        if groups.len() > ROWS {
            self.more(groups.len() - ROWS);
        }
    }

    fn groupings(&mut self, by: &By, asked: &[String], elsewhere: &[&str], span_s: Option<f64>) {
        let is_asked = |name: &str| asked.iter().any(|asked| asked == name);
        let usual = ["service", "endpoint", "status", "region", "country", "city", "device", "hour", "error"];
        let others = by.keys().map(String::as_str).filter(|name| !usual.contains(name));
        let shown = |name: &&str| !elsewhere.contains(name) || is_asked(name);
        for name in usual.into_iter().filter(shown).chain(others) {
            let Some(groups) = by.get(name) else { continue };
            if !is_worth_a_table(name, groups, span_s) && !is_asked(name) {
                continue;
            }
            self.section(&format!("By {}", name.replace(',', ", ")));
            let mut shown: Vec<&GroupReport> = groups.iter().collect();
            if name == "hour" {
                shown.sort_by_key(|group| group.label());
            }
            let most = if name == "hour" { 24 } else { ROWS };
            let fields: Vec<&str> = name.split(',').collect();
            let (head, rows) = tables::groups(&fields, &shown, most);
            self.table(&head, &rows);
            if groups.len() > most {
                self.more(groups.len() - most);
            }
        }
    }

    fn section_over_time(&mut self, windows: &[WindowReport], width: f64, asked: Option<f64>, what: &str) {
        if windows.len() < 2 {
            return;
        }
        self.section(&format!("Over time ({} per window; windows without {what} are left out)", duration(width)));
        self.doubled_window(width, asked);
        self.lines_over_time(windows, what);
    }

    fn input(&mut self, report: &Report) {
        let input = &report.input;
        self.title("Input");
        self.fact("Lines", &count(input.lines), &bytes(input.bytes));
        let names = [
            ("events", "events", ""),
            ("outcomes", "outcomes", ""),
            ("run_records", "run records", "one for each run of psend or pgen"),
            ("truth", "truth", "pshape's record of faults"),
            ("left_out", "left out", "by --where, or as warm-up"),
            ("repeated", "repeated", "another outcome of the same line counts instead"),
            ("unknown", "unknown", "objects that are neither events nor outcomes"),
            ("blank", "blank", ""),
            ("not_json", "not JSON", ""),
            ("not_object", "not an object", "JSON, but not an object"),
            ("not_utf8", "not UTF-8", ""),
            ("too_long", "too long", "longer than --max-line"),
        ];
        for (key, name, more) in names {
            let lines = input.kinds.get(key).map_or(0, |amount| amount.lines);
            if lines > 0 {
                self.fact(&format!("  {name}"), &count(lines), more);
            }
        }
        for (kind, fields) in [("event", &input.event_fields), ("outcome", &input.outcome_fields)] {
            // By contract, an outcome without an answer has neither.
            let expected = |name: &str| kind == "outcome" && name.ends_with("_missing") && name != "id_missing";
            for (name, n) in fields.iter().filter(|(name, n)| **n > 0 && !expected(name)) {
                self.fact(&format!("  {}", name.replace('_', " ")), &count(*n), &format!("in {kind}s"));
            }
        }
        if input.arrays_cut_off > 0 {
            self.fact("  arrays cut off", &count(input.arrays_cut_off), "");
        }
    }
}

/// A name as a line begins with it.
fn sentence(name: &str) -> String {
    let (first, rest) = name.split_at(name.chars().next().map_or(0, char::len_utf8));
    first.to_uppercase() + rest
}
