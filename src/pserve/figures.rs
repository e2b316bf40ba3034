//! What the dashboard shows: counts of each tenant's events by time and by field. They are kept in memory as events come and go, and
//! counted again from the store at the start, so they are exact after a restart.

mod histogram;
mod ledger;
mod names;
mod report;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::watch;

use super::store::commit::Watcher;
use super::store::{Facts, Reader, Record, StoreError, Stored, Tally, TallyName, Tenant, hour_of};
use crate::clock::Micros;
use ledger::Ledger;
pub(super) use report::Report;

/// The figures of all tenants.
#[derive(Debug)]
pub(super) struct Figures {
    tenants: Mutex<HashMap<Tenant, Ledger>>,
    changes: watch::Sender<()>,
}

impl Figures {
    /// The figures of what a store holds.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) fn of(reader: &mut dyn Reader) -> Result<Self, StoreError> {
        let mut tenants: HashMap<Tenant, Ledger> = HashMap::new();
        let tallies = reader.facts(&mut |tenant, facts| match tenants.get_mut(tenant) {
            Some(ledger) => ledger.add(facts, 1),
            None => tenants.entry(tenant.into()).or_default().add(facts, 1),
        })?;
        for tally in tallies {
            tenants.entry(tally.tenant).or_default().tally(tally.name, tally.hour, tally.count);
        }
        Ok(Self { tenants: Mutex::new(tenants), changes: watch::Sender::new(()) })
    }

    fn tenants(&self) -> MutexGuard<'_, HashMap<Tenant, Ledger>> {
        self.tenants.lock().expect("no holder of this lock can panic")
    }

    /// Counts events that were not stored.
    pub(super) fn tally(&self, tally: &Tally) {
        self.tenants().entry(Arc::clone(&tally.tenant)).or_default().tally(tally.name, tally.hour, tally.count);
        self.changes.send_replace(());
    }

    /// The figures of a tenant's events from one time to another, both inclusive.
    pub(super) fn report(&self, tenant: &str, start: Option<Micros>, end: Option<Micros>) -> Report {
        let tenants = self.tenants();
        let none = Ledger::default();
        Report::new(tenants.get(tenant).unwrap_or(&none), start.unwrap_or(Micros::MIN), end.unwrap_or(Micros::MAX))
    }

    /// How often a tenant's figures have changed. It only grows.
    pub(super) fn version(&self, tenant: &str) -> u64 {
        self.tenants().get(tenant).map_or(0, |ledger| ledger.version)
    }

    /// How many events all tenants have.
    pub(super) fn events(&self) -> u64 {
        self.tenants().values().map(Ledger::events).sum()
    }

    /// Tells when figures of any tenant have changed.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }
}

/// Keeps the figures up to date.
pub(super) struct Keeper(pub(super) Arc<Figures>);

impl Watcher for Keeper {
    fn stored(&mut self, records: &[Record], stored: &[Stored]) {
        let mut tenants = self.0.tenants();
        for (record, stored) in records.iter().zip(stored) {
            let ledger = tenants.entry(Arc::clone(&record.tenant)).or_default();
            match stored {
                Stored::New => ledger.count(record.timestamp, &record.fields, record.response_time_ms, 1),
                Stored::Duplicate { .. } => ledger.tally(TallyName::Duplicate, hour_of(record.ingested_at), 1),
            }
        }
        drop(tenants);
        self.0.changes.send_replace(());
    }

    fn removed(&mut self, tenant: &Tenant, facts: &Facts) {
        self.0.tenants().entry(Arc::clone(tenant)).or_default().add(facts, -1);
        self.0.changes.send_replace(());
    }
}
