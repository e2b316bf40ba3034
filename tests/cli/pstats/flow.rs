//! The process: signals, pipes, files, threads, the screen while data flows.

use std::fs::File;
use std::io::Write;
use std::process::{Child, ChildStdin, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{event, mixed_lines, without_run};
use crate::support::{feed, run, run_with, tool};

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
fn a_reader_that_went_away_is_not_a_failure() {
    let mut child = tool("pstats").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("pstats starts");
    drop(child.stdout.take());
    assert_eq!(feed(child, b"{\"event_id\":\"a\"}\n".to_vec()).expect_code(0).stderr, "");
}

#[test]
fn the_first_signal_lets_it_read_on_and_report() {
    let mut child = tool("pstats").args(["--format", "json"]).stdin(Stdio::piped()).spawn().expect("pstats starts");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(b"{\"event_id\":\"a\"}\n").expect("it reads");
    sleep(Duration::from_millis(300));
    signal(&child, Signal::INT);
    sleep(Duration::from_millis(100));
    stdin.write_all(b"{\"event_id\":\"b\"}\n").expect("it still reads");
    drop(stdin);
    let found = feed(child, Vec::new()).expect_code(130);
    assert_eq!(found.json()["events"]["count"], 2);
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
        stdin.write_all(event("a", 200, 5.0, i % 60).as_bytes()).expect("it reads");
        sleep(Duration::from_millis(20));
        std::fs::read_to_string(&file).is_ok_and(|text| text.contains("pulsepipe_events_count"))
    });
    drop(stdin);
    feed(child, Vec::new()).expect_code(0);
    assert!(seen, "no file while data was flowing");
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
fn with_tee_files_without_a_last_line_end_stay_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let names = ["one", "two", "three"].map(|name| folder.path().join(name).to_str().expect("UTF-8").to_owned());
    for (name, text) in
        std::iter::zip(&names, ["\u{feff}{\"event_id\":1}", "\u{feff}{\"event_id\":2}\n", "{\"event_id\":3}"])
    {
        std::fs::write(name, text).expect("it is written");
    }
    let found = run("pstats", &["--tee", "-q", &names[0], &names[1], &names[2]]).expect_code(0);
    assert_eq!(found.text(), "\u{feff}{\"event_id\":1}\n{\"event_id\":2}\n{\"event_id\":3}");
}

/// Starts pstats, gives it these lines and leaves its input open.
fn started(args: &[&str], lines: &str) -> (Child, ChildStdin) {
    let mut child = tool("pstats").args(args).stdin(Stdio::piped()).spawn().expect("pstats starts");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(lines.as_bytes()).expect("it reads");
    (child, stdin)
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("it runs");
}

/// Waits until this holds, for ten seconds at most.
fn holds_soon(condition: impl Fn() -> bool) -> bool {
    (0..500).any(|_| {
        condition() || {
            sleep(Duration::from_millis(20));
            false
        }
    })
}

#[test]
fn a_second_signal_ends_the_reading_and_the_run_is_not_complete() {
    for (signals, more, code) in [
        ([Signal::INT, Signal::INT], &[][..], 130),
        ([Signal::TERM, Signal::INT], &[], 143),
        ([Signal::INT, Signal::TERM], &["--require", "events.count = 2"], 130),
    ] {
        let lines = event("a", 200, 5.0, 1) + &event("b", 200, 5.0, 1);
        let (child, stdin) = started(&[&["--format", "json"], more].concat(), &lines);
        for one in signals {
            sleep(Duration::from_millis(300));
            signal(&child, one);
        }
        let found = feed(child, Vec::new()).expect_code(code);
        drop(stdin);
        assert!(found.stderr.contains("interrupted: only 2 lines were counted"), "{}", found.stderr);
        assert_eq!(found.json()["run"]["interrupted"], true);
        let verdicts = found.json()["requirements"].as_array().expect("verdicts").clone();
        assert!(more.is_empty() || verdicts.iter().any(|verdict| verdict["met"] == false), "{verdicts:?}");
    }
}

