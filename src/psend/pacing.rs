//! When the next event is due in an open loop: pure arithmetic, from how many were sent to a time since the start.
//!
//! The schedule does not know how the server does, so that it cannot slip when the server is slow.

use std::time::Duration;

use rand::RngExt;
use rand_distr::Exp1;

use crate::clock::Micros;
use crate::seed::Generator;

/// A rate over time: straight lines between rates.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
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

    /// When so many of its events are due, from its own beginning: the root of `from·t + (to−from)/(2·seconds)·t²`,
    /// in the form that does not cancel.
    fn time_of(&self, events: f64) -> f64 {
        let slope = (self.to - self.from) / self.seconds;
        let root = slope.mul_add(2.0 * events, self.from * self.from).max(0.0).sqrt();
        if events <= 0.0 { 0.0 } else { (2.0 * events / (self.from + root)).min(self.seconds) }
    }
}

impl Curve {
    /// The same rate for ever, in events a second.
    pub fn constant(rate: f64) -> Self {
        Self { pieces: vec![Piece { begins: 0.0, before: 0.0, seconds: f64::INFINITY, from: rate, to: rate }] }
    }

    /// From nothing to the first stage's rate in its time, from there to the second's, and so on; then it is over.
    pub fn stages(stages: &[(Duration, f64)]) -> Self {
        let mut pieces: Vec<Piece> = Vec::with_capacity(stages.len());
        for (length, to) in stages {
            let (begins, before, from) =
                pieces.last().map_or((0.0, 0.0, 0.0), |p: &Piece| (p.begins + p.seconds, p.before + p.events(), p.to));
            pieces.push(Piece { begins, before, seconds: length.as_secs_f64(), from, to: *to });
        }
        Self { pieces }
    }

    /// The same curve, with every rate divided by this.
    pub fn divided(mut self, by: f64) -> Self {
        for piece in &mut self.pieces {
            piece.from /= by;
            piece.to /= by;
            piece.before /= by;
        }
        self
    }

    /// When `events` events are due; `None` past the curve's end.
    fn time_of(&self, events: f64) -> Option<Duration> {
        let piece = self.pieces.iter().find(|piece| events < piece.before + piece.events())?;
        Duration::try_from_secs_f64(piece.begins + piece.time_of(events - piece.before)).ok()
    }
}

/// How events spread around the rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// Evenly.
    Constant,
    /// Independently of each other: a Poisson process.
    Poisson,
}

/// When the events of an open loop are due, one after the other.
#[derive(Debug)]
pub enum Schedule {
    /// By a rate.
    Curve {
        /// The rate over time.
        curve: Curve,
        /// The spread around it.
        arrival: Arrival,
        /// Events due so far, in the curve's measure.
        events: f64,
        /// Draws the spread.
        draws: Box<Generator>,
    },
    /// By the events' own timestamps, so many times as fast.
    Replay {
        /// How many times as fast.
        speed: f64,
        /// The first event's timestamp.
        first: Option<Micros>,
        /// When the event before was due.
        last: Duration,
    },
}

impl Schedule {
    /// When the next event is due, from the start; `None` where the schedule is over. A [`Schedule::Replay`] asks the
    /// event, see [`Schedule::due_by`].
    pub fn due(&mut self) -> Option<Duration> {
        match self {
            Self::Curve { curve, arrival, events, draws } => {
                let due = curve.time_of(*events);
                *events += match arrival {
                    Arrival::Constant => 1.0,
                    // In the measure of expected events a Poisson process of any rate has gaps of mean 1.
                    Arrival::Poisson => draws.sample(Exp1),
                };
                due
            }
            Self::Replay { last, .. } => Some(*last),
        }
    }

    /// Whether the events' own timestamps decide.
    pub fn is_replay(&self) -> bool {
        matches!(self, Self::Replay { .. })
    }

