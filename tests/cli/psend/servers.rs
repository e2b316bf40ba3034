//! Each dialect of ours against a small server that takes what its vendor's takes, refuses what it must, and knows what it stored.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex};

use base64::Engine;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{outcomes, send, words};
use crate::scripted::{Act, Request, Scripted};
use crate::support::{run, run_with};

/// How many events go to each server. `PULSE_DIALECT_EVENTS=100000` tries more.
fn count() -> usize {
    std::env::var("PULSE_DIALECT_EVENTS").ok().and_then(|text| text.parse().ok()).unwrap_or(5000)
}

/// Events as pgen makes them.
fn events(count: usize) -> Vec<u8> {
    run("pgen", &["-n", &count.to_string(), "-q", "--seed", "7", "--start", "2026-01-05T00:00:00Z"])
        .expect_code(0)
        .stdout
}

fn id_of(line: &str) -> String {
    let event: Value = serde_json::from_str(line).expect("an event is JSON");
    event["event_id"].as_str().expect("it has an id").to_owned()
}

/// Whether a server refuses this event for what it is: every tenth.
fn is_bad(id: &str) -> bool {
    id.split('_').nth(1).is_some_and(|number| number.ends_with('0'))
}

/// A vendor's server, as far as events see it.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Kind {
    Plain,
    Ndjson,
    Elasticsearch,
    Splunk,
    Loki,
    OtlpLogs,
    OtlpTraces,
    Datadog,
    CloudEvents,
    Structured,
    ClickHouse,
    CouchDb,
}

use Kind::*;

/// Each dialect, its server, and the path and query of its URL.
const ALL: [(&str, Kind, &str); 12] = [
    ("plain", Plain, "/in"),
    ("ndjson", Ndjson, "/in"),
    ("elasticsearch", Elasticsearch, "/i"),
    ("splunk-hec", Splunk, ""),
    ("loki", Loki, ""),
    ("otlp-logs", OtlpLogs, ""),
    ("otlp-traces", OtlpTraces, ""),
    ("datadog-logs", Datadog, ""),
    ("cloudevents", CloudEvents, "/in"),
    ("cloudevents-structured", Structured, "/in"),
    ("clickhouse", ClickHouse, "/?database=d&table=t"),
    ("couchdb", CouchDb, "/db"),
];

fn raws(text: &str) -> Vec<Box<RawValue>> {
    serde_json::from_str(text).expect("a list")
}

fn member(object: &str, key: &str) -> String {
    let members: BTreeMap<String, Box<RawValue>> =
        serde_json::from_str(object).unwrap_or_else(|e| panic!("{e}: {object}"));
    members.get(key).unwrap_or_else(|| panic!("no {key}: {object}")).get().to_owned()
}

fn attribute(of: &Value, key: &str) -> Value {
    let attributes = of["attributes"].as_array().expect("a list");
    attributes.iter().find(|a| a["key"] == key).unwrap_or_else(|| panic!("no {key}: {of}"))["value"]["stringValue"]
        .clone()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text: {value}")).to_owned()
}

