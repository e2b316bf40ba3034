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

fn event(service: &str, status: u16, ms: f64, minute: u32) -> String {
    format!(
        "{{\"event_id\":\"{service}-{status}-{ms}-{minute}\",\"timestamp\":\"2026-01-05T{:02}:{:02}:00Z\",\"source\":{{\"service\":\"{service}\",\
         \"endpoint\":\"/{service}\"}},\"metrics\":{{\"response_time_ms\":{ms},\"status_code\":{status}}}}}\n",
        minute / 60 % 24,
        minute % 60
    )
}

#[test]
fn groups_go_by_any_fields_and_are_capped() {
    let input: String =
        (0..40).map(|i| event(&format!("s{}", i % 20), if i < 4 { 500 } else { 200 }, 5.0, i)).collect();
    let found = report(&["--by", "service,metrics.status_code", "--by", "source.service", "--max-groups", "5"], &input);
    let of = &found["events"]["by"];
    let groups = of["service,metrics.status_code"].as_array().expect("groups");
    assert_eq!(groups.len(), 6);
    assert_eq!(groups[5]["group"], Value::Null);
    let of_s0 = groups.iter().find(|g| g["group"] == json!({"service": "s0", "metrics.status_code": "500"}));
    assert_eq!(of_s0.expect("the first group is among them")["count"], 1);
    let total: u64 = groups.iter().map(|g| g["count"].as_u64().expect("a count")).sum();
    assert_eq!(total, 40);
    assert_eq!(of["source.service"][0]["group"], json!({"source.service": "s0"}));
}

#[test]
fn windows_have_the_width_asked_for_until_there_are_a_thousand() {
    let input: String = (0..1001).map(|i| event("a", 200, 5.0, i)).collect();
    let minutes = report(&["--window", "1m"], input.lines().take(1000).collect::<Vec<_>>().join("\n").as_str());
    assert_eq!(
        (&minutes["events"]["window_s"], minutes["events"]["windows"].as_array().map(Vec::len)),
        (&json!(60.0), Some(1000))
    );
    let doubled = report(&["--window", "1m"], &input);
    assert_eq!(
        (&doubled["events"]["window_s"], doubled["events"]["windows"].as_array().map(Vec::len)),
        (&json!(120.0), Some(501))
    );
    assert_eq!(doubled["events"]["windows"][0]["count"], 2);
}

#[test]
fn where_counts_only_what_meets_it_and_says_how_much_it_left_out() {
    let input = event("a", 200, 5.0, 1)
        + &event("a", 503, 5.0, 2)
        + &event("b", 500, 5.0, 3)
        + &outcome(1, "failed", json!({"service": "a"}))
        + &run_record(true);
    let found = report(&["--where", "service=a,status_code>=500"], &input);
    assert_eq!(found["events"]["count"], 1);
    assert_eq!(found["outcomes"]["count"], 0);
    assert_eq!(found["input"]["kinds"]["left_out"]["lines"], 3);
    assert!(run("pstats", &["--where", "service"]).expect_code(2).stderr.contains("--where"));
}

#[test]
fn ids_are_estimated_past_the_cap_and_marked() {
    let input: String = (0..3000).map(|i| format!("{{\"event_id\":{}}}\n", i % 2000)).collect();
    let exact = report(&[], &input);
    assert_eq!(exact["events"]["ids"], json!({"unique": 2000, "duplicates": 1000, "exact": true}));
    let found = report(&["--exact-ids", "1k"], &input);
    assert_eq!(found["events"]["ids"]["exact"], false);
    let unique = found["events"]["ids"]["unique"].as_f64().expect("a number");
    assert!((unique - 2000.0).abs() < 80.0, "{unique}");
    let text = run_with("pstats", &["--exact-ids", "1k"], input.as_bytes());
    assert!(text.text().contains('≈'), "{}", text.text());
}

