//! Status lines, header lines, and what comes before an answer.

use std::time::Duration;

use super::server::{Plays, Step};
use super::table_body::{YES, ok};
use super::{Row, row};

const LENGTH: &str = "Content-Length: 16";

/// An answer that takes the event, with this for a status line.
fn begun(line: &[u8]) -> Vec<u8> {
    [line, b"\r\n", LENGTH.as_bytes(), b"\r\n\r\n", YES.as_bytes()].concat()
}

/// The same with this line among its headers.
fn with(line: &[u8]) -> Vec<u8> {
    [b"HTTP/1.1 200 OK\r\n", line, b"\r\n", LENGTH.as_bytes(), b"\r\n\r\n", YES.as_bytes()].concat()
}

fn close(bytes: impl AsRef<[u8]>) -> Plays {
    Plays::from(bytes).and(Step::Close)
}

pub(super) fn rows() -> Vec<Row> {
    [status_lines(), header_lines(), before_the_answer(), statuses()].into_iter().flatten().collect()
}

fn status_lines() -> Vec<Row> {
    let long = [b"HTTP/1.1 200 ".as_slice(), &[b'x'; 60_000]].concat();
    vec![
        row("no reason", begun(b"HTTP/1.1 200"), "accepted"),
        row("no reason but a blank", begun(b"HTTP/1.1 200 "), "accepted"),
        row("a reason of 60,000 bytes", begun(&long), "accepted"),
        row("a reason that is not ASCII", begun(b"HTTP/1.1 200 \xff\xfe"), "accepted"),
        row("a reason with a NUL", begun(b"HTTP/1.1 200 O\0K"), "unknown/malformed x2"),
        row("HTTP/2.0 in the status line", begun(b"HTTP/2.0 200 OK"), "unknown/malformed x2"),
        row("HTTP/1.2", begun(b"HTTP/1.2 200 OK"), "unknown/malformed x2"),
        row("http/1.1", begun(b"http/1.1 200 OK"), "unknown/malformed x2"),
        row("HTTP/0.9: a body without a head", close(YES), "unknown/malformed x2"),
        row("HTTP/1.0 that keeps the connection unasked", begun(b"HTTP/1.0 200 OK"), "accepted"),
        row("two blanks before the status", begun(b"HTTP/1.1  200 OK"), "unknown/malformed x2"),
        row("a tab before the status", begun(b"HTTP/1.1\t200 OK"), "unknown/malformed x2"),
        row("a status of two digits", begun(b"HTTP/1.1 20 OK"), "unknown/malformed x2"),
        row("a status of four digits", begun(b"HTTP/1.1 2000 OK"), "unknown/malformed x2"),
        row("a status below zero", begun(b"HTTP/1.1 -20 OK"), "unknown/malformed x2"),
        row("a status in words", begun(b"HTTP/1.1 OK"), "unknown/malformed x2"),
        row("status 000", begun(b"HTTP/1.1 000 OK"), "unknown/malformed x2"),
        row("status 099", begun(b"HTTP/1.1 099 OK"), "unknown/malformed x2"),
        row(
            "empty lines before the status line",
            [b"\r\n\r\n".as_slice(), &begun(b"HTTP/1.1 200 OK")].concat(),
            "accepted",
        ),
        row("a blank before the status line", begun(b" HTTP/1.1 200 OK"), "unknown/malformed x2"),
        row("a byte order mark before the status line", begun(b"\xef\xbb\xbfHTTP/1.1 200 OK"), "unknown/malformed x2"),
        row("lines that end with CR alone", "HTTP/1.1 200 OK\rContent-Length: 0\r\r", "unknown/malformed x2"),
        row("lines that end with LF alone", format!("HTTP/1.1 200 OK\n{LENGTH}\n\n{YES}"), "accepted"),
        row("a greeting of SMTP", close("220 mail.example ESMTP\r\n"), "unknown/malformed x2"),
        row("a greeting of SSH", close("SSH-2.0-OpenSSH_9.9\r\n"), "unknown/malformed x2"),
        row("an alert of TLS", close(b"\x15\x03\x01\x00\x02\x02\x46"), "unknown/malformed x2"),
        row("settings of HTTP/2", close(b"\0\0\0\x04\0\0\0\0\0"), "unknown/malformed x2"),
        row("a request instead of an answer", close("GET / HTTP/1.1\r\nHost: you\r\n\r\n"), "unknown/malformed x2"),
    ]
}

