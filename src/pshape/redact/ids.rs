//! Stand-ins for ids, words and numbers: letters become letters, digits digits, and all else stays.
//!
//! A value is permuted until the result has the form of the value (cycle walking, as in Black and Rogaway 2002), so the stand-ins of
//! one form are a permutation of its values.

use super::form::{Form, Kind};
use super::key::Function;
use super::permutation::{Permutation, Sequence};

/// The stand-ins of a key.
pub(super) struct Ids {
    permutation: Permutation,
    sequence: Sequence,
    /// The place and first character of each number in `sequence`.
    places: Vec<(usize, Alphabet)>,
    characters: Vec<char>,
}

impl Ids {
    /// The stand-ins that a pseudorandom function decides.
    pub(super) fn new(function: Function) -> Self {
        let (sequence, places, characters) = (Sequence::default(), Vec::new(), Vec::new());
        Self { permutation: Permutation::new(function), sequence, places, characters }
    }

    /// Appends the stand-in for a text. It has as many characters.
    pub(super) fn stand_in(&mut self, text: &str, out: &mut String) {
        self.characters.clear();
        self.characters.extend(text.chars());
        let form = Form::of(&self.characters);
        self.read(&form);
        // Only permutations of the same numbers come, so the walk ends at the latest where it began.
        while !self.sequence.numbers().is_empty() {
            self.permutation.apply(&mut self.sequence);
            self.write(&form);
            if Form::of(&self.characters) == form {
                break;
            }
        }
        out.extend(&self.characters);
    }

    /// Reads the numbers of the characters that change.
    fn read(&mut self, form: &Form) {
        self.sequence.clear();
        self.places.clear();
        let mut nth = 0;
        for (place, character) in self.characters.iter().copied().enumerate().skip(form.prefix) {
            if !character.is_alphanumeric() {
                continue;
            }
            let is_first = nth == 0;
            nth += 1;
            if form.keeps(nth - 1, place - form.prefix) {
                continue;
            }
            let alphabet = match (form.kind, character) {
                (Kind::Digits { .. }, '1'..='9') if is_first => Alphabet::run('1', 9),
                (Kind::Digits { .. }, '0') if is_first => continue,
                (Kind::Ulid, '0'..='7') if is_first => Alphabet::run('0', 8),
                (Kind::Ulid, 'A'..='Z') => Alphabet::Crockford,
                (Kind::Uuid, '8' | '9') if place - form.prefix == VARIANT => Alphabet::run('8', 2),
                (Kind::Uuid, 'a' | 'b') if place - form.prefix == VARIANT => Alphabet::run('a', 2),
                (Kind::Uuid, 'A' | 'B') if place - form.prefix == VARIANT => Alphabet::run('A', 2),
                (Kind::Uuid | Kind::Hex, 'a'..='f') => Alphabet::run('a', 6),
                (Kind::Uuid | Kind::Hex, 'A'..='F') => Alphabet::run('A', 6),
                (_, '0'..='9') => Alphabet::run('0', 10),
                (_, 'a'..='z') => Alphabet::run('a', 26),
                (_, 'A'..='Z') => Alphabet::run('A', 26),
                (_, other) => Alphabet::Block(other),
            };
            if let Some((number, radix)) = alphabet.number(character).filter(|(_, radix)| *radix > 1) {
                self.sequence.push(number, radix);
                self.places.push((place, alphabet));
            }
        }
        if form.ends_with_check_digit() {
            self.sequence.pop();
            self.places.pop();
        }
    }

    fn write(&mut self, form: &Form) {
        for ((place, alphabet), number) in self.places.iter().zip(self.sequence.numbers()) {
            self.characters[*place] = alphabet.character(*number);
        }
        form.complete(&mut self.characters);
    }
}

/// The place of the character of a UUID that says which variant it is.
const VARIANT: usize = 19;

/// The characters that one character can become.
#[derive(Debug, Clone, Copy)]
enum Alphabet {
    /// From a character on.
    Run(u8, u8),
    /// The letters of Crockford's base 32.
    Crockford,
    /// The letters or digits of the same class in the same 64 code points, which UTF-8 writes with equally many bytes.
    Block(char),
}

const CROCKFORD: &[u8] = b"ABCDEFGHJKMNPQRSTVWXYZ";

impl Alphabet {
    fn run(from: char, length: u8) -> Self {
        Self::Run(u8::try_from(from).expect("ASCII"), length)
    }

    /// The number of a character, and how many characters there are.
    fn number(self, character: char) -> Option<(u8, u8)> {
        match self {
            Self::Run(from, length) => Some((u8::try_from(character).ok()?.checked_sub(from)?, length)),
            Self::Crockford => {
                let place = CROCKFORD.iter().position(|letter| char::from(*letter) == character)?;
                Some((u8::try_from(place).ok()?, u8::try_from(CROCKFORD.len()).ok()?))
            }
            Self::Block(of) => {
                let place = block(of).position(|other| other == character)?;
                Some((u8::try_from(place).ok()?, u8::try_from(block(of).count()).ok()?))
            }
        }
    }

    fn character(self, number: u8) -> char {
        match self {
            Self::Run(from, _) => char::from(from + number),
            Self::Crockford => char::from(CROCKFORD[usize::from(number)]),
            Self::Block(of) => block(of).nth(number.into()).unwrap_or(of),
        }
    }
}

