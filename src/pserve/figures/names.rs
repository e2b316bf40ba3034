//! Numbers for the values of a field, of which there may be only so many.

use std::collections::HashMap;

/// The most values that are told apart.
const MOST: usize = 500;

/// Longer values are cut to this many characters.
const LONGEST: usize = 200;

/// The values of a field.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    numbers: HashMap<String, usize>,
    names: Vec<String>,
}

/// The number of all values beyond [`MOST`] together.
pub(super) const OTHER: usize = MOST;

impl Names {
    /// The number of a value. Numbers are given out from 0.
    pub(super) fn number(&mut self, value: &str) -> usize {
        // No text has more characters than bytes.
        let is_short = value.len() <= LONGEST;
        let value =
            if is_short { value } else { value.char_indices().nth(LONGEST).map_or(value, |(end, _)| &value[..end]) };
        if let Some(number) = self.numbers.get(value) {
            return *number;
        }
        if self.names.len() >= MOST {
            return OTHER;
        }
        let number = self.names.len();
        self.names.push(value.to_owned());
        self.numbers.insert(value.to_owned(), number);
        number
    }

    /// The value with this number; `None` for all others together.
    pub(super) fn name(&self, number: usize) -> Option<&str> {
        self.names.get(number).map(String::as_str)
    }
}
