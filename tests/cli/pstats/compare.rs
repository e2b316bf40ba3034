//! Runs held against a base: worse, better, the same, cannot tell.

use std::path::Path;

use serde_json::{Value, json};

use super::{event, outcome, run_record};
use crate::support::{run, run_with};

/// The outcomes of a run with this id, all of whose latencies are this many percent of those of another: 400 of them in 40 s.
/// `seed` shuffles them a little.
fn run_of(id: &str, percent: f64, failures: u64, seed: u64) -> String {
    let lines: String = (1..=400u64)
        .map(|seq| {
            let noise = (seq * 7919 + seed * 104_729) % 1000;
            let ms = (10.0 + noise as f64 / 20.0) * percent / 100.0;
            let word = if (seq + seed) % 400 < failures { "failed" } else { "accepted" };
            let service = if seq % 2 == 0 { "a" } else { "b" };
            let sent_at = format!("2026-01-05T10:00:{:02}.{:01}00000Z", seq / 10, seq % 10);
            let sent_at = json!({"latency_ms": ms, "end_to_end_ms": ms + 1.0, "sent_at": sent_at, "service": service});
            outcome(seq, word, sent_at)
        })
        .collect();
    lines + &run_record(true).replace("\"r1\"", &format!("\"{id}\"")).replace("\"lines_read\":1", "\"lines_read\":400")
}

/// Writes text to a file of a folder, and returns its path.
fn file(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("it is written");
    path.to_str().expect("UTF-8").to_owned()
}

/// The state of these lines.
fn state(lines: &str, args: &[&str]) -> String {
    let args = [args, &["-q", "--format", "state"]].concat();
    run_with("pstats", &args, lines.as_bytes()).expect_code(0).text().to_owned()
}

/// Three runs a side: the states of the base, and those of runs whose latencies are so many percent of the base's.
fn three_each(folder: &Path, percent: f64) -> Vec<String> {
    let mut args = Vec::new();
    for n in 1..=3 {
        let base = state(&run_of(&format!("a{n}"), 100.0 + n as f64 / 10.0, 4, n), &[]);
        args.extend(["--base".to_owned(), file(folder, &format!("a{n}.state"), &base)]);
    }
    for n in 1..=3 {
        let now = state(&run_of(&format!("b{n}"), percent - n as f64 / 10.0, 4, 10 + n), &[]);
        args.push(file(folder, &format!("b{n}-{percent}.state"), &now));
    }
    args
}

fn compared(args: &[String], more: &[&str]) -> Value {
    let args: Vec<&str> = args.iter().map(String::as_str).chain(more.iter().copied()).collect();
    run("pstats", &[&args[..], &["--format", "json", "-q"]].concat()).expect_code(0).json()["run"].clone()
}

fn row(run: &Value, figure: &str) -> Value {
    let rows = run["compared"].as_array().expect("a list");
    rows.iter().find(|row| row["figure"] == figure && row["group"].is_null()).unwrap_or(&Value::Null).clone()
}

#[test]
fn a_slower_server_is_worse_a_faster_one_better_and_an_equal_one_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    for (percent, verdict) in [(120.0, "worse"), (80.0, "better"), (100.0, "same")] {
        let args = three_each(folder.path(), percent);
        let found = compared(&args, &[]);
        for figure in ["latency.p50_ms", "latency.p95_ms", "latency.p99_ms", "latency.mean_ms"] {
            let row = row(&found, &format!("outcomes.{figure}"));
            assert_eq!(row["verdict"], verdict, "{row}");
            let (low, high) = (row["interval"][0].as_f64().expect("low"), row["interval"][1].as_f64().expect("high"));
            let difference = row["difference"].as_f64().expect("a difference");
            assert!(
                low <= difference && difference <= high && (difference - (percent / 100.0 - 1.0)).abs() < 0.02,
                "{row}"
            );
            assert_eq!((&row["runs"], &row["one_run_each"]), (&json!([3, 3]), &json!(false)));
        }
        for figure in ["error_rate", "success_rate", "throughput"] {
            assert_ne!(row(&found, &format!("outcomes.{figure}"))["verdict"], "worse");
        }
        assert_eq!(found["comparison"]["family"], 6);
    }
}

