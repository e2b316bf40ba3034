//! The worlds that come with pgen: the same bytes however they are written, the documented types, and values that fit each other.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

use super::{at, fixed};
use crate::support::{Run, run, shell_in, shell_with};

/// Every shipped world besides PulseStream.
const WORLDS: [&str; 7] = ["nginx", "envoy", "kubernetes-audit", "cloudtrail", "otlp-logs", "ecs", "github-webhook"];

fn world(name: &str, args: &[&str]) -> Run {
    run("pgen", &fixed(&[&["--profile", name], args].concat())).expect_code(0)
}

#[test]
fn every_shipped_world_has_the_same_bytes_for_any_number_of_threads_and_in_seven_shards() {
    for name in WORLDS {
        let one = world(name, &["-n", "7001", "--threads", "1"]).stdout;
        for threads in ["2", "16"] {
            assert!(world(name, &["-n", "7001", "--threads", threads]).stdout == one, "{name}, {threads} threads");
        }
        let shards: Vec<u8> =
            (1..=7).flat_map(|shard| world(name, &["-n", "7001", "--shard", &format!("{shard}/7")]).stdout).collect();
        assert!(shards == one, "{name}, seven shards");
        let skipped = world(name, &["-n", "7001", "--skip", "6990"]).stdout;
        assert!(
            one.ends_with(&skipped) && skipped.iter().filter(|byte| **byte == b'\n').count() == 11,
            "{name}, skipped"
        );
    }
}

#[test]
fn an_endless_run_and_an_array_of_a_shipped_world_are_json() {
    let script = "set +o pipefail; pgen --count inf --event-rate 50/s --skip 100m --seed 1 --start 2026-01-05T00:00:00Z -q --profile ecs | head -n 500";
    let endless = shell_in(std::path::Path::new("."), script, &[]).expect_code(0).json_lines();
    assert_eq!(endless.len(), 500);
    let array = world("envoy", &["-n", "50", "--format", "json"]).json();
    assert_eq!(array.as_array().map(Vec::len), Some(50));
}

#[test]
fn print_profile_names_a_world_and_the_printed_profile_gives_the_same_events() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in WORLDS {
        shell_in(folder.path(), &format!("pgen --print-profile {name} -o mine.toml"), &[]).expect_code(0);
        let path = folder.path().join("mine.toml");
        let printed = world(path.to_str().expect("UTF-8"), &["-n", "300"]).stdout;
        assert!(printed == world(name, &["-n", "300"]).stdout, "{name}");
        let text = std::fs::read_to_string(&path).expect("it is there");
        assert!(text.starts_with("# ") && text.contains("https://"), "{name} names no source");
    }
    assert_eq!(
        run("pgen", &["--print-profile"]).expect_code(0).text(),
        run("pgen", &["--print-profile", "pulsestream"]).text()
    );
    let unknown = run("pgen", &["--print-profile", "apache"]).expect_code(2);
    assert!(unknown.stderr.contains("expected one of pulsestream, nginx, envoy"), "{}", unknown.stderr);
}

#[test]
fn the_example_of_the_page_works_and_the_page_lists_every_shipped_world() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/worlds.md")).expect("it is there");
    let example = crate::readme::blocks(&page, "toml").remove(0);
    let args = fixed(&["-n", "500", "--profile", "-"]);
    let events = crate::support::run_with("pgen", &args, example.as_bytes()).expect_code(0).json_lines();
    assert!(
        events.iter().any(|event| event.get("tags").is_some()) && events.iter().any(|event| event["status"] == 404)
    );
    for name in WORLDS {
        assert!(page.contains(&format!("| `{name}` |")), "{name}");
    }
}

