//! The errors that end a run early, and their exit codes (contracts §7).

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Where bytes are read from or written to, as messages name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Standard input.
    Stdin,
    /// Standard output.
    Stdout,
    /// A file, device or FIFO.
    Path(PathBuf),
}

impl Place {
    /// The place that a path on the command line names.
    pub(crate) fn of(path: &Path) -> Self {
        Self::Path(path.to_owned())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => f.write_str("standard input"),
            Self::Stdout => f.write_str("standard output"),
            Self::Path(path) => write!(f, "{}", path.display()),
        }
    }
}

/// An early end of a run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line, or a file that it names, is invalid. Nothing was read or written.
    #[error("{0}")]
    Usage(String),
    /// Reading or writing failed.
    #[error("{place}: {source}")]
    Io {
        /// What was read or written.
        place: Place,
        /// What the operating system said.
        source: io::Error,
    },
    /// The run could not finish for another reason, which the message explains.
    #[error("{0}")]
    Failed(String),
}

/// Input in a format that the tools do not read, such as gzip. The message names the format and the command that converts it to text.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct WrongForm(pub String);

/// The result of an operation whose failure ends a run.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A usage error with this message.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    /// An error that ends the run, with this message.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::Failed(message.into())
    }

    /// The error for an I/O error at this place.
    pub(crate) fn io(place: &Place, source: io::Error) -> Self {
        match source.get_ref().and_then(|inner| inner.downcast_ref::<WrongForm>()) {
            Some(form) => Self::Usage(format!("{place}: {form}")),
            None => Self::Io { place: place.clone(), source },
        }
    }

    /// The exit code of contracts §7.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Io { .. } | Self::Failed(_) => 1,
        }
    }

    /// The place that could not be read or written, for an I/O error.
    pub(crate) fn place(&self) -> Option<&Place> {
        match self {
            Self::Io { place, .. } => Some(place),
            Self::Usage(_) | Self::Failed(_) => None,
        }
    }

    /// Whether a write was abandoned because a signal had asked to stop and nobody was reading.
    pub(crate) fn is_given_up(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::WouldBlock)
    }

    /// Whether the reader of our standard output has gone away (`| head`).
    pub(crate) fn is_closed_stdout(&self) -> bool {
        matches!(self, Self::Io { place: Place::Stdout, source } if source.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// Names the place of an I/O error.
pub trait At<T> {
    /// Turns an [`io::Error`] into an [`Error::Io`] that says where it happened.
    fn at(self, place: &Place) -> Result<T>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, place: &Place) -> Result<T> {
        self.map_err(|source| Error::io(place, source))
    }
}
