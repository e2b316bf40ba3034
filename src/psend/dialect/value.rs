//! Writes one value of an event into a request: formatted, and escaped for its place.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use crate::clock::Micros;
use crate::jsonl::value;
use crate::psend::percent;
use crate::record::moment;
use crate::time;

/// What a value has to be escaped for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escape {
    /// A segment of a path (RFC 3986, 3.3).
    Segment,
    /// A name or value of a query.
    Query,
    /// A header.
    Header,
    /// A JSON value.
    JsonValue,
    /// The inside of a JSON string.
    JsonString,
    /// Nothing.
    Text,
}

/// How a value is written.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Format {
    /// As it is.
    Plain,
    /// As a JSON string, even if the value is a number or an object.
    Text,
    Time(TimeFormat),
    Base64,
    /// This many hexadecimal digits: the value itself if it has this form, else a hash of it.
    Hex(usize),
    /// By a table of the dialect.
    Map(Map),
}

/// How a time is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimeFormat {
    Seconds,
    /// With six decimals.
    DecimalSeconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
    Rfc3339,
}

/// A table of the dialect that translates values.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(from = "BTreeMap<String, Entry>")]
pub(super) struct Map {
    entries: Arc<BTreeMap<String, Entry>>,
}

impl From<BTreeMap<String, Entry>> for Map {
    fn from(entries: BTreeMap<String, Entry>) -> Self {
        Self { entries: Arc::new(entries) }
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged, expecting = "expected a text or a whole number")]
enum Entry {
    Number(i64),
    Text(String),
}

/// The formats that every dialect has.
pub(super) const FORMATS: [(&str, Format); 10] = [
    ("epoch_s", Format::Time(TimeFormat::Seconds)),
    ("epoch_s_decimal", Format::Time(TimeFormat::DecimalSeconds)),
    ("epoch_ms", Format::Time(TimeFormat::Milliseconds)),
    ("epoch_us", Format::Time(TimeFormat::Microseconds)),
    ("epoch_ns", Format::Time(TimeFormat::Nanoseconds)),
    ("rfc3339", Format::Time(TimeFormat::Rfc3339)),
    ("string", Format::Text),
    ("base64", Format::Base64),
    ("hex16", Format::Hex(16)),
    ("hex32", Format::Hex(32)),
];

/// Why a value cannot be written.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// There is none, or the dialect's map does not have it.
    Missing,
    /// What is wrong with it.
    Wrong(String),
}

/// Writes a raw JSON value, or a line that is not JSON.
pub(super) fn write(raw: &[u8], format: &Format, escape: Escape, out: &mut Vec<u8>) -> Result<(), Unfit> {
    let is_text = raw.starts_with(b"\"") && raw.len() > 1;
    match (format, escape) {
        (Format::Plain, Escape::JsonValue) => out.extend_from_slice(raw),
        (Format::Text, Escape::JsonValue) if is_text => out.extend_from_slice(raw),
        // It is escaped for a string already.
        (Format::Plain | Format::Text, Escape::JsonString) if is_text => out.extend_from_slice(&raw[1..raw.len() - 1]),
        (Format::Plain | Format::Text, _) => write_text(&value::label(raw), escape, out)?,
        (Format::Time(format), _) => {
            let at = moment::read(raw).map_err(|why| Unfit::Wrong(format!("{} is not a time: {why}", shown(raw))))?;
            write_time(at, *format, escape, out)?;
        }
        (Format::Base64, _) => write_text(&STANDARD.encode(value::label(raw).as_bytes()), escape, out)?,
        (Format::Hex(digits), _) => write_text(&hex(&value::label(raw), *digits), escape, out)?,
        (Format::Map(map), _) => match map.entries.get(&*value::label(raw)) {
            Some(Entry::Number(number)) => out.extend_from_slice(itoa::Buffer::new().format(*number).as_bytes()),
            Some(Entry::Text(text)) => write_text(text, escape, out)?,
            None => return Err(Unfit::Missing),
        },
    }
    Ok(())
}