#[test]
fn a_file_wins_over_a_shipped_world_of_the_same_name_and_an_unknown_name_lists_them() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("nginx"), "[[events]]\nname = \"x\"\ntemplate = '{\"mine\":true}'\n")
        .expect("written");
    let mine = shell_in(folder.path(), "pgen -n 1 -q --profile nginx --seed 1 --start 2026-01-05", &[]).expect_code(0);
    assert_eq!(mine.text(), "{\"mine\":true}\n");
    let unknown = run("pgen", &fixed(&["--profile", "apache"])).expect_code(2);
    for words in ["--profile apache: No such file", "shipped profiles are pulsestream, nginx"] {
        assert!(unknown.stderr.contains(words), "{words} is not in: {}", unknown.stderr);
    }
}

#[test]
fn spikes_multiply_the_fields_that_a_world_marks() {
    let mean = |args: &[&str]| {
        let events = world("nginx", &[&["-n", "4000"], args].concat()).json_lines();
        let times: Vec<f64> =
            events.iter().filter_map(|e| at(e, "/upstream_response_time").as_str()?.parse().ok()).collect();
        times.iter().sum::<f64>() / times.len() as f64
    };
    let (calm, spiked) = (mean(&[]), mean(&["--spikes", "100%"]));
    // Factors from 2 to 10 have a mean of 6.
    assert!((5.5..6.5).contains(&(spiked / calm)), "{calm} {spiked}");
    let unmarked = "[[events]]\nname = \"x\"\ntemplate = '{}'\n";
    let run = crate::support::run_with("pgen", &fixed(&["--spikes", "5%", "--profile", "-"]), unmarked.as_bytes())
        .expect_code(2);
    assert!(run.stderr.contains("--spikes: no field of the profile has spikes = true"), "{}", run.stderr);
}

/// What DuckDB says of the columns of a world's events; `None` if there is no DuckDB.
fn columns(name: &str) -> Option<BTreeMap<String, String>> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("events.jsonl");
    std::fs::write(&path, world(name, &["-n", "2000"]).stdout).expect("written");
    let query = format!("DESCRIBE SELECT * FROM read_json_auto('{}')", path.display());
    let python = format!(
        "import duckdb, json; print(json.dumps([{{'column_name': r[0], 'column_type': r[1]}} for r in duckdb.sql(\"{query}\").fetchall()]))"
    );
    let script = "if command -v duckdb > /dev/null; then duckdb -json -c \"$QUERY\"; else python3 -c \"$PYTHON\"; fi";
    let run = shell_with(script, &[("QUERY", &query), ("PYTHON", &python)]);
    if run.code() != 0 {
        return None;
    }
    let text = |row: &Value, key: &str| row[key].as_str().expect("text").to_owned();
    let rows = run.json();
    Some(
        rows.as_array().expect("rows").iter().map(|row| (text(row, "column_name"), text(row, "column_type"))).collect(),
    )
}

