//! pgen's command line, as typed and as resolved.

use std::path::PathBuf;
use std::time::Duration;

use chrono_tz::Tz;
use clap::{Parser, ValueEnum};

use crate::cli::values::{Count, Moment, Probability, Span};
use crate::clock::Micros;
use crate::error::{Error, Result};
use crate::record::timestamp;
use crate::seed;

/// Writes realistic API events as JSON Lines: the same bytes for the same seed, flags and start.
#[derive(Debug, Parser)]
#[command(name = "pgen", version, max_term_width = 100, allow_negative_numbers = true)]
pub struct Args {
    /// How many events: 500, 10k, 1m
    #[arg(short = 'n', long, value_name = "N", default_value = "10k")]
    count: Count,

    /// Write to FILE, which appears when it is whole; - is standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// One event a line, or one array
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,

    /// How many hours the events are spread over
    #[arg(long, value_name = "H", default_value = "24", value_parser = hours)]
    hours: Micros,

    /// When the first hour begins: an RFC 3339 time, or now [default: so that the last hour ends now]
    #[arg(long, value_name = "TIME")]
    start: Option<Moment>,

    /// Fixes every random choice [default: drawn, and named on stderr]
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,

    /// The share of events whose response time is multiplied by 2 to 10: 0.05 or 5%
    #[arg(long, value_name = "P", default_value_t = Probability::ZERO)]
    spikes: Probability,

    /// Whose clock business hours go by, such as Europe/Berlin
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = zone)]
    tz: Tz,

    /// Where stderr is no terminal, report progress this often
    #[arg(long, value_name = "TIME", default_value = "15s")]
    every: Span,

    /// No progress line (the seed and start of a run that was given none are still named)
    #[arg(short, long)]
    quiet: bool,
}

/// How events are set apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One a line
    Jsonl,
    /// The elements of an array
    Json,
}

/// What a run is to do.
#[derive(Debug)]
pub struct Config {
    /// How many events.
    pub count: u64,
    /// Where to; standard output where there is none.
    pub output: Option<PathBuf>,
    /// How they are set apart.
    pub format: Format,
    /// The first moment that an event can have.
    pub start: Micros,
    /// The first moment after the events.
    pub end: Micros,
    /// Fixes every random choice.
    pub seed: u64,
    /// The share of spikes.
    pub spikes: Probability,
    /// Whose clock the curve goes by.
    pub zone: Tz,
    /// How often progress is reported where nobody looks.
    pub every: Duration,
    /// Whether it is not.
    pub quiet: bool,
    /// The flags that repeat this run and were not given.
    pub repeat: Option<String>,
}

impl Args {
    /// Fills in what was left open, by the clock and by chance.
    ///
    /// # Errors
    /// What cannot be is a usage error.
    pub fn resolve(self, now: Micros) -> Result<Config> {
        let start = self.start.map_or_else(|| now - self.hours, |start| start.resolve(now));
        let end = start.checked_add(self.hours).filter(|end| (FIRST..=LAST).contains(end) && start >= FIRST);
        let end = end.ok_or_else(|| Error::usage("--start, --hours: events have years from 1 to 9999"))?;
        let seed = self.seed.unwrap_or_else(seed::draw);
        let drawn = self.seed.is_none().then(|| format!("--seed {seed}"));
        let read =
            (!matches!(self.start, Some(Moment::At(_)))).then(|| format!("--start {}", timestamp::format(start)));
        let repeat: Vec<String> = drawn.into_iter().chain(read).collect();
        Ok(Config {
            count: self.count.0,
            output: self.output,
            format: self.format,
            start,
            end,
            seed,
            spikes: self.spikes,
            zone: self.tz,
            every: self.every.0,
            quiet: self.quiet,
            repeat: (!repeat.is_empty()).then(|| repeat.join(" ")),
        })
    }
}

/// The years 1 to 9999.
const FIRST: Micros = -62_135_596_800_000_000;
const LAST: Micros = 253_402_300_800_000_000;

fn hours(text: &str) -> Result<Micros, String> {
    const HOUR: f64 = 3_600_000_000.0;
    let hours = text.strip_suffix('h').unwrap_or(text).parse::<f64>().ok();
    // Up to 10,000 years are exact to the microsecond.
    #[allow(clippy::cast_possible_truncation)]
    let micros = hours.filter(|h| h.is_finite() && *h > 0.0 && *h <= 88e6).map(|h| (h * HOUR).round() as Micros);
    micros.filter(|m| *m > 0).ok_or_else(|| "a number of hours above 0 is wanted, such as 24, 168 or 0.5".to_owned())
}

fn zone(text: &str) -> Result<Tz, String> {
    text.parse().map_err(|_| "the name of a time zone is wanted, such as UTC or Europe/Berlin".to_owned())
}
