//! A server in memory: it stores events, answers late, wrongly or not at all, and notes what it was asked that it should not
//! have been asked.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use hyper::header::HeaderValue;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};

use super::dice::Dice;
use crate::psend::transport::kept::{Kept, Limit};
use crate::psend::transport::{Failure, Fate, Reach, Reply, Request, Transport};
use crate::record::outcome::ErrorKind;

/// How an answer comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    /// It stores what it can, and says what came of each event.
    Works,
    /// The same, but a batch's answer leaves one event out.
    LeavesOut,
    /// An error that may pass; nothing is stored.
    Errs,
    /// It refuses the whole for what is in it.
    Refuses,
    /// It says that its database is away.
    IsAway,
    /// A gateway answers for it, which may have stored the events.
    Gateway,
    /// The connection breaks before anything is stored.
    BreaksBefore,
    /// The connection breaks when all is stored, or half of the answer has come.
    BreaksAfter,
    /// No answer comes.
    Hangs,
    /// It says that it did nothing with the request.
    Declines,
    /// The connection broke before anything left.
    NeverLeft,
}

/// From when on and until when.
type Span = (Duration, Duration);

/// What the seed makes of the server.
struct Nature {
    moods: Vec<Mood>,
    /// How many of a hundred requests meet another mood than the first.
    trouble: u64,
    latency: u64,
    gone: Vec<Span>,
    wrong_key: Vec<Span>,
    /// Events that each window of this length takes.
    rate: Option<(u64, Duration)>,
    /// Every event whose number this divides is refused for good.
    poison: u64,
    says_409: bool,
    says_retry_after: bool,
}

/// A sender's request, on its way to the server.
pub(super) struct Call {
    events: Vec<Value>,
    is_batch: bool,
    answer: oneshot::Sender<Result<Answer, Failure>>,
}

/// What the server says.
struct Answer {
    status: u16,
    body: Value,
    retry_after: Option<Duration>,
    /// Events of which it does not say what came of them.
    untold: Vec<u64>,
}

/// The server, and what it knows.
pub(super) struct Server {
    started: Instant,
    nature: Nature,
    dice: RefCell<Dice>,
    calls: mpsc::UnboundedSender<Call>,
    /// Which line's event is stored under an id.
    ids: RefCell<BTreeMap<String, u64>>,
    /// How often each line's event is stored.
    pub(super) copies: RefCell<BTreeMap<u64, u32>>,
    /// Lines that were once on their way without an answer that tells what came of them.
    pub(super) doubted: RefCell<BTreeSet<u64>>,
    /// What clients did that they must not do.
    pub(super) faults: RefCell<Vec<String>>,
    window: Cell<(Duration, u64)>,
    in_flight: Cell<usize>,
    /// Requests that may be in flight.
    concurrency: usize,
    /// No request may come before this.
    quiet: Cell<Duration>,
    /// No request with this line may come before this.
    quiet_for: RefCell<BTreeMap<u64, Duration>>,
    limit: Rc<Limit>,
}

impl Nature {
    fn draw(dice: &mut Dice) -> Self {
        const TROUBLES: [Mood; 10] = [
            Mood::LeavesOut,
            Mood::Errs,
            Mood::Refuses,
            Mood::IsAway,
            Mood::Gateway,
            Mood::BreaksBefore,
            Mood::BreaksAfter,
            Mood::Hangs,
            Mood::Declines,
            Mood::NeverLeft,
        ];
        let mut spans = |percent| -> Vec<Span> {
            if !dice.percent(percent) {
                return Vec::new();
            }
            let from = dice.ms(0, 400);
            vec![(from, from + dice.ms(1, 1500))]
        };
        let (gone, wrong_key) = (spans(30), spans(15));
        Self {
            moods: (0..dice.between(1, 3)).map(|_| dice.one_of(&TROUBLES)).collect(),
            trouble: dice.one_of(&[0, 5, 30, 70]),
            latency: dice.one_of(&[0, 2, 20, 120]),
            gone,
            wrong_key,
            rate: dice.percent(30).then(|| (dice.between(1, 10), dice.ms(20, 500))),
            poison: dice.one_of(&[7, 1000, 1000]),
            says_409: dice.percent(50),
            says_retry_after: dice.percent(70),
        }
    }
}

