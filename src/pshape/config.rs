//! What a run is to do, resolved. It does not know the command line.

use std::path::PathBuf;

use crate::cli::part_of_run::PartOfRun;

use super::active::Active;
use super::effect::Wants;
use super::effect::label::Label;
use super::event::FieldRegistry;
use super::redact::Check;
use super::window::StreamStart;

/// What a run is to do.
pub(super) struct Config {
    /// The inputs, in order.
    pub files: Vec<PathBuf>,
    /// The file for the events; `None` is standard output.
    pub output: Option<PathBuf>,
    /// The file for the truth, if it is written.
    pub truth: Option<PathBuf>,
    /// What the engine runs.
    pub pipeline: Pipeline,
    /// The longest line that effects are applied to, in bytes.
    pub max_line: usize,
    /// Print no summary.
    pub quiet: bool,
}

/// What a check of a redaction is to do.
pub(super) struct CheckConfig {
    /// The stream before it was redacted.
    pub original: PathBuf,
    /// The redacted stream.
    pub files: Vec<PathBuf>,
    /// The file for what is found; `None` is standard output.
    pub output: Option<PathBuf>,
    /// What is searched for.
    pub check: Check,
    /// The longest line that is searched, in bytes.
    pub max_line: usize,
    /// Print no summary if nothing is found.
    pub quiet: bool,
}

/// What the engine runs.
pub(super) struct Pipeline {
    /// The effects, in the order in which they act.
    pub effects: Vec<Active>,
    /// The fields that they read or write.
    pub fields: FieldRegistry,
    /// What they need from the engine.
    pub wants: Wants,
    /// Where the stream starts.
    pub origin: StreamStart,
    /// Labels events with their faults, if that is asked for.
    pub label: Option<Label>,
    /// This process's part of the run.
    pub part: PartOfRun,
    /// The seed of the whole run.
    pub seed: u64,
    /// The most that is held back, in bytes.
    pub max_held: usize,
}
