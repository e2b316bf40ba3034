//! What may happen to a request on purpose.

use std::time::Duration;

/// A fault that strikes a request, or one of its events.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::pserve) struct Strike {
    /// What happens.
    pub(in crate::pserve) fault: Fault,
    /// How often the rule has struck the event that it was drawn for, from 1.
    pub(in crate::pserve) nth: u32,
}

/// What happens to a request that is struck.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::pserve) enum Fault {
    /// It waits this long before anything else.
    Delay(Duration),
    /// It is answered with this status and not stored.
    Error(u16),
    /// Its connection is reset and it is not stored.
    Reset,
    /// It is answered as if it were stored and is not.
    Lose,
    /// It is stored twice.
    Duplicate,
    /// It is stored, and the connection is closed without an answer.
    DropAfterCommit,
    /// It is stored, and the answer breaks off in the middle.
    Truncate,
    /// It is stored, and the answer pauses for this long in the middle.
    Stall(Duration),
}

impl Fault {
    /// Its name in rules and in the truth.
    pub(in crate::pserve) fn name(self) -> &'static str {
        match self {
            Self::Delay(_) => "latency",
            Self::Error(_) => "error",
            Self::Reset => "reset",
            Self::Lose => "lose",
            Self::Duplicate => "duplicate",
            Self::DropAfterCommit => "drop-after-commit",
            Self::Truncate => "truncate",
            Self::Stall(_) => "stall",
        }
    }
}

/// All that is to happen to a request.
#[derive(Debug, Default, PartialEq)]
pub(in crate::pserve) struct Plan {
    /// One for each rule of latency. They add up.
    pub(in crate::pserve) delays: Vec<Strike>,
    /// What happens instead of storing.
    pub(in crate::pserve) instead: Option<Strike>,
    /// Events to lose or to store twice, by their place in the request.
    pub(in crate::pserve) events: Vec<(usize, Strike)>,
    /// What happens to the answer once the events are stored.
    pub(in crate::pserve) after: Option<Strike>,
}