/// Writes a moment.
pub(super) fn write_time(at: Micros, format: TimeFormat, escape: Escape, out: &mut Vec<u8>) -> Result<(), Unfit> {
    let (of_second, per_unit) = match format {
        TimeFormat::Seconds | TimeFormat::DecimalSeconds => (0, 1_000_000),
        TimeFormat::Milliseconds => (0, 1000),
        TimeFormat::Microseconds => (0, 1),
        TimeFormat::Nanoseconds => (3, 1),
        TimeFormat::Rfc3339 => return write_text(&time::format(at), escape, out),
    };
    out.extend_from_slice(itoa::Buffer::new().format(at.div_euclid(per_unit)).as_bytes());
    out.resize(out.len() + of_second, b'0');
    if format == TimeFormat::DecimalSeconds {
        out.extend_from_slice(format!(".{:06}", at.rem_euclid(per_unit)).as_bytes());
    }
    Ok(())
}

/// Writes a text, escaped for its place.
pub(super) fn write_text(text: &str, escape: Escape, out: &mut Vec<u8>) -> Result<(), Unfit> {
    match escape {
        Escape::Text => out.extend_from_slice(text.as_bytes()),
        Escape::Segment if text.is_empty() => return Err(Unfit::Wrong("it is empty".to_owned())),
        Escape::Segment | Escape::Query => percent::encode(text.as_bytes(), percent::is_unreserved, out),
        // The percent sign itself too, so that two values never look the same; the quotes are for CloudEvents.
        Escape::Header => {
            percent::encode(text.as_bytes(), |byte| byte.is_ascii_graphic() && !b"%\"".contains(&byte), out);
        }
        Escape::JsonString => json_text(text, out),
        Escape::JsonValue => {
            out.push(b'"');
            json_text(text, out);
            out.push(b'"');
        }
    }
    Ok(())
}

/// The inside of a JSON string (RFC 8259, 7).
fn json_text(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let mut from = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if *byte >= b' ' && !b"\"\\".contains(byte) {
            continue;
        }
        out.extend_from_slice(&bytes[from..at]);
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            other => out.extend_from_slice(format!("\\u{other:04x}").as_bytes()),
        }
        from = at + 1;
    }
    out.extend_from_slice(&bytes[from..]);
}

/// This many hexadecimal digits for a text. W3C Trace Context has ids of 32 and 16 digits, in lower case and not all zeros. A
/// UUID without its hyphens is such an id of 32 digits, and so is the part after the underscore in `trace_4bf9…`.
fn hex(text: &str, digits: usize) -> String {
    let id = text.rsplit('_').next().unwrap_or(text);
    let bare: Cow<'_, str> = if id.len() == 36 { Cow::Owned(id.replace('-', "")) } else { Cow::Borrowed(id) };
    let is_id = bare.len() == digits && bare.bytes().all(|b| b.is_ascii_hexdigit()) && bare.bytes().any(|b| b != b'0');
    match digits {
        _ if is_id => bare.to_ascii_lowercase(),
        16 => format!("{:016x}", xxh3_64(text.as_bytes()).max(1)),
        _ => format!("{:032x}", xxh3_128(text.as_bytes()).max(1)),
    }
}

