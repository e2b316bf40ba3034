//! Finds the first difference between two JSON texts. The time depends on their length, not on how deeply they are nested.
//!
//! There is no recursion, because an event may be nested as deeply as its line is long. Numbers are compared as they are written, because
//! no number type holds every JSON number.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::iter::Peekable;
use std::vec::IntoIter;

use super::number;
use crate::jsonl::value;
use crate::record::moment;

/// A difference.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference<'a> {
    /// Where, as a dotted path. A long path is shortened in the middle.
    pub path: String,
    /// The value that was sent there.
    pub sent: &'a str,
    /// The value that the server holds there, if there is one.
    pub held: Option<&'a str>,
}

/// Returns the first field of `sent` that differs in `held`. The fields of an object are compared in the order of their names. A field
/// that only `held` has is not a difference, nor is a null that it leaves out.
pub(super) fn first<'a>(sent: &'a str, held: &'a str) -> Option<Difference<'a>> {
    let (sent, held) = (sent.trim(), held.trim());
    let texts = Pair { sent: Text::of(sent), held: Text::of(held) };
    let Some((a, b)) = texts.sent.whole().zip(texts.held.whole()) else {
        // Both were checked to be JSON before.
        return (sent != held).then(|| Difference { path: String::new(), sent, held: Some(held) });
    };
    let mut frames: Vec<Frame<'a>> = Vec::new();
    let mut next = Some((a, b));
    loop {
        if let Some((sent, held)) = next.take() {
            match texts.open(sent, held) {
                Opened::Same => {}
                Opened::Frame(frame) => frames.push(frame),
                Opened::Differs => return Some(texts.difference(&frames, sent, Some(held))),
            }
        }
        let top = frames.last_mut()?;
        match top.step(&texts) {
            Step::Compare(sent, held) => next = Some((sent, held)),
            Step::NotHeld(sent) => return Some(texts.difference(&frames, sent, None)),
            Step::Done => drop(frames.pop()),
        }
    }
}

/// The position of a value in its text.
#[derive(Debug, Clone, Copy)]
struct Value {
    from: usize,
    to: usize,
    /// The number of an object or array among those of the text.
    nest: usize,
}

/// Where an object or array ends.
#[derive(Debug, Clone, Copy, Default)]
struct Nest {
    /// The position after its closing bracket.
    to: usize,
    /// The first object or array that begins after it.
    next: usize,
}

/// A JSON text, and where its objects and arrays end, in the order in which they begin. So skipping one takes no longer than skipping a
/// number.
struct Text<'a> {
    text: &'a str,
    nests: Vec<Nest>,
}

impl<'a> Text<'a> {
    fn of(text: &'a str) -> Self {
        let mut nests = Vec::new();
        let mut open = Vec::new();
        let mut at = 0;
        let bytes = text.as_bytes();
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'"' => {
                    at = end_of_string(bytes, at);
                    continue;
                }
                b'{' | b'[' => {
                    open.push(nests.len());
                    nests.push(Nest::default());
                }
                b'}' | b']' => {
                    let next = nests.len();
                    if let Some(nest) = open.pop().and_then(|nest: usize| nests.get_mut(nest)) {
                        *nest = Nest { to: at + 1, next };
                    }
                }
                _ => {}
            }
            at += 1;
        }
        Self { text, nests }
    }

    fn whole(&self) -> Option<Value> {
        Cursor { at: 0, nest: 0 }.value(self)
    }

    fn raw(&self, value: Value) -> &'a str {
        &self.text[value.from..value.to]
    }

    fn begins(&self, value: Value) -> u8 {
        self.text.as_bytes()[value.from]
    }

    fn inside(value: Value) -> Cursor {
        Cursor { at: value.from + 1, nest: value.nest + 1 }
    }

    fn elements(&self, array: Value) -> usize {
        let mut cursor = Self::inside(array);
        std::iter::from_fn(|| cursor.value(self)).count()
    }

    /// The members of an object by name. If a name occurs twice, the last one counts.
    fn members(&self, object: Value) -> Vec<Member<'a>> {
        let mut cursor = Self::inside(object);
        let mut members: Vec<Member<'a>> = std::iter::from_fn(|| cursor.member(self)).collect();
        // A stable sort, so that the last member with a name stays the last.
        members.sort_by(|a, b| a.name.cmp(&b.name));
        members.dedup_by(|later, kept| {
            let is_one_name = later.name == kept.name;
            if is_one_name {
                kept.value = later.value;
            }
            is_one_name
        });
        members
    }
}

struct Member<'a> {
    name: Cow<'a, str>,
    value: Value,
}

