//! The tables, and their version.

use super::connection::Connection;
use crate::pserve::store::StoreError;

/// What leads from each version of the schema to the next.
const MIGRATIONS: [&str; 1] = [include_str!("1.sql")];

/// The lock of those who change the schema ("PulP").
const LOCK: i64 = 0x5075_6c50;

/// What [`look`] asks.
const LOOK: &str = "SELECT current_setting('server_encoding'), to_regclass('pserve_schema') IS NOT NULL, \
     coalesce(to_regclass('events'), to_regclass('tallies'), to_regclass('totals')) IS NOT NULL";

/// Why a database is not ready.
#[derive(Debug)]
pub(super) enum Unready {
    /// The database failed.
    Failed(StoreError),
    /// It is not one of pserve, or of a newer version. The message says which.
    Refused(String),
}

impl From<StoreError> for Unready {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

/// Makes the tables, or brings them to the newest version. Of several that begin at once, one does it, and the others wait.
///
/// # Errors
/// If the database fails or is refused. Nothing is changed then.
pub(super) fn prepare(connection: &Connection) -> Result<(), Unready> {
    if look(connection)?.version == Some(latest()) {
        return Ok(());
    }
    // Taken before the transaction, so that this sees what the holder before us did. It is released with the connection if that fails.
    run(connection, &format!("SELECT pg_advisory_lock({LOCK})"))?;
    run(connection, "BEGIN")?;
    migrate(connection)?;
    run(connection, &format!("COMMIT; SELECT pg_advisory_unlock({LOCK})"))
}

fn migrate(connection: &Connection) -> Result<(), Unready> {
    let Found { encoding, version, has_tables } = look(connection)?;
    if encoding != "UTF8" {
        return Err(Unready::Refused(format!("the database has the encoding {encoding}; expected UTF8")));
    }
    if version.is_none() && has_tables {
        return Err(Unready::Refused(
            "the tables events, tallies or totals belong to another program; name another database with --db"
                .to_owned(),
        ));
    }
    let latest = latest();
    let seen = match version {
        Some(newer) if newer > latest => {
            return Err(Unready::Refused(format!(
                "the schema has version {newer}; this pserve supports version {latest}: a newer pserve made the tables"
            )));
        }
        seen => usize::try_from(seen.unwrap_or(0)).unwrap_or(0),
    };
    for migration in MIGRATIONS.iter().skip(seen) {
        run(connection, migration)?;
    }
    match version {
        None => run(connection, &format!("CREATE TABLE pserve_schema AS SELECT {latest} AS version")),
        Some(_) => run(connection, &format!("UPDATE pserve_schema SET version = {latest}")),
    }
}

/// The version of the schema that this pserve makes.
fn latest() -> i32 {
    i32::try_from(MIGRATIONS.len()).expect("there are few")
}

/// What a database holds.
struct Found {
    encoding: String,
    /// `None` if it has no schema of pserve.
    version: Option<i32>,
    /// Whether there are tables with the names of ours.
    has_tables: bool,
}

fn look(connection: &Connection) -> Result<Found, Unready> {
    let client = &connection.client;
    Ok(connection.wait(async {
        let row = client.query_one(LOOK, &[]).await?;
        let version = match row.try_get(1)? {
            false => None,
            true => client.query_one("SELECT max(version) FROM pserve_schema", &[]).await?.try_get(0)?,
        };
        Ok(Found { encoding: row.try_get(0)?, version, has_tables: row.try_get(2)? })
    })?)
}

fn run(connection: &Connection, statements: &str) -> Result<(), Unready> {
    Ok(connection.stream(async { Ok(connection.client.batch_execute(statements).await?) })?)
}
