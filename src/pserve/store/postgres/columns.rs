//! Records as columns, for statements that take many at once, and facts out of rows.

use tokio_postgres::Row;

use crate::clock::Micros;
use crate::pserve::store::{Facts, Record, Tally, sql};

/// The facts in the columns [`sql::FACTS`], of which `first` is the first.
pub(super) fn facts(row: &Row, first: usize) -> Result<Facts, tokio_postgres::Error> {
    let status_code: Option<i32> = row.try_get(first + 1)?;
    let status_code = status_code.and_then(|code| u16::try_from(code).ok());
    sql::facts(row.try_get(first)?, status_code, row.try_get(first + 2)?, |nth| row.try_get(first + 3 + nth))
}

/// Records, one array a column.
#[derive(Default)]
pub(super) struct Columns<'a> {
    pub(super) tenant: Vec<&'a str>,
    pub(super) external_id: Vec<&'a str>,
    pub(super) timestamp: Vec<Micros>,
    pub(super) ingested_at: Vec<Micros>,
    /// In the order of [`sql::texts`].
    pub(super) texts: [Vec<Option<&'a str>>; 9],
    pub(super) status_code: Vec<Option<i32>>,
    pub(super) response_time_ms: Vec<Option<f64>>,
    pub(super) body: Vec<&'a str>,
}

impl<'a> Columns<'a> {
    /// The columns of these records.
    pub(super) fn of(records: &'a [Record]) -> Self {
        let mut all = Self::default();
        for Record { tenant, external_id, timestamp, ingested_at, fields, response_time_ms, body } in records {
            all.tenant.push(tenant);
            all.external_id.push(external_id);
            all.timestamp.push(*timestamp);
            all.ingested_at.push(*ingested_at);
            for (column, (_, text)) in all.texts.iter_mut().zip(sql::texts(fields)) {
                column.push(text.map(String::as_str));
            }
            all.status_code.push(fields.status_code.map(i32::from));
            all.response_time_ms.push(*response_time_ms);
            all.body.push(body);
        }
        all
    }
}

/// Tallies, one array a column.
pub(super) fn tallies<'a>(
    all: impl Iterator<Item = &'a Tally>,
) -> (Vec<&'a str>, Vec<&'static str>, Vec<Micros>, Vec<i64>) {
    let mut columns = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for Tally { tenant, name, hour, count } in all {
        columns.0.push(&**tenant);
        columns.1.push(name.as_str());
        columns.2.push(*hour);
        columns.3.push(count.cast_signed());
    }
    columns
}