#[test]
fn a_requirement_fails_on_worse_passes_on_the_same_and_says_when_it_cannot_tell() {
    let folder = tempfile::tempdir().expect("a folder");
    let judged = |percent: f64, require: &[&str], code: i32| {
        let args = three_each(folder.path(), percent);
        let mut all: Vec<&str> = args.iter().map(String::as_str).collect();
        all.extend(require);
        let found = run("pstats", &all).expect_code(code);
        (found.text().to_owned(), found.stderr)
    };
    let not_worse = ["--require", "latency.p95 not worse"];
    judged(100.0, &not_worse, 0);
    judged(80.0, &not_worse, 0);
    let (text, said) = judged(120.0, &not_worse, 99);
    assert!(said.contains("not met: latency.p95 not worse: +1") && said.contains("): worse"), "{said}");
    assert!(text.contains("✗ NOT MET") && text.contains('●'), "{text}");
    judged(120.0, &["--require", "outcomes.latency.p95 not worse than 30%"], 0);
    judged(120.0, &["--require", "service=a: latency.mean not worse than 10%"], 99);
    judged(100.0, &["--require", "service=a: latency.mean not worse than 10%"], 0);
    judged(100.0, &["--require", "error_rate not worse than 5 points"], 0);
    // 1.2 times the latency is neither shown to be beyond 19.9 % nor below.
    let unsure = ["--require", "latency.p50 not worse than 19.8%"];
    let (text, said) = judged(120.0, &unsure, 99);
    assert!(said.contains("cannot tell: ") && said.contains("fails without --unsure pass"), "{said}");
    assert!(text.contains("? UNSURE"), "{text}");
    let (text, _) = judged(120.0, &[&unsure[..], &["--unsure", "pass"]].concat(), 0);
    assert!(text.contains("? met") && text.contains("passes with --unsure pass"), "{text}");
}

#[test]
fn shards_are_one_run_and_lines_states_and_reports_are_runs_alike() {
    let folder = tempfile::tempdir().expect("a folder");
    let lines = |n: u64| run_of(&format!("a{n}"), 100.0, 4, n);
    let shard = |n: u64, i: u64| {
        lines(10 * n + i).replace("\"shard\":null", &format!("\"shard\":\"{i}/2\"")).replace("T10:", &format!("T1{n}:"))
    };
    let mut args = Vec::new();
    for n in 1..=2 {
        for i in 1..=2 {
            args.extend([
                "--base".to_owned(),
                file(folder.path(), &format!("{n}-{i}.state"), &state(&shard(n, i), &[])),
            ]);
        }
    }
    let report = run_with("pstats", &["-q", "--format", "json"], lines(3).as_bytes()).expect_code(0);
    args.extend(["--base".to_owned(), file(folder.path(), "3.json", report.text())]);
    args.push(file(folder.path(), "4.jsonl", &lines(4)));
    args.push(file(folder.path(), "5.state", &state(&lines(5), &[])));
    let report = run_with("pstats", &["-q", "--format", "json"], lines(6).as_bytes()).expect_code(0);
    args.push(file(folder.path(), "6.json", report.text()));
    let found = compared(&args, &[]);
    assert_eq!(found["comparison"]["base"].as_array().map(Vec::len), Some(3), "{}", found["comparison"]);
    assert_eq!(row(&found, "outcomes.latency.p95_ms")["runs"], json!([3, 3]));
}

#[test]
fn a_run_that_is_given_twice_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let one = file(folder.path(), "1.state", &state(&run_of("a", 100.0, 4, 1), &[]));
    let copy = file(folder.path(), "2.state", &state(&run_of("a", 100.0, 4, 1).replace("evt_1\"", "evt_x\""), &[]));
    let now = file(folder.path(), "3.state", &state(&run_of("b", 100.0, 4, 2), &[]));
    let twice = run("pstats", &["--base", &one, "--base", &copy, &now]).expect_code(1);
    assert!(twice.stderr.contains("hold the same run"), "{}", twice.stderr);
    let same = run("pstats", &["--base", &one, "--base", &one, &now]).expect_code(2);
    assert!(same.stderr.contains("is given twice"), "{}", same.stderr);
}

