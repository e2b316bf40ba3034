//! Collects what all senders write until each has done its current work, then sends it in a row.
//!
//! If requests are sent one by one, with work in between, a fast server falls asleep after each, and the kernel wakes it at the
//! sender's expense. Sent in a row they keep the server awake, and the kernel's code in the processor's cache. With 100 connections
//! this made a request a tenth cheaper.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The most bytes that are held for a stream. Longer writes are sent at once: they are worth a system call of their own.
const HELD: usize = 16 << 10;

/// The streams that have something to send.
pub(in crate::psend) struct Cork<S> {
    waiting: RefCell<Vec<Rc<Shared<S>>>>,
    /// The task that sends.
    task: RefCell<Option<Waker>>,
}

impl<S> Default for Cork<S> {
    fn default() -> Self {
        Self { waiting: RefCell::default(), task: RefCell::default() }
    }
}

impl<S: AsyncWrite + Unpin> Cork<S> {
    /// Wraps a stream so that writes to it are held.
    pub(in crate::psend) fn on(self: &Rc<Self>, stream: S) -> Corked<S> {
        let wire = Wire { stream, held: Vec::new(), sent: 0, broke: None, reader: None, writer: None };
        Corked { shared: Rc::new(Shared { wire: RefCell::new(wire), waits: Cell::new(false) }), cork: Rc::clone(self) }
    }

    /// Sends what is held. Runs in a separate task, and never ends.
    pub(in crate::psend) async fn pull(&self) {
        poll_fn(|cx| {
            let mut task = self.task.borrow_mut();
            if !task.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
                *task = Some(cx.waker().clone());
            }
            self.waiting.borrow_mut().retain(|shared| {
                let waits = shared.wire.borrow_mut().send(cx).is_pending();
                shared.waits.set(waits);
                waits
            });
            Poll::<()>::Pending
        })
        .await;
    }

    fn wait(&self, shared: &Rc<Shared<S>>) {
        if !shared.waits.replace(true) {
            self.waiting.borrow_mut().push(Rc::clone(shared));
        }
        self.wake();
    }

    /// Puts the task at the end of the run queue, so that all tasks that are ready now run first.
    fn wake(&self) {
        if let Some(task) = &*self.task.borrow() {
            task.wake_by_ref();
        }
    }
}

impl<S: AsyncWrite + Unpin> Corked<S> {
    /// Whether sending failed and the error has not been returned yet.
    pub(in crate::psend) fn is_broken(&self) -> bool {
        self.shared.wire.borrow().broke.is_some()
    }

    /// Whether all that was written has been sent.
    pub(in crate::psend) fn is_all_sent(&self) -> bool {
        let wire = self.shared.wire.borrow();
        wire.held.is_empty() && wire.broke.is_none()
    }

    /// Whether bytes are held and none of them has been sent.
    pub(in crate::psend) fn is_unsent(&self) -> bool {
        let wire = self.shared.wire.borrow();
        !wire.held.is_empty() && wire.sent == 0
    }
}

/// A stream whose writes are held.
pub(in crate::psend) struct Corked<S: AsyncWrite + Unpin> {
    shared: Rc<Shared<S>>,
    cork: Rc<Cork<S>>,
}

struct Shared<S> {
    wire: RefCell<Wire<S>>,
    /// Whether it is among the waiting streams.
    waits: Cell<bool>,
}

