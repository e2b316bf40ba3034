//! Percent-encoding (RFC 3986, 2.1).

/// Whether a byte stands for itself anywhere in a URL (RFC 3986, 2.3).
pub(super) fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// Appends bytes, with all but the plain ones encoded.
pub(super) fn encode(bytes: &[u8], is_plain: impl Fn(u8) -> bool, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in bytes {
        if is_plain(*byte) {
            out.push(*byte);
        } else {
            out.extend_from_slice(&[b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
    }
}

/// The bytes with all but the unreserved ones encoded.
pub(super) fn encoded(bytes: &[u8]) -> String {
    let mut out = Vec::with_capacity(bytes.len());
    encode(bytes, is_unreserved, &mut out);
    String::from_utf8(out).expect("it is ASCII")
}
