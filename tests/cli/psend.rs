//! psend, with servers that answer as a test tells them.

mod answers;
mod batch;
mod begin_and_end;
mod dialects;
mod faults;
mod find_rate;
mod generator;
mod hostile;
mod http2;
mod keep_alive;
mod memory;
mod network;
mod pace;
mod put_off;
mod real;
mod resume;
mod safety;
mod screen;
mod seen;
mod servers;
mod signed;
mod verify;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::scripted::{Act, Scripted};
use super::support::{Run, feed, interrupt, run_with, sample, tool};

/// `count` events, one a line.
fn events(count: usize) -> Vec<u8> {
    let line = |n: usize| {
        format!(
            "{{\"event_id\":\"evt_{n}\",\"title\":\"call {n}\",\
             \"source\":{{\"service\":\"s{}\",\"endpoint\":\"/e\"}}}}\n",
            n % 3
        )
    };
    (1..=count).map(line).collect::<String>().into_bytes()
}

/// Sends these events to a server, with these flags besides.
fn send(server: &Scripted, flags: &[&str], input: &[u8]) -> Run {
    let url = server.url();
    run_with("psend", &[&["--url", &url], flags].concat(), input)
}

/// The outcomes without the run record, and the run record.
#[track_caller]
fn outcomes(run: &Run) -> (Vec<Value>, Value) {
    let mut lines = run.json_lines();
    let last = lines.pop().expect("there is a run record");
    assert!(last["run"].is_object(), "the last line is the run record: {last}");
    assert!(lines.iter().all(|line| line["seq"].is_u64()), "all others are outcomes");
    (lines, last["run"].clone())
}

fn words(outcomes: &[Value]) -> Vec<&str> {
    outcomes.iter().map(|o| o["outcome"].as_str().expect("a word")).collect()
}

fn seqs(outcomes: &[Value]) -> BTreeSet<u64> {
    outcomes.iter().map(|o| o["seq"].as_u64().expect("a number")).collect()
}

#[test]
fn each_event_goes_out_byte_for_byte_and_has_one_outcome() {
    let server = Scripted::start(|_| Act::accept());
    let input = std::fs::read(sample()).expect("the sample is there");
    let run = send(&server, &[], &input).expect_code(0);
    let (outcomes, record) = outcomes(&run);
    assert_eq!(words(&outcomes), vec!["accepted"; 500]);
    assert_eq!(seqs(&outcomes), (1..=500).collect());
    let sent: BTreeSet<Vec<u8>> = server.requests().into_iter().map(|r| r.body).collect();
    let lines: BTreeSet<Vec<u8>> = input.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(<[u8]>::to_vec).collect();
    assert_eq!(sent, lines);
    assert_eq!(record["complete"], true);
    assert_eq!(record["lines_read"], 500);
    assert_eq!(record["target"], server.url());
    let request = &server.requests()[0];
    assert_eq!(request.line, "POST /api/v1/ingestion/events");
    assert_eq!(request.header("x-api-key"), Some("test-api-key-12345"));
    assert_eq!(request.header("content-type"), Some("application/json"));
}

#[test]
fn an_outcome_has_the_contracts_keys_in_its_order() {
    let server = Scripted::start(|_| Act::accept());
    let run = send(&server, &[], &events(1)).expect_code(0);
    let line = run.lines()[0];
    let keys = [
        "seq",
        "event_id",
        "outcome",
        "status",
        "attempts",
        "latency_ms",
        "end_to_end_ms",
        "scheduled_at",
        "sent_at",
        "request_bytes",
        "service",
        "endpoint",
        "error",
    ];
    let places: Vec<_> = keys.iter().map(|key| line.find(&format!("\"{key}\":"))).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{line}");
    let outcome: Value = serde_json::from_str(line).expect("JSON");
    assert_eq!(outcome["event_id"], "evt_1");
    assert_eq!(outcome["service"], "s1");
    assert_eq!(outcome["request_bytes"].as_u64(), Some(events(1).len() as u64 - 1));
    assert!(outcome["latency_ms"].as_f64() <= outcome["end_to_end_ms"].as_f64());
}

