//! pserve as its users meet it: over HTTP, in its files, by its exit codes.

mod clients;
mod contract;
mod dashboard;
mod durability;
mod exec;
mod faults;
mod hostile;
mod operated;
mod ordinary_client;
mod postgres;
mod stores;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::readme::blocks;
use crate::support::server::{API, KEY, Server};
use crate::support::{http, path, run, sample, shell_in};

fn event(id: &str) -> Value {
    json!({
        "event_id": id, "event_type": "api_call", "timestamp": "2026-01-05T09:00:00.000000Z", "title": "GET /api/v1/users/7",
        "severity": "info", "source": {"service": "user-service", "endpoint": "/api/v1/users/{id}", "method": "GET"},
        "metrics": {"response_time_ms": 12.5, "status_code": 200},
    })
}

#[test]
fn an_event_is_stored_once_and_found_again_byte_for_byte() {
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

#[test]
fn missing_fields_are_supplied_and_stored() {
    let server = Server::start(&[]);
    let mut event = event("");
    for field in ["event_id", "timestamp", "severity"] {
        event.as_object_mut().expect("an object").remove(field);
    }
    let (status, answer) = server.post("/events", event.to_string());
    assert_eq!(status, 200, "{answer}");
    let id = answer["event_id"].as_str().expect("an id is given");
    let (status, stored) = server.get(&format!("/events/{id}"));
    assert_eq!((status, &stored["event_id"]), (200, &answer["event_id"]));
    assert_eq!(stored["timestamp"], answer["ingested_at"]);
    assert_eq!(server.get("/events/search?severity=info").1["total_count"], 1);
}

#[test]
fn a_sample_from_another_program_is_stored_byte_for_byte() {
    let server = Server::start(&[]);
    let sample = std::fs::read_to_string(sample()).expect("the sample can be read");
    for line in sample.lines() {
        let (status, answer) = server.post("/events", line);
        assert_eq!(status, 200, "{answer}");
    }
    assert_eq!(server.count(), 500);
    for line in sample.lines().step_by(50) {
        let id = serde_json::from_str::<Value>(line).expect("JSON")["event_id"].as_str().expect("text").to_owned();
        assert_eq!(server.request("GET", &format!("/events/{id}"), &[KEY], b"").text(), line);
    }
}

#[test]
fn every_filter_finds_what_a_look_at_each_event_finds() {
    let server = Server::start(&[]);
    let sample = std::fs::read_to_string(sample()).expect("the sample can be read");
    let mut events: Vec<Value> = Vec::new();
    for line in sample.lines() {
        server.post("/events", line);
        events.push(serde_json::from_str(line).expect("JSON"));
    }
    // Newest first; of the same moment, what came last.
    events.reverse();
    events.sort_by_key(|event| std::cmp::Reverse(event["timestamp"].as_str().expect("text").to_owned()));

    let (early, late) = ("2025-10-01T12:00:00Z", "2025-10-03T00:00:00Z");
    let within = |event: &Value| {
        let at = event["timestamp"].as_str().expect("text");
        ("2025-10-01T12:00:00.000000Z"..="2025-10-03T00:00:00.000000Z").contains(&at)
    };
    let user = events[7]["context"]["user_id"].clone();
    type Test<'a> = Box<dyn Fn(&Value) -> bool + 'a>;
    let is =
        |pointer: &'static str, value: Value| -> Test { Box::new(move |event| event.pointer(pointer) == Some(&value)) };
    let cases: Vec<(String, Test)> = vec![
        (String::new(), Box::new(|_| true)),
        ("event_type=api_call".into(), is("/event_type", json!("api_call"))),
        ("severity=error".into(), is("/severity", json!("error"))),
        ("service=payment-service".into(), is("/source/service", json!("payment-service"))),
        ("service=payment".into(), Box::new(|_| false)),
        ("endpoint=/api/v1/payments/capture".into(), is("/source/endpoint", json!("/api/v1/payments/capture"))),
        ("endpoint=%2Fapi%2Fv1%2Fusers%2F%7Bid%7D".into(), is("/source/endpoint", json!("/api/v1/users/{id}"))),
        ("status_code=500".into(), is("/metrics/status_code", json!(500))),
        (format!("user_id={}", user.as_str().expect("text")), is("/context/user_id", user.clone())),
        ("country=US".into(), is("/context/tags/country", json!("US"))),
        ("region=APAC".into(), is("/context/tags/region", json!("APAC"))),
        ("city=New+York".into(), is("/context/tags/city", json!("New York"))),
        (format!("start_time={early}&end_time={late}"), Box::new(within)),
        (
            format!("service=auth-service&region=NA&status_code=200&start_time={early}"),
            Box::new(|event| {
                event["source"]["service"] == "auth-service"
                    && event["context"]["tags"]["region"] == "NA"
                    && event["metrics"]["status_code"] == 200
                    && event["timestamp"].as_str().expect("text") >= "2025-10-01T12:00:00.000000Z"
            }),
        ),
    ];
    for (filter, test) in cases {
        let wanted: Vec<&Value> = events.iter().filter(|event| test(event)).collect();
        let mut found = Vec::new();
        loop {
            let (status, page) = server.get(&format!("/events/search?{filter}&limit=37&offset={}", found.len()));
            assert_eq!(status, 200, "{page}");
            assert_eq!(page["total_count"], wanted.len(), "{filter}");
            assert_eq!(page["total_exact"], true);
            let events = page["events"].as_array().expect("a list").clone();
            assert_eq!(page["filtered_count"], events.len());
            found.extend(events);
            assert_eq!(page["has_more"], found.len() < wanted.len(), "{filter}");
            if page["has_more"] == false {
                break;
            }
        }
        assert!(found.iter().eq(wanted), "{filter}");
    }
}

#[test]
fn an_invalid_search_names_the_wrong_parameter() {
    let server = Server::start(&[]);
    for (query, parameter, kind) in [
        ("limit=0", "limit", "int_parsing"),
        ("limit=1001", "limit", "int_parsing"),
        ("offset=-1", "offset", "int_parsing"),
        ("status_code=abc", "status_code", "int_parsing"),
        ("severity=bad", "severity", "enum"),
        ("start_time=yesterday", "start_time", "datetime_parsing"),
        ("sevrity=info", "sevrity", "extra_forbidden"),
        ("city=a&city=b", "city", "duplicate_parameter"),
    ] {
        let (status, answer) = server.get(&format!("/events/search?{query}"));
        assert_eq!(status, 422, "{query}");
        assert_eq!(answer["detail"][0]["loc"], json!(["query", parameter]));
        assert_eq!(answer["detail"][0]["type"], kind);
    }
    assert_eq!(server.get("/events/search?start_time=2026-01-05T10:00:00+01:00&limit=1000").0, 200);
}

#[test]
fn a_bad_body_is_answered_422_with_the_field_named() {
    let server = Server::start(&[]);
    let mut bad = event("evt_1");
    bad["metrics"]["status_code"] = json!(999);
    bad["source"].as_object_mut().expect("an object").remove("service");
    let (status, answer) = server.post("/events", bad.to_string());
    assert_eq!(status, 422);
    let service =
        json!({"type": "missing", "loc": ["body", "source", "service"], "msg": "Field required", "input": null});
    let code = json!({
        "type": "less_than_equal", "loc": ["body", "metrics", "status_code"], "input": 999,
        "msg": "Input should be less than or equal to 599",
    });
    let detail = answer["detail"].as_array().expect("a list");
    assert!(detail.contains(&service) && detail.contains(&code) && detail.len() == 2, "{answer}");
    assert_eq!(server.count(), 0);
}

#[test]
fn hostile_bodies_get_an_error_and_the_server_continues() {
    let server = Server::start(&[]);
    let deep = [b"[".repeat(1 << 20), b"]".repeat(1 << 20)].concat();
    let nul = event("evt_nul").to_string().replace("GET /", "\\u0000");
    let twice = event("evt_1").to_string().replacen('{', r#"{"event_id":"evt_2","#, 1);
    for (body, status) in [
        (&b""[..], 422),
        (b"{", 422),
        (b"[]", 422),
        (b"\xff\xfe{}", 422),
        (b"\0\0\0", 422),
        (br#"{"title":"\ud800"}"#, 422),
        (&deep, 422),
        (nul.as_bytes(), 422),
        (twice.as_bytes(), 422),
        (&vec![b' '; 10 << 20], 422),
        (&vec![b' '; (10 << 20) + 1], 413),
        (&vec![b' '; 30 << 20], 413),
    ] {
        let (found, answer) = server.post("/events", body);
        assert_eq!(found, status, "{answer}");
        assert!(!answer["detail"].is_null(), "{answer}");
    }
    let brotli = server.request("POST", "/events", &[KEY, "Content-Encoding: br"], b"\x1f\x8b\x08");
    assert_eq!(brotli.status, 415);
    assert!(brotli.text().contains("br is not supported"));
    let broken = http::exchange(server.address(), b"\xff\xff\xff\r\n\r\n").expect("an answer comes");
    assert_eq!(broken.status, 400);
    assert_eq!(server.get("/nowhere").0, 404);
    assert_eq!(server.request("DELETE", "/events", &[KEY], b"").status, 405);
    assert_eq!(server.request("GET", "/events/%ff", &[KEY], b"").status, 400);
    assert_eq!(server.count(), 0);
    assert_eq!(server.post("/events", event("evt_1").to_string()).0, 200);
}

#[test]
fn a_body_that_arrives_in_pieces_is_accepted() {
    let server = Server::start(&[]);
    let body = event("evt_1").to_string();
    let (a, b) = body.split_at(100);
    let chunked = format!(
        "POST {API}/events HTTP/1.1\r\nHost: x\r\n{KEY}\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n\
         {:x}\r\n{a}\r\n{:x}\r\n{b}\r\n0\r\n\r\n",
        a.len(),
        b.len(),
    );
    assert_eq!(http::exchange(server.address(), chunked.as_bytes()).expect("an answer comes").status, 200);
    assert_eq!(server.request("GET", "/events/evt_1", &[KEY], b"").text(), body);
}

#[test]
fn without_an_accepted_key_only_health_answers() {
    let server = Server::start(&["--api-key", "s3cret"]);
    let body = event("evt_1").to_string();
    for headers in [&[][..], &[KEY], &["X-API-Key: "], &["X-API-Key: s3cret2"], &["X-API-Key: \u{e9}"]] {
        for (method, path) in [
            ("POST", "/events"),
            ("GET", "/events/search"),
            ("GET", "/events/x"),
            ("GET", "/stats"),
            ("GET", "/rate-limit"),
        ] {
            let answer = server.request(method, path, headers, if method == "POST" { body.as_bytes() } else { b"" });
            assert_eq!(answer.status, 401, "{method} {path} {headers:?}");
            assert!(!answer.text().contains("s3cret"));
        }
    }
    let health = server.request("GET", "/health", &[], b"");
    assert_eq!((health.status, &health.json()["status"]), (200, &json!("healthy")));
    assert_eq!(server.request("POST", "/events", &["X-API-Key: s3cret"], body.as_bytes()).status, 200);
}

#[test]
fn tenants_can_use_the_same_ids_for_different_events() {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = folder.path().join("keys");
    std::fs::write(&keys, "# key tenant\nk1 acme\nk2 globex\nk3 acme\n").expect("a file can be written");
    let server = Server::start(&["--keys", keys.to_str().expect("UTF-8")]);
    let as_key = |key: &str, method: &str, path: &str, body: &str| {
        server.request(method, path, &[&format!("X-API-Key: {key}")], body.as_bytes()).json()
    };
    let body = event("evt_1").to_string();
    assert_eq!(as_key("k1", "POST", "/events", &body)["message"], "Event ingested successfully");
    assert_eq!(as_key("k2", "GET", "/events/search", "")["total_count"], 0);
    assert_eq!(as_key("k2", "POST", "/events", &body)["message"], "Event ingested successfully");
    assert_eq!(as_key("k3", "POST", "/events", &body)["message"], "Event already exists (idempotent)");
    assert_eq!(as_key("k3", "GET", "/events/search", "")["total_count"], 1);
    assert_eq!(as_key("k1", "GET", "/stats", "")["total_events"], 1);
}

#[test]
fn duplicates_are_conflicts_if_the_server_is_configured_so() {
    let server = Server::start(&["--duplicates", "409"]);
    let body = event("evt_1").to_string();
    assert_eq!(server.post("/events", &body).0, 200);
    let (status, answer) = server.post("/events", &body);
    assert_eq!((status, &answer["success"]), (409, &json!(false)));
    assert!(answer["errors"][0].as_str().expect("a text").contains("already exists"));
    assert_eq!(server.count(), 1);
}

#[test]
fn the_uniqueness_of_events_is_a_constraint_of_the_database() {
    let mut server = Server::start(&[]);
    server.post("/events", event("evt_1").to_string());
    server.stop();
    let store = rusqlite::Connection::open(server.db()).expect("the database can be opened");
    let again = store.execute(
        "INSERT INTO events (tenant_id, external_id, timestamp, ingested_at, body) \
         SELECT tenant_id, external_id, timestamp, ingested_at, body FROM events",
        [],
    );
    assert!(again.expect_err("it is there").to_string().contains("UNIQUE constraint failed"));
    let schema: String =
        store.query_row("SELECT sql FROM sqlite_schema WHERE name = 'events'", [], |row| row.get(0)).expect("a table");
    assert!(schema.contains("CONSTRAINT uq_events_tenant_external_id UNIQUE (tenant_id, external_id)"));
}

#[test]
fn beyond_the_rate_limit_the_answer_is_429_with_the_time_to_wait() {
    let server = Server::start(&["--rate-limit", "3/1h"]);
    for id in ["a", "b", "c"] {
        assert_eq!(server.post("/events", event(id).to_string()).0, 200);
    }
    let refused = server.request("POST", "/events", &[KEY], event("d").to_string().as_bytes());
    assert_eq!(refused.status, 429);
    assert_eq!(refused.json()["detail"], "Rate limit exceeded. Limit: 3 events per 3600 seconds");
    let wait: u64 = refused.header("retry-after").expect("a time is given").parse().expect("in seconds");
    assert!((1..=3600).contains(&wait), "{wait}");
    let (_, standing) = server.get("/rate-limit");
    assert_eq!(
        (&standing["limit"], &standing["remaining"], &standing["exceeded"], &standing["window_size_seconds"]),
        (&json!(3), &json!(0), &json!(true), &json!(3600))
    );
    assert_eq!(server.count(), 3);

    let free = Server::start(&[]);
    let (status, standing) = free.get("/rate-limit");
    assert_eq!((status, &standing["limit"], &standing["exceeded"]), (200, &Value::Null, &json!(false)));
}

#[test]
fn a_rate_limit_opens_again_with_the_next_window() {
    let server = Server::start(&["--rate-limit", "1/1s"]);
    let mut refused = false;
    for number in 0..200 {
        thread::sleep(Duration::from_millis(10));
        match server.post("/events", event(&format!("evt_{number}")).to_string()).0 {
            429 => refused = true,
            200 if refused => return,
            status => assert_eq!(status, 200),
        }
    }
    panic!("the limit never opened again");
}

#[test]
fn stats_count_events_and_errors_by_the_hour() {
    let server = Server::start(&[]);
    let (_, empty) = server.get("/stats");
    assert_eq!((&empty["total_events"], &empty["error_rate"]), (&json!(0), &Value::Null));
    for (id, at, code) in
        [("a", "2026-01-05T09:59:59Z", 200), ("b", "2026-01-05T09:00:00Z", 404), ("c", "2026-01-05T10:00:00Z", 503)]
    {
        let mut event = event(id);
        event["timestamp"] = json!(at);
        event["metrics"]["status_code"] = json!(code);
        assert_eq!(server.post("/events", event.to_string()).0, 200);
    }
    let (_, stats) = server.get("/stats");
    assert_eq!((&stats["total_events"], &stats["error_events"]), (&json!(3), &json!(2)));
    assert_eq!(stats["oldest"], "2026-01-05T09:00:00.000000Z");
    assert_eq!(
        stats["by_hour"],
        json!([
            {"start": "2026-01-05T09:00:00.000000Z", "events": 2, "errors": 1, "error_rate": 0.5},
            {"start": "2026-01-05T10:00:00.000000Z", "events": 1, "errors": 1, "error_rate": 1.0},
        ])
    );
}

#[test]
fn an_event_that_was_answered_200_survives_kill_9() {
    let mut server = Server::start(&[]);
    let next = AtomicUsize::new(0);
    let sent: Mutex<Vec<String>> = Mutex::default();
    let address = server.address().to_owned();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let id = format!("evt_{}", next.fetch_add(1, Ordering::Relaxed));
                    let body = event(&id).to_string();
                    match http::request(&address, "POST", &format!("{API}/events"), &[KEY], body.as_bytes()) {
                        Ok(answer) if answer.status == 200 => sent.lock().expect("no panic").push(id),
                        Ok(answer) => panic!("{}", answer.text()),
                        Err(_) => return,
                    }
                }
            });
        }
        thread::sleep(Duration::from_millis(500));
        let pid = Pid::from_raw(server.pid().cast_signed()).expect("a process has an id");
        kill_process(pid, Signal::KILL).expect("the process is there");
    });
    server.kill();
    server.restart();
    assert_eq!(server.address(), address, "it comes back at once on the same port");
    let sent = sent.into_inner().expect("no panic");
    assert!(sent.len() > 50, "{}", sent.len());
    let stored = server.stored_ids();
    for id in &sent {
        assert!(stored.binary_search(id).is_ok(), "{id} was answered 200 and is gone");
    }
    assert_eq!(server.count(), stored.len() as u64);
}

