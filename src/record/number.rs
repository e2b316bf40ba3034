//! Numbers in fields: JSON numbers, and the same in quotes, which many loggers write.

use crate::jsonl::value;

/// Removes the quotes of a string. Returns any other value unchanged.
pub(crate) fn unquoted(raw: &[u8]) -> &[u8] {
    raw.strip_prefix(b"\"").and_then(|raw| raw.strip_suffix(b"\"")).unwrap_or(raw)
}

/// Reads the number in a raw value, quoted or not.
pub(crate) fn number(raw: &[u8]) -> Option<f64> {
    match raw {
        [b'"', inner @ .., b'"'] => number_in(inner),
        raw => value::number(raw),
    }
}

/// Reads a text that is a number and nothing else.
pub(crate) fn number_in(text: &[u8]) -> Option<f64> {
    Written::of(text).and_then(|_| value::number(text))
}

/// Reads the whole number in a raw value, quoted or not, including forms such as `200.0` and `2e2`.
#[inline]
pub(crate) fn integer(raw: &[u8]) -> Option<i64> {
    value::integer(raw).or_else(|| other_integer(raw))
}

#[cold]
fn other_integer(raw: &[u8]) -> Option<i64> {
    let text = unquoted(raw);
    let written = Written::of(text)?;
    value::integer(text).or_else(|| {
        let scaled = written.scaled()?;
        (scaled % SCALE == 0).then(|| i64::try_from(scaled / SCALE).ok())?
    })
}

/// Whether a raw value is a whole number of any size, quoted or not. Leading zeros are allowed.
pub(super) fn is_whole(raw: &[u8]) -> bool {
    let text = unquoted(raw);
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let is_integer = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let is_power = |written: Written<'_>| written.fraction.is_empty() && !written.power.contains(&b'-');
    is_integer || Written::of(text).is_some_and(is_power)
}

/// How many decimals [`Written::scaled`] keeps.
pub(super) const DECIMALS: usize = 12;

/// What [`Written::scaled`] multiplies by.
pub(super) const SCALE: i128 = 10i128.pow(12);

/// The parts of a number as JSON writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Written<'a> {
    pub negative: bool,
    pub whole: &'a [u8],
    /// The digits after the point.
    pub fraction: &'a [u8],
    /// From the `e` on, or empty.
    pub power: &'a [u8],
}

impl<'a> Written<'a> {
    /// Splits a text that is a JSON number and nothing else.
    pub(super) fn of(text: &'a [u8]) -> Option<Self> {
        let unsigned = text.strip_prefix(b"-").unwrap_or(text);
        let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (whole, rest) = unsigned.split_at(digits(unsigned));
        if whole.is_empty() || whole.len() > 1 && whole[0] == b'0' {
            return None;
        }
        let (fraction, power) = match rest.strip_prefix(b".") {
            None => (&rest[..0], rest),
            Some(rest) => Some(rest.split_at(digits(rest))).filter(|(fraction, _)| !fraction.is_empty())?,
        };
        if let [first, exponent @ ..] = power {
            let exponent = exponent.strip_prefix(b"-").or_else(|| exponent.strip_prefix(b"+")).unwrap_or(exponent);
            let is_power = matches!(first, b'e' | b'E') && !exponent.is_empty() && digits(exponent) == exponent.len();
            is_power.then_some(())?;
        }
        Some(Self { negative: unsigned.len() < text.len(), whole, fraction, power })
    }

    /// The power of ten after the `e`, or `None` if it is out of range.
    pub(super) fn exponent(&self) -> Option<i32> {
        let text = std::str::from_utf8(self.power.get(1..).unwrap_or(b"0")).ok()?;
        text.parse().ok().filter(|exponent| (-300..=300).contains(exponent))
    }

    /// The number times 10¹², rounded towards 0, or `None` if it is 10²¹ or more.
    pub(super) fn scaled(&self) -> Option<i128> {
        const MOST_DIGITS: i32 = 33;
        let digits = self.whole.iter().chain(self.fraction).map(|digit| i128::from(digit - b'0'));
        // The number of digits before the last one that counts.
        let kept = i32::try_from(self.whole.len() + DECIMALS).ok()?.checked_add(self.exponent()?)?;
        let mut value = 0i128;
        let mut places = 0;
        for digit in digits.take(usize::try_from(kept.max(0)).ok()?) {
            value = value * 10 + digit;
            places += 1;
            if value >= 10i128.pow(33) {
                return None;
            }
        }
        let missing = kept - places;
        if value == 0 || missing <= 0 {
            return Some(if self.negative { -value } else { value });
        }
        let value = (missing <= MOST_DIGITS).then(|| value.checked_mul(10i128.pow(missing.unsigned_abs())))??;
        (value < 10i128.pow(33)).then_some(if self.negative { -value } else { value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_quotes_too_and_nothing_else_is() {
        assert_eq!([number(b"1.5"), number(b"\"1.5\""), number(b"\"-2e2\"")], [Some(1.5), Some(1.5), Some(-200.0)]);
        assert_eq!([integer(b"200"), integer(b"\"200\""), integer(b"\"200.0\""), integer(b"2e2")], [Some(200); 4]);
        for raw in
            ["\"\"", "\"-\"", "\"abc\"", "\"-inf\"", "\"nan\"", "\"007\"", "\"1_0\"", "\" 1\"", "\"1.\"", "null", "[1]"]
        {
            assert_eq!((number(raw.as_bytes()), integer(raw.as_bytes())), (None, None), "{raw}");
        }
        assert_eq!([integer(b"200.5"), integer(b"\"1e99\"")], [None, None]);
    }

    #[test]
    fn a_number_is_scaled_by_its_digits() {
        let scaled = |text: &str| Written::of(text.as_bytes()).and_then(|written| written.scaled());
        assert_eq!(scaled("1767603600.123456"), Some(1_767_603_600_123_456_000_000));
        assert_eq!(scaled("1.767603600123456e9"), scaled("1767603600.123456"));
        assert_eq!(scaled("17676036001234560000e-10"), scaled("1767603600.123456"));
        assert_eq!(scaled("-0.0000000000015"), Some(-1));
        assert_eq!(scaled("5e-200"), Some(0));
        assert_eq!(scaled("0e300"), Some(0));
        for beyond in ["1e21", "1000000000000000000000", "1e400", "9e300"] {
            assert_eq!(scaled(beyond), None, "{beyond}");
        }
        assert_eq!(scaled("999999999999999999999.9999999999999"), Some(10i128.pow(33) - 1));
    }
}
