//! The kinds of lines that a report has figures of.

/// A kind of line that has figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LineKind {
    Events,
    Outcomes,
}

impl LineKind {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Events, Self::Outcomes];

    /// The key of the JSON report.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Outcomes => "outcomes",
        }
    }
}
