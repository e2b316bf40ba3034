//! The fields of an event and their rules (contracts §9), as data. What is not named here may have any form.

use std::ops::RangeInclusive;

/// A field that has a rule.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) rule: Rule,
    pub(super) need: Need,
    pub(super) keep: Option<Keep>,
}

/// Whether a field may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// It must be present.
    Required,
    /// The server supplies it if it is missing. It must not be null.
    Supplied,
    /// It may be missing or null.
    Optional,
}

/// What a value must be.
#[derive(Debug)]
pub(super) enum Rule {
    /// One of these texts.
    Choice(&'static [&'static str]),
    /// A text with this many characters.
    Text(RangeInclusive<usize>),
    /// A timestamp that is not too far in the future.
    Timestamp,
    /// A whole number in this range, in quotes or not.
    Integer(RangeInclusive<i64>),
    /// A number that is not negative, in quotes or not.
    Amount,
    /// true or false.
    Flag,
    /// An object with these fields, and others of any kind.
    Object(&'static [Field]),
    /// An object of texts, with these among them.
    Texts(&'static [Field]),
}

/// The fields whose values are kept after the check.
#[derive(Debug, Clone, Copy)]
pub(super) enum Keep {
    EventId,
    EventType,
    Timestamp,
    Severity,
    Service,
    Endpoint,
    StatusCode,
    UserId,
    Country,
    Region,
    City,
    Device,
    ResponseTime,
}

impl Keep {
    pub(super) const COUNT: usize = Self::ResponseTime as usize + 1;
}

const fn field(name: &'static str, need: Need, rule: Rule) -> Field {
    Field { name, rule, need, keep: None }
}

impl Field {
    const fn keep(mut self, keep: Keep) -> Self {
        self.keep = Some(keep);
        self
    }
}

use Need::{Optional, Required, Supplied};

/// The values of `event_type`.
pub(in crate::pserve) const EVENT_TYPES: &[&str] =
    &["api_call", "user_action", "system_event", "error_event", "custom_event"];

/// The values of `severity`.
pub(in crate::pserve) const SEVERITIES: &[&str] = &["info", "warning", "error", "critical"];

const ANY: RangeInclusive<usize> = 0..=usize::MAX;

/// The rule of every tag.
pub(super) static TAG: Field = field("", Required, Rule::Text(ANY));

/// The event as a whole.
pub(super) static EVENT: Rule = Rule::Object(&[
    field("event_id", Supplied, Rule::Text(1..=100)).keep(Keep::EventId),
    field("event_type", Required, Rule::Choice(EVENT_TYPES)).keep(Keep::EventType),
    field("timestamp", Supplied, Rule::Timestamp).keep(Keep::Timestamp),
    field("title", Required, Rule::Text(1..=200)),
    field("message", Optional, Rule::Text(0..=2000)),
    field("severity", Supplied, Rule::Choice(SEVERITIES)).keep(Keep::Severity),
    field(
        "source",
        Required,
        Rule::Object(&[
            field("service", Required, Rule::Text(1..=100)).keep(Keep::Service),
            field("endpoint", Required, Rule::Text(1..=500)).keep(Keep::Endpoint),
            field("method", Required, Rule::Text(1..=10)),
            field("version", Optional, Rule::Text(0..=20)),
            field("environment", Optional, Rule::Text(0..=50)),
        ]),
    ),
    field(
        "metrics",
        Optional,
        Rule::Object(&[
            field("response_time_ms", Required, Rule::Amount).keep(Keep::ResponseTime),
            field("status_code", Required, Rule::Integer(100..=599)).keep(Keep::StatusCode),
            field("request_size_bytes", Optional, Rule::Integer(0..=i64::MAX)),
            field("response_size_bytes", Optional, Rule::Integer(0..=i64::MAX)),
            field("cache_hit", Optional, Rule::Flag),
        ]),
    ),
    field(
        "context",
        Optional,
        Rule::Object(&[
            field("user_id", Optional, Rule::Text(ANY)).keep(Keep::UserId),
            field("session_id", Optional, Rule::Text(ANY)),
            field("request_id", Optional, Rule::Text(ANY)),
            field("ip_address", Optional, Rule::Text(ANY)),
            field("user_agent", Optional, Rule::Text(0..=500)),
            field(
                "tags",
                Optional,
                Rule::Texts(&[
                    field("country", Required, Rule::Text(ANY)).keep(Keep::Country),
                    field("city", Required, Rule::Text(ANY)).keep(Keep::City),
                    field("region", Required, Rule::Text(ANY)).keep(Keep::Region),
                    field("device_type", Required, Rule::Text(ANY)).keep(Keep::Device),
                ]),
            ),
        ]),
    ),
    field(
        "error_details",
        Optional,
        Rule::Object(&[
            field("error_code", Optional, Rule::Text(0..=100)),
            field("error_message", Optional, Rule::Text(0..=1000)),
        ]),
    ),
    field("payload", Optional, Rule::Object(&[])),
]);
