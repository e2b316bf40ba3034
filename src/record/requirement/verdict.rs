//! The verdict on a requirement.

use serde::Serialize;

/// A requirement's verdict.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Verdict {
    /// As it was given.
    pub requirement: String,
    /// The figure's full path, if it was found.
    pub figure: Option<String>,
    /// The figure, in the unit that its name says.
    pub value: Option<f64>,
    /// Whether it was met.
    pub met: bool,
    /// Whether the runs do not show if it is met; then `--unsure` decides.
    pub unsure: bool,
    /// The figure in words, or why there is none.
    pub message: String,
}

/// Whether a requirement is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Met {
    Yes,
    No,
    /// It cannot be told, and fails.
    Unsure,
    /// It cannot be told, and passes.
    UnsurePassed,
}

impl Verdict {
    pub(crate) fn new(
        requirement: &str,
        figure: Option<String>,
        value: Option<f64>,
        met: Met,
        message: String,
    ) -> Self {
        Self {
            requirement: requirement.to_owned(),
            figure,
            value,
            met: matches!(met, Met::Yes | Met::UnsurePassed),
            unsure: matches!(met, Met::Unsure | Met::UnsurePassed),
            message,
        }
    }

    /// One on the parts that came.
    pub(crate) fn of_parts(requirement: &str, met: bool, message: String) -> Self {
        Self::new(requirement, None, None, if met { Met::Yes } else { Met::No }, message)
    }

    /// One that is not on a figure, and is not met.
    pub(crate) fn failed(requirement: &str, message: String) -> Self {
        Self::new(requirement, None, None, Met::No, message)
    }
}
