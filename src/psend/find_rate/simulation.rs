//! Whole searches against simulated servers, whose capacity is known in closed form or from a long simulation. Arrivals are a Poisson
//! process, time is simulated, and a seed fixes everything.
//!
//! `scripts/statistics` runs 500 searches a server (`PULSE_SEARCHES`) and prints the shares that docs/statistics.md reports.

use std::time::Duration;

use rand::RngExt;
use rand_distr::Exp1;

use super::condition::{Condition, Ended, Figure};
use super::course::Course;
use crate::record::capacity::{Capacity, Ending};
use crate::seed::{Generator, Seed};

/// What makes a server slower than its queue alone.
#[derive(Debug, Clone, Copy)]
enum Trouble {
    None,
    /// It does nothing for the second time of each period, in seconds.
    Pauses(f64, f64),
    /// Each event that it serves takes this share from its speed.
    Leak(f64),
    /// From this wait on, in seconds, it works at this share of its speed, until it was idle for a third of a second within one.
    Collapse(f64, f64),
}

/// A queue with some places, first come first served.
#[derive(Debug, Clone)]
struct Server {
    /// When each place is free.
    free: Vec<f64>,
    /// Events per second of each.
    speed: f64,
    /// Whether all events take the same time. Otherwise it is exponential.
    is_even: bool,
    trouble: Trouble,
    served: f64,
    collapsed: bool,
    /// Since when, and for how long since then, a collapsed server was idle.
    idle: (f64, f64),
}

impl Server {
    fn new(places: usize, speed: f64, trouble: Trouble) -> Self {
        let is_even = matches!(trouble, Trouble::Pauses(..));
        Self { free: vec![0.0; places], speed, is_even, trouble, served: 0.0, collapsed: false, idle: (0.0, 0.0) }
    }

    /// The speed by now, as a share of the first.
    fn health(&self) -> f64 {
        match self.trouble {
            Trouble::Leak(share) => (1.0 - share * self.served).max(0.1),
            Trouble::Collapse(_, share) if self.collapsed => share,
            _ => 1.0,
        }
    }

    /// When an event that arrives now has been served.
    fn serve(&mut self, at: f64, random: &mut Generator) -> f64 {
        let place = (0..self.free.len()).min_by(|a, b| self.free[*a].total_cmp(&self.free[*b])).expect("a place");
        let start = at.max(self.free[place]);
        self.watch(at, start, self.free[place]);
        let draw: f64 = random.sample(Exp1);
        let work = if self.is_even { 1.0 } else { draw } / (self.speed * self.health());
        let end = self.without_pauses(start, work);
        self.served += 1.0;
        self.free[place] = end;
        end
    }

    fn watch(&mut self, at: f64, start: f64, free: f64) {
        let Trouble::Collapse(wait, _) = self.trouble else { return };
        if start - at > wait {
            self.collapsed = true;
            self.idle = (at, 0.0);
        }
        if at - self.idle.0 >= 1.0 {
            self.collapsed &= self.idle.1 < (at - self.idle.0) / 3.0;
            self.idle = (at, 0.0);
        }
        self.idle.1 += (at - free.max(self.idle.0)).max(0.0);
    }

    /// When so much work that begins at `start` is done.
    fn without_pauses(&self, start: f64, mut work: f64) -> f64 {
        let Trouble::Pauses(period, pause) = self.trouble else { return start + work };
        let mut at = start;
        loop {
            let phase = at % period;
            if phase < pause {
                at += pause - phase;
            }
            let left = period - at % period;
            if work <= left {
                return at + work;
            }
            work -= left;
            at += left;
        }
    }

