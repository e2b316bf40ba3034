//! Faults on purpose: what a client sees of each, what is stored, and that the record says so.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{batch, event};
use crate::support::server::{API, KEY, Server};
use crate::support::{http, run, sample, shell_in};

/// A server with these rules and a record of what it does, and the record's lines of faults.
struct Chaotic {
    server: Server,
    folder: tempfile::TempDir,
}

impl Chaotic {
    #[track_caller]
    fn start(rules: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let truth = folder.path().join("chaos.jsonl");
        let truth = truth.to_str().expect("UTF-8");
        let rules = rules.iter().flat_map(|rule| ["--chaos", rule]);
        let flags: Vec<&str> = rules.chain(["--seed", "7", "--chaos-truth", truth]).collect();
        Self { server: Server::start(&flags), folder }
    }

    fn truth(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.path().join("chaos.jsonl")).expect("the record is there");
        let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let begun = lines.next().expect("a first line");
        assert_eq!((&begun["chaos"], &begun["seed"]), (&json!("begun"), &json!(7)));
        lines.collect()
    }

    /// Sends an event, and gives all bytes of the answer and whether the connection was reset.
    fn send(&self, id: &str) -> (String, bool) {
        let body = event(id).to_string();
        let head = format!("POST {API}/events HTTP/1.1\r\nHost: x\r\n{KEY}\r\nContent-Length: {}\r\n\r\n", body.len());
        let mut stream = TcpStream::connect(self.server.address()).expect("it listens");
        stream.write_all((head + &body).as_bytes()).expect("it reads");
        stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a socket");
        let mut answer = Vec::new();
        let ended = stream.read_to_end(&mut answer);
        let is_reset = ended.is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionReset);
        (String::from_utf8_lossy(&answer).into_owned(), is_reset)
    }

    /// Whether the server holds an event.
    fn holds(&self, id: &str) -> bool {
        self.server.get(&format!("/events/{id}")).0 == 200
    }
}

#[test]
fn an_injected_error_is_answered_and_nothing_is_stored() {
    let it = Chaotic::start(&["error=503:100%"]);
    let (status, answer) = it.server.post("/events", event("evt_1").to_string());
    assert_eq!(status, 503, "{answer}");
    assert!(!it.holds("evt_1"));
    let truth = it.truth();
    assert_eq!(truth.len(), 1);
    let expected = json!({"chaos": "error", "event_id": "evt_1", "tenant": "default", "at": truth[0]["at"], "nth": 1,
        "status": 503, "delay_ms": null, "stored": false});
    assert_eq!(truth[0], expected);
}

#[test]
fn a_reset_leaves_neither_answer_nor_event() {
    let it = Chaotic::start(&["reset=100%"]);
    assert_eq!(it.send("evt_1"), (String::new(), true));
    assert!(!it.holds("evt_1"));
    assert_eq!((&it.truth()[0]["chaos"], &it.truth()[0]["stored"]), (&json!("reset"), &json!(false)));
}

#[test]
fn an_event_that_is_dropped_after_the_commit_is_stored_and_not_answered() {
    let it = Chaotic::start(&["drop-after-commit=100%"]);
    assert_eq!(it.send("evt_1"), (String::new(), false));
    assert!(it.holds("evt_1"));
    assert_eq!(it.truth()[0]["stored"], true);
}

#[test]
fn a_lost_event_is_answered_like_any_other_and_not_stored() {
    let it = Chaotic::start(&["lose=100%"]);
    let (status, answer) = it.server.post("/events", event("evt_1").to_string());
    assert_eq!((status, &answer["message"]), (200, &json!("Event ingested successfully")));
    assert!(!it.holds("evt_1"));
    assert_eq!((&it.truth()[0]["chaos"], &it.truth()[0]["stored"]), (&json!("lose"), &json!(false)));
}

#[test]
fn an_event_can_be_stored_twice_though_it_is_answered_once() {
    let it = Chaotic::start(&["duplicate=100%"]);
    assert_eq!(it.server.post("/events", event("evt_1").to_string()).0, 200);
    let (_, page) = it.server.get("/events/search");
    assert_eq!((&page["total_count"], &page["events"]), (&json!(2), &json!([event("evt_1"), event("evt_1")])));
    assert_eq!(it.truth()[0]["chaos"], "duplicate");
}

#[test]
fn a_truncated_answer_breaks_off_and_a_stalled_one_pauses() {
    let cut = Chaotic::start(&["truncate=100%"]);
    let (answer, _) = cut.send("evt_1");
    let body = answer.split_once("\r\n\r\n").expect("a head").1;
    assert!(answer.starts_with("HTTP/1.1 200") && body.starts_with("{\"success\"") && !body.ends_with('}'), "{answer}");
    assert!(cut.holds("evt_1"));

    let stalled = Chaotic::start(&["stall=100%:400ms"]);
    let begun = Instant::now();
    assert_eq!(stalled.server.post("/events", event("evt_1").to_string()).0, 200);
    assert!(begun.elapsed() >= Duration::from_millis(400));
    assert_eq!((&stalled.truth()[0]["stored"], &stalled.truth()[0]["delay_ms"]), (&json!(true), &json!(400.0)));
}

