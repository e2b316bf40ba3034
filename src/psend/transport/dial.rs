//! Makes connections: looks up names, connects over TCP or a Unix socket, through a proxy if there is one, with TLS for `https`.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::proxy::Proxy;
use super::stream::Stream;
use super::tls::Trust;
use super::{Failure, Fate, race};
use crate::error::{Error, Result as Made};
use crate::psend::target::{Route, Target};
use crate::record::outcome::{ErrorKind, Resource};

/// The protocol of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::psend) enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

impl Protocol {
    /// Its name in TLS (RFC 7301).
    fn name(self) -> &'static [u8] {
        match self {
            Self::Http1 => b"http/1.1",
            Self::Http2 => b"h2",
        }
    }
}

/// Where to connect, and how.
#[derive(Clone)]
pub(in crate::psend) struct Dial {
    route: Route,
    proxy: Option<(Proxy, Option<Tls>)>,
    /// The host and port of the tunnel through the proxy. `None` if the proxy gets the requests themselves.
    tunnel_to: Option<String>,
    tls: Option<Tls>,
    timeout: Duration,
}

/// TLS with one host.
#[derive(Clone)]
struct Tls {
    config: Arc<rustls::ClientConfig>,
    /// The name that its certificate must have.
    name: ServerName<'static>,
}

impl Tls {
    fn to(host: &str, trust: &Trust, protocol: Protocol) -> Made<Self> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| Error::usage(format!("'{host}' is not a valid name for a certificate")))?;
        Ok(Self { config: Arc::new(trust.config(&[protocol.name()])?), name })
    }
}

impl Dial {
    /// How to reach this target by this route or through this proxy. `timeout` is for connecting, including TLS.
    ///
    /// # Errors
    /// If TLS is needed and cannot be set up.
    pub(in crate::psend) fn to(
        target: &Target,
        route: Route,
        proxy: Option<&Proxy>,
        trust: &Trust,
        protocol: Protocol,
        timeout: Duration,
    ) -> Made<Self> {
        trust.check_files()?;
        let tls = target.tls.then(|| Tls::to(&target.host, trust, protocol)).transpose()?;
        // A proxy that gets the requests themselves needs HTTP/1.1.
        let tunnel_to = (target.tls || protocol == Protocol::Http2).then(|| target.route().to_string());
        let proxy = match proxy {
            None => None,
            Some(proxy) => {
                let tls = proxy.tls.then(|| Tls::to(&proxy.host, trust, Protocol::Http1)).transpose()?;
                Some((proxy.clone(), tls))
            }
        };
        Ok(Self { route, proxy, tunnel_to, tls, timeout })
    }

    /// The proxy that gets the requests themselves, if there is one.
    pub(in crate::psend) fn forwarder(&self) -> Option<&Proxy> {
        self.proxy.as_ref().map(|(proxy, _)| proxy).filter(|_| self.tunnel_to.is_none())
    }

    /// How long connecting may take.
    pub(in crate::psend) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Makes a new connection.
    ///
    /// # Errors
    /// If there is none. Nothing of a request has been sent.
    pub(in crate::psend) async fn connect(&self) -> Result<Stream, Failure> {
        match tokio::time::timeout(self.timeout, self.connect_in_time()).await {
            Ok(done) => done,
            Err(_) => Err(Failure::unreached(
                ErrorKind::Timeout,
                format!("no connection to {} within {:?}", self.next_host(), self.timeout),
            )),
        }
    }

    /// Where connections go, as messages name it.
    fn next_host(&self) -> String {
        match &self.proxy {
            Some((proxy, _)) => format!("proxy {proxy}"),
            None => self.route.to_string(),
        }
    }

    async fn connect_in_time(&self) -> Result<Stream, Failure> {
        let mut stream = match &self.proxy {
            Some((proxy, tls)) => {
                let plain = Stream::Tcp(self.connect_tcp(&proxy.host, proxy.port).await?);
                secure(plain, tls.as_ref(), &proxy.route()).await?
            }
            None => match &self.route {
                Route::Tcp { host, port } => Stream::Tcp(self.connect_tcp(host, *port).await?),
                Route::Unix(path) => Stream::Unix(self.connect_unix(path).await?),
            },
        };
        if let (Some((proxy, _)), Some(authority)) = (&self.proxy, &self.tunnel_to) {
            proxy.tunnel(&mut stream, authority).await?;
        }
        secure(stream, self.tls.as_ref(), &self.route).await
    }

