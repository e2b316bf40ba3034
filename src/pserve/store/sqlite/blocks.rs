//! Blocks of columns in a SQLite file, and what is in none yet.

use rusqlite::types::ToSql;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row as SqlRow, params};

use super::file;
use crate::pserve::store::blocks::{
    self, Bits, Block, Builder, EVENTS, Head, Pending, Place, Source, damaged, place_of,
};
use crate::pserve::store::{Facts, Search, StoreError, sql};

/// Those events that are in no block. SQLite would rather look for the tenant, of which there may be millions.
const TAIL: &str = "FROM events NOT INDEXED WHERE id > (SELECT coalesce(max(last), 0) FROM blocks)";

const HEADS: &str = "SELECT last, events, oldest, newest, gone FROM blocks";

/// The blocks of a file.
pub(super) struct Blocks<'a> {
    connection: &'a Connection,
    column: CachedStatement<'a>,
}

impl<'a> Blocks<'a> {
    /// Those of this connection's file.
    pub(super) fn of(connection: &'a Connection) -> rusqlite::Result<Self> {
        Ok(Self { connection, column: connection.prepare_cached("SELECT data FROM block_columns WHERE key = ?1")? })
    }

    /// Shows the tenant and the facts of every event. Only events that are in no block, or have a text too long for one, are read as rows.
    pub(super) fn facts(&mut self, take: &mut dyn FnMut(&str, &Facts)) -> Result<(), StoreError> {
        let long = blocks::facts(self, take)?;
        let mut row = |row: &SqlRow<'_>| {
            take(row.get_ref(0)?.as_str()?, &file::facts(row, 1)?);
            Ok(())
        };
        let select = format!("SELECT tenant_id, {}", sql::FACTS);
        let mut one = self.connection.prepare_cached(&format!("{select} FROM events WHERE id = ?1"))?;
        for number in long {
            one.query_row([number], &mut row)?;
        }
        let mut tail = self.connection.prepare_cached(&format!("{select} {TAIL}"))?;
        let mut rows = tail.query([])?;
        while let Some(next) = rows.next()? {
            row(next)?;
        }
        Ok(())
    }

    /// Shows the times of a tenant's events that are in no block, and whether they are errors.
    pub(super) fn count_tail(&self, tenant: &str, mut take: impl FnMut(i64, bool)) -> rusqlite::Result<()> {
        let sql = format!("SELECT timestamp, coalesce(status_code >= 400, 0) {TAIL} AND tenant_id = ?1");
        let mut select = self.connection.prepare_cached(&sql)?;
        let mut rows = select.query([tenant])?;
        while let Some(row) = rows.next()? {
            take(row.get(0)?, row.get(1)?);
        }
        Ok(())
    }
}

impl Source for Blocks<'_> {
    fn heads(&mut self) -> Result<Vec<Head>, StoreError> {
        Ok(self.connection.prepare_cached(HEADS)?.query_map([], head)?.collect::<rusqlite::Result<_>>()?)
    }

    fn column(
        &mut self,
        block: i64,
        column: usize,
        look: &mut dyn FnMut(&[u8]) -> Option<()>,
    ) -> Result<(), StoreError> {
        let key = key(block, column);
        let seen = self.column.query_row([key], |row| Ok(look(row.get_ref(0)?.as_blob()?))).optional()?;
        seen.flatten().ok_or_else(|| damaged(block))
    }

    fn tail(&mut self, tenant: &str, search: &Search) -> Result<Vec<Place>, StoreError> {
        let Conditions { sql, values } = Conditions::of(&tenant, search);
        let mut select = self.connection.prepare_cached(&format!("SELECT timestamp, id {TAIL} AND {sql}"))?;
        let places = select.query_map(values.as_slice(), |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(places.collect::<rusqlite::Result<_>>()?)
    }
}

fn head(row: &SqlRow<'_>) -> rusqlite::Result<Head> {
    let (last, oldest, newest) = (row.get(0)?, row.get(2)?, row.get(3)?);
    Ok(Head { last, events: size(row, 1)?, oldest, newest, gone: row.get(4)? })
}

fn size(row: &SqlRow<'_>, at: usize) -> rusqlite::Result<usize> {
    row.get::<_, u32>(at).map(|size| size as usize)
}

