//! The command line, as typed.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Parser, ValueEnum};

use super::compare::Tolerances;
use super::config::{ReportFile, ReportFormat};
use super::settings::{DEFAULT_EXACT_IDS, DEFAULT_MAX_GROUPS};
use crate::cli::color::Color;
use crate::cli::files::Files;
use crate::cli::part_of_run::RunId;
use crate::cli::shard::Shard;
use crate::cli::values::{self, ByteSize, Count, Span};
use crate::cli::{CommandLine, Help};
use crate::jsonl::DEFAULT_MAX_LINE;
use crate::record::truth::FAULTS;

/// Summarises events and outcomes, and passes or fails a run.
///
/// Reads JSON Lines and recognises each kind of line. Reports how many there are, how many succeeded and how long they took, by
/// service, status, region and time.
#[derive(Debug, Parser)]
#[command(name = "pstats", version)]
pub(super) struct Args {
    /// Files of events or outcomes [default: -, standard input]
    ///
    /// Each is JSON Lines or one JSON array.
    pub(super) files: Vec<PathBuf>,

    /// Format of the report
    #[arg(long, value_enum, default_value_t = ReportFormat::Text, value_name = "FORM")]
    pub(super) format: ReportFormat,

    /// Show everything in text, not only what fits a screen
    #[arg(long)]
    pub(super) full: bool,

    /// Write the report to FILE
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,

    /// Also group by these fields, such as service
    ///
    /// Short names are service, endpoint, status, region, device, hour and others; any other field is a path, as in --fields.
    /// Repeatable.
    #[arg(long, value_name = "FIELD,…", help_heading = "Counting")]
    pub(super) by: Vec<String>,

    /// Width of a window of the time series [default: chosen from the data]
    ///
    /// It is doubled to keep at most 1,000 windows.
    #[arg(long, value_name = "SPAN", value_parser = values::span_above_zero, help_heading = "Counting")]
    pub(super) window: Option<Span>,

    /// Count only lines such as status_code>=500
    ///
    /// Counts events and outcomes that meet all conditions, such as service=payment-service,status_code>=500. Fields are short
    /// names, or paths as in --fields.
    #[arg(long = "where", value_name = "CONDITION,…", help_heading = "Counting", allow_hyphen_values = true)]
    pub(super) filter: Option<String>,

    /// Most groups per grouping; further groups are counted together
    #[arg(long, value_name = "N", default_value_t = Count(DEFAULT_MAX_GROUPS), help_heading = "Counting")]
    pub(super) max_groups: Count,

    /// Count unique event_ids exactly up to N; beyond N their number is unknown
    #[arg(long, value_name = "N", default_value_t = Count(DEFAULT_EXACT_IDS), help_heading = "Counting")]
    pub(super) exact_ids: Count,

    /// The lines are part I of N of a run: a state says so
    ///
    /// auto reads I and N from the scheduler's variables: Kubernetes, Slurm, AWS Batch, Grid Engine, PBS, HyperQueue, Nomad,
    /// Cloud Run. Only this part is then expected.
    #[arg(long, value_name = "I/N", help_heading = "Parts of a run")]
    pub(super) shard: Option<Shard>,

    /// Id that all parts of the run share [default: from the scheduler]
    ///
    /// A state names it. Parts of other runs are reported as foreign. The default is PULSE_RUN_ID, or with --shard the id of the
    /// scheduler's job.
    #[arg(long, value_name = "ID", help_heading = "Parts of a run")]
    pub(super) run_id: Option<RunId>,

    /// Of several attempts at a part, count the first or the last
    ///
    /// Without it, the first one in the input counts, and the run fails its requirements. Attempts in named files are ordered by
    /// their number or, for outcomes, their time.
    #[arg(long, value_enum, value_name = "WHICH", help_heading = "Parts of a run")]
    pub(super) attempts: Option<AttemptsWord>,

    /// When to colour the text report
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub(super) color: Color,

    /// Show the report as a screen while data arrives
    ///
    /// Trends, latencies, outcomes, groups, and requirements as they stand. Keys switch views, pause and end; the last line of the
    /// screen names them. Where nothing can be drawn, lines of progress come instead.
    #[arg(long)]
    pub(super) live: bool,

