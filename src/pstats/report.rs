//! The report: every figure of a run under its name, as `--format json` shows it and the other forms draw on it.
//!
//! A pure function of the summary; only [`RunInfo`] holds what depends on the clock, the file names or the command line
//! (contracts §5). Field names here are the JSON's keys.

mod alerts;
mod capacity;
mod compared;
mod events;
mod figures;
mod generator;
pub(super) mod groupings;
pub(super) mod headline;
pub(super) mod hgrm;
pub(super) mod html;
mod input;
mod joined;
pub(super) mod junit;
pub(super) mod markdown;
mod outcomes;
mod parts;
pub(super) mod prometheus;
pub(super) mod text;
pub(super) mod units;
pub(super) mod words;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use capacity::CapacityReport;
pub(super) use events::{EndpointReport, EventsReport};
pub(super) use figures::{By, FiguresReport, GroupReport, IdsReport, LatencyReport, TimeReport, WindowReport};
use generator::GeneratorReport;
pub(super) use input::InputReport;
pub(super) use outcomes::OutcomesReport;
pub(super) use units::seconds;

use super::alerts::AlertsReport;
use super::compare::{About, Row};
use super::joins::{ChaosReport, ReconciledReport, TruthReport};
use super::layout::Layout;
use super::parts::PartsReport;
use super::require::{Beside, Requirement, Verdict};
use super::settings::Settings;
use super::summary::{Summary, lines_read};
use crate::cli::numbers::counted;
use crate::error::{Error, Result};
use crate::record::truth::FAULTS;

/// The whole report.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Report {
    /// What came in, and what of it could not be read.
    pub input: InputReport,
    /// `None` without events.
    pub events: Option<EventsReport>,
    /// `None` without outcomes.
    pub outcomes: Option<OutcomesReport>,
    /// With `--truth`: the verdict on each injected fault.
    pub truth: Option<TruthReport>,
    /// With `--alerts`: whether alarms rang.
    pub alerts: Option<AlertsReport>,
    /// With `--against` or `--stored`: what was sent, arrived and is stored.
    pub reconciled: Option<ReconciledReport>,
    /// With `--chaos-truth`: what the server did on purpose, and what the client said.
    pub chaos: Option<ChaosReport>,
    /// Which parts of which runs came.
    pub parts: PartsReport,
    /// Figures that are null although there were lines for them, by path, with the reason. They meet no requirement.
    pub not_known: BTreeMap<String, String>,
    /// The verdict on each `--require`.
    pub requirements: Vec<Verdict>,
    /// What depends on the clock, the file names or the command line.
    pub run: RunInfo,
    /// The report on the base, if there is one.
    #[serde(skip)]
    pub base: Option<Value>,
}

/// What depends on the clock, the file names or the command line.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct RunInfo {
    /// pstats' version.
    pub version: &'static str,
    /// `--title`; empty if it is not given.
    pub title: String,
    /// The files read; empty for standard input.
    pub files: Vec<String>,
    /// Lines of state read; what they hold is under `input`.
    pub state_lines: u64,
    /// When pstats began to read, RFC 3339.
    pub started_at: String,
    /// When it had read all, RFC 3339.
    pub ended_at: String,
    /// How long that took.
    pub elapsed_s: f64,
    /// `--window`; windows are wider if it was doubled.
    pub window_s: Option<f64>,
    /// `--name`: what JUnit calls the suite.
    #[serde(skip)]
    pub suite: String,
    /// `--by`: the groupings that were asked for.
    #[serde(skip)]
    pub by: Vec<String>,
    /// Whether lines still come: then nothing is missing yet.
    #[serde(skip)]
    pub running: bool,
    /// Whether a second signal ended the reading.
    pub interrupted: bool,
    /// With `--base`: the verdict on each figure.
    pub compared: Option<Vec<Row>>,
    /// With `--base`: what these verdicts rest on.
    pub comparison: Option<About>,
}

