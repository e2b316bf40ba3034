//! The command line of pstats: the flags as typed, and what they resolve to.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Parser, ValueEnum};
use serde_json::Value;

use super::joins::Sources;
use super::report::{Allow, Report};
use super::require::{Catalogue, Requirement};
use super::settings::{Layout, Settings};
use crate::cli::files::{Files, is_stdout};
use crate::cli::values::{ByteSize, Count, Span};
use crate::cli::{CommandLine, input};
use crate::error::{Error, Result};
use crate::jsonl::DEFAULT_MAX_LINE;
use crate::record::event::FieldMap;

/// Summarises events and outcomes: how many there are, how many succeeded and how long they took, by service, status,
/// region and time. Reads JSON Lines, recognises each kind of line, and prints one report at the end.
#[derive(Debug, Parser)]
#[command(name = "pstats", version)]
pub struct Args {
    /// Files of JSON Lines, or of one JSON array each; without any, or for -, standard input
    pub files: Vec<PathBuf>,

    /// Format of the report
    #[arg(long, value_enum, default_value_t = Form::Text, value_name = "FORM")]
    pub format: Form,

    /// Write the report to FILE instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Also group by these fields: short names (service, endpoint, status, region, device, hour, …) or paths as in --fields;
    /// repeatable
    #[arg(long, value_name = "FIELD,…", help_heading = "Counting")]
    pub by: Vec<String>,

    /// Width of a window of the time series, doubled to keep at most 1,000 windows [default: chosen from the data]
    #[arg(long, value_name = "SPAN", help_heading = "Counting")]
    pub window: Option<Span>,

    /// Count only events and outcomes that meet all conditions, such as service=payment-service,status_code>=500; fields are
    /// short names, or paths as in --fields
    #[arg(long = "where", value_name = "CONDITION,…", help_heading = "Counting", allow_hyphen_values = true)]
    pub filter: Option<String>,

    /// Most groups per grouping; lines of further groups are counted together [default: 1000]
    #[arg(long, value_name = "N", help_heading = "Counting")]
    pub max_groups: Option<Count>,

    /// Count unique event_ids exactly up to N; beyond N their number is not known [default: 1m]
    #[arg(long, value_name = "N", help_heading = "Counting")]
    pub exact_ids: Option<Count>,

    /// Show the report on the terminal while data flows, redrawn twice a second
    #[arg(long)]
    pub live: bool,

    /// Copy the input's lines to standard output; the report goes to standard error, or to the file of -o
    #[arg(long)]
    pub tee: bool,

    /// Count regular files with N threads; a pipe is read by one
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: u16,

    /// Also write the report to FILE in this format, rewritten at each interval of --every; - writes it to standard output at
    /// the end; repeatable
    #[arg(long, value_name = "FORM=FILE", value_parser = OsStringValueParser::new().try_map(ReportFile::parse))]
    pub report: Vec<ReportFile>,

    /// How often to rewrite the files of --report, and to report progress if stderr is not a terminal
    #[arg(long, value_name = "SPAN", default_value = "15s")]
    pub every: Span,

    /// Where events of another schema have their fields, such as timestamp=ts,latency=took:s,status=code,id=uuid.
    /// The path a.b means b inside a, or the key "a.b"; a.0 the first element of an array; a\.b only the key "a.b"
    #[arg(long, value_name = "ROLE=PATH,…", help_heading = "Counting", allow_hyphen_values = true)]
    pub fields: Option<String>,

    /// Longest line; a longer one is counted but not read [default: 1MiB]
    #[arg(long, value_name = "SIZE")]
    pub max_line: Option<ByteSize>,

    /// pshape's record of injected faults: reports for each whether the server handled it correctly. Read after the input
    /// has ended; - if its lines are in the input; repeatable, once per shard
    #[arg(long, value_name = "FILE", help_heading = "Comparison")]
    pub truth: Vec<PathBuf>,

    /// The events that were sent: reports which did not arrive, and which arrived without being sent
    #[arg(long, value_name = "EVENTS", help_heading = "Comparison")]
    pub against: Option<PathBuf>,

    /// What the server has, as events or as outcomes of psend --verify: reports what is missing, differs or is extra
    #[arg(long, value_name = "FILE", help_heading = "Comparison")]
    pub stored: Option<PathBuf>,