#[test]
fn a_requirement_that_is_not_met_ends_with_99_and_says_so_on_stderr() {
    let input = event("a", 200, 5.0, 1) + &event("a", 500, 900.0, 2) + &event("b", 200, 5.0, 2);
    let met = run_with("pstats", &["--require", "error_rate < 34%", "--require", "count = 3"], input.as_bytes())
        .expect_code(0);
    assert!(met.text().contains("✓ met"), "{}", met.text());
    assert_eq!(met.stderr, "");
    let args = [
        "--format",
        "json",
        "--require",
        "error_rate < 5%",
        "--require",
        "service=a: latency.p95 < 200ms",
        "--require",
        "service=b: error_rate = 0%",
    ];
    let failed = run_with("pstats", &args, input.as_bytes()).expect_code(99);
    assert!(failed.stderr.contains("not met: error_rate < 5%: 33.333333%"), "{}", failed.stderr);
    assert_eq!(failed.stderr.lines().count(), 2, "{}", failed.stderr);
    let verdicts = &failed.json()["requirements"];
    assert_eq!(verdicts[1]["figure"], "events.service=a.latency.p95_ms");
    assert_eq!((&verdicts[0]["met"], &verdicts[2]["met"]), (&json!(false), &json!(true)));
}

#[test]
fn requirements_may_stand_in_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("slo.txt");
    std::fs::write(&file, "# the service's own\nerror_rate < 5%  # of all\n\ncount >= 1\n").expect("it is written");
    let args = ["--require-file", file.to_str().expect("UTF-8"), "--format", "json"];
    let found = run_with("pstats", &args, event("a", 500, 5.0, 1).as_bytes()).expect_code(99).json();
    assert_eq!(found["requirements"].as_array().map(Vec::len), Some(2));
}

#[test]
fn no_data_fails_a_requirement_unless_it_is_allowed() {
    assert!(run("pstats", &["--require", "error_rate < 5%"]).expect_code(99).stderr.contains("no data"));
    run("pstats", &["--require", "error_rate < 5%", "--allow-empty"]).expect_code(0);
}

#[test]
fn an_incomplete_run_fails_one_requirement_more_unless_partial() {
    let input = outcome(1, "accepted", json!({})) + &run_record(false);
    let found = run_with("pstats", &["--require", "delivered = 100%"], input.as_bytes()).expect_code(99);
    assert!(found.stderr.contains("not complete"), "{}", found.stderr);
    run_with("pstats", &["--require", "delivered = 100%", "--partial"], input.as_bytes()).expect_code(0);
    let cut_off = outcome(1, "accepted", json!({}));
    run_with("pstats", &["--require", "delivered = 100%"], cut_off.as_bytes()).expect_code(99);
}

#[test]
fn a_verified_stream_is_held_against_present() {
    let good = outcome(1, "present", json!({})) + &outcome(2, "present", json!({})) + &run_record(true);
    run_with("pstats", &["--require", "present = 100%"], good.as_bytes()).expect_code(0);
    let bad = outcome(1, "present", json!({})) + &outcome(2, "missing", json!({})) + &run_record(true);
    run_with("pstats", &["--require", "present = 100%"], bad.as_bytes()).expect_code(99);
}

#[test]
fn a_misspelt_figure_is_wrong_usage_and_offers_the_nearest() {
    let found = run("pstats", &["--require", "sucess_rate >= 95%"]).expect_code(2);
    assert!(found.stderr.contains("success_rate") && found.stdout.is_empty(), "{}", found.stderr);
    assert!(run("pstats", &["--require", "latency.p95 < 200"]).expect_code(2).stderr.contains("200ms"));
    let both = event("a", 200, 5.0, 1) + &outcome(1, "accepted", json!({})) + &run_record(true);
    let found = run_with("pstats", &["--require", "error_rate < 5%"], both.as_bytes()).expect_code(2);
    assert!(found.stderr.contains("events.error_rate"), "{}", found.stderr);
    run_with("pstats", &["--require", "outcomes.error_rate < 5%"], both.as_bytes()).expect_code(0);
}

/// A report without what depends on the clock and the file names.
fn without_run(mut report: Value) -> Value {
    report["run"] = Value::Null;
    report
}

