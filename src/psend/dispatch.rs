//! Takes events to the server: a fixed number of senders on one thread, each with a connection of its own.

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::header::{HeaderName, HeaderValue};
use rand::Rng;

use super::config::Plan;
use super::delivery::Delivery;
use super::gate::{Gate, Pass, Why};
use super::intake::{Event, Intake};
use super::journal;
use super::meaning::Meaning;
use super::pacing::Schedule;
use super::retry::Budget;
use super::sink::Sink;
use super::tally::{Late, Tally};
use super::transport::{Failure, Reply, Request, Transport};
use super::turn::Turn;
use crate::cli::Console;
use crate::clock::{Clock, Micros};
use crate::record::outcome::{ErrorKind, Word};
use crate::seed::Generator;

/// All that the senders of a run share.
pub struct Dispatch {
    plan: Plan,
    clock: Arc<dyn Clock>,
    console: Console,
    intake: Intake,
    /// Where outcomes go.
    pub sink: Sink,
    /// What holds senders back.
    pub gate: Gate,
    /// The run in figures.
    pub tally: RefCell<Tally>,
    budget: RefCell<Budget>,
    jitter: RefCell<Generator>,
    in_flight: Cell<usize>,
    turn: Turn,
    schedule: Option<RefCell<Schedule>>,
    began: Cell<Option<Duration>>,
    taken: Cell<u64>,
    key_refused: Cell<u32>,
    started_at: Micros,
    behind: Cell<Option<Late>>,
    no_server: RefCell<Option<Failure>>,
}

impl Dispatch {
    /// A run that takes from `intake` and puts outcomes into `sink`; `jitter` spreads retries.
    pub fn new(
        plan: Plan,
        clock: Arc<dyn Clock>,
        console: Console,
        intake: Intake,
        sink: Sink,
        schedule: Option<Schedule>,
        jitter: Generator,
    ) -> Self {
        Self {
            gate: Gate::new(plan.wait_for_server),
            budget: RefCell::new(Budget::new(plan.retry_budget)),
            tally: RefCell::default(),
            jitter: RefCell::new(jitter),
            in_flight: Cell::new(0),
            turn: Turn::default(),
            schedule: schedule.map(RefCell::new),
            began: Cell::new(None),
            taken: Cell::new(0),
            key_refused: Cell::new(0),
            started_at: clock.now() - Micros::try_from(clock.elapsed().as_micros()).unwrap_or(0),
            behind: Cell::new(None),
            no_server: RefCell::new(None),
            plan,
            clock,
            console,
            intake,
            sink,
        }
    }

    /// Requests in flight.
    pub fn in_flight(&self) -> usize {
        self.in_flight.get()
    }

    /// Why no connection can be made, as far as it is known.
    pub fn no_server(&self) -> Option<String> {
        self.no_server.borrow().as_ref().map(|failure| failure.message.clone())
    }

    /// When the first event was at hand, since the start of the run; the open loop's schedule starts there.
    pub fn began(&self) -> Option<Duration> {
        self.began.get()
    }

    /// The number of the last line that was taken up.
    pub fn taken(&self) -> u64 {
        self.taken.get()
    }

    /// One sender: takes events and sees each to its end, until there are no more or the run ends.
    pub async fn send<T: Transport>(self: Rc<Self>, mut transport: T) {
        while let Some(taken) = self.next().await {
            let delivery = self.deliver(&mut transport, taken).await;
            self.record(delivery);
            self.sink.room().await;
            if !self.plan.delay.is_zero() {
                self.sleep(self.plan.delay).await;
            }
        }
    }

    /// Gives up what was read and not taken up, or `all` of the input: call when the senders are done and the run ended
    /// early.
    pub async fn give_up_rest(&self, all: bool) {
        // A reader that waits for input which may never come has handed on all that it has.
        const LONGEST_GAP: Duration = Duration::from_millis(200);
        loop {
            let next = if all {
                self.intake.next().await
            } else {
                tokio::time::timeout(LONGEST_GAP, self.intake.next()).await.ok().flatten()
            };
            let Some(event) = next else { return };
            let mut delivery = self.take(event);
            self.give_up(&mut delivery);
            self.record(delivery);
            self.sink.room().await;
        }
    }

    async fn next(&self) -> Option<Delivery> {
        if self.gate.is_closed() {
            return None;
        }
        match &self.schedule {
            None => self.next_at_hand().await,
            Some(schedule) => self.next_due(schedule).await,
        }
    }

    /// Waits for something, unless no new event may be taken up any more.
    async fn unless_closed<F: Future>(&self, wanted: F) -> Option<F::Output> {
        tokio::select! {
            biased;
            got = wanted => Some(got),
            () = self.gate.closed() => None,
        }
    }

    /// The closed loop: the next event, now.
    async fn next_at_hand(&self) -> Option<Delivery> {
        // While events are at hand nobody waits for a turn: parking senders here halved the rate (limits.md).
        if let Some(event) = self.intake.at_hand() {
            return Some(self.take(event));
        }
        let _turn = self.unless_closed(self.turn.take()).await?;
        let event = self.unless_closed(self.intake.next()).await??;
        Some(self.take(event))
    }

