//! HTTP/2, with h2: one connection that all senders share.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Builder, Connection, ResponseFuture, SendRequest};
use h2::{Ping, Reason, SendStream};
use hyper::header::{CONTENT_ENCODING, HOST, RETRY_AFTER};
use hyper::http::uri::{Authority, Scheme};
use hyper::{Request as Head, Uri, Version};

use super::dial::Dial;
use super::kept::{FREE, Kept, Limit};
use super::stream::Stream;
use super::{Failure, Fate, Reply, Request, Transport, tls, too_early};
use crate::clock::Clock;
use crate::error::{Error, Result as Made};
use crate::record::outcome::ErrorKind;

/// The flow-control window of an answer, in bytes.
const WINDOW: u32 = FREE as u32;

/// The flow-control window of the connection. It is so large that no answer waits for another.
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;

/// The longest head of an answer, in bytes.
const LONGEST_HEAD: u32 = 64 << 10;

/// How often a request that the server did not process is repeated, over half a second, before this counts as a failed attempt.
const AT_ONCE: u32 = 8;

/// A sender's handle on the shared connection.
#[derive(Clone)]
pub(in crate::psend) struct Http2 {
    shared: Rc<Shared>,
    /// When the last request began to be sent, if it did.
    began: Cell<Option<Duration>>,
}

/// The connection, and what the senders know about it.
struct Shared {
    dial: Dial,
    scheme: Scheme,
    authority: Authority,
    clock: Arc<dyn Clock>,
    limit: Arc<Limit>,
    /// Held by the sender that is connecting.
    making: tokio::sync::Mutex<()>,
    open: RefCell<Option<Open>>,
    /// Connections made so far.
    made: Cell<u64>,
    /// Answers that any sender has received.
    answers: Cell<u64>,
}

/// A connection that accepts requests.
#[derive(Clone)]
struct Open {
    number: u64,
    requests: SendRequest<Bytes>,
}

impl Shared {
    /// The connection, or a new one if there is none.
    async fn open(&self) -> Result<Open, Failure> {
        let _alone = self.making.lock().await;
        if let Some(open) = &*self.open.borrow() {
            return Ok(open.clone());
        }
        let stream = self.dial.connect().await?;
        let mut builder = Builder::new();
        builder
            .enable_push(false)
            .initial_window_size(WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(LONGEST_HEAD);
        let reached = tokio::time::timeout(self.dial.timeout(), speak(&builder, stream)).await;
        let (requests, connection) = reached.unwrap_or_else(|_| {
            Err(Failure::unreached(ErrorKind::Timeout, "the server took the connection and said nothing in HTTP/2"))
        })?;
        // Each request on the connection gets its error too.
        tokio::task::spawn_local(async move { drop(connection.await) });
        self.made.set(self.made.get() + 1);
        let open = Open { number: self.made.get(), requests };
        *self.open.borrow_mut() = Some(open.clone());
        Ok(open)
    }

    /// Sends no more requests on this connection. Requests that are on it continue.
    fn leave(&self, number: u64) {
        self.open.borrow_mut().take_if(|open| open.number == number);
    }
}

/// Starts HTTP/2 and waits until the server has answered a PING. Only then is it known that the server supports HTTP/2 and accepts our
/// certificate. A request that is sent earlier could be lost for either reason.
async fn speak(builder: &Builder, stream: Stream) -> Result<(SendRequest<Bytes>, Connection<Stream>), Failure> {
    let (requests, mut connection) = builder.handshake::<_, Bytes>(stream).await.map_err(|e| no_http2(Some(&e)))?;
    let mut pings = connection.ping_pong().expect("it is taken only here");
    let pong = tokio::select! {
        biased;
        end = &mut connection => Err(no_http2(end.err().as_ref())),
        pong = pings.ping(Ping::opaque()) => pong.map_err(|e| no_http2(Some(&e))),
    };
    pong.map(|_| (requests, connection))
}

/// The head of an answer, in the form that HTTP/1.1 gives it.
fn head_text(head: &hyper::http::response::Parts) -> Box<[u8]> {
    let mut text = format!("HTTP/2 {}\r\n", head.status.as_u16()).into_bytes();
    for (name, value) in &head.headers {
        text.extend_from_slice(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    text.into()
}

/// Why a connection ended before the server answered in HTTP/2.
fn no_http2(error: Option<&h2::Error>) -> Failure {
    let message = error.map_or_else(|| "it closed the connection".to_owned(), ToString::to_string);
    match error {
        // h2 keeps only the text of an error of the connection.
        Some(_) if tls::says_it_refuses_us(&message) => Failure::lasting(ErrorKind::Tls, message),
        Some(e) if e.is_library() => {
            Failure::lasting(ErrorKind::Http, format!("the server does not speak HTTP/2 ({message})"))
        }
        // A server without HTTP/2 does this, but also one that is restarting.
        _ => Failure::unreached(ErrorKind::Connect, format!("the server said nothing in HTTP/2 ({message})")),
    }
}

/// A request in flight. If it is given up and no sender has received an answer since it began, the connection counts as dead: a peer
/// that lost power, or a firewall that dropped the connection, does not announce it.
struct UnderWay<'a> {
    shared: &'a Shared,
    connection: u64,
    answers: u64,
    ended: bool,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if !self.ended && self.shared.answers.get() == self.answers {
            self.shared.leave(self.connection);
        }
    }
}

impl Http2 {
    /// The way to a target with this scheme and authority, not connected yet.
    ///
    /// # Errors
    /// If they are not valid.
    pub(in crate::psend) fn new(
        dial: Dial,
        scheme: &str,
        authority: &str,
        clock: Arc<dyn Clock>,
        limit: Arc<Limit>,
    ) -> Made<Self> {
        let wrong = |_| Error::usage(format!("'{scheme}://{authority}' is not a target that HTTP/2 can name"));
        let shared = Shared {
            dial,
            scheme: scheme.parse().map_err(wrong)?,
            authority: authority.parse().map_err(wrong)?,
            clock,
            limit,
            making: tokio::sync::Mutex::default(),
            open: RefCell::default(),
            made: Cell::default(),
            answers: Cell::default(),
        };
        Ok(Self { shared: Rc::new(shared), began: Cell::default() })
    }

