//! Compares this run with an earlier one, whose JSON report `--compare` names.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use crate::cli::numbers;

/// Under `run.compared`: it depends on a file of the command line.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct ComparedReport {
    /// The earlier report's file.
    pub base: String,
    /// The figures that both have.
    pub figures: Vec<ComparedFigure>,
    /// The settings of psend that differ.
    pub settings: Vec<ComparedSetting>,
    /// What the earlier run alone has: `events`, `outcomes`, or a service of them.
    pub only_base: Vec<String>,
    /// What this run alone has.
    pub only_now: Vec<String>,
}

impl ComparedReport {
    /// What is not in the table of figures, for a reader.
    pub(crate) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.figures.is_empty() {
            notes.push("Nothing to compare: the two runs have no kind of line in common.".to_owned());
        }
        let sides = [("the base run", &self.only_base), ("this run", &self.only_now)];
        notes.extend(
            sides
                .iter()
                .filter(|(_, only)| !only.is_empty())
                .map(|(run, only)| format!("Only {run} has {}.", only.join(", "))),
        );
        let settings = self.settings.iter();
        notes.extend(
            settings.map(|s| format!("Different {}: {} in the base run, {} in this run.", s.setting, s.base, s.now)),
        );
        notes
    }
}

/// A figure of both runs.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ComparedFigure {
    /// Its path in the report.
    pub figure: String,
    /// In the earlier run.
    pub base: f64,
    /// In this run.
    pub now: f64,
    /// Change as a share of the base; null if the base is 0.
    pub change: Option<f64>,
    /// Whether that is more than a tenth, or a rate more than a percentage point.
    pub differs: bool,
}

/// A setting of psend that is not the same.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ComparedSetting {
    /// target, mode, rate, concurrency, batch or retries.
    pub setting: String,
    /// In the earlier run, as JSON.
    pub base: String,
    /// In this run, as JSON.
    pub now: String,
}

impl ComparedFigure {
    /// The change for a reader: `+12.3%`.
    pub(crate) fn change_in_words(&self) -> String {
        let mark = if self.differs { " ◀" } else { "" };
        match self.change {
            _ if self.base == self.now => "=".to_owned(),
            Some(change) => format!("{:+.1}%{mark}", change * 100.0),
            None => format!("new{mark}"),
        }
    }
}

/// A figure as its name says it is to be read.
pub(crate) fn shown(figure: &str, value: f64) -> String {
    if figure.ends_with("_rate") {
        numbers::percent(value)
    } else if figure.ends_with("_ms") {
        numbers::milliseconds(value)
    } else if figure.ends_with("throughput") {
        format!("{}/s", numbers::number(value))
    } else {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a count
        numbers::count(value as u64)
    }
}

const FIGURES: [&str; 17] = [
    "count",
    "success_rate",
    "error_rate",
    "throughput",
    "delivered",
    "lost",
    "unknown",
    "latency.mean_ms",
    "latency.p50_ms",
    "latency.p90_ms",
    "latency.p95_ms",
    "latency.p99_ms",
    "latency.p999_ms",
    "latency.max_ms",
    "end_to_end.p50_ms",
    "end_to_end.p95_ms",
    "end_to_end.p99_ms",
];

const SETTINGS: [&str; 6] = ["target", "mode", "rate", "concurrency", "batch", "retries"];

/// Puts two reports side by side.
pub(crate) fn compare(base: &Value, now: &Value, base_file: String) -> ComparedReport {
    let mut figures = Vec::new();
    let (mut only_base, mut only_now) = (Vec::new(), Vec::new());
    for kind in ["events", "outcomes"] {
        match (base[kind].is_object(), now[kind].is_object()) {
            (true, true) => {
                let (theirs, ours) = (services(&base[kind]), services(&now[kind]));
                let named = |service: &&str| format!("{kind}.service={service}");
                only_base.extend(theirs.difference(&ours).map(named));
                only_now.extend(ours.difference(&theirs).map(named));
            }
            (true, false) => only_base.push(kind.to_owned()),
            (false, true) => only_now.push(kind.to_owned()),
            (false, false) => {}
        }
        for path in FIGURES {
            let pointer = format!("/{kind}/{}", path.replace('.', "/"));
            let both =
                base.pointer(&pointer).and_then(Value::as_f64).zip(now.pointer(&pointer).and_then(Value::as_f64));
            figures.extend(both.map(|(base, now)| figure(format!("{kind}.{path}"), base, now)));
        }
        let by_service = format!("/{kind}/by/service");
        for group in now.pointer(&by_service).and_then(Value::as_array).into_iter().flatten() {
            let same = |other: &&Value| other["group"] == group["group"];
            let earlier = base.pointer(&by_service).and_then(Value::as_array).and_then(|all| all.iter().find(same));
            let (Some(earlier), Some(name)) = (earlier, group["group"]["service"].as_str()) else { continue };
            for path in ["error_rate", "latency.p95_ms"] {
                let pointer = format!("/{}", path.replace('.', "/"));
                let of = |group: &Value| group.pointer(&pointer).and_then(Value::as_f64);
                let both = of(earlier).zip(of(group));
                figures.extend(both.map(|(base, now)| figure(format!("{kind}.service={name}.{path}"), base, now)));
            }
        }
    }
    let settings = SETTINGS.iter().filter_map(|name| {
        let (base, now) = (setting(base, name)?, setting(now, name)?);
        (base != now).then(|| ComparedSetting { setting: (*name).to_owned(), base, now })
    });
    ComparedReport { base: base_file, figures, settings: settings.collect(), only_base, only_now }
}

/// What a setting was in the runs of a report: each value once, as JSON. `None` if there is no run record.
fn setting(report: &Value, name: &str) -> Option<String> {
    let runs = report["outcomes"]["runs"].as_array()?;
    let values: BTreeSet<String> = runs.iter().map(|run| run[name].to_string()).collect();
    (!values.is_empty()).then(|| Vec::from_iter(values).join(", "))
}

fn services(kind: &Value) -> BTreeSet<&str> {
    let groups = kind["by"]["service"].as_array().into_iter().flatten();
    groups.filter_map(|group| group["group"]["service"].as_str()).collect()
}

fn figure(figure: String, base: f64, now: f64) -> ComparedFigure {
    let change = (base != 0.0).then(|| (now - base) / base);
    let differs = if figure.ends_with("_rate") {
        (now - base).abs() > 0.01
    } else {
        change.map_or(now != 0.0, |change| change.abs() > 0.1)
    };
    ComparedFigure { figure, base, now, change, differs }
}
