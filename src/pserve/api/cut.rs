//! Connections that end without an answer.

use axum::response::Response;

/// In the extensions of a response: it is not sent, and the connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::pserve) enum Cut {
    /// By a reset.
    Reset,
    /// By closing it.
    Close,
}

/// The answer, which is not sent.
pub(super) fn cut(mut answer: Response, how: Cut) -> Response {
    answer.extensions_mut().insert(how);
    answer
}
