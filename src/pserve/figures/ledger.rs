//! The counts of one tenant, in bounded memory: a number of spans of time, which grow longer if there would be too many.

use std::collections::BTreeMap;

use super::histogram::Histogram;
use super::names::Names;
use crate::clock::Micros;
use crate::pserve::store::{Facts, SearchFields, TallyName};

const MINUTE: Micros = 60_000_000;

/// The lengths of spans that are tried, one after another.
const WIDTHS: [Micros; 8] = [
    MINUTE,
    5 * MINUTE,
    15 * MINUTE,
    60 * MINUTE,
    360 * MINUTE,
    1440 * MINUTE,
    30 * 1440 * MINUTE,
    36_500 * 1440 * MINUTE,
];

/// The most spans.
const MOST: usize = 1500;

/// The fields by which events are counted.
pub(super) const FIELDS: [&str; 7] = ["service", "status_code", "endpoint", "country", "region", "city", "device"];

/// The counts of one tenant.
#[derive(Debug, Clone, Default)]
pub(super) struct Ledger {
    /// An index of [`WIDTHS`].
    width: usize,
    /// By the time at which each span begins.
    pub(super) spans: BTreeMap<Micros, Span>,
    /// The values of each of [`FIELDS`].
    pub(super) names: [Names; FIELDS.len()],
    /// Events that were not stored, by the hour of their arrival.
    pub(super) tallies: BTreeMap<(TallyName, Micros), u64>,
    /// How often it has changed.
    pub(super) version: u64,
}

/// The counts of a span of time.
#[derive(Debug, Clone, Default)]
pub(super) struct Span {
    pub(super) counts: Tick,
    pub(super) latency: Histogram,
    /// For each of [`FIELDS`], by the number of its value.
    pub(super) by: [Vec<Tick>; FIELDS.len()],
}

/// Events, and errors among them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tick {
    pub(super) events: i64,
    pub(super) errors: i64,
}

impl Tick {
    /// Adds another.
    pub(super) fn add(&mut self, other: Self) {
        self.events += other.events;
        self.errors += other.errors;
    }
}

impl Ledger {
    /// Adds an event this many times: -1 takes it out.
    pub(super) fn add(&mut self, facts: &Facts, times: i64) {
        self.count(facts.timestamp, &facts.fields, facts.response_time_ms, times);
    }

    /// Adds an event with these facts.
    pub(super) fn count(&mut self, at: Micros, fields: &SearchFields, response_time_ms: Option<f64>, times: i64) {
        self.version += 1;
        let is_error = fields.status_code.is_some_and(|code| code >= 400);
        let tick = Tick { events: times, errors: if is_error { times } else { 0 } };
        let start = at.div_euclid(self.width()) * self.width();
        let span = self.spans.entry(start).or_default();
        span.counts.add(tick);
        if let Some(ms) = response_time_ms {
            span.latency.add(ms, times);
        }
        let mut digits = itoa::Buffer::new();
        let code = fields.status_code.map(|code| digits.format(code));
        let values = [
            fields.service.as_deref(),
            code,
            fields.endpoint.as_deref(),
            fields.country.as_deref(),
            fields.region.as_deref(),
            fields.city.as_deref(),
            fields.device.as_deref(),
        ];
        for ((names, by), value) in self.names.iter_mut().zip(&mut span.by).zip(values) {
            if let Some(value) = value {
                add(by, names.number(value), tick);
            }
        }
        // As if the event had never come: an empty span would stretch the line over time.
        if span.counts == Tick::default() {
            self.spans.remove(&start);
        }
        while self.spans.len() > MOST && self.width + 1 < WIDTHS.len() {
            self.widen();
        }
    }

    /// Counts events that were not stored.
    pub(super) fn tally(&mut self, name: TallyName, hour: Micros, count: u64) {
        self.version += 1;
        *self.tallies.entry((name, hour)).or_default() += count;
    }

    /// How many events there are.
    pub(super) fn events(&self) -> u64 {
        self.spans.values().map(|span| span.counts.events).sum::<i64>().unsigned_abs()
    }

    /// The length of its spans.
    pub(super) fn width(&self) -> Micros {
        WIDTHS[self.width]
    }

    /// Makes longer spans of the spans.
    fn widen(&mut self) {
        self.width += 1;
        for (start, span) in std::mem::take(&mut self.spans) {
            let wide = self.spans.entry(start.div_euclid(self.width()) * self.width()).or_default();
            wide.counts.add(span.counts);
            wide.latency.merge(&span.latency);
            for (into, by) in wide.by.iter_mut().zip(span.by) {
                by.into_iter().enumerate().for_each(|(number, tick)| add(into, number, tick));
            }
        }
    }
}

/// Adds to the counts of the value with this number.
pub(super) fn add(by: &mut Vec<Tick>, number: usize, tick: Tick) {
    if by.len() <= number {
        by.resize(number + 1, Tick::default());
    }
    by[number].add(tick);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(at: Micros, service: &str, status_code: u16) -> Facts {
        let fields = SearchFields {
            service: Some(service.to_owned()),
            status_code: Some(status_code),
            ..SearchFields::default()
        };
        Facts { timestamp: at, fields, response_time_ms: Some(2.0) }
    }

    #[test]
    fn memory_is_bounded_however_far_apart_events_are_and_no_event_is_lost() {
        let mut ledger = Ledger::default();
        for number in 0..10_000 {
            ledger.add(&facts(number * 7 * MINUTE, &format!("s{number}"), 200), 1);
        }
        assert!(ledger.spans.len() <= MOST, "{}", ledger.spans.len());
        assert_eq!(ledger.events(), 10_000);
        let by_service: i64 = ledger.spans.values().flat_map(|span| &span.by[0]).map(|tick| tick.events).sum();
        assert_eq!(by_service, 10_000);
    }

    #[test]
    fn an_event_that_is_taken_out_leaves_no_trace_in_the_counts() {
        let mut ledger = Ledger::default();
        ledger.add(&facts(0, "a", 500), 1);
        ledger.add(&facts(0, "b", 200), 1);
        ledger.add(&facts(0, "a", 500), -1);
        ledger.add(&facts(7 * MINUTE, "a", 200), 1);
        ledger.add(&facts(7 * MINUTE, "a", 200), -1);
        assert_eq!((ledger.events(), ledger.spans.len()), (1, 1));
        let span = &ledger.spans[&0];
        assert_eq!((span.counts, span.by[0][0]), (Tick { events: 1, errors: 0 }, Tick::default()));
    }
}
