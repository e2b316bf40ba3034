//! Proves that none of the values that were replaced is left in a redacted stream, in any coding.

use std::collections::{HashMap, HashSet};

use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

use crate::jsonl::leaves::{self, Part};

use super::coding::{self, Decoded};
use super::find;
use super::members::Members;
use super::redactor::{armoured_run, is_json};
use super::words::{self, Phrase};

/// The most values, and the most lines, that are kept: together about 250 MiB.
const MOST_VALUES: usize = 2_000_000;
const MOST_LINES: usize = 4_000_000;

/// How many texts within texts are looked into. More than redaction does.
const DEEPEST: usize = 10;

/// Where a value was first.
#[derive(Debug, Clone, Copy)]
struct Origin {
    line: u64,
    /// The number of its path.
    path: u32,
    /// Its length in bytes.
    length: u32,
}

/// A value that is left. It does not hold the value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(in crate::pshape) struct Left {
    /// The line of the redacted stream.
    pub line: u64,
    /// The member in which it is.
    pub path: String,
    /// The codings that lead to it, from the outside in. Empty if it is written plainly.
    pub coding: Vec<&'static str>,
    /// Its length in bytes.
    pub length: u32,
    /// The first line of the original that has it.
    pub original_line: u64,
    /// The member of the original that has it.
    pub original_path: String,
}

/// What was searched for, and where.
#[derive(Debug, Default)]
pub(in crate::pshape) struct Counts {
    /// Different values.
    pub values: usize,
    /// Values that are too short to be searched for.
    pub short: u64,
    /// Values, and lines of the original, for which there was no room.
    pub beyond: u64,
    /// Lines of the original that are not JSON objects.
    pub not_objects: u64,
    /// Lines of the redacted stream.
    pub lines: u64,
    /// Those of them that redaction with the same key makes of the original.
    pub exact: u64,
}

/// The values that were replaced, and what the redacted lines should be.
pub(in crate::pshape) struct Check {
    members: Members,
    values: HashMap<Phrase, Origin>,
    paths: Vec<String>,
    known_paths: HashMap<String, u32>,
    /// The most words that a value has.
    most_words: usize,
    /// The hashes of the lines that redaction makes of the original. Empty without the key.
    expected: HashSet<u64>,
    /// The hashes of the lines that redaction leaves out.
    withheld: HashSet<u64>,
    knows_key: bool,
    counts: Counts,
}

impl Check {
    /// A check for these members. Without the key (`knows_key`), their stand-ins mean nothing.
    pub(in crate::pshape) fn new(mut members: Members, knows_key: bool) -> Self {
        members.redactor().keep_replaced();
        Self {
            members,
            values: HashMap::new(),
            paths: Vec::new(),
            known_paths: HashMap::new(),
            most_words: 0,
            expected: HashSet::new(),
            withheld: HashSet::new(),
            knows_key,
            counts: Counts::default(),
        }
    }

    /// What was searched for, and where.
    pub(in crate::pshape) fn counts(&self) -> Counts {
        Counts { values: self.values.len(), ..self.counts }
    }

    /// The paths that no line of the original has.
    pub(in crate::pshape) fn missing(&self) -> Option<String> {
        self.members.missing()
    }

    /// Learns the values of a line of the original. `is_object` says whether it can be redacted.
    pub(in crate::pshape) fn learn(&mut self, number: u64, line: &[u8], is_object: bool) {
        let Some(text) = std::str::from_utf8(line).ok().filter(|_| is_object) else {
            self.counts.not_objects += 1;
            if self.withheld.len() < MOST_LINES {
                self.withheld.insert(xxh3_64(line));
            }
            return;
        };
        self.members.begin();
        self.members.search(text);
        let replaced = self.members.redactor().take_replaced();
        if self.knows_key {
            if self.expected.len() < MOST_LINES {
                self.expected.insert(xxh3_64(coding::apply(text, self.members.edits()).as_bytes()));
            } else {
                self.counts.beyond += 1;
            }
        }
        for (value, path) in replaced {
            self.enter(number, &value, &path);
        }
    }

    fn enter(&mut self, line: u64, value: &str, path: &str) {
        let Some(phrase) = Phrase::of(value) else {
            self.counts.short += 1;
            return;
        };
        if self.values.contains_key(&phrase) {
            return;
        }
        if self.values.len() == MOST_VALUES {
            self.counts.beyond += 1;
            return;
        }
        let next = u32::try_from(self.paths.len()).unwrap_or(0);
        let path = *self.known_paths.entry(path.to_owned()).or_insert_with(|| {
            self.paths.push(path.to_owned());
            next
        });
        self.most_words = self.most_words.max(phrase.words);
        self.values.insert(phrase, Origin { line, path, length: u32::try_from(value.len()).unwrap_or(u32::MAX) });
    }

