//! What answers and failures show about the server as a whole: whether it is away, whether it takes the key, and whether this
//! computer can reach it at all. What follows for all senders goes to `flow`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use super::backpressure::Sign;
use super::delivery::Delivery;
use super::dialect::Classification;
use super::meaning::Meaning;
use super::shared::Shared;
use super::shortage::{self, Shortage};
use super::shutdown::EndReason;
use super::transport::{Failure, Fate};
use crate::cli::numbers;
use crate::cli::values::Span;
use crate::record::outcome::ErrorKind;

/// What the answers so far show about the key.
#[derive(Debug, Clone, Copy)]
enum KeyState {
    /// All of them refused it with 401 or 403: this many.
    Untried(u32),
    /// At least one did not refuse it, but none was a success.
    Known,
    /// It has worked.
    Worked,
}

/// What one answer says that concerns all senders.
#[derive(Debug, Default)]
pub(super) struct ForAll {
    /// How many events it settled.
    pub(super) settled: usize,
    /// How many events it refused for rate.
    pub(super) over_rate: u64,
    /// The longest wait of a rate limit.
    pub(super) limited: Option<Duration>,
    /// The words of a server that is away.
    pub(super) away: Option<String>,
}

/// What is known about the server.
pub(super) struct Health {
    shared: Rc<Shared>,
    key: Cell<KeyState>,
    /// Why no connection can be made, if it is known.
    no_server: RefCell<Option<Failure>>,
    shortage: Shortage,
    /// Which of the statuses 401 and 403 are about an event, not about the key.
    about_events: RefCell<Vec<u16>>,
    /// Whether a last try was granted to a server that is away.
    spared: Cell<bool>,
}

impl Health {
    pub(super) fn new(shared: &Rc<Shared>) -> Self {
        Self {
            shared: Rc::clone(shared),
            key: Cell::new(KeyState::Untried(0)),
            no_server: RefCell::default(),
            shortage: Shortage::default(),
            about_events: RefCell::default(),
            spared: Cell::default(),
        }
    }

    /// Why no connection can be made, if it is known.
    pub(super) fn no_server(&self) -> Option<Failure> {
        self.no_server.borrow().clone()
    }

    /// How many answers there were, if all of them refused the key.
    pub(super) fn key_refused(&self) -> Option<u32> {
        match self.key.get() {
            KeyState::Untried(refused) if refused > 0 => Some(refused),
            _ => None,
        }
    }

    /// Notes the status of an answer. A key that none of the first answers accepted is not accepted by the next one either.
    pub(super) fn look_at_the_key(&self, status: u16) {
        const FIRST_ANSWERS: u32 = 100;
        self.key.set(match self.key.get() {
            KeyState::Untried(refused) if matches!(status, 401 | 403) => KeyState::Untried(refused.saturating_add(1)),
            KeyState::Untried(_) | KeyState::Known if (200..300).contains(&status) => KeyState::Worked,
            KeyState::Untried(_) => KeyState::Known,
            known => known,
        });
        if matches!(self.key.get(), KeyState::Untried(FIRST_ANSWERS..)) {
            self.shared.flow.end(EndReason::KeyRefused);
        }
    }

    /// Whether a refusal of the key means that the server is away: the key has worked, and no rule of the dialect says
    /// otherwise.
    pub(super) fn is_away(&self, status: u16, classification: &Classification) -> bool {
        classification.meaning == Meaning::Rejected
            && classification.rule.is_none()
            && matches!(status, 401 | 403)
            && matches!(self.key.get(), KeyState::Worked)
            && !self.about_events.borrow().contains(&status)
    }

    /// An answer came, to a request that began at `began`.
    pub(super) fn answered(&self, said: ForAll, began: Duration, group: &mut [Delivery]) {
        let ForAll { settled, over_rate, limited, away } = said;
        if settled > 0 {
            self.shared.flow.settle(settled);
            self.spared.set(false);
        }
        if over_rate > 0 {
            self.shared.tally.borrow_mut().over_rate(over_rate);
        }
        match away {
            Some(message) => self.says_it_is_away(message, began, group),
            None if settled > 0 || over_rate > 0 => self.reached(Sign::Answer),
            None => self.showed_nothing(began),
        }
        if let Some(wait) = limited {
            self.rate_limited(wait);
        }
    }

    /// The server is there, as this sign shows.
    pub(super) fn reached(&self, sign: Sign) {
        self.shortage.end();
        if let Some(away) = self.shared.flow.reached(sign) {
            self.shared.tell(format_args!("the server is back after {}", numbers::duration(away.as_secs_f64())));
        }
    }

    /// An attempt ended without an answer that shows whether the server is away.
    pub(super) fn showed_nothing(&self, began: Duration) {
        self.reached(Sign::Unreached);
        let flow = &self.shared.flow;
        if flow.is_away() && flow.away(Sign::Answer, began).is_over {
            flow.end(EndReason::NoServer);
        }
    }

