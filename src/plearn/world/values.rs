//! Values as settings of a field.

use super::names::{away_of, drawn_of, more_of, part_of};
use super::role::Role;
use super::toml::{name_of, number, text};
use crate::plearn::braces;
use crate::plearn::learn::model::{By, Class, Learned, Literal, Numbers, Part, Shift, Value};
use crate::plearn::learn::numbers::significant;

/// The settings of a field, in order: keys and their values.
pub(super) type Settings = Vec<(&'static str, String)>;

/// A value that stands for itself, as TOML.
pub(super) fn literal(literal: &Literal) -> String {
    match literal {
        Literal::Text(content) => text(content),
        Literal::Json(json) => json_literal(json),
    }
}

/// A JSON value as TOML.
fn json_literal(json: &str) -> String {
    if !json.starts_with('[') {
        return json.to_owned();
    }
    let items: Vec<&serde_json::value::RawValue> = serde_json::from_str(json).unwrap_or_default();
    let item = |raw: &&serde_json::value::RawValue| match serde_json::from_str::<String>(raw.get()) {
        Ok(content) => text(&content),
        Err(_) => json_literal(raw.get()),
    };
    format!("[{}]", items.iter().map(item).collect::<Vec<_>>().join(", "))
}

/// A distribution.
fn distribution(numbers: &Numbers) -> String {
    let points: Vec<String> = numbers.points.iter().map(|(p, x)| format!("[{}, {}]", number(*p), number(*x))).collect();
    format!("{{ quantiles = [{}] }}", points.join(", "))
}

/// The settings of a number.
pub(super) fn numbers(numbers: &Numbers) -> Settings {
    let mut out = match numbers.places {
        0 => vec![("integer", distribution(numbers))],
        places => vec![("decimal", distribution(numbers)), ("places", places.to_string())],
    };
    if numbers.is_quoted {
        out.push(("quoted", "true".to_owned()));
    }
    out
}

/// The members of the world, to which a text may refer.
#[derive(Clone, Copy)]
pub(super) struct Around<'w> {
    pub(super) members: &'w [Learned],
    pub(super) names: &'w [String],
    pub(super) roles: &'w [Role],
}

impl Around<'_> {
    /// A member in a text with holes: a constant has no field.
    fn text(&self, place: usize) -> String {
        match (&self.members[place].classes[..], self.roles[place]) {
            ([Class { value: Value::Literal(value), .. }], Role::Constant) => braces::doubled(&name_of(value)),
            _ => format!("{{{}}}", self.names[place]),
        }
    }
}

/// The settings of a value of the field `name`.
pub(super) fn settings(value: &Value, name: &str, around: &Around<'_>) -> Settings {
    match value {
        Value::Absent => vec![("presence", "0".to_owned())],
        Value::Null => vec![("null", "1".to_owned())],
        Value::Literal(value) => vec![("constant", literal(value))],
        Value::Numbers(found) => numbers(found),
        Value::Counter(start) => vec![("counter", start.to_string())],
        Value::Pattern { pattern, is_number } => {
            let mut out = vec![("pattern", text(pattern))];
            if *is_number {
                out.push(("quoted", "false".to_owned()));
            }
            out
        }
        Value::Sum { of, otherwise, .. } => {
            let mut out = vec![("sum", format!("[{}, {}]", text(&around.names[*of]), text(&more_of(name))))];
            if otherwise.is_quoted {
                out.push(("quoted", "true".to_owned()));
            }
            out
        }
        Value::Joined(parts) => {
            let part = |part: &Part| match part {
                Part::Text(content) => braces::doubled(content),
                Part::Member(place) => around.text(*place),
                Part::Pattern { nth, pool: Some(_), .. } => format!("{{{}.text}}", part_of(name, *nth)),
                Part::Pattern { nth, .. } => format!("{{{}}}", part_of(name, *nth)),
            };
            vec![("concat", text(&parts.iter().map(part).collect::<String>()))]
        }
        Value::Choice(texts) => {
            let total: f64 = texts.iter().map(|(_, weight)| weight).sum();
            let item = |(content, weight): &(String, f64)| {
                format!("[{}, {}]", text(content), number(share(weight / total, 100.0)))
            };
            vec![("choice", format!("[{}]", texts.iter().map(item).collect::<Vec<_>>().join(", ")))]
        }
        Value::Drawn { nth, .. } => vec![("concat", text(&format!("{{{}.text}}", drawn_of(name, *nth))))],
        Value::DrawnNumber { nth, .. } => {
            vec![("sum", format!("[{}]", text(&format!("{}.number", drawn_of(name, *nth)))))]
        }
        Value::Time { form, shift } => {
            let mut out = form.clone();
            if let Some(Shift { by, unit }) = shift {
                out.push(match by {
                    By::Numbers(_) => ("plus", text(&away_of(name))),
                    By::Member { place, is_back } => {
                        (if *is_back { "minus" } else { "plus" }, text(&around.names[*place]))
                    }
                });
                out.push(("unit", text(unit)));
            }
            out
        }
        // Its array writes it.
        Value::Objects(_) => Vec::new(),
        Value::Array { items, lengths, separator } => {
            let mut out = length(lengths, separator);
            // Objects have a table of their own.
            if !items.iter().any(|class| matches!(class.value, Value::Objects(_))) {
                out.insert(0, ("array", inline(&item(items, around))));
            }
            out
        }
    }
}

