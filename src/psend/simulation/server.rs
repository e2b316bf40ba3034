//! A server in memory: it stores events, answers late, wrongly or not at all, and notes each request that should not have come.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};

use super::dice::Dice;
use super::nature::{Mood, Nature, Span};
use super::scenario::Line;
use crate::psend::transport::kept::Limit;
use crate::psend::transport::{Failure, Fate};
use crate::record::outcome::ErrorKind;

/// The length of the windows of a server that names them, in whole seconds by the wall clock.
pub(super) const WINDOW: Duration = Duration::from_secs(1);

/// What a request asks for.
#[derive(Debug, Clone)]
pub(super) enum Question {
    /// To store this event.
    One(Value),
    /// To store these events.
    Batch(Vec<Value>),
    /// To show the event with this id.
    Show(String),
}

impl Question {
    /// The events to store.
    pub(super) fn events(&self) -> &[Value] {
        match self {
            Self::One(event) => std::slice::from_ref(event),
            Self::Batch(events) => events,
            Self::Show(_) => &[],
        }
    }
}

/// A sender's request, on its way to the server.
pub(super) struct Call {
    pub(super) question: Question,
    pub(super) answer: oneshot::Sender<Result<Response, Failure>>,
}

/// What the server says.
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) body: Value,
    pub(super) retry_after: Option<Duration>,
    /// Events that it does not mention.
    untold: Vec<u64>,
    /// Whether it refuses events for rate, and names the length of its windows.
    names_window: bool,
}

impl Response {
    fn new(status: u16, body: Value) -> Self {
        Self { status, body, retry_after: None, untold: Vec::new(), names_window: false }
    }

    fn error(status: u16, text: &str, retry_after: Option<Duration>) -> Self {
        Self { retry_after, ..Self::new(status, json!({"message": text})) }
    }
}

/// The server, and what it knows.
pub(super) struct Server {
    started: Instant,
    nature: Nature,
    dice: RefCell<Dice>,
    pub(super) calls: mpsc::UnboundedSender<Call>,
    /// The events that it can show, by their ids.
    shown: RefCell<BTreeMap<String, Value>>,
    /// Which line's event is stored under an id.
    ids: RefCell<BTreeMap<String, u64>>,
    /// How often each line's event is stored.
    pub(super) copies: RefCell<BTreeMap<u64, u32>>,
    /// Lines that were once sent without an answer that says what happened to them.
    pub(super) doubted: RefCell<BTreeSet<u64>>,
    /// What clients did that they must not.
    pub(super) faults: RefCell<Vec<String>>,
    /// When each request came, since the server's start.
    pub(super) arrivals: RefCell<Vec<Duration>>,
    window: Cell<(Duration, u64)>,
    pub(super) in_flight: Cell<usize>,
    /// The most requests that may be in flight.
    concurrency: usize,
    /// No request may come before this.
    pub(super) quiet: Cell<Duration>,
    /// When clients were last told so.
    told: Cell<Duration>,
    /// No request with this line may come before this.
    quiet_for: RefCell<BTreeMap<u64, Duration>>,
    pub(super) limit: Arc<Limit>,
}

impl Server {
    /// A server of this seed, for clients that may have this many requests in flight. Its calls come out of the second part.
    pub(super) fn new(seed: u64, concurrency: usize) -> (Rc<Self>, mpsc::UnboundedReceiver<Call>) {
        let mut dice = Dice::new(seed, "server");
        let nature = Nature::draw(&mut dice, &mut Dice::new(seed, "server's words"));
        Self::with(nature, dice, concurrency)
    }

    /// A server that stores every event and answers within this many milliseconds.
    pub(super) fn sound(latency: u64, concurrency: usize) -> (Rc<Self>, mpsc::UnboundedReceiver<Call>) {
        Self::with(Nature::sound(latency), Dice::new(0, "server"), concurrency)
    }

