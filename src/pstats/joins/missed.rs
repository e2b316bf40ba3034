//! An injected fault that the server missed: which line, what was done to it, and what the server said.

use serde::Serialize;
use serde_json::value::RawValue;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::record::truth::Truth;

/// The longest description of what was done, in characters.
const LONGEST: usize = 200;

/// A fault that the server missed.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Missed {
    pub fault: String,
    /// The line in pshape's output; null for an event that was dropped.
    pub seq: Option<u64>,
    pub shard: Option<String>,
    /// The event's id as it was in the event.
    pub event_id: Option<Box<RawValue>>,
    /// What pshape did to the line.
    pub done: String,
    /// The outcome's word, and the status code of the last answer.
    pub outcome: &'static str,
    pub status: Option<u16>,
}

/// What pshape did, in words: `metrics.status_code: 200 → 503`, `byte 943: 1 deleted`.
pub(super) fn done(truth: &Truth) -> String {
    let changes = truth.changes.iter().flatten();
    let changes = changes.map(|(path, (before, after))| format!("{path}: {} → {}", before.get(), after.get()));
    let edits = truth.edits.iter().flatten().map(|(at, deleted, inserted)| {
        let inserted = BASE64.decode(inserted).unwrap_or_default();
        let inserted = String::from_utf8_lossy(&inserted).into_owned();
        match inserted.is_empty() {
            true => format!("byte {at}: {deleted} deleted"),
            false => format!("byte {at}: {deleted} deleted, '{inserted}' inserted"),
        }
    });
    let all = changes.chain(edits).collect::<Vec<_>>().join("; ");
    let all = if all.is_empty() { truth.fault.clone() } else { all };
    match all.char_indices().nth(LONGEST) {
        None => all,
        Some((end, _)) => format!("{}…", &all[..end]),
    }
}
