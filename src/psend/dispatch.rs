//! Takes events to the server: a fixed number of senders on one thread, each with a connection of its own.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rand::Rng;

use super::config::{Job, Plan};
use super::control::Control;
use super::cutoff::Cutoff;
use super::delivery::Delivery;
use super::dialect::Reading;
use super::gate::{Gate, Pass, Why};
use super::journal;
use super::meaning::Meaning;
use super::message;
use super::retry::Budget;
use super::shortage::{self, Shortage};
use super::sink::Sink;
use super::supply::{Left, Supply};
use super::tally::Tally;
use super::transport::{Failure, Fate, Reach, Reply, Transport};
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
    key_refused: Cell<u32>,
    /// Why no connection can be made, as far as it is known.
    pub no_server: RefCell<Option<Failure>>,
    /// What is known of the server's word in `--verify`.
    pub control: Control,
    shortage: Shortage,
}

/// What is to become of events after an attempt.
enum Next {
    /// Nothing has left, so that there was no attempt.
    NotSent,
    /// Those that are left are tried again, after no less than this.
    Again(Duration),
    /// They are tried again in two halves: one of them may be at fault for all.
    Split,
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
            key_refused: Cell::new(0),
            no_server: RefCell::new(None),
            control: Control::default(),
            shortage: Shortage::default(),
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
                if !self.pass().await {
                    group.iter_mut().for_each(|delivery| self.give_up(delivery));
                    self.record_all(group);
                    break;
                }
                let began = self.clock.elapsed();
                if let Err(failure) = self.connect(transport).await {
                    self.refused(failure, began).await;
                    continue;
                }
                if self.gate.ending().is_some() {
                    continue;
                }
                match self.attempt(transport, cutoff, group, began).await {
                    Next::NotSent => {}
                    Next::Split => parts.push(group.split_off(group.len() / 2)),
                    Next::Again(wait) => {
                        self.record_done(group);
                        let Some(retries) = group.iter().map(Delivery::retries).max() else { break };
                        let budgeted = self.budget.borrow_mut().spend(self.clock.elapsed());
                        self.sleep(wait.max(self.backoff(retries)).max(budgeted)).await;
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
            } else if let Job::Verify(path) = &self.plan.job {
                let field = &self.plan.id_field;
                if delivery.event.id().is_none() {
                    delivery.cannot_be_asked_for(format_args!(
                        "no id in '{field}', by which the server is asked for an event"
                    ));
                } else if let Err(why) = message::event_uri(path, &delivery.event) {
                    delivery.cannot_be_asked_for(format_args!("the id in '{field}' makes no path to ask at: {why}"));
                }
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
            done = transport.connect() => if done? == Reach::Connected { self.reached() },
            () = self.gate.ended() => {}
        }
        Ok(())
    }

