//! Names of fields: the last key of a path, with those around it where two would be the same.

use std::collections::BTreeSet;

/// Names that have a meaning of their own in a profile.
const TAKEN: [&str; 2] = ["event", "session"];

/// The most populations and random parts of a member.
const MOST_DRAWN: usize = 256;

/// Gives each path a name. What is derived from a name never meets another.
pub(super) fn names(paths: &[&str]) -> Vec<String> {
    let mut used: BTreeSet<String> = TAKEN.iter().map(|name| (*name).to_owned()).collect();
    let short: Vec<String> = paths.iter().map(|path| name(path, 1)).collect();
    let mut out = Vec::new();
    for (path, first) in paths.iter().zip(&short) {
        let is_alone = short.iter().filter(|other| *other == first).count() == 1;
        let depth = if is_alone { 1 } else { 2 };
        let mut tries = (depth..=8).map(|keys| name(path, keys)).chain((2..).map(|n| format!("{}_{n}", name(path, 8))));
        let free = tries.find(|name| !used.contains(name)).unwrap_or_default();
        used.insert(free.clone());
        used.insert(case_of(&free));
        used.insert(away_of(&free));
        used.insert(more_of(&free));
        used.extend((0..MOST_DRAWN).flat_map(|nth| [drawn_of(&free, nth), part_of(&free, nth)]));
        out.push(free);
    }
    out
}

/// The field that says which class a value has.
pub(super) fn case_of(name: &str) -> String {
    format!("{name}_case")
}

/// The field that says how far a time is from that of the event.
pub(super) fn away_of(name: &str) -> String {
    format!("{name}_away")
}

/// The field that says how much more a number is than another.
pub(super) fn more_of(name: &str) -> String {
    format!("{name}_more")
}

/// The field that draws from a population of the member, and the population itself.
pub(super) fn drawn_of(name: &str, nth: usize) -> String {
    if nth == 0 { format!("{name}_drawn") } else { format!("{name}_drawn_{}", nth + 1) }
}

/// The field of a random part of a text.
pub(super) fn part_of(name: &str, nth: usize) -> String {
    if nth == 0 { format!("{name}_part") } else { format!("{name}_part_{}", nth + 1) }
}

/// The last keys of a path as a name.
fn name(path: &str, keys: usize) -> String {
    let path = path.replace("\\.", "_");
    let parts: Vec<&str> = path.split('.').collect();
    let joined = parts[parts.len().saturating_sub(keys)..].join("_");
    let plain: String =
        joined.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' }).collect();
    let trimmed = plain.trim_matches('_');
    if trimmed.is_empty() { "member".to_owned() } else { trimmed.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_differ() {
        let paths = ["id", "user.id", "user.name", "a.b.c", "event", "@timestamp", "http\\.status", "user.id.x", "🙂"];
        let expected = ["id", "user_id", "name", "c", "event_2", "timestamp", "http_status", "x", "member"];
        assert_eq!(names(&paths), expected);
    }
}
