//! Why events of an open loop are taken after they were due.

use std::time::Duration;

use super::shared::LEAST_DELAY;
use crate::record::outcome::LateCause;

/// How the senders stand when one of them takes an event.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// The time.
    pub now: Duration,
    /// When the event was due.
    pub due: Duration,
    /// How long the server has held back senders so far.
    pub held_back: Duration,
    /// Whether it holds them back now.
    pub is_held_back: bool,
    /// Whether no other sender is free.
    pub is_busy: bool,
}

/// A stretch of events that are all late.
#[derive(Debug, Clone, Copy)]
struct Behind {
    since: Duration,
    /// The time in it that was spent waiting for input.
    waited: Duration,
    /// Why the event before was late.
    why: LateCause,
}

/// Follows the events as they are taken.
#[derive(Debug, Default)]
pub(super) struct Lateness {
    behind: Option<Behind>,
    held_back: Duration,
    waited: Duration,
}

impl Lateness {
    /// The next event had not been read, and this time was spent waiting for it.
    pub(super) fn waited_for_input(&mut self, time: Duration) {
        self.waited += time;
    }

    /// Why the event that is taken now is late. Returns `None` if it is not.
    ///
    /// The input is the cause if at least half of the time since events began to be late was spent waiting for it: when psend catches
    /// up after a pause, it often waits a moment until the next events are read.
    pub(super) fn cause(&mut self, moment: Moment) -> Option<LateCause> {
        let Moment { now, due, held_back, is_held_back, is_busy } = moment;
        let waited = std::mem::take(&mut self.waited);
        let is_held_back = held_back > std::mem::replace(&mut self.held_back, held_back) || is_held_back;
        if now.saturating_sub(due) <= LEAST_DELAY {
            self.behind = None;
            return None;
        }
        let behind = self.behind.get_or_insert(Behind { since: due, waited: Duration::ZERO, why: LateCause::Psend });
        behind.waited += waited;
        behind.why = match is_busy {
            _ if behind.waited * 2 >= now - behind.since => LateCause::Input,
            true if is_held_back => LateCause::Server,
            true => LateCause::Concurrency,
            // Catching up: this event is late for the same reason as the ones before.
            false => behind.why,
        };
        Some(behind.why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn idle(now: u64, due: u64) -> Moment {
        Moment { now: ms(now), due: ms(due), held_back: Duration::ZERO, is_held_back: false, is_busy: false }
    }

    #[test]
    fn an_event_that_is_hardly_late_has_no_cause() {
        assert_eq!(Lateness::default().cause(idle(1010, 1000)), None);
    }

    #[test]
    fn without_another_cause_psend_is_too_slow() {
        assert_eq!(Lateness::default().cause(idle(1011, 1000)), Some(LateCause::Psend));
    }

    #[test]
    fn senders_that_all_wait_for_answers_are_too_few() {
        let busy = Moment { is_busy: true, ..idle(1100, 1000) };
        assert_eq!(Lateness::default().cause(busy), Some(LateCause::Concurrency));
        let held_back = Moment { held_back: ms(90), ..busy };
        assert_eq!(Lateness::default().cause(held_back), Some(LateCause::Server));
    }

    #[test]
    fn an_input_that_is_slower_than_the_schedule_is_the_cause() {
        let mut lateness = Lateness::default();
        // A line every 100 ms for a schedule of one every 50 ms.
        for nth in 1..=20 {
            lateness.waited_for_input(ms(100));
            let cause = lateness.cause(idle(nth * 100, nth * 50));
            assert_eq!(cause, Some(LateCause::Input), "event {nth}");
        }
    }

    #[test]
    fn a_server_that_held_back_senders_stays_the_cause_while_psend_catches_up() {
        let mut lateness = Lateness::default();
        let held_back = Moment { held_back: ms(900), is_busy: true, ..idle(1900, 1000) };
        assert_eq!(lateness.cause(held_back), Some(LateCause::Server));
        for nth in 1..=40 {
            // The reader takes a moment for each block.
            lateness.waited_for_input(ms(u64::from(nth % 10 == 0)));
            let now = Moment { held_back: ms(900), ..idle(1900 + nth, 1000 + nth * 20) };
            assert_eq!(lateness.cause(now), Some(LateCause::Server), "event {nth}");
        }
    }

    #[test]
    fn an_input_that_stays_too_slow_after_a_pause_of_the_server_becomes_the_cause() {
        let mut lateness = Lateness::default();
        let held_back = Moment { held_back: ms(100), is_busy: true, ..idle(1100, 1000) };
        assert_eq!(lateness.cause(held_back), Some(LateCause::Server));
        let causes = (1..=100).map(|nth| {
            lateness.waited_for_input(ms(10));
            lateness.cause(Moment { held_back: ms(100), ..idle(1100 + nth * 10, 1000 + nth * 5) })
        });
        let causes: Vec<_> = causes.collect();
        assert_eq!(causes[0], Some(LateCause::Server));
        assert_eq!(causes[99], Some(LateCause::Input));
    }
}
