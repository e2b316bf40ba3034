//! Messages of other tools on a terminal that shows a whole screen. The tool that shows it takes them over a socket and writes them when
//! the screen is gone, so that they neither spoil it nor are painted over.
//!
//! The socket is in a folder that only this user can enter, and is named after the terminal. A sender is told that its message was
//! taken; if it is not, it writes the message itself.

use std::fs::{self, DirBuilder, File};
use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::process::geteuid;

/// The longest message that is taken, in bytes.
const LONGEST: u64 = 64 * 1024;

/// How long a sender waits to hear that its message was taken, and a receiver for the message.
const PATIENCE: Duration = Duration::from_millis(500);

/// The answer to a message that was taken.
const TAKEN: &[u8] = b"+";

/// A socket that takes messages. Dropping it removes it.
#[derive(Debug)]
pub(super) struct Relay(PathBuf);

impl Relay {
    /// Takes the messages for this terminal: `take` says whether it keeps one. Returns `None` if there can be no socket, or another tool
    /// has one.
    pub(super) fn open(terminal: &File, take: impl Fn(String) -> bool + Send + 'static) -> Option<Self> {
        let path = path(terminal)?;
        let folder = path.parent()?;
        // It may be there already.
        let _ = DirBuilder::new().mode(0o700).create(folder);
        if !is_private(folder) || UnixStream::connect(&path).is_ok() {
            return None;
        }
        // A tool that was killed leaves its socket behind.
        let _ = fs::remove_file(&path);
        let listener = UnixListener::bind(&path).ok()?;
        let receive = move || {
            for mut sender in listener.incoming().map_while(Result::ok) {
                if let Some(text) = received(&mut sender)
                    && take(text)
                {
                    let _ = sender.write_all(TAKEN);
                }
            }
        };
        thread::Builder::new().name("messages".to_owned()).spawn(receive).ok()?;
        Some(Self(path))
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
        if let Some(folder) = self.0.parent() {
            // Not if another terminal has a screen.
            let _ = fs::remove_dir(folder);
        }
    }
}

/// Hands a message to the tool that shows a screen on this terminal. Returns whether there is one, and it took the message.
pub(super) fn hand_over(terminal: &File, text: &str) -> bool {
    let Some(path) = path(terminal).filter(|path| path.parent().is_some_and(is_private)) else { return false };
    let handed = || {
        let mut screen = UnixStream::connect(path)?;
        screen.set_read_timeout(Some(PATIENCE))?;
        screen.set_write_timeout(Some(PATIENCE))?;
        screen.write_all(text.as_bytes())?;
        screen.shutdown(Shutdown::Write)?;
        let mut answer = Vec::new();
        screen.read_to_end(&mut answer).map(|_| answer == TAKEN)
    };
    handed().unwrap_or(false)
}

fn received(sender: &mut UnixStream) -> Option<String> {
    sender.set_read_timeout(Some(PATIENCE)).ok()?;
    sender.set_write_timeout(Some(PATIENCE)).ok()?;
    let mut bytes = Vec::new();
    sender.take(LONGEST + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= LONGEST).then(|| String::from_utf8_lossy(&bytes).into_owned())
}

/// The socket of this terminal.
fn path(terminal: &File) -> Option<PathBuf> {
    let device = terminal.metadata().ok()?.rdev();
    Some(std::env::temp_dir().join(format!("pulsepipe-{}", geteuid().as_raw())).join(format!("{device:x}")))
}

/// Whether only this user can enter this folder.
fn is_private(folder: &Path) -> bool {
    fs::symlink_metadata(folder)
        .is_ok_and(|found| found.is_dir() && found.uid() == geteuid().as_raw() && found.mode() & 0o077 == 0)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_message_is_handed_over_while_a_screen_takes_it() {
        let terminal = File::open("/dev/null").expect("a device");
        assert!(!hand_over(&terminal, "before"));
        let (kept, messages) = mpsc::channel();
        let relay = Relay::open(&terminal, move |text| text != "refused" && kept.send(text).is_ok()).expect("a socket");
        assert!(hand_over(&terminal, "psend: warning: é\n"));
        assert_eq!(messages.recv().expect("it was kept"), "psend: warning: é\n");
        assert!(!hand_over(&terminal, "refused"));
        assert!(!hand_over(&terminal, &"x".repeat(70_000)));
        assert!(Relay::open(&terminal, |_| true).is_none(), "one screen a terminal");
        drop(relay);
        assert!(!hand_over(&terminal, "after"));
    }
}