#[test]
fn at_ctrl_c_it_finishes_closes_its_files_and_exits_130() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let mut server = Server::start(&[]);
        // A connection that is kept alive, and one whose request never ends, hold nothing up.
        let _idle = TcpStream::connect(server.address()).expect("it listens");
        server.post("/events", event("evt_1").to_string());
        server.signal(signal);
        let run = server.wait().expect_code(code);
        assert!(run.stderr.contains("1 event stored"), "{}", run.stderr);
        assert!(!server.db().with_extension("db-wal").exists(), "the log is folded into the database");
        assert_eq!(server.stored_ids(), ["evt_1"]);
    }
}

#[test]
fn a_request_in_flight_at_the_signal_is_answered_and_its_event_kept() {
    let mut server = Server::start(&[]);
    let body = event("evt_1").to_string();
    let mut stream = TcpStream::connect(server.address()).expect("it listens");
    let head = format!("POST {API}/events HTTP/1.1\r\nHost: x\r\n{KEY}\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).expect("it reads");
    // Its answer shows that the server has read what came before it.
    assert_eq!(server.get("/stats").0, 200);
    server.signal(Signal::TERM);
    thread::sleep(Duration::from_millis(100));
    stream.write_all(body.as_bytes()).expect("it still reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers, then closes");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    server.wait().expect_code(143);
    assert_eq!(server.stored_ids(), ["evt_1"]);
}

#[test]
fn a_server_that_cannot_start_says_why_and_exits_with_1() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    std::fs::write(path("text"), "this is no database, though it is as long as a header".repeat(50)).expect("written");
    let other = rusqlite::Connection::open(path("other")).expect("a database");
    other.execute_batch("CREATE TABLE users (name)").expect("a table");
    let newer = rusqlite::Connection::open(path("newer")).expect("a database");
    newer.execute_batch("PRAGMA application_id = 0x50756c50; PRAGMA user_version = 99").expect("numbers");
    for (db, said) in [
        (path("text"), "not a database"),
        (path("other"), "database belongs to another program"),
        (path("newer"), "version 99"),
        (path("no/such/folder/db"), "unable to open database file"),
        (path(""), "unable to open database file"),
        ("/dev/full".to_owned(), "/dev/full"),
    ] {
        let run = run("pserve", &["--listen", "127.0.0.1:0", "--db", &db]).expect_code(1);
        assert!(run.stderr.contains(said) && run.stdout.is_empty(), "{db}: {}", run.stderr);
    }
    let server = Server::start(&[]);
    let taken = run("pserve", &["--listen", server.address(), "--db", &path("fresh")]).expect_code(1);
    assert!(taken.stderr.contains(server.address()) && taken.stderr.contains("in use"), "{}", taken.stderr);
    assert_eq!(taken.stderr.lines().count(), 1, "{}", taken.stderr);
}

