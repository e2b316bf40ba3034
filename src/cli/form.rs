//! Recognises compressed input and other encodings than UTF-8 by their first bytes.

use std::fmt;
use std::io::{self, Read};

use crate::error::WrongForm;

/// The number of bytes needed to tell the forms apart.
pub(super) const LONGEST: usize = 7;

/// A form that the tools do not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    name: &'static str,
    /// The command that converts a file in this form to text.
    pub(super) command: &'static str,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this is {}", self.name)
    }
}

/// The form of a file with these first bytes. The magic numbers are those of RFC 1952, RFC 8878, and the formats' own descriptions.
pub(super) fn of(start: &[u8]) -> Option<Form> {
    let (name, command) = match start {
        [0x1f, 0x8b, ..] => ("gzip", "zcat"),
        [0x1f, 0x9d, ..] => ("compressed (.Z)", "zcat"),
        // The second is a frame that is to be skipped, with which some zstd files begin.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => ("zstd", "zstdcat"),
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, ..] => ("bzip2", "bzcat"),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => ("xz", "xzcat"),
        [0x04, 0x22, 0x4d, 0x18, ..] => ("lz4", "lz4cat"),
        [b'P', b'K', 0x03, 0x04, ..] => ("a ZIP archive", "unzip -p"),
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => ("UTF-32", "iconv -f UTF-32 -t UTF-8"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => ("UTF-16", "iconv -f UTF-16 -t UTF-8"),
        [b'{' | b'[', 0, ..] => ("UTF-16", "iconv -f UTF-16LE -t UTF-8"),
        [0, b'{' | b'[', ..] => ("UTF-16", "iconv -f UTF-16BE -t UTF-8"),
        _ => return None,
    };
    Some(Form { name, command })
}

/// An input that fails with [`WrongForm`] as soon as its first bytes show that it is in another form.
pub(super) struct Checked<R> {
    from: R,
    /// Up to [`LONGEST`] first bytes.
    start: Vec<u8>,
    /// The text after the command that converts the input: ` FILE | pstats`.
    rest: String,
}

impl<R: Read> Checked<R> {
    pub(super) fn new(from: R, rest: String) -> Self {
        Self { from, start: Vec::new(), rest }
    }
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.from.read(buf)?;
        if self.start.len() < LONGEST {
            self.start.extend(buf[..n].iter().take(LONGEST - self.start.len()));
            if let Some(form) = of(&self.start) {
                return Err(io::Error::other(WrongForm(format!("{form}: {}{}", form.command, self.rest))));
            }
        }
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
            assert_eq!(of(start).map(|form| form.command), command, "{start:?}");
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
}
