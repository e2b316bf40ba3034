//! Servers that fail: exactly one outcome an event, and never a wrong word.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{outcomes, words};
use crate::fakes::{self, BREAKS, Broken, Event, PulseStream, RETRY_AFTERS, When};
use crate::scripted::{Act, Request, Scripted};
use crate::support::server::Server;
use crate::support::{Run, feed, run_with, sample, tool};

/// How often each word came.
fn table(outcomes: &[Value]) -> BTreeMap<&str, usize> {
    let mut table = BTreeMap::new();
    words(outcomes).into_iter().for_each(|word| *table.entry(word).or_default() += 1);
    table
}

#[track_caller]
fn one_outcome_each(outcomes: &[Value], events: usize) {
    let mut seqs: Vec<u64> = outcomes.iter().map(|o| o["seq"].as_u64().expect("a number")).collect();
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=events as u64).collect::<Vec<_>>());
}

/// Ids of the events that ended with one of these words.
fn ids<'a>(outcomes: &'a [Value], with: &[&str]) -> BTreeSet<&'a str> {
    let ended = outcomes.iter().filter(|o| with.contains(&o["outcome"].as_str().expect("a word")));
    ended.map(|o| o["event_id"].as_str().expect("an id")).collect()
}

const FLAGS: [&str; 6] = ["-c", "8", "--timeout", "1500ms", "--retry-base", "5ms"];

fn send_to(url: &str, flags: &[&str], events: usize) -> Run {
    Way::Direct.send(url, flags, events)
}

/// How psend reaches a server that speaks HTTP/1.1: over each of its two transports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Separate connections.
    Direct,
    /// The pooled client, which it takes for proxies: the server is one for a host that is not there.
    Pooled,
}

impl Way {
    const BOTH: [Self; 2] = [Self::Direct, Self::Pooled];

    fn send(self, url: &str, flags: &[&str], events: usize) -> Run {
        self.send_these(url, &[&FLAGS, flags].concat(), super::events(events))
    }

    fn send_these(self, url: &str, flags: &[&str], events: Vec<u8>) -> Run {
        let mut psend = tool("psend");
        match self {
            Self::Direct => psend.args(["--url", url]),
            Self::Pooled => {
                psend.args(["--url", "http://pulse.invalid"]).env("http_proxy", url).env("PULSE_API_KEY", "k")
            }
        };
        feed(psend.args(flags).stdin(Stdio::piped()).spawn().expect("psend starts"), events)
    }
}

/// Each of these with each way.
fn by_both_ways<T: Copy>(of: &[T]) -> Vec<(Way, T)> {
    Way::BOTH.iter().flat_map(|way| of.iter().map(|one| (*way, *one))).collect()
}

#[test]
fn a_server_that_always_breaks_leaves_events_unknown_and_one_that_refuses_leaves_them_failed() {
    std::thread::scope(|scope| {
        for (way, (name, breaks)) in by_both_ways(BREAKS) {
            scope.spawn(move || {
                let server = Broken::start(breaks, When::Always, Event::Lost);
                let run = way.send(&server.url(), &["--retries", "1"], 16).expect_code(0);
                let name_and_way = format!("{name}, {way:?}");
                let (outcomes, _) = outcomes(&run);
                one_outcome_each(&outcomes, 16);
                let wanted = match name {
                    "503" => "failed",
                    // The answer is whole, and only the connection is gone.
                    "a kept connection that is closed" | "a slow drip" => "accepted",
                    _ => "unknown",
                };
                assert_eq!(table(&outcomes), [(wanted, 16)].into(), "{name_and_way}: {}", outcomes[0]);
                let kind = match name {
                    "503" | "502" => Some("http"),
                    "stall" => Some("timeout"),
                    "garbage for a status line" | "a chunk without its size" | "a header of 1 MB" => Some("malformed"),
                    "reset" | "close without an answer" | "half an answer" => Some("reset"),
                    _ => None,
                };
                assert_eq!(outcomes[0]["error"]["kind"].as_str(), kind, "{name_and_way}: {}", outcomes[0]);
            });
        }
    });
}

