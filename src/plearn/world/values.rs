//! Values as settings of a field.

use super::toml::{number, text};
use crate::plearn::learn::model::{Class, Literal, Numbers, Value};
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

/// How a profile names a value as a key.
pub(super) fn name_of(literal: &Literal) -> String {
    match literal {
        Literal::Text(text) => text.clone(),
        Literal::Json(json) => json.clone(),
    }
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

/// The settings of a value; `away` is the field that a time is later by.
pub(super) fn settings(value: &Value, away: &str) -> Settings {
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
        Value::Time { form, plus } => {
            let mut out = form.clone();
            if let Some((_, unit)) = plus {
                out.push(("plus", text(away)));
                out.push(("unit", text(unit)));
            }
            out
        }
        Value::Array { items, lengths, separator } => {
            let mut out = vec![("array", inline(&item(items))), ("length", length(lengths))];
            if separator != "," {
                out.push(("separator", text(separator)));
            }
            out
        }
    }
}

/// The items of an array: a list, or the most frequent of several forms.
fn item(items: &[Class]) -> Settings {
    if items.iter().all(|class| matches!(class.value, Value::Literal(_))) && !items.is_empty() {
        return choice(&items.iter().map(|class| (class, class.weight)).collect::<Vec<_>>());
    }
    let most = items.iter().max_by(|a, b| a.weight.total_cmp(&b.weight));
    most.map_or_else(|| vec![("null", "1".to_owned())], |class| settings(&class.value, ""))
}

fn length(lengths: &Numbers) -> String {
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
