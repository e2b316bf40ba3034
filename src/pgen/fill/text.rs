//! Writes random text.

use std::net::Ipv6Addr;

use super::node::Token;
use super::number::below;
use crate::clock::Micros;
use crate::pgen::line::{LineBuffer, Pieces};
use crate::seed::Choice;

/// Words as they stand in names, titles and messages.
const WORDS: [&str; 96] = [
    "account",
    "action",
    "active",
    "adapter",
    "address",
    "agent",
    "alert",
    "archive",
    "batch",
    "billing",
    "branch",
    "broker",
    "buffer",
    "build",
    "cache",
    "cart",
    "catalog",
    "change",
    "channel",
    "check",
    "client",
    "cluster",
    "config",
    "connection",
    "console",
    "contract",
    "copy",
    "counter",
    "customer",
    "daily",
    "data",
    "default",
    "delivery",
    "device",
    "digest",
    "domain",
    "draft",
    "driver",
    "empty",
    "engine",
    "entry",
    "error",
    "event",
    "export",
    "failed",
    "feature",
    "file",
    "filter",
    "first",
    "fix",
    "folder",
    "gateway",
    "group",
    "handler",
    "header",
    "history",
    "image",
    "import",
    "index",
    "invoice",
    "item",
    "job",
    "key",
    "label",
    "last",
    "limit",
    "link",
    "list",
    "local",
    "login",
    "mail",
    "merge",
    "message",
    "missing",
    "model",
    "module",
    "network",
    "new",
    "node",
    "notice",
    "object",
    "offer",
    "option",
    "order",
    "page",
    "panel",
    "parser",
    "payment",
    "policy",
    "product",
    "profile",
    "queue",
    "record",
    "region",
    "report",
    "request",
];

/// The longest of them, with a space.
pub(super) const LONGEST_WORD: usize = 11;

const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// One random number after another.
struct Bits {
    draws: Choice,
    next: u64,
}

impl Bits {
    #[inline]
    fn next(&mut self) -> u64 {
        self.next += 1;
        self.draws.at(self.next)
    }
}

/// Writes the text whose random numbers are `draws`, for the event, member or item `index` at a moment.
pub(super) fn write(
    tokens: &[Token],
    pieces: &Pieces,
    draws: Choice,
    index: u64,
    at: Micros,
    line: &mut LineBuffer<'_>,
) {
    let mut bits = Bits { draws, next: 0 };
    for token in tokens {
        match token {
            Token::Literal(piece) => line.piece(pieces, *piece),
            Token::Hex(count) => {
                for _ in 0..count / 16 {
                    line.hex16(bits.next());
                }
                if count % 16 > 0 {
                    line.hex16(bits.next());
                    line.back(16 - count % 16);
                }
            }
            Token::Digits(count) => {
                let mut left = *count;
                while left > 0 {
                    let digits = left.min(16);
                    line.padded(below(bits.next(), 10_u64.pow(u32::try_from(digits).unwrap_or(0))), digits);
                    left -= digits;
                }
            }
            Token::Chars { alphabet, count } => write_chars(alphabet, *count, &mut bits, line),
            Token::Between { low, width } => line.number(low + below(bits.next(), *width)),
            Token::Index { width } => {
                let digits = index.checked_ilog10().map_or(1, |digits| digits as usize + 1);
                line.padded(index, digits.max(*width));
            }
            Token::Uuid4 => write_uuid(bits.next(), bits.next(), 4, line),
            Token::Uuid7 => {
                let random = bits.next();
                write_uuid((millis(at) << 16) | (random >> 48), bits.next(), 7, line);
            }
            Token::Ulid => write_ulid(at, &mut bits, line),
            Token::Ipv4 { network, bits: size } => write_ipv4(*network, *size, bits.next(), line),
            Token::Ipv6 { network, bits: size } => {
                let random = (u128::from(bits.next()) << 64) | u128::from(bits.next());
                let mask = if *size == 0 { 0 } else { u128::MAX >> (128 - size) };
                write_ipv6(Ipv6Addr::from(network | (random & mask)), line);
            }
            Token::Words { least, more } => {
                for number in 0..least + below(bits.next(), *more) {
                    if number > 0 {
                        line.text(b" ");
                    }
                    #[allow(clippy::cast_possible_truncation)] // below 96
                    line.bytes(WORDS[below(bits.next(), WORDS.len() as u64) as usize].as_bytes());
                }
            }
        }
    }
}