impl Report {
    /// The report on what was counted, without a verdict yet.
    pub(super) fn new(summary: &mut Summary, layout: &Layout, run: RunInfo) -> Self {
        let of_events = summary.events.stream.figures.count() > 0;
        let of_outcomes = summary.outcomes.came() > 0 || !summary.outcomes.runs.is_empty();
        Self::with(summary, layout, run, of_events, of_outcomes)
    }

    /// The report on nothing, with all of its parts: which figures there are. A text is there, if empty; what is null would be
    /// a number.
    pub(super) fn on_nothing(settings: &Settings, layout: &Layout) -> Value {
        let run = RunInfo { compared: Some(Vec::new()), comparison: Some(About::default()), ..RunInfo::default() };
        let mut report = Self::with(&mut Summary::new(settings, layout), layout, run, true, true);
        let time = TimeReport { first: Some(String::new()), last: Some(String::new()), span_s: None };
        let endpoint = EndpointReport { endpoint: String::new(), mean_ms: 0.0 };
        if let Some(events) = &mut report.events {
            events.time = time.clone();
            (events.slowest_endpoint, events.fastest_endpoint) = (Some(endpoint.clone()), Some(endpoint));
        }
        if let Some(outcomes) = &mut report.outcomes {
            outcomes.time = time;
            outcomes.generator = GeneratorReport::on_nothing();
            outcomes.capacity = Some(CapacityReport::on_nothing());
        }
        report.truth = Some(TruthReport::on_nothing());
        report.alerts = Some(AlertsReport::on_nothing(&FAULTS));
        report.reconciled = Some(ReconciledReport::on_nothing());
        report.chaos = Some(ChaosReport::on_nothing());
        report.to_value()
    }

    fn with(summary: &mut Summary, layout: &Layout, run: RunInfo, of_events: bool, of_outcomes: bool) -> Self {
        let mut report = Self {
            input: InputReport::new(&summary.input),
            events: of_events.then(|| EventsReport::new(&mut summary.events, &layout.of_events.all)),
            outcomes: of_outcomes.then(|| OutcomesReport::new(&mut summary.outcomes, &layout.of_outcomes.all)),
            truth: None,
            alerts: None,
            reconciled: None,
            chaos: None,
            parts: PartsReport::default(),
            not_known: BTreeMap::new(),
            requirements: Vec::new(),
            run,
            base: None,
        };
        if let Some(events) = &report.events {
            note(&mut report.not_known, "events", events.not_known());
        }
        if let Some(outcomes) = &report.outcomes {
            note(&mut report.not_known, "outcomes", outcomes.not_known());
        }
        report
    }

    /// Puts the verdict on each requirement into the report.
    ///
    /// # Errors
    /// If a requirement could mean events or outcomes.
    pub(super) fn judge(&mut self, requirements: &[Requirement], beside: Beside<'_>, partial: bool) -> Result<()> {
        let value = self.to_value();
        for requirement in requirements {
            self.requirements.push(requirement.judge(&value, beside).map_err(Error::usage)?);
        }
        let is_judged = !requirements.is_empty() || !self.parts.expectations.is_empty();
        for (requirement, met, message) in &self.parts.expectations {
            self.requirements.push(Verdict::of_parts(requirement, *met, message.clone()));
        }
        if is_judged && !partial {
            if !self.parts.problems.is_empty() {
                let once = "each part of a run came once (not required with --partial)";
                self.requirements.push(Verdict::failed(once, self.parts.problems.join("; ")));
            }
            let why = self.incomplete();
            let complete = "the run is complete (not required with --partial)";
            self.requirements.extend(why.map(|why| Verdict::failed(complete, why)));
            let base = self.run.comparison.as_ref().map(|about| about.incomplete_base.join(", "));
            let base = base.filter(|names| !names.is_empty());
            let complete = "the base is complete (not required with --partial)";
            self.requirements
                .extend(base.map(|names| Verdict::failed(complete, format!("{names}: not a complete run"))));
        }
        Ok(())
    }

