//! Holds the verdicts against what they promise, on runs of a simulated server: how often two runs of the same server are
//! called different, how often intervals cover the true difference, and how often a slower server is found.
//!
//! A test run makes a few hundred pairs. `scripts/statistics` makes as many as docs/statistics.md reports.

use std::collections::{BTreeMap, BTreeSet};

use rand_distr::{Distribution, Exp, StandardNormal};

use super::figure::{Figure, LatencySpan, Statistic};
use super::judge::{Asked, Comparison, compare};
use super::part::{Counts, RunPart};
use super::run::Run;
use super::runs::Runs;
use super::tolerance::Tolerances;
use crate::pstats::figures::{Figures, Point};
use crate::pstats::inference::verdict::Word;
use crate::pstats::line_kind::LineKind;
use crate::pstats::sketch::Latency;
use crate::pstats::unread::UnreadValues;
use crate::pstats::windows::{Course, Windows};
use crate::seed::{Generator, Seed};

/// A simulated server: log-normal latencies and 2 % errors, both of which go on from one event to the next.
#[derive(Debug, Clone, Copy)]
struct Server {
    /// The correlation of one event with the next.
    phi: f64,
    /// By how much latencies beyond the 85th percentile are longer: only the tail moves.
    tail: f64,
    /// By how much all latencies are longer.
    scale: f64,
    /// The standard deviation of what differs between runs, on the logarithmic scale.
    between: f64,
}

const SAME: Server = Server { phi: 0.0, tail: 1.0, scale: 1.0, between: 0.0 };

/// Events a second, at random.
const RATE: f64 = 20.0;

const SERVICES: [&str; 4] = ["a", "b", "c", "d"];

/// A correlated series of standard normal values.
struct Series {
    phi: f64,
    last: f64,
}

impl Series {
    fn new(phi: f64, random: &mut Generator) -> Self {
        Self { phi, last: StandardNormal.sample(random) }
    }

    fn next(&mut self, random: &mut Generator) -> f64 {
        let step: f64 = StandardNormal.sample(random);
        self.last = self.phi * self.last + (1.0 - self.phi * self.phi).sqrt() * step;
        self.last
    }
}

impl Server {
    /// A run of so many events.
    fn run(self, events: usize, with_groups: bool, seed: u64) -> RunPart {
        let mut random = Seed::new(seed).choice("run").generator(0);
        let (mut slowness, mut trouble) = (Series::new(self.phi, &mut random), Series::new(self.phi, &mut random));
        let gap = Exp::new(RATE).expect("a rate above 0");
        let between: f64 = StandardNormal.sample(&mut random);
        let level = (20_000.0 * self.scale * (self.between * between).exp()).ln();
        let mut counts = Counts {
            figures: Figures::default(),
            unread: UnreadValues::default(),
            end_to_end: None,
            timed: events as u64,
            all_timed: true,
            range: None,
            windows: Windows::new(None),
            groups: BTreeMap::new(),
            capped: BTreeSet::new(),
        };
        let mut groups: Vec<Figures<_>> = SERVICES.iter().map(|_| Figures::default()).collect();
        let mut at = 0.0;
        for event in 0..events {
            at += gap.sample(&mut random);
            let slow = slowness.next(&mut random);
            let tail = if slow > 1.036_433 { self.tail } else { 1.0 };
            let latency = Latency::new(((level + 0.5 * slow).exp() * tail) as u64);
            // 2.0537 is the 98th percentile.
            let point =
                Point { success: Some(trouble.next(&mut random) < 2.0537), latency: Some(latency), ..Point::default() };
            let micros = (at * 1e6) as i64;
            counts.figures.add(point);
            counts.windows.add(micros, point, Course::default());
            counts.range = Some((counts.range.map_or(micros, |(first, _)| first), micros));
            if with_groups {
                groups[event % SERVICES.len()].add(point);
            }
        }
        if with_groups {
            let named = SERVICES.iter().zip(groups).map(|(name, figures)| (vec![Some(Box::from(*name))], figures));
            counts.groups.insert("service".to_owned(), named.collect());
        }
        RunPart { name: seed.to_string(), records: Vec::new(), counts: BTreeMap::from([(LineKind::Events, counts)]) }
    }

