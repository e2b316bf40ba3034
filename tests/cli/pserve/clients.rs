//! Many clients at once, with the same events.

use std::collections::HashMap;
use std::time::Duration;

use reqwest::blocking::Client;
use serde_json::{Value, json};

use super::event;
use crate::support::server::{API, Server};
use crate::support::stores;

const EVENTS: usize = 200;

/// The events of a tenant, which are told from another's by their title.
fn events_of(tenant: &str) -> Vec<Value> {
    let one = |number: usize| {
        let mut event = event(&format!("evt_{number}"));
        event["title"] = json!(tenant);
        event
    };
    (0..EVENTS).map(one).collect()
}

/// Sends all events, beginning at its own place, one by one or in batches. Returns the ids that were answered as new.
fn send(url: &str, key: &str, tenant: &str, number: usize) -> Vec<String> {
    let client = Client::builder().no_proxy().timeout(Duration::from_secs(60));
    let client = if number.is_multiple_of(3) { client.http2_prior_knowledge() } else { client };
    let client = client.build().expect("a client");
    let mut events = events_of(tenant);
    events.rotate_left(number * 7 % EVENTS);
    let post = |path: &str, body: &Value| -> Value {
        let asked = client.post(format!("{url}{API}{path}")).header("X-API-Key", key).json(body);
        let answer = asked.send().expect("an answer");
        assert_eq!(answer.status(), 200);
        answer.json().expect("JSON")
    };
    let results: Vec<Value> = if number.is_multiple_of(2) {
        events.iter().map(|event| post("/events", event)).collect()
    } else {
        let answers = events.chunks(25).map(|batch| post("/events/batch", &json!({"events": batch})));
        answers.flat_map(|answer| answer["results"].as_array().expect("a list").clone()).collect()
    };
    assert_eq!(results.len(), EVENTS);
    let is_new = |result: &&Value| {
        assert_eq!(result["success"], true, "{result}");
        result["message"] == "Event ingested successfully"
    };
    results.iter().filter(is_new).map(|result| result["event_id"].as_str().expect("text").to_owned()).collect()
}

#[test]
fn of_sixteen_clients_with_the_same_events_one_is_told_that_each_is_new() {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = folder.path().join("keys");
    std::fs::write(&keys, "k1 acme\nk2 globex\n").expect("written");
    let flags = ["--keys", keys.to_str().expect("UTF-8")];
    for (store, db) in stores::each() {
        let mut servers = vec![Server::over(db.as_deref(), &flags)];
        // Two servers over one database are as good as one.
        if store == "PostgreSQL" {
            servers.push(Server::over(db.as_deref(), &flags));
        }
        let url = |number: usize| servers[number / 2 % servers.len()].url();
        let new = std::thread::scope(|scope| {
            let clients: Vec<_> =
                (0..16).map(|number| scope.spawn(move || send(url(number), "k1", "acme", number))).collect();
            let other = scope.spawn(|| send(url(1), "k2", "globex", 1));
            assert_eq!(other.join().expect("it sends").len(), EVENTS, "{store}");
            clients.into_iter().flat_map(|client| client.join().expect("it sends")).collect::<Vec<_>>()
        });
        let mut times: HashMap<&str, usize> = HashMap::new();
        new.iter().for_each(|id| *times.entry(id).or_default() += 1);
        assert!(times.len() == EVENTS && times.values().all(|times| *times == 1), "{store}: {times:?}");

        for (key, tenant) in [("k1", "acme"), ("k2", "globex")] {
            for server in &servers {
                let header = format!("X-API-Key: {key}");
                let page = server.request("GET", "/events/search?limit=1000", &[&header], b"").json();
                let found = page["events"].as_array().expect("a list");
                assert_eq!((&page["total_count"], found.len()), (&json!(EVENTS), EVENTS), "{store}");
                assert!(found.iter().all(|event| event["title"] == tenant), "{store}: another tenant's events");
            }
        }
        let stats = servers[0].request("GET", "/stats", &["X-API-Key: k2"], b"").json();
        assert_eq!(stats["total_events"], EVENTS, "{store}");
    }
}
