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
pub struct Secrets {
    /// The longest first, for one may stand in another.
    forms: Vec<Secret>,
}

impl Secrets {
    /// One more text that must not be shown, as it is and as servers write it in JSON. Very short ones are left out: they
    /// stand in other words by chance.
    pub fn add(&mut self, secret: &Secret) {
        const SHORTEST: usize = 4;
        if secret.0.len() < SHORTEST {
            return;
        }
        self.forms.extend(in_json(&secret.0).into_iter().chain([secret.0.clone()]).map(Secret));
        self.forms.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.0.cmp(&b.0)));
        self.forms.dedup();
    }

    /// A text that came from outside, such as a server's answer, with every secret in it blanked. Blank before you cut: of
    /// half a secret nobody can tell that it is one.
    pub fn blank(&self, mut text: String) -> String {
        for Secret(secret) in &self.forms {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), "***");
            }
        }
        text
    }
}

/// A text within a string of JSON, as the usual writers have it: some write `/`, `<`, `>` and `&` otherwise than they must.
fn in_json(text: &str) -> Vec<String> {
    let plain = serde_json::to_string(text).expect("a text is JSON");
    let plain = &plain[1..plain.len() - 1];
    let for_html = |text: &str| text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
    let for_html_in_capitals =
        |text: &str| text.replace('<', "\\u003C").replace('>', "\\u003E").replace('&', "\\u0026");
    let with_slashes = plain.replace('/', "\\/");
    [plain, &with_slashes]
        .iter()
        .flat_map(|form| [(*form).to_owned(), for_html(form), for_html_in_capitals(form)])
        .collect()
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

    #[test]
    fn a_secret_is_known_again_as_json_has_it() {
        let mut secrets = Secrets::default();
        secrets.add(&Secret::new(r#"ca"na\ry/<&>"#));
        for echo in [
            r#"ca"na\ry/<&>"#,
            r#"ca\"na\\ry/<&>"#,
            r#"ca\"na\\ry\/<&>"#,
            r#"ca\"na\\ry/\u003c\u0026\u003e"#,
            r#"ca\"na\\ry\/\u003C\u0026\u003E"#,
        ] {
            assert_eq!(secrets.blank(format!("no {echo}.")), "no ***.");
        }
    }

    #[test]
    fn a_secret_within_another_leaves_nothing_of_it() {
        let mut secrets = Secrets::default();
        secrets.add(&Secret::new("canary"));
        secrets.add(&Secret::new("Bearer canary"));
        assert_eq!(secrets.blank("Bearer canary, canary".to_owned()), "***, ***");
    }
}
