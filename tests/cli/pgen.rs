//! pgen as users run it.

mod ending;
mod figures;
mod profiles;
mod same_bytes;
mod templates;
mod worlds;

use std::collections::HashSet;
use std::io::Read;
use std::os::unix::fs::FileTypeExt;
use std::process::Stdio;
use std::time::Duration;

use chrono::{Datelike, Timelike};

use crate::support::{run, sample, shell_in, tool};
use serde_json::Value;

const FIXED: [&str; 4] = ["--seed", "1", "--start", "2026-01-05T00:00:00Z"];

fn fixed<'a>(args: &[&'a str]) -> Vec<&'a str> {
    args.iter().copied().chain(FIXED).collect()
}

fn at<'a>(event: &'a Value, path: &str) -> &'a Value {
    event.pointer(path).unwrap_or_else(|| panic!("{path} is not in {event}"))
}

#[test]
fn every_event_has_the_guides_form_key_for_key() {
    let run = run("pgen", &fixed(&["--count", "5000"])).expect_code(0);
    let tops = |event: &Value| event.as_object().map(|o| o.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
    for (number, line) in (1..).zip(run.lines()) {
        let event: Value = serde_json::from_str(line).expect("a line is JSON");
        assert!(!line.contains("\": ") && !line.contains(", \"") && !line.contains("\\u"), "not compact: {line}");
        let keys_in_order = |keys: &[&str]| {
            let mut from = 0;
            keys.iter().all(|key| line[from..].find(&format!("\"{key}\":")).is_some_and(|at| (from += at, true).1))
        };
        assert!(keys_in_order(&[
            "event_id",
            "event_type",
            "timestamp",
            "title",
            "message",
            "severity",
            "source",
            "service",
            "endpoint",
            "method",
            "version",
            "environment",
            "metrics",
            "response_time_ms",
            "status_code",
            "request_size_bytes",
            "response_size_bytes",
            "cache_hit",
            "context",
            "user_id",
            "session_id",
            "request_id",
            "ip_address",
            "user_agent",
            "tags",
            "country",
            "city",
            "region",
            "device_type",
            "payload",
            "correlation_id",
            "trace_id",
        ]));
        let status = at(&event, "/metrics/status_code").as_u64().expect("a number");
        assert_eq!(tops(&event).contains(&"error_details".to_owned()), status >= 400);
        let severity = match status {
            ..300 => "info",
            300..500 => "warning",
            _ => "error",
        };
        assert_eq!(at(&event, "/severity"), severity);
        if status >= 400 {
            assert_eq!(tops(&event["error_details"]), ["error_code", "error_message", "error_type"]);
            let code = at(&event, "/error_details/error_code").as_str().expect("text");
            assert!(code.starts_with(&format!("ERR_{status}_")) && code.len() == 11, "{code}");
        }
        let id = at(&event, "/event_id").as_str().expect("text");
        let hex = id.strip_prefix(&format!("evt_{number}_")).expect("the event's number");
        let lengths = [
            (hex, 12),
            (at(&event, "/context/session_id").as_str().expect("text").trim_start_matches("sess_"), 16),
            (at(&event, "/context/request_id").as_str().expect("text").trim_start_matches("req_"), 32),
            (at(&event, "/payload/correlation_id").as_str().expect("text").trim_start_matches("corr_"), 16),
            (at(&event, "/payload/trace_id").as_str().expect("text").trim_start_matches("trace_"), 32),
        ];
        for (digits, length) in lengths {
            assert!(digits.len() == length && digits.bytes().all(|b| b.is_ascii_hexdigit()), "{digits}");
        }
        let time = line.split("\"response_time_ms\":").nth(1).and_then(|rest| rest.split(',').next()).expect("a time");
        assert_eq!(time.split_once('.').map(|(_, decimals)| decimals.len()), Some(2), "{time}");
        let title = at(&event, "/title").as_str().expect("text");
        let (method, path) = title.split_once(' ').expect("method and path");
        assert_eq!(at(&event, "/source/method"), method);
        let route = at(&event, "/source/endpoint").as_str().expect("text");
        match route.split_once("{id}") {
            None => assert_eq!(path, route),
            Some((before, after)) => {
                let id = path.strip_prefix(before).and_then(|p| p.strip_suffix(after)).expect("the route");
                assert!(id.parse::<u32>().is_ok(), "{path}");
            }
        }
    }
    assert_eq!(run.lines().len(), 5000);
}

#[test]
fn the_endpoints_and_versions_are_those_of_the_sample() {
    let labels = |text: &str| -> HashSet<(String, String, String)> {
        text.lines()
            .map(|line| {
                let event: Value = serde_json::from_str(line).expect("JSON");
                let source = |key: &str| event["source"][key].as_str().expect("text").to_owned();
                (source("service"), source("endpoint"), source("version"))
            })
            .collect()
    };
    let run = run("pgen", &fixed(&["--count", "20k"])).expect_code(0);
    let wanted = labels(&std::fs::read_to_string(sample()).expect("the sample"));
    assert_eq!(wanted.len(), 54);
    assert_eq!(labels(run.text()), wanted);
}

#[test]
fn timestamps_ascend_inside_the_hours_before_now() {
    let before = chrono::Utc::now();
    let run = run("pgen", &["--count", "3000", "--hours", "2"]).expect_code(0);
    let after = chrono::Utc::now();
    let mut last = before - chrono::Duration::hours(2);
    for event in run.json_lines() {
        let text = event["timestamp"].as_str().expect("text");
        assert_eq!(text.len(), 27, "{text}");
        let time = chrono::DateTime::parse_from_rfc3339(text).expect("RFC 3339").to_utc();
        assert!(last <= time && time <= after, "{text}");
        last = time;
    }
}

#[test]
fn the_same_seed_and_start_give_the_same_bytes_and_stderr_prints_missing_flags() {
    let first = run("pgen", &["--count", "500", "--quiet"]).expect_code(0);
    let flags = first.stderr.trim().rsplit_once(": ").expect("a note").1.to_owned();
    let mut args = vec!["--count", "500"];
    args.extend(flags.split(' '));
    assert_eq!(args.len(), 6, "{flags}");
    let again = run("pgen", &args).expect_code(0);
    assert_eq!(first.stdout, again.stdout);
    assert_eq!(again.stderr, "", "nothing is left to name");
    let other = run("pgen", &["--count", "500", "--seed", "2", "--start", "2026-01-05T00:00:00Z"]).expect_code(0);
    assert_ne!(other.stdout, run("pgen", &fixed(&["--count", "500"])).stdout);
}

#[test]
fn an_array_holds_the_same_events_as_the_lines() {
    let lines = run("pgen", &fixed(&["--count", "3000"])).expect_code(0).json_lines();
    let array = run("pgen", &fixed(&["--count", "3000", "--format", "json"])).expect_code(0).json();
    assert_eq!(array.as_array().expect("an array"), &lines);
}

#[test]
fn a_count_of_zero_is_an_empty_valid_output() {
    assert_eq!(run("pgen", &fixed(&["--count", "0"])).expect_code(0).stdout, b"");
    assert_eq!(run("pgen", &fixed(&["--count", "0", "--format", "json"])).expect_code(0).json(), serde_json::json!([]));
}

#[test]
fn spikes_change_only_the_response_times_of_their_share() {
    let calm = run("pgen", &fixed(&["--count", "20k"])).expect_code(0).json_lines();
    let spiked = run("pgen", &fixed(&["--count", "20k", "--spikes", "5%"])).expect_code(0).json_lines();
    let mut spikes = 0;
    for (mut a, b) in calm.into_iter().zip(spiked) {
        let time = |e: &Value| at(e, "/metrics/response_time_ms").as_f64().expect("a number");
        let factor = time(&b) / time(&a);
        if factor > 1.0 {
            assert!((1.99..10.01).contains(&factor), "{factor}");
            spikes += 1;
        }
        a["metrics"]["response_time_ms"] = b["metrics"]["response_time_ms"].clone();
        assert_eq!(a, b);
    }
    assert!((846..1154).contains(&spikes), "{spikes} of 20000 at 5 %");
}

#[test]
fn the_guides_commands_work_as_written_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let commands = [
        ("pgen --count 1000 --output events_1k.jsonl", "events_1k.jsonl", 1000),
        ("pgen --count 10000 --output events_10k.jsonl --hours 168", "events_10k.jsonl", 10_000),
        ("pgen --count 50000 --output events_50k.jsonl --hours 720", "events_50k.jsonl", 50_000),
        ("pgen --count 100000 --output perf_test.jsonl", "perf_test.jsonl", 100_000),
        ("pgen --count 50000 --output my_events.jsonl --format jsonl --hours 168", "my_events.jsonl", 50_000),
    ];
    for (command, file, count) in commands {
        shell_in(folder.path(), command, &[]).expect_code(0);
        let text = std::fs::read_to_string(folder.path().join(file)).expect("the file is there");
        assert_eq!(text.lines().count(), count, "{command}");
    }
}