    /// Title of the HTML page [default: the target, or the names of the files]
    #[arg(long, value_name = "TEXT")]
    pub(super) title: Option<String>,

    /// Name of the suite in JUnit reports
    #[arg(long, value_name = "TEXT", default_value = "pstats")]
    pub(super) name: String,

    /// Copy the input to standard output; the report goes to standard error, or to the file of -o
    #[arg(long)]
    pub(super) tee: bool,

    /// Threads that count regular files; a pipe is read by one thread
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = values::whole::<usize>(1..=values::MOST_THREADS))]
    pub(super) threads: usize,

    /// Write another report, such as html=report.html
    ///
    /// FILE is rewritten at each interval of --every. - writes to standard output at the end. Repeatable.
    #[arg(long, value_name = "FORM=FILE", value_parser = OsStringValueParser::new().try_map(report_file))]
    pub(super) report: Vec<ReportFile>,

    /// How often to rewrite the files of --report, and to report progress where it is not redrawn [default: 15s]
    ///
    /// On a terminal, the last tool of a pipe redraws a line. Any other writes lines only if this flag is given.
    #[arg(long, value_name = "SPAN", value_parser = values::span_above_zero)]
    pub(super) every: Option<Span>,

    /// Paths of fields: timestamp=ts,id=uuid
    ///
    /// For events of another schema, such as timestamp=ts,latency=took:s,status=code,id=uuid. The path a.b means b inside a, or
    /// the key "a.b"; a.0 the first element of an array; a\.b only the key "a.b".
    #[arg(long, value_name = "ROLE=PATH,…", help_heading = "Counting", allow_hyphen_values = true)]
    pub(super) fields: Option<String>,

    /// Longest line to read; longer ones are only counted
    #[arg(long, value_name = "SIZE", value_parser = values::size_above_zero, default_value_t = ByteSize(DEFAULT_MAX_LINE as u64))]
    pub(super) max_line: ByteSize,

    /// Report how each fault of pshape was handled
    ///
    /// FILE is pshape's record of injected faults. It is read after the input has ended; - if its lines are in the input.
    /// Repeatable, once per shard.
    #[arg(long, value_name = "FILE", help_heading = "Comparison")]
    pub(super) truth: Vec<PathBuf>,

    /// Judge these alerts by the faults of --truth
    ///
    /// FILE is a log of alerts: lines with at, and perhaps until, name and labels; or the webhooks of Alertmanager or Grafana as they
    /// come. Other forms: --fields at=PATH,until=PATH,name=PATH,labels=PATH. Repeatable.
    #[arg(long, value_name = "FILE", help_heading = "Comparison", requires = "truth")]
    pub(super) alerts: Vec<PathBuf>,

    /// How long after a fault an alert still counts for it
    ///
    /// Faults of a kind that are not further apart are one episode, for which an alert has to ring once.
    #[arg(long, value_name = "SPAN", default_value = "5m", help_heading = "Comparison")]
    pub(super) grace: Span,

    /// Kinds of fault that alarms should ring for [default: all that harm]
    ///
    /// Such as incident,gap. By default, all except curve, label, new_id, recover and shift.
    #[arg(long, value_name = "KIND,…", value_delimiter = ',', help_heading = "Comparison", value_parser = PossibleValuesParser::new(FAULTS))]
    pub(super) fault: Vec<String>,

    /// Write each injected fault that the server missed to FILE
    ///
    /// As JSON Lines: fault, seq, shard, event_id, done (what pshape did to the line), outcome and status. Needs --truth.
    #[arg(long, value_name = "FILE", help_heading = "Comparison", requires = "truth")]
    pub(super) missed: Option<PathBuf>,

    /// Report which of these events did not arrive
    ///
    /// EVENTS are the events that were sent. Events that arrived without being sent are reported too.
    #[arg(long, value_name = "EVENTS", help_heading = "Comparison")]
    pub(super) against: Option<PathBuf>,

    /// Report what the server lost or changed
    ///
    /// FILE holds what the server has: events, or outcomes of psend --verify. Events that are missing, differ or are extra are
    /// reported.
    #[arg(long, value_name = "FILE", help_heading = "Comparison")]
    pub(super) stored: Option<PathBuf>,

    /// Report what pserve did on purpose, and what the client said
    ///
    /// FILE is what pserve --chaos-truth wrote. The table shows the outcomes of the events that each fault struck.
    #[arg(long, value_name = "FILE", help_heading = "Comparison")]
    pub(super) chaos_truth: Option<PathBuf>,

    /// An earlier run: says what is worse, better or the same
    ///
    /// FILE is a state, a JSON report or lines. Requirements may then say 'latency.p95 not worse', or '110% of base'. Repeatable,
    /// once for each run; three or more runs a side give verdicts to rely on.
    #[arg(long, value_name = "FILE", help_heading = "Comparison", alias = "compare")]
    pub(super) base: Vec<PathBuf>,

    /// Difference from the base that does not matter
    ///
    /// A share of latencies and throughput, points of rates. For one figure with its name: 5%,p99=10%,error_rate=0.1 points.
    /// Repeatable. Without it, 5% and 0.5 points.
    #[arg(long, value_name = "DIFF,…", help_heading = "Comparison", value_parser = tolerance)]
    pub(super) tolerance: Vec<ToleranceText>,

    /// Confidence of the intervals, and of all verdicts
    #[arg(long, value_name = "PERCENT", default_value = "95%", help_heading = "Comparison", value_parser = confidence)]
    pub(super) confidence: Confidence,

    /// Fail unless this holds: 'error_rate < 5%'
    ///
    /// EXPR is a bound on a figure of the JSON report. If one does not hold, the exit status is 99. Repeatable.
    #[arg(long, value_name = "EXPR", help_heading = "Requirements", allow_hyphen_values = true)]
    pub(super) require: Vec<String>,

    /// File of requirements, one per line
    ///
    /// # begins a comment.
    #[arg(long, value_name = "FILE", help_heading = "Requirements")]
    pub(super) require_file: Vec<PathBuf>,

    /// Whether 'not worse' passes or fails if the runs do not show it
    #[arg(long, value_enum, default_value_t = UnsureWord::Fail, value_name = "MODE", help_heading = "Requirements")]
    pub(super) unsure: UnsureWord,

    /// Fail unless the runs have N parts, and all came
    ///
    /// If no record names any parts, the states are counted, or the files.
    #[arg(long, value_name = "N", help_heading = "Requirements")]
    pub(super) expect_shards: Option<Count>,

    /// Fail unless exactly N events or outcomes came
    #[arg(long, value_name = "N", help_heading = "Requirements")]
    pub(super) expect_events: Option<Count>,

    /// Pass when there is no data
    #[arg(long, help_heading = "Requirements")]
    pub(super) allow_empty: bool,

    /// Do not fail because a run is not complete, or parts of it are missing
    #[arg(long, help_heading = "Requirements")]
    pub(super) partial: bool,

    /// Write only warnings and errors to standard error
    #[arg(short, long)]
    pub(super) quiet: bool,
}

