//! What holds all senders back at once: a rate limit, a server that is away, the end of the run.

use std::cell::Cell;
use std::time::Duration;

use tokio::sync::Notify;

/// The first wait before a server that refused a connection is tried again; it doubles up to [`PROBE_CAP`].
const PROBE_BASE: Duration = Duration::from_millis(50);
const PROBE_CAP: Duration = Duration::from_secs(1);

/// Why a run ends before its input does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// A signal asked for it.
    Signal,
    /// Outcomes can no longer be written.
    OutputBroke,
    /// There is no server to be had.
    NoServer,
    /// The server takes the key for nobody's.
    KeyRefused,
    /// Asked for an event that cannot be there, the server does not say that it is missing.
    NoVerdict,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Open,
    /// Closed for all from the first of these times since the start until the second.
    Paused {
        since: Duration,
        until: Duration,
    },
    /// No connection could be made since the first of these; the next try is due at the second, or under way.
    Away {
        since: Duration,
        next: Duration,
        tries: u32,
        trying: bool,
    },
}

/// What a sender that waits before the gate learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// Send.
    Go,
    /// Come again when this time since the start has come, or the gate has changed.
    At(Duration),
    /// Come again when the gate has changed.
    Changed,
}

/// The gate that all senders pass before each attempt.
#[derive(Debug)]
pub struct Gate {
    state: Cell<State>,
    /// How long it was closed before it opened last.
    held: Cell<Duration>,
    patience: Duration,
    closed: Cell<bool>,
    why: Cell<Option<Why>>,
    aborted: Cell<bool>,
    changed: Notify,
}

impl Gate {
    /// An open gate. A server may be away for as long as `patience`.
    pub fn new(patience: Duration) -> Self {
        Self {
            state: Cell::new(State::Open),
            held: Cell::new(Duration::ZERO),
            patience,
            closed: Cell::new(false),
            why: Cell::new(None),
            aborted: Cell::new(false),
            changed: Notify::new(),
        }
    }

    /// Whether nothing holds senders back.
    pub fn is_open(&self) -> bool {
        matches!(self.state.get(), State::Open)
    }

    /// Whether a sender may pass now.
    pub fn look(&self, now: Duration) -> Pass {
        match self.state.get() {
            State::Open => Pass::Go,
            State::Paused { until, .. } if now < until => Pass::At(until),
            State::Paused { .. } => {
                self.open(now);
                Pass::Go
            }
            State::Away { trying: true, .. } => Pass::Changed,
            State::Away { next, .. } if now < next => Pass::At(next),
            State::Away { since, next, tries, .. } => {
                self.state.set(State::Away { since, next, tries, trying: true });
                Pass::Go
            }
        }
    }

    /// The server wants no requests until this time. Gives by how much that is later than was known.
    pub fn pause(&self, now: Duration, until: Duration) -> Duration {
        let (since, known) = match self.state.get() {
            State::Away { .. } => return Duration::ZERO,
            State::Paused { since, until } if now < until => (since, until),
            State::Open | State::Paused { .. } => {
                self.open(now);
                (now, now)
            }
        };
        if until > known {
            self.state.set(State::Paused { since, until });
        }
        until.saturating_sub(known)
    }

    /// No connection could be made in an attempt that began then. True where that is news; the run ends once it has lasted too
    /// long.
    pub fn refused(&self, began: Duration, now: Duration) -> bool {
        let (since, tries, news) = match self.state.get() {
            State::Away { since, tries, trying: true, .. } => (since, tries + 1, false),
            State::Away { .. } => return false,
            State::Open | State::Paused { .. } => {
                self.open(now);
                (began, 0, true)
            }
        };
        if now.saturating_sub(since) >= self.patience {
            self.end(Why::NoServer);
        }
        let wait = PROBE_BASE.saturating_mul(1 << tries.min(10)).min(PROBE_CAP);
        let next = (now + wait).min(since + self.patience);
        self.state.set(State::Away { since, next, tries, trying: false });
        self.changed.notify_waiters();
        news
    }

    /// A connection was made. Gives how long the server was away, where it was.
    pub fn reached(&self, now: Duration) -> Option<Duration> {
        let State::Away { since, .. } = self.state.get() else { return None };
        self.open(now);
        self.changed.notify_waiters();
        Some(now.saturating_sub(since))
    }

    /// How long it has been closed, in all.
    pub fn held_back(&self, now: Duration) -> Duration {
        let closed = match self.state.get() {
            State::Open => Duration::ZERO,
            State::Paused { since, until } => now.min(until).saturating_sub(since),
            State::Away { since, .. } => now.saturating_sub(since),
        };
        self.held.get() + closed
    }

