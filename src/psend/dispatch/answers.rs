//! What an answer means for the events that were sent, and for all senders.

use std::time::Duration;

use hyper::header::HeaderValue;

use super::{Dispatch, KeyState, Next};
use crate::cli::values::Span;
use crate::clock::Micros;
use crate::psend::delivery::Delivery;
use crate::psend::dialect::Reading;
use crate::psend::gate::{Sign, Why};
use crate::psend::meaning::Meaning;
use crate::psend::message;
use crate::psend::retry::RetryAfter;
use crate::psend::transport::{Failure, Reply};
use crate::record::outcome::ErrorKind;

/// What an answer means for all senders.
#[derive(Debug, Default)]
struct ForAll {
    /// How many events it settled.
    settled: usize,
    /// How many it refused for rate.
    over_rate: u64,
    /// The longest wait of a rate limit.
    limited: Option<Duration>,
    /// What a server says that is away.
    away: Option<String>,
}

impl Dispatch {
    /// Takes an answer to the books of each event, and to everyone's. The attempt began then.
    pub(super) fn read(&self, reply: &Reply, group: &mut [Delivery], began: Duration) -> Next {
        if !group[0].event.is_control() {
            self.tally.borrow_mut().answered(reply.status, reply.latency);
        }
        self.look_at_the_key(reply.status);
        let mut for_all = ForAll::default();
        let next = self.read_of_each(reply, group, &mut for_all);
        let ForAll { settled, over_rate, limited, away } = for_all;
        if settled > 0 {
            self.gate.settle(settled);
            self.spared.set(false);
        }
        if over_rate > 0 {
            self.tally.borrow_mut().over_rate(over_rate);
        }
        match away {
            Some(message) => self.away(message, began, group),
            None if settled > 0 || over_rate > 0 => self.reached(Sign::Answer),
            None => self.told_nothing(began),
        }
        if let Some(wait) = limited {
            self.rate_limited(wait);
        }
        next
    }

    fn read_of_each(&self, reply: &Reply, group: &mut [Delivery], for_all: &mut ForAll) -> Next {
        let now = self.clock.wall();
        let asked = self.asked_to_wait(reply, now);
        let mut whole = message::read(&self.plan, reply, &group[0].event, now);
        if self.is_away(reply.status, &whole) {
            whole.meaning = Meaning::Away;
        }
        let mut wait = Duration::ZERO;
        if let Some(batch) = self.plan.job.batch() {
            if batch.splits(reply.status, whole.meaning) && group.len() > 1 {
                group.iter_mut().for_each(|delivery| {
                    delivery.answered(Meaning::Retry, reply.status, reply.latency, whole.complaint.clone());
                });
                return Next::Split(asked.unwrap_or_default());
            }
            if batch.tells_of_each(reply.status, whole.meaning) {
                let ids: Vec<_> = group.iter().map(|delivery| delivery.event.id()).collect();
                let readings = batch.read(&reply.body, &ids, now, &self.plan.secrets);
                match readings {
                    Ok(readings) => {
                        for (delivery, reading) in group.iter_mut().zip(readings) {
                            match reading {
                                Ok(reading) => wait = wait.max(self.note(delivery, reading, reply, asked, for_all)),
                                Err(why) => self.unclear(delivery, why),
                            }
                        }
                        return Next::Again(wait);
                    }
                    // Where it refuses all, it need not tell of each.
                    Err(_) if whole.meaning == Meaning::Rejected => {}
                    Err(why) => {
                        let why = reply.body.unread().map_or(why, str::to_owned);
                        group.iter_mut().for_each(|delivery| self.unclear(delivery, why.clone()));
                        return Next::Again(wait);
                    }
                }
            }
        }
        let (last, others) = group.split_last_mut().expect("a request carries an event");
        for delivery in others {
            wait = wait.max(self.note(delivery, whole.clone(), reply, asked, for_all));
        }
        Next::Again(wait.max(self.note(last, whole, reply, asked, for_all)))
    }

    /// An answer does not tell what became of this event, and why.
    fn unclear(&self, delivery: &mut Delivery, why: String) {
        self.tally.borrow_mut().unclear(ErrorKind::Malformed);
        delivery.unanswered(Meaning::NoAnswer, ErrorKind::Malformed, self.plan.secrets.blank(why));
    }

    /// Takes what an answer says of one event to its books. Gives the wait that the server asks for, beside that of a rate
    /// limit, which holds for all.
    fn note(
        &self,
        delivery: &mut Delivery,
        reading: Reading,
        reply: &Reply,
        asked: Option<Duration>,
        for_all: &mut ForAll,
    ) -> Duration {
        let wait = asked.or(reading.wait);
        match reading.meaning {
            Meaning::RateLimited => {
                let windows = self.gate.barren(self.clock.elapsed()).0;
                let wait = wait.unwrap_or_else(|| self.backoff(windows.saturating_add(1)));
                for_all.over_rate += 1;
                for_all.limited = for_all.limited.max(Some(wait));
            }
            Meaning::Away => for_all.away.clone_from(&reading.complaint),
            Meaning::Retry | Meaning::Gateway | Meaning::NoAnswer => {}
            _ => for_all.settled += 1,
        }
        delivery.answered(reading.meaning, reply.status, reply.latency, reading.complaint);
        match reading.meaning {
            Meaning::Retry | Meaning::Gateway | Meaning::Away => wait.unwrap_or_default(),
            _ => Duration::ZERO,
        }
    }

