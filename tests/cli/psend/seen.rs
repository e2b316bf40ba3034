//! What psend shows of its requests: --dry-run, --trace, --check-dialect, why events were refused, and keys from a command.

use serde_json::Value;

use super::{events, outcomes, send, words};
use crate::scripted::{Act, Scripted};
use crate::support::{run, run_with};

#[test]
fn a_dry_run_shows_requests_as_they_would_go_out_without_the_key_and_sends_nothing() {
    let server = Scripted::start(|_| Act::accept());
    let key = ["--api-key", "canary-key", "-H", "X-Auth-Token: canary-token"];
    let run = send(&server, &[&key[..], &["--dry-run"]].concat(), &events(3)).expect_code(0);
    let host = server.url().replace("http://", "");
    let body = String::from_utf8(events(1)).expect("UTF-8");
    let expected = format!(
        "POST /api/v1/ingestion/events HTTP/1.1\nhost: {host}\nuser-agent: psend/{}\naccept-encoding: identity\n\
         content-type: application/json\nx-api-key: ***\nx-auth-token: ***\ncontent-length: {}\n\n{body}\n",
        env!("CARGO_PKG_VERSION"),
        body.trim_end().len()
    );
    assert_eq!(run.text(), expected);
    assert!(run.stderr.contains("1 request to") && run.stderr.contains("nothing was sent"), "{}", run.stderr);

    let run = send(&server, &["--dry-run", "2", "--batch", "2", "--dialect", "loki", "--gzip"], &events(3));
    let told = run.expect_code(0);
    assert!(
        told.text().is_empty() && told.stderr.contains("not sent: line 1: no value at 'timestamp'"),
        "{}",
        told.stderr
    );
    let timed = "{\"event_id\":\"a\",\"timestamp\":\"2026-01-05T00:00:00Z\"}\n".repeat(3);
    let run = send(&server, &["--dry-run", "2", "--batch", "2", "--dialect", "loki", "--gzip"], timed.as_bytes());
    let told = run.expect_code(0);
    assert_eq!(told.text().matches("POST /loki/api/v1/push").count(), 2, "two in the first, one in the second");
    assert_eq!(told.text().matches("1767571200000000000").count(), 3, "bodies can be read");
    assert!(told.text().contains("content-encoding: gzip") && told.stderr.contains("before they are compressed"));
    assert!(server.requests().is_empty());
}

#[test]
fn a_dry_run_takes_a_file_behind_it_for_the_input() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("events.jsonl");
    std::fs::write(&file, events(5)).expect("written");
    let file = file.to_str().expect("a path");
    for (flags, requests) in
        [(&["--dry-run", file][..], 1), (&["--dry-run", "3", file], 3), (&[file, "--dry-run", "9"], 5)]
    {
        let run = run("psend", &[&["--url", "http://api.example", "--api-key", "k"], flags].concat()).expect_code(0);
        assert_eq!(run.text().matches("POST /").count(), requests, "{flags:?}");
    }
    let wrong = run("psend", &["--dry-run", "0"]).expect_code(2);
    assert!(wrong.stderr.contains("--dry-run 0: expected a whole number above 0"), "{}", wrong.stderr);
}

