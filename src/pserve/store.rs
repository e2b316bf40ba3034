//! What the server needs from a database. It knows neither SQL nor HTTP.
//!
//! A [`Store`] is a database of one kind, one file each. Writes go through one [`Writer`], which [`commit::Committer`] owns. Reads go
//! through any number of [`Reader`]s at once.

mod blocks;
pub(super) mod commit;
pub(super) mod memory;
pub(super) mod open;
mod postgres;
pub(super) mod readers;
mod sql;
pub(super) mod sqlite;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::clock::Micros;

/// The owner of events: the half of an event's identity that the key decides.
pub(super) type Tenant = Arc<str>;

/// A search with filters counts at most this many matches exactly (contracts §9).
pub(super) const COUNTED: u64 = 10_000;

/// The most hours in [`Stats::hours`]: 31 days.
pub(super) const HOURS: usize = 744;

const HOUR: Micros = 3_600_000_000;

/// An event on its way into the store.
#[derive(Debug, Clone)]
pub(super) struct Record {
    /// The owner.
    pub tenant: Tenant,
    /// The client's event_id, or one that the server generated.
    pub external_id: String,
    /// When it happened.
    pub timestamp: Micros,
    /// When the server received it.
    pub ingested_at: Micros,
    /// The fields that a search may filter by.
    pub fields: SearchFields,
    /// `metrics.response_time_ms`
    pub response_time_ms: Option<f64>,
    /// The whole event, byte for byte.
    pub body: String,
}

/// What figures need to know of a stored event.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Facts {
    /// When it happened.
    pub timestamp: Micros,
    /// The fields that a search may filter by.
    pub fields: SearchFields,
    /// `metrics.response_time_ms`
    pub response_time_ms: Option<f64>,
}

/// How many events were not stored for one reason, in one hour of their arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tally {
    /// The owner.
    pub tenant: Tenant,
    /// The reason.
    pub name: TallyName,
    /// When the hour begins.
    pub hour: Micros,
    /// How many.
    pub count: u64,
}

/// Why an event was not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum TallyName {
    /// It is stored already.
    Duplicate,
    /// The rate limit is used up.
    RateLimited,
}

impl TallyName {
    /// The word in databases.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::RateLimited => "rate_limited",
        }
    }

    /// The name that this word is.
    pub(super) fn of(word: &str) -> Option<Self> {
        [Self::Duplicate, Self::RateLimited].into_iter().find(|name| name.as_str() == word)
    }
}

/// The hour that holds this moment.
pub(super) fn hour_of(at: Micros) -> Micros {
    at.div_euclid(HOUR) * HOUR
}

/// One value for each field that a search may filter by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SearchFields {
    /// `event_type`
    pub event_type: Option<String>,
    /// `severity`
    pub severity: Option<String>,
    /// `source.service`
    pub service: Option<String>,
    /// `source.endpoint`
    pub endpoint: Option<String>,
    /// `metrics.status_code`
    pub status_code: Option<u16>,
    /// `context.user_id`
    pub user_id: Option<String>,
    /// `context.tags.country`
    pub country: Option<String>,
    /// `context.tags.region`
    pub region: Option<String>,
    /// `context.tags.city`
    pub city: Option<String>,
    /// `context.tags.device_type`
    pub device: Option<String>,
}

/// The result of storing a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stored {
    /// It was stored.
    New,
    /// A record with its identity was stored before, and stays as it is.
    Duplicate {
        /// When the server received the stored one.
        ingested_at: Micros,
    },
}

/// Why the store failed.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum StoreError {
    /// The disk is full. Nothing of the transaction was stored.
    #[error("no room is left to store the event: {0}")]
    Full(String),
    /// The database is locked, gone, or starts again. Whether the transaction was stored may be unknown.
    #[error("the database is away: {0}")]
    Away(String),
    /// Any other failure.
    #[error("the database failed: {0}")]
    Failed(String),
}

/// A search. Events must meet all of its conditions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Search {
    /// The values that these fields must have.
    pub fields: SearchFields,
    /// The earliest timestamp.
    pub start: Option<Micros>,
    /// The latest timestamp, inclusive.
    pub end: Option<Micros>,
    /// A text within the id.
    pub id_contains: Option<String>,
    /// The most events to return.
    pub limit: u64,
    /// How many of the newest events to skip.
    pub offset: u64,
}

/// The answer to a [`Search`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Page {
    /// The events as they were stored, newest first.
    pub events: Vec<Vec<u8>>,
    /// How many events match in all. With filters, at most [`COUNTED`].
    pub total: u64,
    /// Whether `total` is all of them.
    pub total_exact: bool,
    /// Whether older events match too.
    pub has_more: bool,
}

/// Counts over the events of a tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Stats {
    /// The hours that have events, oldest first. At most the newest [`HOURS`].
    pub hours: Vec<Hour>,
    /// Over all events.
    pub total: Counts,
    /// The timestamps of the oldest and the newest event.
    pub span: Option<(Micros, Micros)>,
}

/// The counts of one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hour {
    /// When the hour begins.
    pub start: Micros,
    /// Its counts.
    pub counts: Counts,
}

