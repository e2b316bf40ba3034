//! Sends events: a fixed number of senders on one thread, each with its own connection.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use super::answers::{Answers, Next};
use super::backpressure::Sign;
use super::config::Job;
use super::control::Control;
use super::cutoff::Cutoff;
use super::delivery::Delivery;
use super::find_rate::Ended;
use super::health::Health;
use super::journal;
use super::key::Current;
use super::meaning::Meaning;
use super::message;
use super::retry::Budget;
use super::shared::Shared;
use super::shutdown::EndReason;
use super::sink::Sink;
use super::supply::{Left, Supply};
use super::trace::Traced;
use super::transport::{Failure, Fate, Reply, Transport};
use crate::record::outcome::ErrorKind;

/// The status of an answer that refuses the key.
const UNAUTHORIZED: u16 = 401;

/// What sends the events of a run.
pub(super) struct Dispatch {
    /// Where events come from.
    pub(super) supply: Supply,
    /// Where outcomes go.
    pub(super) sink: Sink,
    /// What is known about the server.
    pub(super) health: Rc<Health>,
    /// `--verify`: whether the server's answers can be believed.
    pub(super) control: Control,
    shared: Rc<Shared>,
    answers: Answers,
    budget: RefCell<Budget>,
    in_flight: Cell<usize>,
}

impl Dispatch {
    /// Senders that share `shared`, take events from `supply` and put outcomes into `sink`.
    pub(super) fn new(shared: &Rc<Shared>, supply: Supply, sink: Sink) -> Rc<Self> {
        let health = Rc::new(Health::new(shared));
        Rc::new(Self {
            supply,
            sink,
            control: Control::default(),
            answers: Answers::new(shared, &health),
            health,
            budget: RefCell::new(Budget::new(shared.sending.retry_budget)),
            in_flight: Cell::default(),
            shared: Rc::clone(shared),
        })
    }

