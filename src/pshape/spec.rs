//! The options of an effect, from the command line (`5%,factor=2..10,burst=20`) or a scenario.
//! Knows no effect. Each effect takes the options that it knows. An option that is left over is an error that suggests the
//! nearest name.

use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::os::unix::ffi::OsStrExt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// The range of options that count lines. The most is more than any input has.
pub(super) const LINES: RangeInclusive<u64> = 1..=1_000_000_000_000_000;

/// The options of one effect, and where they were given.
#[derive(Debug, Clone)]
pub(super) struct Spec {
    /// `--spikes`, or `FILE:12: spikes`.
    place: String,
    /// The whole value of a flag.
    typed: Option<String>,
    /// The option that may come first without its name.
    head: Option<&'static str>,
    given: Vec<(String, String)>,
    /// The places of options that were given elsewhere.
    places: Vec<(String, String)>,
    known: Vec<&'static str>,
    /// The exact values of options that are not UTF-8, as file names may be.
    exact: Vec<(String, OsString)>,
}

impl Spec {
    /// [`Spec::parse`] for a value that may hold the name of a file.
    ///
    /// # Errors
    /// As [`Spec::parse`].
    pub(super) fn parse_with_files(flag: &str, text: &OsStr, head: Option<&'static str>) -> Result<Self> {
        let mut spec = Self::parse(flag, &text.to_string_lossy(), head)?;
        if text.to_str().is_none() {
            let items = text.as_bytes().split(|byte| *byte == b',');
            let values = items.map(|item| item.splitn(2, |byte| *byte == b'=').last().unwrap_or_default());
            let names = spec.given.iter().map(|(name, _)| name.clone());
            spec.exact = names.zip(values.map(|value| OsStr::from_bytes(value.trim_ascii()).to_owned())).collect();
        }
        Ok(spec)
    }

    /// Takes an option that may be the name of a file.
    pub(super) fn file(&mut self, name: &'static str) -> Option<OsString> {
        let text = self.text(name)?;
        let exact = self.exact.iter().find(|(known, _)| known == name);
        Some(exact.map_or_else(|| text.into(), |(_, exact)| exact.clone()))
    }

    /// Parses the value of a flag: options separated by commas. If the effect has a `head`, the first may leave out its name.
    /// An option without a value is `true`.
    ///
    /// # Errors
    /// If an option is given twice or has no name.
    pub(super) fn parse(flag: &str, text: &str, head: Option<&'static str>) -> Result<Self> {
        let mut spec = Self { typed: Some(text.to_owned()), ..Self::empty(flag, head) };
        for (place, item) in text.split(',').map(str::trim).enumerate() {
            match (item.split_once('='), head) {
                (Some((name, value)), _) => spec.give(name.trim(), value.trim())?,
                (None, Some(head)) if place == 0 => spec.give(head, item)?,
                (None, _) => spec.give(item, "true")?,
            }
        }
        Ok(spec)
    }

    /// No options yet. `place` is what messages name.
    pub(super) fn empty(place: impl Into<String>, head: Option<&'static str>) -> Self {
        Self {
            place: place.into(),
            typed: None,
            head,
            given: Vec::new(),
            places: Vec::new(),
            known: Vec::new(),
            exact: Vec::new(),
        }
    }

    /// Adds an option.
    ///
    /// # Errors
    /// If it was given already.
    pub(super) fn give(&mut self, name: &str, value: &str) -> Result<()> {
        if name.is_empty() {
            return Err(self.wrong("an option without a name; expected name=value, separated by commas"));
        }
        if self.given.iter().any(|(known, _)| known == name) {
            return Err(self.wrong(format_args!("'{name}' is given twice")));
        }
        self.given.push((name.to_owned(), value.to_owned()));
        Ok(())
    }

    /// Adds an option that may be the name of a file.
    ///
    /// # Errors
    /// As [`Spec::give`].
    pub(super) fn give_file(&mut self, name: &str, value: &OsStr) -> Result<()> {
        self.give(name, &value.to_string_lossy())?;
        self.exact.push((name.to_owned(), value.to_owned()));
        Ok(())
    }

    /// Adds an option with its own place.
    ///
    /// # Errors
    /// If it was given already.
    pub(super) fn give_at(&mut self, name: &str, value: &str, place: String) -> Result<()> {
        self.places.push((name.to_owned(), place));
        self.give(name, value)
    }

    /// The place that messages name.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// Whether an option was given and not taken yet.
    pub(super) fn has(&self, name: &str) -> bool {
        self.given.iter().any(|(given, _)| given == name)
    }

    /// The place and text of an option that was given and not taken yet.
    pub(super) fn peek(&self, name: &str) -> Option<(&str, &str)> {
        let (_, text) = self.given.iter().find(|(given, _)| given == name)?;
        Some((self.place_of(name), text))
    }

    /// Adds the names of options that could be given.
    pub(super) fn knows(&mut self, names: impl IntoIterator<Item = &'static str>) {
        self.known.extend(names);
    }

