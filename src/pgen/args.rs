//! pgen's command line, as typed and as resolved.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono_tz::Tz;
use clap::{Parser, ValueEnum};

use crate::cli::values::{self, Count, Moment, Probability, Rate, Shard, Span};
use crate::clock::{FIRST, LAST, Micros};
use crate::error::{Error, Result};
use crate::record::timestamp;
use crate::seed;
use crate::world::curve::CurveChoice;

/// Writes realistic API events as JSON Lines: the same bytes for the same seed, flags and start.
#[derive(Debug, Parser)]
#[command(name = "pgen", version, max_term_width = 100, args_override_self = true)]
pub struct Args {
    /// How many events: 500, 10k, 1m, or inf for no end
    #[arg(short = 'n', long, value_name = "N", default_value = "10k")]
    count: Amount,

    /// Write to FILE, which appears when it is whole; - is standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// One event a line, or one array
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,

    /// Over how many hours the events are spread [default: 24]
    #[arg(long, value_name = "H", value_parser = values::hours)]
    hours: Option<Micros>,

    /// When they begin: an RFC 3339 time, or now [default: so that they end now]
    #[arg(long, value_name = "TIME")]
    start: Option<Moment>,

    /// When they end
    #[arg(long, value_name = "TIME")]
    end: Option<Moment>,

    /// With --count inf: events a second of event time, such as 500 or 300/1m
    #[arg(long, value_name = "RATE")]
    event_rate: Option<Rate>,

    /// Fixes every random choice [default: drawn, and named on stderr]
    #[arg(long, value_name = "NUMBER", value_parser = values::seed)]
    seed: Option<u64>,

    /// The share of events whose response time is multiplied by 2 to 10: 0.05 or 5%
    #[arg(long, value_name = "P", default_value_t = Probability::ZERO)]
    spikes: Probability,

    /// Traffic over the week: business, flat, diurnal, follow-the-sun, or a FILE of 24 × 7 weights [default: business]
    #[arg(long, value_name = "CURVE", value_parser = curve)]
    curve: Option<CurveChoice>,

    /// Whose clock the curve goes by, such as Europe/Berlin
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = zone)]
    tz: Tz,

    /// The world: services, figures, places [default: PulseStream's]
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,

    /// Print the built-in profile, with its comments, and end
    #[arg(long, conflicts_with_all = [
        "count", "format", "hours", "start", "end", "event_rate", "seed", "spikes", "curve", "tz", "profile", "shard", "skip",
        "threads", "every", "quiet",
    ])]
    print_profile: bool,

    /// Write only part I of N; all parts in order are the whole. auto reads the environment of Kubernetes or Slurm
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,

    /// Leave out the first K events, without making them
    #[arg(long, value_name = "K", default_value = "0")]
    skip: Count,

    /// How many threads; the bytes are the same [default: one for each core]
    #[arg(long, value_name = "N", value_parser = threads)]
    threads: Option<usize>,

    /// Where stderr is no terminal, report progress this often
    #[arg(long, value_name = "TIME", default_value = "15s")]
    every: Span,

    /// No progress line (the seed and start of a run that was given none are still named)
    #[arg(short, long)]
    quiet: bool,
}

/// `--count`.
#[derive(Debug, Clone, Copy)]
enum Amount {
    Events(u64),
    Endless,
}

impl std::str::FromStr for Amount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "inf" {
            return Ok(Self::Endless);
        }
        // An event's number has to fit what JSON readers hold whole numbers in.
        let count = text.parse::<Count>()?.0;
        if count <= 1 << 53 { Ok(Self::Events(count)) } else { Err("2^53 events are the most".to_owned()) }
    }
}

/// How events are set apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One a line
    Jsonl,
    /// The elements of an array
    Json,
}

/// What to do.
#[derive(Debug)]
pub enum Job {
    /// Print the built-in profile, to a file or to standard output.
    PrintProfile(Option<PathBuf>),
    /// Make events.
    Generate(Config),
}

/// What a run is to do.
#[derive(Debug)]
pub struct Config {
    /// When the events happen.
    pub time: Time,
    /// Which of them are written, counted from 0.
    pub range: Range<u64>,
    /// Where to; standard output where there is none.
    pub output: Option<PathBuf>,
    /// How they are set apart.
    pub format: Format,
    /// Fixes every random choice.
    pub seed: u64,
    /// The share of spikes.
    pub spikes: Probability,
    /// Traffic over the week; the profile's where there is none.
    pub curve: Option<CurveChoice>,
    /// Whose clock the curve goes by.
    pub zone: Tz,
    /// The world; the built-in one where there is none.
    pub profile: Option<PathBuf>,
    /// How many threads.
    pub threads: usize,
    /// How often progress is reported where nobody looks.
    pub every: Duration,
    /// Whether it is not.
    pub quiet: bool,
    /// The flags that repeat this run and were not given; empty where all were.
    pub repeat: String,
}

/// When events happen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Time {
    /// So many from `start` to `end` (excluded).
    Window {
        /// How many.
        count: u64,
        /// The first moment that an event can have.
        start: Micros,
        /// The first that it cannot.
        end: Micros,
    },
    /// From `start` on for ever.
    Endless {
        /// The first moment that an event can have.
        start: Micros,
        /// Events a second of event time.
        rate: f64,
    },
}

