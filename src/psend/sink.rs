//! Outcomes out: senders append to a block, and a thread writes blocks, so that a slow reader does not hold up requests.
//!
//! A block is written in the order that survives a crash: first outcomes, then dead letters, and only when these are safe the
//! journal's entries that say that the events are done.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};

use super::journal::{self, Entries};
use crate::cli::output::Output;
use crate::error::{Error, Result};

/// A block is written when it has this many bytes,
const BLOCK_BYTES: usize = 64 << 10;
/// or when the first outcome in it is this old.
const BLOCK_AGE: Duration = Duration::from_millis(5);
/// At most this many blocks wait to be written. Until there is room, senders take no new event.
const BLOCKS: usize = 2;

/// A file of events that were not delivered. The thread that reads the input writes lines to it that are too long to be held.
#[derive(Debug, Clone)]
pub(super) struct DeadLetters(Arc<Mutex<Output>>);

impl DeadLetters {
    /// Dead letters that go to this output.
    pub(super) fn new(output: Output) -> Self {
        Self(Arc::new(Mutex::new(output)))
    }

    /// Locks the output, for one line.
    pub(super) fn lock(&self) -> MutexGuard<'_, Output> {
        self.0.lock().expect("no holder of this lock can panic")
    }

    /// Locks the output, unless a line is being written to it.
    fn try_lock(&self) -> Option<MutexGuard<'_, Output>> {
        match self.0.try_lock() {
            Err(TryLockError::WouldBlock) => None,
            locked => Some(locked.expect("no holder of this lock can panic")),
        }
    }
}

/// Where a run writes to.
#[derive(Debug, Default)]
pub(super) struct Outlets {
    /// Outcomes. `None` discards them.
    pub outcomes: Option<Output>,
    /// Events that were not delivered.
    pub dead_letters: Option<DeadLetters>,
    /// Events that are done.
    pub journal: Option<Entries>,
}

/// What the writer gets.
#[derive(Debug, Default)]
struct Block {
    outcomes: Vec<u8>,
    dead_letters: Vec<u8>,
    journal: Vec<u8>,
    is_record: bool,
}

impl Block {
    fn is_empty(&self) -> bool {
        self.outcomes.is_empty() && self.dead_letters.is_empty()
    }

    fn is_full(&self) -> bool {
        self.outcomes.len() + self.dead_letters.len() >= BLOCK_BYTES
    }

    fn clear(&mut self) {
        self.outcomes.clear();
        self.dead_letters.clear();
        self.journal.clear();
    }
}

/// What is written after the outcomes: dead letters, which may have to wait for the end of a line that is too long to be held, and
/// the journal's entries, which wait for the dead letters. Little gathers here, since no lines come in until that one has ended.
#[derive(Debug, Default)]
struct Waiting {
    dead_letters: Vec<u8>,
    journal: Vec<u8>,
}

impl Waiting {
    fn take(&mut self, block: &mut Block) {
        self.dead_letters.append(&mut block.dead_letters);
        self.journal.append(&mut block.journal);
    }

    fn is_empty(&self) -> bool {
        self.dead_letters.is_empty() && self.journal.is_empty()
    }
}

/// How writing went.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Outcomes that could not be written.
    pub lost: u64,
    /// The first error.
    pub broke: Option<Error>,
    /// Whether outcomes could not be written.
    outcomes_broke: bool,
    /// The file with the outcomes written so far, if it is not the one that was asked for.
    pub kept: Option<PathBuf>,
}

impl Outlets {
    fn write(&mut self, block: &mut Block, waiting: &mut Waiting, written: &mut Written) {
        if let Some(to) = &mut self.outcomes
            && let Err((rest, error)) = put(to, &block.outcomes)
        {
            written.lost += if block.is_record { 0 } else { count_lines(&block.outcomes[rest..]) };
            written.outcomes_broke = true;
            written.broke.get_or_insert(error);
        }
        waiting.take(block);
        if written.broke.is_some() {
            waiting.journal.clear();
        }
        if let Err(error) = self.settle(waiting, block.is_record) {
            written.broke.get_or_insert(error);
        }
    }

    /// Writes what waits, unless a line that has not ended blocks the dead letters. At the end, waits for that line.
    fn settle(&mut self, waiting: &mut Waiting, is_end: bool) -> Result<()> {
        if waiting.is_empty() {
            return Ok(());
        }
        let mut dead = match &self.dead_letters {
            None => None,
            Some(letters) if is_end => Some(letters.lock()),
            Some(letters) => match letters.try_lock() {
                None => return Ok(()),
                free => free,
            },
        };
        let letters = std::mem::take(&mut waiting.dead_letters);
        if let Some(dead) = &mut dead {
            dead.put(&letters)?;
        }
        let done = std::mem::take(&mut waiting.journal);
        let Some(journal) = self.journal.as_mut().filter(|_| !done.is_empty()) else { return Ok(()) };
        if let Some(outcomes) = &mut self.outcomes {
            outcomes.sync()?;
        }
        if let Some(dead) = &mut dead {
            dead.sync()?;
        }
        journal.put(&done)
    }

