//! HTTP/2: answers to a request, right and wrong.

use super::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, Frame, HEADERS, On, PADDED, PRIORITY, PUSH_PROMISE, RST_STREAM,
    SETTINGS, STATUS_200, WINDOW_UPDATE, frame, go_away, head, header, on_connection,
};
use super::server::{Plays, Step};
use super::table_body::YES;
use super::{Row, row};

/// A server that greets with its settings, and answers a request with these frames.
pub(super) fn answers(frames: impl IntoIterator<Item = Frame>) -> Plays {
    Plays::of(vec![Step::Frames(frames.into_iter().collect(), 1)]).greets(vec![settings([])])
}

pub(super) fn settings(payload: impl AsRef<[u8]>) -> Step {
    Step::Frames(vec![on_connection(SETTINGS, 0, payload)], 1)
}

/// The frames that take an event.
pub(super) fn good() -> [Frame; 2] {
    [head(0, [STATUS_200]), frame(DATA, END_STREAM, YES)]
}

pub(super) fn rows() -> Vec<Row> {
    let of_one_answer = [heads(), bodies()].into_iter().flatten().map(Row::only_plain);
    of_one_answer.chain(resets()).chain(farewells()).map(Row::http2).collect()
}

const WRONG: &str = "unknown/malformed x2";

fn heads() -> Vec<Row> {
    let whole = |hpack: Vec<u8>| answers([head(END_STREAM, hpack)]);
    let with = |name: &str, value: &[u8]| whole([vec![STATUS_200], header(name, value)].concat());
    let status = |status: &str| whole(header(":status", status.as_bytes()));
    let hint = || head(0, header(":status", b"103"));
    let in_parts = |last: u8| {
        let padding = header("x", &[b'y'; 100]);
        let parts = padding.iter().map(|byte| frame(CONTINUATION, 0, [*byte]));
        let first = frame(HEADERS, END_STREAM, [STATUS_200]);
        let parts: Vec<Frame> = [first].into_iter().chain(parts).chain([frame(CONTINUATION, last, [])]).collect();
        answers(parts)
    };
    let flood = |of: Frame| answers([frame(HEADERS, END_STREAM, [STATUS_200])]).and(Step::Frames(vec![of], usize::MAX));
    vec![
        row("a head alone", whole(vec![STATUS_200]), "accepted"),
        row("a head and a body", answers(good()), "accepted"),
        row("a head in a hundred parts", in_parts(END_HEADERS), WRONG),
        row("a head whose parts do not end", in_parts(0), WRONG),
        row("CONTINUATION without end", flood(frame(CONTINUATION, 0, header("x", &[b'y'; 1000]))), WRONG).waits(),
        row("empty CONTINUATION without end", flood(frame(CONTINUATION, 0, [])), WRONG).waits(),
        row("CONTINUATION without HEADERS", answers([frame(CONTINUATION, END_HEADERS, [STATUS_200])]), WRONG),
        row(
            "another frame among the parts of a head",
            answers([
                frame(HEADERS, END_STREAM, [STATUS_200]),
                frame(DATA, 0, YES),
                frame(CONTINUATION, END_HEADERS, []),
            ]),
            WRONG,
        ),
        row(
            "CONTINUATION on another stream",
            answers([frame(HEADERS, END_STREAM, [STATUS_200]), frame(CONTINUATION, END_HEADERS, []).on(99)]),
            WRONG,
        ),
        row("a head of 60 KiB", answers(large_head(60)), "accepted"),
        row("a head of 100 KiB", answers(large_head(100)), WRONG),
        row("a head of 1 MiB", answers(large_head(1024)), WRONG),
        row("103 before the answer", answers([hint()].into_iter().chain(good())), "accepted"),
        row("a hundred 103 before the answer", answers(vec![hint(); 100].into_iter().chain(good())), "accepted"),
        row("103 without end", answers([]).and(Step::Frames(vec![hint()], usize::MAX)), "unknown/timeout x2").waits(),
        row("103 that ends the stream", answers([head(END_STREAM, header(":status", b"103"))]), WRONG),
        row("100 and silence", answers([head(0, header(":status", b"100"))]), "unknown/timeout x2").waits(),
        row("101", status("101"), WRONG),
        row("no status", whole(header("x", b"y")), WRONG),
        row("two statuses", whole([vec![STATUS_200], header(":status", b"422")].concat()), WRONG),
        row("a status in words", status("OK"), WRONG),
        row("a status of two digits", status("20"), WRONG),
        row("a status of four digits", status("2000"), WRONG),
        row("status 999", status("999"), "failed/http"),
        row("status 422", status("422"), "rejected/http"),
        row("status 503", status("503"), "failed/http x2"),
        row("a status behind a header", whole([header("x", b"y"), vec![STATUS_200]].concat()), WRONG),
        row("a path in an answer", with(":path", b"/"), "accepted"),
        row("a header that only begins with a colon", with(":x", b"y"), WRONG),
        row("a name in capitals", with("X", b"y"), WRONG),
        row("a name of nothing", with("", b"y"), WRONG),
        row("a name with a blank", with("x y", b"z"), WRONG),
        row("a value with a line end", with("x", b"y\r\nz: a"), WRONG),
        row("a value with a NUL", with("x", b"y\0"), WRONG),
        row("a value that is not UTF-8", with("x", b"\xff\xfe"), "accepted"),
        row("Connection: close", with("connection", b"close"), WRONG),
        row("Transfer-Encoding: chunked", with("transfer-encoding", b"chunked"), WRONG),
        row("a Retry-After of junk", with("retry-after", b"soon"), "accepted")
            .tells("is neither a number of seconds nor a date"),
        row("HPACK: index 0", whole(vec![STATUS_200, 0x80]), WRONG),
        row("HPACK: an index that no table has", whole(vec![STATUS_200, 0xff, 0x40]), WRONG),
        row("HPACK: a number without end", whole([vec![STATUS_200], vec![0xff; 100]].concat()), WRONG),
        row("HPACK: a text longer than the frame", whole(vec![STATUS_200, 0, 1, b'x', 100, b'y']), WRONG),
        row("HPACK: a damaged Huffman code", whole(vec![STATUS_200, 0, 1, b'x', 0x84, 0xff, 0xff, 0xff, 0xff]), WRONG),
        row("HPACK: a table of 1 GiB", whole(vec![0x3f, 0xe1, 0xff, 0xff, 0xff, 0x03, STATUS_200]), WRONG),
    ]
}

