//! Writes a range of events with several threads, in one order.
//!
//! Each thread takes the next cell, plans and renders it, and writes it when its turn comes. The thread whose turn it is writes as
//! it renders. The others hold at most one cell each, so memory depends on the number of threads and not of events.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use super::arrivals::{Arrivals, Cell, Cells};
use super::config::Layout;
use super::plan::{CellPlan, Planner};
use super::render::{Memory, Renderer};
use crate::cli::Stop;
use crate::error::Result;

/// How many bytes to gather before a write: enough for few system calls, few enough for a core's cache.
const BLOCK: usize = 256 << 10;

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

/// What the threads need to write events.
#[derive(Debug, Clone, Copy)]
pub(super) struct EventWriter<'a> {
    pub(super) planner: &'a Planner<'a>,
    pub(super) renderer: &'a Renderer,
    pub(super) layout: Layout,
}

/// Writes the events of a range, counted from 0. The first cell contains the start of the range.
///
/// # Errors
/// The sink's.
pub(super) fn emit(
    writer: EventWriter<'_>,
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
    let worker = Worker { writer, range: &range, stop, shared: &shared };
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

struct Worker<'a> {
    writer: EventWriter<'a>,
    range: &'a Range<u64>,
    stop: &'a Stop,
    shared: &'a Shared<'a>,
}

impl Worker<'_> {
    fn work(&self) {
        let _guard = PanicGuard(self.shared);
        let mut plan = CellPlan::default();
        let mut block = Block { bytes: Vec::new(), end: 0, events: 0, memory: Memory::default() };
        while let Some((ticket, arrivals, cell)) = self.take() {
            self.writer.planner.plan(&arrivals, cell, &mut plan);
            self.writer.renderer.prepare(&plan, &mut block.memory);
            if !self.render(ticket, &plan, &mut block) {
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
    fn render(&self, ticket: u64, plan: &CellPlan, block: &mut Block) -> bool {
        let place = |event: u64| usize::try_from(event.saturating_sub(plan.first)).unwrap_or(usize::MAX);
        let (from, to) = (place(self.range.start), place(self.range.end).min(plan.events.len()));
        for index in from..to {
            self.append(plan, index, block);
            if block.end >= BLOCK && self.shared.turn.load(Ordering::Acquire) == ticket && !self.write(ticket, block) {
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
    fn append(&self, plan: &CellPlan, index: usize, block: &mut Block) {
        let EventWriter { renderer, layout, .. } = self.writer;
        if block.bytes.len() < block.end + renderer.room() {
            let size =
                (block.bytes.len() * 2).clamp(BLOCK + 2 * renderer.room(), block.bytes.len().max(BLOCK) + (1 << 20));
            block.bytes.resize(size, 0);
        }
        let mut at = block.end;
        let mut put = |text: &[u8]| {
            block.bytes[at..at + text.len()].copy_from_slice(text);
            at += text.len();
        };
        match layout {
            Layout::Lines => {}
            Layout::Array if plan.first + index as u64 == self.range.start => put(b"[\n  "),
            Layout::Array => put(b",\n  "),
        }
        block.end = renderer.write(plan, index, &mut block.memory, &mut block.bytes, at);
        if layout == Layout::Lines {
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
    memory: Memory,
}