/// Events and outcomes with everything that counts: groups, times out of order, repeated ids, broken lines, no latency.
fn mixed_lines(n: u32) -> Vec<String> {
    let mut lines = Vec::new();
    for i in 0..n {
        let x = i.wrapping_mul(2_654_435_761);
        let status = [200, 201, 404, 503][(x >> 30) as usize];
        lines.push(event(&format!("s{}", x % 7), status, f64::from(x % 100_000) / 7.0, i + x % 5));
        match i % 50 {
            3 => lines.push("{broken\n".to_owned()),
            7 => lines.push(lines[lines.len() / 2].clone()),
            9 => lines.push("{\"event_id\":null,\"metrics\":{\"response_time_ms\":-1}}\n".to_owned()),
            11 => lines.push(outcome(
                u64::from(i),
                "failed",
                json!({"latency_ms": null, "attempts": 4, "answers": ["error", "error", "no_answer", "failed"]}),
            )),
            13 => lines.push(outcome(u64::from(i), "accepted", json!({"tags": {"region": "EU"}}))),
            17 => lines.push("[1]\n".to_owned()),
            _ => {}
        }
    }
    lines.push(run_record(true));
    lines
}

#[test]
fn eight_shards_merged_equal_the_whole_bit_for_bit() {
    let lines = mixed_lines(4000);
    let settings = ["--by", "service,status", "--window", "10m"];
    let whole =
        run_with("pstats", &[&settings[..], &["--format", "json"]].concat(), lines.concat().as_bytes()).expect_code(0);
    let mut states = String::new();
    for shard in lines.chunks(lines.len().div_ceil(8)) {
        let state =
            run_with("pstats", &[&settings[..], &["--format", "state", "-q"]].concat(), shard.concat().as_bytes());
        states += state.expect_code(0).text();
    }
    let merged = run_with("pstats", &["--format", "json"], states.as_bytes()).expect_code(0);
    let (whole, merged) = (without_run(whole.json()), without_run(merged.json()));
    assert!(
        whole["events"]["order"]["late"].as_u64() > Some(10)
            && whole["events"]["ids"]["duplicates"].as_u64() > Some(10)
    );
    assert_eq!(whole.to_string(), merged.to_string());
    // A state of states is the same state.
    let again = run_with("pstats", &["--format", "state"], states.as_bytes()).expect_code(0);
    let merged_again = run_with("pstats", &["--format", "json"], &again.stdout).expect_code(0);
    assert_eq!(without_run(merged_again.json()).to_string(), merged.to_string());
}

#[test]
fn estimated_ids_and_found_windows_add_up_too() {
    let lines = mixed_lines(3000);
    let args = ["--exact-ids", "100", "--format"];
    let whole = run_with("pstats", &[&args[..], &["json"]].concat(), lines.concat().as_bytes()).expect_code(0);
    let states: String = lines
        .chunks(500)
        .map(|shard| run_with("pstats", &[&args[..], &["state"]].concat(), shard.concat().as_bytes()).text().to_owned())
        .collect();
    let merged = run_with("pstats", &["--format", "json"], states.as_bytes()).expect_code(0);
    assert_eq!(whole.json()["events"]["ids"]["exact"], false);
    assert_eq!(without_run(whole.json()).to_string(), without_run(merged.json()).to_string());
}

#[test]
fn states_that_do_not_fit_are_refused_and_broken_ones_noticed() {
    let state = |args: &[&str]| {
        let args = [args, &["--format", "state"]].concat();
        run_with("pstats", &args, event("a", 200, 5.0, 1).as_bytes()).expect_code(0).text().to_owned()
    };
    let mixed = state(&["--by", "service,status"]) + &state(&[]);
    let refused = run_with("pstats", &[], mixed.as_bytes()).expect_code(1);
    assert!(
        refused.stderr.contains("--by service,status") || refused.stderr.contains("--by none"),
        "{}",
        refused.stderr
    );
    let newer = state(&[]).replace("\"pstats_state\":1", "\"pstats_state\":7");
    assert!(run_with("pstats", &[], newer.as_bytes()).expect_code(1).stderr.contains("version 7"));
    let whole = state(&[]);
    let cut = whole.lines().take(5).collect::<Vec<_>>().join("\n");
    let found =
        run_with("pstats", &["--require", "events.count >= 0", "--allow-empty"], cut.as_bytes()).expect_code(99);
    assert!(found.stderr.contains("cut off"), "{}", found.stderr);
}

