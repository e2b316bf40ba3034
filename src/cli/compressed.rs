//! Reads files that are compressed by gzip or zstd as the text in them, and the frames of zstd wherever they come from. Memory is
//! bounded for any bytes.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Error, ErrorKind, Read, Seek, SeekFrom};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// The largest window of a zstd frame, in bytes. `zstd --long` writes it. To read a larger one, zstd itself needs a flag.
const ZSTD_WINDOW: u64 = 128 << 20;

/// How many bytes are read from the file at a time.
const PIECE: usize = 128 << 10;

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Compression {
    /// The compression of a file with these first bytes. `None` for a file that is read as it is.
    pub(crate) fn of(start: &[u8]) -> Option<Self> {
        match start {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            // The second is a skippable frame, with which some files begin.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            _ => None,
        }
    }

    /// The compression of a regular file, by the bytes at its current position, which stays.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(crate) fn of_file(file: &mut File) -> io::Result<Option<Self>> {
        let from = file.stream_position()?;
        let mut start = Vec::new();
        Read::by_ref(file).take(4).read_to_end(&mut start)?;
        file.seek(SeekFrom::Start(from))?;
        Ok(Self::of(&start))
    }

    /// The text in a file that is compressed like this, from its current position. A read fails if the data is cut off or damaged.
    pub(crate) fn text_of(self, file: File) -> Box<dyn Read + Send> {
        let from = BufReader::with_capacity(PIECE, file);
        match self {
            Self::Gzip => Box::new(Whole { form: "gzip", from: MultiGzDecoder::new(from) }),
            Self::Zstd => Box::new(Whole { form: "zstd", from: Frames::new(from, ZSTD_WINDOW) }),
        }
    }
}

/// Reads a regular file from its current position: its bytes, or the text in it if it is compressed.
///
/// # Errors
/// If the file cannot be read. A later read fails if the compressed data is cut off or damaged.
pub(crate) fn read(mut file: File) -> io::Result<Box<dyn Read + Send>> {
    Ok(match Compression::of_file(&mut file)? {
        Some(compression) => compression.text_of(file),
        None => Box::new(file),
    })
}

/// A decoder whose errors say what is wrong with the file.
struct Whole<R> {
    form: &'static str,
    from: R,
}

impl<R: Read> Read for Whole<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.from.read(buf).map_err(|error| match error.kind() {
            ErrorKind::Interrupted => error,
            ErrorKind::UnexpectedEof => Error::new(error.kind(), format!("the {} data is cut off", self.form)),
            kind => Error::new(kind, format!("the {} data is damaged: {error}", self.form)),
        })
    }
}

/// Decompresses all zstd frames of an input, one after the other. Verifies their checksums.
pub(crate) struct Frames<R> {
    from: R,
    decoder: FrameDecoder,
    is_within: bool,
}

impl<R: BufRead> Frames<R> {
    /// Reads frames whose windows have at most this many bytes. A larger one is an error.
    pub(crate) fn new(from: R, window: u64) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(window);
        Self { from, decoder, is_within: false }
    }

    /// Moves to the next frame that is not empty. Returns `false` at the end of the file.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.from.fill_buf()?.is_empty() {
            match self.decoder.init(&mut self.from) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    let skipped = io::copy(&mut Read::by_ref(&mut self.from).take(length.into()), &mut io::sink())?;
                    if skipped < length.into() {
                        return Err(ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(self.told(error)),
            }
        }
        Ok(false)
    }

    /// An error at the end of the file means that the file is cut off.
    fn told(&mut self, error: FrameDecoderError) -> Error {
        match self.from.fill_buf() {
            Ok([]) => ErrorKind::UnexpectedEof.into(),
            Ok(_) => Error::other(error),
            Err(error) => error,
        }
    }

    fn end(&mut self) -> io::Result<()> {
        let written = self.decoder.get_checksum_from_data();
        if written.is_some() && written != self.decoder.get_calculated_checksum() {
            return Err(Error::new(ErrorKind::InvalidData, "a checksum does not match"));
        }
        self.is_within = false;
        Ok(())
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.is_within {
                self.is_within = self.begin()?;
                if !self.is_within {
                    return Ok(0);
                }
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let step = BlockDecodingStrategy::UptoBlocks(1);
                if let Err(error) = self.decoder.decode_blocks(&mut self.from, step) {
                    return Err(self.told(error));
                }
            }
            match self.decoder.read(buf)? {
                0 => self.end()?,
                read => return Ok(read),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::write::GzEncoder;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut to = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        to.write_all(text).and_then(|()| to.finish()).expect("memory")
    }

    fn zstd(text: &[u8]) -> Vec<u8> {
        compress_to_vec(text, CompressionLevel::Fastest)
    }

    fn text_of(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut file = tempfile::tempfile()?;
        file.write_all(bytes)?;
        file.rewind()?;
        let mut text = Vec::new();
        read(file)?.read_to_end(&mut text).map(|_| text)
    }

    fn lines() -> Vec<u8> {
        (0..20_000).flat_map(|n| format!("{{\"n\":{n}}}\n").into_bytes()).collect()
    }

    #[test]
    fn compressed_files_are_read_as_their_text_whole_or_in_several_parts() {
        let text = lines();
        let (first, second) = text.split_at(text.len() / 3);
        let skipped = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3][..], &zstd(&text)].concat();
        for bytes in [
            text.clone(),
            gzip(&text),
            [gzip(first), gzip(second)].concat(),
            zstd(&text),
            [zstd(first), zstd(second)].concat(),
            [zstd(first), zstd(b""), zstd(second)].concat(),
            skipped,
        ] {
            assert!(text_of(&bytes).expect("a whole file") == text);
        }
        assert_eq!(text_of(b"").expect("an empty file"), b"");
    }

    #[test]
    fn a_compressed_file_that_is_cut_off_anywhere_says_so() {
        for whole in [gzip(&lines()), zstd(&lines())] {
            for end in (5..whole.len()).step_by(97).chain([whole.len() - 1]) {
                let error = text_of(&whole[..end]).expect_err("it is cut off");
                assert!(error.to_string().ends_with("data is cut off"), "at {end} of {}: {error}", whole.len());
            }
        }
    }

    #[test]
    fn a_damaged_file_is_never_taken_for_a_whole_one() {
        let text = lines();
        for whole in [gzip(&text), zstd(&text)] {
            for at in (20..whole.len()).step_by(211) {
                let mut damaged = whole.clone();
                damaged[at] ^= 0x20;
                assert!(text_of(&damaged).map_or(true, |found| found == text), "at {at}");
            }
        }
        let error = text_of(&[&gzip(&text), &b"garbage"[..]].concat()).expect_err("garbage");
        assert!(error.to_string().starts_with("the gzip data is"), "{error}");
    }
}
