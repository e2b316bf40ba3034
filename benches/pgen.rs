//! Compares pgen's speed with a simple generator, a plain writer into the same pipe, and itself with one thread or without sessions.
//! Prints one line per figure, which `scripts/bench` reads. RUNS sets the number of rounds (5 by default).

#![allow(clippy::print_stdout, unreachable_pub)] // a program of its own, whose output is its figures

use std::hint::black_box;
use std::io::{BufWriter, Write};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use chrono_tz::Tz;
use pulsepipe::cli::Stop;
use pulsepipe::cli::values::Probability;
use pulsepipe::error::{At, Place, Result};
use pulsepipe::pgen::{Engine, Layout, Schedule, Sink, Workload};
use pulsepipe::seed::Seed;
use pulsepipe::world::World;
use pulsepipe::world::profile::BUILT_IN;

const EVENTS: u64 = 1_000_000;
const DAY: i64 = 86_400_000_000;

fn main() {
    let coherent = workload(BUILT_IN);
    let alone = BUILT_IN
        .replace("requests_per_action = [30, 25, 20, 12, 8, 5]", "requests_per_action = [1]")
        .replace("actions_per_session = [20, 20, 20, 15, 10, 8, 7]", "actions_per_session = [1]");
    let alone = workload(&alone);

    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);

    let rates = rounds(|| into_null(&coherent, 1));
    figure("pgen, one thread, to nowhere, GB/s", median(rates), ">= 5.0", "where memory allows it (docs/limits.md)");
    figure(
        "pgen, one thread / serde structs and to_writer, events",
        ratio(|| into_null(&coherent, 1) / bytes_each(&coherent), || plain::into_null(EVENTS / 10)),
        ">= 25",
        "",
    );
    figure("pgen, two threads / one", ratio(|| into_null(&coherent, 2), || into_null(&coherent, 1)), ">= 1.5", "");
    figure(
        "pgen, with sessions and traces / each event alone, time",
        ratio(|| into_null(&alone, 1) / bytes_each(&alone), || into_null(&coherent, 1) / bytes_each(&coherent)),
        "<= 1.2",
        "",
    );
    let template = workload(include_str!("twenty_fields.toml"));
    let rates = rounds(|| into_null(&template, 1));
    figure("pgen, a template of twenty fields, one thread, GB/s", median(rates), ">= 1.0", "to nowhere");
    figure(
        "pgen into cat / a plain writer of 64 KiB blocks",
        ratio(|| through_cat(|to| events_to(to, &coherent, cores)), || through_cat(blocks_to)),
        ">= 0.85",
        "pipe of 1 MiB, a thread for each core, as pgen has by itself",
    );
    figure(
        "pgen, one thread, into cat / a plain writer of 64 KiB blocks",
        ratio(|| through_cat(|to| events_to(to, &coherent, 1)), || through_cat(blocks_to)),
        "",
        "one thread makes and copies",
    );
}

fn figure(name: &str, value: f64, target: &str, note: &str) {
    println!("{name}\t{value:.2}\t{target}\t{note}");
}

/// The median of a / b over the rounds, in which a and b alternate.
fn ratio(mut a: impl FnMut() -> f64, mut b: impl FnMut() -> f64) -> f64 {
    median(rounds(|| a() / b()))
}

