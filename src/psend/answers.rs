//! What an answer, or a missing one, says about the events of a request.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use hyper::header::HeaderValue;

use super::delivery::Delivery;
use super::dialect::{BatchClassification, Classification};
use super::health::{ForAll, Health};
use super::meaning::Meaning;
use super::message;
use super::retry::RetryAfter;
use super::shared::Shared;
use super::trace::Traced;
use super::transport::{Failure, Fate, Reply};
use crate::cli::values::Span;
use crate::clock::Micros;
use crate::record::outcome::ErrorKind;

/// What happens to events after an attempt.
pub(super) enum Next {
    /// Nothing left this computer, so there was no attempt.
    NotSent,
    /// They are sent again with another key, which does not count as a retry.
    KeyRenewed,
    /// Those that are not done are tried again, after no less than this.
    Again(Duration),
    /// They are tried again in two halves, after no less than this: one of them may be at fault for all.
    Split(Duration),
}

/// Reads answers.
pub(super) struct Answers {
    shared: Rc<Shared>,
    health: Rc<Health>,
    /// The kinds of odd `Retry-After` that were reported.
    odd_retry_after: RefCell<Vec<RetryAfter>>,
}

impl Answers {
    pub(super) fn new(shared: &Rc<Shared>, health: &Rc<Health>) -> Self {
        Self { shared: Rc::clone(shared), health: Rc::clone(health), odd_retry_after: RefCell::default() }
    }

    /// Notes what an answer says about each event, and what it says about the server. The attempt began at `began`. If requests are
    /// kept, `traced` hears what decided.
    pub(super) fn read(
        &self,
        reply: &Reply,
        group: &mut [Delivery],
        began: Duration,
        traced: Option<&mut Traced>,
    ) -> Next {
        if !group[0].event.is_control() {
            self.shared.tally.borrow_mut().answered(reply.status, reply.latency);
        }
        self.health.look_at_the_key(reply.status);
        let mut for_all = ForAll::default();
        let next = self.read_of_each(reply, group, &mut for_all, traced);
        self.health.answered(for_all, began, group);
        next
    }

    /// Notes that no complete answer came. The attempt began at `began`.
    pub(super) fn missing(&self, failure: Failure, group: &mut [Delivery], began: Duration) -> Next {
        let Failure { kind, message, fate, .. } = failure;
        if !group[0].event.is_control() {
            self.shared.tally.borrow_mut().broke(kind, fate == Fate::UnknownOnKept);
        }
        let message = self.shared.sending.secrets.blank(message);
        // A server that did nothing with a request cannot have taken its events.
        let meaning = if fate == Fate::Refused { Meaning::Retry } else { Meaning::NoAnswer };
        group.iter_mut().for_each(|delivery| delivery.unanswered(meaning, kind, message.clone()));
        self.health.showed_nothing(began);
        Next::Again(Duration::ZERO)
    }

