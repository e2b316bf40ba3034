//! The HTTP API: which path means what, who is let in, and the form of every refusal.

mod batch;
mod body;
mod find;
mod ingest;

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Serialize;
use serde_json::{Value, json};

pub use body::Room;

use super::args::Duplicates;
use super::keys::Keys;
use super::limit::{Limiter, Standing};
use super::store::commit::Committer;
use super::store::readers::Readers;
use super::store::sqlite::SqliteReader;
use super::store::{StoreError, Tenant};
use super::validate::Fault;
use crate::clock::{Clock, Micros};
use crate::time;

/// Everything that a request may need.
pub struct App {
    /// Who is let in.
    pub keys: Keys,
    /// How much each may send.
    pub limiter: Option<Limiter>,
    /// How a duplicate is answered.
    pub duplicates: Duplicates,
    /// Tells the time.
    pub clock: Box<dyn Clock>,
    /// Writes.
    pub committer: Committer,
    /// Read.
    pub readers: Readers<SqliteReader>,
    /// What large bodies share.
    pub room: Room,
}

type Shared = State<Arc<App>>;

/// The API's paths.
pub fn router(app: Arc<App>) -> Router {
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
    match app.readers.ask(super::store::Reader::check).await {
        Ok(()) => {
            respond(StatusCode::OK, &json!({"status": "healthy", "uptime_seconds": app.clock.elapsed().as_secs()}))
        }
        Err(error) => {
            respond(StatusCode::SERVICE_UNAVAILABLE, &json!({"status": "unhealthy", "detail": error.to_string()}))
        }
    }
}

async fn rate_limit(State(app): Shared, Caller(tenant): Caller) -> Response {
    let standing = app.limiter.as_ref().map(|limiter| limiter.standing(&tenant, app.clock.now()));
    let number = |of: fn(&Standing) -> u64| standing.as_ref().map(of);
    respond(
        StatusCode::OK,
        &json!({
            "limit": number(|it| it.limit),
            "remaining": number(|it| it.remaining),
            "reset_time": standing.as_ref().map(|it| time::format(it.reset_at)),
            "window_size_seconds": standing.as_ref().map(seconds),
            "exceeded": number(|it| it.remaining) == Some(0),
        }),
    )
}

/// Whose key the request carries.
struct Caller(Tenant);

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refusal> {
        let key = parts.headers.get("x-api-key").ok_or(Refusal::NoKey)?;
        app.keys.tenant(key.as_bytes()).cloned().map(Self).ok_or(Refusal::WrongKey)
    }
}

/// Why a request is not served.
#[derive(Debug)]
enum Refusal {
    NoKey,
    WrongKey,
    NotFound(&'static str),
    /// The request cannot be understood; this is wrong with it.
    Malformed(String),
    TooLarge,
    /// The client paused too long within the body.
    TooSlow,
    /// The body comes in a coding that is not taken.
    Encoded(String),
    Invalid(Vec<Fault>),
    TooMany(Standing, Micros),
    Store(StoreError),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::NoKey => detail(StatusCode::UNAUTHORIZED, "API key required: send it in the header X-API-Key"),
            Self::WrongKey => detail(StatusCode::UNAUTHORIZED, "Invalid API key"),
            Self::NotFound(what) => detail(StatusCode::NOT_FOUND, what),
            Self::Malformed(why) => detail(StatusCode::BAD_REQUEST, why),
            Self::TooLarge => detail(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("The body is larger than the {} bytes that are taken", body::MAX_BYTES),
            ),
            Self::TooSlow => detail(StatusCode::REQUEST_TIMEOUT, "The rest of the body did not come"),
            Self::Encoded(coding) => detail(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                format!("Content-Encoding {coding} is not taken: send the body as it is"),
            ),
            Self::Invalid(faults) => respond(StatusCode::UNPROCESSABLE_ENTITY, &Detail { detail: faults }),
            Self::TooMany(standing, now) => {
                let mut response = detail(StatusCode::TOO_MANY_REQUESTS, exceeded(&standing));
                let wait = (standing.reset_at - now).max(1).cast_unsigned().div_ceil(1_000_000);
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait));
                response
            }
            Self::Store(error @ StoreError::Full(_)) => detail(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
            Self::Store(error) => detail(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        }
    }
}

/// PulseStream's words for a limit that is used up.
fn exceeded(standing: &Standing) -> String {
    format!("Rate limit exceeded. Limit: {} events per {} seconds", standing.limit, seconds(standing))
}

#[allow(clippy::cast_precision_loss)] // a window of 2^53 µs is 285 years
fn seconds(standing: &Standing) -> Value {
    match standing.window {
        window if window % 1_000_000 == 0 => (window / 1_000_000).into(),
        window => (window as f64 / 1e6).into(),
    }
}

/// The form of a refusal, as FastAPI gives it.
#[derive(Serialize)]
struct Detail<T> {
    detail: T,
}

fn detail(status: StatusCode, what: impl Into<Value>) -> Response {
    respond(status, &Detail { detail: what.into() })
}

fn respond(status: StatusCode, value: &impl Serialize) -> Response {
    respond_bytes(status, serde_json::to_vec(value).expect("answers are maps with text keys"))
}

fn respond_bytes(status: StatusCode, bytes: Vec<u8>) -> Response {
    (status, [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], bytes).into_response()
}
