//! Finds stored events, and counts them.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::app::{Caller, Shared};
use super::refusal::Refusal;
use super::respond;
use crate::clock::Micros;
use crate::pserve::store::{Counts, Page, Search};
use crate::pserve::validate::{EVENT_TYPES, Fault, SEVERITIES};
use crate::record::moment;
use crate::time;

/// The default number of events on a page.
const PAGE: u64 = 100;

/// The most events on a page.
const PAGE_MAX: u64 = 1000;

/// `GET /events/{event_id}`: the event as it was stored.
pub(super) async fn event(
    State(app): Shared,
    Caller { tenant, .. }: Caller,
    event_id: Result<Path<String>, PathRejection>,
) -> Result<Response, Refusal> {
    let Path(event_id) = event_id.map_err(|e| Refusal::Malformed(e.to_string()))?;
    let found = app.readers.ask(move |store| store.get(&tenant, &event_id)).await?;
    found.map(|event| respond::bytes(StatusCode::OK, event)).ok_or(Refusal::NotFound("Event not found"))
}

/// `DELETE /events/{event_id}`: removes an event.
pub(super) async fn delete(
    State(app): Shared,
    Caller { tenant, .. }: Caller,
    event_id: Result<Path<String>, PathRejection>,
) -> Result<Response, Refusal> {
    let Path(event_id) = event_id.map_err(|e| Refusal::Malformed(e.to_string()))?;
    let is_removed = app.committer.delete(tenant, event_id).await?;
    if is_removed { Ok(StatusCode::NO_CONTENT.into_response()) } else { Err(Refusal::NotFound("Event not found")) }
}

/// `GET /events/search`
pub(super) async fn search(
    State(app): Shared,
    Caller { tenant, .. }: Caller,
    Query(parameters): Query<Vec<(String, String)>>,
) -> Result<Response, Refusal> {
    let search = parse(&parameters).map_err(Refusal::Invalid)?;
    let started = app.clock.elapsed();
    let page = app.readers.ask(move |store| store.search(&tenant, &search)).await?;
    let took = app.clock.elapsed().saturating_sub(started);
    Ok(respond::bytes(StatusCode::OK, write(&page, took.as_secs_f64() * 1e3)))
}

/// Writes a page, with its events byte for byte as they were stored.
fn write(page: &Page, took_ms: f64) -> Vec<u8> {
    let rest = json!({
        "total_count": page.total,
        "total_exact": page.total_exact,
        "filtered_count": page.events.len(),
        "has_more": page.has_more,
        "search_id": format!("{:032x}", rand::random::<u128>()),
        "execution_time_ms": (took_ms * 1e3).round() / 1e3,
    });
    let mut out = br#"{"events":["#.to_vec();
    out.append(&mut page.events.join(&b','));
    out.extend_from_slice(b"],");
    out.extend_from_slice(&rest.to_string().as_bytes()[1..]);
    out
}

/// Reads the parameters of a search. On an error, returns everything that is wrong with them.
fn parse(parameters: &[(String, String)]) -> Result<Search, Vec<Fault>> {
    let mut search = Search { limit: PAGE, ..Search::default() };
    let mut faults = Vec::new();
    let mut seen = Vec::new();
    for (name, value) in parameters {
        let name = name.as_str();
        if seen.contains(&name) {
            faults.push(Fault::query("duplicate_parameter", name, "The parameter is given twice", value));
            continue;
        }
        seen.push(name);
        let one_of = |choices: &[&str]| match choices.contains(&value.as_str()) {
            true => Ok(Some(value.clone())),
            false => Err(("enum", format!("Input should be one of '{}'", choices.join("', '")))),
        };
        let integer = |min: u64, max: u64| match value.parse() {
            Ok(number) if (min..=max).contains(&number) => Ok(number),
            _ if max == u64::MAX => Err(("int_parsing", format!("Input should be a whole number from {min}"))),
            _ => Err(("int_parsing", format!("Input should be a whole number from {min} to {max}"))),
        };
        let moment = || moment_in(value).map(Some);
        let text = |field: &mut Option<String>| {
            *field = Some(value.clone());
            Ok(())
        };
        let fields = &mut search.fields;
        let read = match name {
            "event_type" => one_of(EVENT_TYPES).map(|it| fields.event_type = it),
            "severity" => one_of(SEVERITIES).map(|it| fields.severity = it),
            "service" => text(&mut fields.service),
            "endpoint" => text(&mut fields.endpoint),
            "user_id" => text(&mut fields.user_id),
            "country" => text(&mut fields.country),
            "region" => text(&mut fields.region),
            "city" => text(&mut fields.city),
            "device_type" | "device" => text(&mut fields.device),
            "event_id_contains" => text(&mut search.id_contains),
            "status_code" => integer(100, 599).map(|code| fields.status_code = u16::try_from(code).ok()),
            "start_time" => moment().map(|at| search.start = at),
            "end_time" => moment().map(|at| search.end = at),
            "limit" => integer(1, PAGE_MAX).map(|limit| search.limit = limit),
            "offset" => integer(0, u64::MAX).map(|offset| search.offset = offset),
            _ => Err(("extra_forbidden", "Unknown filter".to_owned())),
        };
        if let Err((kind, message)) = read {
            faults.push(Fault::query(kind, name, message, value));
        }
    }
    if faults.is_empty() { Ok(search) } else { Err(faults) }
}

/// The time that a parameter stands for.
fn moment_in(value: &str) -> Result<Micros, (&'static str, String)> {
    // A + that was not escaped arrives as a space.
    let unescaped = || moment::read_text(&value.replace(' ', "+"));
    unescaped()
        .or_else(|_| moment::read_text(value))
        .map_err(|why| ("datetime_parsing", format!("Input should be a timestamp such as 2026-01-05T09:00:00Z: {why}")))
}

/// Reads a range of time, with open ends if they are missing.
pub(super) fn range(parameters: &[(String, String)]) -> Result<(Option<Micros>, Option<Micros>), Vec<Fault>> {
    let (mut start, mut end) = (None, None);
    for (name, value) in parameters {
        let read = match name.as_str() {
            "start_time" => moment_in(value).map(|at| start = Some(at)),
            "end_time" => moment_in(value).map(|at| end = Some(at)),
            _ => Err(("extra_forbidden", "Unknown parameter".to_owned())),
        };
        read.map_err(|(kind, message)| vec![Fault::query(kind, name, message, value)])?;
    }
    Ok((start, end))
}

/// `GET /stats`
pub(super) async fn stats(State(app): Shared, Caller { tenant, .. }: Caller) -> Result<Response, Refusal> {
    let stats = app.readers.ask(move |store| store.stats(&tenant)).await?;
    let hours: Vec<_> = stats
        .hours
        .iter()
        .map(|hour| {
            json!({
                "start": time::format(hour.start),
                "events": hour.counts.events,
                "errors": hour.counts.errors,
                "error_rate": error_rate(hour.counts),
            })
        })
        .collect();
    Ok(respond::json(
        StatusCode::OK,
        &json!({
            "total_events": stats.total.events,
            "error_events": stats.total.errors,
            "error_rate": error_rate(stats.total),
            "oldest": stats.span.map(|(oldest, _)| time::format(oldest)),
            "newest": stats.span.map(|(_, newest)| time::format(newest)),
            "by_hour": hours,
        }),
    ))
}

/// From 0 to 1, or null if there are no events.
#[allow(clippy::cast_precision_loss)] // no store holds 2^53 events
fn error_rate(counts: Counts) -> Option<f64> {
    (counts.events > 0).then(|| counts.errors as f64 / counts.events as f64)
}
