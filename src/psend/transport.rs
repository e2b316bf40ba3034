//! How one request reaches the server: a small trait, so that delivery knows neither sockets nor an HTTP library.

pub mod cork;
pub mod dial;
pub mod http1;
pub mod pooled;
pub mod tls;

use std::time::Duration;

use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderValue};
use hyper::{Method, Uri};

use crate::record::outcome::ErrorKind;

/// How much of an answer's body is kept; the rest is read and dropped.
pub const KEPT_BODY: usize = 1 << 20;

/// What is sent.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub uri: Uri,
    /// All headers.
    pub headers: HeaderMap,
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
    /// The body, at most its first [`KEPT_BODY`] bytes.
    pub body: Bytes,
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
    /// Whether any of the request may have left.
    pub sent: bool,
    /// Whether trying again is pointless, as with a certificate that is not trusted.
    pub lasting: bool,
}

impl Failure {
    /// No connection was made; it may be later.
    pub fn unreached(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), sent: false, lasting: false }
    }

    /// No connection is made, and none will be.
    pub fn lasting(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { lasting: true, ..Self::unreached(kind, message) }
    }

    /// The request left, or may have.
    pub fn unanswered(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), sent: true, lasting: false }
    }
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
