//! Compares truth, events sent and events stored with the stream.

use serde_json::{Value, json};

use super::{outcome, report, run_record};
use crate::support::{run_with, shell};

pub fn truth_line(seq: Option<u64>, id: &str, fault: &str, expect: &str) -> String {
    format!(
        "{}\n",
        json!({"seq": seq, "source_seq": 1, "event_id": id, "fault": fault, "changes": null, "edits": null, "expect": expect})
    )
}

fn outcome_of(seq: u64, id: Option<&str>, word: &str, attempts: u64) -> String {
    outcome(seq, word, json!({"event_id": id, "attempts": attempts}))
}

pub const TRUTH_END: &str = "{\"fault\":\"summary\",\"lines_in\":1,\"lines_out\":1,\"totals\":{},\"complete\":true}\n";

#[test]
fn each_injected_fault_is_compared_with_its_outcome() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("truth.jsonl");
    let truth = [
        truth_line(Some(1), "a", "spike", "accepted"),
        truth_line(Some(2), "b", "spike", "accepted"),
        truth_line(Some(3), "c", "malformed", "rejected"),
        truth_line(Some(4), "d", "malformed", "rejected"),
        truth_line(Some(5), "e", "malformed", "rejected"),
        truth_line(Some(7), "f", "duplicate", "duplicate"),
        truth_line(Some(9), "g", "duplicate", "duplicate"),
        truth_line(None, "h", "drop", "absent"),
        truth_line(None, "i", "drop", "absent"),
        TRUTH_END.to_owned(),
    ]
    .concat();
    std::fs::write(&file, truth).expect("it is written");
    let input = [
        outcome_of(1, Some("a"), "accepted", 1),
        outcome_of(2, Some("b"), "rejected", 1),
        outcome_of(3, None, "rejected", 0),
        outcome_of(4, None, "accepted", 1),
        outcome_of(5, None, "unknown", 1),
        // The copy came first: one is new, the other a duplicate, in whatever order.
        outcome_of(6, Some("f"), "duplicate", 1),
        outcome_of(7, Some("f"), "accepted", 1),
        outcome_of(8, Some("g"), "accepted", 1),
        outcome_of(9, Some("g"), "accepted", 1),
        outcome_of(10, Some("i"), "accepted", 1),
        outcome_of(11, Some("k"), "rejected", 1),
        run_record(true),
    ]
    .concat();
    let args = ["--truth", file.to_str().expect("UTF-8"), "--format", "json", "--require", "truth.missed = 0"];
    let found = run_with("pstats", &args, input.as_bytes()).expect_code(99).json();
    let figures = |fault: &str| {
        let of = &found["truth"]["faults"][fault];
        ["count", "detected", "missed", "false_alarm", "undecidable"].map(|name| of[name].as_u64().expect("a count"))
    };
    assert_eq!(figures("spike"), [2, 1, 0, 1, 0]);
    assert_eq!(figures("malformed"), [3, 1, 1, 0, 1]);
    assert_eq!(figures("duplicate"), [2, 1, 1, 0, 0]);
    assert_eq!(figures("drop"), [2, 1, 1, 0, 0]);
    assert_eq!(found["truth"]["faults"]["malformed"]["refused_unsent"], 1);
    assert_eq!(found["truth"]["untouched"]["false_alarm"], 1);
    assert_eq!(found["truth"]["missed"], 3);
    let text = run_with("pstats", &args[..2], input.as_bytes()).expect_code(0);
    assert!(text.text().contains("Injected faults"), "{}", text.text());
}

#[test]
fn truth_that_is_completed_a_moment_after_the_outcomes_end_is_read() {
    let run = shell(
        "cd $(mktemp -d) && pgen -q -n 100 --seed 1 > events && pgen -q -n 100 --seed 1 |
         pshape -q --spikes 5% --seed 1 --truth complete > /dev/null
         (sleep 0.3; mv complete truth) & pstats -q --truth truth --format json events; wait; rm -r $PWD",
    );
    assert_eq!(run.expect_code(0).json()["truth"]["faults"]["spike"]["count"], 4);
    let missing = run_with("pstats", &["--truth", "/nowhere/truth"], b"").expect_code(1);
    assert!(missing.stderr.contains("/nowhere/truth: No such file"), "{}", missing.stderr);
}