    fn with(nature: Nature, dice: Dice, concurrency: usize) -> (Rc<Self>, mpsc::UnboundedReceiver<Call>) {
        let (calls, inbox) = mpsc::unbounded_channel();
        let server = Self {
            started: Instant::now(),
            nature,
            dice: RefCell::new(dice),
            calls,
            shown: RefCell::default(),
            ids: RefCell::default(),
            copies: RefCell::default(),
            doubted: RefCell::default(),
            faults: RefCell::default(),
            arrivals: RefCell::default(),
            window: Cell::default(),
            in_flight: Cell::new(0),
            concurrency,
            quiet: Cell::default(),
            told: Cell::default(),
            quiet_for: RefCell::default(),
            limit: Limit::new(1 << 20),
        };
        (Rc::new(server), inbox)
    }

    /// Serves calls for as long as there are clients.
    pub(super) async fn serve(self: Rc<Self>, mut inbox: mpsc::UnboundedReceiver<Call>) {
        while let Some(call) = inbox.recv().await {
            let server = Rc::clone(&self);
            tokio::task::spawn_local(async move { server.answer(call).await });
        }
    }

    /// Stores some of these lines' events, and others with a difference, so that it can be asked for them.
    pub(super) fn prepare(&self, seed: u64, lines: &[Line]) {
        let mut dice = Dice::new(seed, "held events");
        for line in lines {
            let (Some(id), true) = (&line.id, line.is_event) else { continue };
            let mut event: Value = serde_json::from_str(&line.text).expect("an event is JSON");
            match dice.below(100) {
                0..60 => {}
                60..80 => event["n"] = json!(0),
                _ => continue,
            }
            self.shown.borrow_mut().entry(id.clone()).or_insert(event);
        }
    }

    /// The event that it has for this id, if it was prepared.
    pub(super) fn prepared(&self, id: &str) -> Option<Value> {
        self.shown.borrow().get(id).cloned()
    }

    /// Whether it shows an event that it is asked for.
    pub(super) fn shows_events(&self) -> bool {
        self.nature.shows_events
    }

    /// The clients are gone: none of them waits for anything any more.
    pub(super) fn forget_clients(&self) {
        self.quiet.set(Duration::ZERO);
        self.quiet_for.borrow_mut().clear();
    }

    pub(super) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    pub(super) fn pause(&self) -> Duration {
        self.dice.borrow_mut().ms(0, self.nature.latency)
    }

    fn is_within(&self, spans: &[Span]) -> bool {
        let now = self.now();
        spans.iter().any(|(from, until)| (*from..*until).contains(&now))
    }

    /// Whether it cannot be reached.
    pub(super) fn is_gone(&self) -> bool {
        self.is_within(&self.nature.gone)
    }

    /// How often it has gone. No connection outlives that.
    pub(super) fn epoch(&self) -> usize {
        let now = self.now();
        self.nature.gone.iter().filter(|(from, _)| *from <= now).count()
    }

    fn fault(&self, what: String) {
        self.faults.borrow_mut().push(format!("at {:?}: {what}", self.now()));
    }

    /// Notes that a request with these lines comes in.
    pub(super) fn begin(&self, lines: &[u64], events: &[Value], on_another_thread: bool) {
        let now = self.now();
        self.arrivals.borrow_mut().push(now);
        self.in_flight.set(self.in_flight.get() + 1);
        if self.in_flight.get() > self.concurrency {
            self.fault(format!("{} requests in flight", self.in_flight.get()));
        }
        // A request that was on its way to another thread when an answer came there leaves at the same moment.
        let crossed = on_another_thread && self.told.get() == now;
        if now < self.quiet.get() && !crossed {
            self.fault(format!("a request for {lines:?}, though all were to wait until {:?}", self.quiet.get()));
        }
        for (line, event) in lines.iter().zip(events) {
            if let Some(until) = self.quiet_for.borrow().get(line).filter(|until| now < **until) {
                self.fault(format!("line {line} was to wait until {until:?}"));
            }
            if event.get("event_id").is_none() && self.doubted.borrow().contains(line) {
                self.fault(format!("line {line} has no id, may have been taken, and was sent again"));
            }
        }
    }

