//! What the environment says, as text.

use std::ffi::OsString;

use crate::error::{Error, Result};

/// Looks a variable of the environment up, which may be set to nothing.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// What a variable says; one that is set to nothing says nothing.
///
/// # Errors
/// If it is not UTF-8.
pub(super) fn said(env: Environment<'_>, name: &str) -> Result<Option<String>> {
    let Some(value) = env(name).filter(|value| !value.is_empty()) else { return Ok(None) };
    // What stands there may be a secret: it is not shown.
    value.into_string().map(Some).map_err(|_| Error::usage(format!("{name}: it is set to what is no text in UTF-8")))
}
