//! A group's fields and values, as the JSON report writes them.

use serde::Serializer;

/// Field and value in the order of the grouping; `None` for a value that is not there.
pub(super) type Named = Vec<(String, Option<String>)>;

/// Writes a group as an object: null if it is the whole, or the lines past `--max-groups`.
pub(super) fn as_object<S: Serializer>(group: &Option<Named>, to: S) -> Result<S::Ok, S::Error> {
    match group {
        None => to.serialize_none(),
        Some(values) => to.collect_map(values.iter().map(|(field, value)| (field, value))),
    }
}

/// The values as one text.
pub(super) fn label(group: &Named) -> String {
    group.iter().map(|(_, value)| value.as_deref().unwrap_or("(none)")).collect::<Vec<_>>().join(" ")
}
