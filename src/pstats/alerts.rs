//! Whether alarms rang: holds a log of alerts against the faults that pshape injected (docs/pstats.md says by which rule, and
//! docs/statistics.md how sure the figures are). Knows no report, no stream of events, and no clock.

mod episodes;
mod form;
mod log;
mod score;

use std::path::PathBuf;

use crate::cli::{Console, Stop};
use crate::clock::Micros;
use crate::error::{Error, Result};
use crate::record::truth::TruthLine;

use episodes::Episodes;
pub(super) use form::AlertForm;
use log::AlertLog;
pub(super) use score::{AlertsReport, FoundReport, MissedReport, RuleReport};

/// What `--alerts` asks for.
#[derive(Debug, Clone)]
pub(super) struct Watch {
    /// The logs of alerts.
    pub files: Vec<PathBuf>,
    /// Where in a line of them is what.
    pub form: AlertForm,
    /// How long after an episode an alert still counts for it; faults of a kind that are not further apart are one episode.
    pub grace: Micros,
    /// The kinds of fault that alarms should ring for.
    pub faults: Vec<&'static str>,
    /// 1 − the confidence of the intervals.
    pub alpha: f64,
}

/// The faults and the alerts so far.
pub(super) struct Alerts {
    watch: Watch,
    episodes: Episodes,
    log: AlertLog,
}

impl Alerts {
    /// Nothing yet.
    pub(super) fn new(watch: Watch) -> Self {
        Self { episodes: Episodes::new(watch.grace, &watch.faults), log: AlertLog::default(), watch }
    }

    /// Adds a line of truth.
    pub(super) fn truth_line(&mut self, line: &TruthLine) {
        match line {
            TruthLine::Fault(truth) => self.episodes.add(&truth.fault, truth.at),
            TruthLine::Summary(summary) => {
                self.episodes.saw(summary.first_at.zip(summary.last_at));
                summary.windows.iter().for_each(|window| self.episodes.add_window(window));
            }
        }
    }

    /// Reads the logs, after all truth has been added.
    ///
    /// # Errors
    /// If one cannot be read, if truth says of no fault when it happened, or if there are more alerts or episodes than are kept.
    pub(super) fn read(&mut self, console: &Console, max_line: usize, stop: &Stop) -> Result<()> {
        self.episodes.check().map_err(Error::failed)?;
        let Watch { files, form, .. } = &self.watch;
        self.log.read(files, form, max_line, stop, console)
    }

    /// What the alerts did. `events` are the times of the first and the last event, if events came.
    pub(super) fn report(&self, events: Option<(Micros, Micros)>) -> AlertsReport {
        score::score(&self.episodes, &self.log, events, self.watch.alpha)
    }

    /// What the user should know besides the figures.
    pub(super) fn doubts(&self) -> Vec<String> {
        self.episodes.doubts().into_iter().chain(self.log.doubts()).collect()
    }
}
