//! Which key stands for which tenant.

use std::collections::HashMap;
use std::fmt;

use super::store::Tenant;

/// The key that the guide's scripts use: no secret, so it serves on loopback alone.
pub const TEST_KEY: &str = "test-api-key-12345";

/// Whose a single key is.
const TENANT: &str = "default";

/// The keys that are let in.
#[derive(Clone)]
pub struct Keys(HashMap<String, Tenant>);

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} keys", self.0.len())
    }
}

impl Keys {
    /// One key for one tenant, `default`.
    ///
    /// # Errors
    /// Where it is empty or cannot stand in a header.
    pub fn single(key: &str) -> Result<Self, String> {
        check(key)?;
        Ok(Self([(key.to_owned(), TENANT.into())].into()))
    }

    /// Reads lines of a key and its tenant, parted by white space; blank lines and those that begin with # are passed over.
    ///
    /// # Errors
    /// Names the line, and never the key.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut keys = HashMap::new();
        for (number, line) in (1..).zip(text.lines()) {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let words: Vec<&str> = line.split_whitespace().collect();
            let [key, tenant] = words[..] else {
                return Err(format!("line {number}: a key and its tenant are wanted, parted by a space"));
            };
            check(key).map_err(|e| format!("line {number}: {e}"))?;
            if keys.insert(key.to_owned(), Tenant::from(tenant)).is_some() {
                return Err(format!("line {number}: this key stands in the file already"));
            }
        }
        if keys.is_empty() {
            return Err("holds no key: a line is a key and its tenant, parted by a space".to_owned());
        }
        Ok(Self(keys))
    }

    /// The tenant of a key.
    pub fn tenant(&self, key: &[u8]) -> Option<&Tenant> {
        self.0.get(std::str::from_utf8(key).ok()?)
    }

    /// The key, where there is just one.
    pub fn only(&self) -> Option<&str> {
        match self.0.len() {
            1 => self.0.keys().next().map(String::as_str),
            _ => None,
        }
    }
}

fn check(key: &str) -> Result<(), String> {
    match key {
        "" => Err("the key is empty".to_owned()),
        key if key.bytes().all(|b| b.is_ascii_graphic()) => Ok(()),
        _ => Err("the key holds characters that a header cannot: visible ASCII is wanted".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gives_each_key_its_tenant() {
        let keys = Keys::parse("# ours\nk1 acme\r\n\n  k2\tacme\nk3 other\n").expect("the file is good");
        let of = |key: &str| keys.tenant(key.as_bytes()).map(|tenant| tenant.to_string());
        assert_eq!(of("k1"), Some("acme".to_owned()));
        assert_eq!(of("k2"), Some("acme".to_owned()));
        assert_eq!(of("k3"), Some("other".to_owned()));
        assert_eq!(of("k4"), None);
        assert_eq!(keys.only(), None);
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_without_the_key() {
        for (text, said) in [
            ("", "holds no key"),
            ("k1 acme\nsecret\n", "line 2: a key and its tenant"),
            ("secret a b", "line 1: a key and its tenant"),
            ("secret a\nsecret b", "line 2: this key stands in the file already"),
            ("secr\u{e9}t a", "line 1: the key holds characters"),
        ] {
            let error = Keys::parse(text).expect_err(text);
            assert!(error.contains(said) && !error.contains("secr"), "{error}");
        }
    }
}
