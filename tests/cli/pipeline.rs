//! The main job end to end: what the tools make of each other's output, against a real server.

use crate::support::server::Server;
use crate::support::{path, sample, shell_with};
use std::fs;
use std::process::Command;

/// The guide's pipeline with a fixed seed, against this server.
fn pipeline(server: &Server, count: u32) -> serde_json::Value {
    let script = format!(
        "pgen --count {count} --seed 7 --start 2026-01-05T00:00:00Z -q | pshape --spikes 0.05 --seed 7 -q \
         | psend --concurrency 20 -q | pstats --format json"
    );
    shell_with(&script, &[("PULSE_URL", server.url())]).expect_code(0).json()
}

#[test]
fn the_same_events_sent_twice_are_accepted_once_and_duplicates_after() {
    let server = Server::start(&[]);
    let first = pipeline(&server, 3000);
    assert_eq!(first["outcomes"]["count"], 3000);
    assert_eq!(first["outcomes"]["accepted"], 3000);
    assert_eq!(server.count(), 3000);

    let second = pipeline(&server, 3000);
    assert_eq!(second["outcomes"]["count"], 3000);
    assert_eq!(second["outcomes"]["duplicate"], 3000);
    assert_eq!(second["outcomes"]["success_rate"], 1.0);
    assert_eq!(server.count(), 3000);
}

#[test]
fn events_that_another_program_wrote_go_through_every_tool() {
    let server = Server::start(&[]);
    let sample = sample();
    let script = format!("pshape < {0} | cmp - {0} && psend {0} -q | pstats --format json", sample.display());
    let report = shell_with(&script, &[("PULSE_URL", server.url())]).expect_code(0).json();
    assert_eq!(report["outcomes"]["accepted"], 500);
    assert_eq!(server.count(), 500);
}

#[test]
fn pipefail_carries_a_missing_server_to_the_end_of_the_pipe() {
    let script = "pgen --count 10 -q | psend --url http://127.0.0.1:9 --wait-for-server 0s --retries 0 -q | pstats -q";
    let run = shell_with(script, &[]).expect_code(1);
    assert!(run.text().contains("Outcomes"), "pstats reports all the same: {}", run.text());
}

#[test]
fn the_demo_shows_the_report_and_the_servers_own_count_and_leaves_nothing_behind() {
    let temp = tempfile::tempdir().unwrap();
    let run = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/demo"))
        .arg("2k")
        .env("PULSEPIPE_BIN", path("pgen").parent().unwrap())
        .env("TMPDIR", temp.path())
        .env_remove("PULSE_URL")
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{out}{err}");
    assert!(out.contains("2,000"), "{out}");
    assert!(err.contains("2,000 events stored"), "{err}");
    assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 0);
}

#[test]
fn the_demo_ends_with_the_pipelines_status() {
    let run = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/demo"))
        .arg("many")
        .env("PULSEPIPE_BIN", path("pgen").parent().unwrap())
        .env_remove("PULSE_URL")
        .output()
        .unwrap();
    assert_eq!(run.status.code(), Some(2), "pgen refuses the count");
}

#[test]
fn the_soak_holds_each_tool_to_its_stated_memory() {
    if !std::path::Path::new("/usr/bin/time").exists() {
        eprintln!("skipped: needs GNU time");
        return;
    }
    let run = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/soak"))
        .arg("10k")
        .env("PULSEPIPE_BIN", path("pgen").parent().unwrap())
        .env_remove("PULSE_URL")
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{out}{}", String::from_utf8_lossy(&run.stderr));
    assert_eq!(out.lines().filter(|line| line.contains(" allowed  ok")).count(), 7, "{out}");
}
