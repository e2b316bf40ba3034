//! The secret that decides all stand-ins, and the pseudorandom functions that follow from it.

use std::fmt;

use ring::hmac;
use siphasher::sip128::SipHasher24;

/// The shortest key, in bytes. `openssl rand -hex 32` makes one of 64.
const SHORTEST: usize = 16;
/// The longest key, in bytes. A longer file is more likely the wrong file.
const LONGEST: usize = 4096;

/// The content of a key file.
#[derive(Clone)]
pub(in crate::pshape) struct Key(hmac::Key);

impl Key {
    /// How many bytes of a file are enough to see that it holds no key.
    pub(in crate::pshape) const LONGEST_FILE: u64 = 2 * LONGEST as u64;

    /// The key in a file with these bytes. White space around it does not count.
    ///
    /// # Errors
    /// If it is too short or too long to be a key. The message does not show it.
    pub(in crate::pshape) fn new(file: &[u8]) -> Result<Self, String> {
        let key = file.trim_ascii();
        if (SHORTEST..=LONGEST).contains(&key.len()) {
            return Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, key)));
        }
        let length = key.len();
        Err(format!(
            "holds {length} bytes; expected a key of {SHORTEST} to {LONGEST}, such as from: openssl rand -hex 32"
        ))
    }

    /// The function for one purpose. Functions for different purposes are independent (HMAC-SHA-256 as a key derivation).
    pub(super) fn function(&self, purpose: &str) -> Function {
        let tag = hmac::sign(&self.0, purpose.as_bytes());
        let key = tag.as_ref().first_chunk().expect("SHA-256 has 32 bytes");
        Function(SipHasher24::new_with_key(key))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A pseudorandom function: SipHash-2-4 with 128 bits (Aumasson and Bernstein 2012), which is made to be one for short inputs.
#[derive(Clone, Copy)]
pub(super) struct Function(SipHasher24);

impl Function {
    /// The value for these bytes.
    #[inline]
    pub(super) fn at(&self, bytes: &[u8]) -> u128 {
        self.0.hash(bytes).as_u128()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_functions_of_a_key_never_change() {
        let key = Key::new(b"0123456789abcdef0123456789abcdef\n").expect("a key");
        assert_eq!(format!("{:032x}", key.function("ids").at(b"user_1")), "691e136398cf2327826248e370330c98");
        assert_ne!(key.function("ids").at(b"user_1"), key.function("addresses").at(b"user_1"));
        assert_eq!(format!("{key:?}"), "***");
    }

    #[test]
    fn a_file_that_holds_no_key_is_refused() {
        for wrong in [&b""[..], b"short\n", b"               \n\n\n", &[b'x'; 5000]] {
            assert!(Key::new(wrong).is_err_and(|why| why.contains("expected a key of 16 to 4096")));
        }
    }
}