#[test]
fn connections_are_kept_and_no_more_are_made_than_asked_for() {
    let server = Scripted::start(|_| Act::After(Duration::from_millis(1), Box::new(Act::accept())));
    send(&server, &["--concurrency", "7"], &events(300)).expect_code(0);
    assert_eq!(server.connections(), 7);
}

#[test]
fn sequential_mode_sends_in_order_with_the_delay_between() {
    let server = Scripted::start(|_| Act::accept());
    let began = Instant::now();
    let run = send(&server, &["--mode", "sequential", "--delay", "20"], &events(10)).expect_code(0);
    assert!(began.elapsed() >= Duration::from_millis(9 * 20));
    assert_eq!(server.connections(), 1);
    let order: Vec<String> = server.requests().iter().map(super::scripted::Request::event_id).collect();
    assert_eq!(order, (1..=10).map(|n| format!("evt_{n}")).collect::<Vec<_>>());
    assert_eq!(outcomes(&run).1["mode"], "sequential");
}

#[test]
fn the_delay_adds_no_pause_after_the_last_event_or_the_duration() {
    let server = Scripted::start(|_| Act::accept());
    let began = Instant::now();
    let run = send(&server, &["--mode", "sequential", "--delay", "700ms"], &events(2)).expect_code(0);
    assert_eq!(words(&outcomes(&run).0), ["accepted"; 2]);
    assert!((700..1400).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    let began = Instant::now();
    let run = send(&server, &["-c", "1", "--delay", "30s", "-d", "300ms"], &events(9)).expect_code(0);
    assert_eq!(words(&outcomes(&run).0), ["accepted"]);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[test]
fn limit_stops_reading() {
    let server = Scripted::start(|_| Act::accept());
    let run = send(&server, &["--limit", "5"], &events(50)).expect_code(0);
    let (outcomes, record) = outcomes(&run);
    assert_eq!(outcomes.len(), 5);
    assert_eq!(record["lines_read"], 5);
    assert_eq!(record["complete"], true);
}

#[test]
fn files_count_on_and_a_missing_one_ends_the_run_before_it_begins() {
    let server = Scripted::start(|_| Act::accept());
    let folder = tempfile::tempdir().expect("a folder");
    let (a, b) = (folder.path().join("a.jsonl"), folder.path().join("b.jsonl"));
    std::fs::write(&a, events(3)).expect("written");
    std::fs::write(&b, events(2)).expect("written");
    let run = send(&server, &[a.to_str().expect("a path"), b.to_str().expect("a path")], b"").expect_code(0);
    assert_eq!(seqs(&outcomes(&run).0), (1..=5).collect());
    let run = send(&server, &[a.to_str().expect("a path"), "no-such.jsonl"], b"").expect_code(1);
    assert!(run.stdout.is_empty() && run.stderr.contains("no-such.jsonl"), "{}", run.stderr);
}

#[test]
fn lines_that_are_not_events_are_rejected_unsent_and_the_rest_is_sent() {
    let server = Scripted::start(|_| Act::accept());
    let mut input = b"{\"event_id\":\"a\"}\nnot json\n\n[1,2]\n{\"event_id\":\"\xff\"}\n".to_vec();
    input.extend(vec![b'x'; 3 << 20]);
    input.extend(b"\n{\"event_id\":\"b\"}");
    let run = send(&server, &["-c", "1"], &input).expect_code(0);
    let (outcomes, record) = outcomes(&run);
    assert_eq!(words(&outcomes), ["accepted", "rejected", "rejected", "rejected", "rejected", "accepted"]);
    assert_eq!(seqs(&outcomes), [1, 2, 4, 5, 6, 7].into());
    assert_eq!(outcomes[1]["error"]["kind"], "malformed");
    assert_eq!(outcomes[1]["attempts"], 0);
    assert_eq!(outcomes[4]["error"]["kind"], "too_long");
    assert_eq!(record["lines_read"], 7);
    assert_eq!(server.requests().len(), 2);
    assert!(run.stderr.contains("the server never saw them"), "{}", run.stderr);
}

#[test]
fn an_array_of_events_is_sent_one_by_one() {
    let server = Scripted::start(|_| Act::accept());
    let run = send(&server, &[], b"\xef\xbb\xbf[\r\n{\"event_id\":\"a\"},\n {\"event_id\":\"b\"} ]\r\n").expect_code(0);
    assert_eq!(seqs(&outcomes(&run).0), [1, 2].into());
}

#[test]
fn empty_input_is_a_run_of_nothing() {
    let server = Scripted::start(|_| Act::accept());
    let run = send(&server, &[], b"").expect_code(0);
    let (outcomes, record) = outcomes(&run);
    assert!(outcomes.is_empty());
    assert_eq!(record["complete"], true);
}

#[test]
fn errors_that_may_pass_are_tried_again_and_others_are_not() {
    for (status, attempts, word) in [
        (408, 3, "failed"),
        (429, 3, "rate_limited"),
        (500, 3, "failed"),
        (502, 3, "unknown"),
        (503, 3, "failed"),
        (504, 3, "unknown"),
        (520, 3, "unknown"),
        (521, 3, "failed"),
        (522, 3, "failed"),
        (523, 3, "failed"),
        (524, 3, "unknown"),
        (598, 3, "unknown"),
        (599, 3, "unknown"),
        (400, 1, "rejected"),
        (404, 1, "rejected"),
        (422, 1, "rejected"),
        (501, 1, "failed"),
        (302, 1, "rejected"),
    ] {
        let server = Scripted::start(move |_| Act::answer(status, "no"));
        let run = send(&server, &["--retries", "2", "--retry-base", "1ms"], &events(1)).expect_code(0);
        let outcome = &outcomes(&run).0[0];
        assert_eq!(outcome["outcome"], word, "{status}");
        assert_eq!(outcome["attempts"], attempts, "{status}");
        assert_eq!(outcome["status"], status);
        assert_eq!(server.requests().len(), attempts, "{status}");
        let kind = if status == 302 { "redirect" } else { "http" };
        assert_eq!(outcome["error"]["kind"], kind, "{status}");
        assert_eq!(outcome["answers"].is_array(), attempts > 1);
    }
}

#[test]
fn a_retry_sends_the_same_bytes_and_a_lost_answer_ends_as_our_own_duplicate() {
    let server = Scripted::start(|request| match request.number {
        1 => Act::Close,
        2 => Act::answer(503, ""),
        _ => Act::duplicate(),
    });
    let run = send(&server, &["--retry-base", "1ms"], &events(1)).expect_code(0);
    let outcome = &outcomes(&run).0[0];
    assert_eq!(outcome["outcome"], "duplicate");
    assert_eq!(outcome["own_retry"], true);
    assert_eq!(outcome["answers"], serde_json::json!(["no_answer", "error", "duplicate"]));
    let bodies: BTreeSet<Vec<u8>> = server.requests().into_iter().map(|r| r.body).collect();
    assert_eq!(bodies.len(), 1);
}

#[test]
fn a_lost_answer_makes_the_end_unknown_whatever_refused_it_after() {
    for refusal in [400, 422, 429, 503] {
        let server = Scripted::start(move |r| if r.number == 1 { Act::Reset } else { Act::answer(refusal, "") });
        let run = send(&server, &["--retries", "1", "--retry-base", "1ms"], &events(1)).expect_code(0);
        assert_eq!(words(&outcomes(&run).0), ["unknown"], "{refusal}");
    }
}

#[test]
fn an_event_without_an_id_is_never_sent_again_after_a_lost_answer() {
    let server = Scripted::start(|r| if r.number == 1 { Act::Close } else { Act::accept() });
    let run = send(&server, &["--retry-base", "1ms"], b"{\"title\":\"x\"}\n").expect_code(0);
    assert_eq!(words(&outcomes(&run).0), ["unknown"]);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_server_that_says_nothing_times_out_as_unknown() {
    let server = Scripted::start(|_| Act::Stall(Duration::from_secs(5)));
    let run = send(&server, &["--timeout", "200ms", "--retries", "0"], &events(1)).expect_code(0);
    let outcome = &outcomes(&run).0[0];
    assert_eq!(outcome["outcome"], "unknown");
    assert_eq!(outcome["error"]["kind"], "timeout");
    assert_eq!(outcome["latency_ms"], Value::Null);
}

#[test]
fn a_rate_limit_holds_all_senders_for_as_long_as_the_server_says() {
    let server =
        Scripted::start(|r| if r.number == 1 { Act::with_header(429, "Retry-After: 1") } else { Act::accept() });
    let run = send(&server, &["-c", "1"], &events(3)).expect_code(0);
    assert_eq!(words(&outcomes(&run).0), vec!["accepted"; 3]);
    let at: Vec<Instant> = server.requests().iter().map(|r| r.at).collect();
    assert!(at[1] - at[0] >= Duration::from_secs(1));
    assert!(run.stderr.contains("rate limit: waiting 1 s"), "{}", run.stderr);
}

#[test]
fn a_connection_that_was_closed_while_idle_costs_no_attempt() {
    let server = Scripted::start(|_| Act::Answer(200, vec!["Connection: close".to_owned()], "{}".to_owned()));
    let run = send(&server, &["-c", "2"], &events(20)).expect_code(0);
    let (outcomes, _) = outcomes(&run);
    assert!(outcomes.iter().all(|o| o["outcome"] == "accepted" && o["attempts"] == 1));
}

#[test]
fn without_a_server_the_lines_read_are_not_sent_and_the_run_fails() {
    let run =
        run_with("psend", &["--url", "http://127.0.0.1:9", "--wait-for-server", "300ms"], &events(20)).expect_code(1);
    let (outcomes, record) = outcomes(&run);
    assert_eq!(words(&outcomes), vec!["not_sent"; 20]);
    assert_eq!(outcomes[0]["error"]["kind"], "connect");
    assert_eq!(outcomes[0]["attempts"], 0);
    assert_eq!(record["complete"], false);
    assert!(run.stderr.contains("no server at http://127.0.0.1:9"), "{}", run.stderr);
}

#[test]
fn a_server_that_comes_late_is_waited_for() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let late = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(400));
        Scripted::on(std::net::TcpListener::bind(address).expect("the port is still free"), |_| Act::accept())
    });
    let run = run_with("psend", &["--url", &format!("http://{address}")], &events(30)).expect_code(0);
    assert_eq!(words(&outcomes(&run).0), vec!["accepted"; 30]);
    assert!(outcomes(&run).0.iter().all(|o| o["attempts"] == 1));
    drop(late.join().expect("the server started"));
}

