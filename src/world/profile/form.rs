//! What a profile holds: everything that the guide's tables say.

use std::collections::BTreeMap;
use std::fmt::Display;

use serde::Deserialize;
use toml::Spanned;

use crate::error::Error;
use crate::world::curve::Curve;
use crate::world::devices::Device;
use crate::world::geography::Region;
use crate::world::value::{Exponent, Fraction, Interval, List, Name, Positive, Range, Share};

/// A world.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// The words of every event.
    pub event: EventText,
    /// Environments with their shares.
    pub environments: List<Environment>,
    /// What the curve called business is.
    pub traffic: Traffic,
    /// What a spike does.
    pub spikes: Spikes,
    /// HTTP methods with their sizes.
    pub methods: List<Method>,
    /// Where cache hits happen.
    pub cache: Cache,
    /// Status codes with their shares.
    pub statuses: List<Status>,
    /// How much the popular are ahead.
    pub popularity: Popularity,
    /// The services.
    pub services: List<Service>,
    /// Extra fields in the payloads of services.
    #[serde(default)]
    pub payloads: Vec<Payload>,
    /// Regions, countries, cities.
    pub regions: List<Region>,
    /// Device types.
    pub devices: List<Device>,
    /// Who calls.
    pub users: Users,
    /// How calls hang together.
    pub sessions: Sessions,
    #[serde(skip)]
    pub(super) origin: Origin,
}

/// What faults are named by.
#[derive(Debug, Clone, Default)]
pub(super) struct Origin {
    pub(super) name: String,
    pub(super) text: String,
}

/// The words of every event; `{service}` and `{endpoint}` stand for the event's own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventText {
    /// The `event_type`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The message of a status below 400.
    pub success: String,
    /// The message of a status from 400 to 499.
    pub client_error: String,
    /// The message of a status from 500 on.
    pub server_error: String,
    /// Sizes of the responses that are errors.
    pub error_response_bytes: Range,
}

/// Where a service runs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// Its name.
    pub name: Name,
    /// Its share of all events.
    pub share: Share,
}

/// The parameters of the business curve.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Traffic {
    /// First and last hour (excluded) of the busy time.
    pub business_hours: Spanned<Range>,
    /// Traffic then, relative to the other hours.
    pub business_factor: Positive,
    /// A day of the weekend, relative to a weekday.
    pub weekend_factor: Positive,
}

impl Traffic {
    /// The business curve of this profile; `None` where the hours are none or a weight is too large.
    pub fn curve(&self) -> Option<Curve> {
        let hour = |hour: u32| usize::try_from(hour).ok();
        Curve::business(
            hour(self.business_hours.get_ref().low)?,
            hour(self.business_hours.get_ref().high)?,
            self.business_factor.get(),
            self.weekend_factor.get(),
        )
    }
}

/// What a spike does.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spikes {
    /// The response time's factor, uniform in this interval.
    pub factor: Interval,
}

/// An HTTP method.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Method {
    /// Its name.
    pub name: Name,
    /// Sizes of its requests.
    pub request_bytes: Range,
    /// Sizes of its successful responses.
    pub response_bytes: Range,
}

/// Where cache hits happen.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// Their share of all events.
    pub hits: Fraction,
    /// Only on this method …
    pub method: Name,
    /// … with this status.
    pub status: Spanned<u16>,
}

/// A status code.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Status {
    /// The code.
    pub code: Spanned<u16>,
    /// Its share of the successes (below 400) or of the errors.
    pub share: Share,
    /// The methods that meet it; all where none is named.
    pub methods: Option<Vec<Name>>,
    /// The factor on the response time.
    #[serde(default = "one")]
    pub latency: Positive,
    /// Whether the response has no body.
    #[serde(default)]
    pub empty: bool,
    /// `error_details.error_type`, for codes from 400 on.
    pub error_type: Option<String>,
    /// `error_details.error_message`, one of these, for codes from 400 on.
    #[serde(default)]
    pub messages: Vec<Message>,
}

impl Status {
    /// Whether it counts as an error.
    pub fn is_error(&self) -> bool {
        *self.code.get_ref() >= 400
    }

    /// Whether a method can have it.
    pub fn meets(&self, method: &str) -> bool {
        is_among(self.methods.as_deref(), method)
    }
}

fn one() -> Positive {
    Positive::ONE
}

