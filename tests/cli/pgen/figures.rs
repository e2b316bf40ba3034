//! The guide's figures and the coherence of the events, each on a million events.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader};
use std::sync::OnceLock;

use chrono::{DateTime, Datelike, Timelike, Utc};
use serde::Deserialize;

use crate::support::tool;

const COUNT: u32 = 1_000_000;

/// Service, error rate, mean response in ms, and the range of its class.
type Row = (&'static str, f64, f64, Option<(f64, f64)>);

/// The rows of the guide.
const SERVICES: [Row; 8] = [
    ("auth-service", 0.02, 150.0, Some((100.0, 250.0))),
    ("payment-service", 0.05, 450.0, Some((200.0, 500.0))),
    ("user-service", 0.01, 85.0, Some((50.0, 150.0))),
    ("product-service", 0.015, 120.0, Some((100.0, 250.0))),
    ("order-service", 0.03, 280.0, Some((200.0, 500.0))),
    ("notification-service", 0.04, 200.0, None),
    ("analytics-service", 0.02, 350.0, Some((300.0, 600.0))),
    ("search-service", 0.025, 95.0, Some((50.0, 150.0))),
];

#[derive(Deserialize)]
struct Event {
    timestamp: String,
    source: Source,
    metrics: Metrics,
    context: Context,
    error_details: Option<ErrorDetails>,
    payload: Payload,
}

#[derive(Deserialize)]
struct Source {
    service: String,
    endpoint: String,
    method: String,
    environment: String,
}

#[derive(Deserialize)]
struct Metrics {
    response_time_ms: f64,
    status_code: u16,
    request_size_bytes: u64,
    response_size_bytes: u64,
    cache_hit: bool,
}

#[derive(Deserialize)]
struct Context {
    user_id: Option<String>,
    session_id: String,
    ip_address: String,
    user_agent: String,
    tags: Tags,
}

#[derive(Deserialize)]
struct Tags {
    country: String,
    city: String,
    region: String,
    device_type: String,
}

#[derive(Deserialize)]
struct ErrorDetails {
    error_message: String,
    error_type: String,
}

#[derive(Deserialize)]
struct Payload {
    trace_id: String,
}

/// Calls a function with each event of a run.
fn each(args: &[&str], mut with: impl FnMut(Event)) {
    let mut command = tool("pgen");
    command.args(["--quiet", "--seed", "20260105"]).args(args);
    let mut child = command.spawn().expect("pgen starts");
    let mut lines = BufReader::with_capacity(1 << 20, child.stdout.take().expect("it is piped"));
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).expect("it reads") > 0 {
        with(serde_json::from_slice(&line).expect("an event"));
        line.clear();
    }
    assert!(child.wait().expect("it ends").success());
}

#[derive(Default)]
struct Counts(HashMap<String, u32>);

impl Counts {
    fn add(&mut self, name: &str) {
        match self.0.get_mut(name) {
            Some(count) => *count += 1,
            None => drop(self.0.insert(name.to_owned(), 1)),
        }
    }

    fn of(&self, name: &str) -> f64 {
        f64::from(self.0.get(name).copied().unwrap_or(0))
    }

    fn total(&self) -> f64 {
        self.0.values().map(|n| f64::from(*n)).sum()
    }

    /// Asserts that each name has its percentage of the total, within 5 standard errors, and that no other name occurs.
    fn assert_percentages(&self, expected: &[(&str, f64)]) {
        for (name, percentage) in expected {
            assert_share(name, self.of(name), self.total(), percentage / 100.0);
        }
        assert_eq!(self.0.len(), expected.len(), "{:?}", self.0);
    }
}

fn assert_share(name: &str, part: f64, whole: f64, share: f64) {
    let error = (share * (1.0 - share) / whole).sqrt();
    let found = part / whole;
    assert!(
        (found - share).abs() <= 5.0 * error,
        "{name}: {found} for {share}, {:.1} standard errors",
        (found - share) / error
    );
}