#[test]
fn duplicates_are_undecidable_if_the_server_does_not_report_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("truth.jsonl");
    std::fs::write(&file, truth_line(Some(2), "a", "duplicate", "duplicate") + TRUTH_END).expect("it is written");
    let input = outcome_of(1, Some("a"), "accepted", 1) + &outcome_of(2, Some("a"), "accepted", 1) + &run_record(true);
    let found = report(&["--truth", file.to_str().expect("UTF-8")], &input);
    assert_eq!(found["truth"]["faults"]["duplicate"]["undecidable"], 1);
    let on_stdin = truth_line(Some(2), "a", "duplicate", "duplicate") + &input + TRUTH_END;
    assert_eq!(report(&["--truth", "-"], &on_stdin)["truth"], found["truth"]);
}

#[test]
fn streams_that_do_not_line_up_end_with_1() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("truth.jsonl");
    std::fs::write(&file, truth_line(Some(1), "a", "spike", "accepted") + TRUTH_END).expect("it is written");
    let input = outcome_of(1, Some("b"), "accepted", 1) + &run_record(true);
    let found = run_with("pstats", &["--truth", file.to_str().expect("UTF-8")], input.as_bytes()).expect_code(1);
    assert!(found.stderr.contains("streams do not line up"), "{}", found.stderr);
}

#[test]
fn what_was_sent_arrived_and_is_stored_is_reconciled_by_id() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let ids = |ids: &[&str]| ids.iter().map(|id| format!("{{\"event_id\":\"{id}\"}}\n")).collect::<String>();
    std::fs::write(path("sent"), ids(&["a", "b", "c", "d", "e"])).expect("written");
    std::fs::write(path("stored"), ids(&["a", "c", "x"])).expect("written");
    let input = [
        outcome_of(1, Some("a"), "accepted", 1),
        outcome_of(2, Some("b"), "accepted", 1),
        outcome_of(3, Some("c"), "failed", 1),
        outcome_of(4, Some("d"), "not_sent", 0),
        outcome_of(5, Some("y"), "accepted", 1),
        run_record(true),
    ]
    .concat();
    let args = ["--against", &path("sent"), "--stored", &path("stored")];
    let found = &report(&args, &input)["reconciled"];
    let figures = [
        "sent_ids",
        "arrived_ids",
        "sent_not_arrived",
        "arrived_not_sent",
        "accepted_missing",
        "failed_present",
        "extra",
    ];
    assert_eq!(figures.map(|name| found[name].as_u64().expect("a count")), [5, 3, 3, 1, 2, 1, 1]);
    assert_eq!(found["table"]["accepted"]["present"], 1);
    assert_eq!(found["table"]["none"], json!({"present": 0, "missing": 1, "differs": 0, "extra": 1, "unchecked": 0}));
    // The same from psend --verify's outcomes.
    let verified = outcome_of(1, Some("a"), "differs", 1) + &outcome_of(2, Some("b"), "missing", 1) + &run_record(true);
    std::fs::write(path("verified"), verified).expect("written");
    let found = &report(&["--stored", &path("verified")], &input)["reconciled"];
    assert_eq!(
        found["table"]["accepted"],
        json!({"present": 0, "missing": 1, "differs": 1, "extra": 0, "unchecked": 1})
    );
    let require = ["--stored", &path("verified"), "--require", "reconciled.accepted_missing = 0"];
    run_with("pstats", &require, input.as_bytes()).expect_code(99);
}

#[test]
fn states_cannot_be_held_against_streams() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    std::fs::write(path("truth"), truth_line(Some(1), "a", "malformed", "rejected") + TRUTH_END).expect("written");
    std::fs::write(path("events"), "{\"event_id\":\"a\"}\n").expect("written");
    let input = outcome_of(1, Some("a"), "accepted", 1) + &run_record(true);
    let state = run_with("pstats", &["--format", "state", "-q"], input.as_bytes()).expect_code(0);
    for (flag, file) in [("--truth", "truth"), ("--against", "events"), ("--stored", "events")] {
        let found = run_with("pstats", &[flag, &path(file)], &state.stdout).expect_code(1);
        assert!(found.stderr.contains("the streams themselves") && found.stdout.is_empty(), "{flag}: {}", found.stderr);
    }
}