#[test]
fn wrong_usage_is_explained_and_exits_with_2() {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = folder.path().join("keys");
    std::fs::write(&keys, "secret\n").expect("written");
    let two = folder.path().join("two");
    std::fs::write(&two, "secret\nsecret2\n").expect("written");
    let (keys, two) = (keys.to_str().expect("UTF-8"), two.to_str().expect("UTF-8"));
    for (flags, said) in [
        (&["--listen", "0.0.0.0:0"][..], "0.0.0.0:0"),
        (&["--listen", "nonsense"], "127.0.0.1:8000"),
        (&["--rate-limit", "fast"], "300/1m"),
        (&["--rate-limit", "0.5/1s"], "whole number"),
        (&["--duplicates", "201"], "409"),
        (&["--keys", keys], "line 1"),
        (&["--api-key-file", two], "more than one line"),
        (&["--keys", keys, "--api-key", "x"], "cannot be used with"),
        (&["--api-key", ""], "empty"),
        (&["--db", ":memory:"], "name of a file"),
        (&["--no-such-flag"], "--no-such-flag"),
    ] {
        let run = run("pserve", flags).expect_code(2);
        assert!(run.stderr.contains(said) && run.stdout.is_empty(), "{flags:?}: {}", run.stderr);
        assert!(!run.stderr.contains("secret"), "{}", run.stderr);
    }
}

