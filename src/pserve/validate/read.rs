//! Reads an event's JSON once. Checks each known field on the way, and keeps the values that the store needs.

use std::borrow::Cow;
use std::fmt;
use std::mem;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::fault::{Fault, shown};
use super::schema::{EVENT, Field, Keep, Need, Rule, TAG};
use crate::clock::Micros;
use crate::record::moment::{self, Unread};
use crate::record::number;

/// How far ahead of the server's clock a timestamp may be (contracts §9).
const AHEAD: Micros = 5 * 60 * 1_000_000;

/// The most errors that are reported for one event.
const MOST_FAULTS: usize = 20;

/// A value, without the content of objects and arrays.
#[derive(Debug, Default)]
pub(super) enum Node<'de> {
    #[default]
    Missing,
    Null,
    Bool(bool),
    Integer(i64),
    Number(f64),
    Text(Cow<'de, str>),
    Array,
    Object,
}

impl<'de> Node<'de> {
    pub(super) fn text(self) -> Option<Cow<'de, str>> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The time that it stands for, in any form that tools read.
    pub(super) fn moment(&self) -> Result<Micros, Unread> {
        match self {
            Self::Text(text) => moment::read_text(text),
            Self::Integer(number) => moment::read_text(&number.to_string()),
            // A time has few enough digits that the shortest text for the number is the text that was sent.
            Self::Number(number) => moment::read_text(&number.to_string()),
            _ => Err(Unread::Type),
        }
    }

    /// The whole number that it stands for, in quotes or not.
    pub(super) fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            Self::Text(text) => number::integer(text.as_bytes()),
            _ => None,
        }
    }

    /// The number that it stands for, in quotes or not.
    #[allow(clippy::cast_precision_loss)] // it is only compared with 0
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Integer(number) => Some(*number as f64),
            Self::Number(number) => Some(*number),
            Self::Text(text) => number::number_in(text.as_bytes()),
            _ => None,
        }
    }

    fn shown(&self) -> Value {
        match self {
            Self::Bool(it) => (*it).into(),
            Self::Integer(it) => (*it).into(),
            Self::Number(it) => (*it).into(),
            Self::Text(text) => shown(text),
            Self::Missing | Self::Null | Self::Array | Self::Object => Value::Null,
        }
    }
}

/// The values of a valid event that the store needs.
#[derive(Debug, Default)]
pub(super) struct Kept<'de>([Node<'de>; Keep::COUNT]);

impl<'de> Kept<'de> {
    pub(super) fn take(&mut self, keep: Keep) -> Node<'de> {
        mem::take(&mut self.0[keep as usize])
    }
}

/// Reads and checks an event. Returns its values and what is wrong with them, or only errors if it is not an object.
pub(super) fn event(text: &str, now: Micros) -> Result<(Kept<'_>, Vec<Fault>), Vec<Fault>> {
    let mut checker = Checker { now, path: Vec::new(), faults: Vec::new(), kept: Kept::default() };
    let mut json = serde_json::Deserializer::from_str(text);
    let root = (At { checker: &mut checker, rule: Some(&EVENT) }).deserialize(&mut json);
    match root.and_then(|root| json.end().map(|()| root)) {
        Err(error) => Err(vec![Fault::json(offset(text, error.line(), error.column()), &error.to_string())]),
        Ok(Node::Object) => Ok((checker.kept, checker.faults)),
        Ok(other) => {
            Err(vec![Fault::new("dict_type", vec![], "Input should be a valid object: an event", other.shown())])
        }
    }
}

/// The offset of a line and column, as serde_json counts them.
pub(super) fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    (before + column.saturating_sub(1)).min(text.len())
}

struct Checker<'de> {
    now: Micros,
    path: Vec<Cow<'de, str>>,
    faults: Vec<Fault>,
    kept: Kept<'de>,
}

impl<'de> Checker<'de> {
    fn fault(&mut self, kind: &'static str, msg: impl Into<Cow<'static, str>>, input: Value) {
        if self.faults.len() < MOST_FAULTS {
            let path = self.path.iter().map(|key| shown(key)).collect();
            self.faults.push(Fault::new(kind, path, msg, input));
        }
    }

    fn no_nul(&mut self, text: &str) {
        if text.contains('\0') {
            self.fault("value_error", "Value error, U+0000 cannot be stored in a text", Value::Null);
        }
    }