/// A position between the values of an object or array.
#[derive(Debug, Clone, Copy)]
struct Cursor {
    at: usize,
    /// The number of the next object or array.
    nest: usize,
}

impl Cursor {
    /// Moves to the next value or name. Returns `false` at the end.
    fn seek(&mut self, bytes: &[u8]) -> bool {
        let is_between = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b',' | b':');
        self.at += bytes[self.at..].iter().take_while(|byte| is_between(byte)).count();
        bytes.get(self.at).is_some_and(|byte| !matches!(byte, b'}' | b']'))
    }

    fn value(&mut self, text: &Text<'_>) -> Option<Value> {
        let bytes = text.text.as_bytes();
        if !self.seek(bytes) {
            return None;
        }
        let (from, nest) = (self.at, self.nest);
        self.at = match bytes[from] {
            b'"' => end_of_string(bytes, from),
            b'{' | b'[' => {
                let passed = text.nests.get(nest).filter(|passed| passed.to > from)?;
                self.nest = passed.next;
                passed.to
            }
            _ => {
                let is_part = |byte: &u8| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b',' | b'}' | b']');
                from + bytes[from..].iter().take_while(|byte| is_part(byte)).count()
            }
        };
        Some(Value { from, to: self.at, nest })
    }

    fn member<'a>(&mut self, text: &Text<'a>) -> Option<Member<'a>> {
        let name = self.value(text)?;
        let raw = text.raw(name);
        // A name that is not valid text, such as a lone surrogate, stays as it is written.
        let name = match value::text(raw.as_bytes()) {
            Some(Cow::Borrowed(_)) => Cow::Borrowed(&raw[1..raw.len() - 1]),
            _ => serde_json::from_str(raw).map_or(Cow::Borrowed(raw), Cow::Owned),
        };
        Some(Member { name, value: self.value(text)? })
    }
}

/// The position after the string that begins here.
fn end_of_string(bytes: &[u8], from: usize) -> usize {
    let mut at = from + 1;
    while let Some(further) = memchr::memchr2(b'"', b'\\', &bytes[at.min(bytes.len())..]) {
        at += further;
        if bytes[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    bytes.len()
}

/// Both texts.
struct Pair<'a> {
    sent: Text<'a>,
    held: Text<'a>,
}

/// Two values, compared without what is in them.
enum Opened<'a> {
    Same,
    Differs,
    /// Their contents decide.
    Frame(Frame<'a>),
}

impl<'a> Pair<'a> {
    fn open(&self, sent: Value, held: Value) -> Opened<'a> {
        match (self.sent.begins(sent), self.held.begins(held)) {
            (b'{', b'{') => Opened::Frame(Frame::Object {
                name: Cow::Borrowed(""),
                sent: self.sent.members(sent).into_iter(),
                held: self.held.members(held).into_iter().peekable(),
            }),
            (b'[', b'[') if self.sent.elements(sent) == self.held.elements(held) => {
                Opened::Frame(Frame::Array { at: None, sent: Text::inside(sent), held: Text::inside(held) })
            }
            (b'{' | b'[', _) | (_, b'{' | b'[') => Opened::Differs,
            _ if is_same(self.sent.raw(sent), self.held.raw(held)) => Opened::Same,
            _ => Opened::Differs,
        }
    }

    fn difference(&self, frames: &[Frame<'a>], sent: Value, held: Option<Value>) -> Difference<'a> {
        let path = shortened(frames.iter().map(Frame::name));
        Difference { path, sent: self.sent.raw(sent), held: held.map(|held| self.held.raw(held)) }
    }
}

/// Two objects or two arrays that are being compared.
enum Frame<'a> {
    Object { name: Cow<'a, str>, sent: IntoIter<Member<'a>>, held: Peekable<IntoIter<Member<'a>>> },
    Array { at: Option<usize>, sent: Cursor, held: Cursor },
}

/// The next step in a frame.
enum Step {
    Compare(Value, Value),
    NotHeld(Value),
    Done,
}

impl<'a> Frame<'a> {
    fn step(&mut self, texts: &Pair<'a>) -> Step {
        match self {
            Self::Array { at, sent, held } => {
                *at = Some(at.map_or(0, |at| at + 1));
                match sent.value(&texts.sent).zip(held.value(&texts.held)) {
                    Some((sent, held)) => Step::Compare(sent, held),
                    None => Step::Done,
                }
            }
            Self::Object { name, sent, held } => loop {
                let Some(member) = sent.next() else { return Step::Done };
                while held.next_if(|other| other.name < member.name).is_some() {}
                let found = held.peek().filter(|other| other.name.cmp(&member.name) == Ordering::Equal);
                match found.map(|other| other.value) {
                    Some(other) => {
                        *name = member.name;
                        return Step::Compare(member.value, other);
                    }
                    // A null may be left out.
                    None if texts.sent.raw(member.value) == "null" => {}
                    None => {
                        *name = member.name;
                        return Step::NotHeld(member.value);
                    }
                }
            },
        }
    }

    /// The part of the path that leads to what is being compared.
    fn name(&self) -> Cow<'_, str> {
        match self {
            Self::Object { name, .. } => Cow::Borrowed(name),
            Self::Array { at, .. } => Cow::Owned(at.unwrap_or_default().to_string()),
        }
    }
}

/// A dotted path. If it is long, only its first and last parts are kept.
fn shortened<'a>(steps: impl ExactSizeIterator<Item = Cow<'a, str>>) -> String {
    const AT_EITHER_END: usize = 10;
    let count = steps.len();
    let mut path: Vec<Cow<'_, str>> = Vec::new();
    for (at, step) in steps.enumerate() {
        if at < AT_EITHER_END || at + AT_EITHER_END >= count {
            path.push(step);
        } else if at == AT_EITHER_END {
            path.push(Cow::Borrowed("…"));
        }
    }
    path.join(".")
}

