//! pserve as its users meet it: over HTTP, in its files, by its exit codes.

use serde_json::{Value, json};

use crate::support::server::{KEY, Server};

fn event(id: &str) -> Value {
    json!({
        "event_id": id, "event_type": "api_call", "timestamp": "2026-01-05T09:00:00.000000Z", "title": "GET /api/v1/users/7",
        "severity": "info", "source": {"service": "user-service", "endpoint": "/api/v1/users/{id}", "method": "GET"},
        "metrics": {"response_time_ms": 12.5, "status_code": 200},
    })
}

#[test]
fn an_event_is_taken_once_and_found_again_byte_for_byte() {
    let server = Server::start(&[]);
    let body = format!("{} ", event("evt_1").to_string().replace("\":", "\" :  "));
    let (status, answer) = server.post("/events", &body);
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["success"], true);
    assert_eq!(answer["event_id"], "evt_1");
    assert_eq!(answer["processing_status"], "queued");
    assert_eq!(answer["errors"], Value::Null);

    let (status, again) = server.post("/events", event("evt_1").to_string());
    assert_eq!((status, &again["message"]), (200, &json!("Event already exists (idempotent)")));
    assert_eq!(again["ingested_at"], answer["ingested_at"]);
    assert_eq!(server.count(), 1);

    let found = server.request("GET", "/events/evt_1", &[KEY], b"");
    assert_eq!((found.status, found.text()), (200, body.as_str()));
    assert_eq!(server.get("/events/evt_2").0, 404);
}
