//! `plearn --like` as users run it: how alike synthetic events and real ones are.

use serde_json::Value;

use crate::support::{run, sample, shell_in};

/// Two halves of a log: `real` and `other`.
fn halves() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let events = run("pgen", &["-q", "-n", "3000", "--seed", "4", "--start", "2026-01-05"]).expect_code(0).stdout;
    std::fs::write(folder.path().join("log"), events).expect("written");
    shell_in(folder.path(), "awk 'NR % 2' log > real; awk 'NR % 2 == 0' log > other", &[]).expect_code(0);
    folder
}

fn like(folder: &tempfile::TempDir, command: &str) -> Value {
    shell_in(folder.path(), command, &[]).expect_code(0).json()
}

fn member<'r>(report: &'r Value, path: &str) -> &'r Value {
    let list = report["members"]["list"].as_array().expect("a list");
    list.iter().find(|member| member["member"] == path).unwrap_or_else(|| panic!("{path} is not in {report}"))
}

#[test]
fn two_halves_of_a_log_are_within_the_noise_floor() {
    let folder = halves();
    let report = like(&folder, "plearn -q --format json --like real other");
    assert_eq!(report["beyond_noise"], 0, "{report}");
    assert_eq!((&report["members"]["beyond_noise"], &report["told_apart_by"]), (&0.into(), &serde_json::json!([])));
    assert_eq!((&report["real"]["events"], &report["compared"]), (&Value::from(1500), &Value::from(1500)));
    let status = member(&report, "metrics.status_code");
    let figure = &status["figures"]["values"];
    assert_eq!(status["verdict"], "within_noise");
    assert!(figure["distance"].as_f64() <= figure["noise"].as_f64().map(|noise| noise * 2.0), "{status}");
    assert_eq!(member(&report, "metrics.response_time_ms")["figures"]["values"]["measure"], "Kolmogorov-Smirnov");
    for figure in ["presence", "type"] {
        assert_eq!(status["figures"][figure]["distance"], 0.0, "{status}");
    }
    let pairs = report["pairs"]["list"].as_array().expect("pairs");
    assert!(pairs.iter().any(|pair| pair["members"][1] == "context.tags.region"), "{pairs:?}");
    assert!(report["arrivals"]["figures"]["hours"].is_object() || report["arrivals"]["figures"]["gaps"].is_object());
    // The same input gives the same report.
    assert_eq!(report, like(&folder, "plearn -q --format json --like real other"));
}

#[test]
fn what_is_changed_is_named_in_the_text_and_in_json() {
    let folder = halves();
    let change = "sed -e 's/\"status_code\":200/\"status_code\":201/' -e 's/\"severity\":\"info\",//' other > new";
    shell_in(folder.path(), change, &[]).expect_code(0);
    let report = like(&folder, "plearn -q --format json --like real new");
    assert_eq!(report["members"]["beyond_noise"], 2, "{report}");
    let status = member(&report, "metrics.status_code");
    assert_eq!(status["verdict"], "beyond_noise");
    assert_eq!(status["figures"]["values"]["largest"]["at"], "201", "{status}");
    assert_eq!(member(&report, "severity")["figures"]["presence"]["verdict"], "beyond_noise");
    // What a classifier told them apart by: one of both is enough for it.
    let reasons = report["told_apart_by"].as_array().expect("reasons");
    let named: Vec<&str> = reasons.iter().filter_map(|reason| reason["members"][0].as_str()).collect();
    assert!(named.contains(&"severity") || named.contains(&"metrics.status_code"), "{reasons:?}");
    assert!(reasons[0]["share"].as_f64() > Some(0.3), "{reasons:?}");
    let text = shell_in(folder.path(), "plearn -q --like real new", &[]).expect_code(0).text().to_owned();
    assert!(text.contains(&format!("told apart by {}", named[0])), "{text}");
    assert!(text.contains("beyond the noise floor: severity, metrics.status_code"), "{text}");
    assert!(text.contains("BEYOND NOISE"), "{text}");
    // Several real files are one, and the synthetic events may come from a pipe.
    let piped = like(
        &folder,
        "head -n 700 real > r1; tail -n +701 real > r2; cat new | plearn -q --format json --like r1 --like r2",
    );
    assert_eq!(piped, report);
    // A member that is left out is not judged.
    let dropped = like(&folder, "plearn -q --drop severity --format json --like real new");
    assert_eq!(dropped["members"]["beyond_noise"], 1);
}

