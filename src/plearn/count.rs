//! What one pass over the lines keeps. All of it is exact under merging: counters, the smallest hashes with their counts, bins of
//! fixed bounds, and a sample of the lines with the smallest hashes. None depends on the order of the lines, so the states of parts
//! add up to the state of the whole.

mod bins;
mod distinct;
mod member;
mod members;
mod number;
mod sample;
mod summary;
mod times;
mod walk;

pub(super) use bins::Bins;
pub(super) use distinct::Distinct;
pub(super) use member::{CLASSES, Member, hash};
pub(super) use number::number;
pub(super) use summary::{Input, Intake, Summary};
pub(super) use times::Times;
pub(super) use walk::{Class, Leaf, Walker};