impl Kind {
    /// The events' own bytes in a request, which is checked for what the vendor asks for.
    fn lines(self, r: &Request) -> Vec<String> {
        let body = std::str::from_utf8(&r.body).expect("UTF-8");
        let (method, path) = r.line.split_once(' ').expect("a method");
        let content_type = r.header("content-type").unwrap_or_default();
        let value = || serde_json::from_str::<Value>(body).unwrap_or_else(|e| panic!("{e}: {body}"));
        let list =
            |value: &Value, path: &str| value[path].as_array().unwrap_or_else(|| panic!("no {path}: {value}")).clone();
        match self {
            Plain => vec![body.to_owned()],
            Ndjson => {
                assert_eq!((method, path, content_type), ("POST", "/in", "application/x-ndjson"));
                assert!(body.ends_with('\n'));
                body.lines().map(str::to_owned).collect()
            }
            ClickHouse => {
                assert_eq!(method, "POST");
                assert!(
                    path.contains("database=d&") && path.contains("query=INSERT%20INTO%20t%20FORMAT%20JSONEachRow"),
                    "{path}"
                );
                assert!(!path.contains("table="), "{path}");
                body.lines().map(str::to_owned).collect()
            }
            Elasticsearch if path == "/i/_bulk" => {
                assert_eq!((method, content_type), ("POST", "application/x-ndjson"));
                let lines: Vec<&str> = body.lines().collect();
                let pair = |pair: &[&str]| {
                    let action: Value = serde_json::from_str(pair[0]).expect("an action");
                    assert_eq!(action["create"]["_id"], id_of(pair[1]));
                    pair[1].to_owned()
                };
                lines.chunks(2).map(pair).collect()
            }
            Elasticsearch => {
                assert_eq!((method, path), ("PUT", &*format!("/i/_create/{}", id_of(body))));
                vec![body.to_owned()]
            }
            Splunk => {
                assert_eq!((path, r.header("authorization")), ("/services/collector/event", Some("Splunk the-token")));
                let objects = serde_json::Deserializer::from_str(body).into_iter::<Box<RawValue>>();
                let event = |object: Box<RawValue>| {
                    let line = member(object.get(), "event");
                    let event: Value = serde_json::from_str(&line).expect("an event");
                    let time: f64 = member(object.get(), "time").parse().expect("seconds");
                    let at = chrono::DateTime::parse_from_rfc3339(event["timestamp"].as_str().expect("a time"))
                        .expect("a time");
                    assert!((time - at.timestamp_micros() as f64 / 1e6).abs() < 1e-5);
                    line
                };
                objects.map(|object| event(object.expect("an object"))).collect()
            }
            Loki => {
                assert_eq!((path, content_type), ("/loki/api/v1/push", "application/json"));
                let streams = list(&value(), "streams");
                let labels: HashSet<String> = streams.iter().map(|s| s["stream"].to_string()).collect();
                assert_eq!(labels.len(), streams.len(), "events of one stream stand together");
                let entries = streams.iter().flat_map(|stream| {
                    list(stream, "values")
                        .into_iter()
                        .map(|entry| {
                            let line = text(&entry[1]);
                            let event: Value = serde_json::from_str(&line).expect("an event");
                            assert_eq!(stream["stream"]["service_name"], event["source"]["service"]);
                            assert_eq!(stream["stream"]["level"], event["severity"]);
                            assert_eq!(text(&entry[0]).len(), 19, "nanoseconds, as a text");
                            line
                        })
                        .collect::<Vec<_>>()
                });
                entries.collect()
            }
            OtlpLogs => {
                assert_eq!((path, content_type), ("/v1/logs", "application/json"));
                let mut lines = Vec::new();
                for resource in list(&value(), "resourceLogs") {
                    let service = attribute(&resource["resource"], "service.name");
                    for record in list(&resource["scopeLogs"][0], "logRecords") {
                        let line = text(&record["body"]["stringValue"]);
                        let event: Value = serde_json::from_str(&line).expect("an event");
                        assert_eq!(
                            (&event["source"]["service"], &event["severity"]),
                            (&service, &record["severityText"])
                        );
                        assert!(record["severityNumber"].as_u64().is_some_and(|n| (9..=18).contains(&n)), "{record}");
                        assert_eq!(attribute(&record, "event.id"), event["event_id"]);
                        lines.push(line);
                    }
                }
                lines
            }
            OtlpTraces => {
                assert_eq!(path, "/v1/traces");
                let mut lines = Vec::new();
                for resource in list(&value(), "resourceSpans") {
                    for span in list(&resource["scopeSpans"][0], "spans") {
                        let line = text(&attribute(&span, "event"));
                        let event: Value = serde_json::from_str(&line).expect("an event");
                        let trace = text(&event["payload"]["trace_id"]);
                        assert_eq!(text(&span["traceId"]), trace.trim_start_matches("trace_"));
                        assert_eq!(text(&span["spanId"]).len(), 16);
                        let time = |key: &str| text(&span[key]).parse::<u64>().expect("nanoseconds");
                        let took = event["metrics"]["response_time_ms"].as_f64().expect("a latency");
                        let lasted = (time("endTimeUnixNano") - time("startTimeUnixNano")) as f64 / 1e6;
                        assert!((lasted - took).abs() < 0.001, "{lasted} {took}");
                        lines.push(line);
                    }
                }
                lines
            }
            Datadog => {
                assert_eq!((path, r.header("dd-api-key")), ("/api/v2/logs", Some("the-token")));
                let logs = value().as_array().expect("a list").clone();
                logs.iter()
                    .map(|log| {
                        assert!(
                            log["service"].is_string() && log["status"].is_string() && log["timestamp"].is_u64(),
                            "{log}"
                        );
                        text(&log["message"])
                    })
                    .collect()
            }
            CloudEvents | Structured if content_type == "application/cloudevents-batch+json" => {
                assert_eq!(r.header("ce-specversion"), None, "a batch has no attributes of its own");
                raws(body).iter().map(|event| structured(event.get())).collect()
            }
            CloudEvents => {
                let event = value();
                assert_eq!(r.header("ce-specversion"), Some("1.0"));
                for (header, key) in [
                    ("ce-id", &event["event_id"]),
                    ("ce-source", &event["source"]["service"]),
                    ("ce-type", &event["event_type"]),
                    ("ce-time", &event["timestamp"]),
                ] {
                    assert_eq!(r.header(header), key.as_str(), "{header}");
                }
                vec![body.to_owned()]
            }
            Structured => {
                assert_eq!(content_type, "application/cloudevents+json");
                vec![structured(body)]
            }
            CouchDb => {
                let login = base64::engine::general_purpose::STANDARD.encode("the-token");
                assert_eq!(r.header("authorization"), Some(&*format!("Basic {login}")));
                if path == "/db/_bulk_docs" {
                    let docs = raws(&member(body, "docs"));
                    docs.iter()
                        .map(|doc| {
                            let line = member(doc.get(), "event");
                            assert_eq!(member(doc.get(), "_id"), format!("\"{}\"", id_of(&line)));
                            line
                        })
                        .collect()
                } else {
                    let line = member(body, "event");
                    assert_eq!((method, path), ("PUT", &*format!("/db/{}", id_of(&line))));
                    vec![line]
                }
            }
        }
    }

