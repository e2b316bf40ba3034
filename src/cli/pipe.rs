//! A pipe whose writer is not left waiting for its reader when a signal has asked to stop.

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

/// The writing end of a pipe. A write that is given up fails with [`io::ErrorKind::WouldBlock`].
#[derive(Debug)]
pub(super) struct Pipe {
    pub(super) to: File,
    stop: Stop,
}

impl Pipe {
    /// Opens a FIFO as soon as it has a reader.
    pub(super) fn open(path: &Path, stop: &Stop) -> io::Result<Self> {
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

    /// The pipe behind an open file. It is opened again, so that it goes on to block for whoever else holds it. `None` where it is
    /// no pipe, or cannot be opened again (only Linux has a path for it), or no signal will ask to stop.
    pub(super) fn behind(file: &File, stop: &Stop) -> Option<Self> {
        stop.wake()?;
        let found = fstat(file).ok()?;
        (FileType::from_raw_mode(found.st_mode) == FileType::Fifo).then_some(())?;
        let to = without_blocking(format!("/proc/self/fd/{}", file.as_raw_fd()).as_ref()).ok()?;
        Some(Self { to, stop: stop.clone() })
    }

    /// Waits for room; once a signal has asked to stop, only so long.
    fn wait(&self) -> io::Result<()> {
        let room = PollFd::new(&self.to, PollFlags::OUT);
        if !self.stop.requested() {
            let mut fds = vec![room.clone()];
            fds.extend(self.stop.wake().map(|wake| PollFd::from_borrowed_fd(wake, PollFlags::IN)));
            poll(&mut fds, None)?;
            if !fds[0].revents().is_empty() {
                return Ok(());
            }
        }
        if poll(&mut [room], Some(&PATIENCE))? == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
    }
}

impl Write for Pipe {
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

fn without_blocking(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path)
}
