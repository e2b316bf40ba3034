//! A sender's way to the server in memory.

use std::io::Read;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use flate2::read::GzDecoder;
use hyper::Method;
use hyper::header::{CONTENT_ENCODING, HeaderValue};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::nature::Mood;
use super::server::{Call, Question, Server, WINDOW, line_of};
use crate::clock::Clock;
use crate::psend::transport::exit::Exit;
use crate::psend::transport::kept::Kept;
use crate::psend::transport::{Failure, Fate, Portable, Reply, Request, Transport};
use crate::record::outcome::ErrorKind;

/// A request in flight. Unless an answer says what happened to its lines, nobody knows.
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
    /// The client's clock.
    clock: Arc<dyn Clock>,
    /// The server's epoch when the connection was made.
    connected: Option<usize>,
    may_have_left: bool,
    /// Where the next request must leave by, if its sender is on another thread.
    exit: Option<Exit>,
}

impl Wire {
    pub(super) fn to(server: &Rc<Server>, clock: &Arc<dyn Clock>) -> Self {
        Self { server: Rc::clone(server), clock: Arc::clone(clock), connected: None, may_have_left: false, exit: None }
    }

    /// When the server's next window begins, by the client's clock: at whole seconds.
    fn next_window(&self) -> Duration {
        let length = i64::try_from(WINDOW.as_micros()).expect("a window is short");
        let left = length - self.clock.wall().rem_euclid(length);
        Duration::from_micros(left.unsigned_abs())
    }
}

/// What a request asks for.
fn question(request: &Request) -> Question {
    if request.head.method == Method::GET {
        let id = request.head.uri.path().rsplit('/').next().unwrap_or_default();
        return Question::Show(id.to_owned());
    }
    let body = match request.head.headers.get(CONTENT_ENCODING) {
        None => request.body.to_vec(),
        Some(_) => {
            let mut plain = Vec::new();
            GzDecoder::new(&*request.body).read_to_end(&mut plain).expect("the body is gzip");
            plain
        }
    };
    match serde_json::from_slice::<Value>(&body) {
        Ok(body) => match body.get("events").and_then(Value::as_array) {
            Some(events) => Question::Batch(events.clone()),
            None => Question::One(body),
        },
        // With --send-malformed. Even this line has its number.
        Err(_) => {
            let text = String::from_utf8(body).expect("the input is text");
            let digits = text.trim_start_matches("{\"n\":").split(',').next().unwrap_or_default();
            let n: u64 = digits.parse().expect("a malformed line begins with its number");
            Question::One(json!({"n": n, "malformed": true}))
        }
    }
}

impl Transport for Wire {
    async fn connect(&mut self) -> Result<(), Failure> {
        if self.connected == Some(self.server.epoch()) {
            return Ok(());
        }
        self.connected = None;
        sleep(self.server.pause() / 2).await;
        if self.server.is_gone() {
            return Err(Failure::unreached(ErrorKind::Connect, "connection refused"));
        }
        self.connected = Some(self.server.epoch());
        Ok(())
    }

    async fn exchange(&mut self, request: Request) -> Result<Reply, Failure> {
        let server = Rc::clone(&self.server);
        let question = question(&request);
        let lines: Vec<u64> = question.events().iter().map(line_of).collect();
        self.may_have_left = false;
        if server.mood() == Mood::NeverLeft {
            self.connected = None;
            sleep(server.pause() / 2).await;
            return Err(Failure::unreached(ErrorKind::Reset, "the connection broke before the request left"));
        }
        if self.exit.as_ref().is_some_and(|exit| !exit.leave()) {
            return Err(Failure::lost());
        }
        server.begin(&lines, question.events(), self.exit.is_some());
        let mut in_flight = InFlight { server: &server, lines, is_told: false };
        self.may_have_left = true;
        let began = server.now();
        let sent = self.clock.elapsed();
        // A request that is given up takes its connection with it.
        let epoch = self.connected.take();
        let (answer, said) = oneshot::channel();
        if server.calls.send(Call { question, answer }).is_err() {
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
        server.tell(&in_flight.lines, &answer, self.next_window());
        let mut body = Kept::new(&server.limit);
        body.push(answer.body.to_string().as_bytes());
        let seconds = answer.retry_after.map(|wait| wait.as_secs_f64().to_string());
        Ok(Reply {
            status: answer.status,
            retry_after: seconds.map(|text| HeaderValue::from_str(&text).expect("a number is a header's value")),
            date: None,
            head: None,
            body: body.end(b""),
            began: sent,
            latency: server.now() - began,
        })
    }

    fn may_have_left(&self) -> bool {
        self.may_have_left
    }
}

impl Portable for Wire {
    async fn is_connected(&mut self) -> bool {
        self.connected == Some(self.server.epoch())
    }

    fn leave_by(&mut self, exit: Exit) {
        self.exit = Some(exit);
    }

    fn close(&mut self) {
        self.connected = None;
    }
}
