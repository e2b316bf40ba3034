//! Nothing is lost: dead letters, journals, resumed runs.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use super::{events, outcomes, send, seqs, words};
use crate::scripted::{Act, Scripted};
use crate::support::{end_of, run_with, shell_in};

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).expect("it can be read")
}

#[test]
fn dead_letters_are_the_raw_lines_of_what_did_not_get_through_ready_to_be_sent_again() {
    let server = Scripted::start(|r| match r.event_id().as_str() {
        "evt_2" => Act::answer(422, ""),
        "evt_3" => Act::Close,
        "evt_4" => Act::duplicate(),
        _ => Act::accept(),
    });
    let folder = tempfile::tempdir().expect("a folder");
    let dead = folder.path().join("dead.jsonl");
    let long = format!("{{\"pad\":\"{}\"}}", "x".repeat(300_000));
    let input = format!("{}not json\r\n{long}\n", String::from_utf8_lossy(&events(5)));
    let flags = ["--retries", "0", "--max-line", "1k", "--dead-letter", dead.to_str().expect("a path")];
    let run = send(&server, &flags, input.as_bytes()).expect_code(0);
    let mut got = words(&outcomes(&run).0).iter().map(ToString::to_string).collect::<Vec<_>>();
    got.sort();
    assert_eq!(got, ["accepted", "accepted", "duplicate", "rejected", "rejected", "rejected", "unknown"]);
    let kept: BTreeSet<String> = text(&dead).lines().map(str::to_owned).collect();
    let all = String::from_utf8_lossy(&events(5)).into_owned();
    let wanted: Vec<&str> = all.lines().collect();
    assert_eq!(kept, [wanted[1], wanted[2], "not json", &long].into_iter().map(str::to_owned).collect());
}

#[test]
fn without_a_server_the_whole_input_is_kept_as_dead_letters() {
    let folder = tempfile::tempdir().expect("a folder");
    let dead = folder.path().join("dead.jsonl");
    let flags =
        ["--url", "http://127.0.0.1:9", "--wait-for-server", "100ms", "--dead-letter", dead.to_str().expect("a path")];
    let run = run_with("psend", &flags, &events(5000)).expect_code(1);
    let (outcomes, _) = outcomes(&run);
    assert_eq!(words(&outcomes), vec!["not_sent"; 5000]);
    let kept = std::fs::read(&dead).expect("it is there");
    assert_eq!(kept.len(), events(5000).len());
}

