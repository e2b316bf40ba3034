//! Times as a date and a time of day. All their parts have a fixed width, so another moment is written over the digits of this one,
//! and all else stays.

use std::ops::Range;

use super::unread::Unread;
use crate::clock::{FIRST, LAST, Micros};
use crate::record::number::Written;
use crate::time::{civil_from_days, days_from_civil, days_in_month};

const SECOND: Micros = 1_000_000;
const DAY: Micros = 86_400 * SECOND;

const MONTHS: [&[u8; 3]; 12] =
    [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];

/// From 1970-01-01, a Thursday, on.
const WEEKDAYS: [&[u8; 3]; 7] = [b"thu", b"fri", b"sat", b"sun", b"mon", b"tue", b"wed"];

/// The years that a number of digits alone may name. Others are more likely counts.
const YEARS_OF_DIGITS: Range<i64> = 1970..2101;

/// The positions of the parts of a time in its text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Places {
    weekday: Option<usize>,
    year: usize,
    month: usize,
    month_is_a_name: bool,
    day: usize,
    /// Whether a day of one digit has a blank before it, not a 0.
    day_has_blank: bool,
    hour: Option<usize>,
    minute: Option<usize>,
    second: Option<usize>,
    /// The digits of the fraction of a second.
    fraction: Range<usize>,
    /// How far local time is ahead of UTC.
    ahead: Micros,
    /// There is nothing but digits.
    is_a_number: bool,
}

/// The time that a text stands for, and the positions of its parts.
pub(super) fn read(text: &[u8]) -> Result<(Micros, Places), Unread> {
    let mut cursor = Cursor { text: text.trim_ascii_end(), at: 0 };
    cursor.blanks();
    if cursor.eats(b"[") {
        // The bracket that was eaten is another byte, so that at least it is left.
        cursor.text = cursor.text.strip_suffix(b"]").ok_or(Unread::Form)?;
    }
    let places = cursor.moment()?;
    if !cursor.is_at_end() {
        return Err(Unread::Form);
    }
    let at = places.moment(cursor.text)?;
    if (FIRST..LAST).contains(&at) { Ok((at, places)) } else { Err(Unread::Beyond) }
}

/// Whether a number is a date written as digits (`20260105`, `20260105090000`), and not a count since 1970.
pub(super) fn is_date_of_digits(number: &Written<'_>) -> bool {
    let takes_fraction = number.whole.len() == 14;
    !number.negative
        && number.power.is_empty()
        && (number.fraction.is_empty() || takes_fraction)
        && matches!(number.whole.len(), 8 | 12 | 14 | 17 | 20 | 23)
        && read(number.whole).is_ok()
}

impl Places {
    /// The moment that the parts name.
    fn moment(&self, text: &[u8]) -> Result<Micros, Unread> {
        let number = |at: usize, digits: usize| {
            let digit = |byte: &u8| if *byte == b' ' { 0 } else { i64::from(byte - b'0') };
            text[at..at + digits].iter().fold(0, |number, byte| number * 10 + digit(byte))
        };
        let two = |at: Option<usize>| at.map_or(0, |at| number(at, 2));
        let year = number(self.year, 4);
        let month = if self.month_is_a_name {
            let name = text[self.month..self.month + 3].to_ascii_lowercase();
            (1..).zip(MONTHS).find(|(_, known)| **known == *name).map_or(0, |(month, _)| month)
        } else {
            number(self.month, 2)
        };
        let (day, hour, minute, second) = (number(self.day, 2), two(self.hour), two(self.minute), two(self.second));
        let exists = year >= 1
            && (1..=days_in_month(year, month)).contains(&day)
            && hour < 24
            && minute < 60
            // A leap second is the first of the next minute.
            && second <= 60
            && (!self.is_a_number || YEARS_OF_DIGITS.contains(&year));
        if !exists {
            return Err(Unread::NoSuchTime);
        }
        let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
        let fraction = &text[self.fraction.start..self.fraction.end.min(self.fraction.start + 6)];
        let micros = fraction.iter().chain(&[b'0'; 6]).take(6).fold(0, |n, digit| n * 10 + i64::from(digit - b'0'));
        Ok(seconds * SECOND + micros - self.ahead)
    }

