//! The kinds of value that a profile holds. Each refuses, while the file is read, what it cannot be.

mod list;
mod name;
mod number;

pub(crate) use self::list::List;
pub(crate) use self::name::Name;
pub(crate) use self::number::{Exponent, Fraction, Interval, Positive, Range, Share};
