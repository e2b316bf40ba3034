//! When a run begins (`--start-at`), what is its warm-up (`--warm-up`), and when it ends because too many events fail (`--abort-on`).

use std::process::Stdio;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::{events, outcomes, send, words};
use crate::scripted::{Act, Scripted};
use crate::support::{Run, feed, interrupt, run_with, tool};

/// Microseconds since the epoch.
fn micros(value: &Value) -> i64 {
    let text = value.as_str().unwrap_or_else(|| panic!("a time: {value}"));
    pulsepipe::time::parse(text.as_bytes()).expect("a timestamp")
}

#[test]
fn shards_with_a_common_start_keep_the_schedule_together() {
    let server = Scripted::start(|_| Act::accept());
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is later").as_micros();
    let start = i64::try_from(now).expect("it fits") + 2_000_000;
    let text = pulsepipe::time::format(start);
    let children: Vec<_> = (1..=4)
        .map(|shard| {
            let url = server.url();
            let shard = format!("{shard}/4");
            let flags = ["--url", &url, "-q", "--start-at", &text, "--rate", "100", "--shard", &shard];
            let child = tool("psend").args(flags).stdin(Stdio::piped()).spawn().expect("psend starts");
            // Machines are not ready at the same moment.
            std::thread::sleep(Duration::from_millis(50));
            child
        })
        .collect();
    let runs: Vec<Run> = children.into_iter().map(|child| feed(child, events(10)).expect_code(0)).collect();
    let mut due: Vec<i64> =
        runs.iter().flat_map(|run| outcomes(run).0).map(|outcome| micros(&outcome["scheduled_at"]) - start).collect();
    due.sort_unstable();
    // 100 events per second by all four, one every 10 ms.
    let even: Vec<i64> = (0..40).map(|n| n * 10_000).collect();
    assert_eq!(due, even);
    let sent = runs.iter().flat_map(|run| outcomes(run).0).map(|outcome| micros(&outcome["sent_at"])).min();
    assert!(sent >= Some(start), "nothing is sent before {start}: {sent:?}");
}

#[test]
fn a_wait_holds_for_a_closed_loop_too_and_a_time_that_has_passed_for_none() {
    let server = Scripted::start(|_| Act::accept());
    let run = send(&server, &["--start-at", "+700ms", "--duration", "5s"], &events(3)).expect_code(0);
    let (lines, record) = outcomes(&run);
    let waited =
        lines.iter().map(|line| micros(&line["sent_at"])).min().expect("outcomes") - micros(&record["started_at"]);
    assert!(waited >= 690_000, "{waited} µs");
    assert!(run.stderr.contains("(--start-at)"), "{}", run.stderr);

    let run = send(&server, &["--start-at", "2020-01-01T00:00:00Z", "-q"], &events(3)).expect_code(0);
    assert!(run.stderr.contains("ago; the run begins at once"), "{}", run.stderr);
    assert_eq!(words(&outcomes(&run).0), ["accepted"; 3]);
}

#[test]
fn a_signal_ends_the_wait_for_the_start() {
    let server = Scripted::start(|_| Act::accept());
    let flags = ["--url", &server.url(), "--start-at", "+1h"];
    let mut child =
        tool("psend").args(flags).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("psend starts");
    // It listens for signals once it has said what it is about to do.
    let mut said = std::io::BufReader::new(child.stderr.take().expect("a pipe"));
    let mut line = String::new();
    while !line.contains("--start-at") {
        line.clear();
        std::io::BufRead::read_line(&mut said, &mut line).expect("it says so");
    }
    std::io::Write::write_all(&mut child.stdin.as_ref().expect("a pipe"), &events(2)).expect("psend reads");
    interrupt(&child);
    let run = feed(child, Vec::new()).expect_code(130);
    assert!(server.requests().is_empty());
    assert!(outcomes(&run).0.iter().all(|outcome| outcome["outcome"] == "not_sent"));
}

