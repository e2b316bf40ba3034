//! Backpressure: which requests must wait, because the server limits the rate or is away.
//!
//! A pure state machine. It is told what happened and when, and returns what a sender may do. It knows no clock and no runtime;
//! `flow` does the waiting. All times count from the start of the run.

use std::time::Duration;

/// The wait before a server that is away is tried again. It doubles up to [`PROBE_CAP`].
const PROBE_BASE: Duration = Duration::from_millis(50);
const PROBE_CAP: Duration = Duration::from_secs(1);

/// What shows that a server is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// No connection can be made. A connection shows that the server is back.
    Unreached,
    /// The server answers that it cannot take anything. Only another answer shows that it is back.
    Answer,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Open,
    /// A rate limit: closed from `since` until `until`.
    Paused {
        since: Duration,
        until: Duration,
    },
    /// A new rate window. Requests go out in rounds, each after the results of the one before: a single request, then as many
    /// events as the last window settled, then 1, 2, 4 and so on. `left` events may still be sent in this round.
    Probing {
        left: u64,
        round: u32,
    },
    /// The server has been away since `since`. One request at a time tries it; the next one is due at `next`.
    Away {
        sign: Sign,
        since: Duration,
        next: Duration,
        tries: u32,
        trying: bool,
    },
}

/// What a sender does that wants to send.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pass {
    /// Send. The ticket is handed back with [`Backpressure::ended`].
    Go(Ticket),
    /// Ask again at this time, or after a change.
    At(Duration),
    /// Ask again after a change.
    Changed,
}

/// A request that may be sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ticket {
    /// Any number may be out.
    Free,
    /// One of a round in a new rate window.
    Counted,
    /// The one that tries a server that is away.
    Try,
}

/// The news that an attempt brings about a server that is away.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gone {
    /// It was not known to be away.
    pub(super) is_news: bool,
    /// It has been away for as long as the run waits for it.
    pub(super) is_over: bool,
}

/// The machine.
#[derive(Debug)]
pub(super) struct Backpressure {
    state: State,
    /// No request goes out before this time, even if the state changes meanwhile: a rate limit asked for it.
    quiet_until: Option<Duration>,
    /// How long it was closed in total, before it last opened.
    held: Duration,
    patience: Duration,
    in_flight: u64,
    /// [`Ticket::Counted`] that are out.
    under_way: u64,
    /// Events whose outcome an answer settled: the server was there, and its rate limit let them pass.
    settled: u64,
    /// The value of `settled` when the last rate window began.
    settled_before: u64,
    /// How many events the last window settled, not counting windows that settled none.
    quota: u64,
    /// How many rate windows in a row settled no event, and when the first of them began.
    barren: (u32, Duration),
}

impl Backpressure {
    /// Starts open. The run waits up to `patience` for a server that is away. All senders together have at most `in_flight`
    /// events in flight.
    pub(super) fn new(patience: Duration, in_flight: u64) -> Self {
        Self {
            state: State::Open,
            quiet_until: None,
            held: Duration::ZERO,
            patience,
            in_flight,
            under_way: 0,
            settled: 0,
            settled_before: 0,
            quota: 0,
            barren: (0, Duration::ZERO),
        }
    }

