//! How a request ended: the fields of an event that tell of it, and that `--errors`, `--recover` and `--incident` write together.

use crate::pshape::event::{Event, Field, Fields};
use crate::record::event::Role;

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
    scratch: Vec<u8>,
}

impl Ending {
    /// Asks for the fields.
    pub(super) fn new(fields: &mut Fields) -> Self {
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
            scratch: Vec::new(),
        }
    }

    /// Whether each field to be written that is there has the type of PulseStream's schema, or is null. What a field of another
    /// type means is not known, so it is not written over.
    pub(super) fn has_its_types(&self, event: &Event) -> bool {
        let is = |field, types: &[u8]| event.raw(field).is_none_or(|raw| raw == b"null" || types.contains(&raw[0]));
        is(self.severity, b"\"")
            && is(self.message, b"\"")
            && is(self.details, b"{")
            && is(self.response_size, b"-0123456789")
            && is(self.cache_hit, b"tf")
    }

    /// Writes another end: its status, severity, the words of its message (in which `{service}` and `{endpoint}` stand for the
    /// event's own) and the size of the response in bytes. Fields that are not there stay away.
    pub(super) fn write(&mut self, event: &mut Event, status: u16, severity: &str, words: &str, size: u64) {
        event.set(self.status, itoa::Buffer::new().format(status).as_bytes());
        event.set(self.severity, format!("\"{severity}\"").as_bytes());
        if self.compose(event, words) && event.raw(self.message).is_some_and(|raw| raw != b"null") {
            event.set(self.message, &self.scratch);
        }
        event.set(self.response_size, itoa::Buffer::new().format(size).as_bytes());
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
