//! Events in a SQLite file. The only module beside PostgreSQL's that knows SQL.
//!
//! It uses write-ahead logging with full synchronisation: a commit that has returned survives `kill -9` and a power cut.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::types::ToSql;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params};

use super::{
    COUNTED, Facts, Page, Reader, Record, Search, Stats, Store, StoreError, Stored, Tally, TallyName, Writer,
    duplicates, news, sql,
};
use crate::clock::Micros;
use crate::error::{Error, Result};

/// `PRAGMA application_id` of our files ("PulP").
const APPLICATION: i32 = 0x5075_6c50;

/// What leads from each version of the schema to the next. `PRAGMA user_version` is how many of them a file has seen.
const MIGRATIONS: [&str; 3] =
    [include_str!("sqlite/1.sql"), include_str!("sqlite/2.sql"), include_str!("sqlite/3.sql")];

/// How long a statement waits for another process that is writing to the same file.
const BUSY: Duration = Duration::from_secs(5);

/// How often opening is retried meanwhile.
const RETRY: Duration = Duration::from_millis(20);

const INSERT: &str = "INSERT INTO events (tenant_id, external_id, timestamp, ingested_at, event_type, severity, service, \
     endpoint, status_code, user_id, country, region, city, body, device, response_time_ms) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) \
     ON CONFLICT (tenant_id, external_id) DO NOTHING";

const TALLY: &str = "INSERT INTO tallies (tenant_id, name, hour, count) VALUES (?1, ?2, ?3, ?4) \
     ON CONFLICT (tenant_id, name, hour) DO UPDATE SET count = count + excluded.count";

const TOTAL: &str = "INSERT INTO totals (tenant_id, events) VALUES (?1, ?2) \
     ON CONFLICT (tenant_id) DO UPDATE SET events = events + excluded.events";

/// A SQLite file that holds events.
#[derive(Debug, Clone)]
pub(in crate::pserve) struct Sqlite {
    path: PathBuf,
}

impl Sqlite {
    /// Opens the file for writing. Creates it if it does not exist.
    ///
    /// # Errors
    /// If it cannot be opened, is not a database, or belongs to another program.
    pub(in crate::pserve) fn open(path: &Path) -> Result<(Self, SqliteWriter)> {
        let sqlite = Self { path: path.to_owned() };
        let begun = Instant::now();
        loop {
            // If several processes create the file at once, one succeeds, and the others open what it created.
            match sqlite.open_once() {
                Err(Opening::Failed(error)) if is_busy(&error) && begun.elapsed() < BUSY => thread::sleep(RETRY),
                Err(Opening::Failed(error)) => return Err(sqlite.error(&error)),
                Err(Opening::Refused(error)) => return Err(error),
                Ok(connection) => {
                    let identity = identity(path);
                    return Ok((sqlite.clone(), SqliteWriter { store: sqlite, connection, identity }));
                }
            }
        }
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
        Ok(self.tune(connection)?)
    }

    fn tune(&self, connection: &Connection) -> rusqlite::Result<()> {
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "wal_autocheckpoint", 8000)
    }

    fn error(&self, error: &rusqlite::Error) -> Error {
        Error::failed(format!("{}: cannot be opened as a SQLite database: {error}", self.path.display()))
    }
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
fn leave_log(connection: &Connection) -> rusqlite::Result<bool> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
}

