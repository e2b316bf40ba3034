//! Reads events from PostgreSQL.

use std::collections::VecDeque;
use std::pin::pin;

use futures::TryStreamExt;
use tokio_postgres::types::Type;

use super::address::Address;
use super::columns::facts;
use super::connection::Connection;
use super::search::Query;
use super::tls::Tls;
use crate::clock::Micros;
use crate::pserve::store::{
    Counts, Facts, HOURS, Hour, Page, Reader, Search, Stats, StoreError, Tally, TallyName, sql,
};

/// The counts of each hour, oldest first. The remainder of a time before 1970 is negative.
const STATS: &str = "SELECT timestamp - ((timestamp % 3600000000) + 3600000000) % 3600000000, count(*), \
     count(*) FILTER (WHERE status_code >= 400), min(timestamp), max(timestamp) \
     FROM events WHERE tenant_id = $1 GROUP BY 1 ORDER BY 1";

/// Reads events.
pub(super) struct PostgresReader {
    connection: Connection,
    address: Address,
    tls: Option<Tls>,
}

impl PostgresReader {
    /// Connects.
    ///
    /// # Errors
    /// If the database cannot be reached.
    pub(super) fn open(address: &Address, tls: Option<&Tls>) -> Result<Self, StoreError> {
        let connection = Connection::open(address, tls)?;
        Ok(Self { connection, address: address.clone(), tls: tls.cloned() })
    }

    /// The connection, made again if the server has closed it.
    fn open_connection(&mut self) -> Result<&Connection, StoreError> {
        if !self.connection.is_open() {
            self.connection = Connection::open(&self.address, self.tls.as_ref())?;
        }
        Ok(&self.connection)
    }
}

impl Reader for PostgresReader {
    fn get(&mut self, tenant: &str, external_id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        if external_id.contains('\0') {
            return Ok(None);
        }
        let connection = self.open_connection()?;
        let sql = "SELECT body FROM events WHERE tenant_id = $1 AND external_id = $2";
        connection.wait(async {
            let client = &connection.client;
            let rows = client.query_typed(sql, &[(&tenant, Type::TEXT), (&external_id, Type::TEXT)]).await?;
            Ok(rows.first().map(|row| row.try_get(0).map(str::as_bytes).map(Vec::from)).transpose()?)
        })
    }

    fn search(&mut self, tenant: &str, search: &Search) -> Result<Page, StoreError> {
        let Some(Query { sql, values, is_filtered }) = Query::of(tenant, search) else {
            return Ok(Page { events: Vec::new(), total: 0, total_exact: true, has_more: false });
        };
        let connection = self.open_connection()?;
        connection.wait(async {
            let values: Vec<(&(dyn tokio_postgres::types::ToSql + Sync), Type)> =
                values.iter().map(|(value, kind)| (&**value as _, kind.clone())).collect();
            let rows = connection.client.query_typed(&sql, &values).await?;
            let mut total: i64 = 0;
            let mut events: Vec<Vec<u8>> = Vec::with_capacity(rows.len());
            for row in &rows {
                total = row.try_get(0)?;
                events.extend(row.try_get::<_, Option<&str>>(1)?.map(|body| body.as_bytes().to_vec()));
            }
            Ok(sql::page(events, search.limit, total, is_filtered))
        })
    }

    fn stats(&mut self, tenant: &str) -> Result<Stats, StoreError> {
        let connection = self.open_connection()?;
        connection.wait(async {
            let mut rows = pin!(connection.client.query_typed_raw(STATS, [(&tenant, Type::TEXT)]).await?);
            let (mut hours, mut total, mut span) = (VecDeque::new(), Counts::default(), None);
            while let Some(row) = rows.try_next().await? {
                let counts = Counts {
                    events: row.try_get::<_, i64>(1)?.cast_unsigned(),
                    errors: row.try_get::<_, i64>(2)?.cast_unsigned(),
                };
                total.events += counts.events;
                total.errors += counts.errors;
                let (oldest, newest): (Micros, Micros) = (row.try_get(3)?, row.try_get(4)?);
                span = Some((span.map_or(oldest, |(first, _)| first), newest));
                hours.push_back(Hour { start: row.try_get(0)?, counts });
                if hours.len() > HOURS {
                    hours.pop_front();
                }
            }
            Ok(Stats { hours: hours.into(), total, span })
        })
    }

    fn check(&mut self) -> Result<(), StoreError> {
        let connection = self.open_connection()?;
        connection.wait(async { Ok(connection.client.batch_execute("SELECT 1 FROM events LIMIT 1").await?) })
    }

    fn export(&mut self, tenant: Option<&str>, take: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), StoreError> {
        let connection = self.open_connection()?;
        let sql = "SELECT body FROM events WHERE $1 IS NULL OR tenant_id = $1 ORDER BY id";
        connection.stream(async {
            let mut rows = pin!(connection.client.query_typed_raw(sql, [(&tenant, Type::TEXT)]).await?);
            while let Some(row) = rows.try_next().await? {
                if !take(row.try_get::<_, &str>(0)?.as_bytes()) {
                    break;
                }
            }
            Ok(())
        })
    }

    fn facts(&mut self, take: &mut dyn FnMut(&str, &Facts)) -> Result<Vec<Tally>, StoreError> {
        let connection = self.open_connection()?;
        let client = &connection.client;
        connection.stream(async {
            client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
            let all = format!("SELECT {}, tenant_id FROM events", sql::FACTS);
            let mut rows = pin!(client.query_typed_raw(&all, [] as [(&str, Type); 0]).await?);
            while let Some(row) = rows.try_next().await? {
                take(row.try_get(12)?, &facts(&row, 0)?);
            }
            let mut tallies = Vec::new();
            for row in client.query_typed("SELECT tenant_id, name, hour, count FROM tallies", &[]).await? {
                if let Some(name) = TallyName::of(row.try_get(1)?) {
                    let (tenant, count): (&str, i64) = (row.try_get(0)?, row.try_get(3)?);
                    tallies.push(Tally {
                        tenant: tenant.into(),
                        name,
                        hour: row.try_get(2)?,
                        count: count.cast_unsigned(),
                    });
                }
            }
            client.batch_execute("COMMIT").await?;
            Ok(tallies)
        })
    }
}
