//! Dialects of one's own: what is made from an event, and what an answer may say.

use std::fmt::Write;

use serde_json::{Value, json};

use super::{events, outcomes, send, words};
use crate::scripted::{Act, Request, Scripted};
use crate::support::{Run, run_with};

const REQUEST: &str = "[request]\nmethod = 'POST'\npath = '/events'\n";

/// Sends with a dialect of this text.
fn send_as(dialect: &str, server: &Scripted, flags: &[&str], input: &[u8]) -> Run {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mine.toml");
    std::fs::write(&file, dialect).expect("written");
    send(server, &[&["--dialect", file.to_str().expect("a path")], flags].concat(), input)
}

#[test]
fn a_header_made_from_an_id_is_encoded_or_its_event_is_rejected_with_the_reason() {
    let dialect = format!("{REQUEST}headers = {{ Idempotency-Key = 'k-{{event_id}}' }}\n");
    let huge = "x".repeat(9000);
    let cases: [(Value, Result<&str, &str>); 9] = [
        (json!("evt_1"), Ok("k-evt_1")),
        (json!(17), Ok("k-17")),
        (json!("\u{e9}vt/1"), Ok("k-%C3%A9vt/1")),
        (json!("a\r\nX-Evil: 1"), Ok("k-a%0D%0AX-Evil:%201")),
        (json!("50%"), Ok("k-50%25")),
        (json!(" a "), Ok("k-%20a%20")),
        (json!(null), Err("no id in 'event_id' for the header idempotency-key")),
        (json!(""), Err("no id in 'event_id'")),
        (json!(huge), Err("makes the header idempotency-key 9002 bytes long; the limit is 8192")),
    ];
    let mut input = String::new();
    for (id, _) in &cases {
        writeln!(input, "{}", json!({"event_id": id})).expect("a string takes it");
    }
    for flags in [&["-c", "1"][..], &["-c", "1", "--verify", "--id-path", "/events?id={id}"]] {
        let server = Scripted::start(|r| if r.line.starts_with("GET") { Act::answer(404, "") } else { Act::accept() });
        let run = send_as(&dialect, &server, flags, input.as_bytes()).expect_code(0);
        let (mut outcomes, _) = outcomes(&run);
        outcomes.sort_by_key(|o| o["seq"].as_u64());
        let requests = server.requests();
        // --verify asks for an id that no event has, first and last.
        let asked_beside = if flags.contains(&"--verify") { 1 } else { 0 };
        let mut sent = requests[asked_beside..requests.len() - asked_beside].iter();
        for ((id, wanted), outcome) in cases.iter().zip(&outcomes) {
            match wanted {
                Ok(header) => assert_eq!(sent.next().and_then(|r| r.header("idempotency-key")), Some(*header), "{id}"),
                Err(why) => {
                    assert_eq!((&outcome["outcome"], &outcome["attempts"]), (&json!("rejected"), &json!(0)), "{id}");
                    let message = outcome["error"]["message"].as_str().unwrap_or_default();
                    assert!(
                        message.starts_with(&format!("line {}: ", outcome["seq"])) && message.contains(why),
                        "{message}"
                    );
                }
            }
        }
        assert!(sent.next().is_none());
    }
}

#[test]
fn a_malformed_line_that_is_sent_has_no_id_for_a_header_and_is_reported() {
    let dialect = format!("{REQUEST}headers = {{ Idempotency-Key = '{{event_id}}' }}\n");
    let server = Scripted::start(|_| Act::accept());
    let run = send_as(&dialect, &server, &["--send-malformed"], b"not json\n").expect_code(0);
    let outcome = &outcomes(&run).0[0];
    assert_eq!((&outcome["outcome"], &outcome["attempts"]), (&json!("rejected"), &json!(0)));
    assert!(outcome["error"]["message"].as_str().is_some_and(|m| m.contains("no id in 'event_id'")), "{outcome}");
}

#[test]
fn a_header_made_from_an_id_is_not_sent_with_a_batch_and_psend_warns() {
    let dialect = format!(
        "{REQUEST}headers = {{ Idempotency-Key = '{{event_id}}' }}\n[batch]\npath = '/b'\nbefore = '['\nafter = ']'\n"
    );
    let server = Scripted::start(|_| Act::accept());
    let run = send_as(&dialect, &server, &["--batch", "5", "-q"], &events(5)).expect_code(0);
    assert!(
        run.stderr.contains(
            "--batch: the dialect's header idempotency-key is made from one event, so batches are sent without it"
        ),
        "{}",
        run.stderr
    );
    assert_eq!(server.requests()[0].header("idempotency-key"), None);
}

