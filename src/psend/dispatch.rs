//! Takes events to the server: a fixed number of senders on one thread, each with a connection of its own.

mod answers;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rand::Rng;

use super::config::{Job, Plan};
use super::control::Control;
use super::cutoff::Cutoff;
use super::delivery::Delivery;
use super::gate::{Gate, Pass, Permit, Sign, Why};
use super::journal;
use super::meaning::Meaning;
use super::message;
use super::retry::{Budget, RetryAfter};
use super::shortage::{self, Shortage};
use super::sink::Sink;
use super::supply::{Left, Supply};
use super::tally::Tally;
use super::transport::{Failure, Fate, Reach, Transport};
use crate::cli::Console;
use crate::cli::values::Span;
use crate::clock::Clock;
use crate::record::outcome::{ErrorKind, Word};
use crate::seed::Generator;

/// All that the senders of a run share.
pub struct Dispatch {
    plan: Plan,
    clock: Arc<dyn Clock>,
    /// Where news is told while the run goes on.
    news: Option<Console>,
    /// Where events come from.
    pub supply: Supply,
    /// Where outcomes go.
    pub sink: Sink,
    /// What holds senders back.
    pub gate: Rc<Gate>,
    /// The run in figures.
    pub tally: Rc<RefCell<Tally>>,
    in_flight: Cell<usize>,
    /// Senders that have events on their hands: in flight, or waiting to be sent again.
    busy: Rc<Cell<usize>>,
    budget: RefCell<Budget>,
    jitter: RefCell<Generator>,
    key: Cell<KeyState>,
    /// Why no connection can be made, as far as it is known.
    pub no_server: RefCell<Option<Failure>>,
    /// What is known of the server's word in `--verify`.
    pub control: Control,
    shortage: Shortage,
    /// Statuses of 401 and 403 that are about an event, and not about the key.
    about_events: RefCell<Vec<u16>>,
    /// Whether a last try was granted to a server that is away.
    spared: Cell<bool>,
    /// The kinds of `Retry-After` that were told as odd.
    odd_retry_after: RefCell<Vec<RetryAfter>>,
}

/// What the answers so far say of the key.
#[derive(Debug, Clone, Copy)]
enum KeyState {
    /// All of them, so many, refused it with 401 or 403.
    Untried(u32),
    /// Some answer was another, but none was a success.
    Known,
    /// It has worked.
    Worked,
}

/// What is to become of events after an attempt.
enum Next {
    /// Nothing has left, so that there was no attempt.
    NotSent,
    /// Those that are left are tried again, after no less than this.
    Again(Duration),
    /// They are tried again in two halves, after no less than this: one of them may be at fault for all.
    Split(Duration),
}

impl Dispatch {
    /// A run that takes from `supply` and puts outcomes into `sink`; `jitter` spreads retries.
    #[allow(clippy::too_many_arguments)] // the parts of a run, put together in one place
    pub fn new(
        plan: Plan,
        clock: Arc<dyn Clock>,
        news: Option<Console>,
        supply: Supply,
        sink: Sink,
        gate: Rc<Gate>,
        tally: Rc<RefCell<Tally>>,
        busy: Rc<Cell<usize>>,
        jitter: Generator,
    ) -> Self {
        Self {
            budget: RefCell::new(Budget::new(plan.retry_budget)),
            jitter: RefCell::new(jitter),
            key: Cell::new(KeyState::Untried(0)),
            no_server: RefCell::new(None),
            control: Control::default(),
            shortage: Shortage::default(),
            about_events: RefCell::default(),
            spared: Cell::default(),
            odd_retry_after: RefCell::default(),
            plan,
            clock,
            news,
            supply,
            sink,
            gate,
            tally,
            in_flight: Cell::default(),
            busy,
        }
    }

    /// Requests in flight.
    pub fn in_flight(&self) -> usize {
        self.in_flight.get()
    }

    /// One sender: takes events and sees each to its end, until there are no more or the run ends.
    pub async fn send<T: Transport>(self: Rc<Self>, mut transport: T) {
        let mut cutoff = Cutoff::new(self.plan.timeout, Rc::clone(&self.gate));
        let mut group = Vec::new();
        while self.supply.fill(&mut group).await {
            self.busy.set(self.busy.get() + 1);
            self.ask_first(&mut transport, &mut cutoff, &group).await;
            self.deliver(&mut transport, &mut cutoff, &mut group).await;
            self.busy.set(self.busy.get() - 1);
            self.sink.room().await;
            if !self.plan.delay.is_zero() && !self.supply.is_over() {
                tokio::select! {
                    biased;
                    () = tokio::time::sleep(self.plan.delay) => {}
                    () = self.gate.closed() => {}
                }
            }
        }
    }

