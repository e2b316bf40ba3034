//! Memory stays within 40 MiB at 100 requests in flight, whatever the number and size of the events, and if the server stalls.

use std::io::{Read, Write};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::scripted::{Act, Scripted};
use crate::support::tool;

/// The peak memory of psend in KiB, for this many events of this size, to a server that stalls once for this long.
fn peak(events: usize, bytes: usize, stall: Duration) -> u64 {
    let began = Instant::now();
    let from = Duration::from_millis(300);
    let server = Scripted::start(move |_| {
        let since = began.elapsed();
        let stalled = since >= from && since < from + stall;
        if stalled { Act::After(from + stall - since, Box::new(Act::accept())) } else { Act::accept() }
    });
    let mut child = tool("psend")
        .args(["--url", &server.url(), "-c", "100", "-q"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("psend starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let feeder = std::thread::spawn(move || {
        let pad = "x".repeat(bytes - 50);
        for n in 0..events {
            writeln!(stdin, "{{\"event_id\":\"evt_{n:010}\",\"pad\":\"{pad}\"}}").expect("psend reads");
        }
    });
    let peak = peak_of(&mut child);
    feeder.join().expect("fed");
    assert!(child.wait().expect("it ended").success());
    assert_eq!(server.requests().len(), events);
    peak
}

/// The most that a process ever held until it ended, in KiB.
fn peak_of(child: &mut Child) -> u64 {
    peak_within(child, Duration::MAX).expect("it ends some day")
}

/// The same for a psend that is to end within this time; `None` if it does not.
pub(super) fn peak_within(child: &mut Child, time: Duration) -> Option<u64> {
    let began = Instant::now();
    let mut peak = 0;
    while child.try_wait().expect("it is ours").is_none() {
        if began.elapsed() > time {
            return None;
        }
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        // For a moment, a process that was just started is that of the test.
        let status = status.strip_prefix("Name:\tpsend\n").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = peak.max(line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0));
        std::thread::sleep(Duration::from_millis(2));
    }
    Some(peak)
}

#[test]
fn answers_without_end_share_their_memory_over_all_senders() {
    if !cfg!(target_os = "linux") {
        return;
    }
    const SENDERS: usize = 150;
    let url = crate::fakes::with_each_connection(|mut stream| {
        std::thread::spawn(move || {
            let _ = stream.read(&mut [0; 1 << 10]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
            // No more than what one answer may keep, so that all keep it until their time is over.
            let _ = stream.write_all(&[b'x'; 1 << 20]);
            let _ = stream.read(&mut [0; 1 << 10]);
        });
    });
    for (flags, most) in [(&[][..], 90 << 10), (&["--batch", "4"], 90 << 10)] {
        let mut child = tool("psend")
            .args(["--url", &url, "-c", &SENDERS.to_string(), "-q", "--timeout", "3s", "--retries", "0"])
            .args(flags)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("psend starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(&super::events(SENDERS * if flags.is_empty() { 1 } else { 4 })).expect("psend reads");
        drop(stdin);
        let peak = peak_of(&mut child);
        assert!((1..=most).contains(&peak), "{flags:?}: {peak} KiB");
    }
}

#[test]
fn memory_does_not_grow_with_the_events_nor_while_the_server_stalls() {
    const MOST: u64 = 40 << 10;
    if !cfg!(target_os = "linux") {
        eprintln!("skipped: nothing tells here what a process holds");
        return;
    }
    let (few, many) = (peak(10_000, 400, Duration::ZERO), peak(100_000, 400, Duration::ZERO));
    let large = peak(20_000, 4 << 10, Duration::ZERO);
    // What grows while a server stalls grows at once: the pipe is full of events in a moment.
    let stalled = peak(20_000, 4 << 10, Duration::from_secs(3));
    let all = [few, many, large, stalled];
    println!("peaks in KiB: {all:?}");
    assert!(all.iter().all(|peak| (1..=MOST).contains(peak)), "{all:?}");
    assert!(many < few + (3 << 10), "ten times the events: {all:?}");
    assert!(stalled < large + (3 << 10), "a stall: {all:?}");
}