#[test]
fn duckdb_reads_each_shipped_world_with_the_types_of_its_documentation() {
    // Some versions of DuckDB read a time with an offset as a plain TIMESTAMP in UTC.
    const TIME: &str = "TIMESTAMP";
    let expected: [(&str, &[(&str, &str)]); 7] = [
        (
            "nginx",
            &[
                ("time_local", "VARCHAR"),
                ("time_iso8601", TIME),
                ("msec", "DOUBLE"),
                ("status", "BIGINT"),
                ("request_time", "DOUBLE"),
                ("body_bytes_sent", "BIGINT"),
                ("upstream_response_time", "VARCHAR"),
            ],
        ),
        (
            "envoy",
            &[
                ("start_time", TIME),
                ("response_code", "BIGINT"),
                ("duration", "BIGINT"),
                ("upstream_service_time", "VARCHAR"),
                ("request_id", "UUID"),
                ("response_flags", "VARCHAR"),
            ],
        ),
        (
            "kubernetes-audit",
            &[
                ("auditID", "UUID"),
                ("requestReceivedTimestamp", TIME),
                ("stageTimestamp", TIME),
                ("sourceIPs", "VARCHAR[]"),
                ("verb", "VARCHAR"),
            ],
        ),
        (
            "cloudtrail",
            &[
                ("eventTime", TIME),
                ("eventID", "UUID"),
                ("readOnly", "BOOLEAN"),
                ("managementEvent", "BOOLEAN"),
                ("recipientAccountId", "VARCHAR"),
                ("errorCode", "VARCHAR"),
            ],
        ),
        ("otlp-logs", &[]),
        (
            "ecs",
            &[
                ("@timestamp", TIME),
                ("event.duration", "BIGINT"),
                ("http.response.status_code", "BIGINT"),
                ("event.category", "VARCHAR[]"),
                ("trace.id", "VARCHAR"),
                ("source.ip", "VARCHAR"),
            ],
        ),
        ("github-webhook", &[("ref", "VARCHAR"), ("number", "BIGINT"), ("forced", "BOOLEAN"), ("starred_at", TIME)]),
    ];
    for (name, types) in expected {
        let Some(columns) = columns(name) else {
            eprintln!("skipped: needs duckdb, or Python's duckdb");
            return;
        };
        for (column, kind) in types {
            let found = columns.get(*column).map(|kind| kind.trim_end_matches(" WITH TIME ZONE"));
            assert_eq!(found, Some(*kind), "{name}: {column}");
        }
        if name == "otlp-logs" {
            let records = &columns["resourceLogs"];
            for part in [
                "timeUnixNano VARCHAR",
                "severityNumber BIGINT",
                "intValue VARCHAR",
                "doubleValue DOUBLE",
                "boolValue BOOLEAN",
                "traceId VARCHAR",
            ] {
                assert!(records.contains(part), "{part} is not in {records}");
            }
        }
    }
}

fn text<'a>(event: &'a Value, key: &str) -> &'a str {
    event[key].as_str().unwrap_or_else(|| panic!("{key} is no text in {event}"))
}

fn number(event: &Value, key: &str) -> f64 {
    event[key].as_f64().unwrap_or_else(|| panic!("{key} is no number in {event}"))
}

#[test]
fn in_nginx_a_status_fits_its_bytes_and_the_time_includes_the_servers() {
    let mut statuses = HashSet::new();
    for event in world("nginx", &["-n", "5000"]).json_lines() {
        let (status, body) = (number(&event, "status"), number(&event, "body_bytes_sent"));
        statuses.insert(status.to_string());
        if [204.0, 304.0, 499.0].contains(&status) || text(&event, "request_method") == "HEAD" {
            assert!(body == 0.0, "{event}");
        }
        assert!(number(&event, "bytes_sent") >= body + 180.0, "{event}");
        if let Ok(upstream) = text(&event, "upstream_response_time").parse::<f64>() {
            assert!(number(&event, "request_time") >= upstream - 1e-9, "{event}");
        }
        let request = text(&event, "request").split(' ').collect::<Vec<_>>();
        assert_eq!((request[0], request[1]), (text(&event, "request_method"), text(&event, "request_uri")));
    }
    assert!(statuses.len() >= 10, "{statuses:?}");
}

#[test]
fn in_kubernetes_and_cloudtrail_an_error_says_why_and_only_an_error_does() {
    for event in world("kubernetes-audit", &["-n", "5000"]).json_lines() {
        let status = at(&event, "/responseStatus");
        assert_eq!(
            number(status, "code") >= 400.0,
            status.get("reason").is_some() && status["message"].is_string(),
            "{event}"
        );
        let (received, ended) = (text(&event, "requestReceivedTimestamp"), text(&event, "stageTimestamp"));
        assert!(received < ended && received.len() == 27, "{event}");
        let of_resource = event.get("objectRef").is_some_and(|object| object.get("name").is_some());
        assert!(!of_resource || text(&event, "requestURI").contains(text(&event["objectRef"], "resource")), "{event}");
        let decision = event["annotations"]["authorization.k8s.io/decision"] == "forbid";
        assert_eq!(decision, number(status, "code") == 403.0, "{event}");
    }
    let mut errors = 0;
    for event in world("cloudtrail", &["-n", "5000"]).json_lines() {
        let is_login = event["eventName"] == "ConsoleLogin";
        assert!(is_login || event.get("errorCode").is_some() == event.get("errorMessage").is_some(), "{event}");
        errors += u32::from(event.get("errorCode").is_some());
        assert!(
            event["readOnly"] != true || event["responseElements"].is_null() || event["eventName"] == "AssumeRole",
            "{event}"
        );
        if let Some(host) = event.pointer("/tlsDetails/clientProvidedHostHeader").and_then(Value::as_str) {
            let service = text(&event, "eventSource").split('.').next().expect("a name");
            assert!(host.starts_with(service) && host.contains(text(&event, "awsRegion")), "{event}");
        }
    }
    assert!((100..250).contains(&errors), "{errors}");
}

