//! Splits a JSON array of objects into lines as it is read.
//!
//! It tracks only brackets, strings and commas. An element that is not valid JSON comes out unchanged, and the reader of the line
//! reports it.

use memchr::memchr3;

/// What the splitter has ready in [`ArraySplitter::piece`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    /// An element, as a line.
    Whole,
    /// A piece of an element that is longer than the limit for lines.
    Piece {
        /// The length of the element up to the end of this piece.
        length: u64,
        /// Whether it ends here.
        last: bool,
    },
}

/// Splits the text between `[` and `]`. Holds at most one line.
#[derive(Debug)]
pub(super) struct ArraySplitter {
    max_line: usize,
    piece: Vec<u8>,
    /// Whether the contents of `piece` have been returned.
    taken: bool,
    /// The number of bytes of the current element that have been returned in pieces.
    handed_out: u64,
    began: bool,
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// Whether white space was removed after the last byte.
    gap: bool,
    last_byte: u8,
    closed: bool,
}

impl ArraySplitter {
    pub(super) fn new(max_line: usize) -> Self {
        Self {
            max_line,
            piece: Vec::new(),
            taken: false,
            handed_out: 0,
            began: false,
            depth: 0,
            in_string: false,
            escaped: false,
            gap: false,
            last_byte: 0,
            closed: false,
        }
    }

    /// Starts again after a `[`.
    pub(super) fn open(&mut self) {
        *self = Self { piece: std::mem::take(&mut self.piece), ..Self::new(self.max_line) };
        self.piece.clear();
    }

    /// Whether the `]` has been seen.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// The bytes of the last returned [`Element`].
    pub(super) fn piece(&self) -> &[u8] {
        &self.piece
    }

    /// Whether the last returned element begins a line.
    pub(super) fn begins(&self) -> bool {
        self.began
    }

    /// Consumes bytes until an element is ready. Returns how many it consumed.
    pub(super) fn split(&mut self, bytes: &[u8]) -> (usize, Option<Element>) {
        if self.taken {
            self.taken = false;
            self.piece.clear();
        }
        let mut at = 0;
        while at < bytes.len() && !self.closed {
            if self.piece.len() > self.max_line {
                return (at, Some(self.hand_out(false)));
            }
            if self.in_string {
                at += self.take_string(&bytes[at..]);
                continue;
            }
            let byte = bytes[at];
            at += 1;
            match byte {
                b',' if self.depth == 0 => return (at, Some(self.hand_out(true))),
                b']' if self.depth == 0 => {
                    self.closed = true;
                    return (at, self.rest());
                }
                b'\n' | b'\r' => self.gap = true,
                // White space around an element does not belong to it.
                b' ' | b'\t' if self.depth == 0 => self.gap = true,
                byte => self.take(byte),
            }
        }
        (at, None)
    }

    /// Returns the rest of an element if the input ends without a `]`.
    pub(super) fn cut_off(&mut self) -> Option<Element> {
        self.closed = true;
        self.rest()
    }

    /// Returns the text since the last comma, unless it is only white space.
    fn rest(&mut self) -> Option<Element> {
        (self.handed_out > 0 || !self.piece.is_empty()).then(|| self.hand_out(true))
    }

    fn take(&mut self, byte: u8) {
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        let is_word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
        // Removed white space must not join the words that it separated.
        if self.gap && is_word(byte) && is_word(self.last_byte) {
            self.piece.push(b' ');
        }
        self.gap = false;
        self.last_byte = byte;
        self.piece.push(byte);
    }

    fn take_string(&mut self, bytes: &[u8]) -> usize {
        if self.escaped {
            self.escaped = false;
            self.piece.push(if bytes[0] == b'\n' { b'\r' } else { bytes[0] });
            return 1;
        }
        // Hold at most one line.
        let bytes = &bytes[..bytes.len().min(self.max_line.saturating_add(1))];
        let plain = memchr3(b'"', b'\\', b'\n', bytes).unwrap_or(bytes.len());
        self.piece.extend_from_slice(&bytes[..plain]);
        match bytes.get(plain) {
            None => return plain,
            Some(b'"') => {
                self.in_string = false;
                self.piece.push(b'"');
            }
            Some(b'\\') => {
                self.escaped = true;
                self.piece.push(b'\\');
            }
            // A raw line break is invalid in a JSON string. A carriage return is equally invalid, but keeps the element on one line.
            Some(_) => self.piece.push(b'\r'),
        }
        plain + 1
    }

    fn hand_out(&mut self, last: bool) -> Element {
        self.began = self.handed_out == 0;
        self.taken = true;
        self.handed_out += self.piece.len() as u64;
        let length = self.handed_out;
        if !last {
            return Element::Piece { length, last };
        }
        self.piece.push(b'\n');
        self.handed_out = 0;
        self.depth = 0;
        self.in_string = false;
        self.gap = false;
        self.last_byte = 0;
        if self.began && length <= self.max_line as u64 { Element::Whole } else { Element::Piece { length, last } }
    }
}
