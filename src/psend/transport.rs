//! How one request reaches the server: a small trait, so that delivery knows neither sockets nor an HTTP library.

pub mod cork;
pub mod dial;
pub mod http1;
pub mod pooled;
pub mod tls;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderValue};
use hyper::{Method, Uri};

use crate::record::outcome::ErrorKind;

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
    /// The body, as much of it as is kept; the rest was read and dropped.
    pub body: Bytes,
    /// Whether that is all of it.
    pub is_whole: bool,
    /// First byte out to last byte in; making a connection is no part of it.
    pub latency: Duration,
}

impl Reply {
    /// That the body is longer than what was kept of it, in words, where it is.
    pub fn cut(&self) -> Option<String> {
        (!self.is_whole).then(|| format!("the answer is longer than {} bytes", self.body.len()))
    }
}

/// An answer's body as it comes in, of which no more than so many bytes are kept.
#[derive(Debug)]
struct Kept {
    body: Vec<u8>,
    most: usize,
    is_whole: bool,
}

impl Kept {
    fn new(most: usize) -> Self {
        Self { body: Vec::new(), most, is_whole: true }
    }

    /// Takes the next part.
    fn push(&mut self, part: &[u8]) {
        let room = self.most - self.body.len();
        self.is_whole &= part.len() <= room;
        self.body.extend_from_slice(&part[..part.len().min(room)]);
    }

    /// The body, and whether that is all of it.
    fn end(self) -> (Bytes, bool) {
        (self.body.into(), self.is_whole)
    }
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
