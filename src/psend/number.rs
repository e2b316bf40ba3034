//! Compares JSON numbers, however they are written and however many digits they have.

/// Whether two numbers are equal, as `1.10` and `1.1` or `1e2` and `100` are. They are not converted to floating point, so all digits count.
pub(super) fn is_same(a: &str, b: &str) -> bool {
    a == b || Decimal::of(a).is_some_and(|a| Some(a) == Decimal::of(b))
}

/// A number as sign, digits and power of ten. Equal numbers have equal representations.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    negative: bool,
    /// Without zeros at either end. Empty for 0.
    digits: Vec<u8>,
    /// The power of ten of the last digit.
    exponent: i64,
}

impl Decimal {
    /// Reads a JSON number. Returns `None` for any other value, or if the exponent does not fit.
    fn of(text: &str) -> Option<Self> {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).skip_while(|digit| *digit == b'0').collect();
        if !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let mut exponent = exponent.checked_sub(i64::try_from(fraction.len()).ok()?)?;
        while digits.last() == Some(&b'0') {
            digits.pop();
            exponent = exponent.checked_add(1)?;
        }
        let is_zero = digits.is_empty();
        Some(Self { negative: negative && !is_zero, digits, exponent: if is_zero { 0 } else { exponent } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_same_by_all_their_digits_and_not_by_how_they_are_written() {
        for (a, b) in [("1.10", "1.1"), ("100", "1e2"), ("0.05", "5e-02"), ("-0", "0.0"), ("1E+2", "100.0")] {
            assert!(is_same(a, b), "{a} {b}");
        }
        for (a, b) in [
            ("9007199254740993", "9007199254740992"),
            ("12345678901234567890", "12345678901234567891"),
            ("99999999999999999999", "99999999999999999998"),
            ("0.1", "0.1000000000000000055511151231257827"),
            ("1", "-1"),
            ("1e400", "1e401"),
            ("1e99999999999999999999", "1e99999999999999999998"),
        ] {
            assert!(!is_same(a, b), "{a} {b}");
        }
    }
}