/// The number of events, and of errors among them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// All of them.
    pub events: u64,
    /// Those with a status_code of 400 or more.
    pub errors: u64,
}

impl Search {
    /// Whether it has conditions in addition to the tenant.
    fn is_filtered(&self) -> bool {
        Self { limit: self.limit, offset: self.offset, ..Self::default() } != *self
    }
}

/// Counts events into [`Stats`], in any order.
#[derive(Debug, Default)]
struct Hourly {
    hours: BTreeMap<Micros, Counts>,
    total: Counts,
    span: Option<(Micros, Micros)>,
}

impl Hourly {
    /// Counts an event.
    fn add(&mut self, at: Micros, is_error: bool) {
        let (oldest, newest) = self.span.unwrap_or((at, at));
        self.span = Some((oldest.min(at), newest.max(at)));
        for counts in [self.hours.entry(hour_of(at)).or_default(), &mut self.total] {
            counts.events += 1;
            counts.errors += u64::from(is_error);
        }
        if self.hours.len() > HOURS {
            self.hours.pop_first();
        }
    }

    fn stats(self) -> Stats {
        let hours = self.hours.into_iter().map(|(start, counts)| Hour { start, counts }).collect();
        Stats { hours, total: self.total, span: self.span }
    }
}

/// The duplicates among these records, by tenant and hour of arrival.
fn duplicates(records: &[Record], stored: &[Stored]) -> Vec<Tally> {
    let mut tallies: Vec<Tally> = Vec::new();
    for (record, stored) in records.iter().zip(stored) {
        if *stored == Stored::New {
            continue;
        }
        let hour = hour_of(record.ingested_at);
        match tallies.iter_mut().find(|tally| tally.tenant == record.tenant && tally.hour == hour) {
            Some(tally) => tally.count += 1,
            None => {
                tallies.push(Tally { tenant: Arc::clone(&record.tenant), name: TallyName::Duplicate, hour, count: 1 })
            }
        }
    }
    tallies
}

/// How many of these records are new, by tenant.
fn news<'a>(records: &'a [Record], stored: &[Stored]) -> Vec<(&'a Tenant, u64)> {
    let mut counts: Vec<(&Tenant, u64)> = Vec::new();
    for (Record { tenant, .. }, _) in records.iter().zip(stored).filter(|(_, stored)| **stored == Stored::New) {
        match counts.iter_mut().find(|(other, _)| *other == tenant) {
            Some((_, count)) => *count += 1,
            None => counts.push((tenant, 1)),
        }
    }
    counts
}

/// A database.
pub(super) trait Store: Send + Sync {
    /// Opens a connection for reading.
    ///
    /// # Errors
    /// If the database cannot be reached.
    fn reader(&self) -> Result<Box<dyn Reader>, StoreError>;
}

/// Writes to the database.
pub(super) trait Writer: Send {
    /// Stores all of these records or, on an error, none. Adds the tallies, and the duplicates that it finds. When it returns, all of
    /// this is where the database keeps it.
    ///
    /// # Errors
    /// If the database fails.
    fn insert(&mut self, records: &[Record], tallies: &[Tally]) -> Result<Vec<Stored>, StoreError>;

    /// Removes an event. Returns what it was, or `None` if there is none.
    ///
    /// # Errors
    /// If the database fails.
    fn delete(&mut self, tenant: &str, external_id: &str) -> Result<Option<Facts>, StoreError>;

    /// Removes all events of all tenants, and all tallies. Returns how many events there were.
    ///
    /// # Errors
    /// If the database fails. Nothing is removed then.
    fn clear(&mut self) -> Result<u64, StoreError>;

    /// Closes the database. Returns how many events it holds, of all tenants.
    ///
    /// # Errors
    /// If the database fails. What was stored stays stored.
    fn close(self: Box<Self>) -> Result<u64, StoreError>;
}

/// Reads from the database, at the same time as others.
pub(super) trait Reader: Send {
    /// The event with this identity, as it was stored.
    ///
    /// # Errors
    /// If the database fails.
    fn get(&mut self, tenant: &str, external_id: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// The events that a search matches.
    ///
    /// # Errors
    /// If the database fails.
    fn search(&mut self, tenant: &str, search: &Search) -> Result<Page, StoreError>;

    /// The counts of a tenant's events.
    ///
    /// # Errors
    /// If the database fails.
    fn stats(&mut self, tenant: &str) -> Result<Stats, StoreError>;

    /// Checks that the database answers.
    ///
    /// # Errors
    /// If it does not.
    fn check(&mut self) -> Result<(), StoreError>;

    /// Passes on the events of a tenant, or of all, as they were stored and in the order in which they were stored, until `take` returns
    /// false.
    ///
    /// # Errors
    /// If the database fails.
    fn export(&mut self, tenant: Option<&str>, take: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), StoreError>;

    /// Passes on the tenant and the facts of every event, in any order. Returns all tallies.
    ///
    /// # Errors
    /// If the database fails.
    fn facts(&mut self, take: &mut dyn FnMut(&str, &Facts)) -> Result<Vec<Tally>, StoreError>;
}
