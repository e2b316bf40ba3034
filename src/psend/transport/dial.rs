//! Makes connections: name look-up, TCP, and TLS on top where the target is `https`.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Failure;
use crate::error::{Error, Result};
use crate::psend::target::Target;
use crate::record::outcome::ErrorKind;

/// Where to connect, and how.
#[derive(Clone)]
pub struct Dial {
    /// The host's name or address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// How TLS is spoken, where it is.
    pub tls: Option<Tls>,
    /// How long connecting may take, TLS included.
    pub timeout: Duration,
}

/// How TLS is spoken to the target.
#[derive(Clone)]
pub struct Tls {
    /// Which certificates are trusted.
    pub config: Arc<rustls::ClientConfig>,
    /// The name that the server's certificate must carry.
    pub name: ServerName<'static>,
}

impl Dial {
    /// How to reach this target; TLS trusts what the system trusts.
    ///
    /// # Errors
    /// Where TLS is wanted and the system has no certificates to trust.
    pub fn to(target: &Target, timeout: Duration) -> Result<Self> {
        let tls = if target.tls { Some(Tls::to(&target.host)?) } else { None };
        Ok(Self { host: target.host.clone(), port: target.port, tls, timeout })
    }

    /// A new connection.
    ///
    /// # Errors
    /// Why there is none; nothing of a request has left.
    pub async fn connect(&self) -> std::result::Result<Stream, Failure> {
        match tokio::time::timeout(self.timeout, self.connect_in_time()).await {
            Ok(done) => done,
            Err(_) => Err(Failure::unreached(
                ErrorKind::Timeout,
                format!("no connection to {} within {:?}", self.name(), self.timeout),
            )),
        }
    }

    async fn connect_in_time(&self) -> std::result::Result<Stream, Failure> {
        let tcp = self.connect_tcp().await?;
        let _ = tcp.set_nodelay(true);
        let Some(tls) = &self.tls else { return Ok(Stream::Tcp(tcp)) };
        match TlsConnector::from(Arc::clone(&tls.config)).connect(tls.name.clone(), tcp).await {
            Ok(stream) => Ok(Stream::Tls(Box::new(stream))),
            Err(e) => Err(Failure {
                kind: ErrorKind::Tls,
                message: format!("{}: {e}", self.name()),
                sent: false,
                // An error of TLS itself stays; a connection that breaks in the middle of it may not.
                lasting: e.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()),
            }),
        }
    }

    async fn connect_tcp(&self) -> std::result::Result<TcpStream, Failure> {
        let found = tokio::net::lookup_host((self.host.as_str(), self.port)).await;
        let addresses: Vec<SocketAddr> =
            found.map_err(|e| Failure::unreached(ErrorKind::Dns, format!("{}: {e}", self.host)))?.collect();
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(tcp) => return Ok(tcp),
                Err(e) => last = e,
            }
        }
        Err(Failure::unreached(ErrorKind::Connect, format!("{}: {last}", self.name())))
    }

    fn name(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

impl Tls {
    fn to(host: &str) -> Result<Self> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| Error::usage(format!("'{host}' is no name that a certificate can carry")))?;
        let mut roots = rustls::RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            return Err(Error::failed("the system has no certificates to trust (Debian and Ubuntu: ca-certificates)"));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| Error::failed(format!("TLS: {e}")))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { config: Arc::new(config), name })
    }
}

/// A connection's bytes.
pub enum Stream {
    /// Plain.
    Tcp(TcpStream),
    /// Encrypted.
    Tls(Box<TlsStream<TcpStream>>),
}

/// Calls the same method on whichever stream it is.
macro_rules! on_stream {
    ($self:ident, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            Stream::Tcp($stream) => $call,
            Stream::Tls($stream) => $call,
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        on_stream!(self, s => Pin::new(s).poll_read(cx, buf))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        on_stream!(self, s => Pin::new(s).poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_stream!(self, s => Pin::new(s).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_stream!(self, s => Pin::new(s).poll_shutdown(cx))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        on_stream!(self, s => Pin::new(s).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(s) => s.is_write_vectored(),
            Self::Tls(s) => s.is_write_vectored(),
        }
    }
}
