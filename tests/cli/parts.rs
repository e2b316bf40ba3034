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

/// The outcomes of a part, with its run record. `process` is the id of the process alone.
fn outcomes(run: Option<&str>, shard: &str, process: &str, complete: bool) -> String {
    let mut text = String::new();
    for seq in 1..=5 {
        text += &format!(
            "{{\"seq\":{seq},\"event_id\":\"{shard}-{seq}\",\"outcome\":\"accepted\",\"status\":200,\"attempts\":1,\
             \"latency_ms\":1.0,\"end_to_end_ms\":1.0,\"scheduled_at\":null,\"sent_at\":\"2026-01-05T10:00:0{seq}Z\",\
             \"request_bytes\":9,\"service\":\"{process}\",\"endpoint\":null,\"error\":null,\"shard\":\"{shard}\"}}\n"
        );
    }
    let run = run.map_or_else(String::new, |run| format!(",\"run_id\":\"{run}\""));
    text + &format!(
        "{{\"run\":{{\"id\":\"{process}\",\"complete\":{complete},\"lines_read\":5,\"target\":\"http://x\",\"mode\":\"concurrent\",\
         \"rate\":null,\"concurrency\":1,\"batch\":null,\"retries\":0,\"started_at\":\"2026-01-05T10:00:00Z\",\
         \"ended_at\":\"2026-01-05T10:00:09Z\",\"shard\":\"{shard}\"{run}}}}}\n"
    )
}

/// A folder with files in it.
struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).expect("it is written");
        path.to_str().expect("UTF-8").to_owned()
    }

    /// The state of these lines, as a file.
    fn state(&self, name: &str, args: &[&str], lines: &str) -> String {
        let state = run_with("pstats", &[args, &["-q", "--format", "state"]].concat(), lines.as_bytes()).expect_code(0);
        self.put(name, state.stdout)
    }
}

const ALL_DELIVERED: [&str; 3] = ["-q", "--require", "delivered = 100%"];

/// Judges these files: the exit code and what was said.
fn judged(args: &[&str], files: &[String]) -> (i32, String) {
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let told = run("pstats", &[&ALL_DELIVERED[..], args, &files].concat());
    (told.code(), format!("{}{}", told.stderr, told.text()))
}

fn report(args: &[&str], files: &[String]) -> serde_json::Value {
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    run("pstats", &[&["-q", "--format", "json"], args, &files].concat()).expect_code(0).json()
}

#[test]
fn a_part_that_did_not_come_is_named_and_fails_whether_or_not_the_run_has_an_id() {
    let files = Files::new();
    for run in [None, Some("r")] {
        let parts: Vec<String> = (1..=3)
            .map(|n| {
                let lines = outcomes(run, &format!("{n}/3"), &format!("p{n}"), true);
                files.state(&format!("{n}.state"), &[], &lines)
            })
            .collect();
        let (code, said) = judged(&[], &parts);
        assert_eq!(code, 0, "{said}");
        let (code, said) = judged(&[], &parts[..2]);
        assert!(code == 99 && said.contains("3/3 is missing"), "{said}");
        let (code, said) = judged(&["--partial"], &parts[..2]);
        assert!(code == 0 && said.contains("3/3 is missing"), "{said}");
        // A state of states, and lines, know it too.
        let merged = run_merge(&files, &parts[1..]);
        let (code, said) = judged(&[], &[merged]);
        assert!(code == 99 && said.contains("1/3 is missing"), "{said}");
        let lines = files.put("2.jsonl", outcomes(run, "2/3", "p2", true));
        let (code, said) = judged(&[], &[lines]);
        assert!(code == 99 && said.contains("1/3, 3/3 are missing"), "{said}");
    }
}

fn run_merge(files: &Files, parts: &[String]) -> String {
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let state = run("pstats", &[&["-q", "--format", "state"], &parts[..]].concat()).expect_code(0);
    files.put("merged.state", state.stdout)
}