#[test]
fn a_run_in_which_too_many_events_fail_is_ended_and_says_so() {
    let answer = |number: u64| if number <= 20 { Act::accept() } else { Act::answer(422, "{\"detail\":\"no\"}") };
    let server = Scripted::start(move |r| Act::After(Duration::from_millis(2), Box::new(answer(r.number as u64))));
    let flags = ["--abort-on", "error_rate > 50%, over=300ms", "-c", "4"];
    let run = send(&server, &flags, &events(50_000)).expect_code(1);
    let (lines, record) = outcomes(&run);
    let why = "--abort-on 'error_rate > 50%, over=300ms': the error rate was ";
    assert!(run.stderr.contains(why), "{}", run.stderr);
    assert_eq!(record["complete"], false);
    assert!(record["aborted"].as_str().is_some_and(|said| said.contains(why)), "{record}");
    assert_eq!(
        lines.len() as u64,
        record["lines_read"].as_u64().expect("a count"),
        "each line that was read has an outcome"
    );
    assert!(server.requests().len() < 25_000, "it stopped sending");
    let last = lines.last().expect("outcomes");
    assert_eq!((&last["outcome"], &last["error"]["kind"]), (&"not_sent".into(), &"interrupted".into()));

    let report = run_with("pstats", &["-q", "--require", "count > 0"], run.text().as_bytes()).expect_code(99);
    assert!(report.text().contains("psend ended a run early: --abort-on"), "{}", report.text());
}

#[test]
fn a_run_with_fewer_errors_than_allowed_goes_on_and_so_does_one_that_is_too_short_to_judge() {
    let server = Scripted::start(|r| if r.number % 10 == 0 { Act::answer(422, "") } else { Act::accept() });
    let flags = ["-q", "--abort-on", "error_rate > 30%,over=100ms", "--delay", "5"];
    let run = send(&server, &flags, &events(800)).expect_code(0);
    assert!(outcomes(&run).1.get("aborted").is_none());
    // Ten seconds are looked at unless another time is given.
    let server = Scripted::start(|_| Act::answer(422, ""));
    let run = send(&server, &["-q", "--abort-on", "error_rate > 50%"], &events(50)).expect_code(0);
    assert_eq!(outcomes(&run).1["complete"], true);
}

#[test]
fn outcomes_of_the_warm_up_are_marked_and_in_no_figure() {
    // Slow at first, and refusing, as a server with cold caches may be.
    let cold = |number: usize| if number <= 10 { Act::answer(422, "") } else { Act::accept() };
    let server = Scripted::start(move |r| cold(r.number));
    let flags = ["--rate", "50", "-c", "1", "--warm-up", "195ms", "--start-at", "+200ms"];
    let run = send(&server, &flags, &events(30)).expect_code(0);
    let (mut lines, record) = outcomes(&run);
    lines.sort_by_key(|line| line["seq"].as_u64());
    // One is due every 20 ms, so ten of them in 195 ms.
    let marked: Vec<bool> = lines.iter().map(|line| line["warm_up"] == true).collect();
    assert_eq!(marked, (0..30).map(|n| n < 10).collect::<Vec<_>>());
    assert!(run.stderr.contains("Warm-up:     10 events of these"), "{}", run.stderr);
    assert_eq!(record["generator"]["scheduled"], 20);

    let report = run_with("pstats", &["-q", "--format", "json"], run.text().as_bytes()).expect_code(0).json();
    let figures = &report["outcomes"];
    assert_eq!((&figures["count"], &figures["error_rate"]), (&20.into(), &0.0.into()));
    assert_eq!((&figures["rejected"], &figures["complete"]), (&0.into(), &true.into()));
    assert_eq!(report["input"]["kinds"]["left_out"]["lines"], 10);
    let grouped: u64 =
        figures["by"]["service"].as_array().expect("groups").iter().filter_map(|group| group["count"].as_u64()).sum();
    assert_eq!(grouped, 20);
    run_with("pstats", &["-q", "--require", "error_rate = 0%"], run.text().as_bytes()).expect_code(0);
    // Without the flag no outcome is marked.
    let run = send(&server, &["-q"], &events(3)).expect_code(0);
    assert!(outcomes(&run).0.iter().all(|line| line.get("warm_up").is_none()));
}

#[test]
fn a_start_or_a_condition_that_cannot_be_read_is_named() {
    for (flag, value) in [
        ("--start-at", "tomorrow"),
        ("--start-at", "+"),
        ("--start-at", "10s"),
        ("--start-at", "+10"),
        ("--warm-up", "soon"),
        ("--abort-on", "error_rate < 50%"),
        ("--abort-on", "error_rate > 50"),
        ("--abort-on", "error_rate > 150%"),
        ("--abort-on", "latency > 5%"),
        ("--abort-on", "error_rate > 5% over=0s"),
        ("--abort-on", "error_rate > 5% for=1s"),
        ("--abort-on", "error_rate > 5%, over=1s, over=2s"),
    ] {
        let run = run_with("psend", &["--url", "http://127.0.0.1:9", flag, value], &events(1)).expect_code(2);
        assert!(run.stderr.contains(flag) && run.stderr.contains("expected"), "{value}: {}", run.stderr);
    }
}