#[test]
fn whatever_broke_the_first_attempt_the_second_settles_it() {
    // In the other two the answer is whole, and the first attempt settles it.
    let settled = ["a kept connection that is closed", "a slow drip"];
    let breaks: Vec<_> = BREAKS.iter().copied().filter(|(name, _)| !settled.contains(name)).collect();
    std::thread::scope(|scope| {
        for (way, (name, breaks)) in by_both_ways(&breaks) {
            for event in [Event::Lost, Event::Stored] {
                scope.spawn(move || {
                    let server = Broken::start(breaks, When::FirstAttempt, event);
                    let run = way.send(&server.url(), &[], 16).expect_code(0);
                    let (outcomes, _) = outcomes(&run);
                    one_outcome_each(&outcomes, 16);
                    assert_eq!(server.stored().len(), 16, "{name}");
                    let wanted = if event == Event::Stored { "duplicate" } else { "accepted" };
                    assert_eq!(table(&outcomes), [(wanted, 16)].into(), "{name}: {}", outcomes[0]);
                    for outcome in &outcomes {
                        assert_eq!(outcome["attempts"], 2, "{name}: {outcome}");
                        // A 503 is an answer: the server said no, so that a duplicate would be another's.
                        let own = wanted == "duplicate" && name != "503";
                        assert_eq!(outcome["own_retry"].as_bool().unwrap_or_default(), own, "{name}: {outcome}");
                    }
                });
            }
        }
    });
}

#[test]
fn each_kind_of_retry_after_is_obeyed_or_ignored() {
    std::thread::scope(|scope| {
        for (way, (name, limited)) in by_both_ways(RETRY_AFTERS) {
            scope.spawn(move || {
                let server = Broken::start(limited, When::FirstAttempt, Event::Lost);
                let began = Instant::now();
                let run = way.send(&server.url(), &["--retry-after-max", "2s"], 4).expect_code(0);
                let took = began.elapsed();
                let (outcomes, _) = outcomes(&run);
                one_outcome_each(&outcomes, 4);
                assert_eq!(table(&outcomes), [("accepted", 4)].into(), "{name}, {way:?}");
                let least = match name {
                    "seconds" | "a date" => Duration::from_millis(900),
                    "centuries" => Duration::from_secs(2),
                    _ => Duration::ZERO,
                };
                assert!(took >= least, "{name}, {way:?}: {took:?}");
            });
        }
    });
}

#[test]
fn an_answer_is_understood_in_each_form_that_http_has() {
    const BODY: &str = r#"{"success":true,"message":"Event queued for processing"}"#;
    let (one, other) = BODY.split_at(20);
    let chunks = format!(
        "Transfer-Encoding: chunked\r\n\r\n{:x};a=b\r\n{one}\r\n{:X}\r\n{other}\r\n0\r\nX: y\r\n\r\n",
        20,
        other.len()
    );
    let length = format!("Content-Length: {}\r\n\r\n{BODY}", BODY.len());
    // The answer, and whether its connection can be kept.
    let forms = [
        (format!("HTTP/1.1 200 OK\r\n{chunks}"), true),
        (
            format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX: y\r\n\r\nHTTP/1.1 200 OK\r\n{length}"),
            true,
        ),
        (format!("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n{length}"), true),
        (format!("HTTP/1.0 200 OK\r\n{length}"), false),
        (format!("HTTP/1.1 200 OK\r\nConnection: close\r\n{length}"), false),
        (format!("HTTP/1.1 200 OK\r\n\r\n{BODY}"), false),
    ];
    std::thread::scope(|scope| {
        for (way, (text, keeps)) in Way::BOTH.iter().flat_map(|way| forms.iter().map(|form| (*way, form))) {
            scope.spawn(move || {
                let (bytes, keeps) = (text.clone().into_bytes(), *keeps);
                let act = if keeps { Act::Drip(bytes, Duration::ZERO) } else { Act::Raw(bytes) };
                let server = Scripted::start(move |_| act.clone());
                let run = way.send(&server.url(), &[], 32).expect_code(0);
                assert_eq!(table(&outcomes(&run).0), [("accepted", 32)].into(), "{way:?}: {text}\n{}", run.text());
                // HTTP/1.0 is spoken to the proxy as to any other, but what is kept is the pooled client's to say.
                if way == Way::Direct {
                    assert_eq!(server.connections() < 32, keeps, "{text}: {} connections", server.connections());
                }
            });
        }
    });
}

