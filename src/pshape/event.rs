//! One line while effects work on it: its bytes, the positions of its fields, and what each fault changed.
//! Everything that no effect touches stays byte for byte as it was read: a change replaces a part of the raw line.

use std::borrow::Cow;
use std::ops::Range;
use std::rc::Rc;

use crate::clock::Micros;
use crate::jsonl::scan::{FieldSet, NotAnObject, Scanner, Spans, plain_path};
use crate::jsonl::value;
use crate::record::event::{FieldMap, Role};
use crate::record::filter::Condition;
use crate::record::latency;
use crate::record::moment;
use crate::record::number;
use crate::record::status;

use super::edit::{Edit, EditLog};
use super::members::{self, Member};
use super::number::{NotScaled, scale};
use super::redact;

/// A field that an effect needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FieldIndex(usize);

/// The fields that the effects of a run need.
#[derive(Debug, Default)]
pub(super) struct FieldRegistry {
    map: FieldMap,
    set: FieldSet,
    /// The roles among them.
    roles: Vec<(Role, FieldIndex)>,
}

impl FieldRegistry {
    /// No fields yet. `map` gives the paths of roles.
    pub(super) fn new(map: FieldMap) -> Self {
        Self { map, ..Self::default() }
    }

    /// The field in this role.
    pub(super) fn role(&mut self, role: Role) -> FieldIndex {
        let field = FieldIndex(self.set.add(self.map.path(role)));
        self.roles.push((role, field));
        field
    }

    /// The field with a dotted path.
    pub(super) fn path(&mut self, path: &str) -> FieldIndex {
        FieldIndex(self.set.add(path))
    }

    /// The path of each role.
    pub(super) fn map(&self) -> &FieldMap {
        &self.map
    }
}

/// Whether another timestamp was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stamp {
    /// The event already has this timestamp.
    Same,
    /// It was written.
    Written,
    /// In the event's form it would be the same text as before.
    TooCoarse,
    /// The event's form cannot express it.
    Unwritable,
}

/// The line in work. One is reused for all lines.
pub(super) struct EditableEvent {
    id: FieldIndex,
    timestamp: FieldIndex,
    paths: Rc<[String]>,
    roles: Rc<[(Role, FieldIndex)]>,
    /// The positions of the fields in `text`.
    spans: Spans,
    /// The line as it is now, without its terminator.
    text: Vec<u8>,
    /// The line as it was read, if the log is kept.
    source: Vec<u8>,
    scratch: Vec<u8>,
    /// Finds the fields again after a change that may have uncovered another member with the same key.
    scanner: Scanner,
    /// What the faults changed, if truth is written.
    log: Option<EditLog>,
    /// The names of the faults, in order.
    names: Vec<&'static str>,
    /// The line before the fault that is being injected.
    before: Vec<u8>,
    /// Whether that fault does more than replace values.
    structural: bool,
}

impl EditableEvent {
    /// An event with these fields, and the scanner that finds them. If `recorded`, it keeps the log that truth is
    /// written from.
    pub(super) fn new(mut fields: FieldRegistry, recorded: bool) -> (Self, Scanner) {
        let (id, timestamp) = (fields.role(Role::Id), fields.role(Role::Timestamp));
        let paths = (0..fields.set.len()).map(|field| fields.set.path(field).to_owned()).collect();
        let event = Self {
            id,
            timestamp,
            paths,
            roles: fields.roles.into(),
            spans: Spans::default(),
            text: Vec::new(),
            source: Vec::new(),
            scratch: Vec::new(),
            scanner: Scanner::new(fields.set.clone()),
            log: recorded.then(EditLog::default),
            names: Vec::new(),
            before: Vec::new(),
            structural: false,
        };
        (event, Scanner::new(fields.set))
    }

