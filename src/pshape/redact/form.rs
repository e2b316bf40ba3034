//! The forms of ids that a stand-in keeps: what they begin with, and which characters they may have.

use crate::record::private;

/// What ids begin with, followed by `_` or `-`: words that say what is identified, and nobody's name.
const BEGINNINGS: [&str; 56] = [
    "acc", "account", "acct", "act", "addr", "card", "cart", "ch", "charge", "client", "conn", "corr", "cs", "cus",
    "cust", "customer", "device", "doc", "emp", "employee", "event", "evt", "file", "group", "grp", "id", "inv",
    "invoice", "item", "key", "member", "merchant", "msg", "ord", "order", "org", "patient", "pay", "payment", "pi",
    "pm", "req", "request", "sess", "session", "shop", "span", "sub", "team", "tenant", "tok", "token", "trace", "txn",
    "user", "usr",
];

/// The longest of these.
const LONGEST: usize = 8;

/// The form of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    /// How many characters at the start stay.
    pub prefix: usize,
    /// What is behind them.
    pub kind: Kind,
}

/// What an id consists of, besides what separates its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Any letters and digits.
    Plain,
    /// Hexadecimal digits of one case.
    Hex,
    /// The 36 characters of RFC 9562.
    Uuid,
    /// 26 characters of Crockford's base 32, the first of which is at most 7.
    Ulid,
    /// Digits.
    Digits {
        /// Whether the first is 0.
        leads_zero: bool,
        /// The narrowest of the number types that a reader may give it, from 0.
        width: u8,
        /// Whether it is valid as the number of a card.
        is_card: bool,
    },
}

impl Form {
    /// The form of a text.
    pub(super) fn of(text: &[char]) -> Self {
        let prefix = prefix(text);
        Self { prefix, kind: Kind::of(&text[prefix..]) }
    }

    /// Whether the character stays that is the `nth` letter or digit, at `place`, both counted from 0 behind the prefix.
    pub(super) fn keeps(&self, nth: usize, place: usize) -> bool {
        match self.kind {
            // They name the kind of card.
            Kind::Digits { is_card: true, .. } => nth < 4,
            // The version.
            Kind::Uuid => place == 14,
            _ => false,
        }
    }

    /// Whether the last digit follows from the others.
    pub(super) fn ends_with_check_digit(&self) -> bool {
        matches!(self.kind, Kind::Digits { is_card: true, .. })
    }

    /// Completes a text of this form after its other characters were replaced.
    pub(super) fn complete(&self, text: &mut [char]) {
        let last = text.iter().rposition(char::is_ascii_digit).filter(|_| self.ends_with_check_digit());
        let Some(last) = last else { return };
        for digit in '0'..='9' {
            text[last] = digit;
            if is_luhn(text) {
                return;
            }
        }
    }
}

impl Kind {
    fn of(text: &[char]) -> Self {
        let (mut digits, mut lower, mut upper, mut beyond_hex, mut others) = (0, 0, 0, 0, 0);
        for character in text {
            match character {
                '0'..='9' => digits += 1,
                'a'..='z' => lower += 1,
                'A'..='Z' => upper += 1,
                c if c.is_alphanumeric() => others += 1,
                _ => {}
            }
            beyond_hex += usize::from(matches!(character, 'g'..='z' | 'G'..='Z'));
        }
        let letters = lower + upper;
        let is_hex = beyond_hex + others == 0;
        if is_hex && is_uuid(text) {
            Self::Uuid
        } else if digits > 0 && letters + others == 0 {
            Self::digits(text, digits)
        } else if is_hex && (digits + letters >= 8 && digits > 0 && (lower == 0 || upper == 0) || is_mac(text)) {
            Self::Hex
        } else if is_ulid(text) {
            Self::Ulid
        } else {
            Self::Plain
        }
    }

    fn digits(text: &[char], count: usize) -> Self {
        let leads_zero = text.iter().find(|c| c.is_ascii_digit()) == Some(&'0');
        let is_card = (13..=19).contains(&count)
            && matches!(text.iter().find(|c| c.is_ascii_digit()), Some('2'..='6'))
            && is_luhn(text);
        Self::Digits { leads_zero, width: width(text, count), is_card }
    }
}

