//! Requirements on the report: `success_rate >= 95%`, `service=payment-service: latency.p95 < 200ms`.
//!
//! A requirement names any figure of the JSON report by its path there. Which names there are is known before anything is
//! read, from the report on nothing: a misspelt one is wrong usage. Judging is a pure function of the report.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::cli::values::{ByteSize, Count, Span};

/// How a figure is held against its bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

/// The comparisons as they are written, longer ones first.
const COMPARISONS: [(&str, Comparison); 7] = [
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("==", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
    ("=", Comparison::Equal),
];

impl Comparison {
    fn holds(self, figure: f64, bound: f64) -> bool {
        match self {
            Self::Less => figure < bound,
            Self::LessOrEqual => figure <= bound,
            Self::Greater => figure > bound,
            Self::GreaterOrEqual => figure >= bound,
            Self::Equal => figure == bound,
            Self::NotEqual => figure != bound,
        }
    }
}

/// What kind of number a figure is, told by its key (contracts §5: units stand in the name).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// 0 to 1; written with %.
    Share,
    Milliseconds,
    Seconds,
    PerSecond,
    Bytes,
    Count,
    Truth,
}

impl Unit {
    fn of(key: &str) -> Self {
        match key {
            "throughput" => Self::PerSecond,
            "complete" | "exact" => Self::Truth,
            key if key.ends_with("_rate") || key.ends_with("_share") => Self::Share,
            key if key.ends_with("_ms") => Self::Milliseconds,
            key if key.ends_with("_s") => Self::Seconds,
            key if key.ends_with("bytes") => Self::Bytes,
            _ => Self::Count,
        }
    }

    /// What a bound for it looks like.
    fn example(self) -> &'static str {
        match self {
            Self::Share => "5%",
            Self::Milliseconds | Self::Seconds => "200ms or 1.5s",
            Self::PerSecond => "1000/s",
            Self::Bytes => "1MiB",
            Self::Count => "100, 10k, or 5% for a share of count",
            Self::Truth => "true",
        }
    }
}

/// The right side of a requirement.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Bound {
    /// In the figure's own unit.
    Plain(f64),
    /// A share of `count`, 0 to 1.
    OfCount(f64),
    /// A share of the same figure in the run that `--compare` names.
    OfBase(f64),
}

/// A requirement, as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Requirement {
    text: String,
    group: Vec<(String, String)>,
    path: Vec<String>,
    comparison: Comparison,
    bound: Bound,
}

/// A requirement's verdict.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    /// As it was given.
    pub requirement: String,
    /// The figure's full path, where it could be found.
    pub figure: Option<String>,
    /// The figure, in the unit that its name says.
    pub value: Option<f64>,
    /// Whether it was met.
    pub met: bool,
    /// The figure in words, or why there is none.
    pub message: String,
}

