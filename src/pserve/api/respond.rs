//! Answers, most of them in JSON.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;

/// The body of a refusal, as FastAPI writes it.
#[derive(Serialize)]
struct Detail<T> {
    detail: T,
}

/// An answer with this body.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    bytes(status, serde_json::to_vec(body).expect("answers are maps with text keys"))
}

/// An answer with this body, which is JSON already.
pub(super) fn bytes(status: StatusCode, body: Vec<u8>) -> Response {
    typed(status, "application/json", body)
}

/// An HTML page.
pub(super) fn html(body: Vec<u8>) -> Response {
    typed(StatusCode::OK, "text/html; charset=utf-8", body)
}

fn typed(status: StatusCode, kind: &'static str, body: Vec<u8>) -> Response {
    (status, [(header::CONTENT_TYPE, HeaderValue::from_static(kind))], body).into_response()
}

/// A refusal with this message.
pub(super) fn detail(status: StatusCode, message: impl Into<Value>) -> Response {
    details(status, &message.into())
}

/// A refusal with these details.
pub(super) fn details(status: StatusCode, details: &impl Serialize) -> Response {
    json(status, &Detail { detail: details })
}