/// What tells a file from another that has its name. `None` if there is no file.
fn identity(path: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

impl Store for Sqlite {
    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        let connection = self.connect(OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        leave_log(&connection)?;
        Ok(Box::new(SqliteReader { path: self.path.clone(), identity: identity(&self.path), connection }))
    }
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

/// The connection that writes.
#[derive(Debug)]
pub(in crate::pserve) struct SqliteWriter {
    store: Sqlite,
    connection: Connection,
    identity: Option<(u64, u64)>,
}

impl SqliteWriter {
    /// Opens the file again if it was removed or replaced: what is written to a removed file is lost.
    fn stay(&mut self) -> Result<(), StoreError> {
        if identity(&self.store.path) == self.identity {
            return Ok(());
        }
        // Closing the old file must not fold and remove the log of the new one, which has its name.
        leave_log(&self.connection)?;
        let again = Sqlite::open(&self.store.path).map_err(|e| StoreError::Away(e.to_string()))?;
        *self = again.1;
        Ok(())
    }
}

impl Writer for SqliteWriter {
    fn insert(&mut self, records: &[Record], tallies: &[Tally]) -> Result<Vec<Stored>, StoreError> {
        self.stay()?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut stored = Vec::with_capacity(records.len());
        {
            let mut insert = transaction.prepare_cached(INSERT)?;
            for Record { tenant, external_id, timestamp, ingested_at, fields, response_time_ms, body } in records {
                let new = insert.execute(params![
                    tenant,
                    external_id,
                    timestamp,
                    ingested_at,
                    fields.event_type,
                    fields.severity,
                    fields.service,
                    fields.endpoint,
                    fields.status_code,
                    fields.user_id,
                    fields.country,
                    fields.region,
                    fields.city,
                    body,
                    fields.device,
                    response_time_ms,
                ])?;
                stored.push(match new {
                    0 => Stored::Duplicate { ingested_at: ingested_at_of(&transaction, tenant, external_id)? },
                    _ => Stored::New,
                });
            }
            let mut count = transaction.prepare_cached(TALLY)?;
            for Tally { tenant, name, hour, count: more } in tallies.iter().chain(&duplicates(records, &stored)) {
                count.execute(params![tenant, name.as_str(), hour, more.cast_signed()])?;
            }
            let mut total = transaction.prepare_cached(TOTAL)?;
            for (tenant, more) in news(records, &stored) {
                total.execute(params![tenant, more.cast_signed()])?;
            }
        }
        transaction.commit()?;
        Ok(stored)
    }

    fn delete(&mut self, tenant: &str, external_id: &str) -> Result<Option<Facts>, StoreError> {
        self.stay()?;
        let delete = format!("DELETE FROM events WHERE tenant_id = ?1 AND external_id = ?2 RETURNING {}", sql::FACTS);
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let removed = transaction
            .prepare_cached(&delete)?
            .query_row(params![tenant, external_id], |row| facts(row, 0))
            .optional()?;
        if removed.is_some() {
            transaction.prepare_cached(TOTAL)?.execute(params![tenant, -1])?;
        }
        transaction.commit()?;
        Ok(removed)
    }

    fn clear(&mut self) -> Result<u64, StoreError> {
        self.stay()?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let count = transaction.execute("DELETE FROM events", [])?;
        transaction.execute("DELETE FROM tallies", [])?;
        transaction.execute("DELETE FROM totals", [])?;
        transaction.commit()?;
        Ok(count as u64)
    }

    fn close(self: Box<Self>) -> Result<u64, StoreError> {
        let count: i64 = self.connection.query_row("SELECT count(*) FROM events", [], |row| row.get(0))?;
        // Fails if another process is reading the log. The log is then used again at the next start.
        let _ = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        self.connection.close().map_err(|(_, e)| StoreError::from(e))?;
        Ok(count.cast_unsigned())
    }
}

/// The facts in the columns [`sql::FACTS`], of which `first` is the first.
fn facts(row: &rusqlite::Row<'_>, first: usize) -> rusqlite::Result<Facts> {
    sql::facts(row.get(first)?, row.get(first + 1)?, row.get(first + 2)?, |nth| row.get(first + 3 + nth))
}

fn ingested_at_of(connection: &Connection, tenant: &str, external_id: &str) -> rusqlite::Result<Micros> {
    connection
        .prepare_cached("SELECT ingested_at FROM events WHERE tenant_id = ?1 AND external_id = ?2")?
        .query_row(params![tenant, external_id], |row| row.get(0))
}

/// A connection that reads.
#[derive(Debug)]
struct SqliteReader {
    path: PathBuf,
    identity: Option<(u64, u64)>,
    connection: Connection,
}

impl SqliteReader {
    /// The connection, unless the file was removed or replaced.
    fn here(&self) -> Result<&Connection, StoreError> {
        if self.identity.is_some() && identity(&self.path) == self.identity {
            return Ok(&self.connection);
        }
        Err(StoreError::Away(format!("{} was removed or replaced", self.path.display())))
    }
}

impl Reader for SqliteReader {
    fn get(&mut self, tenant: &str, external_id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let mut select =
            self.here()?.prepare_cached("SELECT body FROM events WHERE tenant_id = ?1 AND external_id = ?2")?;
        Ok(select.query_row(params![tenant, external_id], body).optional()?)
    }

    fn search(&mut self, tenant: &str, search: &Search) -> Result<Page, StoreError> {
        // In one transaction, so that page and total are consistent.
        let reading = self.here()?.unchecked_transaction()?;
        let conditions = Conditions::of(&tenant, search);
        let (matching, mut values) = (conditions.sql, conditions.values);
        let filtered = values.len() > 1;
        let total: i64 = if filtered {
            let sql = format!(
                "SELECT count(*) FROM (SELECT 1 FROM events INDEXED BY ix_events_newest WHERE {matching} LIMIT {})",
                COUNTED + 1
            );
            reading.prepare_cached(&sql)?.query_row(values.as_slice(), |row| row.get(0))?
        } else {
            let mut select = reading.prepare_cached("SELECT events FROM totals WHERE tenant_id = ?")?;
            select.query_row(values.as_slice(), |row| row.get(0)).optional()?.unwrap_or(0)
        };

        let (one_more, offset) = (sql::signed(search.limit.saturating_add(1)), sql::signed(search.offset));
        values.push(&one_more);
        values.push(&offset);
        let newest = format!("{} LIMIT ? OFFSET ?", newest(&matching));
        let events: Vec<Vec<u8>> =
            reading.prepare_cached(&newest)?.query_map(values.as_slice(), body)?.collect::<rusqlite::Result<_>>()?;
        Ok(sql::page(events, search.limit, total, filtered))
    }

    fn stats(&mut self, tenant: &str) -> Result<Stats, StoreError> {
        let mut select = self.here()?.prepare_cached(
            "SELECT timestamp, coalesce(status_code >= 400, 0) FROM events INDEXED BY ix_events_newest \
             WHERE tenant_id = ?1 ORDER BY timestamp",
        )?;
        let mut rows = select.query(params![tenant])?;
        let mut stats = Stats::default();
        // Grouping by an expression would make SQLite sort rows that the index already holds in order.
        while let Some(row) = rows.next()? {
            stats.add(row.get(0)?, row.get(1)?);
        }
        stats.cut();
        Ok(stats)
    }

    fn check(&mut self) -> Result<(), StoreError> {
        Ok(self.here()?.prepare_cached("SELECT 1 FROM events LIMIT 1")?.query([])?.next().map(drop)?)
    }

    fn export(&mut self, tenant: Option<&str>, take: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), StoreError> {
        let mut select =
            self.here()?.prepare("SELECT body FROM events WHERE ?1 IS NULL OR tenant_id = ?1 ORDER BY id")?;
        let mut rows = select.query(params![tenant])?;
        while let Some(row) = rows.next()? {
            if !take(row.get_ref(0)?.as_bytes().map_err(rusqlite::Error::from)?) {
                break;
            }
        }
        Ok(())
    }

    fn facts(&mut self, take: &mut dyn FnMut(&str, &Facts)) -> Result<Vec<Tally>, StoreError> {
        let reading = self.here()?.unchecked_transaction()?;
        let mut select =
            reading.prepare(&format!("SELECT tenant_id, {} FROM events INDEXED BY ix_events_newest", sql::FACTS))?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            take(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?, &facts(row, 1)?);
        }
        let mut select = reading.prepare("SELECT tenant_id, name, hour, count FROM tallies")?;
        let mut rows = select.query([])?;
        let mut tallies = Vec::new();
        while let Some(row) = rows.next()? {
            if let Some(name) = TallyName::of(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?) {
                let (tenant, hour, count): (String, Micros, i64) = (row.get(0)?, row.get(2)?, row.get(3)?);
                tallies.push(Tally { tenant: tenant.into(), name, hour, count: count.cast_unsigned() });
            }
        }
        Ok(tallies)
    }
}

/// The bodies of the matching events, newest first. Of events with the same timestamp, the one stored last comes first.
fn newest(matching: &str) -> String {
    format!("SELECT body FROM events INDEXED BY ix_events_newest WHERE {matching} ORDER BY timestamp DESC, id DESC")
}

fn body(row: &rusqlite::Row<'_>) -> rusqlite::Result<Vec<u8>> {
    Ok(row.get_ref(0)?.as_bytes()?.to_vec())
}

/// A search as the text of a WHERE clause and its parameters. The first is the tenant.
struct Conditions<'a> {
    sql: String,
    values: Vec<&'a dyn ToSql>,
}