    /// The runs of a side.
    fn runs(self, runs: usize, events: usize, with_groups: bool, seed: u64) -> Vec<RunPart> {
        (0..runs).map(|run| self.run(events, with_groups, seed * 1000 + run as u64)).collect()
    }
}

fn asked(with_groups: bool) -> Asked {
    let grouping = with_groups.then(|| "service".to_owned());
    Asked { tolerances: Tolerances::default(), alpha: 0.05, grouping, required: Vec::new() }
}

fn held(base: &[RunPart], now: &[RunPart], with_groups: bool) -> Comparison {
    let runs = |parts: &[RunPart]| Runs { all: parts.iter().cloned().map(Run::of).collect() };
    compare(&runs(base), &runs(now), &asked(with_groups))
}

/// What many pairs came to.
#[derive(Debug, Default)]
struct Tally {
    pairs: u32,
    /// Pairs with a word worse or better anywhere.
    changed: u32,
    /// Pairs in which the P95 was called worse.
    found: u32,
    /// By figure: intervals, and those that cover the truth.
    intervals: BTreeMap<Figure, (u32, u32)>,
}

impl Tally {
    fn add(&mut self, comparison: &Comparison, truth: f64) {
        self.pairs += 1;
        let is_change = |word| matches!(word, Word::Worse | Word::Better);
        self.changed += u32::from(comparison.rows.iter().any(|row| is_change(row.verdict)));
        let p95 = |figure| figure == Figure::Latency(LatencySpan::Latency, Statistic::P95);
        let whole = || comparison.rows.iter().filter(|row| row.group.is_none());
        self.found += u32::from(whole().any(|row| p95(row.place.1) && row.verdict == Word::Worse));
        for row in whole() {
            let Some((low, high)) = row.interval else { continue };
            let (all, covers) = self.intervals.entry(row.place.1).or_default();
            let truth = if matches!(row.place.1, Figure::Latency(..)) { truth } else { 0.0 };
            *all += 1;
            *covers += u32::from(low <= truth && truth <= high);
        }
    }

    fn share(&self, of: u32) -> f64 {
        f64::from(of) / f64::from(self.pairs)
    }

