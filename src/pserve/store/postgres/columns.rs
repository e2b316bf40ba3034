//! Records as columns, for statements that take many at once, and facts out of rows.

use tokio_postgres::Row;

use crate::clock::Micros;
use crate::pserve::store::{Facts, Record, SearchFields, Tally};

/// The columns that [`facts`] reads.
pub(super) const FACTS: &str = "timestamp, event_type, severity, service, endpoint, status_code, user_id, country, region, city, \
     device, response_time_ms";

/// The facts in the columns [`FACTS`], of which `first` is the first.
pub(super) fn facts(row: &Row, first: usize) -> Result<Facts, tokio_postgres::Error> {
    let status_code: Option<i32> = row.try_get(first + 5)?;
    Ok(Facts {
        timestamp: row.try_get(first)?,
        fields: SearchFields {
            event_type: row.try_get(first + 1)?,
            severity: row.try_get(first + 2)?,
            service: row.try_get(first + 3)?,
            endpoint: row.try_get(first + 4)?,
            status_code: status_code.and_then(|code| u16::try_from(code).ok()),
            user_id: row.try_get(first + 6)?,
            country: row.try_get(first + 7)?,
            region: row.try_get(first + 8)?,
            city: row.try_get(first + 9)?,
            device: row.try_get(first + 10)?,
        },
        response_time_ms: row.try_get(first + 11)?,
    })
}

/// Records, one array a column.
#[derive(Default)]
pub(super) struct Columns<'a> {
    pub(super) tenant: Vec<&'a str>,
    pub(super) external_id: Vec<&'a str>,
    pub(super) timestamp: Vec<Micros>,
    pub(super) ingested_at: Vec<Micros>,
    /// `event_type`, `severity`, `service`, `endpoint`, `user_id`, `country`, `region`, `city` and `device`.
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
            for (column, (_, text)) in all.texts.iter_mut().zip(texts(fields)) {
                column.push(text);
            }
            all.status_code.push(fields.status_code.map(i32::from));
            all.response_time_ms.push(*response_time_ms);
            all.body.push(body);
        }
        all
    }
}

/// The texts of an event that a search may filter by, and their columns.
pub(super) fn texts(fields: &SearchFields) -> [(&'static str, Option<&str>); 9] {
    [
        ("event_type", fields.event_type.as_deref()),
        ("severity", fields.severity.as_deref()),
        ("service", fields.service.as_deref()),
        ("endpoint", fields.endpoint.as_deref()),
        ("user_id", fields.user_id.as_deref()),
        ("country", fields.country.as_deref()),
        ("region", fields.region.as_deref()),
        ("city", fields.city.as_deref()),
        ("device", fields.device.as_deref()),
    ]
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