#[test]
fn what_comes_twice_with_the_same_bytes_counts_once_in_every_way() {
    let files = Files::new();
    let lines = |n: u64| outcomes(Some("r"), &format!("{n}/2"), &format!("p{n}"), true);
    let (one, two) = (files.state("1.state", &[], &lines(1)), files.state("2.state", &[], &lines(2)));
    let (raw_one, raw_two) = (files.put("1.jsonl", lines(1)), files.put("2.jsonl", lines(2)));
    let copy = files.put("copy.jsonl", lines(1));
    let merged = run_merge(&files, &[one.clone(), two.clone()]);
    let cat = |parts: &[&String]| {
        let all: Vec<u8> = parts.iter().flat_map(|path| std::fs::read(path).expect("it is there")).collect();
        files.put("cat", all)
    };
    for (what, set) in [
        ("states by name", vec![one.clone(), two.clone(), one.clone()]),
        ("states in a stream", vec![cat(&[&one, &two, &one])]),
        ("outcomes by name", vec![raw_one.clone(), raw_two.clone(), copy.clone()]),
        ("outcomes in a stream", vec![cat(&[&raw_one, &raw_two, &raw_one])]),
        ("outcomes and their state", vec![raw_one.clone(), raw_two.clone(), one.clone()]),
        ("a state and one in it", vec![merged.clone(), two.clone()]),
        ("a merged state twice", vec![merged.clone(), merged.clone()]),
    ] {
        for threads in ["1", "2"] {
            let found = report(&["--threads", threads], &set);
            assert_eq!(found["outcomes"]["count"], 10, "{what}: {}", found["parts"]);
            assert_eq!(found["parts"]["complete"], true, "{what}: {}", found["parts"]);
            assert!(found["parts"]["notes"][0].as_str().is_some_and(|note| note.contains("counted once")), "{what}");
            let (code, said) = judged(&["--threads", threads], &set);
            assert_eq!(code, 0, "{what}: {said}");
        }
    }
    // That it came twice survives merging.
    let again = run_merge(&files, &[one.clone(), two, one]);
    let found = report(&[], &[again]);
    assert!(
        found["parts"]["notes"][0].as_str().is_some_and(|note| note.contains("1/2 came more than once")),
        "{found}"
    );
}

#[test]
fn other_bytes_of_a_part_are_refused_or_chosen() {
    let files = Files::new();
    let attempt = |name: &str, n: u64, process: &str| {
        let lines =
            outcomes(Some("r"), "1/2", process, true).replace("\"run_id\"", &format!("\"attempt\":{n},\"run_id\""));
        let lines = if process == "p1" { lines } else { lines.replace("10:00:09", "11:00:09") };
        (files.put(&format!("{name}.jsonl"), &lines), files.state(&format!("{name}.state"), &[], &lines))
    };
    let (raw_first, first) = attempt("a", 1, "p1");
    let (raw_second, second) = attempt("b", 2, "p9");
    let other = outcomes(Some("r"), "2/2", "p2", true);
    let (raw_other, other) = (files.put("2.jsonl", &other), files.state("2.state", &[], &other));
    for set in [[second.clone(), first.clone(), other], [raw_second, raw_first, raw_other]] {
        let (code, said) = judged(&[], &set);
        assert!(code == 99 && said.contains("1/2 came more than once with other bytes"), "{said}");
        for (which, process) in [("first", "p1"), ("last", "p9")] {
            let (code, said) = judged(&["--attempts", which], &set);
            assert_eq!(code, 0, "{said}");
            let found = report(&["--attempts", which], &set);
            assert_eq!(found["outcomes"]["count"], 10);
            let services = found["outcomes"]["by"]["service"].to_string();
            assert!(services.contains(process), "{services}");
        }
    }
    // In a stream what was counted cannot be taken back.
    let stream = files.put("cat", [std::fs::read(&first).unwrap(), std::fs::read(&second).unwrap()].concat());
    let found = report(&[], &[stream]);
    assert_eq!(found["outcomes"]["count"], 5);
    assert_eq!(found["parts"]["complete"], false);
}

