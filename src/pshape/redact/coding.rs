//! Texts within texts: JSON escapes, URL encoding, base64 and hexadecimal. A change of the text is written in its coding, character by
//! character in the style of the characters that it replaces, so that nothing else changes.

use std::fmt::Write as _;
use std::ops::Range;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// A change of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::pshape) struct Edit {
    /// The bytes that are replaced.
    pub range: Range<usize>,
    /// What replaces them.
    pub new: String,
}

impl Edit {
    /// The change where the text begins at `by`.
    pub(super) fn moved(self, by: usize) -> Self {
        Self { range: self.range.start + by..self.range.end + by, new: self.new }
    }
}

/// How characters are escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// Backslashes, as in a JSON string.
    Json,
    /// `%41`, as in a URL.
    Percent,
}

/// The text behind escapes.
#[derive(Debug)]
pub(super) struct Decoded {
    pub text: String,
    /// Where each byte of the text begins in the raw text, and where the last one ends.
    starts: Vec<usize>,
    coding: Coding,
}

impl Decoded {
    /// Decodes the inside of a JSON string. An escape that is not a character becomes U+FFFD.
    pub(super) fn json(raw: &str) -> Self {
        let mut decoded = Self::new(Coding::Json, raw.len());
        let mut at = 0;
        while let Some(character) = raw[at..].chars().next() {
            let (character, length) =
                if character == '\\' { escape(&raw[at..]) } else { (character, character.len_utf8()) };
            decoded.push(character, at);
            at += length;
        }
        decoded.starts.push(raw.len());
        decoded
    }

    /// Decodes the escapes of URL encoding. Those that are not UTF-8 stay. Returns `None` if there are no others.
    pub(super) fn percent(raw: &str) -> Option<Self> {
        let mut decoded = Self::new(Coding::Percent, raw.len());
        let mut has_escapes = false;
        let mut at = 0;
        while let Some(character) = raw[at..].chars().next() {
            let (character, length) = match percent_character(&raw.as_bytes()[at..]) {
                Some(escape) => {
                    has_escapes = true;
                    escape
                }
                None => (character, character.len_utf8()),
            };
            decoded.push(character, at);
            at += length;
        }
        decoded.starts.push(raw.len());
        has_escapes.then_some(decoded)
    }

    fn new(coding: Coding, length: usize) -> Self {
        Self { text: String::with_capacity(length), starts: Vec::with_capacity(length + 1), coding }
    }

    fn push(&mut self, character: char, start: usize) {
        self.text.push(character);
        self.starts.resize(self.text.len(), start);
    }

    /// Turns a change of the text into a change of the raw text.
    pub(super) fn encode(&self, raw: &str, edit: &Edit) -> Edit {
        let range = self.starts[edit.range.start]..self.starts[edit.range.end];
        let old = &self.text[edit.range.clone()];
        let is_aligned = old.chars().count() == edit.new.chars().count();
        let styles: Vec<Style> = old
            .char_indices()
            .map(|(at, character)| {
                let at = edit.range.start + at;
                Style::of(&raw[self.starts[at]..self.starts[at + character.len_utf8()]], self.coding)
            })
            .collect();
        let is_escaped = !styles.is_empty() && styles.iter().all(|style| style.is_escaped);
        let common = Style { is_escaped, is_upper: styles.iter().all(|style| style.is_upper) };
        let mut new = String::new();
        for (nth, character) in edit.new.chars().enumerate() {
            let style = styles.get(nth).copied().filter(|_| is_aligned).unwrap_or(common);
            self.coding.write(character, style, &mut new);
        }
        Edit { range, new }
    }
}

/// How one character was written.
#[derive(Debug, Clone, Copy)]
struct Style {
    is_escaped: bool,
    /// Whether its hexadecimal digits are capitals. If there are no letters among them, what is usual.
    is_upper: bool,
}

impl Style {
    fn of(raw: &str, coding: Coding) -> Self {
        let is_escaped = raw.len() > 2 && raw.starts_with(['\\', '%']);
        let has = |class: fn(&u8) -> bool| raw.bytes().skip(2).any(|byte| class(&byte));
        let is_upper = match coding {
            Coding::Json => has(u8::is_ascii_uppercase),
            Coding::Percent => !raw.bytes().any(|byte| byte.is_ascii_lowercase()),
        };
        Self { is_escaped, is_upper }
    }
}

