//! Undoes compression and text encodings that servers and proxies apply to the body of an answer without being asked. Memory is bounded
//! for any bytes.

use std::borrow::Cow;
use std::io::Read;

use brotli_decompressor::Decompressor;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use crate::cli::compressed::{Compression, Frames};

/// The most codings of a body. Each costs time.
const MOST_CODINGS: usize = 4;

/// The largest window of a zstd body, in bytes; RFC 9659 allows no larger one in HTTP.
const ZSTD_WINDOW: u64 = 8 << 20;

/// The items of a list in a header's value.
pub(super) fn items(value: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

/// Undoes the codings of a body, which are listed in the order in which they were applied. Nearly always there are none.
///
/// # Errors
/// If the body cannot be read, or has more than `most` bytes.
pub(super) fn decode<'a>(body: &'a [u8], codings: &[u8], most: usize) -> Result<Cow<'a, [u8]>, String> {
    let is_one = |coding: &&[u8]| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity");
    if body.is_empty() || items(codings).filter(is_one).count() == 0 {
        return Ok(unnamed(body, most).map_or(Cow::Borrowed(body), Cow::Owned));
    }
    if items(codings).filter(is_one).count() > MOST_CODINGS {
        return Err(format!("the answer has more than {MOST_CODINGS} content codings"));
    }
    items(codings).rev().filter(is_one).try_fold(Cow::Borrowed(body), |body, coding| {
        let name = String::from_utf8_lossy(coding).to_ascii_lowercase();
        undo(&name, &body, most).map(Cow::Owned)
    })
}

/// The text of a body that is compressed although no header says so. `None` if it is not compressed, or is damaged.
fn unnamed(body: &[u8], most: usize) -> Option<Vec<u8>> {
    let coding = match Compression::of(body)? {
        Compression::Gzip => "gzip",
        Compression::Zstd => "zstd",
    };
    undo(coding, body, most).ok()
}

fn undo(coding: &str, body: &[u8], most: usize) -> Result<Vec<u8>, String> {
    let read = match coding {
        "gzip" | "x-gzip" => all_of(MultiGzDecoder::new(body), most),
        // The name means the zlib format (RFC 9110, 8.4.1.2), but some servers leave out its header.
        "deflate" => all_of(ZlibDecoder::new(body), most).or_else(|_| all_of(DeflateDecoder::new(body), most)),
        // A "large window", which HTTP does not allow, would take up to 1 GiB.
        "br" if body[0] & 0x7f == 0x11 => Err("a window that is too large".to_owned()),
        "br" => all_of(Decompressor::new(body, 4 << 10), most),
        "zstd" => all_of(Frames::new(body, ZSTD_WINDOW), most),
        _ => return Err(format!("psend cannot read the content coding '{}' of the answer", coding.escape_debug())),
    };
    match read {
        Ok(text) if text.len() > most => Err(format!("the answer is longer than {most} bytes once it is decompressed")),
        Ok(text) => Ok(text),
        Err(why) => Err(format!("the answer is not valid {coding}: {why}")),
    }
}

/// Reads everything, up to one byte more than the limit.
fn all_of(from: impl Read, most: usize) -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    match from.take((most as u64).saturating_add(1)).read_to_end(&mut text) {
        Ok(_) => Ok(text),
        Err(e) => Err(e.to_string()),
    }
}

