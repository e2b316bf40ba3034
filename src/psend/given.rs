//! Variables of the environment, as text.

use std::ffi::OsString;

use crate::error::{Error, Result};

/// Looks up a variable of the environment. It may be empty.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The value of a variable. An empty one counts as not set.
///
/// # Errors
/// If it is not UTF-8.
pub(super) fn said(env: Environment<'_>, name: &str) -> Result<Option<String>> {
    let Some(value) = env(name).filter(|value| !value.is_empty()) else { return Ok(None) };
    // The value may be a secret, so it is not shown.
    value.into_string().map(Some).map_err(|_| Error::usage(format!("{name}: the value is not valid UTF-8")))
}
