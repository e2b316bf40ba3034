//! Reads lines from any number of inputs in bounded memory (contracts §1).

use memchr::{memchr, memchr_iter, memrchr};

use super::array::{ArraySplitter, Element};
use super::form::{FirstLook, InputForm, LOOK_AHEAD};
use crate::cli::input::{Inputs, Source};
use crate::error::{Error, Result};

/// The default of `--max-line`, 1 MiB.
pub const DEFAULT_MAX_LINE: usize = 1 << 20;

/// How many bytes to read at a time. 1 MiB was slower, because it does not stay in the cache (docs/limits.md).
const READ_BYTES: usize = 256 << 10;

/// Line ends are counted in windows of this many bytes before any is located. A window holds two long events, or a few short ones.
const WINDOW: usize = 2 << 10;

/// One physical line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// Its number in the whole input, from 1.
    pub seq: u64,
    /// Its bytes without the terminator.
    pub text: &'a [u8],
    /// The terminator: `\n`, `\r\n`, or nothing at the end of an input.
    pub end: &'a [u8],
}

impl Line<'_> {
    /// Whether there is nothing but white space.
    pub(crate) fn is_blank(&self) -> bool {
        self.text.iter().all(u8::is_ascii_whitespace)
    }
}

/// A part of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chunk<'a> {
    /// A byte order mark at the start of an input of lines. It does not belong to any line.
    ByteOrderMark(&'a [u8]),
    /// Complete lines as they were read, each at most `max_line` bytes. Only the last line of an input may lack a terminator.
    Lines {
        /// The number of the first.
        first_seq: u64,
        /// The lines with their terminators.
        bytes: &'a [u8],
    },
    /// The next piece of a line that is too long. The last piece includes the terminator.
    Overlong {
        /// The number of the line.
        seq: u64,
        /// Its bytes.
        piece: &'a [u8],
        /// The length of the line up to the end of this piece.
        length: u64,
        /// Whether the line ends here.
        last: bool,
    },
}

/// The lines of a chunk, in order.
pub fn lines(first_seq: u64, bytes: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let mut rest = bytes;
    let mut seq = first_seq;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (line, tail) = rest.split_at(memchr(b'\n', rest).map_or(rest.len(), |at| at + 1));
        rest = tail;
        let (text, end) = line.split_at(text_length(line));
        let line = Line { seq, text, end };
        seq += 1;
        Some(line)
    })
}

/// Finds the first lines of a chunk, at least one and at most `most`. Returns how many there are, and their length with terminators.
pub(crate) fn first_lines(bytes: &[u8], most: u64) -> (u64, usize) {
    let (mut count, mut length) = (0, 0);
    for window in bytes.chunks(WINDOW) {
        let more = line_ends(window);
        if count + more >= most {
            let last = memchr_iter(b'\n', window).nth(usize::try_from(most - count - 1).unwrap_or(usize::MAX));
            return (most, length + last.map_or(0, |at| at + 1));
        }
        count += more;
        length += window.len();
    }
    (count + u64::from(bytes.last().is_some_and(|last| *last != b'\n')), length)
}

/// Counts line ends.
fn line_ends(bytes: &[u8]) -> u64 {
    bytecount::count(bytes, b'\n') as u64
}

impl<'a> Chunk<'a> {
    /// The complete lines in this chunk. A mark or a piece has none.
    pub fn lines(&self) -> impl Iterator<Item = Line<'a>> + use<'a> {
        match *self {
            Self::Lines { first_seq, bytes } => lines(first_seq, bytes),
            _ => lines(0, &[]),
        }
    }
}