    /// The wait that the answer's `Retry-After` asks for. The first that cannot be read or is too long is told.
    fn asked_to_wait(&self, reply: &Reply, now: Micros) -> Option<Duration> {
        let value = reply.retry_after.as_ref()?.as_bytes();
        let date = reply.date.as_ref().map(HeaderValue::as_bytes);
        let asked = self.plan.retry.retry_after(value, date, now);
        let longest = self.plan.retry.retry_after_max;
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
            let said = self.plan.secrets.blank(String::from_utf8_lossy(value).into_owned());
            let begun: String = said.chars().take(40).collect();
            self.tell(format_args!("Retry-After: '{begun}' {news} (told once)"));
        }
        wait
    }

    /// A key that none of the first answers took will not be taken by the next.
    fn look_at_the_key(&self, status: u16) {
        /// So many answers are waited for.
        const FIRST_ANSWERS: u32 = 100;
        self.key.set(match self.key.get() {
            KeyState::Untried(refused) if matches!(status, 401 | 403) => KeyState::Untried(refused.saturating_add(1)),
            KeyState::Untried(_) | KeyState::Known if (200..300).contains(&status) => KeyState::Worked,
            KeyState::Untried(_) => KeyState::Known,
            known => known,
        });
        if matches!(self.key.get(), KeyState::Untried(FIRST_ANSWERS..)) {
            self.gate.end(Why::KeyRefused);
        }
    }

    /// How many answers there were, where all of them refused the key.
    pub fn key_refused(&self) -> Option<u32> {
        match self.key.get() {
            KeyState::Untried(refused) if refused > 0 => Some(refused),
            _ => None,
        }
    }

    /// Whether a refusal of the key says that the server is away: the key has worked, and no rule of the dialect knows better.
    fn is_away(&self, status: u16, reading: &Reading) -> bool {
        reading.meaning == Meaning::Rejected
            && !reading.by_rule
            && matches!(status, 401 | 403)
            && matches!(self.key.get(), KeyState::Worked)
            && !self.about_events.borrow().contains(&status)
    }

    /// The server answers, and says that it can take nothing. A server that is waited for in vain is granted a last try with
    /// another event, for it may be this one that it does not like.
    fn away(&self, message: String, began: Duration, group: &mut [Delivery]) {
        let mut is_last = false;
        let last_try = || {
            is_last = !self.spared.replace(true);
            is_last
        };
        if self.gate.away(Sign::Answer, began, self.clock.elapsed(), last_try) {
            self.tell(format_args!(
                "the server is away ({message}); trying again for {}",
                Span(self.plan.wait_for_server)
            ));
        }
        if is_last {
            group.iter_mut().for_each(Delivery::spend_retries);
        }
        *self.no_server.borrow_mut() = Some(Failure::unreached(ErrorKind::Http, message));
    }

    /// An attempt came to no answer that says whether the server is away.
    pub(super) fn told_nothing(&self, began: Duration) {
        self.reached(Sign::Unreached);
        if self.gate.is_away() {
            self.gate.away(Sign::Answer, began, self.clock.elapsed(), || false);
        }
    }

    /// Whether another attempt at this event counts as a retry: not where it only waits for its turn.
    pub(super) fn costs_a_retry(&self, delivery: &mut Delivery) -> bool {
        let settled = self.gate.settled();
        match delivery.last() {
            // Others are let by; where none is, it costs one.
            Some(Meaning::RateLimited) => delivery.put_off(settled).unwrap_or(0) == settled,
            // The server takes more others than can have been on their way: it is this event that it does not like.
            Some(Meaning::Away) => {
                delivery.put_off_first(settled).is_some_and(|before| settled - before > self.gate.in_flight())
            }
            _ => true,
        }
    }

    /// The server takes other events and refused this one to the last: what it said is about events.
    pub(super) fn was_not_away(&self, delivery: &mut Delivery) {
        if let Some(status @ (401 | 403)) = delivery.status() {
            delivery.refused_after_all();
            self.about_events.borrow_mut().push(status);
        }
    }

    /// How long the server has refused everything for rate.
    pub fn over_rate_for(&self, now: Duration) -> Duration {
        self.gate.barren(now).1
    }

    /// A rate limit holds for all senders, not only for the one that met it.
    fn rate_limited(&self, wait: Duration) {
        /// Each sender hears of the same limit, a little later than the one before.
        const NEWS: Duration = Duration::from_millis(100);
        const WORTH_TELLING: Duration = Duration::from_millis(500);
        let now = self.clock.elapsed();
        if self.gate.pause(now, now.saturating_add(wait)) >= NEWS && wait >= WORTH_TELLING {
            self.tell(format_args!("rate limit: waiting {:.1} s", wait.as_secs_f64()));
        }
        let (windows, lasted) = self.gate.barren(now);
        if windows > self.plan.retry.retries.max(1) && lasted >= self.plan.wait_for_server {
            self.gate.end(Why::OverRate);
        }
    }
}