#[test]
fn a_closed_pipe_ends_a_run_quietly_and_a_full_disk_with_one_message() {
    let folder = tempfile::tempdir().expect("a folder");
    let head = shell_in(folder.path(), "pgen --count 100m --seed 1 --start 2026-01-05T00:00:00Z | head -1", &[]);
    assert_eq!((head.lines().len(), head.stderr.as_str()), (1, ""));
    assert_eq!(head.code(), 0);
    for target in ["> /dev/full", "-o /dev/full"] {
        let command = format!("pgen --count 1 --seed 1 --start 2026-01-05T00:00:00Z {target}");
        let full = shell_in(folder.path(), &command, &[]).expect_code(1);
        assert_eq!(full.stderr.lines().count(), 1, "{}", full.stderr);
        assert!(full.stderr.contains("No space left on device"), "{}", full.stderr);
    }
}

#[test]
fn a_date_alone_is_midnight_utc() {
    let from = |start, end| {
        run("pgen", &["-n", "50", "-q", "--seed", "1", "--start", start, "--end", end]).expect_code(0).stdout
    };
    assert_eq!(from("2026-01-05", "2026-01-06"), from("2026-01-05T00:00:00Z", "2026-01-06T00:00:00Z"));
}

#[test]
fn an_output_file_appears_complete_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("events.jsonl");
    let mut command = tool("pgen");
    let mut child = command.arg("-o").arg(&path).args(fixed(&["--count", "500m"])).spawn().expect("pgen starts");
    std::thread::sleep(Duration::from_millis(300));
    assert!(!path.exists(), "it is not there before it is whole");
    shell_in(folder.path(), &format!("kill -INT {}", child.id()), &[]).expect_code(0);
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0, "nothing is left behind");

    let onto_folder =
        run("pgen", &fixed(&["--count", "1", "-o", folder.path().to_str().expect("UTF-8")])).expect_code(1);
    assert!(onto_folder.stderr.contains("is a directory"), "{}", onto_folder.stderr);
}