/// Collected in one pass over a week of a million events.
#[derive(Default)]
struct Week {
    services: Counts,
    errors: Counts,
    success_codes: Counts,
    error_codes: Counts,
    regions: Counts,
    cities: Counts,
    devices: Counts,
    environments: Counts,
    users: Counts,
    cache_hits: f64,
    anonymous: f64,
    /// For the successes of each service: count, sum of response times, count within the range of its class.
    times: HashMap<String, (f64, f64, f64)>,
    /// By status: count, and the sum of response times relative to the service's mean.
    slowness: HashMap<u16, (f64, f64)>,
    endpoints: HashMap<(String, String), Counts>,
    faults: Vec<String>,
}

fn week() -> &'static Week {
    static WEEK: OnceLock<Week> = OnceLock::new();
    WEEK.get_or_init(|| {
        let mut week = Week::default();
        let count = COUNT.to_string();
        each(&["--count", &count, "--start", "2026-01-05T00:00:00Z", "--hours", "168"], |event| week.take(&event));
        week
    })
}

impl Week {
    fn take(&mut self, event: &Event) {
        let (source, metrics, tags) = (&event.source, &event.metrics, &event.context.tags);
        let (status, code) = (metrics.status_code, metrics.status_code.to_string());
        let row = SERVICES.iter().find(|row| row.0 == source.service).expect("a service of the guide");
        self.services.add(&source.service);
        let (n, sum) = self.slowness.entry(status).or_default();
        (*n, *sum) = (*n + 1.0, *sum + metrics.response_time_ms / row.2);
        if status >= 400 {
            self.errors.add(&source.service);
            self.error_codes.add(&code);
        } else {
            self.success_codes.add(&code);
            let (n, sum, inside) = self.times.entry(source.service.clone()).or_default();
            let time = metrics.response_time_ms;
            (*n, *sum) = (*n + 1.0, *sum + time);
            *inside += f64::from(u8::from(row.3.is_some_and(|(low, high)| (low..=high).contains(&time))));
        }
        self.regions.add(&tags.region);
        self.cities.add(&tags.city);
        self.devices.add(&tags.device_type);
        self.environments.add(&source.environment);
        match &event.context.user_id {
            Some(user) => self.users.add(user),
            None => self.anonymous += 1.0,
        }
        self.endpoints.entry((source.service.clone(), source.endpoint.clone())).or_default().add(&source.method);
        self.cache_hits += f64::from(u8::from(metrics.cache_hit));
        let mut fault = |wrong: bool, words: &str| {
            if wrong {
                self.faults.push(format!("{words}: {} {} {code}", source.method, source.endpoint));
            }
        };
        fault(metrics.cache_hit && (source.method != "GET" || status != 200), "a cache hit that is no 200 GET");
        fault(status == 201 && source.method != "POST", "a 201 without POST");
        let (requests, responses) = match source.method.as_str() {
            "GET" => (100..=600, 500..=50_000),
            "POST" => (200..=5000, 150..=8000),
            "PUT" => (200..=5000, 150..=4000),
            "PATCH" => (150..=2000, 150..=4000),
            "DELETE" => (100..=400, 100..=400),
            other => panic!("{other} is no method of the guide"),
        };
        let responses = match status {
            204 => 0..=0,
            400.. => 100..=600,
            _ => responses,
        };
        fault(!requests.contains(&metrics.request_size_bytes), "a request's size of another method");
        fault(!responses.contains(&metrics.response_size_bytes), "a response's size of another method or status");
        if let Some(details) = &event.error_details {
            fault(!fits(status, &details.error_type, &details.error_message), "a message of another status");
        }
        let agent = &event.context.user_agent;
        let fits = match tags.device_type.as_str() {
            "desktop" => agent.contains("Windows NT") || agent.contains("Macintosh") || agent.contains("X11"),
            "mobile" => agent.contains("iPhone") || agent.contains("Mobile Safari") || !agent.contains("Mozilla"),
            "tablet" => agent.contains("iPad") || agent.contains("Android") && !agent.contains("Mobile"),
            "api_client" => !agent.contains("Mozilla"),
            "bot" => agent.contains("bot"),
            _ => false,
        };
        fault(!fits, "an agent of another device");
    }
}

