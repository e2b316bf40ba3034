//! Templates, built once, for each kind of event and each extra payload.

use crate::pgen::kind::RequestKind;
use crate::pgen::line::{Piece, Pieces};
use crate::world::profile::{ExtraField, Payload, Profile};
use crate::world::value::Range;

/// Fraction bits of fixed-point factors.
pub(super) const FRACTION: u32 = 16;

/// What all events of a kind share.
#[derive(Debug, Clone, Copy)]
pub(super) struct KindPieces {
    /// The parts of the title before each id in its path, in `Renderer::titles`: start and count.
    pub(super) titles: (u32, u16),
    /// From the title, or the last id in it, to the environment.
    pub(super) source: Piece,
    /// From the status to the request's size.
    pub(super) status: Piece,
    pub(super) cache_hit: bool,
    pub(super) request: Span,
    pub(super) response: Span,
    /// Index into `Renderer::latencies`.
    pub(super) latency: u16,
    /// The status's factor on the response time, in fixed point.
    pub(super) slowdown: u64,
    /// Its error messages, in `Renderer::errors`: start and count.
    pub(super) errors: (u32, u16),
    /// Its extra payloads, in `Renderer::payload_of`: start and count.
    pub(super) payloads: (u32, u16),
}

/// A range of numbers, as a start and a width.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) low: u32,
    pub(super) width: u32,
}

impl Span {
    pub(super) fn of(range: Range) -> Self {
        Self { low: range.low, width: range.high - range.low + 1 }
    }

    /// The number for 32 random bits.
    #[inline]
    pub(super) fn pick(self, draw: u32) -> u64 {
        u64::from(self.low) + ((u64::from(draw) * u64::from(self.width)) >> 32)
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct ErrorPieces {
    /// Up to the last three digits of the error code.
    pub(super) code: Piece,
    pub(super) message: Piece,
}

#[derive(Debug)]
pub(super) struct PayloadPieces {
    /// An event has the fields if its draw is below this; `None` means always.
    pub(super) threshold: Option<u64>,
    pub(super) fields: Vec<FieldPieces>,
}

#[derive(Debug)]
pub(super) struct FieldPieces {
    /// `,"name":`
    pub(super) name: Piece,
    pub(super) value: Value,
}

#[derive(Debug)]
pub(super) enum Value {
    OneOf(Vec<Piece>),
    Integer(Span),
    /// In hundredths.
    Decimal(Span),
}

impl KindPieces {
    pub(super) fn of(
        kind: &RequestKind<'_>,
        profile: &Profile,
        pieces: &mut Pieces,
        titles: &mut Vec<Piece>,
        errors: &mut Vec<ErrorPieces>,
        payload_of: &mut Vec<u16>,
    ) -> Self {
        let (service, route, method) = (&*kind.service.name, &*kind.endpoint.route, &*kind.method.name);
        let code = *kind.status.code.get_ref();
        let words = match code {
            ..400 => &profile.event.success,
            400..500 => &profile.event.client_error,
            _ => &profile.event.server_error,
        };
        let severity = match code {
            ..300 => "info",
            300..500 => "warning",
            _ => "error",
        };
        let rest = format!(
            r#","message":{},"severity":"{severity}","source":{{"service":{},"endpoint":{},"method":{},"version":{},"environment":"#,
            json(&words.replace("{service}", service).replace("{endpoint}", route)),
            json(service),
            json(route),
            json(method),
            json(&kind.service.version)
        );
        // Ids come between the literals, so each is JSON without its quotes.
        let literals: Vec<String> =
            kind.endpoint.literals().into_iter().map(|l| unquoted(&json(l)).to_owned()).collect();
        let (first_title, mut text) = (titles.len(), format!(r#"Z","title":"{} "#, unquoted(&json(method))));
        for (nth, literal) in literals.iter().enumerate() {
            if nth > 0 {
                titles.push(pieces.add(&text));
                text.clear();
            }
            text.push_str(literal);
        }
        let source = format!("{text}\"{rest}");
        let from = errors.len();
        if kind.status.is_error() {
            let kind_of = kind.status.error_type.as_deref().unwrap_or_default();
            for message in kind.status.messages.iter().filter(|m| m.fits(service, method)) {
                errors.push(ErrorPieces {
                    code: pieces.add(&format!(r#","error_details":{{"error_code":"ERR_{code}_"#)),
                    message: pieces.add(&format!(
                        r#"","error_message":{},"error_type":{}}}"#,
                        json(&message.text),
                        json(kind_of)
                    )),
                });
            }
        }
        let response = if kind.status.empty {
            Range { low: 0, high: 0 }
        } else if kind.status.is_error() {
            profile.event.error_response_bytes
        } else {
            kind.method.response_bytes
        };
        // At most 100,000, so 33 bits are enough.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let slowdown = (kind.status.latency.get() * f64::from(1 << FRACTION)).round() as u64;
        let first_payload = payload_of.len();
        for (index, payload) in (0u16..).zip(&profile.payloads) {
            if payload.goes_with(service, route) {
                payload_of.push(index);
            }
        }
        let small = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
        let part = |from: usize, to: usize| (u32::try_from(from).unwrap_or(u32::MAX), small(to - from));
        Self {
            titles: part(first_title, titles.len()),
            source: pieces.add(&source),
            status: pieces.add(&format!(r#","status_code":{code},"request_size_bytes":"#)),
            cache_hit: kind.cache_hit,
            request: Span::of(kind.method.request_bytes),
            response: Span::of(response),
            latency: small(kind.service_index),
            slowdown,
            errors: part(from, errors.len()),
            payloads: part(first_payload, payload_of.len()),
        }
    }
}

impl PayloadPieces {
    pub(super) fn of(payload: &Payload, pieces: &mut Pieces) -> Self {
        let mut value = |field: &ExtraField| match (&field.one_of, field.integer, field.decimal) {
            (Some(words), _, _) => Value::OneOf(words.iter().map(|word| pieces.add(&json(word))).collect()),
            (_, Some(range), _) => Value::Integer(Span::of(range)),
            // At most 100,000 times 100.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            (_, _, Some(interval)) => Value::Decimal(Span::of(Range {
                low: (interval.low * 100.0).round() as u32,
                high: (interval.high * 100.0).round() as u32,
            })),
            (None, None, None) => unreachable!("Profile::parse refuses a field without a value"),
        };
        let values: Vec<Value> = payload.fields.iter().map(&mut value).collect();
        let names = payload.fields.iter().map(|field| pieces.add(&format!(",{}:", json(&field.name))));
        let fields = names.zip(values).map(|(name, value)| FieldPieces { name, value }).collect();
        Self { threshold: threshold(payload.share.get()), fields }
    }

    pub(super) fn longest(&self) -> usize {
        let value = |value: &Value| match value {
            Value::OneOf(words) => words.iter().map(|word| word.len()).max().unwrap_or(0),
            Value::Integer(_) | Value::Decimal(_) => 20,
        };
        self.fields.iter().map(|field| field.name.len() + value(&field.value)).sum()
    }
}

/// A string as JSON.
pub(super) fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A JSON string without the quotes at its ends.
fn unquoted(json: &str) -> &str {
    &json[1..json.len() - 1]
}

/// The threshold for a 64-bit draw, which is below it with this probability; `None` means always.
pub(super) fn threshold(probability: f64) -> Option<u64> {
    // Times 2^64: exact in the 53 bits of a fraction.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    (probability < 1.0).then_some((probability * 18_446_744_073_709_551_616.0) as u64)
}
