//! Multiplies numbers in their JSON form, without parsing the whole line.

use std::io::Write as _;
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::cli::values::decimal;
use crate::jsonl::value;
use crate::record::latency::{LatencyForm, write_compound};

/// A factor above 0: `3x`, `2.5`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Times(pub f64);

impl FromStr for Times {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Beyond these, a product is 0 or too large for a field.
        const FACTORS: RangeInclusive<f64> = 1e-9..=1e9;
        let number = decimal(text.strip_suffix('x').unwrap_or(text));
        number
            .filter(|n| FACTORS.contains(n))
            .map(Self)
            .ok_or("expected a factor above 0 and at most 1000000000, such as 3x or 2.5")
    }
}

/// A draw as a number from 0 (inclusive) to 1 (exclusive), in steps of 2^-53.
#[allow(clippy::cast_precision_loss)] // 53 bits fit
pub(super) fn unit(draw: u64) -> f64 {
    (draw >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
}

/// A draw from the standard normal distribution (Box and Muller 1958). It uses `libm`, so every machine gets the same number.
pub(super) fn normal(draw: u64) -> f64 {
    const HALF: f64 = 4_294_967_296.0;
    #[allow(clippy::cast_precision_loss)] // 32 bits fit
    let (radius, angle) = (((draw >> 32) as f64 + 0.5) / HALF, (draw & 0xffff_ffff) as f64 / HALF);
    libm::sqrt(-2.0 * libm::log(radius)) * libm::cos(2.0 * std::f64::consts::PI * angle)
}

/// Why a value was not multiplied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotScaled {
    /// It is not a number above 0.
    NoNumber,
    /// In its form, the product is the same value, 0, or too large for a double.
    Stuck,
}

/// The most decimals that are written. A number that is 0 with so many is not a response time.
const MOST_DECIMALS: usize = 30;

/// Multiplies a latency above 0 and writes it to `out` in the same form: a JSON number, one in quotes, or a duration such as
/// `12.3ms`. On an error, the content of `out` has no meaning.
///
/// # Errors
/// If the value stays as it is, with the reason.
pub(super) fn scale(raw: &[u8], factor: f64, out: &mut Vec<u8>) -> Result<(), NotScaled> {
    if matches!(raw, [b'0'..=b'9', ..]) {
        return scale_number(raw, factor, out);
    }
    match LatencyForm::of(raw).ok_or(NotScaled::NoNumber)? {
        LatencyForm::Number { before, number, behind } => {
            scale_number(number, factor, out)?;
            out.splice(0..0, before.iter().copied());
            out.extend_from_slice(behind);
        }
        LatencyForm::Compound { seconds, decimals } => {
            let product = Some(seconds * factor).filter(|product| product.is_finite() && *product < LONGEST_COMPOUND);
            out.clear();
            write_compound(product.ok_or(NotScaled::Stuck)?, if decimals > 0 { decimals.max(2) } else { 0 }, out);
            if seconds <= 0.0 {
                return Err(NotScaled::NoNumber);
            }
            if out == raw || out == b"\"0s\"" {
                return Err(NotScaled::Stuck);
            }
        }
    }
    Ok(())
}

/// The longest duration that is written in hours, minutes and seconds: 285 years, the longest that is read.
const LONGEST_COMPOUND: f64 = 9e9;

/// Multiplies a raw JSON number above 0 and writes it to `out`. On an error, the content of `out` has no meaning.
/// A number with a fraction keeps its decimals, and gets at least two. A whole number stays whole, because a schema may
/// require it. One with an exponent is written without it, with two more decimals than it has.
///
/// # Errors
/// If the value stays as it is, with the reason.
fn scale_number(raw: &[u8], factor: f64, out: &mut Vec<u8>) -> Result<(), NotScaled> {
    let number = value::number(raw).filter(|n| *n > 0.0).ok_or(NotScaled::NoNumber)?;
    let product = number * factor;
    out.clear();
    if product.is_finite() && product != number {
        write_fixed(product, decimals(raw), out);
    }
    let is_above_0 = out.iter().any(|b| matches!(b, b'1'..=b'9'));
    if is_above_0 && out != raw { Ok(()) } else { Err(NotScaled::Stuck) }
}

/// How many decimals the product of a raw number has.
fn decimals(raw: &[u8]) -> usize {
    let (mantissa, exponent) = raw.split_at(raw.iter().position(|b| matches!(b, b'e' | b'E')).unwrap_or(raw.len()));
    let written = mantissa.iter().position(|b| *b == b'.').map(|at| mantissa.len() - at - 1);
    if exponent.is_empty() {
        return written.map_or(0, |written| written.clamp(2, MOST_DECIMALS));
    }
    let exponent: i64 = std::str::from_utf8(&exponent[1..]).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let digits = i64::try_from(written.unwrap_or(0)).unwrap_or(i64::MAX).saturating_add(2).saturating_sub(exponent);
    usize::try_from(digits).unwrap_or(0).clamp(2, MOST_DECIMALS)
}

