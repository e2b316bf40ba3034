//! The report in Prometheus' text format (exposition format 0.0.4), for the node exporter's textfile collector.
//!
//! All are gauges: they tell of one run, and begin anew with the next. Seconds and ratios, as Prometheus' own rules want. A
//! page with two samples of one name and the same labels is refused whole: each stands once.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::{FiguresReport, LatencyReport, Report};

/// Writes the report.
pub(crate) fn write(report: &Report) -> String {
    let mut page = Page::default();
    for (kind, amount) in &report.input.kinds {
        page.sample("pulsepipe_input_lines", "Lines read, by kind.", &[("kind", kind)], int(amount.lines));
    }
    if let Some(events) = &report.events {
        page.figures("events", &[], &events.figures);
        page.latency("events", "response_time", &events.figures.latency);
        page.groups("events", &events.by);
    }
    if let Some(outcomes) = &report.outcomes {
        page.figures("outcomes", &[], &outcomes.figures);
        for (word, n) in outcomes.words() {
            page.sample("pulsepipe_outcomes", "Outcomes, by outcome.", &[("outcome", word)], int(n));
        }
        page.sample(
            "pulsepipe_outcomes_delivered",
            "Events that the server accepted or already had.",
            &[],
            int(outcomes.delivered),
        );
        page.sample("pulsepipe_outcomes_lost", "Events that the server does not have.", &[], int(outcomes.lost));
        if let Some(throughput) = outcomes.throughput {
            page.sample("pulsepipe_outcomes_per_second", "Outcomes per second.", &[], throughput);
        }
        if let Some(share) = outcomes.generator.late_share {
            page.sample("pulsepipe_generator_late_ratio", "Share of events that psend sent late, 0 to 1.", &[], share);
        }
        page.latency("outcomes", "latency", &outcomes.figures.latency);
        page.latency("outcomes", "end_to_end", &outcomes.end_to_end);
        page.groups("outcomes", &outcomes.by);
    }
    let mut seen = BTreeSet::new();
    // Equal requirements have equal verdicts.
    for verdict in report.requirements.iter().filter(|verdict| seen.insert(&verdict.requirement)) {
        let label = [("requirement", verdict.requirement.as_str())];
        page.sample(
            "pulsepipe_requirement_met",
            "Whether a requirement was met.",
            &label,
            f64::from(u8::from(verdict.met)),
        );
    }
    page.finish()
}

/// Samples by name: the format wants all of a name together.
#[derive(Default)]
struct Page {
    families: Vec<(String, String)>,
}

impl Page {
    fn sample(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        let place = self.families.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            self.families.push((name.to_owned(), format!("# HELP {name} {help}\n# TYPE {name} gauge\n")));
            self.families.len() - 1
        });
        let text = &mut self.families[place].1;
        text.push_str(name);
        for (place, (label, value)) in labels.iter().enumerate() {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(text, "{}{label}=\"{value}\"", if place == 0 { '{' } else { ',' });
        }
        text.push_str(if labels.is_empty() { "" } else { "}" });
        let _ = writeln!(text, " {value}");
    }

    fn figures(&mut self, kind: &str, labels: &[(&str, &str)], figures: &FiguresReport) {
        let of = if labels.is_empty() { "" } else { "_by" };
        self.sample(
            &format!("pulsepipe_{kind}_count{of}"),
            "Number of events or outcomes.",
            labels,
            int(figures.count),
        );
        if let Some(rate) = figures.error_rate {
            self.sample(&format!("pulsepipe_{kind}_error_ratio{of}"), "Share of errors, 0 to 1.", labels, rate);
        }
        if let (false, Some(p95)) = (labels.is_empty(), figures.latency.p95_ms) {
            self.sample(
                &format!("pulsepipe_{kind}_latency_p95_seconds{of}"),
                "95th percentile of latency.",
                labels,
                p95 / 1000.0,
            );
        }
    }

    fn latency(&mut self, kind: &str, name: &str, latency: &LatencyReport) {
        let quantiles = [
            ("0.5", latency.p50_ms),
            ("0.9", latency.p90_ms),
            ("0.95", latency.p95_ms),
            ("0.99", latency.p99_ms),
            ("0.999", latency.p999_ms),
            ("1", latency.max_ms),
        ];
        for (quantile, ms) in quantiles {
            if let Some(ms) = ms {
                let name = format!("pulsepipe_{kind}_{name}_seconds");
                self.sample(&name, "Latency by quantile; 1 is the maximum.", &[("quantile", quantile)], ms / 1000.0);
            }
        }
        if let Some(mean) = latency.mean_ms {
            self.sample(&format!("pulsepipe_{kind}_{name}_mean_seconds"), "Mean latency.", &[], mean / 1000.0);
        }
    }

    fn groups(&mut self, kind: &str, by: &super::By) {
        for name in ["service", "status"] {
            for group in by.get(name).into_iter().flatten() {
                let value = group.group.as_ref().map(|values| values.first().and_then(|(_, value)| value.as_deref()));
                // An empty value and a missing one are the same to Prometheus, and no value is any service's name.
                let labels = match value {
                    None => [("by", name), ("value", ""), ("special", "other")],
                    Some(Some("")) => [("by", name), ("value", ""), ("special", "empty")],
                    Some(value) => [("by", name), ("value", value.unwrap_or("")), ("special", "")],
                };
                let labels = &labels[..if labels[2].1.is_empty() { 2 } else { 3 }];
                self.figures(kind, labels, &group.figures);
            }
        }
    }

    fn finish(self) -> String {
        self.families.into_iter().map(|(_, text)| text).collect()
    }
}

#[allow(clippy::cast_precision_loss)] // counts stay below 2^53
fn int(n: u64) -> f64 {
    n as f64
}
