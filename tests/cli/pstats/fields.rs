//! Fields in the forms that other producers write them in.

use std::path::{Path, PathBuf};

use super::report;
use crate::support::{run, run_with};

/// Sixty lines in the form of each of two dozen producers, and a table of what their figures are.
fn formats() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/formats")
}

#[test]
fn two_dozen_producers_are_read_with_fields_alone() {
    let table = std::fs::read_to_string(formats().join("expected.tsv")).expect("the table is there");
    let rows: Vec<Vec<&str>> =
        table.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows.len(), 24);
    for row in rows {
        let [file, fields, count, success_rate, p50, first] = row[..] else { panic!("six columns: {row:?}") };
        let path = formats().join(file);
        let path = path.to_str().expect("UTF-8");
        let found = run("pstats", &["--format", "json", "--fields", fields, path]).expect_code(0).json();
        let events = &found["events"];
        assert_eq!(events["count"].to_string(), count, "{file}");
        assert_eq!(found["input"]["event_fields"]["time_invalid"], 0, "{file}");
        if success_rate != "-" {
            assert_eq!(events["success_rate"].to_string(), success_rate, "{file}");
        }
        if p50 != "-" {
            let (wanted, p50): (f64, _) = (p50.parse().expect("a number"), events["latency"]["p50_ms"].as_f64());
            // Some write whole milliseconds, cut off.
            let is_near = |p50: f64| {
                (p50 / wanted - 1.0).abs() < 0.01 || p50.fract() == 0.0 && (0.0..1.0).contains(&(wanted - p50))
            };
            assert!(p50.is_some_and(is_near), "{file}: {p50:?}");
        }
        assert!(events["time"]["first"].as_str().is_some_and(|at| at.starts_with(first)), "{file}: {}", events["time"]);
    }
}

#[test]
fn a_unit_behind_the_path_and_one_in_the_text_are_read() {
    for (fields, value) in [
        ("latency=t:s", "0.057624"),
        ("latency=t:s", "\"0.057624\""),
        ("latency=t:ns", "57624000"),
        ("latency=t:us", "57624"),
        ("latency=t:\u{b5}s", "57624"),
        ("latency=t:ms", "57.624"),
        ("latency=t", "\"57.624ms\""),
        ("latency=t", "\"0.057624s\""),
        ("latency=t:ns", "\"57.624 ms\""),
        (r"latency=a\:s:s", "0.057624"),
    ] {
        let key = if fields.contains('\\') { "a:s" } else { "t" };
        let found = report(&["--fields", fields], &format!("{{\"{key}\":{value}}}\n"));
        assert_eq!(found["events"]["latency"]["max_ms"], 57.624, "{fields} {value}");
    }
    let run = run("pstats", &["--fields", "latency=duration:sec"]).expect_code(2);
    assert!(
        run.stderr.contains("'sec' in 'latency=duration:sec' is not a unit: units are ns, us, ms and s"),
        "{}",
        run.stderr
    );
}

#[test]
fn seconds_that_are_read_as_milliseconds_raise_the_question_of_the_unit() {
    let file = formats().join("caddy.jsonl");
    let file = file.to_str().expect("UTF-8");
    let said = |fields: &str| run("pstats", &["-q", "--fields", fields, file]).expect_code(0).stderr;
    assert!(
        said("latency=duration")
            .contains("most latencies are below 0.1 ms: is the unit right? --fields latency=duration:UNIT")
    );
    assert_eq!(said("latency=duration:s"), "");
}

