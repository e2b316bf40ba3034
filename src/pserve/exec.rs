//! Runs a command beside the server, as `timeout` runs its own, and ends it where a signal ends the server.

use std::ffi::OsStr;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, getpgrp, kill_process, kill_process_group, test_kill_process_group};
use rustix::termios::tcgetpgrp;
use tokio::process::Command;
use tokio::time::{Instant, sleep, sleep_until};

use super::serve::Signals;
use crate::cli::Ending;
use crate::error::{Error, Result};

/// How long a command may take to end once it was asked to: psend alone takes ten seconds for what is in flight.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often what the command left running is looked for.
const LOOK: Duration = Duration::from_millis(20);

/// Runs the command by `sh -c` and returns its status. It finds the server's address in PULSE_URL, and in PULSE_API_KEY a key
/// that is let in.
///
/// SIGINT, SIGTERM and SIGHUP are handed on to the command and all that it started, and the server stays until they have
/// ended; a second signal, or the end of [`PATIENCE`], kills them.
pub(super) async fn run(command: &OsStr, url: &str, key: &str, signals: &mut Signals) -> Result<Ending> {
    let failed = |e: std::io::Error| Error::failed(format!("--exec: sh cannot be run: {e}"));
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command).env("PULSE_URL", url).env("PULSE_API_KEY", key);
    let apart = !is_in_foreground();
    if apart {
        shell.process_group(0);
    }
    let mut child = shell.spawn().map_err(failed)?;
    let id = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    let job = Job { id: id.expect("a child that was not waited for has an id"), apart };

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
            // A shell that was told to end does not wait for what it started.
            () = sleep(LOOK), if status.is_some() => {}
            () = sleep_until(deadline), if asked.is_some() => {
                job.send(Signal::KILL);
                asked = None;
            }
            signal = signals.next() => asked = match asked {
                // The terminal has given it to the command, too.
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

/// Whether the terminal's keys and its Ctrl-C are ours. A command beside us then stays in our process group, so that it has
/// both as well: in one of its own it would be stopped as soon as it read from the terminal. Ctrl-C reaches it without us, and
/// what it makes of that is its own business; other signals to us alone can be handed on to its shell alone.
fn is_in_foreground() -> bool {
    tcgetpgrp(std::io::stdin()).is_ok_and(|group| group == getpgrp())
}

/// The command's shell, and what that started.
struct Job {
    id: Pid,
    /// Whether they are a process group of their own, which has the shell's id.
    apart: bool,
}

impl Job {
    /// One that has ended needs no signal.
    fn send(&self, signal: Signal) {
        let _ = if self.apart { kill_process_group(self.id, signal) } else { kill_process(self.id, signal) };
    }

    /// Whether any of it is known to run, now that the shell has ended.
    fn is_left(&self) -> bool {
        self.apart && test_kill_process_group(self.id).is_ok()
    }
}

/// The status as a shell gives it: 128 and the number of the signal that ended the command.
fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}