    /// Another event for the same fields, with nothing in it yet.
    pub(super) fn sibling(&self) -> Self {
        Self {
            id: self.id,
            timestamp: self.timestamp,
            paths: Rc::clone(&self.paths),
            roles: Rc::clone(&self.roles),
            spans: Spans::default(),
            text: Vec::new(),
            source: Vec::new(),
            scratch: Vec::new(),
            scanner: Scanner::new(self.scanner.fields().clone()),
            log: self.log.as_ref().map(|_| EditLog::default()),
            names: Vec::new(),
            before: Vec::new(),
            structural: false,
        }
    }

    /// Loads a line.
    ///
    /// # Errors
    /// If it is not a JSON object.
    #[inline]
    pub(super) fn load(&mut self, line: &[u8], scanner: &mut Scanner) -> Result<(), NotAnObject> {
        scanner.scan(line, &mut self.spans)?;
        self.names.clear();
        self.text.clear();
        self.text.extend_from_slice(line);
        if let Some(log) = &mut self.log {
            log.clear();
            self.source.clear();
            self.source.extend_from_slice(line);
        }
        Ok(())
    }

    /// Becomes a copy of another event.
    pub(super) fn copy(&mut self, other: &Self) {
        self.spans.clone_from(&other.spans);
        self.text.clone_from(&other.text);
        self.source.clone_from(&other.source);
        self.log.clone_from(&other.log);
        self.names.clone_from(&other.names);
    }

    /// The line as it is now.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// What the faults changed, if that is kept.
    pub(super) fn log(&self) -> Option<&EditLog> {
        self.log.as_ref()
    }

    /// The names of the faults so far.
    pub(super) fn names(&self) -> &[&'static str] {
        &self.names
    }

    /// Whether it meets all of these.
    pub(super) fn meets(&self, conditions: &[(FieldIndex, Condition)]) -> bool {
        conditions.iter().all(|(field, condition)| condition.holds(self.raw(*field)))
    }

    /// The raw value of a field.
    #[inline]
    pub(super) fn raw(&self, field: FieldIndex) -> Option<&[u8]> {
        self.spans.raw(&self.text, field.0)
    }

    /// The position of a field's value in the line.
    pub(super) fn range(&self, field: FieldIndex) -> Option<Range<usize>> {
        self.spans.range(field.0)
    }

    /// The value of a field, if it is a status code, in quotes or not.
    pub(super) fn status(&self, field: FieldIndex) -> Option<u16> {
        status::read(self.raw(field)?).ok()
    }

