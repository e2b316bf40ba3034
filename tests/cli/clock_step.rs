//! The wall clock is set while a tool runs (NTP, a virtual machine that slept): figures and limits go by the time that passed.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::scripted::{Act, Scripted};
use crate::support::{Run, feed, run, tool};

/// Puts the wall clock off by STEP seconds once the process is half a second old; the monotonic clock goes on.
const STEP: &str = r#"
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
    static double born = 0;
    struct timespec passed;
    long result = syscall(SYS_clock_gettime, clock, now);
    if (clock != CLOCK_REALTIME) return result;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &passed);
    double age = passed.tv_sec + passed.tv_nsec / 1e9;
    if (born == 0) born = age;
    if (age - born > 0.5) now->tv_sec += atol(getenv("STEP"));
    return result;
}
"#;

/// The library for LD_PRELOAD. `None`, with a message, without a C compiler or Linux.
#[allow(clippy::print_stderr)] // a test that cannot run says why
fn library(folder: &Path) -> Option<PathBuf> {
    let (source, library) = (folder.join("step.c"), folder.join("step.so"));
    std::fs::write(&source, STEP).expect("written");
    let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).status();
    if cfg!(target_os = "linux") && built.is_ok_and(|status| status.success()) {
        return Some(library);
    }
    eprintln!("skipped: needs cc on Linux");
    None
}

fn run_stepped(name: &str, library: &Path, step: i64, args: &[&str], input: &[u8]) -> Run {
    let mut command = tool(name);
    command.args(args).env("LD_PRELOAD", library).env("STEP", step.to_string()).stdin(std::process::Stdio::piped());
    feed(command.spawn().expect("the tool starts"), input.to_vec())
}

fn events(count: usize) -> Vec<u8> {
    (1..=count).map(|n| format!("{{\"event_id\":\"e{n}\"}}\n")).collect::<String>().into_bytes()
}

#[test]
fn setting_the_clock_by_an_hour_changes_no_figure_of_a_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(library) = library(folder.path()) else { return };
    let server = Scripted::start(|_| Act::accept());
    for step in [3600, -3600] {
        for flags in [&["--rate", "40"][..], &["--mode", "sequential", "--delay", "20ms"]] {
            let url = server.url();
            let args = [&["--url", &url, "--every", "100ms"], flags].concat();
            let sent = run_stepped("psend", &library, step, &args, &events(50)).expect_code(0);
            let lines = sent.json_lines();
            let (record, outcomes) = lines.split_last().expect("a run record");
            let micros = |value: &Value| {
                let text = value.as_str().expect("a time");
                chrono::DateTime::parse_from_rfc3339(text).expect("RFC 3339").timestamp_micros()
            };
            let (started, ended) = (micros(&record["run"]["started_at"]), micros(&record["run"]["ended_at"]));
            assert!((900_000..30_000_000).contains(&(ended - started)), "{step} {flags:?}: {record}");
            for outcome in outcomes {
                let at = micros(&outcome["sent_at"]);
                assert!((started..=ended).contains(&at), "{step} {flags:?}: {outcome}");
                if !outcome["scheduled_at"].is_null() {
                    let late = at - micros(&outcome["scheduled_at"]);
                    assert!((0..5_000_000).contains(&late), "{step} {flags:?}: {outcome}");
                }
            }
            let file = folder.path().join("outcomes");
            std::fs::write(&file, &sent.stdout).expect("written");
            let report =
                run("pstats", &["-q", "--format", "json", file.to_str().expect("a path")]).expect_code(0).json();
            let seen = report["outcomes"]["throughput"].as_f64().expect("a number");
            assert!((5.0..60.0).contains(&seen), "{step} {flags:?}: {seen}/s");
            // What psend itself says is the same.
            let said = sent.stderr.lines().find_map(|line| line.strip_prefix("Throughput:")).expect("a summary");
            let said: f64 = said.trim().trim_end_matches(" events/s").parse().expect("a number");
            assert!((said - seen).abs() < seen / 50.0, "psend {said}/s, pstats {seen}/s");
        }
    }
}

#[test]
fn a_rate_limit_of_pserve_gives_its_events_though_the_clock_is_put_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(library) = library(folder.path()) else { return };
    let path = |name: &str| folder.path().join(name).to_str().expect("a path").to_owned();
    std::fs::write(folder.path().join("in.jsonl"), sample_lines(30)).expect("written");
    let psend = crate::support::path("psend").display().to_string();
    let command = format!("{psend} -q {} --retries 20 > {}", path("in.jsonl"), path("out.jsonl"));
    let args = ["-q", "--listen", "127.0.0.1:0", "--db", &path("db"), "--rate-limit", "10/1s", "--exec", &command];
    run_stepped("pserve", &library, -3600, &args, b"").expect_code(0);
    let out = std::fs::read_to_string(path("out.jsonl")).expect("outcomes");
    assert_eq!(out.matches("\"accepted\",\"status\":200").count(), 30, "{out}");
}

fn sample_lines(count: usize) -> String {
    let text = std::fs::read_to_string(crate::support::sample()).expect("the sample");
    text.lines().take(count).map(|line| format!("{line}\n")).collect()
}
