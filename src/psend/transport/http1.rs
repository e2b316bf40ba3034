//! The hot path: one persistent HTTP/1.1 connection a sender, driven by the sender's own task.
//!
//! It is written out here, on httparse. With hyper's `client::conn::http1` in its place a request cost a third more CPU time
//! (docs/decisions/0006): channels between tasks, maps of headers and bodies as streams are more than one request at a time on one
//! connection needs, and psend missed its targets against wrk and oha for them. [`super::pooled`] has hyper, by reqwest.

mod answer;

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::Method;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::cork::{Cork, Corked};
use super::dial::{Dial, Stream};
use super::{Failure, Reach, Reply, Request, Transport, tls};
use crate::clock::Clock;
use crate::record::outcome::ErrorKind;
use answer::{Answer, Malformed};

/// How much is read of a connection at once.
const READ_BYTES: usize = 8 << 10;

/// The longest head of an answer in bytes, and the longest line between its chunks.
const LONGEST_HEAD: usize = 64 << 10;

/// One persistent connection, made when it is first needed and made again when it broke.
pub struct Http1 {
    dial: Rc<Dial>,
    cork: Rc<Cork<Stream>>,
    clock: Arc<dyn Clock>,
    /// How many bytes of an answer's body are kept.
    kept: usize,
    open: Option<Link>,
    may_have_left: bool,
    /// The head of the request that goes out.
    head: Vec<u8>,
}

impl Http1 {
    /// A sender's way to the target, which keeps so many bytes of an answer's body; nothing is connected yet.
    pub fn new(dial: Rc<Dial>, cork: Rc<Cork<Stream>>, clock: Arc<dyn Clock>, kept: usize) -> Self {
        Self { dial, cork, clock, kept, open: None, may_have_left: false, head: Vec::new() }
    }

    async fn new_link(&self) -> Result<Link, Failure> {
        let stream = self.cork.on(self.dial.connect().await?);
        Ok(Link { stream, inbox: vec![0; READ_BYTES], held: 0, fresh: true })
    }
}

impl Transport for Http1 {
    async fn connect(&mut self) -> Result<Reach, Failure> {
        if let Some(link) = &mut self.open
            && link.is_open().await
        {
            return Ok(Reach::Connected);
        }
        self.open = None;
        self.open = Some(self.new_link().await?);
        Ok(Reach::Connected)
    }

    async fn exchange(&mut self, request: Request) -> Result<Reply, Failure> {
        write_head(&request, &mut self.head);
        loop {
            self.may_have_left = false;
            // Where this future is dropped, the connection is too.
            let mut link = match self.open.take() {
                Some(link) => link,
                None => self.new_link().await?,
            };
            let fresh = std::mem::replace(&mut link.fresh, false);
            self.may_have_left = true;
            let began = self.clock.elapsed();
            let answer = match link.carry([&self.head, &request.body], Answer::to(&request.method, self.kept)).await {
                // Nothing of it left: what came was the end of a connection that was idle, or a word on it to nobody. What a
                // server says on a new one, such as that it is busy, is meant for this request.
                _ if link.stream.is_unsent() && !fresh => continue,
                Ok(answer) => answer,
                Err(broke) => return Err(broke.failure(fresh)),
            };
            let latency = self.clock.elapsed().saturating_sub(began);
            // What stands behind an answer belongs to none that was asked for.
            if answer.keeps_connection && link.held == 0 {
                self.open = Some(link);
            }
            let Answer { status, retry_after, body, .. } = answer;
            let (body, is_whole) = body.end();
            return Ok(Reply { status, retry_after, body, is_whole, latency });
        }
    }

    fn may_have_left(&self) -> bool {
        self.may_have_left
    }
}

