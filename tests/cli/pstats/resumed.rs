//! Several outcomes of one line: runs that were taken up again, copies, and runs that only look alike.

use serde_json::{Value, json};

use super::joins::{TRUTH_END, truth_line};
use super::{outcome, report, run_record};
use crate::support::{run, run_with};

const GREEN: [&str; 5] = ["-q", "--require", "delivered = 100%", "--require", "lost = 0"];

/// The record of a run with this id, that goes on with another or not.
fn record(id: &str, resumes: Option<&str>, complete: bool, lines: u64) -> String {
    let mut record: Value = serde_json::from_str(&run_record(complete)).expect("JSON");
    record["run"]["id"] = json!(id);
    record["run"]["lines_read"] = json!(lines);
    if let Some(resumes) = resumes {
        record["run"]["resumes"] = json!(resumes);
        record["run"]["ended_at"] = json!("2026-01-05T11:00:00.000000Z");
    }
    format!("{record}\n")
}

fn outcomes(word: &str, seqs: std::ops::RangeInclusive<u64>) -> String {
    seqs.map(|seq| outcome(seq, word, json!({}))).collect()
}

fn not_sent(seqs: std::ops::RangeInclusive<u64>) -> String {
    let unsent = json!({"attempts": 0, "status": null, "sent_at": null, "latency_ms": null, "end_to_end_ms": null});
    seqs.map(|seq| outcome(seq, "not_sent", unsent.clone())).collect()
}

/// A run that was interrupted, and the one that went on with it.
fn interrupted_and_resumed() -> (String, String) {
    let first = outcomes("accepted", 1..=6) + &not_sent(7..=9) + &record("a", None, false, 9);
    (first, outcomes("accepted", 7..=20) + &record("b", Some("a"), true, 20))
}

#[test]
fn what_was_not_sent_and_then_sent_is_not_lost() {
    let (first, second) = interrupted_and_resumed();
    for input in [first.clone() + &second, second.clone() + &first] {
        let found = run_with("pstats", &[&GREEN[..], &["--format", "json"]].concat(), input.as_bytes()).expect_code(0);
        assert_eq!(found.stderr, "");
        let found = found.json();
        let of = &found["outcomes"];
        assert_eq!((&of["count"], &of["not_sent"], &of["complete"]), (&json!(20), &json!(0), &json!(true)));
        assert_eq!(found["input"]["kinds"]["repeated"]["lines"], 3);
        assert_eq!((&of["ids"]["unique"], &of["ids"]["duplicates"]), (&json!(20), &json!(0)));
        for form in ["text", "markdown", "html", "prometheus", "junit"] {
            let page = run_with("pstats", &[&GREEN[..], &["--format", form]].concat(), input.as_bytes()).expect_code(0);
            assert!(!page.text().contains("not_sent</td>") && !page.text().contains("not complete"), "{form}");
        }
    }
    // Without the run that went on with it, it is what it was.
    let found = run_with("pstats", &GREEN, first.as_bytes()).expect_code(99);
    assert!(found.stderr.contains("lost = 0: 3") && found.stderr.contains("not complete"), "{}", found.stderr);
}

#[test]
fn a_killed_run_leaves_no_record_and_may_have_written_an_outcome_already() {
    let own = json!({"own_retry": true});
    let killed = outcomes("accepted", 1..=5) + &outcomes("failed", 6..=6);
    let again = outcome(4, "duplicate", own.clone()) + &outcome(5, "duplicate", own) + &outcomes("accepted", 6..=9);
    let input = killed + &again + &record("b", Some("a"), true, 9);
    let found =
        run_with("pstats", &[&GREEN[..], &["--format", "json"]].concat(), input.as_bytes()).expect_code(0).json();
    let of = &found["outcomes"];
    assert_eq!((&of["count"], &of["delivered"], &of["failed"]), (&json!(9), &json!(9), &json!(0)));
    assert_eq!(found["input"]["kinds"]["repeated"]["lines"], 3);
}

#[test]
fn of_outcomes_that_settle_nothing_the_one_that_says_most_counts() {
    let of = |words: &[&str]| {
        let lines: String = words.iter().map(|word| outcome(1, word, json!({}))).collect();
        let found = report(&[], &(lines + &record("a", None, true, 1)));
        assert_eq!(found["outcomes"]["count"], 1, "{words:?}");
        words.iter().find(|word| found["outcomes"][**word] == 1).map(|word| (*word).to_owned()).expect("one counts")
    };
    for (words, counts) in [
        (&["not_sent", "unknown"][..], "unknown"),
        (&["unknown", "not_sent"], "unknown"),
        (&["unknown", "rejected"], "unknown"),
        (&["failed", "unknown"], "unknown"),
        (&["unknown", "missing"], "missing"),
        (&["failed", "rejected"], "rejected"),
        (&["rejected", "failed"], "failed"),
        (&["accepted", "not_sent"], "accepted"),
        (&["rejected", "accepted", "failed"], "accepted"),
        (&["missing", "present"], "present"),
    ] {
        assert_eq!(of(words), counts, "{words:?}");
    }
}

