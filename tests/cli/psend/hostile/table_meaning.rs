//! Waits that a server asks for, and its answers to batches.

use super::server::Plays;
use super::table_body::{YES, ok, with_body};
use super::{Row, row};

pub(super) fn rows() -> Vec<Row> {
    [waits(), batches()].into_iter().flatten().collect()
}

/// 503 with these header lines, and then all is good.
fn waits_for(lines: &str) -> Plays {
    let busy = format!("HTTP/1.1 503 Busy\r\n{lines}\r\nContent-Length: 0\r\n\r\n");
    Plays::from(busy).then(ok("Content-Length: 16", YES))
}

fn waits() -> Vec<Row> {
    const OBEYED: [&str; 9] = [
        "0",
        " 0 ",
        "0.01",
        "0.",
        "00000000000000000000000000",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Thursday, 01-Jan-70 00:00:00 GMT",
        "Thu Jan  1 00:00:00 1970",
        "0\r\nRetry-After: 3600",
    ];
    const TOO_LONG: [&str; 6] = [
        "86400",
        "1000000000000000000000000000000",
        "3600.5",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Mon, 05 Jan 2026 10:00:00 GMT\r\nDate: Mon, 05 Jan 2026 09:00:00 GMT",
        "3600\r\nRetry-After: 0",
    ];
    const JUNK: [&str; 16] = [
        "",
        "-1",
        "+1",
        "1, 2",
        "1e9",
        "0x1",
        ".5",
        "1.2.3",
        "inf",
        "NaN",
        "soon",
        "\u{661}",
        "Mon, 99 Jan 2026 10:00:00 GMT",
        "Mon, 05 Jan 2026 10:00:00 CET",
        "2026-01-05T10:00:00Z",
        "\0",
    ];
    let named = |value: &str| format!("Retry-After: {}", value.escape_debug());
    let of = |value: &str| {
        row(named(value), waits_for(&format!("Retry-After: {value}")), "accepted x2, accepted")
            .flags(&["--retry-after-max", "100ms"])
    };
    let obeyed = OBEYED.map(of);
    let too_long = TOO_LONG.map(|value| of(value).tells("is longer than --retry-after-max"));
    let junk = JUNK.map(|value| match value {
        "\0" => row(named(value), waits_for("Retry-After: \0"), "accepted x2, accepted"),
        _ => of(value).tells("is neither a number of seconds nor a date"),
    });
    let long = "9".repeat(50_000);
    let others =
        [row("a Retry-After of 50,000 digits", waits_for(&format!("Retry-After: {long}")), "accepted x2, accepted")
            .flags(&["--retry-after-max", "100ms"])
            .tells("is longer than --retry-after-max")];
    obeyed.into_iter().chain(too_long).chain(junk).chain(others).map(Row::only_plain).collect()
}

/// Answers to a batch of three events, the first two of which are those of the run.
fn batches() -> Vec<Row> {
    let of = |name: &str, body: &str, says| {
        row(format!("a batch: {name}"), with_body(body.as_bytes()), says).flags(&["--batch", "2"])
    };
    let results = |results: &str| format!("{{\"results\":[{results}]}}");
    let good = |id: &str| format!("{{\"event_id\":\"{id}\",\"success\":true}}");
    let list = |ids: &[&str]| results(&ids.iter().map(|id| good(id)).collect::<Vec<_>>().join(","));
    let unclear = "unknown/malformed x2";
    vec![
        of("all taken", &list(&["evt_1", "evt_2"]), "accepted"),
        of("in another order", &list(&["evt_2", "evt_1"]), "accepted"),
        of(
            "in another order, one refused",
            &results("{\"event_id\":\"evt_2\",\"success\":false},{\"event_id\":\"evt_1\",\"success\":true}"),
            "accepted, rejected/http",
        ),
        of("one result too few", &list(&["evt_1"]), "accepted, unknown/malformed x2"),
        of("one result too many", &list(&["evt_1", "evt_2", "evt_3"]), "accepted"),
        of("one event twice", &list(&["evt_1", "evt_1"]), unclear),
        of("one event twice, and the other", &list(&["evt_1", "evt_1", "evt_2"]), "unknown/malformed x2, accepted"),
        of("results of other events", &list(&["evt_8", "evt_9"]), unclear),
        of(
            "ids of null",
            &results("{\"event_id\":null,\"success\":true},{\"event_id\":null,\"success\":true}"),
            "accepted",
        ),
        of(
            "ids that are numbers",
            &results("{\"event_id\":1,\"success\":true},{\"event_id\":2,\"success\":true}"),
            unclear,
        ),
        of("ids in capitals", &list(&["EVT_1", "EVT_2"]), "accepted"),
        of("no results", &results(""), unclear),
        of("results of null", "{\"results\":null}", unclear),
        of("results that are an object", "{\"results\":{\"evt_1\":true}}", unclear),
        of("results that are a text", "{\"results\":\"all taken\"}", unclear),
        of("results elsewhere", "{\"data\":{\"results\":[]}}", unclear),
        of("results that are no objects", "{\"results\":[true,true]}", "rejected/http"),
        of("results of nothing", "{\"results\":[{},{}]}", "rejected/http"),
        of("results that are cut off", "{\"results\":[{\"event_id\":\"evt_1\",\"success\":true}", unclear),
        of(
            "results behind 100,000 brackets",
            &format!("{{\"a\":{}{},\"results\":[]}}", "[".repeat(100_000), "]".repeat(100_000)),
            unclear,
        ),
        of(
            "a success that is a text",
            &results("{\"event_id\":\"evt_1\",\"success\":\"true\"},{\"event_id\":\"evt_2\",\"success\":\"no\"}"),
            "accepted, rejected/http",
        ),
        of(
            "counts that belie the results",
            &format!("{{\"total_events\":9,\"failed_events\":9,{}", &list(&["evt_1", "evt_2"])[1..]),
            "accepted",
        ),
        of("an empty body", "", unclear),
        of("a page", "<!DOCTYPE html><title>Sign in</title>", "unknown/http x2"),
        of("a body of 10 MiB", &format!("{{\"results\":[\"{}\"]}}", "x".repeat(10 << 20)), "unknown/http x2"),
    ]
    .into_iter()
    .chain([
        row("a batch: refused as a whole", "HTTP/1.1 422 No\r\nContent-Length: 0\r\n\r\n", "rejected/http x2")
            .flags(&["--batch", "2"]),
        row("a batch: 207", "HTTP/1.1 207 Multi\r\nContent-Length: 0\r\n\r\n", unclear).flags(&["--batch", "2"]),
        row("a batch: 204", "HTTP/1.1 204 No Content\r\n\r\n", unclear).flags(&["--batch", "2"]),
        row("a batch: 502", "HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n", "unknown/http x2").flags(&["--batch", "2"]),
        row(
            "a batch: the end in the midst of results",
            Plays::from(ok("Content-Length: 99", "{\"results\":[")).and(super::server::Step::Close),
            "unknown/reset x2",
        )
        .flags(&["--batch", "2"]),
    ])
    .collect()
}
