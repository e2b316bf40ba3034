//! `--recover P`: an error becomes a success, in every field that tells of it. The reverse of `--errors`.

use crate::error::Result;
use crate::jsonl::value;
use crate::pshape::event::{Event, Field};
use crate::pshape::spec::Spec;
use crate::record::event::Role;
use crate::record::truth::Expect;
use crate::seed::Choice;

use super::fail::message;
use super::{Effect, Place, Setup, Verdict};

/// The sizes of responses that are no errors, in bytes: what the guide's methods have in common.
const RESPONSE_BYTES: (u64, u64) = (500, 4000);

struct Recover {
    status: Field,
    severity: Field,
    message: Field,
    details: Field,
    response_size: Field,
    service: Field,
    method: Field,
    draws: Choice,
    scratch: Vec<u8>,
}

/// Has no options of its own.
pub(super) fn build(_spec: &mut Spec, setup: &mut Setup<'_>) -> Result<Box<dyn Effect>> {
    let draws = setup.draws("size");
    let mut role = |role| setup.fields.role(role);
    Ok(Box::new(Recover {
        status: role(Role::Status),
        severity: role(Role::Severity),
        message: role(Role::Message),
        details: role(Role::ErrorDetails),
        response_size: role(Role::ResponseSize),
        service: role(Role::Service),
        method: role(Role::Method),
        draws,
        scratch: Vec::new(),
    }))
}

impl Effect for Recover {
    fn apply(&mut self, event: &mut Event, place: &Place) -> Verdict {
        if !event.integer(self.status).is_some_and(|status| (400..600).contains(&status)) {
            return Verdict::Passed;
        }
        let is_post = event.raw(self.method).is_some_and(|raw| value::label(raw) == "POST");
        event.set(self.status, if is_post { b"201" } else { b"200" });
        event.set(self.severity, b"\"info\"");
        message(event, self.message, "Successfully processed request to ", self.service, &mut self.scratch);
        let size = RESPONSE_BYTES.0 + self.draws.at(place.seq) % (RESPONSE_BYTES.1 - RESPONSE_BYTES.0);
        event.set(self.response_size, itoa::Buffer::new().format(size).as_bytes());
        event.remove(self.details);
        Verdict::Changed(Expect::Accepted)
    }
}
