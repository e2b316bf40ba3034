//! Open loops: when events are sent, and what a slow server does to it.

use std::io::Write;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use super::{events, outcomes, send, words};
use crate::scripted::{Act, Request, Scripted};
use crate::support::{Run, feed, tool};

/// Microseconds since the epoch.
fn at(outcome: &serde_json::Value, key: &str) -> i64 {
    let text = outcome[key].as_str().unwrap_or_else(|| panic!("{key} in {outcome}"));
    pulsepipe::time::parse(text.as_bytes()).expect("a timestamp")
}

fn quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[((sorted.len() as f64 - 1.0) * q).round() as usize]
}

fn column(outcomes: &[serde_json::Value], key: &str) -> Vec<f64> {
    outcomes.iter().map(|o| o[key].as_f64().unwrap_or_else(|| panic!("{key} in {o}"))).collect()
}

#[test]
fn a_rate_is_kept_and_every_event_knows_when_it_was_due() {
    let server = Scripted::start(|_| Act::accept());
    let run = send(&server, &["--rate", "200/s"], &events(100)).expect_code(0);
    let (mut outcomes, record) = outcomes(&run);
    outcomes.sort_by_key(|o| o["seq"].as_u64());
    let due: Vec<i64> = outcomes.iter().map(|o| at(o, "scheduled_at")).collect();
    assert!(due.windows(2).all(|w| (w[1] - w[0] - 5000).abs() <= 1), "a gap of 5 ms between all: {due:?}");
    assert!(outcomes.iter().all(|o| at(o, "sent_at") >= at(o, "scheduled_at")));
    assert_eq!(record["mode"], "rate");
    assert_eq!(record["rate"], 200.0);
    assert_eq!(record["concurrency"], 1000);
    assert!(server.connections() < 50, "few connections are opened where few are needed");
}

#[test]
fn threads_that_join_in_change_neither_the_outcomes_nor_the_rate_limit() {
    // One is refused for rate, and one in forty for good.
    let server = Scripted::start(|request| match request.number {
        n if n % 40 == 0 => Act::answer(422, "{}"),
        3000 => Act::with_header(429, "Retry-After: 1"),
        _ => Act::accept(),
    });
    let run = send(&server, &["-c", "50", "--threads", "3"], &events(20_000)).expect_code(0);
    let (outcomes, record) = outcomes(&run);
    let mut seqs: Vec<u64> = outcomes.iter().filter_map(|o| o["seq"].as_u64()).collect();
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=20_000).collect::<Vec<_>>(), "each line has one outcome");
    let count = |word: &str| words(&outcomes).iter().filter(|w| **w == word).count();
    assert_eq!(count("accepted") + count("rejected"), 20_000);
    assert_eq!(record["complete"], true);
    assert!(
        server.connections() >= 50,
        "senders that moved to another thread have new connections: {}",
        server.connections()
    );
}

#[test]
fn threads_and_http2_exclude_each_other() {
    let run = crate::support::run("psend", &["--http2", "--threads", "2"]).expect_code(2);
    assert!(run.stderr.contains("--threads") && run.stderr.contains("--http2"), "{}", run.stderr);
}

#[test]
fn shards_divide_the_rate() {
    let server = Scripted::start(|_| Act::accept());
    let run = send(&server, &["--rate", "400", "--shard", "1/2"], &events(3)).expect_code(0);
    assert_eq!(outcomes(&run).1["rate"], 200.0);
}

#[test]
fn duration_ends_any_loop_as_if_the_input_had_ended() {
    let server = Scripted::start(|_| Act::After(Duration::from_millis(20), Box::new(Act::accept())));
    for (flags, least, most) in [(&["--rate", "100"][..], 50, 50), (&["--mode", "sequential"], 5, 26)] {
        let run = send(&server, &[flags, &["-d", "500ms"]].concat(), &events(5000)).expect_code(0);
        let (outcomes, record) = outcomes(&run);
        assert!((least..=most).contains(&outcomes.len()), "{flags:?}: {}", outcomes.len());
        assert!(words(&outcomes).iter().all(|w| *w == "accepted"));
        assert_eq!(record["complete"], true);
        assert_eq!(record["lines_read"].as_u64(), Some(outcomes.len() as u64));
    }
}