#[test]
fn copies_of_outcomes_count_once() {
    let lines = outcomes("accepted", 1..=4) + &outcomes("failed", 5..=5);
    let once = report(&[], &(lines.clone() + &record("a", None, true, 5)));
    let twice = report(&[], &(lines.clone() + &lines + &record("a", None, true, 5)));
    assert_eq!(once["outcomes"], twice["outcomes"]);
    assert_eq!(twice["input"]["kinds"]["repeated"]["lines"], 5);
    // With their records too they count twice, and pstats reports it.
    let whole = lines + &record("a", None, true, 5);
    let found =
        run_with("pstats", &["-q", "--require", "count >= 1"], (whole.clone() + &whole).as_bytes()).expect_code(99);
    assert!(found.stderr.contains("count more than once"), "{}", found.stderr);
}

#[test]
fn runs_that_do_not_go_on_with_each_other_count_on_their_own() {
    let one = |id: &str| outcomes("accepted", 1..=5) + &record(id, None, true, 5);
    assert_eq!(report(&[], &(one("a") + &one("b")))["outcomes"]["count"], 10);
    // Of the same input, and after a run that was interrupted.
    let (first, _) = interrupted_and_resumed();
    let anew = outcomes("accepted", 1..=9) + &record("c", None, true, 9);
    let found = report(&[], &(first + &anew));
    assert_eq!((&found["outcomes"]["count"], &found["outcomes"]["complete"]), (&json!(18), &json!(false)));
    // Their outcomes mixed up, as two that write to one pipe.
    let of = |run: &str, seq: u64, word: &str| outcome(seq, word, json!({"event_id": format!("{run}{seq}")}));
    let mixed: String = (1..=40).flat_map(|seq| [of("a", seq, "accepted"), of("b", seq, "failed")]).collect();
    let found = report(&[], &(mixed + &record("a", None, true, 40) + &record("b", None, true, 40)));
    let count = |name: &str| found["outcomes"][name].clone();
    assert_eq!((count("count"), count("accepted"), count("failed")), (json!(80), json!(40), json!(40)));
    assert_eq!(count("complete"), true);
    // Shards are distinguished by their mark.
    let shard = |n: u64| -> String {
        (1..=5).map(|seq| outcome(seq, "accepted", json!({"shard": format!("{n}/2")}))).collect()
    };
    let shards = shard(1) + &shard(2) + &record("a", None, true, 5) + &record("b", None, true, 5);
    assert_eq!(report(&[], &shards)["outcomes"]["count"], 10);
}

#[test]
fn parts_of_a_run_that_were_counted_separately_are_reported() {
    let (first, second) = interrupted_and_resumed();
    let state = |lines: &str| run_with("pstats", &["-q", "--format", "state"], lines.as_bytes()).text().to_owned();
    let apart = state(&first) + &state(&second);
    let found = run_with("pstats", &["-q", "--require", "count >= 1"], apart.as_bytes()).expect_code(99);
    assert!(found.stderr.contains("counted apart"), "{}", found.stderr);
    run_with("pstats", &GREEN, state(&(first + &second)).as_bytes()).expect_code(0);
}

#[test]
fn a_resumed_run_is_counted_alike_with_any_number_of_threads() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("outcomes");
    let first = outcomes("accepted", 1..=60_000) + &not_sent(60_001..=60_100) + &record("a", None, false, 60_100);
    let second = outcomes("accepted", 60_001..=70_000) + &record("b", Some("a"), true, 70_000);
    std::fs::write(&file, first + &second).expect("it is written");
    let file = file.to_str().expect("UTF-8");
    for threads in ["1", "3"] {
        run("pstats", &[&GREEN[..], &["--threads", threads, "--require", "count = 70000", file]].concat())
            .expect_code(0);
    }
}

#[test]
fn failures_that_outgrow_memory_wait_on_disk_and_are_all_counted() {
    let failed = outcomes("failed", 1..=40_000);
    let input = failed + &outcomes("accepted", 30_001..=40_000) + &record("a", None, true, 40_000);
    let found = report(&["--by", "status"], &input);
    let of = &found["outcomes"];
    assert_eq!((&of["failed"], &of["accepted"]), (&json!(30_000), &json!(10_000)));
    assert_eq!(found["input"]["kinds"]["repeated"]["lines"], 10_000);
}

#[test]
fn truth_judges_a_line_by_the_outcome_that_counts() {
    let folder = tempfile::tempdir().expect("a folder");
    let truth = folder.path().join("truth");
    let faults: String =
        (1..=20).map(|seq| truth_line(Some(seq), &format!("evt_{seq}"), "spike", "accepted")).collect();
    std::fs::write(&truth, faults + TRUTH_END).expect("written");
    let (first, second) = interrupted_and_resumed();
    let again = outcome(6, "duplicate", json!({"own_retry": true})) + &second;
    let found = report(&["--truth", truth.to_str().expect("UTF-8")], &(first + &again));
    let of = &found["truth"];
    assert_eq!((&of["count"], &of["detected"], &of["false_alarm"]), (&json!(20), &json!(20), &json!(0)));
    assert_eq!(of["untouched"]["count"], 0);
}
