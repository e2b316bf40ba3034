//! pshape: what truth says changed did, and nothing else did.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::{Read, Write};
use std::path::Path;
use std::process::Stdio;

use base64::Engine as _;
use pulsepipe::jsonl::scan::{FieldSet, Scanner, Spans};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::support::{Run, path, run, run_with, sample, shell_in, tool};

/// Events as pgen writes them, one a second, cut down to what effects look at.
fn events(count: usize) -> Vec<u8> {
    let services = ["payment-service", "order-service", "user-service", "auth-service"];
    let regions = ["NA", "EU", "APAC", "LATAM"];
    let mut out = Vec::new();
    for n in 1..=count {
        let second = n - 1;
        let stamp = format!(
            "2026-01-{:02}T{:02}:{:02}:{:02}.000000Z",
            5 + second / 86_400,
            second / 3600 % 24,
            second / 60 % 60,
            second % 60
        );
        let error = n % 10 == 0;
        let (status, severity, details) = if error {
            (
                500,
                "error",
                r#""error_details":{"error_code":"ERR_500_1","error_message":"x","error_type":"ServerError"},"#,
            )
        } else {
            (200, "info", "")
        };
        writeln!(
            out,
            r#"{{"event_id":"evt_{n}","event_type":"api_call","timestamp":"{stamp}","title":"GET /","message":"m","severity":"{severity}","source":{{"service":"{}","endpoint":"/","method":"GET"}},"metrics":{{"response_time_ms":{}.25,"status_code":{status},"response_size_bytes":800,"cache_hit":{}}},"context":{{"tags":{{"region":"{}"}}}},{details}"payload":{{"amount":1.10,"big":12345678901234567890}}}}"#,
            services[n % 4],
            100 + n % 7,
            n % 3 == 0,
            regions[n / 4 % 4],
        )
        .expect("memory takes it");
    }
    out
}

/// A run whose truth is kept.
struct Shaped {
    run: Run,
    faults: Vec<Value>,
    summary: Value,
    raw: Vec<Truth>,
}

/// A raw value before and after.
type Change = (Box<RawValue>, Box<RawValue>);

/// A line of truth with its values as they are written.
#[derive(serde::Deserialize)]
struct Truth {
    seq: Option<u64>,
    source_seq: Option<u64>,
    fault: String,
    changes: Option<HashMap<String, Change>>,
    edits: Option<Vec<(usize, usize, String)>>,
}

fn shape(args: &[&str], input: &[u8]) -> Shaped {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("truth.jsonl");
    let file = file.to_str().expect("a UTF-8 path");
    let args: Vec<&str> = ["--seed", "7", "--truth", file].iter().chain(args).copied().collect();
    let run = run_with("pshape", &args, input).expect_code(0);
    let text = std::fs::read_to_string(file).expect("the truth is there");
    let mut faults: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let summary = faults.pop().expect("truth ends with its summary");
    let raw = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    Shaped { run, faults, summary, raw }
}

/// Splits a stream into lines and their terminators.
fn split(stream: &[u8]) -> Vec<&[u8]> {
    stream.split_inclusive(|b| *b == b'\n').collect()
}

/// Rebuilds pshape's output from its input and the truth alone.
///
/// A line of the output with truth is its source line with what truth says done to it, fault by fault in the order of the file; the
/// other places take the source lines that truth neither moves nor removes, in their order.
fn replay(input: &[u8], truth: &[Truth]) -> Vec<u8> {
    let source = split(input);
    let faults: Vec<&Truth> = truth.iter().filter(|t| t.fault != "summary").collect();
    let copies: HashSet<u64> = faults.iter().filter(|t| t.fault == "duplicate").filter_map(|t| t.seq).collect();
    let mut placed: HashMap<u64, (Vec<u8>, &[u8])> = HashMap::new();
    let mut moved = vec![false; source.len() + 1];
    for fault in faults {
        let number = usize::try_from(fault.source_seq.expect("a fault has a source")).expect("small");
        // A copy adds a line, and leaves its source line where it is.
        if !fault.seq.is_some_and(|seq| copies.contains(&seq)) {
            moved[number] = true;
        }
        let Some(seq) = fault.seq else { continue };
        let (line, _) = placed.entry(seq).or_insert_with(|| {
            let (text, end) = without_end(source[number - 1]);
            (text.to_vec(), end)
        });
        apply(line, fault);
    }
    let mut rest = (1..=source.len()).filter(|n| !moved[*n]).map(|n| source[n - 1].to_vec());
    let mut out: Vec<u8> = Vec::new();
    for seq in 1.. {
        let made = placed.remove(&seq).map(|(text, end)| [&text[..], end].concat());
        let Some(line) = made.or_else(|| rest.next()) else { break };
        if !out.is_empty() && out.last() != Some(&b'\n') {
            out.push(b'\n');
        }
        out.extend(line);
    }
    assert!(placed.is_empty(), "truth names lines behind the end: {:?}", placed.keys());
    out
}