    /// The head of a request in HTTP/2. The path is exactly the one that HTTP/1.1 sends; `..` in it is kept.
    fn head(&self, request: &Request) -> Head<()> {
        let mut uri = request.head.uri.clone().into_parts();
        uri.scheme = Some(self.shared.scheme.clone());
        uri.authority = Some(self.shared.authority.clone());
        let mut head = Head::new(());
        *head.method_mut() = request.head.method.clone();
        *head.uri_mut() = Uri::from_parts(uri).expect("a scheme, an authority and a path are a URL");
        *head.version_mut() = Version::HTTP_2;
        *head.headers_mut() = request.head.headers.clone();
        head.headers_mut().remove(HOST);
        head
    }

    /// Sends a request on this connection, and waits for its answer.
    async fn carry(&self, open: &Open, request: &Request) -> Result<Reply, Failure> {
        let mut requests = open.requests.clone().ready().await.map_err(|e| self.failure(&e, open, false))?;
        let is_empty = request.body.is_empty();
        let (response, stream) =
            requests.send_request(self.head(request), is_empty).map_err(|e| self.failure(&e, open, false))?;
        if is_empty {
            self.note_beginning();
        }
        let mut sending = std::pin::pin!(self.send_body(stream, &request.body));
        let mut receiving = std::pin::pin!(self.receive(response, open));
        let mut sent = None;
        let mut reply = loop {
            tokio::select! {
                biased;
                done = &mut sending, if sent.is_none() => sent = Some(done),
                done = &mut receiving => break done?,
            }
        };
        let now = self.shared.clock.elapsed();
        reply.began = self.began.get().unwrap_or(now);
        reply.latency = now.saturating_sub(reply.began);
        match too_early(reply.status) {
            Some(failure) if !matches!(sent, Some(Ok(()))) => Err(failure),
            _ => Ok(reply),
        }
    }

    /// Notes when the request begins to be sent.
    fn note_beginning(&self) {
        if self.began.get().is_none() {
            self.began.set(Some(self.shared.clock.elapsed()));
        }
    }

