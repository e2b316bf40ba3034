//! Clients that drip, that speak something else, and servers that start at once on one new file.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

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