    fn open(&self, now: Duration) {
        self.held.set(self.held_back(now));
        self.state.set(State::Open);
    }

    /// Lets no new event be taken up, as if the input had ended; what was taken up goes its way.
    pub fn close(&self) {
        self.closed.set(true);
        self.changed.notify_waiters();
    }

    /// Whether no new event may be taken up.
    pub fn is_closed(&self) -> bool {
        self.closed.get()
    }

    /// Waits until no new event may be taken up.
    pub async fn closed(&self) {
        self.until(|| self.closed.get()).await;
    }

    /// Ends the run: no new event is taken up. The first reason stays.
    pub fn end(&self, why: Why) {
        if self.why.get().is_none() {
            self.why.set(Some(why));
            self.closed.set(true);
            self.changed.notify_waiters();
        }
    }

    /// Gives up what is in flight, too.
    pub fn abort(&self) {
        self.aborted.set(true);
        self.changed.notify_waiters();
    }

    /// Whether what is in flight is given up.
    pub fn is_aborted(&self) -> bool {
        self.aborted.get()
    }

    /// Why the run ends, if it does.
    pub fn ending(&self) -> Option<Why> {
        self.why.get()
    }

    /// Waits until the run ends.
    pub async fn ended(&self) {
        self.until(|| self.why.get().is_some()).await;
    }

    /// Waits until what is in flight is given up.
    pub async fn aborted(&self) {
        self.until(|| self.aborted.get()).await;
    }

    /// Waits for the next change of the gate.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    async fn until(&self, true_now: impl Fn() -> bool) {
        loop {
            let changed = self.changed.notified();
            if true_now() {
                return;
            }
            changed.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_rate_limit_stops_every_sender_until_it_is_over() {
        let gate = Gate::new(ms(1000));
        assert_eq!(gate.pause(ms(0), ms(50)), ms(50));
        assert_eq!(gate.pause(ms(5), ms(40)), ms(0), "a shorter pause changes nothing");
        assert_eq!(gate.look(ms(10)), Pass::At(ms(50)));
        assert_eq!(gate.look(ms(50)), Pass::Go);
        assert_eq!(gate.look(ms(50)), Pass::Go);
    }

    #[test]
    fn the_time_that_it_is_closed_counts_once_whoever_asks_for_it() {
        let gate = Gate::new(ms(1000));
        for sender in 0..10 {
            gate.pause(ms(sender), ms(100 + sender));
        }
        assert_eq!(gate.held_back(ms(60)), ms(60), "so far");
        assert_eq!(gate.held_back(ms(500)), ms(109), "no longer than it was closed");
        assert_eq!(gate.pause(ms(200), ms(230)), ms(30));
        assert_eq!(gate.look(ms(230)), Pass::Go);
        gate.refused(ms(300), ms(310));
        gate.reached(ms(400));
        assert_eq!(gate.held_back(ms(999)), ms(109 + 30 + 100));
    }

    #[test]
    fn an_attempt_that_took_as_long_as_patience_is_the_last() {
        let gate = Gate::new(ms(100));
        gate.refused(ms(0), ms(150));
        assert_eq!(gate.ending(), Some(Why::NoServer));
    }

    #[test]
    fn one_sender_tries_a_server_that_is_away_and_the_others_wait() {
        let gate = Gate::new(ms(1000));
        assert!(gate.refused(ms(0), ms(0)));
        assert!(!gate.refused(ms(1), ms(1)), "the senders that were under way say nothing new");
        assert_eq!(gate.look(ms(1)), Pass::At(ms(50)));
        assert_eq!(gate.look(ms(50)), Pass::Go);
        assert_eq!(gate.look(ms(50)), Pass::Changed);
        assert!(!gate.refused(ms(51), ms(51)));
        assert_eq!(gate.look(ms(51)), Pass::At(ms(151)));
        assert_eq!(gate.look(ms(151)), Pass::Go);
        assert_eq!(gate.reached(ms(160)), Some(ms(160)));
        assert_eq!(gate.look(ms(160)), Pass::Go);
        assert_eq!(gate.reached(ms(170)), None);
    }

    #[test]
    fn a_server_that_stays_away_ends_the_run() {
        let gate = Gate::new(ms(100));
        gate.refused(ms(0), ms(0));
        assert_eq!(gate.look(ms(50)), Pass::Go);
        gate.refused(ms(50), ms(50));
        assert_eq!(gate.look(ms(60)), Pass::At(ms(100)), "the last try is made when patience ends");
        assert_eq!(gate.look(ms(100)), Pass::Go);
        gate.refused(ms(100), ms(100));
        assert_eq!(gate.ending(), Some(Why::NoServer));
    }
}
