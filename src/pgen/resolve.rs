//! From the command line to a [`Job`]: fills in defaults, reads profile and curve, refuses flags that contradict each other.

use std::ops::Range;
use std::path::Path;

use super::args::{Amount, Args, DEFAULT_HOURS, Format};
use super::arrivals::STRETCH;
use super::config::{Config, Job, Layout, Schedule, Workload};
use crate::cli::part_of_run::PartOfRun;
use crate::cli::values::Moment;
use crate::clock::{FIRST, LAST, Micros};
use crate::error::{Error, Result};
use crate::seed::{self, Seed};
use crate::time;
use crate::world::World;
use crate::world::curve::{CurveChoice, NamedCurve};
use crate::world::shipped;

const HOUR: Micros = 3_600_000_000;

/// More cells than a week's numbers can tell apart would be needed above this rate.
const MOST_PER_SECOND: f64 = 1e9;

/// Resolves the flags, given the current time and the number of cores.
///
/// # Errors
/// A usage error that names the flag, or the file and line.
pub(super) fn resolve(args: Args, now: Micros, cores: usize) -> Result<Job> {
    if let Some(name) = &args.print_profile {
        let shipped = shipped::named(name)
            .ok_or_else(|| Error::usage(format!("--print-profile: '{name}': expected one of {}", shipped::names())))?;
        return Ok(Job::PrintProfile(shipped.text, args.output));
    }
    if args.profile.as_deref() == Some(Path::new("-")) && args.curve == CurveChoice::File("-".into()) {
        return Err(Error::usage("--profile and --curve: only one of them can read standard input"));
    }
    let schedule = schedule(&args, now)?;
    let range = range(&args)?;
    let seed = args.seed.unwrap_or_else(seed::draw);
    let repeat = repeat(&args, schedule, seed);
    let world = match &args.profile {
        Some(path) => World::load(path)?,
        None => World::built_in(),
    };
    let curve = match &args.curve {
        // The profile says what its business hours are.
        CurveChoice::Named(NamedCurve::Business) => world.business_curve(),
        choice => choice.load()?,
    };
    let layout = match args.format {
        Format::Jsonl => Layout::Lines,
        Format::Json => Layout::Array,
    };
    let (spikes, zone) = (args.spikes, args.tz);
    Ok(Job::Generate(Box::new(Config {
        workload: Workload { world, seed: Seed::new(seed), spikes, curve, zone, schedule, layout },
        part: PartOfRun::resolve(args.run_id, args.shard)?,
        record: args.record,
        seed,
        range,
        threads: args.threads.unwrap_or(cores),
        output: args.output,
        every: args.every.map(|every| every.0),
        quiet: args.quiet,
        repeat,
    })))
}

fn schedule(args: &Args, now: Micros) -> Result<Schedule> {
    let (start, end) = (args.start.map(|at| at.resolve(now)), args.end.map(|at| at.resolve(now)));
    match args.count {
        Amount::Events(_) if args.event_rate.is_some() => {
            Err(Error::usage("--event-rate goes with --count inf; a number of events is spread over --hours"))
        }
        Amount::Events(count) => {
            let (start, end) = window(args, start, end, now)?;
            Ok(Schedule::Window { count, start, end })
        }
        Amount::Endless => endless(args, start.unwrap_or(now)),
    }
}

fn endless(args: &Args, start: Micros) -> Result<Schedule> {
    if args.hours.is_some() || args.end.is_some() {
        return Err(Error::usage("--count inf has no end: leave out --hours and --end"));
    }
    let rate = args
        .event_rate
        .ok_or_else(|| Error::usage("--count inf needs --event-rate: events per second of event time, such as 500"))?;
    if rate.per_second() > MOST_PER_SECOND {
        return Err(Error::usage(format!("--event-rate: expected at most {MOST_PER_SECOND} events per second")));
    }
    let start = within_calendar(start)?;
    if start > LAST - STRETCH {
        let (start, last) = (time::format(start), time::format(LAST - STRETCH));
        return Err(Error::usage(format!("--start {start}: expected {last} or earlier for an endless run")));
    }
    Ok(Schedule::Endless { start, rate: rate.per_second() })
}

fn window(args: &Args, start: Option<Micros>, end: Option<Micros>, now: Micros) -> Result<(Micros, Micros)> {
    let hours = args.hours.unwrap_or(DEFAULT_HOURS * HOUR);
    let (start, end) = match (start, end) {
        (Some(_), Some(_)) if args.hours.is_some() => {
            return Err(Error::usage("--start, --end and --hours: give at most two of them"));
        }
        (Some(start), Some(end)) if end <= start => {
            let (start, end) = (time::format(start), time::format(end));
            return Err(Error::usage(format!("--end {end} is not after --start {start}")));
        }
        (Some(start), Some(end)) => (start, end),
        (Some(start), None) => (start, start.saturating_add(hours)),
        (None, end) => {
            let end = end.unwrap_or(now);
            (end.saturating_sub(hours), end)
        }
    };
    Ok((within_calendar(start)?, within_calendar(end)?))
}

fn within_calendar(at: Micros) -> Result<Micros> {
    if (FIRST..=LAST).contains(&at) {
        Ok(at)
    } else {
        Err(Error::usage("--start, --end, --hours: expected years from 1 to 9999"))
    }
}

fn range(args: &Args) -> Result<Range<u64>> {
    let skip = args.skip.0;
    let Amount::Events(count) = args.count else {
        return match args.shard {
            Some(_) => Err(Error::usage("--shard needs a --count other than inf: an endless run has no parts")),
            None => Ok(skip..u64::MAX),
        };
    };
    let Some(shard) = args.shard else { return Ok(skip.min(count)..count) };
    if args.format == Format::Json {
        return Err(Error::usage("--shard needs --format jsonl: part of an array is not valid JSON"));
    }
    if args.seed.is_none() || !matches!(args.start, Some(Moment::At(_))) {
        return Err(Error::usage("--shard needs --seed and --start, so that all parts belong to the same run"));
    }
    let upto =
        |parts: u64| u64::try_from(u128::from(count) * u128::from(parts) / u128::from(shard.count)).unwrap_or(count);
    let (from, to) = (upto(shard.index - 1), upto(shard.index));
    Ok(from.saturating_add(skip).min(to)..to)
}

/// The flags that, pasted behind those given, make the run the same again: a later flag wins.
fn repeat(args: &Args, schedule: Schedule, seed: u64) -> String {
    let mut flags = Vec::new();
    if args.seed.is_none() {
        flags.push(format!("--seed {seed}"));
    }
    let is_fixed = |moment: Option<Moment>| matches!(moment, Some(Moment::At(_)));
    match schedule {
        Schedule::Window { end, .. } if args.end.is_some() && !is_fixed(args.end) => {
            flags.push(format!("--end {}", time::format(end)));
        }
        _ => {}
    }
    let (Schedule::Window { start, .. } | Schedule::Endless { start, .. }) = schedule;
    if args.start.is_some() && !is_fixed(args.start) || args.start.is_none() && args.end.is_none() {
        flags.push(format!("--start {}", time::format(start)));
    }
    flags.join(" ")
}
