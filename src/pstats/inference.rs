//! Statistical inference on plain numbers: a difference of two sides, how sure it is, and what may be said of it.
//!
//! docs/statistics.md says what is computed, from which papers and under which assumptions. Nothing here knows runs, figures
//! or reports, so that a simulation can call it a million times.

mod beta;
pub(super) mod blocks;
pub(super) mod difference;
pub(super) mod exact;
pub(super) mod student;
pub(super) mod verdict;