/// Appends a number that is not negative with this many decimals, rounded half up. Numbers that are too far from 1 to be
/// response times are rounded as doubles.
fn write_fixed(number: f64, decimals: usize, out: &mut Vec<u8>) {
    const POWERS: [u64; 10] = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000];
    // Up to here a double represents whole numbers exactly.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let decimals = if number < EXACT { decimals } else { 0 };
    let power = POWERS.get(decimals).copied();
    #[allow(clippy::cast_precision_loss)] // powers of ten up to 10^9 are exact
    let scaled = power.map(|power| (number * power as f64 + 0.5).floor());
    let (Some(power), Some(scaled)) = (power, scaled.filter(|scaled| *scaled < EXACT)) else {
        let _ = write!(out, "{number:.decimals$}");
        return;
    };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // between 0 and 2^53
    let scaled = scaled as u64;
    let mut buffer = itoa::Buffer::new();
    out.extend_from_slice(buffer.format(scaled / power).as_bytes());
    if decimals > 0 {
        let fraction = buffer.format(scaled % power + power);
        out.push(b'.');
        out.extend_from_slice(&fraction.as_bytes()[1..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scaled(raw: &str, factor: f64) -> Option<String> {
        let mut out = Vec::new();
        scale(raw.as_bytes(), factor, &mut out).ok().map(|()| String::from_utf8(out).expect("digits"))
    }

    #[test]
    fn decimals_are_kept_and_at_least_two() {
        assert_eq!(scaled("245.32", 6.0).as_deref(), Some("1471.92"));
        assert_eq!(scaled("1.1", 3.0).as_deref(), Some("3.30"));
        assert_eq!(scaled("0.1234", 2.0).as_deref(), Some("0.2468"));
        assert_eq!(scaled("120", 2.5).as_deref(), Some("300"));
        assert_eq!(scaled("1.5e2", 2.0).as_deref(), Some("300.00"));
        assert_eq!(scaled("0.05", 1.5).as_deref(), Some("0.08"));
        assert_eq!(scaled("1e300", 10.0).map(|s| s.len()), Some(302));
    }

    #[test]
    fn text_and_units_stay_what_they_are() {
        for (raw, factor, product) in [
            ("\"0.058\"", 3.0, "\"0.174\""),
            ("\"120\"", 2.5, "\"300\""),
            ("\"12.3ms\"", 3.0, "\"36.90ms\""),
            ("\"12.3 ms\"", 3.0, "\"36.90 ms\""),
            ("\"0.057624s\"", 10.0, "\"0.576240s\""),
            ("\"1.5\u{b5}s\"", 3.0, "\"4.50\u{b5}s\""),
            ("\"1.5\\u00b5s\"", 3.0, "\"4.50\\u00b5s\""),
            ("\"1m2.5s\"", 3.0, "\"3m7.5s\""),
            ("\"59m0s\"", 2.0, "\"1h58m0s\""),
            ("\"1m2.5s\"", 0.1, "\"6.25s\""),
        ] {
            assert_eq!(scaled(raw, factor).as_deref(), Some(product), "{raw}");
        }
    }

    #[test]
    fn small_numbers_keep_what_they_say() {
        assert_eq!(scaled("5e-05", 3.0).as_deref(), Some("0.0001500"));
        assert_eq!(scaled("1.25E-4", 2.0).as_deref(), Some("0.00025000"));
        assert_eq!(scaled("0.000000000012", 2.0).as_deref(), Some("0.000000000024"));
        assert_eq!(scaled("245.32000000000002", 2.0).as_deref(), Some("490.64000000000004"));
        assert_eq!(scaled("2e+1", 2.5).as_deref(), Some("50.00"));
        let digits = format!("0.{}", "1".repeat(100_000));
        assert_eq!(scaled(&digits, 2.0).map(|s| s.len()), Some(MOST_DECIMALS + 2));
    }

    #[test]
    fn why_a_number_stays_is_told_apart() {
        let why = |raw: &str, factor| scale(raw.as_bytes(), factor, &mut Vec::new()).expect_err(raw);
        for raw in ["0", "-3", "null", "\"-\"", "\"0\"", "\"-1.5s\"", "\"0s\"", "\"-1m2s\"", "1e-400"] {
            assert_eq!(why(raw, 3.0), NotScaled::NoNumber, "{raw}");
        }
        for (raw, factor) in
            [("1", 1.2), ("1", 0.3), ("1e-40", 3.0), ("1e308", 10.0), ("12345678901234567890", 1.0), ("1.1", 1.0)]
        {
            assert_eq!(why(raw, factor), NotScaled::Stuck, "{raw}");
        }
    }

    #[test]
    fn what_is_no_time_or_does_not_change_is_left_alone() {
        for raw in ["0", "0.00", "-1", "null", "\"soon\"", "true", "1"] {
            assert_eq!(scaled(raw, 1.2), None, "{raw}");
        }
    }

    #[test]
    fn units_lie_in_their_range() {
        assert!(unit(0).abs() < f64::EPSILON);
        assert!(unit(u64::MAX) < 1.0);
    }
}