#[test]
fn groups_of_by_are_judged_and_those_of_one_side_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let args = three_each(folder.path(), 120.0);
    let found = compared(&args, &["--by", "service"]);
    let groups: Vec<&Value> =
        found["compared"].as_array().expect("a list").iter().filter(|row| !row["group"].is_null()).collect();
    assert_eq!(groups.len(), 2 * 7);
    let p95 =
        groups.iter().find(|row| row["group"] == json!({"service": "a"}) && row["figure"] == "outcomes.latency.p95_ms");
    assert_eq!(p95.map(|row| &row["verdict"]), Some(&json!("worse")));
    assert_eq!(found["comparison"]["family"], 3 * 6);
    let (base, now) =
        (event("a", 200, 5.0, 1) + &event("gone", 200, 5.0, 1), event("a", 200, 5.0, 1) + &event("new", 200, 5.0, 1));
    let base = file(folder.path(), "base.jsonl", &base);
    let found = run_with("pstats", &["--base", &base, "--by", "service"], now.as_bytes()).expect_code(0);
    assert!(found.text().contains("Only the base has events.service=gone."), "{}", found.text());
    assert!(found.text().contains("Only this side has events.service=new."), "{}", found.text());
    let missing = compared(&three_each(folder.path(), 100.0), &["--by", "team"]);
    let said = missing["comparison"]["not_grouped"].to_string();
    assert!(said.contains("--by team"), "{said}");
}

#[test]
fn one_run_each_is_judged_by_blocks_of_time_and_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let base = file(folder.path(), "a.state", &state(&run_of("a", 100.0, 4, 1), &[]));
    for (percent, verdict) in [(150.0, "worse"), (60.0, "better")] {
        let now = state(&run_of("b", percent, 4, 2), &[]);
        let found = run_with("pstats", &["--base", &base, "--format", "json"], now.as_bytes()).expect_code(0).json();
        let mean = row(&found["run"], "outcomes.latency.mean_ms");
        assert_eq!((&mean["verdict"], &mean["one_run_each"]), (&json!(verdict), &json!(true)), "{mean}");
    }
    let now = state(&run_of("b", 150.0, 4, 2), &[]);
    let text = run_with("pstats", &["--base", &base], now.as_bytes()).expect_code(0);
    assert!(text.text().contains("worse, one run each") && text.text().contains("One run each: "), "{}", text.text());
    // A run of a few seconds says nothing, and neither does a JSON report.
    let short =
        outcome(1, "accepted", json!({})) + &outcome(2, "accepted", json!({"latency_ms": 90.0})) + &run_record(true);
    let report = run_with("pstats", &["-q", "--format", "json"], run_of("c", 100.0, 4, 3).as_bytes()).expect_code(0);
    let report = file(folder.path(), "c.json", report.text());
    for (base, now, why) in
        [(&base, &short, "windows of 1 s: 30 are needed"), (&report, &now, "a JSON report does not have")]
    {
        let found = run_with("pstats", &["--base", base, "--format", "json"], now.as_bytes()).expect_code(0).json();
        let mean = row(&found["run"], "outcomes.latency.mean_ms");
        assert!(mean["verdict"] == "cannot_tell" && mean["interval"].is_null(), "{mean}");
        assert!(mean["why"].as_str().is_some_and(|said| said.contains(why)), "{mean}");
        let require = ["--base", base, "--require", "latency.p95 not worse"];
        let failed = run_with("pstats", &require, now.as_bytes()).expect_code(99);
        assert!(failed.stderr.contains("cannot tell: "), "{}", failed.stderr);
    }
}

#[test]
fn an_open_loop_is_judged_by_end_to_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = |id: &str, percent: f64, seed: u64| run_of(id, percent, 4, seed).replace("\"concurrent\"", "\"rate\"");
    let mut args = Vec::new();
    for n in 1..=3 {
        args.extend(["--base".to_owned(), file(folder.path(), &format!("a{n}"), &open(&format!("a{n}"), 100.0, n))]);
        args.push(file(folder.path(), &format!("b{n}"), &open(&format!("b{n}"), 130.0, 5 + n)));
    }
    let found = compared(&args, &[]);
    assert_eq!(row(&found, "outcomes.end_to_end.p95_ms")["verdict"], "worse");
    assert!(row(&found, "outcomes.latency.p95_ms").is_null());
    // What a requirement names is judged all the same.
    let found = compared(&args, &["--require", "latency.p90 not worse than 99%"]);
    assert_eq!(row(&found, "outcomes.latency.p90_ms")["verdict"], "worse");
}

