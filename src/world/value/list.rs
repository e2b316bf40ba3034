//! Lists in a profile.

use std::ops::Deref;

use serde::{Deserialize, Deserializer, de};

/// A list with at least one item.
#[derive(Debug, Clone)]
pub(crate) struct List<T>(Vec<T>);

impl<T> Deref for List<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let items = Vec::deserialize(deserializer)?;
        if items.is_empty() {
            Err(de::Error::custom("the list is empty: expected at least one item"))
        } else {
            Ok(Self(items))
        }
    }
}