/// Whether an error type and a word of its message match a status.
fn fits(status: u16, kind: &str, message: &str) -> bool {
    let (wanted, words): (&str, &[&str]) = match status {
        400 => ("ValidationError", &["Invalid", "Missing", "too large", "Password"]),
        401 => ("AuthenticationError", &["token", "Authorization"]),
        403 => ("AuthorizationError", &["permissions", "suspended", "denied"]),
        404 => ("NotFoundError", &["not found"]),
        409 => ("ConflictError", &["already exists", "modified", "Duplicate"]),
        422 => ("ValidationError", &["Validation failed", "out of range", "combination"]),
        429 => ("RateLimitError", &["Rate limit", "Too many", "Throttling"]),
        500 => ("ServerError", &["Database", "Unexpected", "Internal"]),
        502 => ("BadGatewayError", &["gateway", "upstream"]),
        503 => ("ServiceUnavailableError", &["unavailable", "maintenance", "Circuit"]),
        504 => ("TimeoutError", &["timeout", "timed out"]),
        _ => return false,
    };
    kind == wanted && words.iter().any(|word| message.contains(word))
}

#[test]
fn each_service_has_its_share_and_error_rate() {
    let week = week();
    let shares: Vec<(&str, f64)> = SERVICES.iter().map(|row| (row.0, 12.5)).collect();
    week.services.assert_percentages(&shares);
    for (service, rate, ..) in SERVICES {
        assert_share(service, week.errors.of(service), week.services.of(service), rate);
    }
}

#[test]
fn statuses_have_their_shares_of_successes_of_errors_and_of_all_events() {
    let week = week();
    week.success_codes.assert_percentages(&[("200", 85.0), ("201", 10.0), ("202", 3.0), ("204", 2.0)]);
    week.error_codes.assert_percentages(&[
        ("400", 15.0),
        ("401", 10.0),
        ("403", 8.0),
        ("404", 20.0),
        ("409", 5.0),
        ("422", 8.0),
        ("429", 7.0),
        ("500", 10.0),
        ("502", 5.0),
        ("503", 7.0),
        ("504", 5.0),
    ]);
    let all = week.services.total();
    let class = |from: &str| -> f64 {
        let codes = week.success_codes.0.iter().chain(&week.error_codes.0);
        codes.filter(|(code, _)| code.starts_with(from)).map(|(_, n)| f64::from(*n)).sum::<f64>() / all
    };
    assert!((0.97..=0.98).contains(&class("2")), "2xx {}", class("2"));
    assert!((0.015..=0.02).contains(&class("4")), "4xx {}", class("4"));
    assert!((0.005..=0.01).contains(&class("5")), "5xx {}", class("5"));
}

#[test]
fn regions_cities_devices_environments_and_cache_hits_have_their_shares() {
    let week = week();
    week.regions.assert_percentages(&[("NA", 40.0), ("EU", 30.0), ("APAC", 25.0), ("LATAM", 5.0)]);
    week.cities.assert_percentages(&[
        ("New York", 10.0),
        ("San Francisco", 10.0),
        ("Chicago", 10.0),
        ("Toronto", 10.0),
        ("London", 10.0),
        ("Berlin", 10.0),
        ("Paris", 10.0),
        ("Singapore", 6.25),
        ("Tokyo", 6.25),
        ("Mumbai", 6.25),
        ("Sydney", 6.25),
        ("São Paulo", 5.0),
    ]);
    week.devices.assert_percentages(&[
        ("desktop", 45.0),
        ("mobile", 30.0),
        ("api_client", 20.0),
        ("tablet", 4.0),
        ("bot", 1.0),
    ]);
    week.environments.assert_percentages(&[("production", 70.0), ("staging", 20.0), ("development", 10.0)]);
    assert_share("cache hits", week.cache_hits, week.services.total(), 0.25);
    assert_share("anonymous", week.anonymous, week.services.total(), 0.11);
}