#[test]
fn states_of_events_name_their_part_and_attempts_with_the_same_events_are_the_same() {
    let files = Files::new();
    let events = |shard: &str| {
        let args = ["-n", "90", "--seed", "7", "--start", "2026-01-05", "--shard", shard, "-q"];
        run("pgen", &args).expect_code(0).text().to_owned()
    };
    let state = |name: &str, shard: &str, attempt: &str| {
        let mut command = tool("pstats");
        command.args(["-q", "--format", "state", "--shard", shard, "--run-id", "r"]).env("PULSE_ATTEMPT", attempt);
        command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let state = crate::support::feed(command.spawn().expect("it runs"), events(shard).into_bytes()).expect_code(0);
        files.put(name, state.stdout)
    };
    let parts = [state("1", "1/3", "1"), state("2", "2/3", "1"), state("3", "3/3", "1"), state("again", "2/3", "2")];
    let found = report(&["--require", "count = 90"], &parts);
    assert_eq!(
        (&found["parts"]["complete"], &found["parts"]["runs"][0]["shards"]),
        (&true.into(), &3.into()),
        "{found}"
    );
    assert_eq!(found["parts"]["runs"][0]["doubled_parts"], serde_json::json!(["2/3"]));
    let require = ["--require", "count >= 0"];
    let told = run("pstats", &[&require[..], &["-q", &parts[0], &parts[2]]].concat()).expect_code(99);
    assert!(told.stderr.contains("run r, pstats: 2/3 is missing"), "{}", told.stderr);
    let told = run("pstats", &[&require[..], &["-q", "--run-id", "x", &parts[0], &parts[1], &parts[2]]].concat());
    assert!(told.code() == 99 && told.stderr.contains("another run than --run-id x"), "{}", told.stderr);
    // An empty part came as well.
    let empty = run_with("pstats", &["-q", "--format", "state", "--shard", "3/3", "--run-id", "e"], b"").expect_code(0);
    let empty = files.put("empty", empty.stdout);
    let told = run("pstats", &["-q", "--format", "json", &empty]).expect_code(0).json();
    assert_eq!(told["parts"]["runs"][0]["missing_parts"], serde_json::json!(["1/3 to 2/3"]));
    // A part alone is judged alone.
    let own = ["-q", "--shard", "3/3", "--run-id", "r", "--require", "count = 30"];
    run_with("pstats", &own, events("3/3").as_bytes()).expect_code(0);
}

#[test]
fn parts_of_another_division_another_seed_and_incomplete_ones_are_named() {
    let files = Files::new();
    let record = |name: &str, shard: &str, seed: &str| {
        let path = files.put(name, "");
        let args = ["-n", "9", "--seed", seed, "--start", "2026-01-05", "--shard", shard, "-q", "--run-id", "r"];
        run("pgen", &[&args[..], &["--record", &path]].concat()).expect_code(0);
        path
    };
    let set = [record("1", "1/3", "7"), record("2", "2/3", "7"), record("3", "3/3", "8"), record("4", "2/4", "7")];
    let found = report(&[], &set);
    let problems = found["parts"]["problems"].to_string();
    assert!(problems.contains("3/3 of another seed: the others have 7"), "{problems}");
    assert!(problems.contains("2/4 of another division: the others are of 3"), "{problems}");
    let cut = files.put("cut", outcomes(Some("r"), "1/1", "p", false));
    let (code, said) = judged(&[], &[cut]);
    assert!(code == 99 && said.contains("run r, psend: 1/1 not complete"), "{said}");
}

#[test]
fn truth_that_is_missing_for_a_shard_is_named() {
    let files = Files::new();
    let (mut lines, mut truths) = (String::new(), Vec::new());
    for shard in ["1/2", "2/2"] {
        let truth = files.put(&format!("truth{}", &shard[..1]), "");
        let events = (1..=5).map(|n| format!("{{\"event_id\":\"{shard}-{n}\"}}\n")).collect::<String>();
        let args = ["--shard", shard, "--run-id", "r", "--seed", "1", "-q", "--truth", &truth, "--label"];
        run_with("pshape", &args, events.as_bytes()).expect_code(0);
        truths.push(truth);
        lines += &outcomes(Some("r"), shard, shard, true);
    }
    let lines = files.put("lines", lines);
    let (code, said) = judged(&["--truth", &truths[0], "--truth", &truths[1]], std::slice::from_ref(&lines));
    assert_eq!(code, 0, "{said}");
    let (code, said) = judged(&["--truth", &truths[0]], &[lines]);
    assert!(code == 99 && said.contains("run r, pshape: 2/2 is missing"), "{said}");
}

