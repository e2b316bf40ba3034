//! Writes a range of events with several threads, in one order.
//!
//! Knows no form of events: a [`EventFormat`] says what they are. Each thread takes the next cell, plans and renders it, and writes it when its turn comes. The thread whose turn it is writes as
//! it renders. The others hold at most one cell each, so memory depends on the number of threads and not of events.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use super::arrivals::{Arrivals, Cell, Cells};
use super::config::Layout;
use crate::cli::Stop;
use crate::error::Result;

/// How many bytes to gather before a write: enough for few system calls, few enough for a core's cache.
const BLOCK: usize = 256 << 10;

/// A thread that holds this many bytes waits for its turn, so that long events take no more memory. PulseStream's cells have less.
const MOST_HELD: usize = 3 << 20;

/// No sink we know keeps up with more threads, and each holds a cell of about 2 MB.
pub(super) const MAX_THREADS: usize = 16;

/// Receives blocks of whole events, in order.
pub trait Sink: Send {
    /// Takes a block with this many events.
    ///
    /// # Errors
    /// If it cannot be written. Then nothing more is rendered.
    fn put(&mut self, block: &[u8], events: u64) -> Result<()>;
}

/// Says what the events of a cell are, and how each is written.
pub(super) trait EventFormat: Sync {
    /// The events of a cell. Each thread reuses its own from cell to cell.
    type Cell: Default;

    /// Plans a cell of these arrivals.
    fn plan(&self, arrivals: &Arrivals, cell: Cell, planned: &mut Self::Cell);

    /// The number of a cell's first event, counted from 0.
    fn first(&self, planned: &Self::Cell) -> u64;

    /// How many events a cell has.
    fn events(&self, planned: &Self::Cell) -> usize;

    /// How many bytes [`Self::write`] needs for an event.
    fn room(&self) -> usize;

    /// Writes the event at `index` of a cell to `out`, starting at `at`. Returns its end.
    fn write(&self, planned: &mut Self::Cell, index: usize, out: &mut [u8], at: usize) -> usize;
}

/// Writes the events of a range, counted from 0. The first cell contains the start of the range.
///
/// # Errors
/// The sink's.
pub(super) fn emit(
    form: &impl EventFormat,
    layout: Layout,
    cells: Cells,
    range: Range<u64>,
    threads: usize,
    stop: &Stop,
    sink: &mut dyn Sink,
) -> Result<()> {
    let queue = Queue { cells, taken: 0 };
    let shared = Shared {
        queue: Mutex::new(queue),
        turn: AtomicU64::new(0),
        out: Mutex::new(Out { sink, ended: None }),
        turned: Condvar::new(),
    };
    let worker = Worker { form, layout, range: &range, stop, shared: &shared };
    thread::scope(|scope| {
        for _ in 1..threads.clamp(1, MAX_THREADS) {
            scope.spawn(|| worker.work());
        }
        worker.work();
    });
    let mut out = shared.out.lock().expect(NO_PANIC);
    out.ended.take().unwrap_or(Ok(()))
}

const NO_PANIC: &str = "a panic ends the scope, and with it the run";

/// What the threads share.
struct Shared<'a> {
    queue: Mutex<Queue>,
    /// The ticket of the cell whose turn it is.
    turn: AtomicU64,
    out: Mutex<Out<'a>>,
    turned: Condvar,
}

struct Queue {
    cells: Cells,
    taken: u64,
}

struct Out<'a> {
    sink: &'a mut dyn Sink,
    /// Set once nothing more is to be written: the run was stopped, or failed.
    ended: Option<Result<()>>,
}

struct Worker<'a, F> {
    form: &'a F,
    layout: Layout,
    range: &'a Range<u64>,
    stop: &'a Stop,
    shared: &'a Shared<'a>,
}

