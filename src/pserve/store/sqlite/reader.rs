//! Reads events from a SQLite file.

use rusqlite::{Connection, OptionalExtension, params};

use super::blocks::Blocks;
use super::file::{File, Identity};
use crate::clock::Micros;
use crate::pserve::store::blocks::{count, find};
use crate::pserve::store::{Facts, Hourly, Page, Reader, Search, Stats, StoreError, Tally, TallyName, sql};

/// A connection that reads.
#[derive(Debug)]
pub(super) struct SqliteReader {
    file: File,
    identity: Option<Identity>,
    connection: Connection,
}

impl SqliteReader {
    /// Opens this file.
    pub(super) fn open(file: &File) -> Result<Self, StoreError> {
        let connection = file.open_to_read()?;
        Ok(Self { identity: file.identity(), file: file.clone(), connection })
    }

    /// The connection, unless the file was removed or replaced.
    fn here(&self) -> Result<&Connection, StoreError> {
        if self.identity.is_some() && self.file.identity() == self.identity {
            return Ok(&self.connection);
        }
        Err(StoreError::Away(format!("{} was removed or replaced", self.file.path().display())))
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
        let found = find(&mut Blocks::of(&reading)?, tenant, search)?;
        let total = if search.is_filtered() {
            sql::signed(found.matches)
        } else {
            let mut select = reading.prepare_cached("SELECT events FROM totals WHERE tenant_id = ?1")?;
            select.query_row([tenant], |row| row.get(0)).optional()?.unwrap_or(0)
        };
        let mut select = reading.prepare_cached("SELECT body FROM events WHERE id = ?1")?;
        let mut events = Vec::with_capacity(found.numbers.len());
        for number in found.numbers {
            events.push(select.query_row([number], body)?);
        }
        Ok(sql::page(events, search.limit, total, search.is_filtered()))
    }

    fn stats(&mut self, tenant: &str) -> Result<Stats, StoreError> {
        let reading = self.here()?.unchecked_transaction()?;
        let mut blocks = Blocks::of(&reading)?;
        let mut counts = Hourly::default();
        count(&mut blocks, tenant, &mut counts)?;
        blocks.count_tail(tenant, |at, is_error| counts.add(at, is_error))?;
        Ok(counts.stats())
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
        Blocks::of(&reading)?.facts(take)?;
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

fn body(row: &rusqlite::Row<'_>) -> rusqlite::Result<Vec<u8>> {
    Ok(row.get_ref(0)?.as_bytes()?.to_vec())
}
