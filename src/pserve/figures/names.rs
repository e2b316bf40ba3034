//! Numbers for the values of a field, of which there may be only so many.

use std::collections::HashMap;

/// The most values that are told apart.
const MOST: usize = 500;

/// Longer values are cut.
const LONGEST: usize = 200;

/// The values of a field.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    numbers: HashMap<String, u16>,
    names: Vec<String>,
}

/// The number of all values beyond [`MOST`] together.
pub(super) const OTHER: u16 = u16::MAX;

impl Names {
    /// The number of a value.
    pub(super) fn number(&mut self, value: &str) -> u16 {
        let value = value.char_indices().nth(LONGEST).map_or(value, |(end, _)| &value[..end]);
        if let Some(number) = self.numbers.get(value) {
            return *number;
        }
        if self.names.len() >= MOST {
            return OTHER;
        }
        let number = u16::try_from(self.names.len()).expect("below MOST");
        self.names.push(value.to_owned());
        self.numbers.insert(value.to_owned(), number);
        number
    }

    /// The value with this number; `None` for all others together.
    pub(super) fn name(&self, number: u16) -> Option<&str> {
        self.names.get(usize::from(number)).map(String::as_str)
    }
}