#[test]
fn an_interrupted_run_stops_after_an_event_and_closes_its_array() {
    let mut command = tool("pgen");
    command.args(fixed(&["--count", "500m", "--format", "json"])).stdout(Stdio::piped());
    let child = command.spawn().expect("pgen starts");
    let id = child.id();
    let reader = std::thread::spawn(move || child.wait_with_output().expect("it ends"));
    std::thread::sleep(Duration::from_millis(300));
    shell_in(std::path::Path::new("."), &format!("kill -TERM {id}"), &[]).expect_code(0);
    let out = reader.join().expect("the reader ends");
    assert_eq!(out.status.code(), Some(143));
    assert!(out.stdout.starts_with(b"[\n") && out.stdout.ends_with(b"}\n]\n"));
    assert!(String::from_utf8_lossy(&out.stderr).contains("interrupted after"));
}

#[test]
fn a_usage_error_names_the_flag_the_value_and_the_expected_form() {
    let refused = |args: &[&str], words: &[&str]| {
        let run = run("pgen", args).expect_code(2);
        assert_eq!(run.stdout, b"");
        for word in words {
            assert!(run.stderr.contains(word), "{word} is not in: {}", run.stderr);
        }
    };
    refused(&["--hours", "0"], &["'0'", "--hours", "above 0"]);
    refused(&["--hours", "-3"], &["--hours"]);
    refused(&["--hours", "900000000"], &["'900000000'", "--hours", "expected at most 88000000 hours"]);
    refused(&["--hours", "0.000000000001"], &["'0.000000000001'", "--hours", "expected at least 3e-10 hours"]);
    refused(&["--count", "many"], &["'many'", "--count", "500, 10k or 1m"]);
    refused(&["--seed", "abc"], &["'abc'", "--seed", "a whole number from 0"]);
    refused(&["--start", "yesterday"], &["'yesterday'", "--start", "RFC 3339"]);
    refused(&["--start", "9999-12-31T00:00:00Z", "--hours", "48"], &["--start", "9999"]);
    let endless = ["--count", "inf", "--event-rate"];
    let late = [&endless[..], &["5", "--start", "9999-12-30T00:00:00Z"]].concat();
    refused(&late, &["--start 9999-12-30T00:00:00", "expected 9999-12-25T00:00:00"]);
    let start = ["--start", "2026-01-05T00:00:00Z"];
    refused(&[&endless[..], &["0.00000000000001"], &start].concat(), &["--event-rate: at", "event 1 would come after"]);
    let skipped = [&endless[..], &["0.0000001", "--skip", "9m"], &start].concat();
    refused(&skipped, &["--event-rate, --skip: at 0.0000001", "event 9000001 would come after the year 9999"]);
    refused(&["--spikes", "5"], &["'5'", "--spikes", "from 0 to 1"]);
    refused(&["--tz", "Mars"], &["'Mars'", "--tz", "Europe/Berlin"]);
    refused(&["--format", "xml"], &["'xml'", "jsonl", "json"]);
    refused(&["--bogus"], &["--bogus"]);
}

