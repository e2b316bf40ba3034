//! Reads times in any of the forms that producers of events use (docs/fields.md lists them), and writes another time in the same
//! form.

mod epoch;
mod text;
mod unread;

use std::borrow::Cow;

use super::number::Written;
use crate::clock::{self, Micros};
use crate::time;
use epoch::Epoch;
use text::Places;
pub(crate) use unread::Unread;

/// Reads the moment in a raw JSON value.
///
/// # Errors
/// If it is not a time, with the reason.
#[inline]
pub(crate) fn read(raw: &[u8]) -> Result<Micros, Unread> {
    match usual(raw) {
        Some(at) => Ok(at),
        None => read_other(raw),
    }
}

/// Reads a moment in the form that pulsepipe's own tools write, in quotes.
#[inline]
fn usual(raw: &[u8]) -> Option<Micros> {
    time::parse_utc(unquoted(raw)?)
}

/// Whether a raw value has the form that pulsepipe's own tools write, in which each moment has one text.
#[inline]
pub(crate) fn is_usual(raw: &[u8]) -> bool {
    unquoted(raw).is_some_and(time::has_form_of_write)
}

#[inline]
fn unquoted(raw: &[u8]) -> Option<&[u8]> {
    raw.strip_prefix(b"\"")?.strip_suffix(b"\"")
}

#[cold]
fn read_other(raw: &[u8]) -> Result<Micros, Unread> {
    TimeForm::of(raw).map(|form| form.at)
}

/// Reads the moment in a text without quotes and escapes.
///
/// # Errors
/// If it is not a time, with the reason.
pub(crate) fn read_text(text: &str) -> Result<Micros, Unread> {
    if let Some(at) = time::parse_utc(text.as_bytes()) {
        return Ok(at);
    }
    match Written::of(text.as_bytes()).filter(|number| !text::is_date_of_digits(number)) {
        Some(number) => Epoch::of(number).map(|(at, _)| at),
        None => text::read(text.as_bytes()).map(|(at, _)| at),
    }
}

/// Appends another moment in the form of `raw`, which names one: the same precision, offset, unit, quotes and escapes. Returns `false`
/// and writes nothing if the form cannot name the other moment.
pub(crate) fn write_like(raw: &[u8], at: Micros, out: &mut Vec<u8>) -> bool {
    if !is_usual(raw) {
        return TimeForm::of(raw).is_ok_and(|form| form.write(at, out));
    }
    let is_nameable = (clock::FIRST..clock::LAST).contains(&at);
    if is_nameable {
        out.push(b'"');
        time::write(at, out);
        out.push(b'"');
    }
    is_nameable
}

/// Reads the times of a stream as [`read()`] does, fastest in the form that pulsepipe's own tools write.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reader(time::TimestampReader);

impl Reader {
    /// Reads the next time.
    ///
    /// # Errors
    /// If it is not a time, with the reason.
    #[inline]
    pub(crate) fn read(&mut self, raw: &[u8]) -> Result<Micros, Unread> {
        match raw {
            [b'"', inner @ .., b'"'] => self.0.read(inner),
            _ => None,
        }
        .map_or_else(|| read_other(raw), Ok)
    }
}

/// A moment and how it was written.
#[derive(Debug, Clone)]
struct TimeForm<'a> {
    /// In µs. Finer digits are cut off.
    at: Micros,
    /// The value as it is written.
    raw: &'a [u8],
    kind: Kind<'a>,
}

#[derive(Debug, Clone)]
enum Kind<'a> {
    /// A date, in a text or as a number such as 20260105090000.
    Date(Characters<'a>, Places),
    /// A count since 1970.
    Epoch(Epoch),
}

impl<'a> TimeForm<'a> {
    /// Reads a raw JSON value.
    ///
    /// # Errors
    /// If it is not a time, with the reason.
    fn of(raw: &'a [u8]) -> Result<Self, Unread> {
        let characters = match raw {
            [b'"', .., b'"'] if raw.len() > 1 => Characters::of_text(raw).ok_or(Unread::Form)?,
            [b'-' | b'0'..=b'9', ..] => Characters { text: Cow::Borrowed(raw), starts: Vec::new(), first: 0 },
            _ => return Err(Unread::Type),
        };
        if let Some(number) = Written::of(&characters.text).filter(|number| !text::is_date_of_digits(number)) {
            let (at, epoch) = Epoch::of(number)?;
            return Ok(Self { at, raw, kind: Kind::Epoch(epoch) });
        }
        let (at, places) = text::read(&characters.text)?;
        Ok(Self { at, raw, kind: Kind::Date(characters, places) })
    }

