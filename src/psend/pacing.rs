//! When the next event is due: pure arithmetic from what was sent to how long to wait.

use std::time::Duration;

/// How a run is paced.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pacing {
    /// Each sender sends its next event when the last is done with, after this pause.
    Closed {
        /// The pause.
        delay: Duration,
    },
}