    /// The open loop: the next event, when it is due.
    async fn next_due(&self, schedule: &RefCell<Schedule>) -> Option<Delivery> {
        let turn = self.unless_closed(self.turn.take()).await?;
        let asked = self.clock.elapsed();
        let due = schedule.borrow_mut().due().filter(|due| self.is_before_the_end(*due));
        let Some(due) = due else {
            self.gate.close();
            return None;
        };
        let event = tokio::select! {
            biased;
            event = self.unless_closed(self.intake.next()) => event??,
            () = self.time_is_up() => {
                self.gate.close();
                return None;
            }
        };
        let due = schedule.borrow_mut().due_by(due, event.timestamp);
        if !self.is_before_the_end(due) {
            self.gate.close();
            return None;
        }
        let mut delivery = self.take(event);
        let due = due + self.began.get().unwrap_or_default();
        let now = self.clock.elapsed();
        self.note_lateness(due, asked, now);
        delivery.since = due;
        delivery.scheduled_at = Some(self.wall(due));
        // The turn is held while waiting, so that one event at most is taken up before it is due. An end of the run is
        // met before sending.
        self.sleep(due.saturating_sub(now)).await;
        drop(turn);
        Some(delivery)
    }

    fn take(&self, event: Event) -> Delivery {
        let now = self.clock.elapsed();
        if self.began.get().is_none() {
            self.began.set(Some(now));
        }
        self.taken.set(event.seq);
        Delivery::new(event, now)
    }

    fn wall(&self, elapsed: Duration) -> Micros {
        self.started_at + Micros::try_from(elapsed.as_micros()).unwrap_or(Micros::MAX / 2)
    }

    fn is_before_the_end(&self, due: Duration) -> bool {
        self.plan.duration.is_none_or(|duration| due < duration)
    }

    /// Waits until the time for taking up events is over.
    async fn time_is_up(&self) {
        match (self.plan.duration, self.began.get()) {
            (Some(duration), Some(began)) => {
                tokio::time::sleep((began + duration).saturating_sub(self.clock.elapsed())).await;
            }
            _ => std::future::pending().await,
        }
    }

    fn note_lateness(&self, due: Duration, asked: Duration, now: Duration) {
        /// Timers have a resolution of a millisecond; less than this is no lateness.
        const SLACK: Duration = Duration::from_millis(10);
        let by = now.saturating_sub(due);
        if by < SLACK {
            self.behind.set(None);
            return;
        }
        let why = if now.saturating_sub(asked) >= SLACK {
            Late::Input
        } else if self.turn.waiting() == 0 && self.in_flight.get() + 1 >= self.plan.concurrency {
            Late::Senders
        } else {
            // Catching up: what made the events before late makes this one late too.
            self.behind.get().unwrap_or(Late::Itself)
        };
        self.behind.set(Some(why));
        self.tally.borrow_mut().late(why, by);
    }

    async fn deliver<T: Transport>(&self, transport: &mut T, mut delivery: Delivery) -> Delivery {
        if self.plan.send_malformed && delivery.is_malformed() {
            delivery.send_all_the_same();
        } else if delivery.is_no_event() {
            return delivery;
        }
        delivery.body = self.body(&delivery.event);
        loop {
            if !self.pass().await {
                self.give_up(&mut delivery);
                return delivery;
            }
            if let Err(failure) = self.connect(transport).await {
                self.refused(failure);
                continue;
            }
            if self.gate.ending().is_some() {
                continue;
            }
            if delivery.attempts() == 0 {
                self.budget.borrow_mut().earn();
            }
            let wait = match self.attempt(transport, &mut delivery).await {
                Ok(reply) => self.read(reply, &mut delivery),
                Err(failure) if !failure.sent => {
                    self.refused(failure);
                    continue;
                }
                Err(failure) => {
                    self.tally.borrow_mut().broke(failure.kind);
                    delivery.unanswered(failure.kind, self.plan.secrets.blank(failure.message));
                    Duration::ZERO
                }
            };
            let attempts = delivery.attempts();
            let recognisable = delivery.event.id().is_some();
            let Some(last) = delivery.last() else { continue };
            if !self.plan.retry.again(attempts, last, recognisable, delivery.is_uncertain()) {
                return delivery;
            }
            let wait = wait.max(self.backoff(attempts)).max(self.budget.borrow_mut().spend(self.clock.elapsed()));
            self.sleep(wait).await;
            if self.gate.ending().is_some() {
                return delivery;
            }
        }
    }

    async fn connect<T: Transport>(&self, transport: &mut T) -> Result<(), Failure> {
        tokio::select! {
            biased;
            done = transport.connect() => done?,
            () = self.gate.ended() => return Ok(()),
        }
        if let Some(away) = self.gate.reached(self.clock.elapsed()) {
            self.tally.borrow_mut().waited(away);
            self.console.note(format_args!("the server is there, after {:.1} s", away.as_secs_f64()));
        }
        Ok(())
    }

