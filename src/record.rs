//! The forms that pass between the tools. Tools share these and never import each other.

pub(crate) mod bound;
pub(crate) mod capacity;
pub(crate) mod chain;
pub(crate) mod chaos;
pub(crate) mod event;
pub(crate) mod filter;
pub(crate) mod generated;
pub(crate) mod latency;
pub(crate) mod moment;
pub(crate) mod number;
pub(crate) mod outcome;
pub(crate) mod private;
pub(crate) mod reason;
pub(crate) mod requirement;
pub(crate) mod status;
pub(crate) mod truth;
