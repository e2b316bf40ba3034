//! Connections that end, break or fall silent, at each stage.

use std::time::Duration;

use super::server::{Plays, Step};
use super::table_body::{YES, ok};
use super::{Row, row};

fn whole() -> String {
    ok("Content-Length: 16", YES)
}

/// The beginnings of an answer, by name.
fn stages() -> [(&'static str, String); 5] {
    [
        ("in the status line", "HTTP/1.1 20".to_owned()),
        ("in a header", "HTTP/1.1 200 OK\r\nContent-Le".to_owned()),
        ("behind the head", ok("Content-Length: 16", "")),
        ("in the body", ok("Content-Length: 16", "{\"success\":true")),
        ("between chunks", ok("Transfer-Encoding: chunked", "4\r\n{\"su\r\n")),
    ]
}

fn ends(with: Step) -> Plays {
    Plays::of(vec![with])
}

pub(super) fn rows() -> Vec<Row> {
    let lost = "unknown/reset x2";
    let silent = "unknown/timeout x2";
    let soon = || Step::Pause(Duration::from_millis(30));
    let mut rows = Vec::new();
    for (stage, begun) in stages() {
        let plays = || Plays::from(&begun);
        rows.push(row(format!("closed {stage}"), plays().and(Step::Close), lost));
        rows.push(row(format!("cut {stage}"), plays().and(Step::Cut), lost));
        rows.push(row(format!("half-closed {stage}"), plays().and(Step::HalfClose).and(Step::Hold), lost));
        rows.push(row(format!("reset {stage}"), plays().and(soon()).and(Step::Reset), lost));
        rows.push(row(format!("silent {stage}"), plays().and(Step::Hold), silent).waits());
        rows.push(row(
            format!("closed {stage}, and then good"),
            plays().and(Step::Close).then(whole()),
            "accepted x2, accepted",
        ));
    }
    rows.extend([
        row("nothing said", ends(Step::Hold), silent).waits(),
        row("nothing read, and nothing said", ends(Step::Hold).unread(), silent).waits(),
        row("half-closed without an answer", ends(Step::HalfClose).and(Step::Hold), lost),
        row("closed without reading", ends(Step::Close).unread(), lost),
        row("reset without reading", ends(Step::Reset).unread(), lost),
        row("says keep-alive and resets", Plays::from(whole()).then(ends(Step::Reset)), "accepted, unknown/reset x2")
            .events(2),
        row("says close and keeps", ok("Connection: close\r\nContent-Length: 16", YES), "accepted"),
        row("half-closes behind an answer", Plays::from(whole()).and(Step::HalfClose).and(Step::Hold), "accepted x*"),
        row("two answers at once", [whole(), whole()].concat(), "accepted"),
        row("an answer and junk", [whole(), "\0\0junk".to_owned()].concat(), "accepted"),
        row(
            "an answer and a refusal at once",
            [whole(), "HTTP/1.1 422 No\r\nContent-Length: 0\r\n\r\n".to_owned()].concat(),
            "accepted",
        ),
        row(
            "a refusal that is said before all is read",
            Plays::from("HTTP/1.1 422 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").unread(),
            "rejected/http",
        ),
        row(
            "a drip of half an answer, then a reset",
            Plays::of(vec![Step::Drip(whole().into_bytes()[..30].to_vec(), Duration::from_millis(5)), Step::Reset]),
            lost,
        ),
        row("reset, and then good", ends(Step::Reset).then(whole()), "accepted x2, accepted"),
        row("silent, and then good", ends(Step::Hold).then(whole()), "accepted x2").waits(),
        row(
            "503, and then good",
            Plays::from("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n").then(whole()),
            "accepted x2, accepted",
        ),
        row(
            "502, and then a duplicate",
            Plays::from("HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n")
                .then("HTTP/1.1 409 No\r\nContent-Length: 0\r\n\r\n"),
            "duplicate x2, duplicate",
        ),
        row(
            "lost, and then refused",
            ends(Step::Close).then("HTTP/1.1 422 No\r\nContent-Length: 0\r\n\r\n"),
            "unknown/http x2, rejected/http",
        ),
        row(
            "refused for now, and then lost",
            Plays::from("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n").then(ends(Step::Close)),
            "unknown/reset x2",
        ),
    ]);
    rows
}
