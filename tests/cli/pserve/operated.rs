//! pserve as a service that is operated: metrics, readiness, its own description, an access log, and the ways in.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::event;
use crate::support::server::{API, KEY, Server};
use crate::support::{http, shell_in};

/// A request: method, path as described, path as sent, headers and body.
type Call<'a> = (&'a str, &'a str, &'a str, &'a [&'a str], &'a [u8]);

/// Asks for a path outside the API's.
#[track_caller]
fn get(server: &Server, path: &str) -> http::Answer {
    http::request(server.address(), "GET", path, &[], b"").expect("the server answers")
}

#[test]
fn metrics_are_what_prometheus_reads() {
    let server = Server::start(&["--rate-limit", "3/1h"]);
    server.post("/events", event("a").to_string());
    server.post("/events", event("a").to_string());
    server.post("/events", "{}");
    server.post("/events", event("b").to_string());
    server.get("/events/a");
    let answer = get(&server, "/metrics");
    assert!(answer.header("content-type").expect("a type").starts_with("text/plain; version=0.0.4"));
    let text = answer.text();
    for line in [
        "pserve_http_requests_total{method=\"GET\",route=\"/api/v1/ingestion/events/{event_id}\",status=\"200\"} 1",
        "pserve_http_requests_total{method=\"POST\",route=\"/api/v1/ingestion/events\",status=\"429\"} 1",
        "pserve_events_total{result=\"stored\"} 1",
        "pserve_events_total{result=\"duplicate\"} 1",
        "pserve_events_total{result=\"invalid\"} 1",
        "pserve_events_total{result=\"rate_limited\"} 1",
        "pserve_events_stored 1",
        "pserve_http_request_duration_seconds_count 5",
        "pserve_ready 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    let Ok(mut promtool) =
        Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn()
    else {
        eprintln!("skipped: needs promtool");
        return;
    };
    promtool.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("it reads");
    let checked = promtool.wait_with_output().expect("it ends");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    assert_eq!(String::from_utf8_lossy(&checked.stderr), "");
}

#[test]
fn ready_and_health_need_no_key() {
    let server = Server::start(&["--api-key", "s3cret"]);
    for path in ["/ready", "/health", "/api/v1/ingestion/health", "/metrics", "/openapi.json", "/", "/docs"] {
        assert_eq!(get(&server, path).status, 200, "{path}");
    }
    assert_eq!(get(&server, "/ready").json(), json!({"ready": true, "detail": null}));
}

#[test]
fn its_description_names_the_answers_that_it_gives() {
    let server = Server::start(&["--rate-limit", "3/1h", "--duplicates", "409"]);
    let description = get(&server, "/openapi.json").json();
    assert_eq!(description["openapi"], "3.1.0");
    let event_schema = &description["components"]["schemas"]["Event"];
    assert_eq!(event_schema["required"], json!(["event_type", "title", "source"]));
    assert_eq!(event_schema["properties"]["title"], json!({"type": "string", "minLength": 1, "maxLength": 200}));
    let body = event("a").to_string();
    let large = vec![b' '; (10 << 20) + 1];
    let key = [KEY];
    let calls: [Call<'_>; 16] = [
        ("post", "/events", "/events", &key, body.as_bytes()),
        ("post", "/events", "/events", &key, body.as_bytes()),
        ("post", "/events", "/events", &key, b"{"),
        ("post", "/events", "/events", &[], b"{}"),
        ("post", "/events", "/events", &key, &large),
        ("post", "/events", "/events", &[KEY, "Content-Encoding: br"], b"{}"),
        ("post", "/events", "/events", &[KEY, "Content-Encoding: gzip"], b"{}"),
        ("post", "/events", "/events", &key, body.as_bytes()),
        ("post", "/events/batch", "/events/batch", &key, b"{}"),
        ("post", "/events/batch", "/events/batch", &key, br#"{"events":[{}]}"#),
        ("get", "/events/search", "/events/search?limit=0", &key, b""),
        ("get", "/events/{event_id}", "/events/%ff", &key, b""),
        ("get", "/events/{event_id}", "/events/none", &key, b""),
        ("delete", "/events/{event_id}", "/events/a", &key, b""),
        ("get", "/figures", "/figures?start_time=x", &key, b""),
        ("get", "/stats", "/stats", &[], b""),
    ];
    let mut seen = Vec::new();
    for (method, named, path, headers, body) in calls {
        let answer = server.request(&method.to_uppercase(), path, headers, body);
        let answers = &description["paths"][format!("{API}{named}")][method]["responses"];
        assert!(answers.get(answer.status.to_string()).is_some(), "{method} {path}: {}", answer.status);
        seen.push(answer.status);
    }
    assert_eq!(seen, [200, 409, 422, 401, 413, 415, 400, 429, 422, 429, 422, 400, 404, 204, 422, 401]);
}

#[test]
fn an_access_log_is_read_by_pstats() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("access.jsonl");
    let server = Server::start(&["--access-log", log.to_str().expect("UTF-8")]);
    server.post("/events", event("a").to_string());
    server.get("/events/a?secret=1");
    server.request("GET", "/events/a", &["X-API-Key: wrong"], b"");
    let text = std::fs::read_to_string(&log).expect("it is there");
    assert!(!text.contains("secret") && !text.contains("test-api-key"), "{text}");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0]["source"]["endpoint"], "/api/v1/ingestion/events");
    assert_eq!((&lines[0]["context"]["user_id"], &lines[2]["context"]["user_id"]), (&json!("default"), &Value::Null));
    assert_eq!(lines[0]["metrics"]["request_size_bytes"], event("a").to_string().len());
    let shown =
        shell_in(folder.path(), "pstats -q access.jsonl --by endpoint,status --format json", &[]).expect_code(0);
    let report: Value = serde_json::from_slice(&shown.stdout).expect("JSON");
    assert_eq!(
        (&report["events"]["count"], &report["events"]["by"]["status"][0]["group"]),
        (&json!(3), &json!({"status": "200"}))
    );
}