impl CommandLine for Args {
    const HELP: Help = Help {
        examples: "  \
  pstats outcomes.jsonl
  pgen -n 100k | psend -c 100 | pstats --by service,status
  pstats outcomes.jsonl --require 'success_rate >= 95%' --require 'unknown = 0'
  pstats outcomes.jsonl --truth truth.jsonl --report html=report.html
  pstats --alerts alerts.jsonl --truth t.jsonl --require 'alerts.recall > 90%'
  pstats outcomes.jsonl --format json -o base.json
  pstats new.state --base old.state --require 'latency.p99 not worse'
  pstats --format state part1.jsonl > 1.state; pstats 1.state 2.state",
        everyday: &[
            "format",
            "full",
            "output",
            "by",
            "where",
            "live",
            "report",
            "fields",
            "truth",
            "alerts",
            "against",
            "stored",
            "base",
            "require",
            "require-file",
            "quiet",
        ],
        exit_status: "\
Exit status: 0 if the report is written, 99 if a requirement is not met, 1 if
the job could not be finished, 2 for wrong usage.",
    };

    fn files(&self) -> Files {
        let output = if self.tee {
            Files::default().writes("--tee", ["-"]).writes("--output", &self.output)
        } else {
            Files::default().output(self.output.as_deref())
        };
        output
            .inputs(&self.files)
            .reads("--truth", &self.truth)
            .reads("--alerts", &self.alerts)
            .reads("--against", &self.against)
            .reads("--stored", &self.stored)
            .reads("--chaos-truth", &self.chaos_truth)
            .reads("--base", &self.base)
            .reads("--require-file", &self.require_file)
            .writes("--missed", &self.missed)
            .writes("--report", self.report.iter().map(|file| &file.path))
    }
}

