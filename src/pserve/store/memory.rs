//! Events in memory (`--db memory:`): gone with the process, and as fast as a store can be.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use super::{
    COUNTED, Facts, Page, Reader, Record, Search, SearchFields, Stats, Store, StoreError, Stored, Tally, TallyName,
    Tenant, Writer, duplicates,
};
use crate::clock::Micros;

/// Events in memory.
#[derive(Debug, Clone, Default)]
pub(in crate::pserve) struct Memory(Arc<Mutex<Held>>);

#[derive(Debug, Default)]
struct Held {
    tenants: HashMap<Tenant, Events>,
    tallies: BTreeMap<(Tenant, TallyName, Micros), u64>,
    /// The number of the next event.
    next: u64,
}

/// The events of a tenant.
#[derive(Debug, Default)]
struct Events {
    /// By the time and the number of each event.
    by_time: BTreeMap<(Micros, u64), Record>,
    ids: HashMap<String, (Micros, u64)>,
}

impl Memory {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().expect("no holder of this lock can panic")
    }
}

impl Store for Memory {
    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        Ok(Box::new(self.clone()))
    }
}

fn facts(record: &Record) -> Facts {
    let Record { timestamp, fields, response_time_ms, .. } = record;
    Facts { timestamp: *timestamp, fields: fields.clone(), response_time_ms: *response_time_ms }
}

impl Writer for Memory {
    fn insert(&mut self, records: &[Record], tallies: &[Tally]) -> Result<Vec<Stored>, StoreError> {
        let held = &mut *self.held();
        let mut stored = Vec::with_capacity(records.len());
        for record in records {
            let events = held.tenants.entry(Arc::clone(&record.tenant)).or_default();
            stored.push(match events.ids.entry(record.external_id.clone()) {
                Entry::Occupied(known) => Stored::Duplicate { ingested_at: events.by_time[known.get()].ingested_at },
                Entry::Vacant(new) => {
                    let key = (record.timestamp, held.next);
                    held.next += 1;
                    new.insert(key);
                    events.by_time.insert(key, record.clone());
                    Stored::New
                }
            });
        }
        for Tally { tenant, name, hour, count } in tallies.iter().chain(&duplicates(records, &stored)) {
            *held.tallies.entry((Arc::clone(tenant), *name, *hour)).or_default() += count;
        }
        Ok(stored)
    }

    fn delete(&mut self, tenant: &str, external_id: &str) -> Result<Option<Facts>, StoreError> {
        let held = &mut *self.held();
        let Some(events) = held.tenants.get_mut(tenant) else { return Ok(None) };
        let removed = events.ids.remove(external_id).and_then(|key| events.by_time.remove(&key));
        Ok(removed.as_ref().map(facts))
    }

    fn clear(&mut self) -> Result<u64, StoreError> {
        let held = &mut *self.held();
        let count = count(held);
        (held.tenants, held.tallies) = Default::default();
        Ok(count)
    }

    fn close(self: Box<Self>) -> Result<u64, StoreError> {
        Ok(count(&self.held()))
    }
}

fn count(held: &Held) -> u64 {
    held.tenants.values().map(|events| events.by_time.len() as u64).sum()
}

impl Reader for Memory {
    fn get(&mut self, tenant: &str, external_id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let held = self.held();
        let found = held.tenants.get(tenant).and_then(|events| Some(&events.by_time[events.ids.get(external_id)?]));
        Ok(found.map(|record| record.body.clone().into_bytes()))
    }

    fn search(&mut self, tenant: &str, search: &Search) -> Result<Page, StoreError> {
        let held = self.held();
        let all = held.tenants.get(tenant).map(|events| &events.by_time);
        let (start, end) = (search.start.unwrap_or(Micros::MIN), search.end.unwrap_or(Micros::MAX));
        let is_filtered = Search { limit: search.limit, offset: search.offset, ..Search::default() } != *search;
        let mut page = Page { events: Vec::new(), total: 0, total_exact: true, has_more: false };
        if start > end {
            return Ok(page);
        }
        let within = all.into_iter().flat_map(|all| all.range((start, 0)..=(end, u64::MAX)).rev());
        for (seen, (_, record)) in (0..).zip(within.filter(|(_, record)| matches(record, search))) {
            // Matches past the page are only counted with filters, and only so far.
            page.total_exact = !is_filtered || seen < COUNTED;
            page.total += u64::from(page.total_exact);
            if seen < search.offset {
                continue;
            }
            if (page.events.len() as u64) < search.limit {
                page.events.push(record.body.clone().into_bytes());
            } else {
                page.has_more = true;
            }
            if page.has_more && !(is_filtered && page.total_exact) {
                break;
            }
        }
        if !is_filtered {
            page.total = all.map_or(0, |all| all.len() as u64);
        }
        Ok(page)
    }

    fn stats(&mut self, tenant: &str) -> Result<Stats, StoreError> {
        let held = self.held();
        let mut stats = Stats::default();
        for ((at, _), record) in held.tenants.get(tenant).into_iter().flat_map(|events| &events.by_time) {
            stats.add(*at, record.fields.status_code.is_some_and(|code| code >= 400));
        }
        stats.cut();
        Ok(stats)
    }

    fn check(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn export(&mut self, tenant: Option<&str>, take: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), StoreError> {
        let held = self.held();
        let chosen = held.tenants.iter().filter(|(name, _)| tenant.is_none_or(|tenant| tenant == &***name));
        let mut events: Vec<(u64, &Record)> = chosen
            .flat_map(|(_, events)| events.by_time.iter().map(|((_, number), record)| (*number, record)))
            .collect();
        events.sort_unstable_by_key(|(number, _)| *number);
        let _ = events.into_iter().all(|(_, record)| take(record.body.as_bytes()));
        Ok(())
    }

    fn facts(&mut self, take: &mut dyn FnMut(&str, &Facts)) -> Result<Vec<Tally>, StoreError> {
        let held = self.held();
        for (tenant, events) in &held.tenants {
            events.by_time.values().for_each(|record| take(tenant, &facts(record)));
        }
        let tally = |((tenant, name, hour), count): (&(Tenant, TallyName, Micros), &u64)| Tally {
            tenant: Arc::clone(tenant),
            name: *name,
            hour: *hour,
            count: *count,
        };
        Ok(held.tallies.iter().map(tally).collect())
    }
}

/// Whether an event has the values that a search asks for.
fn matches(record: &Record, search: &Search) -> bool {
    let (
        SearchFields { event_type, severity, service, endpoint, status_code, user_id, country, region, city, device },
        has,
    ) = (&search.fields, &record.fields);
    let is = |wanted: &Option<String>, has: &Option<String>| wanted.is_none() || wanted == has;
    is(event_type, &has.event_type)
        && is(severity, &has.severity)
        && is(service, &has.service)
        && is(endpoint, &has.endpoint)
        && (status_code.is_none() || *status_code == has.status_code)
        && is(user_id, &has.user_id)
        && is(country, &has.country)
        && is(region, &has.region)
        && is(city, &has.city)
        && is(device, &has.device)
        && search.id_contains.as_ref().is_none_or(|text| record.external_id.contains(text.as_str()))
}