    /// With `--verify`, before the first of these events is asked for: makes sure that the answers can be believed.
    async fn ask_first<T: Transport>(&self, transport: &mut T, cutoff: &mut Cutoff, group: &[Delivery]) {
        let Job::Verify(path) = &self.plan.job else { return };
        let is_asked_for = |delivery: &&Delivery| {
            let event = &delivery.event;
            event.id().is_some() && !delivery.is_no_event() && message::event_uri(path, event).is_ok()
        };
        if let Some(delivery) = group.iter().find(is_asked_for) {
            self.control.first(&delivery.event, async || self.ask(transport, cutoff).await).await;
        }
    }

    /// With `--verify`, after the last event: makes sure that the answers could be believed to the end.
    pub async fn ask_last<T: Transport>(&self, mut transport: T) {
        if self.gate.ending().is_none() && self.control.doubt().is_none() {
            let mut cutoff = Cutoff::new(self.plan.timeout, Rc::clone(&self.gate));
            self.ask(&mut transport, &mut cutoff).await;
        }
    }

    async fn ask<T: Transport>(&self, transport: &mut T, cutoff: &mut Cutoff) {
        let question = self.control.question(&mut self.jitter.borrow_mut(), self.clock.elapsed());
        let Some(question) = question else { return };
        self.deliver(transport, cutoff, &mut vec![question]).await;
        if self.control.is_disproved() {
            self.gate.end(Why::NoVerdict);
        }
    }

    /// Gives up what was read and not taken up, and what comes from the input for as long as `more` of it is wanted: call when
    /// the senders are done and the run ended early.
    pub async fn give_up_rest(&self, more: impl Fn() -> bool) {
        loop {
            let more = more();
            match self.supply.next_left().await {
                Left::Event(mut delivery) => {
                    self.give_up(&mut delivery);
                    self.record(*delivery);
                    self.sink.room().await;
                }
                Left::NothingYet if more => {}
                Left::NothingYet | Left::End => return,
            }
        }
    }

