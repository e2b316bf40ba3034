//! How a request reaches the server. A small trait keeps sockets and HTTP libraries out of delivery.

mod answer;
mod coding;
pub(super) mod cork;
pub(super) mod dial;
pub(super) mod exit;
pub(super) mod head;
pub(super) mod http1;
pub(super) mod http2;
pub(super) mod kept;
mod line;
pub(super) mod proxy;
mod race;
pub(super) mod remote;
pub(super) mod stream;
pub(super) mod tls;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderValue};
use hyper::{Method, Uri};

use self::exit::Exit;
use crate::record::outcome::{ErrorKind, Resource};

/// A request.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// What precedes the body. Requests that differ only in the body share it.
    pub head: Arc<Head>,
    /// The body as it is sent.
    pub body: Bytes,
}

/// The head of a request.
#[derive(Debug, Clone)]
pub(super) struct Head {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub uri: Uri,
    /// All headers except the length of the body.
    pub headers: HeaderMap,
}

/// A complete answer.
#[derive(Debug)]
pub(super) struct Reply {
    /// The status code.
    pub status: u16,
    /// `Retry-After`, as it arrived.
    pub retry_after: Option<HeaderValue>,
    /// `Date`, as it arrived. A date in `Retry-After` counts from it, because the server's clock may be wrong.
    pub date: Option<HeaderValue>,
    /// The head as it came, if it is kept.
    pub head: Option<Box<[u8]>>,
    /// The body without compression, or its beginning if it could not be read.
    pub body: kept::Body,
    /// When the first byte went out, since the start of the run.
    pub began: Duration,
    /// From then to the last byte in, without connecting.
    pub latency: Duration,
}

/// Why there is no complete answer.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    /// The kind of error.
    pub kind: ErrorKind,
    /// What happened, in words.
    pub message: String,
    /// How far the request got.
    pub fate: Fate,
    /// Whether a retry is pointless, for example because the certificate is not trusted.
    pub lasting: bool,
}

/// How far a request got that has no complete answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nothing was sent, because there was no connection.
    Unreached,
    /// Nothing was sent, because this computer lacks a resource for a connection, such as a free port. The server is not at fault.
    Short(Resource),
    /// Nothing was sent, because the connection had ended that was kept from the request before. This is no news about the server.
    Lost,
    /// The server did not process it: it said so (RFC 9113, 8.7), or answered before a byte was sent.
    Refused,
    /// It was sent, or may have been.
    Unknown,
    /// The same, and the server closed a kept-alive connection without a byte of an answer.
    UnknownOnKept,
}

impl Fate {
    /// Whether nothing of the request was sent.
    pub(super) fn is_unsent(self) -> bool {
        matches!(self, Self::Unreached | Self::Short(_) | Self::Lost)
    }
}

impl Failure {
    /// There is no connection now. There may be one later.
    pub(super) fn unreached(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), fate: Fate::Unreached, lasting: false }
    }

    /// The connection that was kept has ended, and nothing was sent.
    pub(super) fn lost() -> Self {
        Self { fate: Fate::Lost, ..Self::unreached(ErrorKind::Reset, "the connection had ended") }
    }

    /// There is no connection, and there will be none.
    pub(super) fn lasting(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { lasting: true, ..Self::unreached(kind, message) }
    }

    /// The request was sent, or may have been.
    pub(super) fn unanswered(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), fate: Fate::Unknown, lasting: false }
    }
}

/// The failure for a success that arrived before the whole request was sent: the server cannot have stored what it has not seen. A
/// refusal may arrive that early, because the head of the request can be reason enough.
fn too_early(status: u16) -> Option<Failure> {
    let message = || format!("HTTP {status} arrived before the whole request was sent, so it is not an answer to it");
    (200..300).contains(&status).then(|| Failure::unanswered(ErrorKind::Malformed, message()))
}

/// A way to the server for one request at a time. Each sender has its own.
pub(super) trait Transport {
    /// Connects if there is no connection.
    ///
    /// # Errors
    /// If there is no connection.
    fn connect(&mut self) -> impl Future<Output = Result<(), Failure>>;

    /// Sends a request and waits for its complete answer.
    ///
    /// Dropping the future gives up the request and closes its connection.
    ///
    /// # Errors
    /// If there is no complete answer. The failure says whether the request may have been sent.
    fn exchange(&mut self, request: Request) -> impl Future<Output = Result<Reply, Failure>>;

    /// Whether anything of the last request may have been sent, for a request that was given up.
    fn may_have_left(&self) -> bool;
}

/// A transport that can work on another thread than its sender.
pub(super) trait Portable: Transport {
    /// Whether there is a connection that has not ended, as far as is known.
    fn is_connected(&mut self) -> impl Future<Output = bool>;

    /// The next request must leave by this exit, or not at all.
    fn leave_by(&mut self, exit: Exit);

    /// Closes the connection.
    fn close(&mut self);
}
