//! What a line holds under a path, slowly and simply, by serde_json: tests and `examples/fuzz-scan.rs` hold the scanner against it.
//!
//! Where serde_json and the scanner differ on purpose:
//!
//! - serde_json stops at a depth of 128 where it builds values. Nothing here builds any, so depth does not matter.
//! - A lone surrogate (`"\ud800"`) is grammar, but no text. Nothing here reads strings, but for keys: see [`Unsaid`].
//! - `1e999` is grammar, but no `f64`. Nothing here reads numbers.
//! - serde_json does not look at the UTF-8 of what it passes over, so that is checked first.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde_json::value::RawValue;

/// A key on the way is no text, so serde_json cannot tell what stands under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unsaid;

/// Whether a line is one JSON object.
pub(super) fn is_object(line: &[u8]) -> bool {
    let is_json = std::str::from_utf8(line).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
    is_json && line.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
}

/// Where the value under a dotted path stands in a line that is one JSON value.
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
    // Of a key that stands twice the last counts here too.
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
