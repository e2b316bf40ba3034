//! Checks events against the schema (contracts §9) in one pass over their JSON. It knows neither HTTP nor the database.
//!
//! Only the values of fields that the schema names are kept, so a body takes little more memory than its bytes. The rest may have
//! any form. It is only checked for what cannot be stored: bad JSON, lone surrogates, U+0000.

mod batch;
mod describe;
pub(super) mod fault;
mod read;
mod schema;

use std::borrow::Cow;

use super::store::SearchFields;
use crate::clock::Micros;
pub(super) use batch::Batch;
pub(super) use describe::event_schema;
pub(super) use fault::Fault;
use schema::Keep;
pub(super) use schema::{EVENT_TYPES, SEVERITIES};

/// An event that may be stored.
#[derive(Debug)]
pub(super) struct ValidEvent<'a> {
    /// All of it, as it was sent.
    pub text: &'a str,
    /// Its id, if the client gave one.
    pub event_id: Option<Cow<'a, str>>,
    /// When it happened, if the client gave a timestamp.
    pub timestamp: Option<Micros>,
    /// The fields that a search may filter by.
    pub fields: SearchFields,
    /// `metrics.response_time_ms`, in ms.
    pub response_time_ms: Option<f64>,
}

/// Why an event may not be stored.
#[derive(Debug)]
pub(super) struct Invalid {
    /// Its id, if it could be read.
    pub event_id: Option<String>,
    /// Everything that is wrong with it, in the order of the text.
    pub faults: Vec<Fault>,
}

/// Splits a batch into its events. Each is still to be checked by [`event`].
///
/// # Errors
/// What is wrong with the envelope.
pub(super) fn batch(body: &[u8]) -> Result<Batch<'_>, Vec<Fault>> {
    batch::read(text(body)?)
}

fn text(body: &[u8]) -> Result<&str, Vec<Fault>> {
    let text = simdutf8::compat::from_utf8(body).map_err(|e| {
        vec![Fault::json(e.valid_up_to(), &format!("the byte at offset {} is not UTF-8", e.valid_up_to()))]
    })?;
    if text.trim_ascii().is_empty() { Err(vec![Fault::missing(vec![])]) } else { Ok(text) }
}

