//! The user's guide: its commands, with the scripts' names replaced by the tools', work as written there.

use crate::support::server::Server;
use crate::support::shell_in;
use std::fs;
use std::path::Path;

/// The guide's commands that run the generator or the ingester, comments taken off and lines joined.
fn commands() -> Vec<String> {
    let guide = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/guide.md")).unwrap();
    let mut found = Vec::new();
    let mut joined = String::new();
    for line in guide.lines().map(str::trim) {
        if joined.is_empty() && !line.starts_with("python3 scripts/") {
            continue;
        }
        let line = line.split(" #").next().unwrap().trim_end();
        match line.strip_suffix('\\') {
            Some(start) => joined.push_str(start),
            None => found.push(std::mem::take(&mut joined) + line),
        }
    }
    found
        .into_iter()
        .map(|c| {
            c.replace("python3 scripts/generate_realistic_events.py", "pgen")
                .replace("python3 scripts/ingest_events_bulk.py", "psend")
        })
        .collect()
}

fn lines(file: &Path) -> usize {
    memchr::memchr_iter(b'\n', &fs::read(file).unwrap()).count()
}

fn option<'a>(command: &'a str, flag: &str) -> Option<&'a str> {
    let mut words = command.split_whitespace();
    words.find(|word| *word == flag).and_then(|_| words.next())
}

#[test]
fn every_generator_command_of_the_guide_writes_the_file_it_names() {
    let folder = tempfile::tempdir().unwrap();
    let all: Vec<String> = commands().into_iter().filter(|c| c.starts_with("pgen")).collect();
    assert!(all.len() >= 9, "{all:?}");
    for command in all {
        shell_in(folder.path(), &command, &[]).expect_code(0);
        let file = folder.path().join(option(&command, "--output").expect("each names its output"));
        let count: usize = option(&command, "--count").unwrap().parse().unwrap();
        assert_eq!(lines(&file), count, "{command}");
        fs::remove_file(file).unwrap();
    }
}

#[test]
fn every_ingestion_command_of_the_guide_delivers_the_file_it_names() {
    let server = Server::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    // The guide's files, of their names but not all of their sizes: what is shown here are the flags.
    let files = [
        "sample_events_1k",
        "sample_events_10k",
        "events_1k",
        "events_10k",
        "events_50k",
        "perf_test",
        "rate_test",
        "stress_test",
        "demo_events",
        "my_events",
        "events",
    ];
    for (seed, file) in files.iter().enumerate() {
        let make = format!("pgen --count 1000 --seed {seed} -q --output {file}.jsonl");
        shell_in(folder.path(), &make, &[]).expect_code(0);
    }
    let all: Vec<String> = commands().into_iter().filter(|c| c.starts_with("psend")).collect();
    assert!(all.len() >= 15, "{all:?}");
    for command in all {
        // The guide's own server is not ours to call, and 1,000 waits of 100 ms would only be waited for.
        let mut ours = command.replace("https://pulsestream.example.com", server.url());
        ours = ours.replace("http://localhost:8000", server.url()).replace("your-api-key-here", "test-api-key-12345");
        if command.contains("--delay") && !command.contains("--limit") {
            ours.push_str(" --limit 5");
        }
        let run = shell_in(folder.path(), &ours, &[("PULSE_URL", server.url())]).expect_code(0);
        let outcomes = run.lines().iter().filter(|line| line.starts_with("{\"seq\"")).count();
        let limit = option(&ours, "--limit").map_or(1000, |limit| limit.parse::<usize>().unwrap().min(1000));
        assert_eq!(outcomes, limit, "{ours}");
        let good = run.lines().iter().filter(|l| l.contains("\"accepted\"") || l.contains("\"duplicate\"")).count();
        assert_eq!(good, limit, "{ours}");
    }
}

#[test]
fn the_guides_second_ingestion_of_a_file_shows_only_duplicates() {
    let server = Server::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let script = "pgen --count 1000 --output sample_events_1k.jsonl -q && psend sample_events_1k.jsonl -q > first \
                  && psend sample_events_1k.jsonl -q | pstats --format json";
    let report = shell_in(folder.path(), script, &[("PULSE_URL", server.url())]).expect_code(0).json();
    assert_eq!(report["outcomes"]["duplicate"], 1000);
    assert_eq!(server.count(), 1000);
}

#[test]
fn the_guides_searches_find_what_was_sent() {
    let server = Server::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let make =
        "pgen --count 2000 --seed 3 --output sample_events_10k.jsonl -q && psend sample_events_10k.jsonl -q > out";
    shell_in(folder.path(), make, &[("PULSE_URL", server.url())]).expect_code(0);
    let events: Vec<serde_json::Value> = fs::read_to_string(folder.path().join("sample_events_10k.jsonl"))
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let count = |f: &dyn Fn(&serde_json::Value) -> bool| events.iter().filter(|e| f(e)).count();
    for (query, expected) in [
        ("service=payment-service", count(&|e| e["source"]["service"] == "payment-service")),
        ("status_code=500", count(&|e| e["metrics"]["status_code"] == 500)),
        (
            "service=payment-service&status_code=500",
            count(&|e| e["source"]["service"] == "payment-service" && e["metrics"]["status_code"] == 500),
        ),
    ] {
        let (status, found) = server.get(&format!("/events/search?{query}"));
        assert_eq!(status, 200);
        assert_eq!(found["total_count"], expected, "{query}");
    }
}