/// An answer that takes the event, with so many KiB of head, in frames of the usual size.
fn large_head(kib: usize) -> Vec<Frame> {
    let lines: Vec<u8> = (0..kib).flat_map(|_| header("x", &[b'y'; 980])).collect();
    let hpack = [vec![STATUS_200], lines].concat();
    let mut parts = hpack.chunks(16 << 10);
    let first = frame(HEADERS, END_STREAM, parts.next().expect("a first part"));
    let rest = parts.map(|part| frame(CONTINUATION, 0, part));
    [first].into_iter().chain(rest).chain([frame(CONTINUATION, END_HEADERS, [])]).collect()
}

fn bodies() -> Vec<Row> {
    let begun = |then: Vec<Frame>| answers([head(0, [STATUS_200])].into_iter().chain(then));
    let long = |value: &str| {
        let hpack = [vec![STATUS_200], header("content-length", value.as_bytes())].concat();
        answers([head(0, hpack), frame(DATA, END_STREAM, YES)])
    };
    let padded = |length: u8, padding: usize| {
        frame(DATA, END_STREAM | PADDED, [length]).with(YES.as_bytes()).with(&vec![0; padding])
    };
    let empty = || frame(DATA, 0, []);
    let end = || frame(DATA, END_STREAM, YES);
    vec![
        row("a body and trailers", begun(vec![frame(DATA, 0, YES), head(END_STREAM, header("x", b"y"))]), "accepted"),
        row("trailers that do not end the stream", begun(vec![frame(DATA, 0, YES), head(0, header("x", b"y"))]), WRONG),
        row("trailers with a status", begun(vec![frame(DATA, 0, YES), head(END_STREAM, [STATUS_200])]), "accepted"),
        row("a length that is right", long("16"), "accepted"),
        row("a length of one byte less", long("15"), WRONG),
        row("a length of one byte more", long("17"), WRONG),
        row("a length below zero", long("-1"), WRONG),
        row("a length of words", long("sixteen"), WRONG),
        row("a length of 2^64", long("18446744073709551616"), WRONG),
        row("padding", begun(vec![padded(255, 255)]), "accepted"),
        row("padding longer than the frame", begun(vec![padded(255, 3)]), WRONG),
        row("padding that is all of the frame", begun(vec![frame(DATA, END_STREAM | PADDED, [0])]), "accepted"),
        row("padding without its length", begun(vec![frame(DATA, END_STREAM | PADDED, [])]), WRONG),
        row("a body before the head", answers([end()]), WRONG),
        row("a body behind the end", answers(good().into_iter().chain([end()])), "accepted").events(1),
        row("a head behind the end", answers(good().into_iter().chain([head(END_STREAM, [STATUS_200])])), "accepted")
            .events(1),
        row("a body on a stream that was not asked for", answers([end().on(99)]), WRONG),
        row("a body on the connection", answers([end().on(0)]), WRONG),
        row("a head on the connection", answers([head(END_STREAM, [STATUS_200]).on(0)]), WRONG),
        row("a head on an even stream", answers([head(END_STREAM, [STATUS_200]).on(2)]), WRONG),
        row("fifty empty pieces", begun(vec![empty(); 50].into_iter().chain([end()]).collect()), "accepted"),
        row("empty pieces without end", begun(Vec::new()).and(Step::Frames(vec![empty()], usize::MAX)), WRONG).waits(),
        row("a frame larger than is allowed", begun(vec![frame(DATA, END_STREAM, vec![b' '; 20_000])]), WRONG),
        row("a frame of 16 MiB", begun(vec![end().of_length(0xff_ffff)]), WRONG),
        row("more than the window allows", begun(vec![frame(DATA, 0, vec![b' '; 16 << 10]); 4]), WRONG),
        row(
            "a frame that is cut off, and the end",
            begun(vec![end().of_length(17)]).and(Step::Close),
            "unknown/reset x2",
        ),
        row("a frame that is cut off, and silence", begun(vec![end().of_length(17)]), "unknown/timeout x2").waits(),
        row("a head and silence", begun(Vec::new()), "unknown/timeout x2").waits(),
        row("a head and the end", begun(Vec::new()).and(Step::Close), "unknown/reset x2"),
        row("a head and a reset of the connection", begun(Vec::new()).and(Step::Reset), "unknown/reset x2"),
        row("silence", answers([]), "unknown/timeout x2").waits(),
        row("the end", answers([]).and(Step::Close), "unknown/reset x2"),
        row("a reset of the connection", answers([]).and(Step::Reset), "unknown/reset x2"),
        row(
            "HTTP/1.1 instead of frames",
            answers([]).and(Step::Write(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), 1)),
            WRONG,
        ),
    ]
}

