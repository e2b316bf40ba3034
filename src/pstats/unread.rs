//! Events and outcomes of which a status or a latency could not be read, such as "ECONNREFUSED". Such a line has no part in the
//! figures that are made of it, so they may look better than they are. A verdict has to hold whatever these values were.

use serde_json::Value;

use crate::pstats::input::Flaws;
use crate::pstats::line_kind::LineKind;

/// How many values of one kind of line could not be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct UnreadValues {
    pub(super) statuses: u64,
    pub(super) latencies: u64,
}

impl UnreadValues {
    /// Of lines that were counted, of which `unrated` need a status to say that they succeeded or failed, and do not say it.
    pub(super) fn counted(unrated: u64, flaws: &Flaws) -> Self {
        Self {
            statuses: unrated.saturating_sub(flaws.status_missing),
            latencies: flaws.latency_invalid + flaws.latency_negative,
        }
    }

    /// Of one kind of line of a JSON report. What an older version does not say is taken for none.
    pub(super) fn reported(report: &Value, kind: LineKind) -> Self {
        let lines = &report[kind.key()];
        let fields = match kind {
            LineKind::Events => &report["input"]["event_fields"],
            LineKind::Outcomes => &report["input"]["outcome_fields"],
        };
        let statuses = || match kind {
            LineKind::Events => {
                let unrated = lines["count"].as_u64()?.saturating_sub(lines["rated"].as_u64()?);
                Some(unrated.saturating_sub(fields["status_missing"].as_u64()?))
            }
            // The word of an outcome says whether it is a success.
            LineKind::Outcomes => None,
        };
        let latencies = || Some(fields["latency_invalid"].as_u64()? + fields["latency_negative"].as_u64()?);
        Self { statuses: statuses().unwrap_or(0), latencies: latencies().unwrap_or(0) }
    }

    /// The most of them that may be in a part of the lines, which does not say which of its lines have no such value at all. So many
    /// lines of the part are rated, and so many have a latency.
    pub(super) fn within(self, count: u64, rated: u64, latencies: u64) -> Self {
        Self {
            statuses: self.statuses.min(count.saturating_sub(rated)),
            latencies: self.latencies.min(count.saturating_sub(latencies)),
        }
    }

    /// The same of a part of a JSON report. An older version does not say how many lines are rated: then all are.
    pub(super) fn within_reported(self, part: &Value) -> Self {
        let count = part["count"].as_u64().unwrap_or(0);
        self.within(count, part["rated"].as_u64().unwrap_or(count), part["latency"]["count"].as_u64().unwrap_or(0))
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.statuses += other.statuses;
        self.latencies += other.latencies;
    }
}

/// The quantiles that a report has, in order.
const QUANTILES: [(&str, f64); 7] = [
    ("p50_ms", 0.5),
    ("p90_ms", 0.9),
    ("p95_ms", 0.95),
    ("p99_ms", 0.99),
    ("p999_ms", 0.999),
    ("p9999_ms", 0.9999),
    ("max_ms", 1.0),
];

/// What the mean of the latencies that were read is, if all unread ones were 0, and if one was longer than any.
pub(super) fn mean_ends(mean: f64, read: f64, unread: f64) -> [f64; 2] {
    [mean * read / (read + unread), f64::INFINITY]
}

/// What a figure of a report's `latency` is, in ms, if all of the `unread` latencies beside it were 0, and if all were longer than
/// any. The most may be infinite. A quantile between two of the report's is taken as the one further out. `None` if it is not
/// a latency, or nothing could be read.
#[allow(clippy::cast_precision_loss)] // counts stay below 2^53
pub(super) fn reported_ends(latency: &Value, unread: u64, name: &str) -> Option<[f64; 2]> {
    let value = |name: &str| latency[name].as_f64();
    let (read, unread) = (latency["count"].as_f64()?, unread as f64);
    match name {
        "mean_ms" => Some(mean_ends(value(name).unwrap_or(0.0), read, unread)),
        "max_ms" => Some([value(name).unwrap_or(0.0), f64::INFINITY]),
        _ => {
            let (_, share) = QUANTILES.iter().find(|(quantile, _)| *quantile == name)?;
            let all = read + unread;
            let (low, high) = ((share * all - unread) / read, share * all / read);
            let below = QUANTILES.iter().rev().find(|(_, share)| *share <= low);
            let above = QUANTILES.iter().find(|(_, share)| *share >= high);
            Some([
                below.and_then(|(quantile, _)| value(quantile)).unwrap_or(0.0),
                above.and_then(|(quantile, _)| value(quantile)).unwrap_or(f64::INFINITY),
            ])
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_quantile_is_between_what_it_is_with_all_unread_latencies_as_0_and_as_the_longest() {
        let latency = json!({"count": 90, "mean_ms": 10.0, "p50_ms": 8.0, "p90_ms": 20.0, "p95_ms": 30.0, "p99_ms": 40.0,
            "p999_ms": 50.0, "p9999_ms": 60.0, "max_ms": 70.0});
        let of = |name: &str| reported_ends(&latency, 10, name);
        // The 50th of 100 is the 40th to the 50th of the 90 that were read.
        assert_eq!(of("p50_ms"), Some([0.0, 20.0]));
        assert_eq!(of("p90_ms"), Some([8.0, 70.0]));
        assert_eq!(of("p95_ms"), Some([20.0, f64::INFINITY]));
        assert_eq!(of("mean_ms"), Some([9.0, f64::INFINITY]));
        assert_eq!(of("max_ms"), Some([70.0, f64::INFINITY]));
        assert_eq!(of("count"), None);
    }
}