impl Server {
    /// A server of this seed, for clients that may have so many requests in flight. Calls come out of the second part.
    pub(super) fn new(seed: u64, concurrency: usize) -> (Rc<Self>, mpsc::UnboundedReceiver<Call>) {
        let (calls, inbox) = mpsc::unbounded_channel();
        let mut dice = Dice::new(seed, "server");
        let server = Self {
            started: Instant::now(),
            nature: Nature::draw(&mut dice),
            dice: RefCell::new(dice),
            calls,
            ids: RefCell::default(),
            copies: RefCell::default(),
            doubted: RefCell::default(),
            faults: RefCell::default(),
            window: Cell::default(),
            in_flight: Cell::new(0),
            concurrency,
            quiet: Cell::default(),
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

    /// The clients are killed: none of them waits for anything any more.
    pub(super) fn forget_clients(&self) {
        self.quiet.set(Duration::ZERO);
        self.quiet_for.borrow_mut().clear();
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn pause(&self) -> Duration {
        self.dice.borrow_mut().ms(0, self.nature.latency)
    }

    fn is_within(&self, spans: &[Span]) -> bool {
        let now = self.now();
        spans.iter().any(|(from, until)| (*from..*until).contains(&now))
    }

    /// How often it has gone: connections outlive none of these.
    fn epoch(&self) -> usize {
        let now = self.now();
        self.nature.gone.iter().filter(|(from, _)| *from <= now).count()
    }

    fn fault(&self, what: String) {
        self.faults.borrow_mut().push(format!("at {:?}: {what}", self.now()));
    }

    /// Notes that a request with these lines comes in.
    fn begin(&self, lines: &[u64], events: &[Value]) {
        let now = self.now();
        self.in_flight.set(self.in_flight.get() + 1);
        if self.in_flight.get() > self.concurrency {
            self.fault(format!("{} requests in flight", self.in_flight.get()));
        }
        if now < self.quiet.get() {
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
        let Call { events, is_batch, answer } = call;
        sleep(self.pause()).await;
        let mood = self.mood();
        let failure = |fate| Failure { fate, ..Failure::unanswered(ErrorKind::Reset, "the connection broke") };
        let said = match mood {
            _ if self.is_within(&self.nature.gone) => Err(failure(Fate::Unknown)),
            Mood::BreaksBefore => Err(failure(Fate::UnknownOnKept)),
            Mood::Declines => Err(failure(Fate::Refused)),
            Mood::Hangs | Mood::BreaksAfter => {
                if self.dice.borrow_mut().percent(50) {
                    self.work(&events, is_batch, mood);
                }
                Err(failure(Fate::Unknown))
            }
            mood => Ok(self.work(&events, is_batch, mood)),
        };
        sleep(self.pause()).await;
        if mood == Mood::Hangs {
            sleep(Duration::from_secs(5)).await;
        }
        // A client that no longer waits hears nothing.
        let _ = answer.send(said);
    }

    fn mood(&self) -> Mood {
        let mut dice = self.dice.borrow_mut();
        if dice.percent(self.nature.trouble) { dice.one_of(&self.nature.moods) } else { Mood::Works }
    }

    /// Does with a request what this mood does.
    fn work(&self, events: &[Value], is_batch: bool, mood: Mood) -> Answer {
        let wait = {
            let mut dice = self.dice.borrow_mut();
            (self.nature.says_retry_after && dice.percent(70)).then(|| dice.ms(1, 600))
        };
        let error = |status, text: &str, retry_after| Answer {
            status,
            body: json!({"message": text}),
            retry_after,
            untold: Vec::new(),
        };
        if self.is_within(&self.nature.wrong_key) {
            return error(401, "no such key", None);
        }
        if let Some(wait) = self.over_rate(events.len() as u64) {
            return error(429, "slow down", Some(wait).filter(|_| self.nature.says_retry_after));
        }
        match mood {
            Mood::Errs => return error(500, "oh no", wait),
            Mood::Refuses => return error(422, "not like this", None),
            Mood::IsAway => return error(503, "the database system is starting up", wait),
            _ => {}
        }
        if mood == Mood::Gateway {
            if self.dice.borrow_mut().percent(50) {
                events.iter().for_each(|event| drop(self.store(event)));
            }
            return Answer { untold: events.iter().map(line_of).collect(), ..error(504, "too slow", wait) };
        }
        let mut results: Vec<(u16, Value)> = events.iter().map(|event| self.store(event)).collect();
        if !is_batch {
            let (status, body) = results.remove(0);
            return Answer { status, body, retry_after: None, untold: Vec::new() };
        }
        let mut untold = Vec::new();
        if mood == Mood::LeavesOut {
            results.pop();
            // Results are matched by their ids: of events that share one or have none, nothing is known.
            untold = events.iter().map(line_of).collect();
        }
        let results: Vec<Value> = results.into_iter().map(|(_, result)| result).collect();
        Answer { status: 200, body: json!({ "results": results }), retry_after: None, untold }
    }

    /// How long a request with so many events must wait, if it is over the rate.
    fn over_rate(&self, events: u64) -> Option<Duration> {
        let (quota, length) = self.nature.rate?;
        let now = self.now();
        let (began, taken) = self.window.get();
        let (began, taken) = if now >= began + length { (now, 0) } else { (began, taken) };
        // A batch that is larger than a window's quota has the window to itself.
        if taken > 0 && taken + events > quota {
            return Some(began + length - now);
        }
        self.window.set((began, taken + events));
        None
    }

    /// Stores one event, and says what came of it.
    fn store(&self, event: &Value) -> (u16, Value) {
        let line = line_of(event);
        let id = event.get("event_id").and_then(Value::as_str).map(str::to_owned);
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

    /// Notes what a client hears.
    fn tell(&self, lines: &[u64], answer: &Answer) {
        let now = self.now();
        if answer.status == 429
            && let Some(wait) = answer.retry_after
        {
            self.quiet.set(self.quiet.get().max(now + wait));
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

/// The number of the line that an event stood on.
fn line_of(event: &Value) -> u64 {
    event["n"].as_u64().expect("only whole events are sent")
}

/// A request in flight. Unless an answer tells what came of its lines, nobody knows.
struct InFlight<'a> {
    server: &'a Server,
    lines: Vec<u64>,
    is_told: bool,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.server.in_flight.set(self.server.in_flight.get() - 1);
        if !self.is_told {
            self.server.doubted.borrow_mut().extend(&self.lines);
        }
    }
}

/// A sender's way to the server.
pub(super) struct Wire {
    server: Rc<Server>,
    /// The server's epoch when the connection was made.
    connected: Option<usize>,
    may_have_left: bool,
}

impl Wire {
    pub(super) fn to(server: &Rc<Server>) -> Self {
        Self { server: Rc::clone(server), connected: None, may_have_left: false }
    }
}

impl Transport for Wire {
    async fn connect(&mut self) -> Result<Reach, Failure> {
        if self.connected == Some(self.server.epoch()) {
            return Ok(Reach::Connected);
        }
        self.connected = None;
        sleep(self.server.pause() / 2).await;
        if self.server.is_within(&self.server.nature.gone) {
            return Err(Failure::unreached(ErrorKind::Connect, "connection refused"));
        }
        self.connected = Some(self.server.epoch());
        Ok(Reach::Connected)
    }

    async fn exchange(&mut self, request: Request) -> Result<Reply, Failure> {
        let server = Rc::clone(&self.server);
        let body: Value = serde_json::from_slice(&request.body).expect("only JSON is sent");
        let batch = body.get("events").and_then(Value::as_array).cloned();
        let (is_batch, events) = (batch.is_some(), batch.unwrap_or_else(|| vec![body]));
        let lines: Vec<u64> = events.iter().map(line_of).collect();
        self.may_have_left = false;
        if server.mood() == Mood::NeverLeft {
            self.connected = None;
            sleep(server.pause() / 2).await;
            return Err(Failure::unreached(ErrorKind::Reset, "the connection broke before the request left"));
        }
        server.begin(&lines, &events);
        let mut in_flight = InFlight { server: &server, lines, is_told: false };
        self.may_have_left = true;
        let began = server.now();
        // A request that is given up takes its connection with it.
        let epoch = self.connected.take();
        let (answer, said) = oneshot::channel();
        if server.calls.send(Call { events, is_batch, answer }).is_err() {
            return Err(Failure::unanswered(ErrorKind::Reset, "the server has ended"));
        }
        let answer = match said.await {
            Ok(Ok(answer)) => answer,
            Ok(Err(failure)) => {
                in_flight.is_told = failure.fate == Fate::Refused;
                return Err(failure);
            }
            Err(_) => return Err(Failure::unanswered(ErrorKind::Reset, "the server has ended")),
        };
        self.connected = epoch;
        in_flight.is_told = true;
        server.tell(&in_flight.lines, &answer);
        let mut body = Kept::new(&server.limit);
        body.push(answer.body.to_string().as_bytes());
        let seconds = answer.retry_after.map(|wait| wait.as_secs_f64().to_string());
        Ok(Reply {
            status: answer.status,
            retry_after: seconds.map(|text| HeaderValue::from_str(&text).expect("a number is a header's value")),
            date: None,
            body: body.end(b""),
            latency: server.now() - began,
        })
    }

    fn may_have_left(&self) -> bool {
        self.may_have_left
    }
}