    fn read_of_each(
        &self,
        reply: &Reply,
        group: &mut [Delivery],
        for_all: &mut ForAll,
        traced: Option<&mut Traced>,
    ) -> Next {
        let sending = &self.shared.sending;
        let now = self.shared.clock.wall();
        let asked = self.asked_to_wait(reply, now);
        let mut whole = message::read(sending, reply, &group[0].event, now);
        if self.health.is_away(reply.status, &whole) {
            whole.meaning = Meaning::Away;
        }
        let mut wait = Duration::ZERO;
        let verdict = match sending.job.batch() {
            None => BatchClassification::Whole(whole),
            Some(batch) => {
                let ids: Vec<_> = group.iter().map(|delivery| delivery.event.id()).collect();
                batch.judge(whole, reply.status, &reply.body, &ids, now, &sending.secrets)
            }
        };
        if let Some(traced) = traced {
            traced.decided(&verdict, group.len());
        }
        let whole = match verdict {
            BatchClassification::Whole(whole) => whole,
            BatchClassification::Split(whole) => {
                group.iter_mut().for_each(|delivery| {
                    delivery.answered(Meaning::Retry, reply.status, reply.latency, whole.complaint.clone());
                });
                return Next::Split(asked.unwrap_or_default());
            }
            BatchClassification::Each(classifications) => {
                for (delivery, classification) in group.iter_mut().zip(classifications) {
                    match classification {
                        Ok(classification) => {
                            wait = wait.max(self.note(delivery, classification, reply, asked, for_all))
                        }
                        Err(why) => self.unclear(delivery, why),
                    }
                }
                return Next::Again(wait);
            }
            // Without its id the server does not recognise an event.
            BatchClassification::Halve(why) if group.iter().all(|delivery| delivery.event.id().is_some()) => {
                group.iter_mut().for_each(|delivery| {
                    delivery.answered(Meaning::Unclear, reply.status, reply.latency, Some(why.clone()));
                });
                return Next::Split(asked.unwrap_or_default());
            }
            BatchClassification::Halve(why) | BatchClassification::Unclear(why) => {
                let why = reply.body.unread().map_or(why, str::to_owned);
                group.iter_mut().for_each(|delivery| self.unclear(delivery, why.clone()));
                return Next::Again(wait);
            }
        };
        let (last, others) = group.split_last_mut().expect("a request carries an event");
        for delivery in others {
            wait = wait.max(self.note(delivery, whole.clone(), reply, asked, for_all));
        }
        Next::Again(wait.max(self.note(last, whole, reply, asked, for_all)))
    }

    /// An answer does not say what happened to this event, for the reason given.
    fn unclear(&self, delivery: &mut Delivery, why: String) {
        self.shared.tally.borrow_mut().unclear(ErrorKind::Malformed);
        delivery.unanswered(Meaning::NoAnswer, ErrorKind::Malformed, self.shared.sending.secrets.blank(why));
    }

    /// Notes what an answer says about one event. Returns how long the server asks to wait with it. A rate limit is not part of
    /// this, since it holds for all events.
    fn note(
        &self,
        delivery: &mut Delivery,
        classification: Classification,
        reply: &Reply,
        asked: Option<Duration>,
        for_all: &mut ForAll,
    ) -> Duration {
        let wait = asked.or(classification.wait);
        match classification.meaning {
            Meaning::RateLimited => {
                let windows = self.shared.flow.barren().0;
                let wait = wait.unwrap_or_else(|| self.shared.backoff(windows.saturating_add(1)));
                for_all.over_rate += 1;
                for_all.limited = for_all.limited.max(Some(wait));
            }
            Meaning::Away => for_all.away.clone_from(&classification.complaint),
            Meaning::Retry | Meaning::Gateway | Meaning::Unclear | Meaning::NoAnswer => {}
            _ => for_all.settled += 1,
        }
        delivery.answered(classification.meaning, reply.status, reply.latency, classification.complaint);
        match classification.meaning {
            Meaning::Retry | Meaning::Gateway | Meaning::Away => wait.unwrap_or_default(),
            _ => Duration::ZERO,
        }
    }

    /// The wait that the answer's `Retry-After` asks for. Reports the first that is unreadable and the first that is too long.
    fn asked_to_wait(&self, reply: &Reply, now: Micros) -> Option<Duration> {
        let sending = &self.shared.sending;
        let value = reply.retry_after.as_ref()?.as_bytes();
        let date = reply.date.as_ref().map(HeaderValue::as_bytes);
        let asked = sending.retry.retry_after(value, date, now);
        let longest = sending.retry.retry_after_max;
        let (wait, news) = match asked {
            RetryAfter::Wait(wait) => return Some(wait),
            RetryAfter::TooLong => {
                (Some(longest), format!("is longer than --retry-after-max; waiting {}", Span(longest)))
            }
            RetryAfter::Unreadable => (None, "is neither a number of seconds nor a date; ignored".to_owned()),
        };
        let mut told = self.odd_retry_after.borrow_mut();
        if !told.contains(&asked) {
            told.push(asked);
            let said = sending.secrets.blank(String::from_utf8_lossy(value).into_owned());
            let start: String = said.chars().take(40).collect();
            self.shared.tell(format_args!("Retry-After: '{start}' {news} (reported once)"));
        }
        wait
    }
}
