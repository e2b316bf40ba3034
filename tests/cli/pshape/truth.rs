//! What truth says changed did, and nothing else did.

use super::*;

#[test]
fn truth_says_what_each_effect_did_and_nothing_else_was_done() {
    for (place, input) in inputs().into_iter().enumerate() {
        for args in EFFECTS {
            let shaped = shape(args, &input);
            check(&shaped, &input);
            assert!(place > 0 || !shaped.faults.is_empty(), "{args:?} did nothing");
            check(&shape(&[*args, &["--label"]].concat(), &input), &input);
            check(&shape(&[*args, &["--where", "service!=auth-service"]].concat(), &input), &input);
        }
    }
}

#[test]
fn truth_says_what_all_effects_together_did() {
    for input in inputs() {
        for more in [&[][..], &["--label"], &["--where", "region=EU,status_code<500"]] {
            check(&shape(&[&all_together(), more].concat(), &input), &input);
        }
    }
}

#[test]
fn a_right_server_makes_of_each_line_what_truth_expects() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("events"), events(1500)).expect("written");
    // One request at a time: of copies the first is the new one.
    let script = "pserve --listen 127.0.0.1:0 --db db --exec 'pshape -q --seed 5 --truth truth --malformed 10% --schema 10% \
        --encoding 10% --oversize 0.5%,to=64k --poison every=700 --duplicates 5%,conflict --drop 3% --late 5% --reorder 5% \
        --errors 5% --label events | psend -q --mode sequential > outcomes'";
    shell_in(folder.path(), script, &[]).expect_code(0);
    let read = |name: &str| -> Vec<Value> {
        let text = std::fs::read_to_string(folder.path().join(name)).expect(name);
        text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    };
    let outcomes: HashMap<u64, Value> =
        read("outcomes").iter().filter_map(|o| Some((o["seq"].as_u64()?, o["outcome"].clone()))).collect();
    let mut seen = HashSet::new();
    for fault in read("truth").iter().filter(|fault| fault["fault"] != "summary") {
        let outcome = fault["seq"].as_u64().map_or(json!("absent"), |seq| outcomes[&seq].clone());
        if fault["expect"] == "either" {
            assert!(["accepted", "duplicate", "rejected"].contains(&outcome.as_str().unwrap_or_default()), "{outcome}");
        } else {
            assert_eq!(outcome, fault["expect"], "{fault}");
        }
        seen.insert(fault["fault"].to_string());
    }
    assert_eq!(seen.len(), 11, "{seen:?}");
}

#[test]
fn what_is_held_back_is_bounded_and_reaching_the_bound_is_reported() {
    let input = events(5000);
    let shaped = shape(&["--late", "20%,by=10m", "--max-held", "64k"], &input);
    check(&shaped, &input);
    assert!(shaped.run.stderr.contains("because --max-held was reached"), "{}", shaped.run.stderr);
    let roomy = shape(&["--late", "20%,by=10m"], &input);
    assert!(!roomy.run.stderr.contains("--max-held"), "{}", roomy.run.stderr);
}

#[test]
fn a_label_names_the_faults_of_its_event() {
    let shaped = shape(&["--slow", "2x", "--errors", "1", "--label"], &events(10));
    for event in shaped.run.json_lines() {
        let faults = &event["metadata"]["faults"];
        assert!(*faults == json!(["slow", "error"]) || *faults == json!(["slow"]), "{faults}");
    }
    assert_eq!(shaped.summary["totals"]["label"], 10);
}

/// What truth expects of each line of the output that it names.
fn expectations(shaped: &Shaped) -> Vec<(u64, &str)> {
    let of = |f: &Value| f["seq"].as_u64();
    shaped.faults.iter().filter_map(|f| Some((of(f)?, f["expect"].as_str()?))).collect()
}

#[test]
fn a_byte_order_mark_at_the_very_start_is_the_streams_own() {
    let bom = ["--encoding", "1,kinds=bom"];
    let input = b"{\"event_id\":1}\n{\"event_id\":2}\n{\"event_id\":3}\n";
    let marked = |args: &[&str], input: &[u8]| {
        let shaped = shape(&[&bom, args].concat(), input);
        check(&shaped, input);
        shaped
    };
    assert_eq!(expectations(&marked(&[], input)), [(1, "accepted"), (2, "either"), (3, "either")]);
    let dropped = marked(&["--drop", "1,where=event_id=1"], input);
    assert_eq!(expectations(&dropped), [(1, "accepted"), (2, "either")]);
    let reordered = marked(&["--reorder", "1,window=1,where=event_id=1"], input);
    assert_eq!(reordered.faults[0]["source_seq"], 2);
    assert_eq!(expectations(&reordered)[0], (1, "accepted"));
    assert!(expectations(&reordered)[1..].iter().all(|(_, expect)| *expect == "either"));
    let copied = marked(&["--duplicates", "1"], b"{\"event_id\":1}\n{\"event_id\":2}\n");
    assert_eq!(expectations(&copied), [(1, "accepted"), (2, "duplicate"), (3, "either"), (4, "either")]);
    let nameless = marked(&["--duplicates", "1"], b"{\"a\":1}\n");
    assert_eq!(expectations(&nameless), [(1, "accepted"), (2, "accepted")]);
    let broken = marked(&["--malformed", "1,kinds=unclosed"], input);
    assert!(expectations(&broken).iter().all(|(_, expect)| *expect == "rejected"));
    // A stream with a byte order mark: the second one is not at the start.
    let shaped = shape(&bom, &[b"\xef\xbb\xbf", &input[..]].concat());
    assert_eq!(expectations(&shaped), [(1, "either"), (2, "either"), (3, "either")]);
}