#[test]
fn a_window_that_begins_with_its_number_is_read_and_psend_never_spins() {
    let dialect = format!(
        "{REQUEST}[[rules]]\nstatus = 400\ntext = 'Rate limit'\noutcome = 'rate_limited'\nwindow_text = '{{}} seconds'\n"
    );
    for said in ["Rate limit: try in 1 seconds", "Rate limit", "Rate limit: 1.1.1 seconds, 1 or 1 seconds"] {
        let server = Scripted::start(move |r| if r.number == 1 { Act::answer(400, said) } else { Act::accept() });
        let run = send_as(&dialect, &server, &["-c", "1", "--retry-base", "1ms"], &events(2)).expect_code(0);
        assert_eq!(words(&outcomes(&run).0), ["accepted"; 2], "{said}");
    }
    let server = Scripted::start(|_| Act::accept());
    let run = send_as(&dialect.replace("{} seconds", "{}"), &server, &[], b"").expect_code(2);
    let wanted = "mine.toml: rules, number 1: window_text \"{}\": words must stand before or behind the {}";
    assert!(run.stderr.contains(wanted), "{}", run.stderr);
}

#[test]
fn a_server_that_answers_a_batch_in_another_order_swaps_no_outcomes() {
    let answers = |request: &Request| {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let events = body["events"].as_array().cloned().unwrap_or_default();
        let result = |event: &Value| json!({"event_id": event["event_id"], "success": event["event_id"] != "evt_2"});
        let mut results: Vec<Value> = events.iter().rev().map(result).collect();
        // Of one it says nothing, and of another twice.
        if request.number == 1 {
            results.retain(|result| result["event_id"] != "evt_4");
            results.push(result(&events[4]));
        }
        Act::answer(200, &json!({"results": results}).to_string())
    };
    for (retries, open) in [("0", "unknown"), ("1", "accepted")] {
        let server = Scripted::start(answers);
        let run = send(&server, &["--batch", "10", "-c", "1", "--retries", retries, "--retry-base", "1ms"], &events(6));
        let (mut outcomes, _) = outcomes(&run.expect_code(0));
        outcomes.sort_by_key(|o| o["seq"].as_u64());
        assert_eq!(words(&outcomes), ["accepted", "rejected", "accepted", open, open, "accepted"]);
        if retries == "0" {
            let message = |at: usize| outcomes[at]["error"]["message"].as_str().unwrap_or_default().to_owned();
            assert_eq!(message(3), "the answer has 6 results for 6 events, and none with this event's id");
            assert_eq!(message(4), "the answer has 6 results for 6 events, and 2 with this event's id");
        }
    }
}

