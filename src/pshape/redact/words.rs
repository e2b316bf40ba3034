//! Texts as sequences of words, so that a value is found wherever its words stand one behind another, whatever separates them.

use xxhash_rust::xxh3::xxh3_64;

use crate::record::private;

/// Of longer texts only so many words at the start are compared.
pub(super) const MOST: usize = 16;

/// The fewest letters and digits that a value must have to be searched for. Shorter ones occur everywhere by chance.
const SHORTEST: usize = 4;

/// A sequence of words: its hash, in which upper and lower case are the same, and how many words it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Phrase {
    pub hash: u64,
    pub words: usize,
}

impl Phrase {
    /// The phrase of a value, or `None` if the value is too short.
    pub(super) fn of(text: &str) -> Option<Self> {
        let length: usize = private::words(text).map(|word| word.chars().count()).sum();
        let words = hashes(text);
        let words = &words[..words.len().min(MOST)];
        (length >= SHORTEST)
            .then(|| Self { hash: words.iter().fold(0, |so_far, word| further(so_far, *word)), words: words.len() })
    }
}

/// All phrases of a text that have at most `most` words.
pub(super) fn phrases(text: &str, most: usize) -> Vec<Phrase> {
    let words = hashes(text);
    let mut phrases = Vec::new();
    for from in 0..words.len() {
        let mut hash = 0;
        for (nth, word) in words[from..].iter().take(most).enumerate() {
            hash = further(hash, *word);
            phrases.push(Phrase { hash, words: nth + 1 });
        }
    }
    phrases
}

fn hashes(text: &str) -> Vec<u64> {
    private::words(text)
        .map(|word| {
            if word.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii()) {
                xxh3_64(word.to_lowercase().as_bytes())
            } else {
                xxh3_64(word.as_bytes())
            }
        })
        .collect()
}

fn further(hash: u64, word: u64) -> u64 {
    crate::seed::mix(hash.rotate_left(17) ^ word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_whatever_separates_its_words() {
        let is_in =
            |value: &str, text: &str| phrases(text, MOST).contains(&Phrase::of(value).expect("it is long enough"));
        assert!(is_in("4111 1111", "card=4111-1111;"));
        assert!(is_in("Jane@Example.com", "mail from jane@example.com."));
        assert!(is_in("Jane", "(JANE)"));
        assert!(!is_in("Jane", "Janet") && !is_in("a b c d", "a b d c"));
        assert_eq!(Phrase::of("x-17"), None);
    }
}
