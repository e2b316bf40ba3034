//! Flow control: lets senders wait for what `backpressure` and `shutdown` decide. All waiting that has to do with either is in
//! here, and no decision is.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time;

use super::backpressure::{Backpressure, Gone, Pass, Sign, Ticket};
use super::shutdown::{EndReason, Shutdown};
use crate::clock::Clock;

/// Both machines, and those who wait for a change of either.
pub(super) struct Flow {
    clock: Arc<dyn Clock>,
    backpressure: RefCell<Backpressure>,
    shutdown: RefCell<Shutdown>,
    changed: Notify,
}

/// A request that may be sent, from when it may be sent until it has its result.
pub(super) struct Permit<'a> {
    flow: &'a Flow,
    ticket: Ticket,
    /// When it was given, since the start of the run.
    pub(super) since: Duration,
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.ticket != Ticket::Free && self.flow.backpressure.borrow_mut().ended(&self.ticket) {
            self.flow.changed.notify_waiters();
        }
    }
}

impl Flow {
    pub(super) fn new(clock: Arc<dyn Clock>, backpressure: Backpressure, shutdown: Shutdown) -> Self {
        let (backpressure, shutdown) = (RefCell::new(backpressure), RefCell::new(shutdown));
        Self { clock, backpressure, shutdown, changed: Notify::new() }
    }

    /// Waits until a request with this many events may be sent. Returns `None` if the run ends first.
    pub(super) async fn pass(&self, events: usize) -> Option<Permit<'_>> {
        loop {
            if self.ending().is_some() {
                return None;
            }
            let since = self.clock.elapsed();
            let pass = self.backpressure.borrow_mut().ask(since, events as u64);
            match pass {
                Pass::Go(ticket) => return Some(Permit { flow: self, ticket, since }),
                Pass::Changed => self.changed.notified().await,
                Pass::At(at) => {
                    tokio::select! {
                        biased;
                        () = time::sleep(at.saturating_sub(since)) => {}
                        () = self.changed.notified() => {}
                    }
                }
            }
        }
    }

    /// Whether a request that was let pass must wait after all. Reads the clock only if something is not as usual.
    pub(super) fn must_wait(&self) -> bool {
        let backpressure = self.backpressure.borrow();
        self.ending().is_some() || (!backpressure.is_open() && backpressure.is_quiet(self.clock.elapsed()))
    }

    /// Whether any sender may send at any time.
    pub(super) fn is_open(&self) -> bool {
        self.backpressure.borrow().is_open()
    }

    /// The server wants no requests for this long. Returns by how much that is longer than known.
    pub(super) fn pause(&self, wait: Duration) -> Duration {
        let now = self.clock.elapsed();
        let longer = self.backpressure.borrow_mut().pause(now, now.saturating_add(wait));
        // A sender that waits for the end of a round has to wait for a time instead.
        self.changed.notify_waiters();
        longer
    }

    /// The server is away, as an attempt showed that began at `began`.
    pub(super) fn away(&self, sign: Sign, began: Duration) -> Gone {
        let gone = self.backpressure.borrow_mut().away(sign, began, self.clock.elapsed());
        self.changed.notify_waiters();
        gone
    }

    /// The server is back, if this sign is enough to show it. Returns how long it was away.
    pub(super) fn reached(&self, sign: Sign) -> Option<Duration> {
        if !self.backpressure.borrow().is_away() {
            return None;
        }
        let away = self.backpressure.borrow_mut().reached(sign, self.clock.elapsed());
        if away.is_some() {
            self.changed.notify_waiters();
        }
        away
    }

    /// Answers settled the outcomes of this many events.
    pub(super) fn settle(&self, events: usize) {
        self.backpressure.borrow_mut().settle(events as u64);
    }

    /// How many events have an outcome that an answer settled.
    pub(super) fn settled(&self) -> u64 {
        self.backpressure.borrow().settled()
    }

    /// The most events that all senders together have in flight.
    pub(super) fn in_flight(&self) -> u64 {
        self.backpressure.borrow().in_flight()
    }

    /// Whether the server is away.
    pub(super) fn is_away(&self) -> bool {
        self.backpressure.borrow().is_away()
    }

    /// How many rate windows in a row settled no event, and how long that has lasted.
    pub(super) fn barren(&self) -> (u32, Duration) {
        self.backpressure.borrow().barren(self.clock.elapsed())
    }

    /// How long the server has held all senders back.
    pub(super) fn held_back(&self, now: Duration) -> Duration {
        self.backpressure.borrow().held_back(now)
    }

    /// Takes no new event, as if the input had ended.
    pub(super) fn drain(&self) {
        if self.shutdown.borrow_mut().drain() {
            self.changed.notify_waiters();
        }
    }

    /// Ends the run. The first reason stays.
    pub(super) fn end(&self, why: EndReason) {
        if self.shutdown.borrow_mut().end(why, self.clock.elapsed()) {
            self.changed.notify_waiters();
        }
    }

    /// Time has passed: gives up requests in flight if their grace period is over.
    pub(super) fn tick(&self, now: Duration) {
        if self.shutdown.borrow_mut().tick(now) {
            self.changed.notify_waiters();
        }
    }

    /// Whether new events may be taken.
    pub(super) fn takes_events(&self) -> bool {
        self.shutdown.borrow().takes_events()
    }

    /// Why the run ends, if it does.
    pub(super) fn ending(&self) -> Option<EndReason> {
        self.shutdown.borrow().reason()
    }

    /// Whether requests in flight are given up.
    pub(super) fn is_aborted(&self) -> bool {
        self.shutdown.borrow().is_aborted()
    }

    /// Waits until requests in flight are given up.
    pub(super) async fn aborted(&self) {
        self.until(|| self.is_aborted()).await;
    }

    /// Waits for a future. Returns `None` if first no new events may be taken.
    pub(super) async fn while_events_are_taken<F: Future>(&self, future: F) -> Option<F::Output> {
        tokio::select! {
            biased;
            output = future => Some(output),
            () = self.until(|| !self.takes_events()) => None,
        }
    }

    /// Waits for a future. Returns `None` if the run ends first.
    pub(super) async fn unless_ended<F: Future>(&self, future: F) -> Option<F::Output> {
        tokio::select! {
            biased;
            output = future => Some(output),
            () = self.until(|| self.ending().is_some()) => None,
        }
    }

    /// Sleeps. Wakes early if the run ends.
    pub(super) async fn sleep(&self, wait: Duration) {
        let _ = self.unless_ended(time::sleep(wait)).await;
    }

    async fn until(&self, is_so: impl Fn() -> bool) {
        loop {
            let changed = self.changed.notified();
            if is_so() {
                return;
            }
            changed.await;
        }
    }
}

impl std::fmt::Debug for Flow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Flow").field(&self.backpressure.borrow()).field(&self.shutdown.borrow()).finish()
    }
}
