//! The report for a person at a terminal: the guide's Sample Statistics section by section, then the groups as tables.

use super::super::joins::{ChaosReport, FaultReport, ReconciledReport, TruthReport};
use super::super::require::Verdict;
use super::compared::{AXIS, TITLE, cells, shown};
use super::joined::{chaos_head, chaos_rows, stored, why_undecidable};
use super::parts;
use super::units::share;
use super::words::{bar, milliseconds, moment, percent, sparkline};
use super::{
    EventsReport, FiguresReport, GroupReport, LatencyReport, OutcomesReport, ReasonReport, Report, WindowReport,
};
use crate::cli::console::visible;
use crate::cli::numbers::{bytes, count, duration, number};
pub(crate) use crate::cli::sheet::Style;
use crate::cli::sheet::{Align, Page, left, width};

/// The most rows of a table before the rest is only counted.
const ROWS: usize = 12;
/// How wide bars and the line over time are, in characters.
const BAR: usize = 24;
const LINE: usize = 72;

/// Writes the whole report.
pub(crate) fn write(report: &Report, style: Style) -> String {
    let mut page = Page::new(style);
    if report.is_empty() {
        page.title("Nothing to report");
        page.line("The input has no events and no outcomes.");
    }
    if let Some(events) = &report.events {
        page.events(events, report.run.window_s);
    }
    if let Some(outcomes) = &report.outcomes {
        page.outcomes(outcomes, report.run.window_s);
    }
    if let Some(why) = report.incomplete() {
        page.text.push('\n');
        let why = page.paint("33", &visible(&why));
        page.line(&why);
    }
    if let Some(why) = report.generator_warning() {
        page.text.push('\n');
        let why = page.paint("33", &visible(why));
        page.line(&why);
    }
    if let Some(truth) = report.truth_to_show() {
        page.truth(truth);
    }
    super::alerts::text(report, &mut page);
    if let Some(reconciled) = &report.reconciled {
        page.reconciled(reconciled);
    }
    if let Some(chaos) = &report.chaos {
        page.title(ChaosReport::TITLE);
        page.table(&chaos_head(), &chaos_rows(chaos));
    }
    page.compared(report);
    page.parts(report);
    page.input(report);
    page.requirements(&report.requirements);
    page.text
}

impl Page {
    fn events(&mut self, events: &EventsReport, asked: Option<f64>) {
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
            self.fact("Regions", &how_many(groups("region")), &names(groups("region")));
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
        self.shares("Top errors", groups("error"), None);
        self.shares("Devices", groups("device"), Some(events.figures.count));

        self.section("Performance");
        self.latencies(&[("response time", &events.figures.latency)]);
        let endpoint = |e: &super::EndpointReport| format!("{} (avg {})", e.endpoint, milliseconds(Some(e.mean_ms)));
        if groups("endpoint").iter().any(GroupReport::is_rest) {
            self.note("  Slowest and fastest endpoint not known: endpoints beyond --max-groups were counted together");
        }
        if let (Some(slowest), Some(fastest)) = (&events.slowest_endpoint, &events.fastest_endpoint) {
            self.note(&format!("  Slowest endpoint   {}", endpoint(slowest)));
            self.note(&format!("  Fastest endpoint   {}", endpoint(fastest)));
        }
        // Countries and cities only repeat the regions in detail; the JSON has them.
        self.groupings(&events.by, &["country", "city", "error"]);
        self.over_time(&events.windows, events.window_s, asked, "events");
    }

