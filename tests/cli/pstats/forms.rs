//! The forms of the report: text, JSON, markdown, JUnit, Prometheus.

use serde_json::{Value, json};

use super::joins::{TRUTH_END, truth_line};
use super::{event, mixed_lines, outcome, run_record};
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
