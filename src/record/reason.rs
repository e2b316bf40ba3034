//! Why events were refused: messages that differ only in ids and numbers are one reason, and the most frequent are kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// At most this many different reasons are counted separately. Later ones are counted together.
const MOST: usize = 200;

/// The longest reason, in characters.
const LONGEST: usize = 160;

/// The reason in a message, without what differs from one event to the next: each word with a digit in it is `#`, and so is what
/// stands in several of them in a row, such as a date. The status in front stays.
pub(crate) fn of(message: &str) -> String {
    let head = ["HTTP ", "in a batch, "].iter().find_map(|head| {
        let status = message.strip_prefix(head)?;
        let end = status.find(|c: char| !c.is_ascii_digit()).unwrap_or(status.len());
        Some(head.len() + end)
    });
    let (head, rest) = message.split_at(head.unwrap_or(0));
    let mut reason = head.to_owned();
    let mut rest = rest;
    while let Some(c) = rest.chars().next() {
        let is_of_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
        let length = if is_of_word(c) { rest.find(|c| !is_of_word(c)).unwrap_or(rest.len()) } else { c.len_utf8() };
        let (word, behind) = rest.split_at(length);
        rest = behind;
        let is_code = is_code(&reason[head.len()..], word, rest);
        if is_code || !word.contains(|c: char| c.is_ascii_digit()) {
            reason.push_str(word);
            continue;
        }
        // `12:30:05`, `1.5` and `127.0.0.1:80` are one thing each.
        let parts = reason.trim_end_matches(['.', ':', '+', ',', '/', 'T', 'Z']);
        if parts.ends_with('#') && reason.len() - parts.len() < 3 {
            reason.truncate(parts.len());
        } else {
            reason.push('#');
        }
    }
    match reason.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &reason[..at]),
        None => reason,
    }
}

/// Whether a number is a code that the server gives: behind the word for it, or first of all and with a colon behind it.
fn is_code(before: &str, word: &str, behind: &str) -> bool {
    /// Longer numbers are no codes.
    const LONGEST_CODE: usize = 5;
    let before = before.trim_end_matches([' ', ':', '=', '"', '\'']);
    let is_named = before.len() >= 4 && before[..].to_ascii_lowercase().ends_with("code");
    let is_number = word.len() <= LONGEST_CODE && word.bytes().all(|byte| byte.is_ascii_digit());
    is_number && (is_named || (before.is_empty() && behind.starts_with(':')))
}

/// How often each reason came, within a fixed bound.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reasons {
    counts: BTreeMap<String, u64>,
    /// Reasons that came after the limit was reached.
    #[serde(default)]
    others: u64,
}

impl Reasons {
    /// Counts a message.
    pub(crate) fn add(&mut self, message: &str) {
        self.count(of(message), 1);
    }

    fn count(&mut self, reason: String, times: u64) {
        let is_full = self.counts.len() >= MOST;
        match self.counts.get_mut(&reason) {
            Some(count) => *count = count.saturating_add(times),
            None if is_full => self.others = self.others.saturating_add(times),
            None => drop(self.counts.insert(reason, times)),
        }
    }

    /// Adds what was counted elsewhere.
    pub(crate) fn merge(&mut self, other: Self) {
        other.counts.into_iter().for_each(|(reason, times)| self.count(reason, times));
        self.others = self.others.saturating_add(other.others);
    }

    /// The most frequent, the first in the alphabet of equals, and how often others came.
    pub(crate) fn top(&self, most: usize) -> (Vec<(&str, u64)>, u64) {
        let mut reasons: Vec<(&str, u64)> = self.counts.iter().map(|(reason, n)| (reason.as_str(), *n)).collect();
        reasons.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        let rest = reasons.iter().skip(most).fold(self.others, |sum, (_, n)| sum.saturating_add(*n));
        reasons.truncate(most);
        (reasons, rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_that_differ_in_ids_and_numbers_are_one_reason() {
        for (message, reason) in [
            ("HTTP 422: title missing in evt_17_ab", "HTTP 422: title missing in #"),
            (
                "in a batch, 400: document_parsing_exception: failed to parse field [n] of type [long] in document with id 'a-1'",
                "in a batch, 400: document_parsing_exception: failed to parse field [n] of type [long] in document with id '#'",
            ),
            ("entry at 2026-01-05 12:30:05.123 ignored", "entry at # # ignored"),
            ("connect to 127.0.0.1:8000 failed", "connect to # failed"),
            ("Limit: 5 events per 60 seconds", "Limit: # events per # seconds"),
            ("no digits here", "no digits here"),
            ("HTTP 400: Code: 41, e.what() at row 17", "HTTP 400: Code: 41, e.what() at row #"),
            ("HTTP 503: 9: Server is busy", "HTTP 503: 9: Server is busy"),
            (r#"HTTP 400: {"text":"no","code":6,"n":6}"#, r#"HTTP 400: {"text":"no","code":6,"n":#}"#),
            ("HTTP 503", "HTTP 503"),
            ("", ""),
        ] {
            assert_eq!(of(message), reason);
        }
        assert_eq!(of(&"é".repeat(1000)).chars().count(), LONGEST + 1);
    }

    #[test]
    fn the_most_frequent_come_first_and_memory_is_bounded() {
        let mut reasons = Reasons::default();
        for n in 0..10_000u32 {
            let word: String = n.to_string().bytes().map(|b| char::from(b + 50)).collect();
            reasons.add(&word);
            reasons.add("the same");
        }
        let mut other = Reasons::default();
        other.add("the same");
        reasons.merge(other);
        let (top, others) = reasons.top(2);
        assert_eq!((top[0], others), (("the same", 10_001), 9998 + 1));
        assert_eq!(reasons.counts.len(), MOST);
    }
}
