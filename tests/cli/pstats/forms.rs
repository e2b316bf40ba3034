//! The forms of the report: text, JSON, markdown, JUnit, Prometheus.

use serde_json::{Value, json};

use super::joins::{TRUTH_END, truth_line};
use super::{event, mixed_lines, outcome, run_record};
use crate::support::missing::lacks;
use crate::support::{run, run_with, sample};

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
fn every_format_can_be_written_in_addition_to_the_report() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let input =
        event("a", 200, 5.0, 1) + &event("b|<&>", 500, 900.0, 2) + &outcome(1, "failed", json!({})) + &run_record(true);
    let reports: Vec<String> = ["json", "markdown", "junit", "prometheus", "openmetrics", "hgrm", "state", "text"]
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
    assert!(markdown.contains("❌ not met") && markdown.contains("b\\|\\<&>"), "{markdown}");
    let prometheus = read("prometheus");
    assert!(prometheus.contains("pulsepipe_events_error_ratio 0.5\n"), "{prometheus}");
    let failed = "pulsepipe_outcomes{outcome=\"failed\",target=\"http://localhost:8000\"} 1\n";
    assert!(prometheus.contains(failed), "{prometheus}");
    for line in prometheus.lines().filter(|line| !line.starts_with('#')) {
        assert!(line.rsplit_once(' ').is_some_and(|(_, value)| value.parse::<f64>().is_ok()), "{line}");
    }
    let again = run_with("pstats", &["--format", "json"], read("state").as_bytes()).expect_code(0).json();
    assert_eq!(again["events"], json["events"]);
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
        "--base",
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
fn columns_stand_in_the_order_of_by() {
    let input = event("zebra", 200, 5.0, 1) + "{\"event_id\":1}\n";
    let of = |form: &str| {
        let found = run_with(
            "pstats",
            &["--by", "service,endpoint", "--by", "status,city", "--format", form],
            input.as_bytes(),
        );
        found.expect_code(0).text().to_owned()
    };
    let json = of("json");
    let (service, endpoint) = (
        json.find("\"service\": \"zebra\",\n            \"endpoint\""),
        json.find("\"endpoint\": \"/zebra\",\n            \"service\""),
    );
    assert!(service.is_some() && endpoint.is_none(), "the fields of a group are in order");
    let text = of("text");
    let table = text.split("By service, endpoint").nth(1).expect("a table");
    let lines: Vec<&str> = table.lines().skip(1).take(3).collect();
    let at = |line: &str, word: &str| line.find(word).unwrap_or_else(|| panic!("{word}: {line}"));
    assert!(at(lines[0], "service") < at(lines[0], "endpoint"));
    let of_zebra = if lines[1].contains("zebra") { lines[1] } else { lines[2] };
    assert_eq!((at(lines[0], "service"), at(lines[0], "endpoint")), (at(of_zebra, "zebra"), at(of_zebra, "/zebra")));
    assert!(of("markdown").contains("| service | endpoint | count |"), "{}", of("markdown"));
    assert!(of("markdown").contains("| zebra | /zebra | 1 |"));
    assert!(
        of("html").contains("<span>zebra</span></td><td class=\"text short\" title=\"/zebra\"><span>/zebra</span>")
    );
}

#[test]
fn what_the_data_says_steers_neither_terminal_nor_markdown() {
    let line = "{\"event_id\":1,\"source\":{\"service\":\"\\u001b[2J<img>`x`|y\\r\\n\",\"endpoint\":\"東京\\u009b\"},\
        \"error_details\":{\"error_message\":\"\\u0007bell\"},\"metrics\":{\"status_code\":500,\"response_time_ms\":1}}\n";
    let folder = tempfile::tempdir().expect("a folder");
    let base = folder.path().join("base.json");
    let base = base.to_str().expect("UTF-8");
    run_with("pstats", &["--format", "json", "-o", base], line.as_bytes()).expect_code(0);
    for form in ["text", "markdown"] {
        let args = ["--format", form, "--base", base, "--by", "service,endpoint"];
        let found = run_with("pstats", &args, line.as_bytes()).expect_code(0);
        assert!(!found.text().contains(|c: char| c.is_control() && c != '\n'), "{form}: {:?}", found.text());
        assert!(found.text().contains("u{1b}"), "{form}: {}", found.text());
    }
    let markdown = run_with("pstats", &["--format", "markdown"], line.as_bytes()).expect_code(0);
    assert!(markdown.text().contains("\\\\u{1b}\\[2J\\<img>\\`x\\`\\|y\\\\r\\\\n"), "{}", markdown.text());
}

