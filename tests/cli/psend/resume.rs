//! Runs that were cut off and go on: journals that two want, torn and foreign journals, events that were in flight.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{events, send};
use crate::scripted::{Act, Request, Scripted};
use crate::support::{Run, end_of, run_with, tool};

/// The files of a run with a journal.
struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn of(input: &[u8]) -> Self {
        let files = Self { folder: tempfile::tempdir().expect("a folder") };
        std::fs::write(files.path("in.jsonl"), input).expect("written");
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("it can be read")
    }

    /// The flags of a run that reads the input and writes its journal and its outcomes.
    fn flags(&self) -> Vec<String> {
        let path = |name| self.path(name).to_str().expect("a path").to_owned();
        vec![path("in.jsonl"), "--journal".into(), path("journal"), "-o".into(), path("out.jsonl")]
    }

    fn start(&self, server: &Scripted, more: &[&str]) -> Child {
        let mut psend = tool("psend");
        psend.args(["--url", &server.url()]).args(self.flags()).args(more).stdout(Stdio::null());
        psend.spawn().expect("psend starts")
    }

    fn run(&self, server: &Scripted, more: &[&str]) -> Run {
        let flags = self.flags();
        let flags: Vec<&str> = flags.iter().map(String::as_str).chain(more.iter().copied()).collect();
        send(server, &flags, b"")
    }

    /// The outcomes written so far, and the run records.
    fn outcomes(&self) -> (Vec<Value>, Vec<Value>) {
        let lines = self.text("out.jsonl");
        let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("whole lines of JSON"));
        lines.partition(|line| line["seq"].is_u64())
    }

    /// What became of each line, over all runs: the words of its outcomes in their order, without `not_sent`.
    fn settled(&self) -> BTreeMap<u64, Vec<String>> {
        let mut words: BTreeMap<u64, Vec<String>> = BTreeMap::new();
        for outcome in self.outcomes().0 {
            let word = outcome["outcome"].as_str().expect("a word").to_owned();
            let of_line = words.entry(outcome["seq"].as_u64().expect("a number")).or_default();
            if word != "not_sent" {
                of_line.push(word);
            }
        }
        words
    }
}

/// A server that takes an event once and then says that it has it; it answers after so long.
fn store(answers_after: Duration) -> Scripted {
    let held = Mutex::new(HashSet::new());
    Scripted::start(move |request| {
        let is_new = held.lock().expect("no holder panics").insert(request.body.clone());
        let answer = if is_new { Act::accept() } else { Act::duplicate() };
        Act::After(answers_after, Box::new(answer))
    })
}

