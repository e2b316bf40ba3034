//! What the stores in SQL have in common: the names of columns, and what is read from rows.

use super::{COUNTED, Facts, Page, SearchFields};
use crate::clock::Micros;

/// The columns of [`Facts`], in the order that [`facts`] expects: the texts are last, in the order of [`texts`].
pub(super) const FACTS: &str = "timestamp, status_code, response_time_ms, event_type, severity, service, endpoint, user_id, country, region, \
     city, device";

/// The columns of [`texts`], in their order.
pub(super) const TEXTS: &str = "event_type, severity, service, endpoint, user_id, country, region, city, device";

/// The texts of an event that a search may filter by, and their columns.
pub(super) fn texts(fields: &SearchFields) -> [(&'static str, Option<&String>); 9] {
    [
        ("event_type", fields.event_type.as_ref()),
        ("severity", fields.severity.as_ref()),
        ("service", fields.service.as_ref()),
        ("endpoint", fields.endpoint.as_ref()),
        ("user_id", fields.user_id.as_ref()),
        ("country", fields.country.as_ref()),
        ("region", fields.region.as_ref()),
        ("city", fields.city.as_ref()),
        ("device", fields.device.as_ref()),
    ]
}

/// The facts of an event; `text` reads the nth of its texts.
///
/// # Errors
/// Those of `text`.
pub(super) fn facts<E>(
    timestamp: Micros,
    status_code: Option<u16>,
    response_time_ms: Option<f64>,
    text: impl Fn(usize) -> Result<Option<String>, E>,
) -> Result<Facts, E> {
    let fields = SearchFields {
        event_type: text(0)?,
        severity: text(1)?,
        service: text(2)?,
        endpoint: text(3)?,
        status_code,
        user_id: text(4)?,
        country: text(5)?,
        region: text(6)?,
        city: text(7)?,
        device: text(8)?,
    };
    Ok(Facts { timestamp, fields, response_time_ms })
}

/// A number for SQL, which has only signed ones.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The page of a search that asked for one event more than `limit`, and with filters for at most one match more than [`COUNTED`].
pub(super) fn page(mut events: Vec<Vec<u8>>, limit: u64, matches: i64, is_filtered: bool) -> Page {
    let has_more = events.len() as u64 > limit;
    if has_more {
        events.pop();
    }
    let total = matches.cast_unsigned();
    let total_exact = !is_filtered || total <= COUNTED;
    Page { events, total: if total_exact { total } else { COUNTED }, total_exact, has_more }
}
