//! The servers that psend must get along with: a PulseStream as it was seen in the field (contracts §9, second table), and
//! servers that each break in one way. They are built on [`Scripted`] and know what they stored, so that a test can hold
//! outcomes against it.

#![allow(dead_code)] // the tests of psend take these up one by one

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::scripted::{Act, Request, Scripted};
use crate::support::http::{self, Answer};

/// A PulseStream as it was seen in the field, its window as short as a test wants it.
pub struct PulseStream {
    server: Scripted,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Each event's id and body, as first taken.
    stored: BTreeMap<String, String>,
    /// The ids that are being stored at this moment.
    storing: HashSet<String>,
    /// Events counted in each window.
    counted: HashMap<u128, usize>,
    refused: usize,
}

/// How long it takes to store an event: in this time the same id collides with itself.
const STORING: Duration = Duration::from_millis(2);

impl PulseStream {
    /// Takes `limit` events in each window; windows start at whole multiples of their length in UTC. The field's has 60 s.
    pub fn start(limit: usize, window: Duration) -> Self {
        let state = Arc::<Mutex<State>>::default();
        let shared = Arc::clone(&state);
        let rules = Rules { limit, window };
        Self { server: Scripted::start(move |request| rules.answer(request, &shared)), state }
    }

    /// One without a limit.
    pub fn without_limit() -> Self {
        Self::start(usize::MAX, Duration::from_secs(60))
    }

    pub fn url(&self) -> String {
        self.server.url()
    }

    pub fn requests(&self) -> Vec<Request> {
        self.server.requests()
    }

    /// The ids it holds, sorted.
    pub fn stored(&self) -> Vec<String> {
        self.state.lock().expect("no holder panics").stored.keys().cloned().collect()
    }

    /// The body it holds under an id.
    pub fn body(&self, id: &str) -> Option<String> {
        self.state.lock().expect("no holder panics").stored.get(id).cloned()
    }

    /// How many events it refused for rate.
    pub fn refused(&self) -> usize {
        self.state.lock().expect("no holder panics").refused
    }
}

struct Rules {
    limit: usize,
    window: Duration,
}

/// What became of one event.
enum Taken {
    New,
    Again,
    Collided,
    OverRate,
}