#[test]
fn a_status_of_0_is_a_failure_and_every_format_reports_it() {
    let input = "{\"code\":0}\n{\"code\":\"0\"}\n{\"code\":200}\n{\"code\":\"-\"}\n{\"code\":1200}\n";
    let args = ["--fields", "status=code"];
    let found = report(&args, input);
    assert_eq!(found["input"]["event_fields"]["status_invalid"], 4);
    assert_eq!((&found["events"]["success_rate"], &found["events"]["error_rate"]), (&0.25.into(), &0.75.into()));
    let text = run_with("pstats", &args, input.as_bytes()).expect_code(0);
    assert!(text.text().contains("status invalid"), "{}", text.text());
    assert!(
        text.stderr.contains("4 of 5 events have no status code in 'code' that could be read, such as 0: "),
        "{}",
        text.stderr
    );
    // A verdict is not green by accident.
    run_with("pstats", &["-q", "--fields", "status=code", "--require", "success_rate >= 95%"], b"{\"code\":0}\n")
        .expect_code(99);
    let outcome = super::outcome(1, "accepted", serde_json::json!({"status": 0}));
    assert_eq!(report(&[], &outcome)["input"]["outcome_fields"]["status_invalid"], 1);
}

#[test]
fn a_status_of_000_as_curl_writes_it_is_a_failure() {
    let input = "{\"code\":\"000\"}\n{\"code\":99999999999999999999}\n{\"code\":\"200\"}\n{\"code\":\"200\"}\n";
    let found = report(&["--fields", "status=code"], input);
    assert_eq!((&found["events"]["success_rate"], &found["events"]["error_rate"]), (&0.5.into(), &0.5.into()));
    assert_eq!(found["input"]["event_fields"]["status_invalid"], 2);
}

#[test]
fn a_field_that_fields_names_and_no_event_has_is_told() {
    let input = b"{\"event_id\":\"a\",\"timestamp\":\"2026-01-05T09:00:00Z\",\"source\":{\"service\":\"s\"}}\n";
    for field in ["id=uuid", "timestamp=ts", "status=code", "latency=took", "service=svc", "endpoint=path"] {
        let said = run_with("pstats", &["-q", "--fields", field], input).expect_code(0).stderr;
        assert_eq!(said, format!("pstats: warning: --fields {field}: no event has this field\n"));
    }
    let said = run_with("pstats", &["-q", "--fields", "service=source.service"], input).expect_code(0).stderr;
    assert_eq!(said, "");
    let said = run_with("pstats", &["-q", "--window", "1s"], b"{\"event_id\":\"a\"}\n").expect_code(0).stderr;
    assert!(said.contains("--window: no event has a 'timestamp'"), "{said}");
}

#[test]
fn times_as_ctime_date_javascript_and_java_write_them_are_read_and_written_back() {
    for (time, later) in [
        ("Mon Jan  5 09:00:00 2026", "Mon Jan  5 10:00:00 2026"),
        ("Mon Jan  5 09:00:00 UTC 2026", "Mon Jan  5 10:00:00 UTC 2026"),
        ("Mon Jan 05 2026 10:00:00 GMT+0100 (CET)", "Mon Jan 05 2026 11:00:00 GMT+0100 (CET)"),
        ("2026-01-05T09:00:00Z[UTC]", "2026-01-05T10:00:00Z[UTC]"),
    ] {
        let input = format!("{{\"timestamp\":\"{time}\"}}\n");
        assert_eq!(report(&[], &input)["events"]["time"]["first"], "2026-01-05T09:00:00.000000Z", "{time}");
        let moved = run_with("pshape", &["-q", "--shift", "+1h"], input.as_bytes()).expect_code(0);
        assert_eq!(moved.text(), format!("{{\"timestamp\":\"{later}\"}}\n"));
    }
}

#[test]
fn numbers_in_quotes_meet_a_filter() {
    let input = "{\"status\":\"503\",\"bytes\":\"2940\"}\n{\"status\":\"200\",\"bytes\":\"12\"}\n{\"status\":404,\"bytes\":1000}\n";
    for (filter, count) in [
        ("status>=500", 1),
        ("status<500", 2),
        ("status=503", 1),
        ("status!=503", 2),
        ("bytes>900", 2),
        ("status=200", 1),
    ] {
        let found = report(&["--fields", "status=status", "--where", filter], input);
        assert_eq!(found["events"]["count"], count, "{filter}");
    }
}