/// The length of a line without its terminator.
fn text_length(line: &[u8]) -> usize {
    match line {
        [.., b'\r', b'\n'] => line.len() - 2,
        [.., b'\n'] => line.len() - 1,
        _ => line.len(),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the start of an input: lines or an array?
    Fresh(FirstLook),
    Lines,
    /// Inside a line that is too long, of which this many bytes have been returned.
    Overlong(u64),
    Array,
    /// After the `]` of an array, on the same line.
    ArrayClosed,
    /// No input is left, or a signal asked to stop.
    Ended,
}

/// The result of one step. It holds ranges, so that the buffer can be borrowed once the search is over.
enum Found {
    Mark(usize, usize),
    Lines { first_seq: u64, from: usize, to: usize },
    Overlong { from: usize, to: usize, length: u64, last: bool },
    Element(Element),
    Nothing,
    End,
}

/// Reads lines. Its one buffer grows to the longest allowed line, or to 1 MiB if an input begins with white space.
pub struct LineReader {
    inputs: Inputs,
    source: Option<Source>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    max_line: usize,
    seq: u64,
    bytes_read: u64,
    state: State,
    array: ArraySplitter,
    unclosed_arrays: u64,
    /// How many of the bytes in the buffer are known to contain no line end.
    searched: usize,
    /// Whether the last read found nothing within the patience of the inputs.
    paused: bool,
    /// The range of the lines that were returned last, until they are counted.
    uncounted: Option<(usize, usize)>,
}

impl LineReader {
    /// A reader of all inputs in turn. `max_line` is the longest line in bytes, without its terminator.
    pub fn new(inputs: Inputs, max_line: usize) -> Self {
        Self::with_capacity(inputs, max_line, READ_BYTES)
    }

    /// Like [`LineReader::new`], but reads `capacity` bytes at a time. Callers that keep chunks for a while use smaller ones.
    pub(crate) fn with_capacity(inputs: Inputs, max_line: usize, capacity: usize) -> Self {
        Self {
            inputs,
            source: None,
            buffer: vec![0; capacity.max(1)],
            start: 0,
            end: 0,
            max_line,
            seq: 0,
            bytes_read: 0,
            state: State::Fresh(FirstLook::default()),
            array: ArraySplitter::new(max_line),
            unclosed_arrays: 0,
            searched: 0,
            paused: false,
            uncounted: None,
        }
    }

    /// Reports how many lines the last chunk had, if the caller has counted them. This saves a second search for line ends, a tenth
    /// of the cost of passing lines on.
    pub(crate) fn counted(&mut self, lines: u64) {
        if self.uncounted.take().is_some() {
            self.seq += lines;
        }
    }

    fn uncounted_lines(&self) -> u64 {
        self.uncounted.map_or(0, |(from, to)| line_ends(&self.buffer[from..to]))
    }

    /// The number of lines returned so far, which is the number of the last one.
    pub(crate) fn lines_read(&self) -> u64 {
        self.seq + self.uncounted_lines()
    }

    /// Bytes read so far.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// The number of JSON arrays whose input ended without a `]`. Their last element may be cut off.
    pub(crate) fn unclosed_arrays(&self) -> u64 {
        self.unclosed_arrays
    }

    /// Returns the next part of the input as soon as it has a complete line. Returns `None` at the end of the input, or at the end
    /// of a line after a signal asked to stop. If the inputs have a patience and it runs out, returns a part without lines.
    ///
    /// # Errors
    /// If an input cannot be read.
    pub fn next_chunk(&mut self) -> Result<Option<Chunk<'_>>> {
        self.seq = self.lines_read();
        self.uncounted = None;
        let found = loop {
            if self.inputs.stop().requested() {
                let cut = std::mem::replace(&mut self.state, State::Ended);
                if let State::Overlong(length) = cut {
                    break Found::Overlong { from: 0, to: 0, length, last: true };
                }
            }
            match self.step()? {
                Found::Nothing if std::mem::take(&mut self.paused) => {
                    break Found::Lines { first_seq: self.seq + 1, from: 0, to: 0 };
                }
                Found::Nothing => {}
                found => break found,
            }
        };
        Ok(Some(match found {
            Found::Mark(from, to) => Chunk::ByteOrderMark(&self.buffer[from..to]),
            Found::Lines { first_seq, from, to } => Chunk::Lines { first_seq, bytes: &self.buffer[from..to] },
            Found::Overlong { from, to, length, last } => {
                Chunk::Overlong { seq: self.seq, piece: &self.buffer[from..to], length, last }
            }
            Found::Element(Element::Whole) => Chunk::Lines { first_seq: self.seq, bytes: self.array.piece() },
            Found::Element(Element::Piece { length, last }) => {
                Chunk::Overlong { seq: self.seq, piece: self.array.piece(), length, last }
            }
            Found::Nothing | Found::End => return Ok(None),
        }))
    }

    fn step(&mut self) -> Result<Found> {
        match self.state {
            State::Ended => Ok(Found::End),
            State::Fresh(look) => self.look_at_the_start(look),
            State::Lines => self.take_lines(),
            State::Overlong(length) => self.take_piece(length),
            State::Array => self.take_element(),
            State::ArrayClosed => self.leave_array(),
        }
    }

    fn look_at_the_start(&mut self, mut look: FirstLook) -> Result<Found> {
        if self.source.is_none() {
            match self.inputs.next_source()? {
                None => {
                    self.state = State::Ended;
                    return Ok(Found::End);
                }
                source => self.source = source,
            }
        }
        let mut form = look.at(&self.buffer[self.start..self.end], false);
        if form == InputForm::Open {
            self.state = State::Fresh(look);
            if self.fill()? || self.state == State::Ended {
                return Ok(Found::Nothing);
            }
            form = look.at(&self.buffer[self.start..self.end], true);
        }
        let from = self.start;
        match form {
            InputForm::Array { elements } => {
                self.start += elements;
                self.array.open();
                self.state = State::Array;
                Ok(Found::Nothing)
            }
            InputForm::Lines { mark: 0 } | InputForm::Open => {
                self.state = State::Lines;
                Ok(Found::Nothing)
            }
            InputForm::Lines { mark } => {
                self.start += mark;
                self.state = State::Lines;
                Ok(Found::Mark(from, self.start))
            }
        }
    }

    fn take_lines(&mut self) -> Result<Found> {
        let ahead = &self.buffer[self.start..self.end];
        // Search a long line that arrives in small pieces only once.
        let searched = std::mem::take(&mut self.searched);
        let Some(last) = memrchr(b'\n', &ahead[searched..]).map(|at| searched + at) else {
            return self.take_unfinished_line();
        };
        let whole = &ahead[..=last];
        let allowed = if whole.len() <= self.max_line {
            whole.len()
        } else {
            let mut from = 0;
            memchr_iter(b'\n', whole)
                .take_while(|at| {
                    text_length(&whole[from..=*at]) <= self.max_line && {
                        from = at + 1;
                        true
                    }
                })
                .last()
                .map_or(0, |at| at + 1)
        };
        let from = self.start;
        if allowed == 0 {
            let length = memchr(b'\n', whole).map_or(whole.len(), |at| at + 1);
            self.start += length;
            self.seq += 1;
            return Ok(Found::Overlong { from, to: self.start, length: length as u64, last: true });
        }
        let first_seq = self.seq + 1;
        self.start += allowed;
        self.uncounted = Some((from, self.start));
        Ok(Found::Lines { first_seq, from, to: self.start })
    }

    /// Handles a buffer without a line end: reads on, ends the input, or begins to return a line that is too long.
    fn take_unfinished_line(&mut self) -> Result<Found> {
        let from = self.start;
        // If the line ends with `\r\n`, one more byte is still within the limit.
        if self.end - self.start > self.max_line + 1 {
            let length = (self.end - self.start) as u64;
            self.start = self.end;
            self.seq += 1;
            self.state = State::Overlong(length);
            return Ok(Found::Overlong { from, to: self.end, length, last: false });
        }
        self.searched = self.end - self.start;
        if self.fill()? || self.state == State::Ended {
            return Ok(Found::Nothing);
        }
        self.searched = 0;
        let (from, to) = (self.start, self.end);
        self.leave_source();
        if from == to {
            return Ok(Found::Nothing);
        }
        self.seq += 1;
        if to - from > self.max_line {
            return Ok(Found::Overlong { from, to, length: (to - from) as u64, last: true });
        }
        Ok(Found::Lines { first_seq: self.seq, from, to })
    }

    fn take_piece(&mut self, length: u64) -> Result<Found> {
        if self.start == self.end && !self.fill()? {
            if self.state != State::Ended {
                self.leave_source();
            }
            return Ok(Found::Overlong { from: 0, to: 0, length, last: true });
        }
        let from = self.start;
        let line_end = memchr(b'\n', &self.buffer[self.start..self.end]).map(|at| self.start + at + 1);
        self.start = line_end.unwrap_or(self.end);
        let length = length + (self.start - from) as u64;
        self.state = if line_end.is_some() { State::Lines } else { State::Overlong(length) };
        Ok(Found::Overlong { from, to: self.start, length, last: line_end.is_some() })
    }

    fn take_element(&mut self) -> Result<Found> {
        loop {
            let (consumed, element) = self.array.split(&self.buffer[self.start..self.end]);
            self.start += consumed;
            if let Some(element) = element {
                return Ok(self.count_element(element));
            }
            if self.array.is_closed() {
                self.state = State::ArrayClosed;
                return Ok(Found::Nothing);
            }
            if !self.fill()? {
                if self.state == State::Ended {
                    return Ok(Found::End);
                }
                self.unclosed_arrays += 1;
                self.leave_source();
                return Ok(self.array.cut_off().map_or(Found::Nothing, |element| self.count_element(element)));
            }
            if self.paused {
                return Ok(Found::Nothing);
            }
        }
    }

    fn count_element(&mut self, element: Element) -> Found {
        if self.array.begins() {
            self.seq += 1;
        }
        Found::Element(element)
    }

    /// Skips the rest of the line after the `]` if it is only white space. Anything else is a line.
    fn leave_array(&mut self) -> Result<Found> {
        let ahead = &self.buffer[self.start..self.end];
        match ahead.iter().position(|b| *b == b'\n' || !b.is_ascii_whitespace()) {
            Some(at) => {
                self.start += at + usize::from(ahead[at] == b'\n');
                self.state = State::Lines;
            }
            None => {
                self.start = self.end;
                if !self.fill()? && self.state != State::Ended {
                    self.leave_source();
                }
            }
        }
        Ok(Found::Nothing)
    }

    fn leave_source(&mut self) {
        self.source = None;
        self.start = self.end;
        self.state = State::Fresh(FirstLook::default());
    }

    /// Reads more bytes into the buffer, or notes that the input pauses. Returns `false` at the end of the input, and at a signal,
    /// when the state is `Ended`.
    fn fill(&mut self) -> Result<bool> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            let longest = self.max_line.saturating_add(2).max(LOOK_AHEAD);
            self.buffer.resize((self.buffer.len() * 2).min(longest).max(self.end + 1), 0);
        }
        let Some(source) = &mut self.source else { return Ok(false) };
        loop {
            match source.read.read(&mut self.buffer[self.end..]) {
                Ok(0) => return Ok(false),
                Ok(n) => {
                    self.end += n;
                    self.bytes_read += n as u64;
                    return Ok(true);
                }
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {
                    if self.inputs.stop().requested() {
                        self.state = State::Ended;
                        return Ok(false);
                    }
                }
                // A time-out of the system, such as that of a network file system, has an error number. The end of our patience has none.
                Err(e) if e.kind() == std::io::ErrorKind::TimedOut && e.raw_os_error().is_none() => {
                    self.paused = true;
                    return Ok(true);
                }
                Err(e) => return Err(Error::io(&source.place, e)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(input: &[u8], max_line: usize, capacity: usize) -> Vec<(u64, Vec<u8>, bool)> {
        let mut reader = LineReader::with_capacity(Inputs::from_bytes(input.to_vec()), max_line, capacity);
        let mut out: Vec<(u64, Vec<u8>, bool)> = Vec::new();
        while let Some(chunk) = reader.next_chunk().expect("memory can be read") {
            match chunk {
                Chunk::ByteOrderMark(mark) => out.push((0, mark.to_vec(), false)),
                Chunk::Lines { .. } => {
                    out.extend(chunk.lines().map(|l| (l.seq, [l.text, l.end].concat(), false)));
                }
                Chunk::Overlong { seq, piece, .. } => match out.last_mut() {
                    Some((last, bytes, true)) if *last == seq => bytes.extend_from_slice(piece),
                    _ => out.push((seq, piece.to_vec(), true)),
                },
            }
        }
        out
    }

    fn texts(input: &str) -> Vec<String> {
        read(input.as_bytes(), 1000, 16)
            .into_iter()
            .map(|(_, line, _)| String::from_utf8(line).expect("UTF-8"))
            .collect()
    }

    #[test]
    fn every_form_of_line_end_is_kept() {
        assert_eq!(texts("a\r\n\nb\nc"), ["a\r\n", "\n", "b\n", "c"]);
        assert_eq!(texts(""), [""; 0]);
        assert_eq!(texts("\n"), ["\n"]);
    }

    #[test]
    fn a_byte_order_mark_is_part_of_no_line() {
        assert_eq!(texts("\u{feff}{}\n"), ["\u{feff}", "{}\n"]);
        assert_eq!(texts("\u{feff}[{}]"), ["{}\n"]);
    }

    #[test]
    fn an_array_becomes_lines() {
        assert_eq!(
            texts("[\n  {\"a\": 1,\n   \"b\": [1,\n 2]},\r\n {\"c\":\"],\\\"\"}\n]\n"),
            ["{\"a\": 1,   \"b\": [1, 2]}\n", "{\"c\":\"],\\\"\"}\n"]
        );
        assert_eq!(texts(" [] "), [""; 0]);
        assert_eq!(texts("[[1],,2,]"), ["[1]\n", "\n", "2\n"]);
    }

    #[test]
    fn a_first_line_in_brackets_is_a_line_and_what_follows_is_not_lost() {
        assert_eq!(texts("[INFO] boot\n{\"a\":1}\n"), ["[INFO] boot\n", "{\"a\":1}\n"]);
        assert_eq!(texts("\u{feff}[INFO] boot\n{}\n"), ["\u{feff}", "[INFO] boot\n", "{}\n"]);
        assert_eq!(texts("\n [1,2]\r\n{}"), ["\n", " [1,2]\r\n", "{}"]);
        assert_eq!(texts("[\"a\"]\n{}\n"), ["[\"a\"]\n", "{}\n"]);
        assert_eq!(texts("[\nINFO"), ["[\n", "INFO"]);
    }

    #[test]
    fn a_bracket_alone_is_a_line() {
        assert_eq!(texts("["), ["["]);
        assert_eq!(texts("[\n \n"), ["[\n", " \n"]);
        assert_eq!(texts("\u{feff}["), ["\u{feff}", "["]);
    }

    #[test]
    fn white_space_between_the_bracket_and_the_first_element_may_span_reads() {
        let far = " \n".repeat(1000);
        assert_eq!(texts(&format!("[{far}{{}}{far}]")), ["{}\n"]);
        assert_eq!(texts(&format!("[{far}]")), [""; 0]);
        let lines = texts(&format!("[{far}x"));
        assert_eq!((lines.len(), lines[0].as_str(), lines[1000].as_str()), (1001, "[ \n", "x"));
        let too_far = " ".repeat(LOOK_AHEAD);
        for capacity in [1000, LOOK_AHEAD, 4 * LOOK_AHEAD] {
            let got = read(format!("[{too_far}\n{{}}\n").as_bytes(), 4 * LOOK_AHEAD, capacity);
            assert_eq!(got.iter().map(|(_, line, _)| line.len()).collect::<Vec<_>>(), [LOOK_AHEAD + 2, 3]);
        }
    }

    #[test]
    fn each_input_is_lines_or_an_array_by_itself() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = ["[INFO] boot\n{}", "[{},{}]", "[", "{}"].map(|text| {
            let path = folder.path().join(text.len().to_string());
            std::fs::write(&path, text).expect("a file");
            path
        });
        let inputs =
            Inputs::open(&files, &crate::cli::Stop::never(), &crate::cli::Console::new("test")).expect("files");
        let mut reader = LineReader::new(inputs, 100);
        let mut got = Vec::new();
        while let Some(chunk) = reader.next_chunk().expect("files can be read") {
            got.extend(chunk.lines().map(|line| (line.seq, String::from_utf8_lossy(line.text).into_owned())));
        }
        let texts = ["[INFO] boot", "{}", "{}", "{}", "[", "{}"].map(str::to_owned);
        assert_eq!(got, (1..).zip(texts).collect::<Vec<_>>());
    }

    #[test]
    fn an_array_that_is_cut_off_gives_what_is_there() {
        assert_eq!(texts("[{\"a\":1},{\"b\":"), ["{\"a\":1}\n", "{\"b\":\n"]);
        let mut reader = LineReader::new(Inputs::from_bytes("[{}"), 100);
        while reader.next_chunk().expect("memory can be read").is_some() {}
        assert_eq!(reader.unclosed_arrays(), 1);
    }

    #[test]
    fn line_breaks_in_an_array_never_join_what_they_kept_apart() {
        assert_eq!(texts("[{},1\n2]"), ["{}\n", "1 2\n"]);
        assert_eq!(texts("[{},\"a\nb\"]"), ["{}\n", "\"a\rb\"\n"]);
    }

    #[test]
    fn lines_behind_an_array_and_arrays_behind_a_line_are_lines() {
        assert_eq!(texts("[{}]\n{\"a\":1}\n[2]\n"), ["{}\n", "{\"a\":1}\n", "[2]\n"]);
        assert_eq!(texts("[{}] x\n"), ["{}\n", "x\n"]);
    }

    #[test]
    fn a_long_line_comes_in_pieces_and_its_neighbours_whole() {
        let input = format!("short\n{}\nnext\n", "x".repeat(100));
        let got = read(input.as_bytes(), 10, 16);
        assert_eq!(got.len(), 3);
        assert_eq!(got[1], (2, format!("{}\n", "x".repeat(100)).into_bytes(), true));
        assert_eq!(got[2], (3, b"next\n".to_vec(), false));
    }

    #[test]
    fn a_line_of_just_the_length_allowed_is_whole() {
        for end in ["", "\n", "\r\n"] {
            for capacity in [1, 4, 64] {
                let got = read(format!("0123456789{end}").as_bytes(), 10, capacity);
                assert_eq!(got, [(1, format!("0123456789{end}").into_bytes(), false)]);
                assert!(read(format!("0123456789x{end}").as_bytes(), 10, capacity)[0].2);
            }
        }
    }

    #[test]
    fn a_line_of_100_mb_does_not_grow_the_reader() {
        let mut input = vec![b'x'; 100 << 20];
        input.push(b'\n');
        let mut reader = LineReader::new(Inputs::from_bytes(input), DEFAULT_MAX_LINE);
        while reader.next_chunk().expect("memory can be read").is_some() {}
        assert!(reader.buffer.capacity() <= 2 * DEFAULT_MAX_LINE);
        assert_eq!(reader.lines_read(), 1);
    }

    proptest! {
        #[test]
        fn the_first_lines_are_the_first_of_all(input in "([ab]|[ab]{900}|\n){0,60}", most in 1usize..40) {
            let all: Vec<Line<'_>> = lines(1, input.as_bytes()).collect();
            let first = &all[..most.min(all.len())];
            let length = first.iter().map(|line| line.text.len() + line.end.len()).sum();
            prop_assert_eq!(first_lines(input.as_bytes(), most as u64), (first.len() as u64, length));
            prop_assert_eq!(line_ends(input.as_bytes()), memchr_iter(b'\n', input.as_bytes()).count() as u64);
        }

        #[test]
        fn the_size_of_reads_changes_nothing(
            input in "(\u{feff}|)(\\[|\\[\\{|)([ab\"\\\\,{}\\[\\]\r\n ]|aaaaaaaa|\r\n){0,60}", max_line in 1usize..20, capacity in 1usize..40,
        ) {
            prop_assert_eq!(read(input.as_bytes(), max_line, capacity), read(input.as_bytes(), max_line, 4096));
        }

        #[test]
        fn lines_put_together_are_the_input(input in "([ab ]|\r\n|\n){0,60}", max_line in 1usize..20, capacity in 1usize..40) {
            let got = read(input.as_bytes(), max_line, capacity);
            prop_assert_eq!(got.iter().flat_map(|(_, line, _)| line.clone()).collect::<Vec<u8>>(), input.as_bytes());
            prop_assert!(got.iter().map(|(seq, ..)| *seq).eq(1..=got.len() as u64));
            for (_, line, overlong) in &got {
                prop_assert_eq!(text_length(line) > max_line, *overlong);
            }
        }
    }
}
