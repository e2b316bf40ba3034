//! The truth (contracts §4): what pshape did, one line a fault, so that pstats can judge what became of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What a right server makes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expect {
    /// It takes the event.
    Accepted,
    /// It says that it has the event already.
    Duplicate,
    /// It refuses the line.
    Rejected,
    /// It may take the event or refuse the line: the standard leaves it free.
    Either,
    /// It never sees the event.
    Absent,
}

/// A change of the line's bytes: where, how many bytes go, and the bytes that come in their place (base64 in the JSON).
pub type Edit = (u64, u64, String);

/// A field's raw value before and after.
pub type Change = (Box<RawValue>, Box<RawValue>);

/// One injected fault.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Truth {
    /// The line in pshape's output, from 1; none for an event that was dropped.
    pub seq: Option<u64>,
    /// The line in pshape's input, from 1.
    pub source_seq: u64,
    /// The raw value of the event's id.
    pub event_id: Option<Box<RawValue>>,
    /// The effect's flag in the singular.
    pub fault: String,
    /// Each field that changed, with its raw value before and after (null where it was not there).
    pub changes: Option<BTreeMap<String, Change>>,
    /// Changes below the level of values.
    pub edits: Option<Vec<Edit>>,
    /// What a right server makes of the line.
    pub expect: Expect,
    /// `3/8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<String>,
}

/// A line of a truth file.
#[derive(Debug, Clone)]
pub enum TruthLine {
    /// A fault.
    Fault(Truth),
    /// The last line.
    Summary(TruthSummary),
}

impl TruthLine {
    /// The line of truth that a line is; `None` where it is another, be it an event that has a `fault` among its fields.
    pub fn read(line: &[u8]) -> Option<Self> {
        let summary = serde_json::from_slice::<TruthSummary>(line).ok().filter(|summary| summary.fault == "summary");
        summary.map(Self::Summary).or_else(|| serde_json::from_slice(line).ok().map(Self::Fault))
    }
}

/// The last line of a truth file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TruthSummary {
    /// Always `summary`.
    pub fault: String,
    /// Lines read.
    pub lines_in: u64,
    /// Lines written.
    pub lines_out: u64,
    /// How often each fault was injected.
    pub totals: BTreeMap<String, u64>,
    /// Whether all input was read.
    pub complete: bool,
}
