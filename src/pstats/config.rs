//! What a run is to do, resolved. It does not know the command line.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::time::Duration;

use super::compare::{NamedReport, Required, Tolerances};
use super::joins::Sources;
use super::parts::Expected;
use super::report::Allow;
use super::require::{Requirement, Unsure};
use super::settings::Settings;
use crate::cli::color::Color;
use crate::cli::files::is_stdout;

/// What pstats is asked for.
#[derive(Debug)]
pub(super) struct Config {
    /// The inputs; empty for standard input.
    pub(super) files: Vec<PathBuf>,
    pub(super) form: ReportFormat,
    /// `--title`; empty if it is not given.
    pub(super) title: String,
    /// When text reports are coloured.
    pub(super) color: Color,
    /// What JUnit calls the suite.
    pub(super) suite: String,
    /// Whether text reports have everything, and not only what fits a screen.
    pub(super) full: bool,
    /// Where the report goes; `None` is standard output, or standard error with `tee`.
    pub(super) output: Option<PathBuf>,
    pub(super) settings: Settings,
    /// Whether the settings were given; if not, those of a state replace them.
    pub(super) given: bool,
    /// Show the report on the terminal while data flows.
    pub(super) live: bool,
    /// Copy the input to standard output.
    pub(super) tee: bool,
    /// How many threads count regular files.
    pub(super) threads: usize,
    /// `--missed`: where the missed faults go.
    pub(super) missed: Option<PathBuf>,
    /// Further reports.
    pub(super) reports: Vec<ReportFile>,
    /// How often to rewrite these, and to report progress where it is not redrawn; `None` if `--every` is not given.
    pub(super) every: Option<Duration>,
    /// With `--base`: what to compare with.
    pub(super) against: Option<Against>,
    pub(super) sources: Sources,
    pub(super) requirements: Vec<Requirement>,
    pub(super) allow: Allow,
    /// What is expected of the parts of runs.
    pub(super) expected: Expected,
    /// Which of several attempts at a part counts.
    pub(super) attempts: Option<Attempts>,
    /// The longest line that is read, in bytes.
    pub(super) max_line: usize,
    /// Write only warnings and errors to stderr.
    pub(super) quiet: bool,
}

impl Config {
    /// Whether the files are counted one by one, because each is a run to compare or a shard of one. What needs all lines in
    /// one stream goes before: then the lines are one run.
    pub(super) fn each_file_is_a_run(&self) -> bool {
        let Some(against) = &self.against else { return false };
        let has_only_reports = self.files.is_empty() && !against.now_reports.is_empty();
        has_only_reports || self.files.len() > 1 && self.sources.is_none() && !self.tee && !self.live
    }

    /// Whether there is nothing to read beside alerts, which are enough for a report: standard input is theirs, or a terminal.
    pub(super) fn has_only_alerts(&self) -> bool {
        let Some(alerts) = &self.sources.alerts else { return false };
        let are_on_stdin = || alerts.files.iter().any(|file| file.as_os_str() == "-");
        self.files.is_empty() && (are_on_stdin() || io::stdin().is_terminal())
    }

    /// Whether the run passes or fails.
    pub(super) fn is_judged(&self) -> bool {
        !self.requirements.is_empty() || self.expected.shards.is_some() || self.expected.events.is_some()
    }

    /// Whether the run has results other than its standard output: files or a verdict.
    pub(super) fn is_more_than_a_filter(&self) -> bool {
        self.output.is_some() || self.missed.is_some() || !self.reports.is_empty() || self.is_judged()
    }
}

/// The two sides of a comparison, and what is asked of it.
#[derive(Debug)]
pub(super) struct Against {
    /// States and lines of the base.
    pub(super) base_files: Vec<PathBuf>,
    /// JSON reports of the base.
    pub(super) base_reports: Vec<NamedReport>,
    /// JSON reports among the inputs; they are not in `files`.
    pub(super) now_reports: Vec<NamedReport>,
    pub(super) tolerances: Tolerances,
    /// The probability of a false claim that is accepted: 1 − `--confidence`.
    pub(super) alpha: f64,
    pub(super) unsure: Unsure,
    /// The first grouping of `--by`; if none is given, that of a state is compared.
    pub(super) grouping: Option<String>,
    /// Figures that requirements name.
    pub(super) required: Vec<Required>,
    /// This grouping, and those of their groups.
    pub(super) groupings: Vec<String>,
}

/// Which of several attempts at a part counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempts {
    First,
    Last,
}

/// The format of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReportFormat {
    Text,
    Json,
    Markdown,
    Junit,
    Html,
    Prometheus,
    OpenMetrics,
    Hgrm,
    State,
}

/// A further report and the file that it goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ReportFile {
    pub(super) form: ReportFormat,
    /// `-` is standard output.
    pub(super) path: PathBuf,
}

impl ReportFile {
    pub(super) fn is_stdout(&self) -> bool {
        is_stdout(&self.path)
    }
}
