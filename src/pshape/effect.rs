//! The effects. Each is one file that exports its [`Kind`], and a line in the list in `kinds.rs`.

mod curve;
mod drop;
mod duplicates;
mod encoding;
mod ending;
mod errors;
mod fail;
mod flash;
mod gap;
mod incident;
mod kind;
mod kinds;
pub(super) mod label;
mod late;
mod malformed;
mod new_ids;
mod oversize;
mod poison;
mod recover;
mod redact;
mod reorder;
mod schema;
mod setup;
mod shift;
mod skew;
mod slow;
mod spikes;

pub(super) use kind::{Flag, Form, GivenBy, Kind, Phase, Share};
pub(super) use kinds::KINDS;
pub(super) use setup::{Setup, Wants};

use crate::clock::Micros;
use crate::record::truth::Expect;

use super::event::{EditableEvent, Stamp};
use super::number::NotScaled;
use super::position::Position;
use super::window::When;

/// What an effect does to the events that it takes.
pub(super) trait Effect {
    /// Changes an event. Every random choice depends only on the number of its line.
    fn apply(&mut self, event: &mut EditableEvent, position: &Position) -> Applied;

    /// Makes a copy of an event differ from the event.
    fn set_apart(&mut self, _copy: &mut EditableEvent, _position: &Position) {}

    /// The window in which it acts, if the effect has one of its own: where it begins, and how long it lasts.
    fn lasts(&self) -> Option<(When, Micros)> {
        None
    }

    /// What the user should know at the end. The message begins with the place of the effect.
    fn remark(&self) -> Option<String> {
        None
    }
}

/// What an effect did to an event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Applied {
    /// It cannot apply to this event, and did not change it.
    Passed,
    /// The event has the field, but no other value is possible: a product that rounds to the same value, or cannot be
    /// written.
    Stuck,
    /// The event would get a time that cannot be written: before year 1, after 9999 or not possible in its form. It was not
    /// changed.
    Beyond,
    /// The effect does not concern this event, or leaves it unchanged.
    Kept,
    /// It changed the event. A correct server answers it like this.
    Changed(Expect),
    /// The event is dropped.
    Gone,
    /// The event is repeated.
    Again(Again),
    /// The event is delayed by this much event time.
    Late(Micros),
    /// The event is delayed by this many lines.
    Behind(u64),
}

impl From<Stamp> for Applied {
    fn from(stamp: Stamp) -> Self {
        match stamp {
            Stamp::Same => Self::Kept,
            Stamp::Written => Self::Changed(Expect::Accepted),
            Stamp::TooCoarse => Self::Stuck,
            Stamp::Unwritable => Self::Beyond,
        }
    }
}

impl From<Result<(), NotScaled>> for Applied {
    fn from(multiplied: Result<(), NotScaled>) -> Self {
        match multiplied {
            Ok(()) => Self::Changed(Expect::Accepted),
            Err(NotScaled::NoNumber) => Self::Passed,
            Err(NotScaled::Stuck) => Self::Stuck,
        }
    }
}

/// How an event is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Again {
    /// How many copies.
    pub copies: u32,
    /// The event time between an event and its first copy, and between copies.
    pub delay: Micros,
}
