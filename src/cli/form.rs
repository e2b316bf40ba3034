//! Recognises input that is not text in UTF-8 by its first bytes: compressed files, other encodings, databases, anything binary.

use std::fmt;
use std::io::{self, Read};

use super::compressed::Compression;
use crate::error::WrongForm;

/// How many first bytes of an input are judged.
const LOOK_AHEAD: usize = 1024;

/// How much of an input is read at first. psend starts as many requests as it has events, so a first read of only the bytes that
/// are judged would leave most senders waiting.
const FIRST_READ: usize = 64 << 10;

/// The smallest number of control characters that makes an input binary. A text may hold a few by mistake.
const FEW_CONTROLS: usize = 4;

/// A form that the tools do not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BinaryForm {
    name: &'static str,
    /// The command that converts a file in this form to text, if most systems have one.
    command: Option<&'static str>,
}

/// What is said of bytes that no format claims.
const BINARY: BinaryForm = BinaryForm { name: "not text: it begins with control characters", command: None };

impl BinaryForm {
    /// The advice for a file that a flag names.
    pub(super) fn advice(self) -> String {
        match self.command {
            Some(command) => format!("{self}; convert it to text first with {command}"),
            None => format!("{self}; expected text"),
        }
    }

    /// The advice for an input, where `rest` is what follows a command: ` FILE | pstats`.
    fn advice_for_input(self, rest: &str) -> String {
        match self.command {
            Some(command) => format!("{self}: {command}{rest}"),
            None => format!("{self}; expected JSON Lines"),
        }
    }
}

impl fmt::Display for BinaryForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this is {}", self.name)
    }
}

/// The form of a file with these first bytes, if they name one. The magic numbers are those of the formats' own
/// descriptions.
pub(super) fn of(start: &[u8]) -> Option<BinaryForm> {
    if let Some(compression) = Compression::of(start) {
        let (name, command) = match compression {
            Compression::Gzip => ("gzip", "zcat"),
            Compression::Zstd => ("zstd", "zstdcat"),
        };
        return Some(BinaryForm { name, command: Some(command) });
    }
    let (name, command) = match start {
        [0x1f, 0x9d, ..] => ("compressed (.Z)", "zcat"),
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, ..] => ("bzip2", "bzcat"),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => ("xz", "xzcat"),
        [0x04, 0x22, 0x4d, 0x18, ..] => ("lz4", "lz4cat"),
        [b'P', b'K', 0x03, 0x04, ..] | [b'P', b'K', 0x05, 0x06, ..] => ("a ZIP archive", "unzip -p"),
        [b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c, ..] => ("a 7z archive", "7z x -so"),
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => ("UTF-32", "iconv -f UTF-32 -t UTF-8"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => ("UTF-16", "iconv -f UTF-16 -t UTF-8"),
        [b'{' | b'[', 0, 0, 0, ..] => ("UTF-32", "iconv -f UTF-32LE -t UTF-8"),
        [b'{' | b'[', 0, ..] => ("UTF-16", "iconv -f UTF-16LE -t UTF-8"),
        [0, b'{' | b'[', 0, ..] => ("UTF-16", "iconv -f UTF-16BE -t UTF-8"),
        [b'P', b'A', b'R', b'1', 0..=0x1f, ..] => return BinaryForm::named("a Parquet file"),
        [b'O', b'b', b'j', 0x01, ..] => return BinaryForm::named("an Avro file"),
        [b'A', b'R', b'R', b'O', b'W', b'1', 0, ..] => return BinaryForm::named("an Arrow file"),
        [b'%', b'P', b'D', b'F', b'-', ..] => return BinaryForm::named("a PDF"),
        start if start.starts_with(b"SQLite format 3\0") => return BinaryForm::named("an SQLite database"),
        start if start.get(257..).is_some_and(|at| at.starts_with(b"ustar")) => ("a tar archive", "tar xOf"),
        _ => return None,
    };
    Some(BinaryForm { name, command: Some(command) })
}

impl BinaryForm {
    fn named(name: &'static str) -> Option<Self> {
        Some(Self { name, command: None })
    }
}

/// The number of bytes that text does not have: control characters other than white space, backspace and escape. One byte in eight of
/// what is compressed or encrypted is such a byte, one in two of UTF-16.
fn controls(start: &[u8]) -> usize {
    start.iter().filter(|byte| matches!(byte, 0..=0x07 | 0x0e..=0x1a | 0x1c..=0x1f)).count()
}

/// Whether these first bytes have more control characters than text. The bar is higher for what begins as JSON: a line with a few NULs
/// in it is a broken line among others.
fn is_suspicious(start: &[u8]) -> bool {
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    let one_in = if matches!(text.first(), Some(b'{' | b'[')) { 12 } else { 32 };
    controls(start) * one_in > start.len()
}

/// Judges the first bytes of an input.
fn judge(start: &[u8], is_all: bool) -> Option<BinaryForm> {
    of(start).or_else(|| (is_all && controls(start) >= FEW_CONTROLS && is_suspicious(start)).then_some(BINARY))
}

/// An input that fails with [`WrongForm`] as soon as its first bytes show that it is in another form. Bytes that may yet show it are not
/// handed on before it is known.
pub(super) struct Checked<R> {
    from: R,
    /// The first bytes. Only [`LOOK_AHEAD`] of them are judged.
    start: Vec<u8>,
    /// How many of these were handed on.
    given: usize,
    /// Whether the form is known.
    is_judged: bool,
    /// The text after the command that converts the input: ` FILE | pstats`.
    rest: String,
}

