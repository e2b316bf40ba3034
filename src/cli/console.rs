//! The only writer to stderr. Messages do not break the progress line.

use std::borrow::Cow;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rustix::termios::{Winsize, ttyname};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rustix::fs::{FileType, FlockOperation, Mode, OFlags, flock, fstat};
use rustix::io::Errno;

use super::color::{Color, obeys_escapes};
use super::relay::{Relay, hand_over};
use super::whole::write_all;

/// How often the progress line is redrawn on a terminal.
const REDRAW: Duration = Duration::from_millis(100);

/// How often progress is told where nothing is redrawn, unless `--every` says otherwise.
pub(crate) const EVERY: Duration = Duration::from_secs(15);

/// Writes a tool's messages to stderr. Clones share what is drawn on the terminal.
#[derive(Debug, Clone)]
pub(crate) struct Console {
    tool: &'static str,
    drawn: Arc<Mutex<Drawn>>,
}

/// What this tool draws on the terminal, which messages must not break.
#[derive(Debug, Default)]
enum Drawn {
    #[default]
    Nothing,
    Line(ProgressBar),
    /// A whole screen. The messages wait until it is gone, and those of other tools on this terminal too.
    Screen(Waiting),
}

/// Messages that wait for the end of a screen.
#[derive(Debug, Default)]
struct Waiting {
    texts: Vec<String>,
    /// How long they are together.
    bytes: usize,
    relay: Option<Relay>,
}

/// So many bytes of other tools' messages wait at most; further ones are written at once.
const MOST_WAITING: usize = 1 << 20;

impl Console {
    /// The console of this tool.
    pub(crate) fn new(tool: &'static str) -> Self {
        Self { tool, drawn: Arc::default() }
    }

    /// Whether stderr is a terminal on which a line can be redrawn.
    pub(crate) fn can_redraw() -> bool {
        obeys_escapes(&io::stderr())
    }

    /// The terminal behind stdout, or else behind stderr, if it obeys escape codes.
    pub(super) fn terminal() -> Option<File> {
        if obeys_escapes(&io::stdout()) {
            return terminal_behind(io::stdout());
        }
        Self::can_redraw().then(|| terminal_behind(io::stderr())).flatten()
    }

    /// Whether stderr is a terminal.
    pub(crate) fn is_terminal() -> bool {
        io::stderr().is_terminal()
    }

    /// Whether colours are shown on stderr.
    pub(crate) fn shows_colors(when: Color) -> bool {
        when.shows_on(&io::stderr())
    }

    /// The tool's name.
    pub(crate) fn tool(&self) -> &'static str {
        self.tool
    }

    /// The size of the terminal behind stderr, if it is one.
    pub(crate) fn size() -> Option<Winsize> {
        rustix::termios::tcgetwinsize(io::stderr()).ok()
    }

    /// Reports the error that ended the run.
    pub(crate) fn error(&self, message: impl Display) {
        self.say(format_args!("{}: error: {message}", self.tool));
    }

    /// Reports a problem that does not end the run.
    pub(crate) fn warn(&self, message: impl Display) {
        self.say(format_args!("{}: warning: {message}", self.tool));
    }

    /// Reports something that is not a problem, such as the flags that repeat a run.
    pub(crate) fn note(&self, message: impl Display) {
        self.say(format_args!("{}: {message}", self.tool));
    }

    /// Writes a block of text as it is, such as a summary.
    pub(crate) fn block(&self, text: impl Display) {
        self.write(format_args!("{text}"));
    }

    /// A message may quote data, so only its line ends are written as they are.
    fn say(&self, message: impl Display) {
        let message = message.to_string();
        let lines: Vec<_> = message.split('\n').map(visible).collect();
        self.write(lines.join("\n"));
    }

    fn write(&self, message: impl Display) {
        let text = format!("{message}\n");
        let write = || {
            let terminal = Self::can_redraw().then(|| terminal_behind(io::stderr())).flatten();
            if !terminal.is_some_and(|terminal| hand_over(&terminal, &text)) {
                write_to_stderr(&text);
            }
        };
        match &mut *self.drawn() {
            Drawn::Line(bar) => bar.suspend(write),
            Drawn::Screen(waiting) => waiting.texts.push(text),
            Drawn::Nothing => write(),
        }
    }

    /// Keeps another tool's message. Returns `false` if there is no screen any more.
    fn keep(&self, text: String) -> bool {
        match &mut *self.drawn() {
            Drawn::Screen(waiting) if waiting.bytes + text.len() <= MOST_WAITING => {
                waiting.bytes += text.len();
                waiting.texts.push(text);
                true
            }
            _ => false,
        }
    }

    /// The latest warning or error that waits for the end of the screen.
    pub(crate) fn latest_warning(&self) -> Option<String> {
        let drawn = self.drawn();
        let Drawn::Screen(waiting) = &*drawn else { return None };
        let is_warning = |line: &&str| line.contains(": warning: ") || line.contains(": error: ");
        waiting.texts.iter().rev().find_map(|text| text.lines().rfind(is_warning)).map(str::to_owned)
    }

    fn drawn(&self) -> MutexGuard<'_, Drawn> {
        self.drawn.lock().expect("no holder of this lock can panic")
    }

    /// Keeps messages until [`Console::release`], because a whole screen is drawn: this tool's, and those that other tools hand over.
    pub(crate) fn hold(&self) {
        *self.drawn() = Drawn::Screen(Waiting::default());
        let console = self.clone();
        let relay = Self::terminal().and_then(|terminal| Relay::open(&terminal, move |text| console.keep(text)));
        if let Drawn::Screen(waiting) = &mut *self.drawn() {
            waiting.relay = relay;
        }
    }

    /// Writes the messages that came since [`Console::hold`].
    pub(crate) fn release(&self) {
        if let Drawn::Screen(waiting) = std::mem::take(&mut *self.drawn()) {
            waiting.texts.iter().for_each(|text| write_to_stderr(text));
        }
    }

    /// A progress line: redrawn in place on a terminal, a line every `every` elsewhere, nothing when `quiet`.
    ///
    /// A terminal has room for one line. In a pipe of tools the last one draws it: the one whose standard output is no pipe. Another
    /// writes lines if it was asked how often.
    pub(crate) fn progress(&self, quiet: bool, every: Option<Duration>) -> Progress {
        let (terminal, in_pipe) = (Self::can_redraw(), is_pipe(io::stdout().as_fd()));
        let quiet = quiet || terminal && in_pipe && every.is_none();
        let redraws = terminal && !in_pipe;
        if redraws && !quiet {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.set_style(ProgressStyle::with_template("{msg}").expect("the template is constant"));
            *self.drawn() = Drawn::Line(bar);
        }
        let period = if redraws { REDRAW } else { every.unwrap_or(EVERY) };
        let terminal = terminal.then(|| terminal_behind(io::stderr())).flatten();
        Progress { console: self.clone(), quiet, period, last: Instant::now(), terminal }
    }
}

