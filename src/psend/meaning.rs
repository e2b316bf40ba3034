//! The result of one attempt, and what it means for the event.

use serde::Deserialize;

use crate::record::outcome::AttemptResult;

/// The result of one attempt: the name of an outcome, or a result that may change. The names are those of a dialect's `outcome`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Meaning {
    /// The server accepted the event.
    Accepted,
    /// The server already had the event.
    Duplicate,
    /// The server refused it for good.
    Rejected,
    /// The server refused it for now, because of a rate limit.
    RateLimited,
    /// An error answer that may change.
    Retry,
    /// An error answer of a gateway. The server behind it may have stored the event. It may change.
    Gateway,
    /// The server answers, but cannot accept any event now.
    Away,
    /// An error answer that will not change.
    Failed,
    /// Verify: the server holds the event.
    Present,
    /// Verify: the server says that it holds the event, but does not show it.
    #[serde(skip)]
    PresentUnseen,
    /// Verify: the server does not hold the event.
    Missing,
    /// Verify: the server holds another body with the same id.
    #[serde(skip)]
    Differs,
    /// Some events of the batch were taken and some refused, and the answer does not say which. The next attempt will tell.
    #[serde(skip)]
    Unclear,
    /// The request was sent, and no complete answer arrived.
    #[serde(skip)]
    NoAnswer,
}

impl Meaning {
    /// Its name in an outcome's `answers` (contracts §3).
    pub(super) fn answer(self) -> AttemptResult {
        match self {
            Self::Accepted => AttemptResult::Accepted,
            Self::Duplicate => AttemptResult::Duplicate,
            Self::Rejected => AttemptResult::Rejected,
            Self::RateLimited => AttemptResult::RateLimited,
            Self::Retry | Self::Gateway | Self::Away => AttemptResult::Error,
            Self::Failed => AttemptResult::Failed,
            Self::Present | Self::PresentUnseen => AttemptResult::Present,
            Self::Missing => AttemptResult::Missing,
            Self::Differs => AttemptResult::Differs,
            Self::Unclear | Self::NoAnswer => AttemptResult::NoAnswer,
        }
    }

    /// Whether the result is a success.
    pub(super) fn is_good(self) -> bool {
        matches!(self, Self::Accepted | Self::Duplicate | Self::Present | Self::PresentUnseen)
    }

    /// Whether another attempt may have another result.
    pub(super) fn retryable(self) -> bool {
        matches!(self, Self::RateLimited | Self::Retry | Self::Gateway | Self::Away | Self::Unclear | Self::NoAnswer)
    }

    /// Whether the server may have stored the event.
    pub(super) fn uncertain(self) -> bool {
        matches!(self, Self::Gateway | Self::NoAnswer)
    }
}