/// Feeds events for ever to a psend that finds no server and keeps the rest as dead letters; what it ended with, and its
/// messages. Its outcomes are read to the first line where `head`, else to their end.
fn without_a_server_and_an_end(flags: &[&str], head: bool) -> (Option<i32>, String, Vec<u8>) {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::process::Stdio;
    let mut child = crate::support::tool("psend")
        .args(["--url", "http://127.0.0.1:9", "--wait-for-server", "50ms"])
        .args(flags)
        .stdin(Stdio::piped())
        .spawn()
        .expect("psend starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let feeder = std::thread::spawn(move || while stdin.write_all(&events(100)).is_ok() {});
    let mut stderr = child.stderr.take().expect("a pipe");
    let said = std::thread::spawn(move || {
        let mut text = String::new();
        stderr.read_to_string(&mut text).map(|_| text).expect("text")
    });
    let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut outcomes = Vec::new();
    if head {
        stdout.read_until(b'\n', &mut outcomes).expect("an outcome");
    } else {
        stdout.read_to_end(&mut outcomes).expect("outcomes");
    }
    drop(stdout);
    let ended = end_of(&mut child);
    feeder.join().expect("feeding does not panic");
    (ended.code(), said.join().expect("read"), outcomes)
}

#[test]
fn keeping_the_rest_as_dead_letters_ends_with_the_time_the_disk_and_the_reader() {
    let folder = tempfile::tempdir().expect("a folder");
    let dead = folder.path().join("dead");
    let dead = dead.to_str().expect("a path");

    let (code, said, out) = without_a_server_and_an_end(&["--dead-letter", dead, "-d", "600ms"], false);
    assert_eq!(code, Some(1));
    assert!(said.contains("no server at http://127.0.0.1:9"), "{said}");
    let (given_up, kept) = (memchr::memmem::find_iter(&out, "\"not_sent\"").count(), text(Path::new(dead)));
    assert_eq!(given_up, kept.lines().count(), "each line read has its outcome, and is kept");
    let record: serde_json::Value =
        serde_json::from_slice(out.trim_ascii_end().rsplit(|b| *b == b'\n').next().expect("a line")).expect("JSON");
    assert_eq!(record["run"]["lines_read"].as_u64(), Some(given_up as u64));

    let (code, said, _) = without_a_server_and_an_end(&["--dead-letter", "/dev/full"], false);
    assert_eq!(code, Some(1));
    assert!(said.contains("/dev/full: No space"), "{said}");

    std::fs::remove_file(dead).expect("it is there");
    let (code, said, _) = without_a_server_and_an_end(&["--dead-letter", dead], true);
    assert_eq!(code, Some(1));
    assert!(said.contains("standard output was closed") && said.contains("could not be written"), "{said}");
}

#[test]
fn a_resumed_run_sends_only_what_is_not_done() {
    let folder = tempfile::tempdir().expect("a folder");
    let (journal, out) = (folder.path().join("journal"), folder.path().join("out.jsonl"));
    let input = folder.path().join("in.jsonl");
    std::fs::write(&input, [b"\n".as_slice(), &events(300)].concat()).expect("written");
    let server = Scripted::start(|_| Act::After(Duration::from_millis(5), Box::new(Act::accept())));
    let flags = [
        input.to_str().expect("a path"),
        "--journal",
        journal.to_str().expect("a path"),
        "-o",
        out.to_str().expect("a path"),
        "-c",
        "4",
    ];
    let url = server.url();
    let mut child = crate::support::tool("psend").args(["--url", &url]).args(flags).spawn().expect("psend starts");
    while server.requests().len() < 100 {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().expect("it runs");
    child.wait().expect("it ended");
    let before = server.requests().len();
    assert!(before < 250, "it was killed in the middle");

    let again = send(&server, &flags, b"").expect_code(2);
    assert!(again.stderr.contains("add --resume"), "{}", again.stderr);
    let run = send(&server, &[&flags[..], &["--resume"]].concat(), b"").expect_code(0);
    assert!(run.stderr.contains("were done before"), "{}", run.stderr);
    assert!(server.requests().len() < 300 + 50, "little was sent twice: {}", server.requests().len());
    let sent: BTreeSet<String> = server.requests().iter().map(crate::scripted::Request::event_id).collect();
    assert_eq!(sent.len(), 300);
    let lines: Vec<serde_json::Value> =
        text(&out).lines().map(|line| serde_json::from_str(line).expect("whole lines only")).collect();
    let outcomes: Vec<serde_json::Value> = lines.iter().filter(|l| l["seq"].is_u64()).cloned().collect();
    assert_eq!(seqs(&outcomes), (2..=301).collect(), "none is lost, and blank lines count");
    assert_eq!(lines.last().expect("a run record")["run"]["complete"], true);

    let give = format!("of which {0} tells: give the input of that run, or remove {0}", journal.display());
    let changed = String::from_utf8_lossy(&events(300)).replace("call 7\"", "call seven\"");
    for (another, what) in [
        (format!("\n{changed}").into_bytes(), "lines 2 to 301 of the input are not those"),
        ([b"\n".as_slice(), &events(200)].concat(), "the input ended before line 301,"),
    ] {
        std::fs::write(&input, another).expect("written");
        let run = send(&server, &[&flags[..], &["--resume"]].concat(), b"").expect_code(1);
        assert!(run.stderr.contains(&format!("--resume: {what} {give}")), "{}", run.stderr);
    }
}

#[test]
fn what_was_not_sent_is_not_done() {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = folder.path().join("journal");
    let flags = ["--journal", journal.to_str().expect("a path"), "--resume", "--wait-for-server", "50ms"];
    run_with("psend", &[&["--url", "http://127.0.0.1:9"], &flags[..]].concat(), &events(3)).expect_code(1);
    let server = Scripted::start(|_| Act::accept());
    let run = send(&server, &flags, &events(3)).expect_code(0);
    assert_eq!(words(&outcomes(&run).0), ["accepted"; 3]);
}

#[test]
fn events_left_for_resume_are_not_dead_letters() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("a path").to_owned();
    let (journal, dead) = (path("journal"), path("dead"));
    let flags = ["--journal", &journal, "--dead-letter", &dead, "--resume", "--wait-for-server", "50ms"];
    let input = [&events(5000)[..], b"no json\n"].concat();
    let run = run_with("psend", &[&["--url", "http://127.0.0.1:9"], &flags[..]].concat(), &input).expect_code(1);
    assert!(words(&outcomes(&run).0).iter().all(|word| ["not_sent", "rejected"].contains(word)));
    let server = Scripted::start(|r| if r.event_id() == "evt_2" { Act::answer(422, "") } else { Act::accept() });
    send(&server, &flags, &input).expect_code(0);
    let mut kept: Vec<String> = text(Path::new(&dead)).lines().map(str::to_owned).collect();
    kept.sort_unstable();
    let second = String::from_utf8(events(2)).expect("text").lines().nth(1).expect("a line").to_owned();
    let mut wanted = ["no json".to_owned(), second];
    wanted.sort_unstable();
    assert_eq!(kept, wanted, "none that was delivered, and each once");
}

#[test]
fn outcomes_do_not_wait_for_the_end_of_a_line_that_is_too_long() {
    use std::io::{BufRead, BufReader, Write};
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("a path").to_owned();
    let (dead, journal) = (path("dead"), path("journal"));
    let server = Scripted::start(|_| Act::After(Duration::from_millis(300), Box::new(Act::answer(422, ""))));
    let url = server.url();
    let flags = ["--url", &url, "-c", "1", "-q", "--max-line", "1k", "--dead-letter", &dead, "--journal", &journal];
    let mut psend = crate::support::tool("psend");
    let mut child = psend.args(flags).stdin(std::process::Stdio::piped()).spawn().expect("psend starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let begun = vec![b'x'; 200_000];
    stdin.write_all(&[&events(2)[..], &begun].concat()).expect("psend reads");
    let stdout = child.stdout.take().expect("a pipe");
    let (said, heard) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|line| said.send(line))
    });
    for _ in 0..2 {
        let outcome = heard.recv_timeout(Duration::from_secs(10)).expect("an outcome, while the line goes on");
        assert!(outcome.contains("\"rejected\""), "{outcome}");
    }
    stdin.write_all(b"yz\n").expect("psend reads");
    drop(stdin);
    crate::support::feed(child, Vec::new()).expect_code(0);
    let rest: Vec<String> = heard.iter().collect();
    assert!(rest.len() == 2 && rest[0].contains("too_long"), "{rest:?}");
    let mut kept = [&events(2)[..], &begun, b"yz\n"].concat();
    kept.rotate_left(events(2).len());
    assert_eq!(std::fs::read(&dead).expect("it is there"), kept, "each whole, and none lost");
    assert_eq!(text(Path::new(&journal)).lines().count(), 4, "three events are done");
}