    fn outcomes(&mut self, outcomes: &OutcomesReport, asked: Option<f64>) {
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
        let words = [
            ("accepted", outcomes.accepted, "the server accepted the event"),
            ("duplicate", outcomes.duplicate, "the server already had it"),
            ("rejected", outcomes.rejected, "refused for good, or not an event"),
            ("rate_limited", outcomes.rate_limited, "still rate limited after all retries"),
            ("failed", outcomes.failed, "no attempt succeeded"),
            ("unknown", outcomes.unknown, "no complete answer: it may have been accepted"),
            ("not_sent", outcomes.not_sent, "read, but not sent"),
            ("present", outcomes.present, "the server has the event"),
            ("missing", outcomes.missing, "the server does not have it"),
            ("differs", outcomes.differs, "the server has another body under its id"),
        ];
        let rows: Vec<Vec<String>> = words
            .iter()
            .filter(|(_, n, _)| *n > 0)
            .map(|(word, n, meaning)| {
                let share = share(*n, outcomes.figures.count);
                let bar = bar(share.unwrap_or(0.0), BAR);
                vec![(*word).to_owned(), count(*n), percent(share), format!("{bar:<BAR$}"), (*meaning).to_owned()]
            })
            .collect();
        let (left, right) = (Align::Left, Align::Right);
        self.table(&[("outcome", left), ("count", right), ("share", right), ("", left), ("", left)], &rows);
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
            let reason = |r: &ReasonReport| vec![count(r.count), visible(&r.reason).into_owned()];
            let mut rows: Vec<Vec<String>> = outcomes.reasons.iter().map(reason).collect();
            if outcomes.other_reasons > 0 {
                rows.push(vec![count(outcomes.other_reasons), "other reasons".to_owned()]);
            }
            self.table(&[("events", right), ("reason, with # for ids and numbers", left)], &rows);
        }

