//! HTTP/2 and proxies, by reqwest: one client that all senders share.
//!
//! It costs two to three times as much CPU a request as [`super::http1`] (limits.md), which therefore carries all else.

use std::cell::{Cell, RefCell};
use std::error::Error as _;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use hyper_util::client::proxy::matcher::Intercept;
use reqwest::redirect;
use rustls::AlertDescription;

use super::tls::Trust;
use super::{Failure, Kept, Reach, Reply, Request, Transport, tls};
use crate::clock::Clock;
use crate::error::{Error, Result as Made};
use crate::psend::config::Network;
use crate::psend::target::{Route, Target};
use crate::record::outcome::ErrorKind;

/// No answer of the server's: it says that the proxy lets nothing of ours through.
const PROXY_REFUSED: &str = "the proxy refused (407)";

/// A sender's handle on the shared client.
#[derive(Clone)]
pub struct Pooled {
    shared: Rc<Shared>,
    base: Arc<str>,
    clock: Arc<dyn Clock>,
    /// How many bytes of an answer's body are kept.
    kept: usize,
    /// The proxy's host and port, where there is one.
    proxy: Option<Arc<str>>,
    /// When the last request began to go out, if it did.
    began: Arc<OnceLock<Duration>>,
}

/// The client, and what all senders learn of its connections.
struct Shared {
    client: RefCell<reqwest::Client>,
    /// Makes another client, with no connection yet.
    fresh: Box<dyn Fn() -> Made<reqwest::Client>>,
    /// How many clients there were before.
    before: Cell<u64>,
    /// Answers that have come to any sender.
    answers: Cell<u64>,
    /// Whether all requests share one connection, which goes silent for all at once.
    one_connection: bool,
}

impl Shared {
    /// Leaves a connection on which nothing comes any more: the next request makes a new one. What others still wait for on
    /// the old one goes its way.
    fn change_client(&self) {
        // What could be made once can be made again; and else the old one is as good as none.
        if let Ok(client) = (self.fresh)() {
            *self.client.borrow_mut() = client;
            self.before.set(self.before.get() + 1);
        }
    }
}

/// A request on its way. Where it is given up, and nothing was answered to anyone since it began, the connection is taken to
/// be gone though nobody said so: a peer that lost power or a firewall that forgot it says nothing.
struct UnderWay<'a> {
    shared: &'a Shared,
    client: u64,
    answers: u64,
    ended: bool,
}

impl<'a> UnderWay<'a> {
    fn begin(shared: &'a Shared) -> Self {
        Self { shared, client: shared.before.get(), answers: shared.answers.get(), ended: false }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let is_silent = self.shared.before.get() == self.client && self.shared.answers.get() == self.answers;
        if !self.ended && is_silent && self.shared.one_connection {
            self.shared.change_client();
        }
    }
}

/// A body that notes when a connection first asks for it, which is when the request's head goes out: reqwest itself does not
/// tell connecting and waiting for a connection from sending.
struct Outgoing {
    body: Option<Bytes>,
    clock: Arc<dyn Clock>,
    began: Arc<OnceLock<Duration>>,
}

impl Outgoing {
    fn note_beginning(&self) {
        self.began.get_or_init(|| self.clock.elapsed());
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.note_beginning();
        Poll::Ready(self.body.take().map(|body| Ok(Frame::data(body))))
    }

    fn is_end_stream(&self) -> bool {
        self.note_beginning();
        self.body.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.body.as_ref().map_or(0, |body| body.len() as u64))
    }
}

