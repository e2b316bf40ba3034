//! Passes over the tokens of JSON's grammar (RFC 8259), one at a time.

use super::not_an_object::{NotAnObject, Problem};
use super::quotes::Quotes;

#[derive(Clone, Copy)]
pub(super) struct Text<'a> {
    pub(super) line: &'a [u8],
    pub(super) at: usize,
    /// Whether strings must be searched for control characters.
    pub(super) strict: bool,
    /// The quotes of the line, if all of its escapes are valid.
    pub(super) quotes: Option<Quotes<'a>>,
}

impl Text<'_> {
    /// The error for a problem at this place. At the end of the line, whatever was expected, the line is cut off.
    pub(super) fn wrong(&self, problem: Problem) -> NotAnObject {
        let problem = if self.at < self.line.len() { problem } else { Problem::EndOfLine };
        NotAnObject { at: self.at, problem }
    }

    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.line.get(self.at).copied()
    }

    #[inline]
    pub(super) fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek() {
            self.at += 1;
        }
    }

    #[inline]
    pub(super) fn expect(&mut self, byte: u8, problem: Problem) -> Result<(), NotAnObject> {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(self.wrong(problem))
        }
    }

    /// Passes over the string whose opening quote is here. Returns whether it holds escapes.
    #[inline]
    pub(super) fn string(&mut self) -> Result<bool, NotAnObject> {
        let start = self.at + 1;
        let Some(quotes) = self.quotes else { return self.string_by_bytes() };
        let Some(end) = quotes.next(start) else { return self.string_by_bytes() };
        let inner = &self.line[start..end];
        if self.strict {
            no_control_in(inner, start)?;
        }
        self.at = end + 1;
        Ok(quotes.has_escapes && inner.contains(&b'\\'))
    }

    /// Like [`Text::string`], for a line with an invalid escape or an unterminated string: finds the first problem.
    #[cold]
    fn string_by_bytes(&mut self) -> Result<bool, NotAnObject> {
        let start = self.at + 1;
        let mut escapes = false;
        self.at = start;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    escapes = true;
                    self.escape()?;
                }
                Some(_) => self.at += 1,
                None => return Err(self.wrong(Problem::EndOfLine)),
            }
        }
        no_control_in(&self.line[start..self.at], start)?;
        self.at += 1;
        Ok(escapes)
    }

    pub(super) fn escape(&mut self) -> Result<(), NotAnObject> {
        match self.line.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => match self.line.get(self.at + 2..self.at + 6) {
                Some(hex) if hex.iter().all(u8::is_ascii_hexdigit) => self.at += 6,
                _ => return Err(self.wrong(Problem::Escape)),
            },
            _ => return Err(self.wrong(Problem::Escape)),
        }
        Ok(())
    }

    #[inline]
    pub(super) fn scalar(&mut self) -> Result<(), NotAnObject> {
        match self.peek() {
            Some(b'"') => self.string().map(drop),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            _ => Err(self.wrong(Problem::Value)),
        }
    }

    pub(super) fn word(&mut self, word: &[u8]) -> Result<(), NotAnObject> {
        if !self.line[self.at..].starts_with(word) {
            return Err(self.wrong(Problem::Value));
        }
        self.at += word.len();
        Ok(())
    }

    #[inline]
    pub(super) fn number(&mut self) -> Result<(), NotAnObject> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    #[inline]
    pub(super) fn digits(&mut self) -> Result<(), NotAnObject> {
        let from = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at > from { Ok(()) } else { Err(self.wrong(Problem::Digits)) }
    }
}

/// Whether the bytes from `from` to `to` are a short number, `true`, `false` or `null`. Also returns `false` for longer and rarer
/// forms, and for a value at the very end of the line.
#[inline]
pub(super) fn is_short_scalar(line: &[u8], from: usize, to: usize) -> bool {
    const WORD: usize = 8;
    let length = to.wrapping_sub(from);
    let Some(bytes) = line.get(from..).and_then(<[u8]>::first_chunk::<WORD>) else { return false };
    if length.wrapping_sub(1) >= WORD {
        return false;
    }
    let all = u64::from_le_bytes(*bytes);
    let inside = u64::MAX >> (64 - 8 * length);
    if bytes[0] >= b'a' {
        // Fills the word with a byte that the line cannot hold, since it is UTF-8. Zeros would take `null\0` for `null`.
        let word = all | !inside;
        let text = |word: &[u8; WORD]| u64::from_le_bytes(*word);
        let is_null_or_true = (word == text(b"null\xff\xff\xff\xff")) | (word == text(b"true\xff\xff\xff\xff"));
        return is_null_or_true | (word == text(b"false\xff\xff\xff"));
    }
    // Leaves a bit in each byte that is not a digit. The high half of a digit is 3, and is still 3 after adding 6.
    const HIGH: u64 = 0xf0f0_f0f0_f0f0_f0f0;
    const THREES: u64 = 0x3030_3030_3030_3030;
    const SIXES: u64 = 0x0606_0606_0606_0606;
    let others = |word: u64| ((word & HIGH) ^ THREES) | ((word.wrapping_add(SIXES) & HIGH) ^ THREES);
    // Zeros appended to a number do not change whether it is valid.
    let digits = (all & inside) | (THREES & !inside);
    let found = others(digits);
    if found == 0 {
        return length == 1 || bytes[0] != b'0';
    }
    let point = (found.trailing_zeros() / 8) as usize;
    let without = digits ^ (u64::from(b'.' ^ b'0') << (8 * point));
    let is_one_point = bytes[point] == b'.' && others(without) == 0;
    is_one_point && point > 0 && point + 1 < length && (point == 1 || bytes[0] != b'0')
}

/// Checks that a string holds no control characters.
fn no_control_in(inner: &[u8], start: usize) -> Result<(), NotAnObject> {
    match inner.iter().position(|byte| *byte < b' ') {
        Some(at) => Err(NotAnObject { at: start + at, problem: Problem::Control }),
        None => Ok(()),
    }
}
