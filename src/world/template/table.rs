//! Reads TOML values with errors that name file, line and key.

use std::fmt::Display;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::{Error, Result};
use crate::world::origin::ProfileText;

/// A value with its key and its place.
#[derive(Debug, Clone)]
pub(super) struct Value<'t> {
    origin: &'t ProfileText,
    /// The key with those of the tables around it, separated by dots.
    pub(super) path: String,
    span: Range<usize>,
    raw: &'t DeValue<'t>,
}

/// A table of which each key is read once.
#[derive(Debug)]
pub(super) struct Table<'t> {
    pub(super) value: Value<'t>,
    entries: &'t DeTable<'t>,
    /// Keys that were asked for.
    known: Vec<&'static str>,
}

impl<'t> Value<'t> {
    pub(super) fn root(origin: &'t ProfileText, raw: &'t DeValue<'t>) -> Self {
        Self { origin, path: String::new(), span: 0..0, raw }
    }

    fn child(&self, path: String, found: &'t Spanned<DeValue<'t>>) -> Self {
        Self { origin: self.origin, path, span: found.span(), raw: found.get_ref() }
    }

    /// The offset of its first byte.
    pub(super) fn at(&self) -> usize {
        self.span.start
    }

    pub(super) fn raw(&self) -> &'t DeValue<'t> {
        self.raw
    }

    /// A usage error that names file, line and key.
    pub(super) fn fault(&self, message: impl Display) -> Error {
        self.fault_at(self.span.start, message)
    }

    fn fault_at(&self, at: usize, message: impl Display) -> Error {
        let dot = if self.path.is_empty() { "" } else { ": " };
        self.origin.fault(at, format_args!("{}{dot}{message}", self.path))
    }

    /// An error at a byte of a string's content.
    pub(super) fn fault_within(&self, content: &str, byte: usize, message: impl Display) -> Error {
        let before = &content[..byte.min(content.len())];
        let column = 1 + before.rsplit('\n').next().unwrap_or_default().chars().count();
        let message = format!("column {column}: {message}");
        // Within a literal string, the content stands in the file as it is, so the line is known.
        match self.origin.part(self.span.clone()).find(content) {
            Some(start) => self.fault_at(self.span.start + start + before.len(), message),
            None => self.fault(message),
        }
    }

    fn wrong_type(&self, expected: &str) -> Error {
        let found = self.raw.type_str();
        let article = if found.starts_with(['a', 'i']) { "an" } else { "a" };
        self.fault(format_args!("expected {expected}, not {article} {found}"))
    }

    pub(super) fn text(&self) -> Result<&'t str> {
        self.raw.as_str().ok_or_else(|| self.wrong_type("a string"))
    }

    pub(super) fn boolean(&self) -> Result<bool> {
        self.raw.as_bool().ok_or_else(|| self.wrong_type("true or false"))
    }

    /// A finite number.
    pub(super) fn number(&self) -> Result<f64> {
        let text = self.digits().ok_or_else(|| self.wrong_type("a number"))?;
        text.parse().ok().filter(|n: &f64| n.is_finite()).ok_or_else(|| self.fault("expected a finite number"))
    }

    /// The text of a number in JSON, or `None` if it is not a decimal number.
    pub(super) fn digits(&self) -> Option<String> {
        let text = match self.raw {
            DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str().to_owned(),
            DeValue::Integer(integer) => i128::from_str_radix(integer.as_str(), integer.radix()).ok()?.to_string(),
            DeValue::Float(float) => float.as_str().to_owned(),
            _ => return None,
        };
        Some(text.trim_start_matches('+').replace('_', ""))
    }

    /// A number within bounds.
    pub(super) fn number_in(&self, least: f64, most: f64) -> Result<f64> {
        let number = self.number()?;
        if (least..=most).contains(&number) {
            return Ok(number);
        }
        Err(self.fault(format_args!("{number}: expected a number from {least} to {most}")))
    }

    /// A number above 0.
    pub(super) fn positive(&self) -> Result<f64> {
        let number = self.number()?;
        if number > 0.0 && number <= 1e15 {
            Ok(number)
        } else {
            Err(self.fault(format_args!("{number}: expected a number above 0")))
        }
    }

    /// A whole number within bounds.
    pub(super) fn whole(&self, least: i64, most: i64) -> Result<i64> {
        let Some(text) = self.digits().filter(|_| self.raw.is_integer()) else {
            return Err(self.wrong_type("a whole number"));
        };
        text.parse()
            .ok()
            .filter(|number| (least..=most).contains(number))
            .ok_or_else(|| self.fault(format_args!("{text}: expected a whole number from {least} to {most}")))
    }

    /// The items of a list that is not empty.
    pub(super) fn list(&self) -> Result<Vec<Self>> {
        let items = self.raw.as_array().ok_or_else(|| self.wrong_type("a list"))?;
        if items.is_empty() {
            return Err(self.fault("the list is empty: expected at least one item"));
        }
        Ok(items.iter().map(|item| self.child(self.path.clone(), item)).collect())
    }

    /// The two items of a pair.
    pub(super) fn pair(&self, form: &str) -> Result<[Self; 2]> {
        let items = self.raw.as_array().map(|items| items.iter().map(|item| self.child(self.path.clone(), item)));
        let items: Option<[Self; 2]> = items.and_then(|items| items.collect::<Vec<_>>().try_into().ok());
        items.ok_or_else(|| self.wrong_type(form))
    }

    pub(super) fn table(self) -> Result<Table<'t>> {
        match self.raw.as_table() {
            Some(entries) => Ok(Table { value: self, entries, known: Vec::new() }),
            None => Err(self.wrong_type("a table")),
        }
    }
}

impl<'t> Table<'t> {
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// The value of a key, if the table has it.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Value<'t>> {
        self.known.push(key);
        self.entries.get(key).map(|found| self.value.child(self.path_of(key), found))
    }

    pub(super) fn need(&mut self, key: &'static str) -> Result<Value<'t>> {
        self.take(key).ok_or_else(|| self.value.fault(format_args!("'{key}' is missing")))
    }

    /// All keys and values of a table whose keys are names. The keys are not checked.
    pub(super) fn entries(&self) -> Vec<(&'t str, Value<'t>)> {
        let entries = self.entries.iter();
        entries
            .map(|(key, found)| {
                let mut value = self.value.child(self.path_of(key.get_ref()), found);
                // A table's own span may be that of its first key: its name is the better place.
                if found.get_ref().is_table() {
                    value.span = key.span();
                }
                (&**key.get_ref(), value)
            })
            .collect()
    }

    fn path_of(&self, key: &str) -> String {
        if self.value.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.value.path) }
    }

    /// Refuses keys that nobody asked for.
    pub(super) fn finish(self) -> Result<()> {
        match self.entries.keys().find(|key| !self.known.contains(&&**key.get_ref())) {
            None => Ok(()),
            Some(key) => {
                let (name, known) = (key.get_ref(), self.known.join(", "));
                Err(self.value.fault_at(key.span().start, format_args!("unknown key '{name}': expected {known}")))
            }
        }
    }
}
