//! Cuts a request short when its time is over, or when all that is in flight is given up.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use tokio::task::unconstrained;
use tokio::time::{Instant, Sleep};

use super::gate::Gate;
use super::transport::Failure;
use crate::cli::values::Span;
use crate::record::outcome::ErrorKind;

/// A sender's cutoff, the same for all its requests.
///
/// Its timer is moved only when it fires, and its place among those who wait for the gate is taken once: nearly every request
/// is answered long before its time, and setting a timer for each costs more than all else that is done for it here.
pub struct Cutoff {
    timeout: Duration,
    timer: Pin<Box<Sleep>>,
    gate: Rc<Gate>,
    /// Wakes the sender; whether all is given up is read from the gate itself.
    aborted: Pin<Box<dyn Future<Output = ()>>>,
}

impl Cutoff {
    /// Requests have this much time, and are given up with the gate's word.
    pub fn new(timeout: Duration, gate: Rc<Gate>) -> Self {
        Self {
            timeout,
            timer: Box::pin(tokio::time::sleep(timeout)),
            gate: Rc::clone(&gate),
            aborted: Box::pin(async move { gate.aborted().await }),
        }
    }

    /// What a request came to; `None` where it was cut short.
    pub async fn within<F: Future>(&mut self, request: F) -> Option<F::Output> {
        let mut request = pin!(request);
        // A time-out beyond what a clock can hold never comes.
        let over = Instant::now().checked_add(self.timeout);
        poll_fn(|cx| {
            if let Poll::Ready(done) = request.as_mut().poll(cx) {
                return Poll::Ready(Some(done));
            }
            if self.gate.is_aborted() || self.aborted.as_mut().poll(cx).is_ready() {
                return Poll::Ready(None);
            }
            // A request to which something comes all the time uses up what a task may do at once; the time counts all the same.
            while let Some(over) = over
                && pin!(unconstrained(self.timer.as_mut())).poll(cx).is_ready()
            {
                if self.timer.deadline() >= over {
                    return Poll::Ready(None);
                }
                self.timer.as_mut().reset(over);
            }
            Poll::Pending
        })
        .await
    }

    /// What it means that a request was cut short.
    pub fn failure(&self, may_have_left: bool) -> Failure {
        let time = Span(self.timeout);
        match (may_have_left, self.gate.is_aborted()) {
            (true, true) => Failure::unanswered(ErrorKind::Interrupted, "no answer before the end of --grace"),
            (true, false) => Failure::unanswered(ErrorKind::Timeout, format!("no whole answer within {time}")),
            (false, _) => Failure::unreached(ErrorKind::Timeout, format!("no connection within {time}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_millis(60);

    fn with_cutoff<T>(work: impl AsyncFnOnce(Cutoff, Rc<Gate>) -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.block_on(async {
            let gate = Rc::new(Gate::new(Duration::ZERO, 1));
            work(Cutoff::new(TIMEOUT, Rc::clone(&gate)), gate).await
        })
    }

    #[test]
    fn each_request_has_the_whole_time_whatever_the_one_before_took() {
        with_cutoff(async |mut cutoff, _| {
            assert_eq!(cutoff.within(tokio::time::sleep(TIMEOUT * 2 / 3)).await, Some(()));
            let began = Instant::now();
            assert_eq!(cutoff.within(std::future::pending::<()>()).await, None);
            assert!(began.elapsed() >= TIMEOUT);
        });
    }

    #[test]
    fn a_request_that_never_rests_is_cut_short_too() {
        with_cutoff(async |mut cutoff, _| {
            let began = Instant::now();
            let restless = async {
                loop {
                    tokio::task::consume_budget().await;
                }
            };
            assert!(cutoff.within(restless).await.is_none());
            assert!(began.elapsed() < TIMEOUT * 20);
        });
    }

    #[test]
    fn what_is_in_flight_and_what_comes_after_is_cut_short_when_all_is_given_up() {
        with_cutoff(async |mut cutoff, gate| {
            let give_up = async {
                tokio::task::yield_now().await;
                gate.abort();
            };
            let (cut, ()) = tokio::join!(cutoff.within(std::future::pending::<()>()), give_up);
            assert_eq!(cut, None);
            assert_eq!(cutoff.within(std::future::pending::<()>()).await, None);
        });
    }
}