/// A line's text and its terminator.
fn without_end(line: &[u8]) -> (&[u8], &[u8]) {
    let text = line.strip_suffix(b"\n").map_or(line, |text| text.strip_suffix(b"\r").unwrap_or(text));
    line.split_at(text.len())
}

fn apply(line: &mut Vec<u8>, fault: &Truth) {
    if let Some(edits) = &fault.edits {
        for (at, deleted, inserted) in edits {
            let inserted = base64::engine::general_purpose::STANDARD.decode(inserted).expect("base64");
            line.splice(at..&(at + deleted), inserted);
        }
    } else {
        for (path, (before, after)) in fault.changes.as_ref().expect("values where there are no edits") {
            let mut spans = Spans::default();
            Scanner::new(FieldSet::new([path])).scan(line, &mut spans).expect("an object");
            let range = spans.range(0).unwrap_or_else(|| panic!("{path} is there"));
            assert_eq!(&line[range.clone()], before.get().as_bytes(), "{path} before");
            line.splice(range, after.get().bytes());
        }
    }
}

/// Fails where output, input and truth do not agree.
#[track_caller]
fn check(shaped: &Shaped, input: &[u8]) {
    let rebuilt = replay(input, &shaped.raw);
    if rebuilt != shaped.run.stdout {
        let (ours, theirs) = (split(&rebuilt), split(&shaped.run.stdout));
        let at = ours.iter().zip(&theirs).position(|(a, b)| a != b).unwrap_or(ours.len().min(theirs.len()));
        let show = |lines: &[&[u8]]| lines.get(at).map(|l| String::from_utf8_lossy(l).into_owned());
        panic!("line {}:\nrebuilt {:?}\nwritten {:?}", at + 1, show(&ours), show(&theirs));
    }
    assert_eq!(shaped.summary["fault"], "summary");
    assert_eq!(shaped.summary["complete"], true);
    assert_eq!(shaped.summary["lines_in"], split(input).len());
    assert_eq!(shaped.summary["lines_out"], split(&shaped.run.stdout).len());
    let mut totals = Map::new();
    for fault in &shaped.faults {
        let count = totals.entry(fault["fault"].as_str().expect("a name")).or_insert(json!(0));
        *count = json!(count.as_u64().expect("a count") + 1);
    }
    for (fault, count) in shaped.summary["totals"].as_object().expect("totals") {
        assert_eq!(totals.get(fault).unwrap_or(&json!(0)), count, "{fault}");
    }
}

fn sample_bytes() -> Vec<u8> {
    std::fs::read(sample()).expect("the sample is there")
}

fn text_of(path: &Path) -> &str {
    path.to_str().expect("a UTF-8 path")
}

#[test]
fn without_an_effect_every_line_passes_byte_for_byte() {
    let sample = sample_bytes();
    assert!(run("pshape", &[text_of(&crate::support::sample())]).expect_code(0).stdout == sample);
    let odd =
        b"\xef\xbb\xbf{\"a\": 1.10, \"a\":2}\r\n\n  \nnot json\n[1]\n\xff\xfe\n{\"n\":12345678901234567890}".to_vec();
    assert_eq!(run_with("pshape", &[], &odd).expect_code(0).stdout, odd);
    assert_eq!(run_with("pshape", &["--spikes", "0"], &odd).expect_code(0).stdout, odd);
    assert_eq!(run_with("pshape", &[], b"").expect_code(0).stdout, b"");
}

#[test]
fn files_are_joined_at_line_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("a"), "{\"a\":1}\n{\"a\":2}").expect("written");
    std::fs::write(folder.path().join("b"), "\u{feff}{\"b\":1}").expect("written");
    let run = shell_in(folder.path(), "pshape a b", &[]).expect_code(0);
    assert_eq!(run.text(), "{\"a\":1}\n{\"a\":2}\n{\"b\":1}");
}

#[test]
fn an_array_becomes_lines() {
    let run = run_with("pshape", &[], b"[{\"a\":1},\n {\"a\":2}]\n").expect_code(0);
    assert_eq!(run.text(), "{\"a\":1}\n{\"a\":2}\n");
}

#[test]
fn spikes_multiply_that_share_of_response_times_by_2_to_10() {
    const EVENTS: usize = 100_000;
    let input = events(EVENTS);
    let shaped = shape(&["--spikes", "0.05"], &input);
    check(&shaped, &input);
    let mut factors: Vec<f64> = shaped
        .faults
        .iter()
        .map(|fault| {
            assert_eq!(fault["fault"], "spike");
            assert_eq!(fault["expect"], "accepted");
            assert_eq!(fault["event_id"], format!("evt_{}", fault["source_seq"]));
            let change = &fault["changes"]["metrics.response_time_ms"];
            change[1].as_f64().expect("a number") / change[0].as_f64().expect("a number")
        })
        .collect();
    within_5_standard_errors(factors.len(), EVENTS, 0.05);
    uniform_2_to_10(&mut factors);
}

