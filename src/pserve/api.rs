//! The HTTP API: its paths, and the handlers of the smallest ones.

mod app;
mod batch;
mod body;
mod cut;
mod find;
mod ingest;
mod refusal;
mod respond;
mod room;
mod spoil;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::json;

pub(super) use app::App;
use app::{Caller, Shared};
pub(super) use cut::Cut;
use refusal::seconds;
use respond::detail;
pub(super) use room::Room;

use super::limit::Standing;
use super::store::Reader;
use crate::time;

/// The API's paths.
pub(super) fn router(app: Arc<App>) -> Router {
    let api = Router::new()
        .route("/events", post(ingest::event))
        .route("/events/batch", post(batch::events))
        .route("/events/search", get(find::search))
        .route("/events/{event_id}", get(find::event))
        .route("/stats", get(find::stats))
        .route("/rate-limit", get(rate_limit))
        .route("/health", get(health))
        .method_not_allowed_fallback(async || detail(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"))
        .fallback(async || detail(StatusCode::NOT_FOUND, "Not Found"));
    Router::new()
        .nest("/api/v1/ingestion", api)
        .fallback(async || detail(StatusCode::NOT_FOUND, "Not Found: the API is under /api/v1/ingestion"))
        .with_state(app)
}

async fn health(State(app): Shared) -> Response {
    let (status, body) = match app.readers.ask(Reader::check).await {
        Ok(()) => (StatusCode::OK, json!({"status": "healthy", "uptime_seconds": app.clock.elapsed().as_secs()})),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, json!({"status": "unhealthy", "detail": error.to_string()})),
    };
    respond::json(status, &body)
}

async fn rate_limit(State(app): Shared, Caller(tenant): Caller) -> Response {
    let standing = app.limiter.as_ref().map(|limiter| limiter.standing(&tenant, app.clock.now()));
    let number = |of: fn(&Standing) -> u64| standing.as_ref().map(of);
    let body = json!({
        "limit": number(|it| it.limit),
        "remaining": number(|it| it.remaining),
        "reset_time": standing.as_ref().map(|it| time::format(it.reset_at)),
        "window_size_seconds": standing.as_ref().map(seconds),
        "exceeded": number(|it| it.remaining) == Some(0),
    });
    respond::json(StatusCode::OK, &body)
}