#[test]
fn an_event_that_finds_no_room_on_the_disk_is_never_answered_200() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = folder.path().join("events.db");
    // No file may grow beyond 512 KiB. This fails like a full disk, and any user can set it up.
    let script = format!(
        "trap '' XFSZ; ulimit -f 1024; exec {} --listen 127.0.0.1:0 --db {}",
        path("pserve").display(),
        db.display()
    );
    let mut command = Command::new("sh");
    command.args(["-c", &script]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("sh starts");
    let mut url = String::new();
    BufReader::new(child.stdout.as_mut().expect("a pipe")).read_line(&mut url).expect("a line");
    let address = url.trim_end().strip_prefix("http://").expect("a URL");
    let mut taken = Vec::new();
    let mut refused = 0;
    for number in 0..40 {
        let mut event = event(&format!("evt_{number:03}"));
        event["payload"] = json!({"filling": "x".repeat(64 << 10)});
        let body = event.to_string();
        let answer =
            http::request(address, "POST", &format!("{API}/events"), &[KEY], body.as_bytes()).expect("an answer");
        match answer.status {
            200 => taken.push(format!("evt_{number:03}")),
            status => {
                refused += 1;
                assert!((500..600).contains(&status), "{}", answer.text());
            }
        }
    }
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
    assert!(refused > 0 && !taken.is_empty());
    let store = rusqlite::Connection::open(&db).expect("the database can be opened");
    let mut select = store.prepare("SELECT external_id FROM events ORDER BY 1").expect("the table is there");
    let stored: Vec<String> =
        select.query_map([], |row| row.get(0)).expect("a query").map(|id| id.expect("a row")).collect();
    assert_eq!(stored, taken, "stored is what was answered 200, no more and no less");
}

