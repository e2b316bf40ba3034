//! The same seed, flags and start give the same bytes, on every machine and however the work is divided.

use xxhash_rust::xxh3::xxh3_64;

use super::fixed;
use crate::support::{run, shell_in, tool};

/// The runs in tests/golden/pgen.txt: name and flags.
const GOLDEN: [(&str, &str); 16] = [
    ("default", "--count 20k"),
    ("week", "--count 20k --hours 168 --spikes 5%"),
    ("array", "--count 3k --format json"),
    ("sparse", "--count 300 --hours 8760 --tz Europe/Berlin"),
    ("dense", "--count 50k --hours 0.01"),
    ("diurnal", "--count 10k --hours 200 --curve diurnal --tz Asia/Kolkata"),
    ("sun", "--count 10k --hours 200 --curve follow-the-sun"),
    ("far", "--count 1000000m --hours 87600 --skip 999999990k"),
    ("endless", "--count inf --event-rate 3/s --skip 10m"),
    ("nginx", "--count 5k --profile nginx --spikes 5%"),
    ("envoy", "--count 5k --profile envoy"),
    ("kubernetes", "--count 5k --profile kubernetes-audit"),
    ("cloudtrail", "--count 5k --profile cloudtrail"),
    ("otlp", "--count 5k --profile otlp-logs"),
    ("ecs", "--count 5k --profile ecs --hours 8760"),
    ("github", "--count 5k --profile github-webhook"),
];

/// How many bytes of an endless run to check.
const ENOUGH: usize = 4 << 20;

#[test]
fn the_bytes_match_the_fingerprints() {
    let mut found =
        String::from(include_str!("../../golden/pgen.txt").split_inclusive("\n\n").next().unwrap_or_default());
    for (name, flags) in GOLDEN {
        let limit = if flags.contains("inf") { format!("| head -c {ENOUGH}") } else { String::new() };
        let command = format!("set +o pipefail; pgen --seed 1 --start 2026-01-05T00:00:00Z {flags} {limit}");
        let bytes = shell_in(std::path::Path::new("."), &command, &[]).expect_code(0).stdout;
        found += &format!("{:016x} {:>9} {name}: {flags}\n", xxh3_64(&bytes), bytes.len());
    }
    assert_eq!(found, include_str!("../../golden/pgen.txt"), "tests/golden/pgen.txt says when it may change");
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    for flags in [&["--count", "60k", "--spikes", "0.05"][..], &["--count", "20k", "--format", "json"][..]] {
        let one = run("pgen", &fixed(&[flags, &["--threads", "1"]].concat())).expect_code(0).stdout;
        for threads in ["2", "3", "16", "200"] {
            let many = run("pgen", &fixed(&[flags, &["--threads", threads]].concat())).expect_code(0).stdout;
            assert!(one == many, "{threads} threads");
        }
    }
}

#[test]
fn shards_concatenate_to_the_whole() {
    let whole = run("pgen", &fixed(&["--count", "30001"])).expect_code(0).stdout;
    for shards in [1, 2, 7, 100] {
        let mut parts = Vec::new();
        for shard in 1..=shards {
            parts.extend(
                run("pgen", &fixed(&["--count", "30001", "--shard", &format!("{shard}/{shards}")]))
                    .expect_code(0)
                    .stdout,
            );
        }
        assert!(parts == whole, "{shards} shards");
    }
    let mut more_than_events = Vec::new();
    for shard in 1..=5 {
        let part = run("pgen", &fixed(&["--count", "3", "--shard", &format!("{shard}/5")])).expect_code(0).stdout;
        more_than_events.extend(part);
    }
    assert_eq!(more_than_events, run("pgen", &fixed(&["--count", "3"])).stdout);
}

#[test]
fn shard_auto_reads_the_environment() {
    let mut command = tool("pgen");
    command.args(fixed(&["--count", "1000", "--shard", "auto"]));
    let out = command.env("JOB_COMPLETION_INDEX", "2").env("PULSE_SHARDS", "4").output().expect("it runs");
    assert_eq!(out.stdout, run("pgen", &fixed(&["--count", "1000", "--shard", "3/4"])).expect_code(0).stdout);
    let nowhere = run("pgen", &fixed(&["--shard", "auto"])).expect_code(2);
    assert!(nowhere.stderr.contains("JOB_COMPLETION_INDEX"), "{}", nowhere.stderr);
}

#[test]
fn skipping_events_does_not_change_the_others() {
    let whole = run("pgen", &fixed(&["--count", "10k"])).expect_code(0);
    let lines: Vec<&str> = whole.text().split_inclusive('\n').collect();
    for skip in [0, 1, 4095, 9_999, 10_000, 10_001] {
        let rest = run("pgen", &fixed(&["--count", "10k", "--skip", &skip.to_string()])).expect_code(0);
        assert!(rest.text() == lines[skip.min(10_000)..].concat(), "skip {skip}");
    }
    let half = run("pgen", &fixed(&["--count", "10k", "--shard", "2/2", "--skip", "4990"])).expect_code(0);
    assert_eq!(half.text(), lines[9_990..].concat());
    let array = run("pgen", &fixed(&["--count", "10k", "--skip", "9990", "--format", "json"])).expect_code(0).json();
    assert_eq!(array.as_array().map(Vec::len), Some(10));
}

#[test]
fn the_guides_data_sets_have_the_recorded_checksums() {
    let has_sums = shell_in(std::path::Path::new("."), "command -v sha256sum", &[]).code() == 0;
    if !has_sums {
        eprintln!("skipped: needs sha256sum");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let script = format!("'{}/scripts/datasets' my/sets", env!("CARGO_MANIFEST_DIR"));
    let pgen = crate::support::path("pgen");
    let run = shell_in(folder.path(), &script, &[("PGEN", pgen.to_str().expect("UTF-8"))]).expect_code(0);
    assert_eq!(run.text().matches(": OK").count(), 3, "{}", run.text());
    let folder = folder.path().join("my/sets");
    let lines = |name: &str| std::fs::read_to_string(folder.join(name)).expect("it is there").lines().count();
    assert_eq!((lines("sample_events_1k.jsonl"), lines("sample_events_10k.jsonl")), (1000, 10_000));
    let array = std::fs::read(folder.join("sample_events_1k.json")).expect("it is there");
    let events: Vec<serde_json::Value> = serde_json::from_slice(&array).expect("an array");
    assert_eq!(events.len(), 1000);
}
