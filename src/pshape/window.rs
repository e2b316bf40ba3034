//! Windows of event time, given as times or counted from the stream's start.

use std::str::FromStr;

use chrono_tz::Tz;

use crate::cli::values::Span;
use crate::clock::Micros;
use crate::time;

use super::position::Position;

/// A point in event time: `+2h` or `2h` from the stream's start, RFC 3339, or a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// This long after the stream's start.
    Into(Micros),
    /// This time.
    At(Micros),
}

impl When {
    /// The time, or `None` if it counts from a start that is not known yet.
    #[inline]
    pub(super) fn moment(self, position: &Position) -> Option<Micros> {
        match self {
            Self::At(at) => Some(at),
            Self::Into(by) => position.start.map(|start| start.saturating_add(by)),
        }
    }
}

impl FromStr for When {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(span) = text.strip_prefix('+').unwrap_or(text).parse::<Span>() {
            return Ok(Self::Into(span.micros()));
        }
        let form = "expected a time from the stream's start, such as +2h, an RFC 3339 time or a date";
        time::parse_or_date(text.as_bytes()).map(Self::At).ok_or(form)
    }
}

/// The time that a run covers: `--start`, `--end`, `--hours` and `--tz`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Period {
    /// From one time to another, if they are given.
    pub window: Option<(Micros, Micros)>,
    /// The time zone of hours and weeks.
    pub zone: Tz,
}

/// The stream's start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct StreamStart {
    /// At this time, whatever the first event says.
    pub fixed: Option<Micros>,
    /// Otherwise this long after the first timestamp that was read.
    pub shift: Micros,
}

impl StreamStart {
    /// Moves the start to `start`, if it is given, and then by `by`.
    pub(super) fn shift(&mut self, start: Option<Micros>, by: Micros) {
        let moved = |at: Micros| at.saturating_add(by);
        match start.or(self.fixed) {
            Some(at) => self.fixed = Some(moved(at)),
            None => self.shift = moved(self.shift),
        }
    }

    /// The stream's start, given the first timestamp that was read.
    pub(super) fn start(self, first: Option<Micros>) -> Option<Micros> {
        self.fixed.or_else(|| Some(first?.saturating_add(self.shift)))
    }
}

/// A length of time that may be negative: `90s`, `-5m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Offset(pub Micros);

impl FromStr for Offset {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (sign, span) = match text.strip_prefix('-') {
            Some(span) => (-1, span),
            None => (1, text.strip_prefix('+').unwrap_or(text)),
        };
        let span: Span = span.parse().map_err(|why| format!("{why}; -2h moves back"))?;
        Ok(Self(sign * span.micros()))
    }
}

/// From one point (inclusive) to another (exclusive). Either end may be open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    from: Option<When>,
    until: Option<When>,
}

impl Window {
    /// When it begins and ends, if both are known.
    pub(super) fn ends(self, position: &Position) -> Option<(Micros, Micros)> {
        Some((self.from?.moment(position)?, self.until?.moment(position)?))
    }

    /// The window between two points; `None` if both ends are open.
    ///
    /// # Errors
    /// If `from` is not before `until`.
    pub(super) fn new(from: Option<When>, until: Option<When>) -> Result<Option<Self>, &'static str> {
        let backwards = match (from, until) {
            (Some(When::Into(from)), Some(When::Into(until))) => from >= until,
            (Some(When::At(from)), Some(When::At(until))) => from >= until,
            _ => false,
        };
        if backwards {
            return Err("'from' is not before 'until'");
        }
        Ok((from.is_some() || until.is_some()).then_some(Self { from, until }))
    }

    /// Whether a time is in the window. If the window counts from a start that is not known, nothing is.
    pub(super) fn holds(&self, at: Micros, position: &Position) -> bool {
        let beyond = |bound: Option<When>, holds: fn(Micros, Micros) -> bool| {
            bound.is_none_or(|bound| bound.moment(position).is_some_and(|bound| holds(at, bound)))
        };
        beyond(self.from, |at, from| at >= from) && beyond(self.until, |at, until| at < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_offsets_or_moments() {
        assert_eq!("+2h".parse(), Ok(When::Into(7_200_000_000)));
        assert_eq!("90s".parse(), Ok(When::Into(90_000_000)));
        assert_eq!("1970-01-01T00:00:01Z".parse(), Ok(When::At(1_000_000)));
        assert!("yesterday".parse::<When>().is_err());
        assert_eq!("-90s".parse(), Ok(Offset(-90_000_000)));
        assert!("--90s".parse::<Offset>().is_err());
    }

    #[test]
    fn a_window_holds_its_start_and_not_its_end() {
        let window = Window { from: Some(When::Into(10)), until: Some(When::At(130)) };
        let position = |start| Position { seq: 1, first: start, start };
        let holds = |at| window.holds(at, &position(Some(100)));
        assert!(!holds(109) && holds(110) && holds(129) && !holds(130));
        assert!(!window.holds(120, &position(None)));
    }
}
