//! A success made an error, coherently: what `--errors` and `--incident` do to an event.

use crate::error::Result;
use crate::jsonl::value;
use crate::pshape::event::{Event, Field, json};
use crate::pshape::spec::Spec;
use crate::record::event::Role;
use crate::seed::Choice;

use super::Setup;

/// What an error says of itself, as in the data guide.
struct Status {
    code: u16,
    /// Its share of all errors, in percent.
    share: u32,
    kind: &'static str,
    messages: &'static [&'static str],
}

const STATUSES: [Status; 11] = [
    Status { code: 400, share: 15, kind: "ValidationError", messages: &["Missing required parameter"] },
    Status { code: 401, share: 10, kind: "AuthenticationError", messages: &["Authentication token expired"] },
    Status { code: 403, share: 8, kind: "AuthenticationError", messages: &["Insufficient permissions"] },
    Status { code: 404, share: 20, kind: "NotFoundError", messages: &["Resource not found"] },
    Status { code: 409, share: 5, kind: "ConflictError", messages: &["Resource already exists"] },
    Status { code: 422, share: 8, kind: "ValidationError", messages: &["Validation failed"] },
    Status { code: 429, share: 7, kind: "RateLimitError", messages: &["Rate limit exceeded", "Throttling active"] },
    Status { code: 500, share: 10, kind: "ServerError", messages: &["Database connection failed"] },
    Status { code: 502, share: 5, kind: "ServerError", messages: &["Bad gateway"] },
    Status { code: 503, share: 7, kind: "ServerError", messages: &["Service temporarily unavailable"] },
    Status { code: 504, share: 5, kind: "TimeoutError", messages: &["Gateway timeout"] },
];

/// The sizes of responses that are errors, in bytes (the sample's lie between 113 and 583).
const RESPONSE_BYTES: (u64, u64) = (100, 600);

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
    codes: Codes,
    draws: Choice,
    scratch: Vec<u8>,
}

impl Failure {
    /// Reads `codes`; by default those of the data guide, with their shares.
    ///
    /// # Errors
    /// Where they do not parse.
    pub(super) fn from_spec(spec: &mut Spec, setup: &mut Setup<'_>) -> Result<Self> {
        let default = || Codes(STATUSES.iter().map(|status| (status.code, u64::from(status.share))).collect());
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
            context: setup.fields.path("context"),
            details_key,
            codes,
            draws,
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
        let (words, place) =
            if server { ("Server error in ", self.service) } else { ("Client error on ", self.endpoint) };
        message(event, self.message, words, place, &mut self.scratch);
        let size = RESPONSE_BYTES.0 + draw(RESPONSE_BYTES.1 - RESPONSE_BYTES.0);
        event.set(self.response_size, itoa::Buffer::new().format(size).as_bytes());
        event.set(self.cache_hit, b"false");
        let details = details(code, draw(900) + 100, draw(64));
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
}

/// Sets a message that ends with the text of another field, where both are there.
pub(super) fn message(event: &mut Event, field: Field, words: &str, place: Field, scratch: &mut Vec<u8>) {
    let Some(name) = event.raw(place).and_then(|raw| raw.strip_prefix(b"\"")) else { return };
    scratch.clear();
    scratch.push(b'"');
    scratch.extend_from_slice(words.as_bytes());
    scratch.extend_from_slice(name);
    if event.raw(field).is_some_and(|raw| value::text(raw).is_some()) {
        event.set(field, scratch);
    }
}

fn details(code: u16, number: u64, draw: u64) -> Vec<u8> {
    let known = STATUSES.iter().find(|status| status.code == code);
    let (kind, messages) = known.map_or(("ServerError", &["Unexpected error occurred"][..]), |s| (s.kind, s.messages));
    let words = messages[usize::try_from(draw).unwrap_or(0) % messages.len()];
    let mut out = format!("{{\"error_code\":\"ERR_{code}_{number}\",\"error_message\":").into_bytes();
    out.extend_from_slice(&json(words));
    out.extend_from_slice(b",\"error_type\":");
    out.extend_from_slice(&json(kind));
    out.push(b'}');
    out
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
