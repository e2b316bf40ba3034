//! The report in Prometheus' text format (exposition format 0.0.4), for the node exporter's textfile collector, and in OpenMetrics.
//!
//! All are gauges and summaries of one run, which begin anew with the next. Seconds and ratios, as Prometheus' own rules want. A
//! page with two samples of one name and the same labels is refused whole: each stands once. Samples of
//! outcomes, truth and requirements name the target and the shard, where the run records do.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::{FiguresReport, LatencyReport, Report};
use crate::pstats::joins::FaultReport;

/// The report in OpenMetrics.
pub(crate) fn open_metrics(report: &Report) -> String {
    write(report) + "# EOF\n"
}

/// The report in Prometheus' text format.
pub(crate) fn write(report: &Report) -> String {
    let mut page = Page { common: Vec::new(), families: Vec::new() };
    for (kind, amount) in &report.input.kinds {
        page.sample("pulsepipe_input_lines", "Lines read, by kind.", &[("kind", kind)], int(amount.lines));
    }
    if let Some(events) = &report.events {
        page.figures("events", &[], &events.figures);
        page.latency("events", "response_time", &events.figures.latency);
        page.groups("events", &events.by);
    }
    // What came so far is no one target's.
    page.common = common(report);
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
    if let Some(truth) = &report.truth {
        let faults = truth.faults.iter().map(|(name, fault)| (name.as_str(), fault));
        for (name, fault) in faults {
            page.faults("pulsepipe_truth_faults", "Injected faults, by kind and verdict.", &[("fault", name)], fault);
        }
        page.faults("pulsepipe_truth_untouched", "Lines without a fault, by verdict.", &[], &truth.untouched);
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

/// The labels of all samples: the targets and the shards that the run records name.
fn common(report: &Report) -> Vec<(&'static str, String)> {
    let runs = report.outcomes.iter().flat_map(|outcomes| &outcomes.runs);
    let targets: BTreeSet<String> = runs.clone().map(|run| run.target.clone()).collect();
    let shards: BTreeSet<String> = runs.filter_map(|run| run.shard.as_ref().map(ToString::to_string)).collect();
    let joined = |(name, values): (&'static str, BTreeSet<String>)| {
        (!values.is_empty()).then(|| (name, values.into_iter().collect::<Vec<_>>().join(",")))
    };
    [("target", targets), ("shard", shards)].into_iter().filter_map(joined).collect()
}

/// Samples by name: the format wants all of a name together.
struct Page {
    common: Vec<(&'static str, String)>,
    families: Vec<(String, String)>,
}

impl Page {
    /// A gauge.
    fn sample(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        self.add((name, "gauge", help), "", labels, value);
    }

    /// A sample of the family of this name, type and help.
    fn add(&mut self, (name, kind, help): (&str, &str, &str), suffix: &str, labels: &[(&str, &str)], value: f64) {
        let place = self.families.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            self.families.push((name.to_owned(), format!("# HELP {name} {help}\n# TYPE {name} {kind}\n")));
            self.families.len() - 1
        });
        let text = &mut self.families[place].1;
        let _ = write!(text, "{name}{suffix}");
        let common = self.common.iter().map(|(label, value)| (*label, value.as_str()));
        let mut opening = '{';
        for (label, value) in labels.iter().copied().chain(common) {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(text, "{opening}{label}=\"{value}\"");
            opening = ',';
        }
        let _ = writeln!(text, "{} {value}", if opening == ',' { "}" } else { "" });
    }

    /// How many of a kind of line were handled in each way.
    fn faults(&mut self, name: &str, help: &str, labels: &[(&str, &str)], fault: &FaultReport) {
        let verdicts = [
            ("detected", fault.detected),
            ("missed", fault.missed),
            ("false_alarm", fault.false_alarm),
            ("undecidable", fault.undecidable),
        ];
        for (verdict, n) in verdicts {
            self.sample(name, help, &[labels, &[("verdict", verdict)]].concat(), int(n));
        }
    }

    fn figures(&mut self, kind: &str, labels: &[(&str, &str)], figures: &FiguresReport) {
        let of = if labels.is_empty() { "" } else { "_by" };
        // `_count` at the end of a name belongs to summaries.
        let count = if labels.is_empty() { "all" } else { "count_by" };
        self.sample(&format!("pulsepipe_{kind}_{count}"), "Number of events or outcomes.", labels, int(figures.count));
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
        let name = format!("pulsepipe_{kind}_{name}_seconds");
        let family = (name.as_str(), "summary", "Latency by quantile; 1 is the maximum.");
        for (quantile, ms) in quantiles {
            if let Some(ms) = ms {
                self.add(family, "", &[("quantile", quantile)], ms / 1000.0);
            }
        }
        if let Some(mean) = latency.mean_ms {
            self.add(family, "_sum", &[], mean / 1000.0 * int(latency.count));
            self.add(family, "_count", &[], int(latency.count));
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
