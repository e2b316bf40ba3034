//! Finds a member of a JSON object together with the other members of the object that have the same key, in one pass over the line.

use std::ops::Range;

use crate::jsonl::value;

/// A member of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    /// Its key, quotes included.
    pub key: Range<usize>,
    /// The end of its value.
    end: usize,
    /// The comma before it, unless it is the first member.
    comma: Option<usize>,
    /// Where the next member begins, unless it is the last one.
    next: Option<usize>,
}

/// Whether the value that begins here is that of a member, rather than an element of an array.
pub(super) fn is_member(text: &[u8], value: usize) -> bool {
    text[..value].trim_ascii_end().ends_with(b":")
}

/// The members with the same key as the one whose value begins at `value`, in order. Empty if the value is an element of an
/// array. `text` is valid JSON.
pub(super) fn with_same_key(text: &[u8], value: usize) -> Vec<Member> {
    if !is_member(text, value) {
        return Vec::new();
    }
    let Some(mut at) = object_around(text, value).map(|brace| brace + 1) else { return Vec::new() };
    let mut wanted = None;
    let mut found: Vec<(Vec<u8>, Member)> = Vec::new();
    let mut comma = None;
    loop {
        let from = at + space(&text[at..]);
        let Some(b'"') = text.get(from) else { break };
        let key = from..end_of_string(text, from);
        let colon = key.end + space(&text[key.end..]);
        let begin = colon + 1 + space(&text[colon + 1..]);
        let end = end_of_value(text, begin);
        let behind = end + space(&text[end..]);
        let is_last = text.get(behind) != Some(&b',');
        let next = (!is_last).then(|| behind + 1 + space(&text[behind + 1..]));
        let name = value::label(&text[key.clone()]).into_owned().into_bytes();
        if begin == value {
            wanted = Some(name.clone());
        }
        if wanted.as_ref().is_none_or(|wanted| *wanted == name) {
            found.push((name, Member { key, end, comma, next }));
        }
        if is_last {
            break;
        }
        (comma, at) = (Some(behind), behind + 1);
    }
    let same = found.into_iter().filter(|(name, _)| wanted.as_ref() == Some(name));
    same.map(|(_, member)| member).collect()
}

/// The bytes to remove with these members of one object, in order: each member with a comma.
pub(super) fn without(members: &[Member]) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::with_capacity(members.len());
    for (at, member) in members.iter().enumerate() {
        if let Some(next) = member.next {
            ranges.push(member.key.start..next);
            continue;
        }
        // The last members of the object: the comma before the first of them is removed too.
        let mut first = at;
        while first > 0 && members[first - 1].next == Some(members[first].key.start) {
            first -= 1;
        }
        ranges.truncate(first);
        ranges.push(members[first].comma.unwrap_or(members[first].key.start)..member.end);
    }
    ranges
}

/// The brace that opens the innermost object around this position.
fn object_around(text: &[u8], place: usize) -> Option<usize> {
    let mut open = Vec::new();
    let mut at = 0;
    while at < place {
        match text[at] {
            b'"' => {
                at = end_of_string(text, at);
                continue;
            }
            b'{' | b'[' => open.push(at),
            b'}' | b']' => drop(open.pop()),
            _ => {}
        }
        at += 1;
    }
    open.last().copied()
}

/// The end of the value that begins at `from`.
fn end_of_value(text: &[u8], from: usize) -> usize {
    let mut depth = 0usize;
    let mut at = from;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => at = end_of_string(text, at) - 1,
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 0 => break,
            b'}' | b']' => depth -= 1,
            b',' if depth == 0 => break,
            _ => {}
        }
        at += 1;
    }
    from + text[from..at].trim_ascii_end().len()
}

/// The position after the closing quote of the string that begins at `from`.
fn end_of_string(text: &[u8], from: usize) -> usize {
    let mut at = from + 1;
    while at < text.len() && text[at] != b'"' {
        at += 1 + usize::from(text[at] == b'\\');
    }
    (at + 1).min(text.len())
}

/// The length of the white space at the start.
fn space(bytes: &[u8]) -> usize {
    bytes.len() - bytes.trim_ascii_start().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left of an object when all members go that have the key of the one with the value at `value`.
    fn left(text: &str, value: &str) -> String {
        let at = text.find(value).expect("the value is there");
        let mut rest = text.to_owned();
        for range in without(&with_same_key(text.as_bytes(), at)).into_iter().rev() {
            rest.replace_range(range, "");
        }
        rest
    }

    #[test]
    fn all_members_with_the_key_go_and_the_commas_that_they_leave_behind() {
        for (text, expected) in [
            (r#"{"a":7}"#, "{}"),
            (r#"{ "a" : 7 }"#, "{  }"),
            (r#"{"a":7,"a":8}"#, "{}"),
            (r#"{"a":7, "a":8 }"#, "{ }"),
            (r#"{"a":7,"b":1,"a":8}"#, r#"{"b":1}"#),
            (r#"{"b":1 , "a":7, "a":8 }"#, r#"{"b":1  }"#),
            (r#"{"a":7,"a":8,"b":1}"#, r#"{"b":1}"#),
            (r#"{"b":1,"a":7,"c":2,"a":8,"a":9}"#, r#"{"b":1,"c":2}"#),
            (r#"{"\u0061":7,"b":{"a":1},"a":[{"a":2},"},"]}"#, r#"{"b":{"a":1}}"#),
            (r#"{"x":{"a":7,"b":"\"a\":"},"a":1}"#, r#"{"x":{"b":"\"a\":"},"a":1}"#),
            (r#"{"x":[1,{"a":7}],"a":1}"#, r#"{"x":[1,{}],"a":1}"#),
        ] {
            assert_eq!(left(text, "7"), expected, "{text}");
        }
    }

    #[test]
    fn an_element_of_an_array_has_no_key() {
        assert_eq!(with_same_key(br#"{"a":[1,7]}"#, 8), []);
        assert!(!is_member(br#"{"a":[1,7]}"#, 8));
    }
}