#[test]
fn unrequested_bytes_answer_no_event() {
    for way in Way::BOTH {
        // In one write, so that the second is there when the first is read.
        let twice = "Content-Length: 16\r\n\r\n{\"success\":true}HTTP/1.1 422 No";
        let server = Scripted::start(|_| Act::with_header(200, twice));
        let run = way.send(&server.url(), &[], 32).expect_code(0);
        let (outcomes, _) = outcomes(&run);
        one_outcome_each(&outcomes, 32);
        assert_eq!(table(&outcomes), [("accepted", 32)].into(), "{way:?}: {}", run.text());
    }
}

#[test]
fn an_answer_that_comes_before_all_was_sent_is_an_answer() {
    for way in Way::BOTH {
        let mut refused = Vec::new();
        let url = fakes::with_each_connection(move |mut stream| {
            let _ = stream.read(&mut [0; 1 << 10]);
            let _ = stream.write_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            // Neither read nor closed: what is left of the request cannot be sent.
            refused.push(stream);
        });
        let large = format!("{{\"event_id\":\"a\",\"pad\":\"{}\"}}\n", "x".repeat(15 << 20)).repeat(2);
        let run = way
            .send_these(&url, &["-c", "1", "--timeout", "20s", "--max-line", "16MiB"], large.into_bytes())
            .expect_code(0);
        let (outcomes, _) = outcomes(&run);
        assert_eq!(table(&outcomes), [("rejected", 2)].into(), "{way:?}: {}", run.text());
        assert_eq!(outcomes[0]["status"], 413);
    }
}

