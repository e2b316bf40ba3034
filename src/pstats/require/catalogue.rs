//! What a requirement may name: the figures of the report, and the fields that groups go by. Known before anything is read.

use serde_json::{Map, Value};

/// The parts of the report that a path may begin with.
pub(super) const SECTIONS: [&str; 8] = ["input", "events", "outcomes", "truth", "alerts", "reconciled", "chaos", "run"];

/// What groups have of their section's figures.
const OF_GROUPS: [&str; 5] = ["count", "success_rate", "error_rate", "latency", "end_to_end"];

/// What a requirement may name.
pub(crate) struct Catalogue {
    /// The report on nothing, with all of its parts.
    nothing: Value,
    /// The fields that groups go by, apart from dotted paths.
    fields: Vec<String>,
}

/// Where a path of the report leads.
enum Leads {
    Nowhere,
    /// To a figure; this is its path with units put to its names.
    ToFigure(Vec<String>),
    /// To something that is not a number: what it is, in words.
    Elsewhere(String),
}

impl Catalogue {
    /// What there is to require of a report with all of these parts, in which a text is a string and a figure without data
    /// null; `fields` are the names that groups may go by without being dotted paths.
    pub(crate) fn new(nothing: Value, fields: Vec<String>) -> Self {
        Self { nothing, fields }
    }

    /// Whether groups may go by this field.
    pub(super) fn check_field(&self, name: &str) -> Result<(), String> {
        if name.contains('.') || self.fields.iter().any(|known| known == name) {
            return Ok(());
        }
        let nearest = self
            .fields
            .iter()
            .filter(|_| is_like_a_name(name))
            .min_by_key(|known| strsim::damerau_levenshtein(name, known));
        let nearest = nearest.map_or(String::new(), |nearest| format!("; did you mean '{nearest}'?"));
        Err(format!("there are no groups by '{name}' without --by {name}{nearest}"))
    }

    /// The path of a figure with units put to its names; of a group's figure if `in_group`.
    pub(super) fn figure(&self, name: &str, in_group: bool) -> Result<Vec<String>, String> {
        let written: Vec<&str> = name.split('.').collect();
        let (sections, rest) = match written.split_first() {
            Some((first, rest)) if SECTIONS.contains(first) => (vec![*first], rest),
            _ => (vec!["events", "outcomes"], &written[..]),
        };
        let leads: Vec<(&str, Leads)> =
            sections.iter().map(|section| (*section, walk(rest, &self.nothing[*section]))).collect();
        let found = leads.iter().find_map(|(section, lead)| match lead {
            Leads::ToFigure(path) => Some((*section, path.clone())),
            _ => None,
        });
        if let Some((section, path)) = found {
            let is_of_groups = matches!(section, "events" | "outcomes") && OF_GROUPS.contains(&path[0].as_str());
            if in_group && !is_of_groups {
                return Err(format!(
                    "'{name}' is not a figure of groups; groups have count, success_rate, error_rate and latency.…, and end_to_end.… of an open loop"
                ));
            }
            let section = (rest.len() < written.len()).then(|| section.to_owned());
            return Ok(section.into_iter().chain(path).collect());
        }
        let elsewhere = leads.into_iter().find_map(|(_, lead)| match lead {
            Leads::Elsewhere(what) => Some(what),
            _ => None,
        });
        Err(match elsewhere {
            Some(what) => format!("'{name}' is not a figure but {what}"),
            None => self.misspelt(name, in_group),
        })
    }

    fn misspelt(&self, name: &str, in_group: bool) -> String {
        if !is_like_a_name(name) {
            return "there is no figure of this name".to_owned();
        }
        let mut names = Vec::new();
        for section in SECTIONS {
            let Some(map) = self.nothing[section].as_object() else { continue };
            if matches!(section, "events" | "outcomes") {
                leaves(map, "", &mut names);
            }
            if !in_group {
                leaves(map, &format!("{section}."), &mut names);
            }
        }
        if in_group {
            names.retain(|name| OF_GROUPS.contains(&name.split('.').next().unwrap_or_default()));
        }
        names.sort();
        names.dedup();
        names.sort_by_key(|known| (distance(name, known), known.len()));
        names.truncate(3);
        format!("there is no figure '{name}'; the closest are {}", names.join(", "))
    }
}

/// Whether a text is short enough to be a misspelt name. The time of comparing two grows with the product of their lengths.
fn is_like_a_name(text: &str) -> bool {
    text.len() <= 200
}

/// A figure's name without its unit.
fn short(known: &str) -> &str {
    known.strip_suffix("_ms").or(known.strip_suffix("_s")).unwrap_or(known)
}

/// How far what was written is from a figure's name: from the whole path, or from as many of its last names as were written,
/// for what stands before these may have been forgotten.
fn distance(written: &str, known: &str) -> usize {
    let names = written.split('.').count();
    let last = known.rsplitn(names + 1, '.').take(names).map(str::len).sum::<usize>() + names - 1;
    let tail = &known[known.len().saturating_sub(last)..];
    let nearest = [known, short(known), tail, short(tail)];
    nearest.into_iter().map(|name| strsim::damerau_levenshtein(written, name)).min().unwrap_or(usize::MAX)
}

/// Follows a path, units in its names or not.
fn walk(written: &[&str], from: &Value) -> Leads {
    let mut at = from;
    let mut path = Vec::new();
    for name in written {
        let key = at.as_object().and_then(|map| {
            ["", "_ms", "_s"].iter().map(|unit| format!("{name}{unit}")).find(|key| map.contains_key(key))
        });
        let Some(key) = key else { return Leads::Nowhere };
        at = &at[&key];
        path.push(key);
    }
    match at {
        Value::Object(map) => {
            let mut inner = Vec::new();
            leaves(map, &format!("{}.", written.join(".")), &mut inner);
            let more = if inner.len() > 4 { ", …" } else { "" };
            inner.truncate(4);
            Leads::Elsewhere(format!("a part of the report, with {}{more}", inner.join(", ")))
        }
        Value::Array(_) => Leads::Elsewhere("a list".to_owned()),
        Value::String(_) => Leads::Elsewhere("a text".to_owned()),
        Value::Null | Value::Bool(_) | Value::Number(_) => Leads::ToFigure(path),
    }
}

/// The paths of all figures under this value.
fn leaves(map: &Map<String, Value>, prefix: &str, into: &mut Vec<String>) {
    for (key, value) in map {
        match value {
            Value::Object(inner) if key != "by" => leaves(inner, &format!("{prefix}{key}."), into),
            Value::Object(_) | Value::Array(_) | Value::String(_) => {}
            _ => into.push(format!("{prefix}{key}")),
        }
    }
}
