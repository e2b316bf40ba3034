//! Where the parts of a text begin and end that get one stand-in each. Knows no key and changes nothing.

use std::net::IpAddr;
use std::ops::Range;

use crate::record::moment;
use crate::record::private;

use super::form::{is_luhn, is_mac};

/// A part of a text that is more than a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Special {
    /// `name@example.com`
    Mail,
    /// An IP address, without a port.
    Address(IpAddr),
    /// A key of a well-known service, or the hardware address of a network card.
    Key,
}

/// The special parts of a text, in order, none within another.
pub(super) fn specials(text: &str) -> Vec<(Range<usize>, Special)> {
    let bytes = text.as_bytes();
    let mut found: Vec<(Range<usize>, Special)> = Vec::new();
    if memchr::memchr(b'@', bytes).is_some() {
        found.extend(private::mails(text).map(|range| (range, Special::Mail)));
    }
    if memchr::memchr2(b'.', b':', bytes).is_some() {
        found.extend(private::addresses(text).map(|(range, address)| (range, Special::Address(address))));
    }
    if bytes.len() >= MAC && memchr::memchr2(b':', b'-', bytes).is_some() {
        found.extend(macs(text).map(|range| (range, Special::Key)));
    }
    // The shortest key has eleven characters.
    if bytes.len() > 10 {
        found.extend(
            private::keys(text).filter(|range| range.len() > "-----BEGIN".len()).map(|range| (range, Special::Key)),
        );
    }
    found.sort_by_key(|(range, _)| (range.start, usize::MAX - range.end));
    let mut end = 0;
    found.retain(|(range, _)| {
        range.start >= end && {
            end = range.end;
            true
        }
    });
    found
}

/// The characters of a hardware address.
const MAC: usize = 17;

fn macs(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let parts = text.split(|c: char| !c.is_ascii_hexdigit() && c != ':' && c != '-').filter(|part| part.len() == MAC);
    let parts = parts.filter(|part| is_mac(&part.chars().collect::<Vec<_>>()));
    parts.map(|part| part.as_ptr() as usize - text.as_ptr() as usize).map(|at| at..at + MAC)
}

/// Whether a word may have this character.
pub(super) fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-'
}

/// The end of the run of such characters that begins at `at`.
pub(super) fn run_end(text: &str, at: usize, is_part: impl Fn(char) -> bool) -> usize {
    text[at..].find(|c: char| !is_part(c)).map_or(text.len(), |length| at + length)
}

