//! What pserve did on purpose (`--chaos-truth`, contracts §4), one line for each event that it happened to, so that pstats can compare it
//! with what the client said.

use serde::{Deserialize, Serialize};

/// The word in the first line, where others have the name of a fault.
const BEGUN: &str = "begun";

/// The first line of a run of the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChaosBegun {
    /// Always `begun`.
    chaos: String,
    /// The seed of all draws.
    pub seed: u64,
    /// The rules, as typed.
    pub rules: Vec<String>,
    /// When the server started, RFC 3339.
    pub at: String,
}

impl ChaosBegun {
    /// The first line of a run.
    pub(crate) fn new(seed: u64, rules: Vec<String>, at: String) -> Self {
        Self { chaos: BEGUN.to_owned(), seed, rules, at }
    }
}

/// A fault that happened to an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChaosFault {
    /// The fault, as in a rule: `drop-after-commit`.
    pub chaos: String,
    /// The event's id.
    pub event_id: String,
    /// Whose event it is.
    pub tenant: String,
    /// When, RFC 3339.
    pub at: String,
    /// How often this rule has struck this event, from 1.
    pub nth: u32,
    /// The status of an injected error.
    pub status: Option<u16>,
    /// How long the server waited on purpose.
    pub delay_ms: Option<f64>,
    /// Whether the server holds the event afterwards. `None` if the fault does not decide it.
    pub stored: Option<bool>,
}

/// A line of the file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ChaosLine {
    /// The first line of a run.
    Begun(ChaosBegun),
    /// Any other.
    Fault(ChaosFault),
}

impl ChaosLine {
    /// Reads a line. Returns `None` for any other.
    pub(crate) fn read(line: &[u8]) -> Option<Self> {
        let begun = serde_json::from_slice::<ChaosBegun>(line).ok().filter(|line| line.chaos == BEGUN);
        begun.map(Self::Begun).or_else(|| serde_json::from_slice(line).ok().map(Self::Fault))
    }

    /// Appends the line.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let line = match self {
            Self::Begun(line) => serde_json::to_vec(line),
            Self::Fault(line) => serde_json::to_vec(line),
        };
        out.extend_from_slice(&line.expect("its keys are texts"));
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let begun = ChaosBegun::new(7, vec!["reset=1%".to_owned()], "2026-01-05T09:00:00Z".to_owned());
        let fault = ChaosFault {
            chaos: "error".to_owned(),
            event_id: "evt_\"1".to_owned(),
            tenant: "default".to_owned(),
            at: "2026-01-05T09:00:00Z".to_owned(),
            nth: 1,
            status: Some(503),
            delay_ms: None,
            stored: Some(false),
        };
        for line in [ChaosLine::Begun(begun), ChaosLine::Fault(fault)] {
            let mut out = Vec::new();
            line.write(&mut out);
            assert_eq!(ChaosLine::read(out.trim_ascii_end()), Some(line));
        }
        assert_eq!(ChaosLine::read(b"{\"chaos\":\"error\",\"event_id\":\"a\"}"), None);
    }
}
