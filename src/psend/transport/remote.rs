//! Connections on another thread. The sender, and with it every decision, stays where it is; only reading and writing move.

use std::cell::Cell;
use std::rc::Rc;

use super::exit::Exit;
use super::line::{self, End, Loose};
use super::{Failure, Portable, Reply, Request, Transport};

/// What a sender wants of its connection.
enum Ask {
    Connect,
    Send(Request, Exit),
    /// Give up what is under way, and close the connection.
    Close,
}

/// What came of it.
enum Done {
    Connected(Result<(), Failure>),
    Exchanged(Result<Reply, Failure>),
}

/// Numbered, so that no answer counts for a question that was asked later.
type Question = (u64, Ask);

struct Told {
    number: u64,
    is_connected: bool,
    done: Done,
}

/// The senders' end of a line to another thread.
pub(in crate::psend) struct Lane {
    end: Rc<End<Question, Told>>,
    /// Whether its senders use it.
    is_on: Cell<bool>,
}

/// The connections' end, which can be sent to their thread.
pub(in crate::psend) struct Far(Loose<Told, Question>);

/// A line for this many senders.
pub(in crate::psend) fn lane(senders: usize) -> (Rc<Lane>, Far) {
    let (here, there) = line::line(senders);
    (Rc::new(Lane { end: Rc::new(here.tie()), is_on: Cell::new(false) }), Far(there))
}

impl Lane {
    /// Lets its senders use it from their next request on. Spawns a task of this thread.
    pub(in crate::psend) fn turn_on(&self) {
        self.is_on.set(true);
        let end = Rc::clone(&self.end);
        tokio::task::spawn_local(async move { end.run().await });
    }

    /// Ends the work of the other thread.
    pub(in crate::psend) fn close(&self) {
        self.end.close();
    }
}

impl Far {
    /// Works for the senders, over one connection for each, which `transport` makes. Ends when the senders' end is dropped. Spawns tasks
    /// of this thread.
    pub(in crate::psend) async fn work<T: Portable + 'static>(self, transport: impl Fn() -> T) {
        let end = Rc::new(self.0.tie());
        for nth in 0..end.tasks() {
            tokio::task::spawn_local(carry(Rc::clone(&end), nth, transport()));
        }
        end.run().await;
    }
}

/// Does what one sender asks for, over its connection.
async fn carry<T: Portable>(end: Rc<End<Told, Question>>, nth: usize, mut transport: T) {
    let mut newer = None;
    loop {
        let (number, ask) = match newer.take() {
            Some(question) => question,
            None => end.next(nth).await,
        };
        let work = async {
            let done = match ask {
                Ask::Connect => Done::Connected(transport.connect().await),
                Ask::Send(request, exit) if transport.is_connected().await => {
                    transport.leave_by(exit);
                    Done::Exchanged(transport.exchange(request).await)
                }
                Ask::Send(..) => Done::Exchanged(Err(Failure::lost())),
                Ask::Close => return None,
            };
            Some(Told { number, is_connected: transport.is_connected().await, done })
        };
        tokio::select! {
            biased;
            question = end.next(nth) => newer = Some(question),
            told = work => match told {
                Some(told) => end.post(nth, told),
                None => transport.close(),
            },
        }
    }
}

/// A sender's connection on another thread.
struct Remote {
    lane: Rc<Lane>,
    nth: usize,
    exit: Exit,
    is_connected: Cell<bool>,
    may_have_left: Cell<bool>,
}

/// A question without an answer yet. Dropping it gives up what was asked for.
struct Asked<'a>(&'a Remote, u64);

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        let Self(remote, number) = *self;
        remote.may_have_left.set(remote.exit.shut());
        remote.is_connected.set(false);
        remote.lane.end.post(remote.nth, (number, Ask::Close));
    }
}

impl Remote {
    async fn ask(&mut self, ask: impl FnOnce(Exit) -> Ask) -> Done {
        let number = self.exit.next();
        self.lane.end.post(self.nth, (number, ask(self.exit.of(number))));
        let asked = Asked(self, number);
        loop {
            let told = self.lane.end.next(self.nth).await;
            if told.number == number {
                self.is_connected.set(told.is_connected);
                std::mem::forget(asked);
                return told.done;
            }
        }
    }
}

/// A sender's transport that moves to another thread when that one takes part.
pub(in crate::psend) struct Movable<T> {
    /// The connection on this thread, until then.
    here: Option<T>,
    /// The one on the other thread. `None` if this sender stays.
    there: Option<Remote>,
}

impl<T> Movable<T> {
    /// The transport of a sender that stays on this thread.
    pub(in crate::psend) fn fixed(here: T) -> Self {
        Self { here: Some(here), there: None }
    }

    /// The transport of this sender of a lane.
    pub(in crate::psend) fn new(here: T, lane: &Rc<Lane>, nth: usize) -> Self {
        let there = Remote {
            lane: Rc::clone(lane),
            nth,
            exit: Exit::default(),
            is_connected: Cell::new(false),
            may_have_left: Cell::new(false),
        };
        Self { here: Some(here), there: Some(there) }
    }
}

impl<T: Transport> Transport for Movable<T> {
    async fn connect(&mut self) -> Result<(), Failure> {
        let Some(there) = self.there.as_mut().filter(|there| there.lane.is_on.get()) else {
            return match &mut self.here {
                Some(here) => here.connect().await,
                None => Err(Failure::lost()),
            };
        };
        self.here = None;
        // It is known from the last answer, so nobody is asked.
        if there.is_connected.get() {
            return Ok(());
        }
        match there.ask(|_| Ask::Connect).await {
            Done::Connected(connected) => connected,
            Done::Exchanged(_) => Err(Failure::lost()),
        }
    }

    async fn exchange(&mut self, request: Request) -> Result<Reply, Failure> {
        match (&mut self.here, &mut self.there) {
            (Some(here), _) => here.exchange(request).await,
            (None, Some(there)) => {
                there.may_have_left.set(false);
                match there.ask(|exit| Ask::Send(request, exit)).await {
                    Done::Exchanged(done) => done,
                    Done::Connected(_) => Err(Failure::lost()),
                }
            }
            (None, None) => Err(Failure::lost()),
        }
    }

    fn may_have_left(&self) -> bool {
        match (&self.here, &self.there) {
            (Some(here), _) => here.may_have_left(),
            (None, there) => there.as_ref().is_some_and(|there| there.may_have_left.get()),
        }
    }
}