impl Coding {
    fn write(self, character: char, style: Style, out: &mut String) {
        let Style { is_escaped, is_upper } = style;
        match self {
            Self::Json if is_escaped => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    let _ = if is_upper { write!(out, "\\u{unit:04X}") } else { write!(out, "\\u{unit:04x}") };
                }
            }
            Self::Json if matches!(character, '"' | '\\') => out.extend(['\\', character]),
            Self::Json if character < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(character));
            }
            Self::Percent if is_escaped || matches!(character, '%' | ' ' | '&' | '#') => {
                for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                    let _ = if is_upper { write!(out, "%{byte:02X}") } else { write!(out, "%{byte:02x}") };
                }
            }
            _ => out.push(character),
        }
    }
}

/// The character of a JSON escape, and its length.
fn escape(raw: &str) -> (char, usize) {
    let unit = |at: usize| u32::from_str_radix(raw.get(at..at + 4)?, 16).ok();
    let simple = match raw.as_bytes().get(1) {
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'u') => {
            let Some(first) = unit(2) else { return ('\u{fffd}', 2) };
            if let Some(character) = char::from_u32(first) {
                return (character, 6);
            }
            let second = if raw.get(6..8) == Some("\\u") { unit(8) } else { None };
            let pair = second.filter(|low| (0xdc00..0xe000).contains(low) && first < 0xdc00);
            let character = pair.and_then(|low| char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (low - 0xdc00)));
            return character.map_or(('\u{fffd}', 6), |character| (character, 12));
        }
        Some(other) if other.is_ascii() => char::from(*other),
        _ => return ('\\', 1),
    };
    (simple, 2)
}

/// The character that escapes of a URL begin with, and their length.
fn percent_character(raw: &[u8]) -> Option<(char, usize)> {
    let mut bytes = [0; 4];
    for nth in 0..bytes.len() {
        let [b'%', high, low] = raw.get(3 * nth..3 * nth + 3)? else { return None };
        let digit = |byte: u8| char::from(byte).to_digit(16);
        bytes[nth] = u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?;
        if let Ok(text) = std::str::from_utf8(&bytes[..=nth]) {
            return Some((text.chars().next()?, 3 * (nth + 1)));
        }
    }
    None
}

/// How bytes are written as letters and digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Armour {
    /// Base64, with or without padding, in the alphabet for URLs or the other.
    Base64 { for_url: bool, is_padded: bool },
    /// Hexadecimal digits.
    Hex { is_upper: bool },
}

const BARE: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent).with_encode_padding(false);
const PADDED: GeneralPurposeConfig = BARE.with_encode_padding(true);
/// The two alphabets, each without and with padding.
static ENGINES: [[GeneralPurpose; 2]; 2] = [
    [GeneralPurpose::new(&alphabet::STANDARD, BARE), GeneralPurpose::new(&alphabet::STANDARD, PADDED)],
    [GeneralPurpose::new(&alphabet::URL_SAFE, BARE), GeneralPurpose::new(&alphabet::URL_SAFE, PADDED)],
];

impl Armour {
    /// What it is called.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Base64 { .. } => "base64",
            Self::Hex { .. } => "hexadecimal digits",
        }
    }

    /// Encodes a text.
    pub(super) fn encode(self, text: &str) -> String {
        match self {
            Self::Base64 { for_url, is_padded } => ENGINES[usize::from(for_url)][usize::from(is_padded)].encode(text),
            Self::Hex { is_upper } => text.bytes().fold(String::new(), |mut out, byte| {
                let _ = if is_upper { write!(out, "{byte:02X}") } else { write!(out, "{byte:02x}") };
                out
            }),
        }
    }
}

/// The shortest base64 that is taken for a text, in characters: nine bytes that happen to be printable are rare. With padding it may
/// be shorter.
const SHORTEST: usize = 12;
const SHORTEST_PADDED: usize = 8;
/// The shortest hexadecimal text.
const SHORTEST_HEX: usize = 16;

/// The text that a run of base64 stands for, if there is one.
pub(super) fn base64(run: &str) -> Option<(String, Armour)> {
    let is_padded = run.ends_with('=');
    if run.len() < if is_padded { SHORTEST_PADDED } else { SHORTEST } {
        return None;
    }
    let for_url = run.contains(['-', '_']);
    let engine = &ENGINES[usize::from(for_url)][0];
    // Most runs that are not base64 are recognised by the first bytes.
    let mut head = [0; 6];
    engine.decode_slice(&run.as_bytes()[..8], &mut head).ok().filter(|length| may_begin_text(&head[..*length]))?;
    let text = String::from_utf8(engine.decode(run).ok()?).ok().filter(|text| is_text(text))?;
    Some((text, Armour::Base64 { for_url, is_padded }))
}

