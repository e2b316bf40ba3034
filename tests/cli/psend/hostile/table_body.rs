//! Bodies: their lengths, chunks, codings and texts.

use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::server::{Plays, Step};
use super::{Row, row};

/// A body with which PulseStream takes an event.
pub(super) const YES: &str = r#"{"success":true}"#;

/// An answer of 200 with these header lines and this body.
pub(super) fn ok(headers: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\n{body}")
}

/// An answer of 200 with this body, and its length.
pub(super) fn with_body(body: &[u8]) -> Vec<u8> {
    with_coding("X: y", body)
}

fn with_coding(header: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 200 OK\r\n{header}\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

fn close(bytes: impl AsRef<[u8]>) -> Plays {
    Plays::from(bytes).and(Step::Close)
}

fn chunked(body: &str) -> String {
    ok("Transfer-Encoding: chunked", body)
}

pub(super) fn rows() -> Vec<Row> {
    [lengths(), chunks(), codings(), texts(), sizes()].into_iter().flatten().collect()
}

fn lengths() -> Vec<Row> {
    let length = |value: &str| ok(&format!("Content-Length: {value}"), YES);
    vec![
        row("a length of one byte less", length("15"), "unknown/http x2"),
        row("a length of one byte more, and the end", close(length("17")), "unknown/reset x2"),
        row("a length of one byte more, and silence", length("17"), "unknown/timeout x2").waits(),
        row("a length of nothing, and a body", length("0"), "accepted"),
        row("a length below zero", length("-1"), "unknown/malformed x2"),
        row("a length with a plus", length("+16"), "unknown/malformed x2"),
        row("a length in hexadecimal", length("0x10"), "unknown/malformed x2"),
        row("a length with a fraction", length("16.0"), "unknown/malformed x2"),
        row("a length of words", length("sixteen"), "unknown/malformed x2"),
        row("a length that is empty", length(""), "unknown/malformed x2"),
        row("a length with a blank inside", length("1 6"), "unknown/malformed x2"),
        row("a length with zeros before it", length("0000000000000000000000016"), "accepted"),
        row("a length in other digits", length("\u{661}\u{666}"), "unknown/malformed x2"),
        row("a length of 2^63, and the end", close(length("9223372036854775808")), "unknown/reset x2"),
        row("a length of 2^64 - 1, and the end", close(length("18446744073709551615")), "unknown/reset x2"),
        row("a length of 2^64", length("18446744073709551616"), "unknown/malformed x2"),
        row("two lengths that are equal", ok("Content-Length: 16\r\nContent-Length: 16", YES), "accepted"),
        row("two lengths that differ", ok("Content-Length: 16\r\nContent-Length: 15", YES), "unknown/malformed x2"),
        row("a list of equal lengths", length("16, 16"), "accepted"),
        row("a list of lengths that differ", length("16, 17"), "unknown/malformed x2"),
        row("a list with an empty length", length("16,"), "unknown/malformed x2"),
        row("no length, up to the end", close(ok("X: y", YES)), "accepted"),
        row("no length, up to a cut", Plays::from(ok("X: y", YES)).and(Step::Cut), "accepted")
            .over_tls("unknown/reset x2"),
        row("no length, and no end", ok("X: y", YES), "unknown/timeout x2").waits(),
        row(
            "no length, and a reset",
            Plays::from(ok("X: y", YES)).and(Step::Pause(Duration::from_millis(50))).and(Step::Reset),
            "unknown/reset x2",
        ),
        row("no length in HTTP/1.0, up to the end", close(format!("HTTP/1.0 200 OK\r\n\r\n{YES}")), "accepted"),
    ]
}

fn chunks() -> Vec<Row> {
    let whole = format!("10\r\n{YES}\r\n0\r\n");
    let sized = |size: &str| chunked(&format!("{size}\r\n{YES}\r\n0\r\n\r\n"));
    let wrong = "unknown/malformed x2";
    let bytes: String = YES.chars().map(|byte| format!("1\r\n{byte}\r\n")).collect();
    let extended = |bytes: usize| sized(&format!("10;a={}", "x".repeat(bytes)));
    let trailers = |count: usize| chunked(&format!("{whole}{}\r\n", "X: y\r\n".repeat(count)));
    let coded = |codings: &str| ok(&format!("Transfer-Encoding: {codings}"), &format!("{whole}\r\n"));
    vec![
        row("chunks of one byte", chunked(&format!("{bytes}0\r\n\r\n")), "accepted"),
        row("a chunk's size with zeros before it", sized("0000000000000010"), "accepted"),
        row("a chunk's size of 17 digits", sized("00000000000000010"), "accepted"),
        row("a chunk's size below zero", sized("-10"), wrong),
        row("a chunk's size with 0x", sized("0x10"), wrong),
        row("a chunk's size that is empty", sized(""), wrong),
        row("a chunk's size with blanks behind it", sized("10  "), "accepted"),
        row("a chunk's size with a blank before it", sized(" 10"), wrong),
        row("a chunk's size with LF alone", chunked(&format!("10\n{YES}\r\n0\r\n\r\n")), wrong),
        row("a chunk's end with LF alone", chunked(&format!("10\r\n{YES}\n0\r\n\r\n")), wrong),
        row("a chunk longer than its size", sized("f"), wrong),
        row("a chunk shorter than its size", sized("11"), wrong),
        row(
            "a chunk of 2^64 - 1, and the end",
            close(chunked(&format!("ffffffffffffffff\r\n{YES}"))),
            "unknown/reset x2",
        ),
        row("chunks without the last, and the end", close(chunked(&format!("10\r\n{YES}\r\n"))), "unknown/reset x2"),
        row("chunks without the last, and silence", chunked(&format!("10\r\n{YES}\r\n")), "unknown/timeout x2").waits(),
        row("the last chunk without its empty line, and the end", close(chunked(&whole)), "unknown/reset x2"),
        row("the last chunk alone", chunked("0\r\n\r\n"), "accepted"),
        row("the last chunk with five zeros", chunked(&format!("10\r\n{YES}\r\n00000\r\n\r\n")), "accepted"),
        row("an extension without a value", sized("10;a"), "accepted"),
        row("an extension in quotes", sized("10;a=\"b;c\""), "accepted"),
        row("an extension of 10 KiB", extended(10 << 10), "accepted"),
        row("an extension of 30 KiB", extended(30 << 10), "accepted")
            .unlike_hyper("psend's limit is 64 KiB, hyper's 16 KiB"),
        row("an extension of 100 KiB", extended(100 << 10), wrong),
        row(
            "extensions without end",
            Plays::from(ok("Transfer-Encoding: chunked", "1;")).and(Step::Write(vec![b'x'; 1000], usize::MAX)),
            wrong,
        )
        .waits(),
        row("50 trailers", trailers(50), "accepted"),
        row("200 trailers", trailers(200), wrong),
        row(
            "trailers without end",
            Plays::from(chunked(&whole)).and(Step::Write(b"X: y\r\n".repeat(1000), usize::MAX)),
            wrong,
        )
        .waits(),
        row("a trailer without a colon", chunked(&format!("{whole}X\r\n\r\n")), wrong),
        row("a trailer with a length", chunked(&format!("{whole}Content-Length: 1\r\n\r\n")), "accepted"),
        row(
            "chunks and a length",
            ok("Transfer-Encoding: chunked\r\nContent-Length: 3", &format!("{whole}\r\n")),
            "accepted",
        ),
        row(
            "a length and chunks",
            ok("Content-Length: 3\r\nTransfer-Encoding: chunked", &format!("{whole}\r\n")),
            "accepted",
        ),
        row(
            "chunks and a length that is none",
            ok("Transfer-Encoding: chunked\r\nContent-Length: x", &format!("{whole}\r\n")),
            wrong,
        )
        .unlike_hyper("hyper does not read a length that chunks override"),
        row("CHUNKED", coded("CHUNKED"), "accepted"),
        row("chunked twice", coded("chunked, chunked"), "accepted"),
        row("chunked, then another, up to the end", close(coded("chunked, gzip")), "unknown/http x2"),
        row("xchunked, up to the end", close(coded("xchunked")), "unknown/http x2"),
        row("chunks in HTTP/1.0", coded("chunked").replace("HTTP/1.1", "HTTP/1.0"), wrong),
        row(
            "two lines of codings",
            ok("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked", &format!("{whole}\r\n")),
            "unknown/http x2",
        ),
    ]
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut to = GzEncoder::new(Vec::new(), Compression::fast());
    to.write_all(text).and_then(|()| to.finish()).expect("memory")
}

fn codings() -> Vec<Row> {
    let unread = "unknown/http x2";
    let whole = gzip(YES.as_bytes());
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0xff;
    let coded = |coding: &str, body: &[u8]| with_coding(&format!("Content-Encoding: {coding}"), body);
    let nested = (0..5).fold(YES.as_bytes().to_vec(), |body, _| gzip(&body));
    let mut bomb = GzEncoder::new(Vec::new(), Compression::fast());
    (0..200).for_each(|_| bomb.write_all(&[b' '; 1 << 20]).expect("memory"));
    let bomb = bomb.finish().expect("memory");
    vec![
        row("gzip that is none", coded("gzip", YES.as_bytes()), unread),
        row("gzip that is damaged", coded("gzip", &damaged), unread),
        row("gzip that is cut off", coded("gzip", &whole[..whole.len() - 5]), unread),
        row("gzip with junk behind it", coded("gzip", &[&whole[..], b"junk"].concat()), unread),
        row("gzip in two members", coded("gzip", &[gzip(b"{\"success\":"), gzip(b"true}")].concat()), "accepted"),
        row("gzip of nothing", coded("gzip", b""), "accepted"),
        row("gzip of 200 MB", coded("gzip", &bomb), unread),
        row("gzip of 200 MB that no header names", with_body(&bomb), "accepted"),
        row("gzip five times", coded("gzip, gzip, gzip, gzip, gzip", &nested), unread),
        row("a hundred codings", coded(&"gzip, ".repeat(100), &whole), unread),
        row("a coding that nobody knows", coded("rot13", YES.as_bytes()), unread),
        row("br that is none", coded("br", YES.as_bytes()), unread),
        row("br with a window of 1 GiB", coded("br", b"\x11\x1e\0\0"), unread),
        row("zstd that is none", coded("zstd", YES.as_bytes()), unread),
        row("zstd with a window of 2 GiB", coded("zstd", b"\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00"), unread),
        row("deflate that is none", coded("deflate", b"\xff\xff\xff"), unread),
        row("gzip that refuses", coded("gzip", &gzip(b"{\"success\":false}")), "rejected/http"),
        row(
            "a refusal whose coding is unknown",
            "HTTP/1.1 422 No\r\nContent-Encoding: rot13\r\nContent-Length: 2\r\n\r\n{}",
            "rejected/http",
        ),
    ]
}

fn texts() -> Vec<Row> {
    let utf16: Vec<u8> = [0xfffe]
        .into_iter()
        .chain("{\"success\":false}".encode_utf16().map(u16::swap_bytes))
        .flat_map(u16::to_be_bytes)
        .collect();
    let says = |text: &str, says| row(format!("a body of {text}"), with_body(text.as_bytes()), says);
    vec![
        row("a byte order mark", with_body(b"\xef\xbb\xbf{\"success\":false}"), "rejected/http"),
        row("a body in UTF-16", with_body(&utf16), "rejected/http"),
        row("a body of half a UTF-16 character", with_body(b"\xff\xfe{"), "unknown/http x2"),
        row("NULs", with_body(&[0; 1000]), "accepted"),
        row("bytes that are not UTF-8", with_body(b"{\"message\":\"\xff\xfe\xc3\"}"), "accepted"),
        row("brackets 100,000 deep that are cut off", with_body(&[b'['; 100_000]), "unknown/http x2"),
        row(
            "objects 100,000 deep that are cut off",
            with_body("{\"a\":".repeat(100_000).as_bytes()),
            "unknown/http x2",
        ),
        row(
            "a refusal behind brackets 100,000 deep",
            with_body(&[b"{\"a\":".as_slice(), &[b'['; 100_000], &[b']'; 100_000], b",\"success\":false}"].concat()),
            "rejected/http",
        ),
        row("terminal codes", b"HTTP/1.1 422 No\r\nContent-Length: 11\r\n\r\n\x1b[2J\x1b]0;x\x07\x9b", "rejected/http"),
        says("", "accepted"),
        says("null", "accepted"),
        says("[]", "accepted"),
        says("\"yes\"", "accepted"),
        says("{}", "accepted"),
        says("{\"success\":null}", "accepted"),
        says("{\"success\":0}", "accepted"),
        says("{\"success\":false}", "rejected/http"),
        says("{\"success\":\"false\"}", "rejected/http"),
        says("{ \"success\" :\tfalse }", "rejected/http"),
        says("{\"success\":false", "unknown/http x2"),
        says("{\"\\u0073uccess\":false}", "rejected/http"),
        says("{\"success\":true,\"success\":false}", "rejected/http"),
        says("{\"success\":false,\"success\":true}", "accepted"),
        says("{\"error\":true,\"status_code\":500}", "rejected/http"),
        says("{\"message\":\"Event already exists\"}", "duplicate"),
        says("{\"message\":\"Event \\u0061lready exists\"}", "duplicate"),
        says("{\"message\":[\"Event already exists\"]}", "duplicate"),
        says("{\"message\":{\"success\":false}}", "accepted"),
        says("<!DOCTYPE html><title>Sign in</title>", "unknown/http x2"),
        says("<HTML>", "unknown/http x2"),
    ]
}

fn sizes() -> Vec<Row> {
    let of = |bytes: usize| with_body(&vec![b' '; bytes]);
    let large = |bytes: usize| {
        let head = ok(&format!("Content-Length: {bytes}"), "");
        Plays::from(head).and(Step::Write(vec![b' '; 64 << 10], bytes >> 16))
    };
    let dripped = |apart: u64| {
        Plays::from(ok("Content-Length: 16", "")).and(Step::Drip(YES.as_bytes().to_vec(), Duration::from_millis(apart)))
    };
    vec![
        row("a body of 1 MiB", of(1 << 20), "accepted"),
        row("a body of 1 MiB and a byte", of((1 << 20) + 1), "unknown/http x2"),
        row(
            "a refusal of 2 MiB",
            [b"HTTP/1.1 422 No\r\nContent-Length: 2097152\r\n\r\n".as_slice(), &[b'x'; 2 << 20]].concat(),
            "rejected/http",
        ),
        row("a body of 100 MiB", large(100 << 20), "unknown/http x2").large().only_plain(),
        row("a body that drips", dripped(5), "accepted"),
        row("a body that drips for longer than the time-out", dripped(100), "unknown/timeout x2").waits(),
    ]
}