#[test]
fn a_server_takes_a_first_line_with_a_mark_as_truth_expects() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("events"), events(3)).expect("written");
    let script = "pserve --listen 127.0.0.1:0 --db db --exec 'pshape -q --seed 5 --truth truth --encoding 1,kinds=bom events \
        | psend -q --mode sequential | pstats --truth truth --format json'";
    let report = shell_in(folder.path(), script, &[]).expect_code(0).json();
    assert_eq!(report["outcomes"]["accepted"], 1);
    assert_eq!(report["outcomes"]["rejected"], 2);
}

#[test]
fn marks_of_two_files_do_not_add_up() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["a", "b"] {
        std::fs::write(folder.path().join(name), "\u{feff}{\"a\":1}\n").expect("written");
    }
    let run = shell_in(folder.path(), "pshape -q --seed 1 --reorder 1,window=9 a b", &[]).expect_code(0);
    assert_eq!(run.text(), "\u{feff}{\"a\":1}\n{\"a\":1}\n");
}

#[test]
fn a_truncated_line_is_never_blank() {
    let input: Vec<u8> =
        (0..2000).flat_map(|n| format!("{}{{\"a\" : {n} }}\n  {{}}\n", " ".repeat(n % 9)).into_bytes()).collect();
    let shaped = shape(&["--malformed", "1,kinds=truncate"], &input);
    check(&shaped, &input);
    for line in shaped.run.lines() {
        assert!(line.trim_start().starts_with('{') && serde_json::from_str::<Value>(line).is_err(), "{line:?}");
    }
}

