//! Forms of times in a profile: RFC 3339, seconds since 1970, the Common Log Format, and strftime patterns.

use super::escape::escaped;
use super::table::Value;
use crate::error::Result;

/// How a time is written.
#[derive(Debug, Clone)]
pub(crate) enum TimeFormat {
    /// Parts of a date and time in local time, which is this many seconds ahead of UTC.
    Calendar { pieces: Vec<Piece>, offset: i64 },
    /// The time since 1970 in a unit of 10 to the power of -`unit` seconds, with this many decimal places.
    Epoch { unit: u32, places: u32 },
}

/// A part of a date and time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Text, escaped for JSON.
    Literal(String),
    Year,
    /// The last two digits of the year.
    ShortYear,
    Month,
    Day,
    /// With a space instead of a leading 0.
    SpacedDay,
    /// The day of the year.
    YearDay,
    Hour,
    Hour12,
    Minute,
    Second,
    AmPm,
    Weekday,
    ShortWeekday,
    MonthName,
    ShortMonth,
    /// Seconds since 1970.
    Epoch,
    /// This many digits of the fraction of the second.
    Fraction(u32),
}

/// The most digits of a fraction of a second. Those after the sixth are random.
const MOST_PLACES: i64 = 18;

/// What the keys of a time say.
pub(super) struct Keys<'t> {
    pub(super) form: Value<'t>,
    pub(super) places: Option<Value<'t>>,
    pub(super) offset: Option<Value<'t>>,
}

impl TimeFormat {
    pub(super) fn read(keys: &Keys<'_>) -> Result<Self> {
        let form = keys.form.text()?;
        let places = match &keys.places {
            Some(places) => Some(u32::try_from(places.whole(0, MOST_PLACES)?).unwrap_or(0)),
            None => None,
        };
        let offset = keys.offset.as_ref().map(|value| Ok((value, offset(value)?))).transpose()?;
        let seconds = offset.as_ref().map_or(0, |(_, seconds)| *seconds);
        let epoch = |unit| {
            if let Some((value, _)) = &offset {
                return Err(value.fault("a time since 1970 has no offset"));
            }
            let places = places.unwrap_or(0);
            if unit + places > 18 {
                return Err(keys
                    .form
                    .fault(format_args!("{places} places: expected at most {} in this unit", 18 - unit)));
            }
            Ok(Self::Epoch { unit, places })
        };
        let pattern = |pattern: &str, fraction: bool| {
            if let Some(places) = keys.places.as_ref().filter(|_| !fraction) {
                return Err(places.fault("expected no places here: %3f within a pattern writes three digits"));
            }
            let pieces = strftime(pattern, seconds).map_err(|words| keys.form.fault(words))?;
            Ok(Self::Calendar { pieces, offset: seconds })
        };
        match form {
            "rfc3339" => {
                let Self::Calendar { mut pieces, offset: seconds } = pattern("%Y-%m-%dT%H:%M:%S", true)? else {
                    return Err(keys.form.fault("expected a time"));
                };
                match places.unwrap_or(6) {
                    0 => {}
                    places => pieces.extend([Piece::Literal(".".to_owned()), Piece::Fraction(places)]),
                }
                let is_zulu = offset.as_ref().is_none_or(|(value, _)| value.text().is_ok_and(|text| text == "Z"));
                pieces.push(Piece::Literal(if is_zulu { "Z".to_owned() } else { offset_text(seconds, ":") }));
                Ok(Self::Calendar { pieces, offset: seconds })
            }
            "clf" => pattern("%d/%b/%Y:%H:%M:%S %z", false),
            "epoch_s" => epoch(0),
            "epoch_ms" => epoch(3),
            "epoch_us" => epoch(6),
            "epoch_ns" => epoch(9),
            _ if form.contains('%') => pattern(form, false),
            _ => Err(keys.form.fault(format_args!(
                "'{form}': expected rfc3339, epoch_s, epoch_ms, epoch_us, epoch_ns, clf or a strftime pattern such as %Y-%m-%d"
            ))),
        }
    }
}

/// The seconds of `Z`, `+02:00` or `-0530`.
fn offset(value: &Value<'_>) -> Result<i64> {
    let text = value.text()?;
    let parsed = || {
        let (sign, rest) = text.split_at_checked(1)?;
        let sign = match sign {
            "+" => 1,
            "-" => -1,
            _ => return None,
        };
        let digits = rest.replacen(':', "", 1);
        if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let (hours, minutes): (i64, i64) = (digits[..2].parse().ok()?, digits[2..].parse().ok()?);
        (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
    };
    if text == "Z" {
        return Ok(0);
    }
    parsed().ok_or_else(|| value.fault(format_args!("'{text}': expected Z or an offset such as +02:00")))
}

fn offset_text(seconds: i64, colon: &str) -> String {
    let (sign, seconds) = (if seconds < 0 { '-' } else { '+' }, seconds.abs());
    format!("{sign}{:02}{colon}{:02}", seconds / 3600, seconds / 60 % 60)
}

/// Reads a strftime pattern.
fn strftime(pattern: &str, offset: i64) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = pattern;
    while let Some(at) = rest.find('%') {
        if at > 0 {
            pieces.push(Piece::Literal(escaped(&rest[..at])));
        }
        let (found, length) = conversion(&rest[at + 1..], offset)
            .ok_or_else(|| format!("'{}' is not a strftime directive: expected one of %Y %m %d %H %M %S %y %e %j %I %p %a %A %b %B %f %3f %L %z %:z %s %F %T %D %R %%", rest[at..].chars().take(3).collect::<String>()))?;
        pieces.extend(found);
        rest = &rest[at + 1 + length..];
    }
    if !rest.is_empty() {
        pieces.push(Piece::Literal(escaped(rest)));
    }
    Ok(pieces)
}

/// What stands after a `%`, and its length.
fn conversion(text: &str, offset: i64) -> Option<(Vec<Piece>, usize)> {
    let literal = |text: String| vec![Piece::Literal(text)];
    let mut chars = text.chars();
    let first = chars.next()?;
    let one = |piece| Some((vec![piece], 1));
    match first {
        'Y' => one(Piece::Year),
        'y' => one(Piece::ShortYear),
        'm' => one(Piece::Month),
        'd' => one(Piece::Day),
        'e' => one(Piece::SpacedDay),
        'j' => one(Piece::YearDay),
        'H' => one(Piece::Hour),
        'I' => one(Piece::Hour12),
        'M' => one(Piece::Minute),
        'S' => one(Piece::Second),
        'p' => one(Piece::AmPm),
        'a' => one(Piece::ShortWeekday),
        'A' => one(Piece::Weekday),
        'b' => one(Piece::ShortMonth),
        'B' => one(Piece::MonthName),
        's' => one(Piece::Epoch),
        'f' => one(Piece::Fraction(6)),
        'L' => one(Piece::Fraction(3)),
        '1'..='9' if chars.next() == Some('f') => Some((vec![Piece::Fraction(first.to_digit(10)?)], 2)),
        'z' => Some((literal(offset_text(offset, "")), 1)),
        ':' if chars.next() == Some('z') => Some((literal(offset_text(offset, ":")), 2)),
        '%' => Some((literal("%".to_owned()), 1)),
        'F' => Some((strftime("%Y-%m-%d", offset).ok()?, 1)),
        'T' => Some((strftime("%H:%M:%S", offset).ok()?, 1)),
        'D' => Some((strftime("%m/%d/%y", offset).ok()?, 1)),
        'R' => Some((strftime("%H:%M", offset).ok()?, 1)),
        _ => None,
    }
}
