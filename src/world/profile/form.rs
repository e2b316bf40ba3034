//! What a profile holds: every figure of the guide's tables.

use std::collections::BTreeMap;
use std::fmt::Display;

use serde::Deserialize;
use toml::Spanned;

use crate::error::Error;
use crate::world::curve::Curve;
use crate::world::devices::Device;
use crate::world::geography::Region;
use crate::world::origin::ProfileText;
use crate::world::value::{Exponent, Fraction, Interval, List, Name, Positive, Range, Share};

/// Services, traffic, users and everything else that decides what events look like.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    pub(crate) event: EventText,
    pub(crate) environments: List<Environment>,
    pub(crate) traffic: Traffic,
    pub(crate) spikes: Spikes,
    pub(crate) methods: List<Method>,
    pub(crate) cache: Cache,
    pub(crate) statuses: List<Status>,
    pub(crate) popularity: Popularity,
    pub(crate) services: List<Service>,
    #[serde(default)]
    pub(crate) payloads: Vec<Payload>,
    pub(crate) regions: List<Region>,
    pub(crate) devices: List<Device>,
    pub(crate) users: Users,
    pub(crate) sessions: Sessions,
    #[serde(skip)]
    pub(super) origin: ProfileText,
}

/// Texts of events. `{service}` and `{endpoint}` are replaced by the event's own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventText {
    /// `event_type`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// `message` for statuses below 400.
    pub(crate) success: String,
    /// `message` for statuses from 400 to 499.
    pub(crate) client_error: String,
    /// `message` for statuses of 500 and above.
    pub(crate) server_error: String,
    /// Response sizes of errors, in bytes.
    pub(crate) error_response_bytes: Range,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Environment {
    pub(crate) name: Name,
    pub(crate) share: Share,
}

/// The curve called business.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Traffic {
    /// The first busy hour, and the first hour after the busy ones.
    pub(crate) business_hours: Spanned<Range>,
    /// Traffic in a busy hour, relative to other hours.
    pub(crate) business_factor: Positive,
    /// Traffic on a weekend day, relative to a weekday.
    pub(crate) weekend_factor: Positive,
}

impl Traffic {
    /// Returns `None` if the hours are invalid, a weight is too large, or all are 0.
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

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Spikes {
    /// The factor on the response time, uniform in this interval.
    pub(crate) factor: Interval,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Method {
    pub(crate) name: Name,
    /// Request sizes.
    pub(crate) request_bytes: Range,
    /// Response sizes of successes.
    pub(crate) response_bytes: Range,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cache {
    /// The share of all events that are hits.
    pub(crate) hits: Fraction,
    /// Hits happen only with this method …
    pub(crate) method: Name,
    /// … and this status.
    pub(crate) status: Spanned<u16>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Status {
    pub(crate) code: Spanned<u16>,
    /// Of the successes (below 400) or of the errors.
    pub(crate) share: Share,
    /// The methods that can have it; `None` means all.
    pub(crate) methods: Option<Vec<Name>>,
    /// The factor on the response time.
    #[serde(default = "one")]
    pub(crate) latency: Positive,
    /// The response has no body.
    #[serde(default)]
    pub(crate) empty: bool,
    /// `error_details.error_type`; required for errors.
    pub(crate) error_type: Option<String>,
    /// `error_details.error_message` is one of these.
    #[serde(default)]
    pub(crate) messages: Vec<Message>,
}

impl Status {
    pub(crate) fn is_error(&self) -> bool {
        *self.code.get_ref() >= 400
    }

    /// Whether requests with this method can have it.
    pub(crate) fn meets(&self, method: &str) -> bool {
        is_among(self.methods.as_deref(), method)
    }
}

fn one() -> Positive {
    Positive::ONE
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Message {
    pub(crate) text: String,
    /// The methods that it fits; `None` means all.
    pub(crate) methods: Option<Vec<Name>>,
    /// The services that it fits; `None` means all.
    pub(crate) services: Option<Vec<Name>>,
}

impl Message {
    pub(crate) fn fits(&self, service: &str, method: &str) -> bool {
        is_among(self.services.as_deref(), service) && is_among(self.methods.as_deref(), method)
    }
}

/// Whether a name is on a list. No list holds every name.
fn is_among(list: Option<&[Name]>, name: &str) -> bool {
    list.is_none_or(|list| list.iter().any(|known| **known == *name))
}

/// Exponents of Zipf's law: with 0 all are equal, with 1 the second has half of the first's share.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Popularity {
    /// Among a service's endpoints, in their order in the profile.
    pub(crate) endpoints: Exponent,
    /// Among the users of one city and device.
    pub(crate) users: Exponent,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Service {
    pub(crate) name: Name,
    pub(crate) version: String,
    pub(crate) weight: Share,
    /// The share of its events that are errors.
    pub(crate) error_rate: Fraction,
    /// The mean response time of successes, without spikes.
    pub(crate) mean_ms: Positive,
    /// Sigma of the log-normal distribution of response times.
    pub(crate) shape: Fraction,
    /// Requests of an action are in order of their stages.
    pub(crate) stage: u8,
    /// The most popular first.
    pub(crate) endpoints: List<Endpoint>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Endpoint {
    /// A path, in which `{id}` or another name in braces stands for an id.
    pub(crate) route: Name,
    /// Methods with their weights.
    pub(crate) methods: BTreeMap<Name, Share>,
    /// Overrides the service's stage.
    pub(crate) stage: Option<u8>,
}

impl Endpoint {
    /// The parts of the route around its names in braces. A path has an id between each two.
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

/// Extra fields in the payloads of a service's events.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Payload {
    pub(crate) service: Name,
    /// The endpoints that have them; `None` means all of the service.
    pub(crate) endpoints: Option<Vec<Name>>,
    /// The share of these events that have them.
    pub(crate) share: Fraction,
    pub(crate) fields: List<ExtraField>,
}

impl Payload {
    pub(crate) fn goes_with(&self, service: &str, route: &str) -> bool {
        *self.service == *service && is_among(self.endpoints.as_deref(), route)
    }
}

/// An extra field with exactly one of `one_of`, `integer` and `decimal`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExtraField {
    pub(crate) name: Name,
    pub(crate) one_of: Option<List<String>>,
    pub(crate) integer: Option<Range>,
    /// With two decimal places.
    pub(crate) decimal: Option<Interval>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Users {
    /// The number in the first user id.
    pub(crate) first: Spanned<u32>,
    pub(crate) count: Spanned<u32>,
    /// The share of events without a user id.
    pub(crate) anonymous: Fraction,
}

/// How requests form actions and sessions.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sessions {
    /// Weights of the number of requests in an action, starting with 1.
    pub(crate) requests_per_action: Spanned<List<Share>>,
    /// Weights of the number of actions in a session, starting with 1.
    pub(crate) actions_per_session: Spanned<List<Share>>,
    /// The mean time between requests of an action, if traffic is dense enough.
    pub(crate) seconds_between_requests: Positive,
    /// The least time between actions of a session, if traffic is dense enough.
    pub(crate) seconds_between_actions: Positive,
    /// The longest time between the first and last request of a trace.
    pub(crate) action_seconds: Positive,
    /// A user who is away for longer starts a new session.
    pub(crate) idle_minutes: Positive,
}

impl Profile {
    /// A usage error that names this profile and the line of the byte `at`. The message names the key.
    pub(crate) fn fault(&self, at: usize, message: impl Display) -> Error {
        self.origin.fault(at, message)
    }
}
