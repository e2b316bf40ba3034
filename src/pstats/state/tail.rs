//! Reads the end of a state, which names the parts of runs that it holds, without the rest.

use super::{Part, read};
use crate::pstats::parts::Parts;

/// What the end of a state says.
pub(in crate::pstats) struct Tail {
    /// How many lines the state has.
    pub(in crate::pstats) lines: u64,
    /// The parts on its last lines. They are all, unless there are many.
    pub(in crate::pstats) parts: Parts,
}

/// Reads the end of a file. Returns `None` if it is not the end of a state that names its parts.
pub(in crate::pstats) fn tail(bytes: &[u8]) -> Option<Tail> {
    let mut lines = bytes.strip_suffix(b"\n")?.rsplit(|byte| *byte == b'\n');
    let part = |line: &[u8]| read(line).and_then(|line| line.part()).ok();
    let Some(Part::End { lines: count }) = part(lines.next()?) else { return None };
    let mut parts = Parts::default();
    let Some(Part::Parts { parts: kept, again, cut_off }) = part(lines.next()?) else { return None };
    parts.absorb(kept, (again, cut_off));
    Some(Tail { lines: count, parts })
}
