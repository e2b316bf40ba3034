//! One line while effects work on it: its bytes, where its fields stand, and what each fault changed.
//!
//! Everything that no effect touches stays as it was read, byte for byte: a change is a splice of the raw line.

use std::ops::Range;

use crate::clock::Micros;
use crate::jsonl::scan::{FieldSet, NotAnObject, Scanner, Spans};
use crate::jsonl::value;
use crate::record::event::{FieldMap, Role};
use crate::record::timestamp;

use super::trail::{Edit, Trail};

/// A field that some effect asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field(usize);

/// The fields that the effects of a run ask for.
#[derive(Debug, Default)]
pub(super) struct Fields {
    map: FieldMap,
    set: FieldSet,
}

impl Fields {
    /// No fields yet; roles stand where `map` says.
    pub(super) fn new(map: FieldMap) -> Self {
        Self { map, set: FieldSet::default() }
    }

    /// The field in this role.
    pub(super) fn role(&mut self, role: Role) -> Field {
        Field(self.set.add(self.map.path(role)))
    }

    /// The field under a dotted path.
    pub(super) fn path(&mut self, path: &str) -> Field {
        Field(self.set.add(path))
    }

    /// Where each role stands.
    pub(super) fn map(&self) -> &FieldMap {
        &self.map
    }
}

/// The line in work. One is reused for all lines.
pub(super) struct Event {
    id: Field,
    timestamp: Field,
    scanner: Scanner,
    /// Where the fields stand in `text`.
    spans: Spans,
    /// The line as it is now, without its terminator.
    text: Vec<u8>,
    /// The line as it was read, as long as the trail may ask for it.
    source: Vec<u8>,
    scratch: Vec<u8>,
    trail: Option<Trail>,
    /// The line as the fault that is being injected found it.
    before: Vec<u8>,
    /// Whether that fault does more than to replace values.
    structural: bool,
}

impl Event {
    /// An event with these fields. Where `recorded`, it keeps the trail that truth and labels are made of.
    pub(super) fn new(mut fields: Fields, recorded: bool) -> Self {
        let (id, timestamp) = (fields.role(Role::Id), fields.role(Role::Timestamp));
        Self {
            id,
            timestamp,
            scanner: Scanner::new(fields.set),
            spans: Spans::default(),
            text: Vec::new(),
            source: Vec::new(),
            scratch: Vec::new(),
            trail: recorded.then(Trail::default),
            before: Vec::new(),
            structural: false,
        }
    }

    /// Takes up a line.
    ///
    /// # Errors
    /// Where it is no JSON object.
    pub(super) fn load(&mut self, line: &[u8]) -> Result<(), NotAnObject> {
        self.scanner.scan(line, &mut self.spans)?;
        self.text.clear();
        self.text.extend_from_slice(line);
        if let Some(trail) = &mut self.trail {
            trail.clear();
            self.source.clear();
            self.source.extend_from_slice(line);
        }
        Ok(())
    }

    /// The line as it is now.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// What the faults changed, where that is kept.
    pub(super) fn trail(&self) -> Option<&Trail> {
        self.trail.as_ref()
    }

    /// A field's value as it stands in the line.
    #[inline]
    pub(super) fn raw(&self, field: Field) -> Option<&[u8]> {
        self.spans.raw(&self.text, field.0)
    }

    /// A field's value where it is a number.
    pub(super) fn number(&self, field: Field) -> Option<f64> {
        value::number(self.raw(field)?)
    }

    /// A field's value where it is a whole number.
    pub(super) fn integer(&self, field: Field) -> Option<i64> {
        value::integer(self.raw(field)?)
    }

    /// The raw value of the event's id.
    pub(super) fn id(&self) -> Option<&[u8]> {
        self.raw(self.id)
    }

    /// When the event happened, where it says so in RFC 3339.
    #[inline]
    pub(super) fn timestamp(&self) -> Option<Micros> {
        let raw = self.raw(self.timestamp)?;
        timestamp::parse(raw.strip_prefix(b"\"")?.strip_suffix(b"\"")?)
    }

    /// Stamps the event with another time.
    pub(super) fn set_timestamp(&mut self, at: Micros) {
        let mut raw = std::mem::take(&mut self.scratch);
        raw.clear();
        raw.push(b'"');
        timestamp::write(at, &mut raw);
        raw.push(b'"');
        self.set(self.timestamp, &raw);
        self.scratch = raw;
    }

    /// Replaces a field's value. Without the field, nothing happens.
    pub(super) fn set(&mut self, field: Field, raw: &[u8]) {
        let Some(range) = self.spans.range(field.0) else { return };
        if let Some(trail) = &mut self.trail {
            trail.changed(self.scanner.fields().path(field.0), &self.text[range.clone()], raw);
        }
        self.splice(range, raw);
    }

    /// Begins a fault.
    pub(super) fn begin(&mut self) {
        self.structural = false;
        if let Some(trail) = &mut self.trail {
            trail.begin();
            self.before.clear();
            self.before.extend_from_slice(&self.text);
        }
    }

    /// Ends a fault that was injected, and names it.
    pub(super) fn commit(&mut self, fault: &'static str) {
        if let Some(trail) = &mut self.trail {
            let edit = self.structural.then(|| Edit::between(&self.before, &self.text));
            trail.commit(fault, edit);
        }
    }

    fn splice(&mut self, range: Range<usize>, bytes: &[u8]) {
        if range.len() == bytes.len() {
            self.text[range].copy_from_slice(bytes);
            return;
        }
        self.spans.splice(range.clone(), bytes.len());
        self.text.splice(range, bytes.iter().copied());
    }
}
