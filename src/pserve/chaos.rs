//! Faults on purpose (`--chaos`). It knows neither HTTP nor the database: it draws what strikes a request, and records what was done.

mod draw;
mod fault;
mod rule;
mod struck;
mod truth;

pub(super) use draw::Chaos;
pub(super) use fault::{Fault, Strike};
pub(super) use rule::Rules;
pub(super) use truth::{Happened, Truth};