    /// Requests in flight.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.get()
    }

    /// One sender: takes events and sees each of them through, until there are no more or the run ends.
    pub(super) async fn send<T: Transport>(self: Rc<Self>, mut transport: T) {
        let Shared { sending, flow, busy, .. } = &*self.shared;
        let mut cutoff = Cutoff::new(sending.timeout, Rc::clone(flow));
        let mut group = Vec::new();
        while self.supply.fill(&mut group).await {
            busy.set(busy.get() + 1);
            self.ask_first(&mut transport, &mut cutoff, &group).await;
            self.deliver(&mut transport, &mut cutoff, &mut group).await;
            busy.set(busy.get() - 1);
            self.sink.room().await;
            if !sending.delay.is_zero() && !self.supply.is_over() {
                let _ = flow.while_events_are_taken(tokio::time::sleep(sending.delay)).await;
            }
        }
    }

    /// `--verify`, before the first of these events is asked for: makes sure that the answers can be believed.
    async fn ask_first<T: Transport>(&self, transport: &mut T, cutoff: &mut Cutoff, group: &[Delivery]) {
        let Job::Verify(question) = &self.shared.sending.job else { return };
        let is_asked_for = |delivery: &&Delivery| {
            let event = &delivery.event;
            event.id().is_some() && !delivery.is_no_event() && question.obstacle(event, "").is_none()
        };
        if let Some(delivery) = group.iter().find(is_asked_for) {
            self.control.first(&delivery.event, async || self.ask(transport, cutoff).await).await;
        }
    }

    /// `--verify`, after the last event: makes sure that the answers could be believed to the end.
    pub(super) async fn ask_last<T: Transport>(&self, mut transport: T) {
        if self.shared.flow.ending().is_none() && self.control.doubt().is_none() {
            let mut cutoff = Cutoff::new(self.shared.sending.timeout, Rc::clone(&self.shared.flow));
            self.ask(&mut transport, &mut cutoff).await;
        }
    }

    async fn ask<T: Transport>(&self, transport: &mut T, cutoff: &mut Cutoff) {
        let Shared { draws, clock, flow, .. } = &*self.shared;
        let question = self.control.question(&mut draws.borrow_mut(), clock.elapsed());
        let Some(question) = question else { return };
        self.deliver(transport, cutoff, &mut vec![question]).await;
        if self.control.is_disproved() {
            flow.end(EndReason::NoVerdict);
        }
    }

    /// Gives up events that were read and not taken, and those that still come while `more` are wanted. Call it when the senders
    /// are done and the run ended early.
    pub(super) async fn give_up_rest(&self, more: impl Fn() -> bool) {
        loop {
            let more = more();
            match self.supply.next_left().await {
                Left::Event(mut delivery) => {
                    self.health.give_up(&mut delivery);
                    self.record(&delivery);
                    self.sink.room().await;
                }
                Left::NothingYet if more => {}
                Left::NothingYet | Left::End => return,
            }
        }
    }

    /// Sees all events of a group through: together as long as they share their fate, otherwise in parts.
    async fn deliver<T: Transport>(&self, transport: &mut T, cutoff: &mut Cutoff, group: &mut Vec<Delivery>) {
        let flow = &self.shared.flow;
        self.set_aside(group);
        let mut parts = Vec::new();
        loop {
            while !group.is_empty() {
                if message::is_too_large(&self.shared.sending, group) {
                    parts.push(group.split_off(group.len() / 2));
                    continue;
                }
                let Some(permit) = flow.pass(group.len()).await else {
                    group.iter_mut().for_each(|delivery| self.health.give_up(delivery));
                    self.record_all(group);
                    break;
                };
                if let Err(failure) = self.connect(transport).await {
                    self.health.refused(failure, permit.since).await;
                    continue;
                }
                // The run may have ended, or met a rate limit, while the connection was made.
                if flow.must_wait() {
                    continue;
                }
                let next = self.attempt(transport, cutoff, group, permit.since).await;
                drop(permit);
                match next {
                    Next::NotSent | Next::KeyRenewed => {}
                    Next::Split(wait) => {
                        parts.push(group.split_off(group.len() / 2));
                        flow.sleep(wait).await;
                    }
                    Next::Again(wait) => {
                        let pause = self.record_done(group);
                        if group.is_empty() {
                            break;
                        }
                        flow.sleep(wait.max(pause)).await;
                        if flow.ending().is_some() {
                            self.record_all(group);
                        }
                    }
                }
            }
            match parts.pop() {
                Some(part) => *group = part,
                None => return,
            }
        }
    }

    /// Takes lines that cannot be sent out of the group.
    fn set_aside(&self, group: &mut Vec<Delivery>) {
        let sending = &self.shared.sending;
        group.retain_mut(|delivery| {
            message::prepare(sending, delivery);
            if delivery.must_not_be_sent_again() {
                let why = "the run that was cut off may have sent it; without an id it is not sent again";
                delivery.given_up(ErrorKind::Interrupted, why.to_owned());
            }
            let is_sendable = !delivery.is_no_event() && !delivery.must_not_be_sent_again();
            if !is_sendable {
                self.record(delivery);
            }
            is_sendable
        });
    }

    async fn connect<T: Transport>(&self, transport: &mut T) -> Result<(), Failure> {
        if let Some(connected) = self.shared.flow.unless_ended(transport.connect()).await {
            connected?;
            self.health.reached(Sign::Unreached);
        }
        Ok(())
    }

    /// Sends the group in one request, and notes the result for each of its events. The attempt began at `began`.
    async fn attempt<T: Transport>(
        &self,
        transport: &mut T,
        cutoff: &mut Cutoff,
        group: &mut [Delivery],
        began: Duration,
    ) -> Next {
        let Shared { sending, clock, flow, tally, allowed_delay, search, .. } = &*self.shared;
        let key = sending.key.current();
        let mut request = message::request(sending, group, &key);
        if let Some(signer) = &sending.signer {
            signer.sign(&mut request, clock.wall());
        }
        let mut traced = sending.trace.as_ref().map(|_| Traced::begin(&request, group, &sending.secrets));
        let sent = clock.elapsed();
        if group.iter().all(|delivery| delivery.attempts() == 0) {
            self.budget.borrow_mut().earn();
        }
        self.in_flight.set(self.in_flight.get() + 1);
        let done = cutoff.within(transport.exchange(request)).await;
        self.in_flight.set(self.in_flight.get() - 1);
        let done = done.unwrap_or_else(|| Err(cutoff.failure(transport.may_have_left())));
        if let Err(failure) = &done
            && failure.fate.is_unsent()
        {
            if failure.fate != Fate::Lost && !flow.is_aborted() {
                self.health.refused(failure.clone(), began).await;
            }
            return Next::NotSent;
        }
        // Another thread may have sent it a little later.
        let sent = done.as_ref().map_or(sent, |reply| reply.began.max(sent));
        let sent_at = clock.at(sent);
        for delivery in &mut *group {
            if let Some(late) = delivery.lateness(began, sent, *allowed_delay)
                && !self.supply.is_warm_up(delivery.since)
            {
                tally.borrow_mut().scheduled(late);
                if let (Some(search), Some(step)) = (search, delivery.step) {
                    search.borrow_mut().sent(step, delivery.since, late.map(|(cause, _)| cause));
                }
            }
            delivery.sent(sent, sent_at);
        }
        if let Some(traced) = &mut traced {
            traced.came(&done, &sending.secrets);
        }
        let next = match done {
            Ok(reply) if reply.status == UNAUTHORIZED && self.renew_key(&reply, &key, group).await => Next::KeyRenewed,
            Ok(reply) => {
                if (200..300).contains(&reply.status) {
                    sending.key.worked(key.generation);
                }
                self.answers.read(&reply, group, began, traced.as_mut())
            }
            Err(failure) => {
                let for_good = failure.lasting.then(|| failure.clone());
                let next = self.answers.missing(failure, group, began);
                if let Some(failure) = for_good {
                    self.health.refused(failure, began).await;
                }
                next
            }
        };
        if let (Some(trace), Some(traced)) = (&sending.trace, traced) {
            trace.put(traced, sent_at, group);
        }
        next
    }

    /// Whether there is another key after this one was refused. The answer to the old one is noted for each event.
    async fn renew_key(&self, reply: &Reply, key: &Current, group: &mut [Delivery]) -> bool {
        let Shared { sending, tally, .. } = &*self.shared;
        let renewed = sending.key.refused(key.generation).await;
        if let Err(why) = &renewed {
            self.shared.tell(format_args!("{}", sending.secrets.blank(why.clone())));
        }
        if !matches!(renewed, Ok(true)) {
            return false;
        }
        tally.borrow_mut().answered(reply.status, reply.latency);
        for delivery in group {
            let complaint = "HTTP 401: the key was asked for again".to_owned();
            delivery.answered(Meaning::Retry, reply.status, reply.latency, Some(complaint));
            message::prepare(sending, delivery);
        }
        true
    }

    /// Records the events that are not tried again, and counts a retry for the others if it costs one. Returns the pause before
    /// they are.
    fn record_done(&self, group: &mut Vec<Delivery>) -> Duration {
        let Shared { sending, clock, .. } = &*self.shared;
        let mut retries = None;
        group.retain_mut(|delivery| {
            let last = delivery.last().expect("an attempt was made");
            let charged = self.health.costs_a_retry(delivery);
            // Asking once more does no harm if nothing is stored by it.
            let has_name = delivery.event.id().is_some() && sending.dialect.idempotent != Some(false);
            let recognisable = has_name || sending.job.is_verify();
            let again = delivery.has_retries()
                && sending.retry.again(delivery.retries(), last, charged, recognisable, delivery.is_uncertain());
            if again && charged {
                delivery.count_retry();
                retries = retries.max(Some(delivery.retries()));
            }
            if !again {
                if charged && last == Meaning::Away {
                    self.health.was_not_away(delivery);
                }
                self.record(delivery);
            }
            again
        });
        match retries {
            _ if group.is_empty() => Duration::ZERO,
            Some(retries) => self.shared.backoff(retries).max(self.budget.borrow_mut().spend(clock.elapsed())),
            // Backpressure holds back what was put off, unless the server takes other events meanwhile.
            None if group.iter().any(|delivery| delivery.last() == Some(Meaning::Away)) => self.shared.backoff(1),
            None => Duration::ZERO,
        }
    }

    fn record_all(&self, group: &mut Vec<Delivery>) {
        group.drain(..).for_each(|delivery| self.record(&delivery));
    }

    /// Writes an event's outcome, its line if it is a dead letter, and its entry in the journal.
    fn record(&self, delivery: &Delivery) {
        if delivery.event.is_control() {
            return self.control.ended(delivery);
        }
        let Shared { sending, clock, flow, tally, search, .. } = &*self.shared;
        let now = clock.elapsed();
        let tags: Vec<(&str, Option<&[u8]>)> =
            sending.tags.iter().map(|(name, _)| name.as_str()).zip(delivery.event.tags()).collect();
        let warm_up = self.supply.is_warm_up(delivery.since);
        let mut outcome = delivery.outcome(now, &tags, sending.shard.as_deref());
        outcome.warm_up = warm_up;
        let event = &delivery.event;
        let word = outcome.outcome;
        // If the run ended before the server could take the event, it counts as not sent.
        let is_open = match delivery.last() {
            None => !delivery.is_no_event() && !delivery.must_not_be_sent_again(),
            Some(Meaning::Away) => flow.ending().is_some() && delivery.may_be_left_open(),
            Some(_) => false,
        };
        // --resume sends what the journal does not mention.
        let is_resumable = is_open && sending.journal;
        let is_left = !word.is_success() && !is_resumable;
        // A line that is too long to be held was kept while it was read.
        let is_kept = sending.dead_letters && is_left && !event.line.is_empty();
        let dead_letter = is_kept.then_some(&*event.line);
        let done = (sending.journal && !is_open).then(|| (event.seq, journal::hash(&event.line, event.length)));
        self.sink.put(|out| outcome.write(out), dead_letter, done);
        if let (Some(search), Some(step)) = (search, delivery.step) {
            let is_error = !word.is_success();
            let ended = Ended { end_to_end: outcome.end_to_end, latency: outcome.latency, is_error };
            search.borrow_mut().ended(step, delivery.since, &ended);
        }
        let mut tally = tally.borrow_mut();
        tally.ended(word, delivery.first_sent(), now);
        if !word.is_success() && delivery.last().is_some() {
            tally.refused(&delivery.answer());
        }
        if warm_up {
            tally.warmed_up();
        }
        if delivery.last() == Some(Meaning::PresentUnseen) {
            tally.not_shown();
        }
    }
}
