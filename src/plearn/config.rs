//! What a run is to do, resolved. It does not know the command line.

use std::path::PathBuf;
use std::time::Duration;

use super::require::Requirement;

/// The default of `--min-count`.
pub(super) const DEFAULT_MIN_COUNT: u64 = 20;

/// The default of `--max-values`.
pub(super) const DEFAULT_MAX_VALUES: usize = 200;

/// What plearn is asked for.
#[derive(Debug)]
pub(super) struct Config {
    /// The inputs; empty for standard input.
    pub(super) files: Vec<PathBuf>,
    pub(super) job: Job,
    /// The file to write; `None` is standard output.
    pub(super) output: Option<PathBuf>,
    pub(super) rules: Rules,
    /// The longest line that is read, in bytes.
    pub(super) max_line: usize,
    /// How often to report progress where it is not redrawn; `None` if `--every` is not given.
    pub(super) every: Option<Duration>,
    /// Show no progress.
    pub(super) quiet: bool,
}

/// What is to be done with the events.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Job {
    Learn(Form),
    /// They are compared with real ones.
    Compare(Against),
}

/// What is written of what was learnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    World,
    /// What was counted, to be added to other states.
    State,
}

/// What synthetic events are compared with, and how that is reported.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Against {
    /// The files of real events.
    pub(super) real: Vec<PathBuf>,
    /// JSON rather than text.
    pub(super) is_json: bool,
    pub(super) requirements: Vec<Requirement>,
}

/// What may stand in a world.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    /// A value that fewer lines hold is not shown.
    pub(super) min_count: u64,
    /// Members that are left out, as paths.
    pub(super) drop: Vec<String>,
    /// Members whose values are shown though they look like identifiers.
    pub(super) keep: Vec<String>,
    /// The most values of a member that are listed.
    pub(super) max_values: usize,
}
