//! pgen's own record of what it wrote: `pgen --record FILE` (contracts §2).

use serde::{Deserialize, Serialize};

use crate::cli::shard::Shard;

/// What pgen wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Generated {
    /// Always `pgen`. It distinguishes this record from psend's.
    pub tool: String,
    /// The id that all shards of the run share.
    pub run_id: Option<String>,
    /// `3/8`.
    pub shard: Option<Shard>,
    /// How often this shard was begun, from 1, if that is known.
    pub attempt: Option<u64>,
    /// Whether all events were written.
    pub complete: bool,
    /// The seed of all random choices.
    pub seed: u64,
    /// Events written.
    pub events: u64,
    /// The event_id of the first one, if it has one.
    pub first_id: Option<String>,
    /// The event_id of the last one, if it has one.
    pub last_id: Option<String>,
    /// Bytes written.
    pub bytes: u64,
    /// The XXH3 hash (64 bits, in hex) of these bytes, as `xxhsum -H3` prints it.
    pub xxh3: String,
}

/// The line of the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GeneratedLine {
    /// The record.
    pub run: Generated,
}

/// The word in `tool`.
pub(crate) const TOOL: &str = "pgen";

impl Generated {
    /// Reads the record on a line. Returns `None` for any other line.
    pub(crate) fn read(line: &[u8]) -> Option<Self> {
        serde_json::from_slice::<GeneratedLine>(line).ok().map(|line| line.run).filter(|run| run.tool == TOOL)
    }

    /// The line, with its end.
    pub(crate) fn to_line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(&GeneratedLine { run: self.clone() }).expect("a record is JSON");
        line.push(b'\n');
        line
    }
}
