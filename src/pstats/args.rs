//! The command line of pstats: the flags as typed, and what they resolve to.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use super::settings::Settings;
use crate::cli::values::ByteSize;
use crate::jsonl::DEFAULT_MAX_LINE;
use crate::record::event::FieldMap;

/// Summarises events and outcomes: what came in, how much of it succeeded, how long it took, by service, status, region
/// and time. Reads JSON Lines, tells the kinds of lines apart by itself, and prints one report at the end.
#[derive(Debug, Parser)]
#[command(name = "pstats", version)]
pub struct Args {
    /// Files of JSON Lines, or one JSON array each; standard input without any, or for -
    pub files: Vec<PathBuf>,

    /// The form of the report
    #[arg(long, value_enum, default_value_t = Form::Text, value_name = "FORM")]
    pub format: Form,

    /// Write the report to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Where events of another schema have their fields, e.g. timestamp=ts,latency=dur_ms,status=code,id=uuid
    #[arg(long, value_name = "ROLE=PATH,…")]
    pub fields: Option<FieldMap>,

    /// The longest line; a longer one is counted and passed over [default: 1MiB]
    #[arg(long, value_name = "SIZE")]
    pub max_line: Option<ByteSize>,

    /// Say nothing on standard error but warnings and errors
    #[arg(short, long)]
    pub quiet: bool,
}

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// For a person at a terminal
    Text,
    /// For a program: every figure under a stable name
    Json,
}

/// What the flags mean, with nothing left to be filled in.
#[derive(Debug)]
pub struct Config {
    /// The inputs as given; none is standard input.
    pub files: Vec<PathBuf>,
    /// The form of the report.
    pub form: Form,
    /// Where it goes; standard output where there is none.
    pub output: Option<PathBuf>,
    /// What is counted.
    pub settings: Settings,
    /// The longest line in bytes.
    pub max_line: usize,
    /// Whether stderr has warnings and errors only.
    pub quiet: bool,
}

impl Args {
    /// Resolves the flags.
    pub fn resolve(self) -> Config {
        Config {
            files: self.files,
            form: self.format,
            output: self.output,
            settings: Settings { fields: self.fields.unwrap_or_default(), ..Settings::default() },
            max_line: self.max_line.map_or(DEFAULT_MAX_LINE, |ByteSize(n)| usize::try_from(n).unwrap_or(usize::MAX)),
            quiet: self.quiet,
        }
    }
}