    /// The text of a field, or its raw value if it is not a text. Empty if the field is missing.
    pub(super) fn label(&self, field: FieldIndex) -> Cow<'_, str> {
        self.raw(field).map(value::label).unwrap_or_default()
    }

    /// The raw value of the event's id.
    pub(super) fn id(&self) -> Option<&[u8]> {
        self.raw(self.id)
    }

    /// The end of the id's value, or the start of the line if there is no id.
    pub(super) fn id_end(&self) -> usize {
        self.range(self.id).map_or(0, |range| range.end)
    }

    /// When the event happened, if it has a timestamp.
    #[inline]
    pub(super) fn timestamp(&self) -> Option<Micros> {
        moment::read(self.raw(self.timestamp)?).ok()
    }

    /// Writes another timestamp, in the form of the one that the event has.
    pub(super) fn set_timestamp(&mut self, at: Micros) -> Stamp {
        let mut raw = std::mem::take(&mut self.scratch);
        raw.clear();
        let before = self.raw(self.timestamp);
        let is_written = before.is_some_and(|before| moment::write_like(before, at, &mut raw));
        let is_same_text = before == Some(&*raw);
        // In the usual form, different texts are different times.
        let may_be_same = is_same_text || !is_written || !before.is_some_and(moment::is_usual);
        let stamp = match before {
            _ if may_be_same && self.timestamp() == Some(at) => Stamp::Same,
            _ if !is_written => Stamp::Unwritable,
            _ if is_same_text => Stamp::TooCoarse,
            _ => {
                self.set(self.timestamp, &raw);
                Stamp::Written
            }
        };
        self.scratch = raw;
        stamp
    }

    /// Why the value in a role cannot be used, such as `'ts' is "yesterday": it is not …`. `None` if it can.
    pub(super) fn trouble(&self, role: Role) -> Option<String> {
        const LONGEST: usize = 60;
        let (_, field) = self.roles.iter().find(|(known, _)| *known == role)?;
        let path = &self.paths[field.0];
        let Some(raw) = self.raw(*field) else { return Some(format!("'{path}' is not there")) };
        let why = match role {
            Role::Timestamp => moment::read(raw).err()?.to_string(),
            Role::Status => status::read(raw).err()?.to_string(),
            Role::Latency => latency::LatencyForm::of(raw)
                .map_or_else(|| Some(latency::NoLatency::NotANumber), |_| None)?
                .to_string(),
            _ => return None,
        };
        let text: String = String::from_utf8_lossy(raw).chars().take(LONGEST).collect();
        Some(format!("'{path}' is {text}: {why}"))
    }

    /// Replaces a field's value. Without the field, nothing happens.
    #[inline]
    pub(super) fn set(&mut self, field: FieldIndex, raw: &[u8]) {
        let Some(range) = self.range(field) else { return };
        if let Some(log) = &mut self.log {
            log.changed(&self.paths[field.0], Some(&self.text[range.clone()]), Some(raw));
        }
        self.splice(range, raw);
    }

    /// Multiplies the number in a field, keeping its form. `scratch` is room for the product.
    ///
    /// # Errors
    /// If the value stays as it is, with the reason.
    #[inline]
    pub(super) fn multiply(&mut self, field: FieldIndex, factor: f64, scratch: &mut Vec<u8>) -> Result<(), NotScaled> {
        scale(self.raw(field).ok_or(NotScaled::NoNumber)?, factor, scratch)?;
        self.set(field, scratch);
        Ok(())
    }

    /// Replaces a field's value by a number, in quotes if it was in quotes.
    pub(super) fn set_number(&mut self, field: FieldIndex, digits: u64) {
        let is_text = self.raw(field).is_some_and(|raw| raw.starts_with(b"\""));
        let quote = if is_text { "\"" } else { "" };
        self.set(field, format!("{quote}{digits}{quote}").as_bytes());
    }

    /// Whether a field's value is a number, in quotes or not.
    pub(super) fn is_number(&self, field: FieldIndex) -> bool {
        self.raw(field).is_some_and(|raw| number::number(raw).is_some())
    }

    /// Removes a field from its object, with key and comma, and all others that its path then finds. Returns `false` and
    /// changes nothing if the field is missing, or is an element of an array: the next element would take its place.
    pub(super) fn remove(&mut self, field: FieldIndex) -> bool {
        let Some(value) = self.range(field).filter(|value| members::is_member(&self.text, value.start)) else {
            return false;
        };
        if let Some(log) = &mut self.log {
            log.changed(&self.paths[field.0], Some(&self.text[value]), None);
        }
        while let Some(found) = self.members(field) {
            let gone = members::without(&found).into_iter().map(|range| (range, Vec::new()));
            self.edit_all(gone);
        }
        true
    }

    /// Renames a field to the last key of another's path, and all others that its path then finds. Returns `false` and
    /// changes nothing if the other field exists already, or this one is missing or is an element of an array.
    pub(super) fn rename(&mut self, field: FieldIndex, to: FieldIndex) -> bool {
        let is_member = |value: &Range<usize>| self.range(to).is_none() && members::is_member(&self.text, value.start);
        let Some(value) = self.range(field).filter(is_member) else { return false };
        if let Some(log) = &mut self.log {
            let raw = &self.text[value];
            log.changed(&self.paths[field.0], Some(raw), None);
            log.changed(&self.paths[to.0], None, Some(raw));
        }
        let last_key = |field: FieldIndex| split_path(&self.paths[field.0]).1;
        let (old, new) = (last_key(field), last_key(to));
        while let Some(found) = self.members(field) {
            // A key that is spelled with dots contains the keys before the last too.
            let key = value::label(&self.text[found[0].key.clone()]);
            let key = json(&(key.strip_suffix(old.as_str()).unwrap_or_default().to_owned() + &new));
            self.edit_all(found.into_iter().map(|member| (member.key, key.clone())));
        }
        true
    }

    /// Inserts a missing field after the value of another, in the same object. Without the other, nothing happens.
    pub(super) fn insert_behind(&mut self, other: FieldIndex, field: FieldIndex, raw: &[u8]) {
        let Some(value) = self.range(other) else { return };
        let key = split_path(&self.paths[field.0]).1;
        self.insert(value.end, field, &key, raw, true);
    }

    /// Inserts a missing field at the end of the object in this field, or of the event itself; there it gets one key that is
    /// spelled with the dots of its path. Returns `false` if there is no such object.
    pub(super) fn append(&mut self, object: Option<FieldIndex>, field: FieldIndex, raw: &[u8]) -> bool {
        let Some((at, is_empty)) = self.room(object) else { return false };
        let path = &self.paths[field.0];
        let key = if object.is_some() { split_path(path).1 } else { plain_path(path) };
        self.insert(at, field, &key, raw, !is_empty);
        true
    }

    /// The position at which a member can be inserted at the end of the object in this field, or of the event itself, and
    /// whether the object is empty.
    pub(super) fn room(&self, object: Option<FieldIndex>) -> Option<(usize, bool)> {
        let range = match object {
            Some(field) => self.range(field)?,
            None => self.body()..self.text.len(),
        };
        let body = self.text[range.clone()].trim_ascii();
        let inner = body.strip_prefix(b"{")?.strip_suffix(b"}")?.trim_ascii();
        let brace = range.start + self.text[range].iter().rposition(|b| *b == b'}')?;
        Some((self.text[..brace].trim_ascii_end().len(), inner.is_empty()))
    }

    /// Where the line's JSON begins: after white space, and after byte order marks that a fault inserted.
    pub(super) fn body(&self) -> usize {
        let mut rest = self.text.trim_ascii_start();
        while let Some(behind) = rest.strip_prefix(BYTE_ORDER_MARK) {
            rest = behind.trim_ascii_start();
        }
        self.text.len() - rest.len()
    }

    /// Replaces any bytes.
    pub(super) fn edit(&mut self, range: Range<usize>, bytes: &[u8]) {
        self.structural = true;
        self.splice(range, bytes);
    }

    /// Whether a field occurs in several places of the event. Only the one that counts is found.
    pub(super) fn has_repeats(&self) -> bool {
        self.spans.has_repeats()
    }

    /// Makes changes in values, in order, of which only the paths of the members are recorded.
    pub(super) fn redact(&mut self, edits: &[redact::Edit], paths: impl Iterator<Item = String>) {
        self.structural = true;
        for edit in edits.iter().rev() {
            self.splice(edit.range.clone(), edit.new.as_bytes());
        }
        let at = if self.log.is_some() { self.timestamp() } else { None };
        if let Some(log) = &mut self.log {
            log.happened(at);
            paths.for_each(|path| log.redacted(path));
        }
    }

    /// Begins a fault.
    #[inline]
    pub(super) fn begin(&mut self) {
        self.structural = false;
        let at = if self.log.is_some() { self.timestamp() } else { None };
        if let Some(log) = &mut self.log {
            log.begin(at);
            self.before.clear();
            self.before.extend_from_slice(&self.text);
        }
    }

    /// Ends a fault that was injected, and records its name.
    #[inline]
    pub(super) fn commit(&mut self, fault: &'static str) {
        self.names.push(fault);
        if let Some(log) = &mut self.log {
            let edit = self.structural.then(|| Edit::between(&self.before, &self.text));
            log.commit(fault, edit);
        }
    }

    /// Takes back the faults of this name, which changed nothing in the event.
    pub(super) fn withdraw(&mut self, fault: &'static str) {
        self.names.retain(|name| *name != fault);
        if let Some(log) = &mut self.log {
            log.withdraw(fault);
        }
    }

    /// Merges into one fault everything in which this event differs from the line that was read.
    pub(super) fn fold(&mut self, fault: &'static str) {
        if let Some(log) = &mut self.log {
            log.fold(fault, || Edit::between(&self.source, &self.text));
        }
    }

    fn insert(&mut self, at: usize, field: FieldIndex, key: &str, raw: &[u8], comma: bool) {
        if let Some(log) = &mut self.log {
            log.changed(&self.paths[field.0], None, Some(raw));
        }
        let key = json(key);
        let space: &[u8] = if self.is_spaced() { b" " } else { b"" };
        let mut member = Vec::with_capacity(key.len() + raw.len() + 4);
        if comma {
            member.push(b',');
            member.extend_from_slice(space);
        }
        member.extend_from_slice(&key);
        member.push(b':');
        member.extend_from_slice(space);
        let value = at + member.len();
        member.extend_from_slice(raw);
        self.edit(at..at, &member);
        self.spans.enter(field.0, value..value + raw.len());
    }

    /// The member of a field, and the other members of its object with the same key. `None` if the field is missing, or is an
    /// element of an array.
    fn members(&self, field: FieldIndex) -> Option<Vec<Member>> {
        Some(members::with_same_key(&self.text, self.range(field)?.start)).filter(|found| !found.is_empty())
    }

    /// Replaces bytes in several places, in order, and finds the fields again. The line must stay an object.
    fn edit_all(&mut self, edits: impl Iterator<Item = (Range<usize>, Vec<u8>)>) {
        self.structural = true;
        self.scratch.clear();
        let mut done = 0;
        for (range, bytes) in edits {
            self.scratch.extend_from_slice(&self.text[done..range.start]);
            self.scratch.extend_from_slice(&bytes);
            done = range.end;
        }
        self.scratch.extend_from_slice(&self.text[done..]);
        std::mem::swap(&mut self.text, &mut self.scratch);
        self.find_again();
    }

    fn find_again(&mut self) {
        let found = self.scanner.scan(&self.text, &mut self.spans);
        debug_assert!(found.is_ok(), "members go and are renamed only where the event is an object");
    }

    /// Whether the writer of this line puts a space after colons.
    fn is_spaced(&self) -> bool {
        let colon = self.text.iter().position(|b| *b == b':');
        colon.is_some_and(|at| self.text.get(at + 1) == Some(&b' '))
    }

    #[inline]
    fn splice(&mut self, range: Range<usize>, bytes: &[u8]) {
        if range.len() == bytes.len() {
            self.text[range].copy_from_slice(bytes);
            return;
        }
        self.spans.splice(range.clone(), bytes.len());
        self.text.splice(range, bytes.iter().copied());
    }
}

