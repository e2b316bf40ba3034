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

use super::event::{Event, Stamp};
use super::number::Stays;
use super::position::Position;

/// What happens to an event that an effect takes.
pub(super) trait Effect {
    /// Works on an event. Every random choice is drawn by the number of its line alone.
    fn apply(&mut self, event: &mut Event, position: &Position) -> Verdict;

    /// Sets a copy of an event apart from the event.
    fn set_apart(&mut self, _copy: &mut Event, _position: &Position) {}

    /// What the user should know at the end. Where the effect was asked for is said before it.
    fn remark(&self) -> Option<String> {
        None
    }
}

/// What an effect made of an event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Verdict {
    /// It cannot apply to this event, and left it as it was.
    Passed,
    /// The event has what it works on, but no other value to take: a product that rounds back to the value, or cannot be written.
    Stuck,
    /// The event would get a time that cannot be written, before year 1, after 9999 or beyond its form, and is left as it was.
    Beyond,
    /// It is not about this event, or leaves it as it is.
    Kept,
    /// It changed the event, of which a right server makes this.
    Changed(Expect),
    /// The event is gone.
    Gone,
    /// The event is sent again.
    Again(Again),
    /// The event takes its place in the stream when this much event time has passed.
    Late(Micros),
    /// The event takes its place so many lines later.
    Behind(u64),
}

impl From<Stamp> for Verdict {
    fn from(stamp: Stamp) -> Self {
        match stamp {
            Stamp::Same => Self::Kept,
            Stamp::Written => Self::Changed(Expect::Accepted),
            Stamp::TooCoarse => Self::Stuck,
            Stamp::Unwritable => Self::Beyond,
        }
    }
}

impl From<Result<(), Stays>> for Verdict {
    fn from(multiplied: Result<(), Stays>) -> Self {
        match multiplied {
            Ok(()) => Self::Changed(Expect::Accepted),
            Err(Stays::NoNumber) => Self::Passed,
            Err(Stays::Stuck) => Self::Stuck,
        }
    }
}

/// How an event is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Again {
    /// How many copies.
    pub copies: u32,
    /// The event time between an event and its first copy, and between copies.
    pub delay: Micros,
}