#[test]
fn a_time_that_could_not_be_read_is_shown_with_its_reason() {
    let input = b"{\"timestamp\":\"2026-01-05T09:00:00Z\"}\n{\"timestamp\":\"05/01/2026 09:00\"}\n";
    let run = run_with("pstats", &["-q"], input).expect_code(0);
    let said = "1 of 2 events has no time in 'timestamp' that could be read, such as \"05/01/2026 09:00\": the day and the \
                month are ambiguous";
    assert!(run.stderr.contains(said), "{}", run.stderr);
}

/// Events as JMeter writes them: `n` in all, of which the first `read` have a status code.
fn jmeter(n: usize, read: usize) -> String {
    let code = |i| if i < read { "200" } else { "Non HTTP response code: java.net.SocketTimeoutException" };
    (0..n).map(|i| format!("{{\"responseCode\":\"{}\",\"label\":\"buy\",\"elapsed\":5}}\n", code(i))).collect()
}

#[test]
fn requests_that_timed_out_with_words_for_a_status_do_not_meet_a_success_rate_by_being_left_out() {
    let fields = ["-q", "--fields", "status=responseCode,endpoint=label,latency=elapsed"];
    let judged = |requirement: &str, input: &str, code| {
        let args: Vec<&str> = fields.into_iter().chain(["--require", requirement]).collect();
        run_with("pstats", &args, input.as_bytes()).expect_code(code).text().to_owned()
    };
    let failed = jmeter(100, 20);
    let said = judged("success_rate >= 95%", &failed, 99);
    assert!(said.contains("100.0%, but 80 events have a status that could not be read, so it may be 20.0%"), "{said}");
    assert!(said.contains("error rate 0.0% of the 20 with a status code"), "{said}");
    judged("error_rate < 1%", &failed, 99);
    judged("error_rate = 0%", &failed, 99);
    judged("endpoint=buy: error_rate < 1%", &failed, 99);
    judged("latency.p95 < 10ms", &failed, 0);
    // Whatever the one was, 99 of 100 succeeded.
    judged("success_rate >= 99%", &jmeter(100, 99), 0);
    judged("success_rate >= 99.5%", &jmeter(100, 99), 99);
    // No status could be read: that is not a lack of data.
    let args: Vec<&str> = fields.into_iter().chain(["--allow-empty", "--require", "error_rate < 1%"]).collect();
    let none = run_with("pstats", &args, jmeter(3, 0).as_bytes()).expect_code(99);
    assert!(none.stderr.contains("not known: none of 3 statuses could be read"), "{}", none.stderr);
    // Events that have no status at all are of no request: they are left out as before.
    judged("success_rate >= 95%", "{\"responseCode\":\"200\"}\n{\"responseCode\":null,\"elapsed\":1}\n", 0);
    // Who knows that a word is none can leave it out.
    let cached = "{\"responseCode\":\"200\"}\n{\"responseCode\":\"-\"}\n";
    judged("success_rate >= 95%", cached, 99);
    let args: Vec<&str> =
        fields.into_iter().chain(["--where", "responseCode!=-", "--require", "success_rate >= 95%"]).collect();
    run_with("pstats", &args, cached.as_bytes()).expect_code(0);
}

#[test]
fn requests_that_were_aborted_with_a_latency_of_minus_1_do_not_meet_a_bound_by_being_left_out() {
    let log = |aborted: usize| {
        let took = |i| if i < aborted { -1 } else { 5 };
        (0..100).map(|i| format!("{{\"Tt\":{},\"status\":200}}\n", took(i))).collect::<String>()
    };
    let judged = |requirement: &str, aborted, code| {
        let args = ["-q", "--fields", "latency=Tt,status=status", "--require", requirement];
        run_with("pstats", &args, log(aborted).as_bytes()).expect_code(code).stderr
    };
    let said = judged("latency.p95 < 10ms", 80, 99);
    assert!(said.contains("but 80 events have a latency that could not be read, so it may be of any length"), "{said}");
    judged("latency.p50 > 1ms", 80, 99);
    judged("latency.mean < 10ms", 1, 99);
    judged("latency.max < 10ms", 1, 99);
    // Whatever the one was, 99 of 100 were fast.
    judged("latency.p95 < 10ms", 1, 0);
    judged("latency.p90 > 1ms", 1, 0);
    judged("latency.max < 10ms", 0, 0);
}

