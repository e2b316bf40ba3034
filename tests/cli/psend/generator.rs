//! Was it us? The run record says how late the schedule ran and why, and pstats reports it.

use std::io::Write;
use std::time::Duration;

use serde_json::Value;

use super::super::scripted::{Act, Request, Scripted};
use super::super::support::{Run, feed, run_with, tool};
use super::{events, outcomes, send};

/// The `generator` of a run record.
fn generator(run: &Run) -> Value {
    outcomes(run).1["generator"].clone()
}

/// The most frequent cause of lateness in a run record.
fn cause(generator: &Value) -> &str {
    let late = generator["late"].as_object().expect("causes");
    assert_eq!(late.len(), 4, "{late:?}");
    let (cause, n) = late.iter().max_by_key(|(_, n)| n.as_u64()).expect("causes");
    assert!(n.as_u64() > Some(0), "{late:?}");
    cause
}

/// What pstats says of a run's outcomes in this form.
fn report(run: &Run, flags: &[&str]) -> Run {
    run_with("pstats", flags, run.text().as_bytes())
}

#[test]
fn senders_that_all_wait_for_answers_are_named_as_the_cause_and_every_report_warns() {
    let server = Scripted::start(|_| Act::After(Duration::from_millis(60), Box::new(Act::accept())));
    let run = send(&server, &["--rate", "200", "-c", "2"], &events(60)).expect_code(0);
    let record = generator(&run);
    assert_eq!((cause(&record), record["scheduled"].as_u64()), ("concurrency", Some(60)));
    assert!(record["latest_ms"].as_f64() > Some(500.0), "{record}");
    assert!(run.stderr.contains(" of 60 events, by up to "), "{}", run.stderr);

    let json = report(&run, &["-q", "--format", "json"]).expect_code(0).json();
    let figures = &json["outcomes"]["generator"];
    assert_eq!((figures["cause"].as_str(), figures["count"].as_u64()), (Some("concurrency"), Some(60)));
    let share = figures["late_share"].as_f64().expect("a share");
    assert!(share > 0.5 && figures["late"].as_f64() == Some((share * 60.0).round()), "{figures}");
    let warning = "of the events were late because all senders were waiting for the server (--concurrency)";
    for form in ["text", "markdown", "html"] {
        let page = report(&run, &["-q", "--format", form]).expect_code(0);
        assert!(page.text().contains(warning), "{form}: {}", page.text());
    }
    let metrics = report(&run, &["-q", "--format", "prometheus"]).expect_code(0);
    assert!(metrics.text().contains("\npulsepipe_generator_late_ratio{target="), "{}", metrics.text());

    report(&run, &["-q", "--require", "generator.late_share < 1%"]).expect_code(99);
    report(&run, &["-q", "--require", "outcomes.generator.late_share <= 100%"]).expect_code(0);
    report(&run, &["-q", "--require", "generator.late < 1%"]).expect_code(99);
    // A state keeps what the records say.
    let state = report(&run, &["-q", "--format", "state"]).expect_code(0);
    let merged = run_with("pstats", &["-q", "--format", "json"], state.text().as_bytes()).expect_code(0).json();
    assert_eq!(merged["outcomes"]["generator"], *figures);
}

#[test]
fn a_server_that_asks_to_wait_is_named_as_the_cause() {
    let limited = |request: &Request| match request.number {
        1 => Act::with_header(429, "Retry-After: 1"),
        _ => Act::accept(),
    };
    let server = Scripted::start(limited);
    let run = send(&server, &["--rate", "100", "-q"], &events(60)).expect_code(0);
    assert_eq!(cause(&generator(&run)), "server");
    let page = report(&run, &["-q"]).expect_code(0);
    assert!(page.text().contains("late because the server asked to wait, was away"), "{}", page.text());
}

#[test]
fn an_input_that_comes_too_slowly_is_named_as_the_cause() {
    let server = Scripted::start(|_| Act::accept());
    let mut child = tool("psend")
        .args(["--url", &server.url(), "--rate", "1000", "-q"])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .expect("psend starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    for _ in 0..3 {
        stdin.write_all(&events(5)).expect("psend reads");
        std::thread::sleep(Duration::from_millis(150));
    }
    drop(stdin);
    let run = feed(child, Vec::new()).expect_code(0);
    assert_eq!(cause(&generator(&run)), "input");
}

#[test]
fn a_psend_that_does_not_run_is_named_as_the_cause() {
    let server = Scripted::start(|_| Act::accept());
    let child = tool("psend")
        .args(["--url", &server.url(), "--rate", "100", "-q"])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .expect("psend starts");
    let signal = |name: &str| {
        let sent =
            std::process::Command::new("kill").args([name, &child.id().to_string()]).status().expect("kill runs");
        assert!(sent.success());
    };
    let mut stdin = child.stdin.as_ref().expect("a pipe");
    stdin.write_all(&events(100)).expect("psend reads");
    while server.requests().len() < 10 {
        std::thread::sleep(Duration::from_millis(5));
    }
    signal("-STOP");
    std::thread::sleep(Duration::from_millis(400));
    signal("-CONT");
    let run = feed(child, Vec::new()).expect_code(0);
    let record = generator(&run);
    assert_eq!(cause(&record), "psend");
    assert!(record["latest_ms"].as_f64() > Some(300.0), "{record}");
    let page = report(&run, &["-q"]).expect_code(0);
    assert!(page.text().contains("the figures are the client's, not the server's"), "{}", page.text());
}

#[test]
fn a_closed_loop_has_no_lateness_and_meets_no_requirement_on_it() {
    let server = Scripted::start(|_| Act::accept());
    let run = send(&server, &["-q"], &events(20)).expect_code(0);
    let record = generator(&run);
    assert!(record["scheduled"].is_null(), "{record}");
    if cfg!(target_os = "linux") {
        assert!(record["cpu_s"].as_f64().is_some(), "{record}");
    }
    let json = report(&run, &["-q", "--format", "json"]).expect_code(0).json();
    assert!(json["outcomes"]["generator"]["late_share"].is_null(), "{json}");
    assert_eq!(json["not_known"]["outcomes.generator.late_share"], "a closed loop has no schedule");
    for flags in [&["-q"][..], &["-q", "--allow-empty"]] {
        let flags = [flags, &["--require", "generator.late_share < 1%"]].concat();
        let judged = report(&run, &flags).expect_code(99);
        assert!(judged.text().contains("a closed loop has no schedule"), "{}", judged.text());
    }
}

#[test]
fn a_record_of_an_older_psend_leaves_the_lateness_unknown() {
    let server = Scripted::start(|_| Act::accept());
    let run = send(&server, &["-q", "--rate", "1000"], &events(5)).expect_code(0);
    let (lines, mut record) = outcomes(&run);
    record.as_object_mut().expect("a record").remove("generator").expect("it is there");
    let mut older: Vec<String> = lines.iter().map(Value::to_string).collect();
    older.push(serde_json::json!({ "run": record }).to_string());
    let judged = run_with("pstats", &["-q", "--require", "generator.late_share < 1%"], older.join("\n").as_bytes());
    let judged = judged.expect_code(99);
    assert!(judged.text().contains("a run record of an older psend does not say"), "{}", judged.text());
}
