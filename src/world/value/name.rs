//! A name in a profile, and where it stands, so that a fault that shows only beside other values can name its line.

use std::fmt;
use std::ops::Deref;

use serde::Deserialize;
use toml::Spanned;

/// A text that knows where in the profile it stands; that takes no part in comparisons.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
pub(crate) struct Name(Spanned<String>);

impl Name {
    /// Its first byte's place in the profile's text.
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