/// An error message.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// Its words.
    pub text: String,
    /// The methods that it fits; all where none is named.
    pub methods: Option<Vec<Name>>,
    /// The services that it fits; all where none is named.
    pub services: Option<Vec<Name>>,
}

impl Message {
    /// Whether it can be an answer to this method of this service.
    pub fn fits(&self, service: &str, method: &str) -> bool {
        is_among(self.services.as_deref(), service) && is_among(self.methods.as_deref(), method)
    }
}

/// Whether a name is on a list; no list has all.
fn is_among(list: Option<&[Name]>, name: &str) -> bool {
    list.is_none_or(|list| list.iter().any(|known| **known == *name))
}

/// Exponents of Zipf's law: 0 makes all equal, 1 gives the second half of the first's.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Popularity {
    /// Among a service's endpoints, in the order in which they stand.
    pub endpoints: Exponent,
    /// Among the users of one place and device.
    pub users: Exponent,
}

/// A service.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Its name.
    pub name: Name,
    /// Its version.
    pub version: String,
    /// Its share of all events.
    pub weight: Share,
    /// The share of its events that are errors.
    pub error_rate: Fraction,
    /// The mean response of its successes, before spikes.
    pub mean_ms: Positive,
    /// Sigma of the log-normal law of its response.
    pub shape: Fraction,
    /// Where its requests stand within an action.
    pub stage: u8,
    /// Its endpoints, the most popular first.
    pub endpoints: List<Endpoint>,
}

/// An endpoint of a service.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// The route, with `{id}` or another name in braces where a path has an id.
    pub route: Name,
    /// Its methods with their weights.
    pub methods: BTreeMap<Name, Share>,
    /// Where its requests stand within an action, if not where the service's do.
    pub stage: Option<u8>,
}

impl Endpoint {
    /// What stands before, between and behind the names in braces of its route: between each two, a path has an id.
    pub fn literals(&self) -> Vec<&str> {
        let (mut literals, mut rest) = (Vec::new(), &*self.route);
        while let Some((before, (_, behind))) =
            rest.split_once('{').and_then(|(b, rest)| Some((b, rest.split_once('}')?)))
        {
            literals.push(before);
            rest = behind;
        }
        literals.push(rest);
        literals
    }
}

/// Extra fields in the payload of a service's events.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payload {
    /// The service.
    pub service: Name,
    /// Only these endpoints; all of the service where none is named.
    pub endpoints: Option<Vec<Name>>,
    /// On this share of the events.
    pub share: Fraction,
    /// The fields.
    pub fields: List<Field>,
}

impl Payload {
    /// Whether an event of this service and route can have it.
    pub fn goes_with(&self, service: &str, route: &str) -> bool {
        *self.service == *service && is_among(self.endpoints.as_deref(), route)
    }
}

/// An extra field: exactly one of `one_of`, `integer` and `decimal`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Its name.
    pub name: Name,
    /// One of these strings.
    pub one_of: Option<List<String>>,
    /// A whole number.
    pub integer: Option<Range>,
    /// A number with two decimals.
    pub decimal: Option<Interval>,
}

/// Who calls.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Users {
    /// The number of the first user id.
    pub first: Spanned<u32>,
    /// How many there are.
    pub count: Spanned<u32>,
    /// The share of events without a user id.
    pub anonymous: Fraction,
}

/// How calls hang together.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sessions {
    /// Weights of an action's length, from one request on.
    pub requests_per_action: Spanned<List<Share>>,
    /// Weights of a session's length, from one action on.
    pub actions_per_session: Spanned<List<Share>>,
    /// The mean time between two requests of an action, where traffic is dense enough.
    pub seconds_between_requests: Positive,
    /// The least time between two actions of a session, where traffic is dense enough.
    pub seconds_between_actions: Positive,
    /// The longest time that requests share a trace.
    pub action_seconds: Positive,
    /// A user who was away for longer comes back in a new session.
    pub idle_minutes: Positive,
}

impl Profile {
    /// The usage error that names this profile and the line of the byte `at`; the words name the key.
    pub fn fault(&self, at: usize, words: impl Display) -> Error {
        let Origin { name, text } = &self.origin;
        let line = 1 + text.as_bytes()[..at.min(text.len())].iter().filter(|b| **b == b'\n').count();
        Error::usage(format!("{name}: line {line}: {words}"))
    }
}