    /// Sees all events of a group to their end: together as long as they share their fate, else in parts.
    async fn deliver<T: Transport>(&self, transport: &mut T, cutoff: &mut Cutoff, group: &mut Vec<Delivery>) {
        self.set_aside(group);
        let mut parts = Vec::new();
        loop {
            while !group.is_empty() {
                let Some(permit) = self.pass(group.len()).await else {
                    group.iter_mut().for_each(|delivery| self.give_up(delivery));
                    self.record_all(group);
                    break;
                };
                let began = self.clock.elapsed();
                if let Err(failure) = self.connect(transport).await {
                    self.refused(failure, began).await;
                    continue;
                }
                // A rate limit may have been met while the connection was made.
                if self.gate.ending().is_some() || self.gate.is_quiet(self.clock.elapsed()) {
                    continue;
                }
                let next = self.attempt(transport, cutoff, group, began).await;
                drop(permit);
                match next {
                    Next::NotSent => {}
                    Next::Split(wait) => {
                        parts.push(group.split_off(group.len() / 2));
                        self.sleep(wait).await;
                    }
                    Next::Again(wait) => {
                        let pause = self.record_done(group);
                        if group.is_empty() {
                            break;
                        }
                        self.sleep(wait.max(pause)).await;
                        if self.gate.ending().is_some() {
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

    /// Takes lines out of the group that cannot be sent.
    fn set_aside(&self, group: &mut Vec<Delivery>) {
        let no_events = group.extract_if(.., |delivery| {
            if self.plan.send_malformed && delivery.is_malformed() {
                delivery.send_all_the_same();
            }
            if let Some(why) = message::obstacle(&self.plan, &delivery.event) {
                delivery.cannot_be_sent(&why);
            }
            if delivery.must_not_be_sent_again() {
                let why = "the run that was cut off may have sent it; without an id it is not sent again";
                delivery.given_up(ErrorKind::Interrupted, why.to_owned());
            }
            delivery.is_no_event() || delivery.must_not_be_sent_again()
        });
        no_events.for_each(|delivery| self.record(delivery));
        group.iter_mut().for_each(|delivery| delivery.body = message::body(&self.plan, &delivery.event));
    }

    async fn connect<T: Transport>(&self, transport: &mut T) -> Result<(), Failure> {
        tokio::select! {
            biased;
            done = transport.connect() => if done? == Reach::Connected { self.reached(Sign::Unreached) },
            () = self.gate.ended() => {}
        }
        Ok(())
    }

    /// The server is there, as this sign shows.
    fn reached(&self, sign: Sign) {
        self.shortage.end();
        if !self.gate.is_open()
            && let Some(away) = self.gate.reached(sign, self.clock.elapsed())
        {
            self.tell(format_args!("the server is there, after {:.1} s", away.as_secs_f64()));
        }
    }

    /// Sends the group in one request, and notes what each of its events met. The attempt began then.
    async fn attempt<T: Transport>(
        &self,
        transport: &mut T,
        cutoff: &mut Cutoff,
        group: &mut [Delivery],
        began: Duration,
    ) -> Next {
        let request = message::request(&self.plan, group);
        let sent = self.clock.elapsed();
        let sent_at = self.clock.at(sent);
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
            if !self.gate.is_aborted() {
                self.refused(failure.clone(), began).await;
            }
            return Next::NotSent;
        }
        group.iter_mut().for_each(|delivery| delivery.sent(sent, sent_at));
        match done {
            Ok(reply) => self.read(&reply, group, began),
            Err(failure) => {
                self.unanswered(failure, group);
                self.told_nothing(began);
                Next::Again(Duration::ZERO)
            }
        }
    }

    fn unanswered(&self, failure: Failure, group: &mut [Delivery]) {
        let Failure { kind, message, fate, .. } = failure;
        if !group[0].event.is_control() {
            self.tally.borrow_mut().broke(kind, fate == Fate::UnknownOnKept);
        }
        let message = self.plan.secrets.blank(message);
        // What the server did nothing with it cannot have taken.
        let meaning = if fate == Fate::Refused { Meaning::Retry } else { Meaning::NoAnswer };
        group.iter_mut().for_each(|delivery| delivery.unanswered(meaning, kind, message.clone()));
    }

    fn tell(&self, news: std::fmt::Arguments<'_>) {
        if let Some(console) = &self.news {
            console.note(news);
        }
    }

    /// No connection in an attempt that began then: nothing was sent, so that it is no attempt.
    async fn refused(&self, failure: Failure, began: Duration) {
        if failure.fate == Fate::Short {
            return self.short(failure, began).await;
        }
        let message = self.plan.secrets.blank(failure.message.clone());
        if failure.lasting {
            self.gate.end(Why::NoServer);
        }
        if self.gate.away(Sign::Unreached, began, self.clock.elapsed(), || false) && !failure.lasting {
            self.tell(format_args!("no server ({message}); trying again for {}", Span(self.plan.wait_for_server)));
        }
        let mut known = self.no_server.borrow_mut();
        // What lasts is the reason; that others who waited for the same connection got none only follows from it.
        if !known.as_ref().is_some_and(|known| known.lasting) {
            *known = Some(Failure { message, ..failure });
        }
    }

    async fn short(&self, failure: Failure, began: Duration) {
        let (lasted, is_news) = self.shortage.met(began, self.clock.elapsed());
        if is_news {
            self.tell(format_args!("{}; waiting for it", failure.message));
        }
        if lasted >= self.plan.wait_for_server {
            self.gate.end(Why::NoServer);
            *self.no_server.borrow_mut() = Some(failure);
        }
        self.sleep(shortage::WAIT).await;
    }

    /// Waits until the gate lets this sender pass with so many events; `None` where the run ends.
    async fn pass(&self, events: usize) -> Option<Permit<'_>> {
        loop {
            if self.gate.ending().is_some() {
                return None;
            }
            let now = self.clock.elapsed();
            match self.gate.look(now, events) {
                Pass::Go => return Some(self.gate.permit()),
                Pass::Changed => self.gate.changed().await,
                Pass::At(at) => {
                    tokio::select! {
                        biased;
                        () = tokio::time::sleep(at.saturating_sub(now)) => {}
                        () = self.gate.changed() => {}
                    }
                }
            }
        }
    }

    /// Sleeps, unless the run ends.
    async fn sleep(&self, wait: Duration) {
        tokio::select! {
            biased;
            () = tokio::time::sleep(wait) => {}
            () = self.gate.ended() => {}
        }
    }

    fn backoff(&self, attempts: u32) -> Duration {
        self.plan.retry.backoff(attempts, self.jitter.borrow_mut().next_u64())
    }

    /// Says why a delivery goes no further.
    fn give_up(&self, delivery: &mut Delivery) {
        match (self.gate.ending(), &*self.no_server.borrow()) {
            (Some(Why::NoServer), Some(failure)) => delivery.given_up(failure.kind, failure.message.clone()),
            (Some(Why::OutputBroke), _) => {
                delivery.given_up(ErrorKind::Interrupted, "outcomes can no longer be written".to_owned());
            }
            (Some(Why::OverRate), _) => {
                delivery.given_up(ErrorKind::Http, "the server refused everything for rate".to_owned());
            }
            (Some(Why::KeyRefused), _) => {
                delivery.given_up(ErrorKind::Http, "the server refused the key in every answer".to_owned());
            }
            (Some(Why::NoVerdict), _) => {
                let why = "the server does not say what is missing, so that it was not asked";
                delivery.given_up(ErrorKind::Http, why.to_owned());
            }
            _ => delivery.given_up(ErrorKind::Interrupted, "stopped before it was sent".to_owned()),
        }
    }

    /// Records the events that are not tried again, and counts a retry for the others where it costs one. Gives the pause
    /// before they are.
    fn record_done(&self, group: &mut Vec<Delivery>) -> Duration {
        let mut retries = None;
        let ended = group.extract_if(.., |delivery| {
            let last = delivery.last().expect("an attempt was made");
            let charged = self.costs_a_retry(delivery);
            // To ask once more does no harm where nothing is stored by it.
            let recognisable = delivery.event.id().is_some() || self.plan.job.is_verify();
            let again = delivery.has_retries()
                && self.plan.retry.again(delivery.retries(), last, charged, recognisable, delivery.is_uncertain());
            if again && charged {
                delivery.count_retry();
                retries = retries.max(Some(delivery.retries()));
            }
            if !again && charged && last == Meaning::Away {
                self.was_not_away(delivery);
            }
            !again
        });
        ended.for_each(|delivery| self.record(delivery));
        match retries {
            _ if group.is_empty() => Duration::ZERO,
            Some(retries) => self.backoff(retries).max(self.budget.borrow_mut().spend(self.clock.elapsed())),
            // The gate holds what is put off, unless the server takes others meanwhile.
            None if group.iter().any(|delivery| delivery.last() == Some(Meaning::Away)) => self.backoff(1),
            None => Duration::ZERO,
        }
    }

    fn record_all(&self, group: &mut Vec<Delivery>) {
        group.drain(..).for_each(|delivery| self.record(delivery));
    }

    fn record(&self, delivery: Delivery) {
        if delivery.event.is_control() {
            return self.control.ended(&delivery);
        }
        let now = self.clock.elapsed();
        let tags: Vec<(&str, Option<&[u8]>)> =
            self.plan.tags.iter().map(|(name, _)| name.as_str()).zip(delivery.event.tags()).collect();
        let outcome = delivery.outcome(now, &tags, self.plan.shard.as_deref());
        let event = &delivery.event;
        let word = outcome.outcome;
        // What the run ended on before the server could take it is as good as not sent.
        let is_open = match delivery.last() {
            None => !delivery.is_no_event() && !delivery.must_not_be_sent_again(),
            Some(Meaning::Away) => self.gate.ending().is_some() && delivery.may_be_left_open(),
            Some(_) => false,
        };
        let is_left = match word {
            Word::Accepted | Word::Duplicate | Word::Present => false,
            // What the journal does not tell of, --resume sends.
            _ => !(is_open && self.plan.journal),
        };
        // A line that was too long to be held was kept while it was read.
        let is_kept = self.plan.dead_letters && is_left && !event.line.is_empty();
        let dead_letter = is_kept.then_some(&*event.line);
        let done = (self.plan.journal && !is_open).then(|| (event.seq, journal::hash(&event.line, event.length)));
        self.sink.put(|out| outcome.write(out), dead_letter, done);
        let mut tally = self.tally.borrow_mut();
        tally.ended(word, delivery.first_sent(), now);
        if delivery.last() == Some(Meaning::PresentUnseen) {
            tally.not_shown();
        }
    }
}
