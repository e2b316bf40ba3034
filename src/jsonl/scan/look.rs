//! A first pass over a line, in wide blocks: finds its quotes, and whether it holds anything unusual.
//!
//! Most lines are plain ASCII without control characters or backslashes, and this pass shows it. Once the quotes are known, the end
//! of a string is looked up instead of searched for. The pass ignores what is between the quotes.

use memchr::memchr;
use wide::u8x16;

use super::fields::index;
use super::quotes::{Quotes, WORD};
use super::text::Text;

/// The bytes that are examined together, one bit of a `u64` each.
const BLOCK: usize = 64;

/// What was seen in the last line. The buffer is reused from one line to the next.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// Whether the line is ASCII.
    pub(super) is_ascii: bool,
    /// Whether the line contains a control character.
    pub(super) has_controls: bool,
    /// Whether the line contains a backslash.
    pub(super) has_backslash: bool,
    quotes: Vec<u8>,
}

impl Look {
    /// Examines a line.
    #[inline]
    pub(super) fn at(&mut self, line: &[u8]) {
        let mut seen = Seen::default();
        let (blocks, tail) = line.as_chunks::<BLOCK>();
        // One word more than there are blocks, because reading the last bits also reads the bytes after them.
        let wanted = (blocks.len() + 2) * WORD;
        if self.quotes.len() < wanted {
            self.quotes.resize(wanted, 0);
        }
        let (words, _) = self.quotes.as_chunks_mut::<WORD>();
        for (block, word) in blocks.iter().zip(words.iter_mut()) {
            *word = seen.quotes(block).to_le_bytes();
        }
        // The rest is examined together with the bytes before it, because copying it takes longer.
        let mut short = [b' '; BLOCK];
        let (last, before) = match line.last_chunk() {
            Some(last) => (last, BLOCK - tail.len()),
            None => {
                short[..tail.len()].copy_from_slice(tail);
                (&short, 0)
            }
        };
        words[blocks.len()] = seen.quotes(last).unbounded_shr(index(before)).to_le_bytes();
        words[blocks.len() + 1] = [0; WORD];
        // The highest bit of each byte.
        self.is_ascii = seen.bits.move_mask() == 0;
        self.has_controls = seen.least.min(u8x16::splat(b' ' - 1)).cmp_eq(seen.least).any();
        self.has_backslash = seen.backslash.any();
    }

    /// Returns the quotes of the examined line, or `None` if an invalid escape makes them ambiguous.
    #[inline]
    pub(super) fn quotes(&mut self, line: &[u8]) -> Option<Quotes<'_>> {
        if self.has_backslash {
            self.leave_out_escaped(line)?;
        }
        Some(Quotes { bits: &self.quotes[..line.len() / 8 + 1 + WORD], has_escapes: self.has_backslash })
    }

    fn leave_out_escaped(&mut self, line: &[u8]) -> Option<()> {
        let mut text = Text { line, at: 0, strict: false, quotes: None };
        while let Some(further) = memchr(b'\\', &line[text.at..]) {
            text.at += further;
            let escaped = text.at + 1;
            text.escape().ok()?;
            self.quotes[escaped / 8] &= !(1 << (escaped % 8));
        }
        Some(())
    }
}

/// A summary of the blocks of a line.
struct Seen {
    /// The smallest byte at each of sixteen positions.
    least: u8x16,
    /// The bits that are set in any byte at each position.
    bits: u8x16,
    /// All ones at each position that had a backslash.
    backslash: u8x16,
}

impl Default for Seen {
    fn default() -> Self {
        Self { least: u8x16::splat(u8::MAX), bits: u8x16::ZERO, backslash: u8x16::ZERO }
    }
}

impl Seen {
    /// Examines a block. Returns its quotes, one bit each.
    #[inline(always)] // Keeps the summary in registers from block to block.
    fn quotes(&mut self, block: &[u8; BLOCK]) -> u64 {
        let mut quotes = 0;
        for (part, bytes) in block.as_chunks().0.iter().enumerate() {
            let bytes = u8x16::new(*bytes);
            self.least = self.least.min(bytes);
            self.bits |= bytes;
            self.backslash |= bytes.cmp_eq(u8x16::splat(b'\\'));
            quotes |= u64::from(bytes.cmp_eq(u8x16::splat(b'"')).move_mask().cast_unsigned()) << (part * 16);
        }
        quotes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_look_sees_what_looking_at_each_byte_does(line in prop::collection::vec(prop_oneof![Just(b'"'), any::<u8>(), b' '..b'~'], 0..300)) {
            let mut look = Look::default();
            look.at(&line);
            prop_assert_eq!(look.is_ascii, line.is_ascii());
            prop_assert_eq!(look.has_controls, line.iter().any(|b| *b < 0x20));
            prop_assert_eq!(look.has_backslash, line.contains(&b'\\'));
        }

        #[test]
        fn escaped_quotes_neither_begin_nor_end_a_string(parts in prop::collection::vec(r#"[a"]|\\\\|\\"|\\u00e9|a{30,90}"#, 0..60)) {
            let line = parts.concat();
            let mut look = Look::default();
            look.at(line.as_bytes());
            let mut at = 0;
            let expected: Vec<usize> = parts.iter().filter_map(|part| {
                at += part.len();
                (part == "\"").then_some(at - 1)
            }).collect();
            let quotes = look.quotes(line.as_bytes()).expect("every escape is one");
            let found: Vec<usize> = std::iter::successors(quotes.next(0), |at| quotes.next(at + 1)).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
