//! What every store does alike.

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;

use super::memory::Memory;
use super::open::Db;
use super::sqlite::Sqlite;
use super::*;
use cluster::Cluster;

#[allow(dead_code, unreachable_pub)] // the tests of the tools use it too
#[path = "../../../tests/cli/support/cluster.rs"]
mod cluster;

/// A store of one kind, empty, and what has to live as long.
struct Opened {
    store: Arc<dyn Store>,
    writer: Box<dyn Writer>,
    _folder: Option<tempfile::TempDir>,
}

/// PostgreSQL where it is installed, for all tests together.
static CLUSTER: LazyLock<Option<Cluster>> = LazyLock::new(|| Cluster::start("the store over PostgreSQL"));

/// An empty store of each kind.
fn each() -> Vec<(&'static str, Opened)> {
    let folder = tempfile::tempdir().expect("a folder");
    let (sqlite, writer) = Sqlite::open(&folder.path().join("events.db")).expect("a database");
    let sqlite = Opened { store: Arc::new(sqlite), writer: Box::new(writer), _folder: Some(folder) };
    let memory = Memory::default();
    let memory = Opened { store: Arc::new(memory.clone()), writer: Box::new(memory), _folder: None };
    let mut all = vec![("sqlite", sqlite), ("memory", memory)];
    if let Some(cluster) = &*CLUSTER {
        let named = Db::named(cluster.database().as_ref()).expect("a sound URL");
        let (store, writer) = named.open().expect("a database");
        all.push(("postgres", Opened { store, writer, _folder: None }));
    }
    all
}

fn record(number: usize, timestamp: Micros, fields: SearchFields) -> Record {
    let id = format!("evt_{number}");
    let body = format!("{{\"event_id\":\"{id}\"}}");
    Record { tenant: "t".into(), external_id: id, timestamp, ingested_at: 5, fields, response_time_ms: Some(1.5), body }
}

fn service(name: &str) -> SearchFields {
    SearchFields { service: Some(name.to_owned()), ..SearchFields::default() }
}

#[test]
fn an_event_is_stored_once_for_each_tenant_and_can_be_removed() {
    for (name, mut opened) in each() {
        let other = Record { tenant: "other".into(), ..record(1, 3, service("b")) };
        let first = record(1, 3, service("a"));
        let again = Record { ingested_at: 9, body: "{}".to_owned(), ..first.clone() };
        let stored = opened.writer.insert(&[first.clone(), again, other], &[]).expect("it is stored");
        assert_eq!(stored, [Stored::New, Stored::Duplicate { ingested_at: 5 }, Stored::New], "{name}");
        let mut reader = opened.store.reader().expect("a reader");
        assert_eq!(reader.get("t", "evt_1").expect("it reads"), Some(first.body.clone().into_bytes()));
        assert_eq!(opened.writer.delete("t", "evt_2").expect("it works"), None, "{name}");
        let facts = Facts { timestamp: 3, fields: service("a"), response_time_ms: Some(1.5) };
        assert_eq!(opened.writer.delete("t", "evt_1").expect("it works"), Some(facts), "{name}");
        assert_eq!(reader.get("t", "evt_1").expect("it reads"), None, "{name}");
        assert!(reader.get("other", "evt_1").expect("it reads").is_some(), "{name}");
        let mut total =
            |tenant| reader.search(tenant, &Search { limit: 1, ..Search::default() }).expect("it reads").total;
        assert_eq!([total("t"), total("other"), total("nobody")], [0, 1, 0], "{name}");
        assert_eq!(opened.writer.insert(&[first], &[]).expect("it is stored"), [Stored::New], "{name}");
        assert_eq!(opened.writer.close().expect("it closes"), 2, "{name}");
    }
}

#[test]
fn a_store_can_be_emptied_and_exported() {
    for (name, mut opened) in each() {
        let events: Vec<Record> = (0..5)
            .map(|number| Record {
                tenant: if number == 2 { "other" } else { "t" }.into(),
                ..record(number, -i64::try_from(number).expect("small"), service("a"))
            })
            .collect();
        opened.writer.insert(&events, &[]).expect("it is stored");
        let mut reader = opened.store.reader().expect("a reader");
        let mut export = |tenant: Option<&str>, most: usize| {
            let mut ids = Vec::new();
            let mut take = |body: &[u8]| {
                ids.push(String::from_utf8_lossy(&body[13..body.len() - 2]).into_owned());
                ids.len() < most
            };
            reader.export(tenant, &mut take).expect("it reads");
            ids
        };
        assert_eq!(export(None, 9), ["evt_0", "evt_1", "evt_2", "evt_3", "evt_4"], "{name}");
        assert_eq!(export(Some("t"), 9), ["evt_0", "evt_1", "evt_3", "evt_4"], "{name}");
        assert_eq!(export(Some("nobody"), 9), [""; 0], "{name}");
        assert_eq!(export(None, 2), ["evt_0", "evt_1"], "{name}");
        assert_eq!(opened.writer.clear().expect("it is emptied"), 5, "{name}");
        assert_eq!(export(None, 9), [""; 0], "{name}");
        assert_eq!(reader.search("t", &Search { limit: 1, ..Search::default() }).expect("it reads").total, 0, "{name}");
        assert_eq!(opened.writer.close().expect("it closes"), 0, "{name}");
    }
}

