//! Senders on hosts of their own: network namespaces with addresses, joined by a bridge. One server, four senders with one start time.

use std::fs;
use std::process::Command;

use super::daemons::{Daemon, wait_for};
use super::{Load, lacks};
use crate::support::path;

/// Four hosts and a server's, 10.77.N.1 to 10.77.N.5, behind one bridge. They go with the test.
struct Network {
    id: u32,
}

impl Network {
    /// `None` where namespaces cannot be made.
    #[allow(clippy::print_stderr)] // a test that cannot run says why
    fn start(load: &Load) -> Option<Self> {
        if lacks("senders on several hosts", &["ip"]) {
            return None;
        }
        let network = Self { id: std::process::id() };
        let id = network.id;
        // The bridge is in a namespace of its own, so that the host's network stays as it is.
        let script = format!(
            "ip netns add pulse{id}-0
             ip -n pulse{id}-0 link add bridge type bridge
             ip -n pulse{id}-0 link set bridge up
             for n in 1 2 3 4 5; do
                 ip netns add pulse{id}-$n
                 ip -n pulse{id}-0 link add port$n type veth peer name eth0 netns pulse{id}-$n
                 ip -n pulse{id}-0 link set port$n master bridge up
                 ip -n pulse{id}-$n address add 10.77.0.$n/24 dev eth0
                 ip -n pulse{id}-$n link set eth0 up
                 ip -n pulse{id}-$n link set lo up
             done"
        );
        let made = load.shell(&script);
        if made.code() != 0 {
            eprintln!("skipped: senders on several hosts need network namespaces: {}", made.stderr.trim());
            return None;
        }
        Some(network)
    }

    /// The beginning of a command on host N.
    fn on(&self, host: u32) -> String {
        format!("ip netns exec pulse{}-{host}", self.id)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for host in 0..=5 {
            let name = format!("pulse{}-{host}", self.id);
            drop(Command::new("ip").args(["netns", "delete", &name]).output());
        }
    }
}

#[test]
fn four_senders_on_hosts_of_their_own_keep_one_schedule_and_are_one_run() {
    let load = Load::new("hosts");
    let Some(network) = Network::start(&load) else { return };
    let (stored, events) = (load.path("events.db"), load.path("events.jsonl"));
    load.shell(&format!("pgen -q -n 800 --seed 7 --start 2026-01-05 -o '{}'", events.display())).expect_code(0);
    let server = path("pserve").display().to_string();
    let serve =
        format!("{} '{server}' --quiet --listen 10.77.0.5:8080 --api-key k --db '{}'", network.on(5), stored.display());
    let server = Daemon::start(Command::new("bash").args(["-c", &serve]));
    let health = format!("{} curl -sf http://10.77.0.5:8080/api/v1/ingestion/health", network.on(1));
    wait_for("pserve", 30, || load.shell(&health).code() == 0);

    // 800 events at 200/s from four hosts: one every 5 ms, each host in its turn.
    let senders: String = (1..=4)
        .map(|host| {
            format!(
                "pgen -q -n 800 --seed 7 --start 2026-01-05 --shard {host}/4 |
                 {} psend -q --url http://10.77.0.5:8080/ --api-key k --shard {host}/4 --run-id hosts --rate 200/s \
                     --start-at $at -o '{}' & pids=\"$pids $!\"\n",
                network.on(host),
                load.path(&format!("{host}.outcomes")).display()
            )
        })
        .collect();
    let script =
        format!("at=$(date -u -d '8 seconds' +%FT%TZ); pids=\n{senders}for pid in $pids; do wait $pid; done; echo $at");
    let started = load.shell(&script).expect_code(0);
    let started = started.text().trim().to_owned();
    drop(server);

    let outcomes: Vec<serde_json::Value> = (1..=4)
        .flat_map(|host| {
            let text = fs::read_to_string(load.path(&format!("{host}.outcomes"))).expect("outcomes");
            text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect::<Vec<_>>()
        })
        .filter(|line: &serde_json::Value| line["outcome"].is_string())
        .collect();
    let micros = |text: &str| chrono::DateTime::parse_from_rfc3339(text).expect("a time").timestamp_micros();
    let mut due: Vec<i64> = outcomes
        .iter()
        .map(|outcome| micros(outcome["scheduled_at"].as_str().expect("a time")) - micros(&started))
        .collect();
    due.sort_unstable();
    let schedule: Vec<i64> = (0..800).map(|n| n * 5_000).collect();
    assert_eq!(due.len(), 800);
    // Times of outcomes have whole microseconds.
    assert!(due.iter().zip(&schedule).all(|(due, planned)| (due - planned).abs() <= 1), "{:?}", &due[..8]);

    // Each event arrived after it was due, and before its outcome.
    let database = rusqlite::Connection::open(&stored).expect("a database");
    let mut arrived = database.prepare("SELECT ingested_at FROM events WHERE external_id = ?").expect("a table");
    for outcome in &outcomes {
        let id = outcome["event_id"].as_str().expect("an id");
        let at: i64 = arrived.query_row([id], |row| row.get(0)).expect("it is stored");
        let due = micros(outcome["scheduled_at"].as_str().expect("a time"));
        let took = (outcome["end_to_end_ms"].as_f64().expect("a number") * 1000.0) as i64;
        assert!((due..=due + took + 1000).contains(&at), "{at}: {outcome}");
    }

    let judge = "pstats -q --format json --expect-shards 4 --expect-events 800 --require 'delivered = 100%'";
    let outcomes = load.path("?.outcomes").display().to_string();
    let report = load.shell(&format!("{judge} {outcomes} --against '{}'", events.display())).expect_code(0).json();
    assert_eq!(report["outcomes"]["accepted"], 800);
    assert_eq!(report["parts"]["runs"][0]["came"], 4, "{}", report["parts"]);
    // The states of the four say the same.
    let merge = format!(
        "for n in 1 2 3 4; do pstats -q --format state {0}/$n.outcomes > {0}/$n.state; done; {judge} {0}/?.state",
        load.path(".").display()
    );
    let merged = load.shell(&merge).expect_code(0).json();
    for figure in ["count", "accepted", "latency", "end_to_end", "throughput", "generator"] {
        assert_eq!(merged["outcomes"][figure], report["outcomes"][figure], "{figure}");
    }
    assert_eq!(merged["parts"]["runs"], report["parts"]["runs"]);
}
