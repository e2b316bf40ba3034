//! Signals, as a flag that engines check between lines.

use std::fmt::{self, Display};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use rustix::pipe::PipeFlags;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals as SignalIterator;

use super::console::Console;
use super::ending::Ending;
use crate::error::{Error, Result};

/// What is done if a signal ends the process at once.
type LastWords = Option<Box<dyn FnOnce() + Send>>;

#[derive(Default)]
struct Seen {
    count: AtomicUsize,
    first: AtomicI32,
    last_words: Mutex<LastWords>,
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seen").field("count", &self.count).field("first", &self.first).finish_non_exhaustive()
    }
}

impl Seen {
    /// Writes the last words before the process ends. Does not wait for a blocked stderr, because the user asked to end at once.
    fn say_last_words(&self) {
        const PATIENCE: Duration = Duration::from_millis(200);
        let Some(say) = self.last_words.lock().ok().and_then(|mut words| words.take()) else { return };
        let (said, heard) = mpsc::channel();
        std::thread::spawn(move || {
            say();
            let _ = said.send(());
        });
        let _ = heard.recv_timeout(PATIENCE);
    }
}

/// Listens for SIGINT, SIGTERM and SIGHUP for the rest of the process's life.
#[derive(Debug, Clone)]
pub(crate) struct Signals {
    seen: Arc<Seen>,
    wake: Arc<OwnedFd>,
}

impl Signals {
    /// Starts to listen. After `patience` signals the next one ends the process at once, as if it had no handler.
    ///
    /// An ignored SIGHUP stays ignored, because nohup(1) relies on this. SIGXFSZ is caught and ignored: the write beyond the limit then
    /// fails and is reported like any other.
    ///
    /// # Errors
    /// If the process has no file descriptors or threads left.
    pub(crate) fn listen(patience: usize) -> io::Result<Self> {
        let seen = Arc::new(Seen::default());
        // Closing the writing end makes the reading end ready for good: it wakes every poll from then on.
        let (wake, waker) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
        let mut waker = Some(waker);
        signal_hook::flag::register(SIGXFSZ, Arc::<AtomicBool>::default())?;
        let hangup = (!is_hangup_ignored()).then_some(SIGHUP);
        let mut signals = SignalIterator::new([SIGINT, SIGTERM].into_iter().chain(hangup))?;
        let shared = Arc::clone(&seen);
        std::thread::Builder::new().name("signals".into()).spawn(move || {
            for signal in signals.forever() {
                let _ = shared.first.compare_exchange(0, signal, Ordering::SeqCst, Ordering::SeqCst);
                let count = shared.count.fetch_add(1, Ordering::SeqCst) + 1;
                if count > patience {
                    shared.say_last_words();
                    let _ = signal_hook::low_level::emulate_default_handler(signal);
                }
                if count == patience {
                    waker.take();
                }
            }
        })?;
        Ok(Self { seen, wake: Arc::new(wake) })
    }

    /// A flag that goes up at the `nth` signal, counted from 1.
    pub(crate) fn stop_at(&self, nth: usize) -> Stop {
        Stop { signals: Some(self.clone()), nth }
    }

    /// Sets what is done if a signal ends the process at once, such as telling which files it leaves.
    pub(crate) fn set_last_words(&self, say: impl FnOnce() + Send + 'static) {
        if let Ok(mut last_words) = self.seen.last_words.lock() {
            *last_words = Some(Box::new(say));
        }
    }

    /// Takes back what [`Signals::set_last_words`] set.
    pub(crate) fn clear_last_words(&self) {
        if let Ok(mut last_words) = self.seen.last_words.lock() {
            *last_words = None;
        }
    }

    /// The ending of a run that this error cut short: that of a signal, if one came and the reader of the output has gone
    /// away or stopped reading. In the latter case stderr says how far the run got; `done` is the text, such as `after 3
    /// events`.
    ///
    /// # Errors
    /// Any other error.
    pub(crate) fn ending(&self, error: Error, console: &Console, done: impl Display) -> Result<Ending> {
        let Some(signal) = self.first().filter(|_| error.is_given_up() || error.is_closed_stdout()) else {
            return Err(error);
        };
        if let Some(place) = error.place().filter(|_| error.is_given_up()) {
            console.note(format_args!("interrupted {done}: nobody reads {place}"));
        }
        Ok(Ending::Signalled(signal))
    }

    /// The signal that came first, if one came.
    pub(crate) fn first(&self) -> Option<i32> {
        Some(self.seen.first.load(Ordering::SeqCst)).filter(|signal| *signal != 0)
    }
}

/// Whether the process was started to outlive its terminal. Assumes so if there is no /proc.
pub(crate) fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.is_none_or(|mask| u64::from_str_radix(mask.trim(), 16).is_ok_and(|mask| mask >> (SIGHUP - 1) & 1 == 1))
}

/// Tells when to stop at the end of the current line.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    signals: Option<Signals>,
    nth: usize,
}

impl Stop {
    /// A flag that never goes up.
    pub fn never() -> Self {
        Self::default()
    }

    /// Whether to stop.
    #[inline]
    pub(crate) fn requested(&self) -> bool {
        self.signals.as_ref().is_some_and(|signals| signals.seen.count.load(Ordering::Relaxed) >= self.nth)
    }

    /// Becomes readable when the last awaited signal has come, for poll(2).
    pub(super) fn wake(&self) -> Option<BorrowedFd<'_>> {
        self.signals.as_ref().map(|signals| signals.wake.as_fd())
    }
}
