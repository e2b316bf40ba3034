//! HTTP/2 and proxies, by reqwest: one client that all senders share.
//!
//! It costs two to three times as much CPU a request as [`super::http1`] (limits.md), which therefore carries all else.

use std::cell::Cell;
use std::error::Error as _;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper_util::client::proxy::matcher::Intercept;
use reqwest::redirect;
use rustls::AlertDescription;

use super::http1::is_malformed;
use super::tls::Trust;
use super::{Failure, KEPT_BODY, Reach, Reply, Request, Transport};
use crate::clock::Clock;
use crate::error::{Error, Result as Made};
use crate::psend::target::{Route, Target};
use crate::record::outcome::ErrorKind;

/// A sender's handle on the shared client.
#[derive(Clone)]
pub struct Pooled {
    client: reqwest::Client,
    base: Arc<str>,
    clock: Arc<dyn Clock>,
    /// Whether an answer has come to any sender.
    answered: Rc<Cell<bool>>,
}

impl Pooled {
    /// A client for this target, through this proxy, and by HTTP/2 alone where `http2`.
    ///
    /// # Errors
    /// Where TLS or the proxy cannot be set up.
    pub fn to(
        target: &Target,
        route: &Route,
        trust: &Trust,
        proxy: Option<&Intercept>,
        http2: bool,
        timeout: Duration,
        clock: Arc<dyn Clock>,
    ) -> Made<Self> {
        let protocols: &[&[u8]] = if http2 { &[b"h2"] } else { &[b"http/1.1"] };
        let mut builder = reqwest::Client::builder()
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .connect_timeout(timeout)
            .tcp_nodelay(true);
        // Without a configuration reqwest looks for one of the process, and there is none.
        let tls = if target.tls || proxy.is_some() { trust.config(protocols)? } else { Trust::nobody()? };
        builder = builder.tls_backend_preconfigured(tls);
        builder = if http2 { builder.http2_prior_knowledge() } else { builder.http1_only() };
        if let Route::Unix(path) = route {
            builder = builder.unix_socket(path.as_path());
        }
        if let Some(proxy) = proxy {
            let mut by = reqwest::Proxy::all(proxy.uri().to_string())
                .map_err(|_| Error::usage("the proxy in the environment is no URL"))?;
            if let Some(auth) = proxy.basic_auth() {
                by = by.custom_http_auth(auth.clone());
            }
            builder = builder.proxy(by);
        }
        let client = builder.build().map_err(|e| Error::failed(format!("cannot set up HTTP: {e}")))?;
        let scheme = if target.tls { "https" } else { "http" };
        Ok(Self { client, base: format!("{scheme}://{}", target.authority()).into(), clock, answered: Rc::default() })
    }
}

impl Transport for Pooled {
    async fn connect(&mut self) -> Result<Reach, Failure> {
        // The client connects when it sends.
        Ok(Reach::Unknown)
    }

    async fn exchange(&mut self, request: Request) -> Result<Reply, Failure> {
        let Request { method, uri, mut headers, body } = request;
        // HTTP/2 has it in the URL.
        headers.remove(hyper::header::HOST);
        let began = self.clock.elapsed();
        let sending = self.client.request(method, format!("{}{uri}", self.base)).headers(headers).body(body).send();
        let mut response = sending.await.map_err(|e| self.failure(&e))?;
        self.answered.set(true);
        let status = response.status().as_u16();
        let retry_after = response.headers().get(hyper::header::RETRY_AFTER).cloned();
        let mut body = BytesMut::new();
        while let Some(data) = response.chunk().await.map_err(|e| self.failure(&e))? {
            body.extend_from_slice(&data[..data.len().min(KEPT_BODY.saturating_sub(body.len()))]);
        }
        let latency = self.clock.elapsed().saturating_sub(began);
        Ok(Reply { status, retry_after, body: Bytes::from(body), latency })
    }
}

impl Pooled {
    /// What reqwest's error means for a request that may have left.
    fn failure(&self, error: &reqwest::Error) -> Failure {
        let found = Causes::of(error);
        let message = found.message;
        // What answered once speaks HTTP/2, whatever became of it since.
        if found.no_http2 && !self.answered.get() {
            return Failure::lasting(ErrorKind::Http, format!("the server does not speak HTTP/2 ({message})"));
        }
        if found.tls {
            return Failure::lasting(ErrorKind::Tls, message);
        }
        if found.proxy_wants_password {
            return Failure::lasting(ErrorKind::Connect, format!("the proxy refused (407): {message}"));
        }
        if error.is_connect() {
            let kind = match (error.is_dns(), error.is_timeout()) {
                (true, _) => ErrorKind::Dns,
                (_, true) => ErrorKind::Timeout,
                _ => ErrorKind::Connect,
            };
            return Failure::unreached(kind, message);
        }
        Failure::unanswered(if found.malformed { ErrorKind::Malformed } else { ErrorKind::Reset }, message)
    }
}

/// What stands in an error and all that caused it.
#[derive(Debug, Default)]
struct Causes {
    message: String,
    /// An error of TLS itself, which stays: a certificate that is not trusted.
    tls: bool,
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
            if let Some(error) = tls_error(inner) {
                found.tls = true;
                found.no_http2 |= *error == rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol);
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

/// The error of TLS that this is or wraps. An I/O error's source is not what it wraps, but the source of that.
fn tls_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    error.downcast_ref().or_else(|| tls_error(error.downcast_ref::<std::io::Error>()?.get_ref()?))
}
