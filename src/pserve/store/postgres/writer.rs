//! Writes events to PostgreSQL, all that wait with one statement. Connects again after a failure.

use std::collections::{HashMap, HashSet};

use futures::future::join;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Statement};

use super::address::Address;
use super::columns::{Columns, facts, tallies};
use super::connection::Connection;
use super::schema::{Unready, prepare};
use super::tls::Tls;
use crate::clock::Micros;
use crate::pserve::store::{Facts, Record, StoreError, Stored, Tally, Writer, duplicates, news, sql};

/// Numbers the events as they came, and adds them in the order of their identities: two processes that add the same events wait for
/// each other, and not each for the other. Returns the identities of those that are new.
const INSERT: &str = "INSERT INTO events (id, tenant_id, external_id, timestamp, ingested_at, event_type, severity, service, \
     endpoint, user_id, country, region, city, device, status_code, response_time_ms, body) \
     SELECT * FROM (SELECT nextval('events_id_seq') AS id, given.* FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], \
     $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], \
     $14::integer[], $15::double precision[], $16::text[]) AS given (tenant_id, external_id)) AS numbered \
     ORDER BY tenant_id COLLATE \"C\", external_id COLLATE \"C\", id \
     ON CONFLICT ON CONSTRAINT uq_events_tenant_external_id DO NOTHING RETURNING tenant_id, external_id";

const INGESTED_AT: &str = "SELECT tenant_id, external_id, ingested_at FROM events \
     JOIN unnest($1::text[], $2::text[]) AS asked (tenant_id, external_id) USING (tenant_id, external_id)";

const TALLY: &str = "INSERT INTO tallies SELECT tenant_id, name, hour, sum(count)::bigint \
     FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) AS given (tenant_id, name, hour, count) \
     GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 \
     ON CONFLICT (tenant_id, name, hour) DO UPDATE SET count = tallies.count + excluded.count";

const TOTAL: &str = "INSERT INTO totals SELECT * FROM unnest($1::text[], $2::bigint[]) AS given (tenant_id, events) ORDER BY 1 \
     ON CONFLICT (tenant_id) DO UPDATE SET events = totals.events + excluded.events";

/// Writes events.
pub(in crate::pserve) struct PostgresWriter {
    address: Address,
    tls: Option<Tls>,
    /// `None` after a failure.
    session: Option<Session>,
}

struct Session {
    connection: Connection,
    insert: Statement,
}

impl PostgresWriter {
    /// Connects, and makes the tables if they do not exist.
    ///
    /// # Errors
    /// If the database cannot be reached, or is not one of pserve.
    pub(super) fn open(address: &Address, tls: Option<&Tls>) -> Result<Self, Unready> {
        let mut writer = Self { address: address.clone(), tls: tls.cloned(), session: None };
        writer.connect()?;
        Ok(writer)
    }

    fn connect(&mut self) -> Result<&Session, Unready> {
        let connection = Connection::open(&self.address, self.tls.as_ref())?;
        prepare(&connection)?;
        let insert = connection.wait(async { Ok(connection.client.prepare(INSERT).await?) })?;
        Ok(self.session.insert(Session { connection, insert }))
    }

    /// Does something with an open connection. Closes it if that fails: what was begun is then undone by the server.
    fn with<T>(&mut self, act: impl FnOnce(&Session) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let session = match self.session.take_if(|session| session.connection.is_open()) {
            Some(session) => self.session.insert(session),
            None => self.connect().map_err(|unready| match unready {
                Unready::Failed(error) => error,
                Unready::Refused(why) => StoreError::Failed(why),
            })?,
        };
        let done = act(session);
        if done.is_err() {
            self.session = None;
        }
        done
    }
}

impl Writer for PostgresWriter {
    fn insert(&mut self, records: &[Record], tallies: &[Tally]) -> Result<Vec<Stored>, StoreError> {
        let columns = Columns::of(records);
        self.with(|Session { connection, insert }| {
            connection.wait(async {
                let client = &connection.client;
                // Sent at once: the server goes from the one to the other without waiting for us.
                let (begun, new) = join(client.batch_execute("BEGIN"), add(client, insert, &columns)).await;
                begun?;
                let stored = results(client, records, new?).await?;
                count(client, tallies, &duplicates(records, &stored)).await?;
                let news = news(records, &stored);
                let totals = total(client, news.iter().map(|(tenant, more)| (&***tenant, more.cast_signed())));
                let (counted, committed) = join(totals, client.batch_execute("COMMIT")).await;
                counted?;
                committed?;
                Ok(stored)
            })
        })
    }

