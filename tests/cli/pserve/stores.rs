//! What is done with stored events other than adding and finding them: removing, exporting, emptying. And what happens when the
//! database goes away.

use serde_json::{Value, json};

use super::event;
use crate::support::server::{KEY, Server};
use crate::support::{run, sample, shell_in};

#[test]
fn an_event_can_be_removed_and_sent_again() {
    let server = Server::start(&[]);
    server.post("/events", event("a").to_string());
    assert_eq!(server.request("DELETE", "/events/a", &[KEY], b"").status, 204);
    assert_eq!(server.get("/events/a").0, 404);
    assert_eq!(server.request("DELETE", "/events/a", &[KEY], b"").status, 404);
    assert_eq!(server.request("DELETE", "/events/a", &[], b"").status, 401);
    assert_eq!(server.post("/events", event("a").to_string()).1["message"], "Event ingested successfully");
    assert_eq!(server.count(), 1);
}

#[test]
fn nobody_removes_the_events_of_another_tenant() {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = folder.path().join("keys");
    std::fs::write(&keys, "k1 acme\nk2 globex\n").expect("written");
    let server = Server::start(&["--keys", keys.to_str().expect("UTF-8")]);
    let ask = |key: &str, method: &str, path: &str, body: &str| {
        server.request(method, path, &[&format!("X-API-Key: {key}")], body.as_bytes())
    };
    ask("k1", "POST", "/events", &event("a").to_string());
    assert_eq!(ask("k2", "DELETE", "/events/a", "").status, 404);
    assert_eq!(ask("k1", "GET", "/events/a", "").status, 200);
    let figures = |key: &str| ask(key, "GET", "/figures", "").json();
    assert_eq!((&figures("k1")["events"], &figures("k2")["events"]), (&json!(1), &json!(0)));
    assert_eq!(figures("k2")["by"]["service"], json!([]));
}

#[test]
fn events_are_found_by_device_and_by_a_text_in_the_id() {
    let server = Server::start(&[]);
    for (id, device) in [("evt_1", "mobile"), ("evt_2", "desktop"), ("other_1", "mobile")] {
        let mut event = event(id);
        event["context"] = json!({"tags": {"device_type": device}});
        assert_eq!(server.post("/events", event.to_string()).0, 200);
    }
    let total = |query: &str| server.get(&format!("/events/search?{query}")).1["total_count"].clone();
    assert_eq!([total("device_type=mobile"), total("device=mobile"), total("device_type=tv")], [2, 2, 0]);
    assert_eq!([total("event_id_contains=evt"), total("event_id_contains=_1&device=mobile")], [2, 2]);
}

#[test]
fn what_is_stored_is_exported_for_pstats() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = format!(
        "pserve -q --listen 127.0.0.1:0 --db db --exec 'psend -q {0} -o outcomes; pserve --db db --export > while.jsonl'
         pserve --db db --export > stored.jsonl
         cmp stored.jsonl while.jsonl && sort {0} | cmp - <(sort stored.jsonl)
         pserve --db db --export --tenant default | cmp - stored.jsonl
         pserve --db db --export --tenant nobody | cmp - /dev/null
         pserve --db db --export | head -n 1 > one && [ $(wc -l < one) = 1 ]
         pstats -q outcomes --stored stored.jsonl --require 'reconciled.accepted_missing = 0'",
        sample().display()
    );
    shell_in(folder.path(), &format!("bash -euo pipefail -c '{}'", script.replace('\'', "'\\''")), &[]).expect_code(0);
    let none = shell_in(folder.path(), "pserve --db none --export", &[]).expect_code(1);
    assert!(none.stderr.contains("no such database") && !folder.path().join("none").exists());
}

#[test]
fn a_database_is_emptied_only_if_someone_says_so() {
    let mut server = Server::start(&[]);
    server.post("/events", event("a").to_string());
    server.stop();
    let db = server.db();
    let db = db.to_str().expect("UTF-8");
    let asked = run("pserve", &["--db", db, "--reset"]).expect_code(2);
    assert!(asked.stderr.contains("--yes"), "{}", asked.stderr);
    assert_eq!(server.stored_ids(), ["a"]);
    let done = run("pserve", &["--db", db, "--reset", "--yes"]).expect_code(0);
    assert!(done.stderr.contains("1 event removed"), "{}", done.stderr);
    assert_eq!(server.stored_ids(), [""; 0]);
    for flags in [&["--yes"][..], &["--tenant", "t"], &["--export", "--reset"]] {
        run("pserve", flags).expect_code(2);
    }
}

