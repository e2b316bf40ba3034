//! Where a requirement's figure is in a JSON report (contracts §5): in a part of it, and in a group if the requirement names one.

use serde_json::Value;

use super::catalogue;
use super::unread::Unread;
use crate::jsonl::scan::plain_path;
use crate::record::bound::FigureUnit;

/// The place of a figure.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FigurePath {
    /// The group's fields and their values. Empty for the whole.
    pub(super) group: Vec<(String, String)>,
    /// The keys that lead to the figure.
    pub(super) path: Vec<String>,
}

impl FigurePath {
    /// The unit of the figure.
    pub(super) fn unit(&self) -> FigureUnit {
        self.path.last().map_or(FigureUnit::Count, |key| FigureUnit::of(key))
    }

    /// Whether its figure is counted out of others: the count of its part of the report, or of the part around it.
    pub(super) fn has_whole(&self) -> bool {
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        match path[..] {
            ["alerts" | "reconciled" | "chaos" | "run", ..] | ["input", "lines"] | ["truth", "count"] => false,
            ["count"] | ["events" | "outcomes", "count"] => !self.group.is_empty(),
            _ => true,
        }
    }

    /// The part of the report that it is on; `None` if neither events nor outcomes came in.
    ///
    /// # Errors
    /// If both came in and it does not say which of them it means.
    pub(super) fn root(&self, report: &Value) -> Result<Option<&'static str>, String> {
        if let Some(named) = catalogue::SECTIONS.iter().find(|section| **section == self.path[0]) {
            return Ok(Some(named));
        }
        let came: Vec<&str> = ["events", "outcomes"].into_iter().filter(|kind| report[*kind].is_object()).collect();
        match came[..] {
            [] => Ok(None),
            [kind] => Ok(Some(kind)),
            _ => Err(format!(
                "the input has events and outcomes; write events.{path} or outcomes.{path}",
                path = self.path.join(".")
            )),
        }
    }

    /// Its figure in this part of a report.
    pub(super) fn find(&self, report: &Value, root: &str) -> Found {
        let rest = if self.path[0] == root { &self.path[1..] } else { &self.path[..] };
        let section = &report[root];
        let mut names = vec![root.to_owned()];
        let mut wholes = vec![section["lines"].as_f64().or(section["count"].as_f64())];
        let mut at = section;
        if !self.group.is_empty() {
            let group = match self.group_in(section) {
                Ok(Some(group)) => group,
                Ok(None) => return Found::Nothing,
                Err(why) => return Found::NotCounted(why),
            };
            names.extend(self.group.iter().map(|(field, value)| format!("{field}={value}")));
            wholes.push(group["count"].as_f64());
            at = group;
        }
        let part = at;
        for key in rest {
            // A count is a share of the count around it.
            if key == "count" {
                wholes.pop();
            }
            at = &at[key.as_str()];
            names.push(key.clone());
            wholes.extend(at.get("count").map(Value::as_f64));
        }
        let unread = Unread::of(report, root, part, rest);
        match at.as_f64().or_else(|| at.as_bool().map(|b| f64::from(u8::from(b)))) {
            Some(value) => {
                Found::Figure { path: names.join("."), value, whole: wholes.last().copied().flatten(), unread }
            }
            None => {
                let path = names.join(".");
                let why = report["not_known"][&path].as_str().map(str::to_owned);
                match why.or_else(|| unread.map(|unread| unread.nothing_read())) {
                    Some(why) => Found::NotKnown { path, why },
                    None => Found::Nothing,
                }
            }
        }
    }

    /// Its group; `None` if no line was of it.
    ///
    /// # Errors
    /// If groups were not counted by its fields, or its group may be one of those past the cap.
    fn group_in<'a>(&self, section: &'a Value) -> Result<Option<&'a Value>, String> {
        let fields: Vec<String> = self.group.iter().map(|(field, _)| plain_path(field)).collect();
        let Some(groupings) = section["by"].as_object() else { return Ok(None) };
        let has_fields = |name: &str| {
            name.split(',').count() == fields.len() && name.split(',').all(|f| fields.iter().any(|field| field == f))
        };
        let Some((_, groups)) = groupings.iter().find(|(name, _)| has_fields(name)) else {
            let by = fields.join(",");
            return Err(format!(
                "groups by {by} were not counted (a state has only the groups it was made with: --by {by})"
            ));
        };
        let groups = groups.as_array().map_or(&[][..], Vec::as_slice);
        let is_it = |group: &&Value| {
            let is = |(field, value): &(String, String)| {
                group["group"].get(plain_path(field)).and_then(Value::as_str) == Some(value)
            };
            self.group.iter().all(is)
        };
        match groups.iter().find(is_it) {
            None if groups.iter().any(|group| group["group"].is_null()) => {
                Err("the group was not counted apart: it may be among those beyond --max-groups".to_owned())
            }
            found => Ok(found),
        }
    }
}

/// What a requirement's path leads to in a report.
pub(super) enum Found {
    /// A figure, the count that it can be a share of, and what else it may be.
    Figure { path: String, value: f64, whole: Option<f64>, unread: Option<Unread> },
    /// There is no data for it.
    Nothing,
    /// There may be data, but it was not counted apart; why.
    NotCounted(String),
    /// There is data, which does not tell the figure; why.
    NotKnown { path: String, why: String },
}