    async fn connect_tcp(&self, host: &str, port: u16) -> Result<TcpStream, Failure> {
        let found = tokio::net::lookup_host((host, port)).await;
        let addresses: Vec<SocketAddr> = found
            .map_err(|e| match shortage(&e, None) {
                Some(short) => short,
                None => Failure::unreached(ErrorKind::Dns, self.by_proxy(format_args!("{host}: {e}"))),
            })?
            .collect();
        let tcp = race::connect(&addresses, self.timeout).await.map_err(|last| match last {
            None => Failure::unreached(ErrorKind::Dns, self.by_proxy(format_args!("{host}: the name has no address"))),
            Some((address, e)) => shortage(&e, Some(address))
                .unwrap_or_else(|| self.refused(&Route::Tcp { host: host.to_owned(), port }, &e)),
        })?;
        // Requests are written in one piece: waiting to send more at once would only delay them.
        let _ = tcp.set_nodelay(true);
        Ok(tcp)
    }

    async fn connect_unix(&self, path: &PathBuf) -> Result<UnixStream, Failure> {
        let connected = UnixStream::connect(path).await;
        connected.map_err(|e| shortage(&e, None).unwrap_or_else(|| self.refused(&self.route, &e)))
    }

    fn refused(&self, route: &Route, error: &io::Error) -> Failure {
        Failure::unreached(ErrorKind::Connect, self.by_proxy(format_args!("{route}: {error}")))
    }

    fn by_proxy(&self, what: fmt::Arguments<'_>) -> String {
        if self.proxy.is_some() { format!("by proxy {what}") } else { what.to_string() }
    }
}

/// Adds TLS to a connection if `tls` is given.
async fn secure(plain: Stream, tls: Option<&Tls>, route: &Route) -> Result<Stream, Failure> {
    let Some(Tls { config, name }) = tls else { return Ok(plain) };
    match TlsConnector::from(Arc::clone(config)).connect(name.clone(), plain).await {
        Ok(stream) => Ok(Stream::Tls(Box::new(stream))),
        Err(e) => {
            let no_protocol = rustls::Error::AlertReceived(rustls::AlertDescription::NoApplicationProtocol);
            match e.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                Some(error) if *error == no_protocol => {
                    let asked = if config.alpn_protocols == [Protocol::Http2.name()] { "HTTP/2" } else { "HTTP/1.1" };
                    Err(Failure::lasting(ErrorKind::Http, format!("the server does not speak {asked} ({e})")))
                }
                // An error of TLS itself is permanent. A connection that breaks during the handshake may work later.
                Some(_) => Err(Failure::lasting(ErrorKind::Tls, format!("{route}: {e}"))),
                None => Err(Failure::unreached(ErrorKind::Tls, format!("{route}: {e}"))),
            }
        }
    }
}

/// The failure for an error that means that this computer has no resources for another connection to this address.
fn shortage(error: &io::Error, to: Option<SocketAddr>) -> Option<Failure> {
    let (resource, what) = match Errno::from_io_error(error)? {
        Errno::ADDRNOTAVAIL if has_way(to?) => {
            (Resource::Ports, "a free port: all are taken by connections to this server, or closed not long ago")
        }
        Errno::MFILE | Errno::NFILE => (Resource::Files, "another open file"),
        Errno::NOBUFS | Errno::NOMEM => (Resource::Memory, "memory for another connection"),
        _ => return None,
    };
    let message = format!("this computer does not have {what} ({error})");
    Some(Failure { fate: Fate::Short(resource), ..Failure::unreached(ErrorKind::Connect, message) })
}

/// Whether this computer has an address from which `to` can be reached. A UDP socket uses no TCP port, and connecting it sends nothing.
fn has_way(to: SocketAddr) -> bool {
    let any: SocketAddr = match to {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    UdpSocket::bind(any).and_then(|socket| socket.connect(to)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lack_of_this_computers_is_told_from_a_refusal() {
        let here = "127.0.0.1:80".parse().expect("an address");
        let of = |errno: Errno| shortage(&errno.into(), Some(here)).map(|failure| failure.message);
        assert!(of(Errno::ADDRNOTAVAIL).is_some_and(|message| message.contains("a free port")));
        assert!(of(Errno::MFILE).is_some_and(|message| message.contains("open file")));
        assert_eq!(of(Errno::CONNREFUSED), None);
        // No address of ours reaches one that is for documentation alone and of a scope that does not exist.
        assert!(shortage(&Errno::CONNRESET.into(), None).is_none());
    }
}
