//! Makes connections: name look-up, TCP or a Unix socket, and TLS on top where the target is `https`.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Failure;
use super::tls::Trust;
use crate::error::{Error, Result as Made};
use crate::psend::target::{Route, Target};
use crate::record::outcome::ErrorKind;

/// Where to connect, and how.
#[derive(Clone)]
pub struct Dial {
    route: Route,
    tls: Option<Tls>,
    timeout: Duration,
}

/// How TLS is spoken to the target.
#[derive(Clone)]
struct Tls {
    config: Arc<rustls::ClientConfig>,
    /// The name that the server's certificate must carry.
    name: ServerName<'static>,
}

impl Dial {
    /// How to reach this target by this route; making a connection, TLS included, may take so long.
    ///
    /// # Errors
    /// Where TLS is wanted and cannot be had.
    pub fn to(target: &Target, route: Route, trust: &Trust, timeout: Duration) -> Made<Self> {
        let tls = if target.tls {
            let name = ServerName::try_from(target.host.clone())
                .map_err(|_| Error::usage(format!("'{}' is no name that a certificate can carry", target.host)))?;
            Some(Tls { config: Arc::new(trust.config(&[b"http/1.1"])?), name })
        } else {
            None
        };
        Ok(Self { route, tls, timeout })
    }

    /// A new connection.
    ///
    /// # Errors
    /// Why there is none; nothing of a request has left.
    pub async fn connect(&self) -> Result<Stream, Failure> {
        match tokio::time::timeout(self.timeout, self.connect_in_time()).await {
            Ok(done) => done,
            Err(_) => Err(Failure::unreached(
                ErrorKind::Timeout,
                format!("no connection to {} within {:?}", self.route, self.timeout),
            )),
        }
    }

    async fn connect_in_time(&self) -> Result<Stream, Failure> {
        let plain = match &self.route {
            Route::Tcp { host, port } => Plain::Tcp(self.connect_tcp(host, *port).await?),
            Route::Unix(path) => Plain::Unix(self.connect_unix(path).await?),
        };
        let Some(tls) = &self.tls else { return Ok(Stream::Plain(plain)) };
        match TlsConnector::from(Arc::clone(&tls.config)).connect(tls.name.clone(), plain).await {
            Ok(stream) => Ok(Stream::Tls(Box::new(stream))),
            Err(e) => Err(Failure {
                kind: ErrorKind::Tls,
                message: format!("{}: {e}", self.route),
                sent: false,
                // An error of TLS itself stays; a connection that breaks in the middle of it may not.
                lasting: e.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()),
            }),
        }
    }

    async fn connect_tcp(&self, host: &str, port: u16) -> Result<TcpStream, Failure> {
        let found = tokio::net::lookup_host((host, port)).await;
        let addresses: Vec<SocketAddr> =
            found.map_err(|e| Failure::unreached(ErrorKind::Dns, format!("{host}: {e}")))?.collect();
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(tcp) => {
                    // Requests are whole when they are written: waiting for more of them would only delay them.
                    let _ = tcp.set_nodelay(true);
                    return Ok(tcp);
                }
                Err(e) => last = e,
            }
        }
        Err(self.refused(&last))
    }

    async fn connect_unix(&self, path: &PathBuf) -> Result<UnixStream, Failure> {
        UnixStream::connect(path).await.map_err(|e| self.refused(&e))
    }

    fn refused(&self, error: &io::Error) -> Failure {
        Failure::unreached(ErrorKind::Connect, format!("{}: {error}", self.route))
    }
}

/// A connection's bytes on the wire.
pub enum Plain {
    /// Over a network.
    Tcp(TcpStream),
    /// Within this computer.
    Unix(UnixStream),
}

/// A connection's bytes.
pub enum Stream {
    /// As they are.
    Plain(Plain),
    /// Encrypted.
    Tls(Box<TlsStream<Plain>>),
}

/// Hands reading and writing on to whichever of two streams it is.
macro_rules! either_stream {
    ($name:ident, $one:ident, $other:ident) => {
        impl AsyncRead for $name {
            fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    Self::$one(s) => Pin::new(s).poll_read(cx, buf),
                    Self::$other(s) => Pin::new(s).poll_read(cx, buf),
                }
            }
        }

        impl AsyncWrite for $name {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                match self.get_mut() {
                    Self::$one(s) => Pin::new(s).poll_write(cx, buf),
                    Self::$other(s) => Pin::new(s).poll_write(cx, buf),
                }
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    Self::$one(s) => Pin::new(s).poll_flush(cx),
                    Self::$other(s) => Pin::new(s).poll_flush(cx),
                }
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    Self::$one(s) => Pin::new(s).poll_shutdown(cx),
                    Self::$other(s) => Pin::new(s).poll_shutdown(cx),
                }
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[io::IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                match self.get_mut() {
                    Self::$one(s) => Pin::new(s).poll_write_vectored(cx, bufs),
                    Self::$other(s) => Pin::new(s).poll_write_vectored(cx, bufs),
                }
            }

            fn is_write_vectored(&self) -> bool {
                match self {
                    Self::$one(s) => s.is_write_vectored(),
                    Self::$other(s) => s.is_write_vectored(),
                }
            }
        }
    };
}

either_stream!(Plain, Tcp, Unix);
either_stream!(Stream, Plain, Tls);