fn batch(events: &[Value]) -> String {
    json!({"events": events, "batch_id": "b-1", "source_application": "tests"}).to_string()
}

#[test]
fn each_event_of_a_batch_has_its_own_result_at_its_position() {
    let server = Server::start(&[]);
    server.post("/events", event("old").to_string());
    let mut bad = event("bad");
    bad["title"] = json!("");
    let nul = json!({"event_id": "poison", "title": "\0"});
    let events = [event("a"), bad, event("old"), json!(7), nul, event("b"), event("a")];
    let (status, answer) = server.post("/events/batch", batch(&events));
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["batch_id"], "b-1");
    assert_eq!(
        (&answer["total_events"], &answer["successful_events"], &answer["failed_events"]),
        (&json!(7), &json!(4), &json!(3))
    );
    assert_eq!(answer["processing_status"], "partial");
    let results = answer["results"].as_array().expect("a list");
    let shown: Vec<_> = results.iter().map(|it| (it["event_id"].as_str(), it["success"] == true)).collect();
    assert_eq!(
        shown,
        [
            (Some("a"), true),
            (Some("bad"), false),
            (Some("old"), true),
            (None, false),
            (Some("poison"), false),
            (Some("b"), true),
            (Some("a"), true)
        ]
    );
    assert_eq!(results[1]["errors"], json!(["title: String should have at least 1 character"]));
    for (index, message) in [
        (0, "Event ingested successfully"),
        (2, "Event already exists (idempotent)"),
        (6, "Event already exists (idempotent)"),
    ] {
        assert_eq!(results[index]["message"], message);
    }
    assert_eq!(server.count(), 3);
    assert_eq!(server.get("/events/b").1, event("b"));
}

