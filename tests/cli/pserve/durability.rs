//! `scripts/durability`: pserve passes, and a server with a planted fault does not.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::missing::lacks;
use crate::support::path;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/durability");
const PLANTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/pserve/planted_server.py");

/// A port that was free a moment ago.
fn port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it has an address").port().to_string()
}

fn durability(flags: &[&str], port: &str, command: &[&str]) -> Output {
    let bin = path("pserve").parent().expect("a folder").to_owned();
    let url = format!("http://127.0.0.1:{port}");
    let mut script = Command::new(SCRIPT);
    script.args(["--seed", "3", "--rate", "300", "--url", &url]).args(flags).arg("--").args(command);
    script.env("PULSEPIPE_BIN", bin).env_remove("PULSE_URL").env_remove("PULSE_API_KEY").output().expect("it runs")
}

fn planted(fault: &str, flags: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let (port, db) = (port(), folder.path().join("events.db"));
    let ran = durability(flags, &port, &["python3", PLANTED, &port, db.to_str().expect("UTF-8"), fault]);
    (ran.status.code(), String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr))
}

#[test]
fn pserve_loses_nothing_when_it_is_killed() {
    if lacks("scripts/durability", &["python3"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (port, db) = (port(), folder.path().join("events.db"));
    let (listen, db) = (format!("127.0.0.1:{port}"), db.to_str().expect("UTF-8"));
    let pserve = path("pserve");
    let pserve = pserve.to_str().expect("UTF-8");
    for batch in [&["--kills", "5"][..], &["--kills", "5", "--batch", "10"]] {
        let ran = durability(batch, &port, &[pserve, "-q", "--listen", &listen, "--db", db]);
        let said = String::from_utf8_lossy(&ran.stdout);
        assert_eq!(ran.status.code(), Some(0), "{said}{}", String::from_utf8_lossy(&ran.stderr));
        assert!(said.contains("DURABLE: 0 of ") && said.contains("in 5 kills; at most 45.07%"), "{said}");
        std::fs::remove_file(Path::new(db)).expect("it was there");
        for suffix in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{db}{suffix}"));
        }
    }
}

#[test]
fn a_planted_fault_is_found() {
    if lacks("scripts/durability", &["python3"]) {
        return;
    }
    for (fault, flags, found) in [
        ("acknowledges-first", &["--kills", "5"][..], "acknowledged and lost"),
        ("forgets-ids", &["--kills", "5"], "taken as new again"),
        ("half-a-batch", &["--kills", "8", "--batch", "20"], "acknowledged and lost"),
    ] {
        let (code, said) = planted(fault, flags);
        let verdict = said.lines().find(|line| line.starts_with("NOT DURABLE")).unwrap_or_default();
        assert!(code == Some(99) && verdict.contains(found), "{fault}: {said}");
    }
    let (code, said) = planted("none", &["--kills", "5"]);
    assert!(code == Some(0) && said.contains("DURABLE: 0 of "), "{said}");
}

#[test]
fn a_server_that_does_not_start_is_an_error_and_no_verdict() {
    if lacks("scripts/durability", &["python3"]) {
        return;
    }
    let ran = durability(&["--kills", "1"], &port(), &["false"]);
    let said = String::from_utf8_lossy(&ran.stderr);
    assert_eq!((ran.status.code(), ran.stdout.is_empty()), (Some(1), true), "{said}");
    assert!(said.contains("the server ended with status 1 before it listened"), "{said}");
    for (flags, why) in [(&["--kills", "0"][..], "above 0"), (&["--up", "9"], "50..400"), (&["--kills"], "missing")] {
        let ran = Command::new(SCRIPT).args(flags).output().expect("it runs");
        assert_eq!(ran.status.code(), Some(2), "{flags:?}");
        assert!(String::from_utf8_lossy(&ran.stderr).contains(why), "{flags:?}");
    }
}
