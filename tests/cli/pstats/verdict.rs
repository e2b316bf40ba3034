//! Requirements, and what makes a run incomplete.

use serde_json::{Value, json};

use super::{event, mixed_lines, outcome, run_record};
use crate::support::{run, run_with};

#[test]
fn a_missing_or_incomplete_run_record_is_a_warning() {
    let one = outcome(1, "accepted", json!({}));
    let missing = run_with("pstats", &[], one.as_bytes()).expect_code(0);
    assert!(missing.stderr.contains("no run record"), "{}", missing.stderr);
    let incomplete = run_with("pstats", &[], (one.clone() + &run_record(false)).as_bytes()).expect_code(0);
    assert!(incomplete.stderr.contains("not complete"), "{}", incomplete.stderr);
    let complete = run_with("pstats", &[], (one + &run_record(true)).as_bytes()).expect_code(0);
    assert_eq!(complete.stderr, "");
}

#[test]
fn a_requirement_that_is_not_met_ends_with_99_and_says_so_on_stderr() {
    let input = event("a", 200, 5.0, 1) + &event("a", 500, 900.0, 2) + &event("b", 200, 5.0, 2);
    let met = run_with("pstats", &["--require", "error_rate < 34%", "--require", "count = 3"], input.as_bytes())
        .expect_code(0);
    assert!(met.text().contains("✓ met"), "{}", met.text());
    assert_eq!(met.stderr, "");
    let args = [
        "--format",
        "json",
        "--require",
        "error_rate < 5%",
        "--require",
        "service=a: latency.p95 < 200ms",
        "--require",
        "service=b: error_rate = 0%",
    ];
    let failed = run_with("pstats", &args, input.as_bytes()).expect_code(99);
    assert!(failed.stderr.contains("not met: error_rate < 5%: 33.3%"), "{}", failed.stderr);
    assert_eq!(failed.stderr.lines().count(), 2, "{}", failed.stderr);
    let verdicts = &failed.json()["requirements"];
    assert_eq!(verdicts[1]["figure"], "events.service=a.latency.p95_ms");
    assert_eq!((&verdicts[0]["met"], &verdicts[2]["met"]), (&json!(false), &json!(true)));
}

#[test]
fn requirements_may_stand_in_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("slo.txt");
    std::fs::write(&file, "\u{feff}# the service's own\nerror_rate < 5%  # of all\n\ncount >= 1\n")
        .expect("it is written");
    let args = ["--require-file", file.to_str().expect("UTF-8"), "--format", "json"];
    let found = run_with("pstats", &args, event("a", 500, 5.0, 1).as_bytes()).expect_code(99).json();
    assert_eq!(found["requirements"].as_array().map(Vec::len), Some(2));
}

#[test]
fn no_data_fails_a_requirement_unless_it_is_allowed() {
    assert!(run("pstats", &["--require", "error_rate < 5%"]).expect_code(99).stderr.contains("no data"));
    run("pstats", &["--require", "error_rate < 5%", "--allow-empty"]).expect_code(0);
}

#[test]
fn an_incomplete_run_fails_one_requirement_more_unless_partial() {
    let input = outcome(1, "accepted", json!({})) + &run_record(false);
    let found = run_with("pstats", &["--require", "delivered = 100%"], input.as_bytes()).expect_code(99);
    assert!(found.stderr.contains("not complete"), "{}", found.stderr);
    run_with("pstats", &["--require", "delivered = 100%", "--partial"], input.as_bytes()).expect_code(0);
    let cut_off = outcome(1, "accepted", json!({}));
    run_with("pstats", &["--require", "delivered = 100%"], cut_off.as_bytes()).expect_code(99);
}

#[test]
fn a_run_whose_record_is_missing_among_others_is_noticed_in_any_order_and_in_states() {
    let record = |lines: u64| run_record(true).replace("\"lines_read\":1", &format!("\"lines_read\":{lines}"));
    let outcomes = |run: &str, lines: u64| -> String {
        (1..=lines).map(|seq| outcome(seq, "accepted", json!({"event_id": format!("{run}{seq}")}))).collect()
    };
    let whole = outcomes("a", 5) + &record(5);
    let killed = outcomes("b", 3);
    let require = ["--require", "success_rate >= 95%"];
    for input in [whole.clone() + &killed, killed.clone() + &whole] {
        let found = run_with("pstats", &require, input.as_bytes()).expect_code(99);
        assert!(found.stderr.contains("a run's record is missing"), "{}", found.stderr);
        run_with("pstats", &[&require[..], &["--partial"]].concat(), input.as_bytes()).expect_code(0);
    }
    let state = |input: &str| run_with("pstats", &["-q", "--format", "state"], input.as_bytes()).text().to_owned();
    run_with("pstats", &require, (state(&whole) + &state(&killed)).as_bytes()).expect_code(99);
    // A run that was killed and taken up again has one record, and may have an outcome twice.
    let resumed = outcomes("a", 3) + &outcomes("a", 5) + &record(5);
    run_with("pstats", &require, resumed.as_bytes()).expect_code(0);
}

