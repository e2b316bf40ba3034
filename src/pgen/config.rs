//! What a run is to do, resolved. It does not know the command line.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use chrono_tz::Tz;

use crate::cli::part_of_run::PartOfRun;
use crate::cli::values::Probability;
use crate::clock::Micros;
use crate::seed::Seed;
use crate::world::World;
use crate::world::curve::Curve;

/// What pgen is asked for.
#[derive(Debug)]
pub(super) enum Job {
    /// Print a shipped profile, to a file or to standard output.
    PrintProfile(&'static str, Option<PathBuf>),
    /// Write events.
    Generate(Box<Config>),
}

/// A run that writes events.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) workload: Workload,
    /// Which events to write, counted from 0. An endless run ends at `u64::MAX`.
    pub(super) range: Range<u64>,
    pub(super) threads: usize,
    /// The file to write; `None` is standard output.
    pub(super) output: Option<PathBuf>,
    /// The file for the record of what was written, if one is kept.
    pub(super) record: Option<PathBuf>,
    /// Which part of which run this is.
    pub(super) part: PartOfRun,
    /// The seed, for the record.
    pub(super) seed: u64,
    /// How often to report progress where it is not redrawn; `None` if `--every` is not given.
    pub(super) every: Option<Duration>,
    /// Show no progress.
    pub(super) quiet: bool,
    /// The flags that were not given and are needed to repeat this run; empty if there are none.
    pub(super) repeat: String,
}

/// Everything that decides the bytes of the events.
#[derive(Debug)]
pub struct Workload {
    /// What events are like.
    pub world: World,
    /// The root of every random choice.
    pub seed: Seed,
    /// The share of events whose response time, or whose fields with spikes, are multiplied.
    pub spikes: Probability,
    /// Traffic over the week.
    pub curve: Curve,
    /// The time zone of the curve.
    pub zone: Tz,
    /// When events happen.
    pub schedule: Schedule,
    /// How events are separated.
    pub layout: Layout,
}

/// When events happen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Schedule {
    /// A number of events, spread over a window.
    Window {
        /// How many.
        count: u64,
        /// The first moment that an event can have.
        start: Micros,
        /// The first moment after the window.
        end: Micros,
    },
    /// An endless stream.
    Endless {
        /// The first moment that an event can have.
        start: Micros,
        /// Events per second of event time, in the mean over a week.
        rate: f64,
    },
}

/// How events are separated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// One event per line.
    Lines,
    /// The elements of one array.
    Array,
}
