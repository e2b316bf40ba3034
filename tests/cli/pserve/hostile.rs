//! Clients that drip, that speak something else, thousands of them; and servers that start at once on one new file.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::support::server::{API, KEY, Server};
use crate::support::shell_in;

#[test]
fn clients_that_announce_much_and_send_little_do_not_hold_up_others() {
    let server = Server::start(&[]);
    let head =
        format!("POST {API}/events HTTP/1.1\r\nHost: x\r\nX-API-Key: {KEY}\r\nContent-Length: 10485760\r\n\r\n{{");
    let dripping: Vec<_> = (0..40)
        .map(|_| {
            let mut client = TcpStream::connect(server.address()).expect("it listens");
            client.write_all(head.as_bytes()).expect("it reads");
            client
        })
        .collect();
    let begun = Instant::now();
    let (large, source) = ("x".repeat(200_000), r#"{"service":"s","endpoint":"/","method":"GET"}"#);
    let event = format!(
        r#"{{"event_id":"e1","event_type":"api_call","title":"t","source":{source},"payload":{{"x":"{large}"}}}}"#
    );
    assert_eq!(server.post("/events", event).0, 200);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    drop(dripping);
}

fn answer_to(server: &Server, bytes: &[u8]) -> String {
    let mut client = TcpStream::connect(server.address()).expect("it listens");
    client.write_all(bytes).expect("it reads");
    let mut answer = Vec::new();
    let _ = client.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_head_that_does_not_end_is_answered_408_and_closed() {
    let server = Server::start(&[]);
    let mut dripping = TcpStream::connect(server.address()).expect("it listens");
    let mut writer = dripping.try_clone().expect("a socket");
    // A byte now and then gives it no more time.
    let drips = std::thread::spawn(move || {
        let head = format!("GET /health HTTP/1.1\r\nX: {}", "x".repeat(1000));
        head.bytes()
            .take_while(|byte| writer.write_all(&[*byte]).map(|()| sleep(Duration::from_millis(100))).is_ok())
            .count()
    });
    let answer = answer_to(&server, b"GET /health HTTP/1.1\r\nHost: x\r\n");
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    let mut answer = Vec::new();
    let _ = dripping.read_to_end(&mut answer);
    assert!(answer.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&answer));
    dripping.shutdown(std::net::Shutdown::Both).ok();
    assert!(drips.join().expect("it wrote") < 1000);
}

#[test]
fn ten_servers_that_start_at_once_on_one_new_file_all_serve() {
    let folder = tempfile::tempdir().expect("a folder");
    let one = "pserve -q --listen 127.0.0.1:0 --db new.db --exec true";
    for _ in 0..5 {
        let script = format!(
            "rm -f new.db*; for i in {{1..10}}; do {one} & all=\"$all $!\"; done; for p in $all; do wait $p; done"
        );
        shell_in(folder.path(), &script, &[]).expect_code(0);
    }
}

/// A value of the server's `/proc` status in MiB, such as its resident memory or the most that it ever was.
fn memory(server: &Server, name: &str) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("Linux");
    let line = status.lines().find(|line| line.starts_with(name)).expect("a line");
    line.split_whitespace().nth(1).and_then(|number| number.parse::<usize>().ok()).expect("a number") >> 10
}

/// How many connections it says it has.
fn server_connections(server: &Server) -> usize {
    let metrics = crate::support::http::request(server.address(), "GET", "/metrics", &[], b"").expect("an answer");
    let line = metrics.text().lines().find_map(|line| line.strip_prefix("pserve_connections "));
    line.expect("a line").parse().expect("a number")
}

#[test]
fn thousands_of_idle_and_slow_connections_and_large_bodies_leave_room_for_the_rest() {
    if !std::path::Path::new("/proc/self/status").exists() {
        eprintln!("skipped: needs /proc");
        return;
    }
    let limit = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: limit, maximum: limit }).expect("up to its maximum it may be raised");
    let count = usize::try_from(limit.unwrap_or(u64::MAX).saturating_sub(1000).min(10_000)).expect("it is small");
    if count < 10_000 {
        eprintln!("{count} connections instead of 10000: ulimit -Hn allows no more");
    }
    let server = Server::start(&[]);
    let mut idle: Vec<TcpStream> = Vec::with_capacity(count);
    for number in 0..count {
        let mut client = TcpStream::connect(server.address()).expect("it listens");
        // A tenth is in the middle of a body that does not go on.
        if number.is_multiple_of(10) {
            let head = format!("POST {API}/events HTTP/1.1\r\nHost: x\r\n{KEY}\r\nContent-Length: 9000000\r\n\r\n{{");
            client.write_all(head.as_bytes()).expect("it reads");
        } else {
            // The others have had an answer and may ask again: the server closes a connection that never sent anything.
            client.write_all(b"GET /ready HTTP/1.1\r\nHost: x\r\n\r\n").expect("it reads");
            assert!(client.read(&mut [0; 1024]).expect("it answers") > 12);
        }
        idle.push(client);
    }
    assert_eq!(server.count(), 0);
    let connected = server_connections(&server);
    // The server may have given up on the slow ones by now.
    assert!(connected * 10 >= count * 9, "{connected} of {count} are connected");
    let before = memory(&server, "VmRSS");
    let nested = format!("{}{}", "[".repeat(120), "]".repeat(120));
    let many = vec![nested; (9 << 20) / 242].join(",");
    let large = |number: usize| {
        let mut event = super::event(&format!("large_{number}"));
        event["payload"] = serde_json::json!({"x": 0});
        event.to_string().replace("{\"x\":0}", &format!("{{\"x\":[{many}]}}"))
    };
    let slowest = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..8)
            .map(|number| {
                let (server, large) = (&server, &large);
                scope.spawn(move || server.post("/events", large(number)).0)
            })
            .collect();
        let mut slowest = Duration::ZERO;
        let mut number = 0;
        while number < 20 || !senders.iter().all(|sender| sender.is_finished()) {
            let begun = Instant::now();
            assert_eq!(server.post("/events", super::event(&format!("small_{number}")).to_string()).0, 200);
            slowest = slowest.max(begun.elapsed());
            number += 1;
        }
        assert!(senders.into_iter().all(|sender| sender.join().expect("it sends") == 200));
        slowest
    });
    eprintln!(
        "{count} connections: {before} MiB; with 8 bodies of 9 MiB at most {} MiB; a small event took at most {slowest:?}",
        memory(&server, "VmHWM")
    );
    assert!(before < 300, "{count} connections hold {before} MiB");
    assert!(memory(&server, "VmHWM") < before + 900, "{} MiB", memory(&server, "VmHWM"));
    assert!(slowest < Duration::from_secs(20), "{slowest:?}");
    drop(idle);
}
