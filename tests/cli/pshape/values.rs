//! Effects on values: response times, errors, recoveries, ids, in any schema.

use super::*;

#[test]
fn an_injected_error_is_coherent_and_recover_is_its_reverse() {
    let input = events(2000);
    let shaped = shape(&["--errors", "1"], &input);
    assert_eq!(shaped.summary["totals"]["error"], 1800);
    for event in shaped.run.json_lines() {
        let status = event["metrics"]["status_code"].as_u64().expect("a status");
        assert!(status >= 400);
        assert_eq!(event["severity"], if status >= 500 { "error" } else { "warning" });
        assert!(event["error_details"]["error_type"].is_string());
        if event["message"] == "m" {
            continue;
        }
        assert!(
            event["error_details"]["error_code"].as_str().is_some_and(|c| c.starts_with(&format!("ERR_{status}_")))
        );
        assert_eq!(event["metrics"]["cache_hit"], false);
        assert!(event["metrics"]["response_size_bytes"].as_u64().is_some_and(|size| (100..=600).contains(&size)));
        let service = event["source"]["service"].as_str().expect("a service");
        let words = if status >= 500 { format!("Server error in {service}") } else { "Client error on /".to_owned() };
        assert_eq!(event["message"], words);
    }
    let healed = shape(&["--recover"], &shaped.run.stdout);
    for event in healed.run.json_lines() {
        assert_eq!(event["metrics"]["status_code"], 200);
        assert_eq!(event["severity"], "info");
        assert!(event.get("error_details").is_none());
    }
}

#[test]
fn a_code_that_the_world_does_not_have_gets_words_of_its_class() {
    for (code, kind, words) in [
        (418, "ClientError", "Request could not be processed"),
        (499, "ClientError", "Request could not be processed"),
        (507, "ServerError", "Unexpected error occurred"),
    ] {
        let shaped = shape(&["--errors", &format!("1,codes={code}")], &events(9));
        for event in shaped.run.json_lines() {
            assert_eq!(event["error_details"]["error_type"], kind, "{code}");
            assert_eq!(event["error_details"]["error_message"], words, "{code}");
        }
    }
}

#[test]
fn new_ids_are_fresh_and_copies_stay_copies() {
    let mut input = events(100);
    input.extend(events(100));
    let shaped = shape(&["--new-ids", "rerun_"], &input);
    let ids: Vec<String> =
        shaped.run.json_lines().iter().map(|e| e["event_id"].as_str().expect("an id").into()).collect();
    assert!(ids.iter().all(|id| id.starts_with("rerun_")));
    assert_eq!(ids[..100], ids[100..]);
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 100);
}

#[test]
fn the_real_sample_and_other_schemas_are_spiked_in_place() {
    let input = sample_bytes();
    check(&shape(&["--spikes", "20%"], &input), &input);
    let logs: Vec<u8> =
        (0..1000).flat_map(|n| format!("{{ \"dur_ms\" : {n}, \"note\":\"\\u00e9\" }}\r\n").into_bytes()).collect();
    let shaped = shape(&["--spikes", "0.5,factor=3", "--fields", "latency=dur_ms"], &logs);
    check(&shaped, &logs);
    assert!(shaped.faults.len() > 400);
    for fault in &shaped.faults {
        let change = &fault["changes"]["dur_ms"];
        assert_eq!(change[1].as_u64(), change[0].as_u64().map(|ms| ms * 3));
    }
}

#[test]
fn lines_that_an_effect_cannot_apply_to_pass_and_are_counted() {
    let input = b"not json\n[1]\n\n\xff\n{\"metrics\":{}}\n{\"metrics\":{\"response_time_ms\":null}}\n{\"metrics\":{\"response_time_ms\":5.00}}\n";
    let shaped = shape(&["--spikes", "1"], input);
    check(&shaped, input);
    assert_eq!(shaped.summary["totals"], json!({"spike": 1}));
    assert!(shaped.run.stderr.contains("4 lines: not a JSON object"), "{}", shaped.run.stderr);
    assert!(
        shaped.run.stderr.contains("spike                1  (2 more lacked a response time above 0, such as line 5: 'metrics.response_time_ms' is not there)"),
        "{}",
        shaped.run.stderr
    );
}

