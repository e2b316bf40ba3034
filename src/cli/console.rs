//! The only writer to stderr. Messages do not break the progress line.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::termios::Winsize;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rustix::fs::{FileType, fstat};

use super::color::{Color, obeys_escapes};
use super::whole::write_all;

/// How often the progress line is redrawn on a terminal.
const REDRAW: Duration = Duration::from_millis(100);

/// Writes a tool's messages to stderr. Clones share one progress line.
#[derive(Debug, Clone)]
pub(crate) struct Console {
    tool: &'static str,
    line: Arc<Mutex<Option<ProgressBar>>>,
}

impl Console {
    /// The console of this tool.
    pub(crate) fn new(tool: &'static str) -> Self {
        Self { tool, line: Arc::default() }
    }

    /// Whether stderr is a terminal on which a line can be redrawn.
    pub(crate) fn can_redraw() -> bool {
        obeys_escapes(&io::stderr())
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
        let line = self.line.lock().expect("no holder of this lock can panic");
        // A closed or full stderr must not end the run, and there is nowhere left to report it.
        let text = format!("{message}\n");
        let write = || drop(write_all(io::stderr().lock(), text.as_bytes()));
        match line.as_ref() {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Like [`Console::progress`], for a tool at an end of a pipe. If tools are joined on a terminal, only psend shows
    /// progress, because there is only one line.
    pub(crate) fn progress_at_an_end(&self, quiet: bool, every: Duration) -> Progress {
        let is_pipe =
            |fd: BorrowedFd<'_>| fstat(fd).is_ok_and(|found| FileType::from_raw_mode(found.st_mode) == FileType::Fifo);
        let joined = is_pipe(io::stdin().as_fd()) || is_pipe(io::stdout().as_fd());
        self.progress(quiet || joined && Self::can_redraw(), every)
    }

    /// A progress line: redrawn in place on a terminal, a line every `every` elsewhere, nothing when `quiet`.
    pub(crate) fn progress(&self, quiet: bool, every: Duration) -> Progress {
        let terminal = Self::can_redraw();
        if terminal && !quiet {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.set_style(ProgressStyle::with_template("{msg}").expect("the template is constant"));
            *self.line.lock().expect("no holder of this lock can panic") = Some(bar);
        }
        let period = if terminal { REDRAW } else { every };
        Progress { console: self.clone(), quiet, period, last: Instant::now() }
    }
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
}

impl Progress {
    /// Shows this text if it is time to. Calling it often is cheap.
    pub(crate) fn show(&mut self, text: impl FnOnce() -> String) {
        if self.quiet || self.last.elapsed() < self.period {
            return;
        }
        self.last = Instant::now();
        let text = text();
        let line = self.console.line.lock().expect("no holder of this lock can panic");
        match line.as_ref() {
            Some(bar) => bar.set_message(format!("{}: {text}", self.console.tool)),
            None => {
                drop(line);
                self.console.note(text);
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Ok(mut line) = self.console.line.lock()
            && let Some(bar) = line.take()
        {
            bar.finish_and_clear();
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
