//! An answer's body as it comes in. No more of it is kept than a right answer may have, and what the answers to all senders
//! keep at the same time has a limit too: a server whose answers never end costs no memory.

use std::fmt;
use std::ops::Deref;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::coding;

/// What long answers may take together, in KiB, unless one alone may take more.
const TOGETHER: usize = 32 << 10;

/// How many bytes of an answer are kept without asking. Nearly all answers are shorter.
pub const FREE: usize = 16 << 10;

/// What is left of a body that is too long: enough to quote from.
const BEGINNING: usize = 1 << 10;

/// How much of answers is kept, of one and of all together.
pub struct Limit {
    /// Bytes of one answer.
    most: usize,
    /// What one long answer takes of `left`, in KiB.
    share: u32,
    left: Arc<Semaphore>,
}

impl Limit {
    /// Keeps no more than so many bytes of an answer.
    pub fn new(most: usize) -> Rc<Self> {
        let share = u32::try_from(most.div_ceil(1 << 10)).unwrap_or(u32::MAX);
        let together = usize::try_from(share).unwrap_or(TOGETHER).clamp(TOGETHER, Semaphore::MAX_PERMITS);
        Rc::new(Self { most, share, left: Arc::new(Semaphore::new(together)) })
    }
}

/// An answer's body, as far as it has come.
pub struct Kept {
    body: Vec<u8>,
    limit: Rc<Limit>,
    is_whole: bool,
    room: Option<OwnedSemaphorePermit>,
    waiting: Option<Pin<Box<dyn Future<Output = Option<OwnedSemaphorePermit>>>>>,
}

impl Kept {
    /// Nothing yet.
    pub fn new(limit: &Rc<Limit>) -> Self {
        Self { body: Vec::new(), limit: Rc::clone(limit), is_whole: true, room: None, waiting: None }
    }

    /// Waits until more may be read. While too many others keep long answers, the server waits with the rest of this one.
    pub fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
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
    pub fn push(&mut self, part: &[u8]) {
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

    /// The body of the whole answer, whose `Content-Encoding` and `Transfer-Encoding` name these codings.
    pub fn end(self, codings: &[u8]) -> Body {
        let most = self.limit.most;
        let body = Bytes::from(self.body);
        let (bytes, unread) = if self.is_whole {
            match coding::decode(body.clone(), codings, most) {
                Ok(text) => (coding::utf8(text), None),
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

/// An answer's body, or what is left of it.
#[derive(Debug)]
pub struct Body {
    bytes: Bytes,
    /// Why that is not what the server said, where it is not.
    unread: Option<String>,
    /// What others may keep again once this body is gone.
    _room: Option<OwnedSemaphorePermit>,
}

impl Body {
    /// Why the body could not be read, where it could not: it is too long, or coded in a way that is not known.
    pub fn unread(&self) -> Option<&str> {
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

    fn filled(limit: &Rc<Limit>, parts: usize) -> Kept {
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