#[test]
fn facts_and_tallies_are_those_of_what_was_stored() {
    for (name, mut opened) in each() {
        let all = SearchFields {
            event_type: Some("api_call".to_owned()),
            severity: Some("info".to_owned()),
            service: Some("a".to_owned()),
            endpoint: Some("/".to_owned()),
            status_code: Some(200),
            user_id: Some("u".to_owned()),
            country: Some("US".to_owned()),
            region: Some("NA".to_owned()),
            city: Some("New York".to_owned()),
            device: Some("mobile".to_owned()),
        };
        let event = record(1, 7, all.clone());
        opened.writer.insert(std::slice::from_ref(&event), &[]).expect("it is stored");
        let limited = |count| Tally { tenant: "t".into(), name: TallyName::RateLimited, hour: 0, count };
        opened.writer.insert(&[event.clone(), event], &[limited(3)]).expect("it is stored");
        opened.writer.insert(&[], &[limited(4)]).expect("it is stored");
        let mut found = Vec::new();
        let mut reader = opened.store.reader().expect("a reader");
        let tallies = reader.facts(&mut |tenant, facts| found.push((tenant.to_owned(), facts.clone())));
        let mut tallies = tallies.expect("it reads");
        tallies.sort_unstable_by_key(|tally| tally.name);
        let duplicates = Tally { tenant: "t".into(), name: TallyName::Duplicate, hour: 0, count: 2 };
        assert_eq!(tallies, [duplicates, limited(7)], "{name}");
        let facts = Facts { timestamp: 7, fields: all, response_time_ms: Some(1.5) };
        assert_eq!(found, [("t".to_owned(), facts)], "{name}");
    }
}

#[test]
fn every_filter_is_applied() {
    for (name, mut opened) in each() {
        let full = |mark: &str, status_code| {
            let mark = Some(mark.to_owned());
            SearchFields {
                event_type: mark.clone(),
                severity: mark.clone(),
                service: mark.clone(),
                endpoint: mark.clone(),
                status_code: Some(status_code),
                user_id: mark.clone(),
                country: mark.clone(),
                region: mark.clone(),
                city: mark.clone(),
                device: mark,
            }
        };
        opened.writer.insert(&[record(10, 0, full("a", 200)), record(21, 0, full("b", 500))], &[]).expect("stored");
        let mut reader = opened.store.reader().expect("a reader");
        let mut total = |search: Search| reader.search("t", &Search { limit: 1, ..search }).expect("it reads").total;
        let b = full("b", 500);
        let none = SearchFields::default;
        for fields in [
            SearchFields { event_type: b.event_type.clone(), ..none() },
            SearchFields { severity: b.severity.clone(), ..none() },
            SearchFields { service: b.service.clone(), ..none() },
            SearchFields { endpoint: b.endpoint.clone(), ..none() },
            SearchFields { status_code: b.status_code, ..none() },
            SearchFields { user_id: b.user_id.clone(), ..none() },
            SearchFields { country: b.country.clone(), ..none() },
            SearchFields { region: b.region.clone(), ..none() },
            SearchFields { city: b.city.clone(), ..none() },
            SearchFields { device: b.device.clone(), ..none() },
        ] {
            assert_eq!(total(Search { fields: fields.clone(), ..Search::default() }), 1, "{name}: {fields:?}");
        }
        let with_text = |text: &str| Search { id_contains: Some(text.to_owned()), ..Search::default() };
        assert_eq!([total(with_text("t_1")), total(with_text("1")), total(with_text("%"))], [1, 2, 0], "{name}");
        assert_eq!(total(Search { fields: full("a", 500), ..Search::default() }), 0, "{name}");
    }
}

