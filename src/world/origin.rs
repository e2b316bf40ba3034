//! Where the text of a profile came from, so that an error can name its file and line.

use std::fmt::Display;
use std::ops::Range;

use crate::error::Error;

/// A profile's text and its name in messages.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProfileText {
    name: String,
    text: String,
}

impl ProfileText {
    pub(crate) fn new(name: &str, text: &str) -> Self {
        Self { name: name.to_owned(), text: text.to_owned() }
    }

    /// A usage error that names the file and the line of the byte `at`. The message names the key.
    pub(crate) fn fault(&self, at: usize, message: impl Display) -> Error {
        let Self { name, text } = self;
        let line = 1 + text.as_bytes()[..at.min(text.len())].iter().filter(|b| **b == b'\n').count();
        Error::usage(format!("{name}: line {line}: {message}"))
    }

    /// A part of the text. Empty if there is no such part.
    pub(super) fn part(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }
}
