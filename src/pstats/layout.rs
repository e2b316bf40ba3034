//! Which fields pstats reads from a line, and the groupings that need them.

use super::settings::Settings;
use crate::error::{Error, Result};
use crate::jsonl::scan::{FieldSet, plain_path};
use crate::record::event::{FieldMap, Role};
use crate::record::filter::{Condition, Filter};
use crate::record::latency::Unit;

/// The most values that all groupings of one kind of line may use.
pub(super) const MOST_SLOTS: usize = 24;

/// A grouping: the names of its fields, and the slots of their values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grouping {
    /// The fields as the report names them: paths without backslashes.
    pub fields: Vec<String>,
    /// The slot of each field.
    pub slots: Vec<usize>,
    /// Whether lines that lack a value are left out. Otherwise they are a group.
    pub only_present: bool,
}

impl Grouping {
    /// Its name in the report: `service,endpoint`.
    pub(super) fn name(&self) -> String {
        self.fields.join(",")
    }
}

/// The source of a value for groupings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// The field with this index.
    Field(usize),
    /// The field with this index, which is the status code of an event. Different spellings of a number are one group.
    Status(usize),
    /// The hour of the line's time in UTC.
    Hour,
}

/// The groupings of one kind of line, and the sources of their values.
#[derive(Debug, Clone, Default)]
pub(super) struct Groupings {
    /// The groupings.
    pub all: Vec<Grouping>,
    /// The values, each once.
    pub slots: Vec<Slot>,
}

impl Groupings {
    fn add(&mut self, fields: &[String], only_present: bool, mut slot_of: impl FnMut(&str) -> Slot) {
        let names: Vec<String> = fields.iter().map(|field| plain_path(field)).collect();
        if self.all.iter().any(|known| known.fields == names) {
            return;
        }
        let slots = fields.iter().map(|name| {
            let slot = slot_of(name);
            self.slots.iter().position(|known| *known == slot).unwrap_or_else(|| {
                self.slots.push(slot);
                self.slots.len() - 1
            })
        });
        let slots = slots.collect();
        self.all.push(Grouping { fields: names, slots, only_present });
    }
}

/// The groupings of every report on events. `true` if lines without the value are left out.
const OF_EVENTS: [(&str, bool); 10] = [
    ("service", false),
    ("endpoint", false),
    ("status", false),
    ("region", true),
    ("country", true),
    ("city", true),
    ("device", true),
    ("hour", true),
    ("error", true),
    ("service,hour", true),
];

/// The groupings of every report on outcomes. Region and device need psend's `--tag`.
const OF_OUTCOMES: [(&str, bool); 8] = [
    ("service", false),
    ("endpoint", false),
    ("status", false),
    ("region", true),
    ("device", true),
    ("hour", true),
    ("error", true),
    ("service,hour", true),
];

/// The fields that are read from a line, by index into one set.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub fields: FieldSet,
    pub event: EventFields,
    pub latency_unit: Unit,
    pub outcome: OutcomeFields,
    pub fault: usize,
    pub run_complete: usize,
    pub state: usize,
    pub of_events: Groupings,
    pub of_outcomes: Groupings,
    pub event_filter: Vec<(Slot, Condition)>,
    pub outcome_filter: Vec<(Slot, Condition)>,
}

/// The fields of an event.
#[derive(Debug, Clone, Copy)]
pub(super) struct EventFields {
    pub id: usize,
    pub timestamp: usize,
    pub status: usize,
    pub latency: usize,
    pub service: usize,
    pub cache_hit: usize,
}

/// The fields of an outcome.
#[derive(Debug, Clone, Copy)]
pub(super) struct OutcomeFields {
    pub seq: usize,
    pub event_id: usize,
    pub outcome: usize,
    pub status: usize,
    pub own_retry: usize,
    /// Why it was not delivered.
    pub error_message: usize,
    pub attempts: usize,
    pub answers: usize,
    pub latency: usize,
    pub end_to_end: usize,
    pub scheduled_at: usize,
    pub sent_at: usize,
    pub request_bytes: usize,
    pub shard: usize,
    pub waited: usize,
    pub warm_up: usize,
}

/// The key that marks a line of state. Its value is the version of the format.
pub(super) const STATE_KEY: &str = "pstats_state";

