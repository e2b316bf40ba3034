//! The hot path: one persistent HTTP/1.1 connection per sender, driven by the sender's own task.
//!
//! It is implemented here on top of httparse. With hyper's `client::conn::http1` a request cost a third more CPU time
//! (docs/decisions/0006), and psend missed its targets against wrk and oha: one request at a time on one connection does not need
//! channels between tasks, maps of headers and bodies as streams.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::answer::{Malformed, ResponseReader};
use super::cork::{Cork, Corked};
use super::dial::Dial;
use super::exit::Exit;
use super::kept::{Kept, Limit};
use super::proxy::Proxy;
use super::stream::Stream;
use super::{Failure, Fate, Head, Portable, Reply, Request, Transport, head, tls, too_early};
use crate::clock::Clock;
use crate::record::outcome::ErrorKind;

/// How many bytes are read at once.
const READ_BYTES: usize = 8 << 10;

/// The longest head of an answer and the longest line between chunks, in bytes.
const LONGEST_HEAD: usize = 64 << 10;

/// How much earlier than the server psend gives up an idle connection, because a request takes time to arrive.
const MARGIN: Duration = Duration::from_secs(1);

/// How long a connection is kept.
#[derive(Debug, Clone, Copy)]
pub(in crate::psend) struct KeepAlive {
    /// The most requests per connection; 1 keeps no connection.
    pub requests: u64,
    /// A connection that is older gets no further request.
    pub age: Option<Duration>,
}

/// What all connections to one target have in common.
#[derive(Clone)]
pub(in crate::psend) struct Means {
    /// How connections are made.
    pub dial: Dial,
    /// The run's clock.
    pub clock: Arc<dyn Clock>,
    /// How much of an answer is kept.
    pub limit: Arc<Limit>,
    /// How long connections are kept.
    pub keep_alive: KeepAlive,
    /// The target's scheme, host and port, which precede the path in a request to a proxy.
    pub base: String,
}

/// What the connections of one thread share.
pub(in crate::psend) struct Shared {
    means: Means,
    /// Collects what is written to them.
    cork: Rc<Cork<Stream>>,
}

impl Shared {
    /// For the connections of this thread. Spawns a task on it.
    pub(in crate::psend) fn spawn(means: Means) -> Rc<Self> {
        let cork = Rc::<Cork<_>>::default();
        let pulled = Rc::clone(&cork);
        tokio::task::spawn_local(async move { pulled.pull().await });
        Rc::new(Self { means, cork })
    }
}

/// One persistent connection. It is made when it is first needed, and again after it broke.
pub(in crate::psend) struct Http1 {
    shared: Rc<Shared>,
    open: Option<Link>,
    may_have_left: bool,
    /// Where the next request must leave by, if another thread may give it up.
    exit: Option<Exit>,
    head: Written,
}

/// The head of the current request as it goes out. Nearly always only its end differs from the one before.
#[derive(Default)]
struct Written {
    text: Vec<u8>,
    /// How much of it does not depend on the body.
    start: usize,
    /// What that was made of: a head, and whether the request is the last one on its connection.
    of: Option<(Arc<Head>, bool)>,
}

impl Http1 {
    /// A sender's way to the target, not connected yet.
    pub(in crate::psend) fn new(shared: Rc<Shared>) -> Self {
        Self { shared, open: None, may_have_left: false, exit: None, head: Written::default() }
    }

    /// A new connection. The future is boxed because it is large and rarely needed: unboxed it would be part of the future of
    /// every request, which is moved several times.
    fn new_link(&self) -> Pin<Box<dyn Future<Output = Result<Link, Failure>> + '_>> {
        let Shared { means: Means { dial, clock, keep_alive, .. }, cork } = &*self.shared;
        Box::pin(async move {
            let stream = cork.on(dial.connect().await?);
            let expires = keep_alive.age.map(|age| clock.elapsed().saturating_add(age));
            let inbox = vec![0; READ_BYTES];
            Ok(Link { stream, inbox, held: 0, carried: 0, is_all_sent: false, ends: expires, expires })
        })
    }
}

impl Written {
    /// The head of this request.
    fn of(&mut self, request: &Request, means: &Means, is_last: bool) -> &[u8] {
        let is_known = |(head, last): &(Arc<Head>, bool)| Arc::ptr_eq(head, &request.head) && *last == is_last;
        if self.of.as_ref().is_some_and(is_known) {
            self.text.truncate(self.start);
        } else {
            self.text.clear();
            write_start(&mut self.text, means, &request.head, is_last);
            self.start = self.text.len();
            self.of = Some((Arc::clone(&request.head), is_last));
        }
        head::write_end(&mut self.text, request);
        &self.text
    }
}

