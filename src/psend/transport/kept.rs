//! The body of an answer as it arrives. No more of it is kept than a valid answer needs, and the answers to all senders have a common
//! limit too, so a server whose answers never end costs no memory.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::coding;

/// The limit for all long answers together, in KiB, unless a single one may take more.
const TOGETHER: usize = 32 << 10;

/// This many bytes of an answer do not count against the common limit. Nearly all answers are shorter.
pub(in crate::psend) const FREE: usize = 16 << 10;

/// How much is kept of a body that is too long: enough to quote from.
const BEGINNING: usize = 1 << 10;

/// How much is kept of one answer, and of all together.
pub(in crate::psend) struct Limit {
    /// The most bytes of one answer.
    most: usize,
    /// What a long answer takes from `left`, in KiB.
    share: u32,
    left: Arc<Semaphore>,
    /// Whether the heads of answers are kept too.
    heads: bool,
}

impl Limit {
    /// Keeps at most this many bytes of an answer.
    pub(in crate::psend) fn new(most: usize) -> Arc<Self> {
        Self::with_heads(most, false)
    }

    /// The same, and the heads of answers if wanted.
    pub(in crate::psend) fn with_heads(most: usize, heads: bool) -> Arc<Self> {
        let share = u32::try_from(most.div_ceil(1 << 10)).unwrap_or(u32::MAX);
        let together = usize::try_from(share).unwrap_or(TOGETHER).clamp(TOGETHER, Semaphore::MAX_PERMITS);
        Arc::new(Self { most, share, left: Arc::new(Semaphore::new(together)), heads })
    }
}

/// The body of an answer, as far as it has arrived.
pub(in crate::psend) struct Kept {
    body: Vec<u8>,
    limit: Arc<Limit>,
    is_whole: bool,
    room: Option<OwnedSemaphorePermit>,
    waiting: Option<Pin<Box<dyn Future<Output = Option<OwnedSemaphorePermit>>>>>,
}

impl Kept {
    /// Nothing yet.
    pub(in crate::psend) fn new(limit: &Arc<Limit>) -> Self {
        Self { body: Vec::new(), limit: Arc::clone(limit), is_whole: true, room: None, waiting: None }
    }

    /// Whether the head of the answer is to be kept.
    pub(in crate::psend) fn keeps_heads(&self) -> bool {
        self.limit.heads
    }

    /// Waits until more may be read. If other long answers use up the limit, the server has to wait with the rest of this one.
    pub(in crate::psend) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.body.len() < FREE || self.room.is_some() || !self.is_whole {
            return Poll::Ready(());
        }
        let waiting = self.waiting.get_or_insert_with(|| {
            let (left, share) = (Arc::clone(&self.limit.left), self.limit.share);
            Box::pin(async move { left.acquire_many_owned(share).await.ok() })
        });
        self.room = ready!(waiting.as_mut().poll(cx));
        self.waiting = None;
        Poll::Ready(())
    }

    /// Takes the next part.
    pub(in crate::psend) fn push(&mut self, part: &[u8]) {
        if !self.is_whole {
            return;
        }
        if part.len() <= self.limit.most - self.body.len() {
            self.body.extend_from_slice(part);
            return;
        }
        self.is_whole = false;
        self.body.truncate(BEGINNING);
        let left = BEGINNING.min(self.limit.most) - self.body.len();
        self.body.extend_from_slice(&part[..part.len().min(left)]);
        self.body.shrink_to_fit();
        self.room = None;
    }

    /// Ends the body and undoes its codings, from `Content-Encoding` and `Transfer-Encoding`.
    pub(in crate::psend) fn end(self, codings: &[u8]) -> Body {
        let most = self.limit.most;
        let body = self.body;
        let (bytes, unread) = if self.is_whole {
            match coding::decode(&body, codings, most) {
                Ok(Cow::Borrowed(_)) => (coding::utf8(body), None),
                Ok(Cow::Owned(text)) => (coding::utf8(text), None),
                Err(why) => (body, Some(why)),
            }
        } else {
            (body, Some(format!("the answer is longer than {most} bytes")))
        };
        Body { bytes, unread, _room: self.room }
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.body.len())
    }
}

/// The body of an answer, or its beginning.
#[derive(Debug)]
pub(in crate::psend) struct Body {
    bytes: Vec<u8>,
    /// Why it could not be read, if so.
    unread: Option<String>,
    /// Gives the room back when the body is dropped.
    _room: Option<OwnedSemaphorePermit>,
}

impl Body {
    /// Why the body could not be read: it is too long, or has an unknown coding. `None` if it was read.
    pub(in crate::psend) fn unread(&self) -> Option<&str> {
        self.unread.as_deref()
    }
}

impl Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    fn filled(limit: &Arc<Limit>, parts: usize) -> Kept {
        let mut kept = Kept::new(limit);
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..parts {
            if kept.poll_room(&mut cx).is_ready() {
                kept.push(&[b'x'; FREE]);
            }
        }
        kept
    }

    #[test]
    fn long_answers_wait_for_each_other_and_short_ones_do_not() {
        let limit = Limit::new(TOGETHER << 9); // half of what all may take
        let (first, second, mut third) = (filled(&limit, 9), filled(&limit, 9), filled(&limit, 9));
        assert_eq!((first.body.len(), second.body.len(), third.body.len()), (9 * FREE, 9 * FREE, FREE));
        assert_eq!(filled(&limit, 1).body.len(), FREE);
        let mut cx = Context::from_waker(Waker::noop());
        // What was read of an answer holds its room until it is dropped.
        let body = first.end(b"");
        assert!(third.poll_room(&mut cx).is_pending());
        drop(body);
        assert!(third.poll_room(&mut cx).is_ready());
    }

    #[test]
    fn of_an_answer_that_is_too_long_the_beginning_is_left_and_its_room_is_free_again() {
        let limit = Limit::new(64 << 10);
        let mut kept = filled(&limit, 4);
        assert!(kept.is_whole && kept.room.is_some());
        kept.push(b"y");
        assert!(kept.room.is_none() && kept.body.capacity() < FREE);
        let body = kept.end(b"");
        assert_eq!(body.len(), BEGINNING);
        assert_eq!(body.unread(), Some("the answer is longer than 65536 bytes"));
    }
}
