//! Reads the fields of a world.

use std::collections::BTreeMap;

use super::distribution::{Distribution, Lengths};
use super::escape::escaped;
use super::field::{Field, Literal, Members, TimeShift, TimeUnit, ValueSource};
use super::hole::{self, Piece};
use super::json::{self, Node};
use super::moment::{Keys, TimeFormat};
use super::pattern::{self, Token};
use super::reference::{EVENT, FieldId, Part, Reference, SESSION, ScopeId};
use super::scope::{KIND, Owner, SESSION_NAME, Scopes};
use super::table::{Table, Value};
use crate::error::Result;

/// Where a value can come from: each field has exactly one of these keys.
const GENERATORS: [&str; 15] = [
    "constant", "one_of", "choice", "boolean", "integer", "decimal", "counter", "pattern", "time", "draw", "given",
    "sum", "concat", "hash", "array",
];

/// The sixteenth, which is read with its own fields.
const TEMPLATE: &str = "template";

/// Numbers have at most this many decimal places.
const MOST_PLACES: i64 = 15;

/// Reads fields and remembers their names.
#[derive(Debug)]
pub(super) struct FieldReader<'t> {
    pub(super) fields: Vec<Field>,
    pub(super) scopes: Scopes,
    populations: BTreeMap<&'t str, Members>,
}

/// A field that is declared and still to be read.
type Declared<'t> = (FieldId, Value<'t>, ScopeId, String);

impl<'t> FieldReader<'t> {
    /// A reader that knows the fields that every world has.
    pub(super) fn new() -> Self {
        let mut reader = Self { fields: Vec::new(), scopes: Scopes::new(), populations: BTreeMap::new() };
        let kind = reader.add(ValueSource::Kind, KIND);
        reader.scopes.declare(EVENT, KIND, kind);
        reader
    }

    fn add(&mut self, generator: ValueSource, name: &str) -> FieldId {
        let (presence, null, quoted, spikes) = (1.0, 0.0, None, false);
        let (name, path) = (name.to_owned(), name.to_owned());
        self.fields.push(Field { name, scope: EVENT, presence, null, quoted, spikes, generator, at: 0, path });
        self.fields.len() - 1
    }

    /// Reads the populations, and all fields of events, sessions and members.
    pub(super) fn read(
        &mut self,
        populations: Option<Value<'t>>,
        fields: Option<Value<'t>>,
        session: Option<Value<'t>>,
    ) -> Result<()> {
        let mut tables = Vec::new();
        for (name, value) in entries(populations)? {
            let mut table = value.table()?;
            let scope = self.scopes.add(Owner::Member, None);
            let size = table.need("size")?.whole(1, 1 << 53)?.unsigned_abs();
            let zipf = table.take("zipf").map_or(Ok(0.0), |value| value.number_in(0.0, 10.0))?;
            let offset = table.take("offset").map_or(Ok(0), |value| value.whole(0, 1 << 53).map(i64::unsigned_abs))?;
            tables.push((format!("population {name}."), scope, table.need("fields")?));
            table.finish()?;
            self.populations.insert(name, Members { scope, size, zipf, offset });
        }
        if let Some(fields) = fields {
            tables.push((String::new(), EVENT, fields));
        }
        if let Some(fields) = session {
            let session = self.add(ValueSource::Session, SESSION_NAME);
            self.scopes.declare(EVENT, SESSION_NAME, session);
            self.scopes.lead(session, SESSION);
            tables.push(("session ".to_owned(), SESSION, fields));
        }
        let mut declared = Vec::new();
        for (prefix, scope, value) in tables {
            declared.extend(self.declare(value, scope, &prefix)?);
        }
        self.fill(declared)
    }

