//! Why a value was not read as a time.

use std::fmt;

/// Why a value was not read as a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    /// It is an object, a list, true or false.
    Type,
    /// Its format is not recognised.
    Form,
    /// A date or time of day that does not exist.
    NoSuchTime,
    /// It has no year.
    NoYear,
    /// Its day and month are ambiguous.
    DayOrMonth,
    /// Its time zone is a name. Only offsets and UTC are accepted.
    Zone,
    /// A number before 1973: zeros and counters are more likely than such times.
    Small,
    /// Outside the years 1 to 9999.
    Beyond,
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Type => "it is neither a string nor a number",
            Self::Form => "its format is not recognised",
            Self::NoSuchTime => "there is no such date or time of day",
            Self::NoYear => "it has no year",
            Self::DayOrMonth => "the day and the month are ambiguous",
            Self::Zone => "its time zone is a name, not an offset from UTC",
            Self::Small => "numbers before 1973 are not read as times",
            Self::Beyond => "it is outside the years 1 to 9999",
        })
    }
}
