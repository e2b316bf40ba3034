//! Finds all values in a line that is one JSON object, with the paths to them.
//!
//! A line is taken as text between values, its gaps, and values. Lines of one layout have the same gaps, so the gaps that were met are
//! kept in a tree, and a known one is recognised by comparing its bytes. What is kept only saves time: it never changes a result.

use std::collections::HashMap;

use memchr::memchr2;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Objects within this many others are taken as one value.
pub(in crate::plearn) const DEEPEST: usize = 32;

/// How many gaps, paths, and bytes of both are kept before all is forgotten.
const MOST_GAPS: usize = 1 << 14;
const MOST_BYTES: usize = 4 << 20;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plearn) enum Class {
    Null = 0,
    False = 1,
    True = 2,
    Number = 3,
    Text = 4,
    Array = 5,
    /// An object without members.
    Empty = 6,
    /// An object that lies too deep to be looked into.
    Deep = 7,
}

/// A value in a line.
#[derive(Debug, Clone, Copy)]
pub(in crate::plearn) struct Leaf {
    /// Its path, as the walker numbers it.
    pub(in crate::plearn) path: u32,
    pub(in crate::plearn) start: u32,
    pub(in crate::plearn) end: u32,
    pub(in crate::plearn) class: Class,
}

impl Leaf {
    /// Its raw text.
    #[inline]
    pub(in crate::plearn) fn raw<'l>(&self, line: &'l [u8]) -> &'l [u8] {
        &line[self.start as usize..self.end as usize]
    }
}

/// A key within the object of another path.
#[derive(Debug, Clone)]
struct Path {
    parent: u32,
    /// As it stands in the line, without quotes.
    key: Box<[u8]>,
    hash: u64,
}

/// A gap that was met behind another, and where it leads.
#[derive(Debug)]
struct Gap {
    text: Box<[u8]>,
    /// The hash of all gaps up to here.
    hash: u64,
    /// The path of the value behind it; `ROOT` if the line ends.
    path: u32,
    /// The objects around that value.
    around: Box<[u32]>,
    /// The gaps that were met behind that value, the last one first.
    next: Vec<u32>,
}

/// The path of the whole line.
const ROOT: u32 = 0;

/// How many gaps are tried before the line is read byte by byte.
const TRIES: usize = 4;

/// Walks through lines. Numbers of paths are valid until the next line.
#[derive(Debug)]
pub(in crate::plearn) struct Walker {
    gaps: Vec<Gap>,
    paths: Vec<Path>,
    known: HashMap<(u32, u64), u32>,
    bytes: usize,
    leaves: Vec<Leaf>,
    around: Vec<u32>,
}

impl Default for Walker {
    fn default() -> Self {
        let mut walker = Self {
            gaps: Vec::new(),
            paths: Vec::new(),
            known: HashMap::new(),
            bytes: 0,
            leaves: Vec::new(),
            around: Vec::new(),
        };
        walker.forget();
        walker
    }
}

impl Walker {
    fn forget(&mut self) {
        self.gaps.clear();
        self.gaps.push(Gap { text: [].into(), hash: 0, path: ROOT, around: [].into(), next: Vec::new() });
        self.paths.clear();
        self.paths.push(Path { parent: ROOT, key: [].into(), hash: 0 });
        self.known.clear();
        self.bytes = 0;
    }

    /// Finds the values of a line, of which it is known that it is one JSON object. Returns the hash of its layout: its keys, their
    /// order and the spaces around them.
    pub(in crate::plearn) fn walk(&mut self, line: &[u8]) -> u64 {
        if self.gaps.len() > MOST_GAPS || self.paths.len() > MOST_GAPS || self.bytes > MOST_BYTES {
            self.forget();
        }
        self.leaves.clear();
        let (mut gap, mut at) = (0, 0);
        loop {
            gap = self.step(gap, line, at);
            let Gap { text, path, hash, .. } = &self.gaps[gap as usize];
            at += text.len();
            if *path == ROOT {
                return *hash;
            }
            let (end, class) = value(line, at);
            // Lines are at most 2^30 bytes long.
            #[allow(clippy::cast_possible_truncation)]
            self.leaves.push(Leaf { path: *path, start: at as u32, end: end as u32, class });
            at = end;
        }
    }

