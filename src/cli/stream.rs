//! Outputs that are written directly: a pipe, a terminal, a device, a socket. A write waits for room, unless a signal has
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

/// How often to retry opening a FIFO without a reader. The system cannot wait for a reader and for a signal at once.
const RETRY: Duration = Duration::from_millis(20);

/// How long a reader may leave a pipe full after a signal has asked to stop, before the rest of the block is given up.
const PATIENCE: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// An open file whose writes wait for room, even if it is non-blocking, as standard streams may be. A write that is given up
/// fails with [`io::ErrorKind::WouldBlock`].
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

    /// Wraps an open file. If a signal can ask to stop, a pipe is opened again, so that only our writes to it do not block.
    pub(super) fn behind(file: File, stop: &Stop) -> Self {
        let to = again(&file, stop).unwrap_or(file);
        Self { to, stop: stop.clone() }
    }

    /// Waits for room, but only for a limited time after a signal has asked to stop.
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
