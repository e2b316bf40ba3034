//! A success made an error, coherently: what `--errors` and `--incident` do to an event.

use crate::error::Result;
use crate::jsonl::value;
use crate::pshape::event::{Event, Field, json};
use crate::pshape::spec::Spec;
use crate::record::event::Role;
use crate::seed::Choice;
use crate::world::profile::{Profile, Status};

use super::Setup;

/// Which status codes errors get, with their weights.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Codes(Vec<(u16, u64)>);

impl std::str::FromStr for Codes {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = "status codes from 400 to 599 are wanted, each with its weight if they differ, such as 500:3/503:2";
        let code = |item: &str| {
            let (code, weight) = item.split_once(':').unwrap_or((item, "1"));
            let code: u16 = code.trim().parse().ok().filter(|c| (400..600).contains(c))?;
            let weight: u32 = weight.trim().parse().ok().filter(|w| *w > 0)?;
            Some((code, u64::from(weight)))
        };
        text.split('/').map(code).collect::<Option<_>>().map(Self).ok_or(form)
    }
}

/// Makes errors of successes.
pub(super) struct Failure {
    status: Field,
    severity: Field,
    message: Field,
    details: Field,
    response_size: Field,
    cache_hit: Field,
    service: Field,
    endpoint: Field,
    /// Behind which field details are put into an event that has none; other schemas, which lack it, get none.
    context: Field,
    details_key: String,
    method: Field,
    codes: Codes,
    draws: Choice,
    world: Profile,
    scratch: Vec<u8>,
}

impl Failure {
    /// Reads `codes`; by default those of the built-in world, with their shares.
    ///
    /// # Errors
    /// Where they do not parse.
    pub(super) fn from_spec(spec: &mut Spec, setup: &mut Setup<'_>) -> Result<Self> {
        let world = Profile::built_in();
        // The guide's shares, in millionths.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let weight = |status: &Status| (*status.code.get_ref(), (status.share.get() * 1e6) as u64);
        let default = || Codes(world.statuses.iter().filter(|status| status.is_error()).map(weight).collect());
        let codes = spec.take("codes")?.unwrap_or_else(default);
        let draws = setup.draws("status");
        let details_key = setup.fields.map().path(Role::ErrorDetails).to_owned();
        let mut role = |role| setup.fields.role(role);
        Ok(Self {
            status: role(Role::Status),
            severity: role(Role::Severity),
            message: role(Role::Message),
            details: role(Role::ErrorDetails),
            response_size: role(Role::ResponseSize),
            cache_hit: role(Role::CacheHit),
            service: role(Role::Service),
            endpoint: role(Role::Endpoint),
            method: role(Role::Method),
            context: setup.fields.path("context"),
            details_key,
            codes,
            draws,
            world,
            scratch: Vec::new(),
        })
    }

    /// Makes an event an error in all its fields that tell of it. `false`, and no change, where it is no success.
    pub(super) fn inject(&mut self, event: &mut Event, seq: u64) -> bool {
        if !event.integer(self.status).is_some_and(|status| (100..400).contains(&status)) {
            return false;
        }
        let mut rest = self.draws.at(seq);
        let mut draw = |below: u64| {
            let (drawn, left) = (rest % below, rest / below);
            rest = left;
            drawn
        };
        let code = self.code(draw(self.codes.0.iter().map(|(_, weight)| weight).sum()));
        let server = code >= 500;
        event.set(self.status, itoa::Buffer::new().format(code).as_bytes());
        event.set(self.severity, if server { b"\"error\"" } else { b"\"warning\"" });
        let text = &self.world.event;
        let words = if server { &text.server_error } else { &text.client_error };
        message(event, self.message, words, [self.service, self.endpoint], &mut self.scratch);
        let bytes = text.error_response_bytes;
        let size = u64::from(bytes.low) + draw(u64::from(bytes.high - bytes.low) + 1);
        event.set(self.response_size, itoa::Buffer::new().format(size).as_bytes());
        event.set(self.cache_hit, b"false");
        let details = self.details(event, code, draw(900) + 100, draw(1 << 16));
        if event.raw(self.details).is_some() {
            event.set(self.details, &details);
        } else if !self.details_key.contains('.') {
            event.insert_behind(self.context, &self.details_key, &details);
        }
        true
    }

    fn code(&self, mut draw: u64) -> u16 {
        for (code, weight) in &self.codes.0 {
            if draw < *weight {
                return *code;
            }
            draw -= weight;
        }
        self.codes.0.last().map_or(500, |(code, _)| *code)
    }

    /// What an error says of itself: words that fit the status, the service and the method.
    fn details(&self, event: &Event, code: u16, number: u64, draw: u64) -> Vec<u8> {
        let label = |field| event.raw(field).map(value::label).unwrap_or_default();
        let (service, method) = (label(self.service), label(self.method));
        let status = self.world.statuses.iter().find(|status| *status.code.get_ref() == code);
        let fitting: Vec<&str> = status
            .iter()
            .flat_map(|status| &status.messages)
            .filter(|message| message.fits(&service, &method))
            .map(|message| message.text.as_str())
            .collect();
        let words = fitting.get(usize::try_from(draw).unwrap_or(0) % fitting.len().max(1));
        let words = json(words.copied().unwrap_or("Unexpected error occurred"));
        let kind = json(status.and_then(|status| status.error_type.as_deref()).unwrap_or("ServerError"));
        let mut out = format!("{{\"error_code\":\"ERR_{code}_{number}\",\"error_message\":").into_bytes();
        out.extend_from_slice(&words);
        out.extend_from_slice(b",\"error_type\":");
        out.extend_from_slice(&kind);
        out.push(b'}');
        out
    }
}

/// Sets a message from words in which `{service}` and `{endpoint}` stand for the event's own; only where all of them are there.
pub(super) fn message(event: &mut Event, field: Field, words: &str, places: [Field; 2], scratch: &mut Vec<u8>) {
    scratch.clear();
    scratch.push(b'"');
    let mut rest = words;
    while let Some(brace) = rest.find('{') {
        let names = [("{service}", places[0]), ("{endpoint}", places[1])];
        let Some((name, place)) = names.iter().find(|(name, _)| rest[brace..].starts_with(name)) else { break };
        let raw = event.raw(*place).and_then(|raw| raw.strip_prefix(b"\"")?.strip_suffix(b"\""));
        let Some(raw) = raw else { return };
        scratch.extend_from_slice(&rest.as_bytes()[..brace]);
        scratch.extend_from_slice(raw);
        rest = &rest[brace + name.len()..];
    }
    scratch.extend_from_slice(rest.as_bytes());
    scratch.push(b'"');
    if event.raw(field).is_some_and(|raw| value::text(raw).is_some()) {
        event.set(field, scratch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_weights() {
        assert_eq!("500:3/503:2".parse(), Ok(Codes(vec![(500, 3), (503, 2)])));
        assert_eq!("404".parse(), Ok(Codes(vec![(404, 1)])));
        for bad in ["", "200", "600", "500:0", "500:x", "500,503"] {
            assert!(bad.parse::<Codes>().is_err(), "{bad}");
        }
    }
}
