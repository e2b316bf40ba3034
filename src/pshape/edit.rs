//! The edit log: what each fault changed in one line, in the order in which the faults were injected. Truth is written from it.

use std::ops::Range;

use crate::clock::Micros;
use crate::record::truth::{Faults, FaultyEvent};

/// A change of bytes: at offset `at`, `deleted` bytes were replaced by `inserted`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edit {
    at: usize,
    deleted: usize,
    inserted: Vec<u8>,
}

impl Edit {
    /// The shortest edit that turns `before` into `after`.
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
    /// `None` if the field was absent.
    before: Option<Range<usize>>,
    /// `None` if it was removed.
    after: Option<Range<usize>>,
}

#[derive(Debug, Clone)]
struct Fault {
    name: &'static str,
    /// The event's time before the fault, if it had one.
    at: Option<Micros>,
    changes: Range<usize>,
    edit: Option<Edit>,
    redacted: Range<usize>,
}

/// What each fault of one line changed.
#[derive(Debug, Clone, Default)]
pub(super) struct EditLog {
    faults: Vec<Fault>,
    changes: Vec<Change>,
    /// The paths of the members that were redacted.
    redacted: Vec<String>,
    /// The event's time when the current fault began.
    at: Option<Micros>,
    /// The bytes that changes are ranges of.
    bytes: Vec<u8>,
}

impl EditLog {
    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.faults.clear();
        self.changes.clear();
        self.redacted.clear();
        self.bytes.clear();
    }

    /// Begins a fault of an event that has this time. Changes of a fault that was begun but not committed are forgotten.
    pub(super) fn begin(&mut self, at: Option<Micros>) {
        self.at = at;
        self.changes.truncate(self.faults.last().map_or(0, |fault| fault.changes.end));
        self.redacted.truncate(self.faults.last().map_or(0, |fault| fault.redacted.end));
    }

    /// Replaces the time that the event has in the current fault: a redaction keeps none from before.
    pub(super) fn happened(&mut self, at: Option<Micros>) {
        self.at = at;
    }

    /// Records that the current fault redacted a member. Its values are not kept.
    pub(super) fn redacted(&mut self, path: String) {
        self.redacted.push(path);
    }

    /// Records a change of a field's raw value by the current fault. `None` is an absent field.
    pub(super) fn changed(&mut self, path: &str, before: Option<&[u8]>, after: Option<&[u8]>) {
        let mut keep = |bytes: &[u8]| {
            let from = self.bytes.len();
            self.bytes.extend_from_slice(bytes);
            from..self.bytes.len()
        };
        let change = Change { path: keep(path.as_bytes()), before: before.map(&mut keep), after: after.map(&mut keep) };
        self.changes.push(change);
    }

    /// Ends the current fault: it was injected.
    pub(super) fn commit(&mut self, name: &'static str, edit: Option<Edit>) {
        let (changes, redacted) = self.faults.last().map_or((0, 0), |fault| (fault.changes.end, fault.redacted.end));
        let (changes, redacted) = (changes..self.changes.len(), redacted..self.redacted.len());
        self.faults.push(Fault { name, at: self.at, changes, edit, redacted });
    }

    /// Takes out the faults of this name, which changed nothing.
    pub(super) fn withdraw(&mut self, name: &str) {
        self.faults.retain(|fault| fault.name != name);
    }

    /// Merges all faults into one: of each field, the first value before and the last after.
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

    /// Adds the faults to a line's truth. `id` is the raw value of the event's id.
    pub(super) fn write(&self, source_seq: u64, id: Option<&[u8]>, out: &mut Faults) {
        for fault in &self.faults {
            let changes = self.changes[fault.changes.clone()].iter().map(|change| {
                let path = std::str::from_utf8(&self.bytes[change.path.clone()]).expect("a path is text");
                (path, self.bytes(change.before.as_ref()), self.bytes(change.after.as_ref()))
            });
            let edit = fault.edit.as_ref().map(|edit| (edit.at, edit.deleted, &*edit.inserted));
            let event = FaultyEvent { source_seq, event_id: id, at: fault.at };
            out.add(event, fault.name, changes, edit, &self.redacted[fault.redacted.clone()]);
        }
    }

    fn bytes(&self, range: Option<&Range<usize>>) -> Option<&[u8]> {
        range.map(|range| &self.bytes[range.clone()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::truth::Expect;

    fn written(log: &EditLog) -> String {
        let (mut faults, mut out) = (Faults::default(), Vec::new());
        log.write(16, Some(b"\"e\""), &mut faults);
        faults.write(Some(17), Expect::Accepted, None, &mut out);
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
        let mut log = EditLog::default();
        log.begin(Some(1_767_571_200_000_000));
        log.changed("m.ms", Some(b"1.10"), Some(b"2.20"));
        log.commit("spike", None);
        log.begin(None);
        log.changed("m.ms", Some(b"2.20"), Some(b"9"));
        log.begin(None);
        log.commit("malformed", Some(Edit { at: 1, deleted: 2, inserted: b"x".to_vec() }));
        assert_eq!(
            written(&log),
            "{\"seq\":17,\"source_seq\":16,\"event_id\":\"e\",\"at\":\"2026-01-05T00:00:00.000000Z\",\"fault\":\"spike\",\"changes\":{\"m.ms\":[1.10,2.20]},\
             \"edits\":null,\"expect\":\"accepted\"}\n\
             {\"seq\":17,\"source_seq\":16,\"event_id\":\"e\",\"at\":null,\"fault\":\"malformed\",\"changes\":null,\
             \"edits\":[[1,2,\"eA==\"]],\"expect\":\"accepted\"}\n"
        );
    }

    #[test]
    fn a_copy_says_at_once_what_sets_it_apart_from_its_source() {
        let mut log = EditLog::default();
        for (name, path, before, after) in [("slow", "a", "1", "2"), ("spike", "a", "2", "3"), ("skew", "t", "5", "6")]
        {
            log.begin(None);
            log.changed(path, Some(before.as_bytes()), Some(after.as_bytes()));
            log.commit(name, None);
        }
        log.fold("duplicate", || unreachable!("values alone changed"));
        assert!(written(&log).contains("\"fault\":\"duplicate\",\"changes\":{\"a\":[1,3],\"t\":[5,6]},\"edits\":null"));
        assert_eq!(log.faults.len(), 1);
    }

    #[test]
    fn a_field_that_is_null_and_goes_is_a_change() {
        let mut log = EditLog::default();
        log.begin(None);
        log.changed("gone", Some(b"null"), None);
        log.changed("same", Some(b"1"), Some(b"1"));
        log.commit("recover", Some(Edit { at: 1, deleted: 11, inserted: Vec::new() }));
        log.fold("duplicate", || Edit { at: 1, deleted: 11, inserted: Vec::new() });
        assert!(written(&log).contains("\"changes\":{\"gone\":[null,null]},\"edits\":[[1,11,"));
    }

    #[test]
    fn paths_are_written_as_json_whatever_they_hold() {
        let mut log = EditLog::default();
        log.begin(None);
        log.changed("a\"\\.\t\u{1}é", Some(b"1"), Some(b"2"));
        log.commit("slow", None);
        assert!(written(&log).contains(r#"{"a\"\\.\t\u0001é":[1,2]}"#), "{}", written(&log));
    }
}
