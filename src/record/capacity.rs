//! What `psend --find-rate` found (contracts §3): the highest rate that a server holds, and the steps that show it.

use serde::{Deserialize, Serialize};

use crate::cli::numbers::number;

/// The result of a search, in the run record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Capacity {
    /// What the server had to meet, as it was written, and what was added to it.
    pub conditions: Vec<String>,
    /// The highest rate that the server holds, in events per second. `None` if the search did not find it.
    pub rate: Option<f64>,
    /// The 95% interval of `rate`, in events per second. Without `limited_by` the search ended before it had narrowed the limit
    /// down, and these are a rate that was held in a step and one that was not.
    pub interval: Option<[f64; 2]>,
    /// A rate that the server holds: the lower end of the interval, or the highest rate that it held in a step.
    pub at_least: Option<f64>,
    /// The condition that is the first not to be met when the rate rises.
    pub limited_by: Option<String>,
    /// Why the search ended.
    pub ended: Ending,
    /// The same in words.
    pub why: String,
    /// How the server was after an overload. `None` if this was not tried.
    pub after_overload: Option<AfterOverload>,
    /// The steps, in the order in which they were made.
    pub steps: Vec<StepRecord>,
}

impl Capacity {
    /// The interval for people, with what it is.
    pub(crate) fn interval_in_words(&self) -> Option<String> {
        let [low, high] = self.interval.map(|ends| ends.map(number))?;
        Some(match self.limited_by {
            Some(_) => format!("95% interval: {low} to {high}/s"),
            None => format!("{low}/s was held, {high}/s was not"),
        })
    }
}

/// Why a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ending {
    /// The interval is narrow enough.
    Found,
    /// `--max-time` was over.
    MaxTime,
    /// psend was too slow, or had no CPU.
    Psend,
    /// The input came too slowly, or ended.
    Input,
    /// All senders waited for answers, although the server was not slower than at low rates.
    Concurrency,
    /// The server did not hold the lowest rate that was tried.
    HoldsNone,
    /// The server held the highest rate that was tried.
    HoldsAll,
    /// After a rate that was too high, the server did not hold lower ones again.
    NeverBack,
    /// The run ended early: by a signal, or because there was no server.
    Aborted,
}

/// How the server was after an overload, when the rate went down without a pause.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct AfterOverload {
    /// The rate of the overload, in events per second.
    pub overload: f64,
    /// The highest rate that was tried afterwards.
    pub tried: f64,
    /// The highest of the rates tried that it held again. `None` if it held none.
    pub held: Option<f64>,
    /// How long it took until the figures at this rate were good, in seconds.
    pub seconds: Option<f64>,
    /// Whether it holds less after an overload than before.
    pub hysteresis: bool,
}

/// A step of a search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StepRecord {
    /// Its number, from 1, which outcomes have too.
    pub step: u32,
    /// What it was for: up, narrow, back, over, down.
    pub phase: String,
    /// Events per second.
    pub rate: f64,
    /// When it began, in seconds after the first event was due.
    pub began_s: f64,
    /// The time at its beginning that is left out of its figures, in seconds.
    pub left_out_s: f64,
    /// The time that its figures are of, in seconds.
    pub seconds: f64,
    /// Whether its figures were steady.
    pub steady: bool,
    /// Events due within that time.
    pub events: u64,
    /// Of these, the ones without an outcome when the step was judged.
    pub open: u64,
    /// The share that was neither accepted nor a duplicate.
    pub error_rate: Option<f64>,
    /// From when an event was due until it ended.
    pub end_to_end: Quantiles,
    /// The last attempt.
    pub latency: Quantiles,
    /// The share of events that were sent late, for whatever cause.
    pub late_share: Option<f64>,
    /// What the step showed.
    pub verdict: StepVerdict,
}

/// Quantiles of a latency, in milliseconds. `None` without any.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Quantiles {
    pub p50_ms: Option<f64>,
    pub p95_ms: Option<f64>,
    pub p99_ms: Option<f64>,
}

/// What a step showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StepVerdict {
    /// The server met all conditions.
    Held,
    /// It did not.
    NotHeld,
    /// The rate did not come about because of psend or its computer.
    Psend,
    /// The rate did not come about because of the input.
    Input,
    /// The rate did not come about because of `--concurrency`.
    Concurrency,
}

impl StepVerdict {
    /// The word in the record, with blanks.
    pub(crate) fn in_words(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::NotHeld => "not held",
            Self::Psend => "psend too slow",
            Self::Input => "input too slow",
            Self::Concurrency => "--concurrency reached",
        }
    }
}