/// A binomial count within five of its standard errors.
#[track_caller]
fn within_5_standard_errors(count: usize, of: usize, share: f64) {
    let (count, of) = (count as f64, of as f64);
    let error = (of * share * (1.0 - share)).sqrt();
    assert!((count - of * share).abs() <= 5.0 * error, "{count} of {of} is not {share}");
}

/// The test of Kolmogorov and Smirnov against the uniform law from 2 to 10, at the level of 10^-6.
#[track_caller]
fn uniform_2_to_10(factors: &mut [f64]) {
    factors.sort_by(f64::total_cmp);
    let n = factors.len() as f64;
    let distance = factors
        .iter()
        .enumerate()
        .map(|(i, f)| {
            let expected = (f - 2.0) / 8.0;
            (expected - i as f64 / n).abs().max((expected - (i + 1) as f64 / n).abs())
        })
        .fold(0.0, f64::max);
    assert!(distance * n.sqrt() < 2.7, "D = {distance} for {n} factors");
}

/// Every effect, with options that make it act often.
const EFFECTS: &[&[&str]] = &[
    &["--spikes", "20%,burst=3"],
    &["--spikes", "0.2,factor=pareto:1.5"],
    &["--slow", "3x,p=50%"],
    &["--errors", "20%,codes=500:3/503:2/404"],
    &["--errors", "20%,burst=20"],
    &["--recover", "50%"],
    &["--new-ids", "again \"1\"_"],
    &["--shift", "-2h"],
    &["--start", "2026-02-01T00:00:00Z", "--stretch", "2.5x"],
    &["--curve", "business"],
    &["--flash", "at=5m,peak=10x,ramp=30s,hold=1m,decay=1m"],
    &["--gap", "at=10m,for=2m"],
    &["--gap", "at=10m,for=2m,mode=flush"],
    &["--incident", "service=payment-service,at=+5m,for=15m,errors=40%,latency=5x,cascade=order-service:0.5"],
    &["--skew", "service=user-service,by=90s"],
    &["--drop", "10%,burst=3"],
    &["--duplicates", "10%,copies=2,conflict"],
    &["--duplicates", "10%,delay=1m"],
    &["--duplicates", "10%"],
    &["--late", "10%,by=1m"],
    &["--reorder", "10%,window=20"],
    &["--malformed", "20%"],
    &["--schema", "20%"],
    &["--encoding", "20%"],
    &["--oversize", "5%,to=2k"],
    &["--poison", "every=500"],
];

/// All of them at once, the first of each kind. (With --curve, --start says where its window begins.)
fn all_together() -> Vec<&'static str> {
    let mut seen = HashSet::new();
    let firsts = EFFECTS.iter().filter(|args| args[0] != "--start" && seen.insert(args[0]));
    firsts.flat_map(|args| args.iter().copied()).collect()
}

/// Inputs of many forms: pgen's, another writer's, and what is no event.
fn inputs() -> Vec<Vec<u8>> {
    let mut odd = sample_bytes();
    odd.extend(
        b"\n  \nnot json\n[1,2]\n\xff\n{}\r\n{\"metrics\":{\"status_code\":\"200\",\"response_time_ms\":-1}}\r\n",
    );
    odd.extend(events(200));
    odd.pop();
    vec![events(2000), odd]
}

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

/// The source lines of the faults of this name.
fn choices(shaped: &Shaped, fault: &str) -> BTreeSet<u64> {
    let of_it = shaped.faults.iter().filter(|f| f["fault"] == fault);
    of_it.map(|f| f["source_seq"].as_u64().expect("a source")).collect()
}

#[test]
fn switching_one_effect_on_changes_no_choice_of_another() {
    let input = events(3000);
    let spikes = choices(&shape(&["--spikes", "20%"], &input), "spike");
    for args in EFFECTS.iter().filter(|args| args[0] != "--spikes") {
        let alone = shape(args, &input);
        let both = shape(&[&["--spikes", "20%"], *args].concat(), &input);
        let fault = alone.faults[0]["fault"].as_str().expect("a name");
        assert_eq!(choices(&alone, fault), choices(&both, fault), "{args:?}");
        // What an outage of the producer swallowed was never there to be spiked.
        let swallowed: BTreeSet<u64> = both
            .faults
            .iter()
            .filter(|f| f["fault"] == "gap" && f["seq"].is_null())
            .filter_map(|f| f["source_seq"].as_u64())
            .collect();
        assert_eq!(&choices(&both, "spike") | &swallowed, &spikes | &swallowed, "{args:?}");
    }
}