#[test]
fn flags_that_contradict_each_other_are_refused() {
    let refused = |args: &[&str], words: &str| {
        let run = run("pgen", args).expect_code(2);
        assert!(run.stderr.contains(words) && run.stdout.is_empty(), "{words} is not in: {}", run.stderr);
    };
    let early = "2026-01-05T00:00:00Z";
    refused(&["--start", early, "--end", early], "is not after --start");
    refused(&["--start", early, "--end", "2026-01-04T00:00:00Z"], "is not after --start");
    refused(&["--start", early, "--end", "2026-01-06T00:00:00Z", "--hours", "3"], "give at most two of them");
    refused(&["--shard", "0/3", "--seed", "1", "--start", early], "I from 1 to N");
    refused(&["--shard", "4/3", "--seed", "1", "--start", early], "I from 1 to N");
    refused(&["--shard", "1/3"], "--shard needs --seed and --start");
    refused(&["--shard", "1/3", "--seed", "1", "--start", "now"], "--shard needs --seed and --start");
    refused(&fixed(&["--shard", "1/3", "--format", "json"]), "--shard needs --format jsonl");
    refused(&fixed(&["--shard", "1/3", "--count", "inf", "--event-rate", "5"]), "an endless run has no parts");
    refused(&["--count", "inf"], "--count inf needs --event-rate");
    refused(&["--event-rate", "5"], "--event-rate goes with --count inf");
    refused(&["--count", "inf", "--event-rate", "5", "--hours", "3"], "has no end");
    refused(&["--threads", "0"], "expected a whole number from 1 to 256");
    refused(&["--curve", "steep"], "business, flat, diurnal, follow-the-sun");
    refused(&["--profile", "/nowhere/mine.toml"], "/nowhere/mine.toml");
}