    async fn answer(&self, call: Call) {
        let Call { question, answer } = call;
        sleep(self.pause()).await;
        let mood = self.mood();
        let failure = |fate| Failure { fate, ..Failure::unanswered(ErrorKind::Reset, "the connection broke") };
        let said = match mood {
            _ if self.is_gone() => Err(failure(Fate::Unknown)),
            Mood::BreaksBefore => Err(failure(Fate::UnknownOnKept)),
            Mood::Declines => Err(failure(Fate::Refused)),
            Mood::Hangs | Mood::BreaksAfter => {
                if self.dice.borrow_mut().percent(50) {
                    self.work(&question, mood);
                }
                Err(failure(Fate::Unknown))
            }
            mood => Ok(self.work(&question, mood)),
        };
        sleep(self.pause()).await;
        if mood == Mood::Hangs {
            sleep(Duration::from_secs(5)).await;
        }
        // A client that no longer waits hears nothing.
        let _ = answer.send(said);
    }

    pub(super) fn mood(&self) -> Mood {
        let mut dice = self.dice.borrow_mut();
        if dice.percent(self.nature.trouble) { dice.one_of(&self.nature.moods) } else { Mood::Works }
    }

    /// Does with a request what this mood does.
    fn work(&self, question: &Question, mood: Mood) -> Response {
        let wait = {
            let mut dice = self.dice.borrow_mut();
            (self.nature.says_retry_after && dice.percent(70)).then(|| dice.ms(1, 600))
        };
        if self.is_within(&self.nature.wrong_key) {
            return Response::error(401, "no such key", None);
        }
        let events = question.events();
        let is_batch = matches!(question, Question::Batch(_));
        let taken = if self.nature.names_its_windows && is_batch {
            self.room(events.len() as u64)
        } else if let Err(wait) = self.take(events.len().max(1) as u64) {
            return self.over_rate(question, wait);
        } else {
            events.len()
        };
        match mood {
            Mood::Errs => return Response::error(500, "oh no", wait),
            Mood::Refuses => return Response::error(422, "not like this", None),
            Mood::IsAway if self.nature.names_its_windows && is_batch => {
                let results = events[..taken].iter().map(|event| refused(event, AWAY));
                let results: Vec<Value> = results.chain(events[taken..].iter().map(too_many)).collect();
                let names_window = taken < events.len();
                return Response { names_window, ..Response::new(200, json!({ "results": results })) };
            }
            Mood::IsAway => return Response::error(503, AWAY, wait),
            _ => {}
        }
        if mood == Mood::Gateway {
            if self.dice.borrow_mut().percent(50) {
                events[..taken].iter().for_each(|event| drop(self.store(event)));
            }
            return Response { untold: events.iter().map(line_of).collect(), ..Response::error(504, "too slow", wait) };
        }
        if let Question::Show(id) = question {
            return self.show(id);
        }
        let mut results: Vec<(u16, Value)> = events[..taken].iter().map(|event| self.store(event)).collect();
        if !is_batch {
            let (status, body) = results.remove(0);
            return Response::new(status, body);
        }
        results.extend(events[taken..].iter().map(|event| (400, too_many(event))));
        let mut untold = Vec::new();
        if mood == Mood::LeavesOut {
            results.pop();
            // Results are matched by id: nothing is known about events without one, or with the same.
            untold = events.iter().map(line_of).collect();
        }
        let results: Vec<Value> = results.into_iter().map(|(_, result)| result).collect();
        let names_window = taken < events.len() && untold.is_empty();
        Response { untold, names_window, ..Response::new(200, json!({ "results": results })) }
    }

    /// The answer to a request that is over the rate, which may come again after `wait`.
    fn over_rate(&self, question: &Question, wait: Duration) -> Response {
        if self.nature.names_its_windows && !matches!(question, Question::Show(_)) {
            let body = json!({"message": {"success": false, "errors": [OVER_RATE]}});
            return Response { names_window: true, ..Response::new(400, body) };
        }
        Response::error(429, "slow down", Some(wait).filter(|_| self.nature.says_retry_after))
    }

