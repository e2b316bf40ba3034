//! Writes the bytes of an event: copies fixed pieces in blocks, and writes digits in place.

/// Pieces are copied in blocks of this size, past their end. The next piece overwrites the excess.
const BLOCK: usize = 64;

/// How many bytes past the end of the line may be overwritten.
pub(super) const SLACK: usize = 2 * BLOCK;

/// Stores fixed pieces of text.
#[derive(Debug, Default, Clone)]
pub(super) struct Pieces {
    bytes: Vec<u8>,
}

/// One of the [`Pieces`].
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Piece {
    start: u32,
    len: u32,
}

impl Piece {
    /// Its length in bytes.
    pub(super) fn len(self) -> usize {
        self.len as usize
    }
}

impl Pieces {
    /// Stores a piece.
    pub(super) fn add(&mut self, text: &str) -> Piece {
        // A piece can always be read in whole blocks.
        let start = self.bytes.len().saturating_sub(BLOCK);
        self.bytes.truncate(start);
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.resize(self.bytes.len() + BLOCK, 0);
        let place = |n: usize| u32::try_from(n).expect("a profile's texts are shorter than 4 GiB");
        Piece { start: place(start), len: place(text.len()) }
    }
}

/// Writes to bytes that have room for the line and for [`SLACK`].
#[derive(Debug)]
pub(super) struct LineBuffer<'a> {
    out: &'a mut [u8],
    at: usize,
}

impl<'a> LineBuffer<'a> {
    /// Starts at `at`.
    pub(super) fn new(out: &'a mut [u8], at: usize) -> Self {
        Self { out, at }
    }

    /// The offset after the last byte of the line.
    pub(super) fn end(&self) -> usize {
        self.at
    }

    /// Writes a stored piece.
    #[inline]
    pub(super) fn piece(&mut self, pieces: &Pieces, piece: Piece) {
        let mut from = piece.start as usize;
        let mut to = self.at;
        self.at += piece.len as usize;
        while to < self.at {
            self.out[to..to + BLOCK].copy_from_slice(&pieces.bytes[from..from + BLOCK]);
            from += BLOCK;
            to += BLOCK;
        }
    }

    /// Writes the first `len` of `N` bytes. All of them are copied, which is as fast.
    #[inline]
    pub(super) fn part<const N: usize>(&mut self, bytes: &[u8; N], len: usize) {
        self.out[self.at..self.at + N].copy_from_slice(bytes);
        self.at += len;
    }

    /// Writes any bytes.
    #[inline]
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.out[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }

    /// Takes back the last bytes.
    #[inline]
    pub(super) fn back(&mut self, bytes: usize) {
        self.at -= bytes;
    }

    /// What was written from an offset on.
    pub(super) fn written(&self, from: usize) -> &[u8] {
        &self.out[from..self.at]
    }

    /// Writes text whose length is known at compile time.
    #[inline]
    pub(super) fn text<const N: usize>(&mut self, text: &[u8; N]) {
        self.out[self.at..self.at + N].copy_from_slice(text);
        self.at += N;
    }

    /// Writes a number as 16 hexadecimal digits.
    #[inline]
    pub(super) fn hex16(&mut self, number: u64) {
        self.out[self.at..self.at + 8].copy_from_slice(&hex8((number >> 32) as u32));
        #[allow(clippy::cast_possible_truncation)] // the lower half
        self.out[self.at + 8..self.at + 16].copy_from_slice(&hex8(number as u32));
        self.at += 16;
    }

    /// Writes the upper 48 bits of a number as 12 hexadecimal digits.
    #[inline]
    pub(super) fn hex12(&mut self, number: u64) {
        self.hex16(number);
        self.at -= 4;
    }

    /// Writes a whole number.
    #[inline]
    pub(super) fn number(&mut self, number: u64) {
        if number < EIGHT_DIGITS {
            self.short(number);
        } else {
            self.long(number);
        }
    }

    /// Writes a whole number of at most eight digits.
    #[inline]
    pub(super) fn short(&mut self, number: u64) {
        let digits = digits8(number);
        // At least one digit is left, so 0 is `0`.
        let zeros = digits.trailing_zeros().min(56) / 8;
        self.text(&((digits >> (8 * zeros)) | ASCII_ZEROS).to_le_bytes());
        self.at -= zeros as usize;
    }

    #[cold]
    fn long(&mut self, number: u64) {
        self.number(number / EIGHT_DIGITS);
        self.text(&(digits8(number % EIGHT_DIGITS) | ASCII_ZEROS).to_le_bytes());
    }

    /// Writes hundredths as a number with two decimal places.
    #[inline]
    pub(super) fn hundredths(&mut self, hundredths: u64) {
        self.number(hundredths / 100);
        self.text(b".");
        self.digits2(hundredths % 100);
    }

    /// Writes a number times 10 to the power of its places.
    #[inline]
    pub(super) fn decimal(&mut self, number: i64, places: u32) {
        if number < 0 {
            self.text(b"-");
        }
        let (number, scale) = (number.unsigned_abs(), 10_u64.pow(places));
        if places == 0 {
            return self.number(number);
        }
        self.number(number / scale);
        self.text(b".");
        self.padded(number % scale, places as usize);
    }

