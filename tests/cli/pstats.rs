//! pstats as users run it.

use std::fs::File;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{feed, run, run_with, sample, tool};

fn report(args: &[&str], input: &str) -> Value {
    let args: Vec<&str> = args.iter().copied().chain(["--format", "json", "--quiet"]).collect();
    run_with("pstats", &args, input.as_bytes()).expect_code(0).json()
}

fn outcome(seq: u64, word: &str, more: Value) -> String {
    let mut line = json!({"seq": seq, "event_id": format!("evt_{seq}"), "outcome": word, "status": 200, "attempts": 1,
        "latency_ms": 10.0, "end_to_end_ms": 20.0, "scheduled_at": null,
        "sent_at": format!("2026-01-05T10:00:{:02}.000000Z", seq % 60), "request_bytes": 900,
        "service": "payment-service", "endpoint": "/api/v1/payments/capture", "error": null});
    let into = line.as_object_mut().expect("an object");
    into.extend(more.as_object().expect("an object").clone());
    format!("{line}\n")
}

fn run_record(complete: bool) -> String {
    let record = json!({"run": {"id": "r1", "complete": complete, "lines_read": 3, "target": "http://localhost:8000",
        "mode": "concurrent", "rate": null, "concurrency": 10, "batch": null, "retries": 5,
        "started_at": "2026-01-05T10:00:00.000000Z", "ended_at": "2026-01-05T10:01:00.000000Z", "shard": null}});
    format!("{record}\n")
}

#[test]
fn the_sample_has_8_services_54_endpoints_and_the_error_rate_that_its_lines_give() {
    let text = std::fs::read_to_string(sample()).expect("the sample is there");
    let events: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    let errors = events.iter().filter(|e| e["metrics"]["status_code"].as_u64() >= Some(400)).count();
    let found = report(&[], &text);
    let of = &found["events"];
    assert_eq!(of["count"], 500);
    assert_eq!(of["error_rate"].as_f64(), Some(errors as f64 / 500.0));
    assert_eq!(of["by"]["service"].as_array().map(Vec::len), Some(8));
    assert_eq!(of["by"]["endpoint"].as_array().map(Vec::len), Some(54));
    for (grouping, path) in
        [("region", "/context/tags/region"), ("device", "/context/tags/device_type"), ("service", "/source/service")]
    {
        for group in of["by"][grouping].as_array().expect("groups") {
            let wanted = &group["group"][grouping];
            let same: Vec<&Value> = events.iter().filter(|e| e.pointer(path) == Some(wanted)).collect();
            assert_eq!(group["count"], same.len(), "{grouping} {wanted}");
            let failed = same.iter().filter(|e| e["metrics"]["status_code"].as_u64() >= Some(400)).count();
            // serde_json reads a float to the last digit but one.
            let rate = group["error_rate"].as_f64().expect("a rate");
            assert!((rate - failed as f64 / same.len() as f64).abs() < 1e-12);
        }
    }
    let sum: f64 = events.iter().map(|e| e["metrics"]["response_time_ms"].as_f64().expect("a number")).sum();
    assert!((of["latency"]["mean_ms"].as_f64().expect("a mean") - sum / 500.0).abs() < 0.001);
}

#[test]
fn the_sample_as_text_has_the_guides_sections() {
    let sample = sample();
    let found = run("pstats", &[sample.to_str().expect("UTF-8")]).expect_code(0);
    for heading in
        ["Event distribution", "Geographic coverage", "Success rate", "Error rate", "Devices", "Slowest endpoint"]
    {
        assert!(found.text().contains(heading), "{heading}: {}", found.text());
    }
    assert!(!found.text().contains('\x1b'), "no colour where no terminal is");
}

