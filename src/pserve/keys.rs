//! The accepted keys, and the tenant and the rate of each. Only their hashes are kept.

use std::fmt;
use std::sync::Arc;

use ring::digest::{SHA256, digest};

use super::limit::Allowance;
use super::store::Tenant;
use crate::cli::api_key::TEST_KEY;
use crate::cli::values::Rate;

/// The tenant of a single key.
const TENANT: &str = "default";

/// What a hash in a file of keys begins with.
const HASHED: &str = "sha256:";

/// The SHA-256 of a key. Keys are long and random, so that no slower hash is needed to hide them.
type Hash = [u8; 32];

/// The keys that are accepted.
#[derive(Clone)]
pub(super) struct Keys {
    accepted: Vec<Accepted>,
    /// The first key, unless only its hash is known.
    first: Option<String>,
}

/// What is known of a key.
#[derive(Clone)]
pub(super) struct Accepted {
    hash: Hash,
    /// Whose events it reads and writes.
    pub(super) tenant: Tenant,
    /// Its own rate, if it has one.
    pub(super) allowance: Option<Arc<Allowance>>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("count", &self.accepted.len()).finish_non_exhaustive()
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
        let accepted = Accepted { hash: hash(key.as_bytes()), tenant: TENANT.into(), allowance: None };
        Self { accepted: vec![accepted], first: Some(key.to_owned()) }
    }

    /// Reads lines of a key, its tenant and, if it has one, its rate, separated by white space. In place of a key there may be its
    /// hash. Skips blank lines and those that begin with `#`.
    ///
    /// # Errors
    /// The message names the line, and never shows the key.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let form = "expected a key, its tenant and, if it has one, its rate, separated by spaces";
        let mut accepted: Vec<Accepted> = Vec::new();
        let mut first = None;
        for (number, line) in (1..).zip(text.lines()) {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let of_line = |e: String| format!("line {number}: {e}");
            let words: Vec<&str> = line.split_whitespace().collect();
            let (key, tenant, rate) = match words[..] {
                [key, tenant] => (key, tenant, None),
                [key, tenant, rate] => (key, tenant, Some(rate)),
                _ => return Err(of_line(form.to_owned())),
            };
            let hash = match key.strip_prefix(HASHED) {
                Some(digits) => hash_of_hex(digits).map_err(of_line)?,
                None => {
                    check(key).map_err(of_line)?;
                    hash(key.as_bytes())
                }
            };
            let name = format!("key {number}");
            let allowance = rate.map(|rate| rate.parse::<Rate>().and_then(|rate| Allowance::new(&name, rate)));
            let allowance = allowance.transpose().map_err(of_line)?.map(Arc::new);
            if accepted.iter().any(|other| other.hash == hash) {
                return Err(of_line("this key is in the file already".to_owned()));
            }
            if accepted.is_empty() && !key.starts_with(HASHED) {
                first = Some(key.to_owned());
            }
            accepted.push(Accepted { hash, tenant: tenant.into(), allowance });
        }
        if accepted.is_empty() {
            return Err(format!("holds no key; {form}"));
        }
        Ok(Self { accepted, first })
    }

    /// What is known of a key, if it is accepted. Takes the same time whichever it is, and whether it is.
    pub(super) fn find(&self, key: &[u8]) -> Option<&Accepted> {
        let hash = hash(key);
        let mut found = None;
        for accepted in &self.accepted {
            let difference = accepted.hash.iter().zip(&hash).fold(0, |all, (ours, theirs)| all | (ours ^ theirs));
            if std::hint::black_box(difference) == 0 {
                found = Some(accepted);
            }
        }
        found
    }

    /// The key to give to a client: the one that it has already if that is accepted, otherwise the first. `None` if only the hash of
    /// that is known.
    pub(super) fn for_client<'a>(&'a self, has: Option<&'a str>) -> Option<&'a str> {
        has.filter(|key| self.find(key.as_bytes()).is_some()).or(self.first.as_deref())
    }

    /// Whether only the guide's test key is accepted.
    pub(super) fn is_test_key(&self) -> bool {
        self.accepted.len() == 1 && self.first.as_deref() == Some(TEST_KEY)
    }
}

fn hash(key: &[u8]) -> Hash {
    digest(&SHA256, key).as_ref().try_into().expect("SHA-256 has 32 bytes")
}

fn hash_of_hex(digits: &str) -> Result<Hash, String> {
    let byte = |at: usize| digits.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    let bytes: Option<Vec<u8>> = (0..64).step_by(2).map(byte).collect();
    let hash = bytes.filter(|_| digits.len() == 64).and_then(|bytes| Hash::try_from(bytes).ok());
    hash.ok_or_else(|| format!("expected 64 hexadecimal digits after {HASHED}, as sha256sum prints them"))
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
        // printf %s k4 | sha256sum
        let hashed = "sha256:bb29e1d0f07e7f2a6ca9e4e0a3b4f0e6a3a3f9a5a0c1c2c5b1b6ad6bb2c1f7c0";
        let keys = Keys::parse("# ours\nk1 acme\r\n\n  k2\tacme\nk3 other 5/1m\n").expect("the file is good");
        let of = |key: &str| keys.find(key.as_bytes()).map(|found| found.tenant.to_string());
        assert_eq!(of("k1"), Some("acme".to_owned()));
        assert_eq!(of("k2"), Some("acme".to_owned()));
        assert_eq!(of("k3"), Some("other".to_owned()));
        assert_eq!(of("k4"), None);
        let has_rate = |key: &str| keys.find(key.as_bytes()).is_some_and(|found| found.allowance.is_some());
        assert_eq!([has_rate("k1"), has_rate("k3")], [false, true]);
        assert!(Keys::parse(&format!("{hashed} acme")).is_ok());
    }

    #[test]
    fn the_hash_of_a_key_stands_for_the_key() {
        // printf %s abc | sha256sum, from FIPS 180-4.
        let hash = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let keys = Keys::parse(&format!("{hash} acme\n")).expect("the file is good");
        assert!(keys.find(b"abc").is_some() && keys.find(hash.as_bytes()).is_none());
        assert_eq!((keys.for_client(None), keys.for_client(Some("abc"))), (None, Some("abc")));
        assert!(Keys::parse(&format!("{hash} acme\nabc other")).expect_err("twice").contains("line 2"));
    }

    #[test]
    fn a_client_keeps_an_accepted_key_and_gets_the_first_otherwise() {
        let keys = Keys::parse("k9 acme\nk1 other\n").expect("the file is good");
        assert_eq!(keys.for_client(Some("k1")), Some("k1"));
        assert_eq!(keys.for_client(Some("k2")), Some("k9"));
        assert_eq!(keys.for_client(None), Some("k9"));
    }

    #[test]
    fn errors_in_a_key_file_do_not_show_the_key() {
        for (text, said) in [
            ("", "holds no key"),
            ("k1 acme\nsecret\n", "line 2: expected a key, its tenant"),
            ("secret a 5/1m b", "line 1: expected a key, its tenant"),
            ("secret a fast", "line 1: expected a rate"),
            ("secret a\nsecret b", "line 2: this key is in the file already"),
            ("secr\u{e9}t a", "line 1: the key holds characters"),
            ("sha256:secret a", "line 1: expected 64 hexadecimal digits"),
        ] {
            let error = Keys::parse(text).expect_err(text);
            assert!(error.contains(said) && !error.contains("secr"), "{error}");
        }
    }
}
