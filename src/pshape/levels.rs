//! The severity levels, in the words of the producer.

use std::str::FromStr;

use crate::record::number;

use super::event::json;

/// A severity level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// The request succeeded.
    Info,
    /// The client was at fault.
    Warning,
    /// The server was at fault.
    Error,
}

/// The word for each level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Levels([String; 3]);

/// The levels by their names in `--levels`, which are PulseStream's words.
const NAMES: [&str; 3] = ["info", "warning", "error"];

impl Default for Levels {
    fn default() -> Self {
        Self(NAMES.map(str::to_owned))
    }
}

impl Levels {
    /// The raw value of a level that replaces another: a number if that is a number.
    pub(super) fn raw(&self, level: Level, before: &[u8]) -> Vec<u8> {
        let word = &self.0[level as usize];
        if is_number(before) && is_number(word.as_bytes()) { word.clone().into_bytes() } else { json(word) }
    }

    /// Whether a level can replace this raw value: a text, or a number if all levels are numbers.
    pub(super) fn fit(&self, before: &[u8]) -> bool {
        before.starts_with(b"\"") || is_number(before) && self.0.iter().all(|word| is_number(word.as_bytes()))
    }
}

fn is_number(text: &[u8]) -> bool {
    number::number_in(text).is_some()
}

impl FromStr for Levels {
    type Err = String;

    /// Parses `info=INFO,warning=WARN,error=ERROR`. A level that is not named keeps PulseStream's word.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut levels = Self::default();
        let mut given = Vec::new();
        for pair in text.split(',').map(str::trim) {
            let (name, word) = pair
                .split_once('=')
                .filter(|(_, word)| !word.is_empty())
                .ok_or_else(|| format!("expected level=word in place of '{pair}', such as error=ERROR"))?;
            let level = NAMES.iter().position(|known| *known == name);
            let level = level.ok_or_else(|| format!("'{name}' is not a level: the levels are {}", NAMES.join(", ")))?;
            if given.contains(&level) {
                return Err(format!("'{name}' is given twice"));
            }
            given.push(level);
            word.clone_into(&mut levels.0[level]);
        }
        Ok(levels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_the_producers() {
        let levels: Levels = "warning=WARN,error=ERR".parse().expect("levels");
        assert_eq!(levels, Levels(["info", "WARN", "ERR"].map(str::to_owned)));
        assert_eq!(levels.raw(Level::Error, b"\"INFO\""), b"\"ERR\"");
        assert!(levels.fit(b"\"x\"") && !levels.fit(b"30") && !levels.fit(b"null"));
        let numbers: Levels = "info=30,warning=40,error=50".parse().expect("levels");
        assert_eq!(numbers.raw(Level::Error, b"30"), b"50");
        assert_eq!(numbers.raw(Level::Error, b"\"30\""), b"\"50\"");
        assert!(numbers.fit(b"30") && numbers.fit(b"\"info\"") && !numbers.fit(b"true"));
        let odd: Levels = "info=1.,warning=-inf,error=007".parse().expect("levels");
        assert!(!odd.fit(b"30"), "none of these is a number in JSON");
        for bad in ["", "error", "error=", "fatal=F", "error=a,error=b"] {
            assert!(bad.parse::<Levels>().is_err(), "{bad}");
        }
    }
}