    /// Gives the fields of a table their names.
    fn declare(&mut self, value: Value<'t>, scope: ScopeId, prefix: &str) -> Result<Vec<Declared<'t>>> {
        let mut declared = Vec::new();
        for (name, value) in entries(Some(value))? {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            if name.is_empty() || !name.chars().all(is_plain) {
                return Err(value.fault("expected a name of letters, digits, '_' and '-'"));
            }
            if [KIND, SESSION_NAME].contains(&name) {
                return Err(value.fault(format_args!("'{name}' has a meaning of its own: expected another name")));
            }
            let full = format!("{prefix}{name}");
            let id = self.add(ValueSource::Nothing, &full);
            self.scopes.declare(scope, name, id);
            if value.raw().as_table().is_some_and(|table| table.contains_key("draw")) {
                let members = self.members(&value.clone().table()?.need("draw")?)?;
                self.scopes.lead(id, members.scope);
            }
            declared.push((id, value, scope, full));
        }
        Ok(declared)
    }

    fn fill(&mut self, declared: Vec<Declared<'t>>) -> Result<()> {
        for (id, value, scope, name) in declared {
            self.fields[id] = self.settings(value, scope, name)?;
        }
        Ok(())
    }

    /// A field without a name, such as a branch.
    fn nameless(&mut self, value: Value<'t>, scope: ScopeId, name: String) -> Result<FieldId> {
        if value.raw().as_table().is_some_and(|table| table.contains_key("draw")) {
            return Err(value.fault("draw: expected in a field that has a name"));
        }
        let field = self.settings(value, scope, name)?;
        self.fields.push(field);
        Ok(self.fields.len() - 1)
    }

    /// Reads one field. A value that is not a table is a constant.
    fn settings(&mut self, value: Value<'t>, scope: ScopeId, name: String) -> Result<Field> {
        let (at, path) = (value.at(), value.path.clone());
        let mut field = Field {
            name,
            scope,
            presence: 1.0,
            null: 0.0,
            quoted: None,
            spikes: false,
            generator: ValueSource::Nothing,
            at,
            path,
        };
        if !value.raw().is_table() {
            field.generator = ValueSource::Choice(vec![(Literal::read(&value)?, 1.0)]);
            return Ok(field);
        }
        let mut table = value.table()?;
        let mut share = |key, default| table.take(key).map_or(Ok(default), |value| value.number_in(0.0, 1.0));
        (field.presence, field.null) = (share("presence", 1.0)?, share("null", 0.0)?);
        if let Some(quoted) = table.take("quoted") {
            field.quoted = Some(quoted.boolean()?);
        }
        let all = GENERATORS.iter().chain([&TEMPLATE]);
        let found: Vec<&&str> = all.filter(|key| table.has(key)).collect();
        field.generator = match found[..] {
            [key] => self.generator(key, &mut table, &mut field)?,
            [] if field.presence == 0.0 || field.null >= 1.0 => ValueSource::Nothing,
            [] => {
                let words = format!("expected one of {}, {TEMPLATE}", GENERATORS.join(", "));
                return Err(table.value.fault(words));
            }
            [first, second, ..] => {
                return Err(table.value.fault(format_args!("expected only one of '{first}' and '{second}'")));
            }
        };
        table.finish()?;
        Ok(field)
    }

    fn generator(&mut self, key: &'static str, table: &mut Table<'t>, field: &mut Field) -> Result<ValueSource> {
        let (value, scope) = (table.need(key)?, field.scope);
        match key {
            "constant" => Ok(ValueSource::Choice(vec![(Literal::read(&value)?, 1.0)])),
            "one_of" => {
                let values = value.list()?.into_iter().map(|item| Ok((Literal::read(&item)?, 1.0)));
                values.collect::<Result<_>>().map(ValueSource::Choice)
            }
            "choice" => choice(&value),
            "boolean" => {
                let chance = value.number_in(0.0, 1.0)?;
                let values = [(false, 1.0 - chance), (true, chance)];
                Ok(ValueSource::Choice(values.map(|(value, weight)| (Literal::of_boolean(value), weight)).into()))
            }
            "integer" | "decimal" => {
                if let Some(spikes) = table.take("spikes") {
                    field.spikes = spikes.boolean()?;
                }
                let distribution = Distribution::read(value.clone())?;
                if key == "integer" {
                    if !distribution.shape.has_whole_bounds() {
                        return Err(value.fault("expected whole numbers"));
                    }
                    return Ok(ValueSource::Number { distribution, places: 0 });
                }
                let places = table.take("places").map_or(Ok(2), |places| places.whole(0, MOST_PLACES))?;
                let places = u32::try_from(places).unwrap_or(0);
                Ok(ValueSource::Number { distribution, places })
            }
            "counter" => {
                const MOST: i64 = 1 << 53;
                let start = value.whole(-MOST, MOST)?;
                let step = table.take("step").map_or(Ok(1), |step| step.whole(-1_000_000, 1_000_000))?;
                Ok(ValueSource::Counter { start, step })
            }
            "pattern" => {
                let tokens = pattern::read(&value)?;
                let needs_time = tokens.iter().any(|token| matches!(token, Token::Uuid7 | Token::Ulid));
                if needs_time && !self.scopes.has_time(scope) {
                    return Err(value.fault("uuid7 and ulid hold a time, and a member of a population has none"));
                }
                if field.quoted == Some(false) && !pattern::is_number(&tokens) {
                    return Err(
                        value.fault("quoted = false: expected a pattern of digits only, which does not begin with 0")
                    );
                }
                Ok(ValueSource::Pattern(tokens))
            }
            "time" => self.time(value, table, scope),
            "draw" => self.members(&value).map(ValueSource::Member),
            "given" => self.given(&value, table, scope, &field.name),
            "sum" => self.sum(&value, scope),
            "concat" => self.concat(&value, scope).map(ValueSource::Concat),
            "hash" => {
                let names = if value.raw().is_str() { vec![value] } else { value.list()? };
                let of = names.iter().map(|name| self.reference(name, scope)).collect::<Result<_>>()?;
                let digits = table.take("digits").map_or(Ok(16), |digits| digits.whole(1, 128))?;
                Ok(ValueSource::Hash { of, digits: usize::try_from(digits).unwrap_or(16) })
            }
            "array" => {
                let lengths = Lengths::read(table.need("length")?)?;
                let separator = table.take("separator").map_or(Ok(","), |value| value.text())?;
                if separator.trim() != "," {
                    return Err(value.fault("separator: expected a comma with or without spaces"));
                }
                let inner = self.scopes.add(Owner::Item, Some(scope));
                let item = self.nameless(value, inner, format!("{} item", field.name))?;
                Ok(ValueSource::Array { item, lengths, separator: separator.to_owned() })
            }
            _ => {
                let mut inner = None;
                if let Some(fields) = table.take("fields") {
                    let own = self.scopes.add(Owner::Item, Some(scope));
                    let declared = self.declare(fields, own, &format!("{}.", field.name))?;
                    self.fill(declared)?;
                    inner = Some(own);
                }
                let template = self.template(&value, inner.unwrap_or(scope))?;
                Ok(ValueSource::Object { scope: inner, template })
            }
        }
    }

    /// Reads a template whose holes are named in this scope.
    pub(super) fn template(&self, value: &Value<'t>, scope: ScopeId) -> Result<Node> {
        json::read(value, &|name| self.scopes.resolve(scope, name))
    }

    /// Reads the name of a field.
    pub(super) fn reference(&self, value: &Value<'t>, scope: ScopeId) -> Result<Reference> {
        self.scopes.resolve(scope, value.text()?).map_err(|words| value.fault(words))
    }

    /// Reads the name of a field of events that draws a member.
    pub(super) fn member(&self, value: &Value<'t>) -> Result<FieldId> {
        let name = value.text()?;
        let draws = |field: &Field| matches!(field.generator, ValueSource::Member(_)) && field.scope == EVENT;
        let found = self.fields.iter().position(|field| field.name == name && draws(field));
        found.ok_or_else(|| value.fault(format_args!("'{name}': expected a field that draws from a population")))
    }

    fn members(&self, value: &Value<'t>) -> Result<Members> {
        let name = value.text()?;
        self.populations.get(name).copied().ok_or_else(|| {
            let names: Vec<&str> = self.populations.keys().copied().collect();
            let expected = if names.is_empty() { "[populations.NAME]".to_owned() } else { names.join(", ") };
            value.fault(format_args!("there is no population '{name}': expected {expected}"))
        })
    }

    fn time(&self, form: Value<'t>, table: &mut Table<'t>, scope: ScopeId) -> Result<ValueSource> {
        if !self.scopes.has_time(scope) {
            return Err(form.fault("a member of a population has no time"));
        }
        let plus = table.take("plus");
        let minus = table.take("minus");
        if let (Some(_), Some(minus)) = (&plus, &minus) {
            return Err(minus.fault("expected plus or minus, not both"));
        }
        let is_back = minus.is_some();
        let by = plus.or(minus).map(|value| self.reference(&value, scope)).transpose()?;
        let unit = match table.take("unit") {
            None => TimeUnit::Millis,
            Some(value) if by.is_none() => return Err(value.fault("expected only with plus or minus")),
            Some(value) => match value.text()? {
                "s" => TimeUnit::Seconds,
                "ms" => TimeUnit::Millis,
                "us" => TimeUnit::Micros,
                "ns" => TimeUnit::Nanos,
                other => return Err(value.fault(format_args!("'{other}': expected s, ms, us or ns"))),
            },
        };
        let keys = Keys { form, places: table.take("places"), offset: table.take("offset") };
        Ok(ValueSource::Time { moment: TimeFormat::read(&keys)?, shift: by.map(|by| TimeShift { by, unit, is_back }) })
    }

    fn given(&mut self, value: &Value<'t>, table: &mut Table<'t>, scope: ScopeId, name: &str) -> Result<ValueSource> {
        let of = self.reference(value, scope)?;
        let mut branches = Vec::new();
        for (key, branch) in entries(Some(table.need("when")?))? {
            branches.push((key.to_owned(), self.nameless(branch, scope, format!("{name} when {key}"))?));
        }
        let otherwise = match table.take("otherwise") {
            Some(branch) => Some(self.nameless(branch, scope, format!("{name} otherwise"))?),
            None => None,
        };
        Ok(ValueSource::Given { of, branches, otherwise })
    }

    fn sum(&self, value: &Value<'t>, scope: ScopeId) -> Result<ValueSource> {
        let (mut of, mut plus) = (Vec::new(), 0);
        for term in value.list()? {
            if term.raw().is_integer() {
                plus += term.whole(-1_000_000_000_000, 1_000_000_000_000)?;
            } else {
                of.push(self.reference(&term, scope)?);
            }
        }
        Ok(ValueSource::Sum { of, plus })
    }

    fn concat(&self, value: &Value<'t>, scope: ScopeId) -> Result<Vec<Part>> {
        let content = value.text()?;
        let pieces = hole::split(content).map_err(|(at, words)| value.fault_within(content, at, words))?;
        let parts = pieces.into_iter().map(|piece| match piece {
            Piece::Text(text) => Ok(Part::Literal(escaped(&text))),
            Piece::Hole(name, at) => {
                let found = self.scopes.resolve(scope, name).map_err(|words| value.fault_within(content, at, words));
                found.map(Part::Field)
            }
        });
        parts.collect()
    }
}

/// The entries of a table, if there is one.
fn entries<'t>(value: Option<Value<'t>>) -> Result<Vec<(&'t str, Value<'t>)>> {
    value.map_or(Ok(Vec::new()), |value| Ok(value.table()?.entries()))
}

/// Values with their weights.
fn choice<'t>(value: &Value<'t>) -> Result<ValueSource> {
    let mut values = Vec::new();
    for item in value.list()? {
        let [literal, weight] = item.pair("a value and its weight, such as [\"GET\", 80]")?;
        values.push((Literal::read(&literal)?, weight.number_in(0.0, 1e15)?));
    }
    if values.iter().all(|(_, weight)| *weight == 0.0) {
        return Err(value.fault("every weight is 0: expected at least one above 0"));
    }
    Ok(ValueSource::Choice(values))
}