    /// Appends another moment in the same form: its precision, offset, unit, quotes and escapes. Returns `false`, and writes nothing,
    /// if the form cannot express it.
    fn write(&self, at: Micros, out: &mut Vec<u8>) -> bool {
        match &self.kind {
            Kind::Epoch(epoch) => {
                let Some(number) = epoch.write(at.saturating_sub(self.at)) else { return false };
                let quote: &[u8] = if self.raw.starts_with(b"\"") { b"\"" } else { b"" };
                [quote, number.as_bytes(), quote].iter().for_each(|part| out.extend_from_slice(part));
                true
            }
            Kind::Date(characters, places) => {
                let mut text = characters.text.to_vec();
                places.write(at, &mut text) && {
                    characters.write(self.raw, &text, out);
                    true
                }
            }
        }
    }
}

/// The characters of a text, and the position of each in the raw value.
#[derive(Debug, Clone)]
struct Characters<'a> {
    text: Cow<'a, [u8]>,
    /// Where each character begins in the raw value, and where the last one ends. Empty if there are no escapes.
    starts: Vec<usize>,
    /// Where the first begins.
    first: usize,
}

impl<'a> Characters<'a> {
    /// Decodes a JSON string. Returns `None` if it holds an escape that no time has.
    fn of_text(raw: &'a [u8]) -> Option<Self> {
        let end = raw.len() - 1;
        let inner = &raw[1..end];
        if !inner.contains(&b'\\') {
            return Some(Self { text: Cow::Borrowed(inner), starts: Vec::new(), first: 1 });
        }
        let (mut text, mut starts, mut at) = (Vec::new(), Vec::new(), 1);
        while at < end {
            let (character, length) = match &raw[at..end] {
                [b'\\', b'u', b'0', b'0', hex @ ..] => {
                    let hex = std::str::from_utf8(hex.get(..2)?).ok()?;
                    (u8::from_str_radix(hex, 16).ok().filter(u8::is_ascii)?, 6)
                }
                [b'\\', b'/', ..] => (b'/', 2),
                [b'\\', ..] => return None,
                plain => (plain[0], 1),
            };
            text.push(character);
            starts.push(at);
            at += length;
        }
        starts.push(end);
        Some(Self { text: Cow::Owned(text), starts, first: 1 })
    }

