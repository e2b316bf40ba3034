//! Latencies: numbers in the unit of their field, and strings that name their own unit (`12.3ms`, Go's `1m2.5s`).

use std::fmt;
use std::str::FromStr;

use super::number::{SCALE, Written, unquoted};
use crate::jsonl::value;

/// The unit of the numbers in a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Unit {
    /// 10⁻⁹ s.
    Nanoseconds,
    /// 10⁻⁶ s.
    Microseconds,
    /// 10⁻³ s.
    #[default]
    Milliseconds,
    /// Seconds.
    Seconds,
}

impl Unit {
    /// Its length in µs, times 1000.
    fn nanoseconds(self) -> i128 {
        match self {
            Self::Nanoseconds => 1,
            Self::Microseconds => 1000,
            Self::Milliseconds => 1_000_000,
            Self::Seconds => 1_000_000_000,
        }
    }
}

impl FromStr for Unit {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "ns" => Ok(Self::Nanoseconds),
            // The micro sign and the Greek letter.
            "us" | "\u{b5}s" | "\u{3bc}s" => Ok(Self::Microseconds),
            "ms" => Ok(Self::Milliseconds),
            "s" => Ok(Self::Seconds),
            _ => Err("units are ns, us, ms and s"),
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nanoseconds => "ns",
            Self::Microseconds => "us",
            Self::Milliseconds => "ms",
            Self::Seconds => "s",
        })
    }
}

/// A latency past this is not a measurement: 2^53 µs, 285 years.
const ABSURD_US: u64 = 1 << 53;

/// Why a value is not a latency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoLatency {
    /// It is below 0.
    Negative,
    /// It is not a number or a duration, or is absurdly large.
    NotANumber,
}

impl fmt::Display for NoLatency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Negative => "it is below 0",
            Self::NotANumber => "it is not a number or a duration such as 12.3ms",
        })
    }
}

/// Reads a raw value as whole µs, rounded half up from its decimal form, so that sums are exact.
///
/// # Errors
/// If it is not a latency.
#[inline]
pub(crate) fn microseconds(raw: &[u8], unit: Unit) -> Result<u64, NoLatency> {
    if raw.len() > 15 || unit != Unit::Milliseconds {
        return other_microseconds(raw, unit);
    }
    // psend writes three decimals.
    if let [ms @ .., b'.', a, b, c] = raw
        && let (Some(ms), Some(us)) = (digits(ms), digits(&[*a, *b, *c]))
    {
        return Ok(ms * 1000 + us);
    }
    let mut us = 0u64;
    let mut fraction = None;
    let mut round_up = false;
    for byte in raw {
        match (byte, fraction) {
            (b'0'..=b'9', None) => us = us * 10 + u64::from(byte - b'0'),
            (b'0'..=b'9', Some(digits @ 0..3)) => {
                us = us * 10 + u64::from(byte - b'0');
                fraction = Some(digits + 1);
            }
            (b'0'..=b'9', Some(3)) => {
                round_up = *byte >= b'5';
                fraction = Some(4);
            }
            (b'0'..=b'9', Some(_)) => {}
            (b'.', None) => fraction = Some(0),
            _ => return other_microseconds(raw, unit),
        }
    }
    let us = us * [1000, 100, 10, 1, 1][fraction.unwrap_or(0)] + u64::from(round_up);
    if us < ABSURD_US { Ok(us) } else { Err(NoLatency::NotANumber) }
}

/// The number that these digits are, at most 19 of them. `None` if one of them is no digit.
#[inline]
fn digits(text: &[u8]) -> Option<u64> {
    let (mut number, mut most) = (0, 0);
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        most = most.max(digit);
        number = number * 10 + u64::from(digit);
    }
    (most < 10).then_some(number)
}

