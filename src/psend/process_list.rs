//! Removes a key that was given on the command line from the process list, which every user of the machine can read.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt;

/// Overwrites `secret` in this process's arguments with `x`.
///
/// # Errors
/// If the system does not let a process overwrite its arguments. Only Linux does.
pub(super) fn blank(secret: &str) -> io::Result<()> {
    let place =
        || io::Error::new(io::ErrorKind::Unsupported, "the system does not say where the arguments are in memory");
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // The second field is a name in parentheses that may hold anything; arg_start is the 48th (proc_pid_stat(5)).
    let (_, fields) = stat.rsplit_once(')').ok_or_else(place)?;
    let start: u64 = fields.split_whitespace().nth(48 - 3).and_then(|f| f.parse().ok()).ok_or_else(place)?;
    let arguments = std::fs::read("/proc/self/cmdline")?;
    if start == 0 || secret.is_empty() {
        return Err(place());
    }
    let memory = OpenOptions::new().write(true).open("/proc/self/mem")?;
    for at in memchr::memmem::find_iter(&arguments, secret.as_bytes()) {
        memory.write_all_at(&vec![b'x'; secret.len()], start + at as u64)?;
    }
    Ok(())
}
