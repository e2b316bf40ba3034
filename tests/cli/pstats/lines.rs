//! What lines say: kinds, figures, groups, windows, filters, ids.

use serde_json::{Value, json};

use super::{event, outcome, report, run_record};
use crate::support::missing::lacks;
use crate::support::{run, run_with, sample};

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
fn outcomes_are_distinguished_from_events_and_counted_by_word() {
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
    assert_eq!((&of["time"]["span_s"], &of["throughput"]), (&json!(9.02), &json!(0.997_783)));
    assert_eq!(of["complete"], true);
}

#[test]
fn outcomes_have_regions_if_psend_tagged_them() {
    let input = outcome(1, "accepted", json!({"tags": {"region": "EU", "device": "bot"}}))
        + &outcome(2, "failed", json!({"tags": {"region": "EU", "device": null}}))
        + &run_record(true);
    let of = &report(&[], &input)["outcomes"]["by"];
    assert_eq!(of["region"][0]["group"], json!({"region": "EU"}));
    assert_eq!(of["region"][0]["error_rate"], 0.5);
    assert_eq!(of["device"].as_array().map(Vec::len), Some(1));
}

#[test]
fn verified_events_count_as_success_if_they_are_present() {
    let input = outcome(1, "present", json!({})) + &outcome(2, "missing", json!({})) + &run_record(true);
    let of = &report(&[], &input)["outcomes"];
    assert_eq!((&of["present"], &of["missing"], &of["success_rate"]), (&json!(1), &json!(1), &json!(0.5)));
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
    assert!(text.text().contains("The input has no events and no outcomes."), "{}", text.text());
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
fn where_takes_the_short_names_that_by_takes() {
    let error = json!({"kind": "http", "message": "no"});
    let tags = json!({"team": "red", "device_type": "tablet"});
    let input =
        "{\"event_id\":1,\"timestamp\":\"2026-01-05T14:00:00Z\",\"error_details\":{\"error_message\":\"gone\"}}\n"
            .to_owned()
            + &event("a", 200, 5.0, 1)
            + &outcome(1, "failed", json!({"error": error, "tags": tags, "sent_at": "2026-01-05T14:00:01.000000Z"}))
            + &outcome(2, "accepted", json!({"end_to_end_ms": 99.0}))
            + &run_record(true);
    for (filter, events, outcomes) in [
        ("hour=14", 1, 1),
        ("hour<14", 1, 1),
        ("error=gone", 1, 0),
        ("error=http", 0, 1),
        ("team=red", 0, 1),
        ("device_type=tablet", 0, 1),
        ("end_to_end_ms>50", 0, 1),
        ("latency>0", 1, 2),
        ("id=evt_1", 0, 1),
        ("status_code=200", 1, 2),
    ] {
        let found = report(&["--where", filter], &input);
        let count = |kind: &str| found[kind]["count"].as_u64().unwrap_or(0);
        assert_eq!((count("events"), count("outcomes")), (events, outcomes), "{filter}");
    }
}

#[test]
fn times_that_are_numbers_are_times() {
    let input = "{\"id\":1,\"ts\":1767621600.25}\n{\"id\":2,\"ts\":\"1767621601\"}\n{\"id\":3,\"ts\":1767621602000}\n{\"id\":4,\"ts\":7}\n";
    let found = report(&["--fields", "id=id,timestamp=ts"], input);
    assert_eq!(found["events"]["time"]["first"], "2026-01-05T14:00:00.250000Z");
    assert_eq!(found["events"]["time"]["last"], "2026-01-05T14:00:02.000000Z");
    assert_eq!(found["events"]["by"]["hour"][0]["count"], 3);
    assert_eq!(found["input"]["event_fields"]["time_invalid"], 1);
}

#[test]
fn shares_of_statuses_are_of_the_events_that_have_one() {
    let input: String = (0..10).map(|i| event("a", if i < 2 { 500 } else { 200 }, 5.0, i)).collect();
    let silent: String = (0..10).map(|i| format!("{{\"event_id\":{i}}}\n")).collect();
    let found = run_with("pstats", &[], (input + &silent).as_bytes()).expect_code(0);
    let line =
        |name: &str| found.lines().into_iter().find(|line| line.contains(name)).map(str::to_owned).expect("a line");
    assert!(line("Error rate").contains("20.0%") && line("5xx errors").contains("20.0%"), "{}", found.text());
}

#[test]
fn ids_beyond_the_cap_are_unknown_and_meet_no_requirement() {
    let input: String = (0..3000).map(|i| format!("{{\"event_id\":{}}}\n", i % 2000)).collect();
    let exact = report(&[], &input);
    assert_eq!(
        exact["events"]["ids"],
        json!({"unique": 2000, "duplicates": 1000, "exact": true, "unique_at_least": 2000})
    );
    let found = report(&["--exact-ids", "1k"], &input);
    let not_known = json!({"unique": null, "duplicates": null, "exact": false, "unique_at_least": 1001});
    assert_eq!(found["events"]["ids"], not_known);
    assert!(found["not_known"]["events.ids.duplicates"].as_str().is_some_and(|why| why.contains("--exact-ids")));
    for form in ["text", "markdown", "html"] {
        let found = run_with("pstats", &["--exact-ids", "1k", "--format", form], input.as_bytes());
        assert!(found.text().contains("over 1,000") && found.text().contains("not known"), "{form}: {}", found.text());
    }
    for requirement in ["ids.duplicates = 0", "ids.duplicates >= 0", "ids.unique > 5", "ids.duplicates < 50%"] {
        let args = ["--exact-ids", "1k", "--allow-empty", "--require", requirement];
        let found = run_with("pstats", &args, input.as_bytes()).expect_code(99);
        assert!(found.stderr.contains("not known") && found.stderr.contains("--exact-ids"), "{}", found.stderr);
    }
    let enough = ["--exact-ids", "2k", "--require", "ids.duplicates = 1000", "--require", "ids.unique_at_least = 2000"];
    run_with("pstats", &enough, input.as_bytes()).expect_code(0);
}

#[test]
fn a_rate_over_no_time_is_not_judged() {
    let args = ["--allow-empty", "--require", "throughput > 5/s"];
    let found = run_with("pstats", &args, event("a", 200, 5.0, 1).as_bytes()).expect_code(99);
    assert!(found.stderr.contains("no time passed"), "{}", found.stderr);
}

#[test]
fn an_event_that_has_the_marks_of_another_kind_is_an_event() {
    let more = [
        r#""run":{"complete":true}"#,
        r#""run":{"id":"x","complete":true,"lines_read":1,"target":"t","mode":"m","rate":null,"concurrency":1,"batch":null,"retries":1,"started_at":"","ended_at":"","shard":null}"#,
        r#""fault":"overheating","source_seq":5"#,
        r#""fault":"summary""#,
        r#""pstats_state":2"#,
    ];
    let input: String = more
        .iter()
        .map(|more| format!("{{\"event_id\":\"a\",\"metrics\":{{\"status_code\":200}},{more}}}\n"))
        .collect();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("stored");
    std::fs::write(&file, &input).expect("written");
    let found = report(&["--stored", file.to_str().expect("UTF-8")], &input);
    assert_eq!(found["events"]["count"], more.len());
    assert_eq!(found["reconciled"]["table"]["event"]["present"], 1);
}

#[test]
fn quantiles_above_an_hour_are_reported() {
    let hours: String = (1..=4).map(|n| event("a", 200, f64::from(n) * 3_600_000.0, 1)).collect();
    let found = report(&[], &hours);
    let p95 = found["events"]["latency"]["p95_ms"].as_f64().expect("a number");
    assert!((p95 / (4.0 * 3_600_000.0) - 1.0).abs() < 0.01, "{p95}");
    run_with("pstats", &["--require", "latency.p95 < 2h"], hours.as_bytes()).expect_code(99);
}

#[test]
fn a_grouping_that_no_line_has_is_reported() {
    let input = event("a", 200, 5.0, 1) + &outcome(1, "accepted", json!({"tags": {"team": "x"}})) + &run_record(true);
    let of = |by: &str| run_with("pstats", &["--by", by], input.as_bytes()).expect_code(0).stderr;
    assert!(of("tier").contains("--by tier: no line has this field"), "{}", of("tier"));
    assert!(of("service,payload.amount").contains("--by payload.amount: no line"), "{}", of("service,payload.amount"));
    assert_eq!((of("team"), of("service,status")), (String::new(), String::new()));
}

#[test]
fn counts_equal_those_of_jq_groups_and_all() {
    if lacks("a comparison", &["jq"]) {
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

#[test]
fn a_status_code_is_one_group_however_its_number_is_written() {
    let status = |raw: &str| format!("{{\"event_id\":1,\"metrics\":{{\"status_code\":{raw}}}}}\n");
    let found = report(&[], &["200", "200.0", "2e2", "\"200\"", "\"abc\"", "200.5"].map(status).concat());
    let groups = found["events"]["by"]["status"].as_array().expect("groups");
    let count = |value: &str| groups.iter().find(|g| g["group"]["status"] == value).map(|g| g["count"].clone());
    assert_eq!((count("200"), count("\"200\""), count("abc")), (Some(json!(4)), None, Some(json!(1))));
    assert_eq!(found["input"]["event_fields"]["status_invalid"], 2);
    assert_eq!(found["events"]["status_classes"]["2xx"], 4);
}

/// pgen's events in a file, and what pstats says of them.
fn counted_events(folder: &std::path::Path) -> (String, Value) {
    let file = folder.join("events.jsonl").to_str().expect("UTF-8").to_owned();
    run("pgen", &["-n", "20k", "--seed", "5", "--start", "2026-01-05T00:00:00Z", "-q", "-o", &file]).expect_code(0);
    let counted = run("pstats", &["--format", "json", "--by", "service,endpoint", &file]).expect_code(0).json();
    (file, counted)
}

/// Holds rates and latencies of groups against those that another program found: a list of
/// {service, endpoint, count, errors, mean, max, p95}.
fn check_groups(counted: &Value, theirs: &Value) {
    let groups = counted["events"]["by"]["service,endpoint"].as_array().expect("groups");
    let theirs = theirs.as_array().expect("a list");
    assert_eq!(groups.len(), theirs.len());
    for their in theirs {
        let name = json!({"service": their["service"], "endpoint": their["endpoint"]});
        let group = groups.iter().find(|group| group["group"] == name).unwrap_or_else(|| panic!("{name}"));
        let figure = |value: &Value| value.as_f64().unwrap_or_else(|| panic!("{name}: {value}"));
        let count = figure(&their["count"]);
        assert_eq!((figure(&group["count"]), figure(&group["error_rate"])), (count, figure(&their["errors"]) / count));
        let latency = &group["latency"];
        assert_eq!(figure(&latency["max_ms"]), figure(&their["max"]), "{name}");
        assert!((figure(&latency["mean_ms"]) - figure(&their["mean"])).abs() <= 0.000_6, "{name}");
        let (ours, exact) = (figure(&latency["p95_ms"]), figure(&their["p95"]));
        assert!((ours - exact).abs() <= exact * 0.01, "{name}: {ours}, exactly {exact}");
    }
}

#[test]
fn rates_and_latencies_of_groups_equal_those_of_jq() {
    if lacks("a comparison", &["jq"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (file, counted) = counted_events(folder.path());
    let filter = "group_by([.source.service, .source.endpoint]) | map((map(.metrics.response_time_ms) | sort) as $ms |
        {service: .[0].source.service, endpoint: .[0].source.endpoint, count: length,
         errors: (map(select(.metrics.status_code >= 400)) | length), mean: (($ms | add) / length), max: $ms[-1],
         p95: $ms[((length * 0.95) | ceil) - 1]})";
    let theirs = crate::support::shell(&format!("jq -s '{filter}' {file}")).expect_code(0).json();
    check_groups(&counted, &theirs);
}

#[test]
fn rates_and_latencies_of_groups_equal_those_of_duckdb() {
    if lacks("a comparison", &["duckdb"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (file, counted) = counted_events(folder.path());
    let query = format!(
        "SELECT source.service AS service, source.endpoint AS endpoint, count(*) AS count,
         count(*) FILTER (metrics.status_code >= 400) AS errors, avg(metrics.response_time_ms) AS mean,
         max(metrics.response_time_ms) AS max, quantile_disc(metrics.response_time_ms, 0.95) AS p95
         FROM read_json_auto('{file}') GROUP BY 1, 2"
    );
    let theirs = crate::support::shell(&format!("duckdb -json -c \"{query}\"")).expect_code(0).json();
    check_groups(&counted, &theirs);
}

#[test]
fn why_events_were_not_delivered_is_told_in_the_servers_words_most_frequent_first() {
    let outcome = |seq: u64, word: &str, message: Option<&str>| {
        let error =
            message.map_or("null".to_owned(), |m| serde_json::json!({"kind": "http", "message": m}).to_string());
        format!(
            "{{\"seq\":{seq},\"event_id\":\"e{seq}\",\"outcome\":\"{word}\",\"status\":400,\"attempts\":1,\"error\":{error}}}\n"
        )
    };
    let mut input = String::new();
    for seq in 1..=20 {
        input += &match seq % 5 {
            0 => outcome(seq, "rejected", Some(&format!("HTTP 400: Code: 41, row {seq} | \u{1b}[31mno"))),
            1 => outcome(seq, "failed", Some("HTTP 503: busy")),
            _ => outcome(seq, "accepted", None),
        };
    }
    input += &outcome(21, "rejected", Some("HTTP 400: Code: 41, row 7 | \u{1b}[31mno"));
    let json = run_with("pstats", &["--format", "json", "-q"], input.as_bytes()).expect_code(0).json();
    let reasons = &json["outcomes"]["reasons"];
    assert_eq!(reasons[0]["reason"], "HTTP 400: Code: 41, row # | \u{1b}[#");
    assert_eq!(
        (&reasons[0]["count"], &reasons[1]["reason"], &reasons[1]["count"]),
        (&5.into(), &"HTTP 503: busy".into(), &4.into())
    );
    assert_eq!(json["outcomes"]["other_reasons"], 0);
    for format in ["text", "markdown", "html"] {
        let report = run_with("pstats", &["--format", format, "-q"], input.as_bytes()).expect_code(0);
        assert!(
            report.text().contains("HTTP 503: busy") && !report.text().contains('\u{1b}'),
            "{format}: {}",
            report.text()
        );
    }
    // A state keeps them, and states add up.
    let middle = input[..input.len() / 2].rfind(char::from(10)).expect("lines") + 1;
    let (one, other) = input.split_at(middle);
    let state = |part: &str, origin: &str| {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join(origin);
        std::fs::write(&file, part).expect("written");
        run_with("pstats", &["--format", "state", "-q", file.to_str().expect("a path")], b"").expect_code(0).stdout
    };
    let both = [state(one, "one.jsonl"), state(other, "other.jsonl")].concat();
    let added = run_with("pstats", &["--format", "json", "-q"], &both).expect_code(0).json();
    assert_eq!(&added["outcomes"]["reasons"], reasons);
}