    /// JSON report of an earlier run to compare with; requirements may then say '110% of base'
    #[arg(long, value_name = "BASE.json", help_heading = "Comparison")]
    pub compare: Option<PathBuf>,

    /// Require a figure of the JSON report to be within a bound, such as 'error_rate < 5%'; exit with status 99 if it is not;
    /// repeatable
    #[arg(long, value_name = "EXPR", help_heading = "Requirements", allow_hyphen_values = true)]
    pub require: Vec<String>,

    /// File of requirements, one per line; # begins a comment
    #[arg(long, value_name = "FILE", help_heading = "Requirements")]
    pub require_file: Vec<PathBuf>,

    /// Pass when there is no data
    #[arg(long, help_heading = "Requirements")]
    pub allow_empty: bool,

    /// Do not fail because a run is not complete
    #[arg(long, help_heading = "Requirements")]
    pub partial: bool,

    /// Write only warnings and errors to standard error
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
    /// For a pull request or a wiki
    Markdown,
    /// For CI: one test case per requirement
    Junit,
    /// A web page in one file
    Html,
    /// For Prometheus' textfile collector
    Prometheus,
    /// For pstats: everything it counted, to be added to other states
    State,
}

/// A form of the report and the file it goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportFile {
    /// The form.
    pub form: Form,
    /// The file.
    pub path: PathBuf,
}

impl ReportFile {
    /// Whether it is no file but standard output.
    pub fn is_stdout(&self) -> bool {
        is_stdout(&self.path)
    }
}

impl ReportFile {
    fn parse(text: OsString) -> std::result::Result<Self, String> {
        let forms: Vec<String> = Form::value_variants()
            .iter()
            .filter_map(ValueEnum::to_possible_value)
            .map(|v| v.get_name().to_owned())
            .collect();
        let wrong =
            || format!("expected a format and a file, such as html=report.html; formats are {}", forms.join(", "));
        let mut parts = text.as_bytes().splitn(2, |byte| *byte == b'=');
        let form = parts.next().and_then(|form| std::str::from_utf8(form).ok()).ok_or_else(wrong)?;
        let path = parts.next().filter(|path| !path.is_empty()).ok_or_else(wrong)?;
        Ok(Self { form: Form::from_str(form, false).map_err(|_| wrong())?, path: OsStr::from_bytes(path).into() })
    }
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
    /// Whether that was asked for; if not, a state's settings take its place.
    pub given: bool,
    /// Whether the screen shows the report while data flows.
    pub live: bool,
    /// Whether the input is handed on to standard output.
    pub tee: bool,
    /// Threads that count regular files.
    pub threads: usize,
    /// Other forms, in files.
    pub reports: Vec<ReportFile>,
    /// How often these are rewritten.
    pub every: Duration,
    /// The earlier run's report: its file's name, and what it says.
    pub base: Option<(String, Value)>,
    /// What the input is held against.
    pub sources: Sources,
    /// What the report has to show.
    pub requirements: Vec<Requirement>,
    /// What requirements put up with.
    pub allow: Allow,
    /// The longest line in bytes.
    pub max_line: usize,
    /// Whether stderr has warnings and errors only.
    pub quiet: bool,
}