/// Appends what of the head of a request does not depend on its body, as it goes out on this way.
fn write_start(to: &mut Vec<u8>, means: &Means, head: &Head, is_last: bool) {
    let forwarder = means.dial.forwarder();
    let base = if forwarder.is_some() { means.base.as_bytes() } else { b"" };
    let mut more: Vec<(&[u8], &[u8])> = Vec::new();
    if let Some(value) = forwarder.and_then(|proxy| proxy.authorization.as_ref()) {
        more.push((b"proxy-authorization", value.as_bytes()));
    }
    if is_last {
        more.push((b"connection", b"close"));
    }
    head::write_start(to, head, base, &more);
}

impl Transport for Http1 {
    async fn connect(&mut self) -> Result<(), Failure> {
        if self.is_connected().await {
            return Ok(());
        }
        self.open = None;
        self.open = Some(self.new_link().await?);
        Ok(())
    }

    async fn exchange(&mut self, request: Request) -> Result<Reply, Failure> {
        let Means { dial, clock, limit, keep_alive, .. } = &self.shared.means;
        loop {
            self.may_have_left = false;
            // If this future is dropped, so is the connection.
            let mut link = match self.open.take() {
                Some(link) => link,
                None => self.new_link().await?,
            };
            let fresh = link.carried == 0;
            link.carried += 1;
            let is_last = link.carried >= keep_alive.requests;
            let head = self.head.of(&request, &self.shared.means, is_last);
            if self.exit.as_ref().is_some_and(|exit| !exit.leave()) {
                return Err(Failure::lost());
            }
            self.may_have_left = true;
            let began = clock.elapsed();
            let mut answer = ResponseReader::to(&request.head.method, Kept::new(limit));
            match link.carry([head, &request.body], &mut answer, fresh).await {
                // Nothing of the request was sent: an idle connection ended, or the server wrote something unasked. On a new
                // connection, what the server says is meant for this request, for example that it is busy.
                _ if link.stream.is_unsent() && !fresh => {
                    if let Some(exit) = &self.exit {
                        exit.come_back();
                    }
                    continue;
                }
                done => done?,
            }
            let now = clock.elapsed();
            if !link.is_all_sent
                && let Some(failure) = too_early(answer.status)
            {
                // What is still held is not sent once the connection is dropped.
                let fate = if link.stream.is_unsent() { Fate::Refused } else { failure.fate };
                return Err(Failure { fate, ..failure });
            }
            if dial.forwarder().is_some()
                && let Some(refusal) = Proxy::refusal(answer.status)
            {
                return Err(refusal);
            }
            // Bytes after an answer belong to no request.
            if answer.keeps_connection && !is_last && link.is_all_sent && link.held == 0 {
                link.rest(now, answer.kept_for);
                self.open = Some(link);
            }
            let ResponseReader { status, retry_after, date, codings, head, body, .. } = answer;
            let body = body.end(&codings);
            return Ok(Reply { status, retry_after, date, head, body, began, latency: now.saturating_sub(began) });
        }
    }

    fn may_have_left(&self) -> bool {
        self.may_have_left
    }
}

impl Portable for Http1 {
    async fn is_connected(&mut self) -> bool {
        match &mut self.open {
            Some(link) => link.expires.is_none_or(|at| self.shared.means.clock.elapsed() < at) && link.is_open().await,
            None => false,
        }
    }

    fn leave_by(&mut self, exit: Exit) {
        self.exit = Some(exit);
    }

    fn close(&mut self) {
        self.open = None;
    }
}

/// A connection.
struct Link {
    stream: Corked<Stream>,
    inbox: Vec<u8>,
    /// How many bytes in the inbox have not been read yet.
    held: usize,
    /// The requests that it was given.
    carried: u64,
    /// Whether all of the last request was sent.
    is_all_sent: bool,
    /// When it is too old for another request, counted from the start of the run.
    ends: Option<Duration>,
    /// When it is too old or the server may close it, whichever comes first.
    expires: Option<Duration>,
}

impl Link {
    /// Whether the connection can carry a request: it has not ended, and nothing unasked has arrived on it.
    async fn is_open(&mut self) -> bool {
        poll_fn(|cx| Poll::Ready(self.poll_fill(cx).is_pending() && !self.stream.is_broken())).await
    }

