//! The wall clock and the time that passes, as something a test can replace.

use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Microseconds since 1970-01-01T00:00:00Z: the resolution of every timestamp in the contracts.
pub type Micros = i64;

/// 0001-01-01T00:00:00Z, the first moment that a timestamp of the contracts can name.
pub const FIRST: Micros = -62_135_596_800_000_000;

/// 10000-01-01T00:00:00Z, the first moment that it cannot.
pub const LAST: Micros = 253_402_300_800_000_000;

/// Tells the time. Engines are given one and read no other.
pub trait Clock: Send + Sync {
    /// The wall clock.
    fn now(&self) -> Micros;
    /// Time since this clock was made; never goes back.
    fn elapsed(&self) -> Duration;
}

/// The computer's own clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock that starts now.
    pub fn start() -> Self {
        Self { started: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Micros {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Micros::try_from(since.as_micros()).unwrap_or(Micros::MAX)
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

/// A clock that moves only when it is told to.
#[derive(Debug, Default)]
pub struct ManualClock {
    started: Micros,
    elapsed: Mutex<Duration>,
}

impl ManualClock {
    /// A clock that stands at this wall time.
    pub fn at(started: Micros) -> Self {
        Self { started, elapsed: Mutex::default() }
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        *self.elapsed.lock().expect("no holder of this lock can panic") += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Micros {
        self.started + Micros::try_from(self.elapsed().as_micros()).unwrap_or(Micros::MAX)
    }

    fn elapsed(&self) -> Duration {
        *self.elapsed.lock().expect("no holder of this lock can panic")
    }
}
