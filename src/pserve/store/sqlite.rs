//! Events in a SQLite file. The only module that knows SQL.
//!
//! It uses write-ahead logging with full synchronisation: a commit that has returned survives `kill -9` and a power cut.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::types::ToSql;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params};

use super::{COUNTED, Counts, HOURS, Hour, Page, Reader, Record, Search, Stats, StoreError, Stored, Writer};
use crate::clock::Micros;
use crate::error::{Error, Result};

/// `PRAGMA application_id` of our files ("PulP"), and the version of [`SCHEMA`].
const APPLICATION: i32 = 0x5075_6c50;
const VERSION: i32 = 1;
const SCHEMA: &str = include_str!("schema.sql");

/// How long a statement waits for another process that is writing to the same file.
const BUSY: Duration = Duration::from_secs(5);

/// How often opening is retried meanwhile.
const RETRY: Duration = Duration::from_millis(20);

const HOUR: Micros = 3_600_000_000;

const INSERT: &str = "INSERT INTO events (tenant_id, external_id, timestamp, ingested_at, event_type, severity, service, \
     endpoint, status_code, user_id, country, region, city, body) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) \
     ON CONFLICT (tenant_id, external_id) DO NOTHING";

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
                Ok(writer) => return Ok((sqlite, SqliteWriter(writer))),
            }
        }
    }

    fn open_once(&self) -> Result<Connection, Opening> {
        let connection = self.connect(OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        self.prepare(&connection)?;
        Ok(connection)
    }

    /// Opens the file for reading.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub(in crate::pserve) fn reader(&self) -> Result<SqliteReader, StoreError> {
        Ok(SqliteReader(self.connect(OpenFlags::SQLITE_OPEN_READ_ONLY)?))
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
            (APPLICATION, VERSION, _) => {}
            (APPLICATION, version, _) => {
                return Err(Opening::Refused(Error::failed(format!(
                    "{}: the schema has version {version}; this pserve supports version {VERSION}",
                    self.path.display()
                ))));
            }
            (_, _, 0) => self.create(connection)?,
            _ => {
                return Err(Opening::Refused(Error::failed(format!(
                    "{}: this SQLite database belongs to another program; name another file with --db",
                    self.path.display()
                ))));
            }
        }
        Ok(self.tune(connection)?)
    }

    fn create(&self, connection: &Connection) -> rusqlite::Result<()> {
        // Must be set before the first table is created. Pages of the default 4 KiB would waste space on events of the guide's size.
        connection.pragma_update(None, "page_size", 8192)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        let making = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
        // Another process may have been faster.
        if making.pragma_query_value(None, "schema_version", |row| row.get::<_, i32>(0))? == 0 {
            making.execute_batch(&format!(
                "{SCHEMA}; PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION}"
            ))?;
        }
        making.commit()
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
            _ => Self::Failed(error.to_string()),
        }
    }
}

/// The connection that writes.
#[derive(Debug)]
pub(in crate::pserve) struct SqliteWriter(Connection);

impl Writer for SqliteWriter {
    fn insert(&mut self, records: &[Record]) -> Result<Vec<Stored>, StoreError> {
        let transaction = self.0.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut stored = Vec::with_capacity(records.len());
        {
            let mut insert = transaction.prepare_cached(INSERT)?;
            for Record { tenant, external_id, timestamp, ingested_at, fields, body } in records {
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
                ])?;
                stored.push(match new {
                    0 => Stored::Duplicate { ingested_at: ingested_at_of(&transaction, tenant, external_id)? },
                    _ => Stored::New,
                });
            }
        }
        transaction.commit()?;
        Ok(stored)
    }

    fn close(self) -> Result<u64, StoreError> {
        let count: i64 = self.0.query_row("SELECT count(*) FROM events", [], |row| row.get(0))?;
        // Fails if another process is reading the log. The log is then used again at the next start.
        let _ = self.0.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        self.0.close().map_err(|(_, e)| StoreError::from(e))?;
        Ok(count.cast_unsigned())
    }
}

