//! What is true after the server was killed again and again while events went in.
//!
//! PULSEPIPE_CHAOS_EVENTS sets how many events go in; the test does not depend on the machine's speed, only its length does.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};

use serde_json::Value;

use crate::support::server::Server;
use crate::support::{run, tool};

const KILLS: usize = 20;

fn events() -> usize {
    std::env::var("PULSEPIPE_CHAOS_EVENTS").ok().and_then(|count| count.parse().ok()).unwrap_or(200_000)
}

#[test]
fn kill_9_of_the_server_20_times_loses_no_event_and_stores_none_twice() {
    let count = events();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("events.jsonl");
    let (name, number) = (file.to_str().expect("UTF-8"), count.to_string());
    run("pgen", &["-q", "-n", &number, "--seed", "7", "--start", "2026-01-05T00:00:00Z", "-o", name]).expect_code(0);

    let mut server = Server::start(&[]);
    let mut psend = tool("psend");
    psend.args(["-q", "--concurrency", "100", "--url", server.url(), name]);
    let mut psend = psend.spawn().expect("psend starts");
    let mut outcomes: Vec<Value> = Vec::new();
    let mut kills = 0;
    for line in BufReader::new(psend.stdout.take().expect("a pipe")).lines() {
        outcomes.push(serde_json::from_str(&line.expect("a line")).expect("JSON"));
        // In the midst of things each time: 100 requests are in flight.
        if kills < KILLS && outcomes.len() == (kills + 1) * count / (KILLS + 1) {
            server.kill();
            server.restart();
            kills += 1;
        }
    }
    assert!(psend.wait().expect("psend ends").success());
    assert_eq!(kills, KILLS);
    let run = outcomes.pop().expect("the run record is the last line");
    assert_eq!(run["run"]["complete"], true, "{run}");

    let seqs: BTreeSet<u64> = outcomes.iter().filter_map(|outcome| outcome["seq"].as_u64()).collect();
    assert_eq!((outcomes.len(), seqs.len()), (count, count), "one outcome for each event");
    server.stop();
    let stored = server.stored_ids();
    assert!(stored.is_sorted_by(|a, b| a < b), "none is stored twice");
    for outcome in &outcomes {
        let id = outcome["event_id"].as_str().expect("a text").to_owned();
        let stored = stored.binary_search(&id).is_ok();
        match outcome["outcome"].as_str() {
            Some("accepted" | "duplicate") => assert!(stored, "answered 200 and gone: {outcome}"),
            Some("failed" | "not_sent" | "rejected" | "rate_limited") => {
                assert!(!stored, "refused and stored: {outcome}")
            }
            word => assert_eq!(word, Some("unknown")),
        }
    }
}
