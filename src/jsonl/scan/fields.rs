//! Which fields to look for: dotted paths.

/// No state, no field.
pub(super) const NONE: u32 = u32::MAX;

/// A set of dotted paths to look for.
///
/// The keys of a path are separated by dots. Each key leads into an object or, as a number from 0, into an array. Consecutive keys
/// also match a single key that contains the dots: `a.b.c` finds the `1` in `{"a":{"b":{"c":1}}}`, `{"a.b":{"c":1}}`,
/// `{"a":{"b.c":1}}` and `{"a.b.c":1}`. If a line has several of these, the one with the shorter first key counts, then the one with
/// the shorter second key, so nested members come first. `\.` is a dot within a key, so `a\.b` finds only the key `a.b`.
#[derive(Debug, Clone, Default)]
pub struct FieldSet {
    paths: Vec<String>,
}

impl FieldSet {
    /// A set of these paths. The index of each is its position in the list. A path that is given twice has one index.
    pub fn new<P: AsRef<str>>(paths: impl IntoIterator<Item = P>) -> Self {
        let mut set = Self::default();
        for path in paths {
            set.add(path.as_ref());
        }
        set
    }

    /// Adds a path and returns its index.
    pub(crate) fn add(&mut self, path: &str) -> usize {
        self.paths.iter().position(|known| known == path).unwrap_or_else(|| {
            self.paths.push(path.to_owned());
            self.paths.len() - 1
        })
    }

    /// How many paths there are.
    pub(crate) fn len(&self) -> usize {
        self.paths.len()
    }

    /// The path with this index.
    pub(crate) fn path(&self, field: usize) -> &str {
        &self.paths[field]
    }

    /// The keys of each path.
    pub(super) fn keys(&self) -> impl Iterator<Item = Vec<String>> {
        self.paths.iter().map(|path| keys(path))
    }
}

/// Converts a position or index to the type in which it is stored.
pub(super) fn index(n: usize) -> u32 {
    u32::try_from(n).expect("lines and field sets are far smaller than 4 GiB")
}

/// The keys of a dotted path, as they appear in a line: `a\.b.c` has the keys `a.b` and `c`.
pub(crate) fn keys(path: &str) -> Vec<String> {
    let mut keys = vec![String::new()];
    let mut chars = path.chars().peekable();
    while let Some(c) = chars.next() {
        let key = keys.last_mut().expect("there is always a key");
        match c {
            '\\' if chars.peek() == Some(&'.') => key.extend(chars.next()),
            '.' => keys.push(String::new()),
            c => key.push(c),
        }
    }
    keys
}

/// Formats a dotted path for people, without the backslashes before dots within keys.
pub(crate) fn plain_path(path: &str) -> String {
    path.replace("\\.", ".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_without_a_backslash_separate_keys() {
        assert_eq!(keys("a.b.c"), ["a", "b", "c"]);
        assert_eq!(keys(r"http\.response.status_code"), ["http.response", "status_code"]);
        assert_eq!(keys(r"a\b\\.c"), [r"a\b\.c"]);
        assert_eq!(keys(""), [""]);
        assert_eq!(plain_path(r"http\.response.status_code"), "http.response.status_code");
    }

    #[test]
    fn a_path_that_is_given_twice_is_one_field() {
        let set = FieldSet::new(["a", "b", "a"]);
        assert_eq!((set.len(), set.path(1)), (2, "b"));
    }
}