#[test]
fn events_in_memory_end_with_the_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = format!(
        "pserve -q --listen 127.0.0.1:0 --db memory: --exec 'psend -q {0} {0} | pstats -q --format json'",
        sample().display()
    );
    let run = shell_in(folder.path(), &script, &[]).expect_code(0);
    let report: Value = serde_json::from_slice(&run.stdout).expect("JSON");
    assert_eq!((&report["outcomes"]["accepted"], &report["outcomes"]["duplicate"]), (&json!(500), &json!(500)));
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

#[test]
fn figures_are_the_same_after_a_restart() {
    let mut server = Server::start(&["--rate-limit", "504/36500d"]);
    let sample = std::fs::read_to_string(sample()).expect("the sample can be read");
    for line in sample.lines().chain(sample.lines().take(3)) {
        server.post("/events", line);
    }
    assert_eq!(server.post("/events", event("gone").to_string()).0, 200);
    assert_eq!(server.request("DELETE", "/events/gone", &[KEY], b"").status, 204);
    assert_eq!(server.post("/events", event("limited").to_string()).0, 429);
    let (_, before) = server.get("/figures");
    assert_eq!(
        (&before["events"], &before["duplicates"], &before["rate_limited"]),
        (&json!(500), &json!(3), &json!(1))
    );
    let of = |figures: &Value, field: &str| -> u64 {
        let values = figures["by"][field].as_array().expect("a list");
        values.iter().map(|value| value["events"].as_u64().expect("a count")).sum()
    };
    assert_eq!((of(&before, "service"), of(&before, "status_code"), of(&before, "device")), (500, 500, 500));
    let (_, stats) = server.get("/stats");
    assert_eq!((&before["errors"], &before["error_rate"]), (&stats["error_events"], &stats["error_rate"]));
    let series: u64 = before["series"].as_array().expect("a list").iter().filter_map(|it| it["events"].as_u64()).sum();
    assert_eq!(series, 500);
    server.stop().expect_code(130);
    server.restart();
    assert_eq!(server.get("/figures").1, before);
    let range = "/figures?start_time=2025-10-01T12:00:00Z&end_time=2025-10-01T12:59:59Z";
    let within =
        server.get("/events/search?limit=1&start_time=2025-10-01T12:00:00Z&end_time=2025-10-01T12:59:59.999999Z");
    assert_eq!(server.get(range).1["events"], within.1["total_count"]);
}

#[test]
fn a_database_that_is_locked_or_gone_is_answered_503_and_recovers_by_itself() {
    let server = Server::start(&[]);
    assert_eq!(server.post("/events", event("a").to_string()).0, 200);
    let other = rusqlite::Connection::open(server.db()).expect("a database");
    other.execute_batch("BEGIN IMMEDIATE").expect("a lock");
    let locked = server.request("POST", "/events", &[KEY], event("b").to_string().as_bytes());
    assert_eq!((locked.status, locked.header("retry-after")), (503, Some("1")), "{}", locked.text());
    other.execute_batch("ROLLBACK").expect("it is unlocked");
    drop(other);
    assert_eq!(server.get("/events/b").0, 404, "nothing was stored without being acknowledged");
    assert_eq!(server.post("/events", event("b").to_string()).0, 200);

    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", server.db().display()));
    }
    let gone = server.request("GET", "/events/a", &[KEY], b"");
    assert_eq!((gone.status, gone.header("retry-after")), (503, Some("1")), "{}", gone.text());
    assert_eq!(server.request("GET", "/ready", &[], b"").status, 404);
    // A new file takes its place, so what is acknowledged is in a file that has a name.
    assert_eq!(server.post("/events", event("c").to_string()).0, 200);
    assert_eq!(server.stored_ids(), ["c"]);
    assert_eq!(server.get("/events/c").0, 200);
}