    /// The values of the last line, in order.
    pub(in crate::plearn) fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    /// The hash of a path.
    #[inline]
    pub(in crate::plearn) fn hash(&self, path: u32) -> u64 {
        self.paths[path as usize].hash
    }

    /// The raw keys of a path, from the outside in.
    pub(in crate::plearn) fn keys(&self, path: u32) -> Vec<&[u8]> {
        let up = |path: &u32| Some(self.paths[*path as usize].parent);
        let way = std::iter::successors(Some(path), up).take_while(|path| *path != ROOT);
        let mut keys: Vec<&[u8]> = way.map(|path| &*self.paths[path as usize].key).collect();
        keys.reverse();
        keys
    }

    /// The gap that begins at `at`, behind the value of another.
    #[inline]
    fn step(&mut self, before: u32, line: &[u8], at: usize) -> u32 {
        let rest = &line[at..];
        let is_it = |gap: &u32| {
            let Gap { text, path, .. } = &self.gaps[*gap as usize];
            rest.starts_with(text)
                && (*path == ROOT || is_value(&rest[text.len()..], self.gaps[*gap as usize].around.len()))
        };
        let next = &self.gaps[before as usize].next;
        match next.iter().take(TRIES).position(is_it) {
            Some(0) => next[0],
            Some(place) => {
                let next = &mut self.gaps[before as usize].next;
                next[..=place].rotate_right(1);
                next[0]
            }
            None => self.learn(before, line, at),
        }
    }

    /// Reads a gap byte by byte.
    #[cold]
    fn learn(&mut self, before: u32, line: &[u8], start: usize) -> u32 {
        let mut around = std::mem::take(&mut self.around);
        around.clear();
        around.extend_from_slice(&self.gaps[before as usize].around);
        let mut at = start;
        let path = loop {
            match line.get(at) {
                Some(b'{') => {
                    // Without a key before it, it is the line's own.
                    if around.is_empty() {
                        around.push(ROOT);
                    }
                    at += 1;
                }
                Some(b'}') => {
                    around.pop();
                    at += 1;
                }
                Some(b'"') => {
                    let end = string_end(line, at);
                    let path = self.path(around.last().copied().unwrap_or(ROOT), &line[at + 1..end - 1]);
                    at = end;
                    while matches!(line.get(at), Some(b':' | b' ' | b'\t' | b'\r' | b'\n')) {
                        at += 1;
                    }
                    if is_value(&line[at..], around.len()) {
                        break path;
                    }
                    around.push(path);
                }
                Some(_) => at += 1,
                None => break ROOT,
            }
        };
        let text = &line[start..at];
        let gaps = &self.gaps[before as usize].next;
        let known = gaps.iter().copied().find(|gap| *self.gaps[*gap as usize].text == *text);
        let gap = known.unwrap_or_else(|| {
            let hash = xxh3_64_with_seed(text, self.gaps[before as usize].hash);
            self.bytes += text.len() + around.len() * 4 + 64;
            self.gaps.push(Gap { text: text.into(), hash, path, around: (&*around).into(), next: Vec::new() });
            u32::try_from(self.gaps.len() - 1).unwrap_or(0)
        });
        let next = &mut self.gaps[before as usize].next;
        next.retain(|other| *other != gap);
        next.insert(0, gap);
        self.around = around;
        gap
    }

    fn path(&mut self, parent: u32, key: &[u8]) -> u32 {
        let hash = xxh3_64_with_seed(key, self.paths[parent as usize].hash.wrapping_add(1));
        if let Some(known) = self.known.get(&(parent, hash)) {
            return *known;
        }
        let path = u32::try_from(self.paths.len()).unwrap_or(0);
        self.bytes += key.len() + 64;
        self.paths.push(Path { parent, key: key.into(), hash });
        self.known.insert((parent, hash), path);
        path
    }
}

