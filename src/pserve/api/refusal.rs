//! Why a request is refused, and the form of each refusal.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::cut::{Cut, cut};
use super::respond::{detail, details};
use crate::clock::Micros;
use crate::pserve::limit::Standing;
use crate::pserve::store::StoreError;
use crate::pserve::validate::Fault;

/// When to try again if the database is away or full, in seconds.
const RETRY_S: u64 = 1;

/// Why a request is refused.
#[derive(Debug)]
pub(super) enum Refusal {
    NoKey,
    WrongKey,
    /// The message.
    NotFound(&'static str),
    /// The request cannot be understood. The message says why.
    Malformed(String),
    /// The body is longer than this many bytes.
    TooLarge(usize),
    /// The client paused for too long within the body.
    TooSlow,
    /// The body has this Content-Encoding, which is not supported.
    Encoded(String),
    Invalid(Vec<Fault>),
    /// The rate limit is used up at this time.
    TooMany(Standing, Micros),
    Store(StoreError),
    /// `--chaos` answers this status.
    Injected(u16),
    /// `--chaos` ends the connection.
    Cut(Cut),
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
            Self::NotFound(message) => detail(StatusCode::NOT_FOUND, message),
            Self::Malformed(why) => detail(StatusCode::BAD_REQUEST, why),
            Self::TooLarge(most) => {
                detail(StatusCode::PAYLOAD_TOO_LARGE, format!("The body is larger than the limit of {most} bytes"))
            }
            Self::TooSlow => detail(StatusCode::REQUEST_TIMEOUT, "The rest of the body did not arrive"),
            Self::Encoded(coding) => detail(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                format!("Content-Encoding {coding} is not supported: send the body as it is, or with gzip"),
            ),
            Self::Invalid(faults) => details(StatusCode::UNPROCESSABLE_ENTITY, &faults),
            Self::TooMany(standing, now) => {
                let mut response = detail(StatusCode::TOO_MANY_REQUESTS, exceeded(&standing));
                let wait = (standing.reset_at - now).max(1).cast_unsigned().div_ceil(1_000_000);
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait));
                response
            }
            Self::Store(error @ (StoreError::Full(_) | StoreError::Away(_))) => {
                let mut response = detail(StatusCode::SERVICE_UNAVAILABLE, error.to_string());
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(RETRY_S));
                response
            }
            Self::Injected(status) => {
                let status = StatusCode::from_u16(status).expect("a rule has a status from 400 to 599");
                detail(status, "Refused on purpose, by --chaos")
            }
            Self::Cut(how) => cut(Response::default(), how),
            Self::Store(error) => detail(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        }
    }
}

/// PulseStream's message for a rate limit that is used up.
pub(super) fn exceeded(standing: &Standing) -> String {
    format!("Rate limit exceeded. Limit: {} events per {} seconds", standing.limit, seconds(standing))
}

/// The length of a window in seconds: a whole number if it is one.
#[allow(clippy::cast_precision_loss)] // a window of 2^53 µs is 285 years
pub(super) fn seconds(standing: &Standing) -> Value {
    match standing.window {
        window if window % 1_000_000 == 0 => (window / 1_000_000).into(),
        window => (window as f64 / 1e6).into(),
    }
}