#[test]
fn what_has_no_record_is_expected_by_number() {
    let files = Files::new();
    let parts: Vec<String> = (1..=3)
        .map(|n| files.put(&format!("{n}.jsonl"), format!("{{\"event_id\":{n}}}\n{{\"event_id\":\"{n}b\"}}\n")))
        .collect();
    let told = |args: &[&str]| {
        let files: Vec<&str> = parts.iter().map(String::as_str).collect();
        let told = run("pstats", &[&["-q"], args, &files].concat());
        (told.code(), told.stderr)
    };
    assert_eq!(told(&["--expect-shards", "3", "--expect-events", "6"]).0, 0);
    let (code, said) = told(&["--expect-shards", "4"]);
    assert!(code == 99 && said.contains("not met: --expect-shards 4: 3 states or files"), "{said}");
    let (code, said) = told(&["--expect-events", "7"]);
    assert!(code == 99 && said.contains("not met: --expect-events 7: 6 events"), "{said}");
    run("pstats", &["--expect-shards", "0", &parts[0]]).expect_code(2);
    let sharded = files.put("sharded", outcomes(None, "1/2", "p1", true) + &outcomes(None, "2/2", "p2", true));
    assert_eq!(judged(&["--expect-shards", "2", "--expect-events", "10"], std::slice::from_ref(&sharded)).0, 0);
    let (code, said) = judged(&["--expect-shards", "8"], &[sharded]);
    assert!(code == 99 && said.contains("--expect-shards 8: 2 of 2 by psend"), "{said}");
}

#[test]
fn every_form_of_the_report_has_the_parts_and_says_where_they_are_not_known() {
    let files = Files::new();
    let two = [outcomes(Some("r<1>"), "1/3", "p1", true), outcomes(Some("r<1>"), "2/3", "p2", true)].concat();
    let two = files.put("two", two);
    for (form, named) in [
        ("text", "3/3 is missing"),
        ("markdown", "3/3 is missing"),
        ("html", "3/3 is missing"),
        ("junit", "3/3 is missing"),
    ] {
        let told = run("pstats", &["-q", "--format", form, &two]).expect_code(0);
        assert!(told.text().contains(named) && told.text().contains("Parts"), "{form}: {}", told.text());
        assert!(form == "text" || !told.text().contains("r<1>"), "{form}");
    }
    // Most runs have no parts: people are not told, programs are.
    for (form, is_told) in [("text", false), ("markdown", false), ("html", false), ("json", true)] {
        let told = run_with("pstats", &["-q", "--full", "--format", form], b"{\"event_id\":1}\n").expect_code(0);
        assert_eq!(told.text().contains("no record names a part of a run"), is_told, "{form}: {}", told.text());
    }
}

#[test]
fn runs_without_an_id_may_be_several_of_one_division() {
    let files = Files::new();
    let shards = |processes: &[(&str, &str)]| {
        let lines: String = processes.iter().map(|(shard, process)| outcomes(None, shard, process, true)).collect();
        files.put("lines", lines)
    };
    let twice = shards(&[("1/2", "a"), ("2/2", "b"), ("1/2", "c"), ("2/2", "d")]);
    let (code, said) = judged(&[], std::slice::from_ref(&twice));
    assert_eq!(code, 0, "{said}");
    assert!(report(&[], &[twice])["parts"]["notes"][0].as_str().is_some_and(|note| note.contains("came 2 times")));
    let uneven = shards(&[("1/2", "a"), ("2/2", "b"), ("1/2", "c")]);
    let (code, said) = judged(&[], &[uneven]);
    assert!(code == 99 && said.contains("1/2 came more often than the other parts of 2"), "{said}");
}
