//! Keys and passwords: held so that no message, outcome, record or report can show one.

use std::fmt;

/// A key. It can be sent, and not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a key in.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The key itself, for the request alone.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// All secrets of a run.
#[derive(Debug, Clone, Default)]
pub struct Secrets(Vec<Secret>);

impl Secrets {
    /// One more text that must not be shown. Very short ones are left out: they stand in other words by chance.
    pub fn add(&mut self, secret: &Secret) {
        const SHORTEST: usize = 4;
        if secret.0.len() >= SHORTEST {
            self.0.push(secret.clone());
        }
    }

    /// A text that came from outside, such as a server's answer, with every secret in it blanked.
    pub fn blank(&self, mut text: String) -> String {
        for Secret(secret) in &self.0 {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), "***");
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_shown_nowhere() {
        let secret = Secret::new("canary-key");
        assert_eq!(format!("{secret:?}"), "***");
        let mut secrets = Secrets::default();
        secrets.add(&secret);
        assert_eq!(secrets.blank("bad key canary-key!".to_owned()), "bad key ***!");
    }
}
