//! What a figure that a requirement names may be, if a status or a latency of some events could not be read.

use serde_json::Value;

use crate::cli::numbers::{count, counted};
use crate::pstats::line_kind::LineKind;
use crate::pstats::unread::{UnreadValues, reported_ends};

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
    /// Of the figure with these names in `part`, which is a report's `root` or a group of it. `None` if all values could be read.
    pub(super) fn of(report: &Value, root: &str, part: &Value, names: &[String]) -> Option<Self> {
        let kind = LineKind::ALL.into_iter().find(|kind| kind.key() == root)?;
        let values = UnreadValues::reported(report, kind).within_reported(part);
        match names {
            [.., around, name] if around == "latency" => Self::of_latency(values.latencies, part, name),
            [.., name] if matches!(&**name, "success_rate" | "error_rate") => {
                Self::of_rate(values.statuses, part, name)
            }
            _ => None,
        }
    }

    #[allow(clippy::cast_precision_loss)] // counts stay below 2^53
    fn of_rate(statuses: u64, part: &Value, name: &str) -> Option<Self> {
        let rated = part["rated"].as_u64()?;
        let rated = rated as f64;
        let all = rated + statuses as f64;
        let counted = part[name].as_f64().unwrap_or(0.0) * rated;
        let ends = [counted / all, (counted + statuses as f64) / all];
        (statuses > 0).then_some(Self { what: What::Status, values: statuses, ends })
    }

    fn of_latency(values: u64, part: &Value, name: &str) -> Option<Self> {
        let ends = reported_ends(&part["latency"], values, name)?;
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
        let all = Unread::of(&report, "events", events, &["success_rate".to_owned()]).expect("80 are unread");
        assert_eq!((all.values, all.ends), (80, [0.1, 0.9]));
        assert_eq!(Unread::of(&report, "events", events, &["error_rate".to_owned()]), Some(all));
        // A group has no more of them than events that are not rated.
        let some = Unread::of(&report, "events", &events["by"]["service"][0], &["success_rate".to_owned()])
            .expect("5 at most");
        assert_eq!((some.values, some.ends), (5, [0.5, 1.0]));
        assert_eq!(Unread::of(&report, "events", events, &["throughput".to_owned()]), None);
        let read = json!({"input": {"event_fields": {"status_missing": 1}}, "events": {"count": 3, "rated": 2, "error_rate": 0.0}});
        assert_eq!(Unread::of(&read, "events", &read["events"], &["error_rate".to_owned()]), None);
    }
    #[test]
    fn a_latency_is_between_what_it_is_with_all_unread_latencies_as_0_and_as_the_longest() {
        let latency = json!({"count": 90, "p50_ms": 8.0, "p90_ms": 20.0, "max_ms": 70.0});
        let report = json!({"input": {"event_fields": {"latency_invalid": 6, "latency_negative": 4}},
            "events": {"count": 120, "latency": latency}});
        let of =
            |name: &str| Unread::of(&report, "events", &report["events"], &["latency".to_owned(), name.to_owned()]);
        let p50 = of("p50_ms").expect("10 are unread");
        assert_eq!((p50.values, p50.ends), (10, [0.0, 20.0]));
        assert_eq!(of("count"), None);
    }
}