#[test]
fn successes_of_each_service_have_its_mean_and_the_range_of_its_class() {
    for (service, _, mean, range) in SERVICES {
        let (n, sum, inside) = week().times[service];
        assert!((sum / n / mean - 1.0).abs() < 0.02, "{service}: mean {} for {mean}", sum / n);
        assert!(range.is_none() || inside / n >= 0.6, "{service}: {} in the range of its class", inside / n);
    }
}

#[test]
fn errors_are_slower_and_gateway_timeouts_much_slower() {
    for (status, (n, sum)) in &week().slowness {
        let slowness = sum / n;
        match status {
            ..400 => assert!((0.98..1.02).contains(&slowness), "{status}: {slowness}"),
            502 | 503 => assert!(slowness > 3.0, "{status}: {slowness}"),
            504 => assert!(slowness > 10.0, "{status}: {slowness}"),
            _ => assert!(slowness > 1.05, "{status}: {slowness}"),
        }
    }
}

#[test]
fn the_fields_of_an_event_agree_with_each_other() {
    let faults = &week().faults;
    assert!(faults.is_empty(), "{} faults: {:?}", faults.len(), &faults[..faults.len().min(5)]);
    let methods = |route: &str| -> Vec<&str> {
        let found = week().endpoints.iter().find(|((_, endpoint), _)| endpoint == route).expect("an endpoint");
        let mut methods: Vec<&str> = found.1.0.keys().map(String::as_str).collect();
        methods.sort_unstable();
        methods
    };
    assert_eq!(week().endpoints.len(), 54);
    assert_eq!(methods("/api/v1/auth/login"), ["POST"]);
    assert_eq!(methods("/api/v1/orders/create"), ["POST"]);
    assert_eq!(methods("/api/v1/users/delete"), ["DELETE"]);
    assert_eq!(methods("/api/v1/orders/{id}"), ["GET"]);
    assert_eq!(methods("/api/v1/search/query"), ["GET", "POST"]);
}

#[test]
fn endpoints_and_users_are_zipf_popular() {
    for (service, ..) in SERVICES {
        let of = week().endpoints.iter().filter(|((s, _), _)| s == service);
        let mut counts: Vec<f64> = of.map(|(_, methods)| methods.total()).collect();
        counts.sort_unstable_by(|a, b| b.total_cmp(a));
        for (rank, count) in (1..).zip(&counts) {
            let ratio = counts[0] / count / f64::from(rank);
            assert!((0.93..1.07).contains(&ratio), "{service}: rank {rank} has {ratio} of its due");
        }
    }
    let mut users: Vec<u32> = week().users.0.values().copied().collect();
    users.sort_unstable_by(|a, b| b.cmp(a));
    let total: u32 = users.iter().sum();
    let busiest: u32 = users.iter().take(users.len() / 100).sum();
    assert!(users.len() > 20_000, "{} users", users.len());
    assert!(busiest * 100 > total * 20, "the busiest 1 % of the users make {busiest} of {total} requests");
}

