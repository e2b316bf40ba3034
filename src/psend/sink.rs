//! Outcomes out: senders append to a block, and a thread writes blocks, so that a slow reader holds up no request.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};

use crate::cli::output::Output;
use crate::error::{Error, Result};

/// A block is written when it has this many bytes,
const BLOCK_BYTES: usize = 64 << 10;
/// or when its first outcome is this old.
const BLOCK_AGE: Duration = Duration::from_millis(5);
/// Blocks that wait to be written; with more, senders take up no new event.
const BLOCKS: usize = 2;

/// What the writer is handed.
struct Block {
    bytes: Vec<u8>,
    outcomes: bool,
}

/// What writing came to.
#[derive(Debug, Default)]
pub struct Written {
    /// Outcomes that could not be written.
    pub lost: u64,
    /// Why.
    pub broke: Option<Error>,
}

/// Where senders put outcomes.
pub struct Sink {
    block: RefCell<Vec<u8>>,
    begun: Notify,
    blocks: mpsc::Sender<Block>,
    empty: Arc<Mutex<Vec<Vec<u8>>>>,
    broken: Arc<AtomicBool>,
}

/// The thread that writes.
pub struct Writer {
    thread: JoinHandle<Written>,
}

/// Starts to write to `output`; without one, outcomes go nowhere.
pub fn open(output: Option<Output>) -> (Sink, Writer) {
    let (sender, mut blocks) = mpsc::channel::<Block>(BLOCKS);
    let empty = Arc::new(Mutex::new(Vec::new()));
    let broken = Arc::new(AtomicBool::new(false));
    let (give_back, say_broken) = (Arc::clone(&empty), Arc::clone(&broken));
    let thread = std::thread::spawn(move || {
        let mut output = output;
        let mut written = Written::default();
        while let Some(mut block) = blocks.blocking_recv() {
            if let Some(to) = &mut output
                && let Err((rest, error)) = put(to, &block.bytes)
            {
                written.lost += if block.outcomes { count_lines(&block.bytes[rest..]) } else { 0 };
                written.broke.get_or_insert(error);
                say_broken.store(true, Ordering::Relaxed);
            }
            if !block.outcomes {
                break;
            }
            block.bytes.clear();
            give_back.lock().expect("no holder of this lock can panic").push(block.bytes);
        }
        if let (Some(output), None) = (output, &written.broke) {
            written.broke = output.finish().err();
        }
        written
    });
    (Sink { block: RefCell::default(), begun: Notify::new(), blocks: sender, empty, broken }, Writer { thread })
}

/// Writes a block; on failure, says from where on it was not written.
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

impl Sink {
    /// Appends one line, which `write` writes.
    pub fn line(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut block = self.block.borrow_mut();
        if block.is_empty() {
            self.begun.notify_one();
        }
        write(&mut block);
        if block.len() >= BLOCK_BYTES
            && let Ok(place) = self.blocks.try_reserve()
        {
            place.send(self.change(&mut block));
        }
    }

    /// Waits until there is room for more.
    pub async fn room(&self) {
        while self.block.borrow().len() >= BLOCK_BYTES {
            self.hand_over().await;
        }
    }

    /// Hands blocks over that do not fill up. Runs beside the senders for as long as they do.
    pub async fn flush_when_idle(&self) {
        loop {
            self.begun.notified().await;
            tokio::time::sleep(BLOCK_AGE).await;
            self.hand_over().await;
        }
    }

    /// Hands over all that is left, then the run record, and lets the writer end.
    pub async fn close(&self, record: Vec<u8>) {
        self.hand_over().await;
        // A writer that is gone has said why.
        let _ = self.blocks.send(Block { bytes: record, outcomes: false }).await;
    }

    /// Whether outcomes can no longer be written.
    pub fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    async fn hand_over(&self) {
        let Ok(place) = self.blocks.reserve().await else { return };
        let mut block = self.block.borrow_mut();
        if !block.is_empty() {
            place.send(self.change(&mut block));
        }
    }

    fn change(&self, block: &mut Vec<u8>) -> Block {
        let fresh = self.empty.lock().expect("no holder of this lock can panic").pop();
        Block { bytes: std::mem::replace(block, fresh.unwrap_or_default()), outcomes: true }
    }
}

impl Writer {
    /// Waits until all is written. The sink must be closed.
    pub fn finish(self) -> Written {
        self.thread.join().expect("writing does not panic")
    }
}
