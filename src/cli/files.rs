//! Checks the files of a run before any is written to: no tool overwrites its own input, or writes to one file twice.

use std::fs::{File, Metadata};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::stdio::{stderr, stdin, stdout};

use crate::error::{Error, Place, Result};

/// How long a lock is waited for.
const LOCK_WAIT: Duration = Duration::from_millis(200);

/// The paths that name the standard output of this process.
const STDOUT_NAMES: [&str; 4] = ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];

const STDOUT: &str = "standard output";

/// Whether an output's path names standard output.
pub(crate) fn is_stdout(path: &Path) -> bool {
    STDOUT_NAMES.iter().any(|name| path.as_os_str() == *name)
}

/// Whether a path names an open file by its descriptor, such as `/dev/fd/3`.
pub(super) fn is_descriptor(path: &Path) -> bool {
    path.parent().is_some_and(|folder| ["/dev/fd", "/proc/self/fd"].iter().any(|of| folder == Path::new(of)))
        || path == Path::new("/dev/stderr")
}

/// The path under which an output at `path` is created. Links are followed, even to files that do not exist yet.
pub(super) fn without_links(path: &Path) -> PathBuf {
    /// The system follows as many.
    const LINKS: usize = 40;
    let mut path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    for _ in 0..LINKS {
        let Ok(to) = std::fs::read_link(&path) else { break };
        path = path.parent().unwrap_or(Path::new("")).join(to);
    }
    path
}

/// The identity of a file, whatever its name.
#[derive(PartialEq, Eq)]
enum Identity {
    /// An existing file: its device and inode number.
    Known(u64, u64),
    /// A file that does not exist yet: the canonical path of its folder, and its name.
    New(PathBuf),
    /// Standard output, if it is not a regular file. It takes only one stream.
    Stdout,
}

impl Identity {
    /// Identifies the file at `path`. Returns `None` unless it is a regular file, since only those can be overwritten.
    fn of(path: &Path) -> Option<Self> {
        if let Ok(found) = std::fs::metadata(path) {
            return Self::known(&found);
        }
        let path = without_links(path);
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Some(Self::New(folder.canonicalize().ok()?.join(path.file_name()?)))
    }

    /// The file that a standard stream is redirected to.
    fn of_stream(stream: BorrowedFd<'_>) -> Option<Self> {
        Self::known(&metadata_of(stream)?)
    }

    fn known(found: &Metadata) -> Option<Self> {
        found.is_file().then(|| Self::Known(found.dev(), found.ino()))
    }
}

/// All files that a run reads and writes, each with its name in messages.
#[derive(Default)]
pub(crate) struct Files {
    read: Vec<(String, Identity)>,
    written: Vec<(String, Identity)>,
}

impl Files {
    /// Adds the input files. Without any, and for `-`, adds standard input.
    #[must_use]
    pub(crate) fn inputs(mut self, files: &[PathBuf]) -> Self {
        if files.is_empty() {
            self.read_from("", Path::new("-"));
        }
        files.iter().for_each(|file| self.read_from("", file));
        self
    }

    /// Adds the files that a flag reads. `-` is standard input.
    #[must_use]
    pub(crate) fn reads<P: AsRef<Path>>(mut self, flag: &str, files: impl IntoIterator<Item = P>) -> Self {
        files.into_iter().for_each(|file| self.read_from(flag, file.as_ref()));
        self
    }

    /// Adds the files that a flag writes. `-` is standard output.
    #[must_use]
    pub(crate) fn writes<P: AsRef<Path>>(mut self, flag: &str, files: impl IntoIterator<Item = P>) -> Self {
        for file in files {
            let file = file.as_ref();
            let name = if is_stdout(file) { STDOUT.into() } else { file.display().to_string() };
            self.write_to(format!("{flag} {name}"), file);
        }
        self
    }

    /// Adds the main output of a tool: the file of `--output`, or standard output.
    #[must_use]
    pub(crate) fn output(mut self, file: Option<&Path>) -> Self {
        match file {
            Some(_) => self.writes("--output", file),
            None => {
                self.write_to(STDOUT.to_owned(), Path::new("-"));
                self
            }
        }
    }

    fn read_from(&mut self, flag: &str, file: &Path) {
        let found = if file.as_os_str() == "-" {
            Identity::of_stream(stdin()).map(|identity| ("standard input".to_owned(), identity))
        } else {
            let flag = if flag.is_empty() { "the input" } else { flag };
            Identity::of(file).map(|identity| (format!("{flag} {}", file.display()), identity))
        };
        self.read.extend(found);
    }

    fn write_to(&mut self, name: String, file: &Path) {
        let identity =
            if is_stdout(file) { Identity::of_stream(stdout()).or(Some(Identity::Stdout)) } else { Identity::of(file) };
        self.written.extend(identity.map(|identity| (name, identity)));
    }

    /// Checks that no file is both read and written, or written twice.
    /// Checks standard output and standard error even if nothing goes there: with `> FILE` the shell has emptied the file
    /// before the tool starts, and with `>> FILE` a tool would read what it writes.
    ///
    /// # Errors
    /// Names the two that are the same file.
    pub(crate) fn check(&self) -> Result<()> {
        for (at, written) in self.written.iter().enumerate() {
            tell_apart(written, self.read.iter().chain(&self.written[..at]))?;
        }
        // Two standard streams may go to one file, as with `> log 2>&1`.
        for (name, stream) in [(STDOUT, stdout()), ("standard error", stderr())] {
            if let Some(identity) = Identity::of_stream(stream) {
                tell_apart(&(name.to_owned(), identity), self.read.iter())?;
            }
        }
        Ok(())
    }
}

fn tell_apart<'a>(
    (name, identity): &(String, Identity),
    mut others: impl Iterator<Item = &'a (String, Identity)>,
) -> Result<()> {
    match others.find(|(_, other)| other == identity) {
        None => Ok(()),
        Some((other, _)) => Err(Error::usage(format!("{name} and {other} are the same file; name another one"))),
    }
}

/// The file that a standard stream is redirected to.
pub(crate) fn metadata_of(stream: BorrowedFd<'_>) -> Option<Metadata> {
    File::from(stream.try_clone_to_owned().ok()?).metadata().ok()
}

/// Locks a file against other processes that use this function, until it is closed or the process ends in any way. Devices and pipes
/// are not locked, nor are files on a file system without locks.
///
/// A child process has its parent's open files until it runs its own program. So a lock may outlive its holder for a moment, and this
/// waits for up to [`LOCK_WAIT`].
///
/// # Errors
/// If another process holds the lock.
pub(crate) fn lock(file: &File, place: &Place) -> Result<()> {
    if !file.metadata().is_ok_and(|found| found.is_file()) {
        return Ok(());
    }
    let start = Instant::now();
    while flock(file, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK) {
        if start.elapsed() >= LOCK_WAIT {
            return Err(Error::failed(format!(
                "{place}: another process is writing to it; wait until it has ended, or name another file"
            )));
        }
        sleep(LOCK_WAIT / 50);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_a_new_child_process_still_has_is_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal");
        let place = Place::of(&path);
        let children = std::thread::spawn(|| {
            for _ in 0..200 {
                std::process::Command::new("true").status().expect("it runs");
            }
        });
        while !children.is_finished() {
            let file = File::create(&path).expect("it can be created");
            lock(&file, &place).expect("its last holder has closed it");
        }
        children.join().expect("it does not panic");
    }
}
