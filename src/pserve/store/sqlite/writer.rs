//! Writes events to a SQLite file, those that wait in one transaction.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::blocks;
use super::file::{File, Identity, facts, leave_log};
use crate::clock::Micros;
use crate::pserve::store::blocks::Pending;
use crate::pserve::store::{Facts, Record, StoreError, Stored, Tally, Writer, duplicates, news, sql};

const INSERT: &str = "INSERT INTO events (tenant_id, external_id, timestamp, ingested_at, event_type, severity, service, \
     endpoint, status_code, user_id, country, region, city, body, device, response_time_ms) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) \
     ON CONFLICT (tenant_id, external_id) DO NOTHING";

const TALLY: &str = "INSERT INTO tallies (tenant_id, name, hour, count) VALUES (?1, ?2, ?3, ?4) \
     ON CONFLICT (tenant_id, name, hour) DO UPDATE SET count = count + excluded.count";

const TOTAL: &str = "INSERT INTO totals (tenant_id, events) VALUES (?1, ?2) \
     ON CONFLICT (tenant_id) DO UPDATE SET events = events + excluded.events";

/// The connection that writes.
#[derive(Debug)]
pub(in crate::pserve) struct SqliteWriter {
    file: File,
    connection: Connection,
    identity: Option<Identity>,
    /// What this process knows of that is in no block.
    pending: Pending,
}

impl SqliteWriter {
    /// Writes by this connection to this file.
    pub(super) fn new(file: File, mut connection: Connection) -> Result<Self, StoreError> {
        let mut pending = blocks::pending(&connection)?;
        if pending.is_enough() {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            pending = blocks::build(&transaction, blocks::pending(&transaction)?)?;
            transaction.commit()?;
        }
        Ok(Self { identity: file.identity(), file, connection, pending })
    }

    /// Opens the file again if it was removed or replaced: what is written to a removed file is lost.
    fn stay(&mut self) -> Result<(), StoreError> {
        if self.file.identity() == self.identity {
            return Ok(());
        }
        // Closing the old file must not fold and remove the log of the new one, which has its name.
        leave_log(&self.connection)?;
        let again = self.file.open().map_err(|e| StoreError::Away(e.to_string()))?;
        *self = Self::new(self.file.clone(), again)?;
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
        let mut pending = self.pending;
        pending += new_of(records, &stored);
        pending = blocks::build(&transaction, pending)?;
        transaction.commit()?;
        self.pending = pending;
        Ok(stored)
    }

    fn delete(&mut self, tenant: &str, external_id: &str) -> Result<Option<Facts>, StoreError> {
        self.stay()?;
        let delete =
            format!("DELETE FROM events WHERE tenant_id = ?1 AND external_id = ?2 RETURNING id, {}", sql::FACTS);
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let removed: Option<(i64, Facts)> = transaction
            .prepare_cached(&delete)?
            .query_row(params![tenant, external_id], |row| Ok((row.get(0)?, facts(row, 1)?)))
            .optional()?;
        if let Some((id, _)) = removed {
            transaction.prepare_cached(TOTAL)?.execute(params![tenant, -1])?;
            blocks::remove(&transaction, id)?;
        }
        let pending = blocks::pending(&transaction)?;
        transaction.commit()?;
        self.pending = pending;
        Ok(removed.map(|(_, facts)| facts))
    }

    fn clear(&mut self) -> Result<u64, StoreError> {
        self.stay()?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let count = transaction.execute("DELETE FROM events", [])?;
        blocks::clear(&transaction)?;
        transaction.execute("DELETE FROM tallies", [])?;
        transaction.execute("DELETE FROM totals", [])?;
        transaction.commit()?;
        self.pending = Pending::default();
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

fn ingested_at_of(connection: &Connection, tenant: &str, external_id: &str) -> rusqlite::Result<Micros> {
    connection
        .prepare_cached("SELECT ingested_at FROM events WHERE tenant_id = ?1 AND external_id = ?2")?
        .query_row(params![tenant, external_id], |row| row.get(0))
}

/// How much of these records is new.
fn new_of(records: &[Record], stored: &[Stored]) -> Pending {
    let mut all = Pending::default();
    for (record, _) in records.iter().zip(stored).filter(|(_, stored)| **stored == Stored::New) {
        all += Pending { events: 1, bytes: record.body.len() };
    }
    all
}