#[test]
fn stages_ramp_and_end_the_run() {
    let server = Scripted::start(|_| Act::accept());
    let run = send(&server, &["--stages", "300ms:200,300ms:200,200ms:0"], &events(5000)).expect_code(0);
    // 30 on the way up, 60 along, 20 on the way down.
    assert_eq!(outcomes(&run).0.len(), 110);
}

#[test]
fn a_replay_sends_when_the_events_say_so_many_times_as_fast() {
    let server = Scripted::start(|_| Act::accept());
    let seconds = [0, 60, 30, 120];
    let input: String = seconds
        .iter()
        .map(|s| format!("{{\"event_id\":\"e{s}\",\"ts\":\"2026-01-05T09:{:02}:{:02}Z\"}}\n", s / 60, s % 60))
        .collect();
    let run = send(&server, &["--replay", "300x", "--fields", "timestamp=ts"], input.as_bytes()).expect_code(0);
    let (mut outcomes, _) = outcomes(&run);
    outcomes.sort_by_key(|o| o["seq"].as_u64());
    let first = at(&outcomes[0], "scheduled_at");
    let due: Vec<i64> = outcomes.iter().map(|o| at(o, "scheduled_at") - first).collect();
    assert_eq!(due, [0, 200_000, 200_000, 400_000], "the third is older than the second, and due at once");
}

/// A server that stalls as a whole for so long, from its first request after a second; and since when it did.
fn stalling(time: Duration) -> (Scripted, Arc<OnceLock<Instant>>) {
    let (began, since) = (Instant::now(), Arc::<OnceLock<Instant>>::default());
    let stalled = Arc::clone(&since);
    let server = Scripted::start(move |_| {
        let now = Instant::now();
        if now < began + Duration::from_secs(1) {
            return Act::accept();
        }
        let until = *stalled.get_or_init(|| now) + time;
        Act::After(until.saturating_duration_since(now), Box::new(Act::accept()))
    });
    (server, since)
}

#[test]
fn a_stall_shows_in_the_open_loops_end_to_end_time_as_wrk2_would_correct_it_and_not_in_the_closed_loops_latency() {
    const RATE: usize = 5000;
    const EVENTS: usize = 5 * RATE;
    const IN_FLIGHT: usize = 50;
    let stall = Duration::from_secs(2);

    let (server, since) = stalling(stall);
    let run =
        send(&server, &["--rate", &RATE.to_string(), "-c", &IN_FLIGHT.to_string()], &events(EVENTS)).expect_code(0);
    let (open, _) = outcomes(&run);
    assert_eq!(open.len(), EVENTS, "the schedule did not slip: everything due was sent");
    assert!(since.get().is_some(), "it stalled");
    // In addition to the request that took the whole stall, wrk2 counts each one that was due meanwhile and waited for the
    // rest of it.
    let due_meanwhile = (0..).map(|n| 2000.0 - n as f64 * 1000.0 / RATE as f64).take_while(|ms| *ms > 0.0);
    let mut corrected: Vec<f64> = due_meanwhile.collect();
    corrected.resize(EVENTS, 0.0);
    let wanted = quantile(&corrected, 0.99);
    let end_to_end = column(&open, "end_to_end_ms");
    let p99 = quantile(&end_to_end, 0.99);
    println!("open loop: P99 {p99:.0} ms, as wrk2 corrects it {wanted:.0} ms");
    // What piled up goes out as fast as the machine can, so that each waits a little longer.
    assert!(p99 >= 0.97 * wanted && p99 <= 2.0 * wanted, "{p99}, wanted {wanted}");
    let waited = end_to_end.iter().filter(|ms| **ms > 250.0).count();
    assert!(waited >= RATE * 17 / 10, "those due in the first 1.75 s wait for more than 0.25 s: {waited}");
    let slow = column(&open, "latency_ms").iter().filter(|ms| **ms > 1000.0).count();
    assert!(slow <= IN_FLIGHT, "only the requests in flight were slow themselves: {slow}");
    assert!(run.stderr.contains("--concurrency was reached"), "{}", run.stderr);

    let (server, since) = stalling(stall);
    let run = send(&server, &["-c", "5", "--delay", "5", "-d", "4s"], &events(50_000)).expect_code(0);
    let (closed, _) = outcomes(&run);
    assert!(since.get().is_some(), "it stalled");
    let p99 = quantile(&column(&closed, "latency_ms"), 0.99);
    println!("closed loop: P99 of latency_ms {p99:.1} ms");
    assert!(p99 < 100.0, "a closed loop stops with the server, and sees five slow requests: {p99}");
}

