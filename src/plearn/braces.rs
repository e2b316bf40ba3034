//! Braces in the patterns and templates of pgen, in which those of a text are doubled.

/// A text as part of a pattern or template.
pub(super) fn doubled(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}")
}

/// The text that a part of a pattern without holes stands for.
pub(super) fn single(pattern: &str) -> String {
    pattern.replace("{{", "{").replace("}}", "}")
}