    /// Checks a value against its rule.
    fn check(&mut self, field: &Field, node: &Node<'de>) {
        match (&field.rule, node) {
            (_, Node::Null) if field.need == Need::Optional => {}
            (Rule::Object(_) | Rule::Texts(_), Node::Object) | (Rule::Flag, Node::Bool(_)) => {}
            (Rule::Text(length), Node::Text(text)) => self.check_length(length, text),
            (Rule::Choice(choices), Node::Text(text)) => {
                if !choices.contains(&text.as_ref()) {
                    self.fault("enum", format!("Input should be one of '{}'", choices.join("', '")), shown(text));
                }
            }
            (Rule::Timestamp, Node::Text(_) | Node::Integer(_) | Node::Number(_)) => match node.moment() {
                Err(why) => {
                    let msg = format!("Input should be a timestamp such as 2026-01-05T09:00:00.000000Z: {why}");
                    self.fault("datetime_parsing", msg, node.shown());
                }
                Ok(at) if at > self.now.saturating_add(AHEAD) => self.fault(
                    "value_error",
                    "Value error, the timestamp cannot be more than 5 minutes in the future",
                    node.shown(),
                ),
                Ok(_) => {}
            },
            (Rule::Integer(range), node) if node.integer().is_some() => {
                let number = &node.integer().unwrap_or_default();
                if number < range.start() {
                    let msg = format!("Input should be greater than or equal to {}", range.start());
                    self.fault("greater_than_equal", msg, node.shown());
                } else if number > range.end() {
                    let msg = format!("Input should be less than or equal to {}", range.end());
                    self.fault("less_than_equal", msg, node.shown());
                }
            }
            (Rule::Amount, Node::Integer(0..)) => {}
            (Rule::Amount, node) if node.number().is_some_and(|number| number >= 0.0) => {}
            (Rule::Amount, node) if node.number().is_some() => {
                self.fault("greater_than_equal", "Input should be greater than or equal to 0", node.shown());
            }
            (rule, _) => {
                let (kind, what) = match rule {
                    Rule::Text(_) | Rule::Choice(_) => ("string_type", "string"),
                    Rule::Timestamp => ("datetime_type", "timestamp"),
                    Rule::Integer(_) => ("int_type", "integer"),
                    Rule::Amount => ("float_type", "number"),
                    Rule::Flag => ("bool_type", "boolean"),
                    Rule::Object(_) | Rule::Texts(_) => ("dict_type", "object"),
                };
                self.fault(kind, format!("Input should be a valid {what}"), node.shown());
            }
        }
    }

    fn check_length(&mut self, length: &std::ops::RangeInclusive<usize>, text: &str) {
        // A text has at most as many characters as bytes, so most need no counting.
        if text.len() < *length.start() {
            let msg = format!("String should have at least {} character", length.start());
            self.fault("string_too_short", msg, shown(text));
        } else if text.len() > *length.end() && text.chars().count() > *length.end() {
            let msg = format!("String should have at most {} characters", length.end());
            self.fault("string_too_long", msg, shown(text));
        }
    }
}

/// Reads one value, by its rule if it has one.
struct At<'r, 'de> {
    checker: &'r mut Checker<'de>,
    rule: Option<&'static Rule>,
}

impl<'de> DeserializeSeed<'de> for At<'_, 'de> {
    type Value = Node<'de>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Node<'de>, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for At<'_, 'de> {
    type Value = Node<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Node<'de>, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E: Error>(self, it: bool) -> Result<Node<'de>, E> {
        Ok(Node::Bool(it))
    }

    fn visit_i64<E: Error>(self, it: i64) -> Result<Node<'de>, E> {
        Ok(Node::Integer(it))
    }

    #[allow(clippy::cast_precision_loss)] // beyond 2^63 it is compared with limits far below
    fn visit_u64<E: Error>(self, it: u64) -> Result<Node<'de>, E> {
        Ok(i64::try_from(it).map_or(Node::Number(it as f64), Node::Integer))
    }

    fn visit_f64<E: Error>(self, it: f64) -> Result<Node<'de>, E> {
        // 200.0 is a whole number too. Within these bounds f64 represents every integer.
        #[allow(clippy::cast_possible_truncation)]
        Ok(if it.fract() == 0.0 && it.abs() < 9e15 { Node::Integer(it as i64) } else { Node::Number(it) })
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Node<'de>, E> {
        self.checker.no_nul(text);
        Ok(if self.rule.is_some() { Node::Text(text.to_owned().into()) } else { Node::Text("".into()) })
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Node<'de>, E> {
        // A text without escapes holds no U+0000: JSON allows it only as an escape.
        Ok(Node::Text(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node<'de>, A::Error> {
        while seq.next_element_seed(At { checker: self.checker, rule: None })?.is_some() {}
        Ok(Node::Array)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node<'de>, A::Error> {
        let checker = self.checker;
        let (fields, others) = match self.rule {
            Some(Rule::Object(fields)) => (*fields, None),
            Some(Rule::Texts(fields)) => (*fields, Some(&TAG)),
            _ => (&[][..], None),
        };
        let named = !fields.is_empty();
        let (mut seen, mut next) = (0u32, 0);
        while let Some(key) = map.next_key_seed(Key)? {
            if let Cow::Owned(key) = &key {
                checker.no_nul(key);
            }
            if !named {
                map.next_value_seed(At { checker, rule: None })?;
                continue;
            }
            // Most events have their keys in the order of the schema.
            let known = (next..fields.len()).chain(0..next).find(|index| fields[*index].name == key);
            next = known.map_or(next, |index| index + 1);
            checker.path.push(key);
            let field = known.map(|index| &fields[index]).or(others);
            let node = map.next_value_seed(At { checker, rule: field.map(|field| &field.rule) })?;
            if let Some(field) = field {
                checker.check(field, &node);
            }
            if let Some(index) = known {
                if seen & (1 << index) != 0 {
                    checker.fault("duplicate_key", "The key occurs twice", Value::Null);
                }
                seen |= 1 << index;
                if let Some(keep) = fields[index].keep {
                    checker.kept.0[keep as usize] = node;
                }
            }
            checker.path.pop();
        }
        if others.is_none() {
            for (index, field) in fields.iter().enumerate() {
                if field.need == Need::Required && seen & (1 << index) == 0 {
                    checker.path.push(field.name.into());
                    checker.fault("missing", "Field required", Value::Null);
                    checker.path.pop();
                }
            }
        }
        Ok(Node::Object)
    }
}

/// An object's key, borrowed unless it has escapes.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(text.to_owned().into())
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(text.into())
    }
}