    /// Makes the connection idle. `kept_for` is how many seconds the server keeps it, if it says so.
    fn rest(&mut self, now: Duration, kept_for: Option<u64>) {
        let kept_for = kept_for.map(Duration::from_secs);
        let given_up = kept_for.map(|time| now.saturating_add(time.saturating_sub(MARGIN.min(time / 2))));
        self.expires = match (self.ends, given_up) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        // Another long head is unlikely.
        if self.inbox.len() > READ_BYTES {
            self.inbox = vec![0; READ_BYTES];
        }
    }

    /// Sends a request and reads its answer at the same time, because a server may answer before it has read everything.
    async fn carry(&mut self, request: [&[u8]; 2], answer: &mut ResponseReader, fresh: bool) -> Result<(), Failure> {
        let mut parts = request.map(IoSlice::new);
        let mut unsent = &mut parts[..];
        let mut sent = None;
        let done = poll_fn(|cx| {
            if sent.is_none()
                && let Poll::Ready(done) = self.poll_send(&mut unsent, cx)
            {
                sent = Some(done);
            }
            self.poll_answer(answer, cx)
        })
        .await;
        self.is_all_sent = matches!(sent, Some(Ok(()))) && self.stream.is_all_sent();
        let broke = match (done, sent) {
            (Ok(()), _) => return Ok(()),
            // The connection ended because the server stopped reading.
            (Err(Broke::Ended), Some(Err(broke))) => Broke::Io(broke),
            (Err(broke), _) => broke,
        };
        Err(broke.failure(fresh, answer.is_begun() || self.held > 0))
    }

    fn poll_send(&mut self, unsent: &mut &mut [IoSlice<'_>], cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut stream = Pin::new(&mut self.stream);
        // None of them may be empty: writing nothing returns 0, which means that nothing can be written.
        IoSlice::advance_slices(unsent, 0);
        while !unsent.is_empty() {
            match ready!(stream.as_mut().poll_write_vectored(cx, unsent))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => IoSlice::advance_slices(unsent, n),
            }
        }
        stream.poll_flush(cx)
    }

    fn poll_answer(&mut self, answer: &mut ResponseReader, cx: &mut Context<'_>) -> Poll<Result<(), Broke>> {
        while !answer.is_whole() {
            ready!(answer.body.poll_room(cx));
            if ready!(self.poll_fill(cx))? == 0 {
                answer.end();
                return Poll::Ready(if answer.is_whole() { Ok(()) } else { Err(Broke::Ended) });
            }
            let taken = answer.take(&self.inbox[..self.held])?;
            self.inbox.copy_within(taken..self.held, 0);
            self.held -= taken;
            if self.held == self.inbox.len() {
                if self.held >= LONGEST_HEAD {
                    return Poll::Ready(Err(Malformed(format!("a head of over {LONGEST_HEAD} bytes")).into()));
                }
                self.inbox.resize(self.held * 2, 0);
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Reads what comes, behind what is held; 0 where the connection has ended.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut room = ReadBuf::new(&mut self.inbox[self.held..]);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut room))?;
        let came = room.filled().len();
        self.held += came;
        Poll::Ready(Ok(came))
    }
}

/// Why there is no complete answer.
#[derive(Debug, thiserror::Error)]
enum Broke {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Malformed(#[from] Malformed),
    /// The connection ended before the answer did.
    #[error("the connection was closed")]
    Ended,
}

impl Broke {
    /// What that means for a request that may have left, the first on its connection where that is `fresh`, and of whose
    /// answer some had come or not.
    fn failure(&self, fresh: bool, is_begun: bool) -> Failure {
        let of_tls = if let Self::Io(error) = self { tls::error_in(error) } else { None };
        if let Some(refusal) = of_tls.filter(|e| fresh && tls::refuses_us(e)) {
            return Failure::lasting(ErrorKind::Tls, refusal.to_string());
        }
        let kind = match self {
            _ if of_tls.is_some() => ErrorKind::Tls,
            Self::Malformed(_) => ErrorKind::Malformed,
            Self::Io(error) if error.kind() == io::ErrorKind::TimedOut => ErrorKind::Timeout,
            Self::Io(_) | Self::Ended => ErrorKind::Reset,
        };
        let message = match self {
            Self::Ended if is_begun => format!("{self} in the middle of an answer"),
            Self::Ended => format!("{self} before an answer"),
            _ => self.to_string(),
        };
        let fate = if kind == ErrorKind::Reset && !fresh && !is_begun { Fate::UnknownOnKept } else { Fate::Unknown };
        Failure { fate, ..Failure::unanswered(kind, message) }
    }
}
