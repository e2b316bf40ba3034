//! What the server asks of a database, in the server's words. It knows no SQL and no HTTP.
//!
//! Writes go through one [`Writer`] that [`commit::Committer`] owns; reads through any number of [`Reader`]s side by side.

pub mod commit;
pub mod readers;
pub mod sqlite;

use std::sync::Arc;

use crate::clock::Micros;

/// Whose events these are: the half of an event's identity that the key decides.
pub type Tenant = Arc<str>;

/// Up to how many a filtered search counts its matches exactly (contracts §9).
pub const COUNTED: u64 = 10_000;

/// The newest hours that [`Stats::hours`] holds at most: 31 days.
pub const HOURS: usize = 744;

/// An event on its way into the store.
#[derive(Debug, Clone)]
pub struct Record {
    /// Whose it is.
    pub tenant: Tenant,
    /// The client's event_id, or one that the server made.
    pub external_id: String,
    /// When it happened.
    pub timestamp: Micros,
    /// When the server took it.
    pub ingested_at: Micros,
    /// The fields that a search may ask for.
    pub fields: Fields<String>,
    /// The whole event, byte for byte.
    pub body: String,
}

/// One value for each field that a search may filter by: `String` in a record, `Option<String>` in a filter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields<T> {
    /// `event_type`
    pub event_type: Option<T>,
    /// `severity`
    pub severity: Option<T>,
    /// `source.service`
    pub service: Option<T>,
    /// `source.endpoint`
    pub endpoint: Option<T>,
    /// `metrics.status_code`
    pub status_code: Option<u16>,
    /// `context.user_id`
    pub user_id: Option<T>,
    /// `context.tags.country`
    pub country: Option<T>,
    /// `context.tags.region`
    pub region: Option<T>,
    /// `context.tags.city`
    pub city: Option<T>,
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// It is in the store now.
    New,
    /// One with its identity was there already, taken at this moment, and stays as it is.
    Duplicate {
        /// When the one that is there was taken.
        ingested_at: Micros,
    },
}

/// Why a store did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// No room is left; nothing of the transaction was stored.
    #[error("no room is left to store the event: {0}")]
    Full(String),
    /// Anything else that a database can meet.
    #[error("the database failed: {0}")]
    Failed(String),
}

/// Which events a search wants. All conditions hold at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Search {
    /// Fields that must have just this value.
    pub fields: Fields<String>,
    /// The earliest timestamp.
    pub start: Option<Micros>,
    /// The latest timestamp, itself included.
    pub end: Option<Micros>,
    /// How many events at most.
    pub limit: u64,
    /// How many of the newest to pass over.
    pub offset: u64,
}

/// The answer to a [`Search`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The events as they were stored, newest first.
    pub events: Vec<Vec<u8>>,
    /// How many events match in all; with filters, at most [`COUNTED`].
    pub total: u64,
    /// Whether `total` is all of them.
    pub total_exact: bool,
    /// Whether older ones follow.
    pub has_more: bool,
}

/// Counts over the events of a tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Each hour that has events, oldest first, the newest [`HOURS`] at most.
    pub hours: Vec<Hour>,
    /// Over all events.
    pub total: Counts,
    /// The timestamps of the oldest and the newest event.
    pub span: Option<(Micros, Micros)>,
}

/// The counts of one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hour {
    /// When the hour begins.
    pub start: Micros,
    /// Its counts.
    pub counts: Counts,
}

/// How many events, and how many of them tell of an error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// All of them.
    pub events: u64,
    /// Those with a status_code from 400.
    pub errors: u64,
}

/// The one that writes.
pub trait Writer: Send {
    /// Stores all of these or, on an error, none; on return they are on disk.
    ///
    /// # Errors
    /// Where the database refuses.
    fn insert(&mut self, records: &[Record]) -> Result<Vec<Stored>, StoreError>;

    /// Leaves the database tidy, and says how many events it holds, whosever they are.
    ///
    /// # Errors
    /// Where it cannot; what was stored is stored all the same.
    fn close(self) -> Result<u64, StoreError>;
}

/// One that reads, beside others.
pub trait Reader: Send {
    /// The event with this identity, as it was stored.
    ///
    /// # Errors
    /// Where the database fails.
    fn get(&self, tenant: &str, external_id: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// The events that a search asks for.
    ///
    /// # Errors
    /// Where the database fails.
    fn search(&self, tenant: &str, search: &Search) -> Result<Page, StoreError>;

    /// The counts of a tenant's events.
    ///
    /// # Errors
    /// Where the database fails.
    fn stats(&self, tenant: &str) -> Result<Stats, StoreError>;

    /// Whether the database answers at all.
    ///
    /// # Errors
    /// Where it does not.
    fn check(&self) -> Result<(), StoreError>;
}