/// The items of an array: a list, or the most frequent of several forms.
fn item(items: &[Class], around: &Around<'_>) -> Settings {
    if items.iter().all(|class| matches!(class.value, Value::Literal(_))) && !items.is_empty() {
        return choice(&items.iter().map(|class| (class, class.weight)).collect::<Vec<_>>());
    }
    let most = items.iter().max_by(|a, b| a.weight.total_cmp(&b.weight));
    most.map_or_else(|| vec![("null", "1".to_owned())], |class| settings(&class.value, "", around))
}

/// How many items an array has, and what separates them.
pub(super) fn length(lengths: &Numbers, separator: &str) -> Settings {
    let mut out = vec![("length", count(lengths))];
    if separator != "," {
        out.push(("separator", text(separator)));
    }
    out
}

fn count(lengths: &Numbers) -> String {
    let (first, last) = (lengths.points[0].1, lengths.points[lengths.points.len() - 1].1);
    if last - first <= 1.0 {
        return number(libm::ceil(first).max(0.0));
    }
    let inner = distribution(lengths);
    let (min, max) = (number(libm::ceil(first).max(0.0)), number(libm::floor(last).min(10_000.0)));
    format!("{}, min = {min}, max = {max} }}", inner.trim_end_matches(" }"))
}

/// Literal classes with their weights.
pub(super) fn choice(classes: &[(&Class, f64)]) -> Settings {
    let total: f64 = classes.iter().map(|(_, weight)| weight).sum();
    let used: Vec<(&Literal, f64)> = classes
        .iter()
        .filter(|(_, weight)| *weight > 0.0)
        .filter_map(|(class, weight)| match &class.value {
            Value::Literal(value) => Some((value, weight / total)),
            _ => None,
        })
        .collect();
    match &used[..] {
        [(value, _)] => vec![("constant", literal(value))],
        [(Literal::Json(a), p), (Literal::Json(b), q)] if is_boolean(a) && is_boolean(b) => {
            vec![("boolean", number(share(if a == "true" { *p } else { *q }, 1.0)))]
        }
        _ => {
            let items: Vec<String> = used
                .iter()
                .map(|(value, part)| format!("[{}, {}]", literal(value), number(share(*part, 100.0))))
                .collect();
            vec![("choice", format!("[{}]", items.join(", ")))]
        }
    }
}

fn is_boolean(json: &str) -> bool {
    json == "true" || json == "false"
}

/// A share of a whole, with four digits that count.
pub(super) fn share(part: f64, whole: f64) -> f64 {
    significant(part * whole, 4)
}

/// Settings in one line. A constant stands for itself, unless it looks like settings.
pub(super) fn inline(settings: &Settings) -> String {
    match &settings[..] {
        [("constant", value)] if !value.starts_with('{') => value.clone(),
        _ => {
            let parts: Vec<String> = settings.iter().map(|(key, value)| format!("{key} = {value}")).collect();
            format!("{{ {} }}", parts.join(", "))
        }
    }
}
