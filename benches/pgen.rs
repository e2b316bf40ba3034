//! How fast pgen is against what stands still: the plain way to make events, a plain writer into the same pipe, itself with one
//! thread, itself without sessions. Prints a line for each figure as `scripts/bench` reads them; RUNS sets how many rounds (5).

#![allow(clippy::print_stdout, unreachable_pub)] // a program of its own, whose output is its figures

use std::hint::black_box;
use std::io::{BufWriter, Write};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use chrono_tz::Tz;
use pulsepipe::cli::Stop;
use pulsepipe::cli::values::Probability;
use pulsepipe::error::{At, Place, Result};
use pulsepipe::pgen::arrivals::{Arrivals, Course};
use pulsepipe::pgen::emit::{Layout, Sink, World, emit};
use pulsepipe::pgen::plan::Planner;
use pulsepipe::pgen::render::Renderer;
use pulsepipe::seed::Seed;
use pulsepipe::world::curve::Timeline;
use pulsepipe::world::profile::{BUILT_IN, Profile};

const EVENTS: u64 = 1_000_000;
const DAY: i64 = 86_400_000_000;

fn main() {
    let coherent = Profile::built_in();
    let alone = BUILT_IN
        .replace("requests_per_action = [30, 25, 20, 12, 8, 5]", "requests_per_action = [1]")
        .replace("actions_per_session = [20, 20, 20, 15, 10, 8, 7]", "actions_per_session = [1]");
    let alone = Profile::parse(&alone, "without sessions").expect("a profile");

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
    figure(
        "pgen into cat / a plain writer of 64 KiB blocks",
        ratio(|| through_cat(|to| events_to(to, &coherent)), || through_cat(blocks_to)),
        ">= 0.85",
        "pipe of 1 MiB",
    );
}

fn figure(name: &str, value: f64, wanted: &str, note: &str) {
    println!("{name}\t{value:.2}\t{wanted}\t{note}");
}

/// The median over the rounds of a / b, each measured in turn.
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

fn make(profile: &Profile, events: u64, threads: usize, sink: &mut dyn Sink) {
    let seed = Seed::new(1);
    let planner = Planner::new(profile, seed).expect("a profile that fits");
    let renderer = Renderer::new(profile, &planner, Probability::ZERO, seed);
    let curve = profile.traffic.curve().expect("a curve");
    let arrivals = Arrivals::new(Timeline::new(&curve, Tz::UTC, 0, DAY), events, seed);
    let world = World { planner: &planner, renderer: &renderer, layout: Layout::Lines };
    emit(world, Course::through(arrivals, 0), 0..events, threads, &Stop::never(), sink).expect("nothing fails");
}

/// GB/s to nowhere.
fn into_null(profile: &Profile, threads: usize) -> f64 {
    let mut sink = Null(0);
    let begin = Instant::now();
    make(profile, EVENTS, threads, &mut sink);
    sink.0 as f64 / begin.elapsed().as_secs_f64() / 1e9
}