    /// Sends the body in pieces of the size that the server accepts.
    async fn send_body(&self, mut stream: SendStream<Bytes>, body: &Bytes) -> Result<(), h2::Error> {
        let mut left = body.clone();
        while !left.is_empty() {
            stream.reserve_capacity(left.len());
            // A stream that waits for others to end gets no capacity.
            let Some(room) = poll_fn(|cx| stream.poll_capacity(cx)).await.transpose()? else { return Ok(()) };
            if room == 0 {
                continue;
            }
            self.note_beginning();
            let part = left.split_to(room.min(left.len()));
            stream.send_data(part, left.is_empty())?;
        }
        Ok(())
    }

    async fn receive(&self, response: ResponseFuture, open: &Open) -> Result<Reply, Failure> {
        let response = response.await.map_err(|e| self.failure(&e, open, true))?;
        self.shared.answers.set(self.shared.answers.get() + 1);
        let (head, mut body) = response.into_parts();
        let mut kept = Kept::new(&self.shared.limit);
        loop {
            poll_fn(|cx| kept.poll_room(cx)).await;
            let Some(part) = body.data().await else { break };
            let part = part.map_err(|e| Failure { fate: Fate::Unknown, ..self.failure(&e, open, true) })?;
            kept.push(&part);
            // This fails if the stream is over. Then no capacity is needed.
            let _ = body.flow_control().release_capacity(part.len());
        }
        let shown = kept.keeps_heads().then(|| head_text(&head));
        let codings: Vec<&[u8]> = head.headers.get_all(CONTENT_ENCODING).iter().map(|value| value.as_bytes()).collect();
        Ok(Reply {
            status: head.status.as_u16(),
            retry_after: head.headers.get(RETRY_AFTER).cloned(),
            date: head.headers.get(hyper::header::DATE).cloned(),
            head: shown,
            body: kept.end(&codings.join(&b',')),
            began: Duration::ZERO,
            latency: Duration::ZERO,
        })
    }

    /// What an error means for a request. `is_given` says whether the connection had accepted the request.
    fn failure(&self, error: &h2::Error, open: &Open, is_given: bool) -> Failure {
        if !error.is_reset() {
            self.shared.leave(open.number);
        }
        let message = error.to_string();
        let reason = error.reason().filter(|_| error.is_remote());
        // GOAWAY only ends streams that the server will not process. The others continue.
        let is_refused = error.is_remote() && (error.is_go_away() || reason == Some(Reason::REFUSED_STREAM));
        let fate = if is_refused || !is_given || self.began.get().is_none() { Fate::Refused } else { Fate::Unknown };
        if error.is_reset() && reason == Some(Reason::HTTP_1_1_REQUIRED) {
            // It does not promise that the request was not processed (RFC 9113, 8.7).
            let message = format!("the server requires HTTP/1.1: leave out --http2 ({message})");
            return Failure { fate, lasting: true, ..Failure::unanswered(ErrorKind::Http, message) };
        }
        let kind = if error.is_library() { ErrorKind::Malformed } else { ErrorKind::Reset };
        Failure { fate, ..Failure::unanswered(kind, message) }
    }
}

impl Transport for Http2 {
    async fn connect(&mut self) -> Result<(), Failure> {
        self.shared.open().await.map(drop)
    }

    async fn exchange(&mut self, request: Request) -> Result<Reply, Failure> {
        for again in 0.. {
            self.began.set(None);
            // The first repeat comes at once: the server may only have asked for another connection.
            tokio::time::sleep(Duration::from_millis((1 << again) - 1)).await;
            let open = self.shared.open().await?;
            let answers = self.shared.answers.get();
            let mut under_way = UnderWay { shared: &self.shared, connection: open.number, answers, ended: false };
            let done = self.carry(&open, &request).await;
            under_way.ended = true;
            match done {
                Err(failure) if failure.fate == Fate::Refused && !failure.lasting && again < AT_ONCE => {}
                done => return done,
            }
        }
        unreachable!("there is a last time")
    }

    fn may_have_left(&self) -> bool {
        self.began.get().is_some()
    }
}
