//! `--flash at=2h,peak=10x,ramp=30s,hold=2m,decay=5m`: a flash crowd.
//! No event is added: events are moved towards the crowd. Inside it the traffic is multiplied by a factor that rises to the
//! peak, holds, and falls back to 1. Around it, over ten times as much time as was compressed, the traffic is multiplied by
//! 0.9.

use crate::cli::values::Span;
use crate::clock::Micros;
use crate::error::Result;
use crate::pshape::event::EditableEvent;
use crate::pshape::number::Times;
use crate::pshape::position::Position;
use crate::pshape::spec::Spec;
use crate::pshape::window::When;

use crate::record::event::Role;

use super::{Applied, Effect, Flag, Form, GivenBy, Kind, Phase, Setup, Share};

/// The entry in the list of effects.
pub(super) const KIND: Kind = Kind {
    flag: "flash",
    fault: "flash",
    head: None,
    given_by: GivenBy::Flag(Flag {
        value: "OPTIONS",
        form: Form::Options,
        repeatable: true,
        help: "Add a flash crowd: at=2h,peak=10x",
        details: "Moves events towards it. Options: at=2h,peak=10x,ramp=30s,hold=2m,decay=5m. Repeatable.",
    }),
    phase: Phase::Retime,
    share: Share::All,
    windowed: false,
    spared: "lacked a timestamp",
    needs: &[Role::Timestamp],
    build,
};

/// The share of the traffic that remains around the crowd.
const AROUND: f64 = 0.9;

struct Flash {
    at: When,
    shape: Shape,
}

/// The factor on the traffic over the time of a crowd. Times are in µs.
#[derive(Debug, Clone, Copy)]
struct Shape {
    peak: f64,
    ramp: f64,
    hold: f64,
    decay: f64,
}

/// Reads `at`, `peak`, `ramp`, `hold` and `decay`.
fn build(spec: &mut Spec, setup: &mut Setup<'_>) -> Result<Box<dyn Effect>> {
    let at = spec.need("at")?;
    let Times(peak) = spec.take("peak")?.unwrap_or(Times(10.0));
    if peak <= 1.0 {
        return Err(spec.invalid("peak", &peak.to_string(), "expected a factor above 1, such as 10x"));
    }
    let mut span = |name, default: &str| -> Result<f64> {
        let span =
            spec.take::<Span>(name)?.map_or_else(|| default.parse(), Ok).unwrap_or(Span(std::time::Duration::ZERO));
        #[allow(clippy::cast_precision_loss)] // exact up to 285 years
        Ok(span.micros() as f64)
    };
    let shape = Shape { peak, ramp: span("ramp", "30s")?, hold: span("hold", "2m")?, decay: span("decay", "5m")? };
    if shape.length() <= 0.0 {
        return Err(spec.wrong("ramp, hold and decay are all 0"));
    }
    // It is needed even if `at` does not count from it: before the start there are no events to move.
    setup.wants.start = true;
    Ok(Box::new(Flash { at, shape }))
}

impl Effect for Flash {
    fn apply(&mut self, event: &mut EditableEvent, position: &Position) -> Applied {
        let (Some(at), Some(crowd), Some(start)) = (event.timestamp(), self.at.moment(position), position.start) else {
            return Applied::Passed;
        };
        // Both differences are far below 2^53 µs, or the event is outside.
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
        let moved = self.shape.moved((at - crowd) as f64, (crowd - start).max(0) as f64).map(|to| to.round() as Micros);
        match moved {
            Some(to) => event.set_timestamp(crowd + to).into(),
            None => Applied::Kept,
        }
    }

    #[allow(clippy::cast_possible_truncation)] // three spans of at most a hundred years
    fn lasts(&self) -> Option<(When, Micros)> {
        Some((self.at, self.shape.length() as Micros))
    }
}

impl Shape {
    fn length(self) -> f64 {
        self.ramp + self.hold + self.decay
    }

    /// The traffic in the crowd, as a length of normal time.
    fn mass(self) -> f64 {
        (self.ramp + self.decay) * (1.0 + self.peak) / 2.0 + self.hold * self.peak
    }

    /// The new time of an event that was `at` after the start of the crowd, if the stream has `before` of time before that.
    /// `None` if it does not move. The function is increasing, so the order is kept.
    fn moved(self, at: f64, before: f64) -> Option<f64> {
        let drawn = (self.mass() - self.length()) / (1.0 - AROUND);
        let left = before.min(drawn / 2.0);
        let right = drawn - left;
        let since = at + left;
        if since < 0.0 || at >= self.length() + right {
            return None;
        }
        let into = since - AROUND * left;
        Some(if into < 0.0 {
            since / AROUND - left
        } else if into < self.mass() {
            self.inverse(into)
        } else {
            self.length() + (into - self.mass()) / AROUND
        })
    }

    /// The time from the start of the crowd at which this much of its mass has passed.
    fn inverse(self, mass: f64) -> f64 {
        let rise = self.peak - 1.0;
        let (ramp, hold) = (self.ramp * (1.0 + self.peak) / 2.0, self.hold * self.peak);
        if mass < ramp {
            // x + rise · x² / (2 · ramp) = mass
            2.0 * mass / (1.0 + (1.0 + 2.0 * rise * mass / self.ramp).sqrt())
        } else if mass < ramp + hold {
            self.ramp + (mass - ramp) / self.peak
        } else {
            // peak · x − rise · x² / (2 · decay) = rest
            let rest = mass - ramp - hold;
            let root = (self.peak * self.peak - 2.0 * rise * rest / self.decay).max(0.0).sqrt();
            self.ramp + self.hold + 2.0 * rest / (self.peak + root)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: f64 = 1e6;

    #[test]
    fn traffic_is_the_peak_times_what_it_was_and_returns() {
        let shape = Shape { peak: 10.0, ramp: 30.0 * S, hold: 120.0 * S, decay: 300.0 * S };
        // One event each 10 ms, from two hours before to a day after.
        let moved: Vec<f64> = (-720_000..8_640_000)
            .map(|n| f64::from(n) * 1e4)
            .map(|at| shape.moved(at, 7200.0 * S).unwrap_or(at))
            .collect();
        assert!(moved.is_sorted(), "order is kept");
        let count = |from: f64, to: f64| moved.iter().filter(|at| (from * S..to * S).contains(*at)).count();
        let near =
            |count: usize, wanted: f64| assert!((count as f64 / wanted - 1.0).abs() < 0.01, "{count} for {wanted}");
        near(count(30.0, 150.0), 120.0 * 100.0 * 10.0);
        near(count(0.0, 30.0), 30.0 * 100.0 * 5.5);
        near(count(150.0, 450.0), 300.0 * 100.0 * 5.5);
        near(count(-600.0, 0.0), 600.0 * 100.0 * 0.9);
        near(count(500.0, 1100.0), 600.0 * 100.0 * 0.9);
        near(count(80_000.0, 80_600.0), 600.0 * 100.0);
    }

    #[test]
    fn a_crowd_at_the_start_draws_from_behind_alone() {
        let shape = Shape { peak: 2.0, ramp: 0.0, hold: 10.0 * S, decay: 0.0 };
        assert_eq!(shape.moved(0.0, 0.0), Some(0.0));
        assert_eq!(shape.moved(10.0 * S, 0.0), Some(5.0 * S));
        assert_eq!(shape.moved(20.0 * S, 0.0), Some(10.0 * S));
        assert_eq!(shape.moved(-1.0, 0.0), None);
        assert_eq!(shape.moved(111.0 * S, 0.0), None);
    }
}
