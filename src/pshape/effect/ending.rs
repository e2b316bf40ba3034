//! How a request ended: the fields of an event that tell of it, and that `--errors`, `--recover` and `--incident` write together.

use crate::pshape::event::{Event, Field};
use crate::pshape::levels::{Level, Levels};
use crate::record::event::Role;

use super::setup::Setup;

/// The fields that tell how a request ended, and those that the telling takes up.
pub(super) struct Ending {
    pub status: Field,
    severity: Field,
    message: Field,
    pub details: Field,
    response_size: Field,
    pub cache_hit: Field,
    pub service: Field,
    endpoint: Field,
    pub method: Field,
    levels: Levels,
    scratch: Vec<u8>,
}

impl Ending {
    /// Asks for the fields.
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

    /// Whether each field to be written that is there has the type of PulseStream's schema (numbers may stand in quotes, levels may
    /// be numbers where `--levels` says so), or is null. What a field of another type means is not known, so it is not written over.
    pub(super) fn has_its_types(&self, event: &Event) -> bool {
        let is = |field, types: &[u8]| event.raw(field).is_none_or(|raw| raw == b"null" || types.contains(&raw[0]));
        (is(self.severity, b"") || event.raw(self.severity).is_some_and(|raw| self.levels.fit(raw)))
            && is(self.message, b"\"")
            && is(self.details, b"{")
            && (event.is_number(self.response_size) || is(self.response_size, b""))
            && is(self.cache_hit, b"tf")
    }

    /// Writes another end: its status, level, the words of its message (in which `{service}` and `{endpoint}` stand for the
    /// event's own) and the size of the response in bytes. Fields that are not there stay away.
    pub(super) fn write(&mut self, event: &mut Event, status: u16, level: Level, words: &str, size: u64) {
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

    /// Puts words with the event's own service and endpoint into `scratch`; `false` where the event lacks one of them.
    fn compose(&mut self, event: &Event, words: &str) -> bool {
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