/// Converts a text to UTF-8: removes a byte order mark, and decodes UTF-16 if the mark says so.
pub(super) fn utf8(text: Vec<u8>) -> Vec<u8> {
    let utf16 = |unit: fn([u8; 2]) -> u16| {
        let units = text[2..].chunks(2).map(|pair| unit([pair[0], *pair.get(1).unwrap_or(&0)]));
        let decoded = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER));
        decoded.collect::<String>().into_bytes()
    };
    match &text[..] {
        [0xef, 0xbb, 0xbf, ..] => text[3..].to_vec(),
        [0xff, 0xfe, ..] => utf16(u16::from_le_bytes),
        [0xfe, 0xff, ..] => utf16(u16::from_be_bytes),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use proptest::prelude::*;
    use std::io::Write;

    const TEXT: &[u8] = br#"{"success":true,"message":"Event already exists (idempotent)"}"#;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut to = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        to.write_all(text).and_then(|()| to.finish()).expect("memory")
    }

    fn zlib(text: &[u8]) -> Vec<u8> {
        let mut to = ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        to.write_all(text).and_then(|()| to.finish()).expect("memory")
    }

    fn raw(text: &[u8]) -> Vec<u8> {
        let mut to = DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        to.write_all(text).and_then(|()| to.finish()).expect("memory")
    }

    fn zstd(text: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(text, ruzstd::encoding::CompressionLevel::Fastest)
    }

    /// As `brotli -c` (1.0.9) writes it: one uncompressed block is enough to say anything.
    fn br(text: &[u8]) -> Vec<u8> {
        // WBITS 16; not last, four nibbles of length, uncompressed (RFC 7932, 9.1 and 9.2); then the empty last block.
        let length = u32::try_from(text.len() - 1).expect("a short text");
        let header = (length << 4) | (1 << 20);
        [&header.to_le_bytes()[..3], text, &[3]].concat()
    }

    fn decoded(body: Vec<u8>, codings: &str) -> Result<Vec<u8>, String> {
        decode(&body, codings.as_bytes(), 1 << 10).map(Cow::into_owned)
    }

    #[test]
    fn each_coding_of_http_is_undone_and_several_in_turn() {
        for (body, codings) in [
            (TEXT.to_vec(), ""),
            (TEXT.to_vec(), "identity"),
            (gzip(TEXT), ""),
            (zstd(TEXT), "identity"),
            (gzip(TEXT), "gzip"),
            (gzip(TEXT), "X-GZip"),
            ([gzip(&TEXT[..9]), gzip(&TEXT[9..])].concat(), "gzip"),
            (zlib(TEXT), "deflate"),
            (raw(TEXT), "deflate"),
            (zstd(TEXT), "zstd"),
            ([zstd(&TEXT[..9]), b"\x50\x2a\x4d\x18\x02\0\0\0xx".to_vec(), zstd(&TEXT[9..])].concat(), "zstd"),
            (br(TEXT), "br"),
            (gzip(&zstd(&br(TEXT))), "br, identity ,zstd,gzip"),
        ] {
            assert_eq!(decoded(body, codings).as_deref(), Ok(TEXT), "{codings}");
        }
        assert_eq!(decoded(Vec::new(), "gzip"), Ok(Vec::new()), "there may be no body to compress");
    }

    #[test]
    fn a_body_that_cannot_be_read_has_a_reason() {
        for (body, codings, why) in [
            (TEXT.to_vec(), "compress", "cannot read the content coding 'compress'"),
            (TEXT.to_vec(), "gzip", "the answer is not valid gzip"),
            (TEXT.to_vec(), "deflate", "the answer is not valid deflate"),
            (TEXT.to_vec(), "br", "the answer is not valid br"),
            (TEXT.to_vec(), "zstd", "the answer is not valid zstd"),
            (vec![0x11, 30, 0, 0], "br", "a window that is too large"),
            // A frame whose window is 64 MiB.
            (vec![0x28, 0xb5, 0x2f, 0xfd, 0, 16 << 3, 1, 0, 0], "zstd", "not valid zstd"),
            (gzip(TEXT)[..20].to_vec(), "gzip", "not valid gzip"),
            (TEXT.to_vec(), "gzip,gzip,gzip,gzip,gzip", "more than 4 content codings"),
        ] {
            let told = decoded(body, codings).expect_err(codings);
            assert!(told.contains(why), "{codings}: {told}");
        }
    }

    #[test]
    fn a_body_that_grows_without_bound_is_given_up() {
        let zeros = vec![0; 1 << 20];
        for (body, coding) in [(gzip(&zeros), "gzip"), (zlib(&zeros), "deflate"), (zstd(&zeros), "zstd")] {
            let why = decoded(body, coding).expect_err(coding);
            assert_eq!(why, "the answer is longer than 1024 bytes once it is decompressed", "{coding}");
        }
    }

    #[test]
    fn a_byte_order_mark_is_not_part_of_the_text() {
        for text in [&b"\xef\xbb\xbf{}"[..], b"\xff\xfe{\0}\0", b"\xfe\xff\0{\0}", b"{}"] {
            assert_eq!(utf8(text.to_vec()), b"{}", "{text:?}");
        }
        assert_eq!(utf8(b"\xff\xfe".to_vec()), b"");
        assert_eq!(utf8(b"\xff\xfe\x00\xd8x".to_vec()), "\u{fffd}x".as_bytes());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            coding in prop::sample::select(vec!["gzip", "deflate", "br", "zstd", "zstd,gzip"]),
            from in prop::sample::select(vec![gzip(TEXT), zlib(TEXT), zstd(TEXT), br(TEXT), Vec::new()]),
            at in 0usize..80,
            bytes in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let body = [&from[..at.min(from.len())], &bytes].concat();
            if let Ok(text) = decoded(body.clone(), coding) {
                prop_assert!(text.len() <= 1 << 10);
            }
            utf8(body);
        }
    }
}
