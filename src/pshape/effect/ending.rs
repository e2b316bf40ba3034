//! How a request ended: the fields that describe it, which `--errors`, `--recover` and `--incident` write together.

use crate::pshape::event::{EditableEvent, FieldIndex};
use crate::pshape::levels::{Level, Levels};
use crate::record::event::Role;

use super::setup::Setup;

/// The fields that describe how a request ended, and those that the description uses.
pub(super) struct Ending {
    pub status: FieldIndex,
    severity: FieldIndex,
    message: FieldIndex,
    pub details: FieldIndex,
    response_size: FieldIndex,
    pub cache_hit: FieldIndex,
    pub service: FieldIndex,
    endpoint: FieldIndex,
    pub method: FieldIndex,
    levels: Levels,
    scratch: Vec<u8>,
}

impl Ending {
    /// Registers the fields.
    pub(super) fn new(setup: &mut Setup<'_>) -> Self {
        let levels = setup.levels.clone();
        let fields = &mut *setup.fields;
        Self {
            status: fields.role(Role::Status),
            severity: fields.role(Role::Severity),
            message: fields.role(Role::Message),
            details: fields.role(Role::ErrorDetails),
            response_size: fields.role(Role::ResponseSize),
            cache_hit: fields.role(Role::CacheHit),
            service: fields.role(Role::Service),
            endpoint: fields.role(Role::Endpoint),
            method: fields.role(Role::Method),
            levels,
            scratch: Vec::new(),
        }
    }

    /// Whether each present field that is to be written has the type of PulseStream's schema, or is null. Numbers may be in
    /// quotes, and levels may be numbers if `--levels` says so. A field of another type is not overwritten, because its
    /// meaning is not known.
    pub(super) fn has_its_types(&self, event: &EditableEvent) -> bool {
        let is = |field, types: &[u8]| event.raw(field).is_none_or(|raw| raw == b"null" || types.contains(&raw[0]));
        (is(self.severity, b"") || event.raw(self.severity).is_some_and(|raw| self.levels.fit(raw)))
            && is(self.message, b"\"")
            && is(self.details, b"{")
            && (event.is_number(self.response_size) || is(self.response_size, b""))
            && is(self.cache_hit, b"tf")
    }

    /// Writes another ending: status, level, message (in which `{service}` and `{endpoint}` are replaced by the event's own)
    /// and the size of the response in bytes. Missing fields stay missing.
    pub(super) fn write(&mut self, event: &mut EditableEvent, status: u16, level: Level, words: &str, size: u64) {
        event.set_number(self.status, status.into());
        if let Some(before) = event.raw(self.severity) {
            let raw = self.levels.raw(level, before);
            event.set(self.severity, &raw);
        }
        if self.compose(event, words) && event.raw(self.message).is_some_and(|raw| raw != b"null") {
            event.set(self.message, &self.scratch);
        }
        event.set_number(self.response_size, size);
    }

    /// Writes a message with the event's service and endpoint to `scratch`. Returns `false` if the event lacks one of them.
    fn compose(&mut self, event: &EditableEvent, words: &str) -> bool {
        let names = [("{service}", self.service), ("{endpoint}", self.endpoint)];
        self.scratch.clear();
        self.scratch.push(b'"');
        let mut rest = words;
        while let Some(brace) = rest.find('{') {
            let Some((name, place)) = names.iter().find(|(name, _)| rest[brace..].starts_with(name)) else { break };
            let raw = event.raw(*place).and_then(|raw| raw.strip_prefix(b"\"")?.strip_suffix(b"\""));
            let Some(raw) = raw else { return false };
            self.scratch.extend_from_slice(&rest.as_bytes()[..brace]);
            self.scratch.extend_from_slice(raw);
            rest = &rest[brace + name.len()..];
        }
        self.scratch.extend_from_slice(rest.as_bytes());
        self.scratch.push(b'"');
        true
    }
}
