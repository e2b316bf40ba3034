//! Finds fields in a raw line by their dotted paths, and checks on the way that the line is one JSON object.
//!
//! The whole grammar of RFC 8259 is checked, UTF-8 included; what stands under a path is never guessed from a substring.

use std::fmt;
use std::ops::Range;

/// Why a line is no JSON object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnObject {
    /// Where, as a byte offset from the line's start.
    pub at: usize,
    /// What is wrong there.
    pub what: &'static str,
}

impl fmt::Display for NotAnObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.what, self.at + 1)
    }
}

impl std::error::Error for NotAnObject {}

const NONE: u32 = u32::MAX;

#[derive(Debug, Clone)]
struct Node {
    key: Box<[u8]>,
    field: u32,
    children: Vec<u32>,
    /// All fields at or below this node.
    below: Vec<u32>,
}

/// A set of dotted paths to look for. A dot that belongs to a key is written `\.`.
#[derive(Debug, Clone)]
pub struct FieldSet {
    nodes: Vec<Node>,
    paths: Vec<String>,
}

impl Default for FieldSet {
    fn default() -> Self {
        let root = Node { key: Box::default(), field: NONE, children: Vec::new(), below: Vec::new() };
        Self { nodes: vec![root], paths: Vec::new() }
    }
}

impl FieldSet {
    /// The set of these paths; the index of each is its place in the list. A path given twice has one index.
    pub fn new<P: AsRef<str>>(paths: impl IntoIterator<Item = P>) -> Self {
        let mut set = Self::default();
        for path in paths {
            set.add(path.as_ref());
        }
        set
    }

    /// Adds a path and returns its index.
    pub fn add(&mut self, path: &str) -> usize {
        if let Some(known) = self.paths.iter().position(|p| p == path) {
            return known;
        }
        let field = self.paths.len();
        self.paths.push(path.to_owned());
        let mut node = 0;
        for key in split_path(path) {
            self.nodes[node].below.push(index(field));
            let known = self.nodes[node].children.iter().copied().find(|c| *self.nodes[*c as usize].key == *key);
            node = known.map_or_else(
                || {
                    let new = self.nodes.len();
                    self.nodes.push(Node { key: key.into(), field: NONE, children: Vec::new(), below: Vec::new() });
                    self.nodes[node].children.push(index(new));
                    new
                },
                |child| child as usize,
            );
        }
        self.nodes[node].field = index(field);
        self.nodes[node].below.push(index(field));
        field
    }

    /// How many paths there are.
    pub fn len(&self) -> usize {
        self.paths.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// The path with this index.
    pub fn path(&self, field: usize) -> &str {
        &self.paths[field]
    }

    fn child(&self, node: u32, key: &[u8]) -> u32 {
        if node == NONE {
            return NONE;
        }
        let children = &self.nodes[node as usize].children;
        children.iter().copied().find(|c| *self.nodes[*c as usize].key == *key).unwrap_or(NONE)
    }
}

fn index(n: usize) -> u32 {
    u32::try_from(n).expect("there are fewer than 2^32 fields")
}

/// The keys of a dotted path, unescaped.
fn split_path(path: &str) -> Vec<Vec<u8>> {
    let mut keys = vec![Vec::new()];
    let mut bytes = path.bytes().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' if bytes.peek() == Some(&b'.') => {
                bytes.next();
                keys.last_mut().expect("there is always a key").push(b'.');
            }
            b'.' => keys.push(Vec::new()),
            byte => keys.last_mut().expect("there is always a key").push(byte),
        }
    }
    keys
}

/// Where the fields of a [`FieldSet`] stand in a line.
#[derive(Debug, Clone, Default)]
pub struct Spans {
    spans: Vec<(u32, u32)>,
}

impl Spans {
    /// The byte range of the value of this field; `None` where the path is not in the line.
    #[inline]
    pub fn range(&self, field: usize) -> Option<Range<usize>> {
        let (start, end) = self.spans[field];
        (start != NONE).then_some(start as usize..end as usize)
    }

