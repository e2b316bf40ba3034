//! Which events a sender takes next, and when: at once in a closed loop, when they are due in an open one, and as many as a
//! batch holds. Knows nothing of how they are sent.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::delivery::Delivery;
use super::gate::Gate;
use super::intake::{Event, Intake};
use super::pacing::Schedule;
use super::tally::{Late, Tally};
use super::turn::Turn;
use crate::clock::{self, Clock};

/// How many events are taken, for how long.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How many senders there are.
    pub concurrency: usize,
    /// How long events are taken up, from the first.
    pub duration: Option<Duration>,
    /// Events that a sender takes at a time, at most.
    pub events: usize,
    /// The bytes of their lines together and of the commas between, at most; one event is taken whatever its size.
    pub bytes: u64,
    /// How long is waited for more events than the first.
    pub wait: Duration,
}

/// What is left of the input when no more may be taken.
pub enum Left {
    /// The next event.
    Event(Box<Delivery>),
    /// No event has been read that was not handed out; one may still come.
    NothingYet,
    /// There is no more.
    End,
}

/// The senders' common supply of events.
pub struct Supply {
    limits: Limits,
    intake: Intake,
    schedule: Option<RefCell<Schedule>>,
    clock: Arc<dyn Clock>,
    gate: Rc<Gate>,
    tally: Rc<RefCell<Tally>>,
    /// Senders that have events on their hands.
    busy: Rc<Cell<usize>>,
    turn: Turn,
    /// An event that was taken from the input and not by a sender: not due yet, or one too many for a batch.
    held: RefCell<Option<Delivery>>,
    began: Cell<Option<Duration>>,
    taken: Cell<u64>,
    behind: Cell<Option<Late>>,
    /// The time that the schedule gave and no event has taken yet.
    drawn: Cell<Option<Duration>>,
    /// Whether the event for it was not at hand when it was asked for.
    starved: Cell<bool>,
}

impl Supply {
    /// Events from `intake`, by `schedule` where the loop is open.
    pub fn new(
        limits: Limits,
        intake: Intake,
        schedule: Option<Schedule>,
        clock: Arc<dyn Clock>,
        gate: Rc<Gate>,
        tally: Rc<RefCell<Tally>>,
        busy: Rc<Cell<usize>>,
    ) -> Self {
        Self {
            limits,
            intake,
            schedule: schedule.map(RefCell::new),
            clock,
            gate,
            tally,
            busy,
            turn: Turn::default(),
            held: RefCell::new(None),
            began: Cell::new(None),
            taken: Cell::new(0),
            behind: Cell::new(None),
            drawn: Cell::new(None),
            starved: Cell::new(false),
        }
    }

    /// When the time for taking up events is over, where it is limited: it counts from the first event, and while none has
    /// come from the start of the run.
    pub fn ends(&self) -> Option<Duration> {
        Some(self.began.get().unwrap_or_default().saturating_add(self.limits.duration?))
    }

    /// When taking up events ends at the latest, as far as that is known: with the time for it or with the schedule.
    pub fn known_end(&self) -> Option<Duration> {
        let schedule = self.schedule.as_ref().and_then(|schedule| schedule.borrow().end());
        let schedule = schedule.map(|end| self.began.get().unwrap_or_default().saturating_add(end));
        [self.ends(), schedule].into_iter().flatten().min()
    }

    /// The number of the last line that a sender took.
    pub fn taken(&self) -> u64 {
        self.taken.get()
    }

    /// Whether it is known that there are no more events.
    pub fn is_over(&self) -> bool {
        self.held.borrow().is_none() && self.intake.is_over()
    }

    /// Puts the next events into `group`, at least one; `false` where there are no more, or no more may be taken.
    pub async fn fill(&self, group: &mut Vec<Delivery>) -> bool {
        if self.gate.ending().is_some() || (self.gate.is_closed() && self.held.borrow().is_none()) {
            return false;
        }
        // While events are at hand nobody waits for a turn: parking senders here halved the rate (limits.md).
        if self.limits.events == 1
            && let Some(next) = self.at_hand()
        {
            group.push(self.hand_out(next));
            return true;
        }
        let Some(_turn) = self.unless_closed(self.turn.take()).await else { return false };
        let Some(first) = self.next_in_turn().await else { return false };
        let mut bytes = first.event.length;
        group.push(self.hand_out(first));
        let until = self.clock.elapsed() + self.limits.wait;
        while group.len() < self.limits.events && self.gate.ending().is_none() {
            let next = match self.at_hand() {
                Some(next) => next,
                None => {
                    let left = until.saturating_sub(self.clock.elapsed());
                    let Ok(Some(next)) = tokio::time::timeout(left, self.next_in_turn()).await else { break };
                    next
                }
            };
            bytes += 1 + next.event.length;
            if bytes > self.limits.bytes {
                *self.held.borrow_mut() = Some(next);
                break;
            }
            group.push(self.hand_out(next));
        }
        true
    }

    /// The next event of a closed loop, if it has been read already.
    fn at_hand(&self) -> Option<Delivery> {
        if self.schedule.is_some() || self.held.borrow().is_some() || self.gate.is_closed() {
            return None;
        }
        self.intake.at_hand().map(|event| self.begin(Delivery::new(event, self.clock.elapsed())))
    }

