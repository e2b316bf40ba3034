//! `--spikes P[,factor=2..10|pareto:1.5]`: some responses take many times as long (guide.md: 5 %, 2–10 times).

use std::str::FromStr;

use crate::error::Result;
use crate::pshape::event::{EditableEvent, FieldIndex};
use crate::pshape::number::{Times, unit};
use crate::pshape::position::Position;
use crate::pshape::spec::Spec;
use crate::record::event::Role;
use crate::seed::Choice;

use super::{Applied, Effect, Flag, Form, GivenBy, Kind, Phase, Setup, Share};

/// The entry in the list of effects.
pub(super) const KIND: Kind = Kind {
    flag: "spikes",
    fault: "spike",
    head: Some("p"),
    given_by: GivenBy::Flag(Flag {
        value: "P",
        form: Form::Options,
        repeatable: false,
        help: "Multiply some response times",
        details: "Options: P[,factor=2..10|pareto:1.5][,burst=20]",
    }),
    phase: Phase::Values,
    share: Share::Asked,
    windowed: true,
    spared: "lacked a response time above 0",
    needs: &[Role::Latency],
    build,
};

/// How much longer a response takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Factor {
    /// Every factor between the two is equally likely.
    Uniform(f64, f64),
    /// A heavy tail above [`PARETO_LEAST`], with this exponent.
    Pareto(f64),
}

/// The smallest factor of the Pareto distribution: that of the guide's uniform distribution.
const PARETO_LEAST: f64 = 2.0;

/// The largest factor: an hour for a response of 3.6 s.
const PARETO_MOST: f64 = 1000.0;

impl Factor {
    /// The factor for this draw.
    pub(super) fn draw(self, draw: u64) -> f64 {
        match self {
            Self::Uniform(low, high) => low + (high - low) * unit(draw),
            Self::Pareto(alpha) => (PARETO_LEAST * libm::pow(1.0 - unit(draw), -1.0 / alpha)).min(PARETO_MOST),
        }
    }
}

impl FromStr for Factor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = "expected factors above 0, such as 2..10, 3 or pareto:1.5";
        let number = |text: &str| text.parse::<Times>().map(|Times(factor)| factor).map_err(|_| form);
        if let Some(alpha) = text.strip_prefix("pareto:") {
            return Ok(Self::Pareto(number(alpha)?));
        }
        let (low, high) = match text.split_once("..") {
            Some((low, high)) => (number(low)?, number(high)?),
            None => (number(text)?, number(text)?),
        };
        if low <= high { Ok(Self::Uniform(low, high)) } else { Err(form) }
    }
}

struct Spikes {
    latency: FieldIndex,
    factor: Factor,
    draws: Choice,
    scaled: Vec<u8>,
}

/// Reads `factor`.
fn build(spec: &mut Spec, setup: &mut Setup<'_>) -> Result<Box<dyn Effect>> {
    let factor = spec.take("factor")?.unwrap_or(Factor::Uniform(2.0, 10.0));
    let is_fixed = matches!(factor, Factor::Uniform(low, high) if low >= high);
    Ok(Box::new(Spikes {
        latency: setup.fields.role(Role::Latency),
        factor,
        draws: setup.draws_if(!is_fixed, "factor"),
        scaled: Vec::new(),
    }))
}

impl Effect for Spikes {
    fn apply(&mut self, event: &mut EditableEvent, position: &Position) -> Applied {
        let factor = self.factor.draw(self.draws.at(position.seq));
        event.multiply(self.latency, factor, &mut self.scaled).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_are_read_in_all_forms() {
        assert_eq!("2..10".parse(), Ok(Factor::Uniform(2.0, 10.0)));
        assert_eq!("3x".parse(), Ok(Factor::Uniform(3.0, 3.0)));
        assert_eq!("pareto:1.5".parse(), Ok(Factor::Pareto(1.5)));
        for bad in ["", "10..2", "0", "-1..2", "pareto:", "pareto:0", "2..", "nan"] {
            assert!(bad.parse::<Factor>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_pareto_factor_starts_at_2_and_ends_at_1000() {
        let factor = Factor::Pareto(1.5);
        assert!((factor.draw(0) - 2.0).abs() < 1e-12);
        assert!((factor.draw(u64::MAX) - 1000.0).abs() < 1e-12);
        // Its median is 2 · 2^(1/1.5).
        assert!((factor.draw(1 << 63) - 2.0 * 2f64.powf(1.0 / 1.5)).abs() < 1e-9);
    }
}
