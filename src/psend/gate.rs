//! What holds all senders back at once: a rate limit, a server that is away, the end of the run.

use std::cell::Cell;
use std::time::Duration;

use tokio::sync::Notify;

/// The first wait before a server that is away is tried again; it doubles up to [`PROBE_CAP`].
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
    /// The server refuses everything for rate.
    OverRate,
}

/// How it is known that a server is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// No connection can be made: one that is made says that the server is back.
    Unreached,
    /// It answers that it can take nothing: only another answer says that it is back.
    Answer,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Open,
    /// Closed for all from the first of these times since the start until the second.
    Paused {
        since: Duration,
        until: Duration,
    },
    /// A new rate window: so many events may be sent before it is seen what becomes of them. Then it is twice as many as in
    /// the round before, from one on; the round of the last window's number comes second.
    Probing {
        left: u64,
        round: u32,
    },
    /// The server is away since the first of these; the next try is due at the second, or under way.
    Away {
        sign: Sign,
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
    /// No request goes before this time since the start, whatever happens meanwhile: a rate limit asked for it.
    quiet_until: Cell<Duration>,
    /// How long it was closed before it opened last.
    held: Cell<Duration>,
    patience: Duration,
    /// How many events all senders together may have in flight.
    in_flight: u64,
    /// Attempts under way that were let pass while only some may.
    under_way: Cell<u64>,
    /// Events that an answer settled, so that the server was there and its rate limit let them by.
    settled: Cell<u64>,
    /// How many there were when the last rate window began.
    settled_before: Cell<u64>,
    /// How many the last window settled in which there were any.
    quota: Cell<u64>,
    /// How many rate windows in a row settled none, and since when.
    barren: Cell<(u32, Duration)>,
    closed: Cell<bool>,
    why: Cell<Option<Why>>,
    aborted: Cell<bool>,
    changed: Notify,
}

/// An attempt that may be made. Dropped when it has come to its end.
#[derive(Debug)]
pub enum Permit<'a> {
    /// One of any number.
    Free,
    /// One of those that a new rate window begins with.
    Counted(&'a Gate),
    /// The one that tries a server that is away.
    Try(&'a Gate),
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        match self {
            Self::Free => {}
            Self::Counted(gate) => gate.ended_counted(),
            Self::Try(gate) => gate.ended_try(),
        }
    }
}