impl ValueEnum for ReportFormat {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self::Text,
            Self::Json,
            Self::Markdown,
            Self::Junit,
            Self::Html,
            Self::Prometheus,
            Self::OpenMetrics,
            Self::Hgrm,
            Self::State,
        ]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let (name, help) = match self {
            Self::Text => ("text", "For a person at a terminal"),
            Self::Json => ("json", "For a program: every figure under a stable name"),
            Self::Markdown => ("markdown", "For a pull request or a wiki"),
            Self::Junit => ("junit", "For CI: one test case per requirement"),
            Self::Html => ("html", "A web page in one file"),
            Self::Prometheus => ("prometheus", "For Prometheus' textfile collector"),
            Self::OpenMetrics => ("openmetrics", "For what reads OpenMetrics: the figures of prometheus"),
            Self::Hgrm => ("hgrm", "For HdrHistogram's plotters: the latency distribution"),
            Self::State => ("state", "For pstats: everything it counted, to be added to other states"),
        };
        Some(PossibleValue::new(name).help(help))
    }
}

impl ValueEnum for Color {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Auto, Self::Always, Self::Never]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let (name, help) = match self {
            Self::Auto => ("auto", "On terminals, unless NO_COLOR is set; everywhere if CLICOLOR_FORCE is set"),
            Self::Always => ("always", "Wherever the report goes"),
            Self::Never => ("never", "Nowhere"),
        };
        Some(PossibleValue::new(name).help(help))
    }
}

/// The words of `--attempts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum AttemptsWord {
    First,
    Last,
}

/// The words of `--unsure`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum UnsureWord {
    Pass,
    Fail,
}

/// A value of `--tolerance`, which is valid.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ToleranceText(pub(super) String);

fn tolerance(text: &str) -> Result<ToleranceText, String> {
    Tolerances::default().add(text).map(|()| ToleranceText(text.to_owned()))
}

/// A value of `--confidence`, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Confidence(pub(super) f64);

fn confidence(text: &str) -> Result<Confidence, String> {
    let share =
        text.strip_suffix('%').and_then(|percent| values::decimal(percent.trim())).map(|percent| percent / 100.0);
    let share = share.filter(|share| (0.5..=0.9999).contains(share));
    share.map(Confidence).ok_or_else(|| "expected a percentage from 50% to 99.99%, such as 95%".to_owned())
}

/// A value of `--report`: `html=report.html`.
fn report_file(text: OsString) -> Result<ReportFile, String> {
    let forms: Vec<String> = ReportFormat::value_variants()
        .iter()
        .filter_map(ValueEnum::to_possible_value)
        .map(|v| v.get_name().to_owned())
        .collect();
    let wrong = || format!("expected a format and a file, such as html=report.html; formats are {}", forms.join(", "));
    let mut parts = text.as_bytes().splitn(2, |byte| *byte == b'=');
    let form = parts.next().and_then(|form| std::str::from_utf8(form).ok()).ok_or_else(wrong)?;
    let path = parts.next().filter(|path| !path.is_empty()).ok_or_else(wrong)?;
    Ok(ReportFile {
        form: ReportFormat::from_str(form, false).map_err(|_| wrong())?,
        path: OsStr::from_bytes(path).into(),
    })
}
