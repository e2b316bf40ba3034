//! When the next event is due in an open loop: pure arithmetic, from the number of events before it to a time since the start.
//!
//! The schedule knows nothing about the server, so it cannot slip when the server is slow.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use rand::RngExt;
use rand_distr::Exp1;

use super::find_rate::SharedPace;
use crate::clock::Micros;
use crate::seed::Generator;
use crate::time;

/// A rate over time that changes linearly from one rate to the next.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RateCurve {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Piece {
    /// When it begins, and after how many events.
    begins: f64,
    before: f64,
    seconds: f64,
    from: f64,
    to: f64,
}

impl Piece {
    fn events(&self) -> f64 {
        if self.seconds.is_infinite() { f64::INFINITY } else { (self.from + self.to) / 2.0 * self.seconds }
    }

    /// When this many of its events are due, from its own beginning: the root of `from·t + (to−from)/(2·seconds)·t²`,
    /// in the form that does not cancel.
    fn time_of(&self, events: f64) -> f64 {
        let slope = (self.to - self.from) / self.seconds;
        let root = slope.mul_add(2.0 * events, self.from * self.from).max(0.0).sqrt();
        if events <= 0.0 { 0.0 } else { (2.0 * events / (self.from + root)).min(self.seconds) }
    }
}

impl RateCurve {
    /// The same rate for ever, in events per second.
    pub(super) fn constant(rate: f64) -> Self {
        Self { pieces: vec![Piece { begins: 0.0, before: 0.0, seconds: f64::INFINITY, from: rate, to: rate }] }
    }

    /// From 0 to the first stage's rate within its time, from there to the second's, and so on. Then it is over.
    pub(super) fn stages(stages: &[(Duration, f64)]) -> Self {
        let mut pieces: Vec<Piece> = Vec::with_capacity(stages.len());
        for (length, to) in stages {
            let (begins, before, from) =
                pieces.last().map_or((0.0, 0.0, 0.0), |p: &Piece| (p.begins + p.seconds, p.before + p.events(), p.to));
            pieces.push(Piece { begins, before, seconds: length.as_secs_f64(), from, to: *to });
        }
        Self { pieces }
    }

    /// The same curve, with every rate divided by this.
    pub(super) fn divided(mut self, by: f64) -> Self {
        for piece in &mut self.pieces {
            piece.from /= by;
            piece.to /= by;
            piece.before /= by;
        }
        self
    }

    /// When it ends. Returns `None` if it goes on for ever.
    fn end(&self) -> Option<Duration> {
        let last = self.pieces.last()?;
        Duration::try_from_secs_f64(last.begins + last.seconds).ok()
    }

    /// When `events` events are due. Returns `None` past the curve's end.
    fn time_of(&self, events: f64) -> Option<Duration> {
        let piece = self.pieces.iter().find(|piece| events < piece.before + piece.events())?;
        Duration::try_from_secs_f64(piece.begins + piece.time_of(events - piece.before)).ok()
    }
}

/// How events spread around the rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// Evenly.
    Constant,
    /// Independently of each other: a Poisson process.
    Poisson,
}

impl Arrival {
    /// The gap between two events, in the measure of expected ones, in which a Poisson process of any rate has gaps of mean 1.
    fn gap(self, draws: &mut Generator) -> f64 {
        match self {
            Self::Constant => 1.0,
            Self::Poisson => draws.sample(Exp1),
        }
    }
}

/// When the events of an open loop are due, one after the other.
#[derive(Debug)]
pub(super) enum Schedule {
    /// By a rate.
    Curve {
        /// The rate over time.
        curve: RateCurve,
        /// The spread around it.
        arrival: Arrival,
        /// Events due so far, in the curve's measure.
        events: f64,
        /// Draws the spread.
        draws: Box<Generator>,
    },
    /// By the events' own timestamps.
    Replay(Replay),
    /// By the steps of a search.
    Steps {
        /// The pace that the search sets.
        pace: Rc<SharedPace>,
        /// The spread around it.
        arrival: Arrival,
        /// Draws the spread.
        draws: Box<Generator>,
    },
}

/// The schedule of a replay.
#[derive(Debug)]
pub(super) struct Replay {
    /// How many times as fast.
    speed: f64,
    /// No event is due more than this after the one before.
    max_gap: Duration,
    /// The last event by whose timestamp later ones are due.
    last: Option<Timed>,
    /// The event before a gap that was too long, while only one event has come after it.
    before_gap: Option<Timed>,
    /// Whether `last` is the only event since the start or such a gap. Its timestamp may be wrong.
    is_alone: bool,
    /// From the first event to `last`, in microseconds of the events' time, without gaps that were too long.
    passed: u128,
    /// The time that was waited instead of those gaps.
    in_place: Duration,
}