fn truth_line(seq: Option<u64>, id: &str, fault: &str, expect: &str) -> String {
    format!(
        "{}\n",
        json!({"seq": seq, "source_seq": 1, "event_id": id, "fault": fault, "changes": null, "edits": null, "expect": expect})
    )
}

const TRUTH_END: &str = "{\"fault\":\"summary\",\"lines_in\":1,\"lines_out\":1,\"totals\":{},\"complete\":true}\n";

fn outcome_of(seq: u64, id: Option<&str>, word: &str, attempts: u64) -> String {
    outcome(seq, word, json!({"event_id": id, "attempts": attempts}))
}

#[test]
fn each_injected_fault_is_held_against_what_became_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("truth.jsonl");
    let truth = [
        truth_line(Some(1), "a", "spike", "accepted"),
        truth_line(Some(2), "b", "spike", "accepted"),
        truth_line(Some(3), "c", "malformed", "rejected"),
        truth_line(Some(4), "d", "malformed", "rejected"),
        truth_line(Some(5), "e", "malformed", "rejected"),
        truth_line(Some(7), "f", "duplicate", "duplicate"),
        truth_line(Some(9), "g", "duplicate", "duplicate"),
        truth_line(None, "h", "drop", "absent"),
        truth_line(None, "i", "drop", "absent"),
        TRUTH_END.to_owned(),
    ]
    .concat();
    std::fs::write(&file, truth).expect("it is written");
    let input = [
        outcome_of(1, Some("a"), "accepted", 1),
        outcome_of(2, Some("b"), "rejected", 1),
        outcome_of(3, None, "rejected", 0),
        outcome_of(4, None, "accepted", 1),
        outcome_of(5, None, "unknown", 1),
        // The copy came first: one is new, the other a duplicate, in whatever order.
        outcome_of(6, Some("f"), "duplicate", 1),
        outcome_of(7, Some("f"), "accepted", 1),
        outcome_of(8, Some("g"), "accepted", 1),
        outcome_of(9, Some("g"), "accepted", 1),
        outcome_of(10, Some("i"), "accepted", 1),
        outcome_of(11, Some("k"), "rejected", 1),
        run_record(true),
    ]
    .concat();
    let args = ["--truth", file.to_str().expect("UTF-8"), "--format", "json", "--require", "truth.missed = 0"];
    let found = run_with("pstats", &args, input.as_bytes()).expect_code(99).json();
    let figures = |fault: &str| {
        let of = &found["truth"]["faults"][fault];
        ["count", "detected", "missed", "false_alarm", "undecidable"].map(|name| of[name].as_u64().expect("a count"))
    };
    assert_eq!(figures("spike"), [2, 1, 0, 1, 0]);
    assert_eq!(figures("malformed"), [3, 1, 1, 0, 1]);
    assert_eq!(figures("duplicate"), [2, 1, 1, 0, 0]);
    assert_eq!(figures("drop"), [2, 1, 1, 0, 0]);
    assert_eq!(found["truth"]["faults"]["malformed"]["refused_unsent"], 1);
    assert_eq!(found["truth"]["untouched"]["false_alarm"], 1);
    assert_eq!(found["truth"]["missed"], 3);
    let text = run_with("pstats", &args[..2], input.as_bytes()).expect_code(0);
    assert!(text.text().contains("Injected faults"), "{}", text.text());
}

