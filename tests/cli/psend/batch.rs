//! Many events in a request, an outcome for each.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::{events, outcomes, send, seqs, words};
use crate::scripted::{Act, Request, Scripted};
use crate::support::{feed, run_with, sample, server::Server, tool};

fn titles(request: &Request) -> Vec<String> {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let events = body["events"].as_array().cloned().unwrap_or_default();
    events.iter().map(|event| event["event_id"].as_str().unwrap_or_default().to_owned()).collect()
}

fn accept_all(request: &Request) -> Act {
    let results: Vec<Value> = titles(request).iter().map(|_| json!({"success": true, "message": "queued"})).collect();
    Act::answer(200, &json!({"results": results}).to_string())
}

#[test]
fn a_batch_carries_the_lines_as_they_are_and_each_event_has_its_outcome() {
    let server = Scripted::start(accept_all);
    let run = send(&server, &["--batch", "40", "-c", "1"], &events(100)).expect_code(0);
    let (outcomes, record) = outcomes(&run);
    assert_eq!(words(&outcomes), vec!["accepted"; 100]);
    assert_eq!(seqs(&outcomes), (1..=100).collect());
    assert_eq!(record["batch"], 40);
    let requests = server.requests();
    assert_eq!(requests.iter().map(|r| titles(r).len()).collect::<Vec<_>>(), [40, 40, 20]);
    assert_eq!(requests[0].line, "POST /api/v1/ingestion/events/batch");
    let input = events(100);
    let first = input.split(|b| *b == b'\n').next().expect("a line");
    assert!(requests[0].body.starts_with(&[b"{\"events\":[", first, b","].concat()));
}