    /// When an event with this timestamp is due, given what [`Schedule::due`] said: an event that is older than the one
    /// before, or has no timestamp, is due at once.
    pub fn due_by(&mut self, due: Duration, timestamp: Option<Micros>) -> Duration {
        let Self::Replay { speed, first, last } = self else { return due };
        let Some(at) = timestamp else { return due };
        let first = *first.get_or_insert(at);
        let passed = Duration::from_micros(u64::try_from(at.saturating_sub(first)).unwrap_or(0));
        *last = due.max(Duration::try_from_secs_f64(passed.as_secs_f64() / *speed).unwrap_or(Duration::MAX));
        *last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;

    fn schedule(curve: Curve, arrival: Arrival) -> Schedule {
        Schedule::Curve { curve, arrival, events: 0.0, draws: Box::new(Generator::seed_from_u64(1)) }
    }

    fn dues(mut schedule: Schedule, most: usize) -> Vec<f64> {
        std::iter::from_fn(|| schedule.due()).take(most).map(|due| due.as_secs_f64()).collect()
    }

    #[test]
    fn a_rate_is_evenly_spaced_from_the_start() {
        assert_eq!(dues(schedule(Curve::constant(4.0), Arrival::Constant), 4), [0.0, 0.25, 0.5, 0.75]);
    }

    #[test]
    fn stages_are_ramps_that_end() {
        let stages =
            [(Duration::from_secs(10), 100.0), (Duration::from_secs(10), 100.0), (Duration::from_secs(10), 0.0)];
        let dues = dues(schedule(Curve::stages(&stages), Arrival::Constant), usize::MAX);
        assert_eq!(dues.len(), 2000, "500 up, 1000 along, 500 down");
        // Half way up the rate is 50 a second, and a quarter of the ramp's events are due.
        assert!((dues[125] - 5.0).abs() < 1e-9 && (dues[1500] - 20.0).abs() < 1e-9, "{} {}", dues[125], dues[1500]);
    }

    #[test]
    fn a_stage_may_jump_from_one_rate_to_another() {
        let stages = [(Duration::ZERO, 10.0), (Duration::from_secs(1), 10.0)];
        assert_eq!(dues(schedule(Curve::stages(&stages), Arrival::Constant), usize::MAX).len(), 10);
    }

    #[test]
    fn shards_divide_a_rate() {
        let divided = Curve::stages(&[(Duration::from_secs(10), 100.0)]).divided(4.0);
        assert_eq!(dues(schedule(divided, Arrival::Constant), usize::MAX).len(), 125);
    }

    #[test]
    fn poisson_arrivals_keep_the_rate_and_vary() {
        let dues = dues(schedule(Curve::constant(100.0), Arrival::Poisson), 20_000);
        let gaps: Vec<f64> = dues.windows(2).map(|w| w[1] - w[0]).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((mean - 0.01).abs() < 0.0003, "{mean}");
        assert!((variance.sqrt() / mean - 1.0).abs() < 0.05, "an exponential's deviation is its mean");
    }

    #[test]
    fn a_replay_follows_the_timestamps_and_older_events_are_due_at_once() {
        let mut replay = Schedule::Replay { speed: 60.0, first: None, last: Duration::ZERO };
        let mut at = |seconds: Option<i64>| {
            let due = replay.due().expect("a replay does not end");
            replay.due_by(due, seconds.map(|s| s * 1_000_000)).as_secs_f64()
        };
        let dues = [at(Some(100)), at(Some(160)), at(Some(130)), at(None), at(Some(220)), at(Some(0))];
        assert_eq!(dues, [0.0, 1.0, 1.0, 1.0, 2.0, 2.0]);
    }

    proptest! {
        #[test]
        fn a_schedule_never_goes_back(stages in prop::collection::vec((0u64..5, 0.0f64..200.0), 1..5), poisson: bool) {
            let stages: Vec<_> = stages.into_iter().map(|(s, rate)| (Duration::from_secs(s), rate)).collect();
            let end: f64 = stages.iter().map(|(length, _)| length.as_secs_f64()).sum();
            let arrival = if poisson { Arrival::Poisson } else { Arrival::Constant };
            let dues = dues(schedule(Curve::stages(&stages), arrival), 10_000);
            prop_assert!(dues.is_sorted());
            prop_assert!(dues.last().is_none_or(|last| *last <= end + 1e-9));
        }
    }
}