/// An event of a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Timed {
    /// The number of its line.
    pub seq: u64,
    /// Its timestamp.
    pub at: Micros,
}

/// A gap between two events of a replay that was too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    /// The event before it.
    pub before: Timed,
    /// The event after it.
    pub behind: Timed,
    /// How long it would have taken at the replay's speed.
    pub wait: Duration,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { before, behind, wait } = self;
        let (from, to) = (time::format(before.at), time::format(behind.at));
        let wait = in_round_figures(*wait);
        write!(f, "line {} ({to}) is due {wait} after line {} ({from})", behind.seq, before.seq)
    }
}

/// A long time in words.
pub(super) fn in_round_figures(time: Duration) -> String {
    let hours = time.as_secs_f64() / 3600.0;
    match hours / 24.0 {
        days if days >= 730.0 => format!("{:.0} years", days / 365.25),
        days if days >= 2.0 => format!("{days:.0} days"),
        _ if hours >= 2.0 => format!("{hours:.1} hours"),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}

impl Replay {
    /// A replay `speed` times as fast, with no gap longer than `max_gap`.
    pub(super) fn new(speed: f64, max_gap: Duration) -> Self {
        Self { speed, max_gap, last: None, before_gap: None, is_alone: true, passed: 0, in_place: Duration::ZERO }
    }

    /// When this event is due, and the gap before it if that was too long. An event that is older than the one before is due at
    /// once. If the one before was the only one after such a gap, its timestamp was wrong: the gap is undone, and this event
    /// continues where the others were.
    fn due(&mut self, event: Timed) -> (Duration, Option<Gap>) {
        let mut gap = None;
        match self.last {
            None => self.last = Some(event),
            Some(last) if event.at >= last.at => {
                let wait = self.waited(micros(last, event));
                self.is_alone = wait > self.max_gap;
                if self.is_alone {
                    gap = Some(Gap { before: last, behind: event, wait });
                    self.before_gap = Some(last);
                }
                self.go_on(last, event);
            }
            Some(stray) if self.is_alone && self.waited(micros(event, stray)) > self.max_gap => {
                let before = self.before_gap.take().unwrap_or(event);
                self.is_alone = false;
                self.go_on(before, event);
            }
            Some(_) => {}
        }
        (self.now(), gap)
    }

    /// When the event before is due.
    fn now(&self) -> Duration {
        self.in_place.saturating_add(self.waited(self.passed))
    }

    fn go_on(&mut self, from: Timed, to: Timed) {
        let time = micros(from, to);
        if self.waited(time) > self.max_gap {
            self.in_place = self.in_place.saturating_add(self.max_gap);
        } else {
            self.passed += time;
        }
        self.last = Some(to);
    }

    /// How long this many microseconds of the events' time take.
    fn waited(&self, micros: u128) -> Duration {
        Duration::try_from_secs_f64(micros as f64 / 1e6 / self.speed).unwrap_or(Duration::MAX)
    }
}

/// From one event to another, in microseconds of the events' time. 0 if the other is older.
fn micros(from: Timed, to: Timed) -> u128 {
    u128::try_from(i128::from(to.at) - i128::from(from.at)).unwrap_or(0)
}

impl Schedule {
    /// When the next event is due, from the start. Returns `None` when the schedule is over. In a [`Schedule::Replay`], the event
    /// itself decides: see [`Schedule::due_by`].
    pub(super) fn due(&mut self) -> Option<Duration> {
        match self {
            Self::Curve { curve, arrival, events, draws } => {
                let due = curve.time_of(*events);
                *events += arrival.gap(draws);
                due
            }
            Self::Replay(replay) => Some(replay.now()),
            Self::Steps { pace, arrival, draws } => Some(pace.due(arrival.gap(draws))),
        }
    }

    /// When it is over, from its start. Returns `None` if it does not end by itself.
    pub(super) fn end(&self) -> Option<Duration> {
        match self {
            Self::Curve { curve, .. } => curve.end(),
            Self::Replay(_) | Self::Steps { .. } => None,
        }
    }

    /// The pace that a search sets, if one does.
    pub(super) fn steps(&self) -> Option<&Rc<SharedPace>> {
        if let Self::Steps { pace, .. } = self { Some(pace) } else { None }
    }

    /// Whether the events' own timestamps decide.
    pub(super) fn is_replay(&self) -> bool {
        matches!(self, Self::Replay(_))
    }

    /// When the event on this line with this timestamp is due, given the result of [`Schedule::due`], and the gap before it if
    /// that was too long. An event without a timestamp is due at once.
    pub(super) fn due_by(&mut self, due: Duration, seq: u64, timestamp: Option<Micros>) -> (Duration, Option<Gap>) {
        match (self, timestamp) {
            (Self::Replay(replay), Some(at)) => replay.due(Timed { seq, at }),
            _ => (due, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;

    fn schedule(curve: RateCurve, arrival: Arrival) -> Schedule {
        Schedule::Curve { curve, arrival, events: 0.0, draws: Box::new(Generator::seed_from_u64(1)) }
    }

    fn dues(mut schedule: Schedule, most: usize) -> Vec<f64> {
        std::iter::from_fn(|| schedule.due()).take(most).map(|due| due.as_secs_f64()).collect()
    }

    #[test]
    fn a_rate_is_evenly_spaced_from_the_start() {
        assert_eq!(dues(schedule(RateCurve::constant(4.0), Arrival::Constant), 4), [0.0, 0.25, 0.5, 0.75]);
    }

    #[test]
    fn stages_are_ramps_that_end() {
        let stages =
            [(Duration::from_secs(10), 100.0), (Duration::from_secs(10), 100.0), (Duration::from_secs(10), 0.0)];
        let dues = dues(schedule(RateCurve::stages(&stages), Arrival::Constant), usize::MAX);
        assert_eq!(dues.len(), 2000, "500 up, 1000 along, 500 down");
        // Half way up the rate is 50 a second, and a quarter of the ramp's events are due.
        assert!((dues[125] - 5.0).abs() < 1e-9 && (dues[1500] - 20.0).abs() < 1e-9, "{} {}", dues[125], dues[1500]);
    }

    #[test]
    fn a_stage_may_jump_from_one_rate_to_another() {
        let stages = [(Duration::ZERO, 10.0), (Duration::from_secs(1), 10.0)];
        assert_eq!(dues(schedule(RateCurve::stages(&stages), Arrival::Constant), usize::MAX).len(), 10);
    }

    #[test]
    fn shards_divide_a_rate() {
        let divided = RateCurve::stages(&[(Duration::from_secs(10), 100.0)]).divided(4.0);
        assert_eq!(dues(schedule(divided, Arrival::Constant), usize::MAX).len(), 125);
    }

    /// When the events of all shards of this schedule are due, in order.
    fn of_shards(curve: &RateCurve, arrival: Arrival, shards: u32) -> Vec<f64> {
        let of_shard = |nth: u32| {
            let first = if arrival == Arrival::Constant { f64::from(nth) / f64::from(shards) } else { 0.0 };
            let draws = Box::new(Generator::seed_from_u64(nth.into()));
            let curve = curve.clone().divided(shards.into());
            dues(Schedule::Curve { curve, arrival, events: first, draws }, usize::MAX)
        };
        let mut all: Vec<f64> = (0..shards).flat_map(of_shard).collect();
        all.sort_by(f64::total_cmp);
        all
    }

    #[test]
    fn shards_that_begin_together_keep_an_even_schedule_exactly() {
        let curve = RateCurve::stages(&[
            (Duration::from_secs(10), 100.0),
            (Duration::from_secs(5), 100.0),
            (Duration::from_secs(3), 0.0),
        ]);
        let whole = dues(schedule(curve.clone(), Arrival::Constant), usize::MAX);
        let merged = of_shards(&curve, Arrival::Constant, 64);
        assert_eq!(merged.len(), whole.len());
        let worst = merged.iter().zip(&whole).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(worst < 1e-6, "{worst} s");
    }

    #[test]
    fn shards_with_independent_arrivals_follow_the_schedule_together() {
        let curve = RateCurve::stages(&[(Duration::from_secs(30), 200.0), (Duration::from_secs(30), 50.0)]);
        let merged = of_shards(&curve, Arrival::Poisson, 64);
        // Kolmogorov-Smirnov: the largest distance between the arrivals and the share of the schedule that is due.
        let due = |seconds: f64| {
            let ramp = |t: f64, from: f64, to: f64| from * t + (to - from) / 60.0 * t * t;
            ramp(seconds.min(30.0), 0.0, 200.0) + ramp((seconds - 30.0).max(0.0), 200.0, 50.0)
        };
        let n = merged.len() as f64;
        let distance = (1u32..).zip(&merged).map(|(nth, at)| (f64::from(nth) / n - due(*at) / due(60.0)).abs());
        // Exceeded by chance once in a thousand.
        let critical = 1.95 / n.sqrt();
        let distance = distance.fold(0.0, f64::max);
        assert!(n > 5000.0 && distance < critical, "{distance} of {critical}, {n} events");
    }

    #[test]
    fn poisson_arrivals_keep_the_rate_and_vary() {
        let dues = dues(schedule(RateCurve::constant(100.0), Arrival::Poisson), 20_000);
        let gaps: Vec<f64> = dues.windows(2).map(|w| w[1] - w[0]).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((mean - 0.01).abs() < 0.0003, "{mean}");
        assert!((variance.sqrt() / mean - 1.0).abs() < 0.05, "an exponential's deviation is its mean");
    }

    const HOUR: i64 = 3600;
    const DAY: i64 = 24 * HOUR;

    /// When events with these timestamps in seconds are due, in seconds, and before which there was a gap that was too long.
    fn replayed(speed: f64, timestamps: &[Option<i64>]) -> (Vec<f64>, Vec<u64>) {
        let mut replay = Schedule::Replay(Replay::new(speed, Duration::from_secs(3600)));
        let mut gaps = Vec::new();
        let due = (1..).zip(timestamps).map(|(seq, at)| {
            let due = replay.due().expect("a replay does not end");
            let (due, gap) = replay.due_by(due, seq, at.map(|seconds| seconds * 1_000_000));
            gaps.extend(gap.map(|gap| gap.behind.seq));
            due.as_secs_f64()
        });
        (due.collect(), gaps)
    }

    #[test]
    fn a_replay_follows_the_timestamps_and_older_events_are_due_at_once() {
        let (due, gaps) = replayed(60.0, &[Some(100), Some(160), Some(130), None, Some(220), Some(0)]);
        assert_eq!(due, [0.0, 1.0, 1.0, 1.0, 2.0, 2.0]);
        assert!(gaps.is_empty());
    }

    #[test]
    fn a_replay_waits_no_longer_than_the_longest_gap() {
        let zero_time = -62_135_596_800;
        let (due, gaps) = replayed(1.0, &[Some(zero_time), Some(1_767_603_600), Some(1_767_603_601)]);
        assert_eq!((due, gaps), (vec![0.0, 3600.0, 3601.0], vec![2]));
        // The wait is what counts: a night goes by in 8 s here.
        let (due, gaps) = replayed(3600.0, &[Some(0), Some(8 * HOUR), Some(100 * 365 * DAY)]);
        assert_eq!((due, gaps), (vec![0.0, 8.0, 3608.0], vec![3]));
        for speed in [1e-300, 1e-9, 1e300] {
            let (due, _) = replayed(speed, &[Some(i64::MIN / 1_000_000), Some(i64::MAX / 1_000_000)]);
            let wanted = if speed > 1.0 { 0.0 } else { 3600.0 };
            assert!((due[1] - wanted).abs() < 1e-3, "{speed}: {due:?}");
        }
    }

    #[test]
    fn one_stray_time_costs_one_gap_and_does_not_make_the_rest_due_at_once() {
        let stray = 100 * 365 * DAY;
        let (due, gaps) = replayed(1.0, &[Some(10), Some(20), Some(stray), Some(30), Some(40), Some(25), Some(50)]);
        assert_eq!((due, gaps), (vec![0.0, 10.0, 3610.0, 3620.0, 3630.0, 3630.0, 3640.0], vec![3]));
        let (due, gaps) = replayed(1.0, &[Some(stray), Some(10), Some(20)]);
        assert_eq!((due, gaps), (vec![0.0, 0.0, 10.0], vec![]), "the first may be the stray");
        // An event that is two hours late does not mean that all others are early.
        let (due, _) = replayed(
            1.0,
            &[Some(0), Some(1800), Some(3 * HOUR - 1900), Some(3 * HOUR - 1800), Some(HOUR), Some(3 * HOUR - 1700)],
        );
        assert_eq!(due[3..], [due[2] + 100.0, due[2] + 100.0, due[2] + 200.0]);
    }

    #[test]
    fn stages_know_their_end_and_a_rate_has_none() {
        let stages = [(Duration::from_secs(10), 100.0), (Duration::from_millis(500), 0.0)];
        let end = |curve| schedule(curve, Arrival::Constant).end();
        assert_eq!(end(RateCurve::stages(&stages).divided(4.0)), Some(Duration::from_millis(10_500)));
        assert_eq!(end(RateCurve::constant(100.0)), None);
    }

    proptest! {
        #[test]
        fn a_schedule_never_goes_back(stages in prop::collection::vec((0u64..5, 0.0f64..200.0), 1..5), poisson: bool) {
            let stages: Vec<_> = stages.into_iter().map(|(s, rate)| (Duration::from_secs(s), rate)).collect();
            let end: f64 = stages.iter().map(|(length, _)| length.as_secs_f64()).sum();
            let arrival = if poisson { Arrival::Poisson } else { Arrival::Constant };
            let dues = dues(schedule(RateCurve::stages(&stages), arrival), 10_000);
            prop_assert!(dues.is_sorted());
            prop_assert!(dues.last().is_none_or(|last| *last <= end + 1e-9));
        }
    }
}