impl Requirement {
    /// Reads a requirement and checks its names against the report on nothing.
    ///
    /// # Errors
    /// A message that names what is wrong, with the nearest names where a figure is misspelt.
    pub fn parse(text: &str, nothing: &Value) -> Result<Self, String> {
        let form = || {
            format!(
                "'{text}' is no requirement, such as 'error_rate < 5%' or 'service=auth-service: latency.p95 < 200ms'"
            )
        };
        let at = text.find(": ");
        let (selector, rest) = at.map_or(("", text), |at| (&text[..at], &text[at + 2..]));
        let mut group = Vec::new();
        for pair in selector.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (field, value) = pair.split_once('=').ok_or_else(form)?;
            group.push((field.trim().to_owned(), value.trim().to_owned()));
        }
        if at.is_some() && group.is_empty() {
            return Err(form());
        }
        let at = rest.find(['<', '>', '=', '!']).ok_or_else(form)?;
        let (name, rest) = (rest[..at].trim(), &rest[at..]);
        let (sign, comparison) = COMPARISONS.iter().find(|(sign, _)| rest.starts_with(sign)).ok_or_else(form)?;
        let written: Vec<&str> = name.split('.').collect();
        let path = known(&written, !group.is_empty(), nothing).ok_or_else(|| misspelt(name, text, nothing))?;
        let unit = Unit::of(path.last().ok_or_else(form)?);
        let bound = bound(rest[sign.len()..].trim(), unit).ok_or_else(|| {
            format!("'{text}': the right side of '{name}' is written as {}, or as 110% of base", unit.example())
        })?;
        Ok(Self { text: text.to_owned(), group, path, comparison: *comparison, bound })
    }

    /// The fields of its group; none where it is on the whole.
    pub fn group_fields(&self) -> Vec<String> {
        self.group.iter().map(|(field, _)| field.clone()).collect()
    }

    /// Whether it needs the run that `--compare` names.
    pub fn needs_base(&self) -> bool {
        matches!(self.bound, Bound::OfBase(_))
    }

    /// The verdict on this report; `base` is the report of the run that it is compared with.
    ///
    /// # Errors
    /// Where events and outcomes came in and the requirement does not say which of them it means.
    pub fn judge(&self, report: &Value, base: Option<&Value>, allow_empty: bool) -> Result<Verdict, String> {
        let found = self.find(report)?;
        let verdict =
            |figure, value, met, message| Verdict { requirement: self.text.clone(), figure, value, met, message };
        let Some((path, value, count)) = found else {
            return Ok(verdict(None, None, allow_empty, "no data".to_owned()));
        };
        let bound = match self.bound {
            Bound::Plain(bound) => Some((value, bound)),
            Bound::OfCount(share) => count.filter(|count| *count > 0.0).map(|count| (value / count, share)),
            Bound::OfBase(share) => match base.map(|base| self.find(base)).transpose()?.flatten() {
                Some((_, base, _)) => Some((value, share * base)),
                None => {
                    return Ok(verdict(Some(path), Some(value), false, "the base run has no such figure".to_owned()));
                }
            },
        };
        let Some((compared, bound)) = bound else {
            return Ok(verdict(Some(path), Some(value), allow_empty, "no data".to_owned()));
        };
        let message = match self.bound {
            Bound::OfCount(_) => format!("{} ({}%)", in_words(value, self.unit()), plain(compared * 100.0)),
            Bound::OfBase(_) => {
                format!("{}, base × share = {}", in_words(value, self.unit()), in_words(bound, self.unit()))
            }
            Bound::Plain(_) => in_words(value, self.unit()),
        };
        Ok(verdict(Some(path), Some(value), self.comparison.holds(compared, bound), message))
    }

    fn unit(&self) -> Unit {
        self.path.last().map_or(Unit::Count, |key| Unit::of(key))
    }

    /// The figure's path, its value, and the count that it can be a share of.
    #[allow(clippy::type_complexity)]
    fn find(&self, report: &Value) -> Result<Option<(String, f64, Option<f64>)>, String> {
        let came: Vec<&str> = ["events", "outcomes"].into_iter().filter(|kind| report[*kind].is_object()).collect();
        let first = self.path[0].as_str();
        let (root, rest) = if SECTIONS.contains(&first) {
            (first, &self.path[1..])
        } else {
            match came[..] {
                [] => return Ok(None),
                [kind] => (kind, &self.path[..]),
                _ => {
                    return Err(format!(
                        "'{}': events and outcomes came in; say which is meant: events.{path} or outcomes.{path}",
                        self.text,
                        path = self.path.join(".")
                    ));
                }
            }
        };
        let section = &report[root];
        let mut names = vec![root.to_owned()];
        let mut at = match self.group_in(section) {
            None if self.group.is_empty() => section,
            None => return Ok(None),
            Some(group) => {
                names.extend(self.group.iter().map(|(field, value)| format!("{field}={value}")));
                group
            }
        };
        let mut count = at["count"].as_f64();
        for key in rest {
            at = &at[key.as_str()];
            count = at["count"].as_f64().or(count);
            names.push(key.clone());
        }
        let value = at.as_f64().or_else(|| at.as_bool().map(|b| f64::from(u8::from(b))));
        Ok(value.map(|value| (names.join("."), value, count)))
    }

    fn group_in<'a>(&self, section: &'a Value) -> Option<&'a Value> {
        let groups = section["by"].as_object()?.values().flat_map(|groups| groups.as_array().into_iter().flatten());
        groups
            .into_iter()
            .find(|group| {
                group["group"].as_object().is_some_and(|values| {
                    values.len() == self.group.len()
                        && self
                            .group
                            .iter()
                            .all(|(field, value)| values.get(field).and_then(Value::as_str) == Some(value))
                })
            })
            .filter(|_| !self.group.is_empty())
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The parts of the report that a path may begin with.
const SECTIONS: [&str; 5] = ["input", "events", "outcomes", "truth", "reconciled"];