    async fn attempt<T: Transport>(&self, transport: &mut T, delivery: &mut Delivery) -> Result<Reply, Failure> {
        let request = self.request(delivery);
        let began = self.clock.now();
        self.in_flight.set(self.in_flight.get() + 1);
        let done = tokio::select! {
            biased;
            done = tokio::time::timeout(self.plan.timeout, transport.exchange(request)) => {
                done.unwrap_or_else(|_| {
                    Err(Failure::unanswered(ErrorKind::Timeout, format!("no whole answer within {:?}", self.plan.timeout)))
                })
            }
            () = self.gate.aborted() => {
                Err(Failure::unanswered(ErrorKind::Interrupted, "no answer before the end of --grace"))
            }
        };
        self.in_flight.set(self.in_flight.get() - 1);
        if done.as_ref().map_or_else(|failure| failure.sent, |_| true) {
            delivery.sent_at.get_or_insert(began);
        }
        done
    }

    /// Takes an answer to the books. Gives the wait that the server asks for.
    fn read(&self, reply: Reply, delivery: &mut Delivery) -> Duration {
        self.tally.borrow_mut().answered(reply.status, reply.latency);
        self.look_at_the_key(reply.status);
        let now = self.clock.now();
        let reading = self.plan.dialect.read(reply.status, &reply.body, now);
        let complaint = reading.complaint.map(|text| self.plan.secrets.blank(text));
        delivery.answered(reading.meaning, reply.status, reply.latency, complaint);
        if !reading.meaning.retryable() {
            return Duration::ZERO;
        }
        let header = reply.retry_after.and_then(|value| self.plan.retry.retry_after(value.as_bytes(), now));
        let wait = header.or(reading.wait);
        if reading.meaning == Meaning::RateLimited {
            self.rate_limited(wait.unwrap_or_else(|| self.backoff(delivery.attempts())));
        }
        wait.unwrap_or_default()
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
        let now = self.clock.elapsed();
        if self.gate.pause(now + wait) && wait >= Duration::from_millis(500) {
            self.tally.borrow_mut().waited(wait);
            self.console.note(format_args!("rate limit: waiting {:.1} s", wait.as_secs_f64()));
        }
    }

    /// No connection: nothing was sent, so that it is no attempt.
    fn refused(&self, failure: Failure) {
        let message = self.plan.secrets.blank(failure.message.clone());
        if failure.lasting {
            self.gate.end(Why::NoServer);
        }
        if self.gate.refused(self.clock.elapsed()) && !failure.lasting {
            self.console.note(format_args!(
                "no server ({message}); trying again for {}",
                crate::cli::values::Span(self.plan.wait_for_server)
            ));
        }
        *self.no_server.borrow_mut() = Some(Failure { message, ..failure });
    }

    /// What goes out for an event: the line's own bytes, as they are or compressed.
    fn body(&self, event: &Event) -> Bytes {
        if !self.plan.gzip {
            return event.line.clone();
        }
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        let done = gzip.write_all(&event.line).and_then(|()| gzip.finish());
        done.expect("writing to memory does not fail").into()
    }

    fn request(&self, delivery: &Delivery) -> Request {
        let mut headers = self.plan.headers.clone();
        for (name, before, after) in &self.plan.id_headers {
            let id = delivery.event.id().map(|raw| crate::jsonl::value::label(raw).into_owned()).unwrap_or_default();
            if let Ok(value) = HeaderValue::from_str(&format!("{before}{id}{after}")) {
                headers.insert(HeaderName::clone(name), value);
            }
        }
        Request { method: self.plan.method.clone(), uri: self.plan.uri.clone(), headers, body: delivery.body.clone() }
    }

    /// Waits until the gate lets this sender pass; `false` where the run ends.
    async fn pass(&self) -> bool {
        loop {
            if self.gate.ending().is_some() {
                return false;
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
                    .given_up(ErrorKind::Http, "the server refused the key for each of the first events".to_owned());
            }
            _ => delivery.given_up(ErrorKind::Interrupted, "stopped before it was sent".to_owned()),
        }
    }

    fn record(&self, delivery: Delivery) {
        let now = self.clock.elapsed();
        let tags: Vec<(&str, Option<&[u8]>)> =
            self.plan.tags.iter().map(|(name, _)| name.as_str()).zip(delivery.event.tags()).collect();
        let outcome = delivery.outcome(now, &tags, self.plan.shard.as_deref());
        let event = &delivery.event;
        let word = outcome.outcome;
        // A line that was too long to be held was kept while it was read.
        let undelivered = !matches!(word, Word::Accepted | Word::Duplicate) && !event.line.is_empty();
        let dead_letter = (self.plan.dead_letters && undelivered).then_some(&*event.line);
        let done =
            (self.plan.journal && word != Word::NotSent).then(|| (event.seq, journal::hash(&event.line, event.length)));
        self.sink.put(|out| outcome.write(out), dead_letter, done);
        self.tally.borrow_mut().ended(outcome.outcome, outcome.attempts > 0);
    }
}