/// The key of a block's column.
fn key(block: i64, column: usize) -> i64 {
    const { assert!(blocks::COLUMNS <= 16) };
    block.wrapping_mul(16).wrapping_add(i64::try_from(column).unwrap_or(0))
}

/// How much is in no block, as far as one block takes it: a file of an older pserve may have millions of such events.
pub(super) fn pending(connection: &Connection) -> rusqlite::Result<Pending> {
    let sql = format!(
        "SELECT count(*), min(coalesce(sum(octet_length(body)), 0), {}) FROM (SELECT body {TAIL} LIMIT {EVENTS})",
        u32::MAX
    );
    connection.query_row(&sql, [], |row| Ok(Pending { events: size(row, 0)?, bytes: size(row, 1)? }))
}

/// Makes blocks of what is in none, if that is enough, within the transaction that is open. Returns what is left.
///
/// The events are read from the file: another process may have added some, so that no memory of this one has them all.
pub(super) fn build(connection: &Connection, mut pending: Pending) -> Result<Pending, StoreError> {
    while pending.is_enough() {
        let Some(block) = next(connection)? else { return Ok(Pending::default()) };
        let Head { last, events, oldest, newest, gone } = &block.head;
        let count = i64::try_from(*events).unwrap_or(0);
        connection
            .prepare_cached("INSERT INTO blocks (last, events, oldest, newest, gone) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![last, count, oldest, newest, gone])?;
        let mut insert = connection.prepare_cached("INSERT INTO block_columns (key, data) VALUES (?1, ?2)")?;
        for (column, data) in block.columns.iter().enumerate() {
            insert.execute(params![key(*last, column), data])?;
        }
        pending = match *events < EVENTS {
            true => Pending::default(),
            false => self::pending(connection)?,
        };
    }
    Ok(pending)
}

/// The block of the oldest events that are in none.
fn next(connection: &Connection) -> rusqlite::Result<Option<Block>> {
    let sql = format!(
        "SELECT id, timestamp, tenant_id, external_id, status_code, {}, response_time_ms {TAIL} ORDER BY id LIMIT {EVENTS}",
        sql::TEXTS
    );
    let mut select = connection.prepare_cached(&sql)?;
    let mut rows = select.query([])?;
    let mut builder = Builder::default();
    while let Some(row) = rows.next()? {
        let mut texts = [None; 9];
        for (at, text) in (5..).zip(&mut texts) {
            *text = row.get_ref(at)?.as_str_or_null()?;
        }
        builder.push(&blocks::Row {
            number: row.get(0)?,
            timestamp: row.get(1)?,
            tenant: row.get_ref(2)?.as_str()?,
            external_id: row.get_ref(3)?.as_str()?,
            status_code: row.get(4)?,
            texts,
            response_time_ms: row.get(5 + texts.len())?,
        });
    }
    Ok(builder.build())
}

/// Takes an event that was removed out of its block, if it is in one, within the transaction that is open.
pub(super) fn remove(connection: &Connection, event: i64) -> Result<(), StoreError> {
    let select = format!("{HEADS} WHERE last >= ?1 ORDER BY last LIMIT 1");
    if let Some(mut head) = connection.prepare_cached(&select)?.query_row([event], head).optional()?
        && let Some(at) = place_of(&mut Blocks::of(connection)?, &head, event)?
    {
        Bits::mark(&mut head.gone, at);
        connection.execute("UPDATE blocks SET gone = ?2 WHERE last = ?1", params![head.last, head.gone])?;
    }
    // SQLite gives the next event the number behind the greatest one that is left. If that is within a block, the block must go.
    let newest: i64 = connection.query_row("SELECT coalesce(max(id), 0) FROM events", [], |row| row.get(0))?;
    connection.execute(
        "DELETE FROM block_columns WHERE key >= (SELECT 16 * min(last) FROM blocks WHERE last > ?1)",
        [newest],
    )?;
    connection.execute("DELETE FROM blocks WHERE last > ?1", [newest])?;
    Ok(())
}

/// Removes all blocks, within the transaction that is open.
pub(super) fn clear(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("DELETE FROM blocks; DELETE FROM block_columns")
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
        all.and("instr(external_id, ?) > 0", search.id_contains.as_ref());
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
