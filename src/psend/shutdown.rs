//! Shutdown: how a run ends before its input does.
//!
//! A pure state machine that only goes forward: running, draining, ending for a reason, aborted. It knows no clock and no
//! runtime; `flow` does the waiting. All times count from the start of the run.

use std::time::Duration;

/// Why a run ends before its input does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EndReason {
    /// A signal asked for it.
    Signal,
    /// Outcomes can no longer be written.
    OutputBroke,
    /// The server cannot be reached, or says that it is away.
    NoServer,
    /// The server refuses the key.
    KeyRefused,
    /// `--verify`: asked for an event that cannot exist, the server does not say that it is missing.
    NoVerdict,
    /// The server refuses everything for rate.
    OverRate,
    /// Too many events fail (`--abort-on`).
    TooManyErrors,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    Draining,
    Ending { why: EndReason, until: Duration },
    Aborted(EndReason),
}

/// The machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shutdown {
    state: State,
    grace: Duration,
}

impl Shutdown {
    /// A run that goes on. When it ends, requests in flight have this much time to finish.
    pub(super) fn new(grace: Duration) -> Self {
        Self { state: State::Running, grace }
    }

    /// Takes no new event, as if the input had ended. Events that were taken are sent and retried as usual. Returns whether
    /// this changes anything.
    pub(super) fn drain(&mut self) -> bool {
        let is_running = self.state == State::Running;
        if is_running {
            self.state = State::Draining;
        }
        is_running
    }

    /// Ends the run: no new event, no retry, and the grace period for requests in flight begins. The first reason stays. Returns
    /// whether this changes anything.
    pub(super) fn end(&mut self, why: EndReason, now: Duration) -> bool {
        let goes_on = matches!(self.state, State::Running | State::Draining);
        if goes_on {
            self.state = State::Ending { why, until: now.saturating_add(self.grace) };
        }
        goes_on
    }

    /// Time has passed: aborts requests in flight if the grace period is over. Returns whether this changes anything.
    pub(super) fn tick(&mut self, now: Duration) -> bool {
        match self.state {
            State::Ending { why, until } if now >= until => {
                self.state = State::Aborted(why);
                true
            }
            _ => false,
        }
    }

    /// Whether new events may be taken.
    pub(super) fn takes_events(&self) -> bool {
        self.state == State::Running
    }

    /// Why the run ends, if it does.
    pub(super) fn reason(&self) -> Option<EndReason> {
        match self.state {
            State::Running | State::Draining => None,
            State::Ending { why, .. } | State::Aborted(why) => Some(why),
        }
    }

    /// Whether requests in flight are given up.
    pub(super) fn is_aborted(&self) -> bool {
        matches!(self.state, State::Aborted(_))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// What happens, and whether it changes anything.
    #[derive(Debug, Clone, Copy)]
    enum Step {
        Drain(bool),
        End(EndReason, bool),
        Tick(bool),
    }

    /// Goes through a table of times and steps, with a grace period of 10 ms. Returns the machine.
    fn follow(table: &[(u64, Step)]) -> Shutdown {
        let mut machine = Shutdown::new(ms(10));
        for (row, (now, step)) in table.iter().enumerate() {
            let (changed, expected) = match *step {
                Step::Drain(expected) => (machine.drain(), expected),
                Step::End(why, expected) => (machine.end(why, ms(*now)), expected),
                Step::Tick(expected) => (machine.tick(ms(*now)), expected),
            };
            assert_eq!(changed, expected, "row {row}: {machine:?}");
        }
        machine
    }

    #[test]
    fn time_alone_ends_nothing() {
        let machine = follow(&[(1000, Step::Tick(false))]);
        assert!(machine.takes_events() && machine.reason().is_none());
        let machine = follow(&[(0, Step::Drain(true)), (1, Step::Drain(false)), (1000, Step::Tick(false))]);
        assert!(!machine.takes_events() && machine.reason().is_none() && !machine.is_aborted());
    }

    #[test]
    fn requests_in_flight_have_the_grace_period_from_the_first_reason_on() {
        let begun = [
            (5, Step::End(EndReason::Signal, true)),
            (9, Step::End(EndReason::NoServer, false)),
            (9, Step::Drain(false)),
            (14, Step::Tick(false)),
        ];
        let machine = follow(&begun);
        assert!(!machine.takes_events() && !machine.is_aborted());
        let machine = follow(&[&begun[..], &[(15, Step::Tick(true)), (16, Step::Tick(false))]].concat());
        assert_eq!((machine.is_aborted(), machine.reason()), (true, Some(EndReason::Signal)));
    }

    #[test]
    fn a_run_that_drains_can_still_be_ended() {
        let machine = follow(&[(0, Step::Drain(true)), (1, Step::End(EndReason::OutputBroke, true))]);
        assert_eq!(machine.reason(), Some(EndReason::OutputBroke));
    }

    proptest! {
        #[test]
        fn it_only_goes_forward_and_the_first_reason_stays(
            grace in 0u64..50,
            steps in prop::collection::vec((0u64..20, 0u8..3, any::<bool>()), 0..40),
        ) {
            let mut machine = Shutdown::new(ms(grace));
            let stage = |machine: &Shutdown| match machine.state {
                State::Running => 0,
                State::Draining => 1,
                State::Ending { .. } => 2,
                State::Aborted(_) => 3,
            };
            let (mut now, mut ended) = (ms(0), None);
            for (later, step, is_signal) in steps {
                now += ms(later);
                let before = (stage(&machine), machine.reason());
                let changed = match step {
                    0 => machine.drain(),
                    1 => machine.end(if is_signal { EndReason::Signal } else { EndReason::NoServer }, now),
                    _ => machine.tick(now),
                };
                prop_assert!(stage(&machine) >= before.0);
                prop_assert_eq!(changed, stage(&machine) > before.0);
                prop_assert!(before.1.is_none() || machine.reason() == before.1);
                if machine.reason().is_some() {
                    ended.get_or_insert(now);
                }
                let is_over = ended.is_some_and(|at| now >= at + ms(grace));
                prop_assert!(!machine.is_aborted() || is_over);
                prop_assert!(machine.is_aborted() || step < 2 || !is_over);
            }
        }
    }
}