#[test]
fn a_trace_has_each_request_its_answer_and_the_rule_that_decided_and_no_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("trace.jsonl");
    let path = file.to_str().expect("a path");
    let long = "é".repeat(2000);
    let answer =
        move |body: &str| Act::Answer(400, vec!["X-Seen: canary-key".to_owned()], format!("{body} canary-key {long}"));
    let server = Scripted::start(move |r| match r.number {
        1 => Act::duplicate(),
        2 => answer("value too long for type"),
        3 => answer("no rule knows this"),
        _ => Act::Close,
    });
    let flags = ["--trace", path, "--api-key", "canary-key", "-c", "1", "--retries", "0", "-q"];
    let told = send(&server, &flags, &events(4)).expect_code(0);
    assert_eq!(words(&outcomes(&told).0), ["duplicate", "rejected", "rejected", "unknown"]);
    let text = std::fs::read_to_string(&file).expect("it is there");
    assert!(!text.contains("canary"), "{text}");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let rule = |line: &Value| line["decided_by"].as_object().expect("rules").keys().next().cloned().unwrap_or_default();
    assert_eq!(lines.iter().map(rule).collect::<Vec<_>>(), ["rules, number 1", "rules, number 4", "status", ""]);
    assert!(
        lines[0]["request"]["head"]
            .as_str()
            .is_some_and(|head| head.starts_with("POST /api/v1/ingestion/events HTTP/1.1\r\n"))
    );
    assert_eq!(lines[0]["answers"]["duplicate"], 1);
    assert_eq!((&lines[1]["first_seq"], &lines[1]["answer"]["status"]), (&Value::from(2), &Value::from(400)));
    assert!(lines[1]["answer"]["head"].as_str().is_some_and(|head| head.contains("X-Seen: ***")), "{}", lines[1]);
    assert!(lines[1]["answer"]["body"].as_str().is_some_and(|body| body.len() <= 1024 && body.len() > 1000));
    assert!(lines[3]["answer"].is_null() && lines[3]["failure"].is_string());

    // Of a batch it tells which rules decided for how many.
    let server = Scripted::start(|_| {
        Act::answer(200, r#"{"results":[{"success":true},{"success":false},{"message":"Event already exists"}]}"#)
    });
    send(&server, &["--trace", path, "--batch", "3", "-q"], &events(3)).expect_code(0);
    let line: Value = serde_json::from_str(&std::fs::read_to_string(&file).expect("it is there")).expect("one line");
    let expected =
        serde_json::json!({"batch.rules, number 1": 1, "batch.rules, number 3": 1, "what is said of each": 1});
    assert_eq!(line["decided_by"], expected);
}

#[test]
fn a_dialect_is_tried_on_the_answers_in_its_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mine.toml");
    let path = file.to_str().expect("a path");
    let request = "[request]\nmethod = 'POST'\npath = '/x'\n[batch]\npath = '/b'\nresults = ''\nstatus = 's'\n";
    let sample = |expect: &str| {
        format!(
            "{request}[[samples]]\nname = 'partial'\nstatus = 200\nevents = ['a', 'b']\nbody = '[{{\"s\":200}},{{\"s\":400}}]'\nexpect = {expect}\n"
        )
    };
    std::fs::write(&file, sample("['accepted', 'rejected']")).expect("written");
    let good = run("psend", &["--check-dialect", path]).expect_code(0);
    assert_eq!(good.text(), "ok 1 (partial): [accepted, rejected], by its results\n");
    std::fs::write(&file, sample("'accepted'")).expect("written");
    let bad = run("psend", &["--check-dialect", path]).expect_code(1);
    assert_eq!(bad.text(), "not ok 1 (partial): expected accepted, and it is [accepted, rejected], by its results\n");
    for (text, why) in [
        (request.to_owned(), "no [[samples]] in it"),
        (format!("{request}[[samples]]\nstatus = 20\nexpect = 'accepted'"), "samples, number 1: status 20"),
        (format!("{request}[[samples]]\nstatus = 200\nexpect = 'fine'"), "expected an outcome such as"),
        (
            format!("{request}[[samples]]\nstatus = 200\nverify = true\nexpect = 'present'"),
            "verify: it goes with a [verify]",
        ),
    ] {
        std::fs::write(&file, text).expect("written");
        let wrong = run("psend", &["--check-dialect", path]).expect_code(2);
        assert!(wrong.stderr.contains(why), "{}", wrong.stderr);
    }
}

#[test]
fn each_dialect_of_ours_is_printed_with_its_manual_and_can_be_used_from_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["pulsestream", "elasticsearch", "splunk-hec", "loki", "otlp-traces", "clickhouse", "couchdb"] {
        let printed = run("psend", &["--print-dialect", name]).expect_code(0);
        assert!(printed.text().starts_with("# "), "{name} begins with what it is");
        let file = folder.path().join(format!("{name}.toml"));
        std::fs::write(&file, printed.stdout).expect("written");
        run("psend", &["--check-dialect", file.to_str().expect("a path")]).expect_code(0);
    }
    assert_eq!(run("psend", &["--print-dialect"]).text(), run("psend", &["--print-dialect", "pulsestream"]).text());
    let unknown = run("psend", &["--print-dialect", "elastic"]).expect_code(2);
    assert!(
        unknown.stderr.contains("elastic: expected a file, such as mine.toml, or one of pulsestream, plain"),
        "{}",
        unknown.stderr
    );
}