    /// Whether any sender may send at any time.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Open) && self.quiet_until.is_none()
    }

    /// Whether a rate limit makes all senders wait.
    pub(super) fn is_quiet(&self, now: Duration) -> bool {
        self.quiet_until.is_some_and(|until| now < until)
    }

    /// Whether the server is away.
    pub(super) fn is_away(&self) -> bool {
        matches!(self.state, State::Away { .. })
    }

    /// The most events that all senders together have in flight.
    pub(super) fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// Whether a request with this many events may be sent now.
    pub(super) fn ask(&mut self, now: Duration, events: u64) -> Pass {
        if let Some(until) = self.quiet_until {
            if now < until {
                return Pass::At(until);
            }
            self.quiet_until = None;
        }
        match &mut self.state {
            State::Open => return Pass::Go(Ticket::Free),
            State::Paused { until, .. } if now < *until => return Pass::At(*until),
            State::Paused { .. } => {
                self.open(now);
                let settled = self.settled - std::mem::replace(&mut self.settled_before, self.settled);
                if settled > 0 {
                    self.quota = settled;
                }
                self.state = State::Probing { left: 0, round: 0 };
            }
            State::Probing { left: 0, .. } | State::Away { trying: true, .. } => return Pass::Changed,
            State::Probing { left, .. } => *left = left.saturating_sub(events),
            State::Away { next, .. } if now < *next => return Pass::At(*next),
            State::Away { trying, .. } => {
                *trying = true;
                return Pass::Go(Ticket::Try);
            }
        }
        self.under_way += 1;
        Pass::Go(Ticket::Counted)
    }

    /// A request has its result, or was not sent after all. Returns whether this changes what others may do.
    pub(super) fn ended(&mut self, ticket: &Ticket) -> bool {
        match ticket {
            Ticket::Free => false,
            Ticket::Counted => self.round_ended(),
            Ticket::Try => match &mut self.state {
                // The try showed nothing: another may follow.
                State::Away { trying, .. } => std::mem::replace(trying, false),
                _ => false,
            },
        }
    }

    /// The next round begins when all requests of this one have ended and the server has refused none of them for rate.
    fn round_ended(&mut self) -> bool {
        self.under_way -= 1;
        let State::Probing { left: 0, round } = self.state else { return false };
        if self.under_way > 0 {
            return false;
        }
        let beyond = 1u64.checked_shl(round.saturating_sub(1)).unwrap_or(u64::MAX);
        let left = if round == 0 { self.quota.saturating_sub(1).max(1) } else { beyond };
        let all_may_pass = round > 0 && beyond >= self.in_flight;
        self.state = if all_may_pass { State::Open } else { State::Probing { left, round: round + 1 } };
        true
    }

    /// A rate limit: the server wants no requests before `until`. Returns by how much this is later than known.
    pub(super) fn pause(&mut self, now: Duration, until: Duration) -> Duration {
        self.quiet_until = self.quiet_until.max(Some(until));
        let (since, known) = match self.state {
            State::Away { .. } => return Duration::ZERO,
            State::Paused { since, until } if now < until => (since, until),
            State::Open | State::Probing { .. } | State::Paused { .. } => {
                self.open(now);
                let is_barren = self.settled == self.settled_before;
                self.barren = match self.barren {
                    _ if !is_barren => (0, now),
                    (0, _) => (1, now),
                    (windows, since) => (windows.saturating_add(1), since),
                };
                (now, now)
            }
        };
        if until > known {
            self.state = State::Paused { since, until };
        }
        until.saturating_sub(known)
    }

    /// How many rate windows in a row settled no event, and how long that has lasted.
    pub(super) fn barren(&self, now: Duration) -> (u32, Duration) {
        let (windows, since) = self.barren;
        (windows, if windows == 0 { Duration::ZERO } else { now.saturating_sub(since) })
    }

    /// An answer settled the outcomes of this many events.
    pub(super) fn settle(&mut self, events: u64) {
        self.settled = self.settled.saturating_add(events);
    }

    /// How many events have an outcome that an answer settled.
    pub(super) fn settled(&self) -> u64 {
        self.settled
    }

    /// The server is away, as an attempt showed that began at `began`.
    pub(super) fn away(&mut self, sign: Sign, began: Duration, now: Duration) -> Gone {
        let (since, tries, is_news) = match self.state {
            State::Away { since, tries, trying: true, .. } => (since, tries.saturating_add(1), false),
            // Requests that were under way when the server went away bring no news.
            State::Away { .. } => return Gone::default(),
            State::Open | State::Probing { .. } | State::Paused { .. } => {
                self.open(now);
                (began, 0, true)
            }
        };
        let wait = PROBE_BASE.saturating_mul(1 << tries.min(10)).min(PROBE_CAP);
        // The last try is made when patience ends.
        let next = now.saturating_add(wait).min(since.saturating_add(self.patience).max(now));
        self.state = State::Away { sign, since, next, tries, trying: false };
        Gone { is_news, is_over: now.saturating_sub(since) >= self.patience }
    }

    /// The server is back, if this sign is enough to show it. Returns how long it was away.
    pub(super) fn reached(&mut self, sign: Sign, now: Duration) -> Option<Duration> {
        let State::Away { sign: of, since, .. } = self.state else { return None };
        if of == Sign::Answer && sign == Sign::Unreached {
            return None;
        }
        self.open(now);
        Some(now.saturating_sub(since))
    }

    /// How long it has been closed in total.
    pub(super) fn held_back(&self, now: Duration) -> Duration {
        let closed = match self.state {
            State::Open | State::Probing { .. } => Duration::ZERO,
            State::Paused { since, until } => now.min(until).saturating_sub(since),
            State::Away { since, .. } => now.saturating_sub(since),
        };
        self.held.saturating_add(closed)
    }

    fn open(&mut self, now: Duration) {
        self.held = self.held_back(now);
        self.state = State::Open;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn machine() -> Backpressure {
        Backpressure::new(ms(1000), 10)
    }

    fn go(ticket: Ticket) -> Pass {
        Pass::Go(ticket)
    }

    #[test]
    fn an_open_machine_lets_every_request_pass() {
        let mut machine = machine();
        for events in [1, 1, 1000] {
            assert_eq!(machine.ask(ms(1), events), go(Ticket::Free));
        }
        assert!(machine.is_open());
    }

    /// What happens, and what a sender is told after it. One machine goes through each table from top to bottom.
    enum Step {
        Pause(u64, u64),
        Away(Sign, u64),
        Reached(Sign, u64),
        Ended(Ticket),
        Ask(u64, Pass),
    }

    fn follow(table: &[Step]) {
        let mut machine = machine();
        for (row, step) in table.iter().enumerate() {
            match step {
                Step::Pause(now, until) => {
                    machine.pause(ms(*now), ms(*until));
                }
                Step::Away(sign, now) => {
                    machine.away(*sign, ms(*now), ms(*now));
                }
                Step::Reached(sign, now) => {
                    machine.reached(*sign, ms(*now));
                }
                Step::Ended(ticket) => {
                    machine.ended(ticket);
                }
                Step::Ask(now, told) => assert_eq!(machine.ask(ms(*now), 1), *told, "row {row}"),
            }
        }
    }

    #[test]
    fn a_rate_limit_stops_every_sender_until_it_is_over_and_then_one_goes_ahead() {
        follow(&[
            Step::Pause(0, 50),
            Step::Pause(5, 40),
            Step::Ask(10, Pass::At(ms(50))),
            Step::Ask(49, Pass::At(ms(50))),
            Step::Ask(50, go(Ticket::Counted)),
            Step::Ask(50, Pass::Changed),
            Step::Ended(Ticket::Counted),
            Step::Ask(51, go(Ticket::Counted)),
        ]);
    }

    #[test]
    fn one_sender_tries_a_server_that_is_away_and_the_others_wait() {
        follow(&[
            Step::Away(Sign::Unreached, 0),
            Step::Away(Sign::Unreached, 1),
            Step::Ask(1, Pass::At(ms(50))),
            Step::Ask(50, go(Ticket::Try)),
            Step::Ask(50, Pass::Changed),
            Step::Away(Sign::Unreached, 51),
            Step::Ask(51, Pass::At(ms(151))),
            Step::Ask(151, go(Ticket::Try)),
            Step::Reached(Sign::Unreached, 160),
            Step::Ask(160, go(Ticket::Free)),
        ]);
    }

    #[test]
    fn a_server_that_answers_that_it_is_away_is_not_back_because_it_can_be_reached() {
        follow(&[
            Step::Away(Sign::Answer, 0),
            Step::Ask(50, go(Ticket::Try)),
            Step::Reached(Sign::Unreached, 51),
            Step::Ask(51, Pass::Changed),
            // A try that showed nothing is followed by another.
            Step::Ended(Ticket::Try),
            Step::Ask(52, go(Ticket::Try)),
            Step::Reached(Sign::Answer, 60),
            Step::Ask(60, go(Ticket::Free)),
        ]);
    }

    #[test]
    fn a_rate_limit_outlasts_a_server_that_went_away_and_came_back() {
        follow(&[
            Step::Away(Sign::Unreached, 0),
            Step::Pause(1, 500),
            Step::Ask(50, Pass::At(ms(500))),
            Step::Reached(Sign::Unreached, 60),
            Step::Ask(60, Pass::At(ms(500))),
            Step::Ask(500, go(Ticket::Free)),
        ]);
    }

    #[test]
    fn a_pause_says_by_how_much_it_is_longer_than_known() {
        let mut machine = machine();
        for (now, until, longer) in [(0, 50, 50), (5, 40, 0), (6, 60, 10), (70, 70, 0), (80, 95, 15)] {
            assert_eq!(machine.pause(ms(now), ms(until)), ms(longer), "at {now} ms until {until} ms");
        }
    }

    #[test]
    fn the_time_that_it_is_closed_counts_once_whoever_asks_for_it() {
        let mut machine = machine();
        for sender in 0..10 {
            machine.pause(ms(sender), ms(100 + sender));
        }
        assert_eq!(machine.held_back(ms(60)), ms(60), "so far");
        assert_eq!(machine.held_back(ms(500)), ms(109), "no longer than it was closed");
        machine.pause(ms(200), ms(230));
        assert_eq!(machine.ask(ms(230), 1), go(Ticket::Counted));
        machine.away(Sign::Unreached, ms(300), ms(310));
        machine.reached(Sign::Unreached, ms(400));
        assert_eq!(machine.held_back(ms(999)), ms(109 + 30 + 100));
    }

    #[test]
    fn a_server_that_stays_away_is_tried_a_last_time_when_patience_ends() {
        let mut machine = Backpressure::new(ms(100), 10);
        let gone = |is_news, is_over| Gone { is_news, is_over };
        assert_eq!(machine.away(Sign::Unreached, ms(0), ms(0)), gone(true, false));
        assert_eq!(machine.ask(ms(50), 1), go(Ticket::Try));
        assert_eq!(machine.away(Sign::Unreached, ms(50), ms(50)), gone(false, false));
        assert_eq!(machine.ask(ms(60), 1), Pass::At(ms(100)));
        assert_eq!(machine.ask(ms(100), 1), go(Ticket::Try));
        assert_eq!(machine.away(Sign::Unreached, ms(100), ms(100)), gone(false, true));
    }

    #[test]
    fn an_attempt_that_took_as_long_as_patience_is_the_last() {
        let mut machine = Backpressure::new(ms(100), 10);
        assert!(machine.away(Sign::Unreached, ms(0), ms(150)).is_over);
    }

    /// Asks until no more may pass. Returns how many did.
    fn all_that_may(machine: &mut Backpressure, now: Duration) -> u64 {
        (0..100).take_while(|_| matches!(machine.ask(now, 1), Pass::Go(_))).count() as u64
    }

    #[test]
    fn a_new_window_begins_with_one_request_then_as_many_as_the_last_one_took_then_ever_more() {
        let mut machine = machine();
        machine.settle(20);
        machine.pause(ms(0), ms(50));
        for round in [1, 19, 1, 2, 4, 8] {
            assert_eq!(all_that_may(&mut machine, ms(50)), round);
            machine.settle(round);
            let changes: Vec<bool> = (0..round).map(|_| machine.ended(&Ticket::Counted)).collect();
            assert_eq!(changes.iter().position(|changed| *changed), Some(changes.len() - 1), "the last one to end");
        }
        assert!(machine.is_open(), "more than there are senders");
        assert_eq!(machine.barren(ms(60)), (0, ms(0)));
    }

    #[test]
    fn a_window_that_lets_none_pass_is_barren_and_the_last_good_one_is_remembered() {
        let mut machine = machine();
        machine.settle(20);
        machine.pause(ms(0), ms(50));
        for (at, barren) in [(50, (1, ms(0))), (100, (2, ms(50))), (150, (3, ms(100)))] {
            assert_eq!(all_that_may(&mut machine, ms(at)), 1, "nobody follows one that was refused");
            machine.pause(ms(at), ms(at + 50));
            machine.ended(&Ticket::Counted);
            assert_eq!(machine.barren(ms(at)), barren);
        }
        assert_eq!(all_that_may(&mut machine, ms(200)), 1);
        machine.settle(1);
        machine.ended(&Ticket::Counted);
        assert_eq!(all_that_may(&mut machine, ms(200)), 19);
        machine.pause(ms(210), ms(250));
        assert_eq!(machine.barren(ms(210)), (0, ms(0)));
    }

    #[derive(Debug, Clone)]
    enum Op {
        Ask(u64),
        /// Ends the nth request that is out.
        End(usize),
        Pause(u64),
        Away(Sign, u64),
        Reached(Sign),
        Settle(u64),
    }

    fn op() -> impl Strategy<Value = Op> {
        let sign = || prop_oneof![Just(Sign::Unreached), Just(Sign::Answer)];
        prop_oneof![
            4 => (1u64..5).prop_map(Op::Ask),
            4 => any::<usize>().prop_map(Op::End),
            1 => (0u64..400).prop_map(Op::Pause),
            1 => (sign(), 0u64..50).prop_map(|(sign, ago)| Op::Away(sign, ago)),
            1 => sign().prop_map(Op::Reached),
            1 => (1u64..20).prop_map(Op::Settle),
        ]
    }

    proptest! {
        #[test]
        fn waits_are_kept_and_nobody_waits_for_ever(ops in prop::collection::vec((0u64..60, op()), 1..200)) {
            let mut machine = machine();
            let (mut now, mut quiet, mut held) = (ms(0), ms(0), ms(0));
            let mut out: Vec<Ticket> = Vec::new();
            for (later, op) in ops {
                now += ms(later);
                match op {
                    Op::Ask(events) => match machine.ask(now, events) {
                        Pass::Go(ticket) => {
                            prop_assert!(now >= quiet, "sent at {now:?}, and all were to wait until {quiet:?}");
                            prop_assert!(!machine.is_away() || ticket == Ticket::Try);
                            out.push(ticket);
                        }
                        Pass::At(at) => prop_assert!(at > now),
                        Pass::Changed => prop_assert!(!out.is_empty(), "nothing is out that could change anything"),
                    },
                    Op::End(nth) => {
                        if !out.is_empty() {
                            machine.ended(&out.swap_remove(nth % out.len()));
                        }
                    }
                    Op::Pause(wait) => {
                        machine.pause(now, now + ms(wait));
                        quiet = quiet.max(now + ms(wait));
                    }
                    Op::Away(sign, ago) => {
                        machine.away(sign, now.saturating_sub(ms(ago)), now);
                    }
                    Op::Reached(sign) => {
                        machine.reached(sign, now);
                    }
                    Op::Settle(events) => machine.settle(events),
                }
                let held_back = machine.held_back(now);
                prop_assert!(held <= held_back, "{held_back:?} after {held:?}");
                held = held_back;
            }
            // When nothing is in flight any more, a sender needs to wait for time alone.
            for ticket in &out {
                machine.ended(ticket);
            }
            for _ in 0..3 {
                match machine.ask(now, 1) {
                    Pass::Go(_) => return Ok(()),
                    Pass::At(at) => now = at,
                    Pass::Changed => prop_assert!(false, "nothing is in flight, and a sender waits: {machine:?}"),
                }
            }
            prop_assert!(false, "a sender never gets its turn: {machine:?}");
        }
    }
}
