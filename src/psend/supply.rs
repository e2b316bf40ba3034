//! Which events a sender takes next, and when: at once in a closed loop, when they are due in an open loop, and as many as fit
//! into a batch. Does not know how they are sent.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use super::config::Limits;
use super::delivery::{Delivery, Taken};
use super::intake::{Event, Intake};
use super::lateness::{Lateness, Moment};
use super::pacing::Schedule;
use super::shared::Shared;
use super::turn::Turn;
use crate::clock;
use crate::record::outcome::LateCause;

/// What is left of the input when no more events may be taken.
pub(super) enum Left {
    /// The next event.
    Event(Box<Delivery>),
    /// All events that were read are handed out. More may come.
    NothingYet,
    /// There are no more.
    End,
}

/// The senders' common supply of events.
pub(super) struct Supply {
    shared: Rc<Shared>,
    limits: Limits,
    intake: Intake,
    schedule: Option<RefCell<Schedule>>,
    turn: Turn,
    /// An event that was taken from the input but not by a sender: it is not due yet, or was one too many for a batch.
    held: RefCell<Option<Delivery>>,
    began: Cell<Option<Duration>>,
    taken: Cell<u64>,
    lateness: RefCell<Lateness>,
    /// The time that the schedule gave and no event has taken yet.
    drawn: Cell<Option<Duration>>,
}

impl Supply {
    /// Events from `intake`, by `schedule` in an open loop. The first is due at `starts`, or as soon as it has been read.
    pub(super) fn new(
        shared: &Rc<Shared>,
        limits: Limits,
        intake: Intake,
        schedule: Option<Schedule>,
        starts: Option<Duration>,
    ) -> Self {
        Self {
            shared: Rc::clone(shared),
            limits,
            intake,
            schedule: schedule.map(RefCell::new),
            turn: Turn::default(),
            held: RefCell::new(None),
            began: Cell::new(starts),
            taken: Cell::new(0),
            lateness: RefCell::default(),
            drawn: Cell::new(None),
        }
    }

    /// Waits until the first event may be taken, or the run ends.
    pub(super) async fn wait_for_start(&self) {
        if let Some(wait) = self.began.get().map(|starts| starts.saturating_sub(self.now())) {
            let _ = self.shared.flow.while_events_are_taken(tokio::time::sleep(wait)).await;
        }
    }

    /// When the time for taking events is over, if it is limited. It counts from the first event, or from the start of the run
    /// until one has come.
    pub(super) fn ends(&self) -> Option<Duration> {
        Some(self.began.get().unwrap_or_default().saturating_add(self.limits.duration?))
    }

    /// When taking events ends at the latest, if that is known: with --duration or with the schedule.
    pub(super) fn known_end(&self) -> Option<Duration> {
        let schedule = self.schedule.as_ref().and_then(|schedule| schedule.borrow().end());
        let schedule = schedule.map(|end| self.began.get().unwrap_or_default().saturating_add(end));
        [self.ends(), schedule].into_iter().flatten().min()
    }

    /// Whether an event that was due or taken at this time belongs to the warm-up.
    pub(super) fn is_warm_up(&self, since: Duration) -> bool {
        let warm_up = self.limits.warm_up;
        !warm_up.is_zero() && since < self.began.get().unwrap_or_default().saturating_add(warm_up)
    }

    /// The number of the last line that a sender took.
    pub(super) fn taken(&self) -> u64 {
        self.taken.get()
    }

    /// Whether it is known that there are no more events.
    pub(super) fn is_over(&self) -> bool {
        self.held.borrow().is_none() && self.intake.is_over()
    }

