//! Ingests one event.

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;

use super::app::{App, Caller, Shared};
use super::refusal::Refusal;
use super::{body, respond};
use crate::clock::Micros;
use crate::pserve::config::Duplicates;
use crate::pserve::store::{Record, Stored, Tenant};
use crate::pserve::validate::{self, Invalid, ValidEvent};
use crate::time;

/// PulseStream's message for an event that is already stored.
const EXISTS: &str = "Event already exists (idempotent)";

/// The result of one event.
#[derive(Debug, Serialize)]
pub(super) struct EventResult {
    pub(super) success: bool,
    event_id: Option<String>,
    ingested_at: Option<String>,
    processing_status: &'static str,
    message: Cow<'static, str>,
    errors: Option<Vec<String>>,
}

/// `POST /events`
pub(super) async fn event(
    State(app): Shared,
    caller: Result<Caller, Refusal>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let taken = body::take(caller, &headers, body, &app.room).await?;
    let tenant = &taken.caller.tenant;
    if let Some(allowance) = app.allowance(&taken.caller) {
        let now = app.clock.now();
        let (granted, standing) = app.limiter.take(&allowance, 1, now);
        if granted == 0 {
            app.refused_for_rate(tenant, 1, now);
            return Err(Refusal::TooMany(standing, now));
        }
    }
    let now = app.clock.wall();
    let record = record(tenant, &taken.body, now).map_err(|invalid| {
        app.metrics.events("invalid", 1);
        Refusal::Invalid(invalid.faults)
    })?;
    let event_id = record.external_id.clone();
    let (stored, spoil) = app.store(vec![record]).await?;
    let result = app.result(event_id, stored[0], now);
    let status = if result.success { StatusCode::OK } else { StatusCode::CONFLICT };
    Ok(spoil.apply(respond::json(status, &result)).await)
}

impl EventResult {
    /// The result of an event of a batch that is not stored.
    pub(super) fn refused(event_id: Option<String>, message: Cow<'static, str>, errors: Vec<String>) -> Self {
        let (success, ingested_at, processing_status) = (false, None, "failed");
        Self { success, event_id, ingested_at, processing_status, message, errors: Some(errors) }
    }
}

impl App {
    /// The result of an event that was passed to the store.
    pub(super) fn result(&self, event_id: String, stored: Stored, now: Micros) -> EventResult {
        self.metrics.events(if stored == Stored::New { "stored" } else { "duplicate" }, 1);
        let (ingested_at, message, conflict) = match stored {
            Stored::New => (now, "Event ingested successfully", false),
            Stored::Duplicate { ingested_at } => (ingested_at, EXISTS, self.duplicates == Duplicates::Conflict),
        };
        EventResult {
            success: !conflict,
            event_id: Some(event_id),
            ingested_at: Some(time::format(ingested_at)),
            processing_status: if conflict { "failed" } else { "queued" },
            message: message.into(),
            errors: conflict.then(|| vec!["Event already exists".to_owned()]),
        }
    }
}

/// Checks an event and prepares it for the store.
pub(super) fn record(tenant: &Tenant, body: &[u8], now: Micros) -> Result<Record, Invalid> {
    let ValidEvent { text, event_id, timestamp, fields, response_time_ms } = validate::event(body, now)?;
    let mut body = text.to_owned();
    // What the server supplies is inserted at the front, so that the stored event has it too.
    if timestamp.is_none() {
        supply(&mut body, "timestamp", &time::format(now));
    }
    let external_id = match event_id {
        Some(id) => id.into_owned(),
        None => {
            let id = format!("evt_{:032x}", rand::random::<u128>());
            supply(&mut body, "event_id", &id);
            id
        }
    };
    let timestamp = timestamp.unwrap_or(now);
    Ok(Record { tenant: Arc::clone(tenant), external_id, timestamp, ingested_at: now, fields, response_time_ms, body })
}

/// Inserts a field at the front of an object that has others. Neither name nor value may need escapes.
fn supply(object: &mut String, name: &str, value: &str) {
    if let Some(start) = object.find('{') {
        object.insert_str(start + 1, &format!(r#""{name}":"{value}","#));
    }
}