impl Gate {
    /// An open gate for senders that may have so many events in flight together. A server may be away for as long as `patience`.
    pub fn new(patience: Duration, in_flight: usize) -> Self {
        Self {
            state: Cell::new(State::Open),
            quiet_until: Cell::default(),
            held: Cell::new(Duration::ZERO),
            patience,
            in_flight: in_flight as u64,
            under_way: Cell::new(0),
            settled: Cell::new(0),
            settled_before: Cell::new(0),
            quota: Cell::new(0),
            barren: Cell::default(),
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

    /// Whether a sender with so many events may pass now.
    pub fn look(&self, now: Duration, events: usize) -> Pass {
        match self.state.get() {
            _ if self.is_quiet(now) => Pass::At(self.quiet_until.get()),
            State::Open => Pass::Go,
            State::Paused { until, .. } if now < until => Pass::At(until),
            State::Paused { .. } => {
                self.open(now);
                let settled = self.settled.get() - self.settled_before.replace(self.settled.get());
                if settled > 0 {
                    self.quota.set(settled);
                }
                self.state.set(State::Probing { left: 0, round: 0 });
                Pass::Go
            }
            State::Probing { left: 0, .. } => Pass::Changed,
            State::Probing { left, round } => {
                self.state.set(State::Probing { left: left.saturating_sub(events as u64), round });
                Pass::Go
            }
            State::Away { trying: true, .. } => Pass::Changed,
            State::Away { next, .. } if now < next => Pass::At(next),
            State::Away { sign, since, next, tries, .. } => {
                self.state.set(State::Away { sign, since, next, tries, trying: true });
                Pass::Go
            }
        }
    }

    /// What a sender that was let pass holds until its attempt has come to its end.
    pub fn permit(&self) -> Permit<'_> {
        match self.state.get() {
            State::Open | State::Paused { .. } => Permit::Free,
            State::Probing { .. } => {
                self.under_way.set(self.under_way.get() + 1);
                Permit::Counted(self)
            }
            State::Away { .. } => Permit::Try(self),
        }
    }

    /// When all of a round have ended, and the server has not refused one for rate, the next round may go.
    fn ended_counted(&self) {
        let under_way = self.under_way.get() - 1;
        self.under_way.set(under_way);
        let State::Probing { left: 0, round } = self.state.get() else { return };
        if under_way > 0 {
            return;
        }
        let beyond = 1u64.checked_shl(round.saturating_sub(1)).unwrap_or(u64::MAX);
        let left = if round == 0 { self.quota.get().saturating_sub(1).max(1) } else { beyond };
        let all_may_pass = round > 0 && beyond >= self.in_flight;
        self.state.set(if all_may_pass { State::Open } else { State::Probing { left, round: round + 1 } });
        self.changed.notify_waiters();
    }

    /// The try is over; where it told nothing, another may follow.
    fn ended_try(&self) {
        if let State::Away { sign, since, next, tries, trying: true } = self.state.get() {
            self.state.set(State::Away { sign, since, next, tries, trying: false });
            self.changed.notify_waiters();
        }
    }

    /// Whether a rate limit asks all senders to wait.
    pub fn is_quiet(&self, now: Duration) -> bool {
        now < self.quiet_until.get()
    }

    /// The server wants no requests until this time. Gives by how much that is later than was known.
    pub fn pause(&self, now: Duration, until: Duration) -> Duration {
        self.quiet_until.set(until.max(self.quiet_until.get()));
        let (since, known) = match self.state.get() {
            State::Away { .. } => return Duration::ZERO,
            State::Paused { since, until } if now < until => (since, until),
            State::Open | State::Probing { .. } | State::Paused { .. } => {
                self.open(now);
                let is_barren = self.settled.get() == self.settled_before.get();
                self.barren.set(match self.barren.get() {
                    _ if !is_barren => (0, now),
                    (0, _) => (1, now),
                    (windows, since) => (windows.saturating_add(1), since),
                });
                (now, now)
            }
        };
        if until > known {
            self.state.set(State::Paused { since, until });
        }
        // Who waits for the end of a round must wait for a time now.
        self.changed.notify_waiters();
        until.saturating_sub(known)
    }

    /// How many rate windows in a row the server let no event by, and how long that has lasted.
    pub fn barren(&self, now: Duration) -> (u32, Duration) {
        let (windows, since) = self.barren.get();
        (windows, if windows == 0 { Duration::ZERO } else { now.saturating_sub(since) })
    }

    /// Whether the server is away.
    pub fn is_away(&self) -> bool {
        matches!(self.state.get(), State::Away { .. })
    }

    /// How many events all senders together may have in flight.
    pub fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// An answer settled what becomes of so many events.
    pub fn settle(&self, events: usize) {
        self.settled.set(self.settled.get().saturating_add(events as u64));
    }

    /// How many events answers have settled.
    pub fn settled(&self) -> u64 {
        self.settled.get()
    }

    /// The server is away, as an attempt shows that began then. True where that is news; the run ends once it has lasted too
    /// long, unless `spare` grants another try.
    pub fn away(&self, sign: Sign, began: Duration, now: Duration, spare: impl FnOnce() -> bool) -> bool {
        let (since, tries, news) = match self.state.get() {
            State::Away { since, tries, trying: true, .. } => (since, tries.saturating_add(1), false),
            State::Away { .. } => return false,
            State::Open | State::Probing { .. } | State::Paused { .. } => {
                self.open(now);
                (began, 0, true)
            }
        };
        let is_over = now.saturating_sub(since) >= self.patience;
        if is_over && !spare() {
            self.end(Why::NoServer);
        }
        let wait = PROBE_BASE.saturating_mul(1 << tries.min(10)).min(PROBE_CAP);
        let next = (now + wait).min((since + self.patience).max(now));
        self.state.set(State::Away { sign, since, next, tries, trying: false });
        self.changed.notify_waiters();
        news
    }

    /// The server is back, if this sign says so. Gives how long it was away, where it was.
    pub fn reached(&self, sign: Sign, now: Duration) -> Option<Duration> {
        let State::Away { sign: of, since, .. } = self.state.get() else { return None };
        if of == Sign::Answer && sign == Sign::Unreached {
            return None;
        }
        self.open(now);
        self.changed.notify_waiters();
        Some(now.saturating_sub(since))
    }

    /// How long it has been closed, in all.
    pub fn held_back(&self, now: Duration) -> Duration {
        let closed = match self.state.get() {
            State::Open | State::Probing { .. } => Duration::ZERO,
            State::Paused { since, until } => now.min(until).saturating_sub(since),
            State::Away { since, .. } => now.saturating_sub(since),
        };
        self.held.get().saturating_add(closed)
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
        let gate = Gate::new(ms(1000), 10);
        assert_eq!(gate.pause(ms(0), ms(50)), ms(50));
        assert_eq!(gate.pause(ms(5), ms(40)), ms(0), "a shorter pause changes nothing");
        assert_eq!(gate.look(ms(10), 1), Pass::At(ms(50)));
        assert_eq!(gate.look(ms(50), 1), Pass::Go);
        assert_eq!(gate.look(ms(50), 1), Pass::Changed, "one goes ahead");
    }

    #[test]
    fn the_time_that_it_is_closed_counts_once_whoever_asks_for_it() {
        let gate = Gate::new(ms(1000), 10);
        for sender in 0..10 {
            gate.pause(ms(sender), ms(100 + sender));
        }
        assert_eq!(gate.held_back(ms(60)), ms(60), "so far");
        assert_eq!(gate.held_back(ms(500)), ms(109), "no longer than it was closed");
        assert_eq!(gate.pause(ms(200), ms(230)), ms(30));
        assert_eq!(gate.look(ms(230), 1), Pass::Go);
        gate.away(Sign::Unreached, ms(300), ms(310), || false);
        gate.reached(Sign::Unreached, ms(400));
        assert_eq!(gate.held_back(ms(999)), ms(109 + 30 + 100));
    }

    #[test]
    fn an_attempt_that_took_as_long_as_patience_is_the_last() {
        let gate = Gate::new(ms(100), 10);
        gate.away(Sign::Unreached, ms(0), ms(150), || false);
        assert_eq!(gate.ending(), Some(Why::NoServer));
    }

    #[test]
    fn one_sender_tries_a_server_that_is_away_and_the_others_wait() {
        let gate = Gate::new(ms(1000), 10);
        assert!(gate.away(Sign::Unreached, ms(0), ms(0), || false));
        assert!(!gate.away(Sign::Unreached, ms(1), ms(1), || false), "the senders that were under way say nothing new");
        assert_eq!(gate.look(ms(1), 1), Pass::At(ms(50)));
        assert_eq!(gate.look(ms(50), 1), Pass::Go);
        assert_eq!(gate.look(ms(50), 1), Pass::Changed);
        assert!(!gate.away(Sign::Unreached, ms(51), ms(51), || false));
        assert_eq!(gate.look(ms(51), 1), Pass::At(ms(151)));
        assert_eq!(gate.look(ms(151), 1), Pass::Go);
        assert_eq!(gate.reached(Sign::Unreached, ms(160)), Some(ms(160)));
        assert_eq!(gate.look(ms(160), 1), Pass::Go);
        assert_eq!(gate.reached(Sign::Unreached, ms(170)), None);
    }

    #[test]
    fn a_server_that_stays_away_ends_the_run() {
        let gate = Gate::new(ms(100), 10);
        gate.away(Sign::Unreached, ms(0), ms(0), || false);
        assert_eq!(gate.look(ms(50), 1), Pass::Go);
        gate.away(Sign::Unreached, ms(50), ms(50), || false);
        assert_eq!(gate.look(ms(60), 1), Pass::At(ms(100)), "the last try is made when patience ends");
        assert_eq!(gate.look(ms(100), 1), Pass::Go);
        gate.away(Sign::Unreached, ms(100), ms(100), || false);
        assert_eq!(gate.ending(), Some(Why::NoServer));
    }

    /// Lets as many senders pass as may, and gives what they hold.
    fn all_that_may<'a>(gate: &'a Gate, now: Duration) -> Vec<Permit<'a>> {
        let mut passed = Vec::new();
        while passed.len() < 100 && gate.look(now, 1) == Pass::Go {
            passed.push(gate.permit());
        }
        passed
    }

    #[test]
    fn a_new_window_begins_with_one_sender_then_as_many_as_the_last_one_took_then_ever_more() {
        let gate = Gate::new(ms(1000), 10);
        gate.settle(20);
        gate.pause(ms(0), ms(50));
        for wanted in [1, 19, 1, 2, 4, 8] {
            let passed = all_that_may(&gate, ms(50));
            assert_eq!(passed.len(), wanted);
            gate.settle(wanted);
            drop(passed);
        }
        assert!(gate.is_open(), "more than there are senders");
        assert_eq!(gate.barren(ms(60)), (0, ms(0)));
    }

    #[test]
    fn a_window_that_lets_none_by_is_barren_and_the_last_good_one_is_remembered() {
        let gate = Gate::new(ms(1000), 10);
        gate.settle(20);
        gate.pause(ms(0), ms(50));
        for (at, barren) in [(50, (1, ms(0))), (100, (2, ms(50))), (150, (3, ms(100)))] {
            let passed = all_that_may(&gate, ms(at));
            assert_eq!(passed.len(), 1, "nobody follows one that was refused");
            gate.pause(ms(at), ms(at + 50));
            drop(passed);
            assert_eq!(gate.barren(ms(at)), barren);
        }
        let probe = all_that_may(&gate, ms(200));
        gate.settle(1);
        drop(probe);
        assert_eq!(all_that_may(&gate, ms(200)).len(), 19);
        gate.pause(ms(210), ms(250));
        assert_eq!(gate.barren(ms(210)), (0, ms(0)));
    }

    #[test]
    fn a_round_whose_senders_all_went_another_way_holds_nobody_up() {
        let gate = Gate::new(ms(1000), 10);
        gate.pause(ms(0), ms(50));
        drop(all_that_may(&gate, ms(50)));
        assert_eq!(all_that_may(&gate, ms(50)).len(), 1);
    }

    #[test]
    fn a_server_that_answers_that_it_is_away_is_not_back_because_it_can_be_reached() {
        let gate = Gate::new(ms(1000), 10);
        assert!(gate.away(Sign::Answer, ms(0), ms(0), || false));
        assert_eq!(gate.look(ms(50), 1), Pass::Go);
        let one_try = gate.permit();
        assert_eq!(gate.reached(Sign::Unreached, ms(51)), None);
        assert_eq!(gate.look(ms(51), 1), Pass::Changed);
        drop(one_try);
        assert_eq!(gate.look(ms(52), 1), Pass::Go, "a try that told nothing is followed by another");
        assert_eq!(gate.reached(Sign::Answer, ms(60)), Some(ms(60)));
        assert!(gate.is_open());
    }

    #[test]
    fn a_last_try_may_be_granted_once_patience_is_over() {
        let gate = Gate::new(ms(100), 10);
        gate.away(Sign::Answer, ms(0), ms(0), || true);
        assert_eq!(gate.look(ms(100), 1), Pass::Go);
        gate.away(Sign::Answer, ms(100), ms(101), || true);
        assert_eq!(gate.ending(), None);
        assert_eq!(gate.look(ms(101), 1), Pass::Go);
        gate.away(Sign::Answer, ms(101), ms(102), || false);
        assert_eq!(gate.ending(), Some(Why::NoServer));
    }
}
