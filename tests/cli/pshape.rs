//! Compares what pshape does with its truth.

mod choices;
mod ends;
mod fields;
mod redact;
mod redact_check;
mod time;
mod truth;
mod usage;
mod values;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::{Read, Write};
use std::path::Path;
use std::process::Stdio;

use base64::Engine as _;
use pulsepipe::jsonl::scan::{FieldSet, Scanner, Spans};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::support::{Run, end_of, interrupt, path, run, run_with, sample, shell_in, tool};

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

/// A binomial count within five of its standard errors.
#[track_caller]
fn within_5_standard_errors(count: usize, of: usize, share: f64) {
    let (count, of) = (count as f64, of as f64);
    let error = (of * share * (1.0 - share)).sqrt();
    assert!((count - of * share).abs() <= 5.0 * error, "{count} of {of} is not {share}");
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

/// All of them at once, the first of each kind. (With --curve, --start is the start of its window.)
fn all_together() -> Vec<&'static str> {
    let mut seen = HashSet::new();
    let firsts = EFFECTS.iter().filter(|args| args[0] != "--start" && seen.insert(args[0]));
    firsts.flat_map(|args| args.iter().copied()).collect()
}

/// Inputs in many forms: from pgen, from another program, and lines that are not events.
fn inputs() -> Vec<Vec<u8>> {
    let mut odd = sample_bytes();
    odd.extend(
        b"\n  \nnot json\n[1,2]\n\xff\n{}\r\n{\"metrics\":{\"status_code\":\"200\",\"response_time_ms\":-1}}\r\n",
    );
    odd.extend(events(200));
    odd.pop();
    vec![events(2000), odd]
}

/// The source lines of the faults of this name.
fn choices(shaped: &Shaped, fault: &str) -> BTreeSet<u64> {
    let of_it = shaped.faults.iter().filter(|f| f["fault"] == fault);
    of_it.map(|f| f["source_seq"].as_u64().expect("a source")).collect()
}

/// An event's time in seconds since 1970.
fn time(event: &Value) -> f64 {
    let text = event["timestamp"].as_str().expect("a timestamp");
    pulsepipe::time::parse(text.as_bytes()).expect("a timestamp") as f64 / 1e6
}