impl Config {
    /// Whether the input counts for more than what is shown at its end: for files, or for a verdict.
    pub fn is_more_than_a_filter(&self) -> bool {
        self.output.is_some() || !self.reports.is_empty() || !self.requirements.is_empty()
    }
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

impl Args {
    /// Resolves the flags.
    ///
    /// # Errors
    /// Where a requirement, a file of requirements or `--where` cannot be read.
    pub fn resolve(self) -> Result<Config> {
        let by = self.by.iter().map(|list| list.split(',').map(|name| name.trim().to_owned()).collect::<Vec<_>>());
        let by: Vec<Vec<String>> = by.collect();
        if by.iter().flatten().any(String::is_empty) {
            return Err(Error::usage("--by: a name is empty; expected fields such as service,endpoint"));
        }
        if self.window.is_some_and(|window| window.micros() < 1) {
            return Err(Error::usage("--window: expected a time above 0, such as 10s or 1m"));
        }
        let capped =
            |count: Option<Count>, default| count.map_or(default, |Count(n)| usize::try_from(n).unwrap_or(usize::MAX));
        let fields = self.fields.as_deref().map(str::parse::<FieldMap>).transpose();
        let fields = fields.map_err(|e| Error::usage(format!("--fields: {e}")))?;
        let given = !by.is_empty() || self.window.is_some() || self.filter.is_some() || self.fields.is_some();
        let mut settings = Settings {
            window: self.window.map(Span::micros),
            filter: self.filter,
            max_groups: capped(self.max_groups, 1000).min(MOST_GROUPS),
            exact_ids: capped(self.exact_ids, 1_000_000),
            fields: fields.unwrap_or_default(),
            fields_text: self.fields,
            ..Settings::default()
        };
        let base = self.compare.as_deref().map(base_report).transpose()?;
        settings.by = by.iter().fold(Vec::new(), with_grouping);
        let requirements = requirements(&settings, &self.require, &self.require_file)?;
        if let (None, Some(requirement)) = (&base, requirements.iter().find(|requirement| requirement.needs_base())) {
            return Err(Error::usage(format!("--require: '{requirement}' needs --compare BASE.json")));
        }
        let groups = requirements.iter().map(Requirement::group_fields).filter(|fields| !fields.is_empty());
        settings.by = groups.fold(std::mem::take(&mut settings.by), |known, fields| with_grouping(known, &fields));
        Ok(Config {
            files: self.files,
            form: self.format,
            output: self.output,
            settings,
            given,
            live: self.live,
            tee: self.tee,
            threads: usize::from(self.threads),
            reports: self.report,
            every: self.every.0,
            base,
            sources: Sources { truth: self.truth, against: self.against, stored: self.stored },
            requirements,
            allow: Allow { empty: self.allow_empty, partial: self.partial },
            max_line: self.max_line.map_or(DEFAULT_MAX_LINE, |ByteSize(n)| usize::try_from(n).unwrap_or(usize::MAX)),
            quiet: self.quiet,
        })
    }
}

/// The most that `--max-groups` may ask for: a group takes a few kilobytes.
const MOST_GROUPS: usize = 1 << 24;

/// The groupings with one more, unless they have it in another order; a field named twice stands once.
fn with_grouping(mut known: Vec<Vec<String>>, fields: &Vec<String>) -> Vec<Vec<String>> {
    let mut once: Vec<String> = Vec::new();
    for field in fields {
        if !once.contains(field) {
            once.push(field.clone());
        }
    }
    if !known.iter().any(|fields| fields.len() == once.len() && once.iter().all(|field| fields.contains(field))) {
        known.push(once);
    }
    known
}

/// Reads the requirements of the command line and of the files; a message names where one stands.
fn requirements(settings: &Settings, texts: &[String], files: &[PathBuf]) -> Result<Vec<Requirement>> {
    let layout = Layout::new(settings)?;
    let catalogue = Catalogue::new(Report::on_nothing(settings, &layout), layout.group_fields());
    let read = |text: &str, place: String| {
        Requirement::parse(text, &catalogue).map_err(|e| Error::usage(format!("{place}: {e}")))
    };
    let mut all: Vec<Requirement> =
        texts.iter().map(|text| read(text, "--require".to_owned())).collect::<Result<_>>()?;
    for file in files {
        let text = input::named_text("--require-file", file)?;
        for (number, line) in (1..).zip(text.lines()) {
            let line = without_comment(line);
            if !line.is_empty() {
                all.push(read(line, format!("--require-file: {}: line {number}", file.display()))?);
            }
        }
    }
    Ok(all)
}

/// A line up to its comment: a `#` at the start or behind white space, for a group's value may hold one.
fn without_comment(line: &str) -> &str {
    let begins = |(at, _): &(usize, &str)| line[..*at].chars().next_back().is_none_or(char::is_whitespace);
    line.match_indices('#').find(begins).map_or(line, |(at, _)| &line[..at]).trim()
}

fn base_report(path: &Path) -> Result<(String, Value)> {
    let text = input::named_text("--compare", path)?;
    let report: Value = serde_json::from_str(&text)
        .map_err(|e| Error::usage(format!("--compare: {} is not a JSON report of pstats: {e}", path.display())))?;
    if !report["input"].is_object() {
        return Err(Error::usage(format!("--compare: {} is not a JSON report of pstats", path.display())));
    }
    Ok((path.display().to_string(), report))
}
