//! Holds alerts against the faults that pshape injected.

use std::path::Path;

use serde_json::{Value, json};

use super::joins::{TRUTH_END, truth_line};
use crate::support::{Run, run, run_with};

/// A week of events with two incidents and an outage: a file of the events, and one of the truth.
struct Week {
    folder: tempfile::TempDir,
}

impl Week {
    fn new() -> Self {
        let week = Self { folder: tempfile::tempdir().expect("a folder") };
        let day = "2026-01-05T00:00:00Z";
        let events = run("pgen", &["-q", "-n", "4000", "--seed", "1", "--start", day, "--hours", "168"]).expect_code(0);
        let truth = week.path("truth");
        let incident = |at: &str| format!("service=payment-service,at={at},for=30m,latency=5x");
        let (one, two) = (incident("2026-01-06"), incident("2026-01-08"));
        let args = [
            "-q",
            "--seed",
            "1",
            "--incident",
            &one,
            "--incident",
            &two,
            "--gap",
            "at=2026-01-10,for=20m",
            "--truth",
            &truth,
        ];
        let shaped = run_with("pshape", &args, &events.stdout).expect_code(0);
        std::fs::write(week.path("events"), shaped.stdout).expect("written");
        week
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("UTF-8").to_owned()
    }

    /// Scores these lines of alerts.
    fn scored(&self, alerts: &str, more: &[&str]) -> Run {
        std::fs::write(self.path("alerts"), alerts).expect("written");
        let (alerts, truth) = (self.path("alerts"), self.path("truth"));
        run("pstats", &[&["--alerts", &alerts, "--truth", &truth, "--format", "json", "-q"], more].concat())
    }
}

fn alert(at: &str, name: &str) -> String {
    format!("{}\n", json!({"at": format!("2026-01-{at}:00Z"), "name": name, "labels": {"team": "a"}}))
}

/// One that detects the first incident three minutes after it began, one for the outage, and one for nothing.
fn three() -> String {
    [alert("06T00:03", "Slow"), alert("10T00:12", "Silence"), alert("07T12:00", "Slow")].concat()
}

#[test]
fn alerts_are_held_against_the_windows_that_pshape_injected() {
    let week = Week::new();
    let report = week.scored(&three(), &[]).expect_code(0).json();
    let alerts = &report["alerts"];
    for (figure, expected) in
        [("count", 3), ("hits", 2), ("false_pages", 1), ("episodes", 3), ("detected", 2), ("missed", 1), ("outside", 0)]
    {
        assert_eq!(alerts[figure], expected, "{figure}: {alerts}");
    }
    assert_eq!(alerts["faults"]["incident"]["time_to_detect"]["median_s"], 180.0);
    assert_eq!(alerts["faults"]["gap"]["time_to_detect"]["max_s"], 720.0);
    let missed = alerts["missed_episodes"].as_array().expect("a list");
    assert_eq!(missed.len(), 1);
    assert_eq!(
        [&missed[0]["fault"], &missed[0]["from"], &missed[0]["to"]],
        ["incident", "2026-01-08T00:00:00.000000Z", "2026-01-08T00:30:00.000000Z"]
    );
    // Two of three, by Clopper and Pearson.
    let [low, high] = ["recall_low", "recall_high"].map(|end| alerts[end].as_f64().expect("an end"));
    assert!((low - 0.0943).abs() < 1e-4 && (high - 0.9916).abs() < 1e-4, "{low} to {high}");
    // Clean is the week without three episodes and five minutes after each: one false page in 6.93 days.
    let rate = alerts["false_per_day"].as_f64().expect("a rate");
    assert!((rate - 1.0 / 6.93).abs() < 0.001, "{rate}");
    assert_eq!(alerts["rules"][0], json!({"name": "Slow", "count": 2, "hits": 1, "false_pages": 1}));
}

#[test]
fn events_on_standard_input_or_in_a_file_change_nothing_but_their_own_part() {
    let week = Week::new();
    let alone = week.scored(&three(), &[]).expect_code(0).json();
    let events = week.path("events");
    let with_events = week.scored(&three(), &[&events]).expect_code(0).json();
    assert_eq!(alone["alerts"], with_events["alerts"]);
    assert!(alone["events"].is_null() && with_events["events"].is_object());
}