#[test]
fn duplicates_are_undecidable_where_the_server_has_no_word_for_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("truth.jsonl");
    std::fs::write(&file, truth_line(Some(2), "a", "duplicate", "duplicate") + TRUTH_END).expect("it is written");
    let input = outcome_of(1, Some("a"), "accepted", 1) + &outcome_of(2, Some("a"), "accepted", 1) + &run_record(true);
    let found = report(&["--truth", file.to_str().expect("UTF-8")], &input);
    assert_eq!(found["truth"]["faults"]["duplicate"]["undecidable"], 1);
    let on_stdin = truth_line(Some(2), "a", "duplicate", "duplicate") + &input + TRUTH_END;
    assert_eq!(report(&["--truth", "-"], &on_stdin)["truth"], found["truth"]);
}

#[test]
fn streams_that_do_not_line_up_end_with_1() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("truth.jsonl");
    std::fs::write(&file, truth_line(Some(1), "a", "spike", "accepted") + TRUTH_END).expect("it is written");
    let input = outcome_of(1, Some("b"), "accepted", 1) + &run_record(true);
    let found = run_with("pstats", &["--truth", file.to_str().expect("UTF-8")], input.as_bytes()).expect_code(1);
    assert!(found.stderr.contains("streams do not line up"), "{}", found.stderr);
}

#[test]
fn what_was_sent_arrived_and_is_stored_is_reconciled_by_id() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let ids = |ids: &[&str]| ids.iter().map(|id| format!("{{\"event_id\":\"{id}\"}}\n")).collect::<String>();
    std::fs::write(path("sent"), ids(&["a", "b", "c", "d", "e"])).expect("written");
    std::fs::write(path("stored"), ids(&["a", "c", "x"])).expect("written");
    let input = [
        outcome_of(1, Some("a"), "accepted", 1),
        outcome_of(2, Some("b"), "accepted", 1),
        outcome_of(3, Some("c"), "failed", 1),
        outcome_of(4, Some("d"), "not_sent", 0),
        outcome_of(5, Some("y"), "accepted", 1),
        run_record(true),
    ]
    .concat();
    let args = ["--against", &path("sent"), "--stored", &path("stored")];
    let found = &report(&args, &input)["reconciled"];
    let figures = [
        "sent_ids",
        "arrived_ids",
        "sent_not_arrived",
        "arrived_not_sent",
        "accepted_missing",
        "failed_present",
        "extra",
    ];
    assert_eq!(figures.map(|name| found[name].as_u64().expect("a count")), [5, 5, 1, 1, 2, 1, 1]);
    assert_eq!(found["table"]["accepted"]["present"], 1);
    assert_eq!(found["table"]["none"], json!({"present": 0, "missing": 1, "differs": 0, "extra": 1, "unchecked": 0}));
    // The same from psend --verify's outcomes.
    let verified = outcome_of(1, Some("a"), "differs", 1) + &outcome_of(2, Some("b"), "missing", 1) + &run_record(true);
    std::fs::write(path("verified"), verified).expect("written");
    let found = &report(&["--stored", &path("verified")], &input)["reconciled"];
    assert_eq!(
        found["table"]["accepted"],
        json!({"present": 0, "missing": 1, "differs": 1, "extra": 0, "unchecked": 1})
    );
    let require = ["--stored", &path("verified"), "--require", "reconciled.accepted_missing = 0"];
    run_with("pstats", &require, input.as_bytes()).expect_code(99);
}

#[test]
fn every_form_is_written_beside_the_report() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let input =
        event("a", 200, 5.0, 1) + &event("b|<&>", 500, 900.0, 2) + &outcome(1, "failed", json!({})) + &run_record(true);
    let reports: Vec<String> = ["json", "markdown", "junit", "prometheus", "state", "text"]
        .iter()
        .map(|form| format!("{form}={}", path(form)))
        .collect();
    let mut args: Vec<&str> = reports.iter().flat_map(|report| ["--report", report]).collect();
    args.extend(["--require", "events.error_rate < 5%", "--require", "outcomes.count = 1"]);
    let found = run_with("pstats", &args, input.as_bytes()).expect_code(99);
    let read = |name: &str| std::fs::read_to_string(path(name)).expect("it was written");
    assert_eq!(read("text"), found.text());
    let json: Value = serde_json::from_str(&read("json")).expect("JSON");
    assert_eq!(json["events"]["count"], 2);
    let junit = read("junit");
    assert!(junit.contains("tests=\"2\" failures=\"1\"") && junit.contains("events.error_rate &lt; 5%"), "{junit}");
    let markdown = read("markdown");
    assert!(markdown.contains("❌ not met") && markdown.contains("b\\|<&>"), "{markdown}");
    let prometheus = read("prometheus");
    assert!(prometheus.contains("pulsepipe_events_error_ratio 0.5\n"), "{prometheus}");
    assert!(prometheus.contains("pulsepipe_outcomes{outcome=\"failed\"} 1\n"), "{prometheus}");
    for line in prometheus.lines().filter(|line| !line.starts_with('#')) {
        assert!(line.rsplit_once(' ').is_some_and(|(_, value)| value.parse::<f64>().is_ok()), "{line}");
    }
    let again = run_with("pstats", &["--format", "json"], read("state").as_bytes()).expect_code(0).json();
    assert_eq!(again["events"], json["events"]);
}