#[test]
fn columns_are_padded_by_what_a_terminal_shows() {
    let input = event("東京", 200, 5.0, 1) + &event("abcd", 200, 5.0, 1);
    let found = run_with("pstats", &[], input.as_bytes()).expect_code(0);
    let rows: Vec<&str> = found.text().split("By service").nth(1).expect("a table").lines().skip(2).take(2).collect();
    let count_at = |row: &str, name: &str| {
        let (before, behind) = row.split_once(name).unwrap_or_else(|| panic!("{name}: {row}"));
        before.len() + 4 + behind.find('1').expect("a count")
    };
    let (one, other) = if rows[0].contains("abcd") { (rows[0], rows[1]) } else { (rows[1], rows[0]) };
    assert_eq!(count_at(one, "abcd"), count_at(other, "東京"), "{one}\n{other}");
}

#[test]
fn tables_of_long_names_stay_within_a_hundred_columns() {
    let sample = sample();
    let found = run("pstats", &["--by", "service,endpoint", sample.to_str().expect("UTF-8")]).expect_code(0);
    for line in found.text().lines() {
        assert!(line.chars().count() <= 100 || line.contains("/api/"), "{line}");
    }
    let widest = found.text().lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(110), "{widest:?}");
}

/// What a terminal of this many columns gets to see of pstats, without colours.
fn on_a_terminal(columns: usize, args: &str) -> String {
    let pstats = crate::support::path("pstats");
    let command = format!("stty cols {columns} rows 40; TERM=dumb exec {} {args}", pstats.display());
    let found = crate::support::shell(&format!("script -qec '{command}' /dev/null < /dev/null"));
    String::from_utf8(found.stdout).expect("UTF-8").replace('\r', "")
}

