//! What a person sees while events go out: on a terminal of util-linux' script(1), for there is none in a test.

use std::process::{Command, Stdio};
use std::time::Duration;

use super::{events, outcomes};
use crate::scripted::{Act, Scripted};
use crate::support::{feed, path, run_with};

/// All that a terminal gets to see of psend.
fn on_a_terminal(flags: &str, input: &str) -> String {
    let server = Scripted::start(|_| Act::After(Duration::from_millis(20), Box::new(Act::accept())));
    let command =
        format!("stty cols 200 rows 40; exec {} --url {} {flags} {input}", path("psend").display(), server.url());
    let child = Command::new("script")
        .args(["-qec", &command, "/dev/null"])
        .env("TERM", "xterm")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    feed(child.expect("script(1) of util-linux is there"), Vec::new()).expect_code(0).text().to_owned()
}

#[test]
fn a_terminal_shows_progress_with_rate_total_time_left_and_p95_unless_quiet() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("in.jsonl");
    std::fs::write(&file, events(1000)).expect("written");
    let input = file.to_str().expect("a path");

    let seen = on_a_terminal("-c 10 --limit 1000", input);
    let progress: Vec<&str> = seen.split("psend: ").filter(|line| line.contains(" of 1,000 events, ")).collect();
    assert!(progress.len() > 5, "it is redrawn: {seen}");
    // The last one may be drawn when the last events are under way, fewer than there are senders.
    let late = progress[progress.len() - 2];
    for part in ["/s now, ", "/s overall, ", "10 in flight, ", ": accepted ", ", P95 2", " left"] {
        assert!(late.contains(part), "{part}: {late}");
    }
    // A terminal gets the summary alone, and no outcomes.
    assert!(seen.contains("Throughput:") && !seen.contains("\"seq\""), "{seen}");

    let sized = on_a_terminal("-c 10", input);
    assert!(sized.contains(" of about 1"), "{sized}");
    assert_eq!(on_a_terminal("-q", input), "");
}

#[test]
fn elsewhere_a_line_now_and_then_says_how_far_it_is() {
    let server = Scripted::start(|_| Act::After(Duration::from_millis(20), Box::new(Act::accept())));
    for (flags, lines) in [(&["--every", "200ms"][..], 2..8), (&["--every", "200ms", "-q"], 0..1), (&[], 0..1)] {
        let run = run_with("psend", &[&["--url", &server.url()], flags].concat(), &events(500)).expect_code(0);
        let said = run.stderr.lines().filter(|line| line.contains(" in flight, ") && line.contains("/s now")).count();
        assert!(lines.contains(&said), "{flags:?}: {}", run.stderr);
        assert_eq!(outcomes(&run).0.len(), 500);
    }
}
