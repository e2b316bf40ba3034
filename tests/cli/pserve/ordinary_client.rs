//! pserve with an ordinary HTTP client: reqwest, which keeps connections and adds headers.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::blocking::{Client, RequestBuilder};
use serde_json::Value;

use super::event;
use crate::support::server::{API, KEY, Server};

fn client() -> Client {
    Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().expect("a client can be made")
}

fn with_key(request: RequestBuilder) -> RequestBuilder {
    let (name, key) = KEY.split_once(": ").expect("a header has a name");
    request.header(name, key)
}

#[test]
fn an_ordinary_client_stores_an_event_and_reads_it_back_over_one_connection() {
    let server = Server::start(&[]);
    let client = client();
    let events = format!("{}{API}/events", server.url());

    let stored = with_key(client.post(&events)).json(&event("evt_1")).send().expect("an answer");
    assert_eq!(stored.status(), StatusCode::OK);
    assert_eq!(stored.json::<Value>().expect("JSON")["event_id"], "evt_1");

    let found = with_key(client.get(format!("{events}/evt_1"))).send().expect("an answer");
    assert_eq!(found.json::<Value>().expect("JSON"), event("evt_1"));

    let mut incomplete = event("evt_2");
    incomplete.as_object_mut().expect("an object").remove("title");
    let refused = with_key(client.post(&events)).json(&incomplete).send().expect("an answer");
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text().expect("text").contains("title"));

    let keyless = client.post(&events).json(&event("evt_3")).send().expect("an answer");
    assert_eq!(keyless.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(server.count(), 1);
}
