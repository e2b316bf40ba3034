//! Decodes raw JSON values.

use std::borrow::Cow;

/// Decodes a JSON string with its quotes. Returns `None` if the value has another type.
///
/// An escape that is not a character (a lone surrogate) becomes U+FFFD.
pub(crate) fn text(raw: &[u8]) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if !inner.contains(&b'\\') {
        return Some(String::from_utf8_lossy(inner));
    }
    match serde_json::from_slice::<String>(raw) {
        Ok(text) => Some(Cow::Owned(text)),
        Err(_) => Some(Cow::Owned(unescape_lossy(inner))),
    }
}

/// Returns a value as a label: the text of a string, or any other value as it is written.
pub(crate) fn label(raw: &[u8]) -> Cow<'_, str> {
    text(raw).unwrap_or_else(|| String::from_utf8_lossy(raw))
}

/// Parses a JSON number. Returns `None` if the value has another type.
pub(crate) fn number(raw: &[u8]) -> Option<f64> {
    if !matches!(raw.first()?, b'-' | b'0'..=b'9') {
        return None;
    }
    std::str::from_utf8(raw).ok()?.parse().ok()
}

/// Parses a JSON number without fraction or exponent. Returns `None` for any other value, and for one that does not fit.
pub(crate) fn integer(raw: &[u8]) -> Option<i64> {
    /// Every number with this many digits fits.
    const SHORT: usize = 18;
    let digits = raw.strip_prefix(b"-").unwrap_or(raw);
    if digits.is_empty() || digits.len() > SHORT {
        return long_integer(raw, digits);
    }
    let mut number = 0;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number * 10 + i64::from(digit);
    }
    Some(if digits.len() < raw.len() { -number } else { number })
}

#[cold]
fn long_integer(raw: &[u8], digits: &[u8]) -> Option<i64> {
    // The standard library also takes a plus sign.
    digits.first().filter(|byte| byte.is_ascii_digit())?;
    std::str::from_utf8(raw).ok()?.parse().ok()
}

/// Whether two short byte strings are equal. Compares sixteen bytes at a time, because a call to memcmp costs more than most of these
/// comparisons.
#[inline]
pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    const WIDE: usize = 16;
    let wide = |bytes: &[u8], at: usize| u128::from_le_bytes(bytes[at..at + WIDE].try_into().expect("sixteen bytes"));
    let word = |bytes: &[u8], at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
    let half = |bytes: &[u8], at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    if a.len() != b.len() {
        return false;
    }
    if a.len() >= WIDE {
        let last = a.len() - WIDE;
        let mut at = 0;
        while at < last {
            if wide(a, at) != wide(b, at) {
                return false;
            }
            at += WIDE;
        }
        return wide(a, last) == wide(b, last);
    }
    if a.len() >= 8 {
        let last = a.len() - 8;
        return (word(a, 0) ^ word(b, 0)) | (word(a, last) ^ word(b, last)) == 0;
    }
    if a.len() >= 4 {
        let last = a.len() - 4;
        return (half(a, 0) ^ half(b, 0)) | (half(a, last) ^ half(b, last)) == 0;
    }
    a.iter().zip(b).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

/// A text in which JSON's escapes are decoded wherever they stand, not only inside strings; `None` if it has none.
pub(crate) fn unescaped(text: &[u8]) -> Option<String> {
    memchr::memchr(b'\\', text).map(|_| unescape_lossy(text))
}

fn unescape_lossy(inner: &[u8]) -> String {
    let mut units: Vec<u16> = Vec::with_capacity(inner.len());
    let text = String::from_utf8_lossy(inner);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let c = if c == '\\' {
            chars.next().unwrap_or('\\')
        } else {
            units.extend(c.encode_utf16(&mut [0; 2]).iter());
            continue;
        };
        match c {
            'u' => {
                let hex: String = chars.by_ref().take(4).collect();
                units.push(u16::from_str_radix(&hex, 16).unwrap_or(0xfffd));
            }
            'n' => units.push(10),
            'r' => units.push(13),
            't' => units.push(9),
            'b' => units.push(8),
            'f' => units.push(12),
            c => units.extend(c.encode_utf16(&mut [0; 2]).iter()),
        }
    }
    String::from_utf16_lossy(&units)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_decoded() {
        assert_eq!(text(br#""plain""#).as_deref(), Some("plain"));
        assert_eq!(text(br#""S\u00e3o\n""#).as_deref(), Some("São\n"));
        assert_eq!(text(br#""\ud800 alone""#).as_deref(), Some("\u{fffd} alone"));
        assert_eq!(text(b"17"), None);
        assert_eq!(text(b"\""), None);
    }

    #[test]
    fn a_difference_is_found_at_any_length_and_position() {
        for length in 0..40 {
            let a: Vec<u8> = (0..length).collect();
            assert!(same(&a, &a.clone()));
            for place in 0..a.len() {
                let mut b = a.clone();
                b[place] ^= 0x80;
                assert!(!same(&a, &b), "{length} {place}");
            }
            assert!(!same(&a, &[a.as_slice(), &[0]].concat()));
        }
    }

    #[test]
    fn only_numbers_are_parsed_as_numbers() {
        assert_eq!(number(b"1.10"), Some(1.1));
        assert_eq!(number(b"-3e2"), Some(-300.0));
        assert_eq!(number(b"\"1\""), None);
        assert_eq!(integer(b"200"), Some(200));
        assert_eq!(integer(b"200.0"), None);
        assert_eq!(integer(b"-17"), Some(-17));
        assert_eq!(integer(b"9223372036854775807"), Some(i64::MAX));
        assert_eq!(integer(b"-9223372036854775808"), Some(i64::MIN));
        for not_one in
            ["99999999999999999999", "", "-", "+1", "+9223372036854775807", "--1", "1/", "1:", "00000000000000000x1"]
        {
            assert_eq!(integer(not_one.as_bytes()), None, "{not_one}");
        }
    }
}
