//! What all tools read alike: the first line of an input, lines that are not JSON, paths to fields.

use serde_json::{Value, json};

use super::scripted::{Act, Scripted};
use super::support::{Run, run, run_with};

/// The report of pstats.
#[track_caller]
fn report(flags: &[&str], input: &[u8]) -> Value {
    run_with("pstats", &[&["-q", "--format", "json"], flags].concat(), input).expect_code(0).json()
}

/// The outcomes of psend, in the order of the input, from a server that takes everything.
#[track_caller]
fn outcomes(flags: &[&str], input: &[u8]) -> Vec<Value> {
    let server = Scripted::start(|_| Act::accept());
    let url = server.url();
    let flags = [&["-q", "-c", "1", "--url", &url], flags].concat();
    let mut lines = run_with("psend", &flags, input).expect_code(0).json_lines();
    lines.pop().expect("the run record");
    lines
}

/// What pshape makes of an input.
#[track_caller]
fn shaped(flags: &[&str], input: &[u8]) -> Run {
    run_with("pshape", &[&["-q", "--seed", "1"], flags].concat(), input).expect_code(0)
}

#[test]
fn a_log_that_begins_with_text_in_brackets_is_lines_and_none_is_lost() {
    for first in ["[INFO] boot", "[1,2]", "[\"a\"]", "[", " [ 17 ]", "[2026-01-05 09:00:00] {\"event_id\":\"x\"}"] {
        for mark in ["", "\u{feff}"] {
            let input = format!("{mark}{first}\n{{\"event_id\":\"a\"}}\n{{\"event_id\":\"b\"}}");
            // A lone bracket in front of an object begins an array that is cut off.
            let is_array = first == "[";
            let found = report(&[], input.as_bytes());
            assert_eq!(found["input"]["lines"], if is_array { 1 } else { 3 }, "{first}");
            if is_array {
                assert_eq!(found["input"]["arrays_cut_off"], 1);
                continue;
            }
            assert_eq!(found["events"]["ids"]["unique"], 2, "{first}");
            assert_eq!(shaped(&["--slow", "2x"], input.as_bytes()).text(), input, "{first}");
            let sent: Vec<(Value, Value)> = outcomes(&[], input.as_bytes())
                .into_iter()
                .map(|mut outcome| (outcome["seq"].take(), outcome["outcome"].take()))
                .collect();
            let words = [(1, "rejected"), (2, "accepted"), (3, "accepted")];
            assert_eq!(sent, words.map(|(seq, word)| (json!(seq), json!(word))), "{first}");
        }
    }
}

#[test]
fn a_bracket_that_nothing_follows_is_a_line_that_is_not_json() {
    for input in ["[", "[\n", "\u{feff}[ ", "[\n \n"] {
        let found = report(&[], input.as_bytes());
        assert_eq!(found["input"]["kinds"]["not_json"]["lines"], 1, "{input:?}");
        assert_eq!(shaped(&[], input.as_bytes()).text(), input);
        assert_eq!(outcomes(&[], input.as_bytes())[0]["error"]["kind"], "malformed");
    }
}

#[test]
fn an_array_is_one_wherever_its_first_element_stands() {
    let far = " \r\n".repeat(100_000);
    let input = format!("\u{feff}{far}[{far}{{\"event_id\":\"a\"}}{far},{far}{{\"event_id\":\"b\"}}{far}]");
    assert_eq!(report(&[], input.as_bytes())["events"]["ids"]["unique"], 2);
    assert_eq!(shaped(&[], input.as_bytes()).text(), "{\"event_id\":\"a\"}\n{\"event_id\":\"b\"}\n");
    assert_eq!(outcomes(&[], input.as_bytes()).len(), 2);
    assert_eq!(report(&[], b"[]")["input"]["lines"], 0);
}

#[test]
fn each_file_is_an_array_or_lines_by_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let texts = ["[{\"event_id\":\"a\"},\n{\"event_id\":\"b\"}]", "[INFO] boot\n{\"event_id\":\"c\"}\n", "["];
    let files: Vec<String> = (1..)
        .zip(texts)
        .map(|(number, text)| {
            let path = folder.path().join(number.to_string());
            std::fs::write(&path, text).expect("a file");
            path.display().to_string()
        })
        .collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    for threads in ["1", "2"] {
        let flags = ["-q", "--format", "json", "--threads", threads];
        let found = run("pstats", &[&flags, &files[..]].concat()).expect_code(0).json();
        assert_eq!((&found["events"]["count"], &found["input"]["kinds"]["not_json"]["lines"]), (&json!(3), &json!(2)));
    }
}

#[test]
fn a_nul_behind_a_value_is_no_json_whatever_lines_came_before() {
    let bad = include_str!("../data/nul_behind_a_value.jsonl");
    for line in bad.lines() {
        let good = line.replace('\0', "");
        for lines in [[&*good, &good, line], [line, &good, &good], [&good, line, &good]] {
            let input = lines.join("\n");
            assert_eq!(report(&[], input.as_bytes())["input"]["kinds"]["not_json"]["lines"], 1, "{input}");
            let sent = outcomes(&[], input.as_bytes());
            let rejected = sent.iter().filter(|outcome| outcome["error"]["kind"] == "malformed");
            assert_eq!((sent.len(), rejected.count()), (3, 1), "{input}");
        }
    }
}
