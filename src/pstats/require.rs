//! Requirements on the report: `success_rate >= 95%`, `service=payment-service: latency.p95 < 200ms`.
//!
//! A requirement names any figure of the JSON report by its path there. Which names there are is known before anything is
//! read (`catalogue`): a misspelt one is wrong usage. Judging is a pure function of the report.

mod catalogue;
mod figure_path;
mod not_worse;
mod unread;
mod within;

use std::fmt;

use serde_json::Value;

use crate::pstats::compare::Comparison;
use crate::pstats::groups::GroupKey;
pub(super) use crate::record::requirement::Verdict;
pub(super) use catalogue::Catalogue;
pub(super) use not_worse::{NotWorse, Unsure};
use within::Within;

/// A requirement, as it was read.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Requirement {
    /// A figure is within a bound.
    Within(Within),
    /// A figure is not worse than the base's. The group is named as the report counts it.
    NotWorse(NotWorse, Option<(String, GroupKey)>),
}

/// What a requirement is judged by, beside the report.
#[derive(Clone, Copy, Default)]
pub(super) struct Beside<'a> {
    /// The report on the base.
    pub(super) base: Option<&'a Value>,
    /// The two sides held against each other.
    pub(super) comparison: Option<&'a Comparison>,
    /// What a verdict that cannot be told counts as.
    pub(super) unsure: Unsure,
    /// Whether it is met if there is no data.
    pub(super) allow_empty: bool,
}

impl Requirement {
    /// Reads a requirement.
    ///
    /// # Errors
    /// A message that names what is wrong, with the closest names if a figure or a field is misspelt.
    pub(super) fn parse(text: &str, catalogue: &Catalogue) -> Result<Self, String> {
        match NotWorse::parse(text, catalogue) {
            Some(read) => read.map(|read| Self::NotWorse(read, None)),
            None => Within::parse(text, catalogue).map(Self::Within),
        }
    }

    /// The fields of its group; empty if it is on the whole.
    pub(super) fn group_fields(&self) -> Vec<String> {
        let group = match self {
            Self::Within(within) => within.group(),
            Self::NotWorse(not_worse, _) => not_worse.group(),
        };
        group.iter().map(|(field, _)| field.clone()).collect()
    }

    /// Whether it needs the runs that `--base` names.
    pub(super) fn needs_base(&self) -> bool {
        match self {
            Self::Within(within) => within.needs_base(),
            Self::NotWorse(..) => true,
        }
    }

    /// The verdict on this report.
    ///
    /// # Errors
    /// If events and outcomes came in and the requirement does not say which of them it means.
    pub(super) fn judge(&self, report: &Value, beside: Beside<'_>) -> Result<Verdict, String> {
        match self {
            Self::Within(within) => within.judge(report, beside.base, beside.allow_empty),
            Self::NotWorse(not_worse, group) => {
                not_worse.judge(beside.comparison, group.as_ref(), beside.unsure, beside.allow_empty)
            }
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Within(within) => f.write_str(within.text()),
            Self::NotWorse(not_worse, _) => f.write_str(not_worse.text()),
        }
    }
}
