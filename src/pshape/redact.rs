//! Stand-ins for values that must not be shown: keyed, of the same form, and the same wherever a value occurs.
//! Knows neither events nor effects.

mod address;
mod coding;
mod find;
mod form;
mod ids;
mod key;
mod permutation;
mod redactor;

pub(super) use coding::Edit;
pub(super) use key::Key;
pub(super) use redactor::{Redactor, Scope};