/// One line after an effect of the command line.
fn line_after(args: &[&str], line: &str) -> String {
    let shaped = shape(args, line.as_bytes());
    check(&shaped, line.as_bytes());
    shaped.run.text().to_owned()
}

#[test]
fn small_response_times_keep_their_digits_and_what_cannot_change_is_counted() {
    let slow =
        |factor: &str, ms: &str| line_after(&["--slow", factor, "--fields", "latency=d"], &format!("{{\"d\":{ms}}}"));
    assert_eq!(slow("3x", "5e-05"), "{\"d\":0.0001500}");
    assert_eq!(slow("3x", "1e-9"), "{\"d\":0.00000000300}");
    assert_eq!(slow("2x", "0.00000000012"), "{\"d\":0.00000000024}");
    assert_eq!(slow("0.001x", "0.01"), "{\"d\":0.01}");
    assert_eq!(slow("10x", "1e308"), "{\"d\":1e308}");
    let shaped = shape(&["--slow", "1.2x", "--fields", "latency=d"], b"{\"d\":1}\n{\"d\":2}\n{\"d\":10}\n{}\n");
    assert_eq!(shaped.run.text(), "{\"d\":1}\n{\"d\":2}\n{\"d\":12}\n{}\n");
    let said = "slow                 1  (1 more lacked a response time above 0, such as line 4: 'd' is not there; 2 more have no other value in their form)";
    assert!(shaped.run.stderr.contains(said), "{}", shaped.run.stderr);
}

#[test]
fn recover_takes_back_what_errors_and_incidents_injected() {
    let input = events(500);
    let incident = ["--incident", "service=payment-service,at=+0s,for=1h,errors=1,cascade=order-service:0.5"];
    for args in [&["--errors", "1", "--recover"][..], &[&incident[..], &["--recover"]].concat()] {
        for more in [&[][..], &["--duplicates", "20%"]] {
            let shaped = shape(&[args, more].concat(), &input);
            check(&shaped, &input);
            for event in shaped.run.json_lines() {
                assert_eq!(event["metrics"]["status_code"], 200);
                assert!(event.get("error_details").is_none(), "{event}");
            }
        }
    }
}

