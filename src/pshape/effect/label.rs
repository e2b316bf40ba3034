//! `--label`: each event with faults names them in `metadata.faults`, which PulseStream's schema allows.

use crate::pshape::event::{EditableEvent, FieldIndex, FieldRegistry};

/// Writes labels.
pub(in crate::pshape) struct Label {
    metadata: FieldIndex,
    faults: FieldIndex,
    raw: Vec<u8>,
}

/// The name of the change in truth.
const FAULT: &str = "label";

impl Label {
    /// A writer of labels.
    pub(in crate::pshape) fn new(fields: &mut FieldRegistry) -> Self {
        let (metadata, faults) = (fields.path("metadata"), fields.path("metadata.faults"));
        Self { metadata, faults, raw: Vec::new() }
    }

    /// Labels an event with its faults and those that are to come, after existing labels. Returns `false` and changes nothing
    /// if there is no fault, or if there is a value of another type in the place of the label.
    pub(in crate::pshape) fn write(&mut self, event: &mut EditableEvent, coming: &[&str]) -> bool {
        if event.names().is_empty() && coming.is_empty() {
            return false;
        }
        let there = event.raw(self.faults).filter(|raw| *raw != b"null");
        let before = match there.map(|raw| raw.strip_prefix(b"[").and_then(|raw| raw.strip_suffix(b"]"))) {
            Some(None) => return false,
            Some(Some(items)) => items.trim_ascii_end(),
            None => b"",
        };
        self.raw.clear();
        self.raw.push(b'[');
        self.raw.extend_from_slice(before);
        for (place, name) in event.names().iter().chain(coming).enumerate() {
            let comma = place > 0 || !before.trim_ascii_start().is_empty();
            self.raw.extend_from_slice(if comma { b",\"" } else { b"\"" });
            self.raw.extend_from_slice(name.as_bytes());
            self.raw.push(b'"');
        }
        self.raw.push(b']');
        let whole = || [b"{\"faults\":", &self.raw[..], b"}"].concat();
        event.begin();
        let metadata = event.raw(self.metadata);
        if event.raw(self.faults).is_some() {
            event.set(self.faults, &self.raw);
        } else if metadata.is_none() {
            event.append(None, self.metadata, &whole());
        } else if metadata == Some(b"null") {
            event.set(self.metadata, &whole());
        } else if !event.append(Some(self.metadata), self.faults, &self.raw) {
            return false;
        }
        event.commit(FAULT);
        true
    }
}