/// The text that a run of hexadecimal digits stands for, if there is one. Without a letter it is a number.
pub(super) fn hex(run: &str) -> Option<(String, Armour)> {
    let is_hex = run.len() >= SHORTEST_HEX && run.len().is_multiple_of(2) && run.bytes().all(|b| b.is_ascii_hexdigit());
    if !is_hex || run.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or(0);
    let bytes = run.as_bytes().chunks(2).map(|pair| u8::try_from(digit(pair[0]) * 16 + digit(pair[1])).unwrap_or(0));
    let text = String::from_utf8(bytes.collect()).ok().filter(|text| is_text(text))?;
    Some((text, Armour::Hex { is_upper: run.bytes().any(|byte| byte.is_ascii_uppercase()) }))
}

fn may_begin_text(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte >= b' ' || byte.is_ascii_whitespace())
}

/// Whether a text can be read.
fn is_text(text: &str) -> bool {
    text.chars().all(|c| !c.is_control() || c.is_ascii_whitespace())
}

/// Makes the changes in a text. They must not overlap, and must be in order.
pub(super) fn apply(text: &str, edits: &[Edit]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for edit in edits {
        out.push_str(&text[done..edit.range.start]);
        out.push_str(&edit.new);
        done = edit.range.end;
    }
    out.push_str(&text[done..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn edited(decoded: &Decoded, raw: &str, old: &str, new: &str) -> String {
        let at = decoded.text.find(old).expect("it is there");
        let edit = decoded.encode(raw, &Edit { range: at..at + old.len(), new: new.to_owned() });
        apply(raw, &[edit])
    }

    #[test]
    fn a_change_has_the_style_of_what_it_replaces() {
        for (raw, old, new, expected) in [
            (r#"say \"jane\" \u00e9"#, "jane", "kuno", r#"say \"kuno\" \u00e9"#),
            (r"\u006a\u0061ne!", "jane", "kuno", r"\u006b\u0075no!"),
            (r"\u006A\u006F", "jo", "kl", r"\u006B\u006C"),
            (r"\ud83d\ude00 jane", "jane", "ku", r"\ud83d\ude00 ku"),
            (r"\ud800 jane", "jane", "kuno", r"\ud800 kuno"),
        ] {
            assert_eq!(edited(&Decoded::json(raw), raw, old, new), expected);
        }
        for (raw, old, new, expected) in [
            ("q=jane%40x.com&b=%zz", "jane@x.com", "kuno@y.org", "q=kuno%40y.org&b=%zz"),
            ("%6a%61%6E%C3%A9", "jané", "jkné", "%6a%6B%6E%C3%A9"),
            ("%ff%41", "A", "B", "%ff%42"),
        ] {
            assert_eq!(edited(&Decoded::percent(raw).expect("escapes"), raw, old, new), expected);
        }
        assert!(Decoded::percent("100% plain %zz").is_none());
    }

    #[test]
    fn texts_in_base64_and_hex_are_found_and_random_bytes_are_not() {
        for (run, text) in [
            ("dXNlcl84ODMzOA==", "user_88338"),
            ("dXNlcl84ODMzOA", "user_88338"),
            ("eyJ1c2VyIjoiSsO8cmdlbj8-In0", r#"{"user":"Jürgen?>"}"#),
            ("amFuZQ==", "jane"),
        ] {
            let (found, armour) = base64(run).expect(run);
            assert_eq!((&*found, &*armour.encode(text)), (text, run));
        }
        let (found, armour) = hex("757365725f3838333338").expect("hex");
        assert_eq!((&*found, &*armour.encode("user_1")), ("user_88338", "757365725f31"));
        for run in ["payment-service", "api/v1/users", "4bf92f3577b34da6a3ce929d0e0e4736", "amFuZQ", "0123456789012345"]
        {
            assert!(base64(run).is_none() && hex(run).is_none(), "{run}");
        }
    }

    proptest! {
        #[test]
        fn json_is_decoded_as_serde_json_does(text in "\\PC{0,20}[\\x00-\\x20\"\\\\]{0,4}") {
            let raw = serde_json::to_string(&text).expect("a string");
            prop_assert_eq!(Decoded::json(&raw[1..raw.len() - 1]).text, text);
        }
    }
}