#[cold]
fn other_microseconds(raw: &[u8], unit: Unit) -> Result<u64, NoLatency> {
    let scaled = match Written::of(unquoted(raw)) {
        Some(number) => number.scaled().and_then(|scaled| scaled.checked_mul(unit.nanoseconds())),
        None => value::text(raw).and_then(|text| duration(text.trim())).map(|(scaled, _)| scaled),
    };
    let thousand = SCALE * 1000;
    let us =
        scaled.and_then(|scaled| scaled.checked_add(scaled.signum() * thousand / 2)).map(|scaled| scaled / thousand);
    match us {
        Some(us) if us < 0 => Err(NoLatency::Negative),
        Some(us) => u64::try_from(us).ok().filter(|us| *us < ABSURD_US).ok_or(NoLatency::NotANumber),
        None => Err(NoLatency::NotANumber),
    }
}

/// The units of a duration in words, in ns.
const DURATION_UNITS: [(&str, i128); 8] = [
    ("ns", 1),
    ("us", 1000),
    ("\u{b5}s", 1000),
    ("\u{3bc}s", 1000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// A duration such as `12.3 ms` or `1h2m3.5s` in ns times [`SCALE`], and how many parts it has.
fn duration(text: &str) -> Option<(i128, usize)> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mut rest, mut sum, mut parts) = (unsigned, 0i128, 0);
    while !rest.is_empty() {
        let (number, unit, behind) = part(rest)?;
        sum = sum.checked_add(Written::of(number.as_bytes())?.scaled()?.checked_mul(unit)?)?;
        (rest, parts) = (behind, parts + 1);
    }
    (parts > 0).then_some((if unsigned.len() < text.len() { -sum } else { sum }, parts))
}

/// The number and the unit (in ns) of the first part of a duration, and the text after it.
fn part(text: &str) -> Option<(&str, i128, &str)> {
    let (number, rest) = text.split_at(text.find(|c: char| !c.is_ascii_digit() && c != '.')?);
    let rest = rest.trim_start_matches(' ');
    let (name, behind) = rest.split_at(rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len()));
    let (_, unit) = DURATION_UNITS.iter().find(|(known, _)| *known == name)?;
    Some((number, *unit, behind))
}

/// The form of a latency, for writing another one in its place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum LatencyForm<'a> {
    /// One number, and the text around it: quotes, a unit.
    Number {
        /// The text before the number.
        before: &'a [u8],
        /// The number.
        number: &'a [u8],
        /// The text after the number.
        behind: &'a [u8],
    },
    /// Hours, minutes and seconds, as Go writes them.
    Compound {
        /// All of it in seconds.
        seconds: f64,
        /// The decimals of its last part.
        decimals: usize,
    },
}

impl<'a> LatencyForm<'a> {
    /// The form of a raw value, or `None` if it is not a number or a duration.
    pub(crate) fn of(raw: &'a [u8]) -> Option<Self> {
        let Some(inner) = raw.strip_prefix(b"\"").and_then(|raw| raw.strip_suffix(b"\"")) else {
            return Written::of(raw).map(|_| Self::Number { before: b"", number: raw, behind: b"" });
        };
        let (before, behind) = (&raw[..1], &raw[raw.len() - 1..]);
        if Written::of(inner).is_some() {
            return Some(Self::Number { before, number: inner, behind });
        }
        let text = value::text(raw)?;
        let (scaled, parts) = duration(text.trim())?;
        if parts == 1 {
            let start = raw.iter().position(|byte| *byte == b'-' || byte.is_ascii_digit())?;
            let length = raw[start..].iter().take_while(|byte| byte.is_ascii_digit() || b"-.".contains(byte)).count();
            let number = &raw[start..start + length];
            return Some(Self::Number { before: &raw[..start], number, behind: &raw[start + length..] });
        }
        let decimals = text.rsplit_once('.').map_or(0, |(_, end)| end.bytes().take_while(u8::is_ascii_digit).count());
        #[allow(clippy::cast_precision_loss)] // rounded where it is written
        let seconds = (scaled / SCALE) as f64 / 1e9;
        Some(Self::Compound { seconds, decimals })
    }
}

