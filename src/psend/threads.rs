//! The threads of a run. The first one decides everything: what is sent next, when, what an answer means, what is written. The others
//! read and write for its senders, and join in one by one as the ones before have no time left.
//!
//! So a run with many threads has the order, the rate limits and the accounts of a run with one. About three tenths of the work stay on
//! the first thread: more than four or five threads are seldom of use.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::load::Load;
use super::transport::Transport;
use super::transport::remote::{Far, Lane, Movable, lane};

/// The share of a request's work that stays on the first thread.
const DECIDING: f64 = 0.3;

/// How long a thread must have been busy before another joins in.
const WINDOW: Duration = Duration::from_millis(100);

/// The share of that time that counts as busy. A thread that is busier adds delays of its own to what it measures.
const BUSY: f64 = 0.8;

/// How many senders each thread has. Those of the first come first.
fn shares(senders: usize, threads: usize) -> Vec<usize> {
    let first = ((1.0 / threads as f64 - DECIDING) / (1.0 - DECIDING)).max(0.0);
    let first = if threads == 1 { senders } else { (senders as f64 * first).round() as usize };
    let rest = senders - first;
    let others = threads - 1;
    std::iter::once(first).chain((0..others).map(|nth| rest * (nth + 1) / others - rest * nth / others)).collect()
}

/// Decides when another thread joins in. Pure: it is told the time.
#[derive(Debug, Default)]
struct Growth {
    looked: Duration,
    busy: Duration,
}

impl Growth {
    /// Whether another thread is to join in now. The first one was busy for `busy` so far.
    fn is_due(&mut self, now: Duration, busy: Duration) -> bool {
        let passed = now.saturating_sub(self.looked);
        if passed < WINDOW {
            return false;
        }
        let share = busy.saturating_sub(self.busy).as_secs_f64() / passed.as_secs_f64();
        (self.looked, self.busy) = (now, busy);
        share > BUSY
    }
}

/// A thread that has not joined in yet, or has.
struct Thread {
    lane: Rc<Lane>,
    senders: usize,
    far: RefCell<Option<Far>>,
}

/// The threads beside the first.
pub(super) struct Threads {
    first: usize,
    others: Vec<Thread>,
    growth: RefCell<Growth>,
    /// How many transports were handed out.
    given: Cell<usize>,
    running: RefCell<Vec<JoinHandle<Load>>>,
}

impl Threads {
    /// This many threads, the first among them, for this many senders.
    pub(super) fn new(senders: usize, threads: usize) -> Self {
        let shares = shares(senders, threads);
        let thread = |senders: &usize| {
            let (lane, far) = lane(*senders);
            Thread { lane, senders: *senders, far: RefCell::new(Some(far)) }
        };
        Self {
            first: shares[0],
            others: shares[1..].iter().map(thread).collect(),
            growth: RefCell::default(),
            given: Cell::default(),
            running: RefCell::default(),
        }
    }

    /// The transport of the next sender, which begins with this one.
    pub(super) fn next<T: Transport>(&self, here: T) -> Movable<T> {
        let nth = self.given.replace(self.given.get() + 1);
        let mut before = self.first;
        for thread in self.others.iter().filter(|_| nth >= self.first) {
            if nth < before + thread.senders {
                return Movable::new(here, &thread.lane, nth - before);
            }
            before += thread.senders;
        }
        Movable::fixed(here)
    }

    /// Lets another thread join in if there is one and the first is busy: `start` starts it. `busy` is how long the first was so far.
    ///
    /// # Errors
    /// If it cannot be started. Its senders then stay where they are.
    pub(super) fn look(
        &self,
        now: Duration,
        busy: Duration,
        start: impl FnOnce(Far) -> io::Result<()>,
    ) -> io::Result<()> {
        if self.growth.borrow_mut().is_due(now, busy) { self.join_in(start) } else { Ok(()) }
    }

    /// Lets the next thread join in, if there is one.
    ///
    /// # Errors
    /// As `start`.
    pub(super) fn join_in(&self, start: impl FnOnce(Far) -> io::Result<()>) -> io::Result<()> {
        let next = self.others.iter().find_map(|thread| Some((thread, thread.far.take()?)));
        let Some((thread, far)) = next else { return Ok(()) };
        start(far)?;
        thread.lane.turn_on();
        Ok(())
    }

    /// Keeps a thread that was started, which tells its load at its end.
    pub(super) fn keep(&self, thread: JoinHandle<Load>) {
        self.running.borrow_mut().push(thread);
    }

    /// Ends all threads. Returns their loads.
    pub(super) fn end(&self) -> Vec<Load> {
        self.others.iter().for_each(|thread| thread.lane.close());
        let running = self.running.take();
        running.into_iter().map(|thread| thread.join().expect("it does not panic")).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_sender_has_a_thread(senders in 1usize..2000, threads in 1usize..65) {
            let shares = shares(senders, threads);
            prop_assert_eq!(shares.len(), threads);
            prop_assert_eq!(shares.iter().sum::<usize>(), senders);
        }
    }

    #[test]
    fn the_first_thread_has_fewer_senders_since_it_decides_too() {
        assert_eq!(shares(100, 1), [100]);
        assert_eq!(shares(100, 2), [29, 71]);
        assert_eq!(shares(100, 4), [0, 33, 33, 34]);
    }

    #[test]
    fn a_thread_joins_in_when_the_first_has_been_busy_for_a_while() {
        let mut growth = Growth::default();
        let ms = Duration::from_millis;
        assert!(!growth.is_due(ms(50), ms(50)), "too soon to tell");
        assert!(growth.is_due(ms(100), ms(95)));
        assert!(!growth.is_due(ms(200), ms(170)), "it has time left");
        assert!(growth.is_due(ms(300), ms(270)));
    }
}
