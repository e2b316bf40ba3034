//! Builds requests and reads their answers, depending on the job of the run: send one event, send a batch, ask for one event.

use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::header::HeaderValue;
use hyper::http::uri::InvalidUri;
use hyper::{Method, Uri};

use super::config::{IdHeader, Job, Plan};
use super::delivery::Delivery;
use super::dialect::Reading;
use super::intake::Event;
use super::meaning::Meaning;
use super::transport::{Reply, Request};
use super::verify;
use crate::clock::Micros;
use crate::jsonl::value;

/// The longest header that is made from an id, in bytes. Common servers accept 8 KiB.
const LONGEST_HEADER: usize = 8 << 10;

/// The body of a request with only this event: the bytes of its line, compressed if `--gzip` is given. A batch is assembled when it is
/// sent.
pub fn body(plan: &Plan, event: &Event) -> Bytes {
    match plan.job {
        Job::Send if plan.gzip => gzip(&[&event.line]),
        Job::Send | Job::Batch(_) => event.line.clone(),
        Job::Verify(_) => Bytes::new(),
    }
}

/// The request for these events. There is more than one only in a batch.
pub fn request(plan: &Plan, group: &[Delivery]) -> Request {
    let first = &group[0];
    let mut headers = Arc::clone(&plan.headers);
    for IdHeader { name, before, after } in id_headers(plan) {
        let value = HeaderValue::from_str(&format!("{before}{}{after}", header_id(&first.event)));
        Arc::make_mut(&mut headers).insert(name.clone(), value.expect("the text around the id was checked"));
    }
    let (method, uri, body) = match &plan.job {
        Job::Send => (plan.method.clone(), plan.uri.clone(), first.body.clone()),
        Job::Batch(batch) => {
            let mut parts: Vec<&[u8]> = Vec::with_capacity(group.len() * 2 + 1);
            parts.push(batch.form.before.as_bytes());
            for delivery in group {
                parts.extend([&*delivery.event.line, b","]);
            }
            parts.pop();
            parts.push(batch.form.after.as_bytes());
            let body = if plan.gzip { gzip(&parts) } else { parts.concat().into() };
            (plan.method.clone(), batch.uri.clone(), body)
        }
        Job::Verify(path) => (
            Method::GET,
            event_uri(path, &first.event).expect("events without a path are rejected before"),
            Bytes::new(),
        ),
    };
    Request { method, uri, headers, body }
}

/// Reads an answer, for the one event or for the batch as a whole.
pub fn read(plan: &Plan, reply: &Reply, event: &Event, now: Micros) -> Reading {
    if let Some(why) = reply.body.unread()
        && plan.dialect.reads_bodies(reply.status, plan.job.is_verify())
    {
        let complaint = Some(plan.secrets.blank(format!("HTTP {}: {why}", reply.status)));
        return Reading { meaning: Meaning::NoAnswer, by_rule: false, wait: None, complaint };
    }
    match &plan.job {
        Job::Send | Job::Batch(_) => plan.dialect.read(reply.status, &reply.body, now, &plan.secrets),
        Job::Verify(_) => verify::read(plan, reply, event, now),
    }
}

/// The headers that are made from the event's id. A batch has many events, so it is sent without them.
fn id_headers(plan: &Plan) -> &[IdHeader] {
    if matches!(plan.job, Job::Batch(_)) { &[] } else { &plan.id_headers }
}

/// Why no request can be made for this event, if none can. A header or the path may need its id.
pub fn obstacle(plan: &Plan, event: &Event) -> Option<String> {
    let field = &plan.id_field;
    for IdHeader { name, before, after } in id_headers(plan) {
        if event.id().is_none() {
            return Some(format!("no id in '{field}' for the header {name}"));
        }
        let length = before.len() + header_id(event).len() + after.len();
        if length > LONGEST_HEADER {
            return Some(format!(
                "the id in '{field}' makes the header {name} {length} bytes long; the limit is {LONGEST_HEADER}"
            ));
        }
    }
    let Job::Verify(path) = &plan.job else { return None };
    if event.id().is_none() {
        return Some(format!("no id in '{field}' to ask the server for"));
    }
    event_uri(path, event).err().map(|why| format!("the id in '{field}' does not make a valid path: {why}"))
}

/// The path of an event. Characters that are not allowed in a path become %XX (RFC 3986, 2.3).
///
/// # Errors
/// If the path would not name an event, or is too long.
pub fn event_uri(path: &str, event: &Event) -> Result<Uri, String> {
    let id = id(event);
    if id.is_empty() {
        return Err("it is empty".to_owned());
    }
    let encoded = encoded(&id, |byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
    let path = path.replace("{event_id}", &encoded).replace("{id}", &encoded);
    path.parse().map_err(|e: InvalidUri| e.to_string())
}

/// The id in a header. What is not visible ASCII becomes %XX, and so does `%`, so different ids never look the same.
fn header_id(event: &Event) -> String {
    encoded(&id(event), |byte| byte.is_ascii_graphic() && byte != b'%')
}

fn encoded(text: &str, plain: impl Fn(u8) -> bool) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if plain(byte) {
            encoded.push(byte.into());
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

fn id(event: &Event) -> String {
    event.id().map(|raw| value::label(raw).into_owned()).unwrap_or_default()
}

fn gzip(parts: &[&[u8]]) -> Bytes {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    let done = parts.iter().try_for_each(|part| gzip.write_all(part)).and_then(|()| gzip.finish());
    done.expect("writing to memory does not fail").into()
}
