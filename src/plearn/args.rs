//! plearn's command line, as typed. The only file of plearn that names clap.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use super::config::{DEFAULT_MAX_VALUES, DEFAULT_MIN_COUNT};
use crate::cli::files::Files;
use crate::cli::values::{self, ByteSize, Count, Span};
use crate::cli::{CommandLine, Help};
use crate::jsonl::DEFAULT_MAX_LINE;

/// Learns a profile for pgen from real events, without revealing them.
///
/// Reads JSON Lines of any shape in one pass and writes a profile, the world, for pgen --profile.
#[derive(Debug, Parser)]
#[command(name = "plearn", version)]
pub(super) struct Args {
    /// Files of events, or states [default: -, standard input]
    ///
    /// Each is JSON Lines or one JSON array. States of --format state are added up.
    pub(super) files: Vec<PathBuf>,

    /// Compare synthetic events with the real ones in FILE
    ///
    /// Says how far the two are apart, and whether that is more than two halves of FILE differ. Repeatable: several files of real
    /// events are one.
    #[arg(long, value_name = "FILE")]
    pub(super) like: Vec<PathBuf>,

    /// With --like: fail unless this holds: 'auc <= 0.55'
    ///
    /// Any figure of the JSON report that is no list: 'members.beyond_noise = 0', 'auc_high < 0.6'. If one does not hold or is not known,
    /// the exit status is 99. Repeatable.
    #[arg(long, value_name = "EXPR", allow_hyphen_values = true)]
    pub(super) require: Vec<String>,

    /// What to write: world or state; text or json with --like
    ///
    /// The default is world, and text with --like.
    #[arg(long, value_enum)]
    pub(super) format: Option<Format>,

    /// Write to FILE [default: -, standard output]
    ///
    /// FILE appears once it is complete.
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,

    /// Show no value that fewer lines hold
    ///
    /// Such a value is made up after its form. So is one that looks like an identifier, an address, a key or a token, however many
    /// lines hold it.
    #[arg(long, value_name = "N", default_value_t = Count(DEFAULT_MIN_COUNT))]
    pub(super) min_count: Count,

    /// Leave this member out of the world
    ///
    /// The member and all within it, such as context.user_id. Repeatable.
    #[arg(long, value_name = "PATH")]
    pub(super) drop: Vec<String>,

    /// Show values of this member that look like identifiers
    ///
    /// --min-count still holds. Repeatable.
    #[arg(long, value_name = "PATH")]
    pub(super) keep: Vec<String>,

    /// Most values of a member that are listed
    ///
    /// A member with more is described by the forms of its values.
    #[arg(long, value_name = "N", default_value_t = DEFAULT_MAX_VALUES, value_parser = values::whole::<usize>(1..=512))]
    pub(super) max_values: usize,

    /// Longest line to read
    ///
    /// Longer ones are only counted.
    #[arg(long, value_name = "SIZE", value_parser = values::size_above_zero, default_value_t = ByteSize(DEFAULT_MAX_LINE as u64))]
    pub(super) max_line: ByteSize,

    /// How often to report progress where it is not redrawn [default: 15s]
    ///
    /// On a terminal, the last tool of a pipe redraws a line. Any other writes lines only if this flag is given.
    #[arg(long, value_name = "TIME", value_parser = values::span_above_zero)]
    pub(super) every: Option<Span>,

    /// Show no progress
    #[arg(short, long)]
    pub(super) quiet: bool,
}

impl CommandLine for Args {
    const HELP: Help = Help {
        examples: "  \
  plearn events.jsonl > world.toml; pgen --profile world.toml -n 1m > new.jsonl
  plearn --min-count 100 --drop context.notes events.jsonl -o world.toml
  plearn --format state monday.jsonl > monday.state
  plearn *.state > world.toml
  plearn --like real.jsonl synthetic.jsonl --require 'members.beyond_noise = 0'",
        everyday: &[
            "like",
            "require",
            "format",
            "output",
            "min-count",
            "drop",
            "keep",
            "max-values",
            "max-line",
            "quiet",
        ],
        exit_status: "\
Exit status: 0 if the world, state or report is written, 99 if a requirement is
not met, 1 if the job could not be finished or no line holds an event, 2 for
wrong usage, 130 after Ctrl-C.",
    };

    fn files(&self) -> Files {
        Files::default().inputs(&self.files).reads("--like", &self.like).output(self.output.as_deref())
    }
}

/// `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A profile for pgen
    World,
    /// What was counted, to be added to other states
    State,
    /// With --like: for people
    Text,
    /// With --like: for programs
    Json,
}

impl Format {
    /// Its name on the command line.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::World => "world",
            Self::State => "state",
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}