/// psend with these flags, and a pipe to it.
fn piped(server: &Scripted, flags: &[&str]) -> (Child, ChildStdin) {
    let mut psend = tool("psend");
    psend.args(["--url", &server.url()]).args(flags).stdin(Stdio::piped());
    let mut child = psend.spawn().expect("psend starts");
    let stdin = child.stdin.take().expect("a pipe");
    (child, stdin)
}

/// Runs psend with a producer that pauses for `gap` after each piece of its output.
fn with_a_slow_producer<'a>(
    server: &Scripted,
    flags: &[&str],
    pieces: impl IntoIterator<Item = &'a [u8]>,
    gap: Duration,
) -> Run {
    let (child, mut stdin) = piped(server, flags);
    for piece in pieces {
        stdin.write_all(piece).expect("psend reads");
        thread::sleep(gap);
    }
    drop(stdin);
    feed(child, Vec::new()).expect_code(0)
}

/// Its lines, each with its end.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|byte| *byte == b'\n')
}

#[test]
fn a_producer_that_is_a_little_slow_all_the_time_is_named_and_psend_is_not() {
    let server = Scripted::start(|_| Act::accept());
    let run = with_a_slow_producer(&server, &["--rate", "1000"], lines(&events(100)), Duration::from_millis(5));
    assert!(run.stderr.contains("because the input came too slowly"), "{}", run.stderr);
    // On a busy computer psend may be late now and then, too.
    let late = &outcomes(&run).1["generator"]["late"];
    assert!(late["input"].as_u64() > Some(60) && late["psend"].as_u64() < Some(20), "{late}");
}

#[test]
fn a_slow_producer_moves_no_event_of_a_batch_on_the_schedule() {
    let server = Scripted::start(|request| {
        let events = request.body.windows(10).filter(|w| w == b"\"event_id\"").count();
        let results = vec![serde_json::json!({"success": true}); events];
        Act::answer(200, &serde_json::json!({"results": results}).to_string())
    });
    let flags = ["--rate", "200", "--batch", "10"];
    let run = with_a_slow_producer(&server, &flags, lines(&events(10)), Duration::from_millis(70));
    let (mut outcomes, _) = outcomes(&run);
    outcomes.sort_by_key(|o| o["seq"].as_u64());
    let first = at(&outcomes[0], "scheduled_at");
    let due: Vec<i64> = outcomes.iter().map(|o| at(o, "scheduled_at") - first).collect();
    assert_eq!(due, (0..10).map(|n| n * 5000).collect::<Vec<_>>());
}

#[test]
fn duration_ends_a_run_to_which_nothing_comes() {
    let server = Scripted::start(|_| Act::accept());
    for flags in
        [&["-d", "300ms"][..], &["-d", "300ms", "--rate", "10"], &["-d", "300ms", "--rate", "10", "--batch", "5"]]
    {
        let (child, stdin) = piped(&server, flags);
        let began = Instant::now();
        let run = feed(child, Vec::new()).expect_code(0);
        assert!(began.elapsed() < Duration::from_secs(5), "{flags:?}");
        assert_eq!(outcomes(&run).1["complete"], true);
        drop(stdin);
    }
}