fn wait_for_requests(server: &Scripted, count: usize) {
    while server.requests().len() < count {
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn the_second_of_two_that_resume_at_once_is_refused_and_changes_nothing() {
    let files = Files::of(&events(400));
    let server = store(Duration::from_millis(5));
    files.run(&server, &["--limit", "50"]).expect_code(0);
    let mut first = files.start(&server, &["--resume", "-c", "2"]);
    wait_for_requests(&server, 100);
    let second = files.run(&server, &["--resume"]).expect_code(1);
    assert!(second.stderr.contains("journal: another process is writing to it"), "{}", second.stderr);
    assert!(first.try_wait().expect("it can be asked").is_none(), "the first still ran");
    assert_eq!(end_of(&mut first).code(), Some(0));
    assert_eq!(files.settled(), (1..=400).map(|seq| (seq, vec!["accepted".to_owned()])).collect());
    assert_eq!(server.requests().len(), 400);
    // The lock went with the process.
    files.run(&server, &["--resume"]).expect_code(0);
}

#[test]
fn two_first_runs_with_one_journal_or_one_output_are_refused() {
    let files = Files::of(&events(200));
    let server = store(Duration::from_millis(40));
    let dead = files.path("dead").to_str().expect("a path").to_owned();
    let mut first = files.start(&server, &["-c", "2", "--dead-letter", &dead]);
    wait_for_requests(&server, 20);
    let other = files.path("other").to_str().expect("a path").to_owned();
    let (out, input) = (files.path("out.jsonl"), files.path("in.jsonl"));
    let (out, input) = (out.to_str().expect("a path"), input.to_str().expect("a path"));
    for (flags, held) in [
        (vec![input, "--journal", &other, "-o", out], "out.jsonl: another"),
        (vec![input, "--journal", &other, "-o", out, "--resume"], "out.jsonl: another"),
        (vec![input, "--dead-letter", &dead], "dead: another"),
    ] {
        let second = send(&server, &flags, b"").expect_code(1);
        assert!(second.stderr.contains(held), "{flags:?}: {}", second.stderr);
    }
    assert_eq!(end_of(&mut first).code(), Some(0));
    assert_eq!(files.settled().len(), 200);
}

#[test]
fn what_was_in_flight_when_psend_was_killed_comes_back_as_our_own_duplicate() {
    for batch in [&[][..], &["--batch", "5", "--batch-wait", "1ms"]] {
        let files = Files::of(&events(3000));
        let server = if batch.is_empty() { store(Duration::from_millis(5)) } else { store_of_batches() };
        // An event that another program sent before is not an own retry.
        let url = server.url();
        let last: Vec<u8> = events(3000).split_inclusive(|b| *b == b'\n').next_back().expect("a line").to_vec();
        run_with("psend", &[&["--url", &url, "-q"], batch].concat(), &last).expect_code(0);

        let flags = [&["-c", "8"], batch].concat();
        let mut child = files.start(&server, &flags);
        wait_for_requests(&server, 60);
        while files.text("journal").lines().count() < 10 {
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().expect("it runs");
        child.wait().expect("it ended");
        let run = files.run(&server, &[&flags[..], &["--resume"]].concat()).expect_code(0);
        assert!(run.stderr.contains("were done before"), "{}", run.stderr);
        let (outcomes, records) = files.outcomes();
        let duplicates: Vec<&Value> = outcomes.iter().filter(|o| o["outcome"] == "duplicate").collect();
        assert!(duplicates.len() > 1, "some were in flight");
        for duplicate in duplicates {
            let is_ours = duplicate["seq"] != 3000;
            assert_eq!(duplicate["own_retry"].as_bool().unwrap_or(false), is_ours, "{duplicate}");
        }
        let settled = files.settled();
        assert_eq!(settled.len(), 3000);
        // Killed between an outcome and its entry in the journal, a line has two.
        assert!(settled.values().all(|words| !words.is_empty()), "each is settled");
        assert_eq!(records.len(), 1, "the run that was killed left none");
        let journal = files.text("journal");
        let began = journal.split(' ').nth(4).expect("an id");
        assert_eq!(records[0]["run"]["resumes"], began);
        assert_ne!(records[0]["run"]["id"], began);
    }
}

/// The same as [`store`] for the batch endpoint.
fn store_of_batches() -> Scripted {
    let held = Mutex::new(HashSet::new());
    Scripted::start(move |request| {
        let body: Value = serde_json::from_slice(&request.body).expect("JSON");
        let mut held = held.lock().expect("no holder panics");
        let results: Vec<Value> = body["events"]
            .as_array()
            .expect("events")
            .iter()
            .map(|event| {
                let is_new = held.insert(event["event_id"].to_string());
                let message = if is_new { "Event queued" } else { "Event already exists (idempotent)" };
                serde_json::json!({"success": true, "event_id": event["event_id"], "message": message, "errors": null})
            })
            .collect();
        let answer = serde_json::json!({"results": results}).to_string();
        Act::After(Duration::from_millis(5), Box::new(Act::answer(200, &answer)))
    })
}

#[test]
fn an_event_without_an_id_that_may_have_been_sent_is_not_sent_again() {
    let lines: String = (1..=300).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    let files = Files::of(lines.as_bytes());
    let server = store(Duration::from_millis(5));
    let mut child = files.start(&server, &["-c", "4"]);
    wait_for_requests(&server, 60);
    child.kill().expect("it runs");
    child.wait().expect("it ended");
    files.run(&server, &["-c", "4", "--resume"]).expect_code(0);
    let bodies: Vec<Vec<u8>> = server.requests().into_iter().map(|request| request.body).collect();
    let different: HashSet<&Vec<u8>> = bodies.iter().collect();
    assert_eq!(bodies.len(), different.len(), "none was sent twice");
    let (outcomes, _) = files.outcomes();
    let unknown: Vec<&Value> = outcomes.iter().filter(|o| o["outcome"] == "unknown").collect();
    assert!((4..40).contains(&unknown.len()), "{} unknown", unknown.len());
    for outcome in unknown {
        assert_eq!(outcome["attempts"], 0);
        let message = outcome["error"]["message"].as_str().expect("a reason");
        assert!(message.contains("may have sent it"), "{message}");
    }
    assert!(files.settled().values().all(|words| !words.is_empty()));
}

#[test]
fn after_an_orderly_end_no_duplicate_is_an_own_retry() {
    let files = Files::of(&events(100));
    let server = store(Duration::ZERO);
    files.run(&server, &["--limit", "60"]).expect_code(0);
    // Another program sends the rest.
    let rest: Vec<u8> = events(100).split_inclusive(|b| *b == b'\n').skip(60).collect::<Vec<_>>().concat();
    send(&server, &[], &rest).expect_code(0);
    files.run(&server, &["--resume"]).expect_code(0);
    let (outcomes, records) = files.outcomes();
    let duplicates: Vec<&Value> = outcomes.iter().filter(|o| o["outcome"] == "duplicate").collect();
    assert_eq!(duplicates.len(), 40);
    assert!(duplicates.iter().all(|o| o["own_retry"].is_null()));
    assert_eq!(records[1]["run"]["resumes"], records[0]["run"]["id"]);
    assert!(records[0]["run"]["resumes"].is_null());
}

#[test]
fn a_torn_journal_is_repaired_and_another_file_is_refused() {
    let files = Files::of(&events(20));
    let server = store(Duration::ZERO);
    files.run(&server, &["--limit", "10"]).expect_code(0);
    let whole = files.text("journal");
    let header = whole.lines().next().expect("a first line").len() + 1;
    let journal = files.path("journal");

    // Wherever it is cut, it is resumed after its last complete line, and can be resumed again.
    for length in [0, 1, header - 1, header, header + 1, whole.len() - 1] {
        std::fs::write(&journal, &whole.as_bytes()[..length]).expect("written");
        files.run(&server, &["--resume"]).expect_code(0);
        let mended = files.text("journal");
        assert!(mended.starts_with("pulsepipe journal 2 run "), "cut at {length}: {mended}");
        assert_eq!(mended.lines().count(), 21, "cut at {length}: {mended}");
        let again = files.run(&server, &["--resume"]).expect_code(0);
        assert!(again.stderr.contains("20 events were done before"), "{}", again.stderr);
    }

    let before = server.requests().len();
    let damaged = whole.replacen("\n2 ", "\n\0 ", 1);
    for (text, complaint) in [
        ("shopping list", "line 1 was not written by psend"),
        ("{\"seq\":1}\n", "line 1 was not written by psend"),
        ("pulsepipe journal 1\n1 0000000000000000\n", "it has form 1"),
        (&damaged, "was not written by psend"),
    ] {
        std::fs::write(&journal, text).expect("written");
        let run = files.run(&server, &["--resume"]).expect_code(2);
        assert!(run.stderr.contains(complaint), "{}", run.stderr);
        assert_eq!(files.text("journal"), text, "it is left as it was");
    }
    std::fs::write(&journal, whole).expect("written");
    let run = files.run(&server, &["--resume", "--verify"]).expect_code(2);
    assert!(run.stderr.contains("its run was to send"), "{}", run.stderr);
    assert_eq!(server.requests().len(), before, "nothing was sent");

    let device = ["--journal", "/dev/null"];
    let run = send(&server, &device, &events(1)).expect_code(2);
    assert!(run.stderr.contains("expected a regular file"), "{}", run.stderr);
}

#[test]
fn events_done_at_another_server_are_reported() {
    let files = Files::of(&events(20));
    let (first, second) = (store(Duration::ZERO), store(Duration::ZERO));
    files.run(&first, &["--limit", "10"]).expect_code(0);
    let run = files.run(&second, &["--resume", "-q"]).expect_code(0);
    let told = format!("events that are done at {} are not sent to {}", first.url(), second.url());
    assert!(run.stderr.contains(&told), "{}", run.stderr);
    assert_eq!(second.requests().len(), 10);
}

/// Signals a running psend at some moment, once or twice, and takes the run up again: at the end each event was settled
/// once, whatever the moment was.
#[test]
fn whenever_a_signal_comes_each_event_is_settled_once_over_both_runs() {
    let slow = |_: &Request| Act::After(Duration::from_millis(4), Box::new(Act::accept()));
    let limited = |request: &Request| match request.number % 7 {
        0 => Act::with_header(429, "Retry-After: 0"),
        3 => Act::answer(503, ""),
        _ => Act::After(Duration::from_millis(2), Box::new(Act::accept())),
    };
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        for (requests, script) in
            [(0, slow as fn(&Request) -> Act), (1, slow), (30, limited), (150, slow), (150, limited)]
        {
            let files = Files::of(&events(300));
            let server = Scripted::start(script);
            let mut child = files.start(&server, &["-c", "5", "--retry-base", "1ms"]);
            if requests == 0 {
                // As soon as it listens: its journal is there.
                while !files.path("journal").exists() {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
            wait_for_requests(&server, requests);
            kill_process(Pid::from_child(&child), signal).expect("it runs");
            let ended = end_of(&mut child).code();
            assert_eq!(ended, Some(code), "{signal:?} after {requests} requests");
            let before = files.settled().values().filter(|words| !words.is_empty()).count();
            assert!(before < 300, "{before} are settled before it is taken up again");
            files.run(&server, &["-c", "5", "--retry-base", "1ms", "--resume"]).expect_code(0);
            let settled = files.settled();
            assert_eq!(settled.keys().copied().collect::<Vec<_>>(), (1..=300).collect::<Vec<_>>());
            let twice: Vec<_> = settled.iter().filter(|(_, words)| words.len() != 1).collect();
            assert!(twice.is_empty(), "{signal:?} after {requests} requests: {twice:?}");
            let (_, records) = files.outcomes();
            let last = &records.last().expect("a record")["run"];
            assert_eq!((&last["complete"], &last["lines_read"]), (&Value::from(true), &Value::from(300)));
            assert_eq!(last["resumes"], records[0]["run"]["id"]);
        }
    }
}

#[test]
fn a_second_signal_leaves_a_journal_that_can_be_taken_up() {
    let files = Files::of(&events(200));
    let server = store(Duration::from_millis(50));
    let mut child = files.start(&server, &["-c", "5"]);
    wait_for_requests(&server, 20);
    for _ in 0..2 {
        kill_process(Pid::from_child(&child), Signal::INT).expect("it runs");
        std::thread::sleep(Duration::from_millis(5));
    }
    end_of(&mut child);
    files.run(&server, &["-c", "20", "--resume"]).expect_code(0);
    assert!(files.settled().values().all(|words| !words.is_empty()));
    assert_eq!(files.settled().len(), 200);
    for outcome in files.outcomes().0.iter().filter(|o| o["outcome"] == "duplicate") {
        assert_eq!(outcome["own_retry"], true, "{outcome}");
    }
}

#[test]
fn the_outcomes_of_a_resumed_run_stand_behind_whole_lines_only() {
    let files = Files::of(&events(30));
    let server = store(Duration::ZERO);
    files.run(&server, &["--limit", "10"]).expect_code(0);
    let out = files.path("out.jsonl");
    let append = |path: &Path, text: &str| {
        let before = std::fs::read_to_string(path).expect("read");
        std::fs::write(path, before + text).expect("written");
    };
    append(&out, "{\"seq\":11,\"event_id\":\"evt");
    files.run(&server, &["--resume"]).expect_code(0);
    assert_eq!(files.settled().len(), 30);
}

#[test]
fn a_run_that_was_interrupted_or_killed_and_taken_up_is_green_in_pstats() {
    for signal in [Signal::INT, Signal::KILL] {
        let files = Files::of(&events(2000));
        let server = store(Duration::from_millis(2));
        let mut child = files.start(&server, &["-c", "8"]);
        wait_for_requests(&server, 300);
        kill_process(Pid::from_child(&child), signal).expect("it runs");
        end_of(&mut child);
        files.run(&server, &["-c", "8", "--resume"]).expect_code(0);
        let out = files.path("out.jsonl").to_str().expect("a path").to_owned();
        let requirements = ["--require", "delivered = 100%", "--require", "lost = 0", "--require", "unknown = 0"];
        let report = run_with("pstats", &[&["-q", &out, "--format", "json"], &requirements[..]].concat(), b"");
        let report = report.expect_code(0).json();
        assert_eq!(report["outcomes"]["count"], 2000, "{signal:?}");
        assert_eq!(report["outcomes"]["complete"], true, "{signal:?}");
    }
}

#[test]
fn psend_and_pstats_agree_on_the_throughput_under_a_rate_limit() {
    // Five at once, then a wait of a second for all senders.
    let server = Scripted::start(|request| match request.number {
        6..=8 => Act::with_header(429, "Retry-After: 1"),
        _ => Act::After(Duration::from_millis(10), Box::new(Act::accept())),
    });
    let run = send(&server, &["-c", "3"], &events(60)).expect_code(0);
    let said = run.stderr.lines().find_map(|line| line.strip_prefix("Throughput:")).expect("a summary");
    let said: f64 = said.trim().trim_end_matches(" events/s").parse().expect("a number");
    let report = run_with("pstats", &["-q", "--format", "json"], &run.stdout).expect_code(0).json();
    let seen = report["outcomes"]["throughput"].as_f64().expect("a number");
    assert!((said - seen).abs() < seen / 50.0, "psend says {said}/s, pstats {seen}/s");
}
