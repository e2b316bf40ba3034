//! `--gap at=1h,for=10m,mode=drop|flush`: the producer stops for a while.
//! Its events are dropped. Or (flush) it sends them when it is back: their timestamps then follow the outage, in the same
//! order, within a hundredth of its length.

use crate::cli::values;
use crate::clock::Micros;
use crate::error::Result;
use crate::pshape::event::EditableEvent;
use crate::pshape::position::Position;
use crate::pshape::spec::Spec;
use crate::pshape::window::When;

use crate::record::event::Role;

use super::{Applied, Effect, Flag, Form, GivenBy, Kind, Phase, Setup, Share};

/// The entry in the list of effects.
pub(super) const KIND: Kind = Kind {
    flag: "gap",
    fault: "gap",
    head: None,
    given_by: GivenBy::Flag(Flag {
        value: "OPTIONS",
        form: Form::Options,
        repeatable: true,
        help: "Stop a producer for a while: at=1h,for=10m,mode=drop|flush",
        details: "Its events are lost, or sent afterwards. Repeatable.",
    }),
    phase: Phase::Retime,
    share: Share::All,
    windowed: false,
    spared: "lacked a timestamp",
    needs: &[Role::Timestamp],
    build,
};

struct Gap {
    at: When,
    length: Micros,
    flush: bool,
}

/// Reads `at`, `for` and `mode`.
fn build(spec: &mut Spec, setup: &mut Setup<'_>) -> Result<Box<dyn Effect>> {
    let at = spec.need("at")?;
    let length = spec.read("for", values::span_above_zero)?;
    let length = spec.there("for", length)?.micros();
    let flush = match spec.text("mode").as_deref() {
        None | Some("drop") => false,
        Some("flush") => true,
        Some(other) => return Err(spec.invalid("mode", other, "expected drop or flush")),
    };
    setup.wants_start([at]);
    Ok(Box::new(Gap { at, length, flush }))
}

impl Gap {
    /// How long the producer takes to send what it held back.
    fn backlog(&self) -> Micros {
        if self.flush { (self.length / 100).max(1) } else { 0 }
    }
}

impl Effect for Gap {
    fn apply(&mut self, event: &mut EditableEvent, position: &Position) -> Applied {
        let (Some(at), Some(from)) = (event.timestamp(), self.at.moment(position)) else { return Applied::Passed };
        let since = at - from;
        let backlog = self.backlog();
        if since < 0 || since >= self.length + backlog {
            Applied::Kept
        } else if self.flush {
            let into = i128::from(since) * i128::from(backlog) / i128::from(self.length + backlog);
            event.set_timestamp(from + self.length + Micros::try_from(into).unwrap_or(0)).into()
        } else {
            Applied::Gone
        }
    }

    fn lasts(&self) -> Option<(When, Micros)> {
        Some((self.at, self.length + self.backlog()))
    }
}