#[test]
fn latency_is_added_and_recorded() {
    let it = Chaotic::start(&["latency=150ms±50ms,where=service=user-service"]);
    let begun = Instant::now();
    assert_eq!(it.server.post("/events", event("evt_1").to_string()).0, 200);
    assert!(begun.elapsed() >= Duration::from_millis(100));
    let delay = it.truth()[0]["delay_ms"].as_f64().expect("a number");
    assert!((100.0..=200.0).contains(&delay), "{delay}");
    let mut other = event("evt_2");
    other["source"]["service"] = json!("auth-service");
    assert_eq!(it.server.post("/events", other.to_string()).0, 200);
    assert_eq!(it.truth().len(), 1);
}

#[test]
fn a_window_opens_and_closes_with_the_servers_time() {
    let it = Chaotic::start(&["error=500:100%,window=1s..2s"]);
    let mut seen = Vec::new();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(3) {
        let status = it.server.post("/events", event(&format!("evt_{}", seen.len())).to_string()).0;
        if seen.last() != Some(&status) {
            seen.push(status);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(seen, [200, 500, 200]);
}

#[test]
fn events_of_a_batch_are_lost_one_by_one() {
    let it = Chaotic::start(&["lose=50%"]);
    let events: Vec<Value> = (0..100).map(|number| event(&format!("evt_{number}"))).collect();
    let (status, answer) = it.server.post("/events/batch", batch(&events));
    assert_eq!((status, &answer["successful_events"]), (200, &json!(100)));
    let lost: Vec<String> =
        it.truth().iter().map(|line| line["event_id"].as_str().expect("an id").to_owned()).collect();
    assert!((20..=80).contains(&lost.len()), "{}", lost.len());
    for number in 0..100 {
        let id = format!("evt_{number}");
        assert_eq!(it.holds(&id), !lost.contains(&id), "{id}");
    }
}

#[test]
fn the_same_seed_strikes_the_same_events_in_any_order() {
    let struck = |order: &mut dyn Iterator<Item = usize>| {
        let it = Chaotic::start(&["lose=20%", "error=503:20%"]);
        for number in order {
            let body = event(&format!("evt_{number}")).to_string();
            http::request(it.server.address(), "POST", &format!("{API}/events"), &[KEY], body.as_bytes())
                .expect("an answer");
        }
        let mut struck: Vec<String> =
            it.truth().iter().map(|line| format!("{} {}", line["chaos"], line["event_id"])).collect();
        struck.sort();
        struck
    };
    let forward = struck(&mut (0..100));
    assert!(!forward.is_empty());
    assert_eq!(forward, struck(&mut (0..100).rev()));
}

#[test]
fn pstats_shows_what_the_server_did_against_what_the_client_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = format!(
        "pserve -q --listen 127.0.0.1:0 --db db --chaos lose=10% --chaos drop-after-commit=10% --chaos error=503:10% --seed 3 \
         --chaos-truth chaos.jsonl --exec 'psend -q {} | tee outcomes | pstats -q --chaos-truth chaos.jsonl --format json -o report'",
        sample().display()
    );
    shell_in(folder.path(), &script, &[]).expect_code(0);
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect("it is written");
    let report: Value = serde_json::from_str(&read("report")).expect("JSON");
    let faults = &report["chaos"]["faults"];
    let lost = &faults["lose"];
    assert!(lost["ids"].as_u64().expect("a count") > 20, "{lost}");
    assert_eq!((&lost["said"]["failed"], &lost["contradicted"]), (&Value::Null, &lost["ids"]), "{lost}");
    let dropped = &faults["drop-after-commit"];
    // What was lost as well is new when it comes again.
    let said = |word: &str| dropped["said"][word].as_u64().unwrap_or(0);
    assert!(
        said("duplicate") > said("accepted") && said("duplicate") + said("accepted") == dropped["ids"],
        "{dropped}"
    );
    assert_eq!(dropped["contradicted"], 0, "{dropped}");
    let refused = &faults["error"];
    assert_eq!((&refused["contradicted"], report["chaos"]["contradicted"] == lost["ids"]), (&json!(0), true));

    let shown = shell_in(folder.path(), "pstats -q outcomes --chaos-truth chaos.jsonl", &[]).expect_code(0);
    let shown = String::from_utf8(shown.stdout).expect("UTF-8");
    assert!(shown.contains("What the server did on purpose") && shown.contains("drop-after-commit"), "{shown}");
    let required = "pstats -q outcomes --chaos-truth chaos.jsonl --require 'chaos.contradicted = 0'";
    shell_in(folder.path(), required, &[]).expect_code(99);
    let wrong = shell_in(folder.path(), "pstats -q outcomes --chaos-truth outcomes", &[]).expect_code(1);
    assert!(wrong.stderr.contains("outcomes: line 1: not a line that pserve --chaos-truth writes"), "{}", wrong.stderr);
}

#[test]
fn a_wrong_rule_is_refused_with_its_flag_and_the_form() {
    for (flags, said) in [
        (&["--chaos", "eror=503:5%"][..], "error=503:5%"),
        (&["--chaos", "error=503"], "such as error=503:5%"),
        (&["--chaos", "latency=lognormal:20ms"], "p99"),
        (&["--chaos-truth", "x"], "--chaos"),
    ] {
        let run = run("pserve", flags).expect_code(2);
        assert!(run.stderr.contains(said) && run.stdout.is_empty(), "{flags:?}: {}", run.stderr);
    }
}