#[test]
fn a_cut_off_stream_is_noticed_even_if_its_outcomes_are_left_out() {
    let input = outcome(1, "accepted", json!({}));
    let args = ["--where", "service=none", "--require", "run.elapsed < 1h"];
    let found = run_with("pstats", &args, input.as_bytes()).expect_code(99);
    assert!(found.stderr.contains("no run record"), "{}", found.stderr);
}

#[test]
fn a_group_that_a_state_did_not_count_meets_no_requirement() {
    let input = event("a", 500, 5.0, 1);
    let state = run_with("pstats", &["--format", "state"], input.as_bytes()).text().to_owned();
    let args = ["--require", "service=a,region=EU: error_rate < 1%", "--allow-empty"];
    let found = run_with("pstats", &args, state.as_bytes()).expect_code(99);
    assert!(found.stderr.contains("groups by service,region were not counted"), "{}", found.stderr);
}

#[test]
fn throughput_counts_what_was_sent() {
    let unsent = json!({"attempts": 0, "sent_at": null, "latency_ms": null, "end_to_end_ms": null});
    let sent: String = (1..=2).map(|seq| outcome(seq, "accepted", json!({}))).collect();
    let throughput = |input: &str| {
        run_with("pstats", &["-q", "--format", "json"], input.as_bytes()).json()["outcomes"]["throughput"].clone()
    };
    assert_eq!(throughput(&sent), throughput(&(sent.clone() + &outcome(3, "not_sent", unsent))));
}

#[test]
fn a_report_is_not_written_over_an_input_or_another_report() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    std::fs::write(file("in"), event("a", 200, 5.0, 1)).expect("it is written");
    let same = format!("json={}", file("in"));
    let (one, two) = (format!("json={}", file("x")), format!("text={}", file("x")));
    for args in [
        vec![file("in"), "-o".to_owned(), file("in")],
        vec![file("in"), "--report".to_owned(), same.clone()],
        vec!["--stored".to_owned(), file("in"), "--report".to_owned(), same],
        vec![file("in"), "--report".to_owned(), one.clone(), "--report".to_owned(), two],
        vec![file("in"), "--report".to_owned(), one, "-o".to_owned(), file("x")],
    ] {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let found = run("pstats", &args).expect_code(2);
        assert!(found.stderr.contains("are the same file"), "{}", found.stderr);
    }
    assert!(std::fs::read_to_string(file("in")).expect("it is there").contains("event_id"));
}

#[test]
fn a_verified_stream_is_held_against_present() {
    let good = outcome(1, "present", json!({})) + &outcome(2, "present", json!({})) + &run_record(true);
    run_with("pstats", &["--require", "present = 100%"], good.as_bytes()).expect_code(0);
    let bad = outcome(1, "present", json!({})) + &outcome(2, "missing", json!({})) + &run_record(true);
    run_with("pstats", &["--require", "present = 100%"], bad.as_bytes()).expect_code(99);
}

#[test]
fn a_misspelt_figure_is_wrong_usage_and_offers_the_nearest() {
    let found = run("pstats", &["--require", "sucess_rate >= 95%"]).expect_code(2);
    assert!(found.stderr.contains("success_rate") && found.stdout.is_empty(), "{}", found.stderr);
    let found = run("pstats", &["--require", "p95 < 200ms"]).expect_code(2);
    assert!(found.stderr.contains("latency.p95") && found.stderr.contains("end_to_end.p95"), "{}", found.stderr);
    assert!(run("pstats", &["--require", "latency.p95 < 200"]).expect_code(2).stderr.contains("200ms"));
    let both = event("a", 200, 5.0, 1) + &outcome(1, "accepted", json!({})) + &run_record(true);
    let found = run_with("pstats", &["--require", "error_rate < 5%"], both.as_bytes()).expect_code(2);
    assert!(found.stderr.contains("events.error_rate"), "{}", found.stderr);
    run_with("pstats", &["--require", "outcomes.error_rate < 5%"], both.as_bytes()).expect_code(0);
}