    /// Whether a requirement was not met.
    pub(super) fn has_failed(&self) -> bool {
        self.requirements.iter().any(|verdict| !verdict.met)
    }

    /// Why there may be less here than there was, if so.
    pub(super) fn incomplete(&self) -> Option<String> {
        match &self.outcomes {
            _ if self.run.running => None,
            _ if self.run.interrupted => {
                Some(format!("interrupted: only {} counted", counted(self.input.lines, "line was", "lines were")))
            }
            Some(outcomes) if outcomes.runs.is_empty() => {
                Some("the stream of outcomes has no run record: it may be cut off".to_owned())
            }
            Some(outcomes) if outcomes.apart > 0 => Some(
                "some lines count more than once: the outcomes of a run were read twice, or those of a run and of its resumption \
                 were counted apart; give pstats the outcomes of all runs once, and not as states"
                    .to_owned(),
            ),
            Some(outcomes) if !outcomes.has_all_records => {
                Some("there are more outcomes than the run records account for: a run's record is missing".to_owned())
            }
            Some(OutcomesReport { complete: false, aborted: Some(why), .. }) => {
                Some(format!("psend ended a run early: {why}"))
            }
            Some(outcomes) if !outcomes.complete => {
                Some("a run record says that its run is not complete, and no resumed run completed it".to_owned())
            },
            _ if self.truth.as_ref().is_some_and(|truth| !truth.complete) => {
                Some("truth is not complete: its summary is missing or says so".to_owned())
            }
            _ if let Some(unread) = self.alerts.as_ref().map(|alerts| alerts.unreadable).filter(|unread| *unread > 0) => {
                Some(format!("{} of --alerts could not be read", counted(unread, "alert", "alerts")))
            }
            _ if self.reconciled.as_ref().is_some_and(|reconciled| !reconciled.complete) => {
                Some("--stored is not complete: psend --verify's run record is missing or says so".to_owned())
            }
            _ if self.input.arrays_cut_off > 0 => Some("a JSON array is cut off: its ] is missing".to_owned()),
            _ => None,
        }
    }

    /// The verdicts on faults, if outcomes can have any: with alerts, truth may have come for these alone.
    fn truth_to_show(&self) -> Option<&TruthReport> {
        self.truth.as_ref().filter(|_| self.alerts.is_none() || self.outcomes.is_some())
    }

    /// Why the figures may be psend's own and not the server's, if so.
    pub(super) fn generator_warning(&self) -> Option<&str> {
        self.outcomes.as_ref()?.generator.warning.as_deref()
    }

    /// Lines that the run records say were read, and outcomes that came, where these are fewer. Legal: blank lines have no
    /// outcome, and a run taken up again counts its lines twice.
    pub(super) fn outcomes_missing(&self) -> Option<(u64, u64)> {
        let outcomes = self.outcomes.as_ref()?;
        let read = lines_read(&outcomes.runs);
        (read > outcomes.came).then_some((read, outcomes.came))
    }

    /// The report as a JSON value.
    pub(super) fn to_value(&self) -> Value {
        serde_json::to_value(self).expect("names and numbers are JSON")
    }

    /// The report as JSON, indented, with a line's end.
    pub(super) fn to_json(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec_pretty(self).expect("names and numbers are JSON");
        json.push(b'\n');
        json
    }
}

/// Adds the figures of a part of the report that are not known.
fn note(not_known: &mut BTreeMap<String, String>, part: &str, figures: Vec<(&'static str, String)>) {
    not_known.extend(figures.into_iter().map(|(figure, why)| (format!("{part}.{figure}"), why)));
}

/// What requirements tolerate.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Allow {
    /// `--allow-empty`: pass when there is no data.
    pub empty: bool,
    /// `--partial`: do not fail because a run is not complete.
    pub partial: bool,
}