    fn delete(&mut self, tenant: &str, external_id: &str) -> Result<Option<Facts>, StoreError> {
        if external_id.contains('\0') {
            return Ok(None);
        }
        let delete = format!("DELETE FROM events WHERE tenant_id = $1 AND external_id = $2 RETURNING {}", sql::FACTS);
        self.with(|Session { connection, .. }| {
            connection.wait(async {
                let client = &connection.client;
                client.batch_execute("BEGIN").await?;
                let rows = client.query_typed(&delete, &[(&tenant, Type::TEXT), (&external_id, Type::TEXT)]).await?;
                total(client, rows.iter().map(|_| (tenant, -1))).await?;
                client.batch_execute("COMMIT").await?;
                Ok(rows.first().map(|row| facts(row, 0)).transpose()?)
            })
        })
    }

    fn clear(&mut self) -> Result<u64, StoreError> {
        self.with(|Session { connection, .. }| {
            connection.stream(async {
                let client = &connection.client;
                client.batch_execute("BEGIN").await?;
                let count = client.execute("DELETE FROM events", &[]).await?;
                client.batch_execute("DELETE FROM tallies; DELETE FROM totals; COMMIT").await?;
                Ok(count)
            })
        })
    }

    fn close(mut self: Box<Self>) -> Result<u64, StoreError> {
        self.with(|Session { connection, .. }| {
            connection.stream(async {
                let count: i64 = connection.client.query_one("SELECT count(*) FROM events", &[]).await?.try_get(0)?;
                Ok(count.cast_unsigned())
            })
        })
    }
}

/// The identity of an event: tenant and id.
type Identity = (String, String);

/// Adds events. Returns which are new.
async fn add(client: &Client, insert: &Statement, columns: &Columns<'_>) -> Result<Vec<Identity>, StoreError> {
    let [event_type, severity, service, endpoint, user_id, country, region, city, device] = &columns.texts;
    let rows = client
        .query(
            insert,
            &[
                &columns.tenant,
                &columns.external_id,
                &columns.timestamp,
                &columns.ingested_at,
                event_type,
                severity,
                service,
                endpoint,
                user_id,
                country,
                region,
                city,
                device,
                &columns.status_code,
                &columns.response_time_ms,
                &columns.body,
            ],
        )
        .await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// The result of each record, of which these are new.
async fn results(client: &Client, records: &[Record], new: Vec<Identity>) -> Result<Vec<Stored>, StoreError> {
    if new.len() == records.len() {
        return Ok(vec![Stored::New; records.len()]);
    }
    let mut new: HashSet<Identity> = new.into_iter().collect();
    // Of those with the same identity, the first is the new one.
    let is_new: Vec<bool> =
        records.iter().map(|it| new.remove(&(it.tenant.to_string(), it.external_id.clone()))).collect();
    let olds = || records.iter().zip(&is_new).filter(|(_, is_new)| !**is_new).map(|(record, _)| record);
    let tenants: Vec<&str> = olds().map(|record| &*record.tenant).collect();
    let ids: Vec<&str> = olds().map(|record| &*record.external_id).collect();
    let rows = client.query_typed(INGESTED_AT, &[(&tenants, Type::TEXT_ARRAY), (&ids, Type::TEXT_ARRAY)]).await?;
    let mut known: HashMap<(&str, &str), Micros> = HashMap::new();
    for row in &rows {
        known.insert((row.try_get(0)?, row.try_get(1)?), row.try_get(2)?);
    }
    let result = |(record, is_new): (&Record, &bool)| match known.get(&(&*record.tenant, &*record.external_id)) {
        _ if *is_new => Ok(Stored::New),
        Some(ingested_at) => Ok(Stored::Duplicate { ingested_at: *ingested_at }),
        None => Err(StoreError::Away("another process removed an event while it was sent again".to_owned())),
    };
    records.iter().zip(&is_new).map(result).collect()
}

async fn count(client: &Client, given: &[Tally], found: &[Tally]) -> Result<(), StoreError> {
    if given.is_empty() && found.is_empty() {
        return Ok(());
    }
    let (tenants, names, hours, counts) = tallies(given.iter().chain(found));
    let types = [Type::TEXT_ARRAY, Type::TEXT_ARRAY, Type::INT8_ARRAY, Type::INT8_ARRAY];
    let [tenant, name, hour, count] = types;
    client.execute_typed(TALLY, &[(&tenants, tenant), (&names, name), (&hours, hour), (&counts, count)]).await?;
    Ok(())
}

async fn total<'a>(client: &Client, more: impl Iterator<Item = (&'a str, i64)>) -> Result<(), StoreError> {
    let (tenants, counts): (Vec<&str>, Vec<i64>) = more.unzip();
    if !tenants.is_empty() {
        client.execute_typed(TOTAL, &[(&tenants, Type::TEXT_ARRAY), (&counts, Type::INT8_ARRAY)]).await?;
    }
    Ok(())
}