fn resets() -> Vec<Row> {
    let reset = |code: u32| frame(RST_STREAM, 0, code.to_be_bytes());
    let codes = (0..=14)
        .filter(|code| ![7, 13].contains(code))
        .map(|code| row(format!("RST_STREAM with code {code}"), answers([reset(code)]), "unknown/reset x2"));
    let others = [
        row("RST_STREAM with code 2^32 - 1", answers([reset(u32::MAX)]), "unknown/reset x2"),
        row("RST_STREAM with REFUSED_STREAM", answers([reset(7)]), "failed/reset x2"),
        row("REFUSED_STREAM, and then good", answers([reset(7)]).then(answers(good())), "accepted"),
        row("RST_STREAM with HTTP_1_1_REQUIRED", answers([reset(13)]), "unknown/http, not_sent/http x0"),
        row("RST_STREAM behind a head", answers([head(0, [STATUS_200]), reset(2)]), "unknown/reset x2"),
        row("REFUSED_STREAM behind a head", answers([head(0, [STATUS_200]), reset(7)]), "unknown/reset x2"),
        row("RST_STREAM with NO_ERROR behind an answer", answers(good().into_iter().chain([reset(0)])), "accepted"),
        row(
            "RST_STREAM with INTERNAL_ERROR behind an answer",
            answers(good().into_iter().chain([reset(2)])),
            "accepted",
        ),
        row("RST_STREAM of three bytes", answers([reset(8).of_length(3)]), WRONG),
        row("RST_STREAM of the connection", answers([reset(8).on(0)]), WRONG),
        row("RST_STREAM of a stream that was not asked for", answers([reset(8).on(99)]), WRONG),
        row(
            "a priority that depends on itself",
            answers([frame(PRIORITY, 0, [0, 0, 0, 1, 0]).on(1)].into_iter().chain(good())),
            "accepted x2",
        )
        .events(1),
        row(
            "a promise",
            answers([frame(PUSH_PROMISE, END_HEADERS, [0, 0, 0, 2, STATUS_200])].into_iter().chain(good())),
            WRONG,
        ),
        row(
            "a window of the stream that grows by 0",
            answers([frame(WINDOW_UPDATE, 0, [0; 4])].into_iter().chain(good())),
            WRONG,
        ),
        row(
            "a window of the stream that overflows",
            answers([frame(WINDOW_UPDATE, 0, 0x7fff_ffff_u32.to_be_bytes())].into_iter().chain(good())),
            "accepted",
        ),
    ];
    codes.chain(others).collect()
}