#[test]
fn that_no_id_came_twice_is_not_shown_by_events_without_an_id() {
    let events = "{\"timestamp\":\"2026-01-05T09:00:00Z\",\"uuid\":\"a\"}\n".repeat(3);
    let judged = |args: &[&str], code| run_with("pstats", args, events.as_bytes()).expect_code(code);
    let none = judged(&["-q", "--require", "ids.duplicates = 0"], 99);
    assert!(
        none.stderr.contains("not known: no line has an id; --fields id=PATH names another field"),
        "{}",
        none.stderr
    );
    judged(&["-q", "--allow-empty", "--require", "ids.duplicates = 0"], 99);
    judged(&["-q", "--fields", "id=uuid", "--require", "ids.duplicates = 2"], 0);
    assert_eq!(report(&[], &events)["events"]["ids"]["duplicates"], serde_json::Value::Null);
    let outcomes = super::outcome(1, "accepted", serde_json::json!({"event_id": null}));
    run_with("pstats", &["-q", "--partial", "--require", "ids.duplicates = 0"], outcomes.as_bytes()).expect_code(99);
}

#[test]
fn a_requirement_of_many_characters_is_refused_at_once() {
    let long = format!("{} > 1", "(".repeat(100_000));
    let refused = run("pstats", &["--require", &long]).expect_code(2).stderr;
    assert!(refused.contains("there is no figure of this name"), "{}", &refused[refused.len() - 200..]);
    run("plearn", &["--like", "x", "--require", &long]).expect_code(2);
}

#[test]
fn a_requirement_whose_number_is_not_plainly_written_is_refused() {
    for requirement in
        ["count >= 1 2", "error_rate < +5%", "error_rate < 5e0%", "error_rate < 105%", "throughput > nan/s"]
    {
        run("pstats", &["--require", requirement]).expect_code(2);
    }
}

#[test]
fn an_error_rate_is_not_the_same_as_before_if_most_statuses_can_no_longer_be_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let fields = ["-q", "--fields", "status=responseCode,endpoint=label,latency=elapsed"];
    let file = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.to_str().expect("UTF-8").to_owned()
    };
    let old: Vec<String> = (0..3).map(|n| file(&format!("old{n}"), jmeter(20_000 + n, 20_000 + n))).collect();
    let new: Vec<String> = (0..3).map(|n| file(&format!("new{n}"), jmeter(20_000 + n, 4_000))).collect();
    let require = ["--require", "error_rate not worse"];
    let judged = |now: &[String], base: &[String], code| {
        let base: Vec<&str> = base.iter().flat_map(|file| ["--base", file]).collect();
        let now: Vec<&str> = now.iter().map(String::as_str).collect();
        run("pstats", &[&fields[..], &require[..], &now[..], &base[..]].concat()).expect_code(code).stderr
    };
    judged(
        &old,
        &old.iter()
            .map(|file| file.clone() + "b")
            .inspect(|copy| {
                std::fs::copy(copy.strip_suffix('b').expect("an old one"), copy).expect("copied");
            })
            .collect::<Vec<_>>(),
        0,
    );
    let said = judged(&new, &old, 99);
    assert!(said.contains("more statuses could not be read than the tolerance allows"), "{said}");
}

