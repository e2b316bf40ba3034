//! From what is counted to the numbers of a report: shares, and the units that stand in the names of keys.

use crate::clock::Micros;
use crate::pstats::figures;

/// `part` of `whole`, 0 to 1; `None` of nothing.
#[allow(clippy::cast_precision_loss)] // counts stay below 2^53
pub(in crate::pstats) fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Of µs.
#[allow(clippy::cast_precision_loss)]
pub(super) fn milliseconds(us: u64) -> f64 {
    us as f64 / 1000.0
}

/// Of µs.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn seconds(us: Micros) -> f64 {
    us as f64 / 1e6
}

/// Why there is no rate although there are lines.
pub(super) const NO_TIME_PASSED: &str = "no time passed between the first and the last";

/// Lines per second; `None` if no time passed between the first and the last.
pub(super) fn per_second(count: u64, range: Option<(Micros, Micros)>) -> Option<f64> {
    let (first, last) = range?;
    (last > first).then(|| figures::per_second(count, seconds(last - first)))
}
