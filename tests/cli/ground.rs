//! The ground that all tools stand on: folders that take no file, full disks, and signals at any moment.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::server::Server;
use crate::support::{end_of, sample, shell_in, tool};

/// Each tool that writes a file, at work on events.
const AT_WORK: [&str; 6] = [
    "pgen -q -n 5 --seed 1 --start 2026-01-05",
    "pshape -q --seed 1 $SAMPLE",
    "psend -q --url http://127.0.0.1:9 --wait-for-server 0s $SAMPLE",
    "pstats -q $SAMPLE",
    "pstats -q --format state $SAMPLE",
    "plearn -q $SAMPLE",
];

#[track_caller]
fn fails_with_one_message(script: &str, folder: &Path, expected: &str) {
    let sample = sample();
    let variables = [("SAMPLE", sample.to_str().expect("a path"))];
    let run = shell_in(folder, script, &variables).expect_code(1);
    assert_eq!(run.stderr.lines().count(), 1, "{script}: {}", run.stderr);
    assert!(run.stderr.contains(expected), "{script}: {}", run.stderr);
}

#[test]
fn a_folder_that_takes_no_file_is_told_before_anything_is_done() {
    let folder = tempfile::tempdir().expect("a folder");
    // The kernel's folders take no file, even from root.
    for work in AT_WORK {
        fails_with_one_message(
            &format!("{work} -o /sys/kernel/out"),
            folder.path(),
            "/sys/kernel/out: no new file can be made in its folder: ",
        );
        fails_with_one_message(
            &format!("{work} -o nowhere/out"),
            folder.path(),
            "nowhere/out: No such file or directory",
        );
    }
}

#[test]
fn a_full_disk_is_one_message() {
    let folder = tempfile::tempdir().expect("a folder");
    for work in AT_WORK {
        fails_with_one_message(&format!("{work} -o /dev/full"), folder.path(), "/dev/full: No space left on device");
        let to_stdout = format!("{work} > /dev/full");
        fails_with_one_message(&to_stdout, folder.path(), "standard output: No space left on device");
    }
}

/// The moments at which a signal comes, in ms after the start: before anything is read, and long after.
const MOMENTS: [u64; 10] = [0, 1, 2, 4, 8, 16, 32, 64, 128, 256];

/// Feeds the sample to a tool again and again. Ends with the tool, or if `ends` is set.
fn feed_on(mut stdin: ChildStdin, ends: &AtomicBool) {
    let events = fs::read(sample()).expect("the sample");
    while !ends.load(Ordering::Relaxed) && stdin.write_all(&events).is_ok() {}
}

/// The exit code as a shell shows it.
fn code_of(child: &mut Child) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    let status = end_of(child);
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).expect("it ended in one of two ways")
}

/// Starts a tool on endless input, signals it at each moment, and then ends the input. The tool ends with the signal's code, panics
/// never, and leaves no temporary file. `check` looks at what it wrote to `out`, if it did.
#[track_caller]
#[allow(clippy::print_stderr)] // a part of a test is skipped by name
fn at_any_moment(name: &str, args: &[&str], check: impl Fn(&str, u64)) {
    for (signal, short) in [(Signal::INT, "INT"), (Signal::TERM, "TERM")] {
        // What started the tests in the background may have made them ignore it, and a tool does so until it listens.
        let ends = shell_in(Path::new("."), &format!("(kill -{short} $BASHPID; exit 7) || exit $?"), &[]);
        if ends.code() == 7 {
            eprintln!("skipped: SIG{short} at any moment, because it is ignored here");
            continue;
        }
        for moment in MOMENTS {
            let folder = tempfile::tempdir().expect("a folder");
            let mut command = tool(name);
            command.args(args).args(["-o", "out"]).current_dir(folder.path());
            let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("it starts");
            let (stdin, ends) = (child.stdin.take().expect("a pipe"), AtomicBool::new(false));
            let mut said = child.stderr.take().expect("a pipe");
            let (code, said) = thread::scope(|scope| {
                scope.spawn(|| feed_on(stdin, &ends));
                let reader = scope.spawn(move || std::io::read_to_string(&mut said).expect("UTF-8"));
                thread::sleep(Duration::from_millis(moment));
                kill_process(Pid::from_child(&child), signal).expect("it runs");
                // The signal is there before the end of the input, which alone would end the tool with another code.
                thread::sleep(Duration::from_millis(100));
                ends.store(true, Ordering::Relaxed);
                (code_of(&mut child), reader.join().expect("it is read"))
            });
            assert_eq!(code, 128 + signal.as_raw(), "{name} at {moment} ms: {said}");
            assert!(!said.contains("panicked"), "{name} at {moment} ms: {said}");
            let left = fs::read_dir(folder.path()).expect("a folder").map(|file| file.expect("a file").file_name());
            let left: Vec<_> = left.filter(|file| file != "out").collect();
            assert!(left.is_empty(), "{name} at {moment} ms leaves {left:?}: {said}");
            if let Ok(text) = fs::read_to_string(folder.path().join("out")) {
                check(&text, moment);
            }
        }
    }
}

/// Each line is JSON, and the last one is whole.
fn whole_lines(text: &str, moment: u64) {
    assert!(text.is_empty() || text.ends_with('\n'), "at {moment} ms the last line is cut: {:?}", text.lines().last());
    for line in text.lines() {
        serde_json::from_str::<Value>(line).unwrap_or_else(|e| panic!("at {moment} ms: {e}: {line}"));
    }
}

#[test]
fn whenever_a_signal_comes_pgen_leaves_no_part_of_a_file() {
    at_any_moment("pgen", &["-q", "-n", "500m", "--seed", "1", "--start", "2026-01-05"], |_, moment| {
        panic!("a file at {moment} ms, although the run is not whole")
    });
}

#[test]
fn whenever_a_signal_comes_pshape_leaves_whole_lines_or_nothing() {
    at_any_moment("pshape", &["-q", "--seed", "1", "--duplicates", "10%"], whole_lines);
}

#[test]
fn whenever_a_signal_comes_psend_leaves_an_outcome_of_each_event_it_read() {
    let server = Server::start(&[]);
    at_any_moment("psend", &["-q", "--url", server.url(), "-c", "8"], |text, moment| {
        whole_lines(text, moment);
        let outcomes: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let Some((run, outcomes)) = outcomes.split_last() else { return };
        assert_eq!(run["run"]["lines_read"].as_u64(), Some(outcomes.len() as u64), "at {moment} ms");
        assert_eq!(run["run"]["complete"], false, "at {moment} ms");
    });
}

#[test]
fn whenever_a_signal_comes_pstats_leaves_a_report_of_what_it_read_or_nothing() {
    at_any_moment("pstats", &["-q", "--format", "json"], |text, moment| {
        let report: Value = serde_json::from_str(text).unwrap_or_else(|e| panic!("at {moment} ms: {e}: {text}"));
        assert_eq!(report["input"]["lines"], report["events"]["count"], "at {moment} ms");
    });
}

#[test]
fn whenever_a_signal_comes_plearn_leaves_no_world_of_half_a_log() {
    at_any_moment("plearn", &["-q"], |_, moment| panic!("a world at {moment} ms, although the input was not read"));
}
