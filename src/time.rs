//! RFC 3339 timestamps as microseconds. The common form is read and written without a calendar library.

use chrono::DateTime;

use crate::clock::{self, Micros};

/// The length of `2026-01-05T09:00:00.123456Z`.
const LEN: usize = 27;

/// The length of `2026-01-05`.
const DATE_LEN: usize = 10;

const DAY_SECONDS: i64 = 86_400;

/// Parses an RFC 3339 timestamp with any offset, in the years 1 to 9999 in UTC. Fraction digits after the sixth are cut off.
pub fn parse(text: &[u8]) -> Option<Micros> {
    parse_utc(text).or_else(|| {
        let text = std::str::from_utf8(text).ok()?;
        let at = DateTime::parse_from_rfc3339(text).ok()?.timestamp_micros();
        (clock::FIRST..clock::LAST).contains(&at).then_some(at)
    })
}

/// Like [`parse`], but also accepts a date alone, such as `2026-01-05`, which means midnight UTC.
pub(crate) fn parse_or_date(text: &[u8]) -> Option<Micros> {
    parse(text).or_else(|| parse(&[text, b"T00:00:00Z"].concat()).filter(|_| text.len() == DATE_LEN))
}

/// Parses the timestamps of a stream as [`parse`] does, faster if one is in the same minute as the one before.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TimestampReader {
    /// The text of the last minute, up to the seconds.
    minute: [u8; MINUTE],
    begins: Micros,
}

/// The length of `2026-01-05T09:00:`.
const MINUTE: usize = 17;

impl TimestampReader {
    /// Reads the next timestamp.
    #[inline]
    pub(crate) fn read(&mut self, text: &[u8]) -> Option<Micros> {
        let within = text.strip_prefix(&self.minute).and_then(within_minute);
        within.map(|us| self.begins + us).or_else(|| self.read_any(text))
    }

    #[cold]
    fn read_any(&mut self, text: &[u8]) -> Option<Micros> {
        let Some(at) = parse_utc(text) else { return parse(text) };
        self.minute.copy_from_slice(&text[..MINUTE]);
        self.begins = at - at.rem_euclid(60_000_000);
        Some(at)
    }
}

/// Parses the part of a timestamp within its minute, such as `00.123456Z`.
#[inline]
fn within_minute(text: &[u8]) -> Option<Micros> {
    let text: &[u8; LEN - MINUTE] = text.try_into().ok()?;
    let [digits @ .., b'Z'] = text else { return None };
    let [s, t, b'.', micros @ ..] = digits else { return None };
    let digit = |byte: &u8| u32::from(byte.wrapping_sub(b'0'));
    let (tens, ones) = (digit(s), digit(t));
    let most = micros.iter().map(digit).fold(ones, u32::max);
    let micros = micros.iter().fold(0, |n, byte| n * 10 + digit(byte));
    (tens < 6 && most < 10).then(|| Micros::from((tens * 10 + ones) * 1_000_000 + micros))
}

/// Whether a text has the form that [`write()`] writes. Its date may still not exist.
#[inline]
pub(crate) fn has_form_of_write(text: &[u8]) -> bool {
    <&[u8; LEN]>::try_from(text).is_ok_and(is_in_form)
}

/// Compares all bytes, because a loop that ends early is not vectorised.
#[inline]
fn is_in_form(text: &[u8; LEN]) -> bool {
    const FORM: &[u8; LEN] = b"0000-00-00T00:00:00.000000Z";
    // A digit differs from '0' by at most 9, another byte has to be the same.
    let excess = |byte: u8, form: u8| byte.wrapping_sub(form).saturating_sub(if form == b'0' { 9 } else { 0 });
    text.iter().zip(FORM).fold(0, |excesses, (byte, form)| excesses | excess(*byte, *form)) == 0
}

/// Parses the form that pulsepipe's tools write, with microseconds and `Z`.
pub(crate) fn parse_utc(text: &[u8]) -> Option<Micros> {
    let text: &[u8; LEN] = text.try_into().ok()?;
    if !is_in_form(text) {
        return None;
    }
    let digit = |at: usize| i64::from(text[at] & 0xf);
    let two = |at: usize| digit(at) * 10 + digit(at + 1);
    let (year, month, day) = (two(0) * 100 + two(2), two(5), two(8));
    let (hour, minute, second) = (two(11), two(14), two(17));
    if year < 1 || day < 1 || day > days_in_month(year, month) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = days_from_civil(year, month, day) * DAY_SECONDS + hour * 3600 + minute * 60 + second;
    Some(seconds * 1_000_000 + two(20) * 10_000 + two(22) * 100 + two(24))
}