#[test]
fn the_printed_profile_is_valid_and_gives_the_same_events() {
    let folder = tempfile::tempdir().expect("a folder");
    let printed = run("pgen", &["--print-profile"]).expect_code(0);
    assert!(printed.text().starts_with('#') && printed.text().contains("[[services]]"));
    let path = folder.path().join("mine.toml");
    std::fs::write(&path, &printed.stdout).expect("written");
    let path = path.to_str().expect("UTF-8");
    let built_in = run("pgen", &fixed(&["--count", "1000"])).expect_code(0);
    assert_eq!(built_in.stdout, run("pgen", &fixed(&["--count", "1000", "--profile", path])).expect_code(0).stdout);

    let other =
        printed.text().replace("\"São Paulo\"", "\"Rio \\\"de\\\" Janeiro\"").replace("weight = 1\n", "weight = 0\n");
    let only_search = other.replacen(
        "name = \"search-service\"\nversion = \"1.6.8\"\nweight = 0",
        "name = \"search-service\"\nversion = \"9\"\nweight = 1",
        1,
    );
    std::fs::write(path, only_search).expect("written");
    // The search service has too few POSTs for a tenth of 201s. This is an error rather than a silent change of shares.
    let impossible = run("pgen", &fixed(&["--profile", path])).expect_code(2);
    assert!(impossible.stderr.contains("cannot have its share"), "{}", impossible.stderr);
}

#[test]
fn an_invalid_profile_is_named_with_line_and_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let printed = run("pgen", &["--print-profile"]).expect_code(0);
    let path = folder.path().join("mine.toml");
    let refused = |old: &str, new: &str, words: &[&str]| {
        assert!(printed.text().contains(old), "{old}");
        std::fs::write(&path, printed.text().replacen(old, new, 1)).expect("written");
        let line = printed.text()[..printed.text().find(old).expect("there")].lines().count().max(1);
        let run = run("pgen", &fixed(&["--profile", path.to_str().expect("UTF-8")])).expect_code(2);
        let places = [format!("line {line}"), format!("line {}", line + 1)];
        assert!(places.iter().any(|place| run.stderr.contains(place)), "line {line} is not in: {}", run.stderr);
        for word in words.iter().chain(&["mine.toml"]) {
            assert!(run.stderr.contains(word), "{word} is not in: {}", run.stderr);
        }
        assert!(run.stdout.is_empty());
    };
    refused("error_rate = 0.05", "eror_rate = 0.05", &["eror_rate"]);
    refused("share = 45", "share = -45", &["-45", "share"]);
    refused("service = \"auth-service\"", "service = \"auht-service\"", &["auht-service", "payloads.service"]);
    refused("hits = 0.25", "hits = lots", &["hits"]);
}

#[test]
fn curves_shape_the_traffic() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("nights.txt");
    // Traffic at three in the morning of Tuesday alone.
    let rows: String = (0..7)
        .map(|day| (0..24).map(|h| if (day, h) == (1, 3) { "1 " } else { "0 " }).collect::<String>() + "\n")
        .collect();
    std::fs::write(&path, rows).expect("written");
    let path = path.to_str().expect("UTF-8");
    let night = run("pgen", &fixed(&["--count", "500", "--hours", "168", "--curve", path])).expect_code(0);
    for event in night.json_lines() {
        assert!(event["timestamp"].as_str().expect("text").starts_with("2026-01-06T03:"), "{}", event["timestamp"]);
    }
    let none = run("pgen", &fixed(&["--count", "5", "--hours", "2", "--curve", path])).expect_code(2);
    assert!(none.stderr.contains("no traffic between"), "{}", none.stderr);
    let mut outputs = HashSet::new();
    for curve in ["business", "flat", "diurnal", "follow-the-sun"] {
        outputs.insert(run("pgen", &fixed(&["--count", "500", "--curve", curve])).expect_code(0).stdout);
    }
    assert_eq!(outputs.len(), 4);
}