#[test]
fn a_replay_reads_numbers_and_says_which_events_have_no_time() {
    let server = Scripted::start(|_| Act::accept());
    let input: Vec<String> = ["1767603600", "1767603600100", "\"soon\"", "1767603600.2"]
        .iter()
        .enumerate()
        .map(|(n, at)| format!("{{\"event_id\":\"e{n}\",\"timestamp\":{at}}}\n"))
        .collect();
    let run = send(&server, &["--replay", "1x", "-q"], input.concat().as_bytes()).expect_code(0);
    let (mut outcomes, _) = outcomes(&run);
    outcomes.sort_by_key(|o| o["seq"].as_u64());
    let first = at(&outcomes[0], "scheduled_at");
    let due: Vec<i64> = outcomes.iter().map(|o| (at(o, "scheduled_at") - first) / 1000).collect();
    assert_eq!(due, [0, 100, 100, 200]);
    let said = "--replay: 1 event has no time in 'timestamp' (line 3: \"soon\": its format is not recognised)";
    assert!(run.stderr.contains(said), "{}", run.stderr);
}

#[test]
fn a_replay_reads_the_times_of_access_logs_and_of_other_loggers() {
    let server = Scripted::start(|_| Act::accept());
    let times = [
        r#""05/Jan/2026:09:00:00 +0000""#,
        r#""2026-01-05 09:00:00,100 +0000""#,
        r#""2026-01-05T10:00:00.200\u002B01:00""#,
        "1767603600.3",
        "20260105090000400",
    ];
    let line = |(n, at): (usize, &str)| format!("{{\"event_id\":\"e{n}\",\"timestamp\":{at}}}\n");
    let input: String = times.into_iter().enumerate().map(line).collect();
    let run = send(&server, &["--replay", "1x", "-q"], input.as_bytes()).expect_code(0);
    let (mut outcomes, _) = outcomes(&run);
    outcomes.sort_by_key(|o| o["seq"].as_u64());
    let first = at(&outcomes[0], "scheduled_at");
    let due: Vec<i64> = outcomes.iter().map(|o| (at(o, "scheduled_at") - first) / 1000).collect();
    assert_eq!(due, [0, 100, 200, 300, 400]);
}

#[test]
fn a_replay_whose_next_event_is_due_past_the_end_of_all_calendars_waits_and_can_be_ended() {
    let server = Scripted::start(|_| Act::accept());
    let input = b"{\"event_id\":\"a\",\"timestamp\":\"1970-01-01T00:00:00Z\"}\n{\"event_id\":\"b\",\"timestamp\":\"9999-12-31T23:59:59Z\"}\n";
    for speed in ["1x", "0.001x", "0.000001x"] {
        let (child, mut stdin) = piped(&server, &["--replay", speed]);
        stdin.write_all(input).expect("psend reads");
        let seen = server.requests().len();
        while server.requests().len() == seen {
            thread::sleep(Duration::from_millis(5));
        }
        thread::sleep(Duration::from_millis(50));
        super::interrupt(&child);
        let run = feed(child, Vec::new()).expect_code(130);
        let (outcomes, _) = outcomes(&run);
        assert_eq!(words(&outcomes), ["accepted", "not_sent"], "{speed}: {}", run.stderr);
        assert!(outcomes[1]["scheduled_at"].is_null() || at(&outcomes[1], "scheduled_at") > 0, "{}", outcomes[1]);
    }
}