#[test]
fn in_ecs_a_user_keeps_an_address_and_a_trace_is_of_one_user() {
    let (mut addresses, mut users, mut sizes) = (HashMap::new(), HashMap::new(), HashMap::<String, u32>::new());
    for event in world("ecs", &["-n", "8000"]).json_lines() {
        let (user, trace) = (text(&event, "user.id").to_owned(), text(&event, "trace.id").to_owned());
        assert_eq!(*users.entry(trace.clone()).or_insert(user.clone()), user, "{event}");
        *sizes.entry(trace).or_default() += 1;
        let Some(address) = event.get("source.ip") else { continue };
        let place = (address.clone(), event["source.geo.city_name"].clone(), event["user_agent.original"].clone());
        assert_eq!(*addresses.entry(user).or_insert(place.clone()), place);
        let failed = number(&event, "http.response.status_code") >= 400.0;
        assert_eq!(failed, event["event.outcome"] == "failure", "{event}");
    }
    let runs = sizes.values().filter(|size| **size > 1).count();
    assert!(runs > 500 && sizes.values().max() > Some(&8), "{runs} of {}", sizes.len());
}

#[test]
fn in_otlp_and_github_what_belongs_together_agrees() {
    for event in world("otlp-logs", &["-n", "2000"]).json_lines() {
        for record in at(&event, "/resourceLogs/0/scopeLogs/0/logRecords").as_array().expect("records") {
            let (time, seen) = (text(record, "timeUnixNano"), text(record, "observedTimeUnixNano"));
            assert!(time.len() == 19 && time < seen, "{record}");
            let numbers = HashMap::from([("DEBUG", 5), ("INFO", 9), ("WARN", 13), ("ERROR", 17)]);
            assert_eq!(record["severityNumber"], numbers[text(record, "severityText")]);
            let status: u16 = text(at(record, "/attributes/1/value"), "intValue").parse().expect("a number");
            assert_eq!(status >= 500, record["severityText"] == "ERROR", "{record}");
        }
    }
    let mut kinds = HashSet::new();
    for event in world("github-webhook", &["-n", "2000"]).json_lines() {
        let full = format!("{}/{}", text(at(&event, "/repository/owner"), "login"), text(&event["repository"], "name"));
        assert_eq!(text(&event["repository"], "full_name"), full);
        if let Some(commits) = event.get("commits").and_then(Value::as_array) {
            let last = commits.last().expect("a push has a commit");
            assert!(last == &event["head_commit"] && last["id"] == event["after"], "{event}");
            kinds.insert(format!("push of {}", commits.len()));
        }
        if let Some(issue) = event.get("issue") {
            assert_eq!(issue["state"] == "closed", issue["closed_at"].is_string(), "{event}");
            assert_eq!(event["action"] == "opened", issue["created_at"] == issue["updated_at"], "{event}");
            kinds.insert(format!("issue with {} labels", issue["labels"].as_array().map_or(0, Vec::len)));
        }
        if let Some(pull) = event.get("pull_request") {
            assert_eq!(pull["merged"] == true, pull["merged_at"].is_string(), "{event}");
            kinds.insert("pull".to_owned());
        }
    }
    assert!(kinds.len() >= 8, "{kinds:?}");
}
