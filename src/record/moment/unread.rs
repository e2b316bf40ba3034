//! Why a value was not read as a time.

use std::fmt;

/// Why a value was not read as a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// It is an object, a list, true or false.
    Type,
    /// Its form is not one that is known.
    Form,
    /// A date or time of day that does not exist.
    NoSuchTime,
    /// It has no year.
    NoYear,
    /// Digits alone, and the day cannot be told from the month.
    DayOrMonth,
    /// A time zone by name: only offsets and UTC are read.
    Zone,
    /// A number before 1973: zeros and counters are more likely than such times.
    Small,
    /// Outside the years 1 to 9999.
    Beyond,
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Type => "it is neither a text nor a number",
            Self::Form => "it is not in a form that is known",
            Self::NoSuchTime => "there is no such date or time of day",
            Self::NoYear => "it has no year",
            Self::DayOrMonth => "the day cannot be told from the month",
            Self::Zone => "its time zone is a name, and not an offset from UTC",
            Self::Small => "numbers before 1973 are not taken for times",
            Self::Beyond => "it is not in the years 1 to 9999",
        })
    }
}