/// The characters that are as close to this one, and of its class.
fn block(of: char) -> impl Iterator<Item = char> {
    let class = |c: char| (c.is_lowercase(), c.is_uppercase(), c.is_numeric(), c.is_alphabetic());
    let from = u32::from(of) & !63;
    (from..from + 64).filter_map(char::from_u32).filter(move |c| class(*c) == class(of))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::key::Key;
    use super::*;
    use proptest::prelude::*;

    fn ids() -> Ids {
        Ids::new(Key::new(b"0123456789abcdef").expect("a key").function("ids"))
    }

    fn stand_in(text: &str) -> String {
        let mut out = String::new();
        ids().stand_in(text, &mut out);
        out
    }

    /// The class of each character.
    fn shape(text: &str) -> String {
        let class = |c: char| match c {
            c if c.is_lowercase() => 'a',
            c if c.is_uppercase() => 'A',
            c if c.is_numeric() => '0',
            c if c.is_alphabetic() => '*',
            c => c,
        };
        text.chars().map(class).collect()
    }

    #[test]
    fn ids_keep_their_form_and_known_beginnings() {
        for (text, kept) in [
            ("user_88338", "user_"),
            ("evt_414_ba26f69f215c", "evt_"),
            ("ord-00017-DE", "ord-"),
            ("sk_live_51HqJ2eLm", "sk_live_"),
            ("AKIAIOSFODNN7EXAMPLE", "AKIA"),
            ("jane.doe", ""),
            ("Jürgen Groß", ""),
            ("4711", ""),
            ("0042", "0"),
            ("São-Пётр-漢字-٣٤", ""),
        ] {
            let other = stand_in(text);
            assert_eq!(shape(&other), shape(text));
            assert_eq!(other.len(), text.len(), "{other}");
            assert!(other.starts_with(kept) && other != text, "{text} {other}");
            let differs = other.chars().zip(text.chars()).filter(|(a, b)| a != b).count();
            assert!(differs * 3 > text.chars().count() - kept.len(), "{text} {other}");
        }
    }

    #[test]
    fn a_uuid_stays_a_uuid_of_its_version_and_a_ulid_stays_a_ulid() {
        for text in ["2fd4e1c6-7a2d-48fc-ad84-9eb1d7b0a0c2", "01890A5D-AC96-774B-BCCE-B302099A8057"] {
            let other = stand_in(text);
            let hex = other.chars().all(|c| c == '-' || c.is_ascii_hexdigit());
            assert!(hex && other[14..15] == text[14..15] && "89ab".contains(&other[19..20].to_lowercase()), "{other}");
        }
        let ulid = stand_in("01ARZ3NDEKTSV4RRFFQ69G5FAV");
        assert!(*ulid < *"8" && !ulid.contains(['I', 'L', 'O', 'U']), "{ulid}");
        let trace = stand_in("4bf92f3577b34da6a3ce929d0e0e4736");
        assert!(trace.chars().all(|c| c.is_ascii_hexdigit()), "{trace}");
    }

    #[test]
    fn a_card_stays_valid_and_a_number_does_not_become_a_card() {
        let digits =
            |text: &str| text.bytes().filter(u8::is_ascii_digit).map(|b| u32::from(b - b'0')).collect::<Vec<_>>();
        let luhn = |text: &str| {
            let double =
                |(nth, digit): (usize, &u32)| if nth % 2 == 1 { digit * 2 / 10 + digit * 2 % 10 } else { *digit };
            digits(text).iter().rev().enumerate().map(double).sum::<u32>() % 10 == 0
        };
        for card in ["4111 1111 1111 1111", "378282246310005", "5555-5555-5555-4444"] {
            let other = stand_in(card);
            assert!(luhn(card) && luhn(&other) && other[..4] == card[..4] && other != card, "{other}");
        }
        assert_eq!(digits(&stand_in("4111111111111111")), digits(&stand_in("4111-1111-1111-1111")));
        for number in 4_111_111_111_111_112u64..4_111_111_111_111_119 {
            let other = stand_in(&number.to_string());
            assert!(!luhn(&other) || !other.starts_with(['2', '3', '4', '5', '6']), "{other}");
        }
    }

    #[test]
    fn whole_numbers_keep_the_type_that_readers_give_them() {
        for (numbers, most) in [
            (2_147_483_000..=2_147_483_647u64, 2_147_483_647u64),
            (9_007_199_254_740_900..=9_007_199_254_740_992, 9_007_199_254_740_992),
            (i64::MAX as u64 - 50..=i64::MAX as u64, i64::MAX as u64),
        ] {
            for number in numbers {
                let other: u64 = stand_in(&number.to_string()).parse().expect("a number");
                assert!(other <= most && other != number, "{number} {other}");
            }
        }
        assert!(stand_in("18446744073709551615").parse::<u64>().is_ok());
    }

    #[test]
    fn all_ids_of_a_form_are_permuted() {
        let forms: [(&str, usize); 4] = [("user_{}", 5000), ("ab_{}", 2000), ("{}", 9000), ("x{}", 3000)];
        let mut ids = ids();
        for (form, count) in forms {
            let mut seen = HashSet::new();
            for n in 1000..1000 + count {
                let text = form.replace("{}", &n.to_string());
                let mut out = String::new();
                ids.stand_in(&text, &mut out);
                assert!(out != text && seen.insert(out), "{text}");
            }
        }
    }

    proptest! {
        #[test]
        fn two_texts_have_one_stand_in_only_if_they_are_the_same(a in "[a-c0-2_-]{1,4}", b in "[a-c0-2_-]{1,4}") {
            prop_assert_eq!(stand_in(&a) == stand_in(&b), a == b);
        }

        #[test]
        fn any_text_keeps_its_shape(text in "\\PC{0,40}") {
            prop_assert_eq!(shape(&stand_in(&text)), shape(&text));
        }
    }
}