        self.section("Latency");
        self.latencies(&[("last attempt", &outcomes.figures.latency), ("end to end", &outcomes.end_to_end)]);
        super::capacity::write(self, outcomes.capacity.as_ref());
        self.section("Requests");
        self.fact("Requests sent", &count(outcomes.attempts), "");
        self.fact("Body bytes", &bytes(outcomes.request_bytes), "each event counted once");
        self.fact("Retried", &count(outcomes.retried), "events that took more than one request");
        if outcomes.own_retry > 0 {
            self.fact("Own retries", &count(outcomes.own_retry), "duplicates that psend's own retries may have caused");
        }
        if outcomes.retried > 0 {
            let met = outcomes.answers.iter().filter(|(_, n)| **n > 0).map(|(word, n)| format!("{word} {}", count(*n)));
            self.line(&format!("  Answers to retried events: {}", met.collect::<Vec<_>>().join(", ")));
        }
        self.groupings(&outcomes.by, &[]);
        self.over_time(&outcomes.windows, outcomes.window_s, asked, "outcomes");
    }

    fn truth(&mut self, truth: &TruthReport) {
        self.title("Injected faults");
        let (left, right) = (Align::Left, Align::Right);
        let names = ["injected", "detected", "missed", "false alarm", "undecidable"];
        let head: Vec<(&str, Align)> = std::iter::once(("fault", left)).chain(names.map(|n| (n, right))).collect();
        let row = |name: &str, f: &FaultReport| {
            let figures = [f.count, f.detected, f.missed, f.false_alarm, f.undecidable].map(count);
            std::iter::once(name.to_owned()).chain(figures).collect::<Vec<_>>()
        };
        let mut rows: Vec<Vec<String>> = truth.faults.iter().map(|(name, fault)| row(name, fault)).collect();
        rows.push(row("(untouched)", &truth.untouched));
        self.table(&head, &rows);
        let why = why_undecidable(truth);
        if !why.is_empty() {
            self.line(&format!("  Undecidable: {why}."));
        }
        let unsent: u64 = truth.faults.values().map(|fault| fault.refused_unsent).sum();
        if unsent > 0 {
            self.line(&format!(
                "  psend itself refused {} of the detected faults; the server never saw them.",
                count(unsent)
            ));
        }
    }

    fn reconciled(&mut self, reconciled: &ReconciledReport) {
        self.title("Reconciled by event_id");
        for (name, n, what) in reconciled.facts() {
            self.fact(name, &count(n), what);
        }
        if reconciled.table.is_empty() {
            return;
        }
        self.text.push('\n');
        let (left, right) = (Align::Left, Align::Right);
        let names = ["present", "missing", "differs", "extra", "unchecked"];
        let head: Vec<(&str, Align)> = std::iter::once(("outcome", left)).chain(names.map(|n| (n, right))).collect();
        let rows: Vec<Vec<String>> = reconciled
            .table
            .iter()
            .map(|(word, s)| std::iter::once((*word).to_owned()).chain(stored(s)).collect())
            .collect();
        self.table(&head, &rows);
    }

    fn compared(&mut self, report: &Report) {
        let Some(shown) = shown(report) else { return };
        self.title(TITLE);
        self.line(&shown.summary);
        self.text.push('\n');
        let (left, right) = (Align::Left, Align::Right);
        let head = [
            ("figure", left),
            ("base", right),
            ("now", right),
            ("change", right),
            ("interval", right),
            (AXIS, left),
            ("verdict", left),
        ];
        let rows = shown.rows.iter().map(|row| [cells(row), vec![row.drawn(), row.verdict_in_words()]].concat());
        let rows: Vec<Vec<String>> = rows.collect();
        if !rows.is_empty() {
            self.table_without(&["now", "base"], &head, &rows);
        }
        if shown.more > 0 {
            self.more(shown.more);
        }
        for note in &shown.notes {
            let note = self.paint("33", &visible(note));
            self.line(&note);
        }
    }

    fn requirements(&mut self, verdicts: &[Verdict]) {
        if verdicts.is_empty() {
            return;
        }
        self.title("Requirements");
        let widest = verdicts.iter().map(|v| width(&visible(&v.requirement))).max().unwrap_or(0);
        for verdict in verdicts {
            let mark = match (verdict.met, verdict.unsure) {
                (true, false) => self.paint("32", "✓ met    "),
                (true, true) => self.paint("33", "? met    "),
                (false, true) => self.paint("1;33", "? UNSURE "),
                (false, false) => self.paint("1;31", "✗ NOT MET"),
            };
            let requirement = left(&visible(&verdict.requirement), widest);
            self.line(&format!("{mark}  {requirement}   {}", visible(&verdict.message)));
        }
    }

    fn time(&mut self, time: &super::TimeReport) {
        if let (Some(first), Some(last), Some(span)) = (&time.first, &time.last, time.span_s) {
            self.fact("Time span", &duration(span), &format!("{} to {} UTC", moment(first), moment(last)));
        }
    }

    fn ids(&mut self, ids: &super::IdsReport) {
        if ids.unique == Some(0) {
            return;
        }
        let more = if ids.exact { "" } else { "counted exactly up to --exact-ids" };
        for (name, _, _, shown) in ids.facts() {
            self.fact(&sentence(name), &shown, more);
        }
    }

    fn latencies(&mut self, rows: &[(&str, &LatencyReport)]) {
        let head = ["", "mean", "P50", "P90", "P95", "P99", "P99.9", "max"];
        let head: Vec<(&str, Align)> =
            head.iter().map(|h| (*h, if h.is_empty() { Align::Left } else { Align::Right })).collect();
        let rows: Vec<Vec<String>> = rows
            .iter()
            .map(|(name, l)| {
                let figures = [l.mean_ms, l.p50_ms, l.p90_ms, l.p95_ms, l.p99_ms, l.p999_ms, l.max_ms];
                std::iter::once((*name).to_owned()).chain(figures.into_iter().map(milliseconds)).collect()
            })
            .collect();
        self.table(&head, &rows);
    }

    /// The shares of a grouping as bars: of `whole`, or of the sum of its groups.
    fn shares(&mut self, heading: &str, groups: &[GroupReport], whole: Option<u64>) {
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
        let (left, right) = (Align::Left, Align::Right);
        self.table(&[("", left), ("count", right), ("share", right), ("", left)], &rows);
        self.left_out(groups);
    }

    fn left_out(&mut self, groups: &[GroupReport]) {
        if groups.len() > ROWS {
            self.more(groups.len() - ROWS);
        }
    }

    fn more(&mut self, groups: usize) {
        self.line(&format!("  … and {} more (--format json has all)", count(groups as u64)));
    }

    fn groupings(&mut self, by: &super::By, elsewhere: &[&str]) {
        let usual = ["service", "endpoint", "status", "region", "country", "city", "device", "hour", "error"];
        // Only the HTML report's heat map needs it.
        let others = by.keys().map(String::as_str).filter(|name| !usual.contains(name) && *name != "service,hour");
        let order: Vec<&str> = usual.into_iter().filter(|name| !elsewhere.contains(name)).chain(others).collect();
        for name in order {
            let Some(groups) = by.get(name).filter(|groups| says_something(groups)) else { continue };
            self.section(&format!("By {}", name.replace(',', ", ")));
            let mut groups: Vec<&GroupReport> = groups.iter().collect();
            let mut rows_shown = ROWS;
            if name == "hour" {
                groups.sort_by_key(|group| group.label());
                rows_shown = 24;
            }
            let most = groups.iter().map(|g| g.figures.count).max().unwrap_or(0);
            let fields: Vec<&str> = name.split(',').collect();
            let rows: Vec<Vec<String>> =
                groups.iter().take(rows_shown).map(|group| row(group, fields.len(), most)).collect();
            let head = ["count", "", "errors", "mean", "P50", "P90", "P95", "P99", "max"];
            let side = |h: &str| if h.is_empty() { Align::Left } else { Align::Right };
            let mut heads: Vec<(&str, Align)> = fields.iter().map(|field| (*field, Align::Left)).collect();
            heads.extend(head.iter().map(|h| (*h, side(h))));
            self.table_without(&["", "P90", "P99", "mean"], &heads, &rows);
            if groups.len() > rows_shown {
                self.more(groups.len() - rows_shown);
            }
        }
    }

    fn over_time(&mut self, windows: &[WindowReport], width: f64, asked: Option<f64>, what: &str) {
        if windows.len() < 2 {
            return;
        }
        self.section(&format!("Over time ({} per window; windows without {what} are left out)", duration(width)));
        if let Some(asked) = asked.filter(|asked| *asked < width) {
            let asked = duration(asked);
            self.note(&format!("  --window {asked} was doubled to keep at most 1,000 windows."));
        }
        #[allow(clippy::cast_precision_loss)]
        let counts: Vec<f64> = windows.iter().map(|w| w.figures.count as f64).collect();
        let of = |figure: fn(&FiguresReport) -> Option<f64>| -> Vec<f64> {
            windows.iter().map(|w| figure(&w.figures).unwrap_or(0.0)).collect()
        };
        self.line(&format!("  {what:<10} {}", sparkline(&counts, LINE)));
        self.line(&format!("  {:<10} {}", "errors", sparkline(&of(|f| f.error_rate), LINE)));
        self.line(&format!("  {:<10} {}", "P95", sparkline(&of(|f| f.latency.p95_ms), LINE)));
    }

    fn parts(&mut self, report: &Report) {
        if report.parts.runs.is_empty() && report.parts.problems.is_empty() && report.parts.notes.is_empty() {
            return;
        }
        self.title(parts::TITLE);
        let rows = parts::rows(report);
        if !rows.is_empty() {
            let side = |column| if column < 2 { Align::Left } else { Align::Right };
            let head: Vec<_> = parts::HEAD.iter().enumerate().map(|(column, name)| (*name, side(column))).collect();
            self.table(&head, &rows);
        }
        for problem in &report.parts.problems {
            let problem = self.paint("33", &visible(problem));
            self.line(&problem);
        }
        report.parts.notes.iter().for_each(|note| self.line(&visible(note)));
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
        if let Some(why) = &report.parts.not_known {
            self.fact("Parts of a run", "not known", why);
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

fn row(group: &GroupReport, fields: usize, most: u64) -> Vec<String> {
    let figures = &group.figures;
    let l = &figures.latency;
    let mut cells = group.labels(fields);
    cells.extend([
        count(figures.count),
        format!("{:<8}", bar(share(figures.count, most).unwrap_or(0.0), 8)),
        percent(figures.error_rate),
    ]);
    cells.extend([l.mean_ms, l.p50_ms, l.p90_ms, l.p95_ms, l.p99_ms, l.max_ms].map(milliseconds));
    cells
}

/// Whether a table of these groups says more than the whole: not if no line has a value.
pub(super) fn says_something(groups: &[GroupReport]) -> bool {
    groups.iter().any(|group| group.group.is_none() || group.has_value())
}

pub(super) fn how_many(groups: &[GroupReport]) -> String {
    let values = groups.iter().filter(|group| group.has_value()).count();
    let capped = groups.iter().any(|group| group.group.is_none());
    format!("{}{}", count(values as u64), if capped { "+" } else { "" })
}

fn names(groups: &[GroupReport]) -> String {
    let whole: u64 = groups.iter().map(|group| group.figures.count).sum();
    let named = groups.iter().take(6).map(|g| format!("{} {}", g.label(), percent(share(g.figures.count, whole))));
    named.collect::<Vec<_>>().join(", ")
}