#[test]
fn a_batch_is_no_larger_than_allowed_and_waits_no_longer() {
    let server = Scripted::start(accept_all);
    let five = events(5).len() + "{\"events\":[]}".len() - 1;
    for (bytes, wanted) in [(five, &[5, 4][..]), (five - 1, &[4, 4, 1]), (1, &[1; 9])] {
        let seen = server.requests().len();
        let flags = ["--batch", "100", "--batch-bytes", &bytes.to_string(), "-c", "1"];
        send(&server, &flags, &events(9)).expect_code(0);
        let requests = &server.requests()[seen..];
        assert_eq!(requests.iter().map(|r| titles(r).len()).collect::<Vec<_>>(), wanted, "{bytes}");
        assert!(requests.iter().all(|r| r.body.len() <= bytes || titles(r).len() == 1), "{bytes}");
    }

    let server = Scripted::start(accept_all);
    let mut child = tool("psend")
        .args(["--url", &server.url(), "--batch", "100", "--batch-wait", "100ms", "-c", "2"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("psend starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(&events(3)).expect("psend reads");
    while server.requests().is_empty() {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(titles(&server.requests()[0]).len(), 3, "it did not wait for more than came");
    drop(stdin);
    feed(child, Vec::new()).expect_code(0);
}

#[test]
fn one_poison_event_does_not_affect_the_rest_of_its_batch() {
    for status in [400, 413, 422, 500] {
        let server = Scripted::start(move |request| {
            if titles(request).iter().any(|id| id == "evt_7") { Act::answer(status, "no") } else { accept_all(request) }
        });
        let flags = ["--batch", "16", "-c", "1", "--retries", "1", "--retry-base", "1ms"];
        let run = send(&server, &flags, &events(32)).expect_code(0);
        let (outcomes, _) = outcomes(&run);
        assert_eq!(outcomes.len(), 32);
        for outcome in &outcomes {
            let refused = if status == 500 { "failed" } else { "rejected" };
            let wanted = if outcome["seq"] == 7 { refused } else { "accepted" };
            assert_eq!(outcome["outcome"], wanted, "{status}: {outcome}");
        }
        let poison = outcomes.iter().find(|o| o["seq"] == 7).expect("it has an outcome");
        // 16, 8, 4, 2 and 1 events; and a retry where the error may pass.
        assert_eq!(poison["attempts"], if status == 500 { 6 } else { 5 }, "{poison}");
    }
}

#[test]
fn a_batch_that_is_refused_for_one_duplicate_is_split_and_the_rest_is_stored() {
    for (status, words_said) in
        [(400, "duplicate key value violates unique constraint"), (409, "Event already exists"), (409, "")]
    {
        let taken = Arc::new(Mutex::new(BTreeSet::from(["evt_7".to_owned()])));
        let shared = Arc::clone(&taken);
        let server = Scripted::start(move |request| {
            let ids = titles(request);
            let mut stored = shared.lock().expect("no holder panics");
            if ids.iter().any(|id| stored.contains(id)) {
                return Act::answer(status, &format!("{{\"detail\":\"{words_said}\"}}"));
            }
            stored.extend(ids);
            accept_all(request)
        });
        let run = send(&server, &["--batch", "16", "-c", "1"], &events(32)).expect_code(0);
        let (outcomes, _) = outcomes(&run);
        assert_eq!(outcomes.len(), 32);
        for outcome in &outcomes {
            let wanted = if outcome["seq"] == 7 { "duplicate" } else { "accepted" };
            assert_eq!(outcome["outcome"], wanted, "{status} {words_said}: {outcome}");
        }
        assert_eq!(taken.lock().expect("no holder panics").len(), 32, "what is delivered is there");
    }
}

#[test]
fn only_the_events_that_may_still_get_through_are_sent_again() {
    let server = Scripted::start(|request| {
        let ids = titles(request);
        let results: Vec<Value> = ids
            .iter()
            .map(|id| match id.as_str() {
                "evt_2" => json!({"success": true, "message": "Event already exists (idempotent)"}),
                "evt_3" => json!({"success": false, "message": "x", "errors": ["title: too long"]}),
                "evt_4" if request.number == 1 => {
                    json!({"success": false, "message": "x", "errors": ["Rate limit exceeded. Limit: 5 events per 1 seconds"]})
                }
                _ => json!({"success": true, "message": "queued"}),
            })
            .collect();
        Act::answer(200, &json!({"results": results}).to_string())
    });
    let run = send(&server, &["--batch", "10", "-c", "1"], &events(5)).expect_code(0);
    let (mut outcomes, _) = outcomes(&run);
    outcomes.sort_by_key(|o| o["seq"].as_u64());
    assert_eq!(words(&outcomes), ["accepted", "duplicate", "rejected", "accepted", "accepted"]);
    assert_eq!(outcomes[3]["answers"], json!(["rate_limited", "accepted"]));
    assert_eq!(titles(&server.requests()[1]), ["evt_4"]);
    assert!(outcomes[2]["error"]["message"].as_str().is_some_and(|m| m.contains("title: too long")));
}

#[test]
fn a_batch_whose_answer_tells_not_of_each_event_is_unknown() {
    let server = Scripted::start(|_| Act::answer(200, r#"{"results":[{"success":true}]}"#));
    let run = send(&server, &["--batch", "3", "-c", "1", "--retries", "0"], &events(3)).expect_code(0);
    let (outcomes, _) = outcomes(&run);
    assert_eq!(words(&outcomes), ["unknown"; 3]);
    assert_eq!(outcomes[0]["error"]["kind"], "malformed");
}

#[test]
fn long_answers_are_read_whole_as_far_as_the_job_asks_for_and_longer_ones_are_named() {
    let results = |text: usize| {
        move |request: &Request| {
            let result = json!({"success": true, "message": "x".repeat(text)});
            Act::answer(200, &json!({"results": vec![result; titles(request).len()]}).to_string())
        }
    };
    let server = Scripted::start(results(1200));
    let run = send(&server, &["--batch", "1000", "-c", "1"], &events(1000)).expect_code(0);
    assert_eq!(words(&outcomes(&run).0), vec!["accepted"; 1000]);

    let server = Scripted::start(results(1 << 20));
    let run = send(&server, &["--batch", "2", "-c", "1", "--retries", "0"], &events(2)).expect_code(0);
    let (batched, _) = outcomes(&run);
    assert_eq!(words(&batched), ["unknown"; 2]);
    assert_eq!(batched[0]["error"]["message"], "HTTP 200: the answer is longer than 1048576 bytes");

    let event = format!("{{\"event_id\":\"a\",\"pad\":\"{}\"}}", "y".repeat(1_500_000));
    let held = event.clone();
    let server = Scripted::start(move |request| match request.line.ends_with("/a") {
        true => Act::answer(200, &held),
        false => Act::answer(404, ""),
    });
    let run = send(&server, &["--verify", "--max-line", "2MiB"], event.as_bytes()).expect_code(0);
    assert_eq!(words(&outcomes(&run).0), ["present"]);
    let small = "{\"event_id\":\"a\"}";
    let flags = ["--verify", "--max-line", "1k", "--retries", "0"];
    let run = send(&server, &flags, small.as_bytes()).expect_code(0);
    assert_eq!(outcomes(&run).0[0]["error"]["message"], "the answer is longer than 1048576 bytes");
}

#[test]
fn a_rate_counts_events_and_not_batches() {
    let server = Scripted::start(accept_all);
    let run = send(&server, &["--batch", "50", "--rate", "500", "-d", "1s", "--batch-wait", "100ms"], &events(5000));
    let (outcomes, _) = outcomes(&run.expect_code(0));
    assert_eq!(outcomes.len(), 500);
    assert!(server.requests().len() < 60, "{}", server.requests().len());
}

#[test]
fn pserve_takes_batches_and_knows_them_again() {
    let server = Server::start(&[]);
    let file = sample();
    let flags = ["--url", server.url(), "--batch", "100", file.to_str().expect("a path")];
    for word in ["accepted", "duplicate"] {
        let run = run_with("psend", &flags, b"").expect_code(0);
        assert_eq!(words(&outcomes(&run).0), vec![word; 500]);
    }
    assert_eq!(server.count(), 500);
}