    /// The value of this field as it stands in the line.
    #[inline]
    pub fn raw<'a>(&self, line: &'a [u8], field: usize) -> Option<&'a [u8]> {
        self.range(field).map(|range| &line[range])
    }

    fn reset(&mut self, fields: usize) {
        self.spans.clear();
        self.spans.resize(fields, (NONE, NONE));
    }
}

struct Frame {
    node: u32,
    field: u32,
    start: u32,
    is_object: bool,
}

enum Next {
    FirstKey,
    Key,
    FirstElement,
    Value,
    Behind,
}

/// Scans lines; holds only what is reused from one to the next.
#[derive(Default)]
pub struct Scanner {
    stack: Vec<Frame>,
    key: Vec<u8>,
}

impl Scanner {
    /// A scanner.
    pub fn new() -> Self {
        Self::default()
    }

    /// Checks that `line` is one JSON object and finds `fields` in it. Of a key that stands twice the last counts, as in jq.
    ///
    /// # Errors
    /// Where the line is anything else, with the first place that shows it.
    pub fn scan(&mut self, line: &[u8], fields: &FieldSet, spans: &mut Spans) -> Result<(), NotAnObject> {
        spans.reset(fields.len());
        if let Err(e) = simdutf8::basic::from_utf8(line) {
            let _ = e;
            let at = std::str::from_utf8(line).map_or_else(|e| e.valid_up_to(), |_| 0);
            return Err(NotAnObject { at, what: "bytes that are not UTF-8" });
        }
        // One pass that the compiler makes wide; strings need no look at each byte where no control character stands in
        // the line at all.
        let strict = line.iter().fold(false, |found, b| found | (*b < 0x20));
        self.walk(Walk { line, at: 0, strict }, fields, spans)
    }

