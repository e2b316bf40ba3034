//! The files of a run, told apart before any is written to: one that is read is not written over, and none is written twice.

use std::fs::{File, Metadata};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::error::{Error, Place, Result};

/// Which file it is, by whatever name.
#[derive(PartialEq, Eq)]
enum Identity {
    /// A file that is there: its device and its number on it.
    Known(u64, u64),
    /// A file that is still to be made: its folder by its right name, and its own.
    New(PathBuf),
}

impl Identity {
    /// Of a path; none where it is no regular file, for only such a one is lost by writing.
    fn of(path: &Path) -> Option<Self> {
        match std::fs::metadata(path) {
            Ok(found) => Self::known(&found),
            Err(_) => {
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
                Some(Self::New(folder.canonicalize().ok()?.join(path.file_name()?)))
            }
        }
    }

    /// Of what a standard stream is joined to.
    fn of_stream(stream: BorrowedFd<'_>) -> Option<Self> {
        Self::known(&metadata_of(stream)?)
    }

    fn known(found: &Metadata) -> Option<Self> {
        found.is_file().then(|| Self::Known(found.dev(), found.ino()))
    }
}

/// Whether two paths name one regular file, there or to be made, by links too.
pub fn is_one_file(a: &Path, b: &Path) -> bool {
    Identity::of(a).is_some_and(|a| Identity::of(b) == Some(a))
}

/// Checks that no output is an input or another output. Of the `inputs`, none and `-` are standard input; `beside` them other files
/// are read, each named by its flag. Of the `outputs`, each named by its flag, `None` and `-` are standard output.
///
/// # Errors
/// Names the two that are one file.
pub fn check_apart(inputs: &[PathBuf], beside: &[(&str, &Path)], outputs: &[(&str, Option<&Path>)]) -> Result<()> {
    let is_stream = |path: &Path| path.as_os_str() == "-";
    let mut known: Vec<(String, Identity)> = Vec::new();
    for file in inputs.iter().filter(|file| !is_stream(file)) {
        known.extend(Identity::of(file).map(|identity| (format!("the input {}", file.display()), identity)));
    }
    if inputs.is_empty() || inputs.iter().any(|file| is_stream(file)) {
        known.extend(Identity::of_stream(std::io::stdin().as_fd()).map(|id| ("standard input".to_owned(), id)));
    }
    for (flag, path) in beside.iter().filter(|(_, path)| !is_stream(path)) {
        known.extend(Identity::of(path).map(|identity| (format!("{flag} {}", path.display()), identity)));
    }
    for (flag, path) in outputs {
        let (name, identity) = match path.filter(|path| !is_stream(path)) {
            Some(path) => (format!("{flag} {}", path.display()), Identity::of(path)),
            None => ("standard output".to_owned(), Identity::of_stream(std::io::stdout().as_fd())),
        };
        let Some(identity) = identity else { continue };
        if let Some((other, _)) = known.iter().find(|(_, known)| *known == identity) {
            return Err(Error::usage(format!(
                "{name} and {other} are one file: what is in it would be lost; name another"
            )));
        }
        known.push((name, identity));
    }
    Ok(())
}

/// Of what a standard stream is joined to.
pub fn metadata_of(stream: BorrowedFd<'_>) -> Option<Metadata> {
    File::from(stream.try_clone_to_owned().ok()?).metadata().ok()
}

/// Holds a file for this process alone, among those that ask for it here, until it is closed or the process ends, however it
/// ends. Devices and pipes are not held, nor are files where the file system has no locks.
///
/// # Errors
/// Where another process holds it.
pub fn lock(file: &File, place: &Place) -> Result<()> {
    if !file.metadata().is_ok_and(|found| found.is_file()) {
        return Ok(());
    }
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => Err(Error::failed(format!(
            "{place}: another process is writing to it; wait until that one has ended, or name another file"
        ))),
        _ => Ok(()),
    }
}