fn header_lines() -> Vec<Row> {
    let lines =
        |count: usize| (0..count).map(|n| format!("X-{n}: y\r\n")).collect::<String>().trim_end().as_bytes().to_vec();
    let long = |bytes: usize| with(&[b"X: ".as_slice(), &vec![b'y'; bytes]].concat());
    vec![
        row("99 headers", with(&lines(99)), "accepted"),
        row("101 headers", with(&lines(100)), "unknown/malformed x2"),
        row("10,000 headers", with(&lines(10_000)), "unknown/malformed x2"),
        row("a header of 60 KiB", long(60 << 10), "accepted"),
        row("a header of 80 KiB", long(80 << 10), "unknown/malformed x2")
            .unlike_hyper("psend's limit is 64 KiB, hyper's 408 KiB"),
        row("a header of 1 MiB", long(1 << 20), "unknown/malformed x2"),
        row("a folded header", with(b"X: y\r\n z"), "unknown/malformed x2"),
        row("a folded header before all others", with(b" X: y"), "unknown/malformed x2"),
        row("a blank before the colon", with(b"X : y"), "unknown/malformed x2"),
        row(
            "a blank before the colon of the length",
            "HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n",
            "unknown/malformed x2",
        ),
        row("a header without a name", with(b": y"), "unknown/malformed x2"),
        row("a name with a blank", with(b"X Y: z"), "unknown/malformed x2"),
        row("a name that is not ASCII", with(b"X\xc3\xa4: z"), "unknown/malformed x2"),
        row("a NUL in a value", with(b"X: y\0z"), "unknown/malformed x2"),
        row("a CR in a value", with(b"X: y\rz"), "unknown/malformed x2"),
        row("a DEL in a value", with(b"X: y\x7fz"), "unknown/malformed x2"),
        row("bytes in a value that are not UTF-8", with(b"X: \xff\xfe"), "accepted"),
        row("a value of nothing", with(b"X:"), "accepted"),
        row("no blank behind the colon", with(b"X:y"), "accepted"),
        row(
            "the head a byte at a time",
            Plays::of(vec![Step::Drip(with(b"X: y"), Duration::from_millis(1))]),
            "accepted",
        ),
        row(
            "Connection: close twice, and keep-alive",
            with(b"Connection: close, keep-alive\r\nConnection: close"),
            "accepted",
        ),
        row("Keep-Alive: timeout=0", with(b"Keep-Alive: timeout=0"), "accepted"),
        row("Keep-Alive: timeout=-1", with(b"Keep-Alive: timeout=-1"), "accepted"),
        row(
            "Keep-Alive of centuries",
            with(b"Keep-Alive: timeout=18446744073709551615, max=18446744073709551615"),
            "accepted",
        ),
        row("Keep-Alive of junk", with(b"Keep-Alive: =;,timeout,=5,timeout==,max=\xff"), "accepted"),
        row("an upgrade on offer", with(b"Connection: upgrade\r\nUpgrade: h2c"), "accepted"),
        row("a trailer announced and none sent", with(b"Trailer: X"), "accepted"),
    ]
}

