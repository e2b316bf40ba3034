//! A terminal of tmux with a shell in it: what a person at a terminal types and sees.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::path;

/// What the shell shows when it waits.
const PROMPT: &str = "ready> ";

/// A terminal. It ends with the test.
pub struct Terminal {
    socket: String,
}

impl Terminal {
    /// A terminal of this many columns and rows. `None`, and a word about it, if tmux is missing.
    #[allow(clippy::print_stderr)] // the test is skipped by name
    pub fn open(columns: u16, rows: u16) -> Option<Self> {
        static OPENED: AtomicU32 = AtomicU32::new(0);
        if !Command::new("tmux").arg("-V").output().is_ok_and(|found| found.status.success()) {
            eprintln!("skipped: needs tmux");
            return None;
        }
        let socket = format!("pulsepipe-{}-{}", std::process::id(), OPENED.fetch_add(1, Ordering::Relaxed));
        let terminal = Self { socket };
        let bin = path("pgen").parent().expect("a tool lies in a folder").display().to_string();
        let search = format!("{bin}:{}", std::env::var("PATH").unwrap_or_default());
        let size = ["-x".to_owned(), columns.to_string(), "-y".to_owned(), rows.to_string()];
        let begun = terminal
            .tmux(&["-f", "/dev/null", "new-session", "-d"])
            .args(size)
            .args(["bash", "--norc", "--noprofile"])
            .envs([("PATH", search.as_str()), ("PS1", PROMPT), ("LC_ALL", "C.UTF-8")])
            .env_remove("TMUX")
            .status()
            .expect("tmux starts");
        assert!(begun.success(), "tmux has no session");
        terminal.wait("the shell is ready", |screen| screen.ends_with(PROMPT.trim_end()));
        Some(terminal)
    }

    fn tmux(&self, args: &[&str]) -> Command {
        let mut command = Command::new("tmux");
        command.args(["-u", "-L", &self.socket]).args(args).stdin(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn told(&self, args: &[&str]) -> String {
        let told = self.tmux(args).output().expect("tmux runs");
        String::from_utf8_lossy(&told.stdout).trim_end().to_owned()
    }

    /// Types a line.
    pub fn enter(&self, line: &str) {
        self.told(&["send-keys", "-l", line]);
        self.press("Enter");
    }

    /// Presses a key, such as `C-c`.
    pub fn press(&self, key: &str) {
        self.told(&["send-keys", key]);
    }

    pub fn resize(&self, columns: u16, rows: u16) {
        self.told(&["resize-window", "-x", &columns.to_string(), "-y", &rows.to_string()]);
    }

    /// What stands on the screen, without the blanks at its end.
    pub fn screen(&self) -> String {
        self.told(&["capture-pane", "-p"])
    }

    /// What stands on the screen, and what was scrolled off.
    pub fn all(&self) -> String {
        self.told(&["capture-pane", "-p", "-S", "-"])
    }

    /// Whether it shows the screen of a program, and whether there is a cursor.
    pub fn modes(&self) -> (bool, bool) {
        let modes = self.told(&["display-message", "-p", "#{alternate_on}#{cursor_flag}"]);
        (modes.starts_with('1'), modes.ends_with('1'))
    }

    /// Waits until the screen is as it should be, and returns it.
    #[track_caller]
    pub fn wait(&self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        let begun = Instant::now();
        loop {
            let screen = self.screen();
            if is_so(&screen) {
                return screen;
            }
            assert!(begun.elapsed() < Duration::from_secs(40), "not within 40 s: {what}:\n{screen}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until the shell waits for the next line.
    #[track_caller]
    pub fn wait_for_the_shell(&self) -> String {
        self.wait("the shell is ready again", |screen| screen.ends_with(PROMPT.trim_end()))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.told(&["kill-server"]);
    }
}
