//! `--recover P`: an error becomes a success, in every field that tells of it. The reverse of `--errors`.

use crate::error::Result;
use crate::jsonl::value;
use crate::pshape::event::{Event, Field};
use crate::pshape::spec::Spec;
use crate::record::event::Role;
use crate::record::truth::Expect;
use crate::seed::Choice;
use crate::world::profile::Profile;

use super::fail::message;
use super::{Effect, Place, Setup, Verdict};

struct Recover {
    status: Field,
    severity: Field,
    message: Field,
    details: Field,
    response_size: Field,
    service: Field,
    endpoint: Field,
    method: Field,
    world: Profile,
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
        endpoint: role(Role::Endpoint),
        method: role(Role::Method),
        world: Profile::built_in(),
        draws,
        scratch: Vec::new(),
    }))
}

impl Effect for Recover {
    fn apply(&mut self, event: &mut Event, place: &Place) -> Verdict {
        if !event.integer(self.status).is_some_and(|status| (400..600).contains(&status)) {
            return Verdict::Passed;
        }
        let method = event.raw(self.method).map(value::label).unwrap_or_default();
        let known = self.world.methods.iter().find(|known| *known.name == *method).unwrap_or(&self.world.methods[0]);
        let (is_post, bytes) = (method == "POST", known.response_bytes);
        event.set(self.status, if is_post { b"201" } else { b"200" });
        event.set(self.severity, b"\"info\"");
        let places = [self.service, self.endpoint];
        message(event, self.message, &self.world.event.success, places, &mut self.scratch);
        let size = u64::from(bytes.low) + self.draws.at(place.seq) % (u64::from(bytes.high - bytes.low) + 1);
        event.set(self.response_size, itoa::Buffer::new().format(size).as_bytes());
        event.remove(self.details);
        Verdict::Changed(Expect::Accepted)
    }
}
