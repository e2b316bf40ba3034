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
    pub(crate) event: EventText,
    /// Environments with their shares.
    pub(crate) environments: List<Environment>,
    /// What the curve called business is.
    pub(crate) traffic: Traffic,
    /// What a spike does.
    pub(crate) spikes: Spikes,
    /// HTTP methods with their sizes.
    pub(crate) methods: List<Method>,
    /// Where cache hits happen.
    pub(crate) cache: Cache,
    /// Status codes with their shares.
    pub(crate) statuses: List<Status>,
    /// How much the popular are ahead.
    pub(crate) popularity: Popularity,
    /// The services.
    pub(crate) services: List<Service>,
    /// Extra fields in the payloads of services.
    #[serde(default)]
    pub(crate) payloads: Vec<Payload>,
    /// Regions, countries, cities.
    pub(crate) regions: List<Region>,
    /// Device types.
    pub(crate) devices: List<Device>,
    /// Who calls.
    pub(crate) users: Users,
    /// How calls hang together.
    pub(crate) sessions: Sessions,
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
pub(crate) struct EventText {
    /// The `event_type`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// The message of a status below 400.
    pub(crate) success: String,
    /// The message of a status from 400 to 499.
    pub(crate) client_error: String,
    /// The message of a status from 500 on.
    pub(crate) server_error: String,
    /// Sizes of the responses that are errors.
    pub(crate) error_response_bytes: Range,
}

/// Where a service runs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Environment {
    /// Its name.
    pub(crate) name: Name,
    /// Its share of all events.
    pub(crate) share: Share,
}

/// The parameters of the business curve.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Traffic {
    /// First and last hour (excluded) of the busy time.
    pub(crate) business_hours: Spanned<Range>,
    /// Traffic then, relative to the other hours.
    pub(crate) business_factor: Positive,
    /// A day of the weekend, relative to a weekday.
    pub(crate) weekend_factor: Positive,
}

impl Traffic {
    /// The business curve of this profile; `None` where the hours are none or a weight is too large.
    pub(crate) fn curve(&self) -> Option<Curve> {
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
pub(crate) struct Spikes {
    /// The response time's factor, uniform in this interval.
    pub(crate) factor: Interval,
}

/// An HTTP method.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Method {
    /// Its name.
    pub(crate) name: Name,
    /// Sizes of its requests.
    pub(crate) request_bytes: Range,
    /// Sizes of its successful responses.
    pub(crate) response_bytes: Range,
}

/// Where cache hits happen.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cache {
    /// Their share of all events.
    pub(crate) hits: Fraction,
    /// Only on this method …
    pub(crate) method: Name,
    /// … with this status.
    pub(crate) status: Spanned<u16>,
}

/// A status code.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Status {
    /// The code.
    pub(crate) code: Spanned<u16>,
    /// Its share of the successes (below 400) or of the errors.
    pub(crate) share: Share,
    /// The methods that meet it; all where none is named.
    pub(crate) methods: Option<Vec<Name>>,
    /// The factor on the response time.
    #[serde(default = "one")]
    pub(crate) latency: Positive,
    /// Whether the response has no body.
    #[serde(default)]
    pub(crate) empty: bool,
    /// `error_details.error_type`, for codes from 400 on.
    pub(crate) error_type: Option<String>,
    /// `error_details.error_message`, one of these, for codes from 400 on.
    #[serde(default)]
    pub(crate) messages: Vec<Message>,
}

impl Status {
    /// Whether it counts as an error.
    pub(crate) fn is_error(&self) -> bool {
        *self.code.get_ref() >= 400
    }

    /// Whether a method can have it.
    pub(crate) fn meets(&self, method: &str) -> bool {
        is_among(self.methods.as_deref(), method)
    }
}

fn one() -> Positive {
    Positive::ONE
}

/// An error message.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Message {
    /// Its words.
    pub(crate) text: String,
    /// The methods that it fits; all where none is named.
    pub(crate) methods: Option<Vec<Name>>,
    /// The services that it fits; all where none is named.
    pub(crate) services: Option<Vec<Name>>,
}