/// Appends a quoted duration as Go writes it, with at most `decimals` decimals: `"1m2.5s"`.
pub(crate) fn write_compound(seconds: f64, decimals: usize, out: &mut Vec<u8>) {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // not negative; saturates
    let minutes = (seconds / 60.0).floor() as u64;
    #[allow(clippy::cast_precision_loss)] // below 2^53 in all durations that are told
    let text = format!("{:.decimals$}", seconds - minutes as f64 * 60.0);
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    // Rounded up to the next minute.
    let (minutes, text) = if text == "60" { (minutes + 1, "0") } else { (minutes, text) };
    let written = match (minutes / 60, minutes % 60) {
        (0, 0) => format!("\"{text}s\""),
        (0, minutes) => format!("\"{minutes}m{text}s\""),
        (hours, minutes) => format!("\"{hours}h{minutes}m{text}s\""),
    };
    out.extend_from_slice(written.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(raw: &str) -> Result<u64, NoLatency> {
        microseconds(raw.as_bytes(), Unit::Milliseconds)
    }

    #[test]
    fn milliseconds_are_read_without_a_float() {
        for (text, us) in [("0", 0), ("1", 1000), ("245.32", 245_320), ("0.0005", 1), ("0.00049", 0), ("1.0", 1000)] {
            assert_eq!(ms(text), Ok(us), "{text}");
        }
        assert_eq!(ms("1e3"), Ok(1_000_000));
        assert_eq!(ms("0.12345678901234567890"), Ok(123));
        assert_eq!(ms("-0.0"), Ok(0));
        assert_eq!(ms("-3"), Err(NoLatency::Negative));
        for raw in
            ["123456789012345678", "1e300", "true", "null", "\"\"", "\"NaN\"", "\"-\"", "\"ms\"", "\"3 apples\"", "[1]"]
        {
            assert_eq!(ms(raw), Err(NoLatency::NotANumber), "{raw}");
        }
    }

    #[test]
    fn a_unit_belongs_to_the_field_or_stands_in_the_text() {
        for (raw, unit, us) in [
            ("0.057624", Unit::Seconds, 57_624),
            ("\"0.058\"", Unit::Seconds, 58_000),
            ("57624000", Unit::Nanoseconds, 57_624),
            ("57624499", Unit::Nanoseconds, 57_624),
            ("57624500", Unit::Nanoseconds, 57_625),
            ("57624", Unit::Microseconds, 57_624),
            ("5.7624e-2", Unit::Seconds, 57_624),
            ("\"57.624\"", Unit::Milliseconds, 57_624),
            ("\"12.3ms\"", Unit::Seconds, 12_300),
            ("\"12.3 ms\"", Unit::Seconds, 12_300),
            ("\"0.057624s\"", Unit::Milliseconds, 57_624),
            ("\"1m2.5s\"", Unit::Milliseconds, 62_500_000),
            ("\"1h0m0.5s\"", Unit::Milliseconds, 3_600_500_000),
            ("\"1.5\u{b5}s\"", Unit::Milliseconds, 2),
            ("\"1.5\\u00b5s\"", Unit::Milliseconds, 2),
            ("\"2\u{3bc}s\"", Unit::Milliseconds, 2),
            ("\"1500ns\"", Unit::Milliseconds, 2),
        ] {
            assert_eq!(microseconds(raw.as_bytes(), unit), Ok(us), "{raw} {unit}");
        }
        assert_eq!(ms("\"-1.5s\""), Err(NoLatency::Negative));
    }

    #[test]
    fn a_compound_duration_is_written_as_go_does() {
        let written = |seconds, decimals| {
            let mut out = Vec::new();
            write_compound(seconds, decimals, &mut out);
            String::from_utf8(out).expect("text")
        };
        assert_eq!(written(187.5, 2), "\"3m7.5s\"");
        assert_eq!(written(3600.0, 0), "\"1h0m0s\"");
        assert_eq!(written(6.25, 2), "\"6.25s\"");
        assert_eq!(written(119.999, 1), "\"2m0s\"");
        assert_eq!(written(20.0, 0), "\"20s\"");
    }
}
