//! The output of a tool: standard output, or a file that appears complete or not at all.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, IoSlice, Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use tempfile::NamedTempFile;

use super::Stop;
use super::files::{is_descriptor, is_stdout, lock, without_links};
use super::input::PIPE_BYTES;
use super::standard;
use super::stream::Stream;
use crate::error::{At, Error, Place, Result};

/// An output. It does not buffer: tools write blocks.
///
/// A new or regular file is written to a temporary file beside it, which [`Output::finish`] renames, so that a broken run leaves no
/// partial file. A device or FIFO is opened directly.
#[derive(Debug)]
pub(crate) struct Output {
    place: Place,
    to: Target,
}

#[derive(Debug)]
enum Target {
    Open(Stream),
    Beside {
        file: NamedTempFile,
        path: PathBuf,
    },
    #[cfg(test)]
    Small(SmallDisk),
}

/// A file on a disk that becomes full.
#[cfg(test)]
#[derive(Debug)]
struct SmallDisk {
    file: File,
    room: usize,
}

#[cfg(test)]
impl Write for SmallDisk {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if self.room == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let written = self.file.write(&buf[..buf.len().min(self.room)])?;
        self.room -= written;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
impl Output {
    /// The same output, on a disk with room for this many more bytes.
    pub(crate) fn with_room(self, room: usize) -> Self {
        let to = match self.to {
            Target::Open(stream) => Target::Small(SmallDisk { file: stream.to, room }),
            other => other,
        };
        Self { place: self.place, to }
    }
}

impl Output {
    /// Opens the path of `-o`, or standard output if it is missing or `-`.
    ///
    /// # Errors
    /// If the path cannot be written.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self> {
        Self::open_until(path, &Stop::never())
    }

    /// Like [`Output::open`], but after a signal, writing to a pipe ends even if a FIFO has no reader or the reader has
    /// stopped reading. The error is then [`Error::is_given_up`].
    ///
    /// # Errors
    /// As [`Output::open`].
    pub(crate) fn open_until(path: Option<&Path>, stop: &Stop) -> Result<Self> {
        match path {
            Some(path) if !is_stdout(path) => Self::create_until(path, stop),
            _ => Self::stdout(stop),
        }
    }

    fn stdout(stop: &Stop) -> Result<Self> {
        let place = Place::Stdout;
        standard::check_open(&place).at(&place)?;
        // This fails if standard output is not a pipe, or if the system's limit is lower. The size then stays as it is.
        let _ = rustix::pipe::fcntl_setpipe_size(io::stdout(), PIPE_BYTES);
        let file = File::from(io::stdout().as_fd().try_clone_to_owned().at(&place)?);
        Ok(Self { place, to: Target::Open(Stream::behind(file, stop)) })
    }

