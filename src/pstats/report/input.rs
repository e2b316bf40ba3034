//! What came in, under `input`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::pstats::input::{Amount, Flaws, Input};

/// Under `input`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct InputReport {
    /// All lines.
    pub lines: u64,
    /// All bytes.
    pub bytes: u64,
    /// Lines and bytes by kind.
    pub kinds: BTreeMap<&'static str, Amount>,
    /// Lines that could not be read as a JSON object.
    pub unreadable: u64,
    /// Fields of events that were missing or said nothing that can be counted.
    pub event_fields: BTreeMap<&'static str, u64>,
    /// The same of outcomes.
    pub outcome_fields: BTreeMap<&'static str, u64>,
    /// JSON arrays without their end.
    pub arrays_cut_off: u64,
}

impl InputReport {
    pub(super) fn new(input: &Input) -> Self {
        let total = input.total();
        let flaws = |flaws: &Flaws| flaws.each().collect();
        Self {
            lines: total.lines,
            bytes: total.bytes,
            kinds: input.kinds.each().collect(),
            unreadable: input.unreadable(),
            event_fields: flaws(&input.event_flaws),
            outcome_fields: flaws(&input.outcome_flaws),
            arrays_cut_off: input.arrays_cut_off,
        }
    }
}
