//! Which groupings the reports for people show, and in which order.

use std::cmp::Reverse;

use super::figures::GroupReport;
use super::units::share;
use super::words::percent;
use crate::cli::numbers::count;

/// From this length on a run's hours are worth a table.
const HOUR_S: f64 = 3600.0;

/// Whether a table of these groups says more than the whole: not if no line has a value.
pub(in crate::pstats) fn says_something(groups: &[GroupReport]) -> bool {
    groups.iter().any(|group| group.group.is_none() || group.has_value())
}

/// Whether the grouping of this name is worth a table in a report on lines of this time span.
pub(super) fn is_worth_a_table(name: &str, groups: &[GroupReport], span_s: Option<f64>) -> bool {
    let has_hours = || groups.len() > 1 && span_s.is_none_or(|span| span >= HOUR_S);
    // Only the HTML report's heat map needs the hours of each service.
    says_something(groups) && name != "service,hour" && (name != "hour" || has_hours())
}

/// The groups from the one that hurts most: by errors × traffic, then by traffic. Values that are no names come last.
pub(in crate::pstats) fn by_harm(groups: &[GroupReport]) -> Vec<&GroupReport> {
    let mut sorted: Vec<&GroupReport> = groups.iter().collect();
    let key = |group: &GroupReport| (!group.has_names(), Reverse(group.figures.failures), Reverse(group.figures.count));
    sorted.sort_by_key(|group| key(group));
    sorted
}

/// How many values there are; `12+` if some were counted together.
pub(super) fn how_many(groups: &[GroupReport]) -> String {
    let values = groups.iter().filter(|group| group.has_value()).count();
    let capped = groups.iter().any(|group| group.group.is_none());
    format!("{}{}", count(values as u64), if capped { "+" } else { "" })
}

/// How many values there are, with the word for one and for more: `1 country`.
pub(super) fn how_many_of(groups: &[GroupReport], one: &str, more: &str) -> String {
    let many = how_many(groups);
    let word = if many == "1" { one } else { more };
    format!("{many} {word}")
}

/// The largest groups with their shares: `NA 32.6%, EU 26.6%`.
pub(super) fn shares(groups: &[GroupReport]) -> String {
    let whole: u64 = groups.iter().map(|group| group.figures.count).sum();
    let named = groups.iter().take(6).map(|g| format!("{} {}", g.label(), percent(share(g.figures.count, whole))));
    named.collect::<Vec<_>>().join(", ")
}
