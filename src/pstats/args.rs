//! The command line, as typed.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, PossibleValue, TypedValueParser};
use clap::{Parser, ValueEnum};

use super::config::{Form, ReportFile};
use super::settings::{DEFAULT_EXACT_IDS, DEFAULT_MAX_GROUPS};
use crate::cli::CommandLine;
use crate::cli::files::Files;
use crate::cli::values::{self, ByteSize, Count, Span};
use crate::jsonl::DEFAULT_MAX_LINE;

/// Summarises events and outcomes: how many there are, how many succeeded and how long they took, by service, status,
/// region and time. Reads JSON Lines, recognises each kind of line, and prints one report at the end.
#[derive(Debug, Parser)]
#[command(name = "pstats", version)]
pub(super) struct Args {
    /// Files of JSON Lines, or of one JSON array each; without any, or for -, standard input
    pub(super) files: Vec<PathBuf>,

    /// Format of the report
    #[arg(long, value_enum, default_value_t = Form::Text, value_name = "FORM")]
    pub(super) format: Form,

    /// Write the report to FILE instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,

    /// Also group by these fields: short names (service, endpoint, status, region, device, hour, …) or paths as in --fields;
    /// repeatable
    #[arg(long, value_name = "FIELD,…", help_heading = "Counting")]
    pub(super) by: Vec<String>,

    /// Width of a window of the time series, doubled to keep at most 1,000 windows [default: chosen from the data]
    #[arg(long, value_name = "SPAN", value_parser = values::span_above_zero, help_heading = "Counting")]
    pub(super) window: Option<Span>,

    /// Count only events and outcomes that meet all conditions, such as service=payment-service,status_code>=500; fields are
    /// short names, or paths as in --fields
    #[arg(long = "where", value_name = "CONDITION,…", help_heading = "Counting", allow_hyphen_values = true)]
    pub(super) filter: Option<String>,

    /// Most groups per grouping; lines of further groups are counted together
    #[arg(long, value_name = "N", default_value_t = Count(DEFAULT_MAX_GROUPS), help_heading = "Counting")]
    pub(super) max_groups: Count,

    /// Count unique event_ids exactly up to N; beyond N their number is not known
    #[arg(long, value_name = "N", default_value_t = Count(DEFAULT_EXACT_IDS), help_heading = "Counting")]
    pub(super) exact_ids: Count,

    /// Show the report on the terminal while data flows, redrawn twice a second
    #[arg(long)]
    pub(super) live: bool,

    /// Copy the input's lines to standard output; the report goes to standard error, or to the file of -o
    #[arg(long)]
    pub(super) tee: bool,