#[test]
fn a_filter_narrows_the_figures_and_not_what_is_joined() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    std::fs::write(path("truth"), truth_line(Some(1), "a", "malformed", "rejected") + TRUTH_END).expect("written");
    std::fs::write(path("sent"), "{\"event_id\":\"a\"}\n{\"event_id\":\"b\"}\n").expect("written");
    let input = outcome_of(1, Some("a"), "accepted", 1) + &outcome_of(2, Some("b"), "rejected", 1) + &run_record(true);
    let (truth, sent) = (path("truth"), path("sent"));
    let args = ["--truth", &truth, "--against", &sent];
    let (whole, narrowed) =
        (report(&args, &input), report(&[&args[..], &["--where", "outcome=rejected"]].concat(), &input));
    assert_eq!((&whole["outcomes"]["count"], &narrowed["outcomes"]["count"]), (&json!(2), &json!(1)));
    assert_eq!(whole["truth"]["missed"], 1);
    assert_eq!((&whole["truth"], &whole["reconciled"]), (&narrowed["truth"], &narrowed["reconciled"]));
}

#[test]
fn truth_of_another_shard_does_not_line_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let truth =
        |shard: &str| truth_line(Some(1), "a", "spike", "accepted").replace('}', &format!(",\"shard\":\"{shard}\"}}"));
    std::fs::write(path("1"), truth("1/2") + TRUTH_END).expect("written");
    std::fs::write(path("2"), truth("2/2") + TRUTH_END).expect("written");
    let of_shard = |seq, shard: &str| outcome(seq, "accepted", json!({"event_id": "a", "shard": shard}));
    let first = of_shard(1, "1/2") + &run_record(true);
    run_with("pstats", &["--truth", &path("1")], first.as_bytes()).expect_code(0);
    let other = run_with("pstats", &["--truth", &path("2")], first.as_bytes()).expect_code(1);
    assert!(other.stderr.contains("truth is of shard 2/2, outcomes are of shard 1/2"), "{}", other.stderr);
    let unmarked = outcome_of(1, Some("a"), "accepted", 1) + &run_record(true);
    let unmarked = run_with("pstats", &["--truth", &path("2")], unmarked.as_bytes()).expect_code(1);
    assert!(unmarked.stderr.contains("streams do not line up"), "{}", unmarked.stderr);
    let both = of_shard(1, "2/2") + &first;
    let found = report(&["--truth", &path("1"), "--truth", &path("2")], &both);
    assert_eq!((&found["truth"]["detected"], &found["truth"]["complete"]), (&json!(2), &json!(true)));
    std::fs::write(path("cut"), truth("2/2")).expect("written");
    let found = report(&["--truth", &path("1"), "--truth", &path("cut")], &both);
    assert_eq!(found["truth"]["complete"], false);
}

#[test]
fn joins_that_outgrow_memory_go_to_disk_and_say_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let ids =
        |range: std::ops::Range<u64>| range.map(|n| format!("{{\"event_id\":\"evt_{n}\"}}\n")).collect::<String>();
    std::fs::write(path("sent"), ids(0..600_000)).expect("written");
    let args = ["--against", &path("sent"), "--exact-ids", "1k"];
    let found = report(&args, &ids(100_000..600_100));
    let of = &found["reconciled"];
    assert_eq!((&of["sent_ids"], &of["arrived_ids"]), (&json!(600_000), &json!(500_100)));
    assert_eq!((&of["sent_not_arrived"], &of["arrived_not_sent"]), (&json!(100_000), &json!(100)));
}

/// Files with these texts, and a folder that keeps them.
fn files(texts: &[String]) -> (tempfile::TempDir, Vec<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |n: usize| folder.path().join(n.to_string()).to_str().expect("UTF-8").to_owned();
    let names: Vec<String> = (0..texts.len()).map(path).collect();
    for (name, text) in std::iter::zip(&names, texts) {
        std::fs::write(name, text).expect("it is written");
    }
    (folder, names)
}

