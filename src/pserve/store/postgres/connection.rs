//! One connection to PostgreSQL. It moves while somebody waits for it, and so needs no thread of its own.

use std::error::Error as _;
use std::fmt;
use std::future::Future;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, NoTls};

use super::address::Address;
use super::tls::Tls;
use crate::pserve::store::StoreError;

/// What holds for each connection. A commit is on the server's disk when it returns, whatever the default of the database is. No
/// statement waits for a lock for longer than with SQLite. Compiling a query would take longer than it runs.
const SESSION: &str = "SET lock_timeout = '5s'; SET jit = off; \
     SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection.
pub(super) struct Connection {
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
    pub(super) client: Client,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// If the server cannot be reached, or refuses.
    pub(super) fn open(address: &Address, tls: Option<&Tls>) -> Result<Self, StoreError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| StoreError::Away(e.to_string()))?;
        let client = runtime.block_on(connect(address, tls))?;
        let connection = Self { runtime: Some(runtime), client };
        connection.wait(async { Ok(connection.client.batch_execute(SESSION).await?) })?;
        Ok(connection)
    }

    /// Waits for an answer.
    ///
    /// # Errors
    /// If the question fails or the answer does not come in time.
    pub(super) fn wait<T>(&self, answer: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        self.stream(async {
            let late = |_| StoreError::Away(format!("no answer within {} s", PATIENCE.as_secs()));
            timeout(PATIENCE, answer).await.map_err(late)?
        })
    }

    /// Waits for an answer that may take any time.
    ///
    /// # Errors
    /// If the question fails.
    pub(super) fn stream<T>(&self, answer: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        self.runtime.as_ref().expect("it is not being dropped").block_on(answer)
    }

    /// Whether the server has not closed it, as far as that is known.
    pub(super) fn is_open(&self) -> bool {
        let look = async {
            // Twice: once to see that something has arrived, and once to read it.
            yield_now().await;
            yield_now().await;
            Ok(())
        };
        self.stream(look).is_ok() && !self.client.is_closed()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // A reader may be dropped where waiting is not allowed.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

async fn connect(address: &Address, tls: Option<&Tls>) -> Result<Client, tokio_postgres::Error> {
    // What the connection's end is due to is told to those who wait for an answer.
    match tls {
        None => {
            let (client, connection) = address.config.connect(NoTls).await?;
            tokio::spawn(connection);
            Ok(client)
        }
        Some(tls) => {
            let (client, connection) = address.config.connect(tls.clone()).await?;
            tokio::spawn(connection);
            Ok(client)
        }
    }
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(said) = error.as_db_error() else {
            let because = error.source().map_or_else(String::new, |source| format!(": {source}"));
            return Self::Away(format!("PostgreSQL: {error}{because}"));
        };
        let message = format!("PostgreSQL: {}", said.message());
        match said.code() {
            code if *code == SqlState::DISK_FULL => Self::Full(message),
            code if is_passing(code) => Self::Away(message),
            _ => Self::Failed(message),
        }
    }
}

/// Whether what failed may succeed later: no connection, no right to connect, read-only, a conflict of transactions, no resources, a
/// lock, an operator, the system, or a database or table that somebody removed.
fn is_passing(code: &SqlState) -> bool {
    let gone = [SqlState::READ_ONLY_SQL_TRANSACTION, SqlState::UNDEFINED_DATABASE, SqlState::UNDEFINED_TABLE];
    gone.contains(code) || ["08", "28", "40", "53", "55", "57", "58"].contains(&&code.code()[..2])
}
