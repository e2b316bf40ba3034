//! `--find-rate`: the highest rate that a server holds, in the summary, the outcomes and the run record, and in the reports of pstats.

use std::sync::Mutex;
use std::time::Duration;

use super::super::scripted::{Act, Scripted};
use super::super::support::{Run, run_with};
use super::{events, outcomes, send};

/// A server that takes this long for an event and serves one at a time.
fn one_at_a_time(time: Duration) -> Scripted {
    let turn = Mutex::new(());
    Scripted::start(move |_| {
        let _turn = turn.lock();
        std::thread::sleep(time);
        Act::accept()
    })
}

fn report(run: &Run, flags: &[&str]) -> Run {
    run_with("pstats", flags, run.text().as_bytes())
}

#[test]
fn the_rate_of_a_server_is_found_and_every_report_shows_the_curve() {
    let server = one_at_a_time(Duration::from_millis(10));
    let flags = ["--find-rate", "end_to_end.p95 < 100ms, error_rate < 1%", "--max-time", "16s", "-c", "200"];
    let run = send(&server, &flags, &events(20_000)).expect_code(0);
    assert!(run.stderr.contains("step 1, up: 100/s for "), "{}", run.stderr);
    let (lines, record) = outcomes(&run);
    let capacity = &record["capacity"];
    let steps = capacity["steps"].as_array().expect("steps");
    assert_eq!(record["mode"], "find_rate");
    assert!(steps.len() > 2 && steps[0]["step"] == 1 && steps[0]["phase"] == "up", "{capacity}");
    assert!(lines.iter().all(|line| line["step"].as_u64() >= Some(1)), "each outcome has its step");
    // It can do 100 a second, and less on a busy computer.
    let least = capacity["at_least"].as_f64().expect("a rate that it held");
    assert!((1.0..130.0).contains(&least), "{capacity}");
    assert_eq!(capacity["conditions"][0], "end_to_end.p95 < 100ms");

    let json = report(&run, &["-q", "--format", "json"]).expect_code(0).json();
    let reported = &json["outcomes"]["capacity"];
    assert_eq!(
        (&reported["at_least"], &reported["steps"], &reported["searches"]),
        (&capacity["at_least"], &capacity["steps"], &1.into())
    );
    report(&run, &["-q", "--require", "capacity.at_least > 0.5/s"]).expect_code(0);
    report(&run, &["-q", "--require", "capacity.at_least > 2000/s"]).expect_code(99);
    report(&run, &["-q", "--require", "capacity.rate > 2000/s"]).expect_code(99);
    report(&run, &["-q", "--require", "capacity.rate > 2000"]).expect_code(2);
    for form in ["text", "markdown", "html"] {
        let page = report(&run, &["-q", "--format", form]).expect_code(0);
        assert!(page.text().contains("Highest rate") && page.text().contains("100/s"), "{form}: {}", page.text());
    }
    assert!(report(&run, &["-q", "--format", "html"]).text().contains("<polyline"), "the page draws the curve");
    let state = report(&run, &["-q", "--format", "state"]).expect_code(0);
    let merged = run_with("pstats", &["-q", "--format", "json"], state.text().as_bytes()).expect_code(0).json();
    assert_eq!(merged["outcomes"]["capacity"], *reported, "a state keeps it");
}

#[test]
fn an_input_that_ends_gives_a_lower_bound_and_no_answer() {
    let server = Scripted::start(|_| Act::accept());
    let run = send(&server, &["--find-rate", "error_rate < 1%", "--max-time", "20s"], &events(500)).expect_code(0);
    let capacity = &outcomes(&run).1["capacity"];
    assert_eq!((&capacity["rate"], &capacity["interval"]), (&serde_json::Value::Null, &serde_json::Value::Null));
    assert_eq!(capacity["ended"], "input", "{capacity}");
    assert!(run.stderr.contains("the input was the limit"), "{}", run.stderr);
    let verdict = report(&run, &["--require", "capacity.rate > 1/s"]).expect_code(99);
    assert!(verdict.text().contains("not known: the input was the limit"), "{}", verdict.text());
    // Without a search there is nothing to require.
    let plain = send(&server, &["-q"], &events(5)).expect_code(0);
    report(&plain, &["-q", "--require", "capacity.rate > 1/s"]).expect_code(99);
}

#[test]
fn what_contradicts_a_search_is_wrong_usage() {
    let server = Scripted::start(|_| Act::accept());
    for (flags, told) in [
        (&["--rate", "5"][..], "--rate"),
        (&["--stages", "1s:5"], "--stages"),
        (&["--replay", "1x"], "--replay"),
        (&["--duration", "1s"], "--duration"),
        (&["--warm-up", "1s"], "--warm-up"),
        (&["--shard", "1/2"], "--shard"),
        (&["--journal", "j"], "--journal"),
        (&["--abort-on", "error_rate > 50%"], "--abort-on"),
        (&["--mode", "sequential"], "--mode sequential"),
        (&["--delay", "5"], "--delay"),
        (&["--verify"], "--verify"),
    ] {
        let all = [&["--find-rate", "error_rate < 1%"][..], flags].concat();
        let run = send(&server, &all, &events(1)).expect_code(2);
        assert!(run.stderr.contains(told), "{flags:?}: {}", run.stderr);
    }
    let run = send(&server, &["--max-time", "5s"], &events(1)).expect_code(2);
    assert!(run.stderr.contains("--find-rate"), "{}", run.stderr);
    let run = send(&server, &["--find-rate", "latency.p95 < 20"], &events(1)).expect_code(2);
    assert!(run.stderr.contains("200ms"), "{}", run.stderr);
    assert!(server.requests().is_empty());
}