    /// The server is there.
    fn reached(&self) {
        self.shortage.end();
        if !self.gate.is_open()
            && let Some(away) = self.gate.reached(self.clock.elapsed())
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
        self.reached();
        group.iter_mut().for_each(|delivery| delivery.sent(sent, sent_at));
        match done {
            Ok(reply) => self.read(&reply, group),
            Err(failure) => {
                self.unanswered(failure, group);
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

    /// Takes an answer to the books of each event, and to everyone's where it is a rate limit.
    fn read(&self, reply: &Reply, group: &mut [Delivery]) -> Next {
        let mut limited = None;
        let next = self.read_of_each(reply, group, &mut limited);
        if let Some(wait) = limited {
            self.rate_limited(wait);
        }
        next
    }

    /// Leaves the longest wait of a rate limit in `limited`.
    fn read_of_each(&self, reply: &Reply, group: &mut [Delivery], limited: &mut Option<Duration>) -> Next {
        if !group[0].event.is_control() {
            self.tally.borrow_mut().answered(reply.status, reply.latency);
        }
        self.look_at_the_key(reply.status);
        let now = self.clock.wall();
        let asked = reply.retry_after.as_ref().and_then(|value| self.plan.retry.retry_after(value.as_bytes(), now));
        let whole = message::read(&self.plan, reply, &group[0].event, now);
        let mut wait = Duration::ZERO;
        if let Some(batch) = self.plan.job.batch() {
            if batch.splits(reply.status, whole.meaning) && group.len() > 1 {
                group.iter_mut().for_each(|delivery| {
                    delivery.answered(Meaning::Retry, reply.status, reply.latency, whole.complaint.clone());
                });
                return Next::Split;
            }
            if batch.tells_of_each(reply.status, whole.meaning) {
                match batch.read(&reply.body, group.len(), now, &self.plan.secrets) {
                    Ok(readings) => {
                        for (delivery, reading) in group.iter_mut().zip(readings) {
                            wait = wait.max(self.note(delivery, reading, reply, asked, limited));
                        }
                    }
                    Err(message) => {
                        let message = reply.body.unread().map_or(message, str::to_owned);
                        self.unanswered(Failure::unanswered(ErrorKind::Malformed, message), group);
                    }
                }
                return Next::Again(wait);
            }
        }
        let (last, others) = group.split_last_mut().expect("a request carries an event");
        for delivery in others {
            wait = wait.max(self.note(delivery, whole.clone(), reply, asked, limited));
        }
        Next::Again(wait.max(self.note(last, whole, reply, asked, limited)))
    }

    /// Takes what an answer says of one event to its books. Gives the wait that the server asks for.
    fn note(
        &self,
        delivery: &mut Delivery,
        reading: Reading,
        reply: &Reply,
        asked: Option<Duration>,
        limited: &mut Option<Duration>,
    ) -> Duration {
        delivery.answered(reading.meaning, reply.status, reply.latency, reading.complaint);
        let wait = asked.or(reading.wait);
        match reading.meaning {
            Meaning::RateLimited => {
                let wait = wait.unwrap_or_else(|| self.backoff(delivery.retries() + 1));
                *limited = (*limited).max(Some(wait));
                wait
            }
            Meaning::Retry | Meaning::Gateway => wait.unwrap_or_default(),
            _ => Duration::ZERO,
        }
    }

    /// A key that none of the first answers took will not be taken by the next (issue 5's figure).
    fn look_at_the_key(&self, status: u16) {
        const FIRST_ANSWERS: u32 = 100;
        let refused = self.key_refused.get();
        if refused >= FIRST_ANSWERS {
            return;
        }
        if !matches!(status, 401 | 403) {
            // One answer that is another settles it for good.
            self.key_refused.set(u32::MAX);
            return;
        }
        self.key_refused.set(refused + 1);
        if refused + 1 == FIRST_ANSWERS {
            self.gate.end(Why::KeyRefused);
        }
    }

    /// A rate limit holds for all senders, not only for the one that met it.
    fn rate_limited(&self, wait: Duration) {
        /// Each sender hears of the same limit, a little later than the one before.
        const NEWS: Duration = Duration::from_millis(100);
        const WORTH_TELLING: Duration = Duration::from_millis(500);
        let now = self.clock.elapsed();
        if self.gate.pause(now, now + wait) >= NEWS && wait >= WORTH_TELLING {
            self.tell(format_args!("rate limit: waiting {:.1} s", wait.as_secs_f64()));
        }
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
        if self.gate.refused(began, self.clock.elapsed()) && !failure.lasting {
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

    /// Waits until the gate lets this sender pass; `false` where the run ends.
    async fn pass(&self) -> bool {
        loop {
            if self.gate.ending().is_some() {
                return false;
            }
            if self.gate.is_open() {
                return true;
            }
            let now = self.clock.elapsed();
            match self.gate.look(now) {
                Pass::Go => return true,
                Pass::Changed => self.gate.changed().await,
                Pass::At(at) => {
                    tokio::select! {
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
            (Some(Why::KeyRefused), _) => {
                delivery
                    .given_up(ErrorKind::Http, "the server refused the key in each of the first answers".to_owned());
            }
            (Some(Why::NoVerdict), _) => {
                let why = "the server does not say what is missing, so that it was not asked";
                delivery.given_up(ErrorKind::Http, why.to_owned());
            }
            _ => delivery.given_up(ErrorKind::Interrupted, "stopped before it was sent".to_owned()),
        }
    }

    /// Records the events that are not tried again, and counts a retry for the others.
    fn record_done(&self, group: &mut Vec<Delivery>) {
        let ended = group.extract_if(.., |delivery| {
            let last = delivery.last().expect("an attempt was made");
            // To ask once more does no harm where nothing is stored by it.
            let recognisable = delivery.event.id().is_some() || self.plan.job.is_verify();
            let again = self.plan.retry.again(delivery.retries(), last, recognisable, delivery.is_uncertain());
            if again {
                delivery.count_retry();
            }
            !again
        });
        ended.for_each(|delivery| self.record(delivery));
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
        let is_left = match word {
            Word::Accepted | Word::Duplicate | Word::Present => false,
            // What the journal does not tell of, --resume sends.
            Word::NotSent => !self.plan.journal,
            _ => true,
        };
        // A line that was too long to be held was kept while it was read.
        let is_kept = self.plan.dead_letters && is_left && !event.line.is_empty();
        let dead_letter = is_kept.then_some(&*event.line);
        let done =
            (self.plan.journal && word != Word::NotSent).then(|| (event.seq, journal::hash(&event.line, event.length)));
        self.sink.put(|out| outcome.write(out), dead_letter, done);
        let mut tally = self.tally.borrow_mut();
        tally.ended(word, delivery.first_sent(), now);
        if delivery.last() == Some(Meaning::PresentUnseen) {
            tally.not_shown();
        }
    }
}