#[test]
fn what_cannot_be_known_meets_no_requirement() {
    let sent = "{\"event_id\":\"a\"}\n".to_owned();
    let stored = outcome_of(1, Some("a"), "present", 1) + &run_record(true);
    let truth = truth_line(Some(1), "a", "malformed", "rejected") + TRUTH_END;
    let (_folder, names) = files(&[sent.clone(), stored, truth]);
    let outcomes = outcome_of(1, Some("a"), "accepted", 1) + &run_record(true);
    for (input, flag, file, figure) in [
        (&outcomes, "--against", 0, "reconciled.accepted_missing"),
        (&outcomes, "--against", 0, "reconciled.extra"),
        (&outcomes, "--stored", 1, "reconciled.sent_not_arrived"),
        (&outcomes, "--stored", 1, "reconciled.sent"),
        (&String::new(), "--stored", 1, "reconciled.accepted_missing"),
        (&sent, "--stored", 1, "reconciled.failed_present"),
        (&String::new(), "--truth", 2, "truth.missed"),
        (&sent, "--truth", 2, "truth.missed"),
    ] {
        let require = format!("{figure} = 0");
        let found = run_with("pstats", &["-q", flag, &names[file], "--require", &require], input.as_bytes());
        assert!(found.expect_code(99).stderr.contains(&format!("{require}: no data")), "{flag} {figure}");
    }
    let both = ["--against", &names[0], "--stored", &names[1], "--require", "reconciled.accepted_missing = 0"];
    assert_eq!(run_with("pstats", &[&both[..], &["-q"]].concat(), outcomes.as_bytes()).expect_code(0).stderr, "");
    for form in ["markdown", "html"] {
        let page =
            run_with("pstats", &[&both[..], &["-q", "--format", form]].concat(), outcomes.as_bytes()).expect_code(0);
        assert!(page.text().contains("Arrived, not sent"), "{form}");
    }
}

#[test]
fn what_is_stored_has_to_be_all_there() {
    let present = outcome_of(1, Some("a"), "present", 1);
    let (_folder, names) = files(&[present.clone(), present + &run_record(false)]);
    let outcomes = outcome_of(1, Some("a"), "accepted", 1) + &run_record(true);
    for stored in &names {
        let args = ["-q", "--stored", stored, "--require", "reconciled.accepted_missing = 0"];
        let found = run_with("pstats", &args, outcomes.as_bytes()).expect_code(99);
        assert!(found.stderr.contains("--stored is not complete"), "{}", found.stderr);
    }
}

#[test]
fn a_good_line_called_a_duplicate_is_a_false_alarm_unless_another_with_its_id_was_taken() {
    let truth =
        truth_line(Some(1), "a", "spike", "accepted") + &truth_line(Some(2), "b", "spike", "accepted") + TRUTH_END;
    let (_folder, names) = files(&[truth]);
    let input = [
        outcome_of(1, Some("a"), "duplicate", 1),
        outcome_of(2, Some("b"), "duplicate", 1),
        outcome_of(3, Some("b"), "accepted", 1),
        outcome_of(4, Some("c"), "accepted", 1),
        outcome_of(5, Some("c"), "duplicate", 1),
        outcome_of(6, Some("d"), "duplicate", 1),
        run_record(true),
    ]
    .concat();
    let found = report(&["--truth", &names[0]], &input);
    let spike = &found["truth"]["faults"]["spike"];
    assert_eq!((&spike["detected"], &spike["false_alarm"]), (&json!(1), &json!(1)));
    let untouched = &found["truth"]["untouched"];
    assert_eq!((&untouched["detected"], &untouched["false_alarm"]), (&json!(3), &json!(1)));
}

/// Outcomes of copies: sent at these seconds, with this status.
fn copy_of(seq: u64, id: &str, word: &str, status: u16, sent: u32) -> String {
    let sent_at = format!("2026-01-05T10:00:{sent:02}.000000Z");
    outcome(seq, word, json!({"event_id": id, "status": status, "sent_at": sent_at, "end_to_end_ms": 900.0}))
}

