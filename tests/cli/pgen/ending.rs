//! Interrupts while the output blocks, and what happens to output files.

use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use super::fixed;
use crate::support::{end_of, interrupt, shell_in, tool};

#[test]
fn the_first_interrupt_ends_a_run_whose_fifo_has_no_reader() {
    let folder = tempfile::tempdir().expect("a folder");
    shell_in(folder.path(), "mkfifo pipe", &[]).expect_code(0);
    let mut child = tool("pgen").args(fixed(&["-o", "pipe"])).current_dir(folder.path()).spawn().expect("pgen starts");
    sleep(Duration::from_millis(400));
    assert!(child.try_wait().expect("it can be waited for").is_none(), "it waits for a reader");
    interrupt(&child);
    assert_eq!(end_of(&mut child).code(), Some(130));
}

#[test]
fn a_run_waits_for_the_reader_of_a_fifo() {
    let folder = tempfile::tempdir().expect("a folder");
    let flags = "--seed 1 --start 2026-01-05T00:00:00Z -n 5k";
    let script =
        format!("mkfifo pipe; (sleep 0.3; cat pipe > out) & pgen {flags} -o pipe; wait; pgen {flags} | cmp - out");
    shell_in(folder.path(), &script, &[]).expect_code(0);
}

#[test]
fn the_first_interrupt_ends_a_run_whose_reader_has_stopped_reading() {
    for threads in ["1", "3"] {
        let mut command = tool("pgen");
        command.args(fixed(&["-n", "500m", "--threads", threads])).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("pgen starts");
        sleep(Duration::from_millis(600));
        interrupt(&child);
        assert_eq!(end_of(&mut child).code(), Some(130));
        let out = child.wait_with_output().expect("it ended");
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(said.contains("interrupted after") && said.contains("events: nobody reads standard output"), "{said}");
    }
}

#[test]
fn other_writers_to_the_same_pipe_still_wait_for_its_reader() {
    let folder = tempfile::tempdir().expect("a folder");
    let flags = "--seed 1 --start 2026-01-05T00:00:00Z -n 5k";
    // Were the pipe left without blocking, the second writer's 4 MB would not get through to a slow reader.
    let script = format!("(pgen {flags}; head -c 4000000 /dev/zero) | (sleep 0.5; cat) | wc -c; pgen {flags} | wc -c");
    let run = shell_in(folder.path(), &script, &[]).expect_code(0);
    let sizes: Vec<usize> = run.lines().iter().map(|line| line.trim().parse().expect("a number")).collect();
    assert_eq!(sizes[0], sizes[1] + 4_000_000);
    assert_eq!(run.stderr, "");
}

#[test]
fn a_symbolic_link_stays_a_link_even_if_its_target_does_not_exist() {
    let folder = tempfile::tempdir().expect("a folder");
    let flags = "--seed 1 --start 2026-01-05T00:00:00Z -n 5";
    let script = format!(
        "mkdir deep; ln -s deep/second first; ln -s third deep/second
         for time in once again; do pgen {flags} -o first; test -L first; test -L deep/second; test -f deep/third; done
         test $(wc -l < first) = 5; ls -A . deep"
    );
    let run = shell_in(folder.path(), &script, &[]).expect_code(0);
    assert_eq!(run.lines(), [".:", "deep", "first", "", "deep:", "second", "third"], "nothing else is there");
    let round = shell_in(folder.path(), &format!("ln -s a b; ln -s b a; pgen {flags} -o a"), &[]).expect_code(1);
    assert!(round.stderr.contains("a: Too many levels of symbolic links"), "{}", round.stderr);
}
