//! Events in memory (`--db memory:`): gone with the process, and as fast as a store can be.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use super::blocks::{self, Bits, Block, Builder, EVENTS, Head, Place, Source, damaged, find, place_of};
use super::{
    Facts, Hourly, Page, Reader, Record, Search, SearchFields, Stats, Store, StoreError, Stored, Tally, TallyName,
    Tenant, Writer, duplicates, sql,
};
use crate::clock::Micros;

/// Events in memory.
#[derive(Debug, Clone, Default)]
pub(in crate::pserve) struct Memory(Arc<Mutex<Held>>);

#[derive(Debug, Default)]
struct Held {
    /// In the order in which they came. `None` in the place of one that was removed.
    events: Vec<Option<Record>>,
    /// Where each event of each tenant is.
    ids: HashMap<Tenant, HashMap<String, usize>>,
    blocks: Vec<Block>,
    /// How many of the events are in blocks, or were removed before.
    settled: usize,
    tallies: BTreeMap<(Tenant, TallyName, Micros), u64>,
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
            let ids = held.ids.entry(Arc::clone(&record.tenant)).or_default();
            stored.push(match ids.entry(record.external_id.clone()) {
                Entry::Occupied(known) => {
                    let event = held.events[*known.get()].as_ref().expect("the id of a removed event is removed");
                    Stored::Duplicate { ingested_at: event.ingested_at }
                }
                Entry::Vacant(new) => {
                    new.insert(held.events.len());
                    held.events.push(Some(record.clone()));
                    Stored::New
                }
            });
        }
        held.settle();
        for Tally { tenant, name, hour, count } in tallies.iter().chain(&duplicates(records, &stored)) {
            *held.tallies.entry((Arc::clone(tenant), *name, *hour)).or_default() += count;
        }
        Ok(stored)
    }

    fn delete(&mut self, tenant: &str, external_id: &str) -> Result<Option<Facts>, StoreError> {
        let held = &mut *self.held();
        let Some(at) = held.ids.get_mut(tenant).and_then(|ids| ids.remove(external_id)) else { return Ok(None) };
        let removed = held.events[at].take();
        let number = number(at);
        let block = held.blocks.partition_point(|block| block.head.last < number);
        if let Some(head) = held.blocks.get(block).map(|block| block.head.clone())
            && let Some(at) = place_of(held, &head, number)?
        {
            Bits::mark(&mut held.blocks[block].head.gone, at);
        }
        Ok(removed.as_ref().map(facts))
    }

    fn clear(&mut self) -> Result<u64, StoreError> {
        let held = &mut *self.held();
        let count = held.count();
        *held = Held::default();
        Ok(count)
    }

    fn close(self: Box<Self>) -> Result<u64, StoreError> {
        Ok(self.held().count())
    }
}

impl Held {
    fn count(&self) -> u64 {
        self.ids.values().map(|ids| ids.len() as u64).sum()
    }

    /// Makes blocks of the events that are in none.
    fn settle(&mut self) {
        while self.events.len() - self.settled >= EVENTS {
            let mut builder = Builder::default();
            for (at, event) in self.events.iter().enumerate().skip(self.settled).take(EVENTS) {
                let Some(Record { tenant, external_id, timestamp, fields, response_time_ms, .. }) = event else {
                    continue;
                };
                builder.push(&blocks::Row {
                    number: number(at),
                    timestamp: *timestamp,
                    tenant,
                    external_id,
                    status_code: fields.status_code,
                    texts: sql::texts(fields).map(|(_, text)| text.map(String::as_str)),
                    response_time_ms: *response_time_ms,
                });
            }
            self.blocks.extend(builder.build());
            self.settled += EVENTS;
        }
    }

    /// The event with this number, if it is still there.
    fn event(&self, number: i64) -> Option<&Record> {
        self.events.get(usize::try_from(number).ok()?)?.as_ref()
    }
}

