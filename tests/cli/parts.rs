//! Runs in parts: what the tools record of theirs, and how pstats holds them to account.

use crate::scripted::{Act, Scripted};
use crate::support::{path, run, run_with, tool};

#[test]
fn pgen_records_what_it_wrote() {
    let folder = tempfile::tempdir().expect("a folder");
    let record = folder.path().join("record");
    let record = record.to_str().expect("UTF-8");
    let args = ["-n", "1000", "--seed", "7", "--start", "2026-01-05", "--record", record, "-q"];
    let told = |more: &[&str]| {
        let events = run("pgen", &[&args[..], more].concat()).expect_code(0);
        let text = std::fs::read_to_string(record).expect("a record");
        assert_eq!(text.lines().count(), 1);
        let told: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        (events.stdout, told["run"].clone())
    };
    let (events, whole) = told(&[]);
    let ids: Vec<serde_json::Value> = events
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice::<serde_json::Value>(line).expect("an event")["event_id"].clone())
        .collect();
    assert_eq!((&whole["first_id"], &whole["last_id"]), (&ids[0], &ids[999]));
    assert_eq!((&whole["events"], &whole["bytes"]), (&1000.into(), &events.len().into()));
    assert_eq!(whole["xxh3"], format!("{:016x}", xxhash_rust::xxh3::xxh3_64(&events)));
    assert_eq!(
        (&whole["complete"], &whole["seed"], &whole["shard"]),
        (&true.into(), &7.into(), &serde_json::Value::Null)
    );
    let (_, part) = told(&["--shard", "2/3", "--run-id", "r1"]);
    assert_eq!((&part["shard"], &part["run_id"], &part["events"]), (&"2/3".into(), &"r1".into(), &333.into()));
    assert_eq!((&part["first_id"], &part["last_id"]), (&ids[333], &ids[665]));
    let (array, whole) = told(&["--format", "json"]);
    assert_eq!((&whole["first_id"], &whole["last_id"]), (&ids[0], &ids[999]));
    assert_eq!(whole["xxh3"], format!("{:016x}", xxhash_rust::xxh3::xxh3_64(&array)));
    // Two outputs in one file are refused.
    run("pgen", &["-n", "1", "-o", record, "--record", record]).expect_code(2);
}

#[test]
fn every_record_says_of_which_run_shard_and_attempt_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let truth = folder.path().join("truth");
    let record = folder.path().join("record");
    let server = Scripted::start(|_| Act::answer(200, ""));
    let slurm = [
        ("SLURM_ARRAY_TASK_ID", "3"),
        ("SLURM_ARRAY_TASK_MIN", "1"),
        ("SLURM_ARRAY_TASK_MAX", "4"),
        ("SLURM_ARRAY_TASK_COUNT", "4"),
        ("SLURM_ARRAY_JOB_ID", "4711"),
        ("SLURM_RESTART_COUNT", "1"),
    ];
    let mut generate = tool("pgen");
    generate
        .args(["-n", "40", "--seed", "7", "--start", "2026-01-05", "--shard", "auto", "-q", "--record"])
        .arg(&record);
    let events = generate.envs(slurm).output().expect("it runs").stdout;
    let pipe = format!(
        "'{}' --shard auto --seed 7 --spikes 50% -q --truth '{}' | '{}' --shard auto -q --dialect plain --url '{}'",
        path("pshape").display(),
        truth.display(),
        path("psend").display(),
        server.url()
    );
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &pipe]).envs(slurm);
    shell.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let outcomes = crate::support::feed(shell.spawn().expect("it runs"), events).expect_code(0);
    let last =
        |text: &str| -> serde_json::Value { serde_json::from_str(text.lines().last().expect("a line")).expect("JSON") };
    let read = |path: &std::path::Path| std::fs::read_to_string(path).expect("it is there");
    let truth = last(&read(&truth));
    let records = [last(&read(&record))["run"].clone(), truth.clone(), last(outcomes.text())["run"].clone()];
    for told in &records {
        assert_eq!(
            (&told["run_id"], &told["shard"], &told["attempt"]),
            (&"4711".into(), &"3/4".into(), &2.into()),
            "{told}"
        );
    }
    assert_eq!(truth["seed"], 7);
}

#[test]
fn a_run_id_that_is_not_one_is_a_usage_error() {
    for bad in ["", "a b", &"x".repeat(201)] {
        let told = run_with("pshape", &["--run-id", bad], b"").expect_code(2);
        assert!(told.stderr.contains("--run-id") && told.stderr.contains("1 to 200 bytes"), "{}", told.stderr);
    }
    let mut command = tool("pgen");
    let told = command.args(["-n", "1"]).env("PULSE_ATTEMPT", "none").output().expect("it runs");
    let stderr = String::from_utf8_lossy(&told.stderr);
    assert!(told.status.code() == Some(2) && stderr.contains("PULSE_ATTEMPT is 'none'"), "{stderr}");
}
