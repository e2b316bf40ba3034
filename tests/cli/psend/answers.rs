//! Answers that come too early, compressed, or in another text encoding.

use std::io::{Read, Write};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use super::{events, outcomes, send, words};
use crate::fakes;
use crate::scripted::{Act, Request, Scripted};
use crate::support::{Run, feed, run_with, tool};

#[test]
fn a_200_that_arrives_before_the_request_was_sent_does_not_count() {
    let received = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&received);
    let url = fakes::with_each_connection(move |mut stream| {
        let count = Arc::clone(&count);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
        std::thread::spawn(move || {
            let came = stream.read(&mut [0; 1 << 10]).is_ok_and(|bytes| bytes > 0);
            count.fetch_add(usize::from(came), Ordering::SeqCst);
            let _ = stream.read_to_end(&mut Vec::new());
        });
    });
    let run =
        run_with("psend", &["--url", &url, "-c", "1", "--retries", "0", "--no-keepalive"], &events(20)).expect_code(0);
    let (outcomes, _) = outcomes(&run);
    let accepted = words(&outcomes).iter().filter(|word| **word == "accepted").count();
    // The server's threads may still be reading what was sent.
    let patience = Instant::now() + Duration::from_secs(10);
    while accepted > received.load(Ordering::SeqCst) && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(5));
    }
    // Whether the request or the answer is first is the machine's to say; what never left was never taken.
    assert!(accepted <= received.load(Ordering::SeqCst), "{accepted} accepted, {received:?} received");
    for outcome in outcomes.iter().filter(|outcome| outcome["outcome"] != "accepted") {
        assert_eq!(outcome["outcome"], "failed", "it is known not to have left: {outcome}");
        assert_eq!(outcome["error"]["kind"], "malformed");
        assert!(outcome["error"]["message"].as_str().is_some_and(|m| m.contains("200 arrived before")), "{outcome}");
    }
}

#[test]
fn a_200_that_comes_when_part_of_the_request_was_sent_leaves_the_event_unknown() {
    for by_proxy in [false, true] {
        let mut held = Vec::new();
        let url = fakes::with_each_connection(move |mut stream| {
            let _ = stream.read(&mut [0; 1 << 10]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
            // Neither read nor closed: what is left of the request cannot be sent.
            held.push(stream);
        });
        let large = format!("{{\"event_id\":\"a\",\"pad\":\"{}\"}}\n", "x".repeat(15 << 20));
        let mut psend = tool("psend");
        match by_proxy {
            false => psend.args(["--url", &url]),
            true => psend.args(["--url", "http://pulse.invalid"]).env("http_proxy", &url).env("PULSE_API_KEY", "k"),
        };
        psend.args(["-c", "1", "--timeout", "20s", "--max-line", "16MiB", "--retries", "0"]);
        let run = feed(psend.stdin(Stdio::piped()).spawn().expect("it starts"), large.into_bytes()).expect_code(0);
        let (outcomes, _) = outcomes(&run);
        assert_eq!(words(&outcomes), ["unknown"], "{by_proxy}");
        assert_eq!(outcomes[0]["error"]["kind"], "malformed", "{by_proxy}");
    }
}

fn gzip(text: &str) -> Vec<u8> {
    let mut to = GzEncoder::new(Vec::new(), Compression::fast());
    to.write_all(text.as_bytes()).and_then(|()| to.finish()).expect("memory")
}

/// A whole answer with this body, on a connection that is kept.
fn coded(header: &str, body: &[u8]) -> Act {
    let head = format!("HTTP/1.1 200 OK\r\n{header}Content-Length: {}\r\n\r\n", body.len());
    Act::Drip([head.as_bytes(), body].concat(), Duration::ZERO)
}

const GZIP: &str = "Content-Encoding: gzip\r\n";
const DUPLICATE: &str = r#"{"success":true,"message":"Event already exists (idempotent)"}"#;

#[test]
fn answers_that_are_compressed_though_nobody_asked_are_read() {
    let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain(DUPLICATE.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    for (header, body) in [
        (GZIP, gzip(DUPLICATE)),
        ("Content-Encoding: identity, GZIP\r\n", gzip(DUPLICATE)),
        ("", format!("\u{feff}{DUPLICATE}").into_bytes()),
        (GZIP, gzip(&format!("\u{feff}{DUPLICATE}"))),
        ("", utf16),
        // A proxy that strips the header.
        ("", gzip(DUPLICATE)),
    ] {
        let server = Scripted::start(move |_| coded(header, &body));
        let run = send(&server, &[], &events(8)).expect_code(0);
        assert_eq!(words(&outcomes(&run).0), vec!["duplicate"; 8], "{header}");
        assert_eq!(server.requests()[0].header("accept-encoding"), Some("identity"));
    }

    let results = |r: &Request| {
        let events = memchr::memmem::find_iter(&r.body, b"\"event_id\"").count();
        coded(GZIP, &gzip(&json!({"results": vec![json!({"success": true}); events]}).to_string()))
    };
    let run = send(&Scripted::start(results), &["--batch", "4"], &events(8)).expect_code(0);
    assert_eq!(words(&outcomes(&run).0), vec!["accepted"; 8]);
}

#[track_caller]
fn told(run: &Run, word: &str, why: &str) {
    let (outcomes, _) = outcomes(run);
    assert_eq!(words(&outcomes), [word], "{}", outcomes[0]);
    let message = outcomes[0]["error"]["message"].as_str().unwrap_or_default();
    assert!(message.contains(why), "{message}");
}

#[test]
fn where_a_body_cannot_be_read_the_status_decides_or_the_event_is_unknown_with_the_reason() {
    let bomb = gzip(&"x".repeat(50 << 20));
    for (header, body, why) in [
        ("Content-Encoding: compress\r\n", b"\x1f\x9d".to_vec(), "content coding 'compress'"),
        (GZIP, b"not gzip".to_vec(), "not valid gzip"),
        (GZIP, bomb, "longer than 1048576 bytes once it is decompressed"),
        ("", vec![b'x'; 2 << 20], "longer than 1048576 bytes"),
    ] {
        let server = Scripted::start(move |_| coded(header, &body));
        let flags = ["--retries", "0"];
        told(&send(&server, &flags, &events(1)).expect_code(0), "unknown", why);
        told(
            &send(&server, &[&flags[..], &["--dialect", "plain"]].concat(), &events(1)).expect_code(0),
            "accepted",
            "",
        );
        told(&send(&server, &[&flags[..], &["--batch", "2"]].concat(), &events(1)).expect_code(0), "unknown", why);
    }
}
