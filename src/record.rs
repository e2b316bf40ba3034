//! The forms that pass between the tools. Tools share these and never import each other.

pub mod event;
pub mod filter;
pub mod latency;
pub mod moment;
pub mod number;
pub mod outcome;
pub mod reason;
pub mod status;
pub mod truth;