    /// What the server answers, after it has stored what it takes.
    fn answer(self, r: &Request, store: &Mutex<BTreeSet<String>>) -> Act {
        // Every so often it is too busy for the whole request.
        if r.number.is_multiple_of(23) {
            return match self {
                Splunk => Act::answer(503, r#"{"text":"Server is busy","code":9}"#),
                ClickHouse => Act::answer(500, "Code: 252. DB::Exception: Too many parts (300)"),
                _ => Act::Answer(429, vec!["Retry-After: 0".to_owned()], String::new()),
            };
        }
        let ids: Vec<String> = self.lines(r).iter().map(|line| id_of(line)).collect();
        let bad = ids.iter().filter(|id| is_bad(id)).count();
        let mut store = store.lock().expect("no holder panics");
        let is_bulk = ids.len() > 1 || r.line.ends_with("_bulk") || r.line.ends_with("_bulk_docs");
        match self {
            Elasticsearch if is_bulk => {
                let mut item = |id: &String| {
                    let (status, error) = match () {
                        () if is_bad(id) => (
                            400,
                            json!({"type": "document_parsing_exception", "reason": format!("failed to parse field [n] of {id}")}),
                        ),
                        () if store.insert(id.clone()) => (201, Value::Null),
                        () => (409, json!({"type": "version_conflict_engine_exception"})),
                    };
                    json!({"create": {"_id": id, "status": status, "error": error}})
                };
                Act::answer(200, &json!({"items": ids.iter().map(&mut item).collect::<Vec<_>>()}).to_string())
            }
            CouchDb if is_bulk => {
                let mut result = |id: &String| match () {
                    () if is_bad(id) => json!({"id": id, "error": "forbidden", "reason": "not this one"}),
                    () if store.insert(id.clone()) => json!({"ok": true, "id": id, "rev": "1-0a"}),
                    () => json!({"id": id, "error": "conflict", "reason": "Document update conflict."}),
                };
                Act::answer(201, &json!(ids.iter().map(&mut result).collect::<Vec<_>>()).to_string())
            }
            // It keeps the lines that it can.
            Loki => {
                store.extend(ids.iter().filter(|id| !is_bad(id)).cloned());
                if bad == 0 {
                    Act::answer(204, "")
                } else {
                    Act::answer(400, &format!("entry too far behind, total ignored: {bad} out of {}", ids.len()))
                }
            }
            OtlpLogs | OtlpTraces => {
                store.extend(ids.iter().filter(|id| !is_bad(id)).cloned());
                let key = if self == OtlpLogs { "rejectedLogRecords" } else { "rejectedSpans" };
                let partial =
                    if bad == 0 { json!({}) } else { json!({key: bad.to_string(), "errorMessage": "not this one"}) };
                Act::answer(200, &json!({"partialSuccess": partial}).to_string())
            }
            _ if bad > 0 => match self {
                Splunk => Act::answer(400, r#"{"text":"Invalid data format","code":6,"invalid-event-number":0}"#),
                ClickHouse => Act::answer(400, "Code: 27. DB::Exception: Cannot parse input: (at row 1)"),
                _ => Act::answer(400, r#"{"error":"bad_request","reason":"not this one"}"#),
            },
            Elasticsearch | CouchDb if !store.insert(ids[0].clone()) => Act::answer(409, "{}"),
            _ => {
                store.extend(ids);
                match self {
                    Splunk => Act::answer(200, r#"{"text":"Success","code":0}"#),
                    Datadog => Act::answer(202, "{}"),
                    ClickHouse | Ndjson => Act::answer(200, ""),
                    _ => Act::answer(201, "{}"),
                }
            }
        }
    }
}

fn structured(event: &str) -> String {
    let line = member(event, "data");
    let (attributes, data): (Value, Value) =
        (serde_json::from_str(event).expect("JSON"), serde_json::from_str(&line).expect("JSON"));
    assert_eq!(attributes["specversion"], "1.0");
    for (attribute, key) in [
        ("id", &data["event_id"]),
        ("source", &data["source"]["service"]),
        ("type", &data["event_type"]),
        ("time", &data["timestamp"]),
    ] {
        assert_eq!(&attributes[attribute], key);
    }
    line
}

/// Sends these events to a vendor's server. Gives the outcome of each id, and what the server stored.
fn deliver(
    dialect: &str,
    kind: Kind,
    path: &str,
    flags: &[&str],
    input: &[u8],
    store: &Arc<Mutex<BTreeSet<String>>>,
) -> BTreeMap<String, String> {
    let lines: HashSet<String> = String::from_utf8(input.to_vec()).expect("UTF-8").lines().map(str::to_owned).collect();
    let shared = Arc::clone(store);
    let server = Scripted::start(move |request| {
        // Framing adds nothing to the event's own bytes.
        assert!(kind.lines(request).iter().all(|line| lines.contains(line)), "{}", request.line);
        kind.answer(request, &shared)
    });
    let url = format!("{}{path}", server.url());
    let all = ["--url", &url, "--dialect", dialect, "--api-key", "the-token", "-c", "4", "-q"];
    let run = run_with("psend", &[&all, flags].concat(), input).expect_code(0);
    let (outcomes, record) = outcomes(&run);
    assert_eq!(record["complete"], true, "{dialect}");
    let pair = |o: &Value| (text(&o["event_id"]), text(&o["outcome"]));
    let outcomes: BTreeMap<String, String> = outcomes.iter().map(pair).collect();
    outcomes
}

fn outcomes_are_what_the_server_stored(dialect: &str, kind: Kind, path: &str, flags: &[&str], count: usize) {
    let input = events(count);
    let store = Arc::<Mutex<BTreeSet<String>>>::default();
    let told = deliver(dialect, kind, path, flags, &input, &store);
    assert_eq!(told.len(), count, "{dialect}: one outcome for each");
    let stored = store.lock().expect("no holder panics").clone();
    let counts_alone = matches!(kind, OtlpLogs | OtlpTraces) && flags.contains(&"--batch");
    for (id, word) in &told {
        match word.as_str() {
            "accepted" | "duplicate" => assert!(stored.contains(id), "{dialect}: {id} is {word}"),
            "rejected" => assert!(!stored.contains(id), "{dialect}: {id} is {word}"),
            "unknown" if counts_alone => {}
            word => panic!("{dialect} {flags:?}: {id} is {word}"),
        }
    }
    assert_eq!(stored.len(), count - count / 10, "{dialect}: all that are good, each once");
    if counts_alone {
        assert!(told.values().any(|word| word == "unknown"), "counts do not tell which");
    }
    if matches!(kind, Elasticsearch | CouchDb) {
        let again = deliver(dialect, kind, path, flags, &input, &store);
        let is_duplicate = |(id, word): (&String, &String)| word == if is_bad(id) { "rejected" } else { "duplicate" };
        assert!(again.iter().all(is_duplicate), "{dialect}: what is there already is a duplicate");
    }
}

#[test]
fn batches_to_each_vendors_server_have_the_outcomes_that_it_stored() {
    for (dialect, kind, path) in ALL.into_iter().filter(|(_, kind, _)| *kind != Plain) {
        outcomes_are_what_the_server_stored(dialect, kind, path, &["--batch", "20", "--retry-base", "1ms"], count());
    }
}

#[test]
fn single_events_to_each_vendors_server_have_the_outcomes_that_it_stored() {
    for (dialect, kind, path) in ALL {
        outcomes_are_what_the_server_stored(dialect, kind, path, &["--retry-base", "1ms"], count() / 5);
    }
}

#[test]
fn an_answer_that_is_cut_off_or_no_answer_of_the_vendors_leaves_events_unknown_and_never_accepted() {
    for (dialect, kind, path) in ALL.into_iter().filter(|(_, kind, _)| {
        // The others go by the status alone.
        matches!(kind, Elasticsearch | CouchDb | Splunk | OtlpLogs | OtlpTraces)
    }) {
        for body in ["<html>Welcome</html>", "{\"items\":[{\"create\":", "[]"] {
            let server = Scripted::start(move |_| Act::answer(200, body));
            let url = format!("{}{path}", server.url());
            let flags = ["--url", &url, "--dialect", dialect, "--batch", "5", "--retries", "1", "--retry-base", "1ms"];
            let run = run_with("psend", &flags, &events(5)).expect_code(0);
            let told = outcomes(&run).0;
            let is_fine = matches!(kind, OtlpLogs | OtlpTraces) && body == "[]";
            assert!(
                is_fine || words(&told).iter().all(|word| *word == "unknown"),
                "{dialect} {body}: {:?}",
                words(&told)
            );
        }
    }
}

#[test]
fn a_server_that_does_not_know_copies_gets_none_and_one_that_does_gets_the_event_again() {
    for (dialect, again) in
        [("splunk-hec", false), ("datadog-logs", false), ("couchdb", true), ("loki", true), ("ndjson", true)]
    {
        let server = Scripted::start(|r| if r.number == 1 { Act::Reset } else { Act::answer(201, r#"{"code":0}"#) });
        let run = send(&server, &["--dialect", dialect, "-c", "1", "--retry-base", "1ms"], &events(1)).expect_code(0);
        assert_eq!(words(&outcomes(&run).0), [if again { "accepted" } else { "unknown" }], "{dialect}");
        assert_eq!(server.requests().len(), if again { 2 } else { 1 }, "{dialect}");
    }
}

#[test]
fn the_urls_query_goes_out_and_what_a_dialect_needs_of_it_is_asked_for() {
    let server = Scripted::start(|_| Act::answer(200, ""));
    let run = send(&server, &["--dialect", "clickhouse"], &events(1)).expect_code(2);
    assert!(run.stderr.contains("--url: the dialect needs table in it, as in http://host/?table="), "{}", run.stderr);
    let url = format!("{}/in?tag=a%20b&x=1", server.url());
    run_with("psend", &["--url", &url, "--dialect", "ndjson"], &events(1)).expect_code(0);
    assert_eq!(server.requests()[0].line, "POST /in?tag=a%20b&x=1");
}

#[test]
fn a_batch_of_more_events_than_the_server_takes_is_refused() {
    let run = run_with("psend", &["--dialect", "datadog-logs", "--batch", "1001"], b"").expect_code(2);
    assert!(run.stderr.contains("--batch 1001: the server takes at most 1000 events"), "{}", run.stderr);
    let server = Scripted::start(|_| Act::answer(200, ""));
    let input = events(1500);
    send(&server, &["--dialect", "ndjson", "--batch", "1500", "--batch-wait", "5s", "-c", "1"], &input).expect_code(0);
    assert_eq!(server.requests().len(), 1, "other servers take more");
}

#[test]
fn a_batch_whose_framing_makes_it_too_large_goes_out_in_parts() {
    let server = Scripted::start(|_| Act::answer(202, "{}"));
    let input = events(64);
    let flags = ["--dialect", "datadog-logs", "--batch", "64", "--batch-bytes", "20KiB", "--batch-wait", "5s"];
    let run = send(&server, &flags, &input).expect_code(0);
    assert_eq!(words(&outcomes(&run).0), vec!["accepted"; 64]);
    let sizes: Vec<usize> = server.requests().iter().map(|r| r.body.len()).collect();
    assert!(sizes.iter().all(|size| *size <= 20 << 10) && sizes.iter().any(|size| *size > 8 << 10), "{sizes:?}");
}
