//! Servers that put events off: for rate, or because what they need themselves is away.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{events, outcomes, send, words};
use crate::fakes::PulseStream;
use crate::scripted::{Act, Request, Scripted};
use crate::support::{Run, run_with, sample};

/// How many outcomes have this word.
fn count(run: &Run, word: &str) -> usize {
    words(&outcomes(run).0).iter().filter(|found| **found == word).count()
}

/// What this PulseStream says while its database is away, one after the other: a wrong key to every key, and what the
/// database's driver says.
const AWAY: [(u16, &str); 6] = [
    (401, r#"{"detail":"Invalid API key"}"#),
    (400, r#"{"error":true,"message":{"success":false,"errors":["the database system is shutting down"]}}"#),
    (401, r#"{"detail":"Invalid API key"}"#),
    (400, r#"{"error":true,"message":{"success":false,"errors":["[Errno 111] Connection refused"]}}"#),
    (400, r#"{"detail":"cannot perform operation: another operation is in progress"}"#),
    (400, r#"{"detail":"<class 'asyncpg.exceptions.CannotConnectNowError'>"}"#),
];

/// A server that alternates: it works for a number of requests, then is away for a time.
struct Outages {
    server: Scripted,
    away: std::sync::Arc<Mutex<usize>>,
}

impl Outages {
    fn start(works: usize, time: Duration, good: fn(&Request) -> Act) -> Self {
        struct State {
            left: usize,
            since: Option<Instant>,
        }
        let state = Mutex::new(State { left: works, since: None });
        let away = std::sync::Arc::new(Mutex::new(0));
        let counted = std::sync::Arc::clone(&away);
        let server = Scripted::start(move |request| {
            let mut state = state.lock().expect("no holder panics");
            if state.left == 0 && state.since.is_none() {
                state.since = Some(Instant::now());
            }
            if state.since.is_some_and(|since| since.elapsed() >= time) {
                *state = State { left: works, since: None };
            }
            if state.since.is_some() {
                let mut away = counted.lock().expect("no holder panics");
                *away += 1;
                let (status, body) = AWAY[*away % AWAY.len()];
                return Act::answer(status, body);
            }
            state.left -= 1;
            good(request)
        });
        Self { server, away }
    }

    /// How many requests came while it was away.
    fn asked_while_away(&self) -> usize {
        *self.away.lock().expect("no holder panics")
    }
}

fn batch_taken(request: &Request) -> Act {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let events = body["events"].as_array().cloned().unwrap_or_default();
    let results: Vec<Value> = events.iter().map(|e| json!({"success": true, "event_id": e["event_id"]})).collect();
    Act::answer(200, &json!({"results": results}).to_string())
}

#[test]
fn a_pulsestream_whose_database_goes_away_twice_loses_and_rejects_nothing() {
    for (flags, works, good) in [
        (&["-c", "10"][..], 120, (|_: &Request| Act::accept()) as fn(&Request) -> Act),
        (&["-c", "1"], 120, |_| Act::accept()),
        (&["-c", "5", "--batch", "10"], 12, batch_taken),
    ] {
        let server = Outages::start(works, Duration::from_millis(700), good);
        let run = send(&server.server, flags, &events(300)).expect_code(0);
        assert_eq!(count(&run, "accepted"), 300, "{flags:?}: {}", run.stderr);
        assert!(run.stderr.contains("the server is away (HTTP 40"), "{}", run.stderr);
        assert!(run.stderr.contains("the server is back after"), "{}", run.stderr);
        // In each outage what was in flight, and then one try at a time.
        assert!(server.asked_while_away() <= 2 * (10 + 8), "{flags:?}: {}", server.asked_while_away());
    }
}

#[test]
fn a_server_that_stays_away_behind_its_answers_ends_the_run_and_leaves_the_rest_to_be_resumed() {
    let answers = |r: &Request| if r.number <= 5 { Act::accept() } else { Act::answer(401, "Invalid API key") };
    let server = Scripted::start(answers);
    let folder = tempfile::tempdir().expect("a folder");
    let journal = folder.path().join("journal");
    let flags = ["-c", "2", "--wait-for-server", "400ms", "--journal", journal.to_str().expect("a path")];
    let run = send(&server, &flags, &events(50)).expect_code(1);
    assert_eq!((count(&run, "accepted"), count(&run, "rejected")), (5, 0), "{}", run.text());
    assert!(run.stderr.contains("HTTP 401: Invalid API key"), "{}", run.stderr);
    assert_eq!(outcomes(&run).1["complete"], false);

    let server = Scripted::start(|_| Act::accept());
    let run = send(&server, &[&flags[..], &["--resume"]].concat(), &events(50)).expect_code(0);
    let done = count(&run, "accepted");
    // One event at most was given up for the last try.
    assert!((44..=45).contains(&done), "{done}");
}

#[test]
fn a_server_that_forbids_one_event_still_gets_the_others() {
    let answers = |r: &Request| if r.event_id() == "evt_7" { Act::answer(403, "not this one") } else { Act::accept() };
    // Others show that the server is there; alone, the event is given up when patience is over.
    for (flags, word) in
        [(&["-c", "4", "--retry-base", "1ms"][..], "rejected"), (&["-c", "1", "--wait-for-server", "300ms"], "failed")]
    {
        let server = Scripted::start(answers);
        let run = send(&server, flags, &events(400)).expect_code(0);
        let (outcomes, _) = outcomes(&run);
        for outcome in &outcomes {
            let wanted = if outcome["seq"] == 7 { word } else { "accepted" };
            assert_eq!(outcome["outcome"], wanted, "{flags:?}: {outcome}");
        }
    }
}

#[test]
fn a_dialect_may_say_that_a_refusal_of_the_key_is_about_the_event() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mine.toml");
    let text = "[request]\nmethod = 'POST'\npath = '/e'\n[[rules]]\nstatus = 403\noutcome = 'rejected'\n";
    std::fs::write(&file, text).expect("written");
    let answers = |r: &Request| if r.event_id() == "evt_2" { Act::answer(403, "") } else { Act::accept() };
    let server = Scripted::start(answers);
    let run = send(&server, &["-c", "1", "--dialect", file.to_str().expect("a path")], &events(3)).expect_code(0);
    assert_eq!(words(&outcomes(&run).0), ["accepted", "rejected", "accepted"]);
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn sixty_events_through_a_window_of_ten_a_second_are_all_accepted_with_few_refusals() {
    const SENDERS: usize = 20;
    let server = PulseStream::start(10, Duration::from_secs(1));
    let text = std::fs::read_to_string(sample()).expect("the sample");
    let sixty: Vec<&str> = text.lines().take(60).collect();
    let flags = ["--url", &server.url(), "-c", &SENDERS.to_string(), "--retries", "1"];
    let run = run_with("psend", &flags, sixty.join("\n").as_bytes()).expect_code(0);
    assert_eq!(count(&run, "accepted"), 60, "waiting for a window costs no retry: {}", run.stderr);
    // What was in flight when the limit was met first; then in each window the one that finds its end, and one or two more
    // where the window before was cut short.
    assert!(server.refused() <= SENDERS + 7 * 3, "{} refusals", server.refused());
    assert!(run.stderr.contains(&format!("Rate limit:  {} refusals", server.refused())), "{}", run.stderr);
}

#[test]
fn batches_wait_for_a_rate_window_too_and_their_refusals_are_counted() {
    let server = PulseStream::start(20, Duration::from_secs(1));
    let text = std::fs::read_to_string(sample()).expect("the sample");
    let eighty: Vec<&str> = text.lines().take(80).collect();
    let flags = ["--url", &server.url(), "-c", "2", "--batch", "5", "--retries", "1"];
    let run = run_with("psend", &flags, eighty.join("\n").as_bytes()).expect_code(0);
    assert_eq!(count(&run, "accepted"), 80, "{}", run.stderr);
    assert!(server.refused() <= 10 + 5 * 10, "{} refusals", server.refused());
    assert!(run.stderr.contains(&format!("Rate limit:  {} refusals", server.refused())), "{}", run.stderr);
}

#[test]
fn a_server_that_rate_limits_everything_ends_the_run() {
    let server = Scripted::start(|_| Act::answer(429, "slow down"));
    let flags = ["-c", "4", "--retries", "2", "--retry-base", "10ms", "--wait-for-server", "500ms"];
    let began = Instant::now();
    let run = send(&server, &flags, &events(2000)).expect_code(1);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert!(run.stderr.contains("refused everything for rate for"), "{}", run.stderr);
    assert!(count(&run, "not_sent") > 1900, "{}", run.stderr);
    assert_eq!(outcomes(&run).1["complete"], false);
}

#[test]
fn a_retry_after_in_any_form_is_obeyed_bounded_and_reported() {
    for (header, least, said) in [
        ("Retry-After: 1.2", 1200, ""),
        ("Retry-After: Sat, 05 Jan 2019 09:00:01 GMT\r\nDate: Sat, 05 Jan 2019 09:00:00 GMT", 1000, ""),
        ("Retry-After: 31536000", 300, "Retry-After: '31536000' is longer than --retry-after-max; waiting 300ms"),
        ("Retry-After: Tue, 05 Jan 2100 09:00:01 GMT", 300, "is longer than --retry-after-max"),
        ("Retry-After: 99999999999999999999999999", 300, "is longer than --retry-after-max"),
        ("Retry-After: soon", 0, "Retry-After: 'soon' is neither a number of seconds nor a date; ignored"),
        ("Retry-After: -5", 0, "Retry-After: '-5' is neither"),
    ] {
        for status in [429, 503] {
            let server =
                Scripted::start(move |r| if r.number == 1 { Act::with_header(status, header) } else { Act::accept() });
            let max = if least == 300 { "300ms" } else { "5s" };
            let run = send(&server, &["--retry-base", "1ms", "--retry-after-max", max], &events(1)).expect_code(0);
            assert_eq!(words(&outcomes(&run).0), ["accepted"], "{header}");
            let at: Vec<Instant> = server.requests().iter().map(|r| r.at).collect();
            let waited = at[1] - at[0];
            assert!(waited >= Duration::from_millis(least), "{header}: {waited:?}");
            assert!(waited < Duration::from_millis(least + 1500), "{header}: {waited:?}");
            assert!(run.stderr.contains(said), "{header}: {}", run.stderr);
        }
    }
}