#[test]
fn requirements_judge_alerts_and_what_is_not_known_meets_none() {
    let week = Week::new();
    let judged = |alerts: &str, requirement: &str, code: i32| {
        week.scored(alerts, &["--require", requirement]).expect_code(code).json()["requirements"][0].clone()
    };
    judged(&three(), "alerts.recall >= 60%", 0);
    judged(&three(), "alerts.recall >= 90%", 99);
    judged(&three(), "alerts.recall_low >= 60%", 99);
    judged(&three(), "alerts.precision >= 60%", 0);
    judged(&three(), "alerts.false_per_day < 1", 0);
    judged(&three(), "alerts.false_per_day < 0.1/day", 99);
    judged(&three(), "alerts.faults.gap.recall = 100%", 0);
    judged(&three(), "alerts.time_to_detect.median < 10m", 0);
    // Without an alert there is nothing to be precise about, nor a time to detect.
    judged("", "alerts.precision >= 0%", 99);
    judged("", "alerts.time_to_detect.median < 10m", 99);
    judged("", "alerts.recall = 0%", 0);
    judged("", "alerts.faults.spike.recall >= 0%", 99);
    let typo = week.scored(&three(), &["--require", "alerts.recal >= 1%"]).expect_code(2);
    assert!(typo.stderr.contains("alerts.recall"), "{}", typo.stderr);
    let share = week.scored(&three(), &["--require", "alerts.missed <= 10%"]).expect_code(2);
    assert!(share.stderr.contains("part of no count"), "{}", share.stderr);
}

#[test]
fn webhooks_of_alertmanager_and_grafana_are_read_as_they_come_and_others_by_their_fields() {
    let week = Week::new();
    let one = |at: &str, ends: &str| {
        json!({"status": "firing", "labels": {"alertname": "Slow"}, "annotations": {}, "startsAt": at, "endsAt": ends,
            "generatorURL": "http://x", "fingerprint": "1a30ba71cca2921f"})
    };
    let firing = one("2026-01-06T01:03:00+01:00", "0001-01-01T00:00:00Z");
    let resolved = one("2026-01-06T01:03:00+01:00", "2026-01-06T00:20:00Z");
    let alertmanager =
        json!({"receiver": "sms", "status": "firing", "version": "4", "groupKey": "{}", "alerts": [firing]});
    let grafana = json!({"receiver": "hook", "status": "resolved", "orgId": 1, "title": "t", "alerts": [resolved]});
    let report = week.scored(&format!("{alertmanager}\n{grafana}\n"), &[]).expect_code(0).json();
    assert_eq!([&report["alerts"]["count"], &report["alerts"]["repeated"], &report["alerts"]["hits"]], [1, 1, 1]);
    assert_eq!(report["alerts"]["rules"][0]["name"], "Slow");
    let listed = json!([firing, one("2026-01-10T00:12:00Z", "2026-01-10T00:30:00Z")]);
    assert_eq!(week.scored(&listed.to_string(), &[]).expect_code(0).json()["alerts"]["detected"], 2);
    let annotations = "{\"time\":1767657780000,\"timeEnd\":1767657790000,\"alertName\":\"Slow\"}\n";
    let fields = ["--fields", "at=time,until=timeEnd,name=alertName"];
    assert_eq!(week.scored(annotations, &fields).expect_code(0).json()["alerts"]["hits"], 1);
    // The roles of events stay beside those of alerts.
    let both = ["--fields", "at=time,timestamp=timestamp", &week.path("events")];
    assert_eq!(week.scored(annotations, &both).expect_code(0).json()["events"]["count"], 3997);
}

#[test]
fn alerts_that_cannot_be_read_are_counted_and_named_and_fail_a_judged_run() {
    let week = Week::new();
    let log = three() + "ALERT Slow\n\n{\"name\":\"Slow\"}\n{\"at\":\"soon\"}\n{\"alerts\":[{\"labels\":{}}]}\n";
    let run = week.scored(&log, &["--require", "alerts.recall > 0%"]).expect_code(99);
    assert_eq!(run.json()["alerts"]["unreadable"], 4);
    for named in [
        "line 4: not a JSON object",
        "line 6: no 'at' or 'startsAt'",
        "line 7: 'at' is \"soon\"",
        "line 8: alerts.0: no 'at'",
    ] {
        assert!(run.stderr.contains(named), "{named}: {}", run.stderr);
    }
    week.scored(&log, &["--require", "alerts.recall > 0%", "--partial"]).expect_code(0);
}

#[test]
fn faults_that_are_everywhere_leave_no_clean_time_unless_others_are_chosen() {
    let week = Week::new();
    let events = std::fs::read(week.path("events")).expect("it is there");
    let truth = week.path("truth");
    let spikes = ["-q", "--seed", "1", "--spikes", "90%", "--gap", "at=+2d,for=2h", "--truth", &truth];
    run_with("pshape", &spikes, &events).expect_code(0);
    let all = ["--grace", "3h", "--require", "alerts.false_per_day < 1000"];
    let report = week.scored(&three(), &all).expect_code(99).json();
    assert!(report["alerts"]["false_per_day"].is_null());
    let message = report["requirements"][0]["message"].as_str().expect("a message");
    assert!(message.contains("no time is clean") && message.contains("--fault"), "{message}");
    let chosen =
        week.scored(&three(), &["--fault", "gap", "--require", "alerts.false_per_day < 1000"]).expect_code(0).json();
    assert_eq!(chosen["alerts"]["faults"].as_object().expect("kinds").keys().collect::<Vec<_>>(), ["gap"]);
}