fn rounds(run: impl FnMut() -> f64) -> Vec<f64> {
    let runs = std::env::var("RUNS").ok().and_then(|n| n.parse().ok()).unwrap_or(5);
    std::iter::repeat_with(run).take(runs).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Takes blocks and counts them.
struct Null(u64);

impl Sink for Null {
    fn put(&mut self, block: &[u8], _: u64) -> Result<()> {
        self.0 += black_box(block).len() as u64;
        Ok(())
    }
}

/// Writes blocks.
struct To<W>(W, u64);

impl<W: Write + Send> Sink for To<W> {
    fn put(&mut self, block: &[u8], _: u64) -> Result<()> {
        self.1 += block.len() as u64;
        self.0.write_all(block).at(&Place::Stdout)
    }
}

/// A day of events.
fn workload(profile: &str) -> Workload {
    let world = World::parse(profile, "the benchmark's profile").expect("a profile");
    let curve = world.business_curve();
    let schedule = Schedule::Window { count: EVENTS, start: 0, end: DAY };
    let (seed, spikes, zone, layout) = (Seed::new(1), Probability::ZERO, Tz::UTC, Layout::Lines);
    Workload { world, seed, spikes, curve, zone, schedule, layout }
}

fn make(workload: &Workload, events: u64, threads: usize, sink: &mut dyn Sink) {
    let engine = Engine::new(workload, 0..events).expect("figures that fit");
    engine.write(threads, &Stop::never(), sink).expect("nothing fails");
}

/// GB/s into a sink that discards them.
fn into_null(workload: &Workload, threads: usize) -> f64 {
    let mut sink = Null(0);
    let begin = Instant::now();
    make(workload, EVENTS, threads, &mut sink);
    sink.0 as f64 / begin.elapsed().as_secs_f64() / 1e9
}

/// The mean length of an event in GB, to convert rates of bytes to rates of events.
fn bytes_each(workload: &Workload) -> f64 {
    let mut sink = Null(0);
    make(workload, 20_000, 1, &mut sink);
    sink.0 as f64 / 20_000.0 / 1e9
}

/// GB/s through `cat > /dev/null`.
fn through_cat(write: impl FnOnce(&mut std::process::ChildStdin) -> u64) -> f64 {
    let mut cat: Child =
        Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("there is a cat");
    let mut pipe = cat.stdin.take().expect("it is piped");
    rustix::pipe::fcntl_setpipe_size(&pipe, 1 << 20).expect("a pipe of 1 MiB is allowed");
    let begin = Instant::now();
    let bytes = write(&mut pipe);
    drop(pipe);
    assert!(cat.wait().expect("cat ends").success());
    bytes as f64 / begin.elapsed().as_secs_f64() / 1e9
}

fn events_to(pipe: &mut std::process::ChildStdin, workload: &Workload, threads: usize) -> u64 {
    let mut sink = To(pipe, 0);
    make(workload, EVENTS, threads, &mut sink);
    sink.1
}

fn blocks_to(pipe: &mut std::process::ChildStdin) -> u64 {
    let block = vec![b'x'; 64 << 10];
    for _ in 0..15_000 {
        pipe.write_all(&block).expect("cat reads");
    }
    15_000 * (64 << 10)
}

/// A simple generator of similar events: weighted draws, owned strings, a calendar, `to_writer`. It has no sessions, quotas or
/// order of time.
mod plain {
    use super::{BUILT_IN, BufWriter, Instant, Write, black_box};
    use chrono::{DateTime, SecondsFormat, Utc};
    use rand::distr::weighted::WeightedIndex;
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};
    use rand_distr::{Distribution, LogNormal};
    use serde::{Deserialize, Serialize};
    use serde_json::{Map, Value};
    use std::collections::BTreeMap;

    /// The parts of a profile that it needs.
    #[derive(Deserialize)]
    struct Profile {
        event: EventText,
        environments: Vec<Shared>,
        statuses: Vec<Status>,
        services: Vec<Service>,
        regions: Vec<Region>,
        devices: Vec<Device>,
    }

    #[derive(Deserialize)]
    struct EventText {
        r#type: String,
        success: String,
    }

    #[derive(Deserialize)]
    struct Shared {
        name: String,
        share: f64,
    }

    #[derive(Deserialize)]
    struct Status {
        code: u16,
        share: f64,
        error_type: Option<String>,
        #[serde(default)]
        messages: Vec<Message>,
    }

    #[derive(Deserialize)]
    struct Message {
        text: String,
    }

    #[derive(Deserialize)]
    struct Service {
        name: String,
        version: String,
        weight: f64,
        error_rate: f64,
        mean_ms: f64,
        shape: f64,
        endpoints: Vec<Endpoint>,
    }

    #[derive(Deserialize)]
    struct Endpoint {
        route: String,
        methods: BTreeMap<String, f64>,
    }

    #[derive(Deserialize)]
    struct Region {
        name: String,
        share: f64,
        countries: Vec<Country>,
    }

    #[derive(Deserialize)]
    struct Country {
        code: String,
        share: f64,
        cities: Vec<Shared>,
    }

    #[derive(Deserialize)]
    struct Device {
        r#type: String,
        share: f64,
        agents: Vec<String>,
    }

    #[derive(Serialize)]
    struct Event {
        event_id: String,
        event_type: String,
        timestamp: String,
        title: String,
        message: String,
        severity: String,
        source: Source,
        metrics: Metrics,
        context: Context,
        #[serde(skip_serializing_if = "Option::is_none")]
        error_details: Option<ErrorDetails>,
        payload: Map<String, Value>,
    }

    #[derive(Serialize)]
    struct Source {
        service: String,
        endpoint: String,
        method: String,
        version: String,
        environment: String,
    }

    #[derive(Serialize)]
    struct Metrics {
        response_time_ms: f64,
        status_code: u16,
        request_size_bytes: u32,
        response_size_bytes: u32,
        cache_hit: bool,
    }

    #[derive(Serialize)]
    struct Context {
        user_id: Option<String>,
        session_id: String,
        request_id: String,
        ip_address: String,
        user_agent: String,
        tags: BTreeMap<String, String>,
    }

    #[derive(Serialize)]
    struct ErrorDetails {
        error_code: String,
        error_message: String,
        error_type: String,
    }

    struct Nowhere;

    impl Write for Nowhere {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            Ok(black_box(bytes).len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// Events per second, discarded.
    pub fn into_null(events: u64) -> f64 {
        let profile: Profile = toml::from_str(BUILT_IN).expect("a profile");
        let profile = &profile;
        let begin = Instant::now();
        let mut random = StdRng::seed_from_u64(1);
        let mut out = BufWriter::with_capacity(256 << 10, Nowhere);
        let makers: Vec<Maker> = profile.services.iter().map(|service| Maker::of(profile, service)).collect();
        let services = weighted(profile.services.iter().map(|s| s.weight));
        for number in 1..=events {
            let event = makers[services.sample(&mut random)].event(number, &mut random);
            serde_json::to_writer(&mut out, &event).expect("it is written");
            out.write_all(b"\n").expect("it is written");
        }
        events as f64 / begin.elapsed().as_secs_f64()
    }

    fn weighted(weights: impl Iterator<Item = f64>) -> WeightedIndex<f64> {
        WeightedIndex::new(weights).expect("weights")
    }

    /// Generates events of a service.
    struct Maker<'a> {
        profile: &'a Profile,
        service: &'a Service,
        latency: LogNormal<f64>,
        endpoints: WeightedIndex<f64>,
        environments: WeightedIndex<f64>,
        devices: WeightedIndex<f64>,
        cities: Vec<(&'a Region, &'a Country, &'a Shared)>,
        cities_drawn: WeightedIndex<f64>,
        successes: WeightedIndex<f64>,
        errors: WeightedIndex<f64>,
    }

    impl<'a> Maker<'a> {
        fn of(profile: &'a Profile, service: &'a Service) -> Self {
            let statuses = |errors: bool| {
                weighted(profile.statuses.iter().map(|s| if (s.code >= 400) == errors { s.share } else { 0.0 }))
            };
            let cities: Vec<_> = profile
                .regions
                .iter()
                .flat_map(|region| region.countries.iter().map(move |country| (region, country)))
                .flat_map(|(region, country)| country.cities.iter().map(move |city| (region, country, city)))
                .collect();
            Self {
                profile,
                service,
                latency: LogNormal::new(service.mean_ms.ln(), service.shape).expect("a law"),
                endpoints: weighted((1..=service.endpoints.len()).map(|rank| 1.0 / rank as f64)),
                environments: weighted(profile.environments.iter().map(|e| e.share)),
                devices: weighted(profile.devices.iter().map(|d| d.share)),
                cities_drawn: weighted(cities.iter().map(|(region, country, city)| {
                    let cities: f64 = country.cities.iter().map(|c| c.share).sum();
                    let countries: f64 = region.countries.iter().map(|c| c.share).sum();
                    region.share * country.share / countries * city.share / cities
                })),
                cities,
                successes: statuses(false),
                errors: statuses(true),
            }
        }

        fn event(&self, number: u64, random: &mut StdRng) -> Event {
            let (profile, service) = (self.profile, self.service);
            let name = &service.name;
            let failed = random.random_bool(service.error_rate);
            let status = &profile.statuses[if failed { &self.errors } else { &self.successes }.sample(random)];
            let code = status.code;
            let endpoint = &service.endpoints[self.endpoints.sample(random)];
            let method = endpoint.methods.keys().next().expect("a method");
            let micros = 1_767_571_200_000_000 + i64::try_from(number).expect("few") * 86_400;
            let at: DateTime<Utc> = DateTime::from_timestamp_micros(micros).expect("a time");
            let device = &profile.devices[self.devices.sample(random)];
            let (region, country, city) = self.cities[self.cities_drawn.sample(random)];
            let octets: [u8; 4] = random.random();
            let tags = [
                ("country", &country.code),
                ("city", &city.name),
                ("region", &region.name),
                ("device_type", &device.r#type),
            ];
            let ids = [
                ("correlation_id", format!("corr_{:016x}", random.random::<u64>())),
                ("trace_id", format!("trace_{:032x}", random.random::<u128>())),
            ];
            Event {
                event_id: format!("evt_{number}_{:012x}", random.random::<u64>() >> 16),
                event_type: profile.event.r#type.clone(),
                timestamp: at.to_rfc3339_opts(SecondsFormat::Micros, true),
                title: format!("{method} {}", endpoint.route),
                message: profile.event.success.replace("{service}", name),
                severity: if failed { "error" } else { "info" }.to_owned(),
                source: Source {
                    service: name.clone(),
                    endpoint: endpoint.route.clone(),
                    method: method.clone(),
                    version: service.version.clone(),
                    environment: profile.environments[self.environments.sample(random)].name.clone(),
                },
                metrics: Metrics {
                    response_time_ms: (self.latency.sample(random) * 100.0).round() / 100.0,
                    status_code: code,
                    request_size_bytes: random.random_range(100..5000),
                    response_size_bytes: random.random_range(100..50_000),
                    cache_hit: random.random_bool(0.25),
                },
                context: Context {
                    user_id: random.random_bool(0.89).then(|| format!("user_{}", random.random_range(10_000..100_000))),
                    session_id: format!("sess_{:016x}", random.random::<u64>()),
                    request_id: format!("req_{:032x}", random.random::<u128>()),
                    ip_address: octets.map(|octet| octet.to_string()).join("."),
                    user_agent: device.agents[random.random_range(0..device.agents.len())].clone(),
                    tags: tags.map(|(key, value)| (key.to_owned(), value.clone())).into(),
                },
                error_details: failed.then(|| ErrorDetails {
                    error_code: format!("ERR_{code}_{}", random.random_range(100..1000)),
                    error_message: status.messages[random.random_range(0..status.messages.len())].text.clone(),
                    error_type: status.error_type.clone().unwrap_or_default(),
                }),
                payload: ids.map(|(key, value)| (key.to_owned(), Value::from(value))).into_iter().collect(),
            }
        }
    }
}
