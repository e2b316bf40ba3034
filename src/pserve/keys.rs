//! The accepted keys, and the tenant of each.

use std::collections::HashMap;
use std::fmt;

use super::store::Tenant;
use crate::cli::api_key::TEST_KEY;

/// The tenant of a single key.
const TENANT: &str = "default";

/// The keys that are accepted.
#[derive(Clone)]
pub(super) struct Keys {
    tenants: HashMap<String, Tenant>,
    /// The first key of the file.
    first: String,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("count", &self.tenants.len()).finish_non_exhaustive()
    }
}

impl Keys {
    /// One key, for the tenant `default`.
    ///
    /// # Errors
    /// If it is empty or not valid in a header.
    pub(super) fn single(key: &str) -> Result<Self, String> {
        check(key)?;
        Ok(Self::of(key))
    }

    /// The guide's test key, for the tenant `default`.
    pub(super) fn test() -> Self {
        Self::of(TEST_KEY)
    }

    fn of(key: &str) -> Self {
        Self { tenants: [(key.to_owned(), TENANT.into())].into(), first: key.to_owned() }
    }

    /// Reads lines of a key and its tenant, separated by white space. Skips blank lines and those that begin with `#`.
    ///
    /// # Errors
    /// The message names the line, and never shows the key.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut tenants = HashMap::new();
        let mut first = None;
        for (number, line) in (1..).zip(text.lines()) {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let words: Vec<&str> = line.split_whitespace().collect();
            let [key, tenant] = words[..] else {
                return Err(format!("line {number}: expected a key and its tenant, separated by a space"));
            };
            check(key).map_err(|e| format!("line {number}: {e}"))?;
            if tenants.insert(key.to_owned(), Tenant::from(tenant)).is_some() {
                return Err(format!("line {number}: this key is in the file already"));
            }
            first.get_or_insert_with(|| key.to_owned());
        }
        let first = first.ok_or("holds no key; expected lines of a key and its tenant, separated by a space")?;
        Ok(Self { tenants, first })
    }

    /// The tenant of a key.
    pub(super) fn tenant(&self, key: &[u8]) -> Option<&Tenant> {
        self.tenants.get(std::str::from_utf8(key).ok()?)
    }

    /// The key to give to a client: the one that it has already if that is accepted, otherwise the first.
    pub(super) fn for_client<'a>(&'a self, has: Option<&'a str>) -> &'a str {
        has.filter(|key| self.tenants.contains_key(*key)).unwrap_or(&self.first)
    }

    /// Whether only the guide's test key is accepted.
    pub(super) fn is_test_key(&self) -> bool {
        self.tenants.len() == 1 && self.first == TEST_KEY
    }
}

fn check(key: &str) -> Result<(), String> {
    match key {
        "" => Err("the key is empty".to_owned()),
        key if key.bytes().all(|b| b.is_ascii_graphic()) => Ok(()),
        _ => Err("the key holds characters that are not valid in a header; expected visible ASCII".to_owned()),
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
    }

    #[test]
    fn a_client_keeps_an_accepted_key_and_gets_the_first_otherwise() {
        let keys = Keys::parse("k9 acme\nk1 other\n").expect("the file is good");
        assert_eq!(keys.for_client(Some("k1")), "k1");
        assert_eq!(keys.for_client(Some("k2")), "k9");
        assert_eq!(keys.for_client(None), "k9");
    }

    #[test]
    fn errors_in_a_key_file_do_not_show_the_key() {
        for (text, said) in [
            ("", "holds no key"),
            ("k1 acme\nsecret\n", "line 2: expected a key and its tenant"),
            ("secret a b", "line 1: expected a key and its tenant"),
            ("secret a\nsecret b", "line 2: this key is in the file already"),
            ("secr\u{e9}t a", "line 1: the key holds characters"),
        ] {
            let error = Keys::parse(text).expect_err(text);
            assert!(error.contains(said) && !error.contains("secr"), "{error}");
        }
    }
}