#[test]
fn users_keep_city_and_device_sessions_their_user_and_traces_their_order() {
    #[derive(Default)]
    struct Session {
        who: String,
        last: i64,
    }
    struct Trace {
        session: String,
        began: i64,
        size: u32,
        stage: u8,
        services: HashSet<String>,
    }
    let (mut users, mut sessions) = (HashMap::<String, String>::new(), HashMap::<String, Session>::new());
    let mut traces = HashMap::<String, Trace>::new();
    let count = COUNT.to_string();
    each(&["--count", &count, "--start", "2026-01-05T00:00:00Z", "--hours", "24"], |event| {
        let (context, tags) = (&event.context, &event.context.tags);
        let home = format!(
            "{} {} {} {} {} {}",
            tags.region, tags.country, tags.city, tags.device_type, context.user_agent, context.ip_address
        );
        if let Some(user) = &context.user_id {
            let known = users.entry(user.clone()).or_insert_with(|| home.clone());
            assert_eq!(*known, home, "{user} moved");
        }
        let who = format!("{:?} {home} {}", context.user_id, event.source.environment);
        let at = DateTime::parse_from_rfc3339(&event.timestamp).expect("a time").timestamp_micros();
        let session =
            sessions.entry(context.session_id.clone()).or_insert_with(|| Session { who: who.clone(), last: at });
        assert_eq!(session.who, who);
        assert!((0..=30 * 60_000_000).contains(&(at - session.last)), "{} rested", context.session_id);
        session.last = at;
        let stage = match event.source.endpoint.as_str() {
            "/api/v1/auth/login" => 1,
            route if route.starts_with("/api/v1/orders") => 2,
            route if route.starts_with("/api/v1/payments") => 3,
            _ => 0,
        };
        let trace = traces.entry(event.payload.trace_id.clone()).or_insert_with(|| Trace {
            session: context.session_id.clone(),
            began: at,
            size: 0,
            stage: 0,
            services: HashSet::new(),
        });
        assert_eq!(trace.session, context.session_id);
        assert!(at - trace.began <= 30_000_000);
        trace.size += 1;
        trace.services.insert(event.source.service);
        if stage > 0 {
            assert!(trace.stage <= stage, "{} out of order", event.payload.trace_id);
            trace.stage = stage;
        }
    });
    let several = traces.values().filter(|t| t.services.len() > 1).count();
    assert!(several * 2 > traces.len(), "{several} of {} traces go through several services", traces.len());
    assert!(sessions.len() < COUNT as usize / 4, "{} sessions", sessions.len());
}

#[test]
fn a_sparse_stream_has_traces_of_one_event() {
    let mut traces = HashSet::new();
    let mut count = 0;
    each(&["--count", "500", "--start", "2026-01-05T00:00:00Z", "--hours", "720"], |event| {
        traces.insert(event.payload.trace_id);
        count += 1;
    });
    assert!(traces.len() > count * 95 / 100, "{} traces of {count} events", traces.len());
}

#[test]
fn the_first_events_of_many_small_runs_have_the_same_shares() {
    let (mut environments, mut anonymous) = (Counts::default(), 0.0);
    for run in 0..400 {
        let start = format!("{}-01-05T00:00:00Z", 2000 + run);
        each(&["--count", "8", "--start", &start, "--seed", &run.to_string()], |event| {
            environments.add(&event.source.environment);
            anonymous += f64::from(u8::from(event.context.user_id.is_none()));
        });
    }
    environments.assert_percentages(&[("production", 70.0), ("staging", 20.0), ("development", 10.0)]);
    assert_share("anonymous", anonymous, 3200.0, 0.11);
}

#[test]
fn spikes_multiply_five_percent_of_response_times_by_a_uniform_factor_from_two_to_ten() {
    let count = COUNT.to_string();
    let base = ["--count", &count, "--start", "2026-01-05T00:00:00Z"];
    let mut calm = Vec::with_capacity(COUNT as usize);
    each(&base, |event| calm.push(event.metrics.response_time_ms));
    let (mut at, mut factors, mut sums) = (0, Vec::new(), (0.0, 0.0));
    each(&[&base[..], &["--spikes", "5%"]].concat(), |event| {
        let (before, after) = (calm[at], event.metrics.response_time_ms);
        if after > before {
            factors.push(after / before);
        } else {
            assert!(after.total_cmp(&before).is_eq());
        }
        if event.metrics.status_code < 400 {
            sums = (sums.0 + before, sums.1 + after);
        }
        at += 1;
    });
    assert_share("spikes", factors.len() as f64, f64::from(COUNT), 0.05);
    assert!((sums.1 / sums.0 / 1.25 - 1.0).abs() < 0.02, "the mean grows by {}", sums.1 / sums.0);
    factors.sort_unstable_by(f64::total_cmp);
    assert!(factors[0] > 1.999 && factors[factors.len() - 1] < 10.001);
    // Kolmogorov and Smirnov: 5 standard errors at the middle are 2.5 / √n.
    let n = factors.len() as f64;
    let distance = (0..).zip(&factors).map(|(i, f)| (f64::from(i) / n - (f - 2.0) / 8.0).abs()).fold(0.0, f64::max);
    assert!(distance < 2.5 / n.sqrt(), "{distance}");
}