/// The end of digits in groups that begin at `at`: a card, a telephone number or a number of social security.
pub(super) fn digit_group_end(text: &str, at: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let has_plus = text[..at].ends_with('+');
    let (mut end, mut groups) = (at, Vec::new());
    loop {
        let length = bytes[end..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if length == 0 {
            break;
        }
        groups.push(length);
        end += length;
        let is_joined =
            matches!(bytes.get(end), Some(b' ' | b'-')) && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
        if !is_joined {
            break;
        }
        end += 1;
    }
    if groups.is_empty() || text[end..].starts_with(is_of_word) {
        return None;
    }
    let count: usize = groups.iter().sum();
    let is_card = || {
        let characters: Vec<char> = text[at..end].chars().collect();
        (13..=19).contains(&count) && matches!(characters[0], '2'..='6') && is_luhn(&characters)
    };
    let is_one = has_plus && (8..=15).contains(&count) || matches!(groups[..], [3, 2, 4] | [3, 3, 4]) || is_card();
    is_one.then_some(end)
}

/// The end of a time that begins at `at`, as logs write it.
pub(super) fn time_end(text: &str, at: usize) -> Option<usize> {
    let bytes = &text.as_bytes()[at..];
    let is_date = bytes.len() >= 10 && bytes[..4].iter().all(u8::is_ascii_digit) && matches!(bytes[4], b'-' | b'/');
    if !is_date {
        return None;
    }
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-:.,+/".contains(c);
    let end = run_end(text, at, is_part);
    let end = at + text[at..end].trim_end_matches(['.', ',', ':']).len();
    moment::read_text(&text[at..end]).is_ok().then_some(end)
}

/// Whether a text is a date, or a date and a time of day, and not a number.
pub(super) fn is_date(text: &str) -> bool {
    let is_candidate = (8..=40).contains(&text.len())
        && text.bytes().any(|byte| byte.is_ascii_digit())
        && text.bytes().skip(1).any(|byte| matches!(byte, b'-' | b'/' | b':' | b' '));
    is_candidate && moment::read_text(text).is_ok()
}

/// Whether a member of this name holds times, so that its numbers are times and not ids.
pub(super) fn is_name_of_times(name: &str) -> bool {
    const NAMES: [&str; 12] =
        ["timestamp", "ts", "t", "time", "date", "datetime", "epoch", "iat", "exp", "nbf", "created", "updated"];
    let lower = name.to_ascii_lowercase();
    NAMES.contains(&&*lower)
        || name.ends_with("At")
        || ["_at", "_ts", "time", "date", "timestamp"].iter().any(|end| lower.ends_with(end))
        || ["Ms", "_ms", "Ns", "_ns"].iter().any(|unit| name.strip_suffix(unit).is_some_and(is_name_of_times))
}

/// Whether a member of this name holds ids, so that its numbers are redacted.
pub(super) fn is_name_of_ids(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    lower == "id"
        || lower.ends_with("_id")
        || name.ends_with("Id")
        || name.ends_with("ID")
        || private::is_personal(name)
}

/// The end of a run of base64 that may be a key: long, and with letters of both cases and digits all over.
pub(super) fn opaque_end(text: &str, at: usize) -> Option<usize> {
    const SHORTEST: usize = 32;
    let end = run_end(text, at, |c| c.is_ascii_alphanumeric() || c == '+' || c == '/');
    let run = &text.as_bytes()[at..end];
    let class = |byte: &u8| (byte.is_ascii_digit(), byte.is_ascii_lowercase(), byte.is_ascii_uppercase());
    let changes = run.windows(2).filter(|pair| class(&pair[0]) != class(&pair[1])).count();
    let has = |is: fn(&u8) -> bool| run.iter().any(is);
    let is_mixed = has(u8::is_ascii_digit) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
    let is_key = run.len() >= SHORTEST && is_mixed && changes * 3 >= run.len() && !is_path_of_words(run);
    is_key.then_some(end)
}

/// Whether most parts of a path are words, such as `v1`, `users` or `GetById`.
fn is_path_of_words(path: &[u8]) -> bool {
    let is_word = |part: &[u8]| {
        !part.windows(2).any(|pair| {
            let in_capitals = pair[0].is_ascii_uppercase() && pair[1].is_ascii_uppercase();
            in_capitals || pair[0].is_ascii_digit() && pair[1].is_ascii_alphabetic()
        })
    };
    let parts = path.split(|byte| *byte == b'/');
    let (words, others): (Vec<&[u8]>, Vec<&[u8]>) = parts.partition(|part| is_word(part));
    words.len() > others.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_whole() {
        let found =
            |text: &str| specials(text).into_iter().map(|(range, _)| text[range].to_owned()).collect::<Vec<_>>();
        assert_eq!(
            found("Jane <j.d+x@mail.example.org>, 10.0.0.17:80 aa:bb:cc:dd:ee:0f."),
            ["j.d+x@mail.example.org", "10.0.0.17", "aa:bb:cc:dd:ee:0f"]
        );
        assert_eq!(found("key AKIAIOSFODNN7EXAMPLE at [2001:db8::1]"), ["AKIAIOSFODNN7EXAMPLE", "2001:db8::1"]);
        assert_eq!(found("Chrome/143.0.0.0 10:15:00 HTTP/1.1"), [""; 0]);
    }

    #[test]
    fn groups_of_digits_are_cards_and_telephone_numbers() {
        for (text, end) in [
            ("4111 1111 1111 1111 x", Some(19)),
            ("4111111111111112", None),
            ("123-45-6789", Some(11)),
            ("555-123-4567", Some(12)),
            ("2026-01-05", None),
            ("88338", None),
        ] {
            assert_eq!(digit_group_end(text, 0), end, "{text}");
        }
        assert_eq!(digit_group_end("+49 170 1234567", 1), Some(15));
    }

    #[test]
    fn times_and_their_names_are_recognised() {
        assert_eq!(time_end("at 2026-01-05T10:00:00.123Z, x", 3), Some(27));
        assert_eq!(time_end("2026-99-05", 0), None);
        for text in
            ["2026-01-05", "2026-01-05T10:00:00+01:00", "05/Jan/2026:10:00:00 +0000", "Mon, 05 Jan 2026 10:00:00 GMT"]
        {
            assert!(is_date(text), "{text}");
        }
        assert!(!["4711", "1767607200", "10.0.0.1", "user-1 2", "20260105"].iter().any(|text| is_date(text)));
        for name in ["ts", "createdAt", "updated_at", "startTime", "expires_at_ms", "requestTimestamp"] {
            assert!(is_name_of_times(name), "{name}");
        }
        assert!(!["user_id", "format", "Format", "state", "items"].iter().any(|name| is_name_of_times(name)));
    }

    #[test]
    fn keys_in_base64_are_opaque_and_paths_are_not() {
        let key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        assert_eq!(opaque_end(key, 0), Some(key.len()));
        assert_eq!(opaque_end("api/v1/Users/GetById/And/SomethingElse2", 0), None);
    }
}