#[test]
fn a_batch_is_completed_or_failed_if_all_its_events_are() {
    let server = Server::start(&["--duplicates", "409"]);
    let many: Vec<Value> = (0..1000).map(|number| event(&format!("evt_{number}"))).collect();
    let (status, answer) = server.post("/events/batch", batch(&many));
    assert_eq!((status, &answer["processing_status"]), (200, &json!("completed")));
    assert_eq!(server.count(), 1000);
    let (status, answer) = server.post("/events/batch", batch(&many[..3]));
    assert_eq!((status, &answer["processing_status"]), (200, &json!("failed")));
    assert_eq!(answer["results"][0]["errors"], json!(["Event already exists"]));
}

#[test]
fn an_invalid_batch_is_refused_as_a_whole() {
    let server = Server::start(&[]);
    let long = format!(r#"{{"events":[{}0]}}"#, "0,".repeat(5_000_000));
    for (body, place, kind) in [
        ("{}", "events", "missing"),
        (r#"{"events":[]}"#, "events", "too_short"),
        (&long, "events", "too_long"),
        (r#"{"events":[{"#, "", "json_invalid"),
        ("[]", "", "dict_type"),
        ("", "", "missing"),
    ] {
        let (status, answer) = server.post("/events/batch", body);
        assert_eq!(status, 422, "{answer}");
        let fault = &answer["detail"][0];
        assert_eq!(fault["type"], kind);
        assert!(place.is_empty() || fault["loc"] == json!(["body", place]), "{answer}");
    }
}

#[test]
fn a_batch_past_the_rate_limit_takes_what_is_left_of_it() {
    let server = Server::start(&["--rate-limit", "3/1h"]);
    let events: Vec<Value> = (0..5).map(|number| event(&format!("evt_{number}"))).collect();
    let (status, answer) = server.post("/events/batch", batch(&events));
    assert_eq!((status, &answer["successful_events"]), (200, &json!(3)));
    assert_eq!(answer["results"][3]["errors"], json!(["Rate limit exceeded. Limit: 3 events per 3600 seconds"]));
    assert_eq!(server.post("/events/batch", batch(&events)).0, 429);
    assert_eq!(server.count(), 3);
}

#[test]
fn every_command_of_its_reference_works() {
    if Command::new("curl").arg("--version").output().is_err() {
        eprintln!("skipped: needs curl");
        return;
    }
    let server = Server::start(&[]);
    let reference =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pserve.md")).expect("it is there");
    let folder = tempfile::tempdir().expect("a folder");
    let blocks = blocks(&reference, "sh");
    assert_eq!(blocks.len(), 7);
    for block in blocks {
        shell_in(folder.path(), &block, &[("PULSE_URL", server.url())]).expect_code(0);
    }
    assert_eq!(server.count(), 2);
}
