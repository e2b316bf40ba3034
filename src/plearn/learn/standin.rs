//! Makes up a value that has the form of another.

use crate::record::private::{is_identifier, words};
use crate::seed::{Choice, Seed};

/// The stream of made-up values of a member.
pub(super) fn stream(path: &str) -> Choice {
    Seed::new(0).choice("stand-in").stream(u64::from_le_bytes(hash(path)))
}

fn hash(path: &str) -> [u8; 8] {
    xxhash_rust::xxh3::xxh3_64(path.as_bytes()).to_le_bytes()
}

/// A text of the same form. Words that `is_shown` stay, all other letters and digits are replaced. It depends on the form and the
/// draw alone.
pub(super) fn text(original: &str, draw: Choice, is_shown: &dyn Fn(&str) -> bool) -> String {
    let mut out = String::new();
    let mut draws = 0;
    let mut next = |most: u64| {
        draws += 1;
        draw.at(draws) % most
    };
    let mut at = 0;
    for word in words(original) {
        let start = word.as_ptr() as usize - original.as_ptr() as usize;
        out.push_str(&original[at..start]);
        at = start + word.len();
        if !is_identifier(word) && is_shown(word) {
            out.push_str(word);
            continue;
        }
        let octet = word.len() <= 3 && word.parse::<u8>().is_ok();
        if octet {
            // As long as it was, so that addresses keep their length.
            let number = match word.len() {
                1 => next(10),
                2 => 10 + next(90),
                _ => 100 + next(156),
            };
            out.push_str(&number.to_string());
            continue;
        }
        let is_hex = word.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
            && word.bytes().any(|b| b.is_ascii_digit());
        for (place, c) in word.chars().enumerate() {
            let from =
                |alphabet: &[u8], draw: u64| char::from(alphabet[usize::try_from(draw).unwrap_or(0) % alphabet.len()]);
            out.push(match c {
                'a'..='f' if is_hex && word.len() > 3 => from(b"abcdef", next(6)),
                '0' if place == 0 => '0',
                '0'..='9' if place == 0 => from(b"123456789", next(9)),
                '0'..='9' => from(b"0123456789", next(10)),
                _ if c.is_uppercase() => from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", next(26)),
                _ => from(b"abcdefghijklmnopqrstuvwxyz", next(26)),
            });
        }
    }
    out.push_str(&original[at..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stand_in_has_the_form_and_none_of_the_words_that_are_not_shown() {
        let draw = stream("a.b").stream(1);
        let hide = |original: &str| text(original, draw, &|word| word == "user" || word == "Berlin");
        let found = hide("user_88338");
        assert!(found.starts_with("user_") && found.len() == 10 && found != "user_88338", "{found}");
        let found = hide("Jane.Doe@example.com");
        assert!(!found.contains("Jane") && found.contains('@') && found.starts_with(char::is_uppercase), "{found}");
        let found = hide("10.0.0.17");
        assert!(found.parse::<std::net::Ipv4Addr>().is_ok(), "{found}");
        assert_eq!(hide("Berlin"), "Berlin");
        assert_eq!(hide("x1"), hide("x1"));
    }
}