#[test]
fn a_report_file_is_rewritten_while_data_flows() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("metrics.prom");
    let report = format!("prometheus={}", file.display());
    let mut child = tool("pstats")
        .args(["--report", &report, "--every", "50ms", "-q"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("pstats starts");
    let mut stdin = child.stdin.take().expect("piped");
    let seen = (0..200).any(|i| {
        std::io::Write::write_all(&mut stdin, event("a", 200, 5.0, i % 60).as_bytes()).expect("it reads");
        std::thread::sleep(std::time::Duration::from_millis(20));
        std::fs::read_to_string(&file).is_ok_and(|text| text.contains("pulsepipe_events_count"))
    });
    drop(stdin);
    feed(child, Vec::new()).expect_code(0);
    assert!(seen, "no file while data was flowing");
}

#[test]
fn a_run_is_shown_beside_an_earlier_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let base = folder.path().join("base.json");
    let earlier = outcome(1, "accepted", json!({})) + &run_record(true);
    std::fs::write(&base, run_with("pstats", &["--format", "json"], earlier.as_bytes()).stdout).expect("it is written");
    let base = base.to_str().expect("UTF-8");
    let now = outcome(1, "accepted", json!({"latency_ms": 30.0}))
        + &run_record(true).replace("\"concurrency\":10", "\"concurrency\":50");
    let within = ["--compare", base, "--require", "latency.p95 <= 310% of base"];
    let text = run_with("pstats", &within, now.as_bytes()).expect_code(0);
    assert!(text.text().contains("Another concurrency: 10 there, 50 here"), "{}", text.text());
    let beyond = ["--compare", base, "--require", "latency.p95 <= 110% of base", "--format", "json"];
    let found = run_with("pstats", &beyond, now.as_bytes()).expect_code(99).json();
    let p95 = found["run"]["compared"]["figures"]
        .as_array()
        .expect("figures")
        .iter()
        .find(|f| f["figure"] == "outcomes.latency.p95_ms");
    assert_eq!(p95.expect("it is compared")["differs"], true);
    assert!(run("pstats", &["--require", "latency.p95 <= 110% of base"]).expect_code(2).stderr.contains("--compare"));
    assert!(run("pstats", &["--compare", "Cargo.toml"]).expect_code(2).stderr.contains("Cargo.toml"));
}

/// The figures that the page names, as (path in the JSON report, value).
fn figures_of(html: &str) -> Vec<(String, String)> {
    let parts = html.split("data-figure=\"").skip(1);
    let figures = parts.map(|part| {
        let (path, rest) = part.split_once("\" data-value=\"").expect("a figure has a value");
        (path.to_owned(), rest.split('"').next().expect("a quote ends it").to_owned())
    });
    figures.collect()
}

