//! Writes times in any form: keeps the text of the last second, in which only the fraction changes.

use crate::clock::Micros;
use crate::pgen::line::Line;
use crate::time;
use crate::world::template::{Moment, Piece};

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
    pub(super) fn new(moment: &Moment) -> Self {
        match moment {
            Moment::Calendar { pieces, offset } => Self::Calendar { pieces: pieces.clone(), offset: *offset },
            Moment::Epoch { unit, places } => Self::Epoch { unit: *unit, places: *places },
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
    pub(super) fn write(&self, at: Micros, below: u64, memory: &mut SecondText, line: &mut Line<'_>) {
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

fn write_fraction(fraction: u64, digits: u32, line: &mut Line<'_>) {
    line.padded(fraction / 10_u64.pow(18 - digits), digits as usize);
}

/// A number of seconds, with the point moved behind the unit's digits.
fn write_epoch(seconds: i64, fraction: u64, (unit, places): (u32, u32), line: &mut Line<'_>) {
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
        for piece in pieces {
            let text = match piece {
                Piece::Literal(text) => text.clone(),
                Piece::Year => format!("{year:04}"),
                Piece::ShortYear => format!("{:02}", year.rem_euclid(100)),
                Piece::Month => format!("{month:02}"),
                Piece::Day => format!("{day:02}"),
                Piece::SpacedDay => format!("{day:2}"),
                Piece::YearDay => format!("{:03}", days - time::days_from_civil(year, 1, 1) + 1),
                Piece::Hour => format!("{hour:02}"),
                Piece::Hour12 => format!("{hour12:02}"),
                Piece::Minute => format!("{minute:02}"),
                Piece::Second => format!("{seconds:02}"),
                Piece::AmPm => if hour < 12 { "AM" } else { "PM" }.to_owned(),
                Piece::Weekday => weekday.to_owned(),
                Piece::ShortWeekday => weekday[..3].to_owned(),
                Piece::MonthName => month_name.to_owned(),
                Piece::ShortMonth => month_name[..3].to_owned(),
                Piece::Epoch => (second - offset).to_string(),
                Piece::Fraction(digits) => {
                    self.fractions.push((self.text.len(), *digits));
                    continue;
                }
            };
            self.text.extend_from_slice(text.as_bytes());
        }
    }
}
