//! Ingests many events in one request. Each is judged separately, so a bad event does not affect the others.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;

use super::app::{Caller, Shared};
use super::ingest::{EventResult, record};
use super::refusal::{Refusal, exceeded};
use super::{body, respond};
use crate::pserve::validate::{self, Batch, Fault, Invalid};
use crate::time;

/// The answer to a batch.
#[derive(Debug, Serialize)]
struct BatchResult {
    batch_id: String,
    total_events: usize,
    successful_events: usize,
    failed_events: usize,
    ingested_at: String,
    results: Vec<EventResult>,
    processing_status: &'static str,
}

/// `POST /events/batch`
pub(super) async fn events(
    State(app): Shared,
    caller: Result<Caller, Refusal>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let taken = body::take(caller, &headers, body, &app.room).await?;
    let tenant = &taken.caller.tenant;
    let Batch { events, batch_id } = validate::batch(&taken.body).map_err(Refusal::Invalid)?;
    let total = events.len();
    let (granted, limit) = match app.allowance(&taken.caller) {
        None => (total, String::new()),
        Some(allowance) => {
            let now = app.clock.now();
            let (granted, standing) = app.limiter.take(&allowance, total as u64, now);
            app.refused_for_rate(tenant, total as u64 - granted, now);
            if granted == 0 {
                return Err(Refusal::TooMany(standing, now));
            }
            (usize::try_from(granted).unwrap_or(total), exceeded(&standing))
        }
    };

    let now = app.clock.wall();
    let mut records = Vec::with_capacity(granted);
    // The results of events that are refused before they reach the store; `None` for those that go there, in order.
    let refused: Vec<Option<EventResult>> = (0..)
        .zip(events)
        .map(|(index, event)| {
            if index >= granted {
                return Some(EventResult::refused(None, limit.clone().into(), vec![limit.clone()]));
            }
            match record(tenant, event.as_bytes(), now) {
                Ok(record) => {
                    records.push(record);
                    None
                }
                Err(Invalid { event_id, faults }) => {
                    app.metrics.events("invalid", 1);
                    let errors = faults.iter().map(Fault::line).collect();
                    Some(EventResult::refused(event_id, "Event validation failed".into(), errors))
                }
            }
        })
        .collect();
    let ids: Vec<String> = records.iter().map(|record| record.external_id.clone()).collect();
    let (stored, spoil) = app.store(records).await?;

    let mut taken = ids.into_iter().zip(stored).map(|(id, stored)| app.result(id, stored, now));
    let results: Vec<EventResult> =
        refused.into_iter().filter_map(|refused| refused.or_else(|| taken.next())).collect();
    let successful = results.iter().filter(|result| result.success).count();
    let answer = BatchResult {
        batch_id: batch_id.unwrap_or_else(|| format!("batch_{:032x}", rand::random::<u128>())),
        total_events: total,
        successful_events: successful,
        failed_events: total - successful,
        ingested_at: time::format(now),
        results,
        processing_status: match successful {
            0 => "failed",
            all if all == total => "completed",
            _ => "partial",
        },
    };
    Ok(spoil.apply(respond::json(StatusCode::OK, &answer)).await)
}
