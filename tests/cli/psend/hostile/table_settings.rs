//! HTTP/2: how a connection begins, and frames of the connection.

use super::frames::{ACK, Frame, GOAWAY, On, PING, SETTINGS, WINDOW_UPDATE, frame, go_away, on_connection};
use super::server::{Plays, Step};
use super::table_frames::{answers, good, settings};
use super::{Row, row};

pub(super) fn rows() -> Vec<Row> {
    [greetings(), set(), frames()].into_iter().flatten().map(Row::http2).collect()
}

/// No HTTP/2 is spoken at all.
const NOT_HTTP2: &str = "not_sent/http x0";
const WRONG: &str = "unknown/malformed x2";

fn greetings() -> Vec<Row> {
    let greets = |steps: Vec<Step>| answers(good()).greets(steps);
    let away = "not_sent/connect x0";
    vec![
        row("no settings", greets(Vec::new()), "accepted"),
        row("a greeting of silence", greets(vec![Step::Hold]), "not_sent/timeout x0"),
        row("settings and silence", greets(vec![settings([]), Step::Hold]), "not_sent/timeout x0"),
        row("a greeting of the end", greets(vec![Step::Close]), away),
        row("a greeting of a reset", greets(vec![Step::Reset]), away),
        row("settings and the end", greets(vec![settings([]), Step::Close]), away),
        row("junk", greets(vec![Step::Write(vec![0xff; 100], 1)]), NOT_HTTP2),
        row(
            "a greeting in HTTP/1.1",
            greets(vec![Step::Write(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), 1)]),
            NOT_HTTP2,
        ),
        row(
            "GOAWAY for a greeting",
            greets(vec![settings([]), Step::Frames(vec![go_away(On::Stream(0), 0)], 1), Step::Close]),
            away,
        ),
        row(
            "GOAWAY with ENHANCE_YOUR_CALM for a greeting",
            greets(vec![settings([]), Step::Frames(vec![go_away(On::Stream(0), 11)], 1), Step::Close]),
            away,
        ),
        row(
            "an answer before the request",
            greets(vec![settings([]), Step::Frames(good().map(|frame| frame.on(1)).to_vec(), 1)]),
            NOT_HTTP2,
        ),
        row(
            "settings a thousand times",
            greets(vec![Step::Frames(vec![on_connection(SETTINGS, 0, [])], 1000)]),
            "accepted",
        ),
    ]
}

/// A setting, as its number and value.
fn setting(number: u16, value: u32) -> Vec<u8> {
    [&number.to_be_bytes()[..], &value.to_be_bytes()].concat()
}

fn set() -> Vec<Row> {
    let with = |payload: Vec<u8>| answers(good()).greets(vec![settings(payload)]);
    let wrong = |frame: Frame| answers(good()).greets(vec![Step::Frames(vec![frame], 1)]);
    let silent = "unknown/timeout x2";
    vec![
        row("a setting that nobody knows", with(setting(0xffff, u32::MAX)), "accepted"),
        row("a thousand settings", with((0..1000).flat_map(|_| setting(0xff, 1)).collect()), "accepted"),
        row("HEADER_TABLE_SIZE 0", with(setting(1, 0)), "accepted"),
        row("HEADER_TABLE_SIZE 2^32 - 1", with(setting(1, u32::MAX)), "accepted"),
        row("ENABLE_PUSH 2", with(setting(2, 2)), NOT_HTTP2),
        row("MAX_CONCURRENT_STREAMS 0", with(setting(3, 0)), "not_sent/timeout x0").waits(),
        row("MAX_CONCURRENT_STREAMS 1", with(setting(3, 1)), "accepted"),
        row("INITIAL_WINDOW_SIZE 0", with(setting(4, 0)), "not_sent/timeout x0").waits(),
        row("INITIAL_WINDOW_SIZE 1", with(setting(4, 1)), silent).waits(),
        row("INITIAL_WINDOW_SIZE 2^31", with(setting(4, 1 << 31)), NOT_HTTP2),
        row("MAX_FRAME_SIZE 100", with(setting(5, 100)), NOT_HTTP2),
        row("MAX_FRAME_SIZE 2^24", with(setting(5, 1 << 24)), NOT_HTTP2),
        row("MAX_HEADER_LIST_SIZE 1", with(setting(6, 1)), "accepted"),
        row("settings of five bytes", wrong(on_connection(SETTINGS, 0, [0; 5])), NOT_HTTP2),
        row("settings on a stream", wrong(on_connection(SETTINGS, 0, []).on(1)), NOT_HTTP2),
        row("an acknowledgement with settings", wrong(on_connection(SETTINGS, ACK, setting(3, 1))), NOT_HTTP2),
    ]
}

fn frames() -> Vec<Row> {
    let before = |frame: Frame| answers([frame].into_iter().chain(good()));
    let flood = |frame: Frame| answers([]).and(Step::Frames(vec![frame], usize::MAX));
    let silent = "unknown/timeout x2";
    let ping = || on_connection(PING, 0, [7; 8]);
    let many = |frame: Frame, times: usize| -> Plays {
        answers([]).and(Step::Frames(vec![frame], times)).and(Step::Frames(good().to_vec(), 1))
    };
    vec![
        row("a frame that nobody knows", before(frame(0xff, 0xff, [1; 100])), "accepted"),
        row("a frame that nobody knows on the connection", before(on_connection(0xff, 0, [])), "accepted"),
        row("ALTSVC", before(frame(0x0a, 0, b"\0\0h2=\":443\"")), "accepted"),
        row("ORIGIN", before(on_connection(0x0c, 0, b"\0\x13https://example.com")), "accepted"),
        row("a thousand PINGs", many(ping(), 1000), "accepted"),
        row("PING without end", flood(ping()), silent).waits(),
        row("PING of seven bytes", before(on_connection(PING, 0, [0; 7])), WRONG),
        row("PING on a stream", before(frame(PING, 0, [0; 8])), WRONG),
        row("an answer to a PING that was not sent", before(on_connection(PING, ACK, [9; 8])), "accepted"),
        row("settings without end", flood(on_connection(SETTINGS, 0, [])), silent).waits(),
        row("an acknowledgement of settings that were not sent", before(on_connection(SETTINGS, ACK, [])), WRONG),
        row("a window that grows by 0", before(on_connection(WINDOW_UPDATE, 0, [0; 4])), WRONG),
        row("a window that overflows", before(on_connection(WINDOW_UPDATE, 0, 0x7fff_ffff_u32.to_be_bytes())), WRONG),
        row("a window update of three bytes", before(on_connection(WINDOW_UPDATE, 0, [0; 3])), WRONG),
        row("windows that grow without end", flood(on_connection(WINDOW_UPDATE, 0, 1_u32.to_be_bytes())), silent)
            .waits(),
        row("frames that nobody knows without end", flood(frame(0xfe, 0, [0; 100])), silent).waits(),
        row("an empty GOAWAY", before(on_connection(GOAWAY, 0, [])), WRONG),
    ]
}
