//! A lock whose last waiter goes first.
//!
//! Senders that wait for an event hold warm connections. The one that was busy last has the warmest, so a run that needs few
//! connections opens few. For tasks of one thread.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// A lock that one task holds at a time.
#[derive(Debug, Default)]
pub(super) struct Turn {
    held: Cell<bool>,
    waiting: RefCell<Vec<Rc<Waiter>>>,
}

#[derive(Debug, Default)]
struct Waiter {
    granted: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

/// The lock, held. Dropping it passes it on.
#[derive(Debug)]
pub(super) struct Held<'a>(&'a Turn);

impl Turn {
    /// Waits for the lock.
    pub(super) async fn take(&self) -> Held<'_> {
        if !self.held.replace(true) {
            return Held(self);
        }
        let waiter = Rc::new(Waiter::default());
        self.waiting.borrow_mut().push(Rc::clone(&waiter));
        let leave = Leave { turn: self, waiter: &waiter };
        poll_fn(|cx| {
            if waiter.granted.get() {
                return Poll::Ready(());
            }
            *waiter.waker.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
        std::mem::forget(leave);
        Held(self)
    }

    fn pass_on(&self) {
        match self.waiting.borrow_mut().pop() {
            None => self.held.set(false),
            Some(next) => {
                next.granted.set(true);
                if let Some(waker) = next.waker.borrow_mut().take() {
                    waker.wake();
                }
            }
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.pass_on();
    }
}

/// Gives up the waiter of a task that no longer waits.
struct Leave<'a> {
    turn: &'a Turn,
    waiter: &'a Rc<Waiter>,
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        if self.waiter.granted.get() {
            self.turn.pass_on();
        } else {
            self.turn.waiting.borrow_mut().retain(|waiter| !Rc::ptr_eq(waiter, self.waiter));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::task::Context;

    #[test]
    fn the_last_to_ask_goes_first_and_one_that_leaves_holds_nobody_up() {
        let turn = Turn::default();
        let cx = &mut Context::from_waker(Waker::noop());
        let mut first = pin!(turn.take());
        let Poll::Ready(held) = first.as_mut().poll(cx) else { panic!("nobody holds it") };
        let mut second = pin!(turn.take());
        let mut third = Box::pin(turn.take());
        let mut fourth = Box::pin(turn.take());
        assert!(second.as_mut().poll(cx).is_pending());
        assert!(third.as_mut().poll(cx).is_pending());
        assert!(fourth.as_mut().poll(cx).is_pending());
        drop(fourth);
        drop(held);
        assert!(second.as_mut().poll(cx).is_pending());
        // The third was given the turn, and leaves without taking it.
        drop(third);
        assert!(second.as_mut().poll(cx).is_ready());
    }
}
