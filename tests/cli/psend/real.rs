//! Dialects against the servers that they are for, where these are installed (`.ci/run` does that): ClickHouse from Debian, and CouchDB's
//! API on PouchDB from npm.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{outcomes, words};
use crate::support::{run, run_with, shell};

/// A server that ends with the test.
struct Running {
    child: Child,
    url: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    /// Starts a server on this port, and waits until it answers.
    fn start(command: &mut Command, port: u16) -> Self {
        let child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        let mut running = Self { child, url: format!("http://127.0.0.1:{port}") };
        let begun = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(60), "the server does not listen");
            assert!(running.child.try_wait().expect("it can be asked").is_none(), "the server has ended");
            std::thread::sleep(Duration::from_millis(50));
        }
        running
    }
}

/// Asks a server, as any client does.
fn ask(url: &str, method: &str, path: &str, body: &str) -> (u16, String) {
    let method = method.parse().expect("a method");
    let request = reqwest::blocking::Client::new().request(method, format!("{url}{path}")).body(body.to_owned());
    let answer = request.send().expect("the server answers");
    (answer.status().as_u16(), answer.text().expect("a whole answer"))
}

/// A port that nobody listens on.
fn port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port is free").port()
}

fn events(count: usize) -> String {
    let made = run("pgen", &["-n", &count.to_string(), "-q", "--seed", "5", "--start", "2026-01-05T00:00:00Z"]);
    String::from_utf8(made.expect_code(0).stdout).expect("UTF-8")
}

fn how_many(told: &[Value], word: &str) -> usize {
    words(told).iter().filter(|told| **told == word).count()
}

fn clickhouse(folder: &Path) -> Running {
    let (http, tcp) = (port(), port());
    let path = |name: &str| folder.join(name).display().to_string();
    let users = "<yandex><profiles><default/></profiles><quotas><default/></quotas><users><default><password/>\
                 <networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota></default></users></yandex>";
    let config = format!(
        "<yandex><logger><level>error</level><console>1</console></logger><http_port>{http}</http_port><tcp_port>{tcp}</tcp_port>\
         <listen_host>127.0.0.1</listen_host><path>{}/</path><tmp_path>{}/</tmp_path><users_config>{}</users_config>\
         <default_profile>default</default_profile><default_database>default</default_database>\
         <mark_cache_size>5368709</mark_cache_size></yandex>",
        path("data"),
        path("tmp"),
        path("users.xml")
    );
    std::fs::write(folder.join("users.xml"), users).expect("written");
    std::fs::write(folder.join("config.xml"), config).expect("written");
    Running::start(
        Command::new("clickhouse-server").arg(format!("--config-file={}", path("config.xml"))).current_dir(folder),
        http,
    )
}

#[test]
fn clickhouse_stores_what_psend_says_that_it_accepted() {
    if shell("command -v clickhouse-server").code() != 0 {
        eprintln!("skipped: the clickhouse dialect against ClickHouse needs clickhouse-server");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let server = clickhouse(folder.path());
    let query = |text: &str| {
        let (status, answer) = ask(&server.url, "POST", "/", text);
        assert_eq!(status, 200, "{text}: {answer}");
        answer.trim().to_owned()
    };
    query("CREATE DATABASE d");
    query(
        "CREATE TABLE d.t (event_id String, timestamp DateTime, severity String) ENGINE = MergeTree ORDER BY event_id",
    );
    // The time of every hundredth is none.
    let broken = |(nth, line): (usize, &str)| {
        let line = if nth % 100 == 99 {
            line.replacen("\"timestamp\":\"2026", "\"timestamp\":\"soon", 1)
        } else {
            line.to_owned()
        };
        format!("{line}\n")
    };
    let input: String = events(3000).lines().enumerate().map(broken).collect();
    let url = format!("{}/?database=d&table=t", server.url);
    let flags = ["--url", &url, "--dialect", "clickhouse", "--batch", "250", "-q"];
    let (told, _) = outcomes(&run_with("psend", &flags, input.as_bytes()).expect_code(0));
    assert_eq!((how_many(&told, "accepted"), how_many(&told, "rejected")), (2970, 30));
    assert_eq!(query("SELECT count(), uniqExact(event_id) FROM d.t"), "2970\t2970");
    assert_eq!(query("SELECT count() FROM d.t WHERE timestamp >= toDateTime('2026-01-04 00:00:00')"), "2970");
    let wrong = format!("{}/?table=nowhere", server.url);
    let run =
        run_with("psend", &["--url", &wrong, "--dialect", "clickhouse", "-q"], events(3).as_bytes()).expect_code(0);
    let (told, _) = outcomes(&run);
    assert_eq!(words(&told), ["failed"; 3], "{}", told[0]);
    assert!(told[0]["error"]["message"].as_str().is_some_and(|m| m.contains("Code: 60")), "{}", told[0]);
}

#[test]
fn couchdbs_api_stores_what_psend_says_that_it_accepted_and_shows_it() {
    let adapters = ["core", "adapter-memory", "adapter-http", "mapreduce", "replication", "find"];
    let modules = adapters.map(|adapter| format!("pouchdb-{adapter}"));
    let modules = [&modules[..], &["express".to_owned(), "express-pouchdb".to_owned()]].concat();
    let loaded: Vec<String> = modules.iter().map(|module| format!("require('{module}')")).collect();
    if shell(&format!("node -e \"{}\"", loaded.join("; "))).code() != 0 {
        eprintln!("skipped: the couchdb dialect against PouchDB needs node and, in NODE_PATH, {}", modules.join(", "));
        return;
    }
    let port = port();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/psend/couchdb.js");
    let server = Running::start(Command::new("node").arg(script).arg(port.to_string()), port);
    assert_eq!(ask(&server.url, "PUT", "/db", "").0, 201);
    let input = events(1000);
    let half: String = input.lines().take(500).map(|line| format!("{line}\n")).collect();
    let url = format!("{}/db", server.url);
    let psend = |flags: &[&str], input: &str| {
        let all = [&["--url", &*url, "--dialect", "couchdb", "-q"], flags].concat();
        outcomes(&run_with("psend", &all, input.as_bytes()).expect_code(0)).0
    };
    assert_eq!(how_many(&psend(&["--batch", "100"], &half), "accepted"), 500);
    let told = psend(&["--batch", "100"], &input);
    assert_eq!((how_many(&told, "duplicate"), how_many(&told, "accepted")), (500, 500));
    assert_eq!(how_many(&psend(&["--limit", "20"], &input), "duplicate"), 20);
    let (_, about) = ask(&server.url, "GET", "/db", "");
    assert!(about.contains("\"doc_count\":1000"), "{about}");
    assert_eq!(how_many(&psend(&["--verify"], &input), "present"), 1000);
}