#[test]
fn the_html_report_has_the_figures_of_the_json_and_asks_for_nothing_outside() {
    let folder = tempfile::tempdir().expect("a folder");
    let json_file = folder.path().join("r.json");
    let beside = format!("json={}", json_file.display());
    let found = run_with("pstats", &["--format", "html", "--report", &beside], mixed_lines(500).concat().as_bytes())
        .expect_code(0);
    let json: Value = serde_json::from_slice(&std::fs::read(&json_file).expect("it was written")).expect("JSON");
    let figures = figures_of(found.text());
    assert!(figures.len() > 20, "{figures:?}");
    for (path, value) in figures {
        let wanted = json.pointer(&format!("/{}", path.replace('.', "/"))).unwrap_or_else(|| panic!("{path}"));
        let value: Value = serde_json::from_str(&value).expect("a number or null");
        assert_eq!(value.as_f64(), wanted.as_f64(), "{path}");
    }
    assert!(!found.text().contains("<script src") && found.text().contains("default-src 'none'"));
}

#[test]
fn the_html_report_draws_in_a_browser_without_an_error() {
    let browser = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| {
        std::process::Command::new(name).arg("--version").output().is_ok_and(|found| found.status.success())
    });
    let Some(browser) = browser else {
        eprintln!("skipped: needs chromium");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let page = folder.path().join("report.html");
    let sample = std::fs::read_to_string(sample()).expect("the sample is there");
    for (input, charts) in [(sample, 7), (mixed_lines(300).concat(), 9), (String::new(), 0)] {
        let args =
            ["--format", "html", "--require", "input.lines >= 0", "--partial", "-o", page.to_str().expect("UTF-8")];
        run_with("pstats", &args, input.as_bytes()).expect_code(0);
        let profile = format!("--user-data-dir={}", folder.path().join("profile").display());
        let shown = std::process::Command::new(browser)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--enable-logging=stderr",
                &profile,
            ])
            .args(["--virtual-time-budget=10000", "--dump-dom", &format!("file://{}", page.display())])
            .output()
            .expect("the browser runs");
        let (dom, log) = (String::from_utf8_lossy(&shown.stdout), String::from_utf8_lossy(&shown.stderr));
        assert!(!log.contains("CONSOLE"), "{log}");
        assert!(!dom.contains("data-error="), "{}", dom.get(..300).unwrap_or_default());
        assert!(
            dom.contains(&format!("data-drawn=\"{charts}\"")),
            "{charts} charts: {}",
            dom.get(..300).unwrap_or_default()
        );
        assert_eq!(dom.matches("class=\"chart").count() - dom.matches("class=\"charts\"").count(), charts);
        assert_eq!(dom.matches("<svg").count(), charts);
        if charts > 0 {
            let heat_map = dom.split("id=\"events-hours\"").nth(1).and_then(|rest| rest.split("</svg>").next());
            let cells = heat_map.expect("the heat map is there").matches("<path").count();
            assert!(cells > 60, "the heat map has {cells} shapes");
        }
    }
}

#[test]
fn threads_change_no_figure() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("events.jsonl");
    let lines = mixed_lines(2000).concat();
    std::fs::write(&file, lines.repeat(1 + (40 << 20) / lines.len())).expect("it is written");
    let file = file.to_str().expect("UTF-8");
    let of = |threads: &str| {
        without_run(run("pstats", &["--format", "json", "--threads", threads, file, file]).expect_code(0).json())
    };
    assert_eq!(of("1").to_string(), of("3").to_string());
}

#[test]
fn with_tee_the_input_goes_on_as_it_came_and_the_report_to_stderr() {
    let input = format!("\u{feff}{}{{broken\n\n{}", event("a", 200, 5.0, 1), event("b", 200, 5.0, 1).trim_end());
    let found = run_with("pstats", &["--tee", "-q"], input.as_bytes()).expect_code(0);
    assert_eq!(found.text(), input);
    assert!(found.stderr.contains("Total events") && found.stderr.contains(" 2"), "{}", found.stderr);
}

#[test]
fn live_draws_on_a_terminal_while_data_flows() {
    let script = "script -qec \"(echo '{\\\"event_id\\\":1}'; sleep 0.7; echo '{\\\"event_id\\\":2}'; sleep 0.7; echo '{\\\"event_id\\\":3}') | pstats --live\" /dev/null";
    if !crate::support::shell("command -v script").status.success() {
        eprintln!("skipped: needs script (util-linux)");
        return;
    }
    let found = crate::support::shell(script);
    let drawn = String::from_utf8_lossy(&found.stdout).matches("Total events").count();
    assert!(drawn >= 3, "drawn {drawn} times: {}", String::from_utf8_lossy(&found.stdout));
}