#[test]
fn outcomes_are_told_from_events_and_counted_by_word() {
    let words = ["accepted", "accepted", "duplicate", "rejected", "unknown", "failed", "not_sent", "rate_limited"];
    let mut input: String = words.iter().enumerate().map(|(i, word)| outcome(i as u64, word, json!({}))).collect();
    input += &outcome(9, "accepted", json!({"attempts": 3, "answers": ["no_answer", "error", "accepted"]}));
    input += &run_record(true);
    let found = report(&[], &input);
    let of = &found["outcomes"];
    assert_eq!(found["events"], Value::Null);
    assert_eq!((&of["count"], &of["accepted"], &of["delivered"]), (&json!(9), &json!(3), &json!(4)));
    assert_eq!((&of["lost"], &of["unknown"]), (&json!(4), &json!(1)));
    assert_eq!(of["success_rate"].as_f64(), Some(4.0 / 9.0));
    assert_eq!(of["answers"]["no_answer"], 1);
    assert_eq!((&of["retried"], &of["attempts"]), (&json!(1), &json!(11)));
    assert_eq!(of["end_to_end"]["max_ms"], 20.0);
    // From the first request at :00 to the end of the last at :09.020.
    assert_eq!((&of["time"]["span_s"], &of["throughput"]), (&json!(9.02), &json!(0.998)));
    assert_eq!(of["complete"], true);
}

#[test]
fn outcomes_have_regions_where_psend_tagged_them() {
    let input = outcome(1, "accepted", json!({"tags": {"region": "EU", "device": "bot"}}))
        + &outcome(2, "failed", json!({"tags": {"region": "EU", "device": null}}))
        + &run_record(true);
    let of = &report(&[], &input)["outcomes"]["by"];
    assert_eq!(of["region"][0]["group"], json!({"region": "EU"}));
    assert_eq!(of["region"][0]["error_rate"], 0.5);
    assert_eq!(of["device"].as_array().map(Vec::len), Some(1));
}

#[test]
fn verified_events_count_as_success_where_they_are_present() {
    let input = outcome(1, "present", json!({})) + &outcome(2, "missing", json!({})) + &run_record(true);
    let of = &report(&[], &input)["outcomes"];
    assert_eq!((&of["present"], &of["missing"], &of["success_rate"]), (&json!(1), &json!(1), &json!(0.5)));
}

#[test]
fn a_missing_or_incomplete_run_record_is_a_warning() {
    let one = outcome(1, "accepted", json!({}));
    let missing = run_with("pstats", &[], one.as_bytes()).expect_code(0);
    assert!(missing.stderr.contains("no run record"), "{}", missing.stderr);
    let incomplete = run_with("pstats", &[], (one.clone() + &run_record(false)).as_bytes()).expect_code(0);
    assert!(incomplete.stderr.contains("not complete"), "{}", incomplete.stderr);
    let complete = run_with("pstats", &[], (one + &run_record(true)).as_bytes()).expect_code(0);
    assert_eq!(complete.stderr, "");
}

#[test]
fn what_cannot_be_read_is_counted_by_kind_and_never_ends_the_run() {
    let mut input =
        b"\xef\xbb\xbf{\"event_id\":\"a\"}\r\n\n{\n[1,2]\n17\n{\"x\":1}\n{\"event_id\":\"\xff\"}\n".to_vec();
    input.extend(b"{\"event_id\":\"".iter().chain(&vec![b'x'; 3 << 20]).chain(b"\"}\n"));
    input.extend_from_slice(b"{\"event_id\":\"b\",\"metrics\":{\"response_time_ms\":-5}}");
    let found = run_with("pstats", &["--format", "json"], &input).expect_code(0);
    let kinds = &found.json()["input"]["kinds"];
    for (kind, lines) in [
        ("events", 2),
        ("blank", 1),
        ("not_json", 1),
        ("not_object", 2),
        ("unknown", 1),
        ("not_utf8", 1),
        ("too_long", 1),
    ] {
        assert_eq!(kinds[kind]["lines"], lines, "{kind}");
    }
    assert_eq!(found.json()["input"]["lines"], 9);
    assert_eq!(found.json()["input"]["event_fields"]["latency_negative"], 1);
    assert!(found.stderr.contains("5 of 9 lines could not be read"), "{}", found.stderr);
}