/// A closed or full stderr must not end the run, and there is nowhere left to report it.
fn write_to_stderr(text: &str) {
    drop(write_all(io::stderr().lock(), text.as_bytes()));
}

/// The terminal behind a stream, opened for reading and writing; a lock on it is then this process's own. `None` if there is none.
fn terminal_behind(stream: impl AsFd) -> Option<File> {
    let name = ttyname(stream, Vec::new()).ok()?;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    rustix::fs::open(name, flags, Mode::empty()).ok().map(File::from)
}

/// Whether a tool shows a whole screen on this terminal: it holds a lock on it.
fn has_screen(terminal: &File) -> bool {
    let is_held = flock(terminal, FlockOperation::NonBlockingLockShared) == Err(Errno::WOULDBLOCK);
    if !is_held {
        let _ = flock(terminal, FlockOperation::Unlock);
    }
    is_held
}

/// Whether this stream is a pipe.
pub(crate) fn is_pipe(stream: BorrowedFd<'_>) -> bool {
    fstat(stream).is_ok_and(|found| FileType::from_raw_mode(found.st_mode) == FileType::Fifo)
}

/// Escapes control characters, so that data cannot control the terminal or change the direction of a line.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    let steers = |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let shown = text.chars().map(|c| if steers(c) { c.escape_default().to_string() } else { c.to_string() });
    Cow::Owned(shown.collect())
}

/// The progress line of a run. Dropping it clears the line.
#[derive(Debug)]
pub(crate) struct Progress {
    console: Console,
    quiet: bool,
    period: Duration,
    last: Instant,
    terminal: Option<File>,
}

impl Progress {
    /// Shows this text if it is time to. Calling it often is cheap.
    pub(crate) fn show(&mut self, text: impl FnOnce() -> String) {
        if self.quiet || self.last.elapsed() < self.period {
            return;
        }
        self.last = Instant::now();
        if self.terminal.as_ref().is_some_and(has_screen) {
            return;
        }
        let text = text();
        let drawn = self.console.drawn();
        match &*drawn {
            Drawn::Line(bar) => bar.set_message(format!("{}: {text}", self.console.tool)),
            _ => {
                drop(drawn);
                self.console.note(text);
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        let Ok(mut drawn) = self.console.drawn.lock() else { return };
        if let Drawn::Line(bar) = &*drawn {
            bar.finish_and_clear();
            *drawn = Drawn::Nothing;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_steer_a_terminal_is_shown() {
        assert_eq!(visible("São\u{1b}[2J\n\u{9b}\u{202e}"), "São\\u{1b}[2J\\n\\u{9b}\\u{202e}");
        assert!(matches!(visible("plain"), Cow::Borrowed("plain")));
    }
}
