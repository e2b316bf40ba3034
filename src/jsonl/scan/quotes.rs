//! Where the strings of a line begin and end.

/// The bytes of a `u64`.
pub(super) const WORD: usize = 8;

/// The quotes that begin and end the strings of a line: a bit for each byte of the line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quotes<'a> {
    /// At least a whole word is left after the last byte of the line.
    pub(super) bits: &'a [u8],
    /// Whether the line holds escapes.
    pub(super) has_escapes: bool,
}

impl Quotes<'_> {
    /// Returns the place of the first quote at or after `from`.
    #[inline]
    pub(super) fn next(self, mut from: usize) -> Option<usize> {
        loop {
            let bits = u64::from_le_bytes(*self.bits.get(from / 8..)?.first_chunk()?) >> (from % 8);
            if bits != 0 {
                return Some(from + bits.trailing_zeros() as usize);
            }
            from = (from / 8 + WORD) * 8;
        }
    }
}
