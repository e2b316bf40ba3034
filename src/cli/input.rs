//! The inputs of a tool: files in order, or standard input.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::form::{self, Checked};
use super::{Console, Stop, compressed, standard};
use crate::error::{At, Error, Place, Result};

/// The size of the pipes between the tools. With the default of 64 KiB, wake-ups would limit the whole pipeline
/// (docs/limits.md: 0.75 instead of 2.5 GB/s).
pub(super) const PIPE_BYTES: usize = 1 << 20;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// One input, opened.
pub(crate) struct Source {
    /// Its name in messages.
    pub place: Place,
    /// Its bytes.
    pub read: Box<dyn Read + Send>,
}

impl Source {
    /// Bytes from memory, for tests.
    pub(crate) fn of(bytes: impl AsRef<[u8]> + Send + 'static) -> Self {
        Self { place: Place::Stdin, read: Box::new(io::Cursor::new(bytes)) }
    }
}

/// Reads the whole text that a flag names: a file, or `-` for standard input. Removes a byte order mark at the start.
///
/// # Errors
/// If it cannot be read, or is not UTF-8.
pub(crate) fn text(path: &Path) -> io::Result<String> {
    if path.as_os_str() != "-" {
        return file_text(path);
    }
    let mut bytes = Vec::new();
    standard_input(&Stop::never(), None)?.read_to_end(&mut bytes)?;
    text_of(bytes)
}

/// Like [`text`], but only for files, because standard input has the events.
///
/// # Errors
/// As above.
pub(crate) fn file_text(path: &Path) -> io::Result<String> {
    text_of(std::fs::read(path)?)
}

/// The text of a file that a flag names.
///
/// # Errors
/// If it cannot be read, or is not UTF-8: a usage error that names the flag and the file.
pub(crate) fn named_text(flag: &str, path: &Path) -> Result<String> {
    file_text(path).map_err(|e| Error::usage(format!("{flag} {}: {e}", path.display())))
}

/// The bytes of a file that a flag names, without a byte order mark.
///
/// # Errors
/// If it cannot be read: a usage error that names the flag and the file.
pub(crate) fn named_bytes(flag: &str, path: &Path) -> Result<Vec<u8>> {
    let bytes = std::fs::read(path).and_then(without_mark);
    bytes.map_err(|e| Error::usage(format!("{flag} {}: {e}", path.display())))
}

fn text_of(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(without_mark(bytes)?).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        io::Error::new(io::ErrorKind::InvalidData, format!("the byte at offset {at} is not valid UTF-8"))
    })
}

fn without_mark(mut bytes: Vec<u8>) -> io::Result<Vec<u8>> {
    if let Some(form) = form::of(&bytes) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, form.advice()));
    }
    if bytes.starts_with(BYTE_ORDER_MARK) {
        bytes.drain(..BYTE_ORDER_MARK.len());
    }
    Ok(bytes)
}

/// The inputs of a run, in order. Each is opened when its turn comes.
pub struct Inputs {
    rest: std::vec::IntoIter<Place>,
    stop: Stop,
    memory: Option<Source>,
    patience: Option<Duration>,
    tool: &'static str,
}