#[test]
fn an_array_of_events_is_read_as_its_elements() {
    let found = report(&[], " [ {\"event_id\":\"a\"},\n {\"event_id\":\n\"b\"} ] ");
    assert_eq!(found["events"]["ids"]["unique"], 2);
    let cut = report(&[], "[{\"event_id\":\"a\"}");
    assert_eq!(cut["input"]["arrays_cut_off"], 1);
}

#[test]
fn an_empty_stream_gives_a_report_that_says_so() {
    let text = run("pstats", &[]).expect_code(0);
    assert!(text.text().contains("No events and no outcomes came in."), "{}", text.text());
    let found = report(&[], "");
    assert_eq!(
        (&found["events"], &found["outcomes"], &found["input"]["lines"]),
        (&Value::Null, &Value::Null, &json!(0))
    );
}

#[test]
fn other_schemas_are_read_with_fields() {
    let found = report(
        &["--fields", "timestamp=ts,latency=took.ms,status=code,id=uuid,service=app"],
        r#"{"uuid":"u","ts":"2026-01-05T09:00:00+01:00","took":{"ms":12.5},"code":503,"app":"shop"}"#,
    );
    let of = &found["events"];
    assert_eq!((&of["latency"]["max_ms"], &of["error_rate"]), (&json!(12.5), &json!(1.0)));
    assert_eq!(of["by"]["hour"][0]["group"]["hour"], "08");
    assert_eq!(of["by"]["service"][0]["group"]["service"], "shop");
}

#[test]
fn decoys_do_not_fool_it() {
    let found = report(
        &[],
        concat!(
            r#"{"meta":{"service":"x"},"source":{"parent":{"service":"y"},"service":"old","service":"true"},"#,
            r#""metrics":{"status\u005fcode":500},"title":"\"service\":\"z\"","event_id":"e"}"#
        ),
    );
    assert_eq!(found["events"]["by"]["service"][0]["group"]["service"], "true");
    assert_eq!(found["events"]["error_rate"], 1.0);
}

#[test]
fn wrong_usage_ends_with_2_and_names_what_is_wrong() {
    assert!(run("pstats", &["--formt", "json"]).expect_code(2).stderr.contains("--format"));
    assert!(run("pstats", &["--format", "xml"]).expect_code(2).stderr.contains("xml"));
    assert!(run("pstats", &["--fields", "colour=x"]).expect_code(2).stderr.contains("colour"));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let found = run("pstats", &["no-such-file.jsonl"]).expect_code(1);
    assert!(found.stderr.contains("no-such-file.jsonl"), "{}", found.stderr);
}

#[test]
fn a_full_disk_is_one_message_and_exit_1() {
    let full = File::options().write(true).open("/dev/full").expect("/dev/full is there");
    let child = tool("pstats").stdin(Stdio::piped()).stdout(full).spawn().expect("pstats starts");
    let found = feed(child, b"{\"event_id\":\"a\"}\n".to_vec()).expect_code(1);
    assert_eq!(found.stderr.lines().count(), 1, "{}", found.stderr);
}

#[test]
fn a_reader_that_went_away_is_no_failure() {
    let mut child = tool("pstats").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("pstats starts");
    drop(child.stdout.take());
    assert_eq!(feed(child, b"{\"event_id\":\"a\"}\n".to_vec()).expect_code(0).stderr, "");
}

#[test]
fn the_first_signal_lets_it_read_on_and_report() {
    let mut child = tool("pstats").args(["--format", "json"]).stdin(Stdio::piped()).spawn().expect("pstats starts");
    let mut stdin = child.stdin.take().expect("piped");
    std::io::Write::write_all(&mut stdin, b"{\"event_id\":\"a\"}\n").expect("it reads");
    std::thread::sleep(std::time::Duration::from_millis(300));
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it runs");
    std::thread::sleep(std::time::Duration::from_millis(100));
    std::io::Write::write_all(&mut stdin, b"{\"event_id\":\"b\"}\n").expect("it still reads");
    drop(stdin);
    let found = feed(child, Vec::new()).expect_code(130);
    assert_eq!(found.json()["events"]["count"], 2);
}
