//! Whether a request may still leave. The sender that gives it up and the thread that sends it decide on different threads, and
//! exactly one of them comes first: a request that was given up unsent is never sent later.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const HERE: u64 = 0;
const LEFT: u64 = 1;
const SHUT: u64 = 2;

/// The way out for one request after the other. Clones belong to the same way.
#[derive(Debug, Clone, Default)]
pub(in crate::psend) struct Exit {
    /// The request's number and what became of it.
    state: Arc<AtomicU64>,
    number: u64,
}

impl Exit {
    /// The way out for the next request.
    pub(in crate::psend) fn next(&mut self) -> u64 {
        self.number += 1;
        self.state.store(self.number << 2 | HERE, Ordering::Release);
        self.number
    }

    /// The same way, for the request of this number.
    pub(in crate::psend) fn of(&self, number: u64) -> Self {
        Self { state: Arc::clone(&self.state), number }
    }

    /// Lets the request leave. Returns whether it may.
    pub(in crate::psend) fn leave(&self) -> bool {
        self.change(HERE, LEFT)
    }

    /// Nothing of the request left after all.
    pub(in crate::psend) fn come_back(&self) {
        self.change(LEFT, HERE);
    }

    fn change(&self, from: u64, to: u64) -> bool {
        let [from, to] = [from, to].map(|what| self.number << 2 | what);
        self.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Lets the current request leave no more. Returns whether it may have left.
    pub(in crate::psend) fn shut(&self) -> bool {
        self.state.swap(self.number << 2 | SHUT, Ordering::AcqRel) != self.number << 2 | HERE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_was_given_up_unsent_never_leaves() {
        let mut exit = Exit::default();
        let first = exit.next();
        let sending = exit.of(first);
        assert!(!exit.shut(), "nothing had left");
        assert!(!sending.leave());
        let second = exit.next();
        assert!(!sending.leave(), "the old request does not leave in place of the next one");
        assert!(exit.of(second).leave());
        assert!(exit.shut(), "it had left");
    }

    #[test]
    fn a_request_may_leave_again_when_nothing_of_it_left() {
        let mut exit = Exit::default();
        let number = exit.next();
        let sending = exit.of(number);
        assert!(sending.leave());
        sending.come_back();
        assert!(sending.leave());
        sending.come_back();
        assert!(!exit.shut());
        assert!(!sending.leave());
    }
}
