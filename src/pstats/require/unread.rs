//! Figures of events of which some have a status or a latency that could not be read, such as "ECONNREFUSED". Such an event has no
//! part in the figure, so a figure of the others may look better than it is. A requirement has to hold whatever these were.

use serde_json::Value;

use crate::cli::numbers::{count, counted};
use crate::pstats::compare::unread_statuses;

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

/// What could not be read.
#[derive(Debug, Clone, Copy, PartialEq)]
enum What {
    Status,
    Latency,
}

/// What a figure may be, if some of the values that it is made of could not be read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Unread {
    what: What,
    /// How many could not be read, at most.
    pub(super) values: u64,
    /// The least and the most that the figure may be. The most of a latency may be infinite.
    pub(super) ends: [f64; 2],
}

impl Unread {
    /// Of the figure with these names in `part`, which is a report's events or a group of them. `None` if all values could be read.
    pub(super) fn of(report: &Value, part: &Value, names: &[String]) -> Option<Self> {
        match names {
            [.., around, name] if around == "latency" => Self::of_latency(report, part, name),
            [.., name] if matches!(&**name, "success_rate" | "error_rate") => Self::of_rate(report, part, name),
            _ => None,
        }
    }

    #[allow(clippy::cast_precision_loss)] // counts stay below 2^53
    fn of_rate(report: &Value, part: &Value, name: &str) -> Option<Self> {
        let rated = part["rated"].as_u64()?;
        // A group does not say which of its events have no status at all.
        let statuses = unread_statuses(report)?.min(part["count"].as_u64()?.saturating_sub(rated));
        let rated = rated as f64;
        let all = rated + statuses as f64;
        let counted = part[name].as_f64().unwrap_or(0.0) * rated;
        let ends = [counted / all, (counted + statuses as f64) / all];
        (statuses > 0).then_some(Self { what: What::Status, values: statuses, ends })
    }

    /// Between what it is if all unread latencies were 0 and if all were longer than any. A quantile between two of the report's is
    /// taken as the one further out.
    #[allow(clippy::cast_precision_loss)] // counts stay below 2^53
    fn of_latency(report: &Value, part: &Value, name: &str) -> Option<Self> {
        let fields = &report["input"]["event_fields"];
        let unread = fields["latency_invalid"].as_u64()? + fields["latency_negative"].as_u64()?;
        let latency = &part["latency"];
        let read = latency["count"].as_u64()?;
        // A group does not say which of its events have no latency at all.
        let values = unread.min(part["count"].as_u64()?.saturating_sub(read));
        let (read, all) = (read as f64, (read + values) as f64);
        let ends =
            if let Some((_, share)) = QUANTILES.iter().find(|(quantile, share)| *quantile == name && *share < 1.0) {
                let value = |quantile: &str| latency[quantile].as_f64();
                let (low, high) = ((share * all - values as f64) / read, share * all / read);
                let below = QUANTILES.iter().rev().find(|(_, share)| *share <= low);
                let above = QUANTILES.iter().find(|(_, share)| *share >= high);
                [
                    below.and_then(|(quantile, _)| value(quantile)).unwrap_or(0.0),
                    above.and_then(|(quantile, _)| value(quantile)).unwrap_or(f64::INFINITY),
                ]
            } else {
                match name {
                    "mean_ms" => [latency[name].as_f64().unwrap_or(0.0) * read / all, f64::INFINITY],
                    "max_ms" => [latency[name].as_f64().unwrap_or(0.0), f64::INFINITY],
                    _ => return None,
                }
            };
        (values > 0).then_some(Self { what: What::Latency, values, ends })
    }

    /// Why a verdict on the figure cannot be told: what it may be at this end, which `words` says.
    pub(super) fn why(&self, end: f64, words: &str) -> String {
        let have = if self.values == 1 { "has" } else { "have" };
        let what = match self.what {
            What::Status => "status",
            What::Latency => "latency",
        };
        let may_be = if end.is_finite() { words } else { "of any length" };
        format!(
            "{} {have} a {what} that could not be read, so it may be {may_be}",
            counted(self.values, "event", "events")
        )
    }

    /// Why the figure is not known, where nothing could be read.
    pub(super) fn nothing_read(&self) -> String {
        let what = match self.what {
            What::Status => "statuses",
            What::Latency => "latencies",
        };
        format!("none of {} {what} could be read", count(self.values))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_rate_is_between_what_it_is_with_all_unread_statuses_as_errors_and_as_successes() {
        let group = json!({"count": 10, "rated": 5, "success_rate": 1.0});
        let report = json!({"input": {"event_fields": {"status_missing": 10}},
            "events": {"count": 110, "rated": 20, "success_rate": 0.5, "error_rate": 0.5, "by": {"service": [group]}}});
        let events = &report["events"];
        let all = Unread::of(&report, events, &["success_rate".to_owned()]).expect("80 are unread");
        assert_eq!((all.values, all.ends), (80, [0.1, 0.9]));
        assert_eq!(Unread::of(&report, events, &["error_rate".to_owned()]), Some(all));
        // A group has no more of them than events that are not rated.
        let some = Unread::of(&report, &events["by"]["service"][0], &["success_rate".to_owned()]).expect("5 at most");
        assert_eq!((some.values, some.ends), (5, [0.5, 1.0]));
        assert_eq!(Unread::of(&report, events, &["throughput".to_owned()]), None);
        let read = json!({"input": {"event_fields": {"status_missing": 1}}, "events": {"count": 3, "rated": 2, "error_rate": 0.0}});
        assert_eq!(Unread::of(&read, &read["events"], &["error_rate".to_owned()]), None);
    }
    #[test]
    fn a_quantile_is_between_what_it_is_with_all_unread_latencies_as_0_and_as_the_longest() {
        let latency = json!({"count": 90, "mean_ms": 10.0, "p50_ms": 8.0, "p90_ms": 20.0, "p95_ms": 30.0, "p99_ms": 40.0,
            "p999_ms": 50.0, "p9999_ms": 60.0, "max_ms": 70.0});
        let report = json!({"input": {"event_fields": {"latency_invalid": 6, "latency_negative": 4}},
            "events": {"count": 120, "latency": latency}});
        let of = |name: &str| {
            let names = ["latency".to_owned(), name.to_owned()];
            Unread::of(&report, &report["events"], &names).map(|unread| unread.ends)
        };
        // The 50th of 100 is the 40th to the 50th of the 90 that were read.
        assert_eq!(of("p50_ms"), Some([0.0, 20.0]));
        assert_eq!(of("p90_ms"), Some([8.0, 70.0]));
        assert_eq!(of("p95_ms"), Some([20.0, f64::INFINITY]));
        assert_eq!(of("mean_ms"), Some([9.0, f64::INFINITY]));
        assert_eq!(of("max_ms"), Some([70.0, f64::INFINITY]));
        assert_eq!(of("count"), None);
    }
}