#[test]
fn weights_up_to_1000_shape_the_traffic_even_across_a_clock_change() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("curve.txt");
    let path = path.to_str().expect("UTF-8");
    std::fs::write(path, ("31 ".repeat(24) + "\n").repeat(7)).expect("written");
    let even = run("pgen", &fixed(&["--count", "20k", "--hours", "168", "--curve", path])).expect_code(0);
    for day in 5..12 {
        let day = format!("\"timestamp\":\"2026-01-{day:02}T");
        let count = even.lines().iter().filter(|line| line.contains(&day)).count();
        // Five standard errors of a seventh of 20,000.
        assert!(count.abs_diff(2857) < 250, "{count} events with {day}");
    }

    // Heavy hours next to light and empty ones, by local time in the week.
    let weight = |hour: usize| [0.0, 0.0, 1.0, 5.0, 1000.0, 0.5, 3.0][hour * hour % 11 % 7];
    let rows: String = (0..7)
        .map(|day| (0..24).map(|hour| format!("{} ", weight(day * 24 + hour))).collect::<String>() + "\n")
        .collect();
    std::fs::write(path, rows).expect("written");
    let (start, end) = ("2026-03-25T10:30:00Z", "2026-04-03T00:00:00Z");
    let args =
        ["--count", "20k", "--seed", "1", "--start", start, "--end", end, "--tz", "Europe/Berlin", "--curve", path];
    let run = run("pgen", &args).expect_code(0);
    let mut last = String::new();
    for event in run.json_lines() {
        let text = event["timestamp"].as_str().expect("text");
        assert!(*text >= *start && *text < *end && *text >= *last, "{text} after {last}");
        let local =
            chrono::DateTime::parse_from_rfc3339(text).expect("a time").with_timezone(&chrono_tz::Europe::Berlin);
        let hour = local.weekday().num_days_from_monday() * 24 + local.hour();
        assert!(weight(usize::try_from(hour).expect("small")) > 0.0, "{local} lies in an hour without traffic");
        text.clone_into(&mut last);
    }
}

#[test]
fn a_profiles_busy_hours_may_have_200_times_the_traffic() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("busy.toml");
    let printed = run("pgen", &["--print-profile"]).expect_code(0);
    let busy = printed.text().replace("business_factor = 2.0\n", "business_factor = 200.0\n");
    assert_ne!(busy, printed.text());
    std::fs::write(&path, busy).expect("written");
    let path = path.to_str().expect("UTF-8");
    let run = run("pgen", &fixed(&["--count", "5k", "--hours", "168", "--profile", path])).expect_code(0);
    let is_busy = |line: &&&str| {
        let hour = line.split_once("\"timestamp\":\"").and_then(|(_, rest)| rest.get(11..13)?.parse::<u32>().ok());
        (9..17).contains(&hour.expect("an hour"))
    };
    let count = run.lines().iter().filter(is_busy).count();
    // 8 × 200 of 8 × 200 + 16.
    assert!(count.abs_diff(4950) < 36, "{count} of 5000");
}

#[test]
fn start_and_end_give_the_same_window_as_start_and_hours() {
    let hours = run("pgen", &fixed(&["--count", "2k", "--hours", "36.5"])).expect_code(0).stdout;
    assert!(run("pgen", &fixed(&["--count", "2k", "--end", "2026-01-06T12:30:00Z"])).expect_code(0).stdout == hours);
    let backwards = ["--count", "2k", "--seed", "1", "--end", "2026-01-06T12:30:00Z", "--hours", "36.5"];
    assert!(run("pgen", &backwards).expect_code(0).stdout == hours);
}

#[test]
fn the_first_and_the_last_hours_of_the_calendar_have_events_in_every_zone() {
    for (zone, start) in [
        ("America/New_York", "0001-01-01T00:00:00Z"),
        ("Pacific/Kiritimati", "0001-01-01T00:00:00Z"),
        ("America/New_York", "9999-12-31T18:00:00Z"),
        ("Pacific/Kiritimati", "9999-12-31T18:00:00Z"),
    ] {
        let args = ["-n", "300", "--seed", "1", "--hours", "6", "--tz", zone, "--start", start];
        let run = run("pgen", &args).expect_code(0);
        let times: Vec<String> =
            run.json_lines().iter().map(|e| e["timestamp"].as_str().expect("text").to_owned()).collect();
        assert!(times.len() == 300 && times.is_sorted(), "{zone} {start}");
        assert!(times.iter().all(|t| t[..10] == start[..10]), "{zone} {start}: {times:?}");
    }
}

