//! A search as SQL.

use tokio_postgres::types::{ToSql, Type};

use crate::pserve::store::sql::{signed, texts};
use crate::pserve::store::{COUNTED, Search};

/// The longest text that has an entry in its index.
const INDEXED: usize = 1000;

/// A value of a statement, and its type.
pub(super) type Value<'a> = (Box<dyn ToSql + Sync + Send + 'a>, Type);

/// The statement of a search. Each row has the total and an event; the total comes with no event if there is none.
pub(super) struct Query<'a> {
    pub(super) sql: String,
    pub(super) values: Vec<Value<'a>>,
    /// Whether it has conditions in addition to the tenant.
    pub(super) is_filtered: bool,
}

impl<'a> Query<'a> {
    /// The statement for these events of a tenant. `None` if none can match: PostgreSQL has no text with U+0000.
    pub(super) fn of(tenant: &'a str, search: &'a Search) -> Option<Self> {
        let mut query = Self { sql: "tenant_id = $1".to_owned(), values: Vec::new(), is_filtered: false };
        query.values.push((Box::new(tenant), Type::TEXT));
        for (column, text) in texts(&search.fields) {
            let Some(text) = text else { continue };
            let indexed =
                if text.len() <= INDEXED { format!(" AND octet_length({column}) <= {INDEXED}") } else { String::new() };
            query.and(&format!("{column} ="), text, Type::TEXT, &indexed);
        }
        if let Some(code) = search.fields.status_code {
            query.and("status_code =", i32::from(code), Type::INT4, "");
        }
        if let Some(start) = search.start {
            query.and("timestamp >=", start, Type::INT8, "");
        }
        if let Some(end) = search.end {
            query.and("timestamp <=", end, Type::INT8, "");
        }
        if let Some(text) = &search.id_contains {
            query.and("0 < strpos(external_id,", text.as_str(), Type::TEXT, ")");
        }
        query.is_filtered = query.values.len() > 1;
        let given = texts(&search.fields).into_iter().filter_map(|(_, text)| text).chain(&search.id_contains);
        let is_possible = !given.into_iter().any(|text| text.contains('\0'));
        is_possible.then(|| query.paged(search))
    }

    fn and(&mut self, condition: &str, value: impl ToSql + Sync + Send + 'a, kind: Type, rest: &str) {
        self.values.push((Box::new(value), kind));
        self.sql.push_str(&format!(" AND {condition} ${}{rest}", self.values.len()));
    }

    /// Counts the matches, and picks the page among the ids alone, which the indexes hold.
    fn paged(mut self, search: &Search) -> Self {
        let matching = &self.sql;
        let total = if self.is_filtered {
            format!("SELECT count(*) FROM (SELECT 1 FROM events WHERE {matching} LIMIT {}) AS counted", COUNTED + 1)
        } else {
            "SELECT coalesce((SELECT events FROM totals WHERE tenant_id = $1), 0)".to_owned()
        };
        self.sql = format!(
            "SELECT total, body FROM ({total}) AS totals (total) \
             LEFT JOIN ((SELECT id FROM events WHERE {matching} ORDER BY timestamp DESC, id DESC LIMIT {} OFFSET {}) AS page \
             JOIN events USING (id)) ON true ORDER BY timestamp DESC, id DESC",
            signed(search.limit.saturating_add(1)),
            signed(search.offset),
        );
        self
    }
}