/// The path with units put to its names, where the report on nothing has it.
fn known(written: &[&str], in_group: bool, nothing: &Value) -> Option<Vec<String>> {
    if SECTIONS.contains(&written[0]) {
        return walk(written, nothing);
    }
    let found = ["events", "outcomes"].iter().find_map(|kind| walk(written, &nothing[*kind]))?;
    // Groups have the figures that all have.
    (!in_group || matches!(found[0].as_str(), "count" | "success_rate" | "error_rate" | "latency")).then_some(found)
}

fn walk(written: &[&str], from: &Value) -> Option<Vec<String>> {
    let mut at = from;
    let mut path = Vec::new();
    for name in written {
        let map = at.as_object()?;
        let key = ["", "_ms", "_s"].iter().map(|unit| format!("{name}{unit}")).find(|key| map.contains_key(key))?;
        at = &map[&key];
        path.push(key);
    }
    (!at.is_object() && !at.is_array() && !at.is_string()).then_some(path)
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

fn misspelt(name: &str, text: &str, nothing: &Value) -> String {
    let mut names = Vec::new();
    for section in SECTIONS {
        if let Some(map) = nothing[section].as_object() {
            leaves(map, &format!("{section}."), &mut names);
            if matches!(section, "events" | "outcomes") {
                leaves(map, "", &mut names);
            }
        }
    }
    names.sort();
    names.dedup();
    let short = |known: &str| known.trim_end_matches("_ms").trim_end_matches("_s").to_owned();
    names.sort_by_key(|known| {
        strsim::damerau_levenshtein(name, known).min(strsim::damerau_levenshtein(name, &short(known)))
    });
    names.truncate(3);
    format!("'{text}': there is no figure '{name}'; the nearest are {}", names.join(", "))
}

fn bound(text: &str, unit: Unit) -> Option<Bound> {
    let percent = |text: &str| text.trim().strip_suffix('%')?.trim().parse::<f64>().ok().filter(|p| p.is_finite());
    if let Some(share) = text.strip_suffix("base").and_then(|rest| rest.trim().strip_suffix("of")) {
        return percent(share).map(|share| Bound::OfBase(share / 100.0));
    }
    let span = |text: &str| text.parse::<Span>().ok().map(|span| span.0.as_secs_f64());
    #[allow(clippy::cast_precision_loss)] // counts stay below 2^53
    let plain = match unit {
        Unit::Share => percent(text).map(|share| share / 100.0),
        Unit::Milliseconds => span(text).map(|s| s * 1000.0),
        Unit::Seconds => span(text),
        Unit::PerSecond => text
            .strip_suffix("/s")
            .and_then(|n| n.parse::<f64>().ok().or_else(|| n.parse().ok().map(|Count(n)| n as f64))),
        Unit::Bytes => text.parse().ok().map(|ByteSize(n)| n as f64),
        Unit::Truth => text.parse::<bool>().ok().map(|b| f64::from(u8::from(b))),
        Unit::Count => match percent(text) {
            Some(share) => return Some(Bound::OfCount(share / 100.0)),
            None => text.parse().ok().map(|Count(n)| n as f64),
        },
    };
    plain.map(Bound::Plain)
}

/// A number without a tail of zeros or of a float's noise.
fn plain(n: f64) -> String {
    let text = format!("{n:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn in_words(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Share => format!("{}%", plain(value * 100.0)),
        Unit::Milliseconds => format!("{} ms", plain(value)),
        Unit::Seconds => format!("{} s", plain(value)),
        Unit::PerSecond => format!("{}/s", plain(value)),
        Unit::Bytes => format!("{} bytes", plain(value)),
        Unit::Truth => (value != 0.0).to_string(),
        Unit::Count => plain(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn nothing() -> Value {
        let figures = json!({"count": 0, "success_rate": null, "error_rate": null, "latency": {"count": 0, "p95_ms": null},
            "throughput": null, "by": {}});
        let mut outcomes = figures.clone();
        outcomes["delivered"] = json!(0);
        outcomes["complete"] = json!(false);
        json!({"input": {"lines": 0}, "events": figures, "outcomes": outcomes, "truth": {"missed": 0}})
    }

    fn judge(text: &str, report: &Value) -> (bool, String) {
        let verdict = Requirement::parse(text, &nothing()).expect(text).judge(report, None, false).expect(text);
        (verdict.met, verdict.message)
    }

    fn outcomes() -> Value {
        json!({"input": {"lines": 10}, "events": null, "truth": {"missed": 0}, "outcomes": {"count": 10, "delivered": 9,
            "success_rate": 0.9, "error_rate": 0.1, "latency": {"count": 9, "p95_ms": 150.5}, "throughput": 12.5, "complete": true,
            "by": {"service": [{"group": {"service": "a: b"}, "count": 4, "error_rate": 0.25}, {"group": null, "count": 6}]}}})
    }

    #[test]
    fn any_figure_is_held_against_a_bound_with_its_unit() {
        let report = outcomes();
        for (text, met) in [
            ("success_rate >= 90%", true),
            ("error_rate < 10%", false),
            ("outcomes.error_rate <= 10%", true),
            ("latency.p95 < 200ms", true),
            ("latency.p95_ms < 0.15s", false),
            ("delivered = 90%", true),
            ("delivered = 100%", false),
            ("delivered >= 9", true),
            ("throughput > 12/s", true),
            ("complete = true", true),
            ("truth.missed = 0", true),
            ("input.lines == 10", true),
        ] {
            assert_eq!(judge(text, &report).0, met, "{text}");
        }
    }

    #[test]
    fn a_group_is_named_by_its_values() {
        let text = "service=a: error_rate < 6%";
        assert_eq!(judge(text, &outcomes()), (false, "no data".to_owned()));
        let mut report = outcomes();
        report["outcomes"]["by"]["service"][0]["group"]["service"] = json!("a");
        assert_eq!(judge(text, &report), (false, "25%".to_owned()));
    }

    #[test]
    fn no_data_fails_unless_it_is_allowed() {
        let report = json!({"input": {"lines": 0}, "events": null, "outcomes": null});
        let requirement = Requirement::parse("error_rate < 5%", &nothing()).expect("it parses");
        assert!(!requirement.judge(&report, None, false).expect("a verdict").met);
        assert!(requirement.judge(&report, None, true).expect("a verdict").met);
    }

    #[test]
    fn a_figure_of_two_kinds_has_to_say_which() {
        let mut report = outcomes();
        report["events"] = report["outcomes"].clone();
        let requirement = Requirement::parse("error_rate < 50%", &nothing()).expect("it parses");
        assert!(
            requirement
                .judge(&report, None, false)
                .is_err_and(|e| e.contains("events.error_rate or outcomes.error_rate"))
        );
        assert!(judge("events.error_rate < 50%", &report).0);
    }

    #[test]
    fn a_share_of_the_base_run() {
        let requirement = Requirement::parse("latency.p95 <= 110% of base", &nothing()).expect("it parses");
        assert!(requirement.needs_base());
        let mut slower = outcomes();
        slower["outcomes"]["latency"]["p95_ms"] = json!(180.0);
        assert!(!requirement.judge(&slower, Some(&outcomes()), false).expect("a verdict").met);
        assert!(requirement.judge(&outcomes(), Some(&slower), false).expect("a verdict").met);
    }

    #[test]
    fn what_is_misspelt_or_lacks_its_unit_is_refused() {
        let refused = |text: &str| Requirement::parse(text, &nothing()).expect_err(text);
        assert!(refused("sucess_rate >= 95%").contains("success_rate"));
        assert!(refused("latency.p59 < 1s").contains("latency.p95_ms"));
        assert!(refused("latency.p95 < 200").contains("200ms"));
        assert!(refused("error_rate < 5").contains("5%"));
        for text in [
            "",
            "error_rate",
            "< 5%",
            ": error_rate < 5%",
            "latency < 5ms",
            "error_rate < x%",
            "service: error_rate < 5%",
        ] {
            refused(text);
        }
    }
}