    /// Overwrites this time with another. Returns `false` if the form cannot express it.
    pub(super) fn write(&self, at: Micros, text: &mut [u8]) -> bool {
        let Some(local) = Some(at).filter(|at| (FIRST..LAST).contains(at)).map(|at| at + self.ahead) else {
            return false;
        };
        let days = local.div_euclid(DAY);
        let (year, month, day) = civil_from_days(days);
        if !(1..10_000).contains(&year) || self.is_a_number && !YEARS_OF_DIGITS.contains(&year) {
            return false;
        }
        let time = local.rem_euclid(DAY);
        put(&mut text[self.year..self.year + 4], year);
        put(&mut text[self.day..self.day + 2], day.into());
        if self.day_has_blank && day < 10 {
            text[self.day] = b' ';
        }
        if self.month_is_a_name {
            put_name(&mut text[self.month..], MONTHS[month as usize - 1]);
        } else {
            put(&mut text[self.month..self.month + 2], month.into());
        }
        if let Some(weekday) = self.weekday {
            put_name(&mut text[weekday..], WEEKDAYS[usize::try_from(days.rem_euclid(7)).unwrap_or(0)]);
        }
        let parts = [
            (self.hour, time / (3600 * SECOND)),
            (self.minute, time / (60 * SECOND) % 60),
            (self.second, time / SECOND % 60),
        ];
        for (place, number) in parts {
            if let Some(place) = place {
                put(&mut text[place..place + 2], number);
            }
        }
        // Digits past the sixth stay as they are.
        let digits = self.fraction.len().min(6);
        let cut = 10i64.pow(6 - u32::try_from(digits).unwrap_or(6));
        put(&mut text[self.fraction.start..self.fraction.start + digits], time % SECOND / cut);
        true
    }
}

/// Writes a number over digits.
fn put(digits: &mut [u8], mut number: i64) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10).to_le_bytes()[0];
        number /= 10;
    }
}

/// Writes a name over another, each letter in the case of the one before.
fn put_name(text: &mut [u8], name: &[u8; 3]) {
    for (letter, new) in text.iter_mut().zip(name) {
        *letter = if letter.is_ascii_uppercase() { new.to_ascii_uppercase() } else { *new };
    }
}

