//! Which database `--db` names, and how it is opened.

use std::ffi::OsStr;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::memory::Memory;
use super::postgres::Postgres;
use super::postgres::address::Address;
use super::sqlite::Sqlite;
use super::{Store, Writer};
use crate::error::{Error, Result};

/// A database, as `--db` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::pserve) enum Db {
    /// A SQLite file.
    File(PathBuf),
    /// `memory:`
    Memory,
    /// A PostgreSQL database.
    Postgres(Box<Address>),
}

/// Whether a name is meant as a URL.
fn is_url(name: &str) -> bool {
    const SCHEMES: [&str; 5] = ["postgres:", "postgresql:", "sqlite:", "mysql:", "file:"];
    SCHEMES.iter().any(|scheme| name.starts_with(scheme))
        || name.split_once("://").is_some_and(|(scheme, _)| scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

impl Db {
    /// The database of this name.
    ///
    /// # Errors
    /// A usage error that says what is expected.
    pub(in crate::pserve) fn named(name: &OsStr) -> Result<Self> {
        match name.to_str() {
            Some("memory:") => Ok(Self::Memory),
            Some(url) if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                Ok(Self::Postgres(Box::new(Address::parse(url)?)))
            }
            Some(":memory:") => Err(Error::usage(
                "--db :memory:: expected memory: for events that end with the server, or the name of a file",
            )),
            // It may hold a password, so it is not shown.
            Some(url) if is_url(url) => Err(Error::usage(
                "--db: expected a file, memory: or a URL such as postgres://user@host/database; ./NAME is always a file",
            )),
            _ => Ok(Self::File(name.into())),
        }
    }

    /// The file of this name, if it is one.
    pub(in crate::pserve) fn file(name: &OsStr) -> Option<PathBuf> {
        match Self::named(name) {
            Ok(Self::File(path)) => Some(path),
            _ => None,
        }
    }

    /// The same, with this password for PostgreSQL if the name has none.
    pub(in crate::pserve) fn or_password(self, password: Option<&str>) -> Self {
        match (self, password) {
            (Self::Postgres(address), Some(password)) => Self::Postgres(Box::new(address.or_password(password))),
            (other, _) => other,
        }
    }

    /// Opens it, and creates it if it does not exist.
    ///
    /// # Errors
    /// If it cannot be opened, belongs to another program, or has the schema of a newer version.
    pub(in crate::pserve) fn open(&self) -> Result<(Arc<dyn Store>, Box<dyn Writer>)> {
        match self {
            Self::File(path) => {
                let (store, writer) = Sqlite::open(path)?;
                Ok((Arc::new(store), Box::new(writer)))
            }
            Self::Memory => {
                let memory = Memory::default();
                Ok((Arc::new(memory.clone()), Box::new(memory)))
            }
            Self::Postgres(address) => {
                let (store, writer) = Postgres::open(address)?;
                Ok((Arc::new(store), Box::new(writer)))
            }
        }
    }
}

impl fmt::Display for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Memory => f.write_str("memory"),
            Self::Postgres(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_is_not_understood_is_no_file() {
        for url in ["postgres:events", "postgresql:/events", "sqlite:e.db", "mysql://u:s3cret@h/d", "redis://h"] {
            let said = Db::named(OsStr::new(url)).expect_err("it is no file").to_string();
            assert!(said.contains("postgres://user@host/database") && !said.contains("s3cret"), "{url}: {said}");
        }
        for file in ["e.db", "./postgres:events", "a/b:c.db"] {
            assert!(matches!(Db::named(OsStr::new(file)), Ok(Db::File(_))), "{file}");
        }
    }
}
