//! The report as Markdown, for a pull request or a wiki: the figures that a reader asks first, as tables.

use super::words::{count, duration, milliseconds, moment, number, percent};
use super::{By, FiguresReport, LatencyReport, Report};

/// Groups of a table before the rest is left to the other forms.
const ROWS: usize = 20;

/// Writes the report.
pub fn write(report: &Report) -> String {
    let mut page = String::from("# pstats report\n");
    if report.events.is_none() && report.outcomes.is_none() {
        page.push_str("\nNo events and no outcomes came in.\n");
    }
    if !report.requirements.is_empty() {
        heading(&mut page, "Requirements");
        let rows = report.requirements.iter().map(|verdict| {
            let mark = if verdict.met { "✅ met" } else { "❌ not met" };
            vec![mark.to_owned(), verdict.requirement.clone(), verdict.message.clone()]
        });
        table(&mut page, &["verdict", "requirement", "figure"], rows);
    }
    if let Some(events) = &report.events {
        heading(&mut page, "Events");
        figures(&mut page, &events.figures, events.throughput, &events.time);
        latencies(&mut page, &[("response time", &events.figures.latency)]);
        groups(&mut page, &events.by);
    }
    if let Some(outcomes) = &report.outcomes {
        heading(&mut page, "Outcomes");
        figures(&mut page, &outcomes.figures, outcomes.throughput, &outcomes.time);
        let rows = outcomes.words().into_iter().filter(|(_, n)| *n > 0);
        let whole = outcomes.figures.count;
        table(
            &mut page,
            &["outcome", "count", "share"],
            rows.map(|(word, n)| vec![word.to_owned(), count(n), percent(super::share(n, whole))]),
        );
        latencies(&mut page, &[("last attempt", &outcomes.figures.latency), ("end to end", &outcomes.end_to_end)]);
        groups(&mut page, &outcomes.by);
    }
    if let Some(truth) = &report.truth {
        heading(&mut page, "Injected faults");
        let all =
            truth.faults.iter().map(|(name, fault)| (name.as_str(), fault)).chain([("(untouched)", &truth.untouched)]);
        table(
            &mut page,
            &["fault", "injected", "detected", "missed", "false alarm", "undecidable"],
            all.map(|(name, f)| {
                let figures = [f.count, f.detected, f.missed, f.false_alarm, f.undecidable].map(count);
                std::iter::once(name.to_owned()).chain(figures).collect()
            }),
        );
    }
    if let Some(reconciled) = &report.reconciled {
        heading(&mut page, "Reconciled by event_id");
        table(
            &mut page,
            &["outcome", "present", "missing", "differs", "extra", "unchecked"],
            reconciled.table.iter().map(|(word, s)| {
                let figures = [s.present, s.missing, s.differs, s.extra, s.unchecked].map(count);
                std::iter::once((*word).to_owned()).chain(figures).collect()
            }),
        );
        page.push_str(&format!(
            "Accepted but missing: {}. Failed but present: {}.\n",
            count(reconciled.accepted_missing),
            count(reconciled.failed_present)
        ));
    }
    if let Some(compared) = &report.run.compared {
        heading(&mut page, "Beside the base run");
        table(
            &mut page,
            &["figure", "base", "now", "change"],
            compared.figures.iter().map(|f| {
                vec![
                    f.figure.clone(),
                    super::compare::shown(&f.figure, f.base),
                    super::compare::shown(&f.figure, f.now),
                    f.change_in_words(),
                ]
            }),
        );
        for setting in &compared.settings {
            page.push_str(&format!("- `{}` was {}, is {}\n", setting.setting, setting.base, setting.now));
        }
    }
    heading(&mut page, "Input");
    let rows = report.input.kinds.iter().filter(|(_, amount)| amount.lines > 0);
    table(&mut page, &["lines", "count"], rows.map(|(kind, amount)| vec![kind.replace('_', " "), count(amount.lines)]));
    page
}

fn heading(page: &mut String, text: &str) {
    page.push_str(&format!("\n## {text}\n\n"));
}

fn table(page: &mut String, head: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    page.push_str(&format!("| {} |\n|---|{}\n", head.join(" | "), "---:|".repeat(head.len() - 1)));
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|").replace('\n', " ")).collect();
        page.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    page.push('\n');
}

fn figures(page: &mut String, figures: &FiguresReport, throughput: Option<f64>, time: &super::TimeReport) {
    let mut rows = vec![
        vec!["count".to_owned(), count(figures.count)],
        vec!["success rate".to_owned(), percent(figures.success_rate)],
        vec!["error rate".to_owned(), percent(figures.error_rate)],
    ];
    if let Some(throughput) = throughput {
        rows.push(vec!["a second".to_owned(), number(throughput)]);
    }
    if let (Some(first), Some(span)) = (&time.first, time.span_s) {
        rows.push(vec!["time".to_owned(), format!("{} from {} UTC", duration(span), moment(first))]);
    }
    table(page, &["figure", "value"], rows.into_iter());
}

fn latencies(page: &mut String, rows: &[(&str, &LatencyReport)]) {
    let head = ["latency", "mean", "P50", "P90", "P95", "P99", "P99.9", "max"];
    table(
        page,
        &head,
        rows.iter().map(|(name, l)| {
            let figures = [l.mean_ms, l.p50_ms, l.p90_ms, l.p95_ms, l.p99_ms, l.p999_ms, l.max_ms].map(milliseconds);
            std::iter::once((*name).to_owned()).chain(figures).collect()
        }),
    );
}

fn groups(page: &mut String, by: &By) {
    let usual = ["country", "city", "hour", "error", "region", "device", "service,hour"];
    for (name, groups) in by.iter().filter(|(name, groups)| !usual.contains(&name.as_str()) && !groups.is_empty()) {
        let head = [name.as_str(), "count", "errors", "mean", "P50", "P95", "P99", "max"];
        table(
            page,
            &head,
            groups.iter().take(ROWS).map(|group| {
                let l = &group.figures.latency;
                let figures = [l.mean_ms, l.p50_ms, l.p95_ms, l.p99_ms, l.max_ms].map(milliseconds);
                let first = [group.label(), count(group.figures.count), percent(group.figures.error_rate)];
                first.into_iter().chain(figures).collect()
            }),
        );
        if groups.len() > ROWS {
            page.push_str(&format!("… and {} more\n\n", groups.len() - ROWS));
        }
    }
}