    /// Count regular files with N threads; a pipe is read by one
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = values::whole::<usize>(1..=values::MOST_THREADS))]
    pub(super) threads: usize,

    /// Also write the report to FILE in this format, rewritten at each interval of --every; - writes it to standard output at
    /// the end; repeatable
    #[arg(long, value_name = "FORM=FILE", value_parser = OsStringValueParser::new().try_map(report_file))]
    pub(super) report: Vec<ReportFile>,

    /// How often to rewrite the files of --report, and to report progress if stderr is not a terminal
    #[arg(long, value_name = "SPAN", default_value = "15s", value_parser = values::span_above_zero)]
    pub(super) every: Span,

    /// Where events of another schema have their fields, such as timestamp=ts,latency=took:s,status=code,id=uuid.
    /// The path a.b means b inside a, or the key "a.b"; a.0 the first element of an array; a\.b only the key "a.b"
    #[arg(long, value_name = "ROLE=PATH,…", help_heading = "Counting", allow_hyphen_values = true)]
    pub(super) fields: Option<String>,

    /// Longest line; a longer one is counted but not read
    #[arg(long, value_name = "SIZE", value_parser = values::size_above_zero, default_value_t = ByteSize(DEFAULT_MAX_LINE as u64))]
    pub(super) max_line: ByteSize,

    /// pshape's record of injected faults: reports for each whether the server handled it correctly. Read after the input
    /// has ended; - if its lines are in the input; repeatable, once per shard
    #[arg(long, value_name = "FILE", help_heading = "Comparison")]
    pub(super) truth: Vec<PathBuf>,

    /// The events that were sent: reports which did not arrive, and which arrived without being sent
    #[arg(long, value_name = "EVENTS", help_heading = "Comparison")]
    pub(super) against: Option<PathBuf>,

    /// What the server has, as events or as outcomes of psend --verify: reports what is missing, differs or is extra
    #[arg(long, value_name = "FILE", help_heading = "Comparison")]
    pub(super) stored: Option<PathBuf>,

    /// JSON report of an earlier run to compare with; requirements may then say '110% of base'
    #[arg(long, value_name = "BASE.json", help_heading = "Comparison")]
    pub(super) compare: Option<PathBuf>,

    /// Require a figure of the JSON report to be within a bound, such as 'error_rate < 5%'; exit with status 99 if it is not;
    /// repeatable
    #[arg(long, value_name = "EXPR", help_heading = "Requirements", allow_hyphen_values = true)]
    pub(super) require: Vec<String>,

    /// File of requirements, one per line; # begins a comment
    #[arg(long, value_name = "FILE", help_heading = "Requirements")]
    pub(super) require_file: Vec<PathBuf>,

    /// Pass when there is no data
    #[arg(long, help_heading = "Requirements")]
    pub(super) allow_empty: bool,

    /// Do not fail because a run is not complete
    #[arg(long, help_heading = "Requirements")]
    pub(super) partial: bool,

    /// Write only warnings and errors to standard error
    #[arg(short, long)]
    pub(super) quiet: bool,
}

impl CommandLine for Args {
    fn files(&self) -> Files {
        let output = if self.tee {
            Files::default().writes("--tee", ["-"]).writes("--output", &self.output)
        } else {
            Files::default().output(self.output.as_deref())
        };
        output
            .inputs(&self.files)
            .reads("--truth", &self.truth)
            .reads("--against", &self.against)
            .reads("--stored", &self.stored)
            .reads("--compare", &self.compare)
            .reads("--require-file", &self.require_file)
            .writes("--report", self.report.iter().map(|file| &file.path))
    }
}

impl ValueEnum for Form {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Text, Self::Json, Self::Markdown, Self::Junit, Self::Html, Self::Prometheus, Self::State]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let (name, help) = match self {
            Self::Text => ("text", "For a person at a terminal"),
            Self::Json => ("json", "For a program: every figure under a stable name"),
            Self::Markdown => ("markdown", "For a pull request or a wiki"),
            Self::Junit => ("junit", "For CI: one test case per requirement"),
            Self::Html => ("html", "A web page in one file"),
            Self::Prometheus => ("prometheus", "For Prometheus' textfile collector"),
            Self::State => ("state", "For pstats: everything it counted, to be added to other states"),
        };
        Some(PossibleValue::new(name).help(help))
    }
}

/// A value of `--report`: `html=report.html`.
fn report_file(text: OsString) -> Result<ReportFile, String> {
    let forms: Vec<String> = Form::value_variants()
        .iter()
        .filter_map(ValueEnum::to_possible_value)
        .map(|v| v.get_name().to_owned())
        .collect();
    let wrong = || format!("expected a format and a file, such as html=report.html; formats are {}", forms.join(", "));
    let mut parts = text.as_bytes().splitn(2, |byte| *byte == b'=');
    let form = parts.next().and_then(|form| std::str::from_utf8(form).ok()).ok_or_else(wrong)?;
    let path = parts.next().filter(|path| !path.is_empty()).ok_or_else(wrong)?;
    Ok(ReportFile { form: Form::from_str(form, false).map_err(|_| wrong())?, path: OsStr::from_bytes(path).into() })
}
