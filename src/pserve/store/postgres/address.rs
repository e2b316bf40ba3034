//! Which PostgreSQL database a URL names, and how it is reached.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use crate::error::{Error, Result};

/// How long connecting to a host may take, unless the URL says otherwise.
const CONNECTING: Duration = Duration::from_secs(5);

/// How long the system waits for a sign that what was sent has arrived.
const UNANSWERED: Duration = Duration::from_secs(30);

/// A PostgreSQL database. What it shows never has the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::pserve) struct Address {
    pub(super) config: Config,
}

impl Address {
    /// The database of a URL, such as `postgres://user@host/database`.
    ///
    /// # Errors
    /// A usage error that says what is expected, and shows nothing of the URL.
    pub(in crate::pserve) fn parse(url: &str) -> Result<Self> {
        let (place, query) = url.split_once('?').unwrap_or((url, ""));
        let (modes, others): (Vec<&str>, Vec<&str>) =
            query.split('&').filter(|pair| !pair.is_empty()).partition(|pair| pair.starts_with("sslmode="));
        let url = if others.is_empty() { place.to_owned() } else { format!("{place}?{}", others.join("&")) };
        let mut config: Config = url.parse().map_err(|e: tokio_postgres::Error| {
            let why = std::error::Error::source(&e).map_or_else(|| e.to_string(), ToString::to_string);
            wrong(&why)
        })?;
        if config.get_hosts().is_empty() {
            return Err(wrong("the host is missing"));
        }
        if config.get_hosts().iter().any(|host| matches!(host, Host::Tcp(name) if name.contains('@'))) {
            return Err(wrong("write an @ in the password as %40"));
        }
        let has_tls = match modes.last().map(|pair| &pair["sslmode=".len()..]) {
            None => !config.get_hosts().iter().all(is_here),
            Some("disable") => false,
            Some("require" | "verify-full") => true,
            Some(_) => return Err(wrong("sslmode may be disable, or verify-full, which require means too")),
        };
        config.ssl_mode(if has_tls { SslMode::Require } else { SslMode::Disable });
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECTING);
        }
        config.tcp_user_timeout(UNANSWERED);
        if config.get_application_name().is_none() {
            config.application_name("pserve");
        }
        Ok(Self { config })
    }

    /// The same with this password, if it has none.
    pub(in crate::pserve) fn or_password(mut self, password: &str) -> Self {
        if self.config.get_password().is_none() {
            self.config.password(password);
        }
        self
    }
}

fn wrong(why: &str) -> Error {
    Error::usage(format!("--db: {why}; expected a URL such as postgres://user:password@host:5432/database"))
}

/// Whether a host is this machine.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback()),
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgres://")?;
        if let Some(user) = self.config.get_user() {
            write!(f, "{user}@")?;
        }
        for (index, host) in self.config.get_hosts().iter().enumerate() {
            f.write_str(if index == 0 { "" } else { "," })?;
            match host {
                Host::Tcp(name) => f.write_str(name)?,
                Host::Unix(folder) => folder.display().fmt(f)?,
            }
            let port = self.config.get_ports().get(index).or(self.config.get_ports().first());
            port.map_or(Ok(()), |port| write!(f, ":{port}"))?;
        }
        self.config.get_dbname().map_or(Ok(()), |name| write!(f, "/{name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(url: &str) -> Address {
        Address::parse(url).expect("a sound URL")
    }

    #[test]
    fn a_password_is_never_shown() {
        for url in ["postgres://me:s3cret@db.example:6000/events", "postgresql://me@db.example:6000/events"] {
            let address = address(url).or_password("s3cret");
            assert_eq!(address.to_string(), "postgres://me@db.example:6000/events");
            assert!(!format!("{address:?}").contains("s3cret"));
            assert_eq!(address.config.get_password(), Some(&b"s3cret"[..]));
        }
        for url in
            ["postgres://me:s3c@ret@host/db", "postgres://me:s3cret@host:x/db", "postgres://me:s3cret@h?s3cret=1x"]
        {
            let said = Address::parse(url).expect_err("it is wrong").to_string();
            assert!(!said.contains("s3c") || url.ends_with("1x"), "{said}");
        }
    }

    #[test]
    fn other_machines_are_reached_by_tls_unless_the_url_says_otherwise() {
        for (url, mode) in [
            ("postgres://db.example/e", SslMode::Require),
            ("postgres://db.example/e?sslmode=disable", SslMode::Disable),
            ("postgres://localhost/e", SslMode::Disable),
            ("postgres://127.0.0.1/e?sslmode=verify-full", SslMode::Require),
            ("postgres:///e?host=/run/postgresql&sslmode=require", SslMode::Require),
            ("postgres://localhost,db.example/e", SslMode::Require),
            ("postgres:///e?host=/run/postgresql", SslMode::Disable),
        ] {
            assert_eq!(address(url).config.get_ssl_mode(), mode, "{url}");
        }
        for url in ["postgres://h/e?sslmode=prefer", "postgres://", "postgres:///e", "postgres://h/e?no_such_option=1"]
        {
            assert!(Address::parse(url).expect_err("it is wrong").to_string().contains("expected a URL"), "{url}");
        }
    }
}