#[test]
fn copies_that_a_server_answers_as_new_are_undecidable_and_settled_by_what_it_stored() {
    let truth: String = [2, 4, 6]
        .iter()
        .zip(["a", "b", "c"])
        .map(|(seq, id)| truth_line(Some(*seq), id, "duplicate", "duplicate"))
        .collect();
    let stored = |ids: &[&str]| ids.iter().map(|id| format!("{{\"event_id\":\"{id}\"}}\n")).collect::<String>();
    let (_folder, names) = files(&[truth + TRUTH_END, stored(&["a", "b", "c"]), stored(&["a", "b", "b", "c"])]);
    // At once, the second violates the database's constraint. One after the other, both get the same answer.
    let input = [
        copy_of(1, "a", "accepted", 200, 1),
        copy_of(2, "a", "duplicate", 400, 1),
        copy_of(3, "b", "accepted", 200, 5),
        copy_of(4, "b", "accepted", 200, 8),
        copy_of(5, "c", "accepted", 200, 10),
        copy_of(6, "c", "accepted", 200, 12),
        run_record(true),
    ]
    .concat();
    let judged = |args: &[&str]| {
        let found = report(&[&["--truth", names[0].as_str()], args].concat(), &input);
        ["detected", "missed", "undecidable"].map(|name| found["truth"][name].as_u64().expect("a count"))
    };
    assert_eq!(judged(&[]), [1, 0, 2]);
    assert_eq!(judged(&["--stored", &names[1]]), [3, 0, 0]);
    assert_eq!(judged(&["--stored", &names[2]]), [2, 1, 0]);
    let text = run_with("pstats", &["--truth", &names[0]], input.as_bytes()).expect_code(0);
    assert!(text.text().contains("2 copies answered like new events"), "{}", text.text());
    // A server that reports a later duplicate does report duplicates.
    let later = input.replace("\"status\":400", "\"status\":409").replacen("10:00:01", "10:00:03", 1);
    let found = report(&["--truth", &names[0]], &later);
    assert_eq!((&found["truth"]["missed"], &found["truth"]["undecidable"]), (&json!(2), &json!(0)));
}

#[test]
fn either_answer_is_correct_if_the_standard_allows_both() {
    let truth: String = (1..=3)
        .map(|seq| {
            truth_line(Some(seq), "a", "encoding", "either").replace("\"edits\":null", "\"edits\":[[0,0,\"77u/\"]]")
        })
        .collect();
    let (_folder, names) = files(&[truth + TRUTH_END]);
    let input = outcome_of(1, Some("a"), "accepted", 1)
        + &outcome_of(2, None, "rejected", 1)
        + &outcome(3, "failed", json!({"event_id": null, "status": 500}))
        + &run_record(true);
    let found = report(&["--truth", &names[0]], &input);
    let of = &found["truth"]["faults"]["encoding"];
    assert_eq!((&of["detected"], &of["undecidable"]), (&json!(2), &json!(1)));
    assert_eq!(found["truth"]["why_undecidable"], json!({"error_answer": 1}));
    for form in ["text", "markdown", "html"] {
        let page = run_with("pstats", &["--truth", &names[0], "--format", form], input.as_bytes());
        assert!(page.text().contains("Undecidable: 1 answered with an error"), "{form}");
    }
}

#[test]
fn stored_lines_without_an_id_leave_open_what_is_missing() {
    let (_folder, names) =
        files(&["{\"external_id\":\"a\"}\n{\"external_id\":\"b\"}\n".to_owned(), "{\"event_id\":\"a\"}\n".to_owned()]);
    let input = outcome_of(1, Some("a"), "accepted", 1) + &outcome_of(2, Some("b"), "accepted", 1) + &run_record(true);
    let args = [
        "-q",
        "--stored",
        &names[0],
        "--require",
        "reconciled.accepted_missing = 2",
        "--allow-empty",
        "--format",
        "json",
    ];
    let found = run_with("pstats", &args, input.as_bytes()).expect_code(99);
    assert!(found.stderr.contains("not known") && found.stderr.contains("--fields id=PATH"), "{}", found.stderr);
    let found = found.json();
    assert_eq!(
        (&found["reconciled"]["accepted_missing"], &found["reconciled"]["table"]["accepted"]["missing"]),
        (&Value::Null, &Value::Null)
    );
    let text = run_with("pstats", &["-q", "--stored", &names[0]], input.as_bytes()).expect_code(0);
    assert!(text.text().contains("not known") && !text.text().contains("Accepted, missing"), "{}", text.text());
    assert_eq!(report(&["--stored", &names[1]], &input)["reconciled"]["accepted_missing"], 1);
}