    /// The server answers that it cannot take anything. When its time is over, it gets one last try with another event: maybe
    /// it was only this event that it did not like.
    fn says_it_is_away(&self, message: String, began: Duration, group: &mut [Delivery]) {
        let gone = self.shared.flow.away(Sign::Answer, began);
        if gone.is_over {
            if self.spared.replace(true) {
                self.shared.flow.end(EndReason::NoServer);
            } else {
                group.iter_mut().for_each(Delivery::spend_retries);
            }
        }
        if gone.is_news {
            let patience = Span(self.shared.sending.wait_for_server);
            self.shared.tell(format_args!("the server is away ({message}); trying again for {patience}"));
        }
        *self.no_server.borrow_mut() = Some(Failure::unreached(ErrorKind::Http, message));
    }

    /// No connection could be made, in an attempt that began at `began`. Nothing was sent, so this is not an attempt at an event. Or the
    /// server will take no request on any connection.
    pub(super) async fn refused(&self, failure: Failure, began: Duration) {
        if let Fate::Short(resource) = failure.fate {
            self.shared.tally.borrow_mut().short_of(resource);
            return self.short(failure, began).await;
        }
        let message = self.shared.sending.secrets.blank(failure.message.clone());
        let gone = self.shared.flow.away(Sign::Unreached, began);
        if failure.lasting || gone.is_over {
            self.shared.flow.end(EndReason::NoServer);
        }
        if gone.is_news && !failure.lasting {
            let patience = Span(self.shared.sending.wait_for_server);
            self.shared.tell(format_args!("no server ({message}); trying again for {patience}"));
        }
        let mut known = self.no_server.borrow_mut();
        // A lasting failure is the reason. That others waiting for the same connection failed too only follows from it.
        if !known.as_ref().is_some_and(|known| known.lasting) {
            *known = Some(Failure { message, ..failure });
        }
    }

    /// This computer lacks what another connection takes.
    async fn short(&self, failure: Failure, began: Duration) {
        let (lasted, is_news) = self.shortage.met(began, self.shared.clock.elapsed());
        if is_news {
            self.shared.tell(format_args!("{}; waiting for it", failure.message));
        }
        if lasted >= self.shared.sending.wait_for_server {
            self.shared.flow.end(EndReason::NoServer);
            *self.no_server.borrow_mut() = Some(failure);
        }
        self.shared.flow.sleep(shortage::WAIT).await;
    }

    /// A rate limit holds for all senders, not only for the one that met it.
    fn rate_limited(&self, wait: Duration) {
        /// All senders meet the same limit, each a little later than the one before.
        const NEWS: Duration = Duration::from_millis(100);
        const WORTH_TELLING: Duration = Duration::from_millis(500);
        let Shared { sending, flow, .. } = &*self.shared;
        if flow.pause(wait) >= NEWS && wait >= WORTH_TELLING {
            self.shared.tell(format_args!("rate limit: waiting {}", numbers::duration(wait.as_secs_f64())));
        }
        let (windows, lasted) = flow.barren();
        if windows > sending.retry.retries.max(1) && lasted >= sending.wait_for_server {
            flow.end(EndReason::OverRate);
        }
    }

    /// Whether another attempt at this event costs a retry. It does not if the event only waits for its turn.
    pub(super) fn costs_a_retry(&self, delivery: &mut Delivery) -> bool {
        let settled = self.shared.flow.settled();
        match delivery.last() {
            // Free as long as the server lets other events pass.
            Some(Meaning::RateLimited) => delivery.put_off(settled).unwrap_or(0) == settled,
            // The server took more other events than can have been in flight: it does not like this one.
            Some(Meaning::Away) => {
                delivery.put_off_first(settled).is_some_and(|before| settled - before > self.shared.flow.in_flight())
            }
            _ => true,
        }
    }

    /// The server takes other events, and refused this one as often as it was tried. So its answer was about the event.
    pub(super) fn was_not_away(&self, delivery: &mut Delivery) {
        if let Some(status @ (401 | 403)) = delivery.status() {
            delivery.refused_after_all();
            self.about_events.borrow_mut().push(status);
        }
    }

    /// Says why an event goes no further.
    pub(super) fn give_up(&self, delivery: &mut Delivery) {
        let (kind, message) = match (self.shared.flow.ending(), self.no_server()) {
            (Some(EndReason::NoServer), Some(failure)) => (failure.kind, failure.message),
            (Some(EndReason::OutputBroke), _) => {
                (ErrorKind::Interrupted, "outcomes can no longer be written".to_owned())
            }
            (Some(EndReason::OverRate), _) => (ErrorKind::Http, "the server refused everything for rate".to_owned()),
            (Some(EndReason::KeyRefused), _) => {
                (ErrorKind::Http, "the server refused the key in every answer".to_owned())
            }
            (Some(EndReason::TooManyErrors), _) => {
                (ErrorKind::Interrupted, "not sent, since too many events failed (--abort-on)".to_owned())
            }
            (Some(EndReason::NoVerdict), _) => {
                (ErrorKind::Http, "not asked, since the server does not say what is missing".to_owned())
            }
            (None | Some(EndReason::Signal | EndReason::NoServer), _) => {
                (ErrorKind::Interrupted, "stopped before it was sent".to_owned())
            }
        };
        delivery.given_up(kind, message);
    }
}