impl<F: EventFormat> Worker<'_, F> {
    fn work(&self) {
        let _guard = PanicGuard(self.shared);
        let mut planned = F::Cell::default();
        let mut block = Block { bytes: Vec::new(), end: 0, events: 0 };
        while let Some((ticket, arrivals, cell)) = self.take() {
            self.form.plan(&arrivals, cell, &mut planned);
            if !self.render(ticket, &mut planned, &mut block) {
                return;
            }
        }
    }

    /// The next cell, with its ticket in the order of writing and its window.
    fn take(&self) -> Option<(u64, Arc<Arrivals>, Cell)> {
        let mut queue = self.shared.queue.lock().expect(NO_PANIC);
        let (arrivals, cell) = queue.cells.next().filter(|(_, cell)| cell.first < self.range.end)?;
        let ticket = queue.taken;
        queue.taken += 1;
        Some((ticket, arrivals, cell))
    }

    /// Renders and writes the part of a cell that lies in the range. Returns whether there is more to do.
    fn render(&self, ticket: u64, planned: &mut F::Cell, block: &mut Block) -> bool {
        let first = self.form.first(planned);
        let place = |event: u64| usize::try_from(event.saturating_sub(first)).unwrap_or(usize::MAX);
        let (from, to) = (place(self.range.start), place(self.range.end).min(self.form.events(planned)));
        for index in from..to {
            self.append(planned, index, first + index as u64 == self.range.start, block);
            let is_due = || block.end >= MOST_HELD || self.shared.turn.load(Ordering::Acquire) == ticket;
            if block.end >= BLOCK && is_due() && !self.write(ticket, block) {
                return false;
            }
        }
        let more = self.write(ticket, block);
        self.shared.turn.store(ticket + 1, Ordering::Release);
        // The lock prevents a lost wakeup: another thread cannot be between its check of the turn and its sleep.
        drop(self.shared.out.lock().expect(NO_PANIC));
        self.shared.turned.notify_all();
        more
    }

    #[inline]
    fn append(&self, planned: &mut F::Cell, index: usize, is_first: bool, block: &mut Block) {
        let room = self.form.room();
        if block.bytes.len() < block.end + room {
            let most = (block.bytes.len().max(BLOCK) + (1 << 20)).max(BLOCK + 2 * room);
            block.bytes.resize((block.bytes.len() * 2).clamp(BLOCK + 2 * room, most).max(block.end + room), 0);
        }
        let mut at = block.end;
        let mut put = |text: &[u8]| {
            block.bytes[at..at + text.len()].copy_from_slice(text);
            at += text.len();
        };
        match self.layout {
            Layout::Lines => {}
            Layout::Array if is_first => put(b"[\n  "),
            Layout::Array => put(b",\n  "),
        }
        block.end = self.form.write(planned, index, &mut block.bytes, at);
        if self.layout == Layout::Lines {
            block.bytes[block.end] = b'\n';
            block.end += 1;
        }
        block.events += 1;
    }

    /// Waits for the turn and writes. Returns whether there is more to do.
    fn write(&self, ticket: u64, block: &mut Block) -> bool {
        let mut out = self.shared.out.lock().expect(NO_PANIC);
        while out.ended.is_none() && self.shared.turn.load(Ordering::Acquire) != ticket {
            out = self.shared.turned.wait(out).expect(NO_PANIC);
        }
        if out.ended.is_none() && self.stop.requested() {
            out.ended = Some(Ok(()));
        }
        if out.ended.is_none() && block.end > 0 {
            out.ended = out.sink.put(&block.bytes[..block.end], block.events).err().map(Err);
        }
        (block.end, block.events) = (0, 0);
        if out.ended.is_some() {
            self.shared.turned.notify_all();
        }
        out.ended.is_none()
    }
}

/// Releases the other threads if one panics. Otherwise they would wait for its turn forever.
struct PanicGuard<'a>(&'a Shared<'a>);

impl Drop for PanicGuard<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.out.lock().unwrap_or_else(PoisonError::into_inner).ended.get_or_insert(Ok(()));
            self.0.turned.notify_all();
        }
    }
}

/// Rendered events that are not written yet.
struct Block {
    bytes: Vec<u8>,
    end: usize,
    events: u64,
}
