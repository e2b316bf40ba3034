//! Rates of events of which some have a status that could not be read, such as "ECONNREFUSED". Such an event counts neither as a
//! success nor as an error, so a rate over the others may look better than it is. A requirement has to hold whatever these were.

use serde_json::Value;

use crate::cli::numbers::{count, counted};

/// What a rate may be, if some of the statuses that it would have to count could not be read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Unread {
    /// How many could not be read, at most.
    pub(super) statuses: u64,
    /// The rate if all of them were what makes it least, and what makes it most.
    pub(super) ends: [f64; 2],
}

impl Unread {
    /// Of the figure `name` of a report's events, or of a group of them; `None` if all statuses could be read.
    #[allow(clippy::cast_precision_loss)] // counts stay below 2^53
    pub(super) fn of(report: &Value, part: &Value, name: &str) -> Option<Self> {
        if !matches!(name, "success_rate" | "error_rate") {
            return None;
        }
        let unrated = |part: &Value| Some(part["count"].as_u64()?.saturating_sub(part["rated"].as_u64()?));
        let missing = report["input"]["event_fields"]["status_missing"].as_u64()?;
        // A group does not say which of its events have no status at all.
        let statuses = unrated(&report["events"])?.saturating_sub(missing).min(unrated(part)?);
        let rated = part["rated"].as_u64()? as f64;
        let all = rated + statuses as f64;
        let counted = part[name].as_f64().unwrap_or(0.0) * rated;
        (statuses > 0).then(|| Self { statuses, ends: [counted / all, (counted + statuses as f64) / all] })
    }

    /// Why a verdict on the rate cannot be told; `end` is what the rate may be, in words.
    pub(super) fn why(&self, end: &str) -> String {
        let have = if self.statuses == 1 { "has" } else { "have" };
        format!(
            "{} {have} a status that could not be read, so it may be {end}",
            counted(self.statuses, "event", "events")
        )
    }

    /// Why the rate is not known, where no status could be read.
    pub(super) fn nothing_read(&self) -> String {
        format!("none of {} statuses could be read", count(self.statuses))
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
        let all = Unread::of(&report, events, "success_rate").expect("80 are unread");
        assert_eq!((all.statuses, all.ends), (80, [0.1, 0.9]));
        assert_eq!(Unread::of(&report, events, "error_rate"), Some(all));
        // A group has no more of them than events that are not rated.
        let some = Unread::of(&report, &events["by"]["service"][0], "success_rate").expect("5 at most");
        assert_eq!((some.statuses, some.ends), (5, [0.5, 1.0]));
        assert_eq!(Unread::of(&report, events, "throughput"), None);
        let read = json!({"input": {"event_fields": {"status_missing": 1}}, "events": {"count": 3, "rated": 2, "error_rate": 0.0}});
        assert_eq!(Unread::of(&read, &read["events"], "error_rate"), None);
    }
}
