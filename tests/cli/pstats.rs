//! pstats as users run it.

mod alerts;
mod compare;
mod fields;
mod flow;
mod forms;
mod html;
mod joins;
mod lines;
mod live;
mod page;
mod resumed;
mod servers;
mod states;
mod verdict;

use serde_json::{Value, json};

use crate::support::run_with;

fn report(args: &[&str], input: &str) -> Value {
    let args: Vec<&str> = args.iter().copied().chain(["--format", "json", "--quiet"]).collect();
    run_with("pstats", &args, input.as_bytes()).expect_code(0).json()
}

fn outcome(seq: u64, word: &str, more: Value) -> String {
    let mut line = json!({"seq": seq, "event_id": format!("evt_{seq}"), "outcome": word, "status": 200, "attempts": 1,
        "latency_ms": 10.0, "end_to_end_ms": 20.0, "scheduled_at": null,
        "sent_at": format!("2026-01-05T10:00:{:02}.000000Z", seq % 60), "request_bytes": 900,
        "service": "payment-service", "endpoint": "/api/v1/payments/capture", "error": null});
    let into = line.as_object_mut().expect("an object");
    into.extend(more.as_object().expect("an object").clone());
    format!("{line}\n")
}

fn run_record(complete: bool) -> String {
    let record = json!({"run": {"id": "r1", "complete": complete, "lines_read": 1, "target": "http://localhost:8000",
        "mode": "concurrent", "rate": null, "concurrency": 10, "batch": null, "retries": 5,
        "started_at": "2026-01-05T10:00:00.000000Z", "ended_at": "2026-01-05T10:01:00.000000Z", "shard": null}});
    format!("{record}\n")
}

fn event(service: &str, status: u16, ms: f64, minute: u32) -> String {
    format!(
        "{{\"event_id\":\"{service}-{status}-{ms}-{minute}\",\"timestamp\":\"2026-01-05T{:02}:{:02}:00Z\",\"source\":{{\"service\":\"{service}\",\
         \"endpoint\":\"/{service}\"}},\"metrics\":{{\"response_time_ms\":{ms},\"status_code\":{status}}}}}\n",
        minute / 60 % 24,
        minute % 60
    )
}

/// A report without what depends on the clock and the file names.
fn without_run(mut report: Value) -> Value {
    report["run"] = Value::Null;
    report
}

/// Events and outcomes with everything that counts: groups, times out of order, repeated ids, broken lines, no latency.
fn mixed_lines(n: u32) -> Vec<String> {
    let mut lines = Vec::new();
    for i in 0..n {
        let x = i.wrapping_mul(2_654_435_761);
        let status = [200, 201, 404, 503][(x >> 30) as usize];
        lines.push(event(&format!("s{}", x % 7), status, f64::from(x % 100_000) / 7.0, i + x % 5));
        match i % 50 {
            3 => lines.push("{broken\n".to_owned()),
            7 => lines.push(lines[lines.len() / 2].clone()),
            9 => lines.push("{\"event_id\":null,\"metrics\":{\"response_time_ms\":-1}}\n".to_owned()),
            11 => lines.push(outcome(
                u64::from(i),
                "failed",
                json!({"latency_ms": null, "attempts": 4, "answers": ["error", "error", "no_answer", "failed"]}),
            )),
            13 => lines.push(outcome(u64::from(i), "accepted", json!({"tags": {"region": "EU"}}))),
            17 => lines.push("[1]\n".to_owned()),
            _ => {}
        }
    }
    lines.push(run_record(true));
    lines
}
