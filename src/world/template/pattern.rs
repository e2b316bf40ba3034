//! Patterns of text, such as `user_{n:5}`.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::escape::escaped;
use super::hole::{self, Piece};
use super::table::Value;
use crate::error::Result;

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// Text, escaped for JSON.
    Literal(String),
    /// Random characters of this alphabet.
    Chars {
        alphabet: &'static [u8],
        count: usize,
    },
    /// A random whole number, both ends included.
    Between(u64, u64),
    /// The number of the event, member or item, from 0, with at least this many digits.
    Index {
        width: usize,
    },
    Uuid4,
    Uuid7,
    Ulid,
    /// An address of a network with this many random bits.
    Ipv4 {
        network: u32,
        bits: u32,
    },
    Ipv6 {
        network: u128,
        bits: u32,
    },
    /// Random words with spaces between them.
    Words {
        least: u64,
        most: u64,
    },
}

const DIGITS: &[u8] = b"0123456789";
const HEX: &[u8] = b"0123456789abcdef";
const LOWER: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const ALNUM: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
const BASE32: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BASE62: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The longest run of random characters.
const LONGEST: usize = 4096;

const EXPECTED: &str = "n:5, n:1-99, i:6, hex:16, HEX:16, lower:8, upper:8, alnum:8, base32:16, base62:16, base64:16, uuid4, uuid7, \
                        ulid, ipv4, ipv4:10.0.0.0/8, ipv6, ipv6:2001:db8::/32, words:3 or words:2-5";

/// Reads a pattern.
pub(super) fn read(value: &Value<'_>) -> Result<Vec<Token>> {
    let content = value.text()?;
    let pieces = hole::split(content).map_err(|(at, words)| value.fault_within(content, at, words))?;
    let tokens = pieces.into_iter().map(|piece| match piece {
        Piece::Text(text) => Ok(Token::Literal(escaped(&text))),
        Piece::Hole(name, at) => token(name).ok_or_else(|| {
            value.fault_within(content, at, format_args!("{{{name}}} is not part of a pattern: expected {EXPECTED}"))
        }),
    });
    tokens.collect()
}

fn token(name: &str) -> Option<Token> {
    let (word, argument) = name.split_once(':').map_or((name, None), |(word, argument)| (word, Some(argument)));
    let count = || argument.map_or(Some(1), |a| a.parse().ok().filter(|n| (1..=LONGEST).contains(n)));
    let chars = |alphabet| Some(Token::Chars { alphabet, count: count()? });
    let plain = |token| argument.is_none().then_some(token);
    match word {
        "n" => match argument.and_then(|a| a.split_once('-')) {
            Some((low, high)) => {
                let (low, high) = (low.parse().ok()?, high.parse().ok()?);
                (low <= high && high < u64::MAX).then_some(Token::Between(low, high))
            }
            None => chars(DIGITS),
        },
        "i" => Some(Token::Index { width: count().filter(|width| *width <= 20)? }),
        "hex" => chars(HEX),
        "HEX" => chars(b"0123456789ABCDEF"),
        "lower" => chars(LOWER),
        "upper" => chars(UPPER),
        "alnum" => chars(ALNUM),
        "base32" => chars(BASE32),
        "base62" => chars(BASE62),
        "base64" => chars(BASE64),
        "uuid4" => plain(Token::Uuid4),
        "uuid7" => plain(Token::Uuid7),
        "ulid" => plain(Token::Ulid),
        "ipv4" => {
            let (address, length) = argument.unwrap_or("0.0.0.0/0").split_once('/')?;
            let bits = 32 - length.parse::<u32>().ok().filter(|n| *n <= 32)?;
            let mask = u32::MAX.checked_shl(bits).unwrap_or(0);
            Some(Token::Ipv4 { network: u32::from(address.parse::<Ipv4Addr>().ok()?) & mask, bits })
        }
        "ipv6" => {
            let (address, length) = argument.unwrap_or("2000::/3").split_once('/')?;
            let bits = 128 - length.parse::<u32>().ok().filter(|n| (1..=128).contains(n))?;
            let network = u128::from(address.parse::<Ipv6Addr>().ok()?);
            Some(Token::Ipv6 { network: network >> bits << bits, bits })
        }
        "words" => {
            let (least, most) = argument.map_or(Some((1, 1)), |a| match a.split_once('-') {
                Some((least, most)) => Some((least.parse().ok()?, most.parse().ok()?)),
                None => a.parse().ok().map(|n| (n, n)),
            })?;
            (1 <= least && least <= most && most <= 1000).then_some(Token::Words { least, most })
        }
        _ => None,
    }
}

/// Whether each text of a pattern is a whole JSON number: digits of which the first is not a random 0.
pub(super) fn is_number(tokens: &[Token]) -> bool {
    let digits = |token: &Token| match token {
        Token::Literal(text) => text.bytes().all(|byte| byte.is_ascii_digit()),
        Token::Chars { alphabet, .. } => *alphabet == DIGITS,
        Token::Between(..) | Token::Index { .. } => true,
        _ => false,
    };
    let starts_well = match tokens.first() {
        Some(Token::Literal(text)) => !text.starts_with('0') || tokens.len() == 1 && text == "0",
        Some(Token::Between(low, _)) => *low > 0 || tokens.len() == 1,
        Some(Token::Index { width: 1 }) => tokens.len() == 1,
        _ => false,
    };
    starts_well && tokens.iter().all(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_and_others_refused() {
        assert_eq!(token("n:5"), Some(Token::Chars { alphabet: DIGITS, count: 5 }));
        assert_eq!(token("n:1-99"), Some(Token::Between(1, 99)));
        assert_eq!(token("i:6"), Some(Token::Index { width: 6 }));
        assert_eq!(token("ipv4:10.1.2.3/8"), Some(Token::Ipv4 { network: 0x0a00_0000, bits: 24 }));
        assert_eq!(token("ipv4:10.1.2.3/32"), Some(Token::Ipv4 { network: 0x0a01_0203, bits: 0 }));
        assert_eq!(token("ipv4"), Some(Token::Ipv4 { network: 0, bits: 32 }));
        assert_eq!(token("ipv6:2001:db8::/32"), Some(Token::Ipv6 { network: 0x2001_0db8 << 96, bits: 96 }));
        assert_eq!(token("words:2-5"), Some(Token::Words { least: 2, most: 5 }));
        for bad in [
            "",
            "x",
            "n:0",
            "n:x",
            "n:9-1",
            "hex:5000",
            "uuid4:2",
            "ipv4:10.0.0.0",
            "ipv4:1.2.3.4/33",
            "ipv6:1::/0",
            "words:0",
            "i:21",
        ] {
            assert_eq!(token(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_pattern_of_digits_is_a_number_if_it_has_no_leading_zero() {
        let literal = |text: &str| Token::Literal(text.to_owned());
        let digits = Token::Chars { alphabet: DIGITS, count: 29 };
        assert!(is_number(&[literal("1"), digits.clone()]) && is_number(&[literal("0")]));
        assert!(is_number(&[Token::Between(0, 9)]) && is_number(&[Token::Between(1, 9), digits.clone()]));
        for bad in
            [vec![digits.clone()], vec![literal("0"), digits.clone()], vec![literal("x")], vec![], vec![Token::Uuid4]]
        {
            assert!(!is_number(&bad), "{bad:?}");
        }
    }
}