    /// Opens a file for writing.
    ///
    /// # Errors
    /// If the path cannot be written.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        Self::create_until(path, &Stop::never())
    }

    fn create_until(path: &Path, stop: &Stop) -> Result<Self> {
        let place = Place::of(path);
        let found = match std::fs::metadata(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            found => Some(found.at(&place)?),
        };
        let to = match &found {
            Some(found) if found.is_dir() => {
                return Err(Error::failed(format!("{place}: is a directory; expected a file")));
            }
            Some(found) if found.file_type().is_fifo() => Target::Open(Stream::fifo(path, stop).at(&place)?),
            // A file that the shell has opened, as with `3>> log`, is appended to, because it may not be empty.
            Some(found) if !found.is_file() || is_descriptor(path) => {
                let file = OpenOptions::new().append(true).open(path).at(&place)?;
                Target::Open(Stream::behind(file, stop))
            }
            _ => {
                // A link stays a link. The file that it points to is replaced.
                let path = without_links(path);
                let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
                let takes_files = access(folder, Access::WRITE_OK | Access::EXEC_OK).map_err(io::Error::from);
                takes_files.map_err(|e| no_file_in_folder(&place, &e))?;
                let mode = found.as_ref().map_or(0o666, |found| found.permissions().mode() & 0o7777);
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                let file = tempfile::Builder::new()
                    .prefix(&format!(".{name}."))
                    .suffix(".part")
                    .permissions(Permissions::from_mode(mode))
                    .tempfile_in(folder)
                    .map_err(|e| no_file_in_folder(&place, &e))?;
                Target::Beside { file, path }
            }
        };
        Ok(Self { place, to })
    }

    /// Opens a file for writing in place, so that what was written survives a crash. With `resume` the existing content is
    /// kept, except a last line that was cut off. The file is locked against other processes that open it in this way.
    ///
    /// # Errors
    /// If the path cannot be written, or another process has locked it. The file is not changed then.
    pub(crate) fn in_place(path: &Path, resume: bool) -> Result<Self> {
        if is_stdout(path) || is_descriptor(path) {
            return Self::open(Some(path));
        }
        let place = Place::of(path);
        let is_file = std::fs::metadata(path).map_or(true, |found| found.is_file());
        let mut file =
            OpenOptions::new().read(is_file).write(true).create(true).truncate(false).open(path).at(&place)?;
        lock(&file, &place)?;
        if is_file {
            let whole = if resume { whole_lines(&mut file).at(&place)? } else { 0 };
            file.set_len(whole).at(&place)?;
            file.seek(SeekFrom::Start(whole)).at(&place)?;
        }
        Ok(Self::of_file(file, place))
    }

    /// An output to a file that is already open, from its current position.
    pub(crate) fn of_file(file: File, place: Place) -> Self {
        Self { place, to: Target::Open(Stream::behind(file, &Stop::never())) }
    }

    /// Waits until what was written is on disk. Does nothing for devices and pipes.
    ///
    /// # Errors
    /// If the disk reports an error.
    pub(crate) fn sync(&mut self) -> Result<()> {
        match self.file().sync_data() {
            Err(e) if e.kind() != io::ErrorKind::InvalidInput => Err(e).at(&self.place),
            _ => Ok(()),
        }
    }

    /// Its name in messages.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Writes all of a block.
    ///
    /// # Errors
    /// If it cannot be written; the error names the place. If the reader went away, it is [`Error::is_closed_stdout`].
    pub(crate) fn put(&mut self, block: &[u8]) -> Result<()> {
        self.sink().write_all(block).at(&self.place)
    }

    /// Writes several blocks in as few system calls as possible.
    ///
    /// # Errors
    /// As [`Output::put`].
    pub(crate) fn put_all(&mut self, mut blocks: &mut [IoSlice<'_>]) -> Result<()> {
        // Empty blocks at the front would look like a full device.
        IoSlice::advance_slices(&mut blocks, 0);
        while !blocks.is_empty() {
            match self.sink().write_vectored(blocks) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::WriteZero)).at(&self.place),
                Ok(n) => IoSlice::advance_slices(&mut blocks, n),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e).at(&self.place),
            }
        }
        Ok(())
    }

    /// Renames a finished file to its final name.
    ///
    /// # Errors
    /// If the rename fails.
    pub(crate) fn finish(self) -> Result<()> {
        match self.to {
            Target::Beside { file, path } => file.persist(path).map(drop).map_err(|e| e.error).at(&self.place),
            _ => Ok(()),
        }
    }

    /// The temporary file that holds the output until [`Output::finish`]. Returns `None` if the output is written in place.
    pub(crate) fn beside(&self) -> Option<PathBuf> {
        match &self.to {
            // The path contains the folder as the user named it.
            Target::Beside { file, path } => Some(path.with_file_name(file.path().file_name()?)),
            _ => None,
        }
    }

    /// Keeps what was written by a run that could not finish. Returns the temporary file, if there is one.
    ///
    /// # Errors
    /// If it cannot be kept.
    pub(crate) fn keep(self) -> Result<Option<PathBuf>> {
        let beside = self.beside();
        if let Target::Beside { file, .. } = self.to {
            file.keep().map_err(|e| e.error).at(&self.place)?;
        }
        Ok(beside)
    }

    fn sink(&mut self) -> &mut dyn Write {
        match &mut self.to {
            Target::Open(file) => file,
            Target::Beside { file, .. } => file.as_file_mut(),
            #[cfg(test)]
            Target::Small(file) => file,
        }
    }

    fn file(&mut self) -> &mut File {
        match &mut self.to {
            Target::Open(file) => &mut file.to,
            Target::Beside { file, .. } => file.as_file_mut(),
            #[cfg(test)]
            Target::Small(small) => &mut small.file,
        }
    }
}

/// The length of a file up to its last line end.
fn whole_lines(file: &mut File) -> io::Result<u64> {
    const BLOCK: u64 = 64 << 10;
    let mut end = file.seek(SeekFrom::End(0))?;
    let mut block = Vec::new();
    while end > 0 {
        let from = end.saturating_sub(BLOCK);
        file.seek(SeekFrom::Start(from))?;
        block.clear();
        file.take(end - from).read_to_end(&mut block)?;
        if let Some(at) = memchr::memrchr(b'\n', &block) {
            return Ok(from + at as u64 + 1);
        }
        end = from;
    }
    Ok(0)
}

impl Write for Output {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.sink().write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink().flush()
    }
}

/// Why no file can be made beside `place`.
fn no_file_in_folder(place: &Place, e: &io::Error) -> Error {
    // tempfile puts its own name of the file behind the system's words.
    let cause = std::error::Error::source(e).map_or_else(|| e.to_string(), ToString::to_string);
    Error::failed(match e.kind() {
        io::ErrorKind::NotFound => format!("{place}: {cause}"),
        _ => format!("{place}: no new file can be made in its folder: {cause}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_in_place_goes_on_behind_the_last_whole_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("out");
        for (before, after) in [("a\nb\n", "a\nb\nc\n"), ("a\ncut", "a\nc\n"), ("cut", "c\n"), ("", "c\n")] {
            std::fs::write(&path, before).expect("written");
            Output::in_place(&path, true).and_then(|mut out| out.put(b"c\n")).expect("written");
            assert_eq!(std::fs::read_to_string(&path).expect("read"), after);
        }
        Output::in_place(&path, false).and_then(|mut out| out.put(b"new\n")).expect("written");
        assert_eq!(std::fs::read_to_string(&path).expect("read"), "new\n");
    }
}
