//! What goes wrong in TLS itself. Certificates that are wrong have tests of their own (network.rs).

use std::time::Duration;

use super::server::{Plays, Step};
use super::table_body::{YES, ok};
use super::{Row, row};

pub(super) fn rows() -> Vec<Row> {
    // A server that reads the client's first message, and then does this.
    let hears = |steps: Vec<Step>| Plays::of([vec![Step::Read], steps].concat()).unread();
    let says = |bytes: &[u8]| hears(vec![Step::Write(bytes.to_vec(), 1), Step::Close]);
    let not_tls = "not_sent/tls x0";
    // A whole answer, and something beneath TLS behind or before it.
    let answer = || Plays::from(ok("Content-Length: 16", YES));
    let beneath = |bytes: &[u8]| Step::Beneath(bytes.to_vec());
    let handshake = [
        ("plain HTTP", says(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"), not_tls),
        ("junk", says(&[0xff; 100]), not_tls),
        ("NULs", says(&[0; 100]), not_tls),
        ("an alert: handshake failure", says(b"\x15\x03\x03\0\x02\x02\x28"), not_tls),
        ("an alert: unrecognized name", says(b"\x15\x03\x03\0\x02\x02\x70"), not_tls),
        ("an alert: no application protocol", says(b"\x15\x03\x03\0\x02\x02\x78"), "not_sent/http x0"),
        ("an alert: internal error", says(b"\x15\x03\x03\0\x02\x02\x50"), not_tls),
        ("an alert that nobody knows", says(b"\x15\x03\x03\0\x02\x02\xff"), not_tls),
        ("close_notify", says(b"\x15\x03\x03\0\x02\x01\0"), not_tls),
        ("a record of 65,535 bytes", says(&[b"\x16\x03\x03\xff\xff".as_slice(), &[0; 65_535]].concat()), not_tls),
        ("a message of 16 MiB", says(b"\x16\x03\x03\0\x05\x02\xff\xff\xff\0"), not_tls),
        ("half a record", says(b"\x16\x03\x03\0\x7a\x02\0\0"), not_tls),
        ("data before the handshake", says(b"\x17\x03\x03\0\x05hello"), not_tls),
        ("its own first message", says(b"\x16\x03\x01\0\x04\x01\0\0\0"), not_tls),
        ("nothing, and closes", hears(vec![Step::Close]), not_tls),
        ("nothing, and resets", hears(vec![Step::Reset]), not_tls),
        ("nothing", hears(vec![Step::Hold]), "not_sent/timeout x0"),
        ("nothing, unread", Plays::of(vec![Step::Hold]).unread(), "not_sent/timeout x0"),
        ("empty records without end", hears(vec![Step::Write(b"\x16\x03\x03\0\0".to_vec(), usize::MAX)]), not_tls),
        ("warnings without end", hears(vec![Step::Write(b"\x15\x03\x03\0\x02\x01\x5a".to_vec(), usize::MAX)]), not_tls),
    ];
    let handshake = handshake.map(|(name, plays, says)| row(format!("a handshake: {name}"), plays, says).beneath_tls());
    let over_tls = |row: Row| Row { is_tls_alone: true, ..row };
    let after = [
        row(
            "plain bytes instead of an answer",
            Plays::of(vec![beneath(b"HTTP/1.1 200 OK\r\n\r\n"), Step::Hold]),
            "unknown/tls x2",
        ),
        row(
            "a damaged record instead of an answer",
            Plays::of(vec![
                beneath(b"\x17\x03\x03\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
                Step::Hold,
            ]),
            "unknown/tls x2",
        ),
        row(
            "an alert that is not encrypted",
            Plays::of(vec![beneath(b"\x15\x03\x03\0\x02\x02\x28"), Step::Hold]),
            "unknown/tls x2",
        ),
        row(
            "a damaged record behind an answer",
            answer().and(Step::Pause(Duration::from_millis(50))).and(beneath(&[0xff; 100])),
            "accepted",
        )
        .events(1),
        row(
            "half a record, and the end",
            Plays::of(vec![beneath(b"\x17\x03\x03\0\x20\0\0"), Step::Cut]),
            "unknown/reset x2",
        ),
    ];
    handshake.into_iter().chain(after.map(over_tls)).collect()
}