/// Checks a value against the part of JSON Schema that docs/report.schema.json uses.
fn check(value: &Value, schema: &Value, root: &Value, at: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        return check(value, root.pointer(&reference[1..]).expect("a reference leads somewhere"), root, at);
    }
    let name = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_u64() || n.is_i64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let allowed: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(some) => some.iter().filter_map(Value::as_str).collect(),
        other => panic!("{at}: a schema without a type: {other}"),
    };
    assert!(
        allowed.contains(&name) || name == "integer" && allowed.contains(&"number"),
        "{at} is {name}, not {allowed:?}"
    );
    if let (Some(n), Some(least)) = (value.as_f64(), schema["minimum"].as_f64()) {
        assert!(n >= least && n <= schema["maximum"].as_f64().unwrap_or(f64::MAX), "{at} is {n}");
    }
    for (place, item) in value.as_array().into_iter().flatten().enumerate() {
        check(item, &schema["items"], root, &format!("{at}[{place}]"));
    }
    if let Some(map) = value.as_object() {
        for required in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            assert!(map.contains_key(required), "{at} lacks {required}");
        }
        for (key, value) in map {
            let of = schema["properties"].get(key).unwrap_or(&schema["additionalProperties"]);
            assert!(of.is_object(), "{at}.{key} is not in the schema");
            check(value, of, root, &format!("{at}.{key}"));
        }
    }
}

#[test]
fn the_json_report_keeps_to_its_documented_schema() {
    let schema = std::fs::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/report.schema.json"))
        .expect("it is there");
    let schema: Value = serde_json::from_slice(&schema).expect("JSON");
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    std::fs::write(path("truth"), truth_line(Some(900), "a", "spike", "accepted") + TRUTH_END).expect("written");
    std::fs::write(path("stored"), "{\"event_id\":\"a\"}\n").expect("written");
    let input = mixed_lines(200).concat();
    let base = run_with("pstats", &["--format", "json"], input.as_bytes()).expect_code(0);
    std::fs::write(path("base"), &base.stdout).expect("written");
    let (truth, stored, base_file) = (path("truth"), path("stored"), path("base"));
    let all = [
        "--format",
        "json",
        "--by",
        "service,endpoint",
        "--truth",
        &truth,
        "--stored",
        &stored,
        "--compare",
        &base_file,
        "--require",
        "input.lines > 0",
    ];
    let full = run_with("pstats", &all, input.as_bytes()).expect_code(0).json();
    for report in [full, base.json(), run("pstats", &["--format", "json"]).json()] {
        check(&report, &schema, &schema, "report");
    }
}

#[test]
fn counts_equal_those_of_jq_groups_and_all() {
    if !crate::support::shell("command -v jq").status.success() {
        eprintln!("skipped: needs jq");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("events.jsonl");
    let file = file.to_str().expect("UTF-8");
    run("pgen", &["-n", "20k", "--seed", "5", "--start", "2026-01-05T00:00:00Z", "-q", "-o", file]).expect_code(0);
    let counted =
        run("pstats", &["--format", "json", "--by", "service,metrics.status_code", file]).expect_code(0).json();
    let filter = "reduce inputs as $e ({}; .[$e.source.service + \" \" + ($e.metrics.status_code | tostring)] += 1)";
    let theirs = crate::support::shell(&format!("jq -n '{filter}' {file}")).expect_code(0).json();
    let groups = counted["events"]["by"]["service,metrics.status_code"].as_array().expect("groups");
    assert_eq!(Some(groups.len()), theirs.as_object().map(serde_json::Map::len));
    for group in groups {
        let name = |field: &str| group["group"][field].as_str().expect("a value").to_owned();
        assert_eq!(group["count"], theirs[format!("{} {}", name("service"), name("metrics.status_code"))]);
    }
}