/// Counts the events of each `seconds` of a run, and returns each count with the one that the business curve predicts.
fn stretches(start: &str, hours: i64, offset_hours: i64, args: &[&str], seconds: i64) -> Vec<(f64, f64, i64)> {
    let begin = DateTime::parse_from_rfc3339(start).expect("a time").to_utc();
    let mut counts = vec![0.0; usize::try_from(hours * 3600 / seconds).expect("positive")];
    let (count, hours_text) = (COUNT.to_string(), hours.to_string());
    each(&[&["--count", &count, "--start", start, "--hours", &hours_text], args].concat(), |event| {
        let at = DateTime::parse_from_rfc3339(&event.timestamp).expect("a time").to_utc();
        counts[usize::try_from((at - begin).num_seconds() / seconds).expect("inside")] += 1.0;
    });
    let weight = |at: DateTime<Utc>| {
        let local = at + chrono::Duration::hours(offset_hours);
        let day = if local.weekday().num_days_from_monday() < 5 { 1.0 } else { 0.6 };
        day * if (9..17).contains(&local.hour()) { 2.0 } else { 1.0 }
    };
    // A stretch may reach over an hour's end: its weight is that of its minutes.
    let weights: Vec<f64> = (0..counts.len())
        .map(|i| {
            let from = begin + chrono::Duration::seconds(i64::try_from(i).expect("few") * seconds);
            (0..seconds / 60).map(|m| weight(from + chrono::Duration::minutes(m))).sum::<f64>()
        })
        .collect();
    let all: f64 = weights.iter().sum();
    let hour =
        |i: usize| (begin + chrono::Duration::seconds(i64::try_from(i).expect("few") * seconds)).timestamp() / 3600;
    (0..counts.len()).map(|i| (counts[i], weights[i] / all * f64::from(COUNT), hour(i))).collect()
}

#[test]
fn arrivals_follow_business_hours_and_weekends_even_from_the_middle_of_an_hour() {
    for (start, hours, offset, args) in
        [("2026-01-07T10:37:00Z", 200, 0, &[][..]), ("2026-01-02T20:00:00Z", 90, 9, &["--tz", "Asia/Tokyo"][..])]
    {
        let stretches = stretches(start, hours, offset, args, 600);
        let chi: f64 = stretches.iter().map(|(found, wanted, _)| (found - wanted).powi(2) / wanted).sum();
        let freedom = stretches.len() as f64 - 1.0;
        // Both sides: too even would be no Poisson process.
        assert!((chi - freedom).abs() < 5.0 * (2.0 * freedom).sqrt(), "{chi} for {freedom}");
        // The factor between busy and other hours, by itself.
        let mean = stretches.iter().map(|s| s.1).sum::<f64>() / stretches.len() as f64;
        let (busy, expected) = stretches.iter().filter(|s| s.1 > mean).fold((0.0, 0.0), |t, s| (t.0 + s.0, t.1 + s.1));
        assert_share("busy", busy, f64::from(COUNT), expected / f64::from(COUNT));
    }
}

#[test]
fn counts_per_second_and_per_hour_are_poisson() {
    let mut seconds = vec![0.0f64; 3600];
    each(&["--count", "1m", "--start", "2026-01-05T09:00:00Z", "--hours", "1", "--curve", "flat"], |event| {
        let at = DateTime::parse_from_rfc3339(&event.timestamp).expect("a time");
        seconds[(at.minute() * 60 + at.second()) as usize] += 1.0;
    });
    let mean = f64::from(COUNT) / 3600.0;
    let chi: f64 = seconds.iter().map(|n| (n - mean).powi(2) / mean).sum();
    assert!((chi - 3599.0).abs() < 5.0 * (2.0f64 * 3599.0).sqrt(), "{chi}");
}
