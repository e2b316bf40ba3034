//! Writes times in any form: keeps the text of the last second, in which only the fraction changes.

use crate::clock::Micros;
use crate::pgen::line::LineBuffer;
use crate::time;
use crate::world::template::{Piece, TimeFormat};

const SECOND: Micros = 1_000_000;

/// A form of times, ready to be written.
#[derive(Debug)]
pub(super) enum Clockwork {
    Calendar {
        pieces: Vec<Piece>,
        /// Seconds ahead of UTC.
        offset: i64,
    },
    Epoch {
        unit: u32,
        places: u32,
    },
}

/// The text of a second, as one thread wrote it last.
#[derive(Debug, Clone, Default)]
pub(super) struct SecondText {
    second: i64,
    text: Vec<u8>,
    /// Where digits of the fraction stand, and how many.
    fractions: Vec<(usize, u32)>,
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

impl Clockwork {
    pub(super) fn new(moment: &TimeFormat) -> Self {
        match moment {
            TimeFormat::Calendar { pieces, offset } => Self::Calendar { pieces: pieces.clone(), offset: *offset },
            TimeFormat::Epoch { unit, places } => Self::Epoch { unit: *unit, places: *places },
        }
    }

    /// A bound of its length in bytes.
    pub(super) fn longest(&self) -> usize {
        match self {
            Self::Epoch { .. } => 64,
            Self::Calendar { pieces, .. } => pieces
                .iter()
                .map(|piece| match piece {
                    Piece::Literal(text) => text.len(),
                    _ => 24,
                })
                .sum(),
        }
    }

    /// Whether it is a number, which needs no quotes.
    pub(super) fn is_number(&self) -> bool {
        matches!(self, Self::Epoch { .. })
    }

    /// Writes a moment. `below` is uniform, and gives the digits below a microsecond.
    pub(super) fn write(&self, at: Micros, below: u64, memory: &mut SecondText, line: &mut LineBuffer<'_>) {
        match self {
            Self::Epoch { unit, places } => {
                let (seconds, micros) = (at.div_euclid(SECOND), at.rem_euclid(SECOND));
                write_epoch(seconds, fraction(micros.unsigned_abs(), below), (*unit, *places), line);
            }
            Self::Calendar { pieces, offset } => {
                let second = at.div_euclid(SECOND) + offset;
                if second != memory.second || memory.text.is_empty() {
                    memory.turn_to(second, *offset, pieces);
                }
                let fraction = fraction(at.rem_euclid(SECOND).unsigned_abs(), below);
                let mut from = 0;
                for (place, digits) in &memory.fractions {
                    line.bytes(&memory.text[from..*place]);
                    write_fraction(fraction, *digits, line);
                    from = *place;
                }
                line.bytes(&memory.text[from..]);
            }
        }
    }
}

/// 18 digits of the fraction of a second.
fn fraction(micros: u64, below: u64) -> u64 {
    const PICO: u64 = 1_000_000_000_000;
    micros * PICO + super::number::below(below, PICO)
}

fn write_fraction(fraction: u64, digits: u32, line: &mut LineBuffer<'_>) {
    line.padded(fraction / 10_u64.pow(18 - digits), digits as usize);
}

/// A number of seconds, with the point moved behind the unit's digits.
fn write_epoch(seconds: i64, fraction: u64, (unit, places): (u32, u32), line: &mut LineBuffer<'_>) {
    let digits = unit + places;
    // Times before 1970 are negative: the fraction counts up from the second before.
    let total = i128::from(seconds) * 10_i128.pow(digits) + i128::from(fraction / 10_u64.pow(18 - digits));
    if total < 0 {
        line.text(b"-");
    }
    let scale = 10_u128.pow(places);
    let (whole, rest) = (total.unsigned_abs() / scale, total.unsigned_abs() % scale);
    // At most 30 digits.
    const LOW: u128 = 10_000_000_000_000_000;
    let narrow = |number: u128| u64::try_from(number).unwrap_or(u64::MAX);
    if whole < LOW {
        line.number(narrow(whole));
    } else {
        line.number(narrow(whole / LOW));
        line.padded(narrow(whole % LOW), 16);
    }
    if places > 0 {
        line.text(b".");
        line.padded(narrow(rest), places as usize);
    }
}

impl SecondText {
    #[cold]
    fn turn_to(&mut self, second: i64, offset: i64, pieces: &[Piece]) {
        let days = second.div_euclid(86_400);
        let (year, month, day) = time::civil_from_days(days);
        let clock = second.rem_euclid(86_400);
        let (hour, minute, seconds) = (clock / 3600, clock / 60 % 60, clock % 60);
        let index = |number: i64| usize::try_from(number).unwrap_or(0);
        let month_name = MONTHS[(month as usize + 11) % 12];
        let weekday = WEEKDAYS[index((days + 4).rem_euclid(7))];
        let hour12 = (hour + 11) % 12 + 1;
        self.second = second;
        self.fractions.clear();
        self.text.clear();
        let text = &mut self.text;
        for piece in pieces {
            match piece {
                Piece::Literal(literal) => text.extend_from_slice(literal.as_bytes()),
                Piece::Year => put(text, year, 4),
                Piece::ShortYear => put(text, year.rem_euclid(100), 2),
                Piece::Month => put(text, month.into(), 2),
                Piece::Day => put(text, day.into(), 2),
                Piece::SpacedDay if day < 10 => text.extend_from_slice(&[b' ', DIGITS[day as usize]]),
                Piece::SpacedDay => put(text, day.into(), 2),
                Piece::YearDay => put(text, days - time::days_from_civil(year, 1, 1) + 1, 3),
                Piece::Hour => put(text, hour, 2),
                Piece::Hour12 => put(text, hour12, 2),
                Piece::Minute => put(text, minute, 2),
                Piece::Second => put(text, seconds, 2),
                Piece::AmPm => text.extend_from_slice(if hour < 12 { b"AM" } else { b"PM" }),
                Piece::Weekday => text.extend_from_slice(weekday.as_bytes()),
                Piece::ShortWeekday => text.extend_from_slice(&weekday.as_bytes()[..3]),
                Piece::MonthName => text.extend_from_slice(month_name.as_bytes()),
                Piece::ShortMonth => text.extend_from_slice(&month_name.as_bytes()[..3]),
                Piece::Epoch => put(text, second - offset, 1),
                Piece::Fraction(digits) => self.fractions.push((text.len(), *digits)),
            }
        }
    }
}

const DIGITS: &[u8; 10] = b"0123456789";

/// Writes a number with at least this many digits.
fn put(text: &mut Vec<u8>, number: i64, least: usize) {
    let mut digits = [b'0'; 20];
    let (mut at, mut rest) = (digits.len(), number.unsigned_abs());
    while rest > 0 {
        at -= 1;
        #[allow(clippy::cast_possible_truncation)] // below 10
        let digit = (rest % 10) as usize;
        digits[at] = DIGITS[digit];
        rest /= 10;
    }
    if number < 0 {
        text.push(b'-');
    }
    text.extend_from_slice(&digits[at.min(digits.len() - least)..]);
}