#[test]
fn a_label_names_what_came_and_keeps_what_was_there() {
    // Around the size at which a label leaves no room for the padding.
    let input: Vec<u8> = (300..500).flat_map(|n| format!("{{\"pad\":\"{}\"}}\n", "x".repeat(n)).into_bytes()).collect();
    let shaped = shape(&["--oversize", "1,to=450", "--malformed", "50%", "--label"], &input);
    check(&shaped, &input);
    let mut named: HashMap<u64, BTreeSet<&str>> = HashMap::new();
    for fault in shaped.faults.iter().filter(|f| f["fault"] != "label") {
        named
            .entry(fault["seq"].as_u64().expect("a line"))
            .or_default()
            .insert(fault["fault"].as_str().expect("a name"));
    }
    let labels: Vec<&Value> = shaped.faults.iter().filter(|f| f["fault"] == "label").collect();
    assert_eq!(labels.len(), named.len());
    for label in labels {
        let faults = &label["changes"]["metadata"][1]["faults"];
        let names: BTreeSet<&str> = faults.as_array().expect("a list").iter().filter_map(Value::as_str).collect();
        assert_eq!(names, named[&label["seq"].as_u64().expect("a line")]);
    }
    for (before, after) in [
        (r#""metadata":{"faults":["a", "b" ]}"#, r#""metadata":{"faults":["a", "b","shift"]}"#),
        (r#""metadata":{"faults":[ ]}"#, r#""metadata":{"faults":["shift"]}"#),
        (r#""metadata":{"faults":null}"#, r#""metadata":{"faults":["shift"]}"#),
        (r#""metadata":{"x":1}"#, r#""metadata":{"x":1,"faults":["shift"]}"#),
        (r#""metadata":null"#, r#""metadata":{"faults":["shift"]}"#),
        (r#""metadata":{"faults":"a"}"#, r#""metadata":{"faults":"a"}"#),
        (r#""metadata":"m""#, r#""metadata":"m""#),
    ] {
        let line = format!("{{\"timestamp\":\"2026-01-05T00:00:00Z\",{before}}}");
        let shaped = shape(&["--shift", "1h", "--label"], line.as_bytes());
        check(&shaped, line.as_bytes());
        assert!(shaped.run.text().ends_with(&format!(",{after}}}")), "{}", shaped.run.text());
    }
}

/// Of each line of the output, the faults in its truth and those in its label.
fn named(shaped: &Shaped) -> Vec<(BTreeSet<String>, BTreeSet<String>)> {
    let mut lines: Vec<_> = shaped
        .run
        .text()
        .lines()
        .map(|line| {
            let event = serde_json::from_str::<Value>(line).unwrap_or_default();
            let label = event["metadata"]["faults"].as_array().into_iter().flatten();
            (BTreeSet::new(), label.filter_map(Value::as_str).map(str::to_owned).collect())
        })
        .collect();
    for fault in shaped.faults.iter().filter(|fault| fault["fault"] != "label") {
        let Some(seq) = fault["seq"].as_u64() else { continue };
        lines[usize::try_from(seq).expect("a line") - 1].0.insert(fault["fault"].as_str().expect("a name").to_owned());
    }
    lines
}

#[test]
fn a_label_does_not_name_a_delay_that_moved_nothing() {
    // Nothing comes after the only event, so that it keeps its place.
    let alone = events(1);
    for movers in [&["--late", "1"][..], &["--reorder", "1"], &["--late", "1", "--reorder", "1"]] {
        let shaped = shape(&[movers, &["--label"]].concat(), &alone);
        assert_eq!(shaped.run.stdout, alone, "{movers:?}");
        assert!(shaped.faults.is_empty(), "{movers:?}");
        assert_eq!(shaped.summary["totals"]["label"], 0, "{movers:?}");
        let slow = shape(&[movers, &["--label", "--slow", "2x", "--oversize", "1,to=2KiB"]].concat(), &alone);
        check(&slow, &alone);
        assert!(slow.run.text().contains(r#""metadata":{"faults":["slow","oversize"]}"#), "{}", slow.run.text());
        assert_eq!(slow.summary["totals"]["label"], 1);
    }
}

#[test]
fn labels_and_truth_name_the_same_faults_of_events_that_may_have_moved() {
    let input = events(300);
    let args =
        ["--late", "40%,by=2s", "--reorder", "40%,window=3", "--slow", "2x,p=30%", "--duplicates", "20%,delay=3s"];
    let shaped = shape(&[&args[..], &["--schema", "20%,kinds=missing/extra", "--label"]].concat(), &input);
    check(&shaped, &input);
    let lines = named(&shaped);
    let stayed = shaped.run.stderr.contains("kept their place");
    assert!(stayed && lines.iter().any(|(truth, _)| truth.contains("late")), "{}", shaped.run.stderr);
    for (at, (truth, label)) in lines.iter().enumerate() {
        // A copy's truth is one fault, and its label names those of its original too.
        if !truth.contains("duplicate") {
            assert_eq!(truth, label, "line {}", at + 1);
        }
    }
    let labelled = lines.iter().filter(|(_, label)| !label.is_empty()).count();
    assert_eq!(shaped.summary["totals"]["label"], labelled);
}

#[test]
fn a_line_in_brackets_that_becomes_the_first_gives_a_warning() {
    let said = "the output begins with '['";
    let input = b"{\"event_id\":1}\n\n[[1,2]]\n{\"event_id\":2}\n";
    let dropped = shape(&["--drop", "1,where=event_id=1"], input);
    assert!(dropped.run.stderr.contains(said), "{}", dropped.run.stderr);
    for args in [&["--drop", "1,where=event_id=2"][..], &["--slow", "2x"], &["--malformed", "1"]] {
        let shaped = shape(args, input);
        assert!(!shaped.run.stderr.contains(said), "{}", shaped.run.stderr);
    }
    let shaped = shape(&["--slow", "2x"], b"[INFO] boot\n{\"event_id\":1}\n");
    assert!(!shaped.run.stderr.contains(said), "{}", shaped.run.stderr);
}

#[test]
fn lines_above_what_readers_take_by_default_are_expected_to_be_refused_and_warned_of() {
    let shaped = shape(&["--oversize", "1,to=2MiB"], &events(2));
    assert!(shaped.faults.iter().all(|f| f["expect"] == "rejected"));
    assert!(
        shaped.run.stderr.contains("--oversize: lines of 2MiB are above the default --max-line"),
        "{}",
        shaped.run.stderr
    );
    let shaped = shape(&["--oversize", "1,to=200"], &events(3));
    assert!(
        shaped.run.stderr.contains("oversize             0  (3 more were as large already)"),
        "{}",
        shaped.run.stderr
    );
}

#[test]
fn without_a_message_a_key_is_broken_that_does_not_hide_the_id() {
    let input = b"{\"event_id\":7,\"a\":1}\n{\"event_id\":8}\n{\"a\":1}\n";
    let shaped = shape(&["--encoding", "1,kinds=nul"], input);
    check(&shaped, input);
    assert_eq!(shaped.run.text(), "{\"event_id\":7,\"\\u0000a\":1}\n{\"event_id\":8}\n{\"\\u0000a\":1}\n");
}