    fn is_idle_at(&self) -> f64 {
        self.free.iter().copied().fold(0.0, f64::max)
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// One search. Returns what it found, and the server as it left it.
fn search(server: &Server, conditions: &[Condition], max_time: f64, seed: u64) -> (Capacity, Server) {
    let mut random = Seed::new(seed).choice("search").generator(0);
    let mut server = server.clone();
    let mut course = Course::new(conditions, seconds(max_time));
    let mut now = 0.0;
    while let Some(order) = course.order() {
        if order.rests() {
            now = server.is_idle_at().max(now);
        }
        let step = course.begin(seconds(now));
        let tick = order.seconds / 20.0;
        let (mut at, mut look) = (now, now + tick);
        'step: loop {
            let gap: f64 = random.sample(Exp1);
            at += gap / order.rate;
            while at >= look {
                if course.look(seconds(look)) {
                    now = look;
                    break 'step;
                }
                look += tick;
            }
            let time = seconds(server.serve(at, &mut random) - at);
            let due = seconds(at);
            course.taken(step, due);
            course.sent(step, due, None);
            course.ended(step, due, &Ended { end_to_end: Some(time), latency: Some(time), is_error: false });
        }
    }
    (course.capacity(Ending::Aborted), server)
}

/// The share of events that take longer than `time` in a queue M/M/c: an exponential service after an exponential wait, which
/// events have with Erlang's probability C.
fn share_beyond(rate: f64, server: &Server, time: f64) -> f64 {
    let (places, speed) = (server.free.len(), server.speed);
    let (load, spare) = (rate / speed, places as f64 * speed - rate);
    if spare <= 0.0 {
        return 1.0;
    }
    let (mut term, mut sum) = (1.0, 1.0);
    for k in 1..places {
        term *= load / k as f64;
        sum += term;
    }
    let all = term * load / places as f64 / (1.0 - load / places as f64);
    let waits = all / (sum + all);
    let served = (-speed * time).exp();
    served + waits * speed / (spare - speed) * (served - (-spare * time).exp())
}

/// The rate at which the share of events beyond `time` is `share`.
fn root(share: f64, most: f64, beyond: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (0.0, most);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if beyond(middle) > share { high = middle } else { low = middle }
    }
    low
}

/// The share of events beyond `time` in a long simulation.
fn long_run(server: &Server, rate: f64, time: f64, events: u32) -> f64 {
    let (mut server, mut random) = (server.clone(), Seed::new(9).choice("long run").generator(0));
    let (mut at, mut bad) = (0.0, 0u32);
    for _ in 0..events {
        let gap: f64 = random.sample(Exp1);
        at += gap / rate;
        bad += u32::from(server.serve(at, &mut random) - at >= time);
    }
    f64::from(bad) / f64::from(events)
}

fn p99_below(time: f64) -> Vec<Condition> {
    vec![Condition {
        text: format!("end_to_end.p99 < {time}s"),
        figure: Figure::EndToEnd,
        bound: seconds(time),
        share: 0.01,
    }]
}

/// What many searches found.
#[derive(Debug, Default)]
struct Found {
    searches: u32,
    /// Searches whose interval covers the limit, or lies above or below it.
    covers: u32,
    above: u32,
    below: u32,
    /// Searches whose interval is at most 5% wide.
    narrow: u32,
    hysteresis: u32,
    took: f64,
}