#[test]
fn the_files_of_joins_can_be_interrupted_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let sent = folder.path().join("sent");
    let made = std::process::Command::new("mkfifo").arg(&sent).status().expect("mkfifo runs");
    assert!(made.success());
    let (child, stdin) = started(&["--against", sent.to_str().expect("UTF-8")], &event("a", 200, 5.0, 1));
    drop(stdin);
    // Opening waits until it reads.
    let _writer = File::options().write(true).open(&sent).expect("it opens");
    for _ in 0..2 {
        sleep(Duration::from_millis(200));
        signal(&child, Signal::INT);
    }
    let found = feed(child, Vec::new()).expect_code(130);
    assert!(found.stderr.contains("interrupted"), "{}", found.stderr);
}

#[test]
fn a_report_file_is_rewritten_while_the_input_pauses() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("r.json");
    let report = format!("json={}", file.display());
    let (child, stdin) = started(&["--report", &report, "--every", "50ms", "-q"], &event("a", 200, 5.0, 1));
    let count = || -> Option<Value> { serde_json::from_slice(&std::fs::read(&file).ok()?).ok() };
    assert!(
        holds_soon(|| count().is_some_and(|report| report["events"]["count"] == 1)),
        "the first event is not there"
    );
    let then = std::fs::read(&file).expect("it is there");
    assert!(holds_soon(|| std::fs::read(&file).is_ok_and(|now| now != then)), "it stood still");
    drop(stdin);
    feed(child, Vec::new()).expect_code(0);
}

#[test]
fn a_pause_inside_an_array_or_a_line_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let report = format!("text={}", folder.path().join("r").display());
    for parts in
        [["[{\"event_id\":\"a\"}", ",{\"event_id\":\"b\"}]"], ["{\"event_id\":\"a\"}\n{\"event_", "id\":\"b\"}"]]
    {
        let (child, mut stdin) = started(&["--format", "json", "--report", &report, "--every", "20ms", "-q"], parts[0]);
        sleep(Duration::from_millis(200));
        stdin.write_all(parts[1].as_bytes()).expect("it reads");
        drop(stdin);
        assert_eq!(feed(child, Vec::new()).expect_code(0).json()["events"]["ids"]["unique"], 2);
    }
}

#[test]
fn a_report_file_on_a_full_disk_is_one_message_and_exit_1() {
    let found = run_with("pstats", &["--report", "json=/dev/full"], event("a", 200, 5.0, 1).as_bytes()).expect_code(1);
    assert_eq!(found.stderr.lines().count(), 1, "{}", found.stderr);
    assert!(found.stderr.contains("/dev/full"), "{}", found.stderr);
}

#[test]
fn a_report_may_go_to_standard_output_if_nothing_else_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("r.txt");
    let file = file.to_str().expect("UTF-8");
    let input = event("a", 200, 5.0, 1);
    let found = run_with("pstats", &["-o", file, "--report", "json=-"], input.as_bytes()).expect_code(0);
    assert_eq!(found.json()["events"]["count"], 1);
    for taken in [
        &["--report", "json=-"][..],
        &["-o", "-", "--report", "json=-"],
        &["--tee", "-o", file, "--report", "json=-"],
        &["-o", file, "--report", "json=-", "--report", "text=-"],
        &["--tee", "-o", "-"],
    ] {
        assert!(run("pstats", taken).expect_code(2).stderr.contains("standard output"), "{taken:?}");
    }
}

#[test]
fn a_reader_of_tee_that_went_away_takes_nothing_from_files_and_verdicts() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = |more: &str| {
        let script = format!(
            "set +o pipefail; pgen -n 20k --seed 1 -q | pstats --tee -q {more} | head -1 > out; echo ${{PIPESTATUS[1]}}"
        );
        crate::support::shell_in(folder.path(), &script, &[])
    };
    let found = script("--report json=r.json --require 'count > 20k'");
    assert_eq!(found.text(), "99\n", "{}", found.stderr);
    let report = std::fs::read(folder.path().join("r.json")).expect("it was written");
    let report: Value = serde_json::from_slice(&report).expect("JSON");
    assert_eq!(report["events"]["count"], 20_000);
    assert_eq!(script("").text(), "0\n");
    let beside = "set +o pipefail; pgen -n 100 -q | pstats -q -o main.txt --report json=- --require 'count > 100' | true; \
                  echo ${PIPESTATUS[1]}; grep -c 'Total events' main.txt";
    assert_eq!(crate::support::shell_in(folder.path(), beside, &[]).text(), "99\n1\n");
}
