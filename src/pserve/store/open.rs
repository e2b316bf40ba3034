//! Which database `--db` names, and how it is opened.

use std::ffi::OsStr;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::memory::Memory;
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
}

impl Db {
    /// The database of this name.
    ///
    /// # Errors
    /// A usage error that says what is expected.
    pub(in crate::pserve) fn named(name: &OsStr) -> Result<Self> {
        match name.to_str() {
            Some("memory:") => Ok(Self::Memory),
            Some(":memory:") => Err(Error::usage(
                "--db :memory:: expected memory: for events that end with the server, or the name of a file",
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
        }
    }
}

impl fmt::Display for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Memory => f.write_str("memory"),
        }
    }
}
