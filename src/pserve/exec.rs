//! Runs a command beside the server, as `env` or `time` run theirs.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;

use super::serve::Signals;
use crate::cli::Ending;
use crate::error::{Error, Result};

/// Runs the command by `sh -c` and returns its status. It finds the server's address in PULSE_URL, and in PULSE_API_KEY the
/// key, where there is just one.
///
/// Ctrl-C reaches the command as well as us: we wait for it to end. SIGTERM reaches us alone, so it is handed on, and so is a
/// second SIGINT, for the first may have been meant for us alone too.
pub(super) async fn run(command: &str, url: &str, key: Option<&str>, signals: &mut Signals) -> Result<Ending> {
    let failed = |e: std::io::Error| Error::failed(format!("--exec: sh cannot be run: {e}"));
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).env("PULSE_URL", url).env_remove("PULSE_API_KEY");
    if let Some(key) = key {
        shell.env("PULSE_API_KEY", key);
    }
    let mut child = shell.spawn().map_err(failed)?;
    let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    let mut interrupts = 0;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status.map_err(failed)?,
            number = signals.next() => {
                interrupts += u32::from(number == Signal::INT.as_raw());
                if let Some(pid) = pid && (number == Signal::TERM.as_raw() || interrupts > 1) {
                    let signal = if number == Signal::TERM.as_raw() { Signal::TERM } else { Signal::INT };
                    let _ = kill_process(pid, signal);
                }
            }
        }
    };
    Ok(Ending::Status(code(status)))
}

/// The status as a shell gives it: 128 and the number of the signal that ended the command.
fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}
