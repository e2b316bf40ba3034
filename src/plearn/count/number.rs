//! Reads a raw JSON number quickly.

/// Whole powers of ten that a double holds exactly.
const POWERS: [f64; 16] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// The number, and its decimal places as written. A number with an exponent has none. `None` if it is too large for a double.
#[inline]
pub(in crate::plearn) fn number(raw: &[u8]) -> Option<(f64, u32)> {
    let (negative, digits) = match raw {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, raw),
    };
    let (mut whole, mut places, mut has_point) = (0u64, 0usize, false);
    if digits.len() > 16 {
        return slow(raw);
    }
    for byte in digits {
        match byte {
            b'0'..=b'9' => {
                whole = whole * 10 + u64::from(byte - b'0');
                places += usize::from(has_point);
            }
            b'.' if !has_point => has_point = true,
            _ => return slow(raw),
        }
    }
    // Both are exact below 2^53, so their quotient is the nearest double.
    if whole >= 1 << 53 || places >= POWERS.len() {
        return slow(raw);
    }
    #[allow(clippy::cast_precision_loss)]
    let number = whole as f64 / POWERS[places];
    Some((if negative { -number } else { number }, u32::try_from(places).unwrap_or(0)))
}

#[cold]
fn slow(raw: &[u8]) -> Option<(f64, u32)> {
    let text = std::str::from_utf8(raw).ok()?;
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite())?;
    let places = match text.split_once('.') {
        Some((_, behind)) if behind.bytes().all(|byte| byte.is_ascii_digit()) => behind.len(),
        _ => 0,
    };
    Some((number, u32::try_from(places).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_the_library_reads_them() {
        for (text, places) in [
            ("0", 0),
            ("-0", 0),
            ("87.11", 2),
            ("-12.5", 1),
            ("1e3", 0),
            ("1.5E-3", 0),
            ("9007199254740993", 0),
            ("0.1000000000000001", 16),
            ("123456789012345678901234567890", 0),
        ] {
            assert_eq!(number(text.as_bytes()), Some((text.parse().expect("a number"), places)), "{text}");
        }
        assert_eq!(number(b"1e999"), None);
    }
}
