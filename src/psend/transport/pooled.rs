//! HTTP/2 and proxies, by reqwest: one client that all senders share.
//!
//! It costs two to three times as much CPU a request as [`super::http1`] (limits.md), which therefore carries all else.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper_util::client::proxy::matcher::Intercept;
use reqwest::redirect;

use super::tls::Trust;
use super::{Failure, KEPT_BODY, Reply, Request, Transport};
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
        if target.tls || proxy.is_some() {
            builder = builder.tls_backend_preconfigured(trust.config(protocols)?);
        }
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
        Ok(Self { client, base: format!("{scheme}://{}", target.authority()).into(), clock })
    }
}

impl Transport for Pooled {
    async fn connect(&mut self) -> Result<(), Failure> {
        // The client connects when it sends.
        Ok(())
    }

    async fn exchange(&mut self, request: Request) -> Result<Reply, Failure> {
        let Request { method, uri, mut headers, body } = request;
        // HTTP/2 has it in the URL.
        headers.remove(hyper::header::HOST);
        let began = self.clock.elapsed();
        let sending = self.client.request(method, format!("{}{uri}", self.base)).headers(headers).body(body).send();
        let mut response = sending.await.map_err(|e| failure(&e))?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get(hyper::header::RETRY_AFTER).cloned();
        let mut body = BytesMut::new();
        while let Some(data) = response.chunk().await.map_err(|e| failure(&e))? {
            body.extend_from_slice(&data[..data.len().min(KEPT_BODY.saturating_sub(body.len()))]);
        }
        let latency = self.clock.elapsed().saturating_sub(began);
        Ok(Reply { status, retry_after, body: Bytes::from(body), latency })
    }
}

/// What reqwest's error means for a request that may have left.
fn failure(error: &reqwest::Error) -> Failure {
    let mut message = error.to_string();
    let mut cause = error.source();
    let mut lasting = false;
    let mut dns = false;
    let mut malformed = false;
    while let Some(inner) = cause {
        let text = inner.to_string();
        lasting |= inner.is::<rustls::Error>()
            || inner
                .downcast_ref::<std::io::Error>()
                .is_some_and(|e| e.get_ref().is_some_and(|e| e.is::<rustls::Error>()));
        dns |= text.starts_with("dns error");
        malformed |= inner.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse);
        if !message.contains(&text) {
            message = format!("{message}: {text}");
        }
        cause = inner.source();
    }
    if error.is_connect() {
        let kind = match (lasting, dns, error.is_timeout()) {
            (true, ..) => ErrorKind::Tls,
            (_, true, _) => ErrorKind::Dns,
            (.., true) => ErrorKind::Timeout,
            _ => ErrorKind::Connect,
        };
        return Failure { kind, message, sent: false, lasting };
    }
    Failure::unanswered(if malformed { ErrorKind::Malformed } else { ErrorKind::Reset }, message)
}