/// Takes as many characters from 64 bits as leave their shares even to within a thousandth.
fn write_chars(alphabet: &[u8], count: usize, bits: &mut Bits, line: &mut LineBuffer<'_>) {
    let len = alphabet.len() as u128;
    let mut left = count;
    while left > 0 {
        let mut random = bits.next();
        for _ in 0..left.min(8) {
            let wide = u128::from(random) * len;
            #[allow(clippy::cast_possible_truncation)] // below the alphabet's length, and the lower half
            let (place, rest) = ((wide >> 64) as usize, wide as u64);
            line.text(&[alphabet[place]]);
            random = rest;
        }
        left -= left.min(8);
    }
}

/// Milliseconds since 1970; 0 before.
fn millis(at: Micros) -> u64 {
    u64::try_from(at / 1000).unwrap_or(0)
}

/// RFC 9562: the version in the seventh byte, the variant in the ninth.
#[inline]
fn write_uuid(high: u64, low: u64, version: u64, line: &mut LineBuffer<'_>) {
    let high = (high & !0xf000) | (version << 12);
    let low = (low & (u64::MAX >> 2)) | (1 << 63);
    let mut digits = [0; 64];
    let mut all = LineBuffer::new(&mut digits, 0);
    all.hex16(high);
    all.hex16(low);
    let mut text = [b'-'; 36];
    for (from, to) in [(0..8, 0), (8..12, 9), (12..16, 14), (16..20, 19), (20..32, 24)] {
        let length = from.len();
        text[to..to + length].copy_from_slice(&digits[from]);
    }
    line.text(&text);
}

/// github.com/ulid/spec: 48 bits of time and 80 random ones in Crockford's base 32.
fn write_ulid(at: Micros, bits: &mut Bits, line: &mut LineBuffer<'_>) {
    let random = (u128::from(bits.next()) << 64 | u128::from(bits.next())) >> 48;
    let number = (u128::from(millis(at)) & 0xffff_ffff_ffff) << 80 | random;
    let text: [u8; 26] = std::array::from_fn(|place| CROCKFORD[(number >> (125 - 5 * place)) as usize & 31]);
    line.text(&text);
}

fn write_ipv4(network: u32, size: u32, random: u64, line: &mut LineBuffer<'_>) {
    let mask = if size == 0 { 0 } else { u32::MAX >> (32 - size) };
    #[allow(clippy::cast_possible_truncation)] // the upper half
    let [mut a, b, c, mut d] = (network | ((random >> 32) as u32 & mask)).to_be_bytes();
    if size == 32 {
        // Neither a loopback, multicast or reserved network.
        #[allow(clippy::cast_possible_truncation)] // below 222
        let first = below(random << 32, 222) as u8 + 1;
        a = if first >= 127 { first + 1 } else { first };
    }
    if size >= 8 {
        // Neither a network nor a broadcast address.
        d = d.clamp(1, 254);
    }
    line.short(a.into());
    for octet in [b, c, d] {
        line.text(b".");
        line.short(octet.into());
    }
}

fn write_ipv6(address: Ipv6Addr, line: &mut LineBuffer<'_>) {
    use std::io::Write;
    let mut text = [0u8; 48];
    let mut rest = &mut text[..];
    // An address has at most 45 characters, so it fits.
    let is_written = write!(rest, "{address}").is_ok();
    let length = 48 - rest.len();
    debug_assert!(is_written);
    line.bytes(&text[..length]);
}
