//! A JSON array of objects, split into lines as it streams by.
//!
//! Knows brackets, strings and commas, not the grammar: an element that is no JSON comes out as it stands, so that whoever
//! reads the line can say so.

use memchr::memchr3;

/// What the splitter has ready in [`ArraySplitter::piece`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    /// An element, as a line.
    Whole,
    /// A piece of an element that is longer than a line may be.
    Piece {
        /// How long the element is up to here.
        length: u64,
        /// Whether it ends here.
        last: bool,
    },
}

/// Splits the text between `[` and `]`; holds at most one line.
#[derive(Debug)]
pub(super) struct ArraySplitter {
    max_line: usize,
    piece: Vec<u8>,
    /// Whether what is in `piece` was handed out.
    taken: bool,
    /// Bytes of the current element that were handed out in pieces.
    handed_out: u64,
    began: bool,
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// Whether white space was taken out behind the last byte.
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

    /// Starts anew behind a `[`.
    pub(super) fn open(&mut self) {
        *self = Self { piece: std::mem::take(&mut self.piece), ..Self::new(self.max_line) };
        self.piece.clear();
    }

    /// Whether the `]` has been seen.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// The bytes of the [`Element`] that was returned last.
    pub(super) fn piece(&self) -> &[u8] {
        &self.piece
    }

    /// Whether the element that was returned last begins a line.
    pub(super) fn begins(&self) -> bool {
        self.began
    }

    /// Takes bytes until an element is ready, and says how many it took.
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
                // White space around an element is no part of it.
                b' ' | b'\t' if self.depth == 0 => self.gap = true,
                byte => self.take(byte),
            }
        }
        (at, None)
    }

    /// What is left of an element when the input ends without a `]`.
    pub(super) fn cut_off(&mut self) -> Option<Element> {
        self.closed = true;
        self.rest()
    }

    /// What stands before the `]`, unless it is only white space.
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
        // What was taken out must not join what it kept apart.
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
        // No more than a line is ever held.
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
            // No JSON string holds a raw line break. As a carriage return it stays as wrong as it was, on one line.
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