#[test]
fn a_figure_may_be_held_against_a_share_of_the_bases() {
    let folder = tempfile::tempdir().expect("a folder");
    let base = folder.path().join("base.json");
    let earlier = outcome(1, "accepted", json!({})) + &run_record(true);
    std::fs::write(&base, run_with("pstats", &["--format", "json"], earlier.as_bytes()).stdout).expect("it is written");
    let base = base.to_str().expect("UTF-8");
    let now = outcome(1, "accepted", json!({"latency_ms": 30.0}))
        + &run_record(true).replace("\"concurrency\":10", "\"concurrency\":50");
    let within = ["--base", base, "--require", "latency.p95 <= 310% of base"];
    let text = run_with("pstats", &within, now.as_bytes()).expect_code(0);
    assert!(text.text().contains("Different concurrency: 10 in the base, 50 now."), "{}", text.text());
    // --compare is its older name.
    let beyond = ["--compare", base, "--require", "latency.p95 <= 110% of base", "--format", "json"];
    let found = run_with("pstats", &beyond, now.as_bytes()).expect_code(99).json();
    assert_eq!(found["run"]["compared"][1]["figure"], "outcomes.latency.p95_ms");
    assert!(run("pstats", &["--require", "latency.p95 <= 110% of base"]).expect_code(2).stderr.contains("--base"));
}

#[test]
fn a_run_equals_itself_in_every_figure() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |form: &str| folder.path().join(form).to_str().expect("UTF-8").to_owned();
    let input = mixed_lines(700).concat();
    for form in ["json", "state"] {
        run_with("pstats", &["--format", form, "-q", "-o", &file(form)], input.as_bytes()).expect_code(0);
    }
    let figures =
        ["mean", "p50", "p90", "p95", "p99", "p999", "p9999", "max"].map(|figure| format!("latency.{figure}"));
    let figures = figures.iter().map(String::as_str).chain(["error_rate", "success_rate", "throughput", "count"]);
    let requirements: Vec<String> = figures
        .flat_map(|figure| ["events", "outcomes"].map(|kind| format!("{kind}.{figure} = 100% of base")))
        .chain((0..7).map(|service| format!("service=s{service}: events.error_rate = 100% of base")))
        .collect();
    for form in ["json", "state"] {
        let base = file(form);
        let mut args = vec!["--base", &base, "--partial", "--by", "service", "--format", "json"];
        args.extend(requirements.iter().flat_map(|requirement| ["--require", requirement]));
        let found = run_with("pstats", &args, input.as_bytes()).expect_code(0).json();
        let rows = found["run"]["compared"].as_array().expect("a list");
        let is_none = |row: &Value| row["difference"].as_f64().is_some_and(|difference| difference.abs() < 1e-6);
        assert!(rows.len() > 30 && rows.iter().all(is_none), "{rows:?}");
        assert!(rows.iter().all(|row| row["verdict"] != "worse" && row["verdict"] != "better"), "{rows:?}");
    }
}

#[test]
fn an_array_that_is_cut_off_is_an_incomplete_run() {
    let cut = b"[{\"event_id\":\"a\"},{\"event_id\":\"b\"";
    let found = run_with("pstats", &["--require", "events.count >= 1"], cut).expect_code(99);
    assert!(found.stderr.contains("a JSON array is cut off"), "{}", found.stderr);
    run_with("pstats", &["--require", "events.count >= 1", "--partial"], cut).expect_code(0);
}

#[test]
fn fewer_outcomes_than_lines_read_are_a_warning_with_both_numbers() {
    let two = outcome(1, "accepted", json!({})) + &outcome(2, "failed", json!({"service": "other"}));
    let two = two + &run_record(true).replace("\"lines_read\":1", "\"lines_read\":3");
    let found = run_with("pstats", &["--require", "count = 2"], two.as_bytes()).expect_code(0);
    assert!(found.stderr.contains("3 lines were read, but only 2 outcomes came"), "{}", found.stderr);
    let three = outcome(3, "accepted", json!({})) + &two;
    let left_out = run_with("pstats", &["--where", "service=other"], three.as_bytes()).expect_code(0);
    assert_eq!(left_out.stderr, "");
}

#[test]
fn a_filter_that_nothing_meets_is_a_warning() {
    let found =
        run_with("pstats", &["--where", "service=c"], (event("a", 200, 5.0, 1) + &event("b", 200, 5.0, 1)).as_bytes());
    let found = found.expect_code(0);
    assert!(found.stderr.contains("--where: none of the 2 events and outcomes"), "{}", found.stderr);
}