#[test]
fn an_injected_error_is_coherent_and_recover_is_its_reverse() {
    let input = events(2000);
    let shaped = shape(&["--errors", "1"], &input);
    assert_eq!(shaped.summary["totals"]["error"], 1800);
    for event in shaped.run.json_lines() {
        let status = event["metrics"]["status_code"].as_u64().expect("a status");
        assert!(status >= 400);
        assert_eq!(event["severity"], if status >= 500 { "error" } else { "warning" });
        assert!(event["error_details"]["error_type"].is_string());
        if event["message"] == "m" {
            continue;
        }
        assert!(
            event["error_details"]["error_code"].as_str().is_some_and(|c| c.starts_with(&format!("ERR_{status}_")))
        );
        assert_eq!(event["metrics"]["cache_hit"], false);
        assert!(event["metrics"]["response_size_bytes"].as_u64().is_some_and(|size| (100..=600).contains(&size)));
        let service = event["source"]["service"].as_str().expect("a service");
        let words = if status >= 500 { format!("Server error in {service}") } else { "Client error on /".to_owned() };
        assert_eq!(event["message"], words);
    }
    let healed = shape(&["--recover"], &shaped.run.stdout);
    for event in healed.run.json_lines() {
        assert_eq!(event["metrics"]["status_code"], 200);
        assert_eq!(event["severity"], "info");
        assert!(event.get("error_details").is_none());
    }
}

#[test]
fn codes_come_in_the_shares_asked_for() {
    let shaped = shape(&["--errors", "1,codes=500:3/503:2"], &events(20_000));
    let of = shaped.faults.len();
    let count = shaped.faults.iter().filter(|f| f["changes"]["metrics.status_code"][1] == 503).count();
    within_5_standard_errors(count, of, 0.4);
}

#[test]
fn new_ids_are_fresh_and_copies_stay_copies() {
    let mut input = events(100);
    input.extend(events(100));
    let shaped = shape(&["--new-ids", "rerun_"], &input);
    let ids: Vec<String> =
        shaped.run.json_lines().iter().map(|e| e["event_id"].as_str().expect("an id").into()).collect();
    assert!(ids.iter().all(|id| id.starts_with("rerun_")));
    assert_eq!(ids[..100], ids[100..]);
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 100);
}

