//! A line between two threads: what many tasks of one have for tasks of the other, handed over in groups.
//!
//! Waking a thread costs more than a request's share of everything else that is done for it here. So a task's message waits until
//! all tasks that are ready have run, as in `cork`, and one call wakes the other thread for all of them.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures::task::AtomicWaker;

/// What one thread has for the other. Each task has at most two messages in it: the other side takes them all at once.
struct Mailbox<T> {
    messages: Mutex<Vec<(usize, T)>>,
    reader: AtomicWaker,
    is_closed: AtomicBool,
}

impl<T> Default for Mailbox<T> {
    fn default() -> Self {
        Self { messages: Mutex::default(), reader: AtomicWaker::new(), is_closed: AtomicBool::new(false) }
    }
}

impl<T> Mailbox<T> {
    fn messages(&self) -> MutexGuard<'_, Vec<(usize, T)>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, messages: &mut Vec<(usize, T)>) {
        let mut held = self.messages();
        let was_empty = held.is_empty();
        held.append(messages);
        drop(held);
        if was_empty {
            self.reader.wake();
        }
    }

    /// Takes everything. `into` is empty and gives its memory in exchange.
    fn take(&self, into: &mut Vec<(usize, T)>) {
        std::mem::swap(&mut *self.messages(), into);
    }
}

/// One end of a line, before its tasks use it. It can be sent to their thread.
pub(in crate::psend) struct Loose<Out, In> {
    outgoing: Arc<Mailbox<Out>>,
    incoming: Arc<Mailbox<In>>,
    tasks: usize,
}

/// Both ends of a line for this many tasks on each side.
pub(in crate::psend) fn line<A, B>(tasks: usize) -> (Loose<A, B>, Loose<B, A>) {
    let (there, back) = (Arc::default(), Arc::default());
    let here = Loose { outgoing: Arc::clone(&there), incoming: Arc::clone(&back), tasks };
    (here, Loose { outgoing: back, incoming: there, tasks })
}

/// One end of a line, on the thread of its tasks.
pub(in crate::psend) struct End<Out, In> {
    outgoing: Arc<Mailbox<Out>>,
    incoming: Arc<Mailbox<In>>,
    out: RefCell<Vec<(usize, Out)>>,
    slots: Vec<Slot<In>>,
    /// The task that runs the line.
    runner: RefCell<Option<Waker>>,
}

/// Where a task finds its last message.
struct Slot<In> {
    came: Cell<Option<In>>,
    task: RefCell<Option<Waker>>,
}

/// Remembers who is to be woken.
fn remember(place: &RefCell<Option<Waker>>, cx: &Context<'_>) {
    let mut known = place.borrow_mut();
    if !known.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
        *known = Some(cx.waker().clone());
    }
}

fn wake(place: &RefCell<Option<Waker>>) {
    if let Some(task) = &*place.borrow() {
        task.wake_by_ref();
    }
}

impl<Out, In> Loose<Out, In> {
    /// Ties it to this thread.
    pub(in crate::psend) fn tie(self) -> End<Out, In> {
        let Self { outgoing, incoming, tasks } = self;
        let slots = (0..tasks).map(|_| Slot { came: Cell::new(None), task: RefCell::default() }).collect();
        End { outgoing, incoming, out: RefCell::default(), slots, runner: RefCell::default() }
    }
}

impl<Out, In> End<Out, In> {
    /// How many tasks each side has.
    pub(in crate::psend) fn tasks(&self) -> usize {
        self.slots.len()
    }

    /// Has a message for the task of this number on the other side.
    pub(in crate::psend) fn post(&self, task: usize, message: Out) {
        self.out.borrow_mut().push((task, message));
        wake(&self.runner);
    }

    /// The next message for the task of this number. If several came, only the last one counts.
    pub(in crate::psend) async fn next(&self, task: usize) -> In {
        let slot = &self.slots[task];
        poll_fn(|cx| match slot.came.take() {
            Some(message) => Poll::Ready(message),
            None => {
                remember(&slot.task, cx);
                Poll::Pending
            }
        })
        .await
    }

    /// Closes the line: the other side stops running it.
    pub(in crate::psend) fn close(&self) {
        self.outgoing.is_closed.store(true, Ordering::Release);
        self.outgoing.reader.wake();
    }

    /// Hands messages over, in a task of its own, until the other side closes the line.
    pub(in crate::psend) async fn run(&self) {
        let mut came = Vec::new();
        poll_fn(|cx| {
            remember(&self.runner, cx);
            self.incoming.reader.register(cx.waker());
            self.incoming.take(&mut came);
            for (task, message) in came.drain(..) {
                let slot = &self.slots[task];
                slot.came.set(Some(message));
                wake(&slot.task);
            }
            let mut out = self.out.borrow_mut();
            if !out.is_empty() {
                self.outgoing.put(&mut out);
            }
            if self.incoming.is_closed.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use tokio::task::{LocalSet, spawn_local};

    use super::*;

    /// Runs work on this thread, with a thread on the other side that answers each number with its double.
    fn with_doubler(tasks: usize, work: impl AsyncFnOnce(Rc<End<u64, u64>>)) {
        let runtime = || tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let (here, there) = line::<u64, u64>(tasks);
        let other = std::thread::spawn(move || {
            LocalSet::new().block_on(&runtime(), async {
                let end = Rc::new(there.tie());
                for task in 0..end.tasks() {
                    let end = Rc::clone(&end);
                    spawn_local(async move {
                        loop {
                            end.post(task, end.next(task).await * 2);
                        }
                    });
                }
                end.run().await;
            });
        });
        LocalSet::new().block_on(&runtime(), async {
            let end = Rc::new(here.tie());
            let running = Rc::clone(&end);
            let runner = spawn_local(async move { running.run().await });
            work(Rc::clone(&end)).await;
            end.close();
            runner.abort();
        });
        other.join().expect("it ends when the line is closed");
    }

    #[test]
    fn each_task_gets_the_answers_to_its_own_messages() {
        with_doubler(20, async |end| {
            let ask = |task: usize| {
                let end = Rc::clone(&end);
                spawn_local(async move {
                    for n in 0..500 {
                        end.post(task, n * 100 + task as u64);
                        assert_eq!(end.next(task).await, 2 * (n * 100 + task as u64));
                    }
                })
            };
            futures::future::try_join_all((0..end.tasks()).map(ask)).await.expect("no task panics");
        });
    }
}