#[test]
fn a_latency_is_not_the_same_as_before_if_most_can_no_longer_be_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = |run: u64, aborted: u64| {
        let took = |i| if i < aborted { "-1".to_owned() } else { format!("{}.{run}", 50 + i % 50) };
        (0..2_000).map(|i| format!("{{\"Tt\":{},\"status\":200}}\n", took(i))).collect::<String>()
    };
    // Events, their states and their reports.
    let forms = |name: &str, aborted: u64| -> [Vec<String>; 3] {
        let of = |form: &[&str], ending: &str| {
            let write = |run: u64| {
                let made = run_with("pstats", &[FIELDS, form].concat(), log(run, aborted).as_bytes());
                let text = if form.is_empty() { log(run, aborted) } else { made.expect_code(0).text().to_owned() };
                let path = folder.path().join(format!("{name}{run}.{ending}"));
                std::fs::write(&path, text).expect("written");
                path.to_str().expect("UTF-8").to_owned()
            };
            (0..3).map(write).collect()
        };
        [of(&[], "jsonl"), of(&["--format", "state"], "state"), of(&["--format", "json"], "json")]
    };
    let judged = |now: &[String], base: &[String], requirement: &str, code| {
        let base = base.iter().flat_map(|file| ["--base", file]);
        let now = now.iter().map(String::as_str);
        let args: Vec<&str> = FIELDS.iter().copied().chain(["--require", requirement]).chain(base).chain(now).collect();
        run("pstats", &args).expect_code(code).stderr
    };
    let (old, few, most) = (forms("old", 0), forms("few", 20), forms("most", 1_500));
    for form in 0..3 {
        let said = judged(&most[form], &old[form], "latency.p50 not worse", 99);
        assert!(said.contains("more latencies could not be read than the tolerance allows"), "{said}");
        judged(&most[form], &old[form], "latency.mean not worse", 99);
        judged(&old[form], &most[form], "latency.p50 not worse", 99);
        judged(&few[form], &old[form], "error_rate not worse", 0);
        judged(&few[form], &old[form], "latency.p999 not worse", 99);
    }
    // A hundredth may move the median by a hundredth of its rank, which a report with a few quantiles does not show.
    for form in 0..2 {
        judged(&few[form], &old[form], "latency.p50 not worse", 0);
    }
}

const FIELDS: &[&str] = &["-q", "--fields", "latency=Tt,status=status"];

#[test]
fn a_latency_of_outcomes_that_could_not_be_read_does_not_meet_a_bound_by_being_left_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let run_of = |name: &str, unread: usize| {
        let latency = |i| if i < unread { "-1".to_owned() } else { format!("{}.5", 50 + i % 50) };
        let line = |i| {
            format!(
                "{{\"seq\":{},\"event_id\":\"e{i}\",\"outcome\":\"accepted\",\"status\":200,\"attempts\":1,\"latency_ms\":{},\
                 \"service\":\"a\"}}\n",
                i + 1,
                latency(i)
            )
        };
        let path = folder.path().join(name);
        std::fs::write(&path, (0..200).map(line).collect::<String>()).expect("written");
        path.to_str().expect("UTF-8").to_owned()
    };
    let (read, few, most) = (run_of("read", 0), run_of("few", 2), run_of("most", 150));
    let judged = |files: &[&str], requirement: &str, code| {
        run("pstats", &[&["-q", "--partial", "--require", requirement], files].concat()).expect_code(code).stderr
    };
    for requirement in ["latency.p50 < 200ms", "outcomes.latency.p50 < 200ms", "service=a: latency.p50 < 200ms"] {
        let said = judged(&[&most], requirement, 99);
        assert!(said.contains("150 events have a latency that could not be read"), "{said}");
        judged(&[&few], requirement, 0);
    }
    // The word of an outcome says what it is.
    judged(&[&most], "success_rate = 100%", 0);
    let said = judged(&[&most, "--base", &read], "latency.p50 not worse", 99);
    assert!(said.contains("more latencies could not be read than the tolerance allows"), "{said}");
}