/// Writes the head of a request, in place of the one before.
fn write_head(request: &Request, head: &mut Vec<u8>) {
    head.clear();
    for part in
        [request.method.as_str(), " ", request.uri.path_and_query().map_or("/", |path| path.as_str()), " HTTP/1.1\r\n"]
    {
        head.extend_from_slice(part.as_bytes());
    }
    for (name, value) in &*request.headers {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            head.extend_from_slice(part);
        }
    }
    if request.method != Method::GET || !request.body.is_empty() {
        head.extend_from_slice(b"content-length: ");
        head.extend_from_slice(itoa::Buffer::new().format(request.body.len()).as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
}

/// A connection.
struct Link {
    stream: Corked<Stream>,
    inbox: Vec<u8>,
    /// How many bytes of the inbox have come and were not taken.
    held: usize,
    /// Whether it has carried no request yet.
    fresh: bool,
}

impl Link {
    /// Whether the connection can carry a request: nothing comes on it that was not asked for, and its end neither.
    async fn is_open(&mut self) -> bool {
        poll_fn(|cx| Poll::Ready(self.poll_fill(cx).is_pending() && !self.stream.is_broken())).await
    }

    /// Sends a request and reads its answer, at the same time: a server may answer before it has read all.
    async fn carry(&mut self, request: [&[u8]; 2], mut answer: Answer) -> Result<Answer, Broke> {
        let mut parts = request.map(IoSlice::new);
        let mut unsent = &mut parts[..];
        let mut sent = None;
        let done = poll_fn(|cx| {
            if sent.is_none()
                && let Poll::Ready(done) = self.poll_send(&mut unsent, cx)
            {
                sent = Some(done);
            }
            self.poll_answer(&mut answer, cx)
        })
        .await;
        answer.keeps_connection &= matches!(sent, Some(Ok(()))) && !self.stream.is_unsent();
        match (done, sent) {
            (Ok(()), _) => Ok(answer),
            // That the server would read no more is why it ended.
            (Err(Broke::Ended(_)), Some(Err(broke))) => Err(Broke::Io(broke)),
            (Err(ended), _) => Err(ended),
        }
    }

    fn poll_send(&mut self, unsent: &mut &mut [IoSlice<'_>], cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut stream = Pin::new(&mut self.stream);
        // None of them may be empty: to write nothing is to be told that nothing can be written.
        IoSlice::advance_slices(unsent, 0);
        while !unsent.is_empty() {
            match ready!(stream.as_mut().poll_write_vectored(cx, unsent))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => IoSlice::advance_slices(unsent, n),
            }
        }
        stream.poll_flush(cx)
    }

    fn poll_answer(&mut self, answer: &mut Answer, cx: &mut Context<'_>) -> Poll<Result<(), Broke>> {
        while !answer.is_whole() {
            if ready!(self.poll_fill(cx))? == 0 {
                answer.end();
                return Poll::Ready(if answer.is_whole() { Ok(()) } else { Err(Broke::Ended(answer.status)) });
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

/// Why there is no whole answer.
#[derive(Debug, thiserror::Error)]
enum Broke {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Malformed(#[from] Malformed),
    /// The connection ended before the answer did, whose status is this where its head had come.
    #[error("the connection was closed {}", if *.0 == 0 { "before an answer" } else { "in the middle of an answer" })]
    Ended(u16),
}

impl Broke {
    /// What that means for a request that may have left, the first on its connection where that is `fresh`.
    fn failure(&self, fresh: bool) -> Failure {
        let of_tls = if let Self::Io(error) = self { tls::error_in(error) } else { None };
        if let Some(refusal) = of_tls.filter(|e| fresh && tls::refuses_us(e)) {
            return Failure::lasting(ErrorKind::Tls, refusal.to_string());
        }
        let kind = match self {
            _ if of_tls.is_some() => ErrorKind::Tls,
            Self::Malformed(_) => ErrorKind::Malformed,
            Self::Io(error) if error.kind() == io::ErrorKind::TimedOut => ErrorKind::Timeout,
            Self::Io(_) | Self::Ended(_) => ErrorKind::Reset,
        };
        Failure::unanswered(kind, self.to_string())
    }
}
