//! Names in a profile, with their positions, so that a check against other values can name the line.

use std::fmt;
use std::ops::Deref;

use serde::Deserialize;
use toml::Spanned;

/// A string with its position in the profile. Comparisons ignore the position.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
pub(crate) struct Name(Spanned<String>);

impl Name {
    /// The offset of its first byte in the profile's text.
    pub(crate) fn at(&self) -> usize {
        self.0.span().start
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        self.0.get_ref()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}
