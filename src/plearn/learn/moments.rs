//! Recognises how a time is written.

use crate::clock::Micros;
use crate::record::moment;

/// Names of the member that tells when an event happened, if several are times.
const NAMES: [&str; 12] = [
    "timestamp",
    "@timestamp",
    "time",
    "ts",
    "event_time",
    "eventtime",
    "datetime",
    "date",
    "created_at",
    "time_local",
    "start_time",
    "requestreceivedtimestamp",
];

/// A form of times, as a profile says it, and the moment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::plearn) struct Written {
    pub(in crate::plearn) form: Form,
    pub(in crate::plearn) at: Micros,
}

/// The settings of a time: `time`, `places`, `offset`, `quoted`.
pub(in crate::plearn) type Form = Vec<(&'static str, String)>;

fn form(pattern: &str) -> Form {
    vec![("time", format!("\"{pattern}\""))]
}

/// Reads a text without quotes.
pub(in crate::plearn) fn text(text: &str) -> Option<Written> {
    let bytes = text.as_bytes();
    let form = match bytes {
        [_, _, _, _, b'-', _, _, b'-', _, _, b'T' | b' ', ..] => date_and_time(text)?,
        [_, _, _, _, b'-', _, _, b'-', _, _] => form("%Y-%m-%d"),
        [_, _, b'/', _, _, _, b'/', _, _, _, _, b':', ..] => {
            let (_, offset) = text.split_once(' ')?;
            with_offset(form("clf"), offset)?
        }
        _ => {
            let mut form = epoch(text)?;
            form.push(("quoted", "true".to_owned()));
            form
        }
    };
    Some(Written { form, at: moment::read_text(text).ok()? })
}

/// Reads a number as a time since 1970.
pub(in crate::plearn) fn number(raw: &str) -> Option<Written> {
    Some(Written { form: epoch(raw)?, at: moment::read_text(raw).ok()? })
}

fn epoch(text: &str) -> Option<Form> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !whole.starts_with('1') || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut form = match whole.len() {
        10 => form("epoch_s"),
        13 => form("epoch_ms"),
        16 => form("epoch_us"),
        19 => form("epoch_ns"),
        _ => return None,
    };
    if !fraction.is_empty() {
        form.push(("places", fraction.len().to_string()));
    }
    Some(form)
}

/// `2026-01-05T09:00:00.123Z`, with a space or another offset.
fn date_and_time(text: &str) -> Option<Form> {
    let clock = &text.as_bytes()[11..];
    if clock.len() < 8 || clock[2] != b':' || clock[5] != b':' {
        return None;
    }
    let behind = text.get(19..)?;
    let (places, offset) = match behind.strip_prefix('.') {
        Some(rest) => {
            let places = rest.bytes().take_while(u8::is_ascii_digit).count();
            (places, &rest[places..])
        }
        None => (0, behind),
    };
    if text.as_bytes()[10] == b'T' && (offset == "Z" || offset.len() == 6) && places <= 18 {
        let mut form = form("rfc3339");
        form.push(("places", places.to_string()));
        return with_offset(form, offset);
    }
    let fraction = match places {
        0 => String::new(),
        1..=9 => format!(".%{places}f"),
        _ => return None,
    };
    let separator = &text[10..11];
    let pattern = |end: &str| form(&format!("%Y-%m-%d{separator}%H:%M:%S{fraction}{end}"));
    match offset {
        "" => Some(pattern("")),
        "Z" => Some(pattern("Z")),
        " UTC" => Some(pattern(" UTC")),
        _ => {
            let (space, offset) = offset.strip_prefix(' ').map_or(("", offset), |offset| (" ", offset));
            with_offset(pattern(&format!("{space}{}", if offset.contains(':') { "%:z" } else { "%z" })), offset)
        }
    }
}

fn with_offset(mut form: Form, offset: &str) -> Option<Form> {
    if offset == "Z" {
        return Some(form);
    }
    let digits = offset.strip_prefix(['+', '-'])?.replace(':', "");
    let is_offset = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
    form.push(("offset", format!("\"{offset}\"")));
    is_offset.then_some(form)
}

/// The member that tells when an event happened, by the keys of all members and how many rows have a time there; `None` if its values
/// are no times.
pub(in crate::plearn) fn main<'k>(members: impl Iterator<Item = (&'k [String], Option<usize>)>) -> Option<usize> {
    let ranked = members.enumerate().filter_map(|(place, (keys, known))| {
        let last = keys.last().map(|key| key.to_lowercase()).unwrap_or_default();
        let name = NAMES.iter().position(|name| *name == last).unwrap_or(NAMES.len());
        // In nearly as many rows as another is enough.
        Some(((known?.checked_ilog2()?, usize::MAX - name, usize::MAX - keys.len(), usize::MAX - place), place))
    });
    ranked.max().map(|(_, place)| place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(found: Written) -> String {
        let settings = found.form.iter().map(|(key, value)| format!("{key} = {value}"));
        settings.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn forms_of_times_are_recognised() {
        for (written, form) in [
            ("2026-01-05T09:00:00.123456Z", "time = \"rfc3339\", places = 6"),
            ("2026-01-05T09:00:00+02:00", "time = \"rfc3339\", places = 0, offset = \"+02:00\""),
            ("2026-01-05 09:00:00.123", "time = \"%Y-%m-%d %H:%M:%S.%3f\""),
            ("2026-01-05T09:00:00.123+0200", "time = \"%Y-%m-%dT%H:%M:%S.%3f%z\", offset = \"+0200\""),
            ("05/Jan/2026:09:00:00 +0000", "time = \"clf\", offset = \"+0000\""),
            ("2026-01-05", "time = \"%Y-%m-%d\""),
            ("1767603600123", "time = \"epoch_ms\", quoted = true"),
        ] {
            assert_eq!(text(written).map(said).as_deref(), Some(form), "{written}");
        }
        assert_eq!(number("1767603600.123").map(said).as_deref(), Some("time = \"epoch_s\", places = 3"));
        for other in ["", "2026-13-45", "12345", "10.0.0.1", "4fd4e1c6-7a2d-28fc", "1767603600a"] {
            assert_eq!(text(other), None, "{other}");
        }
    }
}