    /// Searches a line of the redacted stream. `is_object` says whether it is a JSON object.
    pub(in crate::pshape) fn search(&mut self, number: u64, line: &[u8], is_object: bool, left: &mut Vec<Left>) {
        self.counts.lines += 1;
        let text = String::from_utf8_lossy(line);
        let mut stand_ins = HashMap::new();
        if self.expected.contains(&xxh3_64(line)) {
            self.counts.exact += 1;
            // Its stand-ins have the places that redaction would replace again.
            self.members.begin();
            self.members.search(&text);
            for (stand_in, _) in self.members.redactor().take_replaced() {
                if let Some(phrase) = Phrase::of(&stand_in) {
                    *stand_ins.entry(phrase).or_default() += 1;
                }
            }
        }
        let mut search = Search { check: self, line: number, stand_ins, left };
        if !is_object {
            if search.check.withheld.contains(&xxh3_64(line)) {
                search.left.push(Left {
                    line: number,
                    path: String::new(),
                    coding: Vec::new(),
                    length: u32::try_from(line.len()).unwrap_or(u32::MAX),
                    original_line: 0,
                    original_path: "(a line that cannot be redacted)".to_owned(),
                });
            }
            search.text(&text, &mut Vec::new(), &String::new);
            return;
        }
        search.json(&text, &mut Vec::new(), None);
    }
}

/// The search in one line.
struct Search<'a> {
    check: &'a Check,
    line: u64,
    /// How many values of the line are known to be stand-ins.
    stand_ins: HashMap<Phrase, usize>,
    left: &'a mut Vec<Left>,
}

impl Search<'_> {
    /// Searches JSON. `outer` is the path of the member in which it is a string.
    fn json(&mut self, text: &str, coding: &mut Vec<&'static str>, outer: Option<&dyn Fn() -> String>) {
        leaves::visit(text.as_bytes(), |place, range, part| {
            let raw = &text[range];
            let path = || match outer {
                Some(outer) => outer(),
                None => {
                    let mut path = String::new();
                    place.write_path(&mut path);
                    path
                }
            };
            // A key that is a value must not be shown as part of a path.
            let path_of_key = || format!("(key {})", raw.len() - 2);
            let shown: &dyn Fn() -> String = if part == Part::Key { &path_of_key } else { &path };
            match raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')) {
                Some(inner) if inner.contains('\\') => {
                    let decoded = Decoded::json(inner).text;
                    // Quotes and line ends are escaped in every string.
                    let is_plain = !inner.contains("\\u");
                    self.within(&decoded, if is_plain { None } else { Some("JSON escapes") }, coding, shown);
                }
                Some(inner) => self.text(inner, coding, shown),
                None => self.text(raw, coding, shown),
            }
        });
    }

    fn within(
        &mut self,
        text: &str,
        by: Option<&'static str>,
        coding: &mut Vec<&'static str>,
        path: &dyn Fn() -> String,
    ) {
        coding.extend(by);
        self.text(text, coding, path);
        if by.is_some() {
            coding.pop();
        }
    }

    /// Searches a text, and the texts within it.
    fn text(&mut self, text: &str, coding: &mut Vec<&'static str>, path: &dyn Fn() -> String) {
        let is_nested = is_json(text);
        let percent = Decoded::percent(text).filter(|_| !is_nested);
        let escapes = Some(text).filter(|text| !is_nested && text.contains('\\')).map(Decoded::json);
        let is_decoded = percent.is_some() || escapes.is_some();
        if !is_nested {
            self.phrases(text, coding, path, is_decoded);
        }
        if coding.len() >= DEEPEST {
            return;
        }
        if is_nested {
            coding.push("JSON in a string");
            self.json(text, coding, Some(path));
            coding.pop();
            return;
        }
        for (decoded, by) in [(escapes, "JSON escapes"), (percent, "URL encoding")] {
            if let Some(decoded) = decoded.filter(|decoded| decoded.text != text) {
                self.within(&decoded.text, Some(by), coding, path);
            }
        }
        let mut at = 0;
        while at < text.len() {
            if let Some((end, inner, armour)) = armoured_run(text, at) {
                self.within(&inner, Some(armour.name()), coding, path);
                at = end;
                continue;
            }
            // The next place where a run may begin.
            let end = find::run_end(text, at, find::is_of_word);
            at = find::run_end(text, end, |c| !find::is_of_word(c));
        }
    }

    /// Searches the words of a text. If it `is_decoded` afterwards, they are seen again.
    fn phrases(&mut self, text: &str, coding: &[&'static str], path: &dyn Fn() -> String, is_decoded: bool) {
        for phrase in words::phrases(text, self.check.most_words) {
            let Some(origin) = self.check.values.get(&phrase) else { continue };
            if let Some(count) = self.stand_ins.get_mut(&phrase).filter(|count| **count > 0) {
                *count -= usize::from(!is_decoded);
                continue;
            }
            self.left.push(Left {
                line: self.line,
                path: path(),
                coding: coding.to_vec(),
                length: origin.length,
                original_line: origin.line,
                original_path: self.check.paths[origin.path as usize].clone(),
            });
        }
    }
}