    /// Takes an option's text.
    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        let at = self.given.iter().position(|(given, _)| given == name)?;
        Some(self.given.remove(at).1)
    }

    /// Takes an option's value.
    ///
    /// # Errors
    /// If it does not parse. The message has the expected form.
    pub(super) fn take<T>(&mut self, name: &'static str) -> Result<Option<T>>
    where
        T: FromStr,
        T::Err: Display,
    {
        self.read(name, |text| text.parse().map_err(|e: T::Err| e.to_string()))
    }

    /// Takes a required option.
    ///
    /// # Errors
    /// If it is missing or does not parse.
    pub(super) fn need<T>(&mut self, name: &'static str) -> Result<T>
    where
        T: FromStr,
        T::Err: Display,
    {
        let value = self.take(name)?;
        self.there(name, value)
    }

    /// The value of a required option.
    ///
    /// # Errors
    /// If it is missing.
    pub(super) fn there<T>(&self, name: &str, value: Option<T>) -> Result<T> {
        value.ok_or_else(|| self.wrong(format_args!("'{name}' is missing")))
    }

    /// Takes an option's value and parses it by `rule`.
    ///
    /// # Errors
    /// If the rule refuses it.
    pub(super) fn read<T>(
        &mut self,
        name: &'static str,
        rule: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>> {
        self.text(name).map(|text| rule(&text).map_err(|e| self.invalid(name, &text, e))).transpose()
    }

    /// Takes a switch: an option without a value.
    ///
    /// # Errors
    /// If it has a value that is neither true nor false.
    pub(super) fn switch(&mut self, name: &'static str) -> Result<bool> {
        match self.text(name).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(self.invalid(name, other, "expected true or false")),
        }
    }

    /// Takes the option `kinds`: some of these, separated by `/`. All of them by default.
    ///
    /// # Errors
    /// If one is unknown.
    pub(super) fn kinds<T: Copy>(&mut self, known: &[(&'static str, T)]) -> Result<Vec<T>> {
        let Some(text) = self.text("kinds") else { return Ok(known.iter().map(|(_, kind)| *kind).collect()) };
        let find = |name: &str| {
            known.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind).ok_or_else(|| {
                let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
                let hint = nearest(name, names.iter().copied());
                let hint = hint.map_or_else(String::new, |near| format!("; did you mean '{near}'?"));
                self.invalid("kinds", name, format_args!("no such kind{hint} (kinds are {})", names.join(", ")))
            })
        };
        text.split('/').map(|name| find(name.trim())).collect()
    }

    /// Takes all remaining options that `accept` recognises as names of fields, as (name, value).
    pub(super) fn fields(&mut self, accept: impl Fn(&str) -> bool) -> Vec<(String, String)> {
        let (fields, rest) = std::mem::take(&mut self.given).into_iter().partition(|(name, _)| accept(name));
        self.given = rest;
        fields
    }

    /// An error about an option's value.
    pub(super) fn invalid(&self, name: &str, value: &str, why: impl Display) -> Error {
        if self.head == Some(name) {
            Error::usage(format!("invalid value '{value}' for {}: {why}", self.place))
        } else {
            Error::usage(format!("invalid value '{value}' for {name} in {}: {why}", self.place_of(name)))
        }
    }

    fn place_of(&self, name: &str) -> &str {
        self.places.iter().find(|(known, _)| known == name).map_or(&self.place, |(_, place)| place)
    }

    /// An error about the effect as a whole.
    pub(super) fn wrong(&self, why: impl Display) -> Error {
        match &self.typed {
            Some(text) => Error::usage(format!("invalid value '{text}' for {}: {why}", self.place)),
            None => Error::usage(format!("{}: {why}", self.place)),
        }
    }

    /// Checks that all options were taken.
    ///
    /// # Errors
    /// If an option is left.
    pub(super) fn finish(self) -> Result<()> {
        self.refuse_unknown(&[])
    }

    /// Refuses options that are left, except those that are still to be taken.
    ///
    /// # Errors
    /// If an option is left. The message suggests a name.
    pub(super) fn refuse_unknown(&self, to_come: &[&str]) -> Result<()> {
        let Some((name, _)) = self.given.iter().find(|(name, _)| !to_come.contains(&name.as_str())) else {
            return Ok(());
        };
        let known: Vec<&str> = self.known.iter().chain(to_come).copied().collect();
        let near = nearest(name, known.iter().copied());
        let hint = near.map_or_else(String::new, |near| format!("; did you mean '{near}'?"));
        let why = format!("unknown option '{name}'{hint} (there are {})", known.join(", "));
        let place = self.place_of(name);
        Err(if place == self.place { self.wrong(why) } else { Error::usage(format!("{place}: {why}")) })
    }
}

/// The known name that is most similar to a misspelled one.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let scored = known.map(|known| (strsim::jaro_winkler(name, known), known)).filter(|(score, _)| *score > 0.7);
    scored.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::values::Probability;

    fn message<T>(result: Result<T>) -> String {
        result.err().map(|e| e.to_string()).unwrap_or_default()
    }

    #[test]
    fn the_head_comes_first_or_by_name() {
        for text in ["5%,burst=20", "p=5%,burst=20", "burst=20,p=0.05"] {
            let mut spec = Spec::parse("--spikes", text, Some("p")).expect("options");
            assert_eq!(
                spec.take::<Probability>("p").expect("a probability").map(Probability::get),
                Some(0.05),
                "{text}"
            );
            assert_eq!(spec.take::<u64>("burst").expect("a number"), Some(20));
            spec.finish().expect("nothing is left");
        }
    }

    #[test]
    fn errors_name_the_place_the_value_and_the_form() {
        let mut spec = Spec::parse("--spikes", "1.5,burts=3", Some("p")).expect("options");
        assert_eq!(
            message(spec.take::<Probability>("p")),
            "invalid value '1.5' for --spikes: expected a probability from 0 to 1, such as 0.05 or 5%"
        );
        let _ = spec.take::<u64>("burst");
        assert_eq!(
            message(spec.finish()),
            "invalid value '1.5,burts=3' for --spikes: unknown option 'burts'; did you mean 'burst'? (there are p, burst)"
        );
        assert_eq!(
            message(Spec::parse("--drop", "1%,burst=2,burst=3", Some("p"))),
            "invalid value '1%,burst=2,burst=3' for --drop: 'burst' is given twice"
        );
    }
}