impl Message {
    /// Whether it can be an answer to this method of this service.
    pub(crate) fn fits(&self, service: &str, method: &str) -> bool {
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
pub(crate) struct Popularity {
    /// Among a service's endpoints, in the order in which they stand.
    pub(crate) endpoints: Exponent,
    /// Among the users of one place and device.
    pub(crate) users: Exponent,
}

/// A service.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Service {
    /// Its name.
    pub(crate) name: Name,
    /// Its version.
    pub(crate) version: String,
    /// Its share of all events.
    pub(crate) weight: Share,
    /// The share of its events that are errors.
    pub(crate) error_rate: Fraction,
    /// The mean response of its successes, before spikes.
    pub(crate) mean_ms: Positive,
    /// Sigma of the log-normal law of its response.
    pub(crate) shape: Fraction,
    /// Where its requests stand within an action.
    pub(crate) stage: u8,
    /// Its endpoints, the most popular first.
    pub(crate) endpoints: List<Endpoint>,
}

/// An endpoint of a service.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Endpoint {
    /// The route, with `{id}` or another name in braces where a path has an id.
    pub(crate) route: Name,
    /// Its methods with their weights.
    pub(crate) methods: BTreeMap<Name, Share>,
    /// Where its requests stand within an action, if not where the service's do.
    pub(crate) stage: Option<u8>,
}

impl Endpoint {
    /// What stands before, between and behind the names in braces of its route: between each two, a path has an id.
    pub(crate) fn literals(&self) -> Vec<&str> {
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
pub(crate) struct Payload {
    /// The service.
    pub(crate) service: Name,
    /// Only these endpoints; all of the service where none is named.
    pub(crate) endpoints: Option<Vec<Name>>,
    /// On this share of the events.
    pub(crate) share: Fraction,
    /// The fields.
    pub(crate) fields: List<Field>,
}

impl Payload {
    /// Whether an event of this service and route can have it.
    pub(crate) fn goes_with(&self, service: &str, route: &str) -> bool {
        *self.service == *service && is_among(self.endpoints.as_deref(), route)
    }
}

/// An extra field: exactly one of `one_of`, `integer` and `decimal`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Field {
    /// Its name.
    pub(crate) name: Name,
    /// One of these strings.
    pub(crate) one_of: Option<List<String>>,
    /// A whole number.
    pub(crate) integer: Option<Range>,
    /// A number with two decimals.
    pub(crate) decimal: Option<Interval>,
}

/// Who calls.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Users {
    /// The number of the first user id.
    pub(crate) first: Spanned<u32>,
    /// How many there are.
    pub(crate) count: Spanned<u32>,
    /// The share of events without a user id.
    pub(crate) anonymous: Fraction,
}

/// How calls hang together.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sessions {
    /// Weights of an action's length, from one request on.
    pub(crate) requests_per_action: Spanned<List<Share>>,
    /// Weights of a session's length, from one action on.
    pub(crate) actions_per_session: Spanned<List<Share>>,
    /// The mean time between two requests of an action, where traffic is dense enough.
    pub(crate) seconds_between_requests: Positive,
    /// The least time between two actions of a session, where traffic is dense enough.
    pub(crate) seconds_between_actions: Positive,
    /// The longest time that requests share a trace.
    pub(crate) action_seconds: Positive,
    /// A user who was away for longer comes back in a new session.
    pub(crate) idle_minutes: Positive,
}

impl Profile {
    /// The usage error that names this profile and the line of the byte `at`; the words name the key.
    pub(crate) fn fault(&self, at: usize, words: impl Display) -> Error {
        let Origin { name, text } = &self.origin;
        let line = 1 + text.as_bytes()[..at.min(text.len())].iter().filter(|b| **b == b'\n').count();
        Error::usage(format!("{name}: line {line}: {words}"))
    }
}
