//! Reading lines and finding fields in them: the paths that every event takes.

use std::fmt::Write;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pulsepipe::cli::input::Inputs;
use pulsepipe::jsonl::scan::{FieldSet, Scanner, Spans};
use pulsepipe::jsonl::{DEFAULT_MAX_LINE, LineReader, lines};

/// The sample as it is (spaced), or as pgen writes (compact), repeated to 16 MB.
fn events(compact: bool) -> Vec<u8> {
    let sample = include_str!("../tests/data/events_500.jsonl");
    let mut once = String::new();
    for line in sample.lines() {
        if compact {
            let value: serde_json::Value = serde_json::from_str(line).expect("the sample is JSON");
            writeln!(once, "{value}").expect("a string takes all");
        } else {
            writeln!(once, "{line}").expect("a string takes all");
        }
    }
    once.repeat(32).into_bytes()
}

fn reading(c: &mut Criterion) {
    let input = events(true);
    let mut group = c.benchmark_group("read");
    group.throughput(Throughput::Bytes(input.len() as u64));
    group.bench_function("lines", |b| {
        b.iter(|| {
            let mut reader = LineReader::new(Inputs::from_bytes(input.clone()), DEFAULT_MAX_LINE);
            while let Some(chunk) = reader.next_chunk().expect("memory can be read") {
                for line in chunk.lines() {
                    black_box(line);
                }
            }
        });
    });
    group.finish();
}

fn scanning(c: &mut Criterion) {
    let fields = FieldSet::new([
        "timestamp",
        "event_id",
        "source.service",
        "source.endpoint",
        "metrics.response_time_ms",
        "metrics.status_code",
        "metrics.cache_hit",
        "context.tags.region",
        "context.tags.device_type",
    ]);
    let mut group = c.benchmark_group("scan");
    for (name, compact) in [("compact", true), ("spaced", false)] {
        let input = events(compact);
        group.throughput(Throughput::Bytes(input.len() as u64));
        group.bench_function(name, |b| {
            let (mut scanner, mut spans) = (Scanner::new(fields.clone()), Spans::default());
            b.iter(|| {
                for line in lines(1, &input) {
                    scanner.scan(line.text, &mut spans).expect("the sample is JSON");
                    black_box(spans.range(0));
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, reading, scanning);
criterion_main!(benches);
