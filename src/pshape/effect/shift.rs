//! `--shift 2h`, `--start T`, `--stretch 2x`: all timestamps move, and their distances from the first are multiplied.

use crate::clock::Micros;
use crate::error::Result;
use crate::pshape::event::EditableEvent;
use crate::pshape::number::Times;
use crate::pshape::position::Position;
use crate::pshape::spec::Spec;
use crate::pshape::window::{Offset, StreamStart};
use crate::time;

use crate::record::event::Role;

use super::{Applied, Effect, GivenBy, Kind, Phase, Setup, Share};

/// The entry in the list of effects.
pub(super) const KIND: Kind = Kind {
    flag: "shift",
    fault: "shift",
    head: Some("by"),
    given_by: GivenBy::ShiftStartStretch,
    phase: Phase::Retime,
    share: Share::All,
    windowed: true,
    spared: "lacked a timestamp",
    needs: &[Role::Timestamp],
    build,
};

struct Shift {
    by: Micros,
    /// The time of the first event before it is shifted.
    start: Option<Micros>,
    stretch: f64,
    /// The stream's start after the shifts before this one.
    origin: StreamStart,
}

/// Reads `by`, `start` (RFC 3339 or a date) and `stretch`.
fn build(spec: &mut Spec, setup: &mut Setup<'_>) -> Result<Box<dyn Effect>> {
    let Offset(by) = spec.take("by")?.unwrap_or(Offset(0));
    let start = spec.text("start");
    let start = match start {
        None => None,
        Some(text) => Some(time::parse_or_date(text.as_bytes()).ok_or_else(|| {
            spec.invalid("start", &text, "expected an RFC 3339 time such as 2026-01-05T09:00:00Z, or a date")
        })?),
    };
    let Times(stretch) = spec.take("stretch")?.unwrap_or(Times(1.0));
    setup.wants.start = true;
    let origin = *setup.origin;
    // A shift that moves only some of the events does not move the stream's start.
    if !["from", "until", "where"].iter().any(|name| spec.has(name)) {
        setup.origin.shift(start, by);
    }
    Ok(Box::new(Shift { by, start, stretch, origin }))
}

impl Effect for Shift {
    fn apply(&mut self, event: &mut EditableEvent, position: &Position) -> Applied {
        let (Some(at), Some(first)) = (event.timestamp(), self.origin.start(position.first)) else {
            return Applied::Passed;
        };
        // Exact up to 285 years from the first event.
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
        let since = ((at - first) as f64 * self.stretch).round() as Micros;
        event.set_timestamp(self.start.unwrap_or(first).saturating_add(self.by).saturating_add(since)).into()
    }
}
