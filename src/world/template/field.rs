//! What a world of any shape consists of: kinds of events, fields, populations and sessions, with every name resolved.

use super::distribution::{Distribution, Lengths};
use super::json::Node;
use super::moment::TimeFormat;
use super::pattern::Token;
use super::reference::{FieldId, Part, Reference, ScopeId};

/// A kind of event.
#[derive(Debug, Clone)]
pub(crate) struct EventKind {
    pub(crate) name: String,
    pub(crate) weight: f64,
    pub(crate) template: Node,
}

/// A field.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    /// Unique. Names its random stream.
    pub(crate) name: String,
    /// What its value is fixed for: an event, a session, a member of a population, or an item of an array.
    pub(crate) scope: ScopeId,
    /// The share in which it is there.
    pub(crate) presence: f64,
    /// The share in which it is null.
    pub(crate) null: f64,
    /// Whether it stands in quotes; `None` leaves that to its type.
    pub(crate) quoted: Option<bool>,
    /// Whether `--spikes` multiplies it.
    pub(crate) spikes: bool,
    pub(crate) generator: ValueSource,
    /// Its place in the profile.
    pub(super) at: usize,
    /// Its key in the profile.
    pub(super) path: String,
}

/// Where a field's value comes from.
#[derive(Debug, Clone)]
pub(crate) enum ValueSource {
    /// A field that is always absent or null.
    Nothing,
    /// The name of the kind of event.
    Kind,
    /// The session; its value is never written.
    Session,
    /// Values with their weights.
    Choice(Vec<(Literal, f64)>),
    /// A number with this many decimal places.
    Number { distribution: Distribution, places: u32 },
    /// `start`, and `step` more for each event, member or item.
    Counter { start: i64, step: i64 },
    /// Text from a pattern.
    Pattern(Vec<Token>),
    /// The moment of the event, or one that is later or earlier by a field.
    Time { moment: TimeFormat, shift: Option<TimeShift> },
    /// A member of a population.
    Member(Members),
    /// By the value of another field.
    Given { of: Reference, branches: Vec<(String, FieldId)>, otherwise: Option<FieldId> },
    /// The sum of fields and a constant.
    Sum { of: Vec<Reference>, plus: i64 },
    /// Text with fields in it.
    Concat(Vec<Part>),
    /// Hexadecimal digits that depend on these fields only.
    Hash { of: Vec<Reference>, digits: usize },
    /// A list of items that are drawn one by one.
    Array { item: FieldId, lengths: Lengths, separator: String },
    /// JSON with fields of its own scope, if it has any.
    Object { scope: Option<ScopeId>, template: Node },
}

/// A population: how many members, and how they are drawn: by Zipf's law with an exponent, or with an offset by that of Zipf and
/// Mandelbrot. An exponent of 0 means that all are equally frequent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Members {
    pub(crate) scope: ScopeId,
    pub(crate) size: u64,
    pub(crate) zipf: f64,
    /// How many ranks before the first member are left out.
    pub(crate) offset: u64,
}

/// How far a time is from that of the event.
#[derive(Debug, Clone)]
pub(crate) struct TimeShift {
    pub(crate) by: Reference,
    pub(crate) unit: TimeUnit,
    /// Whether it is earlier.
    pub(crate) is_back: bool,
}

/// The unit of a field that is added to a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeUnit {
    Seconds,
    Millis,
    Micros,
    Nanos,
}

/// A constant.
#[derive(Debug, Clone)]
pub(crate) struct Literal {
    /// As JSON.
    pub(crate) json: String,
    /// Within a string, escaped for JSON.
    pub(crate) text: String,
    /// As a profile names it as a key.
    pub(crate) name: String,
    /// As a number times 10 to the power of the places; `None` if it is none.
    pub(crate) number: Option<(i64, u32)>,
}

/// Runs of events of one member.
#[derive(Debug, Clone)]
pub(crate) struct SessionChain {
    /// The field that draws the member.
    pub(crate) of: FieldId,
    /// Seconds between events.
    pub(crate) gap: Distribution,
    /// A session ends if its next event is overdue by this many seconds.
    pub(crate) idle: f64,
    /// For each kind, the weights of the kinds that follow. The last weight is that of the end.
    pub(crate) next: Vec<Vec<f64>>,
}
