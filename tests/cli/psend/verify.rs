//! --verify: what the server holds, and whether its answers can be trusted.

use std::time::Instant;

use serde_json::json;

use super::{events, outcomes, send, words};
use crate::fakes::PulseStream;
use crate::scripted::{Act, Request, Scripted};
use crate::support::{run_with, sample, server::Server};

/// The id that a request asks for.
fn asked(request: &Request) -> &str {
    request.line.rsplit('/').next().unwrap_or_default()
}

/// Shows an event of [`events`], and knows no other.
fn shows_events(request: &Request) -> Act {
    let known = asked(request).strip_prefix("evt_").and_then(|n| n.parse::<usize>().ok()).filter(|n| *n <= 100);
    match known {
        Some(n) => Act::answer(
            200,
            events(n).split(|b| *b == b'\n').nth(n - 1).map(String::from_utf8_lossy).as_deref().unwrap_or(""),
        ),
        None => Act::answer(404, ""),
    }
}

#[test]
fn a_server_that_calls_anything_present_gives_no_green_run() {
    for (status, body) in [(500, r#"{"message":"Failed to retrieve event"}"#), (200, "{}")] {
        let server = Scripted::start(move |_| Act::answer(status, body));
        let run = send(&server, &["--verify"], &events(300)).expect_code(1);
        assert!(
            run.stderr.contains(&format!("the outcome was present (HTTP {status}), not missing")),
            "{}",
            run.stderr
        );
        let (outcomes, record) = outcomes(&run);
        assert_eq!(record["complete"], false);
        assert!(words(&outcomes).iter().all(|word| *word == "not_sent"), "no event is asked for: {}", outcomes[0]);
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn a_server_that_does_not_answer_for_an_id_that_no_event_has_gives_no_green_run() {
    let others: [(Act, &str); 3] = [
        (Act::answer(500, ""), "was failed (HTTP 500)"),
        (Act::Close, "was unknown ("),
        (Act::answer(422, "not an id"), "was rejected (HTTP 422: not an id)"),
    ];
    for (other, told) in others {
        let server = Scripted::start(move |request| match asked(request).len() {
            ..=7 => shows_events(request),
            _ => other.clone(),
        });
        let run = send(&server, &["--verify", "--retry-base", "1ms"], &events(50)).expect_code(1);
        assert!(run.stderr.contains("--verify: 'evt_") && run.stderr.contains(told), "{}", run.stderr);
        let (outcomes, record) = outcomes(&run);
        assert_eq!(record["complete"], false);
        assert_eq!(words(&outcomes), vec!["present"; 50], "the events are asked for all the same");
    }
}

#[test]
fn a_server_whose_database_fails_on_the_way_gives_no_green_run() {
    // From some request on it says of each event what it says of one that is there and cannot be shown.
    let server = Scripted::start(|request| match request.number {
        ..=30 if asked(request).len() <= "evt_100".len() => Act::answer(500, "Failed to retrieve event"),
        ..=30 => Act::answer(500, "Event not found"),
        _ => Act::answer(500, "Failed to retrieve event"),
    });
    let run = send(&server, &["--verify"], &events(100)).expect_code(1);
    let (outcomes, record) = outcomes(&run);
    assert_eq!(words(&outcomes), vec!["present"; 100]);
    assert_eq!(record["complete"], false);
    assert!(
        run.stderr.contains("is an id that no event has, and the outcome was present (HTTP 500)"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("so the 100 outcomes mean nothing"), "{}", run.stderr);
}

#[test]
fn the_probe_id_has_the_form_of_the_events_ids_and_is_not_one_of_them() {
    let server = Scripted::start(|request| {
        let id = asked(request);
        let is_uuid = id.len() == 36 && id.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
        // A server that refuses what has another form.
        if is_uuid { Act::answer(404, "") } else { Act::answer(422, "not a UUID") }
    });
    let input = "{\"event_id\":\"6f9619ff-8b86-4d01-b42d-00c04fc964ff\"}\n";
    for flags in [&["--verify"][..], &["--verify", "--mode", "sequential"]] {
        let before = server.requests().len();
        let run = send(&server, flags, input.as_bytes()).expect_code(0);
        let (outcomes, record) = outcomes(&run);
        assert_eq!(words(&outcomes), ["missing"]);
        assert_eq!(record["complete"], true);
        let requests = server.requests().split_off(before);
        let ids: Vec<&str> = requests.iter().map(asked).collect();
        assert_eq!(ids.len(), 3, "one event, and a question before and after");
        assert!(ids[0] != ids[1] && ids[2] != ids[1] && ids[0] != ids[2], "{ids:?}");
        assert!(ids.iter().all(|id| id.starts_with("6f9619ff-8b86-4d01-b42d-")), "{ids:?}");
        assert!(run.stderr.contains("Requests:    1\n"), "the summary counts the events': {}", run.stderr);
    }
}

#[test]
fn lines_without_a_usable_id_delay_only_the_first_probe() {
    let server = Scripted::start(shows_events);
    let lines = "{\"n\":1}\n".repeat(20_000);
    let input = [lines.as_bytes(), &events(3)].concat();
    for concurrency in ["1", "5"] {
        let run = send(&server, &["--verify", "-c", concurrency], &input).expect_code(0);
        let (outcomes, _) = outcomes(&run);
        assert_eq!(words(&outcomes).iter().filter(|word| **word == "present").count(), 3);
    }
    // If there is nothing to ask for, nothing is sent.
    let before = server.requests().len();
    send(&server, &["--verify"], lines.as_bytes()).expect_code(0);
    send(&server, &["--verify"], b"").expect_code(0);
    assert_eq!(server.requests().len(), before);
}

#[test]
fn events_that_the_server_does_not_show_are_reported_as_not_compared() {
    let server = PulseStream::without_limit();
    let text = std::fs::read_to_string(sample()).expect("the sample");
    let lines: Vec<&str> = text.lines().take(20).collect();
    run_with("psend", &["--url", &server.url()], lines[..10].join("\n").as_bytes()).expect_code(0);
    let run = run_with("psend", &["--url", &server.url(), "--verify"], lines.join("\n").as_bytes()).expect_code(0);
    let (_, record) = outcomes(&run);
    assert_eq!(record["not_compared"], 10);
    assert!(run.stderr.contains("Not compared: 10 events"), "{}", run.stderr);

    // An API that shows no content, and one whose body says so.
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mine.toml");
    let rule = "[[verify.rules]]\nstatus = 200\ntext = 'yes'\noutcome = 'present'\n";
    let request = "[request]\nmethod = 'POST'\npath = ''\n[verify]\npath = '/{event_id}'\n";
    std::fs::write(&file, format!("{request}{rule}")).expect("written");
    let dialect = file.to_str().expect("a path");
    for (status, body, word) in [(204, "", "present"), (200, "yes", "present"), (200, "", "failed")] {
        let server = Scripted::start(move |request| match asked(request).len() {
            ..=7 => Act::answer(status, body),
            _ => Act::answer(404, ""),
        });
        let flags = ["--verify", "--dialect", dialect, "--retries", "0"];
        let run = send(&server, &flags, &events(3)).expect_code(0);
        let (outcomes, record) = outcomes(&run);
        assert_eq!(words(&outcomes), [word; 3], "{status} {body}: {}", outcomes[0]);
        assert_eq!(record["not_compared"], if word == "present" { 3 } else { 0 });
    }

    let server = Scripted::start(shows_events);
    let run = send(&server, &["--verify"], &events(10)).expect_code(0);
    assert_eq!(outcomes(&run).1["not_compared"], 0);
    assert!(!run.stderr.contains("Not compared"), "{}", run.stderr);
    let run = send(&server, &[], &events(1));
    assert!(outcomes(&run).1["not_compared"].is_null(), "it says nothing of events that are sent");
}

#[test]
fn an_id_that_is_the_path_of_a_search_is_not_taken_for_an_event() {
    let server = Server::start(&[]);
    let event = |id: &str| {
        let text = std::fs::read_to_string(sample()).expect("the sample");
        let line = text.lines().next().expect("a line").to_owned();
        let known = line.split("\"event_id\": \"").nth(1).and_then(|rest| rest.split('"').next()).expect("an id");
        line.replace(known, id) + "\n"
    };
    let input = ["search", "batch", "Search", "searching", "search/"].map(event).concat();
    run_with("psend", &["--url", server.url()], input.as_bytes()).expect_code(0);
    let run = run_with("psend", &["--url", server.url(), "--verify", "-c", "1"], input.as_bytes()).expect_code(0);
    let (outcomes, _) = outcomes(&run);
    assert_eq!(words(&outcomes), ["rejected", "rejected", "present", "present", "present"]);
    let message = outcomes[0]["error"]["message"].as_str().expect("a reason");
    assert!(message.starts_with("the path of 'search' means something else"), "{message}");

    // An answer that shows the event proves that it is there; so does the word of an API with other paths.
    let server = Scripted::start(|request| match asked(request) {
        "search" => Act::answer(200, "{\"event_id\":\"search\",\"more\":1}"),
        "batch" => Act::answer(404, ""),
        _ => Act::answer(404, ""),
    });
    let ids = b"{\"event_id\":\"search\"}\n{\"event_id\":\"batch\"}\n";
    let words_with = |flags: &[&str]| {
        let run = send(&server, &[&["--verify", "-c", "1"], flags].concat(), ids).expect_code(0);
        words(&super::outcomes(&run).0).join(" ")
    };
    assert_eq!(words_with(&[]), "present rejected");
    assert_eq!(words_with(&["--id-path", "/items/{id}"]), "present missing");
}

#[test]
fn a_deeply_nested_event_is_compared_quickly() {
    let nested = |n: usize| {
        let depth = if n == 2 { 100_000 } else { 3 };
        format!("{{\"event_id\":\"evt_{n}\",\"payload\":{}1{}}}", "{\"a\":".repeat(depth), "}".repeat(depth))
    };
    let server = Scripted::start(move |request| match asked(request).strip_prefix("evt_").filter(|n| n.len() == 1) {
        Some(n) => {
            Act::answer(200, &nested(n.parse().expect("a number")).replace("1}", if n == "3" { "2}" } else { "1}" }))
        }
        None => Act::answer(404, ""),
    });
    let input = [1, 2, 3].map(nested).join("\n");
    let began = Instant::now();
    let run = send(&server, &["--verify", "-c", "1"], input.as_bytes()).expect_code(0);
    assert_eq!(words(&outcomes(&run).0), ["present", "present", "differs"]);
    // Quadratic time in the depth would be minutes.
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}

#[test]
fn verify_tells_what_the_server_holds() {
    let server = Server::start(&[]);
    let text = std::fs::read_to_string(sample()).expect("the sample");
    let lines: Vec<&str> = text.lines().collect();
    let held = lines[..50].join("\n");
    run_with("psend", &["--url", server.url()], held.as_bytes()).expect_code(0);
    let changed = lines[0].replace("\"method\": \"", "\"method\": \"X");
    assert_ne!(changed, lines[0]);
    let asked = [&[&*changed], &lines[1..60], &["{\"title\":\"no id\"}"]].concat().join("\n");
    let run = run_with("psend", &["--url", server.url(), "--verify"], asked.as_bytes()).expect_code(0);
    let (mut outcomes, _) = outcomes(&run);
    outcomes.sort_by_key(|o| o["seq"].as_u64());
    let words = words(&outcomes);
    assert_eq!(words[0], "differs");
    assert!(
        outcomes[0]["error"]["message"].as_str().is_some_and(|m| m.starts_with("source.method: ")),
        "{}",
        outcomes[0]
    );
    assert_eq!(words[1..50], ["present"; 49], "{}", outcomes[1]);
    assert_eq!(words[50..60], ["missing"; 10]);
    assert_eq!((words[60], &outcomes[60]["attempts"]), ("rejected", &json!(0)));
    assert_eq!(server.count(), 50, "nothing was sent");
}

#[test]
fn verify_reads_the_words_of_a_pulsestream_that_always_answers_500() {
    let server = PulseStream::without_limit();
    let text = std::fs::read_to_string(sample()).expect("the sample");
    let lines: Vec<&str> = text.lines().take(20).collect();
    run_with("psend", &["--url", &server.url()], lines[..10].join("\n").as_bytes()).expect_code(0);
    let run = run_with("psend", &["--url", &server.url(), "--verify"], lines.join("\n").as_bytes()).expect_code(0);
    let (outcomes, _) = outcomes(&run);
    assert_eq!(words(&outcomes).iter().filter(|w| **w == "present").count(), 10);
    assert_eq!(words(&outcomes).iter().filter(|w| **w == "missing").count(), 10);
}

#[test]
fn other_apis_are_asked_at_their_own_path() {
    let server = Scripted::start(|_| Act::answer(404, ""));
    let flags = ["--verify", "--dialect", "plain", "--id-path", "/items/{id}?full=1"];
    let run = send(&server, &flags, "{\"event_id\":\"a/b \u{e9}\"}\n".as_bytes()).expect_code(0);
    assert_eq!(words(&outcomes(&run).0), ["missing"]);
    assert_eq!(server.requests()[1].line, "GET /items/a%2Fb%20%C3%A9?full=1");
    for (path, why) in [
        ("/items", "--id-path /items: expected {id} in the path, for the event's id, such as /events/{id}"),
        ("items/{id}", "--id-path items/{id}: expected a path that begins with /, such as /events/{id}"),
        ("{id}", "--id-path {id}: expected a path that begins with /"),
        ("/a b/{id}", "--id-path /a b/{id}: '/a b/x' is not a path"),
    ] {
        let wrong = send(&server, &["--verify", "--id-path", path], b"").expect_code(2);
        assert!(wrong.stderr.contains(why), "{}", wrong.stderr);
    }
}

#[test]
fn an_id_that_does_not_fit_a_path_is_reported_and_the_rest_is_asked_for() {
    let server = Scripted::start(|_| Act::answer(404, ""));
    let long = format!("{{\"event_id\":\"{}\"}}\n{{\"event_id\":\"b\"}}\n", "\u{e9}".repeat(20_000));
    let run = send(&server, &["--verify", "-c", "1"], long.as_bytes()).expect_code(0);
    let (outcomes, _) = outcomes(&run);
    assert_eq!(words(&outcomes), ["rejected", "missing"]);
    let message = outcomes[0]["error"]["message"].as_str().expect("a message");
    assert!(message.starts_with("line 1: no path can be made: "), "{message}");
    assert_eq!(outcomes[0]["attempts"], 0);
}

#[test]
fn verify_keeps_as_dead_letters_what_is_not_present_and_says_what_could_not_be_asked_for() {
    let server = Scripted::start(|r| match r.line.as_str() {
        line if line.ends_with("evt_2") => Act::answer(404, ""),
        line if line.len() < "GET /api/v1/ingestion/events/evt_100".len() => {
            Act::answer(200, &format!("{{\"event_id\":\"{}\"}}", line.rsplit('/').next().unwrap_or_default()))
        }
        _ => Act::answer(404, ""),
    });
    let folder = tempfile::tempdir().expect("a folder");
    let dead = folder.path().join("dead");
    let input = "{\"event_id\":\"evt_1\"}\n{\"event_id\":\"evt_2\"}\n{\"event_id\":\"evt_3\",\"n\":1}\n{\"n\":2}\n";
    let flags = ["--verify", "-c", "1", "--dead-letter", dead.to_str().expect("a path")];
    let run = send(&server, &flags, input.as_bytes()).expect_code(0);
    let (outcomes, _) = outcomes(&run);
    assert_eq!(words(&outcomes), ["present", "missing", "differs", "rejected"]);
    assert_eq!(outcomes[3]["attempts"], 0);
    let error = serde_json::json!({
        "kind": "malformed", "message": "line 4: no id in 'event_id' to ask the server for"
    });
    assert_eq!(outcomes[3]["error"], error);
    let kept = std::fs::read_to_string(&dead).expect("it is there");
    assert_eq!(kept, input.split_once('\n').expect("lines").1);
    assert!(run.stderr.contains("1 line that is not a JSON object, too long, or without an id"), "{}", run.stderr);
}