#[test]
fn an_endless_run_keeps_its_rate_and_ends_with_its_reader() {
    let folder = tempfile::tempdir().expect("a folder");
    let endless = "pgen --count inf --event-rate 10 --seed 1 --start 2026-01-05T00:00:00Z";
    let run =
        shell_in(folder.path(), &format!("set +o pipefail; {endless} | head -200000 | tail -1"), &[]).expect_code(0);
    let last = &run.json_lines()[0];
    assert!(last["event_id"].as_str().expect("text").starts_with("evt_200000_"));
    // Before nine o'clock on a Monday traffic is below the week's mean, which is the rate.
    let at = chrono::DateTime::parse_from_rfc3339(last["timestamp"].as_str().expect("text")).expect("a time");
    let hours = f64::from(u32::try_from(at.timestamp() - 1_767_571_200).expect("later")) / 3600.0;
    let weekly_mean = (5.0 * 32.0 + 2.0 * 0.6 * 32.0) / 168.0;
    let expected = 200_000.0 / 36_000.0 * weekly_mean;
    assert!((hours - expected).abs() < 0.1, "{hours} for {expected}");
    let skipped = shell_in(folder.path(), &format!("set +o pipefail; {endless} --skip 199999 | head -1"), &[]);
    assert_eq!(skipped.expect_code(0).stdout, run.stdout);
}

#[test]
fn interrupting_an_endless_run_completes_its_output_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("events.jsonl");
    let mut command = tool("pgen");
    command.arg("-o").arg(&path).args(fixed(&["--count", "inf", "--event-rate", "1k"]));
    let mut child = command.spawn().expect("pgen starts");
    std::thread::sleep(Duration::from_millis(200));
    shell_in(folder.path(), &format!("kill -INT {}", child.id()), &[]).expect_code(0);
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    let text = std::fs::read(&path).expect("it is there");
    assert!(text.ends_with(b"}\n") && std::fs::read_dir(folder.path()).expect("a folder").count() == 1);
}

#[test]
fn memory_stays_small_at_any_count_and_any_number_of_threads() {
    // The peak of the resident set, as Linux keeps it, while events are written.
    let peak_kib = |threads: &str| -> u64 {
        let mut command = tool("pgen");
        command.args(fixed(&["--count", "1000m", "--threads", threads, "-o", "/dev/null"]));
        let mut child = command.spawn().expect("pgen starts");
        std::thread::sleep(Duration::from_millis(1500));
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).expect("it runs");
        child.kill().expect("it ends");
        child.wait().expect("it ended");
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("Linux has it").to_owned();
        line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
    };
    if !cfg!(target_os = "linux") {
        eprintln!("skipped: needs /proc");
        return;
    }
    let (one, many) = (peak_kib("1"), peak_kib("64"));
    assert!(one <= 32 << 10, "{one} KiB with one thread");
    assert!(many <= 64 << 10, "{many} KiB with 64 threads");
}

#[test]
fn memory_is_the_same_for_few_events_and_for_many() {
    if !cfg!(target_os = "linux") {
        eprintln!("skipped: needs /proc");
        return;
    }
    // The peak of the resident set when the last 2 MB are about to be read.
    let peak_kib = |count: &str, bytes: u64| -> u64 {
        let mut command = tool("pgen");
        command.args(fixed(&["--count", count, "--threads", "1"])).stdout(Stdio::piped());
        let mut child = command.spawn().expect("pgen starts");
        let mut stdout = child.stdout.take().expect("it is piped");
        std::io::copy(&mut (&mut stdout).take(bytes), &mut std::io::sink()).expect("it writes");
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).expect("it runs");
        std::io::copy(&mut stdout, &mut std::io::sink()).expect("it writes");
        assert!(child.wait().expect("it ends").success());
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("Linux has it").to_owned();
        line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
    };
    let (few, many) = (peak_kib("10k", 7_000_000), peak_kib("500k", 450_000_000));
    assert!(many < few + (4 << 10), "{few} KiB for 10k events, {many} KiB for 500k");
}

#[test]
fn a_device_is_written_to_and_not_replaced() {
    let null = std::fs::metadata("/dev/null").expect("it is there");
    run("pgen", &fixed(&["--count", "1k", "-o", "/dev/null"])).expect_code(0);
    assert!(null.file_type().is_char_device());
    assert!(std::fs::metadata("/dev/null").expect("it is still there").file_type().is_char_device());
}