#[test]
fn a_replay_over_a_gap_of_years_says_so_at_once_and_does_not_wait_for_it() {
    let server = Scripted::start(|_| Act::accept());
    let times = [
        "0001-01-01T00:00:00Z",
        "2026-01-05T09:00:00Z",
        "2026-01-05T09:00:00.1Z",
        "2106-02-07T06:28:15Z",
        "1970-01-01T00:00:00Z",
    ];
    let input: String =
        (1..).zip(times).map(|(n, at)| format!("{{\"event_id\":\"{n}\",\"timestamp\":\"{at}\"}}\n")).collect();
    let began = Instant::now();
    let run = send(&server, &["--replay", "1x", "--max-gap", "300ms", "-q"], input.as_bytes()).expect_code(0);
    assert!(
        began.elapsed() >= Duration::from_millis(700) && began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(words(&outcomes(&run).0), ["accepted"; 5]);
    for said in [
        "--replay: line 2 (2026-01-05T09:00:00.000000Z) is due 2025 years after line 1 (0001-01-01T00:00:00.000000Z); \
         this gap is shortened to 300ms (--max-gap)",
        "line 4 (2106-02-07T06:28:15.000000Z) is due 80 years after line 3 (2026-01-05T09:00:00.100000Z)",
        "2 gaps between events were shortened to --max-gap; together they would have taken 2105 years",
    ] {
        assert!(run.stderr.contains(said), "{said}: {}", run.stderr);
    }

    // With an hour to wait, the gap is reported while psend waits.
    let (child, mut stdin) = piped(&server, &["--replay", "1x", "-q"]);
    stdin.write_all(input.as_bytes()).expect("psend reads");
    let mut child = child;
    let mut said = std::io::BufReader::new(child.stderr.take().expect("a pipe"));
    let mut line = String::new();
    std::io::BufRead::read_line(&mut said, &mut line).expect("it says so");
    assert!(line.contains("this gap is shortened to 1h (--max-gap)"), "{line}");
    super::interrupt(&child);
    feed(child, Vec::new()).expect_code(130);
    send(&server, &["--max-gap", "1s"], b"").expect_code(2);
    send(&server, &["--replay", "1x", "--max-gap", "0s"], b"").expect_code(2);
}

#[test]
fn the_time_left_of_stages_is_known() {
    let server = Scripted::start(|_| Act::accept());
    let run = send(&server, &["--stages", "500ms:100,500ms:0", "--every", "100ms"], &events(5000)).expect_code(0);
    assert!(run.stderr.contains(", 0:01 left"), "{}", run.stderr);
}

#[test]
fn poisson_arrivals_keep_the_rate_and_are_not_even() {
    let server = Scripted::start(|_| Act::accept());
    let run = send(&server, &["--rate", "2000", "--arrival", "poisson"], &events(2000)).expect_code(0);
    let mut due: Vec<i64> = outcomes(&run).0.iter().map(|o| at(o, "scheduled_at")).collect();
    due.sort_unstable();
    let gaps: Vec<f64> = due.windows(2).map(|w| (w[1] - w[0]) as f64).collect();
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    let deviation = (gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64).sqrt();
    // Of 2000 gaps the mean lies within a tenth of 500 µs but once in 10^5 runs.
    assert!((450.0..550.0).contains(&mean) && deviation > 0.75 * mean, "mean {mean}, deviation {deviation}");
}

#[test]
fn waits_that_the_server_asked_for_do_not_count_as_psends_delay() {
    let unavailable = |request: &Request| match request.on_connection {
        1 => Act::with_header(503, "Retry-After: 1"),
        _ => Act::accept(),
    };
    let server = Scripted::start(unavailable);
    let run = send(&server, &["--rate", "200", "-c", "4", "--retry-budget", "100%"], &events(100)).expect_code(0);
    assert!(run.stderr.contains("--concurrency was reached"), "{}", run.stderr);
    assert!(!run.stderr.contains("psend itself"), "{}", run.stderr);
}

#[test]
fn a_producer_that_starves_the_schedule_is_named() {
    let server = Scripted::start(|_| Act::accept());
    let five = events(5);
    let run = with_a_slow_producer(&server, &["--rate", "1000"], [&*five; 3], Duration::from_millis(100));
    assert!(run.stderr.contains("because the input came too slowly"), "{}", run.stderr);
}