impl Pooled {
    /// A client for this target and the way to it.
    ///
    /// # Errors
    /// Where TLS or the proxy cannot be set up.
    pub fn to(target: &Target, network: &Network, clock: Arc<dyn Clock>) -> Made<Self> {
        let Network { route, trust, proxy, http2, connect_timeout, kept_body } = network;
        let (http2, timeout) = (*http2, *connect_timeout);
        let protocols: &[&[u8]] = if http2 { &[b"h2"] } else { &[b"http/1.1"] };
        // Without a configuration reqwest looks for one of the process, and there is none.
        let spoken = if target.tls || proxy.is_some() { trust.config(protocols)? } else { Trust::nobody()? };
        let by = proxy.as_ref().map(by_proxy).transpose()?;
        let route = route.clone();
        let fresh = move || {
            let mut builder = reqwest::Client::builder()
                .redirect(redirect::Policy::none())
                .retry(reqwest::retry::never())
                .no_proxy()
                .connect_timeout(timeout)
                .tcp_nodelay(true)
                .tls_backend_preconfigured(spoken.clone());
            builder = if http2 { builder.http2_prior_knowledge() } else { builder.http1_only() };
            if let Route::Unix(path) = &route {
                builder = builder.unix_socket(path.as_path());
            }
            if let Some(by) = &by {
                builder = builder.proxy(by.clone());
            }
            builder.build().map_err(|e| Error::failed(format!("cannot set up HTTP: {e}")))
        };
        let shared = Shared {
            client: RefCell::new(fresh()?),
            fresh: Box::new(fresh),
            before: Cell::default(),
            answers: Cell::default(),
            one_connection: http2,
        };
        let scheme = if target.tls { "https" } else { "http" };
        let base = format!("{scheme}://{}", target.authority()).into();
        Ok(Self {
            shared: Rc::new(shared),
            base,
            clock,
            kept: *kept_body,
            proxy: proxy.as_ref().map(|proxy| place_of(proxy).into()),
            began: Arc::default(),
        })
    }

    /// Whether the requests of all senders go over one connection.
    pub fn shares_one_connection(&self) -> bool {
        self.shared.one_connection
    }
}

/// Host and port of a proxy, without the password that its URL may hold.
pub fn place_of(proxy: &Intercept) -> String {
    let uri = proxy.uri();
    format!("{}:{}", uri.host().unwrap_or_default(), uri.port_u16().unwrap_or(80))
}

/// The way by a proxy.
fn by_proxy(proxy: &Intercept) -> Made<reqwest::Proxy> {
    let by = reqwest::Proxy::all(proxy.uri().to_string())
        .map_err(|_| Error::usage("the proxy in the environment is no URL"))?;
    Ok(match proxy.basic_auth() {
        Some(auth) => by.custom_http_auth(auth.clone()),
        None => by,
    })
}

impl Transport for Pooled {
    async fn connect(&mut self) -> Result<Reach, Failure> {
        // The client connects when it sends.
        Ok(Reach::Unknown)
    }

    async fn exchange(&mut self, request: Request) -> Result<Reply, Failure> {
        let Request { method, uri, headers, body } = request;
        let mut headers = Arc::unwrap_or_clone(headers);
        // HTTP/2 has it in the URL.
        headers.remove(hyper::header::HOST);
        self.began = Arc::default();
        let outgoing = Outgoing {
            body: Some(body).filter(|body| !body.is_empty()),
            clock: Arc::clone(&self.clock),
            began: Arc::clone(&self.began),
        };
        let mut under_way = UnderWay::begin(&self.shared);
        let request = self.shared.client.borrow().request(method, format!("{}{uri}", self.base)).headers(headers);
        let sent = request.body(reqwest::Body::wrap(outgoing)).send().await;
        under_way.ended = true;
        let mut response = sent.map_err(|e| self.failure(&e))?;
        self.shared.answers.set(self.shared.answers.get() + 1);
        let status = response.status().as_u16();
        if status == 407 && self.proxy.is_some() {
            return Err(Failure::lasting(ErrorKind::Connect, PROXY_REFUSED));
        }
        let retry_after = response.headers().get(hyper::header::RETRY_AFTER).cloned();
        let mut kept = Kept::new(self.kept);
        while let Some(data) = response.chunk().await.map_err(|e| self.failure(&e))? {
            kept.push(&data);
        }
        let (body, is_whole) = kept.end();
        let now = self.clock.elapsed();
        let latency = now.saturating_sub(self.began.get().copied().unwrap_or(now));
        Ok(Reply { status, retry_after, body, is_whole, latency })
    }