/// The number of the event at this place.
fn number(at: usize) -> i64 {
    i64::try_from(at).expect("memory holds fewer")
}

impl Source for Held {
    fn heads(&mut self) -> Result<Vec<Head>, StoreError> {
        Ok(self.blocks.iter().map(|block| block.head.clone()).collect())
    }

    fn column(
        &mut self,
        block: i64,
        column: usize,
        look: &mut dyn FnMut(&[u8]) -> Option<()>,
    ) -> Result<(), StoreError> {
        let at = self.blocks.partition_point(|other| other.head.last < block);
        let found = self.blocks.get(at).and_then(|block| block.columns.get(column));
        found.and_then(|bytes| look(bytes)).ok_or_else(|| damaged(block))
    }

    fn tail(&mut self, tenant: &str, search: &Search) -> Result<Vec<Place>, StoreError> {
        let tail = self.events.iter().enumerate().skip(self.settled);
        let matching = tail.filter_map(|(at, event)| Some((at, event.as_ref()?)));
        let matching = matching.filter(|(_, event)| &*event.tenant == tenant && matches(event, search));
        Ok(matching.map(|(at, event)| (event.timestamp, number(at))).collect())
    }
}

impl Reader for Memory {
    fn get(&mut self, tenant: &str, external_id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let held = self.held();
        let found = held.ids.get(tenant).and_then(|ids| held.event(number(*ids.get(external_id)?)));
        Ok(found.map(|record| record.body.clone().into_bytes()))
    }

    fn search(&mut self, tenant: &str, search: &Search) -> Result<Page, StoreError> {
        let held = &mut *self.held();
        let found = find(held, tenant, search)?;
        let total = match search.is_filtered() {
            true => found.matches,
            false => held.ids.get(tenant).map_or(0, |ids| ids.len() as u64),
        };
        let events = found.numbers.iter().filter_map(|number| held.event(*number));
        let events = events.map(|record| record.body.clone().into_bytes()).collect();
        Ok(sql::page(events, search.limit, sql::signed(total), search.is_filtered()))
    }

    fn stats(&mut self, tenant: &str) -> Result<Stats, StoreError> {
        let held = self.held();
        let mut counts = Hourly::default();
        for record in held.events.iter().flatten().filter(|record| &*record.tenant == tenant) {
            counts.add(record.timestamp, record.fields.status_code.is_some_and(|code| code >= 400));
        }
        Ok(counts.stats())
    }

    fn check(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn export(&mut self, tenant: Option<&str>, take: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), StoreError> {
        let held = self.held();
        let chosen = |record: &&Record| tenant.is_none_or(|tenant| tenant == &*record.tenant);
        let _ = held.events.iter().flatten().filter(chosen).all(|record| take(record.body.as_bytes()));
        Ok(())
    }

    fn facts(&mut self, take: &mut dyn FnMut(&str, &Facts)) -> Result<Vec<Tally>, StoreError> {
        let held = self.held();
        held.events.iter().flatten().for_each(|record| take(&record.tenant, &facts(record)));
        let tally = |((tenant, name, hour), count): (&(Tenant, TallyName, Micros), &u64)| Tally {
            tenant: Arc::clone(tenant),
            name: *name,
            hour: *hour,
            count: *count,
        };
        Ok(held.tallies.iter().map(tally).collect())
    }
}

/// Whether an event has what a search asks for.
fn matches(record: &Record, search: &Search) -> bool {
    let (wanted, has): (&SearchFields, &SearchFields) = (&search.fields, &record.fields);
    let mut texts = sql::texts(wanted).into_iter().zip(sql::texts(has));
    texts.all(|((_, wanted), (_, has))| wanted.is_none() || wanted == has)
        && (wanted.status_code.is_none() || wanted.status_code == has.status_code)
        && search.start.is_none_or(|start| start <= record.timestamp)
        && search.end.is_none_or(|end| record.timestamp <= end)
        && search.id_contains.as_ref().is_none_or(|text| record.external_id.contains(text.as_str()))
}
