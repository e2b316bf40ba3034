//! The target of the run: a URL, parsed and checked.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use url::Url;

/// Where connections go to reach a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    /// To a port of a host.
    Tcp {
        /// A name or an address; an IPv6 address without brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// To a Unix socket.
    Unix(PathBuf),
}

impl Route {
    /// Parses `HOST:PORT`.
    ///
    /// # Errors
    /// If it has another form.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let form = || "expected HOST:PORT, such as 10.0.0.7:8000 or [::1]:8000".to_owned();
        let (host, port) = text.rsplit_once(':').ok_or_else(form)?;
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        if bare.is_empty() || (bare == host && host.contains(':')) {
            return Err(form());
        }
        Ok(Self::Tcp { host: bare.to_owned(), port: port.parse().map_err(|_| form())? })
    }

    /// Whether it stays on this computer.
    pub(super) fn is_loopback(&self) -> bool {
        match self {
            Self::Unix(_) => true,
            Self::Tcp { host, .. } => {
                host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
            }
        }
    }

    /// Whether a list such as `localhost, *.staging.example, api.example:8443` includes it. A Unix socket is always included.
    pub(super) fn is_among(&self, hosts: &str) -> bool {
        let Self::Tcp { host, port } = self else { return true };
        let host = host.to_ascii_lowercase();
        let with_port = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        hosts.split([',', ' ']).map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
            let entry = entry.to_ascii_lowercase();
            match entry.strip_prefix('*') {
                Some(suffix) => suffix.starts_with('.') && (host.ends_with(suffix) || with_port.ends_with(suffix)),
                None => entry.trim_matches(['[', ']']) == host || entry == with_port,
            }
        })
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "{}", path.display()),
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

/// The server and the prefix of all paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// Whether to use TLS.
    pub tls: bool,
    /// A name or an address; an IPv6 address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The prefix of every path: the path of the URL, including a slash at its end. Empty for `/`.
    pub prefix: String,
    /// The parameters of the URL's query, decoded, in their order.
    pub parameters: Vec<(String, String)>,
}

impl Target {
    /// Parses a URL.
    ///
    /// # Errors
    /// If it is wrong. The message does not show a password in it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let form = "expected a URL such as http://localhost:8000 or https://host/prefix";
        let url = Url::parse(text).map_err(|e| match e {
            _ if text.contains('@') => form.to_owned(),
            e => format!("'{text}': {e}; {form}"),
        })?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("a user or password in the URL can be seen by other users: give it as a header with -H @FILE"
                .to_owned());
        }
        let tls = match url.scheme() {
            "http" => false,
            "https" => true,
            other => return Err(format!("psend does not support the scheme '{other}'; {form}")),
        };
        if url.fragment().is_some() {
            return Err(format!("the URL must not have a fragment; {form}"));
        }
        let host = url.host_str().ok_or(form)?.trim_matches(['[', ']']).to_owned();
        let port = url.port_or_known_default().ok_or(form)?;
        let prefix = if url.path() == "/" { "" } else { url.path() };
        let parameters = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        Ok(Self { tls, host, port, prefix: prefix.to_owned(), parameters })
    }

    /// The whole path for a path of the API. If that is empty, it is exactly the URL's path: many servers distinguish `/events/` from
    /// `/events`.
    pub(super) fn path(&self, path: &str) -> String {
        match path {
            "" if self.prefix.is_empty() => "/".to_owned(),
            "" => self.prefix.clone(),
            path => format!("{}{path}", self.prefix.trim_end_matches('/')),
        }
    }

    /// The scheme of its URL.
    pub(super) fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }

    /// The route that its URL names.
    pub(super) fn route(&self) -> Route {
        Route::Tcp { host: self.host.clone(), port: self.port }
    }

    /// Host and port, in the form of a Host header.
    pub(super) fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == if self.tls { 443 } else { 80 } { host } else { format!("{host}:{}", self.port) }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme(), self.authority(), self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Target {
        Target::parse(text).expect(text)
    }

    #[test]
    fn a_url_is_parsed() {
        let target = of("https://api.example/ingest/");
        assert_eq!((target.tls, target.port, target.prefix.as_str()), (true, 443, "/ingest/"));
        assert_eq!(target.to_string(), "https://api.example/ingest/");
        assert_eq!(of("http://[::1]:8000").authority(), "[::1]:8000");
        assert_eq!(of("http://localhost:8000").to_string(), "http://localhost:8000");
    }

    #[test]
    fn a_slash_at_the_end_of_the_url_stays_where_the_path_ends_there() {
        for (url, path, whole) in [
            ("http://h", "", "/"),
            ("http://h/", "", "/"),
            ("http://h/api/events", "", "/api/events"),
            ("http://h/api/events/", "", "/api/events/"),
            ("http://h/api/events/", "/{event_id}", "/api/events/{event_id}"),
            ("http://h/", "/api/v1/events", "/api/v1/events"),
            ("http://h/team", "/api/v1/events", "/team/api/v1/events"),
            ("http://h/team/", "/api/v1/events/", "/team/api/v1/events/"),
        ] {
            assert_eq!(of(url).path(path), whole, "{url} {path}");
        }
    }

    #[test]
    fn a_wrong_url_is_refused_without_showing_a_password() {
        for bad in ["localhost:8000", "ftp://host", "http://", "http://h/#top", "nonsense"] {
            assert!(Target::parse(bad).is_err(), "{bad}");
        }
        for secret in ["http://me:hunter2@host/", "http://me:hunter2@:x/"] {
            assert!(!Target::parse(secret).expect_err(secret).contains("hunter2"));
        }
    }

    #[test]
    fn only_this_computer_is_loopback() {
        for near in ["http://localhost:1", "http://127.0.0.1", "http://127.9.9.9", "http://[::1]"] {
            assert!(of(near).route().is_loopback(), "{near}");
        }
        for far in ["http://localhost.example", "http://128.0.0.1", "http://127.0.0.1.example", "http://10.0.0.1"] {
            assert!(!of(far).route().is_loopback(), "{far}");
        }
    }

    #[test]
    fn a_list_of_hosts_is_a_limit() {
        let target = of("http://api.staging.example:8443").route();
        for yes in ["api.staging.example", "a, *.staging.example", "API.staging.example:8443", "*.example:8443"] {
            assert!(target.is_among(yes), "{yes}");
        }
        for no in ["", "staging.example", "api.staging.example:80", "*", "*example", "*.staging"] {
            assert!(!target.is_among(no), "{no}");
        }
    }
}