#[test]
fn an_event_has_arrived_if_an_outcome_says_that_the_server_has_it() {
    let ids: String = ["a", "b", "c", "d"].iter().map(|id| format!("{{\"event_id\":\"{id}\"}}\n")).collect();
    let (_folder, names) = files(&[ids]);
    let words = [("a", "accepted"), ("b", "rejected"), ("c", "unknown"), ("d", "failed")];
    let lines: String = (1..).zip(words).map(|(seq, (id, word))| outcome_of(seq, Some(id), word, 1)).collect();
    let found = report(&["--against", &names[0]], &(lines.clone() + &run_record(true)));
    let figures = ["sent_ids", "arrived_ids", "sent_not_arrived", "sent_unknown"];
    assert_eq!(figures.map(|name| found["reconciled"][name].as_u64().expect("a count")), [4, 1, 3, 1]);
    let require = ["-q", "--against", &names[0], "--require", "reconciled.sent_not_arrived = 0"];
    run_with("pstats", &require, (lines + &run_record(true)).as_bytes()).expect_code(99);
}

#[test]
fn each_missed_fault_is_written_with_what_was_done_and_what_the_server_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let (truth, missed) = (folder.path().join("truth.jsonl"), folder.path().join("missed.jsonl"));
    let broken: String = (1..=12)
        .map(|seq| {
            format!(
                "{{\"seq\":{seq},\"source_seq\":{seq},\"event_id\":\"b{seq}\",\"fault\":\"malformed\",\"changes\":null,\
                 \"edits\":[[943,6,\"TmFO\"]],\"expect\":\"rejected\"}}\n"
            )
        })
        .collect();
    // Both copies of d are new to a server that tells duplicates, and the dropped event came.
    let copy = truth_line(Some(14), "d", "duplicate", "duplicate");
    let known = truth_line(Some(16), "e", "duplicate", "duplicate");
    let dropped = truth_line(None, "gone", "drop", "absent");
    std::fs::write(&truth, broken + &copy + &known + &dropped + TRUTH_END).expect("it is written");
    let broken: String = (1..=12).map(|seq| outcome_of(seq, None, "accepted", 1)).collect();
    let rest = [
        (13, "d", "accepted"),
        (14, "d", "accepted"),
        (15, "e", "accepted"),
        (16, "e", "duplicate"),
        (17, "gone", "accepted"),
    ];
    let rest: String = rest.into_iter().map(|(seq, id, word)| outcome_of(seq, Some(id), word, 1)).collect();
    let (truth, file) = (truth.to_str().expect("UTF-8"), missed.to_str().expect("UTF-8"));
    let report = report(&["--truth", truth, "--missed", file, "--partial"], &(broken + &rest));
    let lines = std::fs::read_to_string(&missed).expect("it was written");
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(report["truth"]["missed"], lines.len());
    assert_eq!(report["truth"]["faults"]["malformed"]["missed_examples"].as_array().expect("a list").len(), 10);
    let of = |fault: &str| lines.iter().filter(|line| line["fault"] == fault).collect::<Vec<_>>();
    assert_eq!((of("malformed").len(), of("duplicate").len(), of("drop").len()), (12, 1, 1), "{lines:?}");
    let first = of("malformed")[0];
    assert_eq!((&first["seq"], &first["event_id"], &first["status"]), (&json!(1), &json!("b1"), &json!(200)));
    assert_eq!(
        (&first["done"], &first["outcome"]),
        (&json!("byte 943: 6 deleted, 'NaN' inserted"), &json!("accepted"))
    );
    assert_eq!((&of("duplicate")[0]["seq"], &of("drop")[0]["event_id"]), (&json!(14), &json!("gone")));
    let refused = crate::support::run_with("pstats", &["--missed", file], b"").expect_code(2);
    assert!(refused.stderr.contains("--truth"), "{}", refused.stderr);
}
