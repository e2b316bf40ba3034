//! What one attempt met, and what that says about the event.

use serde::Deserialize;

use crate::record::outcome::Answer;

/// What one attempt met: an outcome's word, or one of those that may change. The names are those of a dialect's `outcome`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meaning {
    /// The server said that it took the event.
    Accepted,
    /// The server said that it had it already.
    Duplicate,
    /// The server refused it for good.
    Rejected,
    /// The server refused it for now, for rate.
    RateLimited,
    /// An error answer that may change.
    Retry,
    /// An error answer of a gateway, behind which the server may have taken the event. It may change.
    Gateway,
    /// The server cannot take any event at present, though it answers.
    Away,
    /// An error answer that will not change.
    Failed,
    /// Asked for an event: the server holds it.
    Present,
    /// Asked for an event: the server says that it holds it, and does not show it.
    #[serde(skip)]
    PresentUnseen,
    /// Asked for an event: the server does not hold it.
    Missing,
    /// Asked for an event: the server holds another body under its id.
    #[serde(skip)]
    Differs,
    /// The request left, and no whole answer came.
    #[serde(skip)]
    NoAnswer,
}

impl Meaning {
    /// The word for it in an outcome's `answers` (contracts §3).
    pub fn answer(self) -> Answer {
        match self {
            Self::Accepted => Answer::Accepted,
            Self::Duplicate => Answer::Duplicate,
            Self::Rejected => Answer::Rejected,
            Self::RateLimited => Answer::RateLimited,
            Self::Retry | Self::Gateway | Self::Away => Answer::Error,
            Self::Failed => Answer::Failed,
            Self::Present | Self::PresentUnseen => Answer::Present,
            Self::Missing => Answer::Missing,
            Self::Differs => Answer::Differs,
            Self::NoAnswer => Answer::NoAnswer,
        }
    }

    /// Whether there is nothing to complain of.
    pub fn is_good(self) -> bool {
        matches!(self, Self::Accepted | Self::Duplicate | Self::Present | Self::PresentUnseen)
    }

    /// Whether another attempt may meet something else.
    pub fn retryable(self) -> bool {
        matches!(self, Self::RateLimited | Self::Retry | Self::Gateway | Self::Away | Self::NoAnswer)
    }

    /// Whether the server may have taken the event all the same.
    pub fn uncertain(self) -> bool {
        matches!(self, Self::Gateway | Self::NoAnswer)
    }
}