    fn may_have_left(&self) -> bool {
        self.began.get().is_some()
    }
}

impl Pooled {
    /// What reqwest's error means for a request that may have left.
    fn failure(&self, error: &reqwest::Error) -> Failure {
        let found = Causes::of(error);
        let message = found.message;
        // What answered once speaks HTTP/2, whatever became of it since.
        if found.no_http2 && self.shared.answers.get() == 0 {
            return Failure::lasting(ErrorKind::Http, format!("the server does not speak HTTP/2 ({message})"));
        }
        // Once a request has left, only what tells that nothing of it was read is an end.
        let is_unread =
            error.is_connect() || !self.may_have_left() || (found.refuses_us && self.shared.answers.get() == 0);
        if found.tls && is_unread {
            return Failure::lasting(ErrorKind::Tls, message);
        }
        if found.proxy_wants_password {
            return Failure::lasting(ErrorKind::Connect, format!("{PROXY_REFUSED}: {message}"));
        }
        if error.is_connect() || !self.may_have_left() {
            let kind = match (error.is_dns(), error.is_timeout()) {
                (true, _) => ErrorKind::Dns,
                (_, true) => ErrorKind::Timeout,
                _ => ErrorKind::Connect,
            };
            // The target's name is the proxy's to look up, and its connection the proxy's to make.
            let by = self.proxy.as_ref().map(|proxy| format!("by proxy {proxy}: ")).unwrap_or_default();
            return Failure::unreached(kind, by + &message);
        }
        let kind = match (found.tls, found.malformed) {
            (true, _) => ErrorKind::Tls,
            (_, true) => ErrorKind::Malformed,
            _ => ErrorKind::Reset,
        };
        Failure::unanswered(kind, message)
    }
}

/// What stands in an error and all that caused it.
#[derive(Debug, Default)]
struct Causes {
    message: String,
    /// An error of TLS itself, which stays: a certificate that is not trusted.
    tls: bool,
    /// The other side does not take our certificate, or the lack of one.
    refuses_us: bool,
    /// The other side does not know HTTP/2.
    no_http2: bool,
    proxy_wants_password: bool,
    malformed: bool,
}

impl Causes {
    fn of(error: &reqwest::Error) -> Self {
        let mut found = Self { message: error.to_string(), ..Self::default() };
        let mut cause = error.source();
        while let Some(inner) = cause {
            let text = inner.to_string();
            if let Some(error) = tls::error_in(inner) {
                found.tls = true;
                found.refuses_us |= tls::refuses_us(error);
                found.no_http2 |= *error == rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol);
            }
            // h2 keeps no more of an error of the connection than its words.
            if tls::says_it_refuses_us(&text) {
                (found.tls, found.refuses_us) = (true, true);
            }
            // The words of h2 for what an HTTP/1.1 server answers, and of hyper-util for 407: their types are private.
            found.no_http2 |= text.contains("frame with invalid size");
            found.proxy_wants_password |= text.ends_with("proxy authorization required");
            found.malformed |= inner.downcast_ref::<hyper::Error>().is_some_and(is_malformed);
            if !found.message.contains(&text) {
                found.message = format!("{}: {text}", found.message);
            }
            cause = inner.source();
        }
        found
    }
}

/// Whether what came is no HTTP: a head that cannot be read, or a body whose chunks cannot.
fn is_malformed(error: &hyper::Error) -> bool {
    let cause = error.source().and_then(|e| e.downcast_ref::<io::Error>());
    let bad_chunk = cause.is_some_and(|e| matches!(e.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData));
    error.is_parse() || bad_chunk
}
