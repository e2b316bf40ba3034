//! Where a tool's lines come from: files in order, or standard input.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{Console, Stop};
use crate::error::{At, Error, Place, Result};

/// How large the pipes between the tools are made: a wake-up for each 64 KiB would be the limit of the whole pipeline
/// (docs/limits.md: 0.75 against 2.5 GB/s).
pub(super) const PIPE_BYTES: usize = 1 << 20;

/// One input, opened.
pub struct Source {
    /// Its name in messages.
    pub place: Place,
    /// Its bytes.
    pub read: Box<dyn Read + Send>,
}

impl Source {
    /// Bytes from memory, for tests.
    pub fn of(bytes: impl AsRef<[u8]> + Send + 'static) -> Self {
        Self { place: Place::Stdin, read: Box::new(io::Cursor::new(bytes)) }
    }
}

/// All of a text that a flag names: a file, or `-` for standard input. A byte order mark at its start is left out.
///
/// # Errors
/// Where it cannot be read, or is no UTF-8.
pub fn text(path: &Path) -> io::Result<String> {
    if path.as_os_str() == "-" { io::read_to_string(io::stdin()).map(without_mark) } else { file_text(path) }
}

/// The same where standard input has the events, so that it is a file alone.
///
/// # Errors
/// As above.
pub fn file_text(path: &Path) -> io::Result<String> {
    std::fs::read_to_string(path).map(without_mark)
}

fn without_mark(mut text: String) -> String {
    if text.starts_with('\u{feff}') {
        text.remove(0);
    }
    text
}

/// The inputs of a run in the order given, each opened when its turn comes.
pub struct Inputs {
    rest: std::vec::IntoIter<Place>,
    stop: Stop,
    memory: Option<Source>,
    patience: Option<Duration>,
}

impl Inputs {
    /// The files that stand on the command line (`-` for standard input), or standard input where there are none.
    ///
    /// # Errors
    /// A file that cannot be read is named at once, before anything is read or written.
    pub fn open(files: &[PathBuf], stop: &Stop, console: &Console) -> Result<Self> {
        let mut places: Vec<Place> =
            files.iter().map(|file| if file.as_os_str() == "-" { Place::Stdin } else { Place::of(file) }).collect();
        if places.is_empty() {
            places.push(Place::Stdin);
        }
        for place in &places {
            match place {
                Place::Path(path) => {
                    let found = std::fs::metadata(path).at(place)?;
                    if found.is_dir() {
                        return Err(Error::failed(format!(
                            "{place}: is a directory, where a file of JSON Lines is wanted"
                        )));
                    }
                    if found.is_file() {
                        File::open(path).at(place)?;
                    }
                }
                _ if io::stdin().is_terminal() => {
                    console.note("reading from the terminal, a JSON object a line; Ctrl-D ends it, --help shows more");
                }
                _ => {}
            }
        }
        Ok(Self { rest: places.into_iter(), stop: stop.clone(), memory: None, patience: None })
    }

    /// A single input from memory, for tests.
    pub fn from_bytes(bytes: impl AsRef<[u8]> + Send + 'static) -> Self {
        Self { rest: Vec::new().into_iter(), stop: Stop::never(), memory: Some(Source::of(bytes)), patience: None }
    }

    /// A single input that is open already, such as a stretch of a file.
    pub fn from_source(source: Source, stop: Stop) -> Self {
        Self { rest: Vec::new().into_iter(), stop, memory: Some(source), patience: None }
    }

    /// Waits no longer than this for bytes: a read that finds none ends with [`io::ErrorKind::TimedOut`], and the lines' reader
    /// hands out an empty stretch, so that whoever reads can look at the clock.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience: Some(patience), ..self }
    }

    /// The flag at which reading ends.
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// Opens the next input.
    ///
    /// # Errors
    /// Where it cannot be opened any more.
    pub fn next_source(&mut self) -> Result<Option<Source>> {
        if let Some(source) = self.memory.take() {
            return Ok(Some(source));
        }
        let Some(place) = self.rest.next() else { return Ok(None) };
        let from = match &place {
            Place::Path(path) => File::open(path).at(&place)?,
            _ => {
                // Fails where standard input is no pipe, or the system's limit is lower: then it stays as it is.
                let _ = rustix::pipe::fcntl_setpipe_size(io::stdin(), PIPE_BYTES);
                File::from(io::stdin().as_fd().try_clone_to_owned().at(&place)?)
            }
        };
        // The bytes of a regular file are there: nobody waits for them.
        let read: Box<dyn Read + Send> = if from.metadata().at(&place)?.is_file() {
            Box::new(from)
        } else {
            let patience = self.patience.map(Timespec::try_from).transpose().unwrap_or_default();
            Box::new(Stoppable { from, stop: self.stop.clone(), patience })
        };
        Ok(Some(Source { place, read }))
    }
}

/// A file whose reader is not left waiting for bytes when a signal has asked to stop.
struct Stoppable {
    from: File,
    stop: Stop,
    patience: Option<Timespec>,
}

impl Read for Stoppable {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if let Some(wake) = self.stop.wake() {
            let mut fds = [PollFd::new(&self.from, PollFlags::IN), PollFd::new(&wake, PollFlags::IN)];
            if poll(&mut fds, self.patience.as_ref())? == 0 {
                return Err(io::ErrorKind::TimedOut.into());
            }
            if !fds[1].revents().is_empty() {
                return Err(io::ErrorKind::Interrupted.into());
            }
        }
        self.from.read(buf)
    }
}
