//! Numbers as they are written in JSON: multiplied without a detour through a tree.

use std::io::Write as _;
use std::str::FromStr;

use crate::jsonl::value;

/// A factor above 0: `3x`, `2.5`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Times(pub f64);

impl FromStr for Times {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.strip_suffix('x').unwrap_or(text).parse().ok();
        number
            .filter(|n: &f64| n.is_finite() && *n > 0.0)
            .map(Self)
            .ok_or("a factor above 0 is wanted, such as 3x or 2.5")
    }
}

/// A draw as a number from 0 (included) to 1 (excluded), in steps of 2^-53.
#[allow(clippy::cast_precision_loss)] // 53 bits fit
pub(super) fn unit(draw: u64) -> f64 {
    (draw >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
}

/// A draw from the standard normal law (Box and Muller 1958), by `libm`, so that every machine finds the same.
pub(super) fn normal(draw: u64) -> f64 {
    const HALF: f64 = 4_294_967_296.0;
    #[allow(clippy::cast_precision_loss)] // 32 bits fit
    let (radius, angle) = (((draw >> 32) as f64 + 0.5) / HALF, (draw & 0xffff_ffff) as f64 / HALF);
    libm::sqrt(-2.0 * libm::log(radius)) * libm::cos(2.0 * std::f64::consts::PI * angle)
}

/// Multiplies a raw JSON number above 0 into `out`. `false`, with `out` of no meaning, where the value is no such number or does
/// not change.
///
/// A number with a fraction keeps its decimals, and has at least two; one without stays whole, for a schema may ask for it.
pub(super) fn scale(raw: &[u8], factor: f64, out: &mut Vec<u8>) -> bool {
    let Some(number) = value::number(raw).filter(|n| *n > 0.0) else { return false };
    let plain = !raw.iter().any(|b| matches!(b, b'e' | b'E'));
    let decimals = match raw.iter().position(|b| *b == b'.') {
        None if plain => 0,
        Some(at) if plain => (raw.len() - at - 1).clamp(2, 9),
        _ => 2,
    };
    out.clear();
    write_fixed(number * factor, decimals, out);
    out != raw
}

/// Appends a number at or above 0 with so many decimals, rounded half up.
fn write_fixed(number: f64, decimals: usize, out: &mut Vec<u8>) {
    const POWERS: [u64; 10] = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000];
    // Up to here a double holds whole numbers exactly.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let power = POWERS[decimals];
    #[allow(clippy::cast_precision_loss)] // powers of ten up to 10^9 are exact
    let scaled = (number * power as f64 + 0.5).floor();
    if scaled >= EXACT || !scaled.is_finite() {
        // No writer of response times comes here; what is written is still a number.
        let _ = write!(out, "{:.0}", number.min(f64::MAX));
        return;
    }
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
        scale(raw.as_bytes(), factor, &mut out).then(|| String::from_utf8(out).expect("digits"))
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
    fn what_is_no_time_or_does_not_change_is_left_alone() {
        for raw in ["0", "0.00", "-1", "null", "\"12\"", "true", "1"] {
            assert_eq!(scaled(raw, 1.2), None, "{raw}");
        }
    }

    #[test]
    fn units_lie_in_their_range() {
        assert!(unit(0).abs() < f64::EPSILON);
        assert!(unit(u64::MAX) < 1.0);
    }
}
