//! Prepares patterns of random text.

use super::node::Token;
use super::text::LONGEST_WORD;
use crate::pgen::line::Pieces;
use crate::world::template;

/// The parts of a pattern, and a bound of its length in bytes.
pub(super) fn compile(tokens: &[template::Token], pieces: &mut Pieces) -> (Box<[Token]>, usize) {
    let mut longest = 0;
    let tokens = tokens.iter().map(|token| {
        let (token, length) = one(token, pieces);
        longest += length;
        token
    });
    (tokens.collect(), longest)
}

fn one(token: &template::Token, pieces: &mut Pieces) -> (Token, usize) {
    match token {
        template::Token::Literal(text) => (Token::Literal(pieces.add(text)), text.len()),
        template::Token::Chars { alphabet, count } => match *alphabet {
            b"0123456789abcdef" => (Token::Hex(*count), count + 16),
            b"0123456789" => (Token::Digits(*count), *count),
            alphabet => (Token::Chars { alphabet, count: *count }, *count),
        },
        template::Token::Between(low, high) => (Token::Between { low: *low, width: high - low + 1 }, 20),
        template::Token::Index { width } => (Token::Index { width: *width }, 20),
        template::Token::Uuid4 => (Token::Uuid4, 36),
        template::Token::Uuid7 => (Token::Uuid7, 36),
        template::Token::Ulid => (Token::Ulid, 26),
        template::Token::Ipv4 { network, bits } => (Token::Ipv4 { network: *network, bits: *bits }, 15),
        template::Token::Ipv6 { network, bits } => (Token::Ipv6 { network: *network, bits: *bits }, 45),
        template::Token::Words { least, most } => {
            let longest = usize::try_from(*most).unwrap_or(usize::MAX) * LONGEST_WORD;
            (Token::Words { least: *least, more: most - least + 1 }, longest)
        }
    }
}
