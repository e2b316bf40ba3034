//! Counts for Prometheus, since the server's start, over all tenants.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// The upper bounds of the histogram's buckets, in seconds.
const BOUNDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// Counts since the server's start.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    /// There are few kinds, so that a search finds one sooner than a map would.
    requests: Mutex<Vec<(Kind, u64)>>,
    durations: Mutex<Durations>,
    events: Mutex<BTreeMap<&'static str, u64>>,
    connections: AtomicI64,
    lost_lines: AtomicU64,
}

/// What requests have in common that are counted together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Debug, Default)]
struct Durations {
    buckets: [u64; BOUNDS.len()],
    count: u64,
    sum: f64,
}

/// What is known only when the metrics are asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    /// How many events are stored, of all tenants.
    pub(super) events: u64,
    /// When the server started, in seconds since 1970.
    pub(super) started_s: f64,
    /// Whether the database answers.
    pub(super) is_ready: bool,
}

impl Metrics {
    /// Counts a request. `route` is the path with placeholders, so that there are few.
    pub(super) fn request(&self, method: &'static str, route: &str, status: u16, took: Duration) {
        let mut requests = self.requests.lock().expect("no holder of this lock can panic");
        let is_alike = |kind: &Kind| kind.status == status && kind.method == method && kind.route == route;
        match requests.iter_mut().find(|(kind, _)| is_alike(kind)) {
            Some((_, count)) => *count += 1,
            None => requests.push((Kind { method, route: route.to_owned(), status }, 1)),
        }
        drop(requests);
        let mut durations = self.durations.lock().expect("no holder of this lock can panic");
        let seconds = took.as_secs_f64();
        durations.count += 1;
        durations.sum += seconds;
        for (bucket, bound) in durations.buckets.iter_mut().zip(BOUNDS) {
            *bucket += u64::from(seconds <= bound);
        }
    }

    /// Counts events by what happened to them.
    pub(super) fn events(&self, result: &'static str, count: u64) {
        *self.events.lock().expect("no holder of this lock can panic").entry(result).or_default() += count;
    }

    /// Counts a connection that begins (1) or ends (-1).
    pub(super) fn connection(&self, change: i64) {
        self.connections.fetch_add(change, Ordering::Relaxed);
    }

    /// Counts a line that could not be written to the access log.
    pub(super) fn lost_line(&self) {
        self.lost_lines.fetch_add(1, Ordering::Relaxed);
    }

    /// Everything in Prometheus' text format.
    pub(super) fn text(&self, now: Now) -> String {
        let mut out = String::new();
        let mut family = |name: &str, kind: &str, help: &str, samples: &[(String, String)]| {
            let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
            for (labels, value) in samples {
                let _ = writeln!(out, "{name}{labels} {value}");
            }
        };
        let one = |value: String| vec![(String::new(), value)];
        let mut requests = self.requests.lock().expect("no holder of this lock can panic").clone();
        requests.sort_unstable();
        let requests: Vec<_> = requests
            .iter()
            .map(|(Kind { method, route, status }, count)| {
                (format!("{{method=\"{method}\",route=\"{route}\",status=\"{status}\"}}"), count.to_string())
            })
            .collect();
        family("pserve_http_requests_total", "counter", "Requests answered, by method, route and status.", &requests);
        let events = self.events.lock().expect("no holder of this lock can panic").clone();
        let events: Vec<_> = ["stored", "duplicate", "invalid", "rate_limited"]
            .iter()
            .map(|result| {
                let count = events.get(result).copied().unwrap_or(0);
                (format!("{{result=\"{result}\"}}"), count.to_string())
            })
            .collect();
        family("pserve_events_total", "counter", "Events received, by what happened to them.", &events);
        family("pserve_events_stored", "gauge", "Events that the database holds.", &one(now.events.to_string()));
        let connections = self.connections.load(Ordering::Relaxed);
        family("pserve_connections", "gauge", "Open connections.", &one(connections.to_string()));
        let lost = self.lost_lines.load(Ordering::Relaxed);
        family(
            "pserve_access_log_lost_lines_total",
            "counter",
            "Lines that could not be written to the access log.",
            &one(lost.to_string()),
        );
        let ready = u8::from(now.is_ready).to_string();
        family("pserve_ready", "gauge", "Whether the database answers.", &one(ready));
        let started = format!("{:.3}", now.started_s);
        family(
            "process_start_time_seconds",
            "gauge",
            "When the server started, in seconds since 1970-01-01T00:00:00Z.",
            &one(started),
        );
        let durations = self.durations.lock().expect("no holder of this lock can panic");
        let name = "pserve_http_request_duration_seconds";
        let _ = write!(
            out,
            "# HELP {name} Time from the head of a request to the head of its answer.\n# TYPE {name} histogram\n"
        );
        for (bucket, bound) in durations.buckets.iter().zip(BOUNDS) {
            let _ = writeln!(out, "{name}_bucket{{le=\"{bound}\"}} {bucket}");
        }
        let Durations { count, sum, .. } = &*durations;
        let _ = write!(out, "{name}_bucket{{le=\"+Inf\"}} {count}\n{name}_sum {sum}\n{name}_count {count}\n");
        out
    }
}
