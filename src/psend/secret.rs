//! Keys and passwords. No message, outcome, record or report shows one.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::percent;

/// A secret. It can be sent, but is never shown.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(String);

impl Secret {
    /// A secret with this text.
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, only for use in requests.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// All secrets of a run. Its copies know what is added to any of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Secrets {
    /// The longest first, because one may contain another.
    forms: Arc<RwLock<Vec<Secret>>>,
}

impl Secrets {
    /// Adds a secret: as it is, as servers write it in JSON, and as they read it from a header. A short one may occur in other words by
    /// chance. It is blanked there too, so that no message depends on the form of a key.
    pub(super) fn add(&self, secret: &Secret) {
        if secret.0.is_empty() {
            return;
        }
        let texts = [
            secret.0.clone(),
            as_latin_1(&secret.0),
            STANDARD.encode(&secret.0),
            percent::encoded(secret.0.as_bytes()),
        ];
        let mut forms = self.forms.write().unwrap_or_else(PoisonError::into_inner);
        forms.extend(texts.iter().flat_map(|text| in_json(text)).chain(texts.clone()).map(Secret));
        forms.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.0.cmp(&b.0)));
        forms.dedup();
    }

    /// Blanks every secret in a text from outside, such as an answer. Call it before the text is cut: half of a secret would not be
    /// recognised.
    pub(super) fn blank(&self, mut text: String) -> String {
        for Secret(secret) in self.forms.read().unwrap_or_else(PoisonError::into_inner).iter() {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), "***");
            }
        }
        text
    }
}

/// A text as a server reads it that takes each byte of a header for a character, as WSGI and Node do.
fn as_latin_1(text: &str) -> String {
    text.bytes().map(char::from).collect()
}

/// The forms of a text in a JSON string: some writers escape `/`, `<`, `>` and `&`, some everything that is not ASCII.
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
        .flat_map(|form| {
            [in_ascii(&form, |unit| format!("\\u{unit:04x}")), in_ascii(&form, |unit| format!("\\u{unit:04X}")), form]
        })
        .collect()
}

/// The same with everything that is not ASCII escaped, in the UTF-16 units of JSON escapes.
fn in_ascii(text: &str, escape: impl Fn(u16) -> String) -> String {
    let mut ascii = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_ascii() => ascii.push(c),
            c => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| ascii.push_str(&escape(*unit))),
        }
    }
    ascii
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_shown() {
        let secret = Secret::new("canary-key");
        assert_eq!(format!("{secret:?}"), "***");
        let secrets = Secrets::default();
        secrets.add(&secret);
        assert_eq!(secrets.blank("bad key canary-key!".to_owned()), "bad key ***!");
    }

    #[test]
    fn a_secret_is_recognised_in_json() {
        let secrets = Secrets::default();
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
    fn a_key_of_one_character_is_blanked_too() {
        for (key, said, shown) in
            [("k1", "no key 'k1'", "no key '***'"), ("x", "bad: x", "bad: ***"), ("", "bad key", "bad key")]
        {
            let secrets = Secrets::default();
            secrets.add(&Secret::new(key));
            assert_eq!(secrets.blank(said.to_owned()), shown);
        }
    }

    #[test]
    fn a_key_that_is_not_ascii_is_recognised_however_a_server_writes_it() {
        let secrets = Secrets::default();
        secrets.add(&Secret::new("clé-\u{1f511}"));
        for echo in [
            "clé-\u{1f511}",
            r"cl\u00e9-\ud83d\udd11",
            r"cl\u00E9-\uD83D\uDD11",
            "cl\u{c3}\u{a9}-\u{f0}\u{9f}\u{94}\u{91}",
            r"cl\u00c3\u00a9-\u00f0\u009f\u0094\u0091",
        ] {
            assert_eq!(secrets.blank(format!("no {echo}.")), "no ***.");
        }
    }

    #[test]
    fn a_secret_within_another_is_blanked_as_a_whole() {
        let secrets = Secrets::default();
        secrets.add(&Secret::new("canary"));
        secrets.add(&Secret::new("Bearer canary"));
        assert_eq!(secrets.blank("Bearer canary, canary".to_owned()), "***, ***");
    }
}