#[test]
fn free_text_is_marked_and_not_judged_and_values_that_identify_are_not_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = format!(
        "awk '{{ sub(/}}$/, \", \\\"note\\\": \\\"the \" NR \"th of \" NR * 7 \" was here\\\"}}\"); print }}' {} > log
        awk 'NR % 2' log > real; awk 'NR % 2 == 0' log > other",
        sample().display()
    );
    shell_in(folder.path(), &script, &[]).expect_code(0);
    let report = like(&folder, "plearn -q --format json --like real other");
    let note = member(&report, "note");
    assert_eq!((&note["kind"], &note["verdict"]), (&Value::from("free text"), &Value::from("not_judged")));
    assert_eq!(report["members"]["beyond_noise"], 0, "{report}");
    let text = shell_in(folder.path(), "plearn -q --like real other", &[]).expect_code(0).text().to_owned();
    for event in std::fs::read_to_string(folder.path().join("real")).expect("read").lines().take(50) {
        let event: Value = serde_json::from_str(event).expect("JSON");
        for path in ["/event_id", "/context/session_id", "/context/ip_address", "/note"] {
            let value = event.pointer(path).and_then(Value::as_str).expect("a text");
            assert!(!text.contains(value) && !report.to_string().contains(value), "{value}");
        }
    }
}

#[test]
fn a_requirement_that_is_not_met_or_not_known_is_exit_code_99() {
    let folder = halves();
    let run = |command: &str, code: i32| shell_in(folder.path(), command, &[]).expect_code(code);
    let met = "plearn -q --like real other --require 'auc <= 0.6' --require 'members.beyond_noise = 0'";
    assert!(run(met, 0).text().contains("✓ met"));
    let changed = "sed 's/\"status_code\":200/\"status_code\":201/' other | plearn -q --like real --format json";
    let judged = run(&format!("{changed} --require 'auc <= 0.55' --require 'pairs.count >= 1'"), 99);
    assert!(judged.stderr.contains("not met: auc <= 0.55: "), "{}", judged.stderr);
    let report = judged.json();
    assert_eq!((&report["requirements"][0]["met"], &report["requirements"][1]["met"]), (&false.into(), &true.into()));
    assert!(report["auc"].as_f64() > Some(0.9) && report["auc_low"].as_f64() > Some(0.9), "{report}");
    let few = run("head -n 5 other | plearn -q --like real --require 'auc <= 0.55'", 99);
    assert!(few.stderr.contains("not known: the classifier needs"), "{}", few.stderr);
    for (command, word) in [
        ("plearn -q --like real other --require 'members.beyond = 0'", "members.beyond_noise"),
        ("plearn -q --like real other --require 'auc <= x'", "0.55"),
        ("plearn -q real --require 'auc <= 0.55'", "--like"),
    ] {
        let refused = run(command, 2);
        assert!(refused.stderr.contains(word), "{command}: {}", refused.stderr);
    }
}

#[test]
fn wrong_use_and_bad_input_are_told() {
    let folder = halves();
    let fails = |command: &str, code: i32, word: &str| {
        let run = shell_in(folder.path(), command, &[]).expect_code(code);
        assert!(run.stderr.contains(word) && run.stdout.is_empty(), "{command}: {}", run.stderr);
    };
    fails("plearn -q --format json real", 2, "--like");
    fails("plearn -q --like real --format world other", 2, "expected text or json");
    fails("plearn -q --like missing other", 1, "missing");
    fails("plearn -q --like real /dev/null", 1, "the synthetic side");
    fails("plearn -q --format state real > s; plearn -q --like s other", 1, "a state of plearn");
    fails("plearn -q --like real -o real other", 2, "the same file");
    let some = shell_in(folder.path(), "(cat other; echo oops) | plearn -q --like real", &[]).expect_code(0);
    assert!(some.stderr.contains("synthetic events: 1 line is not a JSON object"), "{}", some.stderr);
    // Too little to judge by is no promise.
    let few = like(&folder, "head -n 5 other | plearn -q --format json --like real");
    assert_eq!(few["members"]["beyond_noise"], Value::Null);
    assert!(few["not_known"]["members.beyond_noise"].is_string(), "{few}");
}
