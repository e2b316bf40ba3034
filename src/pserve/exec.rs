//! Runs the command of `--exec`, and passes on the signals that would end the server.

use std::ffi::OsStr;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, getpgrp, kill_process, kill_process_group, test_kill_process_group};
use rustix::termios::tcgetpgrp;
use tokio::process::Command;
use tokio::time::{Instant, sleep, sleep_until};

use super::signals::Signals;
use crate::cli::Ending;
use crate::error::{Error, Result};

/// How long a command may take to end after a signal. psend alone takes up to ten seconds for what is in flight.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often to check whether the command left processes running.
const LOOK: Duration = Duration::from_millis(20);

/// Runs the command with `sh -c` and returns its status. Its environment has the server's address in PULSE_URL and an accepted
/// key in PULSE_API_KEY.
///
/// Passes SIGINT, SIGTERM and SIGHUP on to the command and all that it started, and returns once they have ended. A second
/// signal kills them, as does the end of [`PATIENCE`].
pub(super) async fn run(command: &OsStr, url: &str, key: &str, signals: &mut Signals) -> Result<Ending> {
    let failed = |e: std::io::Error| Error::failed(format!("--exec: cannot run sh: {e}"));
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command).env("PULSE_URL", url).env("PULSE_API_KEY", key);
    let apart = !is_in_foreground();
    if apart {
        shell.process_group(0);
    }
    let mut child = shell.spawn().map_err(failed)?;
    let id = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    let job = Job { id: id.expect("a child that has not been waited for has an id"), apart };

    let mut status = None;
    let mut asked = None;
    loop {
        if let Some(status) = status
            && (asked.is_none() || !job.is_left())
        {
            return Ok(Ending::Status(code(status)));
        }
        let deadline = asked.unwrap_or_else(Instant::now);
        tokio::select! {
            ended = child.wait(), if status.is_none() => status = Some(ended.map_err(failed)?),
            // A shell that gets a signal does not wait for what it started.
            () = sleep(LOOK), if status.is_some() => {}
            () = sleep_until(deadline), if asked.is_some() => {
                job.send(Signal::KILL);
                asked = None;
            }
            signal = signals.next() => asked = match asked {
                // The terminal has sent it to the command, too.
                None if !apart && signal == Signal::INT => None,
                None => {
                    job.send(signal);
                    Some(Instant::now() + PATIENCE)
                }
                Some(_) => {
                    job.send(Signal::KILL);
                    None
                }
            },
        }
    }
}

/// Whether pserve is in the terminal's foreground process group. The command then stays in this group, because in a group of
/// its own it would be stopped as soon as it read from the terminal. Ctrl-C reaches it directly, and how it reacts is up to it.
/// Other signals that are sent to pserve can only be passed on to the command's shell.
fn is_in_foreground() -> bool {
    tcgetpgrp(std::io::stdin()).is_ok_and(|group| group == getpgrp())
}

/// The command's shell, and what the shell started.
struct Job {
    id: Pid,
    /// Whether they have a process group of their own, whose id is the shell's.
    apart: bool,
}

impl Job {
    /// Sends a signal. A job that has ended needs none.
    fn send(&self, signal: Signal) {
        let _ = if self.apart { kill_process_group(self.id, signal) } else { kill_process(self.id, signal) };
    }

    /// Whether any of it is known to be running after the shell has ended.
    fn is_left(&self) -> bool {
        self.apart && test_kill_process_group(self.id).is_ok()
    }
}

/// The status as a shell reports it: 128 plus the number of the signal that ended the command.
fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}