/// The largest number that 32 bits, a double, 64 bits with a sign and 64 bits without one hold, all of them exactly.
const WIDTHS: [u128; 4] = [i32::MAX as u128, 1 << 53, i64::MAX as u128, u64::MAX as u128];

/// How many of the types are too narrow for this number.
fn width(text: &[char], count: usize) -> u8 {
    // Numbers with other counts of digits are all on one side.
    if !matches!(count, 10 | 16 | 19 | 20) {
        return 0;
    }
    let number = text.iter().filter_map(|c| c.to_digit(10)).fold(0, |number, digit| number * 10 + u128::from(digit));
    u8::try_from(WIDTHS.iter().filter(|most| number > **most).count()).expect("four")
}

/// Whether the digits end with the check digit of ISO/IEC 7812-1.
pub(super) fn is_luhn(text: &[char]) -> bool {
    let digits = text.iter().rev().filter_map(|c| c.to_digit(10)).enumerate();
    let sum: u32 = digits.map(|(nth, digit)| if nth % 2 == 1 { digit * 2 / 10 + digit * 2 % 10 } else { digit }).sum();
    sum.is_multiple_of(10)
}

fn is_uuid(text: &[char]) -> bool {
    let is_dash = |place: usize| matches!(place, 8 | 13 | 18 | 23);
    text.len() == 36
        && text.iter().enumerate().all(|(place, c)| if is_dash(place) { *c == '-' } else { c.is_ascii_hexdigit() })
}

/// Six pairs of hexadecimal digits.
pub(super) fn is_mac(text: &[char]) -> bool {
    let is_separator = |c: char| c == ':' || c == '-';
    text.len() == 17
        && text
            .iter()
            .enumerate()
            .all(|(place, c)| if place % 3 == 2 { is_separator(*c) } else { c.is_ascii_hexdigit() })
}

fn is_ulid(text: &[char]) -> bool {
    let is_crockford = |c: &char| matches!(c, '0'..='9' | 'A'..='Z') && !matches!(c, 'I' | 'L' | 'O' | 'U');
    text.len() == 26 && matches!(text[0], '0'..='7') && text.iter().all(is_crockford)
}

/// Whether a word is a known beginning with a number behind it, however short: `user_1`.
pub(super) fn is_numbered(word: &str) -> bool {
    let characters: Vec<char> = word.chars().take(LONGEST + 2).collect();
    let prefix = prefix(&characters);
    prefix > 0 && word[prefix..].starts_with(|c: char| c.is_ascii_digit())
}

/// How many characters at the start say what kind of id it is.
fn prefix(text: &[char]) -> usize {
    let has_body = |length: &usize| text[*length..].iter().any(|c| c.is_alphanumeric());
    let word = text.iter().take(LONGEST + 1).position(|c| matches!(c, '_' | '-')).filter(|length| {
        let mut word = [0; LONGEST];
        for (byte, character) in word.iter_mut().zip(&text[..*length]) {
            *byte = u8::try_from(character.to_ascii_lowercase()).unwrap_or(0);
        }
        BEGINNINGS.binary_search_by(|known| known.as_bytes().cmp(&word[..*length])).is_ok()
    });
    if let Some(length) = word.map(|length| length + 1).filter(has_body) {
        return length;
    }
    let begins = |begin: &&str| begin.chars().zip(text).filter(|(a, b)| a == *b).count() == begin.len();
    private::key_beginnings().filter(begins).map(str::len).filter(has_body).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_are_sorted() {
        assert!(BEGINNINGS.is_sorted() && BEGINNINGS.iter().all(|word| word.len() <= LONGEST));
    }

    #[test]
    fn only_known_words_are_beginnings() {
        let prefix = |text: &str| prefix(&text.chars().collect::<Vec<_>>());
        for (text, length) in
            [("user_1", 5), ("USER-1", 5), ("jane_1985", 0), ("user_", 0), ("user", 0), ("ghp_abc", 4), ("pk_live_", 0)]
        {
            assert_eq!(prefix(text), length, "{text}");
        }
    }
}
