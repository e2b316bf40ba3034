//! How runs end: full disks, closed pipes, signals; and the memory they take.

use std::process::Child;
use std::time::Duration;

use super::*;

#[test]
fn a_line_of_100_mb_passes_in_bounded_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut input = events(3);
    input.extend(std::iter::repeat_n(b'~', 100_000_000));
    input.push(b'\n');
    input.extend(events(3));
    std::fs::write(folder.path().join("events"), input).expect("written");
    // A process that held the line would need more address space than this, in KiB.
    let script = "ulimit -v 160000; pshape --seed 1 --spikes 1 --truth truth events > out; tr -cd '~' < out | wc -c; wc -l < out";
    let run = shell_in(folder.path(), script, &[]).expect_code(0);
    assert_eq!(run.text().split_whitespace().collect::<Vec<_>>(), ["100000000", "7"]);
    assert!(run.stderr.contains("1 line: too long for --max-line"), "{}", run.stderr);
    let truth = std::fs::read_to_string(folder.path().join("truth")).expect("the truth is there");
    assert!(truth.contains("\"lines_out\":7,\"totals\":{\"spike\":6}"), "{truth}");
}

#[test]
fn a_full_disk_ends_the_run_with_1_and_a_closed_pipe_quietly() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("events"), events(20_000)).expect("written");
    let full = shell_in(folder.path(), "pshape --spikes 5% --seed 1 events > /dev/full", &[]).expect_code(1);
    assert!(full.stderr.contains("standard output"), "{}", full.stderr);
    shell_in(folder.path(), "pshape --spikes 5% --seed 1 -o /dev/full events", &[]).expect_code(1);
    shell_in(folder.path(), "pshape --spikes 5% --seed 1 --truth /dev/full events > /dev/null", &[]).expect_code(1);
    let head = shell_in(folder.path(), "pshape -q --seed 1 --spikes 5% --truth t events | head -1", &[]).expect_code(0);
    assert_eq!(head.lines().len(), 1);
    assert_eq!(head.stderr, "");
    let truth = std::fs::read_to_string(folder.path().join("t")).expect("truth was ended");
    assert!(truth.lines().last().is_some_and(|summary| summary.contains("\"complete\":false")), "{truth}");
}

/// Feeds three events to a run that waits for more, and ends it with this signal once it has read them.
fn signalled(args: &[&str], signal: rustix::process::Signal) -> (Run, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let truth = folder.path().join("truth");
    let mut child = tool("pshape")
        .args(["--spikes", "1", "--seed", "1", "--truth", text_of(&truth)])
        .args(args)
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .spawn()
        .expect("pshape starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(&events(3)).expect("pshape reads");
    let mut seen = Vec::new();
    if args.is_empty() {
        let stdout = child.stdout.as_mut().expect("a pipe");
        while split(&seen).len() < 3 || !seen.ends_with(b"\n") {
            let mut buffer = [0; 4096];
            let n = stdout.read(&mut buffer).expect("lines do not wait for more input");
            seen.extend_from_slice(&buffer[..n]);
        }
    } else {
        let part = || {
            std::fs::read_dir(folder.path()).expect("a folder").filter_map(Result::ok).any(|entry| {
                entry.file_name().to_string_lossy().contains("out.")
                    && entry.metadata().is_ok_and(|found| found.len() > 0)
            })
        };
        while !part() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), signal).expect("it runs");
    let out = child.wait_with_output().expect("it ends");
    drop(stdin);
    assert!(!folder.path().join("out").exists());
    let left: Vec<_> = std::fs::read_dir(folder.path()).expect("a folder").collect();
    assert_eq!(left.len(), 1, "truth alone is left: {left:?}");
    let truth = std::fs::read_to_string(&truth).expect("truth was ended");
    (Run { status: out.status, stdout: seen, stderr: String::from_utf8_lossy(&out.stderr).into_owned() }, truth)
}

#[test]
fn an_interrupted_run_ends_at_a_line_with_130_and_says_so_in_truth() {
    use rustix::process::Signal;
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let (run, truth) = signalled(&[], signal);
        let run = run.expect_code(code);
        assert_eq!(split(&run.stdout).len(), 3);
        assert!(!run.stderr.contains("is not written"), "{}", run.stderr);
        assert_eq!(truth.lines().count(), 4);
        assert!(truth.lines().last().is_some_and(|summary| summary.contains("\"complete\":false")), "{truth}");
    }
}

#[test]
fn an_interrupted_run_says_that_its_output_file_is_not_written() {
    let (run, truth) = signalled(&["-o", "out"], rustix::process::Signal::INT);
    let run = run.expect_code(130);
    assert!(run.stderr.contains("interrupted after 3 lines of the input; out was not written"), "{}", run.stderr);
    assert!(truth.lines().last().is_some_and(|summary| summary.contains("\"complete\":false")), "{truth}");
}