#[test]
fn the_summary_says_why_in_the_servers_words_without_ids_and_numbers() {
    let server = Scripted::start(|r| Act::answer(422, &format!("title of {} is {} too long", r.event_id(), r.number)));
    let told = send(&server, &[], &events(7)).expect_code(0);
    assert!(told.stderr.contains("Why:         7 × HTTP 422: title of # is # too long"), "{}", told.stderr);
}

#[test]
fn a_command_prints_the_key_and_prints_another_when_the_server_refuses_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let count = folder.path().join("count");
    // Each time it prints another key.
    let command = format!("echo x >> {0}; echo \"  canary-$(grep -c x {0}) \"", count.display());
    let asked = || std::fs::read_to_string(&count).map_or(0, |text| text.lines().count());
    let server = Scripted::start(|r| match r.header("x-api-key") {
        // The first key is worth nothing, the second ends with the tenth request.
        Some("canary-2") if r.number <= 10 => Act::accept(),
        Some("canary-3") => Act::accept(),
        key => Act::answer(401, &format!("bad key {key:?}")),
    });
    let flags = ["--key-command", &command, "-c", "3", "--retries", "0"];
    let told = send(&server, &flags, &events(30)).expect_code(0);
    assert_eq!(words(&outcomes(&told).0), vec!["accepted"; 30]);
    assert_eq!(asked(), 3);
    assert!(told.stderr.contains("key: --key-command"), "{}", told.stderr);
    assert!(!told.text().contains("canary") && !told.stderr.contains("canary"), "{}", told.text());

    // A key that never works is asked for once more, and no more.
    std::fs::remove_file(&count).expect("it is there");
    let server = Scripted::start(|r| Act::answer(401, &format!("bad key {:?}", r.header("x-api-key"))));
    let told = send(&server, &flags, &events(5)).expect_code(1);
    assert_eq!(words(&outcomes(&told).0), vec!["rejected"; 5]);
    assert_eq!(asked(), 2);
    assert!(
        !told.text().contains("canary") && told.stderr.contains("refused the key (--key-command)"),
        "{}",
        told.stderr
    );

    for (command, why) in
        [("exit 3", "--key-command ended with exit status: 3"), ("true", "expected the key on its standard output")]
    {
        let failed = run_with("psend", &["--key-command", command, "--url", &server.url()], b"").expect_code(1);
        assert!(failed.stderr.contains(why), "{}", failed.stderr);
    }
}

#[test]
fn a_dialect_may_have_any_file_name_and_goes_to_a_file_when_it_is_printed() {
    let folder = tempfile::tempdir().expect("a folder");
    let run_in = |args: &[&str]| {
        let mut psend = crate::support::tool("psend");
        psend.current_dir(folder.path()).args(args);
        crate::support::feed(psend.stdin(std::process::Stdio::piped()).spawn().expect("it starts"), Vec::new())
    };
    let printed = run_in(&["--print-dialect", "plain", "-o", "mine"]).expect_code(0);
    assert_eq!(printed.text(), "");
    let text = std::fs::read_to_string(folder.path().join("mine")).expect("it is written");
    assert!(text.contains("[request]"), "{text}");
    run_in(&["--url", "http://localhost:9", "--dialect", "mine", "--dry-run"]).expect_code(0);
    let checked = run_in(&["--check-dialect", "mine", "-o", "result"]).expect_code(0);
    let result = std::fs::read_to_string(folder.path().join("result")).expect("it is written");
    assert!(checked.text().is_empty() && result.starts_with("ok 1"), "{result}");
    std::fs::write(folder.path().join("packed"), b"\x1f\x8b\x08\0\0\0\0\0").expect("it is written");
    let wrong = run_in(&["--url", "http://localhost:9", "--dialect", "packed"]).expect_code(2);
    assert!(wrong.stderr.contains("--dialect packed: this is gzip"), "{}", wrong.stderr);
}
