//! The proxy that the environment names, and tunnels through it (RFC 9110, 9.3.6).

use std::fmt;

use hyper::Method;
use hyper::header::HeaderValue;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::Failure;
use super::answer::ResponseReader;
use super::kept::{Kept, Limit};
use crate::psend::target::Route;
use crate::record::outcome::ErrorKind;

/// The form of a proxy's URL.
const FORM: &str = "expected a URL such as http://proxy.example:3128";

/// The message for 407, which comes from the proxy and not from the server.
const REFUSED: &str = "the proxy refused (407): the user and password in its URL are missing or wrong";

/// The longest head of a proxy's answer.
const LONGEST_HEAD: usize = 16 << 10;

/// A proxy.
#[derive(Debug, Clone)]
pub(in crate::psend) struct Proxy {
    /// Whether it is reached with TLS.
    pub tls: bool,
    /// Its name or address; an IPv6 address without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The value of `Proxy-Authorization`, from the user and password in its URL.
    pub authorization: Option<HeaderValue>,
}

impl Proxy {
    /// The proxy with this URL, unless `no_proxy` excludes the target.
    ///
    /// # Errors
    /// If the URL is wrong. The message does not show a password in it.
    pub(in crate::psend) fn read(url: &str, no_proxy: &str, target: &hyper::Uri) -> Result<Option<Self>, String> {
        let matcher = |url: String| Matcher::builder().all(url).no(no_proxy).build();
        // A valid URL tells whether the target is excluded.
        if matcher("http://proxy.invalid".to_owned()).intercept(target).is_none() {
            return Ok(None);
        }
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        if !["http", "https"].iter().any(|spoken| scheme.eq_ignore_ascii_case(spoken)) {
            return Err(match scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b)) {
                true => format!("psend supports proxies with http:// and https://, not {scheme}://"),
                false => FORM.to_owned(),
            });
        }
        let url = format!("{}://{rest}", scheme.to_ascii_lowercase());
        let found = matcher(url).intercept(target).ok_or_else(|| format!("not the URL of a proxy; {FORM}"))?;
        Self::of(&found).map(Some)
    }

    fn of(found: &Intercept) -> Result<Self, String> {
        let uri = found.uri();
        let tls = uri.scheme_str() == Some("https");
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let host = uri.host().unwrap_or_default();
        let port = match authority.strip_prefix(host) {
            Some("") => {
                if tls {
                    443
                } else {
                    80
                }
            }
            Some(port) => port
                .strip_prefix(':')
                .and_then(|digits| digits.parse().ok())
                .filter(|port| *port > 0)
                .ok_or_else(|| format!("the port is not valid; {FORM}"))?,
            None => return Err(format!("not the URL of a proxy; {FORM}")),
        };
        let host = host.trim_matches(['[', ']']).to_owned();
        if host.is_empty() {
            return Err(format!("it names no host; {FORM}"));
        }
        Ok(Self { tls, host, port, authorization: found.basic_auth().cloned() })
    }

    /// The route to it.
    pub(in crate::psend) fn route(&self) -> Route {
        Route::Tcp { host: self.host.clone(), port: self.port }
    }

    /// The failure for a status that only the proxy gives.
    pub(in crate::psend) fn refusal(status: u16) -> Option<Failure> {
        (status == 407).then(|| Failure::lasting(ErrorKind::Connect, REFUSED))
    }

    /// Opens a tunnel to this host and port. From then on the stream is a connection to the target.
    ///
    /// # Errors
    /// If the proxy does not open it.
    pub(in crate::psend) async fn tunnel<S>(&self, stream: &mut S, authority: &str) -> Result<(), Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let broke = |e: std::io::Error| Failure::unreached(ErrorKind::Connect, format!("by proxy {self}: {e}"));
        let mut request = format!("CONNECT {authority} HTTP/1.1\r\nhost: {authority}\r\n").into_bytes();
        if let Some(value) = &self.authorization {
            request.extend([b"proxy-authorization: ", value.as_bytes(), b"\r\n"].concat());
        }
        request.extend_from_slice(b"\r\n");
        stream.write_all(&request).await.map_err(broke)?;
        stream.flush().await.map_err(broke)?;
        let mut answer = ResponseReader::to(&Method::CONNECT, Kept::new(&Limit::new(0)));
        let mut held = Vec::new();
        // Reads no byte beyond the head: what follows comes from the target.
        while !answer.is_whole() {
            let byte = stream.read_u8().await.map_err(broke)?;
            held.push(byte);
            if byte != b'\n' {
                continue;
            }
            let taken = answer
                .take(&held)
                .map_err(|e| Failure::unreached(ErrorKind::Connect, format!("by proxy {self}: {e}")))?;
            held.drain(..taken);
            if held.len() > LONGEST_HEAD {
                return Err(broke(std::io::Error::other("its answer is too long")));
            }
        }
        match answer.status {
            200..=299 => Ok(()),
            status => Err(Self::refusal(status).unwrap_or_else(|| {
                let message = format!("by proxy {self}: it refused to connect to {authority} (HTTP {status})");
                Failure::unreached(ErrorKind::Connect, message)
            })),
        }
    }
}

impl fmt::Display for Proxy {
    /// Host and port, without the password that its URL may hold.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.route().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Result<Option<Proxy>, String> {
        Proxy::read(url, "a.example,10.0.0.0/8", &"http://api.example/".parse().expect("a URL"))
    }

    #[test]
    fn a_proxy_is_taken_apart() {
        for (url, shown, tls) in [
            ("http://proxy.example:3128", "proxy.example:3128", false),
            ("proxy.example:3128", "proxy.example:3128", false),
            ("HTTPS://proxy.example", "proxy.example:443", true),
            ("http://me:pass%20word@[::1]:8080/", "[::1]:8080", false),
            ("proxy", "proxy:80", false),
        ] {
            let proxy = read(url).expect(url).expect(url);
            assert_eq!((proxy.to_string().as_str(), proxy.tls), (shown, tls));
            assert_eq!(proxy.authorization.is_some(), url.contains('@'));
        }
        let excepted = Proxy::read("nonsense nonsense", "api.example", &"http://api.example/".parse().expect("a URL"));
        assert!(excepted.expect("it is not looked at").is_none());
    }

    #[test]
    fn what_is_no_proxy_is_refused_and_never_passed_over() {
        for url in [
            "127.0.0.1:9 ",
            " 127.0.0.1:9",
            "http://",
            "http://:80",
            "proxy:",
            "proxy:0",
            "proxy:99999",
            "proxy:80a",
            "http://pro xy",
            "socks5://proxy:1080",
            "socks5h://me:hunter2@proxy",
            "ftp://proxy",
            "http:/proxy:80",
            "a b://c",
            "http://me:hunter2@",
            "\u{e4}",
            "[::1:80",
        ] {
            let why = read(url).expect_err(url);
            assert!(why.contains("http://") && !why.contains("hunter2"), "{url}: {why}");
        }
    }
}
