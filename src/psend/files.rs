//! The files of a run, told apart before any is written to: one that is read is not written over, and none is written twice.

use std::fs::{File, Metadata};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::config::Config;
use crate::error::{Error, Result};

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

/// Checks that no output is an input or another output, and that no dead letters of a run before would be lost.
///
/// # Errors
/// Names the two that are one file, or the file that is not empty.
pub fn check(config: &Config) -> Result<()> {
    let is_stream = |path: &PathBuf| path.as_os_str() == "-";
    let mut known: Vec<(String, Identity)> = Vec::new();
    for file in config.files.iter().filter(|file| !is_stream(file)) {
        known.extend(Identity::of(file).map(|identity| (format!("the input {}", file.display()), identity)));
    }
    if config.files.is_empty() || config.files.iter().any(is_stream) {
        known.extend(Identity::of_stream(std::io::stdin().as_fd()).map(|id| ("standard input".to_owned(), id)));
    }
    let named = |flag: &str, path: &Option<PathBuf>| {
        let path = path.as_ref().filter(|path| !is_stream(path))?;
        Some((format!("{flag} {}", path.display()), Identity::of(path)?))
    };
    let outcomes = match &config.output {
        Some(path) if !is_stream(path) => named("--output", &config.output),
        _ => Identity::of_stream(std::io::stdout().as_fd()).map(|id| ("standard output".to_owned(), id)),
    };
    let outputs = [outcomes, named("--dead-letter", &config.dead_letter), named("--journal", &config.journal)];
    for (name, identity) in outputs.into_iter().flatten() {
        if let Some((other, _)) = known.iter().find(|(_, known)| *known == identity) {
            return Err(Error::usage(format!(
                "{name} and {other} are one file: what is in it would be lost; name another"
            )));
        }
        known.push((name, identity));
    }
    match &config.dead_letter {
        Some(path) if !config.resume && is_begun(path) => Err(Error::usage(format!(
            "--dead-letter {0}: it holds events of a run before; name another file, or send those and remove {0}",
            path.display()
        ))),
        _ => Ok(()),
    }
}

/// Whether a run before wrote to this file.
pub fn is_begun(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() > 0)
}

/// The bytes of all inputs together, where all are files.
pub fn input_bytes(files: &[PathBuf]) -> Option<u64> {
    let stdin = [PathBuf::from("-")];
    let files = if files.is_empty() { &stdin[..] } else { files };
    let size = |file: &PathBuf| {
        let is_stdin = file.as_os_str() == "-";
        let found = if is_stdin { metadata_of(std::io::stdin().as_fd()) } else { std::fs::metadata(file).ok() };
        found.filter(Metadata::is_file).map(|found| found.len())
    };
    files.iter().map(size).sum()
}

/// Of what a standard stream is joined to.
fn metadata_of(stream: BorrowedFd<'_>) -> Option<Metadata> {
    File::from(stream.try_clone_to_owned().ok()?).metadata().ok()
}