/// A value for a message.
fn shown(raw: &[u8]) -> String {
    const LONGEST: usize = 60;
    String::from_utf8_lossy(raw).chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(raw: &str, format: &str, escape: Escape) -> Result<String, Unfit> {
        let format =
            FORMATS.iter().find(|(name, _)| *name == format).map_or(Format::Plain, |(_, format)| format.clone());
        let mut out = Vec::new();
        write(raw.as_bytes(), &format, escape, &mut out).map(|()| String::from_utf8(out).expect("UTF-8"))
    }

    #[test]
    fn a_value_is_escaped_for_where_it_stands() {
        let raw = r#""a \"b\"/\u00e9%""#;
        for (escape, expected) in [
            (Escape::JsonValue, raw),
            (Escape::JsonString, r#"a \"b\"/\u00e9%"#),
            (Escape::Segment, "a%20%22b%22%2F%C3%A9%25"),
            (Escape::Query, "a%20%22b%22%2F%C3%A9%25"),
            (Escape::Header, "a%20%22b%22/%C3%A9%25"),
            (Escape::Text, "a \"b\"/é%"),
        ] {
            assert_eq!(written(raw, "", escape).as_deref(), Ok(expected), "{escape:?}");
        }
        assert_eq!(written("{\"a\":\"b\"}", "string", Escape::JsonValue).as_deref(), Ok(r#""{\"a\":\"b\"}""#));
        assert_eq!(written("17", "string", Escape::JsonValue).as_deref(), Ok("\"17\""));
        assert_eq!(written("{\"a\":1}", "", Escape::JsonString).as_deref(), Ok(r#"{\"a\":1}"#));
        assert_eq!(written("\"\"", "", Escape::Segment), Err(Unfit::Wrong("it is empty".to_owned())));
    }

    #[test]
    fn a_time_in_any_form_is_written_in_the_one_that_is_asked_for() {
        for raw in ["\"2026-01-05T12:00:00.123456Z\"", "1767614400123456", "\"2026-01-05T13:00:00.123456+01:00\""] {
            for (format, expected) in [
                ("epoch_s", "1767614400"),
                ("epoch_s_decimal", "1767614400.123456"),
                ("epoch_ms", "1767614400123"),
                ("epoch_us", "1767614400123456"),
                ("epoch_ns", "1767614400123456000"),
                ("rfc3339", "2026-01-05T12:00:00.123456Z"),
            ] {
                assert_eq!(written(raw, format, Escape::JsonString).as_deref(), Ok(expected), "{raw}");
            }
            assert_eq!(written(raw, "rfc3339", Escape::JsonValue).as_deref(), Ok("\"2026-01-05T12:00:00.123456Z\""));
        }
        let Err(Unfit::Wrong(why)) = written("\"soon\"", "epoch_s", Escape::JsonValue) else { panic!("it is no time") };
        assert!(why.starts_with("\"soon\" is not a time: "), "{why}");
    }

    #[test]
    fn an_id_of_the_right_form_stays_and_another_is_hashed_to_one() {
        assert_eq!(hex("4BF92F3577B34DA6A3CE929D0E0E4736", 32), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(hex("trace_4bf92f3577b34da6a3ce929d0e0e4736", 32), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(hex("4bf92f35-77b3-4da6-a3ce-929d0e0e4736", 32), "4bf92f3577b34da6a3ce929d0e0e4736");
        for (text, digits) in [("evt_1", 16), ("evt_1", 32), ("0000000000000000", 16)] {
            let id = hex(text, digits);
            assert!(
                id.len() == digits && id.bytes().all(|b| b.is_ascii_hexdigit()) && id.bytes().any(|b| b != b'0'),
                "{id}"
            );
            assert_eq!(id, hex(text, digits));
        }
    }

    proptest! {
        #[test]
        fn any_text_in_a_json_string_is_the_same_text_again(text in any::<String>()) {
            let mut out = Vec::new();
            write_text(&text, Escape::JsonValue, &mut out).expect("a text");
            prop_assert_eq!(serde_json::from_slice::<String>(&out).expect("JSON"), text);
        }

        #[test]
        fn any_text_in_a_header_or_a_path_is_visible_ascii(text in any::<String>()) {
            for escape in [Escape::Header, Escape::Query] {
                let mut out = Vec::new();
                write_text(&text, escape, &mut out).expect("a text");
                prop_assert!(out.iter().all(u8::is_ascii_graphic));
            }
        }
    }
}