impl Args {
    /// Fills in what was left open, by the clock and by chance.
    ///
    /// # Errors
    /// What cannot be is a usage error.
    pub fn resolve(self, now: Micros, cores: usize) -> Result<Job> {
        if self.print_profile {
            return Ok(Job::PrintProfile(self.output));
        }
        if self.profile.as_deref() == Some(Path::new("-")) && self.curve == Some(CurveChoice::File("-".into())) {
            return Err(Error::usage("--profile and --curve: standard input cannot be both"));
        }
        let time = self.time(now)?;
        let range = self.range()?;
        let seed = self.seed.unwrap_or_else(seed::draw);
        Ok(Job::Generate(Config {
            time,
            range,
            repeat: self.repeat(time, seed),
            output: self.output,
            format: self.format,
            seed,
            spikes: self.spikes,
            curve: self.curve,
            zone: self.tz,
            profile: self.profile,
            threads: self.threads.unwrap_or(cores),
            every: self.every.0,
            quiet: self.quiet,
        }))
    }

    fn time(&self, now: Micros) -> Result<Time> {
        const DAY: Micros = 86_400_000_000;
        let (start, end) = (self.start.map(|at| at.resolve(now)), self.end.map(|at| at.resolve(now)));
        let count = match self.count {
            Amount::Events(_) if self.event_rate.is_some() => {
                return Err(Error::usage("--event-rate goes with --count inf: a count spreads over --hours"));
            }
            Amount::Events(count) => count,
            Amount::Endless => {
                if self.hours.is_some() || self.end.is_some() {
                    return Err(Error::usage("--count inf has no end: leave --hours and --end out"));
                }
                let rate = self.event_rate.ok_or_else(|| {
                    Error::usage("--count inf needs --event-rate: how many events a second of event time, such as 500")
                })?;
                // Above that a week would have more cells than their numbers can tell apart.
                if rate.per_second() > 1e9 {
                    return Err(Error::usage("--event-rate: 1000000000 events a second are the most"));
                }
                return Ok(Time::Endless { start: in_years(start.unwrap_or(now))?, rate: rate.per_second() });
            }
        };
        let hours = self.hours.unwrap_or(DAY);
        let (start, end) = match (start, end) {
            (Some(_), Some(_)) if self.hours.is_some() => {
                return Err(Error::usage("--start, --end and --hours: two of them are enough"));
            }
            (Some(start), Some(end)) if end <= start => {
                let (start, end) = (timestamp::format(start), timestamp::format(end));
                return Err(Error::usage(format!("--end {end} is not after --start {start}")));
            }
            (Some(start), Some(end)) => (start, end),
            (Some(start), None) => (start, start.saturating_add(hours)),
            (None, end) => {
                let end = end.unwrap_or(now);
                (end.saturating_sub(hours), end)
            }
        };
        Ok(Time::Window { count, start: in_years(start)?, end: in_years(end)? })
    }

    fn range(&self) -> Result<Range<u64>> {
        let skip = self.skip.0;
        let Amount::Events(count) = self.count else {
            return match self.shard {
                Some(_) => Err(Error::usage("--shard divides a --count: inf has no parts")),
                None => Ok(skip..u64::MAX),
            };
        };
        let Some(shard) = self.shard else { return Ok(skip.min(count)..count) };
        if self.format == Format::Json {
            return Err(Error::usage("--shard writes lines: parts of an array are no arrays"));
        }
        if self.seed.is_none() || !matches!(self.start, Some(Moment::At(_))) {
            return Err(Error::usage("--shard needs --seed and --start, so that all parts are of one whole"));
        }
        let upto = |parts: u64| {
            u64::try_from(u128::from(count) * u128::from(parts) / u128::from(shard.count)).unwrap_or(count)
        };
        let (from, to) = (upto(shard.index - 1), upto(shard.index));
        Ok(from.saturating_add(skip).min(to)..to)
    }

    /// The flags to paste behind the ones given (later ones win) that make the run the same again.
    fn repeat(&self, time: Time, seed: u64) -> String {
        let mut flags = Vec::new();
        if self.seed.is_none() {
            flags.push(format!("--seed {seed}"));
        }
        let fixed = |moment: Option<Moment>| matches!(moment, Some(Moment::At(_)));
        match time {
            Time::Window { end, .. } if self.end.is_some() && !fixed(self.end) => {
                flags.push(format!("--end {}", timestamp::format(end)));
            }
            _ => {}
        }
        let (Time::Window { start, .. } | Time::Endless { start, .. }) = time;
        if self.start.is_some() && !fixed(self.start) || self.start.is_none() && self.end.is_none() {
            flags.push(format!("--start {}", timestamp::format(start)));
        }
        flags.join(" ")
    }
}

fn in_years(at: Micros) -> Result<Micros> {
    if (FIRST..=LAST).contains(&at) {
        Ok(at)
    } else {
        Err(Error::usage("--start, --end, --hours: events have years from 1 to 9999"))
    }
}

/// A curve; `-` is standard input, which pgen has no other use for.
fn curve(text: &str) -> Result<CurveChoice, String> {
    if text == "-" { Ok(CurveChoice::File(text.into())) } else { text.parse() }
}

fn threads(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| *n > 0).ok_or_else(|| "a number of threads from 1 on is wanted".to_owned())
}

fn zone(text: &str) -> Result<Tz, String> {
    text.parse().map_err(|_| "the name of a time zone is wanted, such as UTC or Europe/Berlin".to_owned())
}
