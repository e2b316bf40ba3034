//! `--label`: each event that a fault touches says so itself, in `metadata.faults`, which PulseStream's schema allows.

use crate::pshape::event::{Event, Field, Fields};

/// Writes labels.
pub(in crate::pshape) struct Label {
    metadata: Field,
    faults: Field,
    /// Lines that were labelled.
    pub written: u64,
    raw: Vec<u8>,
}

/// The name of the change in truth.
const FAULT: &str = "label";

impl Label {
    /// A writer of labels.
    pub(in crate::pshape) fn new(fields: &mut Fields) -> Self {
        let (metadata, faults) = (fields.path("metadata"), fields.path("metadata.faults"));
        Self { metadata, faults, written: 0, raw: Vec::new() }
    }

    /// Labels an event with its faults and those that are to come; one that stands for so many lines.
    pub(in crate::pshape) fn write(&mut self, event: &mut Event, coming: &[&str], lines: u64) {
        if event.names().is_empty() && coming.is_empty() {
            return;
        }
        self.raw.clear();
        self.raw.push(b'[');
        for (place, name) in event.names().iter().chain(coming).enumerate() {
            self.raw.extend_from_slice(if place > 0 { b",\"" } else { b"\"" });
            self.raw.extend_from_slice(name.as_bytes());
            self.raw.push(b'"');
        }
        self.raw.push(b']');
        event.begin();
        if event.raw(self.faults).is_some() {
            event.set(self.faults, &self.raw);
        } else if event.raw(self.metadata).is_none() {
            event.append(None, "metadata", &[b"{\"faults\":", &self.raw[..], b"}"].concat());
        } else if !event.append(Some(self.metadata), "faults", &self.raw) {
            // Metadata of another type: there is nowhere to write to.
            return;
        }
        event.commit(FAULT);
        self.written += lines;
    }
}