impl<R: Read> Checked<R> {
    pub(super) fn new(from: R, rest: String) -> Self {
        Self { from, start: Vec::new(), given: 0, is_judged: false, rest }
    }

    /// Reads first bytes until some can be handed on, or there are no more.
    ///
    /// # Errors
    /// If they show that the input is in another form, or cannot be read.
    pub(super) fn look(&mut self) -> io::Result<()> {
        while self.given == self.start.len() || is_suspicious(&self.start) {
            let held = self.start.len();
            self.start.resize(held + FIRST_READ, 0);
            let n = self.from.read(&mut self.start[held..]);
            self.start.truncate(held + n.as_ref().map_or(0, |n| *n));
            self.is_judged = n? == 0 || self.start.len() >= LOOK_AHEAD;
            if let Some(form) = judge(&self.start[..self.start.len().min(LOOK_AHEAD)], self.is_judged) {
                return Err(io::Error::other(WrongForm(form.advice_for_input(&self.rest))));
            }
            if self.is_judged {
                break;
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if !self.is_judged {
            self.look()?;
        }
        let held = &self.start[self.given..];
        if held.is_empty() {
            return if self.is_judged { self.from.read(buf) } else { Ok(0) };
        }
        let n = held.len().min(buf.len());
        buf[..n].copy_from_slice(&held[..n]);
        self.given += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_other_programs_compress_is_known_by_its_first_bytes() {
        for (start, command) in [
            (&b"\x1f\x8b\x08\x00"[..], Some("zcat")),
            (b"\x28\xb5\x2f\xfd\x04", Some("zstdcat")),
            (b"BZh91AY&SY", Some("bzcat")),
            (b"\xfd7zXZ\x00\x00", Some("xzcat")),
            (b"\x04\x22\x4d\x18", Some("lz4cat")),
            (b"\xff\xfe{\x00", Some("iconv -f UTF-16 -t UTF-8")),
            (b"{\x00\"\x00", Some("iconv -f UTF-16LE -t UTF-8")),
            (b"\xef\xbb\xbf{}", None),
            (b"{\"a\":1}", None),
            (b"[INFO] boot", None),
            (b"BZh is a name", None),
            (b"PK", None),
            (b"", None),
        ] {
            assert_eq!(of(start).and_then(|form| form.command), command, "{start:?}");
        }
    }

    #[test]
    fn the_first_bytes_may_come_one_by_one() {
        struct OneByOne(&'static [u8]);
        impl Read for OneByOne {
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                self.0.read(&mut buf[..1])
            }
        }
        let mut text = Vec::new();
        let said = Checked::new(OneByOne(b"BZh91AY&SYx"), " FILE | pstats".to_owned()).read_to_end(&mut text);
        assert_eq!(said.expect_err("bzip2").to_string(), "this is bzip2: bzcat FILE | pstats");
        assert!(Checked::new(OneByOne(b"{\"a\":1}\n"), String::new()).read_to_end(&mut text).is_ok());
    }

    #[test]
    fn what_no_format_claims_is_binary_if_it_has_more_control_characters_than_text() {
        let random: Vec<u8> = (0..LOOK_AHEAD as u64).map(|n| (crate::seed::mix(n) >> 20) as u8).collect();
        let utf16: Vec<u8> = "time,service\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let begins_as_json = [b"{\"".as_slice(), &random[..LOOK_AHEAD - 2]].concat();
        for binary in [&random, &utf16, &begins_as_json, &vec![0; 20], &[b"log\n".as_slice(), &[0; 30]].concat()] {
            assert_eq!(judge(binary, true), Some(BINARY), "{binary:?}");
            assert_eq!(judge(&binary[..binary.len() - 1], false), None);
        }
        let nul = format!("{{\"a\":\"{}\"}}\0\n", "x".repeat(30)).repeat(20);
        for text in ["{\"a\":null\0}", &nul, "\0{\"a\":1}", "\x1b[31mred\x1b[0m\n", "caf\u{e9}", ""] {
            assert_eq!(judge(text.as_bytes(), true), None, "{text:?}");
        }
    }

    #[test]
    fn no_byte_of_a_text_is_lost_or_held_back_for_long() {
        struct InPieces<'a>(&'a [u8], usize);
        impl Read for InPieces<'_> {
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                let n = self.1.min(buf.len());
                self.0.read(&mut buf[..n])
            }
        }
        let text = "{\"a\":\"\0\"}\n\0{\"b\":12345678901234}\n".repeat(200);
        for piece in [1, 3, 64, 1023, 5000] {
            let mut read = Vec::new();
            let mut first = [0; 8];
            let mut checked = Checked::new(InPieces(text.as_bytes(), piece), String::new());
            let n = checked.read(&mut first).expect("text");
            checked.read_to_end(&mut read).expect("text");
            assert_eq!([&first[..n], &read].concat(), text.as_bytes(), "{piece}");
        }
        let mut live = Checked::new(InPieces(b"{\"a\":1}\nx", 8), String::new());
        assert_eq!(live.read(&mut [0; 100]).expect("text"), 8);
    }
}