#[test]
fn where_narrows_what_the_share_is_taken_of() {
    let input = events(100_000);
    let shaped = shape(&["--spikes", "0.05", "--where", "service=payment-service,status_code<500"], &input);
    check(&shaped, &input);
    within_5_standard_errors(shaped.faults.len(), 20_000, 0.05);
    let nothing = shape(&["--spikes", "0.05", "--where", "service=no-such"], &input);
    assert!(nothing.faults.is_empty());
    assert!(nothing.run.stderr.contains("--spikes: none of the"), "{}", nothing.run.stderr);
    assert!(nothing.run.stdout == input);
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

#[test]
fn each_effect_takes_its_share_of_the_lines_that_it_can_apply_to() {
    const EVENTS: usize = 100_000;
    let input = events(EVENTS);
    for (flag, options, of) in [
        ("--spikes", "", EVENTS),
        ("--slow", "2x,p=", EVENTS),
        ("--errors", "", EVENTS / 10 * 9),
        ("--recover", "", EVENTS / 10),
        ("--drop", "", EVENTS),
        ("--duplicates", "", EVENTS),
        ("--late", "", EVENTS),
        ("--reorder", "", EVENTS),
        ("--schema", "", EVENTS),
        ("--oversize", "to=600,p=", EVENTS),
        ("--encoding", "", EVENTS),
        ("--malformed", "", EVENTS),
    ] {
        let shaped = shape(&[flag, &format!("{options}0.05")], &input);
        let (fault, count) = shaped.summary["totals"].as_object().expect("totals").iter().next().expect("one effect");
        // The first line gets no byte order mark.
        let count = usize::try_from(count.as_u64().expect("a count")).expect("small");
        assert_eq!(count, shaped.faults.len(), "{fault}");
        within_5_standard_errors(count, of, 0.05);
    }
}

#[test]
fn bursts_come_in_runs_of_the_length_asked_for() {
    let shaped = shape(&["--drop", "5%,burst=20"], &events(200_000));
    let lost = choices(&shaped, "drop");
    let runs = lost.iter().filter(|seq| !lost.contains(&(*seq - 1))).count();
    let mean = lost.len() as f64 / runs as f64;
    // The lengths are geometric: their deviation is about their mean.
    assert!((mean - 20.0).abs() < 5.0 * 20.0 / (runs as f64).sqrt(), "runs of {mean}");
    let error = (200_000.0 * 0.05 * 0.95 * 39.0_f64).sqrt();
    assert!((lost.len() as f64 - 10_000.0).abs() < 5.0 * error, "{} lost", lost.len());
}

/// An event's time in seconds since 1970.
fn time(event: &Value) -> f64 {
    let text = event["timestamp"].as_str().expect("a timestamp");
    pulsepipe::record::timestamp::parse(text.as_bytes()).expect("a timestamp") as f64 / 1e6
}

/// Bare events from a Monday on, so many seconds apart.
fn sparse(count: u32, apart: u32) -> Vec<u8> {
    const MONDAY: i64 = 1_767_571_200_000_000; // 2026-01-05
    let stamp = |n| pulsepipe::record::timestamp::format(MONDAY + i64::from(n) * i64::from(apart) * 1_000_000);
    (0..count).flat_map(|n| format!("{{\"event_id\":{n},\"timestamp\":\"{}\"}}\n", stamp(n)).into_bytes()).collect()
}

#[test]
fn a_curve_has_its_hours_and_its_weekend() {
    // Two weeks, an event each 12 s, by whole weeks and over a window.
    let input = sparse(100_800, 12);
    for window in [&[][..], &["--start", "2026-01-05T00:00:00Z", "--hours", "336"]] {
        let shaped = shape(&[&["--curve", "business"], window].concat(), &input);
        let events = shaped.run.json_lines();
        assert!(events.windows(2).all(|pair| time(&pair[0]) <= time(&pair[1])), "order is kept");
        let mut hours = [0.0; 168];
        for event in &events {
            hours[(time(event) as usize - 1_767_571_200) / 3600 % 168] += 1.0;
        }
        let mean = |of: &dyn Fn(usize) -> bool| {
            let of: Vec<f64> = (0..168).filter(|h| of(*h)).map(|h| hours[h]).collect();
            of.iter().sum::<f64>() / of.len() as f64
        };
        let busy = |h: usize| (9..17).contains(&(h % 24));
        let weekday = |h: usize| h < 120;
        let ratio = mean(&|h| busy(h) && weekday(h)) / mean(&|h| !busy(h) && weekday(h));
        assert!((ratio - 2.0).abs() < 0.01, "{ratio}");
        let weekend = mean(&|h| !weekday(h)) / mean(&weekday);
        assert!((weekend - 0.6).abs() < 0.005, "{weekend}");
        // And back: where the old curve is said, a second pass undoes the first.
        let flat = shape(&[&["--curve", "flat", "--from", "business"], window].concat(), &shaped.run.stdout);
        for (before, after) in input.split(|b| *b == b'\n').zip(flat.run.json_lines()) {
            let before: Value = serde_json::from_slice(before).expect("an event");
            assert!((time(&before) - time(&after)).abs() < 1e-5);
        }
    }
}

#[test]
fn events_out_of_order_are_moved_by_their_own_time_and_said() {
    let mut lines: Vec<Vec<u8>> = split(&sparse(10, 60)).into_iter().map(<[u8]>::to_vec).collect();
    lines.swap(3, 7);
    let shaped = shape(&["--curve", "business"], &lines.concat());
    assert!(shaped.run.stderr.contains("--curve: 2 timestamps are before"), "{}", shaped.run.stderr);
}

#[test]
fn an_incident_has_its_window_and_its_cascade_exactly() {
    let input = events(20_000);
    let start = 1_767_571_200.0;
    let shaped = shape(
        &["--incident", "service=payment-service,at=+2h,for=1h,errors=40%,latency=5x,cascade=order-service:0.5"],
        &input,
    );
    check(&shaped, &input);
    let (mut successes, mut failed) = ([0; 2], [0; 2]);
    for (before, after) in input.split(|b| *b == b'\n').zip(shaped.run.json_lines()) {
        let before: Value = serde_json::from_slice(before).expect("an event");
        let inside = (start + 7200.0..start + 10_800.0).contains(&time(&before));
        let at = match before["source"]["service"].as_str() {
            Some("payment-service") if inside => 0,
            Some("order-service") if inside => 1,
            _ => {
                assert_eq!(before, after, "what has no part in it is as it was");
                continue;
            }
        };
        let ms = |event: &Value| event["metrics"]["response_time_ms"].as_f64().expect("a number");
        assert!((ms(&after) / ms(&before) - [5.0, 3.0][at]).abs() < 1e-9);
        if before["metrics"]["status_code"] == 200 {
            successes[at] += 1;
            failed[at] += usize::from(after["metrics"]["status_code"] != 200);
        }
    }
    within_5_standard_errors(failed[0], successes[0], 0.4);
    within_5_standard_errors(failed[1], successes[1], 0.2);
}

#[test]
fn late_events_keep_their_time_and_lose_their_place_by_a_lognormal_delay() {
    let input = events(50_000);
    let shaped = shape(&["--late", "5%,by=1m,cap=10m"], &input);
    check(&shaped, &input);
    let late: HashSet<u64> = shaped.faults.iter().filter_map(|f| f["seq"].as_u64()).collect();
    let events = shaped.run.json_lines();
    let mut next = f64::INFINITY;
    let mut delays = Vec::new();
    for (place, event) in events.iter().enumerate().rev() {
        if late.contains(&(place as u64 + 1)) {
            delays.push(next - time(event));
        } else {
            next = time(event);
        }
    }
    delays.retain(|delay| delay.is_finite());
    delays.sort_by(f64::total_cmp);
    let median = delays[delays.len() / 2];
    assert!((50.0..70.0).contains(&median), "{median}");
    assert!(delays[0] > 0.0 && delays[delays.len() - 1] <= 601.0, "{delays:?}");
    assert!(delays.iter().filter(|delay| **delay > 600.0 - 1.0).count() > 5, "the cap is reached");
}

#[test]
fn what_is_held_back_is_bounded_and_the_bound_is_said() {
    let input = events(5000);
    let shaped = shape(&["--late", "20%,by=10m", "--max-held", "64k"], &input);
    check(&shaped, &input);
    assert!(shaped.run.stderr.contains("for --max-held was reached"), "{}", shaped.run.stderr);
    let roomy = shape(&["--late", "20%,by=10m"], &input);
    assert!(!roomy.run.stderr.contains("--max-held"), "{}", roomy.run.stderr);
}

#[test]
fn time_moves_as_it_is_told() {
    let input = events(100);
    let first = |args: &[&str], at: usize| shape(args, &input).run.json_lines()[at]["timestamp"].clone();
    assert_eq!(first(&["--shift", "2h"], 1), "2026-01-05T02:00:01.000000Z");
    assert_eq!(first(&["--shift=-500ms"], 1), "2026-01-05T00:00:00.500000Z");
    assert_eq!(first(&["--start", "2027-03-01T10:00:00Z"], 1), "2027-03-01T10:00:01.000000Z");
    assert_eq!(first(&["--stretch", "0.5x"], 9), "2026-01-05T00:00:04.500000Z");
    assert_eq!(
        first(&["--start", "2027-03-01T10:00:00Z", "--stretch", "2x", "--shift", "1s"], 9),
        "2027-03-01T10:00:19.000000Z"
    );
    assert_eq!(first(&["--skew", "service=order-service,by=-90s"], 0), "2026-01-04T23:58:30.000000Z");
    let flushed = shape(&["--gap", "at=10s,for=20s,mode=flush"], &input).run.json_lines();
    assert!(flushed[10..30].iter().all(|e| (30.0..30.2).contains(&(time(e) - 1_767_571_200.0))));
    assert!(flushed.windows(2).all(|pair| time(&pair[0]) <= time(&pair[1])));
    let gone = shape(&["--gap", "at=10s,for=20s"], &input);
    assert_eq!(gone.run.lines().len(), 80);
    assert!(gone.faults.iter().all(|f| f["seq"].is_null() && f["expect"] == "absent"));
}

#[test]
fn copies_follow_at_once_or_later_and_may_conflict() {
    let input = events(1000);
    let shaped = shape(&["--duplicates", "10%,copies=2,conflict"], &input);
    let events = shaped.run.json_lines();
    for fault in &shaped.faults {
        assert_eq!(fault["expect"], "duplicate");
        let seq = usize::try_from(fault["seq"].as_u64().expect("a line")).expect("small");
        let copy = &events[seq - 1];
        assert_eq!(copy["event_id"], fault["event_id"]);
        assert_eq!(copy["event_id"], events[seq - 2]["event_id"]);
        assert_eq!(fault["changes"].as_object().map(Map::len), Some(1), "in conflict");
    }
    let later = shape(&["--duplicates", "10%,delay=1m"], &input);
    let events = later.run.json_lines();
    for fault in &later.faults {
        let seq = usize::try_from(fault["seq"].as_u64().expect("a line")).expect("small");
        let next = events[seq..].iter().map(time).find(|at| *at >= time(&events[seq - 1]) + 60.0);
        assert!(next.is_some_and(|at| at < time(&events[seq - 1]) + 62.0) || seq > 930);
    }
}

#[test]
fn scenarios_run_from_the_library_and_from_files_and_are_checked_strictly() {
    let input = events(20_000);
    let list = run("pshape", &["--list-scenarios"]).expect_code(0);
    for name in ["black-friday", "bad-deploy", "region-outage"] {
        assert!(list.text().contains(name));
        let shaped = shape(&["--scenario", name, "--label"], &input);
        check(&shaped, &input);
        assert!(shaped.faults.len() > 100, "{name}: {}", shaped.summary);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mine.toml");
    let write = |text: &str| std::fs::write(&file, text).expect("written");
    write("[[drop]]\np = 1\nwhere = 'service=user-service'\nfrom = '+10s'\nuntil = '2026-01-05T00:00:30Z'\n");
    let shaped = shape(&["--scenario", text_of(&file)], &input);
    check(&shaped, &input);
    assert_eq!(choices(&shaped, "drop"), BTreeSet::from([14, 18, 22, 26, 30]));
    for (text, says) in [
        ("[[drop]]\np = 1\nform = '+1h'\n", "mine.toml:3: drop: unknown option 'form'; did you mean 'from'?"),
        ("[[dorp]]\np = 1\n", "mine.toml:1: no effect is called 'dorp'; did you mean 'drop'?"),
        ("[[drop]]\np = 2\n", "mine.toml:2: drop: a probability"),
        ("[[spikes]]\np = 0.1\nfrom = '2h'\nuntil = '1h'\n", "'from' is not before 'until'"),
    ] {
        write(text);
        let run = run_with("pshape", &["--scenario", text_of(&file)], b"{}\n").expect_code(2);
        assert!(run.stderr.contains(says), "{text}: {}", run.stderr);
    }
    let run = run("pshape", &["--scenario", "blackfriday"]).expect_code(2);
    assert!(run.stderr.contains("did you mean 'black-friday'?"), "{}", run.stderr);
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
        assert_eq!(outcome, fault["expect"], "{fault}");
        seen.insert(fault["fault"].to_string());
    }
    assert_eq!(seen.len(), 11, "{seen:?}");
}

#[test]
fn the_same_seed_and_input_give_the_same_bytes_at_any_read_size() {
    let input = events(3000);
    let whole = run_with("pshape", &["--seed", "3", "--spikes", "5%,burst=4"], &input).expect_code(0);
    let mut child = tool("pshape")
        .args(["--seed", "3", "--spikes", "5%,burst=4"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("pshape starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let feeder = std::thread::spawn(move || {
        for piece in input.chunks(7919) {
            stdin.write_all(piece).expect("pshape reads");
            stdin.flush().expect("a pipe");
        }
    });
    let mut pieces = Vec::new();
    child.stdout.take().expect("a pipe").read_to_end(&mut pieces).expect("pshape writes");
    feeder.join().expect("fed");
    assert!(child.wait().expect("it ends").success());
    assert!(pieces == whole.stdout);
    let other = run_with("pshape", &["--seed", "4", "--spikes", "5%,burst=4"], &events(3000)).expect_code(0);
    assert!(other.stdout != whole.stdout);
}

#[test]
fn a_drawn_seed_is_shown_as_a_flag_to_paste() {
    let input = events(200);
    let first = run_with("pshape", &["--spikes", "50%"], &input).expect_code(0);
    let seed = first.stderr.split("--seed ").nth(1).and_then(|rest| rest.split_whitespace().next()).expect("a seed");
    let second = run_with("pshape", &["--spikes", "50%", "--seed", seed], &input).expect_code(0);
    assert!(first.stdout == second.stdout);
}

#[test]
fn the_real_sample_and_other_schemas_are_spiked_in_place() {
    let input = sample_bytes();
    check(&shape(&["--spikes", "20%"], &input), &input);
    let logs: Vec<u8> =
        (0..1000).flat_map(|n| format!("{{ \"dur_ms\" : {n}, \"note\":\"\\u00e9\" }}\r\n").into_bytes()).collect();
    let shaped = shape(&["--spikes", "0.5,factor=3", "--fields", "latency=dur_ms"], &logs);
    check(&shaped, &logs);
    assert!(shaped.faults.len() > 400);
    for fault in &shaped.faults {
        let change = &fault["changes"]["dur_ms"];
        assert_eq!(change[1].as_u64(), change[0].as_u64().map(|ms| ms * 3));
    }
}

#[test]
fn lines_that_an_effect_cannot_apply_to_pass_and_are_counted() {
    let input = b"not json\n[1]\n\n\xff\n{\"metrics\":{}}\n{\"metrics\":{\"response_time_ms\":null}}\n{\"metrics\":{\"response_time_ms\":5.00}}\n";
    let shaped = shape(&["--spikes", "1"], input);
    check(&shaped, input);
    assert_eq!(shaped.summary["totals"], json!({"spike": 1}));
    assert!(shaped.run.stderr.contains("4 lines: no JSON object"), "{}", shaped.run.stderr);
    assert!(
        shaped.run.stderr.contains("spike                1  (2 more lacked a response time above 0)"),
        "{}",
        shaped.run.stderr
    );
}

#[test]
fn a_line_of_100_mb_passes_in_bounded_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut input = events(3);
    input.extend(std::iter::repeat_n(b'~', 100_000_000));
    input.push(b'\n');
    input.extend(events(3));
    std::fs::write(folder.path().join("events"), input).expect("written");
    // A process that held the line would need more address space than this, in KiB.
    let script = "ulimit -v 160000; pshape --seed 1 --spikes 1 --truth truth events > out; tr -cd '~' < out | wc -c; wc -l < out";
    let run = shell_in(folder.path(), script, &[]).expect_code(0);
    assert_eq!(run.text().split_whitespace().collect::<Vec<_>>(), ["100000000", "7"]);
    assert!(run.stderr.contains("1 line: too long for --max-line"), "{}", run.stderr);
    let truth = std::fs::read_to_string(folder.path().join("truth")).expect("the truth is there");
    assert!(truth.contains("\"lines_out\":7,\"totals\":{\"spike\":6}"), "{truth}");
}

#[test]
fn wrong_usage_is_named_and_nothing_is_written() {
    for (args, says) in [
        (&["--spikes", "1.5"][..], "invalid value '1.5' for --spikes: a probability from 0 to 1"),
        (&["--spikes", "5%,factr=2"], "did you mean 'factor'?"),
        (&["--spikes", "5%,factor=10..2"], "'10..2' for factor in --spikes"),
        (&["--spikes", "5%,burst=0.5"], "burst"),
        (&["--spikes"], "a value is required"),
        (&["--errors", "5%,codes=200"], "'200' for codes in --errors"),
        (&["--slow", "0x"], "a factor above 0"),
        (&["--new-ids", ""], "1 to 68 characters"),
        (&["--malformed", "5%,kinds=truncated"], "no such kind; did you mean 'truncate'?"),
        (&["--late", "5%,by=2d"], "'by' is above"),
        (&["--gap", "at=1h,for=10m,mode=wait"], "drop or flush"),
        (&["--flash", "peak=10x"], "'at' is missing"),
        (&["--incident", "at=1h,for=10m,errors=5%"], "whose incident"),
        (&["--poison", "every=0"], "above 0"),
        (&["--curve", "busines"], "business, flat"),
        (&["--curve", "flat", "--start", "2026-01-05T00:00:00Z"], "--end or --hours"),
        (&["--from", "flat"], "--curve"),
        (&["--duplicates", "5%,copies=0"], "1 to 1000"),
        (&["--max-held", "lots"], "--max-held"),
        (&["--where", "service", "--spikes", "1"], "'service' is no condition"),
        (&["--where", "status_code>=high", "--spikes", "1"], ">= wants a number"),
        (&["--sipkes", "1"], "--spikes"),
        (&["--truth", "-"], "--truth"),
        (&["--seed", "x"], "--seed"),
        (&["--shard", "4/3"], "--shard"),
        (&["--fields", "colour=x"], "no role"),
    ] {
        let run = run_with("pshape", args, b"{}\n").expect_code(2);
        assert!(run.stderr.contains(says), "{args:?}: {}", run.stderr);
        assert!(run.stdout.is_empty());
    }
    let run = run("pshape", &["no-such-file.jsonl"]).expect_code(1);
    assert!(run.stderr.contains("no-such-file.jsonl"), "{}", run.stderr);
}

#[test]
fn a_full_disk_ends_the_run_with_1_and_a_closed_pipe_quietly() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("events"), events(20_000)).expect("written");
    let full = shell_in(folder.path(), "pshape --spikes 5% --seed 1 events > /dev/full", &[]).expect_code(1);
    assert!(full.stderr.contains("standard output"), "{}", full.stderr);
    shell_in(folder.path(), "pshape --spikes 5% --seed 1 -o /dev/full events", &[]).expect_code(1);
    shell_in(folder.path(), "pshape --spikes 5% --seed 1 --truth /dev/full events > /dev/null", &[]).expect_code(1);
    let head = shell_in(folder.path(), "pshape -q --seed 1 --spikes 5% --truth t events | head -1", &[]).expect_code(0);
    assert_eq!(head.lines().len(), 1);
    assert_eq!(head.stderr, "");
    let truth = std::fs::read_to_string(folder.path().join("t")).expect("truth was ended");
    assert!(truth.trim_end().ends_with("\"complete\":false}"), "{truth}");
}