#[test]
fn every_form_shows_the_verdicts_and_draws_the_interval() {
    let folder = tempfile::tempdir().expect("a folder");
    let args = three_each(folder.path(), 120.0);
    for (form, drawn) in [("text", "●"), ("markdown", "●"), ("junit", "●"), ("html", "<svg class=\"bad\"")] {
        let args: Vec<&str> = args.iter().map(String::as_str).chain(["-q", "--format", form]).collect();
        let found = run("pstats", &args).expect_code(0);
        for says in
            ["Compared with the base", "3 runs of the base, 3 runs now", "outcomes.latency.p95_ms", "worse", drawn]
        {
            assert!(found.text().contains(says), "{form}: {says}: {}", found.text());
        }
    }
}

#[test]
fn what_cannot_be_asked_of_a_comparison_is_wrong_usage() {
    let folder = tempfile::tempdir().expect("a folder");
    let base = file(folder.path(), "a", &run_of("a", 100.0, 4, 1));
    for (args, says) in [
        (&["--require", "latency.p95 not worse"][..], "needs --base FILE"),
        (&["--tolerance", "5%"], "needs --base FILE"),
        (&["--base", &base, "--tolerance", "5"], "such as 5%"),
        (&["--base", &base, "--tolerance", "p98=5%"], "p98"),
        (&["--base", &base, "--confidence", "101%"], "from 50% to 99.99%"),
        (&["--base", &base, "--require", "delivered not worse"], "not a figure that is compared"),
        (&["--base", &base, "--require", "error_rate not worse than 5%"], "'0.5 points'"),
        (&["--base", &base, "--require", "latency.p95 not worse than 5"], "such as 5%"),
        (&["--base", &base, "--require", "servise=a: latency.p95 not worse"], "'service'"),
        (&["--base", "Cargo.toml"], "Cargo.toml"),
        (&["--base", "none.state"], "none.state"),
    ] {
        let found = run_with("pstats", args, run_of("b", 100.0, 4, 2).as_bytes()).expect_code(2);
        assert!(found.stderr.contains(says), "{args:?}: {}", found.stderr);
    }
}

#[test]
fn an_incomplete_base_fails_one_requirement_more_unless_partial() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut args = three_each(folder.path(), 100.0);
    args[1] = file(folder.path(), "cut", &run_of("a9", 100.0, 4, 1).replace("\"complete\":true", "\"complete\":false"));
    let args: Vec<&str> = args.iter().map(String::as_str).chain(["-q", "--require", "latency.p95 not worse"]).collect();
    let found = run("pstats", &args).expect_code(99);
    assert!(found.stderr.contains("the base is complete") && found.stderr.contains("cut"), "{}", found.stderr);
    run("pstats", &[&args[..], &["--partial"]].concat()).expect_code(0);
}

#[test]
fn a_base_is_read_from_a_compressed_json_report_as_from_a_plain_one() {
    use std::io::Write;
    let folder = tempfile::tempdir().expect("a folder");
    let lines = run_of("a", 100.0, 4, 1);
    let report = run_with("pstats", &["-q", "--format", "json"], lines.as_bytes()).expect_code(0);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&report.stdout).expect("memory");
    let plain = file(folder.path(), "base.json", report.text());
    let packed = folder.path().join("base.json.gz");
    std::fs::write(&packed, gzip.finish().expect("memory")).expect("it is written");
    let packed = packed.to_str().expect("UTF-8");
    let compared = |base: &str| {
        let args = ["-q", "--format", "json", "--base", base, &file(folder.path(), "now", &lines)];
        run("pstats", &args).expect_code(0).json()["run"]["compared"].clone()
    };
    assert!(compared(packed).as_array().is_some_and(|rows| !rows.is_empty()));
    assert_eq!(compared(packed), compared(&plain));
}