#[test]
fn bodies_may_be_compressed_with_gzip() {
    let server = Server::start(&[]);
    let pack = |text: &[u8]| {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(text).expect("it is memory");
        gzip.finish().expect("it is memory")
    };
    let post = |body: &[u8]| server.request("POST", "/events", &[KEY, "Content-Encoding: gzip"], body);
    assert_eq!(post(&pack(event("a").to_string().as_bytes())).status, 200);
    assert_eq!(server.get("/events/a").1, event("a"));
    // Ten MiB and more of content in a few KiB.
    assert_eq!(post(&pack(&vec![b' '; 11 << 20])).status, 413);
    let cut = pack(event("b").to_string().as_bytes());
    assert_eq!(post(&cut[..cut.len() / 2]).status, 400);
    assert_eq!(server.count(), 1);
}

#[test]
fn a_unix_socket_is_another_way_in_and_is_removed_at_the_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("pserve.sock");
    let name = socket.to_str().expect("UTF-8");
    let ask = || {
        let mut stream = UnixStream::connect(&socket).expect("it listens");
        stream.write_all(b"GET /ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer
    };
    let mut server = Server::start(&["--unix-socket", name]);
    assert!(ask().starts_with("HTTP/1.1 200 OK"));
    server.kill();
    assert!(socket.exists(), "a server that is killed leaves it behind");
    server.restart();
    assert!(ask().starts_with("HTTP/1.1 200 OK"));
    let second = crate::support::run("pserve", &["--listen", "127.0.0.1:0", "--db", "memory:", "--unix-socket", name]);
    assert!(second.expect_code(1).stderr.contains("another server listens on it"));
    server.stop().expect_code(130);
    assert!(!socket.exists());
}

#[test]
fn http_2_without_tls_is_spoken_to_clients_that_begin_with_it() {
    let server = Server::start(&[]);
    let client = reqwest::blocking::Client::builder().http2_prior_knowledge().no_proxy().build().expect("a client");
    let url = |path: &str| format!("{}{API}{path}", server.url());
    let key = KEY.split_once(": ").expect("a header").1;
    for id in ["a", "b"] {
        let answer = client.post(url("/events")).header("X-API-Key", key).body(event(id).to_string()).send();
        let answer = answer.expect("an answer");
        assert_eq!((answer.version(), answer.status().as_u16()), (reqwest::Version::HTTP_2, 200));
    }
    let large = vec![b' '; (10 << 20) + 1];
    let refused = client.post(url("/events")).header("X-API-Key", key).body(large).send().expect("an answer");
    assert_eq!(refused.status().as_u16(), 413);
    assert_eq!(client.get(url("/events/a")).send().expect("an answer").status().as_u16(), 401);
    assert_eq!(server.count(), 2);
}

#[test]
fn a_key_may_be_given_as_its_hash_and_have_a_rate_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = folder.path().join("keys");
    // printf %s abc | sha256sum
    let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    std::fs::write(&keys, format!("sha256:{hash} acme 2/1h\nfree acme\n")).expect("written");
    let server = Server::start(&["--keys", keys.to_str().expect("UTF-8"), "--rate-limit", "5/1h"]);
    let post = |key: &str, id: &str| {
        let header = format!("X-API-Key: {key}");
        server.request("POST", "/events", &[&header], event(id).to_string().as_bytes()).status
    };
    assert_eq!([post("abc", "a"), post("abc", "b"), post("abc", "c")], [200, 200, 429]);
    assert_eq!(post(hash, "d"), 401);
    let standing = |key: &str| server.request("GET", "/rate-limit", &[&format!("X-API-Key: {key}")], b"").json();
    assert_eq!((&standing("abc")["limit"], &standing("free")["limit"]), (&json!(2), &json!(5)));
    let statuses: Vec<u16> = (0..6).map(|number| post("free", &format!("f{number}"))).collect();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 429]);
}

#[test]
fn schemathesis_finds_no_500_and_no_answer_that_is_not_described() {
    let Ok(found) = Command::new("schemathesis").arg("--version").output() else {
        eprintln!("skipped: needs schemathesis");
        return;
    };
    assert!(found.status.success());
    let server = Server::start(&[]);
    let script = format!(
        "schemathesis run {}/openapi.json -H '{KEY}' --checks not_a_server_error,status_code_conformance \
         --exclude-path {API}/live --max-examples 30 --no-color",
        server.url()
    );
    let folder = tempfile::tempdir().expect("a folder");
    let run = shell_in(folder.path(), &script, &[]);
    assert_eq!(run.code(), 0, "{}", String::from_utf8_lossy(&run.stdout));
}