#[test]
fn the_report_fits_the_terminal_and_leaves_out_columns_where_it_is_narrow() {
    if lacks("a terminal of a given width", &["script"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (input, truth) = (folder.path().join("in"), folder.path().join("truth"));
    let long = "a-very-long-name-of-a-service-that-no-table-has-room-for-".repeat(3);
    let outcomes: String = (1..400)
        .map(|seq| {
            let word = if seq % 7 == 0 { "rejected" } else { "accepted" };
            let at = format!("2026-01-05T10:00:{:02}.{:03}Z", seq / 10, seq % 10 * 100);
            let error = json!({"kind": "http", "message": format!("{long} {long} {long}")});
            outcome(seq, word, json!({"service": long, "endpoint": long, "sent_at": at, "error": error}))
        })
        .collect();
    std::fs::write(&input, outcomes + &event(&long, 500, 5.0, 1) + &mixed_lines(300).concat()).expect("written");
    std::fs::write(&truth, truth_line(Some(7), "evt_7", "malformed", "rejected") + TRUTH_END).expect("written");
    let files = format!("{} --truth {} -q --by service,endpoint", input.display(), truth.display());
    let require = format!("--require \"service={long}: outcomes.error_rate < 5%\"");
    for columns in [40, 80, 100, 200] {
        for more in [String::new(), "--full".to_owned(), require.clone()] {
            let text = on_a_terminal(columns, &format!("{files} {more}"));
            let lines = text.lines().take_while(|line| !line.starts_with("pstats: "));
            let wide: Vec<&str> = lines.filter(|line| line.chars().count() > columns).collect();
            assert!(wide.is_empty(), "{columns} {more}: {wide:#?}");
            assert!(text.contains("Latency") && text.contains("max"), "{text}");
            assert_eq!(text.contains("P99.9"), columns > 60, "{columns}: {text}");
        }
    }
}

#[test]
fn a_run_of_seconds_fits_a_screen_and_has_no_hours_and_full_has_the_rest() {
    let folder = tempfile::tempdir().expect("a folder");
    let truth = folder.path().join("truth");
    std::fs::write(&truth, truth_line(Some(1), "evt_1", "malformed", "rejected") + TRUTH_END).expect("written");
    let at = |seq: u64| format!("2026-01-05T10:59:{:02}.{:03}Z", 50 + seq / 100, seq % 100 * 10);
    let outcomes: String = (1..900)
        .map(|seq| outcome(seq, "accepted", json!({"service": format!("s{}", seq % 9), "sent_at": at(seq)})))
        .collect();
    let input = outcomes + &run_record(true);
    let truth = truth.to_str().expect("UTF-8");
    let brief = run_with("pstats", &["--truth", truth], input.as_bytes()).expect_code(0);
    let full = run_with("pstats", &["--truth", truth, "--full"], input.as_bytes()).expect_code(0);
    assert!(brief.lines().len() <= 30, "{}", brief.text());
    assert!(full.lines().len() > brief.lines().len(), "{}", full.text());
    for part in ["Outcomes", "Latency", "P99", "Injected faults", "By service: 5 of 9", "█"] {
        assert!(brief.text().contains(part), "{part}: {}", brief.text());
    }
    for text in [brief.text(), full.text()] {
        assert!(!text.contains("By hour") && !text.contains("Input\n\n"), "{text}");
    }
    assert!(full.text().contains("Requests sent"), "{}", full.text());
    let hours = run_with("pstats", &["--by", "hour"], input.as_bytes()).expect_code(0);
    assert!(hours.text().contains("By hour"), "what was asked for is shown: {}", hours.text());
}

#[test]
fn doubled_windows_and_capped_endpoints_are_reported() {
    let input: String = (0..1001).map(|i| event(&format!("s{}", i % 9), 200, f64::from(i), i)).collect();
    let found = run_with("pstats", &["--window", "1m", "--max-groups", "3"], input.as_bytes()).expect_code(0);
    assert!(found.text().contains("--window 1 min was doubled"), "{}", found.text());
    assert!(found.text().contains("fastest endpoint not known"), "{}", found.text());
}

#[test]
fn the_slowest_of_endpoints_that_were_not_all_kept_apart_is_not_judged() {
    let input: String = (0..20).map(|i| event(&format!("s{i}"), 200, f64::from(i), i)).collect();
    let args = ["--max-groups", "3", "--allow-empty", "--require", "slowest_endpoint.mean < 5ms"];
    let found = run_with("pstats", &args, input.as_bytes()).expect_code(99);
    assert!(found.stderr.contains("not known") && found.stderr.contains("--max-groups"), "{}", found.stderr);
}

#[test]
fn real_services_stand_before_what_broken_lines_left() {
    let of = |service: &str, n: usize| event(service, 200, 5.0, 1).repeat(n);
    let input =
        of("\\u0000", 4) + &of("", 5) + "{\"event_id\":1}\n" + &of("payment-service", 2) + &of("user-service", 1);
    for form in ["text", "markdown", "html"] {
        let found = run_with("pstats", &["--format", form], input.as_bytes()).expect_code(0);
        let table = found.text().rsplit("By service").next().expect("a table");
        let at = |name: &str| table.find(name).unwrap_or_else(|| panic!("{form}: {name}: {table}"));
        assert!(at("payment-service") < at("user-service") && at("user-service") < at("(none)"), "{form}: {table}");
    }
    let json = run_with("pstats", &["--format", "json"], input.as_bytes()).json();
    assert_eq!(json["events"]["by"]["service"][0]["group"]["service"], "payment-service");
}

#[test]
fn markdown_has_the_guides_sections_and_a_heading_above_each_table() {
    let sample = sample();
    let found = run("pstats", &["--format", "markdown", sample.to_str().expect("UTF-8")]).expect_code(0);
    for heading in
        ["Distribution", "Geography", "Success and errors", "Top errors", "Devices", "Performance", "By hour"]
    {
        assert!(found.text().contains(&format!("### {heading}\n\n|")), "{heading}: {}", found.text());
    }
    assert!(found.text().contains("cache hit rate"), "{}", found.text());
    let lines = found.lines();
    for (place, line) in lines.iter().enumerate().filter(|(_, line)| line.contains("---")) {
        assert!(line.starts_with("|---|"), "the first column is text: {line}");
        assert!(lines[place - 3].starts_with('#'), "a table without a heading: {}", lines[place - 1]);
    }
}

#[test]
fn junit_is_xml() {
    if lacks("a parser of XML", &["python3"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("junit.xml");
    let args = [
        "--format",
        "junit",
        "-o",
        file.to_str().expect("UTF-8"),
        "--require",
        "service=<\"&'\u{1}>]]>: error_rate < 5%",
        "--require",
        "count = 1",
    ];
    run_with("pstats", &args, event("a", 200, 5.0, 1).as_bytes()).expect_code(99);
    let parse = "import sys, xml.etree.ElementTree as e; s = e.parse(sys.argv[1]).getroot()[0]; \
        print(s.get('tests'), s.get('failures'), len(s.findall('testcase')), len(s.findall('testcase/failure')))";
    let found = crate::support::shell(&format!("python3 -c \"{parse}\" {}", file.display())).expect_code(0);
    assert_eq!(found.text(), "2 1 2 1\n");
}

#[test]
fn prometheus_has_no_sample_twice() {
    let names = ["", "(none)", "(other)", "a\\\"b", "x"];
    let line = |name: &str| {
        json!({"event_id": 1, "source": {"service": name}, "metrics": {"status_code": 200}}).to_string() + "\n"
    };
    let input = names.map(line).concat() + "{\"event_id\":2}\n" + &line("y") + &line("z");
    let require = ["--require", "count > 1", "--require", "count > 1"];
    let args = [&["--format", "prometheus", "--max-groups", "6"][..], &require].concat();
    let found = run_with("pstats", &args, input.as_bytes()).expect_code(0);
    let samples: Vec<&str> = found
        .lines()
        .into_iter()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.rsplit_once(' ').expect("a value").0)
        .collect();
    let different: std::collections::BTreeSet<&&str> = samples.iter().collect();
    assert_eq!(different.len(), samples.len(), "{}", found.text());
    assert!(samples.contains(&"pulsepipe_events_count_by{by=\"service\",value=\"\"}"), "{}", found.text());
    assert!(samples.contains(&"pulsepipe_events_count_by{by=\"service\",value=\"(none)\"}"), "{}", found.text());
}

#[test]
fn promtool_finds_nothing_wrong_with_the_prometheus_form_which_has_target_shard_truth_and_requirements() {
    let folder = tempfile::tempdir().expect("a folder");
    let truth = folder.path().join("truth");
    let line =
        truth_line(Some(1), "evt_1", "malformed", "rejected").replace("\"seq\":1", "\"shard\":\"1/2\",\"seq\":1");
    std::fs::write(&truth, line + TRUTH_END).expect("written");
    let outcome = outcome(1, "rejected", json!({"shard": "1/2"}));
    let input = event("a", 200, 5.0, 1) + &outcome + &run_record(true).replace("\"shard\":null", "\"shard\":\"1/2\"");
    let args = ["--truth", truth.to_str().expect("UTF-8"), "--require", "outcomes.lost = 0", "--partial", "--format"];
    let of = |form| run_with("pstats", &[&args[..], &[form]].concat(), input.as_bytes()).expect_code(99);
    let found = of("prometheus");
    let common = "target=\"http://localhost:8000\",shard=\"1/2\"} ";
    for sample in [
        format!("pulsepipe_truth_faults{{fault=\"malformed\",verdict=\"detected\",{common}1\n"),
        format!("pulsepipe_requirement_met{{requirement=\"outcomes.lost = 0\",{common}0\n"),
        format!("pulsepipe_outcomes_latency_seconds{{quantile=\"0.5\",{common}0.01\n"),
        format!("pulsepipe_outcomes_latency_seconds_count{{{common}1\n"),
    ] {
        assert!(found.text().contains(&sample), "{sample}{}", found.text());
    }
    let open = of("openmetrics");
    assert!(open.text().ends_with("\n# EOF\n") && open.text().starts_with(found.text()), "{}", open.text());
    if lacks("the verdict of Prometheus' own tool", &["promtool"]) {
        return;
    }
    for (name, text) in [("prom", found.text()), ("events", of("prometheus").text())] {
        let file = folder.path().join(name);
        std::fs::write(&file, text).expect("written");
        let said = crate::support::shell(&format!("promtool check metrics < {} 2>&1", file.display())).expect_code(0);
        assert_eq!(said.text(), "", "{text}");
    }
}

#[test]
fn junit_has_the_name_and_the_time_of_the_run() {
    let outcome = outcome(1, "accepted", json!({"sent_at": "2026-01-05T10:00:02.500000Z"}));
    let args = ["--format", "junit", "--name", "night <run>", "--require", "count = 1"];
    let found = run_with("pstats", &args, (outcome + &run_record(true)).as_bytes()).expect_code(0);
    let suite = "<testsuite name=\"night &lt;run&gt;\" tests=\"1\" failures=\"0\" errors=\"0\" skipped=\"0\" time=\"0.020\" \
        timestamp=\"2026-01-05T10:00:02\">";
    assert!(found.text().contains(suite), "{}", found.text());
    assert!(
        found.text().contains("<testcase classname=\"night &lt;run&gt;\" name=\"count = 1\" time="),
        "{}",
        found.text()
    );
}

#[test]
fn markdown_fits_a_comment_with_the_verdict_first_and_the_groups_folded() {
    let long = |i: u32| format!("{}{i}", "|<東京>`".repeat(40));
    let input: String = (0..200).map(|i| event(&long(i), 500, f64::from(i), i)).collect();
    let requirements: Vec<String> = (0..100).map(|i| format!("service={}: error_rate < 5%", long(i))).collect();
    let mut args = vec!["--format", "markdown", "--by", "service,endpoint", "--by", "endpoint,service,status"];
    requirements.iter().for_each(|requirement| args.extend(["--require", requirement]));
    let found = run_with("pstats", &args, input.as_bytes()).expect_code(99);
    assert!(found.stdout.len() <= 65_000, "{}", found.stdout.len());
    let (first, rest) = found.text().split_once("<details><summary>").expect("what is less important is folded");
    assert!(first.contains("100 of 100 requirements are not met") && first.contains("❌ not met"), "{first}");
    assert_eq!(1 + rest.matches("<details>").count(), found.text().matches("</details>").count());
    assert!(!first.contains("### By"), "{first}");
}

#[test]
fn hgrm_is_the_distribution_as_hdrhistogram_writes_it() {
    let input: String = (1..=100).map(|i| event("a", 200, f64::from(i), i)).collect();
    let found = run_with("pstats", &["--format", "hgrm"], input.as_bytes()).expect_code(0);
    let lines = found.lines();
    assert!(lines[0].split_whitespace().eq(["Value", "Percentile", "TotalCount", "1/(1-Percentile)"]), "{}", lines[0]);
    let half = lines.iter().find(|line| line.contains(" 0.500000000000 ")).expect("the median");
    assert!(half.split_whitespace().eq(["50.015", "0.500000000000", "50", "2.00"]), "{half}");
    assert!(found.text().contains("#[Max     =      100.000, Total count    =          100]"), "{}", found.text());
}

#[test]
fn colours_obey_the_flag_then_no_color_then_clicolor_force() {
    let coloured = |args: &[&str], variables: &[(&str, &str)]| {
        let mut command = crate::support::tool("pstats");
        command.args(args).envs(variables.iter().copied()).env("TERM", "xterm").stdin(std::process::Stdio::piped());
        let child = command.spawn().expect("pstats starts");
        crate::support::feed(child, event("a", 200, 5.0, 1).into_bytes()).expect_code(0).text().contains('\x1b')
    };
    assert!(!coloured(&[], &[]) && coloured(&["--color", "always"], &[("NO_COLOR", "1")]));
    assert!(coloured(&[], &[("CLICOLOR_FORCE", "1")]) && !coloured(&[], &[("CLICOLOR_FORCE", "0")]));
    assert!(!coloured(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    assert!(!coloured(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]));
    assert!(!coloured(&["--format", "json"], &[("CLICOLOR_FORCE", "1")]));
}

/// The numbers of a report that are not in the one form: thousands separated, shares with one decimal, measured values with three
/// significant digits or all of their whole digits.
fn odd_numbers(report: &str) -> Vec<String> {
    let is_number = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_digit()) && text.replace([',', '.'], "").parse::<u64>().is_ok()
    };
    // `1234` and `12345.6` lack their commas.
    let is_grouped =
        |text: &str| text.split('.').next().is_some_and(|whole| whole.split(',').all(|part| part.len() <= 3));
    let is_measured = |text: &str| {
        let decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        match text.replace(',', "").parse::<f64>().expect("a number") {
            n if n >= 100.0 => decimals == 0,
            n if n >= 10.0 => decimals == 1,
            n if n >= 1.0 => decimals == 2,
            _ => text.trim_start_matches(['0', '.']).len() <= 3,
        }
    };
    let words: Vec<&str> = report.split([' ', '\n', '|']).filter(|word| !word.is_empty()).collect();
    let odd = words.iter().enumerate().filter(|(at, word)| {
        let word = word.trim_matches(['(', ')', ';', ':', ',', '.', '=']).trim_start_matches(['<', '>', '\\']);
        let unit = words.get(at + 1).map_or("", |next| next.trim_matches([')', ';', ',', '.', ':']));
        match (word.strip_suffix('%'), word.strip_suffix("/s")) {
            (Some(share), _) if is_number(share) => share.split_once('.').is_none_or(|(_, rest)| rest.len() != 1),
            (_, Some(rate)) if is_number(rate) => !is_grouped(rate) || !is_measured(rate),
            _ if is_number(word) => !is_grouped(word) || unit == "ms" && !is_measured(word),
            _ => false,
        }
    });
    odd.map(|(at, _)| words[at.saturating_sub(2)..words.len().min(at + 3)].join(" ")).collect()
}

#[test]
fn text_and_markdown_have_one_form_of_numbers() {
    assert_eq!(odd_numbers("1234 lines, 5% and 3.5 ms at 17087.4/s").len(), 4);
    assert_eq!(odd_numbers("1,234 lines (5.0%, <0.1%), 3.50 ms, 23.5 s, 0.0347/s, 2026-01-05 09:00").len(), 0);
    let outcomes = (1..3000).map(|seq| {
        let ms = f64::from(u32::try_from(seq * seq % 90_007).expect("small")) / 7.0;
        let word = if seq % 9 == 0 { "failed" } else { "accepted" };
        outcome(seq, word, json!({"latency_ms": ms, "end_to_end_ms": ms * 1.5, "attempts": 1 + seq % 3}))
    });
    let input = mixed_lines(3000).concat() + &outcomes.collect::<String>() + &run_record(true);
    let mut args = vec!["--partial", "--by", "service,status"];
    for requirement in
        ["events.latency.p95 < 1ms", "outcomes.error_rate < 1.0%", "outcomes.throughput > 900/s", "input.lines < 3"]
    {
        args.extend(["--require", requirement]);
    }
    for form in [&["--full"][..], &[], &["--format", "markdown"]] {
        let report = run_with("pstats", &[&args[..], form].concat(), input.as_bytes()).expect_code(99);
        assert!(report.text().matches(" ms").count() > 30, "{}", report.text());
        assert_eq!(odd_numbers(report.text()), [""; 0], "{form:?}\n{}", report.text());
    }
}