/// A position in a text that is being read.
struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    /// A date, and a time of day and an offset after it if there are any.
    fn moment(&mut self) -> Result<Places, Unread> {
        let mut places = Places::default();
        if self.rest().first().is_some_and(u8::is_ascii_alphabetic) {
            if self.name(&MONTHS).is_some() {
                return Err(Unread::NoYear);
            }
            places.weekday = Some(self.name(&WEEKDAYS).ok_or(Unread::Form)?);
            if !self.eats(b",") {
                return self.c_time(places);
            }
            self.eats(b" ");
        }
        match self.count_digits() {
            2 => self.day_first(&mut places)?,
            4 => self.year_first(&mut places)?,
            8 | 12 | 14 | 17 | 20 | 23 => return self.digits(places),
            _ => return Err(Unread::Form),
        }
        Ok(places)
    }

    /// `2026-01-05`, with `T09:00:00.123` or a blank, and an offset.
    fn year_first(&mut self, places: &mut Places) -> Result<(), Unread> {
        places.year = self.two(2)?;
        let dash = self.one_of(b"-/")?;
        places.month = self.two(1)?;
        self.eats(&[dash]).then_some(()).ok_or(Unread::Form)?;
        places.day = self.two(1)?;
        if self.is_at_end() {
            return Ok(());
        }
        self.one_of(b"Tt ")?;
        self.time_of_day(places)?;
        self.offset(places)
    }

    /// `05/Jan/2026:09:00:01 +0000`, `05 Jan 2026 09:00:01 GMT`.
    fn day_first(&mut self, places: &mut Places) -> Result<(), Unread> {
        places.day = self.two(1)?;
        if self.rest().first() == Some(&b':') {
            return Err(Unread::NoYear);
        }
        let dash = self.one_of(b"/- .")?;
        if self.count_digits() == 2 {
            return Err(Unread::DayOrMonth);
        }
        places.month = self.name(&MONTHS).ok_or(Unread::Form)?;
        places.month_is_a_name = true;
        self.eats(&[dash]).then_some(()).ok_or(Unread::Form)?;
        places.year = self.two(2)?;
        self.one_of(b": ")?;
        self.time_of_day(places)?;
        self.offset(places)
    }

    /// The rest of a time as C's `ctime`, Apache's error log, `date` or JavaScript write it, after the weekday:
    /// ` Jan  5 09:00:01 2026`, ` Jan 05 09:00:01.123456 2026`, ` Jan  5 09:00:01 UTC 2026`, ` Jan 05 2026 09:00:01 GMT+0100`.
    fn c_time(&mut self, mut places: Places) -> Result<Places, Unread> {
        self.one_of(b" ")?;
        places.month = self.name(&MONTHS).ok_or(Unread::Form)?;
        places.month_is_a_name = true;
        self.one_of(b" ")?;
        let has_blank = matches!(self.rest(), [b' ', b'1'..=b'9', ..]);
        if has_blank {
            places.day = self.at;
            self.at += 2;
        } else {
            places.day = self.two(1)?;
        }
        self.one_of(b" ")?;
        if self.count_digits() == 4 {
            places.year = self.two(2)?;
            self.one_of(b" ")?;
            self.time_of_day(&mut places)?;
            self.offset(&mut places)?;
            return Ok(places);
        }
        self.time_of_day(&mut places)?;
        // Only Apache writes a fraction, and a 0 before the day.
        places.day_has_blank = has_blank || places.fraction.is_empty() && self.text[places.day] != b'0';
        self.one_of(b" ").map_err(|_| Unread::NoYear)?;
        let zone = self.letters();
        if !zone.is_empty() {
            let is_utc = [&b"utc"[..], b"gmt"].iter().any(|known| zone.eq_ignore_ascii_case(known));
            is_utc.then_some(()).ok_or(Unread::Zone)?;
            self.one_of(b" ").map_err(|_| Unread::NoYear)?;
        }
        places.year = self.two(2)?;
        Ok(places)
    }

    /// `20260105`, `20260105090000`, `20260105090000123`, `20260105T090000.123Z`.
    fn digits(&mut self, mut places: Places) -> Result<Places, Unread> {
        let count = self.count_digits();
        places.is_a_number = true;
        places.year = self.two(2)?;
        places.month = self.two(1)?;
        places.day = self.two(1)?;
        if self.is_at_end() {
            return Ok(places);
        }
        if count == 8 {
            self.one_of(b"Tt ")?;
            places.is_a_number = false;
        }
        places.hour = Some(self.two(1)?);
        places.minute = Some(self.two(1)?);
        if self.count_digits() >= 2 {
            places.second = Some(self.two(1)?);
            if count > 14 {
                places.fraction = self.at..self.at + self.count_digits();
                self.at = places.fraction.end;
            } else {
                self.fraction(&mut places)?;
            }
        }
        if !places.is_a_number {
            self.offset(&mut places)?;
        }
        Ok(places)
    }

    /// `09:00`, `09:00:01`, `09:00:01.123`.
    fn time_of_day(&mut self, places: &mut Places) -> Result<(), Unread> {
        places.hour = Some(self.two(1)?);
        self.one_of(b":")?;
        places.minute = Some(self.two(1)?);
        if !self.eats(b":") {
            return Ok(());
        }
        places.second = Some(self.two(1)?);
        self.fraction(places)
    }

    fn fraction(&mut self, places: &mut Places) -> Result<(), Unread> {
        if self.eats(b".") || self.eats(b",") {
            places.fraction = self.at..self.at + self.count_digits();
            self.at = places.fraction.end;
            if places.fraction.is_empty() {
                return Err(Unread::Form);
            }
        }
        Ok(())
    }

    /// `Z`, `+01:00`, `+0100`, `+01`, ` UTC`, and the name of a zone that may follow an offset. UTC if there is nothing.
    fn offset(&mut self, places: &mut Places) -> Result<(), Unread> {
        self.blanks();
        if self.is_at_end() {
            return Ok(());
        }
        let name = self.letters();
        let is_utc =
            name.is_empty() || [&b"z"[..], b"utc", b"gmt"].iter().any(|known| name.eq_ignore_ascii_case(known));
        if !is_utc {
            // A name. A single extra letter is not one.
            let is_zone = self.text.get(self.at - name.len() - 1) == Some(&b' ');
            return Err(if is_zone { Unread::Zone } else { Unread::Form });
        }
        if let Some(sign) = self.rest().first().filter(|sign| matches!(sign, b'+' | b'-')).copied() {
            self.at += 1;
            let hours = self.number()?;
            let has_minutes = self.eats(b":") || self.count_digits() == 2;
            let minutes = if has_minutes { self.number()? } else { 0 };
            if hours > 23 || minutes > 59 {
                return Err(Unread::NoSuchTime);
            }
            let ahead = (hours * 60 + minutes) * 60 * SECOND;
            places.ahead = if sign == b'-' { -ahead } else { ahead };
            self.zone_behind_offset();
        } else if name.is_empty() {
            return Err(Unread::Form);
        } else if self.rest().first() == Some(&b'[') {
            self.zone_behind_offset();
        }
        Ok(())
    }

    /// What Go, Java and JavaScript write behind the offset: ` UTC`, `[Europe/Paris]` (also behind `Z`), ` (CET)`.
    fn zone_behind_offset(&mut self) {
        self.blanks();
        let rest = self.rest();
        let is_bracketed = matches!(rest, [b'[', .., b']'] | [b'(', .., b')']);
        if is_bracketed || rest.iter().all(u8::is_ascii_alphabetic) {
            self.at = self.text.len();
        }
    }

    fn rest(&self) -> &[u8] {
        &self.text[self.at..]
    }

    fn is_at_end(&self) -> bool {
        self.at == self.text.len()
    }

    fn count_digits(&self) -> usize {
        self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count()
    }

    /// Skips this many pairs of digits. Returns where they begin.
    fn two(&mut self, pairs: usize) -> Result<usize, Unread> {
        let at = self.at;
        if self.count_digits() < 2 * pairs {
            return Err(Unread::Form);
        }
        self.at += 2 * pairs;
        Ok(at)
    }

    /// Two digits as a number.
    fn number(&mut self) -> Result<i64, Unread> {
        let at = self.two(1)?;
        Ok(self.text[at..self.at].iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0')))
    }

    /// Skips one of these names. Returns where it begins.
    fn name(&mut self, names: &[&[u8; 3]]) -> Option<usize> {
        let name = self.rest().get(..3)?;
        names.iter().any(|known| name.eq_ignore_ascii_case(&known[..])).then(|| {
            self.at += 3;
            self.at - 3
        })
    }

    fn letters(&mut self) -> Vec<u8> {
        let letters: Vec<u8> = self.rest().iter().take_while(|byte| byte.is_ascii_alphabetic()).copied().collect();
        self.at += letters.len();
        letters
    }

    fn one_of(&mut self, bytes: &[u8]) -> Result<u8, Unread> {
        let byte = *self.rest().first().filter(|byte| bytes.contains(byte)).ok_or(Unread::Form)?;
        self.at += 1;
        Ok(byte)
    }

    fn eats(&mut self, word: &[u8]) -> bool {
        let eats = self.rest().starts_with(word);
        self.at += if eats { word.len() } else { 0 };
        eats
    }

    fn blanks(&mut self) {
        self.at += self.rest().iter().take_while(|byte| **byte == b' ').count();
    }
}