#[test]
fn an_interrupted_run_ends_at_a_line_with_130_and_says_so_in_truth() {
    let folder = tempfile::tempdir().expect("a folder");
    let truth = folder.path().join("truth");
    let mut child = tool("pshape")
        .args(["--spikes", "1", "--seed", "1", "--truth", text_of(&truth)])
        .stdin(Stdio::piped())
        .spawn()
        .expect("pshape starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(&events(3)).expect("pshape reads");
    let mut stdout = child.stdout.take().expect("a pipe");
    let mut seen = Vec::new();
    while split(&seen).len() < 3 || !seen.ends_with(b"\n") {
        let mut buffer = [0; 4096];
        let n = stdout.read(&mut buffer).expect("lines do not wait for more input");
        seen.extend_from_slice(&buffer[..n]);
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it runs");
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    drop(stdin);
    let truth = std::fs::read_to_string(&truth).expect("truth was ended");
    assert_eq!(truth.lines().count(), 4);
    assert!(truth.trim_end().ends_with("\"complete\":false}"), "{truth}");
}

#[test]
fn an_output_file_appears_whole_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("events"), events(10)).expect("written");
    shell_in(folder.path(), "pshape -q -o out events && cmp out events", &[]).expect_code(0);
    assert!(path("pshape").exists());
}
