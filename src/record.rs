//! The forms that flow between the tools, and nothing else: the tools meet here, and never import each other.

pub mod event;
pub mod filter;
pub mod latency;
pub mod moment;
pub mod number;
pub mod outcome;
pub mod status;
pub mod truth;
