//! The forms that flow between the tools, and nothing else (docs/contracts: events, outcomes, truth, state).

pub mod timestamp;