#[test]
fn truth_without_times_and_flags_without_alerts_are_refused() {
    let week = Week::new();
    std::fs::write(week.path("old"), truth_line(Some(1), "a", "spike", "accepted") + TRUTH_END).expect("written");
    std::fs::write(week.path("log"), three()).expect("written");
    let (old, log) = (week.path("old"), week.path("log"));
    let untimed = run("pstats", &["--alerts", &log, "--truth", &old]).expect_code(1);
    assert!(untimed.stderr.contains("none of truth's faults says when it happened"), "{}", untimed.stderr);
    let alone = run("pstats", &["--alerts", &log]).expect_code(2);
    assert!(alone.stderr.contains("--truth"), "{}", alone.stderr);
    let stray = run("pstats", &["--fault", "gap"]).expect_code(2);
    assert!(stray.stderr.contains("it needs --alerts"), "{}", stray.stderr);
    let missing = run("pstats", &["--alerts", "/nowhere/log", "--truth", &week.path("truth")]).expect_code(1);
    assert!(missing.stderr.contains("/nowhere/log"), "{}", missing.stderr);
}

#[test]
fn every_form_that_people_read_shows_whether_the_alarm_rang() {
    let week = Week::new();
    std::fs::write(week.path("log"), three()).expect("written");
    let (log, truth) = (week.path("log"), week.path("truth"));
    for form in ["text", "markdown", "html", "junit"] {
        let args = ["-q", "--alerts", &log, "--truth", &truth, "--format", form];
        let shown = run("pstats", &args).expect_code(0).text().to_owned();
        for part in
            ["Did the alarm ring?", "66.7%", "9.4% to 99.2%", "2026-01-08 00:00:00", "Silence", "2 of 3 episodes"]
        {
            assert!(shown.contains(part), "{form} lacks {part}: {shown}");
        }
        assert!(!shown.contains("Injected faults"), "{form}: no outcome can show how they were handled");
    }
}

#[test]
fn the_truth_of_shards_makes_one_stream() {
    let week = Week::new();
    let truth = |shard: &str, first: &str, last: &str| {
        let path = week.path(shard);
        let fault = json!({"seq": 1, "source_seq": 1, "event_id": "a", "at": first, "fault": "spike", "changes": null, "edits": null,
            "expect": "accepted"});
        let end = json!({"fault": "summary", "lines_in": 1, "lines_out": 1, "totals": {}, "complete": true, "first_at": first,
            "last_at": last});
        std::fs::write(&path, format!("{fault}\n{end}\n")).expect("written");
        path
    };
    let one = truth("one", "2026-01-05T00:00:00Z", "2026-01-06T00:00:00Z");
    let two = truth("two", "2026-01-06T00:00:00Z", "2026-01-07T00:00:00Z");
    std::fs::write(week.path("log"), three()).expect("written");
    let args = ["-q", "--format", "json", "--alerts", &week.path("log"), "--truth", &one, "--truth", &two];
    let alerts: Value = run("pstats", &args).expect_code(0).json()["alerts"].clone();
    assert_eq!(alerts["observed_s"], 172_800.0);
    assert_eq!([&alerts["episodes"], &alerts["detected"], &alerts["outside"]], [2, 1, 2]);
}

#[test]
fn prometheus_is_scored_on_a_labelled_stream() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let has = |program: &str| std::process::Command::new(program).arg("--version").output().is_ok();
    if let Some(missing) = ["prometheus", "promtool", "jq", "curl"].into_iter().find(|program| !has(program)) {
        eprintln!("skipped: scoring the alerts of Prometheus needs {missing}");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let bin = crate::support::path("pgen");
    let run = std::process::Command::new(root.join("scripts/alerts"))
        .args(["10", folder.path().to_str().expect("UTF-8")])
        .env("PULSEPIPE_BIN", bin.parent().expect("a folder"))
        .output()
        .expect("the script runs");
    let stderr = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{stderr}");
    let report = std::fs::read(folder.path().join("report.json")).expect("a report");
    let report: Value = serde_json::from_slice(&report).expect("JSON");
    let alerts = &report["alerts"];
    assert!(alerts["episodes"].as_u64().is_some_and(|n| n >= 4), "{alerts}");
    assert!(alerts["recall"].as_f64().is_some_and(|recall| recall > 0.5), "{alerts}");
    assert!(alerts["observed_s"].as_f64().is_some_and(|s| s > 9.5 * 86_400.0), "{alerts}");
}

#[test]
fn alerts_come_from_standard_input_too() {
    let week = Week::new();
    let args = ["--alerts", "-", "--truth", &week.path("truth"), "--format", "json", "-q"];
    let piped = run_with("pstats", &args, three().as_bytes()).expect_code(0).json();
    assert_eq!(piped["alerts"], week.scored(&three(), &[]).expect_code(0).json()["alerts"]);
    assert_eq!(piped["alerts"]["detected"], 2, "{piped}");
}