#[test]
fn errors_find_a_place_for_their_details() {
    let details = |args: &[&str], line: &str| {
        let after = line_after(&[&["--errors", "1,codes=503"], args].concat(), line);
        after.replace(|c: char| c.is_ascii_digit(), "").split("\"error_message").next().expect("a start").to_owned()
    };
    let event = r#"{"metrics":{"status_code":200},"context":{},"payload":{}}"#;
    assert_eq!(
        details(&[], event),
        r#"{"metrics":{"status_code":},"context":{},"error_details":{"error_code":"ERR__","#
    );
    let bare = r#"{"metrics":{"status_code":200},"payload":{} }"#;
    assert_eq!(
        details(&[], bare),
        r#"{"metrics":{"status_code":},"payload":{},"error_details":{"error_code":"ERR__","#
    );
    // Another schema, without a field for them; with one; and with one inside an object.
    assert_eq!(details(&["--fields", "status=code"], r#"{"code":200}"#), r#"{"code":}"#);
    let own = details(&["--fields", r"status=code,error_details=why\.not"], r#"{"code":200}"#);
    assert_eq!(own, r#"{"code":,"why.not":{"error_code":"ERR__","#);
    let inside = details(&["--fields", "status=code,error_details=end.why"], r#"{"code":200,"end":{}}"#);
    assert_eq!(inside, r#"{"code":,"end":{"why":{"error_code":"ERR__","#);
}

#[test]
fn an_event_whose_fields_have_other_types_is_not_made_an_error_by_halves() {
    for (field, value) in [
        ("severity", "3"),
        ("message", "[\"m\"]"),
        ("error_details", "\"none\""),
        ("metrics.response_size_bytes", "\"800 B\""),
        ("metrics.cache_hit", "\"HIT\""),
    ] {
        for (flag, status, fault) in [("--errors", 200, "error"), ("--recover", 500, "recover")] {
            let (parent, key) = field.rsplit_once('.').unwrap_or(("", field));
            let inner = if parent.is_empty() { String::new() } else { format!(",\"{key}\":{value}") };
            let outer = if parent.is_empty() { format!(",\"{key}\":{value}") } else { String::new() };
            let line = format!("{{\"metrics\":{{\"status_code\":{status}{inner}}}{outer}}}\n");
            let shaped = shape(&[flag, "1"], line.as_bytes());
            assert_eq!(shaped.run.text(), line);
            let said = format!("{fault:<10}{:>12}  (1 more lacked a status", 0);
            assert!(shaped.run.stderr.contains(&said), "{field}: {}", shaped.run.stderr);
            let null = line.replace(value, "null");
            let shaped = shape(&[flag, "1"], null.as_bytes());
            check(&shaped, null.as_bytes());
            assert_eq!(shaped.faults.len(), 1, "null is no other type: {null}");
        }
    }
}

#[test]
fn a_repeated_key_is_removed_and_renamed_everywhere() {
    let line =
        r#"{"error_details":1,"metrics":{"status_code":500},"error_details":{"a":1}, "error_details" : {"b":2}}"#;
    assert_eq!(line_after(&["--recover"], line), r#"{"metrics":{"status_code":200}}"#);
    let null = r#"{"metrics":{"status_code":500},"error_details":null}"#;
    let shaped = shape(&["--recover", "--duplicates", "1"], null.as_bytes());
    check(&shaped, null.as_bytes());
    assert!(shaped.faults.iter().all(|f| f["changes"]["error_details"] == json!([null, null])), "{:?}", shaped.faults);
    let title = r#"{"title":1,"a":2,"title":"x"}"#;
    assert_eq!(line_after(&["--schema", "1,kinds=missing"], title), r#"{"a":2}"#);
    assert_eq!(line_after(&["--schema", "1,kinds=rename"], title), r#"{"Title_":1,"a":2,"Title_":"x"}"#);
    let taken = r#"{"title":1,"Title_":2}"#;
    assert_eq!(line_after(&["--schema", "1,kinds=rename"], taken), taken);
    let extra = r#"{"unexpected_field":1}"#;
    assert_eq!(line_after(&["--schema", "1,kinds=extra"], extra), extra);
}

#[test]
fn fields_are_found_under_any_path_and_named_in_truth_as_json() {
    let fields = "latency=a\tb.took\\.ms\u{1},timestamp=@ts,id=\"id\"";
    let input = "{\"a\\tb\":{\"took.ms\\u0001\":1.5e2},\"a\\tb\":{\"x\":[1], \"took.ms\\u0001\" : 12.25 },\"@ts\":\"2026-01-05T00:00:00Z\"}\r\n\
                 {\"a\\tb\":{\"took.ms\\u0001\":0.5, \"took.ms\\u0001\":2E-3},\"@ts\":\"2026-01-05T00:00:01+01:00\"}\n\
                 {\"a\\tb\":{\"took.ms\\u0001\":7},\"a\\tb\":3}\n";
    let shaped = shape(&["--slow", "2x", "--shift", "1h", "--fields", fields], input.as_bytes());
    check(&shaped, input.as_bytes());
    assert!(shaped.run.text().contains("\"took.ms\\u0001\" : 24.50 }"), "{}", shaped.run.text());
    assert!(shaped.run.text().contains("\"took.ms\\u0001\":0.00400}"), "{}", shaped.run.text());
    let slow: Vec<&Value> = shaped.faults.iter().filter(|f| f["fault"] == "slow").collect();
    assert_eq!(slow.len(), 2);
    assert_eq!(slow[0]["changes"]["a\tb.took\\.ms\u{1}"], json!([12.25, 24.5]));
}

#[test]
fn a_key_that_occurs_a_hundred_thousand_times_is_removed_and_renamed_everywhere() {
    // Work that grows with the square of the number takes minutes here.
    const TIMES: usize = 100_000;
    let input = format!("{{\"x\":0,{},\"y\":1}}\n", vec!["\"ab\":1"; TIMES].join(","));
    let of = |kind: &str| {
        shape(&["--schema", &format!("1,kinds={kind},required=ab"), "--max-line", "4MiB"], input.as_bytes())
    };
    let gone = of("missing");
    check(&gone, input.as_bytes());
    assert_eq!(gone.run.text(), "{\"x\":0,\"y\":1}\n");
    let renamed = of("rename");
    check(&renamed, input.as_bytes());
    assert_eq!(renamed.run.text(), input.replace("\"ab\"", "\"Ab_\""));
}