    /// Appends the raw value with its characters replaced by these. A character that stays the same keeps its escape.
    fn write(&self, raw: &[u8], text: &[u8], out: &mut Vec<u8>) {
        if self.starts.is_empty() {
            out.extend_from_slice(&raw[..self.first]);
            out.extend_from_slice(text);
            out.extend_from_slice(&raw[raw.len() - self.first..]);
            return;
        }
        out.push(b'"');
        for ((place, new), old) in self.starts.windows(2).zip(text).zip(&*self.text) {
            if new == old {
                out.extend_from_slice(&raw[place[0]..place[1]]);
            } else {
                out.push(*new);
            }
        }
        out.push(b'"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NINE: Micros = 1_767_603_600_000_000;

    fn moved(raw: &str, by: Micros) -> Option<String> {
        let form = TimeForm::of(raw.as_bytes()).unwrap_or_else(|why| panic!("{raw}: {why}"));
        let mut out = Vec::new();
        form.write(form.at + by, &mut out).then(|| String::from_utf8(out).expect("text"))
    }

    #[test]
    fn a_moment_is_read_however_programs_write_it_and_written_back_in_that_form() {
        const HOUR: Micros = 3_600_000_000;
        for (raw, later) in [
            // RFC 3339 and what is near it.
            (r#""2026-01-05T09:00:00Z""#, r#""2026-01-05T10:00:00Z""#),
            (r#""2026-01-05T09:00:00.000000Z""#, r#""2026-01-05T10:00:00.000000Z""#),
            (r#""2026-01-05t09:00:00z""#, r#""2026-01-05t10:00:00z""#),
            (r#""2026-01-05T10:00:00+01:00""#, r#""2026-01-05T11:00:00+01:00""#),
            (r#""2026-01-05T09:00:00.000+0000""#, r#""2026-01-05T10:00:00.000+0000""#),
            (r#""2026-01-05 09:00:00+00""#, r#""2026-01-05 10:00:00+00""#),
            (r#""2026-01-05T03:30:00-0530""#, r#""2026-01-05T04:30:00-0530""#),
            (r#""2026-01-05 09:00:00,000""#, r#""2026-01-05 10:00:00,000""#),
            (r#""2026-01-05 09:00:00.000 UTC""#, r#""2026-01-05 10:00:00.000 UTC""#),
            (r#""2026-01-05 09:00:00 +0000 UTC""#, r#""2026-01-05 10:00:00 +0000 UTC""#),
            (r#""2026-01-05T10:00:00+01:00[Europe/Paris]""#, r#""2026-01-05T11:00:00+01:00[Europe/Paris]""#),
            (r#""2026-01-05T09:00:00""#, r#""2026-01-05T10:00:00""#),
            (r#""2026-01-05 09:00""#, r#""2026-01-05 10:00""#),
            (r#""2026/01/05 09:00:00""#, r#""2026/01/05 10:00:00""#),
            (r#""2026-01-05T09:00:00\u002B00:00""#, r#""2026-01-05T10:00:00\u002B00:00""#),
            (r#""2026-01-05T09:00:00.000000789Z""#, r#""2026-01-05T10:00:00.000000789Z""#),
            // Common Log Format, and mail's.
            (r#""05/Jan/2026:09:00:00 +0000""#, r#""05/Jan/2026:10:00:00 +0000""#),
            (r#""[05/Jan/2026:10:00:00 +0100]""#, r#""[05/Jan/2026:11:00:00 +0100]""#),
            (r#""05\/Jan\/2026:09:00:00 +0000""#, r#""05\/Jan\/2026:10:00:00 +0000""#),
            (r#""Mon, 05 Jan 2026 09:00:00 GMT""#, r#""Mon, 05 Jan 2026 10:00:00 GMT""#),
            (r#""Mon Jan 05 09:00:00.000000 2026""#, r#""Mon Jan 05 10:00:00.000000 2026""#),
            (r#""Mon Jan  5 09:00:00 2026""#, r#""Mon Jan  5 10:00:00 2026""#),
            (r#""Mon Jan  5 09:00:00 UTC 2026""#, r#""Mon Jan  5 10:00:00 UTC 2026""#),
            (r#""Mon Jan 05 2026 10:00:00 GMT+0100 (CET)""#, r#""Mon Jan 05 2026 11:00:00 GMT+0100 (CET)""#),
            (r#""2026-01-05T09:00:00Z[UTC]""#, r#""2026-01-05T10:00:00Z[UTC]""#),
            // Digits that are a date.
            ("20260105090000", "20260105100000"),
            (r#""20260105090000""#, r#""20260105100000""#),
            (r#""20260105090000.000""#, r#""20260105100000.000""#),
            ("20260105090000000", "20260105100000000"),
            (r#""20260105T090000Z""#, r#""20260105T100000Z""#),
            (r#""20260105T100000.000+0100""#, r#""20260105T110000.000+0100""#),
            // Counts since 1970.
            ("1767603600", "1767607200"),
            ("1767603600.000000", "1767607200.000000"),
            ("1767603600.0000001", "1767607200.0000001"),
            (r#""1767603600""#, r#""1767607200""#),
            (r#""1767603600.000""#, r#""1767607200.000""#),
            ("1767603600000", "1767607200000"),
            ("1767603600000000", "1767607200000000"),
            ("1767603600000000789", "1767607200000000789"),
            ("1.7676036e9", "1.7676072e9"),
            ("1.767603600E+09", "1.767607200E+09"),
        ] {
            assert_eq!(read(raw.as_bytes()), Ok(NINE), "{raw}");
            assert_eq!(Reader::default().read(raw.as_bytes()), Ok(NINE), "{raw}");
            assert_eq!(moved(raw, HOUR).as_deref(), Some(later), "{raw}");
        }
    }

    #[test]
    fn a_date_alone_is_its_first_moment_in_utc() {
        for raw in [r#""2026-01-05""#, "20260105", r#""20260105""#, r#""2026/01/05""#] {
            assert_eq!(read(raw.as_bytes()), Ok(NINE - 9 * 3_600_000_000), "{raw}");
        }
        assert_eq!(moved(r#""2026-01-05""#, 86_400_000_000).as_deref(), Some(r#""2026-01-06""#));
    }

    #[test]
    fn a_count_of_seconds_is_exact_to_the_microsecond() {
        assert_eq!(read(b"1767603600.123456"), Ok(NINE + 123_456));
        assert_eq!(read(b"1767603600.999999999"), Ok(NINE + 999_999));
        assert_eq!(read(b"1767603600123456789"), Ok(NINE + 123_456));
        assert_eq!(read(b"1.767603600123456e9"), Ok(NINE + 123_456));
        assert_eq!(moved("1767603600.123456", 1).as_deref(), Some("1767603600.123457"));
        assert_eq!(moved("1.7676036e9", 1).as_deref(), Some("1.767603600000001e9"));
    }

    #[test]
    fn the_day_and_the_weekday_follow() {
        const DAY: Micros = 86_400_000_000;
        assert_eq!(
            moved(r#""Mon, 05 Jan 2026 09:00:00 GMT""#, 30 * DAY).as_deref(),
            Some(r#""Wed, 04 Feb 2026 09:00:00 GMT""#)
        );
        assert_eq!(
            moved(r#""31/DEC/2025:23:59:59 -0000""#, 1_000_000).as_deref(),
            Some(r#""01/JAN/2026:00:00:00 -0000""#)
        );
        assert_eq!(
            moved(r#""2026-01-05T00:30:00+01:00""#, -3_600_000_000).as_deref(),
            Some(r#""2026-01-04T23:30:00+01:00""#)
        );
    }

    #[test]
    fn a_day_of_one_digit_is_padded_as_the_form_pads_it() {
        const WEEK: Micros = 7 * 86_400_000_000;
        for (raw, earlier) in [
            ("Mon Jan 12 09:00:00 2026", "Mon Jan  5 09:00:00 2026"),
            ("Mon Jan 12 09:00:00.000000 2026", "Mon Jan 05 09:00:00.000000 2026"),
            ("Mon Jan 12 2026 09:00:00 GMT+0000", "Mon Jan 05 2026 09:00:00 GMT+0000"),
        ] {
            assert_eq!(moved(&format!("\"{raw}\""), -WEEK), Some(format!("\"{earlier}\"")));
            assert_eq!(moved(&format!("\"{earlier}\""), WEEK), Some(format!("\"{raw}\"")));
        }
    }

    #[test]
    fn what_is_not_a_time_says_why() {
        for (raw, why) in [
            ("null", Unread::Type),
            ("true", Unread::Type),
            ("{}", Unread::Type),
            (r#""""#, Unread::Form),
            ("\"", Unread::Type),
            (r#"" ""#, Unread::Form),
            (r#""[""#, Unread::Form),
            (r#""[]""#, Unread::Form),
            (r#""yesterday""#, Unread::Form),
            (r#""now""#, Unread::Form),
            (r#""2026-01-05T""#, Unread::Form),
            (r#""2026-01-05T9:00:00Z""#, Unread::Form),
            (r#""2026-01-05T09:00:00Zebra""#, Unread::Form),
            (r#""2026-01-05T09:00:00.Z""#, Unread::Form),
            (r#""2026-01-05T09:00:00\n""#, Unread::Form),
            (r#""2026-01-05T09:00:00\ud800""#, Unread::Form),
            (r#""2026-13-05T09:00:00Z""#, Unread::NoSuchTime),
            (r#""2026-02-29T09:00:00Z""#, Unread::NoSuchTime),
            (r#""2026-01-05T24:00:00Z""#, Unread::NoSuchTime),
            (r#""2026-01-05T09:00:61Z""#, Unread::NoSuchTime),
            (r#""2026-01-05T09:00:00+25:00""#, Unread::NoSuchTime),
            (r#""2026-01-05 09:00:00 CET""#, Unread::Zone),
            (r#""Mon Jan  5 09:00:00 CET 2026""#, Unread::Zone),
            (r#""Mon Jan   09:00:00 2026""#, Unread::Form),
            (r#""2026-01-05 09:00:00 Europe/Paris""#, Unread::Zone),
            (r#""Jan  5 09:00:00""#, Unread::NoYear),
            (r#""Jan 05 09:00:00 host""#, Unread::NoYear),
            (r#""09:00:00""#, Unread::NoYear),
            (r#""05/01/2026 09:00:00""#, Unread::DayOrMonth),
            ("0", Unread::Small),
            ("42", Unread::Small),
            ("-1", Unread::Small),
            ("-1767603600", Unread::Small),
            ("99999999", Unread::Small),
            ("1767603600e99", Unread::Beyond),
            ("1e400", Unread::Beyond),
            (r#""0000-06-05T09:00:00Z""#, Unread::NoSuchTime),
            (r#""0001-01-01T00:00:00+01:00""#, Unread::Beyond),
            (r#""9999-12-31T23:00:00-05:00""#, Unread::Beyond),
        ] {
            assert_eq!(read(raw.as_bytes()), Err(why), "{raw}");
        }
    }

    #[test]
    fn a_form_that_cannot_name_a_moment_writes_none() {
        assert_eq!(moved("1767603600", -1_767_603_600_000_000), None, "0 would not be read as a time");
        assert_eq!(moved(r#""9999-12-31T23:00:00Z""#, 3_600_000_000), None);
        assert_eq!(moved(r#""9999-12-31T22:00:00-01:00""#, 0).as_deref(), Some(r#""9999-12-31T22:00:00-01:00""#));
        assert_eq!(
            moved("20991231235959", 100_000_000 * 1_000_000),
            None,
            "the digits of 2103 are a count of milliseconds"
        );
    }

    /// The same time with the weekday that it has.
    fn right_weekday(text: &str) -> String {
        let form = TimeForm::of(text.as_bytes()).expect("a time");
        let mut out = Vec::new();
        form.write(form.at, &mut out);
        String::from_utf8(out).expect("text")
    }

    fn written() -> impl Strategy<Value = String> {
        let fraction = r"([.,][0-9]{1,9})?";
        let zone = r"(Z|z|\+00|\+0000|[+-](0[0-9]|1[0-2]):[0-5][0-9]|[+-](0[0-9]|1[0-2])[0-5][0-9]| UTC|)";
        let date = r"(19[7-9][0-9]|20[0-9]{2})-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])";
        let clock = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]";
        let regex = |text: String| prop::string::string_regex(&text).expect("a regular expression");
        prop_oneof![
            regex(format!("\"{date}[Tt ]{clock}{fraction}{zone}\"")),
            regex(format!(r#""(0[1-9]|1[0-9]|2[0-8])(\\)?/(Jan|Feb|Oct|Dec)(\\)?/20[0-9]{{2}}:{clock} [+-]0[0-9]00""#)),
            regex(format!(r#""Mon (Jan|Feb|Oct|Dec) ( [1-9]|1[0-9]|2[0-8]) {clock}( UTC)? 20[0-9]{{2}}""#))
                .prop_map(|text| right_weekday(&text)),
            r"1[0-9]{9}(\.[0-9]{1,15})?",
            r#""1[0-9]{9}(\.[0-9]{1,15})?""#,
            r"1[0-9]{12}(\.[0-9]{1,9})?",
            r"1[0-9]{15}",
            r"1[0-9]{18}",
            r"1\.[0-9]{1,15}[eE]\+?0?9",
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_that_moment(raw in written(), by in -50_000_000_000_000i64..50_000_000_000_000) {
            let form = TimeForm::of(raw.as_bytes()).expect("a time");
            let mut out = Vec::new();
            let at = form.at + by;
            if form.write(at, &mut out) {
                let text = String::from_utf8(out.clone()).expect("text");
                let again = read(&out).map_err(|why| TestCaseError::fail(format!("{text}: {why}")))?;
                prop_assert!(again <= at && at - again < 1_000_000, "{} {} {}", text, again, at);
                // As fine as the form is: what is cut off is less than its last digit.
                let mut finer = Vec::new();
                prop_assert!(form.write(again, &mut finer));
                prop_assert_eq!(&finer, &out);
            }
            let mut same = Vec::new();
            prop_assert!(form.write(form.at, &mut same));
            prop_assert_eq!(String::from_utf8(same).expect("text"), raw);
        }

        #[test]
        fn no_text_and_no_number_brings_it_down(raw in r#"("[0-9TZ:/+., \\u\[\]a-zA-Z-]{0,40}")|(-?[0-9]{1,40}(\.[0-9]{1,40})?(e-?[0-9]{1,4})?)|.{0,20}"#, by in any::<i64>()) {
            if let Ok(form) = TimeForm::of(raw.as_bytes()) {
                form.write(form.at.saturating_add(by / 1000), &mut Vec::new());
            }
        }
    }
}