    fn walk(&mut self, mut w: Walk<'_>, fields: &FieldSet, spans: &mut Spans) -> Result<(), NotAnObject> {
        self.stack.clear();
        w.skip_space();
        if w.peek() != Some(b'{') {
            return Err(w.wrong(if w.at == w.line.len() { "nothing" } else { "a value that is no object" }));
        }
        let mut node = 0;
        let mut next = Next::Value;
        loop {
            w.skip_space();
            match next {
                Next::FirstKey | Next::Key => {
                    match w.peek() {
                        Some(b'"') => {}
                        Some(b'}') if matches!(next, Next::FirstKey) => {
                            next = Next::Behind;
                            continue;
                        }
                        _ => return Err(w.wrong("no key")),
                    }
                    let from = w.at + 1;
                    let escapes = w.string()?;
                    let to = w.at - 1;
                    let parent = self.stack.last().expect("a key stands in an object").node;
                    node = if parent == NONE {
                        NONE
                    } else if escapes {
                        self.key.clear();
                        let key = super::value::text(&w.line[from - 1..=to]).unwrap_or_default();
                        self.key.extend_from_slice(key.as_bytes());
                        fields.child(parent, &self.key)
                    } else {
                        fields.child(parent, &w.line[from..to])
                    };
                    if node != NONE {
                        for field in &fields.nodes[node as usize].below {
                            spans.spans[*field as usize] = (NONE, NONE);
                        }
                    }
                    w.skip_space();
                    w.expect(b':', "no colon behind a key")?;
                    next = Next::Value;
                }
                Next::FirstElement if w.peek() == Some(b']') => next = Next::Behind,
                Next::FirstElement | Next::Value => {
                    let start = w.at;
                    let field = if node == NONE { NONE } else { fields.nodes[node as usize].field };
                    match w.peek() {
                        Some(open @ (b'{' | b'[')) => {
                            w.at += 1;
                            let is_object = open == b'{';
                            let inner = if is_object { node } else { NONE };
                            self.stack.push(Frame { node: inner, field, start: index(start), is_object });
                            node = NONE;
                            next = if is_object { Next::FirstKey } else { Next::FirstElement };
                        }
                        _ => {
                            w.scalar()?;
                            if field != NONE {
                                spans.spans[field as usize] = (index(start), index(w.at));
                            }
                            next = Next::Behind;
                        }
                    }
                }
                Next::Behind => {
                    let top = self.stack.last().expect("a value stands in an object or array");
                    match (w.peek(), top.is_object) {
                        (Some(b','), true) => next = Next::Key,
                        (Some(b','), false) => {
                            node = NONE;
                            next = Next::Value;
                        }
                        (Some(b'}'), true) | (Some(b']'), false) => {
                            if top.field != NONE {
                                spans.spans[top.field as usize] = (top.start, index(w.at + 1));
                            }
                            self.stack.pop();
                            if self.stack.is_empty() {
                                w.at += 1;
                                w.skip_space();
                                return if w.at == w.line.len() {
                                    Ok(())
                                } else {
                                    Err(w.wrong("more behind the object"))
                                };
                            }
                        }
                        (None, _) => return Err(w.wrong("the line ends inside the object")),
                        _ => return Err(w.wrong("neither comma nor closing bracket")),
                    }
                    w.at += 1;
                }
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Walk<'a> {
    line: &'a [u8],
    at: usize,
    /// Whether strings have to be searched for control characters.
    strict: bool,
}

impl Walk<'_> {
    fn wrong(&self, what: &'static str) -> NotAnObject {
        let what =
            if self.at >= self.line.len() && what != "nothing" { "the line ends inside the object" } else { what };
        NotAnObject { at: self.at, what }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.line.get(self.at).copied()
    }

    #[inline]
    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek() {
            self.at += 1;
        }
    }

    #[inline]
    fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), NotAnObject> {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(self.wrong(what))
        }
    }

    /// Passes over the string at whose opening quote we stand; says whether it holds escapes.
    #[inline]
    fn string(&mut self) -> Result<bool, NotAnObject> {
        let start = self.at;
        let mut escapes = false;
        self.at += 1;
        loop {
            self.skip_plain();
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    escapes = true;
                    self.escape()?;
                }
                _ => return Err(self.wrong("the line ends inside the object")),
            }
        }
        if self.strict
            && let Some(at) = self.line[start..self.at].iter().position(|b| *b < 0x20)
        {
            return Err(NotAnObject { at: start + at, what: "a control character in a string" });
        }
        self.at += 1;
        Ok(escapes)
    }

    /// Passes over bytes that are neither quote nor backslash, eight at a time: a call of memchr costs more than the usual
    /// string is long.
    #[inline]
    fn skip_plain(&mut self) {
        const LOW: u64 = 0x0101_0101_0101_0101;
        const HIGH: u64 = 0x8080_8080_8080_8080;
        let zero = |v: u64| v.wrapping_sub(LOW) & !v & HIGH;
        while let Some(word) = self.line.get(self.at..self.at + 8) {
            let word = u64::from_le_bytes(word.try_into().expect("the slice is eight bytes long"));
            let found = zero(word ^ (LOW * u64::from(b'"'))) | zero(word ^ (LOW * u64::from(b'\\')));
            if found != 0 {
                self.at += (found.trailing_zeros() / 8) as usize;
                return;
            }
            self.at += 8;
        }
        while !matches!(self.peek(), None | Some(b'"' | b'\\')) {
            self.at += 1;
        }
    }

    fn escape(&mut self) -> Result<(), NotAnObject> {
        match self.line.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => match self.line.get(self.at + 2..self.at + 6) {
                Some(hex) if hex.iter().all(u8::is_ascii_hexdigit) => self.at += 6,
                _ => return Err(self.wrong("an escape that is none")),
            },
            _ => return Err(self.wrong("an escape that is none")),
        }
        Ok(())
    }

    #[inline]
    fn scalar(&mut self) -> Result<(), NotAnObject> {
        match self.peek() {
            Some(b'"') => self.string().map(drop),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            _ => Err(self.wrong("no value")),
        }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), NotAnObject> {
        if !self.line[self.at..].starts_with(word) {
            return Err(self.wrong("no value"));
        }
        self.at += word.len();
        Ok(())
    }

    #[inline]
    fn number(&mut self) -> Result<(), NotAnObject> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    #[inline]
    fn digits(&mut self) -> Result<(), NotAnObject> {
        let from = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at > from { Ok(()) } else { Err(self.wrong("no number")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn find<'a>(line: &'a str, path: &str) -> Result<Option<&'a str>, NotAnObject> {
        let fields = FieldSet::new([path]);
        let mut spans = Spans::default();
        Scanner::new().scan(line.as_bytes(), &fields, &mut spans)?;
        Ok(spans.range(0).map(|range| &line[range]))
    }

    #[test]
    fn fields_are_found_under_their_path_alone() {
        let line = r#"{"meta":{"service":"a"},"source":{"parent":{"service":"b"},"service":"c"},"x":"\"service\":1"}"#;
        assert_eq!(find(line, "source.service"), Ok(Some(r#""c""#)));
        assert_eq!(find(line, "source.parent.service"), Ok(Some(r#""b""#)));
        assert_eq!(find(line, "source"), Ok(Some(r#"{"parent":{"service":"b"},"service":"c"}"#)));
        assert_eq!(find(line, "service"), Ok(None));
    }

    #[test]
    fn the_last_of_two_equal_keys_counts() {
        assert_eq!(find(r#"{"a":1,"a":2}"#, "a"), Ok(Some("2")));
        assert_eq!(find(r#"{"a":{"b":1},"a":{"c":2}}"#, "a.b"), Ok(None));
        assert_eq!(find(r#"{"a":{"b":1},"a":3}"#, "a.b"), Ok(None));
    }

    #[test]
    fn keys_may_be_escaped_and_hold_dots() {
        assert_eq!(find(r#"{"s\u0065rvice":1}"#, "service"), Ok(Some("1")));
        assert_eq!(find(r#"{"a.b":{"c":1}}"#, r"a\.b.c"), Ok(Some("1")));
    }

    #[test]
    fn what_is_no_object_is_refused_with_its_place() {
        let at = |line: &str| find(line, "a").map_err(|e| e.to_string()).expect_err(line);
        assert_eq!(at(""), "nothing at byte 1");
        assert_eq!(at("[1]"), "a value that is no object at byte 1");
        assert_eq!(at(r#"{"a":1,}"#), "no key at byte 8");
        assert_eq!(at(r#"{"a":NaN}"#), "no value at byte 6");
        assert_eq!(at(r#"{"a":1"#), "the line ends inside the object at byte 7");
        assert_eq!(at(r#"{"a":1} {"a":2}"#), "more behind the object at byte 9");
        assert_eq!(at("{\"a\":\"\t\"}"), "a control character in a string at byte 7");
        assert_eq!(at(r#"{"a":01}"#), "neither comma nor closing bracket at byte 7");
        assert_eq!(at(r#"{"a":"\x"}"#), "an escape that is none at byte 7");
        let not_utf8 = Scanner::new().scan(b"{\"a\":\"\xff\"}", &FieldSet::new(["a"]), &mut Spans::default());
        assert_eq!(not_utf8.expect_err("not UTF-8").to_string(), "bytes that are not UTF-8 at byte 7");
    }

    #[test]
    fn a_line_of_open_brackets_does_not_exhaust_the_stack() {
        let deep = format!("{{\"a\":{}", "[".repeat(1 << 20));
        assert!(find(&deep, "a").is_err());
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map("[ab\\\\\"é]{0,2}", inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_agrees_with_serde_json_on_every_value(value in json(), pretty in any::<bool>()) {
            let line = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
            let line = line.expect("a Value prints");
            let found = find(&line, "a.b");
            prop_assert_eq!(found.is_ok(), value.is_object());
            if let Ok(found) = found {
                let found = found.map(|raw| serde_json::from_str::<Value>(raw).expect("a span is a value"));
                prop_assert_eq!(found.as_ref(), value.pointer("/a/b").filter(|_| value["a"].is_object()));
            }
        }

        #[test]
        fn it_accepts_what_serde_json_accepts(mut line in json().prop_map(|v| v.to_string().into_bytes()), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let at = at.index(line.len());
            line[at] = byte;
            let theirs = serde_json::from_slice::<serde::de::IgnoredAny>(&line).is_ok() && std::str::from_utf8(&line).is_ok();
            let ours = Scanner::new().scan(&line, &FieldSet::new(["a"]), &mut Spans::default()).is_ok();
            let object = line.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{');
            prop_assert_eq!(ours, theirs && object);
        }
    }
}
