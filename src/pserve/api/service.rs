//! What operators ask: whether the server is well, its metrics, and what is left of a rate.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::app::{Caller, Shared};
use super::refusal::seconds;
use super::respond;
use crate::pserve::limit::Standing;
use crate::pserve::metrics::Now;
use crate::time;

/// `GET /health`
pub(super) async fn health(State(app): Shared) -> Response {
    let (status, body) = match app.readers.ask(|reader| reader.check()).await {
        Ok(()) => (StatusCode::OK, json!({"status": "healthy", "uptime_seconds": app.clock.elapsed().as_secs()})),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, json!({"status": "unhealthy", "detail": error.to_string()})),
    };
    respond::json(status, &body)
}

/// `GET /ready`: whether it makes sense to send requests here.
pub(super) async fn ready(State(app): Shared) -> Response {
    let is_stopping = *app.stopped.borrow();
    let (status, body) = match app.readers.ask(|reader| reader.check()).await {
        _ if is_stopping => (StatusCode::SERVICE_UNAVAILABLE, json!({"ready": false, "detail": "the server stops"})),
        Ok(()) => (StatusCode::OK, json!({"ready": true, "detail": null})),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, json!({"ready": false, "detail": error.to_string()})),
    };
    respond::json(status, &body)
}

/// `GET /metrics`
#[allow(clippy::cast_precision_loss)] // exact to the microsecond until 2255
pub(super) async fn metrics(State(app): Shared) -> Response {
    let is_ready = app.readers.ask(|reader| reader.check()).await.is_ok();
    let now = Now { events: app.figures.events(), started_s: app.clock.started() as f64 / 1e6, is_ready };
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    (StatusCode::OK, [(header::CONTENT_TYPE, kind)], app.metrics.text(now)).into_response()
}

/// `GET /rate-limit`
pub(super) async fn rate_limit(State(app): Shared, caller: Caller) -> Response {
    let allowance = app.allowance(&caller);
    let standing = allowance.map(|allowance| app.limiter.standing(&allowance, app.clock.now()));
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