impl Rules {
    fn answer(&self, request: &Request, state: &Mutex<State>) -> Act {
        const EVENTS: &str = "/api/v1/ingestion/events";
        let (method, path) = request.line.split_once(' ').unwrap_or_default();
        if request.header("x-api-key").is_none() {
            return Act::answer(401, r#"{"detail":"API key required"}"#);
        }
        match (method, path.strip_prefix(EVENTS)) {
            ("POST", Some("")) => self.event(request, state),
            ("POST", Some("/batch")) => self.batch(request, state),
            ("GET", Some(id)) => {
                // Never 200: it is the words that tell.
                let held = state.lock().expect("no holder panics").stored.contains_key(id.trim_start_matches('/'));
                let words = if held { "Failed to retrieve event" } else { "Event not found" };
                Act::answer(500, &json!({"error": true, "message": words}).to_string())
            }
            _ => Act::answer(404, r#"{"detail":"Not Found"}"#),
        }
    }

    fn event(&self, request: &Request, state: &Mutex<State>) -> Act {
        let event: Value = match (request.header("content-encoding"), serde_json::from_slice(&request.body)) {
            (Some(_), _) => return Act::answer(400, r#"{"detail":"There was an error parsing the body"}"#),
            (_, Ok(event)) => event,
            (_, Err(e)) => return unprocessable("json_invalid", &["body"], &format!("JSON decode error: {e}")),
        };
        let id = match event_id(&event) {
            Ok(id) => id,
            Err(refusal) => return refusal,
        };
        let text = String::from_utf8_lossy(&request.body).into_owned();
        match self.take(&id, text, state) {
            // The very words of a new one: the answer does not tell.
            Taken::New | Taken::Again => Act::answer(200, &success(&id, "Event queued for processing").to_string()),
            Taken::Collided => {
                let words = "duplicate key value violates unique constraint \"uq_events_tenant_external_id\"";
                Act::answer(400, &failure(&id, words).to_string())
            }
            Taken::OverRate => Act::answer(400, &failure(&id, &self.over_rate()).to_string()),
        }
    }

    fn batch(&self, request: &Request, state: &Mutex<State>) -> Act {
        let nothing_stored = || Act::answer(500, r#"{"error":true,"message":"Internal server error"}"#);
        let Ok(batch) = serde_json::from_slice::<Value>(&request.body) else { return nothing_stored() };
        let events = batch["events"].as_array().cloned().unwrap_or_default();
        if events.iter().any(|event| event.to_string().contains("\\u0000")) {
            return nothing_stored();
        }
        let results: Vec<Value> = events
            .iter()
            .map(|event| {
                let id = event["event_id"].as_str().unwrap_or_default();
                match event_id(event).map(|id| self.take(&id, event.to_string(), state)) {
                    Ok(Taken::New) => success(id, "Event queued for processing"),
                    Ok(Taken::Again | Taken::Collided) => success(id, "Event already exists (idempotent)"),
                    Ok(Taken::OverRate) => failed(id, &self.over_rate()),
                    Err(_) => failed(id, "Event validation failed"),
                }
            })
            .collect();
        let good = results.iter().filter(|result| result["success"] == true).count();
        let status = match good {
            0 => "failed",
            all if all == results.len() => "completed",
            _ => "partial",
        };
        let answer = json!({
            "batch_id": batch["batch_id"], "total_events": results.len(), "successful_events": good,
            "failed_events": results.len() - good, "results": results, "processing_status": status,
        });
        Act::answer(200, &answer.to_string())
    }

    fn take(&self, id: &str, body: String, state: &Mutex<State>) -> Taken {
        {
            let mut state = state.lock().expect("no holder panics");
            let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
            let counted = state.counted.entry(since.as_nanos() / self.window.as_nanos()).or_default();
            if *counted >= self.limit {
                state.refused += 1;
                return Taken::OverRate;
            }
            *counted += 1;
            if state.stored.contains_key(id) {
                return Taken::Again;
            }
            if !state.storing.insert(id.to_owned()) {
                return Taken::Collided;
            }
        }
        thread::sleep(STORING);
        let mut state = state.lock().expect("no holder panics");
        state.storing.remove(id);
        state.stored.insert(id.to_owned(), body);
        Taken::New
    }

    fn over_rate(&self) -> String {
        format!("Rate limit exceeded. Limit: {} events per {} seconds", self.limit, self.window.as_secs_f64())
    }
}

/// The id, if the event has the fields that this fake checks.
fn event_id(event: &Value) -> Result<String, Act> {
    for field in ["event_type", "title", "source"] {
        if event[field].is_null() {
            return Err(unprocessable("missing", &["body", field], "Field required"));
        }
    }
    match event["event_id"].as_str() {
        Some(id) => Ok(id.to_owned()),
        None => Err(unprocessable("string_type", &["body", "event_id"], "Input should be a valid string")),
    }
}

fn unprocessable(kind: &str, place: &[&str], message: &str) -> Act {
    Act::answer(422, &json!({"detail": [{"type": kind, "loc": place, "msg": message, "input": null}]}).to_string())
}

fn success(id: &str, message: &str) -> Value {
    json!({
        "success": true, "event_id": id, "ingested_at": "2026-01-05T09:00:00Z", "processing_status": "queued",
        "message": message, "errors": null,
    })
}

fn failed(id: &str, error: &str) -> Value {
    json!({"success": false, "event_id": id, "processing_status": "failed", "message": "Event ingestion failed", "errors": [error]})
}

/// As an exception of the field's carries it: the whole answer inside `message`.
fn failure(id: &str, error: &str) -> Value {
    json!({"error": true, "message": failed(id, error), "status_code": 400})
}

/// One way to break, as an answer to a request.
pub type Break = fn(&Request) -> Act;

/// Every way in which a server of contracts §3's authors may break, by name.
pub const BREAKS: &[(&str, Break)] = &[
    ("reset", reset),
    ("close without an answer", close),
    ("half an answer", half),
    ("stall", stall),
    ("garbage for a status line", garbage),
    ("a chunk without its size", bad_chunk),
    ("a header of 1 MB", huge_header),
    ("a slow drip", drip),
    ("a kept connection that is closed", close_kept),
    ("503", unavailable),
    ("502", bad_gateway),
];

/// Reads the request and resets the connection.
pub fn reset(_: &Request) -> Act {
    Act::Reset
}

/// Reads the request and closes the connection.
pub fn close(_: &Request) -> Act {
    Act::Close
}

/// Promises more bytes than it sends.
pub fn half(_: &Request) -> Act {
    Act::Raw(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"success\":true,".to_vec(),
    )
}

/// Says nothing for longer than a test's time-out.
pub fn stall(_: &Request) -> Act {
    Act::Stall(Duration::from_secs(3))
}

/// Speaks no HTTP.
pub fn garbage(_: &Request) -> Act {
    Act::Raw(b"HTTP/9.9 banana\r\n\x00\xff\xfe\r\n\r\n".to_vec())
}

/// A body in chunks, of which one has no size that can be read.
pub fn bad_chunk(_: &Request) -> Act {
    Act::Raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{\"s\r\nbanana\r\n".to_vec())
}

/// A good answer behind a megabyte of header.
pub fn huge_header(_: &Request) -> Act {
    Act::Answer(200, vec![format!("X-Padding: {}", "x".repeat(1 << 20))], success("", "").to_string())
}

/// A good answer, a byte at a time.
pub fn drip(_: &Request) -> Act {
    Act::Drip(good_answer(), Duration::from_millis(2))
}

/// A good answer that says nothing of closing, and a closed connection.
pub fn close_kept(_: &Request) -> Act {
    Act::Raw(good_answer())
}

pub fn unavailable(_: &Request) -> Act {
    Act::answer(503, r#"{"detail":"Service Unavailable"}"#)
}

pub fn bad_gateway(_: &Request) -> Act {
    Act::answer(502, "<html>Bad Gateway</html>")
}

fn good_answer() -> Vec<u8> {
    let body = success("", "Event queued for processing").to_string();
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

/// Each kind of Retry-After for a 429, by name. If it is valid, the wait is a second.
pub const RETRY_AFTERS: &[(&str, Break)] = &[
    ("none", |_| Act::answer(429, "{}")),
    ("seconds", |_| Act::with_header(429, "Retry-After: 1")),
    ("zero", |_| Act::with_header(429, "Retry-After: 0")),
    ("a date", |_| {
        // Dates have whole seconds: two ahead are at least one.
        let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(2));
        Act::with_header(429, &format!("Retry-After: {date}"))
    }),
    ("a date gone by", |_| Act::with_header(429, "Retry-After: Thu, 01 Jan 1970 00:00:00 GMT")),
    ("words", |_| Act::with_header(429, "Retry-After: soon")),
    ("nothing", |_| Act::with_header(429, "Retry-After: ")),
    ("below zero", |_| Act::with_header(429, "Retry-After: -1")),
    ("a fraction", |_| Act::with_header(429, "Retry-After: 0.5")),
    ("centuries", |_| Act::with_header(429, "Retry-After: 99999999999999999999")),
];

/// Which requests a broken server breaks.
#[derive(Debug, Clone, Copy)]
pub enum When {
    Always,
    /// The first attempt of each event.
    FirstAttempt,
    /// Every nth request.
    Every(usize),
    /// This many, then the other number not, and again.
    Bursts {
        bad: usize,
        good: usize,
    },
}

/// Whether the event of a request that met a break is stored all the same, its answer alone lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    Lost,
    Stored,
}

/// A server that breaks now and then, and else takes events as the first table of contracts §9 says.
pub struct Broken {
    server: Scripted,
    stored: Arc<Mutex<BTreeSet<String>>>,
}

impl Broken {
    pub fn start(breaks: Break, when: When, event: Event) -> Self {
        let stored = Arc::<Mutex<BTreeSet<String>>>::default();
        let shared = Arc::clone(&stored);
        let tried = Mutex::new(HashSet::new());
        let server = Scripted::start(move |request| {
            let id = request.event_id();
            let first = tried.lock().expect("no holder panics").insert(id.clone());
            let hit = match when {
                When::Always => true,
                When::FirstAttempt => first,
                When::Every(nth) => request.number.is_multiple_of(nth),
                When::Bursts { bad, good } => (request.number - 1) % (bad + good) < bad,
            };
            let mut stored = shared.lock().expect("no holder panics");
            match hit {
                true => {
                    if event == Event::Stored {
                        stored.insert(id);
                    }
                    breaks(request)
                }
                false if stored.insert(id) => Act::accept(),
                false => Act::duplicate(),
            }
        });
        Self { server, stored }
    }

    pub fn url(&self) -> String {
        self.server.url()
    }

    pub fn requests(&self) -> Vec<Request> {
        self.server.requests()
    }

    pub fn connections(&self) -> usize {
        self.server.connections()
    }

    /// The ids it holds, sorted.
    pub fn stored(&self) -> Vec<String> {
        self.stored.lock().expect("no holder panics").iter().cloned().collect()
    }
}

/// Accepts connections and resets each once something comes, without having read it; its URL.
pub fn reset_on_accept() -> String {
    // To close with bytes unread resets.
    with_each_connection(|mut stream| drop(stream.read(&mut [0])))
}

/// A server that does this with each connection, one after the other. Gives its URL.
pub fn with_each_connection(mut serve: impl FnMut(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!("http://{}", listener.local_addr().expect("a listener has an address"));
    thread::spawn(move || listener.incoming().flatten().for_each(&mut serve));
    url
}

fn ask(url: &str, method: &str, path: &str, body: &str) -> Answer {
    let address = url.strip_prefix("http://").expect("a URL begins with its scheme");
    let bytes = format!(
        "{method} /api/v1/ingestion{path} HTTP/1.1\r\nX-API-Key: k\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    http::first_answer(address, bytes.as_bytes()).expect("an answer comes")
}

fn event(id: &str) -> Value {
    json!({"event_id": id, "event_type": "api_call", "title": "GET /", "source": {}})
}

#[test]
fn the_fake_pulsestream_answers_as_the_second_table_says() {
    let window = Duration::from_secs(3600);
    let server = PulseStream::start(8, window);
    let post = |body: &str| ask(&server.url(), "POST", "/events", body);

    let (new, again) = (post(&event("a").to_string()), post(&event("a").to_string()));
    assert_eq!((new.status, new.json()), (200, again.json()), "a duplicate has the very words of a new one");
    assert_eq!(post("{").status, 422);
    assert_eq!(post("{}").json()["detail"][0]["type"], "missing");

    let collided = thread::scope(|scope| {
        let all: Vec<_> = (0..4).map(|_| scope.spawn(|| post(&event("b").to_string()))).collect();
        all.into_iter()
            .map(|one| one.join().expect("no panic"))
            .filter(|answer| answer.status == 400)
            .collect::<Vec<_>>()
    });
    for answer in &collided {
        assert!(answer.text().contains("duplicate key value violates unique constraint"), "{}", answer.text());
    }

    let results = |events: &[Value]| {
        let answer = ask(&server.url(), "POST", "/events/batch", &json!({"events": events}).to_string());
        (answer.status, if answer.status == 200 { answer.json()["results"].clone() } else { Value::Null })
    };
    let mut poison = event("p");
    poison["title"] = json!("\0");
    assert_eq!(results(&[event("c"), poison]).0, 500);
    assert_eq!(server.stored(), ["a", "b"], "nothing of a batch with a poison is stored");
    let (_, results) = results(&[event("a"), event("c"), event("d")]);
    assert_eq!(results[0]["message"], "Event already exists (idempotent)");
    assert_eq!(results[1]["success"], true);
    assert_eq!(results[2]["errors"][0], "Rate limit exceeded. Limit: 8 events per 3600 seconds");
    let over = post(&event("e").to_string());
    assert_eq!(over.status, 400);
    assert_eq!(over.json()["message"]["errors"][0], "Rate limit exceeded. Limit: 8 events per 3600 seconds");
    assert_eq!(over.header("retry-after"), None);
    assert_eq!(server.refused(), 2);

    let get = |id: &str| ask(&server.url(), "GET", &format!("/events/{id}"), "");
    assert_eq!((get("a").status, get("z").status), (500, 500));
    assert_eq!(get("a").json()["message"], "Failed to retrieve event");
    assert_eq!(get("z").json()["message"], "Event not found");
}

#[test]
fn a_broken_server_breaks_when_it_is_told_to_and_knows_what_it_stored() {
    let lost = Broken::start(unavailable, When::FirstAttempt, Event::Lost);
    let kept = Broken::start(unavailable, When::FirstAttempt, Event::Stored);
    let post = |url: &str, id: &str| ask(url, "POST", "/events", &event(id).to_string());
    assert_eq!(post(&lost.url(), "a").status, 503);
    assert!(lost.stored().is_empty());
    assert!(post(&lost.url(), "a").text().contains("queued"));
    assert_eq!(post(&kept.url(), "a").status, 503);
    assert_eq!(kept.stored(), ["a"]);
    assert!(post(&kept.url(), "a").text().contains("already exists"));

    let bursts = Broken::start(unavailable, When::Bursts { bad: 2, good: 1 }, Event::Lost);
    let statuses: Vec<u16> = (0..6).map(|n| post(&bursts.url(), &n.to_string()).status).collect();
    assert_eq!(statuses, [503, 503, 200, 503, 503, 200]);
}