struct Wire<S> {
    stream: S,
    held: Vec<u8>,
    /// How many of the held bytes have been sent.
    sent: usize,
    /// The error from sending, for the next write, or the next read at the end of the stream.
    broke: Option<io::Error>,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl<S: AsyncWrite + Unpin> Wire<S> {
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.held.len() {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, &self.held[self.sent..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => self.sent += n,
            }
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Sends what is held. Wakes the reader on an error, because there may be no writer.
    fn send(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.held.is_empty() {
            self.broke = ready!(self.poll_send(cx)).err();
            self.let_go();
        }
        self.writer.take().into_iter().for_each(Waker::wake);
        if self.broke.is_some() {
            self.reader.take().into_iter().for_each(Waker::wake);
        }
        Poll::Ready(())
    }

    fn let_go(&mut self) {
        self.held.clear();
        self.sent = 0;
    }

    /// Waits until nothing is held. Only one task writes to the stream at a time, so this leaves the writing to the other.
    fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.held.is_empty() {
            return Poll::Ready(self.check());
        }
        self.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    fn check(&mut self) -> io::Result<()> {
        self.broke.take().map_or(Ok(()), Err)
    }
}

impl<S: AsyncWrite + Unpin> Drop for Corked<S> {
    /// Drops what is held, and closes the stream.
    fn drop(&mut self) {
        self.shared.wire.borrow_mut().let_go();
        if self.shared.waits.get() {
            self.cork.wake();
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Corked<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut wire = self.shared.wire.borrow_mut();
        if !wire.reader.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            wire.reader = Some(cx.waker().clone());
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut wire.stream).poll_read(cx, buf))?;
        // A send error explains the end of the stream, and nothing else: bytes that arrived before it are an answer, and a read
        // error may come from the other side.
        if buf.filled().len() == before { Poll::Ready(wire.check()) } else { Poll::Ready(Ok(())) }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Corked<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut wire = self.shared.wire.borrow_mut();
        wire.check()?;
        let length: usize = bufs.iter().map(|buf| buf.len()).sum();
        if wire.held.len() + length > HELD {
            ready!(wire.poll_sent(cx))?;
            return Pin::new(&mut wire.stream).poll_write_vectored(cx, bufs);
        }
        bufs.iter().for_each(|buf| wire.held.extend_from_slice(buf));
        self.cork.wait(&self.shared);
        Poll::Ready(Ok(length))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut wire = self.shared.wire.borrow_mut();
        if wire.held.is_empty() { Pin::new(&mut wire.stream).poll_flush(cx) } else { Poll::Ready(Ok(())) }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut wire = self.shared.wire.borrow_mut();
        ready!(wire.poll_sent(cx))?;
        Pin::new(&mut wire.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    /// Runs `work` together with the task that sends.
    fn with_cork<T>(work: impl AsyncFnOnce(&Rc<Cork<DuplexStream>>) -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.block_on(tokio::task::LocalSet::new().run_until(async {
            let cork = Rc::<Cork<DuplexStream>>::default();
            let pulled = Rc::clone(&cork);
            tokio::task::spawn_local(async move { pulled.pull().await });
            tokio::task::yield_now().await;
            work(&cork).await
        }))
    }

    #[test]
    fn nothing_is_sent_before_every_task_that_is_due_has_written() {
        with_cork(async |cork| {
            let (near, mut far) = duplex(1 << 10);
            let mut first = cork.on(near);
            let (near, _held_open) = duplex(1 << 10);
            let mut second = cork.on(near);
            let nothing_yet = tokio::task::spawn_local(async move {
                second.write_all(b"second").await.expect("it is held");
                let mut buf = [0; 8];
                let read = far.read(&mut buf);
                futures::future::FutureExt::now_or_never(read).is_none()
            });
            first.write_all(b"first").await.expect("it is held");
            assert!(nothing_yet.await.expect("no panic"));
        });
    }

    #[test]
    fn what_is_written_arrives_whole_and_in_order_however_little_the_stream_takes() {
        with_cork(async |cork| {
            let (near, mut far) = duplex(7);
            let mut corked = cork.on(near);
            let wanted: Vec<u8> = (0..3 * HELD).map(|n| n.to_le_bytes()[0]).collect();
            let expected = wanted.clone();
            let writing = tokio::task::spawn_local(async move {
                for piece in [&wanted[..100], &wanted[100..HELD], &wanted[HELD..HELD + 9], &wanted[HELD + 9..]] {
                    corked.write_all(piece).await.expect("it is taken");
                    corked.flush().await.expect("it is taken");
                }
                corked.shutdown().await.expect("it is sent");
            });
            let mut got = Vec::new();
            far.read_to_end(&mut got).await.expect("it is read");
            assert_eq!(got, expected);
            writing.await.expect("no panic");
        });
    }

    #[test]
    fn who_reads_learns_that_sending_broke() {
        with_cork(async |cork| {
            let (near, far) = duplex(64);
            let mut corked = cork.on(near);
            drop(far);
            corked.write_all(b"lost").await.expect("it is held");
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
            let error = corked.read(&mut [0; 8]).await.expect_err("sending broke");
            assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        });
    }

    /// A stream that takes nothing more, and of which it is not known yet what has come.
    struct Closing;

    impl AsyncRead for Closing {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Closing {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn what_may_have_come_is_waited_for_though_sending_broke() {
        let cork = Rc::<Cork<Closing>>::default();
        let mut corked = cork.on(Closing);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut corked).poll_write(&mut cx, b"request").is_ready());
        assert!(corked.is_unsent() && !corked.is_broken());
        assert!(pin!(cork.pull()).poll(&mut cx).is_pending());
        assert!(!corked.is_unsent() && corked.is_broken());
        assert!(Pin::new(&mut corked).poll_read(&mut cx, &mut ReadBuf::new(&mut [0; 8])).is_pending());
    }

    #[test]
    fn what_is_given_up_is_not_sent() {
        with_cork(async |cork| {
            let (near, mut far) = duplex(64);
            let mut corked = cork.on(near);
            corked.write_all(b"given up").await.expect("it is held");
            drop(corked);
            let mut got = Vec::new();
            far.read_to_end(&mut got).await.expect("the stream is closed");
            assert_eq!(got, b"");
        });
    }
}