fn farewells() -> Vec<Row> {
    const ALL: On = On::Stream(0x7fff_ffff);
    const NONE: On = On::Stream(0);
    let bye = |last: On, code: u32| answers([go_away(last, code)]);
    let lost = "unknown/reset x2";
    let refused = "failed/reset x2";
    let behind = |last: On, code: u32| answers(good().into_iter().chain([go_away(last, code)]));
    vec![
        row("GOAWAY: none was processed", bye(NONE, 0), refused).events(1),
        row("GOAWAY: none was processed, and the end", bye(NONE, 0).and(Step::Close), refused).events(1),
        row("GOAWAY: none was processed, with INTERNAL_ERROR", bye(NONE, 2), refused).events(1),
        row("GOAWAY: none was processed, and then good", bye(NONE, 0).then(answers(good())), "accepted"),
        row(
            "GOAWAY: this one may be, and the answer",
            answers([go_away(On::Request, 0)].into_iter().chain(good())),
            "accepted",
        ),
        row("GOAWAY: this one may be, and the end", bye(On::Request, 0).and(Step::Close), lost),
        row("GOAWAY: this one may be, with INTERNAL_ERROR, and the end", bye(On::Request, 2).and(Step::Close), lost),
        row(
            "GOAWAY: this one may be, with ENHANCE_YOUR_CALM, and the end",
            bye(On::Request, 11).and(Step::Close),
            lost,
        ),
        row("GOAWAY: this one may be, and silence", bye(On::Request, 0), "unknown/timeout x2").waits(),
        row("GOAWAY: all may be, and the end", bye(ALL, 0).and(Step::Close), lost),
        row("GOAWAY: all may be, and a reset of the connection", bye(ALL, 0).and(Step::Reset), lost),
        row("GOAWAY: all may be, then none was", answers([go_away(ALL, 0), go_away(NONE, 0)]), refused).events(1),
        row("GOAWAY: none was processed, then all may be", answers([go_away(NONE, 0), go_away(ALL, 0)]), refused)
            .events(1),
        row("GOAWAY behind an answer", behind(On::Request, 0), "accepted"),
        row("GOAWAY with PROTOCOL_ERROR behind an answer", behind(On::Request, 1), "accepted"),
        row("GOAWAY that belies the answer before it", behind(NONE, 0), "accepted"),
        row("GOAWAY behind a head, as not processed", answers([head(0, [STATUS_200]), go_away(NONE, 0)]), lost),
        row("GOAWAY with 16 KiB of words", answers([go_away(NONE, 11).with(&[b'x'; 16_000])]), refused).events(1),
        row("GOAWAY of seven bytes", answers([go_away(NONE, 0).of_length(7)]), WRONG),
        row("GOAWAY on a stream", answers([go_away(NONE, 0).on(1)]), WRONG),
    ]
}