#[test]
fn the_first_interrupt_ends_it_if_a_fifo_has_no_reader() {
    for (output, truth) in [("pipe", "truth"), ("out", "pipe")] {
        let folder = tempfile::tempdir().expect("a folder");
        shell_in(folder.path(), "mkfifo pipe", &[]).expect_code(0);
        let mut command = tool("pshape");
        command.args(["--seed", "1", "--drop", "0", "-o", output, "--truth", truth]).current_dir(folder.path());
        let mut child = command.spawn().expect("pshape starts");
        std::thread::sleep(Duration::from_millis(400));
        assert!(child.try_wait().expect("it can be waited for").is_none(), "it waits for a reader");
        interrupt(&child);
        assert_eq!(end_of(&mut child).code(), Some(130));
        let out = child.wait_with_output().expect("it ended");
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(said.contains("interrupted before the first line: nobody reads pipe"), "{said}");
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1, "the FIFO alone is there");
    }
}

/// A run whose output nobody reads any more, which waits for that.
fn stalled(folder: &Path) -> Child {
    let mut command = tool("pshape");
    command.args(["--spikes", "5%", "--seed", "1", "--truth", "truth"]).current_dir(folder).stdin(Stdio::piped());
    let mut child = command.spawn().expect("pshape starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    std::thread::spawn(move || stdin.write_all(&events(20_000)));
    std::thread::sleep(Duration::from_millis(800));
    child
}

#[test]
fn the_first_interrupt_ends_it_if_the_reader_has_stopped_reading() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = stalled(folder.path());
    interrupt(&child);
    assert_eq!(end_of(&mut child).code(), Some(130));
    let out = child.wait_with_output().expect("it ended");
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(said.contains("lines of the input: nobody reads standard output"), "{said}");
    let truth = std::fs::read_to_string(folder.path().join("truth")).expect("truth was ended");
    assert!(truth.lines().last().is_some_and(|summary| summary.contains("\"complete\":false")), "{truth}");
}

#[test]
fn a_reader_that_goes_away_after_the_signal_leaves_the_signals_exit_code() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = stalled(folder.path());
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::TERM)
        .expect("it runs");
    std::thread::sleep(Duration::from_millis(100));
    drop(child.stdout.take());
    assert_eq!(end_of(&mut child).code(), Some(143));
}

/// The peak memory of a run in KiB, after it has written this many bytes.
fn peak_at(args: &[&str], input: Vec<u8>, bytes: u64) -> u64 {
    let mut command = tool("pshape");
    command.args(["--seed", "1", "-q"]).args(args).stdin(Stdio::piped());
    let mut child = command.spawn().expect("pshape starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let feeder = std::thread::spawn(move || stdin.write_all(&input).map(|()| stdin).expect("pshape reads"));
    let stdout = child.stdout.as_mut().expect("a pipe");
    let written = std::io::copy(&mut stdout.take(bytes), &mut std::io::sink()).expect("pshape writes");
    assert_eq!(written, bytes);
    let stdin = feeder.join().expect("fed");
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).expect("it runs");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    drop(stdin);
    assert!(child.wait_with_output().expect("it ends").status.success());
    peak.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[test]
fn lines_that_fall_due_at_once_are_not_gathered() {
    // The copies of 17 hours of events are held back, until the event of a month later lets them all go.
    let input = events(60_000);
    let bytes = input.len() as u64;
    let last = b"{\"event_id\":\"z\",\"timestamp\":\"2026-02-05T00:00:00Z\"}\n";
    let copies = ["--duplicates", "1,delay=20h"];
    let peak = peak_at(&copies, [&input[..], last].concat(), 2 * bytes);
    let held = peak_at(&copies, input, bytes);
    assert!(peak < held + (8 << 10), "{held} KiB held back, {peak} KiB when they go");
}

#[test]
fn many_copies_of_a_long_line_are_not_gathered() {
    let line = format!("{{\"event_id\":\"a\",\"x\":\"{}\"}}\n", "x".repeat(500_000));
    let bytes = line.len() as u64 * 201;
    let peak = peak_at(&["--duplicates", "1,copies=200"], line.into_bytes(), bytes);
    assert!(peak < 32 << 10, "{peak} KiB");
}

#[test]
fn value_and_byte_effects_take_bounded_memory() {
    let input = events(60_000);
    for args in [
        &["--spikes", "50%"][..],
        &["--slow", "2x"],
        &["--errors", "50%,burst=20"],
        &["--recover"],
        &["--new-ids", "again_"],
        &["--shift", "1h", "--curve", "business"],
        &["--incident", "service=payment-service,at=0s,for=9h,errors=40%,latency=5x"],
        &["--malformed", "50%"],
        &["--schema", "50%", "--label"],
        &["--encoding", "50%"],
        &["--oversize", "1%"],
        &["--poison", "every=1000"],
    ] {
        let mut child = tool("pshape")
            .args(["--seed", "1", "-q", "-o", "/dev/null"])
            .args(args)
            .stdin(Stdio::piped())
            .spawn()
            .expect("pshape starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(&input).expect("pshape reads");
        // All but what the pipe and one read hold has been worked on by now.
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).expect("it runs");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
        let peak: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number");
        drop(stdin);
        assert!(child.wait().expect("it ends").success());
        assert!(peak <= 32 << 10, "{args:?}: {peak} KiB");
    }
}

#[test]
fn an_output_file_appears_whole_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("events"), events(10)).expect("written");
    shell_in(folder.path(), "pshape -q -o out events && cmp out events", &[]).expect_code(0);
    assert!(path("pshape").exists());
}
