//! Stand-ins for values that must not be shown: keyed, of the same form, and the same wherever a value occurs.
//! Knows neither events nor effects.

mod address;
mod check;
mod coding;
mod find;
mod form;
mod ids;
mod key;
mod members;
mod memo;
mod permutation;
mod redactor;
mod words;

pub(super) use check::{Check, Counts, Left};
pub(super) use coding::Edit;
pub(super) use key::Key;
pub(super) use members::Members;
