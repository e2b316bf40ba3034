//! The forms that flow between the tools, and nothing else: the tools meet here, and never import each other.

pub mod event;
pub mod filter;
pub mod outcome;
pub mod timestamp;
pub mod truth;
