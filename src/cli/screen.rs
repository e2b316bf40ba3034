//! A whole screen on the terminal: drawn over and over, its keys read, and put back as it was. Keys come from the terminal itself,
//! because standard input has the data.

use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ratatui::backend::{Backend, TermionBackend};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::termion::event::Key;
use ratatui::termion::input::TermRead;
use rustix::fs::{FlockOperation, flock};
use rustix::process::getpgrp;
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios};
use rustix::termios::{tcgetattr, tcgetpgrp, tcgetwinsize, tcsetattr};

use super::console::Console;

/// How often all of the screen is drawn anew: other tools of the pipe may have written to the terminal.
const REPAINT: Duration = Duration::from_secs(1);

/// The size of a terminal that does not know its own, such as that of script(1).
const USUAL: (u16, u16) = (80, 24);

/// The alternate screen without a cursor, and the way back. Between the last two a terminal shows nothing half drawn.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
const CLEAR: &str = "\x1b[2J";
const BEGIN: &str = "\x1b[?2026h";
const END: &str = "\x1b[?2026l";

/// The terminal while it shows a screen. Dropping it puts the terminal back.
#[derive(Debug)]
pub(crate) struct Screen {
    taken: Arc<Taken>,
    shown: Buffer,
    repainted: Option<Instant>,
}

/// A terminal that was taken over, and how it was before.
#[derive(Debug)]
pub(crate) struct Taken {
    terminal: File,
    before: Termios,
    is_back: AtomicBool,
}

impl Taken {
    /// Puts the terminal back as it was, once.
    pub(crate) fn give_back(&self) {
        if !self.is_back.swap(true, Ordering::SeqCst) {
            // If the terminal is gone, there is nothing to put back.
            let _ = (&self.terminal).write_all(LEAVE.as_bytes());
            let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
            let _ = flock(&self.terminal, FlockOperation::Unlock);
        }
    }
}

impl Screen {
    /// Takes over the terminal behind standard output, or else behind standard error. Returns `None` if there is none that obeys
    /// escape codes, the process is in the background there, or another tool of the pipe shows a screen.
    ///
    /// Keys come one by one and are not echoed. Ctrl-C stays what it is: it goes to all tools of the pipe. Ctrl-Z and Ctrl-\ do
    /// nothing, because a shell does not put a screen back.
    pub(crate) fn open() -> Option<Self> {
        let terminal = Console::terminal()?;
        flock(&terminal, FlockOperation::NonBlockingLockExclusive).ok()?;
        if tcgetpgrp(&terminal).ok()? != getpgrp() {
            return None;
        }
        let before = tcgetattr(&terminal).ok()?;
        let mut modes = before.clone();
        modes.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        for key in [SpecialCodeIndex::VMIN, SpecialCodeIndex::VTIME, SpecialCodeIndex::VSUSP, SpecialCodeIndex::VQUIT] {
            modes.special_codes[key] = 0;
        }
        tcsetattr(&terminal, OptionalActions::Now, &modes).ok()?;
        let taken = Arc::new(Taken { terminal, before, is_back: AtomicBool::new(false) });
        let screen = Self { taken, shown: Buffer::empty(Rect::ZERO), repainted: None };
        (&screen.taken.terminal).write_all(ENTER.as_bytes()).ok()?;
        Some(screen)
    }

    /// What gives the terminal back if the process must end at once.
    pub(crate) fn taken(&self) -> Arc<Taken> {
        Arc::clone(&self.taken)
    }

    /// The keys that were pressed since the last call.
    pub(crate) fn keys(&self) -> Vec<Key> {
        let mut bytes = [0; 64];
        let read = (&self.taken.terminal).read(&mut bytes).unwrap_or(0);
        bytes[..read].keys().map_while(Result::ok).collect()
    }

    /// Whether the terminal has another size than what is shown.
    pub(crate) fn is_resized(&self) -> bool {
        self.area() != self.shown.area
    }

    fn area(&self) -> Rect {
        let (width, height) = match tcgetwinsize(&self.taken.terminal) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col, size.ws_row),
            _ => USUAL,
        };
        Rect::new(0, 0, width, height)
    }

    /// Shows what `draw` makes of an empty screen.
    ///
    /// # Errors
    /// If the terminal cannot be written.
    pub(crate) fn draw(&mut self, draw: impl FnOnce(&mut Buffer)) -> io::Result<()> {
        let mut next = Buffer::empty(self.area());
        draw(&mut next);
        let mut bytes = BEGIN.as_bytes().to_vec();
        let is_old = self.repainted.is_none_or(|then| then.elapsed() >= REPAINT);
        if is_old || next.area != self.shown.area {
            bytes.extend(CLEAR.as_bytes());
            self.shown = Buffer::empty(next.area);
            self.repainted = Some(Instant::now());
        }
        TermionBackend::new(&mut bytes).draw(self.shown.diff(&next).into_iter())?;
        bytes.extend(END.as_bytes());
        self.shown = next;
        (&self.taken.terminal).write_all(&bytes)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.taken.give_back();
    }
}
