//! `--late P[,by=5m][,cap=24h]`: events arrive late. They keep their timestamps, and are moved to where the event time of the
//! stream is that much later. The delay is lognormal.

use crate::cli::values::{self, Span};
use crate::clock::Micros;
use crate::error::Result;
use crate::pshape::event::EditableEvent;
use crate::pshape::number::normal;
use crate::pshape::position::Position;
use crate::pshape::spec::Spec;
use crate::seed::Choice;

use crate::record::event::Role;

use super::{Applied, Effect, Flag, Form, GivenBy, Kind, Phase, Setup, Share};

/// The entry in the list of effects.
pub(super) const KIND: Kind = Kind {
    flag: "late",
    fault: "late",
    head: Some("p"),
    given_by: GivenBy::Flag(Flag {
        value: "P",
        form: Form::Options,
        repeatable: false,
        help: "Make events arrive late",
        details: "Options: P[,by=5m][,cap=24h]",
    }),
    phase: Phase::Stream,
    share: Share::Asked,
    windowed: true,
    spared: "lacked a timestamp",
    needs: &[Role::Timestamp],
    build,
};

/// The standard deviation of the logarithm of the delay: 95 % of the delays are between a seventh of the median and seven
/// times the median.
const SIGMA: f64 = 1.0;

struct Late {
    /// The median delay.
    by: f64,
    cap: Micros,
    draws: Choice,
}

/// Reads `by` and `cap`.
fn build(spec: &mut Spec, setup: &mut Setup<'_>) -> Result<Box<dyn Effect>> {
    let minutes = |n: u64| Span(std::time::Duration::from_secs(60 * n));
    let by = spec.read("by", values::span_above_zero)?.unwrap_or(minutes(5)).micros();
    let cap = spec.take("cap")?.unwrap_or(minutes(24 * 60)).micros();
    if by > cap {
        return Err(spec.wrong("the median delay 'by' is above the longest, 'cap'"));
    }
    setup.wants.clock = true;
    #[allow(clippy::cast_precision_loss)] // exact up to 285 years
    Ok(Box::new(Late { by: by as f64, cap, draws: setup.draws("delay") }))
}

impl Effect for Late {
    fn apply(&mut self, event: &mut EditableEvent, position: &Position) -> Applied {
        if event.timestamp().is_none() {
            return Applied::Passed;
        }
        let delay = self.by * libm::exp(SIGMA * normal(self.draws.at(position.seq)));
        #[allow(clippy::cast_possible_truncation)] // saturates, and is capped
        Applied::Late((delay as Micros).min(self.cap))
    }
}
