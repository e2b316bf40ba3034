//! The wall clock and elapsed time, behind a trait that a test can implement.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Microseconds since 1970-01-01T00:00:00Z: the resolution of every timestamp in the contracts.
pub type Micros = i64;

/// 0001-01-01T00:00:00Z, the first moment that a timestamp of the contracts can name.
pub(crate) const FIRST: Micros = -62_135_596_800_000_000;

/// 10000-01-01T00:00:00Z, the first moment that it cannot.
pub(crate) const LAST: Micros = 253_402_300_800_000_000;

/// A source of time. Engines receive one and use no other.
///
/// A computer's wall clock can be set during a run (NTP, a virtual machine that was suspended). Times that are compared with each
/// other come from [`Clock::now`], which this does not affect.
pub(crate) trait Clock: Send + Sync {
    /// The wall-clock time at which this clock started.
    fn started(&self) -> Micros;

    /// The time since the start. Never decreases.
    fn elapsed(&self) -> Duration;

    /// The wall-clock time right now, for comparison with another computer's clock.
    fn wall(&self) -> Micros;

    /// The moment that is `elapsed` after the start.
    fn at(&self, elapsed: Duration) -> Micros {
        self.started().saturating_add(Micros::try_from(elapsed.as_micros()).unwrap_or(Micros::MAX))
    }

    /// The start plus the time elapsed since.
    fn now(&self) -> Micros {
        self.at(self.elapsed())
    }
}

/// The computer's own clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemClock {
    wall: Micros,
    started: Instant,
}

impl SystemClock {
    /// A clock that starts now.
    pub(crate) fn start() -> Self {
        Self { wall: wall(), started: Instant::now() }
    }
}

fn wall() -> Micros {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Micros::try_from(since.as_micros()).unwrap_or(Micros::MAX)
}

impl Clock for SystemClock {
    fn started(&self) -> Micros {
        self.wall
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn wall(&self) -> Micros {
        wall()
    }
}

/// The clock of the asynchronous runtime: where a test pauses that runtime's time, this clock stands still with its timers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RuntimeClock {
    wall: Micros,
    started: tokio::time::Instant,
}

impl RuntimeClock {
    /// A clock that starts now.
    pub(crate) fn start() -> Self {
        Self::start_at(wall())
    }

    /// A clock that starts now and takes this for the wall clock's time.
    pub(crate) fn start_at(wall: Micros) -> Self {
        Self { wall, started: tokio::time::Instant::now() }
    }
}

impl Clock for RuntimeClock {
    fn started(&self) -> Micros {
        self.wall
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn wall(&self) -> Micros {
        wall()
    }
}