#[test]
fn a_server_that_never_stops_sending_does_not_outlast_the_timeout() {
    let url = fakes::with_each_connection(|mut stream| {
        std::thread::spawn(move || {
            let _ = stream.read(&mut [0; 1 << 10]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            let chunks = b"1\r\nx\r\n".repeat(10_000);
            while stream.write_all(&chunks).is_ok() {}
        });
    });
    let began = Instant::now();
    let run = send_to(&url, &["--retries", "0"], 8).expect_code(0); // with a time-out of 1.5 s
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let (outcomes, _) = outcomes(&run);
    assert_eq!(table(&outcomes), [("unknown", 8)].into(), "{}", run.text());
    assert!(outcomes.iter().all(|outcome| outcome["error"]["kind"] == "timeout"), "{}", run.text());
}

#[test]
fn bursts_of_503_are_ridden_out() {
    for way in Way::BOTH {
        let server = Broken::start(fakes::unavailable, When::Bursts { bad: 20, good: 20 }, Event::Lost);
        // The first to come takes a whole good burst for its next events, while the others wait to try again: one event may
        // meet bad bursts many times over, and only the server's counting ends that.
        let flags = ["--retries", "1000", "--retry-cap", "20ms", "--retry-budget", "100%"];
        let run = way.send(&server.url(), &flags, 200).expect_code(0);
        let (outcomes, _) = outcomes(&run);
        one_outcome_each(&outcomes, 200);
        assert_eq!(table(&outcomes), [("accepted", 200)].into(), "{way:?}");
    }
}

#[test]
fn a_server_that_resets_every_connection_leaves_nothing_known() {
    for way in Way::BOTH {
        let run = way.send(&fakes::reset_on_accept(), &["--retries", "1"], 10).expect_code(0);
        let (outcomes, _) = outcomes(&run);
        one_outcome_each(&outcomes, 10);
        assert_eq!(table(&outcomes), [("unknown", 10)].into(), "{way:?}");
    }
}

#[test]
fn a_pulsestream_as_seen_in_the_field_takes_all_at_its_rate_and_the_waits_are_shown() {
    // 500 events at its 100 a window; the window is two seconds here, and a minute there.
    let server = PulseStream::start(100, Duration::from_secs(2));
    let file = sample();
    let run = run_with("psend", &["--url", &server.url(), file.to_str().expect("a path")], b"").expect_code(0);
    let (outcomes, _) = outcomes(&run);
    one_outcome_each(&outcomes, 500);
    assert_eq!(table(&outcomes), [("accepted", 500)].into());
    assert_eq!(server.stored().len(), 500);
    assert!(server.refused() < 100, "all senders waited, not one: {} were refused", server.refused());
    assert!(run.stderr.contains("rate limit: waiting") && run.stderr.contains("Held back:"), "{}", run.stderr);
}

#[test]
fn the_same_id_at_the_same_moment_is_a_duplicate() {
    let server = PulseStream::without_limit();
    let text = std::fs::read_to_string(sample()).expect("the sample");
    let line = text.lines().next().expect("a line");
    let run = run_with("psend", &["--url", &server.url(), "-c", "8"], format!("{line}\n").repeat(40).as_bytes())
        .expect_code(0);
    let (outcomes, _) = outcomes(&run);
    one_outcome_each(&outcomes, 40);
    assert!(table(&outcomes).keys().all(|word| ["accepted", "duplicate"].contains(word)), "{:?}", table(&outcomes));
    assert_eq!(server.stored().len(), 1);
}

#[test]
fn outcomes_tell_the_truth_of_a_server_that_is_killed_again_and_again() {
    const EVENTS: usize = 20_000;
    let mut server = Server::start(&[]);
    let input = crate::support::run("pgen", &["-n", &EVENTS.to_string(), "--seed", "7", "-q"]).expect_code(0).stdout;
    let mut child = tool("psend")
        .args(["--url", server.url(), "-c", "32", "-q", "--retries", "8", "--retry-base", "20ms"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("psend starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let feeder = std::thread::spawn(move || {
        // Fed in step with the kills, so that each meets requests in flight.
        for part in input.split_inclusive(|b| *b == b'\n').collect::<Vec<_>>().chunks(EVENTS / 200) {
            stdin.write_all(&part.concat()).expect("psend reads");
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    let done = std::thread::spawn(move || feed(child, Vec::new()));
    for _ in 0..8 {
        std::thread::sleep(Duration::from_millis(200));
        server.kill();
        server.restart();
    }
    feeder.join().expect("fed");
    let run = done.join().expect("it ended").expect_code(0);
    server.stop();
    let (outcomes, _) = outcomes(&run);
    one_outcome_each(&outcomes, EVENTS);
    let stored = server.stored_ids();
    let stored: BTreeSet<&str> = stored.iter().map(String::as_str).collect();
    let delivered = ids(&outcomes, &["accepted", "duplicate"]);
    assert!(delivered.is_subset(&stored), "delivered is stored");
    let lost = ids(&outcomes, &["not_sent", "failed", "rejected", "rate_limited"]);
    assert!(lost.is_disjoint(&stored), "what is lost is not stored");
    assert!(delivered.len() > EVENTS / 2, "{:?}", table(&outcomes));
}

#[test]
fn a_psend_that_is_killed_again_and_again_delivers_everything_in_the_end() {
    const EVENTS: usize = 20_000;
    let mut server = Server::start(&[]);
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("a path").to_owned();
    let (input, journal, out) = (path("in.jsonl"), path("journal"), path("out.jsonl"));
    crate::support::run("pgen", &["-n", &EVENTS.to_string(), "--seed", "8", "-o", &input, "-q"]).expect_code(0);
    let url = server.url().to_owned();
    let flags = ["--url", &url, &input, "--journal", &journal, "--resume", "-o", &out, "-c", "4", "-q"];
    for kill in 1..=20 {
        let done = || std::fs::metadata(&journal).map_or(0, |found| found.len());
        let before = done();
        let mut child = tool("psend").args(flags).spawn().expect("psend starts");
        // In the midst of things each time: the journal grows, and most events are still to come.
        while done() <= before {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(kill % 7));
        assert!(child.try_wait().expect("it is ours").is_none(), "kill {kill} comes too late");
        child.kill().expect("it runs");
        child.wait().expect("it ends");
    }
    run_with("psend", &flags, b"").expect_code(0);
    server.stop();
    let mut sent: Vec<String> = std::fs::read_to_string(&input)
        .expect("the input")
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["event_id"].as_str().expect("an id").to_owned())
        .collect();
    sent.sort_unstable();
    assert_eq!(server.stored_ids(), sent, "each is stored, and none twice");
    let text = std::fs::read_to_string(&out).expect("outcomes");
    let seqs: BTreeSet<u64> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("whole lines"))
        .filter_map(|line| line["seq"].as_u64())
        .collect();
    assert_eq!(seqs, (1..=EVENTS as u64).collect(), "no outcome is lost");
}

#[test]
fn a_rate_limit_is_reported_once_and_its_wait_counted_once_for_all_senders() {
    let limited = |r: &Request| if r.number <= 50 { Act::with_header(429, "Retry-After: 1") } else { Act::accept() };
    // All senders are under way before the first of them is refused.
    let late = move |r: &Request| {
        Act::After(Duration::from_millis(if r.number <= 50 { 200 } else { 0 }), Box::new(limited(r)))
    };
    let server = Scripted::start(late);
    let run = run_with("psend", &["--url", &server.url(), "-c", "50"], &super::events(200)).expect_code(0);
    assert_eq!(run.stderr.matches("rate limit: waiting").count(), 1, "{}", run.stderr);
    assert!(run.stderr.contains("Held back:   1.0"), "{}", run.stderr);

    let results = |r: &Request| {
        let events = memchr::memmem::find_iter(&r.body, b"\"event_id\"").count();
        let result = match r.number {
            1 => {
                serde_json::json!({"success": false, "errors": ["Rate limit exceeded. Limit: 5 events per 1 seconds"]})
            }
            _ => serde_json::json!({"success": true}),
        };
        Act::answer(200, &serde_json::json!({"results": vec![result; events]}).to_string())
    };
    let server = Scripted::start(results);
    let flags = ["--url", &server.url(), "--batch", "500", "-c", "1"];
    let run = run_with("psend", &flags, &super::events(500)).expect_code(0);
    assert_eq!(table(&outcomes(&run).0), [("accepted", 500)].into());
    assert!(run.stderr.matches("rate limit: waiting").count() <= 1, "{}", run.stderr);
    let held = run.stderr.split("Held back:").nth(1).map_or(0.0, |rest| {
        let mut words = rest.split_whitespace();
        let number: f64 = words.next().and_then(|number| number.parse().ok()).expect("a number");
        if words.next() == Some("ms") { number / 1000.0 } else { number }
    });
    assert!(held <= 1.1, "a window of a second is waited for once: {held}");

    let server = Scripted::start(limited);
    let run = run_with("psend", &["--url", &server.url(), "-c", "50", "-q"], &super::events(60)).expect_code(0);
    assert_eq!(run.stderr, "");
}

#[test]
fn retries_beyond_the_budget_are_delayed_and_not_dropped() {
    let server = Broken::start(fakes::unavailable, When::FirstAttempt, Event::Lost);
    let began = Instant::now();
    let run = send_to(&server.url(), &["--retry-budget", "0%"], 40).expect_code(0);
    let (outcomes, _) = outcomes(&run);
    assert_eq!(table(&outcomes), [("accepted", 40)].into());
    // Ten retries are saved up, and ten a second follow.
    assert!(began.elapsed() >= Duration::from_millis(2500), "{:?}", began.elapsed());
}

#[test]
fn throughput_counts_what_was_sent_alone() {
    let server = Scripted::start(|_| Act::accept());
    let input = "not json\n".repeat(100_000);
    let run =
        run_with("psend", &["--url", &server.url(), "--dead-letter", "/dev/null"], input.as_bytes()).expect_code(0);
    assert!(run.stderr.contains("Throughput:  0.00 events/s"), "{}", run.stderr);
}