impl Inputs {
    /// The files on the command line (`-` for standard input), or standard input if there are none.
    ///
    /// # Errors
    /// If a file cannot be read. This is checked before anything is read or written.
    pub(crate) fn open(files: &[PathBuf], stop: &Stop, console: &Console) -> Result<Self> {
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
                        return Err(Error::failed(format!("{place}: is a directory; expected a file of JSON Lines")));
                    }
                    if found.is_file() {
                        let from = File::open(path).and_then(compressed::read).at(place)?;
                        checked(from, place, console.tool()).look().at(place)?;
                    }
                }
                _ => {
                    standard::check_open(place).at(place)?;
                    if io::stdin().is_terminal() {
                        console
                            .note("reading from the terminal: one JSON object per line; Ctrl-D ends the input, --help shows more");
                    }
                }
            }
        }
        Ok(Self { rest: places.into_iter(), stop: stop.clone(), memory: None, patience: None, tool: console.tool() })
    }

    /// A single input from memory, for tests.
    pub fn from_bytes(bytes: impl AsRef<[u8]> + Send + 'static) -> Self {
        Self::from_source(Source::of(bytes), Stop::never())
    }

    /// A single input that is already open, such as a part of a file.
    pub(crate) fn from_source(source: Source, stop: Stop) -> Self {
        Self { rest: Vec::new().into_iter(), stop, memory: Some(source), patience: None, tool: "" }
    }

    /// Sets how long a read waits for bytes. A read that finds none ends with [`io::ErrorKind::TimedOut`], and the line
    /// reader returns an empty chunk, so that its caller can check the clock.
    #[must_use]
    pub(crate) fn with_patience(self, patience: Duration) -> Self {
        Self { patience: Some(patience), ..self }
    }

    /// The flag at which reading ends.
    pub(crate) fn stop(&self) -> &Stop {
        &self.stop
    }

    /// Opens the next input.
    ///
    /// # Errors
    /// If it can no longer be opened.
    pub(crate) fn next_source(&mut self) -> Result<Option<Source>> {
        if let Some(source) = self.memory.take() {
            return Ok(Some(source));
        }
        let Some(place) = self.rest.next() else { return Ok(None) };
        let patience = self.patience.map(Timespec::try_from).transpose().unwrap_or_default();
        let from = match &place {
            Place::Path(path) => File::open(path).at(&place)?,
            _ => standard_input(&self.stop, patience).at(&place)?.from,
        };
        // A read from a regular file does not wait.
        let from: Box<dyn Read + Send> = if from.metadata().at(&place)?.is_file() {
            compressed::read(from).at(&place)?
        } else {
            Box::new(Stoppable { from, stop: self.stop.clone(), patience })
        };
        let read = Box::new(checked(from, &place, self.tool));
        Ok(Some(Source { place, read }))
    }
}

/// The input of a tool, which ends with an error if it is in a form that the tools do not read.
fn checked<R: Read>(from: R, place: &Place, tool: &str) -> Checked<R> {
    let file = match place {
        Place::Path(path) => path.display().to_string(),
        _ => "FILE".to_owned(),
    };
    Checked::new(from, format!(" {file} | {tool}"))
}

/// Standard input, as a file.
fn standard_input(stop: &Stop, patience: Option<Timespec>) -> io::Result<Stoppable> {
    standard::check_open(&Place::Stdin)?;
    // This fails if standard input is not a pipe, or if the system's limit is lower. The size then stays as it is.
    let _ = rustix::pipe::fcntl_setpipe_size(io::stdin(), PIPE_BYTES);
    let from = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    Ok(Stoppable { from, stop: stop.clone(), patience })
}

/// A file whose reads end when a signal has asked to stop. If the file is non-blocking, as standard input may be, it waits
/// for bytes itself.
struct Stoppable {
    from: File,
    stop: Stop,
    patience: Option<Timespec>,
}

impl Stoppable {
    fn wait(&self) -> io::Result<()> {
        let mut fds = vec![PollFd::new(&self.from, PollFlags::IN)];
        let wake = self.stop.wake();
        fds.extend(wake.as_ref().map(|wake| PollFd::new(wake, PollFlags::IN)));
        if poll(&mut fds, self.patience.as_ref())? == 0 {
            return Err(io::ErrorKind::TimedOut.into());
        }
        if fds.get(1).is_some_and(|wake| !wake.revents().is_empty()) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        Ok(())
    }
}

impl Read for Stoppable {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.stop.wake().is_some() {
            self.wait()?;
        }
        loop {
            match self.from.read(buf) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => self.wait()?,
                read => return read,
            }
        }
    }
}