#[test]
fn a_200_that_reports_failure_is_not_an_acceptance_alone_or_in_a_batch() {
    let server =
        Scripted::start(|_| Act::answer(200, r#"{"success":false,"message":"no","errors":["title missing"]}"#));
    for flags in [&[][..], &["--batch", "3"]] {
        let run = send(&server, flags, &events(3)).expect_code(0);
        assert_eq!(words(&outcomes(&run).0), ["rejected"; 3], "{flags:?}");
    }
    for body in [r#"{"error":true,"message":"no"}"#, "{\n  \"error\": true\n}"] {
        let server = Scripted::start(move |_| Act::answer(200, body));
        let run = send(&server, &[], &events(3)).expect_code(0);
        assert_eq!(words(&outcomes(&run).0), ["rejected"; 3], "{body}");
    }
}

#[test]
fn a_200_whose_answer_breaks_off_is_not_an_acceptance() {
    for body in [r#"{"success":false"#, r#"{"success":tr"#, r#"{"success":true,"data":{"id":1}"#, "["] {
        let server = Scripted::start(move |_| Act::answer(200, body));
        let run = send(&server, &["--retries", "1", "--retry-base", "1ms"], &events(1)).expect_code(0);
        let outcome = &outcomes(&run).0[0];
        assert_eq!((&outcome["outcome"], &outcome["attempts"]), (&"unknown".into(), &2.into()), "{body}");
        assert_eq!(outcome["error"]["message"], "HTTP 200: the answer is cut off", "{body}");
    }
    // A server that goes by the status alone may say what it likes.
    for (body, dialect) in
        [("{", "plain"), ("", "pulsestream"), ("OK", "pulsestream"), ("[INFO] queued", "pulsestream")]
    {
        let server = Scripted::start(move |_| Act::answer(200, body));
        let run = send(&server, &["--dialect", dialect], &events(1)).expect_code(0);
        assert_eq!(words(&outcomes(&run).0), ["accepted"], "{body}");
    }
}

#[test]
fn a_login_page_with_status_200_is_not_an_acceptance_alone_or_in_a_batch() {
    let server = Scripted::start(|_| Act::answer(200, "<!DOCTYPE html>\n<html><title>Sign in</title></html>"));
    for flags in [&[][..], &["--batch", "3"]] {
        let flags = [&["--retries", "1", "--retry-base", "1ms"], flags].concat();
        let run = send(&server, &flags, &events(3)).expect_code(0);
        assert_eq!(words(&outcomes(&run).0), ["unknown"; 3], "{flags:?}");
        assert!(outcomes(&run).0.iter().all(|outcome| outcome["attempts"] == 2), "{flags:?}");
    }
}

#[test]
fn a_header_that_logs_in_is_a_key_and_is_shown_nowhere() {
    let server = Scripted::start(|r| {
        let token = r.header("authorization").or(r.header("x-auth-token")).unwrap_or_default().to_owned();
        Act::answer(422, &format!("no such token: {token}"))
    });
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("headers");
    std::fs::write(&file, "Authorization: Bearer canary\n").expect("written");
    let from_file = format!("@{}", file.display());
    let address = server.url().replace("http://", "");
    for header in ["Authorization: Bearer canary", "X-Auth-Token: canary", &from_file] {
        let flags = ["--url", "http://api.example", "--connect-to", &address, "-H", header];
        let run = run_with("psend", &flags, &events(2)).expect_code(0);
        assert_eq!(words(&outcomes(&run).0), ["rejected"; 2]);
        let name = if header.starts_with('X') { "x-auth-token" } else { "authorization" };
        assert!(run.stderr.contains(&format!("key: -H {name}")), "{}", run.stderr);
        assert!(
            !run.text().contains("canary") && !run.stderr.contains("canary") && run.text().contains("***"),
            "{}",
            run.text()
        );
        let requests = server.requests();
        assert_eq!(requests.last().and_then(|r| r.header("x-api-key")), None, "the test key stays on this computer");
    }
    // Which header logs in, only the server knows; one without a value does not.
    for flags in [&["-H", "Authorization:"][..], &[]] {
        let run = run_with("psend", &[&["--url", "http://api.example"], flags].concat(), b"").expect_code(2);
        assert!(run.stderr.contains("http://api.example needs a key"), "{}", run.stderr);
    }
    let run = run_with(
        "psend",
        &["--url", "http://api.example", "--connect-to", &address, "-H", "X-Team: search"],
        &events(1),
    );
    assert_eq!(words(&outcomes(&run.expect_code(0)).0), ["rejected"]);
}

#[test]
fn a_key_that_is_short_or_not_ascii_is_shown_nowhere() {
    for (key, echo) in [("k7", "no key k7"), ("cl\u{e9}-7", "no key cl\\u00e9-7, cl\u{e9}-7, cl\u{c3}\u{a9}-7")] {
        let server = Scripted::start(move |_| Act::answer(422, echo));
        let run = send(&server, &["--api-key", key], &events(1)).expect_code(0);
        let message = outcomes(&run).0[0]["error"]["message"].as_str().unwrap_or_default().to_owned();
        assert!(
            message.starts_with("HTTP 422: no key ***") && !message.contains("7") && !message.contains("cl"),
            "{message}"
        );
    }
}

#[test]
fn a_limit_of_any_size_does_not_end_the_progress_line() {
    let server = Scripted::start(|_| Act::After(std::time::Duration::from_millis(80), Box::new(Act::accept())));
    let flags = ["--limit", "18446744073709551615", "--every", "20ms", "-c", "1"];
    let run = send(&server, &flags, &events(5)).expect_code(0);
    assert!(
        run.stderr.contains("5 of 18,446,744,073,709,551,615 events")
            || run.stderr.contains("1 of 18,446,744,073,709,551,615"),
        "{}",
        run.stderr
    );
}

#[test]
fn words_that_a_server_writes_with_escapes_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mine.toml");
    let dialect = "[request]\nmethod = \"POST\"\npath = \"/\"\n\
        [[rules]]\nstatus = 200\npath = \"message\"\ntext = \"déjà reçu\"\noutcome = \"duplicate\"\n\
        [[rules]]\nstatus = 200\ntext = \"d'après la clé\"\noutcome = \"rejected\"\n\
        [[rules]]\nstatus = 200\npath = \"errors\"\ntext = \"trop tôt\"\noutcome = \"rate_limited\"\nwindow_text = \"après {} s\"\n";
    std::fs::write(&file, dialect).expect("written");
    let server = Scripted::start(|r| match r.number {
        1 => Act::answer(200, r#"{"message":"\u00e9v\u00e9nement d\u00e9j\u00e0 re\u00e7u"}"#),
        2 => Act::answer(200, r#"{"error":"refus\u00e9 d\u0027apr\u00e8s la cl\u00e9"}"#),
        3 => Act::answer(200, r#"{"errors":["trop t\u00f4t: apr\u00e8s 0.2 s"]}"#),
        _ => Act::answer(200, r#"{"message":"\u00e9v\u00e9nement re\u00e7u"}"#),
    });
    let flags = ["-c", "1", "--dialect", file.to_str().expect("a path")];
    let run = send(&server, &flags, &events(3)).expect_code(0);
    assert_eq!(words(&outcomes(&run).0), ["duplicate", "rejected", "accepted"]);
    assert_eq!(outcomes(&run).0[2]["answers"], serde_json::json!(["rate_limited", "accepted"]));
}
