//! A SQLite file: how it is opened, and brought to the newest schema.
//!
//! It uses write-ahead logging with full synchronisation: a commit that has returned survives `kill -9` and a power cut.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use crate::error::{Error, Result};
use crate::pserve::store::{Facts, StoreError, sql};

/// `PRAGMA application_id` of our files ("PulP").
pub(super) const APPLICATION: i32 = 0x5075_6c50;

/// What leads from each version of the schema to the next. `PRAGMA user_version` is how many of them a file has seen.
pub(super) const MIGRATIONS: [&str; 4] =
    [include_str!("1.sql"), include_str!("2.sql"), include_str!("3.sql"), include_str!("4.sql")];

/// How long a statement waits for another process that is writing to the same file.
const BUSY: Duration = Duration::from_secs(5);

/// How often opening is retried meanwhile.
const RETRY: Duration = Duration::from_millis(20);

/// What tells a file from another that has its name.
pub(super) type Identity = (u64, u64);

/// A file that holds events, or will.
#[derive(Debug, Clone)]
pub(super) struct File {
    path: PathBuf,
}

impl File {
    /// The file of this path.
    pub(super) fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What is there now. `None` if there is no file.
    pub(super) fn identity(&self) -> Option<Identity> {
        std::fs::metadata(&self.path).ok().map(|found| (found.dev(), found.ino()))
    }

    /// Opens it for writing. Creates it if it does not exist.
    ///
    /// # Errors
    /// If it cannot be opened, is not a database, or belongs to another program.
    pub(super) fn open(&self) -> Result<Connection> {
        let begun = Instant::now();
        loop {
            // If several processes create the file at once, one succeeds, and the others open what it created.
            match self.open_once() {
                Err(Opening::Failed(error)) if is_busy(&error) && begun.elapsed() < BUSY => thread::sleep(RETRY),
                Err(Opening::Failed(error)) => return Err(self.error(&error)),
                Err(Opening::Refused(error)) => return Err(error),
                Ok(connection) => return Ok(connection),
            }
        }
    }

    /// Opens it for reading.
    pub(super) fn open_to_read(&self) -> rusqlite::Result<Connection> {
        let connection = self.connect(OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        leave_log(&connection)?;
        Ok(connection)
    }

    fn open_once(&self) -> Result<Connection, Opening> {
        let connection = self.connect(OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        self.prepare(&connection)?;
        Ok(connection)
    }

    fn connect(&self, mode: OpenFlags) -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags(&self.path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "cache_size", -32 * 1024)?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(connection)
    }

    fn prepare(&self, connection: &Connection) -> Result<(), Opening> {
        // In one transaction, so that the values are consistent.
        let reading = connection.unchecked_transaction()?;
        let number = |pragma| reading.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
        let found = (number("application_id")?, number("user_version")?, number("schema_version")?);
        reading.finish()?;
        match found {
            (APPLICATION, version, _) if version > latest() => {
                return Err(Opening::Refused(Error::failed(format!(
                    "{}: the schema has version {version}; this pserve supports version {}: a newer pserve made the file",
                    self.path.display(),
                    latest()
                ))));
            }
            (APPLICATION, version, _) if version == latest() => {}
            (APPLICATION, ..) => migrate(connection)?,
            (_, _, 0) => {
                // Must be set before the first table is created. Pages of the default 4 KiB would waste space on events of the
                // guide's size.
                connection.pragma_update(None, "page_size", 8192)?;
                connection.pragma_update(None, "journal_mode", "wal")?;
                migrate(connection)?;
            }
            _ => {
                return Err(Opening::Refused(Error::failed(format!(
                    "{}: this SQLite database belongs to another program; name another file with --db",
                    self.path.display()
                ))));
            }
        }
        Ok(tune(connection)?)
    }

    /// An error that names the file.
    pub(super) fn error(&self, error: &dyn std::fmt::Display) -> Error {
        Error::failed(format!("{}: cannot be opened as a SQLite database: {error}", self.path.display()))
    }
}

/// Sets what holds for one connection, and the journal.
fn tune(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "wal_autocheckpoint", 8000)
}

/// The version of the schema that this pserve makes.
fn latest() -> i32 {
    i32::try_from(MIGRATIONS.len()).expect("there are few")
}

/// Brings the schema to the newest version, in one transaction.
fn migrate(connection: &Connection) -> rusqlite::Result<()> {
    let making = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    // Another process may have been faster.
    let version: i32 = making.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let seen = usize::try_from(version).unwrap_or(0);
    for migration in MIGRATIONS.iter().skip(seen) {
        making.execute_batch(migration)?;
    }
    making.execute_batch(&format!(
        "PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {}",
        version.max(latest())
    ))?;
    making.commit()
}

/// Leaves the log as it is when the connection is closed.
pub(super) fn leave_log(connection: &Connection) -> rusqlite::Result<bool> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
}

/// Why a file was not opened.
enum Opening {
    /// SQLite reported an error.
    Failed(rusqlite::Error),
    /// The file is not a database of pserve, or of another version.
    Refused(Error),
}

impl From<rusqlite::Error> for Opening {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(error)
    }
}

/// Whether another process has locked the file. SQLite does not wait for locks while it changes the journal mode.
fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full(error.to_string()),
            Some(
                ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::CannotOpen
                | ErrorCode::SystemIoFailure
                | ErrorCode::ReadOnly,
            ) => Self::Away(error.to_string()),
            _ => Self::Failed(error.to_string()),
        }
    }
}

/// The facts in the columns [`sql::FACTS`], of which `first` is the first.
pub(super) fn facts(row: &rusqlite::Row<'_>, first: usize) -> rusqlite::Result<Facts> {
    sql::facts(row.get(first)?, row.get(first + 1)?, row.get(first + 2)?, |nth| row.get(first + 3 + nth))
}
