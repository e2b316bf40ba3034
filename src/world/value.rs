//! The types of the values in a profile. Each refuses an invalid value while the file is read, so that the parser's message names
//! line and key.

mod list;
mod name;
mod number;

pub(crate) use self::list::List;
pub(crate) use self::name::Name;
pub(crate) use self::number::{Exponent, Fraction, Interval, Positive, Range, Share};