/// Searches for the limit of a server with different seeds. `limit` is that of a server as a search left it.
fn searches(server: &Server, time: f64, runs: u64, limit: impl Fn(&Server) -> f64) -> Found {
    let mut found = Found::default();
    for seed in 0..runs {
        let (capacity, after) = search(server, &p99_below(time), 7200.0, seed);
        let limit = limit(&after);
        found.searches += 1;
        found.took += capacity.steps.last().map_or(0.0, |step| step.began_s) / runs as f64;
        found.hysteresis += u32::from(capacity.after_overload.is_some_and(|after| after.hysteresis));
        let Some([low, high]) = capacity.interval else { continue };
        found.covers += u32::from((low..=high).contains(&limit));
        found.above += u32::from(limit < low);
        found.below += u32::from(limit > high);
        found.narrow += u32::from((high - low) <= 0.05 * capacity.rate.unwrap_or(0.0) + 0.2);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs() -> u64 {
        std::env::var("PULSE_SEARCHES").map_or(3, |runs| runs.parse().expect("expected a whole number"))
    }

    /// Checks the shares that docs/statistics.md promises, as far as so few searches can tell: no more misses than in one of a thousand
    /// such tests.
    fn check(name: &str, found: &Found) {
        let n = f64::from(found.searches);
        println!(
            "{name}: {} searches, {:.1}% cover, {} above, {} below, {:.1}% narrow, {:.1}% hysteresis, {:.0} s",
            found.searches,
            f64::from(found.covers) / n * 100.0,
            found.above,
            found.below,
            f64::from(found.narrow) / n * 100.0,
            f64::from(found.hysteresis) / n * 100.0,
            found.took
        );
        let misses = n - f64::from(found.covers);
        assert!(misses <= 0.07 * n + 3.1 * (0.07 * 0.93 * n).sqrt(), "{name}: {found:?}");
        assert_eq!(found.narrow, found.searches, "{name}: {found:?}");
    }

    #[test]
    #[ignore = "takes a minute without optimisation; scripts/statistics runs it"]
    fn intervals_cover_the_limit_of_a_queue_with_one_place() {
        let server = Server::new(1, 1000.0, Trouble::None);
        let limit = root(0.01, 1000.0, |rate| share_beyond(rate, &server, 0.05));
        check("M/M/1", &searches(&server, 0.05, runs(), |_| limit));
    }

    #[test]
    fn intervals_cover_the_limit_of_a_queue_with_many_places() {
        let server = Server::new(4, 250.0, Trouble::None);
        let limit = root(0.01, 1000.0, |rate| share_beyond(rate, &server, 0.05));
        let found = searches(&server, 0.05, runs(), |_| limit);
        check("M/M/4", &found);
        assert!(f64::from(found.hysteresis) <= 0.1 * f64::from(found.searches), "{found:?}");
    }

    /// From `long_run`: see the test of it.
    const LIMIT_WITH_PAUSES: f64 = 929.2;

    fn with_pauses() -> Server {
        Server::new(1, 1000.0, Trouble::Pauses(1.0, 0.02))
    }

    #[test]
    fn intervals_cover_the_limit_of_a_server_that_pauses() {
        check("M/D/1 with pauses", &searches(&with_pauses(), 0.05, runs(), |_| LIMIT_WITH_PAUSES));
    }

    #[test]
    #[ignore = "takes minutes without optimisation"]
    fn the_limit_of_a_server_that_pauses_is_that_of_a_long_run() {
        let limit = root(0.01, 980.0, |rate| long_run(&with_pauses(), rate, 0.05, 5_000_000));
        println!("M/D/1 with pauses: {limit:.1}/s");
        assert!((limit / LIMIT_WITH_PAUSES - 1.0).abs() < 0.005, "{limit}");
    }

    #[test]
    #[ignore = "takes a minute without optimisation; scripts/statistics runs it"]
    fn intervals_cover_the_limit_that_a_server_with_a_leak_has_at_the_end() {
        let server = Server::new(1, 1000.0, Trouble::Leak(1e-8));
        check(
            "M/M/1 with a leak",
            &searches(&server, 0.05, runs(), |after| {
                let now = Server::new(1, server.speed * after.health(), Trouble::None);
                root(0.01, 1000.0, |rate| share_beyond(rate, &now, 0.05))
            }),
        );
    }

    #[test]
    fn a_server_that_does_not_come_back_by_itself_is_told_and_its_limit_found() {
        let server = Server::new(1, 1000.0, Trouble::Collapse(0.2, 0.7));
        let limit = root(0.01, 1000.0, |rate| share_beyond(rate, &server, 0.05));
        let found = searches(&server, 0.05, runs(), |_| limit);
        check("M/M/1 with a collapse", &found);
        assert!(f64::from(found.hysteresis) >= 0.9 * f64::from(found.searches), "{found:?}");
    }
}
