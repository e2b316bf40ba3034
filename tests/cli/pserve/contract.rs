//! The API, row by row, over each store and both versions of HTTP.

use std::time::Duration;

use reqwest::Method;
use reqwest::blocking::Client;
use serde_json::{Value, json};

use super::event;
use crate::support::server::{API, Server};
use crate::support::stores;

const NEW: &str = "Event ingested successfully";
const OLD: &str = "Event already exists (idempotent)";

/// A request and its answer.
struct Row {
    /// Method and path.
    call: String,
    key: &'static str,
    body: String,
    status: u16,
    /// What is in the answer, by JSON pointer.
    holds: Value,
}

fn row(call: &str, key: &'static str, body: impl ToString, status: u16, holds: Value) -> Row {
    Row { call: call.to_owned(), key, body: body.to_string(), status, holds }
}

fn get(path: &str, status: u16, holds: Value) -> Row {
    row(&format!("GET {path}"), "k1", "", status, holds)
}

fn post(body: &Value, status: u16, holds: Value) -> Row {
    row("POST /events", "k1", body, status, holds)
}

/// An event with one value in another place.
fn with(id: &str, pointer: &str, value: Value) -> Value {
    let mut event = event(id);
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    if !parent.is_empty() && event.pointer(parent).is_none() {
        event[&parent[1..]] = json!({});
    }
    let place = event.pointer_mut(parent).expect("an object");
    place[name] = value;
    event
}

/// The rules of fields: the value that is just right, and one that is wrong.
fn rules() -> Vec<(&'static str, Value, Value)> {
    let text = |length: usize| json!("ü".repeat(length));
    vec![
        ("/event_id", text(100), text(101)),
        ("/event_type", json!("custom_event"), json!("click")),
        ("/severity", json!("critical"), json!("fatal")),
        ("/timestamp", json!("2020-02-29T23:59:59.999999+01:00"), json!("2999-01-01T00:00:00Z")),
        ("/title", text(200), text(201)),
        ("/title", json!("x"), json!("")),
        ("/message", text(2000), text(2001)),
        ("/source/service", text(100), text(101)),
        ("/source/endpoint", text(500), text(501)),
        ("/source/method", text(10), text(11)),
        ("/source/version", text(20), text(21)),
        ("/source/environment", text(50), text(51)),
        ("/metrics/status_code", json!(100), json!(99)),
        ("/metrics/status_code", json!("599"), json!(600)),
        ("/metrics/response_time_ms", json!(0), json!(-1)),
        ("/metrics/status_code", json!(200.0), Value::Null),
        ("/context/user_id", json!("u".repeat(9000)), json!(7)),
        ("/context/user_agent", text(500), text(501)),
        ("/context/tags", json!({"city": "Zürich"}), json!({"city": 1})),
        ("/error_details/error_code", text(100), text(101)),
        ("/error_details/error_message", text(1000), text(1001)),
        ("/payload", json!({"deep": [[[[]]], 1e308, "\u{1F600}"]}), json!([])),
    ]
}