    /// Puts the next events into `group`, at least one. Returns `false` if there are no more, or no more may be taken.
    pub(super) async fn fill(&self, group: &mut Vec<Delivery>) -> bool {
        let flow = &self.shared.flow;
        if flow.ending().is_some() || (!flow.takes_events() && self.held.borrow().is_none()) {
            return false;
        }
        // Nobody waits for a turn while events are at hand: parking senders here halved the rate (limits.md).
        if self.limits.events == 1
            && let Some(next) = self.at_hand()
        {
            group.push(self.hand_out(next));
            return true;
        }
        let Some(_turn) = flow.while_events_are_taken(self.turn.take()).await else { return false };
        let Some(first) = self.next_in_turn().await else { return false };
        let mut bytes = first.event.length;
        group.push(self.hand_out(first));
        let until = self.now() + self.limits.wait;
        while group.len() < self.limits.events && flow.ending().is_none() {
            let next = match self.at_hand() {
                Some(next) => next,
                None => {
                    let left = until.saturating_sub(self.now());
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
        if self.schedule.is_some() || self.held.borrow().is_some() || !self.shared.flow.takes_events() {
            return None;
        }
        self.intake.at_hand().map(|event| self.begin(Delivery::new(event, self.now())))
    }

    /// The next event that was not taken, to be given up.
    pub(super) async fn next_left(&self) -> Left {
        // A reader that waits for input, which may never come, has handed on everything that it has.
        const LONGEST_GAP: Duration = Duration::from_millis(200);
        let held = self.held.borrow_mut().take();
        let next = match held {
            Some(held) => held,
            None => match tokio::time::timeout(LONGEST_GAP, self.intake.next()).await {
                Ok(Some(event)) => Delivery::new(event, self.now()),
                Ok(None) => return Left::End,
                Err(_) => return Left::NothingYet,
            },
        };
        Left::Event(Box::new(self.hand_out(next)))
    }

    /// The next event, when it may be sent. If this future is dropped, the event stays for the next sender.
    async fn next_in_turn(&self) -> Option<Delivery> {
        if self.held.borrow().is_none() {
            let next = match &self.schedule {
                None => {
                    let event = self.shared.flow.while_events_are_taken(self.intake.next()).await??;
                    self.begin(Delivery::new(event, self.now()))
                }
                Some(schedule) => self.next_due(schedule).await?,
            };
            *self.held.borrow_mut() = Some(next);
        }
        let due = self.held.borrow().as_ref().filter(|_| self.schedule.is_some()).map(|next| next.since);
        if let Some(wait) = due.and_then(|due| due.checked_sub(self.now())) {
            self.shared.flow.sleep(wait).await;
        }
        let mut next = self.held.borrow_mut().take()?;
        if self.schedule.is_some() {
            let now = self.now();
            next.taken = Some(Taken { at: now, late: self.why_late(next.since, now) });
        }
        Some(next)
    }

    /// The next event of an open loop, with the time at which it is due.
    async fn next_due(&self, schedule: &RefCell<Schedule>) -> Option<Delivery> {
        let Shared { flow, tally, clock, search, .. } = &*self.shared;
        let steps = schedule.borrow().steps().cloned();
        if let Some(steps) = &steps {
            flow.while_events_are_taken(steps.released()).await?;
        }
        let due = self.drawn.take().or_else(|| schedule.borrow_mut().due()).filter(|due| self.is_before_the_end(*due));
        let Some(due) = due else {
            flow.drain();
            return None;
        };
        // If this future is dropped, the time stays for the next sender.
        self.drawn.set(Some(due));
        let event = tokio::select! {
            biased;
            event = flow.while_events_are_taken(self.next_or_starve()) => event??,
            () = self.time_is_up() => {
                flow.drain();
                return None;
            }
        };
        self.drawn.set(None);
        if event.timestamp.is_none() && event.fault.is_none() && schedule.borrow().is_replay() {
            tally.borrow_mut().untimed();
        }
        let (due, gap) = schedule.borrow_mut().due_by(due, event.seq, event.timestamp);
        if let Some(gap) = gap {
            tally.borrow_mut().gap(gap);
        }
        if !self.is_before_the_end(due) {
            flow.drain();
            return None;
        }
        let mut next = self.begin(Delivery::new(event, self.now()));
        let since_first = due;
        let due = due.saturating_add(self.began.get().unwrap_or_default());
        next.since = due;
        next.step = steps.map(|steps| steps.step());
        if let (Some(search), Some(step)) = (search, next.step) {
            search.borrow_mut().taken(step, since_first, due);
        }
        next.scheduled_at = Some(clock.at(due)).filter(|at| *at < clock::LAST);
        Some(next)
    }

    /// The next event. Notes how long it takes if it has not been read yet.
    async fn next_or_starve(&self) -> Option<Event> {
        if let Some(event) = self.intake.at_hand() {
            return Some(event);
        }
        let began = self.now();
        let next = self.intake.next().await;
        self.lateness.borrow_mut().waited_for_input(self.now() - began);
        next
    }

    fn now(&self) -> Duration {
        self.shared.clock.elapsed()
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

    fn is_before_the_end(&self, due: Duration) -> bool {
        self.limits.duration.is_none_or(|duration| due < duration)
    }

    /// Waits until the time for taking events is over.
    async fn time_is_up(&self) {
        match self.ends() {
            Some(end) => tokio::time::sleep(end.saturating_sub(self.now())).await,
            None => std::future::pending().await,
        }
    }

    /// Why a sender takes an event after it was due, if it does.
    fn why_late(&self, due: Duration, now: Duration) -> Option<LateCause> {
        let flow = &self.shared.flow;
        self.lateness.borrow_mut().cause(Moment {
            now,
            due,
            held_back: flow.held_back(now),
            is_held_back: !flow.is_open(),
            is_busy: self.shared.busy.get() + 1 >= self.limits.concurrency,
        })
    }
}