#[test]
fn any_number_of_the_report_can_be_required() {
    let folder = tempfile::tempdir().expect("a folder");
    let stored = folder.path().join("stored");
    std::fs::write(&stored, "{\"event_id\":\"a-500-5-1\"}\n").expect("it is written");
    let input = event("a", 500, 5.0, 1) + &event("a", 200, 7.0, 2).repeat(99) + "{broken\n";
    let requirements = [
        "run.elapsed_s < 5 min",
        "run.elapsed < 300s",
        "run.state_lines = 0",
        "input.unreadable <= 1%",
        "input.kinds.not_json.lines = 1",
        "events.slowest_endpoint.mean_ms < 8 ms",
        "slowest_endpoint.mean > 5ms",
        "order.longest_gap >= 0s",
        "reconciled.table.event.present = 1",
        "reconciled.table.event.missing = 1",
        "service=a:error_rate < 6%",
        "status=500: count <= 1%",
        "throughput > 0.5 /s",
    ];
    let mut args = vec!["--stored", stored.to_str().expect("UTF-8")];
    args.extend(requirements.iter().flat_map(|requirement| ["--require", requirement]));
    let found = run_with("pstats", &args, input.as_bytes()).expect_code(0);
    assert_eq!(found.text().matches("✓ met").count(), requirements.len(), "{}", found.text());
}

#[test]
fn a_requirement_that_can_never_be_judged_is_wrong_usage() {
    for (requirement, says) in [
        ("slowest_endpoint < 5ms", "slowest_endpoint.mean_ms"),
        ("events.time.first = 5", "a text"),
        ("windows > 5", "a list"),
        ("service=a: events.cache_hit_rate >= 5%", "groups have count"),
        ("service=a: cache_hit_rate >= 5%", "groups have count"),
        ("service=a: input.lines >= 5", "groups have count"),
        ("servise=a: error_rate < 5%", "'service'"),
        ("service=a,endpont=b: error_rate < 5%", "'endpoint'"),
        ("reconciled.extra <= 5%", "no count"),
    ] {
        let found = run("pstats", &["--require", requirement]).expect_code(2);
        assert!(found.stderr.contains(says), "{requirement}: {}", found.stderr);
    }
    let tier = "{\"event_id\":1,\"tier\":\"gold\",\"metrics\":{\"status_code\":200}}\n";
    run_with("pstats", &["--by", "tier", "--require", "tier=gold: error_rate = 0%"], tier.as_bytes()).expect_code(0);
    let no_data = run_with("pstats", &["--require", "events.cache_hit_rate >= 5%"], tier.as_bytes()).expect_code(99);
    assert!(no_data.stderr.contains("no data"), "{}", no_data.stderr);
}

#[test]
fn what_is_wrong_in_a_file_of_requirements_is_named_with_file_and_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("slo.txt");
    std::fs::write(&file, "# ours\ncount > 0\n\nerrr_rate < 5%\n").expect("it is written");
    let found = run("pstats", &["--require-file", file.to_str().expect("UTF-8")]).expect_code(2);
    assert!(found.stderr.contains(&format!("{}: line 4: ", file.display())), "{}", found.stderr);
}

#[test]
fn the_settings_of_all_runs_are_held_against_the_bases() {
    let folder = tempfile::tempdir().expect("a folder");
    let base = folder.path().join("base.json");
    let base = base.to_str().expect("UTF-8");
    let one = outcome(1, "accepted", json!({})) + &run_record(true);
    run_with("pstats", &["--format", "json", "-o", base], one.as_bytes()).expect_code(0);
    let other = one.replace("\"concurrency\":10", "\"concurrency\":9");
    let args = ["--base", base, "--format", "json", "-q"];
    let found = run_with("pstats", &args, (one + &other).as_bytes()).expect_code(0).json();
    let differing = json!([{"setting": "concurrency", "base": "10", "now": "10, 9"}]);
    assert_eq!(found["run"]["comparison"]["settings"], differing);
}

#[test]
fn what_only_one_of_two_sides_has_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let base = folder.path().join("base.json");
    let base = base.to_str().expect("UTF-8");
    let earlier = event("a", 200, 5.0, 1) + &event("gone", 200, 5.0, 1);
    run_with("pstats", &["--format", "json", "-o", base], earlier.as_bytes()).expect_code(0);
    let now = event("a", 200, 5.0, 1) + &event("new", 200, 5.0, 1);
    let found = run_with("pstats", &["--base", base, "--by", "service"], now.as_bytes()).expect_code(0);
    assert!(found.text().contains("Only the base has events.service=gone."), "{}", found.text());
    assert!(found.text().contains("Only this side has events.service=new."), "{}", found.text());
    let other = outcome(1, "accepted", json!({})) + &run_record(true);
    for form in ["text", "markdown", "html"] {
        let found = run_with("pstats", &["--base", base, "--format", form], other.as_bytes()).expect_code(0);
        for says in ["no figure in common", "Only the base has events.", "Only this side has outcomes."] {
            assert!(found.text().contains(says), "{form}: {says}");
        }
    }
}
