//! The hot path: one persistent HTTP/1.1 connection a sender, driven by the sender's own task.
//!
//! hyper's connection future is polled beside the request it carries instead of in a task of its own: a request costs no
//! switch between tasks, and dropping a request drops its connection with it.

use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper_util::rt::TokioIo;

use super::cork::{Cork, Corked};
use super::dial::{Dial, Stream};
use super::{Failure, Kept, Reach, Reply, Request, Transport, tls};
use crate::clock::Clock;
use crate::record::outcome::ErrorKind;

/// One persistent connection, made when it is first needed and made again when it broke.
pub struct Http1 {
    dial: Rc<Dial>,
    cork: Rc<Cork<Stream>>,
    clock: Arc<dyn Clock>,
    /// How many bytes of an answer's body are kept.
    kept: usize,
    open: Option<Link>,
    may_have_left: bool,
}

type Wire = Connection<TokioIo<Corked<Stream>>, Full<Bytes>>;

struct Link {
    send: SendRequest<Full<Bytes>>,
    /// `None` once it has ended.
    connection: Option<Pin<Box<Wire>>>,
    /// Whether it has carried no request yet.
    fresh: bool,
}

impl Http1 {
    /// A sender's way to the target, which keeps so many bytes of an answer's body; nothing is connected yet.
    pub fn new(dial: Rc<Dial>, cork: Rc<Cork<Stream>>, clock: Arc<dyn Clock>, kept: usize) -> Self {
        Self { dial, cork, clock, kept, open: None, may_have_left: false }
    }

    async fn new_link(&self) -> Result<Link, Failure> {
        let stream = self.dial.connect().await?;
        let (send, connection) = Builder::new()
            .handshake(TokioIo::new(self.cork.on(stream)))
            .await
            .map_err(|e| Failure::unreached(ErrorKind::Connect, e.to_string()))?;
        Ok(Link { send, connection: Some(Box::pin(connection)), fresh: true })
    }
}

impl Link {
    /// Waits for `future` while the connection does its work.
    async fn drive<F: Future>(&mut self, future: F) -> F::Output {
        let mut future = pin!(future);
        std::future::poll_fn(|cx| {
            if let Poll::Ready(done) = future.as_mut().poll(cx) {
                return Poll::Ready(done);
            }
            self.poll(cx);
            future.as_mut().poll(cx)
        })
        .await
    }

    /// Lets the connection do its work. An error is told to the request too.
    fn poll(&mut self, cx: &mut Context<'_>) {
        if let Some(connection) = &mut self.connection
            && connection.as_mut().poll(cx).is_ready()
        {
            self.connection = None;
        }
    }

    /// Whether the connection can carry another request. Where a server closed it while it was idle, that shows here or when
    /// the request is to go out.
    async fn is_open(&mut self) -> bool {
        if !self.send.is_ready() {
            std::future::poll_fn(|cx| {
                self.poll(cx);
                Poll::Ready(())
            })
            .await;
        }
        self.connection.is_some() && self.send.is_ready()
    }

    async fn body(&mut self, mut body: Incoming, most: usize) -> Result<(Bytes, bool), hyper::Error> {
        let mut kept = Kept::new(most);
        while let Some(frame) = self.drive(std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx))).await {
            let Ok(data) = frame?.into_data() else { continue };
            kept.push(data);
            // Where the length was known, hyper need not be asked whether there is more: asked while the answer is held it
            // takes a new buffer for the next.
            if body.is_end_stream() {
                break;
            }
        }
        Ok(kept.end())
    }
}

impl Transport for Http1 {
    async fn connect(&mut self) -> Result<Reach, Failure> {
        if let Some(link) = &mut self.open
            && link.is_open().await
        {
            return Ok(Reach::Connected);
        }
        self.open = None;
        self.open = Some(self.new_link().await?);
        Ok(Reach::Connected)
    }

    async fn exchange(&mut self, request: Request) -> Result<Reply, Failure> {
        let Request { method, uri, headers, body } = request;
        let mut message = hyper::Request::new(Full::new(body));
        *message.method_mut() = method;
        *message.uri_mut() = uri;
        *message.headers_mut() = headers;
        loop {
            self.may_have_left = false;
            let mut link = match self.open.take() {
                Some(link) => link,
                None => self.new_link().await?,
            };
            let fresh = std::mem::replace(&mut link.fresh, false);
            self.may_have_left = true;
            let began = self.clock.elapsed();
            let sending = link.send.try_send_request(message);
            let response = match link.drive(sending).await {
                Ok(response) => response,
                Err(mut e) => match e.take_message() {
                    // The server closed the connection while it was idle, and nothing of this request left.
                    Some(unsent) if !fresh => {
                        message = unsent;
                        continue;
                    }
                    _ => return Err(failure(&e.into_error(), fresh)),
                },
            };
            let status = response.status().as_u16();
            let retry_after = response.headers().get(hyper::header::RETRY_AFTER).cloned();
            let (body, is_whole) = link.body(response.into_body(), self.kept).await.map_err(|e| failure(&e, false))?;
            let latency = self.clock.elapsed().saturating_sub(began);
            self.open = Some(link);
            return Ok(Reply { status, retry_after, body, is_whole, latency });
        }
    }

    fn may_have_left(&self) -> bool {
        self.may_have_left
    }
}

/// What hyper's error means for a request that may have left, the first on its connection where that is `fresh`.
fn failure(error: &hyper::Error, fresh: bool) -> Failure {
    let of_tls = tls::error_in(error);
    if let Some(refusal) = of_tls.filter(|e| fresh && tls::refuses_us(e)) {
        return Failure::lasting(ErrorKind::Tls, refusal.to_string());
    }
    let kind = if of_tls.is_some() {
        ErrorKind::Tls
    } else if error.is_timeout() {
        ErrorKind::Timeout
    } else if is_malformed(error) {
        ErrorKind::Malformed
    } else {
        ErrorKind::Reset
    };
    let cause = std::error::Error::source(error).map(|e| format!(": {e}")).unwrap_or_default();
    Failure::unanswered(kind, format!("{error}{cause}"))
}

/// Whether what came is no HTTP: a head that cannot be read, or a body whose chunks cannot.
pub(super) fn is_malformed(error: &hyper::Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|e| e.downcast_ref::<io::Error>());
    let bad_chunk = cause.is_some_and(|e| matches!(e.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData));
    error.is_parse() || bad_chunk
}
