//! What a run is to do, resolved. It does not know the command line.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::joins::Sources;
use super::report::Allow;
use super::require::Requirement;
use super::settings::Settings;
use crate::cli::files::is_stdout;

/// What pstats is asked for.
#[derive(Debug)]
pub(super) struct Config {
    /// The inputs; empty for standard input.
    pub(super) files: Vec<PathBuf>,
    pub(super) form: Form,
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
    /// Further reports.
    pub(super) reports: Vec<ReportFile>,
    /// How often to rewrite these, and to report progress if stderr is not a terminal.
    pub(super) every: Duration,
    /// The report of the run to compare with: the name of its file, and what it holds.
    pub(super) base: Option<(String, Value)>,
    pub(super) sources: Sources,
    pub(super) requirements: Vec<Requirement>,
    pub(super) allow: Allow,
    /// The longest line that is read, in bytes.
    pub(super) max_line: usize,
    /// Write only warnings and errors to stderr.
    pub(super) quiet: bool,
}

impl Config {
    /// Whether the run has results other than its standard output: files or a verdict.
    pub(super) fn is_more_than_a_filter(&self) -> bool {
        self.output.is_some() || !self.reports.is_empty() || !self.requirements.is_empty()
    }
}

/// The format of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Json,
    Markdown,
    Junit,
    Html,
    Prometheus,
    State,
}

/// A further report and the file that it goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ReportFile {
    pub(super) form: Form,
    /// `-` is standard output.
    pub(super) path: PathBuf,
}

impl ReportFile {
    pub(super) fn is_stdout(&self) -> bool {
        is_stdout(&self.path)
    }
}