    /// The share of intervals that cover the truth, of all figures; `None` without any.
    fn coverage(&self) -> Option<f64> {
        let (all, covers) = self.intervals.values().fold((0, 0), |(all, covers), (a, c)| (all + a, covers + c));
        (all > 0).then(|| f64::from(covers) / f64::from(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Tally {
        fn print(&self, what: &str) {
            let coverage = |(figure, (all, covers)): (&Figure, &(u32, u32))| {
                format!("{} {:.1}% of {all}", figure.name(), 100.0 * f64::from(*covers) / f64::from(*all))
            };
            let coverage: Vec<String> = self.intervals.iter().map(coverage).collect();
            println!(
                "{what}: changed {:.1}%, P95 worse {:.1}%; covers: {}",
                100.0 * self.share(self.changed),
                100.0 * self.share(self.found),
                coverage.join(", ")
            );
        }
    }

    /// How many pairs to make: `PULSE_STATISTICS_PAIRS`, or a few.
    fn pairs(few: u64) -> u64 {
        std::env::var("PULSE_STATISTICS_PAIRS").ok().and_then(|n| n.parse().ok()).unwrap_or(few)
    }

    /// Pairs of sides of so many runs, all from the same runs: the first of ten.
    fn tallies(base: Server, now: Server, runs: &[usize], events: usize, with_groups: bool, pairs: u64) -> Vec<Tally> {
        let most = runs.iter().copied().max().unwrap_or(0);
        let mut tallies: Vec<Tally> = runs.iter().map(|_| Tally::default()).collect();
        for pair in 0..pairs {
            let seed = 2 * pair + (events as u64) * 1_000_000;
            let (a, b) = (base.runs(most, events, with_groups, seed), now.runs(most, events, with_groups, seed + 1));
            for (runs, tally) in runs.iter().zip(&mut tallies) {
                tally.add(&held(&a[..*runs], &b[..*runs], with_groups), now.scale / base.scale - 1.0);
            }
        }
        tallies
    }

    /// A share of so many pairs that is above `share` by chance in one of a thousand.
    fn at_most(share: f64, pairs: u64) -> f64 {
        share + 3.1 * (share * (1.0 - share) / pairs as f64).sqrt()
    }

    #[test]
    fn runs_of_the_same_server_are_called_different_in_at_most_one_of_twenty_reports() {
        let (pairs, runs) = (pairs(40), [1, 3, 5]);
        for phi in [0.0, 0.5, 0.9] {
            let server = Server { phi, ..SAME };
            let tallies = tallies(server, server, &runs, 1000, pairs >= 1000, pairs);
            for (runs, tally) in runs.iter().zip(&tallies) {
                tally.print(&format!("same server, {runs} a side, 1000 events, correlation {phi}"));
                assert!(tally.share(tally.changed) <= at_most(0.05, pairs), "{runs} runs, {phi}: {tally:?}");
            }
            let coverage = tallies[2].coverage().expect("several runs have intervals");
            assert!((0.90..=0.99).contains(&coverage), "{phi}: {coverage}");
        }
    }

    #[test]
    fn a_p95_that_is_ten_percent_up_is_found_with_five_runs_a_side() {
        let pairs = pairs(15);
        let now = Server { tail: 1.1, ..SAME };
        let tally = &tallies(SAME, now, &[5], 5000, false, pairs)[0];
        assert!(tally.share(tally.found) >= 0.9, "{tally:?}");
    }

    /// What docs/statistics.md reports.
    #[test]
    #[ignore = "takes an hour: scripts/statistics runs it"]
    fn the_whole_table() {
        let all = [1, 3, 5, 10];
        for events in [1000, 10_000, 100_000] {
            let pairs = if events == 100_000 { pairs(1000) / 4 } else { pairs(1000) };
            for phi in [0.0, 0.5, 0.9] {
                for between in [0.0, 0.03] {
                    let server = Server { phi, between, ..SAME };
                    let runs = if between > 0.0 { &all[1..] } else { &all[..] };
                    if between > 0.0 && events > 1000 {
                        continue;
                    }
                    for (runs, tally) in runs.iter().zip(tallies(server, server, runs, events, true, pairs)) {
                        tally.print(&format!(
                            "same, {runs} a side, {events} events, correlation {phi}, between {between}"
                        ));
                    }
                }
            }
        }
        for (up, phi, runs) in [
            (1.1, 0.0, vec![3, 5]),
            (1.1, 0.5, vec![3, 5]),
            (1.1, 0.9, vec![3, 5, 10]),
            (1.05, 0.0, vec![3, 5, 10]),
            (1.05, 0.5, vec![5, 10, 20]),
        ] {
            let (base, now) = (Server { phi, ..SAME }, Server { phi, tail: up, ..SAME });
            for (runs, tally) in runs.iter().zip(tallies(base, now, &runs, 10_000, false, pairs(1000) / 4)) {
                tally.print(&format!("tail x {up}, {runs} a side, 10000 events, correlation {phi}"));
            }
            let now = Server { phi, scale: up, ..SAME };
            for (runs, tally) in runs.iter().zip(tallies(base, now, &runs, 10_000, false, pairs(1000) / 4)) {
                tally.print(&format!("all x {up}, {runs} a side, 10000 events, correlation {phi}"));
            }
        }
    }
}