#[test]
fn the_id_behind_a_byte_order_mark_is_the_one_that_truth_has() {
    let server = Scripted::start(|_| Act::accept());
    let folder = tempfile::tempdir().expect("a folder");
    let script = format!(
        "pgen -q -n 40 --seed 1 --start 2026-01-05T00:00:00Z > events
         pshape -q --encoding 50%,kinds=bom --seed 1 --truth truth events > marked
         psend -q --url {} --send-malformed --tag country=context.tags.country marked > outcomes
         pstats -q --truth truth outcomes > report",
        server.url()
    );
    shell_in(folder.path(), &script, &[]).expect_code(0);
    let lines = |name: &str| -> Vec<serde_json::Value> {
        let text = text(&folder.path().join(name));
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    let outcomes = lines("outcomes");
    let faults: Vec<_> = lines("truth").into_iter().filter(|line| line["fault"] == "encoding").collect();
    assert!(faults.len() > 10);
    for fault in faults {
        let outcome = outcomes.iter().find(|outcome| outcome["seq"] == fault["seq"]).expect("it has an outcome");
        assert_eq!(outcome["event_id"], fault["event_id"]);
        assert!(outcome["service"].is_string() && outcome["tags"]["country"].is_string(), "{outcome}");
    }
    // Lines that are not sent are known by their ids too.
    let marked = "\n\u{feff}{\"event_id\":\"a\"}\n\u{feff}\u{feff}{\"event_id\":7}\n\u{feff}{\"event_id\":\n";
    let run = send(&server, &[], marked.as_bytes()).expect_code(0);
    let (mut got, _) = super::outcomes(&run);
    got.sort_by_key(|outcome| outcome["seq"].as_u64());
    assert_eq!(words(&got), ["rejected"; 3]);
    let ids: Vec<_> = got.iter().map(|outcome| &outcome["event_id"]).collect();
    assert_eq!(ids, [&serde_json::json!("a"), &serde_json::json!(7), &serde_json::Value::Null]);
}

#[test]
fn send_malformed_sends_malformed_lines_unchanged() {
    let server = Scripted::start(|r| if r.event_id().is_empty() { Act::answer(422, "") } else { Act::accept() });
    let input = b"{\"event_id\":\"a\"}\nnot json\n{\"event_id\":\"\xff\n[1]\n";
    let run = send(&server, &["--send-malformed", "-c", "1"], input).expect_code(0);
    assert_eq!(words(&outcomes(&run).0), ["accepted", "rejected", "rejected", "rejected"]);
    let bodies: Vec<Vec<u8>> = server.requests().into_iter().map(|r| r.body).collect();
    assert_eq!(bodies, input.split(|b| *b == b'\n').filter(|l| !l.is_empty()).collect::<Vec<_>>());
}

#[test]
fn a_key_that_the_first_hundred_answers_refuse_stops_the_run() {
    for status in [401, 403] {
        let server = Scripted::start(move |_| Act::answer(status, ""));
        let run = send(&server, &["-c", "5"], &events(400)).expect_code(1);
        let (outcomes, record) = outcomes(&run);
        let not_sent = words(&outcomes).iter().filter(|w| **w == "not_sent").count();
        assert!(server.requests().len() <= 105 && not_sent >= 200, "{not_sent}");
        assert!(run.stderr.contains("refused the key"), "{}", run.stderr);
        assert!(run.stderr.contains("all 401 or 403); 400 events"), "{}", run.stderr);
        assert_eq!(record["complete"], false);
    }
}

#[test]
fn a_wrong_key_is_red_however_few_events_there_are() {
    for (count, flags) in [(1, &[][..]), (3, &["-c", "1"]), (3, &["--batch", "2"])] {
        let server = Scripted::start(|_| Act::answer(401, "no such key"));
        let run = send(&server, flags, &events(count)).expect_code(1);
        let (outcomes, record) = outcomes(&run);
        assert_eq!(words(&outcomes), vec!["rejected"; count], "{flags:?}");
        assert!(run.stderr.contains("refused the key (the guide's test key) in every answer"), "{}", run.stderr);
        assert_eq!(record["complete"], false);
    }
    // One other answer shows that it is not the key.
    let answers = |r: &crate::scripted::Request| Act::answer(if r.event_id() == "evt_2" { 422 } else { 403 }, "");
    let server = Scripted::start(answers);
    let run = send(&server, &["-c", "1"], &events(3)).expect_code(0);
    assert_eq!(words(&outcomes(&run).0), ["rejected"; 3]);
    // An empty input does not mean that the key is wrong.
    send(&server, &[], b"not json\n").expect_code(0);
}

#[test]
fn an_output_that_is_an_input_or_another_output_is_refused_and_nothing_is_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("a path").to_owned();
    let (input, link, other, new) = (path("in.jsonl"), path("link"), path("other"), path("new"));
    std::fs::write(&input, events(5)).expect("written");
    std::fs::hard_link(&input, &link).expect("linked");
    std::os::unix::fs::symlink(&input, &other).expect("linked");
    let server = Scripted::start(|_| Act::accept());
    for flags in [
        &["-o", &input][..],
        &["-o", &link],
        &["--dead-letter", &input],
        &["--dead-letter", &other],
        &["--journal", &input],
        &["--journal", &input, "--resume"],
        &["-o", &new, "--dead-letter", &new],
        &["--journal", &new, "--dead-letter", &new],
    ] {
        let run = send(&server, &[flags, &[&input]].concat(), b"").expect_code(2);
        assert!(run.stderr.contains("are the same file"), "{flags:?}: {}", run.stderr);
        assert_eq!(text(Path::new(&input)).as_bytes(), events(5), "{flags:?}");
    }
    for redirected in ["< in.jsonl -o in.jsonl", "in.jsonl --dead-letter in.jsonl", "in.jsonl --dead-letter dl >> dl"] {
        let script = format!("psend --url {} {redirected}", server.url());
        let run = shell_in(folder.path(), &script, &[]).expect_code(2);
        assert!(run.stderr.contains("are the same file"), "{redirected}: {}", run.stderr);
    }
    assert!(server.requests().is_empty());
    // A device is not a file that could be lost.
    send(&server, &["-o", "/dev/null", "--dead-letter", "/dev/null", &input], b"").expect_code(0);
}

#[test]
fn dead_letters_of_a_run_before_are_not_written_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let dead = folder.path().join("dead.jsonl");
    std::fs::write(&dead, events(2)).expect("written");
    let server = Scripted::start(|_| Act::accept());
    let run = send(&server, &["--dead-letter", dead.to_str().expect("a path")], &events(5)).expect_code(2);
    assert!(run.stderr.contains("it holds events of an earlier run"), "{}", run.stderr);
    assert_eq!(text(&dead).as_bytes(), events(2));
}
