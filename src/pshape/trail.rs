//! What the faults of one line changed, in the order in which they were injected: what truth and labels are written from.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::event::json;

/// A change of bytes: at `at`, `deleted` bytes went and `inserted` came in their place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edit {
    at: usize,
    deleted: usize,
    inserted: Vec<u8>,
}

impl Edit {
    /// The one edit that makes `after` of `before`.
    pub(super) fn between(before: &[u8], after: &[u8]) -> Self {
        let at = before.iter().zip(after).take_while(|(a, b)| a == b).count();
        let (before, after) = (&before[at..], &after[at..]);
        let tail = before.iter().rev().zip(after.iter().rev()).take_while(|(a, b)| a == b).count();
        Self { at, deleted: before.len() - tail, inserted: after[..after.len() - tail].to_vec() }
    }
}

#[derive(Debug, Clone)]
struct Change {
    path: Range<usize>,
    /// None where the field was not there.
    before: Option<Range<usize>>,
    /// None where it is gone.
    after: Option<Range<usize>>,
}

#[derive(Debug, Clone)]
struct Fault {
    name: &'static str,
    changes: Range<usize>,
    edit: Option<Edit>,
}

/// The faults of one line.
#[derive(Debug, Clone, Default)]
pub(super) struct Trail {
    faults: Vec<Fault>,
    changes: Vec<Change>,
    /// The bytes that changes are ranges of.
    bytes: Vec<u8>,
}