/// The mean length of an event, in GB: rates of bytes over it are rates of events.
fn bytes_each(profile: &Profile) -> f64 {
    let mut sink = Null(0);
    make(profile, 20_000, 1, &mut sink);
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

fn events_to(pipe: &mut std::process::ChildStdin, profile: &Profile) -> u64 {
    let mut sink = To(pipe, 0);
    make(profile, EVENTS, 1, &mut sink);
    sink.1
}

fn blocks_to(pipe: &mut std::process::ChildStdin) -> u64 {
    let block = vec![b'x'; 64 << 10];
    for _ in 0..15_000 {
        pipe.write_all(&block).expect("cat reads");
    }
    15_000 * (64 << 10)
}

/// The plain way: structs, a generator, a calendar, `to_writer`.
mod plain {
    use super::{BufWriter, Instant, Write, black_box};
    use chrono::{DateTime, SecondsFormat, Utc};
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};
    use rand_distr::{Distribution, LogNormal};
    use serde::Serialize;

    #[derive(Serialize)]
    struct Event {
        event_id: String,
        event_type: &'static str,
        timestamp: String,
        title: String,
        message: String,
        severity: &'static str,
        source: Source,
        metrics: Metrics,
        context: Context,
        payload: Payload,
    }

    #[derive(Serialize)]
    struct Source {
        service: &'static str,
        endpoint: &'static str,
        method: &'static str,
        version: &'static str,
        environment: &'static str,
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
        user_agent: &'static str,
        tags: Tags,
    }

    #[derive(Serialize)]
    struct Tags {
        country: &'static str,
        city: &'static str,
        region: &'static str,
        device_type: &'static str,
    }

    #[derive(Serialize)]
    struct Payload {
        correlation_id: String,
        trace_id: String,
    }

    /// Events a second to nowhere.
    pub fn into_null(events: u64) -> f64 {
        struct Nowhere;
        impl Write for Nowhere {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                Ok(black_box(bytes).len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let begin = Instant::now();
        let mut random = StdRng::seed_from_u64(1);
        let latency = LogNormal::new(5.0, 0.3).expect("a law");
        let mut out = BufWriter::with_capacity(256 << 10, Nowhere);
        for number in 1..=events {
            serde_json::to_writer(&mut out, &event(number, &latency, &mut random)).expect("it is written");
            out.write_all(b"\n").expect("it is written");
        }
        events as f64 / begin.elapsed().as_secs_f64()
    }

    fn event(number: u64, latency: &LogNormal<f64>, random: &mut StdRng) -> Event {
        const SERVICES: [(&str, &str, &str, &str); 3] = [
            ("auth-service", "/api/v1/auth/login", "POST", "2.3.1"),
            ("order-service", "/api/v1/orders/status", "GET", "1.9.1"),
            ("payment-service", "/api/v1/payments/capture", "POST", "1.8.2"),
        ];
        const CITIES: [(&str, &str, &str); 3] =
            [("US", "New York", "NA"), ("DE", "Berlin", "EU"), ("BR", "São Paulo", "LATAM")];
        const AGENT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36";
        let (service, endpoint, method, version) = SERVICES[random.random_range(0..3)];
        let (country, city, region) = CITIES[random.random_range(0..3)];
        let micros = 1_767_571_200_000_000 + i64::try_from(number).expect("few") * 86_400;
        let at: DateTime<Utc> = DateTime::from_timestamp_micros(micros).expect("a time");
        let octets: [u8; 4] = random.random();
        Event {
            event_id: format!("evt_{number}_{:012x}", random.random::<u64>() >> 16),
            event_type: "api_call",
            timestamp: at.to_rfc3339_opts(SecondsFormat::Micros, true),
            title: format!("{method} {endpoint}"),
            message: format!("Successfully processed request to {service}"),
            severity: "info",
            source: Source { service, endpoint, method, version, environment: "production" },
            metrics: Metrics {
                response_time_ms: (latency.sample(random) * 100.0).round() / 100.0,
                status_code: if random.random_bool(0.85) { 200 } else { 201 },
                request_size_bytes: random.random_range(100..5000),
                response_size_bytes: random.random_range(100..50_000),
                cache_hit: random.random_bool(0.25),
            },
            context: Context {
                user_id: random.random_bool(0.89).then(|| format!("user_{}", random.random_range(10_000..100_000))),
                session_id: format!("sess_{:016x}", random.random::<u64>()),
                request_id: format!("req_{:032x}", random.random::<u128>()),
                ip_address: octets.map(|octet| octet.to_string()).join("."),
                user_agent: AGENT,
                tags: Tags { country, city, region, device_type: "desktop" },
            },
            payload: Payload {
                correlation_id: format!("corr_{:016x}", random.random::<u64>()),
                trace_id: format!("trace_{:032x}", random.random::<u128>()),
            },
        }
    }
}
