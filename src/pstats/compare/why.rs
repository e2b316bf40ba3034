//! Why there is no verdict, in words.

use std::fmt;

use super::figure::Figure;
use crate::cli::numbers::{count, duration};

/// Why a difference cannot be judged at all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum NotJudged {
    /// Only a JSON report is known of a run that stands alone.
    NoWindows,
    /// A group of runs that stand alone.
    GroupOfOneRun,
    /// `end_to_end` of runs that stand alone.
    EndToEndOfOneRun,
    /// A run that stands alone has so few windows, of this width in seconds.
    FewWindows { windows: usize, width_s: f64 },
    /// Neighbouring windows depend on each other for too long.
    FewBlocks,
    /// Too few latencies lie beyond the quantile.
    FewBeyond,
    /// A latency or a throughput of 0 has no ratio.
    Zero,
    /// One run on one side, two on the other.
    TwoRuns,
    /// So many of the figure's values could not be read that the difference may be larger than the tolerance.
    Unread(Figure),
}

impl fmt::Display for NotJudged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoWindows => f.write_str(
                "one run each, and a JSON report does not have what blocks of time need: give states, or several runs a side",
            ),
            Self::GroupOfOneRun => {
                f.write_str("one run each, and windows are of the whole run only: a group needs several runs a side")
            }
            Self::EndToEndOfOneRun => {
                f.write_str("one run each, and windows do not have end_to_end: it needs several runs a side")
            }
            Self::FewWindows { windows, width_s } => write!(
                f,
                "one run each, with {} windows of {}: 30 are needed; make the states with a shorter --window, or give longer runs \
                 or several a side",
                count(*windows as u64),
                duration(*width_s)
            ),
            Self::FewBlocks => f.write_str(
                "one run each, in which neighbouring windows depend on each other for too long: give longer runs, or several a side",
            ),
            Self::FewBeyond => {
                f.write_str("one run each, with too few latencies beyond the quantile: give longer runs, or several a side")
            }
            Self::Zero => f.write_str("a run has a figure of 0, which has no ratio"),
            Self::Unread(Figure::Latency(..)) => f.write_str(
                "more latencies could not be read than the tolerance allows, and they count neither as short nor as long",
            ),
            Self::Unread(_) => f.write_str(
                "more statuses could not be read than the tolerance allows, and they count neither as successes nor as errors",
            ),
            Self::TwoRuns => f.write_str("one run against two: give three runs a side"),
        }
    }
}