    /// Moves the outcomes to their file if they are complete. Otherwise keeps them beside it, since they cannot be had again.
    fn finish(self, written: &mut Written) {
        let Some(outcomes) = self.outcomes else { return };
        if written.outcomes_broke {
            written.kept = outcomes.keep().unwrap_or_default();
        } else if let Err(error) = outcomes.finish() {
            written.broke.get_or_insert(error);
        }
    }
}

/// Writes a block. On failure, returns from which byte on it was not written.
fn put(output: &mut Output, block: &[u8]) -> Result<(), (usize, Error)> {
    use std::io::{ErrorKind, Write};
    let mut done = 0;
    while done < block.len() {
        let source = match output.write(&block[done..]) {
            Ok(0) => ErrorKind::WriteZero.into(),
            Ok(n) => {
                done += n;
                continue;
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            Err(e) => e,
        };
        return Err((done, Error::Io { place: output.place().clone(), source }));
    }
    Ok(())
}

fn count_lines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// Where senders put outcomes.
pub(super) struct Sink {
    block: RefCell<Block>,
    begun: Notify,
    blocks: mpsc::Sender<Block>,
    empty: Arc<Mutex<Vec<Block>>>,
    broken: Arc<AtomicBool>,
}

/// Writes the blocks.
pub(super) struct Writer {
    outlets: Outlets,
    waiting: Waiting,
    written: Written,
    blocks: mpsc::Receiver<Block>,
    empty: Arc<Mutex<Vec<Block>>>,
    broken: Arc<AtomicBool>,
}

/// Makes a sink and its writer.
pub(super) fn open(outlets: Outlets) -> (Sink, Writer) {
    let (sender, blocks) = mpsc::channel(BLOCKS);
    let empty = Arc::new(Mutex::new(Vec::new()));
    let broken = Arc::new(AtomicBool::new(false));
    let sink = Sink {
        block: RefCell::default(),
        begun: Notify::new(),
        blocks: sender,
        empty: Arc::clone(&empty),
        broken: Arc::clone(&broken),
    };
    (sink, Writer { outlets, waiting: Waiting::default(), written: Written::default(), blocks, empty, broken })
}

impl Sink {
    /// Takes an outcome, which `outcome` writes; the event's line if it is a dead letter; and the number and hash of the line if
    /// the journal is to call it done.
    pub(super) fn put(&self, outcome: impl FnOnce(&mut Vec<u8>), dead_letter: Option<&[u8]>, done: Option<(u64, u64)>) {
        let mut block = self.block.borrow_mut();
        if block.is_empty() {
            self.begun.notify_one();
        }
        outcome(&mut block.outcomes);
        if let Some(line) = dead_letter {
            block.dead_letters.extend_from_slice(line);
            block.dead_letters.push(b'\n');
        }
        if let Some((seq, hash)) = done {
            journal::write(seq, hash, &mut block.journal);
        }
        if block.is_full()
            && let Ok(place) = self.blocks.try_reserve()
        {
            place.send(self.change(&mut block));
        }
    }

    /// Waits until there is room for more.
    pub(super) async fn room(&self) {
        while self.block.borrow().is_full() {
            self.hand_over().await;
        }
    }

    /// Hands over blocks that do not fill up. Runs beside the senders and never returns.
    pub(super) async fn flush_when_idle(&self) {
        loop {
            self.begun.notified().await;
            tokio::time::sleep(BLOCK_AGE).await;
            self.hand_over().await;
        }
    }

    /// Hands over what is left, then the run record, and lets the writer end.
    pub(super) async fn close(&self, record: Vec<u8>) {
        self.hand_over().await;
        // A writer that is gone has reported why.
        let _ = self.blocks.send(Block { outcomes: record, is_record: true, ..Block::default() }).await;
    }

    /// Whether something can no longer be written.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    async fn hand_over(&self) {
        let Ok(place) = self.blocks.reserve().await else { return };
        let mut block = self.block.borrow_mut();
        if !block.is_empty() {
            place.send(self.change(&mut block));
        }
    }

    fn change(&self, block: &mut Block) -> Block {
        let fresh = self.empty.lock().expect("no holder of this lock can panic").pop();
        std::mem::replace(block, fresh.unwrap_or_default())
    }
}

impl Writer {
    /// Writes on a new thread until the sink is closed.
    pub(super) fn spawn(mut self) -> JoinHandle<Written> {
        std::thread::spawn(move || {
            while let Some(block) = self.blocks.blocking_recv() {
                if self.write(block) {
                    break;
                }
            }
            self.finish()
        })
    }

    /// Writes one block. Returns whether it was the last, which has the run record.
    fn write(&mut self, mut block: Block) -> bool {
        self.outlets.write(&mut block, &mut self.waiting, &mut self.written);
        self.broken.store(self.written.broke.is_some(), Ordering::Relaxed);
        if block.is_record {
            return true;
        }
        block.clear();
        self.empty.lock().expect("no holder of this lock can panic").push(block);
        false
    }

    fn finish(mut self) -> Written {
        self.outlets.finish(&mut self.written);
        self.written
    }
}

#[cfg(test)]
impl Writer {
    /// Writes as a task on the runtime's clock. Each block takes as long as `pause` says.
    pub(super) async fn run(mut self, mut pause: impl FnMut() -> Duration) -> Written {
        while let Some(block) = self.blocks.recv().await {
            tokio::time::sleep(pause()).await;
            if self.write(block) {
                break;
            }
        }
        self.finish()
    }
}
