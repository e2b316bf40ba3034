//! Many machines that share a schedule: each runs its shard, from one start that their wall clocks have in common.

use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use futures::future::join_all;
use tokio::time::sleep;

use super::dice::Dice;
use super::scenario::{Line, Scenario};
use super::server::Server;
use super::{NOON, Outside, config, folder, in_simulated_time, run};
use crate::clock::Micros;
use crate::time;

const MACHINES: u64 = 64;

/// The events of each machine.
const EVENTS: u64 = 100;

/// Events per second of all machines together.
const RATE: f64 = 640.0;

/// The common start, after noon.
const START: Duration = Duration::from_secs(10);

/// The longest time that the server takes to connect and to answer, in milliseconds.
const LATENCY: u64 = 4;

/// What one machine runs.
fn shard(nth: u64, arrival: &str, folder: &Path) -> Scenario {
    let line = |n: u64| Line {
        text: format!("{{\"event_id\":\"evt_{nth}_{n}\",\"n\":{}}}", nth * EVENTS + n),
        id: Some(format!("evt_{nth}_{n}")),
        is_event: true,
    };
    let start = time::format(NOON + Micros::try_from(START.as_micros()).expect("it is short"));
    let (output, shard) = (folder.join(nth.to_string()).display().to_string(), format!("{}/{MACHINES}", nth + 1));
    let rate = RATE.to_string();
    let words = [
        ["--url", "http://127.0.0.1:1"],
        ["--api-key", "key"],
        ["--rate", &rate],
        ["--arrival", arrival],
        ["--start-at", &start],
        ["--shard", &shard],
        ["--output", &output],
    ];
    Scenario {
        args: words.as_flattened().iter().map(|word| (*word).to_owned()).collect(),
        lines: (1..=EVENTS).map(line).collect(),
        ..Scenario::calm()
    }
}

/// When the events of all machines came to the server, in seconds since the common start, in order. Each machine is switched on at a
/// time of its own before that.
fn arrivals(arrival: &str) -> Vec<f64> {
    let folder = folder();
    let mut came = Vec::new();
    let fault = in_simulated_time(async {
        let (server, inbox) = Server::sound(LATENCY, usize::MAX);
        tokio::task::spawn_local(Rc::clone(&server).serve(inbox));
        let mut switched_on = Dice::new(1, "machines");
        let machine = |nth| {
            let on = switched_on.ms(0, 9_000);
            let (scenario, server) = (shard(nth, arrival, folder.path()), &server);
            async move {
                sleep(on).await;
                let wall = NOON + Micros::try_from(on.as_micros()).expect("it is short");
                let ended = run(&scenario, &config(&scenario, false), Outside::default(), nth, server, wall).await;
                assert_eq!(ended.counted, EVENTS);
            }
        };
        join_all((0..MACHINES).map(machine)).await;
        came.extend(server.arrivals.borrow().iter().map(|at| at.as_secs_f64() - START.as_secs_f64()));
        match &server.faults.borrow()[..] {
            [] => Ok(()),
            faults => Err(faults.join("\n")),
        }
    });
    assert_eq!(fault, None);
    came.sort_by(f64::total_cmp);
    assert_eq!(came.len() as u64, MACHINES * EVENTS);
    came
}

#[test]
fn sixty_four_machines_with_a_common_start_keep_an_even_schedule() {
    let came = arrivals("constant");
    let late = |(nth, at): (u32, &f64)| at - f64::from(nth) / RATE;
    let late: Vec<f64> = (0..).zip(&came).map(late).collect();
    let (least, most) = (late.iter().copied().fold(0.0, f64::min), late.iter().copied().fold(0.0, f64::max));
    assert!(least > -0.0005, "an event came {least} s before its time");
    // Connecting takes up to half of the latency, and timers fire at whole milliseconds.
    assert!(most < 0.005, "an event came {most} s after its time");
}

#[test]
fn sixty_four_machines_with_independent_arrivals_follow_the_schedule_together() {
    let came = arrivals("poisson");
    // Each machine sends a given number of events. Only while all of them still send are the arrivals those of the whole rate.
    let whole: Vec<f64> = came.into_iter().filter(|at| *at < 5.0).collect();
    let n = whole.len() as f64;
    // Kolmogorov-Smirnov against the uniform distribution, which a Poisson process of a constant rate has given its number of events.
    let distance = (1u32..).zip(&whole).map(|(nth, at)| (f64::from(nth) / n - at / 5.0).abs()).fold(0.0, f64::max);
    // Exceeded by chance once in a thousand.
    let critical = 1.95 / n.sqrt();
    assert!(distance < critical, "{distance} of {critical}, {n} events");
    assert!((n - 5.0 * RATE).abs() < 4.0 * (5.0 * RATE).sqrt(), "{n} events in 5 s at {RATE} a second");
}