    /// Writes the last digits of a number, with zeros in front.
    #[inline]
    pub(super) fn padded(&mut self, number: u64, digits: usize) {
        if digits > 8 {
            self.padded(number / EIGHT_DIGITS, digits - 8);
            self.text(&(digits8(number % EIGHT_DIGITS) | ASCII_ZEROS).to_le_bytes());
            return;
        }
        let zeros = 8 - digits;
        let all = digits8(number % EIGHT_DIGITS) | ASCII_ZEROS;
        self.text(&(all >> (8 * zeros).min(63)).to_le_bytes());
        self.at -= zeros;
    }

    /// Writes a number below a million with six digits.
    #[inline]
    pub(super) fn digits6(&mut self, number: u64) {
        self.text(&((digits8(number) >> 16) | ASCII_ZEROS).to_le_bytes());
        self.at -= 2;
    }

    /// Writes a number below 100 with two digits.
    #[inline]
    pub(super) fn digits2(&mut self, number: u64) {
        #[allow(clippy::cast_possible_truncation)] // digits
        self.text(&[b'0' + (number / 10) as u8, b'0' + (number % 10) as u8]);
    }
}

const EIGHT_DIGITS: u64 = 100_000_000;
const ASCII_ZEROS: u64 = 0x3030_3030_3030_3030;

/// The eight digits of a number below 10^8, the first in the lowest byte. Splits it into groups of four, two and one at once.
#[inline]
fn digits8(number: u64) -> u64 {
    let fours = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let twos = hundreds | ((fours - hundreds * 100) << 16);
    let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | ((twos - tens * 10) << 8)
}

/// The hexadecimal digits of 32 bits, computed for all bytes at once.
#[inline]
fn hex8(number: u32) -> [u8; 8] {
    // Spread the nibbles over bytes, with the first digit in the highest byte.
    let n = u64::from(number);
    let n = (n | (n << 16)) & 0x0000_ffff_0000_ffff;
    let n = (n | (n << 8)) & 0x00ff_00ff_00ff_00ff;
    let n = (n | (n << 4)) & 0x0f0f_0f0f_0f0f_0f0f;
    // 1 in each byte whose digit is a letter.
    let letters = ((n + 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101;
    let ascii = n + 0x3030_3030_3030_3030 + letters * u64::from(b'a' - b'0' - 10);
    ascii.to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn digits_are_those_of_the_standard_library(number: u64) {
            let mut out = [0; 256];
            let mut line = LineBuffer::new(&mut out, 0);
            line.hex16(number);
            line.text(b" ");
            line.hex12(number);
            line.text(b" ");
            line.number(number);
            line.text(b" ");
            line.hundredths(number >> 20);
            let end = line.end();
            let cents = number >> 20;
            let expected = format!("{number:016x} {:012x} {number} {}.{:02}", number >> 16, cents / 100, cents % 100);
            prop_assert_eq!(std::str::from_utf8(&out[..end]).expect("ASCII"), expected);
        }

        #[test]
        fn decimals_have_all_their_places(number in -9_007_199_254_740_992i64..9_007_199_254_740_992, places in 0u32..16, digits in 1usize..30) {
            let mut out = [0; 128];
            let mut line = LineBuffer::new(&mut out, 0);
            line.decimal(number, places);
            line.text(b" ");
            line.padded(number.unsigned_abs(), digits);
            let end = line.end();
            let (all, width) = (number.unsigned_abs().to_string(), places as usize + 1);
            let all = format!("{all:0>width$}");
            let (whole, rest) = all.split_at(all.len() - places as usize);
            let (sign, point) = (if number < 0 { "-" } else { "" }, if places > 0 { "." } else { "" });
            let padded = format!("{:0>30}", number.unsigned_abs());
            let expected = format!("{sign}{whole}{point}{rest} {}", &padded[30 - digits..]);
            prop_assert_eq!(std::str::from_utf8(&out[..end]).expect("ASCII"), expected);
        }

        #[test]
        fn numbers_have_no_leading_zeros_unless_they_are_padded(number in 0u64..1_000_000) {
            let mut out = [0; 64];
            let mut line = LineBuffer::new(&mut out, 0);
            line.number(number);
            line.text(b" ");
            line.number(number % 1000);
            line.text(b" ");
            line.digits6(number);
            let end = line.end();
            prop_assert_eq!(std::str::from_utf8(&out[..end]).expect("ASCII"), format!("{number} {} {number:06}", number % 1000));
        }

        #[test]
        fn pieces_are_written_as_they_were_stored(texts in proptest::collection::vec("\\PC{0,200}", 1..8)) {
            let mut pieces = Pieces::default();
            let kept: Vec<Piece> = texts.iter().map(|text| pieces.add(text)).collect();
            let mut out = vec![0; 8 * 200 * 4 + SLACK];
            let mut line = LineBuffer::new(&mut out, 0);
            for piece in kept {
                line.piece(&pieces, piece);
            }
            let end = line.end();
            prop_assert_eq!(std::str::from_utf8(&out[..end]).expect("UTF-8"), texts.concat());
        }
    }
}