#[test]
fn one_sigint_finishes_what_is_in_flight_and_gives_every_line_read_its_outcome() {
    let server = Scripted::start(|_| Act::After(Duration::from_millis(300), Box::new(Act::accept())));
    let mut child =
        tool("psend").args(["--url", &server.url(), "-c", "4"]).stdin(Stdio::piped()).spawn().expect("psend starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(&events(50)).expect("psend reads");
    while server.requests().len() < 4 {
        std::thread::sleep(Duration::from_millis(5));
    }
    interrupt(&child);
    // Standard input stays open: the signal alone must end the run.
    let run = feed(child, Vec::new()).expect_code(130);
    drop(stdin);
    let (outcomes, record) = outcomes(&run);
    assert_eq!(record["complete"], false);
    assert_eq!(outcomes.len() as u64, record["lines_read"].as_u64().expect("a number"));
    let words = words(&outcomes);
    assert_eq!(words.iter().filter(|w| **w == "accepted").count(), 4, "what was in flight was finished");
    assert_eq!(words.iter().filter(|w| **w == "not_sent").count(), words.len() - 4);
}

#[test]
fn grace_limits_how_long_what_is_in_flight_is_waited_for() {
    let server = Scripted::start(|_| Act::Stall(Duration::from_secs(20)));
    let mut child = tool("psend")
        .args(["--url", &server.url(), "-c", "2", "--grace", "200ms"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("psend starts");
    child.stdin.take().expect("a pipe").write_all(&events(2)).expect("psend reads");
    while server.requests().len() < 2 {
        std::thread::sleep(Duration::from_millis(5));
    }
    interrupt(&child);
    let began = Instant::now();
    let run = feed(child, Vec::new()).expect_code(130);
    assert!(began.elapsed() < Duration::from_secs(5));
    let (outcomes, _) = outcomes(&run);
    assert_eq!(words(&outcomes), ["unknown"; 2]);
    assert_eq!(outcomes[0]["error"]["kind"], "interrupted");
}

#[test]
fn a_second_sigint_ends_at_once_and_says_where_the_outcomes_so_far_are() {
    let server = Scripted::start(|r| if r.number > 3 { Act::Stall(Duration::from_secs(20)) } else { Act::accept() });
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out.jsonl");
    for flags in [&["-q"][..], &["-q", "-o", out.to_str().expect("a path")]] {
        let seen = server.requests().len();
        let mut child = tool("psend")
            .args(["--url", &server.url(), "-c", "1", "--grace", "60s"])
            .args(flags)
            .stdin(Stdio::piped())
            .spawn()
            .expect("psend starts");
        child.stdin.take().expect("a pipe").write_all(&events(4)).expect("psend reads");
        let wanted = if seen == 0 { 4 } else { seen + 1 };
        while server.requests().len() < wanted {
            std::thread::sleep(Duration::from_millis(5));
        }
        interrupt(&child);
        std::thread::sleep(Duration::from_millis(100));
        interrupt(&child);
        let began = Instant::now();
        let run = feed(child, Vec::new()).expect_code(130);
        assert!(began.elapsed() < Duration::from_secs(5));
        let parts: Vec<_> = std::fs::read_dir(folder.path()).expect("a folder").flatten().map(|f| f.path()).collect();
        match &parts[..] {
            [] => assert!(run.stderr.is_empty() && run.lines().len() == 3, "{}", run.stderr),
            [part] => {
                let words = format!("{} is not written; the outcomes so far are in {}", out.display(), part.display());
                assert!(run.stderr.contains(&words), "{}", run.stderr);
                assert!(!out.exists());
            }
            more => panic!("{more:?}"),
        }
    }
}

#[test]
fn a_closed_pipe_stops_the_run_and_says_how_many_outcomes_were_lost() {
    let server = Scripted::start(|_| Act::After(Duration::from_millis(2), Box::new(Act::accept())));
    let mut child =
        tool("psend").args(["--url", &server.url(), "-c", "2"]).stdin(Stdio::piped()).spawn().expect("psend starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let feeder = std::thread::spawn(move || drop(stdin.write_all(&events(20_000))));
    let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut line = String::new();
    out.read_line(&mut line).expect("an outcome");
    drop(out);
    let mut stderr = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut stderr).expect("text");
    assert_eq!(child.wait().expect("it ends").code(), Some(1));
    feeder.join().expect("feeding does not panic");
    assert!(stderr.contains("outcomes could not be written"), "{stderr}");
    assert!(server.requests().len() < 20_000, "it stopped reading");
}

#[test]
fn a_full_disk_ends_the_run_with_one_message() {
    let server = Scripted::start(|_| Act::accept());
    let run = send(&server, &["-o", "/dev/full", "-q"], &events(5)).expect_code(1);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    assert!(
        run.stderr.contains("/dev/full") && run.stderr.contains("5 outcomes could not be written"),
        "{}",
        run.stderr
    );
}

#[test]
fn outcomes_that_were_written_before_the_disk_was_full_are_kept_and_named() {
    let server = Scripted::start(|_| Act::accept());
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("in.jsonl"), events(5000)).expect("written");
    let script = format!("ulimit -f 100; psend -q --url {} in.jsonl -o out", server.url());
    let run = super::support::shell_in(folder.path(), &script, &[]).expect_code(1);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    let (_, kept) = run
        .stderr
        .trim_end()
        .split_once("outcomes could not be written; earlier ones are in ")
        .expect("the file's name");
    let text = std::fs::read_to_string(folder.path().join(kept)).expect("it is there");
    let whole = text.lines().filter(|line| serde_json::from_str::<Value>(line).is_ok()).count();
    assert!(whole > 10 && !folder.path().join("out").exists(), "{whole}");
}

#[test]
fn dead_letters_that_cannot_be_written_end_the_run_and_cost_no_outcome() {
    let server = Scripted::start(|_| Act::accept());
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let flags = ["-q", "-c", "1", "--dead-letter", "/dev/full", "-o", out.to_str().expect("a path")];
    let run = send(&server, &flags, b"{\"event_id\":\"a\"}\nnot json\n").expect_code(1);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    assert!(run.stderr.contains("/dev/full: No space") && run.stderr.contains("2 events have an outcome"));
    let lines = std::fs::read_to_string(&out).expect("it is in its place").lines().count();
    assert_eq!(lines, 3, "two outcomes and the run record");
}

#[test]
fn another_host_without_a_key_is_a_usage_error_and_sends_nothing() {
    let run = run_with("psend", &["--url", "https://pulsestream.example.com"], &events(1)).expect_code(2);
    assert!(run.stderr.contains("PULSE_API_KEY"), "{}", run.stderr);
    assert!(run.stdout.is_empty());
}

#[test]
fn allowed_hosts_limit_the_target() {
    for (hosts, said) in
        [("staging.example", "allows: staging.example"), ("", "allows: none, because it is empty"), (" ,", "allows:")]
    {
        let mut psend = tool("psend");
        psend.args(["--url", "http://127.0.0.1:9"]).env("PULSE_ALLOW_HOSTS", hosts).stdin(Stdio::piped());
        let run = feed(psend.spawn().expect("psend starts"), events(1)).expect_code(2);
        assert!(run.stderr.contains(&format!("PULSE_ALLOW_HOSTS {said}")), "{}", run.stderr);
    }
}

#[test]
fn a_key_in_the_environment_that_is_not_utf8_is_an_error() {
    use std::os::unix::ffi::OsStrExt;
    let server = Scripted::start(|_| Act::accept());
    let mut psend = tool("psend");
    psend.env("PULSE_URL", server.url()).env("PULSE_API_KEY", std::ffi::OsStr::from_bytes(b"canary\xff"));
    let run = feed(psend.stdin(Stdio::piped()).spawn().expect("psend starts"), events(1)).expect_code(2);
    assert!(run.stderr.contains("PULSE_API_KEY: the value is not valid UTF-8"), "{}", run.stderr);
    assert!(!run.stderr.contains("canary") && server.requests().is_empty());
}

#[test]
fn the_environment_gives_target_and_key_and_the_key_is_shown_nowhere() {
    let canary = "canary-7f3a9d";
    let server = Scripted::start(move |_| Act::answer(401, &format!("no such key: {canary}")));
    let run = feed(
        tool("psend")
            .env("PULSE_URL", server.url())
            .env("PULSE_API_KEY", canary)
            .stdin(Stdio::piped())
            .spawn()
            .expect("psend starts"),
        events(3),
    )
    .expect_code(1);
    assert_eq!(server.requests()[0].header("x-api-key"), Some(canary));
    assert_eq!(words(&outcomes(&run).0), vec!["rejected"; 3]);
    assert!(!run.text().contains(canary) && !run.stderr.contains(canary));
    assert!(run.stderr.contains("key: PULSE_API_KEY"), "{}", run.stderr);
}

#[test]
fn wrong_usage_names_the_flag_the_value_and_the_form() {
    for (flags, part) in [
        (&["--concurrency", "0"][..], "--concurrency <N>': expected a whole number from 1 to 100,000"),
        (&["--timeout", "soon"], "such as 500ms"),
        (&["--url", "localhost:8000"], "http://localhost:8000"),
        (&["--dialect", "klingon"], "klingon"),
        (&["--mode", "sequential", "-c", "5"], "--mode concurrent"),
        (&["--fields", "colour=x"], "'colour' is not a role"),
        (&["--dead-letter", "-"], "--dead-letter -: expected a file"),
        (&["--journal", "-"], "--journal -: expected a file"),
        (&["-d", "0s"], "expected a duration above 0"),
        (&["--tag", "zone=a", "--tag", "zone=b"], "--tag zone=b: zone is already a"),
        (&["--no-such-flag"], "--no-such-flag"),
    ] {
        let run = run_with("psend", flags, &events(1)).expect_code(2);
        assert!(run.stderr.contains(part), "{}", run.stderr);
        assert!(run.stdout.is_empty());
    }
}

#[test]
fn a_prefix_other_fields_tags_and_a_shard_are_as_asked_for() {
    let server = Scripted::start(|_| Act::answer(201, ""));
    let url = format!("{}/v2/", server.url());
    let run = run_with(
        "psend",
        &[
            "--url",
            &url,
            "--dialect",
            "plain",
            "--fields",
            "id=uuid,service=app.name",
            "--tag",
            "zone=app.zone",
            "--tag",
            "lost=no.where",
            "--shard",
            "3/8",
        ],
        br#"{"uuid":17,"app":{"name":"A\"1","zone":"z"}}"#,
    )
    .expect_code(0);
    assert_eq!(server.requests()[0].line, "POST /v2/");
    let outcome = &outcomes(&run).0[0];
    assert_eq!(outcome["event_id"], 17);
    assert_eq!(outcome["service"], "A\"1");
    assert_eq!(outcome["tags"], serde_json::json!({"zone": "z", "lost": null}));
    assert_eq!(outcome["shard"], "3/8");
    assert_eq!(outcomes(&run).1["shard"], "3/8");
}

#[test]
fn a_field_or_a_tag_that_no_event_has_is_told() {
    let server = Scripted::start(|_| Act::accept());
    let asked =
        ["-q", "--fields", "id=uuid,endpoint=source.endpoint", "--tag", "zone=app.zone", "--tag", "title=title"];
    let said = send(&server, &asked, &events(2)).expect_code(0).stderr;
    assert!(said.contains("psend: warning: --fields id=uuid: no event has this field"), "{said}");
    assert!(said.contains("psend: warning: --tag zone=app.zone: no event has this field"), "{said}");
    assert_eq!(said.matches("no event has").count(), 2, "{said}");
    // One event is enough, and what is not an event has no fields.
    let last = [&events(2)[..], b"{\"uuid\":1,\"app\":{\"zone\":1}}\n"].concat();
    assert_eq!(send(&server, &asked, &last).expect_code(0).stderr, "");
    assert_eq!(send(&server, &asked, b"not an event\n").expect_code(0).stderr, "");
    assert_eq!(send(&server, &["-q"], b"{\"x\":1}\n").expect_code(0).stderr, "");
}

#[test]
fn a_printed_dialect_can_be_given_back() {
    let printed = run_with("psend", &["--print-dialect"], b"").expect_code(0);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mine.toml");
    std::fs::write(&file, printed.text().replace("/api/v1/ingestion/events", "/mine")).expect("written");
    let server = Scripted::start(|_| Act::duplicate());
    let run = send(&server, &["--dialect", file.to_str().expect("a path")], &events(1)).expect_code(0);
    assert_eq!(server.requests()[0].line, "POST /mine");
    assert_eq!(words(&outcomes(&run).0), ["duplicate"]);
}

#[test]
fn a_dialect_that_asks_for_what_is_never_done_is_refused_with_file_and_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mine.toml");
    std::fs::write(&file, "[request]\nmethod = 'PUT'\npath = 'x'\n").expect("written");
    let run = run_with("psend", &["--dialect", file.to_str().expect("a path")], &events(1)).expect_code(2);
    assert!(run.stderr.contains("mine.toml: request.path \"x\""), "{}", run.stderr);
}

#[test]
fn an_array_without_its_end_is_warned_of() {
    let server = Scripted::start(|_| Act::accept());
    for (input, last) in [
        (&b"[{\"event_id\":\"a\"},\n{\"event_id\":\"b\""[..], "rejected"),
        (b"[{\"event_id\":\"a\"},{\"event_id\":\"b\"}", "accepted"),
    ] {
        let run = send(&server, &["-q", "-c", "1"], input).expect_code(0);
        assert_eq!(words(&outcomes(&run).0), ["accepted", last], "a cut element is a line that is no object");
        assert!(run.stderr.contains("a JSON array without its end"), "{}", run.stderr);
    }
}

#[test]
fn outcomes_go_to_a_file_that_appears_whole() {
    let server = Scripted::start(|_| Act::accept());
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("outcomes.jsonl");
    let run = send(&server, &["-o", file.to_str().expect("a path")], &events(3)).expect_code(0);
    assert!(run.stdout.is_empty());
    assert_eq!(std::fs::read_to_string(&file).expect("it is there").lines().count(), 4);
}

#[test]
fn the_summary_tells_time_throughput_latency_and_errors_by_code() {
    let server = Scripted::start(|r| if r.number == 1 { Act::answer(422, "") } else { Act::accept() });
    let run = send(&server, &[], &events(10)).expect_code(0);
    for part in ["Time:", "Throughput:", "events/s", "mean", "P95", "accepted", "9 (90.0%)", "422 × 1"] {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    assert!(send(&server, &["-q"], &events(1)).expect_code(0).stderr.is_empty());
}
