//! How one request reaches the server: a small trait, so that delivery knows neither sockets nor an HTTP library.

mod answer;
mod coding;
pub mod cork;
pub mod dial;
pub mod http1;
pub mod http2;
pub mod kept;
pub mod proxy;
mod race;
pub mod stream;
pub mod tls;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderValue};
use hyper::{Method, Uri};

use crate::record::outcome::{ErrorKind, Resource};

/// What is sent.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub uri: Uri,
    /// All headers but for the body's length.
    pub headers: Arc<HeaderMap>,
    /// The body as it goes out.
    pub body: Bytes,
}

/// A whole answer.
#[derive(Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// `Retry-After`, as it came.
    pub retry_after: Option<HeaderValue>,
    /// `Date`, as it came: where the server's clock is wrong, a date in `Retry-After` counts from it.
    pub date: Option<HeaderValue>,
    /// The body as the server meant it, without compression; what is left of it where it could not be read.
    pub body: kept::Body,
    /// First byte out to last byte in; making a connection is no part of it.
    pub latency: Duration,
}

/// Why there is no whole answer.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The kind of trouble.
    pub kind: ErrorKind,
    /// What happened, in words.
    pub message: String,
    /// What became of the request.
    pub fate: Fate,
    /// Whether trying again is pointless, as with a certificate that is not trusted.
    pub lasting: bool,
}

/// What became of a request that got no whole answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Nothing of it left, for there was no connection.
    Unreached,
    /// Nothing of it left: this computer lacks what a connection takes. The server is not at fault.
    Short(Resource),
    /// The server did nothing with it: it said so (RFC 9113, 8.7), or answered before a byte had left.
    Refused,
    /// It left, or may have.
    Unknown,
    /// The same, and the server closed a connection that it had kept, without a byte of an answer.
    UnknownOnKept,
}

impl Fate {
    /// Whether nothing of the request left.
    pub fn is_unsent(self) -> bool {
        matches!(self, Self::Unreached | Self::Short(_))
    }
}

impl Failure {
    /// No connection was made; it may be later.
    pub fn unreached(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), fate: Fate::Unreached, lasting: false }
    }

    /// No connection is made, and none will be.
    pub fn lasting(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { lasting: true, ..Self::unreached(kind, message) }
    }

    /// The request left, or may have.
    pub fn unanswered(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), fate: Fate::Unknown, lasting: false }
    }
}

/// The kind and the words for an answer that says that a request was taken before all of it was sent. Nobody can have taken
/// what they have not seen; a refusal may come that early, for its head alone can be reason enough.
fn too_early(status: u16) -> Option<Failure> {
    let message = || format!("HTTP {status} came before the request was sent, so that it is no answer to it");
    (200..300).contains(&status).then(|| Failure::unanswered(ErrorKind::Malformed, message()))
}

/// What is known before a request is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// There is a connection.
    Connected,
    /// Only a request will show.
    Unknown,
}

/// A way to the server that carries one request at a time. Each sender has its own.
pub trait Transport {
    /// Makes sure that there is a connection, as far as that can be known before something is sent.
    ///
    /// # Errors
    /// Why there is none.
    fn connect(&mut self) -> impl Future<Output = Result<Reach, Failure>>;

    /// Sends a request and waits for its whole answer.
    ///
    /// Dropping the future gives the request up and closes its connection.
    ///
    /// # Errors
    /// Where no whole answer came; the failure says whether the request may have left.
    fn exchange(&mut self, request: Request) -> impl Future<Output = Result<Reply, Failure>>;

    /// Whether anything of the last request may have left; for one that was given up before its end.
    fn may_have_left(&self) -> bool;
}