fn ingested_at_of(connection: &Connection, tenant: &str, external_id: &str) -> rusqlite::Result<Micros> {
    connection
        .prepare_cached("SELECT ingested_at FROM events WHERE tenant_id = ?1 AND external_id = ?2")?
        .query_row(params![tenant, external_id], |row| row.get(0))
}

/// A connection that reads.
#[derive(Debug)]
pub(in crate::pserve) struct SqliteReader(Connection);

impl Reader for SqliteReader {
    fn get(&self, tenant: &str, external_id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let mut select = self.0.prepare_cached("SELECT body FROM events WHERE tenant_id = ?1 AND external_id = ?2")?;
        Ok(select.query_row(params![tenant, external_id], body).optional()?)
    }

    fn search(&self, tenant: &str, search: &Search) -> Result<Page, StoreError> {
        // In one transaction, so that page and total are consistent.
        let reading = self.0.unchecked_transaction()?;
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
            let sql = format!("SELECT count(*) FROM events WHERE {matching}");
            reading.prepare_cached(&sql)?.query_row(values.as_slice(), |row| row.get(0))?
        };

        let total = total.cast_unsigned();
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let (one_more, offset) = (signed(search.limit.saturating_add(1)), signed(search.offset));
        values.push(&one_more);
        values.push(&offset);
        let sql = format!("{} LIMIT ? OFFSET ?", newest(&matching));
        let mut events: Vec<Vec<u8>> =
            reading.prepare_cached(&sql)?.query_map(values.as_slice(), body)?.collect::<rusqlite::Result<_>>()?;
        let has_more = events.len() as u64 > search.limit;
        if has_more {
            events.pop();
        }
        let total_exact = !filtered || total <= COUNTED;
        Ok(Page { events, total: if total_exact { total } else { COUNTED }, total_exact, has_more })
    }

    fn stats(&self, tenant: &str) -> Result<Stats, StoreError> {
        let mut select = self.0.prepare_cached(
            "SELECT timestamp, coalesce(status_code >= 400, 0) FROM events INDEXED BY ix_events_newest \
             WHERE tenant_id = ?1 ORDER BY timestamp",
        )?;
        let mut rows = select.query(params![tenant])?;
        let mut stats = Stats::default();
        // Grouping by an expression would make SQLite sort rows that the index already holds in order.
        while let Some(row) = rows.next()? {
            let at: Micros = row.get(0)?;
            let errors = u64::from(row.get::<_, bool>(1)?);
            let start = at.div_euclid(HOUR) * HOUR;
            stats.span = Some((stats.span.map_or(at, |(oldest, _)| oldest), at));
            if stats.hours.last().is_none_or(|hour| hour.start != start) {
                stats.hours.push(Hour { start, counts: Counts::default() });
            }
            let last = stats.hours.last_mut().map(|hour| &mut hour.counts);
            for counts in last.into_iter().chain([&mut stats.total]) {
                counts.events += 1;
                counts.errors += errors;
            }
        }
        stats.hours.drain(..stats.hours.len().saturating_sub(HOURS));
        Ok(stats)
    }

    fn check(&self) -> Result<(), StoreError> {
        Ok(self.0.prepare_cached("SELECT 1 FROM events LIMIT 1")?.query([])?.next().map(drop)?)
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
        let fields = &search.fields;
        all.and("event_type = ?", fields.event_type.as_ref());
        all.and("severity = ?", fields.severity.as_ref());
        all.and("service = ?", fields.service.as_ref());
        all.and("endpoint = ?", fields.endpoint.as_ref());
        all.and("status_code = ?", fields.status_code.as_ref());
        all.and("user_id = ?", fields.user_id.as_ref());
        all.and("country = ?", fields.country.as_ref());
        all.and("region = ?", fields.region.as_ref());
        all.and("city = ?", fields.city.as_ref());
        all.and("timestamp >= ?", search.start.as_ref());
        all.and("timestamp <= ?", search.end.as_ref());
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
    use proptest::prelude::*;

    fn open() -> (tempfile::TempDir, SqliteWriter, SqliteReader) {
        let folder = tempfile::tempdir().expect("a folder");
        let (store, writer) = Sqlite::open(&folder.path().join("events.db")).expect("a database");
        let reader = store.reader().expect("a reader");
        (folder, writer, reader)
    }

    fn record(number: usize, timestamp: Micros, fields: SearchFields) -> Record {
        let id = format!("evt_{number}");
        let body = format!("{{\"event_id\":\"{id}\"}}");
        Record { tenant: "t".into(), external_id: id, timestamp, ingested_at: 5, fields, body }
    }

    fn service(name: &str) -> SearchFields {
        SearchFields { service: Some(name.to_owned()), ..SearchFields::default() }
    }

    #[test]
    fn a_filtered_count_is_exact_up_to_its_cap_and_says_so_beyond() {
        let (_folder, mut writer, reader) = open();
        let count = |fields: &SearchFields| {
            let page = reader.search("t", &Search { fields: fields.clone(), limit: 1, ..Search::default() });
            page.map(|page| (page.total, page.total_exact)).expect("the search runs")
        };
        let (all, some) = (SearchFields::default(), service("a"));
        let exactly: Vec<_> = (0..10_000).map(|number| record(number, 0, service("a"))).collect();
        writer.insert(&exactly).expect("it is stored");
        assert_eq!((count(&all), count(&some)), ((10_000, true), (10_000, true)));
        writer.insert(&[record(10_000, 0, service("a"))]).expect("it is stored");
        assert_eq!((count(&all), count(&some)), ((10_001, true), (10_000, false)));
        assert_eq!(writer.close().expect("it closes"), 10_001);
    }

    #[test]
    fn searches_counts_and_lookups_go_by_an_index() {
        let (_folder, mut writer, reader) = open();
        writer.insert(&[record(1, 0, service("a"))]).expect("it is stored");
        let plan = |sql: &str| -> String {
            let mut explain = reader.0.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("the query is sound");
            let steps = explain.raw_query().mapped(|row| row.get::<_, String>(3)).map(|step| step.expect("a row"));
            steps.collect::<Vec<_>>().join("; ")
        };
        let search = Search { fields: service("a"), start: Some(0), limit: 10, ..Search::default() };
        let matching = Conditions::of(&"t", &search).sql;
        let page = plan(&format!("{} LIMIT 10 OFFSET 0", newest(&matching)));
        assert!(page.contains("ix_events_newest") && !page.contains("TEMP B-TREE"), "{page}");
        let count = plan(&format!("SELECT count(*) FROM events INDEXED BY ix_events_newest WHERE {matching}"));
        assert!(count.contains("COVERING INDEX"), "{count}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// A page is what sorting and cutting all events by hand gives, whatever their order and their ties.
        #[test]
        fn pages_are_the_newest_first_and_part_the_whole(
            times in proptest::collection::vec(-3i64..3, 0..40),
            start in proptest::option::of(-4i64..4),
            end in proptest::option::of(-4i64..4),
            limit in 1u64..7,
        ) {
            let (_folder, mut writer, reader) = open();
            let records: Vec<_> = times.iter().enumerate().map(|(n, at)| record(n, *at, service("a"))).collect();
            writer.insert(&records).expect("it is stored");
            let mut wanted: Vec<_> = records
                .iter()
                .enumerate()
                .filter(|(_, r)| start.is_none_or(|s| r.timestamp >= s) && end.is_none_or(|e| r.timestamp <= e))
                .collect();
            wanted.sort_by_key(|(n, r)| std::cmp::Reverse((r.timestamp, *n)));
            let wanted: Vec<_> = wanted.into_iter().map(|(_, r)| r.body.clone().into_bytes()).collect();
            let mut found = Vec::new();
            loop {
                let search = Search { start, end, limit, offset: found.len() as u64, ..Search::default() };
                let page = reader.search("t", &search).expect("the search runs");
                prop_assert_eq!(page.total, wanted.len() as u64);
                found.extend(page.events);
                prop_assert_eq!(page.has_more, found.len() < wanted.len());
                if !page.has_more {
                    break;
                }
            }
            prop_assert_eq!(found, wanted);
        }
    }
}
