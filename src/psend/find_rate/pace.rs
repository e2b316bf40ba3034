//! The schedule of a search: an even or a random pace that a search changes, holds and lets go on while senders take events by it.

use std::cell::Cell;
use std::time::Duration;

use tokio::sync::Notify;

/// The pace that senders and the search share. Times count from when the first event was due.
#[derive(Debug, Default)]
pub(in crate::psend) struct SharedPace {
    step: Cell<u32>,
    /// Events per second; 0 while events are held.
    rate: Cell<f64>,
    begins: Cell<Duration>,
    /// Events of this step, in the measure of expected ones.
    events: Cell<f64>,
    changed: Notify,
}

impl SharedPace {
    /// Begins a step.
    pub(super) fn begin(&self, step: u32, rate: f64, at: Duration) {
        self.step.set(step);
        self.rate.set(rate);
        self.begins.set(at);
        self.events.set(0.0);
        self.changed.notify_waiters();
    }

    /// Holds events until the next step begins.
    pub(super) fn hold(&self) {
        self.rate.set(0.0);
    }

    /// The number of the step that an event belongs to which is taken now.
    pub(in crate::psend) fn step(&self) -> u32 {
        self.step.get()
    }

    /// When the next event is due; `gap` is that to the event after it, 1 on average.
    pub(in crate::psend) fn due(&self, gap: f64) -> Duration {
        let events = self.events.replace(self.events.get() + gap);
        let after = Duration::try_from_secs_f64(events / self.rate.get()).unwrap_or(Duration::MAX);
        self.begins.get().saturating_add(after)
    }

    /// Waits while events are held.
    pub(in crate::psend) async fn released(&self) {
        loop {
            let changed = self.changed.notified();
            if self.rate.get() > 0.0 {
                return;
            }
            changed.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_has_its_own_pace_from_its_beginning() {
        let pace = SharedPace::default();
        pace.begin(1, 100.0, Duration::ZERO);
        assert_eq!([pace.due(1.0), pace.due(1.0)], [Duration::ZERO, Duration::from_millis(10)]);
        pace.begin(2, 1000.0, Duration::from_secs(2));
        assert_eq!([pace.due(1.0), pace.due(1.0)], [2000, 2001].map(Duration::from_millis));
        assert_eq!(pace.step(), 2);
    }
}
