//! Cuts a request short when its time is over, or when all that is in flight is given up.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use tokio::task::unconstrained;
use tokio::time::{Instant, Sleep};

use super::flow::Flow;
use super::transport::Failure;
use crate::cli::values::Span;
use crate::record::outcome::ErrorKind;

/// A sender's cutoff, the same for all its requests.
///
/// Its timer is moved only when it fires, and it begins to wait for the end of the run only once: nearly every request is
/// answered long before its time, and setting a timer for each costs more than everything else that is done for it here.
pub(super) struct Cutoff {
    timeout: Duration,
    timer: Pin<Box<Sleep>>,
    flow: Rc<Flow>,
    /// Wakes the sender. Whether requests are given up is read from `flow`.
    aborted: Pin<Box<dyn Future<Output = ()>>>,
}

impl Cutoff {
    /// Requests have this much time. They are given up earlier when `flow` says so.
    pub(super) fn new(timeout: Duration, flow: Rc<Flow>) -> Self {
        Self {
            timeout,
            timer: Box::pin(tokio::time::sleep(timeout)),
            flow: Rc::clone(&flow),
            aborted: Box::pin(async move { flow.aborted().await }),
        }
    }

    /// Returns a request's result, or `None` if it was cut short.
    pub(super) async fn within<F: Future>(&mut self, request: F) -> Option<F::Output> {
        let mut request = pin!(request);
        // A timeout beyond the clock's range never ends.
        let over = Instant::now().checked_add(self.timeout);
        poll_fn(|cx| {
            if let Poll::Ready(done) = request.as_mut().poll(cx) {
                return Poll::Ready(Some(done));
            }
            if self.flow.is_aborted() || self.aborted.as_mut().poll(cx).is_ready() {
                return Poll::Ready(None);
            }
            // A steadily trickling response exhausts the task's budget, so the timer is polled unconstrained; otherwise it would
            // never fire.
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

    /// The failure of a request that was cut short.
    pub(super) fn failure(&self, may_have_left: bool) -> Failure {
        let time = Span(self.timeout);
        match (may_have_left, self.flow.is_aborted()) {
            (true, true) => Failure::unanswered(ErrorKind::Interrupted, "no answer before the end of --grace"),
            (true, false) => Failure::unanswered(ErrorKind::Timeout, format!("no complete answer within {time}")),
            (false, _) => Failure::unreached(ErrorKind::Timeout, format!("no connection within {time}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::backpressure::Backpressure;
    use super::super::shutdown::{EndReason, Shutdown};
    use super::*;
    use crate::clock::RuntimeClock;

    const TIMEOUT: Duration = Duration::from_millis(60);

    /// Works with a cutoff on a paused clock. A run that ends gives requests in flight no grace.
    fn with_cutoff<T>(work: impl AsyncFnOnce(Cutoff, Rc<Flow>) -> T) -> T {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
        runtime.block_on(async {
            let machines = (Backpressure::new(Duration::ZERO, 1), Shutdown::new(Duration::ZERO));
            let flow = Rc::new(Flow::new(Arc::new(RuntimeClock::start()), machines.0, machines.1));
            work(Cutoff::new(TIMEOUT, Rc::clone(&flow)), flow).await
        })
    }

    #[test]
    fn each_request_has_the_whole_time_whatever_the_one_before_took() {
        with_cutoff(async |mut cutoff, _| {
            assert_eq!(cutoff.within(tokio::time::sleep(TIMEOUT * 2 / 3)).await, Some(()));
            let began = Instant::now();
            assert_eq!(cutoff.within(std::future::pending::<()>()).await, None);
            assert_eq!(began.elapsed().as_millis(), TIMEOUT.as_millis());
        });
    }

    #[test]
    fn a_request_that_never_rests_is_cut_short_too() {
        with_cutoff(async |mut cutoff, _| {
            let restless = async {
                loop {
                    // A paused clock moves only while all tasks rest.
                    tokio::time::advance(Duration::from_millis(1)).await;
                    tokio::task::consume_budget().await;
                }
            };
            assert!(cutoff.within(restless).await.is_none());
        });
    }

    #[test]
    fn requests_in_flight_and_later_ones_are_cut_short_when_the_run_is_aborted() {
        with_cutoff(async |mut cutoff, flow| {
            let give_up = async {
                tokio::task::yield_now().await;
                flow.end(EndReason::Signal);
                flow.tick(Duration::from_secs(1));
            };
            let (cut, ()) = tokio::join!(cutoff.within(std::future::pending::<()>()), give_up);
            assert_eq!(cut, None);
            assert_eq!(cutoff.within(std::future::pending::<()>()).await, None);
        });
    }
}