fn before_the_answer() -> Vec<Row> {
    let behind = |first: &str| format!("{first}{}", ok(LENGTH, YES));
    let hints = |count: usize| "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n".repeat(count);
    let endless = |bytes: &str| Plays::of(vec![Step::Write(bytes.as_bytes().to_vec(), usize::MAX)]);
    vec![
        row("100 Continue unasked", behind("HTTP/1.1 100 Continue\r\n\r\n"), "accepted"),
        row("102 and 199", behind("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 199 Soon\r\n\r\n"), "accepted"),
        row("a hundred early hints", behind(&hints(100)), "accepted"),
        row("early hints without end", endless(&hints(10)), "unknown/malformed x2").waits(),
        row("a length in 100 Continue", behind("HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n"), "accepted"),
        row("100 Continue and nothing more", "HTTP/1.1 100 Continue\r\n\r\n", "unknown/timeout x2").waits(),
        row("100 Continue and the end", close("HTTP/1.1 100 Continue\r\n\r\n"), "unknown/reset x2"),
        row(
            "101 Switching Protocols",
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
            "failed/http",
        ),
        row("empty lines without end", endless(&"\\r\\n".repeat(1000)), "unknown/malformed x2").waits(),
        row(
            "header lines without end",
            Plays::from("HTTP/1.1 200 OK\r\n").and(Step::Write(b"X: y\r\n".repeat(1000), usize::MAX)),
            "unknown/malformed x2",
        )
        .waits(),
        row(
            "a status line without end",
            Plays::from("HTTP/1.1 200 ").and(Step::Write(vec![b'x'; 1000], usize::MAX)),
            "unknown/malformed x2",
        )
        .waits(),
    ]
}

fn statuses() -> Vec<Row> {
    let taken = [200, 201, 202, 203, 206, 207, 208, 226, 250, 299].map(|status| (status, "accepted"));
    let refused = [
        400, 402, 404, 405, 406, 407, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421, 422, 423, 424, 426, 428, 431,
        451, 499,
    ];
    let failed = [501, 505, 506, 507, 508, 510, 511, 525, 526, 527, 530, 561, 600, 999];
    let passing = [408, 500, 503, 521, 522, 523];
    let of_gateways = [502, 504, 520, 524, 598, 599];
    let all = taken
        .into_iter()
        .chain(refused.map(|status| (status, "rejected/http")))
        .chain(failed.map(|status| (status, "failed/http")))
        .chain(passing.map(|status| (status, "failed/http x2")))
        .chain(of_gateways.map(|status| (status, "unknown/http x2")));
    let alone = all.map(|(status, says)| {
        row(format!("status {status}"), format!("HTTP/1.1 {status} Told\r\nContent-Length: 0\r\n\r\n"), says)
            .only_plain()
    });
    let redirects = [300, 301, 302, 303, 305, 307, 308].map(|status| {
        let answer =
            format!("HTTP/1.1 {status} Moved\r\nLocation: /api/v1/ingestion/events\r\nContent-Length: 0\r\n\r\n");
        row(format!("status {status} to itself"), answer, "rejected/redirect")
    });
    let to = |place: &str| format!("HTTP/1.1 307 Moved\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n");
    let others = vec![
        row("a redirect from https to http", to("http://localhost:9/"), "rejected/redirect"),
        row("a redirect to another server", to("https://elsewhere.invalid/"), "rejected/redirect"),
        row("a redirect to a file", to("file:///etc/passwd"), "rejected/redirect"),
        row("a redirect without a place", "HTTP/1.1 302 Moved\r\nContent-Length: 0\r\n\r\n", "rejected/redirect"),
        row("a redirect to a megabyte", to(&"x".repeat(50_000)), "rejected/redirect"),
        row("204 without a body", "HTTP/1.1 204 No Content\r\n\r\n", "accepted"),
        row("204 with a length and no body", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", "accepted"),
        row("205 with a body", format!("HTTP/1.1 205 Reset Content\r\n{LENGTH}\r\n\r\n{YES}"), "accepted"),
        row(
            "304 with a length and no body",
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
            "rejected/redirect",
        ),
        row("409 Conflict", "HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\n\r\n", "duplicate"),
        row("401 to every event", "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", "rejected/http"),
        row("403 to every event", "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "rejected/http"),
        row("425 Too Early", "HTTP/1.1 425 Too Early\r\nContent-Length: 0\r\n\r\n", "rejected/http"),
    ];
    alone.chain(redirects).chain(others).collect()
}
