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
fn a_log_that_begins_with_text_in_brackets_is_read_as_lines() {
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
fn a_nul_after_a_value_is_not_json_whatever_lines_came_before() {
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

/// One event in four spellings of the same paths, and an array of OTLP's form.
const SPELLINGS: [&str; 4] = [
    r#"{"id":"1","http":{"response":{"status_code":503,"took":5}}}"#,
    r#"{"id":"2","http.response.status_code":503,"http.response.took":5}"#,
    r#"{"id":"3","http.response":{"status_code":503,"took":5}}"#,
    r#"{"id":"4","http":{"response.status_code":503,"response.took":5}}"#,
];

const SPELT: &str = "id=id,status=http.response.status_code,latency=http.response.took";

#[test]
fn a_path_finds_nested_members_and_keys_spelt_with_dots_in_every_tool() {
    // Each spelling three times: the third is of a known layout.
    let input = [SPELLINGS, SPELLINGS, SPELLINGS].concat().join("\n");
    let by = ["--fields", SPELT, "--by", "http.response.status_code", "--where", "http.response.status_code>=500"];
    let found = report(&by, input.as_bytes());
    assert_eq!((&found["events"]["count"], &found["events"]["error_rate"]), (&json!(12), &json!(1.0)));
    assert_eq!(found["events"]["latency"]["count"], 12);
    assert_eq!(found["events"]["by"]["http.response.status_code"][0]["count"], 12);
    let slow = shaped(&["--fields", SPELT, "--slow", "2x"], input.as_bytes());
    assert_eq!(slow.text(), input.replace("took\":5", "took\":10"));
    let narrowed = shaped(&["--drop", "100%", "--where", "http.response.status_code=503"], input.as_bytes());
    assert_eq!(narrowed.text(), "");
    let sent = outcomes(&["--fields", SPELT, "--tag", "code=http.response.status_code"], input.as_bytes());
    assert!(sent.len() == 12 && sent.iter().all(|outcome| outcome["tags"]["code"] == 503), "{sent:?}");
}

#[test]
fn a_path_leads_through_arrays_in_every_tool() {
    let line = |id: &str| format!(r#"{{"spans":[{{"id":"x","took":1}},{{"id":"{id}","took":7}}],"0":"zero"}}"#);
    let input = format!("{}\n{}", line("a"), line("b"));
    let fields = ["--fields", "id=spans.1.id,latency=spans.1.took"];
    let found = report(&[&fields[..], &["--by", "spans.1.id", "--by", "0"]].concat(), input.as_bytes());
    assert_eq!(found["events"]["ids"]["unique"], 2);
    assert_eq!(found["events"]["by"]["spans.1.id"].as_array().map(Vec::len), Some(2));
    assert_eq!(found["events"]["by"]["0"][0]["group"]["0"], "zero");
    let slow = shaped(&[&fields[..], &["--slow", "3x"]].concat(), input.as_bytes());
    assert_eq!(slow.text(), input.replace("\"took\":7", "\"took\":21"));
    let ids = outcomes(&fields, input.as_bytes()).into_iter().map(|mut outcome| outcome["event_id"].take());
    assert_eq!(ids.collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn a_dot_with_a_backslash_belongs_to_a_key_and_labels_show_it_plain() {
    let input = SPELLINGS.join("\n");
    let name = "http.response.status_code";
    let by = [r"--by", r"http\.response\.status_code", "--fields", "id=id"];
    let found = report(&by, input.as_bytes());
    let groups = found["events"]["by"][name].as_array().expect("named without backslashes");
    let flat = groups.iter().find(|group| group["group"][name] == "503").expect("the line with that key alone");
    assert_eq!(flat["count"], 1);
    let text = run_with("pstats", &[&["-q"], &by[..]].concat(), input.as_bytes()).expect_code(0);
    assert!(text.text().contains(name) && !text.text().contains('\\'), "{}", text.text());
    let both = run_with("pstats", &["--by", r"a\.b", "--by", "a.b"], b"").expect_code(2);
    assert!(both.stderr.contains(r"'a\.b' and 'a.b' have the same name"), "{}", both.stderr);
}

#[test]
fn nested_members_go_before_a_key_spelt_with_the_dots() {
    let input = "{\"a.b\":\"flat\",\"a\":{\"b\":\"nested\"}}\n{\"a\":{\"b\":\"nested\"},\"a.b\":\"flat\"}\n".repeat(3);
    let found = report(&["--fields", "id=a.b", "--by", "a.b"], input.as_bytes());
    let groups = found["events"]["by"]["a.b"].as_array().expect("groups");
    assert_eq!((groups.len(), &groups[0]["group"]["a.b"], &groups[0]["count"]), (1, &json!("nested"), &json!(6)));
}

#[test]
fn every_help_that_takes_paths_says_how_a_dot_in_a_key_is_written() {
    for name in ["pshape", "psend", "pstats"] {
        let help = run(name, &["--help"]).expect_code(0);
        let words: Vec<&str> = help.text().split_whitespace().collect();
        assert!(words.join(" ").contains(r#"a\.b only the key "a.b""#), "{name}");
    }
}