/// Whether a value begins here that is not looked into.
#[inline]
fn is_value(rest: &[u8], depth: usize) -> bool {
    match rest.first() {
        Some(b'{') => depth >= DEEPEST || is_empty_object(rest),
        Some(b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n' | b'[') => true,
        _ => false,
    }
}

fn is_empty_object(rest: &[u8]) -> bool {
    rest[1..].iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'}')
}

/// The end and the class of the value that begins at `at`.
#[inline]
fn value(line: &[u8], at: usize) -> (usize, Class) {
    match line[at] {
        b'"' => (string_end(line, at), Class::Text),
        b't' => (at + 4, Class::True),
        b'f' => (at + 5, Class::False),
        b'n' => (at + 4, Class::Null),
        b'[' => (list_end(line, at), Class::Array),
        b'{' if is_empty_object(&line[at..]) => (list_end(line, at), Class::Empty),
        b'{' => (list_end(line, at), Class::Deep),
        _ => {
            let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E');
            (at + line[at..].iter().take_while(|byte| is_part(byte)).count(), Class::Number)
        }
    }
}

/// The end of the string whose first quote stands at `at`.
#[inline]
fn string_end(line: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    loop {
        let step = memchr2(b'"', b'\\', &line[at..]).expect("the line is JSON, so its strings end");
        if line[at + step] == b'"' {
            return at + step + 1;
        }
        at += step + 2;
    }
}

/// The end of the array or object whose first bracket stands at `at`.
fn list_end(line: &[u8], at: usize) -> usize {
    let (mut at, mut depth) = (at, 0usize);
    loop {
        match line[at] {
            b'"' => at = string_end(line, at) - 1,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walked(walker: &mut Walker, line: &str) -> (u64, Vec<(String, String)>) {
        let layout = walker.walk(line.as_bytes());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let path = |path| walker.keys(path).into_iter().map(text).collect::<Vec<_>>().join(".");
        let leaves = walker.leaves().iter();
        (layout, leaves.map(|leaf| (path(leaf.path), text(leaf.raw(line.as_bytes())))).collect())
    }

    #[test]
    fn values_are_found_with_their_paths_however_often_a_layout_was_met() {
        let mut walker = Walker::default();
        let line =
            r#" {"a": 1, "b": {"c": "x\"}", "d": {}, "e": [1, {"f": "]"}]}, "g": {"h": {"i": null}, "j": true}} "#;
        let expected = [
            ("a", "1"),
            ("b.c", r#""x\"}""#),
            ("b.d", "{}"),
            ("b.e", r#"[1, {"f": "]"}]"#),
            ("g.h.i", "null"),
            ("g.j", "true"),
        ];
        let expected: Vec<_> = expected.iter().map(|(path, raw)| ((*path).to_owned(), (*raw).to_owned())).collect();
        let first = walked(&mut walker, line);
        assert_eq!(first.1, expected);
        assert_eq!(walked(&mut walker, line), first);
        assert_eq!(walked(&mut Walker::default(), line).0, first.0);
        // Other values, other spaces, other keys.
        assert_eq!(walked(&mut walker, &line.replace('1', "-2.5e3")).0, first.0);
        assert_ne!(walked(&mut walker, &line.replace(": ", ":")).0, first.0);
        assert_ne!(walked(&mut walker, &line.replace("\"j\"", "\"k\"")).0, first.0);
        assert_eq!(walked(&mut walker, "{}").1, []);
        assert_eq!(walked(&mut walker, r#"{"a":{"a":{"b":1}},"b":2}"#).1.len(), 2);
    }

    #[test]
    fn an_object_that_lies_deep_is_one_value() {
        let line = format!("{}1{}", "{\"a\":".repeat(1000), "}".repeat(1000));
        let (_, leaves) = walked(&mut Walker::default(), &line);
        assert_eq!(leaves.len(), 1);
        assert_eq!(leaves[0].0.matches('a').count(), DEEPEST);
    }
}
