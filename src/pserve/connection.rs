//! One connection, over TCP or a Unix socket: HTTP/1.1 with a timeout for the head of each request, or HTTP/2 without TLS, if the
//! client begins with its preface.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio::time::{Sleep, sleep};

use super::api::Cut;
use super::socket::Socket;

/// How long the head of a request may take from its first byte, and how long a new connection may take to send that byte.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// The first bytes from an HTTP/2 client (RFC 9113, 3.4).
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n";

/// The most requests that an HTTP/2 client may have open at once.
const STREAMS: u32 = 200;

/// How often an HTTP/2 client is asked for a sign of life, and how long it may take to give one.
const PING: Duration = Duration::from_secs(30);

/// Serves the requests of a connection until it ends, or until `stop` is set and the request in progress has its answer.
pub(super) async fn serve(io: Socket, api: Router, mut stop: watch::Receiver<bool>) {
    // Odd while a request is served, even while waiting for one.
    let turn = Arc::<AtomicU64>::default();
    let reset = Arc::<AtomicBool>::default();
    let io = Watched {
        io,
        turn: Arc::clone(&turn),
        reset: Arc::clone(&reset),
        head: Some(0),
        has_bytes: false,
        is_http2: false,
        due: None,
    };
    let api = TowerToHyperService::new(api);
    let service = service_fn(move |request| {
        turn.fetch_add(1, Ordering::Relaxed);
        let answer = api.call(request);
        let (turn, reset) = (Arc::clone(&turn), Arc::clone(&reset));
        async move {
            let Ok(answer) = answer.await;
            turn.fetch_add(1, Ordering::Relaxed);
            match answer.extensions().get::<Cut>() {
                None => Ok(answer),
                Some(how) => {
                    reset.store(*how == Cut::Reset, Ordering::Relaxed);
                    Err(io::Error::from(io::ErrorKind::ConnectionAborted))
                }
            }
        }
    });
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        .max_header_list_size(64 << 10);
    let mut connection = pin!(http.serve_connection(TokioIo::new(io), service));
    tokio::select! {
        // How a connection ends is up to the client.
        _ = connection.as_mut() => return,
        () = async { drop(stop.wait_for(|stopped| *stopped).await) } => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

/// A connection with a timeout for the heads of requests.
struct Watched {
    io: Socket,
    turn: Arc<AtomicU64>,
    /// Whether the connection is to end with a reset.
    reset: Arc<AtomicBool>,
    /// The turn in which a head has begun to arrive.
    head: Option<u64>,
    /// Whether any byte has arrived.
    has_bytes: bool,
    /// Whether these began with HTTP/2's preface. Its requests have no turns.
    is_http2: bool,
    due: Option<Pin<Box<Sleep>>>,
}

impl Drop for Watched {
    fn drop(&mut self) {
        if self.reset.load(Ordering::Relaxed) {
            self.io.end_with_reset();
        }
    }
}

impl Watched {
    /// Answers a request that hyper does not get to see. What does not fit into the socket's buffer is dropped.
    fn refuse(&self, status: &str, why: &str) -> io::Error {
        let body = format!("{{\"detail\":\"{why}\"}}");
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let _ = self.io.try_write((head + &body).as_bytes());
        io::ErrorKind::ConnectionAborted.into()
    }
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let turn = self.turn.load(Ordering::Relaxed);
        let is_waiting = turn.is_multiple_of(2);
        match Pin::new(&mut self.io).poll_read(cx, buf) {
            Poll::Ready(Ok(())) => {
                let read = &buf.filled()[before..];
                self.is_http2 |= !self.has_bytes && read.starts_with(HTTP2_PREFACE);
                self.has_bytes |= !read.is_empty();
                if is_waiting && self.head != Some(turn) {
                    self.head = Some(turn);
                    self.due = None;
                }
                Poll::Ready(Ok(()))
            }
            Poll::Pending if is_waiting && self.head == Some(turn) && !self.is_http2 => {
                ready!(self.due.get_or_insert_with(|| Box::pin(sleep(HEAD_TIME))).as_mut().poll(cx));
                let nothing_arrived = io::ErrorKind::TimedOut.into();
                let why = "The rest of the request's head did not arrive";
                Poll::Ready(Err(if self.has_bytes { self.refuse("408 Request Timeout", why) } else { nothing_arrived }))
            }
            Poll::Pending => {
                self.due = None;
                Poll::Pending
            }
            failed => failed,
        }
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        blocks: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, blocks)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
