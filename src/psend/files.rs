//! Checks the files of a run before anything is written.

use std::fs::Metadata;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use super::config::Config;
use crate::cli::files::metadata_of;
use crate::error::{Error, Result};

/// Checks that no dead letters of an earlier run would be lost.
///
/// # Errors
/// Names the file that is not empty.
pub(super) fn check(config: &Config) -> Result<()> {
    match &config.dead_letter {
        Some(path) if !config.resume && is_begun(path) => Err(Error::usage(format!(
            "--dead-letter {0}: it holds events of an earlier run; name another file, or send those and remove {0}",
            path.display()
        ))),
        _ => Ok(()),
    }
}

/// Whether an earlier run wrote to this file.
pub(super) fn is_begun(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() > 0)
}

/// The bytes of all inputs together, if all are files.
pub(super) fn input_bytes(files: &[PathBuf]) -> Option<u64> {
    let stdin = [PathBuf::from("-")];
    let files = if files.is_empty() { &stdin[..] } else { files };
    let size = |file: &PathBuf| {
        let is_stdin = file.as_os_str() == "-";
        let found = if is_stdin { metadata_of(std::io::stdin().as_fd()) } else { std::fs::metadata(file).ok() };
        found.filter(Metadata::is_file).map(|found| found.len())
    };
    files.iter().map(size).sum()
}