/// Whether two scalar values are equal. Texts, times and numbers may be written in more than one way.
fn is_same(sent: &str, held: &str) -> bool {
    let text = |value| serde_json::from_str::<String>(value).ok();
    match (text(sent), text(held)) {
        (Some(a), Some(b)) if a == b => true,
        (None, None) => number::is_same(sent, held),
        (a, b) => (is_date(a) || is_date(b)) && is_same_moment(sent, held),
    }
}

/// Whether a text has more than digits. Different numbers in quotes need not be times.
fn is_date(text: Option<String>) -> bool {
    text.is_some_and(|text| text.contains(['-', '/', ':', 'T']))
}

fn is_same_moment(sent: &str, held: &str) -> bool {
    let moment = |raw: &str| moment::read(raw.as_bytes()).ok();
    moment(sent).is_some_and(|sent| Some(sent) == moment(held))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn words(sent: &str, held: &str) -> Option<String> {
        first(sent, held).map(|found| format!("{}: {} {}", found.path, found.sent, found.held.unwrap_or("-")))
    }

    #[test]
    fn only_what_was_sent_is_compared_and_by_what_it_means() {
        let sent = json!({"a": 1.10, "t": "2026-01-05T09:00:00.000000Z", "u": null, "m": {"x": [1, 2]}});
        let held = json!({"m": {"x": [1, 2], "y": 0}, "t": "2026-01-05T10:00:00+01:00", "a": 1.1, "received": true});
        assert_eq!(words(&sent.to_string(), &held.to_string()), None);
    }

    #[test]
    fn a_time_is_the_same_in_whichever_form_the_server_gives_it_back() {
        let held = r#"{"t":"2026-01-05T09:00:00.123456+00:00"}"#;
        for sent in [
            "\"2026-01-05 09:00:00,123456\"",
            "1767603600.123456",
            "\"1767603600123456\"",
            "\"2026-01-05T10:00:00.123456+0100\"",
        ] {
            assert_eq!(words(&format!("{{\"t\":{sent}}}"), held), None, "{sent}");
        }
        for sent in ["1767603600.123457", "\"2026-01-05 10:00:00,123456\"", "null", "17"] {
            assert!(words(&format!("{{\"t\":{sent}}}"), held).is_some(), "{sent}");
        }
        // Two texts, and perhaps not times.
        assert!(words(r#"{"t":"1767603600"}"#, r#"{"t":"1767603600.0"}"#).is_some());
    }

    #[test]
    fn numbers_are_compared_by_all_their_digits() {
        for (sent, held, differs) in [
            ("12345678901234567890", "12345678901234567891", true),
            ("9007199254740993", "9007199254740992", true),
            ("99999999999999999999", "99999999999999999998", true),
            ("9007199254740993", "9007199254740993.0", false),
            ("1.10", "1.1", false),
        ] {
            let object = |n| format!("{{ \"a\" : [ {n} ] }}");
            assert_eq!(words(&object(sent), &object(held)).is_some(), differs, "{sent} {held}");
        }
    }

    #[test]
    fn the_field_that_differs_is_found_whatever_is_around_it() {
        for (sent, held, found) in [
            (r#"{"a":1}"#, r#"{"a":2}"#, Some("a: 1 2")),
            (r#"{"m":{"x":[1,2]}}"#, r#"{"m":{"x":[1,3]}}"#, Some("m.x.1: 2 3")),
            (r#"{"m":{"x":[1,2]}}"#, r#"{"m":{}}"#, Some("m.x: [1,2] -")),
            (r#"{"a":1}"#, r#"{"a":"1"}"#, Some("a: 1 \"1\"")),
            (r#"{"a":[1]}"#, r#"{"a":[1,2]}"#, Some("a: [1] [1,2]")),
            (r#"{"a":[]}"#, r#"{"a":{}}"#, Some("a: [] {}")),
            (r#"{"a":{}}"#, r#"{"a":null}"#, Some("a: {} null")),
            (r#"{"a":null}"#, r#"{"a":0}"#, Some("a: null 0")),
            (r#"{"a":null}"#, r#"{"b":0}"#, None),
            // The last of one name counts, on both sides.
            (r#"{"a":1,"a":2}"#, r#"{"a":2}"#, None),
            (r#"{"a":2}"#, r#"{"a":{"x":[]},"a":2}"#, None),
            (r#"{"a":1,"b":0,"a":2}"#, r#"{"a":1,"b":0}"#, Some("a: 2 1")),
            // Names and texts may be written with escapes.
            (r#"{"\u0061":"\u00e9"}"#, r#"{"a":"é"}"#, None),
            (r#"{"\ud800":1}"#, r#"{"\ud800":1}"#, None),
            (r#"{"\ud800":1}"#, r#"{"\ud801":1}"#, Some("\"\\ud800\": 1 -")),
            (r#"{"a":"}]\"","b":1}"#, r#"{"b":2,"a":"}]\""}"#, Some("b: 1 2")),
            (
                r#"{"a":[[],{"b":[1,[2]]},3]}"#,
                " { \"a\" : [ [ ] , { \"b\" : [ 1 , [ 2 ] ] } , 4 ] } ",
                Some("a.2: 3 4"),
            ),
            (r#"{"":{"":1}}"#, r#"{"":{"":2}}"#, Some(".: 1 2")),
        ] {
            assert_eq!(words(sent, held).as_deref(), found, "{sent} {held}");
        }
    }

    #[test]
    fn depth_costs_no_more_than_length() {
        let nested = |open: &str, close: &str, depth, core: &str| {
            format!("{{\"p\":{}{core}{}}}", open.repeat(depth), close.repeat(depth))
        };
        for (open, close) in [("{\"a\":", "}"), ("[", "]"), ("[0,{\"a\":", ",\"z\":[]}]")] {
            let deep = nested(open, close, 100_000, "1");
            assert_eq!(first(&deep, &deep), None);
            let found = nested(open, close, 100_000, "2");
            let found = first(&deep, &found).expect("the core differs");
            assert_eq!((found.sent, found.held), ("1", Some("2")));
            assert!(
                found.path.starts_with("p.") && found.path.contains('…') && found.path.len() < 100,
                "{}",
                found.path
            );
        }
    }

    #[test]
    fn a_hundred_thousand_members_in_another_order_are_the_same() {
        let member = |n: u32| format!("\"key{n}\":{n}");
        let object = |members: Vec<String>| format!("{{{}}}", members.join(","));
        let sent = object((0..100_000).map(member).collect());
        let held = object((0..100_000).rev().map(member).collect());
        assert_eq!(first(&sent, &held), None);
        let twice = object((0..100_000).map(|_| "\"a\":[1]".to_owned()).collect());
        assert_eq!(first(&twice, "{\"a\":[1]}"), None);
    }

    /// Any JSON, with numbers that doubles hold.
    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            (-3i32..3).prop_map(Into::into),
            "[ab\"\\\\{}\\[\\],:]{0,3}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::btree_map("[ab\"]{0,2}", inner, 0..4)
                    .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
            ]
        })
    }

    /// The same rule by recursion over values.
    fn is_held(sent: &serde_json::Value, held: &serde_json::Value) -> bool {
        use serde_json::Value::{Array, Object};
        match (sent, held) {
            (Object(a), Object(b)) => a.iter().all(|(key, a)| b.get(key).map_or(a.is_null(), |b| is_held(a, b))),
            (Array(a), Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_held(a, b)),
            (a, b) => a == b,
        }
    }

    proptest! {
        #[test]
        fn it_finds_a_difference_where_a_comparison_of_values_does(sent in any_json(), held in any_json(), pretty: bool) {
            let text = if pretty { serde_json::to_string_pretty(&held) } else { serde_json::to_string(&held) };
            let text = text.expect("JSON");
            prop_assert_eq!(first(&sent.to_string(), &text).is_none(), is_held(&sent, &held));
            prop_assert!(first(&text, &text).is_none());
        }

        #[test]
        fn no_text_makes_it_panic(sent in "[\\[\\]{},:\"\\\\a1 ]{0,20}", held in "[\\[\\]{},:\"\\\\a1 ]{0,20}") {
            let _ = first(&sent, &held);
        }
    }
}