/// A byte order mark: readers ignore it at the start of the stream, and refuse it elsewhere.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The part of a dotted path before the last key, including the dot, and the last key. A dot that belongs to a key is written
/// `\.`.
pub(super) fn split_path(path: &str) -> (&str, String) {
    let mut dots = path.char_indices().filter(|(at, c)| *c == '.' && !path[..*at].ends_with('\\'));
    let (parent, key) = path.split_at(dots.next_back().map_or(0, |(at, _)| at + 1));
    (parent, key.replace("\\.", "."))
}

/// A text as a raw JSON string.
pub(super) fn json(text: &str) -> Vec<u8> {
    serde_json::to_vec(text).expect("a string is JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATHS: [&str; 6] = ["a", "b", "b.c", "x\"", "b.x", "z\\.z"];

    /// Runs `work` on a line with the fields of these paths. Returns the resulting line.
    fn after(line: &str, work: impl FnOnce(&mut EditableEvent, [FieldIndex; 6])) -> String {
        after_with(line, PATHS, work)
    }

    /// The same with these paths.
    fn after_with<const N: usize>(
        line: &str,
        paths: [&str; N],
        work: impl FnOnce(&mut EditableEvent, [FieldIndex; N]),
    ) -> String {
        let mut fields = FieldRegistry::default();
        let asked = paths.map(|path| fields.path(path));
        let (mut event, mut scanner) = EditableEvent::new(fields, true);
        event.load(line.as_bytes(), &mut scanner).expect("an object");
        event.begin();
        work(&mut event, asked);
        event.commit("test");
        let kept: Vec<_> = asked.iter().map(|field| event.range(*field)).collect();
        event.find_again();
        for (field, kept) in asked.iter().zip(kept) {
            assert_eq!(kept, event.range(*field), "{field:?} in {}", String::from_utf8_lossy(&event.text));
        }
        String::from_utf8(event.text).expect("text")
    }

    #[test]
    fn members_go_with_their_comma_and_white_space() {
        let remove = |line, which: usize| after(line, |event, fields| assert!(event.remove(fields[which])));
        assert_eq!(remove(r#"{"a":1,"b":2}"#, 0), r#"{"b":2}"#);
        assert_eq!(remove(r#"{"a":1,"b":2}"#, 1), r#"{"a":1}"#);
        assert_eq!(remove(r#"{"a" : 1 , "b": 2 }"#, 0), r#"{"b": 2 }"#);
        assert_eq!(remove(r#"{ "a": 1, "b": 2 }"#, 1), r#"{ "a": 1 }"#);
        assert_eq!(remove(r#"{"a":1}"#, 0), "{}");
        assert_eq!(remove(r#"{"b":{"c":"x,}"}}"#, 2), r#"{"b":{}}"#);
        assert_eq!(remove(r#"{"a":1,"b":2}"#, 0), r#"{"b":2}"#);
    }

    #[test]
    fn no_member_is_left_under_a_key_that_went() {
        let remove = |line, which: usize| after(line, |event, fields| assert!(event.remove(fields[which])));
        assert_eq!(remove(r#"{"a":1,"b":2,"\u0061":null, "a" : 3}"#, 0), r#"{"b":2}"#);
        assert_eq!(remove(r#"{"b":{"c":1},"b":{"c":2,"c":3}}"#, 2), r#"{"b":{"c":1},"b":{}}"#);
        let rename = |line| after(line, |event, fields| assert!(event.rename(fields[0], fields[5])));
        assert_eq!(rename(r#"{"a":1,"b":2,"a":3}"#), r#"{"z.z":1,"b":2,"z.z":3}"#);
    }

    #[test]
    fn members_come_in_the_style_of_their_line() {
        let behind = |line| after(line, |event, fields| event.insert_behind(fields[0], fields[3], b"9"));
        assert_eq!(behind(r#"{"a":1,"b":2}"#), r#"{"a":1,"x\"":9,"b":2}"#);
        assert_eq!(behind(r#"{"a": 1, "b": 2}"#), r#"{"a": 1, "x\"": 9, "b": 2}"#);
        let append = |line| after(line, |event, fields| assert!(event.append(None, fields[5], b"9")));
        assert_eq!(append("{}"), r#"{"z.z":9}"#);
        assert_eq!(append(r#"{"a":1 } "#), r#"{"a":1,"z.z":9 } "#);
        let append = |line| after(line, |event, fields| assert!(event.append(Some(fields[1]), fields[4], b"9")));
        assert_eq!(append(r#"{"b":{}}"#), r#"{"b":{"x":9}}"#);
        assert_eq!(append(r#"{"b": {"c": 1}}"#), r#"{"b": {"c": 1, "x": 9}}"#);
        after(r#"{"b":[1]}"#, |event, fields| assert!(!event.append(Some(fields[1]), fields[4], b"9")));
    }

    #[test]
    fn keys_change_and_values_stay() {
        let rename =
            |line, from: usize, to: usize| after(line, |event, fields| assert!(event.rename(fields[from], fields[to])));
        assert_eq!(rename(r#"{"a" : 1.10}"#, 0, 5), r#"{"z.z" : 1.10}"#);
        assert_eq!(rename(r#"{"b":{"c":1}}"#, 2, 4), r#"{"b":{"x":1}}"#);
        after(r#"{"a":1,"b":2}"#, |event, fields| assert!(!event.rename(fields[0], fields[1])));
        after(r#"{"b":2}"#, |event, fields| assert!(!event.rename(fields[0], fields[5])));
    }

    #[test]
    fn members_under_a_key_spelt_with_dots_are_worked_on_where_they_stand() {
        let paths = ["http.status_code", "http.statusCode", "http", "http.error"];
        let rename = |line| after_with(line, paths, |event, [from, to, ..]| assert!(event.rename(from, to)));
        assert_eq!(rename(r#"{"a.b":1,"http.status_code":200}"#), r#"{"a.b":1,"http.statusCode":200}"#);
        assert_eq!(rename(r#"{"http":{"status_code":200}}"#), r#"{"http":{"statusCode":200}}"#);
        let both = r#"{"http":{"status_code":200},"http.status_code":201}"#;
        assert_eq!(rename(both), r#"{"http":{"statusCode":200},"http.statusCode":201}"#);
        let remove = |line| after_with(line, paths, |event, [field, ..]| assert!(event.remove(field)));
        assert_eq!(remove(both), r#"{"http":{}}"#);
        assert_eq!(remove(r#"{"http.status_code":200,"x":1}"#), r#"{"x":1}"#);
        let set = |line| after_with(line, paths, |event, [field, ..]| event.set(field, b"503"));
        assert_eq!(set(r#"{"x":1,"http.status_code": 200}"#), r#"{"x":1,"http.status_code": 503}"#);
        let append = |line| after_with(line, paths, |event, [.., field]| assert!(event.append(None, field, b"1")));
        assert_eq!(append(r#"{"http.status_code":200}"#), r#"{"http.status_code":200,"http.error":1}"#);
    }

    #[test]
    fn an_element_of_an_array_changes_its_value_and_neither_goes_nor_gets_a_name() {
        let line = r#"{"a":[{"b":1}, 2],"x":"y"}"#;
        let paths = ["a.1", "a.0.b", "a.0.c"];
        let work = |line, work: fn(&mut EditableEvent, [FieldIndex; 3])| after_with(line, paths, work);
        assert_eq!(work(line, |event, [one, ..]| event.set(one, br#""two""#)), r#"{"a":[{"b":1}, "two"],"x":"y"}"#);
        assert_eq!(work(line, |event, [one, ..]| assert!(!event.remove(one))), line);
        assert_eq!(work(line, |event, [one, to, _]| assert!(!event.rename(one, to))), line);
        assert_eq!(work(line, |event, [_, b, _]| assert!(event.remove(b))), r#"{"a":[{}, 2],"x":"y"}"#);
        assert_eq!(work(line, |event, [_, b, c]| assert!(event.rename(b, c))), r#"{"a":[{"c":1}, 2],"x":"y"}"#);
    }

    #[test]
    fn a_path_is_split_at_its_last_dot_that_is_not_part_of_a_key() {
        assert_eq!(split_path("a.b.c"), ("a.b.", "c".to_owned()));
        assert_eq!(split_path(r"http\.req.took"), (r"http\.req.", "took".to_owned()));
        assert_eq!(split_path(r"http\.req"), ("", "http.req".to_owned()));
    }
}
