//! How a run ended, and its exit code (contracts §7).

use std::process::ExitCode;

/// How a run ended that was not cut short by an [`crate::error::Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The job is done.
    Done,
    /// The job could not be finished. The reason was already reported on stderr.
    Unfinished,
    /// A requirement was not met (pstats, pshape --redact-check).
    NotMet,
    /// A signal with this number ended the run in an orderly way.
    Signalled(i32),
    /// A command that the tool ran ended with this status (pserve --exec).
    Status(u8),
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        ExitCode::from(match ending {
            Ending::Done => 0,
            Ending::Unfinished => 1,
            Ending::NotMet => 99,
            Ending::Signalled(signal) => 128u8.wrapping_add(signal.to_le_bytes()[0]),
            Ending::Status(status) => status,
        })
    }
}
