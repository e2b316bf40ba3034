//! The main job end to end: what the tools make of each other's output, against a real server.

use crate::support::http;
use crate::support::server::Server;
use crate::support::tmux::Terminal;
use crate::support::{path, sample, shell_with};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

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

/// `scripts/demo` with these arguments, over the built tools, in this folder for temporary files.
fn demo(temp: &std::path::Path, arguments: &[&str]) -> Command {
    let mut demo = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/demo"));
    demo.args(arguments).env("PULSEPIPE_BIN", path("pgen").parent().unwrap());
    demo.env("TMPDIR", temp).env_remove("PULSE_URL").env_remove("PULSE_API_KEY");
    demo
}

#[test]
fn the_demo_shows_the_fate_of_each_fault_and_the_servers_own_count_in_one_screen_and_leaves_nothing_behind() {
    let temp = tempfile::tempdir().unwrap();
    let run = demo(temp.path(), &["3k"]).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{out}{err}");
    let count = |name: &str| {
        let line =
            out.lines().find(|line| line.trim_start().starts_with(name)).unwrap_or_else(|| panic!("{name}: {out}"));
        line.split_whitespace().nth(1).unwrap().to_owned()
    };
    assert!(err.contains(&format!("{} events stored", count("accepted"))), "{out}{err}");
    // Broken lines, copies and spikes are all there, and found.
    for fault in ["malformed", "duplicate  ", "spike", "rejected"] {
        assert_ne!(count(fault), "0", "{out}");
    }
    assert!(out.contains("injected faults detected"), "{out}");
    assert!(out.lines().count() + err.lines().count() <= 40, "{out}{err}");
    assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 0);
}

#[test]
fn the_demo_leaves_the_server_running_with_the_page_at_a_printed_address_until_it_is_interrupted() {
    let temp = tempfile::tempdir().unwrap();
    let mut child =
        demo(temp.path(), &["--serve", "200"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let said = out.by_ref().lines().map_while(Result::ok).find(|line| line.contains("The report as a page: "));
    let url = said.and_then(|line| Some(line.split_once("http://")?.1.split_whitespace().next()?.to_owned())).unwrap();
    let address = url.trim_end_matches("/report");
    let page = http::request(address, "GET", "/report", &[], b"").unwrap();
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.text().starts_with("<!doctype html>") && page.text().contains("delivered"), "{:.300}", page.text());
    let health = http::request(address, "GET", "/api/v1/ingestion/health", &[], b"").unwrap();
    assert_eq!(health.json()["status"], "healthy");
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    crate::support::end_of(&mut child);
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

#[test]
fn on_a_terminal_only_the_last_tool_of_a_pipe_shows_progress() {
    let Some(terminal) = Terminal::open(150, 24) else { return };
    let server = Server::start(&["--quiet"]);
    let send = format!("psend --url {} --rate 300", server.url());
    let file = tempfile::NamedTempFile::new().expect("a file");
    let file = file.path().display();
    let (of_psend, of_pstats) = ("/s overall, ", " lines/s");
    for (pipe, last, others) in [
        (format!("pgen -n 1000 --seed 1 | pshape --spikes 1% --seed 1 | {send} | pstats"), of_pstats, of_psend),
        (format!("pgen -n 1000 --seed 2 | pshape --spikes 1% --seed 1 | {send} > {file}"), of_psend, of_pstats),
        (format!("pgen -n 1000 --seed 3 | {send} | pstats --tee --live | pstats"), "1 overview  2 trends", of_psend),
    ] {
        terminal.enter("clear");
        terminal.wait("nothing stands there", |screen| screen == "ready>");
        terminal.enter(&pipe);
        let mut seen = Vec::new();
        loop {
            let screen = terminal.screen();
            if screen.ends_with("\nready>") {
                break;
            }
            seen.push(screen);
            assert!(seen.len() < 1000, "{pipe}: {}", seen[seen.len() - 1]);
            std::thread::sleep(std::time::Duration::from_millis(30));
        }
        let with = |part: &str| seen.iter().filter(|screen| screen.contains(part)).count();
        assert!(
            with(last) > 3 && with(others) == 0,
            "{pipe}: {} and {} times: {}",
            with(last),
            with(others),
            seen[seen.len() / 2]
        );
    }
    // Who asks for lines gets them.
    let asked = format!("clear; pgen -n 500 --seed 4 | {send} --every 200ms | cat > {file}");
    terminal.enter(&asked);
    let screen = terminal.wait_for_the_shell();
    assert!(screen.matches(of_psend).count() > 2, "{screen}");
}
