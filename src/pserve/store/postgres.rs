//! Events in a PostgreSQL database. The only module beside SQLite's that knows SQL.
//!
//! The event is kept as text, byte for byte, and as JSONB beside it: JSONB alone would forget spaces, the order of fields, and how a
//! number was written.

pub(super) mod address;
mod columns;
mod connection;
mod reader;
mod schema;
mod search;
mod tls;
mod writer;

use super::{Reader, Store, StoreError};
use crate::error::{Error, Result};
use address::Address;
use reader::PostgresReader;
use schema::Unready;
use tls::Tls;
use tokio_postgres::config::SslMode;
pub(super) use writer::PostgresWriter;

/// A PostgreSQL database that holds events.
#[derive(Clone)]
pub(super) struct Postgres {
    address: Address,
    tls: Option<Tls>,
}

impl Postgres {
    /// Connects for writing. Makes the tables if they do not exist.
    ///
    /// # Errors
    /// If the database cannot be reached, belongs to another program, or has the schema of a newer version.
    pub(super) fn open(address: &Address) -> Result<(Self, PostgresWriter)> {
        let tls = match address.config.get_ssl_mode() {
            SslMode::Require => Some(Tls::new()?),
            _ => None,
        };
        let writer = PostgresWriter::open(address, tls.as_ref()).map_err(|unready| match unready {
            Unready::Failed(error) => Error::failed(format!("{address}: cannot be opened: {error}")),
            Unready::Refused(why) => Error::failed(format!("{address}: {why}")),
        })?;
        Ok((Self { address: address.clone(), tls }, writer))
    }
}

impl Store for Postgres {
    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        Ok(Box::new(PostgresReader::open(&self.address, self.tls.as_ref())?))
    }
}