/// The number of days in a month, or 0 if there is no such month.
pub(crate) fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 0,
    }
}

/// Days since 1970-01-01 in the Gregorian calendar (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
pub(crate) fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The numbers below 100 with two digits.
static PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [*b"00"; 100];
    let mut number = 0;
    while number < pairs.len() {
        pairs[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        number += 1;
    }
    pairs
};

/// Formats a moment as RFC 3339 in UTC with microseconds and `Z`.
pub fn format(at: Micros) -> String {
    let mut text = Vec::with_capacity(LEN);
    write(at, &mut text);
    String::from_utf8(text).expect("digits and signs are ASCII")
}

/// Appends [`format()`] of this moment.
pub(crate) fn write(at: Micros, out: &mut Vec<u8>) {
    const DAY: Micros = DAY_SECONDS * 1_000_000;
    let (year, month, day) = civil_from_days(at.div_euclid(DAY));
    let Some(year) = u32::try_from(year).ok().filter(|year| *year < 10_000) else {
        // RFC 3339 cannot express this year.
        out.extend_from_slice(format!("{at}us").as_bytes());
        return;
    };
    let time = at.rem_euclid(DAY);
    let (seconds, micros) = (time / 1_000_000, time % 1_000_000);
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    // Two digits at a time: every number is below 100.
    let mut put = |at: usize, number: u32| text[at..at + 2].copy_from_slice(&PAIRS[number as usize]);
    let small = |number: i64| u32::try_from(number).unwrap_or(0);
    let (seconds, micros) = (small(seconds), small(micros));
    put(0, year / 100);
    put(2, year % 100);
    put(5, month);
    put(8, day);
    put(11, seconds / 3600);
    put(14, seconds / 60 % 60);
    put(17, seconds % 60);
    put(20, micros / 10_000);
    put(22, micros / 100 % 100);
    put(24, micros % 100);
    out.extend_from_slice(&text);
}

/// The year, month and day of a number of days since 1970-01-01 (Hinnant, as above).
pub(crate) fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, u32::try_from(month).unwrap_or(1), u32::try_from(day).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn earlier_timestamps_do_not_affect_the_result(texts in prop::collection::vec(
            "2026-0[12]-0[56]T09:0[01]:[0-6][0-9]\\.[0-9]{6}Z|2026-01-05T09:00:[0-6][0-9](\\.[0-9]{1,7})?(Z|\\+0[01]:00|z|x)|.{0,30}", 0..40,
        )) {
            let mut reader = TimestampReader::default();
            for text in &texts {
                prop_assert_eq!(reader.read(text.as_bytes()), parse(text.as_bytes()), "{}", text);
            }
        }
    }

    #[test]
    fn a_date_alone_is_midnight_utc() {
        assert_eq!(parse_or_date(b"2026-01-05"), parse(b"2026-01-05T00:00:00Z"));
        assert_eq!(parse_or_date(b"2026-01-05T09:00:00+01:00"), parse(b"2026-01-05T08:00:00Z"));
        for bad in ["2026-02-29", "2026-01", "2026-1-5", "20260105", "2026-01-05T", "2026-01-05 ", ""] {
            assert_eq!(parse_or_date(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn other_offsets_and_precisions_are_read() {
        assert_eq!(parse(b"2026-01-05T10:00:00+01:00"), parse(b"2026-01-05T09:00:00.000000Z"));
        assert_eq!(parse(b"2026-01-05T09:00:00Z"), Some(1_767_603_600_000_000));
        assert_eq!(parse(b"2026-01-05T09:00:00.123456789Z"), Some(1_767_603_600_123_456));
    }

    #[test]
    fn invalid_timestamps_are_rejected() {
        for bad in [
            "",
            "now",
            "2026-13-05T09:00:00.000000Z",
            "2026-02-29T09:00:00.000000Z",
            "2026-01-05",
            "2026-01-05T24:00:00.000000Z",
            "2026-01-05T09:00:0x.000000Z",
            "0000-06-05T09:00:00.000000Z",
            "0001-01-01T00:00:00+01:00",
            "9999-12-31T23:00:00-05:00",
        ] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn parsing_reverses_formatting(at in -62_135_596_800_000_000i64..253_402_300_799_999_999) {
            prop_assert_eq!(parse(format(at).as_bytes()), Some(at));
            prop_assert_eq!(format(at).len(), LEN);
            let theirs = DateTime::from_timestamp_micros(at).expect("chrono has the year");
            prop_assert_eq!(format(at), theirs.to_rfc3339_opts(chrono::SecondsFormat::Micros, true));
        }
    }
}