    /// Whether it has the event with this id, as PulseStream says it or with the event itself.
    fn show(&self, id: &str) -> Response {
        match (self.prepared(id), self.nature.shows_events) {
            (Some(event), true) => Response::new(200, event),
            (Some(_), false) => Response::error(500, "Failed to retrieve event", None),
            (None, true) => Response::new(404, json!({})),
            (None, false) => Response::error(500, "Event not found", None),
        }
    }

    /// Takes this many events from the quota of the current window, if there is one.
    ///
    /// # Errors
    /// How long the request must wait, if there is no room.
    fn take(&self, events: u64) -> Result<(), Duration> {
        let Some((quota, length)) = self.nature.rate else { return Ok(()) };
        let now = self.now();
        let (began, taken) = self.window.get();
        let (began, taken) = if now >= began + length { (now, 0) } else { (began, taken) };
        // A batch that is larger than the quota gets a window of its own.
        if taken > 0 && taken + events > quota {
            return Err(began + length - now);
        }
        self.window.set((began, taken + events));
        Ok(())
    }

    /// How many of this many events it takes in the current window.
    fn room(&self, events: u64) -> usize {
        (0..events).take_while(|_| self.take(1).is_ok()).count()
    }

    /// Stores one event. Returns the answer to it.
    fn store(&self, event: &Value) -> (u16, Value) {
        let line = line_of(event);
        let id = event.get("event_id").and_then(Value::as_str).map(str::to_owned);
        if event.get("malformed").is_some() {
            return (422, json!({"detail": "not JSON"}));
        }
        let said = |success: bool, message: &str| json!({"event_id": id, "success": success, "message": message});
        if line.is_multiple_of(self.nature.poison) {
            return (400, said(false, "this one not"));
        }
        if let Some(id) = &id {
            if self.ids.borrow().contains_key(id) {
                let status = if self.nature.says_409 { 409 } else { 200 };
                return (status, said(true, "Event already exists (idempotent)"));
            }
            self.ids.borrow_mut().insert(id.clone(), line);
        }
        *self.copies.borrow_mut().entry(line).or_default() += 1;
        (200, said(true, "Event queued"))
    }

    /// Whether an event with this id is stored.
    pub(super) fn holds(&self, id: &str) -> bool {
        self.ids.borrow().contains_key(id)
    }

    /// Notes what a client hears. The next window begins after `next_window` by the client's clock.
    pub(super) fn tell(&self, lines: &[u64], answer: &Response, next_window: Duration) {
        let now = self.now();
        if answer.names_window {
            self.quiet.set(self.quiet.get().max(now + next_window));
            self.told.set(now);
        }
        if answer.status == 429
            && let Some(wait) = answer.retry_after
        {
            self.quiet.set(self.quiet.get().max(now + wait));
            self.told.set(now);
        }
        let mut quiet_for = self.quiet_for.borrow_mut();
        for line in lines {
            if let Some(wait) = answer.retry_after {
                quiet_for.insert(*line, now + wait);
            }
            if answer.untold.contains(line) {
                self.doubted.borrow_mut().insert(*line);
            }
        }
    }
}

/// What PulseStream says of an event that is over the rate.
const OVER_RATE: &str = "Rate limit exceeded. Limit: 5 events per 1 seconds";

/// What it says while its database is away.
const AWAY: &str = "the database system is starting up";

/// The result of an event in a batch that is refused with these words.
fn refused(event: &Value, words: &str) -> Value {
    json!({"event_id": event.get("event_id"), "success": false, "errors": [words]})
}

/// The result of an event in a batch that is over the rate.
fn too_many(event: &Value) -> Value {
    refused(event, OVER_RATE)
}

/// The number of an event's line.
pub(super) fn line_of(event: &Value) -> u64 {
    event["n"].as_u64().expect("each line that is sent has its number")
}