impl Trail {
    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.faults.clear();
        self.changes.clear();
        self.bytes.clear();
    }

    /// Begins a fault: changes of one that was begun, but not injected, are forgotten.
    pub(super) fn begin(&mut self) {
        self.changes.truncate(self.faults.last().map_or(0, |fault| fault.changes.end));
    }

    /// A field's raw value changed, in the fault that was begun; none where it was not there, or is gone.
    pub(super) fn changed(&mut self, path: &str, before: Option<&[u8]>, after: Option<&[u8]>) {
        let mut keep = |bytes: &[u8]| {
            let from = self.bytes.len();
            self.bytes.extend_from_slice(bytes);
            from..self.bytes.len()
        };
        let change = Change { path: keep(path.as_bytes()), before: before.map(&mut keep), after: after.map(&mut keep) };
        self.changes.push(change);
    }

    /// The fault that was begun was injected.
    pub(super) fn commit(&mut self, name: &'static str, edit: Option<Edit>) {
        let from = self.faults.last().map_or(0, |fault| fault.changes.end);
        self.faults.push(Fault { name, changes: from..self.changes.len(), edit });
    }

    /// Makes one fault of all: each field's first value before and its last after.
    pub(super) fn fold(&mut self, name: &'static str, edit: impl FnOnce() -> Edit) {
        let edit = self.faults.iter().any(|fault| fault.edit.is_some()).then(edit);
        let mut folded: Vec<Change> = Vec::new();
        for change in self.changes.drain(..) {
            match folded.iter_mut().find(|known| self.bytes[known.path.clone()] == self.bytes[change.path.clone()]) {
                Some(known) => known.after = change.after,
                None => folded.push(change),
            }
        }
        folded.retain(|change| self.bytes(change.before.as_ref()) != self.bytes(change.after.as_ref()));
        self.changes = folded;
        self.faults.clear();
        self.commit(name, edit);
    }

    /// Appends a line for each fault: the middle of its line of truth. What stands before and behind it is known when the event is
    /// written. `id` is the raw value of the event's id.
    pub(super) fn write(&self, source_seq: u64, id: Option<&[u8]>, out: &mut Vec<u8>) {
        for fault in &self.faults {
            out.extend_from_slice(b",\"source_seq\":");
            out.extend_from_slice(itoa::Buffer::new().format(source_seq).as_bytes());
            out.extend_from_slice(b",\"event_id\":");
            out.extend_from_slice(id.unwrap_or(b"null"));
            out.extend_from_slice(b",\"fault\":\"");
            out.extend_from_slice(fault.name.as_bytes());
            out.extend_from_slice(b"\",\"changes\":");
            self.write_changes(fault, out);
            out.extend_from_slice(b",\"edits\":");
            match &fault.edit {
                None => out.extend_from_slice(b"null"),
                Some(edit) => {
                    let text = format!("[[{},{},\"{}\"]]", edit.at, edit.deleted, BASE64.encode(&edit.inserted));
                    out.extend_from_slice(text.as_bytes());
                }
            }
            out.push(b'\n');
        }
    }

    fn write_changes(&self, fault: &Fault, out: &mut Vec<u8>) {
        if fault.changes.is_empty() && fault.edit.is_some() {
            out.extend_from_slice(b"null");
            return;
        }
        out.push(b'{');
        for (place, change) in self.changes[fault.changes.clone()].iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            out.extend_from_slice(&json(&String::from_utf8_lossy(&self.bytes[change.path.clone()])));
            out.extend_from_slice(b":[");
            out.extend_from_slice(self.bytes(change.before.as_ref()).unwrap_or(b"null"));
            out.push(b',');
            out.extend_from_slice(self.bytes(change.after.as_ref()).unwrap_or(b"null"));
            out.push(b']');
        }
        out.push(b'}');
    }

    fn bytes(&self, range: Option<&Range<usize>>) -> Option<&[u8]> {
        range.map(|range| &self.bytes[range.clone()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(trail: &Trail) -> String {
        let mut out = Vec::new();
        trail.write(16, Some(b"\"e\""), &mut out);
        String::from_utf8(out).expect("truth is text")
    }

    #[test]
    fn an_edit_is_as_short_as_it_can_be() {
        let edit = Edit::between(b"{\"a\":1}", b"{\"a\":1,}");
        assert_eq!(edit, Edit { at: 6, deleted: 0, inserted: b",".to_vec() });
        assert_eq!(Edit::between(b"aaa", b"aa"), Edit { at: 2, deleted: 1, inserted: Vec::new() });
        assert_eq!(Edit::between(b"abc", b"xbz"), Edit { at: 0, deleted: 3, inserted: b"xbz".to_vec() });
    }

    #[test]
    fn faults_are_written_in_their_order() {
        let mut trail = Trail::default();
        trail.begin();
        trail.changed("m.ms", Some(b"1.10"), Some(b"2.20"));
        trail.commit("spike", None);
        trail.begin();
        trail.changed("m.ms", Some(b"2.20"), Some(b"9"));
        trail.begin();
        trail.commit("malformed", Some(Edit { at: 1, deleted: 2, inserted: b"x".to_vec() }));
        assert_eq!(
            written(&trail),
            ",\"source_seq\":16,\"event_id\":\"e\",\"fault\":\"spike\",\"changes\":{\"m.ms\":[1.10,2.20]},\"edits\":null\n\
             ,\"source_seq\":16,\"event_id\":\"e\",\"fault\":\"malformed\",\"changes\":null,\"edits\":[[1,2,\"eA==\"]]\n"
        );
    }

    #[test]
    fn a_copy_says_at_once_what_sets_it_apart_from_its_source() {
        let mut trail = Trail::default();
        for (name, path, before, after) in [("slow", "a", "1", "2"), ("spike", "a", "2", "3"), ("skew", "t", "5", "6")]
        {
            trail.begin();
            trail.changed(path, Some(before.as_bytes()), Some(after.as_bytes()));
            trail.commit(name, None);
        }
        trail.fold("duplicate", || unreachable!("values alone changed"));
        assert!(
            written(&trail).contains("\"fault\":\"duplicate\",\"changes\":{\"a\":[1,3],\"t\":[5,6]},\"edits\":null")
        );
        assert_eq!(trail.faults.len(), 1);
    }

    #[test]
    fn a_field_that_is_null_and_goes_is_a_change() {
        let mut trail = Trail::default();
        trail.begin();
        trail.changed("gone", Some(b"null"), None);
        trail.changed("same", Some(b"1"), Some(b"1"));
        trail.commit("recover", Some(Edit { at: 1, deleted: 11, inserted: Vec::new() }));
        trail.fold("duplicate", || Edit { at: 1, deleted: 11, inserted: Vec::new() });
        assert!(written(&trail).contains("\"changes\":{\"gone\":[null,null]},\"edits\":[[1,11,"));
    }

    #[test]
    fn paths_are_written_as_json_whatever_they_hold() {
        let mut trail = Trail::default();
        trail.begin();
        trail.changed("a\"\\.\t\u{1}é", Some(b"1"), Some(b"2"));
        trail.commit("slow", None);
        assert!(written(&trail).contains(r#"{"a\"\\.\t\u0001é":[1,2]}"#), "{}", written(&trail));
    }
}