fn rows() -> Vec<Row> {
    let first = event("a");
    let other = with("a", "/title", json!("another body"));
    let mut rows = vec![
        row("GET /health", "", "", 200, json!({"/status": "healthy"})),
        get("/stats", 200, json!({"/total_events": 0, "/error_rate": null, "/by_hour": []})),
        get("/rate-limit", 200, json!({"/exceeded": false, "/limit": null})),
        post(
            &first,
            200,
            json!({"/success": true, "/event_id": "a", "/processing_status": "queued", "/message": NEW, "/errors": null}),
        ),
        post(&other, 200, json!({"/success": true, "/event_id": "a", "/message": OLD})),
        get("/events/a", 200, json!({"": first})),
        row("GET /events/a", "k2", "", 404, json!({})),
        row("DELETE /events/a", "k2", "", 404, json!({})),
        row("GET /events/a", "", "", 401, json!({})),
        row("GET /events/a", "wrong", "", 401, json!({})),
        row("POST /events", "", &first, 401, json!({})),
        row("POST /events", "wrong", "{", 401, json!({})),
        row("POST /events", "k1", "{", 422, json!({"/detail/0/type": "json_invalid"})),
        row("POST /events", "k1", "{}", 422, json!({"/detail/0/loc/0": "body", "/detail/0/type": "missing"})),
        row("POST /events", "k1", " ".repeat((10 << 20) + 1), 413, json!({})),
        get("/events/missing", 404, json!({})),
        get("/events/%00", 404, json!({})),
        get("/nowhere", 404, json!({})),
        row("PUT /events", "k1", "", 405, json!({})),
    ];
    for (number, (pointer, right, wrong)) in rules().into_iter().enumerate() {
        let id = format!("rule_{number}");
        rows.push(post(&with(&id, pointer, wrong), 422, json!({"/detail/0/loc/0": "body"})));
        rows.push(post(&with(&id, pointer, right), 200, json!({"/message": NEW})));
    }
    rows.extend([
        get("/events/search?limit=1000", 200, json!({"/total_count": 23, "/total_exact": true, "/has_more": false})),
        get(
            "/events/search?limit=7&offset=3",
            200,
            json!({"/filtered_count": 7, "/has_more": true, "/total_count": 23}),
        ),
        get(&format!("/events/search?user_id={}", "u".repeat(9000)), 200, json!({"/total_count": 1})),
        get(
            "/events/search?city=Z%C3%BCrich",
            200,
            json!({"/total_count": 1, "/events/0/context/tags/city": "Zürich"}),
        ),
        get("/events/search?city=z%C3%BCrich", 200, json!({"/total_count": 0})),
        get("/events/search?event_type=custom_event", 200, json!({"/total_count": 1})),
        get("/events/search?severity=critical&service=user-service", 200, json!({"/total_count": 1})),
        get("/events/search?status_code=599", 200, json!({"/total_count": 1})),
        get("/events/search?event_id_contains=rule_1", 200, json!({"/total_count": 11})),
        get("/events/search?event_id_contains=%25", 200, json!({"/total_count": 0})),
        get("/events/search?service=%00", 200, json!({"/total_count": 0, "/events": []})),
        get("/events/search?end_time=2020-12-31T00:00:00Z", 200, json!({"/total_count": 1})),
        get("/events/search?limit=0", 422, json!({"/detail/0/loc/1": "limit"})),
        get("/events/search?sevrity=info", 422, json!({"/detail/0/type": "extra_forbidden"})),
        row(
            "POST /events/batch",
            "k1",
            json!({"batch_id": "b", "events": [event("b"), event("a"), {"event_id": "bad"}, event("b")]}),
            200,
            json!({
                "/batch_id": "b", "/total_events": 4, "/successful_events": 3, "/failed_events": 1,
                "/processing_status": "partial", "/results/0/message": NEW, "/results/1/message": OLD,
                "/results/2/success": false, "/results/2/event_id": "bad", "/results/3/message": OLD,
            }),
        ),
        row("POST /events/batch", "k1", json!({"events": []}), 422, json!({"/detail/0/loc/1": "events"})),
        row("POST /events/batch", "k1", json!({"events": vec![0; 1001]}), 422, json!({"/detail/0/loc/1": "events"})),
        row("DELETE /events/b", "k1", "", 204, Value::Null),
        row("DELETE /events/b", "k1", "", 404, json!({})),
        get("/events/b", 404, json!({})),
        post(&event("b"), 200, json!({"/message": NEW})),
        row("POST /events", "k3", event("limited"), 200, json!({"/message": NEW})),
        row("GET /rate-limit", "k3", "", 200, json!({"/exceeded": true, "/limit": 1, "/remaining": 0})),
        row("POST /events", "k3", event("limited"), 429, json!({})),
        get("/stats", 200, json!({"/total_events": 24, "/error_events": 1})),
        get("/figures", 200, json!({"/events": 24, "/duplicates": 3})),
    ]);
    rows
}

fn client(version: &str) -> Client {
    let client = Client::builder().no_proxy().timeout(Duration::from_secs(60));
    let client = if version == "HTTP/2.0" { client.http2_prior_knowledge() } else { client.http1_only() };
    client.build().expect("a client")
}

#[test]
fn each_row_of_the_contract_holds_over_each_store_and_both_versions_of_http() {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = folder.path().join("keys");
    std::fs::write(&keys, "k1 acme\nk2 globex\nk3 initech 1/36500d\n").expect("written");
    for version in ["HTTP/1.1", "HTTP/2.0"] {
        for (store, db) in stores::each() {
            let server = Server::over(db.as_deref(), &["--keys", keys.to_str().expect("UTF-8")]);
            let client = client(version);
            for Row { call, key, body, status, holds } in rows() {
                let (method, path) = call.split_once(' ').expect("a method and a path");
                let what = format!("{store}, {version}: {}", &call[..call.len().min(80)]);
                let method = Method::from_bytes(method.as_bytes()).expect("a method");
                let mut asked = client.request(method, format!("{}{API}{path}", server.url())).body(body);
                if !key.is_empty() {
                    asked = asked.header("X-API-Key", key);
                }
                let answer = asked.send().unwrap_or_else(|e| panic!("{what}: {e}"));
                assert_eq!(format!("{:?}", answer.version()), version, "{what}");
                assert_eq!(answer.headers().contains_key("retry-after"), status == 429, "{what}");
                let found = answer.status().as_u16();
                let text = answer.text().expect("text");
                assert_eq!(found, status, "{what}: {text:.300}");
                if holds.is_null() {
                    assert_eq!(text, "", "{what}");
                    continue;
                }
                let said: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{what}: {e}: {text:.300}"));
                assert!(status < 400 || !said["detail"].is_null(), "{what}: {text:.300}");
                for (pointer, wanted) in holds.as_object().expect("an object") {
                    assert_eq!(said.pointer(pointer), Some(wanted), "{what}: {pointer} of {text:.300}");
                }
            }
        }
    }
}

#[test]
fn a_duplicate_is_a_conflict_over_each_store_if_the_server_is_configured_so() {
    for (store, db) in stores::each() {
        let server = Server::over(db.as_deref(), &["--duplicates", "409"]);
        assert_eq!(server.post("/events", event("a").to_string()).0, 200, "{store}");
        assert_eq!(server.post("/events", event("a").to_string()).0, 409, "{store}");
    }
}
