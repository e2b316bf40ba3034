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
    /// Adds a secret: as it is, as servers read it from a header, and encoded. A short one may occur in other words by
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
        forms.extend(texts.map(Secret));
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
            // A server may escape any of its characters: .NET writes + as \u002B, and some quote only a few in a URL.
            if text.contains(ESCAPES) {
                text = without_escaped(&text, secret);
            }
        }
        text
    }
}

/// What escapes begin with: of JSON, of URLs, of HTML.
const ESCAPES: [char; 3] = ['\\', '%', '&'];

/// A text in which a secret is blanked wherever it stands with some of its characters escaped.
fn without_escaped(text: &str, secret: &str) -> String {
    let (mut blanked, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(next) = rest.chars().next() {
        match behind(rest, secret) {
            Some(behind) => {
                blanked.push_str("***");
                rest = behind;
            }
            None => {
                blanked.push(next);
                rest = &rest[next.len_utf8()..];
            }
        }
    }
    blanked
}

/// What follows a secret at the start of a text, whichever of its characters are escaped; `None` if it does not stand there.
fn behind<'a>(mut text: &'a str, secret: &str) -> Option<&'a str> {
    for c in secret.chars() {
        text = match escaped(text) {
            Some((read, rest)) if read == c => rest,
            _ => text.strip_prefix(c)?,
        };
    }
    Some(text)
}

/// The character that the escape at the start of a text means, and what follows it.
fn escaped(text: &str) -> Option<(char, &str)> {
    let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok();
    match text.chars().next()? {
        '\\' => {
            let unit = |text: &str| number(text.strip_prefix("\\u")?.get(..4)?, 16);
            let Some(first) = unit(text) else {
                let read = text[1..].chars().next()?;
                return Some((read, &text[1 + read.len_utf8()..]));
            };
            let rest = &text[6..];
            match (char::from_u32(first), unit(rest)) {
                (Some(read), _) => Some((read, rest)),
                (None, second) => {
                    let pair = [u16::try_from(first).ok()?, u16::try_from(second?).ok()?];
                    Some((char::decode_utf16(pair).next()?.ok()?, &rest[6..]))
                }
            }
        }
        '%' => {
            let byte = |at: usize| {
                let digits = text.get(3 * at..3 * at + 3)?.strip_prefix('%')?;
                u8::try_from(number(digits, 16)?).ok()
            };
            let bytes: Vec<u8> = (0..4).map_while(byte).collect();
            let valid = |length: &usize| std::str::from_utf8(bytes.get(..*length).unwrap_or_default()).ok();
            let length = (1..=bytes.len()).find(|length| valid(length).is_some())?;
            Some((valid(&length)?.chars().next()?, &text[3 * length..]))
        }
        '&' => {
            let (name, rest) = text[1..].split_at_checked(text[1..].bytes().take(9).position(|byte| byte == b';')?)?;
            let read = match name {
                "amp" => '&',
                "lt" => '<',
                "gt" => '>',
                "quot" => '"',
                "apos" => '\'',
                _ => {
                    let digits = name.strip_prefix('#')?;
                    let code =
                        digits.strip_prefix(['x', 'X']).map_or_else(|| number(digits, 10), |hex| number(hex, 16));
                    char::from_u32(code?)?
                }
            };
            Some((read, &rest[1..]))
        }
        _ => None,
    }
}

/// A text as a server reads it that takes each byte of a header for a character, as WSGI and Node do.
fn as_latin_1(text: &str) -> String {
    text.bytes().map(char::from).collect()
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
    fn a_key_of_which_a_server_escapes_only_some_characters_is_recognised() {
        let secrets = Secrets::default();
        secrets.add(&Secret::new("a+b/c=='<é\u{1f511}&"));
        for echo in [
            // .NET, PHP, Gson
            r"a\u002Bb/c==\u0027\u003C\u00E9\uD83D\uDD11\u0026",
            r"a+b\/c=='<\u00e9\ud83d\udd11&",
            r"a+b/c\u003d\u003d\u0027\u003cé\ud83d\udd11\u0026",
            // URLs and HTML
            "a%2bb/c==%27%3c%c3%a9%f0%9f%94%91%26",
            "a+b%2Fc%3D%3D'<é%F0%9F%94%91&",
            "a+b/c==&#39;&lt;é&#x1F511;&amp;",
            "a+b/c==&apos;&#60;&#233;\u{1f511}&amp;",
        ] {
            assert_eq!(secrets.blank(format!("no {echo}.")), "no ***.");
        }
        // What only looks like an escape stays as it is.
        for text in [
            r"\",
            r"\u",
            r"\u00",
            r"\ud83d",
            r"\ud83d\u0041",
            "%",
            "%4",
            "%zz",
            "%ff%ff",
            "&",
            "&#;",
            "&#xfffffff;",
            "&é;",
            "\\é",
        ] {
            assert_eq!(secrets.blank(text.to_owned()), text);
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