#[test]
fn a_filtered_count_is_exact_up_to_its_cap_and_says_so_beyond() {
    for (name, mut opened) in each() {
        let mut reader = opened.store.reader().expect("a reader");
        let mut count = |fields: &SearchFields| {
            let page = reader.search("t", &Search { fields: fields.clone(), limit: 1, ..Search::default() });
            page.map(|page| (page.total, page.total_exact)).expect("the search runs")
        };
        let (all, some) = (SearchFields::default(), service("a"));
        let exactly: Vec<_> = (0..10_000).map(|number| record(number, 0, service("a"))).collect();
        opened.writer.insert(&exactly, &[]).expect("it is stored");
        assert_eq!((count(&all), count(&some)), ((10_000, true), (10_000, true)), "{name}");
        opened.writer.insert(&[record(10_000, 0, service("a"))], &[]).expect("it is stored");
        assert_eq!((count(&all), count(&some)), ((10_001, true), (10_000, false)), "{name}");
        let far = Search { fields: some.clone(), limit: 5, offset: 10_000, ..Search::default() };
        assert_eq!(reader.search("t", &far).expect("it reads").events.len(), 1, "{name}");
        assert_eq!(opened.writer.close().expect("it closes"), 10_001, "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// A page is what sorting and cutting all events by hand gives, whatever their order and their ties.
    #[test]
    fn pages_are_the_newest_first_and_part_the_whole(
        times in proptest::collection::vec(-3i64..3, 0..40),
        start in proptest::option::of(-4i64..4),
        end in proptest::option::of(-4i64..4),
        limit in 1u64..7,
    ) {
        for (_, mut opened) in each() {
            let records: Vec<_> = times.iter().enumerate().map(|(n, at)| record(n, *at, service("a"))).collect();
            opened.writer.insert(&records, &[]).expect("it is stored");
            let mut reader = opened.store.reader().expect("a reader");
            let mut wanted: Vec<_> = records
                .iter()
                .enumerate()
                .filter(|(_, r)| start.is_none_or(|s| r.timestamp >= s) && end.is_none_or(|e| r.timestamp <= e))
                .collect();
            wanted.sort_by_key(|(n, r)| std::cmp::Reverse((r.timestamp, *n)));
            let wanted: Vec<_> = wanted.into_iter().map(|(_, r)| r.body.clone().into_bytes()).collect();
            let mut found = Vec::new();
            loop {
                let search = Search { start, end, limit, offset: found.len() as u64, ..Search::default() };
                let page = reader.search("t", &search).expect("the search runs");
                prop_assert_eq!(page.total, wanted.len() as u64);
                found.extend(page.events);
                prop_assert_eq!(page.has_more, found.len() < wanted.len());
                if !page.has_more {
                    break;
                }
            }
            prop_assert_eq!(found, wanted);
        }
    }
}

/// One of few values, or none, of each field.
fn fields() -> impl Strategy<Value = SearchFields> {
    let text = || proptest::option::of(prop_oneof![Just("a".to_owned()), Just("b".to_owned()), Just("é".repeat(150))]);
    let many = proptest::option::of("u[0-9]{1,2}");
    let status_code = proptest::option::of(prop_oneof![Just(200_u16), Just(404), Just(500)]);
    let texts = (text(), text(), text(), text(), many, text(), text(), text(), text());
    (texts, status_code).prop_map(|(texts, status_code)| {
        let (event_type, severity, service, endpoint, user_id, country, region, city, device) = texts;
        SearchFields { event_type, severity, service, endpoint, status_code, user_id, country, region, city, device }
    })
}

/// A search with few conditions.
fn search() -> impl Strategy<Value = Search> {
    let time = || proptest::option::weighted(0.3, -4i64..4);
    let id = proptest::option::weighted(0.3, "[_0-9]{0,2}");
    (fields(), 0u16..1024, time(), time(), id, 1u64..9, 0u64..9).prop_map(
        |(all, kept, start, end, id, limit, offset)| {
            // Most events lack a value that many searches ask for, so that with all conditions none would match.
            let kept = |nth: u16| kept >> nth & 0b101 == 0b101 || kept == 1 << nth;
            let fields = SearchFields {
                event_type: all.event_type.filter(|_| kept(0)),
                severity: all.severity.filter(|_| kept(1)),
                service: all.service.filter(|_| kept(2)),
                endpoint: all.endpoint.filter(|_| kept(3)),
                status_code: all.status_code.filter(|_| kept(4)),
                user_id: all.user_id.filter(|_| kept(5)),
                country: all.country.filter(|_| kept(6)),
                region: all.region.filter(|_| kept(7)),
                city: all.city.filter(|_| kept(8)),
                device: all.device.filter(|_| kept(9)),
            };
            Search { fields, start, end, id_contains: id, limit, offset }
        },
    )
}

/// Whether an event matches, told slowly.
fn is_wanted(record: &Record, search: &Search) -> bool {
    let mut pairs = sql::texts(&search.fields).into_iter().zip(sql::texts(&record.fields));
    pairs.all(|((_, wanted), (_, has))| wanted.is_none() || wanted == has)
        && (search.fields.status_code.is_none() || search.fields.status_code == record.fields.status_code)
        && search.start.is_none_or(|start| record.timestamp >= start)
        && search.end.is_none_or(|end| record.timestamp <= end)
        && search.id_contains.as_ref().is_none_or(|text| record.external_id.contains(text))
}

/// The page that counting by hand gives.
fn page_by_hand(tenant: &str, records: &[Record], search: &Search) -> Page {
    let of_tenant = (0..).zip(records).filter(|(_, record)| &*record.tenant == tenant);
    let mut all: Vec<(i64, &Record)> = of_tenant.filter(|(_, record)| is_wanted(record, search)).collect();
    all.sort_by_key(|(number, record)| std::cmp::Reverse((record.timestamp, *number)));
    let total = all.len() as u64;
    let page = all.iter().skip(usize::try_from(search.offset).expect("small"));
    let page = page.take(usize::try_from(search.limit).expect("small"));
    let events: Vec<Vec<u8>> = page.map(|(_, record)| record.body.clone().into_bytes()).collect();
    let has_more = search.offset + search.limit < total;
    Page { events, total, total_exact: true, has_more }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Events of two tenants, out of order, in many transactions, with some removed and others added afterwards.
    #[test]
    fn a_search_finds_what_counting_by_hand_finds(
        events in proptest::collection::vec((-3i64..3, fields(), any::<bool>()), 0..120),
        size in 1usize..40,
        removed in proptest::collection::vec(any::<prop::sample::Index>(), 0..20),
        is_newest_removed: bool,
        searches in proptest::collection::vec(search(), 30),
    ) {
        for (name, mut opened) in each() {
            let mut records: Vec<Record> = Vec::new();
            for (number, (at, fields, is_other)) in events.iter().enumerate() {
                let tenant: Tenant = if *is_other { "other" } else { "t" }.into();
                let response_time_ms = (number % 3 > 0).then_some(*at as f64 / 7.0);
                records.push(Record { tenant, response_time_ms, ..record(number, *at, fields.clone()) });
            }
            let half = records.split_off(records.len() / 2);
            let mut reader = opened.store.reader().expect("a reader");
            for more in records.chunks(size) {
                opened.writer.insert(more, &[]).expect("it is stored");
            }
            let mut removed: Vec<usize> = removed.iter().filter(|_| !records.is_empty()).map(|at| at.index(records.len())).collect();
            if is_newest_removed {
                removed.extend(records.len().saturating_sub(20)..records.len());
            }
            removed.sort_unstable();
            removed.dedup();
            for at in removed.into_iter().rev() {
                let gone = records.remove(at);
                prop_assert!(opened.writer.delete(&gone.tenant, &gone.external_id).expect("it works").is_some());
            }
            for more in half.chunks(size) {
                opened.writer.insert(more, &[]).expect("it is stored");
            }
            records.extend(half);
            for (search, tenant) in searches.iter().zip(["t", "other", "t", "nobody"].into_iter().cycle()) {
                let page = reader.search(tenant, search).expect("it reads");
                prop_assert_eq!(page, page_by_hand(tenant, &records, search), "{} {:?}", name, search);
            }
            let mut found = Vec::new();
            reader.facts(&mut |tenant, facts| found.push(format!("{tenant} {facts:?}"))).expect("it reads");
            let wanted = records.iter().cloned().map(|Record { tenant, timestamp, fields, response_time_ms, .. }| {
                format!("{tenant} {:?}", Facts { timestamp, fields, response_time_ms })
            });
            let mut wanted: Vec<String> = wanted.collect();
            found.sort_unstable();
            wanted.sort_unstable();
            prop_assert_eq!(found, wanted, "{}", name);
            let stats = reader.stats("t").expect("it reads");
            let of_tenant = || records.iter().filter(|record| &*record.tenant == "t");
            let errors = of_tenant().filter(|record| record.fields.status_code.is_some_and(|code| code >= 400));
            let total = Counts { events: of_tenant().count() as u64, errors: errors.count() as u64 };
            prop_assert_eq!((stats.total, stats.hours.iter().map(|hour| hour.counts.events).sum()), (total, total.events));
        }
    }
}
