//! What is written as it is, and not beside: a pipe, a terminal, a device, a socket. A writer waits for room, unless a signal has
//! asked to stop and nobody reads.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, OFlags, fstat};
use rustix::io::Errno;

use super::Stop;

/// How often a FIFO that nobody reads yet is tried again: the system has no way to wait for a reader and for a signal at once.
const RETRY: Duration = Duration::from_millis(20);

/// How long a reader may leave a pipe full, once a signal has asked to stop, before what is left of the block is given up.
const PATIENCE: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// An open file that waits for room: some programs hand on standard streams that do not block. A write that is given up fails with
/// [`io::ErrorKind::WouldBlock`].
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) to: File,
    stop: Stop,
}

impl Stream {
    /// Opens a FIFO as soon as it has a reader.
    pub(super) fn fifo(path: &Path, stop: &Stop) -> io::Result<Self> {
        loop {
            match without_blocking(path) {
                Err(e) if e.raw_os_error() == Some(Errno::NXIO.raw_os_error()) => {
                    if stop.requested() {
                        return Err(io::ErrorKind::WouldBlock.into());
                    }
                    thread::sleep(RETRY);
                }
                opened => return opened.map(|to| Self { to, stop: stop.clone() }),
            }
        }
    }

    /// What is open already. A pipe is opened again where a signal can ask to stop, so that a write to it does not block, while it
    /// goes on to do so for whoever else holds it.
    pub(super) fn behind(file: File, stop: &Stop) -> Self {
        let to = again(&file, stop).unwrap_or(file);
        Self { to, stop: stop.clone() }
    }

    /// Waits for room; once a signal has asked to stop, only so long.
    fn wait(&self) -> io::Result<()> {
        let room = PollFd::new(&self.to, PollFlags::OUT);
        if !self.stop.requested() {
            let mut fds = vec![room.clone()];
            fds.extend(self.stop.wake().map(|wake| PollFd::from_borrowed_fd(wake, PollFlags::IN)));
            match poll(&mut fds, None) {
                Err(Errno::INTR) => return Ok(()),
                polled => polled?,
            };
            if !fds[0].revents().is_empty() {
                return Ok(());
            }
        }
        if poll(&mut [room], Some(&PATIENCE))? == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, blocks: &[IoSlice<'_>]) -> io::Result<usize> {
        loop {
            match self.to.write_vectored(blocks) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => self.wait()?,
                written => return written,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The pipe behind an open file, opened again. `None` if it is not a pipe, or cannot be opened again (only Linux has a path for
/// it), or no signal will ask to stop.
fn again(file: &File, stop: &Stop) -> Option<File> {
    stop.wake()?;
    let found = fstat(file).ok()?;
    (FileType::from_raw_mode(found.st_mode) == FileType::Fifo).then_some(())?;
    without_blocking(format!("/proc/self/fd/{}", file.as_raw_fd()).as_ref()).ok()
}

fn without_blocking(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path)
}
