//! Finds fields slowly and simply with serde_json. Tests and `examples/fuzz-scan.rs` compare the scanner with it.
//!
//! Intended differences between serde_json and the scanner:
//!
//! - serde_json stops at a depth of 128 when it builds values. Nothing here builds values, so depth does not matter.
//! - A lone surrogate (`"\ud800"`) is valid grammar, but not text. Only keys are read as text here: see [`Unsaid`].
//! - `1e999` is valid grammar, but not an `f64`. Nothing here reads numbers.
//! - serde_json does not check the UTF-8 of what it skips, so this is checked first.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde_json::value::RawValue;

/// A key on the way is not text, so serde_json cannot tell what is under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unsaid;

/// Whether a line is one JSON object.
pub(super) fn is_object(line: &[u8]) -> bool {
    let is_json = std::str::from_utf8(line).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
    is_json && line.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
}

/// Finds the value under a dotted path in a line that is one JSON value.
pub(super) fn find(line: &str, path: &str) -> Result<Option<std::ops::Range<usize>>, Unsaid> {
    let keys: Vec<String> = path.replace("\\.", "\0").split('.').map(|key| key.replace('\0', ".")).collect();
    let found = under(line, &keys)?;
    Ok(found.map(|raw| {
        let from = raw.as_ptr() as usize - line.as_ptr() as usize;
        from..from + raw.len()
    }))
}

fn under<'a>(value: &'a str, keys: &[String]) -> Result<Option<&'a str>, Unsaid> {
    let value = value.trim_matches([' ', '\t', '\r', '\n']);
    if keys.is_empty() {
        return Ok(Some(value));
    }
    if value.starts_with('[') {
        let elements: Vec<&RawValue> = serde_json::from_str(value).map_err(|_| Unsaid)?;
        let element = elements.iter().enumerate().find(|(number, _)| number.to_string() == keys[0]);
        return element.map_or(Ok(None), |(_, element)| under(element.get(), &keys[1..]));
    }
    if !value.starts_with('{') {
        return Ok(None);
    }
    // If a key occurs twice, the last one counts here too.
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(value).map_err(|_| Unsaid)?;
    for joined in 1..=keys.len() {
        if let Some(member) = members.get(&keys[..joined].join("."))
            && let Some(found) = under(member.get(), &keys[joined..])?
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
}