/// Checks an event's bytes.
///
/// # Errors
/// Everything that is wrong with them.
pub(super) fn event(body: &[u8], now: Micros) -> Result<ValidEvent<'_>, Invalid> {
    let nameless = |faults| Invalid { event_id: None, faults };
    let text = text(body).map_err(nameless)?;
    let (mut kept, faults) = read::event(text, now).map_err(nameless)?;
    if !faults.is_empty() {
        return Err(Invalid { event_id: kept.take(Keep::EventId).text().map(Cow::into_owned), faults });
    }
    let status_code = kept.take(Keep::StatusCode).integer().and_then(|code| u16::try_from(code).ok());
    let response_time_ms = kept.take(Keep::ResponseTime).number();
    let timestamp = kept.take(Keep::Timestamp).moment().ok();
    let event_id = kept.take(Keep::EventId).text();
    let mut owned = |keep| kept.take(keep).text().map(Cow::into_owned);
    let fields = SearchFields {
        event_type: owned(Keep::EventType),
        severity: owned(Keep::Severity).or_else(|| Some("info".to_owned())),
        service: owned(Keep::Service),
        endpoint: owned(Keep::Endpoint),
        status_code,
        user_id: owned(Keep::UserId),
        country: owned(Keep::Country),
        region: owned(Keep::Region),
        city: owned(Keep::City),
        device: owned(Keep::Device),
    };
    Ok(ValidEvent { text, event_id, timestamp, fields, response_time_ms })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const NOW: Micros = 1_767_603_600_000_000; // 2026-01-05T09:00:00Z

    fn good() -> Value {
        json!({
            "event_id": "evt_1", "event_type": "api_call", "timestamp": "2026-01-05T08:59:00Z", "title": "GET /",
            "source": {"service": "user-service", "endpoint": "/", "method": "GET"},
            "metrics": {"response_time_ms": 1.5, "status_code": 200},
            "error_details": {"error_type": "none"},
            "context": {"user_id": null, "tags": {"country": "US", "city": "New York", "region": "NA"}},
        })
    }

    fn with(path: &str, value: Value) -> String {
        let mut event = good();
        let (parent, key) = path.rsplit_once('/').expect("the path is a pointer");
        event.pointer_mut(parent).expect("the parent is there")[key] = value;
        event.to_string()
    }

    /// Where the faults of a body are, and their types.
    fn faults(body: &[u8]) -> Vec<(String, &'static str)> {
        match event(body, NOW) {
            Ok(_) => Vec::new(),
            Err(Invalid { faults, .. }) => faults.iter().map(|fault| (fault.path(), fault.kind)).collect(),
        }
    }

    #[track_caller]
    fn refuses(path: &str, value: Value, kind: &'static str) {
        assert_eq!(faults(with(path, value).as_bytes()), [(path[1..].replace('/', "."), kind)]);
    }

    #[track_caller]
    fn takes(path: &str, value: Value) {
        assert_eq!(faults(with(path, value).as_bytes()), []);
    }

    #[test]
    fn the_fields_of_a_search_are_read() {
        let body = good().to_string();
        let event = event(body.as_bytes(), NOW).expect("the event is good");
        assert_eq!(event.event_id.as_deref(), Some("evt_1"));
        assert_eq!(event.timestamp, Some(NOW - 60_000_000));
        assert_eq!(event.fields.severity.as_deref(), Some("info"));
        assert_eq!(event.fields.status_code, Some(200));
        assert_eq!(event.fields.city.as_deref(), Some("New York"));
        assert_eq!(event.fields.user_id, None);
    }

    #[test]
    fn each_limit_of_the_contract_holds_at_its_edge() {
        let text = |n: usize| json!("é".repeat(n));
        for (path, max) in [
            ("/event_id", 100),
            ("/title", 200),
            ("/message", 2000),
            ("/source/service", 100),
            ("/source/endpoint", 500),
            ("/source/method", 10),
            ("/source/version", 20),
            ("/source/environment", 50),
            ("/context/user_agent", 500),
            ("/error_details/error_code", 100),
            ("/error_details/error_message", 1000),
        ] {
            takes(path, text(max));
            refuses(path, text(max + 1), "string_too_long");
        }
        for path in ["/event_id", "/title", "/source/service", "/source/endpoint", "/source/method"] {
            refuses(path, json!(""), "string_too_short");
        }
        takes("/metrics/status_code", json!(100));
        takes("/metrics/status_code", json!(599));
        takes("/metrics/status_code", json!(200.0));
        refuses("/metrics/status_code", json!(99), "greater_than_equal");
        refuses("/metrics/status_code", json!(600), "less_than_equal");
        takes("/metrics/status_code", json!("200"));
        refuses("/metrics/status_code", json!("600"), "less_than_equal");
        refuses("/metrics/status_code", json!("OK"), "int_type");
        refuses("/metrics/status_code", json!(200.5), "int_type");
        takes("/metrics/response_time_ms", json!(0));
        refuses("/metrics/response_time_ms", json!(-0.01), "greater_than_equal");
        refuses("/event_type", json!("apicall"), "enum");
        refuses("/severity", json!("fatal"), "enum");
        refuses("/context/tags/colour", json!(7), "string_type");
        takes("/context/tags/colour", json!("red"));
        takes("/timestamp", json!("2026-01-05T09:05:00Z"));
        refuses("/timestamp", json!("2026-01-05T09:05:00.000001Z"), "value_error");
        refuses("/timestamp", json!("yesterday"), "datetime_parsing");
        for time in ["2026-01-05 09:00:00+0000", "05/Jan/2026:09:00:00 +0000", "1767603600", "20260105090000"] {
            takes("/timestamp", json!(time));
        }
        takes("/timestamp", json!(1_767_603_600));
        takes("/timestamp", json!(1_767_603_600.123_456));
        refuses("/timestamp", json!(1_767_603_900.000_001), "value_error");
        refuses("/timestamp", json!(0), "datetime_parsing");
        refuses("/timestamp", json!(true), "datetime_type");
        takes("/metrics/response_time_ms", json!("1.5"));
        refuses("/metrics/response_time_ms", json!("-1.5"), "greater_than_equal");
        refuses("/metrics/response_time_ms", json!("soon"), "float_type");
    }

    #[test]
    fn missing_and_null_fields_are_named() {
        let mut event = good();
        for field in ["event_type", "title"] {
            event.as_object_mut().expect("an object").remove(field);
        }
        event["source"].as_object_mut().expect("an object").remove("service");
        assert_eq!(
            faults(event.to_string().as_bytes()),
            [("source.service", "missing"), ("event_type", "missing"), ("title", "missing")]
                .map(|(place, kind)| (place.to_owned(), kind))
        );
        for member in ["response_time_ms", "status_code"] {
            let mut event = good();
            event["metrics"].as_object_mut().expect("an object").remove(member);
            assert_eq!(faults(event.to_string().as_bytes()), [(format!("metrics.{member}"), "missing")]);
        }
        refuses("/source", Value::Null, "dict_type");
        refuses("/event_id", Value::Null, "string_type");
        takes("/metrics", Value::Null);
        takes("/message", Value::Null);
    }

    #[test]
    fn hostile_bodies_are_refused_with_a_message() {
        let deep = format!(r#"{{"payload":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        for (body, kind) in [
            (&b""[..], "missing"),
            (b"  \n", "missing"),
            (b"{", "json_invalid"),
            (b"{}}", "json_invalid"),
            (b"{\"a\":NaN}", "json_invalid"),
            (b"{\"a\":1,}", "json_invalid"),
            (b"\xef\xbb\xbf{}", "json_invalid"),
            (b"{\"a\":\"\xff\"}", "json_invalid"),
            (b"{\"a\":\"\x00\"}", "json_invalid"),
            (br#"{"a":"\ud800"}"#, "json_invalid"),
            (br#"{"payload":{"a":["\udc00x"]}}"#, "json_invalid"),
            (deep.as_bytes(), "json_invalid"),
            (b"[]", "dict_type"),
            (b"7", "dict_type"),
            (b"null", "dict_type"),
            (b"\"text\"", "dict_type"),
        ] {
            let found = faults(body);
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(found[0].1, kind, "{}", String::from_utf8_lossy(&body[..body.len().min(80)]));
        }
    }

    #[test]
    fn u_0000_is_refused_wherever_it_occurs() {
        refuses("/title", json!("a\0b"), "value_error");
        refuses("/context/tags/colour", json!("\0"), "value_error");
        let nested = with("/payload", json!({"a": [{"b": "\0"}]}));
        assert_eq!(faults(nested.as_bytes()), [("payload".to_owned(), "value_error")]);
        let key = with("/payload", json!({"\0": 1}));
        assert_eq!(faults(key.as_bytes()), [("payload".to_owned(), "value_error")]);
        takes("/title", json!("\\u0000"));
    }

    #[test]
    fn a_known_field_that_occurs_twice_is_refused_because_either_could_be_meant() {
        let twice = good().to_string().replacen('{', r#"{"event_id":"evt_2","#, 1);
        assert_eq!(faults(twice.as_bytes()), [("event_id".to_owned(), "duplicate_key")]);
        let free = with("/payload", json!({"x": 1})).replace(r#"{"x":1}"#, r#"{"x":1,"x":2}"#);
        assert_eq!(faults(free.as_bytes()), []);
    }

    #[test]
    fn numbers_of_any_length_and_fields_of_any_name_are_accepted() {
        takes("/payload", json!({"big": 1}));
        let big = with("/payload", json!({"big": 1})).replace(":1}", ":123456789012345678901234567890}");
        assert_eq!(faults(big.as_bytes()), []);
        takes("/metadata", json!({"faults": ["spike"]}));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(cut in 0usize..400, bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..8)) {
            let mut body = good().to_string().into_bytes();
            let at = cut.min(body.len());
            body.splice(at..(at + bytes.len()).min(body.len()), bytes);
            let _ = event(&body, NOW);
        }
    }
}
