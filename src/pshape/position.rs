//! The position of an event in the stream.

use crate::clock::Micros;

/// The position of the event in work.
#[derive(Debug, Clone, Copy)]
pub(super) struct Position {
    /// The number of its line in the input.
    pub seq: u64,
    /// The first timestamp of the input, as it was read. `None` until one is seen.
    pub first: Option<Micros>,
    /// The stream's start, from which `+2h` counts. `None` until it is known.
    pub start: Option<Micros>,
}
