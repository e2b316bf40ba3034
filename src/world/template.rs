//! A world of any shape: kinds of events as JSON templates, and the fields that fill their holes.
//!
//! [`read`] reads the fields, [`json`] the templates, [`scope`] says what a name means where it stands, and [`check`] judges what is
//! wrong between them. Every fault of a file is found here; the error names file, line and key.

mod check;
mod distribution;
mod escape;
mod field;
mod hole;
mod json;
mod literal;
mod moment;
mod pattern;
mod read;
mod reference;
mod scope;
mod table;

use toml::de::{DeTable, DeValue};

pub(crate) use self::distribution::{Distribution, Shape};
pub(crate) use self::field::{EventKind, Field, Literal, Members, SessionChain, TimeUnit, ValueSource};
pub(crate) use self::json::{Item, Node};
pub(crate) use self::moment::{Piece, TimeFormat};
pub(crate) use self::pattern::Token;
pub(crate) use self::reference::{EVENT, FieldId, Part, Reference, SESSION, ScopeId};

use self::check::Check;
use self::read::FieldReader;
use self::table::{Table, Value};
use crate::error::{Error, Result};
use crate::world::curve::{Curve, NamedCurve};
use crate::world::origin::ProfileText;

/// More kinds of events than anybody writes.
const MOST_KINDS: usize = 10_000;

/// A session whose member is away for longer ends, unless the profile says otherwise.
const IDLE_MINUTES: f64 = 30.0;

/// Kinds of events and their fields.
#[derive(Debug, Clone)]
pub struct TemplateWorld {
    pub(crate) kinds: Vec<EventKind>,
    pub(crate) fields: Vec<Field>,
    pub(crate) sessions: Option<SessionChain>,
    curve: Curve,
    name: String,
}

impl TemplateWorld {
    /// Whether a profile is of this form: it has kinds of events or fields.
    pub(super) fn is_form_of(text: &str) -> bool {
        DeTable::parse(text)
            .is_ok_and(|table| ["events", "fields"].iter().any(|key| table.get_ref().contains_key(*key)))
    }

    /// Reads a profile. Messages call it `name`.
    ///
    /// # Errors
    /// A usage error that names file, line and key.
    pub(super) fn parse(text: &str, name: &str) -> Result<Self> {
        let parsed = DeTable::parse(text).map_err(|e| Error::usage(format!("{name}: {}", e.to_string().trim_end())))?;
        let origin = ProfileText::new(name, text);
        let root = DeValue::Table(parsed.into_inner());
        let mut table = Value::root(&origin, &root).table()?;
        let mut sessions = table.take("sessions").map(Value::table).transpose()?;
        let mut reader = FieldReader::new();
        let session_fields = sessions.as_mut().and_then(|sessions| sessions.take("fields"));
        reader.read(table.take("populations"), table.take("fields"), session_fields)?;
        let kinds = kinds(&table.need("events")?, &reader)?;
        let sessions = sessions.map(|sessions| read_sessions(sessions, &reader, &kinds)).transpose()?;
        let curve = table.take("traffic").map_or_else(|| Ok(NamedCurve::Business.curve()), |value| traffic(&value))?;
        table.finish()?;
        let mut fields = reader.fields;
        Check { origin: &origin, fields: &mut fields, kinds: &kinds, sessions: sessions.as_ref() }.run()?;
        Ok(Self { kinds, fields, sessions, curve, name: name.to_owned() })
    }

    /// The profile's own traffic over the week.
    pub(super) fn business_curve(&self) -> Curve {
        self.curve.clone()
    }

    /// A usage error that names the profile.
    pub(crate) fn fault(&self, words: impl std::fmt::Display) -> Error {
        Error::usage(format!("{}: {words}", self.name))
    }
}

fn kinds<'t>(value: &Value<'t>, reader: &FieldReader<'t>) -> Result<Vec<EventKind>> {
    let mut kinds: Vec<EventKind> = Vec::new();
    for item in value.list()? {
        let mut table = item.clone().table()?;
        let key = table.need("name")?;
        let name = key.text()?;
        let weight = table.take("weight").map_or(Ok(1.0), |weight| weight.number_in(0.0, 1e15))?;
        let template = reader.template(&table.need("template")?, EVENT)?;
        table.finish()?;
        if kinds.iter().any(|kind| kind.name == name) {
            return Err(key.fault(format_args!("'{name}' appears twice")));
        }
        kinds.push(EventKind { name: name.to_owned(), weight, template });
    }
    if kinds.len() > MOST_KINDS {
        return Err(value.fault(format_args!("expected at most {MOST_KINDS} kinds")));
    }
    if kinds.iter().all(|kind| kind.weight == 0.0) {
        return Err(value.fault("every weight is 0: expected at least one above 0"));
    }
    Ok(kinds)
}

fn read_sessions<'t>(mut table: Table<'t>, reader: &FieldReader<'t>, kinds: &[EventKind]) -> Result<SessionChain> {
    const END: &str = "end";
    let of = reader.member(&table.need("of")?)?;
    let gap = Distribution::read(table.need("gap_seconds")?)?;
    let idle = table.take("idle_minutes").map_or(Ok(IDLE_MINUTES), |idle| idle.positive())? * 60.0;
    let mut next = vec![None; kinds.len()];
    let rows = table.need("next")?.table()?;
    for (name, row) in rows.entries() {
        let place = |name: &str| kinds.iter().position(|kind| kind.name == name);
        let Some(from) = place(name) else {
            return Err(row.fault(format_args!("there is no kind of event '{name}'")));
        };
        let mut weights = vec![0.0; kinds.len() + 1];
        for (name, weight) in row.clone().table()?.entries() {
            let to = if name == END { Some(kinds.len()) } else { place(name) };
            let to = to.ok_or_else(|| weight.fault(format_args!("expected the name of a kind of event, or {END}")))?;
            weights[to] = weight.number_in(0.0, 1e15)?;
        }
        if weights.iter().all(|weight| *weight == 0.0) {
            return Err(row.fault("every weight is 0: expected at least one above 0"));
        }
        next[from] = Some(weights);
    }
    table.finish()?;
    // A kind that nothing follows ends its session.
    let ends = || std::iter::repeat_n(0.0, kinds.len()).chain([1.0]).collect();
    Ok(SessionChain { of, gap, idle, next: next.into_iter().map(|row| row.unwrap_or_else(ends)).collect() })
}

/// Seven rows of 24 weights, Monday first.
fn traffic(value: &Value<'_>) -> Result<Curve> {
    let mut table = value.clone().table()?;
    let weights = table.need("weights")?;
    table.finish()?;
    let rows: Vec<Vec<f64>> = weights
        .list()?
        .iter()
        .map(|row| row.list()?.iter().map(|weight| weight.number_in(0.0, 1000.0)).collect())
        .collect::<Result<_>>()?;
    if rows.len() != 7 || rows.iter().any(|row| row.len() != 24) {
        return Err(weights.fault("expected seven rows of 24 weights, Monday first"));
    }
    Curve::of(rows.concat()).ok_or_else(|| weights.fault("every weight is 0: expected at least one above 0"))
}
