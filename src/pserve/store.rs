//! What the server needs from a database. It knows neither SQL nor HTTP.
//!
//! Writes go through one [`Writer`], which [`commit::Committer`] owns. Reads go through any number of [`Reader`]s at once.

pub(super) mod commit;
pub(super) mod readers;
pub(super) mod sqlite;

use std::sync::Arc;

use crate::clock::Micros;

/// The owner of events: the half of an event's identity that the key decides.
pub(super) type Tenant = Arc<str>;

/// A search with filters counts at most this many matches exactly (contracts §9).
pub(super) const COUNTED: u64 = 10_000;

/// The most hours in [`Stats::hours`]: 31 days.
pub(super) const HOURS: usize = 744;

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
    /// The whole event, byte for byte.
    pub body: String,
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

/// Writes to the database.
pub(super) trait Writer: Send {
    /// Stores all of these records or, on an error, none. When it returns, they are on disk.
    ///
    /// # Errors
    /// If the database fails.
    fn insert(&mut self, records: &[Record]) -> Result<Vec<Stored>, StoreError>;

    /// Closes the database. Returns how many events it holds, of all tenants.
    ///
    /// # Errors
    /// If the database fails. What was stored stays stored.
    fn close(self) -> Result<u64, StoreError>;
}

/// Reads from the database, at the same time as others.
pub(super) trait Reader: Send {
    /// The event with this identity, as it was stored.
    ///
    /// # Errors
    /// If the database fails.
    fn get(&self, tenant: &str, external_id: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// The events that a search matches.
    ///
    /// # Errors
    /// If the database fails.
    fn search(&self, tenant: &str, search: &Search) -> Result<Page, StoreError>;

    /// The counts of a tenant's events.
    ///
    /// # Errors
    /// If the database fails.
    fn stats(&self, tenant: &str) -> Result<Stats, StoreError>;

    /// Checks that the database answers.
    ///
    /// # Errors
    /// If it does not.
    fn check(&self) -> Result<(), StoreError>;
}
