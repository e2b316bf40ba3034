//! Writes a range of events, by several threads in one order.
//!
//! Each thread takes the next cell, plans and renders it, and writes it when its turn has come. A thread whose turn it is writes
//! as it goes; the others hold at most a cell each, so memory is bounded by the threads and not by the events.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use super::arrivals::{Arrivals, Cell, Cells};
use super::config::Layout;
use super::plan::{Plan, Planner};
use super::render::{Memory, Renderer};
use crate::cli::Stop;
use crate::error::Result;

/// What is gathered before it is written: enough for few system calls, and little enough to stay in a core's cache.
const BLOCK: usize = 256 << 10;

/// No sink that we know takes what more threads make, and each of them holds a cell of about 2 MB.
pub(super) const MAX_THREADS: usize = 16;

/// Where the bytes go: called in order, with whole events and how many they are.
pub trait Sink: Send {
    /// Takes a block.
    ///
    /// # Errors
    /// Where it cannot be written; nothing more is then rendered.
    fn put(&mut self, block: &[u8], events: u64) -> Result<()>;
}

/// All that is needed to render events.
#[derive(Debug, Clone, Copy)]
pub(super) struct EventWriter<'a> {
    /// What happens.
    pub(super) planner: &'a Planner<'a>,
    /// How it is written.
    pub(super) renderer: &'a Renderer,
    /// How events are set apart.
    pub(super) layout: Layout,
}

/// Renders the events of a range (counted from 0), to which the cells leads, into a sink.
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
    let desk = Desk {
        queue: Mutex::new(queue),
        turn: AtomicU64::new(0),
        counter: Mutex::new(Counter { sink, ended: None }),
        turned: Condvar::new(),
    };
    let worker = Worker { writer, range: &range, stop, desk: &desk };
    thread::scope(|scope| {
        for _ in 1..threads.clamp(1, MAX_THREADS) {
            scope.spawn(|| worker.work());
        }
        worker.work();
    });
    let mut counter = desk.counter.lock().expect(NO_PANIC);
    counter.ended.take().unwrap_or(Ok(()))
}

const NO_PANIC: &str = "a thread that panics ends the scope, and with it the run";

/// What the threads share.
struct Desk<'a> {
    queue: Mutex<Queue>,
    /// The ticket of the cell that may be written.
    turn: AtomicU64,
    counter: Mutex<Counter<'a>>,
    turned: Condvar,
}

struct Queue {
    cells: Cells,
    taken: u64,
}

struct Counter<'a> {
    sink: &'a mut dyn Sink,
    /// Set where nothing more is to be written: the run was stopped, or failed.
    ended: Option<Result<()>>,
}

struct Worker<'a> {
    writer: EventWriter<'a>,
    range: &'a Range<u64>,
    stop: &'a Stop,
    desk: &'a Desk<'a>,
}

impl Worker<'_> {
    fn work(&self) {
        let _leaving = Leaving(self.desk);
        let mut plan = Plan::default();
        let mut block = Block { bytes: Vec::new(), end: 0, events: 0, memory: Memory::default() };
        while let Some((ticket, arrivals, cell)) = self.take() {
            self.writer.planner.plan(&arrivals, cell, &mut plan);
            self.writer.renderer.prepare(&plan, &mut block.memory);
            if !self.render(ticket, &plan, &mut block) {
                return;
            }
        }
    }

    /// The next cell, its place in the order of writing, and the window that it is of.
    fn take(&self) -> Option<(u64, Arc<Arrivals>, Cell)> {
        let mut queue = self.desk.queue.lock().expect(NO_PANIC);
        let (arrivals, cell) = queue.cells.next().filter(|(_, cell)| cell.first < self.range.end)?;
        let ticket = queue.taken;
        queue.taken += 1;
        Some((ticket, arrivals, cell))
    }

    /// Renders a cell's part of the range, and writes it; says whether there is more to do.
    fn render(&self, ticket: u64, plan: &Plan, block: &mut Block) -> bool {
        let place = |event: u64| usize::try_from(event.saturating_sub(plan.first)).unwrap_or(usize::MAX);
        let (from, to) = (place(self.range.start), place(self.range.end).min(plan.events.len()));
        for index in from..to {
            self.append(plan, index, block);
            if block.end >= BLOCK && self.desk.turn.load(Ordering::Acquire) == ticket && !self.write(ticket, block) {
                return false;
            }
        }
        let more = self.write(ticket, block);
        self.desk.turn.store(ticket + 1, Ordering::Release);
        // The lock keeps the turn from passing between another's look at it and its sleep.
        drop(self.desk.counter.lock().expect(NO_PANIC));
        self.desk.turned.notify_all();
        more
    }

    #[inline]
    fn append(&self, plan: &Plan, index: usize, block: &mut Block) {
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

    /// Waits for the turn, and writes; says whether there is more to do.
    fn write(&self, ticket: u64, block: &mut Block) -> bool {
        let mut counter = self.desk.counter.lock().expect(NO_PANIC);
        while counter.ended.is_none() && self.desk.turn.load(Ordering::Acquire) != ticket {
            counter = self.desk.turned.wait(counter).expect(NO_PANIC);
        }
        if counter.ended.is_none() && self.stop.requested() {
            counter.ended = Some(Ok(()));
        }
        if counter.ended.is_none() && block.end > 0 {
            counter.ended = counter.sink.put(&block.bytes[..block.end], block.events).err().map(Err);
        }
        (block.end, block.events) = (0, 0);
        if counter.ended.is_some() {
            self.desk.turned.notify_all();
        }
        counter.ended.is_none()
    }
}

/// Lets the other threads go where one panics: they would wait for its turn for ever.
struct Leaving<'a>(&'a Desk<'a>);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.counter.lock().unwrap_or_else(PoisonError::into_inner).ended.get_or_insert(Ok(()));
            self.0.turned.notify_all();
        }
    }
}

/// Rendered events that wait to be written.
struct Block {
    bytes: Vec<u8>,
    end: usize,
    events: u64,
    memory: Memory,
}
