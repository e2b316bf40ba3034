//! The figures of a range of time, as the dashboard gets them.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;

use super::histogram::Histogram;
use super::ledger::{FIELDS, Ledger, Span, Tick, add};
use crate::clock::Micros;
use crate::pserve::store::TallyName;
use crate::time;

/// The most points of the line over time.
const POINTS: i64 = 120;

/// The most values of a field.
const VALUES: usize = 20;

/// The figures of a range of time. Field names are the JSON's keys.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(in crate::pserve) struct Report {
    events: i64,
    errors: i64,
    /// From 0 to 1; null without events.
    error_rate: Option<f64>,
    latency: Latency,
    /// Events that were stored already, by the time of their arrival.
    duplicates: u64,
    /// Events that were refused for their rate, by the time of their arrival.
    rate_limited: u64,
    /// How far apart the points of `series` are.
    step_s: f64,
    /// The points that have events, oldest first.
    series: Vec<Point>,
    /// For each field, the most frequent values.
    by: BTreeMap<&'static str, Vec<Value>>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Latency {
    p50_ms: Option<f64>,
    p90_ms: Option<f64>,
    p95_ms: Option<f64>,
    p99_ms: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Point {
    start: String,
    events: i64,
    errors: i64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Value {
    /// Null for all values beyond those that are told apart.
    value: Option<String>,
    events: i64,
    errors: i64,
}

impl Report {
    /// The figures of the spans that touch this range.
    pub(super) fn new(ledger: &Ledger, start: Micros, end: Micros) -> Self {
        let width = ledger.width();
        let first = start.div_euclid(width).saturating_mul(width);
        let spans: Vec<(&Micros, &Span)> =
            if first <= end { ledger.spans.range(first..=end).collect() } else { Vec::new() };
        let mut counts = Tick::default();
        let mut latency = Histogram::default();
        for (_, span) in &spans {
            counts.add(span.counts);
            latency.merge(&span.latency);
        }
        let tally = |name| {
            let of_name = ledger
                .tallies
                .iter()
                .filter(|((other, hour), _)| *other == name && (start.saturating_sub(HOUR)..=end).contains(hour));
            of_name.map(|(_, count)| count).sum()
        };
        let quantile = |share| latency.quantile(share);
        let step = step(&spans, width);
        Self {
            events: counts.events,
            errors: counts.errors,
            error_rate: share(counts),
            latency: Latency {
                p50_ms: quantile(0.5),
                p90_ms: quantile(0.9),
                p95_ms: quantile(0.95),
                p99_ms: quantile(0.99),
            },
            duplicates: tally(TallyName::Duplicate),
            rate_limited: tally(TallyName::RateLimited),
            step_s: seconds(step),
            series: series(&spans, step),
            by: (0..).zip(FIELDS).map(|(at, field)| (field, values(ledger, &spans, at))).collect(),
        }
    }
}

const HOUR: Micros = 3_600_000_000;

#[allow(clippy::cast_precision_loss)] // no store holds 2^53 events
fn share(counts: Tick) -> Option<f64> {
    (counts.events > 0).then(|| counts.errors as f64 / counts.events as f64)
}

#[allow(clippy::cast_precision_loss)] // whole minutes
fn seconds(micros: Micros) -> f64 {
    micros as f64 / 1e6
}

/// A multiple of the spans' length of which the range holds few enough.
fn step(spans: &[(&Micros, &Span)], width: Micros) -> Micros {
    let (Some((first, _)), Some((last, _))) = (spans.first(), spans.last()) else { return width };
    let all = last.saturating_sub(**first) / width + 1;
    width.saturating_mul((all + POINTS - 1) / POINTS)
}

fn series(spans: &[(&Micros, &Span)], step: Micros) -> Vec<Point> {
    let mut points: BTreeMap<Micros, Tick> = BTreeMap::new();
    for (start, span) in spans {
        points.entry(start.div_euclid(step) * step).or_default().add(span.counts);
    }
    let point =
        |(start, tick): (Micros, Tick)| Point { start: time::format(start), events: tick.events, errors: tick.errors };
    points.into_iter().filter(|(_, tick)| tick.events > 0).map(point).collect()
}

/// The most frequent values of a field.
fn values(ledger: &Ledger, spans: &[(&Micros, &Span)], field: usize) -> Vec<Value> {
    let mut sums: Vec<Tick> = Vec::new();
    for (_, span) in spans {
        span.by[field].iter().enumerate().for_each(|(number, tick)| add(&mut sums, number, *tick));
    }
    let mut sums: Vec<(usize, Tick)> = sums.into_iter().enumerate().filter(|(_, tick)| tick.events > 0).collect();
    // Of equal ones, by name: numbers depend on the order in which values came.
    let name = |number: usize| ledger.names[field].name(number);
    sums.sort_unstable_by_key(|(number, tick)| (Reverse(tick.events), name(*number)));
    sums.truncate(VALUES);
    let value = |(number, tick): (usize, Tick)| Value {
        value: name(number).map(ToOwned::to_owned),
        events: tick.events,
        errors: tick.errors,
    };
    sums.into_iter().map(value).collect()
}
