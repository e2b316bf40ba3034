//! The first value of each kind that could not be read, so that a warning can show what was wrong.

use std::fmt::Display;

/// Examples of values, each with the reason.
#[derive(Debug, Clone, Default)]
pub(super) struct Examples {
    /// Of times.
    pub time: Option<String>,
    /// Of status codes.
    pub status: Option<String>,
    /// Of latencies.
    pub latency: Option<String>,
}

/// The longest example in bytes.
const LONGEST: usize = 80;

impl Examples {
    /// Takes over what another has and this one lacks.
    pub(super) fn merge(&mut self, next: Self) {
        let take = |ours: &mut Option<String>, theirs| *ours = ours.take().or(theirs);
        take(&mut self.time, next.time);
        take(&mut self.status, next.status);
        take(&mut self.latency, next.latency);
    }
}

/// Keeps a raw value and what is wrong with it, if it is the first.
pub(super) fn keep(example: &mut Option<String>, raw: &[u8], why: impl Display) {
    example.get_or_insert_with(|| {
        let text = String::from_utf8_lossy(raw);
        let end = text.char_indices().map(|(at, _)| at).find(|at| *at >= LONGEST);
        let more = if end.is_some() { "…" } else { "" };
        format!("{}{more}: {why}", &text[..end.unwrap_or(text.len())])
    });
}