impl<'a> Conditions<'a> {
    fn of(tenant: &'a impl ToSql, search: &'a Search) -> Self {
        let mut all = Self { sql: "tenant_id = ?".to_owned(), values: vec![tenant] };
        for (column, text) in sql::texts(&search.fields) {
            all.and(&format!("{column} = ?"), text);
        }
        all.and("status_code = ?", search.fields.status_code.as_ref());
        all.and("timestamp >= ?", search.start.as_ref());
        all.and("timestamp <= ?", search.end.as_ref());
        if let Some(text) = &search.id_contains {
            // The index of the constraint has the ids next to each other.
            all.and("id IN (SELECT id FROM events WHERE tenant_id = ?", Some(tenant));
            all.and("instr(external_id, ?) > 0)", Some(text));
        }
        all
    }

    fn and<T: ToSql>(&mut self, condition: &str, value: Option<&'a T>) {
        if let Some(value) = value {
            self.sql.push_str(" AND ");
            self.sql.push_str(condition);
            self.values.push(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pserve::store::SearchFields;

    #[test]
    fn searches_counts_and_lookups_go_by_an_index() {
        let folder = tempfile::tempdir().expect("a folder");
        let (_, writer) = Sqlite::open(&folder.path().join("events.db")).expect("a database");
        let plan = |sql: &str| -> String {
            let mut explain =
                writer.connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("the query is sound");
            let steps = explain.raw_query().mapped(|row| row.get::<_, String>(3)).map(|step| step.expect("a row"));
            steps.collect::<Vec<_>>().join("; ")
        };
        let search = Search {
            fields: SearchFields { service: Some("a".to_owned()), ..SearchFields::default() },
            start: Some(0),
            limit: 10,
            ..Search::default()
        };
        let matching = Conditions::of(&"t", &search).sql;
        let page = plan(&format!("{} LIMIT 10 OFFSET 0", newest(&matching)));
        assert!(page.contains("ix_events_newest") && !page.contains("TEMP B-TREE"), "{page}");
        let count = plan(&format!("SELECT count(*) FROM events INDEXED BY ix_events_newest WHERE {matching}"));
        assert!(count.contains("COVERING INDEX"), "{count}");
    }

    #[test]
    fn a_file_of_the_first_version_is_brought_to_the_newest() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("events.db");
        let old = Connection::open(&path).expect("a database");
        old.execute_batch(MIGRATIONS[0]).expect("the first schema");
        old.execute_batch(&format!("PRAGMA application_id = {APPLICATION}; PRAGMA user_version = 1")).expect("numbers");
        old.execute(
            "INSERT INTO events (tenant_id, external_id, timestamp, ingested_at, body) VALUES ('t', 'e', 1, 2, ?1)",
            [r#"{"event_id":"e","metrics":{"response_time_ms":"12.5"},"context":{"tags":{"device_type":"mobile"}}}"#],
        )
        .expect("a row");
        drop(old);
        let (store, _writer) = Sqlite::open(&path).expect("it is brought to the newest version");
        let fields = SearchFields { device: Some("mobile".to_owned()), ..SearchFields::default() };
        let mut found = Vec::new();
        let mut reader = store.reader().expect("a reader");
        let all = Search { limit: 1, ..Search::default() };
        assert_eq!(reader.search("t", &all).expect("it reads").total, 1);
        reader.facts(&mut |_, facts| found.push(facts.clone())).expect("it reads");
        assert_eq!(found, [Facts { timestamp: 1, fields, response_time_ms: Some(12.5) }]);
    }

    #[test]
    fn a_file_that_is_removed_takes_nothing_with_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("events.db");
        let (store, mut writer) = Sqlite::open(&path).expect("a database");
        let mut reader = store.reader().expect("a reader");
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(folder.path().join(format!("events.db{suffix}")));
        }
        assert!(matches!(reader.check(), Err(StoreError::Away(_))));
        writer.insert(&[], &[]).expect("it makes a new file");
        assert!(path.exists() && store.reader().expect("a reader").check().is_ok());
    }
}