    /// The next event though no more may be taken, to be given up.
    pub async fn next_left(&self) -> Left {
        // A reader that waits for input which may never come has handed on all that it has.
        const LONGEST_GAP: Duration = Duration::from_millis(200);
        let held = self.held.borrow_mut().take();
        let next = match held {
            Some(held) => held,
            None => match tokio::time::timeout(LONGEST_GAP, self.intake.next()).await {
                Ok(Some(event)) => Delivery::new(event, self.clock.elapsed()),
                Ok(None) => return Left::End,
                Err(_) => return Left::NothingYet,
            },
        };
        Left::Event(Box::new(self.hand_out(next)))
    }

    /// The next event when it may be sent. Where this future is dropped the event stays for the next who asks.
    async fn next_in_turn(&self) -> Option<Delivery> {
        if self.held.borrow().is_none() {
            let next = match &self.schedule {
                None => {
                    let event = self.unless_closed(self.intake.next()).await??;
                    self.begin(Delivery::new(event, self.clock.elapsed()))
                }
                Some(schedule) => self.next_due(schedule).await?,
            };
            *self.held.borrow_mut() = Some(next);
        }
        let due = self.held.borrow().as_ref().filter(|_| self.schedule.is_some()).map(|next| next.since);
        if let Some(wait) = due.and_then(|due| due.checked_sub(self.clock.elapsed())) {
            tokio::select! {
                biased;
                () = tokio::time::sleep(wait) => {}
                () = self.gate.ended() => {}
            }
        }
        self.held.borrow_mut().take()
    }

    /// The open loop's next event, which knows when it is due.
    async fn next_due(&self, schedule: &RefCell<Schedule>) -> Option<Delivery> {
        let due = self.drawn.take().or_else(|| schedule.borrow_mut().due()).filter(|due| self.is_before_the_end(*due));
        let Some(due) = due else {
            self.gate.close();
            return None;
        };
        // Where this future is dropped, the time stays for the next who asks.
        self.drawn.set(Some(due));
        let event = tokio::select! {
            biased;
            event = self.unless_closed(self.next_or_starve()) => event??,
            () = self.time_is_up() => {
                self.gate.close();
                return None;
            }
        };
        self.drawn.set(None);
        if event.timestamp.is_none() && event.fault.is_none() && schedule.borrow().is_replay() {
            self.tally.borrow_mut().untimed();
        }
        let (due, gap) = schedule.borrow_mut().due_by(due, event.seq, event.timestamp);
        if let Some(gap) = gap {
            self.tally.borrow_mut().gap(gap);
        }
        if !self.is_before_the_end(due) {
            self.gate.close();
            return None;
        }
        let mut next = self.begin(Delivery::new(event, self.clock.elapsed()));
        let due = due.saturating_add(self.began.get().unwrap_or_default());
        self.note_lateness(due, self.clock.elapsed());
        next.since = due;
        next.scheduled_at = Some(self.clock.at(due)).filter(|at| *at < clock::LAST);
        Some(next)
    }

    /// The next event, and a mark where it is not at hand.
    async fn next_or_starve(&self) -> Option<Event> {
        let mut next = pin!(self.intake.next());
        poll_fn(|cx| {
            let polled = next.as_mut().poll(cx);
            self.starved.set(self.starved.get() || polled.is_pending());
            polled
        })
        .await
    }

    fn begin(&self, next: Delivery) -> Delivery {
        if self.began.get().is_none() {
            self.began.set(Some(next.since));
        }
        next
    }

    fn hand_out(&self, next: Delivery) -> Delivery {
        self.taken.set(next.event.seq);
        next
    }

    /// Waits for something, unless no new event may be taken up any more.
    async fn unless_closed<F: Future>(&self, wanted: F) -> Option<F::Output> {
        tokio::select! {
            biased;
            got = wanted => Some(got),
            () = self.gate.closed() => None,
        }
    }

    fn is_before_the_end(&self, due: Duration) -> bool {
        self.limits.duration.is_none_or(|duration| due < duration)
    }

    /// Waits until the time for taking up events is over.
    async fn time_is_up(&self) {
        match self.ends() {
            Some(end) => tokio::time::sleep(end.saturating_sub(self.clock.elapsed())).await,
            None => std::future::pending().await,
        }
    }

    fn note_lateness(&self, due: Duration, now: Duration) {
        /// Timers have a resolution of a millisecond; less than this is no lateness.
        const SLACK: Duration = Duration::from_millis(10);
        let by = now.saturating_sub(due);
        let starved = self.starved.replace(false);
        if by < SLACK {
            self.behind.set(None);
            return;
        }
        let why = if starved {
            Late::Input
        } else if self.busy.get() + 1 >= self.limits.concurrency {
            Late::Senders
        } else {
            // Catching up: what made the events before late makes this one late too.
            self.behind.get().unwrap_or(Late::Itself)
        };
        self.behind.set(Some(why));
        self.tally.borrow_mut().late(why, by);
    }
}
