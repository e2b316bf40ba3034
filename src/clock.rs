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
///
/// The wall clock of a computer can be set while a run goes on (NTP, a virtual machine that slept). Times that are compared with
/// each other come from [`Clock::now`], which no setting moves.
pub trait Clock: Send + Sync {
    /// The wall clock when this clock was made.
    fn started(&self) -> Micros;

    /// Time since then; never goes back.
    fn elapsed(&self) -> Duration;

    /// The wall clock as it is set at this moment: for what another computer's clock is compared with.
    fn wall(&self) -> Micros;

    /// The moment so long after the start.
    fn at(&self, elapsed: Duration) -> Micros {
        self.started().saturating_add(Micros::try_from(elapsed.as_micros()).unwrap_or(Micros::MAX))
    }

    /// The time: that of the start, and what has passed since.
    fn now(&self) -> Micros {
        self.at(self.elapsed())
    }
}

/// The computer's own clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    wall: Micros,
    started: Instant,
}

impl SystemClock {
    /// A clock that starts now.
    pub fn start() -> Self {
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
    fn started(&self) -> Micros {
        self.started
    }

    fn elapsed(&self) -> Duration {
        *self.elapsed.lock().expect("no holder of this lock can panic")
    }

    fn wall(&self) -> Micros {
        self.now()
    }
}