impl Layout {
    /// The layout for these settings.
    ///
    /// # Errors
    /// If `--where` is not a filter, or groupings have too many fields.
    pub(super) fn new(settings: &Settings) -> Result<Self> {
        let map = &settings.fields;
        let text = settings.filter.as_deref().unwrap_or_default();
        let filter = |path_of: &dyn Fn(&str) -> String| match text {
            "" => Ok(Filter::default()),
            text => Filter::parse_with(text, path_of).map_err(|e| Error::usage(format!("--where: {e}"))),
        };
        let (event_filter, outcome_filter) = (filter(&|name| event_path(map, name))?, filter(&outcome_path)?);
        let mut fields = FieldSet::default();
        let mut role = |role: Role| fields.add(map.path(role));
        let event = EventFields {
            id: role(Role::Id),
            timestamp: role(Role::Timestamp),
            status: role(Role::Status),
            latency: role(Role::Latency),
            service: role(Role::Service),
            cache_hit: role(Role::CacheHit),
        };
        let outcome = OutcomeFields {
            seq: fields.add("seq"),
            event_id: fields.add("event_id"),
            outcome: fields.add("outcome"),
            status: fields.add("status"),
            own_retry: fields.add("own_retry"),
            error_message: fields.add("error.message"),
            attempts: fields.add("attempts"),
            answers: fields.add("answers"),
            latency: fields.add("latency_ms"),
            end_to_end: fields.add("end_to_end_ms"),
            scheduled_at: fields.add("scheduled_at"),
            sent_at: fields.add("sent_at"),
            request_bytes: fields.add("request_bytes"),
            shard: fields.add("shard"),
            waited: fields.add("waited_ms"),
            warm_up: fields.add("warm_up"),
        };
        let (mut of_events, mut of_outcomes) = (Groupings::default(), Groupings::default());
        let list = |names: &str| names.split(',').map(str::to_owned).collect::<Vec<_>>();
        let slot = |path: &str, fields: &mut FieldSet| match path {
            "hour" => Slot::Hour,
            path => Slot::Field(fields.add(path)),
        };
        let event_slot = |name: &str, fields: &mut FieldSet| match slot(&event_path(map, name), fields) {
            Slot::Field(field) if field == event.status => Slot::Status(field),
            slot => slot,
        };
        for (name, only_present) in OF_EVENTS {
            of_events.add(&list(name), only_present, |name| event_slot(name, &mut fields));
        }
        for (name, only_present) in OF_OUTCOMES {
            of_outcomes.add(&list(name), only_present, |name| slot(&outcome_path(name), &mut fields));
        }
        let by: Vec<&String> = settings.by.iter().flatten().collect();
        if let Some((one, other)) = same_name(&by) {
            return Err(Error::usage(format!(
                "--by: '{one}' and '{other}' have the same name in the report; give one of them"
            )));
        }
        for by in &settings.by {
            of_events.add(by, false, |name| event_slot(name, &mut fields));
            of_outcomes.add(by, false, |name| slot(&outcome_path(name), &mut fields));
        }
        if of_events.slots.len().max(of_outcomes.slots.len()) > MOST_SLOTS {
            return Err(Error::usage(format!(
                "--by: expected at most {MOST_SLOTS} fields, including those of every report"
            )));
        }
        let mut conditions = |filter: Filter| -> Vec<(Slot, Condition)> {
            filter
                .conditions()
                .iter()
                .map(|condition| (slot(condition.path(), &mut fields), condition.clone()))
                .collect()
        };
        let (event_filter, outcome_filter) = (conditions(event_filter), conditions(outcome_filter));
        Ok(Self {
            event,
            latency_unit: map.latency_unit(),
            outcome,
            event_filter,
            outcome_filter,
            fault: fields.add("fault"),
            run_complete: fields.add("run.complete"),
            state: fields.add(STATE_KEY),
            of_events,
            of_outcomes,
            fields,
        })
    }
}

impl Layout {
    /// The names for groups that are not dotted paths: those of the report's groupings and of `--by`, and the short names of
    /// both kinds of line.
    pub(super) fn group_fields(&self) -> Vec<String> {
        let groupings = self.of_events.all.iter().chain(&self.of_outcomes.all);
        let mut names: Vec<String> = groupings.flat_map(|grouping| grouping.fields.clone()).collect();
        names.extend(FieldMap::names().map(str::to_owned));
        names.extend(OWN_FIELDS.map(str::to_owned));
        names
    }
}

/// Two different paths that look the same without backslashes.
fn same_name<'a>(fields: &[&'a String]) -> Option<(&'a str, &'a str)> {
    fields.iter().enumerate().find_map(|(place, one)| {
        let other = fields[..place].iter().find(|other| *other != one && plain_path(other) == plain_path(one))?;
        Some((other.as_str(), one.as_str()))
    })
}

/// The path of an event's field, as a grouping or a condition names it.
fn event_path(map: &FieldMap, name: &str) -> String {
    match name {
        "error" => format!("{}.error_message", map.path(Role::ErrorDetails)),
        name => map.resolve(name).to_owned(),
    }
}

/// The fields of an outcome that a grouping or a condition may name.
const OWN_FIELDS: [&str; 14] = [
    "seq",
    "event_id",
    "outcome",
    "own_retry",
    "status",
    "attempts",
    "latency_ms",
    "end_to_end_ms",
    "scheduled_at",
    "sent_at",
    "request_bytes",
    "service",
    "endpoint",
    "shard",
];

/// The path of an outcome's field, as a grouping or a condition names it: an own field, a dotted path, or a tag.
fn outcome_path(name: &str) -> String {
    match name {
        "status_code" => "status".to_owned(),
        "id" => "event_id".to_owned(),
        "timestamp" => "sent_at".to_owned(),
        "latency" | "response_time_ms" => "latency_ms".to_owned(),
        "error" => "error.kind".to_owned(),
        "hour" => name.to_owned(),
        name if OWN_FIELDS.contains(&name) || name.contains('.') => name.to_owned(),
        name => format!("tags.{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grouping_that_every_report_has_is_counted_once() {
        let by = vec![vec!["service".to_owned()], vec!["service".to_owned(), "endpoint".to_owned()]];
        let layout = Layout::new(&Settings { by, ..Settings::default() }).expect("few fields");
        assert_eq!(layout.of_events.all.len(), OF_EVENTS.len() + 1);
        assert_eq!(layout.of_events.slots.len(), OF_EVENTS.len() - 1);
        assert_eq!(layout.of_events.all.last().map(Grouping::name).as_deref(), Some("service,endpoint"));
    }

    #[test]
    fn names_mean_the_field_of_the_kind_of_line() {
        assert_eq!(outcome_path("region"), "tags.region");
        assert_eq!(outcome_path("error.message"), "error.message");
        assert_eq!(outcome_path("team"), "tags.team");
        assert_eq!(outcome_path("end_to_end_ms"), "end_to_end_ms");
        assert_eq!(event_path(&FieldMap::default(), "device"), "context.tags.device_type");
        assert_eq!(event_path(&FieldMap::default(), "payload.amount"), "payload.amount");
    }
}
